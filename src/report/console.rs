//! The report for people.

use std::collections::BTreeSet;
use std::io::{self, Write};

use super::style::{BAD, FAINT, GOOD, PASTE, STRONG, WARN};
use super::wrap::{WIDTH, wrap};
use super::{Check, Drift, Finding, Format, Report, Totals, Verdict, injections, matrix};
use crate::diff::kind::UNSUPPORTED;

/// How many findings are shown with their replies; the others only as a line.
const DETAILS_MAX: usize = 5;

/// `--format console`
#[derive(Debug)]
pub(super) struct Console;

impl Format for Console {
    fn name(&self) -> &'static str {
        "console"
    }

    fn about(&self) -> &'static str {
        "Text for people"
    }

    fn check(&self, check: &Check, name_width: usize, out: &mut dyn Write) -> io::Result<()> {
        let (style, word) = match check.verdict {
            Verdict::Agree => (GOOD, "agree"),
            Verdict::Diverge => (BAD, "DIVERGE"),
            Verdict::Flaky => (WARN, "FLAKY"),
            Verdict::Missed => (BAD, "MISSED"),
            Verdict::Failed => (BAD, "FAILED"),
        };
        let name = format!("{:name_width$}", check.name);
        let ops = group_digits(check.ops);
        let rate = rate(check.ops, check.seconds);
        write!(out, "{style}{word:>9}{style:#}  {name}  {ops:>9} ops  {FAINT}{rate:>12}{FAINT:#}")?;
        if !check.detail.is_empty() {
            write!(out, "  {}", check.detail)?;
        }
        writeln!(out)
    }

    fn finish(&self, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        if !report.checks.is_empty() {
            writeln!(out)?;
        }
        for line in &report.preflight {
            writeln!(out, "{WARN}{line}{WARN:#}")?;
        }
        if !report.preflight.is_empty() {
            writeln!(out)?;
        }
        if let Some(counted) = &report.matrix {
            matrix::write(counted, out)?;
        }
        for finding in report.findings.iter().take(DETAILS_MAX) {
            write_details(finding, out)?;
        }
        if !report.findings.is_empty() {
            write_classes(&report.findings, out)?;
        }
        write_drift(&report.drift, out)?;
        for flaky in &report.flaky {
            writeln!(out, "{WARN}flaky{WARN:#}  {}  {} (a second run did not show it)", flaky.class, flaky.found_in)?;
        }
        for failure in &report.failures {
            writeln!(out, "{BAD}fails{BAD:#}  {failure}")?;
        }
        if let Some(counted) = &report.injections {
            injections::write(counted, out)?;
        }
        write_unchecked(&report.unchecked, out)?;
        write_summary(report, out)?;
        if let Some(first) = report.findings.first() {
            writeln!(out, "\nTo replay the first:\n  {PASTE}{}{PASTE:#}", first.replay)?;
            if let Some(shrink) = &first.shrink {
                writeln!(out, "To shrink it:\n  {PASTE}{shrink}{PASTE:#}")?;
            }
        }
        Ok(())
    }
}

fn write_unchecked(unchecked: &[String], out: &mut dyn Write) -> io::Result<()> {
    const LABEL: &str = "unchecked";
    for what in unchecked {
        let words: Vec<&str> = what.split(' ').collect();
        let indent = LABEL.len() + 2;
        for (at, line) in wrap(&words, " ", WIDTH - indent).iter().enumerate() {
            match at {
                0 => writeln!(out, "{WARN}{LABEL}{WARN:#}  {line}")?,
                _ => writeln!(out, "{:indent$}{line}", "")?,
            }
        }
    }
    if unchecked.is_empty() { Ok(()) } else { writeln!(out) }
}

fn write_details(finding: &Finding, out: &mut dyn Write) -> io::Result<()> {
    let at = if finding.shrunk.is_some() { String::new() } else { format!("op {} of ", finding.at) };
    writeln!(out, "{BAD}✗{BAD:#} {FAINT}{at}{}{FAINT:#}", finding.found_in)?;
    for line in finding.diff_coloured.lines() {
        writeln!(out, "  {line}")?;
    }
    write_notes(&finding.notes, out)?;
    writeln!(out)
}

/// What servers said goes to a terminal without its control characters.
fn write_notes(notes: &[String], out: &mut dyn Write) -> io::Result<()> {
    for line in notes.iter().flat_map(|note| note.lines()) {
        let line: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        writeln!(out, "  {WARN}{line}{WARN:#}")?;
    }
    Ok(())
}

fn write_classes(findings: &[Finding], out: &mut dyn Write) -> io::Result<()> {
    let names: Vec<String> = findings.iter().map(name_class).collect();
    let name_width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let counts: Vec<String> = findings.iter().map(|finding| group_digits(finding.count)).collect();
    let count_width = counts.iter().map(String::len).max().unwrap_or(0);
    for ((finding, name), count) in findings.iter().zip(&names).zip(&counts) {
        write!(out, "{STRONG}{name:name_width$}{STRONG:#}  {count:>count_width$}×")?;
        match finding.first_seed {
            Some(seed) if finding.trace.is_some() => write!(out, "  first seed {seed}")?,
            Some(_) => write!(out, "  first {}", finding.found_in)?,
            None => write!(out, "  {}", finding.found_in)?,
        }
        if let Some(shrunk) = &finding.shrunk {
            let minimal = if shrunk.minimal { "1-minimal" } else { "not minimal" };
            write!(out, "  {} → {}, {minimal}", shrunk.before, counted(shrunk.after as u64, "op"))?;
        }
        writeln!(out)?;
        match &finding.trace {
            Some(trace) => writeln!(out, "    {FAINT}{trace}{FAINT:#}")?,
            None => {
                let mut told =
                    [finding.note.as_str(), finding.replay.as_str()].into_iter().filter(|line| !line.is_empty());
                told.try_for_each(|line| writeln!(out, "    {FAINT}{line}{FAINT:#}"))?;
            }
        }
        if finding.unshrunk > 0 {
            let seeds = counted(finding.unshrunk, "seed");
            writeln!(out, "    {FAINT}{seeds} showed this class in other ways, which were not shrunk{FAINT:#}")?;
        }
        if !finding.also.is_empty() {
            let commands: Vec<&str> = finding.commands().collect();
            write_list(&commands, out)?;
        }
    }
    writeln!(out)
}

/// Words on as few lines as they take.
pub(super) fn write_list(words: &[&str], out: &mut dyn Write) -> io::Result<()> {
    const LINE_CHARS_MAX: usize = 108;
    let mut line = String::new();
    for (at, word) in words.iter().enumerate() {
        let comma = if at + 1 < words.len() { "," } else { "" };
        if line.chars().count() + word.chars().count() + 2 > LINE_CHARS_MAX {
            writeln!(out, "    {FAINT}{line}{FAINT:#}")?;
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        line.push_str(comma);
    }
    if line.is_empty() { Ok(()) } else { writeln!(out, "    {FAINT}{line}{FAINT:#}") }
}

/// Where the references differ, which fails nothing.
fn write_drift(drift: &[Drift], out: &mut dyn Write) -> io::Result<()> {
    let width = drift.iter().map(|it| it.class.to_string().chars().count()).max().unwrap_or(0);
    for Drift { class, agrees_with, count, found_in } in drift {
        let class = class.to_string();
        let count = group_digits(*count);
        writeln!(
            out,
            "{WARN}drift{WARN:#}  {class:width$}  {count:>6}×  as {agrees_with}  {FAINT}{found_in}{FAINT:#}"
        )?;
    }
    if drift.is_empty() { Ok(()) } else { writeln!(out) }
}

/// A class in a few words; the commands of a systemic one are listed below it.
fn name_class(finding: &Finding) -> String {
    let count = finding.also.len() + 1;
    match (finding.class.kind == UNSUPPORTED, count) {
        (true, 1) => format!("{} is unsupported by the subject", finding.class.command),
        (true, _) => format!("{count} commands are unsupported by the subject"),
        (false, 1) => finding.class.to_string(),
        (false, _) => format!("{} {} of {count} commands", finding.class.rule, finding.class.kind),
    }
}

fn write_summary(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let totals = &report.totals;
    let seconds = report.timing.comparing_seconds;
    let is_of_faults = report.injections.is_some();
    let noun = if is_of_faults { "violation" } else { "divergence" };
    let (style, verdict) = match (report.agrees(), report.findings.len()) {
        (true, _) if !report.unchecked.is_empty() => (WARN, "incomplete".to_owned()),
        (true, _) if is_of_faults => (GOOD, "every invariant held".to_owned()),
        (true, _) if report.accepted > 0 => (WARN, "nothing new".to_owned()),
        (true, _) => (GOOD, "all agree".to_owned()),
        (false, 0) => (BAD, "failed".to_owned()),
        (false, 1) => (BAD, format!("1 {noun} in {}", count_divergent(report))),
        (false, findings) => {
            let classes = count_classes(&report.findings);
            let told = if classes == findings { String::new() } else { format!("{findings} findings, ") };
            let classes = if classes == 1 { "1 class".to_owned() } else { format!("{classes} classes") };
            (BAD, format!("{told}{classes} of {noun} in {}", count_divergent(report)))
        }
    };
    let sides = format!("{} against {}", report.subject, report.reference);
    if is_of_faults {
        // The scope names what was injected: it takes lines of its own.
        let is_long = verdict.chars().count() + sides.chars().count() + 2 > WIDTH;
        writeln!(out, "{style}{verdict}{style:#}{}{sides}", if is_long { "\n" } else { "  " })?;
        let words: Vec<&str> = report.scope.split(' ').collect();
        wrap(&words, " ", WIDTH).iter().try_for_each(|line| writeln!(out, "{FAINT}{line}{FAINT:#}"))?;
    } else {
        writeln!(out, "{style}{verdict}{style:#}  {sides}{FAINT} · {}{FAINT:#}", report.scope)?;
    }
    if report.accepted > 0 {
        writeln!(out, "{WARN}{} accepted before{WARN:#}", counted(report.accepted, "difference"))?;
    }
    write_uncompared(totals, out)?;
    if totals.seeds > 0 {
        write!(out, "{}, ", counted(totals.seeds, "seed"))?;
    }
    write!(out, "{} in {:.2} s{FAINT}", counted(totals.ops, "op"), report.timing.seconds)?;
    if totals.seeds > 0 {
        let seeds_per_second = totals.seeds as f64 / seconds.max(1e-9);
        match seeds_per_second {
            10.0.. => write!(out, " · {} seeds/s", group_digits(seeds_per_second as u64))?,
            _ => write!(out, " · {seeds_per_second:.1} seeds/s")?,
        }
    }
    writeln!(out, " · {}{FAINT:#}", rate(totals.ops, seconds))?;
    if report.interrupted {
        writeln!(out, "{WARN}interrupted: this is what was done so far{WARN:#}")?;
    }
    Ok(())
}

/// How many classes there are among findings; several may be of one, told apart by their shapes.
fn count_classes(findings: &[Finding]) -> usize {
    findings.iter().map(name_class).collect::<BTreeSet<_>>().len()
}

/// What differed without failing the run, and what was not compared for that.
fn write_uncompared(totals: &Totals, out: &mut dyn Write) -> io::Result<()> {
    let mut told = Vec::new();
    if totals.known > 0 {
        told.push(format!("known divergences occurred {} times", group_digits(totals.known)));
    }
    if totals.drift > 0 {
        told.push(format!("{} times only another reference agreed (version drift)", group_digits(totals.drift)));
    }
    if totals.skipped == 0 && totals.divergent > 0 {
        told.push("every reply was compared".to_owned());
    }
    if totals.skipped > 0 {
        let (count, share) = (group_digits(totals.skipped), percent(totals.judged_share()));
        told.push(format!("{count} replies were not compared: {share} were"));
    }
    if told.is_empty() { Ok(()) } else { writeln!(out, "{WARN}{}{WARN:#}", told.join("; ")) }
}

fn count_divergent(report: &Report) -> String {
    counted(report.totals.divergent, if report.totals.seeds > 0 { "seed" } else { "trace" })
}

/// `1 seed`, `2 seeds`, `2 recoveries`.
pub(super) fn counted(number: u64, noun: &str) -> String {
    let digits = group_digits(number);
    match (number, noun.strip_suffix('y').filter(|stem| !stem.ends_with('a'))) {
        (1, _) => format!("{digits} {noun}"),
        (_, Some(stem)) => format!("{digits} {stem}ies"),
        (_, None) => format!("{digits} {noun}s"),
    }
}

/// `1234567` as `1 234 567`.
pub(super) fn group_digits(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

/// A share of one as `97.3 %`; only the whole is 100 %.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", (share * 1000.0).floor() / 10.0)
}

/// Ops per second with three digits that matter.
fn rate(ops: u64, seconds: f64) -> String {
    let rate = ops as f64 / seconds.max(1e-9);
    match rate {
        1e6.. => format!("{:.2} M ops/s", rate / 1e6),
        1e3.. => format!("{:.0} k ops/s", rate / 1e3),
        _ => format!("{rate:.0} ops/s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped() {
        let check = |number, expected: &str| assert_eq!(group_digits(number), expected);
        check(0, "0");
        check(999, "999");
        check(1000, "1 000");
        check(1_234_567, "1 234 567");
    }

    #[test]
    fn nouns_follow_their_numbers() {
        let check = |number, noun, expected: &str| assert_eq!(counted(number, noun), expected);
        check(0, "op", "0 ops");
        check(1, "seed", "1 seed");
        check(1000, "recovery", "1 000 recoveries");
        check(2, "way", "2 ways");
    }

    #[test]
    fn notes_cannot_write_to_the_terminal() {
        let mut out = Vec::new();
        write_notes(&["subject: died\n\x1b[2Jboo".to_owned()], &mut out).expect("memory does not fail");
        let text = anstream::adapter::strip_bytes(&out).into_vec();
        assert_eq!(String::from_utf8_lossy(&text), "  subject: died\n   [2Jboo\n");
    }

    #[test]
    fn rates_have_three_digits() {
        let check = |ops, seconds, expected: &str| assert_eq!(rate(ops, seconds), expected);
        check(0, 1.0, "0 ops/s");
        check(500, 1.0, "500 ops/s");
        check(118_900, 1.0, "119 k ops/s");
        check(2_468_000, 2.0, "1.23 M ops/s");
    }
}
