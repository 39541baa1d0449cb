//! Clients that people use, unmodified.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use futures_util::StreamExt;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{AsyncCommands, AsyncConnectionConfig, Client, Commands, ControlFlow, PubSubCommands, RedisResult};
use rustix::process::Signal;
use tokio::runtime;

use super::{REPLY_WITHIN, Server};

/// What a program prints, which must end well.
#[track_caller]
fn output(command: &mut Command, input: &str) -> String {
    let program = command.get_program().display().to_string();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error} (Debian: apt install redis-tools python3-venv)"));
    child.stdin.take().expect("it reads").write_all(input.as_bytes()).expect("it reads");
    let Output { status, stdout, stderr } = child.wait_with_output().expect("it ends");
    let text = String::from_utf8_lossy(&stdout).into_owned();
    assert!(status.success(), "{program}: {status}\n{text}\n{}", String::from_utf8_lossy(&stderr));
    text
}

#[test]
fn redis_cli_works() {
    let server = Server::start(&[]);
    let port = server.port.to_string();
    let cli = |args: &[&str], input: &str, expected: &str| {
        let printed = output(Command::new("redis-cli").args(["-p", &port]).args(args), input);
        assert_eq!(printed, expected, "redis-cli {args:?} < {input:?}");
    };
    cli(&["SET", "greeting", "hello world"], "", "OK\n");
    cli(&["GET", "greeting"], "", "hello world\n");
    cli(&["-3", "--no-raw", "HGETALL", "none"], "", "(empty hash)\n");
    cli(
        &["--no-raw"],
        "RPUSH l a b\nLRANGE l 0 -1\nINCR l\n",
        "(integer) 2\n1) \"a\"\n2) \"b\"\n(error) WRONGTYPE Operation against a key holding the wrong kind of value\n",
    );
    cli(&["-x", "SET", "from-stdin"], "text", "OK\n");
    cli(&["--scan", "--pattern", "gr*"], "", "greeting\n");
    cli(&["-n", "3", "DBSIZE"], "", "0\n");
    cli(&[], "MULTI\nINCR n\nINCR n\nEXEC\n", "OK\nQUEUED\nQUEUED\n1\n2\n");
    let bulk: String = (0..1000).map(|at| format!("*3\r\n$3\r\nSET\r\n$5\r\nk{at:04}\r\n$1\r\nv\r\n")).collect();
    let printed = output(Command::new("redis-cli").args(["-p", &port, "--pipe"]), &bulk);
    assert!(printed.ends_with("errors: 0, replies: 1000\n"), "{printed}");
}

#[test]
fn redis_benchmark_works() {
    let server = Server::start(&[]);
    let mut command = Command::new("redis-benchmark");
    command.arg("-s").arg(server.socket()).args(["-c", "50", "-P", "16", "-n", "800", "-q", "-r", "100", "--csv"]);
    let printed = output(&mut command, "");
    let tests = printed.lines().filter(|line| line.starts_with('"') && !line.starts_with("\"test\"")).count();
    assert!(tests >= 19, "a test is missing: {printed}");
    assert!(!printed.contains("rror"), "{printed}");
}

#[test]
fn the_redis_crate_works_in_a_thread() -> RedisResult<()> {
    let server = Server::start(&["--password", "secret"]);
    let client = Client::open(format!("redis://:secret@127.0.0.1:{}/2", server.port))?;
    let mut connection = client.get_connection()?;
    connection.set::<_, _, ()>("k", b"a\0\r\n")?;
    assert_eq!(connection.get::<_, Vec<u8>>("k")?, b"a\0\r\n");
    let (one, two): (i64, i64) = redis::pipe().incr("n", 1).incr("n", 1).query(&mut connection)?;
    assert_eq!((one, two), (1, 2));
    let doubled: (i64,) = redis::transaction(&mut connection, &["n"], |connection, pipe| {
        let value: i64 = connection.get("n")?;
        pipe.set("n", value * 2).ignore().get("n").query(connection)
    })?;
    assert_eq!(doubled, (4,));
    let error = connection.incr::<_, _, i64>("k", 1).expect_err("it is no number");
    assert_eq!(error.detail(), Some("value is not an integer or out of range"));

    let mut publisher = client.get_connection()?;
    let message = std::thread::scope(|scope| {
        let subscriber = scope.spawn(|| {
            connection.subscribe(&["news"], |message| match message.get_payload::<String>() {
                Ok(text) => ControlFlow::Break(text),
                Err(_) => ControlFlow::Continue,
            })
        });
        while publisher.publish::<_, _, i64>("news", "hi")? == 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        subscriber.join().expect("it ends")
    })?;
    assert_eq!(message, "hi");
    Ok(())
}

#[test]
fn the_redis_crate_works_on_tokio() -> RedisResult<()> {
    let folder = tempfile::tempdir()?;
    let (file, socket) = (folder.path().join("data.db"), folder.path().join("named"));
    let [file, socket] = [file, socket].map(|path| path.display().to_string());
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut server = Server::start(&["--file", &file]);
        std::os::unix::fs::symlink(server.socket(), &socket)?;
        let client = Client::open(format!("unix://{socket}?protocol=resp3"))?;
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(REPLY_WITHIN));
        let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        // Many tasks on one connection.
        let calls = (0..100i64).map(|at| {
            let mut connection = connection.clone();
            async move { connection.set::<_, _, String>(at, at).await }
        });
        let said = futures_util::future::join_all(calls).await;
        assert!(said.iter().all(|reply| reply.as_deref() == Ok("OK")), "{said:?}");
        let replies: Vec<i64> = redis::pipe().atomic().incr("n", 1).incr("n", 2).query_async(&mut connection).await?;
        assert_eq!(replies, [1, 3]);

        let mut subscriber = client.get_async_pubsub().await?;
        subscriber.psubscribe("n*").await?;
        connection.publish::<_, _, ()>("news", "hi").await?;
        let message = subscriber.on_message().next().await.expect("a message");
        assert_eq!((message.get_channel_name(), message.get_payload::<String>()?), ("news", "hi".to_owned()));

        // The server goes and comes back with its data; the manager connects again.
        let config = ConnectionManagerConfig::new().set_response_timeout(Some(REPLY_WITHIN));
        let mut manager = ConnectionManager::new_with_config(client.clone(), config).await?;
        assert_eq!(manager.get::<_, i64>("n").await?, 3);
        server.stop(Signal::TERM);
        server = Server::start(&["--file", &file]);
        fs::remove_file(&socket)?;
        std::os::unix::fs::symlink(server.socket(), &socket)?;
        let mut got = manager.get::<_, i64>("n").await;
        for _ in 0..100 {
            if got.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            got = manager.get("n").await;
        }
        assert_eq!(got?, 3);
        Ok(())
    })
}

/// A Python with redis-py, below the folder for build results, where it stays.
fn python_with_redis() -> PathBuf {
    static INSTALLING: Mutex<()> = Mutex::new(());
    let _alone = INSTALLING.lock();
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join("redis-py");
    let python = venv.join("bin/python");
    let is_there = Command::new(&python).args(["-c", "import redis"]).output().is_ok_and(|done| done.status.success());
    if !is_there {
        let _ = fs::remove_dir_all(&venv);
        output(Command::new("python3").args(["-m", "venv"]).arg(&venv), "");
        let mut install = Command::new(&python);
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "redis==6.4.0"]);
        let done = install.output().expect("it runs");
        let why = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.success(), "redis-py cannot be installed from PyPI, and this test needs it: {why}");
    }
    python
}

#[test]
fn redis_py_works() {
    let python = python_with_redis();
    let server = Server::start(&[]);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/serve/everyday.py");
    let printed = output(Command::new(python).arg(script).arg(server.port.to_string()), "");
    assert!(printed.starts_with("all done"), "{printed}");
}
