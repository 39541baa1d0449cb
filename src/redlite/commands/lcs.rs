//! LCS: the longest common subsequence of two strings.

use super::strings::STRING_BYTES_MAX;
use super::{Context, Outcome};
use crate::redlite::failure::{Failure, refuse, texts};
use crate::resp::Reply;

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
    let table = Table::new(left, right)?;
    if options.is_length {
        return Ok(Reply::Int(table.length()));
    }
    if !options.is_index {
        return Ok(Reply::Bulk(table.walk(left, right).subsequence));
    }
    let matches = table.walk(left, right).matches;
    let shown = matches.iter().filter(|found| found.length as i64 >= options.match_length_min);
    let shown = shown.map(|found| found.to_reply(options.has_match_length)).collect();
    Ok(context
        .map(vec![(Reply::bulk("matches"), Reply::Array(shown)), (Reply::bulk("len"), Reply::Int(table.length()))]))
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
#[derive(Debug)]
struct Table {
    lengths: Vec<u32>,
    /// The right string's length and one more.
    width: usize,
}

impl Table {
    /// Refuses strings whose table is too large, as Redis does.
    fn new(left: &[u8], right: &[u8]) -> Result<Self, Failure> {
        let width = right.len() + 1;
        let cells = width.saturating_mul(left.len() + 1);
        if cells > STRING_BYTES_MAX / size_of::<u32>() {
            return refuse("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len");
        }
        let mut lengths = vec![0; cells];
        for (above, left_byte) in left.iter().enumerate() {
            let (done, row) = lengths.split_at_mut((above + 1) * width);
            let above = &done[above * width..];
            for (at, right_byte) in right.iter().enumerate() {
                row[at + 1] = if left_byte == right_byte { above[at] + 1 } else { above[at + 1].max(row[at]) };
            }
        }
        Ok(Self { lengths, width })
    }

    fn length(&self) -> i64 {
        self.lengths.last().map_or(0, |&length| i64::from(length))
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
            if self.lengths[(i - 1) * self.width + j] > self.lengths[i * self.width + j - 1] {
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

#[cfg(test)]
mod tests {
    use super::super::transcript::check;

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
