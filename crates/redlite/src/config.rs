//! The parameters that CONFIG tells and sets, with Redis' defaults.
//!
//! Clients and benchmarks read them; what is set is kept and told again. `requirepass` is demanded of connections; no
//! other changes anything: the store has no eviction, no snapshots and no compact forms of its own. Names, defaults,
//! ranges and error texts: redis-server 7.0.15, probed.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::failure::{Failure, refuse, texts};
use super::{glob, number};

/// What a parameter's settings look like.
enum Form {
    /// `yes` or `no`.
    Switch,
    /// An integer in this range.
    Integer(i64, i64),
    /// An amount of memory of at least so many bytes, with a unit or without.
    Memory(u64),
    /// One of these words.
    Word(&'static [&'static str]),
    /// Pairs of seconds and changes.
    Save,
    /// Any text.
    Text,
    /// It cannot be set.
    Fixed,
}

/// One parameter: its name, its default and its form.
type Parameter = (&'static str, &'static str, Form);

/// The parameter that is the password.
const REQUIREPASS: &str = "requirepass";

const INT_MAX: i64 = i32::MAX as i64;

const POLICIES: &[&str] = &[
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "noeviction",
];

#[rustfmt::skip] // a table: one row a line
const PARAMETERS: &[Parameter] = &[
    ("active-expire-effort", "1", Form::Integer(1, 10)),
    ("activedefrag", "no", Form::Switch),
    ("activerehashing", "yes", Form::Switch),
    ("appendfsync", "everysec", Form::Word(&["everysec", "always", "no"])),
    ("appendonly", "no", Form::Switch),
    ("bind", "* -::*", Form::Text),
    ("client-output-buffer-limit", "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60", Form::Text),
    ("client-query-buffer-limit", "1073741824", Form::Memory(1 << 20)),
    ("cluster-enabled", "no", Form::Fixed),
    ("daemonize", "no", Form::Fixed),
    ("databases", "16", Form::Fixed),
    ("dbfilename", "dump.rdb", Form::Text),
    ("dir", "", Form::Text),
    ("dynamic-hz", "yes", Form::Switch),
    ("hash-max-listpack-entries", "512", Form::Integer(0, i64::MAX)),
    ("hash-max-listpack-value", "64", Form::Memory(0)),
    ("hll-sparse-max-bytes", "3000", Form::Memory(0)),
    ("hz", "10", Form::Integer(0, INT_MAX)),
    ("io-threads", "1", Form::Fixed),
    ("latency-monitor-threshold", "0", Form::Integer(0, i64::MAX)),
    ("latency-tracking", "yes", Form::Switch),
    ("lazyfree-lazy-eviction", "no", Form::Switch),
    ("lazyfree-lazy-expire", "no", Form::Switch),
    ("lazyfree-lazy-server-del", "no", Form::Switch),
    ("lazyfree-lazy-user-del", "no", Form::Switch),
    ("lazyfree-lazy-user-flush", "no", Form::Switch),
    ("list-compress-depth", "0", Form::Integer(0, INT_MAX)),
    ("list-max-listpack-size", "-2", Form::Integer(i32::MIN as i64, INT_MAX)),
    ("logfile", "", Form::Fixed),
    ("loglevel", "notice", Form::Word(&["debug", "verbose", "notice", "warning"])),
    ("maxclients", "10000", Form::Integer(1, u32::MAX as i64)),
    ("maxmemory", "0", Form::Memory(0)),
    ("maxmemory-clients", "0", Form::Memory(0)),
    ("maxmemory-eviction-tenacity", "10", Form::Integer(0, 100)),
    ("maxmemory-policy", "noeviction", Form::Word(POLICIES)),
    ("maxmemory-samples", "5", Form::Integer(1, INT_MAX)),
    ("notify-keyspace-events", "", Form::Text),
    ("port", "6379", Form::Integer(0, 65535)),
    ("protected-mode", "yes", Form::Switch),
    ("proto-max-bulk-len", "536870912", Form::Memory(1 << 20)),
    ("repl-backlog-size", "1048576", Form::Memory(1)),
    ("replica-read-only", "yes", Form::Switch),
    (REQUIREPASS, "", Form::Text),
    ("save", "3600 1 300 100 60 10000", Form::Save),
    ("set-max-intset-entries", "512", Form::Integer(0, i64::MAX)),
    ("slowlog-log-slower-than", "10000", Form::Integer(-1, i64::MAX)),
    ("slowlog-max-len", "128", Form::Integer(0, i64::MAX)),
    ("stream-node-max-bytes", "4096", Form::Memory(0)),
    ("stream-node-max-entries", "100", Form::Integer(0, i64::MAX)),
    ("tcp-backlog", "511", Form::Fixed),
    ("tcp-keepalive", "300", Form::Integer(0, INT_MAX)),
    ("timeout", "0", Form::Integer(0, INT_MAX)),
    ("unixsocket", "", Form::Fixed),
    ("zset-max-listpack-entries", "128", Form::Integer(0, i64::MAX)),
    ("zset-max-listpack-value", "64", Form::Memory(0)),
];

fn find(name: &[u8]) -> Option<&'static Parameter> {
    PARAMETERS.iter().find(|(known, ..)| known.as_bytes().eq_ignore_ascii_case(name))
}

/// The parameters that are not at their defaults.
#[derive(Debug, Default)]
pub(super) struct Config {
    set: BTreeMap<&'static str, Vec<u8>>,
    /// The password that whoever opened the store demands, until CONFIG SET gives another; empty for none.
    password: Vec<u8>,
}

impl Config {
    fn setting(&self, &(name, default, _): &Parameter) -> &[u8] {
        match self.set.get(name) {
            Some(setting) => setting,
            None if name == REQUIREPASS => &self.password,
            None => default.as_bytes(),
        }
    }

    /// The setting of the parameter `name`, for people; empty where there is none of this name.
    pub fn get(&self, name: &str) -> Cow<'_, str> {
        find(name.as_bytes()).map_or_else(Cow::default, |parameter| String::from_utf8_lossy(self.setting(parameter)))
    }

    /// What a connection has to say before anything else, where it has to say something.
    pub fn password(&self) -> Option<&[u8]> {
        let password = self.set.get(REQUIREPASS).unwrap_or(&self.password);
        Some(password.as_slice()).filter(|password| !password.is_empty())
    }

    /// Demands this password from now on, or none, whatever CONFIG SET has said before.
    pub fn set_password(&mut self, password: Option<Vec<u8>>) {
        self.set.remove(REQUIREPASS);
        self.password = password.unwrap_or_default();
    }

    /// Every parameter as it was before CONFIG SET.
    #[cfg(any(feature = "testing", test))]
    pub fn restored(self) -> Self {
        Self { set: BTreeMap::new(), ..self }
    }

    /// The parameters that any of `patterns` names, each once, with their settings. A name comes as it was written.
    pub fn select<'a>(&self, patterns: impl Iterator<Item = &'a [u8]>) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut found: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        for pattern in patterns {
            let is_name = !pattern.iter().any(|byte| b"[*?".contains(byte));
            let lower = pattern.to_ascii_lowercase();
            for parameter in PARAMETERS.iter().filter(|(name, ..)| glob::matches(&lower, name.as_bytes())) {
                let name = if is_name { pattern } else { parameter.0.as_bytes() };
                if !found.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
                    found.push((name.to_vec(), self.setting(parameter).to_vec()));
                }
            }
        }
        found
    }

    /// Gives the parameters these settings: all of them, or where one is refused none.
    ///
    /// # Errors
    /// Redis' text, which names the first parameter that is unknown, fixed, named twice or given what it cannot be.
    pub fn set<'a>(&mut self, pairs: impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone) -> Result<(), Failure> {
        let mut found: Vec<&Parameter> = Vec::new();
        for (name, _) in pairs.clone() {
            let Some(parameter) = find(name) else {
                return refuse([b"ERR Unknown option or number of arguments for CONFIG SET - '", name, b"'"].concat());
            };
            if matches!(parameter.2, Form::Fixed) {
                return refuse_setting(name, "can't set immutable config");
            }
            if found.iter().any(|other| other.0 == parameter.0) {
                return refuse_setting(name, "duplicate parameter");
            }
            found.push(parameter);
        }
        let mut changed = Vec::new();
        for (&(name, _, ref form), (_, text)) in found.into_iter().zip(pairs) {
            match form.read(text) {
                Ok(setting) => changed.push((name, setting)),
                Err(reason) => return refuse_setting(name.as_bytes(), &reason),
            }
        }
        self.set.extend(changed);
        Ok(())
    }
}

fn refuse_setting<T>(name: &[u8], reason: &str) -> Result<T, Failure> {
    let text = [b"ERR CONFIG SET failed (possibly related to argument '", name, b"') - ", reason.as_bytes()].concat();
    refuse(text)
}

impl Form {
    /// `text` as CONFIG GET tells it; otherwise why it cannot be.
    fn read(&self, text: &[u8]) -> Result<Vec<u8>, String> {
        match self {
            Form::Switch => match text.to_ascii_lowercase().as_slice() {
                switch @ (b"yes" | b"no") => Ok(switch.to_vec()),
                _ => Err("argument must be 'yes' or 'no'".to_owned()),
            },
            Form::Integer(low, high) => match number::parse_integer(text) {
                None => Err("argument couldn't be parsed into an integer".to_owned()),
                Some(value) if !(*low..=*high).contains(&value) => Err(range_text(low, high)),
                Some(value) => Ok(value.to_string().into_bytes()),
            },
            Form::Memory(low) => match parse_memory(text) {
                None => Err("argument must be a memory value".to_owned()),
                Some(bytes) if bytes < *low => Err(range_text(low, &i64::MAX)),
                Some(bytes) => Ok(bytes.to_string().into_bytes()),
            },
            Form::Word(words) => match words.iter().find(|word| word.as_bytes().eq_ignore_ascii_case(text)) {
                Some(word) => Ok(word.as_bytes().to_vec()),
                None => Err(format!("argument(s) must be one of the following: {}", words.join(", "))),
            },
            Form::Save => {
                let as_written = String::from_utf8_lossy(text);
                let numbers: Vec<Option<u32>> = as_written.split_whitespace().map(|word| word.parse().ok()).collect();
                let is_right = numbers.len().is_multiple_of(2) && numbers.iter().all(Option::is_some);
                is_right.then(|| text.to_vec()).ok_or_else(|| "Invalid save parameters".to_owned())
            }
            Form::Text | Form::Fixed => Ok(text.to_vec()),
        }
    }
}

fn range_text(low: &impl std::fmt::Display, high: &impl std::fmt::Display) -> String {
    format!("argument must be between {low} and {high} inclusive")
}

/// An amount of memory in bytes: digits, and a unit or none. No digits at all are 0.
fn parse_memory(text: &[u8]) -> Option<u64> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, unit) = text.split_at(digits);
    let factor = match unit.to_ascii_lowercase().as_slice() {
        b"" | b"b" => 1,
        b"k" => 1000,
        b"kb" => 1 << 10,
        b"m" => 1_000_000,
        b"mb" => 1 << 20,
        b"g" => 1_000_000_000,
        b"gb" => 1 << 30,
        _ => return None,
    };
    let value = if digits.is_empty() { 0 } else { std::str::from_utf8(digits).ok()?.parse::<u64>().ok()? };
    Some(value.wrapping_mul(factor))
}

/// Redis' text where CONFIG SET has a parameter without a setting.
pub(super) const UNPAIRED: &str = texts::SYNTAX;
