//! What is more than a call: pipelines, transactions, iterators, messages, waits.

use redis::{RedisResult, Value, pipe};

use super::{line, tell};

pub mod pipelines {
    use super::*;

    /// Pipelines, by what they are.
    fn all() -> Vec<(&'static str, redis::Pipeline)> {
        let plain = pipe().set("n", 1).ignore().incr("n", 2).get("missing").take();
        let wrong = pipe().incr("n", 1).lpush("n", 1).cmd("FOO").arg("x").incr("n", 1).take();
        let tolerant = wrong.clone().ignore_errors().take();
        let atomic = plain.clone().atomic().take();
        let wrong_in_exec = pipe().atomic().incr("n", 1).lpush("n", 1).incr("n", 1).take();
        let refused = pipe().atomic().incr("n", 1).cmd("FOO").cmd("GET").incr("n", 1).take();
        let many = (0..200).fold(pipe(), |mut many, at| many.rpush("l", at).take());
        vec![
            ("plain", plain),
            ("wrong", wrong),
            ("tolerant", tolerant),
            ("atomic", atomic),
            ("wrong in EXEC", wrong_in_exec.clone()),
            ("wrong in EXEC, tolerant", wrong_in_exec.clone().ignore_errors().take()),
            ("refused", refused.clone()),
            ("refused, tolerant", refused.clone().ignore_errors().take()),
            ("many", many),
            ("empty", pipe()),
            ("empty and atomic", pipe().atomic().take()),
            ("waiting", pipe().blpop("none", 0.03).incr("n", 1).take()),
            ("protocols", pipe().cmd("SELECT").arg(2).incr("n", 1).cmd("SELECT").arg(0).get("n").take()),
        ]
    }

    trait Take {
        fn take(&mut self) -> Self;
    }

    impl Take for redis::Pipeline {
        fn take(&mut self) -> Self {
            std::mem::take(self)
        }
    }

    pub fn blocking<C: redis::ConnectionLike>(
        open: &dyn Fn() -> RedisResult<C>,
        say: &mut impl FnMut(&str, String),
    ) -> RedisResult<()> {
        let mut connection = open()?;
        for (name, pipeline) in all() {
            say(name, tell(&pipeline.query::<Value>(&mut connection)));
            say(name, tell(&pipeline.query::<(Option<i64>, Option<String>)>(&mut connection)));
            say(name, tell(&pipeline.query::<Vec<RedisResult<i64>>>(&mut connection)));
        }
        Ok(())
    }

    pub async fn asynchronous<C: redis::aio::ConnectionLike>(connection: &mut C, say: &mut impl FnMut(&str, String)) {
        for (name, pipeline) in all() {
            say(name, tell(&pipeline.query_async::<Value>(connection).await));
            say(name, tell(&pipeline.query_async::<(Option<i64>, Option<String>)>(connection).await));
        }
    }
}

pub mod transactions {
    use super::*;

    pub fn blocking<C: redis::ConnectionLike>(
        open: &dyn Fn() -> RedisResult<C>,
        say: &mut impl FnMut(&str, String),
    ) -> RedisResult<()> {
        let (mut connection, mut other) = (open()?, open()?);
        let mut tries = 0;
        let result = redis::transaction(&mut connection, &["n"], |connection, pipe| {
            tries += 1;
            let seen: Option<i64> = line("GET n").query(connection)?;
            if tries < 3 {
                line("INCR n").exec(&mut other)?;
            }
            pipe.set("n", seen.unwrap_or(0) * 10).ignore().get("n").query::<Option<(i64,)>>(connection)
        });
        say("transaction", format!("{tries} tries, {}", tell(&result)));
        let failed: RedisResult<()> =
            redis::transaction(&mut connection, &["n"], |connection, pipe| pipe.lpush("n", 1).query(connection));
        say("a transaction with an error", tell(&failed));
        say("WATCH", tell(&line("WATCH n").query::<Value>(&mut connection)));
        say("SET by another", tell(&line("SET n 1").query::<Value>(&mut other)));
        say("EXEC of nothing", tell(&pipe().atomic().get("n").query::<Value>(&mut connection)));
        say("EXEC of nothing", tell(&pipe().atomic().get("n").query::<Option<(i64,)>>(&mut connection)));
        Ok(())
    }

    pub async fn asynchronous<C: redis::aio::ConnectionLike>(connection: &mut C, say: &mut impl FnMut(&str, String)) {
        say("WATCH", tell(&line("WATCH n").query_async::<Value>(connection).await));
        say("SET by itself", tell(&line("SET n 1").query_async::<Value>(connection).await));
        let pipeline = pipe().atomic().get("n").clone();
        say("EXEC of nothing", tell(&pipeline.query_async::<Option<(i64,)>>(connection).await));
        say("EXEC", tell(&pipeline.query_async::<Option<(i64,)>>(connection).await));
    }
}

pub mod iterators {
    use super::*;
    use redis::{AsyncIter, Commands, Iter};

    fn fill() -> redis::Pipeline {
        let mut filled = pipe();
        for at in 0..500 {
            filled.set(format!("key:{at}"), at).ignore();
            filled.hset("h", at, at).sadd("s", format!("m{at}")).zadd("z", at, at);
        }
        filled
    }

    fn sorted<T: redis::FromRedisValue + Ord>(found: RedisResult<Iter<'_, T>>) -> RedisResult<Vec<T>> {
        let mut all = found?.collect::<RedisResult<Vec<T>>>()?;
        all.sort();
        Ok(all)
    }

    pub fn blocking<C: redis::ConnectionLike>(
        open: &dyn Fn() -> RedisResult<C>,
        say: &mut impl FnMut(&str, String),
    ) -> RedisResult<()> {
        let mut connection = open()?;
        fill().exec(&mut connection)?;
        say("scan", tell(&sorted::<String>(connection.scan())));
        say("scan_match", tell(&sorted::<String>(connection.scan_match("key:1*"))));
        say("hscan", tell(&sorted::<(i64, i64)>(connection.hscan("h"))));
        say("hscan_match", tell(&sorted::<(String, String)>(connection.hscan_match("h", "1*"))));
        say("sscan", tell(&sorted::<String>(connection.sscan("s"))));
        say("zscan", tell(&sorted::<(String, i64)>(connection.zscan("z"))));
        say("sscan of a hash", tell(&sorted::<String>(connection.sscan("h"))));
        say("iter without a cursor", tell(&sorted::<String>(line("KEYS key:2*").iter(&mut connection))));
        Ok(())
    }

    async fn gathered<T: redis::FromRedisValue + Ord + Unpin + Send>(
        found: RedisResult<AsyncIter<'_, T>>,
    ) -> RedisResult<Vec<T>> {
        let mut found = found?;
        let mut all = Vec::new();
        while let Some(item) = found.next_item().await {
            all.push(item?);
        }
        all.sort();
        Ok(all)
    }

    pub async fn asynchronous<C: redis::aio::ConnectionLike + Send + Sync>(
        connection: &mut C,
        say: &mut impl FnMut(&str, String),
    ) {
        use redis::AsyncCommands as Async;
        say("fill", tell(&fill().exec_async(connection).await));
        say("scan", tell(&gathered::<String>(Async::scan(connection).await).await));
        say("hscan", tell(&gathered::<(i64, i64)>(Async::hscan(connection, "h").await).await));
        say("sscan", tell(&gathered::<String>(Async::sscan(connection, "s").await).await));
    }
}

pub mod pubsub {
    use super::*;

    const LINES: &[&str] = &["PUBLISH c x", "SPUBLISH c x", "PUBSUB CHANNELS", "PUBSUB NUMSUB c", "PUBSUB NUMPAT"];

    pub fn blocking<C: redis::ConnectionLike>(
        open: &dyn Fn() -> RedisResult<C>,
        say: &mut impl FnMut(&str, String),
    ) -> RedisResult<()> {
        let mut connection = open()?;
        LINES.iter().for_each(|text| say(text, tell(&line(text).query::<Value>(&mut connection))));
        // In RESP3, a connection of the crate would wait for ever for a reply.
        let subscribed = line("SUBSCRIBE c").set_no_response(true).query::<Value>(&mut connection);
        say("SUBSCRIBE", tell(&subscribed));
        Ok(())
    }

    pub async fn asynchronous<C: redis::aio::ConnectionLike>(connection: &mut C, say: &mut impl FnMut(&str, String)) {
        for text in LINES {
            say(text, tell(&line(text).query_async::<Value>(connection).await));
        }
        for text in ["SUBSCRIBE c", "PSUBSCRIBE c*", "UNSUBSCRIBE c", "PUNSUBSCRIBE c*", "GET k"] {
            say(text, tell(&line(text).query_async::<Value>(connection).await));
        }
    }
}

pub mod waits {
    use std::thread;
    use std::time::Duration;

    use super::*;

    /// What a command that waits is served with.
    const SERVED: &[(&str, &str)] = &[
        ("BLPOP k l 10", "RPUSH l a b"),
        ("BRPOP l 10", "RPUSH k c"),
        ("BLMOVE m n LEFT RIGHT 10", "RPUSH m x"),
        ("BRPOPLPUSH m n 10", "RPUSH m x"),
        ("BLMPOP 10 2 p q LEFT COUNT 2", "RPUSH q 1 2 3"),
        ("BZPOPMIN z 10", "ZADD z 1.5 a"),
        ("BZPOPMAX z 10", "ZADD z 1 a 2 b"),
        ("BZMPOP 10 1 zz MAX", "ZADD zz 1 a 2 b"),
        ("XREAD BLOCK 10000 STREAMS x $", "XADD x 1-1 f v"),
        ("BLPOP s 10", "DEL none"),
    ];

    /// Commands that nobody serves.
    const LEFT: &[&str] = &[
        "BLPOP none 0.02",
        "BRPOPLPUSH none n 0.02",
        "BLMOVE none n LEFT LEFT 0.02",
        "BZPOPMIN none 0.02",
        "BLMPOP 0.02 1 none LEFT",
        "BZMPOP 0.02 1 none MIN",
        "XREAD BLOCK 20 STREAMS none 0",
        "BLPOP none -1",
        "BLPOP none x",
        "WAIT 0 10",
    ];

    pub fn blocking<C: redis::ConnectionLike + Send>(
        open: &(dyn Fn() -> RedisResult<C> + Sync),
        say: &mut impl FnMut(&str, String),
    ) -> RedisResult<()> {
        let (mut connection, mut other) = (open()?, open()?);
        for (waiting, serving) in SERVED {
            let result = thread::scope(|scope| {
                scope.spawn(|| {
                    thread::sleep(Duration::from_millis(20));
                    line(serving).exec(&mut other)?;
                    // Whoever waits for something else is ended.
                    line("RPUSH s end").exec(&mut other)
                });
                line(waiting).query::<Value>(&mut connection)
            });
            say(waiting, tell(&result));
        }
        LEFT.iter().for_each(|text| say(text, tell(&line(text).query::<Value>(&mut connection))));
        Ok(())
    }

    pub async fn asynchronous<C: redis::aio::ConnectionLike>(connection: &mut C, say: &mut impl FnMut(&str, String)) {
        for (waiting, serving) in SERVED.iter().filter(|(waiting, _)| !waiting.contains('$')) {
            say(serving, tell(&line(serving).query_async::<Value>(connection).await));
            if !waiting.starts_with("BLPOP s") {
                say(waiting, tell(&line(waiting).query_async::<Value>(connection).await));
            }
        }
        for text in LEFT {
            say(text, tell(&line(text).query_async::<Value>(connection).await));
        }
    }
}
