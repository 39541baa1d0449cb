//! FT.SEARCH and FT.EXPLAIN.

use super::super::{Context, Outcome};
use super::arguments::{Arguments, named_fields, property};
use crate::failure::Failure;
use crate::search::explain::explain as print;
use crate::search::plan::plan;
use crate::search::results::{self, Fields, Request, Selection};
use resp::Reply;

/// How many results are shown where LIMIT does not say so.
const SHOWN: usize = 10;

pub(super) fn search(context: &mut Context<'_>) -> Outcome {
    let mut arguments = Arguments::from(context.argv, 3, 2);
    let mut request = Request {
        selection: Selection { query: context.arg(2).to_vec(), ..Selection::default() },
        count: SHOWN,
        ..Request::default()
    };
    let mut with_scores = false;
    while arguments.count() > 0 {
        read_option(&mut arguments, &mut request, &mut with_scores)?;
    }
    let index = super::find(context)?;
    context.store.prepare_search()?;
    let (total, rows) = results::search(context.store, &index, &request)?;
    let mut reply = vec![Reply::Int(i64::try_from(total).unwrap_or(i64::MAX))];
    for row in rows {
        reply.push(Reply::Bulk(row.key));
        if with_scores {
            reply.push(context.double(row.score));
        }
        if let Some(fields) = row.fields {
            let flat = fields.into_iter().flat_map(|(name, value)| [Reply::Bulk(name), Reply::Bulk(value)]);
            reply.push(Reply::Array(flat.collect()));
        }
    }
    Ok(Reply::Array(reply))
}

fn read_option(arguments: &mut Arguments<'_>, request: &mut Request, with_scores: &mut bool) -> Result<(), Failure> {
    if read_selection(arguments, &mut request.selection)? {
    } else if arguments.accept("NOCONTENT") {
        request.fields = Fields::Hidden;
    } else if arguments.accept("WITHSCORES") {
        *with_scores = true;
    } else if arguments.accept("RETURN") {
        read_return(arguments, request)?;
    } else if arguments.accept("SORTBY") {
        let name = property(arguments.value("SORTBY")?);
        let descending = !arguments.accept("ASC") && arguments.accept("DESC");
        request.sort_by = Some((name, !descending));
    } else if arguments.accept("LIMIT") {
        (request.offset, request.count) = arguments.window()?;
    } else {
        return arguments.unknown();
    }
    Ok(())
}

/// Reads an option that says which documents are meant, where one is next.
pub(super) fn read_selection(arguments: &mut Arguments<'_>, selection: &mut Selection) -> Result<bool, Failure> {
    if arguments.accept("VERBATIM") {
        selection.verbatim = true;
    } else if arguments.accept("DIALECT") {
        selection.dialect = arguments.dialect()?;
    } else if arguments.accept("INKEYS") {
        selection.keys = Some(arguments.counted("INKEYS")?.rest());
    } else if arguments.accept("INFIELDS") {
        selection.fields = Some(arguments.counted("INFIELDS")?.rest());
    } else {
        return Ok(false);
    }
    Ok(true)
}

/// `RETURN 3 price AS cost`; none is as NOCONTENT.
fn read_return(arguments: &mut Arguments<'_>, request: &mut Request) -> Result<(), Failure> {
    let named = named_fields(arguments, "RETURN")?;
    if let (Fields::All | Fields::Named(_), false) = (&request.fields, named.is_empty()) {
        request.fields = Fields::Named(named);
    } else {
        request.fields = Fields::Hidden;
    }
    Ok(())
}

pub(super) fn explain(context: &mut Context<'_>) -> Outcome {
    let mut arguments = Arguments::from(context.argv, 3, 2);
    let mut selection = Selection { query: context.arg(2).to_vec(), ..Selection::default() };
    while arguments.count() > 0 {
        if !read_selection(&mut arguments, &mut selection)? {
            return arguments.unknown();
        }
    }
    let index = super::find(context)?;
    let query = results::parse(&selection, &index.definition)?;
    let plan = query.and_then(|query| plan(&query, &index.definition, selection.verbatim));
    Ok(Reply::Bulk(print(plan.as_ref(), &index.definition)))
}
