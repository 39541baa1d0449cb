//! Whatever bytes a stranger sends as a trace: read, or refused with one error; never a panic, never much memory.
#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use redlite_dst::trace::{Limits, Reader};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(mut reader) = Reader::open(Box::new(Cursor::new(bytes.to_vec())), Limits::default()) {
        while let Ok(Some(_)) = reader.next_block() {}
    }
});
