//! The report as one JSON object with raw numbers.

use std::io::{self, Write};

use serde::Serialize;

use super::{Check, Format, Report};

/// `--format json`
#[derive(Debug)]
pub(super) struct Json;

/// The report, and what follows from it.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    report: &'a Report,
    /// The share of the replies that were compared, from 0 to 1.
    judged_share: f64,
}

impl Format for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn about(&self) -> &'static str {
        "One JSON object, for programs"
    }

    fn check(&self, _check: &Check, _name_width: usize, _out: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    fn finish(&self, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        let told = Told { report, judged_share: report.totals.judged_share() };
        serde_json::to_writer_pretty(&mut *out, &told)?;
        writeln!(out)
    }
}
