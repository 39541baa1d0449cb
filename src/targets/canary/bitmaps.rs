//! Slips in commands on bits.

use super::{Canary, Client, arg, call, is_word, with};
use resp::{Argv, Reply};

#[rustfmt::skip] // a table
pub(super) const CANARIES: &[Canary] = &[
    Canary { name: "bitcount-unit", slip: "BITCOUNT takes a range of bits for one of bytes", commands: &["BITCOUNT"], run: bitcount_unit,
        ops_min: 2, in_replies: "SET k a\nBITCOUNT k 0 0 BIT", in_keyspace: "" },
    Canary { name: "bitfield-sat", slip: "BITFIELD wraps around instead of saturating", commands: &["BITFIELD"], run: bitfield_sat,
        ops_min: 1, in_replies: "BITFIELD k OVERFLOW SAT INCRBY u1 0 2", in_keyspace: "BITFIELD k OVERFLOW SAT SET u1 0 2" },
    Canary { name: "bitop-shortest", slip: "BITOP AND ends with the shortest of its strings", commands: &["BITOP"], run: bitop_shortest,
        ops_min: 2, in_replies: "SET a v\nBITOP AND d a b", in_keyspace: "SET a v\nBITOP AND d a b" },
];

fn bitcount_unit(client: &mut dyn Client, argv: &Argv) -> Reply {
    if is_word(arg(argv, 4), "BIT") { client.execute(&with(argv, 4, "BYTE")) } else { client.execute(argv) }
}

fn bitfield_sat(client: &mut dyn Client, argv: &Argv) -> Reply {
    let is_mode = |at: usize| at > 2 && is_word(&argv[at - 1], "OVERFLOW") && is_word(&argv[at], "SAT");
    client.execute(&(0..argv.len()).map(|at| if is_mode(at) { b"WRAP" } else { &argv[at] }).collect())
}

fn bitop_shortest(client: &mut dyn Client, argv: &Argv) -> Reply {
    let sources = argv.iter().skip(3).map(|key| call(client, [b"STRLEN", key]));
    let shortest = sources.map(|length| if let Reply::Int(length) = length { length } else { 0 }).min();
    let reply = client.execute(argv);
    let (Reply::Int(longest), Some(shortest)) = (&reply, shortest) else { return reply };
    if *longest == shortest || !is_word(&argv[1], "AND") {
        return reply;
    }
    let whole = call(client, [b"GETDEL", &argv[2]]);
    let whole = whole.as_bytes().unwrap_or_default();
    if let Some(part @ [_, ..]) = whole.get(..shortest as usize) {
        call(client, [b"SET", &argv[2], part]);
    }
    Reply::Int(shortest)
}
