//! Slips in commands on HyperLogLogs.

use super::{Canary, Client, arg, call};
use resp::{Argv, Reply};

#[rustfmt::skip] // a table
pub(super) const CANARIES: &[Canary] = &[
    Canary { name: "pfadd-keeps-count", slip: "PFADD does not say that the remembered count is out of date", commands: &["PFADD"], run: pfadd_keeps_count,
        ops_min: 1, in_replies: "PFADD k a\nPFCOUNT k", in_keyspace: "PFADD k" },
    Canary { name: "pfmerge-forgets", slip: "PFMERGE forgets what its destination held", commands: &["PFMERGE"], run: pfmerge_forgets,
        ops_min: 2, in_replies: "PFADD d a\nPFMERGE d\nPFCOUNT d", in_keyspace: "PFADD d a\nPFMERGE d" },
];

/// Where a HyperLogLog's string has the remembered count.
const COUNT_AT: &[u8] = b"8";
const COUNT_END: &[u8] = b"15";

fn pfadd_keeps_count(client: &mut dyn Client, argv: &Argv) -> Reply {
    let before = call(client, [b"GETRANGE", arg(argv, 1), COUNT_AT, COUNT_END]);
    let reply = client.execute(argv);
    if reply == Reply::Int(1) {
        let count = before.as_bytes().filter(|count| !count.is_empty()).unwrap_or(&[0; 8]);
        call(client, [b"SETRANGE", &argv[1], COUNT_AT, count]);
    }
    reply
}

fn pfmerge_forgets(client: &mut dyn Client, argv: &Argv) -> Reply {
    let reply = client.execute(argv);
    if reply == Reply::ok() {
        call(client, [b"DEL", &argv[1]]);
        return client.execute(argv);
    }
    reply
}
