//! One request on its way through the planted bugs.

use std::collections::BTreeSet;
use std::process;
use std::sync::MutexGuard;

use redlite_dst::targets::canary::{Client, is_word, with};
use resp::{Argv, Reply};

use super::bugs::Bug;
use super::exchange::Exchange;
use super::server::CRASHED;

/// A request, the bugs that are still in its way, and the server behind them.
pub struct Turn<'a> {
    exchange: &'a mut Exchange,
    bugs: &'a [&'a Bug],
    /// The bug whose turn it is.
    bug: Option<&'a Bug>,
    request: &'a Argv,
}

impl<'a> Turn<'a> {
    /// A request in the way of which these bugs are.
    pub fn new(exchange: &'a mut Exchange, bugs: &'a [&'a Bug], request: &'a Argv) -> Self {
        Self { exchange, bugs, bug: None, request }
    }

    /// Runs the request past all bugs, and returns what the client is answered.
    pub fn run(&mut self) -> Reply {
        let request = self.request;
        self.pass(request)
    }

    /// Runs a request as the next bug does, or the server behind the last.
    pub fn pass(&mut self, argv: &Argv) -> Reply {
        // What a bug asks the server for its own ends is answered rightly.
        let is_the_request = argv.get(0).is_some_and(|name| name.eq_ignore_ascii_case(&self.request[0]));
        match self.bugs.split_first() {
            Some((bug, rest)) if is_the_request => {
                let mut turn = Turn { exchange: self.exchange, bugs: rest, bug: Some(bug), request: self.request };
                bug.run(&mut turn, argv)
            }
            _ => self.exchange.execute(argv),
        }
    }

    /// Runs the request under another name, past all bugs.
    pub fn execute_as(&mut self, argv: &Argv, name: &str) -> Reply {
        self.exchange.execute(&with(argv, 0, name))
    }

    /// Runs another request of the client, past all bugs.
    pub fn run_queued(&mut self, argv: &Argv) -> Reply {
        self.exchange.execute(argv)
    }

    /// Asks the server, past all bugs.
    pub fn ask<const N: usize>(&mut self, args: [&[u8]; N]) -> Reply {
        self.exchange.execute(&args.into())
    }

    /// The integer that the server answers; 0 where it answers none.
    pub fn ask_int<const N: usize>(&mut self, args: [&[u8]; N]) -> i64 {
        if let Reply::Int(value) = self.ask(args) { value } else { 0 }
    }

    /// The value of a parameter of the bug.
    pub fn value(&self, parameter: &str) -> &'static str {
        self.bug.map_or("", |bug| bug.value(parameter))
    }

    /// What goes with the value of a parameter: its part number `at`, from 1 on.
    pub fn part(&self, parameter: &str, at: usize) -> &'static str {
        self.bug.map_or("", |bug| bug.part(parameter, at))
    }

    /// The number that a parameter of the bug is.
    pub fn number(&self, parameter: &str) -> usize {
        self.value(parameter).parse().unwrap_or_else(|why| panic!("{parameter} is no number: {why}"))
    }

    /// True where the client speaks RESP3.
    pub fn is_resp3(&self) -> bool {
        self.exchange.is_resp3()
    }

    /// True between MULTI and EXEC.
    pub fn is_in_multi(&self) -> bool {
        self.exchange.is_in_multi()
    }

    /// What was sent since MULTI.
    pub fn queue(&self) -> Vec<Argv> {
        self.exchange.queue().to_vec()
    }

    /// What planted bugs remember, for all clients.
    pub fn memory(&self) -> MutexGuard<'_, BTreeSet<Vec<u8>>> {
        self.exchange.memory()
    }

    /// The next request of the same pipeline.
    pub fn take_pipelined(&mut self) -> Option<Argv> {
        self.exchange.take_pipelined()
    }

    /// Answers with bytes that need be no reply.
    pub fn answer_raw(&mut self, bytes: &[u8]) -> Reply {
        self.exchange.answer_raw(bytes);
        Reply::Frames(Vec::new())
    }

    /// Ends the server as a crash does.
    pub fn end_server(&self) -> ! {
        process::exit(CRASHED)
    }
}

impl Client for Turn<'_> {
    fn execute(&mut self, argv: &Argv) -> Reply {
        self.pass(argv)
    }
}

/// True where an option stands behind the argument at `after`.
pub fn has_word(argv: &Argv, after: usize, word: &str) -> bool {
    argv.iter().skip(after + 1).any(|arg| is_word(arg, word))
}
