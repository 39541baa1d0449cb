//! From a query to what is looked up: field names become fields of the schema, and words get their stems.

use super::query::{Node, Place, Range, Tag};
use super::schema::{ALL_TEXT_FIELDS, Definition, TextFields};
use super::tokenize;

/// A query on one index.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The TEXT fields that its words may stand in.
    pub fields: TextFields,
    /// What it asks for.
    pub kind: Kind,
}

/// What a [`Plan`] asks for.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// Every document.
    All,
    /// A term, as the index holds it.
    Term(Term),
    /// The query's own node: [`Node::Affix`].
    Affix(Vec<u8>, Place),
    /// [`Node::Fuzzy`]
    Fuzzy(Vec<u8>, usize),
    /// [`Node::Phrase`]
    Phrase(Vec<Vec<u8>>),
    /// [`Node::And`]
    And(Vec<Plan>),
    /// [`Node::Or`], or a word with its stems.
    Or(Vec<Plan>),
    /// [`Node::Not`]
    Not(Box<Plan>),
    /// [`Node::Optional`]
    Optional(Box<Plan>),
    /// [`Node::Tags`], of the field at this place of the schema.
    Tags(usize, Vec<Tag>),
    /// [`Node::Range`], of the field at this place of the schema.
    Range(usize, Range),
}

/// A term, or the stem of one.
#[derive(Clone, Debug)]
pub(crate) struct Term {
    /// In lower case.
    pub text: Vec<u8>,
    /// True for a stem, which the index holds apart from words.
    pub is_stem: bool,
    /// True where the query does not name it.
    pub is_expanded: bool,
}

/// Makes the plan of a query. Stems are left out where `verbatim`.
///
/// `None` finds nothing. As in RediSearch, a filter of tags or numbers on a field that the schema does not have is as
/// if it were not there.
pub(crate) fn plan(query: &Node, definition: &Definition, verbatim: bool) -> Option<Plan> {
    Planner { definition, verbatim }.plan(query, ALL_TEXT_FIELDS)
}

struct Planner<'a> {
    definition: &'a Definition,
    verbatim: bool,
}

impl Planner<'_> {
    fn plan(&self, node: &Node, fields: TextFields) -> Option<Plan> {
        let kind = match node {
            Node::All => Kind::All,
            Node::Term(text) => return Some(self.term(text, fields)),
            Node::Affix(text, place) => Kind::Affix(text.clone(), *place),
            Node::Fuzzy(text, edits) => Kind::Fuzzy(text.clone(), *edits),
            Node::Phrase(terms) => match &terms[..] {
                [term] => word(term, false, false),
                _ => Kind::Phrase(terms.clone()),
            },
            Node::And(nodes) => match self.plan_all(nodes, fields) {
                Err(single) => return single,
                Ok(plans) => Kind::And(plans),
            },
            Node::Or(nodes) => match self.plan_all(nodes, fields) {
                Err(single) => return single,
                Ok(plans) => Kind::Or(plans),
            },
            Node::Not(inner) => Kind::Not(Box::new(self.plan(inner, fields)?)),
            Node::Optional(inner) => Kind::Optional(Box::new(self.plan(inner, fields)?)),
            Node::Fields(names, inner) => {
                let named = names.iter().fold(0, |set, name| set | self.definition.text_field(name));
                return self.plan(inner, fields & named);
            }
            Node::Tags(name, tags) => Kind::Tags(self.definition.field(name)?.0, tags.clone()),
            Node::Range(name, range) => Kind::Range(self.definition.field(name)?.0, *range),
        };
        Some(Plan { fields, kind })
    }

    /// The plans of those nodes that have one; what there is, where that is one or none.
    fn plan_all(&self, nodes: &[Node], fields: TextFields) -> Result<Vec<Plan>, Option<Plan>> {
        let mut plans: Vec<Plan> = nodes.iter().filter_map(|node| self.plan(node, fields)).collect();
        if plans.len() > 1 { Ok(plans) } else { Err(plans.pop()) }
    }

    /// The term, or the stem of its own kind, or the stem as a word.
    fn term(&self, text: &[u8], fields: TextFields) -> Plan {
        let own = Plan { fields, kind: word(text, false, false) };
        let stemming = fields & self.definition.stemming_fields();
        let Some(stem) = tokenize::stem(text).filter(|_| !self.verbatim && stemming != 0) else { return own };
        // Where every field stems, the stems may stand wherever the word may.
        let stemming = if self.definition.text_fields().all(|(bit, _)| fields & !stemming & 1 << bit == 0) {
            fields
        } else {
            stemming
        };
        let mut alternatives = vec![own, Plan { fields: stemming, kind: word(&stem, true, true) }];
        if stem != text {
            alternatives.push(Plan { fields: stemming, kind: word(&stem, false, true) });
        }
        Plan { fields, kind: Kind::Or(alternatives) }
    }
}

fn word(text: &[u8], is_stem: bool, is_expanded: bool) -> Kind {
    Kind::Term(Term { text: text.to_vec(), is_stem, is_expanded })
}
