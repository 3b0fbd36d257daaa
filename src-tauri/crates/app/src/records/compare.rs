//! Two records side by side: what differs, by the path of the field.
//!
//! Invariant: JSON is compared as values, so that order of keys, spaces and `1.0` against `1` are no difference in
//! notation alone; numbers are compared by their digits where those are not the same value.

use serde_json::Value;
use tailrace_model::{
    api::{RecordDetail, RecordDifference, RecordDifferences},
    limits::DIFFERENCES_MAX,
};

/// Levels of nesting that are walked; what is below is compared as a whole.
const DEPTH_MAX: usize = 64;
/// Bytes of a value that are shown on a side.
const SHOWN_BYTES_MAX: usize = 4 * 1024;

/// Key, headers, and every field of the value.
pub fn differences(left: &RecordDetail, right: &RecordDetail) -> RecordDifferences {
    let mut found = RecordDifferences {
        differences: Vec::new(),
        total: 0,
        same: 0,
    };
    note(&mut found, "key".to_owned(), text(&left.key), text(&right.key));
    let mut names: Vec<&str> = Vec::new();
    for header in left.headers.iter().chain(&right.headers) {
        if !names.contains(&header.name.as_str()) {
            names.push(&header.name);
        }
    }
    for name in names {
        let of = |record: &RecordDetail| {
            let all = record.headers.iter().filter(|header| header.name == name);
            let all: Vec<String> = all
                .map(|header| header.value.clone().unwrap_or_else(|| "null".to_owned()))
                .collect();
            (!all.is_empty()).then(|| all.join(", "))
        };
        note(&mut found, format!("header {name}"), of(left), of(right));
    }
    let parsed = |record: &RecordDetail| {
        let json = record.json.as_deref()?;
        serde_json::from_str::<Value>(json).ok()
    };
    match (parsed(left), parsed(right)) {
        (Some(left), Some(right)) => walk(&mut found, "value".to_owned(), Some(&left), Some(&right), 0),
        _ => note(
            &mut found,
            "value".to_owned(),
            text(&left.text),
            text(&right.text),
        ),
    }
    found
}

fn text(text: &Option<String>) -> Option<String> {
    Some(text.clone().unwrap_or_else(|| "null".to_owned()))
}

fn note(found: &mut RecordDifferences, path: String, left: Option<String>, right: Option<String>) {
    if left == right {
        found.same += u64::from(left.is_some());
        return;
    }
    found.total += 1;
    if found.differences.len() < DIFFERENCES_MAX {
        let (left, right) = (left.map(cut), right.map(cut));
        found.differences.push(RecordDifference { path, left, right });
    }
}

/// A large value is told by its beginning and its size.
fn cut(mut text: String) -> String {
    let whole = text.len();
    if whole > SHOWN_BYTES_MAX {
        text.truncate(text.floor_char_boundary(SHOWN_BYTES_MAX));
        text.push_str(&format!("... ({whole} bytes)"));
    }
    text
}

fn walk(
    found: &mut RecordDifferences,
    path: String,
    left: Option<&Value>,
    right: Option<&Value>,
    depth: usize,
) {
    match (left, right) {
        (Some(Value::Object(a)), Some(Value::Object(b))) if depth < DEPTH_MAX => {
            let others = b.keys().filter(|name| !a.contains_key(*name));
            for name in a.keys().chain(others) {
                walk(
                    found,
                    format!("{path}.{name}"),
                    a.get(name),
                    b.get(name),
                    depth + 1,
                );
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) if depth < DEPTH_MAX => {
            for index in 0..a.len().max(b.len()) {
                walk(
                    found,
                    format!("{path}[{index}]"),
                    a.get(index),
                    b.get(index),
                    depth + 1,
                );
            }
        }
        (Some(a), Some(b)) if same(a, b) => found.same += 1,
        _ => {
            let written = |value: Option<&Value>| value.map(Value::to_string);
            note(found, path, written(left), written(right));
        }
    }
}

fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(a), Value::Number(b)) => {
            a == b || (a.is_f64() != b.is_f64() && a.as_f64() == b.as_f64())
        }
        _ => left == right,
    }
}

#[cfg(test)]
mod tests {
    use tailrace_model::{
        FormatDefinition,
        api::{FormatUsed, RecordHeader},
    };

    use super::*;

    fn record(key: &str, headers: &[(&str, &str)], json: &str) -> RecordDetail {
        let format = FormatUsed {
            definition: FormatDefinition::named("json"),
            label: "JSON".to_owned(),
            detected: true,
        };
        RecordDetail {
            topic: "t".to_owned(),
            partition: 0,
            offset: 0,
            timestamp_ms: None,
            key: Some(key.to_owned()),
            key_column: None,
            key_format: format.clone(),
            key_bytes: 0,
            key_problem: None,
            headers: headers
                .iter()
                .map(|(name, value)| RecordHeader {
                    name: (*name).to_owned(),
                    value: Some((*value).to_owned()),
                })
                .collect(),
            value_format: format,
            json: Some(json.to_owned()),
            text: Some(json.to_owned()),
            text_bytes: json.len() as u64,
            value_bytes: 0,
            problem: None,
            schema: None,
        }
    }

    #[test]
    fn fields_that_differ_are_told_by_their_path() {
        let left = record(
            "a",
            &[("t", "1"), ("only", "x")],
            r#"{"n":1.0,"items":[{"p":1},{"p":2}],"gone":true}"#,
        );
        let right = record(
            "a",
            &[("t", "2")],
            r#"{"items":[{"p":1},{"p":3}],"n":1,"new":null}"#,
        );
        let found = differences(&left, &right);
        let told: Vec<(&str, Option<&str>, Option<&str>)> = found
            .differences
            .iter()
            .map(|it| (it.path.as_str(), it.left.as_deref(), it.right.as_deref()))
            .collect();
        assert_eq!(
            told,
            [
                ("header t", Some("1"), Some("2")),
                ("header only", Some("x"), None),
                ("value.items[1].p", Some("2"), Some("3")),
                ("value.gone", Some("true"), None),
                ("value.new", None, Some("null")),
            ]
        );
        // The key, `n` and the first item.
        assert_eq!((found.total, found.same), (5, 3));
    }
}
