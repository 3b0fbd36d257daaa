//! Writing a definition into the text of its file: what did not change keeps its place, its comments and its
//! notation; what is new is laid out as a person would write it, a condition a line.
//!
//! Invariant: the text that is returned reads back as the definition that was given, or an error is returned.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value as Json};
use tailrace_model::{Error, Result, Span};
use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, RawString, Table, TableLike, Value};

use super::parse::parse;

/// Characters of a line up to which a list stays on it.
const LINE_CHARS_MAX: usize = 100;
const INDENT: usize = 2;
/// Keys of what is left out of a file where it says no more than leaving it out would.
const DEFAULTS: [(&str, &str); 1] = [("aggregate", "count")];
/// Keys whose text is a span of time: `14d` and `14 days` are the same.
const SPANS: [&str; 6] = ["window", "every", "refresh", "lag_time", "for", "dedupe_window"];
/// Keys of lists that say nothing when they are empty.
const LISTS: [&str; 3] = ["clusters", "groups", "status"];

/// The text of a file for `definition`, made from the text it has now (empty: a new file).
pub(super) fn edit<T>(file: &str, before: &str, definition: &T) -> Result<String>
where
    T: Serialize + DeserializeOwned + PartialEq,
{
    let Ok(Json::Object(wanted)) = serde_json::to_value(definition) else {
        return Err(Error::internal(
            "definition_not_written",
            format!("{file} could not be written: it is no table"),
        ));
    };
    let wanted = without_defaults(wanted);
    let reads_back = |text: &str| parse::<T>(file, text).is_ok_and(|read| read == *definition);
    if !before.trim().is_empty() {
        // A file that does not parse is the person's work in progress: it is not written over.
        parse::<T>(file, before)
            .map_err(|error| error.context("the file was changed and does not parse, mend it first"))?;
        let mut document: DocumentMut = before
            .parse()
            .map_err(|_| Error::internal("definition_not_written", format!("{file} could not be edited")))?;
        merge_table(document.as_table_mut(), &wanted, &mut vec![]);
        let text = document.to_string();
        if reads_back(&text) {
            return Ok(text);
        }
    }
    let mut document = DocumentMut::new();
    for (key, value) in &wanted {
        document.as_table_mut().insert(key, build(value, &[key.as_str()]));
    }
    let text = document.to_string().trim_start().to_owned();
    if reads_back(&text) {
        return Ok(text);
    }
    Err(Error::internal(
        "definition_not_written",
        format!("{file} was not written: it would not read back as it was meant"),
    ))
}

/// Nulls and defaults are left out; what is longest comes last.
fn without_defaults(map: Map<String, Json>) -> Map<String, Json> {
    fn clean(value: Json) -> Json {
        match value {
            Json::Object(map) => Json::Object(without_defaults(map)),
            Json::Array(values) => Json::Array(values.into_iter().map(clean).collect()),
            other => other,
        }
    }
    let mut kept: Map<String, Json> = map
        .into_iter()
        .filter(|(key, value)| !value.is_null() && !is_default(key, value))
        .map(|(key, value)| (key, clean(value)))
        .collect();
    if let Some(filter) = kept.shift_remove("where") {
        kept.insert("where".to_owned(), filter);
    }
    kept
}

fn is_default(key: &str, value: &Json) -> bool {
    let empty = LISTS.contains(&key) && value.as_array().is_some_and(Vec::is_empty);
    empty
        || DEFAULTS
            .iter()
            .any(|(name, text)| *name == key && value.as_str() == Some(text))
}

// Laying out what is new.

/// An item under a key of a table that is not inline. `path` ends with that key.
fn build(value: &Json, path: &[&str]) -> Item {
    match value {
        // Conditions are inline below [condition]; every other table has a header of its own.
        Json::Object(map) if path.len() == 1 || path.first() != Some(&"condition") => {
            let mut table = Table::new();
            table.set_implicit(
                !map.is_empty()
                    && map.values().all(|value| value.is_object())
                    && path.first() != Some(&"condition"),
            );
            for (key, value) in map {
                table.insert(key, build(value, &[path, &[key.as_str()]].concat()));
            }
            Item::Table(table)
        }
        other => Item::Value(build_value(other, 0, path.last().map_or(0, |key| key.len() + 3))),
    }
}

/// A value that stands `indent` deep, after `used` characters on its line.
fn build_value(value: &Json, indent: usize, used: usize) -> Value {
    match value {
        Json::Object(map) => {
            let mut table = InlineTable::new();
            let mut used = used + 2;
            for (key, value) in map {
                let value = build_value(value, indent, used + key.len() + 3);
                used += key.len() + 5 + value.to_string().len();
                table.insert(key, value);
            }
            Value::InlineTable(table)
        }
        Json::Array(values) => build_array(values, indent, used),
        Json::Bool(value) => Value::from(*value),
        Json::Number(number) => build_number(number),
        Json::String(text) => Value::from(text.as_str()),
        // TOML has no null; nulls were left out before.
        Json::Null => Value::from(""),
    }
}

fn build_number(number: &serde_json::Number) -> Value {
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    if let Some(whole) = number.as_i64() {
        return Value::from(whole);
    }
    match number.as_f64() {
        Some(float) if float.fract() == 0.0 && float.abs() <= EXACT_MAX => Value::from(float as i64),
        Some(float) => Value::from(float),
        None => Value::from(0),
    }
}

/// On one line when it fits there and is no group of several conditions.
fn build_array(values: &[Json], indent: usize, used: usize) -> Value {
    let flat: Array = values.iter().map(|value| build_value(value, 0, 0)).collect();
    let groups = |value: &Json| matches!(value, Json::Object(map) if map.values().any(Json::is_object));
    let one_line = values.len() < 2 || !values.iter().any(groups);
    let text = flat.to_string();
    if values.is_empty()
        || (one_line && !text.contains('\n') && indent * INDENT + used + text.len() <= LINE_CHARS_MAX)
    {
        return Value::Array(flat);
    }
    let mut array = Array::new();
    for value in values {
        let value = build_value(value, indent + 1, (indent + 1) * INDENT);
        array.push_formatted(value.decorated(new_line(indent + 1), ""));
    }
    array.set_trailing(new_line(indent));
    array.set_trailing_comma(true);
    Value::Array(array)
}

fn new_line(indent: usize) -> String {
    format!("\n{}", " ".repeat(indent * INDENT))
}

// Changing what is there.

fn merge_table(table: &mut dyn TableLike, wanted: &Map<String, Json>, path: &mut Vec<String>) {
    let gone: Vec<String> = table
        .iter()
        .filter(|(key, item)| !wanted.contains_key(*key) && !is_default(key, &json(item)))
        .map(|(key, _)| key.to_owned())
        .collect();
    for key in gone {
        table.remove(&key);
    }
    for (key, value) in wanted {
        path.push(key.clone());
        match table.get_mut(key) {
            Some(item) => merge(item, value, path),
            None => insert(table, key, value, path),
        }
        path.pop();
    }
}

fn insert(table: &mut dyn TableLike, key: &str, value: &Json, path: &[String]) {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let inline = table.is_dotted()
        || table.iter().any(|(_, item)| item.is_value()) && table.iter().all(|(_, item)| !item.is_table());
    let item = match value {
        // In an inline table, and beside values of a dotted one, only a value can stand.
        Json::Object(_) if inline && path.len() > 1 => Item::Value(build_value(value, 0, 0)),
        other => build(other, &path),
    };
    table.insert(key, item);
}

fn merge(item: &mut Item, wanted: &Json, path: &mut Vec<String>) {
    if same(&json(item), wanted, path.last().map_or("", String::as_str)) {
        return;
    }
    match (item, wanted) {
        (Item::Value(Value::Array(array)), Json::Array(values)) => merge_array(array, values, path),
        (Item::ArrayOfTables(tables), Json::Array(values))
            if values.iter().all(Json::is_object) && !values.is_empty() =>
        {
            merge_tables(tables, values, path);
        }
        (Item::Value(old), wanted) if !(old.is_inline_table() && wanted.is_object()) => {
            replace(old, wanted, 0)
        }
        (item, wanted) => match (item.as_table_like_mut(), wanted) {
            (Some(table), Json::Object(map)) => merge_table(table, map, path),
            _ => {
                let path: Vec<&str> = path.iter().map(String::as_str).collect();
                *item = build(wanted, &path);
            }
        },
    }
}

/// Another value in the place of this one, between the same white space and comments.
fn replace(old: &mut Value, wanted: &Json, indent: usize) {
    let decor = old.decor().clone();
    *old = build_value(wanted, indent, 0);
    *old.decor_mut() = decor;
}

/// One element with what belongs to it: the comments on the lines before it, and the one behind it on its line.
struct Element {
    before: String,
    value: Value,
    after: String,
}

fn merge_array(array: &mut Array, wanted: &[Json], path: &mut Vec<String>) {
    let (elements, head, tail) = take_apart(array);
    let multi_line = tail.contains('\n') || elements.iter().any(|element| element.before.contains('\n'));
    let has_comments = tail.contains('#') || array.to_string().contains('#');
    if (!multi_line && !has_comments) || elements.is_empty() {
        let decor = array.decor().clone();
        let used = path.last().map_or(0, |key| key.len() + 3);
        if let Value::Array(built) = build_array(wanted, 0, used) {
            *array = built;
        }
        *array.decor_mut() = decor;
        return;
    }
    let margin = elements
        .first()
        .map_or("\n  ", |element| &element.before)
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .len();
    let before = format!("\n{}", " ".repeat(margin));
    let indent = margin / INDENT;
    let old: Vec<Json> = elements
        .iter()
        .map(|element| json(&Item::Value(element.value.clone())))
        .collect();
    let plan = align(&old, wanted);
    let mut elements: Vec<Option<Element>> = elements.into_iter().map(Some).collect();
    let mut merged = Vec::new();
    for (from, value) in plan.into_iter().zip(wanted) {
        merged.push(match from.and_then(|index| elements.get_mut(index)?.take()) {
            Some(mut element) => {
                merge_element(&mut element.value, value, indent, path);
                element
            }
            None => Element {
                before: before.clone(),
                value: build_value(value, indent, margin),
                after: String::new(),
            },
        });
    }
    put_together(array, merged, &head, tail);
}

fn merge_element(old: &mut Value, wanted: &Json, indent: usize, path: &mut Vec<String>) {
    match (old, wanted) {
        (Value::InlineTable(table), Json::Object(map)) => merge_table(table, map, path),
        (old, wanted) if !same(&json(&Item::Value(old.clone())), wanted, "") => replace(old, wanted, indent),
        _ => {}
    }
}

/// The elements, the comment behind the opening bracket, and what stands before the closing one.
fn take_apart(array: &Array) -> (Vec<Element>, String, String) {
    let text = |raw: Option<&RawString>| raw.and_then(RawString::as_str).unwrap_or_default().to_owned();
    // What stands before an element begins with what belongs to the line above.
    let split = |text: String| match text.find('\n') {
        Some(at) => (text[..at].to_owned(), text[at..].to_owned()),
        None => (String::new(), text),
    };
    let mut head = String::new();
    let mut elements: Vec<Element> = Vec::new();
    for value in array.iter() {
        let (above, before) = split(text(value.decor().prefix()));
        match elements.last_mut() {
            Some(last) => last.after = above,
            None => head = above,
        }
        // A comment between the value and its comma stays with the value.
        let mut value = value.clone();
        value.decor_mut().set_prefix("");
        elements.push(Element {
            before,
            value,
            after: String::new(),
        });
    }
    let (above, tail) = split(text(Some(array.trailing())));
    if let Some(last) = elements.last_mut() {
        last.after = above;
    }
    (elements, head, tail)
}

fn put_together(array: &mut Array, elements: Vec<Element>, head: &str, tail: String) {
    array.clear();
    let mut above = head.to_owned();
    for mut element in elements {
        element
            .value
            .decor_mut()
            .set_prefix(format!("{above}{}", element.before));
        array.push_formatted(element.value);
        above = element.after;
    }
    // Without a comma behind it, the last element's line ends where it ended before.
    array.set_trailing_comma(tail.contains('\n') || !above.is_empty());
    array.set_trailing(format!("{above}{tail}"));
}

fn merge_tables(tables: &mut ArrayOfTables, wanted: &[Json], path: &mut Vec<String>) {
    let old: Vec<Json> = tables
        .iter()
        .map(|table| json(&Item::Table(table.clone())))
        .collect();
    let mut before: Vec<Option<Table>> = tables.iter().cloned().map(Some).collect();
    let mut merged = Vec::new();
    for (from, value) in align(&old, wanted).into_iter().zip(wanted) {
        let Json::Object(map) = value else { continue };
        let mut table = from
            .and_then(|index| before.get_mut(index)?.take())
            .unwrap_or_default();
        merge_table(&mut table, map, path);
        table.set_position(None);
        merged.push(table);
    }
    tables.clear();
    merged.into_iter().for_each(|table| tables.push(table));
}

/// For each wanted element the old one that it is made from: equal ones keep their order, and what lies between two of
/// them is paired one by one.
fn align(old: &[Json], wanted: &[Json]) -> Vec<Option<usize>> {
    let mut longest = vec![vec![0_usize; wanted.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..wanted.len()).rev() {
            longest[i][j] = if same(&old[i], &wanted[j], "") {
                longest[i + 1][j + 1] + 1
            } else {
                longest[i + 1][j].max(longest[i][j + 1])
            };
        }
    }
    let mut plan = vec![None; wanted.len()];
    let (mut i, mut j) = (0, 0);
    let (mut free_old, mut free_wanted) = (Vec::new(), Vec::new());
    while i < old.len() || j < wanted.len() {
        if i < old.len() && j < wanted.len() && same(&old[i], &wanted[j], "") {
            pair(&mut plan, &mut free_old, &mut free_wanted);
            plan[j] = Some(i);
            (i, j) = (i + 1, j + 1);
        } else if j >= wanted.len() || (i < old.len() && longest[i + 1][j] >= longest[i][j + 1]) {
            free_old.push(i);
            i += 1;
        } else {
            free_wanted.push(j);
            j += 1;
        }
    }
    pair(&mut plan, &mut free_old, &mut free_wanted);
    plan
}

fn pair(plan: &mut [Option<usize>], old: &mut Vec<usize>, wanted: &mut Vec<usize>) {
    for (old, wanted) in old.drain(..).zip(wanted.drain(..)) {
        plan[wanted] = Some(old);
    }
    old.clear();
    wanted.clear();
}

// Comparing.

/// What an item says, without its notation.
fn json(item: &Item) -> Json {
    if let Some(table) = item.as_table_like() {
        return Json::Object(
            table
                .iter()
                .map(|(key, item)| (key.to_owned(), json(item)))
                .collect(),
        );
    }
    if let Some(tables) = item.as_array_of_tables() {
        return Json::Array(
            tables
                .iter()
                .map(|table| json(&Item::Table(table.clone())))
                .collect(),
        );
    }
    match item.as_value() {
        Some(Value::String(text)) => Json::String(text.value().clone()),
        Some(Value::Integer(number)) => Json::from(*number.value()),
        Some(Value::Float(number)) => Json::from(*number.value()),
        Some(Value::Boolean(value)) => Json::Bool(*value.value()),
        Some(Value::Datetime(time)) => Json::String(time.value().to_string()),
        Some(Value::Array(values)) => values
            .iter()
            .map(|value| json(&Item::Value(value.clone())))
            .collect(),
        Some(Value::InlineTable(_)) | None => Json::Null,
    }
}

/// Whether two values mean the same under a key.
fn same(a: &Json, b: &Json, key: &str) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Json::String(a), Json::String(b)) if a != b && SPANS.contains(&key) => {
            matches!((a.parse::<Span>(), b.parse::<Span>()), (Ok(a), Ok(b)) if a == b)
        }
        (Json::Array(a), Json::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b, key))
        }
        (Json::Object(a), Json::Object(b)) => {
            let covers = |a: &Map<String, Json>, b: &Map<String, Json>| {
                a.iter().all(|(key, value)| {
                    b.get(key)
                        .map_or(is_default(key, value), |other| same(value, other, key))
                })
            };
            covers(a, b) && covers(b, a)
        }
        (a, b) => a == b,
    }
}
