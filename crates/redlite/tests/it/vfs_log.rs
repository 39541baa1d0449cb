//! What Redlite makes of a log that a power loss or damage has left.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use redlite::env::Random;
use redlite::vfs::{Call, CallKind, Fate, FileKind, Image, Injection, Pending, SimulatedDisk, Storage, draw_fates};
use redlite::{Durability, Options};
use resp::Reply;

use super::is_full;
use super::vfs::{NAME, NIL, WAL, brief, brief_value, call, dump, empty, keeps_promise, open, run, with};

/// A disk whose log holds `SET k0 0` to `SET k0 19`, a transaction each.
fn with_twenty_transactions(options: &Options) -> Image {
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
    let start = with_twenty_transactions(&Options::new());
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
        match open(&SimulatedDisk::from(image), &Options::new()) {
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
    let store = open(&disk, &Options::new()).expect("a store");
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
        let error = open(&disk, &Options::new()).map(drop).expect_err(what);
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
        let error = open(&SimulatedDisk::from(image), &Options::new()).map(drop).expect_err(what);
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
fn at_a_new_header(start: &Image, options: &Options, cut: bool) -> (Image, Vec<String>) {
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
    let options = &Options::new().page_bytes(512);
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
    let options = &Options::new().page_bytes(512);
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

/// One store through crash after crash, at any call, by power losses, kills and calls that fail, whose log is often taken
/// up where the one before has left it.
fn go_through_crashes(seed: u64) -> Result<(), String> {
    let mut random = Random::seeded(seed);
    let options = |durability| with(durability).page_bytes(if seed.is_multiple_of(2) { 512 } else { 4096 });
    let disk = SimulatedDisk::default();
    for round in 0..12 {
        let durability = if random.below(4) == 0 { Durability::Normal } else { Durability::Full };
        let store =
            open(&disk, &options(durability)).map_err(|error| format!("seed {seed}, round {round}: {error}"))?;
        let (at, fails) = (disk.calls() + random.below(160), random.below(4) == 0);
        disk.set_hook(move |call, _| match call.number.checked_sub(at) {
            Some(0) if fails => Injection::Io,
            Some(since) if since == u64::from(fails) * 3 => Injection::PowerLoss,
            _ => Injection::None,
        });
        run(&store, &mut random);
        let long = "x".repeat(random.below(60_000) as usize);
        match random.below(3) {
            0 => drop(store.checkpoint()),
            _ => drop(call(&store, &format!("MSET k0 {long} k1 {long}"))),
        }
        run(&store, &mut random);
        disk.clear_hook();
        if random.below(4) == 0 {
            disk.kill();
        } else {
            disk.crash(draw_fates(Random::seeded(random.below(u64::MAX))));
        }
    }
    Ok(())
}

#[test]
fn what_crash_after_crash_leaves_is_no_damage() {
    let seeds = if is_full() { 60 } else { 30 };
    let failed: Vec<String> = (0..seeds).filter_map(|seed| go_through_crashes(seed).err()).collect();
    assert!(failed.is_empty(), "{} of {seeds}:\n{}", failed.len(), failed.join("\n"));
}

fn lose_power_at_a_sync_of_the_log(disk: &SimulatedDisk) {
    disk.set_hook(|call, _| match call.kind {
        CallKind::Sync if *call.file == *Path::new(WAL) => Injection::PowerLoss,
        _ => Injection::None,
    });
}

#[test]
fn a_sector_that_is_missing_of_the_last_transaction_is_no_damage() {
    let options = &Options::new().page_bytes(512);
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
    let store = open(&disk, &Options::new()).expect("a store");
    assert_eq!(call(&store, "SET k0 before"), Reply::ok());
    disk.kill();
    // Of each transaction all but the first frame gets to the disk; the second one ends within what is left of the first.
    for bytes in [60_000, 20_000] {
        let store = open(&disk, &Options::new()).expect("a store");
        let is_log = |call: &Call| *call.file == *Path::new(WAL);
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
    let store = open(&disk, &Options::new()).expect("a store");
    assert_eq!(call(&store, "GET k0"), Reply::bulk("before"));
}

#[test]
fn without_syncs_damage_in_the_log_ends_it() {
    let start = with_twenty_transactions(&with(Durability::Normal));
    let log = Path::new(WAL);
    let bytes = start.bytes(log).expect("the log").len() as u64;
    let mut held = Vec::new();
    for at in (40..bytes).step_by(1777) {
        let mut image = start.clone();
        assert!(image.flip_bit(log, at * 8));
        let store = open(&SimulatedDisk::from(image), &with(Durability::Normal)).expect("the log ends there");
        assert_eq!(store.find_damage().expect("it is read"), Vec::<String>::new());
        let reply = brief(&call(&store, "GET k0"));
        let value =
            if reply == NIL { -1 } else { reply.split(' ').next_back().unwrap_or_default().parse().expect("a number") };
        held.push(value);
    }
    assert!(held.is_sorted() && held.first() == Some(&-1) && held.last() == Some(&18), "{held:?}");
}

/// Bytes of a frame with a page of 4096 bytes.
const FRAME: usize = 24 + 4096;

/// The frames of a log with which a transaction ends.
fn ends(log: &[u8]) -> Vec<usize> {
    let frames = (log.len() - 32) / FRAME;
    (0..frames).filter(|frame| log[32 + frame * FRAME + 4..][..4] != [0; 4]).collect()
}

/// The disk with zeros over these frames of its log.
fn without_frames(start: &Image, frames: std::ops::RangeInclusive<usize>) -> SimulatedDisk {
    with_bytes(start, WAL, &vec![0; (frames.end() - frames.start() + 1) * FRAME], 32 + frames.start() * FRAME)
}

/// The disk with these bytes in a file.
fn with_bytes(start: &Image, name: &str, bytes: &[u8], offset: usize) -> SimulatedDisk {
    let disk = SimulatedDisk::from(start.clone());
    let mut file = disk.open(Path::new(name), FileKind::Other, true).expect("it is there");
    file.write_at(bytes, offset as u64).and_then(|()| file.sync()).expect("it is written");
    drop(file);
    disk
}

/// What opening says, or what the keys hold then.
fn opened(disk: &SimulatedDisk) -> Result<Vec<String>, String> {
    open(disk, &Options::new()).map(|store| dump(&store)).map_err(|error| error.to_string())
}

fn told(frame: usize) -> Result<Vec<String>, String> {
    let at = 32 + frame * FRAME;
    Err(format!("the file is damaged: a transaction in the log, at byte {at}, and others follow it"))
}

#[test]
fn frames_that_are_gone_are_told_where_a_page_of_a_later_transaction_is_left() {
    let start = logged(3);
    let log = start.bytes(Path::new(WAL)).expect("the log");
    let ends = ends(&log);
    assert_eq!(ends.len(), 3, "a transaction each");
    for first in 0..=ends[1] {
        for last in first..=ends[1] {
            assert_eq!(opened(&without_frames(&start, first..=last)), told(first), "{first} to {last} of {ends:?}");
        }
    }
    // The last one looks like one that was never finished.
    let before = opened(&SimulatedDisk::from(logged(2)));
    for frame in ends[1] + 1..=ends[2] {
        assert_eq!(opened(&without_frames(&start, frame..=frame)), before, "{frame} of {ends:?}");
    }
    // Of the last one only its first page is left, and even the header before that is not.
    let next = ends[1] + 1;
    let disk = without_frames(&start, ends[1]..=ends[1]);
    let page =
        [&[0; 24], &log[32 + next * FRAME + 24..][..4096], &vec![0; log.len() - 32 - (next + 1) * FRAME]].concat();
    assert_eq!(opened(&with_bytes(&disk.image(), WAL, &page, 32 + next * FRAME)), told(ends[1]));
}

#[test]
fn a_page_that_is_written_twice_still_follows_what_was_synced() {
    let disk = SimulatedDisk::from(logged(2));
    let store = open(&disk, &Options::new()).expect("a store");
    let client = store.client();
    let writes = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&writes);
    disk.set_hook(move |call, _| {
        if call.kind == CallKind::Write && *call.file == *Path::new(WAL) {
            seen.lock().expect("no panic").push((call.offset as usize, call.len));
        }
        Injection::None
    });
    // More than SQLite keeps in memory, so that it writes pages of the transaction before its end, and some again.
    let mut batch = store.batch();
    for round in ["v", "w"] {
        for key in 0..50 {
            batch.run(&client, &format!("SET key{key} {}", round.repeat(60_000)).split(' ').collect());
        }
    }
    batch.commit();
    disk.clear_hook();
    disk.kill();
    let log = disk.image().bytes(Path::new(WAL)).expect("the log");
    let [.., before, _] = ends(&log)[..] else { panic!("two transactions") };
    let first = 32 + (before + 1) * FRAME + 24;
    assert!(writes.lock().expect("no panic").contains(&(first, 4096)), "the first page is written once more");
    assert_eq!(opened(&without_frames(&disk.image(), before..=before)), told(before));
}

#[test]
fn a_page_of_the_log_before_is_none_of_a_later_transaction() {
    let options = &Options::new().page_bytes(512);
    let frame = 24 + 512;
    let disk = SimulatedDisk::default();
    let _made = open(&disk, options).expect("an empty disk");
    disk.kill();
    let (image, mut held) = at_a_new_header(&disk.image(), options, false);
    let disk = SimulatedDisk::from(image);
    disk.crash(|_| Fate::Keep);
    let store = open(&disk, options).expect("a store");
    assert_eq!(call(&store, "SET k0 new"), Reply::ok());
    held[0] = brief_value("new");
    disk.kill();
    let image = disk.image();
    let log = image.bytes(Path::new(WAL)).expect("the log");
    let salts = |frame_at: usize| &log[frame_at + 8..frame_at + 16];
    let frames: Vec<usize> = (32..log.len() - frame).step_by(frame).collect();
    let stale: Vec<usize> = frames.into_iter().filter(|at| salts(*at) != &log[16..24]).collect();
    assert!(stale.len() > 500, "{} frames of the log before", stale.len());
    // A transaction that is not finished may leave its frames' headers before the pages that were there.
    let mut torn = log.clone();
    for at in stale {
        torn[at + 8..at + 16].copy_from_slice(&log[16..24]);
    }
    assert_eq!(opened(&with_bytes(&image, WAL, &torn, 0)), Ok(held));
}

/// What a log is that was cut, and whose first sector gets to the disk in part: the one before, behind a header that is
/// zeros from some byte on.
#[test]
fn a_log_that_is_cut_is_so_before_the_next_one_is_written() {
    let at_header = |call: &Call| call.kind == CallKind::Write && *call.file == *Path::new(WAL) && call.offset == 0;
    for (durability, is_killed) in [Durability::Full, Durability::Normal].into_iter().zip([true, false]) {
        let disk = SimulatedDisk::from(logged(6));
        disk.crash(|_| Fate::Keep);
        let mut store = open(&disk, &with(durability)).expect("a store");
        store.checkpoint().expect("the log is written back");
        if is_killed {
            disk.kill();
            store = open(&disk, &with(durability)).expect("a store");
        }
        let held = dump(&store);
        disk.set_hook(move |call, _| if at_header(call) { Injection::PowerLoss } else { Injection::None });
        assert!(matches!(call(&store, "SET k0 later"), Reply::Error(_)));
        for bytes in 1..512 {
            let disk = SimulatedDisk::from(disk.image());
            disk.crash(|change| match change {
                Pending::Sector { .. } => Fate::TornTail(bytes),
                _ => Fate::Drop,
            });
            assert_eq!(opened(&disk).as_ref(), Ok(&held), "{durability:?}, the last {bytes} bytes");
        }
    }
}

/// `golden/store-unsalted.db` and its log were left by the last version whose pages did not say which log they are of,
/// when it was killed: a transaction that makes the tables, and `SET k0 0`, `SET k1 1` and so on to `SET k1 5`.
#[test]
fn a_log_of_the_version_before_is_read_and_written_on() {
    let files: [(&str, &[u8]); 2] = [
        (NAME, include_bytes!("golden/store-unsalted.db.zst")),
        (WAL, include_bytes!("golden/store-unsalted.db-wal.zst")),
    ];
    let mut start = SimulatedDisk::default().image();
    for (name, packed) in files {
        start = with_bytes(&start, name, &zstd::decode_all(packed).expect("a golden file"), 0).image();
    }
    let keys = |held: [&str; 2]| held.iter().map(|it| brief_value(it)).chain(vec![NIL.to_owned(); 6]).collect();
    let held: Vec<String> = keys(["4", "5"]);
    assert_eq!(opened(&SimulatedDisk::from(start.clone())), Ok(held.clone()));
    // Its pages do not prove that they follow anything.
    let log = start.bytes(Path::new(WAL)).expect("the log");
    let of_old = ends(&log);
    assert_eq!(opened(&without_frames(&start, of_old[5]..=of_old[5])), Ok(keys(["2", "3"])));
    // Damage to the header is told all the same.
    let mut image = start.clone();
    assert!(image.flip_bit(Path::new(WAL), 0));
    let header = "the file is damaged: the log's header, and transactions follow it that are not in the database";
    assert_eq!(opened(&SimulatedDisk::from(image)), Err(header.to_owned()));
    // Behind them there are pages of this version, for whom they are synced.
    let disk = SimulatedDisk::from(start);
    let store = open(&disk, &Options::new()).expect("a store");
    assert_eq!(call(&store, "SET k0 6"), Reply::ok());
    disk.kill();
    for frame in 0..=of_old[6] {
        assert_eq!(opened(&without_frames(&disk.image(), frame..=frame)), told(frame));
    }
    assert_eq!(opened(&disk), Ok(keys(["6", "5"])));
}

#[test]
fn a_frame_that_is_damaged_besides_the_header_of_the_log_is_told() {
    let start = logged(6);
    let ends = ends(&start.bytes(Path::new(WAL)).expect("the log"));
    for frame in 0..ends[4] {
        for byte in (0..24).chain([24, 1000, FRAME - 1]) {
            let mut image = start.clone();
            let at = 32 + frame * FRAME + byte;
            assert!(image.flip_bit(Path::new(WAL), 17) && image.flip_bit(Path::new(WAL), at as u64 * 8 + 3));
            let found = opened(&SimulatedDisk::from(image));
            let is_told = found.as_ref().is_err_and(|it| it.starts_with("the file is damaged: the log's header, and "));
            assert!(is_told, "byte {byte} of frame {frame}: {found:?}");
        }
    }
}
