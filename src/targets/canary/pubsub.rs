//! Slips in channels.

use super::{Canary, Client, arg, is_word, with, without};
use resp::{Argv, Reply};

#[rustfmt::skip] // a table
pub(super) const CANARIES: &[Canary] = &[
    Canary { name: "publish-counts", slip: "PUBLISH counts one receiver too few where there are several", commands: &["PUBLISH"], run: publish_counts,
        ops_min: 2, in_replies: "@1 PSUBSCRIBE a *\nPUBLISH a x", in_keyspace: "" },
    Canary { name: "spublish-publish", slip: "SPUBLISH reaches the subscribers of plain channels", commands: &["SPUBLISH"], run: spublish_publish,
        ops_min: 2, in_replies: "@1 SUBSCRIBE a\nSPUBLISH a x", in_keyspace: "" },
    Canary { name: "unsubscribe-first", slip: "UNSUBSCRIBE leaves only the first of its channels", commands: &["UNSUBSCRIBE"], run: unsubscribe_first,
        ops_min: 1, in_replies: "UNSUBSCRIBE a b", in_keyspace: "" },
    Canary { name: "numsub-none", slip: "PUBSUB NUMSUB leaves out channels that nobody listens to", commands: &["PUBSUB"], run: numsub_none,
        ops_min: 1, in_replies: "PUBSUB NUMSUB a", in_keyspace: "" },
];

fn publish_counts(client: &mut dyn Client, argv: &Argv) -> Reply {
    match client.execute(argv) {
        Reply::Int(count @ 2..) => Reply::Int(count - 1),
        reply => reply,
    }
}

fn spublish_publish(client: &mut dyn Client, argv: &Argv) -> Reply {
    if argv.len() == 3 { client.execute(&with(argv, 0, "PUBLISH")) } else { client.execute(argv) }
}

fn unsubscribe_first(client: &mut dyn Client, argv: &Argv) -> Reply {
    client.execute(&without(argv, 2, argv.len()))
}

fn numsub_none(client: &mut dyn Client, argv: &Argv) -> Reply {
    match client.execute(argv) {
        Reply::Array(items) if is_word(arg(argv, 1), "NUMSUB") => {
            let heard = items.chunks(2).filter(|pair| pair.get(1) != Some(&Reply::Int(0)));
            Reply::Array(heard.flatten().cloned().collect())
        }
        reply => reply,
    }
}
