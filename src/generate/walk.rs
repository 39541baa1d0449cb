//! A request by the syntax of its command: which options are there, in which order, and how often things repeat.

use crate::resp::Argv;
use crate::spec::syntax::{Node, Sequence, Slot, contains};
use crate::spec::{Command, Family, Keys};

use super::arguments::Arguments;

/// A command made ready for walking.
#[derive(Debug)]
pub(super) struct Plan {
    /// Its row.
    pub command: &'static Command,
    /// Its syntax.
    pub tree: &'static [Node],
    /// True where it counts up or down, so that what it finds must be a number.
    pub counts: bool,
    /// True where it gives scores.
    pub scores: bool,
    /// True where it combines sorted sets, and takes sets as well.
    pub takes_sets: bool,
}

impl Plan {
    /// The plan of `command`.
    pub fn new(command: &'static Command) -> Self {
        let tree = command.tree();
        let adds = contains(tree, Slot::Increment) || contains(tree, Slot::Float);
        let combines = command.family == Family::SortedSets && matches!(command.keys, Keys::Counted { .. });
        Self {
            command,
            tree,
            counts: adds || matches!(command.name, "INCR" | "DECR"),
            scores: contains(tree, Slot::Score),
            takes_sets: combines && command.name != "ZMPOP",
        }
    }
}

impl Arguments {
    /// Appends a whole request.
    pub fn write_request(&mut self, plan: &Plan, argv: &mut Argv) {
        self.begin(plan);
        plan.command.name.split(' ').for_each(|word| self.write_word(word, argv));
        self.walk(plan.tree, argv);
    }

    fn walk(&mut self, nodes: &'static [Node], argv: &mut Argv) {
        for node in nodes {
            match node {
                Node::Token(word) => self.write_word(word, argv),
                Node::Slot(slot) => self.write_slot(*slot, argv),
                Node::Options(parts) => self.walk_options(parts, argv),
                Node::Choice(alternatives) => {
                    let chosen = self.shape.pick(alternatives);
                    self.walk(if self.may_walk(chosen) { chosen } else { &alternatives[0] }, argv);
                }
                Node::Repeat(nodes) => {
                    for _ in 0..self.draw_times(nodes) {
                        self.walk(nodes, argv);
                    }
                }
                Node::Counted(nodes) => {
                    for _ in 0..self.numkeys {
                        self.walk(nodes, argv);
                    }
                }
            }
        }
    }

    /// False for ranges by name among members of several scores, see [`super::swarm::Swarm::one_score`].
    fn may_walk(&self, alternative: &Sequence) -> bool {
        self.one_score || !matches!(alternative.first(), Some(Node::Slot(Slot::LexBound)))
    }

    /// Takes each part or leaves it, from any of them on and around. One draw decides all: eight bits where to
    /// start, then four bits a part, which is enough for fourteen parts.
    fn walk_options(&mut self, parts: &'static [Sequence], argv: &mut Argv) {
        let mut bits = self.shape.bits64();
        let first = ((bits & 0xff) as usize * parts.len()) >> 8;
        bits >>= 8;
        for part in parts.iter().cycle().skip(first).take(parts.len()) {
            if bits & 0xf < self.options_in_16 {
                self.walk(part, argv);
            }
            bits >>= 4;
        }
    }

    /// How often a repeated part comes: once or a few times, in some seeds now and then very often.
    fn draw_times(&mut self, nodes: &[Node]) -> u32 {
        let is_key = matches!(nodes.first(), Some(Node::Slot(Slot::Key)));
        if !is_key && self.until_bulk.is_over(&mut self.shape) {
            return self.shape.between(20, 160);
        }
        // A document of one field, or an index of one, is seldom found by a query.
        if self.documents.is_on() && !matches!(nodes, [Node::Slot(_)]) {
            return self.shape.between(1, 6);
        }
        self.draw_few()
    }

    /// 1 to 6, mostly 1 or 2.
    pub(super) fn draw_few(&mut self) -> u32 {
        let bits = self.shape.below(64);
        match bits {
            0..32 => 1,
            32..50 => 2,
            50..60 => 3,
            _ => bits - 57,
        }
    }

    /// A word that Redis reads in either case: in capitals, now and then not.
    fn write_word(&mut self, word: &str, argv: &mut Argv) {
        if !self.until_odd_case.is_over(&mut self.shape) {
            argv.push(word.as_bytes());
            return;
        }
        let mixed = self.shape.chance(1, 2);
        argv.push_with(|out| {
            let cased = |(at, byte): (usize, u8)| if mixed && at % 2 == 0 { byte } else { byte.to_ascii_lowercase() };
            out.extend(word.bytes().enumerate().map(cased));
        });
    }
}
