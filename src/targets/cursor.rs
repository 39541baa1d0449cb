//! Whole iterations for SCAN and its kin.
//!
//! A cursor means something only to the server that gave it, so a recorded one could not be replayed elsewhere.
//! A session therefore drives an iteration that starts (`spec::start_of_iteration`) to its end, and its one reply
//! is `["0", [every element, in order of arrival]]`. An element may come twice: Redis allows that.

use crate::resp::{Argv, Reply};

/// The most steps of one iteration; one that is longer counts as hung, as it may never end.
const STEPS_MAX: usize = 1_000_000;

/// Drives the iteration that `argv` started to its end. `first` is the reply to `argv` and `step` runs a request.
/// A reply that is no step of an iteration ends it, and is the reply of the whole.
pub(super) fn iterate<E>(
    argv: &Argv,
    cursor_at: usize,
    first: Reply,
    mut step: impl FnMut(&Argv) -> Result<Reply, E>,
) -> Result<Reply, E> {
    let mut elements = Vec::new();
    let mut reply = first;
    for _ in 0..STEPS_MAX {
        let (cursor, mut found) = match into_step(reply) {
            Ok(parts) => parts,
            Err(other) => return Ok(other),
        };
        elements.append(&mut found);
        if cursor == b"0" {
            return Ok(Reply::Array(vec![Reply::Bulk(cursor), Reply::Array(elements)]));
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
    fn an_error_is_the_reply_of_the_whole() {
        check(vec![Reply::error("WRONGTYPE no set")], Reply::error("WRONGTYPE no set"), &[]);
        check(vec![step("7", &["a"]), Reply::error("ERR oops")], Reply::error("ERR oops"), &["7"]);
    }

    #[test]
    fn a_queued_request_is_no_iteration() {
        check(vec![Reply::Simple(b"QUEUED".to_vec())], Reply::Simple(b"QUEUED".to_vec()), &[]);
    }
}
