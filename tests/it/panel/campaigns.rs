//! What dst makes of panels.

use std::env;
use std::num::NonZeroUsize;
use std::sync::atomic::AtomicBool;
use std::thread::available_parallelism;
use std::time::Duration;

use redlite_dst::campaign::oracle::{self, Options};
use redlite_dst::campaign::{CommandLine, Pair, Progress};
use redlite_dst::corpus::{Baseline, Known, Store};
use redlite_dst::diff::Settings;
use redlite_dst::generate::{self, Group};
use redlite_dst::report::{Report, Totals};
use redlite_dst::seed::Seed;
use redlite_dst::targets::{self, TargetOptions};
use redlite_dst::trace::{Limits, Trace};

use super::DEADLINE;
use super::bugs;
use super::score::{Bench, ENDED, score};
use super::server::spec;
use crate::is_full;

/// How long a hunt goes on.
enum Until {
    Seeds(u64),
    Spent(Duration),
}

/// `dst oracle --seeds N --group GROUPS --subject PANEL`, or with `--budget`, and the traces that it files.
fn hunt(planted: &str, groups: &[&'static Group], until: Until) -> (Report, Vec<(String, Trace)>) {
    let exe = env::current_exe().expect("the test knows its file");
    hunt_on(&spec("frozen", &exe, planted, None), groups, until)
}

/// The same on a subject.
fn hunt_on(subject: &str, groups: &[&'static Group], until: Until) -> (Report, Vec<(String, Trace)>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = Store::new(folder.path());
    let target_options = TargetOptions { reply_deadline: DEADLINE, ..TargetOptions::default() };
    let target = |spec: &str| targets::parse(spec, &target_options).unwrap_or_else(|why| panic!("{spec}: {why}"));
    let (reference, target) = (target("redis"), target(subject));
    let options = Options {
        first_seed: Seed(0),
        seeds: if let Until::Seeds(seeds) = until { seeds } else { u64::MAX },
        ops: 100,
        groups,
        jobs: available_parallelism().unwrap_or(NonZeroUsize::MIN),
        settings: Settings::default(),
        known: &Known::default(),
        shrinks_max: usize::MAX,
        budget: if let Until::Spent(budget) = until { Some(budget) } else { None },
        baseline: &Baseline::default(),
        generate_all: false,
        unfold: true,
        matrix: false,
        store: &store,
        command: &CommandLine::default(),
        stop: &AtomicBool::new(false),
    };
    let pair = Pair::new(reference.as_ref(), target.as_ref());
    let report = oracle::run(&options, pair, &Progress::default()).unwrap_or_else(|why| panic!("{subject}: {why}"));
    let items = store.list().expect("the corpus can be listed");
    let load = |item| store.load(item, Limits::default()).expect("a filed trace can be read");
    (report, items.iter().map(|item| (item.class.clone(), load(item))).collect())
}

#[test]
fn a_panel_without_bugs_is_a_redis() {
    // Each op of raw bytes waits for what a server on several threads may still send.
    let is_slow = |group: &Group| group.name == "protocol";
    let is_wanted = |group: &&Group| group.module().is_none() && (is_full() || !is_slow(group));
    let groups: Vec<&Group> = generate::groups().iter().filter(is_wanted).collect();
    let (report, _) = hunt("none", &groups, Until::Seeds(if is_full() { 300 } else { 10 }));
    let findings: Vec<String> = report.findings.iter().map(|it| format!("{}: {}", it.found_in, it.class)).collect();
    assert_eq!(findings, Vec::<String>::new());
    let flaky: Vec<String> = report.flaky.iter().map(|it| format!("{}: {}", it.found_in, it.class)).collect();
    assert_eq!(flaky, Vec::<String>::new(), "flaky");
}

#[test]
fn bugs_of_a_panel_are_found_and_nothing_else() {
    let planted = "seed=1,count=40";
    // Findings of raw bytes take long to score: each piece is waited for, with each bug.
    let is_wanted = |group: &&Group| group.module().is_none() && group.name != "protocol";
    let groups: Vec<&Group> = generate::groups().iter().filter(is_wanted).collect();
    let (report, filed) = hunt(planted, &groups, Until::Spent(Duration::from_secs(60)));
    let (names, findings): (Vec<String>, Vec<Trace>) = filed.into_iter().unzip();
    let bugs = bugs::parse(planted).expect("a panel");
    let mut bench = Bench::start(DEADLINE).expect("both servers start");
    let score = score(&mut bench, &findings, &bugs).expect("both servers run");
    let told = score.describe(&bugs, &names).to_string();
    println!("{told}");
    let Totals { ops, skipped, .. } = report.totals;
    assert!(skipped * 10 <= ops, "{skipped} of {ops} replies were not judged");
    assert!(score.count_shown() >= BUGS_SHOWN_MIN, "{told}");
    assert!(score.false_findings.is_empty(), "{told}");
}

/// How many of 40 bugs are found in a minute at least, by an unoptimized build on a machine that does other things.
const BUGS_SHOWN_MIN: usize = 20;

/// A server that ends by itself is told once, and nothing that it was asked; one that a command ends is not told so.
#[test]
fn a_server_that_ends_by_itself_is_a_finding() {
    let exe = env::current_exe().expect("the test knows its file");
    let strings = generate::group("strings").expect("a row of the table");
    let check = |bugs: &str, expected: &[&str]| {
        let mortal = spec("frozen", &exe, bugs, None).replacen("env ", "env DST_PANEL_LIFETIME_S=1 ", 1);
        let (report, _) = hunt_on(&mortal, &[strings], Until::Spent(Duration::from_secs(4)));
        let told: Vec<String> = report.findings.iter().map(|it| it.class.to_string()).collect();
        assert_eq!(told, expected, "{bugs}: {:?}", report.flaky);
        let words = report.findings.iter().flat_map(|finding| &finding.notes).next();
        assert!(words.is_some_and(|words| words.contains("exit status: 9")), "{words:?}");
    };
    check("dies-once-a-minute", &[ENDED]);
    check("crash@request=GETRANGE", &["GETRANGE exact closed"]);
}

#[test]
fn what_else_is_wrong_shows_although_connections_end_behind_errors() {
    let hashes = generate::group("hashes").expect("a row of the table");
    let (report, filed) = hunt("closes-after-errors,hexists-key", &[hashes], Until::Seeds(20));
    let classes: Vec<String> = filed.into_iter().map(|(class, _)| class).collect();
    assert_eq!(classes, ["HEXISTS.exact.int-value", "PING.exact.closed"], "{:?}", report.preflight);
}
