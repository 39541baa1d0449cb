//! The same clients in the simulation, of which no more is known than what they saw: a history, and no order of the store.

use std::collections::{BTreeMap, VecDeque};

use super::history::{Call, History};
use crate::campaign::CampaignError;
use crate::faults::network::event;
use crate::seed::Seed;
use crate::targets::simulated::{self, Canary, Place, Story, What};
use crate::trace::{Act, Header, Op};
use resp::Argv;

/// The longest time between two requests, in milliseconds.
const GAP_MS_MAX: u32 = 10;
/// How long all have to be answered before `reads` are asked, in milliseconds: longer than any wait.
const READS_AFTER_MS: u64 = 1_000;

/// Runs the requests of each client at the same time, and `reads` when all are done, on a server with this slip.
///
/// # Errors
/// Infrastructure, and a run that panicked.
pub(super) fn drive(
    seed: Seed,
    clients: &[Vec<Argv>],
    reads: &[Argv],
    canary: Option<&'static Canary>,
) -> Result<History, CampaignError> {
    let ops = ops(seed, clients, reads);
    let story = simulated::run_on(&Header::default(), &ops, canary);
    let story = story.map_err(|error| CampaignError::Simulation { why: format!("seed {seed}: {error}") })?;
    Ok(history(&ops, &story))
}

/// Who asks when: drawn, as are the times in between.
fn ops(seed: Seed, clients: &[Vec<Argv>], reads: &[Argv]) -> Vec<Op> {
    let mut stream = seed.stream("real/turns");
    let mut ops = Vec::new();
    ops.extend(event("schedule").map(|event| Op { conn: 0, act: Act::Fault(event.draw(&mut stream)) }));
    let mut left: Vec<(u16, &[Argv])> = (0..).zip(clients.iter().map(Vec::as_slice)).collect();
    loop {
        left.retain(|(_, requests)| !requests.is_empty());
        if left.is_empty() {
            break;
        }
        let at = stream.below(left.len() as u32) as usize;
        let (conn, requests) = &mut left[at];
        if let Some((first, rest)) = requests.split_first() {
            ops.push(Op::call(*conn, first.clone()));
            *requests = rest;
        }
        if stream.chance(1, 2) {
            ops.push(Op { conn: 0, act: Act::Advance { ms: u64::from(stream.below(GAP_MS_MAX + 1)) } });
        }
    }
    ops.push(Op { conn: 0, act: Act::Advance { ms: READS_AFTER_MS } });
    ops.extend(reads.iter().map(|argv| Op::call(clients.len() as u16, argv.clone())));
    ops
}

/// What clients saw: each takes what comes as the answer to the first of its requests that has none.
fn history(ops: &[Op], story: &Story) -> History {
    let mut calls: Vec<Call> = Vec::new();
    let mut open: BTreeMap<Place, VecDeque<usize>> = BTreeMap::new();
    let mut early: BTreeMap<Place, VecDeque<resp::Reply>> = BTreeMap::new();
    for event in &story.events {
        let place = (event.conn, event.nth);
        match &event.what {
            What::Sent { op } => {
                let Some(argv) = ops[*op].argv() else { continue };
                // What came before it was asked for is taken for its answer.
                let answered = early.get_mut(&place).and_then(VecDeque::pop_front).map(|reply| (event.at_us, reply));
                if answered.is_none() {
                    open.entry(place).or_default().push_back(calls.len());
                }
                calls.push(Call { client: event.conn, argv: argv.clone(), invoked_us: event.at_us, answered });
            }
            What::Received(reply) => match open.get_mut(&place).and_then(VecDeque::pop_front) {
                Some(at) => calls[at].answered = Some((event.at_us, reply.clone())),
                None => early.entry(place).or_default().push_back(reply.clone()),
            },
            _ => {}
        }
    }
    History::new(calls)
}
