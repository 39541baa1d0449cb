//! What a server can be asked beside the commands of a trace, found out once a session by trying. For each of dst's own
//! questions there is a second way, or it is done without: nothing is needed of a server but a reply to one command.
//!
//! A way counts where the answer is right, not where it is no error: what is asked for by it tells of other commands.

use super::connection::Failure;
use super::keyspace::{KINDS, Kind, kind_named, parse_info};
use super::server::Server;
use resp::{Argv, Reply};

/// How the names of all keys are had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listing {
    Keys,
    Scan,
    /// By the names that the ops of the trace hold.
    ByName,
}

/// How it is told when a key expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expiry {
    /// PEXPIRETIME.
    Time,
    /// PTTL.
    Left,
    /// TTL.
    SecondsLeft,
    Untold,
}

/// How a key is given another time to live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    /// PEXPIREAT.
    To,
    /// PEXPIRE.
    By,
    Never,
}

/// How the reply to one request is told from any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Echo {
    /// ECHO.
    Text,
    /// PING with a text.
    Ping,
    /// GET of a key that there is not: a null says that the reply is one to it, as far as can be told.
    Get,
    Nothing,
}

/// What is sent so that its answer says that all before it is there, to a client that messages come to as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Barrier {
    /// PING with a text.
    #[default]
    Ping,
    /// UNSUBSCRIBE from a channel that nobody listens to.
    Unsubscribe,
}

impl Barrier {
    /// The request, with this text.
    pub fn request(self, nonce: &str) -> Argv {
        let command = match self {
            Self::Ping => "PING",
            Self::Unsubscribe => "UNSUBSCRIBE",
        };
        Argv::from([command, nonce])
    }

    /// True for the answer to it.
    pub fn is_echo(reply: &Reply, nonce: &str) -> bool {
        let is_nonce = |reply: &Reply| matches!(reply, Reply::Bulk(text) if text == nonce.as_bytes());
        match reply {
            // To a subscriber of RESP2; what UNSUBSCRIBE answers, a push in RESP3.
            Reply::Array(parts) | Reply::Push(parts) => {
                matches!(&parts[..], [_, text] | [_, text, Reply::Int(_)] if is_nonce(text))
            }
            _ => is_nonce(reply),
        }
    }
}

/// How the store is emptied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Emptying {
    FlushAll,
    /// DEL of each key.
    ByName,
    /// By a restart alone.
    Never,
}

/// What a server can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ways {
    /// RESET brings a connection back to its start.
    pub reset: bool,
    pub select: bool,
    /// INFO tells how many keys there are.
    pub info: bool,
    pub dbsize: bool,
    pub types: bool,
    pub exists: bool,
    pub scan: bool,
    /// What tells replies from messages.
    pub barrier: Option<Barrier>,
    /// CLIENT ID and CLIENT LIST.
    pub clients: bool,
    pub listing: Listing,
    pub expiry: Expiry,
    pub moves: Move,
    pub echo: Echo,
    pub emptying: Emptying,
    /// The kinds of values that are read.
    pub kinds: Vec<&'static Kind>,
    /// Those of them that are read by other commands than Redis' plainest, which is wrong.
    pub second: Vec<&'static Kind>,
    /// Those of them whose values nothing reads rightly: they are not compared.
    pub untold: Vec<&'static Kind>,
    /// What TYPE calls a kind in place of its name.
    pub aliases: Vec<(Vec<u8>, &'static Kind)>,
    /// What TYPE says of a key that is not there.
    pub absent: Vec<u8>,
    /// True where the connection is closed behind every error.
    pub closes_behind_errors: bool,
    /// True where it is closed behind FLUSHALL.
    pub closes_behind_flush: bool,
}

impl Ways {
    /// The kind that TYPE calls so.
    pub fn kind_called(&self, name: &[u8]) -> Option<&'static Kind> {
        let alias = self.aliases.iter().find(|(alias, _)| alias == name).map(|(_, kind)| *kind);
        alias.or_else(|| kind_of(name))
    }
}

/// A key of dst's own, and one that there never is.
const KEY: &str = "dst:probe";
const ABSENT: &str = "dst:absent";
/// What TYPE says of that.
const ABSENT_TYPE: &[u8] = b"none";
const TEXT: &str = "dst:text";
/// A key that ends at this time, in milliseconds since 1970.
const TIMED: &str = "dst:timed";
const TIME: &str = "9999999999999";
/// What no server knows, and what none can run.
const UNKNOWN: &[&str] = &["DST.UNKNOWN"];
const INCOMPLETE: &[&str] = &["GET"];
const FLUSH: &[&str] = &["FLUSHALL"];
const CHANNEL: &str = "dst:channel";

/// What is asked last, as it changes what the connection is.
const LISTENING: &[&[&str]] =
    &[&["SUBSCRIBE", CHANNEL], &["PING", TEXT], &["UNSUBSCRIBE", TEXT], &["UNSUBSCRIBE", CHANNEL], &["RESET"]];

/// What is asked, by the names under which the answers are looked for.
#[rustfmt::skip]
const QUESTIONS: &[&[&str]] = &[
    &["FLUSHALL"],
    &["SET", KEY, TEXT],
    &["GET", KEY],
    &["GET", ABSENT],
    &["TYPE", KEY],
    &["TYPE", ABSENT],
    &["EXISTS", KEY],
    &["EXISTS", ABSENT],
    &["KEYS", "*"],
    &["SCAN", "0", "COUNT", "1000"],
    &["PEXPIRETIME", KEY],
    &["PTTL", KEY],
    &["TTL", KEY],
    &["PEXPIREAT", ABSENT, "1"],
    &["PEXPIRE", ABSENT, "1"],
    &["ECHO", TEXT],
    &["PING", TEXT],
    &["UNSUBSCRIBE", TEXT],
    &["CLIENT", "ID"],
    &["CLIENT", "LIST"],
    &["INFO", "keyspace"],
    &["DBSIZE"],
    &["SELECT", "0"],
    &["DEL", KEY],
    &["GET", KEY],
    &["EXISTS", KEY],
    &["DBSIZE"],
    &["SET", KEY, TEXT],
    &["FLUSHALL"],
    &["GET", KEY],
    &["EXISTS", KEY],
    &["DBSIZE"],
    &["DEL", KEY],
    &["SET", TIMED, TEXT, "PXAT", TIME],
    &["PEXPIRETIME", TIMED],
    &["DEL", TIMED],
];

impl Ways {
    /// Those of Redis.
    pub fn all() -> Self {
        Self {
            reset: true,
            select: true,
            info: true,
            dbsize: true,
            types: true,
            exists: true,
            scan: true,
            barrier: Some(Barrier::Ping),
            clients: true,
            listing: Listing::Keys,
            expiry: Expiry::Time,
            moves: Move::To,
            echo: Echo::Text,
            emptying: Emptying::FlushAll,
            kinds: KINDS.iter().collect(),
            second: Vec::new(),
            untold: Vec::new(),
            aliases: Vec::new(),
            absent: ABSENT_TYPE.to_vec(),
            closes_behind_errors: false,
            closes_behind_flush: false,
        }
    }

    /// Tries them on an empty server at dst's disposal, which is empty again behind it as far as it can be.
    pub fn find(server: &mut Server) -> Self {
        let requests = questions();
        let answers = server.ask_each(&requests);
        server.forget_admin();
        let mut ways = Self::judge(&Answers { requests: &requests, answers: &answers });
        ways.learn_kinds(server);
        let ends = |words: &[&str]| closes_behind(server, words);
        let is_error = |reply: Reply| reply.as_error().is_some();
        ways.closes_behind_errors = [UNKNOWN, INCOMPLETE].into_iter().all(|words| ends(words).is_some_and(is_error));
        ways.closes_behind_flush = ends(FLUSH) == Some(Reply::ok());
        ways
    }

    /// Finds out by samples how each kind of value is read, and what TYPE calls it.
    fn learn_kinds(&mut self, server: &mut Server) {
        for kind in KINDS {
            let key = format!("{KEY}:{}", kind.name);
            let (requests, expected) = kind.sample(key.as_bytes());
            let written = server.ask_each(&requests);
            if written.iter().any(|reply| reply.as_ref().is_none_or(|reply| reply.as_error().is_some())) {
                continue;
            }
            // One by one: a server may answer in another order than it is asked.
            let mut ask = |argv: Argv| server.ask_each(&[argv]).pop().flatten();
            let name = ask(Argv::from(["TYPE", &key]));
            let value = kind.take(&mut ask(kind.request(key.as_bytes())).into_iter()).0;
            if self.kinds.contains(&kind) && value != expected {
                let again = kind.read_again(key.as_bytes(), |requests| {
                    server.ask_each(requests).into_iter().collect::<Option<Vec<Reply>>>().ok_or(())
                });
                match again {
                    Ok(Some(again)) if again == expected => self.second.push(kind),
                    // It was written wrongly, and that is read rightly.
                    Ok(Some(again)) if again == value => {}
                    _ => self.untold.push(kind),
                }
            }
            self.learn_name(kind, name);
            server.ask_each(&[Argv::from(["DEL", &key])]);
        }
        server.forget_admin();
    }

    /// Takes in what TYPE says of a key of this kind.
    fn learn_name(&mut self, kind: &'static Kind, name: Option<Reply>) {
        match name {
            Some(Reply::Simple(name)) if name == kind.name.as_bytes() || name == self.absent => {}
            Some(Reply::Simple(name)) if kind_of(&name).is_none() => {
                self.aliases.push((name, kind));
                self.types |= kind.name == "string" && !self.absent.is_empty();
            }
            // One that is taken for another says nothing.
            Some(Reply::Simple(_)) => self.types = false,
            _ => {}
        }
    }

    /// Reads the answers.
    fn judge(heard: &Answers) -> Self {
        let is_set = heard.is(&["SET", KEY, TEXT], &Reply::ok())
            && matches!(heard.first(&["GET", KEY]), Some(Reply::Bulk(_) | Reply::Simple(_)));
        let scanned = heard.first(&["SCAN", "0", "COUNT", "1000"]).and_then(Reply::as_elements);
        let scan = is_set && names_key(scanned.and_then(|parts| parts.get(1)));
        let keys = is_set && names_key(heard.first(&["KEYS", "*"]));
        let count = heard.first(&["INFO", "keyspace"]).and_then(parse_info);
        let is_absent = |words: &[&str]| heard.is(words, &Reply::Int(0));
        let absent = match heard.first(&["TYPE", ABSENT]) {
            Some(Reply::Simple(name)) if kind_of(name).is_none() => name.clone(),
            _ => Vec::new(),
        };
        let knows_clients = matches!(heard.first(&["CLIENT", "ID"]), Some(Reply::Int(_)))
            && matches!(heard.first(&["CLIENT", "LIST"]), Some(Reply::Bulk(_) | Reply::Verbatim { .. }));
        Self {
            reset: heard.is(&["RESET"], &Reply::Simple(b"RESET".to_vec())),
            select: heard.is(&["SELECT", "0"], &Reply::ok()),
            info: is_set && count.is_some_and(|counts| matches!(counts[..], [(_, 1)])),
            dbsize: is_set && heard.is(&["DBSIZE"], &Reply::Int(1)),
            types: is_set && !absent.is_empty() && heard.is(&["TYPE", KEY], &Reply::Simple(b"string".to_vec())),
            exists: is_set && heard.is(&["EXISTS", KEY], &Reply::Int(1)) && is_absent(&["EXISTS", ABSENT]),
            scan,
            barrier: first_of(
                [
                    (heard.has_echo(&["PING", TEXT]), Some(Barrier::Ping)),
                    (heard.has_echo(&["UNSUBSCRIBE", TEXT]), Some(Barrier::Unsubscribe)),
                ],
                None,
            ),
            clients: knows_clients,
            listing: first_of([(keys, Listing::Keys), (scan, Listing::Scan)], Listing::ByName),
            expiry: if is_set { heard.expiry() } else { Expiry::Untold },
            moves: first_of(
                [(is_absent(&["PEXPIREAT", ABSENT, "1"]), Move::To), (is_absent(&["PEXPIRE", ABSENT, "1"]), Move::By)],
                Move::Never,
            ),
            echo: first_of(
                [
                    (heard.text(&["ECHO", TEXT]), Echo::Text),
                    (heard.text(&["PING", TEXT]), Echo::Ping),
                    (is_null(heard.first(&["GET", ABSENT])), Echo::Get),
                ],
                Echo::Nothing,
            ),
            emptying: first_of(
                [
                    (is_set && heard.is(&["FLUSHALL"], &Reply::ok()) && heard.is_gone(2), Emptying::FlushAll),
                    (is_set && heard.is(&["DEL", KEY], &Reply::Int(1)) && heard.is_gone(1), Emptying::ByName),
                ],
                Emptying::Never,
            ),
            kinds: KINDS.iter().filter(|kind| heard.reads_nothing(kind)).collect(),
            second: Vec::new(),
            untold: Vec::new(),
            aliases: Vec::new(),
            absent,
            closes_behind_errors: false,
            closes_behind_flush: false,
        }
    }

    /// What is done another way than on Redis, for people; `can_restart` where dst started the server.
    pub fn describe(&self, can_restart: bool) -> Vec<String> {
        let mut lines = Vec::new();
        let mut say = |is_so: bool, line: &str| lines.extend(is_so.then(|| line.to_owned()));
        let by_name = self.listing == Listing::ByName;
        say(self.listing == Listing::Scan, "no KEYS that tells every key: SCAN is asked");
        say(by_name && self.tells_keys(), "no KEYS and no SCAN that tell every key: the keyspace is read by name");
        say(!self.tells_keys(), "nothing tells what it holds: only replies are compared");
        say(!self.types && !self.kinds.is_empty(), "no TYPE: a key is read by every command that reads values");
        let calls_it_otherwise = self.types && self.absent != ABSENT_TYPE;
        say(calls_it_otherwise, &format!("TYPE says {} where there is no key", self.absent.escape_ascii()));
        for (name, kind) in &self.aliases {
            say(true, &format!("TYPE says {} for {}", name.escape_ascii(), kind.name));
        }
        for kind in &self.second {
            say(true, &format!("a {} is not read by {}, which is wrong", kind.name, kind.command()));
        }
        for kind in &self.untold {
            say(true, &format!("nothing reads a {} rightly: what one holds is not compared", kind.name));
        }
        say(self.closes_behind_errors, "it closes the connection behind every error: so is it done on the reference");
        say(self.closes_behind_flush, "it closes the connection behind FLUSHALL: it is emptied on one of dst's own");
        say(self.expiry == Expiry::SecondsLeft, "no PEXPIRETIME and no PTTL: times to live are told by TTL");
        say(self.expiry == Expiry::Untold, "no PEXPIRETIME, PTTL or TTL: times to live are not compared");
        let instead = match self.emptying {
            Emptying::FlushAll => "",
            Emptying::ByName => "no FLUSHALL that empties it: each key is removed by DEL, and looked for",
            Emptying::Never if can_restart => "neither FLUSHALL nor DEL empties it: restarted between traces",
            Emptying::Never => "neither FLUSHALL nor DEL empties it",
        };
        say(!instead.is_empty(), instead);
        say(self.echo == Echo::Nothing, "no ECHO, PING or GET answers as it should: lost replies are not looked for");
        lines
    }

    /// True where it can be found out of a key whether it is there.
    pub fn tells_keys(&self) -> bool {
        self.listing != Listing::ByName || self.types || self.exists || !self.kinds.is_empty()
    }
}

/// The replies to requests, in their order; none where no reply came.
struct Answers<'a> {
    requests: &'a [Argv],
    answers: &'a [Option<Reply>],
}

impl Answers<'_> {
    /// The answer to the nth of the requests that are these words, from 0 on.
    fn nth(&self, nth: usize, words: &[&str]) -> Option<&Reply> {
        let asked: Argv = words.iter().collect();
        self.nth_of(nth, &asked)
    }

    fn nth_of(&self, nth: usize, asked: &Argv) -> Option<&Reply> {
        let mut places = self.requests.iter().zip(self.answers).filter(|(request, _)| *request == asked);
        places.nth(nth)?.1.as_ref()
    }

    fn first(&self, words: &[&str]) -> Option<&Reply> {
        self.nth(0, words)
    }

    fn is(&self, words: &[&str], reply: &Reply) -> bool {
        self.first(words) == Some(reply)
    }

    fn text(&self, words: &[&str]) -> bool {
        self.first(words).and_then(Reply::as_bytes) == Some(TEXT.as_bytes())
    }

    /// True where the text comes back, to a client that listens as to one that does not.
    fn has_echo(&self, words: &[&str]) -> bool {
        [0, 1].iter().all(|&at| self.nth(at, words).is_some_and(|reply| Barrier::is_echo(reply, TEXT)))
    }

    /// True where dst's key is gone when that is asked for the nth time. What is sure of one command need not be of
    /// another.
    fn is_gone(&self, nth: usize) -> bool {
        let turned =
            |words: &[&str]| (self.first(words), self.nth(nth, words)) == (Some(&Reply::Int(1)), Some(&Reply::Int(0)));
        is_null(self.nth(nth, &["GET", KEY])) || turned(&["EXISTS", KEY]) || turned(&["DBSIZE"])
    }

    /// What tells that a key lasts, and when another ends.
    fn expiry(&self) -> Expiry {
        let lasts = |words: &[&str]| self.is(words, &Reply::Int(-1));
        let is_timed = self.is(&["SET", TIMED, TEXT, "PXAT", TIME], &Reply::ok());
        let is_told = !is_timed || self.first(&["PEXPIRETIME", TIMED]) == TIME.parse().ok().map(Reply::Int).as_ref();
        first_of(
            [
                (lasts(&["PEXPIRETIME", KEY]) && is_told, Expiry::Time),
                (lasts(&["PTTL", KEY]), Expiry::Left),
                (lasts(&["TTL", KEY]), Expiry::SecondsLeft),
            ],
            Expiry::Untold,
        )
    }

    /// True where the read of a kind says that there is no such key.
    fn reads_nothing(&self, kind: &Kind) -> bool {
        self.nth_of(0, &kind.request(ABSENT.as_bytes())).is_some_and(holds_nothing)
    }
}

/// The kind of this name in Redis.
fn kind_of(name: &[u8]) -> Option<&'static Kind> {
    kind_named(std::str::from_utf8(name).ok()?)
}

/// The reply to a request where nothing that follows it on the connection is answered.
fn closes_behind(server: &Server, words: &[&str]) -> Option<Reply> {
    let mut connection = server.connect().ok()?;
    let reply = connection.run_one(&words.iter().collect()).ok()?;
    (connection.run_one(&Argv::from(["PING"])) == Err(Failure::Closed)).then_some(reply)
}

fn is_null(reply: Option<&Reply>) -> bool {
    matches!(reply, Some(Reply::NullBulk | Reply::Null))
}

/// All that is asked, in order.
fn questions() -> Vec<Argv> {
    let request = |words: &&[&str]| words.iter().collect::<Argv>();
    let mut requests: Vec<Argv> = QUESTIONS.iter().map(request).collect();
    requests.extend(KINDS.iter().map(|kind| kind.request(ABSENT.as_bytes())));
    requests.extend(LISTENING.iter().map(request));
    requests
}

/// True where dst's own key is among the names in a reply.
fn names_key(reply: Option<&Reply>) -> bool {
    let names = reply.and_then(Reply::as_elements).unwrap_or_default();
    names.iter().any(|name| name.as_bytes() == Some(KEY.as_bytes()))
}

/// The first of these ways that is there, or what is left.
fn first_of<T>(ways: impl IntoIterator<Item = (bool, T)>, otherwise: T) -> T {
    ways.into_iter().find(|(is_there, _)| *is_there).map_or(otherwise, |(_, way)| way)
}

/// True for what reads of a key answer where there is none.
pub(super) fn holds_nothing(reply: &Reply) -> bool {
    matches!(reply, Reply::NullBulk | Reply::Null | Reply::NullArray)
        || reply.as_elements().is_some_and(<[Reply]>::is_empty)
        || matches!(reply, Reply::Map(pairs) if pairs.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answers of a server that has these commands, as Redis has them.
    fn answers_of(has: &[&str]) -> (Vec<Argv>, Vec<Option<Reply>>) {
        let requests = questions();
        let mut is_there = false;
        let list = |is_there: bool| Reply::Array(if is_there { vec![Reply::bulk(KEY)] } else { Vec::new() });
        let answer = |argv: &Argv| {
            let name = String::from_utf8_lossy(&argv[0]).into_owned();
            if !has.contains(&name.as_str()) {
                return Some(Reply::error("ERR unknown command"));
            }
            let is_key = is_there && argv.get(1) == Some(KEY.as_bytes());
            Some(match name.as_str() {
                "SET" => {
                    is_there = true;
                    Reply::ok()
                }
                "GET" if is_key => Reply::bulk(TEXT),
                "GET" => Reply::NullBulk,
                "TYPE" => Reply::Simple(if is_key { b"string".to_vec() } else { b"none".to_vec() }),
                "EXISTS" => Reply::Int(is_key.into()),
                "KEYS" => list(is_there),
                "SCAN" => Reply::Array(vec![Reply::bulk("0"), list(is_there)]),
                "PEXPIRETIME" if argv[1] == *TIMED.as_bytes() => Reply::Int(TIME.parse().expect("a number")),
                "PEXPIRETIME" | "PTTL" | "TTL" => Reply::Int(-1),
                "PEXPIREAT" | "PEXPIRE" => Reply::Int(0),
                "ECHO" | "PING" => Reply::bulk(TEXT),
                "UNSUBSCRIBE" => {
                    Reply::Array(vec![Reply::bulk("unsubscribe"), Reply::bulk(&argv[1][..]), Reply::Int(0)])
                }
                "CLIENT" if argv.get(1) == Some(b"ID") => Reply::Int(1),
                "CLIENT" => Reply::bulk("id=1 flags=N\n"),
                "INFO" => Reply::bulk("# Keyspace\r\ndb0:keys=1,expires=0\r\n"),
                "DBSIZE" => Reply::Int(is_there.into()),
                "SELECT" => Reply::ok(),
                "DEL" => Reply::Int(std::mem::take(&mut is_there).into()),
                "FLUSHALL" => {
                    is_there = false;
                    Reply::ok()
                }
                "RESET" => Reply::Simple(b"RESET".to_vec()),
                _ => Reply::Array(Vec::new()),
            })
        };
        let answers = requests.iter().map(answer).collect();
        (requests, answers)
    }

    #[track_caller]
    fn check(has: &str, expected: &[&str]) {
        let (requests, answers) = answers_of(&has.split(' ').collect::<Vec<_>>());
        assert_eq!(Ways::judge(&Answers { requests: &requests, answers: &answers }).describe(true), expected, "{has}");
    }

    const ALL: &str = "SET GET TYPE EXISTS KEYS SCAN PEXPIRETIME PTTL TTL PEXPIREAT PEXPIRE ECHO PING CLIENT INFO DBSIZE \
                       SELECT DEL FLUSHALL LRANGE HGETALL SMEMBERS ZRANGE XRANGE RESET";

    #[test]
    fn every_question_has_a_second_way() {
        let (requests, answers) = answers_of(&ALL.split(' ').collect::<Vec<_>>());
        assert_eq!(Ways::judge(&Answers { requests: &requests, answers: &answers }), Ways::all());
        check(ALL, &[]);
        check(&ALL.replace("KEYS ", ""), &["no KEYS that tells every key: SCAN is asked"]);
        check(
            &ALL.replace("FLUSHALL ", ""),
            &["no FLUSHALL that empties it: each key is removed by DEL, and looked for"],
        );
        check(&ALL.replace("PEXPIRETIME PTTL ", ""), &["no PEXPIRETIME and no PTTL: times to live are told by TTL"]);
        check(&ALL.replace("INFO DBSIZE SELECT ", ""), &[]);
        check(
            "SET GET DEL PING LPUSH LRANGE",
            &[
                "no KEYS and no SCAN that tell every key: the keyspace is read by name",
                "no TYPE: a key is read by every command that reads values",
                "no PEXPIRETIME, PTTL or TTL: times to live are not compared",
                "no FLUSHALL that empties it: each key is removed by DEL, and looked for",
            ],
        );
        check(
            "PING",
            &[
                "nothing tells what it holds: only replies are compared",
                "no PEXPIRETIME, PTTL or TTL: times to live are not compared",
                "neither FLUSHALL nor DEL empties it: restarted between traces",
            ],
        );
    }

    #[test]
    fn a_wrong_answer_is_no_way() {
        let (requests, mut answers) = answers_of(&ALL.split(' ').collect::<Vec<_>>());
        let mut answer = |words: &[&str], reply: Option<Reply>| {
            let asked: Argv = words.iter().collect();
            let places = requests.iter().enumerate().filter(|(_, request)| **request == asked);
            places.for_each(|(at, _)| answers[at] = reply.clone());
        };
        answer(&["KEYS", "*"], Some(Reply::Array(Vec::new())));
        answer(&["INFO", "keyspace"], Some(Reply::bulk("# Keyspace\r\n")));
        answer(&["ECHO", TEXT], None);
        answer(&["FLUSHALL"], None);
        answer(&["EXISTS", ABSENT], Some(Reply::Int(1)));
        let ways = Ways::judge(&Answers { requests: &requests, answers: &answers });
        let found = (ways.listing, ways.info, ways.echo, ways.emptying, ways.exists);
        assert_eq!(found, (Listing::Scan, false, Echo::Ping, Emptying::ByName, false));
    }
}
