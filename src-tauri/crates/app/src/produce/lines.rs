//! Records in a file: JSON Lines, a value a line, or CSV with a header. One at a time, each with the line it begins on.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::DateTime;
use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};
use tailrace_connectors::clusters::kafka::OutRecord;
use tailrace_model::{Error, Result, api::ProduceFormat};

use super::Encoders;

/// Bytes of one line.
const LINE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What is on a line: a record, or why there is none.
pub type Line = (u64, std::result::Result<OutRecord, String>);

/// How a file of this name is read.
pub fn format_of(path: &Path) -> ProduceFormat {
    let ending = path
        .extension()
        .and_then(|ending| ending.to_str())
        .unwrap_or_default();
    match ending.to_ascii_lowercase().as_str() {
        "csv" => ProduceFormat::Csv,
        "jsonl" | "ndjson" | "json" => ProduceFormat::JsonLines,
        _ => ProduceFormat::Values,
    }
}

/// The records of a file, one after the other.
pub struct Records<'e> {
    encoders: &'e Encoders,
    /// Of records that name none.
    partition: Option<i32>,
    kind: Kind,
    path: PathBuf,
}

enum Kind {
    Lines {
        input: BufReader<File>,
        line: u64,
        buffer: Vec<u8>,
        json: bool,
    },
    Csv {
        reader: Box<csv::Reader<File>>,
        columns: Vec<Column>,
        record: csv::StringRecord,
    },
}

enum Column {
    Key,
    Value,
    Partition,
    Timestamp,
    Header(String),
    Field(String),
}

fn unreadable(path: &Path, why: impl std::fmt::Display) -> Error {
    Error::user("file_read", format!("{} can't be read: {why}", path.display()))
}

impl<'e> Records<'e> {
    pub fn open(
        path: &Path,
        format: ProduceFormat,
        partition: Option<i32>,
        encoders: &'e Encoders,
    ) -> Result<Self> {
        let file = File::open(path).map_err(|error| unreadable(path, error))?;
        let kind = match format {
            ProduceFormat::Csv => {
                let mut reader = csv::ReaderBuilder::new().from_reader(file);
                let header = reader
                    .headers()
                    .map_err(|error| unreadable(path, csv_reason(&error)))?;
                let columns = columns(header).map_err(|why| unreadable(path, why))?;
                Kind::Csv {
                    reader: Box::new(reader),
                    columns,
                    record: csv::StringRecord::new(),
                }
            }
            ProduceFormat::JsonLines | ProduceFormat::Values => Kind::Lines {
                input: BufReader::with_capacity(1 << 20, file),
                line: 0,
                buffer: Vec::new(),
                json: format == ProduceFormat::JsonLines,
            },
        };
        Ok(Self {
            encoders,
            partition,
            kind,
            path: path.to_owned(),
        })
    }

    /// The next record; `None` at the end of the file.
    pub fn next(&mut self) -> Result<Option<Line>> {
        let partition = self.partition;
        let found = match &mut self.kind {
            Kind::Lines {
                input,
                line,
                buffer,
                json,
            } => loop {
                if !read_line(input, buffer).map_err(|error| unreadable(&self.path, error))? {
                    break None;
                }
                *line += 1;
                if buffer.len() as u64 > LINE_BYTES_MAX {
                    let why = format!("line {line} has more than {LINE_BYTES_MAX} bytes");
                    return Err(unreadable(&self.path, why));
                }
                if *json && buffer.trim_ascii().is_empty() {
                    continue;
                }
                let record = match *json {
                    true => json_record(buffer, self.encoders),
                    false => value_record(buffer, self.encoders),
                };
                break Some((*line, record));
            },
            Kind::Csv {
                reader,
                columns,
                record,
            } => match reader.read_record(record) {
                Ok(false) => None,
                Ok(true) => {
                    let line = record.position().map_or(0, csv::Position::line);
                    Some((line, csv_record(columns, record, self.encoders)))
                }
                Err(error) => {
                    let line = error.position().map_or(0, csv::Position::line);
                    Some((line, Err(csv_reason(&error))))
                }
            },
        };
        Ok(found.map(|(line, record)| {
            let record = record.map(|mut record| {
                record.partition = record.partition.or(partition);
                record
            });
            (line, record)
        }))
    }
}

/// False at the end of the file. The line's end is left out.
fn read_line(input: &mut BufReader<File>, buffer: &mut Vec<u8>) -> std::io::Result<bool> {
    buffer.clear();
    let read = input.take(LINE_BYTES_MAX + 2).read_until(b'\n', buffer)?;
    if buffer.last() == Some(&b'\n') {
        buffer.pop();
        if buffer.last() == Some(&b'\r') {
            buffer.pop();
        }
    }
    Ok(read > 0)
}

/// One line of JSON Lines. What a tail writes as JSON can be read: its offset and its problem are of the other topic.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonRecord<'a> {
    #[serde(borrow, default)]
    key: Option<&'a RawValue>,
    #[serde(default)]
    key_base64: Option<String>,
    #[serde(borrow, default)]
    value: Option<&'a RawValue>,
    #[serde(default)]
    value_base64: Option<String>,
    #[serde(default)]
    headers: Option<Value>,
    #[serde(default)]
    partition: Option<i32>,
    #[serde(default)]
    timestamp: Option<Value>,
    #[serde(default, rename = "offset")]
    _offset: Option<i64>,
    #[serde(default, rename = "problem")]
    _problem: Option<String>,
}

fn json_record(line: &[u8], encoders: &Encoders) -> std::result::Result<OutRecord, String> {
    let text = std::str::from_utf8(line).map_err(|_| "it is not UTF-8".to_owned())?;
    let read: JsonRecord<'_> = serde_json::from_str(text).map_err(|error| {
        let said = error.to_string();
        let said = said.split(" at line ").next().unwrap_or_default().to_owned();
        format!("it is no record, {said} at column {}", error.column())
    })?;
    let key = part("key", read.key, read.key_base64, encoders.key.is_some(), |text| {
        encoders.key(text)
    })?;
    let value = part(
        "value",
        read.value,
        read.value_base64,
        encoders.value.is_some(),
        |text| encoders.value(text),
    )?;
    Ok(OutRecord {
        partition: read.partition,
        key,
        value,
        headers: read.headers.map_or_else(|| Ok(Vec::new()), headers)?,
        timestamp_ms: read
            .timestamp
            .map(|value| timestamp(&value))
            .transpose()?
            .flatten(),
    })
}

/// A key or value: a text is its characters and anything else its JSON, as it stands; with a schema it is JSON always.
fn part(
    what: &str,
    json: Option<&RawValue>,
    base64: Option<String>,
    by_schema: bool,
    encode: impl Fn(&str) -> std::result::Result<Vec<u8>, String>,
) -> std::result::Result<Option<Vec<u8>>, String> {
    let Some(json) = json else {
        let decoded = base64.map(|text| {
            STANDARD
                .decode(text)
                .map_err(|_| format!("{what}_base64 is no base64"))
        });
        return decoded.transpose();
    };
    if base64.is_some() {
        return Err(format!("{what} and {what}_base64 are both given"));
    }
    if by_schema || !json.get().starts_with('"') {
        return encode(json.get()).map(Some);
    }
    let text: String = serde_json::from_str(json.get()).map_err(|error| format!("{what}: {error}"))?;
    encode(&text).map(Some)
}

type Headers = Vec<(String, Option<Vec<u8>>)>;

/// `{"name": "value"}`, or `[{"name": ..., "value": ...}]` where a name comes more than once; `value_base64` for what is no
/// text.
fn headers(given: Value) -> std::result::Result<Headers, String> {
    let value = |name: &str, value: Value| match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.into_bytes())),
        _ => Err(format!("the header {name} is neither a text nor null")),
    };
    match given {
        Value::Null => Ok(Vec::new()),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, field)| value(&name, field).map(|field| (name, field)))
            .collect(),
        Value::Array(items) => items
            .into_iter()
            .map(|mut item| {
                let name = item.get("name").and_then(Value::as_str).map(str::to_owned);
                let name = name.ok_or("a header has no name")?;
                let given = item.get_mut("value").map_or(Value::Null, Value::take);
                let Some(encoded) = item.get("value_base64") else {
                    return value(&name, given).map(|field| (name, field));
                };
                if !given.is_null() {
                    return Err(format!("the header {name} has both value and value_base64"));
                }
                let bytes = encoded.as_str().and_then(|text| STANDARD.decode(text).ok());
                let bytes = bytes.ok_or_else(|| format!("value_base64 of the header {name} is no base64"))?;
                Ok((name, Some(bytes)))
            })
            .collect(),
        _ => Err("headers are neither an object nor a list".to_owned()),
    }
}

/// Milliseconds, or RFC 3339.
fn timestamp(given: &Value) -> std::result::Result<Option<i64>, String> {
    let wrong = || format!("the timestamp {given} is neither milliseconds nor RFC 3339");
    match given {
        Value::Null => Ok(None),
        Value::Number(number) => number.as_i64().map(Some).ok_or_else(wrong),
        Value::String(text) => {
            let parsed = DateTime::parse_from_rfc3339(text);
            parsed.map(|at| Some(at.timestamp_millis())).map_err(|_| wrong())
        }
        _ => Err(wrong()),
    }
}

fn value_record(line: &[u8], encoders: &Encoders) -> std::result::Result<OutRecord, String> {
    let value = match encoders.value.is_some() {
        // Bytes are written as they are, text or not.
        false => line.to_vec(),
        true => {
            let text = std::str::from_utf8(line).map_err(|_| "it is not UTF-8".to_owned())?;
            encoders.value(text)?
        }
    };
    Ok(OutRecord {
        value: Some(value),
        ..OutRecord::default()
    })
}

fn columns(header: &csv::StringRecord) -> std::result::Result<Vec<Column>, String> {
    let has_value = header.iter().any(|name| name == "value");
    let mut columns = Vec::new();
    for name in header {
        columns.push(match name {
            "key" => Column::Key,
            "value" => Column::Value,
            "partition" => Column::Partition,
            "timestamp" => Column::Timestamp,
            name => match name.strip_prefix("header.") {
                Some(name) => Column::Header(name.to_owned()),
                None if has_value && name == "offset" => Column::Field(String::new()),
                None if has_value => {
                    return Err(format!(
                        "its column \"{name}\" has no place beside \"value\": the columns are key, value, partition, timestamp and header.NAME"
                    ));
                }
                None => Column::Field(name.to_owned()),
            },
        });
    }
    Ok(columns)
}

fn csv_record(
    columns: &[Column],
    record: &csv::StringRecord,
    encoders: &Encoders,
) -> std::result::Result<OutRecord, String> {
    let mut out = OutRecord::default();
    let mut object = Map::new();
    for (column, cell) in columns.iter().zip(record) {
        let given = Some(cell).filter(|cell| !cell.is_empty());
        match column {
            Column::Key => out.key = given.map(|text| encoders.key(text)).transpose()?,
            Column::Value => out.value = given.map(|text| encoders.value(text)).transpose()?,
            Column::Partition => {
                let read = given.map(str::parse).transpose();
                out.partition = read.map_err(|_| format!("the partition \"{cell}\" is no number"))?;
            }
            Column::Timestamp => {
                let value = given.map(|text| match text.parse::<i64>() {
                    Ok(ms) => Value::from(ms),
                    Err(_) => Value::from(text),
                });
                out.timestamp_ms = value.map(|value| timestamp(&value)).transpose()?.flatten();
            }
            Column::Header(name) => {
                if let Some(text) = given {
                    out.headers.push((name.clone(), Some(text.as_bytes().to_vec())));
                }
            }
            Column::Field(name) if name.is_empty() => {}
            Column::Field(name) => {
                object.insert(name.clone(), given.map_or(Value::Null, plain));
            }
        }
    }
    if !object.is_empty() {
        out.value = Some(encoders.value(&Value::Object(object).to_string())?);
    }
    Ok(out)
}

/// A cell of an object: a number, `true` and `false` as JSON writes them are those, anything else is text.
fn plain(cell: &str) -> Value {
    let read: Option<Value> = serde_json::from_str(cell).ok();
    // A number that JSON would write differently (1.50, an id of many digits) stays the text that it is.
    let same = read.filter(|value| {
        let written = value.to_string();
        (value.is_number() || value.is_boolean()) && written == cell
    });
    same.unwrap_or_else(|| Value::from(cell))
}

fn csv_reason(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => {
            format!("it has {len} cells, and the header {expected_len}")
        }
        csv::ErrorKind::Utf8 { .. } => "it is not UTF-8".to_owned(),
        csv::ErrorKind::Io(error) => error.to_string(),
        _ => "it is no CSV".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn read(format: ProduceFormat, text: &[u8]) -> Vec<Line> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text).unwrap();
        let encoders = Encoders {
            key: None,
            value: None,
        };
        let mut records = Records::open(file.path(), format, Some(7), &encoders).unwrap();
        std::iter::from_fn(|| records.next().unwrap()).collect()
    }

    fn text(bytes: &Option<Vec<u8>>) -> Option<String> {
        bytes
            .as_ref()
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    #[test]
    fn json_lines() {
        let check = |line: &str, key: Option<&str>, value: Option<&str>| {
            let found = read(ProduceFormat::JsonLines, line.as_bytes());
            let record = found[0].1.as_ref().unwrap();
            assert_eq!(
                (text(&record.key).as_deref(), text(&record.value).as_deref()),
                (key, value),
                "{line}"
            );
        };
        check(r#"{"key":"k","value":"v\n"}"#, Some("k"), Some("v\n"));
        // What is not a text is written as it stands, digit by digit.
        check(
            r#"{"key":7,"value":{"a": 1.50, "b":[ ]}}"#,
            Some("7"),
            Some(r#"{"a": 1.50, "b":[ ]}"#),
        );
        check(r#"{"key":null,"value":null}"#, None, None);
        check(r#"{}"#, None, None);
        check(r#"{"value_base64":"AP8="}"#, None, Some("\0\u{fffd}"));
        check(
            r#"{"partition":1,"offset":9,"timestamp":null,"key":"k","value":1,"problem":null}"#,
            Some("k"),
            Some("1"),
        );
        let whole = br#"
            {"value":"x","partition":3,"timestamp":"1970-01-01T00:00:01Z","headers":{"a":"1","b":null}}

            {"value":"y","timestamp":5,"headers":[{"name":"a","value":"1"},{"name":"a"}]}"#;
        let found = read(ProduceFormat::JsonLines, whole);
        let lines: Vec<u64> = found.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [2, 4]);
        let first = found[0].1.as_ref().unwrap();
        assert_eq!((first.partition, first.timestamp_ms), (Some(3), Some(1_000)));
        assert_eq!(
            first.headers,
            [("a".to_owned(), Some(b"1".to_vec())), ("b".to_owned(), None)]
        );
        let second = found[1].1.as_ref().unwrap();
        assert_eq!(
            (second.partition, second.timestamp_ms, second.headers.len()),
            (Some(7), Some(5), 2)
        );
        let refused = |line: &str, says: &str| {
            let found = read(ProduceFormat::JsonLines, line.as_bytes());
            let why = found[0].1.as_ref().unwrap_err();
            assert!(why.contains(says), "{why}");
        };
        refused(r#"{"valu":1}"#, "unknown field `valu`");
        refused(r#"{"value":"#, "column 9");
        refused(r#"{"value":1,"value_base64":"AA=="}"#, "both given");
        refused(r#"{"timestamp":"noon"}"#, "RFC 3339");
        refused(r#"{"headers":{"a":1}}"#, "neither a text nor null");
    }

    #[test]
    fn a_value_a_line_is_its_bytes() {
        let found = read(ProduceFormat::Values, b"one\r\n\n\xff\x00 \nlast");
        let values: Vec<_> = found
            .iter()
            .map(|(line, record)| (*line, record.as_ref().unwrap().value.clone().unwrap()))
            .collect();
        let expected: [(u64, &[u8]); 4] = [(1, b"one"), (2, b""), (3, b"\xff\x00 "), (4, b"last")];
        assert_eq!(values, expected.map(|(line, value)| (line, value.to_vec())));
        assert!(read(ProduceFormat::Values, b"").is_empty());
    }

    #[test]
    fn csv_with_a_header() {
        let found = read(
            ProduceFormat::Csv,
            b"key,value,partition,timestamp,header.x\nk,\"a\nb\",2,5,1\n,,,,\n",
        );
        let first = found[0].1.as_ref().unwrap();
        assert_eq!((found[0].0, text(&first.value).as_deref()), (2, Some("a\nb")));
        assert_eq!((first.partition, first.timestamp_ms), (Some(2), Some(5)));
        assert_eq!(first.headers, [("x".to_owned(), Some(b"1".to_vec()))]);
        let empty = found[1].1.as_ref().unwrap();
        assert_eq!((found[1].0, &empty.key, &empty.value), (4, &None, &None));
        // Without a column value the others are an object.
        let found = read(ProduceFormat::Csv, b"key,id,zip,on,price\nk,1,007,true,1.50\n");
        let value = text(&found[0].1.as_ref().unwrap().value);
        assert_eq!(
            value.as_deref(),
            Some(r#"{"id":1,"zip":"007","on":true,"price":"1.50"}"#)
        );
        let found = read(ProduceFormat::Csv, b"key,value\na,1\nb\nc,3\n");
        assert_eq!(
            found[1].1.as_ref().unwrap_err(),
            "it has 1 cells, and the header 2"
        );
        assert!(found[2].1.is_ok());
    }
}
