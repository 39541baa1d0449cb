//! From an expression's text to its tree: precedence climbing, bounded in depth.

use super::functions::{self, Function};
use super::{DEPTH_MAX, EXPRESSION_BYTES_MAX, Expression, ExpressionError, Operator, Parsed};
use crate::search::tokenize::unescape;
use crate::search::value::Value;

/// Operators as they are written, with how closely they bind. Where one is the start of another, the longer is first.
const OPERATORS: &[(&str, Operator, u8)] = &[
    ("||", Operator::Or, 1),
    ("&&", Operator::And, 2),
    ("==", Operator::Equal, NOT_BINDS + 1),
    ("!=", Operator::NotEqual, NOT_BINDS + 1),
    ("<=", Operator::AtMost, NOT_BINDS + 1),
    (">=", Operator::AtLeast, NOT_BINDS + 1),
    ("<", Operator::Less, NOT_BINDS + 1),
    (">", Operator::Greater, NOT_BINDS + 1),
    ("+", Operator::Add, 5),
    ("-", Operator::Subtract, 5),
    ("*", Operator::Multiply, 6),
    ("/", Operator::Divide, 6),
    ("%", Operator::Remainder, 6),
    ("^", Operator::Power, POWER_BINDS),
];

/// `!` takes all that binds closer.
const NOT_BINDS: u8 = 3;

/// `^` is read from the right.
const POWER_BINDS: u8 = 7;

/// Reads an expression.
///
/// # Errors
/// [`ExpressionError`] says where the text is not of the language, or beyond its bounds.
pub(crate) fn parse(text: &[u8]) -> Result<Parsed, ExpressionError> {
    if text.len() > EXPRESSION_BYTES_MAX {
        return Err(ExpressionError::TooLarge { offset: EXPRESSION_BYTES_MAX });
    }
    let mut parser = Parser { text, at: 0, depth: 0, properties: Vec::new() };
    let expression = parser.binary(0)?;
    parser.skip_blanks();
    if parser.at < text.len() {
        return Err(parser.syntax_error());
    }
    Ok(Parsed { expression, properties: parser.properties })
}

type Read = Result<Expression, ExpressionError>;

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    depth: usize,
    properties: Vec<Vec<u8>>,
}

impl Parser<'_> {
    fn skip_blanks(&mut self) {
        self.at += self.rest().iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    }

    fn rest(&self) -> &[u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Steps over blanks, and over this sign where it is next.
    fn accept(&mut self, sign: &str) -> bool {
        self.skip_blanks();
        let found = self.rest().starts_with(sign.as_bytes());
        self.at += if found { sign.len() } else { 0 };
        found
    }

    fn expect(&mut self, sign: &str) -> Result<(), ExpressionError> {
        if self.accept(sign) { Ok(()) } else { Err(self.syntax_error()) }
    }

    fn syntax_error(&self) -> ExpressionError {
        let word = name_length(self.rest()).max(1).min(self.rest().len());
        ExpressionError::Syntax { offset: self.at, near: String::from_utf8_lossy(&self.rest()[..word]).into_owned() }
    }

    /// Runs `read` one level deeper.
    fn nested(&mut self, read: impl FnOnce(&mut Self) -> Read) -> Read {
        if self.depth == DEPTH_MAX {
            return Err(ExpressionError::TooDeep { offset: self.at });
        }
        self.depth += 1;
        let outcome = read(self);
        self.depth -= 1;
        outcome
    }

    /// Operands with operators that bind closer than `least` between them.
    fn binary(&mut self, least: u8) -> Read {
        let mut left = self.operand()?;
        // Each round makes the tree one deeper: the depth that is worked out must be bounded too.
        let mut rounds = 0;
        while let Some((operator, binds)) = self.next_operator(least) {
            rounds += 1;
            if self.depth + rounds > DEPTH_MAX {
                return Err(ExpressionError::TooDeep { offset: self.at });
            }
            let right_least = if binds == POWER_BINDS { binds - 1 } else { binds };
            let right = self.nested(|parser| parser.binary(right_least))?;
            left = Expression::Binary(operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn next_operator(&mut self, least: u8) -> Option<(Operator, u8)> {
        self.skip_blanks();
        let (sign, operator, binds) = OPERATORS.iter().find(|(sign, ..)| self.rest().starts_with(sign.as_bytes()))?;
        if *binds <= least {
            return None;
        }
        self.at += sign.len();
        Some((*operator, *binds))
    }

    fn operand(&mut self) -> Read {
        self.skip_blanks();
        match self.rest().first() {
            Some(b'!') => {
                self.at += 1;
                let inner = self.nested(|parser| parser.binary(NOT_BINDS))?;
                Ok(Expression::Not(Box::new(inner)))
            }
            Some(b'(') => {
                self.at += 1;
                let inner = self.nested(|parser| parser.binary(0))?;
                self.expect(")")?;
                Ok(inner)
            }
            Some(b'@') => self.property(),
            Some(b'"' | b'\'') => self.literal_text(),
            Some(byte) if byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.') => self.literal_number(),
            Some(_) => self.symbol(),
            None => Err(self.syntax_error()),
        }
    }

    fn property(&mut self) -> Read {
        let length = name_length(&self.rest()[1..]);
        if length == 0 {
            return Err(self.syntax_error());
        }
        let name = self.rest()[1..=length].to_vec();
        self.at += 1 + length;
        let known = self.properties.iter().position(|property| *property == name);
        Ok(Expression::Property(known.unwrap_or_else(|| {
            self.properties.push(name);
            self.properties.len() - 1
        })))
    }

    fn literal_text(&mut self) -> Read {
        let quote = self.text[self.at];
        let mut end = self.at + 1;
        while self.text.get(end).is_some_and(|&byte| byte != quote) {
            end += if self.text[end] == b'\\' { 2 } else { 1 };
        }
        let Some(inside) = self.text.get(self.at + 1..end).filter(|_| end < self.text.len()) else {
            return Err(self.syntax_error());
        };
        let text = unescape(inside);
        self.at = end + 1;
        Ok(Expression::Literal(Value::Text(text)))
    }

    fn literal_number(&mut self) -> Read {
        let text = self.rest();
        let sign = usize::from(matches!(text[0], b'-' | b'+'));
        let digits = |from: usize| text[from.min(text.len())..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let mut length = sign + digits(sign);
        if text.get(length) == Some(&b'.') {
            length += 1 + digits(length + 1);
        }
        if text.get(length).is_some_and(|byte| byte.eq_ignore_ascii_case(&b'e')) {
            let sign = usize::from(matches!(text.get(length + 1), Some(b'-' | b'+')));
            let exponent = digits(length + 1 + sign);
            length += if exponent > 0 { 1 + sign + exponent } else { 0 };
        }
        let number = std::str::from_utf8(&text[..length]).ok().and_then(|text| text.parse().ok());
        let Some(number) = number else { return Err(self.syntax_error()) };
        self.at += length;
        Ok(Expression::Literal(Value::Number(number)))
    }

    /// `NULL`, or a function with its arguments.
    fn symbol(&mut self) -> Read {
        let length = name_length(self.rest());
        if length == 0 {
            return Err(self.syntax_error());
        }
        let name = self.rest()[..length].to_vec();
        self.at += length;
        let shown = || String::from_utf8_lossy(&name).into_owned();
        if !self.accept("(") {
            let is_null = name == b"NULL";
            return if is_null {
                Ok(Expression::Literal(Value::Null))
            } else {
                Err(ExpressionError::UnknownSymbol(shown()))
            };
        }
        let arguments = self.arguments()?;
        match functions::find(&name) {
            None => Err(ExpressionError::UnknownFunction(shown())),
            Some(function) => call(function, arguments),
        }
    }

    /// The arguments of a function and the parenthesis behind them.
    fn arguments(&mut self) -> Result<Vec<Expression>, ExpressionError> {
        let mut arguments = Vec::new();
        if self.accept(")") {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.nested(|parser| parser.binary(0))?);
            if !self.accept(",") {
                self.expect(")")?;
                return Ok(arguments);
            }
        }
    }
}

fn call(function: &'static Function, arguments: Vec<Expression>) -> Read {
    let Function { name, arguments_min, arguments_max, .. } = *function;
    if (arguments_min..=arguments_max).contains(&arguments.len()) {
        return Ok(Expression::Call(function, arguments));
    }
    let expected = if arguments_min == arguments_max {
        arguments_min.to_string()
    } else {
        format!("between {arguments_min} and {arguments_max}")
    };
    Err(ExpressionError::Arguments { name, expected, got: arguments.len() })
}

/// How many bytes at the start of `text` are of a name.
fn name_length(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_' || !byte.is_ascii()).count()
}
