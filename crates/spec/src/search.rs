//! Commands on indexes over hashes: those of the search module, which Debian's Redis does not have.
//!
//! Source: RediSearch 2.x, <https://redis.io/docs/latest/commands/?group=search>. How many of something follow is
//! written out, since the notation counts keys alone.

use super::{Command, Family, Fidelity, Keys};

const READ: Command = Command { keys: Keys::None, ..Command::reading(Family::Search) };
const WRITE: Command = Command { keys: Keys::None, ..Command::writing(Family::Search) };

const CREATE: &str = "search-index [ON HASH] [PREFIX (1 key-prefix | 2 key-prefix key-prefix)] \
    [STOPWORDS (0 | 1 stop-word | 2 stop-word stop-word)] \
    SCHEMA (text-field [AS alias] (TEXT [NOSTEM] [WEIGHT weight]) [SORTABLE [UNF]] [NOINDEX] \
    | tag-field [AS alias] (TAG [SEPARATOR separator] [CASESENSITIVE]) [SORTABLE [UNF]] [NOINDEX] \
    | numeric-field [AS alias] NUMERIC [SORTABLE] [NOINDEX])...";
const ALTER: &str = "search-index SCHEMA ADD (text-field [AS alias] (TEXT [NOSTEM] [WEIGHT weight]) [SORTABLE] [NOINDEX] \
    | tag-field [AS alias] (TAG [SEPARATOR separator] [CASESENSITIVE]) [SORTABLE] [NOINDEX] \
    | numeric-field [AS alias] NUMERIC [SORTABLE] [NOINDEX])";
const SEARCH: &str = "search-index query [NOCONTENT] [VERBATIM] [WITHSCORES] [INKEYS (1 key | 2 key key)] \
    [INFIELDS (1 attribute | 2 attribute attribute)] \
    [RETURN (0 | 1 attribute | 2 attribute attribute | 3 attribute AS alias)] \
    [SORTBY attribute [ASC | DESC]] [LIMIT skip count] [DIALECT dialect]";
const AGGREGATE: &str = "search-index query [VERBATIM] [LOAD (* | 1 property | 2 property property | 3 property AS alias)] \
    ([(APPLY expression AS alias | FILTER expression | GROUPBY (0 | 1 property | 2 property property) \
    [REDUCE (COUNT 0 | (COUNT_DISTINCT | SUM | MIN | MAX | AVG | STDDEV | TOLIST) 1 property \
    | FIRST_VALUE (1 property | 3 property BY property | 4 property BY property (ASC | DESC))) [AS alias]])...]) \
    ([SORTBY (1 property | 2 property (ASC | DESC) | 3 property property (ASC | DESC)) [MAX count]] \
    [LIMIT skip count] [DIALECT dialect])";

#[rustfmt::skip] // a table: one row a line
pub(super) const COMMANDS: &[Command] = &[
    Command { name: "FT._LIST", arity: 1, syntax: "", fidelity: Fidelity::Unordered, ..READ },
    Command { name: "FT.AGGREGATE", arity: -3, syntax: AGGREGATE, fidelity: Fidelity::Unordered, ..READ },
    Command { name: "FT.ALTER", arity: -6, syntax: ALTER, ..WRITE },
    Command { name: "FT.CREATE", arity: -5, syntax: CREATE, ..WRITE },
    Command { name: "FT.DROPINDEX", arity: -2, syntax: "search-index [DD]", ..WRITE },
    Command { name: "FT.EXPLAIN", arity: -3, syntax: "search-index query [DIALECT dialect]", ..READ },
    Command { name: "FT.INFO", arity: 2, syntax: "search-index", fidelity: Fidelity::ServerFact, ..READ },
    Command { name: "FT.SEARCH", arity: -3, syntax: SEARCH, ..READ },
];
