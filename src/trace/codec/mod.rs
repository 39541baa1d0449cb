//! The binary form.
//!
//! | bytes | what |
//! |---|---|
//! | 6 | [`MAGIC`] |
//! | 2 | the format, little-endian |
//! | 3 | the first release of dst that reads it: major, minor, patch |
//! | … | one zstd frame of msgpack values |
//! | 8 | the start of the SHA-256 of all before it |
//!
//! The first 11 bytes are the same in every format, so that any dst can say which dst a file needs. The msgpack
//! values are an `Opening`, then blocks, each a `Record::Block` and its columns as byte strings, then what is held in
//! the end in blocks of the same kind, each behind a `Record::Keyspace`, then a `Record::End`.
//!
//! A block keeps equal things together, which is what makes it small: ops are sorted by shape (act, number of
//! arguments, name), and then all their first arguments stand together, all their second, and all their replies.
//! Strings that occur twice are entries of a dictionary, which goes on from block to block until it is full. The
//! compressor is flushed after each larger column, so that each has statistics of its own.
//!
//! Format 2 is format 1 with one more node of replies, frames. Format 3 is format 2 with what is held in the end.
//!
//! Each block carries a digest of its columns, so that no op of a damaged block is ever replayed.

mod block_reader;
mod block_writer;
mod columns;
mod hashed;
mod keyspace;
mod reader;
mod shape;
mod writer;

use serde::{Deserialize, Serialize};

use super::Header;

pub(super) use keyspace::entry_bytes;
pub use reader::Reader;
pub(super) use shape::{op_bytes, reply_bytes};
pub use writer::Writer;

/// How a binary trace begins. Its first byte is no text, and a changed line end changes it.
pub const MAGIC: [u8; 6] = *b"\x89dst\r\n";

/// The version that this build writes. Every version up to it stays readable.
pub const FORMAT: u16 = 3;

/// The first release of dst that reads [`FORMAT`].
const FORMAT_SINCE: [u8; 3] = [0, 3, 0];

/// Magic, format, release.
const HEAD_BYTES: usize = 11;

/// The most ops of one block.
const BLOCK_OPS_MAX: usize = 1 << 15;
/// The most strings in the dictionary: their codes from 2 on fit 16 bits.
const DICTIONARY_MAX: usize = (1 << 16) - 2;
/// The longest string in the dictionary; a length of it fits a byte.
const ENTRY_BYTES_MAX: usize = 64;
/// The compressor looks back this many bytes, as a power of two. Reading takes as much memory.
const WINDOW_LOG: u32 = 22;

/// The first msgpack value.
#[derive(Debug, Serialize, Deserialize)]
struct Opening {
    with_replies: bool,
    header: Header,
}

/// What stands between blocks.
#[derive(Debug, Serialize, Deserialize)]
enum Record {
    /// The columns of a block follow.
    Block {
        ops: u32,
        /// True where the dictionary starts anew.
        anew: bool,
        /// Of the columns.
        digest: u64,
    },
    /// The columns of a block of what is held in the end follow. No ops come behind it.
    Keyspace {
        /// How many items: see [`keyspace`].
        items: u32,
        /// As in [`Record::Block`].
        anew: bool,
        /// As in [`Record::Block`].
        digest: u64,
    },
    /// Nothing follows.
    End {
        /// Of the whole trace.
        ops: u64,
        /// How many entries what is held in the end has; none where the trace does not tell it.
        #[serde(default)]
        entries: Option<u64>,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::block_reader::BlockReader;
    use super::block_writer::BlockWriter;
    use super::columns::Columns;
    use super::*;
    use crate::trace::arbitrary::replies;
    use crate::trace::{Entry, Keyspace, Limits, Op, Trace, TraceError, arbitrary};
    use resp::Reply;

    fn write(trace: &Trace) -> Vec<u8> {
        trace.write_binary(Vec::new()).expect("memory does not fail, and the trace is within the limits")
    }

    fn read(bytes: &[u8], limits: Limits) -> Result<Trace, TraceError> {
        let mut reader = Reader::open(bytes, limits)?;
        let mut trace = Trace { header: reader.header().clone(), ..Trace::default() };
        trace.replies = reader.has_replies().then(Vec::new);
        while let Some(block) = reader.next_block()? {
            trace.ops.extend(block.ops);
            if let (Some(all), Some(replies)) = (&mut trace.replies, block.replies) {
                all.extend(replies);
            }
        }
        trace.keyspace = reader.take_keyspace();
        Ok(trace)
    }

    /// A trace of several blocks: skewed keys, some strings that come once, every third reply nested.
    fn large(ops: u64) -> Trace {
        let mut stream = crate::seed::Seed(1).stream("codec");
        let mut trace = Trace { replies: Some(Vec::new()), ..Trace::default() };
        for at in 0..ops {
            let key = format!("k{}", stream.below(8) * stream.below(8));
            let value =
                if stream.chance(1, 3) { stream.bits64().to_string() } else { format!("v{}", stream.below(20)) };
            trace.ops.push(match at % 3 {
                0 => Op::call(0, [&b"SET"[..], key.as_bytes(), value.as_bytes()]),
                1 => Op::call(1, [&b"GET"[..], key.as_bytes()]),
                _ => Op::call(0, [&b"LRANGE"[..], key.as_bytes(), b"0", b"-1"]),
            });
            let reply = match at % 3 {
                0 => Reply::ok(),
                1 => Reply::bulk(value),
                _ => Reply::Array(vec![Reply::bulk(value), Reply::Int(at as i64)]),
            };
            trace.replies.get_or_insert_default().push(reply);
        }
        trace
    }

    /// The bytes of `trace`, changed by `change`, read as the trace or as an error.
    #[track_caller]
    fn check(trace: &Trace, change: impl Fn(&mut Vec<u8>), limits: Limits, expected: &str) {
        let mut bytes = write(trace);
        change(&mut bytes);
        let got = match read(&bytes, limits) {
            Ok(again) if again == *trace => "the trace".into(),
            Ok(_) => "another trace".into(),
            Err(error) => error.to_string(),
        };
        assert_eq!(got, expected);
    }

    fn small() -> Trace {
        Trace::parse("SET a 1\n  OK\nLRANGE b 0 -1\n  - - \"x\"\n").expect("it is a text")
    }

    #[test]
    fn many_blocks_and_dictionaries_round_trip() {
        let mut trace = large(200_000);
        let compressed = write(&trace).len();
        check(&trace, |_| {}, Limits::default(), "the trace");
        trace.replies = None;
        check(&trace, |_| {}, Limits::default(), "the trace");
        assert!(compressed < 200_000 * 6, "{compressed} bytes for 200,000 ops");
    }

    #[test]
    fn long_strings_round_trip() {
        let mut trace = small();
        trace.ops.push(Op::call(3, [&vec![b'x'; 3 << 20][..], &[0; ENTRY_BYTES_MAX], &[0; ENTRY_BYTES_MAX + 1]]));
        trace.replies.get_or_insert_default().push(Reply::bulk(vec![b'y'; 7 << 20]));
        check(&trace, |_| {}, Limits::default(), "the trace");
    }

    #[test]
    fn a_cut_file_says_how_many_ops_are_good() {
        let trace = large(100_000);
        let half = |bytes: &mut Vec<u8>| bytes.truncate(bytes.len() / 2);
        check(
            &trace,
            half,
            Limits::default(),
            "the trace is cut off: its first 32768 ops are whole, then the file ends",
        );
        let checksum = |bytes: &mut Vec<u8>| bytes.truncate(bytes.len() - 1);
        check(
            &trace,
            checksum,
            Limits::default(),
            "the trace is cut off: its first 100000 ops are whole, then the file ends",
        );
    }

    #[test]
    fn a_changed_file_is_one_clear_error() {
        let version = |bytes: &mut Vec<u8>| bytes[6..11].copy_from_slice(&[7, 0, 0, 9, 2]);
        let future = "the trace is in format 7; this dst reads up to format 3: use dst 0.9.2 or later";
        check(&small(), version, Limits::default(), future);
        let zero = "the trace is damaged: its first 0 ops are whole, then there is no format 0";
        check(&small(), |bytes| bytes[6] = 0, Limits::default(), zero);
        let garbage = "the trace is damaged: its first 2 ops are whole, then more data follows the trace's end";
        check(&small(), |bytes| bytes.push(0), Limits::default(), garbage);
        let checksum = "the trace is damaged: its first 2 ops are whole, then the checksum at the end does not match";
        check(&small(), |bytes| bytes[8] ^= 1, Limits::default(), checksum);
    }

    #[test]
    fn what_is_beyond_the_limits_is_refused() {
        let limits = Limits::default();
        let ops = "the trace goes beyond the limits: more than 1 ops";
        check(&small(), |_| {}, Limits { ops_max: 1, ..limits }, ops);
        let arg = "the trace goes beyond the limits: an argument of 2 bytes";
        check(&small(), |_| {}, Limits { arg_bytes_max: 1, ..limits }, arg);
        let depth = "the trace goes beyond the limits: a reply that nests deeper than 1";
        let shallow = resp::Limits { depth_max: 1, ..limits.reply };
        check(&small(), |_| {}, Limits { reply: shallow, ..limits }, depth);
        let elements = "the trace goes beyond the limits: a reply of 1 elements";
        let none = resp::Limits { elements_max: 0, ..limits.reply };
        check(&small(), |_| {}, Limits { reply: none, ..limits }, elements);
    }

    #[test]
    fn a_bomb_is_refused_before_it_unpacks() {
        let mut trace = small();
        let bulk = trace.replies.get_or_insert_default();
        bulk[0] = Reply::bulk(vec![0; 64 << 20]);
        let limits = Limits { block_bytes_max: 1 << 20, ..Limits::default() };
        let bytes = "the trace goes beyond the limits: a block unpacks to more bytes than it may";
        check(&trace, |bytes| assert!(bytes.len() < 8 << 10), limits, bytes);

        // Strings of the dictionary take 2 bytes a time in the file, and 64 in memory.
        let word = [b'x'; ENTRY_BYTES_MAX];
        let words = vec![Reply::bulk(word); 100_000];
        let trace = Trace { ops: small().ops, replies: Some(vec![Reply::ok(), Reply::Array(words)]), ..small() };
        let block = "the trace goes beyond the limits: a block of ops and replies is too large";
        check(&trace, |bytes| assert!(bytes.len() < 8 << 10), limits, block);
    }

    #[test]
    fn what_is_held_in_the_end_is_bounded() {
        let entry = |key: usize| Entry {
            db: 1,
            key: format!("k{key}").into(),
            kind: "list".into(),
            value: Reply::Array(vec![Reply::bulk([b'x'; ENTRY_BYTES_MAX]); 10]),
            details: None,
            expires_ms: None,
        };
        let keyspace = Keyspace { entries: (0..50_000).map(entry).collect() };
        let bytes: usize = keyspace.entries.iter().map(entry_bytes).sum();
        let trace = Trace { keyspace: Some(keyspace), ..small() };
        check(&trace, |_| {}, Limits::default(), "the trace");
        check(&trace, |_| {}, Limits { block_bytes_max: bytes, ..Limits::default() }, "the trace");
        let more =
            format!("the trace goes beyond the limits: what is held in the end takes more than {} bytes", bytes - 1);
        check(&trace, |_| {}, Limits { block_bytes_max: bytes - 1, ..Limits::default() }, &more);
    }

    #[test]
    fn a_block_of_no_ops_is_refused() {
        let write = || -> std::io::Result<Vec<u8>> {
            let mut out = vec![];
            out.extend(MAGIC.iter().copied().chain(FORMAT.to_le_bytes()).chain(FORMAT_SINCE));
            let mut frame = zstd::stream::write::Encoder::new(out, 3)?;
            let opening = Opening { with_replies: false, header: Header::default() };
            let columns = Columns::default();
            let empty = Record::Block { ops: 0, anew: false, digest: columns.digest() };
            let fault = std::io::Error::other;
            rmp_serde::encode::write(&mut frame, &opening).map_err(fault)?;
            rmp_serde::encode::write(&mut frame, &empty).map_err(fault)?;
            for column in &columns.0 {
                rmp_serde::encode::write(&mut frame, serde_bytes::Bytes::new(column)).map_err(fault)?;
            }
            frame.finish()
        };
        let bytes = write().expect("memory does not fail");
        let error = read(&bytes, Limits::default()).expect_err("it is no trace that dst writes").to_string();
        assert_eq!(error, "the trace is damaged: its first 0 ops are whole, then a block holds no ops");
    }

    #[test]
    fn what_readers_refuse_is_not_written() {
        let deep = (0..40).fold(Reply::Null, |inner, _| Reply::Array(vec![inner]));
        let refuse = |trace: Trace| trace.write_binary(Vec::new()).expect_err("it is no such trace").to_string();
        let ops = vec![Op::call(0, ["PING"])];
        let replies = Some(vec![deep]);
        assert_eq!(
            refuse(Trace { ops: ops.clone(), replies, ..Trace::default() }),
            "cannot write the trace: a reply nests too deep"
        );
        let replies = Some(vec![]);
        assert_eq!(
            refuse(Trace { ops, replies, ..Trace::default() }),
            "cannot write the trace: it has 1 ops and 0 replies"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2048))]

        #[test]
        fn any_trace_round_trips(trace in arbitrary::trace()) {
            let again = read(&write(&trace), Limits::default()).map_err(|e| TestCaseError::fail(e.to_string()))?;
            prop_assert_eq!(again, trace);
        }

        #[test]
        fn every_flipped_bit_is_an_error(trace in arbitrary::trace(), at: prop::sample::Index, bit in 0..8) {
            let mut bytes = write(&trace);
            let at = at.index(bytes.len());
            bytes[at] ^= 1u8 << bit;
            prop_assert!(read(&bytes, Limits::default()).is_err(), "bit {bit} of byte {at} of {}", bytes.len());
        }

        #[test]
        fn every_cut_is_an_error(trace in arbitrary::trace(), at: prop::sample::Index) {
            let mut bytes = write(&trace);
            bytes.truncate(at.index(bytes.len()));
            prop_assert!(read(&bytes, Limits::default()).is_err(), "cut at {}", bytes.len());
        }

        /// What a file that was made to harm holds: columns whose digest is right and whose content is not.
        #[test]
        fn wrong_columns_never_panic(
            trace in arbitrary::trace(),
            reply in replies::reply(),
            column in 0..columns::COLUMNS,
            at: prop::sample::Index,
            byte in prop_oneof![Just(0u8), Just(0xff), 0..24u8, any::<u8>()],
            edit in 0..3,
        ) {
            let mut writer = BlockWriter::default();
            trace.ops.iter().for_each(|op| writer.push(op, Some(&reply)));
            let mut columns = Columns::default();
            writer.write_columns(&mut columns);
            let bytes = &mut columns.0[column];
            let at = at.index(bytes.len() + 1);
            match edit {
                0 => bytes.insert(at, byte),
                1 if at < bytes.len() => { bytes.remove(at); }
                _ if at < bytes.len() => bytes[at] = byte,
                _ => bytes.push(byte),
            }
            if let Ok(block) = BlockReader::default().read(trace.ops.len(), true, &columns, &Limits::default()) {
                let _ = keyspace::read_items(block, &mut Keyspace::default());
            }
        }
    }
}
