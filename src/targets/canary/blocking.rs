//! Slips in commands that wait.

use super::{Canary, Client, arg, integer, is_word, with, without};
use resp::{Argv, Reply};

#[rustfmt::skip] // a table
pub(super) const CANARIES: &[Canary] = &[
    Canary { name: "blpop-last-key", slip: "BLPOP looks at its last key first", commands: &["BLPOP"], run: blpop_last_key,
        ops_min: 3, in_replies: "RPUSH a x\nRPUSH b y\nBLPOP a b 0", in_keyspace: "RPUSH a x\nRPUSH b y\nBLPOP a b 0" },
    Canary { name: "brpop-left", slip: "BRPOP takes from the left", commands: &["BRPOP"], run: brpop_left,
        ops_min: 2, in_replies: "RPUSH k a b\nBRPOP k 0", in_keyspace: "RPUSH k a b\nBRPOP k 0" },
    Canary { name: "blmove-left", slip: "BLMOVE adds on the left, wherever it is told to", commands: &["BLMOVE"], run: blmove_left,
        ops_min: 2, in_replies: "RPUSH k a b\nBLMOVE k k LEFT RIGHT 0\nLINDEX k 0", in_keyspace: "RPUSH k a b\nBLMOVE k k LEFT RIGHT 0" },
    Canary { name: "brpoplpush-right", slip: "BRPOPLPUSH adds on the right", commands: &["BRPOPLPUSH"], run: brpoplpush_right,
        ops_min: 2, in_replies: "RPUSH k a b\nBRPOPLPUSH k k 0\nLINDEX k 0", in_keyspace: "RPUSH k a b\nBRPOPLPUSH k k 0" },
    Canary { name: "blmpop-first-key", slip: "BLMPOP looks at its first key only", commands: &["BLMPOP"], run: blmpop_first_key,
        ops_min: 2, in_replies: "RPUSH b x\nBLMPOP 0 2 a b LEFT", in_keyspace: "RPUSH b x\nBLMPOP 0 2 a b LEFT" },
    Canary { name: "bzpopmax-least", slip: "BZPOPMAX takes the least", commands: &["BZPOPMAX"], run: bzpopmax_least,
        ops_min: 2, in_replies: "ZADD k 1 a 2 b\nBZPOPMAX k 0", in_keyspace: "ZADD k 1 a 2 b\nBZPOPMAX k 0" },
    Canary { name: "bzmpop-count", slip: "BZMPOP ignores COUNT", commands: &["BZMPOP"], run: bzmpop_count,
        ops_min: 2, in_replies: "ZADD k 1 a 2 b\nBZMPOP 0 1 k MIN COUNT 2", in_keyspace: "ZADD k 1 a 2 b\nBZMPOP 0 1 k MIN COUNT 2" },
];

fn blpop_last_key(client: &mut dyn Client, argv: &Argv) -> Reply {
    if argv.len() < 3 {
        return client.execute(argv);
    }
    let last = argv.len() - 1;
    let keys = argv.iter().take(last).skip(1).rev();
    client.execute(&argv.iter().take(1).chain(keys).chain(argv.iter().skip(last)).collect())
}

fn brpop_left(client: &mut dyn Client, argv: &Argv) -> Reply {
    // The text about a wrong number of arguments has the command's name.
    if argv.len() < 3 { client.execute(argv) } else { client.execute(&with(argv, 0, "BLPOP")) }
}

fn blmove_left(client: &mut dyn Client, argv: &Argv) -> Reply {
    if is_word(arg(argv, 4), "RIGHT") { client.execute(&with(argv, 4, "LEFT")) } else { client.execute(argv) }
}

fn brpoplpush_right(client: &mut dyn Client, argv: &Argv) -> Reply {
    if argv.len() != 4 {
        return client.execute(argv);
    }
    client.execute(&[b"BLMOVE", &argv[1], &argv[2], b"RIGHT", b"RIGHT", &argv[3]].into())
}

fn blmpop_first_key(client: &mut dyn Client, argv: &Argv) -> Reply {
    match number_of_keys(argv) {
        Some(keys) => client.execute(&without(&with(argv, 2, "1"), 4, keys - 1)),
        None => client.execute(argv),
    }
}

fn bzpopmax_least(client: &mut dyn Client, argv: &Argv) -> Reply {
    if argv.len() < 3 { client.execute(argv) } else { client.execute(&with(argv, 0, "BZPOPMIN")) }
}

fn bzmpop_count(client: &mut dyn Client, argv: &Argv) -> Reply {
    let count_at = number_of_keys(argv).map(|keys| 4 + keys).filter(|&at| argv.len() == at + 2);
    match count_at.filter(|&at| is_word(&argv[at], "COUNT") && integer(&argv[at + 1]).is_some_and(|count| count > 0)) {
        Some(at) => client.execute(&without(argv, at, 2)),
        None => client.execute(argv),
    }
}

/// How many keys follow the argument that says so, where they and one more argument are there.
fn number_of_keys(argv: &Argv) -> Option<usize> {
    let keys = usize::try_from(integer(arg(argv, 2))?).ok()?;
    (keys > 0 && 3 + keys < argv.len()).then_some(keys)
}
