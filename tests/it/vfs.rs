//! Redlite on a simulated disk: crashes, failing calls, damage.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use redlite_dst::redlite::env::{Clock, Env, Random};
use redlite_dst::redlite::vfs::{CallKind, Fate, Image, Injection, InjectionKind, Pending, SimulatedDisk, draw_fates};
use redlite_dst::redlite::{Durability, FileOptions, OpenError, Redlite};
use redlite_dst::resp::{Argv, Reply};

const NAME: &str = "store.db";
const WAL: &str = "store.db-wal";

fn env() -> Env {
    Env { clock: Clock::manual(1_700_000_000_000), random: Random::seeded(1) }
}

fn open(disk: &SimulatedDisk, options: FileOptions) -> Result<Redlite, OpenError> {
    Redlite::open_on(Arc::new(disk.clone()), NAME, options, env())
}

fn call(store: &Redlite, line: &str) -> Reply {
    let argv: Argv = line.split(' ').collect();
    store.client().execute(&argv)
}

fn unverified() -> FileOptions {
    FileOptions { verify: false, ..FileOptions::default() }
}

fn with(durability: Durability) -> FileOptions {
    FileOptions { durability, ..FileOptions::default() }
}

/// A disk with an empty store, closed.
fn empty() -> Image {
    let disk = SimulatedDisk::default();
    drop(open(&disk, FileOptions::default()).expect("an empty disk"));
    disk.image()
}

/// A reply in a few words.
fn brief(reply: &Reply) -> String {
    match reply {
        Reply::Bulk(bytes) => {
            format!("{} bytes {}", bytes.len(), String::from_utf8_lossy(&bytes[..bytes.len().min(8)]))
        }
        Reply::Error(text) => String::from_utf8_lossy(text).into_owned(),
        other => format!("{other:?}"),
    }
}

fn brief_value(value: &str) -> String {
    brief(&Reply::bulk(value))
}

const NIL: &str = "NullBulk";

/// What the keys `k0` to `k7` hold.
fn dump(store: &Redlite) -> Vec<String> {
    (0..8).map(|key| brief(&call(store, &format!("GET k{key}")))).collect()
}

/// Twenty writes, of one key, of many or in a transaction, as a seed draws them; what the keys hold after each that
/// was acknowledged, and after the one that was not.
struct Run {
    acknowledged: Vec<String>,
    in_flight: Option<Vec<String>>,
}

fn run(store: &Redlite, random: &mut Random) -> Run {
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
fn keeps_promise(start: &Image, seed: u64, options: FileOptions) -> Result<(), String> {
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
        (0..400).filter_map(|seed| keeps_promise(&start, seed, with(Durability::Full)).err()).collect();
    println!("{:.0} crash rounds a second", 400.0 / begun.elapsed().as_secs_f64());
    assert!(full.is_empty(), "{} of 400:\n{}", full.len(), full.join("\n"));
    let off = (0..400).filter(|seed| keeps_promise(&start, *seed, with(Durability::Off)).is_err()).count();
    assert!(off > 20, "without syncs only {off} of 400 crashes lost something");
}

#[test]
fn a_store_that_is_made_is_there_or_not_after_a_crash_at_any_call() {
    let counted = SimulatedDisk::default();
    drop(open(&counted, FileOptions::default()).expect("an empty disk"));
    for at in 0..counted.calls() {
        for seed in 0..4 {
            let disk = SimulatedDisk::default();
            disk.set_hook(move |call, _| if call.number == at { Injection::PowerLoss } else { Injection::None });
            drop(open(&disk, FileOptions::default()));
            disk.clear_hook();
            disk.crash(draw_fates(Random::seeded(at * 4 + seed)));
            let store =
                open(&disk, FileOptions::default()).unwrap_or_else(|error| panic!("call {at}, seed {seed}: {error}"));
            assert_eq!(call(&store, "SET k v"), Reply::ok(), "call {at}, seed {seed}");
        }
    }
}

#[test]
fn every_call_may_fail_once_and_the_store_goes_on() {
    let start = empty();
    let counted = SimulatedDisk::from(start.clone());
    let run_on = |disk: &SimulatedDisk| {
        let mut failed = 0;
        let Ok(store) = open(disk, FileOptions::default()) else { return (None, 1) };
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
            let store = open(&disk, FileOptions::default());
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
    let store = open(&disk, FileOptions::default()).expect("an empty disk");
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
    let verified: Vec<_> = flips.iter().map(|bit| outcome(*bit, FileOptions::default())).collect();
    assert_eq!(verified.iter().filter(|(seen, _)| *seen).count(), 300, "every flip is seen");
    assert_eq!(verified.iter().filter(|(_, wrong)| *wrong).count(), 0, "no wrong value is served");
    let wrong = flips.iter().filter(|bit| outcome(**bit, unverified()).1).count();
    println!("without checksums {wrong} of 300 flips gave wrong data");
    assert!(wrong > 30, "without checksums only {wrong} of 300 flips gave wrong data");
}

#[test]
fn a_damaged_file_is_refused_and_left_as_it_is() {
    let check = |damage: &dyn Fn(&mut Image), expected: &str| {
        let mut image = empty();
        damage(&mut image);
        let before = image.bytes(Path::new(NAME));
        let disk = SimulatedDisk::from(image);
        let error = open(&disk, FileOptions::default()).map(drop).expect_err("the file is refused");
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
    let unchecked = "the file is damaged: the header says that pages carry no checksums";
    check(&|image| assert!(image.flip_bit(name, 20 * 8 + 3)), unchecked);
}

#[test]
fn what_is_damaged_on_the_way_from_the_log_is_an_error() {
    let disk = SimulatedDisk::default();
    // More than SQLite keeps in its cache, and less than it keeps in the log.
    let store = open(&disk, FileOptions::default()).expect("an empty disk");
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
    let store = open(&disk, FileOptions::default()).expect("a store");
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

/// A disk whose log holds `SET k0 0` to `SET k0 19`, a transaction each.
fn with_twenty_transactions(options: FileOptions) -> Image {
    let disk = SimulatedDisk::from(empty());
    let store = open(&disk, options).expect("a store");
    for value in 0..20 {
        assert_eq!(call(&store, &format!("SET k0 {value}")), Reply::ok());
    }
    disk.kill();
    disk.image()
}

#[test]
fn damage_in_the_middle_of_the_log_is_not_its_end() {
    let start = with_twenty_transactions(FileOptions::default());
    let log = Path::new(WAL);
    let bytes = start.bytes(log).expect("the log").len() as u64;
    let mut random = Random::seeded(3);
    let mut lost = 0;
    for _ in 0..200 {
        let mut image = start.clone();
        let at = 32 + random.below(bytes - 32);
        assert!(image.flip_bit(log, at * 8 + random.below(8)));
        // SQLite cannot tell damage to the last transaction, of two frames, from one that was never finished.
        let is_last = at >= bytes - 2 * 4120;
        match open(&SimulatedDisk::from(image), FileOptions::default()) {
            Ok(store) if !is_last => {
                let reply = call(&store, "GET k0");
                assert!(matches!(reply, Reply::Error(_)) || reply == Reply::bulk("19"), "byte {at}: {}", brief(&reply));
            }
            Ok(store) => lost += usize::from(call(&store, "GET k0") != Reply::bulk("19")),
            Err(error) => {
                assert!(error.to_string().starts_with("the file is damaged: a transaction in the log"), "{error}")
            }
        }
    }
    assert!(lost < 25, "{lost} of 200");
}

/// A store whose log holds `writes` transactions, of one page or two each, and is not written back.
fn logged(writes: u32) -> Image {
    let disk = SimulatedDisk::from(empty());
    let store = open(&disk, FileOptions::default()).expect("a store");
    for value in 0..writes {
        assert_eq!(call(&store, &format!("SET k{} {value}", value % 2)), Reply::ok());
    }
    disk.kill();
    disk.image()
}

#[test]
fn damage_to_the_header_of_the_log_is_told() {
    let (name, log) = (Path::new(NAME), Path::new(WAL));
    let expected = "the file is damaged: the log's header, and transactions follow it that are not in the database";
    let check = |image: Image, what: &str| {
        let disk = SimulatedDisk::from(image.clone());
        let error = open(&disk, FileOptions::default()).map(drop).expect_err(what);
        assert_eq!(error.to_string(), expected, "{what}");
        assert!([name, log].iter().all(|it| disk.image().bytes(it) == image.bytes(it)), "files change: {what}");
    };
    for writes in [1, 3, 30] {
        let start = logged(writes);
        for bit in 0..256 {
            let mut image = start.clone();
            assert!(image.flip_bit(log, bit));
            check(image, &format!("{writes} writes, bit {bit}"));
        }
        let mut image = start;
        assert!(image.zero_sector(log, 0));
        check(image, &format!("{writes} writes, zeros"));
    }
}

#[test]
fn damage_to_the_header_of_a_frame_is_told() {
    let (start, log) = (logged(6), Path::new(WAL));
    let bytes = start.bytes(log).expect("the log");
    let frames = bytes.len() / 4120;
    let check = |bits: &[usize], what: &str| {
        let mut image = start.clone();
        assert!(bits.iter().all(|bit| image.flip_bit(log, *bit as u64)));
        let error = open(&SimulatedDisk::from(image), FileOptions::default()).map(drop).expect_err(what);
        assert!(error.to_string().starts_with("the file is damaged: a transaction in the log"), "{what}: {error}");
    };
    let is_end = |frame: &usize| bytes[32 + frame * 4120 + 4..][..4] != [0; 4];
    let last = (0..frames - 1).rfind(is_end).expect("a transaction before the last one");
    for frame in 2..=last {
        let first = (32 + frame * 4120) * 8;
        for bit in first..first + 24 * 8 {
            check(&[bit], &format!("frame {frame} of {frames}, bit {}", bit - first));
        }
        let is_set = |bit: &usize| bytes[bit / 8] >> (bit % 8) & 1 == 1;
        let end: Vec<usize> = (first + 32..first + 64).filter(is_set).collect();
        if !end.is_empty() {
            check(&end, &format!("frame {frame} of {frames}, that a transaction ends there"));
        }
    }
}

/// The disk of a store that loses power at the first write of a header of the log after `start`, and what the keys held
/// then; with `cut` the log is written back and cut before.
fn at_a_new_header(start: &Image, options: FileOptions, cut: bool) -> (Image, Vec<String>) {
    let disk = SimulatedDisk::from(start.clone());
    let store = open(&disk, options).expect("a store");
    if cut {
        store.checkpoint().expect("the log is written back");
    }
    disk.set_hook(|call, _| match call.kind {
        CallKind::Write if *call.file == *Path::new(WAL) && call.offset == 0 => Injection::PowerLoss,
        _ => Injection::None,
    });
    let mut held = dump(&store);
    for step in 0..2000 {
        let value = format!("{step}-{}", "x".repeat(300));
        if matches!(call(&store, &format!("SET k{} {value}", step % 8)), Reply::Error(_)) {
            return (disk.image(), held);
        }
        held[step % 8] = brief_value(&value);
    }
    panic!("the log did not start anew");
}

#[test]
fn a_header_that_is_torn_as_the_log_starts_anew_is_no_damage() {
    let options = FileOptions { page_bytes: 512, ..FileOptions::default() };
    let check = |image: &Image, held: &[String], how: &str| {
        let heads = (1..32).chain([40, 60, 200, 500]).map(Fate::TornHead);
        let fates = heads.chain((481..512).map(Fate::TornTail)).chain([Fate::Drop, Fate::Keep]);
        for (fate, length) in fates.flat_map(|fate| [(fate, Fate::Keep), (fate, Fate::Drop)]) {
            let disk = SimulatedDisk::from(image.clone());
            disk.crash(|change| if matches!(change, Pending::Length { .. }) { length } else { fate });
            let mut held = held.to_vec();
            // Where the old header is taken up again, it must not be with the old frames behind the new ones.
            for round in 0..3 {
                let what = format!("{how}, {fate:?}, round {round}");
                let store = open(&disk, options).expect(&what);
                assert_eq!(dump(&store), held, "{what}");
                assert_eq!(call(&store, &format!("SET k1 {round}")), Reply::ok());
                held[1] = brief_value(&round.to_string());
                disk.crash(|_| Fate::Drop);
            }
        }
    };
    let disk = SimulatedDisk::default();
    let store = open(&disk, options).expect("an empty disk");
    assert_eq!(call(&store, &format!("SET long {}", "x".repeat(600_000))), Reply::ok());
    disk.kill();
    let (image, held) = at_a_new_header(&disk.image(), options, false);
    check(&image, &held, "in place");
    // A short log, before a long one, is cut.
    for writes in 0..4 {
        let disk = SimulatedDisk::from(disk.image());
        let store = open(&disk, options).expect("a store");
        for value in 0..writes {
            assert_eq!(call(&store, &format!("SET k0 {value}")), Reply::ok());
        }
        disk.kill();
        let (image, held) = at_a_new_header(&disk.image(), options, true);
        check(&image, &held, &format!("cut after {writes} writes"));
    }
}

#[test]
fn a_crash_around_a_new_start_of_the_log_loses_nothing() {
    let options = FileOptions { page_bytes: 512, ..FileOptions::default() };
    let disk = SimulatedDisk::default();
    let store = open(&disk, options).expect("an empty disk");
    assert_eq!(call(&store, &format!("SET long {}", "x".repeat(600_000))), Reply::ok());
    let starts = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&starts);
    disk.set_hook(move |call, _| {
        let is_start = call.kind == CallKind::Write && *call.file == *Path::new(WAL) && call.offset == 0;
        counted.fetch_add(u64::from(is_start), Ordering::Relaxed);
        Injection::None
    });
    assert_eq!(call(&store, "DEL long"), Reply::Int(1));
    for step in 0..40 {
        assert_eq!(call(&store, &format!("SET filler{step} {}", "x".repeat(3000))), Reply::ok());
    }
    assert_eq!(starts.load(Ordering::Relaxed), 1, "the log has started anew");
    disk.kill();
    let start = disk.image();
    let failed: Vec<String> = (0..300).filter_map(|seed| keeps_promise(&start, seed, options).err()).collect();
    assert!(failed.is_empty(), "{} of 300:\n{}", failed.len(), failed.join("\n"));
}

fn lose_power_at_a_sync_of_the_log(disk: &SimulatedDisk) {
    disk.set_hook(|call, _| match call.kind {
        CallKind::Sync if *call.file == *Path::new(WAL) => Injection::PowerLoss,
        _ => Injection::None,
    });
}

#[test]
fn a_sector_that_is_missing_of_the_last_transaction_is_no_damage() {
    let options = FileOptions { page_bytes: 512, ..FileOptions::default() };
    let disk = SimulatedDisk::default();
    let _made = open(&disk, options).expect("an empty disk");
    disk.kill();
    let (image, held) = at_a_new_header(&disk.image(), options, false);
    for writes in 0..30 {
        let disk = SimulatedDisk::from(image.clone());
        disk.crash(|_| Fate::Keep);
        let store = open(&disk, options).expect("a store");
        for value in 0..writes {
            assert_eq!(call(&store, &format!("SET k1 {value}")), Reply::ok());
        }
        lose_power_at_a_sync_of_the_log(&disk);
        assert!(matches!(call(&store, &format!("SET k0 {}", "x".repeat(8000))), Reply::Error(_)));
        let image = disk.image();
        for missing in 0..image.pending().len() {
            let disk = SimulatedDisk::from(image.clone());
            let mut at = 0..;
            disk.crash(|_| if at.next() == Some(missing) { Fate::Drop } else { Fate::Keep });
            let found = open(&disk, options).map_or_else(|it| it.to_string(), |it| brief(&call(&it, "GET k0")));
            assert_eq!(found, held[0], "{writes} writes, without change {missing}");
        }
    }
}

#[test]
fn what_is_left_of_two_power_losses_is_no_damage() {
    let disk = SimulatedDisk::from(empty());
    let store = open(&disk, FileOptions::default()).expect("a store");
    assert_eq!(call(&store, "SET k0 before"), Reply::ok());
    disk.kill();
    // Of each transaction all but the first frame gets to the disk; the second one ends within what is left of the first.
    for bytes in [60_000, 20_000] {
        let store = open(&disk, FileOptions::default()).expect("a store");
        let is_log = |call: &redlite_dst::redlite::vfs::Call| *call.file == *Path::new(WAL);
        disk.set_hook(
            move |call, _| {
                if call.kind == CallKind::Sync && is_log(call) { Injection::PowerLoss } else { Injection::None }
            },
        );
        assert!(matches!(call(&store, &format!("SET k0 {}", "x".repeat(bytes))), Reply::Error(_)));
        drop(store);
        disk.clear_hook();
        let mut is_first = true;
        disk.crash(|change| match change {
            Pending::Sector { .. } if std::mem::take(&mut is_first) => Fate::Drop,
            _ => Fate::Keep,
        });
    }
    let store = open(&disk, FileOptions::default()).expect("a store");
    assert_eq!(call(&store, "GET k0"), Reply::bulk("before"));
}

#[test]
fn without_syncs_damage_in_the_log_ends_it() {
    let start = with_twenty_transactions(with(Durability::Normal));
    let log = Path::new(WAL);
    let bytes = start.bytes(log).expect("the log").len() as u64;
    let mut held = Vec::new();
    for at in (40..bytes).step_by(1777) {
        let mut image = start.clone();
        assert!(image.flip_bit(log, at * 8));
        let store = open(&SimulatedDisk::from(image), with(Durability::Normal)).expect("the log ends there");
        assert_eq!(store.find_damage().expect("it is read"), Vec::<String>::new());
        let reply = brief(&call(&store, "GET k0"));
        let value =
            if reply == NIL { -1 } else { reply.split(' ').next_back().unwrap_or_default().parse().expect("a number") };
        held.push(value);
    }
    assert!(held.is_sorted() && held.first() == Some(&-1) && held.last() == Some(&18), "{held:?}");
}

#[test]
fn a_full_disk_is_told_and_changes_nothing_until_there_is_room() {
    let disk = SimulatedDisk::from(empty());
    let store = open(&disk, FileOptions::default()).expect("a store");
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
    assert_eq!(call(&open(&disk, FileOptions::default()).expect("a store"), "GET k0"), Reply::bulk("after"));
}

#[test]
fn a_commit_that_failed_at_its_sync_does_not_come_back() {
    let disk = SimulatedDisk::from(empty());
    let store = open(&disk, FileOptions::default()).expect("a store");
    assert_eq!(call(&store, "SET k0 before"), Reply::ok());
    let armed = Mutex::new(true);
    disk.set_hook(move |call, _| {
        let mut armed = armed.lock().expect("no panic");
        if call.kind == CallKind::Sync && std::mem::take(&mut *armed) { Injection::Io } else { Injection::None }
    });
    let refused = Reply::error("MISCONF Errors writing to the store: input/output error (simulated)");
    assert_eq!(call(&store, "SET k0 after"), refused);
    disk.crash(|_| Fate::Keep);
    assert_eq!(call(&open(&disk, FileOptions::default()).expect("a store"), "GET k0"), Reply::bulk("before"));
}

#[test]
fn a_store_survives_being_written_anew_and_other_page_sizes() {
    for page_bytes in [512, 1024, 8192, 65536] {
        let disk = SimulatedDisk::default();
        let options = FileOptions { page_bytes, ..FileOptions::default() };
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
        let store = open(&disk, FileOptions::default()).expect("a store");
        assert_eq!(dump(&store), held, "pages of {page_bytes} bytes");
    }
}

#[test]
fn a_file_is_open_once_only() {
    let in_use = "the store is open already, in this process or another";
    let disk = SimulatedDisk::default();
    let first = open(&disk, FileOptions::default()).expect("an empty disk");
    assert_eq!(open(&disk, FileOptions::default()).map(drop).expect_err("it is in use").to_string(), in_use);
    drop(first);
    drop(open(&disk, FileOptions::default()).expect("it is free again"));

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
    let store = open(&disk, FileOptions::default()).expect("a store");
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
    let store = open(&disk, FileOptions::default()).expect("a store");
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
    let store = open(&disk, FileOptions::default()).expect("a store");
    for key in 0..100 {
        assert_eq!(brief(&call(&store, &format!("GET k{key}"))), brief_value(&value), "k{key}");
    }
}
