//! Names and literals in SQL text: quoting, the nearest known name, and the SQL name of an Arrow type.
//!
//! Invariant: what these functions quote means the same in DataFusion and in DuckDB.

use arrow::datatypes::{DataType, Schema};
use tailrace_model::api::Column;

/// Words that either engine refuses, or reads as something else, when they stand bare as a name.
const RESERVED: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "between",
    "both",
    "by",
    "case",
    "cast",
    "check",
    "collate",
    "column",
    "constraint",
    "create",
    "cross",
    "current_date",
    "current_time",
    "current_timestamp",
    "date",
    "default",
    "deferrable",
    "delete",
    "desc",
    "describe",
    "distinct",
    "do",
    "drop",
    "else",
    "end",
    "except",
    "exists",
    "explain",
    "false",
    "fetch",
    "filter",
    "for",
    "foreign",
    "from",
    "full",
    "grant",
    "group",
    "having",
    "in",
    "initially",
    "inner",
    "insert",
    "intersect",
    "interval",
    "into",
    "is",
    "join",
    "lambda",
    "lateral",
    "leading",
    "left",
    "like",
    "limit",
    "natural",
    "not",
    "null",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "outer",
    "over",
    "partition",
    "pivot",
    "placing",
    "position",
    "primary",
    "qualify",
    "references",
    "returning",
    "right",
    "rows",
    "select",
    "set",
    "show",
    "some",
    "struct",
    "summarize",
    "symmetric",
    "table",
    "then",
    "time",
    "to",
    "top",
    "trailing",
    "true",
    "union",
    "unique",
    "unpivot",
    "update",
    "user",
    "using",
    "values",
    "when",
    "where",
    "window",
    "with",
];

/// A name as SQL text: bare where that is safe, else in double quotes.
pub fn quote_name(name: &str) -> String {
    let mut letters = name.chars();
    let plain = letters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        && RESERVED
            .binary_search(&name.to_ascii_lowercase().as_str())
            .is_err();
    if plain {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

/// `warehouse.table`, each part quoted where it must be.
pub fn quote_path(parts: &[&str]) -> String {
    parts
        .iter()
        .map(|part| quote_name(part))
        .collect::<Vec<_>>()
        .join(".")
}

/// A text literal.
pub fn quote_text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A number literal; `None` for what SQL can't write (infinities, not a number).
pub fn quote_number(number: f64) -> Option<String> {
    if !number.is_finite() {
        return None;
    }
    let magnitude = number.abs();
    let plain = magnitude == 0.0 || (1e-6..1e15).contains(&magnitude);
    Some(if plain {
        format!("{number}")
    } else {
        format!("{number:e}")
    })
}

/// A word made of `text`, fit to be a bare name: `Order Completed` becomes `order_completed`.
pub fn slug(text: &str) -> String {
    let mut slug = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_ascii_alphanumeric() {
            slug.push(letter.to_ascii_lowercase());
        } else if !slug.ends_with('_') && !slug.is_empty() {
            slug.push('_');
        }
    }
    let slug = slug.trim_end_matches('_');
    match slug.chars().next() {
        None => "value".to_owned(),
        Some(first) if first.is_ascii_digit() => format!("n_{slug}"),
        Some(_) => slug.to_owned(),
    }
}

/// The known name that `name` most likely meant; `None` when none is near.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    let tail = wanted.rsplit('.').next().unwrap_or(&wanted);
    let mut best: Option<(usize, &str)> = None;
    for candidate in known {
        let lower = candidate.to_lowercase();
        let candidate_tail = lower.rsplit('.').next().unwrap_or(&lower);
        let distance = edits(&wanted, &lower).min(edits(tail, candidate_tail));
        let longest = wanted.chars().count().max(candidate_tail.chars().count());
        if distance * 2 < longest.max(2) && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// `. Did you mean "x"?`, or nothing.
pub fn suggestion<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, known)
        .map(|near| format!(". Did you mean \"{near}\"?"))
        .unwrap_or_default()
}

/// Levenshtein's distance, with a swap of neighbours counted as one edit.
fn edits(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (row, a) in left.iter().enumerate() {
        let mut current = vec![row + 1; right.len() + 1];
        for (column, b) in right.iter().enumerate() {
            let replaced = above[column] + usize::from(a != b);
            let mut least = replaced.min(above[column + 1] + 1).min(current[column] + 1);
            let swapped = row > 0 && column > 0 && *a == right[column - 1] && left[row - 1] == *b;
            if swapped {
                least = least.min(before[column - 1] + 1);
            }
            current[column + 1] = least;
        }
        before = std::mem::replace(&mut above, current);
    }
    above[right.len()]
}

/// The type as SQL names it.
pub fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Null => "NULL".to_owned(),
        DataType::Boolean => "BOOLEAN".to_owned(),
        DataType::Int8 => "TINYINT".to_owned(),
        DataType::Int16 => "SMALLINT".to_owned(),
        DataType::Int32 => "INTEGER".to_owned(),
        DataType::Int64 => "BIGINT".to_owned(),
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64 => "UBIGINT".to_owned(),
        DataType::Float16 | DataType::Float32 => "FLOAT".to_owned(),
        DataType::Float64 => "DOUBLE".to_owned(),
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => format!("DECIMAL({precision}, {scale})"),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "VARCHAR".to_owned(),
        DataType::Timestamp(..) => "TIMESTAMP".to_owned(),
        DataType::Date32 | DataType::Date64 => "DATE".to_owned(),
        DataType::Time32(_) | DataType::Time64(_) => "TIME".to_owned(),
        DataType::Interval(_) | DataType::Duration(_) => "INTERVAL".to_owned(),
        DataType::Struct(_) | DataType::Union(..) => "STRUCT".to_owned(),
        DataType::List(_)
        | DataType::LargeList(_)
        | DataType::FixedSizeList(..)
        | DataType::ListView(_)
        | DataType::LargeListView(_) => "LIST".to_owned(),
        DataType::Map(..) => "MAP".to_owned(),
        DataType::Dictionary(_, values) => type_name(values),
        DataType::RunEndEncoded(_, values) => type_name(values.data_type()),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            "BLOB".to_owned()
        }
    }
}

/// The schema's columns, as the window and the command line list them.
pub fn columns(schema: &Schema) -> Vec<Column> {
    let column = |field: &arrow::datatypes::FieldRef| Column {
        name: field.name().clone(),
        data_type: type_name(field.data_type()),
        numeric: field.data_type().is_numeric(),
    };
    schema.fields().iter().map(column).collect()
}

/// The column of `events` that holds a property. `None`: no event had the property yet, or it can have no column.
pub fn property_column<'a>(events: &'a Schema, property: &str) -> Option<&'a str> {
    let column = crate::log::schema::NAMING.column(property)?;
    events
        .field_with_name(&column)
        .ok()
        .map(|field| field.name().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_words_are_sorted_for_the_search() {
        assert!(RESERVED.is_sorted());
    }

    #[test]
    fn names_and_literals_are_quoted() {
        let check = |name: &str, expected: &str| assert_eq!(quote_name(name), expected);
        check("plan", "plan");
        check("userId", "userId");
        check("order", "\"order\"");
        check("Order", "\"Order\"");
        check("two words", "\"two words\"");
        check("say \"hi\"", "\"say \"\"hi\"\"\"");
        check("2nd", "\"2nd\"");
        check("", "\"\"");
        assert_eq!(quote_text("it's"), "'it''s'");
        assert_eq!(quote_number(3.0).as_deref(), Some("3"));
        assert_eq!(quote_number(-0.25).as_deref(), Some("-0.25"));
        assert_eq!(quote_number(1e300).as_deref(), Some("1e300"));
        assert_eq!(quote_number(f64::NAN), None);
    }

    #[test]
    fn the_nearest_name_is_found() {
        let known = ["revenue", "timestamp", "crm.accounts", "profiles"];
        let check = |name: &str, expected: Option<&str>| assert_eq!(nearest(name, known), expected, "{name}");
        check("revenu", Some("revenue"));
        check("REVENUE", Some("revenue"));
        check("accounts", Some("crm.accounts"));
        check("crm.acounts", Some("crm.accounts"));
        check("profiels", Some("profiles"));
        check("zzz", None);
    }

    #[test]
    fn properties_find_their_columns() {
        let fields = ["order_id", "properties_event", "event", "total", "sku_id"];
        let fields: Vec<_> = fields
            .iter()
            .map(|name| arrow::datatypes::Field::new(*name, DataType::Utf8, true))
            .collect();
        let events = Schema::new(fields);
        let check = |property: &str, expected: Option<&str>| {
            assert_eq!(property_column(&events, property), expected, "{property}");
        };
        check("orderId", Some("order_id"));
        check("Order ID", Some("order_id"));
        check("SKUId", Some("sku_id"));
        check("total", Some("total"));
        check("event", Some("properties_event"));
        check("source", None);
        check("colour", None);
    }

    #[test]
    fn slugs_are_bare_names() {
        let check = |text: &str, expected: &str| assert_eq!(slug(text), expected);
        check("Order Completed", "order_completed");
        check("  -- ", "value");
        check("404 Seen", "n_404_seen");
        check("Größe", "gr_e");
    }
}
