//! Redlite on a simulated disk: crashes, failing calls, damage. What a log makes of them: `vfs_log`.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use redlite::env::{Clock, Random};
use redlite::vfs::{CallKind, Fate, Image, Injection, InjectionKind, SimulatedDisk, draw_fates};
use redlite::{Durability, OpenError, Options, Redlite};
use resp::{Argv, Reply};

pub const NAME: &str = "store.db";
pub const WAL: &str = "store.db-wal";

pub fn open(disk: &SimulatedDisk, options: &Options) -> Result<Redlite, OpenError> {
    let options = options.clone().clock(Clock::manual(1_700_000_000_000)).random(Random::seeded(1));
    options.open_on(Arc::new(disk.clone()), NAME)
}

pub fn call(store: &Redlite, line: &str) -> Reply {
    let argv: Argv = line.split(' ').collect();
    store.client().execute(&argv)
}

fn unverified() -> Options {
    Options::new().verify(false)
}

pub fn with(durability: Durability) -> Options {
    Options::new().durability(durability)
}

/// A disk with an empty store, closed.
pub fn empty() -> Image {
    let disk = SimulatedDisk::default();
    drop(open(&disk, &Options::new()).expect("an empty disk"));
    disk.image()
}

/// A reply in a few words.
pub fn brief(reply: &Reply) -> String {
    match reply {
        Reply::Bulk(bytes) => {
            format!("{} bytes {}", bytes.len(), String::from_utf8_lossy(&bytes[..bytes.len().min(8)]))
        }
        Reply::Error(text) => String::from_utf8_lossy(text).into_owned(),
        other => format!("{other:?}"),
    }
}

pub fn brief_value(value: &str) -> String {
    brief(&Reply::bulk(value))
}

pub const NIL: &str = "NullBulk";

/// What the keys `k0` to `k7` hold.
pub fn dump(store: &Redlite) -> Vec<String> {
    (0..8).map(|key| brief(&call(store, &format!("GET k{key}")))).collect()
}

/// Twenty writes, of one key, of many or in a transaction, as a seed draws them; what the keys hold after each that
/// was acknowledged, and after the one that was not.
pub struct Run {
    acknowledged: Vec<String>,
    in_flight: Option<Vec<String>>,
}

pub fn run(store: &Redlite, random: &mut Random) -> Run {
    let mut acknowledged = vec![NIL.to_owned(); 8];
    for step in 0..20 {
        let mut next = acknowledged.clone();
        let value = format!("{step}-{}", "x".repeat(random.below(3000) as usize));
        let (one, two) = (random.below(8) as usize, random.below(8) as usize);
        let line = match random.below(4) {
            0 => {
                next[one] = NIL.to_owned();
                format!("DEL k{one}")
            }
            1 => {
                next[one] = brief_value(&value);
                next[two] = brief_value(&value);
                format!("MSET k{one} {value} k{two} {value}")
            }
            _ => {
                next[one] = brief_value(&value);
                format!("SET k{one} {value}")
            }
        };
        if matches!(call(store, &line), Reply::Error(_)) {
            return Run { acknowledged, in_flight: Some(next) };
        }
        acknowledged = next;
    }
    Run { acknowledged, in_flight: None }
}

/// Runs writes, loses power at a call that the seed draws, opens the store again; whether what was acknowledged, and
/// at most the write in flight, is there.
pub fn keeps_promise(start: &Image, seed: u64, options: &Options) -> Result<(), String> {
    let mut random = Random::seeded(seed);
    let disk = SimulatedDisk::from(start.clone());
    let at = random.below(150);
    disk.set_hook(move |call, _| if call.number == at { Injection::PowerLoss } else { Injection::None });
    let done = match open(&disk, options) {
        Ok(store) => run(&store, &mut random),
        Err(_) => Run { acknowledged: vec![NIL.to_owned(); 8], in_flight: None },
    };
    disk.clear_hook();
    disk.crash(draw_fates(Random::seeded(random.below(u64::MAX))));
    let store = open(&disk, options).map_err(|error| format!("seed {seed}, call {at}: {error}"))?;
    let found = dump(&store);
    if found != done.acknowledged && Some(&found) != done.in_flight.as_ref() {
        return Err(format!("seed {seed}, call {at}: {:?} became {found:?}", done.acknowledged));
    }
    if seed.is_multiple_of(16) {
        let damage = store.find_damage().map_err(|error| error.to_string())?;
        if !damage.is_empty() {
            return Err(format!("seed {seed}, call {at}: {damage:?}"));
        }
    }
    Ok(())
}

#[test]
fn a_crash_at_any_call_loses_nothing_that_was_acknowledged() {
    let start = empty();
    let begun = Instant::now();
    let full: Vec<String> =
        (0..400).filter_map(|seed| keeps_promise(&start, seed, &with(Durability::Full)).err()).collect();
    println!("{:.0} crash rounds a second", 400.0 / begun.elapsed().as_secs_f64());
    assert!(full.is_empty(), "{} of 400:\n{}", full.len(), full.join("\n"));
    let off = (0..400).filter(|seed| keeps_promise(&start, *seed, &with(Durability::Off)).is_err()).count();
    assert!(off > 20, "without syncs only {off} of 400 crashes lost something");
}

#[test]
fn a_store_that_is_made_is_there_or_not_after_a_crash_at_any_call() {
    let counted = SimulatedDisk::default();
    drop(open(&counted, &Options::new()).expect("an empty disk"));
    for at in 0..counted.calls() {
        for seed in 0..4 {
            let disk = SimulatedDisk::default();
            disk.set_hook(move |call, _| if call.number == at { Injection::PowerLoss } else { Injection::None });
            drop(open(&disk, &Options::new()));
            disk.clear_hook();
            disk.crash(draw_fates(Random::seeded(at * 4 + seed)));
            let store = open(&disk, &Options::new()).unwrap_or_else(|error| panic!("call {at}, seed {seed}: {error}"));
            assert_eq!(call(&store, "SET k v"), Reply::ok(), "call {at}, seed {seed}");
        }
    }
}

#[test]
fn a_store_that_is_made_while_a_call_fails_keeps_what_it_acknowledges() {
    let disk = SimulatedDisk::default();
    drop(open(&disk, &Options::new()).expect("an empty disk"));
    let calls = disk.calls();
    let mut opened = 0;
    for at in 0..calls {
        let disk = SimulatedDisk::default();
        disk.set_hook(move |call, _| if call.number == at { Injection::Io } else { Injection::None });
        let Ok(store) = open(&disk, &Options::new()) else { continue };
        disk.clear_hook();
        opened += 1;
        assert_eq!(call(&store, "SET k v"), Reply::ok(), "call {at} of {calls} failed");
        disk.crash(|_| Fate::Drop);
        drop(store);
        let store = open(&disk, &Options::new()).expect("it was there");
        assert_eq!(brief(&call(&store, "GET k")), brief_value("v"), "call {at} of {calls} failed");
    }
    println!("{calls} calls, each failed once: {opened} times the store was there all the same");
    assert!(opened > 0, "the store goes without some of its calls");
}

#[test]
fn every_call_may_fail_once_and_the_store_goes_on() {
    let start = empty();
    let counted = SimulatedDisk::from(start.clone());
    let run_on = |disk: &SimulatedDisk| {
        let mut failed = 0;
        let Ok(store) = open(disk, &Options::new()) else { return (None, 1) };
        let mut held = vec![NIL.to_owned(); 8];
        for step in 0..30_usize {
            let key = step % 8;
            let value = format!("{step}-{}", "x".repeat(1000));
            match call(&store, &format!("SET k{key} {value}")) {
                Reply::Error(_) => failed += 1,
                _ => held[key] = brief_value(&value),
            }
            if step == 15 {
                let _ = store.checkpoint();
            }
            let found = dump(&store);
            let failed_reads = found.iter().filter(|reply| reply.starts_with("ERR")).count();
            failed += failed_reads;
            if failed_reads == 0 {
                assert_eq!(found, held, "a write that failed changes nothing, step {step}");
            }
        }
        (Some(held), failed)
    };
    assert_eq!(run_on(&counted).1, 0);
    let calls = counted.calls();
    let mut answered = 0;
    for injection in [Injection::Io, Injection::Full, Injection::NoMemory, Injection::Short { len: 100 }] {
        for at in 0..calls {
            let disk = SimulatedDisk::from(start.clone());
            disk.set_hook(move |call, _| if call.number == at { injection } else { Injection::None });
            let (held, failed) = run_on(&disk);
            answered += failed;
            disk.clear_hook();
            disk.crash(|_| Fate::Drop);
            let store = open(&disk, &Options::new());
            let store = store.unwrap_or_else(|error| panic!("{injection:?} at call {at}: {error}"));
            if let Some(held) = held {
                assert_eq!(dump(&store), held, "{injection:?} at call {at}");
            }
        }
    }
    println!("{calls} calls, each failed in 4 ways; {answered} replies were errors");
    assert!(answered > 100, "only {answered} calls that failed were answered with an error");
}

#[test]
fn a_flipped_bit_is_never_served() {
    let disk = SimulatedDisk::default();
    let store = open(&disk, &Options::new()).expect("an empty disk");
    for key in 0..400 {
        assert_eq!(call(&store, &format!("SET k{key} {}", "v".repeat(200))), Reply::ok());
    }
    drop(store);
    let start = disk.image();
    let bits = start.bytes(Path::new(NAME)).expect("the file").len() as u64 * 8;
    let mut random = Random::seeded(7);
    let flips: Vec<u64> = (0..300).map(|_| random.below(bits)).collect();
    // Whether a flip gives an error, another value or nothing of the kind.
    let outcome = |bit: u64, options| {
        let mut image = start.clone();
        assert!(image.flip_bit(Path::new(NAME), bit));
        let Ok(store) = open(&SimulatedDisk::from(image), options) else { return (true, false) };
        let expected = Reply::bulk("v".repeat(200));
        let replies: Vec<Reply> = (0..400).map(|key| call(&store, &format!("GET k{key}"))).collect();
        let is_sound = store.find_damage().is_ok_and(|damage| damage.is_empty());
        let is_error = |reply: &Reply| matches!(reply, Reply::Error(_));
        let wrong = replies.iter().any(|reply| !is_error(reply) && *reply != expected);
        (replies.iter().any(is_error) || !is_sound, wrong)
    };
    let (verified, unverified) = (Options::new(), unverified());
    let verified: Vec<_> = flips.iter().map(|bit| outcome(*bit, &verified)).collect();
    assert_eq!(verified.iter().filter(|(seen, _)| *seen).count(), 300, "every flip is seen");
    assert_eq!(verified.iter().filter(|(_, wrong)| *wrong).count(), 0, "no wrong value is served");
    let wrong = flips.iter().filter(|bit| outcome(**bit, &unverified).1).count();
    println!("without checksums {wrong} of 300 flips gave wrong data");
    assert!(wrong > 30, "without checksums only {wrong} of 300 flips gave wrong data");
}

/// Opens a store with a log in which the reads from `first` on, two of them, bring this bit flipped: it must have
/// everything, also when it is opened once more, or say that it is damaged. False where nothing was misread.
fn misread(image: &Image, first: u64, bit: u64) -> bool {
    let (disk, reads) = (SimulatedDisk::from(image.clone()), AtomicU64::new(0));
    disk.set_hook(move |call, _| match call.kind {
        CallKind::Read if (first..first + 2).contains(&reads.fetch_add(1, Ordering::Relaxed)) => {
            Injection::FlipBit { bit }
        }
        _ => Injection::None,
    });
    let held = |store: &Redlite| -> Vec<Reply> { ["a", "b", "c"].map(|key| call(store, &format!("GET {key}"))).into() };
    let context = format!("bit {bit} of reads {first} and {}", first + 1);
    match open(&disk, &Options::new()) {
        Err(error) => assert!(error.to_string().starts_with("the file is damaged: "), "{context}: {error}"),
        Ok(store) => {
            assert_eq!(held(&store), [1, 2, 3].map(|value| Reply::bulk(value.to_string())), "{context}");
            assert_eq!(call(&store, "SET d 4"), Reply::ok(), "{context}");
            disk.kill();
            let store = open(&disk, &Options::new()).unwrap_or_else(|error| panic!("{context}: {error}"));
            assert_eq!(held(&store), [1, 2, 3].map(|value| Reply::bulk(value.to_string())), "{context}");
            assert_eq!(call(&store, "GET d"), Reply::bulk("4"), "{context}");
        }
    }
    disk.counts().injected() > 0
}

#[test]
fn what_is_misread_as_a_store_is_opened_takes_nothing_away() {
    // Of one that was never closed the file has one page, and the log all else.
    for disk in [SimulatedDisk::from(empty()), SimulatedDisk::default()] {
        let store = open(&disk, &Options::new()).expect("a store");
        for line in ["SET a 1", "SET b 2", "SET c 3"] {
            assert_eq!(call(&store, line), Reply::ok());
        }
        disk.kill();
        // Whether pages have checksums is bit 163 of the file.
        for bit in [0, 3, 100, 163, 250, 2000, 30_000] {
            let reads = (0..10_000).take_while(|first| misread(&disk.image(), *first, bit)).count();
            assert!(reads > 10, "bit {bit}: only {reads} reads");
        }
    }
}

#[test]
fn a_damaged_file_is_refused_and_left_as_it_is() {
    let check = |damage: &dyn Fn(&mut Image), expected: &str| {
        let mut image = empty();
        damage(&mut image);
        let before = image.bytes(Path::new(NAME));
        let disk = SimulatedDisk::from(image);
        let error = open(&disk, &Options::new()).map(drop).expect_err("the file is refused");
        assert_eq!(error.to_string(), expected);
        assert!(disk.image().bytes(Path::new(NAME)) == before, "a refused file stays as it is: {expected}");
    };
    let name = Path::new(NAME);
    let lost = "the file is damaged: its first page is not what it was";
    check(&|image| assert!(image.zero_sector(name, 0)), lost);
    check(&|image| assert!(image.flip_bit(name, 3)), lost);
    let mismatch = "the file is damaged: page 1 of the file does not match its checksum";
    check(&|image| assert!(image.zero_sector(name, 1)), mismatch);
    check(&|image| assert!(image.zero_sector(name, 7)), mismatch);
    // That pages carry checksums.
    check(&|image| assert!(image.flip_bit(name, 20 * 8 + 3)), mismatch);
}

#[test]
fn what_is_damaged_on_the_way_from_the_log_is_an_error() {
    let disk = SimulatedDisk::default();
    // More than SQLite keeps in its cache, and less than it keeps in the log.
    let store = open(&disk, &Options::new()).expect("an empty disk");
    for key in 0..50 {
        assert_eq!(call(&store, &format!("SET k{key} {}", "v".repeat(60_000))), Reply::ok());
    }
    let seen = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&seen);
    disk.set_hook(move |call, _| match call.kind {
        CallKind::Read if *call.file == *Path::new(WAL) && call.len == 4096 => {
            Injection::FlipBit { bit: counted.fetch_add(1, Ordering::Relaxed) * 1001 }
        }
        _ => Injection::None,
    });
    let replies: Vec<Reply> = (0..50).map(|key| call(&store, &format!("GET k{key}"))).collect();
    let value = Reply::bulk("v".repeat(60_000));
    let damaged = "ERR storage: data is damaged: the page at byte ";
    for reply in replies {
        let is_error = matches!(&reply, Reply::Error(text) if text.starts_with(damaged.as_bytes()));
        assert!(is_error || reply == value, "{}", brief(&reply));
    }
    disk.clear_hook();
    assert!(seen.load(Ordering::Relaxed) > 10, "{} reads of the log were damaged", seen.load(Ordering::Relaxed));
    assert_eq!(call(&store, "GET k1"), value, "the damage was on the way");
}

#[test]
fn a_read_that_fails_once_is_tried_again_and_an_old_sector_is_no_new_one() {
    let disk = SimulatedDisk::from(empty());
    let store = open(&disk, &Options::new()).expect("a store");
    let bulk = "v".repeat(60_000);
    for round in ["1", "2"] {
        for key in 0..50 {
            // The last key is changed in place, byte by byte.
            let line = if key == 49 { format!("SET k49 {round}") } else { format!("SET k{key} {bulk}") };
            assert_eq!(call(&store, &line), Reply::ok());
        }
        store.checkpoint().expect("the log is written back");
    }
    let replies = |injection: fn(u64) -> Injection| {
        disk.set_hook(
            move |call, _| if call.kind == CallKind::Read { injection(call.number) } else { Injection::None },
        );
        let before = disk.counts().injected();
        let replies: Vec<Reply> = (0..50).map(|key| call(&store, &format!("GET k{key}"))).collect();
        assert!(disk.counts().injected() > before, "nothing was injected");
        replies
    };
    let every_other = |number| if number % 2 == 0 { Injection::FlipBit { bit: 40_001 } } else { Injection::None };
    let expected: Vec<Reply> = (0..49).map(|_| Reply::bulk(bulk.as_str())).chain([Reply::bulk("2")]).collect();
    assert!(replies(every_other) == expected, "a read that fails is tried again");
    for reply in replies(|number| Injection::StaleSector { sector: number / 2 }) {
        assert!(matches!(reply, Reply::Error(_)) || expected.contains(&reply), "{}", brief(&reply));
    }
}

#[test]
fn a_full_disk_is_told_and_changes_nothing_until_there_is_room() {
    let disk = SimulatedDisk::from(empty());
    let store = open(&disk, &Options::new()).expect("a store");
    assert_eq!(call(&store, "SET k0 before"), Reply::ok());
    disk.set_quota(Some(disk.image().size()));
    let refused = Reply::error("MISCONF Errors writing to the store: no space left on device (simulated)");
    for _ in 0..3 {
        assert_eq!(call(&store, &format!("SET k0 {}", "x".repeat(9000))), refused);
        assert_eq!(call(&store, "GET k0"), Reply::bulk("before"));
    }
    disk.set_quota(None);
    assert_eq!(call(&store, "SET k0 after"), Reply::ok());
    disk.crash(|_| Fate::Drop);
    assert_eq!(call(&open(&disk, &Options::new()).expect("a store"), "GET k0"), Reply::bulk("after"));
}

#[test]
fn a_commit_that_failed_at_its_sync_does_not_come_back() {
    let disk = SimulatedDisk::from(empty());
    let store = open(&disk, &Options::new()).expect("a store");
    assert_eq!(call(&store, "SET k0 before"), Reply::ok());
    let armed = Mutex::new(true);
    disk.set_hook(move |call, _| {
        let mut armed = armed.lock().expect("no panic");
        if call.kind == CallKind::Sync && std::mem::take(&mut *armed) { Injection::Io } else { Injection::None }
    });
    let refused = Reply::error("MISCONF Errors writing to the store: input/output error (simulated)");
    assert_eq!(call(&store, "SET k0 after"), refused);
    disk.crash(|_| Fate::Keep);
    assert_eq!(call(&open(&disk, &Options::new()).expect("a store"), "GET k0"), Reply::bulk("before"));
}

#[test]
fn a_store_survives_being_written_anew_and_other_page_sizes() {
    for page_bytes in [512, 1024, 8192, 65536] {
        let disk = SimulatedDisk::default();
        let options = &Options::new().page_bytes(page_bytes);
        let store = open(&disk, options).expect("an empty disk");
        for key in 0..200 {
            assert_eq!(call(&store, &format!("SET k{key} {key}{}", "v".repeat(500))), Reply::ok());
        }
        store.checkpoint().expect("the log is written back");
        let before = disk.image().size();
        for key in 8..200 {
            assert_eq!(call(&store, &format!("DEL k{key}")), Reply::Int(1));
        }
        store.vacuum().expect("it is written anew");
        store.checkpoint().expect("the log is written back");
        assert_eq!(store.find_damage().expect("it is read"), Vec::<String>::new());
        let held = dump(&store);
        drop(store);
        let after = disk.image().size();
        assert!(after + 50_000 < before, "pages of {page_bytes} bytes: {before} became {after}");
        let store = open(&disk, &Options::new()).expect("a store");
        assert_eq!(dump(&store), held, "pages of {page_bytes} bytes");
    }
}

#[test]
fn a_file_is_open_once_only() {
    let in_use = "the store is open already, in this process or another";
    let disk = SimulatedDisk::default();
    let first = open(&disk, &Options::new()).expect("an empty disk");
    assert_eq!(open(&disk, &Options::new()).map(drop).expect_err("it is in use").to_string(), in_use);
    drop(first);
    drop(open(&disk, &Options::new()).expect("it is free again"));

    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(NAME);
    let first = Redlite::open(&path).expect("an empty folder");
    assert_eq!(Redlite::open(&path).map(drop).expect_err("it is in use").to_string(), in_use);
    assert_eq!(call(&first, "SET k v"), Reply::ok());
    drop(first);
    assert_eq!(call(&Redlite::open(&path).expect("it is free again"), "GET k"), Reply::bulk("v"));
}

#[test]
fn calls_are_counted_and_listed() {
    let disk = SimulatedDisk::from(empty());
    let store = open(&disk, &Options::new()).expect("a store");
    disk.set_trace(true);
    disk.set_hook(|call, _| if call.kind == CallKind::Write { Injection::Delay { us: 7 } } else { Injection::None });
    assert_eq!(call(&store, "SET k v"), Reply::ok());
    let lines: Vec<String> = disk.take_trace().iter().map(ToString::to_string).collect();
    assert!(lines.iter().any(|line| line.ends_with(" write store.db-wal 0+32 ✗")), "{lines:?}");
    assert!(lines.last().is_some_and(|line| line.ends_with("sync store.db-wal")), "{lines:?}");
    let writes = lines.iter().filter(|line| line.contains(" write ")).count() as u64;
    assert_eq!(disk.counts().injected[&(CallKind::Write, InjectionKind::Delay)], writes);
    assert_eq!(disk.delay_us(), 7 * writes);
    assert_eq!(disk.counts().calls(), disk.calls());
}

#[test]
fn a_batch_may_be_larger_than_what_sqlite_keeps_in_memory() {
    let disk = SimulatedDisk::from(empty());
    let store = open(&disk, &Options::new()).expect("a store");
    let client = store.client();
    let value = "v".repeat(60_000);
    let mut batch = store.batch();
    for key in 0..100 {
        batch.run(&client, &format!("SET k{key} {value}").split(' ').collect());
    }
    batch.commit();
    batch.take_frames(&client, |reply| assert_eq!(reply, Reply::ok()));
    drop(batch);
    assert_eq!(store.find_damage().expect("it is read"), Vec::<String>::new());
    disk.crash(|_| Fate::Drop);
    let store = open(&disk, &Options::new()).expect("a store");
    for key in 0..100 {
        assert_eq!(brief(&call(&store, &format!("GET k{key}"))), brief_value(&value), "k{key}");
    }
}
