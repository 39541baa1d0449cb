//! Redlite's server, its storage and its clients in simulation: one trace is one run, to the byte.
//!
//! | room | what it knows |
//! |---|---|
//! | `network` | connections, as sockets behave |
//! | `clients` | what a client sends and gets |
//! | `world` | one run: who acts when, and what happened |
//! | `order` | what the store did, run again one command after the other |

mod clients;
mod network;
mod order;
mod world;

pub use order::{Expected, Order, Place, Turn, in_order};
pub use redlite::testing::Holdings;
pub use world::{Event, Story, What, WorldError, run};
