//! What is wrong with a request that a server must refuse, or at least must not choke on.

use smallvec::SmallVec;

use crate::seed::Stream;
use resp::Argv;
use spec::{self, Command, syntax};

use super::numbers::ODD_INTEGERS;

/// The arguments of a request while it is being spoilt; there is at least the name.
type Args<'a> = SmallVec<[&'a [u8]; 12]>;

/// One way to spoil a request: a row of the table.
struct Mistake {
    /// How often it comes, in proportion.
    weight: u32,
    /// True where a value may come to stand in another's place.
    moves_values: bool,
    /// Does it.
    spoil: for<'a> fn(&mut Args<'a>, &Command, &mut Stream),
}

/// The table of mistakes.
const MISTAKES: &[Mistake] = &[
    Mistake { weight: 4, moves_values: false, spoil: drop_last },
    Mistake { weight: 1, moves_values: false, spoil: drop_arguments },
    Mistake { weight: 4, moves_values: false, spoil: add_argument },
    Mistake { weight: 6, moves_values: false, spoil: add_own_word },
    Mistake { weight: 3, moves_values: false, spoil: add_foreign_word },
    Mistake { weight: 4, moves_values: true, spoil: swap_neighbours },
    Mistake { weight: 3, moves_values: true, spoil: repeat_argument },
    Mistake { weight: 5, moves_values: true, spoil: put_odd_number },
    Mistake { weight: 2, moves_values: true, spoil: empty_argument },
    Mistake { weight: 2, moves_values: false, spoil: rename_command },
    Mistake { weight: 2, moves_values: false, spoil: forbid_writing },
];

/// `argv` with one mistake from the table; where not `may_move`, one that leaves every value in its place.
pub(super) fn spoil(argv: &Argv, command: &Command, may_move: bool, stream: &mut Stream) -> Argv {
    let possible = || MISTAKES.iter().filter(|mistake| may_move || !mistake.moves_values);
    let mut left = stream.below(possible().map(|mistake| mistake.weight).sum());
    let mut args: Args = argv.iter().collect();
    for mistake in possible() {
        match left.checked_sub(mistake.weight) {
            Some(rest) => left = rest,
            None => {
                (mistake.spoil)(&mut args, command, stream);
                break;
            }
        }
    }
    let mut spoilt = Argv::with_capacity(argv.bytes_len() + 32);
    args.iter().for_each(|arg| spoilt.push(arg));
    spoilt
}

/// One of `words`.
pub(super) fn pick<'a>(stream: &mut Stream, words: &[&'a [u8]]) -> &'a [u8] {
    let word: &&[u8] = stream.pick(words);
    word
}

/// An index of an argument behind the name, where there is one.
fn position(args: &Args, stream: &mut Stream) -> Option<usize> {
    let count = args.len() as u32 - 1;
    (count > 0).then(|| 1 + stream.below(count) as usize)
}

fn drop_last(args: &mut Args, _: &Command, _: &mut Stream) {
    if args.len() > 1 {
        args.pop();
    }
}

fn drop_arguments(args: &mut Args, _: &Command, _: &mut Stream) {
    args.truncate(1);
}

fn add_argument(args: &mut Args, _: &Command, stream: &mut Stream) {
    args.push(pick(stream, &[b"1", b"extra", b"", b"0", b"-1", b"\0\r\n"]));
}

/// A word of the command's own syntax: an option once more, one that excludes another, or one without its value.
fn add_own_word(args: &mut Args, command: &Command, stream: &mut Stream) {
    let words = syntax::words(command.tree());
    if words.is_empty() {
        return add_foreign_word(args, command, stream);
    }
    let word: &&str = stream.pick(&words);
    args.push(word.as_bytes());
    if stream.chance(1, 2) {
        args.push(b"1");
    }
}

fn add_foreign_word(args: &mut Args, _: &Command, stream: &mut Stream) {
    const WORDS: &[&[u8]] = &[
        b"NOSUCH",
        b"NX",
        b"XX",
        b"GET",
        b"LIMIT",
        b"WITHSCORES",
        b"COUNT",
        b"EX",
        b"KEEPTTL",
        b"STORE",
        b"%s",
        b"REV",
    ];
    args.push(pick(stream, WORDS));
}

fn swap_neighbours(args: &mut Args, _: &Command, stream: &mut Stream) {
    if args.len() > 2 {
        let at = 1 + stream.below(args.len() as u32 - 2) as usize;
        args.swap(at, at + 1);
    }
}

fn repeat_argument(args: &mut Args, _: &Command, stream: &mut Stream) {
    if let Some(at) = position(args, stream) {
        args.insert(at, args[at]);
    }
}

fn put_odd_number(args: &mut Args, _: &Command, stream: &mut Stream) {
    if let Some(at) = position(args, stream) {
        args[at] = pick(stream, ODD_INTEGERS);
    }
}

fn empty_argument(args: &mut Args, _: &Command, stream: &mut Stream) {
    if let Some(at) = position(args, stream) {
        args[at] = b"";
    }
}

/// The command's form that only reads, where it has one.
fn forbid_writing(args: &mut Args, command: &Command, stream: &mut Stream) {
    match spec::commands().find(|form| form.name.strip_suffix("_RO") == Some(command.name)) {
        Some(form) => args[0] = form.name.as_bytes(),
        None => rename_command(args, command, stream),
    }
}

/// A command that no Redis has.
fn rename_command(args: &mut Args, _: &Command, stream: &mut Stream) {
    const NAMES: &[&[u8]] =
        &[b"NOSUCH", b"", b"GETT", b"get ", b"no\r\nsuch", b"\0\xff", b"SETT", b"'quoted'", b"%s", &[b'N'; 200]];
    args[0] = pick(stream, NAMES);
}
