//! Redlite: an embedded store that answers as Redis 7.0 does, kept in SQLite.
//!
//! ```
//! use redlite::RedliteClient;
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
//! | `clients` | what each connection remembers, and what waits to be sent to it |
//! | `config` | the parameters that CONFIG tells and sets |
//! | `channels`, `waits` | who is subscribed to what, and who waits for what |
//! | `waiting` | threads and tasks of a program that wait until something arrives for them |
//! | `redis_client` | a client as a connection of the crate `redis`: only with the feature of that name |
//! | `commands/` | one file a family: a row and a function for each command |
//! | [`search`] | indexes over hashes: the query language, the plan of a query, results and aggregations |
//! | `store/` | SQL, and nothing but SQL: one file a data type |
//! | [`vfs`] | the files and the memory under SQLite: checksums of pages, a simulated disk, allocations that fail; the only room with `unsafe` code |
//! | [`server`] | the same store for clients on sockets |
//! | `number`, `long_double`, `glob`, `qsort`, `stream_id` | how Redis reads and writes numbers and ids, matches patterns, and sorts |
//!
//! It knows nothing of its tester: this module imports `resp`, `spec` and crates.

mod channels;
mod client;
mod clients;
mod commands;
mod config;
mod engine;
pub mod env;
mod error;
mod failure;
mod glob;
mod long_double;
mod number;
mod options;
mod qsort;
#[cfg(feature = "redis")]
mod redis_client;
#[cfg(feature = "search")]
pub mod search;
#[cfg(feature = "server")]
pub mod server;
mod store;
mod stream_id;
#[cfg(feature = "testing")]
mod testing;
#[cfg(feature = "testing")]
pub mod vfs;
#[cfg(not(feature = "testing"))]
mod vfs;
mod waiting;
mod waits;

pub use client::RedliteClient;
pub use clients::Addresses;
pub use engine::{Batch, Client, KeyFacts, Redlite, State};
pub use error::{Error, OpenError};
pub use options::Options;
pub use resp::{Argv, Reply};
pub use store::Durability;
