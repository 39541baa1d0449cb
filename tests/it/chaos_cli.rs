//! `dst chaos` as a user meets it: what it refuses, what it says, and its exit codes.

use super::cli::Place;

/// Keeps its data in memory: a kill loses them.
const FORGETFUL: &str = "'exec:redis-server --port {port} --dir {dir} --appendonly no --save \"\"'";

/// Words that tell trouble, of a line that ends with exit code 2.
fn check_refused(line: &str, words: &[&str]) {
    Place::new().run(line).check_trouble(words);
}

/// The same for a trace of this text, which is named in what is told.
fn check_trace_refused(text: &str, flags: &str, words: &[&str]) {
    let place = Place::new();
    place.write("t.trace", text);
    let run = place.run(&format!("dst chaos t.trace {flags}"));
    run.check_trouble(words);
    assert!(run.stderr.contains("t.trace"), "{}", run.stderr);
}

#[test]
fn what_a_server_of_its_own_process_cannot_do_is_refused_by_name() {
    let line = |flags: &str| format!("dst chaos --seeds 1 --subject exec:true {flags}");
    check_refused(&line("--faults disk_full,kill"), &["kill and connection_drop only, not disk_full"]);
    check_refused(&line("--faults all,vacuum"), &["invalid value 'vacuum'"]);
    check_refused(&line("--exhaustive"), &["--exhaustive cannot be used with --subject exec:"]);
    check_refused(&line("--sync full --shrinks 2 --jobs 1"), &["--sync, --jobs, --shrinks cannot be used"]);
    check_refused("dst chaos t.trace --subject exec:true", &["TRACE cannot be used with --subject exec:"]);
}

#[test]
fn what_would_be_ignored_is_refused() {
    for flag in ["--faults kill", "--seeds 3", "--first-seed 3", "--ops 3", "--group lists"] {
        let (option, _) = flag.split_once(' ').expect("an option and its value");
        check_refused(&format!("dst chaos t.trace {flag}"), &["cannot be used with", option]);
    }
    check_refused("dst chaos --exhaustive --faults kill", &["'--exhaustive' cannot be used with '--faults"]);
    check_refused("dst chaos --seeds 1 --trace-io --format json", &["'--trace-io' cannot be used with '--format"]);
    check_refused("dst chaos --connections 4", &["--connections takes --subject exec:COMMAND"]);
    check_refused("dst chaos --exhaustive --ops 51", &["traces of up to 50 ops, not 51"]);
}

#[test]
fn a_subject_that_is_none_is_told_with_those_that_are() {
    for name in ["nope", "redis", "canary:nope"] {
        let told =
            [&format!("there is no subject \"{name}\""), "  redlite ", "exec:COMMAND", "canary:swallows-sync-errors"];
        check_refused(&format!("dst chaos --seeds 1 --subject {name}"), &told);
    }
}

#[test]
fn a_trace_that_cannot_be_judged_is_refused_with_its_file_and_op() {
    check_trace_refused(
        "SET k v\n!fault fire 1\n",
        "",
        &["t.trace: op 1: there is no fault \"fire\"; there are disk_full,"],
    );
    check_trace_refused(
        "!fault kill\nSET k v\n",
        "",
        &["t.trace: op 0: the fault kill takes NTH (0 to 100000), not []"],
    );
    check_trace_refused("SET k v\n!fault page_size 0\n", "", &["t.trace: op 1: page_size must stand before all ops"]);
    check_trace_refused(
        "!fault kill 0\nSET k v\n",
        "--exhaustive",
        &["t.trace: op 0: ", "no faults of its own, such as kill"],
    );
}

#[test]
fn a_trace_with_faults_is_for_chaos() {
    let place = Place::new();
    place.write("t.trace", "!fault kill 0\nSET k v\nGET k\n");
    let replay = "dst replay t.trace --against redlite";
    place.run(replay).check_trouble(&["t.trace holds the fault kill", "run dst chaos t.trace"]);
    let run = place.run("dst chaos t.trace");
    run.check(
        0,
        &["every invariant held", "kill  1×", "t.trace; the faults that it holds; sync full, checksums", "3 ops in"],
    );
    assert!(!run.stdout.contains("seed"), "{}", run.stdout);
}

#[test]
fn a_fault_strikes_one_request_of_raw_bytes() {
    let place = Place::new();
    place.run("dst chaos --group protocol --seeds 20 --ops 20").check(0, &["every invariant held", "protocol, seeds"]);
    place.run("dst chaos --group all --seeds 1 --first-seed 3 --ops 20").check(0, &["blocking, protocol, keys, "]);
    place.write("t.trace", "!fault io_error 4 1 3\n!raw \"SET a 1\\r\\nSET b 2\\r\\nSET c 3\\r\\n\"\n");
    place
        .run("dst chaos t.trace")
        .check(0, &["io_error  1×  write 1", "1 command told that the storage failed", "4 ops in"]);
    let run = place.run("dst chaos t.trace --trace-io --output io.txt && grep -v '^ ' io.txt");
    run.check(0, &["!fault io_error 4 1 3\nSET a 1\nSET b 2  ✗ io_error\nSET c 3\n"]);
    let run = place.run("dst chaos t.trace --subject canary:panics-where-a-command-fails");
    run.check(1, &["io_error chaos panic", "!fault io_error 0 1 0\n   1  SET k1 0\n", "4 → 2 ops"]);
    place.write("t.trace", "!fault connection_drop 1 1\n!raw \"SET a 1\\r\\nSET b 2\\r\\nSET c 3\\r\\n\"\n");
    place.run("dst chaos t.trace").check(0, &["connection_drop  1×", "4 ops in"]);
}

#[test]
fn what_was_found_once_is_run_for_ever() {
    let found = format!("dst chaos '{}/corpus/chaos'", env!("CARGO_MANIFEST_DIR"));
    Place::new().run(&found).check(0, &["every invariant held", "7 traces; the faults that it holds"]);
}

#[test]
fn a_client_that_closes_its_half_gets_its_reply_and_leaves_nothing_behind() {
    let place = Place::new();
    place.write("t.trace", "MULTI\n!fault connection_drop 0 2\nSET a 1\nEXEC\nGET a\n");
    place.run("dst chaos t.trace").check(0, &["connection_drop  1×", "5 ops in"]);
    place.write("t.trace", "!fault connection_drop 0 2\nBLPOP l 0\n@1 RPUSH l 1\n@1 LLEN l\n");
    place.run("dst chaos t.trace").check(0, &["connection_drop  1×", "4 ops in"]);
}

#[test]
fn what_a_restart_keeps_is_compared_with_a_redis_that_is_not_restarted() {
    let place = Place::new();
    let replay = "dst replay t.trace --against redis --subject faulty";
    let check = |text: &str, code: i32, words: &[&str]| {
        place.write("t.trace", text);
        place.run(replay).check(code, words);
    };
    check("SET k v\n@1 MULTI\n!crash\nGET k\n@1 EXEC\n!fault vacuum\n!restart\nGET k\n", 0, &["all agree", "8 ops"]);
    check("!fault slow_write 0 9 5000\n!fault page_size 0\nSET k v\n!fault checkpoint\nTTL k\n", 0, &["all agree"]);
    check(
        "SET k v\n@1 MULTI\n!fault older_file\nGET k\n@1 EXEC\nZADD z 1 m\n!fault older_file\nTYPE z\n",
        0,
        &["all agree"],
    );
    // What the client sees of a fault is a divergence.
    check(
        "!fault disk_full 0 1\nSET k v\n",
        1,
        &["op 1: SET exact ok/error-misconf", "MISCONF Errors writing to the store"],
    );
    check("SET k v\n!fault kill 0\nSET k w\nGET k\n", 1, &["op 2: SET exact closed"]);
    check("!fault connection_drop 0 2\nSELECT 2\nSET a 1\n", 1, &["op 1: SELECT exact "]);
    place.run("dst replay t.trace --against faulty --subject redis").check_trouble(&["no target but faulty injects"]);
}

#[test]
fn the_help_for_faults_says_what_each_number_means() {
    let run = Place::new().run("dst chaos --faults help");
    let meanings = [
        "io_error NTH TIMES KIND",
        "0 any call, 1 open, 2 read",
        "1 all is kept",
        "0 a flipped bit, 1 a sector of zeros",
    ];
    run.check(0, &meanings);
    let (faults, in_traces) = run.stdout.split_once("In traces only").expect("upkeep stands apart");
    for name in ["checkpoint", "vacuum", "open_twice", "older_file", "page_size"] {
        assert!(!faults.contains(name) && in_traces.contains(name), "{name}: {}", run.stdout);
    }
    assert!(faults.contains("  holds  ") && !in_traces.contains("  holds  "), "{}", run.stdout);
    let long: Vec<&str> = run.stdout.lines().filter(|line| line.chars().count() > 80).collect();
    assert_eq!(long, [""; 0], "lines of more than 80 characters");
}

#[test]
fn a_fault_that_never_struck_is_a_check_that_was_not_made() {
    let place = Place::new();
    let run = place.run("dst chaos --seeds 1 --ops 1 --faults memory_pressure,disk_full");
    run.check_trouble(&["unchecked  never injected: ", "more --seeds or --ops", "incomplete"]);
    assert!(!run.stdout.contains("every invariant held"), "{}", run.stdout);
    let run = place.run("dst chaos --seeds 1 --ops 1 --faults disk_full --format markdown");
    run.check_trouble(&["# dst chaos: **incomplete**", "- unchecked: never injected: disk_full"]);
    place.write("t.trace", "SET k v\n");
    place.run("dst chaos t.trace").check_trouble(&["unchecked  no fault of the traces struck anything"]);
    place.write("t.trace", "SET k v\n!crash\nGET k\n");
    place.run("dst chaos t.trace").check(0, &["every invariant held"]);
    place.write("t.trace", "!fault disk_full 50 1\n!fault kill 0\nSET k v\n");
    place
        .run("dst chaos t.trace")
        .check(0, &["kill  1×", "planned, and struck nothing: disk_full\n", "every invariant"]);
}

#[test]
fn one_seed_is_whole_although_not_every_fault_is_in_it() {
    let place = Place::new();
    let seed = "dst chaos --seeds 1 --first-seed 3";
    let run = place.run(seed);
    run.check(
        0,
        &[
            "every invariant held",
            "\nplanned in no seed: disk_full, ",
            "\nplanned, and struck nothing: corrupt_write\n",
        ],
    );
    assert!(!run.stdout.contains("unchecked"), "{}", run.stdout);
    let absent =
        ["# dst chaos: every invariant held", "\n- planned in no seed: disk_full, ", "\n- planned, and struck"];
    place.run(&format!("{seed} --format markdown")).check(0, &absent);
    let run = place.run(&format!("{seed} --format json"));
    let report: serde_json::Value = serde_json::from_str(&run.check(0, &[]).stdout).expect("the report is JSON");
    assert_eq!(report["injections"]["unplanned"][0], "disk_full");
    assert_eq!(report["injections"]["unstruck"], serde_json::json!(["corrupt_write"]));
    // `all` names none of them, and who names one wants it.
    place.run(&format!("{seed} --faults all")).check(0, &["every invariant held"]);
    let run = place.run(&format!("{seed} --faults all,corrupt_write"));
    run.check_trouble(&["unchecked  never injected: corrupt_write; more --seeds", "incomplete"]);
    place.run("dst chaos --seeds 1 --ops 1").check_trouble(&["unchecked  no fault struck anything; more --seeds"]);
}

#[test]
fn a_violation_is_told_with_its_subject_and_what_was_asked_for() {
    let place = Place::new();
    let line = "dst chaos --seeds 40 --ops 20 --group strings --faults crash_mid_write --subject canary:forgets-to-sync-the-log";
    let run = place.run(line);
    run.check(
        1,
        &[
            "violation",
            "canary:forgets-to-sync-the-log against redlite ",
            "strings, seeds 0 to 39",
            "crash_mid_write; sync full",
        ],
    );
    run.check(1, &["To replay the first:\n  dst chaos corpus/chaos/"]);
    assert!(!run.stdout.contains("divergence"), "{}", run.stdout);
    let blank: Vec<&str> = run.stdout.lines().filter(|line| line.ends_with(' ')).collect();
    assert_eq!(blank, [""; 0], "lines with blanks at their end");
    let run = place.run(&format!("{line} --format markdown"));
    run.check(1, &["# dst chaos: **not every invariant held**"]);
    assert!(!run.stdout.contains("replies compared"), "{}", run.stdout);
}

#[test]
fn the_report_for_programs_says_what_was_asked_for() {
    let run = Place::new().run("dst chaos --seeds 1 --ops 5 --exhaustive --sync normal --no-checksums --format json");
    run.check(0, &[]);
    let report: serde_json::Value = serde_json::from_str(&run.stdout).expect("the report is JSON");
    assert_eq!(report["scope"], "mixed, seed 0, 5 ops each; at every point; sync normal, no checksums");
    let calls = &report["injections"]["faults"][0]["calls"];
    assert!(calls.as_object().is_some_and(|calls| calls.values().all(serde_json::Value::is_u64)), "{report:#}");
}

#[test]
fn exhaustive_takes_twenty_ops_unless_told_otherwise() {
    let run = Place::new().run("dst chaos --exhaustive --seeds 1 --group lists");
    run.check(
        0,
        &["every invariant held", "lists, seed 0, 20 ops each; at every point", "the power lost at ", "1 seed, "],
    );
}

#[test]
fn trace_io_marks_the_call_that_was_struck() {
    let place = Place::new();
    place.write("t.trace", "!fault io_error 0 1 3\nSET k v\nGET k\n");
    let run = place.run("dst chaos t.trace --trace-io --output io.txt && cat io.txt");
    run.check(0, &["SET k v  ✗ io_error\n"]);
    let struck: Vec<&str> = run.stdout.lines().filter(|line| line.starts_with("  ") && line.ends_with('✗')).collect();
    assert!(matches!(struck[..], [call] if call.contains(" write store.db")), "{}", run.stdout);
}

#[test]
fn a_server_that_forgets_is_told_in_the_same_words() {
    let place = Place::new();
    let line = format!("dst chaos --seeds 2 --ops 30 --group lists --connections 4 --subject {FORGETFUL}");
    let run = place.run(&line);
    run.check(1, &["kill chaos lost-write", "violation in 2 seeds", "writes acknowledged", "when it was killed"]);
    run.check(1, &["lists, seeds 0 to 1, 30 ops each on 4 connections; kill, connection_drop", " against redlite "]);
    place.run(&format!("{line} --faults kill")).check(1, &["on 4 connections; kill\n"]);
}
