//! Streams as transcripts. Every reply is that of redis-server 7.0.15.

use crate::commands::transcript::{check, check_clients};

#[test]
fn ids_rise() {
    check(
        r#"> XADD s 5-* f v
           "5-0"
           > XADD s 5-* f v
           "5-1"
           > XADD s 5 f v
           -ERR The ID specified in XADD is equal or smaller than the target stream top item
           > XADD s * f v
           "1700000000000-0"
           > XADD s * f v
           "1700000000000-1"
           > XADD s 0-0 f v
           -ERR The ID specified in XADD must be greater than 0-0
           > XADD t 0-* f v
           "0-1"
           > XADD s 18446744073709551615-18446744073709551614 f v
           "18446744073709551615-18446744073709551614"
           > XADD s * f v
           "18446744073709551615-18446744073709551615"
           > XADD s * f v
           -ERR The stream has exhausted the last possible ID, unable to add more items
           > XADD none NOMKSTREAM * f v
           nil
           > XADD s * f v g
           -ERR wrong number of arguments for 'xadd' command"#,
    );
}

#[test]
fn ranges_are_open_or_closed() {
    check(
        r#"> XADD s 1-1 f v
           "1-1"
           > XADD s 1-2 f w
           "1-2"
           > XADD s 2-1 f x
           "2-1"
           > XRANGE s (1-1 1
           [["1-2" ["f" "w"]]]
           > XREVRANGE s (2-1 - COUNT 1
           [["1-2" ["f" "w"]]]
           > XRANGE s - + COUNT 0
           nil array
           > XRANGE none - + COUNT 0
           []
           > XRANGE s (18446744073709551615-18446744073709551615 +
           -ERR invalid start ID for the interval
           > XRANGE s - (0-0
           -ERR invalid end ID for the interval
           > XREAD COUNT 1 STREAMS s none 1-1 0
           [["s" [["1-2" ["f" "w"]]]]]
           > XREAD STREAMS s $
           nil array"#,
    );
}

#[test]
fn approximate_trimming_removes_whole_nodes() {
    let long = "v".repeat(2000);
    check(&format!(
        r#"> XADD s 1-1 f {long}
           "1-1"
           > XADD s 1-2 f {long}
           "1-2"
           > XADD s 2-1 f {long}
           "2-1"
           > XTRIM s MAXLEN ~ 2
           0
           > XTRIM s MAXLEN ~ 1 LIMIT 1
           0
           > XTRIM s MAXLEN ~ 1
           2
           > XINFO STREAM s
           ["length" 1 "radix-tree-keys" 1 "radix-tree-nodes" 2 "last-generated-id" "2-1" "max-deleted-entry-id" "0-0" "entries-added" 3 "recorded-first-entry-id" "2-1" "groups" 0 "first-entry" ["2-1" ["f" "{long}"]] "last-entry" ["2-1" ["f" "{long}"]]]
           > XTRIM s MINID = 3
           1
           > XTRIM s MAXLEN 1 LIMIT 0
           -ERR syntax error, LIMIT cannot be used without the special ~ option"#,
    ));
}

#[test]
fn what_is_pending_is_delivered_again_acknowledged_or_claimed() {
    check(
        r#"> XADD s 1-1 f v
           "1-1"
           > XADD s 1-2 f w
           "1-2"
           > XGROUP CREATE s g 0
           OK
           > XGROUP CREATE s g 0
           -BUSYGROUP Consumer Group name already exists
           > XREADGROUP GROUP g a STREAMS s >
           [["s" [["1-1" ["f" "v"]] ["1-2" ["f" "w"]]]]]
           > XDEL s 1-1
           1
           > XREADGROUP GROUP g a STREAMS s 0
           [["s" [["1-1" nil array] ["1-2" ["f" "w"]]]]]
           > XPENDING s g - + 10
           [["1-1" "a" 0 1] ["1-2" "a" 0 2]]
           > XAUTOCLAIM s g b 0 - COUNT 1
           ["1-2" [] ["1-1"]]
           > XCLAIM s g b 0 1-2 JUSTID RETRYCOUNT 7
           ["1-2"]
           > XPENDING s g
           [1 "1-2" "1-2" [["b" "1"]]]
           > XACK s g 1-1 1-2
           1
           > XINFO GROUPS s
           [["name" "g" "consumers" 2 "pending" 0 "last-delivered-id" "1-2" "entries-read" 2 "lag" 0]]
           > XGROUP DELCONSUMER s g b
           0
           > XGROUP DESTROY s g
           1
           > XPENDING s g
           -NOGROUP No such key 's' or consumer group 'g'"#,
    );
}

#[test]
fn a_lag_behind_a_gap_is_not_known() {
    check(
        r#"> XADD s 1-1 f v
           "1-1"
           > XADD s 1-2 f v
           "1-2"
           > XADD s 1-3 f v
           "1-3"
           > XGROUP CREATE s g 1-1 ENTRIESREAD 1
           OK
           > XDEL s 1-2
           1
           > XINFO GROUPS s
           [["name" "g" "consumers" 0 "pending" 0 "last-delivered-id" "1-1" "entries-read" 1 "lag" nil]]
           > XREADGROUP GROUP g c NOACK STREAMS s >
           [["s" [["1-3" ["f" "v"]]]]]
           > XINFO GROUPS s
           [["name" "g" "consumers" 1 "pending" 0 "last-delivered-id" "1-3" "entries-read" 2 "lag" 1]]"#,
    );
}

#[test]
fn a_copy_has_groups_of_its_own() {
    check(
        r#"> XADD s 1-1 f v
           "1-1"
           > XGROUP CREATE s g 0
           OK
           > XREADGROUP GROUP g c STREAMS s >
           [["s" [["1-1" ["f" "v"]]]]]
           > COPY s t
           1
           > XACK s g 1-1
           1
           > XPENDING t g
           [1 "1-1" "1-1" [["c" "1"]]]
           > DEL t
           1
           > XGROUP CREATE t g 0 MKSTREAM
           OK
           > XPENDING t g
           [0 nil nil nil array]
           > TYPE t
           stream"#,
    );
}

#[test]
fn readers_wait_for_entries_to_come() {
    check_clients(
        r#"1> XADD s 5-1 f v
           "5-1"
           1> XREAD BLOCK 0 STREAMS s none $ 0
           pending
           2> DEL s
           1
           2> XADD s 4-1 f v
           "4-1"
           2> XADD s 5-2 f w
           "5-2"
           1>
           [["s" [["5-2" ["f" "w"]]]]]"#,
    );
}

#[test]
fn consumers_that_wait_share_what_comes() {
    check_clients(
        r#"1> XGROUP CREATE s g $ MKSTREAM
           OK
           1> XREADGROUP GROUP g a BLOCK 0 STREAMS s >
           pending
           2> XREADGROUP GROUP g b BLOCK 0 STREAMS s >
           pending
           3> XADD s 1-1 f v
           "1-1"
           3> XADD s 1-2 f w
           "1-2"
           1>
           [["s" [["1-1" ["f" "v"]]]]]
           2>
           [["s" [["1-2" ["f" "w"]]]]]"#,
    );
}

#[test]
fn consumers_of_what_is_gone_wait_no_more() {
    check_clients(
        r#"1> XGROUP CREATE s g $ MKSTREAM
           OK
           1> XREADGROUP GROUP g a BLOCK 0 STREAMS s >
           pending
           2> XGROUP DESTROY s g
           1
           1>
           -NOGROUP the consumer group this client was blocked on no longer exists
           1> XGROUP CREATE s g $
           OK
           1> XREADGROUP GROUP g a BLOCK 0 STREAMS s >
           pending
           2> SET s v
           OK
           1>
           -UNBLOCKED the stream key no longer exists
           2> XGROUP CREATE t g $ MKSTREAM
           OK
           1> XREADGROUP GROUP g a BLOCK 0 STREAMS t >
           pending
           2> FLUSHALL
           OK
           1>
           -UNBLOCKED the stream key no longer exists"#,
    );
}
