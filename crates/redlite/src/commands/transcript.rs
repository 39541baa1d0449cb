//! Tests of commands as transcripts: each line that starts with `> ` is a command, the next one its reply.

use crate::env::{Clock, Random};
use crate::{Client, Options};
use resp::{Argv, Reply};

/// Plays a transcript on an empty store: its replies must be those that it shows. `""` is an empty argument.
pub(crate) fn check(transcript: &str) {
    let options = Options::new().clock(Clock::manual(1_700_000_000_000)).random(Random::seeded(1));
    let store = options.open_in_memory().expect("SQLite has memory");
    check_on(&mut store.client(), transcript);
}

/// As [`check`], on this client's store.
pub(super) fn check_on(client: &mut Client, transcript: &str) {
    let want: Vec<&str> = transcript.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let got: Vec<String> = want
        .iter()
        .filter_map(|line| line.strip_prefix("> "))
        .flat_map(|command| [format!("> {command}"), render(&client.execute(&arguments(command)))])
        .collect();
    assert_eq!(got.join("\n"), want.join("\n"));
}

/// Plays a transcript of several clients on an empty store. A line such as `2> GET k` is a command of client 2, `2>`
/// alone asks what has arrived there.
pub(super) fn check_clients(transcript: &str) {
    let options = Options::new().clock(Clock::manual(1_700_000_000_000)).random(Random::seeded(1));
    let store = options.open_in_memory().expect("SQLite has memory");
    let mut clients = std::collections::BTreeMap::new();
    let want: Vec<&str> = transcript.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let mut got = Vec::new();
    for line in &want {
        let Some((number, command)) = line.split_once('>').filter(|(number, _)| number.parse::<u8>().is_ok()) else {
            continue;
        };
        let client = clients.entry(number).or_insert_with(|| store.client());
        let reply = match command.trim() {
            "" => client.poll(),
            command => client.execute(&arguments(command)),
        };
        got.extend([(*line).to_owned(), render(&reply)]);
    }
    assert_eq!(got.join("\n"), want.join("\n"));
}

/// The words of a command; `""` is an empty one.
fn arguments(command: &str) -> Argv {
    command.split(' ').map(|arg| if arg == "\"\"" { "" } else { arg }).collect()
}

/// The reply on one line: an error as `-ERR …`, a null bulk as `nil`, a null array as `nil array`.
fn render(reply: &Reply) -> String {
    let list = |items: &[Reply]| items.iter().map(render).collect::<Vec<_>>().join(" ");
    match reply {
        Reply::Simple(text) => String::from_utf8_lossy(text).into_owned(),
        Reply::Error(text) => format!("-{}", String::from_utf8_lossy(text)),
        Reply::Int(value) => format!("{value}"),
        Reply::Bulk(bytes) => format!("\"{}\"", bytes.escape_ascii()),
        Reply::NullBulk => "nil".to_owned(),
        Reply::NullArray => "nil array".to_owned(),
        Reply::Array(items) => format!("[{}]", list(items)),
        Reply::Set(items) => format!("~[{}]", list(items)),
        Reply::Map(pairs) => {
            let pairs: Vec<_> =
                pairs.iter().map(|(key, value)| format!("{}: {}", render(key), render(value))).collect();
            format!("{{{}}}", pairs.join(", "))
        }
        Reply::Frames(frames) => format!("frames {}", list(frames)).trim_end().to_owned(),
        Reply::Pending => "pending".to_owned(),
        other => format!("{other:?}"),
    }
}
