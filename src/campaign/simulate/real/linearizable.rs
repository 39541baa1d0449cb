//! Whether there is an order of all calls of a history in which each takes effect between its invocation and its
//! answer, and is answered as the model answers.
//!
//! Wing and Gong's search (<https://doi.org/10.1006/jpdc.1993.1015>), with the memory of what was tried that Lowe added
//! (<https://doi.org/10.1002/cpe.3928>): the same calls done and the same state are not tried twice. Keys that no call
//! joins are searched apart.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::history::History;
use super::model::{Model, Payload};
use super::units::{Act, Unit, units};
use crate::campaign::CampaignError;

/// How many steps may be tried for the keys that are searched together.
pub(super) const TRIES_MAX: usize = 300_000;

/// What became of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is such an order.
    Linearizable,
    /// There is none for these calls, which are numbered as in the history.
    Violation {
        /// The fewest that were found, in their order.
        calls: Vec<usize>,
        /// The one with whose answer there was none any more.
        last: usize,
        /// What is wrong with them.
        why: String,
    },
    /// It could not be told: this is no pass.
    Unknown {
        /// Why not.
        why: String,
    },
}

/// What became of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Order,
    NoOrder,
    GaveUp,
}

/// Judges a history. `tries_max` bounds the steps that are tried for keys that belong together.
///
/// # Errors
/// Infrastructure only.
pub(super) fn judge(history: &History, model: &mut Model, tries_max: usize) -> Result<Verdict, CampaignError> {
    let split = match units(history) {
        Ok(split) => split,
        Err(why) => return Ok(Verdict::Unknown { why }),
    };
    if let Some(fault) = split.faults.into_iter().next() {
        let last = fault.calls.last().copied().unwrap_or_default();
        return Ok(Verdict::Violation { calls: fault.calls, last, why: fault.why });
    }
    let mut unknown = None;
    for units in partitions(split.units) {
        match search(&units, model, tries_max)? {
            Found::Order => {}
            Found::NoOrder => return violation(units, model, tries_max),
            Found::GaveUp => unknown = Some(format!("no order was found in {tries_max} tries")),
        }
    }
    Ok(unknown.map_or(Verdict::Linearizable, |why| Verdict::Unknown { why }))
}

/// The units whose keys are joined by one of them, together; each part in the order of invocation.
fn partitions(mut units: Vec<Unit>) -> Vec<Vec<Unit>> {
    let all: BTreeSet<Vec<u8>> = units.iter().flat_map(|unit| unit.keys.iter().cloned()).collect();
    units.iter_mut().filter(|unit| unit.touches_all).for_each(|unit| unit.keys.clone_from(&all));
    let places: BTreeMap<&[u8], usize> = all.iter().enumerate().map(|(at, key)| (&key[..], at)).collect();
    let mut parents: Vec<usize> = (0..all.len()).collect();
    for unit in &units {
        let mut roots = unit.keys.iter().map(|key| root(&mut parents, places[&key[..]])).collect::<Vec<_>>();
        roots.sort_unstable();
        roots.iter().for_each(|&at| parents[at] = roots[0]);
    }
    let mut parts: BTreeMap<Option<usize>, Vec<Unit>> = BTreeMap::new();
    for unit in units {
        let part = unit.keys.first().map(|key| root(&mut parents, places[&key[..]]));
        parts.entry(part).or_default().push(unit);
    }
    parts.into_values().collect()
}

fn root(parents: &mut [usize], mut at: usize) -> usize {
    while parents[at] != at {
        parents[at] = parents[parents[at]];
        at = parents[at];
    }
    at
}

/// The first moment at which there is no order any more, without the reads that it does not take.
fn violation(units: Vec<Unit>, model: &mut Model, tries_max: usize) -> Result<Verdict, CampaignError> {
    let mut moments: Vec<u64> = units.iter().filter_map(|unit| unit.answered_us).collect();
    moments.sort_unstable();
    let (mut low, mut high) = (0, moments.len() - 1);
    while low < high {
        let middle = usize::midpoint(low, high);
        match search(&until(&units, moments[middle]), model, tries_max)? {
            Found::NoOrder => high = middle,
            Found::Order | Found::GaveUp => low = middle + 1,
        }
    }
    let mut kept = until(&units, moments[high]);
    // Without a read, every order that there was is left.
    for at in (0..kept.len()).rev() {
        let unit = kept.remove(at);
        if unit.writes || search(&kept, model, tries_max)? != Found::NoOrder {
            kept.insert(at, unit);
        }
    }
    let is_last = |unit: &&Unit| unit.answered_us == Some(moments[high]);
    let last = kept.iter().find(is_last).and_then(|unit| unit.calls.last()).copied().unwrap_or_default();
    let calls: BTreeSet<usize> = kept.iter().flat_map(|unit| unit.calls.iter().copied()).collect();
    let why = "no order of these calls gives these replies".to_owned();
    Ok(Verdict::Violation { calls: calls.into_iter().collect(), last, why })
}

/// What had been sent by then, and answered by then.
fn until(units: &[Unit], at_us: u64) -> Vec<Unit> {
    let sent = units.iter().filter(|unit| unit.invoked_us <= at_us).cloned();
    sent.map(|unit| if unit.answered_us.is_some_and(|answered| answered > at_us) { unit.pending() } else { unit })
        .collect()
}

/// What the keys hold, and what each client watches and held when it began to.
#[derive(Clone, PartialEq, Eq, Hash)]
struct State {
    payloads: Vec<Payload>,
    watched: BTreeMap<u16, BTreeMap<usize, Payload>>,
}

/// Which units are done, a bit each, and what came of it.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Node {
    done: Vec<u64>,
    state: State,
}

impl Node {
    fn is_done(&self, at: usize) -> bool {
        self.done[at / 64] >> (at % 64) & 1 == 1
    }

    fn with(&self, at: usize, state: State) -> Self {
        let mut done = self.done.clone();
        done[at / 64] |= 1 << (at % 64);
        Self { done, state }
    }
}

struct Search<'a> {
    units: &'a [Unit],
    keys: Vec<&'a [u8]>,
    /// Of each unit, where its keys are among `keys`.
    places: Vec<Vec<usize>>,
    /// Of each unit, the one that its client had before.
    before: Vec<Option<usize>>,
    /// What each unit makes of the states of its keys.
    steps: HashMap<(usize, Vec<Payload>), Option<Vec<Payload>>>,
    model: &'a mut Model,
}

/// Looks for an order of units whose keys belong together.
fn search(units: &[Unit], model: &mut Model, tries_max: usize) -> Result<Found, CampaignError> {
    let all: BTreeSet<&[u8]> = units.iter().flat_map(|unit| unit.keys.iter().map(Vec::as_slice)).collect();
    let keys: Vec<&[u8]> = all.into_iter().collect();
    let place = |key: &Vec<u8>| keys.binary_search(&key.as_slice()).unwrap_or_default();
    let places = units.iter().map(|unit| unit.keys.iter().map(place).collect()).collect();
    let before = |at: usize| units[..at].iter().rposition(|unit| unit.client == units[at].client);
    let before = (0..units.len()).map(before).collect();
    let state = State { payloads: vec![0; keys.len()], watched: BTreeMap::new() };
    let first = Node { done: vec![0; units.len().div_ceil(64)], state };
    Search { units, keys, places, before, steps: HashMap::new(), model }.run(first, tries_max)
}

impl Search<'_> {
    fn run(&mut self, first: Node, tries_max: usize) -> Result<Found, CampaignError> {
        let (mut open, mut known, mut tries) = (vec![first], HashSet::new(), 0);
        while let Some(node) = open.pop() {
            let is_left = |at: &usize| !node.is_done(*at);
            let answered = |at: usize| self.units[at].answered_us;
            let left = (0..self.units.len()).filter(is_left);
            let Some(first_answer) = left.clone().filter_map(answered).min() else { return Ok(Found::Order) };
            let mut next: Vec<usize> = left.filter(|&at| self.may_come(&node, at, first_answer)).collect();
            next.sort_by_key(|&at| (answered(at).unwrap_or(u64::MAX), at));
            let mut nodes = Vec::new();
            for at in next {
                tries += 1;
                if tries > tries_max {
                    return Ok(Found::GaveUp);
                }
                let Some(state) = self.step(&node.state, at)? else { continue };
                let is_pending = answered(at).is_none();
                if is_pending && state == node.state {
                    continue;
                }
                nodes.push(node.with(at, state));
                if !self.units[at].writes && !is_pending {
                    // A read that is right now hinders nothing: no other choice needs to be tried.
                    nodes.drain(..nodes.len() - 1);
                    break;
                }
            }
            // The one that was answered first is tried first.
            open.extend(nodes.into_iter().rev().filter(|node| known.insert(node.clone())));
        }
        Ok(Found::NoOrder)
    }

    /// True where nothing that is left must come before.
    fn may_come(&self, node: &Node, at: usize, first_answer: u64) -> bool {
        let follows = self.before[at].is_some_and(|at| !node.is_done(at) && self.units[at].answered_us.is_some());
        self.units[at].invoked_us <= first_answer && !follows
    }

    fn step(&mut self, state: &State, at: usize) -> Result<Option<State>, CampaignError> {
        let (unit, places) = (&self.units[at], &self.places[at]);
        let mut next = state.clone();
        match &unit.act {
            Act::Watch { keys, is_first } => {
                let watched = next.watched.entry(unit.client).or_default();
                if *is_first {
                    watched.clear();
                }
                let place = |key: &Vec<u8>| self.keys.binary_search(&key.as_slice()).ok();
                for place in keys.iter().filter_map(place) {
                    watched.entry(place).or_insert(state.payloads[place]);
                }
                return Ok(Some(next));
            }
            Act::Transaction { is_watched: true, .. } => {
                let watched = next.watched.remove(&unit.client).unwrap_or_default();
                if watched.iter().any(|(&place, &held)| state.payloads[place] != held) {
                    return Ok(None);
                }
            }
            Act::Transaction { .. } | Act::Call { .. } | Act::Wait { .. } => {}
        }
        let before: Vec<Payload> = places.iter().map(|&place| state.payloads[place]).collect();
        let after = match self.steps.get(&(at, before.clone())) {
            Some(after) => after.clone(),
            None => {
                let keys: Vec<&[u8]> = places.iter().map(|&place| self.keys[place]).collect();
                let after = self.model.step(&keys, &before, unit)?;
                self.steps.insert((at, before), after.clone());
                after
            }
        };
        Ok(after.map(|after| {
            places.iter().zip(after).for_each(|(&place, payload)| next.payloads[place] = payload);
            next
        }))
    }
}
