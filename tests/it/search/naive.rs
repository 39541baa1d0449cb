//! What a query finds, worked out without an index: every document is looked at, with code of its own for words,
//! stems, tags, numbers and distances. Only the query's tree is the library's.

use std::collections::BTreeMap;

use redlite::search::query::{Bound, Node, Place, Tag};
use rust_stemmers::{Algorithm, Stemmer};

/// A hash: its key, and its fields with their values.
#[derive(Clone, Debug)]
pub struct Hash {
    pub key: Vec<u8>,
    pub fields: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// How a field is held.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    Text { stems: bool },
    Tag { separator: u8, case_sensitive: bool },
    Numeric,
}

/// A field of a schema.
#[derive(Clone, Debug)]
pub struct Field {
    pub identifier: Vec<u8>,
    pub attribute: Vec<u8>,
    pub kind: Kind,
    pub is_normalized: bool,
    pub indexed: bool,
}

/// An index, as FT.CREATE and FT.ALTER described it.
#[derive(Clone, Debug)]
pub struct Index {
    pub prefixes: Vec<Vec<u8>>,
    /// Words that are left out, and not the usual ones.
    pub stop_words: Option<Vec<Vec<u8>>>,
    pub fields: Vec<Field>,
}

const STOP_WORDS: &str = "a is the an and are as at be but by for if in into it no not of on or such that their then \
                          there these they this to was will with";

const SEPARATORS: &[u8] = b" ,.<>{}[]\"':;!@#$%^&*()-+=~|/?`\\";

/// The number that a text is to Redis.
pub fn number(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    let digits = text.trim_start_matches(['-', '+']);
    if let Some(hex) = digits.strip_prefix("0x") {
        return i64::from_str_radix(hex, 16).ok().map(|value| value as f64);
    }
    let value: f64 = text.parse().ok()?;
    let overflows = value.is_infinite() && digits.starts_with(|c: char| c.is_ascii_digit());
    (!value.is_nan() && !overflows).then_some(value)
}

pub fn lower(text: &[u8]) -> Vec<u8> {
    text.iter().map(u8::to_ascii_lowercase).collect()
}

fn stem(word: &[u8]) -> Vec<u8> {
    match std::str::from_utf8(word) {
        Ok(text) => Stemmer::create(Algorithm::English).stem(text).as_bytes().to_vec(),
        Err(_) => word.to_vec(),
    }
}

impl Index {
    pub fn is_stop_word(&self, word: &[u8]) -> bool {
        let word = lower(word);
        match &self.stop_words {
            Some(words) => words.iter().any(|stop| lower(stop) == word),
            None => STOP_WORDS.split_whitespace().any(|stop| stop.as_bytes() == word),
        }
    }

    /// True where the hash is one of its documents.
    pub fn takes(&self, hash: &Hash) -> bool {
        let mut numbers = self.fields.iter().filter(|field| field.indexed && field.kind == Kind::Numeric);
        self.prefixes.iter().any(|prefix| hash.key.starts_with(prefix))
            && numbers.all(|field| hash.fields.get(&field.identifier).is_none_or(|text| number(text).is_some()))
    }

    pub fn field(&self, attribute: &[u8]) -> Option<&Field> {
        self.fields.iter().find(|field| field.attribute == attribute)
    }

    /// The words of a text, without those that are left out.
    fn words(&self, text: &[u8]) -> Vec<Vec<u8>> {
        let mut words = vec![Vec::new()];
        let mut at = 0;
        while at < text.len() {
            let next = text.get(at + 1).copied().unwrap_or(b'a');
            let escapes = text[at] == b'\\' && (next.is_ascii_punctuation() || next.is_ascii_whitespace());
            if escapes {
                at += 1;
            }
            if !escapes && (SEPARATORS.contains(&text[at]) || text[at] < 32 || text[at] == 127) {
                words.push(Vec::new());
            } else if let Some(word) = words.last_mut() {
                word.push(text[at].to_ascii_lowercase());
            }
            at += 1;
        }
        words.retain(|word| !word.is_empty() && !self.is_stop_word(word));
        words
    }
}

/// A query on a document.
pub struct Question<'a> {
    pub index: &'a Index,
    pub hash: &'a Hash,
    pub verbatim: bool,
}

impl Question<'_> {
    /// Whether the document is found; `None` for a part of a query that is as if it were not there. Words count in
    /// the TEXT fields of these attributes.
    pub fn answer(&self, node: &Node, within: &[Vec<u8>]) -> Option<bool> {
        let any_word = |is_it: &dyn Fn(&[u8], bool) -> bool| {
            let mut texts = self.texts(within).into_iter();
            Some(texts.any(|(words, stems)| words.iter().any(|word| is_it(word, stems))))
        };
        match node {
            Node::All => Some(true),
            Node::Term(term) => any_word(&|word, stems| word == term || (stems && self.shares_stem(word, term))),
            Node::Affix(part, _) if part.len() < 2 => Some(false),
            Node::Affix(part, place) => any_word(&|word, _| has_part(word, part, *place)),
            Node::Fuzzy(near, edits) => any_word(&|word, _| distance(word, near) <= *edits),
            Node::Phrase(terms) => {
                let mut texts = self.texts(within).into_iter();
                Some(texts.any(|(words, _)| words.windows(terms.len()).any(|window| window == terms)))
            }
            Node::And(nodes) => self.answers(nodes, within).map(|answers| !answers.contains(&false)),
            Node::Or(nodes) => self.answers(nodes, within).map(|answers| answers.contains(&true)),
            Node::Not(inner) => self.answer(inner, within).map(|found| !found),
            Node::Optional(inner) => self.answer(inner, within).map(|_| true),
            Node::Fields(names, inner) => {
                let both: Vec<Vec<u8>> = within.iter().filter(|name| names.contains(name)).cloned().collect();
                self.answer(inner, &both)
            }
            Node::Tags(name, tags) => self.index.field(name).map(|field| self.has_tag(field, tags)),
            Node::Range(name, range) => self.index.field(name).map(|field| {
                let text = self.hash.fields.get(&field.identifier).filter(|_| field.indexed);
                let value = text.filter(|_| field.kind == Kind::Numeric).and_then(|text| number(text));
                value.is_some_and(|value| {
                    let beyond = |bound: Bound| if bound.included { f64::NAN } else { bound.value };
                    value >= range.low.value
                        && value <= range.high.value
                        && value != beyond(range.low)
                        && value != beyond(range.high)
                })
            }),
        }
    }

    fn answers(&self, nodes: &[Node], within: &[Vec<u8>]) -> Option<Vec<bool>> {
        let answers: Vec<bool> = nodes.iter().filter_map(|node| self.answer(node, within)).collect();
        (!answers.is_empty()).then_some(answers)
    }

    /// The words of each TEXT field, and whether they match by their stems.
    fn texts(&self, within: &[Vec<u8>]) -> Vec<(Vec<Vec<u8>>, bool)> {
        let mut texts = Vec::new();
        for field in self.index.fields.iter().filter(|field| field.indexed && within.contains(&field.attribute)) {
            if let (Kind::Text { stems }, Some(text)) = (&field.kind, self.hash.fields.get(&field.identifier)) {
                texts.push((self.index.words(text), *stems));
            }
        }
        texts
    }

    fn shares_stem(&self, word: &[u8], term: &[u8]) -> bool {
        !self.verbatim && (stem(word) == stem(term) || word == stem(term))
    }

    fn has_tag(&self, field: &Field, wanted: &[Tag]) -> bool {
        let Kind::Tag { separator, case_sensitive } = field.kind else { return false };
        let Some(text) = self.hash.fields.get(&field.identifier).filter(|_| field.indexed) else { return false };
        let cased = |text: &[u8]| if case_sensitive { text.to_vec() } else { lower(text) };
        text.split(|&byte| byte == separator).map(|tag| cased(tag.trim_ascii())).any(|tag| {
            !tag.is_empty()
                && wanted.iter().any(|wanted| match wanted {
                    Tag::Whole(text) => cased(text) == tag,
                    Tag::Affix(part, place) => part.len() >= 2 && has_part(&tag, &cased(part), *place),
                })
        })
    }
}

fn has_part(word: &[u8], part: &[u8], place: Place) -> bool {
    let Some(last) = word.len().checked_sub(part.len()) else { return false };
    let starts = match place {
        Place::Start => 0..=0,
        Place::End => last..=last,
        Place::Anywhere => 0..=last,
    };
    starts.into_iter().any(|at| word[at..at + part.len()] == *part)
}

/// Levenshtein's distance, by its whole matrix. Source: Wagner and Fischer, 1974.
fn distance(left: &[u8], right: &[u8]) -> usize {
    let (left, right) = (String::from_utf8_lossy(left), String::from_utf8_lossy(right));
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut cells = vec![vec![0; right.len() + 1]; left.len() + 1];
    for row in 0..=left.len() {
        for column in 0..=right.len() {
            cells[row][column] = match (row, column) {
                (0, _) => column,
                (_, 0) => row,
                _ => {
                    let exchange = cells[row - 1][column - 1] + usize::from(left[row - 1] != right[column - 1]);
                    exchange.min(cells[row - 1][column] + 1).min(cells[row][column - 1] + 1)
                }
            };
        }
    }
    cells[left.len()][right.len()]
}
