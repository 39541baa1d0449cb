//! What empties a store, and what proves that it is empty: that every count is 0, and that no key which the ops before
//! named answers to a read. A server that forgets to remove some keys may forget to list them, too.

use super::keyspace::{self, Known, Named};
use super::ways::{Emptying, Ways};
use resp::{Argv, Reply};

/// Requests that empty a store, with what has to be answered.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Purge {
    requests: Vec<Argv>,
    checks: Vec<Check>,
}

/// What the reply to a request has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Check {
    Is(Reply),
    /// INFO tells of no key.
    NoKeys,
    /// There is no such key.
    Absent,
    /// It proves nothing.
    Anything,
}

impl Purge {
    /// What brings a connection that began with `setup` back to its start, and empties the store.
    pub fn of_connection(ways: &Ways, known: &Known, setup: &[Argv]) -> Self {
        let mut purge = Self::default();
        purge.push(Argv::from(["RESET"]), Check::Is(Reply::Simple(b"RESET".to_vec())));
        purge.begin(setup);
        if purge.add(ways, &known.named) {
            purge.push(Argv::from(["SELECT", "0"]), Check::Is(Reply::ok()));
            purge.begin(setup);
        }
        purge
    }

    /// What empties the store, on a connection of dst's own.
    pub fn of_store(ways: &Ways, known: &Known) -> Self {
        let mut purge = Self::default();
        purge.add(ways, &known.named);
        purge
    }

    /// Adds what empties the store and proves it. True where that selects databases.
    fn add(&mut self, ways: &Ways, named: &Named) -> bool {
        let names = named.names(ways.select);
        let mut selected = 0;
        match ways.emptying {
            Emptying::FlushAll => self.push(Argv::from(["FLUSHALL"]), Check::Is(Reply::ok())),
            Emptying::ByName => {
                for name in &names {
                    self.select(&mut selected, name.db());
                    self.push(Argv::from([b"DEL", name.key()]), Check::Anything);
                }
            }
            Emptying::Never => {}
        }
        if ways.info {
            self.push(keyspace::info_request(), Check::NoKeys);
        }
        for name in &names {
            self.select(&mut selected, name.db());
            let mut questions = Vec::new();
            keyspace::ask_presence(ways, name, &mut questions);
            questions.into_iter().for_each(|question| self.push(question, Check::Absent));
        }
        names.iter().any(|name| name.db() > 0)
    }

    fn select(&mut self, selected: &mut u32, db: u32) {
        if std::mem::replace(selected, db) != db {
            self.push(Argv::from(["SELECT", &db.to_string()]), Check::Anything);
        }
    }

    fn begin(&mut self, setup: &[Argv]) {
        setup.iter().for_each(|request| self.push(request.clone(), Check::Is(Reply::ok())));
    }

    fn push(&mut self, request: Argv, check: Check) {
        self.requests.push(request);
        self.checks.push(check);
    }

    /// What is sent, in order.
    pub fn requests(&self) -> &[Argv] {
        &self.requests
    }

    /// True where these replies to the requests prove that the store is empty.
    pub fn is_proved_by(&self, replies: &[Reply]) -> bool {
        let holds = |(check, reply): (&Check, &Reply)| match check {
            Check::Is(expected) => reply == expected,
            Check::NoKeys => keyspace::parse_info(reply).is_some_and(|databases| databases.is_empty()),
            Check::Absent => keyspace::is_absent(reply),
            Check::Anything => true,
        };
        replies.len() == self.checks.len() && self.checks.iter().zip(replies).all(holds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Op;

    /// The requests that empty a store after these.
    #[track_caller]
    fn check(ways: &Ways, before: &[&str], expected: &[&str]) {
        let mut known = Known::new();
        let ops: Vec<Op> = before.iter().map(|words| Op::call(0, words.split(' ').collect::<Argv>())).collect();
        known.named.add(&ops);
        let purge = Purge::of_store(ways, &known);
        let words = |argv: &Argv| argv.iter().map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ");
        assert_eq!(purge.requests().iter().map(words).collect::<Vec<_>>(), expected, "after {before:?}");
    }

    #[test]
    fn every_key_that_was_named_is_looked_for() {
        let all = Ways::all();
        check(&all, &[], &["FLUSHALL", "INFO keyspace"]);
        check(&all, &["SET b 1", "GET a"], &["FLUSHALL", "INFO keyspace", "TYPE a", "TYPE b"]);
        let in_two = ["FLUSHALL", "INFO keyspace", "TYPE a", "SELECT 2", "TYPE a"];
        check(&all, &["SET a 1", "SELECT 2"], &in_two);
        let by_name = Ways { emptying: Emptying::ByName, info: false, types: false, ..Ways::all() };
        check(&by_name, &["SET a 1"], &["DEL a", "EXISTS a"]);
        let reads = Ways { exists: false, kinds: Ways::all().kinds[..2].to_vec(), ..by_name };
        check(&reads, &["SET a 1"], &["DEL a", "GET a", "LRANGE a 0 -1"]);
    }

    #[test]
    fn one_key_that_is_left_is_no_empty_store() {
        let mut known = Known::new();
        known.named.add(&[Op::call(0, ["SET", "a", "1"])]);
        let purge = Purge::of_store(&Ways::all(), &known);
        let none = || Reply::Simple(b"none".to_vec());
        let empty = || Reply::bulk("# Keyspace\r\n");
        assert!(purge.is_proved_by(&[Reply::ok(), empty(), none()]));
        assert!(!purge.is_proved_by(&[Reply::ok(), empty(), Reply::Simple(b"hash".to_vec())]));
        assert!(!purge.is_proved_by(&[Reply::ok(), Reply::bulk("# Keyspace\r\ndb3:keys=1\r\n"), none()]));
        assert!(!purge.is_proved_by(&[Reply::error("ERR no"), empty(), none()]));
        assert!(!purge.is_proved_by(&[Reply::ok(), empty()]));
    }
}
