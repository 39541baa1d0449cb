//! What must not cost more where a key is large: one command each, on keys of 100, 10 k and 1 M elements.
//!
//! `cargo bench -p benches --bench growth [-- FILTER]`. A cost that grows by more than a few times from the first to the
//! last row of a command is a fault.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use redlite::{Client, Redlite};
use resp::{Argv, Reply};

const SIZES: [u64; 3] = [100, 10_000, 1_000_000];

/// How many elements one request adds while a key is filled.
const FILL: u64 = 1000;

/// A key of one type with so many elements, and what is asked of it.
struct Subject {
    client: Client,
    size: u64,
    /// Counts requests; a large prime spreads them over the elements.
    asked: u64,
}

impl Subject {
    /// Fills the key `k` with `command`; `write` appends the arguments of one element.
    fn new(size: u64, command: &str, write: fn(u64, &mut Argv)) -> Self {
        let store = Redlite::open_in_memory().expect("SQLite has memory");
        let mut client = store.client();
        for start in (0..size).step_by(FILL as usize) {
            let mut argv: Argv = [command, "k"].into();
            (start..size.min(start + FILL)).for_each(|element| write(element, &mut argv));
            let reply = client.execute(&argv);
            assert!(matches!(reply, Reply::Int(_)), "{command}: {reply:?}");
        }
        Self { client, size, asked: 0 }
    }

    /// Another element of the key with each call.
    fn element(&mut self) -> u64 {
        self.asked += 1;
        self.asked.wrapping_mul(2_147_483_647) % self.size
    }

    fn ask(&mut self, args: &[&str]) {
        let reply = self.client.execute(&args.iter().collect());
        assert!(reply.as_error().is_none(), "{args:?}: {reply:?}");
        black_box(reply);
    }
}

fn list_item(element: u64, argv: &mut Argv) {
    argv.push(element.to_string().as_bytes());
}

fn member(element: u64, argv: &mut Argv) {
    argv.push(format!("m{element}").as_bytes());
}

/// A thousand members share a score.
fn scored_member(element: u64, argv: &mut Argv) {
    argv.push((element / 1000).to_string().as_bytes());
    member(element, argv);
}

/// One measured request.
type Ask = fn(&mut Subject);

fn measure(criterion: &mut Criterion, command: &str, write: fn(u64, &mut Argv), asks: &[(&str, Ask)]) {
    for size in SIZES {
        let mut subject = Subject::new(size, command, write);
        for (name, ask) in asks {
            let mut group = criterion.benchmark_group(*name);
            group.bench_function(size.to_string(), |bencher| bencher.iter(|| ask(&mut subject)));
            group.finish();
        }
    }
}

fn lists(criterion: &mut Criterion) {
    let asks: &[(&str, Ask)] = &[
        ("LPUSH", |list| list.ask(&["LPUSH", "k", "item"])),
        ("LINDEX", |list| {
            let index = list.element().to_string();
            list.ask(&["LINDEX", "k", &index]);
        }),
        ("LRANGE of 10", |list| {
            let start = list.element();
            list.ask(&["LRANGE", "k", &start.to_string(), &(start + 9).to_string()]);
        }),
    ];
    measure(criterion, "RPUSH", list_item, asks);
}

fn sets(criterion: &mut Criterion) {
    let asks: &[(&str, Ask)] = &[
        ("SPOP and SADD", |set| {
            set.ask(&["SPOP", "k"]);
            let member = format!("m{}", set.size + set.asked);
            set.asked += 1;
            set.ask(&["SADD", "k", &member]);
        }),
        ("SRANDMEMBER", |set| set.ask(&["SRANDMEMBER", "k"])),
    ];
    measure(criterion, "SADD", member, asks);
}

fn sorted_sets(criterion: &mut Criterion) {
    let asks: &[(&str, Ask)] = &[
        ("ZRANK", |set| {
            let member = format!("m{}", set.element());
            set.ask(&["ZRANK", "k", &member]);
        }),
        // Behind ZRANK, so that it has the ranks to keep up to date as well.
        ("ZADD", |set| {
            let (member, score) = (set.element(), set.asked % 1009);
            set.ask(&["ZADD", "k", &score.to_string(), &format!("m{member}")]);
        }),
        ("ZRANGE of 10", |set| {
            let start = set.element();
            set.ask(&["ZRANGE", "k", &start.to_string(), &(start + 9).to_string()]);
        }),
        ("ZCOUNT", |set| {
            let low = set.element() / 1000;
            set.ask(&["ZCOUNT", "k", &low.to_string(), "+inf"]);
        }),
        ("ZPOPMIN and ZADD", |set| {
            set.ask(&["ZPOPMIN", "k"]);
            let (member, score) = (set.element(), set.asked % 1009);
            set.ask(&["ZADD", "k", &score.to_string(), &format!("m{member}")]);
        }),
    ];
    measure(criterion, "ZADD", scored_member, asks);
}

criterion_group!(benches, lists, sets, sorted_sets);
criterion_main!(benches);
