//! From a query's tokens to its tree: recursive descent, bounded in depth.

use super::token::{Kind, Token, tokens};
use super::{Bound, DEPTH_MAX, Dialect, EDITS_MAX, NODES_MAX, Node, QUERY_BYTES_MAX, QueryError, Range, Tag};
use crate::search::tokenize::normalize;

/// Reads a query. `None` is one that finds nothing, since it is empty or has stop words alone.
///
/// # Errors
/// [`QueryError`] says where the text is not of the language, or beyond its bounds.
pub fn parse(text: &[u8], dialect: Dialect, is_stop_word: &dyn Fn(&[u8]) -> bool) -> Result<Option<Node>, QueryError> {
    if text.len() > QUERY_BYTES_MAX {
        return Err(QueryError::TooLarge { offset: QUERY_BYTES_MAX });
    }
    let tokens = tokens(text);
    if let Some(token) = tokens.get(NODES_MAX) {
        return Err(QueryError::TooLarge { offset: token.offset });
    }
    // At the end there is no token to name: an error there names the last one.
    let end = match tokens.last() {
        Some(last) => Token { kind: Kind::End, ..last.clone() },
        None => return Ok(None),
    };
    if let [Token { kind: Kind::Sign(b'*'), .. }] = tokens[..] {
        return Ok(Some(Node::All));
    }
    let mut parser = Parser { tokens, end, at: 0, depth: 0, dialect, is_stop_word };
    let tree = parser.expression()?;
    match parser.peek() {
        Kind::End => Ok(tree),
        _ => Err(parser.syntax_error()),
    }
}

/// A node; `None` for stop words, which are as if they were not there.
type Parsed = Result<Option<Node>, QueryError>;

/// What a sequence is inside of: it says where the sequence ends in dialect 1.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    /// The whole query, or parentheses.
    Whole,
    /// What `-` takes.
    Not,
    /// What `~` takes.
    Optional,
}

struct Parser<'a> {
    tokens: Vec<Token<'a>>,
    end: Token<'a>,
    at: usize,
    depth: usize,
    dialect: Dialect,
    is_stop_word: &'a dyn Fn(&[u8]) -> bool,
}

impl<'a> Parser<'a> {
    fn token(&self) -> &Token<'a> {
        self.tokens.get(self.at).unwrap_or(&self.end)
    }

    fn peek(&self) -> &Kind {
        &self.token().kind
    }

    fn is_sign(&self, sign: u8) -> bool {
        *self.peek() == Kind::Sign(sign)
    }

    /// Steps over this sign, where it is next.
    fn accept(&mut self, sign: u8) -> bool {
        let found = self.is_sign(sign);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: u8) -> Result<(), QueryError> {
        if self.accept(sign) { Ok(()) } else { Err(self.syntax_error()) }
    }

    fn syntax_error(&self) -> QueryError {
        let Token { offset, near, .. } = self.token();
        QueryError::Syntax { offset: *offset, near: String::from_utf8_lossy(near).into_owned() }
    }

    /// The word or number that is next.
    fn word(&mut self) -> Option<Vec<u8>> {
        let (Kind::Word(text) | Kind::Number(text)) = self.peek() else { return None };
        let text = text.clone();
        self.at += 1;
        Some(text)
    }

    /// Runs `read` one level deeper.
    fn nested(&mut self, read: impl FnOnce(&mut Self) -> Parsed) -> Parsed {
        if self.depth == DEPTH_MAX {
            return Err(QueryError::TooDeep { offset: self.token().offset });
        }
        self.depth += 1;
        let parsed = read(self);
        self.depth -= 1;
        parsed
    }

    /// The whole query, or what stands in parentheses.
    fn expression(&mut self) -> Parsed {
        match self.dialect {
            Dialect::One => self.sequence(Inside::Whole),
            Dialect::Two => self.union(|parser| parser.sequence(Inside::Whole)),
        }
    }

    /// Operands side by side.
    fn sequence(&mut self, inside: Inside) -> Parsed {
        let mut tree = self.operand()?;
        while self.goes_on(inside) {
            let next = self.operand()?;
            tree = join(tree, next, Node::And, |node| match node {
                Node::And(parts) => Ok(parts),
                other => Err(other),
            });
        }
        Ok(tree)
    }

    /// True where the next token starts another operand of the sequence.
    fn goes_on(&self, inside: Inside) -> bool {
        match self.peek() {
            Kind::Word(_) | Kind::Number(_) | Kind::Affix(..) | Kind::Field(_) | Kind::Sign(b'(' | b'%') => true,
            Kind::Sign(b'-' | b'"') => inside != Inside::Not,
            Kind::Sign(b'~') => inside == Inside::Whole,
            Kind::Sign(_) | Kind::End => false,
        }
    }

    /// An operand of a sequence: in dialect 1 alternatives bind closer.
    fn operand(&mut self) -> Parsed {
        match self.dialect {
            Dialect::One => self.union(Self::unary),
            Dialect::Two => self.unary(),
        }
    }

    /// Alternatives, each of which `read` reads.
    fn union(&mut self, mut read: impl FnMut(&mut Self) -> Parsed) -> Parsed {
        let mut tree = read(self)?;
        while self.accept(b'|') {
            let next = read(self)?;
            tree = join(tree, next, Node::Or, |node| match node {
                Node::Or(parts) => Ok(parts),
                other => Err(other),
            });
        }
        Ok(tree)
    }

    fn unary(&mut self) -> Parsed {
        match self.peek() {
            Kind::Word(_) | Kind::Number(_) => Ok(self.words()),
            Kind::Affix(text, place) => {
                let affix = Node::Affix(normalize(text), *place);
                self.at += 1;
                Ok(Some(affix))
            }
            Kind::Field(_) => self.nested(Self::filter),
            Kind::Sign(b'"') => self.phrase(),
            Kind::Sign(b'%') => self.fuzzy(),
            Kind::Sign(b'(') => self.nested(|parser| {
                parser.at += 1;
                let tree = parser.expression()?;
                parser.expect(b')')?;
                Ok(tree)
            }),
            Kind::Sign(b'-') => {
                let negated = self.prefixed(Inside::Not)?;
                Ok(negated.map(|node| Node::Not(Box::new(node))))
            }
            Kind::Sign(b'~') => {
                let optional = self.prefixed(Inside::Optional)?;
                Ok(optional.map(|node| Node::Optional(Box::new(node))))
            }
            Kind::Sign(_) | Kind::End => Err(self.syntax_error()),
        }
    }

    /// What a `-` or a `~` takes.
    fn prefixed(&mut self, inside: Inside) -> Parsed {
        self.nested(|parser| {
            parser.at += 1;
            match parser.dialect {
                Dialect::One => parser.sequence(inside),
                Dialect::Two => parser.unary(),
            }
        })
    }

    /// Words: in dialect 1 all that stand side by side.
    fn words(&mut self) -> Option<Node> {
        let mut terms = Vec::new();
        while let Some(word) = self.word() {
            if !(self.is_stop_word)(&word) {
                terms.push(Node::Term(normalize(&word)));
            }
            if self.dialect == Dialect::Two {
                break;
            }
        }
        match terms.len() {
            0 | 1 => terms.pop(),
            _ => Some(Node::And(terms)),
        }
    }

    /// `"hello world"`
    fn phrase(&mut self) -> Parsed {
        self.at += 1;
        let mut terms = Vec::new();
        if self.is_sign(b'"') {
            return Err(self.syntax_error());
        }
        while let Some(word) = self.word() {
            if !(self.is_stop_word)(&word) {
                terms.push(normalize(&word));
            }
        }
        self.expect(b'"')?;
        Ok((!terms.is_empty()).then_some(Node::Phrase(terms)))
    }

    /// `%hello%`, with up to three signs on either side. A stop word is a word like any other here.
    fn fuzzy(&mut self) -> Parsed {
        let mut edits = 0;
        while edits < EDITS_MAX && self.accept(b'%') {
            edits += 1;
        }
        let Some(word) = self.word() else { return Err(self.syntax_error()) };
        for _ in 0..edits {
            self.expect(b'%')?;
        }
        Ok(Some(Node::Fuzzy(normalize(&word), edits)))
    }

    /// `@field:…`, and `@one|two:…` for text.
    fn filter(&mut self) -> Parsed {
        let Kind::Field(first) = self.peek() else { return Err(self.syntax_error()) };
        let mut names = vec![first.clone()];
        self.at += 1;
        while self.accept(b'|') {
            let Some(name) = self.word() else { return Err(self.syntax_error()) };
            names.push(name);
        }
        self.expect(b':')?;
        match self.peek() {
            Kind::Sign(b'{') if names.len() == 1 => self.tags(names.swap_remove(0)),
            Kind::Sign(b'[') if names.len() == 1 => self.range(names.swap_remove(0)),
            _ => {
                let filtered = self.operand()?;
                Ok(filtered.map(|node| Node::Fields(names, Box::new(node))))
            }
        }
    }

    /// `{red | dark blue}`
    fn tags(&mut self, name: Vec<u8>) -> Parsed {
        self.at += 1;
        let mut tags = vec![self.tag()?];
        while self.accept(b'|') {
            tags.push(self.tag()?);
        }
        self.expect(b'}')?;
        Ok(Some(Node::Tags(name, tags)))
    }

    fn tag(&mut self) -> Result<Tag, QueryError> {
        if let Kind::Affix(text, place) = self.peek() {
            let tag = Tag::Affix(text.clone(), *place);
            self.at += 1;
            return Ok(tag);
        }
        let mut words = Vec::new();
        while let Some(word) = self.word() {
            words.push(word);
        }
        if words.is_empty() { Err(self.syntax_error()) } else { Ok(Tag::Whole(words.join(&b' '))) }
    }

    /// `[10 (20]`
    fn range(&mut self, name: Vec<u8>) -> Parsed {
        self.at += 1;
        let range = Range { low: self.bound()?, high: self.bound()? };
        self.expect(b']')?;
        Ok(Some(Node::Range(name, range)))
    }

    fn bound(&mut self) -> Result<Bound, QueryError> {
        let (mut included, mut sign) = (true, 1.0);
        loop {
            if self.accept(b'(') {
                included = false;
            } else if self.accept(b'-') {
                sign = -sign;
            } else {
                break;
            }
        }
        let Kind::Number(text) = self.peek() else { return Err(self.syntax_error()) };
        // Digits that no double holds are an infinity, as C reads them.
        let value = std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok());
        let Some(value) = value else { return Err(self.syntax_error()) };
        self.at += 1;
        Ok(Bound { value: sign * value, included })
    }
}

/// Both nodes in one; where the left one is of the same sort, the right one is added to it.
fn join(
    left: Option<Node>,
    right: Option<Node>,
    make: fn(Vec<Node>) -> Node,
    parts_of: fn(Node) -> Result<Vec<Node>, Node>,
) -> Option<Node> {
    let (left, right) = match (left, right) {
        (Some(left), Some(right)) => (left, right),
        (left, right) => return left.or(right),
    };
    let mut parts = parts_of(left).unwrap_or_else(|single| vec![single]);
    parts.push(right);
    Some(make(parts))
}
