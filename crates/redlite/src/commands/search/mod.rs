//! Commands on indexes over hashes: arguments in, replies out. What they do is in `redlite/search`.
//!
//! Order of checks and error texts: RediSearch's documentation and its sources; no Redis of Debian's has the module.
//! Its errors have no code before them.

mod aggregate;
mod arguments;
mod define;
mod info;
mod query;

use std::sync::Arc;

use super::{Context, Row};
use crate::failure::{Failure, refuse};
use crate::store::Index;

pub(super) const COMMANDS: &[Row] = &[
    ("FT._LIST", info::list),
    ("FT.AGGREGATE", aggregate::aggregate),
    ("FT.ALTER", define::alter),
    ("FT.CREATE", define::create),
    ("FT.DROPINDEX", define::drop_index),
    ("FT.EXPLAIN", query::explain),
    ("FT.INFO", info::info),
    ("FT.SEARCH", query::search),
];

/// The index that a query's first argument names.
fn find(context: &Context<'_>) -> Result<Arc<Index>, Failure> {
    let name = context.arg(1);
    context.store.index(name).map_or_else(|| refuse([name, b": no such index"].concat()), Ok)
}

#[cfg(test)]
mod tests;
