//! Swarm options: each seed does some things often and others not at all, so that seeds differ from each other
//! more than the operations of one seed do. Groce et al., "Swarm Testing", 2012.

use std::fmt;

use crate::seed::{Seed, Stream};
use spec::Family;

use super::arguments::Type;
use super::groups::{Group, plans};
use super::pools::Skew;
use super::stream;
use super::walk::Plan;

/// The options of one seed.
#[derive(Debug)]
pub(super) struct Swarm {
    /// The commands that are on, with their weights.
    pub plans: Vec<(&'static Plan, u32)>,
    /// The commands of the group that are off.
    pub off: Vec<&'static str>,
    /// What keys hold that are picked whatever they hold: where families with data are in focus, their types.
    pub types: Vec<Type>,
    /// Keys of each type.
    pub keys: u32,
    /// Fields of hashes; members of sets and sorted sets, and elements of lists.
    pub members: u32,
    /// How members look.
    pub member_style: MemberStyle,
    /// True where every score is 0. Only then are there ranges by name (`ZRANGEBYLEX`): among members of several
    /// scores Redis leaves their result open, and it depends on the random levels of a skip list.
    pub one_score: bool,
    /// Which keys and members are hot.
    pub skew: Skew,
    /// Names that need escaping are among the keys.
    pub odd_keys: bool,
    /// How long values are.
    pub values: ValueProfile,
    /// An option of the syntax is there so many times in 16.
    pub options_in_16: u64,
    /// One request in so many is spoilt.
    pub mistake_mean: u32,
    /// One number in so many is none, or extreme.
    pub odd_number_mean: u32,
    /// One key in so many is of another type.
    pub wrong_type_mean: u32,
    /// The clock moves once in so many operations.
    pub advance_mean: u32,
    /// One repetition in so many is long; 0 is never.
    pub bulk_mean: u32,
    /// One value in so many has 100 KB; 0 is never.
    pub huge_mean: u32,
    /// Commands that cost a server much are among those that are on.
    pub takes_costly: bool,
    /// How many databases are used.
    pub dbs: u32,
    /// How many connections are used.
    pub conns: u16,
}

/// How members of sets and sorted sets and elements of lists look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MemberStyle {
    /// `m1`
    Text,
    /// `1`: a set of them is an intset.
    Integers,
    /// Both, and some longer than 64 bytes.
    Mixed,
}

/// How long values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ValueProfile {
    /// A few bytes.
    Short,
    /// Around the 44 and 64 bytes at which Redis changes its encoding.
    Medium,
    /// Up to 2 KB.
    Long,
}

/// How much more often the commands of a family in focus come. Slips show where a few commands meet again and again on
/// the same keys, which a seed that spreads over every family seldom has.
const FOCUS: u32 = 8;

/// How many more keys there are where a search looks for some of them.
const DOCUMENTS_FACTOR: u32 = 4;

/// Of 100 operations, at most so many may be loose (see [`Plan::is_loose`]).
const LOOSE_PERCENT_MAX: u64 = 3;

impl Swarm {
    /// The options of `seed` in `group`.
    pub fn draw(group: &Group, seed: Seed) -> Self {
        let stream = &mut stream(group, seed, "swarm");
        let big = stream.chance(1, 8);
        let around = |mean: u32, stream: &mut Stream| stream.between(mean.div_ceil(2), mean * 3 / 2);
        let mut swarm = Self {
            plans: Vec::new(),
            off: Vec::new(),
            types: Vec::new(),
            keys: *stream.pick(if group.types.len() > 2 {
                &[1, 1, 2, 2, 3, 4, 4, 6]
            } else {
                &[1, 2, 3, 4, 4, 6, 8, 16]
            }),
            members: if big { *stream.pick(&[140, 300, 600]) } else { *stream.pick(&[3, 5, 8, 8, 12, 20]) },
            member_style: *stream.pick(&[MemberStyle::Text, MemberStyle::Integers, MemberStyle::Mixed]),
            one_score: stream.chance(1, 3),
            skew: *stream.pick(&[Skew::Even, Skew::Zipf, Skew::Hot]),
            odd_keys: stream.chance(1, 4),
            values: *stream.pick(&[ValueProfile::Short, ValueProfile::Short, ValueProfile::Medium, ValueProfile::Long]),
            options_in_16: *stream.pick(&[2, 4, 5, 6, 8]),
            mistake_mean: around(group.mistake_mean, stream),
            odd_number_mean: around(group.mistake_mean * 2, stream),
            wrong_type_mean: around(group.wrong_type_mean, stream),
            advance_mean: around(group.advance_mean, stream),
            bulk_mean: if big { 60 } else { 0 },
            huge_mean: if stream.chance(1, 2) { 20_000 } else { 0 },
            takes_costly: stream.chance(1, 4),
            dbs: (*stream.pick(&[1, 2, 3])).min(group.dbs_max),
            conns: draw_conns(group, stream),
        };
        if group.has_documents() {
            swarm.keys *= DOCUMENTS_FACTOR;
        }
        swarm.draw_commands(group, stream);
        swarm
    }

    /// False for commands that do not go with the options.
    fn allows(&self, group: &Group, plan: &Plan) -> bool {
        match plan.command.name {
            _ if plan.is_costly => self.takes_costly,
            _ if plan.multiplies => self.values != ValueProfile::Long && self.huge_mean == 0,
            "SELECT" | "SWAPDB" => self.dbs > 1,
            // Where they meet a set, its members get the score 1.
            "ZUNIONSTORE" | "ZINTERSTORE" | "ZDIFFSTORE" => !self.one_score,
            "ZRANGE" | "ZRANGESTORE" => true,
            // Positions are scores.
            _ if plan.command.family == Family::Geo && plan.command.writes => {
                !self.one_score || !group.families.contains(&Family::SortedSets)
            }
            _ => self.one_score || !plan.names_bounds,
        }
    }

    fn draw_commands(&mut self, group: &Group, stream: &mut Stream) {
        let off_in_16 = *stream.pick(&[0, 1, 3, 6]);
        let focus: Vec<Family> = group.families.iter().copied().filter(|_| stream.chance(1, 3)).collect();
        let in_focus = group.types.iter().copied().filter(|kind| focus.contains(&kind.family()));
        self.types = in_focus.collect();
        if self.types.is_empty() {
            self.types = group.types.to_vec();
        }
        let plans = plans(group);
        self.plans.reserve(plans.len());
        self.off.reserve(plans.len());
        for (plan, usual) in plans {
            let factor = *stream.pick(&[1, 2, 4, 4, 8]);
            let is_off = stream.chance(off_in_16, 16) && !plan.always_on;
            if is_off || !self.allows(group, plan) {
                self.off.push(plan.command.name);
            } else {
                let focus = if focus.contains(&plan.command.family) { FOCUS } else { 1 };
                self.plans.push((plan, usual * factor * focus));
            }
        }
        bound_loose(&mut self.plans);
    }
}

/// How many connections, the fewer the likelier: a replay cannot pipeline across a change.
fn draw_conns(group: &Group, stream: &mut Stream) -> u16 {
    let choices = u32::from(group.conns_max - group.conns_min) + 1;
    group.conns_max - stream.below(choices * choices).isqrt() as u16
}

/// Scales loose commands down to their share.
fn bound_loose(plans: &mut [(&'static Plan, u32)]) {
    let sum = |loose: bool| -> u64 {
        plans.iter().filter(|(plan, _)| plan.is_loose == loose).map(|(_, weight)| u64::from(*weight)).sum()
    };
    let (loose, exact) = (sum(true), sum(false));
    let loose_max = exact * LOOSE_PERCENT_MAX / (100 - LOOSE_PERCENT_MAX);
    if loose > loose_max {
        for (_, weight) in plans.iter_mut().filter(|(plan, _)| plan.is_loose) {
            *weight = ((u64::from(*weight) * loose_max / loose) as u32).max(1);
        }
    }
}

impl fmt::Display for Swarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { keys, members, member_style, skew, values, options_in_16, dbs, .. } = self;
        write!(f, "{keys} keys a type, {members} members ({member_style:?}), {skew} skew, {values:?} values")?;
        write!(f, ", options {options_in_16}/16, {dbs} databases")?;
        for (mean, what) in [
            (self.mistake_mean, "mistake"),
            (self.odd_number_mean, "odd number"),
            (self.wrong_type_mean, "wrong type"),
            (self.advance_mean, "clock move"),
            (self.bulk_mean, "long repetition"),
            (self.huge_mean, "huge value"),
        ] {
            if mean > 0 {
                write!(f, ", {what} 1/{mean}")?;
            }
        }
        for (is_on, what) in [(self.odd_keys, "odd keys"), (self.one_score, "one score")] {
            if is_on {
                write!(f, ", {what}")?;
            }
        }
        if !self.off.is_empty() {
            write!(f, ", off: {}", self.off.join(" "))?;
        }
        Ok(())
    }
}
