use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::numbers::ODD_CURSORS;
use super::walk::is_loose;
use super::*;
use spec::syntax::{Node, args_min};
use spec::{Command, Family, Fidelity, commands, is_container, lookup_request};

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
        ("strings", "4ad340f3b469e97d"),
        ("lists", "6078459384c7e7a6"),
        ("hashes", "1b95cd1056d9b589"),
        ("sets", "873970fa6592de89"),
        ("sorted-sets", "9796916c7ddfc536"),
        ("bitmaps", "f967e20500dfc4c1"),
        ("hyperloglog", "2941323cb300b20d"),
        ("geo", "003357be99a7cec3"),
        ("streams", "e42344e79db1ca89"),
        ("transactions", "9e22197d58566358"),
        ("pubsub", "6831bc986555c95f"),
        ("blocking", "ba0e6bf7f0c00f70"),
        ("search", "9c75880e3db012b0"),
        ("protocol", "bf2e2fee5fe0d921"),
        ("keys", "8a90f030932ed845"),
        ("expiry", "d0311ea5151452b1"),
        ("errors", "7268467f30db8466"),
        ("mixed", "b747a8d3202927fb"),
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

/// What no group draws: it would stop the server, or be refused always.
const NEVER: [&str; 6] = ["CLIENT CACHING", "CLIENT PAUSE", "CLIENT REPLY", "CLIENT TRACKING", "DEBUG", "HELLO"];

#[test]
fn every_command_of_a_family_comes_in_its_group() {
    for group in groups() {
        let came: BTreeSet<&str> =
            requests(group.name, 0..60, 1000).iter().filter_map(|(command, _)| Some(command.as_ref()?.name)).collect();
        let missing: Vec<&str> = commands()
            .filter(|command| group.families.contains(&command.family) && !is_container(command))
            .map(|command| command.name)
            .filter(|name| !came.contains(name) && !NEVER.contains(name))
            .collect();
        assert!(missing.is_empty(), "group {}: {missing:?} never came", group.name);
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
    for command in commands().filter(|command| !NEVER.contains(&command.name) && !is_container(command)) {
        collect_words(command, command.tree(), &mut wanted);
        if command.arity < 0 {
            wanted.insert(format!("{} at its shortest", command.name));
            wanted.insert(format!("{} longer", command.name));
        }
    }
    let drawn = ["mixed", "keys", "search"].into_iter().flat_map(|group| requests(group, 0..100, 2000));
    for (command, argv) in drawn {
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

/// The end of the field that a BITFIELD writes farthest behind, as if each were 64 bits wide; 0 for what is refused.
fn farthest_written_bit(argv: &Argv) -> i64 {
    const OFFSETS_END: i64 = 512 << 23;
    let args: Vec<&[u8]> = argv.iter().collect();
    let writes = args.windows(3).filter(|args| ["SET", "INCRBY"].iter().any(|word| args[0] == word.as_bytes()));
    let bits = |offset: &[u8]| {
        let (digits, width) = offset.strip_prefix(b"#").map_or((offset, 1), |digits| (digits, 64));
        let number: i64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
        Some(number.checked_mul(width)?).filter(|bit| (0..OFFSETS_END).contains(bit))
    };
    writes.filter_map(|args| bits(args[2])).max().unwrap_or(0)
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
                "SETBIT" => assert!(!(1 << 23..512 << 23).contains(&integer(2)), "{argv:?}"),
                "BITFIELD" => assert!(farthest_written_bit(&argv) < 1 << 23, "{argv:?}"),
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
    for seed in 0..16 {
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
fn seeds_of_a_group_use_as_many_connections_as_it_says() {
    for group in groups() {
        let used = |seed: u64| ops(group.name, seed, 400).iter().map(|op| op.conn + 1).max().unwrap_or(0);
        let counts: BTreeSet<_> = (0..40).map(used).collect();
        assert_eq!(counts, (group.conns_min..=group.conns_max).collect(), "group {}", group.name);
    }
}

/// What a connection is said to do, by the requests alone.
#[derive(Default)]
struct Told {
    in_multi: bool,
    listens: bool,
    waits: bool,
    resp3: bool,
}

#[test]
fn connections_do_what_servers_can_answer() {
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    let mut note = |what, is_so: bool| *seen.entry(what).or_default() += u32::from(is_so);
    for (group, seed) in
        ["transactions", "pubsub", "blocking", "mixed"].iter().flat_map(|group| (0..30).map(move |seed| (*group, seed)))
    {
        let options = Options { seed: Seed(seed), group: super::group(group).expect("a group") };
        let ops: Vec<Op> = Generator::new(&options).sequence(1500).collect();
        assert_eq!(ops.len(), 1500);
        let mut told: BTreeMap<u16, Told> = BTreeMap::new();
        for op in ops {
            let conn = told.entry(op.conn).or_default();
            let Act::Call(argv) = &op.act else {
                note("close in a transaction", op.act == Act::Close && conn.in_multi);
                note("close while it waits", op.act == Act::Close && conn.waits);
                note("await of a message", op.act == Act::Await && conn.listens);
                conn.waits &= !matches!(op.act, Act::Await | Act::Close);
                if op.act == Act::Close {
                    *conn = Told::default();
                }
                continue;
            };
            let Some(command) = lookup_request(argv) else { continue };
            let of_listening = command.name.ends_with("SUBSCRIBE");
            assert!(!(of_listening && conn.in_multi), "{group} {seed}: {argv:?} in a transaction");
            assert!(!(conn.in_multi && matches!(command.fidelity, Fidelity::RandomPop | Fidelity::Cursor)), "{argv:?}");
            note("MULTI in a transaction", command.name == "MULTI" && conn.in_multi);
            note("WATCH in a transaction", command.name == "WATCH" && conn.in_multi);
            note("a wait in a transaction", conn.in_multi && command.family == Family::Blocking);
            note("a refused command of a subscriber", conn.listens && !conn.resp3 && command.family == Family::Strings);
            note("a subscriber's transaction", conn.listens && command.name == "MULTI");
            let is_valid = command.accepts(argv.len());
            match command.name {
                "MULTI" => conn.in_multi |= is_valid && (!conn.listens || conn.resp3),
                "EXEC" | "DISCARD" => conn.in_multi &= !is_valid,
                "RESET" | "QUIT" => *conn = Told::default(),
                "HELLO" => conn.resp3 = true,
                _ => {}
            }
            conn.listens |= of_listening && !command.name.contains("UNSUB");
            conn.waits |= !conn.in_multi && spec::may_block(argv);
        }
        let unseen = told.iter().filter(|(_, told)| told.waits).count();
        assert_eq!(unseen, 0, "{group} {seed}: a connection that waits is not looked after in the end");
    }
    for (what, count) in seen {
        assert!(count > 0, "{what} never came");
    }
}

#[test]
fn a_description_says_what_was_drawn() {
    let group = group("strings").expect("a group");
    let described = Generator::new(&Options { seed: Seed(5), group }).describe();
    for part in ["seed 5 group strings", "keys a type", "mistake 1/"] {
        assert!(described.contains(part), "{part} is not in: {described}");
    }
}
