//! Redlite: an embedded store that answers as Redis 7.0 does, kept in SQLite.
//!
//! ```
//! use redlite_dst::redlite::RedliteClient;
//!
//! let mut store = RedliteClient::new_memory()?;
//! store.set("greeting", "hello")?;
//! assert_eq!(store.get("greeting")?, Some(b"hello".to_vec()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | room | what it knows |
//! |---|---|
//! | [`env`] | the clock and the randomness: the only places where they come from |
//! | `engine` | one command from request to reply: look up, check arity, run, commit |
//! | `commands/` | one file a family: a row and a function for each command |
//! | [`search`] | indexes over hashes: the query language, the plan of a query, results and aggregations |
//! | `store/` | SQL, and nothing but SQL: one file a data type |
//! | `number`, `long_double`, `glob` | how Redis reads and writes numbers, and matches patterns |
//!
//! It knows nothing of its tester: this module imports `resp`, `spec` and crates.

mod client;
mod commands;
mod engine;
pub mod env;
mod failure;
mod glob;
mod long_double;
mod number;
pub mod search;
mod store;

pub use client::{ClientError, RedliteClient};
pub use engine::{Client, OpenError, Redlite};
