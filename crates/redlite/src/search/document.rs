//! From a hash to what an index holds of it.

use std::collections::{BTreeMap, BTreeSet};

use super::schema::{Definition, FieldKind, split_tags};
use super::tokenize;
use crate::number;

/// Before a stem, in the index: a byte that no word has, since it separates words.
const STEM_MARK: u8 = 0;

/// How much less a stem counts than its word. Source: RediSearch's `STEM_TOKEN_FACTOR`.
const STEM_FACTOR: f64 = 0.2;

/// Between the positions of two fields, so that no phrase goes from one into the next.
const FIELD_GAP: u32 = 100;

/// What an index holds of a document.
#[derive(Debug, Default)]
pub(crate) struct Document {
    /// By term and the bit of the TEXT field.
    pub postings: BTreeMap<(Vec<u8>, u32), Posting>,
    /// The place of a TAG field in the schema, and a value of it.
    pub tags: BTreeSet<(usize, Vec<u8>)>,
    /// The place of a NUMERIC field in the schema, and its number.
    pub numbers: Vec<(usize, f64)>,
    /// The highest frequency of a term.
    pub frequency_max: u32,
}

/// Where a term stands in a field.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Posting {
    /// How often, each time as often as its field weighs.
    pub frequency: u32,
    /// Its places among the words of the document, rising.
    pub positions: Vec<u32>,
}

/// A number field holds no number: the document cannot be indexed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotIndexable;

/// The key under which the index holds a term, or the stem of one.
pub(super) fn index_key(term: &[u8], is_stem: bool) -> Vec<u8> {
    if is_stem { [&[STEM_MARK], term].concat() } else { term.to_vec() }
}

/// True for the key of a word, false for that of a stem.
pub(super) fn is_word(index_key: &[u8]) -> bool {
    index_key.first() != Some(&STEM_MARK)
}

/// Reads a hash, given as its fields with their values.
pub(crate) fn read(definition: &Definition, hash: &[(Vec<u8>, Vec<u8>)]) -> Result<Document, NotIndexable> {
    let value = |name: &[u8]| hash.iter().find(|(field, _)| field == name).map(|(_, value)| &value[..]);
    let mut document = Document::default();
    for (at, field) in definition.fields.iter().enumerate().filter(|(_, field)| field.indexed) {
        let Some(text) = value(&field.identifier) else { continue };
        match field.kind {
            FieldKind::Text { .. } => {}
            FieldKind::Tag { separator, case_sensitive } => {
                document.tags.extend(split_tags(text, separator, case_sensitive).map(|tag| (at, tag)));
            }
            FieldKind::Numeric => document.numbers.push((at, number::parse_double(text).ok_or(NotIndexable)?)),
        }
    }
    let mut position = 0;
    for (bit, field) in definition.text_fields() {
        let (FieldKind::Text { weight, stems }, Some(text)) = (&field.kind, value(&field.identifier)) else { continue };
        for term in tokenize::terms(text).filter(|term| !definition.is_stop_word(term)) {
            position += 1;
            if let Some(stem) = tokenize::stem(&term).filter(|stem| *stems && *stem != term) {
                document.add(index_key(&stem, true), bit, position, weight * STEM_FACTOR);
            }
            document.add(term, bit, position, *weight);
        }
        position += FIELD_GAP;
    }
    document.frequency_max = frequency_max(&document.postings);
    Ok(document)
}

impl Document {
    fn add(&mut self, key: Vec<u8>, bit: u32, position: u32, weight: f64) {
        let posting = self.postings.entry((key, bit)).or_default();
        posting.frequency = posting.frequency.saturating_add((weight as u32).max(1));
        posting.positions.push(position);
    }
}

fn frequency_max(postings: &BTreeMap<(Vec<u8>, u32), Posting>) -> u32 {
    let mut sums: BTreeMap<&[u8], u32> = BTreeMap::new();
    for ((term, _), posting) in postings {
        let sum = sums.entry(term).or_default();
        *sum = sum.saturating_add(posting.frequency);
    }
    sums.into_values().max().unwrap_or(0)
}
