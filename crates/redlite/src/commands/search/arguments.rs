//! A walk over the arguments of a request, as RediSearch's own.

use crate::failure::{Failure, refuse};
use crate::number;
use crate::search::query::Dialect;
use resp::Argv;

/// The most results that can be asked for, and the most rows: RediSearch's MAXSEARCHRESULTS.
const RESULTS_MAX: usize = 1_000_000;

const NO_ARGUMENT: &str = "Expected an argument, but none provided";
const NO_NUMBER: &str = "Could not convert argument to expected type";

/// The arguments from one place on.
#[derive(Clone)]
pub(super) struct Arguments<'a> {
    argv: &'a Argv,
    at: usize,
    end: usize,
    /// Where errors count from.
    origin: usize,
}

impl<'a> Arguments<'a> {
    /// The arguments from `at` on. An error counts positions from `origin`.
    pub fn from(argv: &'a Argv, at: usize, origin: usize) -> Self {
        Self { argv, at, end: argv.len(), origin }
    }

    /// The next argument, which stays.
    pub fn peek(&self) -> Option<&'a [u8]> {
        if self.at < self.end { self.argv.get(self.at) } else { None }
    }

    /// The next argument.
    pub fn next(&mut self) -> Option<&'a [u8]> {
        let argument = self.peek()?;
        self.at += 1;
        Some(argument)
    }

    /// How many are left.
    pub fn count(&self) -> usize {
        self.end - self.at
    }

    /// Steps over this word, in any case, where it is next.
    pub fn accept(&mut self, word: &str) -> bool {
        let found = self.peek().is_some_and(|argument| argument.eq_ignore_ascii_case(word.as_bytes()));
        self.at += usize::from(found);
        found
    }

    /// The next argument, which belongs to `option`.
    pub fn value(&mut self, option: &str) -> Result<&'a [u8], Failure> {
        self.next().map_or_else(|| bad(option, NO_ARGUMENT), Ok)
    }

    /// The next argument as a number of things, which belongs to `option`.
    pub fn number(&mut self, option: &str) -> Result<usize, Failure> {
        let value = number::parse_integer(self.value(option)?);
        value.and_then(|value| usize::try_from(value).ok()).map_or_else(|| bad(option, NO_NUMBER), Ok)
    }

    /// So many of the next arguments as the next one says.
    pub fn counted(&mut self, option: &str) -> Result<Arguments<'a>, Failure> {
        let count = self.number(option)?;
        if count > self.count() {
            return bad(option, NO_ARGUMENT);
        }
        let counted = Arguments { end: self.at + count, ..self.clone() };
        self.at += count;
        Ok(counted)
    }

    /// All that are left.
    pub fn rest(&mut self) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| self.next()).map(<[u8]>::to_vec).collect()
    }

    /// The two numbers of LIMIT: how many to leave out, and how many to show.
    pub fn window(&mut self) -> Result<(usize, usize), Failure> {
        if self.count() < 2 {
            return refuse("LIMIT requires two arguments");
        }
        let (Ok(offset), Ok(count)) = (self.number("LIMIT"), self.number("LIMIT")) else {
            return refuse("LIMIT needs two numeric arguments");
        };
        if count > RESULTS_MAX {
            return refuse(format!("LIMIT exceeds maximum of {RESULTS_MAX}"));
        }
        if offset > RESULTS_MAX {
            return refuse(format!("OFFSET exceeds maximum of {RESULTS_MAX}"));
        }
        Ok((offset, count))
    }

    /// The number of DIALECT.
    pub fn dialect(&mut self) -> Result<Dialect, Failure> {
        match self.number("DIALECT") {
            Ok(1) => Ok(Dialect::One),
            Ok(2 | 3) => Ok(Dialect::Two),
            _ => refuse("DIALECT requires a non negative integer >=1 and <= 3"),
        }
    }

    /// The error for an argument that is next and means nothing.
    pub fn unknown<T>(&self) -> Result<T, Failure> {
        let argument = self.peek().unwrap_or_default();
        let place = format!("` at position {} for <main>", self.at - self.origin);
        refuse([b"Unknown argument `", argument, place.as_bytes()].concat())
    }
}

/// Refuses what follows `option`.
pub(super) fn bad<T>(option: &str, why: &str) -> Result<T, Failure> {
    refuse(format!("Bad arguments for {option}: {why}"))
}

/// A field, and what it is called in the results.
type NamedField = (Vec<u8>, Vec<u8>);

/// Fields as `option` names them, so many as it says: `2 @price AS cost title`.
pub(super) fn named_fields(arguments: &mut Arguments<'_>, option: &str) -> Result<Vec<NamedField>, Failure> {
    let mut fields = arguments.counted(option)?;
    let mut named = Vec::new();
    while let Some(argument) = fields.next() {
        let name = property(argument);
        let alias = match fields.accept("AS").then(|| fields.next()) {
            None => name.clone(),
            Some(Some(alias)) => alias.to_vec(),
            Some(None) => return bad(option, "Must be accompanied with NAME"),
        };
        named.push((name, alias));
    }
    Ok(named)
}

/// A property's name without its `@`, which may be missing.
pub(super) fn property(argument: &[u8]) -> Vec<u8> {
    argument.strip_prefix(b"@").unwrap_or(argument).to_vec()
}
