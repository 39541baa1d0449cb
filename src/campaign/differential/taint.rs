//! What a known divergence has left different on both sides.

use std::collections::BTreeSet;

use crate::trace::{Act, Op};
use resp::Reply;
use spec::{self, Family, Keys};

/// The keys under which the two sides may hold other data, because a known divergence said so.
///
/// It errs on the side of silence: a key is tainted in every database, and an op is tainted by any argument that
/// is a tainted key. What is not judged for that is counted, and a bug hidden so shows in other traces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Taint {
    keys: BTreeSet<Vec<u8>>,
    /// Nothing can be trusted any more: a side has died or its connections are out of step.
    whole: bool,
}

impl Taint {
    /// True where both sides hold the same, as far as is known.
    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty() && !self.whole
    }

    /// True where nothing that follows can be judged.
    pub(super) fn is_whole(&self) -> bool {
        self.whole
    }

    /// True where this key may hold other data.
    pub(super) fn has_key(&self, key: &[u8]) -> bool {
        self.whole || self.keys.contains(key)
    }

    /// Takes in that this key may hold other data.
    pub(super) fn add_key(&mut self, key: &[u8]) {
        self.keys.insert(key.to_vec());
    }

    /// Takes in that both sides went different ways at `op`, with no wrong reply: what both refuse, neither has done, and
    /// where only one changes its connection, nothing that follows can be judged.
    pub(super) fn add_parting(&mut self, op: &Op, want: &Reply, got: &Reply) {
        if want.as_error().is_some() && got.as_error().is_some() {
            return;
        }
        if concerns_connection(op, want, got) {
            self.whole = true;
            return;
        }
        self.add_known(op, got);
    }

    /// Takes in that `op` had a known divergence, with this reply of the subject.
    pub(super) fn add_known(&mut self, op: &Op, got: &Reply) {
        if matches!(got, Reply::Hung | Reply::Closed | Reply::Pending) {
            self.whole = true;
            return;
        }
        self.add_effects(op);
    }

    /// True where the reply to `op` depends on tainted data. What `op` writes from that is tainted too, and what it
    /// empties is not any more.
    pub(super) fn reaches(&mut self, op: &Op) -> bool {
        if self.whole || self.keys.is_empty() {
            return self.whole;
        }
        let Act::Call(argv) = &op.act else { return false };
        let command = spec::lookup_request(argv);
        if command.is_some_and(|command| command.name == "FLUSHALL" && command.accepts(argv.len())) {
            self.keys.clear();
            return false;
        }
        let whole_database = command.is_some_and(|command| {
            command.keys == Keys::None && matches!(command.family, Family::Keys | Family::Server | Family::Transactions)
        });
        let reached = whole_database || argv.iter().skip(1).any(|arg| self.keys.contains(arg));
        if reached && !whole_database {
            self.add_effects(op);
        }
        reached
    }

    fn add_effects(&mut self, op: &Op) {
        let Act::Call(argv) = &op.act else {
            self.whole = true;
            return;
        };
        match spec::lookup_request(argv) {
            // What it did is not said here.
            Some(command) if command.name == "EXEC" => self.whole = true,
            Some(command) if !command.writes => {}
            Some(command) if command.keys == Keys::None => self.whole = true,
            Some(command) => self.keys.extend(command.keys(argv).into_iter().map(<[u8]>::to_vec)),
            None if argv.len() <= 1 => self.whole = true,
            None => self.keys.extend(argv.iter().skip(1).map(<[u8]>::to_vec)),
        }
    }
}

/// True where an op is about its connection: whether it waits, listens, or is in a transaction.
pub(super) fn concerns_connection(op: &Op, want: &Reply, got: &Reply) -> bool {
    const OF_CONNECTIONS: [Family; 4] = [Family::Transactions, Family::PubSub, Family::Blocking, Family::Connection];
    let command = op.argv().and_then(spec::lookup_request);
    let is_pending = [want, got].iter().any(|reply| matches!(reply, Reply::Pending | Reply::Frames(_)));
    is_pending || command.is_some_and(|command| OF_CONNECTIONS.contains(&command.family))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn op(line: &str) -> Op {
        Op::call(0, line.split(' ').collect::<resp::Argv>())
    }

    /// `known` diverged; `later` ops then run, and those named in `reached` cannot be judged.
    #[track_caller]
    fn check(known: &str, later: &[&str], reached: &[&str]) {
        let mut taint = Taint::default();
        taint.add_known(&op(known), &Reply::Int(0));
        let found: Vec<&str> = later.iter().copied().filter(|line| taint.reaches(&op(line))).collect();
        assert_eq!(found, reached, "after {known}");
    }

    #[test]
    fn a_reading_command_taints_nothing() {
        check("GET a", &["GET a", "KEYS *"], &[]);
    }

    #[test]
    fn a_writing_command_taints_its_keys() {
        check(
            "SET a 1",
            &["GET a", "GET b", "DBSIZE", "ECHO x", "RENAME a c", "GET c"],
            &["GET a", "DBSIZE", "RENAME a c", "GET c"],
        );
        check("EXEC", &["GET a"], &["GET a"]);
        check("MODULE.CALL a", &["GET a", "GET b"], &["GET a"]);
    }

    #[test]
    fn emptying_the_store_ends_it() {
        check("SET a 1", &["FLUSHALL", "GET a", "DBSIZE"], &[]);
        check("FLUSHDB", &["GET z", "FLUSHALL", "GET z"], &["GET z", "FLUSHALL", "GET z"]);
    }

    #[test]
    fn sides_that_part_differ_in_what_only_one_has_done() {
        let check = |line: &str, want: Reply, expected: [bool; 2]| {
            let mut taint = Taint::default();
            taint.add_parting(&op(line), &want, &Reply::error("ERR unknown command"));
            assert_eq!([taint.has_key(b"a"), taint.is_whole()], expected, "{line}");
        };
        check("LMPOP 1 a LEFT", Reply::Int(1), [true, false]);
        check("LMPOP 1 a LEFT", Reply::error("ERR syntax error"), [false, false]);
        check("MULTI", Reply::ok(), [true, true]);
        check("BLPOP a 0", Reply::Pending, [true, true]);
    }

    #[test]
    fn a_dead_side_taints_everything() {
        let mut taint = Taint::default();
        taint.add_known(&op("GET a"), &Reply::Closed);
        assert!(taint.is_whole() && taint.has_key(b"b") && taint.reaches(&op("GET b")));
    }
}
