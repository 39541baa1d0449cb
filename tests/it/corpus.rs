//! The corpus as a user meets it: what was filed shows its bug again with no reference, also where no reply does.

use std::fs;

use crate::cli::Place;

/// SET leaves the time to live where it is, which no reply shows.
const CANARY: &str = "canary:set-keeps-ttl";

/// A place whose corpus holds what the oracle found of [`CANARY`].
fn filed() -> Place {
    let place = Place::new();
    place
        .run(&format!("dst oracle --seeds 60 --group expiry --shrinks 1 --subject {CANARY}"))
        .check(1, &["SET keyspace expiry"]);
    place
}

/// A trace of the class that holds replies and does not say what is held in the end, as of format 2.
const OLDER: &str = "# dst trace 2\nrecorded_by: redis 7.0.15\nreplies: yes\n\nSET k1 v EX 10\n  OK\nSET k1 w\n  OK\n";

fn write_into(place: &Place, class: &str, text: &str) {
    fs::create_dir_all(place.path().join("corpus").join(class)).expect("a directory");
    place.write(&format!("corpus/{class}/a.trace"), text);
}

#[test]
fn a_difference_that_no_reply_shows_is_found_again_without_a_reference() {
    let place = filed();
    place.run("PATH=/nowhere dst corpus test").check(0, &["all agree", "1 trace"]);
    let test = format!("PATH=/nowhere dst corpus test --subject {CANARY}");
    place.run(&test).check(1, &["SET keyspace expiry", "DIVERGE", "what both hold differs: expiry of key"]);
    place.run("cat corpus/*/*.trace | dst show").check(0, &["# dst trace 3", "!holds 0 k"]);
    place.run(&format!("cat corpus/*/*.trace | dst replay --subject {CANARY}")).check(1, &["dst replay found.trace"]);
    place.run(&format!("dst replay found.trace --subject {CANARY}")).check(1, &["SET keyspace expiry"]);
    let shared = format!("dst share corpus/*/*.trace | dst replay --subject {CANARY}");
    place.run(&shared).check(1, &["SET keyspace expiry"]);
}

#[test]
fn a_known_difference_is_added_once_and_is_not_stale_while_it_occurs() {
    let place = filed();
    let add = format!("dst corpus known add corpus/*/*.trace --subject {CANARY} --reason 'a slip'");
    place.run(&add).check(0, &["SET keyspace expiry is known from now on, in corpus/known.toml"]);
    place.run(&add).check(0, &["SET keyspace expiry is known already: a slip"]);
    let test = format!("dst corpus test --subject {CANARY}");
    place.run(&test).check(0, &["all agree", "known divergences occurred 1 times"]);
    place
        .run("dst corpus known add GET exact int/bulk --reason 'never seen'")
        .check(0, &["GET exact int/bulk is known"]);
    place.run(&test).check(1, &["the known divergence GET exact int/bulk no longer occurs"]);
    for (finding, why) in [
        ("get exact int/bulk", "commands are in capitals, here \"GET\""),
        ("GET exact", "is no class, which is COMMAND RULE KIND"),
        ("'*' exact int/bulk", "`*` matches nothing"),
        ("absent.trace", "absent.trace"),
    ] {
        place.run(&format!("dst corpus known add {finding} --reason no")).check_trouble(&[why]);
    }
    place
        .write("corpus/known.toml", "\n[[known]]\ncommand = \"*\"\nrule = \"exact\"\nkind = \"x\"\nreason = \"all\"\n");
    place.run(&test).check_trouble(&["corpus/known.toml:2: an entry is of one class, and `*` matches nothing"]);
}

#[test]
fn an_older_trace_is_no_pass_until_it_is_completed() {
    let place = Place::new();
    write_into(&place, "SET.keyspace.expiry", OLDER);
    let test = format!("dst corpus test --subject {CANARY}");
    place.run(&test).check(2, &["unchecked", "`dst corpus record` completes it", "incomplete"]);
    place.run("dst corpus record").check(0, &["completed corpus/SET.keyspace.expiry/a.trace"]);
    place.run(&test).check(1, &["SET keyspace expiry"]);
    place.run("dst corpus record").check(0, &["complete  corpus/SET.keyspace.expiry/a.trace"]);
    place.run("dst corpus test").check(0, &["all agree"]);
    write_into(&place, "GET.exact.int-vs-bulk", "\u{1}\u{2}");
    place.run("dst corpus record").check_trouble(&[
        "FAILED",
        "this is no trace",
        "1 of 2 traces could not be completed",
    ]);
}

#[test]
fn what_is_added_ends_where_it_diverges() {
    let place = Place::new();
    place.write("long.text", "SET k1 v EX 10\nSET k1 w\nSET k2 v\nGET k2\n");
    let add = format!("dst corpus add long.text --subject {CANARY}");
    place.run(&add).check(0, &["added corpus/SET.keyspace.expiry/"]);
    place.run(&add).check(0, &["holds the same operations already"]);
    assert!(!place.run("dst show corpus/*/*.trace").stdout.contains("k2"));
    place.run("dst corpus known add SET keyspace expiry --reason old").check(0, &["is known from now on"]);
    place.run(&format!("dst corpus test --subject {CANARY}")).check(0, &["known divergences occurred 1 times"]);
}

#[test]
fn what_a_crash_loses_shows_on_a_store_that_is_to_keep_it() {
    let place = Place::new();
    write_into(&place, "CRASH.keyspace.missing-key", "SET k v\nRPUSH l a b\n!crash\n");
    place.run("dst corpus record").check(0, &["completed"]);
    place.run("dst show corpus/*/*.trace").check(0, &["!holds 0 k string", "!holds 0 l list"]);
    place.run("dst corpus test").check(0, &["all agree"]);
    place.run("dst corpus test --subject redis").check(2, &["redis 7", "keeps nothing over one", "incomplete"]);
    let forgetful = "'exec:redis-server --port {port} --save \"\"'";
    place.run(&format!("dst corpus test --subject {forgetful}")).check(1, &["CRASH keyspace missing-key"]);
    let keeps = "'exec:redis-server --port {port} --dir {dir} --appendonly yes --appendfsync always'";
    place.run(&format!("dst corpus test --subject {keeps}")).check(0, &["all agree"]);
}

#[test]
fn a_recording_says_what_is_held_in_the_end() {
    let place = Place::new();
    place.write("by-hand.txt", "SET k v EX 60\nRPUSH \"a b\" x y\nDEL k2\n");
    let run = place.run("dst record by-hand.txt --from redis --text");
    run.check(
        0,
        &["\n!holds 0 k string until 1700000060000ms\n  \"v\"\n", "\n!holds 0 \"a b\" list\n  - \"x\"\n  - \"y\"\n"],
    );
    place.write("recorded.txt", &run.stdout);
    assert_eq!(place.run("dst show recorded.txt").stdout, run.stdout, "the text is read and printed again");
    assert!(!place.run("dst show recorded.txt --no-replies").stdout.contains("!holds"));
    place.run("dst replay recorded.txt").check(0, &["all agree"]);
    place.write("wrong.txt", &run.stdout.replace("  \"v\"\n", "  \"w\"\n"));
    place.run("dst replay wrong.txt").check(1, &["DEL keyspace value", "what both hold differs: value of key \"k\""]);
    place.run("dst record --seed 1 --ops 5 --text").check(0, &["# dst trace 3"]);
}

#[test]
fn where_a_target_fails_what_was_found_until_then_is_told() {
    let place = Place::new();
    let flawed = format!("{}/tests/it/servers/flawed.py", env!("CARGO_MANIFEST_DIR"));
    let ran = place.path().join("ran");
    place.write("once.sh", &format!("[ -e {0} ] && exit 3\ntouch {0}\nexec python3 '{flawed}' $1\n", ran.display()));
    fs::create_dir(place.path().join("traces")).expect("a directory");
    place.write("traces/a.trace", "# dst trace 1\n\nSET k v\nGET k\n");
    place.write("traces/b.trace", "# dst trace 1\n\nSET k v\nDIE\nGET k\n");
    place.write("traces/c.trace", "# dst trace 1\n\nSET k v\n");
    let once = format!("'exec:sh {}/once.sh {{port}}'", place.path().display());
    let told =
        ["agree  traces/a.trace", "FAILED  traces/b.trace", "does not start", "the 1 traces behind traces/b.trace"];
    let run = place.run(&format!("dst replay traces --against redis --subject {once}"));
    run.check_trouble(&told);
    run.check_trouble(&["dst: 1 of 3 traces could not be replayed"]);
}

#[test]
fn one_bad_file_among_several_is_a_check_that_failed() {
    const AGREES: &str = "# dst trace 1\nrecorded_by: redis 7.0.15\nreplies: yes\n\nPING\n  PONG\n";
    let place = Place::new();
    fs::create_dir(place.path().join("traces")).expect("a directory");
    place.write("traces/a.trace", "\u{1}\u{2}\u{3}");
    place.write("traces/b.trace", AGREES);
    place.write("traces/c.trace", &AGREES.replace("PONG", "OK"));
    place.write("traces/d.trace", "PING\n");
    place.write("traces/e.trace", &AGREES.replace("PING", "!fault disk_full 0\nPING"));
    place.write("traces/f.trace", AGREES);
    let told = [
        "FAILED  traces/a.trace",
        "this is no trace",
        "agree  traces/b.trace",
        "DIVERGE  traces/c.trace",
        "FAILED  traces/d.trace",
        "holds no replies to compare with",
        "FAILED  traces/e.trace",
        "run dst chaos traces/e.trace",
        "agree  traces/f.trace",
        "6 traces",
        "1 divergence in 1 trace",
        "dst: 3 of 6 traces could not be replayed",
    ];
    place.run("dst replay traces").check_trouble(&told);
    place.run("dst replay traces --format json").check(2, &["\"verdict\": \"failed\"", "\"verdict\": \"diverge\""]);
    write_into(&place, "PING.exact.simple-value", AGREES);
    write_into(&place, "GET.exact.int-vs-bulk", "\u{1}\u{2}");
    place.run("dst corpus test").check_trouble(&["FAILED", "agree", "1 of 2 traces could not be replayed"]);
}
