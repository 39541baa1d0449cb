//! FT._LIST and FT.INFO: what indexes there are.

use super::super::{Context, Outcome};
use crate::failure::refuse;
use crate::search::schema::{Definition, Field, FieldKind};
use crate::search::value::Value;
use resp::Reply;

pub(super) fn list(context: &mut Context<'_>) -> Outcome {
    let names = context.store.indexes().iter().map(|index| Reply::bulk(&index.name[..]));
    Ok(Reply::Array(names.collect()))
}

/// What RediSearch says of an index, without the sizes of its parts in memory.
pub(super) fn info(context: &mut Context<'_>) -> Outcome {
    let Some(index) = context.store.index(context.arg(1)) else {
        return refuse("Unknown Index name");
    };
    context.store.prepare_search()?;
    let counts = context.store.index_counts(&index)?;
    let definition = &index.definition;
    let fields = definition.fields.iter().map(attribute);
    let count = |count: i64| Reply::bulk(count.to_string());
    let mut pairs = vec![
        ("index_name", Reply::bulk(&index.name[..])),
        ("index_options", Reply::Array(Vec::new())),
        ("index_definition", rule(definition)),
        ("attributes", Reply::Array(fields.collect())),
        ("num_docs", count(counts.documents)),
        ("max_doc_id", count(counts.last_document)),
        ("num_terms", count(counts.terms)),
        ("num_records", count(counts.postings)),
        ("hash_indexing_failures", count(counts.failures)),
        ("indexing", count(0)),
        ("percent_indexed", count(1)),
    ];
    if let Some(words) = &definition.stop_words {
        pairs.push(("stopwords_list", Reply::Array(words.iter().map(|word| Reply::bulk(&word[..])).collect())));
    }
    Ok(flat(pairs))
}

fn flat(pairs: Vec<(&str, Reply)>) -> Reply {
    Reply::Array(pairs.into_iter().flat_map(|(name, value)| [Reply::bulk(name), value]).collect())
}

fn rule(definition: &Definition) -> Reply {
    let prefixes = definition.prefixes.iter().map(|prefix| Reply::bulk(&prefix[..]));
    flat(vec![
        ("key_type", Reply::bulk("HASH")),
        ("prefixes", Reply::Array(prefixes.collect())),
        ("default_score", Reply::bulk("1")),
    ])
}

fn attribute(field: &Field) -> Reply {
    let mut parts = vec![
        Reply::bulk("identifier"),
        Reply::bulk(&field.identifier[..]),
        Reply::bulk("attribute"),
        Reply::bulk(&field.attribute[..]),
        Reply::bulk("type"),
        Reply::bulk(field.kind.name()),
    ];
    let mut word = |is_so: bool, word: &str| parts.extend(is_so.then(|| Reply::bulk(word)));
    match &field.kind {
        FieldKind::Text { weight, stems } => {
            word(true, "WEIGHT");
            word(true, &String::from_utf8_lossy(&Value::Number(*weight).text()));
            word(!stems, "NOSTEM");
        }
        FieldKind::Tag { separator, case_sensitive } => {
            word(true, "SEPARATOR");
            parts.push(Reply::bulk([*separator]));
            parts.extend(case_sensitive.then(|| Reply::bulk("CASESENSITIVE")));
        }
        FieldKind::Numeric => {}
    }
    for (is_so, word) in [(field.sortable, "SORTABLE"), (field.unnormalized, "UNF"), (!field.indexed, "NOINDEX")] {
        parts.extend(is_so.then(|| Reply::bulk(word)));
    }
    Reply::Array(parts)
}
