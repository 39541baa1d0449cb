//! Every canary is found by the oracle, and shrunk to the fewest ops that can show it.

use std::num::NonZeroUsize;
use std::sync::atomic::AtomicBool;
use std::thread::available_parallelism;

use redlite_dst::campaign::oracle::{self, Options};
use redlite_dst::campaign::{CommandLine, Pair, Progress};
use redlite_dst::corpus::{Known, Store};
use redlite_dst::diff::Settings;
use redlite_dst::generate;
use redlite_dst::report::{Report, Shrinking};
use redlite_dst::seed::Seed;
use redlite_dst::spec::Family;
use redlite_dst::targets::canary::{Canary, canaries};
use redlite_dst::targets::{self, Target, TargetOptions};

fn target(spec: &str) -> Box<dyn Target> {
    targets::parse(spec, &TargetOptions::default()).unwrap_or_else(|error| panic!("{spec}: {error}"))
}

/// The group that has what it gets wrong often enough.
fn group_of(canary: &Canary) -> &'static str {
    match canary.family() {
        Some(Family::Transactions) => "transactions",
        Some(Family::PubSub) => "pubsub",
        Some(Family::Blocking) => "blocking",
        _ => "mixed",
    }
}

/// `dst oracle --seeds 300 --subject canary:NAME`
fn hunt(canary: &Canary) -> Report {
    let corpus = tempfile::tempdir().expect("a temporary folder");
    let options = Options {
        first_seed: Seed(0),
        seeds: 300,
        ops: 100,
        groups: &[generate::group(group_of(canary)).expect("a row of the table")],
        jobs: available_parallelism().unwrap_or(NonZeroUsize::MIN),
        settings: Settings::default(),
        known: &Known::default(),
        shrinks_max: usize::MAX,
        matrix: false,
        store: &Store::new(corpus.path()),
        command: &CommandLine::default(),
        stop: &AtomicBool::new(false),
    };
    let (reference, subject) = (target("redis"), target(&format!("canary:{}", canary.name)));
    let pair = Pair::new(reference.as_ref(), subject.as_ref());
    oracle::run(&options, pair, &Progress::default()).unwrap_or_else(|error| panic!("{}: {error}", canary.name))
}

#[test]
fn every_canary_is_found_and_shrunk_to_its_fewest_ops() {
    let mut wrong = Vec::new();
    let mut evaluations = Vec::new();
    for canary in canaries() {
        let report = hunt(canary);
        let shrunk: Vec<&Shrinking> = report.findings.iter().filter_map(|finding| finding.shrunk.as_ref()).collect();
        evaluations.extend(shrunk.iter().map(|shrinking| shrinking.evaluations));
        let fewest = shrunk.iter().map(|shrinking| shrinking.after).min();
        if fewest != Some(canary.ops_min) {
            wrong.push(format!(
                "{} ({}): {} ops can show it, found: {fewest:?}",
                canary.name, canary.slip, canary.ops_min
            ));
        }
    }
    println!(
        "{} traces shrunk, {} evaluations each in the mean",
        evaluations.len(),
        evaluations.iter().sum::<usize>() / evaluations.len().max(1)
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
