//! A request by the syntax of its command: which options are there, in which order, and how often things repeat.

use resp::Argv;
use spec::syntax::{Node, Sequence, Slot, contains};
use spec::{Command, Family, Fidelity, Keys};

use super::arguments::Arguments;
use super::weights::{ALWAYS_ON, COSTLY};

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
    /// True where it writes bits at an offset.
    pub places_bits: bool,
    /// True where it combines sorted sets, and takes sets as well.
    pub takes_sets: bool,
    /// True where it is about a consumer group of a stream.
    pub of_group: bool,
    /// True where it sorts: lists, sets and sorted sets.
    pub sorts: bool,
    /// True where it takes ranges by name.
    pub names_bounds: bool,
    /// True where it takes time and memory by the product of two strings' lengths.
    pub multiplies: bool,
    /// True where no seed switches it off.
    pub always_on: bool,
    /// True where one reply costs a server as much as a thousand others.
    pub is_costly: bool,
    /// True where its replies cannot be compared one by one: each makes a replay stop and look.
    pub is_loose: bool,
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
            places_bits: contains(tree, Slot::BitOffset) || contains(tree, Slot::FieldOffset),
            takes_sets: combines && command.name != "ZMPOP",
            of_group: contains(tree, Slot::Group),
            sorts: contains(tree, Slot::WeightPattern),
            names_bounds: contains(tree, Slot::LexBound),
            multiplies: command.name == "LCS",
            always_on: ALWAYS_ON.contains(&command.name),
            is_costly: COSTLY.contains(&command.name),
            is_loose: is_loose(command),
        }
    }
}

/// True for commands that make a replay stop and look.
pub(super) fn is_loose(command: &Command) -> bool {
    let random = matches!(command.fidelity, Fidelity::RandomPick | Fidelity::RandomPop | Fidelity::Cursor);
    let fact = command.fidelity == Fidelity::ServerFact && command.name != "HELLO";
    random || fact || command.name == "DBSIZE"
}

/// True for the only part that may be left out, where it may also come many times: it is what the command is for.
fn is_body(parts: &[Sequence]) -> bool {
    matches!(parts, [only] if matches!(only[..], [Node::Repeat(_)]))
}

/// How many times in 16 there is an option inside of an option, at least: both together are rare as it is.
const NESTED_OPTIONS_IN_16: u64 = 8;

impl Arguments {
    /// Appends a whole request.
    pub fn write_request(&mut self, plan: &Plan, argv: &mut Argv) {
        self.begin(plan);
        plan.command.name.split(' ').for_each(|word| self.write_word(word, argv));
        self.walk(plan.tree, self.options_in_16, argv);
    }

    /// Appends `nodes`, of which an option is there `in_16` times in 16.
    fn walk(&mut self, nodes: &'static [Node], in_16: u64, argv: &mut Argv) {
        for node in nodes {
            match node {
                Node::Token("*") => self.write_clock_id(argv),
                Node::Token(word) => self.write_word(word, argv),
                Node::Slot(slot) => self.write_slot(*slot, argv),
                Node::Options(parts) => self.walk_options(parts, in_16, argv),
                Node::Choice(alternatives) => {
                    let chosen = self.shape.pick(alternatives);
                    self.walk(if self.may_walk(chosen) { chosen } else { &alternatives[0] }, in_16, argv);
                }
                Node::Repeat(nodes) => {
                    let times = self.draw_times(nodes);
                    if matches!(nodes.first(), Some(Node::Slot(Slot::Key))) {
                        self.numkeys = times;
                    }
                    for _ in 0..times {
                        self.walk(nodes, in_16, argv);
                    }
                }
                Node::Counted(nodes) => {
                    for _ in 0..self.numkeys {
                        self.walk(nodes, in_16, argv);
                    }
                }
            }
        }
    }

    /// False for ranges by name among members of several scores, see [`super::swarm::Swarm::one_score`], and for ids of
    /// the clock in a seed with small ids.
    fn may_walk(&self, alternative: &Sequence) -> bool {
        match alternative.first() {
            Some(Node::Slot(Slot::LexBound)) => self.one_score,
            Some(Node::Token("*")) => !self.ids.is_small,
            _ => true,
        }
    }

    /// Takes each part or leaves it, from any of them on and around. One draw decides all: eight bits where to
    /// start, then four bits a part, which is enough for fourteen parts.
    fn walk_options(&mut self, parts: &'static [Sequence], in_16: u64, argv: &mut Argv) {
        if is_body(parts) {
            if self.shape.chance(15, 16) {
                self.walk(&parts[0], in_16, argv);
            }
            return;
        }
        let mut bits = self.shape.bits64();
        let first = ((bits & 0xff) as usize * parts.len()) >> 8;
        bits >>= 8;
        for part in parts.iter().cycle().skip(first).take(parts.len()) {
            if bits & 0xf < chances_in_16(part, in_16) {
                self.walk(part, in_16.max(NESTED_OPTIONS_IN_16), argv);
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
        if self.documents.wants_many() && !matches!(nodes, [Node::Slot(_)]) {
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

/// How often an option comes among those that come `in_16` times in 16.
fn chances_in_16(option: &Sequence, in_16: u64) -> u64 {
    match option.first() {
        // A connection that waits does nothing else.
        Some(Node::Token("BLOCK")) => 1,
        // It makes the data that the rest of a sequence is about.
        Some(Node::Token("MKSTREAM")) => 10,
        _ => in_16,
    }
}
