//! The report as one JSON object with raw numbers.

use std::io::{self, Write};

use super::{Check, Format, Report};

/// `--format json`
#[derive(Debug)]
pub(super) struct Json;

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
        serde_json::to_writer_pretty(&mut *out, report)?;
        writeln!(out)
    }
}
