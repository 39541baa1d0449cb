//! Names how two replies differ, with none of their data: two findings of one cause must get one name.

use resp::{Kind, Reply};

use super::ErrorMode;

/// Where the subject does not have the command, whatever the reference answered.
pub const UNSUPPORTED: &str = "unsupported";

/// The longest error code that becomes part of a name; a longer first word is text.
const CODE_BYTES_MAX: usize = 16;

/// How two replies differ where every byte counts; `None` where they are the same.
///
/// | kind | the two |
/// |---|---|
/// | `int/bulk`, `ok/error`, `null-bulk/null-array` | are of different sorts: the reference's, the subject's |
/// | `hung`, `closed` | are a reply, and none: the subject did not answer, or closed the connection |
/// | `error-code`, `error-text` | are errors with another first word, or only with another text |
/// | [`UNSUPPORTED`] | are what the command answers, and that there is no such command (`rules::compare`) |
/// | `int-value`, `bulk-value`, … | are of one sort with another content |
/// | `array-length`, `map-length`, … | have another number of elements |
/// | `array-element` | differ in an element's content |
/// | `array-element:bulk/int` | differ in an element's sort |
pub fn difference(want: &Reply, got: &Reply, errors: ErrorMode) -> Option<String> {
    if want == got {
        return None;
    }
    match got {
        // Whatever the reply should have been, what is wrong is that there is none.
        Reply::Hung | Reply::Closed => return Some(label(got)),
        _ if want.kind() != got.kind() => return Some(format!("{}/{}", label(want), label(got))),
        _ => {}
    }
    match (want, got) {
        (Reply::Error(_), _) | (Reply::BulkError(_), _) => error_difference(want, got, errors),
        (Reply::Map(want_pairs), Reply::Map(got_pairs)) => pairs_difference("map", want_pairs, got_pairs, errors),
        (Reply::Attribute(want_pairs, want), Reply::Attribute(got_pairs, got)) => {
            match pairs_difference("attribute", want_pairs, got_pairs, errors) {
                Some(kind) => Some(kind),
                None => difference(want, got, errors),
            }
        }
        (Reply::Frames(want_frames), Reply::Frames(got_frames)) => {
            elements_difference("frames", want_frames, got_frames, errors)
        }
        _ => match (want.as_elements(), got.as_elements()) {
            (Some(want_items), Some(got_items)) => elements_difference(sort_name(want), want_items, got_items, errors),
            _ => Some(format!("{}-value", sort_name(want))),
        },
    }
}

fn error_difference(want: &Reply, got: &Reply, errors: ErrorMode) -> Option<String> {
    if want.error_code() != got.error_code() {
        return Some("error-code".into());
    }
    match errors {
        ErrorMode::Text => Some("error-text".into()),
        ErrorMode::Code => None,
    }
}

fn elements_difference(sort: &str, want: &[Reply], got: &[Reply], errors: ErrorMode) -> Option<String> {
    if want.len() != got.len() {
        return Some(format!("{sort}-length"));
    }
    want.iter().zip(got).find_map(|(want, got)| {
        difference(want, got, errors)?;
        Some(element_kind(sort, want, got))
    })
}

/// The name for two elements that differ, in an aggregate of this sort.
pub(super) fn element_kind(sort: &str, want: &Reply, got: &Reply) -> String {
    if want.kind() == got.kind() {
        format!("{sort}-element")
    } else {
        format!("{sort}-element:{}/{}", label(want), label(got))
    }
}

fn pairs_difference(sort: &str, want: &[(Reply, Reply)], got: &[(Reply, Reply)], errors: ErrorMode) -> Option<String> {
    if want.len() != got.len() {
        return Some(format!("{sort}-length"));
    }
    want.iter().zip(got).find_map(|(want, got)| {
        let part = if difference(&want.0, &got.0, errors).is_some() {
            "key"
        } else {
            difference(&want.1, &got.1, errors)?;
            "value"
        };
        Some(format!("{sort}-{part}"))
    })
}

/// What a reply is called in a name: its sort, with `+OK` and the codes of errors told apart.
pub fn label(reply: &Reply) -> String {
    match (reply, reply.error_code()) {
        (Reply::Simple(text), _) if text == b"OK" => "ok".into(),
        (_, Some(code)) if is_code(code) && code != b"ERR" => {
            format!("{}-{}", sort_name(reply), String::from_utf8_lossy(code).to_ascii_lowercase())
        }
        _ => sort_name(reply).into(),
    }
}

fn is_code(word: &[u8]) -> bool {
    !word.is_empty() && word.len() <= CODE_BYTES_MAX && word.iter().all(u8::is_ascii_uppercase)
}

/// The sort of a reply as a word.
pub(super) fn sort_name(reply: &Reply) -> &'static str {
    name_kind(reply.kind())
}

/// A sort of reply as a word: `int`, `null-bulk`.
pub fn name_kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Simple => "simple",
        Kind::Error => "error",
        Kind::BulkError => "bulk-error",
        Kind::Int => "int",
        Kind::Bulk => "bulk",
        Kind::NullBulk => "null-bulk",
        Kind::NullArray => "null-array",
        Kind::Null => "null",
        Kind::Double => "double",
        Kind::Bool => "bool",
        Kind::BigNumber => "big-number",
        Kind::Verbatim => "verbatim",
        Kind::Array => "array",
        Kind::Map => "map",
        Kind::Set => "set",
        Kind::Push => "push",
        Kind::Attribute => "attribute",
        Kind::Frames => "frames",
        Kind::Pending => "pending",
        Kind::Hung => "hung",
        Kind::Closed => "closed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(want: Reply, got: Reply, kind: &str) {
        let found = difference(&want, &got, ErrorMode::Text);
        assert_eq!(found.as_deref().unwrap_or("same"), kind, "{want:?} against {got:?}");
    }

    fn array(items: impl IntoIterator<Item = Reply>) -> Reply {
        Reply::Array(items.into_iter().collect())
    }

    #[test]
    fn different_sorts() {
        check(Reply::Int(1), Reply::bulk("1"), "int/bulk");
        check(Reply::ok(), Reply::bulk("OK"), "ok/bulk");
        check(Reply::Simple(b"QUEUED".to_vec()), Reply::Int(1), "simple/int");
        check(Reply::NullBulk, Reply::NullArray, "null-bulk/null-array");
        check(Reply::error("ERR no"), Reply::ok(), "error/ok");
        check(Reply::error("WRONGTYPE no"), Reply::Int(0), "error-wrongtype/int");
        check(Reply::ok(), Reply::error("k1 is a bad key"), "ok/error");
        check(Reply::Int(1), Reply::Hung, "hung");
    }

    #[test]
    fn one_sort_with_another_content() {
        check(Reply::Int(1), Reply::Int(1), "same");
        check(Reply::Int(1), Reply::Int(2), "int-value");
        check(Reply::bulk("a"), Reply::bulk("b"), "bulk-value");
        check(Reply::Simple(b"string".to_vec()), Reply::Simple(b"list".to_vec()), "simple-value");
        check(Reply::Double(b"1".to_vec()), Reply::Double(b"1.0".to_vec()), "double-value");
    }

    #[test]
    fn errors() {
        check(Reply::error("ERR a"), Reply::error("ERR b"), "error-text");
        check(Reply::error("ERR a"), Reply::error("WRONGTYPE a"), "error-code");
        let (want, got) = (Reply::error("ERR a"), Reply::error("ERR b"));
        assert_eq!(difference(&want, &got, ErrorMode::Code), None);
        assert_eq!(difference(&array([want]), &array([got]), ErrorMode::Code), None);
    }

    #[test]
    fn aggregates() {
        check(array([Reply::Int(1)]), array([]), "array-length");
        check(array([Reply::bulk("a")]), array([Reply::bulk("b")]), "array-element");
        check(array([Reply::bulk("a")]), array([Reply::NullBulk]), "array-element:bulk/null-bulk");
        check(array([array([Reply::Int(1)])]), array([array([Reply::Int(2)])]), "array-element");
        let map = |key: &str, value: &str| Reply::Map(vec![(Reply::bulk(key), Reply::bulk(value))]);
        check(map("f", "v"), map("f", "w"), "map-value");
        check(map("f", "v"), map("g", "v"), "map-key");
        check(map("f", "v"), Reply::Map(vec![]), "map-length");
        let frames = |frames: &[i64]| Reply::Frames(frames.iter().copied().map(Reply::Int).collect());
        check(frames(&[1, 2]), frames(&[1, 3]), "frames-element");
        check(frames(&[1, 2]), frames(&[]), "frames-length");
        check(Reply::Int(1), frames(&[]), "int/frames");
    }
}
