use std::fs::{self, File};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use crate::diff::Class;
use crate::trace::text::format_op;
use crate::trace::{Limits, Reader, Trace, TraceError};

use super::{CorpusError, create_parent, io_error, parse_class};

/// The ending of a trace's file.
const EXTENSION: &str = "trace";
/// How many bytes of a trace's SHA-256 name it: 64 bits tell any number of findings apart.
const HASH_BYTES: usize = 8;

/// The folder of shrunk traces: `<class>/<hash>.trace`.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

/// One trace of the store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    /// The name of its class's folder: [`Class::folder`].
    pub class: String,
    /// The start of the SHA-256 of its ops, in hex.
    pub hash: String,
    /// Where it lies.
    pub path: PathBuf,
}

impl Item {
    /// True where it is about what both sides hold in the end, and not about a reply.
    pub fn is_of_keyspace(&self) -> bool {
        self.class.split('.').nth(1) == Some("keyspace")
    }

    /// The class that the trace is of. A folder's name leaves out what no file may be called: what `note` of the trace
    /// begins with is taken where it fits.
    ///
    /// # Errors
    /// [`CorpusError::Class`] where it cannot be told.
    pub fn class(&self, note: &str) -> Result<Class, CorpusError> {
        let noted = note.split_once(", ").map_or(note, |(class, _)| class);
        let parts: Vec<String> = self.class.split('.').map(|part| part.replace("-vs-", "/")).collect();
        let named = match &parts[..] {
            [command, rule, kind] => format!("{} {rule} {kind}", command.replace('_', " ")),
            _ => self.class.clone(),
        };
        let fits = |text: &str| parse_class(text).ok().filter(|class| class.folder() == self.class);
        fits(noted).or_else(|| fits(&named).filter(|class| !class.kind.contains('_'))).ok_or_else(|| {
            let what = "the trace does not say its class: give it as COMMAND RULE KIND".into();
            CorpusError::Class { class: self.class.clone(), what }
        })
    }
}

/// What adding a trace came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Added {
    /// It is new, and written.
    New(Item),
    /// The same ops are there for this class.
    Known(Item),
}

impl Added {
    /// The trace in the store, new or not.
    pub fn item(&self) -> &Item {
        match self {
            Added::New(item) | Added::Known(item) => item,
        }
    }
}

impl Store {
    /// The store in this folder, which need not exist yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Writes `trace` (with its replies and what is held in the end, where it has them) under `class`, unless the same
    /// ops are there.
    ///
    /// # Errors
    /// [`CorpusError`] where it cannot be written.
    pub fn add(&self, class: &Class, trace: &Trace) -> Result<Added, CorpusError> {
        let (class, hash) = (class.folder(), content_hash(trace));
        let path = self.root.join(&class).join(&hash).with_extension(EXTENSION);
        let item = Item { class, hash, path };
        if item.path.exists() {
            return Ok(Added::Known(item));
        }
        self.write(&item, trace)?;
        Ok(Added::New(item))
    }

    /// Writes `trace` in the place of a trace of the store, which has the same ops.
    ///
    /// # Errors
    /// [`CorpusError`] where it cannot be written; the trace that was there stays then.
    pub fn write(&self, item: &Item, trace: &Trace) -> Result<(), CorpusError> {
        create_parent(&item.path)?;
        // Written beside and renamed, so that a run that is stopped leaves no half trace.
        let folder = self.root.join(&item.class);
        let unfinished = NamedTempFile::new_in(&folder).map_err(io_error(&folder))?;
        write_trace(&item.path, unfinished.as_file(), trace)?;
        unfinished.persist(&item.path).map_err(|error| io_error(&item.path)(error.error))?;
        Ok(())
    }

    /// The trace of a store that lies at `path`; `None` where that is no place of one.
    pub fn item_at(path: &Path) -> Option<Item> {
        let class = path.parent()?.file_name()?.to_str()?.to_owned();
        let hash = path.file_stem()?.to_str()?.to_owned();
        let is_trace = path.extension().is_some_and(|extension| extension == EXTENSION);
        is_trace.then(|| Item { class, hash, path: path.to_owned() })
    }

    /// Every trace, by class, then by hash. No folder: none.
    ///
    /// # Errors
    /// [`CorpusError::Io`]
    pub fn list(&self) -> Result<Vec<Item>, CorpusError> {
        let mut items = Vec::new();
        for folder in entries(&self.root)? {
            if !folder.is_dir() {
                continue;
            }
            for path in entries(&folder)? {
                items.extend(Self::item_at(&path));
            }
        }
        items.sort();
        Ok(items)
    }

    /// Reads one trace.
    ///
    /// # Errors
    /// [`CorpusError::Trace`] where the file is no trace within the limits.
    pub fn load(&self, item: &Item, limits: Limits) -> Result<Trace, CorpusError> {
        let file = File::open(&item.path).map_err(io_error(&item.path))?;
        Reader::open(Box::new(file), limits).and_then(Reader::read_all).map_err(trace_error(&item.path))
    }
}

fn trace_error(path: &Path) -> impl FnOnce(TraceError) -> CorpusError {
    let path = path.display().to_string();
    |source| CorpusError::Trace { path, source }
}

/// What is in a folder, in no order; nothing where there is no such folder.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, CorpusError> {
    match fs::read_dir(folder) {
        Ok(entries) => {
            entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>().map_err(io_error(folder))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(io_error(folder)(error)),
    }
}

/// The start of the SHA-256 of all that decides what a trace does: its clock and its ops, in their text form, which
/// outlives versions of the binary form.
fn content_hash(trace: &Trace) -> String {
    let mut hasher = Sha256::new();
    hasher.update(trace.header.start_ms.to_string());
    for op in &trace.ops {
        hasher.update("\n");
        hasher.update(format_op(op));
    }
    hasher.finalize()[..HASH_BYTES].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes `trace` to `file`, which errors call `path`.
fn write_trace(path: &Path, file: &File, trace: &Trace) -> Result<(), CorpusError> {
    let mut out = trace.write_binary(BufWriter::new(file)).map_err(trace_error(path))?;
    out.flush().map_err(io_error(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Op;
    use resp::{Argv, Reply};

    fn class(kind: &str) -> Class {
        Class { command: "LRANGE".into(), rule: "exact".into(), kind: kind.into() }
    }

    fn trace(lines: &[&str], replies: Option<Vec<Reply>>) -> Trace {
        let ops = lines.iter().map(|line| Op::call(0, line.split(' ').collect::<Argv>())).collect();
        Trace { ops, replies, ..Trace::default() }
    }

    /// Adds these traces in turn; what then lies in the store, without the hashes.
    #[track_caller]
    fn check(added: &[(&str, &[&str])], stored: &[&str]) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Store::new(folder.path().join("corpus"));
        assert_eq!(store.list().expect("no folder is an empty store"), []);
        for (kind, lines) in added {
            let trace = trace(lines, None);
            let added = store.add(&class(kind), &trace).expect("it is written");
            let loaded = store.load(added.item(), Limits::default()).expect("it reads back");
            assert_eq!(loaded, trace);
        }
        let items = store.list().expect("it can be listed");
        let classes: Vec<&str> = items.iter().map(|item| item.class.as_str()).collect();
        assert_eq!(classes, stored, "{added:?}");
    }

    #[test]
    fn a_trace_is_kept_once_for_its_class() {
        check(&[("array-length", &["RPUSH k v", "LRANGE k 0 -1"])], &["LRANGE.exact.array-length"]);
        check(&[("int/bulk", &["GET k"]), ("int/bulk", &["GET k"])], &["LRANGE.exact.int-vs-bulk"]);
        check(
            &[("a", &["GET k"]), ("b", &["GET k"]), ("a", &["GET l"])],
            &["LRANGE.exact.a", "LRANGE.exact.a", "LRANGE.exact.b"],
        );
    }

    #[test]
    fn replies_are_kept_and_do_not_count_as_content() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Store::new(folder.path());
        let answered = trace(&["GET k"], Some(vec![Reply::NullBulk]));
        let first = store.add(&class("a"), &answered).expect("it is written");
        assert!(matches!(first, Added::New(_)), "{first:?}");
        assert_eq!(store.load(first.item(), Limits::default()).expect("it reads back"), answered);
        let second = store.add(&class("a"), &trace(&["GET k"], None)).expect("it is there");
        assert_eq!(second, Added::Known(first.item().clone()));
    }

    #[test]
    fn a_trace_says_its_class_by_its_note_or_its_folder() {
        let class = |folder: &str, note| {
            let item = Store::item_at(&Path::new("corpus").join(folder).join("0.trace")).expect("a place of a trace");
            item.class(note).map_or_else(|error| error.to_string(), |class| class.to_string())
        };
        let noted = "EXEC exact BLMPOP:error-text, shrunk from a.trace";
        assert_eq!(class("EXEC.exact.BLMPOP_error-text", noted), "EXEC exact BLMPOP:error-text");
        assert_eq!(class("OBJECT_ENCODING.exact.bulk-value", noted), "OBJECT ENCODING exact bulk-value");
        assert_eq!(class("GET.exact.int-vs-bulk", ""), "GET exact int/bulk");
        let untold = "EXEC.exact.BLMPOP_error-text: the trace does not say its class: give it as COMMAND RULE KIND";
        assert_eq!(class("EXEC.exact.BLMPOP_error-text", "by hand"), untold);
        assert!(Store::item_at(Path::new("a.trace")).is_none(), "it lies in no folder of a class");
    }

    #[test]
    fn what_is_no_trace_is_an_error_that_names_the_file() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Store::new(folder.path());
        let path = folder.path().join("a/b.trace");
        create_parent(&path).expect("a folder");
        fs::write(&path, b"\x00\x01\x02").expect("it is written");
        let items = store.list().expect("it can be listed");
        let error = store.load(&items[0], Limits::default()).expect_err("it is no trace").to_string();
        assert!(error.contains("b.trace"), "{error}");
    }
}
