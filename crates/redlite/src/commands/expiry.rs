//! Commands on expiry.

use super::{Context, Outcome, Row};
use crate::failure::{Failure, refuse};
use crate::store::Key;
use resp::Reply;

pub(super) const COMMANDS: &[Row] = &[
    ("EXPIRE", |context| expire(context, Expiry::Seconds)),
    ("EXPIREAT", |context| expire(context, Expiry::UnixSeconds)),
    ("EXPIRETIME", |context| time(context, |expires_ms, _| to_seconds(expires_ms))),
    ("PERSIST", persist),
    ("PEXPIRE", |context| expire(context, Expiry::Milliseconds)),
    ("PEXPIREAT", |context| expire(context, Expiry::UnixMilliseconds)),
    ("PEXPIRETIME", |context| time(context, |expires_ms, _| expires_ms)),
    ("PTTL", |context| time(context, left_ms)),
    ("TTL", |context| time(context, |expires_ms, now_ms| to_seconds(left_ms(expires_ms, now_ms)))),
];

/// How a command gives the time at which a key expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expiry {
    /// From now on.
    Seconds,
    /// From now on.
    Milliseconds,
    /// Since 1970.
    UnixSeconds,
    /// Since 1970.
    UnixMilliseconds,
}

impl Expiry {
    /// The way that the option at `at` announces, where it is one: `EX`, `PX`, `EXAT` or `PXAT`.
    pub fn of_option(context: &Context<'_>, at: usize) -> Option<Self> {
        const OPTIONS: [(&str, Expiry); 4] = [
            ("EX", Expiry::Seconds),
            ("PX", Expiry::Milliseconds),
            ("EXAT", Expiry::UnixSeconds),
            ("PXAT", Expiry::UnixMilliseconds),
        ];
        OPTIONS.iter().find(|(word, _)| context.is_word(at, word)).map(|&(_, expiry)| expiry)
    }

    /// The time that the argument at `at` means, in milliseconds since 1970. It must be above 0, as SET, SETEX and
    /// GETEX have it.
    pub fn parse(self, context: &Context<'_>, at: usize) -> Result<i64, Failure> {
        let value = context.integer(at)?;
        self.resolve(value, context.now_ms).filter(|_| value > 0).map_or_else(|| refuse_time(context), Ok)
    }

    /// `value` in milliseconds since 1970, where that is in range.
    fn resolve(self, value: i64, now_ms: i64) -> Option<i64> {
        match self {
            Expiry::Seconds => value.checked_mul(1000)?.checked_add(now_ms),
            Expiry::Milliseconds => value.checked_add(now_ms),
            Expiry::UnixSeconds => value.checked_mul(1000),
            Expiry::UnixMilliseconds => Some(value),
        }
    }
}

fn refuse_time<T>(context: &Context<'_>) -> Result<T, Failure> {
    let command = context.arg(0).to_ascii_lowercase();
    refuse([b"ERR invalid expire time in '", &command[..], b"' command"].concat())
}

/// Sets when the key expires; deletes it where that time has come.
pub(super) fn expire_at(context: &mut Context<'_>, key: &Key, expires_ms: i64) -> Result<(), Failure> {
    if expires_ms <= context.now_ms {
        context.store.delete(key)
    } else {
        context.store.set_expiry(key, Some(expires_ms))
    }
}

/// On what an expiry is set at all.
#[derive(Debug, Default)]
struct Conditions {
    is_nx: bool,
    is_xx: bool,
    is_gt: bool,
    is_lt: bool,
}

impl Conditions {
    fn parse(context: &Context<'_>) -> Result<Self, Failure> {
        let mut conditions = Self::default();
        for at in 3..context.argv.len() {
            let condition = if context.is_word(at, "NX") {
                &mut conditions.is_nx
            } else if context.is_word(at, "XX") {
                &mut conditions.is_xx
            } else if context.is_word(at, "GT") {
                &mut conditions.is_gt
            } else if context.is_word(at, "LT") {
                &mut conditions.is_lt
            } else {
                let option = context.arg(at).split(|&byte| byte == 0).next().unwrap_or_default();
                return refuse([b"ERR Unsupported option ", option].concat());
            };
            *condition = true;
        }
        if conditions.is_nx && (conditions.is_xx || conditions.is_gt || conditions.is_lt) {
            return refuse("ERR NX and XX, GT or LT options at the same time are not compatible");
        }
        if conditions.is_gt && conditions.is_lt {
            return refuse("ERR GT and LT options at the same time are not compatible");
        }
        Ok(conditions)
    }

    /// True where a key that expires at `old_ms` may expire at `new_ms` instead. A key without expiry counts as one
    /// that expires last.
    fn allow(&self, old_ms: Option<i64>, new_ms: i64) -> bool {
        !(self.is_nx && old_ms.is_some()
            || self.is_xx && old_ms.is_none()
            || self.is_gt && old_ms.is_none_or(|old_ms| new_ms <= old_ms)
            || self.is_lt && old_ms.is_some_and(|old_ms| new_ms >= old_ms))
    }
}

fn expire(context: &mut Context<'_>, expiry: Expiry) -> Outcome {
    let conditions = Conditions::parse(context)?;
    let value = context.integer(2)?;
    let Some(expires_ms) = expiry.resolve(value, context.now_ms) else {
        return refuse_time(context);
    };
    match context.store.find(context.db(), context.arg(1))? {
        Some(key) if conditions.allow(key.expires_ms, expires_ms) => {
            expire_at(context, &key, expires_ms)?;
            Ok(Reply::Int(1))
        }
        _ => Ok(Reply::Int(0)),
    }
}

fn persist(context: &mut Context<'_>) -> Outcome {
    match context.store.find(context.db(), context.arg(1))? {
        Some(key) if key.expires_ms.is_some() => {
            context.store.set_expiry(&key, None)?;
            Ok(Reply::Int(1))
        }
        _ => Ok(Reply::Int(0)),
    }
}

/// Answers what `show` makes of a key's expiry and the present time; -1 for a key without, -2 for no key.
fn time(context: &mut Context<'_>, show: fn(i64, i64) -> i64) -> Outcome {
    let key = context.store.find(context.db(), context.arg(1))?;
    let shown = key.map_or(-2, |key| key.expires_ms.map_or(-1, |expires_ms| show(expires_ms, context.now_ms)));
    Ok(Reply::Int(shown))
}

fn left_ms(expires_ms: i64, now_ms: i64) -> i64 {
    expires_ms.saturating_sub(now_ms).max(0)
}

/// Milliseconds, which are not negative, as whole seconds, halves rounded up.
fn to_seconds(ms: i64) -> i64 {
    ms / 1000 + i64::from(ms % 1000 >= 500)
}

#[cfg(test)]
mod tests {
    use super::super::transcript::{check, check_on};
    use crate::Options;
    use crate::env::{Clock, Random};

    #[test]
    fn times_are_told_in_four_ways() {
        check(
            r#"> SET k v
               OK
               > TTL k
               -1
               > EXPIRE k 10
               1
               > PTTL k
               10000
               > TTL k
               10
               > PEXPIRE k 1499
               1
               > TTL k
               1
               > PEXPIRE k 1500
               1
               > TTL k
               2
               > EXPIREAT k 1700000100
               1
               > EXPIRETIME k
               1700000100
               > PEXPIREAT k 9223372036854775807
               1
               > PEXPIRETIME k
               9223372036854775807
               > EXPIRETIME k
               9223372036854776
               > PERSIST k
               1
               > PERSIST k
               0
               > TTL none
               -2
               > EXPIRETIME k
               -1"#,
        );
    }

    #[test]
    fn a_time_that_has_come_deletes() {
        check(
            r#"> MSET a 1 b 1 c 1 d 1
               OK
               > EXPIRE a 0
               1
               > PEXPIRE b -1
               1
               > EXPIREAT c 1700000000
               1
               > PEXPIREAT d 1700000000001
               1
               > EXISTS a b c d
               1
               > EXPIRE none -1
               0"#,
        );
    }

    #[test]
    fn conditions_compare_with_the_old_time() {
        check(
            r#"> SET k v
               OK
               > EXPIRE k 10 XX
               0
               > EXPIRE k 10 GT
               0
               > EXPIRE k 10 LT
               1
               > EXPIRE k 11 LT
               0
               > EXPIRE k 10 GT
               0
               > EXPIRE k 20 GT XX
               1
               > EXPIRE k 30 NX
               0
               > TTL k
               20
               > EXPIRE k -1 GT
               0
               > EXPIRE k 1 NX XX
               -ERR NX and XX, GT or LT options at the same time are not compatible
               > EXPIRE k 1 NX LT
               -ERR NX and XX, GT or LT options at the same time are not compatible
               > EXPIRE k x GT LT
               -ERR GT and LT options at the same time are not compatible
               > EXPIRE k 1 FOO
               -ERR Unsupported option FOO
               > EXPIRE k x NX
               -ERR value is not an integer or out of range"#,
        );
    }

    #[test]
    fn times_out_of_range_are_refused() {
        check(
            r#"> SET k v
               OK
               > EXPIRE k 9223372036854775
               -ERR invalid expire time in 'expire' command
               > EXPIRE k 9223372036854776
               -ERR invalid expire time in 'expire' command
               > EXPIREAT k 9223372036854776
               -ERR invalid expire time in 'expireat' command
               > PEXPIRE k 9223372036854775807
               -ERR invalid expire time in 'pexpire' command
               > EXPIRE k -9223372036854776
               -ERR invalid expire time in 'expire' command
               > EXPIRE none 9223372036854776
               -ERR invalid expire time in 'expire' command
               > PEXPIRE k -9223372036854775808
               1
               > EXISTS k
               0"#,
        );
    }
    #[test]
    fn a_key_is_there_until_the_clock_is_past_its_expiry() {
        let clock = Clock::manual(1_700_000_000_000);
        let options = Options::new().clock(clock.clone()).random(Random::seeded(1));
        let store = options.open_in_memory().expect("SQLite has memory");
        let mut client = store.client();
        check_on(&mut client, "> PSETEX k 10 v\nOK\n> HSET h f v\n1\n> PEXPIRE h 10\n1");
        clock.advance(10);
        check_on(&mut client, "> GET k\n\"v\"\n> PTTL k\n0\n> EXISTS h\n1");
        clock.advance(1);
        check_on(
            &mut client,
            "> GET k\nnil\n> PTTL h\n-2\n> RENAME h k\n-ERR no such key\n> KEYS *\n[]\n> HSET h g v\n1\n> HGETALL h\n[\"g\" \"v\"]",
        );
    }
}
