//! Slips in commands on positions.

use super::{Canary, arg, is_word, with, without, without_option};
use crate::redlite::Client;
use crate::resp::{Argv, Reply};

#[rustfmt::skip] // a table
pub(super) const CANARIES: &[Canary] = &[
    Canary { name: "geodist-feet", slip: "GEODIST takes feet for metres", commands: &["GEODIST"], run: geodist_feet,
        ops_min: 2, in_replies: "GEOADD k 0 0 a 1 1 b\nGEODIST k a b FT", in_keyspace: "" },
    Canary { name: "geosearch-box", slip: "BYBOX searches the circle that fits into the box's width", commands: &["GEOSEARCH", "GEOSEARCHSTORE"], run: geosearch_box,
        ops_min: 2, in_replies: "GEOADD k 1 1 a\nGEOSEARCH k FROMLONLAT 0 0 BYBOX 250 250 km", in_keyspace: "GEOADD k 1 1 a\nGEOSEARCHSTORE d k FROMLONLAT 0 0 BYBOX 250 250 km" },
    Canary { name: "geosearch-any", slip: "COUNT gives the first members that are found, not the nearest", commands: &["GEOSEARCH", "GEORADIUS", "GEORADIUSBYMEMBER"], run: geosearch_any,
        ops_min: 2, in_replies: "GEOADD k 1 1 far -0.1 -0.1 near\nGEOSEARCH k FROMLONLAT 0 0 BYRADIUS 200 km COUNT 1", in_keyspace: "GEOADD k 1 1 far -0.1 -0.1 near\nGEORADIUS k 0 0 200 km COUNT 1 STORE d" },
    Canary { name: "geosearchstore-dist", slip: "STOREDIST of GEOSEARCHSTORE stores positions", commands: &["GEOSEARCHSTORE"], run: geosearchstore_dist,
        ops_min: 2, in_replies: "GEOADD k 0 0 a\nGEOSEARCHSTORE d k FROMLONLAT 0 0 BYRADIUS 1 km STOREDIST\nZSCORE d a", in_keyspace: "GEOADD k 0 0 a\nGEOSEARCHSTORE d k FROMLONLAT 0 0 BYRADIUS 1 km STOREDIST" },
];

fn geodist_feet(client: &mut Client, argv: &Argv) -> Reply {
    let is_feet = argv.len() == 5 && is_word(arg(argv, 4), "FT");
    client.execute(&if is_feet { with(argv, 4, b"M") } else { argv.clone() })
}

/// Where the option `word` is, behind which there are so many values.
fn find(argv: &Argv, word: &str, values: usize) -> Option<usize> {
    (2..argv.len()).find(|&at| is_word(&argv[at], word) && at + values < argv.len())
}

fn geosearch_box(client: &mut Client, argv: &Argv) -> Reply {
    let Some(at) = find(argv, "BYBOX", 3) else { return client.execute(argv) };
    let width = std::str::from_utf8(&argv[at + 1]).ok().and_then(|text| text.parse::<f64>().ok());
    match width {
        Some(width) if width >= 0.0 => {
            let circle = with(&with(argv, at, b"BYRADIUS"), at + 1, (width / 2.0).to_string());
            client.execute(&without(&circle, at + 2, 1))
        }
        _ => client.execute(argv),
    }
}

fn geosearch_any(client: &mut Client, argv: &Argv) -> Reply {
    match find(argv, "COUNT", 1) {
        Some(at) => {
            let start = argv.iter().take(at + 2);
            client.execute(&start.chain([&b"ANY"[..]]).chain(argv.iter().skip(at + 2)).collect())
        }
        None => client.execute(argv),
    }
}

fn geosearchstore_dist(client: &mut Client, argv: &Argv) -> Reply {
    client.execute(&without_option(argv, 3, "STOREDIST", 0))
}
