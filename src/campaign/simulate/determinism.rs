//! Whether a seed is one run, to the last event: twice in one process, in another process, and in another build of the
//! same commit.

use std::collections::BTreeMap;
use std::env;
use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;

use super::script::{self, Script};
use super::{Options, examine};
use crate::campaign::CampaignError;
use crate::campaign::sessions::in_parallel;
use crate::seed::{FNV_START, Seed, fnv1a};
use crate::targets::simulated::Story;

/// Of so many runs at most it is told where another process differs.
const TOLD_MAX: usize = 8;

/// What of each run is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Print {
    /// A line: the scenario, the seed, and a hash of every event.
    Hashes,
    /// Every event, a line each.
    Events,
}

impl Print {
    /// Every one, with its name.
    pub const NAMED: [(&str, Print); 2] = [("hashes", Print::Hashes), ("events", Print::Events)];

    fn name(self) -> &'static str {
        Self::NAMED.iter().find(|(_, print)| *print == self).map_or("", |(name, _)| name)
    }
}

/// Every event of a run, a line each: what clients saw, what each process did, and what was left.
pub(super) fn lines(story: &Story) -> Vec<String> {
    let events = story.events.iter().map(|event| format!("{event:?}"));
    let lives = story.lives.iter().flat_map(|life| {
        let entries = life.journal.iter().map(|entry| format!("{entry:?}"));
        entries.chain(life.ended.iter().map(|ended| format!("{ended:?}")))
    });
    let rest = format!("{:?} {:?} {:?} {} ms", story.struck, story.reached, story.held, story.took_ms);
    events.chain(lives).chain([rest]).collect()
}

/// A hash of every event, which these lines are.
pub(super) fn hash(lines: &[String]) -> u64 {
    lines.iter().fold(FNV_START, |hash, line| fnv1a(fnv1a(hash, line.as_bytes()), b"\n"))
}

/// The first event of two runs that is not the same, for people.
pub(super) fn first_difference<T: AsRef<str>>(one: &[String], other: &[T]) -> Option<String> {
    let other: Vec<&str> = other.iter().map(AsRef::as_ref).collect();
    let at = (0..one.len().max(other.len())).find(|&at| one.get(at).map(String::as_str) != other.get(at).copied())?;
    let tell = |line: Option<&str>| line.map_or("nothing more".to_owned(), str::to_owned);
    Some(format!("event {at}: {}, then {}", tell(one.get(at).map(String::as_str)), tell(other.get(at).copied())))
}

/// Runs every seed of every scenario, and prints what is asked for, in their order.
///
/// # Errors
/// Infrastructure only.
pub fn print(options: &Options, print: Print, out: &mut dyn Write) -> Result<io::Result<()>, CampaignError> {
    let printed = in_parallel(
        options.jobs,
        usize::try_from(options.runs()).unwrap_or(usize::MAX),
        || Ok(()),
        |at, ()| {
            if options.stop.load(Ordering::Relaxed) {
                return Ok(String::new());
            }
            let (scenario, seed) = options.run_at(at);
            let Script { header, ops, .. } =
                script::write(options.scenarios[scenario], seed, options.clients, options.turns);
            let Some(story) = examine(&header, &ops, options.canary)?.story else { return Ok(String::new()) };
            Ok(match print {
                Print::Hashes => format!("{} {seed} {:016x}\n", options.scenarios[scenario].name, hash(&lines(&story))),
                Print::Events => lines(&story).join("\n") + "\n",
            })
        },
    )?;
    Ok(printed.iter().try_for_each(|text| out.write_all(text.as_bytes())))
}

/// What a process of its own prints of these seeds: nothing where it cannot be started.
fn ask(
    options: &Options,
    print: Print,
    scenarios: &str,
    first_seed: Seed,
    seeds: u64,
) -> Result<String, CampaignError> {
    let failed = |source: io::Error| CampaignError::Simulation { why: format!("another process: {source}") };
    let mut command = Command::new(env::current_exe().map_err(failed)?);
    command.args(["simulate", "--print", print.name(), "--scenario", scenarios]);
    command.args(["--first-seed", &first_seed.to_string(), "--seeds", &seeds.to_string()]);
    command.args(["--ops", &options.turns.to_string(), "--jobs", &options.jobs.to_string()]);
    if let Some(clients) = options.clients {
        command.args(["--clients", &clients.to_string()]);
    }
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().map_err(failed)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Which of these runs another process has otherwise: each with its scenario, by its index, its seed and its hash.
///
/// # Errors
/// Where no other process can be started.
pub(super) fn differ_elsewhere(options: &Options, ran: &[(usize, u64)]) -> Result<Vec<String>, CampaignError> {
    let mut differing = Vec::new();
    if ran.is_empty() || options.stop.load(Ordering::Relaxed) {
        return Ok(differing);
    }
    let names: Vec<&str> = options.scenarios.iter().map(|scenario| scenario.name).collect();
    let printed = ask(options, Print::Hashes, &names.join(","), options.first_seed, options.seeds)?;
    let there: BTreeMap<(&str, u64), u64> = printed.lines().filter_map(parse).collect();
    let differ = ran.iter().filter(|(at, hash)| {
        let (scenario, seed) = options.run_at(*at);
        there.get(&(names[scenario], seed.0)) != Some(hash)
    });
    for &(at, _) in differ {
        if differing.len() == TOLD_MAX || options.stop.load(Ordering::Relaxed) {
            break;
        }
        let (scenario, seed) = options.run_at(at);
        let (row, name) = (options.scenarios[scenario], names[scenario]);
        let there = ask(options, Print::Events, name, seed, 1)?;
        let Script { header, ops, .. } = script::write(row, seed, options.clients, options.turns);
        let here = examine(&header, &ops, options.canary)?.story.map(|story| lines(&story)).unwrap_or_default();
        let first = first_difference(&here, &there.lines().collect::<Vec<_>>());
        let first = first.unwrap_or_else(|| "it is the same when it is run alone".to_owned());
        differing.push(format!("{} is not the same in another process: {first}", options.describe_run(at)));
    }
    Ok(differing)
}

/// A line of [`Print::Hashes`].
fn parse(line: &str) -> Option<((&str, u64), u64)> {
    let mut words = line.split(' ');
    let (scenario, seed, hash) = (words.next()?, words.next()?, words.next()?);
    Some(((scenario, seed.parse().ok()?), u64::from_str_radix(hash, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(one: &[&str], other: &[&str], expected: Option<&str>) {
        let one: Vec<String> = one.iter().map(ToString::to_string).collect();
        assert_eq!(first_difference(&one, other).as_deref(), expected);
    }

    #[test]
    fn the_first_event_that_differs_is_told() {
        check(&["a", "b"], &["a", "b"], None);
        check(&["a", "b"], &["a", "c"], Some("event 1: b, then c"));
        check(&["a"], &["a", "c"], Some("event 1: nothing more, then c"));
    }

    #[test]
    fn a_hash_is_read_as_it_is_printed() {
        assert_eq!(parse("mixed 7 00000000000000ff"), Some((("mixed", 7), 255)));
        assert_eq!(parse("mixed seven ff"), None);
    }
}
