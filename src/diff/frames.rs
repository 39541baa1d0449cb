//! What arrived on a connection beside a reply: messages, and the many replies of UNSUBSCRIBE.
//!
//! Two things have no order, as Redis finds them in a hash table:
//! - the channels of an UNSUBSCRIBE that names none, though their counts fall one by one;
//! - the patterns that one message matches.

use std::cmp::Ordering;

use super::{Class, Settings, kind, rules};
use crate::trace::Op;
use resp::Reply;

/// Compares what arrived for an op, frame by frame: what is no message is held to the rule of the op's command.
pub(super) fn compare(settings: &Settings, op: &Op, want: &[Reply], got: &[Reply]) -> Option<Class> {
    let (want, got) = (in_order(op, want), in_order(op, got));
    want.iter().zip(&got).find_map(|(want, got)| {
        let class = if event(want).is_some() {
            rules::exact_class(settings, op, want, got)
        } else {
            rules::compare(settings, op, want, got)
        };
        class.map(|class| Class { kind: kind::element_kind("frames", want, got), ..class })
    })
}

/// The frames with those sorted that may come in any order.
pub(super) fn in_order(op: &Op, frames: &[Reply]) -> Vec<Reply> {
    let mut frames = frames.to_vec();
    let leaves_all = op.argv().is_some_and(|argv| argv.len() == 1);
    let same = |one: &Reply, other: &Reply| match (event(one), event(other)) {
        (Some([kind, _, of @ ..]), Some([other_kind, _, of_other @ ..])) if kind == other_kind => {
            let name = kind.as_bytes().unwrap_or_default();
            name == b"pmessage" && of == of_other || leaves_all && name.ends_with(b"unsubscribe")
        }
        _ => false,
    };
    for run in frames.chunk_by_mut(same).filter(|run| run.len() > 1) {
        let counts: Vec<Option<Reply>> = run.iter().map(|frame| event(frame)?.get(2).cloned()).collect();
        run.sort_by(by_name);
        for (frame, count) in run.iter_mut().zip(counts) {
            if let (Reply::Array(parts) | Reply::Push(parts), Some(count)) = (frame, count) {
                parts[2] = count;
            }
        }
    }
    frames
}

/// The parts of a frame that comes by itself, or confirms a subscription: its kind, a name, and more.
pub(super) fn event(frame: &Reply) -> Option<&[Reply]> {
    const KINDS: [&[u8]; 9] = [
        b"message",
        b"pmessage",
        b"smessage",
        b"subscribe",
        b"psubscribe",
        b"ssubscribe",
        b"unsubscribe",
        b"punsubscribe",
        b"sunsubscribe",
    ];
    let (Reply::Array(parts) | Reply::Push(parts)) = frame else { return None };
    let kind = parts.first().and_then(Reply::as_bytes)?;
    (parts.len() >= 3 && KINDS.contains(&kind)).then_some(parts)
}

/// True for a message of a channel.
pub(super) fn is_message(frame: &Reply) -> bool {
    event(frame).and_then(|parts| parts[0].as_bytes()).is_some_and(|kind| kind.ends_with(b"message"))
}

fn by_name(one: &Reply, other: &Reply) -> Ordering {
    let name = |frame: &Reply| event(frame).and_then(|parts| parts[1].as_bytes().map(<[u8]>::to_vec));
    name(one).cmp(&name(other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use resp::Argv;

    /// Frames as words, separated by commas; what is a number is one.
    fn frames(text: &str) -> Vec<Reply> {
        let part = |word: &str| word.parse().map_or_else(|_| Reply::bulk(word), Reply::Int);
        let frame = |words: &str| match words.split_once(' ') {
            Some(_) => Reply::Array(words.split(' ').map(part).collect()),
            None => part(words),
        };
        text.split(", ").map(frame).collect()
    }

    #[track_caller]
    fn check(request: &str, want: &str, got: &str, expected: &str) {
        let op = Op::call(0, request.split(' ').collect::<Argv>());
        let found = compare(&Settings::default(), &op, &frames(want), &frames(got));
        assert_eq!(found.map_or_else(|| "same".to_owned(), |class| class.to_string()), expected, "{request}: {got}");
    }

    #[test]
    fn channels_that_are_left_all_at_once_have_no_order() {
        let (want, got) = ("unsubscribe a 1, unsubscribe b 0", "unsubscribe b 1, unsubscribe a 0");
        check("UNSUBSCRIBE", want, got, "same");
        check("UNSUBSCRIBE a b", want, got, "UNSUBSCRIBE exact frames-element");
        let counts = "unsubscribe a 0, unsubscribe b 1";
        check("UNSUBSCRIBE", want, counts, "UNSUBSCRIBE exact frames-element");
    }

    #[test]
    fn patterns_of_one_message_have_no_order() {
        let want = "message a x, pmessage * a x, pmessage a* a x, message a y";
        check("PING", want, "message a x, pmessage a* a x, pmessage * a x, message a y", "same");
        let later = "message a x, message a y, pmessage * a x, pmessage a* a x";
        check("PING", want, later, "PING exact frames-element");
    }
}
