//! Many connections at once, half of them idle subscribers.

use std::env;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands, AsyncConnectionConfig, Client, RedisResult};
use redlite::server::allow_clients;
use tokio::runtime;
use tokio::task::JoinSet;

use super::{REPLY_WITHIN, Server};

const WORKERS: usize = 500;
const SUBSCRIBERS: usize = 500;
/// One thousand connections with their buffers, and the data.
const MEMORY_KIB_MAX: u64 = 64 << 10;

/// `DST_LOAD_SECONDS`: how long the load lasts.
fn load() -> Duration {
    let seconds = env::var("DST_LOAD_SECONDS").map_or(5, |text| text.parse().expect("a number of seconds"));
    Duration::from_secs(seconds)
}

/// Mixed commands on keys of its own until the time is over: each reply must be the right one. How many there were.
async fn work(mut connection: MultiplexedConnection, worker: usize, until: Instant) -> RedisResult<u64> {
    let key = |what: &str| format!("{what}:{worker}");
    let mut rounds: i64 = 0;
    while Instant::now() < until {
        rounds += 1;
        let (count, value, length, popped): (i64, String, i64, Vec<String>) = redis::pipe()
            .incr(key("count"), 1)
            .set(key("value"), rounds)
            .ignore()
            .get(key("value"))
            .rpush(key("list"), rounds)
            .lpop(key("list"), std::num::NonZeroUsize::new(1))
            .query_async(&mut connection)
            .await?;
        let expected = (rounds, rounds.to_string(), 1, vec![rounds.to_string()]);
        assert_eq!((count, value, length, popped), expected, "worker {worker}");
        let added: i64 = connection.zadd(key("zset"), rounds % 10, rounds).await?;
        assert_eq!(added, i64::from(rounds <= 10), "worker {worker}, round {rounds}");
    }
    Ok(rounds as u64 * 6)
}

async fn hold(server: &Server) {
    let client = Client::open(format!("unix://{}", server.socket().display())).expect("an address");
    let mut subscribers = Vec::new();
    for at in 0..SUBSCRIBERS {
        let mut subscriber = client.get_async_pubsub().await.expect("a connection");
        subscriber.subscribe(&["news".to_owned(), format!("own:{at}")]).await.expect("a subscription");
        subscribers.push(subscriber);
    }
    let until = Instant::now() + load();
    let config = AsyncConnectionConfig::new().set_response_timeout(Some(REPLY_WITHIN));
    let mut workers = JoinSet::new();
    for worker in 0..WORKERS {
        let connection = client.get_multiplexed_async_connection_with_config(&config).await.expect("a connection");
        workers.spawn(work(connection, worker, until));
    }
    let mut commands = 0;
    while let Some(done) = workers.join_next().await {
        commands += done.expect("the replies are right").expect("no command fails");
    }
    let mut publisher = client.get_multiplexed_async_connection().await.expect("a connection");
    let receivers: usize = publisher.publish("news", "the end").await.expect("a reply");
    assert_eq!(receivers, SUBSCRIBERS);
    for subscriber in &mut subscribers {
        let message = subscriber.on_message().next().await.expect("it is still subscribed");
        let message: String = message.get_payload().expect("text");
        assert_eq!(message, "the end");
    }
    let resident_kib = server.resident_kib();
    println!("{commands} commands, {resident_kib} KiB");
    assert!(resident_kib < MEMORY_KIB_MAX, "{resident_kib} KiB");
}

#[test]
fn a_thousand_connections_are_held_at_once() {
    assert!(allow_clients(WORKERS + SUBSCRIBERS + 100) >= WORKERS + SUBSCRIBERS + 100, "ulimit -n is too low");
    let server = Server::start(&[]);
    let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(hold(&server));
}
