use super::*;
use crate::diff::Class;
use crate::seed::Seed;
use crate::trace::text::{format_op, parse_op};

/// A made-up target: where these ops diverge, and in what kind of way.
type Oracle = fn(&[String]) -> Option<(usize, &'static str)>;

fn class(kind: &str) -> Class {
    Class { command: "X".into(), rule: "exact".into(), kind: kind.into() }
}

fn parse(lines: &[impl AsRef<str>]) -> Vec<Op> {
    lines.iter().map(|line| parse_op(line.as_ref().as_bytes()).expect("a line of a trace")).collect()
}

fn print(ops: &[Op]) -> Vec<String> {
    ops.iter().map(format_op).collect()
}

fn run(lines: &[impl AsRef<str>], kind: &str, limits: &Limits, oracle: Oracle) -> Option<Shrunk> {
    let mut evaluate = |ops: &[Op]| -> Result<Option<Found>, String> {
        Ok(oracle(&print(ops)).map(|(at, kind)| Found { class: class(kind), at }))
    };
    shrink(&parse(lines), &class(kind), limits, &mut evaluate).expect("the oracle never fails")
}

/// What `lines` shrink to for the class `bug`.
#[track_caller]
fn check(lines: &[impl AsRef<str>], oracle: Oracle, expected: &[&str]) -> Shrunk {
    let shrunk = run(lines, "bug", &Limits::default(), oracle).expect("the trace shows the bug");
    assert_eq!(print(&shrunk.ops), expected);
    assert!(shrunk.minimal, "{shrunk:?}");
    assert_eq!((shrunk.before, shrunk.after), (lines.len(), expected.len()));
    shrunk
}

/// The first line that starts so, in capitals, from `from` on.
fn find(lines: &[String], from: usize, start: &str) -> Option<usize> {
    lines.iter().skip(from).position(|line| line.to_ascii_uppercase().starts_with(start)).map(|at| from + at)
}

#[test]
fn only_what_matters_is_left() {
    let oracle: Oracle = |lines| find(lines, find(lines, 0, "SET ")? + 1, "GET ").map(|at| (at, "bug"));
    check(&["PING", "SET a 1", "DEL b", "GET a", "PING"], oracle, &["SET k1", "GET k1"]);
}

#[test]
fn keys_and_values_get_plain_names() {
    // A GET of the key that the SET before it has set, both with all of their arguments.
    let oracle: Oracle = |lines| {
        let set = find(lines, 0, "SET ")?;
        let key = lines[set].split(' ').nth(1).filter(|_| lines[set].split(' ').count() >= 3)?;
        let at =
            lines.iter().skip(set).position(|line| line.to_ascii_uppercase() == format!("GET {key}").to_uppercase())?;
        Some((set + at, "bug"))
    };
    check(
        &["ping", "set user:1000 xyzzy EX 100", "GET other", "get user:1000", "ping"],
        oracle,
        &["SET k1 v1", "GET k1"],
    );
}

#[test]
fn a_shrink_never_slides_to_another_bug() {
    // Without its RPUSH the LRANGE shows another bug, with a single op; so does any DEL.
    let oracle: Oracle = |lines| {
        let range = find(lines, 0, "LRANGE ");
        let other = find(lines, 0, "DEL ").map(|at| (at, "other bug"));
        let bug = range.map(|at| (at, if find(&lines[..at], 0, "RPUSH K1 ").is_some() { "bug" } else { "other bug" }));
        bug.into_iter().chain(other).min()
    };
    let lines = ["PING", "RPUSH k1 a b c", "GET x", "LRANGE k1 0 5", "DEL k1"];
    check(&lines, oracle, &["RPUSH k1 v1", "LRANGE k1"]);
}

#[test]
fn pairs_that_hold_each_other_go_together() {
    // SELECT 1 alone moves the GET elsewhere; SELECT 1 and SELECT 0 together do nothing.
    let oracle: Oracle = |lines| {
        let at = find(lines, 0, "GET K1")?;
        let db = lines[..at].iter().rfind(|line| line.starts_with("SELECT ")).map_or("0", |line| &line[7..]);
        let away = lines[..at].iter().filter(|line| line.starts_with("SELECT ")).count() % 2 == 1;
        (db == "0" && !away).then_some((at, "bug"))
    };
    check(&["SELECT 1", "SELECT 0", "GET k1"], oracle, &["GET k1"]);
}

#[test]
fn ops_on_one_key_are_merged() {
    let oracle: Oracle = |lines| {
        let at = find(lines, 0, "LLEN K1")?;
        let pushed: usize = lines[..at]
            .iter()
            .filter(|line| line.starts_with("RPUSH k1 "))
            .map(|line| line.split(' ').count() - 2)
            .sum();
        (pushed >= 3).then_some((at, "bug"))
    };
    check(
        &["RPUSH k1 a", "RPUSH k1 b", "RPUSH k1 c", "RPUSH k1 d", "LLEN k1"],
        oracle,
        &["RPUSH k1 v1 v2 v3", "LLEN k1"],
    );
}

#[test]
fn numbers_become_small() {
    let oracle: Oracle = |lines| {
        let at = find(lines, 0, "INCRBY K1 ")?;
        let number: i64 = lines[at].split(' ').nth(2)?.parse().ok()?;
        (!(-5..37).contains(&number)).then_some((at, "bug"))
    };
    check(&["INCRBY k1 9223372036854775807"], oracle, &["INCRBY k1 63"]);
    check(&["INCRBY k1 -700"], oracle, &["INCRBY k1 -6"]);
}

#[test]
fn long_values_become_short() {
    let oracle: Oracle = |lines| {
        let at = find(lines, 0, "APPEND K1 ")?;
        lines[at].contains("xy").then_some((at, "bug"))
    };
    let long = format!("APPEND k1 {}xy{}", "a".repeat(50_000), "b".repeat(30_000));
    let shrunk = check(&[long], oracle, &["APPEND k1 xy"]);
    assert!(shrunk.evaluations < 100, "{} evaluations", shrunk.evaluations);
}

#[test]
fn one_connection_is_merged_into_another_and_they_are_numbered_from_0() {
    // Two connections are enough, and one is not.
    let oracle: Oracle = |lines| {
        let conn =
            |line: &str| line.strip_prefix('@').and_then(|rest| rest.split(' ').next()).unwrap_or("0").to_owned();
        let set = lines.iter().position(|line| line.contains("SET"))?;
        let get = lines.iter().position(|line| line.contains("GET"))?;
        let incr = lines.iter().position(|line| line.contains("INCR"))?;
        (set < incr && incr < get && conn(&lines[set]) != conn(&lines[get])).then_some((get, "bug"))
    };
    check(&["@4 SET", "@7 INCR", "@9 GET"], oracle, &["SET", "INCR", "@1 GET"]);
}

#[test]
fn raw_bytes_get_fewer() {
    let oracle: Oracle = |lines| lines.iter().position(|line| line.contains('$')).map(|at| (at, "bug"));
    check(&["!raw \"*1\\r\\n$4\\r\\nPING\\r\\n\""], oracle, &["!raw \"$\""]);
}

#[test]
fn connections_and_clock_moves() {
    let oracle: Oracle = |lines| {
        let moved = find(lines, 0, "!ADVANCE ")?;
        let ms: u64 = lines[moved][9..].trim_end_matches("ms").parse().ok()?;
        let at = lines.iter().skip(moved).position(|line| line.ends_with("GET k1"))? + moved;
        (ms >= 900).then_some((at, "bug"))
    };
    check(&["@3 SET k1 v", "!advance 60000ms", "@7 GET k1"], oracle, &["!advance 1000ms", "GET k1"]);
}

#[test]
fn options_go() {
    let oracle: Oracle = |lines| {
        let at = find(lines, 0, "SET K1 ")?;
        lines[at].to_ascii_uppercase().contains(" KEEPTTL").then_some((at, "bug"))
    };
    check(&["set k1 v get nx keepttl"], oracle, &["SET k1 KEEPTTL"]);
}

#[test]
fn a_trace_that_does_not_show_the_class_is_none() {
    assert_eq!(run(&["PING"], "bug", &Limits::default(), |_| None), None);
    assert_eq!(run(&["PING"], "bug", &Limits::default(), |_| Some((0, "other bug"))), None);
}

#[test]
fn what_runs_out_of_evaluations_is_not_called_minimal() {
    let oracle: Oracle = |lines| find(lines, 0, "GET ").map(|at| (at, "bug"));
    let lines: Vec<String> = (0..100).map(|n| format!("SET k{n} v")).chain(["GET k".into()]).collect();
    let shrunk = run(&lines, "bug", &Limits { evaluations_max: 2 }, oracle).expect("it shows the bug");
    assert!(!shrunk.minimal && shrunk.evaluations == 2, "{shrunk:?}");
}

#[test]
fn the_first_error_of_a_run_is_returned() {
    let mut runs = 0;
    let mut evaluate = |_: &[Op]| {
        runs += 1;
        if runs < 3 { Ok(Some(Found { class: class("bug"), at: 0 })) } else { Err(format!("run {runs} failed")) }
    };
    let ops = parse(&["GET a", "GET b", "GET c"]);
    assert_eq!(shrink(&ops, &class("bug"), &Limits::default(), &mut evaluate), Err("run 3 failed".into()));
}

/// An empty set that stays behind: EXISTS sees the key after SREM has removed its last member.
fn empty_set_stays(lines: &[String]) -> Option<(usize, &'static str)> {
    let mut sets = std::collections::BTreeMap::<String, std::collections::BTreeSet<String>>::new();
    for (at, line) in lines.iter().enumerate() {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["SADD", key, ref members @ ..] if !members.is_empty() => {
                sets.entry(key.into()).or_default().extend(members.iter().map(|member| (*member).to_owned()));
            }
            ["SREM", key, ref members @ ..] => {
                if let Some(set) = sets.get_mut(key) {
                    set.retain(|member| !members.contains(&member.as_str()));
                }
            }
            ["DEL", key] => drop(sets.remove(key)),
            ["EXISTS", key] if sets.get(key).is_some_and(|set| set.is_empty()) => return Some((at, "bug")),
            _ => {}
        }
    }
    None
}

#[test]
fn a_hundred_ops_take_less_than_a_hundred_evaluations() {
    let mut evaluations = Vec::new();
    for seed in 0..200 {
        let mut stream = Seed(seed).stream("shrink");
        let lines: Vec<String> = (0..100)
            .map(|_| {
                let key = format!("key{}", stream.below(4));
                let member = format!("member{}", stream.below(3));
                match stream.below(6) {
                    0 | 1 => format!("SADD {key} {member}"),
                    2 | 3 => format!("SREM {key} {member} other"),
                    4 => format!("GET {key}"),
                    _ => format!("EXISTS {key}"),
                }
            })
            .collect();
        if empty_set_stays(&lines).is_some() {
            let shrunk = check(&lines, empty_set_stays, &["SADD k1 m1", "SREM k1 m1", "EXISTS k1"]);
            evaluations.push(shrunk.evaluations);
        }
    }
    assert!(evaluations.len() > 100, "only {} of 200 traces show the bug", evaluations.len());
    let mean = evaluations.iter().sum::<usize>() / evaluations.len();
    let most = evaluations.iter().max().copied().unwrap_or_default();
    assert!(mean < 60 && most < 100, "mean {mean}, most {most}");
}
