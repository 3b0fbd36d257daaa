//! Masks within a JSON value, and within a text.

use serde_json::{Map, Value};
use tailrace_model::MaskWith;

use super::Masks;

/// Where a field is below `value`: names, where `*` is any. Lists on the way are gone into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path(Vec<String>);

impl Path {
    pub fn parse(text: &str) -> Self {
        Self(text.split('.').map(str::to_owned).collect())
    }
}

/// A mask's rest of the way from where it is looked at.
type Rest<'m> = (&'m [String], MaskWith);

/// The value with every field that a mask names, and every text that a pattern finds, masked.
pub fn of_json(masks: &Masks, value: Value) -> Value {
    let rests: Vec<Rest<'_>> = masks
        .fields
        .iter()
        .map(|(path, with)| (path.0.as_slice(), *with))
        .collect();
    walk(masks, value, &rests).unwrap_or(Value::Null)
}

/// `None`: the value is removed.
fn walk(masks: &Masks, value: Value, rests: &[Rest<'_>]) -> Option<Value> {
    if let Some((_, with)) = rests.iter().find(|(rest, _)| rest.is_empty()) {
        if value.is_null() {
            return Some(value);
        }
        let text = match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        return masks.put(*with, &text).map(Value::String);
    }
    Some(match value {
        Value::Object(fields) => {
            let mut kept = Map::with_capacity(fields.len());
            for (name, field) in fields {
                let below: Vec<Rest<'_>> = rests
                    .iter()
                    .filter_map(|(rest, with)| {
                        let (first, rest) = rest.split_first()?;
                        (first == "*" || *first == name).then_some((rest, *with))
                    })
                    .collect();
                // Names are looked through too: a map by card number has them as names.
                if let Some(field) = walk(masks, field, &below) {
                    kept.insert(of_text(masks, &name), field);
                }
            }
            Value::Object(kept)
        }
        Value::Array(items) => Value::Array(
            items
                .into_iter()
                .filter_map(|item| walk(masks, item, rests))
                .collect(),
        ),
        Value::String(text) => Value::String(of_text(masks, &text)),
        Value::Number(number) => {
            let text = number.to_string();
            let masked = of_text(masks, &text);
            match masked == text {
                true => Value::Number(number),
                false => Value::String(masked),
            }
        }
        other => other,
    })
}

/// The text with everything that a pattern finds masked.
pub fn of_text(masks: &Masks, text: &str) -> String {
    masks
        .patterns
        .iter()
        .fold(text.to_owned(), |text, (pattern, with)| {
            pattern
                .replace_all(&text, |found: &regex::Captures<'_>| {
                    masks.put(*with, &found[0]).unwrap_or_default()
                })
                .into_owned()
        })
}
