//! The house rules that can be read off the sources. See the map in `src/lib.rs`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Which rooms of the root package a room may import, itself apart. That `resp`, `spec` and `redlite` know nothing of
/// them is held by the compiler: they are crates of their own.
const IMPORTS: &[(&str, &[&str])] = &[
    ("seed", &[]),
    ("trace", &["seed"]),
    ("faults", &["seed", "trace"]),
    ("generate", &["seed", "trace", "faults"]),
    ("diff", &["seed", "trace", "faults"]),
    ("shrink", &["seed", "trace", "faults", "diff"]),
    ("corpus", &["seed", "trace", "faults", "diff"]),
    ("targets", &["seed", "trace", "faults", "generate", "diff", "shrink", "corpus"]),
    ("campaign", &["seed", "trace", "faults", "generate", "diff", "shrink", "corpus", "targets", "report"]),
    ("report", &["seed", "trace", "faults", "generate", "diff", "shrink", "corpus", "targets", "campaign"]),
    ("cli", &["seed", "trace", "faults", "generate", "diff", "shrink", "corpus", "targets", "campaign", "report"]),
];

/// The crates that a crate may name, itself apart.
const CRATES: &[(&str, &[&str])] = &[("resp", &[]), ("spec", &["resp"]), ("redlite", &["resp", "spec"])];

/// The files and folders of the root package that may name `redlite`.
const KNOW_REDLITE: &[&str] = &[
    "src/lib.rs",
    "src/targets/embedded/",
    "src/targets/faulty/",
    "src/targets/simulated/",
    "src/targets/canary/",
    "src/cli/serve.rs",
];

/// Where the wall clock and the thread's randomness may be used.
const KNOW_THE_WORLD: &[&str] = &["crates/redlite/src/env.rs", "src/targets/", "src/campaign/", "src/cli/"];

/// Where unsafe code is let in: SQLite's VFS and its allocator are interfaces in C.
const MAY_BE_UNSAFE: &[&str] = &["crates/redlite/src/vfs/shim.rs", "crates/redlite/src/vfs/memory.rs"];

const LINES_MAX: usize = 700;
const FUNCTION_LINES_MAX: usize = 70;

struct Source {
    /// Relative to the package, with `/`.
    path: String,
    text: String,
}

impl Source {
    /// The room of the root package that the file belongs to; none for `lib.rs`, `main.rs` and the crates.
    fn room(&self) -> Option<&'static str> {
        let inside = self.path.strip_prefix("src/")?;
        let room = inside.split('/').next().unwrap_or(inside);
        IMPORTS.iter().map(|(name, _)| *name).find(|name| room.strip_suffix(".rs").unwrap_or(room) == *name)
    }

    /// True for a source of the product, not of its tests.
    fn is_product(&self) -> bool {
        self.path.starts_with("src/") || self.path.starts_with("crates/") && self.path.contains("/src/")
    }

    /// The lines that are code, with their numbers: no comments, and nothing from the first test module on.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
            .map(|(at, line)| (at + 1, line.split("//").next().unwrap_or_default()))
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["src", "crates", "tests", "benches", "fuzz"] {
        collect(&root.join(folder), &mut files);
    }
    files.sort();
    assert!(files.len() > 30, "only {} source files found below {}", files.len(), root.display());
    let read = |file: PathBuf| {
        let path = file.strip_prefix(root).expect("it lies below the root").to_string_lossy().replace('\\', "/");
        Source { path, text: fs::read_to_string(&file).expect("a source file is text") }
    };
    files.into_iter().map(read).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        // What the compiler writes for the crate in `tests/outside` is nobody's source.
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
}

/// Fails with every breach at once.
fn check(rule: &str, breaches: &[String]) {
    assert!(breaches.is_empty(), "{rule}:\n  {}", breaches.join("\n  "));
}

/// The rooms that a line of code names after `crate::`.
fn rooms_named(line: &str) -> Vec<&str> {
    let mut named = Vec::new();
    for after in line.split("crate::").skip(1) {
        let inside = after.strip_prefix('{').unwrap_or(after);
        let many = after.starts_with('{');
        for part in inside.split(if many { ',' } else { ';' }) {
            let word = part.trim().split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
            named.extend(IMPORTS.iter().map(|(name, _)| *name).find(|name| *name == word));
            if !many {
                break;
            }
        }
    }
    named
}

#[test]
fn imports_go_downwards() {
    let allowed: BTreeMap<_, _> = IMPORTS.iter().copied().collect();
    let mut breaches = Vec::new();
    for source in sources() {
        let Some(room) = source.room() else { continue };
        for (number, line) in source.code() {
            for named in rooms_named(line).into_iter().filter(|named| *named != room && !allowed[room].contains(named))
            {
                breaches.push(format!("{}:{number}: {room} may not import {named}", source.path));
            }
        }
    }
    check("imports go downwards only", &breaches);
}

#[test]
fn only_targets_and_serve_know_redlite() {
    let mut breaches = Vec::new();
    for source in sources().iter().filter(|source| source.path.starts_with("src/")) {
        let is_excused = KNOW_REDLITE.iter().any(|place| source.path.starts_with(place));
        for (number, line) in source.code().filter(|(_, line)| !is_excused && names_redlite(line)) {
            breaches.push(format!("{}:{number}: {}", source.path, line.trim()));
        }
    }
    check("redlite is named in targets and cli/serve.rs only", &breaches);
}

/// True for a line of code with the crate's name in a path.
fn names_redlite(line: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices("redlite").any(|(at, name)| {
        let before = line[..at].chars().next_back();
        let after = &line[at + name.len()..];
        !before.is_some_and(is_word)
            && (after.starts_with("::") || line.trim_start().starts_with("use ") && after.starts_with([';', ' ', ',']))
    })
}

#[test]
fn manifests_of_the_crates_have_walls() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut breaches = Vec::new();
    for (name, allowed) in CRATES {
        let path = format!("crates/{name}/Cargo.toml");
        let text = fs::read_to_string(root.join(&path)).expect("a manifest is text");
        let own = ["redlite-dst", "redlite", "resp", "spec"].into_iter().filter(|own| !allowed.contains(own));
        for other in own {
            let is_named =
                |line: &&str| line.starts_with(&format!("{other} =")) || line.starts_with(&format!("{other}."));
            breaches.extend(text.lines().filter(is_named).map(|line| format!("{path}: {line}")));
        }
    }
    check("a crate depends on what lies below it only", &breaches);
}

#[test]
fn files_and_functions_are_short() {
    let mut breaches = Vec::new();
    for source in sources() {
        let lines = source.text.lines().count();
        if lines >= LINES_MAX {
            breaches.push(format!("{}: {lines} lines, {LINES_MAX} allowed", source.path));
        }
        for (name, number, length) in functions(&source.text) {
            if length >= FUNCTION_LINES_MAX {
                breaches
                    .push(format!("{}:{number}: {name} has {length} lines, {FUNCTION_LINES_MAX} allowed", source.path));
            }
        }
    }
    check("files and functions are short", &breaches);
}

/// Each function's name, first line and number of lines: from its `fn` to the closing brace of the same indent,
/// as rustfmt writes it.
fn functions(text: &str) -> Vec<(String, usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let indent = line.len() - code.len();
        let head = ["fn ", "pub fn ", "pub(super) fn ", "pub(crate) fn ", "async fn ", "const fn "];
        let Some(rest) = head.iter().find_map(|head| code.strip_prefix(head)) else { continue };
        // A trait's function without a body.
        if code.ends_with(';') {
            continue;
        }
        let closing = format!("{}}}", " ".repeat(indent));
        if let Some(length) = lines[at..].iter().position(|line| *line == closing) {
            found.push((rest.split(['(', '<']).next().unwrap_or(rest).to_owned(), at + 1, length + 1));
        }
    }
    found
}

#[test]
fn the_world_is_looked_at_only_where_it_may_be() {
    let words = ["SystemTime::now", "Instant::now", "thread_rng", "RandomState", "rand::random"];
    let mut breaches = Vec::new();
    for source in sources() {
        let exempt = !source.is_product() || KNOW_THE_WORLD.iter().any(|place| source.path.starts_with(place));
        for (number, line) in source.code().filter(|_| !exempt) {
            for word in words.iter().filter(|word| line.contains(**word)) {
                breaches.push(format!("{}:{number}: {word}", source.path));
            }
        }
    }
    check("the clock and randomness are used in env, targets, campaign and cli only", &breaches);
}

#[test]
fn nothing_is_drawn_in_hash_order() {
    let mut breaches = Vec::new();
    for source in sources().iter().filter(|source| matches!(source.room(), Some("generate" | "diff" | "shrink"))) {
        for (number, line) in source.code().filter(|(_, line)| line.contains("HashMap") || line.contains("HashSet")) {
            if !line.contains("use std::collections") && (line.contains("iter()") || line.contains("for ")) {
                breaches.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    check("generate, diff and shrink never walk a hash table", &breaches);
}

#[test]
fn no_test_is_ignored_and_unsafe_code_is_where_it_may_be() {
    let ignored = ["#[", "ignore"].concat();
    let unsafe_allowed = ["allow(", "unsafe_code)"].concat();
    let mut breaches = Vec::new();
    for source in sources() {
        for (at, line) in source.text.lines().enumerate() {
            let may_be_unsafe = MAY_BE_UNSAFE.contains(&source.path.as_str());
            if line.contains(&ignored) || (line.contains(&unsafe_allowed) && !may_be_unsafe) {
                breaches.push(format!("{}:{}: {}", source.path, at + 1, line.trim()));
            }
        }
    }
    check("no test is ignored, unsafe code is let in where it must be", &breaches);
}

#[test]
fn no_name_says_nothing() {
    let banned = ["utils", "util", "common", "helpers", "helper", "manager", "misc"];
    let named = |source: &Source| {
        source.path.trim_end_matches(".rs").split('/').find(|part| banned.contains(part)).map(|_| source.path.clone())
    };
    check("a file's name says what it holds", &sources().iter().filter_map(named).collect::<Vec<_>>());
}
