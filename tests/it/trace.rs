//! Trace files of every version ever released stay readable.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use redlite_dst::trace::{Limits, Reader, Trace};

/// A trace of format `version` in binary, and the same as text. Each has every act and every kind of reply.
fn golden(version: u16, extension: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/it/golden/v{version}.{extension}"))
}

fn read(path: &Path) -> Trace {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Reader::open(Box::new(Cursor::new(bytes)), Limits::default())
        .and_then(Reader::read_all)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[track_caller]
fn check(version: u16) {
    assert_eq!(read(&golden(version, "trace")), read(&golden(version, "text")), "format {version}");
}

#[test]
fn every_format_ever_released_is_read() {
    check(1);
}

/// Fails where a change of the writer changes the file, also by another zstd: then the format is a new one only if
/// [`every_format_ever_released_is_read`] fails too; else write the golden file again.
#[test]
fn the_newest_format_is_written_byte_for_byte() {
    let written = read(&golden(1, "text")).write_binary(Vec::new()).expect("memory does not fail");
    let want = fs::read(golden(1, "trace")).expect("the golden file is part of the sources");
    assert!(written == want, "format 1 is written differently: {} bytes, {} before", written.len(), want.len());
}

#[test]
fn the_text_is_printed_as_it_was_read() {
    let printed = read(&golden(1, "text")).write_text(Vec::new()).expect("memory does not fail");
    let want = fs::read_to_string(golden(1, "text")).expect("the golden file is part of the sources");
    assert_eq!(String::from_utf8_lossy(&printed), want);
}

#[test]
fn the_content_hash_is_the_same_on_every_machine() {
    let trace = read(&golden(1, "trace"));
    let hash = trace.content_hash();
    assert_eq!(hash, "700017b355feaf9ebd699ed609c2734712fb8e59daa1b32c8ecbb912074fbd8c");
    let noted = Trace { header: redlite_dst::trace::Header { note: "other".into(), ..trace.header.clone() }, ..trace };
    assert_eq!(noted.content_hash(), hash, "the note does not count");
}
