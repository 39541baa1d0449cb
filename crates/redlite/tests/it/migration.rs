//! Stores that an older version wrote: they get checksums when they are opened.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use redlite::env::{Clock, Random};
use redlite::vfs::{
    AllocationPlan, CallKind, Fate, FileKind, Image, Injection, SimulatedDisk, Storage, allocations, draw_fates,
    fail_allocations,
};
use redlite::{OpenError, Options, Redlite};
use resp::Reply;

use crate::is_full;
use crate::older_store::{FILES, NAME, write_old_store};

fn old_disk() -> Image {
    disk_with(FILES.map(|(name, packed)| (name, zstd::decode_all(packed).expect("a golden file"))))
}

/// As SQLite leaves it where it keeps a rollback journal instead of a log, and is killed while it writes.
fn old_disk_with_journal() -> Image {
    let folder = tempfile::tempdir().expect("a folder");
    let path = write_old_store(folder.path());
    // Before anything else in this process uses SQLite.
    allocations().expect("the allocator is wrapped");
    let sqlite = rusqlite::Connection::open(&path).expect("it is SQLite's");
    let change = "PRAGMA journal_mode = DELETE; PRAGMA cache_size = 1; BEGIN; UPDATE keys SET value = zeroblob(20000);";
    sqlite.execute_batch(change).expect("it is changed");
    disk_with([NAME, "store.db-journal"].map(|name| (name, fs::read(folder.path().join(name)).expect("it is there"))))
}

fn disk_with(files: [(&str, Vec<u8>); 2]) -> Image {
    let disk = SimulatedDisk::default();
    for (name, bytes) in files {
        let mut file = disk.open(Path::new(name), FileKind::Other, true).expect("it is made");
        file.write_at(&bytes, 0).and_then(|()| file.sync()).expect("it is written");
    }
    disk.kill();
    disk.image()
}

fn open(disk: &SimulatedDisk) -> Result<Redlite, OpenError> {
    let options = Options::new().clock(Clock::manual(1_700_000_000_000)).random(Random::seeded(1));
    options.open_on(Arc::new(disk.clone()), NAME)
}

/// What the old store holds.
pub fn holds_all(mut ask: impl FnMut(&str) -> Reply) -> Result<(), String> {
    let list = |items: &[&str]| Reply::Array(items.iter().map(|item| Reply::bulk(*item)).collect());
    for (line, want) in [
        ("DBSIZE", Reply::Int(10)),
        ("GET string", Reply::bulk("hello")),
        ("STRLEN large", Reply::Int(9000)),
        ("PEXPIRETIME expiring", Reply::Int(4_102_444_800_000)),
        ("HGETALL hash", list(&["f1", "v1", "f2", "v2"])),
        ("LRANGE list 0 -1", list(&["z", "a", "b", "c"])),
        ("SORT set ALPHA", list(&["a", "b", "c"])),
        ("OBJECT ENCODING ints", Reply::bulk("intset")),
        ("ZRANGE zset 0 -1 WITHSCORES", list(&["c", "0", "a", "1", "b", "2.5"])),
        ("XLEN stream", Reply::Int(2)),
        ("XACK stream group 2-1", Reply::Int(0)),
        ("XREADGROUP GROUP group one STREAMS stream 0", {
            let entry = Reply::Array(vec![Reply::bulk("1-1"), list(&["f", "v"])]);
            Reply::Array(vec![Reply::Array(vec![Reply::bulk("stream"), Reply::Array(vec![entry])])])
        }),
        ("GET binary", Reply::Bulk(vec![0xff, 1])),
        ("SELECT 3", Reply::ok()),
        ("GET other", Reply::bulk("db")),
        ("SETNX later v", Reply::Int(1)),
        ("DEL later", Reply::Int(1)),
        ("SELECT 0", Reply::ok()),
    ] {
        let got = ask(line);
        if got != want {
            return Err(format!("{line}: {got:?}"));
        }
    }
    Ok(())
}

fn check(disk: &SimulatedDisk, at: &str) {
    let store = open(disk).unwrap_or_else(|error| panic!("{at}: {error}"));
    let mut client = store.client();
    assert_eq!(holds_all(|line| client.execute(&line.split(' ').collect())), Ok(()), "{at}");
    assert_eq!(store.find_damage().expect("it is read"), Vec::<String>::new(), "{at}");
    drop((client, store));
    let image = disk.image();
    let header = image.bytes(Path::new(NAME)).expect("the file");
    assert_eq!(header[20], 8, "{at}: pages have room for checksums");
    assert_eq!(image.files().collect::<Vec<_>>(), [Path::new(NAME)], "{at}");
}

#[test]
fn an_old_store_gets_checksums_and_keeps_all_that_it_holds() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = write_old_store(folder.path());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("it is mine");
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).expect("a link");
    for round in 0..2 {
        let store = Redlite::open(&link).expect("an old store");
        let mut client = store.client();
        assert_eq!(holds_all(|line| client.execute(&line.split(' ').collect())), Ok(()), "round {round}");
        for file in [&path, &folder.path().join("store.db-wal")] {
            let mode = fs::metadata(file).expect("it is there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{} is as secret as the old file was", file.display());
        }
    }
    assert!(fs::symlink_metadata(&link).expect("it is there").is_symlink());
    assert_eq!(fs::read(&path).expect("the file")[20], 8, "pages have room for checksums");
    let left: Vec<_> = fs::read_dir(&folder).expect("the folder").flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn a_crash_at_any_call_of_a_migration_loses_nothing() {
    let crashes = if is_full() { 4 } else { 1 };
    for (kind, start) in [("log", old_disk()), ("journal", old_disk_with_journal())] {
        let disk = SimulatedDisk::from(start.clone());
        drop(open(&disk).expect("an old store"));
        let calls = disk.calls();
        for at in 0..calls {
            for seed in 0..crashes {
                let disk = SimulatedDisk::from(start.clone());
                disk.set_hook(move |call, _| if call.number == at { Injection::PowerLoss } else { Injection::None });
                drop(open(&disk));
                disk.clear_hook();
                disk.crash(draw_fates(Random::seeded(at * 4 + seed)));
                check(&disk, &format!("{kind}, call {at} of {calls}, seed {seed}"));
            }
        }
        println!("{calls} calls, {crashes} crashes at each, of a store with a {kind}");
        check(&disk, kind);
    }
}

#[test]
fn a_call_of_a_migration_that_fails_stops_it_until_the_next_time() {
    let start = old_disk();
    let disk = SimulatedDisk::from(start.clone());
    drop(open(&disk).expect("an old store"));
    let calls = disk.calls();
    let mut refused = 0;
    // Each call in each way, or each in one.
    let every = if is_full() { 1 } else { 3 };
    for (way, injection) in (0..).zip([Injection::Io, Injection::Full, Injection::NoMemory]) {
        let first = way % every as u64;
        for at in (first..calls).step_by(every) {
            let disk = SimulatedDisk::from(start.clone());
            disk.set_hook(move |call, _| if call.number == at { injection } else { Injection::None });
            match open(&disk).map(drop) {
                Err(OpenError::NoRoom { bytes }) => {
                    assert_eq!((injection, bytes), (Injection::Full, 81_920), "call {at}");
                    refused += 1;
                }
                Err(_) => refused += 1,
                Ok(()) => {}
            }
            disk.clear_hook();
            disk.crash(|_| Fate::Drop);
            check(&disk, &format!("{injection:?} at call {at}"));
        }
    }
    println!("{calls} calls, each failed in {} ways: {refused} times the store was not opened", 3 / every);
    assert!(refused > calls / every as u64, "{refused}");
    // What it needs memory for, every seventh time.
    for nth in (0..).step_by(7 * every) {
        let disk = SimulatedDisk::from(start.clone());
        let guard = fail_allocations(AllocationPlan { nth, times: 20 }).expect("the allocator is wrapped");
        let is_refused = open(&disk).map(drop).is_err();
        let failed = guard.failed();
        drop(guard);
        disk.crash(|_| Fate::Drop);
        check(&disk, &format!("allocation {nth}, refused: {is_refused}"));
        if failed == 0 {
            break;
        }
    }
}

#[test]
fn a_copy_that_is_damaged_does_not_take_the_old_files_place() {
    let start = old_disk();
    let mut damaged = 0;
    for at in 0.. {
        let disk = SimulatedDisk::from(start.clone());
        let writes = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&writes);
        disk.set_hook(move |call, _| {
            let is_write = call.kind == CallKind::Write && call.file.ends_with("store.db-migrating");
            if is_write && counted.fetch_add(1, Ordering::Relaxed) == at {
                Injection::FlipBit { bit: 1234 + 4000 * at }
            } else {
                Injection::None
            }
        });
        let is_refused = open(&disk).map(drop).is_err();
        disk.clear_hook();
        damaged += u64::from(is_refused);
        check(&disk, &format!("write {at} to the copy is damaged, refused: {is_refused}"));
        if writes.load(Ordering::Relaxed) <= at {
            break;
        }
    }
    assert!(damaged > 15, "{damaged}");
}

#[test]
fn an_old_store_on_a_full_disk_is_refused_and_left_as_it_was() {
    let start = old_disk();
    // From no room at all to a little less than it takes.
    for spare in (0..70_000).step_by(6000) {
        let disk = SimulatedDisk::from(start.clone());
        disk.set_quota(Some(start.size() + spare));
        let error = open(&disk).map(drop).expect_err("there is no room");
        let expected = "the store in the file has no checksums yet: a copy that has some takes about 81920 bytes, and the \
                        disk has no room for them";
        assert_eq!(error.to_string(), expected, "{spare} bytes are free");
        for (name, _) in FILES {
            let name = Path::new(name);
            assert!(disk.image().bytes(name) == start.bytes(name), "{} changed", name.display());
        }
        assert_eq!(disk.image().files().count(), FILES.len(), "{spare} bytes are free");
        disk.set_quota(None);
        check(&disk, "there is room again");
    }
}
