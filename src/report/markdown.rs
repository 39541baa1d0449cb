//! The report as Markdown, for issues and pages.

use std::io::{self, Write};

use super::console::percent;
use super::injections::{self, Injections};
use super::matrix::{Cell, Matrix, Section, sections};
use super::{Check, Finding, Format, Report, Verdict};

/// `--format markdown`
#[derive(Debug)]
pub(super) struct Markdown;

impl Format for Markdown {
    fn name(&self) -> &'static str {
        "markdown"
    }

    fn about(&self) -> &'static str {
        "Markdown, for issues and pages"
    }

    fn check(&self, _check: &Check, _name_width: usize, _out: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    fn finish(&self, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        let Report { campaign, subject, reference, scope, totals, .. } = report;
        let is_of_faults = report.injections.is_some();
        let verdict = match (report.agrees(), is_of_faults) {
            (true, _) if !report.unchecked.is_empty() => "**incomplete**",
            (true, true) => "every invariant held",
            (true, false) => "all agree",
            (false, true) => "**not every invariant held**",
            (false, false) => "**not all agree**",
        };
        writeln!(out, "# dst {campaign}: {verdict}\n")?;
        write!(out, "{subject} against {reference}, {scope}: {} ops", totals.ops)?;
        // Under faults it is what is stored that counts.
        if !is_of_faults {
            write!(out, ", {} replies compared ({})", totals.replies, percent(totals.judged_share()))?;
        }
        writeln!(out)?;
        for line in &report.preflight {
            writeln!(out, "\n- {line}")?;
        }
        if report.interrupted {
            writeln!(out, "\nInterrupted: this is what was done so far.")?;
        }
        if let Some(counted) = &report.injections {
            write_injections(counted, out)?;
        }
        write_checks(&report.checks, out)?;
        for failure in &report.failures {
            writeln!(out, "\n- fails: {failure}")?;
        }
        for unchecked in &report.unchecked {
            writeln!(out, "\n- unchecked: {unchecked}")?;
        }
        report.findings.iter().try_for_each(|finding| write_finding(finding, out))?;
        if !report.flaky.is_empty() {
            writeln!(out, "\n## Flaky\n")?;
        }
        for flaky in &report.flaky {
            writeln!(out, "- `{}` in {}, and not in a second run", flaky.class, flaky.found_in)?;
        }
        if !report.drift.is_empty() {
            writeln!(out, "\n## Version drift\n\n| difference | agrees with | count | first in |\n|---|---|---:|---|")?;
        }
        for drift in &report.drift {
            writeln!(out, "| `{}` | {} | {} | {} |", drift.class, drift.agrees_with, drift.count, drift.found_in)?;
        }
        report.matrix.as_ref().map_or(Ok(()), |matrix| write_matrix(matrix, out))
    }
}

fn write_injections(counted: &Injections, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\n| fault | injected | at |\n|---|---:|---|")?;
    for fault in &counted.faults {
        let calls: Vec<String> = fault.calls.iter().map(|(call, count)| format!("{call} {count}")).collect();
        writeln!(out, "| {} | {} | {} |", fault.fault, fault.count, calls.join(", "))?;
    }
    writeln!(out, "\n{}", injections::sentence(counted))?;
    injections::absences(counted).try_for_each(|absence| writeln!(out, "\n- {absence}"))
}

fn write_checks(checks: &[Check], out: &mut dyn Write) -> io::Result<()> {
    if !checks.is_empty() {
        writeln!(out, "\n| check | | ops | |\n|---|---|---:|---|")?;
    }
    for check in checks {
        let verdict = match check.verdict {
            Verdict::Agree => "agree",
            Verdict::Diverge => "**diverge**",
            Verdict::Flaky => "flaky",
            Verdict::Missed => "**missed**",
            Verdict::Failed => "**failed**",
        };
        writeln!(out, "| {} | {verdict} | {} | {} |", check.name, check.ops, check.detail)?;
    }
    Ok(())
}

fn write_finding(finding: &Finding, out: &mut dyn Write) -> io::Result<()> {
    let commands = if finding.also.is_empty() { String::new() } else { format!(" (also {})", finding.also.join(", ")) };
    writeln!(out, "\n## {}{commands}\n", finding.class)?;
    writeln!(out, "{}×, first in {}.\n\n```diff", finding.count, finding.found_in)?;
    writeln!(out, "{}\n```", finding.diff.trim_end())?;
    if !finding.notes.is_empty() {
        writeln!(out, "\n```text\n{}\n```", finding.notes.join("\n"))?;
    }
    writeln!(out, "\nTo replay it: `{}`", finding.replay)
}

fn write_matrix(matrix: &Matrix, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\n## Matrix")?;
    sections(matrix).iter().try_for_each(|section| write_section(section, out))?;
    let unsent = matrix.unsent();
    if !unsent.is_empty() {
        writeln!(out, "\n### Not sent in this run\n\n{}", unsent.join(", "))?;
    }
    writeln!(out, "\n### Left out\n\n| command | reason |\n|---|---|")?;
    for left_out in &matrix.left_out {
        writeln!(out, "| {} | {} |", left_out.command, left_out.reason)?;
    }
    Ok(())
}

fn write_section(section: &Section, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\n### {}\n\n| {} |", section.name, section.headers.join(" | "))?;
    let Some(first) = section.lines.first() else { return Ok(()) };
    let rule = |cell: &Cell| if cell.is_number() { "---:" } else { "---" };
    writeln!(out, "|{}|", first.iter().map(rule).collect::<Vec<_>>().join("|"))?;
    for line in &section.lines {
        let cells: Vec<String> = line.iter().map(|cell| cell.text(|number| number.to_string())).collect();
        // A bar would end the cell.
        writeln!(out, "| {} |", cells.iter().map(|cell| cell.replace('|', "\\|")).collect::<Vec<_>>().join(" | "))?;
    }
    Ok(())
}
