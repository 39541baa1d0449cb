//! Bugs: the table of their kinds, how the parameters of one are drawn, and how bugs are named.

use std::collections::BTreeSet;

use redlite_dst::seed::{Seed, Stream};
use redlite_dst::targets::canary::{Canary, canaries, is_word};
use redlite_dst::trace::Op;
use redlite_dst::trace::text::parse_op;
use resp::{Argv, Reply};

use super::turn::Turn;
use super::{
    blocking, connections, expiry, hashes, keys, lists, pubsub, replies, server_commands, sets, sorted_sets, streams,
    strings, transactions,
};

/// A kind of bug: a row of the table.
pub struct Kind {
    /// What it is called in a list of bugs.
    pub id: &'static str,
    /// What is wrong, with `{parameter}` where one stands for a value.
    pub wrong: &'static str,
    /// The commands that it gets wrong, separated by blanks; `*` for all.
    pub commands: &'static str,
    /// Its parameters: a name, and the values that are drawn from. What stands behind a `|` in a value goes with it.
    pub parameters: &'static [(&'static str, &'static [&'static str])],
    /// A shortest trace that shows it, one op a line.
    ///
    /// `{parameter}` stands for a value, `{parameter.1}` for what goes with it, `{items:parameter}` for one word more than
    /// the parameter says, `{pairs:parameter}` for one pair more, `{bytes:parameter}` for a word of one byte more.
    pub trace: &'static str,
    /// Kinds that cannot be told apart from it, that hide it, or that are wrong only together with it: what dst reads a
    /// store by where the one is missing is what the other gets wrong.
    pub excludes: &'static [&'static str],
    /// What it does where the server would run such a command.
    pub run: fn(&mut Turn, &Argv) -> Reply,
    /// Where it works.
    pub scope: Scope,
}

/// Where a bug works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// On commands that run at once; what is queued in a transaction is run rightly.
    Alone,
    /// Also between MULTI and EXEC.
    Multi,
    /// As alone, and it ends the whole server.
    Fatal,
    /// As alone, but whether it shows depends on the machine's time or on how requests arrive: the exceptions.
    Timing,
}

impl Kind {
    /// A kind without parameters that works alone, for rows to start from.
    pub const BASE: Kind = Kind {
        id: "",
        wrong: "",
        commands: "",
        parameters: &[],
        trace: "",
        excludes: &[],
        run: |turn, argv| turn.pass(argv),
        scope: Scope::Alone,
    };
}

/// Every family's kinds.
const FAMILIES: &[&[Kind]] = &[
    strings::KINDS,
    lists::KINDS,
    hashes::KINDS,
    sets::KINDS,
    sorted_sets::KINDS,
    streams::KINDS,
    keys::KINDS,
    expiry::KINDS,
    transactions::KINDS,
    blocking::KINDS,
    pubsub::KINDS,
    connections::KINDS,
    server_commands::KINDS,
    replies::KINDS,
];

#[derive(Clone, Copy)]
enum Source {
    Row(&'static Kind),
    Canary(&'static Canary),
}

impl Source {
    fn id(self) -> &'static str {
        match self {
            Source::Row(kind) => kind.id,
            Source::Canary(canary) => canary.name,
        }
    }

    fn parameters(self) -> &'static [(&'static str, &'static [&'static str])] {
        match self {
            Source::Row(kind) => kind.parameters,
            Source::Canary(_) => &[],
        }
    }
}

/// All kinds: the table's rows, and every canary of dst.
fn sources() -> Vec<Source> {
    let rows = FAMILIES.iter().copied().flatten().map(Source::Row);
    rows.chain(canaries().map(Source::Canary)).collect()
}

/// How many kinds there are.
pub fn count_kinds() -> usize {
    sources().len()
}

/// A bug: a kind, and its parameters.
#[derive(Clone)]
pub struct Bug {
    source: Source,
    /// A value for each of the kind's parameters, with what goes with it.
    values: Vec<(&'static str, &'static str)>,
    commands: Vec<String>,
}

impl Bug {
    fn new(source: Source, values: Vec<(&'static str, &'static str)>) -> Self {
        let commands = match source {
            Source::Row(kind) => fill_in(kind.commands, &values).split(' ').map(str::to_owned).collect(),
            Source::Canary(canary) => canary.commands.iter().map(|&name| name.to_owned()).collect(),
        };
        Self { source, values, commands }
    }

    /// Of this kind, with parameters that are drawn.
    fn draw(source: Source, stream: &mut Stream) -> Self {
        let values = source.parameters().iter().map(|&(name, choices)| (name, *stream.pick(choices)));
        Self::new(source, values.collect())
    }

    /// Its kind's name.
    pub fn id(&self) -> &'static str {
        self.source.id()
    }

    /// How it is named: `id`, or `id@parameter=value@parameter=value`.
    pub fn name(&self) -> String {
        let values = self.values.iter().map(|(name, value)| format!("@{name}={}", first_part(value)));
        format!("{}{}", self.source.id(), values.collect::<String>())
    }

    /// What is wrong, in words.
    pub fn wrong(&self) -> String {
        match self.source {
            Source::Row(kind) => fill_in(kind.wrong, &self.values),
            Source::Canary(canary) => canary.slip.to_owned(),
        }
    }

    /// A shortest trace that shows it, in text form.
    pub fn trace(&self) -> String {
        match self.source {
            Source::Row(kind) => fill_in(kind.trace, &self.values),
            Source::Canary(canary) => {
                let is_no_longer = !canary.in_keyspace.is_empty()
                    && canary.in_keyspace.lines().count() <= canary.in_replies.lines().count();
                let trace = if is_no_longer { canary.in_keyspace } else { canary.in_replies };
                trace.to_owned()
            }
        }
    }

    /// The ops of its shortest trace.
    pub fn ops(&self) -> Vec<Op> {
        let trace = self.trace();
        let parse =
            |line: &str| parse_op(line.as_bytes()).unwrap_or_else(|why| panic!("{}: {line}: {why}", self.name()));
        trace.lines().map(parse).collect()
    }

    /// The fewest ops that are known to show it.
    pub fn ops_min(&self) -> usize {
        self.trace().lines().count()
    }

    /// Where it works.
    pub fn scope(&self) -> Scope {
        match self.source {
            Source::Row(kind) => kind.scope,
            Source::Canary(canary) if is_bracket(canary) => Scope::Multi,
            Source::Canary(_) => Scope::Alone,
        }
    }

    /// The value of a parameter.
    pub fn value(&self, parameter: &str) -> &'static str {
        self.part(parameter, 0)
    }

    /// The part number `at` of the value of a parameter: the value itself is number 0.
    pub fn part(&self, parameter: &str, at: usize) -> &'static str {
        let found = self.values.iter().find(|(name, _)| *name == parameter);
        let part = found.and_then(|(_, value)| value.split('|').nth(at));
        part.unwrap_or_else(|| panic!("{} has no parameter {parameter} of {at} parts", self.name()))
    }

    /// True for a command that it gets wrong.
    pub fn is_of(&self, command: &[u8]) -> bool {
        self.commands.iter().any(|name| name == "*" || is_word(command, name))
    }

    /// True for a request that it is in the way of.
    pub fn touches(&self, argv: &Argv) -> bool {
        self.is_of(&argv[0])
    }

    /// True where it works between MULTI and EXEC, too.
    pub fn works_in_multi(&self) -> bool {
        self.scope() == Scope::Multi
    }

    /// Answers a request, wrongly.
    pub fn run(&self, turn: &mut Turn, argv: &Argv) -> Reply {
        match self.source {
            Source::Row(kind) => (kind.run)(turn, argv),
            Source::Canary(canary) => canary.execute(turn, argv),
        }
    }

    /// True where one of them hides the other.
    fn hides(&self, other: &Bug) -> bool {
        let excludes = |one: &Bug, other: &Bug| match one.source {
            Source::Row(kind) => kind.excludes.contains(&other.source.id()),
            Source::Canary(_) => false,
        };
        // It hides what is wrong with the command, and what takes the command to be seen.
        let lacks = |one: &Bug, other: &Bug| {
            let is_hidden = |name: &String| other.commands.contains(name) || other.needs(name.as_bytes());
            one.is_lack() && one.commands.iter().any(|name| name != "*" && is_hidden(name))
        };
        excludes(self, other) || excludes(other, self) || lacks(self, other) || lacks(other, self)
    }

    /// True where its shortest trace has this command.
    fn needs(&self, command: &[u8]) -> bool {
        self.ops().iter().filter_map(Op::argv).any(|argv| argv[0].eq_ignore_ascii_case(command))
    }

    /// True where it takes a whole command, so that nothing else can be wrong with it.
    fn is_lack(&self) -> bool {
        let Source::Row(kind) = self.source else { return false };
        let takes_all: [fn(&mut Turn, &Argv) -> Reply; 3] = [replies::lack, connections::hang, connections::close];
        takes_all.iter().any(|run| std::ptr::fn_addr_eq(*run, kind.run))
    }
}

fn is_bracket(canary: &Canary) -> bool {
    canary.commands.iter().all(|name| ["MULTI", "EXEC", "DISCARD", "WATCH"].contains(name))
}

/// So many different bugs, drawn by seed. None hides another.
///
/// # Panics
/// Where the table has not so many kinds.
pub fn draw(seed: Seed, count: usize) -> Vec<Bug> {
    let mut stream = seed.stream_in("panel", "bugs");
    let mut left = sources();
    let mut bugs: Vec<Bug> = Vec::new();
    while bugs.len() < count {
        assert!(
            !left.is_empty(),
            "a panel of {count} bugs: there are only {} that hide none of the others",
            bugs.len()
        );
        let source = left.swap_remove(stream.below(left.len() as u32) as usize);
        let bug = Bug::draw(source, &mut stream);
        if !bugs.iter().any(|other| other.hides(&bug)) {
            bugs.push(bug);
        }
    }
    // What a server makes of every command stands before what is wrong with one.
    bugs.sort_by_key(|bug| (!bug.is_of(b"*"), bug.name()));
    bugs
}

/// One bug of each kind, with every value of its first parameter.
pub fn every_bug() -> Vec<Bug> {
    let mut bugs = Vec::new();
    for source in sources() {
        let mut stream = Seed(0).stream_in("panel", source.id());
        match source.parameters().split_first() {
            None => bugs.push(Bug::new(source, Vec::new())),
            Some((&(name, choices), others)) => bugs.extend(choices.iter().map(|&value| {
                let others = others.iter().map(|&(name, choices)| (name, *stream.pick(choices)));
                Bug::new(source, [(name, value)].into_iter().chain(others).collect())
            })),
        }
    }
    bugs
}

/// The bugs that a text names: `none`, or names of bugs and `seed=S,count=N`, separated by commas.
///
/// # Errors
/// A text that says what is no bug, for people.
pub fn parse(text: &str) -> Result<Vec<Bug>, String> {
    let mut bugs = Vec::new();
    let mut seed = None;
    for word in text.split(',').filter(|word| !word.is_empty() && *word != "none") {
        if let Some(value) = word.strip_prefix("seed=") {
            seed = Some(value.parse::<Seed>().map_err(|why| format!("{word}: {why}"))?);
        } else if let Some(value) = word.strip_prefix("count=") {
            let seed = seed.ok_or_else(|| format!("{word} stands behind no seed=S"))?;
            bugs.extend(draw(seed, value.parse().map_err(|why| format!("{word}: {why}"))?));
        } else {
            bugs.push(parse_one(word)?);
        }
    }
    let names: BTreeSet<String> = bugs.iter().map(Bug::name).collect();
    if names.len() < bugs.len() { Err(format!("{text} names a bug twice")) } else { Ok(bugs) }
}

fn parse_one(text: &str) -> Result<Bug, String> {
    let mut parts = text.split('@');
    let id = parts.next().unwrap_or_default();
    let source = sources().into_iter().find(|source| source.id() == id);
    let source = source.ok_or_else(|| format!("there is no bug {id:?}"))?;
    let given: Vec<(&str, &str)> = parts.filter_map(|part| part.split_once('=')).collect();
    let mut values = Vec::new();
    for &(name, choices) in source.parameters() {
        let value = given.iter().find(|(given, _)| *given == name).map(|(_, value)| *value);
        let value = value.ok_or_else(|| format!("{text} does not say its {name}: {id}@{name}=…"))?;
        let found = choices.iter().find(|choice| first_part(choice) == value);
        let all = || choices.iter().map(|choice| first_part(choice)).collect::<Vec<_>>().join(", ");
        values.push((name, *found.ok_or_else(|| format!("{text}: {name} is one of {}", all()))?));
    }
    Ok(Bug::new(source, values))
}

fn first_part(value: &'static str) -> &'static str {
    value.split('|').next().unwrap_or(value)
}

/// Puts values where their parameters stand, and what they say into what stands in values.
fn fill_in(text: &str, values: &[(&'static str, &'static str)]) -> String {
    let mut filled = text.to_owned();
    for (name, value) in values {
        for (at, part) in value.split('|').enumerate().skip(1) {
            filled = filled.replace(&format!("{{{name}.{at}}}"), part);
        }
        let value = first_part(value);
        filled = filled.replace(&format!("{{{name}}}"), value);
        if let Ok(count) = value.parse::<usize>() {
            let words = |write: fn(usize) -> String| (0..=count).map(write).collect::<Vec<_>>().join(" ");
            filled = filled.replace(&format!("{{items:{name}}}"), &words(|at| format!("i{at}")));
            filled = filled.replace(&format!("{{pairs:{name}}}"), &words(|at| format!("{at} m{at}")));
            filled = filled.replace(&format!("{{bytes:{name}}}"), &"x".repeat(count + 1));
        }
    }
    filled
}

#[test]
fn panels_are_drawn_by_seed_and_named() {
    let names = |bugs: &[Bug]| bugs.iter().map(Bug::name).collect::<Vec<_>>();
    let drawn = draw(Seed(7), 80);
    assert_eq!(names(&draw(Seed(7), 80)), names(&drawn), "the same seed draws the same bugs");
    assert_ne!(names(&draw(Seed(8), 80)), names(&drawn));
    let again: Vec<Bug> = drawn.iter().map(|bug| parse(&bug.name()).expect("a name is read").remove(0)).collect();
    assert_eq!(names(&again), names(&drawn));
    assert!(count_kinds() >= 80, "{} kinds", count_kinds());
    let ids: BTreeSet<&str> = sources().into_iter().map(Source::id).collect();
    assert_eq!(ids.len(), count_kinds(), "an id names one kind");
    let wrong = |text: &str| parse(text).err().unwrap_or_default();
    assert_eq!(wrong("yellow"), "there is no bug \"yellow\"");
    assert_eq!(wrong("count=4"), "count=4 stands behind no seed=S");
    assert_eq!(wrong("lrange-end,lrange-end"), "lrange-end,lrange-end names a bug twice");
}
