//! FT.SEARCH: what a query finds, in order, as far as it is asked for.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::evaluate::{Hit, evaluate};
use super::plan::plan;
use super::query::{self, Dialect, QueryError};
use super::schema::{ALL_TEXT_FIELDS, Definition};
use super::value::Value;
use crate::failure::Failure;
use crate::store::{Field, Index, Key, Store};

/// What FT.SEARCH and FT.AGGREGATE share: which documents.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    /// The query.
    pub query: Vec<u8>,
    /// How it is read.
    pub dialect: Dialect,
    /// True where words do not match by their stems.
    pub verbatim: bool,
    /// The keys among which to look; `None` for all.
    pub keys: Option<Vec<Vec<u8>>>,
    /// The TEXT fields in which words count; `None` for all.
    pub fields: Option<Vec<Vec<u8>>>,
}

/// What FT.SEARCH is asked for.
#[derive(Debug, Default)]
pub(crate) struct Request {
    /// Which documents.
    pub selection: Selection,
    /// The attribute to sort by, and whether the lowest comes first; by score otherwise.
    pub sort_by: Option<(Vec<u8>, bool)>,
    /// How many results are left out first.
    pub offset: usize,
    /// How many are shown at most.
    pub count: usize,
    /// The fields to show.
    pub fields: Fields,
}

/// The fields of a result.
#[derive(Debug, Default)]
pub(crate) enum Fields {
    /// None, not even an empty list.
    Hidden,
    /// Every field of the hash, the one sorted by first.
    #[default]
    All,
    /// These attributes or fields, each with the name to show.
    Named(Vec<(Vec<u8>, Vec<u8>)>),
}

/// A document that is shown.
#[derive(Debug)]
pub(crate) struct Row {
    pub key: Vec<u8>,
    pub score: f64,
    /// `None` where they are hidden.
    pub fields: Option<Vec<Field>>,
}

/// How many documents the query finds, and those that are asked for.
pub(crate) fn search(store: &mut Store, index: &Index, request: &Request) -> Result<(usize, Vec<Row>), Failure> {
    let sorting = match &request.sort_by {
        None => None,
        Some((name, ascending)) => match index.definition.field(name) {
            Some((_, field)) => Some((field, *ascending)),
            None => return Err(unknown_property(name, "schema")),
        },
    };
    let mut hits = select(store, index, &request.selection)?;
    let total = hits.len();
    match sorting {
        None => hits.sort_by(|left, right| right.score.total_cmp(&left.score).then(left.document.cmp(&right.document))),
        Some((field, ascending)) => {
            let mut keyed = Vec::with_capacity(hits.len());
            for hit in hits {
                let text = match store.document_key(index, hit.document)? {
                    Some(key) => store.field(&key, &field.identifier)?,
                    None => None,
                };
                let value = text.map(|text| Value::of_field(field, field.sorting_text(&text)));
                keyed.push(((vec![value], hit.document), hit));
            }
            keyed.sort_by(|(left, _), (right, _)| order(left, right, &[ascending]));
            hits = keyed.into_iter().map(|(_, hit)| hit).collect();
        }
    }
    let mut rows = Vec::new();
    for hit in hits.iter().skip(request.offset).take(request.count) {
        if let Some(key) = store.document_key(index, hit.document)? {
            let fields = show(store, index, &key, request)?;
            rows.push(Row { key: store.key_name(&key)?, score: hit.score, fields });
        }
    }
    Ok((total, rows))
}

/// What a row is sorted by: its values, of which one may be missing, and its id.
pub(super) type SortKey = (Vec<Option<Value>>, i64);

/// The order of two rows by values, the lowest first where `ascending` says so. A row without a value comes behind
/// one with it, and equal rows by their ids: as in RediSearch in the direction of the last value.
pub(super) fn order(left: &SortKey, right: &SortKey, ascending: &[bool]) -> Ordering {
    let directed = |order: Ordering, ascending: bool| if ascending { order } else { order.reverse() };
    for ((left, right), ascending) in left.0.iter().zip(&right.0).zip(ascending) {
        let order = match (left, right) {
            (Some(left), Some(right)) => directed(left.order(right), *ascending),
            (None, None) => Ordering::Equal,
            (left, right) => right.is_some().cmp(&left.is_some()),
        };
        if order.is_ne() {
            return order;
        }
    }
    directed(left.1.cmp(&right.1), ascending.last().copied().unwrap_or(true))
}

/// The documents that are selected, in the order of their ids, with their scores.
pub(super) fn select(store: &mut Store, index: &Index, selection: &Selection) -> Result<Vec<Hit>, Failure> {
    let definition = &index.definition;
    let query = parse(selection, definition)?;
    let Some(plan) = query.and_then(|query| plan(&query, definition, selection.verbatim)) else {
        return Ok(Vec::new());
    };
    let within = match &selection.fields {
        Some(names) => names.iter().fold(0, |set, name| set | definition.text_field(name)),
        None => ALL_TEXT_FIELDS,
    };
    let mut hits = evaluate(store, index, &plan, within)?;
    if let Some(names) = &selection.keys {
        let mut among = BTreeSet::new();
        for name in names {
            among.extend(store.document_named(index, name)?);
        }
        hits.retain(|hit| among.contains(&hit.document));
    }
    for hit in &mut hits {
        hit.score /= f64::from(store.frequency_max(index, hit.document)?.max(1)) * hit.slop;
    }
    Ok(hits)
}

/// Reads the query of a selection.
pub(crate) fn parse(selection: &Selection, definition: &Definition) -> Result<Option<query::Node>, Failure> {
    let is_stop_word = |word: &[u8]| definition.is_stop_word(word);
    query::parse(&selection.query, selection.dialect, &is_stop_word)
        .map_err(|error: QueryError| Failure::Refused(error.to_string().into_bytes()))
}

/// The error for a property that is not there.
pub(super) fn unknown_property(name: &[u8], place: &str) -> Failure {
    Failure::Refused([b"Property `", name, b"` not loaded nor in ", place.as_bytes()].concat())
}

/// The fields of a result.
fn show(store: &Store, index: &Index, key: &Key, request: &Request) -> Result<Option<Vec<Field>>, Failure> {
    let mut shown = Vec::new();
    match &request.fields {
        Fields::Hidden => return Ok(None),
        Fields::Named(names) => {
            for (name, alias) in names {
                let identifier = index.definition.field(name).map_or(name, |(_, field)| &field.identifier);
                shown.extend(store.field(key, identifier)?.map(|value| (alias.clone(), value)));
            }
        }
        Fields::All => {
            let sorted_by = request.sort_by.as_ref().map(|(name, _)| name);
            if let Some((name, (_, field))) = sorted_by.and_then(|name| Some((name, index.definition.field(name)?))) {
                shown.extend(store.field(key, &field.identifier)?.map(|value| (name.clone(), value)));
            }
            let all = store.fields_with_values(key)?;
            shown.extend(all.into_iter().filter(|(name, _)| Some(name) != sorted_by));
        }
    }
    Ok(Some(shown))
}
