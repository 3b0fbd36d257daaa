//! Records as lines of text, whole: for a pipe and for a file.
//!
//! Invariant: nothing of a record is left out or cut; what is no text is base64 where the format has a place for it, and
//! hexadecimal elsewhere.

use std::{
    borrow::Cow,
    fmt::Write as _,
    sync::{Arc, LazyLock},
};

use arrow::{
    array::{
        Array, ArrayRef, AsArray, BinaryArray, RecordBatch, StringArray, StringBuilder,
        TimestampMillisecondArray,
    },
    datatypes::{
        DataType, Field, Int32Type, Int64Type, Schema, SchemaRef, TimeUnit, TimestampMillisecondType,
    },
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json, value::RawValue};
use tailrace_model::{Error, Result};

use super::{TailView, rows::problem_of};

pub static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let time = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
    Arc::new(Schema::new(vec![
        Field::new("partition", DataType::Int32, false),
        Field::new("offset", DataType::Int64, false),
        Field::new("timestamp", time, true),
        Field::new("key", DataType::Utf8, true),
        Field::new("value", DataType::Utf8, true),
        Field::new("headers", DataType::Utf8, true),
    ]))
});

/// How a record is written on its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineFormat {
    /// An object, with the reason where the value could not be read.
    Json,
    /// As `kcat -J`.
    Kcat,
    /// [`CSV_HEADER`].
    Csv,
}

/// Headers are a list of objects, as JSON.
pub const CSV_HEADER: &str = "partition,offset,timestamp,key,value,headers";

/// Records of a tail as lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TailLines {
    pub lines: Vec<String>,
    /// The number of the row after them.
    pub next: u64,
}

impl TailView {
    /// As [`Self::rows`], each as a line.
    pub fn lines(&self, offset: u64, limit: u32, topic: &str, format: LineFormat) -> Result<TailLines> {
        let stamped = self.progress.progress().stamped;
        let page = self.take(offset, limit)?;
        let mut lines = Vec::new();
        for slice in &page.slices {
            let parts = Parts::of(slice)?;
            for row in 0..slice.num_rows() {
                lines.push(match format {
                    LineFormat::Json => parts.json(row, problem_of(slice, row, parts.value(row)).as_deref()),
                    LineFormat::Kcat => parts.kcat(row, topic, stamped.contains(&parts.place(row).0)),
                    LineFormat::Csv => parts.csv(row),
                });
            }
        }
        Ok(TailLines {
            next: page.first + lines.len() as u64,
            lines,
        })
    }
}

/// The columns of a batch of records.
pub struct Parts<'b> {
    partitions: &'b ArrayRef,
    offsets: &'b ArrayRef,
    timestamps: &'b TimestampMillisecondArray,
    keys: &'b BinaryArray,
    values: &'b BinaryArray,
    headers: &'b arrow::array::ListArray,
}

impl<'b> Parts<'b> {
    pub fn of(slice: &'b RecordBatch) -> Result<Self> {
        let column = |name: &str| {
            slice.column_by_name(name).ok_or_else(|| {
                Error::internal("raw_batch", format!("a batch of records has no column {name}"))
            })
        };
        Ok(Self {
            partitions: column("_partition")?,
            offsets: column("_offset")?,
            timestamps: column("_timestamp")?.as_primitive::<TimestampMillisecondType>(),
            keys: column("_key")?.as_binary(),
            values: column("value")?.as_binary(),
            headers: column("_headers")?.as_list(),
        })
    }

    /// `[{"name": ..., "value": ...}]`, what is no text as `value_base64`; none: nothing.
    fn headers(&self, row: usize) -> Option<Value> {
        let of = self.headers.value(row);
        let of = of.as_struct();
        if of.is_empty() {
            return None;
        }
        let (names, values) = (of.column(0).as_string::<i32>(), of.column(1).as_binary::<i32>());
        let each = (0..of.len()).map(|at| {
            let name = names.value(at);
            match values
                .is_valid(at)
                .then(|| values.value(at))
                .map(std::str::from_utf8)
            {
                Some(Err(_)) => json!({"name": name, "value_base64": STANDARD.encode(values.value(at))}),
                Some(Ok(value)) => json!({"name": name, "value": value}),
                None => json!({"name": name, "value": null}),
            }
        });
        Some(Value::Array(each.collect()))
    }

    pub fn batch(&self, rows: usize) -> Result<RecordBatch> {
        let texts =
            |bytes: &BinaryArray| -> StringArray { bytes.iter().map(|bytes| bytes.map(whole)).collect() };
        let mut headers = StringBuilder::new();
        for row in 0..rows {
            headers.append_option(self.headers(row).map(|headers| headers.to_string()));
        }
        let columns: Vec<ArrayRef> = vec![
            Arc::clone(self.partitions),
            Arc::clone(self.offsets),
            Arc::new(self.timestamps.clone().with_timezone("UTC")),
            Arc::new(texts(self.keys)),
            Arc::new(texts(self.values)),
            Arc::new(headers.finish()),
        ];
        RecordBatch::try_new(Arc::clone(&SCHEMA), columns)
            .map_err(|error| Error::internal("arrow", format!("records of an export: {error}")))
    }

    fn at_ms(&self, row: usize) -> Option<i64> {
        self.timestamps.is_valid(row).then(|| self.timestamps.value(row))
    }

    /// RFC 3339.
    fn at(&self, row: usize) -> Option<String> {
        let at = DateTime::from_timestamp_millis(self.at_ms(row)?)?;
        Some(at.to_rfc3339_opts(SecondsFormat::Millis, true))
    }

    fn key(&self, row: usize) -> Option<&[u8]> {
        self.keys.is_valid(row).then(|| self.keys.value(row))
    }

    fn value(&self, row: usize) -> Option<&[u8]> {
        self.values.is_valid(row).then(|| self.values.value(row))
    }

    fn place(&self, row: usize) -> (i32, i64) {
        let partitions = self.partitions.as_primitive::<Int32Type>();
        let offsets = self.offsets.as_primitive::<Int64Type>();
        (partitions.value(row), offsets.value(row))
    }

    /// A record as an object on one line, as `tailrace produce` reads it.
    pub fn json(&self, row: usize, problem: Option<&str>) -> String {
        let (partition, offset) = self.place(row);
        let at = json!(self.at(row));
        let mut line = format!("{{\"partition\":{partition},\"offset\":{offset},\"timestamp\":{at}");
        part(&mut line, "key", self.key(row), false);
        part(&mut line, "value", self.value(row), true);
        if let Some(headers) = self.headers(row) {
            line.push_str(&format!(",\"headers\":{headers}"));
        }
        if let Some(problem) = problem {
            line.push_str(&format!(",\"problem\":{}", json!(problem)));
        }
        line.push('}');
        line
    }

    /// A record as `kcat -J` prints it. `stamped`: the times of its partition are the broker's.
    fn kcat(&self, row: usize, topic: &str, stamped: bool) -> String {
        let (partition, offset) = self.place(row);
        let tstype = match (self.at_ms(row), stamped) {
            (None, _) => "unknown",
            (Some(_), true) => "logappend",
            (Some(_), false) => "create",
        };
        let mut record = json!({
            "topic": topic, "partition": partition, "offset": offset, "tstype": tstype, "ts": self.at_ms(row),
        });
        let of = self.headers.value(row);
        let of = of.as_struct();
        if !of.is_empty() {
            let (names, values) = (of.column(0).as_string::<i32>(), of.column(1).as_binary::<i32>());
            // A name and a value in turn.
            let pairs = (0..of.len()).flat_map(|at| {
                let value = values.is_valid(at).then(|| whole(values.value(at)));
                [json!(names.value(at)), json!(value)]
            });
            record["headers"] = pairs.collect();
        }
        record["key"] = json!(self.key(row).map(whole));
        record["payload"] = json!(self.value(row).map(whole));
        record.to_string()
    }

    fn csv(&self, row: usize) -> String {
        let (partition, offset) = self.place(row);
        let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        let text = |bytes: Option<&[u8]>| bytes.map(|bytes| quoted(&whole(bytes))).unwrap_or_default();
        let headers = self.headers(row).map(|headers| quoted(&headers.to_string()));
        format!(
            "{partition},{offset},{},{},{},{}",
            self.at(row).unwrap_or_default(),
            text(self.key(row)),
            text(self.value(row)),
            headers.unwrap_or_default()
        )
    }
}

/// Text as it is, anything else as hexadecimal, however long.
fn whole(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(
            bytes
                .iter()
                .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
                    // Into a text, writing does not fail.
                    let _ = write!(text, "{byte:02x}");
                    text
                }),
        ),
    }
}

/// `,"value":...`: objects, lists, numbers and booleans as they are, other text as text, and what is no text as base64.
fn part(line: &mut String, name: &str, bytes: Option<&[u8]>, as_json: bool) {
    let Some(bytes) = bytes else {
        line.push_str(&format!(",\"{name}\":null"));
        return;
    };
    let Ok(text) = std::str::from_utf8(bytes) else {
        line.push_str(&format!(",\"{name}_base64\":\"{}\"", STANDARD.encode(bytes)));
        return;
    };
    // A text in quotes, and the word null, would read as something else.
    let plain = as_json
        && text
            .trim_start()
            .starts_with(|c: char| "{[-tf".contains(c) || c.is_ascii_digit());
    match plain && serde_json::from_str::<&RawValue>(text).is_ok() {
        // Within JSON, a line's end is never in a text.
        true => line.push_str(&format!(",\"{name}\":{}", text.trim().replace(['\n', '\r'], " "))),
        false => line.push_str(&format!(",\"{name}\":{}", Value::from(text))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_so_that_they_can_be_read_again() {
        let check = |bytes: Option<&[u8]>, expected: &str| {
            let mut line = String::new();
            part(&mut line, "value", bytes, true);
            assert_eq!(line, format!(",{expected}"));
        };
        check(None, r#""value":null"#);
        check(Some(b"{\"a\":\n 1.50}"), r#""value":{"a":  1.50}"#);
        check(Some(b"7"), r#""value":7"#);
        check(Some(b"true"), r#""value":true"#);
        check(Some(b"null"), r#""value":"null""#);
        check(Some(b"\"x\""), r#""value":"\"x\"""#);
        check(Some(b"two\nlines"), r#""value":"two\nlines""#);
        check(Some(b"{broken"), r#""value":"{broken""#);
        check(Some(b"\xff\x00"), r#""value_base64":"/wA=""#);
        check(Some(b""), r#""value":"""#);
    }
}
