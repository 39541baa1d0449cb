//! Whatever a server sends: replies, or one error. What was decoded encodes to bytes that decode to the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use redlite_dst::resp::{Decoder, Limits, Reply, encode_reply};

fn decode(bytes: &[u8]) -> Vec<Reply> {
    let mut decoder = Decoder::new(Limits::default());
    decoder.feed(bytes);
    let mut replies = Vec::new();
    while let Ok(Some(reply)) = decoder.next_reply() {
        replies.push(reply);
    }
    replies
}

fuzz_target!(|bytes: &[u8]| {
    let replies = decode(bytes);
    let mut encoded = Vec::new();
    replies.iter().for_each(|reply| encode_reply(reply, &mut encoded));
    assert_eq!(decode(&encoded), replies);
});
