//! Faults under Redlite: nothing acknowledged is lost, nothing wrong is served, and the campaign sees where it is not so.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::atomic::AtomicBool;
use std::thread::available_parallelism;

use redlite_dst::campaign::chaos::{self, Options, Source};
use redlite_dst::campaign::{CommandLine, Progress, sequence};
use redlite_dst::corpus::Store;
use redlite_dst::faults::{self, Fault};
use redlite_dst::generate::{self, Group};
use redlite_dst::report::Report;
use redlite_dst::seed::Seed;
use redlite_dst::targets::canary::storage::STORAGE_CANARIES;
use redlite_dst::targets::faulty::{Settings, Sync};
use redlite_dst::trace::{Act, Reader, Trace};
use spec::{self, Family};

use crate::is_full;

/// `dst chaos --seeds SEEDS --ops OPS --group GROUPS --faults FAULTS --subject SUBJECT`
struct Run<'a> {
    seeds: u64,
    ops: u64,
    groups: &'a [&'static Group],
    faults: &'a [&'static Fault],
    subject: &'a str,
    settings: Settings,
    is_exhaustive: bool,
    jobs: NonZeroUsize,
}

impl Default for Run<'_> {
    fn default() -> Self {
        Self {
            seeds: 0,
            ops: 20,
            groups: &[],
            faults: &[],
            subject: "redlite",
            settings: Settings::default(),
            is_exhaustive: false,
            jobs: available_parallelism().unwrap_or(NonZeroUsize::MIN),
        }
    }
}

impl Run<'_> {
    /// Runs it, and returns the report with the shrunk traces of its findings.
    fn report(&self) -> (Report, Vec<Trace>) {
        let Run { seeds, ops, groups, faults, subject, settings, is_exhaustive, jobs } = *self;
        self.run(
            Source::Seeds { first_seed: Seed(0), seeds, ops, groups, faults, named: faults },
            subject,
            settings,
            is_exhaustive,
            jobs,
        )
    }

    fn run(
        &self,
        source: Source,
        subject: &str,
        settings: Settings,
        is_exhaustive: bool,
        jobs: NonZeroUsize,
    ) -> (Report, Vec<Trace>) {
        let corpus = tempfile::tempdir().expect("a temporary folder");
        let options = Options {
            source,
            jobs,
            subject,
            settings,
            is_exhaustive,
            shrinks_max: usize::MAX,
            store: &Store::new(corpus.path()),
            command: &CommandLine::default(),
            stop: &AtomicBool::new(false),
        };
        let report = chaos::run(&options, &Progress::default()).unwrap_or_else(|error| panic!("{subject}: {error}"));
        let read = |path: &String| {
            let file = std::fs::File::open(path).expect("a trace that was filed");
            Reader::open(Box::new(file), Default::default()).and_then(Reader::read_all).expect("it can be read")
        };
        let traces = report.findings.iter().filter_map(|finding| finding.trace.as_ref()).map(read).collect();
        (report, traces)
    }
}

/// What comes of one trace, with the faults that it holds.
fn run_trace(text: &str, subject: &str) -> Report {
    run_traces(&[text.to_owned()], subject, Settings::default())
}

fn run_traces(texts: &[String], subject: &str, settings: Settings) -> Report {
    let parse = |text: &String| ("by hand".to_owned(), Trace::parse(text).expect("a trace"));
    let traces: Vec<_> = texts.iter().map(parse).collect();
    Run::default().run(Source::Traces(&traces), subject, settings, false, NonZeroUsize::MIN).0
}

/// Every group, search too: the model has it.
fn every_group() -> Vec<&'static Group> {
    generate::groups().iter().collect()
}

fn mixed() -> &'static Group {
    generate::group("mixed").expect("a row of the table")
}

fn named(names: &[&str]) -> Vec<&'static Fault> {
    names.iter().map(|name| faults::fault(name).unwrap_or_else(|| panic!("there is no fault {name}"))).collect()
}

/// What a report is about, one line each.
fn tell(report: &Report) -> String {
    let findings = report.findings.iter().map(|it| format!("{} in {}\n{}", it.class, it.found_in, it.diff));
    let flaky = report.flaky.iter().map(|it| format!("flaky {} in {}", it.class, it.found_in));
    findings.chain(flaky).chain(report.failures.iter().chain(&report.unchecked).cloned()).collect::<Vec<_>>().join("\n")
}

#[test]
fn under_every_fault_nothing_is_lost_and_nothing_wrong_is_served() {
    let all: Vec<&Fault> = faults::faults().collect();
    let seeds = if is_full() { 100 } else { 50 };
    let (report, _) = Run { seeds, ops: 40, groups: &every_group(), faults: &all, ..Run::default() }.report();
    assert!(report.agrees() && report.unchecked.is_empty(), "{}", tell(&report));
    let injections = report.injections.expect("a campaign of faults counts them");
    let struck: Vec<&str> = injections.faults.iter().map(|fault| fault.fault.as_str()).collect();
    assert_eq!(struck, all.iter().map(|fault| fault.name).collect::<Vec<_>>(), "every fault strikes");
    assert!(injections.recoveries > 10 * seeds, "{injections:?}");
}

#[test]
fn a_store_that_may_lose_its_last_writes_loses_no_others() {
    let all: Vec<&Fault> = faults::faults().collect();
    let settings = Settings { sync: Sync::Normal, ..Settings::default() };
    let seeds = if is_full() { 500 } else { 250 };
    let run = Run { seeds, groups: &[mixed()], faults: &all, settings, ..Run::default() };
    let (report, _) = run.report();
    assert!(report.agrees(), "{}", tell(&report));
    assert!(report.injections.is_some_and(|injections| injections.lost > 0), "some are lost");
}

#[test]
fn every_point_at_which_a_short_trace_may_fail_is_recovered_from() {
    const OPS: u64 = 15;
    let of = |names: &[&str]| -> Vec<&Group> { names.iter().filter_map(|name| generate::group(name)).collect() };
    // Most of it is moving out of an older version's file, which is the same for each trace.
    let plain = [(of(&["mixed", "blocking"]), 1), (of(&["transactions"]), 3)];
    let full = [(every_group(), 1), (of(&["transactions", "blocking", "keys"]), 3)];
    let mut ran: BTreeSet<&str> = BTreeSet::new();
    for (groups, seeds) in if is_full() { &full[..] } else { &plain } {
        let run = Run { seeds: *seeds, ops: OPS, groups, is_exhaustive: true, ..Run::default() };
        let (report, _) = run.report();
        assert!(report.agrees(), "{}", tell(&report));
        let exhausted = report.injections.and_then(|injections| injections.exhausted).expect("points are counted");
        let share = if is_full() { 1 } else { 6 };
        assert!(exhausted.losses > 5000 / share, "{exhausted:?}");
        assert!(exhausted.complete > 200 / share && exhausted.struck > 500 / share, "{exhausted:?}");
        let traces = groups.iter().flat_map(|group| (0..*seeds).map(|seed| sequence(Seed(seed), group, OPS).1));
        ran.extend(traces.flatten().filter_map(|op| Some(spec::lookup_request(op.argv()?)?.name)));
    }
    assert!(ran.contains("EXEC"), "transactions are, too");
    if !is_full() {
        return;
    }
    let family = |name: &&str| Some(spec::lookup(name.as_bytes())?.family);
    let families: BTreeSet<Family> = ran.iter().filter_map(family).collect();
    let of_spec: BTreeSet<Family> = spec::commands().map(|command| command.family).collect();
    assert_eq!(families, of_spec, "every family is in these traces");
}

#[test]
fn a_damaged_header_of_the_log_makes_no_mixture_of_the_database() {
    for sync in [Sync::Full, Sync::Normal] {
        // The power goes at each call of the checkpoint, and what was not synced is kept, lost or torn.
        let texts = (0..64).map(|at| {
            let (nth, keeps) = (at / 4, at % 4);
            format!(
                "!fault corrupt_write 0 0 0\nRPUSH k1 v1\n!fault crash_mid_write {nth} {keeps}\n!fault checkpoint\n"
            )
        });
        let report = run_traces(&texts.collect::<Vec<_>>(), "redlite", Settings { sync, ..Settings::default() });
        assert!(report.agrees(), "{}", tell(&report));
    }
}

#[test]
fn without_checksums_wrong_data_are_served_and_without_syncs_writes_are_lost() {
    let check = |faults: &[&str], settings: Settings, expected: &str| {
        let mut kinds = Vec::new();
        for seeds in [100, 500] {
            let run = Run { seeds, groups: &[mixed()], faults: &named(faults), settings, ..Run::default() };
            kinds = run.report().0.findings.into_iter().map(|finding| finding.class.kind).collect();
            if kinds.iter().any(|kind| kind.as_str() == expected) {
                return;
            }
        }
        panic!("{faults:?}: {kinds:?} and no {expected}");
    };
    check(&["corrupt_read", "corrupt_write"], Settings { verify: false, ..Settings::default() }, "wrong-data");
    check(&["crash_mid_write"], Settings { sync: Sync::Off, ..Settings::default() }, "lost-write");
}

#[test]
fn every_canary_is_found_and_shrunk_to_a_few_ops_with_one_fault() {
    let strings = generate::group("strings").expect("a row of the table");
    let is_fault = |name: &str| faults::faults().any(|fault| fault.name == name);
    let count = |trace: &Trace| {
        trace.ops.iter().filter(|op| matches!(&op.act, Act::Fault(spec) if is_fault(&spec.name))).count()
    };
    let mut wrong = Vec::new();
    for canary in STORAGE_CANARIES {
        let subject = format!("canary:{}", canary.name);
        let faults = named(&[canary.fault]);
        let is_short = |trace: &Trace| trace.ops.len() <= canary.ops_max && count(trace) <= 1;
        // Of an error in the last sync before a power loss there are few.
        let mut shortest: Option<Trace> = None;
        for seeds in [50, 200, 2000] {
            let run = Run { seeds, ops: 10, groups: &[strings], faults: &faults, subject: &subject, ..Run::default() };
            shortest = run.report().1.into_iter().min_by_key(|trace| trace.ops.len());
            if shortest.as_ref().is_some_and(is_short) {
                break;
            }
        }
        match shortest {
            Some(trace) if is_short(&trace) => {}
            Some(trace) => wrong.push(format!("{}: {} ops, {} faults", canary.name, trace.ops.len(), count(&trace))),
            None => wrong.push(format!("{} is not found", canary.name)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_panic_is_told_also_where_the_store_goes_away_with_it() {
    let check = |canary: &str, text: &str, expected: &str| {
        let report = run_trace(text, &format!("canary:{canary}"));
        let told: Vec<(&str, &str)> =
            report.findings.iter().map(|it| (it.class.kind.as_str(), it.note.as_str())).collect();
        assert_eq!(told, [("panic", expected)], "{text}");
    };
    let (command, opening) = ("panics-where-a-command-fails", "panics-where-opening-fails");
    check(command, "!fault io_error 0 1 3\nSET k v\n", "it panicked in the op");
    check(command, "!fault crash_mid_write 0 0\nSET k v\n", "it panicked in the op");
    check(command, "!fault kill 0\nSET k v\n", "it panicked in the op");
    check(command, "!fault connection_drop 0 1\n!fault io_error 0 1 3\nSET k v\n", "it panicked in the op");
    check(opening, "!fault io_error 0 1 1\n!restart\n", "it panicked as it was opened");
    check(opening, "SET k v\n!fault io_error 0 1 1\n!crash\n", "it panicked as it was opened");
    check(opening, "!fault kill 0\n!fault io_error 4 1 0\nSET k v\n", "it panicked as it was opened");
    check(opening, "!fault io_error 0 1 1\n!fault open_twice\n", "it panicked in its upkeep");
}

#[test]
fn an_older_file_is_struck_as_it_gets_checksums() {
    let check = |fault: &str, expected: &[(&str, u64)]| {
        let text = format!("SET k1 v\n{fault}\n!fault older_file\nSET k2 v\n!crash\n");
        let report = run_trace(&text, "redlite");
        assert!(report.agrees(), "{text}{}", tell(&report));
        let struck = report.injections.iter().flat_map(|it| &it.faults).flat_map(|it| &it.calls);
        let struck: Vec<(&str, u64)> = struck.map(|(call, count)| (call.as_str(), *count)).collect();
        assert_eq!(struck, expected, "{text}");
    };
    check("!fault io_error 60 1 3", &[("write", 1)]);
    check("!fault crash_mid_write 60 7", &[("read", 1)]);
    check("!fault disk_quota 0 1", &[("write", 4)]);
    check("!fault lost_fsync 0", &[("sync", 9)]);
    // It could not tell of damage, so that there is none to tell of. Its copy does.
    check("!fault corrupt_read 90 1 0 9", &[]);
    check("!fault corrupt_write 5 0 700", &[("write", 1)]);
}

#[test]
fn all_that_an_older_file_held_must_outlast_its_migration() {
    let check = |text: &str, subject: &str, sync: Sync, is_exhaustive: bool, expected: &[&str]| {
        let traces = [("by hand".to_owned(), Trace::parse(text).expect("a trace"))];
        let settings = Settings { sync, ..Settings::default() };
        let source = Source::Traces(&traces);
        let (report, shrunk) = Run::default().run(source, subject, settings, is_exhaustive, NonZeroUsize::MIN);
        let kinds: Vec<&str> = report.findings.iter().map(|finding| finding.class.kind.as_str()).collect();
        assert_eq!((kinds, report.flaky.len()), (expected.to_vec(), 0), "{text}{}", tell(&report));
        shrunk
    };
    let (forgets, throws) = ("canary:forgets-to-sync-the-file", "canary:throws-an-older-file-away");
    let lost = "SET k v\n!fault crash_mid_write 206 0\n!fault older_file\nGET k\n";
    check(lost, forgets, Sync::Full, false, &["lost-write"]);
    check(lost, forgets, Sync::Normal, false, &["lost-write"]);
    // The damage was to the file that is gone.
    let damaged = "!fault corrupt_write 2 0 0\nSET k v\n!fault io_error 0 1 0\n!fault older_file\nGET k\n";
    check(damaged, throws, Sync::Full, false, &["lost-write"]);
    // Clients are gone with the process.
    check("@1 BLPOP l 0\nMULTI\n!fault older_file\nRPUSH l 2\n", "redlite", Sync::Full, is_full(), &[]);
    let shown = check("SET k v\n", forgets, Sync::Full, true, &["failed-recovery"]);
    assert_eq!(shown.len(), 1, "the trace that is shown shows it");
}

#[test]
fn a_full_disk_disarms_no_other_fault_as_a_store_is_opened() {
    let text = "SET k v\n!fault disk_quota 20000 100\n!fault connection_drop 0 1\n!fault older_file\nSET a 1\n";
    let struck = run_trace(text, "redlite").injections.expect("a campaign of faults counts them").faults;
    let struck: Vec<(&str, u64)> = struck.iter().map(|it| (it.fault.as_str(), it.count)).collect();
    assert_eq!(struck, [("disk_quota", 4), ("connection_drop", 1)]);
}

#[test]
fn what_looks_wrong_and_is_right_is_not_reported() {
    let check = |text: &str| {
        let report = run_trace(text, "redlite");
        assert!(report.agrees() && report.unchecked.is_empty(), "{text}{}", tell(&report));
    };
    // The keys of database 1 cannot be listed, those of database 0 can.
    check("ZADD k1 -0 0\nMOVE k1 1\n!fault corrupt_write 0 0 0\n!restart\n");
    // The checkpoint takes out of the log what was durable there before the disk lied.
    check(
        "XGROUP CREATE k2 k2 $ MKSTREAM\n!fault vacuum\n!fault slow_write 33 1 1\n!fault lost_fsync 0\nXADD k1 1 f v\n\
         XADD k2 * f v\n!fault checkpoint\nXADD k3 * f v\n",
    );
    // The disk that lied has lost the whole file: a new one is made, and the header of its log is damaged.
    check("!fault lost_fsync 0\n!fault older_file\n!fault corrupt_write 3 0 0\n!crash\n");
    // The restart writes the log back and starts it anew; the disk lied, and the old one with its damage is there again.
    check("!fault corrupt_write 0 0 0\nRPUSH k1 v1\n!fault lost_fsync 0\n!restart\n");
    // SORT changes how a sorted set is kept, and nothing else.
    check("ZADD k1 -0 0 0 0\n!fault crash_mid_write 0 1\nSORT k1\nOBJECT ENCODING k1\n");
}

#[test]
fn a_run_is_the_same_for_any_number_of_jobs() {
    let told = |jobs: usize| {
        let faults = named(&["crash_mid_write", "io_error"]);
        let jobs = NonZeroUsize::new(jobs).expect("it is not 0");
        let subject = "canary:swallows-sync-errors";
        let run = Run { seeds: 60, groups: &[mixed()], faults: &faults, subject, jobs, ..Run::default() };
        let (report, traces) = run.report();
        let ops: Vec<_> = traces.into_iter().map(|trace| trace.ops).collect();
        (tell(&report), report.injections, ops)
    };
    assert_eq!(told(1), told(2));
}

#[test]
fn a_trace_that_injects_nothing_is_no_pass() {
    let trace = Trace::parse("SET k v\nGET k\n").expect("a trace");
    let traces = [("by hand".to_owned(), trace)];
    let run = Run::default();
    let (report, _) = run.run(Source::Traces(&traces), "redlite", Settings::default(), false, NonZeroUsize::MIN);
    assert_eq!(tell(&report), "no fault of the traces struck anything");
    assert_eq!((report.agrees(), report.unchecked.len()), (true, 1));
}
