//! Redlite's server, its storage and its clients in simulation: one trace is one run, to the byte.
//!
//! | room | what it knows |
//! |---|---|
//! | `network` | connections, as sockets behave |
//! | `clients` | what a client sends and gets |
//! | `points` | where the server asks whether to go on: held there, or a step left out |
//! | `canaries` | deliberately wrong servers, which a campaign must find |
//! | `process` | the server's process and its disk: how it ends, and starts again |
//! | `world` | one run: who acts when, and what happened |
//! | `replay` | a trace op by op, each answered before the next is sent |
//! | `session` | the target `sim`: such replays, each on a thread of its own |
//! | `order` | what the store did, run again one command after the other |

mod canaries;
mod clients;
mod network;
mod order;
mod points;
mod process;
mod replay;
mod session;
mod world;

pub use canaries::{CANARIES, Canary, Slips, canary};
pub use order::{Expected, Lost, Order, Place, Turn, in_order};
pub use points::Reached;
pub use process::{Ended, Life};
pub use redlite::journal::Entry;
pub use redlite::points::Point;
pub use redlite::testing::Holdings;
pub use session::by_seed;
pub use world::{Event, Story, What, WorldError, run, run_on};
