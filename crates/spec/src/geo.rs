//! Commands on sorted sets of positions.

use super::{Command, Family, Fidelity, Keys};

const READ: Command = Command::reading(Family::Geo);
const WRITE: Command = Command::writing(Family::Geo);
const FIND: Command = Command { fidelity: Fidelity::Nearby, ..READ };
const FIND_OR_STORE: Command = Command { fidelity: Fidelity::Nearby, ..WRITE };

const ADD: &str = "key [NX | XX] [CH] (longitude latitude member)...";
/// There need be no member, but mostly there is one.
const SOME: &str = "key (member... | [member])";
/// What is stored cannot come with details.
const RADIUS: &str = "key longitude latitude distance (M | KM | FT | MI) [COUNT count [ANY]] [ASC | DESC] \
                      [WITHCOORD [WITHDIST] [WITHHASH] | WITHDIST [WITHHASH] | WITHHASH | STORE destination | \
                      STOREDIST destination]";
const RADIUS_RO: &str = "key longitude latitude distance (M | KM | FT | MI) [COUNT count [ANY]] [ASC | DESC] \
                         [WITHCOORD] [WITHDIST] [WITHHASH]";
const RADIUS_BY_MEMBER: &str = "key member distance (M | KM | FT | MI) [COUNT count [ANY]] [ASC | DESC] \
                                [WITHCOORD [WITHDIST] [WITHHASH] | WITHDIST [WITHHASH] | WITHHASH | STORE destination | \
                                STOREDIST destination]";
const RADIUS_BY_MEMBER_RO: &str = "key member distance (M | KM | FT | MI) [COUNT count [ANY]] [ASC | DESC] \
                                   [WITHCOORD] [WITHDIST] [WITHHASH]";
const SEARCH: &str = "key (FROMMEMBER member | FROMLONLAT longitude latitude) \
                      (BYRADIUS distance (M | KM | FT | MI) | BYBOX distance distance (M | KM | FT | MI)) \
                      [COUNT count [ANY]] [ASC | DESC] [WITHCOORD] [WITHDIST] [WITHHASH]";
const SEARCH_STORE: &str = "destination key (FROMMEMBER member | FROMLONLAT longitude latitude) \
                            (BYRADIUS distance (M | KM | FT | MI) | BYBOX distance distance (M | KM | FT | MI)) \
                            [COUNT count [ANY]] [ASC | DESC] [STOREDIST]";

/// The options whose value is a key, behind so many arguments.
const fn stored(from: usize) -> Keys {
    Keys::Named { first: 1, from, words: ["STORE", "STOREDIST"] }
}

#[rustfmt::skip] // a table: one row a line
pub(super) const COMMANDS: &[Command] = &[
    Command { name: "GEOADD", arity: -5, syntax: ADD, ..WRITE },
    Command { name: "GEODIST", arity: -4, syntax: "key member member [M | KM | FT | MI]", ..READ },
    Command { name: "GEOHASH", arity: -2, syntax: SOME, ..READ },
    Command { name: "GEOPOS", arity: -2, syntax: SOME, ..READ },
    Command { name: "GEORADIUS", arity: -6, syntax: RADIUS, keys: stored(6), ..FIND_OR_STORE },
    Command { name: "GEORADIUSBYMEMBER", arity: -5, syntax: RADIUS_BY_MEMBER, keys: stored(5), ..FIND_OR_STORE },
    Command { name: "GEORADIUSBYMEMBER_RO", arity: -5, syntax: RADIUS_BY_MEMBER_RO, ..FIND },
    Command { name: "GEORADIUS_RO", arity: -6, syntax: RADIUS_RO, ..FIND },
    Command { name: "GEOSEARCH", arity: -7, syntax: SEARCH, ..FIND },
    Command { name: "GEOSEARCHSTORE", arity: -8, syntax: SEARCH_STORE, keys: Keys::TWO, ..WRITE },
];
