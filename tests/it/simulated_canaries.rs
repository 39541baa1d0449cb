//! Servers that are wrong on purpose in what they do at the same time, and in how they come back: each is found by its
//! scenario, and its trace becomes short.

use std::collections::BTreeSet;
use std::fs::File;
use std::num::NonZeroUsize;
use std::sync::atomic::AtomicBool;

use redlite_dst::campaign::simulate::{self, Options, scenario};
use redlite_dst::campaign::{CommandLine, Progress};
use redlite_dst::corpus::Store;
use redlite_dst::seed::Seed;
use redlite_dst::targets::simulated::{CANARIES, Canary};
use redlite_dst::trace::{Act, Limits, Op, Reader};

/// Within so many seeds of its scenario each is found.
const SEEDS_MAX: u64 = 500;
/// So many are run before it is looked whether it was found.
const SEEDS_STEP: u64 = 10;
/// Turns a seed.
const TURNS: u64 = 200;

/// How large a trace is.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Size {
    ops: usize,
    clients: usize,
    faults: usize,
}

impl Size {
    fn of(ops: &[Op]) -> Self {
        let acts = || ops.iter().filter(|op| !matches!(op.act, Act::Advance { .. }));
        let is_fault = |op: &&Op| matches!(op.act, Act::Fault(_) | Act::Crash | Act::Restart);
        Self {
            ops: ops.len(),
            clients: acts().map(|op| op.conn).collect::<BTreeSet<_>>().len(),
            faults: acts().filter(is_fault).count(),
        }
    }
}

/// The shortest trace that the first seeds give which show the canary.
fn find(canary: &'static Canary) -> Option<Size> {
    let folder = tempfile::tempdir().expect("a folder");
    let scenario = scenario(canary.scenario).expect("a scenario of the table");
    for first_seed in (0..SEEDS_MAX).step_by(SEEDS_STEP as usize) {
        let options = Options {
            first_seed: Seed(first_seed),
            seeds: SEEDS_STEP,
            turns: TURNS,
            clients: None,
            scenarios: &[scenario],
            jobs: NonZeroUsize::new(2).expect("two"),
            check_determinism: false,
            canary: Some(canary),
            store: &Store::new(folder.path().to_owned()),
            command: &CommandLine { program: "dst".to_owned(), flags: String::new() },
            stop: &AtomicBool::new(false),
        };
        let report = simulate::run(&options, &Progress::default()).expect("a run");
        let traces = report.findings.iter().filter_map(|finding| finding.trace.as_ref());
        if let Some(shortest) = traces.map(|path| Size::of(&read(path))).min() {
            return Some(shortest);
        }
    }
    None
}

fn read(path: &String) -> Vec<Op> {
    let file = Box::new(File::open(path).expect("a file"));
    Reader::open(file, Limits::default()).and_then(Reader::read_all).expect("a trace").ops
}

#[test]
fn every_one_is_found_and_shrunk() {
    let mut sizes = Vec::new();
    for canary in CANARIES {
        let size = find(canary).unwrap_or_else(|| panic!("{} was not found in {SEEDS_MAX} seeds", canary.name));
        println!("{:28} {:?}, at least {}", canary.name, size, canary.ops_min);
        sizes.push(size);
    }
    let is_short = |(canary, size): &(&Canary, &Size)| size.ops < canary.ops_min;
    let short: Vec<_> = CANARIES.iter().zip(&sizes).filter(is_short).map(|(canary, _)| canary.name).collect();
    assert!(short.is_empty(), "shown by fewer ops than the table says: {short:?}");
    assert!(sizes.len() >= 20);
    let median = |part: fn(&Size) -> usize| {
        let mut parts: Vec<usize> = sizes.iter().map(part).collect();
        parts.sort_unstable();
        parts[parts.len() / 2]
    };
    assert!(median(|size| size.ops) <= 8, "{sizes:?}");
    assert!(median(|size| size.clients) <= 3, "{sizes:?}");
    assert!(median(|size| size.faults) <= 2, "{sizes:?}");
}
