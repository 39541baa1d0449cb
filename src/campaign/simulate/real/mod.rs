//! `dst simulate --real`: a real server under concurrent clients, over real sockets. It has no commit order to check, so
//! the question is whether there is any order that gives every client the replies that it got.
//!
//! | stage | file |
//! |---|---|
//! | what is loaded | `subject` |
//! | what each client asks: the table | `script` |
//! | the clients at work | `drive`; in the simulation, `within` |
//! | what they saw, and its text form | [`history`], `replies` |
//! | what of it takes effect at one moment | `units` |
//! | what a server must answer: Redlite | `model` |
//! | whether there is an order | [`linearizable`] |
//!
//! What is sent follows from the seed; how the system schedules client and server is chance, so the same seed may find
//! something once and nothing twice. Nothing that is sent depends on a clock: keys that expire, and ids and idle times
//! of streams beyond those that are answered, are left to other campaigns. So are channels.

mod drive;
pub mod history;
pub mod linearizable;
mod model;
mod replies;
mod script;
mod subject;
#[cfg(test)]
mod tests;
mod units;
mod within;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::campaign::{CampaignError, CommandLine, Progress, describe_seeds, files};
use crate::corpus::CorpusError;
use crate::diff::{Class, Divergence};
use crate::report::{Check, Finding, Report, Timing};
use crate::seed::{FNV_START, Seed, fnv1a};
use crate::targets::TargetOptions;
use crate::targets::simulated::Canary;
use history::History;
use linearizable::{TRIES_MAX, Verdict, judge};
use model::Model;
use resp::Reply;
use subject::Running;
pub use subject::Subject;

/// How many clients there are where the user says nothing.
pub const CLIENTS: u16 = 8;
/// Requests of each client in a seed, where the user says nothing: few, as every order may have to be tried.
pub const OPS: u64 = 25;
/// The longest text of a history that is read, in bytes.
const HISTORY_BYTES_MAX: u64 = 64 << 20;
/// How many calls a finding tells; the file has them all.
const CALLS_TOLD_MAX: usize = 40;

/// What is right, for people.
const REFERENCE: &str = "some order of the same calls";

/// What to run.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// The first seed.
    pub first_seed: Seed,
    /// How many seeds.
    pub seeds: u64,
    /// How many clients ask at the same time.
    pub clients: u16,
    /// Requests of each client in a seed.
    pub ops: u64,
    /// The slip that the simulation has.
    pub canary: Option<&'static Canary>,
    /// Below this, histories are kept that are wrong or could not be judged.
    pub corpus: &'a Path,
    /// For lines to paste.
    pub command: &'a CommandLine,
    /// Set where the user asks to stop.
    pub stop: &'a AtomicBool,
}

/// Runs every seed on `subject`. Stops early where the user asks to, and reports what was done.
///
/// # Errors
/// Infrastructure only, and where the server does not start.
pub fn run(
    options: &Options,
    subject: &Subject,
    targets: &TargetOptions,
    progress: &Progress,
) -> Result<Report, CampaignError> {
    let started = Instant::now();
    let mut running = Running::start(subject, targets, options.canary)?;
    let scope =
        format!("{} clients, {}", options.clients, describe_seeds(options.first_seed, options.seeds, options.ops));
    let mut report = Report {
        campaign: "simulate",
        subject: running.name(),
        reference: REFERENCE.to_owned(),
        scope,
        ..Report::default()
    };
    let families = running.answered_rows(&mut report)?;
    let mut model = Model::new()?;
    progress.start("simulating", options.seeds);
    for at in 0..options.seeds {
        if options.stop.load(Ordering::Relaxed) {
            report.interrupted = true;
            break;
        }
        let seed = Seed(options.first_seed.0.saturating_add(at));
        let (clients, drawn) = script::write(seed, options.clients, options.ops, &families);
        let history = running.drive(seed, &clients, &script::reads(&drawn), options.stop)?;
        // A server that is slow to stop is no finding.
        if options.stop.load(Ordering::Relaxed) {
            report.interrupted = true;
            break;
        }
        let name = format!("seed {seed}");
        let found = tell(options, &mut report, &name, Some(seed), &history, &mut model)?;
        report.totals.seeds += 1;
        progress.step(history.calls().len() as u64, found);
    }
    // A server that saves what it holds when it ends leaves nothing of this behind.
    running.renew().or_else(|error| if report.interrupted { Ok(()) } else { Err(error) })?;
    report.timing = Timing { seconds: started.elapsed().as_secs_f64(), ..Timing::default() };
    report.timing.comparing_seconds = report.timing.seconds;
    Ok(report)
}

/// Judges histories that were written down.
///
/// # Errors
/// Infrastructure, and a file that is no history.
pub fn judge_files(options: &Options, paths: &[PathBuf]) -> Result<Report, CampaignError> {
    let started = Instant::now();
    let scope = format!("{} histor{}", paths.len(), if paths.len() == 1 { "y" } else { "ies" });
    let mut report = Report {
        campaign: "simulate",
        subject: "what was written down".to_owned(),
        reference: REFERENCE.to_owned(),
        scope,
        ..Report::default()
    };
    let mut model = Model::new()?;
    for path in paths {
        if options.stop.load(Ordering::Relaxed) {
            report.interrupted = true;
            break;
        }
        let (name, began) = (path.display().to_string(), Instant::now());
        let history = read(path)?;
        let unchecked = report.unchecked.len();
        let found = tell(options, &mut report, &name, None, &history, &mut model)?;
        let verdict = match () {
            () if found => crate::report::Verdict::Diverge,
            () if report.unchecked.len() > unchecked => crate::report::Verdict::Failed,
            () => crate::report::Verdict::Agree,
        };
        let (ops, seconds) = (history.calls().len() as u64, began.elapsed().as_secs_f64());
        report.checks.push(Check { name, verdict, ops, seconds, detail: String::new(), diverged_at: None });
    }
    report.timing.seconds = started.elapsed().as_secs_f64();
    report.timing.comparing_seconds = report.timing.seconds;
    Ok(report)
}

fn read(path: &Path) -> Result<History, CampaignError> {
    let name = path.display().to_string();
    let io = |source| CampaignError::Folder { path: name.clone(), source };
    let mut text = String::new();
    let file = fs::File::open(path).map_err(io)?;
    file.take(HISTORY_BYTES_MAX).read_to_string(&mut text).map_err(io)?;
    History::parse(&text).map_err(|what| CampaignError::Simulation { why: format!("{name}: {what}") })
}

/// Judges a history and adds what is wrong with it to the report. True where something is.
fn tell(
    options: &Options,
    report: &mut Report,
    name: &str,
    seed: Option<Seed>,
    history: &History,
    model: &mut Model,
) -> Result<bool, CampaignError> {
    report.totals.ops += history.calls().len() as u64;
    let (calls, last, why) = match judge(history, model, TRIES_MAX)? {
        Verdict::Linearizable => return Ok(false),
        Verdict::Unknown { why } => {
            let file =
                if seed.is_some() { format!("; it is kept in {}", keep(options, history)?) } else { String::new() };
            report.unchecked.push(format!("{name}: {why}{file}"));
            return Ok(false);
        }
        Verdict::Violation { calls, last, why } => (calls, last, why),
    };
    report.totals.divergent += 1;
    let file = if seed.is_some() { keep(options, history)? } else { name.to_owned() };
    let mut finding = describe(history, &calls, last, &why, name);
    finding.first_seed = seed;
    finding.replay = options.command.with(&format!("simulate --real {}", files::quote(&file)));
    finding.trace = Some(file);
    match report.findings.iter_mut().find(|known| known.class == finding.class) {
        Some(known) => known.count += 1,
        None => report.findings.push(finding),
    }
    Ok(true)
}

/// What is wrong, drawn as its calls.
fn describe(history: &History, calls: &[usize], last: usize, why: &str, found_in: &str) -> Finding {
    let call = &history.calls()[last];
    let command = String::from_utf8_lossy(call.argv.get(0).unwrap_or_default()).to_ascii_uppercase();
    let divergence = Divergence {
        at: last,
        class: Class { command, rule: "linearizable".to_owned(), kind: "no-order".to_owned() },
        want: Reply::NullArray,
        got: call.reply().cloned().unwrap_or(Reply::Hung),
        key: None,
        note: why.to_owned(),
    };
    let mut finding = Finding::new(found_in.to_owned(), &divergence, None);
    let skipped = calls.len().saturating_sub(CALLS_TOLD_MAX);
    let mut lines: Vec<String> = Vec::new();
    if skipped > 0 {
        lines.push(format!("… {skipped} calls before"));
    }
    lines.extend(calls[skipped..].iter().map(|&at| history::format_call(&history.calls()[at])));
    finding.diff = lines.join("\n");
    finding.diff_coloured.clone_from(&finding.diff);
    finding
}

/// Writes a history down, under the hash of its text, and says where.
fn keep(options: &Options, history: &History) -> Result<String, CampaignError> {
    let text = history.format();
    let path = options.corpus.join(format!("{:016x}.history", fnv1a(FNV_START, text.as_bytes())));
    let failed = |source| CorpusError::Io { path: path.display().to_string(), source };
    fs::create_dir_all(options.corpus).map_err(failed)?;
    fs::write(&path, text).map_err(failed)?;
    Ok(path.display().to_string())
}
