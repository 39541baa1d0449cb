//! The calls, one file for several families. What is a method of `redis::Commands` is written once and run by both
//! traits; what is more than one call is written twice.

mod collections;
mod flow;
mod keys;
mod streams;
mod strings;

use std::fmt::Debug;

use redis::{Cmd, RedisResult};

/// Calls, and what they gave.
pub type Transcript = Vec<(String, String)>;

/// A command, split at blanks.
pub fn line(line: &str) -> Cmd {
    let mut command = Cmd::new();
    for word in line.split_whitespace() {
        command.arg(word);
    }
    command
}

/// All that can be told of a result: of an error also its kind, code and detail, and those of a pipeline.
pub fn tell<T: Debug>(result: &RedisResult<T>) -> String {
    let Err(error) = result else { return format!("{result:?}") };
    let (kind, code, detail) = (error.kind(), error.code(), error.detail());
    format!("{error:?} | {kind:?} | {code:?} | {detail:?} | {:?}", error.clone().into_server_errors())
}

/// `name { method(arguments) => type; raw("COMMAND …") => type; }`: a module with these calls by either trait.
macro_rules! family {
    ($name:ident { $($method:ident $args:tt => $kind:ty;)* }) => {
        pub mod $name {
            #[allow(unused_imports)]
            use super::*;

            pub fn blocking<C: redis::ConnectionLike>(
                connection: &mut C,
                say: &mut impl FnMut(&str, String),
            ) {
                #[allow(unused_imports)]
                use redis::Commands;
                $({
                    let result: redis::RedisResult<$kind> = family!(@blocking connection $method $args);
                    say(stringify!($method $args), crate::families::tell(&result));
                })*
            }

            pub async fn asynchronous<C: redis::aio::ConnectionLike + Send + Sync>(
                connection: &mut C,
                say: &mut impl FnMut(&str, String),
            ) {
                #[allow(unused_imports)]
                use redis::AsyncCommands;
                $({
                    let result: redis::RedisResult<$kind> = family!(@asynchronous connection $method $args);
                    say(stringify!($method $args), crate::families::tell(&result));
                })*
            }
        }
    };
    (@blocking $connection:ident raw ($line:expr)) => { crate::families::line($line).query($connection) };
    (@blocking $connection:ident $method:ident ($($arg:expr),*)) => { $connection.$method($($arg),*) };
    (@asynchronous $connection:ident raw ($line:expr)) => {
        crate::families::line($line).query_async($connection).await
    };
    (@asynchronous $connection:ident $method:ident ($($arg:expr),*)) => { $connection.$method($($arg),*).await };
}
pub(crate) use family;

macro_rules! families {
    (single: $($file:ident::$name:ident),*; several: $($more_file:ident::$more:ident),*;) => {
        pub const FAMILIES: &[&str] = &[$(stringify!($name),)* $(stringify!($more),)*];

        /// Runs a family on connections that `open` gives.
        pub fn blocking<C: redis::ConnectionLike + Send>(
            family: &str,
            open: &(dyn Fn() -> RedisResult<C> + Sync),
        ) -> RedisResult<Transcript> {
            let mut transcript = Vec::new();
            let mut say = |call: &str, result: String| transcript.push((call.to_owned(), result));
            match family {
                $(stringify!($name) => $file::$name::blocking(&mut open()?, &mut say),)*
                $(stringify!($more) => $more_file::$more::blocking(open, &mut say)?,)*
                _ => {}
            }
            Ok(transcript)
        }

        /// Runs a family on this connection.
        pub async fn asynchronous<C: redis::aio::ConnectionLike + Send + Sync>(
            family: &str,
            connection: &mut C,
        ) -> Transcript {
            let mut transcript = Vec::new();
            let mut say = |call: &str, result: String| transcript.push((call.to_owned(), result));
            match family {
                $(stringify!($name) => $file::$name::asynchronous(connection, &mut say).await,)*
                $(stringify!($more) => $more_file::$more::asynchronous(connection, &mut say).await,)*
                _ => {}
            }
            transcript
        }
    };
}

families! {
    single: strings::strings, strings::bitmaps, strings::hyperloglog, collections::hashes, collections::lists,
        collections::sets, collections::sorted_sets, collections::geo, streams::streams, keys::keys, keys::expiry,
        keys::errors, keys::scripts;
    several: flow::pipelines, flow::transactions, flow::iterators, flow::pubsub, flow::waits;
}
