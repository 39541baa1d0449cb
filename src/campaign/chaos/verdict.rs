//! What a run under faults may show that it must not.

use crate::diff::{Class, Divergence};
use crate::targets::faulty::FaultySession;
use resp::Reply;

/// How an invariant is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Breach {
    /// A write that was acknowledged is gone after a recovery.
    LostWrite,
    /// After a recovery the store is as it never was: a write is there in part.
    Torn,
    /// A reply, or what the store holds, is wrong, and nothing told of it.
    WrongData,
    /// A command that failed has changed something.
    HalfDone,
    /// A command failed although nothing was injected that it could have met.
    UnexplainedError,
    /// The store cannot be opened again.
    FailedRecovery,
    /// A store that was refused as damaged was changed in the attempt.
    ChangedFile,
    /// The file as a whole is not sound, and no fault damaged it.
    Damage,
    /// It panicked.
    Panic,
    /// The store does not go on after the fault was lifted.
    Stuck,
}

impl Breach {
    /// Its name, as the kind of a [`Class`].
    pub fn name(self) -> &'static str {
        match self {
            Breach::LostWrite => "lost-write",
            Breach::Torn => "torn-write",
            Breach::WrongData => "wrong-data",
            Breach::HalfDone => "half-done",
            Breach::UnexplainedError => "unexplained-error",
            Breach::FailedRecovery => "failed-recovery",
            Breach::ChangedFile => "changed-file",
            Breach::Damage => "damage",
            Breach::Panic => "panic",
            Breach::Stuck => "stuck",
        }
    }
}

/// The rule of every [`Class`] of this campaign.
pub const RULE: &str = "chaos";

/// What is right in this campaign, for people: `redlite 0.3.0 without faults`.
pub fn describe_model() -> String {
    format!("{} without faults", FaultySession::info())
}

/// A broken invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The op with which it shows.
    pub at: usize,
    /// What it is.
    pub breach: Breach,
    /// The fault that struck last; none where none did.
    pub fault: &'static str,
    /// What was right.
    pub want: Reply,
    /// What came.
    pub got: Reply,
    /// What else there is to know, for people.
    pub note: String,
}

impl Violation {
    /// What it is, without its data.
    pub fn class(&self) -> Class {
        let fault = if self.fault.is_empty() { "no_fault" } else { self.fault };
        Class { command: fault.to_owned(), rule: RULE.to_owned(), kind: self.breach.name().to_owned() }
    }

    /// The same in the form of every campaign.
    pub fn divergence(&self) -> Divergence {
        Divergence {
            at: self.at,
            class: self.class(),
            want: self.want.clone(),
            got: self.got.clone(),
            key: None,
            note: self.note.clone(),
        }
    }
}
