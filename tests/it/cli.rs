//! The `dst` program as a user meets it: pipes, exit codes, what it says, what it leaves behind.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A directory to run `dst` in, which is also where it puts its temporary files.
pub struct Place {
    dir: TempDir,
}

/// What a run came to.
pub struct Run {
    line: String,
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Place {
    pub fn new() -> Self {
        let place = Self { dir: TempDir::new().expect("a temporary directory") };
        fs::create_dir(place.dir.path().join("tmp")).expect("a directory");
        place
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).expect("a file of the test is written");
    }

    /// A shell line, with `dst` in it where it is to run.
    fn command(&self, line: &str) -> Command {
        let line = line.replace("dst ", &format!("{} ", env!("CARGO_BIN_EXE_dst")));
        let mut command = Command::new("sh");
        command.args(["-c", &line]).current_dir(self.path()).env("TMPDIR", self.path().join("tmp"));
        command.env_remove("REDIS_URL").stdin(Stdio::null());
        command
    }

    pub fn run(&self, line: &str) -> Run {
        let Output { status, stdout, stderr } = self.command(line).output().expect("sh runs");
        let text = |bytes| String::from_utf8_lossy(bytes).replace(env!("CARGO_BIN_EXE_dst"), "dst");
        Run { line: line.to_owned(), code: status.code(), stdout: text(&stdout), stderr: text(&stderr) }
    }

    /// The temporary files that are left.
    fn leftovers(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path().join("tmp")).expect("the directory for temporary files is there");
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    /// The processes that name this place in their arguments.
    fn processes(&self) -> Vec<String> {
        let place = self.path().to_string_lossy().into_owned();
        let entries = fs::read_dir("/proc").expect("this test reads /proc");
        let lines = entries.flatten().filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
        lines.map(|line| String::from_utf8_lossy(&line).into_owned()).filter(|line| line.contains(&place)).collect()
    }
}

impl Run {
    /// The exit code, and words that stdout and stderr together must hold.
    pub fn check(&self, code: i32, words: &[&str]) -> &Self {
        let Run { line, stdout, stderr, .. } = self;
        let told = format!("`{line}` said:\n{stdout}\nand on stderr:\n{stderr}");
        assert_eq!(self.code, Some(code), "exit code; {told}");
        for word in words {
            assert!(stdout.contains(word) || stderr.contains(word), "{word:?} is missing; {told}");
        }
        self
    }

    /// A wrong call or a broken file is told in one go, with no trace of a panic.
    pub fn check_trouble(&self, words: &[&str]) {
        self.check(2, words);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
    }
}

/// Two ops, with the replies that a Redis gave.
const AGREES: &str = "# dst trace 1\nrecorded_by: redis 7.0.15\nreplies: yes\n\nSET k v\n  OK\nGET k\n  \"v\"\n";
/// The same, with a reply that no server gives.
const DIVERGES: &str = "# dst trace 1\nrecorded_by: redis 7.0.15\nreplies: yes\n\nSET k v\n  OK\nGET k\n  \"w\"\n";

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let place = Place::new();
    place.run("dst record --seed 5 -o a && dst record --seed 5 > b && cmp a b").check(0, &[]);
    place.run("dst record --seed 6 > c && cmp a c").check(1, &["differ"]);
}

#[test]
fn a_record_is_replayed_through_a_pipe() {
    let place = Place::new();
    let run = place.run("dst record --seed 5 | dst replay --subject redis --against redis");
    run.check(0, &["all agree", "1 000 ops", "redis 7.0.15 against redis 7.0.15"]);
    place.run("dst record --seed 5 --text | dst replay - --subject redis --against redis").check(0, &["all agree"]);
    assert_eq!(place.leftovers(), [""; 0]);
}

#[test]
fn a_folder_of_recorded_traces_needs_no_redis() {
    let place = Place::new();
    fs::create_dir_all(place.path().join("traces/more")).expect("a directory");
    place.write("traces/b.trace", AGREES);
    place.write("traces/more/c.trace", AGREES);
    place.write("traces/a.trace", DIVERGES);
    place.write("traces/notes.txt", "no trace");
    let run = place.run("PATH=/nowhere dst replay traces");
    run.check(1, &["redis 7.0.15 (recorded)", "3 traces", "1 divergence in 1 trace", "dst replay traces/a.trace"]);
    let told: Vec<String> = run
        .stdout
        .lines()
        .take(3)
        .map(|line| line.split("  ").map(str::trim).filter(|it| !it.is_empty()).take(2).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(told, ["DIVERGE traces/a.trace", "agree traces/b.trace", "agree traces/more/c.trace"]);
}

#[test]
fn a_divergence_comes_with_a_line_that_shows_it_again() {
    let place = Place::new();
    place.write("bug.trace", DIVERGES);
    let run = place.run("dst replay bug.trace");
    run.check(
        1,
        &["GET exact bulk-value", "-     \"w\"", "+     \"v\"", "To replay the first:\n  dst replay bug.trace"],
    );

    let run = place.run("cat bug.trace | dst replay");
    run.check(1, &["dst replay found.trace"]);
    place.run("dst replay found.trace").check(1, &["GET exact bulk-value"]);
}

#[test]
fn an_issue_with_prose_around_a_block_is_a_trace() {
    let place = Place::new();
    place.write("a.trace", AGREES);
    place.run("(echo 'I ran this:'; dst share a.trace; echo 'and wondered.') > issue.md").check(0, &[]);
    place.run("dst replay issue.md").check(0, &["all agree"]);
    place.run("dst replay - < issue.md").check(0, &["all agree"]);
    place.run("dst show < issue.md").check(0, &["SET k v", "  \"v\""]);
}

#[test]
fn wrong_usage_and_broken_files_exit_2() {
    let place = Place::new();
    place.write("a.trace", AGREES);
    place.write("garbage.trace", "\u{1}\u{2}\u{3}");
    place.run("dst record --ops 300 > good && head -c 500 good > cut.trace").check(0, &[]);
    fs::create_dir(place.path().join("empty")).expect("a directory");
    let check = |line: &str, words: &[&str]| place.run(line).check_trouble(words);
    check("dst replay --no-such-flag", &["unexpected argument '--no-such-flag'"]);
    check("dst record --group nonsense", &["possible values", "mixed"]);
    check("dst replay a.trace --subject nonsense", &["there is no target \"nonsense\"", "redlite:FILE"]);
    check("dst replay absent.trace", &["absent.trace", "No such file"]);
    check("dst replay empty", &["no *.trace files below this folder"]);
    check("dst replay garbage.trace", &["garbage.trace", "this is no trace"]);
    check("dst replay cut.trace --against redlite", &["cut.trace", "cut off"]);
    check("dst show cut.trace", &["cut off"]);
    check("dst record --ops 5 | dst replay", &["stdin holds no replies", "--against redis"]);
    check("dst replay a.trace --timeout 0", &["must be above 0"]);
    check("PATH=/nowhere dst oracle --seeds 1", &["--redis", "apt install redis-server", "Docker"]);
    check("dst seeds test", &["holds no seeds"]);
    check("dst corpus test", &["corpus holds no traces"]);
}

#[test]
fn a_pipe_that_closes_early_ends_quietly() {
    let place = Place::new();
    let run = place.run("{ dst record --ops 1000000; echo record exits $? >&2; } | head -c 100 > head");
    run.check(0, &["record exits 0\n"]);
    assert_eq!(run.stderr, "record exits 0\n");
}

#[test]
fn the_oracle_agrees_with_itself() {
    let place = Place::new();
    let run = place.run("dst oracle --seeds 20 --ops 50 --subject redis --jobs 2");
    run.check(0, &["all agree", "20 seeds, 1 000 ops", "mixed, seeds 0 to 19, 50 ops each"]);
    assert_eq!(run.stderr, "", "there is no progress where stderr is no terminal");
    assert_eq!((place.leftovers(), place.processes()), (vec![], vec![]));
}

/// A server that knows few commands, as a target.
fn flawed() -> String {
    format!("'exec:python3 {}/tests/it/servers/flawed.py {{port}}'", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn what_the_oracle_finds_does_not_depend_on_the_jobs() {
    let place = Place::new();
    let report = |jobs: u32| {
        let subject = flawed();
        let line = format!(
            "dst oracle --seeds 6 --ops 20 --group strings --subject {subject} --shrinks 1 --jobs {jobs} --format json"
        );
        let run = place.run(&line);
        run.check(1, &[]);
        let mut report: serde_json::Value = serde_json::from_str(&run.stdout).expect("the report is JSON");
        report["timing"].take();
        report
    };
    let one = report(1);
    assert_eq!(one["totals"]["seeds"], 6);
    assert!(one["findings"].as_array().is_some_and(|findings| !findings.is_empty()), "{one:#}");
    assert_eq!(one, report(2));
}

#[test]
fn the_trace_that_the_oracle_keeps_shows_the_divergence_again() {
    let place = Place::new();
    let subject = "canary:set-keeps-ttl";
    place
        .run(&format!("dst oracle --seeds 20 --group expiry --subject {subject} --shrinks 1"))
        .check(1, &["corpus/", "1-minimal"]);
    let run = place.run("dst corpus list");
    run.check(0, &["2 ops", "shrunk from seed"]);
    place.run(&format!("dst corpus test --subject {subject}")).check(1, &["1 divergence in 1 trace"]);
    place.run("dst corpus test --subject redis").check(0, &["all agree"]);
    let known = ["command = \"GET\"", "rule = \"exact\"", "kind = \"null-bulk\"", "reason = \"old\""].join("\n");
    place.write("corpus/known.toml", &format!("[[known]]\n{known}\n"));
    place
        .run("dst corpus test --subject redis")
        .check(1, &["the known divergence GET exact null-bulk no longer occurs"]);
}

#[test]
fn what_was_found_once_is_replayed_for_ever() {
    let replay = format!("cd '{}' && dst corpus test", env!("CARGO_MANIFEST_DIR"));
    Place::new().run(&replay).check(0, &["all agree", "25 traces"]);
}

#[test]
fn a_server_that_dies_or_hangs_diverges_and_the_campaign_goes_on() {
    let place = Place::new();
    fs::create_dir(place.path().join("traces")).expect("a directory");
    place.write("traces/a.trace", "# dst trace 1\n\nSET k v\nDIE\nGET k\n");
    place.write("traces/b.trace", "# dst trace 1\n\nSET k v\nHANG\nGET k\n");
    place.write("traces/c.trace", "SET k v\nGET k\n");
    let run = place.run(&format!("dst replay traces --against redis --timeout 0.5 --subject {}", flawed()));
    run.check(1, &["op 1: UNKNOWN exact closed", "op 1: UNKNOWN exact hung", "agree  traces/c.trace"]);
    run.check(1, &["subject: the server died: exit status: 7", "subject: the server hung"]);
    assert_eq!((place.leftovers(), place.processes()), (vec![], vec![]));
    let line = "dst replay traces/a.trace --against redis --format json --subject";
    place.run(&format!("{line} {}", flawed())).check(1, &["\"subject: the server died: exit status: 7"]);
}

#[test]
fn a_group_needs_a_reference_that_knows_its_commands() {
    let place = Place::new();
    place.run("dst oracle --group search --seeds 1").check_trouble(&["RediSearch, which redis 7", "does not have"]);
    place.run("dst oracle --group search --seeds 20 --against redlite").check(0, &["all agree"]);
}

#[test]
fn a_reply_that_does_not_come_is_never_truth() {
    let place = Place::new();
    let dies = fs::read_to_string(format!("{}/tests/it/servers/flawed.py", env!("CARGO_MANIFEST_DIR")));
    place.write("dies.py", &dies.expect("the server is there").replace("\"DIE\"", "\"APPEND\""));
    let server = format!("'exec:python3 {}/dies.py {{port}}'", place.path().display());
    let record = format!("dst record --group strings --ops 200 --from {server} --output a.trace");
    place.run(&record).check_trouble(&["gave no reply to op", "`APPEND ", "no truth to record", "exit status: 7"]);
    place.write("append.trace", "APPEND k v\n");
    place
        .run(&format!("dst replay append.trace --subject {server} --against {server}"))
        .check(1, &["op 0: APPEND exact reference-closed"]);
    place.run(&format!("dst corpus add append.trace --against {server}")).check_trouble(&["no truth to keep"]);
    place.run(&format!("dst shrink append.trace --against {server}")).check_trouble(&["no truth to keep"]);
}

#[test]
fn the_seed_bank_is_kept_and_run() {
    let place = Place::new();
    place.run("dst seeds add 17 --group lists 'a hot list'").check(0, &["added"]);
    place.run("dst seeds add 17 --group lists 'again'").check(0, &["already"]);
    place.run("dst seeds list").check(0, &["17  lists  a hot list"]);
    place.run("dst seeds test --subject redis").check(0, &["agree  seed 17 of lists", "all agree"]);
}

#[test]
fn smoke_runs_every_part_and_misses_none() {
    let place = Place::new();
    let run = place.run("dst smoke --subject redis");
    run.check(1, &["agree  seeds of sorted-sets", "traces is missing: a skipped check is no pass"]);
    fs::create_dir(place.path().join("traces")).expect("a directory");
    place.run("dst smoke --subject redis").check(1, &["traces holds no traces: a skipped check is no pass"]);
    place.write("traces/a.trace", AGREES);
    // What dst chaos found is not for smoke: it cannot inject it.
    fs::create_dir_all(place.path().join("corpus/chaos/kill.chaos.torn-write")).expect("a directory");
    place.write("corpus/chaos/kill.chaos.torn-write/a.trace", "!fault kill 0\nSET k v\n");
    place
        .run("dst smoke --subject redis")
        .check(0, &["agree  traces/a.trace", "agree  canary:lrange-end is found", "all agree"]);
}

fn wait_for(child: &mut Child, what: &str, mut done: impl FnMut(&mut Child) -> bool) {
    let started = Instant::now();
    while !done(child) {
        if started.elapsed() > Duration::from_secs(30) {
            // It may have ended already.
            let _ = child.kill();
            panic!("{what} took more than 30 s");
        }
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn ctrl_c_reports_what_was_done_and_leaves_nothing_behind() {
    let place = Place::new();
    let mut child = Command::new(env!("CARGO_BIN_EXE_dst"))
        .args(["oracle", "--seeds", "100000000", "--subject", "redis", "--jobs", "2"])
        .current_dir(place.path())
        .env("TMPDIR", place.path().join("tmp"))
        .env_remove("REDIS_URL")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("dst runs");
    wait_for(&mut child, "starting four servers", |_| place.leftovers().len() == 4);
    sleep(Duration::from_millis(500));
    kill_process(Pid::from_child(&child), Signal::INT).expect("dst takes a signal");
    wait_for(&mut child, "stopping", |child| child.try_wait().is_ok_and(|status| status.is_some()));
    let Output { status, stdout, stderr } = child.wait_with_output().expect("dst has ended");
    let mut told = String::from_utf8_lossy(&stdout).into_owned();
    String::from_utf8_lossy(&stderr).as_bytes().read_to_string(&mut told).expect("it is text");
    assert_eq!(status.code(), Some(2), "{told}");
    assert!(told.contains("this is what was done so far") && told.contains("dst: interrupted after"), "{told}");
    assert_eq!((place.leftovers(), place.processes()), (vec![], vec![]));
}

#[test]
fn a_second_ctrl_c_ends_at_once_and_leaves_no_server() {
    let place = Place::new();
    fs::copy(format!("{}/tests/it/servers/flawed.py", env!("CARGO_MANIFEST_DIR")), place.path().join("flawed.py"))
        .expect("the server is there");
    place.write("hang.trace", "# dst trace 1\n\nHANG\n");
    let subject = format!("exec:python3 {}/flawed.py {{port}}", place.path().display());
    let mut child = Command::new(env!("CARGO_BIN_EXE_dst"))
        .args(["replay", "hang.trace", "--against", "redlite", "--timeout", "300", "--subject", &subject])
        .current_dir(place.path())
        .env("TMPDIR", place.path().join("tmp"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("dst runs");
    wait_for(&mut child, "starting the server", |_| place.processes().len() == 2);
    sleep(Duration::from_secs(1));
    for _ in 0..2 {
        kill_process(Pid::from_child(&child), Signal::INT).expect("dst takes a signal");
        sleep(Duration::from_millis(200));
    }
    wait_for(&mut child, "ending", |child| child.try_wait().is_ok_and(|status| status.is_some()));
    wait_for(&mut child, "the end of the server", |_| place.processes().is_empty());
}

#[test]
fn what_another_reference_does_is_drift_and_fails_nothing() {
    let place = Place::new();
    let run = |against: &str| {
        place.run(&format!("dst oracle --seeds 60 --group expiry --subject canary:set-keeps-ttl --shrinks 1 {against}"))
    };
    run("--against redis").check(1, &["SET keyspace expiry", "--against redis --subject canary:set-keeps-ttl"]);
    run("--against redis --against redlite").check(1, &["SET keyspace expiry", "--against redis --against redlite"]);
    let told = run("--against redis --against canary:set-keeps-ttl");
    told.check(0, &["all agree", "drift  SET keyspace expiry", "as canary:set-keeps-ttl", "version drift"]);

    place.run("dst corpus list").check(0, &["SET.keyspace.expiry"]);
    let line = "dst replay corpus --subject canary:set-keeps-ttl --against redis";
    place.run(line).check(1, &["DIVERGE"]);
    place.run(&format!("{line} --against canary:set-keeps-ttl")).check(0, &["all agree", "drift  SET keyspace expiry"]);
}

#[test]
fn the_matrix_tells_what_each_command_came_to() {
    let place = Place::new();
    let oracle = "dst oracle --seeds 30 --group lists --group sets --matrix --subject canary:lrange-end --shrinks 0";
    let run = place.run(oracle);
    run.check(
        1,
        &["lists, sets, seeds 0 to 29", "60 seeds", "requests  succeeded", "not sent in this run", "left out"],
    );
    assert!(run.stdout.lines().any(|line| line.starts_with("LRANGE ") && line.contains(char::is_numeric)));
    place.run(&format!("{oracle} --format markdown")).check(1, &["### lists", "| LRANGE | ", "|---:|", "```diff"]);

    let report: serde_json::Value =
        serde_json::from_str(&place.run(&format!("{oracle} --format json")).stdout).expect("the report is JSON");
    let rows = report["matrix"]["rows"].as_array().expect("there are rows");
    let row = |name: &str| rows.iter().find(|row| row["command"] == name).unwrap_or_else(|| panic!("no row of {name}"));
    let lrange = row("LRANGE");
    assert!(lrange["diverged"].as_u64() > Some(0) && lrange["agreed"].as_u64() > Some(0), "{lrange:#}");
    assert!(lrange["replies"]["array"].as_u64() == lrange["succeeded"].as_u64(), "{lrange:#}");
    assert!(row("LPOS")["options"]["MAXLEN"].as_u64() > Some(0), "{:#}", row("LPOS"));
    assert_eq!(row("ZADD")["family"], "sorted-sets");
    let eval =
        report["matrix"]["left_out"].as_array().and_then(|rows| rows.iter().find(|row| row["command"] == "EVAL"));
    assert!(eval.is_some_and(|eval| eval["reason"].as_str().is_some_and(|why| why.contains("Lua"))), "{eval:?}");
}

#[test]
fn commands_that_a_server_lacks_are_one_finding_and_the_others_are_still_compared() {
    let place = Place::new();
    let line = format!("dst oracle --seeds 4 --ops 50 --shrinks 1 --errors code --subject {} --format", flawed());
    place.run(&format!("{line} console")).check(1, &["commands are unsupported by the subject", "1-minimal"]);
    let report: serde_json::Value =
        serde_json::from_str(&place.run(&format!("{line} json")).stdout).expect("the report is JSON");
    let findings = report["findings"].as_array().expect("there are findings");
    let (unsupported, others): (Vec<_>, Vec<_>) = findings.iter().partition(|it| it["class"]["kind"] == "unsupported");
    assert_eq!((unsupported.len(), others.is_empty()), (1, false), "{report:#}");
    assert!(unsupported[0]["also"].as_array().is_some_and(|also| also.len() > 10), "{report:#}");
    assert_eq!(report["flaky"], serde_json::json!([]), "{report:#}");
}

/// Both clocks are real, and are asked for times within a transaction.
#[test]
fn a_real_redis_agrees_with_another_on_times_that_exec_answers() {
    let place = Place::new();
    // Each server gets the transaction at another time, by more than its times may differ.
    place.write(
        "times.txt",
        "BLPOP none 0.05\nMULTI\nSETEX k 1 v\nEXPIRETIME k\nPEXPIRETIME k\nEXEC\nSET j v EX 100\nEXPIRETIME j\n",
    );
    place
        .run("dst replay times.txt --against redis --subject 'exec:redis-server --port {port}'")
        .check(0, &["all agree"]);
}
