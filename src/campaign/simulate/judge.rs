//! What was right of a run: every client got what one is answered that asks one command after the other, in the order of
//! the store; that order is the one of real time; nobody waits for a reply that should be there; and when all are gone the
//! server holds nothing of them.

use std::collections::BTreeMap;

use crate::campaign::CampaignError;
use crate::diff::keyspace::differences;
use crate::diff::{Class, Divergence, ErrorMode, Settings, kind, rules};
use crate::faults::network::HALF_CLOSE;
use crate::targets::simulated::{Ended, Expected, Holdings, Lost, Order, Place, Story, What, in_order};
use crate::trace::{Act, Header, Op};
use resp::Reply;

/// The rule of all that is found so.
const RULE: &str = "simulated";

/// What a connection did and got.
#[derive(Default)]
struct Seen {
    /// The calls that it sent, by their ops, with the time.
    sent: Vec<(usize, u64)>,
    /// True where it sent bytes that are no whole request.
    is_raw: bool,
    received: Vec<(Reply, u64)>,
    malformed: Option<String>,
    /// True where it was there to the end.
    is_kept: bool,
    /// True where the client said that it sends nothing more: what the server still had for it may be lost.
    is_half_closed: bool,
    ending: Option<What>,
}

/// What a run came to.
pub(super) enum Verdict {
    Right,
    Wrong(Box<Divergence>),
    /// It cannot be told: see [`Order::is_unknown`].
    Unknown,
}

/// Judges a run of `ops`.
pub(super) fn judge(header: &Header, ops: &[Op], story: &Story) -> Result<Verdict, CampaignError> {
    let seen = gather(ops, story);
    let order = in_order(header, &story.lives, seen.keys().copied());
    let order = order.map_err(|error| CampaignError::Simulation { why: error.to_string() })?;
    if order.is_unknown {
        return Ok(Verdict::Unknown);
    }
    let judge = Judge { ops, order: &order, seen: &seen };
    let found = judge
        .find_lost(story)
        .or_else(|| judge.find_unserved())
        .or_else(|| judge.find_wrong_reply())
        .or_else(|| judge.find_disorder())
        .or_else(|| judge.find_leak(story));
    Ok(found.map_or(Verdict::Right, |found| Verdict::Wrong(Box::new(found))))
}

/// What each connection did and got.
fn gather(ops: &[Op], story: &Story) -> BTreeMap<Place, Seen> {
    let mut all: BTreeMap<Place, Seen> = BTreeMap::new();
    for event in &story.events {
        let seen = all.entry((event.conn, event.nth)).or_default();
        match &event.what {
            What::Sent { op } if ops[*op].argv().is_some() => seen.sent.push((*op, event.at_us)),
            What::Sent { .. } => seen.is_raw = true,
            What::Received(reply) => seen.received.push((reply.clone(), event.at_us)),
            What::Malformed(error) => seen.malformed = Some(error.clone()),
            What::Ended | What::Reset | What::Closed => seen.ending = Some(event.what.clone()),
            What::Kept => seen.is_kept = true,
            What::Network { op } => {
                seen.is_half_closed |= matches!(&ops[*op].act, Act::Fault(spec) if spec.name == HALF_CLOSE);
            }
            What::Opened | What::Held { .. } => {}
        }
    }
    all
}

struct Judge<'a> {
    ops: &'a [Op],
    order: &'a Order,
    seen: &'a BTreeMap<Place, Seen>,
}

impl Judge<'_> {
    /// The connections, each with what it has to get.
    fn connections(&self) -> impl Iterator<Item = (Place, &Seen, &[Expected])> {
        let expected = |place| self.order.expected.get(place).map(Vec::as_slice).unwrap_or_default();
        self.seen.iter().map(move |(place, seen)| (*place, seen, expected(place)))
    }

    /// Where the store was not what it had to be when its process had ended.
    fn find_lost(&self, story: &Story) -> Option<Divergence> {
        let diverge = |kind: &str, want, got, note| {
            let class = Class { command: "SERVER".into(), rule: RULE.into(), kind: kind.into() };
            Divergence { at: self.ops.len().saturating_sub(1), class, want, got, key: None, note }
        };
        if let Some(Lost { life, committed }) = &self.order.lost
            && let Some(Ended { how, found: Ok(found), .. }) = story.lives.get(*life)?.ended.as_ref()
        {
            let first = differences(&Settings::default(), committed, found).into_iter().next();
            let (want, got) = first.map_or((Reply::ok(), Reply::ok()), |first| (first.want, first.got));
            return Some(diverge(
                "recovered",
                want,
                got,
                format!("{how}, and not all is there that was committed, or more"),
            ));
        }
        story.lives.iter().filter_map(|life| life.ended.as_ref()).find_map(|ended| {
            let why = ended.found.as_ref().err()?;
            Some(diverge(
                "refused",
                Reply::ok(),
                Reply::Closed,
                format!("{}, and the store does not open again: {why}", ended.how),
            ))
        })
    }

    /// Where a client got something else, something too much, or too little.
    fn find_wrong_reply(&self) -> Option<Divergence> {
        self.connections().find_map(|(place, seen, expected)| {
            let nothing = || Reply::Frames(Vec::new());
            for (nth, (got, _)) in seen.received.iter().enumerate() {
                let Some(wanted) = expected.get(nth) else {
                    return Some(self.diverge(seen, place, expected.last(), "too-much", nothing(), got.clone()));
                };
                if *got != wanted.frame {
                    let kind = kind::difference(&wanted.frame, got, ErrorMode::Text).unwrap_or_default();
                    let want = wanted.frame.clone();
                    return Some(self.diverge(seen, place, Some(wanted), &kind, want, got.clone()));
                }
            }
            let missing = expected.get(seen.received.len());
            let want = missing.map_or_else(nothing, |missing| missing.frame.clone());
            if let Some(error) = &seen.malformed {
                return Some(self.diverge(seen, place, missing, "malformed", want, Reply::error(error.clone())));
            }
            // One that is reset, that its client has closed before the end, or whose server died, may miss some.
            if missing.is_some() && seen.should_have_all() && !self.order.cut.contains(&place) {
                return Some(self.diverge(seen, place, missing, "lost", want, Reply::Hung));
            }
            None
        })
    }

    /// A request that the store never ran: it ran a later one of the connection, or none though nothing before it waits
    /// and the connection was there to the end.
    fn find_unserved(&self) -> Option<Divergence> {
        self.seen.iter().filter(|(_, seen)| !seen.is_raw).find_map(|(place, seen)| {
            let mut turns = self.turns_of(*place);
            let may_be_unserved = !seen.is_kept || self.order.waiting.contains(place);
            let is_unserved = |&(op, _): &(usize, u64)| match turns.next() {
                Some(turn) => self.ops[op].argv().is_some_and(|argv| *argv != self.order.turns[turn].argv),
                None => !may_be_unserved,
            };
            let nth = seen.sent.iter().position(is_unserved)?;
            let (at, _) = seen.sent[nth];
            // What stands before it is likelier to be the reason.
            let class = class_of(&self.ops[seen.sent[nth.saturating_sub(1)].0], "unserved");
            let note = "the request was sent, and nothing was done about it".to_owned();
            Some(Divergence { at, class, want: Reply::ok(), got: Reply::Hung, key: None, note })
        })
    }

    /// The requests of a connection that ran, by their places in the order.
    fn turns_of(&self, place: Place) -> impl Iterator<Item = usize> {
        self.order.turns.iter().enumerate().filter(move |(_, turn)| turn.place == place).map(|(at, _)| at)
    }

    /// Where what was answered before another was sent comes behind it in the order.
    fn find_disorder(&self) -> Option<Divergence> {
        // By the place in the order: the op, when it was sent, and when it was answered.
        let mut times: BTreeMap<usize, (usize, u64, Option<u64>)> = BTreeMap::new();
        for (place, seen, expected) in self.connections() {
            if seen.is_raw {
                continue;
            }
            for (at, &(op, sent_us)) in self.turns_of(place).zip(&seen.sent) {
                times.insert(at, (op, sent_us, None));
            }
            for (wanted, (_, received_us)) in expected.iter().zip(&seen.received) {
                if let Some((_, _, answered)) = wanted.turn.and_then(|turn| times.get_mut(&turn)) {
                    *answered = Some(*received_us);
                }
            }
        }
        let mut earliest: Option<(u64, usize)> = None;
        for &(op, sent_us, answered_us) in times.values().rev() {
            if let Some((answered_before_us, later)) = earliest
                && answered_before_us < sent_us
            {
                let class = class_of(&self.ops[op], "disorder");
                let note = format!("op {later} was answered before this was sent, and comes behind it in the store");
                return Some(Divergence { at: op, class, want: Reply::ok(), got: Reply::ok(), key: None, note });
            }
            if let Some(answered_us) = answered_us
                && earliest.is_none_or(|(least, _)| answered_us < least)
            {
                earliest = Some((answered_us, op));
            }
        }
        None
    }

    /// What the server holds of clients that are gone.
    fn find_leak(&self, story: &Story) -> Option<Divergence> {
        if story.held == Holdings::default() {
            return None;
        }
        let class = Class { command: "SERVER".into(), rule: RULE.into(), kind: "leak".into() };
        let note = format!("all clients are gone, and the server holds {:?}", story.held);
        let at = self.ops.len().saturating_sub(1);
        Some(Divergence { at, class, want: Reply::ok(), got: Reply::ok(), key: None, note })
    }

    /// A divergence at the request that a frame is about.
    fn diverge(
        &self,
        seen: &Seen,
        place: Place,
        wanted: Option<&Expected>,
        kind: &str,
        want: Reply,
        got: Reply,
    ) -> Divergence {
        let nth = wanted.and_then(|wanted| self.turns_of(place).position(|turn| Some(turn) == wanted.turn));
        let at = nth.and_then(|nth| seen.sent.get(nth)).map_or(0, |(op, _)| *op);
        Divergence { at, class: class_of(&self.ops[at], kind), want, got, key: None, note: String::new() }
    }
}

impl Seen {
    /// True where the client has read until all was over, or until the server closed the connection by itself.
    fn should_have_all(&self) -> bool {
        self.is_kept || (self.ending == Some(What::Ended) && !self.is_half_closed)
    }
}

fn class_of(op: &Op, kind: &str) -> Class {
    Class { command: rules::command_name(op, &Reply::ok()), rule: RULE.into(), kind: kind.into() }
}

/// A run that panicked.
pub(super) fn panicked(ops: &[Op], text: &str) -> Divergence {
    let class = Class { command: "SERVER".into(), rule: RULE.into(), kind: "panic".into() };
    let at = ops.len().saturating_sub(1);
    Divergence { at, class, want: Reply::ok(), got: Reply::Closed, key: None, note: text.to_owned() }
}
