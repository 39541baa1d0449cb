//! The keys that the ops of a trace name: all that a server can hold which tells no names.

use std::collections::BTreeSet;

use super::Name;
use crate::trace::Op;
use resp::Argv;

/// The most names that are remembered.
const NAMES_MAX: usize = 1000;
/// The most databases.
const DATABASES_MAX: usize = 16;

/// Keys and databases that ops hold.
#[derive(Debug, Default)]
pub(in crate::targets) struct Named {
    keys: BTreeSet<Vec<u8>>,
    /// Beside database 0.
    dbs: BTreeSet<u32>,
    /// True where there were more than are remembered, or bytes of which nothing is known.
    is_partial: bool,
}

impl Named {
    /// Takes the names in `ops`.
    pub fn add(&mut self, ops: &[Op]) {
        for op in ops {
            match (op.argv(), &op.act) {
                (Some(argv), _) => self.add_request(argv),
                (None, crate::trace::Act::Raw(_)) => self.is_partial = true,
                _ => {}
            }
        }
    }

    fn add_request(&mut self, argv: &Argv) {
        let Some(command) = spec::lookup_request(argv) else { return };
        for at in command.key_positions(argv) {
            if self.keys.len() < NAMES_MAX {
                self.keys.insert(argv[at].to_vec());
            } else {
                self.is_partial |= !self.keys.contains(&argv[at]);
            }
        }
        let places = match command.name {
            "SELECT" => 1..2,
            "SWAPDB" => 1..3,
            "MOVE" => 2..3,
            "COPY" => (3..argv.len()).find(|&at| argv.says(at, "DB")).map_or(0..0, |at| at + 1..at + 2),
            _ => 0..0,
        };
        for db in places.filter_map(|at| std::str::from_utf8(argv.get(at)?).ok()?.parse().ok()) {
            if self.dbs.len() < DATABASES_MAX {
                self.dbs.insert(db);
            }
        }
    }

    /// Takes those of `other`, too.
    pub fn join(&mut self, other: Named) {
        self.keys.extend(other.keys);
        self.dbs.extend(other.dbs);
        self.is_partial |= other.is_partial;
    }

    /// False where not every key that was named is remembered.
    pub fn is_whole(&self) -> bool {
        !self.is_partial
    }

    /// Every key in every database that was named, in order; of database 0 alone where there is no other.
    pub(in crate::targets) fn names(&self, has_databases: bool) -> Vec<Name> {
        let others = self.dbs.iter().copied().filter(|&db| has_databases && db > 0);
        let dbs: BTreeSet<u32> = others.chain([0]).collect();
        let in_db = |db: u32| self.keys.iter().map(move |key| Name { db, key: key.clone() });
        dbs.into_iter().flat_map(in_db).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(requests: &[&str], has_databases: bool, expected: &[&str]) {
        let mut named = Named::default();
        let ops: Vec<Op> = requests.iter().map(|request| Op::call(0, request.split(' ').collect::<Argv>())).collect();
        named.add(&ops);
        let names = named.names(has_databases);
        let names = names.iter().map(|name| format!("{}/{}", name.db, name.key.escape_ascii()));
        assert_eq!(names.collect::<Vec<_>>(), expected, "{requests:?}");
    }

    #[test]
    fn keys_are_looked_for_in_every_database_that_was_named() {
        check(&["SET b 1", "MGET a b", "PING", "NOSUCH c"], true, &["0/a", "0/b"]);
        check(&["SELECT 3", "SET a 1"], true, &["0/a", "3/a"]);
        check(&["SELECT 3", "SET a 1"], false, &["0/a"]);
        check(&["COPY a b REPLACE DB 2", "MOVE a 1"], true, &["0/a", "0/b", "1/a", "1/b", "2/a", "2/b"]);
    }

    #[test]
    fn names_are_bounded() {
        let mut named = Named::default();
        named.add(&(0..NAMES_MAX).map(|at| Op::call(0, ["GET", &at.to_string()])).collect::<Vec<_>>());
        assert!(named.is_whole());
        named.add(&[Op::call(0, ["GET", "0"])]);
        assert!(named.is_whole(), "that one is known");
        named.add(&[Op::call(0, ["GET", "one more"])]);
        assert!(!named.is_whole());
        assert_eq!(named.names(true).len(), NAMES_MAX);
    }
}
