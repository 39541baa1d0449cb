use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::groups::is_loose;
use super::numbers::ODD_CURSORS;
use super::*;
use crate::spec::syntax::{Node, args_min};
use crate::spec::{Command, Family, Fidelity, commands, is_container, lookup_request};

/// The first `count` operations of a seed.
fn ops(group_name: &str, seed: u64, count: usize) -> Vec<Op> {
    let group = group(group_name).unwrap_or_else(|| panic!("no group {group_name}"));
    let mut generator = Generator::new(&Options { seed: Seed(seed), group });
    (0..count).map(|_| generator.next_op()).collect()
}

/// The requests among the operations of many seeds, with their commands where they have one.
fn requests(group_name: &str, seeds: std::ops::Range<u64>, count: usize) -> Vec<(Option<&'static Command>, Argv)> {
    let calls = seeds.flat_map(|seed| ops(group_name, seed, count)).filter_map(|op| match op.act {
        Act::Call(argv) => Some(argv),
        _ => None,
    });
    calls.map(|argv| (lookup_request(&argv), argv)).collect()
}

/// The start of a SHA-256 of all that the operations say.
fn fingerprint(ops: &[Op]) -> String {
    let mut hash = Sha256::new();
    for op in ops {
        hash.update(op.conn.to_le_bytes());
        match &op.act {
            Act::Call(argv) => {
                let mut bytes = Vec::new();
                argv.encode(&mut bytes);
                hash.update(&bytes);
            }
            other => hash.update(format!("{other:?}")),
        }
    }
    hash.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_seed_means_the_same_operations_for_ever() {
    let golden = [
        ("strings", "9fb614107a6a4de1"),
        ("lists", "ddc2984965c10865"),
        ("hashes", "17b1bddd7e648996"),
        ("sets", "412667c2fc97d7f0"),
        ("sorted-sets", "7990a03b9c118c2c"),
        ("keys", "5d27e2d43c491c46"),
        ("expiry", "1f581c34286120a7"),
        ("errors", "2ac0dcd5c9e140d7"),
        ("mixed", "2360924ea50285ce"),
    ];
    let got: Vec<(&str, String)> =
        groups().iter().map(|group| (group.name, fingerprint(&ops(group.name, 5, 1000)))).collect();
    let same = got.iter().map(|(name, hash)| (*name, hash.as_str())).eq(golden);
    assert!(
        same,
        "seed 5 gives other operations than it did for GENERATOR {GENERATOR}: raise it and put these here: {got:#?}"
    );
}

#[test]
fn seeds_and_groups_differ() {
    let prints: BTreeSet<String> =
        groups().iter().flat_map(|group| (0..50).map(|seed| fingerprint(&ops(group.name, seed, 20)))).collect();
    assert_eq!(prints.len(), 50 * groups().len());
}

#[test]
fn every_command_of_a_family_comes_in_its_group() {
    for group in groups() {
        let came: BTreeSet<&str> =
            requests(group.name, 0..60, 1000).iter().filter_map(|(command, _)| Some(command.as_ref()?.name)).collect();
        let missing: Vec<&str> = commands()
            .filter(|command| group.families.contains(&command.family) && !is_container(command))
            .map(|command| command.name)
            .filter(|name| !came.contains(name) && !["HELLO", "INFO"].contains(name))
            .collect();
        assert!(missing.is_empty(), "group {}: {missing:?} never came", group.name);
        assert!(!came.contains("HELLO") && !came.contains("INFO"), "group {}", group.name);
    }
}

/// Every path from the root to a token, as `SET/EX`.
fn collect_words(command: &Command, nodes: &[Node], words: &mut BTreeSet<String>) {
    for node in nodes {
        match node {
            Node::Token(word) => {
                words.insert(format!("{}/{word}", command.name));
            }
            Node::Slot(_) => {}
            Node::Options(parts) | Node::Choice(parts) => {
                parts.iter().for_each(|part| collect_words(command, part, words));
            }
            Node::Repeat(nodes) | Node::Counted(nodes) => collect_words(command, nodes, words),
        }
    }
}

#[test]
fn every_option_of_every_syntax_comes_and_is_left_out() {
    let mut wanted = BTreeSet::new();
    for command in commands().filter(|command| !["HELLO", "INFO"].contains(&command.name) && !is_container(command)) {
        collect_words(command, command.tree(), &mut wanted);
        if command.arity < 0 {
            wanted.insert(format!("{} at its shortest", command.name));
            wanted.insert(format!("{} longer", command.name));
        }
    }
    for (command, argv) in requests("mixed", 0..100, 2000).into_iter().chain(requests("search", 0..60, 2000)) {
        let Some(command) = command else { continue };
        for arg in argv.iter().skip(1) {
            wanted.remove(&format!("{}/{}", command.name, arg.to_ascii_uppercase().escape_ascii()));
        }
        let shortest = argv.len() == args_min(command.tree()) + command.name.split(' ').count();
        wanted.remove(&format!("{} {}", command.name, if shortest { "at its shortest" } else { "longer" }));
    }
    assert!(wanted.is_empty(), "never came: {wanted:?}");
}

#[test]
fn loose_commands_are_few() {
    for group in groups() {
        for seed in 0..20 {
            let requests = requests(group.name, seed..seed + 1, 4000);
            let loose = requests.iter().filter(|(command, _)| command.is_some_and(is_loose)).count();
            assert!(loose * 100 <= requests.len() * 5, "group {} seed {seed}: {loose} of 4000", group.name);
        }
    }
}

#[test]
fn what_upsets_servers_comes() {
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    let mut note = |what, is_so: bool| *seen.entry(what).or_default() += u32::from(is_so);
    for (command, argv) in requests("errors", 0..60, 2000) {
        let args = || argv.iter().skip(1);
        note("unknown command", command.is_none());
        note("no arguments", argv.len() == 1);
        note("wrong arity", command.is_some_and(|command| !command.accepts(argv.len())));
        note("odd case", argv[0].iter().any(u8::is_ascii_lowercase));
        note("empty argument", args().any(<[u8]>::is_empty));
        note("bytes that are no text", args().any(|arg| std::str::from_utf8(arg).is_err()));
        note("100 KB", args().any(|arg| arg.len() == 100 * 1024));
        for text in
            ["9223372036854775808", "-9223372036854775809", "1.5", " 1", "+1", "-0", "0x10", "1e3", "nan", "-inf"]
        {
            note(text, args().any(|arg| arg == text.as_bytes()));
        }
        let keys = command.map(|command| command.keys(&argv)).unwrap_or_default();
        note("source is destination", keys.len() == 2 && keys[0] == keys[1]);
        let of_list = command.is_some_and(|command| command.family == Family::Lists);
        note("wrong type", of_list && keys.iter().any(|key| key.starts_with(b"hash:")));
    }
    for (what, count) in seen {
        assert!(count > 0, "{what} never came");
    }
}

#[test]
fn iterations_start_at_the_start() {
    for group in ["keys", "hashes", "sets", "sorted-sets", "errors"] {
        for (command, argv) in requests(group, 0..40, 2000) {
            let Some(command) = command.filter(|command| command.fidelity == Fidelity::Cursor) else { continue };
            let at = if command.name == "SCAN" { 1 } else { 2 };
            let allowed = argv.get(at).is_none_or(|cursor| cursor == b"0" || ODD_CURSORS.contains(&cursor));
            assert!(allowed || !command.accepts(argv.len()), "group {group}: {argv:?}");
        }
    }
}

#[test]
fn no_request_makes_a_server_work_for_long() {
    for group in groups() {
        for (command, argv) in requests(group.name, 0..30, 2000) {
            assert!(argv.bytes_len() < 300 * 1024, "group {}: {} bytes", group.name, argv.bytes_len());
            let integer = |at: usize| -> i64 {
                argv.get(at).and_then(|arg| std::str::from_utf8(arg).ok()?.parse().ok()).unwrap_or(0)
            };
            match command.map_or("", |command| command.name) {
                "SETRANGE" => assert!(!(1 << 20..512 << 20).contains(&integer(2)), "{argv:?}"),
                "SRANDMEMBER" | "HRANDFIELD" | "ZRANDMEMBER" => {
                    assert!(!(i64::MIN + 1..-100).contains(&integer(2)), "{argv:?}");
                }
                _ => {}
            }
        }
    }
}

#[test]
fn absolute_times_follow_the_clock() {
    let (mut near, mut all) = (0, 0);
    for seed in 0..8 {
        let mut now_ms = START_MS;
        for op in ops("expiry", seed, 2000) {
            match op.act {
                Act::Advance { ms } => now_ms += ms as i64,
                Act::Call(argv) if argv[0] == *b"PEXPIREAT" => {
                    let at_ms = argv.get(2).and_then(|arg| std::str::from_utf8(arg).ok()?.parse().ok()).unwrap_or(0);
                    all += 1;
                    near += i32::from((now_ms - 1000..now_ms + 1_000_000).contains(&at_ms));
                }
                _ => {}
            }
        }
        assert!(now_ms > START_MS + 100_000, "seed {seed}: the clock moved {} ms", now_ms - START_MS);
    }
    assert!(all > 200 && near * 100 > all * 85, "only {near} of {all} are near the clock");
}

#[test]
fn some_seeds_of_a_group_use_two_connections() {
    let used = |group: &str, seed: u64| ops(group, seed, 400).iter().map(|op| op.conn).max();
    for group in ["keys", "mixed"] {
        let most: BTreeSet<_> = (0..20).map(|seed| used(group, seed)).collect();
        assert_eq!(most, [Some(0), Some(1)].into(), "group {group}");
    }
    assert!((0..20).all(|seed| used("lists", seed) == Some(0)));
}

#[test]
fn a_description_says_what_was_drawn() {
    let group = group("strings").expect("a group");
    let described = Generator::new(&Options { seed: Seed(5), group }).describe();
    for part in ["seed 5 group strings", "keys a type", "mistake 1/"] {
        assert!(described.contains(part), "{part} is not in: {described}");
    }
}
