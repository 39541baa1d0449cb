//! Shows a divergence to people.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use similar::{DiffTag, TextDiff};

use super::{Divergence, Excerpt, rules};
use crate::trace::text::{format_op, format_reply};

/// How many characters of a line are shown; a longer one is abridged around what matters in it.
const LINE_CHARS_MAX: usize = 160;
/// How many lines of a reply that both sides agree on are shown.
const AGREED_LINES_MAX: usize = 6;
/// How many lines of a differing reply are shown beside each line that differs.
const CONTEXT_LINES: usize = 3;
/// How many differing lines are shown at all.
const CHANGES_MAX: usize = 40;

const WANT: Style = AnsiColor::Green.on_default();
const GOT: Style = AnsiColor::Red.on_default();
const FAINT: Style = Style::new().dimmed();
const OP: Style = Style::new().bold();

/// The divergence as a diff of the two streams of replies: `-` is what the reference answered, `+` what the
/// subject did. With `colors` it holds ANSI codes.
///
/// ```text
/// LRANGE exact array-length
/// --- want: the reference
/// +++ got: the subject
///  0  RPUSH k1 a b c
///       (integer) 3
///  1  LRANGE k1 0 1
///       - "a"
/// -     - "b"
/// ```
pub fn render(excerpt: &Excerpt, divergence: &Divergence, colors: bool) -> String {
    let last = excerpt.first + excerpt.ops.len();
    let mut page = Page { text: String::new(), colors, number_width: last.saturating_sub(1).to_string().len() };
    page.line(OP, &divergence.class.to_string());
    page.line(WANT, "--- want: the reference");
    page.line(GOT, "+++ got: the subject");
    for (offset, op) in excerpt.ops.iter().enumerate() {
        let at = excerpt.first + offset;
        let of_reply = at == divergence.at && excerpt.want.get(offset) != excerpt.got.get(offset);
        let number = format!("{at:>width$}", width = page.number_width);
        let line = abridge(&format_op(op), None);
        page.line(if at == divergence.at { OP } else { Style::new() }, &format!(" {number}  {line}"));
        match (excerpt.want.get(offset), excerpt.got.get(offset)) {
            (Some(want), Some(got)) if of_reply => {
                let shown = |reply| format_reply(&rules::in_order(op, reply));
                page.changes(&shown(want), &shown(got));
            }
            (Some(want), _) => page.agreed(&format_reply(want)),
            (None, _) => {}
        }
        // The replies agree here: what differs is what both hold afterwards, or the answer to a question about it.
        if at == divergence.at && !of_reply {
            page.line(OP, &page.indented(' ', &divergence.note));
            page.changes(&format_reply(&divergence.want), &format_reply(&divergence.got));
        } else if at == divergence.at && !divergence.note.is_empty() {
            page.line(OP, &page.indented(' ', &divergence.note));
        }
    }
    page.text
}

struct Page {
    text: String,
    colors: bool,
    /// How wide the numbers of ops are, in characters.
    number_width: usize,
}

impl Page {
    fn line(&mut self, style: Style, line: &str) {
        let style = if self.colors { style } else { Style::new() };
        // Writing to a string does not fail.
        let _ = writeln!(self.text, "{style}{}{style:#}", line.trim_end());
    }

    fn indented(&self, sign: char, line: &str) -> String {
        format!("{sign}{:width$}{line}", "", width = self.number_width + 4)
    }

    /// A reply that both sides gave.
    fn agreed(&mut self, reply: &str) {
        let count = reply.lines().count();
        // One line more is shown rather than replaced by a line that says so.
        let shown = if count <= AGREED_LINES_MAX + 1 { count } else { AGREED_LINES_MAX };
        for line in reply.lines().take(shown) {
            self.line(Style::new(), &self.indented(' ', &abridge(line, None)));
        }
        if shown < count {
            self.skipped(count - shown);
        }
    }

    fn skipped(&mut self, lines: usize) {
        self.line(FAINT, &self.indented(' ', &format!("… {lines} more lines")));
    }

    /// Two replies that differ, line by line.
    fn changes(&mut self, want: &str, got: &str) {
        let (want, got): (Vec<&str>, Vec<&str>) = (want.lines().collect(), got.lines().collect());
        let diff = TextDiff::from_slices(&want, &got);
        let mut shown_to = 0;
        let mut changes_left = CHANGES_MAX;
        for op in diff.grouped_ops(CONTEXT_LINES).iter().flatten() {
            let (old, new) = (op.old_range(), op.new_range());
            if old.start > shown_to {
                self.skipped(old.start - shown_to);
            }
            shown_to = old.end;
            if op.tag() == DiffTag::Equal {
                for line in &want[old] {
                    self.line(Style::new(), &self.indented(' ', &abridge(line, None)));
                }
                continue;
            }
            if changes_left == 0 {
                continue;
            }
            let shown = old.len().max(new.len()).min(changes_left);
            changes_left -= shown;
            let (old, new) = (&want[old], &got[new]);
            self.changed('-', WANT, old, new, shown);
            self.changed('+', GOT, new, old, shown);
        }
        if want.len() > shown_to {
            self.skipped(want.len() - shown_to);
        }
    }

    /// Up to `count` of `lines`, abridged around where they differ from `others`.
    fn changed(&mut self, sign: char, style: Style, lines: &[&str], others: &[&str], count: usize) {
        for (at, line) in lines.iter().enumerate().take(count) {
            self.line(style, &self.indented(sign, &abridge(line, others.get(at).copied())));
        }
        if lines.len() > count {
            self.line(style, &self.indented(sign, &format!("… {} more lines", lines.len() - count)));
        }
    }
}

/// A long line with its length in place of its middle; where `other` is given, what differs from it stays.
fn abridge(line: &str, other: Option<&str>) -> String {
    let chars: Vec<char> = line.chars().collect();
    if chars.len() <= LINE_CHARS_MAX {
        return line.into();
    }
    let third = LINE_CHARS_MAX / 3;
    let same = other.map_or(0, |other| chars.iter().zip(other.chars()).take_while(|(one, two)| **one == *two).count());
    let end = chars.len() - third;
    // What is kept between the start and the end: from a little before the difference.
    let from = same.saturating_sub(third / 2).clamp(third, end);
    let to = (from + third).min(end);
    let mut text: String = chars[..third].iter().collect();
    let mut last = third;
    let middle = if same > third && same < end { Some((from, to)) } else { None };
    for (from, to) in middle.into_iter().chain([(end, chars.len())]) {
        if from > last {
            let _ = write!(text, "…{}…", from - last);
        }
        text.extend(&chars[from..to]);
        last = to;
    }
    let _ = write!(text, " ({} characters)", chars.len());
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::Class;
    use crate::trace::Op;
    use resp::{Argv, Reply};

    /// Renders a trace whose last op diverges with these replies.
    fn rendered(lines: &[&str], want: Reply, got: Reply, class: [&str; 3], note: &str) -> String {
        let ops: Vec<Op> = lines.iter().map(|line| Op::call(0, line.split(' ').collect::<Argv>())).collect();
        let at = 9 + ops.len() - 1;
        let mut wants = vec![Reply::Int(1); ops.len() - 1];
        let mut gots = wants.clone();
        let of_reply = class[1] != "keyspace";
        wants.push(if of_reply { want.clone() } else { Reply::ok() });
        gots.push(if of_reply { got.clone() } else { Reply::ok() });
        let excerpt = Excerpt { first: 9, ops, want: wants, got: gots };
        let [command, rule, kind] = class.map(str::to_owned);
        let divergence =
            Divergence { at, class: Class { command, rule, kind }, want, got, key: None, note: note.into() };
        render(&excerpt, &divergence, false)
    }

    fn array(items: &[&str]) -> Reply {
        Reply::Array(items.iter().map(|item| Reply::bulk(*item)).collect())
    }

    #[test]
    fn the_element_that_differs_is_marked() {
        let class = ["LRANGE", "exact", "array-length"];
        let text = rendered(&["RPUSH k a", "LRANGE k 0 9"], array(&["a", "b", "c"]), array(&["a", "c"]), class, "");
        insta::assert_snapshot!(text, @r#"
        LRANGE exact array-length
        --- want: the reference
        +++ got: the subject
          9  RPUSH k a
               (integer) 1
         10  LRANGE k 0 9
               - "a"
        -      - "b"
               - "c"
        "#);
    }

    #[test]
    fn what_both_hold() {
        let class = ["SET", "keyspace", "expiry"];
        let text = rendered(&["SET k v"], Reply::Int(5), Reply::NullBulk, class, "expiry of key \"k\"");
        insta::assert_snapshot!(text, @r#"
        SET keyspace expiry
        --- want: the reference
        +++ got: the subject
         9  SET k v
              OK
              expiry of key "k"
        -     (integer) 5
        +     (nil)
        "#);
    }

    #[test]
    fn sets_are_shown_in_one_order() {
        let class = ["SMEMBERS", "unordered", "array-element"];
        let text = rendered(&["SMEMBERS k"], array(&["c", "a", "b"]), array(&["b", "x", "a"]), class, "");
        insta::assert_snapshot!(text, @r#"
        SMEMBERS unordered array-element
        --- want: the reference
        +++ got: the subject
         9  SMEMBERS k
              - "a"
              - "b"
        -     - "c"
        +     - "x"
        "#);
    }

    #[test]
    fn colors_only_where_asked_for() {
        let excerpt =
            Excerpt { first: 0, ops: vec![Op::call(0, ["PING"])], want: vec![Reply::ok()], got: vec![Reply::Int(1)] };
        let class = Class { command: "PING".into(), rule: "exact".into(), kind: "ok/int".into() };
        let divergence =
            Divergence { at: 0, class, want: Reply::ok(), got: Reply::Int(1), key: None, note: String::new() };
        assert!(!render(&excerpt, &divergence, false).contains('\u{1b}'));
        assert!(render(&excerpt, &divergence, true).contains("\u{1b}[32m-     OK"));
    }

    #[test]
    fn long_replies_are_abridged() {
        let many: Vec<String> = (0..1000).map(|n| n.to_string()).collect();
        let want: Vec<&str> = many.iter().map(String::as_str).collect();
        let mut got = want.clone();
        got[500] = "x";
        let text = rendered(&["LRANGE k 0 -1"], array(&want), array(&got), ["LRANGE", "exact", "array-element"], "");
        assert_eq!(text.lines().count(), 4 + 2 + 2 * CONTEXT_LINES + 2, "{text}");
        assert!(text.contains("… 497 more lines"), "{text}");
    }

    #[test]
    fn every_difference_of_wholly_different_replies_is_not_shown() {
        let want: Vec<String> = (0..1000).map(|n| n.to_string()).collect();
        let got: Vec<String> = (0..1000).map(|n| format!("x{n}")).collect();
        let reply = |items: &[String]| Reply::Array(items.iter().map(|item| Reply::bulk(item.as_str())).collect());
        let text = rendered(&["LRANGE k 0 -1"], reply(&want), reply(&got), ["LRANGE", "exact", "array-element"], "");
        assert_eq!(text.lines().count(), 4 + 2 * (CHANGES_MAX + 1), "{text}");
    }

    #[test]
    fn a_difference_in_the_middle_of_a_long_line_stays() {
        let want = "a".repeat(500);
        let got = format!("{}b{}", &want[..300], &want[301..]);
        assert_eq!(abridge(&want, None).chars().count(), 53 + "…394…".chars().count() + 53 + " (500 characters)".len());
        let (want_shown, got_shown) = (abridge(&want, Some(&got)), abridge(&got, Some(&want)));
        assert!(got_shown.contains('b') && want_shown != got_shown, "{got_shown}");
        assert_eq!(abridge("short", None), "short");
    }
}
