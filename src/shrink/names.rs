//! Passes that give keys, members and values canonical names.

use std::collections::{BTreeMap, BTreeSet};

use resp::Argv;
use spec::{self, Command, Family};

use super::search::{Search, Stop};

/// New names by the old ones.
type Names = BTreeMap<Vec<u8>, Vec<u8>>;

/// Calls the keys `k1`, `k2` … in their order: all at once, or else one by one.
pub(super) fn rename_keys(search: &mut Search) -> Result<bool, Stop> {
    let mut keys = BTreeSet::new();
    for argv in search.best.iter().filter_map(|op| op.argv()) {
        keys.extend(command(argv).into_iter().flat_map(|command| command.keys(argv)).map(<[u8]>::to_vec));
    }
    let names = (1..).zip(keys).map(|(number, key)| (key, format!("k{number}").into_bytes())).collect();
    rename(search, &names)
}

/// Calls what is no key, no number and no word of the syntax `m1` …, `f1` … or `v1` …, in its order.
pub(super) fn rename_values(search: &mut Search) -> Result<bool, Stop> {
    let mut values: BTreeMap<Vec<u8>, char> = BTreeMap::new();
    for argv in search.best.iter().filter_map(|op| op.argv()) {
        let Some(command) = command(argv) else { continue };
        let letter = match command.family {
            Family::Sets | Family::SortedSets => 'm',
            Family::Hashes => 'f',
            _ => 'v',
        };
        let keys = command.keys(argv);
        for arg in argv.iter().skip(1) {
            if !keys.contains(&arg) && !is_number(arg) && !is_word_of(command, arg) {
                values.entry(arg.to_vec()).or_insert(letter);
            }
        }
    }
    let mut count: BTreeMap<char, usize> = BTreeMap::new();
    let names = values
        .into_iter()
        .map(|(value, letter)| {
            let number = count.entry(letter).and_modify(|number| *number += 1).or_insert(1);
            (value, format!("{letter}{number}").into_bytes())
        })
        .collect();
    rename(search, &names)
}

/// Writes commands and the words of their syntax in capitals.
pub(super) fn capitalize(search: &mut Search) -> Result<bool, Stop> {
    search.rewrite(&|argv| {
        let Some(command) = command(argv) else { return argv.clone() };
        argv.iter()
            .enumerate()
            .map(|(at, arg)| if at == 0 || is_word_of(command, arg) { arg.to_ascii_uppercase() } else { arg.to_vec() })
            .collect()
    })
}

fn rename(search: &mut Search, names: &Names) -> Result<bool, Stop> {
    if search.rewrite(&|argv| renamed(argv, names))? {
        return Ok(true);
    }
    let mut helped = false;
    for (old, new) in names {
        // A name that is taken would make two things one.
        if names.get(new).is_none_or(|taken| taken == new) {
            let single = Names::from([(old.clone(), new.clone())]);
            helped |= search.rewrite(&|argv| renamed(argv, &single))?;
        }
    }
    Ok(helped)
}

fn renamed(argv: &Argv, names: &Names) -> Argv {
    let new_name = |arg| names.get(arg).map_or(arg, Vec::as_slice);
    argv.iter().enumerate().map(|(at, arg)| if at == 0 { arg } else { new_name(arg) }).collect()
}

pub(super) fn command(argv: &Argv) -> Option<&'static Command> {
    argv.get(0).and_then(spec::lookup)
}

/// True for `EX`, `WITHSCORES` and the like where they are in the command's syntax, in any case.
pub(super) fn is_word_of(command: &Command, arg: &[u8]) -> bool {
    let words = command.syntax.split(|character: char| !character.is_ascii_alphanumeric());
    words
        .filter(|word| word.bytes().any(|byte| byte.is_ascii_uppercase()))
        .any(|word| word.as_bytes().eq_ignore_ascii_case(arg))
}

/// True for what Redis reads as a number, also as an exclusive bound.
pub(super) fn is_number(arg: &[u8]) -> bool {
    let digits = arg.strip_prefix(b"(").unwrap_or(arg);
    std::str::from_utf8(digits).is_ok_and(|digits| digits.parse::<f64>().is_ok())
}
