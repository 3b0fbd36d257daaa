//! Masks: what others must not see of records, taken out before it leaves the engine for a screen. [`people`] is where
//! records have become events.
//!
//! Invariants: a value whose masked fields cannot be told apart is masked whole; bytes as they are (hexadecimal, raw) are not
//! shown of what is masked; what is exported from a masked view is masked in the same way. A hash is the same for the same
//! text while the workspace is open, and another one after it: nobody can look a text up by it.

mod mask;
mod people;
#[cfg(test)]
mod people_tests;
mod persons;

use std::{collections::hash_map::RandomState, hash::BuildHasher as _, sync::Arc};

use arrow::{
    array::{Array, ArrayRef, AsArray, BinaryArray, ListArray, RecordBatch, StringArray, StructArray},
    buffer::OffsetBuffer,
    datatypes::DataType,
};
use mask::{Path, of_json, of_text};
pub use people::PeopleMasks;
use regex::Regex;
use tailrace_connectors::formats::PROBLEM;
use tailrace_model::{
    Error, MaskDefinition, MaskWith, Result,
    api::{RecordDetail, RecordHeader},
};

/// What stands for what was masked.
pub const MASKED: &str = "•••";
/// What stands for a value whose fields cannot be told apart.
const MASKED_WHOLE: &str = "••• masked whole: its fields can't be told apart";

const HIDDEN_REASON: &str = "it is masked, and so is why it can't be read";

/// Makes hashes that nobody can look up.
pub type Key = RandomState;

/// The masks of one topic, ready to use.
#[derive(Debug, Clone)]
pub struct Masks {
    of_key: Option<MaskWith>,
    of_value: Option<MaskWith>,
    fields: Vec<(Path, MaskWith)>,
    headers: Vec<(String, MaskWith)>,
    patterns: Vec<(Regex, MaskWith)>,
    key: Arc<Key>,
}

/// Whether a mask can be used; the sentence says what is wrong.
pub fn check(mask: &MaskDefinition) -> std::result::Result<(), String> {
    if let Some(topic) = &mask.topic {
        glob(topic)?;
    }
    match (&mask.column, &mask.pattern) {
        (Some(_), Some(_)) => Err("a mask has a column or a pattern, not both: write two masks".to_owned()),
        (None, None) => Err("a mask needs a column such as \"value.email\", or a pattern".to_owned()),
        (None, Some(pattern)) => {
            let read = Regex::new(pattern).map_err(|error| {
                let said = error.to_string();
                format!(
                    "the pattern is no regular expression: {}",
                    said.lines().last().unwrap_or_default()
                )
            })?;
            match read.is_match("") {
                true => Err("the pattern matches nothing at all, which is everywhere: write one that needs a character".to_owned()),
                false => Ok(()),
            }
        }
        (Some(column), None) => {
            let known = column == "_key"
                || column == "value"
                || column
                    .strip_prefix("value.")
                    .is_some_and(|path| path.split('.').all(|part| !part.is_empty()))
                || column
                    .strip_prefix("header.")
                    .is_some_and(|name| !name.is_empty());
            match known {
                true => Ok(()),
                false => Err(format!(
                    "\"{column}\" is no column of a record: write _key, value, value.FIELD or header.NAME"
                )),
            }
        }
    }
}

/// `*` stands for any characters, `?` for one; of a topic as `cluster.topic`, or of the topic alone.
fn glob(pattern: &str) -> std::result::Result<Regex, String> {
    let mut text = String::from("^(?s:");
    for sign in pattern.chars() {
        match sign {
            '*' => text.push_str(".*"),
            '?' => text.push('.'),
            sign => text.push_str(&regex::escape(&sign.to_string())),
        }
    }
    text.push_str(")$");
    Regex::new(&text).map_err(|_| format!("the topic \"{pattern}\" is too long"))
}

impl Masks {
    /// Those of a topic; `None` where there are none. A mask that cannot be used masks everything: what was to be hidden is
    /// not shown because of a mistake.
    pub fn of(definitions: &[MaskDefinition], cluster: &str, topic: &str, key: &Arc<Key>) -> Option<Self> {
        let full = format!("{cluster}.{topic}");
        let mut masks = Self {
            of_key: None,
            of_value: None,
            fields: Vec::new(),
            headers: Vec::new(),
            patterns: Vec::new(),
            key: Arc::clone(key),
        };
        let mut any = false;
        for mask in definitions {
            let applies = mask.topic.as_deref().is_none_or(|pattern| {
                glob(pattern).map_or(true, |glob| glob.is_match(topic) || glob.is_match(&full))
            });
            if !applies {
                continue;
            }
            any = true;
            masks.add(mask);
        }
        any.then_some(masks)
    }

    fn add(&mut self, mask: &MaskDefinition) {
        let with = mask.with;
        let pattern = mask.pattern.as_deref().map(Regex::new);
        match (check(mask), &mask.column, pattern) {
            (Ok(()), _, Some(Ok(pattern))) => self.patterns.push((pattern, with)),
            (Ok(()), Some(column), None) => match (column.as_str(), column.split_once('.')) {
                ("_key", _) => self.of_key = Some(with),
                ("value", _) => self.of_value = Some(with),
                (_, Some(("header", name))) => self.headers.push((name.to_owned(), with)),
                (_, Some((_, path))) => self.fields.push((Path::parse(path), with)),
                (_, None) => self.everything(),
            },
            _ => self.everything(),
        }
    }

    fn everything(&mut self) {
        (self.of_key, self.of_value) = (Some(MaskWith::Mask), Some(MaskWith::Mask));
        self.headers.push(("*".to_owned(), MaskWith::Mask));
    }

    /// Whether the bytes of a value must not be shown as they are.
    pub fn hides_value(&self) -> bool {
        self.of_value.is_some() || !self.fields.is_empty() || !self.patterns.is_empty()
    }

    /// Whether the bytes of a key must not be shown as they are.
    pub fn hides_key(&self) -> bool {
        self.of_key.is_some() || !self.patterns.is_empty()
    }

    /// A text in its place. `None`: it is removed.
    fn put(&self, with: MaskWith, text: &str) -> Option<String> {
        match with {
            MaskWith::Mask => Some(MASKED.to_owned()),
            MaskWith::Remove => None,
            MaskWith::Hash => Some(format!("#{:016x}", self.key.hash_one(text))),
            MaskWith::Last4 => {
                let count = text.chars().count();
                // Of a short text the last four say too much.
                Some(match count >= 8 {
                    true => format!("{MASKED}{}", text.chars().skip(count - 4).collect::<String>()),
                    false => MASKED.to_owned(),
                })
            }
        }
    }

    /// A key, or `None` where it is removed.
    pub fn key(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let text = String::from_utf8_lossy(bytes);
        if let Some(with) = self.of_key {
            return self.put(with, &text).map(String::into_bytes);
        }
        self.free(bytes)
    }

    /// A value, or `None` where it is removed.
    pub fn value(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        if let Some(with) = self.of_value {
            return self
                .put(with, &String::from_utf8_lossy(bytes))
                .map(String::into_bytes);
        }
        if self.fields.is_empty() {
            return self.free(bytes);
        }
        match serde_json::from_slice::<serde_json::Value>(bytes) {
            Ok(value) if value.is_object() || value.is_array() => {
                Some(of_json(self, value).to_string().into_bytes())
            }
            _ => Some(MASKED_WHOLE.as_bytes().to_vec()),
        }
    }

    /// The beginning of a value that could not be read. Where a pattern may have been cut through, nothing is shown.
    pub fn beginning(&self, text: &str) -> String {
        match self.hides_value() {
            true => MASKED_WHOLE.to_owned(),
            false => text.to_owned(),
        }
    }

    /// What no column names: patterns alone.
    fn free(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        if self.patterns.is_empty() {
            return Some(bytes.to_vec());
        }
        if let Ok(value) = serde_json::from_slice::<serde_json::Value>(bytes)
            && (value.is_object() || value.is_array())
        {
            return Some(of_json(self, value).to_string().into_bytes());
        }
        Some(match std::str::from_utf8(bytes) {
            Ok(text) => of_text(self, text).into_bytes(),
            // A pattern cannot be looked for in what is no text.
            Err(_) => MASKED_WHOLE.as_bytes().to_vec(),
        })
    }

    /// A header's value, or `None` where the header is removed.
    fn header(&self, name: &str, bytes: &[u8]) -> Option<Vec<u8>> {
        let named = self
            .headers
            .iter()
            .find(|(wanted, _)| wanted == "*" || wanted.eq_ignore_ascii_case(name));
        match named {
            Some((_, with)) => self
                .put(*with, &String::from_utf8_lossy(bytes))
                .map(String::into_bytes),
            None => self.free(bytes),
        }
    }

    /// Records of a tail with `_key`, `value` and `_headers` masked.
    pub fn batch(&self, records: &RecordBatch) -> Result<RecordBatch> {
        let wrong = |error: arrow::error::ArrowError| {
            Error::internal("arrow", format!("records could not be masked: {error}"))
        };
        let schema = records.schema();
        let mut columns = Vec::with_capacity(records.num_columns());
        for (field, column) in schema.fields().iter().zip(records.columns()) {
            let masked: ArrayRef = match (field.name().as_str(), column.data_type()) {
                ("_key", DataType::Binary) => Arc::new(map(column.as_binary(), |bytes| self.key(bytes))),
                // What is removed leaves an empty value: without one it would be a tombstone.
                ("value", DataType::Binary) => Arc::new(map(column.as_binary(), |bytes| {
                    Some(self.value(bytes).unwrap_or_default())
                })),
                ("_headers", DataType::List(_)) => Arc::new(self.headers(column.as_list()).map_err(wrong)?),
                // Why a value can't be read may quote it.
                (PROBLEM, DataType::Utf8) if self.hides_value() || self.hides_key() => {
                    let reasons = column.as_string::<i32>().iter();
                    Arc::new(
                        reasons
                            .map(|reason| reason.map(|_| HIDDEN_REASON))
                            .collect::<StringArray>(),
                    )
                }
                ("_key" | "value" | "_headers", other) => {
                    let sentence = format!("records of the type {other} can't be masked");
                    return Err(Error::internal("mask", sentence));
                }
                _ => Arc::clone(column),
            };
            columns.push(masked);
        }
        RecordBatch::try_new(schema, columns).map_err(wrong)
    }

    fn headers(&self, lists: &ListArray) -> std::result::Result<ListArray, arrow::error::ArrowError> {
        let (mut names, mut values, mut lengths) = (Vec::new(), Vec::new(), Vec::new());
        for row in 0..lists.len() {
            let of = lists.value(row);
            let of = of.as_struct();
            let (of_names, of_values) = (of.column(0).as_string::<i32>(), of.column(1).as_binary::<i32>());
            let before = names.len();
            for at in 0..of.len() {
                let name = of_names.value(at);
                if of_values.is_null(at) {
                    names.push(name.to_owned());
                    values.push(None);
                } else if let Some(value) = self.header(name, of_values.value(at)) {
                    names.push(name.to_owned());
                    values.push(Some(value));
                }
            }
            lengths.push(names.len() - before);
        }
        let (item, fields) = match lists.data_type() {
            DataType::List(item) => match item.data_type() {
                DataType::Struct(fields) => (Arc::clone(item), fields.clone()),
                other => {
                    return Err(arrow::error::ArrowError::SchemaError(format!(
                        "headers of the type {other}"
                    )));
                }
            },
            other => {
                return Err(arrow::error::ArrowError::SchemaError(format!(
                    "headers of the type {other}"
                )));
            }
        };
        let values: BinaryArray = values.iter().map(|value| value.as_deref()).collect();
        let items = StructArray::try_new(
            fields,
            vec![Arc::new(StringArray::from_iter_values(names)), Arc::new(values)],
            None,
        )?;
        ListArray::try_new(item, OffsetBuffer::from_lengths(lengths), Arc::new(items), None)
    }

    /// One record, opened: the same as in its row.
    pub fn detail(&self, mut detail: RecordDetail) -> RecordDetail {
        let text = |bytes: Option<Vec<u8>>| bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        detail.key = detail.key.and_then(|key| text(self.key(key.as_bytes())));
        detail.key_column = detail.key_column.and_then(|key| text(self.key(key.as_bytes())));
        let headers = std::mem::take(&mut detail.headers).into_iter();
        detail.headers = headers
            .filter_map(|header| {
                let Some(value) = &header.value else {
                    return Some(header);
                };
                let value = self.header(&header.name, value.as_bytes())?;
                Some(RecordHeader {
                    name: header.name,
                    value: text(Some(value)),
                })
            })
            .collect();
        if self.hides_key() {
            detail.key_problem = detail.key_problem.map(|_| HIDDEN_REASON.to_owned());
        }
        if self.hides_value() {
            detail.problem = detail.problem.map(|_| HIDDEN_REASON.to_owned());
            let json = detail.json.take();
            let plain = detail.text.take();
            match (json, plain) {
                (Some(json), _) => {
                    let masked = self.value(json.as_bytes());
                    let read = masked
                        .as_deref()
                        .and_then(|bytes| serde_json::from_slice::<serde_json::Value>(bytes).ok());
                    detail.json = read
                        .as_ref()
                        .and_then(|value| serde_json::to_string_pretty(value).ok());
                    detail.text = match detail.json {
                        Some(_) => None,
                        None => text(masked),
                    };
                }
                (None, Some(plain)) => detail.text = text(self.value(plain.as_bytes())),
                (None, None) => {}
            }
        }
        detail
    }
}

fn map(bytes: &BinaryArray, each: impl Fn(&[u8]) -> Option<Vec<u8>>) -> BinaryArray {
    let masked: Vec<Option<Vec<u8>>> = bytes.iter().map(|bytes| bytes.and_then(&each)).collect();
    masked.iter().map(|bytes| bytes.as_deref()).collect()
}

#[cfg(test)]
mod tests;
