//! What has to be fast: generating, encoding, decoding, Redlite, replaying, comparing.
//!
//! `cargo bench -p benches --bench engine [-- FILTER]`. For ratios measured side by side in one run: `tools/bench`.

use std::hint::black_box;
use std::io::Cursor;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use redlite_dst::generate::{self, Generator, Options};
use redlite_dst::seed::Seed;
use redlite_dst::targets::{self, Session, TargetOptions};
use redlite_dst::trace::{Header, Limits, Op, Reader, Trace, Writer};
use resp::encode_reply;

const OPS: usize = 100_000;

fn generator(group: &str, seed: u64) -> Generator {
    let group = generate::group(group).expect("the group is in the table");
    Generator::new(&Options { seed: Seed(seed), group })
}

/// The ops of a mixed trace, with the replies of Redlite.
fn recorded_trace() -> Trace {
    let mut generator = generator("mixed", 5);
    let header = generator.header();
    let ops: Vec<Op> = (0..OPS).map(|_| generator.next_op()).collect();
    let mut replies = Vec::new();
    session("redlite", &header).replay(&ops, &mut replies).expect("Redlite answers");
    Trace { header, ops, replies: Some(replies), keyspace: None }
}

fn session(target: &str, header: &Header) -> Box<dyn Session> {
    let target = targets::parse(target, &TargetOptions::default()).expect("the target is there");
    target.open(header).expect("the target opens")
}

fn encode(trace: &Trace) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), &trace.header, trace.replies.is_some()).expect("memory does not fail");
    for (at, op) in trace.ops.iter().enumerate() {
        let reply = trace.replies.as_ref().map(|replies| &replies[at]);
        writer.write(op, reply).expect("memory does not fail");
    }
    writer.finish().expect("memory does not fail")
}

/// Prints how large the trace is beside the same ops and replies as RESP under `zstd -19`.
fn compare_sizes(_: &mut Criterion) {
    let trace = recorded_trace();
    let mut resp = Vec::new();
    for (op, reply) in trace.ops.iter().zip(trace.replies.iter().flatten()) {
        op.argv().inspect(|argv| argv.encode(&mut resp));
        encode_reply(reply, &mut resp);
    }
    let (own, plain) = (encode(&trace).len(), zstd::encode_all(&resp[..], 19).expect("memory does not fail").len());
    println!("trace {own} bytes, RESP under zstd -19 {plain} bytes: size ratio {:.3}", own as f64 / plain as f64);
}

fn generate_ops(criterion: &mut Criterion) {
    let mut bench = criterion.benchmark_group("generate");
    bench.throughput(Throughput::Elements(OPS as u64));
    for group in generate::groups() {
        bench.bench_function(group.name, |bencher| {
            bencher.iter_batched_ref(
                || generator(group.name, 5),
                |generator| {
                    for _ in 0..OPS {
                        black_box(generator.next_op());
                    }
                },
                BatchSize::LargeInput,
            );
        });
    }
}

fn code_traces(criterion: &mut Criterion) {
    let trace = recorded_trace();
    let encoded = encode(&trace);
    let mut bench = criterion.benchmark_group("trace");
    bench.throughput(Throughput::Elements(OPS as u64));
    bench.bench_function("encode", |bencher| bencher.iter(|| black_box(encode(&trace))));
    bench.bench_function("decode", |bencher| {
        bencher.iter(|| {
            let source = Box::new(Cursor::new(encoded.clone()));
            let mut reader = Reader::open(source, Limits::default()).expect("it was just written");
            while let Some(block) = reader.next_block().expect("it was just written") {
                black_box(block);
            }
        });
    });
}

fn replay(criterion: &mut Criterion) {
    let trace = recorded_trace();
    let mut bench = criterion.benchmark_group("replay");
    bench.throughput(Throughput::Elements(OPS as u64)).sample_size(20);
    for target in ["redlite", "redis"] {
        let mut session = session(target, &trace.header);
        bench.bench_function(target, |bencher| {
            bencher.iter(|| {
                session.reset(&trace.header).expect("the target is emptied");
                let mut replies = Vec::with_capacity(OPS);
                session.replay(&trace.ops, &mut replies).expect("the target answers");
                black_box(replies);
            });
        });
    }
}

criterion_group!(benches, compare_sizes, generate_ops, code_traces, replay);
criterion_main!(benches);
