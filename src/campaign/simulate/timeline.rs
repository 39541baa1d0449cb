//! What happened in a run, for people: a column for the server and one for each client, and the virtual time on the left.

use std::collections::{BTreeMap, BTreeSet};

use crate::targets::simulated::{Entry, Event, Life, Story, What};
use crate::trace::text::{format_op, format_reply};
use crate::trace::{Act, Header, Op};

/// How wide the time is.
const TIME_WIDTH: usize = 9;
/// What stands between two columns.
const GAP: usize = 2;
/// No column is narrower: clients for which there is no room share the last one.
const COLUMN_WIDTH_MIN: usize = 16;
/// No column is wider than most requests need.
const COLUMN_WIDTH_MAX: usize = 44;

/// One thing that happened.
#[derive(Debug)]
struct Row {
    /// In milliseconds from the start.
    at_ms: u64,
    /// `None` for the server.
    conn: Option<u16>,
    /// True for what a client does, and not for what comes to it.
    is_deed: bool,
    text: String,
}

/// What stands before two ops, the first of which has to come before the second.
const MARKS: [&str; 2] = ["❶ ", "❷ "];

/// A run of `ops` as lines of up to `width` characters, 50 at least. `pair` are two ops, by their indexes, that have to be
/// in this order for what is wrong to show.
pub fn draw(header: &Header, ops: &[Op], story: &Story, width: usize, pair: Option<(usize, usize)>) -> Vec<String> {
    let is_kept = |event: &&Event| event.what == What::Kept;
    let kept: BTreeSet<(u16, u32)> = story.events.iter().filter(is_kept).map(|event| (event.conn, event.nth)).collect();
    // What was there to the end goes because it is the end.
    let is_told = |event: &&Event| event.what != What::Closed || !kept.contains(&(event.conn, event.nth));
    let clients = story.events.iter().filter(is_told).filter_map(|event| client_row(ops, event, pair)).collect();
    let rows = merge(clients, server_rows(header, &story.lives));
    let table = Table::of(&rows, width);
    let mut lines = vec![table.head()];
    let mut told_ms = None;
    for row in &rows {
        let time = if told_ms == Some(row.at_ms) { String::new() } else { format_time(row.at_ms) };
        told_ms = Some(row.at_ms);
        lines.push(table.line(&time, row));
    }
    lines.extend(pair.map(|_| format!("{}has to come before {}", MARKS[0], MARKS[1]).trim_end().to_owned()));
    lines
}

/// Where what stands.
struct Table {
    /// Those of the columns behind the server's, and, where the last is shared, more.
    conns: Vec<u16>,
    /// How many columns there are.
    columns: usize,
    column_width: usize,
}

impl Table {
    fn of(rows: &[Row], width: usize) -> Self {
        let conns: BTreeSet<u16> = rows.iter().filter_map(|row| row.conn).collect();
        let room = width.saturating_sub(TIME_WIDTH).max(2 * COLUMN_WIDTH_MIN);
        let columns = (conns.len() + 1).min(room / COLUMN_WIDTH_MIN);
        let column_width = (room / columns).min(COLUMN_WIDTH_MAX) - GAP;
        Self { conns: conns.into_iter().collect(), columns, column_width }
    }

    /// True for the column of those that have none of their own.
    fn is_shared(&self, column: usize) -> bool {
        column + 1 == self.columns && self.conns.len() >= self.columns
    }

    fn column_of(&self, conn: u16) -> usize {
        let place = self.conns.iter().position(|it| *it == conn).unwrap_or(0);
        (place + 1).min(self.columns - 1)
    }

    fn head(&self) -> String {
        let name = |column: usize| match column.checked_sub(1) {
            None => "server".to_owned(),
            Some(_) if self.is_shared(column) => "others".to_owned(),
            Some(client) => format!("client {}", self.conns[client]),
        };
        let names =
            (0..self.columns).map(|column| format!("{:GAP$}{:width$}", "", name(column), width = self.column_width));
        format!("{:TIME_WIDTH$}{}", "", names.collect::<String>()).trim_end().to_owned()
    }

    fn line(&self, time: &str, row: &Row) -> String {
        let column = row.conn.map_or(0, |conn| self.column_of(conn));
        let whose = row.conn.filter(|_| self.is_shared(column)).map(|conn| format!("@{conn} ")).unwrap_or_default();
        let indent = GAP + column * (GAP + self.column_width);
        format!("{time:>TIME_WIDTH$}{:indent$}{}", "", shorten(&format!("{whose}{}", row.text), self.column_width))
    }
}

/// What happened to a client, where that is worth a line.
fn client_row(ops: &[Op], event: &Event, pair: Option<(usize, usize)>) -> Option<Row> {
    let told = |op: usize| format_op(&Op { conn: 0, ..ops[op].clone() });
    let mark = |op: usize| match pair {
        Some((first, _)) if first == op => MARKS[0],
        Some((_, second)) if second == op => MARKS[1],
        _ => "",
    };
    let (is_deed, text) = match &event.what {
        What::Opened if event.nth > 0 => (true, "connects again".to_owned()),
        What::Opened | What::Kept => return None,
        What::Sent { op } => (true, format!("{}{}", mark(*op), told(*op))),
        What::Closed => (true, "closes".to_owned()),
        What::Network { op } => (true, format!("{}⚡ {}", mark(*op), told(*op).trim_start_matches("!fault "))),
        What::Held { op } => {
            let text = format!("⚡ {}", told(*op).trim_start_matches("!fault "));
            return Some(Row { at_ms: event.at_us / 1000, conn: None, is_deed: false, text });
        }
        What::Received(reply) => (false, format!("← {}", format_reply(reply).replace('\n', " "))),
        What::Malformed(error) => (false, format!("← no reply: {error}")),
        What::Ended => (false, "is closed".to_owned()),
        What::Reset => (false, "is reset".to_owned()),
    };
    Some(Row { at_ms: event.at_us / 1000, conn: Some(event.conn), is_deed, text })
}

/// What the server did.
fn server_rows(header: &Header, lives: &[Life]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let row = |at_ms: u64, text: String| Row { at_ms, conn: None, is_deed: false, text };
    let since_start = |now_ms: i64| now_ms.abs_diff(header.start_ms);
    for life in lives {
        let mut names: BTreeMap<i64, &str> = BTreeMap::new();
        let (mut last_ms, mut is_committed) = (rows.last().map_or(0, |row| row.at_ms), true);
        for entry in &life.journal {
            match entry {
                Entry::Named { id, peer } => drop(names.insert(*id, peer.split('.').next().unwrap_or(peer))),
                Entry::Ran { id, now_ms, argv } => {
                    (last_ms, is_committed) = (since_start(*now_ms), false);
                    let request = format_op(&Op { conn: 0, act: Act::Call(argv.clone()) });
                    rows.push(row(last_ms, format!("@{} {request}", names.get(id).copied().unwrap_or("?"))));
                }
                Entry::Committed if !is_committed => {
                    is_committed = true;
                    rows.push(row(last_ms, "commits".to_owned()));
                }
                Entry::Undone { .. } => rows.push(row(last_ms, "undoes it".to_owned())),
                _ => {}
            }
        }
        if let Some(ended) = &life.ended {
            rows.push(row(ended.at_us / 1000, format!("⚡ {}", ended.how)));
        }
    }
    rows
}

/// Both in the order of time: within one moment, what clients do comes first, then the server, and then what comes of it.
fn merge(clients: Vec<Row>, server: Vec<Row>) -> Vec<Row> {
    let mut merged = Vec::with_capacity(clients.len() + server.len());
    let mut server = server.into_iter().peekable();
    for client in clients {
        let is_before = |row: &Row| row.at_ms < client.at_ms || row.at_ms == client.at_ms && !client.is_deed;
        merged.extend(std::iter::from_fn(|| server.next_if(is_before)));
        merged.push(client);
    }
    merged.extend(server);
    merged
}

fn format_time(ms: u64) -> String {
    match ms {
        0..10_000 => format!("{ms} ms"),
        10_000..3_600_000 => format!("{}.{:03} s", ms / 1000, ms % 1000),
        _ => format!("{} s", ms / 1000),
    }
}

/// The first so many characters of a text, and a sign where there are more.
fn shorten(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets::simulated::run;
    use crate::trace::Trace;

    #[track_caller]
    fn check(ops: &str, width: usize, pair: Option<(usize, usize)>, expected: &str) {
        let trace = Trace::parse(ops).expect("a trace");
        let story = run(&trace.header, &trace.ops).expect("a run");
        let drawn = draw(&trace.header, &trace.ops, &story, width, pair);
        assert_eq!(drawn.join("\n"), expected.trim_matches('\n'), "{ops}");
        drawn.iter().for_each(|line| assert!(line.chars().count() <= width, "{line}"));
    }

    #[test]
    fn each_client_has_a_column() {
        check(
            "BLPOP l 0\n!advance 5ms\n@1 RPUSH l a\n!advance 1ms\n!crash\n@1 LLEN l\n",
            70,
            Some((0, 2)),
            "
           server              client 0            client 1
     0 ms                      ❶ BLPOP l 0
           @0 BLPOP l 0
           commits
     5 ms                                          ❷ RPUSH l a
           @1 RPUSH l a
           commits
                                                   ← (integer) 1
                               ← - \"l\" - \"a\"
     6 ms  ⚡ the power went
                               is closed
                                                   is closed
     7 ms                                          connects again
                                                   LLEN l
           @1 LLEN l
           commits
                                                   ← (integer) 0
❶ has to come before ❷
",
        );
    }

    #[test]
    fn clients_for_whom_there_is_no_room_share_a_column() {
        check(
            "SET a-long-name a-value\n@1 PING\n@2 !fault reset\n",
            48,
            None,
            "
           server             others
     0 ms                     @0 SET a-long-na…
                              @1 PING
                              @2 ⚡ reset
           @1 PING
           commits
           @0 SET a-long-na…
           commits
                              @2 is reset
                              @1 ← PONG
                              @0 ← OK
",
        );
    }
}
