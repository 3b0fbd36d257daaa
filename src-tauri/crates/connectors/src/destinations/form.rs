//! The form of a connector: which keys its settings and options have. The window draws its form from it, and every
//! definition is read through it, so that what is wrong is said with the key's own name.
//!
//! Invariant: the names of a form are the keys that its configuration reads, no more and no fewer.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use tailrace_model::{Error, Result};

/// One key.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Field {
    pub name: &'static str,
    pub label: &'static str,
    pub kind: FieldKind,
    pub required: bool,
    pub help: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    Text,
    /// Text that is not to be shown; in a file, best written `secret:NAME`.
    Secret,
    /// A file or folder; relative ones start at the workspace.
    Path,
    /// A whole number in a range, both ends included.
    Whole {
        min: u64,
        max: u64,
    },
    /// A table of texts by name, whose values are not to be shown.
    Secrets,
}

/// Text that never shows itself in a log or an error.
#[derive(Clone, PartialEq, Eq, serde::Deserialize)]
#[cfg_attr(test, derive(Serialize))]
#[serde(transparent)]
pub(crate) struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("\"...\"")
    }
}

/// Checks `map` against `fields` and reads it. `section` is `settings` or `options`.
pub(crate) fn read<T: DeserializeOwned>(
    fields: &[Field],
    map: &Map<String, Value>,
    section: &str,
) -> Result<T> {
    for (name, value) in map {
        let Some(field) = fields.iter().find(|field| field.name == name) else {
            return Err(unknown(fields, name, section));
        };
        if let Some(expected) = mismatch(field, value) {
            return Err(invalid(format!("{section}.{name} has to be {expected}")));
        }
    }
    if let Some(field) = fields
        .iter()
        .find(|field| field.required && !map.contains_key(field.name))
    {
        let help = field.help.trim_end_matches('.');
        return Err(invalid(format!(
            "{section}.{} is missing: {}",
            field.name,
            lower_first(help)
        )));
    }
    serde_json::from_value(Value::Object(map.clone()))
        .map_err(|error| invalid(format!("{section} cannot be read: {error}")))
}

/// An error in a definition's settings or options.
pub(crate) fn invalid(message: String) -> Error {
    Error::user("destination_settings", message)
}

fn unknown(fields: &[Field], name: &str, section: &str) -> Error {
    if fields.is_empty() {
        return invalid(format!(
            "{section}.{name} is not known: this kind of destination has no {section}"
        ));
    }
    let names: Vec<_> = fields.iter().map(|field| field.name).collect();
    invalid(format!(
        "{section}.{name} is not known: the keys are {}",
        names.join(", ")
    ))
}

fn mismatch(field: &Field, value: &Value) -> Option<String> {
    let fits = match field.kind {
        FieldKind::Text | FieldKind::Secret | FieldKind::Path => {
            value.as_str().is_some_and(|text| !text.trim().is_empty())
        }
        FieldKind::Whole { min, max } => value.as_u64().is_some_and(|number| (min..=max).contains(&number)),
        FieldKind::Secrets => value
            .as_object()
            .is_some_and(|texts| texts.values().all(Value::is_string)),
    };
    (!fits).then(|| match field.kind {
        FieldKind::Text | FieldKind::Secret => "text, and not empty".to_owned(),
        FieldKind::Path => "a path, and not empty".to_owned(),
        FieldKind::Whole { min, max } => format!("a whole number from {min} to {max}"),
        FieldKind::Secrets => "a table of texts, such as { Authorization = \"secret:NAME\" }".to_owned(),
    })
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const FIELDS: &[Field] = &[
        Field {
            name: "url",
            label: "URL",
            kind: FieldKind::Text,
            required: true,
            help: "The address.",
        },
        Field {
            name: "rows",
            label: "Rows",
            kind: FieldKind::Whole { min: 1, max: 10 },
            required: false,
            help: "",
        },
        Field {
            name: "headers",
            label: "Headers",
            kind: FieldKind::Secrets,
            required: false,
            help: "",
        },
    ];

    #[test]
    fn errors_name_the_key() {
        let check = |map: Value, expected: &str| {
            let map = map.as_object().expect("an object").clone();
            let read = read::<Value>(FIELDS, &map, "settings");
            assert_eq!(
                read.err().map(|error| error.message).unwrap_or_default(),
                expected,
                "{map:?}"
            );
        };
        check(json!({"url": "http://a", "rows": 10, "headers": {"a": "b"}}), "");
        check(json!({}), "settings.url is missing: the address");
        check(json!({"url": " "}), "settings.url has to be text, and not empty");
        check(json!({"url": 3}), "settings.url has to be text, and not empty");
        check(
            json!({"url": "a", "rows": 0}),
            "settings.rows has to be a whole number from 1 to 10",
        );
        check(
            json!({"url": "a", "rows": 2.5}),
            "settings.rows has to be a whole number from 1 to 10",
        );
        check(
            json!({"url": "a", "headers": {"a": 1}}),
            "settings.headers has to be a table of texts, such as { Authorization = \"secret:NAME\" }",
        );
        check(
            json!({"url": "a", "uri": "b"}),
            "settings.uri is not known: the keys are url, rows, headers",
        );
    }

    #[test]
    fn secrets_do_not_show() {
        assert_eq!(format!("{:?}", Secret("hush".to_owned())), "\"...\"");
    }
}
