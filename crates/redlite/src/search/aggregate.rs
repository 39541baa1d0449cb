//! FT.AGGREGATE: the documents that a query finds become rows, which go from step to step.

use std::collections::{BTreeMap, BTreeSet};

use super::expression::Parsed;
use super::reduce::Reduction;
use super::results::{Selection, SortKey, order, select, unknown_property};
use super::value::{Ordered, Value};
use crate::failure::{Failure, refuse};
use crate::store::{Index, Key, Store};

/// How many rows SORTBY leaves where neither LIMIT nor MAX says so.
pub(crate) const SORTED_ROWS: usize = 10;

/// What is done with the rows.
#[derive(Debug)]
pub(crate) enum Step {
    /// Fields of the hash, each with the name that it gets; `None` for all.
    Load(Option<Vec<(Vec<u8>, Vec<u8>)>>),
    /// One row for all with the same values of these properties, with what the reducers make of them.
    Group(Vec<Vec<u8>>, Vec<(Reducer, Vec<u8>)>),
    /// Sorted by these properties, the lowest first where it says so, and a window of them.
    Arrange(Arrangement),
    /// A value by an expression, and its name.
    Apply(Parsed, Vec<u8>),
    /// The rows for which an expression is true.
    Filter(Parsed),
}

/// SORTBY and LIMIT, which work together where one follows the other.
#[derive(Debug, Default)]
pub(crate) struct Arrangement {
    /// The properties, and whether the lowest comes first.
    pub sort_by: Vec<(Vec<u8>, bool)>,
    /// How many rows sorting leaves at most.
    pub sorted_max: Option<usize>,
    /// How many rows are left out first, and how many follow at most.
    pub window: Option<(usize, usize)>,
}

/// What is made of the rows of a group; a property by its name.
#[derive(Debug)]
pub(crate) enum Reducer {
    Count,
    CountDistinct(Vec<u8>),
    Sum(Vec<u8>),
    Minimum(Vec<u8>),
    Maximum(Vec<u8>),
    Average(Vec<u8>),
    Deviation(Vec<u8>),
    List(Vec<u8>),
    FirstValue {
        /// What is returned.
        property: Vec<u8>,
        /// What says which row is the first, and whether the lowest is.
        by: Option<(Vec<u8>, bool)>,
    },
}

impl Reducer {
    /// The property that is reduced.
    fn property(&self) -> Option<&Vec<u8>> {
        match self {
            Reducer::Count => None,
            Reducer::CountDistinct(property)
            | Reducer::Sum(property)
            | Reducer::Minimum(property)
            | Reducer::Maximum(property)
            | Reducer::Average(property)
            | Reducer::Deviation(property)
            | Reducer::List(property)
            | Reducer::FirstValue { property, .. } => Some(property),
        }
    }
}

/// The rows that are left in the end.
#[derive(Debug)]
pub(crate) struct Aggregate {
    /// How many rows there were before the last window: documents, or groups.
    pub total: usize,
    /// Names and values; a missing value is left out.
    pub rows: Vec<Vec<(Vec<u8>, Value)>>,
}

/// Runs the steps on the documents that are selected.
pub(crate) fn aggregate(
    store: &mut Store,
    index: &Index,
    selection: &Selection,
    steps: &[Step],
) -> Result<Aggregate, Failure> {
    let mut rows = Vec::new();
    for hit in select(store, index, selection)? {
        rows.extend(store.document_key(index, hit.document)?.map(|key| Row { key: Some(key), values: Vec::new() }));
    }
    let mut table = Table { store, index, columns: Vec::new(), total: rows.len(), rows, is_grouped: false };
    for step in steps {
        table.run(step)?;
    }
    let Table { columns, rows, total, .. } = table;
    let rows = rows.into_iter().map(|row| {
        let named = columns.iter().zip(row.values);
        named.filter_map(|(name, value)| Some((name.clone(), value?))).collect()
    });
    Ok(Aggregate { total, rows: rows.collect() })
}

/// A row: a value for each column, where it has one.
struct Row {
    /// Of the document; groups have none.
    key: Option<Key>,
    values: Vec<Option<Value>>,
}

impl Row {
    fn value(&self, column: usize) -> Option<&Value> {
        self.values.get(column).and_then(Option::as_ref)
    }
}

struct Table<'a> {
    store: &'a Store,
    index: &'a Index,
    columns: Vec<Vec<u8>>,
    rows: Vec<Row>,
    total: usize,
    is_grouped: bool,
}

impl Table<'_> {
    fn run(&mut self, step: &Step) -> Result<(), Failure> {
        match step {
            Step::Load(_) if self.is_grouped => refuse("LOAD cannot be applied after projectors or reducers"),
            Step::Load(Some(fields)) => fields.iter().try_for_each(|(name, alias)| self.load(name, alias)),
            Step::Load(None) => self.load_all(),
            Step::Group(properties, reducers) => self.group(properties, reducers),
            Step::Arrange(arrangement) => self.arrange(arrangement),
            Step::Apply(parsed, alias) => {
                let values = self.evaluate(parsed)?;
                let values = values.into_iter().map(|value| (!matches!(value, Value::Null)).then_some(value));
                self.set_column(alias, values.collect());
                Ok(())
            }
            Step::Filter(parsed) => {
                let mut values = self.evaluate(parsed)?.into_iter();
                self.rows.retain(|_| values.next().is_some_and(|value| value.is_true()));
                Ok(())
            }
        }
    }

    /// The column of this name. A field of the schema that no step has loaded is read here: as it is sorted.
    fn column(&mut self, name: &[u8]) -> Result<usize, Failure> {
        if let Some(at) = self.columns.iter().position(|column| column == name) {
            return Ok(at);
        }
        let field = match self.index.definition.field(name) {
            Some((_, field)) if !self.is_grouped => field.clone(),
            _ => return Err(unknown_property(name, "pipeline")),
        };
        let values = self.read(&field.identifier)?;
        let values = values.into_iter().map(|text| Some(Value::of_field(&field, field.sorting_text(&text?))));
        let values = values.collect();
        Ok(self.set_column(name, values))
    }

    /// Gives a column these values, one a row; it is made where it is missing.
    fn set_column(&mut self, name: &[u8], values: Vec<Option<Value>>) -> usize {
        let at = self.columns.iter().position(|column| column == name).unwrap_or_else(|| {
            self.columns.push(name.to_vec());
            self.columns.len() - 1
        });
        for (row, value) in self.rows.iter_mut().zip(values) {
            row.values.resize(self.columns.len(), None);
            row.values[at] = value;
        }
        at
    }

    /// A field of each row's hash.
    fn read(&self, identifier: &[u8]) -> Result<Vec<Option<Vec<u8>>>, Failure> {
        let read = |row: &Row| match &row.key {
            Some(key) => self.store.field(key, identifier),
            None => Ok(None),
        };
        self.rows.iter().map(read).collect()
    }

    /// Loads a field by its name in the schema, or else in the hash.
    fn load(&mut self, name: &[u8], alias: &[u8]) -> Result<(), Failure> {
        let field = self.index.definition.field(name).map(|(_, field)| field.clone());
        let values = self.read(field.as_ref().map_or(name, |field| &field.identifier))?;
        let valued = |text: Vec<u8>| match &field {
            Some(field) => Value::of_field(field, text),
            None => Value::Text(text),
        };
        let values = values.into_iter().map(|text| text.map(valued)).collect();
        self.set_column(alias, values);
        Ok(())
    }

    /// Loads every field of every hash.
    fn load_all(&mut self) -> Result<(), Failure> {
        let (mut seen, mut names) = (BTreeSet::new(), Vec::new());
        for row in &self.rows {
            let Some(key) = &row.key else { continue };
            for field in self.store.fields(key)? {
                if seen.insert(field.clone()) {
                    names.push(field);
                }
            }
        }
        names.iter().try_for_each(|name: &Vec<u8>| self.load(name, name))
    }

    /// The value of an expression for each row.
    fn evaluate(&mut self, parsed: &Parsed) -> Result<Vec<Value>, Failure> {
        let columns: Vec<usize> =
            parsed.properties.iter().map(|name| self.column(name)).collect::<Result<_, Failure>>()?;
        let value = |row: &Row| {
            let properties = columns.iter().map(|&at| row.value(at).cloned().unwrap_or(Value::Null));
            parsed.expression.evaluate(&properties.collect::<Vec<_>>())
        };
        Ok(self.rows.iter().map(value).collect())
    }

    fn group(&mut self, properties: &[Vec<u8>], reducers: &[(Reducer, Vec<u8>)]) -> Result<(), Failure> {
        let mut names: BTreeSet<&Vec<u8>> = properties.iter().collect();
        if let Some((_, alias)) = reducers.iter().find(|(_, alias)| !names.insert(alias)) {
            return refuse([b"Property `", &alias[..], b"` specified more than once"].concat());
        }
        let keys: Vec<usize> = properties.iter().map(|name| self.column(name)).collect::<Result<_, Failure>>()?;
        let mut inputs = Vec::with_capacity(reducers.len());
        for (reducer, _) in reducers {
            let property = reducer.property().map(|name| self.column(name)).transpose()?;
            let by = match reducer {
                Reducer::FirstValue { by: Some((name, ascending)), .. } => Some((self.column(name)?, *ascending)),
                _ => None,
            };
            inputs.push((property, by));
        }
        let start: Vec<Reduction> = reducers.iter().map(|(reducer, _)| Reduction::of(reducer)).collect();
        let mut places: BTreeMap<Vec<Ordered>, usize> = BTreeMap::new();
        let mut groups: Vec<(Vec<Value>, Vec<Reduction>)> = Vec::new();
        for row in &self.rows {
            let values: Vec<Value> = keys.iter().map(|&at| row.value(at).cloned().unwrap_or(Value::Null)).collect();
            for values in spread(values) {
                let place = *places.entry(values.iter().cloned().map(Ordered).collect()).or_insert(groups.len());
                if place == groups.len() {
                    groups.push((values, start.clone()));
                }
                for ((property, by), reduction) in inputs.iter().zip(&mut groups[place].1) {
                    let order_by = by.map(|(at, ascending)| (row.value(at), ascending));
                    reduction.add(property.and_then(|at| row.value(at)), order_by);
                }
            }
        }
        let aliases = reducers.iter().map(|(_, alias)| alias);
        self.columns = properties.iter().chain(aliases).cloned().collect();
        let grouped = groups.into_iter().map(|(values, reductions)| {
            let reduced = reductions.into_iter().map(Reduction::finish);
            Row { key: None, values: values.into_iter().chain(reduced).map(Some).collect() }
        });
        self.rows = grouped.collect();
        self.is_grouped = true;
        self.total = self.rows.len();
        Ok(())
    }

    fn arrange(&mut self, arrangement: &Arrangement) -> Result<(), Failure> {
        let Arrangement { sort_by, sorted_max, window } = arrangement;
        let columns: Vec<usize> = sort_by.iter().map(|(name, _)| self.column(name)).collect::<Result<_, Failure>>()?;
        let (offset, mut count) = window.unwrap_or((0, usize::MAX));
        if !sort_by.is_empty() {
            let ascending: Vec<bool> = sort_by.iter().map(|(_, ascending)| *ascending).collect();
            let rows = std::mem::take(&mut self.rows).into_iter().zip(0..);
            let mut keyed: Vec<(SortKey, Row)> =
                rows.map(|(row, id)| ((columns.iter().map(|&at| row.value(at).cloned()).collect(), id), row)).collect();
            keyed.sort_by(|(left, _), (right, _)| order(left, right, &ascending));
            self.rows = keyed.into_iter().map(|(_, row)| row).collect();
            if window.is_none() {
                count = sorted_max.unwrap_or(SORTED_ROWS);
            }
        }
        let rows = std::mem::take(&mut self.rows).into_iter();
        self.rows = rows.skip(offset).take(count).collect();
        Ok(())
    }
}

/// The values of a group once for each item of the first list among them; as they are where there is none.
fn spread(values: Vec<Value>) -> Vec<Vec<Value>> {
    let list = values.iter().enumerate().find_map(|(at, value)| match value {
        Value::List(items) => Some((at, items.clone())),
        _ => None,
    });
    let Some((at, items)) = list else { return vec![values] };
    let with = |item: Value| {
        let mut values = values.clone();
        values[at] = item;
        values
    };
    items.into_iter().map(with).collect()
}
