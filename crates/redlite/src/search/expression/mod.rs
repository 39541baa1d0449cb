//! The language of APPLY and FILTER: arithmetic, comparisons and functions on the properties of a row.
//!
//! `||` binds least, then `&&`, `!`, comparisons, `+ -`, `* / %`, and `^`, which is read from the right. A property is
//! `@name`, a text stands in either quote, and `NULL` is no value. Source: RediSearch's documentation of FT.AGGREGATE,
//! and its grammar.

mod functions;
mod parser;

use super::value::Value;
use functions::Function;

pub(crate) use parser::parse;

/// The longest expression, in bytes.
const EXPRESSION_BYTES_MAX: usize = 1 << 16;

/// How deep an expression may be nested.
const DEPTH_MAX: usize = 100;

/// An expression.
#[derive(Clone, Debug)]
pub(crate) enum Expression {
    /// A number, a text, or `NULL`.
    Literal(Value),
    /// `@name`, by the name's place in [`Parsed::properties`].
    Property(usize),
    /// `!…`
    Not(Box<Expression>),
    /// Two operands and what is done with them.
    Binary(Operator, Box<Expression>, Box<Expression>),
    /// A function with its arguments.
    Call(&'static Function, Vec<Expression>),
}

/// An expression, and the properties that it reads.
#[derive(Clone, Debug)]
pub(crate) struct Parsed {
    /// What to work out.
    pub expression: Expression,
    /// The names of the properties, each once.
    pub properties: Vec<Vec<u8>>,
}

/// What is done with two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    /// `||`
    Or,
    /// `&&`
    And,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Remainder,
    /// `^`
    Power,
}

/// Why a text is no expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ExpressionError {
    /// It is not of the language.
    #[error("Syntax error at offset {offset} near '{near}'")]
    Syntax {
        /// Where, in bytes.
        offset: usize,
        /// What stands there.
        near: String,
    },
    /// A function that there is not.
    #[error("Unknown function name '{0}'")]
    UnknownFunction(String),
    /// A word that is neither `NULL` nor a function with its arguments.
    #[error("Unknown symbol '{0}'")]
    UnknownSymbol(String),
    /// A function with the wrong number of arguments.
    #[error("Function '{name}' expects {expected} arguments, but got {got}")]
    Arguments {
        /// The function.
        name: &'static str,
        /// How many it takes.
        expected: String,
        /// How many there are.
        got: usize,
    },
    /// It is too long.
    #[error("Expression is too large at offset {offset}")]
    TooLarge {
        /// Where, in bytes.
        offset: usize,
    },
    /// It is nested too deeply.
    #[error("Expression is nested too deeply at offset {offset}")]
    TooDeep {
        /// Where, in bytes.
        offset: usize,
    },
}

impl Expression {
    /// Works it out, given the values of its properties. What has no value gives [`Value::Null`].
    pub fn evaluate(&self, properties: &[Value]) -> Value {
        match self {
            Expression::Literal(value) => value.clone(),
            Expression::Property(at) => properties.get(*at).cloned().unwrap_or(Value::Null),
            Expression::Not(inner) => Value::of_bool(!inner.evaluate(properties).is_true()),
            Expression::Binary(Operator::And, left, right) => {
                Value::of_bool(left.evaluate(properties).is_true() && right.evaluate(properties).is_true())
            }
            Expression::Binary(Operator::Or, left, right) => {
                Value::of_bool(left.evaluate(properties).is_true() || right.evaluate(properties).is_true())
            }
            Expression::Binary(operator, left, right) => {
                operator.apply(&left.evaluate(properties), &right.evaluate(properties))
            }
            Expression::Call(function, arguments) => {
                let values: Vec<Value> = arguments.iter().map(|argument| argument.evaluate(properties)).collect();
                (function.run)(&values)
            }
        }
    }
}

impl Operator {
    fn apply(self, left: &Value, right: &Value) -> Value {
        let order = left.compare(right);
        let compared = match self {
            Operator::Equal => Some(order.is_some_and(std::cmp::Ordering::is_eq)),
            Operator::NotEqual => Some(!order.is_some_and(std::cmp::Ordering::is_eq)),
            Operator::Less => Some(order.is_some_and(std::cmp::Ordering::is_lt)),
            Operator::AtMost => Some(order.is_some_and(std::cmp::Ordering::is_le)),
            Operator::Greater => Some(order.is_some_and(std::cmp::Ordering::is_gt)),
            Operator::AtLeast => Some(order.is_some_and(std::cmp::Ordering::is_ge)),
            _ => None,
        };
        if let Some(is_true) = compared {
            return Value::of_bool(is_true);
        }
        let (Some(left), Some(right)) = (left.as_number(), right.as_number()) else { return Value::Null };
        Value::Number(match self {
            Operator::Add => left + right,
            Operator::Subtract => left - right,
            Operator::Multiply => left * right,
            Operator::Divide => left / right,
            Operator::Remainder => left % right,
            Operator::Power => left.powf(right),
            _ => return Value::Null,
        })
    }
}

#[cfg(test)]
mod tests;
