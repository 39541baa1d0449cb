//! Values of FT.AGGREGATE's rows, and what results are sorted by.

use std::cmp::Ordering;

use super::schema::{Field, FieldKind};
use crate::number;

/// A value.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// None.
    Null,
    /// A number.
    Number(f64),
    /// Bytes.
    Text(Vec<u8>),
    /// What TOLIST gathered.
    List(Vec<Value>),
}

impl Value {
    /// What a field of the schema holds: a number where it is NUMERIC, and text otherwise.
    pub fn of_field(field: &Field, text: Vec<u8>) -> Self {
        match field.kind {
            FieldKind::Numeric => number::parse_double(&text).map_or(Value::Text(text), Value::Number),
            FieldKind::Text { .. } | FieldKind::Tag { .. } => Value::Text(text),
        }
    }

    /// 1 or 0.
    pub fn of_bool(is_true: bool) -> Self {
        Value::Number(f64::from(u8::from(is_true)))
    }

    /// The number that it is, or that its text is.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Value::Number(number) => Some(*number),
            Value::Text(text) => number::parse_double(text),
            Value::Null | Value::List(_) => None,
        }
    }

    /// True for a number but 0, a text that is not empty, and a list.
    pub fn is_true(&self) -> bool {
        match self {
            Value::Null => false,
            Value::Number(number) => *number != 0.0,
            Value::Text(text) => !text.is_empty(),
            Value::List(_) => true,
        }
    }

    /// As a reply shows it: a whole number without a point, any other with up to 12 digits.
    pub fn text(&self) -> Vec<u8> {
        match self {
            Value::Null => Vec::new(),
            // Minus zero is 0.
            Value::Number(number) => number::format_general(*number + 0.0, 12),
            Value::Text(text) => text.clone(),
            Value::List(items) => items.iter().map(Value::text).collect::<Vec<_>>().join(&b','),
        }
    }

    /// The order in which rows are sorted and grouped: nothing, numbers, texts by their bytes, lists.
    pub fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            // Both zeros are one number.
            (Value::Number(left), Value::Number(right)) => (left + 0.0).total_cmp(&(right + 0.0)),
            (Value::Text(left), Value::Text(right)) => left.cmp(right),
            (Value::List(left), Value::List(right)) => {
                let pairs = left.iter().zip(right).map(|(left, right)| left.order(right));
                pairs.fold(Ordering::Equal, Ordering::then).then(left.len().cmp(&right.len()))
            }
            _ => self.rank().cmp(&other.rank()),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Value::Null => 0,
            Value::Number(_) => 1,
            Value::Text(_) => 2,
            Value::List(_) => 3,
        }
    }

    /// How an expression compares: as numbers where one side is a number and the other can be one, else by bytes.
    /// `None` where one side is nothing, or not a number.
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Value::Null, _) | (_, Value::Null) => None,
            (Value::Number(_), _) | (_, Value::Number(_)) => match (self.as_number(), other.as_number()) {
                (Some(left), Some(right)) => left.partial_cmp(&right),
                _ => Some(self.text().cmp(&other.text())),
            },
            _ => Some(self.text().cmp(&other.text())),
        }
    }
}

/// Values in their order, for sets of them.
#[derive(Clone, Debug)]
pub(super) struct Ordered(pub Value);

impl PartialEq for Ordered {
    fn eq(&self, other: &Self) -> bool {
        self.0.order(&other.0).is_eq()
    }
}

impl Eq for Ordered {}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.order(&other.0)
    }
}
