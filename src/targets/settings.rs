//! What CONFIG SET of a trace has changed on a server, and its way back: the next trace must not find it.

use std::collections::{BTreeMap, BTreeSet};

use super::TargetError;
use super::keyspace::Requests;
use super::server::Server;
use crate::trace::{Act, Op};
use resp::{Argv, Reply};

/// As CONFIG GET names every setting.
const ALL: &[u8] = b"*";
/// Of a trace that names more settings than these, all are looked at.
const NAMES_MAX: usize = 1000;

/// Names in lower case, and settings as the server tells them.
type Told = BTreeMap<Vec<u8>, Vec<u8>>;

/// The settings of one server that traces have changed.
#[derive(Default)]
pub(super) struct Settings {
    /// What the server told of them before any trace changed them.
    before: Told,
    /// What it was asked for: names, or [`ALL`].
    asked: BTreeSet<Vec<u8>>,
    /// What the trace may have changed by now: names, or [`ALL`].
    touched: BTreeSet<Vec<u8>>,
}

impl Settings {
    /// Looks through `ops` before any of them is sent. What they set, and was never set before, is asked for; what they
    /// set to what it is, they do not change.
    pub fn watch(&mut self, server: &mut Server, ops: &[Op]) {
        let mut set = BTreeSet::new();
        ops.iter().for_each(|op| note_set(op, &mut set));
        if set.is_empty() || !server.is_at_disposal() {
            return;
        }
        if set.len() + self.touched.len() > NAMES_MAX {
            set = BTreeSet::from([(ALL.to_vec(), Vec::new())]);
            self.touched.clear();
        }
        let names: BTreeSet<Vec<u8>> = set.iter().map(|(name, _)| name.clone()).collect();
        let unasked: Vec<Vec<u8>> = names.difference(&self.asked).cloned().collect();
        if !unasked.is_empty() {
            for (name, setting) in ask(server, &unasked) {
                self.before.entry(name).or_insert(setting);
            }
            self.asked.extend(unasked);
        }
        let changes = set.into_iter().filter(|(name, setting)| self.before.get(name) != Some(setting));
        self.touched.extend(changes.map(|(name, _)| name));
    }

    /// Puts back what the trace has changed, and checks that it is. A server that dst started is started again where it
    /// does not go along: true then, and no connection to it is left.
    ///
    /// # Errors
    /// [`TargetError::SettingsStay`] where another's server does not go along, and where one does not start.
    pub fn restore(&mut self, server: &mut Server) -> Result<bool, TargetError> {
        let touched: Vec<Vec<u8>> = std::mem::take(&mut self.touched).into_iter().collect();
        let mut changed = self.changed(server, &touched);
        if !changed.is_empty() {
            let back = changed.iter().map(|&(name, setting)| Argv::from([&b"CONFIG"[..], b"SET", name, setting]));
            // Whether it took them is what it tells then.
            let _ = server.run(&back.collect::<Vec<_>>());
            changed = self.changed(server, &touched);
        }
        match changed.first() {
            None => Ok(false),
            Some(_) if server.is_own() => server.restart_empty().map(|()| true),
            Some((name, setting)) => Err(TargetError::SettingsStay {
                server: server.endpoint().to_string(),
                name: name.escape_ascii().to_string(),
                setting: setting.escape_ascii().to_string(),
            }),
        }
    }

    /// Those of `touched` that are not as they were, with what they were.
    fn changed(&self, server: &mut Server, touched: &[Vec<u8>]) -> Vec<(&[u8], &[u8])> {
        let is_touched = |name: &Vec<u8>| touched.iter().any(|touched| touched == name || touched == ALL);
        let before: Vec<_> = self.before.iter().filter(|(name, _)| is_touched(name)).collect();
        // Nothing is asked of a server that tells nothing.
        let now = if before.is_empty() { Told::new() } else { ask(server, touched) };
        let changed = before.into_iter().filter(|(name, setting)| now.get(*name) != Some(*setting));
        changed.map(|(name, setting)| (name.as_slice(), setting.as_slice())).collect()
    }
}

/// True for what a connection is answered that has not said the password: one reply, so it is in step.
pub(super) fn is_locked_out(reply: &Reply) -> bool {
    matches!(reply, Reply::Error(text) if text.starts_with(b"NOAUTH"))
}

/// Adds what an op sets, by its name or [`ALL`], and to what. Of raw bytes that is not known.
fn note_set(op: &Op, set: &mut BTreeSet<(Vec<u8>, Vec<u8>)>) {
    match &op.act {
        Act::Call(argv) if argv.says(0, "CONFIG") && argv.says(1, "SET") => {
            for at in (2..argv.len()).step_by(2) {
                let (name, setting) = (&argv[at], argv.get(at + 1).unwrap_or_default());
                let is_pattern = name.iter().any(|byte| b"*?[\\".contains(byte));
                let name = if is_pattern { ALL.to_vec() } else { name.to_ascii_lowercase() };
                set.insert((name, setting.to_vec()));
            }
        }
        Act::Raw(bytes) if bytes.windows(6).any(|word| word.eq_ignore_ascii_case(b"config")) => {
            set.insert((ALL.to_vec(), Vec::new()));
        }
        _ => {}
    }
}

/// What the server tells of these settings; nothing where it fails, or does not tell.
fn ask(server: &mut Server, names: &[Vec<u8>]) -> Told {
    // Before 7.0 CONFIG GET takes one name.
    let requests: Vec<Argv> = names.iter().map(|name| Argv::from([&b"CONFIG"[..], b"GET", name.as_slice()])).collect();
    let replies = server.run(&requests).unwrap_or_default();
    let pairs = replies.iter().flat_map(|reply| reply.as_elements().unwrap_or_default().chunks_exact(2));
    pairs
        .filter_map(|pair| match pair {
            [Reply::Bulk(name), Reply::Bulk(setting)] => Some((name.to_ascii_lowercase(), setting.clone())),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What these ops, written as text, set, each as `name=setting`.
    #[track_caller]
    fn check(ops: &str, expected: &str) {
        let trace = crate::trace::Trace::parse(&format!("# dst trace 1\n\n{ops}")).expect("it is a trace");
        let mut set = BTreeSet::new();
        trace.ops.iter().for_each(|op| note_set(op, &mut set));
        let text = |(name, setting): &(Vec<u8>, Vec<u8>)| format!("{}={}", name.escape_ascii(), setting.escape_ascii());
        let found: Vec<String> = set.iter().map(text).collect();
        assert_eq!(found.join(" "), expected, "{ops}");
    }

    #[test]
    fn what_a_trace_sets_is_known_before_it_is_sent() {
        check("CONFIG GET maxmemory\nSET config set", "");
        check("config Set MaxMemory 1mb timeout 5\nCONFIG SET timeout 6", "maxmemory=1mb timeout=5 timeout=6");
        check("CONFIG SET max* 1 hz", "*=1 hz=");
        check("!raw \"CONFIG SET timeout 5\\r\\n\"", "*=");
        check("!raw \"PING\\r\\n\"", "");
    }
}
