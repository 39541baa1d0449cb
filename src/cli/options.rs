//! Arguments that several subcommands share, each written once.

use std::borrow::Cow;
use std::env;
use std::io::Write;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use super::{Outcome, output};
use crate::campaign::{CommandLine, Pair, files};
use crate::corpus::{Known, Store};
use crate::diff::{ErrorMode, Settings};
use crate::generate::{self, Group};
use crate::report::{self, Format, Report};
use crate::seed::Seed;
use crate::targets::spared::Spared;
use crate::targets::{self, Target, TargetOptions};

/// What is tested unless the user says otherwise.
const DEFAULT_SUBJECT: &str = "redlite";
/// What is right unless the user says otherwise.
const DEFAULT_REFERENCE: &str = "redis";

/// How many operations a seed has unless the user says otherwise.
pub(super) const DEFAULT_OPS: u64 = 100;

/// How many seeds there are unless the user says otherwise.
const DEFAULT_SEEDS: u64 = 1000;
/// Measured on panels of wrong servers: with one job a core, half of it is idle.
const WAITING_JOBS_A_CORE: NonZeroUsize = NonZeroUsize::new(2).unwrap();
/// The most operations of a seed: it is held in memory. Longer traces are recorded, and replayed as they come.
const SEED_OPS_MAX: u64 = 1_000_000;

/// The variable that stands for `--redis`.
const REDIS_URL: &str = "REDIS_URL";
/// How long a reply may take unless the user says otherwise.
pub(super) const DEFAULT_TIMEOUT_SECONDS: &str = "5";

/// How targets are reached.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Targets")]
pub(super) struct AccessArgs {
    /// The redis-server to start for `redis`: a path, or the URL of a running one
    #[arg(long, value_name = "PATH|URL", env = REDIS_URL, hide_env_values = true)]
    pub redis: Option<String>,

    /// Give a server that dst did not start over to dst: it is emptied, and traces may run any command on it
    #[arg(long)]
    pub allow_flush: bool,

    /// How long a reply may take before it counts as hung
    #[arg(long, value_name = "SECONDS", default_value = DEFAULT_TIMEOUT_SECONDS, value_parser = parse_seconds)]
    pub timeout: Duration,
}

impl AccessArgs {
    /// The same in words. What the environment says, it says again.
    fn flags(&self) -> Vec<String> {
        let mut flags = Vec::new();
        if let Some(redis) = self.redis.as_ref().filter(|&redis| env::var(REDIS_URL).as_ref() != Ok(redis)) {
            flags.push(format!("--redis {}", files::quote(&redact(redis))));
        }
        if self.allow_flush {
            flags.push("--allow-flush".to_owned());
        }
        if parse_seconds(DEFAULT_TIMEOUT_SECONDS) != Ok(self.timeout) {
            flags.push(format!("--timeout {}", self.timeout.as_secs_f64()));
        }
        flags
    }

    /// The target of this name. Nothing is started yet.
    pub fn target(&self, name: &str) -> anyhow::Result<Box<dyn Target>> {
        Ok(targets::parse(name, &self.target_options())?)
    }

    fn target_options(&self) -> TargetOptions {
        TargetOptions {
            redis: self.redis.clone(),
            allow_flush: self.allow_flush,
            reply_deadline: self.timeout,
            ..TargetOptions::default()
        }
    }
}

/// What is tested, against what, and how strictly.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Targets")]
pub(super) struct PairArgs {
    /// What is tested
    #[arg(long, value_name = "TARGET", default_value = DEFAULT_SUBJECT, long_help = list_targets())]
    pub subject: String,

    #[command(flatten)]
    pub strictness: StrictnessArgs,

    #[command(flatten)]
    pub access: AccessArgs,
}

/// What is right, where it must be live.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Targets")]
pub(super) struct AgainstArgs {
    /// What is right. Given several times, agreeing with one of them is right
    #[arg(long, value_name = "TARGET", default_value = DEFAULT_REFERENCE)]
    pub against: Vec<String>,
}

/// What is right, where a trace may say it.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Targets")]
pub(super) struct AgainstOrRecordedArgs {
    /// What is right [default: the replies recorded in the trace]. Given several times, agreeing with one is right
    #[arg(long, value_name = "TARGET")]
    pub against: Vec<String>,
}

impl PairArgs {
    /// What is tested. Nothing is started yet.
    pub fn subject(&self) -> anyhow::Result<Box<dyn Target>> {
        self.access.target(&self.subject)
    }

    /// As [`PairArgs::reference`], for each of `names`.
    pub fn references(&self, names: &[String], subject: &dyn Target) -> anyhow::Result<Vec<Box<dyn Target>>> {
        names.iter().map(|name| self.reference(name, subject)).collect()
    }

    /// What is right for `subject`: where the subject's clock is real, so is its own, and where faults are injected
    /// into the subject, they are not into it. Nothing is started yet.
    pub fn reference(&self, name: &str, subject: &dyn Target) -> anyhow::Result<Box<dyn Target>> {
        let one_store = subject.is_shared() && name == self.subject;
        ensure!(!one_store, "{} cannot be compared with itself: it has one store", redact(name));
        let options = TargetOptions { real_clock: subject.has_real_clock(), ..self.access.target_options() };
        let reference = targets::parse(name, &options)?;
        let is_spared = subject.injects_faults() && !reference.injects_faults();
        Ok(if is_spared { Box::new(Spared::new(reference)) } else { reference })
    }

    /// What counts as the same reply.
    pub fn settings(&self) -> Settings {
        let errors = match self.strictness.errors {
            ErrorsArg::Exact => ErrorMode::Text,
            ErrorsArg::Code => ErrorMode::Code,
        };
        Settings { errors, simple_bulks: self.strictness.simple_bulks, ..Settings::default() }
    }

    /// The words that lead to the same comparison again, for lines to paste.
    pub fn command(&self, against: &[String]) -> CommandLine {
        let mut flags: Vec<String> =
            against.iter().map(|name| format!("--against {}", files::quote(&redact(name)))).collect();
        if self.subject != DEFAULT_SUBJECT {
            flags.push(format!("--subject {}", files::quote(&redact(&self.subject))));
        }
        if self.strictness.simple_bulks {
            flags.push("--simple-bulks".to_owned());
        }
        if let ErrorsArg::Code = self.strictness.errors {
            flags.push("--errors code".to_owned());
        }
        flags.extend(self.access.flags());
        CommandLine { program: program(), flags: flags.join(" ") }
    }
}

/// `subject` and what is right for it.
pub(super) fn pair<'a>(references: &'a [Box<dyn Target>], subject: &'a dyn Target) -> anyhow::Result<Pair<'a>> {
    Pair::against(references, subject).context("nothing to compare with: name it after --against")
}

/// The table of targets, for the long help.
fn list_targets() -> String {
    let rows = targets::rows().iter().map(|row| format!("  {}  {}", row.form, row.about));
    let rows: Vec<String> = rows.collect();
    format!("What is tested. TARGET, here and for --against, is one of:\n{}", rows.join("\n"))
}

/// A target without the password in its URL: reports are shared.
pub(super) fn redact(target: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = target.split_once("://") else { return target.into() };
    // A password may hold an @, and one that is not escaped a slash: the last @ ends it.
    match rest.rsplit_once('@').and_then(|(user, place)| Some((user.split_once(':')?.0, place))) {
        Some((user, place)) => format!("{scheme}://{user}:PASSWORD@{place}").into(),
        None => target.into(),
    }
}

/// How the user called this program: by its path, where that is how, so that a line to paste works as it stands.
pub(super) fn program() -> String {
    env::args().next().filter(|name| name.contains('/')).map_or_else(|| "dst".to_owned(), |name| files::quote(&name))
}

/// How strictly replies are compared.
#[derive(Debug, clap::Args)]
pub(super) struct StrictnessArgs {
    /// What of an error is compared
    #[arg(long, value_name = "HOW", default_value = "exact")]
    pub errors: ErrorsArg,

    /// Take a simple string for a bulk string with the same bytes, for a subject that sends all of them so
    #[arg(long)]
    pub simple_bulks: bool,
}

/// The values of `--errors`.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum ErrorsArg {
    /// The whole text
    Exact,
    /// Only the first word, for servers that do not aim at Redis's texts
    Code,
}

/// What operations are generated.
#[derive(Debug, clap::Args)]
pub(super) struct GroupArgs {
    /// What the operations are about
    #[arg(long, value_name = "GROUP", default_value = "mixed", value_parser = group_parser())]
    pub group: &'static Group,
}

/// What operations a campaign generates.
#[derive(Debug, clap::Args)]
pub(super) struct GroupsArgs {
    /// What the operations are about: each group gets every seed
    #[arg(
        long = "group", value_name = "GROUP", default_value = "mixed", value_delimiter = ',', value_parser = groups_parser()
    )]
    named: Vec<Named>,
}

/// A value of `--group`: a group, or all of them.
#[derive(Clone, Debug)]
enum Named {
    One(&'static Group),
    All,
}

/// The value of `--group` that stands for every group that a plain Redis can answer.
const ALL_GROUPS: &str = "all";

impl GroupsArgs {
    /// The groups, each once.
    pub fn groups(&self) -> Vec<&'static Group> {
        let mut groups: Vec<&Group> = Vec::new();
        for named in &self.named {
            let more: Vec<&Group> = match named {
                Named::One(group) => vec![group],
                // A group that needs a module is for references that have it: it is named.
                Named::All => generate::groups().iter().filter(|group| group.module().is_none()).collect(),
            };
            for group in more {
                if !groups.iter().any(|known| known.name == group.name) {
                    groups.push(group);
                }
            }
        }
        groups
    }
}

/// Which seeds a campaign runs, and how many at a time.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Seeds")]
pub(super) struct SeedsArgs {
    /// How many seeds of each group to run [default: 1000, or as many as a --budget holds]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub seeds: Option<u64>,

    /// The first of them: seeds M to M+N-1 are run, so ranges can be split over machines
    #[arg(long, value_name = "M", default_value = "0")]
    pub first_seed: Seed,

    /// Operations for each seed, at most a million [default: 100]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=SEED_OPS_MAX))]
    pub ops: Option<u64>,

    /// Seeds run at a time [default: one for each core, with a budget of time two]
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
}

impl SeedsArgs {
    /// How many seeds to run: as many as there are where a budget of time ends the run.
    ///
    /// # Errors
    /// Where they would go past the last seed.
    pub fn seeds(&self, has_budget: bool) -> anyhow::Result<u64> {
        let rest = (u64::MAX - self.first_seed.0).saturating_add(1);
        match self.seeds {
            None if has_budget => Ok(rest),
            seeds => {
                let seeds = seeds.unwrap_or(DEFAULT_SEEDS);
                ensure!(seeds <= rest, "there are only {rest} seeds from --first-seed {} on", self.first_seed);
                Ok(seeds)
            }
        }
    }
}

impl ReportArgs {
    /// Opens where the report goes.
    pub fn open(&self) -> anyhow::Result<Box<dyn Write>> {
        output::open_report(self.output.as_deref())
    }

    /// Writes the end of the report, and says what exit code it comes to.
    pub fn finish(&self, report: &Report, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        self.format.finish(report, out)?;
        out.flush()?;
        if !report.agrees() {
            return Ok(Outcome::Diverge);
        }
        let (count, unit) = match report.totals.seeds {
            0 => (report.checks.len() as u64, "trace"),
            seeds => (seeds, "seed"),
        };
        match count {
            0 => ensure!(!report.interrupted, "interrupted"),
            1 => ensure!(!report.interrupted, "interrupted after 1 {unit}, in which nothing is wrong"),
            _ => ensure!(!report.interrupted, "interrupted after {count} {unit}s, in which nothing is wrong"),
        }
        ensure!(report.unchecked.is_empty(), "incomplete: a check that was not made is no pass");
        Ok(Outcome::Agree)
    }
}

impl SeedsArgs {
    /// `--jobs`, or the number of cores.
    pub fn jobs(&self) -> NonZeroUsize {
        self.jobs.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN)
    }

    /// `--jobs`, or twice the number of cores: a job that waits for its servers needs none.
    pub fn jobs_that_wait(&self) -> NonZeroUsize {
        self.jobs.unwrap_or_else(|| self.jobs().saturating_mul(WAITING_JOBS_A_CORE))
    }
}

/// How and where a report is written.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Report")]
pub(super) struct ReportArgs {
    /// How the report is written
    #[arg(long, value_name = "FORMAT", default_value = "console", value_parser = format_parser())]
    pub format: &'static dyn Format,

    /// Write the report to a file instead of stdout
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Where found divergences are kept.
#[derive(Debug, clap::Args)]
pub(super) struct CorpusArgs {
    /// The directory of shrunk divergences
    #[arg(long, value_name = "DIR", default_value = "corpus", help_heading = "Corpus")]
    pub corpus: PathBuf,
}

impl CorpusArgs {
    /// The shrunk traces.
    pub fn store(&self) -> Store {
        Store::new(&self.corpus)
    }

    /// The divergences of this subject that do not fail a run.
    pub fn known(&self, subject: &dyn Target) -> anyhow::Result<Known> {
        Ok(Known::load(&self.known_file(), &subject.info().name)?)
    }

    /// The file of the divergences that are known.
    pub fn known_file(&self) -> PathBuf {
        self.corpus.join("known.toml")
    }

    /// The file of the seed bank.
    pub fn seeds(&self) -> PathBuf {
        self.corpus.join("seeds.txt")
    }
}

fn group_names() -> impl Iterator<Item = PossibleValue> {
    generate::groups().iter().map(|group| PossibleValue::new(group.name).help(group.about))
}

fn groups_parser() -> impl TypedValueParser<Value = Named> {
    let all = PossibleValue::new(ALL_GROUPS).help("every group that needs no module");
    PossibleValuesParser::new(group_names().chain([all])).try_map(|name| match generate::group(&name) {
        Some(group) => Ok(Named::One(group)),
        None if name == ALL_GROUPS => Ok(Named::All),
        None => Err(format!("there is no group {name}")),
    })
}

fn group_parser() -> impl TypedValueParser<Value = &'static Group> {
    PossibleValuesParser::new(group_names())
        .try_map(|name| generate::group(&name).ok_or_else(|| format!("there is no group {name}")))
}

fn format_parser() -> impl TypedValueParser<Value = &'static dyn Format> {
    let names = report::formats().iter().map(|format| PossibleValue::new(format.name()).help(format.about()));
    PossibleValuesParser::new(names)
        .try_map(|name| report::format(&name).ok_or_else(|| format!("there is no format {name}")))
}

pub(super) fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(timeout) if !timeout.is_zero() => Ok(timeout),
        _ => Err("must be above 0".to_owned()),
    }
}

/// `90`, `30s`, `10m`, `1h`: a time above 0.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    let (number, seconds) = match text.char_indices().next_back() {
        Some((at, 's')) => (&text[..at], 1.0),
        Some((at, 'm')) => (&text[..at], 60.0),
        Some((at, 'h')) => (&text[..at], 3600.0),
        _ => (text, 1.0),
    };
    let number: f64 = number.parse().map_err(|_| "not a time: say it as 30s, 10m or 1h".to_owned())?;
    match Duration::try_from_secs_f64(number * seconds) {
        Ok(time) if !time.is_zero() => Ok(time),
        _ => Err("must be above 0".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        pair: PairArgs,
    }

    /// The flags of a line to paste, for a command with these words.
    fn check<const N: usize>(words: &[&str], against: [&str; N], expected: &str) {
        let line = Line::try_parse_from(std::iter::once(&"dst").chain(words)).expect("they are arguments");
        assert_eq!(line.pair.command(&against.map(str::to_owned)).flags, expected, "{words:?}");
    }

    #[test]
    fn a_line_to_paste_leads_to_the_same_comparison() {
        check(&["--redis", "/a b", "--timeout", "0.5"], ["redis"], "--against redis --redis '/a b' --timeout 0.5");
        check(
            &["--redis", "x", "--allow-flush", "--timeout", "5"],
            ["redis"],
            "--against redis --redis x --allow-flush",
        );
        check(&["--errors", "code"], ["redis", "redis:/a b"], "--against redis --against 'redis:/a b' --errors code");
        check(&[], [], "");
    }

    #[test]
    fn groups_are_named_once_or_all() {
        #[derive(Parser)]
        struct Line {
            #[command(flatten)]
            groups: GroupsArgs,
        }
        let check = |words: &[&str], expected: &str| {
            let line = Line::try_parse_from(std::iter::once(&"dst").chain(words)).expect("they are arguments");
            let names: Vec<&str> = line.groups.groups().iter().map(|group| group.name).collect();
            assert_eq!(names.join(" "), expected, "{words:?}");
        };
        let all = generate::groups().iter().filter(|group| group.module().is_none());
        let all: Vec<&str> = all.map(|group| group.name).collect();
        check(&[], "mixed");
        check(&["--group", "lists", "--group", "sets,lists"], "lists sets");
        check(&["--group", "all"], &all.join(" "));
    }

    #[test]
    fn a_line_to_paste_holds_no_password() {
        check(
            &["--redis", "redis://ann:s3cret@h:1", "--subject", "redis://:p@ss/w@h:2/3"],
            ["rediss://u:p@h"],
            "--against rediss://u:PASSWORD@h --subject redis://:PASSWORD@h:2/3 --redis redis://ann:PASSWORD@h:1",
        );
        check(
            &["--redis", "redis://ann@h", "--subject", "redis://h:1"],
            ["redis"],
            "--against redis --subject redis://h:1 --redis redis://ann@h",
        );
    }
}
