//! The crate `redis` over an embedded store.

use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use redis::{Cmd, Commands, ConnectionLike, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value};
use redis::{cmd, pipe};
use redlite::{Argv, Client, Reply};

use super::waiting::{LONG, block_on, memory, run};

fn command(line: &str) -> Cmd {
    let mut command = Cmd::new();
    for word in line.split_whitespace() {
        command.arg(word);
    }
    command
}

fn tell_error(error: &RedisError) -> String {
    format!("{:?} {:?} {:?}", error.kind(), error.code(), error.detail())
}

fn tell(result: RedisResult<Value>) -> String {
    result.map_or_else(|error| tell_error(&error), |value| format!("{value:?}"))
}

/// Runs a command by each of the two traits.
const WAYS: [fn(&mut Client, &Cmd) -> RedisResult<Value>; 2] =
    [|client, command| command.query(client), |client, command| block_on(command.query_async(client))];

/// What each of these commands gives, on a new store.
fn check(steps: &[(&str, &str)]) {
    for way in WAYS {
        let mut client = memory().client();
        for (line, expected) in steps {
            assert_eq!(tell(way(&mut client, &command(line))), *expected, "{line}");
        }
    }
}

#[test]
fn replies_become_values() {
    check(&[
        ("SET k v", "ok"),
        ("PING", r#"simple-string("PONG")"#),
        ("GET k", r#"bulk-string('"v"')"#),
        ("GET missing", "nil"),
        ("BLPOP missing 0.001", "nil"),
        ("STRLEN k", "int(1)"),
        ("ZADD z 1.5 a", "int(1)"),
        ("ZSCORE z a", r#"bulk-string('"1.5"')"#),
        ("HSET h f v", "int(1)"),
        ("HGETALL h", r#"array([bulk-string('"f"'), bulk-string('"v"')])"#),
        ("MULTI", "ok"),
        ("INCR k", r#"simple-string("QUEUED")"#),
        // The crate makes an error within a reply that of the whole.
        ("EXEC", r#"Server(ResponseError) Some("ERR") Some("value is not an integer or out of range")"#),
    ]);
}

#[test]
fn after_hello_3_values_are_those_of_resp3() {
    check(&[
        ("HELLO 3 SETNAME x", &hello()),
        ("GET missing", "nil"),
        ("ZADD z 1.5 a", "int(1)"),
        ("ZSCORE z a", "double(1.5)"),
        ("HSET h f v", "int(1)"),
        ("HGETALL h", r#"map([(bulk-string('"f"'), bulk-string('"v"'))])"#),
        ("SADD s a", "int(1)"),
        ("SMEMBERS s", r#"set([bulk-string('"a"')])"#),
        ("ZADD z INF b", "int(1)"),
        ("ZRANGE z 1 1 WITHSCORES", r#"array([array([bulk-string('"b"'), double(inf)])])"#),
    ]);
}

fn hello() -> String {
    let mut client = memory().client();
    tell(command("HELLO 3 SETNAME x").query(&mut client))
}

#[test]
fn errors_have_their_kinds() {
    check(&[
        ("SET k v", "ok"),
        ("LPUSH k v", r#"Extension Some("WRONGTYPE") Some("Operation against a key holding the wrong kind of value")"#),
        ("INCR k", r#"Server(ResponseError) Some("ERR") Some("value is not an integer or out of range")"#),
        (
            "EVAL script 0",
            r#"Server(ResponseError) Some("ERR") Some("unknown command 'EVAL', with args beginning with: 'script' '0' ")"#,
        ),
        ("EXEC", r#"Server(ResponseError) Some("ERR") Some("EXEC without MULTI")"#),
        ("MULTI", "ok"),
        ("FOO", r#"Server(ResponseError) Some("ERR") Some("unknown command 'FOO', with args beginning with: ")"#),
        ("EXEC", r#"Server(ExecAbort) Some("EXECABORT") Some("Transaction discarded because of previous errors.")"#),
        ("HELLO 4", r#"Extension Some("NOPROTO") Some("unsupported protocol version")"#),
        ("", "Client None None"),
    ]);
    let mut client = memory().client();
    let refused = cmd("\u{e9}").arg(b"\xff").query::<Value>(&mut client).expect_err("no such command");
    assert_eq!(refused.kind(), ErrorKind::Parse, "no UTF-8: {refused}");
    let mismatch = client.set("k", "v").and_then(|()| client.get::<_, i64>("k")).expect_err("no number");
    assert_eq!(mismatch.kind(), ErrorKind::Parse);
}

#[test]
fn typed_commands_and_iterators() -> RedisResult<()> {
    let mut client = memory().client();
    let () = client.hset_multiple("h", &[("a", 1), ("b", 2)])?;
    let all: HashMap<String, i64> = client.hgetall("h")?;
    assert_eq!(all, HashMap::from([("a".to_owned(), 1), ("b".to_owned(), 2)]));
    for at in 0..1_000 {
        let () = client.set(format!("key:{at}"), at)?;
    }
    let mut found: Vec<String> = client.scan_match("key:*")?.collect::<RedisResult<_>>()?;
    found.sort();
    assert_eq!((found.len(), found[0].as_str()), (1_000, "key:0"));
    assert_eq!(client.zadd_multiple::<_, _, _, i64>("z", &[(1.5, "a"), (0.5, "b")])?, 2);
    assert_eq!(client.zrange_withscores::<_, Vec<(String, f64)>>("z", 0, -1)?, [("b".into(), 0.5), ("a".into(), 1.5)]);
    assert_eq!(client.get::<_, Option<String>>("missing")?, None);
    assert!(client.check_connection() && client.is_open());
    assert_eq!(ConnectionLike::get_db(&client), 0);
    let () = cmd("SELECT").arg(3).query(&mut client)?;
    assert_eq!(ConnectionLike::get_db(&client), 3);
    let () = cmd("QUIT").query(&mut client)?;
    assert!(!client.is_open() && !client.check_connection());
    let closed = client.get::<_, Value>("k").expect_err("it is closed");
    assert!(closed.is_connection_dropped(), "{closed}");
    Ok(())
}

#[test]
fn pipelines_and_transactions() -> RedisResult<()> {
    let mut client = memory().client();
    let plain: (i64, Option<String>) = pipe().set("n", 1).ignore().incr("n", 1).get("missing").query(&mut client)?;
    assert_eq!(plain, (2, None));
    let atomic: (i64,) = pipe().atomic().set("n", 5).ignore().incr("n", 1).query(&mut client)?;
    assert_eq!(atomic, (6,));
    let partly = pipe().incr("n", 1).lpush("n", 1).incr("n", 1).query::<Value>(&mut client).expect_err("a wrong type");
    assert_eq!(partly.kind(), ErrorKind::Extension);
    assert_eq!(partly.into_server_errors().map(|all| all[0].0), Some(1));
    assert_eq!(client.get::<_, i64>("n")?, 8);
    let of_exec = pipe().atomic().incr("n", 1).lpush("n", 1).query::<Value>(&mut client).expect_err("a wrong type");
    assert_eq!(of_exec.into_server_errors().map(|all| all[0].0), Some(1));
    let each: Vec<RedisResult<i64>> = pipe().ignore_errors().incr("n", 1).cmd("FOO").incr("n", 1).query(&mut client)?;
    assert_eq!(each.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    let empty = pipe().query::<Value>(&mut client).expect_err("nothing to do");
    assert_eq!(empty.to_string(), "empty command - Client");
    Ok(())
}

#[test]
fn a_transaction_that_is_refused_says_why() {
    let mut pipeline = pipe();
    pipeline.atomic().set("n", 1).cmd("FOO").arg(1).cmd("GET");
    let blocking = pipeline.query::<Value>(&mut memory().client());
    let asynchronous = block_on(pipeline.query_async::<Value>(&mut memory().client()));
    for result in [blocking, asynchronous] {
        let error = result.expect_err("an unknown command");
        assert_eq!(error.kind(), ErrorKind::Server(ServerErrorKind::ExecAbort));
        assert_eq!(
            error.to_string(),
            "Transaction aborted: [(Index 1, error: ResponseError: unknown command 'FOO', with args beginning with: '1' \
             ), (Index 2, error: ResponseError: wrong number of arguments for 'get' command)]"
        );
        assert_eq!(error.into_server_errors().map(|all| all.len()), Some(2));
    }
    let mut client = memory().client();
    run(&mut client, "MULTI");
    let nested = pipeline.query::<Value>(&mut client).expect_err("nested");
    assert_eq!(nested.kind(), ErrorKind::Server(ServerErrorKind::ExecAbort), "{nested}");
}

#[test]
fn a_transaction_is_done_again_where_a_watched_key_changes() -> RedisResult<()> {
    let store = memory();
    let (mut client, mut other) = (store.client(), store.client());
    let () = client.set("n", 1)?;
    let mut tries = 0;
    let (value,): (i64,) = redis::transaction(&mut client, &["n"], |client, pipe| {
        tries += 1;
        let seen: i64 = client.get("n")?;
        if tries == 1 {
            let () = other.set("n", 10)?;
        }
        pipe.set("n", seen + 1).ignore().get("n").query(client)
    })?;
    assert_eq!((tries, value), (2, 11));
    Ok(())
}

#[test]
fn a_command_that_waits_is_served_or_its_time_is_over() {
    for way in WAYS {
        let store = memory();
        let mut client = store.client();
        assert_eq!(tell(way(&mut client, &command("BLPOP k 0.02"))), "nil");
        let mut other = store.client();
        thread::scope(|scope| {
            scope.spawn(move || {
                thread::sleep(Duration::from_millis(30));
                run(&mut other, "RPUSH k a b");
                run(&mut other, "CLIENT LIST");
                thread::sleep(Duration::from_millis(30));
                run(&mut other, "RPUSH k c");
            });
            let first = tell(way(&mut client, &command("BLPOP k 0")));
            assert_eq!(first, r#"array([bulk-string('"k"'), bulk-string('"a"')])"#);
            let rest: (Vec<String>, Vec<String>, Option<i64>) =
                pipe().blpop("k", 0.0).blpop("k", 20.0).get("n").query(&mut client).expect("they are served");
            assert_eq!(rest, (vec!["k".into(), "b".into()], vec!["k".into(), "c".into()], None));
        });
    }
}

#[test]
fn a_client_that_is_closed_while_it_waits_says_so() {
    for way in WAYS {
        let store = memory();
        let (mut client, mut other) = (store.client(), store.client());
        thread::scope(|scope| {
            scope.spawn(move || {
                thread::sleep(Duration::from_millis(30));
                run(&mut other, "CLIENT KILL ID 1");
            });
            let error = way(&mut client, &command("BLPOP k 0")).expect_err("it is closed");
            assert!(error.is_connection_dropped(), "{error}");
        });
    }
}

#[test]
fn asynchronous_commands() -> RedisResult<()> {
    block_on(async {
        let mut client = memory().client();
        let () = redis::AsyncCommands::set(&mut client, "n", 1).await?;
        assert_eq!(redis::AsyncCommands::incr::<_, _, i64>(&mut client, "n", 2).await?, 3);
        let atomic: (i64, i64) = pipe().atomic().incr("n", 1).incr("n", 1).query_async(&mut client).await?;
        assert_eq!(atomic, (4, 5));
        assert_eq!(redis::aio::ConnectionLike::get_db(&client), 0);
        Ok(())
    })
}

/// Polls a future once, and drops it.
fn poll_once<T>(future: impl Future<Output = T>) -> bool {
    pin!(future).as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

#[test]
fn a_future_that_is_dropped_leaves_the_client_as_good_as_before() -> RedisResult<()> {
    let store = memory();
    let (mut client, mut other) = (store.client(), store.client());
    assert!(!poll_once(command("BLPOP k 0").query_async::<Value>(&mut client)));
    let mut pipeline = pipe();
    pipeline.incr("before", 1).blpop("k", 5.0).incr("after", 1);
    assert!(!poll_once(pipeline.query_async::<Value>(&mut client)));
    assert_eq!(client.get::<_, Option<i64>>("before")?, Some(1));
    assert_eq!(client.get::<_, Option<i64>>("after")?, None);
    assert_eq!(other.rpush::<_, _, i64>("k", "v")?, 1, "nobody waits for it");
    assert_eq!(client.lrange::<_, Vec<String>>("k", 0, -1)?, ["v"]);
    let () = client.del("k")?;

    // It was served, and nobody looked.
    {
        let waiting = command("BLPOP k 0");
        let mut future = pin!(waiting.query_async::<Value>(&mut client));
        assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(other.rpush::<_, _, i64>("k", "w")?, 1);
    }
    assert_eq!(client.get::<_, Option<i64>>("before")?, Some(1));
    assert_eq!(client.poll(), Reply::Frames(Vec::new()));
    assert!(poll_once(command("PING").query_async::<Value>(&mut client)));
    Ok(())
}

#[test]
fn messages_are_no_replies() -> RedisResult<()> {
    let store = memory();
    let (mut client, mut other) = (store.client(), store.client());
    run(&mut client, "HELLO 3");
    let confirmation = tell(command("SUBSCRIBE a b").query(&mut client));
    assert_eq!(confirmation, r#"push(Subscribe, [bulk-string('"b"'), int(2)])"#);
    assert_eq!(other.publish::<_, _, i64>("a", "1")?, 1);
    assert_eq!(client.publish::<_, _, i64>("b", "2")?, 1);
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(30));
            let _: RedisResult<i64> = other.publish("a", "3");
            thread::sleep(Duration::from_millis(30));
            let _: RedisResult<i64> = other.rpush("k", "v");
        });
        let served: (String, String) = client.blpop("k", 0.0)?;
        assert_eq!(served, ("k".into(), "v".into()));
        RedisResult::Ok(())
    })?;
    let () = client.set("k", 1)?;
    let message = |channel: &str, text: &str| Reply::Push(["message", channel, text].map(Reply::bulk).to_vec());
    assert_eq!(client.wait(Some(LONG)), Reply::Frames(vec![message("a", "1"), message("b", "2"), message("a", "3")]));
    Ok(())
}

#[test]
fn where_there_is_no_reply_there_is_nil() -> RedisResult<()> {
    check(&[
        ("CLIENT REPLY OFF", "nil"),
        ("SET k v", "nil"),
        ("GET k", "nil"),
        ("CLIENT REPLY ON", "ok"),
        ("GET k", r#"bulk-string('"v"')"#),
        ("SUBSCRIBE a", r#"array([bulk-string('"subscribe"'), bulk-string('"a"'), int(1)])"#),
    ]);
    let mut client = memory().client();
    assert_eq!(cmd("PING").set_no_response(true).query::<Value>(&mut client)?, Value::Nil);
    assert_eq!(client.poll(), Reply::Frames(Vec::new()));
    Ok(())
}

#[test]
fn packed_bytes_are_read_strictly() {
    let mut client = memory().client();
    for bytes in ["PING\r\n", "*1\r\n$4\r\nPING", "*1\r\n$5\r\nPING\r\n", "*1\r\n:1\r\n", "*-1\r\n", "*1\r\n"] {
        let error = client.req_packed_command(bytes.as_bytes()).expect_err("no request");
        assert_eq!((error.kind(), error.category()), (ErrorKind::Client, "client error"), "{bytes:?}");
    }
    let packed = redis::pack_command(&[b"ECHO".to_vec(), b"a\r\nb".to_vec()]);
    assert_eq!(client.req_packed_command(&packed), Ok(Value::BulkString(b"a\r\nb".to_vec())));
    assert_eq!(client.execute(&Argv::from(["PING"])), Reply::Simple(b"PONG".to_vec()));
}
