//! Documents, and what is asked about them: words of a small vocabulary, queries of every form, expressions.

use crate::resp::Argv;
use crate::seed::Stream;
use crate::spec::syntax::Slot;

use super::arguments::Arguments;
use super::numbers::write_int;

/// How a field is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Tag,
    Numeric,
}

/// The fields of documents. The first of each kind comes most.
const FIELDS: [(Kind, [&[u8]; 3]); 3] = [
    (Kind::Text, [b"title", b"body", b"note"]),
    (Kind::Tag, [b"tags", b"code", b"color"]),
    (Kind::Numeric, [b"price", b"year", b"qty"]),
];

/// Words: near each other, with the same stem, stop words, numbers, and some that need escaping.
const WORDS: &[&[u8]] = &[
    b"hello",
    b"hello",
    b"help",
    b"held",
    b"yellow",
    b"world",
    b"word",
    b"cat",
    b"cats",
    b"Running",
    b"run",
    b"runs",
    b"the",
    b"of",
    b"red",
    b"blue",
    b"10",
    b"snake_case",
    "caf\u{e9}".as_bytes(),
];

/// Between two words of a document.
const GAPS: &[&[u8]] = &[b" ", b" ", b" ", b", ", b"-", b"\\-"];

/// Tags, some of two words.
const TAGS: &[&[u8]] = &[b"red", b"Red", b"blue", b"dark blue", b"green", b"x", b"the end"];

const NUMBERS: &[&[u8]] = &[b"0", b"1", b"2", b"3", b"5", b"8", b"10", b"2.5", b"-1", b"100", b"1e3", b"-0"];

const INDEXES: &[&[u8]] = &[b"idx", b"idx", b"idx", b"idx", b"books", b"books", b"nosuch\r\n"];

const ALIASES: &[&[u8]] = &[b"x", b"y", b"total", b"Label"];

/// Queries that are none, or at the edge.
const ODD_QUERIES: &[&[u8]] = &[
    b"",
    b"*",
    b"* hello",
    b"(",
    b")",
    b"(hello",
    b"hello |",
    b"| hello",
    b"\"hello",
    b"\"\"",
    b"@",
    b"@title",
    b"@title:",
    b"@price:[1",
    b"@price:[1 x]",
    b"@price:[10 1]",
    b"@tags:{",
    b"@tags:{}",
    b"%hello",
    b"%%%%hello%%%%",
    b"-",
    b"--hello",
    b"~~hello",
    b"the of",
    b"h*",
    b"@nosuch:hello",
    b"@price:hello",
    b"@title:[1 2]",
    b"@title:{red}",
    b"hello=>{$weight:2}",
    b"\\",
    b"\xff\xfe hello",
    b"\0",
];

const ODD_EXPRESSIONS: &[&[u8]] =
    &[b"", b"1 +", b"(1", b"@", b"foo", b"foo(1)", b"upper()", b"'open", b"1 / 0", b"@nosuch", b"NULL", b"!"];

/// How deep a query is nested.
const DEPTH_MAX: u32 = 3;

/// How many of the attributes that were defined are remembered.
const KNOWN_MAX: usize = 9;

/// What is remembered about documents and their indexes.
#[derive(Debug)]
pub(super) struct Documents {
    is_on: bool,
    /// The kind of the field that was written last.
    kind: Kind,
    /// How many fields of each kind the request in hand has.
    written: [usize; FIELDS.len()],
    /// What indexes name their fields, the youngest last.
    known: Vec<(Kind, Vec<u8>)>,
    /// True where an alias now would name the youngest.
    defines: bool,
    /// Properties and aliases in the request in hand.
    named: Vec<Vec<u8>>,
}

impl Documents {
    /// Where `is_on`, hashes are documents.
    pub fn new(is_on: bool) -> Self {
        let first = |(kind, names): &(Kind, [&[u8]; 3])| (*kind, names[0].to_vec());
        let known = FIELDS.iter().map(first).collect();
        Self { is_on, kind: Kind::Text, written: [0; 3], known, defines: false, named: Vec::new() }
    }

    /// True where hashes are documents.
    pub fn is_on(&self) -> bool {
        self.is_on
    }

    /// Forgets the request before.
    pub fn begin(&mut self) {
        self.written = [0; 3];
        self.defines = false;
        self.named.clear();
    }

    /// An attribute of this kind that some index has.
    fn attribute(&self, kind: Kind, stream: &mut Stream) -> Vec<u8> {
        let known: Vec<&Vec<u8>> = self.known.iter().filter(|(of, _)| *of == kind).map(|(_, name)| name).collect();
        if known.is_empty() || stream.chance(1, 16) {
            return one(&fields(kind), stream).to_vec();
        }
        (*stream.pick(&known)).clone()
    }
}

fn fields(kind: Kind) -> [&'static [u8]; 3] {
    FIELDS[kind as usize].1
}

fn word(stream: &mut Stream) -> &'static [u8] {
    let word: &&[u8] = stream.pick(WORDS);
    word
}

fn one(texts: &[&'static [u8]], stream: &mut Stream) -> &'static [u8] {
    let text: &&[u8] = stream.pick(texts);
    text
}

impl Arguments {
    /// A field of a document.
    pub(super) fn write_document_field(&mut self, argv: &mut Argv) {
        let stream = &mut self.values;
        let kind = if self.numeric {
            Kind::Numeric
        } else if stream.chance(5, 8) {
            Kind::Text
        } else {
            Kind::Tag
        };
        self.documents.kind = kind;
        let at = [0, 0, 0, 1, 1, 2][stream.below(6) as usize];
        argv.push(fields(kind)[at]);
    }

    /// A value for the field that was written last.
    pub(super) fn write_document_value(&mut self, argv: &mut Argv) {
        let stream = &mut self.values;
        match self.documents.kind {
            Kind::Numeric if stream.chance(1, 40) => argv.push(b"none"),
            Kind::Numeric => argv.push(one(NUMBERS, stream)),
            Kind::Text => argv.push_with(|out| {
                for at in 0..stream.between(1, 6) {
                    if at > 0 {
                        out.extend_from_slice(one(GAPS, stream));
                    }
                    out.extend_from_slice(word(stream));
                }
            }),
            Kind::Tag => argv.push_with(|out| {
                let separator = one(&[b",", b",", b", ", b";"], stream);
                for at in 0..stream.between(1, 3) {
                    if at > 0 {
                        out.extend_from_slice(separator);
                    }
                    out.extend_from_slice(one(TAGS, stream));
                }
            }),
        }
    }

    /// Appends an argument of a search command.
    pub(super) fn write_search(&mut self, slot: Slot, argv: &mut Argv) {
        match slot {
            Slot::SearchIndex => self.push_one(INDEXES, argv),
            Slot::KeyPrefix => self.push_one(&[b"hash:", b"hash:", b"hash:", b"hash:1", b"", b"nosuch"], argv),
            Slot::StopWord => self.push_one(&[b"hello", b"the", b"RED", b"nosuch"], argv),
            Slot::Separator => self.push_one(&[b",", b",", b";", b" ", b"ab"], argv),
            Slot::Dialect => self.push_one(&[b"1", b"2", b"3", b"2", b"1", b"2", b"0", b"x"], argv),
            Slot::TextField => self.define(Kind::Text, argv),
            Slot::TagField => self.define(Kind::Tag, argv),
            Slot::NumericField => self.define(Kind::Numeric, argv),
            Slot::Alias => self.write_alias(argv),
            Slot::Attribute => {
                let kind = FIELDS[self.values.below(3) as usize].0;
                argv.push(&self.documents.attribute(kind, &mut self.values));
            }
            Slot::Property => {
                let name = self.property(None);
                argv.push(&[b"@", &name[..]].concat());
            }
            Slot::Expression => self.write_expression(argv),
            _ => self.write_query(argv),
        }
    }

    /// A field of a schema: one that the request does not have yet, as long as there is one.
    fn define(&mut self, kind: Kind, argv: &mut Argv) {
        let written = &mut self.documents.written[kind as usize];
        let at = if *written == 0 && self.values.chance(1, 4) { self.values.below(3) as usize } else { *written };
        *written = at + 1;
        let name = fields(kind)[at % 3];
        argv.push(name);
        let known = &mut self.documents.known;
        known.push((kind, name.to_vec()));
        if known.len() > KNOWN_MAX {
            known.remove(0);
        }
        self.documents.defines = true;
    }

    fn write_alias(&mut self, argv: &mut Argv) {
        let alias = one(ALIASES, &mut self.values);
        argv.push(alias);
        match self.documents.known.last_mut() {
            Some((_, name)) if self.documents.defines => *name = alias.to_vec(),
            _ => self.documents.named.push(alias.to_vec()),
        }
        self.documents.defines = false;
    }

    /// A property of a row: mostly one that the request has named already.
    fn property(&mut self, kind: Option<Kind>) -> Vec<u8> {
        let (named, stream) = (&self.documents.named, &mut self.values);
        if !named.is_empty() && stream.chance(3, 4) {
            return stream.pick(named).clone();
        }
        let kind = kind.unwrap_or(FIELDS[stream.below(3) as usize].0);
        let name = self.documents.attribute(kind, stream);
        self.documents.named.push(name.clone());
        name
    }

    fn write_expression(&mut self, argv: &mut Argv) {
        if self.values.chance(1, 24) {
            return self.push_one(ODD_EXPRESSIONS, argv);
        }
        let number = self.property(Some(Kind::Numeric));
        let text = self.property(Some(Kind::Text));
        let [number, text] = [number, text].map(|name| String::from_utf8_lossy(&name).into_owned());
        let value = self.values.between(0, 10);
        let expression = match self.values.below(16) {
            0 => format!("@{number} + {value}"),
            1 => format!("(@{number} - {value}) * 2 / 4"),
            2 => format!("@{number} % 3 ^ 2"),
            3 => format!("@{number} >= {value}"),
            4 => format!("@{number} < {value} || @{text} == 'hello'"),
            5 => format!("!(@{number} != {value}) && exists(@{text})"),
            6 => format!("upper(@{text})"),
            7 => format!("lower(substr(@{text}, 1, -1))"),
            8 => format!("strlen(@{text}) > {value}"),
            9 => format!("contains(@{text}, 'l') + startswith(@{text}, \"h\")"),
            10 => format!("format('%s-%s%%', @{text}, @{number})"),
            11 => format!("split(@{text}, ' ')"),
            12 => format!("floor(@{number}) + ceil(abs(@{number}))"),
            13 => format!("sqrt(@{number}) <= log2({value})"),
            14 => format!("to_number(to_str(@{number})) == @{number}"),
            _ => format!("@{text} > '{}'", if value > 5 { "run" } else { "" }),
        };
        argv.push(expression.as_bytes());
    }

    fn write_query(&mut self, argv: &mut Argv) {
        let shape = self.values.below(32);
        match shape {
            0 => self.push_one(ODD_QUERIES, argv),
            1..5 => argv.push(b"*"),
            _ => {
                let mut query = Vec::new();
                self.grow_query(0, &mut query);
                if shape == 5 {
                    self.spoil_query(&mut query);
                }
                argv.push(&query);
            }
        }
    }

    /// Puts a sign where it may mean nothing, or cuts the end off.
    fn spoil_query(&mut self, query: &mut Vec<u8>) {
        let at = self.values.below(query.len() as u32 + 1) as usize;
        if self.values.chance(1, 4) {
            query.truncate(at);
        } else {
            let sign = *self.values.pick(b"\"|(){}[]:-~*%@\\$;=> \0\xff");
            query.insert(at, sign);
        }
    }

    /// Appends a query.
    fn grow_query(&mut self, depth: u32, query: &mut Vec<u8>) {
        let shape = self.values.below(if depth < DEPTH_MAX { 32 } else { 16 });
        match shape {
            0..6 => self.grow_words(query),
            6 | 7 => {
                query.push(b'"');
                self.grow_words(query);
                query.push(b'"');
            }
            8 => self.grow_affix(query),
            9 => {
                let signs = &b"%%%"[..self.values.between(1, 3) as usize];
                query.extend_from_slice(signs);
                query.extend_from_slice(word(&mut self.values));
                query.extend_from_slice(signs);
            }
            10..12 => self.grow_tags(query),
            12..16 => self.grow_range(query),
            16..19 => self.grow_pair(b" ", depth, query),
            19..22 => self.grow_pair(b" | ", depth, query),
            22 | 23 => self.grow_behind(b"-", depth, query),
            24 => self.grow_behind(b"~", depth, query),
            25..28 => {
                let first = self.documents.attribute(Kind::Text, &mut self.values);
                query.extend([b"@", &first[..]].concat());
                if self.values.chance(1, 4) {
                    let second = self.documents.attribute(Kind::Text, &mut self.values);
                    query.extend([b"|", &second[..]].concat());
                }
                self.grow_behind(b":", depth, query);
            }
            _ => {
                self.grow_behind(b"(", depth, query);
                query.push(b')');
            }
        }
    }

    fn grow_pair(&mut self, between: &[u8], depth: u32, query: &mut Vec<u8>) {
        self.grow_query(depth + 1, query);
        self.grow_behind(between, depth, query);
    }

    fn grow_behind(&mut self, sign: &[u8], depth: u32, query: &mut Vec<u8>) {
        query.extend_from_slice(sign);
        self.grow_query(depth + 1, query);
    }

    fn grow_words(&mut self, query: &mut Vec<u8>) {
        for at in 0..self.draw_few().min(3) {
            if at > 0 {
                query.push(b' ');
            }
            query.extend_from_slice(word(&mut self.values));
        }
    }

    fn grow_affix(&mut self, query: &mut Vec<u8>) {
        let part = one(&[b"he", b"hel", b"wor", b"ru", b"ll", b"lo", b"s", b"ed", b"cat"], &mut self.values);
        let place = self.values.below(4);
        query.extend_from_slice(if place > 1 { b"*" } else { b"" });
        query.extend_from_slice(part);
        query.extend_from_slice(if place == 2 { b"" } else { b"*" });
    }

    fn grow_tags(&mut self, query: &mut Vec<u8>) {
        let name = self.documents.attribute(Kind::Tag, &mut self.values);
        query.extend([b"@", &name[..], b":{"].concat());
        for at in 0..self.values.between(1, 3) {
            if at > 0 {
                query.extend_from_slice(b" | ");
            }
            let tag = one(
                &[b"red", b"RED", b"blue", b"dark blue", b"dark\\ blue", b"gr*", b"*ue", b"*ar*", b"the end", b"x"],
                &mut self.values,
            );
            query.extend_from_slice(tag);
        }
        query.push(b'}');
    }

    fn grow_range(&mut self, query: &mut Vec<u8>) {
        let name = self.documents.attribute(Kind::Numeric, &mut self.values);
        let low = one(&[b"-inf", b"-inf", b"0", b"(0", b"1", b"(2.5", b"5", b"-1"], &mut self.values);
        query.extend([b"@", &name[..], b":[", low, b" "].concat());
        match self.values.below(3) {
            0 => query.extend_from_slice(b"+inf"),
            shape => {
                query.extend_from_slice(if shape == 1 { b"(" } else { b"" });
                write_int(i64::from(self.values.between(0, 12)), query);
            }
        }
        query.push(b']');
    }
}
