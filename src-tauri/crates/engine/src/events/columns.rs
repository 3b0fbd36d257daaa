//! Which column a property goes to: names, types and the registry that remembers them.
//!
//! Names follow Segment's warehouses (`orderId`, `Order ID` and `order_id` are all `order_id`). The first type seen
//! decides a column's type and never changes, so that a query written once keeps its meaning. Every number is a 64-bit
//! float: JSON knows no integers, and the first order's round amount must not decide for the second.

use std::borrow::Cow;

use arrow::datatypes::{DataType, Field};
use rustc_hash::FxHashMap;

use super::{Cell, json};

/// Bytes of a column's name; a property with a longer one has no column.
pub const COLUMN_NAME_BYTES_MAX: usize = 63;
/// Spellings of property names that are remembered for each possible column.
const SPELLINGS_PER_COLUMN_MAX: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnType {
    Boolean,
    Number,
    Text,
}

impl ColumnType {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Number => "number",
            Self::Text => "text",
        }
    }

    /// Reads what [`Self::as_str`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Boolean, Self::Number, Self::Text]
            .into_iter()
            .find(|one| one.as_str() == text)
    }

    pub const fn data_type(self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::Number => DataType::Float64,
            Self::Text => DataType::Utf8View,
        }
    }

    fn of(cell: &Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Bool(_) => Some(Self::Boolean),
            Cell::Number(_) => Some(Self::Number),
            Cell::Text(_) => Some(Self::Text),
            Cell::Json(_) => None,
        }
    }
}

/// A column as it is persisted; append-only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnRow {
    /// Counts from 0, in the order in which the columns were first seen.
    pub position: u32,
    pub column: String,
    /// The property's name as it was first written.
    pub property: String,
    pub data_type: ColumnType,
}

/// The names that are taken, and what a property that has one of them is prefixed with.
#[derive(Debug, Clone, Copy)]
pub struct Naming {
    pub fixed: &'static [&'static str],
    pub prefix: &'static str,
}

impl Naming {
    /// The column of a property; absent: it can have none.
    pub fn column(&self, property: &str) -> Option<String> {
        let name = snake_case(property)?;
        let name = if self.fixed.contains(&name.as_str()) {
            format!("{}{name}", self.prefix)
        } else {
            name
        };
        (name.len() <= COLUMN_NAME_BYTES_MAX).then_some(name)
    }
}

/// `orderId`, `Order ID`, `order-id` as `order_id`; `HTMLPage` as `html_page`. Absent: no letter or digit in it.
pub fn snake_case(name: &str) -> Option<String> {
    let mut out = String::with_capacity(name.len() + 4);
    let mut before = ' ';
    let mut chars = name.chars().peekable();
    while let Some(one) = chars.next() {
        if !one.is_alphanumeric() {
            if !out.is_empty() && !out.ends_with('_') {
                out.push('_');
            }
        } else {
            let after_small = before.is_lowercase() || before.is_numeric();
            let ends_capitals = before.is_uppercase() && chars.peek().is_some_and(|next| next.is_lowercase());
            if one.is_uppercase() && (after_small || ends_capitals) && !out.ends_with('_') {
                out.push('_');
            }
            out.extend(one.to_lowercase());
        }
        before = one;
    }
    let trimmed = out.trim_end_matches('_');
    match trimmed.chars().next() {
        None => None,
        Some(first) if first.is_numeric() => Some(format!("_{trimmed}")),
        Some(_) => Some(trimmed.to_owned()),
    }
}

/// Where a value goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Column {
        index: usize,
        /// Whether the name is spelled as the column's property, so that the column alone gives it back.
        exact: bool,
    },
    /// No column: nested or null, of another type than the column, or no room for a column.
    Rest {
        /// The column of that name, where there is one.
        beside: Option<usize>,
    },
}

#[derive(Debug, Clone, Copy)]
enum Spelling {
    Column {
        index: u32,
        exact: bool,
    },
    /// Only values that make no column so far.
    Unplaced,
}

/// The columns known, and how to find one by a property's name in one look-up.
#[derive(Debug, Clone)]
pub struct Columns {
    naming: Naming,
    columns_max: usize,
    columns: Vec<ColumnRow>,
    by_column: FxHashMap<String, u32>,
    spellings: FxHashMap<Box<str>, Spelling>,
}

impl Columns {
    pub fn new(naming: Naming, columns_max: usize, persisted: Vec<ColumnRow>) -> Self {
        let mut columns = Self {
            naming,
            columns_max,
            columns: Vec::with_capacity(persisted.len()),
            by_column: FxHashMap::default(),
            spellings: FxHashMap::default(),
        };
        for row in persisted {
            columns.insert(row);
        }
        columns
    }

    pub fn rows(&self) -> &[ColumnRow] {
        &self.columns
    }

    pub fn len(&self) -> usize {
        self.columns.len()
    }

    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// The Arrow field of each column, nullable, in the order of positions.
    pub fn fields(&self) -> impl Iterator<Item = Field> + '_ {
        self.columns
            .iter()
            .map(|row| Field::new(&row.column, row.data_type.data_type(), true))
    }

    /// The column that a property's name leads to, whatever its spelling.
    pub fn find(&self, property: &str) -> Option<&ColumnRow> {
        let column = self.naming.column(property)?;
        self.by_column
            .get(&column)
            .and_then(|index| self.columns.get(*index as usize))
    }

    /// The column of a name, as [`Place::Column`] counts them.
    pub fn index_of(&self, column: &str) -> Option<usize> {
        self.by_column.get(column).map(|index| *index as usize)
    }

    /// Where this value goes; makes the column when it is the first scalar of its name and there is room.
    pub fn place(&mut self, property: &str, cell: &Cell<'_>) -> Place {
        let found = match self.spellings.get(property) {
            Some(Spelling::Column { index, exact }) => Some((*index as usize, *exact)),
            Some(Spelling::Unplaced) if matches!(cell, Cell::Json(_)) => None,
            _ => self.learn(property, cell),
        };
        match found {
            Some((index, exact))
                if self.columns.get(index).map(|row| row.data_type) == ColumnType::of(cell) =>
            {
                Place::Column { index, exact }
            }
            other => Place::Rest {
                beside: other.map(|(index, _)| index),
            },
        }
    }

    fn learn(&mut self, property: &str, cell: &Cell<'_>) -> Option<(usize, bool)> {
        let room = self.spellings.len() < self.columns_max * SPELLINGS_PER_COLUMN_MAX;
        let name = self.naming.column(property)?;
        if let Some(index) = self.by_column.get(&name).copied() {
            if room {
                self.spellings
                    .insert(property.into(), Spelling::Column { index, exact: false });
            }
            return Some((index as usize, false));
        }
        match ColumnType::of(cell) {
            Some(data_type) if self.columns.len() < self.columns_max => {
                let index = self.columns.len();
                let position = u32::try_from(index).unwrap_or(u32::MAX);
                self.insert(ColumnRow {
                    position,
                    column: name,
                    property: property.to_owned(),
                    data_type,
                });
                Some((index, true))
            }
            _ => {
                if room {
                    self.spellings.insert(property.into(), Spelling::Unplaced);
                }
                None
            }
        }
    }

    fn insert(&mut self, row: ColumnRow) {
        let index = u32::try_from(self.columns.len()).unwrap_or(u32::MAX);
        // One of them may be a spelling of the new column's name.
        self.spellings
            .retain(|_, spelling| !matches!(spelling, Spelling::Unplaced));
        self.by_column.insert(row.column.clone(), index);
        self.spellings.insert(
            row.property.as_str().into(),
            Spelling::Column { index, exact: true },
        );
        self.columns.push(row);
    }
}

/// Appends `name: value` to the members of a JSON object that is being written (`out` holds what follows the `{`).
pub fn write_member(name: &str, cell: &Cell<'_>, out: &mut String) {
    if !out.is_empty() {
        out.push(',');
    }
    json::write_string(name, out);
    out.push(':');
    write_cell(cell, out);
}

/// Appends a value as JSON.
pub fn write_cell(cell: &Cell<'_>, out: &mut String) {
    match cell {
        Cell::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Cell::Number(value) => json::write_number(*value, out),
        Cell::Text(value) => json::write_string(value, out),
        Cell::Json(value) => out.push_str(value),
    }
}

/// The value that a JSON text means, as a property has it.
pub fn cell_of(token: json::Token<'_>) -> Cell<'_> {
    match token {
        json::Token::Null => Cell::Json(Cow::Borrowed("null")),
        json::Token::Bool(value) => Cell::Bool(value),
        json::Token::Number(text) => match json::number(text) {
            Some(value) => Cell::Number(value),
            None => Cell::Json(Cow::Borrowed(text)),
        },
        json::Token::Text(text) => Cell::Text(text),
        json::Token::Object(text) | json::Token::Array(text) => Cell::Json(Cow::Borrowed(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMING: Naming = Naming {
        fixed: &["event", "timestamp"],
        prefix: "properties_",
    };

    #[test]
    fn names_are_snake_case() {
        let check = |name: &str, expected: Option<&str>| {
            assert_eq!(NAMING.column(name).as_deref(), expected, "{name}");
        };
        check("orderId", Some("order_id"));
        check("Order ID", Some("order_id"));
        check("order-id", Some("order_id"));
        check("order_id", Some("order_id"));
        check("HTMLPage", Some("html_page"));
        check("URL", Some("url"));
        check("utm2Source", Some("utm2_source"));
        check("2nd item", Some("_2nd_item"));
        check("$price%", Some("price"));
        check("event", Some("properties_event"));
        check("Event", Some("properties_event"));
        check("Größe", Some("größe"));
        check("", None);
        check("--", None);
        check(&"x".repeat(64), None);
    }

    #[test]
    fn the_first_scalar_makes_the_column() {
        let mut columns = Columns::new(NAMING, 2, Vec::new());
        let text = |value: &'static str| Cell::Text(Cow::Borrowed(value));
        let null = Cell::Json(Cow::Borrowed("null"));
        assert_eq!(columns.place("orderId", &null), Place::Rest { beside: None });
        assert_eq!(
            columns.place("orderId", &text("a")),
            Place::Column {
                index: 0,
                exact: true
            }
        );
        assert_eq!(
            columns.place("order_id", &text("a")),
            Place::Column {
                index: 0,
                exact: false
            }
        );
        assert_eq!(
            columns.place("order_id", &text("b")),
            Place::Column {
                index: 0,
                exact: false
            }
        );
        assert_eq!(
            columns.place("orderId", &Cell::Number(1.0)),
            Place::Rest { beside: Some(0) },
            "another type"
        );
        assert_eq!(columns.place("orderId", &null), Place::Rest { beside: Some(0) });
        assert_eq!(
            columns.place("paid", &Cell::Bool(true)),
            Place::Column {
                index: 1,
                exact: true
            }
        );
        assert_eq!(
            columns.place("more", &Cell::Bool(true)),
            Place::Rest { beside: None },
            "no room"
        );

        let mut again = Columns::new(NAMING, 2, columns.rows().to_vec());
        assert_eq!(
            again.place("orderId", &text("a")),
            Place::Column {
                index: 0,
                exact: true
            }
        );
        assert_eq!(
            again.find("ORDER ID").map(|row| row.property.as_str()),
            Some("orderId")
        );
    }

    #[test]
    fn types_have_names() {
        for one in [ColumnType::Boolean, ColumnType::Number, ColumnType::Text] {
            assert_eq!(ColumnType::parse(one.as_str()), Some(one));
        }
        assert_eq!(ColumnType::parse("date"), None);
    }
}
