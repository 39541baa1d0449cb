//! The notation in which a command's row gives its arguments, close to that of Redis' documentation.
//!
//! | notation | means |
//! |---|---|
//! | `WITHSCORES`, `=` | a word without small letters stands for itself, in either case |
//! | `key`, `unix-seconds` | a word in small letters stands for a value: one of the [`Slot`]s |
//! | `[GET]` | may be left out; neighbours in brackets may come in any order |
//! | `NX \| XX` | one of them; only inside brackets or parentheses |
//! | `(LEFT \| RIGHT)`, `(score member)...` | parentheses group |
//! | `member...` | one or more of what stands before the dots |
//! | `numkeys key...` | the number says how many keys follow; a `weight...` after them has as many |
//! | `key... read-id...` | there are as many `read-id` or `group-id` as keys before them |
//!
//! ```
//! use spec::syntax::{Node, Slot, parse};
//!
//! let tree = parse("key [WITHSCORES]")?;
//! assert!(matches!(&tree[..], [Node::Slot(Slot::Key), Node::Options(parts)] if parts.len() == 1));
//! # Ok::<(), spec::syntax::SyntaxError>(())
//! ```

/// What kind of value an argument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Slot {
    /// `key`: a key that is read, changed or made.
    Key,
    /// `destination`: a key that takes a result or another key's value.
    Destination,
    /// `field` of a hash.
    Field,
    /// `member` of a set or sorted set.
    Member,
    /// `element` of a list.
    Element,
    /// `value` of a string or of a hash's field.
    Value,
    /// `score`: a double.
    Score,
    /// `score-bound`: a score, also open `(1` or infinite.
    ScoreBound,
    /// `lex-bound`: `-`, `+`, `[member`, `(member`.
    LexBound,
    /// `weight`: a double that a score is multiplied by.
    Weight,
    /// `increment`: a 64-bit integer.
    Increment,
    /// `float`: a decimal number that is added.
    Float,
    /// `index` from the start, or from the end where negative.
    Index,
    /// `offset` in bytes, at least 0.
    Offset,
    /// `skip`: how many results to leave out first.
    Skip,
    /// `count`, at least 0 or 1.
    Count,
    /// `signed-count`: a count whose sign also says something.
    SignedCount,
    /// `rank`: 1 is the first match, -1 the last.
    Rank,
    /// `length` in bytes or elements, at least 0.
    Length,
    /// `numkeys`: how many keys follow.
    Numkeys,
    /// `cursor` of an iteration; 0 starts it.
    Cursor,
    /// `pattern`: a glob.
    Pattern,
    /// `type`: what TYPE answers.
    Type,
    /// `db`: the number of a database.
    Db,
    /// `seconds` from now.
    Seconds,
    /// `milliseconds` from now.
    Milliseconds,
    /// `unix-seconds` since 1970.
    UnixSeconds,
    /// `unix-milliseconds` since 1970.
    UnixMilliseconds,
    /// `protocol`: 2 or 3.
    Protocol,
    /// `text` that means nothing to the keyspace.
    Text,
    // bitmaps
    /// `bit`: 0 or 1.
    Bit,
    /// `bit-offset` of a bit that is written.
    BitOffset,
    /// `bit-probe`: the offset of a bit that is read, perhaps far behind the string's end.
    BitProbe,
    /// `bit-index` in bytes or in bits, from the start, or from the end where negative.
    BitIndex,
    /// `field-type`: `u8`, `i64`.
    FieldType,
    /// `field-offset` of a field that is written, in bits, or in fields as `#2`.
    FieldOffset,
    /// `field-probe`: the same of a field that is read, perhaps far behind the string's end.
    FieldProbe,
    /// `field-value`: a 64-bit integer about as large as the field's type.
    FieldValue,
    /// `distinct`: an element of a HyperLogLog.
    Distinct,
    // geo
    /// `longitude` of a position, in degrees.
    Longitude,
    /// `latitude` of the position whose longitude was before it, in degrees.
    Latitude,
    /// `distance` in the unit that follows, at least 0.
    Distance,
    // streams
    /// `id` of a stream's entry, that may be there.
    EntryId,
    /// `new-id`: an id for an entry to come, also `ms-*`.
    NewId,
    /// `min-id`: an id before which entries go.
    MinId,
    /// `range-start`: `-` or an id, also open `(1-1` or a time alone.
    RangeStart,
    /// `range-end`: `+` or an id, also open `(1-1` or a time alone.
    RangeEnd,
    /// `read-id`: an id after which to read, or `$`; one for each key.
    ReadId,
    /// `group-id`: `>`, or an id after which to read again; one for each key.
    GroupId,
    /// `start-id`: an id after which a group begins to read.
    StartId,
    /// `group`: a consumer group of a stream.
    Group,
    /// `consumer` of a group.
    Consumer,
    /// `max-length`: how many entries are left.
    MaxLength,
    /// `trim-limit`: how many entries go at most; 0 for all.
    TrimLimit,
    /// `entries`: a number of entries that a stream or a group counts.
    Entries,
    /// `deliveries` of a pending entry.
    Deliveries,
    /// `claims`: how many entries to claim, at least 1.
    Claims,
    /// `min-idle`: milliseconds since a delivery.
    MinIdle,
    /// `idle`: milliseconds since a delivery.
    Idle,
    /// `past-unix-milliseconds`: a time in the past.
    PastUnixMilliseconds,
    /// `block`: milliseconds to wait; 0 for ever.
    Block,

    // blocking
    /// `timeout` in seconds, with a fraction; 0 is for ever.
    Timeout,

    // channels
    /// `channel`: its name.
    Channel,
    /// `channel-pattern`: a glob for channels.
    ChannelPattern,
    // search
    /// `search-index`: the name of an index.
    SearchIndex,
    /// `key-prefix`: how the names of an index's keys begin.
    KeyPrefix,
    /// `stop-word`: a word that an index leaves out.
    StopWord,
    /// `text-field`: a field of words.
    TextField,
    /// `tag-field`: a field of tags.
    TagField,
    /// `numeric-field`: a field of numbers.
    NumericField,
    /// `alias`: another name.
    Alias,
    /// `separator` of tags.
    Separator,
    /// `query` of the search language.
    Query,
    /// `dialect` of that language.
    Dialect,
    /// `attribute`: a field as an index names it.
    Attribute,
    /// `property`: a value of a row, `@name`.
    Property,
    /// `expression` on the properties of a row.
    Expression,
    // server
    /// `weight-pattern`: what SORT sorts by, mostly names of keys that hold numbers.
    WeightPattern,
    /// `text-pattern`: what SORT sorts by as text.
    TextPattern,
    /// `get-pattern`: what SORT answers instead of elements.
    GetPattern,
    /// `client-id`: the id of a connection that there is not.
    ClientId,
    /// `client-name`: a name for a connection.
    ClientName,
    /// `user`: the name of the only one, or of none.
    User,
    /// `yes-or-no`
    YesOrNo,
    /// `command-name`: of a command.
    CommandName,
    /// `keyed-command`: the name of a command with keys.
    KeyedCommand,
    /// `parameter` of the configuration.
    Parameter,
    /// `setting` of the parameter before it: the one that it has.
    Setting,
    /// `section` of INFO.
    Section,
    /// `replicas`: how many of them are waited for: none.
    Replicas,
}

/// The words of the notation, and what they stand for.
const WORDS: &[(&str, Slot)] = &[
    ("key", Slot::Key),
    ("destination", Slot::Destination),
    ("field", Slot::Field),
    ("member", Slot::Member),
    ("element", Slot::Element),
    ("value", Slot::Value),
    ("score", Slot::Score),
    ("score-bound", Slot::ScoreBound),
    ("lex-bound", Slot::LexBound),
    ("weight", Slot::Weight),
    ("increment", Slot::Increment),
    ("float", Slot::Float),
    ("index", Slot::Index),
    ("offset", Slot::Offset),
    ("skip", Slot::Skip),
    ("count", Slot::Count),
    ("signed-count", Slot::SignedCount),
    ("rank", Slot::Rank),
    ("length", Slot::Length),
    ("numkeys", Slot::Numkeys),
    ("cursor", Slot::Cursor),
    ("pattern", Slot::Pattern),
    ("type", Slot::Type),
    ("db", Slot::Db),
    ("seconds", Slot::Seconds),
    ("milliseconds", Slot::Milliseconds),
    ("unix-seconds", Slot::UnixSeconds),
    ("unix-milliseconds", Slot::UnixMilliseconds),
    ("protocol", Slot::Protocol),
    ("text", Slot::Text),
    // bitmaps
    ("bit", Slot::Bit),
    ("bit-offset", Slot::BitOffset),
    ("bit-probe", Slot::BitProbe),
    ("bit-index", Slot::BitIndex),
    ("field-type", Slot::FieldType),
    ("field-offset", Slot::FieldOffset),
    ("field-probe", Slot::FieldProbe),
    ("field-value", Slot::FieldValue),
    ("distinct", Slot::Distinct),
    // geo
    ("longitude", Slot::Longitude),
    ("latitude", Slot::Latitude),
    ("distance", Slot::Distance),
    // streams
    ("id", Slot::EntryId),
    ("new-id", Slot::NewId),
    ("min-id", Slot::MinId),
    ("range-start", Slot::RangeStart),
    ("range-end", Slot::RangeEnd),
    ("read-id", Slot::ReadId),
    ("group-id", Slot::GroupId),
    ("start-id", Slot::StartId),
    ("group", Slot::Group),
    ("consumer", Slot::Consumer),
    ("max-length", Slot::MaxLength),
    ("trim-limit", Slot::TrimLimit),
    ("entries", Slot::Entries),
    ("deliveries", Slot::Deliveries),
    ("claims", Slot::Claims),
    ("min-idle", Slot::MinIdle),
    ("idle", Slot::Idle),
    ("past-unix-milliseconds", Slot::PastUnixMilliseconds),
    ("block", Slot::Block),
    // blocking
    ("timeout", Slot::Timeout),
    // channels
    ("channel", Slot::Channel),
    ("channel-pattern", Slot::ChannelPattern),
    // search
    ("search-index", Slot::SearchIndex),
    ("key-prefix", Slot::KeyPrefix),
    ("stop-word", Slot::StopWord),
    ("text-field", Slot::TextField),
    ("tag-field", Slot::TagField),
    ("numeric-field", Slot::NumericField),
    ("alias", Slot::Alias),
    ("separator", Slot::Separator),
    ("query", Slot::Query),
    ("dialect", Slot::Dialect),
    ("attribute", Slot::Attribute),
    ("property", Slot::Property),
    ("expression", Slot::Expression),
    // server
    ("weight-pattern", Slot::WeightPattern),
    ("text-pattern", Slot::TextPattern),
    ("get-pattern", Slot::GetPattern),
    ("client-id", Slot::ClientId),
    ("client-name", Slot::ClientName),
    ("user", Slot::User),
    ("yes-or-no", Slot::YesOrNo),
    ("command-name", Slot::CommandName),
    ("keyed-command", Slot::KeyedCommand),
    ("parameter", Slot::Parameter),
    ("setting", Slot::Setting),
    ("section", Slot::Section),
    ("replicas", Slot::Replicas),
];

/// One part of a command's syntax.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A word that stands for itself, in capitals.
    Token(&'static str),
    /// One argument of this kind.
    Slot(Slot),
    /// Parts that may each be left out, in any order.
    Options(Box<[Sequence]>),
    /// Exactly one of these.
    Choice(Box<[Sequence]>),
    /// The sequence once or more.
    Repeat(Sequence),
    /// The sequence as often as the last `numkeys` said, or as there are keys.
    Counted(Sequence),
}

/// Parts in their order.
pub type Sequence = Box<[Node]>;

/// Why a text is not in the notation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SyntaxError {
    /// A word in small letters that is no [`Slot`].
    #[error("`{0}` stands for no kind of value: add it to the words of spec/syntax.rs, or write it in capitals")]
    UnknownWord(String),
    /// A bracket without its other half.
    #[error("`{0}` has no partner")]
    Unbalanced(char),
    /// Dots or a bar where nothing stands before them, or a bar outside brackets.
    #[error("`{0}` stands where it means nothing")]
    Misplaced(&'static str),
}

/// Reads `text` in this module's notation.
///
/// # Errors
/// [`SyntaxError`] names the first word or sign that is not of the notation.
pub fn parse(text: &'static str) -> Result<Sequence, SyntaxError> {
    let mut parser = Parser { rest: text };
    let mut alternatives = parser.alternatives(None)?;
    match (alternatives.pop(), alternatives.pop()) {
        (Some(only), None) => Ok(only),
        _ => Err(SyntaxError::Misplaced("|")),
    }
}

struct Parser {
    rest: &'static str,
}

impl Parser {
    /// Reads sequences with bars between them up to `close`, or to the text's end.
    fn alternatives(&mut self, close: Option<char>) -> Result<Vec<Sequence>, SyntaxError> {
        let mut done = Vec::new();
        let mut nodes = Vec::new();
        loop {
            self.rest = self.rest.trim_start();
            let Some(sign) = self.rest.chars().next() else {
                return match close {
                    Some(close) => Err(SyntaxError::Unbalanced(close)),
                    None => Ok(finish(done, nodes)),
                };
            };
            match sign {
                ']' | ')' => {
                    self.skip(1);
                    return if close == Some(sign) {
                        Ok(finish(done, nodes))
                    } else {
                        Err(SyntaxError::Unbalanced(sign))
                    };
                }
                '|' => {
                    self.skip(1);
                    if nodes.is_empty() {
                        return Err(SyntaxError::Misplaced("|"));
                    }
                    done.push(std::mem::take(&mut nodes).into());
                }
                '.' => {
                    self.skip("...".len());
                    repeat_last(&mut nodes)?;
                }
                '[' => {
                    self.skip(1);
                    let part = join(self.alternatives(Some(']'))?);
                    match nodes.last_mut() {
                        Some(Node::Options(parts)) => *parts = append(std::mem::take(parts), part),
                        _ => nodes.push(Node::Options([part].into())),
                    }
                }
                '(' => {
                    self.skip(1);
                    nodes.push(Node::Choice(self.alternatives(Some(')'))?.into()));
                }
                _ => nodes.push(self.word()?),
            }
        }
    }

    fn word(&mut self) -> Result<Node, SyntaxError> {
        let end = self.rest.find(|c: char| c.is_whitespace() || "[]()|.".contains(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        if !word.bytes().any(|byte| byte.is_ascii_lowercase()) {
            return Ok(Node::Token(word));
        }
        let found = WORDS.iter().find(|(name, _)| *name == word);
        found.map(|(_, slot)| Node::Slot(*slot)).ok_or_else(|| SyntaxError::UnknownWord(word.to_owned()))
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or("");
    }
}

fn finish(mut done: Vec<Sequence>, nodes: Vec<Node>) -> Vec<Sequence> {
    done.push(nodes.into());
    done
}

/// One sequence as it is, several as a choice.
fn join(mut alternatives: Vec<Sequence>) -> Sequence {
    match alternatives.len() {
        1 => alternatives.swap_remove(0),
        _ => [Node::Choice(alternatives.into())].into(),
    }
}

fn append(parts: Box<[Sequence]>, part: Sequence) -> Box<[Sequence]> {
    parts.into_iter().chain([part]).collect()
}

/// Applies the dots to the last of `nodes`.
fn repeat_last(nodes: &mut Vec<Node>) -> Result<(), SyntaxError> {
    let node = match nodes.pop() {
        Some(Node::Slot(Slot::Key)) if nodes.last() == Some(&Node::Slot(Slot::Numkeys)) => {
            Node::Counted([Node::Slot(Slot::Key)].into())
        }
        Some(node @ Node::Slot(Slot::Weight | Slot::ReadId | Slot::GroupId)) => Node::Counted([node].into()),
        Some(Node::Choice(mut alternatives)) if alternatives.len() == 1 => {
            Node::Repeat(std::mem::take(&mut alternatives[0]))
        }
        Some(node @ (Node::Slot(_) | Node::Token(_) | Node::Choice(_))) => Node::Repeat([node].into()),
        Some(Node::Options(_) | Node::Repeat(_) | Node::Counted(_)) | None => {
            return Err(SyntaxError::Misplaced("..."));
        }
    };
    nodes.push(node);
    Ok(())
}

/// The least number of arguments that `nodes` can be.
pub fn args_min(nodes: &[Node]) -> usize {
    let least = |node: &Node| match node {
        Node::Token(_) | Node::Slot(_) => 1,
        Node::Options(_) => 0,
        Node::Choice(alternatives) => alternatives.iter().map(|nodes| args_min(nodes)).min().unwrap_or(0),
        Node::Repeat(nodes) | Node::Counted(nodes) => args_min(nodes),
    };
    nodes.iter().map(least).sum()
}

/// The words of `nodes` that stand for themselves, in their order, as often as they are there.
pub fn words(nodes: &[Node]) -> Vec<&'static str> {
    let mut found = Vec::new();
    collect_words(nodes, &mut found);
    found
}

fn collect_words(nodes: &[Node], found: &mut Vec<&'static str>) {
    for node in nodes {
        match node {
            Node::Token(word) => found.push(*word),
            Node::Slot(_) => {}
            Node::Options(parts) | Node::Choice(parts) => parts.iter().for_each(|part| collect_words(part, found)),
            Node::Repeat(nodes) | Node::Counted(nodes) => collect_words(nodes, found),
        }
    }
}

/// True where `slot` stands anywhere in `nodes`.
pub fn contains(nodes: &[Node], slot: Slot) -> bool {
    nodes.iter().any(|node| match node {
        Node::Token(_) => false,
        Node::Slot(found) => *found == slot,
        Node::Options(parts) | Node::Choice(parts) => parts.iter().any(|part| contains(part, slot)),
        Node::Repeat(nodes) | Node::Counted(nodes) => contains(nodes, slot),
    })
}

/// True where every request of this syntax has the same number of arguments.
pub fn is_fixed(nodes: &[Node]) -> bool {
    nodes.iter().all(|node| match node {
        Node::Token(_) | Node::Slot(_) => true,
        Node::Options(_) | Node::Repeat(_) | Node::Counted(_) => false,
        Node::Choice(alternatives) => {
            alternatives.iter().all(|nodes| is_fixed(nodes) && args_min(nodes) == args_min(&alternatives[0]))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands;

    /// The tree in a form as explicit as it can be.
    fn show(nodes: &[Node]) -> String {
        let parts = |parts: &[Sequence]| parts.iter().map(|part| show(part)).collect::<Vec<_>>().join(", ");
        let shown: Vec<String> = nodes
            .iter()
            .map(|node| match node {
                Node::Token(word) => format!("'{word}'"),
                Node::Slot(slot) => format!("{slot:?}"),
                Node::Options(options) => format!("options({})", parts(options)),
                Node::Choice(alternatives) => format!("choice({})", parts(alternatives)),
                Node::Repeat(nodes) => format!("repeat({})", show(nodes)),
                Node::Counted(nodes) => format!("counted({})", show(nodes)),
            })
            .collect();
        shown.join(" ")
    }

    #[track_caller]
    fn check(text: &'static str, want: &str) {
        let got = match parse(text) {
            Ok(tree) => show(&tree),
            Err(error) => format!("error: {error}"),
        };
        assert_eq!(got, want, "{text}");
    }

    #[test]
    fn reads_the_notation() {
        check("", "");
        check("key value", "Key Value");
        check("key [NX | XX] [GET]", "Key options(choice('NX', 'XX'), 'GET')");
        check("key [count [WITHSCORES]]", "Key options(Count options('WITHSCORES'))");
        check("[EX seconds | KEEPTTL]", "options(choice('EX' Seconds, 'KEEPTTL'))");
        check("key (LEFT | RIGHT)", "Key choice('LEFT', 'RIGHT')");
        check("key (score member)...", "Key repeat(Score Member)");
        check("member...", "repeat(Member)");
        check("numkeys key... [WEIGHTS weight...]", "Numkeys counted(Key) options('WEIGHTS' counted(Weight))");
        check("destination key...", "Destination repeat(Key)");
    }

    #[test]
    fn refuses_what_is_not_of_the_notation() {
        let unknown = "add it to the words of spec/syntax.rs, or write it in capitals";
        check("keys", &format!("error: `keys` stands for no kind of value: {unknown}"));
        check("[NX", "error: `]` has no partner");
        check("NX]", "error: `]` has no partner");
        check("(NX]", "error: `]` has no partner");
        check("NX | XX", "error: `|` stands where it means nothing");
        check("... key", "error: `...` stands where it means nothing");
        check("[NX]...", "error: `...` stands where it means nothing");
    }

    #[test]
    fn arity_follows_from_the_syntax() {
        for command in commands().filter(|command| !crate::is_container(command)) {
            let tree = command.tree();
            let least = (args_min(tree) + command.name.split(' ').count()) as i32;
            let arity = if is_fixed(tree) { least } else { -least };
            assert_eq!(command.arity, arity, "arity of {}, whose syntax is {}", command.name, command.syntax);
        }
    }
}
