use std::fmt;
use std::ops::Index;

use smallvec::SmallVec;

/// A request: the command's name and its arguments, as raw bytes, in one buffer.
///
/// Nothing between the generator and the target looks inside, so any bytes are allowed, also none at all.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Argv {
    bytes: Vec<u8>,
    /// Where each argument ends in `bytes`.
    ends: SmallVec<[u32; 6]>,
}

impl Argv {
    /// An empty request.
    #[inline]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty request with room for `bytes` bytes of arguments.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), ends: SmallVec::new() }
    }

    /// Appends one argument. All arguments together stay below 4 GiB.
    #[inline]
    pub fn push(&mut self, arg: &[u8]) {
        self.bytes.extend_from_slice(arg);
        self.end_arg();
    }

    /// Appends one argument that `write` writes at the end of the buffer.
    #[inline]
    pub fn push_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.bytes);
        self.end_arg();
    }

    /// True where this argument is this word, in capitals or not.
    #[inline]
    pub fn says(&self, at: usize, word: &str) -> bool {
        self.get(at).is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()))
    }

    /// True for a request of this one word.
    #[inline]
    pub fn is_word(&self, word: &str) -> bool {
        self.len() == 1 && self.says(0, word)
    }

    fn end_arg(&mut self) {
        let end = u32::try_from(self.bytes.len()).expect("a request is smaller than 4 GiB");
        self.ends.push(end);
    }

    /// Drops every argument and keeps the memory.
    #[inline]
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// How many arguments there are, the command's name included.
    #[inline]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// True for a request without even a command name.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The sum of the arguments' lengths, in bytes.
    #[inline]
    pub fn bytes_len(&self) -> usize {
        self.bytes.len()
    }

    /// The argument at `at`; 0 is the command's name.
    #[inline]
    pub fn get(&self, at: usize) -> Option<&[u8]> {
        let end = *self.ends.get(at)? as usize;
        let start = if at == 0 { 0 } else { self.ends[at - 1] as usize };
        Some(&self.bytes[start..end])
    }

    /// The arguments in their order, the command's name first.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> + DoubleEndedIterator {
        (0..self.len()).map(|at| &self[at])
    }

    /// Appends the request as a RESP array of bulk strings, the form in which clients send it.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.reserve(self.bytes.len() + 16 * (self.len() + 1));
        super::encode::write_length(b'*', self.len(), out);
        for arg in self.iter() {
            super::encode::write_length(b'$', arg.len(), out);
            out.extend_from_slice(arg);
            out.extend_from_slice(b"\r\n");
        }
    }
}

impl Index<usize> for Argv {
    type Output = [u8];

    #[inline]
    fn index(&self, at: usize) -> &[u8] {
        let start = if at == 0 { 0 } else { self.ends[at - 1] as usize };
        &self.bytes[start..self.ends[at] as usize]
    }
}

impl<A: AsRef<[u8]>> FromIterator<A> for Argv {
    fn from_iter<I: IntoIterator<Item = A>>(args: I) -> Self {
        let mut argv = Argv::new();
        for arg in args {
            argv.push(arg.as_ref());
        }
        argv
    }
}

impl<A: AsRef<[u8]>, const N: usize> From<[A; N]> for Argv {
    fn from(args: [A; N]) -> Self {
        args.iter().collect()
    }
}

impl<A: AsRef<[u8]>> From<&[A]> for Argv {
    fn from(args: &[A]) -> Self {
        args.iter().collect()
    }
}

impl<A: AsRef<[u8]>> From<Vec<A>> for Argv {
    fn from(args: Vec<A>) -> Self {
        args.iter().collect()
    }
}

impl From<&Argv> for Argv {
    fn from(argv: &Argv) -> Self {
        argv.clone()
    }
}

impl fmt::Debug for Argv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, arg) in self.iter().enumerate() {
            if at > 0 {
                f.write_str(" ")?;
            }
            write!(f, "\"{}\"", arg.escape_ascii())?;
        }
        Ok(())
    }
}
