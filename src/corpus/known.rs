use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Deserialize;
use toml::Spanned;

use crate::diff::Class;

use super::{CorpusError, read_if_there};

/// One divergence that is known, and why it stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownEntry {
    /// What the divergence is.
    pub class: Class,
    /// Why it is not mended.
    pub reason: String,
    /// The subject that it holds for, such as `valkey`; any where there is none.
    pub subject: Option<String>,
}

/// The divergences of `corpus/known.toml` that hold for one subject. Threads may share it.
#[derive(Debug, Default)]
pub struct Known {
    entries: BTreeMap<Class, Occurrences>,
}

#[derive(Debug)]
struct Occurrences {
    entry: KnownEntry,
    count: AtomicU64,
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    known: Vec<Spanned<Row>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    command: String,
    rule: String,
    kind: String,
    reason: String,
    subject: Option<String>,
}

impl Known {
    /// Nothing is known.
    pub fn none() -> Self {
        Self::default()
    }

    /// True where nothing is known.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Reads the entries that hold for `subject` (the name of its target). No file: nothing is known.
    ///
    /// # Errors
    /// [`CorpusError::Io`], and [`CorpusError::Syntax`] with the line.
    pub fn load(path: &Path, subject: &str) -> Result<Self, CorpusError> {
        match read_if_there(path)? {
            Some(text) => Self::parse(&path.display().to_string(), &text, subject),
            None => Ok(Self::none()),
        }
    }

    fn parse(path: &str, text: &str, subject: &str) -> Result<Self, CorpusError> {
        let wrong = |offset: usize, what: String| {
            let before = text.get(..offset).unwrap_or(text);
            CorpusError::Syntax { path: path.into(), line: before.matches('\n').count() + 1, what }
        };
        let file: File = toml::from_str(text).map_err(|error| {
            let what = format!("{}; an entry is [[known]] with command, rule, kind and reason", error.message());
            wrong(error.span().map_or(0, |span| span.start), what)
        })?;
        let mut known = Self::none();
        for row in file.known {
            let at = row.span().start;
            let Row { command, rule, kind, reason, subject: only_for } = row.into_inner();
            if reason.trim().is_empty() {
                return Err(wrong(at, "the entry gives no reason: say why the divergence stays".into()));
            }
            if only_for.as_deref().is_some_and(|only_for| only_for != subject) {
                continue;
            }
            let class = Class { command, rule, kind };
            if !known.insert(KnownEntry { class, reason, subject: only_for }) {
                return Err(wrong(at, "the class is listed twice: keep one of the two".into()));
            }
        }
        Ok(known)
    }

    /// These classes, for tests of what comes after one.
    #[cfg(test)]
    pub fn of_classes(classes: impl IntoIterator<Item = Class>) -> Self {
        let mut known = Self::none();
        for class in classes {
            known.insert(KnownEntry { class, reason: "a test".into(), subject: None });
        }
        known
    }

    /// False where the class is there already.
    fn insert(&mut self, entry: KnownEntry) -> bool {
        let occurrences = Occurrences { count: AtomicU64::new(0), entry: entry.clone() };
        self.entries.insert(entry.class, occurrences).is_none()
    }

    /// True where this class is known; counts the occurrence.
    pub fn matches(&self, class: &Class) -> bool {
        match self.entries.get(class) {
            Some(occurrences) => {
                occurrences.count.fetch_add(1, Ordering::Relaxed);
                true
            }
            None => false,
        }
    }

    /// The entries that never occurred since loading: a run that could have shown them fails on these.
    pub fn unused(&self) -> Vec<&KnownEntry> {
        self.entries
            .values()
            .filter(|occurrences| occurrences.count.load(Ordering::Relaxed) == 0)
            .map(|occurrences| &occurrences.entry)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: &str = "[[known]]\ncommand = \"GET\"\nrule = \"exact\"\nkind = \"int/bulk\"\nreason = \"old\"\n";

    fn class(command: &str) -> Class {
        Class { command: command.into(), rule: "exact".into(), kind: "int/bulk".into() }
    }

    /// The commands that are known to `redlite`, or the error.
    #[track_caller]
    fn check(text: &str, expected: &str) {
        let found = match Known::parse("known.toml", text, "redlite") {
            Ok(known) => known.unused().iter().map(|entry| entry.class.command.as_str()).collect::<Vec<_>>().join(" "),
            Err(error) => error.to_string(),
        };
        assert!(found.starts_with(expected) && found.is_empty() == expected.is_empty(), "{text}\ngave {found}");
    }

    #[test]
    fn entries_for_this_subject_and_for_any() {
        check("", "");
        check("# only a comment", "");
        check(ENTRY, "GET");
        check(&format!("{ENTRY}subject = \"redlite\"\n"), "GET");
        check(&format!("{ENTRY}subject = \"valkey\"\n"), "");
    }

    #[test]
    fn errors_name_the_line() {
        check(&format!("\n{}", ENTRY.replace("old", " ")), "known.toml:2: the entry gives no reason");
        check(&format!("{ENTRY}{ENTRY}"), "known.toml:6: the class is listed twice");
        check(&format!("{ENTRY}color = 1\n"), "known.toml:6: unknown field `color`");
        check("[[known]]\ncommand = \"GET\"\n", "known.toml:1: missing field `rule`");
    }

    #[test]
    fn an_entry_is_unused_until_it_occurs() {
        let known = Known::parse("known.toml", ENTRY, "redlite").expect("the text is right");
        assert!(!known.matches(&class("SET")));
        assert_eq!(known.unused().len(), 1);
        assert!(known.matches(&class("GET")));
        assert_eq!(known.unused(), Vec::<&KnownEntry>::new());
    }

    #[test]
    fn the_file_that_ships_is_right_and_empty() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/known.toml");
        assert!(path.exists(), "{}", path.display());
        assert_eq!(Known::load(&path, "redlite").expect("it parses").unused(), Vec::<&KnownEntry>::new());
    }
}
