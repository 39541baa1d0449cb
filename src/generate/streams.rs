//! Arguments of commands on streams: ids that rise, ids that are there, groups and consumers.
//!
//! Ids that were asked for are remembered with their key, so that later requests name entries that are there. In some
//! seeds ids are small numbers, in others they are near the trace's clock, and only there does `*` come: it would put
//! every small id into the past. Groups that were made are remembered as well.

use std::collections::VecDeque;

use crate::seed::Stream;
use resp::Argv;
use spec::syntax::Slot;

use super::arguments::Arguments;
use super::numbers::write_int;
use super::walk::Plan;

/// An id that some entry has, or may have.
#[derive(Clone, Copy, Debug)]
struct Id {
    /// The key's place in its pool.
    key: usize,
    ms: u64,
    seq: u64,
}

/// A group that was made, or may have been.
#[derive(Clone, Copy, Debug)]
struct Made {
    /// The key's place in its pool.
    key: usize,
    /// The name's place in [`GROUPS`].
    group: usize,
}

/// Ids and groups that were asked for.
#[derive(Debug)]
pub(super) struct Ids {
    /// True where ids are small numbers.
    pub is_small: bool,
    /// The latest ones.
    latest: VecDeque<Id>,
    /// The greatest of the small ones.
    top: (u64, u64),
    /// The latest groups.
    groups: VecDeque<Made>,
    /// True where the request in hand makes a group.
    makes_group: bool,
    /// The group that it is about, where it is one of the latest.
    chosen: Option<Made>,
    /// Its next key, where that is decided.
    pub next_key: Option<usize>,
}

/// How many ids are remembered.
const LATEST_MAX: usize = 64;

/// How many groups are remembered.
const GROUPS_MAX: usize = 12;

/// Ids that are none, or that no entry follows.
const ODD_IDS: &[&[u8]] = &[
    b"0",
    b"0-0",
    b"0-1",
    b"-",
    b"+",
    b"(",
    b"(-",
    b"",
    b"abc",
    b"1-",
    b"-1",
    b"1-1-1",
    b"1-x",
    b"01-1",
    b"+1-1",
    b" 1-1",
    b"1--1",
    b"1.5",
    b"5-1\0x",
    b"7-*",
    b"18446744073709551615",
    b"18446744073709551615-18446744073709551615",
    b"18446744073709551616-0",
    b"(18446744073709551615-18446744073709551615",
    b"(0-0",
];

const GROUPS: &[&[u8]] = &[b"g1", b"g1", b"g1", b"g2", b"g2", b"g 3", b"g\r\n\0\xff"];
const CONSUMERS: &[&[u8]] = &[b"c1", b"c1", b"c1", b"c2", b"c2", b"c3", b"", b"c\0\xff"];

/// Numbers of claims that are refused. Redis takes memory for as many as it is asked for, so there is no larger one.
const ODD_CLAIMS: &[&[u8]] = &[b"0", b"-1", b"abc", b"", b"1.5", b"576460752303423488", b"9223372036854775807"];

/// Times to wait that are refused.
const ODD_BLOCKS: &[&[u8]] =
    &[b"-1", b"abc", b"", b"1.5", b"9223372036854775807", b"9223372036854775808", b"-9223372036854775808"];

impl Ids {
    pub fn new(stream: &mut Stream) -> Self {
        Self {
            is_small: stream.chance(1, 2),
            latest: VecDeque::with_capacity(LATEST_MAX),
            top: (0, 0),
            groups: VecDeque::with_capacity(GROUPS_MAX),
            makes_group: false,
            chosen: None,
            next_key: None,
        }
    }

    fn remember(&mut self, key: usize, ms: u64, seq: u64) {
        if self.latest.len() == LATEST_MAX {
            self.latest.pop_front();
        }
        self.latest.push_back(Id { key, ms, seq });
    }

    /// The last id of a key.
    fn last_of(&self, key: usize) -> Option<Id> {
        self.latest.iter().rev().find(|id| id.key == key).copied()
    }
}

fn write_id((ms, seq): (u64, u64), out: &mut Vec<u8>) {
    write_int(ms.cast_signed(), out);
    out.push(b'-');
    write_int(seq.cast_signed(), out);
}

/// True for the kinds of arguments that only commands on streams have, and that are no plain numbers.
pub(super) fn serves(slot: Slot) -> bool {
    matches!(
        slot,
        Slot::EntryId
            | Slot::NewId
            | Slot::MinId
            | Slot::RangeStart
            | Slot::RangeEnd
            | Slot::ReadId
            | Slot::GroupId
            | Slot::StartId
            | Slot::Group
            | Slot::Consumer
            | Slot::Claims
            | Slot::MinIdle
            | Slot::Idle
            | Slot::PastUnixMilliseconds
            | Slot::Block
    )
}

impl Arguments {
    /// Decides what a request of a command on streams is about.
    pub(super) fn begin_stream(&mut self, plan: &Plan) {
        self.ids.makes_group = plan.command.name == "XGROUP CREATE";
        self.ids.chosen = None;
        self.ids.next_key = None;
        if !plan.of_group {
            return;
        }
        let bits = self.keys.below(1 << 12);
        let (shape, pick) = (bits & 15, (bits >> 4) as usize);
        if self.ids.makes_group {
            // Of a key that is there.
            let latest = self.ids.latest.get(pick % self.ids.latest.len().max(1));
            self.ids.next_key = latest.filter(|_| shape < 12).map(|id| id.key);
        } else if shape < 15 {
            self.ids.chosen = self.ids.groups.get(pick % self.ids.groups.len().max(1)).copied();
            self.ids.next_key = self.ids.chosen.map(|made| made.key);
            if let (Some(chosen), "XGROUP DESTROY") = (self.ids.chosen, plan.command.name) {
                self.ids.groups.retain(|made| (made.key, made.group) != (chosen.key, chosen.group));
            }
        }
    }

    /// After a key of a request: where it is about a group, the next key has one of that name, too.
    pub(super) fn choose_next_key(&mut self) {
        let Some(chosen) = self.ids.chosen else {
            self.ids.next_key = None;
            return;
        };
        let pick = self.keys.below(GROUPS_MAX as u32) as usize;
        let others: Vec<usize> =
            self.ids.groups.iter().filter(|made| made.group == chosen.group).map(|made| made.key).collect();
        self.ids.next_key = others.get(pick % others.len().max(1)).copied();
    }

    fn write_group(&mut self, argv: &mut Argv) {
        if let Some(chosen) = self.ids.chosen {
            return argv.push(GROUPS[chosen.group]);
        }
        let group = self.values.below(GROUPS.len() as u32) as usize;
        if self.ids.makes_group {
            if self.ids.groups.len() == GROUPS_MAX {
                self.ids.groups.pop_front();
            }
            self.ids.groups.push_back(Made { key: self.last_key.1, group });
        }
        argv.push(GROUPS[group]);
    }

    /// Appends an argument of a command on streams.
    pub(super) fn write_stream_slot(&mut self, slot: Slot, argv: &mut Argv) {
        match slot {
            Slot::NewId => self.write_new_id(argv),
            Slot::RangeStart => self.write_range_bound(b"-", argv),
            Slot::RangeEnd => self.write_range_bound(b"+", argv),
            Slot::ReadId => self.write_read_id(b"$", 2, argv),
            Slot::GroupId => self.write_read_id(b">", 11, argv),
            Slot::StartId => self.write_read_id(b"0", 10, argv),
            Slot::Group => self.write_group(argv),
            Slot::Consumer => self.push_one(CONSUMERS, argv),
            Slot::Block => self.write_block(argv),
            Slot::Claims if self.until_odd_number.is_over(&mut self.values) => self.push_one(ODD_CLAIMS, argv),
            Slot::Claims => self.push_between(1, 4, argv),
            Slot::MinIdle | Slot::Idle => {
                let ms = self.draw_idle_ms();
                argv.push_with(|out| write_int(ms, out));
            }
            Slot::PastUnixMilliseconds => {
                let ms = self.now_ms - self.draw_idle_ms();
                argv.push_with(|out| write_int(ms, out));
            }
            _ => self.write_entry_id(argv),
        }
    }

    /// `*`: the id is that of the clock, or follows one that is later.
    pub(super) fn write_clock_id(&mut self, argv: &mut Argv) {
        argv.push(b"*");
        let key = self.last_key.1;
        let now_ms = self.now_ms.cast_unsigned();
        let (ms, seq) = match self.ids.last_of(key) {
            Some(last) if last.ms >= now_ms => (last.ms, last.seq + 1),
            _ => (now_ms, 0),
        };
        self.ids.remember(key, ms, seq);
    }

    /// An id for a new entry: mostly one that follows all before it.
    fn write_new_id(&mut self, argv: &mut Argv) {
        if self.until_odd_number.is_over(&mut self.values) {
            return self.push_one(ODD_IDS, argv);
        }
        let key = self.last_key.1;
        let shape = self.values.below(32);
        let (ms, seq) = if self.ids.is_small {
            self.ids.top
        } else {
            let now_ms = self.now_ms.cast_unsigned();
            self.ids.last_of(key).filter(|last| last.ms >= now_ms).map_or((now_ms, 0), |last| (last.ms, last.seq))
        };
        let (ms, seq) = match shape {
            0 => return self.write_entry_id(argv),
            // Of a small time any, of the clock's seldom one to come: there `*` must follow it.
            1..14 if self.ids.is_small || shape == 1 => (ms + 1, u64::from(shape % 3)),
            1..14 => (ms, seq + u64::from(shape)),
            _ => (ms, seq + 1),
        };
        self.ids.top = self.ids.top.max(if self.ids.is_small { (ms, seq) } else { (0, 0) });
        self.ids.remember(key, ms, seq);
        argv.push_with(|out| match shape {
            // A time alone is its first id; the next one of a time is the one that is meant.
            10 if seq == 0 => write_int(ms.cast_signed(), out),
            14..20 => {
                write_int(ms.cast_signed(), out);
                out.extend_from_slice(b"-*");
            }
            _ => write_id((ms, seq), out),
        });
    }

    /// An id that is there, mostly of an entry of the request's last key.
    fn write_entry_id(&mut self, argv: &mut Argv) {
        if self.until_odd_number.is_over(&mut self.values) {
            return self.push_one(ODD_IDS, argv);
        }
        let id = self.draw_entry_id();
        argv.push_with(|out| write_id(id, out));
    }

    fn draw_entry_id(&mut self) -> (u64, u64) {
        let bits = self.values.below(1 << 10);
        let (shape, pick) = (bits & 15, (bits >> 4) as usize);
        let key = self.last_key.1;
        let own: Vec<Id> = self.ids.latest.iter().filter(|id| id.key == key).copied().collect();
        match (own.get(own.len().wrapping_sub(1 + pick % own.len().max(1))), self.ids.latest.get(pick)) {
            (Some(id), _) if shape < 13 => (id.ms, id.seq),
            (_, Some(id)) if shape < 15 => (id.ms, id.seq),
            _ => (u64::from(shape % 4), pick as u64 % 3),
        }
    }

    /// `least_or_greatest`, or an id, also open or a time alone.
    fn write_range_bound(&mut self, least_or_greatest: &[u8], argv: &mut Argv) {
        let shape = self.values.below(32);
        match shape {
            0..18 => argv.push(least_or_greatest),
            18..24 => self.write_entry_id(argv),
            _ => {
                let (ms, seq) = self.draw_entry_id();
                argv.push_with(|out| match shape {
                    24..28 => {
                        out.push(b'(');
                        write_id((ms, seq), out);
                    }
                    28..31 => write_int(ms.cast_signed(), out),
                    _ => {
                        out.push(b'(');
                        write_int(ms.cast_signed(), out);
                    }
                });
            }
        }
    }

    /// `newest` so many times in 16, the start of the stream, or an id.
    fn write_read_id(&mut self, newest: &[u8], newest_in_16: u32, argv: &mut Argv) {
        match self.values.below(16) {
            shape if shape < newest_in_16 => argv.push(newest),
            shape if shape % 2 == 0 => self.push_one(&[b"0", b"0-0"], argv),
            _ => self.write_entry_id(argv),
        }
    }

    /// How long ago something was delivered, in milliseconds; the clock moves by as much.
    fn draw_idle_ms(&mut self) -> i64 {
        match self.values.below(16) {
            0..7 => 0,
            7..15 => i64::from(self.values.below(8000)),
            _ => -5,
        }
    }

    /// Milliseconds to wait, of XREAD and XREADGROUP.
    fn write_block(&mut self, argv: &mut Argv) {
        if self.until_odd_number.is_over(&mut self.values) {
            return self.push_one(ODD_BLOCKS, argv);
        }
        self.for_ever = self.values.chance(1, 2);
        let (low, high) = if self.for_ever { (0, 0) } else { (1, 5000) };
        self.push_between(low, high, argv);
    }
}
