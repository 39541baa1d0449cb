//! What the subject has, before it is tested: each command, and each option word of its syntax, is tried once on both
//! sides in a valid and harmless form, on keys of its own. What the subject does not have is one finding, and need not be
//! generated for it again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::sessions::Sessions;
use crate::diff::kind::UNSUPPORTED;
use crate::diff::{Settings, rules};
use crate::targets::{Session, TargetError};
use crate::trace::{Act, Header, Op};
use resp::{Argv, Reply};
use spec::syntax::{Node, Slot, words};
use spec::{Command, Family, commands, is_container};

/// So many probes go out together: where one fails, those of its block are tried one at a time.
const BLOCK_PROBES: usize = 48;

/// How long a reply may take: a command that takes longer is suspected, and waited for as long as it takes when that is
/// confirmed.
pub const REPLY_WITHIN: Duration = Duration::from_millis(500);

/// What one side has of the other's commands, and how it is used therefore.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preflight {
    /// How many commands were tried on both sides and are the reference's.
    pub commands: usize,
    /// Those of them that the subject does not have, by their names in [`spec`].
    pub lacks: BTreeSet<&'static str>,
    /// The option words that it refuses, of commands that it has.
    pub lacks_options: BTreeSet<(&'static str, &'static str)>,
    /// Commands that it gave no reply to, with the request and what came instead.
    pub failures: BTreeMap<&'static str, (Argv, Reply)>,
    /// Commands that are there and answer in another form: `PING: it ignores its argument`.
    pub odd: BTreeMap<&'static str, &'static str>,
    /// How it is read and emptied where it lacks what Redis has for that, and what else was noted, for people.
    pub facts: Vec<String>,
    /// How many commands were not tried, as the time was over.
    pub untried: usize,
    /// Ops that show that it closes the connection behind every error, where it does.
    ending: Option<Vec<Op>>,
    /// By command, and option word where it is one: the ops that show that it is lacking or not answered.
    shown: BTreeMap<(&'static str, Option<&'static str>), Vec<Op>>,
}

impl Preflight {
    /// False where the op's command, or an option word in it, is one that the subject does not have, or gives no reply to
    /// in its plainest form: it would be waited for, or started anew, again and again.
    pub fn admits(&self, op: &Op) -> bool {
        let Some(argv) = op.argv() else { return true };
        let Some(command) = spec::lookup_request(argv) else { return true };
        let lacks_word = |arg: &[u8]| {
            let of_command = self.lacks_options.range((command.name, "")..);
            let mut lacking = of_command.take_while(|(name, _)| *name == command.name);
            lacking.any(|(_, word)| arg.eq_ignore_ascii_case(word.as_bytes()))
        };
        let is_there = if is_container(command) {
            let is_part = |part: &str| part.strip_prefix(command.name).is_some_and(|rest| rest.starts_with(' '));
            commands().any(|part| is_part(part.name) && !self.lacks.contains(part.name))
        } else {
            !self.lacks.contains(command.name) && !self.failures.contains_key(command.name)
        };
        is_there && !argv.iter().skip(1).any(lacks_word)
    }

    /// True where the subject has all that was tried, and answers as is usual.
    pub fn is_whole(&self) -> bool {
        self.lacks.is_empty()
            && self.lacks_options.is_empty()
            && self.failures.is_empty()
            && self.odd.is_empty()
            && self.facts.is_empty()
            && self.untried == 0
    }

    /// Ops of which the last shows that a command is lacking, for each that is.
    pub fn lacking(&self) -> impl Iterator<Item = &[Op]> {
        self.lacks.iter().filter_map(|&name| self.shown.get(&(name, None))).map(Vec::as_slice)
    }

    /// Ops of which the last shows that a command answers in another form, for each that does, or that the connection is
    /// closed behind errors.
    pub fn oddities(&self) -> impl Iterator<Item = &[Op]> {
        self.odd.keys().filter_map(|&name| self.shown.get(&(name, None))).chain(&self.ending).map(Vec::as_slice)
    }

    /// True where the subject sends bulk strings as simple strings, and not by one command alone.
    pub fn sends_simple_bulks(&self) -> bool {
        self.odd.values().filter(|how| **how == SIMPLE_BULK).count() > 1
    }

    /// Ops of which the last is likely to diverge: for each option that is lacking, and each command that is not answered.
    pub fn suspects(&self) -> impl Iterator<Item = &[Op]> {
        let options = self.lacks_options.iter().map(|&(name, word)| (name, Some(word)));
        let failures = self.failures.keys().map(|&name| (name, None));
        options.chain(failures).filter_map(|place| self.shown.get(&place)).map(Vec::as_slice)
    }

    /// Lines for people: what the subject has, and what is done without.
    pub fn describe(&self) -> Vec<String> {
        let has = self.commands - self.lacks.len();
        let mut first = vec![format!("subject: {has} of {} commands", self.commands)];
        first.extend(self.facts.iter().cloned());
        let mut lines = vec![first.join("; ")];
        let mut options: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (command, word) in &self.lacks_options {
            options.entry(command).or_default().push(word);
        }
        lines.extend(options.iter().map(|(command, words)| format!("{command} refuses {}", words.join(", "))));
        lines.extend(self.odd.iter().map(|(command, how)| format!("{command}: {how}")));
        lines.extend(self.failures.iter().map(|(command, (_, reply))| {
            let how = if *reply == Reply::Hung { "hangs" } else { "ends the server, or its connection" };
            format!("{command} {how}")
        }));
        if self.untried > 0 {
            lines.push(format!("{} commands were not tried: the time was over", self.untried));
        }
        lines
    }
}

/// Tries all commands on both sides, which are empty again after it. What takes longer than `deadline` ends it early; no
/// reply is waited for longer than half of that, nor than half a second.
///
/// Servers that dst did not start are asked only what changes keys alone.
///
/// # Errors
/// Infrastructure only.
pub fn probe(sessions: &mut Sessions, deadline: Duration) -> Result<Preflight, TargetError> {
    let started = Instant::now();
    let header = Header::default();
    let (reference, subject) = (sessions.reference.as_mut(), sessions.subject.as_mut());
    subject.set_reply_deadline(Some((deadline / 2).clamp(Duration::from_millis(1), REPLY_WITHIN)));
    let ending =
        subject.closes_behind_errors().then(|| [&["GET"][..], &["PING"]].map(|words| Op::call(0, words)).to_vec());
    let mut found = Preflight { facts: subject.take_notes(), ending, ..Preflight::default() };
    let probes: Vec<Probe> = commands().filter(|command| is_probed(command)).flat_map(probes_of).collect();
    let mut verdicts = Verdicts::default();
    for block in probes.chunks(BLOCK_PROBES) {
        if started.elapsed() > deadline {
            let tried: BTreeSet<&str> = verdicts.commands.iter().copied().collect();
            let untried = block.iter().chain(probes.iter().skip_while(|probe| !std::ptr::eq(*probe, &block[0])));
            let untried: BTreeSet<&str> = untried.map(|probe| probe.command.name).collect();
            found.untried = untried.difference(&tried).count();
            break;
        }
        reference.reset(&header)?;
        subject.reset(&header)?;
        let got = answers(subject, block)?;
        let want = answers(reference, block)?;
        for ((probe, want), got) in block.iter().zip(&want).zip(got) {
            let (Some(want), Some(mut got)) = (want, got) else { continue };
            if got.is_lost() {
                // What was asked before may have ended the connection.
                subject.reset(&header)?;
                subject.replay(&[Op { conn: 0, act: Act::Close }], &mut Vec::new())?;
                got = answers(subject, std::slice::from_ref(probe))?.pop().flatten().unwrap_or(got);
            }
            verdicts.add(probe, want, &got);
        }
    }
    subject.set_reply_deadline(None);
    reference.reset(&header)?;
    subject.reset(&header)?;
    reference.take_notes();
    subject.take_notes();
    verdicts.tell(&mut found);
    Ok(found)
}

/// One request, and what has to be there for it.
#[derive(Debug)]
struct Probe {
    command: &'static Command,
    /// The option word that it is about; none for the command itself.
    word: Option<&'static str>,
    /// Makes its key.
    before: Vec<Argv>,
    request: Argv,
}

impl Probe {
    /// True where the connection is not as before behind it.
    fn is_alone(&self) -> bool {
        let odd = [Family::PubSub, Family::Blocking, Family::Connection, Family::Transactions];
        odd.contains(&self.command.family) || spec::may_block(&self.request)
    }

    /// Its ops on one connection; the request is the last.
    fn in_sequence(&self) -> Vec<Op> {
        self.before.iter().chain([&self.request]).map(|argv| Op::call(0, argv.clone())).collect()
    }

    fn ops(&self) -> Vec<Op> {
        let conn = u16::from(self.is_alone());
        let mut ops: Vec<Op> = self.before.iter().map(|argv| Op::call(0, argv.clone())).collect();
        ops.push(Op::call(conn, self.request.clone()));
        if self.is_alone() {
            ops.push(Op { conn, act: Act::Close });
        }
        ops
    }
}

/// The replies to these probes; none to one that is not sent to this server.
fn answers(session: &mut dyn Session, probes: &[Probe]) -> Result<Vec<Option<Reply>>, TargetError> {
    let ops: Vec<Op> = probes.iter().flat_map(Probe::ops).collect();
    let mut replies = Vec::with_capacity(ops.len());
    match session.replay(&ops, &mut replies) {
        Ok(()) => {}
        // Nothing was sent.
        Err(TargetError::Harmful { .. }) if probes.len() > 1 => {
            let one = |probe: &Probe| Ok(answers(&mut *session, std::slice::from_ref(probe))?.pop().flatten());
            return probes.iter().map(one).collect();
        }
        Err(TargetError::Harmful { .. }) => return Ok(vec![None]),
        Err(error) => return Err(error),
    }
    let mut replies = replies.into_iter();
    let reply_of = |probe: &Probe| {
        let reply = replies.nth(probe.before.len());
        if probe.is_alone() {
            replies.next();
        }
        reply
    };
    Ok(probes.iter().map(reply_of).collect())
}

/// What the replies say.
#[derive(Default)]
struct Verdicts {
    commands: BTreeSet<&'static str>,
    lacks: BTreeSet<&'static str>,
    failures: BTreeMap<&'static str, (Argv, Reply)>,
    odd: BTreeMap<&'static str, &'static str>,
    /// Commands whose plain form is answered by no error.
    plain: BTreeSet<&'static str>,
    /// By command and word: whether any form with it was accepted, of those that the reference accepts.
    options: BTreeMap<(&'static str, &'static str), bool>,
    shown: BTreeMap<(&'static str, Option<&'static str>), Vec<Op>>,
}

impl Verdicts {
    fn add(&mut self, probe: &Probe, want: &Reply, got: &Reply) {
        let name = probe.command.name;
        if rules::is_unknown_command(want) || want.is_none() {
            return;
        }
        let op = Op::call(0, probe.request.clone());
        let class = rules::compare(&Settings::default(), &op, want, got);
        self.commands.insert(name);
        if got.is_lost() {
            let lost = got.frames().iter().find(|reply| reply.is_none()).unwrap_or(got).clone();
            self.failures.entry(name).or_insert((probe.request.clone(), lost));
            self.shown.entry((name, None)).or_insert_with(|| probe.in_sequence());
            return;
        }
        match probe.word {
            None if class.is_some_and(|class| class.kind == UNSUPPORTED) => {
                self.lacks.insert(name);
                self.shown.insert((name, None), vec![Op::call(0, probe.request.clone())]);
            }
            None => {
                if got.as_error().is_none() {
                    self.plain.insert(name);
                }
            }
            Some(word) if want.as_error().is_none() => {
                *self.options.entry((name, word)).or_default() |= !is_refusal(got);
                if is_refusal(got) {
                    self.shown.entry((name, Some(word))).or_insert_with(|| probe.in_sequence());
                }
            }
            Some(_) => {}
        }
        if let Some(how) = odd_form(want, got) {
            self.odd.entry(name).or_insert(how);
            self.shown.entry((name, None)).or_insert_with(|| probe.in_sequence());
        }
    }

    fn tell(self, found: &mut Preflight) {
        let is_lacking = |((name, word), accepted): ((&'static str, &'static str), bool)| {
            (!accepted && self.plain.contains(name) && !self.failures.contains_key(name)).then_some((name, word))
        };
        found.lacks_options = self.options.into_iter().filter_map(is_lacking).collect();
        found.commands = self.commands.len();
        found.lacks = self.lacks;
        found.failures = self.failures;
        found.odd = self.odd;
        found.shown = self.shown;
    }
}

/// True for an error that is about the request, not about what is stored.
fn is_refusal(reply: &Reply) -> bool {
    let Some(text) = reply.as_error() else { return false };
    let text = String::from_utf8_lossy(text).to_lowercase();
    let of_data = ["wrongtype", "nogroup", "busygroup", "no such key", "busykey", "noauth", "oom", "execabort"];
    !of_data.iter().any(|word| text.contains(word))
}

const SIMPLE_BULK: &str = "it sends a bulk string as a simple string";

/// What is odd about the form of a reply whose content is right, or as good as none.
fn odd_form(want: &Reply, got: &Reply) -> Option<&'static str> {
    match (want, got) {
        (Reply::Bulk(want), Reply::Simple(got)) if want == got => Some(SIMPLE_BULK),
        (Reply::Simple(want), Reply::Bulk(got)) if want == got => Some("it sends a simple string as a bulk string"),
        (Reply::Bulk(want), Reply::Simple(got)) if want == TEXT.as_bytes() && got == b"PONG" => {
            Some("it ignores its argument")
        }
        _ => None,
    }
}

/// False for what every reference may lack, and for names that do nothing without a subcommand.
fn is_probed(command: &Command) -> bool {
    command.family.module().is_none() && !is_container(command)
}

/// Requests of commands that the arguments of most would do harm with: the value of an option is another here, or what
/// is asked for is the end of other clients.
const FIXED: &[&[&str]] = &[
    &["AUTH", "dst"],
    &["CLIENT", "KILL", "ID", "999999999"],
    &["CLIENT", "PAUSE", "0"],
    &["CLIENT", "REPLY", "ON"],
    &["CLIENT", "TRACKING", "OFF"],
    &["CONFIG", "SET", "maxmemory", "0"],
    &["DEBUG", "SLEEP", "0"],
    &["HELLO", "2"],
    &["PING", TEXT],
];

/// The probes of one command: its plain form, and one for each word that may be left out or chosen.
fn probes_of(command: &'static Command) -> Vec<Probe> {
    let name: Vec<&str> = command.name.split(' ').collect();
    let key = format!("dst:{}", command.name.to_lowercase().replace(' ', ":"));
    let before = |request: &Argv| {
        if command.key_positions(request).next().is_some() { makes(command, &key) } else { Vec::new() }
    };
    let probe = |word, request: Argv| Probe { command, word, before: before(&request), request };
    if let Some(fixed) = FIXED.iter().find(|words| words.starts_with(&name)) {
        return vec![probe(None, fixed.iter().collect())];
    }
    let build = |wanted: Option<usize>| {
        let mut argv: Argv = name.iter().collect();
        write(command.tree(), &Form { command, key: &key, wanted }, 0, &mut argv);
        argv
    };
    let plain = build(None);
    let mut probes = vec![probe(None, plain.clone())];
    for (at, word) in words(command.tree()).into_iter().enumerate() {
        let request = build(Some(at));
        if request != plain && !probes.iter().any(|probe| probe.word == Some(word) && probe.request == request) {
            probes.push(probe(Some(word), request));
        }
    }
    probes
}

/// Which request of a command is written.
struct Form<'a> {
    command: &'static Command,
    key: &'a str,
    /// The place of the word that must be in it, among all words of the syntax.
    wanted: Option<usize>,
}

/// Appends `nodes`, whose first word is that at `first`: without any option and with the first of each choice, but for
/// what leads to the word that is wanted.
fn write(nodes: &'static [Node], form: &Form, first: usize, argv: &mut Argv) {
    let mut at = first;
    for node in nodes {
        let count = words(std::slice::from_ref(node)).len();
        let mut from = at;
        let mut wanted_part = |part: &'static [Node]| {
            let here = from;
            from += words(part).len();
            form.wanted.is_some_and(|wanted| (here..from).contains(&wanted)).then_some((part, here))
        };
        match node {
            Node::Token(word) => argv.push(word.as_bytes()),
            Node::Slot(slot) => argv.push(argument(*slot, form).as_bytes()),
            Node::Options(parts) => {
                if let Some((part, here)) = parts.iter().find_map(|part| wanted_part(part)) {
                    write(part, form, here, argv);
                }
            }
            Node::Choice(parts) => {
                let (part, here) = parts.iter().find_map(|part| wanted_part(part)).unwrap_or((&parts[0], at));
                write(part, form, here, argv);
            }
            Node::Repeat(nodes) | Node::Counted(nodes) => write(nodes, form, at, argv),
        }
        at += count;
    }
}

/// The text that PING and ECHO are given.
const TEXT: &str = "dst";

/// A valid argument, as small as it can be.
fn argument(slot: Slot, form: &Form) -> String {
    use Slot as S;
    let fixed = match slot {
        S::Key => return form.key.to_owned(),
        S::Destination => return format!("{}:to", form.key),
        // The group that there is, or another.
        S::Group => {
            if form.command.name == "XGROUP CREATE" {
                "other"
            } else {
                "g"
            }
        }
        S::Field => "f",
        S::Member | S::Element | S::Distinct => "a",
        S::LexBound => "[a",
        S::Index | S::Offset | S::Skip | S::BitIndex | S::FieldOffset | S::FieldProbe | S::Cursor | S::Setting => "0",
        S::TrimLimit | S::ReadId | S::StartId | S::MinIdle | S::Idle | S::Replicas => "0",
        S::Pattern | S::WeightPattern | S::TextPattern => "*",
        S::ChannelPattern => "c*",
        S::Channel => "c",
        S::Type => "string",
        S::Seconds => "100",
        S::Milliseconds => "100000",
        S::UnixSeconds => "2000000000",
        S::UnixMilliseconds => "2000000000000",
        S::Protocol => "2",
        S::FieldType => "u8",
        S::Longitude => "13.4",
        S::Latitude => "38.1",
        S::Distance => "100",
        S::EntryId | S::MinId => "1-1",
        S::NewId => "9-1",
        S::RangeStart => "-",
        S::RangeEnd => "+",
        S::GroupId => ">",
        S::Consumer => "c",
        S::GetPattern => "#",
        S::ClientId => "999999999",
        S::User => "default",
        S::YesOrNo => "yes",
        S::CommandName | S::KeyedCommand => "get",
        S::Parameter => "maxmemory",
        S::Section => "server",
        S::Text | S::ClientName => TEXT,
        // Numbers of which 1 is a valid one, and what only a module takes.
        _ => "1",
    };
    fixed.to_owned()
}

/// What makes a key that the command can be run on.
fn makes(command: &Command, key: &str) -> Vec<Argv> {
    let with = |words: &str| words.split(' ').map(|word| if word == "KEY" { key } else { word }).collect::<Argv>();
    let stream = || vec![with("XADD KEY 1-1 f 1"), with("XGROUP CREATE KEY g 0")];
    match command.family {
        _ if command.name.starts_with("BZ") => vec![with("ZADD KEY 1 a 2 b")],
        _ if command.name.starts_with("SORT") => vec![with("RPUSH KEY 1 2")],
        Family::Lists | Family::Blocking => vec![with("RPUSH KEY a b")],
        Family::Hashes => vec![with("HSET KEY f 1")],
        Family::Sets => vec![with("SADD KEY a b")],
        Family::SortedSets => vec![with("ZADD KEY 1 a 2 b")],
        Family::HyperLogLog => vec![with("PFADD KEY a")],
        Family::Geo => vec![with("GEOADD KEY 13.4 38.1 a")],
        Family::Streams => stream(),
        _ => vec![with("SET KEY 1")],
    }
}

#[cfg(test)]
mod tests;
