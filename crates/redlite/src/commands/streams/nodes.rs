//! How Redis packs the entries of a stream.
//!
//! Redis keeps entries in nodes, each a listpack: a header, a master entry with the fields of the first entry, and the
//! entries, of which those with the same fields leave them out. A new entry goes into the last node unless that is
//! full. The nodes are in a radix tree by the id of their first entry. Both show: approximate trimming removes whole
//! nodes only, and XINFO STREAM counts them.
//!
//! Source: `streamAppendItem`, `listpack.c` and `rax.c` of Redis 7.0, probed.

use crate::failure::Failure;
use crate::number;
use crate::store::{Node, Store, Stream};
use crate::stream_id::StreamId;

/// Redis' default `stream-node-max-bytes`.
const NODE_BYTES_MAX: i64 = 4096;

/// Redis' default `stream-node-max-entries`.
pub(super) const NODE_ENTRIES_MAX: i64 = 100;

/// The header and the end of a listpack, in bytes.
const FRAME_BYTES: i64 = 7;

/// The node that takes a new entry of these fields and values in turn; the entry is counted in it.
pub(super) fn append(store: &Store, stream: &Stream, id: StreamId, items: &[&[u8]]) -> Result<Node, Failure> {
    let payload: i64 = items.iter().map(|item| item.len() as i64).sum();
    let has_room = |node: &Node| node.bytes + payload < NODE_BYTES_MAX && node.live + node.deleted < NODE_ENTRIES_MAX;
    let mut node = match store.node_at(stream, StreamId::MAX)?.filter(has_room) {
        Some(node) => node,
        None => empty_node(id, items),
    };
    node.bytes += entry_bytes(&node, id, items);
    node.last_id = id;
    node.live += 1;
    Ok(node)
}

/// A node for a first entry that is not yet in it.
fn empty_node(id: StreamId, items: &[&[u8]]) -> Node {
    let fields: Vec<Vec<u8>> = items.iter().step_by(2).map(|field| field.to_vec()).collect();
    let master: i64 = fields.iter().map(|field| string_bytes(field)).sum();
    // The numbers of entries that are there and deleted, that of the fields, and a 0 at the end of the master entry.
    let counts = 3 * integer_bytes(0) + integer_bytes(fields.len() as i64);
    Node { id, last_id: id, live: 0, deleted: 0, bytes: FRAME_BYTES + counts + master, fields }
}

/// What an entry takes in a node.
fn entry_bytes(node: &Node, id: StreamId, items: &[&[u8]]) -> i64 {
    let fields = items.len() as i64 / 2;
    let same_fields = items.iter().step_by(2).eq(node.fields.iter());
    let flags = integer_bytes(0);
    let ms = integer_bytes(id.ms.wrapping_sub(node.id.ms).cast_signed());
    let seq = integer_bytes(id.seq.wrapping_sub(node.id.seq).cast_signed());
    let (content, elements) = if same_fields {
        (items.iter().skip(1).step_by(2).map(|value| string_bytes(value)).sum::<i64>(), fields + 3)
    } else {
        let all: i64 = items.iter().map(|item| string_bytes(item)).sum();
        (integer_bytes(fields) + all, 2 * fields + 4)
    };
    flags + ms + seq + content + integer_bytes(elements)
}

/// What a string takes in a listpack, which keeps the text of an integer as one.
fn string_bytes(text: &[u8]) -> i64 {
    if let Some(value) = number::parse_integer(text) {
        return integer_bytes(value);
    }
    let length = text.len() as i64;
    let head = match length {
        0..64 => 1,
        64..4096 => 2,
        _ => 5,
    };
    with_back_length(head + length)
}

/// What an integer takes in a listpack.
fn integer_bytes(value: i64) -> i64 {
    with_back_length(match value {
        0..128 => 1,
        -4096..4096 => 2,
        -32_768..32_768 => 3,
        -8_388_608..8_388_608 => 4,
        -2_147_483_648..2_147_483_648 => 5,
        _ => 9,
    })
}

/// With the length of an element behind it, which is for reading backwards.
fn with_back_length(bytes: i64) -> i64 {
    bytes
        + match bytes {
            ..128 => 1,
            128..16_383 => 2,
            16_383..2_097_151 => 3,
            2_097_151..268_435_455 => 4,
            _ => 5,
        }
}

/// How many nodes a radix tree of these keys has, which are in order: one for each place where keys part, one for
/// each stretch of bytes between such places, and one for each key's end. That of no key has one.
pub(super) fn count_radix_nodes(ids: &[StreamId]) -> i64 {
    let keys: Vec<[u8; 16]> = ids.iter().map(|id| id.to_bytes()).collect();
    if keys.is_empty() { 1 } else { count_below(&keys, 0) }
}

/// The nodes below the place `depth` bytes into these keys, which have these bytes in common.
fn count_below(keys: &[[u8; 16]], depth: usize) -> i64 {
    let (Some(first), Some(last)) = (keys.first(), keys.last()) else { return 0 };
    let common = first.iter().zip(last).take_while(|(one, other)| one == other).count();
    let stretch = i64::from(common > depth);
    if common == first.len() {
        return stretch + 1;
    }
    let branches = keys.chunk_by(|one, other| one[common] == other[common]);
    stretch + 1 + branches.map(|keys| count_below(keys, common + 1)).sum::<i64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expectations are those of redis-server 7.0.15 for streams whose nodes have these ids.
    #[test]
    fn a_radix_tree_has_a_node_for_each_place_where_ids_part() {
        let check = |ids: &[(u64, u64)], expected: i64| {
            let ids: Vec<StreamId> = ids.iter().map(|&(ms, seq)| StreamId { ms, seq }).collect();
            assert_eq!(count_radix_nodes(&ids), expected, "{ids:?}");
        };
        check(&[], 1);
        check(&[(1, 1)], 2);
        check(&[(1, 1), (1, 2)], 4);
        check(&[(1, 1), (2, 1)], 6);
        check(&[(1, 1), (1, 256), (2, 1)], 10);
    }
}
