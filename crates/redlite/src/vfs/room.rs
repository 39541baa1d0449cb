//! Room for what the log holds: on a full disk it can be written back, so that data can still be deleted.
//!
//! A write goes to the log first. Where that has taken the last of the disk, none of it could be moved into the
//! database, the log could not start anew, and as a deletion is a write, too, no command could ever make room again. So
//! each frame of a page that the database does not have yet comes with a reservation there, and the log itself has some
//! room from the beginning. Where room gets short the log is written back early, before the next write.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use super::checksum::{FRAME_HEADER, is_page};
use super::{File, SharedFile};

/// Room that the log has as long as the disk is not full: for a FLUSHALL.
pub(super) const LOG_BYTES: u64 = 512 << 10;

/// What there is to know of the files of one store.
#[derive(Debug, Default)]
pub(super) struct Room {
    database: Mutex<Option<SharedFile>>,
    /// The page whose frame's header was written last.
    page: AtomicU32,
    /// True from the time that a call found the disk full, or almost, until that is asked for.
    is_short: AtomicBool,
}

impl Room {
    /// Takes in that the database was opened or closed.
    pub fn set_database(&self, database: Option<SharedFile>) {
        *self.database.lock().unwrap_or_else(PoisonError::into_inner) = database;
    }

    /// Makes room for `bytes` that are about to be written to the log at `offset`, and in the database.
    ///
    /// # Errors
    /// Where the disk is full.
    pub fn prepare(&self, log: &mut dyn File, bytes: &[u8], offset: u64) -> io::Result<()> {
        if bytes.len() == FRAME_HEADER {
            let page = bytes.first_chunk().map_or(0, |word| u32::from_be_bytes(*word));
            self.page.store(page, Ordering::Relaxed);
            return Ok(());
        }
        if !is_page(bytes.len()) {
            return Ok(());
        }
        let end = u64::from(self.page.load(Ordering::Relaxed)) * bytes.len() as u64;
        let database = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        let in_database = database.as_ref().map(|it| it.lock().unwrap_or_else(PoisonError::into_inner).reserve(end));
        if !log.reserve(offset + bytes.len() as u64)? || !in_database.unwrap_or(Ok(true))? {
            self.note_short();
        }
        Ok(())
    }

    /// Notes that the disk is full, or almost.
    pub fn note_short(&self) {
        self.is_short.store(true, Ordering::Relaxed);
    }

    /// True where that was noted since this was last asked.
    pub fn take_short(&self) -> bool {
        self.is_short.load(Ordering::Relaxed) && self.is_short.swap(false, Ordering::Relaxed)
    }
}
