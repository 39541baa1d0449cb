//! A [`Client`] as a connection of the crate `redis`.
//!
//! ```
//! use redis::Commands;
//!
//! let mut connection = redlite::Redlite::open_in_memory()?.client();
//! let () = connection.set("visits", 1)?;
//! let visits: i64 = connection.incr("visits", 1)?;
//! assert_eq!(visits, 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What the crate builds on [`redis::ConnectionLike`] and [`redis::aio::ConnectionLike`] works, and gives what it gives
//! with a connection to a server: typed commands, pipelines, transactions, iterators, errors and their kinds. After
//! `HELLO 3` the values are those of RESP3. The store's own errors, of its disk for instance, are errors of the server.
//!
//! - A pipeline is committed as a whole: it costs one transaction of SQLite, and other clients run nothing between its
//!   commands, unless one of them waits.
//! - A command that waits, such as BLPOP, blocks the thread until it is served or its time is over; with the
//!   asynchronous trait, it is the task that waits. No runtime is needed. The rest is done at once: a task is not
//!   interrupted while a command runs.
//! - Where a future is dropped, commands of it that were run stay done, one that waits has done nothing, and those
//!   after it are not run. The client is as good as before.
//! - Messages of channels are no replies. They wait for [`Client::poll`] and [`Client::wait`], also while commands are
//!   run through these traits. The reply to SUBSCRIBE and its kin is the last of its confirmations: an array, and in
//!   RESP3 a push, for which a `redis::Connection` would wait for ever.
//! - Where there is no reply, after `CLIENT REPLY OFF` or with `set_no_response`, there is [`Value::Nil`].
//! - There are no scripts: `EVAL` is an unknown command.
//! - Nothing is sent when a client begins, so that `CLIENT LIST` shows no name of a library.
//! - Import `redis::Commands` or `redis::AsyncCommands`: where both are in scope, a method's name is that of either.
//! - `redis::aio::transaction_async` wants connections that can be cloned, and so wants none of these: send WATCH and
//!   an atomic pipeline.

mod aborted;
mod exchange;
mod value;

use redis::{Arg, Cmd, ErrorKind, RedisError, RedisFuture, RedisResult, Value};

use self::exchange::Exchange;
use super::engine::{Client, lock};
use resp::Argv;

impl redis::ConnectionLike for Client {
    fn req_packed_command(&mut self, cmd: &[u8]) -> RedisResult<Value> {
        first(Exchange::new(self, read_requests(cmd)?).run()?)
    }

    fn req_command(&mut self, cmd: &Cmd) -> RedisResult<Value> {
        let answered = Exchange::new(self, vec![request(cmd)?]).run()?;
        if cmd.is_no_response() { Ok(Value::Nil) } else { first(answered) }
    }

    fn req_packed_commands(&mut self, cmd: &[u8], offset: usize, count: usize) -> RedisResult<Vec<Value>> {
        pick(Exchange::new(self, read_requests(cmd)?).run()?, offset, count)
    }

    fn get_db(&self) -> i64 {
        selected_db(self)
    }

    fn check_connection(&mut self) -> bool {
        redis::cmd("PING").query::<String>(self).is_ok()
    }

    /// False once QUIT or another client has closed this one.
    fn is_open(&self) -> bool {
        lock(&self.engine).clients.get(self.slot).is_some_and(|connection| !connection.is_closing)
    }
}

impl redis::aio::ConnectionLike for Client {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(async move {
            let answered = Exchange::new(self, vec![request(cmd)?]).run_async().await?;
            if cmd.is_no_response() { Ok(Value::Nil) } else { first(answered) }
        })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a redis::Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(async move {
            let requests = read_requests(&pipeline.get_packed_pipeline())?;
            pick(Exchange::new(self, requests).run_async().await?, offset, count)
        })
    }

    fn get_db(&self) -> i64 {
        selected_db(self)
    }
}

/// The database that SELECT has chosen.
fn selected_db(client: &Client) -> i64 {
    lock(&client.engine).clients.get(client.slot).map_or(0, |connection| connection.db.into())
}

/// How many bytes a request may have: the ends of its arguments are 32 bits wide.
const REQUEST_BYTES_MAX: usize = u32::MAX as usize;

/// The command as a request.
fn request(cmd: &Cmd) -> RedisResult<Argv> {
    if cmd.args_iter().len() == 0 {
        return Err(no_command());
    }
    // Only the packed form tells the place of an iterator.
    if cmd.args_iter().any(|arg| !matches!(arg, Arg::Simple(_))) {
        return read_requests(&cmd.get_packed_command())?.pop().ok_or_else(no_command);
    }
    let args = || cmd.args_iter().filter_map(|arg| if let Arg::Simple(bytes) = arg { Some(bytes) } else { None });
    let bytes = args().map(<[u8]>::len).fold(0, usize::saturating_add);
    if bytes > REQUEST_BYTES_MAX {
        return Err(no_request("it has more than 4 GiB"));
    }
    let mut argv = Argv::with_capacity(bytes);
    args().for_each(|arg| argv.push(arg));
    Ok(argv)
}

/// The requests that these bytes are: arrays of bulk strings.
fn read_requests(packed: &[u8]) -> RedisResult<Vec<Argv>> {
    if packed.is_empty() {
        return Err(no_command());
    }
    let mut requests = Vec::new();
    let mut rest = packed;
    while !rest.is_empty() {
        let mut argv = Argv::new();
        for _ in 0..read_length(&mut rest, b'*')? {
            let length = read_length(&mut rest, b'$')?;
            let (arg, after) = rest.split_at_checked(length).ok_or_else(|| no_request("it is cut off"))?;
            if argv.bytes_len().saturating_add(length) > REQUEST_BYTES_MAX {
                return Err(no_request("it has more than 4 GiB"));
            }
            argv.push(arg);
            rest = after.strip_prefix(b"\r\n").ok_or_else(|| no_request("a string is not where it ends"))?;
        }
        // Redis takes no notice of an empty request.
        if !argv.is_empty() {
            requests.push(argv);
        }
    }
    Ok(requests)
}

/// Takes `marker`, a length and the line's end off the front.
fn read_length(rest: &mut &[u8], marker: u8) -> RedisResult<usize> {
    let read = || {
        let line = rest.strip_prefix(&[marker])?;
        let end = line.iter().position(|&byte| byte == b'\r')?;
        let digits = std::str::from_utf8(&line[..end]).ok()?;
        Some((digits.parse().ok()?, line[end..].strip_prefix(b"\r\n")?))
    };
    let (length, after) = read().ok_or_else(|| no_request("it is no array of bulk strings"))?;
    *rest = after;
    Ok(length)
}

/// In the words of the crate.
fn no_command() -> RedisError {
    RedisError::from((ErrorKind::Client, "empty command"))
}

fn no_request(why: &str) -> RedisError {
    RedisError::from((ErrorKind::Client, "not a request", why.to_owned()))
}

/// The value of the only command.
fn first(answered: Vec<RedisResult<Value>>) -> RedisResult<Value> {
    answered.into_iter().next().unwrap_or_else(|| Err(no_command()))
}

/// The values of `count` commands from that at `offset` on. Those before are the ones of a transaction until its EXEC:
/// where any is refused, that is the error.
fn pick(answered: Vec<RedisResult<Value>>, offset: usize, count: usize) -> RedisResult<Vec<Value>> {
    let mut values = Vec::with_capacity(count);
    let mut refusals = Vec::new();
    let mut first_error = None;
    for (at, answer) in answered.into_iter().take(offset.saturating_add(count)).enumerate() {
        match answer {
            Err(error) => first_error = first_error.or(Some(error)),
            Ok(Value::ServerError(error)) if at < offset => refusals.push((at, error)),
            Ok(value) if at >= offset => values.push(value),
            Ok(_) => {}
        }
    }
    if !refusals.is_empty() {
        return Err(aborted::error(refusals));
    }
    first_error.map_or(Ok(values), Err)
}
