//! The Redis serialization protocol, exactly: what a peer sent is what a [`Reply`] holds.
//!
//! Both versions of the protocol are read by one [`Decoder`] and written by [`encode_reply`]; requests are
//! [`Argv`]s. Source of every wire fact: <https://redis.io/docs/latest/develop/reference/protocol-spec/>.

#[cfg(test)]
pub(crate) mod arbitrary;
mod argv;
mod decode;
mod encode;
mod reply;

pub use argv::Argv;
pub use decode::{DecodeError, Decoder, Limits};
pub use encode::encode_reply;
pub use reply::{Kind, Reply};
