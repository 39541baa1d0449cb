//! The panel of wrong servers: a proxy before a real redis-server, which plants any number of bugs at once, drawn by
//! seed from a table. What dst finds of them, and how short, is how good it is; see `tools/panel`.
//!
//! A bug stands between the client and the server: it rewrites a request or a reply, or undoes an effect by another
//! request. Requests that no bug is in the way of pass as they are, so that a panel without bugs is a Redis. To add a bug:
//! a row and a function in its family's file.

mod blocking;
mod bugs;
mod campaigns;
mod connections;
mod exchange;
mod expiry;
mod hashes;
mod keys;
mod lists;
mod pubsub;
mod reading;
mod replies;
mod requests;
mod score;
mod server;
mod server_commands;
mod sets;
mod sorted_sets;
mod streams;
mod strings;
mod transactions;
mod turn;

use std::env;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use redlite_dst::corpus::Store;
use redlite_dst::trace::{Header, Limits};

use score::{Bench, ENDED, score};

/// How long a reply may take before it is taken for none: less than dst gives by default, as some bugs hang.
const DEADLINE: Duration = Duration::from_secs(2);

/// Does nothing, but where `DST_PANEL=PORT:BUGS` is set: then it is the panel, and serves until it is killed.
#[test]
fn serve() {
    let Ok(asked) = env::var("DST_PANEL") else { return };
    let (port, bugs) = asked.split_once(':').unwrap_or_else(|| panic!("DST_PANEL={asked} is no PORT:BUGS"));
    let port = port.parse().unwrap_or_else(|why| panic!("DST_PANEL={asked}: {why}"));
    let control = env::var_os("DST_PANEL_CONTROL").map(PathBuf::from);
    server::serve(port, bugs, control).unwrap_or_else(|why| panic!("DST_PANEL={asked}: {why}"));
}

/// Does nothing, but where `DST_PANEL_FOUND=FOLDER` names a corpus that was filled with `DST_PANEL_BUGS=BUGS` planted: then
/// it prints what was found of them. `DST_PANEL_REPORT=FILE` is the report.
#[test]
fn score_of_a_corpus() {
    let (Ok(folder), Ok(text)) = (env::var("DST_PANEL_FOUND"), env::var("DST_PANEL_BUGS")) else { return };
    let planted = bugs::parse(&text).unwrap_or_else(|why| panic!("DST_PANEL_BUGS={text}: {why}"));
    let store = Store::new(folder);
    let items = store.list().expect("the corpus can be listed");
    let names: Vec<String> = items.iter().map(|item| item.path.display().to_string()).collect();
    let load = |item| store.load(item, Limits::default()).expect("a filed trace can be read");
    let findings: Vec<_> = items.iter().map(load).collect();
    let mut bench = Bench::start(DEADLINE).expect("both servers start");
    let mut score = score(&mut bench, &findings, &planted).expect("both servers run");
    let report =
        env::var("DST_PANEL_REPORT").map(|path| fs::read_to_string(path).expect("a report")).unwrap_or_default();
    if report.lines().any(|line| line.starts_with(ENDED)) {
        score.tell_ended(&planted);
    }
    println!("\n{}", score.describe(&planted, &names));
}

/// A bug's shortest trace shows it, and shows nothing on a panel without bugs.
#[test]
fn every_bug_shows_in_its_shortest_trace() {
    let mut bench = Bench::start(DEADLINE).expect("both servers start");
    let header = Header::default();
    let mut wrong = Vec::new();
    for bug in bugs::every_bug().iter().filter(|bug| bug.id() != "dies-once-a-minute") {
        let trace = bug.trace();
        match bench.diverges(&header, &bug.ops(), "none") {
            Ok(false) => {}
            Ok(true) => wrong.push(format!("{}: diverges with no bug planted: {trace:?}", bug.name())),
            Err(why) => wrong.push(format!("{}: with no bug planted: {why}", bug.name())),
        }
        match bench.diverges(&header, &bug.ops(), &bug.name()) {
            Ok(true) => {}
            Ok(false) => wrong.push(format!("{}: ({}) is not shown by {trace:?}", bug.name(), bug.wrong())),
            Err(why) => wrong.push(format!("{}: {why}", bug.name())),
        }
    }
    assert!(wrong.is_empty(), "{} of the bugs:\n{}", wrong.len(), wrong.join("\n"));
}
