//! The clock of a server: frozen by the shim where dst starts it and the shim works, otherwise real.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use super::TargetError;
use super::keyspace::Requests;
use super::process::ServerDir;
use super::real_time::RealTime;
use resp::{Argv, Reply};

/// The shared object built from `shim.c`; empty where it could not be built.
const SHIM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/clock_shim.so"));

/// What time a server believes it is.
pub(super) enum Clock {
    /// What dst says.
    Frozen(FrozenClock),
    /// What the machine says.
    Real(RealTime),
}

impl Clock {
    /// The trace's time, in milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        match self {
            Clock::Frozen(clock) => clock.now_ms(),
            Clock::Real(clock) => clock.now_ms(),
        }
    }

    /// Finds out whether a request can move a frozen clock.
    pub fn try_request(&mut self, server: &mut impl Requests) -> Result<(), TargetError> {
        match self {
            Clock::Frozen(clock) => clock.try_request(server),
            Clock::Real(_) => Ok(()),
        }
    }
}

/// A clock that a spawned server reads through the shim.
pub(super) struct FrozenClock {
    file: File,
    /// The file's name as the server knows it.
    name: String,
    now_ms: i64,
    /// What the server answers a request that moves the clock; `None` where no request does.
    moved: Option<Reply>,
}

impl FrozenClock {
    /// Writes the shim and the clock into `dir`, and adds to `env` what makes a server use them. `None` where this
    /// build has no shim.
    pub fn new(dir: &ServerDir, now_ms: i64, env: &mut Vec<(String, OsString)>) -> Result<Option<Self>, TargetError> {
        if SHIM.is_empty() {
            return Ok(None);
        }
        let (shim, clock) = (dir.path().join("clock_shim.so"), dir.path().join("clock"));
        let file = fs::write(&shim, SHIM).and_then(|()| File::create(&clock));
        let file = file.map_err(TargetError::io("cannot write the server's clock"))?;
        let name = clock.display().to_string();
        let mut frozen = Self { file, name, now_ms, moved: None };
        frozen.set(now_ms)?;
        env.push(("LD_PRELOAD".to_owned(), shim.into()));
        env.push(("DST_CLOCK".to_owned(), clock.into()));
        Ok(Some(frozen))
    }

    /// The time, in milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// Sets the time, in milliseconds since 1970. The server has it mapped and sees it at once.
    pub fn set(&mut self, now_ms: i64) -> Result<(), TargetError> {
        self.now_ms = now_ms;
        self.file.write_all_at(&now_ms.to_ne_bytes(), 0).map_err(TargetError::io("cannot move the server's clock"))
    }

    /// Finds out whether a request can move the time: not every server reads numbers as the shim expects.
    pub fn try_request(&mut self, server: &mut impl Requests) -> Result<(), TargetError> {
        let start_ms = self.now_ms;
        let request = self.move_request(1);
        let moved =
            server.run(&[request, time_request()]).ok().and_then(|replies| <[Reply; 2]>::try_from(replies).ok());
        if let Some([moved, time]) = moved
            && moved.as_error().is_some()
            && time == time_reply(self.now_ms)
        {
            self.moved = Some(moved);
        }
        self.set(start_ms)
    }

    /// The request that moves the server's time forward: nothing but that, and an error. From now on the time is as if
    /// it had been sent.
    pub fn move_request(&mut self, ms: u64) -> Argv {
        self.now_ms = self.now_ms.saturating_add_unsigned(ms);
        // The bounds are read before the key is looked for.
        Argv::from(["ZCOUNT", &self.name, &format!("{}@{}", self.name, self.now_ms), "0"])
    }

    /// What the server answers to [`FrozenClock::move_request`]; `None` where that does not move its time.
    pub fn moved(&self) -> Option<&Reply> {
        self.moved.as_ref()
    }

    /// Moves the time forward.
    pub fn advance(&mut self, ms: u64) -> Result<(), TargetError> {
        self.set(self.now_ms.saturating_add_unsigned(ms))
    }
}

/// Asks for the server's time.
fn time_request() -> Argv {
    Argv::from(["TIME"])
}

/// What TIME answers at `now_ms`.
fn time_reply(now_ms: i64) -> Reply {
    let seconds = Reply::bulk(now_ms.div_euclid(1000).to_string());
    let microseconds = Reply::bulk((now_ms.rem_euclid(1000) * 1000).to_string());
    Reply::Array(vec![seconds, microseconds])
}

/// True where the server's time is `now_ms`.
pub(super) fn tells(server: &mut impl Requests, now_ms: i64) -> bool {
    server.run(&[time_request()]).is_ok_and(|replies| replies == [time_reply(now_ms)])
}
