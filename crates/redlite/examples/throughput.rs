//! What a connection does in a second of CPU, in memory: with and without SQLite's flags, or on another machine.
//!
//! `cargo run --release -p redlite --example throughput`

use std::time::Instant;

use redlite::{Argv, Redlite};

const REQUESTS: u64 = 200_000;
const ROUNDS: usize = 7;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let commands = ["SET k{} value", "GET k{}", "HSET hash f{} value", "LPUSH list v{}", "ZADD zset {} m{}"];
    for command in commands {
        let requests: Vec<Argv> = (0..REQUESTS)
            .map(|number| {
                let number = (number * 7919 % REQUESTS).to_string();
                command.split(' ').map(|word| word.replace("{}", &number)).collect()
            })
            .collect();
        let mut best = f64::INFINITY;
        for _ in 0..ROUNDS {
            let mut client = Redlite::open_in_memory()?.client();
            let started = Instant::now();
            for request in &requests {
                client.request(request)?;
            }
            best = best.min(started.elapsed().as_secs_f64());
        }
        println!("{:<6} {:>6.0} k/s", command.split(' ').next().unwrap_or_default(), REQUESTS as f64 / best / 1e3);
    }
    let started = Instant::now();
    for _ in 0..500 {
        Redlite::open_in_memory()?;
    }
    println!("opened and closed in {:.0} microseconds", started.elapsed().as_secs_f64() / 500.0 * 1e6);
    Ok(())
}
