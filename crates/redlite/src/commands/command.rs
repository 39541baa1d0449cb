//! COMMAND: what commands there are.
//!
//! It tells what the rows of `spec` hold; of what they do not, such as complexities, nothing.

use super::{Context, Outcome, Row, all};
use crate::failure::{refuse, texts};
use crate::glob;
use resp::{Argv, Reply};
use spec::{self, Command, Family, Keys};

pub(super) const COMMANDS: &[Row] = &[
    ("COMMAND", command),
    ("COMMAND COUNT", count),
    ("COMMAND DOCS", docs),
    ("COMMAND GETKEYS", getkeys),
    ("COMMAND INFO", info),
    ("COMMAND LIST", list),
];

/// Redis' name for a family in COMMAND DOCS, and its category.
fn group(family: Family) -> (&'static str, &'static str) {
    match family {
        Family::Strings => ("string", "@string"),
        Family::Lists => ("list", "@list"),
        Family::Hashes => ("hash", "@hash"),
        Family::Sets => ("set", "@set"),
        Family::SortedSets => ("sorted-set", "@sortedset"),
        Family::Bitmaps => ("bitmap", "@bitmap"),
        Family::HyperLogLog => ("hyperloglog", "@hyperloglog"),
        Family::Geo => ("geo", "@geo"),
        Family::Streams => ("stream", "@stream"),
        Family::Keys | Family::Expiry => ("generic", "@keyspace"),
        Family::Transactions => ("transactions", "@transaction"),
        Family::PubSub => ("pubsub", "@pubsub"),
        Family::Blocking => ("generic", "@blocking"),
        Family::Search => ("module", "@read"),
        Family::Connection => ("connection", "@connection"),
        Family::Server => ("server", "@dangerous"),
    }
}

/// `xgroup|create`
fn told_name(command: &Command) -> String {
    command.name.to_ascii_lowercase().replace(' ', "|")
}

fn is_subcommand(command: &Command) -> bool {
    command.name.contains(' ')
}

/// The subcommands of a container.
fn subcommands(container: &Command) -> impl Iterator<Item = &'static Command> {
    let name = container.name;
    all().filter(move |command| command.name.split_once(' ').is_some_and(|(first, _)| first == name))
}

/// The command of a name as COMMAND tells it.
fn find(name: &[u8]) -> Option<&'static Command> {
    all().find(|command| told_name(command).as_bytes().eq_ignore_ascii_case(name))
}

fn command(context: &mut Context<'_>) -> Outcome {
    Ok(Reply::Array(all().filter(|command| !is_subcommand(command)).map(|it| describe(context, it)).collect()))
}

fn count(_: &mut Context<'_>) -> Outcome {
    Ok(Reply::Int(all().filter(|command| !is_subcommand(command)).count() as i64))
}

fn describe(context: &Context<'_>, command: &Command) -> Reply {
    let is_movable = !matches!(command.keys, Keys::Range { .. } | Keys::None);
    let is_reading = !command.writes && command.keys != Keys::None;
    let flags = [(command.writes, "write"), (is_reading, "readonly"), (is_movable, "movablekeys")];
    let flags = flags.iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| Reply::Simple((*flag).into()));
    let access = if command.writes { "@write" } else { "@read" };
    let categories = [access, group(command.family).1].map(|category| Reply::Simple(category.into()));
    let [first, last, step] = command.keys.fixed_range().map(Reply::Int);
    let subcommands = subcommands(command).map(|sub| describe(context, sub)).collect();
    Reply::Array(vec![
        Reply::bulk(told_name(command)),
        Reply::Int(command.arity.into()),
        context.set(flags.collect()),
        first,
        last,
        step,
        context.set(categories.to_vec()),
        context.set(Vec::new()),
        context.set(Vec::new()),
        context.set(subcommands),
    ])
}

fn info(context: &mut Context<'_>) -> Outcome {
    if context.argv.len() == 2 {
        return Ok(Reply::Array(
            all().filter(|command| !is_subcommand(command)).map(|it| describe(context, it)).collect(),
        ));
    }
    let told = |name| find(name).map_or_else(|| context.null_array(), |command| describe(context, command));
    Ok(Reply::Array(context.args_from(2).map(told).collect()))
}

fn docs(context: &mut Context<'_>) -> Outcome {
    let wanted: Vec<&Command> = match context.argv.len() {
        2 => all().filter(|command| !is_subcommand(command)).collect(),
        _ => context.args_from(2).filter_map(find).collect(),
    };
    let told = |command: &Command| {
        let summary = format!("{} {}", command.name, command.syntax);
        let facts = vec![
            (Reply::bulk("summary"), Reply::bulk(summary.trim_end())),
            (Reply::bulk("group"), Reply::bulk(group(command.family).0)),
        ];
        (Reply::bulk(told_name(command)), context.map(facts))
    };
    Ok(context.map(wanted.into_iter().map(told).collect()))
}

fn list(context: &mut Context<'_>) -> Outcome {
    let value = context.argv.get(4).unwrap_or_default();
    let category = [b"@", value].concat().to_ascii_lowercase();
    let is_in_category = |command: &Command| match category.as_slice() {
        b"@write" => command.writes,
        b"@read" => !command.writes && command.keys != Keys::None,
        category => group(command.family).1.as_bytes() == category,
    };
    let is_filter = context.argv.len() == 5 && context.is_word(2, "FILTERBY");
    let pattern = value.to_ascii_lowercase();
    let names: Vec<String> = match () {
        () if context.argv.len() == 2 => all().map(told_name).collect(),
        () if is_filter && context.is_word(3, "MODULE") => Vec::new(),
        () if is_filter && context.is_word(3, "ACLCAT") => {
            all().filter(|command| is_in_category(command)).map(told_name).collect()
        }
        () if is_filter && context.is_word(3, "PATTERN") => {
            all().map(told_name).filter(|name| glob::matches(&pattern, name.as_bytes())).collect()
        }
        () => return refuse(texts::SYNTAX),
    };
    Ok(Reply::Array(names.into_iter().map(Reply::bulk).collect()))
}

fn getkeys(context: &mut Context<'_>) -> Outcome {
    let argv: Argv = context.args_from(2).collect();
    let command = spec::lookup_request(&argv).filter(|command| all().any(|other| other.name == command.name));
    let Some(command) = command.filter(|command| !spec::is_container(command) || command.name == "COMMAND") else {
        return refuse("ERR Invalid command specified");
    };
    if command.keys == Keys::None {
        return refuse("ERR The command has no key arguments");
    }
    if !command.accepts(argv.len()) {
        return refuse("ERR Invalid number of arguments specified for command");
    }
    if let Keys::Counted { count_at, .. } = command.keys {
        let count = argv.get(count_at).and_then(|count| std::str::from_utf8(count).ok()?.parse::<usize>().ok());
        if !count.is_some_and(|count| (1..argv.len() - count_at).contains(&count)) {
            return refuse("ERR Invalid arguments specified for command");
        }
    }
    Ok(Reply::Array(command.keys(&argv).into_iter().map(Reply::bulk).collect()))
}

#[cfg(test)]
mod tests {
    use super::super::transcript::check;

    #[test]
    fn commands_are_told_by_their_rows() {
        check(
            "> COMMAND INFO get nosuch
             [[\"get\" 2 [readonly] 1 1 1 [@read @string] [] [] []] nil array]
             > COMMAND LIST FILTERBY PATTERN CLIENT|UN*
             [\"client|unblock\" \"client|unpause\"]
             > COMMAND GETKEYS zunionstore d 2 a b
             [\"d\" \"a\" \"b\"]
             > COMMAND GETKEYS zunionstore d 5 a b
             -ERR Invalid arguments specified for command
             > COMMAND GETKEYS nosuch x
             -ERR Invalid command specified
             > COMMAND GETKEYS ping x
             -ERR The command has no key arguments
             > COMMAND GETKEYS get a b
             -ERR Invalid number of arguments specified for command
             > COMMAND DOCS get
             [\"get\" [\"summary\" \"GET key\" \"group\" \"string\"]]
             > COMMAND FOO
             -ERR unknown subcommand 'FOO'. Try COMMAND HELP.",
        );
    }
}
