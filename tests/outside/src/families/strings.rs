//! Strings, and what is stored in them.

use redis::{ExistenceCheck, Expiry, SetExpiry, SetOptions, Value};

use super::family;

family!(strings {
    set("k", "v") => ();
    set("k", "v") => Value;
    get("k") => Option<String>;
    get("k") => Vec<u8>;
    get("missing") => Option<String>;
    get("missing") => String;
    get("k") => i64;
    set("bytes", &b"\x00\xff\r\n"[..]) => Value;
    get("bytes") => Vec<u8>;
    get("bytes") => String;
    set("n", 10) => ();
    get("n") => i64;
    get("n") => f64;
    get("n") => bool;
    incr("n", 5) => i64;
    decr("n", 3) => i64;
    incr("n", 0.5) => f64;
    incr("n", 1) => i64;
    incr("k", 1) => i64;
    incr("counter", i64::MAX) => i64;
    incr("counter", 1) => i64;
    mset(&[("a", "1"), ("b", "2")]) => ();
    mget(&["a", "b", "missing"]) => Vec<Option<i64>>;
    mget(&["a", "missing"]) => (Option<String>, Option<String>);
    mset_nx(&[("a", "1"), ("c", "2")]) => bool;
    mset_nx(&[("d", "1"), ("e", "2")]) => bool;
    set_nx("a", 1) => bool;
    set_ex("ex", "v", 100) => ();
    pset_ex("ex", "v", 100_000) => ();
    set_ex("ex", "v", 0) => ();
    get_ex("ex", Expiry::PERSIST) => String;
    ttl("ex") => i64;
    getset("a", "x") => String;
    getset("new", "x") => Option<String>;
    get_del("a") => Option<String>;
    get_del("a") => Option<String>;
    append("k", "w") => usize;
    strlen("k") => usize;
    getrange("k", 0, 0) => String;
    getrange("k", -1, -1) => String;
    getrange("k", 5, 2) => String;
    setrange("k", 4, "x") => usize;
    get("k") => Vec<u8>;
    set_options("k", "1", SetOptions::default().conditional_set(ExistenceCheck::NX)) => Option<String>;
    set_options("k", "1", SetOptions::default().conditional_set(ExistenceCheck::XX).get(true)) => Option<Vec<u8>>;
    set_options("k", "1", SetOptions::default().with_expiration(SetExpiry::EX(100))) => Value;
    raw("LCS k n") => Value;
    raw("LCS k n IDX WITHMATCHLEN") => Value;
    raw("SET k v XX NX") => Value;
    raw("SUBSTR k 0 0") => Value;
    raw("INCRBYFLOAT n 1e3") => f64;
    raw("INCRBYFLOAT n x") => f64;
});

family!(bitmaps {
    setbit("b", 7, true) => bool;
    setbit("b", 7, false) => bool;
    setbit("b", 100, true) => i64;
    getbit("b", 100) => bool;
    getbit("b", 1000) => bool;
    bitcount("b") => usize;
    bitcount_range("b", 0, 5) => usize;
    set("c", "foobar") => ();
    bit_and("d", &["b", "c"]) => usize;
    bit_or("d", &["b", "c"]) => usize;
    bit_xor("d", &["b", "c"]) => usize;
    bit_not("d", "c") => usize;
    get("d") => Vec<u8>;
    raw("BITPOS c 1") => i64;
    raw("BITPOS c 0 2 -1 BYTE") => i64;
    raw("BITCOUNT c 0 10 BIT") => i64;
    raw("BITFIELD c GET u8 0 SET i5 8 3 OVERFLOW FAIL INCRBY u2 0 9") => Vec<Option<i64>>;
    raw("BITFIELD_RO c GET u8 0") => Vec<i64>;
    raw("BITFIELD c GET u65 0") => Value;
    raw("SETBIT c -1 1") => Value;
    raw("BITOP NOT d b c") => Value;
});

family!(hyperloglog {
    pfadd("h", &["a", "b", "c"]) => bool;
    pfadd("h", "a") => bool;
    pfcount("h") => usize;
    pfadd("i", (0..1000).collect::<Vec<i64>>()) => bool;
    pfcount("i") => usize;
    pfcount(&["h", "i"]) => usize;
    pfmerge("j", &["h", "i"]) => ();
    pfcount("j") => usize;
    get("j") => Vec<u8>;
    set("k", "v") => ();
    pfadd("k", 1) => bool;
    pfcount("k") => usize;
});
