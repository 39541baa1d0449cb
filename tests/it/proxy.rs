//! A server whose every reply is right: nothing is wrong with it, however it comes. See `servers/proxy.py`.

use crate::cli::Place;

/// The oracle on a real Redis behind a proxy with this trait: the exit code, and what is told.
#[track_caller]
fn check(with: &str, groups: &str, code: i32, words: &[&str]) {
    let script = format!("{}/tests/it/servers/proxy.py", env!("CARGO_MANIFEST_DIR"));
    let subject = format!("--subject \"exec:python3 '{script}' {{port}} {with}\"");
    Place::new().run(&format!("dst oracle {subject} --group {groups} --seeds 20")).check(code, words);
}

#[test]
fn on_a_slow_server_waits_and_lives_end_as_on_a_fast_one() {
    check("slow", "blocking --group expiry --group hyperloglog", 0, &["all agree"]);
}

#[test]
fn connections_may_be_closed_between_traces() {
    check("drops", "sets --group strings", 0, &["all agree"]);
    check("closes", "sets --group strings", 0, &["all agree", "it closes the connection behind FLUSHALL"]);
}

#[test]
fn without_flushall_nothing_else_is_wrong() {
    let words = ["2 commands are unsupported by the subject", "1 divergence in 0 seeds", "removed by DEL"];
    check("no-flush", "sets --group strings", 1, &words);
}
