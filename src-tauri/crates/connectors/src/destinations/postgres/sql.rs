//! The statements sent to PostgreSQL, as text: names quoted, values always bound.

use arrow::datatypes::{DataType, Schema};

/// PostgreSQL cuts longer names without an error.
const NAME_BYTES_MAX: usize = 63;

/// A table's name, perhaps with its schema; the case is kept as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TableName {
    pub schema: Option<String>,
    pub table: String,
}

impl TableName {
    /// Reads `table`, `schema.table` or `"a schema"."a.table"`. The error goes after the text: `is not ...`.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let mut parts = parts(text).ok_or("is not a table's name: write table or schema.table")?;
        for part in &parts {
            name_fits(part)?;
        }
        match (parts.pop(), parts.pop(), parts.pop()) {
            (Some(table), schema, None) => Ok(Self { schema, table }),
            _ => Err("has too many parts: write table or schema.table"),
        }
    }

    pub fn plain(table: &str) -> Result<Self, &'static str> {
        name_fits(table)?;
        Ok(Self {
            schema: None,
            table: table.to_owned(),
        })
    }

    /// As it stands in a statement.
    pub fn quoted(&self) -> String {
        let table = quote(&self.table);
        self.schema
            .as_ref()
            .map_or(table.clone(), |schema| format!("{}.{table}", quote(schema)))
    }
}

pub(super) fn name_fits(name: &str) -> Result<(), &'static str> {
    match name {
        "" => Err("has an empty part"),
        _ if name.len() > NAME_BYTES_MAX => {
            Err("is longer than the 63 bytes that PostgreSQL keeps of a name")
        }
        _ if name.contains('\0') => Err("has a zero byte in it"),
        _ => Ok(()),
    }
}

/// Splits at dots outside double quotes; `""` in quotes is one quote.
fn parts(text: &str) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    let mut rest = text.trim();
    loop {
        let part = if let Some(quoted) = rest.strip_prefix('"') {
            let mut name = String::new();
            let mut tail = quoted;
            loop {
                let (before, after) = tail.split_once('"')?;
                name.push_str(before);
                match after.strip_prefix('"') {
                    Some(more) => {
                        name.push('"');
                        tail = more;
                    }
                    None => break rest = after,
                }
            }
            name
        } else {
            let end = rest.find('.').unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            rest = after;
            if name.contains('"') {
                return None;
            }
            name.to_owned()
        };
        parts.push(part);
        match rest.strip_prefix('.') {
            Some(more) => rest = more,
            None => return rest.is_empty().then_some(parts),
        }
    }
}

pub(super) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The type of a new column.
pub(super) fn column_type(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Int64 => "bigint",
        DataType::Float64 => "double precision",
        DataType::Boolean => "boolean",
        DataType::Timestamp(..) => "timestamptz",
        _ => "text",
    }
}

/// The type that a column's values are sent as; times go as text, which PostgreSQL reads to the millisecond.
fn sent_type(data_type: &DataType) -> &'static str {
    match column_type(data_type) {
        "timestamptz" => "text",
        other => other,
    }
}

pub(super) fn create_table(table: &TableName, schema: &Schema, key: &str) -> String {
    let columns = schema
        .fields()
        .iter()
        .map(|field| format!("{} {}", quote(field.name()), column_type(field.data_type())));
    let columns: Vec<_> = columns.collect();
    format!(
        "CREATE TABLE IF NOT EXISTS {} ({}, PRIMARY KEY ({}))",
        table.quoted(),
        columns.join(", "),
        quote(key)
    )
}

pub(super) fn add_column(table: &TableName, name: &str, data_type: &DataType) -> String {
    format!(
        "ALTER TABLE {} ADD COLUMN {} {}",
        table.quoted(),
        quote(name),
        column_type(data_type)
    )
}

pub(super) fn comment(table: &TableName, text: &str) -> String {
    format!(
        "COMMENT ON TABLE {} IS '{}'",
        table.quoted(),
        text.replace('\'', "''")
    )
}

/// `columns` holds each column's name, type as sent and type in the table; a bound array a column.
pub(super) fn upsert(table: &TableName, columns: &[(&str, &DataType, &str)], key: &str) -> String {
    let names: Vec<_> = columns.iter().map(|(name, ..)| quote(name)).collect();
    let casts: Vec<_> = columns
        .iter()
        .enumerate()
        .map(|(index, (.., target))| format!("sent.c{index}::{target}"))
        .collect();
    let arrays: Vec<_> = columns
        .iter()
        .enumerate()
        .map(|(index, (_, data_type, _))| format!("${}::{}[]", index + 1, sent_type(data_type)))
        .collect();
    let aliases: Vec<_> = (0..columns.len()).map(|index| format!("c{index}")).collect();
    let updates: Vec<_> = columns
        .iter()
        .filter(|(name, ..)| *name != key)
        .map(|(name, ..)| format!("{0} = EXCLUDED.{0}", quote(name)))
        .collect();
    let update = if updates.is_empty() {
        "NOTHING".to_owned()
    } else {
        format!("UPDATE SET {}", updates.join(", "))
    };
    format!(
        "INSERT INTO {} ({}) SELECT {} FROM unnest({}) AS sent({}) ON CONFLICT ({}) DO {update}",
        table.quoted(),
        names.join(", "),
        casts.join(", "),
        arrays.join(", "),
        aliases.join(", "),
        quote(key),
    )
}

/// Deletes the keys of one bound array.
pub(super) fn delete(table: &TableName, key: &str, data_type: &DataType, target: &str) -> String {
    format!(
        "DELETE FROM {} WHERE {} IN (SELECT sent.c0::{target} FROM unnest($1::{}[]) AS sent(c0))",
        table.quoted(),
        quote(key),
        sent_type(data_type),
    )
}
