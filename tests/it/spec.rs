//! The command tables against what a real Redis says of its commands.

use std::collections::BTreeSet;

use redis::Value;
use redlite_dst::generate::{Generator, Options, group};
use redlite_dst::seed::Seed;
use resp::Argv;
use spec::left_out::LEFT_OUT;
use spec::syntax::words;
use spec::{Command, Family, Fidelity, Keys, commands, is_container, lookup_request};

use crate::reference::Reference;

#[test]
fn rows_say_what_command_info_says() {
    let server = Reference::start();
    let mut connection = server.connect();
    for command in commands().filter(|command| command.family.module().is_none()) {
        let name = command.name;
        let info: Vec<Vec<Value>> =
            redis::cmd("COMMAND").arg("INFO").arg(name.replace(' ', "|")).query(&mut connection).expect("COMMAND INFO");
        let info = &info[0];
        let flags = texts(&info[2]);
        let hints = texts(&info[7]);
        assert_eq!(info[1], Value::Int(command.arity.into()), "arity of {name}");
        // PFCOUNT keeps the count in the value, but its flags do not say so.
        assert_eq!(command.writes, flags.contains("write") || name == "PFCOUNT", "whether {name} writes");
        let range = match name {
            // Redis calls a shard channel a key, for its cluster's sake (the flag not_key).
            "SPUBLISH" => [1, 1, 1],
            "SSUBSCRIBE" | "SUNSUBSCRIBE" => [1, -1, 1],
            _ => command.keys.fixed_range(),
        };
        assert_eq!(info[3..6].to_vec(), range.map(Value::Int), "first key, last key, step of {name}");
        assert_eq!(fidelity_of_hints(command), hints_fidelity(&hints), "fidelity of {name}, whose hints are {hints:?}");
    }
}

/// What Redis can say of a fidelity by its hints.
#[derive(Debug, PartialEq)]
enum Hint {
    Deterministic,
    AnyOrder,
    AnyOutput,
}

fn hints_fidelity(hints: &BTreeSet<String>) -> Hint {
    if hints.contains("nondeterministic_output") {
        Hint::AnyOutput
    } else if hints.contains("nondeterministic_output_order") {
        Hint::AnyOrder
    } else {
        Hint::Deterministic
    }
}

/// Facts about the server that Redis does not hint at, but for one: the order of what it tells of its commands.
const UNHINTED: &[&str] = &["CLIENT ID", "COMMAND COUNT", "HELLO", "MEMORY USAGE"];
const ORDER_HINTED: &[&str] = &["COMMAND", "COMMAND DOCS", "COMMAND INFO", "COMMAND LIST"];
/// What Redis hints is its own, and every server answers alike: encodings, and that there are no frequencies.
const OVERHINTED: &[&str] = &["OBJECT ENCODING", "OBJECT FREQ"];

/// Redis hints nothing for an absolute time, for the names of channels, for the times in XINFO STREAM, for SORT and the
/// order of CONFIG GET, and that HSCAN's and SPOP's replies are as random as SCAN's.
fn fidelity_of_hints(command: &Command) -> Hint {
    match command.fidelity {
        Fidelity::Exact if OVERHINTED.contains(&command.name) => Hint::AnyOutput,
        Fidelity::ServerFact if ORDER_HINTED.contains(&command.name) => Hint::AnyOrder,
        Fidelity::ServerFact if UNHINTED.contains(&command.name) => Hint::Deterministic,
        Fidelity::UnorderedPairs if command.name == "CONFIG GET" => Hint::Deterministic,
        Fidelity::Exact | Fidelity::UnixTime | Fidelity::Sorted | Fidelity::Nearby => Hint::Deterministic,
        Fidelity::Unordered if command.family == Family::PubSub => Hint::Deterministic,
        Fidelity::Unordered | Fidelity::UnorderedPairs => Hint::AnyOrder,
        Fidelity::Clocked if command.name == "XINFO STREAM" => Hint::Deterministic,
        Fidelity::Cursor
        | Fidelity::RandomPick
        | Fidelity::RandomPop
        | Fidelity::TimeLeft
        | Fidelity::Clocked
        | Fidelity::ServerFact => Hint::AnyOutput,
    }
}

#[test]
fn syntaxes_have_the_words_of_command_docs() {
    let server = Reference::start();
    let mut connection = server.connect();
    // The docs of a container hold those of its subcommands.
    for command in commands().filter(|command| !is_container(command) && command.family.module().is_none()) {
        let docs: Vec<Value> = redis::cmd("COMMAND")
            .arg("DOCS")
            .arg(command.name.replace(' ', "|"))
            .query(&mut connection)
            .expect("COMMAND DOCS");
        let mut documented = BTreeSet::new();
        collect_documented(&docs[1], &mut documented);
        if command.name == "BITOP" {
            // Redis 7.0 documents its first argument as any string.
            documented.extend(["AND", "OR", "XOR", "NOT"].map(str::to_owned));
        }
        let ours: BTreeSet<String> = words(command.tree()).into_iter().map(str::to_owned).collect();
        assert_eq!(ours, documented, "words in the syntax of {}", command.name);
    }
}

/// Every value of the key `token` in the nested, flat maps of COMMAND DOCS.
fn collect_documented(docs: &Value, words: &mut BTreeSet<String>) {
    let Value::Array(items) = docs else { return };
    for (at, item) in items.iter().enumerate() {
        if let (Some(key), Value::BulkString(word)) = (at.checked_sub(1).map(|at| &items[at]), item)
            && *key == Value::BulkString(b"token".to_vec())
        {
            words.insert(String::from_utf8_lossy(word).into_owned());
        }
        collect_documented(item, words);
    }
}

#[test]
fn every_command_of_a_redis_has_a_row_or_a_reason() {
    let server = Reference::start();
    let names: Vec<String> = redis::cmd("COMMAND").arg("LIST").query(&mut server.connect()).expect("COMMAND LIST");
    let theirs: BTreeSet<String> = names.iter().map(|name| name.to_ascii_uppercase().replace('|', " ")).collect();
    let rows: BTreeSet<&str> = commands().map(|command| command.name).collect();
    let left_out: BTreeSet<&str> = LEFT_OUT.iter().map(|left_out| left_out.command).collect();

    let forgotten: Vec<_> =
        theirs.iter().filter(|name| !rows.contains(name.as_str()) && !left_out.contains(name.as_str())).collect();
    assert!(forgotten.is_empty(), "neither in a table of crates/spec/src nor in its left_out.rs: {forgotten:?}");
    let twice: Vec<_> = rows.intersection(&left_out).collect();
    assert!(twice.is_empty(), "these have a row now, so delete them from crates/spec/src/left_out.rs: {twice:?}");
    let gone: Vec<_> = left_out.iter().filter(|name| !theirs.contains(**name)).collect();
    assert!(gone.is_empty(), "crates/spec/src/left_out.rs gives reasons for what no Redis has: {gone:?}");
    assert_eq!(left_out.len(), LEFT_OUT.len(), "crates/spec/src/left_out.rs lists a command twice");
}

#[test]
fn keys_are_those_that_redis_finds() {
    let server = Reference::start();
    let mut connection = server.connect();
    let mut compared = 0;
    for seed in 0..20 {
        let mut generator = Generator::new(&Options { seed: Seed(seed), group: group("mixed").expect("a group") });
        for op in (0..500).map(|_| generator.next_op()) {
            let Some((command, argv)) = op.argv().and_then(|argv| Some((lookup_request(argv)?, argv))) else {
                continue;
            };
            let mut getkeys = redis::cmd("COMMAND");
            getkeys.arg("GETKEYS");
            argv.iter().for_each(|arg| {
                getkeys.arg(arg);
            });
            // An error says that Redis finds the request malformed, or that the command has no keys. Redis reads a
            // number of keys such as "1.0" up to the first byte that is no digit; a row takes it for none.
            if let (true, Ok(want)) = (counts_well(command, argv), getkeys.query::<Vec<Vec<u8>>>(&mut connection)) {
                let want = readable(want.iter().map(Vec::as_slice));
                let got = readable(command.keys(argv).into_iter());
                assert_eq!(got, want, "keys of {argv:?}");
                compared += 1;
            }
        }
    }
    assert!(compared > 5000, "only {compared} requests were compared");
}

/// The distinct keys, in order.
fn readable<'a>(keys: impl Iterator<Item = &'a [u8]>) -> BTreeSet<String> {
    keys.map(|key| key.escape_ascii().to_string()).collect()
}

/// True where a number of keys, if the command has one, is in digits.
fn counts_well(command: &Command, argv: &Argv) -> bool {
    let Keys::Counted { count_at, .. } = command.keys else { return true };
    argv.get(count_at).is_some_and(|count| count.iter().all(u8::is_ascii_digit))
}

fn texts(value: &Value) -> BTreeSet<String> {
    let Value::Array(items) = value else { return BTreeSet::new() };
    let text = |item: &Value| match item {
        Value::SimpleString(text) => Some(text.clone()),
        Value::BulkString(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        _ => None,
    };
    items.iter().filter_map(text).collect()
}
