//! How Redis would keep a key: what OBJECT ENCODING tells.
//!
//! Most of it follows from the value. What does not is the key's history: a hash, a set or a sorted set that has
//! outgrown its compact form never goes back, and a string that was changed in place is not looked at again. This is
//! the `head` of a key that is no list: 0, [`EXPANDED`] or [`PLAIN`]. Limits are those of Redis' default
//! configuration; source: `object.c` and `t_*.c` of Redis 7.0, probed.

use super::{Key, Store, Type};
use crate::failure::Failure;
use crate::number;

/// The `head` of a string that was changed in place, and of a hash, set or sorted set that is kept in tables.
const EXPANDED: i64 = 1;

/// The `head` of a string that is not kept as an integer although it is one.
const PLAIN: i64 = 2;

/// `hash-max-listpack-entries`, `set-max-intset-entries` and `zset-max-listpack-entries`.
const HASH_FIELDS_MAX: i64 = 512;
const SET_MEMBERS_MAX: i64 = 512;
const SORTED_SET_MEMBERS_MAX: i64 = 128;

/// `hash-max-listpack-value` and `zset-max-listpack-value`, in bytes.
const COMPACT_BYTES_MAX: usize = 64;

/// The longest string that is kept in one piece with its header, in bytes.
const EMBEDDED_BYTES_MAX: usize = 44;

/// The largest string that may be an integer, in bytes.
const INTEGER_BYTES_MAX: usize = 20;

/// What a string was made by, as far as its encoding depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It was given as a whole, or counted: an integer is kept as one.
    Whole,
    /// It is a float's text.
    Float,
    /// It was changed in place.
    Changed,
}

impl Origin {
    /// The `head` that says so.
    pub(super) fn head(self) -> i64 {
        match self {
            Origin::Whole => 0,
            Origin::Float => PLAIN,
            Origin::Changed => EXPANDED,
        }
    }
}

impl Key {
    /// False once Redis would keep the hash, set or sorted set in tables.
    pub fn is_compact(&self) -> bool {
        self.head != EXPANDED
    }

    /// What OBJECT ENCODING answers, of a string with its value.
    pub fn encoding(&self, value: Option<&[u8]>) -> &'static str {
        match (self.kind, self.head) {
            (Type::String, head) => string_encoding(value.unwrap_or_default(), head),
            (Type::List, _) => "quicklist",
            (Type::Hash | Type::Set, EXPANDED) => "hashtable",
            (Type::SortedSet, EXPANDED) => "skiplist",
            (Type::Hash | Type::SortedSet, _) => "listpack",
            (Type::Set, _) => "intset",
            // types
            (Type::Stream, _) => "stream",
        }
    }

    /// Notes that the hash has a field of so many bytes with such a value; true where that makes it outgrow its
    /// compact form.
    pub(super) fn outgrow_hash(&mut self, field_bytes: usize, value_bytes: usize) -> bool {
        let is_large = self.length > HASH_FIELDS_MAX || field_bytes.max(value_bytes) > COMPACT_BYTES_MAX;
        let outgrows = is_large && self.is_compact();
        if outgrows {
            self.head = EXPANDED;
        }
        outgrows
    }

    /// Notes that the set has this member.
    pub(super) fn outgrow_set(&mut self, member: &[u8]) {
        if self.is_compact() && (self.length > SET_MEMBERS_MAX || number::parse_integer(member).is_none()) {
            self.head = EXPANDED;
        }
    }

    /// Notes that what is left of the set was moved to a new one: these are its members.
    pub fn rebuild_set(&mut self, members: &[Vec<u8>]) {
        self.head = 0;
        members.iter().for_each(|member| self.outgrow_set(member));
    }

    /// Notes that the sorted set has so many members, the longest of so many bytes.
    pub fn outgrow_sorted_set(&mut self, members: i64, member_bytes_max: usize) {
        if members > SORTED_SET_MEMBERS_MAX || member_bytes_max > COMPACT_BYTES_MAX {
            self.head = EXPANDED;
        }
    }
}

fn string_encoding(value: &[u8], head: i64) -> &'static str {
    let is_integer = value.len() <= INTEGER_BYTES_MAX && number::parse_integer(value).is_some();
    match head {
        EXPANDED => "raw",
        0 if is_integer => "int",
        _ if value.len() <= EMBEDDED_BYTES_MAX => "embstr",
        _ => "raw",
    }
}

impl Store {
    /// Makes a sorted set one that has outgrown its compact form.
    pub fn expand_sorted_set(&mut self, key: &Key) -> Result<(), Failure> {
        if key.is_compact() {
            self.write_head(key, EXPANDED)?;
        }
        Ok(())
    }

    /// Notes that a command was about to change a string in place, whether it did or not.
    pub fn mark_changed(&mut self, key: &Key) -> Result<(), Failure> {
        if key.head != EXPANDED {
            self.write_head(key, EXPANDED)?;
        }
        Ok(())
    }

    /// Stores a key's encoding alone; the key was not touched.
    pub(super) fn write_head(&mut self, key: &Key, head: i64) -> Result<(), Failure> {
        self.release_row(key.id)?;
        self.write("UPDATE keys SET head = ?2 WHERE id = ?1", [key.id, head])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::commands::transcript::check;

    #[test]
    fn a_string_remembers_what_made_it() {
        check(
            "> SET k 12
             OK
             > OBJECT ENCODING k
             \"int\"
             > APPEND k 3
             3
             > OBJECT ENCODING k
             \"raw\"
             > INCR k
             124
             > OBJECT ENCODING k
             \"int\"
             > INCRBYFLOAT k 1
             \"125\"
             > OBJECT ENCODING k
             \"embstr\"
             > COPY k l
             1
             > OBJECT ENCODING l
             \"embstr\"
             > SETRANGE new 0 1
             1
             > OBJECT ENCODING new
             \"raw\"
             > APPEND other 1
             1
             > OBJECT ENCODING other
             \"int\"",
        );
    }

    #[test]
    fn what_has_outgrown_its_compact_form_stays() {
        let long = "x".repeat(65);
        check(&format!(
            "> HSET h f {long}
             1
             > HSET h f v
             0
             > OBJECT ENCODING h
             \"hashtable\"
             > SADD s 1 x
             2
             > SREM s x
             1
             > OBJECT ENCODING s
             \"hashtable\"
             > SUNIONSTORE t s
             1
             > OBJECT ENCODING t
             \"intset\"
             > ZADD z 1 {long} 2 a
             2
             > ZREM z {long}
             1
             > OBJECT ENCODING z
             \"skiplist\"
             > HSET i f v
             1
             > OBJECT ENCODING i
             \"listpack\""
        ));
    }
}
