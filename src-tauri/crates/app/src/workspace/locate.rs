//! Where in a TOML text a key or value stands.

use std::ops::Range;

use toml_edit::{Document, Item, TableLike, Value};

/// A value, its path as a person writes it (`condition.all[2].performed.op`) and its span.
pub(super) struct Place {
    pub path: String,
    /// The last key of the path.
    pub key: String,
    pub span: Range<usize>,
}

/// Every value of a document.
pub(super) fn places(root: &dyn TableLike) -> Vec<Place> {
    let mut found = Vec::new();
    table_places(root, "", &mut found);
    found
}

fn table_places(table: &dyn TableLike, path: &str, found: &mut Vec<Place>) {
    for (key, item) in table.iter() {
        let written = if is_bare(key) {
            key.to_owned()
        } else {
            format!("\"{key}\"")
        };
        let path = if path.is_empty() {
            written
        } else {
            format!("{path}.{written}")
        };
        item_places(item, &path, key, found);
    }
}

fn item_places(item: &Item, path: &str, key: &str, found: &mut Vec<Place>) {
    let mut add = |path: &str, span: Option<Range<usize>>| {
        found.extend(span.map(|span| Place {
            path: path.to_owned(),
            key: key.to_owned(),
            span,
        }));
    };
    add(path, item.span());
    if let Some(table) = item.as_table_like() {
        table_places(table, path, found);
    } else if let Some(tables) = item.as_array_of_tables() {
        for (index, table) in tables.iter().enumerate() {
            let path = format!("{path}[{index}]");
            found.extend(table.span().map(|span| Place {
                path: path.clone(),
                key: key.to_owned(),
                span,
            }));
            table_places(table, &path, found);
        }
    } else if let Some(Value::Array(values)) = item.as_value() {
        for (index, value) in values.iter().enumerate() {
            item_places(
                &Item::Value(value.clone()),
                &format!("{path}[{index}]"),
                key,
                found,
            );
        }
    }
}

fn is_bare(key: &str) -> bool {
    !key.is_empty()
        && key
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

/// A parsed text in which paths are looked up. An index of a list is a step such as `"2"`.
pub(super) struct Locator {
    document: Option<Document<String>>,
}

impl Locator {
    /// Of a text that does not parse, everything is at its beginning.
    pub fn new(text: &str) -> Self {
        Self {
            document: Document::parse(text.to_owned()).ok(),
        }
    }

    /// Where a path's value begins; of a path that does not lead anywhere: where its nearest ancestor does.
    pub fn value(&self, path: &[&str]) -> usize {
        let Some(document) = &self.document else { return 0 };
        let (mut at, mut item) = (0, Some(document.as_item().clone()));
        for step in path {
            item = item.and_then(|item| child(&item, step));
            match item.as_ref().and_then(Item::span) {
                Some(span) => at = span.start,
                None if item.is_none() => break,
                None => {}
            }
        }
        at
    }

    /// Where the last key of a path stands.
    pub fn key(&self, path: &[&str]) -> usize {
        let (Some(document), Some((last, parents))) = (&self.document, path.split_last()) else {
            return 0;
        };
        let mut item = Some(document.as_item().clone());
        for step in parents {
            item = item.and_then(|item| child(&item, step));
        }
        let span = item
            .as_ref()
            .and_then(Item::as_table_like)
            .and_then(|table| table.key(last)?.span());
        span.map_or_else(|| self.value(path), |span| span.start)
    }

    /// Whether a path leads somewhere.
    pub fn has(&self, path: &[&str]) -> bool {
        let Some(document) = &self.document else {
            return false;
        };
        let mut item = Some(document.as_item().clone());
        for step in path {
            item = item.and_then(|item| child(&item, step));
        }
        item.is_some()
    }
}

fn child(item: &Item, step: &str) -> Option<Item> {
    if let Some(table) = item.as_table_like() {
        return table.get(step).cloned();
    }
    let index: usize = step.parse().ok()?;
    if let Some(tables) = item.as_array_of_tables() {
        return tables.get(index).cloned().map(Item::Table);
    }
    item.as_array()
        .and_then(|values| values.get(index))
        .cloned()
        .map(Item::Value)
}
