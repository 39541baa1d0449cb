//! Search: indexes over hashes, and what is asked of them. It does what RediSearch 2.x does by default.
//!
//! | module | what it knows |
//! |---|---|
//! | `schema` | what an index is |
//! | `tokenize` | from text to terms and their stems |
//! | `document` | from a hash to what an index holds of it |
//! | [`query`] | the query language: from text to tree |
//! | `plan`, `explain` | from a tree to what is looked up; how FT.EXPLAIN prints it |
//! | `evaluate`, `score` | which documents a plan finds, and how well each fits |
//! | `results` | FT.SEARCH: the order of what was found, a window of it, the fields |
//! | `expression` | the language of APPLY and FILTER |
//! | `aggregate`, `reduce` | FT.AGGREGATE: steps on rows, groups |
//! | `value` | what a row holds |
//!
//! What an index holds is in `store/search.rs`.
//!
//! # Where it differs from RediSearch
//!
//! - Only what the commands' rows in `spec` name is there: no GEO or VECTOR fields, no cursors, no highlighting.
//! - A hash is indexed before the command that changes it is answered, and FT.CREATE has taken in every hash when it
//!   answers. FT.DROPINDEX and FLUSHALL are as prompt.
//! - Letters beyond ASCII are compared as they are. Prefix and fuzzy words are expanded to every term, not to the
//!   first 200.
//! - A phrase does not go from one field into the next, and may hold stop words anywhere; the words of one filter may
//!   have stop words and numbers among them; `-5` is always the negation of `5`; `{` needs its `}`.
//! - Scores follow the documentation (TF-IDF, and the distance of the words); where it leaves something open they may
//!   have another value. Groups and TOLIST come in the order in which their first row came.
//! - An expression that has no value, since a field is missing or a text is no number, gives none: the row goes on
//!   without it.

pub(super) mod aggregate;
pub(super) mod document;
mod evaluate;
pub(super) mod explain;
pub(super) mod expression;
pub(super) mod plan;
pub mod query;
mod reduce;
pub(super) mod results;
pub(super) mod schema;
mod score;
mod tokenize;
pub(super) mod value;
