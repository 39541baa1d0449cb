//! What EXEC answers: each reply is held to the rule of the command that it belongs to.

use std::collections::BTreeMap;

use super::{Class, Settings, frames, rules};
use crate::faults;
use crate::trace::{Act, Op};
use resp::{Argv, Reply};

/// What each connection has queued since its MULTI, as the reference said.
#[derive(Debug, Default)]
pub struct Queues {
    of: BTreeMap<u16, Vec<Argv>>,
}

impl Queues {
    /// True where this connection is between MULTI and what ends it.
    pub fn is_open(&self, conn: u16) -> bool {
        self.of.contains_key(&conn)
    }

    /// Takes in an op with the reference's reply. Returns the commands that it has run, where it is an EXEC.
    pub fn note(&mut self, op: &Op, want: &Reply) -> Option<Vec<Argv>> {
        let Act::Call(argv) = &op.act else {
            match &op.act {
                Act::Close => drop(self.of.remove(&op.conn)),
                act if faults::ends_process(act) => self.of.clear(),
                _ => {}
            }
            return None;
        };
        if argv.is_word("MULTI") {
            self.of.entry(op.conn).or_default();
            return None;
        }
        if argv.says(0, "QUIT") {
            self.of.remove(&op.conn);
        }
        let queue = self.of.get_mut(&op.conn)?;
        if argv.is_word("EXEC") {
            return self.of.remove(&op.conn);
        }
        match want.frames().last() {
            Some(Reply::Simple(text)) if text == b"QUEUED" => queue.push(argv.clone()),
            _ if argv.is_word("DISCARD") || argv.is_word("RESET") => drop(self.of.remove(&op.conn)),
            _ => {}
        }
        None
    }
}

/// Compares two replies to the EXEC `op`, which ran the commands of `queue`. `None` where they are the same by the
/// rules of these commands.
pub fn compare(settings: &Settings, op: &Op, queue: &[Argv], want: &Reply, got: &Reply) -> Option<Class> {
    let (Some(wants), Some(gots)) = (Replies::of(op, want, queue.len()), Replies::of(op, got, queue.len())) else {
        return rules::compare(settings, op, want, got);
    };
    if wants.before != gots.before || wants.rest.len() != gots.rest.len() {
        return rules::compare(settings, op, want, got);
    }
    let mut at = 0;
    for argv in queue {
        let count = wants.count(at, argv);
        let (Some(own), Some(others)) = (wants.rest.get(at..at + count), gots.rest.get(at..at + count)) else {
            return rules::compare(settings, op, want, got);
        };
        at += count;
        let inner = Op { conn: op.conn, act: Act::Call(argv.clone()) };
        let differs = |own: &[Reply], others: &[Reply]| {
            own.iter().zip(others).find_map(|(want, got)| compare_one(settings, op, &inner, want, got))
        };
        // A command alone has one reply. What it sends besides may have no order.
        let found = if count == 1 {
            differs(own, others)
        } else {
            differs(&frames::in_order(&inner, own), &frames::in_order(&inner, others))
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

/// Compares the replies to one command of the queue, which is `inner`.
fn compare_one(settings: &Settings, op: &Op, inner: &Op, want: &Reply, got: &Reply) -> Option<Class> {
    // Nobody goes on with such an iteration, and how far a step of it gets depends on the server's hash seed.
    if inner.argv().and_then(spec::start_of_iteration).is_some()
        && is_step(want)
        && is_step(got)
        && (!ends(want) || !ends(got))
    {
        return None;
    }
    let inner = rules::compare(settings, inner, want, got)?;
    let kind = format!("{}:{}", inner.command, inner.kind);
    Some(Class { command: rules::command_name(op, want), rule: inner.rule, kind })
}

/// What EXEC was answered.
struct Replies {
    /// Messages that came before.
    before: Vec<Reply>,
    /// A reply for each command of the queue. One to a subscription to several channels has a frame for each, and before
    /// one come the messages that the command has sent to its own client; the array is announced to hold one frame a
    /// command: as many of the last replies then stand behind it.
    rest: Vec<Reply>,
}

impl Replies {
    /// `None` where there is no array of so many replies.
    fn of(op: &Op, reply: &Reply, commands: usize) -> Option<Self> {
        let mut before = reply.frames().to_vec();
        let is_array = |frame: &Reply| matches!(frame, Reply::Array(items) if items.len() == commands);
        let at = before.iter().position(|frame| is_array(frame) && frames::event(frame).is_none())?;
        let behind = before.split_off(at + 1);
        let Some(Reply::Array(mut rest)) = before.pop() else { return None };
        rest.extend(behind);
        Some(Self { before: frames::in_order(op, &before), rest })
    }

    /// How many of the replies from `at` on are to this command, messages before it included.
    fn count(&self, at: usize, argv: &Argv) -> usize {
        let messages =
            self.rest.get(at..).unwrap_or_default().iter().take_while(|reply| frames::is_message(reply)).count();
        messages + self.count_own(at + messages, argv)
    }

    fn count_own(&self, at: usize, argv: &Argv) -> usize {
        let name = argv.get(0).unwrap_or_default().to_ascii_lowercase();
        let is_of = |reply: &&Reply| {
            let event = frames::event(reply).and_then(|parts| parts.first()?.as_bytes());
            event.is_some_and(|kind| kind == name) && name.ends_with(b"subscribe")
        };
        let channels = Some(argv.len() - 1).filter(|&count| count > 0).unwrap_or(usize::MAX);
        let told = self.rest.get(at..).unwrap_or_default().iter().take(channels).take_while(is_of).count();
        told.max(1)
    }
}

/// True for a reply of SCAN or its kin: `[cursor, elements]`.
fn is_step(reply: &Reply) -> bool {
    matches!(reply.as_elements(), Some([Reply::Bulk(_), Reply::Array(_)]))
}

/// True where an iteration is at its end.
fn ends(step: &Reply) -> bool {
    step.as_elements().and_then(<[Reply]>::first).and_then(Reply::as_bytes) == Some(b"0")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(line: &str) -> Op {
        Op::call(0, line.split(' ').collect::<Argv>())
    }

    fn array(items: &[&str]) -> Reply {
        Reply::Array(items.iter().map(|&item| Reply::bulk(item)).collect())
    }

    /// Runs `lines` in a transaction of which the last reply is `want`, and `got`.
    #[track_caller]
    fn check(lines: &[&str], want: &[&str], got: &[&str], expected: &str) {
        let mut queues = Queues::default();
        assert_eq!(queues.note(&call("MULTI"), &Reply::ok()), None);
        for line in lines {
            queues.note(&call(line), &Reply::Simple(b"QUEUED".to_vec()));
        }
        let replies = |last: &[&str]| {
            let before = lines.iter().skip(1).map(|_| Reply::Int(1));
            Reply::Array(before.chain([array(last)]).collect())
        };
        let (want, got) = (replies(want), replies(got));
        let queue = queues.note(&call("EXEC"), &want).expect("a transaction is open");
        assert_eq!(queues.note(&call("EXEC"), &want), None, "it is closed by EXEC");
        let found = compare(&Settings::default(), &call("EXEC"), &queue, &want, &got);
        assert_eq!(found.map_or_else(|| "same".to_owned(), |class| class.to_string()), expected, "{lines:?}");
    }

    #[test]
    fn messages_that_came_before_may_be_in_another_order() {
        let of = |pattern: &str| Reply::Push(["pmessage", pattern, "c", "x"].map(Reply::bulk).to_vec());
        let reply = |patterns: [&str; 2], id| {
            Reply::Frames(vec![of(patterns[0]), of(patterns[1]), Reply::Array(vec![Reply::Int(id)])])
        };
        let queue = ["CLIENT ID".split(' ').collect::<Argv>()];
        let compare = |got| compare(&Settings::default(), &call("EXEC"), &queue, &reply(["*", "c*"], 5), &got);
        assert_eq!(compare(reply(["c*", "*"], 7)), None);
        assert!(compare(reply(["c*", "d*"], 7)).is_some());
    }

    /// As where a client publishes to itself in a transaction.
    #[test]
    fn messages_before_a_reply_may_be_in_another_order() {
        let of = |pattern: &str| Reply::Push(["pmessage", pattern, "c", "x"].map(Reply::bulk).to_vec());
        let queue = ["PUBLISH c x", "SMEMBERS k"].map(|line| line.split(' ').collect::<Argv>());
        let reply = |patterns: [&str; 2], count, members: &[&str]| {
            let first = Reply::Array(vec![of(patterns[0]), of(patterns[1])]);
            Reply::Frames(vec![first, Reply::Int(count), array(members)])
        };
        let want = reply(["*", "c*"], 2, &["a", "b"]);
        let compare =
            |got| compare(&Settings::default(), &call("EXEC"), &queue, &want, &got).map(|class| class.to_string());
        assert_eq!(compare(reply(["c*", "*"], 2, &["b", "a"])), None);
        assert_eq!(compare(reply(["c*", "*"], 1, &["a", "b"])).as_deref(), Some("EXEC exact PUBLISH:int-value"));
        assert!(compare(reply(["c*", "d*"], 2, &["a", "b"])).is_some());
    }

    #[test]
    fn a_subscription_to_several_channels_has_several_replies() {
        let told = |channel: &str, count| {
            Reply::Array(vec![Reply::bulk("subscribe"), Reply::bulk(channel), Reply::Int(count)])
        };
        let queue: Vec<Argv> =
            ["INCR n", "SUBSCRIBE a b", "CLIENT ID"].iter().map(|line| line.split(' ').collect()).collect();
        let reply = |n, channel, id| {
            let array = Reply::Array(vec![Reply::Int(n), told("a", 1), told(channel, 2)]);
            Reply::Frames(vec![array, Reply::Int(id)])
        };
        let compare = |got| {
            compare(&Settings::default(), &call("EXEC"), &queue, &reply(1, "b", 5), &got).map(|class| class.to_string())
        };
        assert_eq!(compare(reply(1, "b", 7)), None);
        assert_eq!(compare(reply(2, "b", 7)).as_deref(), Some("EXEC exact INCR:int-value"));
        assert_eq!(compare(reply(1, "c", 7)).as_deref(), Some("EXEC exact SUBSCRIBE:array-element"));
        let short = Reply::Array(vec![Reply::Int(1), told("a", 1), told("b", 2)]);
        assert!(compare(short).is_some(), "a reply is missing");
    }

    #[test]
    fn channels_that_are_left_all_at_once_have_no_order() {
        let told = |channel: &str, count| {
            Reply::Array(vec![Reply::bulk("unsubscribe"), Reply::bulk(channel), Reply::Int(count)])
        };
        let check = |line: &str, expected: bool| {
            let queue = [line.split(' ').collect::<Argv>()];
            let reply =
                |names: [&str; 2]| Reply::Frames(vec![Reply::Array(vec![told(names[0], 1)]), told(names[1], 0)]);
            let found = compare(&Settings::default(), &call("EXEC"), &queue, &reply(["a", "b"]), &reply(["b", "a"]));
            assert_eq!(found.is_none(), expected, "{line}: {found:?}");
        };
        check("UNSUBSCRIBE", true);
        check("UNSUBSCRIBE a b", false);
    }

    #[test]
    fn a_step_of_an_iteration_goes_as_far_as_the_server_takes_it() {
        let step = |cursor: &str, items: &[&str]| Reply::Array(vec![Reply::bulk(cursor), array(items)]);
        let queue = ["SSCAN k 0 COUNT 1".split(' ').collect::<Argv>()];
        let compare = |want, got| {
            let (want, got) = (Reply::Array(vec![want]), Reply::Array(vec![got]));
            compare(&Settings::default(), &call("EXEC"), &queue, &want, &got).map(|class| class.to_string())
        };
        assert_eq!(compare(step("0", &["a"]), step("2", &[])), None);
        assert_eq!(compare(step("0", &["a"]), step("0", &[])).as_deref(), Some("EXEC cursor SSCAN:scan-element"));
        assert!(compare(step("0", &["a"]), Reply::NullArray).is_some());
    }

    #[test]
    fn each_reply_has_its_own_rule() {
        check(&["INCR n", "SMEMBERS k"], &["a", "b"], &["b", "a"], "same");
        check(&["INCR n", "LRANGE k 0 -1"], &["a", "b"], &["b", "a"], "EXEC exact LRANGE:array-element");
        check(&["SMEMBERS k"], &["a", "b"], &["a"], "EXEC unordered SMEMBERS:array-length");
    }
}
