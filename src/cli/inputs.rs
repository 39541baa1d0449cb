//! The traces that arguments name: files, folders, stdin.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};

use crate::campaign::files;
use crate::trace::{Limits, Reader, Trace, Writer};

/// One trace to read.
#[derive(Debug)]
pub(super) enum Input {
    /// A file.
    File(PathBuf),
    /// stdin.
    Stdin,
}

impl Input {
    /// `-` is stdin, anything else a file.
    pub fn one(path: &Path) -> Self {
        if path == Path::new("-") { Input::Stdin } else { Input::File(path.to_owned()) }
    }

    /// Every trace that `paths` name, folders opened; stdin where there are none.
    pub fn many(paths: &[PathBuf]) -> anyhow::Result<Vec<Self>> {
        if paths.is_empty() {
            return Ok(vec![Input::Stdin]);
        }
        let mut inputs = Vec::new();
        for path in paths {
            if path.is_dir() {
                let found = files::list(path)?;
                ensure!(!found.is_empty(), "{}: no *.{} files below this folder", path.display(), files::EXTENSION);
                inputs.extend(found.into_iter().map(Input::File));
            } else {
                inputs.push(Input::one(path));
            }
        }
        Ok(inputs)
    }

    /// As people know it.
    pub fn name(&self) -> String {
        match self {
            Input::File(path) => path.display().to_string(),
            Input::Stdin => "stdin".to_owned(),
        }
    }

    /// Opens it, and reads the header.
    pub fn open(&self) -> anyhow::Result<Reader> {
        match self {
            Input::File(path) => Ok(files::open(path)?),
            Input::Stdin => Reader::open(stdin()?, Limits::default()).context("stdin"),
        }
    }

    /// Reads it whole.
    pub fn read(&self) -> anyhow::Result<Trace> {
        self.open()?.read_all().with_context(|| self.name())
    }
}

fn stdin() -> anyhow::Result<Box<dyn Read + Send>> {
    if io::stdin().is_terminal() {
        bail!("no trace given: name a file or a folder, or pipe one in, as in `dst record | dst replay`");
    }
    Ok(Box::new(io::stdin()))
}

/// stdin, with a copy of what was read from it in an unnamed temporary file, so that a trace from a pipe can be
/// kept where it diverges.
pub(super) struct Spool {
    copy: File,
}

impl Spool {
    /// Opens stdin as a trace that is copied while it is read.
    pub fn open() -> anyhow::Result<(Self, Reader)> {
        let copy = tempfile::tempfile().context("cannot create a temporary file for stdin")?;
        let tee = Tee { source: stdin()?, copy: copy.try_clone().context("cannot share a temporary file")? };
        let reader = Reader::open(Box::new(tee), Limits::default()).context("stdin")?;
        Ok((Self { copy }, reader))
    }

    /// Writes the ops up to and with `last` to a trace file.
    pub fn save(mut self, path: &Path, last: usize) -> anyhow::Result<()> {
        self.copy.seek(SeekFrom::Start(0))?;
        let mut reader = Reader::open(Box::new(self.copy), Limits::default())?;
        let (mut left, mut is_whole) = (last + 1, true);
        let mut writer = None;
        while left > 0 {
            let Some(block) = reader.next_block()? else { break };
            let writer = match &mut writer {
                Some(writer) => writer,
                none => {
                    let file = File::create_new(path)?;
                    none.insert(Writer::new(io::BufWriter::new(file), reader.header(), block.replies.is_some())?)
                }
            };
            for (at, op) in block.ops.iter().take(left).enumerate() {
                writer.write(op, block.replies.as_ref().map(|replies| &replies[at]))?;
            }
            is_whole = block.ops.len() <= left;
            left = left.saturating_sub(block.ops.len());
        }
        if let Some(mut writer) = writer {
            // Of a trace that was not read to its end, the copy is cut off.
            if is_whole && matches!(reader.next_block(), Ok(None)) {
                reader.take_keyspace().iter().try_for_each(|keyspace| writer.write_keyspace(keyspace))?;
            }
            writer.finish()?.flush()?;
        }
        Ok(())
    }
}

struct Tee {
    source: Box<dyn Read + Send>,
    copy: File,
}

impl Read for Tee {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(bytes)?;
        self.copy.write_all(&bytes[..count])?;
        Ok(count)
    }
}

/// The first name that no file has: `found.trace`, `found-2.trace`, …
pub(super) fn free_name() -> PathBuf {
    let numbered = (2..u32::MAX).map(|number| PathBuf::from(format!("found-{number}.{}", files::EXTENSION)));
    std::iter::once(PathBuf::from(format!("found.{}", files::EXTENSION)))
        .chain(numbered)
        .find(|path| !path.exists())
        .unwrap_or_default()
}
