//! Where results go: stdout or a file, and what a closed pipe means.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;

use anyhow::Context;

/// The reader of our stdout has gone. It has what it wanted: no failure, and nothing to say.
#[derive(Debug, thiserror::Error)]
#[error("the pipe was closed")]
struct PipeClosed;

/// stdout that tells [`PipeClosed`] from a broken pipe of any other kind, such as a server's socket.
struct Stdout(io::Stdout);

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(name_closed_pipe)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(name_closed_pipe)
    }
}

fn name_closed_pipe(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::BrokenPipe { io::Error::other(PipeClosed) } else { error }
}

/// True where the error is that nobody reads our stdout any more.
pub(super) fn is_pipe_closed(error: &anyhow::Error) -> bool {
    error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>()?.get_ref()).any(|inner| inner.is::<PipeClosed>())
}

/// `-` or nothing is stdout; anything else is a file that is created or overwritten.
fn is_stdout(path: Option<&Path>) -> bool {
    path.is_none_or(|path| path == Path::new("-"))
}

/// True where bytes written to `path` would land on somebody's terminal.
pub(super) fn is_terminal(path: Option<&Path>) -> bool {
    is_stdout(path) && io::stdout().is_terminal()
}

/// Opens stdout or a file for bytes, buffered. The caller flushes.
pub(super) fn open_bytes(path: Option<&Path>) -> anyhow::Result<Box<dyn Write>> {
    Ok(match path {
        Some(path) if !is_stdout(Some(path)) => {
            let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
            Box::new(BufWriter::with_capacity(1 << 16, file))
        }
        _ => Box::new(BufWriter::with_capacity(1 << 16, Stdout(io::stdout()))),
    })
}

/// A report whose reader may go: the check goes on, and its exit code still says what it came to.
struct Unread<W>(Option<W>);

impl<W: Write> Unread<W> {
    fn unless_gone<T>(&mut self, gone: T, write: impl FnOnce(&mut W) -> io::Result<T>) -> io::Result<T> {
        let Some(out) = &mut self.0 else { return Ok(gone) };
        let written = write(out);
        if written.as_ref().is_err_and(|error| error.get_ref().is_some_and(|inner| inner.is::<PipeClosed>())) {
            self.0 = None;
            return Ok(gone);
        }
        written
    }
}

impl<W: Write> Write for Unread<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.unless_gone(bytes.len(), |out| out.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.unless_gone((), |out| out.flush())
    }
}

/// As [`open_text`], for a report: a reader that goes is no failure, and ends nothing.
pub(super) fn open_report(path: Option<&Path>) -> anyhow::Result<Box<dyn Write>> {
    Ok(Box::new(Unread(Some(open_text(path)?))))
}

/// Opens stdout or a file for text. Colours are kept only where a terminal shows them.
pub(super) fn open_text(path: Option<&Path>) -> anyhow::Result<Box<dyn Write>> {
    let bytes = open_bytes(path)?;
    let coloured = is_terminal(path) && anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never;
    Ok(if coloured { bytes } else { Box::new(anstream::StripStream::new(bytes)) })
}
