//! One argument of each kind.

use crate::seed::{Seed, Stream};
use crate::trace::START_MS;
use resp::Argv;
use spec::Family;
use spec::syntax::Slot;

use super::bitmaps::FieldType;
use super::geo::Places;
use super::groups::Group;
use super::numbers::{
    FLOATS, LARGE_INCREMENTS, NO_DOUBLES, ODD_CURSORS, ODD_DOUBLES, ODD_INTEGERS, ODD_TIMEOUTS, ODD_TIMES, SCORES,
    TIMEOUTS, WEIGHTS, ZEROS, write_int,
};
use super::pools::{Gap, Pool, Wheel};
use super::search::{self, Documents};
use super::stream;
use super::streams::{self, Ids};
use super::swarm::{MemberStyle, Swarm, ValueProfile};
use super::walk::Plan;

/// What a key usually holds: its name says so. Numbers are strings that INCR accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Text,
    Number,
    List,
    Hash,
    Set,
    SortedSet,
    Bits,
    HyperLogLog,
    Geo,
    Stream,
}

impl Type {
    /// The family whose commands make such keys.
    pub fn family(self) -> Family {
        match self {
            Type::Text | Type::Number => Family::Strings,
            Type::List => Family::Lists,
            Type::Hash => Family::Hashes,
            Type::Set => Family::Sets,
            Type::SortedSet => Family::SortedSets,
            Type::Bits => Family::Bitmaps,
            Type::HyperLogLog => Family::HyperLogLog,
            Type::Geo => Family::Geo,
            Type::Stream => Family::Streams,
        }
    }
}

/// The types, with how their keys' names begin, and a name that needs escaping.
const TYPES: [(Type, &str, &[u8]); 10] = [
    (Type::Text, "str", b""),
    (Type::Number, "num", b"\0\xff\r\n"),
    (Type::List, "list", b"a b"),
    (Type::Hash, "hash", b"k[a-c]*?\\"),
    (Type::Set, "set", "cl\u{e9}".as_bytes()),
    (Type::SortedSet, "zset", &[b'z'; 80]),
    (Type::Bits, "bits", b"b\t"),
    (Type::HyperLogLog, "hll", b"{h}ll"),
    (Type::Geo, "geo", b"g\xff"),
    (Type::Stream, "stream", b"'s'"),
];

/// Globs, the odd ones included.
const PATTERNS: &[&[u8]] = &[
    b"*",
    b"*",
    b"?*",
    b"*1",
    b"*:?",
    b"str:*",
    b"*set:*",
    b"m*",
    b"f?",
    b"[lhz]*",
    b"*[0-2]",
    b"*[^1]",
    b"[^a]*",
    b"*:[3-1]",
    b"[",
    b"[^",
    b"\\",
    b"*\\",
    b"\\*",
    b"a-",
    b"[a-",
    b"[]",
    b"[^]",
    b"[a-c",
    b"*\\:1",
    b"",
    b"**1",
    b"nosuch",
    b"?",
    b"k\\[a-c\\]*",
];

/// What SCAN's TYPE is asked for.
const TYPE_NAMES: &[&[u8]] =
    &[b"string", b"list", b"hash", b"set", b"zset", b"zset", b"hash", b"STRING", b"stream", b"nosuch", b""];

/// What ECHO and PING say. `default` is the name of Redis' one user for AUTH, `yes` a value for SKIPME.
const TEXTS: &[&[u8]] = &[b"hello", b"default", b"yes", b"hello world", b"", b"\0\x01\xff\r\n", b"\"quoted\"", b"3"];

/// Names of channels; that of one looks like a pattern.
const CHANNELS: &[&[u8]] = &[b"c:1", b"c:1", b"c:1", b"c:2", b"c:2", b"c:3", b"news", b"", b"\0\xff\r\n", b"c:[1]"];

/// Globs for channels.
const CHANNEL_PATTERNS: &[&[u8]] =
    &[b"c:*", b"c:*", b"*", b"c:?", b"c:[12]", b"news", b"n*s", b"nosuch*", b"", b"c:\\[1\\]", b"[^c]*"];

/// An offset one byte beyond Redis' longest string, 512 MB: refused before memory is taken.
const OFFSET_REFUSED: &[u8] = b"536870912";

/// How far from the usual a number is.
#[derive(Clone, Copy)]
enum Reach {
    Near,
    Wide,
    Rare,
}

/// The length of a huge value, in bytes.
const HUGE_BYTES: usize = 100 * 1024;

/// Writes arguments, and remembers what of one request the next argument depends on.
#[derive(Debug)]
pub(super) struct Arguments {
    /// Draws options and repetitions.
    pub(super) shape: Stream,
    /// Draws keys.
    pub(super) keys: Stream,
    /// Draws all other arguments.
    pub(super) values: Stream,

    key_pools: [Pool; TYPES.len()],
    fields: Pool,
    members: Pool,
    texts: Pool,
    pub(super) places: Places,
    group_types: &'static [Type],
    types: Vec<Type>,
    dbs: u32,
    pub(super) one_score: bool,

    pub(super) options_in_16: u64,
    pub(super) until_odd_case: Gap,
    pub(super) until_bulk: Gap,
    pub(super) until_odd_number: Gap,
    until_wrong_type: Gap,
    until_huge: Gap,

    /// The clock of the trace, in milliseconds since 1970.
    pub(super) now_ms: i64,
    /// What the keys of the request in hand usually hold.
    pub(super) usual: Type,
    /// True where some of its keys may as well be sets.
    takes_sets: bool,
    /// True where its values are numbers.
    numeric: bool,
    /// How many keys it has, where it says so.
    pub(super) numkeys: u32,
    /// What searches are about.
    pub(super) documents: Documents,
    /// Its last key.
    pub(super) last_key: PooledKey,
    /// Its first key.
    first_key: Option<PooledKey>,
    /// What its first key is to be.
    pinned: Option<PooledKey>,
    /// True where it may wait for ever.
    pub(super) for_ever: bool,
    /// The key that was emptied for one that waits.
    drained: Option<PooledKey>,
    /// Keys that were waited for last.
    awaited: [PooledKey; 4],
    awaited_at: usize,
    /// Its last type of a bit field.
    pub(super) field: FieldType,
    pub(super) until_flood: Gap,
    /// Ids of entries of streams, and groups.
    pub(super) ids: Ids,
}

/// A key: index of its pool, index in it.
type PooledKey = (usize, usize);

impl Arguments {
    /// The arguments of a sequence.
    pub fn new(group: &Group, swarm: &Swarm, seed: Seed) -> Self {
        let mut shape = stream(group, seed, "shape");
        let mut keys = stream(group, seed, "keys");
        let mut values = stream(group, seed, "values");
        let fields = swarm.members.next_multiple_of(2);
        Self {
            key_pools: key_pools(swarm),
            fields: Pool::with_wheel(
                fields as usize,
                |at, bytes| write_numbered("f", b"", at as u32, bytes),
                Wheel::skewed(fields, swarm.skew),
            ),
            members: Pool::with_wheel(
                swarm.members as usize,
                |at, bytes| write_member(at as u32 + 1, swarm.member_style, bytes),
                Wheel::skewed(swarm.members, swarm.skew),
            ),
            texts: Pool::new(texts(swarm.values, &mut stream(group, seed, "texts")), swarm.skew),
            places: Places::new(swarm.members, &mut stream(group, seed, "places")),
            group_types: group.types,
            types: swarm.types.clone(),
            dbs: swarm.dbs,
            one_score: swarm.one_score,
            options_in_16: swarm.options_in_16,
            until_odd_case: Gap::new(16, &mut shape),
            until_bulk: Gap::new(swarm.bulk_mean, &mut shape),
            until_odd_number: Gap::new(swarm.odd_number_mean, &mut values),
            until_wrong_type: Gap::new(swarm.wrong_type_mean, &mut keys),
            until_huge: Gap::new(swarm.huge_mean, &mut values),
            now_ms: START_MS,
            usual: Type::Text,
            takes_sets: false,
            numeric: false,
            numkeys: 1,
            last_key: (0, 0),
            documents: Documents::new(group.has_documents()),
            ids: Ids::new(&mut stream(group, seed, "ids")),
            first_key: None,
            pinned: None,
            for_ever: false,
            drained: None,
            awaited: [(Type::List as usize, 0); 4],
            awaited_at: 0,
            field: FieldType::default(),
            until_flood: Gap::new(if swarm.bulk_mean > 0 { 100 } else { 600 }, &mut values),
            shape,
            keys,
            values,
        }
    }

    /// Decides what the arguments of one request have in common.
    pub(super) fn begin(&mut self, plan: &Plan) {
        let bits = self.keys.below(16);
        self.numeric = if plan.counts { bits > 0 } else { bits < 6 };
        self.takes_sets = plan.takes_sets;
        self.documents.begin(plan.command.name, plan.counts);
        (self.first_key, self.for_ever) = (None, false);
        self.usual = match plan.command.family {
            _ if plan.sorts => *self.keys.pick(&[Type::List, Type::Set, Type::SortedSet]),
            Family::Strings if self.sees_bytes(plan, bits) => *self.keys.pick(self.byte_types()),
            Family::Strings if self.numeric => Type::Number,
            Family::Strings => Type::Text,
            Family::Lists => Type::List,
            Family::Hashes => Type::Hash,
            Family::Sets => Type::Set,
            Family::SortedSets => Type::SortedSet,
            Family::Bitmaps if bits == 14 => Type::Text,
            Family::Bitmaps if bits == 15 && !plan.command.writes => Type::HyperLogLog,
            Family::Bitmaps => Type::Bits,
            Family::HyperLogLog => Type::HyperLogLog,
            Family::Geo => Type::Geo,
            Family::Streams => Type::Stream,
            Family::Search => Type::Hash,
            Family::Blocking if plan.command.name.starts_with("BZ") => Type::SortedSet,
            Family::Blocking => Type::List,
            Family::Keys
            | Family::Expiry
            | Family::Transactions
            | Family::PubSub
            | Family::Connection
            | Family::Server => *self.keys.pick(&self.types),
        };
        self.begin_stream(plan);
    }

    /// True where a command on strings gets a key whose bytes mean something else. Where it writes, seldom one of a
    /// HyperLogLog, which it breaks for every command to come. Such keys are long: where there are others, none that
    /// takes time by the product of two lengths.
    fn sees_bytes(&self, plan: &Plan, bits: u32) -> bool {
        let in_16 = match (self.group_types, plan.command.writes) {
            ([Type::HyperLogLog], true) => 2,
            ([Type::Bits | Type::HyperLogLog], _) => 8,
            (_, true) => 0,
            (types, false) if types.contains(&Type::Bits) && !plan.multiplies => 4,
            (_, false) => 0,
        };
        !plan.counts && bits >= 16 - in_16
    }

    /// The types of the group's keys that hold strings but no text.
    fn byte_types(&self) -> &'static [Type] {
        match self.group_types {
            [_] => self.group_types,
            _ => &[Type::Bits, Type::HyperLogLog],
        }
    }

    /// Appends one argument of this kind.
    pub(super) fn write_slot(&mut self, slot: Slot, argv: &mut Argv) {
        match slot {
            Slot::Key => self.write_key(argv),
            Slot::Destination => self.write_destination(argv),
            Slot::Field if self.documents.is_on() => self.write_document_field(argv),
            Slot::Value if self.documents.is_on() => self.write_document_value(argv),
            Slot::Field => self.write_field(argv),
            Slot::Member => self.write_member(argv),
            Slot::Element => self.write_element(argv),
            Slot::Value => self.write_value(argv),
            Slot::Score if self.one_score => self.write_double(ZEROS, NO_DOUBLES, argv),
            Slot::Score => self.write_double(SCORES, ODD_DOUBLES, argv),
            Slot::Weight => self.write_double(WEIGHTS, ODD_DOUBLES, argv),
            Slot::Float => self.write_double(FLOATS, ODD_DOUBLES, argv),
            Slot::ScoreBound => self.write_score_bound(argv),
            Slot::LexBound => self.write_lex_bound(argv),
            Slot::Cursor => self.write_cursor(argv),
            Slot::Pattern => self.push_one(PATTERNS, argv),
            Slot::Type => self.push_one(TYPE_NAMES, argv),
            Slot::Text => self.push_one(TEXTS, argv),
            Slot::Seconds | Slot::Milliseconds | Slot::UnixSeconds | Slot::UnixMilliseconds => {
                self.write_time(slot, argv);
            }
            // bitmaps
            Slot::Bit => self.write_bit(argv),
            Slot::BitOffset | Slot::BitProbe => self.write_bit_offset(slot, argv),
            Slot::BitIndex => self.write_bit_index(argv),
            Slot::FieldType => self.write_field_type(argv),
            Slot::FieldOffset | Slot::FieldProbe => self.write_field_offset(slot, argv),
            Slot::FieldValue => self.write_field_value(argv),
            Slot::Distinct => self.write_distinct(argv),

            // geo
            Slot::Longitude => self.write_longitude(argv),
            Slot::Latitude => self.write_latitude(argv),
            Slot::Distance => self.write_distance(argv),

            // streams
            _ if streams::serves(slot) => self.write_stream_slot(slot, argv),

            // blocking
            Slot::Timeout => self.write_timeout(argv),
            // channels
            Slot::Channel => self.push_one(CHANNELS, argv),
            Slot::ChannelPattern => self.push_one(CHANNEL_PATTERNS, argv),

            // search
            _ if search::serves(slot) => self.write_search(slot, argv),

            // server
            Slot::WeightPattern | Slot::TextPattern | Slot::GetPattern => self.write_sort_pattern(slot, argv),
            Slot::ClientId
            | Slot::ClientName
            | Slot::User
            | Slot::YesOrNo
            | Slot::CommandName
            | Slot::KeyedCommand
            | Slot::Parameter
            | Slot::Setting
            | Slot::Section
            | Slot::Replicas => self.write_server_word(slot, argv),
            //
            _ => self.write_integer(slot, argv),
        }
    }

    /// A key, mostly of the request's type.
    fn write_key(&mut self, argv: &mut Argv) {
        if let Some(key) = self.pinned.take() {
            return self.push_key(key, argv);
        }
        let pool = if self.until_wrong_type.is_over(&mut self.keys) {
            self.keys.below(TYPES.len() as u32) as usize
        } else if self.takes_sets && self.keys.below(8) == 0 {
            Type::Set as usize
        } else {
            self.usual as usize
        };
        let key = match self.ids.next_key {
            Some(key) if pool == Type::Stream as usize => {
                self.choose_next_key();
                (pool, key)
            }
            _ => (pool, self.key_pools[pool].pick(&mut self.keys)),
        };
        self.push_key(key, argv);
    }

    fn push_key(&mut self, key: PooledKey, argv: &mut Argv) {
        self.last_key = key;
        self.first_key.get_or_insert(key);
        argv.push(self.key_pools[key.0].get(key.1));
    }

    /// A request that removes a key for which `plan` is then to wait.
    pub(super) fn drain(&mut self, plan: &Plan) -> Argv {
        self.begin(plan);
        let mut argv = Argv::from(["DEL"]);
        self.write_key(&mut argv);
        self.drained = Some(self.last_key);
        argv
    }

    /// Makes the drained key the first of the next request, where that is so.
    pub(super) fn use_drained(&mut self, drained: bool) {
        self.pinned = self.drained.take().filter(|_| drained);
    }

    /// Takes note of a request that may wait; true where it may do so for ever.
    pub(super) fn note_wait(&mut self) -> bool {
        self.awaited_at = (self.awaited_at + 1) % self.awaited.len();
        self.awaited[self.awaited_at] = self.first_key.unwrap_or(self.last_key);
        self.for_ever
    }

    /// Makes a key that is waited for the first of the next request, and names a command that adds to it.
    pub(super) fn use_awaited(&mut self) -> &'static str {
        let key = *self.keys.pick(&self.awaited);
        self.pinned = Some(key);
        let (kind, ..) = TYPES[key.0];
        match kind {
            Type::List if self.keys.chance(1, 2) => "LPUSH",
            Type::List => "RPUSH",
            Type::SortedSet => "ZADD",
            Type::Stream => "XADD",
            _ => "SET",
        }
    }

    /// A key, one time in eight the one before.
    fn write_destination(&mut self, argv: &mut Argv) {
        if argv.len() > 1 && self.keys.chance(1, 8) {
            argv.push(self.key_pools[self.last_key.0].get(self.last_key.1));
        } else {
            self.write_key(argv);
        }
    }

    /// A field: those with odd numbers hold numbers, mostly. Their count is even, so that both kinds have as many.
    fn write_field(&mut self, argv: &mut Argv) {
        let index = self.fields.pick(&mut self.values);
        argv.push(self.fields.get(if self.numeric { index | 1 } else { index & !1 }));
    }

    pub(super) fn write_member(&mut self, argv: &mut Argv) {
        if self.until_huge.is_over(&mut self.values) {
            write_huge(argv);
        } else {
            let index = self.members.pick(&mut self.values);
            let index = if self.usual == Type::Geo { self.places.member(index, &mut self.values) } else { index };
            argv.push(self.members.get(index));
        }
    }

    fn write_element(&mut self, argv: &mut Argv) {
        if self.values.below(8) == 0 { self.write_value(argv) } else { self.write_member(argv) }
    }

    pub(super) fn write_value(&mut self, argv: &mut Argv) {
        if self.until_huge.is_over(&mut self.values) {
            return write_huge(argv);
        }
        if !self.numeric {
            return argv.push(self.texts.draw(&mut self.values));
        }
        let shape = self.values.below(32);
        match shape {
            0..18 => self.push_between(-20, 100, argv),
            18..22 => self.push_between(-99_999, 99_999, argv),
            22 => self.push_one(FLOATS, argv),
            23 => argv.push(self.texts.draw(&mut self.values)),
            _ => self.push_large(argv),
        }
    }

    pub(super) fn write_double(&mut self, usual: &[&[u8]], odd: &[&[u8]], argv: &mut Argv) {
        let is_odd = self.until_odd_number.is_over(&mut self.values);
        self.push_one(if is_odd { odd } else { usual }, argv);
    }

    fn write_score_bound(&mut self, argv: &mut Argv) {
        let shape = self.values.below(16);
        match shape {
            0..2 => argv.push(b"-inf"),
            2..4 => argv.push(b"+inf"),
            4..9 => {
                let score: &&[u8] = self.values.pick(SCORES);
                argv.push_with(|out| {
                    out.push(b'(');
                    out.extend_from_slice(score);
                });
            }
            _ => self.write_double(SCORES, ODD_DOUBLES, argv),
        }
    }

    fn write_lex_bound(&mut self, argv: &mut Argv) {
        let shape = self.values.below(64);
        match shape {
            0..10 => argv.push(b"-"),
            10..20 => argv.push(b"+"),
            20 => self.write_member(argv),
            _ => argv.push_with(|out| {
                out.push(if shape.is_multiple_of(2) { b'[' } else { b'(' });
                out.extend_from_slice(self.members.draw(&mut self.values));
            }),
        }
    }

    /// The start of an iteration, or a cursor that is refused: only a session knows the cursors in between.
    fn write_cursor(&mut self, argv: &mut Argv) {
        let odd = self.until_odd_number.is_over(&mut self.values);
        self.push_one(if odd { ODD_CURSORS } else { &[b"0"] }, argv);
    }

    /// A time to live or a moment, near the trace's clock.
    fn write_time(&mut self, slot: Slot, argv: &mut Argv) {
        if self.until_odd_number.is_over(&mut self.values) {
            return self.push_one(ODD_TIMES, argv);
        }
        let shape = self.values.below(64);
        let ms = match shape {
            0..14 => 1 + i64::from(self.values.below(4000)),
            14..28 => 1000 * (1 + i64::from(self.values.below(20))),
            // Most stay: a TTL that is gone shows no slip.
            28..60 => 100_000 + i64::from(self.values.below(900_000)),
            60..62 => i64::from(self.values.below(3)) * 1000 - 1000,
            _ => 1_000_000_000_000,
        };
        let seconds = (ms + 999).div_euclid(1000);
        let value = match slot {
            Slot::Milliseconds => ms,
            Slot::Seconds => seconds,
            Slot::UnixMilliseconds => self.now_ms + ms,
            _ => self.now_ms / 1000 + seconds,
        };
        argv.push_with(|out| write_int(value, out));
    }

    /// How long to wait, in seconds: half of the time for ever.
    fn write_timeout(&mut self, argv: &mut Argv) {
        if self.until_odd_number.is_over(&mut self.values) {
            return self.push_one(ODD_TIMEOUTS, argv);
        }
        self.for_ever = self.values.chance(1, 2);
        self.push_one(if self.for_ever { &[b"0", b"0", b"0", b"0.0"] } else { TIMEOUTS }, argv);
    }

    fn write_integer(&mut self, slot: Slot, argv: &mut Argv) {
        if slot == Slot::Numkeys {
            self.numkeys = self.draw_few();
        }
        if self.until_odd_number.is_over(&mut self.values) {
            return self.push_one(ODD_INTEGERS, argv);
        }
        let reach = match self.values.below(32) {
            0 => Reach::Rare,
            1..6 => Reach::Wide,
            _ => Reach::Near,
        };
        match (slot, reach) {
            (Slot::Increment, Reach::Rare) => self.push_large(argv),
            (Slot::Offset, Reach::Rare) => argv.push(OFFSET_REFUSED),
            _ => {
                let (low, high) = self.integers(slot, reach);
                self.push_between(low, high, argv);
            }
        }
    }

    /// The least and the greatest integer for this kind of argument.
    fn integers(&self, slot: Slot, reach: Reach) -> (i32, i32) {
        match (slot, reach) {
            (Slot::Numkeys, Reach::Rare) => (0, 4),
            (Slot::Numkeys, _) => (self.numkeys as i32, self.numkeys as i32),
            (Slot::Db, Reach::Rare) => (0, 16),
            (Slot::Db, _) => (0, self.dbs as i32 - 1),
            (Slot::Increment, Reach::Near) => (-10, 10),
            (Slot::Increment, _) => (-1000, 1000),
            (Slot::Index, Reach::Near) => (-4, 5),
            (Slot::Index, Reach::Wide) => (-20, 20),
            (Slot::Index, Reach::Rare) => (-200, 200),
            (Slot::Offset, Reach::Near) => (0, 12),
            (Slot::Offset, _) => (0, 300),
            (Slot::SignedCount, Reach::Near) => (-3, 4),
            (Slot::SignedCount, _) => (-20, 20),
            (Slot::Rank, _) => (-3, 3),
            (Slot::Skip, Reach::Rare) => (-2, 100),
            (Slot::Protocol, _) => (2, 3),
            // bitmaps

            // geo

            // streams
            (Slot::MaxLength, Reach::Near) => (0, 8),
            (Slot::TrimLimit, Reach::Near) => (0, 3),
            (Slot::Entries | Slot::Deliveries, Reach::Near) => (0, 9),

            // search

            // server

            //
            (_, Reach::Near) => (1, 4),
            (_, Reach::Wide) => (1, 100),
            (_, Reach::Rare) => (-1, 0),
        }
    }

    /// Appends one of `texts`.
    pub(super) fn push_one(&mut self, texts: &[&[u8]], argv: &mut Argv) {
        let text: &&[u8] = self.values.pick(texts);
        argv.push(text);
    }

    /// Appends a number at the edges of 64 bits.
    pub(super) fn push_large(&mut self, argv: &mut Argv) {
        let value = *self.values.pick(LARGE_INCREMENTS);
        argv.push_with(|out| write_int(value, out));
    }

    /// Appends a number from `low` to `high`.
    pub(super) fn push_between(&mut self, low: i32, high: i32, argv: &mut Argv) {
        let value = i64::from(low) + i64::from(self.values.below((high - low + 1) as u32));
        argv.push_with(|out| write_int(value, out));
    }
}

fn write_huge(argv: &mut Argv) {
    argv.push_with(|out| out.resize(out.len() + HUGE_BYTES, b'x'));
}

/// The keys of each type, `str:1` first and hottest.
fn key_pools(swarm: &Swarm) -> [Pool; TYPES.len()] {
    let count = swarm.keys + u32::from(swarm.odd_keys);
    let wheel = Wheel::skewed(count, swarm.skew);
    TYPES.map(|(_, prefix, odd)| {
        let write = |at: usize, bytes: &mut Vec<u8>| {
            if at < swarm.keys as usize {
                write_numbered(prefix, b":", at as u32 + 1, bytes);
            } else {
                bytes.extend_from_slice(odd);
            }
        };
        Pool::with_wheel(count as usize, write, wheel.clone())
    })
}

fn write_numbered(prefix: &str, separator: &[u8], number: u32, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(prefix.as_bytes());
    bytes.extend_from_slice(separator);
    write_int(number.into(), bytes);
}

fn write_member(n: u32, style: MemberStyle, bytes: &mut Vec<u8>) {
    match (style, n % 8) {
        (MemberStyle::Integers, _) | (MemberStyle::Mixed, 1 | 4) => write_int(n.into(), bytes),
        (MemberStyle::Mixed, 3) => write_numbered("-", b"", n, bytes),
        (MemberStyle::Mixed, 5) => bytes.extend_from_slice(format!("{n:064}").as_bytes()),
        (MemberStyle::Mixed, 6) => bytes.extend_from_slice(format!("{n:065}").as_bytes()),
        (MemberStyle::Mixed, 0) => write_numbered("m\0\u{fc}\r\n", b"", n, bytes),
        (MemberStyle::Mixed, 2) if n == 2 => {}
        (MemberStyle::Text | MemberStyle::Mixed, _) => write_numbered("m", b"", n, bytes),
    }
}

/// Values: some short ones that are always there, and some of lengths by the profile, of four letters so that
/// two values have substrings in common.
fn texts(profile: ValueProfile, stream: &mut Stream) -> Vec<Vec<u8>> {
    let lengths: &[usize] = match profile {
        ValueProfile::Short => &[4, 7, 3, 12, 2],
        ValueProfile::Medium => &[20, 44, 45, 63, 64, 65, 100],
        ValueProfile::Long => &[64, 65, 200, 500, 1000, 2000],
    };
    let words: [&[u8]; 8] = [b"a", b"hello", b"", b"foo bar", b"10", b"\0\x01\xff\r\n", "\u{e9}".as_bytes(), b"3.5"];
    let letters = |&length: &usize| (0..length).map(|_| *stream.pick(b"abcd")).collect();
    words.iter().map(|word| word.to_vec()).chain(lengths.iter().map(letters)).collect()
}
