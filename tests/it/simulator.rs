//! The build carries the deterministic simulator: what runs in it is decided by the seed alone.

/// What two tasks of one simulation saw: the order in which they woke, and the simulated time of each.
#[cfg(madsim)]
fn simulate(seed: u64) -> Vec<(u32, u128)> {
    let run = move || {
        let runtime = madsim::runtime::Runtime::with_seed_and_config(seed, madsim::Config::default());
        runtime.block_on(async {
            let start = madsim::time::Instant::now();
            let tasks = (0..8u32).map(|task| {
                madsim::task::spawn(async move {
                    let wait_ms = madsim::rand::random::<u64>() % 1000;
                    madsim::time::sleep(std::time::Duration::from_millis(wait_ms)).await;
                    (task, start.elapsed().as_millis())
                })
            });
            let mut woken = Vec::new();
            for task in tasks.collect::<Vec<_>>() {
                woken.push(task.await.expect("the task ends"));
            }
            woken
        })
    };
    // Hash keys are per thread: each simulation gets a fresh one.
    std::thread::spawn(run).join().expect("the simulation ends")
}

#[cfg(madsim)]
#[test]
fn a_simulation_follows_from_its_seed() {
    assert_eq!(simulate(5), simulate(5));
    assert_ne!(simulate(5), simulate(6));
}

#[cfg(not(madsim))]
#[test]
fn the_build_carries_the_simulator() {
    panic!("built without --cfg madsim: RUSTFLAGS in the environment replace those of .cargo/config.toml; unset it");
}

/// Every scenario, seed by seed and each twice: what clients get is right, and the same to the last event.
#[cfg(madsim)]
#[test]
fn many_clients_get_what_one_would() {
    let place = crate::cli::Place::new();
    place
        .run("dst simulate --seeds 25 --check-determinism")
        .check(0, &["every invariant held", "redlite in simulation", "kill", "recoveries"]);
}

/// A run that is written down: two clients in turns, and what happens between them.
#[cfg(madsim)]
#[track_caller]
fn check(ops: &str, code: i32, words: &[&str]) {
    let place = crate::cli::Place::new();
    place.write("run.trace", ops);
    place.run("dst simulate run.trace").check(code, words);
}

#[cfg(madsim)]
#[test]
fn a_run_is_a_trace() {
    check(
        "!fault latency 5 5\n@1 BLPOP l 0\n!advance 20ms\nRPUSH l a b\n@1 LLEN l\n!advance 20ms\n!close\n",
        0,
        &["all agree", "run.trace"],
    );
    check("!fault room 1\nSET k v\nGET k\n!fault clog\nGET k\n!close\n@1 GET k\n", 0, &["all agree"]);
    check("SET k v\n!fault rain\n", 2, &["op 1: there is no fault \"rain\""]);
    check("SET k v\n!fault corrupt_read 0 1 0 0\n", 2, &["op 1: no corrupt_read in a simulation"]);
}

/// Who has said QUIT gets the replies that were due, and no message that comes later.
#[cfg(madsim)]
#[test]
fn who_quits_gets_no_message_any_more() {
    let ops = "PUBSUB\n@1 PUBLISH\n!advance 0ms\n@2 !fault hold_turn 2 0\n@1 PUBLISH\n@2 PUBSUB\n@3 PSUBSCRIBE c*\n\
               !fault hold_turn 0 0\n@2 !close\nCLIENT\n!advance 2ms\n@3 QUIT\n@3 CLIENT\n@2 PUBLISH c: v3\n@1 HELLO\n\
               !advance 0ms\n@1 PUBLISH c: v3\n";
    check(ops, 0, &["all agree"]);
}

/// A server that dies and comes back: what it had answered is there, and what it had not is there whole or not at all.
#[cfg(madsim)]
#[test]
fn what_a_server_has_committed_outlasts_it() {
    for fault in ["kill", "power_loss", "crash_mid_write"] {
        let args = match fault {
            "kill" => "2",
            "power_loss" => "2 0 0 0",
            _ => "2 77",
        };
        let ops = format!("SET k v\n!advance 5ms\n!fault {fault} {args}\nSET k w\n!advance 5ms\nGET k\n");
        check(&ops, 0, &["all agree"]);
    }
    check("SET k v\n@1 SUBSCRIBE c\n!restart\nGET k\n@1 GET k\n!crash\nINCR n\n", 0, &["all agree"]);
}

/// A server that stops in the middle of a batch gives those who wait what the batch has for them.
#[cfg(madsim)]
#[test]
fn who_waits_is_answered_before_the_server_stops() {
    let ops =
        "BLPOP k 0\n@1 !advance 3ms\n@1 !fault hold_reply 0 0\n@1 RPUSH k v\n@1 !advance 0ms\n@1 HELLO\n@1 !restart\n";
    check(ops, 0, &["all agree"]);
    let ops = "BZPOPMIN k 0.001\n@1 !advance 3ms\n@1 !fault hold_reply 0 0\n@1 MULTI\n@1 !advance 0ms\n@1 HELLO\n@1 !restart\n";
    check(ops, 0, &["all agree"]);
}

/// A disk that fails: nothing is kept of what was answered so, also where it fails again as that is taken back.
#[cfg(madsim)]
#[test]
fn what_the_disk_refused_does_not_come_back() {
    check("!fault io_error 0 1 5\nSET k v\n!advance 5ms\nGET k\n!crash\nGET k\n", 0, &["all agree"]);
    check("!fault io_error 0 1 5\n!fault power_loss 3 1 0 4\nSETRANGE k 0 v\n!advance 0ms\n", 0, &["all agree"]);
    check("!fault schedule 1590092378\n!advance 0ms\nSADD k 0\n!fault io_error 4 4 0\n!restart\n", 0, &["all agree"]);
    check("!fault disk_full 0 1\nMULTI\nSET k v\nSET l w\nEXEC\n!advance 5ms\nMGET k l\n", 0, &["all agree"]);
}

#[cfg(madsim)]
#[test]
fn scenarios_are_listed_and_a_wrong_one_is_told() {
    let place = crate::cli::Place::new();
    place.run("dst simulate --scenario help").check(0, &["concurrent_operations", "connection_storm"]);
    place.run("dst simulate --scenario storm").check_trouble(&["there is no scenario \"storm\"", "partition"]);
}

/// What another build is compared with.
#[cfg(madsim)]
#[test]
fn a_run_is_printed_to_its_last_event() {
    let place = crate::cli::Place::new();
    place
        .run("dst simulate --seeds 2 --scenario partition,mixed --print hashes")
        .check(0, &["partition 0 ", "mixed 0 ", "partition 1 ", "mixed 1 "]);
    place.run("dst simulate --scenario partition --seeds 1 --print events").check(0, &["what: Opened", "Committed"]);
    place.run("dst simulate --print hash").check_trouble(&["[possible values: hashes, events]"]);
}
