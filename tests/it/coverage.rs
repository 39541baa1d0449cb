//! Every command and every option of the tables is generated so that a server takes it.

use redlite_dst::campaign::coverage::Coverage;
use redlite_dst::campaign::differential::{Judged, Observation};
use redlite_dst::campaign::sequence;
use redlite_dst::generate::{Group, groups};
use redlite_dst::report::matrix::{Matrix, Row};
use redlite_dst::seed::Seed;
use redlite_dst::targets::{self, TargetOptions};
use redlite_dst::trace::Header;
use spec::{is_container, lookup};

/// Seeds of each group, and operations of each seed.
const SEEDS: u64 = 150;
const OPS: u64 = 100;

/// Commands that never succeed in a sequence of requests and replies, each with the reason.
const UNREACHED: &[(&str, &str)] = &[
    ("CLIENT CACHING", "what tracking sends depends on the server's own table"),
    ("CLIENT PAUSE", "every client waits by the machine's clock"),
    ("CLIENT REPLY", "a request without a reply has none to compare"),
    ("CLIENT TRACKING", "what tracking sends depends on the server's own table"),
    ("CONFIG REWRITE", "a server of dst has no file of settings"),
    ("DEBUG", "it may crash or block the server"),
    ("LATENCY GRAPH", "nothing is slow while the clock stands still"),
];

/// What a server with every command of the group answers to its first seeds.
fn cover(group: &'static Group, coverage: &mut Coverage) {
    // Debian's Redis has no search; there Redlite stands for itself.
    let name = if group.name == "search" { "redlite" } else { "redis" };
    let target = targets::parse(name, &TargetOptions::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut session = target.open(&Header::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut replies = Vec::new();
    for seed in (0..SEEDS).map(Seed) {
        let (header, ops) = sequence(seed, group, OPS);
        replies.clear();
        session.reset(&header).and_then(|()| session.replay(&ops, &mut replies)).expect("the server runs");
        coverage.start_trace();
        for (op, want) in ops.iter().zip(&replies) {
            coverage.observe(&Observation { op, want, judged: &Judged::Agrees });
        }
    }
}

fn matrix() -> Matrix {
    let mut coverage = Coverage::new();
    groups().iter().for_each(|group| cover(group, &mut coverage));
    coverage.into_matrix()
}

#[test]
fn every_command_and_every_option_succeeds_somewhere() {
    let matrix = matrix();
    let mut missing = Vec::new();
    for Row { command, counts, .. } in &matrix.rows {
        let unreached = UNREACHED.iter().any(|(name, _)| name == command);
        let is_container = lookup(command.as_bytes()).is_some_and(is_container);
        if unreached && counts.succeeded > 0 {
            missing.push(format!("{command} succeeds now: delete it from UNREACHED"));
        } else if !unreached && !is_container && counts.succeeded == 0 {
            missing.push(format!("{command} never succeeds: sent {} times, {:?}", counts.requests, counts.errors));
        }
    }
    for row in matrix.rows.iter().filter(|row| row.counts.succeeded > 0) {
        let unseen: Vec<&str> = row.options_unseen().collect();
        if !unseen.is_empty() {
            missing.push(format!("{}: no request with {} succeeds", row.command, unseen.join(", ")));
        }
    }
    assert!(
        missing.is_empty(),
        "raise weights in src/generate, or mend how arguments are made:\n{}",
        missing.join("\n")
    );
}
