//! Redlite when SQLite runs out of memory, at every allocation in turn.

use std::sync::Arc;
use std::thread;

use redlite::env::{Clock, Random};
use redlite::vfs::{AllocationPlan, Fate, Image, SimulatedDisk, allocations, fail_allocations};
use redlite::{Client, OpenError, Options, Redlite};
use resp::Reply;

use crate::is_full;

const NO_MEMORY: &str = "ERR storage: out of memory";

/// Something of every type, an index, a group with a pending entry, and a value that does not fit in a page.
const DATA: &[&str] = &[
    "SET string LARGE",
    "HSET hash f1 v1 f2 v2",
    "FT.CREATE idx ON HASH PREFIX 1 doc SCHEMA title TEXT price NUMERIC tag TAG",
    "HSET doc:1 title hello price 1 tag a,b",
    "RPUSH list a b c",
    "SADD set a b c LARGE",
    "ZADD zset 1 a 2 b 3 c",
    "XADD stream 1-1 f v",
    "XADD stream 2-1 f v",
    "XGROUP CREATE stream group 0",
    "XREADGROUP GROUP group one COUNT 1 STREAMS stream >",
];

/// Commands of every family; of those that `;` separates the last one is tested.
const CASES: &[&str] = &[
    "SET string LARGER GET",
    "BITOP OR new string string",
    "DEL hash list zset stream doc:1",
    "RENAME hash list",
    "HSET doc:2 title hello price 3 tag c",
    "FT.CREATE other ON HASH PREFIX 1 ha SCHEMA f1 TEXT f2 TAG",
    "LINSERT list BEFORE b LARGE",
    "SPOP set 2",
    "ZADD zset 4 d 0 a",
    "XADD stream MAXLEN 2 3-1 f LARGE",
    "XREADGROUP GROUP group two STREAMS stream >",
    "GEOADD zset 12 37 Marsala",
    "PFADD new d e f g h",
    "FLUSHALL",
    "WATCH string;MULTI;SET string w;LPUSH list z LARGE;HSET doc:1 title other;RENAME list string;SELECT 1;SET k v;EXEC",
    "GET string",
    "FT.SEARCH idx hello SORTBY price",
];

fn options() -> Options {
    Options::new().clock(Clock::manual(1_700_000_000_000)).random(Random::seeded(1))
}

fn open(disk: &SimulatedDisk) -> Result<Redlite, OpenError> {
    options().open_on(Arc::new(disk.clone()), "store.db")
}

fn run(client: &mut Client, line: &str) -> Reply {
    let large = "x".repeat(10_000);
    client.execute(&line.split(' ').map(|arg| if arg == "LARGE" { &large } else { arg }).collect())
}

/// A disk with the data; the process that wrote it was killed, so that its log is still there.
fn with_data() -> Image {
    let disk = SimulatedDisk::default();
    let store = open(&disk).expect("an empty disk");
    for line in DATA {
        let reply = run(&mut store.client(), line);
        assert!(!matches!(reply, Reply::Error(_)), "{line}: {reply:?}");
    }
    disk.kill();
    disk.image()
}

/// Everything that the store holds.
fn dump(store: &Redlite) -> Vec<String> {
    let mut client = store.client();
    let mut ask = |line: &str| run(&mut client, line);
    let mut found = Vec::new();
    for db in ["1", "0"] {
        ask(&format!("SELECT {db}"));
        let Reply::Array(names) = ask("KEYS *") else { panic!("the keys are read") };
        let mut names: Vec<_> = names.iter().map(|name| String::from_utf8_lossy(&bytes(name)).into_owned()).collect();
        names.sort();
        for name in names {
            let read = match bytes(&ask(&format!("TYPE {name}"))).as_slice() {
                b"string" => format!("GET {name}"),
                b"hash" => format!("HGETALL {name}"),
                b"list" => format!("LRANGE {name} 0 -1"),
                b"set" => format!("SMEMBERS {name}"),
                b"zset" => format!("ZRANGE {name} 0 -1 WITHSCORES"),
                _ => format!("XINFO STREAM {name} FULL"),
            };
            found.push(format!("{read}: {:?}", ask(&read)));
        }
    }
    let searches = ["FT._LIST", "FT.SEARCH idx *", "FT.SEARCH other *"];
    found.extend(searches.iter().map(|read| format!("{read}: {:?}", ask(read))));
    found
}

fn bytes(reply: &Reply) -> Vec<u8> {
    match reply {
        Reply::Bulk(bytes) | Reply::Simple(bytes) => bytes.clone(),
        other => panic!("{other:?} is no text"),
    }
}

/// What a case does where nothing fails.
struct Expected {
    before: Vec<String>,
    after: Vec<String>,
    reply: Reply,
    allocations: u64,
}

/// The plan lasts as long as the last command of a case.
fn run_case<T>(store: &Redlite, case: &str, begin: impl FnOnce() -> T) -> (Reply, T) {
    let mut client = store.client();
    let (setup, line) = case.rsplit_once(';').unwrap_or(("", case));
    for line in setup.split(';').filter(|line| !line.is_empty()) {
        run(&mut client, line);
    }
    let begun = begin();
    (run(&mut client, line), begun)
}

fn asked() -> u64 {
    allocations().expect("the allocator is wrapped")
}

fn expect(start: &Image, case: &str) -> Expected {
    let before = dump(&open(&SimulatedDisk::from(start.clone())).expect("a store"));
    let store = open(&SimulatedDisk::from(start.clone())).expect("a store");
    let (reply, asked_before) = run_case(&store, case, asked);
    let allocations = asked() - asked_before;
    assert!(!matches!(reply, Reply::Error(_)), "{case}: {reply:?}");
    Expected { before, after: dump(&store), reply, allocations }
}

/// Fails allocation after allocation of a case, and from every third on 50 in a row, or a third of these; how many, and
/// how many replies were errors.
fn check(start: &Image, case: &str) -> Result<(u64, u64), String> {
    // Until it is dropped, stores are opened that hide no allocation.
    let all_count = fail_allocations(AllocationPlan::default()).expect("the allocator is wrapped");
    let expected = expect(start, case);
    let mut counts = (0, 0);
    for (times, step) in if is_full() { [(1, 1), (50, 3)] } else { [(1, 3), (50, 9)] } {
        for nth in (0..).step_by(step) {
            let (failed, is_refused) = check_plan(start, case, &expected, AllocationPlan { nth, times })
                .map_err(|error| format!("{case}, allocation {nth}, {times} in a row: {error}"))?;
            if failed == 0 {
                break;
            }
            counts.0 += 1;
            counts.1 += u64::from(is_refused);
        }
    }
    drop(all_count);
    Ok(counts)
}

/// Runs a case on a store that was just opened. Its reply is an error and nothing changed, or all is as where nothing
/// fails. How many allocations failed, and whether it was an error; or what is wrong.
fn check_plan(start: &Image, case: &str, expected: &Expected, plan: AllocationPlan) -> Result<(u64, bool), String> {
    let disk = SimulatedDisk::from(start.clone());
    let store = open(&disk).map_err(|error| error.to_string())?;
    let opened = disk.image();
    let (reply, guard) = run_case(&store, case, || fail_allocations(plan).expect("the allocator is wrapped"));
    let failed = guard.failed();
    drop(guard);
    if failed == 0 && plan.nth < expected.allocations {
        return Err("nothing failed".to_owned());
    }
    let is_refused = reply == Reply::error(NO_MEMORY);
    if !is_refused && reply != expected.reply {
        return Err(format!("{reply:?}"));
    }
    check_line(&store, "PING", &Reply::Simple(b"PONG".to_vec()))?;
    let held = if is_refused { &expected.before } else { &expected.after };
    let found = dump(&store);
    if let Some((found, held)) = found.iter().zip(held).find(|(found, held)| found != held) {
        return Err(format!("after the reply {reply:?} there is {found:.300} in place of {held:.300}"));
    }
    if found.len() != held.len() {
        return Err(format!("after the reply {reply:?} there are {} values in place of {}", found.len(), held.len()));
    }
    let files = ["store.db", "store.db-wal"].map(std::path::Path::new);
    if is_refused && files.iter().any(|file| disk.image().bytes(file) != opened.bytes(file)) {
        return Err("something of the command is left in the files".to_owned());
    }
    check_line(&store, "SETNX later v", &Reply::Int(1))?;
    check_line(&store, "DEL later", &Reply::Int(1))?;
    if plan.nth.is_multiple_of(8) || !is_refused {
        let damage = store.find_damage().map_err(|error| error.to_string())?;
        if !damage.is_empty() {
            return Err(format!("{damage:?}"));
        }
    }
    if !is_refused {
        disk.crash(|_| Fate::Drop);
        if dump(&open(&disk).map_err(|error| error.to_string())?) != *held {
            return Err("it is something else when it is opened again".to_owned());
        }
    }
    Ok((failed, is_refused))
}

fn check_line(store: &Redlite, line: &str, reply: &Reply) -> Result<(), String> {
    let got = run(&mut store.client(), line);
    if got == *reply { Ok(()) } else { Err(format!("{line} is answered {got:?}")) }
}

#[test]
fn an_allocation_that_fails_stops_a_command_and_changes_nothing() {
    let start = with_data();
    let (left, right) = CASES.split_at(CASES.len() / 2);
    let run = |cases: &[&'static str]| cases.iter().map(|case| (*case, check(&start, case))).collect::<Vec<_>>();
    let outcomes = thread::scope(|scope| {
        let other = scope.spawn(|| run(right));
        let mut outcomes = run(left);
        outcomes.extend(other.join().expect("no case panics"));
        outcomes
    });
    let wrong: Vec<&String> = outcomes.iter().filter_map(|(_, outcome)| outcome.as_ref().err()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    for (case, (failed, refused)) in outcomes.iter().filter_map(|(case, outcome)| Some((case, outcome.as_ref().ok()?)))
    {
        println!("{failed:5} allocations failed, {refused:5} replies were errors: {case}");
        assert!(
            *refused > if is_full() { 20 } else { 7 },
            "{case}: only {refused} of {failed} were answered with an error"
        );
    }
}

#[test]
fn a_store_that_cannot_be_opened_for_want_of_memory_can_be_opened_later() {
    let start = with_data();
    for is_new in [false, true] {
        let start = if is_new { Image::default() } else { start.clone() };
        let held = (!is_new).then(|| dump(&open(&SimulatedDisk::from(start.clone())).expect("a store")));
        let mut refused = 0;
        // The tables of a new store take thousands.
        let every = if is_full() { 1 } else { 3 };
        for (times, step) in if is_new { [(1, 9), (50, 60)] } else { [(1, 1), (50, 3)] } {
            for nth in (0..).step_by(step * every) {
                let at = format!("allocation {nth}, {times} in a row");
                let disk = SimulatedDisk::from(start.clone());
                let guard = fail_allocations(AllocationPlan { nth, times }).expect("the allocator is wrapped");
                let opened = open(&disk).map(drop);
                let failed = guard.failed();
                drop(guard);
                if let Err(error) = opened {
                    refused += 1;
                    assert_eq!(error.to_string(), "cannot open the store: out of memory", "{at}");
                }
                disk.crash(|_| Fate::Drop);
                let store = open(&disk).unwrap_or_else(|error| panic!("{at}: {error}"));
                assert!(held.as_ref().is_none_or(|held| dump(&store) == *held), "{at}");
                assert_eq!(check_line(&store, "SETNX later v", &Reply::Int(1)), Ok(()), "{at}");
                if failed == 0 {
                    break;
                }
            }
        }
        println!("{refused} stores were not opened, new: {is_new}");
        assert!(refused > 100, "only {refused}");
    }
}

#[test]
fn a_plan_is_for_its_thread_and_ends_with_its_guard() {
    let store = options().open_in_memory().expect("SQLite has memory");
    let set = |store: &Redlite| run(&mut store.client(), "SET string LARGE");
    let outer = fail_allocations(AllocationPlan { nth: 0, times: u64::MAX }).expect("the allocator is wrapped");
    assert_eq!(set(&store), Reply::error(NO_MEMORY));
    let failed = outer.failed();
    assert!(failed > 0);
    assert_eq!(thread::scope(|scope| scope.spawn(|| set(&store)).join().expect("no panic")), Reply::ok());
    let inner = fail_allocations(AllocationPlan::default()).expect("the allocator is wrapped");
    assert_eq!((set(&store), inner.failed()), (Reply::ok(), 0));
    drop(inner);
    assert_eq!((set(&store), outer.failed() > failed), (Reply::error(NO_MEMORY), true));
    assert_eq!(outer.rest(), AllocationPlan { nth: 0, times: u64::MAX - outer.failed() });
    drop(outer);
    assert_eq!(set(&store), Reply::ok());
}

#[test]
fn who_queues_or_waits_while_there_is_no_memory_is_told() {
    let (mut aborted, mut ended) = (0, 0);
    for nth in 0.. {
        let all_count = fail_allocations(AllocationPlan::default()).expect("the allocator is wrapped");
        let store = options().open_in_memory().expect("SQLite has memory");
        let [mut queueing, mut waiting, mut writing] = [store.client(), store.client(), store.client()];
        run(&mut queueing, "MULTI");
        run(&mut waiting, "BLPOP list 0");
        let guard = fail_allocations(AllocationPlan { nth, times: u64::MAX }).expect("the allocator is wrapped");
        let pushed = run(&mut writing, "RPUSH list LARGE");
        let queued = run(&mut queueing, "SET string v");
        let failed = guard.failed();
        drop(guard);
        // What could not be queued is not left out.
        let done = match run(&mut queueing, "EXEC") {
            Reply::Array(replies) => replies == [Reply::ok()] && queued == Reply::Simple(b"QUEUED".to_vec()),
            Reply::Error(_) => queued == Reply::error(NO_MEMORY),
            _ => false,
        };
        assert!(done, "allocation {nth}: {queued:?}");
        aborted += u64::from(queued == Reply::error(NO_MEMORY));
        // Who waited gets what was pushed, or waits on, or is told.
        let woken = match waiting.poll() {
            Reply::Array(_) => pushed == Reply::Int(1),
            Reply::Pending => pushed == Reply::error(NO_MEMORY),
            reply => {
                ended += 1;
                (&pushed, &reply) == (&Reply::error(NO_MEMORY), &Reply::error(NO_MEMORY))
            }
        };
        assert!(woken, "allocation {nth}: the push was answered {pushed:?}");
        assert_eq!(run(&mut writing, "EXISTS list"), Reply::Int(0), "allocation {nth}");
        drop(all_count);
        if failed == 0 {
            break;
        }
    }
    println!("{aborted} transactions were aborted, {ended} waits ended with an error");
    assert!(aborted > 5 && ended > 5, "{aborted} transactions, {ended} waits");
}
