//! Real servers are killed by SIGKILL while many connections write, and connections are lost in the middle of requests
//! and replies. Nothing acknowledged may be lost, and nothing may be there in part.
//!
//! For each seed a number of connections send pipelines of generated requests, each on keys of its own. At a seeded
//! moment the server is killed, and started again on its files. Then the keys of each connection must be as after some
//! number of its ops, in their order, that includes every acknowledged one: an embedded Redlite in memory says how that
//! is, and what the replies should have been. Data of earlier seeds stay on the same files for a while, and must not
//! change.
//!
//! What is sent follows from the seed, and so do the number of acknowledged requests and the delay at which the server
//! is killed. What the server had done by then does not: how the system schedules two processes is chance, so the same
//! seed may find something once and nothing twice.
//!
//! | module | |
//! |---|---|
//! | `script` | what each connection sends |
//! | `loss` | how a connection is lost by the client's hand |
//! | `load` | the connections at work, and the kill |
//! | `judge` | replies and keys against the model |
//! | [`verdict`] | what may be wrong |
//! | [`report`] | the same in the form of every campaign's results |

mod judge;
mod load;
mod loss;
pub mod report;
mod script;
pub mod verdict;

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::campaign::{CampaignError, Progress};
use crate::diff::keyspace::differences;
use crate::diff::{Class, Entry, Keyspace};
use crate::generate::{GENERATOR, Group};
use crate::seed::{Seed, Stream};
use crate::targets::live::LiveServer;
use crate::targets::{TargetError, TargetOptions};
use crate::trace::text::format_reply;
use crate::trace::{Act, Header, Op, TargetInfo, Trace};
use resp::Reply;

use judge::{Judge, Judged};
use load::{End, Load, Moment, Run};
pub use verdict::{CounterFault, Verdict, Violation};

/// How many connections there are where the user says nothing.
pub const CONNECTIONS: u16 = 20;
/// So many seeds run on the same files, which grow and are recovered again and again.
const SEEDS_ON_FILES: u64 = 10;
/// Once in so many recoveries the server is killed again while it comes up.
const SECOND_KILL_MEAN: u32 = 4;
/// How long it has lived by then at most, in microseconds.
const SECOND_LIFE_US_MAX: u32 = 50_000;
/// How many violations of a class are kept with their traces; the rest is counted.
const VIOLATIONS_MAX: u64 = 16;
/// How often a server whose clients are gone is read until it holds the same twice.
const SETTLE_TRIES: usize = 100;
/// How long it is left alone between two of these.
const SETTLE_PAUSE: Duration = Duration::from_millis(10);

/// What to run.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// The first seed.
    pub first_seed: Seed,
    /// How many seeds: one kill each.
    pub seeds: u64,
    /// Requests of each connection in a seed.
    pub ops: u64,
    /// What they are about.
    pub group: &'static Group,
    /// How many connections write at once.
    pub connections: u16,
    /// Loses connections in the middle of requests and replies.
    pub drops: bool,
    /// Kills the server.
    pub kills: bool,
    /// Set where the user asks to stop.
    pub stop: &'a AtomicBool,
}

/// What a run came to.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The server.
    pub server: TargetInfo,
    /// Seeds that were run.
    pub seeds: u64,
    /// Kills under load.
    pub kills: u64,
    /// Kills while the server came up, or right after.
    pub second_kills: u64,
    /// Connections lost by the client's hand.
    pub drops: u64,
    /// The same by how they were lost.
    pub drops_by_kind: BTreeMap<&'static str, u64>,
    /// Requests sent.
    pub requests: u64,
    /// Requests acknowledged that may write: neither refused nor only queued.
    pub acknowledged: u64,
    /// Requests that were sent and not answered when the server was killed.
    pub in_flight: u64,
    /// How many of these had taken effect.
    pub landed: u64,
    /// Kills that fell in the middle of a pipeline: a part of its requests was answered or had taken effect.
    pub cut_in_burst: u64,
    /// How often the server came up again on its files.
    pub recovered: u64,
    /// Where each kill under load fell.
    pub moments: Vec<Kill>,
    /// What is wrong, by seed; the first of each class, with their traces.
    pub violations: Vec<Violation>,
    /// Seeds that showed something wrong.
    pub violated_seeds: u64,
    /// How many there were of each class.
    pub classes: BTreeMap<Class, u64>,
    /// True where the user asked to stop before all seeds were run.
    pub interrupted: bool,
}

impl Outcome {
    /// Why the run says nothing although nothing is wrong: there were no kills, no lost connections, or nothing to lose.
    pub fn emptiness(&self, options: &Options) -> Option<&'static str> {
        match () {
            () if options.kills && self.kills == 0 => Some("no server was killed"),
            () if options.drops && self.drops == 0 => Some("no connection was lost"),
            () if self.acknowledged == 0 => Some("no write was acknowledged"),
            () => None,
        }
    }

    /// How many invariants were broken.
    pub fn violations_total(&self) -> u64 {
        self.classes.values().sum()
    }

    /// The longest that the server took to come up again.
    pub fn slowest_recovery(&self) -> Duration {
        self.recovery_times().max().unwrap_or_default()
    }

    /// How long the server took to come up again, on average.
    pub fn mean_recovery(&self) -> Duration {
        let total: Duration = self.recovery_times().sum();
        total.checked_div(self.recovery_times().count() as u32).unwrap_or_default()
    }

    fn recovery_times(&self) -> impl Iterator<Item = Duration> {
        self.moments.iter().filter_map(|kill| kill.recovery)
    }

    fn add_violation(&mut self, violation: Violation) {
        let count = self.classes.entry(violation.class()).or_default();
        *count += 1;
        if *count <= VIOLATIONS_MAX {
            self.violations.push(violation);
        }
    }

    /// Counts what had taken effect of a lane that was killed: its keys are as after the first `prefix` ops.
    fn add_landed(&mut self, run: &Run, prefix: usize) {
        if run.end != End::Killed {
            return;
        }
        self.landed += (prefix - run.acknowledged()) as u64;
        let is_cut = run.is_cut_in_burst() || (run.acknowledged() + 1..run.sent).contains(&prefix);
        if let Some(kill) = self.moments.last_mut().filter(|kill| is_cut && !kill.cut_in_burst) {
            kill.cut_in_burst = true;
            self.cut_in_burst += 1;
        }
    }

    /// Counts what the connections of a seed did.
    fn add_load(&mut self, load: &Load) {
        for run in &load.runs {
            self.requests += run.sent as u64;
            self.acknowledged += (0..run.acknowledged()).filter(|&at| is_acknowledged_write(run, at)).count() as u64;
            if let (End::Lost, Some(loss)) = (&run.end, &run.lane.loss) {
                self.drops += 1;
                *self.drops_by_kind.entry(loss.name()).or_default() += 1;
            }
        }
    }
}

/// Where a kill fell.
#[derive(Clone, Copy, Debug, Default)]
pub struct Kill {
    /// The seed.
    pub seed: Seed,
    /// How many requests were acknowledged.
    pub after_acks: u64,
    /// How many were sent and not answered.
    pub in_flight: u64,
    /// True where a part of a pipeline was answered or had taken effect.
    pub cut_in_burst: bool,
    /// How long the server took to come up again; `None` where it did not.
    pub recovery: Option<Duration>,
}

/// Runs every seed on the server that `command` starts; it is what follows `exec:`. Stops early where the user asks to.
///
/// # Errors
/// Infrastructure only, and where the server does not start at all.
pub fn run(
    options: &Options,
    command: &str,
    targets: &TargetOptions,
    progress: &Progress,
) -> Result<Outcome, CampaignError> {
    let server = LiveServer::start(command, targets)?;
    let outcome = Outcome { server: server.info().clone(), ..Outcome::default() };
    let mut rounds = Rounds { options, server, judge: Judge::new()?, outcome, old: BTreeMap::new(), on_files: 0 };
    progress.start("killing", options.seeds);
    for at in 0..options.seeds {
        let Some(seed) = options.first_seed.0.checked_add(at).map(Seed) else { break };
        let (requests, violations) = (rounds.outcome.requests, rounds.outcome.violations_total());
        rounds.run(seed)?;
        let is_violated = rounds.outcome.violations_total() > violations;
        rounds.outcome.violated_seeds += u64::from(is_violated);
        progress.step(rounds.outcome.requests - requests, is_violated);
        if options.stop.load(Ordering::Relaxed) {
            rounds.outcome.interrupted = true;
            break;
        }
    }
    Ok(rounds.outcome)
}

/// One seed after another on one server.
struct Rounds<'a> {
    options: &'a Options<'a>,
    server: LiveServer,
    judge: Judge,
    outcome: Outcome,
    /// What earlier seeds left in the files, by the prefix of its keys.
    old: BTreeMap<Vec<u8>, Vec<Entry>>,
    /// How many seeds have run on the files.
    on_files: u64,
}

impl Rounds<'_> {
    fn run(&mut self, seed: Seed) -> Result<(), CampaignError> {
        if self.on_files == SEEDS_ON_FILES {
            self.renew_files()?;
        }
        let mut stream = seed.stream("kill/moment");
        let connections: Vec<_> =
            (0..self.options.connections).map(|conn| script::lanes(self.options, seed, conn)).collect();
        let requests: usize = connections.iter().flatten().map(|lane| lane.requests.len()).sum();
        let moment = self.options.kills.then(|| Moment::draw(requests as u64, &mut stream));
        let load = load::put(&mut self.server, connections, moment, self.options.stop);
        self.outcome.seeds += 1;
        self.outcome.add_load(&load);
        self.on_files += 1;
        let found = match self.recover(seed, &load, &mut stream)? {
            Ok(found) => found,
            Err(why) => {
                let trace = trace_of_all(seed, self.options.group, &load);
                let (at, verdict) = (trace.ops.len().saturating_sub(1), Verdict::FailedRecovery { why });
                self.outcome.add_violation(Violation { seed, conn: None, at, verdict, trace });
                return self.renew_files();
            }
        };
        self.judge_all(seed, &load, found)
    }

    fn renew_files(&mut self) -> Result<(), CampaignError> {
        self.server.start_empty()?;
        self.old.clear();
        self.on_files = 0;
        Ok(())
    }

    /// Starts the server again where it was killed or has ended, and reads what it holds; or says why that fails.
    fn recover(
        &mut self,
        seed: Seed,
        load: &Load,
        stream: &mut Stream,
    ) -> Result<Result<Keyspace, String>, CampaignError> {
        let is_down = load.killed_after.is_some() || !load.last_words.is_empty();
        if is_down {
            self.note_kill(seed, load);
            if stream.chance(1, SECOND_KILL_MEAN) {
                self.server.start_briefly(Duration::from_micros(stream.below(SECOND_LIFE_US_MAX).into()))?;
                self.outcome.second_kills += 1;
            }
            let started = Instant::now();
            if let Err(why) = self.start_again()? {
                return Ok(Err(why));
            }
            if let Some(kill) = self.outcome.moments.last_mut().filter(|kill| kill.seed == seed) {
                kill.recovery = Some(started.elapsed());
            }
        }
        let found = if is_down { self.server.keyspace() } else { self.settled_keyspace() };
        Ok(match found.instead() {
            None => Ok(found),
            Some(reply) => {
                Err(format!("it does not tell what it holds: {}\n{}", format_reply(reply), self.server.last_words()))
            }
        })
    }

    /// Starts the server on its files, or says why it does not come up.
    fn start_again(&mut self) -> Result<Result<(), String>, CampaignError> {
        match self.server.start_again() {
            Ok(()) => self.outcome.recovered += 1,
            Err(error @ (TargetError::Start { .. } | TargetError::Unready { .. })) => {
                return Ok(Err(error.to_string()));
            }
            Err(error) => return Err(error.into()),
        }
        Ok(Ok(()))
    }

    fn note_kill(&mut self, seed: Seed, load: &Load) {
        let Some(after_acks) = load.killed_after else { return };
        let killed = load.runs.iter().filter(|run| run.end == End::Killed);
        let in_flight = killed.map(|run| run.in_flight() as u64).sum();
        self.outcome.kills += 1;
        self.outcome.in_flight += in_flight;
        self.outcome.moments.push(Kill { seed, after_acks, in_flight, cut_in_burst: false, recovery: None });
    }

    /// What the server holds when it has done all that was under way on connections that are gone.
    fn settled_keyspace(&mut self) -> Keyspace {
        let mut found = self.server.keyspace();
        for _ in 0..SETTLE_TRIES {
            thread::sleep(SETTLE_PAUSE);
            let before = std::mem::replace(&mut found, self.server.keyspace());
            if before == found {
                break;
            }
        }
        found
    }

    /// Judges what a seed left, and keeps it for the seeds to come.
    fn judge_all(&mut self, seed: Seed, load: &Load, found: Keyspace) -> Result<(), CampaignError> {
        let mut by_prefix = by_prefix(found);
        self.judge_old(seed, load, &mut by_prefix);
        let mut new = BTreeMap::new();
        for run in &load.runs {
            let prefix = run.lane.prefix.as_bytes();
            let keys = Keyspace { entries: by_prefix.remove(prefix).unwrap_or_default() };
            let judged = match &run.end {
                End::Failed(failure) => {
                    let (failure, last_words) = (failure.clone(), load.last_words.clone());
                    Judged::Wrong { at: run.acknowledged(), verdict: Verdict::Unserved { failure, last_words } }
                }
                _ => self.judge.lane(run, &keys)?,
            };
            match judged {
                Judged::Holds { prefix } => self.outcome.add_landed(run, prefix),
                Judged::Wrong { at, verdict } => {
                    let trace = trace_of(seed, self.options.group, run, load.killed_after.is_some());
                    self.outcome.add_violation(Violation { seed, conn: Some(run.lane.conn), at, verdict, trace });
                }
            }
            new.insert(prefix.to_vec(), keys.entries);
        }
        let counter = script::counter(seed);
        let prefix = prefix_of(counter.as_bytes());
        let counters = by_prefix.remove(prefix).unwrap_or_default();
        if let Some(what) = judge::counter_fault(&load.runs, counters.first()) {
            self.add_common(seed, load, Verdict::Counter { what });
        }
        new.insert(prefix.to_vec(), counters);
        if let Some(stray) = by_prefix.into_values().flatten().next() {
            self.add_common(seed, load, Verdict::StrayKey { db: stray.db, key: stray.key });
        }
        self.old.append(&mut new);
        Ok(())
    }

    /// Takes the keys of earlier seeds out of `by_prefix`; none may have changed.
    fn judge_old(&mut self, seed: Seed, load: &Load, by_prefix: &mut BTreeMap<Vec<u8>, Vec<Entry>>) {
        let mut difference = None;
        for (prefix, entries) in &mut self.old {
            let now = Keyspace { entries: by_prefix.remove(prefix).unwrap_or_default() };
            let then = Keyspace { entries: std::mem::replace(entries, now.entries.clone()) };
            difference = difference.or_else(|| differences(&judge::SETTINGS, &then, &now).into_iter().next());
        }
        if let Some(difference) = difference {
            self.add_common(seed, load, Verdict::OldDataChanged { difference });
        }
    }

    /// Adds a violation that is not about one connection.
    fn add_common(&mut self, seed: Seed, load: &Load, verdict: Verdict) {
        let trace = trace_of_all(seed, self.options.group, load);
        let at = trace.ops.len().saturating_sub(1);
        self.outcome.add_violation(Violation { seed, conn: None, at, verdict, trace });
    }
}

/// The entries of a store by what the names of their keys begin with, up to the first `:`.
fn by_prefix(keyspace: Keyspace) -> BTreeMap<Vec<u8>, Vec<Entry>> {
    let mut by_prefix: BTreeMap<Vec<u8>, Vec<Entry>> = BTreeMap::new();
    for entry in keyspace.entries {
        by_prefix.entry(prefix_of(&entry.key).to_vec()).or_default().push(entry);
    }
    by_prefix
}

fn prefix_of(key: &[u8]) -> &[u8] {
    let end = key.iter().position(|&byte| byte == b':').map_or(key.len(), |at| at + 1);
    &key[..end]
}

/// True where the reply to a request says that it may have written.
fn is_acknowledged_write(run: &Run, at: usize) -> bool {
    let command = spec::lookup_request(&run.lane.requests[at]);
    let writes = command.is_some_and(|command| command.writes || command.name == "EXEC");
    match &run.replies[at] {
        Reply::Simple(text) if text == b"QUEUED" => false,
        Reply::NullArray => false,
        reply => writes && reply.as_error().is_none(),
    }
}

fn header(seed: Seed, group: &Group) -> Header {
    let note = "requests of dst chaos --faults kill: the moment of the kill is not in it".to_owned();
    Header { seed: Some(seed), generator: GENERATOR, profile: group.name.to_owned(), note, ..Header::default() }
}

/// What one lane sent, and how it ended.
fn trace_of(seed: Seed, group: &Group, run: &Run, is_killed: bool) -> Trace {
    let mut ops = ops_of(run);
    if is_killed {
        ops.push(Op { conn: run.lane.conn, act: Act::Crash });
    }
    Trace { header: header(seed, group), ops, ..Trace::default() }
}

/// What all connections sent, an op of each in turns.
fn trace_of_all(seed: Seed, group: &Group, load: &Load) -> Trace {
    let mut of_conns: BTreeMap<u16, VecDeque<Op>> = BTreeMap::new();
    for run in &load.runs {
        of_conns.entry(run.lane.conn).or_default().extend(ops_of(run));
    }
    let mut ops = Vec::new();
    while of_conns.values().any(|left| !left.is_empty()) {
        ops.extend(of_conns.values_mut().filter_map(VecDeque::pop_front));
    }
    if load.killed_after.is_some() {
        ops.push(Op { conn: 0, act: Act::Crash });
    }
    Trace { header: header(seed, group), ops, ..Trace::default() }
}

fn ops_of(run: &Run) -> Vec<Op> {
    let conn = run.lane.conn;
    let mut ops: Vec<Op> = run.lane.requests[..run.sent].iter().map(|argv| Op::call(conn, argv.clone())).collect();
    if let (End::Lost, Some(loss)) = (&run.end, &run.lane.loss) {
        ops.extend(loss.part_sent().map(|bytes| Op { conn, act: Act::Raw(bytes) }));
        ops.push(Op { conn, act: Act::Close });
    }
    ops
}
