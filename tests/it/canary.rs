//! Every canary is found by the oracle, and shrunk to the fewest ops that can show it.

use std::num::NonZeroUsize;
use std::sync::atomic::AtomicBool;
use std::thread::available_parallelism;

use redlite_dst::campaign::oracle::{self, Options};
use redlite_dst::campaign::{CommandLine, Pair, Progress};
use redlite_dst::corpus::{Baseline, Known, Store};
use redlite_dst::diff::Settings;
use redlite_dst::generate::{self, Group};
use redlite_dst::report::{Report, Shrinking};
use redlite_dst::seed::Seed;
use redlite_dst::targets::canary::{Canary, canaries};
use redlite_dst::targets::{self, Target, TargetOptions};

fn target(spec: &str) -> Box<dyn Target> {
    targets::parse(spec, &TargetOptions::default()).unwrap_or_else(|error| panic!("{spec}: {error}"))
}

/// Where a canary must be found: in the default group, or in that of its family. What many families share a trace with
/// does not show every slip at its shortest.
fn groups_of(canary: &Canary) -> [&'static Group; 2] {
    let family = canary.family().map(|family| format!("{family:?}").to_lowercase());
    let own = generate::groups().iter().find(|group| Some(group.name.replace('-', "")) == family);
    let mixed = generate::group("mixed").expect("a row of the table");
    [mixed, own.unwrap_or(mixed)]
}

/// `dst oracle --first-seed F --seeds N --group GROUP --subject canary:NAME`
fn hunt(canary: &Canary, group: &'static Group, first_seed: u64, seeds: u64) -> Report {
    let corpus = tempfile::tempdir().expect("a temporary folder");
    let options = Options {
        first_seed: Seed(first_seed),
        seeds,
        ops: 100,
        groups: &[group],
        jobs: available_parallelism().unwrap_or(NonZeroUsize::MIN),
        settings: Settings::default(),
        known: &Known::default(),
        shrinks_max: usize::MAX,
        budget: None,
        baseline: &Baseline::default(),
        generate_all: false,
        unfold: false,
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
        let mut fewest: Option<usize> = None;
        let [mixed, own] = groups_of(canary);
        // Of a class, the first seeds are shrunk; what they hold may not shrink as far as what later ones hold.
        let hunts = [(mixed, 0, 60), (own, 0, 100), (mixed, 60, 240), (own, 100, 200), (own, 300, 900)];
        for (group, first_seed, seeds) in hunts {
            if fewest == Some(canary.ops_min) {
                break;
            }
            let report = hunt(canary, group, first_seed, seeds);
            let shrunk: Vec<&Shrinking> = report.findings.iter().filter_map(|it| it.shrunk.as_ref()).collect();
            evaluations.extend(shrunk.iter().map(|shrinking| shrinking.evaluations));
            fewest = shrunk.iter().map(|shrinking| shrinking.after).chain(fewest).min();
        }
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
