//! Which replies are the same: exact by default, and a table of what is loosened for whom and why.

use std::borrow::Cow;

use crate::trace::{Act, Op};
use resp::{Argv, Kind, Reply, encode_reply};
use spec::{self, Fidelity};

use super::{Class, frames, kind, random};

/// How errors are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ErrorMode {
    /// Their whole text.
    #[default]
    Text,
    /// Their first word, for servers that do not aim at Redis's texts.
    Code,
}

/// How far apart the clocks of both sides may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClockSkew {
    /// dst moves both clocks: times are exact.
    #[default]
    None,
    /// At least one is a real clock.
    Real {
        /// The subject's clock minus the reference's, in milliseconds.
        ahead_ms: i64,
        /// How much more a time may differ, in milliseconds.
        tolerance_ms: u64,
    },
}

/// What counts as the same reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// How errors are compared.
    pub errors: ErrorMode,
    /// How times are compared.
    pub clock: ClockSkew,
    /// Takes a simple string for a bulk string with the same bytes: for a subject that sends all of them so.
    pub simple_bulks: bool,
}

/// One way of comparing two replies of one sort that are not equal.
#[derive(Debug)]
pub struct Rule {
    /// Its name in a [`Class`].
    pub name: &'static str,
    /// Why replies that differ in this way are right.
    pub reason: &'static str,
    /// The commands that it holds for: those that [`spec`] gives this fidelity.
    pub serves: Fidelity,
    compare: fn(&Settings, &Argv, &Reply, &Reply) -> Option<String>,
}

impl Rule {
    /// The elements of a reply in the order in which to show it beside another, where its own order says nothing.
    pub fn in_order(&self, reply: &Reply) -> Reply {
        match (self.serves, reply) {
            (Fidelity::Unordered, Reply::Array(items)) => Reply::Array(items_in_order(items)),
            (Fidelity::Unordered, Reply::Set(items)) => Reply::Set(items_in_order(items)),
            (Fidelity::UnorderedPairs, Reply::Map(pairs)) => {
                let mut pairs = pairs.clone();
                pairs.sort_by(|one, other| sort_key(&one.0).cmp(&sort_key(&other.0)));
                Reply::Map(pairs)
            }
            (Fidelity::UnorderedPairs, Reply::Array(items)) => {
                let mut pairs: Vec<&[Reply]> = items.chunks(2).collect();
                pairs.sort_by(|one, other| sort_key(&one[0]).cmp(&sort_key(&other[0])));
                Reply::Array(pairs.concat())
            }
            _ => reply.clone(),
        }
    }
}

fn items_in_order(items: &[Reply]) -> Vec<Reply> {
    sorted_by_bytes(items.to_vec())
}

/// The table of rules, one for each [`Fidelity`]; `exact` comes first.
pub static RULES: &[Rule] = &[
    Rule {
        name: "exact",
        reason: "nothing is loosened: type, bytes, error text and null kind",
        serves: Fidelity::Exact,
        compare: compare_exact,
    },
    Rule { name: "unordered", reason: "a set has no order", serves: Fidelity::Unordered, compare: compare_unordered },
    Rule {
        name: "unordered-pairs",
        reason: "a hash has no order, but a field keeps its value",
        serves: Fidelity::UnorderedPairs,
        compare: compare_unordered_pairs,
    },
    Rule {
        name: "sorted",
        reason: "SORT leaves open in which order come elements of equal weight, and those of a set that is not sorted",
        serves: Fidelity::Sorted,
        compare: compare_sorted,
    },
    Rule {
        name: "nearby",
        reason: "what is found comes in any order unless ASC, DESC or COUNT asks for one; with ANY, any of it comes",
        serves: Fidelity::Nearby,
        compare: compare_nearby,
    },
    Rule {
        name: "cursor",
        reason: "how an iteration is cut into steps is the server's own, and it may return an element twice",
        serves: Fidelity::Cursor,
        compare: compare_cursor,
    },
    Rule {
        name: "random-pick",
        reason: "which elements come is chance: their number is not, and each must be one that is there",
        serves: Fidelity::RandomPick,
        compare: random::compare,
    },
    Rule {
        name: "random-pop",
        reason: "which elements go is chance: their number is not; the subject is then brought to the reference's state",
        serves: Fidelity::RandomPop,
        compare: random::compare,
    },
    Rule {
        name: "time-left",
        reason: "a real clock moves between two requests",
        serves: Fidelity::TimeLeft,
        compare: compare_time_left,
    },
    Rule {
        name: "unix-time",
        reason: "two real clocks are never the same",
        serves: Fidelity::UnixTime,
        compare: compare_unix_time,
    },
    Rule {
        name: "clocked",
        reason: "a real clock gives other times, and other ids that are made of times",
        serves: Fidelity::Clocked,
        compare: compare_clocked,
    },
    Rule {
        name: "server-fact",
        reason: "it is about the server itself, not about the data",
        serves: Fidelity::ServerFact,
        compare: compare_server_fact,
    },
];

/// The rule for an op: that of its command's fidelity, `exact` for what [`spec`] does not know.
pub fn rule_of(op: &Op) -> &'static Rule {
    let fidelity = fidelity_of(op);
    RULES.iter().find(|rule| rule.serves == fidelity).unwrap_or(&RULES[0])
}

/// What of an op's reply is exact.
#[inline]
pub fn fidelity_of(op: &Op) -> Fidelity {
    op.argv().and_then(spec::lookup_request).map_or(Fidelity::Exact, |command| command.fidelity)
}

/// How the replies of both sides to `op` differ; `None` where both are right.
///
/// A random pick is only half judged by this: see [`random::probes`].
pub fn compare(settings: &Settings, op: &Op, want: &Reply, got: &Reply) -> Option<Class> {
    if want == got {
        return None;
    }
    if settings.simple_bulks {
        let strict = Settings { simple_bulks: false, ..*settings };
        return compare(&strict, op, want, &in_bulks(want, got));
    }
    let rule = rule_of(op);
    if let (Reply::Frames(wants), Reply::Frames(gots)) = (want, got)
        && wants.len() == gots.len()
    {
        return frames::compare(settings, op, wants, gots);
    }
    let kind = match op.argv() {
        _ if is_unsupported(want, got) => Some(kind::UNSUPPORTED.to_owned()),
        Some(argv) if want.kind() == got.kind() && want.as_error().is_none() => {
            (rule.compare)(settings, argv, want, got)
        }
        _ => kind::difference(want, got, settings.errors),
    };
    kind.map(|kind| Class { command: command_name(op, want), rule: rule.name.into(), kind })
}

/// As [`compare`], by the rule that loosens nothing.
pub(super) fn exact_class(settings: &Settings, op: &Op, want: &Reply, got: &Reply) -> Option<Class> {
    let kind = kind::difference(want, got, settings.errors)?;
    Some(Class { command: command_name(op, want), rule: RULES[0].name.into(), kind })
}

/// `got` with a bulk string for each simple string where `want` has one.
pub(super) fn in_bulks(want: &Reply, got: &Reply) -> Reply {
    match (want, got) {
        (Reply::Bulk(_), Reply::Simple(text)) => Reply::Bulk(text.clone()),
        (Reply::Array(wants), Reply::Array(gots)) if wants.len() == gots.len() => {
            Reply::Array(wants.iter().zip(gots).map(|(want, got)| in_bulks(want, got)).collect())
        }
        _ => got.clone(),
    }
}

/// A reply as it is shown beside another: what has no order is in that of its names.
pub fn in_order(op: &Op, reply: &Reply) -> Reply {
    match reply {
        Reply::Frames(frames) => Reply::Frames(frames::in_order(op, frames)),
        _ => rule_of(op).in_order(reply),
    }
}

/// What an op is called in a [`Class`]: its command in capitals, or its act. `want` is what the reference said to
/// it: the names that it does not know are noise, and all of them are called `UNKNOWN`.
pub fn command_name(op: &Op, want: &Reply) -> String {
    let name = match &op.act {
        Act::Call(argv) => {
            let Some(name) = argv.get(0) else { return "EMPTY".into() };
            if let Some(command) = spec::lookup_request(argv) {
                return command.name.into();
            }
            let plain =
                name.len() <= 32 && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(byte));
            if !plain || is_unknown_command(want) {
                return "UNKNOWN".into();
            }
            return String::from_utf8_lossy(name).to_ascii_uppercase();
        }
        Act::Raw(_) => "RAW",
        Act::Open => "OPEN",
        Act::Close => "CLOSE",
        Act::Await => "AWAIT",
        Act::Advance { .. } => "ADVANCE",
        Act::Restart => "RESTART",
        Act::Crash => "CRASH",
        Act::Fault(_) => "FAULT",
    };
    name.into()
}

/// True for what a server says to a command that it does not have.
pub fn is_unknown_command(reply: &Reply) -> bool {
    reply.as_error().is_some_and(|text| text.to_ascii_lowercase().starts_with(b"err unknown command"))
}

/// True where the subject does not have a command, or a subcommand, that the reference has.
fn is_unsupported(want: &Reply, got: &Reply) -> bool {
    let lacks = |reply: &Reply| {
        is_unknown_command(reply)
            || reply.as_error().is_some_and(|text| text.to_ascii_lowercase().starts_with(b"err unknown subcommand"))
    };
    lacks(got) && !lacks(want)
}

fn compare_exact(settings: &Settings, _: &Argv, want: &Reply, got: &Reply) -> Option<String> {
    kind::difference(want, got, settings.errors)
}

fn compare_unordered(settings: &Settings, argv: &Argv, want: &Reply, got: &Reply) -> Option<String> {
    let (Some(want_items), Some(got_items)) = (want.as_elements(), got.as_elements()) else {
        return compare_exact(settings, argv, want, got);
    };
    let sort = kind::sort_name(want);
    if want_items.len() != got_items.len() {
        return Some(format!("{sort}-length"));
    }
    (sorted(want_items) != sorted(got_items)).then(|| content_kind(sort, want_items, got_items))
}

/// Sorted numbers have an order to the last: equal ones are sorted by their bytes. As text, equal ones are not, and two
/// texts are equal up to a zero byte; with a BY that names one key for all, a set comes in its own order. What GET gives
/// for an element stays together, and LIMIT may cut off other elements of the open order.
fn compare_sorted(settings: &Settings, argv: &Argv, want: &Reply, got: &Reply) -> Option<String> {
    let difference = compare_exact(settings, argv, want, got)?;
    let is_word = |arg: &[u8], word: &str| arg.eq_ignore_ascii_case(word.as_bytes());
    let count = |word: &str| argv.iter().skip(2).filter(|arg| is_word(arg, word)).count();
    let is_constant = |at: usize| is_word(&argv[at], "BY") && argv.get(at + 1).is_some_and(|by| !by.contains(&b'*'));
    let is_open = count("ALPHA") > 0 || (2..argv.len()).any(is_constant);
    let (Some(want_items), Some(got_items), true) = (want.as_elements(), got.as_elements(), is_open) else {
        return Some(difference);
    };
    if want_items.len() != got_items.len() {
        return Some(difference);
    }
    let per_element = count("GET").max(1);
    let groups = |items: &[Reply]| -> Vec<Reply> {
        sorted_by_bytes(items.chunks(per_element).map(|group| Reply::Array(group.to_vec())).collect())
    };
    (count("LIMIT") == 0 && groups(want_items) != groups(got_items)).then_some(difference)
}

/// COUNT alone asks for the nearest, so it sorts as ASC does. COUNT ANY stops at the first that are found: which they are
/// is the server's own.
fn compare_nearby(settings: &Settings, argv: &Argv, want: &Reply, got: &Reply) -> Option<String> {
    let has = |word: &str| argv.iter().skip(2).any(|arg| arg.eq_ignore_ascii_case(word.as_bytes()));
    let is_ordered = has("ASC") || has("DESC") || (has("COUNT") && !has("ANY"));
    match (want.as_elements(), got.as_elements()) {
        (Some(want_items), Some(got_items)) if has("ANY") && want_items.len() == got_items.len() => None,
        (Some(_), Some(_)) if !is_ordered => compare_unordered(settings, argv, want, got),
        _ => compare_exact(settings, argv, want, got),
    }
}

fn sorted_by_bytes(mut items: Vec<Reply>) -> Vec<Reply> {
    items.sort_by(|one, other| sort_key(one).cmp(&sort_key(other)));
    items
}

/// The name for elements that differ, whatever their order: by their sorts where these differ everywhere.
fn content_kind(sort: &str, want: &[Reply], got: &[Reply]) -> String {
    match (want.first(), got.first()) {
        (Some(want), Some(got)) => kind::element_kind(sort, want, got),
        _ => format!("{sort}-element"),
    }
}

fn compare_unordered_pairs(settings: &Settings, argv: &Argv, want: &Reply, got: &Reply) -> Option<String> {
    let (sort, want_pairs, got_pairs) = match (want, got) {
        (Reply::Map(want), Reply::Map(got)) => ("map", map_pairs(want), map_pairs(got)),
        (Reply::Array(want_items), Reply::Array(got_items)) => match (flat_pairs(want_items), flat_pairs(got_items)) {
            (Some(want), Some(got)) => ("array", want, got),
            _ => return compare_exact(settings, argv, want, got),
        },
        _ => return compare_exact(settings, argv, want, got),
    };
    if want_pairs.len() != got_pairs.len() {
        return Some(format!("{sort}-length"));
    }
    pairs_kind(want_pairs, got_pairs)
}

fn pairs_kind(mut want: Vec<Pair>, mut got: Vec<Pair>) -> Option<String> {
    want.sort_unstable();
    got.sort_unstable();
    if want == got {
        return None;
    }
    let same_keys = want.len() == got.len() && want.iter().zip(&got).all(|(want, got)| want.0 == got.0);
    Some(if same_keys { "pair-value" } else { "pair-key" }.into())
}

/// `SCAN` and its kin: `[cursor, elements]` of a whole iteration, which the session has driven.
fn compare_cursor(settings: &Settings, argv: &Argv, want: &Reply, got: &Reply) -> Option<String> {
    let (Some([want_cursor, Reply::Array(want_items)]), Some([got_cursor, Reply::Array(got_items)])) =
        (want.as_elements(), got.as_elements())
    else {
        return compare_exact(settings, argv, want, got);
    };
    let of_keys = argv[0].eq_ignore_ascii_case(b"SCAN");
    if spec::start_of_iteration(argv).is_none() {
        // A cursor that no server gave: where the iteration then starts is the server's own.
        return (want_cursor.kind() != got_cursor.kind()).then(|| kind::element_kind("array", want_cursor, got_cursor));
    }
    if want_cursor != got_cursor {
        return Some("cursor".into());
    }
    if of_keys || argv[0].eq_ignore_ascii_case(b"SSCAN") {
        let (mut want, mut got) = (sorted(want_items), sorted(got_items));
        want.dedup();
        got.dedup();
        return (want != got).then(|| "scan-element".into());
    }
    match (flat_pairs(want_items), flat_pairs(got_items)) {
        (Some(mut want), Some(mut got)) => {
            for pairs in [&mut want, &mut got] {
                pairs.sort_unstable();
                pairs.dedup();
            }
            pairs_kind(want, got)
        }
        _ => compare_exact(settings, argv, want, got),
    }
}

/// Facts may differ, but not which facts are told: the keys of a map, flat in RESP2's reply to HELLO.
fn compare_server_fact(_: &Settings, argv: &Argv, want: &Reply, got: &Reply) -> Option<String> {
    // What MEMORY STATS and LATENCY HISTOGRAM tell of is the server's own, too.
    let is_told = argv[0].eq_ignore_ascii_case(b"HELLO");
    let keys = |reply: &Reply| -> Option<Vec<Reply>> {
        match reply {
            Reply::Map(pairs) if is_told => Some(pairs.iter().map(|(key, _)| key.clone()).collect()),
            Reply::Array(items) if is_told => Some(items.iter().step_by(2).cloned().collect()),
            _ => None,
        }
    };
    (keys(want) != keys(got)).then(|| format!("{}-key", kind::sort_name(want)))
}

fn compare_time_left(settings: &Settings, argv: &Argv, want: &Reply, got: &Reply) -> Option<String> {
    compare_times(settings, argv, want, got, 0)
}

fn compare_unix_time(settings: &Settings, argv: &Argv, want: &Reply, got: &Reply) -> Option<String> {
    let ahead_ms = match settings.clock {
        ClockSkew::None => 0,
        ClockSkew::Real { ahead_ms, .. } => ahead_ms,
    };
    compare_times(settings, argv, want, got, ahead_ms)
}

fn compare_clocked(settings: &Settings, argv: &Argv, want: &Reply, got: &Reply) -> Option<String> {
    match settings.clock {
        ClockSkew::Real { .. } if same_but_for_times(want, got) => None,
        _ => compare_exact(settings, argv, want, got),
    }
}

/// True where both are alike but for integers and ids of entries.
fn same_but_for_times(want: &Reply, got: &Reply) -> bool {
    let all = |want: &[Reply], got: &[Reply]| {
        want.len() == got.len() && want.iter().zip(got).all(|(want, got)| same_but_for_times(want, got))
    };
    match (want, got) {
        (Reply::Int(_), Reply::Int(_)) => true,
        (Reply::Bulk(want), Reply::Bulk(got)) => want == got || (is_entry_id(want) && is_entry_id(got)),
        (Reply::Array(want), Reply::Array(got)) => all(want, got),
        (Reply::Map(want), Reply::Map(got)) => {
            want.len() == got.len()
                && want.iter().zip(got).all(|(want, got)| want.0 == got.0 && same_but_for_times(&want.1, &got.1))
        }
        _ => want == got,
    }
}

/// True for `ms-seq`.
fn is_entry_id(text: &[u8]) -> bool {
    let is_number = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    let mut parts = text.splitn(2, |&byte| byte == b'-');
    parts.next().is_some_and(is_number) && parts.next().is_some_and(is_number)
}

/// Times may differ within the tolerance of the clocks. -1 and -2 say that there is no such time, so they are exact,
/// but for a key that one side has just seen expire.
fn compare_times(settings: &Settings, argv: &Argv, want: &Reply, got: &Reply, ahead_ms: i64) -> Option<String> {
    let (ClockSkew::Real { tolerance_ms, .. }, Reply::Int(want_time), Reply::Int(got_time)) =
        (settings.clock, want, got)
    else {
        return compare_exact(settings, argv, want, got);
    };
    // Whole seconds are rounded: they may differ by one more.
    let in_ms = argv[0].first().is_some_and(|first| first.eq_ignore_ascii_case(&b'P'));
    let unit_ms: i128 = if in_ms { 1 } else { 1000 };
    let tolerance_ms = i128::from(tolerance_ms) + if in_ms { 0 } else { 1000 };
    let (want_ms, got_ms) = (i128::from(*want_time) * unit_ms, i128::from(*got_time) * unit_ms);
    let just_expired = ahead_ms == 0
        && want_time.min(got_time) == &-2
        && want_ms.max(got_ms) <= tolerance_ms
        && want_time.max(got_time) >= &0;
    // What all but never comes is brought to the server's clock only as far as its numbers go.
    if want_ms.min(got_ms) > i128::from(i64::MAX / 2) {
        return None;
    }
    let close = *want_time >= 0 && *got_time >= 0 && (got_ms - want_ms - i128::from(ahead_ms)).abs() <= tolerance_ms;
    (!just_expired && !close).then(|| "int-value".into())
}

/// A reply to sort by: its sort and its bytes.
type SortKey<'a> = (Kind, Cow<'a, [u8]>);
type Pair<'a> = (SortKey<'a>, SortKey<'a>);

fn sort_key(reply: &Reply) -> SortKey<'_> {
    let bytes = match reply.as_bytes() {
        Some(bytes) => Cow::Borrowed(bytes),
        None => {
            let mut bytes = Vec::new();
            encode_reply(reply, &mut bytes);
            Cow::Owned(bytes)
        }
    };
    (reply.kind(), bytes)
}

pub(super) fn sorted(items: &[Reply]) -> Vec<SortKey<'_>> {
    let mut keys: Vec<_> = items.iter().map(sort_key).collect();
    keys.sort_unstable();
    keys
}

fn flat_pairs(items: &[Reply]) -> Option<Vec<Pair<'_>>> {
    let (pairs, rest) = items.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[key, value]| (sort_key(key), sort_key(value))).collect())
}

fn map_pairs(pairs: &[(Reply, Reply)]) -> Vec<Pair<'_>> {
    pairs.iter().map(|(key, value)| (sort_key(key), sort_key(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::text::format_reply;

    fn op(line: &str) -> Op {
        Op::call(0, line.split(' ').collect::<Argv>())
    }

    /// `:1` an integer, `-E` an error, `(nil)`, `[a b [c]]` an array, `{f v}` a map, else a bulk string.
    fn reply(text: &str) -> Reply {
        fn one<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<Reply> {
            let word = words.next()?;
            Some(match word {
                "[" => Reply::Array(std::iter::from_fn(|| one(words)).collect()),
                "{" => {
                    let items: Vec<Reply> = std::iter::from_fn(|| one(words)).collect();
                    Reply::Map(items.as_chunks::<2>().0.iter().cloned().map(Into::into).collect())
                }
                "]" | "}" => return None,
                "(nil)" => Reply::NullBulk,
                _ => match (word.strip_prefix(':'), word.strip_prefix('-')) {
                    (Some(digits), _) => Reply::Int(digits.parse().expect("an integer")),
                    (_, Some(error)) => Reply::error(error.replace('_', " ")),
                    _ => Reply::bulk(word),
                },
            })
        }
        let spaced = ["[", "]", "{", "}"].iter().fold(text.to_owned(), |text, b| text.replace(b, &format!(" {b} ")));
        one(&mut spaced.split_whitespace()).expect("a reply")
    }

    #[track_caller]
    fn check_with(settings: Settings, request: &str, want: &str, got: &str, expected: &str) {
        let (want, got) = (reply(want), reply(got));
        let found = compare(&settings, &op(request), &want, &got);
        let found = found.map_or_else(|| "same".to_owned(), |class| class.to_string());
        assert_eq!(found, expected, "{request}: {} against {}", format_reply(&want), format_reply(&got));
    }

    #[track_caller]
    fn check(request: &str, want: &str, got: &str, expected: &str) {
        check_with(Settings::default(), request, want, got, expected);
    }

    #[test]
    fn every_fidelity_has_one_rule() {
        for command in spec::commands() {
            let served = RULES.iter().filter(|rule| rule.serves == command.fidelity).count();
            assert_eq!(served, 1, "{:?} of {}", command.fidelity, command.name);
        }
        assert_eq!(RULES[0].serves, Fidelity::Exact);
    }

    #[test]
    fn exact() {
        check("GET k", "a", "a", "same");
        check("get k", "a", "b", "GET exact bulk-value");
        check("LRANGE k 0 -1", "[a b]", "[b a]", "LRANGE exact array-element");
        check("MODULE.CALL k", "[a b]", "[b a]", "MODULE.CALL exact array-element");
        check("GET k", "-WRONGTYPE_a", "(nil)", "GET exact error-wrongtype/null-bulk");
        check_with(Settings { errors: ErrorMode::Code, ..Settings::default() }, "GET k", "-ERR_a", "-ERR_b", "same");
    }

    #[test]
    fn names_that_no_server_knows_are_one() {
        check("FOO k", "-ERR_unknown_command_'FOO'", "-ERR_what", "UNKNOWN exact error-text");
        check("F\u{e9} k", "-ERR_a", "-ERR_b", "UNKNOWN exact error-text");
    }

    #[test]
    fn a_command_that_the_subject_lacks_is_unsupported() {
        check("GET k", ":1", "-ERR_unknown_command_'GET'", "GET exact unsupported");
        check("SMEMBERS k", "-WRONGTYPE_a", "-ERR_unknown_command_'SMEMBERS'", "SMEMBERS unordered unsupported");
        check("GET k", ":1", "-ERR_unknown_subcommand_'x'", "GET exact unsupported");
        check("FOO k", "-ERR_unknown_command_'FOO'", "-ERR_unknown_command_FOO", "UNKNOWN exact error-text");
    }

    #[test]
    fn unordered() {
        check("SMEMBERS k", "[a b b]", "[b a b]", "same");
        check("SMEMBERS k", "[a b]", "[a a]", "SMEMBERS unordered array-element");
        check("SMEMBERS k", "[a b]", "[a b c]", "SMEMBERS unordered array-length");
        check("SMEMBERS k", "[1]", "[:1]", "SMEMBERS unordered array-element:bulk/int");
        check("SMEMBERS k", "-WRONGTYPE_a", "-ERR_a", "SMEMBERS unordered error-code");
    }

    #[test]
    fn unordered_pairs() {
        check("HGETALL k", "[f 1 g 2]", "[g 2 f 1]", "same");
        check("HGETALL k", "{f 1 g 2}", "{g 2 f 1}", "same");
        check("HGETALL k", "[f 1 g 2]", "[f 2 g 1]", "HGETALL unordered-pairs pair-value");
        check("HGETALL k", "[f 1 g 2]", "[1 f g 2]", "HGETALL unordered-pairs pair-key");
        check("HGETALL k", "[f 1 g 2]", "[f 1]", "HGETALL unordered-pairs array-length");
        check("HGETALL k", "[f 1]", "{f 1}", "HGETALL unordered-pairs array/map");
        check("HGETALL k", "[f 1]", "[f]", "HGETALL unordered-pairs array-length");
    }

    #[test]
    fn sorted_where_the_order_is_open() {
        check("SORT k", "[a b]", "[b a]", "SORT sorted array-element");
        check("SORT k BY w*", "[a b]", "[b a]", "SORT sorted array-element");
        check("SORT k BY w* ALPHA", "[a b]", "[b a]", "same");
        check("SORT k BY w* ALPHA", "[a b]", "[b b]", "SORT sorted array-element");
        check("sort k by nosort get # get x*", "[a 1 b 2]", "[b 2 a 1]", "same");
        check("sort k by nosort get # get x*", "[a 1 b 2]", "[b 1 a 2]", "SORT sorted array-element");
        check("SORT k ALPHA LIMIT 0 1", "[a]", "[b]", "same");
        check("SORT k ALPHA LIMIT 0 1", "[a]", "[]", "SORT sorted array-length");
    }

    #[test]
    fn nearby_in_any_order_unless_one_is_asked_for() {
        check("GEOSEARCH k FROMMEMBER m BYRADIUS 1 KM", "[a b]", "[b a]", "same");
        check("GEOSEARCH k FROMMEMBER m BYRADIUS 1 KM", "[a b]", "[b c]", "GEOSEARCH nearby array-element");
        check("GEOSEARCH k FROMMEMBER m BYRADIUS 1 KM asc", "[a b]", "[b a]", "GEOSEARCH nearby array-element");
        check("GEORADIUS k 1 2 3 KM WITHDIST", "[[a 1] [b 2]]", "[[b 2] [a 1]]", "same");
        check("GEORADIUS k 1 2 3 KM WITHDIST", "[[a 1] [b 2]]", "[[b 1] [a 2]]", "GEORADIUS nearby array-element");
        check("GEORADIUS k 1 2 3 KM COUNT 2", "[a b]", "[b a]", "GEORADIUS nearby array-element");
        check("GEORADIUS k 1 2 3 KM COUNT 2 ANY", "[a b]", "[b c]", "same");
        check("GEORADIUS k 1 2 3 KM COUNT 2 ANY", "[a b]", "[b]", "GEORADIUS nearby array-length");
        check("GEORADIUS k 1 2 3 KM STORE d", ":2", ":1", "GEORADIUS nearby int-value");
    }

    #[test]
    fn cursors() {
        check("SCAN 0", "[0 [a b]]", "[0 [b a a]]", "same");
        check("SCAN 0", "[0 [a b]]", "[0 [a]]", "SCAN cursor scan-element");
        check("SCAN 0", "[0 [a]]", "[:0 [a]]", "SCAN cursor cursor");
        check("SCAN 17", "[0 [a]]", "[0 []]", "same");
        check("SSCAN k 0", "[0 [a b]]", "[0 [b a]]", "same");
        check("HSCAN k 0", "[0 [f 1 g 2]]", "[0 [g 2 f 1 f 1]]", "same");
        check("HSCAN k 0", "[0 [f 1 g 2]]", "[0 [f 2 g 1]]", "HSCAN cursor pair-value");
        check("HSCAN k 0", "[0 [f 1]]", "[0 [f]]", "HSCAN cursor array-element");
        check("SSCAN k 0", "[0 []]", "[0]", "SSCAN cursor array-length");
    }

    #[test]
    fn times() {
        let clock = ClockSkew::Real { ahead_ms: 5000, tolerance_ms: 100 };
        let real = Settings { clock, ..Settings::default() };
        check("PTTL k", ":100", ":99", "PTTL time-left int-value");
        check_with(real, "PTTL k", ":500", ":400", "same");
        check_with(real, "PTTL k", ":500", ":399", "PTTL time-left int-value");
        check_with(real, "TTL k", ":5", ":4", "same");
        check_with(real, "TTL k", ":9223370336854775", ":9223370240000000", "same");
        check_with(real, "TTL k", ":9223370336854775", ":5", "TTL time-left int-value");
        check_with(real, "TTL k", ":5", ":3", "TTL time-left int-value");
        check_with(real, "PTTL k", ":50", ":-2", "same");
        check_with(real, "PTTL k", ":-1", ":-2", "PTTL time-left int-value");
        check_with(real, "PTTL k", ":50", ":-1", "PTTL time-left int-value");
        check_with(real, "PEXPIRETIME k", ":1000", ":6100", "same");
        check_with(real, "PEXPIRETIME k", ":1000", ":1001", "PEXPIRETIME unix-time int-value");
        check_with(real, "EXPIRETIME k", ":1", ":6", "same");
        check_with(real, "EXPIRETIME k", ":-1", ":-1", "same");
    }

    #[test]
    fn server_facts() {
        check("INFO", "a", "b", "same");
        check("INFO", "a", ":1", "INFO server-fact bulk/int");
        check("TIME", "[1 2]", "[3 4]", "same");
        check("HELLO 3", "{proto :3 id :5}", "{proto :3 id :7}", "same");
        check("HELLO 3", "{proto :3 id :5}", "{proto :3}", "HELLO server-fact map-key");
        check("HELLO 2", "[proto :2 id :5]", "[id :7 proto :2]", "HELLO server-fact array-key");
    }

    #[test]
    fn random_picks_have_a_shape() {
        check("SRANDMEMBER k", "a", "b", "same");
        check("SRANDMEMBER k", "a", "(nil)", "SRANDMEMBER random-pick bulk/null-bulk");
        check("SRANDMEMBER k 2", "[a b]", "[c d]", "same");
        check("SRANDMEMBER k 2", "[a b]", "[c]", "SRANDMEMBER random-pick array-length");
        check("SRANDMEMBER k 2", "[a b]", "[c c]", "SRANDMEMBER random-pick repeated-element");
        check("SRANDMEMBER k -2", "[a b]", "[c c]", "same");
        check("SRANDMEMBER k 2", "[a b]", "[c :1]", "SRANDMEMBER random-pick array-element:bulk/int");
        check("HRANDFIELD k 2 WITHVALUES", "[f 1 g 1]", "[h 1 i 1]", "same");
        check("HRANDFIELD k 2 withvalues", "[[f 1] [g 1]]", "[[h 1] [h 1]]", "HRANDFIELD random-pick repeated-element");
        check("ZRANDMEMBER k 2 WITHSCORES", "[f 1 g 1]", "[h 1 h 1]", "ZRANDMEMBER random-pick repeated-element");
        check("SPOP k", "a", "b", "same");
        check("SPOP k 2", "[a b]", "[b b]", "SPOP random-pop repeated-element");
    }
}
