use super::Reply;

/// Appends `reply` in its wire form.
///
/// [`Reply::Pending`], [`Reply::Hung`] and [`Reply::Closed`] are the absence of a reply: they write nothing.
pub fn encode_reply(reply: &Reply, out: &mut Vec<u8>) {
    match reply {
        Reply::Simple(text) => write_line(b'+', text, out),
        Reply::Error(text) => write_line(b'-', text, out),
        Reply::BulkError(text) => write_blob(b'!', text, out),
        Reply::Int(value) => write_int(b':', *value, out),
        Reply::Bulk(bytes) => write_blob(b'$', bytes, out),
        Reply::NullBulk => out.extend_from_slice(b"$-1\r\n"),
        Reply::NullArray => out.extend_from_slice(b"*-1\r\n"),
        Reply::Null => out.extend_from_slice(b"_\r\n"),
        Reply::Double(text) => write_line(b',', text, out),
        Reply::Bool(value) => out.extend_from_slice(if *value { b"#t\r\n" } else { b"#f\r\n" }),
        Reply::BigNumber(text) => write_line(b'(', text, out),
        Reply::Verbatim { format, text } => {
            write_length(b'=', text.len() + 4, out);
            out.extend_from_slice(format);
            out.push(b':');
            out.extend_from_slice(text);
            out.extend_from_slice(b"\r\n");
        }
        Reply::Array(items) => write_items(b'*', items, out),
        Reply::Set(items) => write_items(b'~', items, out),
        Reply::Push(items) => write_items(b'>', items, out),
        Reply::Map(pairs) => write_pairs(b'%', pairs, out),
        Reply::Attribute(pairs, reply) => {
            write_pairs(b'|', pairs, out);
            encode_reply(reply, out);
        }
        Reply::Frames(frames) => frames.iter().for_each(|frame| encode_reply(frame, out)),
        Reply::Pending | Reply::Hung | Reply::Closed => {}
    }
}

/// Appends `marker`, a length in decimal, and the line's end.
pub(super) fn write_length(marker: u8, length: usize, out: &mut Vec<u8>) {
    write_int(marker, length as i64, out);
}

fn write_int(marker: u8, value: i64, out: &mut Vec<u8>) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut rest = value.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.push(marker);
    if value < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[at..]);
    out.extend_from_slice(b"\r\n");
}

/// A line end inside the text becomes two spaces, as Redis does in error texts: a line holds only one.
fn write_line(marker: u8, text: &[u8], out: &mut Vec<u8>) {
    out.push(marker);
    let from = out.len();
    out.extend_from_slice(text);
    for byte in &mut out[from..] {
        if matches!(byte, b'\r' | b'\n') {
            *byte = b' ';
        }
    }
    out.extend_from_slice(b"\r\n");
}

fn write_blob(marker: u8, bytes: &[u8], out: &mut Vec<u8>) {
    write_length(marker, bytes.len(), out);
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

fn write_items(marker: u8, items: &[Reply], out: &mut Vec<u8>) {
    write_length(marker, items.len(), out);
    for item in items {
        encode_reply(item, out);
    }
}

fn write_pairs(marker: u8, pairs: &[(Reply, Reply)], out: &mut Vec<u8>) {
    write_length(marker, pairs.len(), out);
    for (key, value) in pairs {
        encode_reply(key, out);
        encode_reply(value, out);
    }
}
