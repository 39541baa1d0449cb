//! Replays on servers that dst starts, and on ones that it did not start.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use redlite::Redlite;
use redlite_dst::diff::{Entry, Keyspace};
use redlite_dst::targets::{self, Session, Target, TargetOptions};
use redlite_dst::trace::{Act, Header, Op};
use resp::{Argv, Reply};

const START_MS: i64 = 1_700_000_000_000;

pub fn header() -> Header {
    Header { start_ms: START_MS, ..Header::default() }
}

pub fn options() -> TargetOptions {
    TargetOptions { reply_deadline: Duration::from_secs(2), ..TargetOptions::default() }
}

fn target(spec: &str) -> Box<dyn Target> {
    targets::parse(spec, &options()).unwrap_or_else(|error| panic!("{spec}: {error}"))
}

pub fn open(spec: &str) -> Box<dyn Session> {
    target(spec).open(&header()).unwrap_or_else(|error| panic!("{spec}: {error}"))
}

fn error_of(spec: &str, options: &TargetOptions) -> String {
    match targets::parse(spec, options).and_then(|target| target.open(&header()).map(drop)) {
        Ok(()) => panic!("{spec} must be refused"),
        Err(error) => error.to_string(),
    }
}

/// `SET k v` on connection 0, `2> GET k` on connection 2, `advance 5`, `open 1>`, `close 1>`, `restart`.
pub fn op(line: &str) -> Op {
    let (conn, words) = line.split_once("> ").map_or((0, line), |(conn, rest)| (conn.parse().expect("a number"), rest));
    let words: Vec<&str> = words.split(' ').collect();
    let act = match words[..] {
        ["advance", ms] => Act::Advance { ms: ms.parse().expect("a number") },
        ["open"] => Act::Open,
        ["close"] => Act::Close,
        ["restart"] => Act::Restart,
        ["crash"] => Act::Crash,
        ["await"] => Act::Await,
        ["raw", bytes] => Act::Raw(bytes.replace("\\r\\n", "\r\n").into_bytes()),
        _ => Act::Call(words.iter().collect::<Argv>()),
    };
    Op { conn, act }
}

/// A reply on one line.
fn text(reply: &Reply) -> String {
    match reply {
        Reply::Simple(bytes) => format!("+{}", bytes.escape_ascii()),
        Reply::Error(bytes) => format!("-{}", bytes.escape_ascii()),
        Reply::Bulk(bytes) if bytes.len() > 100 => format!("{} bytes", bytes.len()),
        Reply::Bulk(bytes) => format!("\"{}\"", bytes.escape_ascii()),
        Reply::Int(number) => number.to_string(),
        Reply::NullBulk => "nil".to_owned(),
        Reply::Map(_) => "Map".to_owned(),
        Reply::Array(items) => format!("[{}]", items.iter().map(text).collect::<Vec<_>>().join(" ")),
        Reply::Push(items) => format!(">[{}]", items.iter().map(text).collect::<Vec<_>>().join(" ")),
        Reply::Frames(frames) => frames.iter().map(text).collect::<Vec<_>>().join(" + "),
        other => format!("{other:?}"),
    }
}

/// Replays `lines` in one call: each is an op, ` => `, and its reply.
pub fn check(session: &mut dyn Session, lines: &[&str]) {
    let pairs = lines.iter().map(|line| line.split_once(" => ").unwrap_or_else(|| panic!("no reply in {line:?}")));
    let (ops, expected): (Vec<Op>, Vec<&str>) = pairs.map(|(line, reply)| (op(line), reply)).unzip();
    let mut replies = Vec::new();
    session.replay(&ops, &mut replies).unwrap_or_else(|error| panic!("{lines:?}: {error}"));
    let replies: Vec<String> = replies.iter().map(text).collect();
    assert_eq!(replies, expected, "{lines:#?}");
}

/// A redis-server that dst knows nothing of.
pub struct Foreign {
    child: Child,
    dir: tempfile::TempDir,
}

impl Foreign {
    pub fn start() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut command = Command::new("redis-server");
        command.args(["--port", "0", "--save", "", "--unixsocket"]).arg(dir.path().join("socket"));
        command.arg("--dir").arg(dir.path());
        let child = command.stdout(Stdio::null()).spawn().expect("redis-server on PATH");
        let foreign = Self { child, dir };
        let started = Instant::now();
        while targets::parse(&foreign.spec(), &options()).is_err() {
            assert!(started.elapsed() < Duration::from_secs(10), "redis-server does not come up");
            std::thread::sleep(Duration::from_millis(5));
        }
        foreign
    }

    pub fn spec(&self) -> String {
        format!("unix:{}", self.dir.path().join("socket").display())
    }

    pub fn run(&self, words: &[&str]) -> Reply {
        use std::io::Write;
        let mut stream = std::os::unix::net::UnixStream::connect(self.dir.path().join("socket")).expect("a socket");
        let mut request = Vec::new();
        words.iter().collect::<Argv>().encode(&mut request);
        stream.write_all(&request).expect("a request is sent");
        let mut decoder = resp::Decoder::new(resp::Limits::default());
        loop {
            let mut bytes = [0; 4096];
            let count = std::io::Read::read(&mut stream, &mut bytes).expect("a reply comes");
            decoder.feed(&bytes[..count]);
            if let Some(reply) = decoder.next_reply().expect("the reply is RESP") {
                return reply;
            }
        }
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn flawed() -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/servers/flawed.py");
    format!("exec:python3 '{}' {{port}}", script.display())
}

#[test]
fn a_spawned_redis_answers_as_redis_does() {
    let mut session = open("redis");
    check(
        &mut *session,
        &[
            "SET k v => +OK",
            "get k => \"v\"",
            "LPUSH k a => -WRONGTYPE Operation against a key holding the wrong kind of value",
            "GET missing => nil",
            "LRANGE missing 0 -1 => []",
            "SELECT 3 => +OK",
            "GET k => nil",
            "1> GET k => \"v\"",
            "1> APPEND k w => 2",
            "2> GET k => \"vw\"",
            "2> close => +OK",
            "2> open => +OK",
            "0> GET k => nil",
            "raw PING\\r\\n => +PONG",
        ],
    );
    assert_eq!(session.out_of_step().expect("the server runs"), None);
    assert_eq!(target("redis").info().name, "redis");
}

#[test]
fn the_clock_of_a_spawned_redis_moves_only_by_advance() {
    let mut session = open("redis");
    assert!(session.exact_clock(), "this platform has the shim");
    check(
        &mut *session,
        &[
            "TIME => [\"1700000000\" \"0\"]",
            "SET k v PX 1500 => +OK",
            "SET l v EX 100 => +OK",
            "PTTL k => 1500",
            "PEXPIRETIME k => 1700000001500",
            "advance 1499 => +OK",
            "TIME => [\"1700000001\" \"499000\"]",
            "PTTL k => 1",
            "TTL l => 99",
            "DBSIZE => 2",
            "advance 1 => +OK",
            "PTTL k => 0", // Redis expires a key in the millisecond after its time
            "advance 1 => +OK",
            "DBSIZE => 1",
            "GET k => nil",
            "XADD s * f v => \"1700000001501-0\"",
            "advance 86400000 => +OK",
            "KEYS * => [\"s\"]",
            "SET past v PXAT 1 => +OK",
            "DBSIZE => 1",
            "MULTI => +OK",
            "DBSIZE => +QUEUED",
            "EXEC => [1]",
        ],
    );
    session.reset(&Header { start_ms: 5, ..header() }).expect("a reset");
    check(&mut *session, &["TIME => [\"0\" \"5000\"]", "DBSIZE => 0"]);
}

#[test]
fn a_reset_leaves_nothing_of_the_trace_before() {
    let mut session = open("redis");
    check(&mut *session, &["SET k v => +OK", "SELECT 9 => +OK", "SET k v => +OK", "MULTI => +OK", "1> PING => +PONG"]);
    session.reset(&header()).expect("a reset");
    assert_eq!(session.keyspace().expect("a keyspace"), Some(Keyspace::default()));
    check(&mut *session, &["SET in0 v => +OK", "1> GET in0 => \"v\""]);
}

#[test]
fn an_iteration_is_driven_to_its_end() {
    let mut session = open("redis");
    let sets: Vec<Op> = (0..1000).map(|n| op(&format!("SET k{n} v"))).collect();
    let mut replies = Vec::new();
    session.replay(&sets, &mut replies).expect("a replay");
    replies.clear();
    session.replay(&[op("SCAN 0 COUNT 10"), op("SSCAN none 0"), op("PING")], &mut replies).expect("a replay");
    let found = replies[0].as_elements().and_then(|parts| parts[1].as_elements()).map(<[Reply]>::len);
    assert!(found >= Some(1000), "{found:?} of 1000 keys are found");
    assert_eq!(text(&replies[1]), "[\"0\" []]");
    assert_eq!(text(&replies[2]), "+PONG");
}

#[test]
fn the_keyspace_holds_every_type_in_canonical_order() {
    let ops = [
        "SELECT 2",
        "ZADD z 2 b 1 a 2 a2",
        "SELECT 0",
        "SET s v PX 5000",
        "RPUSH l b a",
        "HSET h f2 2 f1 1",
        "SADD set c a b",
        "SET gone v PX 1",
        "advance 2",
    ];
    let list = |items: &[&str]| Reply::Array(items.iter().map(|&item| Reply::bulk(item)).collect());
    let entry = |db, key: &str, kind: &str, value, expires_ms| Entry {
        db,
        key: key.into(),
        kind: kind.to_owned(),
        value,
        details: None,
        expires_ms,
    };
    let expected = Keyspace {
        entries: vec![
            entry(0, "h", "hash", list(&["f1", "1", "f2", "2"]), None),
            entry(0, "l", "list", list(&["b", "a"]), None),
            entry(0, "s", "string", Reply::bulk("v"), Some(START_MS + 5000)),
            entry(0, "set", "set", list(&["a", "b", "c"]), None),
            entry(2, "z", "zset", list(&["a", "1", "a2", "2", "b", "2"]), None),
        ],
    };
    let mut session = open("redis");
    session.replay(&ops.map(op), &mut Vec::new()).expect("a replay");
    for read in 1..=2 {
        assert_eq!(session.keyspace().expect("a keyspace").as_ref(), Some(&expected), "read {read}");
    }
}

#[test]
fn large_requests_and_replies_do_not_lock_each_other_out() {
    let mut session = open("redis");
    let value = "x".repeat(1 << 20);
    let mut ops = vec![Op::call(0, ["SET", "big", &value])];
    ops.extend((0..100).map(|n| if n % 2 == 0 { op("GET big") } else { Op::call(0, ["SET", "other", &value]) }));
    let mut replies = Vec::new();
    session.replay(&ops, &mut replies).expect("a replay");
    assert_eq!(replies.len(), ops.len());
    assert_eq!(replies[99], Reply::bulk(value));
    assert_eq!(replies[100], Reply::ok());
}

#[test]
fn a_restart_is_a_new_process_on_the_same_clock() {
    let mut session = open("redis");
    check(
        &mut *session,
        &["SET k v => +OK", "advance 1000 => +OK", "restart => +OK", "TIME => [\"1700000001\" \"0\"]"],
    );
    check(&mut *session, &["crash => +OK", "GET k => nil"]);
}

#[test]
fn a_server_that_hangs_is_restarted_and_the_replay_goes_on() {
    let mut session = open(&flawed());
    let started = Instant::now();
    check(
        &mut *session,
        &["SET k v => +OK", "GET k => \"v\"", "HANG => Hung", "GET k => nil", "SET k w => +OK", "1> GET k => \"w\""],
    );
    assert!(started.elapsed() < Duration::from_secs(20), "the deadline is 2 s, not {:?}", started.elapsed());
    assert!(session.take_notes().iter().any(|note| note.contains("hung")));
}

#[test]
fn the_command_that_a_server_dies_of_is_found_in_a_pipeline() {
    let mut session = open(&flawed());
    check(&mut *session, &["SET k v => +OK", "GET k => \"v\"", "DIE => Closed", "GET k => nil", "PING => +PONG"]);
    let notes = session.take_notes();
    assert!(notes.iter().any(|note| note.contains("exit status: 7")), "{notes:?}");
}

#[test]
fn later_in_a_trace_all_is_run_again_to_find_the_command_that_a_server_dies_of() {
    let mut session = open(&flawed());
    check(&mut *session, &["SET k v => +OK"]);
    check(&mut *session, &["GET k => \"v\"", "SET k w => +OK", "DIE => Closed", "GET k => nil"]);
}

#[test]
fn where_the_start_would_not_be_the_same_the_first_unanswered_command_is_blamed() {
    let mut session = open(&flawed());
    check(&mut *session, &["SPOP k => -ERR unknown command"]);
    check(&mut *session, &["SET k v => Closed", "SET k v => +OK", "DIE => Closed", "GET k => nil"]);
}

#[test]
fn a_closed_connection_leaves_the_store_as_it_is() {
    let mut session = open(&flawed());
    check(
        &mut *session,
        &["SET k v => +OK", "1> PING => +PONG", "HANGUP => Closed", "GET k => \"v\"", "1> GET k => \"v\""],
    );
}

#[test]
fn what_is_no_resp_closes_the_connection_and_is_noted() {
    let mut session = open(&flawed());
    check(&mut *session, &["SET k v => +OK", "BABBLE => Closed", "GET k => \"v\""]);
    let notes = session.take_notes();
    assert!(notes.iter().any(|note| note.contains("is not RESP")), "{notes:?}");
}

#[test]
fn one_reply_too_many_is_out_of_step() {
    let mut session = open(&flawed());
    check(&mut *session, &["SET k v => +OK"]);
    assert_eq!(session.out_of_step().expect("the server runs"), None);
    check(&mut *session, &["TWICE => +OK"]);
    assert_eq!(session.out_of_step().expect("the server runs"), Some(Reply::ok()));
}

#[test]
fn a_server_that_dies_of_a_read_does_not_count_as_empty() {
    let mut session = open(&flawed());
    check(&mut *session, &["SET trap v => +OK"]);
    let keyspace = session.keyspace().expect("a keyspace").expect("a server tells its keys");
    assert_eq!(keyspace.instead(), Some(&Reply::Closed), "{keyspace:?}");
    assert_ne!(keyspace, Keyspace::default());
}

#[test]
fn a_clock_that_does_not_move_is_noted() {
    let mut session = open(&flawed());
    let at_start = session.take_notes();
    assert!(at_start.iter().any(|note| note.contains("times to live are not compared")), "{at_start:?}");
    check(&mut *session, &["advance 5 => +OK"]);
    assert_eq!(session.take_notes(), [""; 0], "there is no key whose time would have to move");
    check(&mut *session, &["SET k v => +OK", "advance 5 => +OK"]);
    let notes = session.take_notes();
    assert!(notes.iter().any(|note| note.contains("did not move")), "{notes:?}");
}

#[test]
fn a_server_without_reset_is_emptied_all_the_same() {
    let mut session = open(&flawed());
    check(&mut *session, &["SET k v => +OK"]);
    assert_eq!(session.keyspace().expect("a keyspace").map(|keyspace| keyspace.entries.len()), Some(1));
    session.reset(&header()).expect("a reset");
    check(&mut *session, &["GET k => nil"]);
}

#[test]
fn nothing_of_a_server_is_left_when_its_session_ends() {
    let mut session = open(&flawed());
    let mut replies = Vec::new();
    session.replay(&[op("SPAWN")], &mut replies).expect("a replay");
    let Reply::Int(child) = replies[0] else { panic!("SPAWN answers a process id, not {:?}", replies[0]) };
    assert!(runs(child), "the server's child runs");
    drop(session);
    let started = Instant::now();
    while runs(child) {
        assert!(started.elapsed() < Duration::from_secs(5), "the server's child is left");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_started_server_does_not_outlive_a_dst_that_is_killed() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (trace, pidfile) = (dir.path().join("blocks.trace"), dir.path().join("pid"));
    fs::write(&trace, "# dst trace 2\n\nDEBUG SLEEP 60\n").expect("a trace is written");
    let server = format!(
        "exec:redis-server --port 0 --save '' --enable-debug-command yes --unixsocket {{socket}} --pidfile '{}'",
        pidfile.display()
    );
    let mut dst = Command::new(env!("CARGO_BIN_EXE_dst"));
    dst.arg("replay").arg(&trace).args(["--against", "redlite", "--subject", &server, "--timeout", "60"]);
    let mut dst = dst.env("TMPDIR", dir.path()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("dst runs");
    let started = Instant::now();
    let pid = loop {
        let written = fs::read_to_string(&pidfile).ok().and_then(|text| text.trim().parse::<i64>().ok());
        if let Some(pid) = written {
            break pid;
        }
        assert!(started.elapsed() < Duration::from_secs(10), "the server does not start");
        std::thread::sleep(Duration::from_millis(5));
    };
    dst.kill().expect("dst is there to be killed");
    dst.wait().expect("dst has ended");
    let killed = Instant::now();
    while runs(pid) {
        assert!(killed.elapsed() < Duration::from_secs(5), "the server, process {pid}, is left");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// True where there is such a process, and it is no zombie.
fn runs(pid: i64) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
fn the_directory_of_a_server_is_removed() {
    let mut session = open("redis");
    let mut replies = Vec::new();
    session.replay(&[op("CONFIG GET unixsocket"), op("INFO server")], &mut replies).expect("a replay");
    let socket = replies[0].as_elements().and_then(|pair| pair[1].as_bytes()).expect("CONFIG GET answers a pair");
    let dir = PathBuf::from(String::from_utf8_lossy(socket).into_owned());
    let info = String::from_utf8_lossy(replies[1].as_bytes().expect("INFO answers text")).into_owned();
    let pid = info.lines().find_map(|line| line.strip_prefix("process_id:")).expect("INFO tells the process");
    let pid: i64 = pid.parse().expect("a number");
    let dir = dir.parent().expect("the socket is in a directory").to_owned();
    assert!(dir.exists() && runs(pid), "{} and process {pid} are there", dir.display());
    drop(session);
    assert!(!dir.exists() && !runs(pid), "{} or process {pid} is left", dir.display());
}

#[test]
fn a_server_with_data_is_refused_and_left_alone() {
    let foreign = Foreign::start();
    foreign.run(&["SET", "theirs", "v"]);
    let refusal = error_of(&foreign.spec(), &options());
    assert!(refusal.contains("holds 1 key,") && refusal.contains("--allow-flush"), "{refusal}");
    foreign.run(&["SELECT", "0"]);
    assert_eq!(foreign.run(&["GET", "theirs"]), Reply::bulk("v"));
    let stats = foreign.run(&["INFO", "commandstats"]);
    let stats = String::from_utf8_lossy(stats.as_bytes().unwrap_or_default()).into_owned();
    assert!(!stats.contains("flush") && !stats.contains("cmdstat_del"), "nothing but reads is sent: {stats}");
}

#[test]
fn a_server_with_data_is_used_where_the_user_allows_it() {
    let foreign = Foreign::start();
    foreign.run(&["SET", "theirs", "v"]);
    let options = TargetOptions { allow_flush: true, ..options() };
    let target = targets::parse(&foreign.spec(), &options).expect("the server runs");
    let mut session = target.open(&header()).expect("a session");
    check(&mut *session, &["GET theirs => nil", "SET ours v => +OK"]);
    drop(session);
    assert_eq!(foreign.run(&["DBSIZE"]), Reply::Int(0));
}

#[test]
fn a_server_is_used_by_one_session_at_a_time() {
    let foreign = Foreign::start();
    let target = target(&foreign.spec());
    let session = target.open(&header()).expect("a session");
    let Err(error) = target.open(&header()) else { panic!("a second session must be refused") };
    assert!(error.to_string().contains("one session at a time"), "{error}");
    drop(session);
    target.open(&header()).expect("a session after the first");
}

#[test]
fn times_on_a_real_clock_are_the_traces() {
    let foreign = Foreign::start();
    let mut session = open(&foreign.spec());
    assert!(!session.exact_clock());
    let mut replies = Vec::new();
    let ops = [
        "SET k v PXAT 1700000100000",
        "PTTL k",
        "PEXPIRETIME k",
        "EXPIRETIME k",
        "advance 60000",
        "TTL k",
        "SET l v EX 10",
        "advance 10000",
        "DBSIZE",
        "advance 1",
        "DBSIZE",
    ];
    session.replay(&ops.map(op), &mut replies).expect("a replay");
    let near = |at: usize, expected: i64, slack: i64| {
        let Reply::Int(value) = replies[at] else { panic!("{} answers {:?}", ops[at], replies[at]) };
        assert!((value - expected).abs() <= slack, "{}: {value}, not about {expected}", ops[at]);
    };
    near(1, 100_000, 2000);
    near(2, 1_700_000_100_000, 2000);
    near(3, 1_700_000_100, 2);
    near(5, 40, 2);
    // A key stays while now <= expiry, also where the machine's clock has moved on meanwhile.
    near(8, 2, 0);
    near(10, 1, 0);
    let keyspace = session.keyspace().expect("a keyspace").expect("a server tells its keys");
    let expires_ms = keyspace.entries[0].expires_ms.expect("k has a time to live");
    assert!((expires_ms - 1_700_000_100_000).abs() <= 3000, "{expires_ms}");
}

#[test]
fn waits_on_a_real_clock_are_over_at_once_or_never() {
    let foreign = Foreign::start();
    let mut session = open(&foreign.spec());
    check(
        &mut *session,
        &[
            "BLPOP l 0.01 => NullArray",
            "1> XREAD BLOCK 20 STREAMS s $ => NullArray",
            "RPUSH l a => 1",
            "BLPOP l 5 => [\"l\" \"a\"]",
            "1> BLPOP l 0.2 => Pending",
        ],
    );
    std::thread::sleep(Duration::from_millis(250));
    check(&mut *session, &["1> await => Pending", "RPUSH l b => 1", "1> await => [\"l\" \"b\"]"]);
}

#[test]
fn what_may_harm_a_foreign_server_is_refused_before_anything_is_sent() {
    let foreign = Foreign::start();
    let mut session = open(&foreign.spec());
    for line in
        ["config SET maxmemory 1", "CLIENT KILL TYPE normal", "SHUTDOWN", "REPLICAOF no one", "raw FLUSHALL\\r\\n"]
    {
        let ops = [op("SET k v"), op(line)];
        let error = session.replay(&ops, &mut Vec::new()).expect_err("a refusal").to_string();
        assert!(error.contains("may do harm") && error.contains("--allow-flush"), "{line}: {error}");
    }
    assert_eq!(foreign.run(&["DBSIZE"]), Reply::Int(0));
    // What the server does not know, it refuses by itself.
    let refusal = "-ERR unknown command \\'GETT\\', with args beginning with: \\'k\\' ";
    check(&mut *session, &["SET k v => +OK", &format!("GETT k => {refusal}")]);
}

#[test]
fn a_server_that_is_given_over_runs_every_command() {
    let foreign = Foreign::start();
    let options = TargetOptions { allow_flush: true, ..options() };
    let target = targets::parse(&foreign.spec(), &options).expect("the server runs");
    let mut session = target.open(&header()).expect("a session");
    check(&mut *session, &["CONFIG SET maxmemory 0 => +OK", "raw PING\\r\\n => +PONG"]);
}

#[test]
fn a_restart_of_a_foreign_server_is_refused() {
    let foreign = Foreign::start();
    let error = open(&foreign.spec()).replay(&[op("restart")], &mut Vec::new()).expect_err("a restart");
    assert!(error.to_string().contains("was not started by dst"), "{error}");
}

#[test]
fn an_unknown_target_is_told_the_table() {
    let error = error_of("memcached", &options());
    for form in ["redlite:FILE", "redis", "valkey", "unix:PATH", "exec:COMMAND"] {
        assert!(error.contains(form), "{form} is missing in:\n{error}");
    }
}

#[test]
fn without_any_redis_all_three_ways_are_named() {
    let nowhere = TargetOptions { search_path: Some("/nonexistent".into()), ..options() };
    let error = error_of("redis", &nowhere);
    for way in ["--redis", "redis-server or valkey-server is on PATH", "Docker"] {
        assert!(error.contains(way), "{way} is missing in:\n{error}");
    }
}

#[test]
fn a_started_server_that_holds_data_is_refused() {
    // Somebody's Redis has left its data in a directory, and the command starts a server there.
    let theirs = Foreign::start();
    let folder = theirs.dir.path().display().to_string();
    for words in [&["SET", "k", "v"][..], &["SAVE"]] {
        assert_eq!(theirs.run(words), Reply::ok(), "{words:?}");
    }
    let spec = format!("exec:redis-server --port 0 --unixsocket {{socket}} --dir '{folder}'");
    let error = error_of(&spec, &options());
    assert!(error.contains("holds 1 key,") && error.contains("--allow-flush"), "{error}");
}

#[test]
fn a_server_that_does_not_start_says_why() {
    let error = error_of("exec:sh -c 'echo no such luck; exit 3' {port}", &options());
    assert!(error.contains("exit status: 3") && error.contains("no such luck"), "{error}");
    let error = error_of("redis:/etc/passwd", &options());
    assert!(error.contains("no Redis at /etc/passwd found"), "{error}");
}

#[test]
fn a_url_names_the_server_and_hides_the_password() {
    let error = error_of("redis://me:secret@127.0.0.1:1/", &options());
    assert!(error.contains("redis://127.0.0.1:1") && !error.contains("secret"), "{error}");
}

#[test]
fn where_there_is_no_redis_docker_runs_one() {
    let bin = tempfile::tempdir().expect("a temporary directory");
    let docker = bin.path().join("docker");
    let stand_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/servers/docker.sh");
    fs::copy(stand_in, &docker).expect("the stand-in is copied");
    let options = TargetOptions { search_path: Some(bin.path().into()), ..options() };
    let target = targets::parse("redis", &options).expect("a Docker that answers");
    assert_eq!(target.info().version, "7.0");
    let mut session = target.open(&header()).expect("a session");
    assert!(!session.exact_clock());
    check(&mut *session, &["SET k v => +OK", "GET k => \"v\""]);
    drop(session);
    let calls = fs::read_to_string(bin.path().join("calls")).expect("the stand-in notes its calls");
    assert!(calls.contains("rm --force dst-"), "the container is removed:\n{calls}");
}

#[test]
fn the_embedded_store_answers_and_tells_its_keyspace() {
    let mut session = open("redlite");
    check(
        &mut *session,
        &[
            "SET k v PX 1500 => +OK",
            "1> SELECT 3 => +OK",
            "1> SET k w => +OK",
            "GET k => \"v\"",
            "advance 1501 => +OK",
            "GET k => nil",
        ],
    );
    let entry = Entry {
        db: 3,
        key: b"k".to_vec(),
        kind: "string".to_owned(),
        value: Reply::bulk("w"),
        details: None,
        expires_ms: None,
    };
    assert_eq!(session.keyspace().expect("a keyspace"), Some(Keyspace { entries: vec![entry] }));
    session.reset(&header()).expect("a reset");
    assert_eq!(session.keyspace().expect("a keyspace"), Some(Keyspace::default()));
}

#[test]
fn an_embedded_file_keeps_its_data_over_a_restart_and_is_refused_with_data() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("store.db");
    let spec = format!("redlite:{}", path.display());
    for _ in 0..2 {
        // What a session wrote is gone when it ends: the next one may use the file.
        let mut session = open(&spec);
        check(&mut *session, &["GET k => nil", "SET k v => +OK", "restart => +OK", "GET k => \"v\""]);
    }
    let somebody = Redlite::open(&path).expect("the store").client().execute(&Argv::from(["SET", "k", "v"]));
    assert_eq!(somebody, Reply::ok());
    let refusal = error_of(&spec, &options());
    assert!(refusal.contains("holds 1 key,") && refusal.contains("--allow-flush"), "{refusal}");
    let allowed = TargetOptions { allow_flush: true, ..options() };
    let mut session = targets::parse(&spec, &allowed).and_then(|target| target.open(&header())).expect("a session");
    check(&mut *session, &["GET k => nil"]);
}
