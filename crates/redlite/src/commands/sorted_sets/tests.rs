//! Sorted sets as transcripts. Every reply is that of redis-server 7.0.15, but for the order of random picks.

use crate::commands::transcript::check;

#[test]
fn zadd_obeys_its_options() {
    check(
        r#"> ZADD z 1 a 2 b 2 b
           2
           > ZADD z CH 5 a 2 b 3 c
           2
           > ZADD z XX 9 new
           0
           > ZADD z NX 9 a 4 d
           1
           > ZADD z GT CH 4 a 6 d
           1
           > ZADD z LT INCR 1 a
           nil
           > ZADD z INCR 1.5 a
           "6.5"
           > ZADD none XX INCR 1 a
           nil
           > ZADD none XX 1 a
           0
           > EXISTS none
           0
           > ZRANGE z 0 -1 WITHSCORES
           ["b" "2" "c" "3" "d" "6" "a" "6.5"]"#,
    );
}

#[test]
fn zadd_refuses_what_contradicts_itself() {
    check(
        r#"> ZADD z NX XX 1 a
           -ERR XX and NX options at the same time are not compatible
           > ZADD z NX GT 1 a
           -ERR GT, LT, and/or NX options at the same time are not compatible
           > ZADD z GT LT 1 a
           -ERR GT, LT, and/or NX options at the same time are not compatible
           > ZADD z INCR 1 a 2 b
           -ERR INCR option supports a single increment-element pair
           > ZADD z 1 a 2
           -ERR syntax error
           > ZADD z 1 a nan b
           -ERR value is not a valid float
           > ZCARD z
           0
           > ZINCRBY z inf a
           "inf"
           > ZINCRBY z -inf a
           -ERR resulting score is not a number (NaN)"#,
    );
}

#[test]
fn only_a_skip_list_keeps_the_sign_of_zero() {
    let long = "m".repeat(65);
    check(&format!(
        r#"> ZINCRBY z -0 a
           "-0"
           > ZSCORE z a
           "0"
           > ZADD z 1 {long}
           1
           > ZADD z -0 b 0 a
           1
           > ZMSCORE z a b
           ["0" "-0"]
           > ZREM z {long}
           1
           > ZSCORE z b
           "-0"
           > ZUNIONSTORE copy 1 z
           2
           > ZSCORE copy b
           "0""#
    ));
}

#[test]
fn ranges_are_by_rank_score_or_member() {
    check(
        r#"> ZADD z 1 a 2 b 3 c
           3
           > ZRANGE z -2 -1
           ["b" "c"]
           > ZRANGE z 0 1 REV WITHSCORES
           ["c" "3" "b" "2"]
           > ZRANGEBYSCORE z (1 +inf WITHSCORES
           ["b" "2" "c" "3"]
           > ZREVRANGEBYSCORE z +inf -inf LIMIT 1 1
           ["b"]
           > ZRANGE z (3 -inf BYSCORE REV LIMIT -1 5
           []
           > ZRANGEBYSCORE z (inf inf
           []
           > ZCOUNT z (1 (3
           1
           > ZADD words 0 a 0 b 0 c 0 d
           4
           > ZRANGEBYLEX words [b (d
           ["b" "c"]
           > ZREVRANGEBYLEX words + (a LIMIT 1 -1
           ["c" "b"]
           > ZRANGE words - [b BYLEX
           ["a" "b"]
           > ZLEXCOUNT words - +
           4
           > ZRANGEBYLEX words + -
           []"#,
    );
}

#[test]
fn members_by_range_where_scores_differ_are_a_walk() {
    check(
        r#"> ZADD z 1 z 2 m 3 b 3 q
           4
           > ZRANGEBYLEX z [c +
           ["z" "m" "b" "q"]
           > ZREVRANGEBYLEX z + [c
           ["q"]
           > ZRANGEBYLEX z [b [m
           []
           > ZLEXCOUNT z [q [z
           4"#,
    );
}

#[test]
fn ranges_are_refused_as_redis_refuses_them() {
    check(
        r#"> ZRANGE z 0 1 LIMIT 0 1
           -ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX
           > ZRANGE z - + BYLEX WITHSCORES
           -ERR syntax error, WITHSCORES not supported in combination with BYLEX
           > ZRANGE z 0 1 REV REV
           -ERR syntax error
           > ZRANGE z 0 x
           -ERR value is not an integer or out of range
           > ZRANGEBYSCORE z nan 1
           -ERR min or max is not a float
           > ZRANGEBYLEX z a +
           -ERR min or max not valid string range item
           > SET s x
           OK
           > ZRANGE s 0 1
           -WRONGTYPE Operation against a key holding the wrong kind of value"#,
    );
}

#[test]
fn ranges_are_stored_and_removed() {
    check(
        r#"> ZADD z 1 a 2 b 3 c 4 d
           4
           > ZRANGESTORE z z 1 -1
           3
           > ZRANGESTORE copy z 5 9
           0
           > EXISTS copy
           0
           > ZREMRANGEBYSCORE z (2 3
           1
           > ZREMRANGEBYRANK z -1 -1
           1
           > ZREMRANGEBYLEX z - +
           1
           > EXISTS z
           0"#,
    );
}

#[test]
fn pops_take_from_the_ends() {
    check(
        r#"> ZADD z 1 a 2 b 3 c 4 d
           4
           > ZPOPMIN z
           ["a" "1"]
           > ZPOPMAX z 2
           ["d" "4" "c" "3"]
           > ZPOPMIN z -1
           -ERR value is out of range, must be positive
           > ZMPOP 2 none z MIN COUNT 5
           ["z" [["b" "2"]]]
           > ZMPOP 1 z MAX
           nil array
           > ZMPOP 0 z MAX
           -ERR numkeys should be greater than 0
           > ZMPOP 9223372036854775807 z MIN
           -ERR syntax error"#,
    );
}

#[test]
fn algebra_takes_sets_weights_and_aggregates() {
    check(
        r#"> ZADD z 2 a inf b
           2
           > SADD s a b c
           3
           > ZUNION 2 z s WITHSCORES
           ["c" "1" "a" "3" "b" "inf"]
           > ZINTER 2 z s WEIGHTS 0 -1 AGGREGATE MIN WITHSCORES
           ["a" "-1" "b" "-1"]
           > ZDIFF 2 s z WITHSCORES
           ["c" "1"]
           > ZUNION 2 z z WEIGHTS 1 -1 WITHSCORES
           ["a" "0" "b" "0"]
           > ZINTERCARD 2 z s LIMIT 1
           1
           > ZINTERSTORE z 2 z none
           0
           > EXISTS z
           0
           > ZUNION 0 z
           -ERR at least 1 input key is needed for 'zunion' command
           > ZUNION 1 s WEIGHTS x
           -ERR weight value is not a float
           > ZDIFF 1 s WEIGHTS 1
           -ERR syntax error"#,
    );
}

#[test]
fn scores_are_added_from_the_shortest_input_on() {
    check(
        r#"> ZADD long 0.1 a 0 x 0 y
           3
           > ZADD short 0.2 a
           1
           > ZADD middle 0.3 a 0 x
           2
           > ZINTER 3 long middle short WITHSCORES
           ["a" "0.59999999999999998"]"#,
    );
}

#[test]
fn ranks_and_scans_give_members_in_order() {
    check(
        r#"> ZADD z 1 b 1 a 100000000000000000 c
           3
           > ZRANK z b
           1
           > ZREVRANK z b
           1
           > ZRANK z none
           nil
           > ZSCORE z c
           "1e+17"
           > ZSCAN z 0
           ["0" ["a" "1" "b" "1" "c" "100000000000000000"]]
           > ZSCAN z 0 MATCH [ab]
           ["0" ["a" "1" "b" "1"]]
           > ZRANDMEMBER z 9 WITHSCORES
           ["a" "1" "b" "1" "c" "1e+17"]
           > ZRANDMEMBER z 0
           []"#,
    );
}
