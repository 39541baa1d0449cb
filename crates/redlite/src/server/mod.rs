//! The server: Redlite for clients that speak the Redis protocol.
//!
//! | room | what it knows |
//! |---|---|
//! | `request` | bytes to requests: the protocol's errors and limits |
//! | `executor` | what has arrived on every connection: run as one batch, committed, and then answered |
//! | `connection` | one connection's bytes, in and out |
//! | `listener` | where connections come from, and how the server stops: the only room that needs tokio's runtime |
//!
//! `executor` and `connection` run wherever tasks can be spawned: under tokio, and under a simulator.

mod connection;
mod executor;
mod listener;
mod request;

pub use connection::serve_connection;
pub use executor::{Executor, Settings};
pub use listener::{ListenError, Listener, allow_clients, serve};
pub use request::{RequestError, RequestParser};
