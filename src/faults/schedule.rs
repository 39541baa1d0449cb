//! Where the faults of a seed stand in its trace.

use super::{Fault, upkeep};
use crate::seed::{Seed, Stream};
use crate::trace::{Act, Op};

/// The most faults of one trace: more hide each other.
const FAULTS_MAX: u32 = 3;

/// Puts faults of these kinds between `ops`, and some upkeep, as the seed says; only upkeep, where `faults` is empty.
pub fn insert(ops: Vec<Op>, faults: &[&'static Fault], seed: Seed) -> Vec<Op> {
    let mut stream = seed.stream("faults");
    // Each with the op that it stands before.
    let mut inserted: Vec<(usize, Act)> = Vec::new();
    if stream.chance(1, 4) {
        inserted.push((0, Act::Fault(upkeep::PAGE_SIZE.draw(&mut stream))));
    }
    for _ in 0..stream.below(3) {
        let at = place(&ops, &mut stream);
        let act = match stream.below(3) {
            0 => Act::Restart,
            _ => Act::Fault(upkeep::draw_anywhere(&mut stream).draw(&mut stream)),
        };
        inserted.push((at, act));
    }
    let count = if faults.is_empty() { 0 } else { 1 + stream.below(FAULTS_MAX) };
    for _ in 0..count {
        let fault = *stream.pick(faults);
        let at = place(&ops, &mut stream);
        inserted.push((at, Act::Fault(fault.draw(&mut stream))));
        if fault.needs_crash {
            let later = (at + 1 + stream.below(12) as usize).min(ops.len());
            inserted.push((later, Act::Crash));
        }
    }
    inserted.sort_by_key(|(at, _)| *at);
    let mut inserted = inserted.into_iter().peekable();
    let mut all = Vec::with_capacity(ops.len() + inserted.len());
    for (at, op) in ops.into_iter().enumerate() {
        while let Some((_, act)) = inserted.next_if(|(place, _)| *place <= at) {
            all.push(Op { conn: 0, act });
        }
        all.push(op);
    }
    all.extend(inserted.map(|(_, act)| Op { conn: 0, act }));
    all
}

fn place(ops: &[Op], stream: &mut Stream) -> usize {
    stream.below(ops.len() as u32 + 1) as usize
}
