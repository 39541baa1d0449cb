//! Traces are judged op by op, past every divergence, and no right store is called wrong for it.

use std::sync::atomic::{AtomicBool, Ordering};

use redlite_dst::campaign::differential::{self, Options, Pace};
use redlite_dst::campaign::{Pair, sequence, sessions::Sessions};
use redlite_dst::corpus::Known;
use redlite_dst::generate;
use redlite_dst::seed::Seed;
use redlite_dst::targets::{self, TargetOptions};

/// Runs the first seeds of each group at this pace; everything that was seen.
fn examine(subject: &str, pace: Pace, seeds: u64) -> Vec<String> {
    let target = |name| targets::parse(name, &TargetOptions::default()).expect("the target is there");
    let (reference, subject) = (target("redis"), target(subject));
    let mut sessions = Sessions::open(Pair::new(reference.as_ref(), subject.as_ref())).expect("both open");
    let (known, stop) = (Known::none(), AtomicBool::new(false));
    let mut told = Vec::new();
    for group in generate::groups().iter().filter(|group| group.module().is_none()) {
        for seed in 0..seeds {
            let (header, ops) = sequence(Seed(seed), group, 60);
            let options = Options { stop: Some(&stop), ..Options::new(&known) };
            let examined = differential::examine(&header, &ops, &mut sessions.sides(), &options, pace, &mut |_| {})
                .expect("both answer");
            assert_eq!(examined.outcome.ops, 60, "seed {seed} of {}", group.name);
            let seen = examined.seen.iter().map(|seen| (seen.divergence.at, &seen.divergence.class));
            told.extend(seen.map(|(at, class)| format!("seed {seed} of {}, op {at}: {class}", group.name)));
        }
    }
    stop.store(true, Ordering::Relaxed);
    told
}

#[test]
fn nothing_is_seen_where_both_are_right() {
    assert_eq!(examine("redlite", Pace::StepByStep, 4), [""; 0]);
    assert_eq!(examine("redis", Pace::StepByStep, 2), [""; 0]);
}

#[test]
fn each_slip_of_a_trace_is_seen_and_nothing_else() {
    for pace in [Pace::StepByStep, Pace::Together] {
        let told = examine("canary:lrange-end", pace, 6);
        let others: Vec<&String> =
            told.iter().filter(|line| !line.contains(": LRANGE ") && !line.contains(": EXEC ")).collect();
        assert!(others.is_empty(), "{pace:?}: {others:#?}");
        assert!(told.len() > 2, "{pace:?}: {told:#?}");
    }
}
