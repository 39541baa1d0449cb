//! What findings are worth: which of the planted bugs each of them shows.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use redlite_dst::campaign::differential::{Options, Sides, compare};
use redlite_dst::corpus::Known;
use redlite_dst::targets::{self, Session, TargetError, TargetOptions};
use redlite_dst::trace::{Header, Op, Trace};

use super::bugs::{Bug, Scope};
use super::server::{plant, spec};

/// A reference, and a panel that can be given one bug after the other.
pub struct Bench {
    reference: Box<dyn Session>,
    subject: Box<dyn Session>,
    control: PathBuf,
    deadline: Duration,
    known: Known,
    _dir: tempfile::TempDir,
}

impl Bench {
    /// Starts both. A reply may take `deadline`.
    pub fn start(deadline: Duration) -> Result<Self, TargetError> {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let control = dir.path().join("control");
        let (reference, subject) = (open("redis", deadline)?, open_panel(&control, deadline)?);
        Ok(Self { reference, subject, control, deadline, known: Known::default(), _dir: dir })
    }

    /// True where `ops` diverge on a server with these bugs (`none`, or the name of one) from a real one.
    pub fn diverges(&mut self, header: &Header, ops: &[Op], bugs: &str) -> Result<bool, TargetError> {
        // A bug may stand in the way of emptying the server.
        self.plant("none");
        self.subject.reset(header)?;
        self.plant(bugs);
        let options = Options { confirm: false, ..Options::new(&self.known) };
        let mut sides = Sides::pair(self.reference.as_mut(), self.subject.as_mut());
        match compare(header, ops, &mut sides, &options, &mut |_| {}) {
            Ok(outcome) => Ok(outcome.divergence.is_some()),
            // What the session learned of the server holds no longer: it is another server than one without the bug.
            Err(TargetError::ClockLost { .. }) => {
                self.plant("none");
                self.subject = open_panel(&self.control, self.deadline)?;
                Ok(true)
            }
            Err(error) => Err(error),
        }
    }

    /// Goes on with other servers.
    fn start_anew(&mut self) -> Result<(), TargetError> {
        self.plant("none");
        self.reference = open("redis", self.deadline)?;
        self.subject = open_panel(&self.control, self.deadline)?;
        Ok(())
    }

    fn plant(&self, bugs: &str) {
        plant(&self.control, bugs).unwrap_or_else(|why| panic!("{bugs}: {why}"));
    }
}

fn open(spec: &str, deadline: Duration) -> Result<Box<dyn Session>, TargetError> {
    let options = TargetOptions { reply_deadline: deadline, ..TargetOptions::default() };
    targets::parse(spec, &options)?.open(&Header::default())
}

/// A panel without bugs, which can be given some at the socket `control`.
fn open_panel(control: &Path, deadline: Duration) -> Result<Box<dyn Session>, TargetError> {
    let exe = env::current_exe().expect("the test knows its file");
    open(&spec("frozen", &exe, "none", Some(control)), deadline)
}

/// A finding that shows a bug.
pub struct Shown {
    /// Which of the findings it is.
    pub finding: usize,
    /// Its ops.
    pub ops: usize,
}

/// What findings came to.
#[derive(Default)]
pub struct Score {
    /// For each bug, in their order, the shortest finding that shows it.
    pub shown: Vec<Option<Shown>>,
    /// Findings that no single bug explains, and those that diverge on a server without any.
    pub false_findings: Vec<usize>,
}

/// Runs each finding with each bug alone until one explains it, the likely ones first; then, for each bug that none has
/// shown, the findings that name its command.
pub fn score(bench: &mut Bench, findings: &[Trace], bugs: &[Bug]) -> Result<Score, TargetError> {
    let mut score = Score { shown: bugs.iter().map(|_| None).collect(), false_findings: Vec::new() };
    for (at, finding) in findings.iter().enumerate() {
        let mut order: Vec<usize> = (0..bugs.len()).filter(|&bug| bugs[bug].scope() != Scope::Timing).collect();
        order.extend((0..bugs.len()).filter(|&bug| bugs[bug].scope() == Scope::Timing));
        order.sort_by_key(|&bug| distance(finding, &bugs[bug]));
        let mut explained = find_explaining(bench, finding, bugs, &order)?;
        for _ in 0..FRESH_TRIES {
            if explained == Explained::ByNone {
                bench.start_anew()?;
                explained = find_explaining(bench, finding, bugs, &order)?;
            }
        }
        match explained {
            Explained::By(bug) => note(&mut score.shown[bug], at, finding),
            Explained::ByNone if shows_pair(bench, finding, bugs)? => {}
            Explained::ByNone | Explained::False => score.false_findings.push(at),
        }
    }
    for (at, bug) in bugs.iter().enumerate() {
        let is_its = |finding: &&(usize, &Trace)| distance(finding.1, bug) < FAR;
        if score.shown[at].is_none() {
            let false_findings = &score.false_findings;
            let true_ones = findings.iter().enumerate().filter(|(at, _)| !false_findings.contains(at));
            for (number, finding) in true_ones.collect::<Vec<_>>().iter().filter(is_its) {
                if bench.diverges(&finding.header, &finding.ops, &bug.name())? {
                    note(&mut score.shown[at], *number, finding);
                }
            }
        }
    }
    Ok(score)
}

/// What makes a finding diverge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Explained {
    /// This bug alone, and not the server without any.
    By(usize),
    /// No single bug.
    ByNone,
    /// The server without any, also where it did so only once: nothing can explain it any more.
    False,
}

/// The first bug in `order` that alone makes a finding diverge.
fn find_explaining(
    bench: &mut Bench,
    finding: &Trace,
    bugs: &[Bug],
    order: &[usize],
) -> Result<Explained, TargetError> {
    if bench.diverges(&finding.header, &finding.ops, "none")? {
        return Ok(Explained::False);
    }
    for &bug in order {
        if bench.diverges(&finding.header, &finding.ops, &bugs[bug].name())? {
            return Ok(Explained::By(bug));
        }
    }
    Ok(Explained::ByNone)
}

/// Pairs of bugs that show together what neither of them shows alone: a box that is taken for a larger circle holds more
/// than one member, and then the first that is found is not the nearest; and where AGGREGATE is taken out of the way, WEIGHTS
/// stands where the slip looks for it.
const PAIRS: &[[&str; 2]] = &[
    ["geosearch-any", "geosearch-box"],
    ["zstore-aggregate@command=ZUNIONSTORE@option=AGGREGATE", "zunionstore-weights"],
];

/// True where a finding shows a pair of the list, both of which are planted.
fn shows_pair(bench: &mut Bench, finding: &Trace, bugs: &[Bug]) -> Result<bool, TargetError> {
    for pair in PAIRS {
        let is_planted = |name: &&str| bugs.iter().any(|bug| bug.name() == **name);
        if pair.iter().all(is_planted)
            && !bench.diverges(&finding.header, &finding.ops, "none")?
            && bench.diverges(&finding.header, &finding.ops, &pair.join(","))?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

fn note(shown: &mut Option<Shown>, finding: usize, trace: &Trace) {
    if shown.as_ref().is_none_or(|shown| shown.ops > trace.ops.len()) {
        *shown = Some(Shown { finding, ops: trace.ops.len() });
    }
}

/// On so many more servers is a finding run that nothing explains: in what steps SCAN goes through a hash table depends on
/// the hash seed that a server draws when it starts, and whether a random pick is checked, by commands that are not in the
/// finding, on whether both sides picked the same.
const FRESH_TRIES: usize = 11;

/// The distance of a bug whose command a finding does not have.
const FAR: usize = usize::MAX;

/// How far from the finding's end the bug's command last stands: what a finding ends with it is likely about.
fn distance(finding: &Trace, bug: &Bug) -> usize {
    let is_its = |op: &Op| op.argv().and_then(|argv| argv.get(0)).is_some_and(|name| bug.is_of(name));
    finding.ops.iter().rev().position(is_its).unwrap_or(FAR)
}

/// What a report says of a server that ended by itself: no trace can show that.
pub const ENDED: &str = "SERVER process ended";

impl Score {
    /// Takes in that the report tells so.
    pub fn tell_ended(&mut self, bugs: &[Bug]) {
        let ends = bugs.iter().position(|bug| bug.id() == "dies-once-a-minute");
        if let Some(shown) = ends.map(|at| &mut self.shown[at]) {
            *shown = Some(Shown { finding: 0, ops: 0 });
        }
    }

    /// How many of the bugs are shown.
    pub fn count_shown(&self) -> usize {
        self.shown.iter().flatten().count()
    }

    /// What it is, for people: `names` are those of the findings.
    pub fn describe<'a>(&'a self, bugs: &'a [Bug], names: &'a [String]) -> impl fmt::Display + 'a {
        Description { score: self, bugs, names }
    }
}

struct Description<'a> {
    score: &'a Score,
    bugs: &'a [Bug],
    names: &'a [String],
}

impl fmt::Display for Description<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs = || self.bugs.iter().zip(&self.score.shown);
        let long = |(bug, shown): &(&Bug, &Option<Shown>)| shown.as_ref().is_some_and(|it| it.ops > bug.ops_min());
        let (shown, count) = (self.score.count_shown(), self.bugs.len());
        let longer = pairs().filter(long).count();
        writeln!(f, "bugs found: {shown} of {count}, by {} findings", self.names.len())?;
        writeln!(f, "at their minimum: {} of {shown}", shown - longer)?;
        writeln!(f, "false findings: {}", self.score.false_findings.len())?;
        for (bug, _) in pairs().filter(|(_, shown)| shown.is_none()) {
            writeln!(f, "missed: {}: {}; shown by: {}", bug.name(), bug.wrong(), bug.trace().replace('\n', " | "))?;
        }
        for (bug, shown) in pairs().filter(long) {
            let Some(shown) = shown else { continue };
            let (ops, min) = (shown.ops, bug.ops_min());
            writeln!(f, "longer: {}: {ops} ops, {min} can show it: {}", bug.name(), self.names[shown.finding])?;
        }
        for &at in &self.score.false_findings {
            writeln!(f, "false: {}", self.names[at])?;
        }
        Ok(())
    }
}
