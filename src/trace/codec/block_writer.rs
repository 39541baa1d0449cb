use std::collections::HashMap;

use super::columns::{Column, Columns, Groups, push_varint, zigzag};
use super::shape::{Node, Shape, Verb};
use super::{BLOCK_OPS_MAX, DICTIONARY_MAX, ENTRY_BYTES_MAX};
use crate::trace::{Act, Op};
use resp::{Argv, Reply};

/// The dictionary starts anew once it has this many entries, shapes or candidates.
const ENTRIES_KEPT: usize = 48 << 10;
const SHAPES_KEPT: usize = 32 << 10;
const CANDIDATES_KEPT: usize = 128 << 10;

/// Collects the ops of a block and turns them into columns.
#[derive(Default)]
pub struct BlockWriter {
    strings: Strings,
    shapes: Vec<Shape>,
    /// By verb, number of arguments, and string of the name.
    shape_ids: HashMap<(Verb, u32, u32), u16>,
    /// Shapes that earlier blocks have told.
    shapes_told: usize,
    ops: Vec<StagedOp>,
    args: Vec<StringId>,
    nodes: Vec<StagedNode>,
}

struct StagedOp {
    conn: u16,
    shape: u16,
    /// Where its arguments begin in `args`.
    args_at: u32,
    /// Where its reply begins in `nodes`.
    nodes_at: u32,
}

#[derive(Clone, Copy)]
struct StagedNode {
    node: Node,
    /// An integer, a number of elements, or a string.
    value: u64,
}

impl BlockWriter {
    /// How many ops are collected.
    pub fn ops(&self) -> usize {
        self.ops.len()
    }

    /// True where this block must begin with an empty dictionary. Call it before the block's first op.
    pub fn start_anew_if_full(&mut self) -> bool {
        let full = self.strings.entries >= ENTRIES_KEPT
            || self.shapes.len() >= SHAPES_KEPT
            || self.strings.interned.len() >= CANDIDATES_KEPT;
        if full {
            *self = Self::default();
        }
        full
    }

    /// Collects an op.
    pub fn push(&mut self, op: &Op, reply: Option<&Reply>) {
        let (args_at, nodes_at) = (self.args.len() as u32, self.nodes.len() as u32);
        let shape = self.push_act(&op.act);
        if let Some(reply) = reply {
            self.push_reply(reply);
        }
        self.ops.push(StagedOp { conn: op.conn, shape, args_at, nodes_at });
    }

    fn push_act(&mut self, act: &Act) -> u16 {
        let verb = match act {
            Act::Call(argv) => return self.push_call(argv),
            Act::Raw(bytes) => {
                self.push_arg(bytes);
                return self.shape(Verb::Raw, 1, 0, &[]);
            }
            Act::Advance { ms } => {
                self.push_arg(ms.to_string().as_bytes());
                return self.shape(Verb::Advance, 1, 0, &[]);
            }
            Act::Fault(fault) => {
                self.push_arg(fault.name.as_bytes());
                fault.args.iter().for_each(|arg| self.push_arg(arg.to_string().as_bytes()));
                return self.shape(Verb::Fault, 1 + fault.args.len() as u32, 0, &[]);
            }
            Act::Open => Verb::Open,
            Act::Close => Verb::Close,
            Act::Await => Verb::Await,
            Act::Restart => Verb::Restart,
            Act::Crash => Verb::Crash,
        };
        self.shape(verb, 0, 0, &[])
    }

    fn push_call(&mut self, argv: &Argv) -> u16 {
        let args = argv.len() as u32;
        match argv.get(0) {
            Some(name) if name.len() <= ENTRY_BYTES_MAX => {
                argv.iter().skip(1).for_each(|arg| self.push_arg(arg));
                let id = self.strings.intern(name).0;
                self.shape(Verb::Named, args - 1, id, name)
            }
            _ => {
                argv.iter().for_each(|arg| self.push_arg(arg));
                self.shape(Verb::Call, args, 0, &[])
            }
        }
    }

    fn push_arg(&mut self, arg: &[u8]) {
        let id = self.strings.sight(arg);
        self.args.push(id);
    }

    fn shape(&mut self, verb: Verb, args: u32, name_id: u32, name: &[u8]) -> u16 {
        let next = self.shapes.len() as u16;
        *self.shape_ids.entry((verb, args, name_id)).or_insert_with(|| {
            self.shapes.push(Shape { verb, args, name: name.to_vec() });
            next
        })
    }

    /// Collects the nodes of a reply in pre-order.
    fn push_reply(&mut self, reply: &Reply) {
        let (node, value) = match reply {
            Reply::Simple(text) if text == b"OK" => (Node::Ok, 0),
            Reply::Simple(text) => (Node::Simple, self.sight(text)),
            Reply::Error(text) => (Node::Error, self.sight(text)),
            Reply::BulkError(text) => (Node::BulkError, self.sight(text)),
            Reply::Int(0) => (Node::Zero, 0),
            Reply::Int(1) => (Node::One, 0),
            Reply::Int(value) => (Node::Int, zigzag(*value)),
            Reply::Bulk(bytes) => (Node::Bulk, self.sight(bytes)),
            Reply::NullBulk => (Node::NullBulk, 0),
            Reply::NullArray => (Node::NullArray, 0),
            Reply::Null => (Node::Null, 0),
            Reply::Double(text) => (Node::Double, self.sight(text)),
            Reply::Bool(true) => (Node::True, 0),
            Reply::Bool(false) => (Node::False, 0),
            Reply::BigNumber(text) => (Node::BigNumber, self.sight(text)),
            Reply::Verbatim { format, text } => (Node::Verbatim, self.sight(&[format, &text[..]].concat())),
            Reply::Array(items) => (Node::Array, items.len() as u64),
            Reply::Set(items) => (Node::Set, items.len() as u64),
            Reply::Push(items) => (Node::Push, items.len() as u64),
            Reply::Map(pairs) => (Node::Map, pairs.len() as u64),
            Reply::Attribute(pairs, _) => (Node::Attribute, pairs.len() as u64),
            Reply::Frames(frames) => (Node::Frames, frames.len() as u64),
            Reply::Pending => (Node::Pending, 0),
            Reply::Hung => (Node::Hung, 0),
            Reply::Closed => (Node::Closed, 0),
        };
        self.nodes.push(StagedNode { node, value });
        match reply {
            Reply::Array(items) | Reply::Set(items) | Reply::Push(items) | Reply::Frames(items) => {
                items.iter().for_each(|item| self.push_reply(item));
            }
            Reply::Map(pairs) => self.push_pairs(pairs),
            Reply::Attribute(pairs, reply) => {
                self.push_pairs(pairs);
                self.push_reply(reply);
            }
            _ => {}
        }
    }

    fn push_pairs(&mut self, pairs: &[(Reply, Reply)]) {
        for (key, value) in pairs {
            self.push_reply(key);
            self.push_reply(value);
        }
    }

    fn sight(&mut self, bytes: &[u8]) -> u64 {
        u64::from(self.strings.sight(bytes).0)
    }

    /// Writes the columns of the collected ops and forgets them; the dictionary stays.
    pub fn write_columns(&mut self, columns: &mut Columns) {
        debug_assert!(self.ops.len() <= BLOCK_OPS_MAX);
        for shape in &self.shapes[self.shapes_told..] {
            let out = &mut columns[Column::Shapes];
            push_varint(shape.verb as u64, out);
            push_varint(u64::from(shape.args), out);
            if shape.verb == Verb::Named {
                push_varint(shape.name.len() as u64, out);
                out.extend_from_slice(&shape.name);
            }
        }
        self.shapes_told = self.shapes.len();
        for op in &self.ops {
            push_varint(u64::from(op.conn), &mut columns[Column::Conns]);
            columns.push_code(Column::ShapeCodes, op.shape);
        }
        let groups = Groups::new(self.ops.iter().map(|op| op.shape), self.shapes.len());
        for (at, shape) in self.shapes.iter().enumerate() {
            let group = groups.of(at);
            if group.is_empty() {
                continue;
            }
            for position in 0..shape.args {
                for &op in group {
                    let id = self.args[(self.ops[op as usize].args_at + position) as usize];
                    self.strings.write(id, Column::ArgCodes, columns);
                }
            }
        }
        for &op in &groups.order {
            let from = self.ops[op as usize].nodes_at as usize;
            let to = self.ops.get(op as usize + 1).map_or(self.nodes.len(), |next| next.nodes_at as usize);
            for staged in &self.nodes[from..to] {
                write_node(*staged, &mut self.strings, columns);
            }
        }
        self.ops.clear();
        self.args.clear();
        self.nodes.clear();
        self.strings.end_block();
    }
}

fn write_node(staged: StagedNode, strings: &mut Strings, columns: &mut Columns) {
    columns[Column::Nodes].push(staged.node as u8);
    match staged.node {
        Node::Int => push_varint(staged.value, &mut columns[Column::Ints]),
        Node::Array | Node::Set | Node::Push | Node::Map | Node::Attribute | Node::Frames => {
            push_varint(staged.value, &mut columns[Column::Lens]);
        }
        Node::Error | Node::Simple | Node::Double | Node::BigNumber | Node::BulkError => {
            strings.write(StringId(staged.value as u32), Column::TextCodes, columns);
        }
        Node::Bulk | Node::Verbatim => strings.write(StringId(staged.value as u32), Column::BulkCodes, columns),
        Node::Ok | Node::Zero | Node::One | Node::NullBulk | Node::NullArray | Node::Null => {}
        Node::True | Node::False | Node::Pending | Node::Hung | Node::Closed => {}
    }
}

/// A string of this block: interned, or with [`LONG`] set, too long to be.
#[derive(Clone, Copy)]
struct StringId(u32);

const LONG: u32 = 1 << 31;

/// The strings of a block and the dictionary. A string enters the dictionary when it is written and has been
/// seen twice, so that what occurs once does not make the codes of the others larger.
#[derive(Default)]
struct Strings {
    ids: HashMap<Box<[u8]>, u32>,
    interned: Vec<Interned>,
    interned_bytes: Vec<u8>,
    /// Where each string too long for the dictionary ends in `long_bytes`.
    long_ends: Vec<usize>,
    long_bytes: Vec<u8>,
    /// Entries of the dictionary.
    entries: usize,
}

struct Interned {
    start: u32,
    len: u8,
    seen_twice: bool,
    seen: bool,
    /// Its entry's code; 0 where it has none.
    code: u16,
}

impl Strings {
    /// The id of a string of at most [`ENTRY_BYTES_MAX`] bytes.
    fn intern(&mut self, bytes: &[u8]) -> StringId {
        if let Some(&id) = self.ids.get(bytes) {
            return StringId(id);
        }
        let id = self.interned.len() as u32;
        let start = self.interned_bytes.len() as u32;
        self.interned_bytes.extend_from_slice(bytes);
        self.interned.push(Interned { start, len: bytes.len() as u8, seen: false, seen_twice: false, code: 0 });
        self.ids.insert(bytes.into(), id);
        StringId(id)
    }

    /// The id of a string that will be written once more.
    fn sight(&mut self, bytes: &[u8]) -> StringId {
        if bytes.len() > ENTRY_BYTES_MAX {
            let id = self.long_ends.len() as u32 | LONG;
            self.long_bytes.extend_from_slice(bytes);
            self.long_ends.push(self.long_bytes.len());
            return StringId(id);
        }
        let id = self.intern(bytes);
        let one = &mut self.interned[id.0 as usize];
        (one.seen_twice, one.seen) = (one.seen, true);
        id
    }

    /// Writes the string's code to the columns of `codes`: 0 and 1 announce a literal, of which 1 enters the
    /// dictionary; what is above is the entry at that number less 2.
    fn write(&mut self, id: StringId, codes: Column, columns: &mut Columns) {
        if id.0 & LONG != 0 {
            let at = (id.0 & !LONG) as usize;
            let start = if at == 0 { 0 } else { self.long_ends[at - 1] };
            columns.push_code(codes, 0);
            return push_literal(&self.long_bytes[start..self.long_ends[at]], columns);
        }
        let one = &mut self.interned[id.0 as usize];
        if one.code != 0 {
            return columns.push_code(codes, one.code);
        }
        let enters = one.seen_twice && self.entries < DICTIONARY_MAX;
        if enters {
            one.code = self.entries as u16 + 2;
            self.entries += 1;
        }
        columns.push_code(codes, u16::from(enters));
        let start = one.start as usize;
        push_literal(&self.interned_bytes[start..start + usize::from(one.len)], columns);
    }

    fn end_block(&mut self) {
        self.long_ends.clear();
        self.long_bytes.clear();
        self.long_bytes.shrink_to(1 << 20);
    }
}

fn push_literal(bytes: &[u8], columns: &mut Columns) {
    push_varint(bytes.len() as u64, &mut columns[Column::LiteralLens]);
    columns[Column::Literals].extend_from_slice(bytes);
}
