//! The matrix in a terminal.

use std::io::{self, Write};

use super::{Cell, Matrix, Section, Tone, sections};
use crate::report::console::{group_digits, write_list};
use crate::report::style::{BAD, FAINT, STRONG, WARN};

/// Writes the tables, then what was not sent, then what is left out.
pub(in crate::report) fn write(matrix: &Matrix, out: &mut dyn Write) -> io::Result<()> {
    for section in sections(matrix) {
        write_section(&section, out)?;
        writeln!(out)?;
    }
    let unsent = matrix.unsent();
    if !unsent.is_empty() {
        writeln!(out, "{WARN}not sent in this run{WARN:#}")?;
        write_list(&unsent, out)?;
        writeln!(out)?;
    }
    writeln!(out, "{STRONG}left out{STRONG:#}")?;
    for (reason, commands) in matrix.left_out_by_reason() {
        writeln!(out, "  {reason}")?;
        let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
        write_list(&commands, out)?;
    }
    writeln!(out)
}

fn write_section(section: &Section, out: &mut dyn Write) -> io::Result<()> {
    let texts: Vec<Vec<String>> =
        section.lines.iter().map(|line| line.iter().map(|cell| cell.text(group_digits)).collect()).collect();
    let header = |at: usize| if at == 0 { section.name } else { section.headers[at] };
    let width = |at: usize| {
        let lines = texts.iter().map(|line| line[at].chars().count());
        lines.chain([header(at).chars().count()]).max().unwrap_or_default()
    };
    let mut widths: Vec<usize> = (0..section.headers.len()).map(width).collect();
    let is_number = |at: usize| section.lines.first().is_some_and(|line| line[at].is_number());
    // Nothing stands behind the words of the last column.
    if let Some(last) = widths.len().checked_sub(1).filter(|&last| !is_number(last)) {
        widths[last] = 0;
    }

    let mut line = String::new();
    for (at, &width) in widths.iter().enumerate() {
        let (style, text) = (if at == 0 { STRONG } else { FAINT }, pad(header(at), width, is_number(at)));
        line.push_str(&format!("{style}{text}{style:#}  "));
    }
    writeln!(out, "{}", line.trim_end())?;
    for (cells, texts) in section.lines.iter().zip(&texts) {
        line.clear();
        for ((cell, text), &width) in cells.iter().zip(texts).zip(&widths) {
            let text = pad(text, width, cell.is_number());
            line.push_str(&paint(cell, &text));
            line.push_str("  ");
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn pad(text: &str, width: usize, to_the_right: bool) -> String {
    if to_the_right { format!("{text:>width$}") } else { format!("{text:<width$}") }
}

fn paint(cell: &Cell, text: &str) -> String {
    match cell.tone {
        _ if text.trim().is_empty() => text.to_owned(),
        Tone::Plain => text.to_owned(),
        Tone::Warn => format!("{WARN}{text}{WARN:#}"),
        Tone::Bad => format!("{BAD}{text}{BAD:#}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use super::*;

    #[test]
    fn tables_are_aligned_and_hold_no_empty_column() {
        let mut out = Vec::new();
        write(&sample(), &mut out).expect("memory does not fail");
        let text = String::from_utf8_lossy(&anstream::adapter::strip_bytes(&out).into_vec()).into_owned();
        insta::assert_snapshot!(text, @r"
        strings  requests  succeeded  simple    bulk  null-bulk  errors  texts  agreed  diverged  options
        GET        12 345     12 300          12 000        300      45      2  12 344         1
        SET             7          7       7                                         7            1/3, never EXAT XX

        lists  requests  errors  texts  agreed
        LPOS          2       2      1       2

        not sent in this run
            LREM

        left out
          no Lua
            EVAL
          no users
            ACL (2 subcommands)
        ");
    }
}
