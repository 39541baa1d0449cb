//! The functions of expressions.

use crate::search::tokenize;
use crate::search::value::Value;

/// A function.
pub(crate) struct Function {
    /// Its name, in small letters; it is found in any case.
    pub name: &'static str,
    /// The least number of arguments.
    pub arguments_min: usize,
    /// The greatest number of arguments.
    pub arguments_max: usize,
    /// Works it out.
    pub run: fn(&[Value]) -> Value,
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

const fn of(name: &'static str, arguments: usize, run: fn(&[Value]) -> Value) -> Function {
    Function { name, arguments_min: arguments, arguments_max: arguments, run }
}

static FUNCTIONS: &[Function] = &[
    of("abs", 1, |values| number(values, f64::abs)),
    of("ceil", 1, |values| number(values, f64::ceil)),
    of("exp", 1, |values| number(values, f64::exp)),
    of("floor", 1, |values| number(values, f64::floor)),
    of("log", 1, |values| number(values, f64::ln)),
    of("log2", 1, |values| number(values, f64::log2)),
    of("sqrt", 1, |values| number(values, f64::sqrt)),
    of("to_number", 1, |values| number(values, |number| number)),
    of("to_str", 1, |values| text(values, |bytes| bytes)),
    of("lower", 1, |values| text(values, |bytes| tokenize::normalize(&bytes))),
    of("upper", 1, |values| text(values, |bytes| bytes.to_ascii_uppercase())),
    of("strlen", 1, |values| Value::Number(bytes(values, 0).len() as f64)),
    of("exists", 1, |values| Value::of_bool(!matches!(values, [Value::Null]))),
    of("contains", 2, |values| Value::Number(count(&bytes(values, 0), &bytes(values, 1)) as f64)),
    of("startswith", 2, |values| Value::of_bool(bytes(values, 0).starts_with(&bytes(values, 1)))),
    of("substr", 3, substr),
    Function { name: "format", arguments_min: 1, arguments_max: 64, run: format },
    Function { name: "split", arguments_min: 1, arguments_max: 3, run: split },
];

/// The function of this name, in any case.
pub(super) fn find(name: &[u8]) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name.as_bytes().eq_ignore_ascii_case(name))
}

fn number(values: &[Value], run: fn(f64) -> f64) -> Value {
    values.first().and_then(Value::as_number).map_or(Value::Null, |number| Value::Number(run(number)))
}

fn text(values: &[Value], run: fn(Vec<u8>) -> Vec<u8>) -> Value {
    match values.first() {
        None | Some(Value::Null) => Value::Null,
        Some(value) => Value::Text(run(value.text())),
    }
}

fn bytes(values: &[Value], at: usize) -> Vec<u8> {
    values.get(at).map(Value::text).unwrap_or_default()
}

/// How often `part` is in `whole`, one behind the other; of no part, once before each byte and at the end.
fn count(whole: &[u8], part: &[u8]) -> usize {
    if part.is_empty() {
        return whole.len() + 1;
    }
    let (mut at, mut found) = (0, 0);
    while at + part.len() <= whole.len() {
        let is_here = whole[at..].starts_with(part);
        found += usize::from(is_here);
        at += if is_here { part.len() } else { 1 };
    }
    found
}

/// `substr(text, offset, count)`: a negative offset counts from the end, a negative count goes to the end.
fn substr(values: &[Value]) -> Value {
    let whole = bytes(values, 0);
    let integer = |at: usize| values.get(at).and_then(Value::as_number).map(|number| number as i64);
    let (Some(offset), Some(count)) = (integer(1), integer(2)) else { return Value::Null };
    let length = whole.len() as i64;
    let start = if offset < 0 { length.saturating_add(offset).max(0) } else { offset.min(length) };
    let end = if count < 0 { length } else { start.saturating_add(count).min(length) };
    Value::Text(whole[start as usize..end as usize].to_vec())
}

/// `format(text, …)`: each `%s` is the next argument, `%%` a percent sign.
fn format(values: &[Value]) -> Value {
    let pattern = bytes(values, 0);
    let mut arguments = values.iter().skip(1);
    let mut out = Vec::new();
    let mut rest = pattern.iter().copied();
    while let Some(byte) = rest.next() {
        match (byte, byte == b'%') {
            (_, true) => match rest.next() {
                Some(b's') => out.extend(arguments.next().map(Value::text).unwrap_or_default()),
                Some(other) => out.push(other),
                None => return Value::Null,
            },
            (byte, false) => out.push(byte),
        }
    }
    Value::Text(out)
}

/// `split(text, separators, stripped)`: by any byte of the second, `,` where it is missing, each part without the
/// bytes of the third, a blank where it is missing, at both its ends.
fn split(values: &[Value]) -> Value {
    let argument = |at: usize, missing: &[u8]| values.get(at).map_or_else(|| missing.to_vec(), Value::text);
    let (whole, separators, stripped) = (bytes(values, 0), argument(1, b","), argument(2, b" "));
    let parts = whole.split(|byte| separators.contains(byte)).map(|part| {
        let is_kept = |byte: &u8| !stripped.contains(byte);
        let start = part.iter().position(is_kept).unwrap_or(part.len());
        let end = part.iter().rposition(is_kept).map_or(start, |last| last + 1);
        part[start..end].to_vec()
    });
    Value::List(parts.filter(|part| !part.is_empty()).map(Value::Text).collect())
}
