use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use toml::Spanned;

use crate::diff::Class;

use super::{CorpusError, class, create_parent, io_error, line_at, read_if_there};

/// What stands above the rows of a file that dst wrote.
const HEAD: &str = "# Differences that are accepted: a run tells only those that are not listed here. Written by \
                    `dst oracle --accept FILE`.\n# A row that a run does not show again can go.\n";

/// The differences that a team has on the day it begins to use dst: new ones fail, and the list gets shorter. Threads
/// may share it.
#[derive(Debug, Default)]
pub struct Baseline {
    rows: BTreeMap<Key, Row>,
}

/// A class, and the shape of its minimal trace: what is left of it without its data.
type Key = (Class, String);

#[derive(Debug)]
struct Row {
    first_seen: String,
    reason: Option<String>,
    /// True once it was seen since loading.
    is_seen: AtomicBool,
}

/// One accepted difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// What it is.
    pub class: Class,
    /// The shape of its minimal trace, which tells apart what is of one class.
    pub shape: String,
    /// The day on which it was first seen: `2026-11-30`.
    pub first_seen: String,
    /// Why it is accepted, where somebody said so.
    pub reason: Option<String>,
}

/// The file as it is read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    accepted: Vec<Spanned<FileRow>>,
}

/// The file as it is written.
#[derive(Serialize)]
struct Written {
    accepted: Vec<FileRow>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileRow {
    command: String,
    rule: String,
    kind: String,
    shape: String,
    first_seen: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Baseline {
    /// Reads a baseline. No file: nothing is accepted.
    ///
    /// # Errors
    /// [`CorpusError::Io`], and [`CorpusError::Syntax`] with the line.
    pub fn load(path: &Path) -> Result<Self, CorpusError> {
        match read_if_there(path)? {
            Some(text) => Self::parse(&path.display().to_string(), &text),
            None => Ok(Self::default()),
        }
    }

    fn parse(path: &str, text: &str) -> Result<Self, CorpusError> {
        let wrong = |offset, what| CorpusError::Syntax { path: path.into(), line: line_at(text, offset), what };
        let file: File = toml::from_str(text).map_err(|error| {
            let what = format!(
                "{}; a row is [[accepted]] with command, rule, kind, shape, first_seen and perhaps reason",
                error.message()
            );
            wrong(error.span().map_or(0, |span| span.start), what)
        })?;
        let mut baseline = Self::default();
        for row in file.accepted {
            let at = row.span().start;
            let FileRow { command, rule, kind, shape, first_seen, reason } = row.into_inner();
            let class = Class { command, rule, kind };
            class::check(&class).map_err(|what| wrong(at, what))?;
            if !is_date(&first_seen) {
                return Err(wrong(at, format!("first_seen is {first_seen:?}, and no day such as 2026-11-30")));
            }
            let row = Row { first_seen, reason, is_seen: AtomicBool::new(false) };
            if baseline.rows.insert((class, shape), row).is_some() {
                return Err(wrong(at, "the difference is listed twice: keep one of the two".into()));
            }
        }
        Ok(baseline)
    }

    /// Writes it, by class, then by shape, in the place of a file that may be there.
    ///
    /// # Errors
    /// [`CorpusError::Io`]; what was there stays then.
    pub fn save(&self, path: &Path) -> Result<(), CorpusError> {
        let rows = self.rows().map(|Accepted { class, shape, first_seen, reason }| {
            let Class { command, rule, kind } = class;
            FileRow { command, rule, kind, shape, first_seen, reason }
        });
        let text = toml::to_string(&Written { accepted: rows.collect() })
            .map_err(|error| io_error(path)(std::io::Error::other(error)))?;
        create_parent(path)?;
        // Written beside and renamed, so that a run that is stopped leaves no half file.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut unfinished = NamedTempFile::new_in(folder).map_err(io_error(folder))?;
        unfinished.write_all(format!("{HEAD}\n{text}").as_bytes()).map_err(io_error(path))?;
        unfinished.persist(path).map_err(|error| io_error(path)(error.error))?;
        Ok(())
    }

    /// True where nothing is accepted.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Every row, by class, then by shape.
    pub fn rows(&self) -> impl Iterator<Item = Accepted> {
        self.rows.iter().map(accepted)
    }

    /// True where this difference is accepted; notes that it was seen.
    pub fn matches(&self, class: &Class, shape: &str) -> bool {
        let row = self.rows.get(&(class.clone(), shape.to_owned()));
        row.inspect(|row| row.is_seen.store(true, Ordering::Relaxed)).is_some()
    }

    /// Accepts a difference that was seen on `day` (`2026-11-30`); false where it is accepted already, and then keeps
    /// its first day and its reason.
    ///
    /// # Errors
    /// [`CorpusError::Class`] where no divergence can be of this class, or `day` is none.
    pub fn accept(&mut self, class: Class, shape: &str, day: &str) -> Result<bool, CorpusError> {
        let wrong = |what| CorpusError::Class { class: class.to_string(), what };
        class::check(&class).map_err(wrong)?;
        if !is_date(day) {
            return Err(wrong(format!("{day:?} is no day such as 2026-11-30")));
        }
        if self.matches(&class, shape) {
            return Ok(false);
        }
        let row = Row { first_seen: day.to_owned(), reason: None, is_seen: AtomicBool::new(true) };
        self.rows.insert((class, shape.to_owned()), row);
        Ok(true)
    }

    /// Adds the rows of another baseline. Of a difference that both have, the earlier day stays, and the reason of this
    /// one where it has one.
    pub fn merge(&mut self, other: Baseline) {
        for (key, theirs) in other.rows {
            match self.rows.get_mut(&key) {
                None => {
                    self.rows.insert(key, theirs);
                }
                Some(ours) => {
                    // Written so, days are in order as text.
                    ours.first_seen = std::mem::take(&mut ours.first_seen).min(theirs.first_seen);
                    ours.reason = ours.reason.take().or(theirs.reason);
                    *ours.is_seen.get_mut() |= theirs.is_seen.into_inner();
                }
            }
        }
    }

    /// The rows that were not seen since loading: where the run could have shown them, they can go.
    pub fn unseen(&self) -> Vec<Accepted> {
        let is_unseen = |(_, row): &(&Key, &Row)| !row.is_seen.load(Ordering::Relaxed);
        self.rows.iter().filter(is_unseen).map(accepted).collect()
    }

    /// Removes the rows that were not seen since loading.
    pub fn forget_unseen(&mut self) {
        self.rows.retain(|_, row| *row.is_seen.get_mut());
    }
}

fn accepted(((class, shape), row): (&Key, &Row)) -> Accepted {
    let (class, shape) = (class.clone(), shape.clone());
    Accepted { class, shape, first_seen: row.first_seen.clone(), reason: row.reason.clone() }
}

/// True for a day as `2026-11-30`; how many days a month has is not looked at.
fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let number = |part: &str, digits: usize| {
        (part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit())).then(|| part.parse::<u16>().ok())?
    };
    let [year, month, day] = parts[..] else { return false };
    number(year, 4).is_some()
        && number(month, 2).is_some_and(|month| (1..=12).contains(&month))
        && number(day, 2).is_some_and(|day| (1..=31).contains(&day))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &str = "[[accepted]]\ncommand = \"GET\"\nrule = \"exact\"\nkind = \"int/bulk\"\nshape = \"SET GET\"\n\
                       first_seen = \"2026-11-30\"\n";

    fn class(command: &str) -> Class {
        Class { command: command.into(), rule: "exact".into(), kind: "int/bulk".into() }
    }

    /// The rows of a baseline, a line each.
    fn text(baseline: &Baseline) -> String {
        let line = |Accepted { class, shape, first_seen, reason }| {
            format!("{class} | {shape} | {first_seen} | {}", reason.unwrap_or_default())
        };
        baseline.rows().map(line).collect::<Vec<_>>().join("\n")
    }

    /// The rows of the file, or its error's beginning.
    #[track_caller]
    fn check(file: &str, expected: &str) {
        let found = Baseline::parse("base.toml", file).map_or_else(|error| error.to_string(), |it| text(&it));
        assert!(found.starts_with(expected) && found.is_empty() == expected.is_empty(), "{file}\ngave {found}");
    }

    #[test]
    fn rows_are_read() {
        check("", "");
        check(ROW, "GET exact int/bulk | SET GET | 2026-11-30 | ");
        check(&format!("{ROW}reason = \"old\"\n"), "GET exact int/bulk | SET GET | 2026-11-30 | old");
        check(
            &format!("{ROW}{}", ROW.replace("SET GET", "GET")),
            "GET exact int/bulk | GET | 2026-11-30 | \nGET exact",
        );
    }

    #[test]
    fn errors_name_the_line() {
        check(&format!("\n{}", ROW.replace("GET\"\nrule", "*\"\nrule")), "base.toml:2: an entry is of one class");
        check(&format!("{ROW}{ROW}"), "base.toml:7: the difference is listed twice");
        check(&ROW.replace("2026-11-30", "yesterday"), "base.toml:1: first_seen is \"yesterday\", and no day");
        check(&ROW.replace("2026-11-30", "2026-13-01"), "base.toml:1: first_seen is \"2026-13-01\"");
        check(&format!("{ROW}color = 1\n"), "base.toml:7: unknown field `color`");
    }

    #[test]
    fn what_is_accepted_is_kept_in_a_file() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("new/base.toml");
        let mut baseline = Baseline::load(&path).expect("no file is an empty baseline");
        assert!(baseline.is_empty());
        let mut accept = |command, shape, day| baseline.accept(class(command), shape, day).expect("it can be accepted");
        assert!(accept("SET", "SET \"k\"\n= 1", "2026-11-30"));
        assert!(accept("GET", "SET GET", "2026-11-30"));
        assert!(!accept("GET", "SET GET", "2026-12-01"), "its first day stays");
        assert!(accept("GET", "GET", "2026-12-01"));
        assert!(baseline.accept(class("get"), "GET", "2026-12-01").is_err());
        assert!(baseline.accept(class("DEL"), "DEL", "today").is_err());
        baseline.save(&path).expect("it is written");
        let again = Baseline::load(&path).expect("it is read");
        let rows = "GET exact int/bulk | GET | 2026-12-01 | \nGET exact int/bulk | SET GET | 2026-11-30 | \n\
                    SET exact int/bulk | SET \"k\"\n= 1 | 2026-11-30 | ";
        assert_eq!((text(&again).as_str(), text(&baseline).as_str()), (rows, rows));
        again.save(&path).expect("it is written");
        assert!(std::fs::read_to_string(&path).expect("it is there").starts_with(HEAD));
    }

    #[test]
    fn what_is_not_seen_again_can_go() {
        let mut baseline =
            Baseline::parse("base.toml", &format!("{ROW}{}", ROW.replace("SET GET", "GET"))).expect("rows");
        assert!(!baseline.matches(&class("GET"), "other") && !baseline.matches(&class("SET"), "GET"));
        assert_eq!(baseline.unseen().len(), 2);
        assert!(baseline.matches(&class("GET"), "GET"));
        assert_eq!(baseline.unseen().iter().map(|row| row.shape.as_str()).collect::<Vec<_>>(), ["SET GET"]);
        baseline.forget_unseen();
        assert_eq!(text(&baseline), "GET exact int/bulk | GET | 2026-11-30 | ");
    }

    #[test]
    fn the_earlier_day_stays_where_two_are_merged() {
        let parse = |text: &str| Baseline::parse("base.toml", text).expect("it is right");
        let mut ours = parse(ROW);
        let (earlier, other) = (ROW.replace("11-30", "01-02"), ROW.replace("SET GET", "GET"));
        ours.merge(parse(&format!("{earlier}reason = \"theirs\"\n{other}")));
        assert_eq!(
            text(&ours),
            "GET exact int/bulk | GET | 2026-11-30 | \nGET exact int/bulk | SET GET | 2026-01-02 | theirs"
        );
    }
}
