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
