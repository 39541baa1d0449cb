//! Replies for property tests.

use proptest::collection::vec;
use proptest::prelude::*;

use super::Reply;

/// Any bytes, often such as stand in commands.
pub fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => "[a-zA-Z0-9:_-]{0,12}".prop_map(String::into_bytes),
        1 => "\\PC{0,8}".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..12),
    ]
}

/// Any bytes that fit one line.
fn line() -> impl Strategy<Value = Vec<u8>> {
    bytes().prop_map(|bytes| bytes.into_iter().filter(|&b| b != b'\r' && b != b'\n').collect())
}

/// Any reply that a peer can send.
pub fn reply() -> impl Strategy<Value = Reply> {
    let leaf = prop_oneof![
        line().prop_map(Reply::Simple),
        line().prop_map(Reply::Error),
        bytes().prop_map(Reply::BulkError),
        any::<i64>().prop_map(Reply::Int),
        bytes().prop_map(Reply::Bulk),
        Just(Reply::NullBulk),
        Just(Reply::NullArray),
        Just(Reply::Null),
        any::<f64>().prop_map(|value| Reply::Double(value.to_string().into_bytes())),
        line().prop_map(Reply::Double),
        any::<bool>().prop_map(Reply::Bool),
        "-?[0-9]{1,40}".prop_map(|text| Reply::BigNumber(text.into_bytes())),
        (any::<[u8; 3]>(), bytes()).prop_map(|(format, text)| Reply::Verbatim { format, text }),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        let pairs = || vec((inner.clone(), inner.clone()), 0..3);
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Reply::Array),
            vec(inner.clone(), 0..5).prop_map(Reply::Set),
            vec(inner.clone(), 0..5).prop_map(Reply::Push),
            pairs().prop_map(Reply::Map),
            (pairs(), inner.clone()).prop_map(|(pairs, reply)| Reply::Attribute(pairs, Box::new(reply))),
        ]
    })
}
