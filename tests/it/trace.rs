//! Trace files of every version ever released stay readable.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use redlite_dst::generate::{self, Generator};
use redlite_dst::seed::Seed;
use redlite_dst::trace::{Limits, Reader, Trace, Writer};
use sha2::{Digest, Sha256};

/// The format that is written.
const NEWEST: u16 = 3;

/// A trace of format `version` in binary, and the same as text. Each has every act and every kind of
/// reply, and the newest what is held in the end.
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
    (1..=NEWEST).for_each(check);
}

/// Fails where a change of the writer changes the file, also by another zstd: then the format is a new one only if
/// [`every_format_ever_released_is_read`] fails too; else write the golden file again.
#[test]
fn the_newest_format_is_written_byte_for_byte() {
    let written = read(&golden(NEWEST, "text")).write_binary(Vec::new()).expect("memory does not fail");
    let want = fs::read(golden(NEWEST, "trace")).expect("the golden file is part of the sources");
    assert!(written == want, "format {NEWEST} is written differently: {} bytes, {} before", written.len(), want.len());
}

#[test]
fn the_text_is_printed_as_it_was_read() {
    let printed = read(&golden(NEWEST, "text")).write_text(Vec::new()).expect("memory does not fail");
    let want = fs::read_to_string(golden(NEWEST, "text")).expect("the golden file is part of the sources");
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

/// `dst record --seed 5`
#[test]
fn a_seed_gives_the_same_file_for_ever() {
    let group = generate::group("mixed").expect("the default group");
    let mut generator = Generator::new(&generate::Options { seed: Seed(5), group });
    let mut writer = Writer::new(Vec::new(), &generator.header(), false).expect("memory does not fail");
    for _ in 0..1000 {
        writer.write(&generator.next_op(), None).expect("memory does not fail");
    }
    let file = writer.finish().expect("memory does not fail");
    let hash: String = Sha256::digest(&file).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        hash, "20f32cc155c14278a56cf9e7500eeee8134bf2379bfc358302127a74b178c2a0",
        "the generator (then raise GENERATOR), the format (then raise FORMAT) or zstd has changed"
    );
}
