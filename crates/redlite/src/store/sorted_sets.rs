//! Members of sorted sets and their scores.
//!
//! A key's length is kept by what adds and removes; its caller stores it with [`Store::update_extent`]. What depends
//! on ranks goes through [`super::ranks`].
//!
//! Redis keeps a small sorted set as a compact list, which has no -0: a score of -0 becomes 0 in it. Once the set
//! has outgrown the list it is a skip list for good, which keeps the sign. Which of the two a key is, says
//! [`Key::is_compact`].

use std::ops::ControlFlow;

use rusqlite::{Row, params};

use super::{Key, Store, bytes, ranks};
use crate::failure::Failure;

/// A member of a sorted set with its score, which is no NaN.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scored {
    pub member: Vec<u8>,
    pub score: f64,
}

impl Scored {
    /// Reads the columns `member, score, negative_zero`.
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { member: bytes(row, 0)?, score: score_from(row, 1)? })
    }
}

/// Reads the columns `score, negative_zero`, of which the first is `at`.
fn score_from(row: &Row<'_>, at: usize) -> rusqlite::Result<f64> {
    Ok(if row.get(at + 1)? { -0.0 } else { row.get(at)? })
}

fn is_negative_zero(score: f64) -> bool {
    score == 0.0 && score.is_sign_negative()
}

/// The score as it is kept in this key.
fn kept(key: &Key, score: f64) -> f64 {
    // Adding 0 makes -0 to 0 and leaves every other number as it is.
    if key.is_compact() { score + 0.0 } else { score }
}

impl Store {
    /// The member's score.
    pub fn zset_score(&self, key: &Key, member: &[u8]) -> Result<Option<f64>, Failure> {
        Ok(self.row(
            "SELECT score, negative_zero FROM zset_members WHERE key_id = ?1 AND member = ?2",
            params![key.id, member],
            |row| score_from(row, 0),
        )?)
    }

    /// Adds a member that is not there.
    pub fn zset_insert(&mut self, key: &mut Key, member: &[u8], score: f64) -> Result<(), Failure> {
        key.outgrow_sorted_set(key.length + 1, member.len());
        let score = kept(key, score);
        self.write(
            "INSERT INTO zset_members (key_id, member, score, negative_zero) VALUES (?1, ?2, ?3, ?4)",
            params![key.id, member, score, is_negative_zero(score)],
        )?;
        key.length += 1;
        self.note_rank(key, member, score)
    }

    /// Gives a member that is there, and has the score `old`, the score `new`.
    pub fn zset_update(&mut self, key: &Key, member: &[u8], (old, new): (f64, f64)) -> Result<(), Failure> {
        self.touch(key);
        let new = kept(key, new);
        self.write(
            "UPDATE zset_members SET score = ?3, negative_zero = ?4 WHERE key_id = ?1 AND member = ?2",
            params![key.id, member, new, is_negative_zero(new)],
        )?;
        self.ranks.removed(key, member, old);
        self.note_rank(key, member, new)
    }

    /// Removes a member; true where it was there.
    pub fn zset_remove(&mut self, key: &mut Key, member: &[u8]) -> Result<bool, Failure> {
        if !self.ranks.covers(key) {
            let removed =
                self.write("DELETE FROM zset_members WHERE key_id = ?1 AND member = ?2", params![key.id, member])?;
            key.length -= removed as i64;
            return Ok(removed > 0);
        }
        let score = self.write_returning(
            "DELETE FROM zset_members WHERE key_id = ?1 AND member = ?2 RETURNING score",
            params![key.id, member],
            |row| row.get(0),
        )?;
        if let Some(score) = score {
            key.length -= 1;
            self.ranks.removed(key, member, score);
        }
        Ok(score.is_some())
    }

    /// How many members come before this one, which has this score.
    pub fn zset_rank(&mut self, key: &Key, member: &[u8], score: f64) -> Result<i64, Failure> {
        self.rank_of(key, score, member)
    }

    /// Every member, in their order.
    pub fn zset_members(&self, key: &Key) -> Result<Vec<Scored>, Failure> {
        Ok(self.rows(
            "SELECT member, score, negative_zero FROM zset_members WHERE key_id = ?1 ORDER BY score, member",
            [key.id],
            Scored::from_row,
        )?)
    }

    /// The members from the rank `start` on, at most `limit`, or all with -1; `reverse` counts from the end.
    pub fn zset_by_rank(&mut self, key: &Key, start: i64, limit: i64, reverse: bool) -> Result<Vec<Scored>, Failure> {
        let left = (key.length - start).max(0);
        let count = if limit < 0 { left } else { limit.min(left) };
        // From here on ranks count from the front.
        let from = if reverse { left - count } else { start };
        let behind = key.length - from - count;
        let from_end = behind < from;
        let offset = if from_end { behind } else { from };
        let mut members = if offset >= ranks::MEMBERS_MIN {
            self.zset_from_rank(key, from, count)?
        } else {
            let sql = if from_end {
                "SELECT member, score, negative_zero FROM zset_members WHERE key_id = ?1
                 ORDER BY score DESC, member DESC LIMIT ?3 OFFSET ?2"
            } else {
                "SELECT member, score, negative_zero FROM zset_members WHERE key_id = ?1
                 ORDER BY score, member LIMIT ?3 OFFSET ?2"
            };
            self.rows(sql, params![key.id, offset, count], Scored::from_row)?
        };
        let is_reversed = from_end && offset < ranks::MEMBERS_MIN;
        if is_reversed != reverse {
            members.reverse();
        }
        Ok(members)
    }

    /// So many members from a rank on that is far from either end.
    fn zset_from_rank(&mut self, key: &Key, rank: i64, count: i64) -> Result<Vec<Scored>, Failure> {
        self.near_rank(key, rank, |store, (score, member), offset| {
            store.rows(
                "SELECT member, score, negative_zero FROM zset_members
                 WHERE key_id = ?1 AND (score, member) >= (?2, ?3) ORDER BY score, member LIMIT ?5 OFFSET ?4",
                params![key.id, score, member, offset, count],
                Scored::from_row,
            )
        })
    }

    /// The members with scores from `low` to `high`, without the first `offset`, at most `limit`, or all with -1.
    pub fn zset_by_score(
        &self,
        key: &Key,
        (low, high): (f64, f64),
        (offset, limit): (i64, i64),
        reverse: bool,
    ) -> Result<Vec<Scored>, Failure> {
        let sql = if reverse {
            "SELECT member, score, negative_zero FROM zset_members WHERE key_id = ?1 AND score BETWEEN ?2 AND ?3
             ORDER BY score DESC, member DESC LIMIT ?5 OFFSET ?4"
        } else {
            "SELECT member, score, negative_zero FROM zset_members WHERE key_id = ?1 AND score BETWEEN ?2 AND ?3
             ORDER BY score, member LIMIT ?5 OFFSET ?4"
        };
        Ok(self.rows(sql, params![key.id, low, high, offset, limit], Scored::from_row)?)
    }

    /// Shows `visit` the members with scores from `low` to `high`, in their order, until it breaks.
    pub fn zset_walk_scores(
        &self,
        key: &Key,
        (low, high): (f64, f64),
        mut visit: impl FnMut(Scored) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        let sql = "SELECT member, score, negative_zero FROM zset_members
                   WHERE key_id = ?1 AND score BETWEEN ?2 AND ?3 ORDER BY score, member";
        self.walk(sql, params![key.id, low, high], |row| Ok(visit(Scored::from_row(row)?)))?;
        Ok(())
    }

    /// Of a set whose members all have this score: those from `low` to before `high`, as [`Store::zset_by_score`].
    pub fn zset_by_member(
        &self,
        key: &Key,
        score: f64,
        (low, high): (&[u8], &[u8]),
        (offset, limit): (i64, i64),
        reverse: bool,
    ) -> Result<Vec<Scored>, Failure> {
        let sql = if reverse {
            "SELECT member, score, negative_zero FROM zset_members
             WHERE key_id = ?1 AND score = ?2 AND member >= ?3 AND member < ?4
             ORDER BY member DESC LIMIT ?6 OFFSET ?5"
        } else {
            "SELECT member, score, negative_zero FROM zset_members
             WHERE key_id = ?1 AND score = ?2 AND member >= ?3 AND member < ?4
             ORDER BY member LIMIT ?6 OFFSET ?5"
        };
        Ok(self.rows(sql, params![key.id, score, low, high, offset, limit], Scored::from_row)?)
    }

    /// How many members [`Store::zset_by_member`] gives without an offset and a limit.
    pub fn zset_count_members(&mut self, key: &Key, score: f64, (low, high): (&[u8], &[u8])) -> Result<i64, Failure> {
        Ok((self.rank_of(key, score, high)? - self.rank_of(key, score, low)?).max(0))
    }

    /// How many members have scores from `low` to `high`.
    pub fn zset_count(&mut self, key: &Key, (low, high): (f64, f64)) -> Result<i64, Failure> {
        if low > high {
            return Ok(0);
        }
        let end = if high == f64::INFINITY { key.length } else { self.rank_of(key, high.next_up(), b"")? };
        Ok(end - self.rank_of(key, low, b"")?)
    }
}
