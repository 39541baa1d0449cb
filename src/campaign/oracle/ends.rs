//! How often the subject's process ended, where nothing that it was asked made it do so again.

use super::Options;
use super::judge::Judgement;
use super::schedule::Case;
use crate::diff::{Class, Divergence};
use crate::report::Finding;
use resp::Reply;

/// How often it did.
#[derive(Default)]
pub(super) struct Ends {
    count: u64,
    /// How often it did while something was shrunk, where many ops run that were not looked at one by one.
    in_shrinks: u64,
    /// The lowest case in which it did, or that was run next, and what it said then.
    first: Option<(Case, String)>,
    /// True where something that it was asked made it end.
    is_made: bool,
}

impl Ends {
    /// Takes in how it ended while a case ran. Where an op was seen to make it end, that is the finding.
    pub(super) fn add(&mut self, case: Case, judgement: &Judgement, ends: Vec<String>) {
        let makes_it_end = |got: &Reply| got.frames().contains(&Reply::Closed);
        let is_made = judgement.found.iter().any(|(seen, _)| makes_it_end(&seen.divergence.got));
        self.is_made |= is_made;
        if let (Some(words), false) = (ends.into_iter().next(), is_made || judgement.outcome.known > 0) {
            self.merge(Ends { count: 1, first: Some((case, words)), ..Self::default() });
        }
    }

    /// Takes in how it ended since the last case.
    pub(super) fn add_shrinks(&mut self, next: Case, ends: Vec<String>) {
        if let Some(words) = ends.into_iter().next() {
            self.merge(Ends { in_shrinks: 1, first: Some((next, words)), ..Self::default() });
        }
    }

    pub(super) fn merge(&mut self, other: Ends) {
        self.count += other.count;
        self.in_shrinks += other.in_shrinks;
        self.is_made |= other.is_made;
        self.first = match (self.first.take(), other.first) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }

    /// What is told of it.
    pub(super) fn tell(self, options: &Options) -> Option<Finding> {
        let in_shrinks = if self.is_made { 0 } else { self.in_shrinks };
        let (case, words) = self.first.filter(|_| self.count + in_shrinks > 0)?;
        let class = Class { command: "SERVER".into(), rule: "process".into(), kind: "ended".into() };
        let how = words.lines().next().unwrap_or_default();
        let note = format!("it ended by itself ({how}), and no command made it do so again");
        let divergence = Divergence { at: 0, class, want: Reply::ok(), got: Reply::Closed, key: None, note };
        let mut finding = Finding::new(options.describe_case(Some(case)), &divergence, None);
        finding.first_seed = Some(case.seed);
        finding.count = self.count + in_shrinks;
        finding.notes.push(words);
        finding.replay = options.replay_line(Some(case));
        Some(finding)
    }
}
