//! Input and output that hash what passes.

use std::io::{self, BufRead, Read, Write};

use sha2::{Digest, Sha256};

use super::columns::short_digest;

/// Hashes what is written.
pub struct HashedWriter<W> {
    out: W,
    hash: Sha256,
}

impl<W: Write> HashedWriter<W> {
    pub fn new(out: W) -> Self {
        Self { out, hash: Sha256::new() }
    }

    /// The output, and the digest of all that was written.
    pub fn into_parts(self) -> (W, u64) {
        (self.out, short_digest(self.hash))
    }
}

impl<W: Write> Write for HashedWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Hashes what is read.
pub struct HashedReader<R> {
    source: R,
    hash: Sha256,
}

impl<R: BufRead> HashedReader<R> {
    pub fn new(source: R) -> Self {
        Self { source, hash: Sha256::new() }
    }

    /// The digest of all that was read so far.
    pub fn digest(&self) -> u64 {
        short_digest(self.hash.clone())
    }
}

impl<R: BufRead> Read for HashedReader<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let len = self.source.fill_buf()?.read(buf)?;
        self.consume(len);
        Ok(len)
    }
}

impl<R: BufRead> BufRead for HashedReader<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.source.fill_buf()
    }

    fn consume(&mut self, len: usize) {
        // What is consumed has just been shown by `fill_buf`, so this reads nothing.
        if let Ok(shown) = self.source.fill_buf() {
            self.hash.update(&shown[..len.min(shown.len())]);
        }
        self.source.consume(len);
    }
}
