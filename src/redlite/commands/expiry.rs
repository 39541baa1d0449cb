//! Commands on expiry.

use super::{Context, Outcome, Row};
use crate::redlite::failure::{Failure, refuse};
use crate::redlite::store::Key;
use crate::resp::Reply;

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
    (expires_ms - now_ms).max(0)
}

/// Milliseconds, which are not negative, as whole seconds, halves rounded up.
fn to_seconds(ms: i64) -> i64 {
    ms / 1000 + i64::from(ms % 1000 >= 500)
}
