//! Replies as the crate's values: those that its parser makes of the same bytes.

use redis::{RedisResult, Value, VerbatimFormat};

use resp::{Reply, encode_reply};

/// The value of a reply. An error of the server is a value, too.
///
/// What is rare, or what the crate lets nobody but itself make, its parser makes of the reply's bytes: errors above all.
/// It is also the one to say what is wrong with a text that is no UTF-8.
///
/// # Errors
/// Where the crate's parser refuses the reply.
pub(super) fn into_value(reply: Reply) -> RedisResult<Value> {
    Ok(match reply {
        Reply::Simple(text) if text == b"OK" => Value::Okay,
        Reply::Simple(text) if !text.iter().any(|byte| matches!(byte, b'\r' | b'\n')) => {
            match String::from_utf8(text) {
                Ok(text) => Value::SimpleString(text),
                Err(error) => return parse(&Reply::Simple(error.into_bytes())),
            }
        }
        Reply::Int(value) => Value::Int(value),
        Reply::Bulk(bytes) => Value::BulkString(bytes),
        Reply::NullBulk | Reply::NullArray | Reply::Null => Value::Nil,
        Reply::Bool(value) => Value::Boolean(value),
        Reply::Double(text) => match std::str::from_utf8(&text).map(str::parse) {
            Ok(Ok(value)) => Value::Double(value),
            _ => return parse(&Reply::Double(text)),
        },
        Reply::Verbatim { format, text } if format == *b"txt" => Value::VerbatimString {
            format: VerbatimFormat::Text,
            text: String::from_utf8(text)
                .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
        },
        Reply::Array(items) => Value::Array(into_values(items)?),
        Reply::Set(items) => Value::Set(into_values(items)?),
        Reply::Map(pairs) => {
            let pairs = pairs.into_iter().map(|(key, value)| Ok((into_value(key)?, into_value(value)?)));
            Value::Map(pairs.collect::<RedisResult<_>>()?)
        }
        // Within a transaction, messages to its own connection stand before a command's reply.
        Reply::Frames(mut frames) => frames.pop().map_or(Ok(Value::Nil), into_value)?,
        Reply::Pending | Reply::Hung | Reply::Closed => Value::Nil,
        other => parse(&other)?,
    })
}

fn into_values(items: Vec<Reply>) -> RedisResult<Vec<Value>> {
    items.into_iter().map(into_value).collect()
}

/// What the crate makes of a reply's bytes.
fn parse(reply: &Reply) -> RedisResult<Value> {
    let mut wire = Vec::new();
    encode_reply(reply, &mut wire);
    redis::parse_redis_value(&wire)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// It does not matter who reads a reply. Only where in it something is wrong is told of its own part alone.
        #[test]
        fn values_are_those_of_the_parser(reply in any_reply()) {
            let tell = |read: RedisResult<Value>| {
                read.map_or_else(|error| format!("{:?}", error.kind()), |value| format!("{value:?}"))
            };
            prop_assert_eq!(tell(into_value(reply.clone())), tell(parse(&reply)));
        }
    }

    fn any_reply() -> impl Strategy<Value = Reply> {
        let bytes = || proptest::collection::vec(any::<u8>(), 0..6);
        let text = || "[ -~é\r\n]{0,8}".prop_map(String::into_bytes);
        let number = proptest::sample::select(&["1.5", "-inf", "nan", "1e300", "x", ""][..]);
        let leaf = prop_oneof![
            text().prop_map(Reply::Simple),
            bytes().prop_map(Reply::Simple),
            Just(Reply::ok()),
            text().prop_map(Reply::Error),
            bytes().prop_map(Reply::Error),
            Just(Reply::error("WRONGTYPE Operation")),
            Just(Reply::error("EXECABORT because")),
            any::<i64>().prop_map(Reply::Int),
            bytes().prop_map(Reply::Bulk),
            Just(Reply::NullBulk),
            Just(Reply::NullArray),
            Just(Reply::Null),
            number.prop_map(|text| Reply::Double(text.as_bytes().to_vec())),
            any::<bool>().prop_map(Reply::Bool),
            Just(Reply::BigNumber(b"12345678901234567890".to_vec())),
            (Just(*b"txt"), bytes()).prop_map(|(format, text)| Reply::Verbatim { format, text }),
            (Just(*b"mkd"), text()).prop_map(|(format, text)| Reply::Verbatim { format, text }),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            let items = || proptest::collection::vec(inner.clone(), 0..4);
            let pairs = || proptest::collection::vec((inner.clone(), inner.clone()), 0..3);
            prop_oneof![
                items().prop_map(Reply::Array),
                items().prop_map(Reply::Set),
                items().prop_map(Reply::Push),
                pairs().prop_map(Reply::Map),
                (pairs(), inner.clone()).prop_map(|(pairs, reply)| Reply::Attribute(pairs, Box::new(reply))),
            ]
        })
    }
}
