//! Streams.

use redis::Value;
use redis::streams::{
    StreamInfoConsumersReply, StreamInfoGroupsReply, StreamInfoStreamReply, StreamMaxlen, StreamPendingCountReply,
    StreamPendingReply, StreamRangeReply, StreamReadOptions, StreamReadReply,
};

use super::family;

family!(streams {
    xadd("x", "1-1", &[("f", "v"), ("g", "w")]) => Option<String>;
    xadd("x", "2-*", &[("f", "2")]) => String;
    xadd("x", "1-1", &[("f", "v")]) => String;
    xadd("x", "0-0", &[("f", "v")]) => String;
    xadd("x", "bad", &[("f", "v")]) => String;
    xadd_maxlen("x", StreamMaxlen::Equals(2), "3-1", &[("f", "3")]) => String;
    xlen("x") => usize;
    xrange_all("x") => Value;
    xrange("x", "2", "+") => Value;
    xrange_count("x", "-", "+", 1) => Value;
    xrevrange_all("x") => Value;
    xrange_all("missing") => StreamRangeReply;
    xread(&["x", "missing"], &["0", "0"]) => Value;
    xread(&["x"], &["9"]) => Value;
    xread(&["x"], &["9"]) => Option<StreamReadReply>;
    xgroup_create("x", "g", "0") => ();
    xgroup_create("x", "g", "0") => ();
    xgroup_create("missing", "g", "0") => ();
    xgroup_create_mkstream("made", "g", "$") => ();
    xread_options(&["x"], &[">"], &StreamReadOptions::default().group("g", "c").count(1)) => Value;
    xread_options(&["x"], &[">"], &StreamReadOptions::default().group("none", "c")) => Value;
    xread_options(&["x"], &["0"], &StreamReadOptions::default().group("g", "c")) => Value;
    xpending("x", "g") => StreamPendingReply;
    xpending("x", "none") => StreamPendingReply;
    raw("XPENDING x g") => Value;
    xpending_count("made", "g", "-", "+", 10) => StreamPendingCountReply;
    xack("x", "g", &["2-0", "9-9"]) => usize;
    raw("XPENDING x g") => Value;
    xinfo_groups("x") => StreamInfoGroupsReply;
    raw("XINFO GROUPS x") => Value;
    xinfo_stream("x") => StreamInfoStreamReply;
    raw("XINFO STREAM x") => Value;
    raw("XINFO STREAM made FULL") => Value;
    xinfo_consumers("made", "g") => StreamInfoConsumersReply;
    xgroup_createconsumer("x", "g", "d") => bool;
    raw("XAUTOCLAIM x g d 0 0") => Value;
    raw("XCLAIM x g d 0 3-1 JUSTID") => Value;
    xgroup_setid("x", "g", "0") => ();
    xgroup_delconsumer("x", "g", "c") => usize;
    xgroup_destroy("x", "g") => bool;
    xdel("x", &["3-1"]) => usize;
    xtrim("x", StreamMaxlen::Equals(0)) => usize;
    raw("XSETID x 9-9") => Value;
    set("k", "v") => ();
    xadd("k", "1-1", &[("f", "v")]) => String;
});
