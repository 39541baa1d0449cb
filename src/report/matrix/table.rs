//! The matrix as tables of text, one a family, without the columns in which there is nothing.

use std::collections::BTreeSet;

use super::{Counts, Matrix, Row};
use crate::diff::kind::name_kind;
use resp::Kind;
use spec::Family;

/// One family's table.
#[derive(Debug)]
pub(in crate::report) struct Section {
    /// The family.
    pub name: &'static str,
    /// What stands above the columns.
    pub headers: Vec<&'static str>,
    /// A line a command, with a cell a column.
    pub lines: Vec<Vec<Cell>>,
}

/// One cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::report) struct Cell {
    /// A number above 0, words, or nothing.
    pub value: Value,
    /// How it is shown.
    pub tone: Tone,
}

/// What a cell holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::report) enum Value {
    Words(String),
    Number(u64),
}

/// How much a cell matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::report) enum Tone {
    Plain,
    Warn,
    Bad,
}

impl Cell {
    /// Its text, with numbers as `digits` writes them; a 0 is nothing.
    pub fn text(&self, digits: fn(u64) -> String) -> String {
        match &self.value {
            Value::Words(words) => words.clone(),
            Value::Number(0) => String::new(),
            Value::Number(number) => digits(*number),
        }
    }

    /// True for what is set to the right of its column.
    pub fn is_number(&self) -> bool {
        matches!(self.value, Value::Number(_))
    }

    fn is_empty(&self) -> bool {
        match &self.value {
            Value::Words(words) => words.is_empty(),
            Value::Number(number) => *number == 0,
        }
    }
}

/// A column: its header, and its cell for a command.
struct Column {
    header: &'static str,
    cell: Box<dyn Fn(&Row) -> Cell>,
}

impl Column {
    fn number(header: &'static str, tone: fn(&Counts) -> Tone, count: impl Fn(&Counts) -> u64 + 'static) -> Self {
        let cell = move |row: &Row| Cell { value: Value::Number(count(&row.counts)), tone: tone(&row.counts) };
        Self { header, cell: Box::new(cell) }
    }

    fn words(header: &'static str, cell: fn(&Row) -> Cell) -> Self {
        Self { header, cell: Box::new(cell) }
    }
}

/// The columns for commands that got replies of these kinds.
fn columns(kinds: BTreeSet<Kind>) -> Vec<Column> {
    let plain: fn(&Counts) -> Tone = |_| Tone::Plain;
    let failed: fn(&Counts) -> Tone = |counts| if counts.succeeded == 0 { Tone::Bad } else { Tone::Plain };
    let mut columns = vec![
        Column::words("command", |row| {
            let tone = if row.counts.succeeded == 0 { Tone::Bad } else { Tone::Plain };
            Cell { value: Value::Words(row.command.to_owned()), tone }
        }),
        Column::number("requests", failed, |counts| counts.requests),
        Column::number("succeeded", plain, |counts| counts.succeeded),
    ];
    let of_kind = |kind: Kind| {
        Column::number(name_kind(kind), plain, move |counts| counts.replies.get(&kind).copied().unwrap_or_default())
    };
    columns.extend(kinds.into_iter().filter(|kind| !matches!(kind, Kind::Error | Kind::BulkError)).map(of_kind));
    columns.extend([
        Column::number("errors", plain, Counts::refused),
        Column::number("texts", plain, |counts| counts.errors.len() as u64),
        Column::number("agreed", plain, |counts| counts.agreed),
        Column::number("not compared", |_| Tone::Warn, |counts| counts.not_compared),
        Column::number("known", |_| Tone::Warn, |counts| counts.known),
        Column::number("drift", |_| Tone::Warn, |counts| counts.drift),
        Column::number("unsupported", |_| Tone::Warn, |counts| counts.unsupported),
        Column::number("diverged", |_| Tone::Bad, |counts| counts.diverged),
        Column::words("options", options_cell),
    ]);
    columns
}

/// `7/9, never EXAT PXAT`
fn options_cell(row: &Row) -> Cell {
    let unseen: Vec<&str> = row.options_unseen().collect();
    let count = row.options.len();
    let (words, tone) = match (count, unseen.len()) {
        (0, _) => (String::new(), Tone::Plain),
        (_, 0) => (format!("{count}/{count}"), Tone::Plain),
        (_, missing) => (format!("{}/{count}, never {}", count - missing, unseen.join(" ")), Tone::Warn),
    };
    Cell { value: Value::Words(words), tone }
}

/// The commands that were sent, a table a family.
pub(in crate::report) fn sections(matrix: &Matrix) -> Vec<Section> {
    let mut families: Vec<Family> = matrix.rows.iter().map(|row| row.family).collect();
    families.dedup();
    let sent = |family| matrix.rows.iter().filter(move |row| row.family == family && row.counts.requests > 0);
    families.into_iter().filter_map(|family| section(family, &sent(family).collect::<Vec<_>>())).collect()
}

fn section(family: Family, rows: &[&Row]) -> Option<Section> {
    let kinds: BTreeSet<Kind> = rows.iter().flat_map(|row| row.counts.replies.keys().copied()).collect();
    let (mut headers, mut lines) = (Vec::new(), vec![Vec::new(); rows.len()]);
    for column in columns(kinds) {
        let cells: Vec<Cell> = rows.iter().map(|row| (column.cell)(row)).collect();
        if cells.iter().all(Cell::is_empty) {
            continue;
        }
        headers.push(column.header);
        lines.iter_mut().zip(cells).for_each(|(line, cell)| line.push(cell));
    }
    (!rows.is_empty()).then_some(Section { name: family.name(), headers, lines })
}

impl Matrix {
    /// The commands of the tables that were not sent.
    pub(in crate::report) fn unsent(&self) -> Vec<&'static str> {
        self.rows.iter().filter(|row| row.counts.requests == 0).map(|row| row.command).collect()
    }

    /// The commands that are left out, by reason, in the order of the first of each. Subcommands that share the reason
    /// of their command are counted with it: `ACL (13 subcommands)`.
    pub(in crate::report) fn left_out_by_reason(&self) -> Vec<(&'static str, Vec<String>)> {
        let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
        for left_out in &self.left_out {
            match reasons.iter_mut().find(|(reason, _)| *reason == left_out.reason) {
                Some((_, commands)) => commands.push(left_out.command),
                None => reasons.push((left_out.reason, vec![left_out.command])),
            }
        }
        reasons.into_iter().map(|(reason, commands)| (reason, fold_subcommands(&commands))).collect()
    }
}

fn fold_subcommands(commands: &[&str]) -> Vec<String> {
    let container = |command: &str| command.split_once(' ').map(|(container, _)| container.to_owned());
    let is_folded = |command: &str| container(command).is_some_and(|container| commands.contains(&container.as_str()));
    let describe = |&command: &&str| {
        let count = commands.iter().filter(|other| container(other).as_deref() == Some(command)).count();
        match count {
            0 => command.to_owned(),
            1 => format!("{command} (1 subcommand)"),
            _ => format!("{command} ({count} subcommands)"),
        }
    };
    commands.iter().filter(|command| !is_folded(command)).map(describe).collect()
}
