//! What Redlite makes of a log that a power loss or damage has left.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use redlite_dst::redlite::env::Random;
use redlite_dst::redlite::vfs::{Call, CallKind, Fate, Image, Injection, Pending, SimulatedDisk};
use redlite_dst::redlite::{Durability, FileOptions};
use redlite_dst::resp::Reply;

use super::vfs::{NAME, NIL, WAL, brief, brief_value, call, dump, empty, keeps_promise, open, with};

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
