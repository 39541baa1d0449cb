//! What the generator makes, sent to a real Redis.

use redlite_dst::generate::{Generator, Group, Options, groups};
use redlite_dst::seed::Seed;
use redlite_dst::spec;
use resp::{Argv, Reply};

use crate::reference::Reference;

/// How a Redis took one seed.
struct Outcome {
    requests: u32,
    refused: u32,
    /// The processor's time that the server took, in seconds.
    cpu_s: f64,
    memory_bytes: u64,
}

fn run(group: &'static Group, seed: u64, server: &Reference) -> Outcome {
    let mut observer = server.connect();
    let mut connections: [_; 4] = std::array::from_fn(|_| server.connect_plain());
    assert_eq!(connections[0].call(&["FLUSHALL"].into()), Reply::ok());
    let mut generator = Generator::new(&Options { seed: Seed(seed), group });
    let before_s: f64 = info(&mut observer, "cpu", "used_cpu_user");
    let (mut requests, mut refused) = (0, 0);
    for op in (0..3000).map(|_| generator.next_op()) {
        let Some(argv) = op.argv().filter(|argv| is_answered_once(argv)) else { continue };
        let reply = connections[usize::from(op.conn)].call(argv);
        requests += 1;
        refused += u32::from(matches!(reply, Reply::Error(_)));
    }
    let cpu_s = info::<f64>(&mut observer, "cpu", "used_cpu_user") - before_s;
    Outcome { requests, refused, cpu_s, memory_bytes: info(&mut observer, "memory", "used_memory") }
}

/// False for what has no reply yet, or several.
fn is_answered_once(argv: &Argv) -> bool {
    let name = spec::lookup_request(argv).map_or("", |command| command.name);
    !spec::may_block(argv) && !name.ends_with("SUBSCRIBE") && name != "QUIT"
}

fn info<T: redis::FromRedisValue>(connection: &mut redis::Connection, section: &str, name: &str) -> T {
    let dict: redis::InfoDict = redis::cmd("INFO").arg(section).query(connection).expect("INFO");
    dict.get(name).unwrap_or_else(|| panic!("INFO {section} has no {name}"))
}

#[test]
fn a_real_redis_takes_most_of_it_fast_and_in_little_memory() {
    let server = Reference::start();
    for group in groups().iter().filter(|group| group.module().is_none()) {
        let (mut requests, mut refused) = (0, 0);
        for seed in 0..6 {
            let outcome = run(group, seed, &server);
            requests += outcome.requests;
            refused += outcome.refused;
            assert!(outcome.cpu_s < 2.0, "group {} seed {seed}: {} s of work", group.name, outcome.cpu_s);
            let mb = outcome.memory_bytes >> 20;
            assert!(mb < 64, "group {} seed {seed}: Redis holds {mb} MB", group.name);
        }
        let refused_percent = refused * 100 / requests;
        let allowed = if group.name == "errors" { 30..70 } else { 2..35 };
        assert!(allowed.contains(&refused_percent), "group {}: {refused_percent} % are refused", group.name);
    }
}

/// The sorted sets in the first databases that have a member of another score than 0.
fn with_other_scores(connection: &mut redis::Connection) -> Vec<String> {
    let mut found = Vec::new();
    for db in 0..3 {
        let selected: redis::RedisResult<()> = redis::cmd("SELECT").arg(db).query(connection);
        let scan = &["0", "COUNT", "10000", "TYPE", "zset"];
        let (_, keys): (u64, Vec<Vec<u8>>) = redis::cmd("SCAN").arg(scan).query(connection).expect("SCAN");
        for key in keys {
            let count = |low: &str, high: &str, connection: &mut redis::Connection| -> u64 {
                redis::cmd("ZCOUNT").arg(&key).arg(low).arg(high).query(connection).expect("ZCOUNT")
            };
            if count("-inf", "(0", connection) + count("(0", "+inf", connection) > 0 {
                found.push(format!("db {db} {} ({selected:?})", key.escape_ascii()));
            }
        }
    }
    found
}

#[test]
fn seeds_of_one_score_have_no_other() {
    let server = Reference::start();
    let (mut of_one, mut of_many) = (0, 0);
    for group in groups().iter().filter(|group| ["sorted-sets", "mixed", "errors"].contains(&group.name)) {
        for seed in 0..12 {
            run(group, seed, &server);
            let others = with_other_scores(&mut server.connect());
            if Generator::new(&Options { seed: Seed(seed), group }).describe().contains("one score") {
                of_one += 1;
                assert!(others.is_empty(), "group {} seed {seed}: {others:?}", group.name);
            } else {
                of_many += usize::from(!others.is_empty());
            }
        }
    }
    assert!(of_one > 5 && of_many > 5, "{of_one} seeds of one score, {of_many} of several");
}
