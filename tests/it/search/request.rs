//! What a request says, read in the plainest way.

use redlite::search::query::Dialect;
use resp::Argv;

use super::naive::{Field, Index, Kind};

/// The arguments that are left.
pub struct Words<'a>(Vec<&'a [u8]>);

impl<'a> Words<'a> {
    pub fn of(argv: &'a Argv, from: usize) -> Self {
        Self(argv.iter().skip(from).collect())
    }

    pub fn next(&mut self) -> Option<&'a [u8]> {
        (!self.0.is_empty()).then(|| self.0.remove(0))
    }

    pub fn take(&mut self, word: &str) -> bool {
        let found = self.0.first().is_some_and(|next| next.eq_ignore_ascii_case(word.as_bytes()));
        if found {
            self.0.remove(0);
        }
        found
    }

    pub fn number(&mut self) -> Option<usize> {
        let text = std::str::from_utf8(self.next()?).ok()?;
        let number: i64 = text.parse().ok()?;
        usize::try_from(number).ok().filter(|_| number.to_string() == text)
    }

    pub fn counted(&mut self) -> Option<Words<'a>> {
        let count = self.number()?;
        (count <= self.0.len()).then(|| Words(self.0.drain(..count).collect()))
    }

    pub fn all(self) -> Vec<Vec<u8>> {
        self.0.into_iter().map(<[u8]>::to_vec).collect()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The field names of RETURN and LOAD, with the names to show.
    pub fn aliased(mut self) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
        let mut named = Vec::new();
        while let Some(word) = self.next() {
            let name = plain(word);
            let alias = if self.take("AS") { self.next()?.to_vec() } else { name.clone() };
            named.push((name, alias));
        }
        Some(named)
    }
}

/// Without an `@`.
pub fn plain(word: &[u8]) -> Vec<u8> {
    word.strip_prefix(b"@").unwrap_or(word).to_vec()
}

/// The index that a successful FT.CREATE made.
pub fn created(argv: &Argv) -> Index {
    let mut words = Words::of(argv, 2);
    let mut index = Index { prefixes: vec![Vec::new()], stop_words: None, fields: Vec::new() };
    while !words.take("SCHEMA") {
        if words.take("PREFIX") {
            let prefixes = words.counted().expect("prefixes").all();
            index.prefixes = if prefixes.is_empty() { vec![Vec::new()] } else { prefixes };
        } else if words.take("STOPWORDS") {
            index.stop_words = Some(words.counted().expect("words").all());
        } else {
            words.next().expect("a schema");
        }
    }
    add_fields(words, &mut index);
    index
}

/// What a successful FT.ALTER did.
pub fn altered(argv: &Argv, index: &mut Index) {
    let mut words = Words::of(argv, 2);
    assert!(words.take("SCHEMA") && words.take("ADD"), "{argv:?}");
    add_fields(words, index);
}

fn add_fields(mut words: Words<'_>, index: &mut Index) {
    while let Some(identifier) = words.next() {
        let attribute = if words.take("AS") { words.next().expect("an alias") } else { identifier };
        let kind = words.next().expect("a type").to_ascii_uppercase();
        let mut kind = match &kind[..] {
            b"TEXT" => Kind::Text { stems: true },
            b"TAG" => Kind::Tag { separator: b',', case_sensitive: false },
            _ => Kind::Numeric,
        };
        let (mut is_normalized, mut indexed) = (false, true);
        loop {
            match &mut kind {
                Kind::Text { stems } if words.take("NOSTEM") => *stems = false,
                Kind::Text { .. } if words.take("WEIGHT") => assert!(words.next().is_some()),
                Kind::Tag { separator, .. } if words.take("SEPARATOR") => *separator = words.next().expect("a sign")[0],
                Kind::Tag { case_sensitive, .. } if words.take("CASESENSITIVE") => *case_sensitive = true,
                _ if words.take("SORTABLE") => is_normalized = !words.take("UNF"),
                _ if words.take("NOINDEX") => indexed = false,
                _ => break,
            }
        }
        let (identifier, attribute) = (identifier.to_vec(), attribute.to_vec());
        index.fields.push(Field { identifier, attribute, kind, is_normalized, indexed });
    }
}

/// Which documents a request is about.
#[derive(Debug, Default)]
pub struct Selection {
    pub dialect: Dialect,
    pub verbatim: bool,
    pub keys: Option<Vec<Vec<u8>>>,
    pub fields: Option<Vec<Vec<u8>>>,
}

impl Selection {
    /// Reads an option that says so: `None` where it is malformed.
    pub fn read(&mut self, words: &mut Words<'_>) -> Option<bool> {
        if words.take("VERBATIM") {
            self.verbatim = true;
        } else if words.take("DIALECT") {
            self.dialect = match words.number()? {
                1 => Dialect::One,
                2 | 3 => Dialect::Two,
                _ => return None,
            };
        } else if words.take("INKEYS") {
            self.keys = Some(words.counted()?.all());
        } else if words.take("INFIELDS") {
            self.fields = Some(words.counted()?.all());
        } else {
            return Some(false);
        }
        Some(true)
    }
}

/// The two numbers of LIMIT.
pub fn window(words: &mut Words<'_>) -> Option<(usize, usize)> {
    let (offset, count) = (words.number()?, words.number()?);
    (offset <= 1_000_000 && count <= 1_000_000).then_some((offset, count))
}

/// FT.SEARCH.
#[derive(Debug, Default)]
pub struct Search {
    pub selection: Selection,
    pub hides_fields: bool,
    pub shows: Option<Vec<(Vec<u8>, Vec<u8>)>>,
    pub with_scores: bool,
    pub sort_by: Option<(Vec<u8>, bool)>,
    pub window: Option<(usize, usize)>,
}

impl Search {
    /// `None` where the request is malformed.
    pub fn read(argv: &Argv) -> Option<Self> {
        let mut words = Words::of(argv, 3);
        let mut search = Search::default();
        while !words.is_empty() {
            if search.selection.read(&mut words)? {
            } else if words.take("NOCONTENT") {
                search.hides_fields = true;
            } else if words.take("WITHSCORES") {
                search.with_scores = true;
            } else if words.take("RETURN") {
                let named = words.counted()?.aliased()?;
                search.hides_fields |= named.is_empty();
                search.shows = Some(named);
            } else if words.take("SORTBY") {
                let name = plain(words.next()?);
                search.sort_by = Some((name, words.take("ASC") || !words.take("DESC")));
            } else if words.take("LIMIT") {
                search.window = Some(window(&mut words)?);
            } else {
                return None;
            }
        }
        Some(search)
    }
}
