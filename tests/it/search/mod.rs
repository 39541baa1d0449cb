//! Searches against an evaluator that has no index: on seeded documents that come, change, move and go, each search
//! must find what looking at every document finds.

mod naive;
mod request;
mod rows;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use naive::{Hash, Index, Kind, Question, lower, number};
use redlite::Client;
use redlite::env::{Clock, Random};
use redlite::search::query::{self, Node};
use redlite_dst::generate::{Generator, Options, group};
use redlite_dst::seed::Seed;
use redlite_dst::trace::{Act, START_MS};
use request::{Search, Selection};
use resp::{Argv, Reply};
use rows::Answer;
use spec::{Family, lookup_request};

/// So many searches must have been compared.
const CASES: u32 = 12_000;

/// A store, and what is known about its indexes.
struct World {
    client: Client,
    clock: Clock,
    indexes: BTreeMap<Vec<u8>, Index>,
    tally: Tally,
}

/// What has been seen.
#[derive(Debug, Default)]
struct Tally {
    searches: u32,
    /// Searches that found some documents, and not all.
    telling: u32,
    aggregates: u32,
    refused: u32,
    /// Aggregations with expressions, which are not compared.
    open: u32,
}

impl World {
    fn new() -> Self {
        let clock = Clock::manual(START_MS);
        let options = redlite::Options::new().clock(clock.clone()).random(Random::seeded(1));
        let store = options.open_in_memory().expect("SQLite has memory");
        Self { client: store.client(), clock, indexes: BTreeMap::new(), tally: Tally::default() }
    }

    fn call(&mut self, args: &[&[u8]]) -> Reply {
        self.client.execute(&args.iter().collect())
    }

    /// Every hash, read without a search. A key whose time is over is left where it is.
    fn hashes(&mut self) -> Vec<Hash> {
        let names = self.call(&[b"KEYS", b"*"]);
        let mut hashes = Vec::new();
        for name in names.as_elements().unwrap_or_default() {
            let key = name.as_bytes().unwrap_or_default().to_vec();
            if let Reply::Array(flat) = self.call(&[b"HGETALL", &key]) {
                let text = |reply: &Reply| reply.as_bytes().unwrap_or_default().to_vec();
                let fields = flat.chunks(2).map(|pair| (text(&pair[0]), text(&pair[1]))).collect();
                hashes.push(Hash { key, fields });
            }
        }
        hashes
    }

    fn run(&mut self, argv: &Argv) -> Result<(), String> {
        let name = argv.get(0).unwrap_or_default().to_ascii_uppercase();
        let is_query = matches!(&name[..], b"FT.SEARCH" | b"FT.AGGREGATE") && argv.len() > 2;
        let hashes = if is_query { self.hashes() } else { Vec::new() };
        let reply = self.client.execute(argv);
        match &name[..] {
            b"FT.SEARCH" if is_query => self.check_search(argv, &hashes, &reply),
            b"FT.AGGREGATE" if is_query => self.check_aggregate(argv, &hashes, &reply),
            _ => {
                self.learn(&name, argv, &reply);
                Ok(())
            }
        }
    }

    /// Follows the indexes.
    fn learn(&mut self, name: &[u8], argv: &Argv, reply: &Reply) {
        if *reply != Reply::ok() {
            return;
        }
        match name {
            b"FT.CREATE" => drop(self.indexes.insert(argv[1].to_vec(), request::created(argv))),
            b"FT.ALTER" => request::altered(argv, self.indexes.get_mut(&argv[1]).expect("an index that was made")),
            b"FT.DROPINDEX" => drop(self.indexes.remove(&argv[1])),
            b"FLUSHALL" | b"FLUSHDB" => self.indexes.clear(),
            _ => {}
        }
    }

    /// The index of a query and its documents that are found; the error that must come.
    fn find(&self, argv: &Argv, selection: &Selection, hashes: &[Hash]) -> Result<(Index, Vec<Hash>), String> {
        let no_index = || format!("{}: no such index", String::from_utf8_lossy(&argv[1]));
        let index = self.indexes.get(&argv[1]).ok_or_else(no_index)?.clone();
        let query = query::parse(&argv[2], selection.dialect, &|word| index.is_stop_word(word));
        let query = query.map_err(|error| error.to_string())?;
        let texts = index.fields.iter().filter(|field| matches!(field.kind, Kind::Text { .. }));
        let within: Vec<Vec<u8>> = texts
            .map(|field| field.attribute.clone())
            .filter(|name| selection.fields.as_ref().is_none_or(|fields| fields.contains(name)))
            .collect();
        let is_found = |hash: &&Hash| {
            let question = Question { index: &index, hash, verbatim: selection.verbatim };
            let among = selection.keys.as_ref().is_none_or(|keys| keys.contains(&hash.key));
            let answer = |query: &Node| question.answer(query, &within).unwrap_or(false);
            index.takes(hash) && among && query.as_ref().is_some_and(answer)
        };
        let found = hashes.iter().filter(is_found).cloned().collect();
        Ok((index, found))
    }

    fn check_search(&mut self, argv: &Argv, hashes: &[Hash], reply: &Reply) -> Result<(), String> {
        let refused = |tally: &mut Tally, why: Option<&str>| {
            tally.refused += 1;
            match (reply.as_error(), why) {
                (Some(text), Some(why)) if String::from_utf8_lossy(text) != why.replace(['\r', '\n'], " ") => {
                    Err(format!("the error must be {why}"))
                }
                (Some(_), _) => Ok(()),
                (None, _) => Err(format!("must be refused: {why:?}")),
            }
        };
        let Some(search) = Search::read(argv) else { return refused(&mut self.tally, None) };
        let (index, found) = match self.find(argv, &search.selection, hashes) {
            Ok(found) => found,
            Err(why) => {
                let why = if search.sort_by.is_some() { None } else { Some(&why[..]) };
                return refused(&mut self.tally, why);
            }
        };
        if search.sort_by.as_ref().is_some_and(|(name, _)| index.field(name).is_none()) {
            return refused(&mut self.tally, None);
        }
        self.tally.searches += 1;
        let documents = hashes.iter().filter(|hash| index.takes(hash)).count();
        self.tally.telling += u32::from(!found.is_empty() && found.len() < documents);
        check_results(&search, &index, &found, reply)
    }

    fn check_aggregate(&mut self, argv: &Argv, hashes: &[Hash], reply: &Reply) -> Result<(), String> {
        let mut selection = Selection::default();
        let mut words = request::Words::of(argv, 3);
        // Options stand between the steps: what is no option is skipped here, and read with the steps.
        while !words.is_empty() {
            match selection.read(&mut words) {
                Some(true) => {}
                Some(false) => drop(words.next()),
                None => break,
            }
        }
        let Ok((index, found)) = self.find(argv, &selection, hashes) else {
            self.tally.refused += 1;
            return if reply.as_error().is_some() { Ok(()) } else { Err("must be refused".to_owned()) };
        };
        match rows::answer(argv, &index, &found) {
            Answer::Unknown => self.tally.open += 1,
            Answer::Rows(expected) => {
                self.tally.aggregates += 1;
                return expected.check(reply);
            }
            Answer::Refused if reply.as_error().is_some() => self.tally.refused += 1,
            Answer::Refused => return Err("must be refused".to_owned()),
        }
        Ok(())
    }
}

/// A result of FT.SEARCH.
struct Shown<'a> {
    key: &'a [u8],
    score: Option<f64>,
    fields: Option<Vec<(Vec<u8>, Vec<u8>)>>,
}

fn shown<'a>(search: &Search, reply: &'a Reply) -> Option<(usize, Vec<Shown<'a>>)> {
    let mut items = reply.as_elements()?.iter();
    let Some(Reply::Int(total)) = items.next() else { return None };
    let mut results = Vec::new();
    while let Some(key) = items.next() {
        let score = if search.with_scores { Some(number(items.next()?.as_bytes()?)?) } else { None };
        let fields = if search.hides_fields { None } else { Some(items.next()?.as_elements()?) };
        let text = |reply: &Reply| reply.as_bytes().unwrap_or_default().to_vec();
        let fields = fields.map(|flat| flat.chunks(2).map(|pair| (text(&pair[0]), text(&pair[1]))).collect());
        results.push(Shown { key: key.as_bytes()?, score, fields });
    }
    Some((usize::try_from(*total).ok()?, results))
}

/// What a document is sorted by: a missing value comes last, whatever the direction.
fn sort_key(search: &Search, index: &Index, hash: &Hash) -> Option<(bool, f64, Vec<u8>)> {
    let (name, ascending) = search.sort_by.as_ref()?;
    let field = index.field(name)?;
    let Some(text) = hash.fields.get(&field.identifier) else { return Some((true, 0.0, Vec::new())) };
    let sign = if *ascending { 1.0 } else { -1.0 };
    let is_number = field.kind == Kind::Numeric;
    Some(match number(text).filter(|_| is_number) {
        // Numbers before texts, and the other way around where the highest comes first.
        Some(value) => (false, sign * (value + 0.0), Vec::new()),
        None if is_number => (false, sign * f64::INFINITY, text.clone()),
        None => (false, 0.0, if field.is_normalized { lower(text) } else { text.clone() }),
    })
}

fn check_results(search: &Search, index: &Index, found: &[Hash], reply: &Reply) -> Result<(), String> {
    let Some((total, results)) = shown(search, reply) else { return Err("no results".to_owned()) };
    let (offset, count) = search.window.unwrap_or((0, 10));
    let expected = found.len().saturating_sub(offset).min(count);
    if total != found.len() || results.len() != expected {
        return Err(format!("{} of {total} results, and not {expected} of {}: {found:?}", results.len(), found.len()));
    }
    let mut keys: Vec<&[u8]> = results.iter().map(|result| result.key).collect();
    keys.sort_unstable();
    keys.dedup();
    if keys.len() < results.len() {
        return Err("a result comes twice".to_owned());
    }
    let mut got = Vec::new();
    for result in &results {
        let Some(hash) = found.iter().find(|hash| hash.key == result.key) else {
            return Err(format!("{} must not be found", result.key.escape_ascii()));
        };
        got.extend(sort_key(search, index, hash));
        check_fields(search, index, hash, result)?;
    }
    if search.sort_by.is_none() && results.is_sorted_by(|left, right| left.score >= right.score) {
        return Ok(());
    }
    let mut want: Vec<_> = found.iter().filter_map(|hash| sort_key(search, index, hash)).collect();
    let is_rising = search.sort_by.as_ref().is_some_and(|(_, ascending)| *ascending);
    want.sort_by(|left, right| {
        let texts = if is_rising { left.2.cmp(&right.2) } else { right.2.cmp(&left.2) };
        left.0.cmp(&right.0).then(left.1.total_cmp(&right.1)).then(texts)
    });
    let want: Vec<_> = want.into_iter().skip(offset).take(count).collect();
    if got == want { Ok(()) } else { Err(format!("sorted by {got:?}, and not {want:?}")) }
}

fn check_fields(search: &Search, index: &Index, hash: &Hash, result: &Shown<'_>) -> Result<(), String> {
    let Some(got) = &result.fields else { return Ok(()) };
    let value = |name: &Vec<u8>| hash.fields.get(index.field(name).map_or(name, |field| &field.identifier)).cloned();
    let want: Vec<(Vec<u8>, Vec<u8>)> = match (&search.shows, &search.sort_by) {
        (Some(names), _) => names.iter().filter_map(|(name, alias)| Some((alias.clone(), value(name)?))).collect(),
        (None, sort_by) => {
            let first = sort_by.as_ref().map(|(name, _)| name);
            let sorted = first.and_then(|name| Some((name.clone(), value(name)?)));
            let others = hash.fields.iter().filter(|(name, _)| Some(*name) != first);
            sorted.into_iter().chain(others.map(|(name, value)| (name.clone(), value.clone()))).collect()
        }
    };
    if *got == want { Ok(()) } else { Err(format!("{} has {want:?}", hash.key.escape_ascii())) }
}

/// True for what would change how the connection reads the requests behind it.
fn stays_outside(argv: &Argv) -> bool {
    let families = [Family::Transactions, Family::PubSub, Family::Blocking, Family::Connection];
    lookup_request(argv).is_some_and(|command| families.contains(&command.family))
}

#[test]
fn searches_find_what_looking_at_every_document_finds() {
    let mut world = World::new();
    for seed in 0.. {
        let mut generator = Generator::new(&Options { seed: Seed(seed), group: group("search").expect("a group") });
        assert_eq!(world.call(&[b"FLUSHALL"]), Reply::ok());
        world.indexes.clear();
        for at in 0..2000 {
            match generator.next_op().act {
                Act::Advance { ms } => world.clock.advance(ms as i64),
                Act::Call(argv) if stays_outside(&argv) => {}
                Act::Call(argv) => {
                    let checked = world.run(&argv);
                    assert!(checked.is_ok(), "seed {seed} op {at} {argv:?}: {}", checked.unwrap_err());
                }
                _ => {}
            }
        }
        let Tally { searches, aggregates, .. } = world.tally;
        if searches + aggregates >= CASES {
            break;
        }
    }
    let Tally { searches, telling, aggregates, refused, open } = world.tally;
    assert!(telling * 6 > searches, "only {telling} of {searches} searches tell one document from another");
    assert!(aggregates * 6 > searches, "only {aggregates} aggregations beside {searches} searches");
    assert!(refused * 5 < (searches + aggregates + open) * 2, "too many are refused: {:?}", world.tally);
}

/// A text that may be a query.
fn scribble(seed: u64) -> Vec<u8> {
    const PARTS: &[&[u8]] = &[
        b"(",
        b")",
        b"|",
        b"-",
        b"~",
        b"\"",
        b"@t:",
        b"@t",
        b"@g:{",
        b"}",
        b"@n:[",
        b"]",
        b"1",
        b"(2",
        b"-inf",
        b"*",
        b"%",
        b"%%",
        b"he",
        b"hello",
        b"the",
        b" ",
        b" ",
        b"\\",
        b":",
        b"{",
        b"[",
        b"=>",
        b"$",
        b"\xff",
        b"\0",
        b"he*",
        b"*lo",
        b"1.5e-9",
        b"9999999999999999999999",
    ];
    let mut stream = Seed(seed).stream("scribble");
    let mut text = Vec::new();
    for _ in 0..stream.below(24) {
        if stream.chance(1, 12) {
            text.push(stream.below(256) as u8);
        } else {
            let part: &&[u8] = stream.pick(PARTS);
            text.extend_from_slice(part);
        }
    }
    text
}

#[test]
fn no_query_panics_or_takes_long() {
    let mut world = World::new();
    world.call(&[b"FT.CREATE", b"idx", b"SCHEMA", b"t", b"TEXT", b"g", b"TAG", b"n", b"NUMERIC"]);
    for document in 0..20 {
        let number = document.to_string();
        world.call(&[
            b"HSET",
            number.as_bytes(),
            b"t",
            b"hello help 1 yellow",
            b"g",
            b"he,hello",
            b"n",
            number.as_bytes(),
        ]);
    }
    let (mut read, mut slowest) = (0, Duration::ZERO);
    for seed in 0..100_000 {
        let text = scribble(seed);
        let start = Instant::now();
        read += u32::from(query::parse(&text, query::Dialect::One, &|word| word == b"the").is_ok());
        // Every text goes through the parser, and some through the store.
        if seed % 8 == 0 {
            world.call(&[b"FT.SEARCH", b"idx", &text, b"NOCONTENT"]);
            world.call(&[b"FT.EXPLAIN", b"idx", &text, b"DIALECT", b"2"]);
            world.call(&[b"FT.AGGREGATE", b"idx", b"*", b"APPLY", &text, b"AS", b"x"]);
        }
        slowest = slowest.max(start.elapsed());
    }
    assert!(read > 8_000, "only {read} of the texts are queries");
    assert!(slowest < Duration::from_secs(2), "a query took {slowest:?}");
}

#[test]
fn the_largest_queries_are_answered() {
    let mut world = World::new();
    world.call(&[b"FT.CREATE", b"idx", b"SCHEMA", b"t", b"TEXT", b"n", b"NUMERIC"]);
    for document in 0..50 {
        world.call(&[b"HSET", document.to_string().as_bytes(), b"t", b"hello world", b"n", b"1"]);
    }
    let start = Instant::now();
    for part in
        ["(", "-", "~", "hello ", "he* ", "%hello% ", "-hello ", "hello|", "@n:[0 2] ", "\"hello world\" ", "@t:"]
    {
        let query = part.repeat(60_000 / part.len());
        for length in [query.len(), 900, 180] {
            let reply = world.call(&[b"FT.SEARCH", b"idx", &query.as_bytes()[..length], b"NOCONTENT"]);
            assert!(!matches!(reply, Reply::Hung | Reply::Closed), "{part}: {reply:?}");
        }
    }
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}
