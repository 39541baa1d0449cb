//! Redlite: an embedded store that answers as Redis 7.0 does, kept in SQLite.
//!
//! ```
//! use redlite::{Error, Redlite, RedliteClient, Reply};
//!
//! // Everyday commands with Rust's types.
//! let mut store = RedliteClient::new_memory()?;
//! store.set("greeting", "hello")?;
//! assert_eq!(store.get("greeting")?, Some(b"hello".to_vec()));
//!
//! // Any command, with Redis' reply; each thread takes a client of its own.
//! let mut client = store.store().client();
//! assert_eq!(client.request(["STRLEN", "greeting"])?, Reply::Int(5));
//! assert!(matches!(client.request(["LPUSH", "greeting", "x"]), Err(Error::WrongType(_))));
//! # let _: &Redlite = store.store();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A [`Redlite`] is the store: its clones are handles to it, which threads may share. A [`Client`] is a connection, with
//! a database, a transaction and subscriptions of its own. [`Options`] say how a store is opened, [`Durability`] what
//! outlasts a power loss, [`Error`] why a command did not do what it was asked. `examples/` shows each of it at work:
//! `embedded`, `redis_crate`, `pubsub`, `server_in_a_test`, `survives`.
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | `search` (by default) | FT.CREATE, FT.SEARCH, FT.AGGREGATE and their like |
//! | `redis` | a [`Client`] is a connection of the crate `redis`: `Commands`, pipelines, transactions, async too |
//! | `server` | `server`: the store for clients on sockets |
//! | `testing` | a simulated disk that fails and loses power, allocations that fail: for tests of Redlite itself |
//!
//! # SQLite's flags
//!
//! Redlite is right with SQLite as rusqlite builds it, which its tests also run with. Some of what is compiled in costs time
//! and is not used here; Cargo takes settings of a dependency's C code from the environment only, so that who builds the
//! program sets them, in its `.cargo/config.toml`:
//!
//! ```toml
//! [env]
//! LIBSQLITE3_FLAGS = "-USQLITE_ENABLE_MEMORY_MANAGEMENT -DSQLITE_DEFAULT_MEMSTATUS=0 -USQLITE_ENABLE_API_ARMOR -DSQLITE_OMIT_SHARED_CACHE -DSQLITE_OMIT_PROGRESS_CALLBACK -DSQLITE_OMIT_DEPRECATED -DSQLITE_OMIT_DECLTYPE -USQLITE_ENABLE_COLUMN_METADATA -USQLITE_ENABLE_FTS3 -USQLITE_ENABLE_FTS3_PARENTHESIS -USQLITE_ENABLE_FTS5 -USQLITE_ENABLE_RTREE -USQLITE_ENABLE_DBSTAT_VTAB -USQLITE_ENABLE_STAT4 -USQLITE_SOUNDEX"
//! ```
//!
//! Without them, in memory and on 2 cores (`cargo run --release -p redlite --example throughput`, here and from a folder
//! outside, the best of three runs, 2026-11-30), SET does 95 % of what it does with them, GET 96 %, HSET 85 %, LPUSH and
//! ZADD 92 %; a store takes 301 microseconds to open and close instead of 253, and the program is 4 MB larger.
//!
//! # The rooms
//!
//! | room | what it knows |
//! |---|---|
//! | [`mod@env`] | the clock and the randomness: the only places where they come from |
//! | `engine` | one command from request to reply: look up, check arity, run, commit |
//! | `clients` | what each connection remembers, and what waits to be sent to it |
//! | `config` | the parameters that CONFIG tells and sets |
//! | `channels`, `waits` | who is subscribed to what, and who waits for what |
//! | `journal` | what was done, in its order: for tests with clients that act at the same time |
//! | `points` | named places at which a tester holds a task, or has a step left out |
//! | `waiting` | threads and tasks of a program that wait until something arrives for them |
//! | `redis_client` | a client as a connection of the crate `redis`: only with the feature of that name |
//! | `commands/` | one file a family: a row and a function for each command |
//! | `search` | indexes over hashes: the query language, the plan of a query, results and aggregations |
//! | `store/` | SQL, and nothing but SQL: one file a data type |
//! | `vfs` | the files and the memory under SQLite: checksums of pages, a simulated disk, allocations that fail; the only room with `unsafe` code |
//! | `server` | the same store for clients on sockets |
//! | `number`, `long_double`, `glob`, `qsort`, `stream_id` | how Redis reads and writes numbers and ids, matches patterns, and sorts |
//!
//! It knows nothing of its tester: this crate imports `resp`, `spec` and crates.

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
#[cfg(feature = "testing")]
pub mod journal;
#[cfg(not(feature = "testing"))]
mod journal;
mod long_double;
mod number;
mod options;
#[cfg(feature = "testing")]
pub mod points;
#[cfg(not(feature = "testing"))]
mod points;
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
pub mod testing;
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
