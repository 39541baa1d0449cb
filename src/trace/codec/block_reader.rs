use super::columns::{Codes, Column, Columns, Cursor, Fault, Groups, unzigzag};
use super::shape::{ARG_BYTES, NODE_BYTES, NODES, Node, OP_BYTES, Shape, VERBS, Verb};
use super::{BLOCK_OPS_MAX, DICTIONARY_MAX, ENTRY_BYTES_MAX};
use crate::trace::{Act, Block, FaultSpec, Limits, Op};
use resp::{Argv, Reply};

/// Turns columns into ops and replies. What it keeps from block to block is the dictionary, which is bounded.
#[derive(Default)]
pub struct BlockReader {
    shapes: Vec<Shape>,
    entries: Entries,
}

impl BlockReader {
    /// Forgets shapes and strings: the next block tells its own.
    pub fn start_anew(&mut self) {
        *self = Self::default();
    }

    /// The `ops` ops of a block, with replies or without.
    ///
    /// # Errors
    /// [`Fault`] where the columns are not such as a writer writes, or beyond the limits.
    pub fn read(&mut self, ops: usize, with_replies: bool, columns: &Columns, limits: &Limits) -> Result<Block, Fault> {
        if ops > BLOCK_OPS_MAX {
            return Err(Fault::Damaged("a block has too many ops"));
        }
        self.read_shapes(columns)?;
        let mut shapes = Vec::with_capacity(ops);
        let mut args_at = Vec::with_capacity(ops);
        let mut args = 0;
        let mut codes = Codes::new(columns, Column::ShapeCodes);
        for _ in 0..ops {
            let shape = codes.code()?;
            let known = self.shapes.get(usize::from(shape)).ok_or(Fault::Damaged("an op has an unknown shape"))?;
            shapes.push(shape);
            args_at.push(args);
            args += known.args as usize;
        }
        let mut arg_codes = Codes::new(columns, Column::ArgCodes);
        if !codes.is_empty() || args != arg_codes.len() {
            return Err(Fault::Damaged("a column has not the length that the shapes say"));
        }
        let groups = Groups::new(shapes.iter().copied(), self.shapes.len());
        let mut budget = Budget { left: limits.block_bytes_max };
        let mut strings = Strings::new(&mut self.entries, columns);
        let mut refs = vec![StringRef::default(); args];
        for (at, shape) in self.shapes.iter().enumerate() {
            let group = groups.of(at);
            if group.is_empty() {
                continue;
            }
            for position in 0..shape.args as usize {
                for &op in group {
                    let one = strings.next(arg_codes.code()?)?;
                    if one.len as usize > limits.arg_bytes_max {
                        return Err(Fault::TooLarge(format!("an argument of {} bytes", one.len)));
                    }
                    budget.spend(ARG_BYTES + one.len as usize)?;
                    refs[args_at[op as usize] + position] = one;
                }
            }
        }
        if !arg_codes.is_empty() {
            return Err(Fault::Damaged("a column is too long"));
        }
        let ops = build_ops(&self.shapes, &shapes, &refs, &strings, columns, &mut budget)?;
        let mut replies = Replies::new(columns, strings, budget, limits);
        let read = with_replies.then(|| replies.read_all(&groups.order)).transpose()?;
        replies.finish()?;
        Ok(Block { ops, replies: read })
    }

    fn read_shapes(&mut self, columns: &Columns) -> Result<(), Fault> {
        let mut cursor = Cursor::new(&columns[Column::Shapes]);
        while !cursor.is_empty() {
            let verb = *VERBS.get(cursor.small::<usize>()?).ok_or(Fault::Damaged("an op does an unknown thing"))?;
            let args = cursor.small()?;
            let mut name = Vec::new();
            if verb == Verb::Named {
                let len = cursor.small()?;
                if len > ENTRY_BYTES_MAX {
                    return Err(Fault::Damaged("a command's name is too long"));
                }
                name.extend_from_slice(cursor.take(len)?);
            }
            if self.shapes.len() > usize::from(u16::MAX) {
                return Err(Fault::Damaged("there are too many shapes"));
            }
            self.shapes.push(Shape { verb, args, name });
        }
        Ok(())
    }
}

/// The ops in their order, from their shapes and the strings of their arguments.
fn build_ops(
    known: &[Shape],
    shapes: &[u16],
    refs: &[StringRef],
    strings: &Strings,
    columns: &Columns,
    budget: &mut Budget,
) -> Result<Vec<Op>, Fault> {
    let mut conns = Cursor::new(&columns[Column::Conns]);
    let mut rest = refs;
    let mut ops = Vec::with_capacity(shapes.len());
    for &shape in shapes {
        let shape = &known[usize::from(shape)];
        let (args, later) = rest.split_at(shape.args as usize);
        rest = later;
        budget.spend(OP_BYTES + shape.name.len())?;
        let conn = conns.small()?;
        ops.push(Op { conn, act: build_act(shape, args, strings)? });
    }
    if !conns.is_empty() {
        return Err(Fault::Damaged("a column is too long"));
    }
    Ok(ops)
}

fn build_act(shape: &Shape, args: &[StringRef], strings: &Strings) -> Result<Act, Fault> {
    let act = match shape.verb {
        Verb::Named | Verb::Call => {
            let args_bytes: usize = args.iter().map(|arg| arg.len as usize).sum();
            let mut argv = Argv::with_capacity(shape.name.len() + args_bytes);
            if shape.verb == Verb::Named {
                argv.push(&shape.name);
            }
            args.iter().for_each(|&arg| argv.push(strings.get(arg)));
            return Ok(Act::Call(argv));
        }
        Verb::Raw => match args {
            [bytes] => return Ok(Act::Raw(strings.get(*bytes).to_vec())),
            _ => return Err(Fault::Damaged("raw bytes are not one string")),
        },
        Verb::Advance => match args {
            [ms] => return Ok(Act::Advance { ms: parse_decimal(strings.get(*ms))? }),
            _ => return Err(Fault::Damaged("an advance is not by one number")),
        },
        Verb::Fault => {
            let (name, args) = args.split_first().ok_or(Fault::Damaged("a fault has no name"))?;
            let name = String::from_utf8(strings.get(*name).to_vec());
            let name = name.map_err(|_| Fault::Damaged("a fault's name is not UTF-8"))?;
            let args = args.iter().map(|&arg| parse_decimal(strings.get(arg))).collect::<Result<_, _>>()?;
            return Ok(Act::Fault(FaultSpec { name, args }));
        }
        Verb::Open => Act::Open,
        Verb::Close => Act::Close,
        Verb::Await => Act::Await,
        Verb::Restart => Act::Restart,
        Verb::Crash => Act::Crash,
    };
    if args.is_empty() { Ok(act) } else { Err(Fault::Damaged("an act has arguments that it does not take")) }
}

fn parse_decimal<T: std::str::FromStr>(digits: &[u8]) -> Result<T, Fault> {
    let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
    number.ok_or(Fault::Damaged("an act's number is none"))
}

/// What of `block_bytes_max` is left.
struct Budget {
    left: usize,
}

impl Budget {
    #[inline]
    fn spend(&mut self, bytes: usize) -> Result<(), Fault> {
        self.left = self.left.checked_sub(bytes).ok_or_else(too_large)?;
        Ok(())
    }
}

#[cold]
fn too_large() -> Fault {
    Fault::TooLarge("a block of ops and replies is too large".into())
}

/// The dictionary, in the order in which its entries came.
#[derive(Default)]
struct Entries {
    bytes: Vec<u8>,
    places: Vec<(u32, u8)>,
}

/// A string in the dictionary or among the literals.
#[derive(Clone, Copy, Default)]
struct StringRef {
    start: u32,
    len: u32,
    in_dictionary: bool,
}

/// Reads strings by their codes.
struct Strings<'a> {
    entries: &'a mut Entries,
    lens: Cursor<'a>,
    literals: &'a [u8],
    literals_read: usize,
}

impl<'a> Strings<'a> {
    fn new(entries: &'a mut Entries, columns: &'a Columns) -> Self {
        let lens = Cursor::new(&columns[Column::LiteralLens]);
        Self { entries, lens, literals: &columns[Column::Literals], literals_read: 0 }
    }

    /// The string of `code`, as `Strings::write` of the writer says.
    #[inline]
    fn next(&mut self, code: u16) -> Result<StringRef, Fault> {
        if code >= 2 {
            let place = self.entries.places.get(usize::from(code) - 2);
            let &(start, len) = place.ok_or(Fault::Damaged("a string is not in the dictionary"))?;
            return Ok(StringRef { start, len: u32::from(len), in_dictionary: true });
        }
        let len: u32 = self.lens.small()?;
        let start = self.literals_read;
        let bytes = self.literals.get(start..start + len as usize);
        let bytes = bytes.ok_or(Fault::Damaged("a column is too short"))?;
        self.literals_read += len as usize;
        if code == 1 {
            self.entries.push(bytes)?;
        }
        let start = u32::try_from(start).map_err(|_| too_large())?;
        Ok(StringRef { start, len, in_dictionary: false })
    }

    #[inline]
    fn get(&self, at: StringRef) -> &[u8] {
        let bytes = if at.in_dictionary { &self.entries.bytes[..] } else { self.literals };
        &bytes[at.start as usize..(at.start + at.len) as usize]
    }
}

impl Entries {
    fn push(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        if bytes.len() > ENTRY_BYTES_MAX || self.places.len() >= DICTIONARY_MAX {
            return Err(Fault::Damaged("the dictionary is too large"));
        }
        self.places.push((self.bytes.len() as u32, bytes.len() as u8));
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }
}

/// Reads replies, node by node.
struct Replies<'a> {
    nodes: Cursor<'a>,
    ints: Cursor<'a>,
    lens: Cursor<'a>,
    texts: Codes<'a>,
    bulks: Codes<'a>,
    strings: Strings<'a>,
    budget: Budget,
    limits: &'a Limits,
}

impl<'a> Replies<'a> {
    fn new(columns: &'a Columns, strings: Strings<'a>, budget: Budget, limits: &'a Limits) -> Self {
        Self {
            nodes: Cursor::new(&columns[Column::Nodes]),
            ints: Cursor::new(&columns[Column::Ints]),
            lens: Cursor::new(&columns[Column::Lens]),
            texts: Codes::new(columns, Column::TextCodes),
            bulks: Codes::new(columns, Column::BulkCodes),
            strings,
            budget,
            limits,
        }
    }

    /// One reply for each op of `order`, at the op's place.
    fn read_all(&mut self, order: &[u32]) -> Result<Vec<Reply>, Fault> {
        if order.len() > self.nodes.len() {
            return Err(Fault::Damaged("there are fewer replies than ops"));
        }
        let mut replies = vec![Reply::Null; order.len()];
        for &op in order {
            replies[op as usize] = self.reply(0)?;
        }
        Ok(replies)
    }

    /// That every column was read to its end.
    fn finish(self) -> Result<(), Fault> {
        let read = self.nodes.is_empty()
            && self.ints.is_empty()
            && self.lens.is_empty()
            && self.texts.is_empty()
            && self.bulks.is_empty()
            && self.strings.lens.is_empty()
            && self.strings.literals_read == self.strings.literals.len();
        if read { Ok(()) } else { Err(Fault::Damaged("a column is too long")) }
    }

    fn reply(&mut self, depth: usize) -> Result<Reply, Fault> {
        if depth > self.limits.reply.depth_max {
            return Err(Fault::TooLarge(format!("a reply that nests deeper than {}", self.limits.reply.depth_max)));
        }
        self.budget.spend(NODE_BYTES)?;
        let node = NODES.get(usize::from(self.nodes.byte()?));
        Ok(match node.ok_or(Fault::Damaged("a reply is of no known kind"))? {
            Node::Ok => Reply::ok(),
            Node::Zero => Reply::Int(0),
            Node::One => Reply::Int(1),
            Node::Int => Reply::Int(unzigzag(self.ints.varint()?)),
            Node::Bulk => Reply::Bulk(self.bulk()?),
            Node::NullBulk => Reply::NullBulk,
            Node::NullArray => Reply::NullArray,
            Node::Null => Reply::Null,
            Node::Simple => Reply::Simple(self.text()?),
            Node::Error => Reply::Error(self.text()?),
            Node::BulkError => Reply::BulkError(self.text()?),
            Node::Double => Reply::Double(self.text()?),
            Node::BigNumber => Reply::BigNumber(self.text()?),
            Node::True => Reply::Bool(true),
            Node::False => Reply::Bool(false),
            Node::Verbatim => match &self.bulk()?[..] {
                [a, b, c, text @ ..] => Reply::Verbatim { format: [*a, *b, *c], text: text.to_vec() },
                _ => return Err(Fault::Damaged("a verbatim string has no format")),
            },
            Node::Array => Reply::Array(self.items(depth)?),
            Node::Set => Reply::Set(self.items(depth)?),
            Node::Push => Reply::Push(self.items(depth)?),
            Node::Map => Reply::Map(self.pairs(depth)?),
            Node::Attribute => Reply::Attribute(self.pairs(depth)?, Box::new(self.reply(depth + 1)?)),
            Node::Pending => Reply::Pending,
            Node::Hung => Reply::Hung,
            Node::Closed => Reply::Closed,
            Node::Frames => Reply::Frames(self.items(depth)?),
        })
    }

    fn text(&mut self) -> Result<Vec<u8>, Fault> {
        let code = self.texts.code()?;
        self.string(code)
    }

    fn bulk(&mut self) -> Result<Vec<u8>, Fault> {
        let code = self.bulks.code()?;
        self.string(code)
    }

    #[inline]
    fn string(&mut self, code: u16) -> Result<Vec<u8>, Fault> {
        let at = self.strings.next(code)?;
        // A verbatim string counts its format.
        if at.len as usize > self.limits.reply.bulk_bytes_max.saturating_add(3) {
            return Err(Fault::TooLarge(format!("a reply of {} bytes", at.len)));
        }
        self.budget.spend(at.len as usize)?;
        Ok(self.strings.get(at).to_vec())
    }

    /// The announced number of elements, and how many are worth room: each has a node.
    fn len(&mut self) -> Result<(usize, usize), Fault> {
        let len: usize = self.lens.small()?;
        if len > self.limits.reply.elements_max {
            return Err(Fault::TooLarge(format!("a reply of {len} elements")));
        }
        Ok((len, len.min(self.nodes.len())))
    }

    fn items(&mut self, depth: usize) -> Result<Vec<Reply>, Fault> {
        let (len, room) = self.len()?;
        let mut items = Vec::with_capacity(room);
        for _ in 0..len {
            items.push(self.reply(depth + 1)?);
        }
        Ok(items)
    }

    fn pairs(&mut self, depth: usize) -> Result<Vec<(Reply, Reply)>, Fault> {
        let (len, room) = self.len()?;
        let mut pairs = Vec::with_capacity(room / 2);
        for _ in 0..len {
            pairs.push((self.reply(depth + 1)?, self.reply(depth + 1)?));
        }
        Ok(pairs)
    }
}
