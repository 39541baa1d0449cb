//! Whole iterations for SCAN and its kin.
//!
//! A cursor means something only to the server that gave it, so a recorded one could not be replayed elsewhere.
//! A session therefore drives an iteration that starts (`spec::start_of_iteration`) to its end, and its one reply
//! is `["0", [every element, in order of arrival]]`. An element may come twice: Redis allows that.

use std::collections::BTreeSet;

use resp::{Argv, Limits, Reply};

/// The most steps of one iteration; one that is longer counts as hung, as it may never end.
const STEPS_MAX: usize = 100_000;

/// Drives the iteration that `argv` started to its end. `first` is the reply to `argv` and `step` runs a request.
/// A reply that is no step of an iteration ends it, and is the reply of the whole.
///
/// An iteration counts as hung where a cursor comes again, as it would go round for ever, and where it grows beyond
/// what one reply may be ([`Limits`]).
pub(super) fn iterate<E>(
    argv: &Argv,
    cursor_at: usize,
    first: Reply,
    mut step: impl FnMut(&Argv) -> Result<Reply, E>,
) -> Result<Reply, E> {
    let limits = Limits::default();
    let mut elements = Vec::new();
    let mut bytes = 0;
    let mut cursors = BTreeSet::new();
    let mut reply = first;
    for _ in 0..STEPS_MAX {
        let (cursor, mut found) = match into_step(reply) {
            Ok(parts) => parts,
            Err(other) => return Ok(other),
        };
        bytes += found.iter().filter_map(Reply::as_bytes).map(<[u8]>::len).sum::<usize>();
        elements.append(&mut found);
        if cursor == b"0" {
            return Ok(Reply::Array(vec![Reply::Bulk(cursor), Reply::Array(elements)]));
        }
        if elements.len() > limits.elements_max || bytes > limits.reply_bytes_max || !cursors.insert(cursor.clone()) {
            return Ok(Reply::Hung);
        }
        reply = step(&with_cursor(argv, cursor_at, &cursor))?;
    }
    Ok(Reply::Hung)
}

/// The next cursor and the elements, or the reply as it was.
fn into_step(reply: Reply) -> Result<(Vec<u8>, Vec<Reply>), Reply> {
    match reply {
        Reply::Array(parts) => match <[Reply; 2]>::try_from(parts) {
            Ok([Reply::Bulk(cursor), Reply::Array(elements)]) => Ok((cursor, elements)),
            Ok(parts) => Err(Reply::Array(parts.into())),
            Err(parts) => Err(Reply::Array(parts)),
        },
        other => Err(other),
    }
}

fn with_cursor(argv: &Argv, cursor_at: usize, cursor: &[u8]) -> Argv {
    argv.iter().enumerate().map(|(at, arg)| if at == cursor_at { cursor } else { arg }).collect()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn step(cursor: &str, elements: &[&str]) -> Reply {
        let elements = elements.iter().map(|&element| Reply::bulk(element)).collect();
        Reply::Array(vec![Reply::bulk(cursor), Reply::Array(elements)])
    }

    /// Iterates `SSCAN k 0 COUNT 1` over these steps; returns the reply and the cursors that were asked for.
    fn check(steps: Vec<Reply>, expected: Reply, cursors: &[&str]) {
        let argv = Argv::from(["SSCAN", "k", "0", "COUNT", "1"]);
        let mut steps = steps.into_iter();
        let mut asked = Vec::new();
        let first = steps.next().expect("a first step");
        let reply = iterate(&argv, 2, first, |next| {
            asked.push(String::from_utf8_lossy(&next[2]).into_owned());
            Ok::<_, Infallible>(steps.next().expect("a further step"))
        });
        assert_eq!(reply, Ok(expected));
        assert_eq!(asked, cursors);
    }

    #[test]
    fn one_step_is_its_own_reply() {
        check(vec![step("0", &["a"])], step("0", &["a"]), &[]);
    }

    #[test]
    fn elements_of_all_steps_are_joined() {
        let steps = vec![step("7", &["a", "b"]), step("9", &[]), step("0", &["c"])];
        check(steps, step("0", &["a", "b", "c"]), &["7", "9"]);
    }

    #[test]
    fn a_cursor_that_comes_again_is_hung() {
        check(vec![step("7", &["a"]), step("9", &["b"]), step("7", &["c"])], Reply::Hung, &["7", "9"]);
    }

    /// Iterates over steps that never end; returns how many were asked for.
    fn check_endless(elements: usize) -> usize {
        let argv = Argv::from(["SCAN", "0"]);
        let endless =
            |at: usize| Reply::Array(vec![Reply::bulk(at.to_string()), Reply::Array(vec![Reply::Null; elements])]);
        let mut asked = 0;
        let reply = iterate(&argv, 1, endless(1), |_| {
            asked += 1;
            Ok::<_, Infallible>(endless(asked + 1))
        });
        assert_eq!(reply, Ok(Reply::Hung));
        asked
    }

    #[test]
    fn an_iteration_without_end_is_hung() {
        assert_eq!(check_endless(0), STEPS_MAX);
        assert_eq!(check_endless(Limits::default().elements_max / 4), 4, "elements are bounded, too");
    }

    #[test]
    fn an_error_is_the_reply_of_the_whole() {
        check(vec![Reply::error("WRONGTYPE no set")], Reply::error("WRONGTYPE no set"), &[]);
        check(vec![step("7", &["a"]), Reply::error("ERR oops")], Reply::error("ERR oops"), &["7"]);
    }

    #[test]
    fn a_queued_request_is_no_iteration() {
        check(vec![Reply::Simple(b"QUEUED".to_vec())], Reply::Simple(b"QUEUED".to_vec()), &[]);
    }
}
