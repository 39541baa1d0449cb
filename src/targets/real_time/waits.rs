//! Requests that wait for a while, on a server whose clock is the machine's.
//!
//! In the trace no time passes between two ops, so a wait is over only where the clock is moved. On the machine's clock
//! it would be over at some op, which depends on how fast the server is. So a short wait is waited out before the next
//! op, and a long one is made so long that no trace sees its end.

use std::time::Duration;

use super::Unit;
use resp::Argv;

/// Where a request says how long it waits.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// This argument.
    At(usize),
    /// The last.
    Last,
    /// The one behind BLOCK.
    Block,
}

/// Every command that waits no longer than it says. Source: <https://redis.io/docs/latest/commands/>.
#[rustfmt::skip]
const WAITING: &[(&str, Place, Unit)] = &[
    ("BLMOVE", Place::Last, Unit::Seconds),
    ("BLMPOP", Place::At(1), Unit::Seconds),
    ("BLPOP", Place::Last, Unit::Seconds),
    ("BRPOP", Place::Last, Unit::Seconds),
    ("BRPOPLPUSH", Place::Last, Unit::Seconds),
    ("BZMPOP", Place::At(1), Unit::Seconds),
    ("BZPOPMAX", Place::Last, Unit::Seconds),
    ("BZPOPMIN", Place::Last, Unit::Seconds),
    ("WAIT", Place::At(2), Unit::Milliseconds),
    ("XREAD", Place::Block, Unit::Milliseconds),
    ("XREADGROUP", Place::Block, Unit::Milliseconds),
];

/// The longest wait that is waited out.
const SHORT_MAX: Duration = Duration::from_millis(100);
/// No wait of a trace is as long as this, in seconds; what says so is left as it is.
const LONG_S: f64 = 1e6;

/// How long this request waits at most, where that is so short that it is waited out.
pub(in crate::targets) fn short_wait(argv: &Argv) -> Option<Duration> {
    let (_, wait, _) = find(argv)?;
    Some(wait).filter(|&wait| wait <= SHORT_MAX)
}

/// The request with a wait that does not end, where it waits for longer.
pub(super) fn prolong(argv: &Argv) -> Option<Argv> {
    let (at, _, unit) = find(argv).filter(|&(_, wait, _)| wait > SHORT_MAX)?;
    let endless = match unit {
        Unit::Seconds => LONG_S,
        Unit::Milliseconds => LONG_S * 1000.0,
    };
    let endless = endless.to_string();
    Some(argv.iter().enumerate().map(|(here, arg)| if here == at { endless.as_bytes() } else { arg }).collect())
}

/// Which argument says how long the request waits, and how long that is. `None` where it waits for ever, or the
/// argument is none that is valid.
fn find(argv: &Argv) -> Option<(usize, Duration, Unit)> {
    let (_, place, unit) = WAITING.iter().find(|(name, ..)| argv.says(0, name))?;
    let at = match *place {
        Place::At(at) => at,
        Place::Last => argv.len() - 1,
        Place::Block => (1..argv.len()).find(|&at| argv.says(at, "BLOCK"))? + 1,
    };
    let text = std::str::from_utf8(argv.get(at)?).ok()?;
    let wait_s = match unit {
        Unit::Seconds => text.parse::<f64>().ok()?,
        Unit::Milliseconds => text.parse::<i64>().ok()? as f64 / 1000.0,
    };
    (wait_s > 0.0 && wait_s < LONG_S).then(|| (at, Duration::from_secs_f64(wait_s), *unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of a request: how long it is waited out, or what is sent in its place.
    #[track_caller]
    fn check(request: &str, waited_ms: Option<u64>, sent: Option<&str>) {
        let argv: Argv = request.split(' ').collect();
        assert_eq!(short_wait(&argv), waited_ms.map(Duration::from_millis), "{request} is waited out");
        assert_eq!(prolong(&argv), sent.map(|sent| sent.split(' ').collect()), "{request} is prolonged");
    }

    #[test]
    fn a_short_wait_is_waited_out_and_a_long_one_has_no_end() {
        check("BLPOP k 0.01", Some(10), None);
        check("blpop a b 1e-3", Some(1), None);
        check("BLPOP a b 2.5", None, Some("BLPOP a b 1000000"));
        check("BLMPOP 5 1 5 LEFT", None, Some("BLMPOP 1000000 1 5 LEFT"));
        check("BLMOVE a b LEFT LEFT 0.1", Some(100), None);
        check("XREAD BLOCK 50 STREAMS s $", Some(50), None);
        check(
            "XREADGROUP GROUP g c BLOCK 500 STREAMS s >",
            None,
            Some("XREADGROUP GROUP g c BLOCK 1000000000 STREAMS s >"),
        );
        check("WAIT 1 200", None, Some("WAIT 1 1000000000"));
    }

    #[test]
    fn what_waits_for_ever_or_not_at_all_stays() {
        for request in ["BLPOP k 0", "BLPOP k -1", "BLPOP k inf", "BLPOP k nan", "BLPOP k 1e17", "BLPOP k abc", "BLPOP"]
        {
            check(request, None, None);
        }
        for request in ["XREAD STREAMS s 0", "XREAD BLOCK", "XREAD BLOCK 1.5 STREAMS s 0", "LPOP k 5", "WAIT 0 0"] {
            check(request, None, None);
        }
    }
}
