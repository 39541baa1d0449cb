//! FT.AGGREGATE: the steps of its pipeline.

use super::super::{Context, Outcome};
use super::arguments::{Arguments, bad, named_fields, property};
use super::query::read_selection;
use crate::failure::{Failure, refuse};
use crate::search::aggregate::{self as pipeline, Arrangement, Reducer, Step};
use crate::search::expression;
use crate::search::results::Selection;
use crate::search::value::Value;
use resp::Reply;

pub(super) fn aggregate(context: &mut Context<'_>) -> Outcome {
    let mut arguments = Arguments::from(context.argv, 3, 2);
    let mut selection = Selection { query: context.arg(2).to_vec(), ..Selection::default() };
    let mut steps = Vec::new();
    while arguments.count() > 0 {
        if !read_selection(&mut arguments, &mut selection)? {
            read_step(&mut arguments, &mut steps)?;
        }
    }
    let index = super::find(context)?;
    context.store.prepare_search()?;
    let aggregate = pipeline::aggregate(context.store, &index, &selection, &steps)?;
    let mut reply = vec![Reply::Int(i64::try_from(aggregate.total).unwrap_or(i64::MAX))];
    for row in aggregate.rows {
        let flat = row.into_iter().flat_map(|(name, value)| [Reply::Bulk(name), show(context, value)]);
        reply.push(Reply::Array(flat.collect()));
    }
    Ok(Reply::Array(reply))
}

fn show(context: &Context<'_>, value: Value) -> Reply {
    match value {
        Value::Null => context.null(),
        Value::List(items) => Reply::Array(items.into_iter().map(|item| show(context, item)).collect()),
        value => Reply::Bulk(value.text()),
    }
}

fn read_step(arguments: &mut Arguments<'_>, steps: &mut Vec<Step>) -> Result<(), Failure> {
    if arguments.accept("LOAD") {
        steps.push(read_load(arguments)?);
    } else if arguments.accept("GROUPBY") {
        steps.push(read_group(arguments)?);
    } else if arguments.accept("SORTBY") {
        let sorted = read_sort(arguments)?;
        let arrangement = arrangement(steps);
        if !arrangement.sort_by.is_empty() {
            return refuse("Multiple SORTBY steps are not allowed. Sort multiple fields in a single step");
        }
        *arrangement = Arrangement { window: arrangement.window, ..sorted };
    } else if arguments.accept("LIMIT") {
        let window = arguments.window()?;
        arrangement(steps).window = Some(window);
    } else if arguments.accept("APPLY") {
        let text = arguments.value("APPLY")?;
        let alias = if arguments.accept("AS") { arguments.value("AS")? } else { text };
        steps.push(Step::Apply(read_expression(text)?, alias.to_vec()));
    } else if arguments.accept("FILTER") {
        steps.push(Step::Filter(read_expression(arguments.value("FILTER")?)?));
    } else {
        return arguments.unknown();
    }
    Ok(())
}

fn read_expression(text: &[u8]) -> Result<expression::Parsed, Failure> {
    expression::parse(text).map_err(|error| Failure::Refused(error.to_string().into_bytes()))
}

/// The last step where it arranges, or else a new one that does.
fn arrangement(steps: &mut Vec<Step>) -> &mut Arrangement {
    if !matches!(steps.last(), Some(Step::Arrange(_))) {
        steps.push(Step::Arrange(Arrangement::default()));
    }
    match steps.last_mut() {
        Some(Step::Arrange(arrangement)) => arrangement,
        _ => unreachable!("the last step arranges"),
    }
}

/// `LOAD *`, or `LOAD 3 @price AS cost`.
fn read_load(arguments: &mut Arguments<'_>) -> Result<Step, Failure> {
    if arguments.accept("*") {
        return Ok(Step::Load(None));
    }
    Ok(Step::Load(Some(named_fields(arguments, "LOAD")?)))
}

/// `GROUPBY 1 @brand REDUCE COUNT 0 AS number`
fn read_group(arguments: &mut Arguments<'_>) -> Result<Step, Failure> {
    let mut counted = arguments.counted("GROUPBY")?;
    let mut properties = Vec::new();
    while let Some(argument) = counted.next() {
        let Some(name) = argument.strip_prefix(b"@") else {
            let why = [&b"Unknown property `"[..], argument, b"`. Did you mean `@", argument, b"`?"].concat();
            return refuse([b"Bad arguments for GROUPBY: ", &why[..]].concat());
        };
        if !properties.iter().any(|property| property == name) {
            properties.push(name.to_vec());
        }
    }
    let mut reducers = Vec::new();
    while arguments.accept("REDUCE") {
        let name = arguments.value("REDUCE")?;
        let inputs = arguments.counted("REDUCE")?;
        let alias = if arguments.accept("AS") {
            arguments.value("AS")?.to_vec()
        } else {
            generated_alias(name, inputs.clone())
        };
        reducers.push((read_reducer(name, inputs)?, alias));
    }
    Ok(Step::Group(properties, reducers))
}

/// The name of a reducer's result where `AS` gives none.
fn generated_alias(name: &[u8], mut inputs: Arguments<'_>) -> Vec<u8> {
    let inputs: Vec<Vec<u8>> = inputs.rest().iter().map(|input| property(input)).collect();
    [b"__generated_alias", name, &inputs.join(&b',')].concat().to_ascii_lowercase()
}

fn read_reducer(name: &[u8], mut inputs: Arguments<'_>) -> Result<Reducer, Failure> {
    let upper = name.to_ascii_uppercase();
    if upper == b"COUNT" {
        return if inputs.count() == 0 { Ok(Reducer::Count) } else { wrong_inputs("COUNT") };
    }
    if upper == b"FIRST_VALUE" {
        return read_first_value(inputs);
    }
    let make: fn(Vec<u8>) -> Reducer = match &upper[..] {
        b"COUNT_DISTINCT" => Reducer::CountDistinct,
        b"SUM" => Reducer::Sum,
        b"MIN" => Reducer::Minimum,
        b"MAX" => Reducer::Maximum,
        b"AVG" => Reducer::Average,
        b"STDDEV" => Reducer::Deviation,
        b"TOLIST" => Reducer::List,
        _ => return refuse([b"No such reducer: ", name].concat()),
    };
    match (inputs.next(), inputs.count()) {
        (Some(input), 0) => Ok(make(property(input))),
        _ => wrong_inputs(&String::from_utf8_lossy(&upper)),
    }
}

/// `FIRST_VALUE 4 @name BY @price DESC`
fn read_first_value(mut inputs: Arguments<'_>) -> Result<Reducer, Failure> {
    let Some(first) = inputs.next() else { return wrong_inputs("FIRST_VALUE") };
    let mut by = None;
    if inputs.accept("BY") {
        let name = property(inputs.value("BY")?);
        let descending = !inputs.accept("ASC") && inputs.accept("DESC");
        by = Some((name, !descending));
    }
    if inputs.count() > 0 {
        wrong_inputs("FIRST_VALUE")
    } else {
        Ok(Reducer::FirstValue { property: property(first), by })
    }
}

fn wrong_inputs<T>(name: &str) -> Result<T, Failure> {
    bad(name, "Wrong number of arguments")
}

/// `SORTBY 2 @price DESC MAX 5`
fn read_sort(arguments: &mut Arguments<'_>) -> Result<Arrangement, Failure> {
    let mut counted = arguments.counted("SORTBY")?;
    let mut arrangement = Arrangement::default();
    while let Some(argument) = counted.next() {
        let Some(name) = argument.strip_prefix(b"@") else {
            return refuse([b"MISSING ASC or DESC after sort field (", argument, b")"].concat());
        };
        let descending = !counted.accept("ASC") && counted.accept("DESC");
        arrangement.sort_by.push((name.to_vec(), !descending));
    }
    if arguments.accept("MAX") {
        arrangement.sorted_max = Some(arguments.number("MAX")?);
    }
    Ok(arrangement)
}
