use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::diff::Class;

use super::{CorpusError, class, create_parent, io_error, line_at, read_if_there};

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

/// What is appended to it.
#[derive(Serialize)]
struct Appended {
    known: [Row; 1],
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    command: String,
    rule: String,
    kind: String,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
}

/// What adding an entry came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KnownAdded {
    /// It is new, and written.
    New,
    /// This entry holds for the same subjects already.
    Known(KnownEntry),
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
        let mut known = Self::none();
        for (line, entry) in read_entries(path, text)? {
            let is_of_other = entry.subject.as_deref().is_some_and(|only_for| only_for != subject);
            if !is_of_other && !known.insert(entry) {
                let what = "the class is listed twice: keep one of the two".into();
                return Err(CorpusError::Syntax { path: path.into(), line, what });
            }
        }
        Ok(known)
    }

    /// Appends an entry to the file and keeps every line of it, unless one is there that holds for the same subjects.
    ///
    /// # Errors
    /// As [`Known::load`]; [`CorpusError::Class`] where no divergence can be of the class, the reason is empty, or the
    /// class is listed for one subject and is to be for any.
    pub fn add(path: &Path, entry: KnownEntry) -> Result<KnownAdded, CorpusError> {
        let KnownEntry { class, reason, subject } = entry;
        let wrong = |what: String| CorpusError::Class { class: class.to_string(), what };
        class::check(&class).map_err(wrong)?;
        if reason.trim().is_empty() {
            return Err(wrong("say why the divergence stays: --reason TEXT".into()));
        }
        let (text, name) = (read_if_there(path)?.unwrap_or_default(), path.display().to_string());
        for (line, other) in read_entries(&name, &text)?.into_iter().filter(|(_, other)| other.class == class) {
            match &other.subject {
                Some(only_for) if subject.is_none() => {
                    let what =
                        format!("it is listed for {only_for} alone: remove its subject in line {line} of {name}");
                    return Err(wrong(what));
                }
                only_for if only_for.is_none() || *only_for == subject => return Ok(KnownAdded::Known(other)),
                _ => {}
            }
        }
        let Class { command, rule, kind } = class;
        let appended = Appended { known: [Row { command, rule, kind, reason, subject }] };
        let appended = toml::to_string(&appended).map_err(|error| io_error(path)(std::io::Error::other(error)))?;
        let separator = match text.as_str() {
            "" => "",
            text if text.ends_with('\n') => "\n",
            _ => "\n\n",
        };
        create_parent(path)?;
        let mut file = std::fs::File::options().append(true).create(true).open(path).map_err(io_error(path))?;
        file.write_all(format!("{separator}{appended}").as_bytes()).map_err(io_error(path))?;
        Ok(KnownAdded::New)
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

/// Every entry of the file, whatever subject it is for, with its line.
fn read_entries(path: &str, text: &str) -> Result<Vec<(usize, KnownEntry)>, CorpusError> {
    let wrong = |offset, what| CorpusError::Syntax { path: path.into(), line: line_at(text, offset), what };
    let file: File = toml::from_str(text).map_err(|error| {
        let what = format!("{}; an entry is [[known]] with command, rule, kind and reason", error.message());
        wrong(error.span().map_or(0, |span| span.start), what)
    })?;
    let mut entries = Vec::with_capacity(file.known.len());
    for row in file.known {
        let at = row.span().start;
        let Row { command, rule, kind, reason, subject } = row.into_inner();
        if reason.trim().is_empty() {
            return Err(wrong(at, "the entry gives no reason: say why the divergence stays".into()));
        }
        let class = Class { command, rule, kind };
        class::check(&class).map_err(|what| wrong(at, what))?;
        entries.push((line_at(text, at), KnownEntry { class, reason, subject }));
    }
    Ok(entries)
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
    fn what_can_never_match_is_refused_with_its_line() {
        check(&ENTRY.replace("GET", "*"), "known.toml:1: an entry is of one class, and `*` matches nothing");
        check(&format!("\n\n{}", ENTRY.replace("GET", "get")), "known.toml:3: no class has the command \"get\"");
        check(&ENTRY.replace("exact", "exactly"), "known.toml:1: there is no rule \"exactly\"");
        check(&ENTRY.replace("exact", "keyspace"), "known.toml:1: what is held never differs by \"int/bulk\"");
        // For another subject as well: its run would fail.
        check(
            &format!("{}subject = \"valkey\"\n", ENTRY.replace("GET", "*")),
            "known.toml:1: an entry is of one class",
        );
    }

    #[test]
    fn an_entry_is_added_once_and_every_line_stays() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("corpus/known.toml");
        let entry = |command: &str, reason: &str, subject: Option<&str>| KnownEntry {
            class: class(command),
            reason: reason.into(),
            subject: subject.map(str::to_owned),
        };
        let add = |entry| Known::add(&path, entry).map_err(|error| error.to_string());
        let quoted = "said \"no\"\nin two lines";
        assert_eq!(add(entry("GET", quoted, None)), Ok(KnownAdded::New));
        assert_eq!(add(entry("GET", "again", None)), Ok(KnownAdded::Known(entry("GET", quoted, None))));
        assert_eq!(add(entry("GET", "again", Some("valkey"))), Ok(KnownAdded::Known(entry("GET", quoted, None))));
        let mut text = std::fs::read_to_string(&path).expect("it is there");
        text.insert_str(0, "# head\n");
        std::fs::write(&path, text.trim_end()).expect("it is written");
        assert_eq!(add(entry("SET", "old", Some("valkey"))), Ok(KnownAdded::New));
        assert_eq!(add(entry("SET", "old", Some("redlite"))), Ok(KnownAdded::New));
        let told = add(entry("SET", "old", None)).expect_err("it would be listed twice");
        assert!(told.starts_with("SET exact int/bulk: it is listed for valkey alone"), "{told}");
        assert!(add(entry("get", "old", None)).is_err() && add(entry("DEL", " ", None)).is_err());
        assert!(std::fs::read_to_string(&path).expect("it is there").starts_with("# head\n"));
        let known = Known::load(&path, "redlite").expect("it parses");
        let entries: Vec<&KnownEntry> = known.unused();
        assert_eq!(entries, [&entry("GET", quoted, None), &entry("SET", "old", Some("redlite"))]);
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
