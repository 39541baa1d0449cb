//! Clients at work on a real server, each in a thread of its own, and what they saw.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use super::history::{Call, History};
use crate::targets::live::{Address, LiveConnection};
use resp::{Argv, Reply};

/// Runs the requests of each client at the same time, and `reads` when all are done.
pub(super) fn drive(address: &Address, clients: &[Vec<Argv>], reads: &[Argv], stop: &AtomicBool) -> History {
    let (started, barrier) = (Instant::now(), Barrier::new(clients.len()));
    let client = |at: usize| Client { number: at as u16, started, connection: None, calls: Vec::new() };
    let mut calls: Vec<Call> = thread::scope(|scope| {
        let run = |(at, requests)| {
            let barrier = &barrier;
            scope.spawn(move || {
                let mut client = client(at);
                client.connection = address.connect().ok();
                barrier.wait();
                client.run(address, requests, stop);
                client.calls
            })
        };
        let threads: Vec<_> = clients.iter().map(Vec::as_slice).enumerate().map(run).collect();
        // A client panics only by a bug of dst, which the caller is not spared.
        let joined = threads.into_iter().map(|thread| thread.join());
        joined.flat_map(|calls| calls.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    let mut last = client(clients.len());
    last.run(address, reads, stop);
    calls.append(&mut last.calls);
    History::new(calls)
}

/// A client at work.
struct Client {
    number: u16,
    started: Instant,
    connection: Option<LiveConnection>,
    calls: Vec<Call>,
}

impl Client {
    /// Asks one after the other. Where no answer comes, the connection is given up, and with it what it was in the middle
    /// of; the server has the rest of the seed to show what became of that call.
    fn run(&mut self, address: &Address, requests: &[Argv], stop: &AtomicBool) {
        for argv in requests {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            if self.connection.is_none() {
                self.connection = address.connect().ok();
            }
            let Some(connection) = &mut self.connection else { return };
            let (invoked_us, mut reply) = (now_us(self.started), None::<Reply>);
            let outcome = connection.exchange(std::slice::from_ref(argv), |got| reply = Some(got));
            let answered = reply.filter(|_| outcome.is_ok()).map(|reply| (now_us(self.started), reply));
            let is_lost = answered.is_none();
            self.calls.push(Call { client: self.number, argv: argv.clone(), invoked_us, answered });
            if is_lost {
                return;
            }
        }
    }
}

fn now_us(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX)
}
