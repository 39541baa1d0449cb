//! Documents, and what is asked about them: words of a small vocabulary, queries of every form, expressions.

use crate::seed::Stream;
use resp::Argv;
use spec::syntax::Slot;

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

const INDEXES: &[&[u8]] = &[b"idx", b"books", b"two words\r\n", b"4", b"\xff"];

const KEY_PREFIXES: &[&[u8]] =
    &[b"hash:", b"hash:", b"hash:", b"hash:", b"hash:", b"h", b"", b"hash:1", b"hash:2", b"nosuch"];

/// What stands between tags.
const SEPARATORS: &[&[u8]] = &[b",", b",", b",", b";", b";", b"|", b" "];

const DIALECTS: &[&[u8]] = &[b"1", b"1", b"2", b"2", b"3"];

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

/// What is remembered about documents and their indexes: what was asked for, whatever was answered.
#[derive(Debug)]
pub(super) struct Documents {
    is_on: bool,
    /// The kind of the field that was written last.
    kind: Kind,
    /// The indexes that were made, with what they name their fields.
    indexes: Vec<(&'static [u8], Schema)>,
    /// The one that the request in hand is about.
    current: Option<usize>,
    task: Task,
    /// True where it counts up or down.
    counts: bool,
    /// True where it is the better the more fields it has.
    wants_many: bool,
    /// The rows of the request in hand.
    rows: Rows,
}

type Schema = Vec<(Kind, Vec<u8>)>;

/// What the request in hand does with an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    Ask,
    Create,
    Alter,
    Drop,
}

/// What the rows of an aggregation have.
#[derive(Debug, Default)]
struct Rows {
    /// Properties by their aliases; behind GROUPBY these alone.
    named: Vec<Vec<u8>>,
    /// What the last GROUPBY leaves.
    grouped: Vec<Vec<u8>>,
    /// How many GROUPBY there have been.
    groups: usize,
    /// True where the last GROUPBY is not over yet.
    is_grouping: bool,
}

/// The words that begin a step of an aggregation.
const STEPS: &[&[u8]] = &[b"LOAD", b"GROUPBY", b"REDUCE", b"SORTBY", b"APPLY", b"FILTER"];

impl Rows {
    /// Follows the steps that are written; true where an alias or a property now belongs to a GROUPBY.
    fn follow(&mut self, argv: &Argv) -> bool {
        let is = |arg: &[u8], word: &[u8]| arg.eq_ignore_ascii_case(word);
        let groups = argv.iter().filter(|arg| is(arg, b"GROUPBY")).count();
        let step = argv.iter().rev().find(|arg| STEPS.iter().any(|step| is(arg, step))).unwrap_or_default();
        let belongs = is(step, b"GROUPBY") || is(step, b"REDUCE");
        if self.is_grouping && (groups > self.groups || !belongs) {
            self.named = std::mem::take(&mut self.grouped);
            self.is_grouping = false;
        }
        self.is_grouping |= groups > self.groups;
        self.groups = groups;
        belongs
    }

    /// True where the fields of the documents are gone.
    fn are_groups(&self) -> bool {
        self.groups > usize::from(self.is_grouping)
    }
}

impl Documents {
    /// Where `is_on`, hashes are documents.
    pub fn new(is_on: bool) -> Self {
        Self {
            is_on,
            kind: Kind::Text,
            indexes: Vec::new(),
            current: None,
            task: Task::Ask,
            counts: false,
            wants_many: false,
            rows: Rows::default(),
        }
    }

    /// True where hashes are documents.
    pub fn is_on(&self) -> bool {
        self.is_on
    }

    /// True where the request in hand gives a document its fields, or an index.
    pub fn wants_many(&self) -> bool {
        self.is_on && self.wants_many
    }

    /// Begins a request of this command, which `counts` up or down or does not.
    pub fn begin(&mut self, command: &str, counts: bool) {
        self.counts = counts;
        self.wants_many = matches!(command, "FT.CREATE" | "HSET" | "HMSET");
        self.task = match command {
            "FT.CREATE" => Task::Create,
            "FT.ALTER" => Task::Alter,
            "FT.DROPINDEX" => Task::Drop,
            _ => Task::Ask,
        };
        if matches!(command, "FLUSHALL" | "FLUSHDB") {
            self.indexes.clear();
        }
        self.current = None;
        self.rows = Rows::default();
    }

    /// The schema of the index that the request is about.
    fn schema(&self) -> &[(Kind, Vec<u8>)] {
        self.current.and_then(|at| self.indexes.get(at)).map_or(&[], |(_, schema)| schema)
    }

    /// The name of an index: a new one where one is made, as long as there is one, and otherwise mostly one that there
    /// is.
    fn index(&mut self, stream: &mut Stream) -> &'static [u8] {
        let odd = stream.chance(1, 24);
        let is_new = |name: &&&'static [u8]| !self.indexes.iter().any(|(known, _)| known == *name);
        let free = INDEXES.iter().find(is_new);
        match (self.task, free) {
            (Task::Create, Some(name)) if !odd => {
                self.indexes.push((name, Vec::new()));
                self.current = Some(self.indexes.len() - 1);
                name
            }
            (Task::Ask | Task::Alter | Task::Drop, _) if !self.indexes.is_empty() && !odd => {
                let at = stream.below(self.indexes.len() as u32) as usize;
                let name = self.indexes[at].0;
                match self.task {
                    Task::Drop => drop(self.indexes.remove(at)),
                    _ => self.current = Some(at),
                }
                name
            }
            _ => one(INDEXES, stream),
        }
    }

    /// A name for a field that the index does not have yet, as long as there is one.
    fn free_name(&self, names: &[&'static [u8]], stream: &mut Stream) -> &'static [u8] {
        let is_free = |name: &&&'static [u8]| !self.schema().iter().any(|(_, known)| known == *name);
        let free: Vec<&'static [u8]> = names.iter().filter(is_free).copied().collect();
        match free.first() {
            Some(first) if stream.chance(2, 3) => first,
            Some(_) => one(&free, stream),
            None => one(names, stream),
        }
    }

    /// An attribute of the index, of this kind where it has one.
    fn attribute(&self, kind: Option<Kind>, stream: &mut Stream) -> Vec<u8> {
        let is_so = |(of, _): &&(Kind, Vec<u8>)| kind.is_none_or(|kind| *of == kind);
        let mut known: Vec<&Vec<u8>> = self.schema().iter().filter(is_so).map(|(_, name)| name).collect();
        if known.is_empty() {
            known = self.schema().iter().map(|(_, name)| name).collect();
        }
        if known.is_empty() || stream.chance(1, 32) {
            return one(&fields(kind.unwrap_or(Kind::Text)), stream).to_vec();
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

/// True for the arguments that are written here.
pub(super) fn serves(slot: Slot) -> bool {
    matches!(
        slot,
        Slot::SearchIndex
            | Slot::KeyPrefix
            | Slot::StopWord
            | Slot::TextField
            | Slot::TagField
            | Slot::NumericField
            | Slot::Alias
            | Slot::Separator
            | Slot::Query
            | Slot::Dialect
            | Slot::Attribute
            | Slot::Property
            | Slot::Expression
    )
}

impl Arguments {
    /// A field of a document.
    pub(super) fn write_document_field(&mut self, argv: &mut Argv) {
        let stream = &mut self.values;
        let kind = match stream.below(8) {
            _ if self.documents.counts => Kind::Numeric,
            0..4 => Kind::Text,
            4..6 => Kind::Tag,
            _ => Kind::Numeric,
        };
        self.documents.kind = kind;
        let at = [0, 0, 0, 0, 0, 1, 1, 2][stream.below(8) as usize];
        argv.push(fields(kind)[at]);
    }

    /// A value for the field that was written last.
    pub(super) fn write_document_value(&mut self, argv: &mut Argv) {
        let stream = &mut self.values;
        match self.documents.kind {
            Kind::Numeric if stream.chance(1, 40) => argv.push(b"none"),
            Kind::Numeric => argv.push(one(NUMBERS, stream)),
            Kind::Text => argv.push_with(|out| {
                for at in 0..stream.between(2, 10) {
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
            Slot::SearchIndex => argv.push(self.documents.index(&mut self.values)),
            Slot::KeyPrefix => self.push_one(KEY_PREFIXES, argv),
            Slot::StopWord => self.push_one(&[b"hello", b"the", b"RED", b"nosuch"], argv),
            Slot::Separator if self.values.chance(1, 40) => argv.push(b"ab"),
            Slot::Separator => self.push_one(SEPARATORS, argv),
            Slot::Dialect if self.values.chance(1, 40) => self.push_one(&[b"0", b"9", b"x"], argv),
            Slot::Dialect => self.push_one(DIALECTS, argv),
            Slot::TextField => self.define(Kind::Text, argv),
            Slot::TagField => self.define(Kind::Tag, argv),
            Slot::NumericField => self.define(Kind::Numeric, argv),
            Slot::Alias => self.write_alias(argv),
            Slot::Attribute => argv.push(&self.documents.attribute(None, &mut self.values)),
            Slot::Property => {
                let name = self.property(None, argv);
                argv.push(&[b"@", &name[..]].concat());
            }
            Slot::Expression => self.write_expression(argv),
            _ => self.write_query(argv),
        }
    }

    /// A field of a schema.
    fn define(&mut self, kind: Kind, argv: &mut Argv) {
        let name = self.documents.free_name(&fields(kind), &mut self.values);
        argv.push(name);
        if let Some((_, schema)) = self.documents.current.and_then(|at| self.documents.indexes.get_mut(at)) {
            schema.push((kind, name.to_vec()));
        }
    }

    fn write_alias(&mut self, argv: &mut Argv) {
        if self.documents.task == Task::Ask {
            let alias = one(ALIASES, &mut self.values).to_vec();
            let rows = &mut self.documents.rows;
            argv.push(&alias);
            if rows.follow(argv) {
                rows.grouped.push(alias)
            } else {
                rows.named.push(alias)
            }
            return;
        }
        let alias = self.documents.free_name(ALIASES, &mut self.values);
        argv.push(alias);
        let index = self.documents.current.and_then(|at| self.documents.indexes.get_mut(at));
        if let Some((_, name)) = index.and_then(|(_, schema)| schema.last_mut()) {
            *name = alias.to_vec();
        }
    }

    /// A property of a row.
    fn property(&mut self, kind: Option<Kind>, argv: &Argv) -> Vec<u8> {
        let belongs = self.documents.rows.follow(argv);
        let Documents { rows, .. } = &self.documents;
        let name = if !rows.named.is_empty() && (rows.are_groups() || self.values.chance(1, 2)) {
            self.values.pick(&rows.named).clone()
        } else {
            self.documents.attribute(kind, &mut self.values)
        };
        let is_key = argv
            .iter()
            .rev()
            .take_while(|arg| !arg.eq_ignore_ascii_case(b"REDUCE"))
            .any(|arg| arg.eq_ignore_ascii_case(b"GROUPBY"));
        if belongs && is_key {
            self.documents.rows.grouped.push(name.clone());
        }
        name
    }

    fn write_expression(&mut self, argv: &mut Argv) {
        if self.values.chance(1, 24) {
            return self.push_one(ODD_EXPRESSIONS, argv);
        }
        let number = self.property(Some(Kind::Numeric), argv);
        let text = self.property(Some(Kind::Text), argv);
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
                let first = self.documents.attribute(Some(Kind::Text), &mut self.values);
                query.extend([b"@", &first[..]].concat());
                if self.values.chance(1, 4) {
                    let second = self.documents.attribute(Some(Kind::Text), &mut self.values);
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
        let name = self.documents.attribute(Some(Kind::Tag), &mut self.values);
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
        let name = self.documents.attribute(Some(Kind::Numeric), &mut self.values);
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
