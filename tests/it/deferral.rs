//! Commits that are put off: a trace in memory is one transaction, and what that changes is not seen.

use redlite::Redlite;
use redlite::vfs::{AllocationPlan, fail_allocations};
use redlite_dst::diff::Keyspace;
use redlite_dst::targets::{self, TargetOptions};
use redlite_dst::trace::Header;
use redlite_dst::trace::text::parse_op;
use resp::{Argv, Reply};

const TRACE: &str = "\
SET string v
RPUSH list a b c
LPOP list
@1 MULTI
@1 HSET hash f v
SADD set 1 2 3
@1 EXEC
ZADD zset 1 a 2 b
DEL set
LRANGE list 0 -1";

/// What the trace comes to in memory, with `succeed` allocations before the one that fails, there or as it is
/// read; and whether one did.
fn replay(succeed: u64) -> (Vec<Reply>, Option<Keyspace>, bool) {
    let target = targets::parse("redlite", &TargetOptions::default()).expect("a target");
    let mut session = target.open(&Header::default()).expect("memory");
    let ops: Vec<_> = TRACE.lines().map(|line| parse_op(line.as_bytes()).expect(line)).collect();
    let mut replies = Vec::new();
    let guard = fail_allocations(AllocationPlan { nth: succeed, times: 1 }).expect("nothing else uses SQLite");
    session.replay(&ops, &mut replies).expect("the store is there");
    let keyspace = session.keyspace().expect("the store is there");
    (replies, keyspace, guard.failed() > 0)
}

#[test]
fn a_failure_in_the_middle_of_a_trace_takes_nothing_of_it_back() {
    let want = replay(u64::MAX);
    assert!(!want.2 && want.1.as_ref().is_some_and(|keyspace| keyspace.entries.len() == 4), "{want:?}");
    for succeed in 0..10_000 {
        let (replies, keyspace, has_failed) = replay(succeed);
        assert_eq!((&replies, &keyspace), (&want.0, &want.1), "with allocation {succeed} failing");
        if !has_failed {
            assert!(succeed > 0, "nothing was allocated");
            return;
        }
    }
    panic!("there is no end of allocations");
}

#[test]
fn what_was_put_off_is_undone_as_a_whole() {
    let store = Redlite::open_in_memory().expect("memory");
    let mut client = store.client();
    let large = "x".repeat(100_000);
    let mut set = |key, value: &str| client.execute(&Argv::from(["SET", key, value]));
    assert_eq!(set("before", "v"), Reply::ok());
    store.defer_commits();
    assert_eq!(set("put-off", "v"), Reply::ok());
    assert!(store.end_deferral(), "nothing failed");
    store.defer_commits();
    assert_eq!(set("undone", "v"), Reply::ok());
    let guard = fail_allocations(AllocationPlan { nth: 0, times: u64::MAX }).expect("nothing else uses SQLite");
    assert_eq!(set("failed", &large), Reply::error("ERR storage: out of memory"));
    drop(guard);
    assert_eq!(set("after", "v"), Reply::ok());
    assert!(!store.end_deferral(), "what was replied to was undone");
    assert_eq!(names(&store), ["after", "before", "put-off"]);
}

fn names(store: &Redlite) -> Vec<String> {
    let mut names: Vec<_> =
        store.keys().expect("memory").into_iter().map(|key| key.name.escape_ascii().to_string()).collect();
    names.sort();
    names
}

/// Runs these commands, which all succeed.
#[track_caller]
fn run(store: &Redlite, commands: &str) {
    let mut client = store.client();
    for line in commands.lines() {
        let op = parse_op(line.as_bytes()).expect(line);
        let reply = client.execute(op.argv().expect("a call"));
        assert!(reply.as_error().is_none(), "{line}: {reply:?}");
    }
}

#[test]
fn what_was_put_off_is_undone_where_that_is_asked_for() {
    let store = Redlite::open_in_memory().expect("memory");
    assert!(!store.undo_deferral(), "nothing is put off");
    run(&store, "RPUSH list a b\nZADD zset 1 a");
    store.defer_commits();
    run(&store, "RPUSH list c\nDEL zset\nHSET hash f v\nSADD set m\nXADD stream 1 f v\nFLUSHALL\nRPUSH list d");
    assert_eq!(names(&store), ["list"]);
    assert!(store.undo_deferral());
    assert_eq!(names(&store), ["list", "zset"]);
    assert_eq!(
        store.client().execute(&Argv::from(["LRANGE", "list", "0", "-1"])),
        Reply::Array(vec![Reply::bulk("a"), Reply::bulk("b")])
    );
    run(&store, "FLUSHALL\nRPUSH list e");
    assert_eq!(store.client().execute(&Argv::from(["LLEN", "list"])), Reply::Int(1));
    // The tables of an index are kept.
    store.defer_commits();
    run(&store, "FT.CREATE index SCHEMA f TEXT\nHSET hash f v");
    assert!(!store.undo_deferral());
    assert!(store.end_deferral() && names(&store) == ["hash", "list"]);
}
