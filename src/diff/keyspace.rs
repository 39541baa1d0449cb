//! Compares what two targets hold.

use super::{ClockSkew, Entry, Keyspace, Settings, UNTOLD, UNTOLD_KIND, UNTOLD_MS, rules};
use resp::Reply;

/// One key that both sides do not hold alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The database.
    pub db: u32,
    /// The key.
    pub key: Vec<u8>,
    /// `missing-key`, `extra-key`, `type`, `value`, `details`, `expiry`, or [`UNREADABLE`] for all keys at once.
    pub kind: &'static str,
    /// What the reference holds: the value, the type's name, or when the key expires in milliseconds since 1970; a
    /// null where it holds none of it.
    pub want: Reply,
    /// What the subject holds.
    pub got: Reply,
}

/// The kind of difference where only one side tells what it holds, or both fail in different ways.
pub const UNREADABLE: &str = crate::trace::keyspace::UNREADABLE;

/// Every key that both sides do not hold alike, by database, then by key.
pub fn differences(settings: &Settings, want: &Keyspace, got: &Keyspace) -> Vec<Difference> {
    if want.instead() != got.instead() {
        let reply = |side: &Keyspace| side.instead().cloned().unwrap_or_else(|| Reply::bulk("the keyspace"));
        return vec![Difference { db: 0, key: Vec::new(), kind: UNREADABLE, want: reply(want), got: reply(got) }];
    }
    let (want, got) = (in_order(want), in_order(got));
    let (mut want, mut got) = (want.into_iter().peekable(), got.into_iter().peekable());
    let mut found = Vec::new();
    loop {
        let order = match (want.peek(), got.peek()) {
            (None, None) => return found,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(want), Some(got)) => place(want).cmp(&place(got)),
        };
        let want = if order.is_le() { want.next() } else { None };
        let got = if order.is_ge() { got.next() } else { None };
        found.extend(difference(settings, want, got));
    }
}

fn place(entry: &Entry) -> (u32, &[u8]) {
    (entry.db, &entry.key)
}

fn in_order(keyspace: &Keyspace) -> Vec<&Entry> {
    let mut entries: Vec<&Entry> = keyspace.entries.iter().collect();
    entries.sort_by_key(|entry| place(entry));
    entries
}

fn difference(settings: &Settings, want: Option<&Entry>, got: Option<&Entry>) -> Option<Difference> {
    let entry = want.or(got)?;
    if [want, got].into_iter().flatten().any(|it| it.kind == UNTOLD_KIND) {
        return None;
    }
    let found = |kind, want, got| Some(Difference { db: entry.db, key: entry.key.clone(), kind, want, got });
    let (want, got) = match (want, got) {
        (Some(want), Some(got)) => (want, got),
        (Some(want), None) => return found("missing-key", want.value.clone(), Reply::NullBulk),
        (None, Some(got)) => return found("extra-key", Reply::NullBulk, got.value.clone()),
        (None, None) => return None,
    };
    if want.kind.is_empty() || got.kind.is_empty() {
        return None;
    }
    if want.kind != got.kind {
        return found("type", Reply::Simple(want.kind.clone().into()), Reply::Simple(got.kind.clone().into()));
    }
    if settings.simple_bulks && want.value == rules::in_bulks(&want.value, &got.value) {
        let got = Entry { value: want.value.clone(), ..got.clone() };
        return difference(&Settings { simple_bulks: false, ..*settings }, Some(want), Some(&got));
    }
    if want.value != got.value && want.value != UNTOLD && got.value != UNTOLD {
        return found("value", want.value.clone(), got.value.clone());
    }
    if let (Some(want), Some(got)) = (&want.details, &got.details)
        && !same_details(settings, want, got)
    {
        return found("details", want.clone(), got.clone());
    }
    if !same_expiry(settings, want.expires_ms, got.expires_ms) {
        let reply = |expires_ms: Option<i64>| expires_ms.map_or(Reply::NullBulk, Reply::Int);
        return found("expiry", reply(want.expires_ms), reply(got.expires_ms));
    }
    None
}

/// Times of deliveries are left out where a clock is real.
fn same_details(settings: &Settings, want: &Reply, got: &Reply) -> bool {
    want == got
        || matches!(settings.clock, ClockSkew::Real { .. }) && without_times(want.clone()) == without_times(got.clone())
}

/// What XINFO STREAM FULL says without the times in it: those behind `seen-time`, and those of pending entries, which
/// are `[id, consumer, time, deliveries]` or `[id, time, deliveries]`.
fn without_times(details: Reply) -> Reply {
    let Reply::Array(mut items) = details else { return details };
    if let [Reply::Bulk(_), .., time @ Reply::Int(_), Reply::Int(_)] = &mut items[..] {
        *time = Reply::NullBulk;
    }
    if let Some(at) = items.iter().position(|item| item.as_bytes() == Some(b"seen-time")) {
        items.truncate(at);
    }
    Reply::Array(items.into_iter().map(without_times).collect())
}

fn same_expiry(settings: &Settings, want: Option<i64>, got: Option<i64>) -> bool {
    if [want, got].contains(&Some(UNTOLD_MS)) {
        return true;
    }
    match (settings.clock, want, got) {
        (ClockSkew::Real { ahead_ms, tolerance_ms }, Some(want), Some(got)) => {
            let is_all_but_never = want.min(got) > i64::MAX / 2;
            is_all_but_never
                || (i128::from(got) - i128::from(want) - i128::from(ahead_ms)).unsigned_abs()
                    <= u128::from(tolerance_ms)
        }
        _ => want == got,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `0/k=v@5`: database 0, key `k`, the string `v`, expires at 5.
    fn entry(text: &str) -> Entry {
        let (db, rest) = text.split_once('/').unwrap_or(("0", text));
        let (key, rest) = rest.split_once('=').unwrap_or((rest, ""));
        let (value, expires) = rest.split_once('@').map_or((rest, None), |(value, at)| (value, Some(at)));
        Entry {
            db: db.parse().unwrap_or_default(),
            key: key.into(),
            kind: if value.starts_with('[') { "list" } else { "string" }.into(),
            value: Reply::bulk(value),
            details: None,
            expires_ms: expires.and_then(|at| at.parse().ok()),
        }
    }

    fn keyspace(text: &str) -> Keyspace {
        Keyspace { entries: text.split_whitespace().map(entry).collect() }
    }

    #[track_caller]
    fn check_with(settings: Settings, want: &str, got: &str, expected: &str) {
        let found: Vec<String> = differences(&settings, &keyspace(want), &keyspace(got))
            .iter()
            .map(|found| format!("{}/{} {}", found.db, found.key.escape_ascii(), found.kind))
            .collect();
        assert_eq!(found.join(", "), expected, "{want} against {got}");
    }

    #[track_caller]
    fn check(want: &str, got: &str, expected: &str) {
        check_with(Settings::default(), want, got, expected);
    }

    #[test]
    fn equal_in_any_order() {
        check("", "", "");
        check("0/a=1 0/b=2@9 3/a=1", "3/a=1 0/b=2@9 0/a=1", "");
    }

    #[test]
    fn every_kind_of_difference() {
        check("0/a=1", "", "0/a missing-key");
        check("", "0/a=1", "0/a extra-key");
        check("0/a=1", "1/a=1", "0/a missing-key, 1/a extra-key");
        check("0/a=1", "0/a=[", "0/a type");
        check("0/a=1", "0/a=2", "0/a value");
        check("0/a=1@5", "0/a=1@6", "0/a expiry");
        check("0/a=1@5", "0/a=1", "0/a expiry");
        check("0/a=1 0/b=1 0/c=1", "0/a=2 0/c=1@1 0/d=4", "0/a value, 0/b missing-key, 0/c expiry, 0/d extra-key");
    }

    #[test]
    fn what_one_side_does_not_tell_is_no_difference() {
        let check = |got: Entry, expected: Option<&str>| {
            let want = entry("0/a=1@5");
            let found = difference(&Settings::default(), Some(&want), Some(&got)).map(|found| found.kind);
            assert_eq!(found, expected, "{got:?}");
        };
        check(Entry { value: UNTOLD, ..entry("0/a=2@5") }, None);
        check(Entry { value: UNTOLD, ..entry("0/a=2@6") }, Some("expiry"));
        check(Entry { expires_ms: Some(UNTOLD_MS), ..entry("0/a=1") }, None);
        check(Entry { expires_ms: Some(UNTOLD_MS), ..entry("0/a=2") }, Some("value"));
        check(Entry { kind: String::new(), ..entry("0/a=2") }, None);
        check(Entry { kind: UNTOLD_KIND.into(), ..entry("0/a=2") }, None);
    }

    #[test]
    fn an_unreadable_keyspace_differs_from_every_readable_one() {
        let unreadable = Keyspace::unreadable(Reply::Closed);
        for readable in [keyspace(""), keyspace("0/a=1"), keyspace("0/=")] {
            for (want, got) in [(&unreadable, &readable), (&readable, &unreadable)] {
                let found = differences(&Settings::default(), want, got);
                assert!(matches!(&found[..], [one] if one.kind == UNREADABLE), "{found:?}");
            }
        }
        let hung = Keyspace::unreadable(Reply::Hung);
        assert_eq!(differences(&Settings::default(), &unreadable, &hung).len(), 1);
    }

    #[test]
    fn real_clocks_are_apart() {
        let clock = ClockSkew::Real { ahead_ms: 1000, tolerance_ms: 50 };
        let settings = Settings { clock, ..Settings::default() };
        check_with(settings, "0/a=1@5", "0/a=1@1055", "");
        check_with(settings, "0/a=1@5", "0/a=1@1056", "0/a expiry");
        check_with(settings, "0/a=1@5", "0/a=1", "0/a expiry");
    }

    #[test]
    fn details_are_compared_where_both_tell_them() {
        /// A stream with a consumer that was seen at `seen`, and an entry delivered at `delivered` to it.
        fn stream(seen: i64, delivered: i64, deliveries: i64) -> Keyspace {
            let pending = Reply::Array(vec![Reply::bulk("1-1"), Reply::Int(delivered), Reply::Int(deliveries)]);
            let consumer = vec![Reply::bulk("pending"), pending, Reply::bulk("seen-time"), Reply::Int(seen)];
            let mut keyspace = keyspace("0/s=x");
            keyspace.entries[0].details = Some(Reply::Array(vec![Reply::bulk("consumers"), Reply::Array(consumer)]));
            keyspace
        }
        let kinds = |settings: &Settings, got: &Keyspace| -> Vec<&str> {
            differences(settings, &stream(1, 2, 3), got).iter().map(|found| found.kind).collect()
        };
        let exact = Settings::default();
        let real = Settings { clock: ClockSkew::Real { ahead_ms: 0, tolerance_ms: 50 }, ..exact };
        assert_eq!(kinds(&exact, &stream(1, 2, 3)), [""; 0]);
        assert_eq!(kinds(&exact, &stream(9, 2, 3)), ["details"]);
        assert_eq!(kinds(&real, &stream(9, 9, 3)), [""; 0]);
        assert_eq!(kinds(&real, &stream(9, 9, 4)), ["details"]);
        assert_eq!(kinds(&exact, &keyspace("0/s=x")), [""; 0]);
    }
}
