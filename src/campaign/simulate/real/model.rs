//! The model is Redlite itself. A key's state is all that is told of it; a step writes it anew by the plainest commands,
//! runs the request, and reads it again.
//!
//! The clock stands still, so nothing expires.

use std::collections::HashMap;

use super::units::{Act, Unit};
use crate::campaign::CampaignError;
use crate::diff::{Entry, Settings, rules, transactions};
use crate::targets::{self, Session, TargetOptions};
use crate::trace::{Header, Op};
use resp::{Argv, Reply};

/// A key's state, by its number; 0 where there is no such key.
pub(super) type Payload = u32;

/// Connections of the model: the one that runs requests, and the one that writes what they meet.
const RUNS: u16 = 0;
const WRITES: u16 = 1;

/// All that is known of a key, apart from its name.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Content {
    kind: String,
    value: Reply,
    /// Of a stream, its counters.
    details: Option<Reply>,
}

/// What says what a server must answer.
pub(super) struct Model {
    session: Box<dyn Session>,
    contents: Vec<Content>,
    numbers: HashMap<Content, Payload>,
}

impl Model {
    /// # Errors
    /// Infrastructure only.
    pub fn new() -> Result<Self, CampaignError> {
        let session = targets::parse("redlite", &TargetOptions::default())?.open(&Header::default())?;
        Ok(Self { session, contents: Vec::new(), numbers: HashMap::new() })
    }

    /// What becomes of `keys`, which are in these states, where `unit` takes effect: `None` where it cannot, as it was
    /// answered otherwise.
    ///
    /// # Errors
    /// Infrastructure only.
    pub fn step(
        &mut self,
        keys: &[&[u8]],
        before: &[Payload],
        unit: &Unit,
    ) -> Result<Option<Vec<Payload>>, CampaignError> {
        let mut ops: Vec<Op> = Vec::new();
        for (key, &number) in keys.iter().zip(before) {
            if let Some(content) = (number as usize).checked_sub(1).and_then(|at| self.contents.get(at)) {
                ops.extend(content.writes(key).into_iter().map(|argv| Op::call(WRITES, argv)));
            }
        }
        let written = ops.len();
        match &unit.act {
            Act::Watch { .. } => return Ok(Some(before.to_vec())),
            Act::Call { argv, .. } | Act::Wait { argv, .. } => ops.push(Op::call(RUNS, argv.clone())),
            Act::Transaction { queue, .. } => {
                let word = |word: &str| Op::call(RUNS, [word]);
                let queued = queue.iter().map(|argv| Op::call(RUNS, argv.clone()));
                ops.extend([word("MULTI")].into_iter().chain(queued).chain([word("EXEC")]));
            }
        }
        self.session.reset(&Header::default())?;
        let mut replies = Vec::with_capacity(ops.len());
        self.session.replay(&ops, &mut replies)?;
        if let Some(reply) = replies[..written].iter().find(|reply| reply.as_error().is_some()) {
            return Err(failed(reply));
        }
        if !is_right(unit, &ops[ops.len() - 1], &replies[ops.len() - 1]) {
            return Ok(None);
        }
        if !unit.writes {
            return Ok(Some(before.to_vec()));
        }
        self.read(keys).map(Some)
    }

    /// The states of these keys now.
    fn read(&mut self, keys: &[&[u8]]) -> Result<Vec<Payload>, CampaignError> {
        let keyspace = self.session.keyspace()?.unwrap_or_default();
        if let Some(reply) = keyspace.instead() {
            return Err(failed(reply));
        }
        let mut numbers = vec![0; keys.len()];
        for Entry { key, kind, value, details, .. } in keyspace.entries {
            let content = Content { kind, value, details };
            if let Some(place) = keys.iter().position(|name| *name == key) {
                numbers[place] = *self.numbers.entry(content).or_insert_with_key(|content| {
                    self.contents.push(content.clone());
                    self.contents.len() as Payload
                });
            }
        }
        Ok(numbers)
    }
}

impl Content {
    /// The requests that write this to `key`, which is not there.
    fn writes(&self, key: &[u8]) -> Vec<Argv> {
        let with = |command: &str, args: &[&[u8]]| -> Argv {
            [command.as_bytes(), key].into_iter().chain(args.iter().copied()).collect()
        };
        let items = self.value.as_elements().unwrap_or_default();
        let mut args: Vec<&[u8]> = items.iter().filter_map(Reply::as_bytes).collect();
        match self.kind.as_str() {
            "string" => vec![with("SET", &[self.value.as_bytes().unwrap_or_default()])],
            "list" => vec![with("RPUSH", &args)],
            "hash" => vec![with("HSET", &args)],
            "set" => vec![with("SADD", &args)],
            "zset" => {
                // Scores stand before their members in a request, and behind them in a reply.
                args.chunks_exact_mut(2).for_each(|pair| pair.swap(0, 1));
                vec![with("ZADD", &args)]
            }
            _ => self.stream_writes(items, with),
        }
    }

    fn stream_writes(&self, items: &[Reply], with: impl Fn(&str, &[&[u8]]) -> Argv) -> Vec<Argv> {
        let mut writes: Vec<Argv> = Vec::new();
        for item in items {
            let [id, fields] = item.as_elements().unwrap_or_default() else { continue };
            let fields = fields.as_elements().unwrap_or_default().iter();
            let args: Vec<&[u8]> = [id].into_iter().chain(fields).filter_map(Reply::as_bytes).collect();
            writes.push(with("XADD", &args));
        }
        if writes.is_empty() {
            writes.extend([with("XADD", &[b"0-1", b"f", b"v"]), with("XDEL", &[b"0-1"])]);
        }
        let text = |name: &str| match self.detail(name) {
            Some(Reply::Int(number)) => number.to_string().into_bytes(),
            other => other.and_then(Reply::as_bytes).unwrap_or(b"0-0").to_vec(),
        };
        let (last, added, deleted) = (text("last-generated-id"), text("entries-added"), text("max-deleted-entry-id"));
        writes.push(with("XSETID", &[&last, b"ENTRIESADDED", &added, b"MAXDELETEDID", &deleted]));
        writes
    }

    /// What is told of a stream under this name.
    fn detail(&self, name: &str) -> Option<&Reply> {
        let pairs = self.details.as_ref()?.as_elements()?;
        pairs.chunks_exact(2).find(|pair| pair[0].as_bytes() == Some(name.as_bytes())).map(|pair| &pair[1])
    }
}

fn failed(reply: &Reply) -> CampaignError {
    let why = format!("the model cannot write or read a key: {}", super::replies::format(reply));
    CampaignError::Simulation { why }
}

/// Whether the answer of `unit` is what the model answered to its last op. What was not answered may be anything but
/// something that still waits.
fn is_right(unit: &Unit, op: &Op, want: &Reply) -> bool {
    let settings = Settings::default();
    match &unit.act {
        Act::Wait { has_begun, .. } => *want == Reply::Pending || *has_begun && want.as_error().is_some(),
        _ if *want == Reply::Pending => false,
        Act::Call { reply: Some(got), .. } => rules::compare(&settings, op, want, got).is_none(),
        Act::Transaction { queue, reply: Some(got), .. } => {
            transactions::compare(&settings, op, queue, want, got).is_none()
        }
        Act::Call { reply: None, .. } | Act::Transaction { reply: None, .. } | Act::Watch { .. } => true,
    }
}
