//! Every expectation is an answer of redis-server 7.0.15.

use crate::commands::transcript::check;

const ADD: &str = "> GEOADD k 13.361389 38.115556 P 15.087269 37.502669 C\n2\n";

#[track_caller]
fn check_on_sicily(transcript: &str) {
    check(&format!("{ADD}{transcript}"));
}

#[test]
fn positions_are_kept_to_the_digit() {
    check_on_sicily(
        r#"> GEOPOS k P nope
           [["13.36138933897018433" "38.11555639549629859"] nil array]
           > GEOHASH k P nope C
           ["sqc8b49rny0" nil "sqdtr74hyu0"]
           > GEODIST k P C
           "166274.1516"
           > GEODIST k P C Mi
           "103.3182"
           > GEODIST k P nope
           nil
           > GEODIST nokey P C xx
           -ERR unsupported unit provided. please use M, KM, FT, MI
           > GEOADD k CH XX 13.361389 38.2 P 1 1 N
           1
           > GEOPOS k
           []"#,
    );
}

#[test]
fn positions_that_are_none() {
    check(
        r#"> GEOADD k 181 1 x
           -ERR invalid longitude,latitude pair 181.000000,1.000000
           > GEOADD k a 91 x
           -ERR value is not a valid float
           > GEOADD k 1 inf x
           -ERR invalid longitude,latitude pair 1.000000,inf
           > GEOADD k NX XX a 1 x
           -ERR syntax error
           > GEOADD k NX CH NX
           -ERR syntax error
           > GEOADD k 1 1 a 2
           -ERR syntax error
           > ZADD z -1 a inf b
           2
           > GEOPOS z a b
           [["180" "85.0511287799999991"] ["-179.99999731779098511" "-85.05112751263942528"]]"#,
    );
}

#[test]
fn members_around_a_position() {
    check_on_sicily(
        r#"> GEORADIUS k 15 37 200 km WITHDIST WITHCOORD WITHHASH COUNT 1
           [["C" "56.4413" 3479447370796909 ["15.08726745843887329" "37.50266842333162032"]]]
           > GEORADIUS k 15 37 200 km
           ["P" "C"]
           > GEORADIUS k 15 37 200 km COUNT 1 ANY
           ["P"]
           > GEOSEARCH k BYBOX 400 400 km FROMLONLAT 15 37 ASC WITHDIST
           [["C" "56.4413"] ["P" "190.4424"]]
           > GEOSEARCHSTORE d k BYRADIUS 200 km FROMMEMBER P STOREDIST
           2
           > ZRANGE d 0 -1 WITHSCORES
           ["P" "0" "C" "166.27415156960032"]
           > GEORADIUSBYMEMBER k P 1 m STORE e STORE d
           1
           > ZRANGE d 0 -1 WITHSCORES
           ["P" "3479099956230698"]
           > GEORADIUS k 0 0 1 m STORE d
           0
           > EXISTS d e
           0"#,
    );
}

#[test]
fn searches_that_are_refused() {
    check_on_sicily(
        r#"> GEORADIUS k 15 37 -1 x
           -ERR radius cannot be negative
           > GEORADIUS k 15 37 1 m WITHDIST STORE d
           -ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options
           > GEORADIUS_RO k 15 37 1 m STORE d
           -ERR syntax error
           > GEORADIUS k 15 37 1 m ANY
           -ERR the ANY argument requires COUNT argument
           > GEORADIUSBYMEMBER k x 1 foo
           -ERR could not decode requested zset member
           > GEORADIUSBYMEMBER nokey x 1 foo
           []
           > geoSearch k FROMMEMBER P ASC ASC ASC
           -ERR exactly one of BYRADIUS and BYBOX can be specified for geoSearch
           > GEOSEARCH k BYBOX 1 1 m BYRADIUS 1 m
           -ERR syntax error
           > GEOSEARCH k BYBOX 1 1 m BYBOX 1 2 m
           -ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for GEOSEARCH
           > GEOSEARCHSTORE d k BYBOX 4 4 km FROMLONLAT 15 37 WITHDIST
           -ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options"#,
    );
}
