use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::diff::Entry;
use crate::trace::text::{format_op, parse_op};

/// A deliberate slip of a [`Fake`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bug {
    None,
    /// SCARD counts one too many from three members on.
    ScardOffByOne,
    /// DEL answers 1 and does not delete.
    DelKeeps,
    /// SRANDMEMBER invents a member.
    InventsMember,
    /// SPOP answers a member and does not remove it.
    PopKeeps,
    /// Every second run of GET answers something else.
    Flaky,
    /// An ECHO is not answered after a DEL.
    LosesStep,
    /// The first SCARD kills it.
    Dies,
    /// SCARD is not answered where the sets k0, k2 to k58 are there.
    Hangs,
    /// It has no DEL.
    LacksDel,
    /// It does not tell its keys.
    HidesKeys,
    /// It dies when it is asked for its keys.
    DiesOfKeys,
}

/// A store of sets, in a few lines: what a session must do and no more. It picks the first member, or the last.
struct Fake {
    sets: BTreeMap<String, BTreeSet<String>>,
    picks_last: bool,
    bug: Bug,
    resets: usize,
    dead: bool,
    out_of_step: bool,
}

impl Fake {
    fn new(picks_last: bool, bug: Bug) -> Self {
        Self { sets: BTreeMap::new(), picks_last, bug, resets: 0, dead: false, out_of_step: false }
    }

    fn pick(&self, key: &str) -> Option<String> {
        let set = self.sets.get(key)?;
        if self.picks_last { set.last() } else { set.first() }.cloned()
    }

    fn call(&mut self, words: &[&str]) -> Reply {
        let bulk = |member: Option<String>| member.map_or(Reply::NullBulk, Reply::bulk);
        match *words {
            _ if self.dead => Reply::Closed,
            ["SADD", key, ref members @ ..] if !members.is_empty() => {
                let set = self.sets.entry(key.to_owned()).or_default();
                Reply::Int(members.iter().filter(|member| set.insert((**member).to_owned())).count() as i64)
            }
            ["SREM", key, ref members @ ..] => {
                let set = self.sets.entry(key.to_owned()).or_default();
                let removed = members.iter().filter(|member| set.remove(**member)).count();
                self.sets.retain(|_, set| !set.is_empty());
                Reply::Int(removed as i64)
            }
            ["SCARD", _] if self.bug == Bug::Dies => {
                self.dead = true;
                Reply::Closed
            }
            ["SCARD", _]
                if self.bug == Bug::Hangs && (0..30).all(|at| self.sets.contains_key(&format!("k{}", at * 2))) =>
            {
                Reply::Hung
            }
            ["SCARD", key] => {
                let count = self.sets.get(key).map_or(0, BTreeSet::len);
                let more = self.bug == Bug::ScardOffByOne && count >= 3;
                Reply::Int((count + usize::from(more)) as i64)
            }
            ["SMEMBERS", key] => {
                let members = self.sets.get(key).cloned().unwrap_or_default();
                let mut members: Vec<Reply> = members.into_iter().map(Reply::bulk).collect();
                if self.picks_last {
                    members.reverse();
                }
                Reply::Array(members)
            }
            ["SISMEMBER", key, member] => Reply::Int(self.sets.get(key).is_some_and(|set| set.contains(member)).into()),
            ["SRANDMEMBER", key] if self.bug == Bug::InventsMember && self.sets.contains_key(key) => Reply::bulk("new"),
            ["SRANDMEMBER", key] => bulk(self.pick(key)),
            ["SPOP", key] => {
                let member = self.pick(key);
                if let Some(member) = member.as_deref().filter(|_| self.bug != Bug::PopKeeps) {
                    self.call(&["SREM", key, member]);
                }
                bulk(member)
            }
            ["DEL", key] if self.bug != Bug::LacksDel => {
                self.out_of_step = self.bug == Bug::LosesStep;
                let there = self.sets.contains_key(key);
                if self.bug != Bug::DelKeeps {
                    self.sets.remove(key);
                }
                Reply::Int(there.into())
            }
            ["GET", _] if self.bug == Bug::Flaky && self.resets == 1 => Reply::bulk("flaky"),
            ["GET", _] => Reply::NullBulk,
            _ => Reply::error("ERR unknown command"),
        }
    }
}

impl Session for Fake {
    fn replay(&mut self, ops: &[Op], replies: &mut Vec<Reply>) -> Result<(), TargetError> {
        for op in ops {
            let line = format_op(op);
            let words: Vec<&str> = line.split(' ').collect();
            replies.push(self.call(&words));
        }
        Ok(())
    }

    fn keyspace(&mut self) -> Result<Option<Keyspace>, TargetError> {
        match self.bug {
            Bug::HidesKeys => return Ok(None),
            Bug::DiesOfKeys => return Ok(Some(Keyspace::unreadable(Reply::Closed))),
            _ => {}
        }
        let entries = self.sets.iter().map(|(key, set)| Entry {
            db: 0,
            key: key.clone().into(),
            kind: "set".into(),
            value: Reply::Array(set.iter().map(|member| Reply::bulk(member.as_str())).collect()),
            details: None,
            expires_ms: None,
        });
        Ok(Some(Keyspace { entries: entries.collect() }))
    }

    fn out_of_step(&mut self) -> Result<Option<Reply>, TargetError> {
        Ok(self.out_of_step.then_some(Reply::Int(0)))
    }

    fn reset(&mut self, _: &Header) -> Result<(), TargetError> {
        *self = Self { resets: self.resets + 1, ..Self::new(self.picks_last, self.bug) };
        Ok(())
    }
}

fn parse(lines: &[&str]) -> Vec<Op> {
    lines.iter().map(|line| parse_op(line.as_bytes()).expect("a line of a trace")).collect()
}

fn run_with(bug: Bug, lines: &[&str], options: &Options) -> Outcome {
    let (mut reference, mut subject) = (Fake::new(false, Bug::None), Fake::new(true, bug));
    compare(&Header::default(), &parse(lines), &mut Sides::pair(&mut reference, &mut subject), options, &mut |_| {})
        .expect("a fake never fails")
}

/// `AT CLASS` of the divergence, or `agree`.
fn summary(outcome: &Outcome) -> String {
    match &outcome.divergence {
        Some(divergence) => format!("{} {}", divergence.at, divergence.class),
        None => "agree".into(),
    }
}

#[track_caller]
fn check(bug: Bug, lines: &[&str], expected: &str) -> Outcome {
    let known = Known::none();
    let outcome = run_with(bug, lines, &Options::new(&known));
    assert_eq!(summary(&outcome), expected, "{bug:?} {lines:?}: {outcome:?}");
    // However a trace is cut into blocks, and whether they run ahead, must not matter.
    for block_ops in [1, 2, 3] {
        let options = Options { block_ops, ..Options::new(&known) };
        assert_eq!(run_with(bug, lines, &options), outcome, "{bug:?} {lines:?} in blocks of {block_ops}");
    }
    outcome
}

#[test]
fn two_right_stores_agree_though_they_pick_differently() {
    let lines =
        ["SADD k a b c d", "SRANDMEMBER k", "SPOP k", "SPOP k", "SMEMBERS k", "SPOP k", "SPOP k", "SPOP k", "GET k"];
    let outcome = check(Bug::None, &lines, "agree");
    assert_eq!((outcome.ops, outcome.replies, outcome.keyspace_compared), (9, 9, true));
}

#[test]
fn a_live_store_that_does_not_tell_its_keys_does_not_agree_with_an_empty_one() {
    for bug in [Bug::HidesKeys, Bug::DiesOfKeys] {
        let outcome = check(bug, &["GET k"], "0 GET keyspace unreadable");
        assert!(outcome.divergence.is_some_and(|found| found.note == "what one side holds cannot be read"), "{bug:?}");
    }
}

#[test]
fn two_stores_that_hide_their_keys_are_not_compared_and_do_not_agree() {
    let (mut reference, mut subject) = (Fake::new(false, Bug::HidesKeys), Fake::new(true, Bug::HidesKeys));
    let (known, ops) = (Known::none(), parse(&["GET k"]));
    let options = Options::new(&known);
    let outcome =
        compare(&Header::default(), &ops, &mut Sides::pair(&mut reference, &mut subject), &options, &mut |_| {});
    assert_eq!(summary(&outcome.expect("a fake never fails")), "0 GET keyspace unreadable");
}

#[test]
fn a_wrong_reply() {
    let outcome = check(Bug::ScardOffByOne, &["SADD k a b c", "SCARD k", "GET k"], "1 SCARD exact int-value");
    assert_eq!(outcome.ops, 2);
    let excerpt = outcome.excerpt.expect("there is one");
    assert_eq!((excerpt.first, excerpt.ops.len(), &excerpt.got[1]), (0, 2, &Reply::Int(4)));
    assert!(!outcome.flaky);
}

#[test]
fn an_excerpt_holds_the_last_ops() {
    let mut lines = vec!["GET k"; 20];
    lines.extend(["SADD k a b c", "SCARD k"]);
    let excerpt = check(Bug::ScardOffByOne, &lines, "21 SCARD exact int-value").excerpt.expect("there is one");
    assert_eq!((excerpt.first, excerpt.ops.len()), (16, 6));
    assert_eq!((excerpt.want.len(), excerpt.got.len()), (6, 6));
}

#[test]
fn wrong_picks_and_pops() {
    let outcome = check(Bug::InventsMember, &["SADD k a b", "SRANDMEMBER k"], "1 SRANDMEMBER random-pick not-a-member");
    let note = outcome.divergence.expect("there is one").note;
    assert_eq!(note, "SISMEMBER k new right after it: want (integer) 1, got (integer) 0");
    check(Bug::PopKeeps, &["SADD k a b", "SPOP k"], "1 SPOP random-pop not-removed");
}

#[test]
fn what_no_reply_shows_is_laid_to_its_op() {
    let lines = ["SADD a x", "SADD k x", "GET k", "DEL k", "GET k", "SADD b x", "GET k", "SADD c x"];
    let outcome = check(Bug::DelKeeps, &lines, "3 DEL keyspace extra-key");
    let (divergence, excerpt) = (outcome.divergence.expect("there is one"), outcome.excerpt.expect("there is one"));
    assert_eq!(divergence.note, "what both hold differs: extra-key of key \"k\" in database 0");
    assert_eq!(excerpt.first + excerpt.ops.len() - 1, divergence.at);
    check(Bug::PopKeeps, &["SADD k a", "SPOP k", "GET k"], "1 SPOP keyspace extra-key");
}

#[test]
fn checkpoints_find_it_before_the_end() {
    let known = Known::none();
    let options = Options { checkpoint_ops: 2, ..Options::new(&known) };
    let outcome = run_with(Bug::DelKeeps, &["SADD k x", "DEL k", "SADD k x", "GET k"], &options);
    assert_eq!((summary(&outcome).as_str(), outcome.ops), ("1 DEL keyspace extra-key", 2));
}

#[test]
fn a_reference_that_holds_nothing_is_not_compared_in_the_end() {
    let known = Known::none();
    let options = Options { keyspace: false, ..Options::new(&known) };
    let outcome = run_with(Bug::DelKeeps, &["SADD k x", "DEL k"], &options);
    assert_eq!((summary(&outcome).as_str(), outcome.keyspace_compared), ("agree", false));
}

#[test]
fn a_connection_out_of_step() {
    check(Bug::LosesStep, &["SADD k x", "DEL k"], "1 DEL step subject-out-of-step");
}

#[test]
fn what_a_second_run_does_not_show_is_flaky() {
    let known = Known::none();
    let outcome = run_with(Bug::Flaky, &["GET k"], &Options::new(&known));
    assert_eq!((summary(&outcome).as_str(), outcome.flaky), ("0 GET exact null-bulk/bulk", true));
}

/// Runs with these classes (`COMMAND RULE KIND`) known.
#[track_caller]
fn check_known(bug: Bug, known: &[&str], lines: &[&str], expected: &str) -> Outcome {
    let classes = known.iter().map(|class| {
        let [command, rule, kind] = class.split(' ').collect::<Vec<_>>()[..] else { panic!("{class}") };
        Class { command: command.into(), rule: rule.into(), kind: kind.into() }
    });
    let known = Known::of_classes(classes);
    let outcome = run_with(bug, lines, &Options::new(&known));
    assert_eq!(summary(&outcome), expected, "{outcome:?}");
    outcome
}

#[test]
fn later_divergences_hide_behind_a_known_one() {
    let class = "SCARD exact int-value";
    let outcome = check_known(Bug::ScardOffByOne, &[class], &["SADD k a b c", "SCARD k", "SCARD k"], "agree");
    assert_eq!((outcome.known, outcome.skipped, outcome.keyspace_compared), (2, 0, true));
    let lines = ["SADD k a", "SADD l a", "DEL k", "SADD l b", "DEL l"];
    let outcome = check_known(Bug::DelKeeps, &["DEL keyspace extra-key"], &lines, "agree");
    assert_eq!(outcome.known, 2);
}

#[test]
fn keys_that_a_known_divergence_left_different_are_passed_over() {
    let lines = ["SADD k a b", "SADD l a b", "SPOP k", "SMEMBERS k", "SRANDMEMBER l", "SCARD l"];
    let outcome = check_known(Bug::PopKeeps, &["SPOP random-pop not-removed"], &lines, "agree");
    assert_eq!((outcome.known, outcome.skipped), (1, 1));
}

#[test]
fn the_run_goes_on_past_commands_that_the_subject_lacks_where_it_is_told_to() {
    let lines = ["SADD k a b c", "SADD l a", "DEL k", "SCARD k", "DEL l", "SCARD m", "SADD m a b c", "SCARD m"];
    check(Bug::LacksDel, &lines, "2 DEL exact unsupported");
    let known = Known::none();
    let outcome = run_with(Bug::LacksDel, &lines, &Options { past_unsupported: true, ..Options::new(&known) });
    let unsupported: Vec<_> = outcome.unsupported.iter().map(|it| format!("{} {}", it.at, it.class)).collect();
    assert_eq!((summary(&outcome), unsupported), ("agree".into(), vec!["2 DEL exact unsupported".into()]));
    assert_eq!((outcome.ops, outcome.skipped), (8, 1), "what it would have written is not judged");
}

#[test]
fn nothing_is_judged_after_a_known_death() {
    let class = "SCARD exact closed";
    let outcome = check_known(Bug::Dies, &[class], &["SADD k a", "SCARD k", "GET k"], "agree");
    assert_eq!((outcome.known, outcome.skipped, outcome.keyspace_compared), (1, 1, false));
    check(Bug::Dies, &["SADD k a", "SCARD k", "GET k"], "1 SCARD exact closed");
}

#[test]
fn a_reference_that_gives_no_reply_agrees_with_nothing() {
    let check = |known: &Known, expected: &str| {
        let (mut reference, mut subject) = (Fake::new(false, Bug::Dies), Fake::new(true, Bug::Dies));
        let ops = parse(&["SADD k a", "SCARD k", "GET k"]);
        let options = Options::new(known);
        let outcome =
            compare(&Header::default(), &ops, &mut Sides::pair(&mut reference, &mut subject), &options, &mut |_| {});
        let outcome = outcome.expect("a fake never fails");
        assert_eq!(summary(&outcome), expected, "{outcome:?}");
        outcome
    };
    check(&Known::none(), "1 SCARD exact reference-closed");
    let class = Class { command: "SCARD".into(), rule: "exact".into(), kind: "reference-closed".into() };
    let outcome = check(&Known::of_classes([class]), "agree");
    assert_eq!((outcome.known, outcome.skipped), (1, 1), "nothing is judged after it");
}

/// Runs against a right reference with `of_first` wrong in it, and another with `of_other`; the divergence and what is
/// drift.
#[track_caller]
fn check_two(of_first: Bug, of_other: Bug, of_subject: Bug, lines: &[&str], expected: &str, drift: &[&str]) {
    let (mut reference, mut subject) = (Fake::new(false, of_first), Fake::new(true, of_subject));
    let mut others = [Other { name: "other".into(), session: Box::new(Fake::new(false, of_other)) }];
    let sides = &mut Sides { reference: &mut reference, others: &mut others, subject: &mut subject };
    let (known, mut seen) = (Known::none(), 0);
    let outcome = compare(&Header::default(), &parse(lines), sides, &Options::new(&known), &mut |_| seen += 1);
    let outcome = outcome.expect("a fake never fails");
    let told: Vec<String> = outcome.drift.iter().map(|it| format!("{} {}", it.at, it.class)).collect();
    assert_eq!(summary(&outcome), expected, "{outcome:?}");
    assert_eq!(told, drift, "{outcome:?}");
    assert_eq!(seen, outcome.ops, "every op is observed once");
}

#[test]
fn what_another_reference_answers_too_is_drift_and_the_trace_goes_on() {
    let lines = ["SADD k a b c", "SCARD k", "SADD l a", "DEL l", "GET k"];
    let drift = ["1 SCARD exact int-value"];
    check_two(Bug::ScardOffByOne, Bug::None, Bug::None, &lines, "agree", &drift);
    check_two(Bug::ScardOffByOne, Bug::None, Bug::DelKeeps, &lines, "3 DEL keyspace extra-key", &drift);
    check_two(Bug::None, Bug::None, Bug::ScardOffByOne, &lines, "1 SCARD exact int-value", &[]);
    check_two(Bug::None, Bug::DelKeeps, Bug::ScardOffByOne, &lines, "1 SCARD exact int-value", &[]);
}

#[test]
fn what_another_reference_holds_too_is_drift() {
    let lines = ["SADD k x", "SADD l x", "DEL k", "SADD k y", "SMEMBERS l", "DEL l"];
    let drift = ["2 DEL keyspace missing-key", "5 DEL keyspace missing-key"];
    check_two(Bug::DelKeeps, Bug::None, Bug::None, &lines, "agree", &drift);
    let drift = ["2 DEL keyspace extra-key", "5 DEL keyspace extra-key"];
    check_two(Bug::None, Bug::DelKeeps, Bug::DelKeeps, &lines, "agree", &drift);
    check_two(Bug::None, Bug::None, Bug::DelKeeps, &lines, "2 DEL keyspace extra-key", &[]);
}

#[test]
fn a_reference_that_runs_ahead_changes_nothing() {
    let known = Known::none();
    let mut lines = ["SADD k a b c", "SPOP k", "SMEMBERS k", "SRANDMEMBER k", "DEL k"].repeat(200);
    let options = Options { block_ops: 64, ..Options::new(&known) };
    for ending in ["GET k", "SCARD k"] {
        lines.extend(["SADD k a b c", ending, "GET k"]);
        let one = run_with(Bug::ScardOffByOne, &lines, &options);
        let two = run_with(Bug::ScardOffByOne, &lines, &Options { parallel: true, ..options });
        assert_eq!(one, two, "with {ending}");
    }
}

#[test]
fn a_stream_is_laid_to_the_whole_trace() {
    let known = Known::none();
    let (mut reference, mut subject) = (Fake::new(false, Bug::None), Fake::new(true, Bug::DelKeeps));
    let options = Options::new(&known);
    let mut comparison = Comparison::start(&Header::default(), &mut reference, &mut subject, &options).expect("starts");
    let mut seen = 0;
    for block in [&["SADD k a", "GET k"][..], &["DEL k"]] {
        assert!(comparison.block(&parse(block), &mut |_| seen += 1).expect("runs"));
    }
    let outcome = comparison.finish().expect("ends");
    assert_eq!((summary(&outcome).as_str(), seen), ("2 TRACE keyspace extra-key", 3));
}

#[test]
fn a_divergence_is_shrunk_on_the_same_sessions() {
    let known = Known::none();
    let (mut reference, mut subject) = (Fake::new(false, Bug::None), Fake::new(true, Bug::DelKeeps));
    let ops = parse(&["SADD a x", "SADD set-1 x", "SPOP a", "GET set-1", "DEL set-1", "GET set-1", "SADD b x"]);
    let (header, options) = (Header::default(), Options::new(&known));
    let found =
        compare(&header, &ops, &mut Sides::pair(&mut reference, &mut subject), &options, &mut |_| {}).expect("a fake");
    let divergence = found.divergence.expect("there is one");
    let shrunk = shrink(
        &header,
        &ops,
        &divergence,
        &mut Sides::pair(&mut reference, &mut subject),
        &options,
        &Limits::default(),
    );
    let shrunk = shrunk.expect("a fake never fails").expect("the trace shows it");
    assert_eq!(shrunk.ops.iter().map(format_op).collect::<Vec<_>>(), ["SADD k1 m1", "DEL k1"]);
    assert!(shrunk.minimal && shrunk.at == 1, "{shrunk:?}");
}

/// Shrinks 60 sets and an op that shows the bug; (ops left, minimal) and the evaluations.
fn shrink_long(bug: Bug, stop: Option<&AtomicBool>) -> ((usize, bool), usize) {
    let (mut reference, mut subject) = (Fake::new(false, Bug::None), Fake::new(true, bug));
    let mut lines: Vec<String> = (0..60).map(|at| format!("SADD k{at} a b c")).collect();
    lines.push("SCARD k8".to_owned());
    let ops = parse(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let known = Known::none();
    let (header, options) = (Header::default(), Options { stop, ..Options::new(&known) });
    let found =
        compare(&header, &ops, &mut Sides::pair(&mut reference, &mut subject), &options, &mut |_| {}).expect("a fake");
    let divergence = found.divergence.expect("there is one");
    let shrunk = shrink(
        &header,
        &ops,
        &divergence,
        &mut Sides::pair(&mut reference, &mut subject),
        &options,
        &Limits::default(),
    );
    let shrunk = shrunk.expect("a fake never fails").expect("the trace shows it");
    ((shrunk.after, shrunk.minimal), shrunk.evaluations)
}

#[test]
fn shrinking_what_hangs_gives_up_early_and_says_so() {
    // The 30 sets that do not matter stand between those that do: each is one more candidate that hangs.
    let ((after, minimal), _) = shrink_long(Bug::Hangs, None);
    assert!((32..61).contains(&after) && !minimal, "{after} ops are left, minimal: {minimal}");
    assert_eq!(shrink_long(Bug::ScardOffByOne, None).0, (2, true));
}

#[test]
fn shrinking_that_the_user_stops_keeps_what_it_has() {
    let stop = AtomicBool::new(true);
    assert_eq!(shrink_long(Bug::ScardOffByOne, Some(&stop)), ((61, false), 1));
}

/// Runs past every divergence: `AT CLASS` of each, and how many replies were judged.
#[track_caller]
fn check_examined(bug: Bug, lines: &[&str], expected: &[&str], judged: u64) {
    let (mut reference, mut subject) = (Fake::new(false, Bug::None), Fake::new(true, bug));
    let (known, ops) = (Known::none(), parse(lines));
    let mut sides = Sides::pair(&mut reference, &mut subject);
    let options = Options::new(&known);
    let examined = [Pace::StepByStep, Pace::Together].map(|pace| {
        let examined = examine(&Header::default(), &ops, &mut sides, &options, pace, &mut |_| {});
        examined.expect("a fake never fails")
    });
    assert_eq!(examined[0].seen.len(), examined[1].seen.len(), "{bug:?} {lines:?}: whatever the pace");
    let examined = &examined[1];
    let told = |seen: &Seen| format!("{} {}", seen.divergence.at, seen.divergence.class);
    assert_eq!(examined.seen.iter().map(told).collect::<Vec<_>>(), expected, "{bug:?} {lines:?}");
    assert_eq!((examined.outcome.replies, examined.outcome.skipped), (judged, 0), "{bug:?} {lines:?}");
}

#[test]
fn every_divergence_of_a_trace_is_seen() {
    let lines = ["SADD k a b c", "SCARD k", "SADD l a b c d", "SCARD l", "SCARD m"];
    check_examined(Bug::ScardOffByOne, &lines, &["1 SCARD exact int-value", "3 SCARD exact int-value"], 5);
    check_examined(Bug::None, &lines, &[], 5);
}

#[test]
fn sides_that_deleting_does_not_heal_are_emptied() {
    let lines = ["SADD k a", "SADD l a", "DEL k", "SADD k b", "SCARD k", "DEL l", "DEL k", "GET k"];
    check_examined(Bug::DelKeeps, &lines, &["2 DEL keyspace extra-key", "6 DEL keyspace extra-key"], 8);
}

#[test]
fn what_no_reply_shows_is_laid_to_the_op_that_wrote_it() {
    let lines = ["SADD k a b", "SPOP k", "SMEMBERS k", "SADD l a b", "SPOP l"];
    let expected = ["1 SPOP random-pop not-removed", "4 SPOP random-pop not-removed"];
    check_examined(Bug::PopKeeps, &lines, &expected, 5);
}

#[test]
fn a_reply_too_many_is_laid_to_the_op_that_sent_it() {
    check_examined(Bug::LosesStep, &["SADD k x", "DEL k", "GET k"], &["2 GET step subject-out-of-step"], 3);
}

#[test]
fn judging_goes_on_behind_a_death() {
    let lines = ["SADD k a", "SCARD k", "SADD k a", "SRANDMEMBER k", "SCARD k"];
    check_examined(Bug::Dies, &lines, &["1 SCARD exact closed", "4 SCARD exact closed"], 5);
}

#[test]
fn a_command_that_is_lacking_leaves_the_rest_to_be_judged() {
    let (mut reference, mut subject) = (Fake::new(false, Bug::None), Fake::new(true, Bug::LacksDel));
    let (known, ops) = (Known::none(), parse(&["SADD k a b", "DEL k", "SCARD k", "SADD k c", "SMEMBERS k"]));
    let options = Options { past_unsupported: true, ..Options::new(&known) };
    let mut sides = Sides::pair(&mut reference, &mut subject);
    let examined = examine(&Header::default(), &ops, &mut sides, &options, Pace::Together, &mut |_| {});
    let examined = examined.expect("a fake never fails");
    let Examination { seen, outcome } = examined;
    assert_eq!((seen.len(), outcome.unsupported.len(), outcome.replies, outcome.skipped), (0, 1, 5, 0));
}
