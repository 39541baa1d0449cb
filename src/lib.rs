//! `dst` records operations, replays them on stores that speak the Redis protocol, compares every reply exactly,
//! and shrinks each divergence to the shortest trace that shows it.
//!
//! # Bird's-eye view
//!
//! ```text
//! Seed → generator → Trace → Target::replay → replies → diff → Divergence → shrink → corpus
//! ```
//!
//! A seed and a group name a sequence of operations ([`generate`]). Written down, with the clock and perhaps the
//! replies that some server gave, it is a trace ([`trace`]). A trace is replayed on two targets ([`targets`]): the
//! *reference*, which is right (a real Redis, or its recorded replies), and the *subject*, which is tested (Redlite,
//! or any other server). Their replies and what they hold in the end are compared by rules ([`diff`]): exactly,
//! unless a fact about the command says what two correct servers may do differently ([`spec`]). The first
//! difference is a [`diff::Divergence`]; what it is, without its data, is its [`diff::Class`]. The [`shrink`]er
//! removes whatever the class does not need, and the [`corpus`] keeps what is left, to be replayed for ever.
//! A divergence is not the end of a trace: the oracle brings both sides back to one state and judges on
//! ([`campaign::differential::examine`]), and tells bugs of one class apart by the shape of their shortest traces
//! ([`diff::shape`]).
//! Where there are several references, a divergence from the first is one only if the others do not share it.
//! Runs over many seeds are [`campaign`]s; their results are printed by [`report`]; the `dst` command is [`cli`].
//!
//! # The house
//!
//! A workspace: three crates, and on them this package. What a crate may know of another is what its manifest names, so
//! that nothing below can know its tester, and a change in a campaign compiles none of them again.
//!
//! | crate | what it holds | to add one | may import |
//! |---|---|---|---|
//! | [`resp`], `crates/resp` | exact replies, requests, bounded decoder, encoder | | |
//! | [`spec`], `crates/spec` | facts about every command | a row in its family's file | `resp` |
//! | [`redlite`], `crates/redlite` | the store on SQLite | a row and a function in its family's file | `resp spec` |
//!
//! The rooms of this package, each of which may use `resp` and `spec`:
//!
//! | room | what it holds | to add one | may import |
//! |---|---|---|---|
//! | [`seed`] | seeds, and named streams of randomness | | |
//! | [`trace`] | traces and their three forms | | `seed` |
//! | [`faults`] | the table of faults, and where those of a seed stand in its trace | a row | `trace` and what it may |
//! | [`generate`] | groups, pools, generation by syntax | a row in the table of groups | `faults` and what it may |
//! | [`diff`] | rules, keyspaces, classes, rendering | a row in the table of rules | the same |
//! | [`shrink`] | the loop and its passes | a row in the table of passes | the same, and `diff` |
//! | [`corpus`] | minimal traces, known divergences, baselines, the seed bank | | the same, and `diff` |
//! | [`targets`] | whatever a trace can be replayed on | a file, and a row in the table of targets | all above, and `redlite` |
//! | [`campaign`] | runs over one trace or many seeds | a file | all above |
//! | [`report`] | formats of a campaign's results | a file, and a row in the table of formats | all above |
//! | [`cli`] | arguments, exit codes, printing: one file a subcommand | a file, and a variant of the subcommands | all above |
//!
//! redlite's features decide what it brings: `search` (by default), `server`, `redis` (a client is a connection of the crate
//! `redis`), and `testing`, behind which everything is that only a tester needs; this package asks for all of
//! them, so that one build serves the program and its tests. Each crate's `lib.rs` is the map of its own rooms.
//!
//! Outside of `src/`: `tests/` and the `tests/` of each crate (one binary each, one file a subject), `benches/`, `traces/`
//! (recorded by a real Redis), `corpus/` (minimal divergences), `fuzz/` (shims of a few lines), `tools/` (scripts),
//! `tests/outside` (a crate of its own, which depends on redlite as anyone would).
//!
//! # Invariants
//!
//! - What is a fact about a command is in its row of `spec`, and nowhere else. What a room does about a command by
//!   name is in a table of that room: how often it comes (`generate::groups`), how a random pick is checked
//!   (`diff::random`), what leaves a clock or a transaction (`targets`). Redlite's own rows hold functions.
//! - `diff` and `generate` never import `targets` or `redlite`: the accused does not instruct the judge. Of this package
//!   only `targets/{embedded,faulty,canary,simulated}` and `cli/serve.rs` name `redlite`.
//! - A session's error is an error of the infrastructure. Whatever a server says, or fails to say, is a
//!   [`resp::Reply`]: also that it hung ([`resp::Reply::Hung`]) or dropped the connection
//!   ([`resp::Reply::Closed`]).
//! - Every decision comes from a named stream of the seed. The wall clock and the thread's randomness are used in
//!   `redlite::env`, `targets`, `campaign` and `cli` alone, and never reach a trace or a diff.
//! - Nothing is written to a server that `dst` did not start, unless it is empty or the user allowed it.
//! - Unsafe code is in redlite's `vfs/shim.rs` and `vfs/memory.rs` alone, where SQLite's files become a Rust trait
//!   and its allocator can be made to fail. Every page of a store in a file carries a checksum; one that fails is an
//!   error, and is never served.
//! - A trace file comes from a stranger: what it may cost is bounded, and a bad one is one clear error.
//!
//! The compiler holds the walls between crates; `tests/it/house.rs` holds what else can be read off the sources.
//!
//! # Where the design was changed
//!
//! - An op's arguments are one [`resp::Argv`] (one buffer, and the ends), not a vector of byte strings: generating
//!   and decoding are several times as fast.
//! - An op's reply is what arrived on its connection: [`resp::Reply::Frames`], where that is not one reply. How a
//!   server session knows that all has come is told in `targets/link.rs`.
//! - Redlite in memory replays a trace in one transaction; what a failure of the storage undoes is done again, command by
//!   command.
//! - A session answers into the caller's vector, and can be [`targets::Session::reset`]: a campaign serves
//!   thousands of traces with one server process.

pub mod campaign;
pub mod cli;
pub mod corpus;
pub mod diff;
pub mod faults;
pub mod generate;
pub mod report;
pub mod seed;
pub mod shrink;
pub mod targets;
pub mod trace;

pub use {redlite, resp, spec};
