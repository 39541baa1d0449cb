//! The clock of a server: frozen by the shim where dst starts it and the shim works, otherwise real.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use super::TargetError;
use super::process::ServerDir;
use super::real_time::RealTime;

/// The shared object built from `shim.c`; empty where it could not be built.
const SHIM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/clock_shim.so"));

/// What time a server believes it is.
pub(super) enum Clock {
    /// What dst says.
    Frozen(FrozenClock),
    /// What the machine says.
    Real(RealTime),
}

/// A clock that a spawned server reads through the shim.
pub(super) struct FrozenClock {
    file: File,
    now_ms: i64,
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
        let mut frozen = Self { file, now_ms };
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

    /// Moves the time forward.
    pub fn advance(&mut self, ms: u64) -> Result<(), TargetError> {
        self.set(self.now_ms.saturating_add_unsigned(ms))
    }
}
