//! What every op and every node of a reply is, as small numbers. They are part of the format: never
//! renumber them. [`Node::Frames`] came with format 2.

use crate::trace::{Act, Op};
use resp::Reply;

/// What an op is, without its connection and its arguments. Ops of one shape stand together in a block.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    pub verb: Verb,
    /// How many strings it takes, without the name.
    pub args: u32,
    /// The command's name, for [`Verb::Named`].
    pub name: Vec<u8>,
}

/// What an op does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// A command whose name is in its shape.
    Named,
    /// A command whose name is its first argument, where it has one.
    Call,
    Raw,
    Open,
    Close,
    Await,
    Advance,
    Restart,
    Crash,
    Fault,
}

/// By their numbers.
pub const VERBS: [Verb; 10] = [
    Verb::Named,
    Verb::Call,
    Verb::Raw,
    Verb::Open,
    Verb::Close,
    Verb::Await,
    Verb::Advance,
    Verb::Restart,
    Verb::Crash,
    Verb::Fault,
];

/// What a node of a reply is. The commonest replies are nodes of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Node {
    Ok,
    Zero,
    One,
    NullBulk,
    Int,
    Bulk,
    Error,
    Array,
    Simple,
    NullArray,
    Null,
    Double,
    True,
    False,
    BigNumber,
    Verbatim,
    BulkError,
    Map,
    Set,
    Push,
    Attribute,
    Pending,
    Hung,
    Closed,
    Frames,
}

/// By their numbers.
pub const NODES: [Node; 25] = [
    Node::Ok,
    Node::Zero,
    Node::One,
    Node::NullBulk,
    Node::Int,
    Node::Bulk,
    Node::Error,
    Node::Array,
    Node::Simple,
    Node::NullArray,
    Node::Null,
    Node::Double,
    Node::True,
    Node::False,
    Node::BigNumber,
    Node::Verbatim,
    Node::BulkError,
    Node::Map,
    Node::Set,
    Node::Push,
    Node::Attribute,
    Node::Pending,
    Node::Hung,
    Node::Closed,
    Node::Frames,
];

/// What an op counts against `block_bytes_max`, without its arguments: at least what it takes in memory.
pub const OP_BYTES: usize = 96;
/// What an argument counts, without its bytes.
pub const ARG_BYTES: usize = 8;
/// What a node of a reply counts, without its bytes.
pub const NODE_BYTES: usize = 40;

/// What an op counts against `block_bytes_max`.
pub fn op_bytes(op: &Op) -> usize {
    let args = match &op.act {
        Act::Call(argv) => argv.len() * ARG_BYTES + argv.bytes_len(),
        Act::Raw(bytes) => ARG_BYTES + bytes.len(),
        Act::Fault(fault) => (1 + fault.args.len()) * (ARG_BYTES + 20) + fault.name.len(),
        Act::Advance { .. } => ARG_BYTES + 20,
        Act::Open | Act::Close | Act::Await | Act::Restart | Act::Crash => 0,
    };
    OP_BYTES + args
}

/// What a reply counts against `block_bytes_max`.
pub fn reply_bytes(reply: &Reply) -> usize {
    let pair_bytes = |pairs: &[(Reply, Reply)]| -> usize {
        pairs.iter().map(|(key, value)| reply_bytes(key) + reply_bytes(value)).sum()
    };
    let own = match reply {
        Reply::Simple(text) | Reply::Error(text) | Reply::BulkError(text) => text.len(),
        Reply::Bulk(text) | Reply::Double(text) | Reply::BigNumber(text) => text.len(),
        Reply::Verbatim { text, .. } => 3 + text.len(),
        Reply::Array(items) | Reply::Set(items) | Reply::Push(items) | Reply::Frames(items) => {
            items.iter().map(reply_bytes).sum()
        }
        Reply::Map(pairs) => pair_bytes(pairs),
        Reply::Attribute(pairs, reply) => pair_bytes(pairs) + reply_bytes(reply),
        _ => 0,
    };
    NODE_BYTES + own
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_positions() {
        assert!(VERBS.iter().enumerate().all(|(at, &verb)| verb as usize == at));
        assert!(NODES.iter().enumerate().all(|(at, &node)| node as usize == at));
    }

    #[test]
    fn what_counts_is_at_least_what_it_takes() {
        assert!(size_of::<Op>() <= OP_BYTES, "an op takes {} bytes", size_of::<Op>());
        assert!(size_of::<Reply>() <= NODE_BYTES, "a reply takes {} bytes", size_of::<Reply>());
    }
}
