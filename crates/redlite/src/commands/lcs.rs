//! LCS: the longest common subsequence of two strings.

use super::{Context, Outcome};
use crate::failure::{Failure, refuse, texts};
use crate::options::Limits;
use resp::Reply;

/// Cells of a table that are worked out at once.
const WORD_BITS: usize = u64::BITS as usize;

/// What LCS is asked for.
#[derive(Debug, Default)]
struct Options {
    is_length: bool,
    is_index: bool,
    has_match_length: bool,
    /// The shortest match that is shown, in bytes.
    match_length_min: i64,
}

impl Options {
    fn parse(context: &Context<'_>) -> Result<Self, Failure> {
        let mut options = Self::default();
        let mut at = 3;
        while at < context.argv.len() {
            if context.is_word(at, "IDX") {
                options.is_index = true;
            } else if context.is_word(at, "LEN") {
                options.is_length = true;
            } else if context.is_word(at, "WITHMATCHLEN") {
                options.has_match_length = true;
            } else if context.is_word(at, "MINMATCHLEN") && at + 1 < context.argv.len() {
                at += 1;
                options.match_length_min = context.integer(at)?;
            } else {
                return refuse(texts::SYNTAX);
            }
            at += 1;
        }
        if options.is_index && options.is_length {
            return refuse("ERR If you want both the length and indexes, please just use IDX.");
        }
        Ok(options)
    }
}

pub(super) fn lcs(context: &mut Context<'_>) -> Outcome {
    let mut strings = [Vec::new(), Vec::new()];
    let mut is_wrong_type = false;
    for (string, name) in strings.iter_mut().zip(context.args_from(1)) {
        if let Some((_, value)) = context.store.find_value(context.db(), name, <[u8]>::to_vec)? {
            is_wrong_type |= value.is_none();
            *string = value.unwrap_or_default();
        }
    }
    if is_wrong_type {
        return refuse("ERR The specified keys must contain string values");
    }
    let options = Options::parse(context)?;
    let [left, right] = &strings;
    let table = Table::new(context.limits, left, right)?;
    if options.is_length {
        return Ok(Reply::Int(table.length as i64));
    }
    if !options.is_index {
        return Ok(Reply::Bulk(table.walk(left, right).subsequence));
    }
    let matches = table.walk(left, right).matches;
    let shown = matches.iter().filter(|found| found.length as i64 >= options.match_length_min);
    let shown = shown.map(|found| found.to_reply(options.has_match_length)).collect();
    Ok(context.map(vec![
        (Reply::bulk("matches"), Reply::Array(shown)),
        (Reply::bulk("len"), Reply::Int(table.length as i64)),
    ]))
}

/// A run of bytes that both strings have.
#[derive(Clone, Copy, Debug)]
struct Match {
    left_start: usize,
    right_start: usize,
    length: usize,
}

impl Match {
    fn to_reply(self, has_length: bool) -> Reply {
        let range =
            |start: usize| Reply::Array(vec![Reply::Int(start as i64), Reply::Int((start + self.length) as i64 - 1)]);
        let mut parts = vec![range(self.left_start), range(self.right_start)];
        if has_length {
            parts.push(Reply::Int(self.length as i64));
        }
        Reply::Array(parts)
    }
}

/// The subsequence, and its runs from the last to the first.
#[derive(Debug)]
struct Walk {
    subsequence: Vec<u8>,
    matches: Vec<Match>,
}

/// For every two prefixes of the strings, how long their longest common subsequence is.
///
/// A row is kept as bits, as with one more byte of the right string that length stays or grows by one: 64 cells are
/// worked out at once. Source: Hyyrö, "Bit-Parallel LCS-length Computation Revisited", 2004.
#[derive(Debug)]
struct Table {
    /// A row for each byte of the left string; a bit is 0 where the length grows.
    rows: Vec<u64>,
    /// Words a row.
    width: usize,
    /// Of the whole strings.
    length: usize,
}

impl Table {
    /// Refuses strings whose table would be too large in Redis, as Redis does.
    fn new(limits: Limits, left: &[u8], right: &[u8]) -> Result<Self, Failure> {
        let cells = (right.len() + 1).saturating_mul(left.len() + 1);
        if cells > limits.string_bytes_max / size_of::<u32>() {
            return refuse("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len");
        }
        let width = right.len().div_ceil(WORD_BITS);
        let places = Places::of(right, width);
        let mut rows = Vec::with_capacity(width * left.len());
        let mut row = vec![u64::MAX; width];
        for &byte in left {
            let mut carry = false;
            for (word, &found) in row.iter_mut().zip(places.of_byte(byte)) {
                let met = *word & found;
                let (sum, first) = word.overflowing_add(met);
                let (sum, second) = sum.overflowing_add(u64::from(carry));
                carry = first || second;
                *word = sum | (*word & !found);
            }
            rows.extend_from_slice(&row);
        }
        // What is beyond the right string's end matches nothing and stays 1.
        let length = row.iter().map(|word| word.count_zeros() as usize).sum();
        Ok(Self { rows, width, length })
    }

    /// True where the subsequence of the left string's first `i` bytes and the right one's first `j` is longer than
    /// without the last of the right one's. Both are above 0.
    fn grows(&self, i: usize, j: usize) -> bool {
        let (word, bit) = ((j - 1) / WORD_BITS, (j - 1) % WORD_BITS);
        self.rows[(i - 1) * self.width + word] >> bit & 1 == 0
    }

    /// Walks from the strings' ends to their starts. Which of several subsequences it takes is Redis' choice.
    fn walk(&self, left: &[u8], right: &[u8]) -> Walk {
        let mut walk = Walk { subsequence: Vec::new(), matches: Vec::new() };
        let mut run: Option<Match> = None;
        let (mut i, mut j) = (left.len(), right.len());
        while i > 0 && j > 0 {
            if left[i - 1] == right[j - 1] {
                (i, j) = (i - 1, j - 1);
                walk.subsequence.push(left[i]);
                let length = run.map_or(1, |run| run.length + 1);
                run = Some(Match { left_start: i, right_start: j, length });
                continue;
            }
            walk.matches.extend(run.take());
            if self.grows(i, j) {
                i -= 1;
            } else {
                j -= 1;
            }
        }
        walk.matches.extend(run);
        walk.subsequence.reverse();
        walk
    }
}

/// Where each byte is in a string: rows of bits as those of [`Table`], 1 where it is.
struct Places {
    /// The row of each byte that the string has; row 0 is that of all others.
    row_of: [u16; 256],
    rows: Vec<u64>,
    width: usize,
}

impl Places {
    fn of(string: &[u8], width: usize) -> Self {
        let mut places = Self { row_of: [0; 256], rows: vec![0; width], width };
        for (at, &byte) in string.iter().enumerate() {
            let row = &mut places.row_of[usize::from(byte)];
            if *row == 0 {
                *row = (places.rows.len() / width) as u16;
                places.rows.resize(places.rows.len() + width, 0);
            }
            places.rows[usize::from(*row) * width + at / WORD_BITS] |= 1 << (at % WORD_BITS);
        }
        places
    }

    fn of_byte(&self, byte: u8) -> &[u64] {
        let start = usize::from(self.row_of[usize::from(byte)]) * self.width;
        &self.rows[start..start + self.width]
    }
}

#[cfg(test)]
mod tests {
    use super::super::transcript::check;
    use super::{Table, WORD_BITS};
    use crate::env::Random;
    use crate::options::Limits;

    /// The length by the definition, one cell at a time.
    fn length_by_cells(left: &[u8], right: &[u8]) -> usize {
        let mut above = vec![0; right.len() + 1];
        for left_byte in left {
            let mut row = vec![0; right.len() + 1];
            for (at, right_byte) in right.iter().enumerate() {
                row[at + 1] = if left_byte == right_byte { above[at] + 1 } else { row[at].max(above[at + 1]) };
            }
            above = row;
        }
        above.last().copied().unwrap_or_default()
    }

    #[test]
    fn lengths_are_right_around_the_ends_of_words() {
        let mut random = Random::seeded(1);
        for right_length in [0, 1, WORD_BITS - 1, WORD_BITS, WORD_BITS + 1, 3 * WORD_BITS] {
            for letters in [1, 2, 4, 200] {
                let mut draw = |length| (0..length).map(|_| random.below(letters) as u8).collect::<Vec<u8>>();
                let (left, right) = (draw(100), draw(right_length));
                let table = Table::new(Limits::default(), &left, &right)
                    .unwrap_or_else(|_| panic!("a table of {right_length} is refused"));
                assert_eq!(table.length, length_by_cells(&left, &right), "{left:?} {right:?}");
                assert_eq!(table.walk(&left, &right).subsequence.len(), table.length, "{left:?} {right:?}");
            }
        }
    }

    #[test]
    fn subsequences_are_those_of_redis() {
        check(
            r#"> MSET a ohmytext b mynewtext
               OK
               > LCS a b
               "mytext"
               > LCS a b LEN
               6
               > LCS a b IDX
               ["matches" [[[4 7] [5 8]] [[2 3] [0 1]]] "len" 6]
               > LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN
               ["matches" [[[4 7] [5 8] 4]] "len" 6]
               > LCS a b WITHMATCHLEN
               "mytext"
               > LCS a none
               ""
               > LCS none none IDX
               ["matches" [] "len" 0]"#,
        );
    }

    #[test]
    fn options_are_read_after_the_strings() {
        check(
            r#"> LPUSH l a
               1
               > LCS l none FOO
               -ERR The specified keys must contain string values
               > LCS none none FOO
               -ERR syntax error
               > LCS none none MINMATCHLEN
               -ERR syntax error
               > LCS none none MINMATCHLEN x
               -ERR value is not an integer or out of range
               > LCS none none MINMATCHLEN -1 IDX
               ["matches" [] "len" 0]
               > LCS none none LEN IDX
               -ERR If you want both the length and indexes, please just use IDX."#,
        );
    }

    #[test]
    fn a_table_beyond_the_memory_bound_is_refused() {
        check(
            r#"> SETRANGE a 99999 x
               100000
               > LCS a a
               -ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len"#,
        );
    }
}
