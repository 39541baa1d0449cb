//! Which documents a plan finds: every part finds its own, in the order of their ids, and the parts are joined.

use std::collections::BTreeMap;

use super::document::{index_key, is_word};
use super::plan::{Kind, Plan, Term};
use super::query::{Bound, Place, Range, Tag};
use super::schema::{FieldKind, TextFields};
use super::score;
use super::tokenize;
use crate::failure::Failure;
use crate::store::{Index, Occurrence, Store};

/// The shortest part of a word that is looked up, in bytes: RediSearch's MINPREFIX.
const AFFIX_BYTES_MIN: usize = 2;

/// The longest word that can be near another, in letters: RediSearch's dictionary holds no longer ones.
const FUZZY_LETTERS_MAX: usize = 255;

/// A document that was found.
#[derive(Clone, Debug)]
pub(super) struct Hit {
    /// The document's id.
    pub document: i64,
    /// How well it fits, before it is seen how often the document repeats its words.
    pub score: f64,
    /// How far the words stand apart.
    pub slop: f64,
    /// Where in the document the words stand, rising.
    positions: Vec<u32>,
}

impl Hit {
    fn plain(document: i64, score: f64) -> Self {
        Self { document, score, slop: 1.0, positions: Vec::new() }
    }
}

/// What was found, in the order of the documents.
type Hits = Result<Vec<Hit>, Failure>;

/// The documents that `plan` finds, rising; words count in the fields of `within` alone.
pub(super) fn evaluate(store: &Store, index: &Index, plan: &Plan, within: TextFields) -> Hits {
    Evaluator { store, index, within }.hits(plan)
}

struct Evaluator<'a> {
    store: &'a Store,
    index: &'a Index,
    within: TextFields,
}

impl Evaluator<'_> {
    fn hits(&self, plan: &Plan) -> Hits {
        let fields = plan.fields & self.within;
        match &plan.kind {
            Kind::All => self.all(1.0),
            Kind::Term(Term { text, is_stem, .. }) => self.term(&index_key(text, *is_stem), fields),
            Kind::Affix(part, place) => self.affix(part, *place, fields),
            Kind::Fuzzy(word, edits) => self.fuzzy(word, *edits, fields),
            Kind::Phrase(terms) => self.phrase(terms, fields),
            Kind::And(plans) => self.and(plans),
            Kind::Or(plans) => {
                let parts: Vec<Vec<Hit>> = plans.iter().map(|plan| self.hits(plan)).collect::<Result<_, _>>()?;
                Ok(unite(parts))
            }
            Kind::Not(inner) => Ok(without(self.all(0.0)?, &self.hits(inner)?)),
            Kind::Optional(inner) => Ok(with_optional(self.all(0.0)?, self.hits(inner)?)),
            Kind::Tags(at, tags) => self.tags(*at, tags),
            Kind::Range(at, range) => self.range(*at, range),
        }
    }

    fn all(&self, score: f64) -> Hits {
        let documents = self.store.index_documents(self.index)?;
        Ok(documents.into_iter().map(|document| Hit::plain(document, score)).collect())
    }

    fn count_all(&self) -> Result<usize, Failure> {
        Ok(usize::try_from(self.store.count_documents(self.index)?).unwrap_or(0))
    }

    /// The documents with the term that has this key, in one of `fields`.
    fn term(&self, key: &[u8], fields: TextFields) -> Hits {
        let occurrences = self.store.occurrences(self.index, key)?;
        let having = occurrences.chunk_by(|left, right| left.document == right.document).count();
        let each = score::inverse_document_frequency(self.count_all()?, having);
        let mut hits: Vec<Hit> = Vec::new();
        for Occurrence { document, field, posting } in occurrences {
            if fields >> field & 1 == 0 {
                continue;
            }
            let score = f64::from(posting.frequency) * each;
            match hits.last_mut() {
                // Fields come in the order of their positions.
                Some(last) if last.document == document => {
                    last.score += score;
                    last.positions.extend(posting.positions);
                }
                _ => hits.push(Hit { score, positions: posting.positions, ..Hit::plain(document, 0.0) }),
            }
        }
        Ok(hits)
    }

    /// The documents with one of these terms. As in RediSearch the first one that a document has counts.
    fn first_of_terms(&self, terms: impl Iterator<Item = Vec<u8>>, fields: TextFields) -> Hits {
        let mut found = BTreeMap::new();
        for term in terms {
            for hit in self.term(&term, fields)? {
                found.entry(hit.document).or_insert(hit);
            }
        }
        Ok(found.into_values().collect())
    }

    fn affix(&self, part: &[u8], place: Place, fields: TextFields) -> Hits {
        if part.len() < AFFIX_BYTES_MIN {
            return Ok(Vec::new());
        }
        let start = if place == Place::Start { part } else { b"" };
        let terms = self.store.index_terms(self.index, start)?.into_iter();
        self.first_of_terms(terms.filter(|term| is_word(term) && place.holds(term, part)), fields)
    }

    fn fuzzy(&self, word: &[u8], edits: usize, fields: TextFields) -> Hits {
        let terms = self.store.index_terms(self.index, b"")?.into_iter();
        let word = letters(word);
        self.first_of_terms(terms.filter(|term| is_word(term) && is_within(&word, &letters(term), edits)), fields)
    }

    /// The documents that have the terms one behind the other.
    fn phrase(&self, terms: &[Vec<u8>], fields: TextFields) -> Hits {
        let parts: Vec<Vec<Hit>> = terms.iter().map(|term| self.term(term, fields)).collect::<Result<_, _>>()?;
        let mut hits = Vec::new();
        for same in intersect(parts) {
            let Some((first, others)) = same.split_first() else { continue };
            let follows = |start: u32| {
                let mut places = (start + 1..).zip(others);
                places.all(|(place, hit)| hit.positions.binary_search(&place).is_ok())
            };
            let positions: Vec<u32> = first.positions.iter().copied().filter(|&start| follows(start)).collect();
            if !positions.is_empty() {
                hits.push(Hit { positions, ..join(&same) });
            }
        }
        Ok(hits)
    }

    /// What all parts find; those that must not be there are taken away, and those that may be there only add.
    fn and(&self, plans: &[Plan]) -> Hits {
        let is_required = |plan: &&Plan| !matches!(plan.kind, Kind::Not(_) | Kind::Optional(_));
        let mut parts = Vec::new();
        for plan in plans.iter().filter(is_required) {
            let hits = self.hits(plan)?;
            if hits.is_empty() {
                return Ok(hits);
            }
            parts.push(hits);
        }
        let mut hits =
            if parts.is_empty() { self.all(0.0)? } else { intersect(parts).iter().map(|same| join(same)).collect() };
        for plan in plans {
            hits = match &plan.kind {
                Kind::Not(inner) => without(hits, &self.hits(inner)?),
                Kind::Optional(inner) => with_optional(hits, self.hits(inner)?),
                _ => hits,
            };
        }
        Ok(hits)
    }

    fn tags(&self, at: usize, tags: &[Tag]) -> Hits {
        let case_sensitive = match self.index.definition.fields.get(at) {
            Some(field) if field.indexed => match field.kind {
                FieldKind::Tag { case_sensitive, .. } => case_sensitive,
                FieldKind::Text { .. } | FieldKind::Numeric => return Ok(Vec::new()),
            },
            _ => return Ok(Vec::new()),
        };
        let cased = |text: &[u8]| if case_sensitive { text.to_vec() } else { tokenize::normalize(text) };
        let mut parts = Vec::new();
        for tag in tags {
            let values = match tag {
                Tag::Whole(text) => vec![cased(text)],
                Tag::Affix(text, _) if text.len() < AFFIX_BYTES_MIN => Vec::new(),
                Tag::Affix(text, place) => {
                    let part = cased(text);
                    let start = if *place == Place::Start { &part[..] } else { b"" };
                    let mut values = self.store.index_tags(self.index, at, start)?;
                    values.retain(|value| place.holds(value, &part));
                    values
                }
            };
            for value in values {
                let documents = self.store.documents_tagged(self.index, at, &value)?;
                let each = score::inverse_document_frequency(self.count_all()?, documents.len());
                parts.push(documents.into_iter().map(|document| Hit::plain(document, each)).collect());
            }
        }
        Ok(unite(parts))
    }

    fn range(&self, at: usize, Range { low, high }: &Range) -> Hits {
        match self.index.definition.fields.get(at) {
            Some(field) if field.indexed && field.kind == FieldKind::Numeric => {}
            _ => return Ok(Vec::new()),
        }
        let found = self.store.documents_numbered(self.index, at, low.value, high.value)?;
        let is_left_out = |bound: &Bound, number: f64| !bound.included && bound.value == number;
        let within = |(_, number): &(i64, f64)| !is_left_out(low, *number) && !is_left_out(high, *number);
        Ok(found.into_iter().filter(within).map(|(document, _)| Hit::plain(document, 1.0)).collect())
    }
}

/// What every part has, a document at a time with its hit of each part.
fn intersect(parts: Vec<Vec<Hit>>) -> Vec<Vec<Hit>> {
    let mut parts = parts.into_iter();
    let Some(first) = parts.next() else { return Vec::new() };
    let mut joined: Vec<Vec<Hit>> = first.into_iter().map(|hit| vec![hit]).collect();
    for part in parts {
        let mut others = part.into_iter().peekable();
        joined.retain_mut(|same| {
            let document = same[0].document;
            while others.next_if(|other| other.document < document).is_some() {}
            others.next_if(|other| other.document == document).is_some_and(|other| {
                same.push(other);
                true
            })
        });
    }
    joined
}

/// What any part has.
fn unite(parts: Vec<Vec<Hit>>) -> Vec<Hit> {
    let mut found: BTreeMap<i64, Vec<Hit>> = BTreeMap::new();
    for hit in parts.into_iter().flatten() {
        found.entry(hit.document).or_default().push(hit);
    }
    found.values().map(|same| join(same)).collect()
}

/// One hit of several on the same document, of which there is at least one.
fn join(same: &[Hit]) -> Hit {
    if let [only] = same {
        return only.clone();
    }
    let places: Vec<&[u32]> = same.iter().map(|hit| &hit.positions[..]).collect();
    let slop = score::slop(&places);
    let mut positions = places.concat();
    positions.sort_unstable();
    Hit { document: same[0].document, score: same.iter().map(|hit| hit.score).sum(), slop, positions }
}

/// Those of `hits` whose documents are not among `others`.
fn without(mut hits: Vec<Hit>, others: &[Hit]) -> Vec<Hit> {
    hits.retain(|hit| others.binary_search_by_key(&hit.document, |other| other.document).is_err());
    hits
}

/// `hits`, which count more where their documents are among `others`.
fn with_optional(mut hits: Vec<Hit>, others: Vec<Hit>) -> Vec<Hit> {
    for hit in &mut hits {
        if let Ok(at) = others.binary_search_by_key(&hit.document, |other| other.document) {
            *hit = join(&[hit.clone(), others[at].clone()]);
        }
    }
    hits
}

/// The letters of a word; of one that is no text, its bytes.
fn letters(word: &[u8]) -> Vec<u32> {
    match std::str::from_utf8(word) {
        Ok(text) => text.chars().map(u32::from).collect(),
        Err(_) => word.iter().copied().map(u32::from).collect(),
    }
}

/// True where at most `edits` letters must be put in, taken away or exchanged to make one word the other. Only the
/// cells of the distance matrix near its diagonal are worked out.
fn is_within(left: &[u32], right: &[u32], edits: usize) -> bool {
    if left.len().abs_diff(right.len()) > edits || left.len().max(right.len()) > FUZZY_LETTERS_MAX {
        return false;
    }
    let far = edits + 1;
    let mut above: Vec<usize> = (0..=right.len()).map(|column| column.min(far)).collect();
    let mut row = vec![far; right.len() + 1];
    for (line, letter) in (1usize..).zip(left) {
        let (from, to) = (line.saturating_sub(edits).max(1), (line + edits).min(right.len()));
        row.fill(far);
        if line <= edits {
            row[0] = line;
        }
        for column in from..=to {
            let exchanged = above[column - 1] + usize::from(right[column - 1] != *letter);
            row[column] = exchanged.min(above[column] + 1).min(row[column - 1] + 1).min(far);
        }
        std::mem::swap(&mut above, &mut row);
    }
    above[right.len()] <= edits
}
