//! Real servers under concurrent clients: one that is right, and ones whose flaw only shows then.

use std::fs;
use std::path::Path;

use crate::cli::Place;

/// A server with this flaw, which only shows under concurrency.
fn racing(flaw: &str) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/servers/racing.py");
    format!("exec:python3 {} {{port}} {flaw}", script.display())
}

/// Seeds of a run: the system decides who meets whom, and about every second one shows a flaw.
const SEEDS: usize = 32;

/// Runs them on `subject`; the exit code, and words that are said.
#[track_caller]
fn check(subject: &str, code: i32, words: &[&str]) -> Place {
    let place = Place::new();
    let line = format!("dst simulate --real --clients 4 --seeds {SEEDS} --ops 12 --subject '{subject}'");
    place.run(&line).check(code, words);
    place
}

#[test]
fn redis_has_an_order() {
    let place = check("exec:redis-server --port {port}", 0, &["all agree", "redis-server", "32 seeds"]);
    assert!(!place.path().join("corpus").exists(), "nothing is kept of what is right");
}

#[test]
fn an_increment_that_loses_updates_is_found() {
    let place = check(&racing("increment"), 1, &["INCR linearizable no-order", "-> 1", "lacks"]);
    let kept: Vec<_> = fs::read_dir(place.path().join("corpus/simulate/real")).expect("it is kept").flatten().collect();
    assert!(!kept.is_empty(), "what was seen is kept");
    let file = kept[0].path();
    // It is the same when it is judged again, without any server.
    place.run(&format!("dst simulate --real {}", file.display())).check(1, &["linearizable no-order"]);
}

#[test]
fn a_stale_cache_is_found() {
    check(&racing("cache"), 1, &["GET linearizable no-order", "no-order"]);
    check(&racing("none"), 0, &["all agree"]);
}
