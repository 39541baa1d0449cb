//! Commands on sorted sets of positions.
//!
//! | file | what it is about |
//! |---|---|
//! | this one | positions, one by one |
//! | `search` | GEOSEARCH and its like |
//! | `shape` | distances, and what a search covers |
//! | `geohash` | positions as scores, cells |

mod geohash;
mod search;
mod shape;
#[cfg(test)]
mod tests;

use super::sorted_sets::{self, AddOptions};
use super::{Context, Outcome, Row};
use crate::failure::{Failure, refuse, texts};
use crate::number;
use crate::store::{Key, Type};
use geohash::Position;
use resp::Reply;
use shape::distance_m;

pub(super) const COMMANDS: &[Row] = &[
    ("GEOADD", geoadd),
    ("GEODIST", geodist),
    ("GEOHASH", geohash),
    ("GEOPOS", geopos),
    ("GEORADIUS", search::georadius),
    ("GEORADIUSBYMEMBER", search::georadiusbymember),
    ("GEORADIUSBYMEMBER_RO", search::georadiusbymember_ro),
    ("GEORADIUS_RO", search::georadius_ro),
    ("GEOSEARCH", search::geosearch),
    ("GEOSEARCHSTORE", search::geosearchstore),
];

/// The sorted set that the argument at `at` names.
fn find(context: &mut Context<'_>, at: usize) -> Result<Option<Key>, Failure> {
    context.store.find_as(context.db(), context.arg(at), Type::SortedSet)
}

/// The argument at `at` as a number; `text` where it is none.
fn double_or(context: &Context<'_>, at: usize, text: &'static str) -> Result<f64, Failure> {
    number::parse_double(context.arg(at)).map_or_else(|| refuse(text), Ok)
}

/// The longitude at `at` and the latitude behind it.
fn position(context: &Context<'_>, at: usize) -> Result<Position, Failure> {
    let longitude = double_or(context, at, texts::NOT_FLOAT)?;
    let latitude = double_or(context, at + 1, texts::NOT_FLOAT)?;
    let position = Position { longitude, latitude };
    if !position.is_valid() {
        return refuse(format!("ERR invalid longitude,latitude pair {longitude:.6},{latitude:.6}"));
    }
    Ok(position)
}

/// The unit at `at`, in metres.
fn unit_m(context: &Context<'_>, at: usize) -> Result<f64, Failure> {
    const UNITS_M: [(&str, f64); 4] = [("M", 1.0), ("KM", 1000.0), ("FT", 0.3048), ("MI", 1609.34)];
    match UNITS_M.iter().find(|(name, _)| context.is_word(at, name)) {
        Some((_, metres)) => Ok(*metres),
        None => refuse("ERR unsupported unit provided. please use M, KM, FT, MI"),
    }
}

/// Where a member is; `None` where it or its key is missing.
fn position_of(context: &Context<'_>, key: Option<&Key>, member: &[u8]) -> Result<Option<Position>, Failure> {
    let score = match key {
        Some(key) => context.store.zset_score(key, member)?,
        None => None,
    };
    Ok(score.map(Position::of_score))
}

/// A distance as C's `%.4f` prints it. One that is not a number comes from the processor, with its sign.
fn distance_reply(distance: f64) -> Reply {
    let text = match distance {
        _ if !distance.is_nan() => format!("{distance:.4}"),
        _ if distance.is_sign_negative() => "-nan".to_owned(),
        _ => "nan".to_owned(),
    };
    Reply::bulk(text)
}

/// Longitude and latitude.
fn position_reply(context: &Context<'_>, position: Position) -> Reply {
    let degrees = |value: f64| {
        let text = number::format_decimal(value);
        if context.connection.protocol >= 3 { Reply::Double(text) } else { Reply::Bulk(text) }
    };
    Reply::Array(vec![degrees(position.longitude), degrees(position.latitude)])
}

fn geoadd(context: &mut Context<'_>) -> Outcome {
    let mut options = AddOptions::default();
    let mut first = 2;
    loop {
        match () {
            () if context.is_word(first, "NX") => options.nx = true,
            () if context.is_word(first, "XX") => options.xx = true,
            () if context.is_word(first, "CH") => options.ch = true,
            () => break,
        }
        first += 1;
    }
    let words = context.argv.len() - first;
    if !words.is_multiple_of(3) || (options.nx && options.xx) {
        return refuse(texts::SYNTAX);
    }
    let mut pairs = Vec::with_capacity(words / 3);
    for at in (first..context.argv.len()).step_by(3) {
        pairs.push((position(context, at)?.score(), context.arg(at + 2)));
    }
    if pairs.is_empty() {
        return refuse(texts::SYNTAX);
    }
    sorted_sets::add_pairs(context, options, pairs)
}

fn geodist(context: &mut Context<'_>) -> Outcome {
    let unit_m = match context.argv.len() {
        4 => 1.0,
        5 => unit_m(context, 4)?,
        _ => return refuse(texts::SYNTAX),
    };
    let key = find(context, 1)?;
    let from = position_of(context, key.as_ref(), context.arg(2))?;
    let to = position_of(context, key.as_ref(), context.arg(3))?;
    let (Some(from), Some(to)) = (from, to) else {
        return Ok(context.null());
    };
    Ok(distance_reply(distance_m(from, to) / unit_m))
}

/// For every member that the request names: what `show` makes of its position, or `missing`.
fn each_member(context: &mut Context<'_>, missing: Reply, show: impl Fn(&Context<'_>, Position) -> Reply) -> Outcome {
    let key = find(context, 1)?;
    let mut replies = Vec::with_capacity(context.argv.len() - 2);
    for member in context.args_from(2) {
        let position = position_of(context, key.as_ref(), member)?;
        replies.push(position.map_or_else(|| missing.clone(), |position| show(context, position)));
    }
    Ok(Reply::Array(replies))
}

fn geohash(context: &mut Context<'_>) -> Outcome {
    let missing = context.null();
    each_member(context, missing, |_, position| Reply::Bulk(position.geohash()))
}

fn geopos(context: &mut Context<'_>) -> Outcome {
    let missing = context.null_array();
    each_member(context, missing, position_reply)
}
