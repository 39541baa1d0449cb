//! Random operations on two targets: finds, confirms, shrinks and files what differs.
//!
//! Seeds are run by several jobs, each with sessions of its own that it resets between two seeds. What is reported
//! does not depend on the number of jobs: divergences are gathered by class, and each class is told by its lowest
//! seed.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use super::coverage::Coverage;
use super::differential::{self, Outcome};
use super::minimal::{Minimal, minimize};
use super::sessions::{Sessions, in_parallel};
use super::{CampaignError, CommandLine, Pair, Progress, describe_seeds, files, require_module, sequence};
use crate::corpus::{Known, Store};
use crate::diff::{Class, Settings, kind};
use crate::generate::Group;
use crate::report::{Drift, Finding, Flaky, Report, Shrinking, Timing, Totals};
use crate::seed::Seed;
use crate::trace::{Header, Op, TargetInfo};

/// From so many commands on that differ in the same way, they are one systemic finding.
const SYSTEMIC_COMMANDS_MIN: usize = 5;
/// The same for commands that the subject does not have: there is nothing else to say of any of them.
const UNSUPPORTED_COMMANDS_MIN: usize = 2;

/// What to run.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// The first seed.
    pub first_seed: Seed,
    /// How many seeds of each group; they end at the largest there is.
    pub seeds: u64,
    /// Operations a seed.
    pub ops: u64,
    /// What they are about; one group at least.
    pub groups: &'a [&'static Group],
    /// Seeds run at a time.
    pub jobs: NonZeroUsize,
    /// What counts as the same reply.
    pub settings: Settings,
    /// Divergences that do not fail the run.
    pub known: &'a Known,
    /// How many classes are shrunk at most.
    pub shrinks_max: usize,
    /// Where minimal traces are kept.
    pub store: &'a Store,
    /// Counts what each command came to.
    pub matrix: bool,
    /// For lines to paste.
    pub command: &'a CommandLine,
    /// Set where the user asks to stop.
    pub stop: &'a AtomicBool,
}

impl Options<'_> {
    /// How many runs there are: every seed of every group.
    fn cases(&self) -> u64 {
        self.seeds.saturating_mul(self.groups.len() as u64)
    }

    /// The run at this place of all: the groups take turns.
    fn case(&self, at: u64) -> Option<Case> {
        let count = self.groups.len() as u64;
        let (seed, group) = (at.checked_div(count)?, (at % count) as usize);
        let seed = self.first_seed.0.checked_add(seed).filter(|_| seed < self.seeds)?;
        Some(Case { seed: Seed(seed), group })
    }

    fn sequence(&self, case: Case) -> (Header, Vec<Op>) {
        sequence(case.seed, self.groups[case.group], self.ops)
    }

    /// A case for people.
    fn describe_case(&self, case: Case) -> String {
        match self.groups {
            [_] => format!("seed {}", case.seed),
            groups => format!("seed {} of {}", case.seed, groups[case.group].name),
        }
    }

    /// What is run, for people.
    fn describe_scope(&self) -> String {
        let names: Vec<&str> = self.groups.iter().map(|group| group.name).collect();
        let groups = if names.len() > GROUPS_NAMED_MAX { format!("{} groups", names.len()) } else { names.join(", ") };
        format!("{groups}, {}", describe_seeds(self.first_seed, self.seeds, self.ops))
    }
}

/// More groups than these are only counted where they are told.
const GROUPS_NAMED_MAX: usize = 4;

/// One run: a seed of a group, by its index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Case {
    seed: Seed,
    group: usize,
}

/// Runs every seed, then shrinks the first of each class. Stops early where the user asks to, and reports what was done.
///
/// # Errors
/// Infrastructure only.
pub fn run(options: &Options, pair: Pair, progress: &Progress) -> Result<Report, CampaignError> {
    for (group, reference) in options.groups.iter().flat_map(|group| pair.references().map(move |it| (group, it))) {
        require_module(group, reference)?;
    }
    let started = Instant::now();
    progress.start("comparing", options.cases());
    let tally = compare_seeds(options, pair, progress)?;
    let comparing_seconds = started.elapsed().as_secs_f64();
    let compared = tally.totals.seeds;

    let classes = fold_systemic(tally.classes);
    let shrinks = classes.len().min(options.shrinks_max);
    progress.start("shrinking", shrinks as u64);
    let reference = pair.reference.info();
    let described = in_parallel(
        pair.jobs(options.jobs),
        classes.len(),
        || Sessions::open(pair),
        |at, sessions| {
            let shrinks = at < options.shrinks_max && !options.stop.load(Ordering::Relaxed);
            let described = describe_first(&classes[at], |class, seen| {
                describe(options, class, seen, &reference, sessions, shrinks)
            })?;
            progress.step(0, false);
            Ok(described)
        },
    )?;
    // Where there was nothing left to do, nothing was interrupted.
    let interrupted = options.stop.load(Ordering::Relaxed) && (compared < options.cases() || !classes.is_empty());
    let mut flaky = tally.flaky;
    let mut findings = Vec::new();
    for described in described {
        findings.extend(described.finding);
        flaky.extend(described.flaky);
    }
    findings.sort_by_key(|finding| finding.first_seed);
    flaky.sort();

    let stale = if interrupted { Vec::new() } else { stale_entries(options) };
    Ok(Report {
        campaign: "oracle",
        subject: pair.subject.info().to_string(),
        reference: pair.describe_references(),
        scope: options.describe_scope(),
        findings,
        drift: tell_drift(options, tally.drift),
        matrix: tally.coverage.map(Coverage::into_matrix),
        flaky: flaky.into_iter().map(|(case, class)| Flaky { found_in: options.describe_case(case), class }).collect(),
        totals: tally.totals,
        failures: stale,
        interrupted,
        real_clock: pair.has_real_clock(),
        timing: Timing { seconds: started.elapsed().as_secs_f64(), comparing_seconds },
        ..Report::default()
    })
}

/// Known divergences that did not occur although their commands did: the list must not rot.
fn stale_entries(options: &Options) -> Vec<String> {
    let unused = options.known.unused();
    if unused.is_empty() {
        return Vec::new();
    }
    let ops = (0..options.cases()).map_while(|at| options.case(at)).flat_map(|case| options.sequence(case).1);
    let ran: BTreeSet<Vec<u8>> = ops.filter_map(|op| op.argv()?.get(0).map(<[u8]>::to_ascii_uppercase)).collect();
    let stale = unused.into_iter().filter(|entry| ran.contains(entry.class.command.as_bytes()));
    stale
        .map(|entry| format!("{} is listed as known, and did not occur: delete it from known.toml", entry.class))
        .collect()
}

/// Where the references differ, by class.
fn tell_drift(options: &Options, drift: BTreeMap<(Class, String), Occurrences>) -> Vec<Drift> {
    let tell = |((class, agrees_with), seen): ((Class, String), Occurrences)| {
        let case = seen.first_case();
        Drift { class, agrees_with, count: seen.count, found_in: options.describe_case(case) }
    };
    drift.into_iter().map(tell).collect()
}

/// What the seeds showed so far.
#[derive(Default)]
struct Tally {
    totals: Totals,
    classes: BTreeMap<Class, Occurrences>,
    /// By the class and the reference that agrees with the subject.
    drift: BTreeMap<(Class, String), Occurrences>,
    coverage: Option<Coverage>,
    flaky: Vec<(Case, Class)>,
}

/// So many seeds of a class are shrunk, and the shortest result is kept: what one seed holds may not shrink as far.
const SEEDS_SHRUNK_MAX: usize = 5;

/// How often a class was seen.
#[derive(Clone)]
struct Occurrences {
    count: u64,
    /// Its lowest cases, the first of all first; up to [`SEEDS_SHRUNK_MAX`].
    cases: Vec<Case>,
}

impl Occurrences {
    fn one(case: Case) -> Self {
        Self { count: 1, cases: vec![case] }
    }

    fn first_case(&self) -> Case {
        self.cases.first().copied().unwrap_or_default()
    }

    fn add(&mut self, more: &Occurrences) {
        self.count += more.count;
        self.cases.extend(&more.cases);
        self.cases.sort();
        self.cases.truncate(SEEDS_SHRUNK_MAX);
    }
}

/// Adds what was seen of `what` to the rest.
fn count<K: Ord>(all: &mut BTreeMap<K, Occurrences>, what: K, more: Occurrences) {
    all.entry(what).and_modify(|seen| seen.add(&more)).or_insert(more);
}

impl Tally {
    fn add(&mut self, case: Case, outcome: &Outcome) {
        self.totals.seeds += 1;
        self.totals.add(outcome);
        if let Some(coverage) = &mut self.coverage {
            coverage.add(outcome);
        }
        for found in &outcome.drift {
            let what = (found.class.clone(), found.agrees_with.clone());
            count(&mut self.drift, what, Occurrences::one(case));
        }
        for (_, class) in &outcome.unsupported {
            count(&mut self.classes, class.clone(), Occurrences::one(case));
        }
        let Some(divergence) = &outcome.divergence else { return };
        if outcome.flaky {
            self.flaky.push((case, divergence.class.clone()));
        } else {
            count(&mut self.classes, divergence.class.clone(), Occurrences::one(case));
        }
    }

    fn merge(&mut self, other: Tally) {
        self.totals.merge(&other.totals);
        self.flaky.extend(other.flaky);
        for (class, seen) in other.classes {
            count(&mut self.classes, class, seen);
        }
        for (what, seen) in other.drift {
            count(&mut self.drift, what, seen);
        }
        match (&mut self.coverage, other.coverage) {
            (Some(coverage), Some(more)) => coverage.merge(more),
            (coverage, more) => *coverage = coverage.take().or(more),
        }
    }
}

fn compare_seeds(options: &Options, pair: Pair, progress: &Progress) -> Result<Tally, CampaignError> {
    let next = AtomicU64::new(0);
    let jobs = usize::try_from(options.cases()).unwrap_or(usize::MAX).min(pair.jobs(options.jobs).get());
    let settings = differential_options(options);
    let tallies = in_parallel(
        pair.jobs(options.jobs),
        jobs,
        || Sessions::open(pair),
        |_, sessions| {
            let mut tally = Tally { coverage: options.matrix.then(Coverage::new), ..Tally::default() };
            while !options.stop.load(Ordering::Relaxed) {
                let Some(case) = options.case(next.fetch_add(1, Ordering::Relaxed)) else { break };
                let (header, ops) = options.sequence(case);
                let outcome = match &mut tally.coverage {
                    None => sessions.compare(&header, &ops, &settings, &mut |_| {}),
                    Some(coverage) => {
                        coverage.start_trace();
                        sessions.compare(&header, &ops, &settings, &mut |seen| coverage.observe(seen))
                    }
                };
                let outcome = outcome.inspect_err(|_| next.store(options.cases(), Ordering::Relaxed))?;
                progress.step(outcome.ops, outcome.divergence.is_some() || !outcome.unsupported.is_empty());
                tally.add(case, &outcome);
            }
            Ok(tally)
        },
    )?;
    let mut sum = Tally::default();
    tallies.into_iter().for_each(|tally| sum.merge(tally));
    Ok(sum)
}

fn differential_options<'a>(options: &Options<'a>) -> differential::Options<'a> {
    let stop = Some(options.stop);
    differential::Options {
        settings: options.settings,
        past_unsupported: true,
        stop,
        ..differential::Options::new(options.known)
    }
}

/// A class, or many that differ in the same way on different commands, by their first seeds.
struct Folded {
    members: Vec<(Class, Occurrences)>,
}

impl Folded {
    fn first_case(&self) -> Case {
        self.members.first().map(|(_, seen)| seen.first_case()).unwrap_or_default()
    }
}

/// True where the kind names a difference of sort, which many commands may share for one reason (`int/bulk`, `ok/closed`,
/// `error-text`). Where only a value differs, as in `int-value`, each command may be wrong in its own way.
fn is_systemic(kind: &str) -> bool {
    kind.contains('/')
        || matches!(kind, "error-code" | "error-text" | "reference-hung" | "reference-closed")
        || kind.ends_with("-out-of-step")
}

/// Folds the classes that share rule and a systemic kind over many commands. That a command is not there has nothing to
/// do with the rule for its replies. The result is in the order of the first
/// seeds.
fn fold_systemic(classes: BTreeMap<Class, Occurrences>) -> Vec<Folded> {
    let mut by_kind: BTreeMap<(String, String), Vec<(Class, Occurrences)>> = BTreeMap::new();
    for (class, seen) in classes {
        let rule = if class.kind == kind::UNSUPPORTED { String::new() } else { class.rule.clone() };
        by_kind.entry((rule, class.kind.clone())).or_default().push((class, seen));
    }
    let mut folded = Vec::new();
    for ((_, kind), mut members) in by_kind {
        members.sort_by_key(|(_, seen)| seen.first_case());
        let unsupported = kind == kind::UNSUPPORTED && members.len() >= UNSUPPORTED_COMMANDS_MIN;
        if unsupported || is_systemic(&kind) && members.len() >= SYSTEMIC_COMMANDS_MIN {
            folded.push(Folded { members });
        } else {
            folded.extend(members.into_iter().map(|member| Folded { members: vec![member] }));
        }
    }
    folded.sort_by(|a, b| {
        let first_class = |it: &Folded| it.members.first().map(|(class, _)| class.clone());
        (a.first_case(), first_class(a)).cmp(&(b.first_case(), first_class(b)))
    });
    folded
}

/// What became of a [`Folded`].
#[derive(Default)]
struct Described {
    finding: Option<Finding>,
    /// The members that a second run did not show.
    flaky: Vec<(Case, Class)>,
}

/// Tells the first of the members that a second run shows again, for itself and for those behind it.
fn describe_first(
    folded: &Folded,
    mut describe: impl FnMut(&Class, &Occurrences) -> Result<Option<Finding>, CampaignError>,
) -> Result<Described, CampaignError> {
    let mut described = Described::default();
    let mut members = folded.members.iter();
    while let Some((class, seen)) = members.next() {
        let Some(mut finding) = describe(class, seen)? else {
            described.flaky.push((seen.first_case(), class.clone()));
            continue;
        };
        finding.count = seen.count;
        for (class, seen) in members.by_ref() {
            finding.count += seen.count;
            finding.also.push(class.command.clone());
        }
        finding.also.sort();
        described.finding = Some(finding);
    }
    Ok(described)
}

/// Runs the first seeds of a class again, shrinks them and files the shortest; `None` where the first does not show the
/// class again.
fn describe(
    options: &Options,
    class: &Class,
    seen: &Occurrences,
    reference: &TargetInfo,
    sessions: &mut Sessions,
    shrinks: bool,
) -> Result<Option<Finding>, CampaignError> {
    let case = seen.first_case();
    let past_unsupported = class.kind != kind::UNSUPPORTED;
    let settings = differential::Options { past_unsupported, ..differential_options(options) };
    let (header, ops) = showing(options, class, case, sessions)?;
    let whole = sessions.compare(&header, &ops, &settings, &mut |_| {})?;
    let Some(divergence) = whole.divergence.as_ref().filter(|it| it.class == *class) else { return Ok(None) };

    let shrinks = shrinks && differential::reference_failure(&divergence.want).is_none();
    let mut minimal: Option<Minimal> = None;
    for &case in seen.cases.iter().filter(|_| shrinks) {
        if minimal.is_some() && options.stop.load(Ordering::Relaxed) {
            break;
        }
        let (header, ops) = showing(options, class, case, sessions)?;
        let note = format!("{class}, shrunk from seed {} of {}", case.seed, options.groups[case.group].name);
        let shorter = minimize(&header, &ops, divergence, reference, sessions, &settings, note)?
            .filter(|it| minimal.as_ref().is_none_or(|least| it.size() < least.size()));
        minimal = shorter.or(minimal);
    }
    let found_in = options.describe_case(case);
    let mut finding = match minimal {
        Some(minimal) => file(&minimal, found_in, options)?,
        None => Finding { notes: whole.notes, ..Finding::new(found_in, divergence, whole.excerpt.as_ref()) },
    };
    finding.first_seed = Some(case.seed);
    if finding.trace.is_none() {
        finding.replay = options.command.seed(case.seed, options.groups[case.group], options.ops);
    }
    Ok(Some(finding))
}

/// The ops of a case that show a class: of a command that the subject does not have just that op, since the run of the
/// whole went past it.
fn showing(
    options: &Options,
    class: &Class,
    case: Case,
    sessions: &mut Sessions,
) -> Result<(Header, Vec<Op>), CampaignError> {
    let (header, mut ops) = options.sequence(case);
    if class.kind == kind::UNSUPPORTED {
        let passing = sessions.compare(&header, &ops, &differential_options(options), &mut |_| {})?;
        if let Some((at, _)) = passing.unsupported.into_iter().find(|(_, seen)| seen == class) {
            ops = ops.drain(at..=at).collect();
        }
    }
    Ok((header, ops))
}

/// Puts a minimal trace into the store, and tells it.
fn file(minimal: &Minimal, found_in: String, options: &Options) -> Result<Finding, CampaignError> {
    let added = options.store.add(&minimal.divergence.class, &minimal.trace)?;
    let path = added.item().path.display().to_string();
    let mut finding = Finding::new(found_in, &minimal.divergence, minimal.excerpt.as_ref());
    finding.replay = options.command.with(&format!("replay {}", files::quote(&path)));
    finding.notes.clone_from(&minimal.notes);
    finding.trace = Some(path);
    finding.shrunk = Some(Shrinking::from(&minimal.shrunk));
    Ok(finding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::Divergence;
    use resp::Reply;

    /// Classes given as `COMMAND rule kind` with count and first seed, folded. A second run does not show the commands
    /// that begin with `F`.
    fn check(classes: &[(&str, u64, u64)], expected: &[&str]) {
        let classes = classes.iter().map(|&(name, count, seed)| {
            let mut words = name.split(' ').map(str::to_owned);
            let mut word = || words.next().expect("three words");
            let class = Class { command: word(), rule: word(), kind: word() };
            (class, Occurrences { count, cases: vec![Case { seed: Seed(seed), group: 0 }] })
        });
        let mut told = Vec::new();
        for folded in fold_systemic(classes.collect()) {
            let described = describe_first(&folded, |class, seen| {
                let divergence = Divergence {
                    at: 0,
                    class: class.clone(),
                    want: Reply::Null,
                    got: Reply::Null,
                    key: None,
                    note: String::new(),
                };
                let again = !class.command.starts_with('F');
                Ok(again.then(|| Finding::new(format!("seed {}", seen.first_case().seed), &divergence, None)))
            });
            let Described { finding, flaky } = described.expect("nothing fails");
            told.extend(flaky.iter().map(|(case, class)| format!("flaky {class} in {}", case.seed)));
            told.extend(finding.map(|it| format!("{} x{} from {} {:?}", it.class, it.count, it.found_in, it.also)));
        }
        assert_eq!(told, expected);
    }

    #[test]
    fn classes_come_in_the_order_of_their_first_seeds() {
        check(
            &[("GET exact int/bulk", 2, 9), ("SET exact int/bulk", 3, 4)],
            &["SET exact int/bulk x3 from seed 4 []", "GET exact int/bulk x2 from seed 9 []"],
        );
    }

    #[test]
    fn a_difference_of_sort_in_many_commands_is_one_finding() {
        check(
            &[
                ("A exact ok/closed", 1, 5),
                ("B exact ok/closed", 1, 3),
                ("C exact ok/closed", 1, 8),
                ("D exact ok/closed", 1, 7),
                ("E exact ok/closed", 4, 6),
                ("E exact int/bulk", 1, 1),
            ],
            &["E exact int/bulk x1 from seed 1 []", r#"B exact ok/closed x8 from seed 3 ["A", "C", "D", "E"]"#],
        );
    }

    #[test]
    fn commands_that_the_subject_lacks_are_one_finding() {
        check(
            &[("A exact unsupported", 1, 5), ("B unordered unsupported", 2, 3), ("C exact int/bulk", 1, 4)],
            &[r#"B unordered unsupported x3 from seed 3 ["A"]"#, "C exact int/bulk x1 from seed 4 []"],
        );
        check(&[("A exact unsupported", 1, 5)], &["A exact unsupported x1 from seed 5 []"]);
    }

    #[test]
    fn values_that_differ_in_many_commands_are_bugs_of_their_own() {
        let classes = ["A", "B", "C", "D", "E"].map(|command| format!("{command} exact int-value"));
        let seen = [0, 1, 2, 3, 4].map(|at| (classes[at].as_str(), 1, at as u64));
        check(
            &seen,
            &[0, 1, 2, 3, 4].map(|at| format!("{} x1 from seed {at} []", classes[at])).each_ref().map(|it| &**it),
        );
    }

    #[test]
    fn where_the_first_is_flaky_the_next_is_told() {
        check(
            &[
                ("F exact error-text", 2, 1),
                ("B exact error-text", 1, 2),
                ("C exact error-text", 1, 3),
                ("D exact error-text", 1, 4),
                ("E exact error-text", 1, 5),
            ],
            &["flaky F exact error-text in 1", r#"B exact error-text x4 from seed 2 ["C", "D", "E"]"#],
        );
        check(&[("F exact int-value", 1, 1)], &["flaky F exact int-value in 1"]);
    }
}
