//! Commands that pick elements at random: the shape of the reply is exact, the choice is not.
//!
//! What was picked can only be judged by asking the subject right afterwards, on the same connection: [`probes`] are
//! these questions with the answers that are right. After a pop they also bring the subject to the reference's
//! state, so that the rest of the trace stays comparable.

use std::collections::BTreeSet;

use resp::{Argv, Reply};

use super::rules::sorted;
use super::{Settings, kind, rules};

/// A question to the subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The request.
    pub argv: Argv,
    /// What a right subject answers.
    pub expect: Expect,
    /// The divergence's kind where it answers otherwise.
    pub kind: &'static str,
}

/// The answer to a [`Probe`] that is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Just this.
    Exactly(Reply),
    /// Anything but a null.
    Anything,
}

impl Probe {
    /// True where `answer` is right, or where the subject lacks the command and so cannot be asked.
    pub fn accepts(&self, answer: &Reply) -> bool {
        rules::is_unknown_command(answer)
            || match &self.expect {
                Expect::Exactly(reply) => answer == reply,
                Expect::Anything => {
                    !matches!(answer, Reply::NullBulk | Reply::Null | Reply::Hung | Reply::Closed)
                        && answer.as_error().is_none()
                }
            }
    }
}

/// How a picking command's elements are asked for again.
struct Pick {
    command: &'static str,
    /// The option that puts a value beside each element.
    paired_by: &'static str,
    /// The probe for an element, and for its value where it came with one.
    probe: fn(key: &[u8], member: &[u8], value: Option<&Reply>) -> Probe,
}

const PICKS: [Pick; 4] = [
    Pick { command: "SRANDMEMBER", paired_by: "", probe: |key, member, _| is_one([b"SISMEMBER", key, member].into()) },
    Pick { command: "RANDOMKEY", paired_by: "", probe: |_, key, _| is_one([b"EXISTS", key].into()) },
    Pick {
        command: "HRANDFIELD",
        paired_by: "WITHVALUES",
        probe: |key, field, value| match value {
            None => is_one([b"HEXISTS", key, field].into()),
            Some(value) => has_value([b"HGET", key, field].into(), value),
        },
    },
    Pick {
        command: "ZRANDMEMBER",
        paired_by: "WITHSCORES",
        probe: |key, member, score| match score {
            None => Probe { argv: [b"ZSCORE", key, member].into(), expect: Expect::Anything, kind: "not-a-member" },
            Some(score) => has_value([b"ZSCORE", key, member].into(), score),
        },
    },
];

fn is_one(argv: Argv) -> Probe {
    Probe { argv, expect: Expect::Exactly(Reply::Int(1)), kind: "not-a-member" }
}

fn has_value(argv: Argv, value: &Reply) -> Probe {
    Probe { argv, expect: Expect::Exactly(value.clone()), kind: "wrong-value" }
}

/// Compares the shapes of two replies to a request that picks at random: sorts, numbers of elements, and that no
/// element comes twice unless a negative count allows it.
pub(super) fn compare(settings: &Settings, argv: &Argv, want: &Reply, got: &Reply) -> Option<String> {
    if let Some(kind) = shape_difference(settings, want, got) {
        return Some(kind);
    }
    let repeats = argv.get(2).is_some_and(|count| count.starts_with(b"-"));
    let members: Vec<&Reply> = elements(argv, got).into_iter().map(|(member, _)| member).collect();
    let distinct: BTreeSet<_> = members.iter().map(|member| member.as_bytes()).collect();
    (!repeats && distinct.len() < members.len()).then(|| "repeated-element".into())
}

/// As [`kind::difference`], but the content of strings and numbers does not count.
fn shape_difference(settings: &Settings, want: &Reply, got: &Reply) -> Option<String> {
    if want.kind() != got.kind() || want.as_error().is_some() {
        return kind::difference(want, got, settings.errors);
    }
    let (Some(want_items), Some(got_items)) = (want.as_elements(), got.as_elements()) else { return None };
    let sort = kind::sort_name(want);
    if want_items.len() != got_items.len() {
        return Some(format!("{sort}-length"));
    }
    want_items.iter().zip(got_items).find_map(|(want, got)| {
        shape_difference(settings, want, got)?;
        Some(kind::element_kind(sort, want, got))
    })
}

/// What to ask the subject after it answered `got` to `argv` where the reference answered `want`, in this order.
///
/// Both have the same shape: the caller has compared them. There is nothing to ask where both picked the same, nor
/// for a command that does not pick.
pub fn probes(argv: &Argv, want: &Reply, got: &Reply) -> Vec<Probe> {
    let Some(name) = argv.get(0) else { return Vec::new() };
    if want == got || got.as_error().is_some() {
        return Vec::new();
    }
    if name.eq_ignore_ascii_case(b"SPOP") {
        return reconcile(argv, want, got);
    }
    let Some(pick) = PICKS.iter().find(|pick| name.eq_ignore_ascii_case(pick.command.as_bytes())) else {
        return Vec::new();
    };
    let key = argv.get(1).unwrap_or_default();
    let mut probes: Vec<Probe> = Vec::new();
    let mut seen = BTreeSet::new();
    for (member, value) in elements(argv, got) {
        // A value that comes with a repeated element may differ from the first, so it is asked for again.
        if let Some(bytes) = member.as_bytes()
            && (seen.insert(bytes) || value.is_some())
        {
            probes.push((pick.probe)(key, bytes, value));
        }
    }
    probes
}

/// Puts back what the subject popped, and removes what the reference popped.
///
/// Where both popped everything they popped the same, and there is nothing to do. Where they did not pop the same,
/// members are left on both sides, so the key and its expiry stay through this.
fn reconcile(argv: &Argv, want: &Reply, got: &Reply) -> Vec<Probe> {
    let (want, got) = (items(want), items(got));
    if sorted(want) == sorted(got) {
        return Vec::new();
    }
    let Some(key) = argv.get(1) else { return Vec::new() };
    let request = |command: &str, members: &[Reply], kind| {
        let mut argv = Argv::from([command.as_bytes(), key]);
        members.iter().filter_map(Reply::as_bytes).for_each(|member| argv.push(member));
        Probe { argv, expect: Expect::Exactly(Reply::Int(members.len() as i64)), kind }
    };
    vec![request("SADD", got, "not-removed"), request("SREM", want, "not-a-member")]
}

/// The elements of an aggregate, or the reply itself.
fn items(reply: &Reply) -> &[Reply] {
    reply.as_elements().unwrap_or(std::slice::from_ref(reply))
}

/// The elements that were picked, with their values where the request asked for these: flat in RESP2, pairs in RESP3.
fn elements<'a>(argv: &Argv, reply: &'a Reply) -> Vec<(&'a Reply, Option<&'a Reply>)> {
    let option = argv.get(3).unwrap_or_default();
    let paired = PICKS.iter().any(|pick| {
        argv[0].eq_ignore_ascii_case(pick.command.as_bytes())
            && !pick.paired_by.is_empty()
            && option.eq_ignore_ascii_case(pick.paired_by.as_bytes())
    });
    if matches!(reply, Reply::NullBulk | Reply::NullArray | Reply::Null) {
        return Vec::new();
    }
    let items = items(reply);
    if !paired {
        return items.iter().map(|item| (item, None)).collect();
    }
    let nested: Option<Vec<_>> = items
        .iter()
        .map(|item| match item.as_elements() {
            Some([member, value]) => Some((member, Some(value))),
            _ => None,
        })
        .collect();
    nested.unwrap_or_else(|| items.as_chunks::<2>().0.iter().map(|[member, value]| (member, Some(value))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Op;
    use crate::trace::text::{format_op, format_reply};

    /// Words in brackets are an array, one word a bulk string, none a null.
    fn reply(text: &str) -> Reply {
        match text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
            Some(items) => Reply::Array(items.split_whitespace().map(Reply::bulk).collect()),
            None if text.is_empty() => Reply::NullBulk,
            None => Reply::bulk(text),
        }
    }

    /// The probes with their right answers, as `REQUEST = ANSWER`.
    #[track_caller]
    fn check(request: &str, want: &str, got: &str, expected: &[&str]) {
        let found: Vec<String> = probes(&request.split(' ').collect(), &reply(want), &reply(got))
            .into_iter()
            .map(|probe| {
                let answer = match probe.expect {
                    Expect::Exactly(reply) => format_reply(&reply),
                    Expect::Anything => "anything".into(),
                };
                format!("{} = {answer}", format_op(&Op::call(0, probe.argv)))
            })
            .collect();
        assert_eq!(found, expected, "{request}: {want} against {got}");
    }

    #[test]
    fn picks_are_asked_for() {
        check("SRANDMEMBER k", "a", "b", &["SISMEMBER k b = (integer) 1"]);
        check("SRANDMEMBER k 2", "[a b]", "[c d]", &["SISMEMBER k c = (integer) 1", "SISMEMBER k d = (integer) 1"]);
        check("RANDOMKEY", "a", "b", &["EXISTS b = (integer) 1"]);
        check("HRANDFIELD k", "f", "g", &["HEXISTS k g = (integer) 1"]);
        check("ZRANDMEMBER k 1", "[a]", "[b]", &["ZSCORE k b = anything"]);
        check("HRANDFIELD k 1 WITHVALUES", "[f 1]", "[g 2]", &["HGET k g = \"2\""]);
        check("zrandmember k 1 withscores", "[a 1]", "[b 2.5]", &["ZSCORE k b = \"2.5\""]);
    }

    #[test]
    fn a_repeated_pick_is_asked_for_once() {
        check("SRANDMEMBER k -3", "[a b a]", "[c c c]", &["SISMEMBER k c = (integer) 1"]);
        let asked = ["HGET k f = \"1\"", "HGET k f = \"2\""];
        check("HRANDFIELD k -2 WITHVALUES", "[f 1 g 2]", "[f 1 f 2]", &asked);
    }

    #[test]
    fn nothing_to_ask() {
        check("SRANDMEMBER k 2", "[a b]", "[a b]", &[]);
        check("SRANDMEMBER k", "", "", &[]);
        check("GET k", "a", "b", &[]);
        check("SPOP k", "a", "a", &[]);
        check("SPOP k 2", "[a b]", "[b a]", &[]);
    }

    #[test]
    fn pops_are_reconciled() {
        check("SPOP k", "a", "b", &["SADD k b = (integer) 1", "SREM k a = (integer) 1"]);
        check("SPOP k 2", "[a b]", "[b c]", &["SADD k b c = (integer) 2", "SREM k a b = (integer) 2"]);
    }

    #[test]
    fn pairs_of_resp3_are_nested() {
        let pair = |member: &str, score: &str| {
            Reply::Array(vec![Reply::Array(vec![Reply::bulk(member), Reply::Double(score.into())])])
        };
        let argv = ["ZRANDMEMBER", "k", "1", "WITHSCORES"].into();
        let found = probes(&argv, &pair("a", "1"), &pair("b", "2"));
        let expected = Probe {
            argv: ["ZSCORE", "k", "b"].into(),
            expect: Expect::Exactly(Reply::Double("2".into())),
            kind: "wrong-value",
        };
        assert_eq!(found, [expected]);
    }

    #[test]
    fn answers() {
        let probe = Probe { argv: ["ZSCORE", "k", "b"].into(), expect: Expect::Anything, kind: "not-a-member" };
        assert!(probe.accepts(&Reply::bulk("1")));
        assert!(probe.accepts(&Reply::error("ERR unknown command 'ZSCORE'")));
        assert!(!probe.accepts(&Reply::NullBulk));
        assert!(!probe.accepts(&Reply::error("WRONGTYPE no")));
    }
}
