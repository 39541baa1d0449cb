//! FT.CREATE, FT.ALTER, FT.DROPINDEX: indexes come, change and go.

use super::super::{Context, Outcome};
use super::arguments::{Arguments, bad};
use crate::failure::{Failure, refuse};
use crate::number;
use crate::search::schema::{Definition, FIELDS_MAX, Field, FieldKind, TEXT_FIELDS_MAX};
use resp::Reply;

const UNKNOWN_INDEX: &str = "Unknown Index name";

pub(super) fn create(context: &mut Context<'_>) -> Outcome {
    let name = context.arg(1);
    if context.db() != 0 {
        return refuse("Cannot create index on db != 0");
    }
    if context.store.index(name).is_some() {
        return refuse("Index already exists");
    }
    let mut arguments = Arguments::from(context.argv, 2, 2);
    let mut definition = Definition { prefixes: vec![Vec::new()], stop_words: None, fields: Vec::new() };
    while !arguments.accept("SCHEMA") {
        if arguments.accept("ON") {
            let kind = arguments.value("ON")?;
            if !kind.eq_ignore_ascii_case(b"HASH") {
                return refuse([b"Invalid rule type: ", kind].concat());
            }
        } else if arguments.accept("PREFIX") {
            definition.prefixes = arguments.counted("PREFIX")?.rest();
            if definition.prefixes.is_empty() {
                definition.prefixes.push(Vec::new());
            }
        } else if arguments.accept("STOPWORDS") {
            definition.stop_words = Some(arguments.counted("STOPWORDS")?.rest());
        } else if let Some(argument) = arguments.peek() {
            return refuse([b"Unknown argument `", argument, b"`"].concat());
        } else {
            return refuse("No schema found");
        }
    }
    if arguments.count() == 0 {
        return refuse("Fields arguments are missing");
    }
    add_fields(&mut arguments, &mut definition)?;
    context.store.create_index(name, &definition)?;
    Ok(Reply::ok())
}

pub(super) fn alter(context: &mut Context<'_>) -> Outcome {
    let Some(index) = context.store.index(context.arg(1)) else {
        return refuse("Unknown index name");
    };
    let mut arguments = Arguments::from(context.argv, 2, 2);
    if !arguments.accept("SCHEMA") {
        return refuse("ALTER must be followed by SCHEMA");
    }
    if !arguments.accept("ADD") {
        return refuse("Unknown action passed to ALTER SCHEMA");
    }
    if arguments.count() == 0 {
        return refuse("No fields provided");
    }
    let mut definition = index.definition.clone();
    add_fields(&mut arguments, &mut definition)?;
    context.store.alter_index(&index, &definition)?;
    Ok(Reply::ok())
}

pub(super) fn drop_index(context: &mut Context<'_>) -> Outcome {
    let Some(index) = context.store.index(context.arg(1)) else {
        return refuse(UNKNOWN_INDEX);
    };
    let with_documents = match context.argv.len() {
        2 => false,
        3 if context.is_word(2, "DD") => true,
        3 => return refuse([b"Unknown argument `", context.arg(2), b"`"].concat()),
        _ => return refuse(super::super::wrong_arity("FT.DROPINDEX")),
    };
    if with_documents {
        context.store.prepare_search()?;
        for document in context.store.index_documents(&index)? {
            if let Some(key) = context.store.document_key(&index, document)? {
                context.store.delete(&key)?;
            }
        }
    }
    context.store.drop_index(&index)?;
    Ok(Reply::ok())
}

/// Reads the rest of the arguments as fields of the schema.
fn add_fields(arguments: &mut Arguments<'_>, definition: &mut Definition) -> Result<(), Failure> {
    while let Some(identifier) = arguments.next() {
        let attribute = match (arguments.accept("AS"), arguments.peek()) {
            (false, _) => identifier,
            (true, None) => return refuse("AS requires an argument"),
            (true, Some(_)) => arguments.value("AS")?,
        };
        if definition.field(attribute).is_some() {
            return refuse([b"Duplicate field in schema - ", attribute].concat());
        }
        if definition.fields.len() == FIELDS_MAX {
            return refuse(format!("Schema is limited to {FIELDS_MAX} fields"));
        }
        let kind = read_kind(arguments, attribute)?;
        let mut field = Field {
            identifier: identifier.to_vec(),
            attribute: attribute.to_vec(),
            kind,
            sortable: false,
            unnormalized: false,
            indexed: true,
        };
        loop {
            if arguments.accept("SORTABLE") {
                field.sortable = true;
                field.unnormalized = arguments.accept("UNF");
            } else if arguments.accept("NOINDEX") {
                field.indexed = false;
            } else {
                break;
            }
        }
        definition.fields.push(field);
        let is_text = |field: &&Field| matches!(field.kind, FieldKind::Text { .. });
        if definition.fields.iter().filter(is_text).count() > TEXT_FIELDS_MAX {
            return refuse(format!("Schema is limited to {TEXT_FIELDS_MAX} TEXT fields"));
        }
    }
    Ok(())
}

/// The type of a field, and the options that belong to it.
fn read_kind(arguments: &mut Arguments<'_>, attribute: &[u8]) -> Result<FieldKind, Failure> {
    if arguments.accept("TEXT") {
        return read_text(arguments);
    }
    if arguments.accept("TAG") {
        return read_tag(arguments);
    }
    if arguments.accept("NUMERIC") {
        return Ok(FieldKind::Numeric);
    }
    match arguments.peek() {
        None => refuse([b"Field `", attribute, b"` does not have a type"].concat()),
        Some(_) => refuse([b"Invalid field type for field `", attribute, b"`"].concat()),
    }
}

fn read_text(arguments: &mut Arguments<'_>) -> Result<FieldKind, Failure> {
    let (mut weight, mut stems) = (1.0, true);
    loop {
        if arguments.accept("NOSTEM") {
            stems = false;
        } else if arguments.accept("WEIGHT") {
            let Some(value) = number::parse_double(arguments.value("weight")?) else {
                return bad("weight", "Could not convert argument to expected type");
            };
            weight = value;
        } else {
            return Ok(FieldKind::Text { weight, stems });
        }
    }
}

fn read_tag(arguments: &mut Arguments<'_>) -> Result<FieldKind, Failure> {
    let (mut separator, mut case_sensitive) = (b',', false);
    loop {
        if arguments.accept("CASESENSITIVE") {
            case_sensitive = true;
        } else if arguments.accept("SEPARATOR") {
            match arguments.next() {
                None => return refuse("SEPARATOR requires an argument"),
                Some([sign]) => separator = *sign,
                Some(other) => {
                    return refuse([b"Tag separator must be a single character. Got `", other, b"`"].concat());
                }
            }
        } else {
            return Ok(FieldKind::Tag { separator, case_sensitive });
        }
    }
}
