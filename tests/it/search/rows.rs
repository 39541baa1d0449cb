//! What FT.AGGREGATE must answer, worked out on all rows at once. Pipelines with expressions are left to the tests of
//! expressions.

use std::collections::BTreeMap;

use resp::{Argv, Reply};

use super::naive::{Hash, Index, Kind, lower, number};
use super::request::{Selection, Words, plain, window};

/// A value, and what a reply shows of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Number(f64),
    Text(Vec<u8>),
    List(Vec<Value>),
    Nothing,
}

impl Value {
    /// In one form for a number, whether it is one or its text.
    fn show(&self) -> String {
        match self {
            Value::Number(value) => format!("{:.8e}", value + 0.0),
            Value::Text(text) => match number(text) {
                Some(value) => Value::Number(value).show(),
                None => text.escape_ascii().to_string(),
            },
            Value::List(items) => {
                let mut shown: Vec<String> = items.iter().map(Value::show).collect();
                shown.sort();
                format!("{shown:?}")
            }
            Value::Nothing => "nothing".to_owned(),
        }
    }

    fn of(reply: &Reply) -> Self {
        match reply {
            Reply::Bulk(text) => Value::Text(text.clone()),
            Reply::Array(items) => Value::List(items.iter().map(Value::of).collect()),
            _ => Value::Nothing,
        }
    }

    fn number(&self) -> Option<f64> {
        match self {
            Value::Number(value) => Some(*value),
            Value::Text(text) => number(text),
            _ => None,
        }
    }

    /// What it is sorted by: nothing, numbers, texts.
    fn order(&self) -> (u8, f64, Vec<u8>) {
        match self {
            Value::Nothing => (0, 0.0, Vec::new()),
            Value::Number(value) => (1, value + 0.0, Vec::new()),
            Value::Text(text) => (2, 0.0, text.clone()),
            Value::List(_) => (3, 0.0, Vec::new()),
        }
    }
}

type Name = Vec<u8>;

type Row = BTreeMap<Name, Value>;

/// What rows are sorted by, and the values of those that are shown, in their order.
struct Sorted {
    names: Vec<Name>,
    keys: Vec<Vec<String>>,
}

/// What must come.
pub struct Expected {
    total: usize,
    /// All rows, of which a window may be shown.
    rows: Vec<Row>,
    shown: usize,
    sorted: Option<Sorted>,
    /// Columns that depend on the order of documents.
    open: Vec<Vec<u8>>,
}

/// The answer is known, is an error, or is beyond this file.
pub enum Answer {
    Rows(Expected),
    Refused,
    Unknown,
}

/// What FT.AGGREGATE must answer on these documents.
pub fn answer(argv: &Argv, index: &Index, documents: &[Hash]) -> Answer {
    let mut pipeline =
        Pipeline { index, documents, rows: vec![Row::new(); documents.len()], ..Pipeline::default_of(index) };
    match pipeline.run(argv) {
        Some(Step::Done) if !pipeline.uses_open => {}
        Some(_) => return Answer::Unknown,
        None => return Answer::Refused,
    }
    let rows = pipeline.rows;
    let total = pipeline.total.unwrap_or(documents.len());
    let Some(Arranged { sort_by, most, window }) = pipeline.arranged else {
        return Answer::Rows(Expected { total, shown: rows.len(), rows, sorted: None, open: pipeline.open });
    };
    let (offset, count) = window.unwrap_or((0, if sort_by.is_empty() { usize::MAX } else { most.unwrap_or(10) }));
    let shown = rows.len().saturating_sub(offset).min(count);
    let mut keyed = rows.clone();
    keyed.sort_by(|left, right| {
        let orders = sort_by.iter().map(|(name, ascending)| match (left.get(name), right.get(name)) {
            (Some(left), Some(right)) => {
                let order = left.order().partial_cmp(&right.order()).expect("no NaN is sorted");
                if *ascending { order } else { order.reverse() }
            }
            (left, right) => right.is_some().cmp(&left.is_some()),
        });
        orders.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
    });
    let names: Vec<Vec<u8>> = sort_by.into_iter().map(|(name, _)| name).collect();
    let keys = keyed.iter().skip(offset).take(count).map(|row| keys_of(row, &names)).collect();
    let sorted = (!names.is_empty()).then_some(Sorted { names, keys });
    Answer::Rows(Expected { total, shown, rows, sorted, open: pipeline.open })
}

fn keys_of(row: &Row, names: &[Vec<u8>]) -> Vec<String> {
    names.iter().map(|name| row.get(name).map_or_else(|| "missing".to_owned(), Value::show)).collect()
}

impl Expected {
    /// What is wrong with a reply.
    pub fn check(&self, reply: &Reply) -> Result<(), String> {
        let Some([Reply::Int(total), shown @ ..]) = reply.as_elements() else { return Err("no rows".to_owned()) };
        if *total != self.total as i64 || shown.len() != self.shown {
            return Err(format!("{} of {} rows, and not {} of {}", shown.len(), total, self.shown, self.total));
        }
        let got: Vec<Row> = shown.iter().map(row_of).collect();
        if let Some(Sorted { names, keys }) = &self.sorted {
            let got: Vec<Vec<String>> = got.iter().map(|row| keys_of(row, names)).collect();
            if got != *keys {
                return Err(format!("sorted by {got:?}, and not {keys:?}"));
            }
        }
        let mut left: Vec<String> = self.rows.iter().map(|row| self.show(row)).collect();
        for row in got.iter().map(|row| self.show(row)) {
            match left.iter().position(|expected| *expected == row) {
                Some(at) => drop(left.swap_remove(at)),
                None => return Err(format!("{row} is none of {left:?}")),
            }
        }
        Ok(())
    }

    fn show(&self, row: &Row) -> String {
        let columns = row.iter().filter(|(name, _)| !self.open.contains(name));
        columns.map(|(name, value)| format!("{}={} ", name.escape_ascii(), value.show())).collect()
    }
}

fn row_of(reply: &Reply) -> Row {
    let pairs = reply.as_elements().unwrap_or_default().chunks(2);
    pairs.map(|pair| (pair[0].as_bytes().unwrap_or_default().to_vec(), Value::of(&pair[1]))).collect()
}

enum Step {
    Done,
    Unknown,
}

/// SORTBY and LIMIT.
#[derive(Default)]
struct Arranged {
    sort_by: Vec<(Name, bool)>,
    most: Option<usize>,
    window: Option<(usize, usize)>,
}

/// A REDUCE.
struct Reducer {
    function: Name,
    inputs: Vec<Name>,
    alias: Name,
}

struct Pipeline<'a> {
    index: &'a Index,
    documents: &'a [Hash],
    rows: Vec<Row>,
    columns: Vec<Vec<u8>>,
    total: Option<usize>,
    is_grouped: bool,
    arranged: Option<Arranged>,
    open: Vec<Vec<u8>>,
    /// Columns of lists, which come in the order of documents.
    lists: Vec<Name>,
    /// True where a step uses one of either.
    uses_open: bool,
}

impl<'a> Pipeline<'a> {
    fn default_of(index: &'a Index) -> Self {
        Pipeline {
            index,
            documents: &[],
            rows: Vec::new(),
            columns: Vec::new(),
            total: None,
            is_grouped: false,
            arranged: None,
            open: Vec::new(),
            lists: Vec::new(),
            uses_open: false,
        }
    }

    /// `None` where the request is refused.
    fn run(&mut self, argv: &Argv) -> Option<Step> {
        let mut words = Words::of(argv, 3);
        while !words.is_empty() {
            if Selection::default().read(&mut words)? {
                continue;
            }
            if words.take("SORTBY") {
                let sort_by = self.read_sort(&mut words)?;
                let most = if words.take("MAX") { Some(words.number()?) } else { None };
                let window = self.arranged.take().and_then(|before| before.window);
                self.arranged = Some(Arranged { sort_by, most, window });
            } else if words.take("LIMIT") {
                let before = self.arranged.take().unwrap_or_default();
                self.arranged = Some(Arranged { window: Some(window(&mut words)?), ..before });
            } else if self.arranged.is_some() || words.take("APPLY") || words.take("FILTER") {
                return Some(Step::Unknown);
            } else if words.take("LOAD") {
                self.load(&mut words)?;
            } else if words.take("GROUPBY") {
                self.group(&mut words)?;
            } else {
                return None;
            }
        }
        Some(Step::Done)
    }

    /// Makes sure that the property is there.
    fn need(&mut self, name: &[u8]) -> Option<()> {
        self.uses_open |= self.open.iter().chain(&self.lists).any(|column| column == name);
        if self.columns.iter().any(|column| column == name) {
            return Some(());
        }
        let field = self.index.field(name).filter(|_| !self.is_grouped)?.clone();
        for (row, hash) in self.rows.iter_mut().zip(self.documents) {
            let text = hash
                .fields
                .get(&field.identifier)
                .map(|text| if field.is_normalized { lower(text) } else { text.clone() });
            row.extend(text.map(|text| (name.to_vec(), typed(&field.kind, text))));
        }
        self.columns.push(name.to_vec());
        Some(())
    }

    fn load(&mut self, words: &mut Words<'_>) -> Option<()> {
        if self.is_grouped {
            return None;
        }
        let fields = if words.take("*") {
            let names = self.documents.iter().flat_map(|hash| hash.fields.keys());
            names.map(|name| (name.clone(), name.clone())).collect()
        } else {
            words.counted()?.aliased()?
        };
        for (name, alias) in fields {
            let field = self.index.field(&name).cloned();
            for (row, hash) in self.rows.iter_mut().zip(self.documents) {
                row.remove(&alias);
                let identifier = field.as_ref().map_or(&name, |field| &field.identifier);
                let kind = field.as_ref().map_or(&Kind::Text { stems: true }, |field| &field.kind);
                row.extend(hash.fields.get(identifier).map(|text| (alias.clone(), typed(kind, text.clone()))));
            }
            self.columns.push(alias);
        }
        Some(())
    }

    fn read_sort(&mut self, words: &mut Words<'_>) -> Option<Vec<(Name, bool)>> {
        if self.arranged.as_ref().is_some_and(|before| !before.sort_by.is_empty()) {
            return None;
        }
        let mut counted = words.counted()?;
        let mut sort_by = Vec::new();
        while let Some(word) = counted.next() {
            let name = word.strip_prefix(b"@")?.to_vec();
            self.need(&name)?;
            sort_by.push((name, counted.take("ASC") || !counted.take("DESC")));
        }
        Some(sort_by)
    }

    fn group(&mut self, words: &mut Words<'_>) -> Option<()> {
        let mut names = Vec::new();
        let mut counted = words.counted()?;
        while let Some(word) = counted.next() {
            names.push(word.strip_prefix(b"@")?.to_vec());
        }
        let mut reducers: Vec<Reducer> = Vec::new();
        while words.take("REDUCE") {
            let reducer = read_reducer(words)?;
            if names.contains(&reducer.alias) || reducers.iter().any(|other| other.alias == reducer.alias) {
                return None;
            }
            reducers.push(reducer);
        }
        for name in &names {
            self.need(name)?;
        }
        for reducer in &reducers {
            self.need_inputs(reducer)?;
        }
        let mut groups: Vec<(Vec<String>, Row, Vec<Row>)> = Vec::new();
        for row in std::mem::take(&mut self.rows) {
            let values: Vec<Value> =
                names.iter().map(|name| row.get(name).cloned().unwrap_or(Value::Nothing)).collect();
            let key: Vec<String> = values.iter().map(|value| format!("{:?}", value.order())).collect();
            match groups.iter_mut().find(|(other, ..)| *other == key) {
                Some((_, _, rows)) => rows.push(row),
                None => groups.push((key, names.iter().cloned().zip(values).collect(), vec![row])),
            }
        }
        let rows = groups.into_iter().map(|(_, mut row, members)| {
            for Reducer { function, inputs, alias } in &reducers {
                let name = inputs.first().map(|input| plain(input)).unwrap_or_default();
                row.insert(alias.clone(), reduce(function, &name, &members));
            }
            row
        });
        self.rows = rows.collect();
        let made_by = |function: &[u8]| {
            let made = reducers.iter().filter(|reducer| reducer.function == function);
            made.map(|reducer| reducer.alias.clone()).collect()
        };
        (self.open, self.lists) = (made_by(b"FIRST_VALUE"), made_by(b"TOLIST"));
        self.columns = names.into_iter().chain(reducers.into_iter().map(|reducer| reducer.alias)).collect();
        self.total = Some(self.rows.len());
        self.is_grouped = true;
        Some(())
    }

    fn need_inputs(&mut self, Reducer { function, inputs, .. }: &Reducer) -> Option<()> {
        let used: Vec<&Name> = match (&function[..], &inputs[..]) {
            (b"COUNT", []) => Vec::new(),
            (b"FIRST_VALUE", [first, word, by, ..]) if word.eq_ignore_ascii_case(b"BY") => vec![first, by],
            (_, [only]) if function != b"COUNT" => vec![only],
            _ => return None,
        };
        used.into_iter().try_for_each(|input| self.need(&plain(input)))
    }
}

fn read_reducer(words: &mut Words<'_>) -> Option<Reducer> {
    let function = words.next()?.to_ascii_uppercase();
    let inputs = words.counted()?.all();
    let joined = inputs.iter().map(|input| plain(input)).collect::<Vec<_>>().join(&b',');
    let usual = lower(&[b"__generated_alias", &function[..], &joined].concat());
    let alias = if words.take("AS") { words.next()?.to_vec() } else { usual };
    Some(Reducer { function, inputs, alias })
}

fn typed(kind: &Kind, text: Vec<u8>) -> Value {
    match number(&text) {
        Some(value) if *kind == Kind::Numeric => Value::Number(value),
        _ => Value::Text(text),
    }
}

fn reduce(function: &[u8], name: &[u8], rows: &[Row]) -> Value {
    let values: Vec<&Value> = rows.iter().filter_map(|row| row.get(name)).collect();
    let numbers: Vec<f64> = values.iter().filter_map(|value| value.number()).collect();
    let count = numbers.len() as f64;
    let sum: f64 = numbers.iter().sum();
    let mut distinct: Vec<Value> = Vec::new();
    for value in values {
        let items = match value {
            Value::List(items) if function == b"TOLIST" => items.clone(),
            value => vec![value.clone()],
        };
        for item in items {
            if !distinct.contains(&item) {
                distinct.push(item);
            }
        }
    }
    match function {
        b"COUNT" => Value::Number(rows.len() as f64),
        b"COUNT_DISTINCT" => Value::Number(distinct.len() as f64),
        b"SUM" => Value::Number(sum),
        b"MIN" => Value::Number(numbers.iter().copied().fold(f64::INFINITY, f64::min)),
        b"MAX" => Value::Number(numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
        b"AVG" => Value::Number(if numbers.is_empty() { 0.0 } else { sum / count }),
        b"STDDEV" if numbers.len() < 2 => Value::Number(0.0),
        b"STDDEV" => {
            let squares: f64 = numbers.iter().map(|value| (value - sum / count).powi(2)).sum();
            Value::Number((squares / (count - 1.0)).sqrt())
        }
        b"TOLIST" => Value::List(distinct),
        _ => Value::Nothing,
    }
}
