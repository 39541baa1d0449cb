use std::io::Write;

use anyhow::{Context, ensure};
use clap::Subcommand;

use super::options::{AgainstArgs, CorpusArgs, GroupArgs};
use super::replays::{ReplaysArgs, Round};
use super::{Outcome, output};
use crate::campaign::replay::Replays;
use crate::corpus::{SeedBank, SeedEntry};
use crate::generate;
use crate::report::style::{FAINT, STRONG};
use crate::seed::Seed;

/// Wide enough for most seeds with their groups.
const NAME_WIDTH: usize = 32;

/// The seed bank, corpus/seeds.txt: list, add, run
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    dst seeds add 17 --group lists \"LPOS with a negative RANK\"\n  \
    dst seeds test")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the bank
    List {
        #[command(flatten)]
        corpus: CorpusArgs,
    },
    /// Add a seed
    Add {
        /// The seed
        seed: Seed,

        /// Why it is worth keeping
        description: String,

        #[command(flatten)]
        group: GroupArgs,

        #[command(flatten)]
        corpus: CorpusArgs,
    },
    /// Run every seed of the bank
    Test {
        #[command(flatten)]
        against: AgainstArgs,

        /// Operations for each seed
        #[arg(long, value_name = "N", default_value_t = 100)]
        ops: u64,

        #[command(flatten)]
        args: ReplaysArgs,
    },
}

pub(super) fn run(args: Args) -> anyhow::Result<Outcome> {
    match args.command {
        Command::List { corpus } => list(&corpus),
        Command::Add { seed, description, group, corpus } => {
            add(SeedEntry { seed, group: group.group.name.to_owned(), description }, &corpus)
        }
        Command::Test { against, ops, args } => test(&against.against, ops, &args),
    }
}

fn list(corpus: &CorpusArgs) -> anyhow::Result<Outcome> {
    let bank = SeedBank::load(&corpus.seeds())?;
    let mut out = output::open_text(None)?;
    let width = bank.entries.iter().map(|entry| entry.seed.to_string().len()).max().unwrap_or(0);
    let group_width = bank.entries.iter().map(|entry| entry.group.len()).max().unwrap_or(0);
    for SeedEntry { seed, group, description } in &bank.entries {
        let seed = seed.to_string();
        writeln!(out, "{STRONG}{seed:>width$}{STRONG:#}  {group:group_width$}  {FAINT}{description}{FAINT:#}")?;
    }
    out.flush()?;
    Ok(Outcome::Agree)
}

fn add(entry: SeedEntry, corpus: &CorpusArgs) -> anyhow::Result<Outcome> {
    let path = corpus.seeds();
    let new = SeedBank::load(&path)?.add(&path, entry)?;
    let mut out = output::open_text(None)?;
    writeln!(out, "{}", if new { "added" } else { "the bank holds this seed and group already" })?;
    out.flush()?;
    Ok(Outcome::Agree)
}

fn test(against: &[String], ops: u64, args: &ReplaysArgs) -> anyhow::Result<Outcome> {
    let path = args.corpus.seeds();
    let bank = SeedBank::load(&path)?;
    ensure!(!bank.entries.is_empty(), "{} holds no seeds: `dst seeds add` adds one", path.display());
    let stage = args.stage(against)?;
    let round = Round { verb: "comparing", count: bank.entries.len(), unit: "seeds", width: NAME_WIDTH };
    let replay = |replays: &mut Replays, SeedEntry { seed, group, .. }: &SeedEntry| {
        let group = generate::group(group)
            .with_context(|| format!("{}: there is no group {group:?} for seed {seed}", path.display()))?;
        Ok(replays.seed(*seed, group, ops)?)
    };
    let name = |entry: &&SeedEntry| format!("seed {} of {}", entry.seed, entry.group);
    stage.run(&round, &bank.entries, name, replay, |_, _| {})
}
