//! DataFusion's errors as one sentence for a person, with the line and column of the text they wrote.
//!
//! Invariant: no message shows a type, a plan or a value of this program: names are SQL's, and what can't be said
//! plainly is cut to its first sentence.

use datafusion::{
    common::{Column, SchemaError, Span},
    error::DataFusionError,
    sql::sqlparser::parser::ParserError,
};
use regex::Regex;
use std::sync::LazyLock;
use tailrace_model::Error;

use super::names::suggestion;
use crate::log::schema::PROPERTIES_REST;

/// Finds what an error is about; `tables` are the names that exist, for suggestions.
pub(crate) fn translate(error: &DataFusionError, tables: &[String]) -> Error {
    let mut span = None;
    let root = unwrap(error, &mut span);
    if let DataFusionError::External(other) = root
        && let Some(error) = other.downcast_ref::<Error>()
    {
        return error.clone();
    }
    let (mut found, place) = classify(root, tables);
    let place = place.or_else(|| span.map(|span| (span.start.line, span.start.column)));
    if let Some((line, column)) = place {
        found.message = format!("line {line}, column {column}: {}", found.message);
        found = found.at(
            None,
            u32::try_from(line).unwrap_or(u32::MAX),
            u32::try_from(column).unwrap_or(u32::MAX),
        );
    }
    found
}

/// As [`translate`], for what went wrong while `text` was read: the parser does not say where a text ends too early.
pub(crate) fn of_text(error: &DataFusionError, text: &str) -> Error {
    let mut found = translate(error, &[]);
    if found.code == "sql_syntax" && found.position.is_none() {
        let text = text.trim_end();
        let line = text.matches('\n').count() + 1;
        let column = text.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        found.message = format!("line {line}, column {column}: {}", found.message);
        found = found.at(
            None,
            u32::try_from(line).unwrap_or(u32::MAX),
            u32::try_from(column).unwrap_or(u32::MAX),
        );
    }
    found
}

/// The innermost error, and the first place in the text that a wrapper names.
fn unwrap<'a>(error: &'a DataFusionError, span: &mut Option<Span>) -> &'a DataFusionError {
    match error {
        DataFusionError::Diagnostic(diagnostic, inner) => {
            *span = span.or(diagnostic.span);
            unwrap(inner, span)
        }
        DataFusionError::Context(_, inner) => unwrap(inner, span),
        DataFusionError::Shared(inner) => unwrap(inner, span),
        DataFusionError::Collection(errors) => errors.first().map_or(error, |first| unwrap(first, span)),
        DataFusionError::ArrowError(inner, _) => match inner.as_ref() {
            arrow::error::ArrowError::ExternalError(other) => other
                .downcast_ref::<DataFusionError>()
                .map_or(error, |inner| unwrap(inner, span)),
            _ => error,
        },
        DataFusionError::External(other) => other
            .downcast_ref::<DataFusionError>()
            .map_or(error, |inner| unwrap(inner, span)),
        _ => error,
    }
}

type Place = Option<(u64, u64)>;

fn classify(root: &DataFusionError, tables: &[String]) -> (Error, Place) {
    match root {
        DataFusionError::SQL(error, _) => syntax(error),
        DataFusionError::SchemaError(error, _) => (schema(error), None),
        DataFusionError::Plan(text) => (planning(text, tables), None),
        DataFusionError::NotImplemented(text) => (unsupported(text), None),
        DataFusionError::ResourcesExhausted(_) => {
            let limit = super::base::SQL_MEMORY_BYTES_MAX / (1024 * 1024);
            let message = format!(
                "the query needs more memory than all queries together may use ({limit} MB): narrow it with WHERE, or read fewer columns"
            );
            (Error::user("sql_memory", message), None)
        }
        DataFusionError::ArrowError(error, _) => (value(&error.to_string()), None),
        DataFusionError::Execution(text) => (value(text), None),
        DataFusionError::IoError(error) => (
            Error::external("sql_io", format!("a file could not be read or written: {error}")),
            None,
        ),
        DataFusionError::ParquetError(error) => (
            Error::internal(
                "sql_file",
                format!("a file of the event log could not be read: {error}"),
            ),
            None,
        ),
        DataFusionError::External(other) if other.to_string().contains("regex parse error") => {
            let text = other.to_string();
            let why = text
                .lines()
                .last()
                .unwrap_or_default()
                .trim_start_matches("error: ");
            (
                Error::user("sql_value", format!("a regular expression is not valid: {why}")),
                None,
            )
        }
        DataFusionError::External(other) => (
            Error::external(
                "sql_external",
                format!("a table could not be read: {}", plain(&other.to_string())),
            ),
            None,
        ),
        DataFusionError::Internal(text) if text.contains("No functions registered") => {
            (Error::user("unknown_function", "there is no such function"), None)
        }
        other => (
            Error::internal(
                "sql_internal",
                format!("the query could not be run: {}", plain(&other.message())),
            ),
            None,
        ),
    }
}

fn unsupported(text: &str) -> Error {
    if text.contains("InSubquery") {
        let message = "this use of IN (SELECT ...) is not supported: write the selected column with its table's name, or join instead";
        return Error::user("sql_unsupported", message);
    }
    let text = plain(text);
    let text = text.trim_end_matches('.');
    let says_so = ["unsupported", "not supported", "not implemented"]
        .iter()
        .any(|words| text.contains(words));
    let message = if says_so {
        text.to_owned()
    } else {
        format!("{text} is not supported")
    };
    Error::user("sql_unsupported", message)
}

fn syntax(error: &ParserError) -> (Error, Place) {
    let text = match error {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => text.as_str(),
        ParserError::RecursionLimitExceeded => {
            let limit = super::base::SQL_DEPTH_MAX;
            return (
                Error::user(
                    "sql_syntax",
                    format!("the SQL is nested deeper than {limit} levels: simplify it"),
                ),
                None,
            );
        }
    };
    let (text, place) = match text.rfind(" at Line: ") {
        Some(at) => (&text[..at], position(&text[at..])),
        None => (text, None),
    };
    let text = text.trim_start_matches("sql parser error: ");
    let message = match text
        .strip_prefix("Expected: ")
        .and_then(|rest| rest.split_once(", found: "))
    {
        Some((expected, "EOF")) => format!("the SQL ends where {expected} was expected"),
        Some((expected, found)) => format!("expected {expected} but found {found}"),
        None => lower_first(text),
    };
    (Error::user("sql_syntax", message), place)
}

/// Reads ` at Line: 1, Column: 15`.
fn position(text: &str) -> Place {
    let (line, column) = text.trim_start_matches(" at Line: ").split_once(", Column: ")?;
    let digits = |text: &str| {
        text.chars()
            .take_while(char::is_ascii_digit)
            .collect::<String>()
            .parse::<u64>()
            .ok()
    };
    Some((digits(line)?, digits(column)?))
}

fn schema(error: &SchemaError) -> Error {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => unknown_column(field, valid_fields),
        SchemaError::AmbiguousReference { field } => Error::user(
            "ambiguous_column",
            format!(
                "more than one table has a column \"{}\": put the table's name before it",
                field.name
            ),
        ),
        SchemaError::DuplicateUnqualifiedField { name }
        | SchemaError::DuplicateQualifiedField { name, .. } => Error::user(
            "duplicate_column",
            format!("two columns are named \"{name}\": give one another name with AS"),
        ),
    }
}

fn unknown_column(field: &Column, valid: &[Column]) -> Error {
    let in_table = field
        .relation
        .as_ref()
        .map(|table| format!(" in \"{}\"", table.table()))
        .unwrap_or_default();
    let table = field.relation.as_ref().map(|table| table.table());
    let near: Vec<&str> = valid
        .iter()
        .filter(|column| table.is_none() || column.relation.as_ref().map(|known| known.table()) == table)
        .map(Column::name)
        .collect();
    let hint = match suggestion(&field.name, near.iter().copied()) {
        hint if !hint.is_empty() => hint,
        _ => suggestion(&field.name, valid.iter().map(Column::name)),
    };
    let rest = |column: &Column| column.name() == PROPERTIES_REST;
    let hint = match hint.is_empty() && valid.iter().any(rest) {
        // Objects and lists have no column.
        true => format!(
            ": what it nests would be {PROPERTIES_REST} ->> '$.{}'",
            field.name
        ),
        false => hint,
    };
    Error::user(
        "unknown_column",
        format!("there is no column \"{}\"{in_table}{hint}", field.name),
    )
}

fn planning(text: &str, tables: &[String]) -> Error {
    if let Some(name) = between(text, "table '", "' not found") {
        let name = name.trim_start_matches("tailrace.").trim_start_matches("main.");
        let hint = suggestion(name, tables.iter().map(String::as_str));
        return Error::user("unknown_table", format!("there is no table \"{name}\"{hint}"));
    }
    if let Some(name) = between(text, "Invalid function '", "'") {
        let near = between(text, "Did you mean '", "'").map(|near| format!(". Did you mean \"{near}\"?"));
        return Error::user(
            "unknown_function",
            format!("there is no function \"{name}\"{}", near.unwrap_or_default()),
        );
    }
    if let Some(call) = between(text, "argument types '", "'") {
        return Error::user(
            "sql_type",
            format!("no function takes these types: {}", sql_types(call)),
        );
    }
    if let Some(function) = between(text, "satisfy a call to '", "'") {
        let types = between(text, "coercion from ", " to the signature").unwrap_or_default();
        let types = if types.is_empty() {
            "these types".to_owned()
        } else {
            sql_types(types)
        };
        return Error::user(
            "sql_type",
            format!("{function} can't be used with {types}: cast its arguments"),
        );
    }
    if let Some(column) = between(text, "non-boolean predicate '", "'") {
        let column = column.rsplit('.').next().unwrap_or(column);
        let found = text
            .rsplit("returning ")
            .next()
            .map(sql_types)
            .unwrap_or_default();
        let message =
            format!("WHERE needs true or false, and {column} is a {found}: compare it with something");
        return Error::user("sql_type", message);
    }
    if text.contains("must appear in the GROUP BY clause") || text.contains("must be in GROUP BY") {
        let column = between(text, "column \"", "\"")
            .or_else(|| between(text, "Column \"", "\""))
            .unwrap_or("a column");
        let column = column.rsplit('.').next().unwrap_or(column);
        let message =
            format!("\"{column}\" stands beside an aggregate: add it to GROUP BY, or aggregate it too");
        return Error::user("sql_group", message);
    }
    let code = if text.to_ascii_lowercase().contains("coerc") || text.contains("type") {
        "sql_type"
    } else {
        "sql_plan"
    };
    Error::user(code, plain(text))
}

/// What went wrong with a value while the query ran.
fn value(text: &str) -> Error {
    if text.contains("Divide by zero") || text.contains("DivideByZero") {
        return Error::user(
            "sql_value",
            "a value was divided by zero: guard the divisor with NULLIF(divisor, 0)",
        );
    }
    Error::user("sql_value", plain(text))
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let from = text.find(start)? + start.len();
    let length = text[from..].find(end)?;
    Some(&text[from..from + length])
}

/// The first line, without the engine's headings and inner notations, its types named as SQL names them.
fn plain(text: &str) -> String {
    let mut text = text.lines().next().unwrap_or_default().trim();
    for heading in [
        "Error during planning: ",
        "Schema error: ",
        "SQL error: ",
        "Execution error: ",
        "Arrow error: ",
        "Cast error: ",
        "Compute error: ",
        "Parser error: ",
        "Invalid argument error: ",
        "External error: ",
        "type_coercion",
        "Optimizer rule ",
        "This feature is not implemented: ",
        "Arithmetic overflow: ",
        "Internal error: ",
    ] {
        text = text.trim_start_matches(heading).trim_start();
    }
    let end = ["{", "::", "Some(", "OneOf("]
        .iter()
        .filter_map(|mark| text.find(mark))
        .min()
        .unwrap_or(text.len());
    lower_first(sql_types(text[..end].trim_end_matches([' ', ':', '('])).trim())
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    match (letters.next(), letters.clone().next()) {
        (Some(first), Some(second)) if first.is_uppercase() && !second.is_uppercase() => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => text.to_owned(),
    }
}

/// Arrow's type names as SQL's, and literals without their types: `Int64(1)` is `1`.
fn sql_types(text: &str) -> String {
    static LITERAL: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r#"\b(?:U?Int\d+|Float\d+|Utf8(?:View)?|Boolean)\("?([^()"]*)"?\)"#).ok()
    });
    let mut text = match &*LITERAL {
        Some(literal) => literal.replace_all(text, "$1").into_owned(),
        None => text.to_owned(),
    };
    for (arrow, sql) in [
        ("UInt64", "UBIGINT"),
        ("LargeUtf8", "VARCHAR"),
        ("Utf8View", "VARCHAR"),
        ("Utf8", "VARCHAR"),
        ("Int64", "BIGINT"),
        ("Int32", "INTEGER"),
        ("Float64", "DOUBLE"),
        ("Float32", "FLOAT"),
        ("Boolean", "BOOLEAN"),
        ("Date32", "DATE"),
        ("Timestamp(ms, \"UTC\")", "TIMESTAMP"),
        ("Timestamp(ms)", "TIMESTAMP"),
        ("Timestamp(ns)", "TIMESTAMP"),
    ] {
        text = text.replace(arrow, sql);
    }
    text
}
