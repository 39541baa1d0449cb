//! The query language: from text to tree.
//!
//! | form | finds documents |
//! |---|---|
//! | `hello world` | with both words, in any order |
//! | `"hello world"` | with these words one behind the other |
//! | `a \| b`, `-a`, `~a`, `( … )` | with either; without it; with or without it; as one |
//! | `hel*`, `*llo`, `*ell*` | with a word that begins, ends, or goes on so |
//! | `%hello%`, `%%hello%%`, `%%%hello%%%` | with a word that is 1, 2 or 3 edits away |
//! | `@title:hello`, `@title\|body:(…)` | with it in these fields |
//! | `@tags:{red \| dark blue}` | with one of these tags |
//! | `@price:[10 (20]`, `@price:[-inf 5]` | with a number in this range; `(` leaves the bound out |
//! | `*` | all; only on its own |
//!
//! In dialect 1, the default, words side by side bind closest, then `|`, then juxtaposition; a field filter takes all
//! the words behind its colon and the alternatives to them; `-` takes all up to the next `-`, `~` or quote, and `~`
//! all up to the next `~`. In dialect 2 juxtaposition binds closer than `|`, and a filter, `-` and `~` take what stands
//! right behind them. Source: RediSearch's documentation of query syntax and dialects, and its grammar.
//!
//! A query comes from a stranger: its size and its depth are bounded, and a bad one is one error with its offset.

mod parser;
mod token;

pub use parser::parse;

/// The longest query, in bytes.
const QUERY_BYTES_MAX: usize = 1 << 16;

/// The most parts of a query: words, ranges, tags and what joins them.
const NODES_MAX: usize = 4096;

/// How deep a query may be nested.
const DEPTH_MAX: usize = 100;

/// The edits that a fuzzy word may be away.
const EDITS_MAX: usize = 3;

/// How parts bind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// The default.
    #[default]
    One,
    /// DIALECT 2 and later ones.
    Two,
}

/// A query as it was written: fields are names, and stop words are gone.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// `*`
    All,
    /// A word, in lower case.
    Term(Vec<u8>),
    /// A part of a word, in lower case.
    Affix(Vec<u8>, Place),
    /// A word that is at most so many edits away from this one.
    Fuzzy(Vec<u8>, usize),
    /// Words one behind the other.
    Phrase(Vec<Vec<u8>>),
    /// All of these.
    And(Vec<Node>),
    /// One of these.
    Or(Vec<Node>),
    /// Not this one.
    Not(Box<Node>),
    /// Perhaps this one.
    Optional(Box<Node>),
    /// This one in these fields.
    Fields(Vec<Vec<u8>>, Box<Node>),
    /// One of these tags in this field.
    Tags(Vec<u8>, Vec<Tag>),
    /// A number in this field and range.
    Range(Vec<u8>, Range),
}

/// A tag that is asked for, in the case in which it was written.
#[derive(Clone, Debug, PartialEq)]
pub enum Tag {
    /// The whole of it.
    Whole(Vec<u8>),
    /// A part of it.
    Affix(Vec<u8>, Place),
}

/// Where in a word a part stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// `hel*`
    Start,
    /// `*llo`
    End,
    /// `*ell*`
    Anywhere,
}

impl Place {
    /// True where `word` has `part` in this place.
    pub fn holds(self, word: &[u8], part: &[u8]) -> bool {
        match self {
            Place::Start => word.starts_with(part),
            Place::End => word.ends_with(part),
            Place::Anywhere => word.windows(part.len().max(1)).any(|window| window == part),
        }
    }
}

/// Numbers between two bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// The lower one.
    pub low: Bound,
    /// The upper one.
    pub high: Bound,
}

/// A bound of a range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bound {
    /// The number; infinite where there is none.
    pub value: f64,
    /// True where the number itself is within.
    pub included: bool,
}

/// Why a text is no query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// It is not of the language.
    #[error("Syntax error at offset {offset} near {near}")]
    Syntax {
        /// Where, in bytes.
        offset: usize,
        /// The last word up to there.
        near: String,
    },
    /// It is too long, or has too many parts.
    #[error("Query is too large at offset {offset}")]
    TooLarge {
        /// Where, in bytes.
        offset: usize,
    },
    /// It is nested too deeply.
    #[error("Query is nested too deeply at offset {offset}")]
    TooDeep {
        /// Where, in bytes.
        offset: usize,
    },
}

#[cfg(test)]
mod tests;
