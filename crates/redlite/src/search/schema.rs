//! What an index is: which hashes it takes, and which of their fields it holds in which way.

use serde::{Deserialize, Serialize};

use super::tokenize;

/// The most fields of a schema. Source: RediSearch's `SPEC_MAX_FIELDS`.
pub(crate) const FIELDS_MAX: usize = 1024;

/// The most TEXT fields of a schema: as many as a [`TextFields`] has bits.
pub(crate) const TEXT_FIELDS_MAX: usize = 128;

/// A set of TEXT fields: the bit of each is its place among the TEXT fields of its schema.
pub(crate) type TextFields = u128;

/// Every TEXT field that there is or will be.
pub(crate) const ALL_TEXT_FIELDS: TextFields = TextFields::MAX;

/// Words that are left out where an index names none. Source: RediSearch's documentation.
const STOP_WORDS: &[&str] = &[
    "a", "is", "the", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "it", "no", "not",
    "of", "on", "or", "such", "that", "their", "then", "there", "these", "they", "this", "to", "was", "will", "with",
];

/// The definition of an index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Definition {
    /// Keys that begin with one of these are its documents; an empty one takes every hash.
    pub prefixes: Vec<Vec<u8>>,
    /// Words that are left out; `None` for the usual ones.
    pub stop_words: Option<Vec<Vec<u8>>>,
    /// The schema, in its order.
    pub fields: Vec<Field>,
}

/// A field of a schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Field {
    /// The field of the hash.
    pub identifier: Vec<u8>,
    /// As queries name it: what `AS` says, or the identifier.
    pub attribute: Vec<u8>,
    /// How it is held.
    pub kind: FieldKind,
    /// True where results are sorted by its normalized value.
    pub sortable: bool,
    /// True where that value stays as it is: `UNF`.
    pub unnormalized: bool,
    /// False for a field that cannot be searched: `NOINDEX`.
    pub indexed: bool,
}

/// How a field is held.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum FieldKind {
    /// Words.
    Text {
        /// What a word in it counts.
        weight: f64,
        /// True where words also match by their stem.
        stems: bool,
    },
    /// Values between separators, each matched as a whole.
    Tag {
        /// What stands between two values.
        separator: u8,
        /// False where values are matched in lower case.
        case_sensitive: bool,
    },
    /// A number.
    Numeric,
}

impl FieldKind {
    /// As FT.CREATE names it.
    pub fn name(&self) -> &'static str {
        match self {
            FieldKind::Text { .. } => "TEXT",
            FieldKind::Tag { .. } => "TAG",
            FieldKind::Numeric => "NUMERIC",
        }
    }
}

impl Definition {
    /// True where a key of this name is one of its documents.
    pub fn takes(&self, key_name: &[u8]) -> bool {
        self.prefixes.iter().any(|prefix| key_name.starts_with(prefix))
    }

    /// True for a word that is left out, in any case.
    pub fn is_stop_word(&self, word: &[u8]) -> bool {
        match &self.stop_words {
            Some(words) => words.iter().any(|stop| stop.eq_ignore_ascii_case(word)),
            None => STOP_WORDS.iter().any(|stop| stop.as_bytes().eq_ignore_ascii_case(word)),
        }
    }

    /// The field that queries name so, with its place in the schema.
    pub fn field(&self, attribute: &[u8]) -> Option<(usize, &Field)> {
        self.fields.iter().enumerate().find(|(_, field)| field.attribute == attribute)
    }

    /// The TEXT fields that can be searched, each with its bit.
    pub fn text_fields(&self) -> impl Iterator<Item = (u32, &Field)> {
        let texts = self.fields.iter().filter(|field| matches!(field.kind, FieldKind::Text { .. }));
        (0..).zip(texts).filter(|(_, field)| field.indexed)
    }

    /// The set of the TEXT field of this name; empty where there is none.
    pub fn text_field(&self, attribute: &[u8]) -> TextFields {
        self.text_fields().filter(|(_, field)| field.attribute == attribute).fold(0, |set, (bit, _)| set | 1 << bit)
    }

    /// The TEXT fields whose words match by their stems.
    pub fn stemming_fields(&self) -> TextFields {
        let stems = |field: &Field| matches!(field.kind, FieldKind::Text { stems: true, .. });
        self.text_fields().filter(|(_, field)| stems(field)).fold(0, |set, (bit, _)| set | 1 << bit)
    }
}

impl Field {
    /// The value that results are sorted by and that FT.AGGREGATE reads without LOAD.
    pub fn sorting_text(&self, value: &[u8]) -> Vec<u8> {
        if self.sortable && !self.unnormalized { tokenize::normalize(value) } else { value.to_vec() }
    }
}

/// The values of a TAG field's text: without the blanks around them, in lower case unless case matters, in order.
pub(super) fn split_tags(text: &[u8], separator: u8, case_sensitive: bool) -> impl Iterator<Item = Vec<u8>> {
    let values = text.split(move |&byte| byte == separator).map(<[u8]>::trim_ascii).filter(|value| !value.is_empty());
    values.map(move |value| if case_sensitive { value.to_vec() } else { tokenize::normalize(value) })
}
