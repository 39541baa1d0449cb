//! What of a history takes effect at one moment: a call, a whole transaction, or the start of a watch.
//!
//! Calls that no key holds (`PING`) and transactions that were given up are none. A wait that ended without anything is two:
//! there was nothing to take when it began, and nothing when its time was over.
//! An EXEC that says so because of its WATCH must have a reason, which is looked for here.

use std::collections::{BTreeMap, BTreeSet};

use super::history::{Call, History};
use resp::{Argv, Reply};
use spec::{Family, Fidelity};

/// What takes effect at one moment, between its invocation and its answer.
#[derive(Clone, Debug)]
pub(super) struct Unit {
    /// Its calls in the history.
    pub calls: Vec<usize>,
    pub client: u16,
    pub invoked_us: u64,
    /// `None` where it may not have happened.
    pub answered_us: Option<u64>,
    /// The keys that it is about.
    pub keys: BTreeSet<Vec<u8>>,
    /// True where it is about every key.
    pub touches_all: bool,
    /// True where it may change one, or what its client watches.
    pub writes: bool,
    pub act: Act,
}

/// What a [`Unit`] does.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// The model runs this, and must answer that. Where the server chose something at random, it is a request that is
    /// right only with this choice.
    Call { argv: Argv, reply: Option<Reply> },
    /// MULTI, these, and an EXEC that must be answered so, after a WATCH or not.
    Transaction { queue: Vec<Argv>, reply: Option<Reply>, is_watched: bool },
    /// The model must keep this waiting. One that has begun also waits while its key is of another type.
    Wait { argv: Argv, has_begun: bool },
    /// These keys are watched from now on.
    Watch { keys: Vec<Vec<u8>>, is_first: bool },
}

/// What is wrong with calls whatever the order: the calls, and why.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub calls: Vec<usize>,
    pub why: String,
}

/// What a history consists of.
#[derive(Debug, Default)]
pub(super) struct Units {
    pub units: Vec<Unit>,
    pub faults: Vec<Fault>,
}

/// What is asked and answered apart from any key.
const KEYLESS: [&str; 4] = ["PING", "ECHO", "CLIENT SETNAME", "CLIENT GETNAME"];
/// What is about all keys.
const ON_ALL_KEYS: [&str; 4] = ["DBSIZE", "FLUSHALL", "FLUSHDB", "KEYS"];
/// What depends on a clock, on how keys are kept, on other databases, or on groups of a stream: the model's states do
/// not have these.
const REFUSED: [&str; 9] = ["COPY", "MOVE", "SWAPDB", "RESTORE", "SETEX", "PSETEX", "XREADGROUP", "XACK", "XSETID"];
/// The same, by the first word of what has subcommands or several names.
const REFUSED_KINDS: [&str; 6] = ["OBJECT", "XGROUP", "XCLAIM", "XAUTOCLAIM", "XPENDING", "XINFO"];
/// Options that make a key expire.
const TIMES: [&str; 4] = ["EX", "PX", "EXAT", "PXAT"];

/// Splits a history into what takes effect at one moment each.
///
/// # Errors
/// The call that cannot be judged, and why.
pub(super) fn units(history: &History) -> Result<Units, String> {
    let mut splitter = Splitter { calls: history.calls(), clients: BTreeMap::new(), found: Units::default() };
    for at in 0..history.calls().len() {
        splitter.take(at)?;
    }
    Ok(splitter.found)
}

/// What a connection is in the middle of.
#[derive(Default)]
struct Client {
    /// The WATCHes that hold, and their keys.
    watches: Vec<usize>,
    watched: BTreeSet<Vec<u8>>,
    /// From MULTI on: the calls since, and whether one was refused.
    queue: Option<Vec<usize>>,
    is_refused: bool,
}

struct Splitter<'a> {
    calls: &'a [Call],
    clients: BTreeMap<u16, Client>,
    found: Units,
}

impl Splitter<'_> {
    fn take(&mut self, at: usize) -> Result<(), String> {
        let call = &self.calls[at];
        let client = self.clients.entry(call.client).or_default();
        if client.queue.is_some() {
            return self.take_queued(at);
        }
        let is_ok = call.reply() == Some(&Reply::ok());
        if call.argv.is_word("MULTI") {
            client.queue = is_ok.then(|| vec![at]);
            client.is_refused = false;
        } else if call.argv.is_word("UNWATCH") {
            *client = Client::default();
        } else if call.argv.says(0, "WATCH") {
            if is_ok {
                self.watch(at);
            }
        } else if !(call.argv.is_word("EXEC") || call.argv.is_word("DISCARD")) {
            self.take_call(at)?;
        } else if call.reply().is_some_and(|reply| reply.as_error().is_none()) {
            self.fault(vec![at], "this takes a MULTI before it, and there is none");
        }
        Ok(())
    }

    fn take_call(&mut self, at: usize) -> Result<(), String> {
        let call = &self.calls[at];
        command_of(at, &call.argv)?;
        match idle(call) {
            Some(idle) if idle.is_early(call) => self.fault(vec![at], "its wait ended before its time"),
            Some(idle) => self.found.units.extend(idle.units(at, call)),
            None => self.found.units.extend(unit_of(at, call)?),
        }
        Ok(())
    }

    fn watch(&mut self, at: usize) {
        let call = &self.calls[at];
        let client = self.clients.entry(call.client).or_default();
        let keys: Vec<Vec<u8>> = call.argv.iter().skip(1).map(<[u8]>::to_vec).collect();
        let is_first = client.watches.is_empty();
        client.watches.push(at);
        client.watched.extend(keys.iter().cloned());
        self.found.units.push(Unit {
            keys: keys.iter().cloned().collect(),
            writes: true,
            ..Unit::new(at, call, Act::Watch { keys, is_first })
        });
    }

    fn take_queued(&mut self, at: usize) -> Result<(), String> {
        let call = &self.calls[at];
        let client = self.clients.entry(call.client).or_default();
        if call.argv.is_word("EXEC") {
            return self.end(at);
        }
        if call.argv.is_word("DISCARD") {
            *client = Client::default();
            return Ok(());
        }
        let is_queued = |reply: &Reply| matches!(reply, Reply::Simple(text) if text == b"QUEUED");
        match call.reply() {
            Some(reply) if is_queued(reply) => client.queue.iter_mut().for_each(|queue| queue.push(at)),
            Some(reply) if reply.as_error().is_some() => client.is_refused = true,
            Some(_) => self.fault(vec![at], "between MULTI and EXEC a request is queued, and this was not"),
            None => {}
        }
        Ok(())
    }

    fn end(&mut self, at: usize) -> Result<(), String> {
        let call = &self.calls[at];
        let client = self.clients.remove(&call.client).unwrap_or_default();
        let queued = client.queue.unwrap_or_default();
        let queue: Vec<Argv> = queued.iter().skip(1).map(|&at| self.calls[at].argv.clone()).collect();
        let calls: Vec<usize> = client.watches.iter().chain(&queued).copied().chain([at]).collect();
        match call.reply() {
            Some(reply) if client.is_refused && reply.as_error().is_some() => return Ok(()),
            Some(_) if client.is_refused => self.fault(calls, "a request was refused, so EXEC must be, too"),
            Some(reply) if is_nothing(reply) => {
                if !self.is_disturbed(&client.watched, client.watches.first().copied(), at) {
                    self.fault(calls, "EXEC was given up, and nobody wrote a key that is watched");
                }
            }
            reply => {
                let mut keys = client.watched.clone();
                let (mut touches_all, mut writes) = (false, !client.watches.is_empty());
                for argv in &queue {
                    let command = command_of(at, argv)?;
                    if matches!(command.fidelity, Fidelity::RandomPick | Fidelity::RandomPop) || takes_own_id(argv) {
                        return Err(refusal(at, argv, "picks at random, or by the clock, in a transaction"));
                    }
                    keys.extend(keys_of(command, argv));
                    touches_all |= ON_ALL_KEYS.contains(&command.name);
                    writes |= command.writes;
                }
                let is_watched = !client.watches.is_empty();
                let act = Act::Transaction { queue, reply: reply.cloned(), is_watched };
                self.found.units.push(Unit { calls, keys, touches_all, writes, ..Unit::new(at, call, act) });
            }
        }
        Ok(())
    }

    /// True where something may have written one of these keys between the first WATCH and this EXEC.
    fn is_disturbed(&self, watched: &BTreeSet<Vec<u8>>, from: Option<usize>, exec: usize) -> bool {
        let Some(from) = from else { return false };
        let (from_us, until_us) = (self.calls[from].invoked_us, self.calls[exec].answered_us().unwrap_or(u64::MAX));
        // What is queued for this EXEC itself comes too late.
        let own = self.calls[exec].client;
        let mut is_open = false;
        self.calls.iter().any(|call| {
            if call.client == own {
                let ends = call.argv.is_word("EXEC") || call.argv.is_word("DISCARD");
                is_open = call.argv.is_word("MULTI") || is_open && !ends;
            }
            let is_over = call.answered_us().is_some_and(|at| at < from_us) && !is_queued(call);
            let is_meanwhile = call.invoked_us <= until_us && !is_over;
            let is_own_queue = call.client == own && is_open;
            is_meanwhile
                && !is_own_queue
                && spec::lookup_request(&call.argv).is_some_and(|command| {
                    let touches = || command.key_positions(&call.argv).any(|at| watched.contains(&call.argv[at]));
                    command.writes && (ON_ALL_KEYS.contains(&command.name) || touches())
                })
        })
    }

    fn fault(&mut self, calls: Vec<usize>, why: &str) {
        self.found.faults.push(Fault { calls, why: why.to_owned() });
    }
}

/// A queued request takes effect later than it is answered.
fn is_queued(call: &Call) -> bool {
    matches!(call.reply(), Some(Reply::Simple(text)) if text == b"QUEUED")
}

impl Unit {
    fn new(at: usize, call: &Call, act: Act) -> Self {
        Self {
            calls: vec![at],
            client: call.client,
            invoked_us: call.invoked_us,
            answered_us: call.answered_us(),
            keys: BTreeSet::new(),
            touches_all: false,
            writes: false,
            act,
        }
    }

    /// The same, of which no answer had come by then.
    pub fn pending(mut self) -> Self {
        self.answered_us = None;
        match &mut self.act {
            Act::Call { reply, .. } | Act::Transaction { reply, .. } => *reply = None,
            Act::Watch { .. } | Act::Wait { .. } => {}
        }
        self
    }
}

/// A server reads its clock in milliseconds, and not for each request: a wait may end by so much before its time.
const EARLY_US_MAX: u64 = 5_000;

/// A wait that ended without anything.
struct Idle {
    keys: BTreeSet<Vec<u8>>,
    /// How long it was to wait; 0 for ever.
    timeout_us: u64,
}

/// The wait that a call was, where nothing came of it.
fn idle(call: &Call) -> Option<Idle> {
    let command = spec::lookup_request(&call.argv)?;
    let argv = &call.argv;
    let number = |at: usize| std::str::from_utf8(argv.get(at)?).ok()?.parse::<f64>().ok().filter(|it| *it >= 0.0);
    let timeout_us = match () {
        () if !call.reply().is_some_and(is_nothing) => return None,
        () if command.family == Family::Streams => {
            number((1..argv.len()).find(|&at| argv.says(at, "BLOCK"))? + 1)? * 1e3
        }
        () if command.family != Family::Blocking => return None,
        () if command.name.ends_with("MPOP") => number(1)? * 1e6,
        () => number(argv.len() - 1)? * 1e6,
    };
    Some(Idle { keys: keys_of(command, argv).collect(), timeout_us: timeout_us as u64 })
}

impl Idle {
    fn is_early(&self, call: &Call) -> bool {
        let took_us = call.answered_us().unwrap_or_default() - call.invoked_us;
        took_us.saturating_add(EARLY_US_MAX) < self.timeout_us
    }

    /// That nothing was there when it began, and when its time was over.
    fn units(self, at: usize, call: &Call) -> [Unit; 2] {
        let wait = |has_begun| Act::Wait { argv: call.argv.clone(), has_begun };
        let unit = Unit { keys: self.keys, ..Unit::new(at, call, wait(true)) };
        let waited_us = self.timeout_us.saturating_sub(EARLY_US_MAX);
        let mut began = Unit { act: wait(false), ..unit.clone() };
        began.answered_us = unit.answered_us.map(|at_us| at_us.saturating_sub(waited_us).max(call.invoked_us));
        [
            began,
            Unit {
                invoked_us: call.invoked_us + waited_us.min(call.answered_us().unwrap_or_default() - call.invoked_us),
                ..unit
            },
        ]
    }
}

fn is_nothing(reply: &Reply) -> bool {
    matches!(reply, Reply::NullArray | Reply::NullBulk | Reply::Null)
}

/// What takes effect of a call outside of a transaction.
fn unit_of(at: usize, call: &Call) -> Result<Option<Unit>, String> {
    let argv = &call.argv;
    let command = command_of(at, argv)?;
    if KEYLESS.contains(&command.name) {
        return Ok(None);
    }
    let picks = matches!(command.fidelity, Fidelity::RandomPick | Fidelity::RandomPop);
    let act = match forced(argv, call.reply()) {
        Some((argv, reply)) => Act::Call { argv, reply: Some(reply) },
        None if call.answered.is_none() && picks && !command.writes => return Ok(None),
        None if call.answered.is_none() && (picks || takes_own_id(argv)) => {
            return Err(refusal(at, argv, "chooses by itself, and what it chose was not answered"));
        }
        None if picks && argv.len() > 2 => return Err(refusal(at, argv, "picks several at random")),
        None => Act::Call { argv: argv.clone(), reply: call.reply().cloned() },
    };
    let touches_all = ON_ALL_KEYS.contains(&command.name);
    let keys = keys_of(command, argv).collect();
    Ok(Some(Unit { keys, touches_all, writes: command.writes, ..Unit::new(at, call, act) }))
}

fn keys_of(command: &'static spec::Command, argv: &Argv) -> impl Iterator<Item = Vec<u8>> {
    command.key_positions(argv).map(|at| argv[at].to_vec())
}

fn says_block(argv: &Argv) -> bool {
    (1..argv.len()).any(|at| argv.says(at, "BLOCK"))
}

fn takes_own_id(argv: &Argv) -> bool {
    argv.says(0, "XADD") && argv.iter().any(|arg| arg == b"*")
}

/// The command's row, where such a call can be judged.
fn command_of(at: usize, argv: &Argv) -> Result<&'static spec::Command, String> {
    let command = spec::lookup_request(argv).ok_or_else(|| refusal(at, argv, "is no command that dst knows"))?;
    let has_keys = command.key_positions(argv).next().is_some();
    let is_known = KEYLESS.contains(&command.name) || ON_ALL_KEYS.contains(&command.name);
    let is_timed = TIMES.iter().any(|word| (2..argv.len()).any(|at| argv.says(at, word)))
        && matches!(command.name, "SET" | "GETEX");
    match () {
        () if is_timed || command.family == Family::Expiry => Err(refusal(at, argv, "depends on the clock")),
        () if REFUSED.contains(&command.name) || REFUSED_KINDS.iter().any(|word| argv.says(0, word)) => {
            Err(refusal(at, argv, "depends on more than the keys"))
        }
        () if command.fidelity == Fidelity::Cursor || says_block(argv) && argv.iter().any(|arg| arg == b"$") => {
            Err(refusal(at, argv, "depends on more than one moment"))
        }
        () if !has_keys && !is_known && argv.len() > 1 || command.fidelity == Fidelity::ServerFact && !is_known => {
            Err(refusal(at, argv, "is not about keys"))
        }
        () => Ok(command),
    }
}

fn refusal(at: usize, argv: &Argv, why: &str) -> String {
    let request = crate::trace::text::format_op(&crate::trace::Op::call(0, argv.clone()));
    format!("call {} ({request}) {why}: a history with it cannot be judged", at + 1)
}

/// A request and its only right reply that stand for one whose answer was the server's own choice.
fn forced(argv: &Argv, reply: Option<&Reply>) -> Option<(Argv, Reply)> {
    let (name, key, reply) = (argv.get(0)?.to_ascii_uppercase(), argv.get(1)?, reply?);
    let one = |command: &str| {
        let picked = reply.as_bytes().filter(|_| argv.len() == 2)?;
        Some((Argv::from([command.as_bytes(), key, picked]), Reply::Int(1)))
    };
    match &name[..] {
        b"SPOP" => one("SREM"),
        b"SRANDMEMBER" => one("SISMEMBER"),
        b"HRANDFIELD" => one("HEXISTS"),
        b"XADD" => {
            let id = reply.as_bytes()?;
            let at = argv.iter().position(|arg| arg == b"*")?;
            Some((argv.iter().enumerate().map(|(i, arg)| if i == at { id } else { arg }).collect(), reply.clone()))
        }
        // It waited for any of its keys: which one is answered, and that key had what it got.
        b"BLPOP" | b"BRPOP" | b"BZPOPMIN" | b"BZPOPMAX" if argv.len() > 3 => {
            let from = reply.as_elements()?.first()?.as_bytes()?;
            argv.iter()
                .skip(1)
                .take(argv.len() - 2)
                .any(|key| key == from)
                .then(|| (Argv::from([&name[..], from, &argv[argv.len() - 1]]), reply.clone()))
        }
        _ => None,
    }
}
