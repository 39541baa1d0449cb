//! Finds the op that a difference is due to: often the stores differ long before a reply shows it.

use crate::corpus::Known;
use crate::diff::keyspace::Difference;
use crate::diff::{Divergence, Excerpt, rules};
use crate::targets::{Session, TargetError};
use crate::trace::{Header, Op};
use resp::Reply;

use super::judge::Judge;
use super::{Comparison, End, Observer, Options, Outcome, keyspace_divergence, step_divergence};

/// Runs a trace once, and prefixes of it where what both hold differs: in the end, or before a reply that differs.
/// Then that is the divergence, at the op that caused it, and not the reply that showed it.
pub(super) fn run(
    header: &Header,
    ops: &[Op],
    reference: &mut dyn Session,
    subject: &mut dyn Session,
    options: &Options,
    observer: Observer,
) -> Result<Outcome, TargetError> {
    let mut comparison = Comparison::start(header, reference, subject, options)?;
    comparison.block(ops, observer)?;
    comparison.compare_end()?;
    let notes = comparison.take_notes();
    let Comparison { judge, agreed_ops, end, .. } = comparison;
    let Judge { mut outcome, mut tail, .. } = judge;
    if end.is_some() || outcome.divergence.is_some() {
        outcome.notes = notes;
    }
    let options = &Options { checkpoint_ops: 0, parallel: false, ..*options };
    let (ran, end) = match (end, &outcome.divergence) {
        (Some(end), _) => (&ops[..outcome.ops as usize], end),
        (None, Some(shown)) if options.keyspace => {
            let before = &ops[..shown.at];
            let mut comparison = Comparison::start(header, reference, subject, options)?;
            comparison.block(before, &mut |_| {})?;
            comparison.compare_end()?;
            let Some(end @ End::Keyspace(_)) = comparison.end else { return Ok(outcome) };
            tail = comparison.judge.tail;
            (before, end)
        }
        (None, _) => return Ok(outcome),
    };
    let mut search = Search { header, ops: ran, agreed_ops, reference, subject, options };
    for sought in sought(end, options.known) {
        let (divergence, excerpt) = search.first_op_that_shows(sought, tail.clone())?;
        if !options.known.matches(&divergence.class) {
            outcome.divergence = Some(divergence);
            outcome.excerpt = Some(excerpt);
            break;
        }
        outcome.known += 1;
    }
    Ok(outcome)
}

/// One difference that was seen in the end.
enum Sought {
    Step {
        of_reference: bool,
        instead: Reply,
    },
    /// Any key: one difference breeds others (COPY, RENAME), and the first of all is the cause.
    AnyKey(Difference),
    /// This key: others may differ by a divergence that is known.
    Key(Difference),
}

fn sought(end: End, known: &Known) -> Vec<Sought> {
    match end {
        End::Step { of_reference, instead } => vec![Sought::Step { of_reference, instead }],
        End::Keyspace(differences) if known.is_empty() => differences.into_iter().take(1).map(Sought::AnyKey).collect(),
        End::Keyspace(differences) => differences.into_iter().map(Sought::Key).collect(),
    }
}

impl Sought {
    /// The same difference as another run showed it.
    fn seen_in(&self, end: End, known: &Known) -> Option<Sought> {
        sought(end, known).into_iter().find(|seen| match (self, seen) {
            (Sought::Step { of_reference, .. }, Sought::Step { of_reference: seen, .. }) => of_reference == seen,
            (Sought::Key(sought), Sought::Key(seen)) => (sought.db, &sought.key) == (seen.db, &seen.key),
            (Sought::AnyKey(_), Sought::AnyKey(_)) => true,
            _ => false,
        })
    }
}

struct Search<'a> {
    header: &'a Header,
    /// The ops that ran before the difference was seen.
    ops: &'a [Op],
    /// After so many of them there was none.
    agreed_ops: usize,
    reference: &'a mut dyn Session,
    subject: &'a mut dyn Session,
    options: &'a Options<'a>,
}

impl Search<'_> {
    /// Halves the trace until one op stands between agreement and difference.
    fn first_op_that_shows(
        &mut self,
        mut sought: Sought,
        mut excerpt: Excerpt,
    ) -> Result<(Divergence, Excerpt), TargetError> {
        let (mut agreed, mut differs) = (self.agreed_ops, self.ops.len());
        while differs - agreed > 1 {
            let middle = agreed + (differs - agreed) / 2;
            match self.run_prefix(middle, &sought)? {
                Some(seen) => {
                    (sought, excerpt) = seen;
                    differs = middle;
                }
                None => agreed = middle,
            }
        }
        let at = differs.saturating_sub(1);
        let want = excerpt.want.last().unwrap_or(&Reply::Null);
        let command = self.ops.get(at).map_or_else(|| "RESET".into(), |op| rules::command_name(op, want));
        let divergence = match sought {
            Sought::Step { of_reference, instead } => step_divergence(at, &command, of_reference, instead),
            Sought::AnyKey(difference) | Sought::Key(difference) => keyspace_divergence(at, &command, difference),
        };
        Ok((divergence, excerpt))
    }

    /// The difference as it shows after the first `count` ops, with the last of them.
    fn run_prefix(&mut self, count: usize, sought: &Sought) -> Result<Option<(Sought, Excerpt)>, TargetError> {
        let mut comparison = Comparison::start(self.header, self.reference, self.subject, self.options)?;
        comparison.block(&self.ops[..count], &mut |_| {})?;
        comparison.compare_end()?;
        let Comparison { judge, end, .. } = comparison;
        Ok(end.and_then(|end| sought.seen_in(end, self.options.known)).map(|seen| (seen, judge.tail)))
    }
}
