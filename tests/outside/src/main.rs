//! Compares what the crate `redis` gives with Redlite in the process and with a Redis, call by call.
//!
//! ```text
//! cargo run -- FAMILY|all [URL]
//! ```
//!
//! Without a URL it starts a `redis-server` of its own. One that is named has to be empty, and is emptied. Every family
//! runs with RESP2 and RESP3, by the blocking trait and by the asynchronous one. Exits with 1 where a result differs.

mod families;
mod server;

use std::error::Error;
use std::process::ExitCode;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisResult, Value};
use redlite::Redlite;

use families::{FAMILIES, Transcript};
use server::Server;

/// Whose results they are.
struct Side {
    name: &'static str,
    transcript: Transcript,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let wanted = args.next().unwrap_or_else(|| "all".to_owned());
    if wanted != "all" && !FAMILIES.contains(&wanted.as_str()) {
        return Err(format!("no family {wanted}: all, {}", FAMILIES.join(", ")).into());
    }
    let (url, _server) = match args.next() {
        Some(url) => (url, None),
        None => Server::start().map(|server| (server.url(), Some(server)))?,
    };
    let redis = redis::Client::open(url)?;
    let keys: String = redis::cmd("INFO").arg("keyspace").query(&mut redis.get_connection()?)?;
    if keys.contains("db") {
        return Err("the Redis is not empty".into());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut differing = 0;
    for family in FAMILIES.iter().filter(|family| wanted == "all" || **family == wanted) {
        let mut calls = 0;
        for protocol in [2, 3] {
            let blocking = run_blocking(family, protocol, &redis)?;
            let asynchronous = runtime.block_on(run_asynchronous(family, protocol, &redis))?;
            for (way, sides) in [("blocking", blocking), ("asynchronous", asynchronous)] {
                calls += sides[0].transcript.len();
                differing += compare(&format!("{family}, RESP{protocol}, {way}"), &sides);
            }
        }
        println!("{family}: {calls} calls compared");
    }
    Ok(if differing == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints the calls whose results differ; how many there are.
fn compare(title: &str, sides: &[Side; 2]) -> usize {
    let [left, right] = sides;
    let mut differing = left.transcript.len().abs_diff(right.transcript.len());
    for ((call, ours), (_, theirs)) in left.transcript.iter().zip(&right.transcript) {
        if ours != theirs {
            differing += 1;
            println!("{title}: {call}\n  {}: {ours}\n  {}: {theirs}", left.name, right.name);
        }
    }
    differing
}

fn sides(redlite: Transcript, redis: Transcript) -> [Side; 2] {
    [Side { name: "redlite", transcript: redlite }, Side { name: "redis", transcript: redis }]
}

/// A connection with this protocol.
fn greet<C: redis::ConnectionLike>(mut connection: C, protocol: u8) -> RedisResult<C> {
    redis::cmd("HELLO").arg(protocol).query::<Value>(&mut connection)?;
    Ok(connection)
}

fn run_blocking(family: &str, protocol: u8, redis: &redis::Client) -> Result<[Side; 2], Box<dyn Error>> {
    let store = Redlite::open_in_memory()?;
    let ours = families::blocking(family, &|| greet(store.client(), protocol))?;
    redis::cmd("FLUSHALL").exec(&mut redis.get_connection()?)?;
    let theirs = families::blocking(family, &|| greet(redis.get_connection()?, protocol))?;
    Ok(sides(ours, theirs))
}

async fn run_asynchronous(family: &str, protocol: u8, redis: &redis::Client) -> Result<[Side; 2], Box<dyn Error>> {
    let mut client = Redlite::open_in_memory()?.client();
    redis::cmd("HELLO").arg(protocol).exec_async(&mut client).await?;
    let ours = families::asynchronous(family, &mut client).await;
    let config = AsyncConnectionConfig::new().set_response_timeout(None);
    let mut connection: MultiplexedConnection = redis.get_multiplexed_async_connection_with_config(&config).await?;
    redis::cmd("FLUSHALL").exec_async(&mut connection).await?;
    redis::cmd("HELLO").arg(protocol).exec_async(&mut connection).await?;
    let theirs = families::asynchronous(family, &mut connection).await;
    Ok(sides(ours, theirs))
}
