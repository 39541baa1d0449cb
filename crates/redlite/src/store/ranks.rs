//! Ranks in large sorted sets, at a cost that does not grow with them.
//!
//! SQLite finds a member by its rank, or the rank of a member, only by counting all that come before. So where ranks of
//! a large set are asked for, an index is built in one pass and kept in memory: the set's order cut into buckets of at
//! most [`BUCKET_MEMBERS_MAX`] members, each with its first place and how many it holds. What adds or removes a member
//! keeps the index up to date; what changes a set in any other way drops it, and so does undoing a change.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

use rusqlite::params;

use super::{Key, Store, bytes};
use crate::failure::Failure;

/// In smaller sets SQLite counts faster.
pub(super) const MEMBERS_MIN: i64 = 512;

/// A bucket that grows beyond it is split in halves.
const BUCKET_MEMBERS_MAX: i64 = 256;

/// Of so many sets there are indexes at a time; the one that was not used for longest goes.
const INDEXES_MAX: usize = 64;

/// A place in a sorted set's order: that of a member with this score, whether it is there or not.
#[derive(Clone, Debug, PartialEq)]
struct Place {
    score: f64,
    member: Vec<u8>,
}

/// Not behind any member.
static LOWEST: Place = Place { score: f64::NEG_INFINITY, member: Vec::new() };

impl Place {
    /// Reads the columns `score, member`.
    fn from_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { score: row.get(0)?, member: bytes(row, 1)? })
    }

    /// True where it is not behind this one. No score is NaN.
    fn reaches(&self, score: f64, member: &[u8]) -> bool {
        let by_score = self.score.partial_cmp(&score).unwrap_or(Ordering::Equal);
        by_score.then_with(|| self.member.as_slice().cmp(member)).is_le()
    }
}

/// The buckets of one set, of which there is at least one.
#[derive(Debug)]
struct Index {
    /// Where each bucket begins; the first one at the lowest place.
    firsts: Vec<Place>,
    /// How many members each holds.
    counts: Vec<i64>,
    /// At `i`, the sum of the counts up to `i` of as many buckets as the lowest bit of `i + 1` says. Fenwick, "A New
    /// Data Structure for Cumulative Frequency Tables", 1994.
    sums: Vec<i64>,
    /// How many members the set has.
    total: i64,
    /// When it was used last, in uses of all indexes.
    used: u64,
}

impl Index {
    fn new(firsts: Vec<Place>, counts: Vec<i64>) -> Self {
        let mut index = Self { total: counts.iter().sum(), firsts, counts, sums: Vec::new(), used: 0 };
        index.sum_up();
        index
    }

    fn sum_up(&mut self) {
        self.sums.clone_from(&self.counts);
        for at in 0..self.sums.len() {
            let next = at | (at + 1);
            if next < self.sums.len() {
                self.sums[next] += self.sums[at];
            }
        }
    }

    /// The bucket in which a place is.
    fn bucket_of(&self, score: f64, member: &[u8]) -> usize {
        self.firsts.partition_point(|first| first.reaches(score, member)).saturating_sub(1)
    }

    /// How many members are in the buckets before this one.
    fn before(&self, bucket: usize) -> i64 {
        let (mut sum, mut end) = (0, bucket);
        while end > 0 {
            sum += self.sums[end - 1];
            end &= end - 1;
        }
        sum
    }

    /// The bucket of the member at this rank, and how many members are in the buckets before it.
    fn bucket_at(&self, rank: i64) -> (usize, i64) {
        let (mut bucket, mut before) = (0, 0);
        let mut step = self.sums.len().next_power_of_two();
        while step > 0 {
            if let Some(sum) = self.sums.get(bucket + step - 1)
                && before + sum <= rank
            {
                bucket += step;
                before += sum;
            }
            step /= 2;
        }
        (bucket, before)
    }

    /// Counts one member more or less at a place; its bucket.
    fn count(&mut self, score: f64, member: &[u8], by: i64) -> usize {
        let bucket = self.bucket_of(score, member);
        self.total += by;
        self.counts[bucket] += by;
        let mut at = bucket;
        while at < self.sums.len() {
            self.sums[at] += by;
            at |= at + 1;
        }
        bucket
    }

    /// Cuts a bucket in two at a place behind `kept` of its members.
    fn split(&mut self, bucket: usize, at: Place, kept: i64) {
        let rest = self.counts[bucket] - kept;
        self.counts[bucket] = kept;
        self.firsts.insert(bucket + 1, at);
        self.counts.insert(bucket + 1, rest);
        self.sum_up();
    }

    /// True where so many members went that it is larger than it needs to be.
    fn is_sparse(&self) -> bool {
        self.total < MEMBERS_MIN / 2 || self.total < self.counts.len() as i64 * (BUCKET_MEMBERS_MAX / 16)
    }
}

/// The indexes, by the ids of their keys.
#[derive(Debug, Default)]
pub(super) struct Ranks {
    indexes: BTreeMap<i64, Index>,
    uses: u64,
}

impl Ranks {
    /// Drops the index of a key, where there is one.
    pub fn forget(&mut self, key_id: i64) {
        self.indexes.remove(&key_id);
    }

    /// Drops every index.
    pub fn clear(&mut self) {
        self.indexes.clear();
    }

    /// True where the key has an index.
    pub fn covers(&self, key: &Key) -> bool {
        self.indexes.contains_key(&key.id)
    }

    /// The index of a key that is as long as it says.
    fn take_up(&mut self, key: &Key) -> Option<&Index> {
        let index = self.indexes.get_mut(&key.id).filter(|index| index.total == key.length)?;
        self.uses += 1;
        index.used = self.uses;
        Some(index)
    }

    fn insert(&mut self, key: &Key, index: Index) {
        self.forget(key.id);
        if self.indexes.len() >= INDEXES_MAX {
            let oldest = self.indexes.iter().min_by_key(|(_, index)| index.used).map(|(id, _)| *id);
            oldest.inspect(|&id| self.forget(id));
        }
        self.indexes.insert(key.id, index);
    }

    /// Notes that a member was removed.
    pub fn removed(&mut self, key: &Key, member: &[u8], score: f64) {
        if let Some(index) = self.indexes.get_mut(&key.id) {
            index.count(score, member, -1);
            if index.is_sparse() {
                self.forget(key.id);
            }
        }
    }
}

impl Store {
    /// How many members come before this place.
    pub(super) fn rank_of(&mut self, key: &Key, score: f64, member: &[u8]) -> Result<i64, Failure> {
        const COUNT: &str = "SELECT count(*) FROM zset_members
                             WHERE key_id = ?1 AND (score, member) >= (?2, ?3) AND (score, member) < (?4, ?5)";
        let (first, before) = if key.length < MEMBERS_MIN {
            (&LOWEST, 0)
        } else {
            self.build_ranks(key)?;
            match self.ranks.indexes.get(&key.id) {
                Some(index) => {
                    let bucket = index.bucket_of(score, member);
                    (&index.firsts[bucket], index.before(bucket))
                }
                None => (&LOWEST, 0),
            }
        };
        let within =
            self.row(COUNT, params![key.id, first.score, first.member, score, member], |row| row.get::<_, i64>(0))?;
        Ok(before + within.unwrap_or(0))
    }

    /// Calls `read` with a place not far before the member at this rank, and how many members come between.
    pub(super) fn near_rank<T>(
        &mut self,
        key: &Key,
        rank: i64,
        read: impl FnOnce(&Store, (f64, &[u8]), i64) -> rusqlite::Result<T>,
    ) -> Result<T, Failure> {
        self.build_ranks(key)?;
        let (first, before) = match self.ranks.indexes.get(&key.id) {
            Some(index) => {
                let (bucket, before) = index.bucket_at(rank);
                (index.firsts.get(bucket).unwrap_or(&LOWEST), before)
            }
            None => (&LOWEST, 0),
        };
        Ok(read(self, (first.score, &first.member), rank - before)?)
    }

    /// Makes the key's index, where there is none that is up to date.
    fn build_ranks(&mut self, key: &Key) -> Result<(), Failure> {
        const FILL: i64 = BUCKET_MEMBERS_MAX / 2;
        if self.ranks.take_up(key).is_some() {
            return Ok(());
        }
        let (mut firsts, mut counts) = (vec![LOWEST.clone()], vec![0]);
        let sql = "SELECT score, member FROM zset_members WHERE key_id = ?1 ORDER BY score, member";
        self.walk(sql, [key.id], |row| {
            match counts.last_mut() {
                Some(count) if *count < FILL => *count += 1,
                _ => {
                    firsts.push(Place::from_row(row)?);
                    counts.push(1);
                }
            }
            Ok(ControlFlow::Continue(()))
        })?;
        self.ranks.insert(key, Index::new(firsts, counts));
        self.ranks.take_up(key);
        Ok(())
    }

    /// Notes that a member was added.
    pub(super) fn note_rank(&mut self, key: &Key, member: &[u8], score: f64) -> Result<(), Failure> {
        const KEPT: i64 = BUCKET_MEMBERS_MAX / 2;
        let Some(index) = self.ranks.indexes.get_mut(&key.id) else {
            return Ok(());
        };
        let bucket = index.count(score, member, 1);
        if index.counts[bucket] <= BUCKET_MEMBERS_MAX {
            return Ok(());
        }
        let first = index.firsts[bucket].clone();
        let middle = self.row(
            "SELECT score, member FROM zset_members WHERE key_id = ?1 AND (score, member) >= (?2, ?3)
             ORDER BY score, member LIMIT 1 OFFSET ?4",
            params![key.id, first.score, first.member, KEPT],
            Place::from_row,
        )?;
        match (middle, self.ranks.indexes.get_mut(&key.id)) {
            (Some(middle), Some(index)) => index.split(bucket, middle, KEPT),
            _ => self.ranks.forget(key.id),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::{FileOptions, Scored, Type};

    #[derive(Clone, Debug)]
    enum Change {
        /// Gives a member this score, whether it is there or not.
        Put(u16, i8),
        Remove(u16),
        /// Removes so many members from this rank on.
        Cut(u16, u16),
        /// Adds so many members of one score.
        Fill(u16, i8),
        /// Gives so many members another score, and takes that back.
        Undo(u16, i8),
        /// Deletes the key, and copies one with as many members of other scores: SQLite gives it the same id.
        Renew,
    }

    fn change() -> impl Strategy<Value = Change> {
        prop_oneof![
            30 => (0..2500u16, any::<i8>()).prop_map(|(member, score)| Change::Put(member, score / 16)),
            20 => (0..2500u16).prop_map(Change::Remove),
            1 => (0..1500u16, 0..700u16).prop_map(|(rank, count)| Change::Cut(rank, count)),
            2 => (1..400u16, any::<i8>()).prop_map(|(count, score)| Change::Fill(count, score / 16)),
            2 => (1..400u16, any::<i8>()).prop_map(|(count, score)| Change::Undo(count, score / 16)),
            1 => Just(Change::Renew),
        ]
    }

    struct Fixture {
        store: Store,
        key: Key,
        filled: u16,
    }

    impl Fixture {
        fn new() -> Self {
            let mut store = Store::open_memory(FileOptions::default()).expect("SQLite has memory");
            store.create(0, b"other", Type::SortedSet).expect("a new key");
            let key = store.create(0, b"z", Type::SortedSet).expect("a new key");
            let mut fixture = Self { store, key, filled: 0 };
            (0..1500).for_each(|member| fixture.put(member, f64::from(member % 9)));
            fixture.store.update_extent(&fixture.key).expect("it is in memory");
            fixture.store.commit().expect("it is in memory");
            fixture
        }

        fn put(&mut self, member: u16, score: f64) {
            let member = member.to_string().into_bytes();
            let old = self.store.zset_score(&self.key, &member).expect("a score");
            match old {
                Some(old) => self.store.zset_update(&self.key, &member, (old, score)),
                None => self.store.zset_insert(&mut self.key, &member, score),
            }
            .expect("it is in memory");
        }

        fn apply(&mut self, change: &Change) {
            match *change {
                Change::Put(member, score) => self.put(member, score.into()),
                Change::Remove(member) => {
                    self.store.zset_remove(&mut self.key, member.to_string().as_bytes()).expect("it is in memory");
                }
                Change::Cut(rank, count) => {
                    for scored in self.plain(rank.into(), count.into()) {
                        self.store.zset_remove(&mut self.key, &scored.member).expect("it is in memory");
                    }
                }
                Change::Fill(count, score) => {
                    (0..count).for_each(|at| self.put(3000 + self.filled + at, score.into()));
                    self.filled += count;
                }
                Change::Undo(count, score) => {
                    self.store.commit().expect("it is in memory");
                    for Scored { member, score: old } in self.plain(0, count.into()) {
                        self.store.zset_update(&self.key, &member, (old, score.into())).expect("it is in memory");
                    }
                    self.store.rollback();
                    self.key = self.find(b"z");
                }
                Change::Renew => {
                    let mut other = self.find(b"other");
                    for Scored { member, .. } in self.store.zset_members(&other).expect("members") {
                        self.store.zset_remove(&mut other, &member).expect("it is in memory");
                    }
                    for Scored { member, score } in self.plain(0, -1) {
                        self.store.zset_insert(&mut other, &member, -score).expect("it is in memory");
                    }
                    self.store.update_extent(&other).expect("it is in memory");
                    self.store.delete(&self.key).expect("it is in memory");
                    self.store.copy(&other, 0, b"z").expect("it is in memory");
                    let id = self.key.id;
                    self.key = self.find(b"z");
                    assert_eq!(self.key.id, id, "the id is used again");
                }
            }
            if self.key.length == 0 {
                self.put(1, 1.0);
            }
            self.store.update_extent(&self.key).expect("it is in memory");
        }

        fn find(&mut self, name: &[u8]) -> Key {
            self.store.find(0, name).expect("it is in memory").expect("it is there")
        }

        fn plain(&self, start: i64, limit: i64) -> Vec<Scored> {
            let mut members = self.store.zset_members(&self.key).expect("members");
            members.drain(..members.len().min(start as usize));
            members.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
            members
        }

        /// Compares what depends on ranks with what follows from all members.
        fn check(&mut self, start: i64, limit: i64, (low, high): (f64, f64)) {
            let all = self.plain(0, -1);
            assert_eq!(self.key.length, all.len() as i64);
            let forward = self.store.zset_by_rank(&self.key, start, limit, false).expect("members");
            assert_eq!(forward, self.plain(start, limit), "{limit} from rank {start} on");
            let mut backward = self.store.zset_by_rank(&self.key, start, limit, true).expect("members");
            backward.reverse();
            let end = (self.key.length - start).max(0);
            let from = if limit < 0 { 0 } else { (end - limit).max(0) };
            assert_eq!(backward, self.plain(from, end - from), "{limit} from rank {start} on in reverse");
            if let Some(Scored { member, score }) = forward.first() {
                assert_eq!(
                    self.store.zset_rank(&self.key, member, *score).expect("a rank"),
                    start,
                    "rank of {member:?}"
                );
            }
            let within = all.iter().filter(|scored| (low..=high).contains(&scored.score)).count() as i64;
            assert_eq!(self.store.zset_count(&self.key, (low, high)).expect("a count"), within, "{low} to {high}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

        #[test]
        fn ranks_are_those_of_the_plain_order(
            changes in prop::collection::vec((change(), 0..2000i64, -1..40i64, -9..9i8, 0..4u8), 1..50)
        ) {
            let mut fixture = Fixture::new();
            for (change, start, limit, low, width) in changes {
                fixture.apply(&change);
                let bounds = (f64::from(low), f64::from(low) + f64::from(width));
                fixture.check(start % fixture.key.length, limit, bounds);
                fixture.check(fixture.key.length / 2, 3, (f64::NEG_INFINITY, f64::INFINITY));
            }
        }
    }

    #[test]
    fn as_many_indexes_are_kept_as_there_may_be() {
        let mut store = Store::open_memory(FileOptions::default()).expect("SQLite has memory");
        let mut ranks = Vec::new();
        for name in 0..INDEXES_MAX as u8 + 3 {
            let mut key = store.create(0, &[name], Type::SortedSet).expect("a new key");
            for member in 0..MEMBERS_MIN {
                store.zset_insert(&mut key, member.to_string().as_bytes(), member as f64).expect("it is in memory");
            }
            ranks.push(store.zset_rank(&key, b"500", 500.0).expect("a rank"));
        }
        assert_eq!(store.ranks.indexes.len(), INDEXES_MAX);
        assert!(!store.ranks.indexes.contains_key(&1) && ranks.iter().all(|&rank| rank == 500), "{ranks:?}");
    }
}
