//! Real servers under concurrent clients: one that is right, and ones whose flaw only shows then.

use std::fs;
use std::path::Path;

use redlite_dst::targets::simulated::CANARIES;

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

/// Within so many seeds a canary is found, and so many are run at a time: over real sockets it is chance which of them do.
const SEEDS_MAX: usize = 500;
const SEEDS_STEP: usize = 25;

/// Runs seeds until one shows that a server is wrong.
fn find(flags: &str) {
    let line = |seed| format!("dst simulate --real --first-seed {seed} --seeds {SEEDS_STEP} {flags}");
    let is_found = |seed: usize| {
        let run = Place::new().run(&line(seed));
        let code = run.code.unwrap_or_default();
        run.check(code, if code == 0 { &["all agree"] } else { &["linearizable no-order"] });
        code == 1
    };
    assert!((0..SEEDS_MAX).step_by(SEEDS_STEP).any(is_found), "nothing is found by {flags}");
}

/// The canaries whose effect clients can see are found by what they saw, in the simulation and over real sockets.
#[test]
fn canaries_are_found_from_outside() {
    let seen: Vec<_> = CANARIES.iter().filter(|canary| canary.is_seen_outside).map(|canary| canary.name).collect();
    assert!(seen.len() >= 10, "{seen:?}");
    let serve =
        |name| format!("exec:'{}' serve --listen 127.0.0.1:{{port}} --canary {name}", env!("CARGO_BIN_EXE_dst"));
    for name in seen {
        find(&format!("--subject sim --canary {name}"));
        find(&format!("--subject \"{}\"", serve(name)));
    }
    Place::new().run("dst simulate --real --seeds 40 --subject sim").check(0, &["all agree", "40 seeds"]);
}

#[test]
fn a_stale_cache_is_found() {
    check(&racing("cache"), 1, &["GET linearizable no-order", "no-order"]);
    check(&racing("none"), 0, &["all agree"]);
}
