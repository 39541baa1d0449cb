//! Slips in commands on positions.

use super::{Canary, Client, arg, is_word, with, without, without_option};
use resp::{Argv, Reply};

#[rustfmt::skip] // a table
pub(super) const CANARIES: &[Canary] = &[
    Canary { name: "geodist-unit", slip: "GEODIST ignores its unit", commands: &["GEODIST"], run: geodist_unit,
        ops_min: 2, in_replies: "GEOADD k 0 0 a 1 1 b\nGEODIST k a b km", in_keyspace: "" },
    Canary { name: "geosearch-box", slip: "BYBOX searches the circle that fits into the box's width", commands: &["GEOSEARCH"], run: geosearch_box,
        ops_min: 2, in_replies: "GEOADD k 1 1 a\nGEOSEARCH k FROMLONLAT 0 0 BYBOX 250 250 km", in_keyspace: "" },
    Canary { name: "geosearch-any", slip: "COUNT gives the first members that are found, not the nearest", commands: &["GEOSEARCH", "GEOSEARCHSTORE", "GEORADIUS", "GEORADIUS_RO", "GEORADIUSBYMEMBER", "GEORADIUSBYMEMBER_RO"], run: geosearch_any,
        ops_min: 2, in_replies: "GEOADD k 1 1 far -0.1 -0.1 near\nGEOSEARCH k FROMLONLAT 0 0 BYRADIUS 200 km COUNT 1", in_keyspace: "GEOADD k 1 1 far -0.1 -0.1 near\nGEORADIUS k 0 0 200 km COUNT 1 STORE d" },
    Canary { name: "geosearchstore-dist", slip: "STOREDIST of GEOSEARCHSTORE stores positions", commands: &["GEOSEARCHSTORE"], run: geosearchstore_dist,
        ops_min: 2, in_replies: "GEOADD k 0 0 a\nGEOSEARCHSTORE d k FROMLONLAT 0 0 BYRADIUS 1 km STOREDIST\nZSCORE d a", in_keyspace: "GEOADD k 0 0 a\nGEOSEARCHSTORE d k FROMLONLAT 0 0 BYRADIUS 1 km STOREDIST" },
];

fn geodist_unit(client: &mut dyn Client, argv: &Argv) -> Reply {
    let is_unit = argv.len() == 5 && ["KM", "FT", "MI"].iter().any(|unit| is_word(arg(argv, 4), unit));
    client.execute(&if is_unit { with(argv, 4, b"M") } else { argv.clone() })
}

/// Where the option `word` is, behind which there are so many values.
fn find(argv: &Argv, word: &str, values: usize) -> Option<usize> {
    (2..argv.len()).find(|&at| is_word(&argv[at], word) && at + values < argv.len())
}

fn geosearch_box(client: &mut dyn Client, argv: &Argv) -> Reply {
    let right = client.execute(argv);
    let Some(at) = find(argv, "BYBOX", 3).filter(|_| right.as_error().is_none()) else { return right };
    match std::str::from_utf8(&argv[at + 1]).ok().and_then(|text| text.parse::<f64>().ok()) {
        Some(width) => {
            let circle = with(&with(argv, at, b"BYRADIUS"), at + 1, (width / 2.0).to_string());
            client.execute(&without(&circle, at + 2, 1))
        }
        None => right,
    }
}

fn geosearch_any(client: &mut dyn Client, argv: &Argv) -> Reply {
    match find(argv, "COUNT", 1) {
        Some(at) => {
            let start = argv.iter().take(at + 2);
            client.execute(&start.chain([&b"ANY"[..]]).chain(argv.iter().skip(at + 2)).collect())
        }
        None => client.execute(argv),
    }
}

fn geosearchstore_dist(client: &mut dyn Client, argv: &Argv) -> Reply {
    client.execute(&without_option(argv, 3, "STOREDIST", 0))
}
