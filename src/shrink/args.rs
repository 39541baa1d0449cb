//! Passes that make arguments fewer, smaller and shorter.

use crate::trace::{Act, Op};
use resp::Argv;

use super::names::{command, is_number, is_word_of};
use super::search::{Search, Stop};

/// Below this, a number is also tried one nearer to 0, not only halved.
const STEPS_BELOW: u64 = 16;
/// A value that is not longer is left as it is.
const SHORT_BYTES: usize = 2;

/// Leaves out arguments of each op: chunks of them, then two neighbours (an option with its value), then single ones.
pub(super) fn delete(search: &mut Search) -> Result<bool, Stop> {
    let mut helped = false;
    for at in (0..search.best.len()).rev() {
        let mut size = search.argv(at).map_or(0, |argv| argv.len() / 2);
        while size >= 1 {
            let mut end = search.argv(at).map_or(0, Argv::len);
            while end > 1 {
                let start = end.saturating_sub(size).max(1);
                helped |= delete_range(search, at, start..end)?;
                // By single steps, so that two neighbours are found wherever they stand.
                end = if size <= 2 { end - 1 } else { start };
                end = end.min(search.argv(at).map_or(0, Argv::len));
            }
            size /= 2;
        }
    }
    Ok(helped)
}

fn delete_range(search: &mut Search, at: usize, range: std::ops::Range<usize>) -> Result<bool, Stop> {
    let Some(argv) = search.argv(at) else { return Ok(false) };
    let kept = argv.iter().enumerate().filter(|(arg, _)| !range.contains(arg)).map(|(_, arg)| arg).collect();
    let conn = search.best[at].conn;
    search.replace(at, Op { conn, act: Act::Call(kept) })
}

/// Makes integers small: 0, 1, -1, half of them, and small ones by steps; of other numbers, leaves out the fraction.
pub(super) fn shrink_numbers(search: &mut Search) -> Result<bool, Stop> {
    improve_args(
        search,
        &|search, at, arg, plainer| {
            let Some(argv) = search.argv(at) else { return Ok(false) };
            let changed =
                argv.iter().enumerate().map(|(index, old)| if index == arg { plainer } else { old }).collect();
            let conn = search.best[at].conn;
            search.replace(at, Op { conn, act: Act::Call(changed) })
        },
        plainer_numbers,
    )
}

/// Shortens what is no number, everywhere that it stands: to nothing, or to a part of it.
pub(super) fn shorten(search: &mut Search) -> Result<bool, Stop> {
    improve_args(
        search,
        &|search, at, arg, plainer| {
            let Some(old) = search.argv(at).and_then(|argv| argv.get(arg)).map(<[u8]>::to_vec) else {
                return Ok(false);
            };
            search.rewrite(&|argv| {
                let new = |arg| if arg == old { plainer } else { arg };
                argv.iter().enumerate().map(|(at, arg)| if at == 0 { arg } else { new(arg) }).collect()
            })
        },
        shorter_values,
    )
}

/// Takes a proposal for an argument, given by its op and its index, where it still shows the class.
type Take = dyn Fn(&mut Search, usize, usize, &[u8]) -> Result<bool, Stop>;

/// Replaces every argument by the first of its proposals that works, and that again, until none does.
fn improve_args(search: &mut Search, take: &Take, propose: fn(&Argv, usize) -> Vec<Vec<u8>>) -> Result<bool, Stop> {
    let mut helped = false;
    for at in (0..search.best.len()).rev() {
        let mut arg = 1;
        while let Some(argv) = search.argv(at).filter(|argv| arg < argv.len()) {
            let mut taken = false;
            for plainer in propose(argv, arg) {
                if take(search, at, arg, &plainer)? {
                    taken = true;
                    break;
                }
            }
            helped |= taken;
            arg += usize::from(!taken);
        }
    }
    Ok(helped)
}

/// Numbers that are plainer than this one, the plainest first; none for what is no number.
fn plainer_numbers(argv: &Argv, arg: usize) -> Vec<Vec<u8>> {
    let Ok(text) = std::str::from_utf8(&argv[arg]) else { return Vec::new() };
    if let Ok(number) = text.parse::<i64>() {
        let mut proposals = vec![0, 1, -1, number / 2];
        if number.unsigned_abs() <= STEPS_BELOW {
            proposals.push(number - number.signum());
        }
        let mut plainer: Vec<i64> = Vec::new();
        for proposal in proposals {
            if plainness(proposal) < plainness(number) && !plainer.contains(&proposal) {
                plainer.push(proposal);
            }
        }
        return plainer.into_iter().map(|number| number.to_string().into_bytes()).collect();
    }
    match (text.parse::<f64>(), text.split_once('.')) {
        (Ok(_), Some((whole, _))) if whole.parse::<i64>().is_ok() => vec![whole.into()],
        _ => Vec::new(),
    }
}

fn plainness(number: i64) -> (u64, bool) {
    (number.unsigned_abs(), number < 0)
}

/// Parts of this value: nothing, its first byte, its halves, and all but one of its quarters. None for a short one, a
/// number, and a word of the command's syntax.
fn shorter_values(argv: &Argv, arg: usize) -> Vec<Vec<u8>> {
    let value = &argv[arg];
    if value.len() <= SHORT_BYTES || is_number(value) || command(argv).is_some_and(|command| is_word_of(command, value))
    {
        return Vec::new();
    }
    let (head, tail) = value.split_at(value.len() / 2);
    let mut parts = vec![Vec::new(), value[..1].to_vec(), head.to_vec(), tail.to_vec()];
    let quarter = value.len().div_ceil(4);
    for (at, chunk) in value.chunks(quarter).enumerate() {
        let start = at * quarter;
        parts.push([&value[..start], &value[start + chunk.len()..]].concat());
    }
    parts
}

/// Moves the clock by less: by 1 ms, by 1 s, or by half.
pub(super) fn shrink_clock_moves(search: &mut Search) -> Result<bool, Stop> {
    let mut helped = false;
    for at in (0..search.best.len()).rev() {
        while let Some(Op { conn, act: Act::Advance { ms } }) = search.best.get(at) {
            let (conn, ms) = (*conn, *ms);
            let mut taken = false;
            for less in [1, 1000, ms / 2] {
                if less < ms && search.replace(at, Op { conn, act: Act::Advance { ms: less } })? {
                    taken = true;
                    break;
                }
            }
            helped |= taken;
            if !taken {
                break;
            }
        }
    }
    Ok(helped)
}
