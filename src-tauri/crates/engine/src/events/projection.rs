//! Events from the rows that a source's SQL projection produced.
//!
//! Columns with a meaning: `message_id`, `type` (absent or null: `track`), `event`, `user_id`, `anonymous_id`, `email`,
//! `timestamp`. Columns that begin with `_` are about the record (`_partition`, `_offset`, `_timestamp`) and are no
//! properties; every other one is a property, or of an identify a trait, and null means absent. A row without a message
//! id gets `SOURCE:TOPIC-PARTITION-OFFSET`, so that reading the record again is a duplicate, and two sources over one
//! topic are not duplicates of one another.

use std::borrow::Cow;

use arrow::{
    array::{
        Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, LargeStringArray, RecordBatch,
        StringArray, StringViewArray, TimestampMillisecondArray,
    },
    compute::{can_cast_types, cast},
    datatypes::{DataType, Field, Float64Type, Int64Type, Schema, TimeUnit, TimestampMillisecondType},
};
use tailrace_model::Error;

use super::{Cell, Event, EventKind, Malformed, Parsed, PropertiesBuilder, json, push_identifier, time};

/// Where the rows come from.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    pub source: &'a str,
    pub topic: &'a str,
    pub now_ms: i64,
}

const IDENTIFIERS: [&str; 3] = ["user_id", "anonymous_id", "email"];
const TIMESTAMP: DataType = DataType::Timestamp(TimeUnit::Millisecond, None);

/// Reads the events of a projected batch. An error means that the projection itself cannot be used.
pub fn parse_batch<'a>(batch: &'a RecordBatch, origin: &Origin<'_>) -> Result<Parsed<'a>, Error> {
    let rows = Rows::new(batch, origin)?;
    let mut parsed = Parsed::with_capacity(batch.num_rows());
    for row in 0..batch.num_rows() {
        parsed.push(row, rows.event(row, origin));
    }
    Ok(parsed)
}

/// The columns of a batch by what they mean.
struct Rows<'a> {
    message_id: Option<Values<'a>>,
    kind: Option<Values<'a>>,
    event: Option<Values<'a>>,
    identifiers: Vec<(&'static str, Values<'a>)>,
    timestamp: Option<Times<'a>>,
    position: Option<(Int64Array, Int64Array)>,
    record_time: Option<TimestampMillisecondArray>,
    properties: Vec<(&'a str, Values<'a>)>,
}

impl<'a> Rows<'a> {
    fn new(batch: &'a RecordBatch, origin: &Origin<'_>) -> Result<Self, Error> {
        let source = origin.source;
        let mut rows = Self {
            message_id: None,
            kind: None,
            event: None,
            identifiers: Vec::new(),
            timestamp: None,
            position: position(batch)?,
            record_time: record_time(batch)?,
            properties: Vec::new(),
        };
        let schema = batch.schema_ref();
        for (index, column) in batch.columns().iter().enumerate() {
            let name = schema.field(index).name().as_str();
            let values =
                || Values::new(name, column).map_err(|error| error.context(format!("source {source}")));
            match name {
                "message_id" => rows.message_id = Some(values()?),
                "type" => rows.kind = Some(values()?),
                "event" => rows.event = Some(values()?),
                "timestamp" => {
                    rows.timestamp =
                        Some(Times::new(column).map_err(|error| error.context(format!("source {source}")))?)
                }
                _ if name.starts_with('_') => {}
                _ => {
                    if let Some(kind) = IDENTIFIERS.into_iter().find(|kind| *kind == name) {
                        rows.identifiers.push((kind, values()?));
                    }
                    // An email is an identifier and something to ask for, as in Segment's traits.
                    if !matches!(name, "user_id" | "anonymous_id") {
                        rows.properties.push((name, values()?));
                    }
                }
            }
        }
        if rows.message_id.is_none() && rows.position.is_none() {
            return Err(Error::user(
                "projection_without_message_id",
                format!(
                    "source {source}: its SQL has neither message_id nor _partition and _offset: select one of them, so that no record is collected twice"
                ),
            ));
        }
        if rows.identifiers.is_empty() {
            return Err(Error::user(
                "projection_without_identifier",
                format!(
                    "source {source}: its SQL has none of user_id, anonymous_id and email: select at least one"
                ),
            ));
        }
        Ok(rows)
    }

    fn event(&self, row: usize, origin: &Origin<'_>) -> Result<Event<'a>, Malformed> {
        let kind = match self.kind.as_ref().and_then(|values| values.text(row)) {
            None => EventKind::Track,
            Some(text) => EventKind::parse(&text).ok_or_else(|| {
                Malformed::new(format!(
                    "unknown type \"{text}\": it has to be track, identify, page, screen, group or alias"
                ))
            })?,
        };
        let named = match kind {
            EventKind::Track | EventKind::Page | EventKind::Screen => self
                .event
                .as_ref()
                .and_then(|values| values.text(row))
                .filter(|text| !text.is_empty()),
            _ => None,
        };
        let event = named.or(kind.default_name().map(Cow::Borrowed)).ok_or_else(|| {
            Malformed::new("a track without the name of its event: the column event is empty")
        })?;

        let record_ms = self
            .record_time
            .as_ref()
            .filter(|times| times.is_valid(row))
            .map(|times| times.value(row));
        let received_ms = record_ms.unwrap_or(origin.now_ms);
        let timestamp_ms = match &self.timestamp {
            Some(times) => times.at(row)?.unwrap_or(received_ms),
            None => received_ms,
        };

        let mut identifiers = Vec::with_capacity(self.identifiers.len());
        for (kind, values) in &self.identifiers {
            if let Some(value) = values.text(row) {
                push_identifier(&mut identifiers, *kind, value)?;
            }
        }
        if identifiers.is_empty() {
            return Err(Malformed::new(
                "no identifier: user_id, anonymous_id and email are all empty",
            ));
        }
        let mut properties = PropertiesBuilder::default();
        for (name, values) in &self.properties {
            if let Some(cell) = values.cell(row) {
                properties.push(Cow::Borrowed(name), cell);
            }
        }
        Ok(Event {
            message_id: self.message_id(row, origin)?,
            kind,
            event,
            timestamp_ms,
            received_ms,
            identifiers,
            properties: properties.finish(),
            context: None,
        })
    }

    fn message_id(&self, row: usize, origin: &Origin<'_>) -> Result<Cow<'a, str>, Malformed> {
        let given = self
            .message_id
            .as_ref()
            .and_then(|values| values.text(row))
            .filter(|text| !text.is_empty());
        if let Some(id) = given {
            return Ok(id);
        }
        match &self.position {
            Some((partitions, offsets)) => Ok(Cow::Owned(format!(
                "{}:{}-{}-{}",
                origin.source,
                origin.topic,
                partitions.value(row),
                offsets.value(row)
            ))),
            None => Err(Malformed::new(
                "no message_id, and the SQL does not keep _partition and _offset",
            )),
        }
    }
}

fn position(batch: &RecordBatch) -> Result<Option<(Int64Array, Int64Array)>, Error> {
    let column = |name: &str| -> Result<Option<Int64Array>, Error> {
        let Some(column) = batch.column_by_name(name) else {
            return Ok(None);
        };
        let whole = cast_to(name, column, &DataType::Int64)?;
        Ok((whole.null_count() == 0).then(|| whole.as_primitive::<Int64Type>().clone()))
    };
    Ok(column("_partition")?.zip(column("_offset")?))
}

fn record_time(batch: &RecordBatch) -> Result<Option<TimestampMillisecondArray>, Error> {
    let Some(column) = batch.column_by_name("_timestamp") else {
        return Ok(None);
    };
    let times = cast_to("_timestamp", column, &TIMESTAMP)?;
    Ok(Some(times.as_primitive::<TimestampMillisecondType>().clone()))
}

fn cast_to(name: &str, column: &ArrayRef, to: &DataType) -> Result<ArrayRef, Error> {
    cast(column, to).map_err(|_| {
        Error::user(
            "projection_column_type",
            format!("the column {name} is {}: it cannot be used", column.data_type()),
        )
    })
}

/// The column `timestamp`.
pub(crate) enum Times<'a> {
    Ms(TimestampMillisecondArray),
    Text(Values<'a>),
}

impl<'a> Times<'a> {
    pub(crate) fn new(column: &'a ArrayRef) -> Result<Self, Error> {
        match column.data_type() {
            // Naive and zoned timestamps are both instants in UTC here; a cast between zones keeps the instant.
            DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => {
                let times = cast_to("timestamp", column, &TIMESTAMP)?;
                Ok(Self::Ms(times.as_primitive::<TimestampMillisecondType>().clone()))
            }
            DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Utf8View
            | DataType::Dictionary(..)
            | DataType::Null => Ok(Self::Text(Values::new("timestamp", column)?)),
            other => Err(Error::user(
                "projection_timestamp_type",
                format!(
                    "the column timestamp is {other}: make it a timestamp, for example with to_timestamp_millis(...)"
                ),
            )),
        }
    }

    pub(crate) fn at(&self, row: usize) -> Result<Option<i64>, Malformed> {
        match self {
            Self::Ms(times) => Ok(times.is_valid(row).then(|| times.value(row))),
            Self::Text(values) => match values.text(row).filter(|text| !text.is_empty()) {
                None => Ok(None),
                Some(text) => time::parse_ms(&text)
                    .map(Some)
                    .ok_or_else(|| Malformed::new(format!("timestamp \"{text}\" is not an ISO 8601 time"))),
            },
        }
    }
}

/// The values of one column, ready to be read row by row.
pub(crate) enum Values<'a> {
    Absent,
    Bool(&'a BooleanArray),
    Whole(Int64Array),
    Number(Float64Array),
    Text(&'a StringArray),
    LargeText(&'a LargeStringArray),
    TextView(&'a StringViewArray),
    /// Text that the batch has in another form: times, dictionaries, intervals.
    Made(StringArray),
    Json(Vec<Option<String>>),
}

impl<'a> Values<'a> {
    pub(crate) fn new(name: &str, column: &'a ArrayRef) -> Result<Self, Error> {
        Ok(match column.data_type() {
            DataType::Null => Self::Absent,
            DataType::Boolean => Self::Bool(column.as_boolean()),
            DataType::Utf8 => Self::Text(column.as_string()),
            DataType::LargeUtf8 => Self::LargeText(column.as_string()),
            DataType::Utf8View => Self::TextView(column.as_string_view()),
            DataType::UInt64 => Self::Json(texts(name, column)?),
            whole if whole.is_integer() => Self::Whole(
                cast_to(name, column, &DataType::Int64)?
                    .as_primitive::<Int64Type>()
                    .clone(),
            ),
            number if number.is_numeric() => Self::Number(
                cast_to(name, column, &DataType::Float64)?
                    .as_primitive::<Float64Type>()
                    .clone(),
            ),
            // What sha256() and its like give: hexadecimal, as everybody writes it.
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView => {
                let bytes = cast_to(name, column, &DataType::Binary)?;
                let bytes = bytes.as_binary::<i32>();
                Self::Made(bytes.iter().map(|bytes| bytes.map(hex)).collect())
            }
            DataType::Timestamp(..) | DataType::Date64 => {
                let times = cast_to(name, column, &TIMESTAMP)?;
                let times = times.as_primitive::<TimestampMillisecondType>();
                Self::Made(times.iter().map(|ms| ms.map(time::format_ms)).collect())
            }
            nested if nested.is_nested() => Self::Json(nested_json(name, column)?),
            other if can_cast_types(other, &DataType::Utf8) => {
                Self::Made(cast_to(name, column, &DataType::Utf8)?.as_string::<i32>().clone())
            }
            other => {
                return Err(Error::user(
                    "projection_column_type",
                    format!("the column {name} is {other}: it cannot be a property"),
                ));
            }
        })
    }

    /// The value as a property; absent: null.
    pub(crate) fn cell(&self, row: usize) -> Option<Cell<'a>> {
        match self {
            Self::Absent => None,
            Self::Bool(values) => values.is_valid(row).then(|| Cell::Bool(values.value(row))),
            Self::Whole(values) => values.is_valid(row).then(|| whole(values.value(row))),
            Self::Number(values) => values.is_valid(row).then(|| number(values.value(row))),
            Self::Json(values) => values
                .get(row)
                .cloned()
                .flatten()
                .map(|text| match json::number(&text) {
                    Some(value) if !text.starts_with(['[', '{']) => Cell::Number(value),
                    _ => Cell::Json(Cow::Owned(text)),
                }),
            _ => self.text(row).map(Cell::Text),
        }
    }

    /// The value as text; absent: null, or nested.
    pub(crate) fn text(&self, row: usize) -> Option<Cow<'a, str>> {
        match self {
            Self::Absent => None,
            Self::Text(values) => values.is_valid(row).then(|| Cow::Borrowed(values.value(row))),
            Self::LargeText(values) => values.is_valid(row).then(|| Cow::Borrowed(values.value(row))),
            Self::TextView(values) => values.is_valid(row).then(|| Cow::Borrowed(values.value(row))),
            Self::Made(values) => values
                .is_valid(row)
                .then(|| Cow::Owned(values.value(row).to_owned())),
            Self::Bool(values) => values
                .is_valid(row)
                .then(|| Cow::Owned(values.value(row).to_string())),
            Self::Whole(values) => values
                .is_valid(row)
                .then(|| Cow::Owned(values.value(row).to_string())),
            Self::Number(values) => values.is_valid(row).then(|| {
                let mut text = String::new();
                json::write_number(values.value(row), &mut text);
                Cow::Owned(text)
            }),
            Self::Json(values) => values.get(row).cloned().flatten().map(Cow::Owned),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn whole<'a>(value: i64) -> Cell<'a> {
    if value.unsigned_abs() < (1 << 53) {
        Cell::Number(value as f64)
    } else {
        Cell::Json(Cow::Owned(value.to_string()))
    }
}

/// JSON has no infinities: they are text.
fn number<'a>(value: f64) -> Cell<'a> {
    if value.is_finite() {
        Cell::Number(value)
    } else {
        Cell::Text(Cow::Owned(value.to_string()))
    }
}

fn texts(name: &str, column: &ArrayRef) -> Result<Vec<Option<String>>, Error> {
    let texts = cast_to(name, column, &DataType::Utf8)?;
    Ok(texts
        .as_string::<i32>()
        .iter()
        .map(|text| text.map(str::to_owned))
        .collect())
}

fn nested_json(name: &str, column: &ArrayRef) -> Result<Vec<Option<String>>, Error> {
    let wrong = |fault: &dyn std::fmt::Display| {
        Error::user(
            "projection_column_type",
            format!("the column {name} cannot be written as JSON: {fault}"),
        )
    };
    let field = Field::new("v", column.data_type().clone(), true);
    let batch = RecordBatch::try_new(Schema::new(vec![field]).into(), vec![column.clone()])
        .map_err(|fault| wrong(&fault))?;
    let mut writer = arrow::json::LineDelimitedWriter::new(Vec::new());
    writer.write(&batch).map_err(|fault| wrong(&fault))?;
    writer.finish().map_err(|fault| wrong(&fault))?;
    let lines = String::from_utf8(writer.into_inner()).map_err(|fault| wrong(&fault))?;
    let mut values = Vec::with_capacity(column.len());
    for line in lines.lines() {
        let mut value = None;
        json::object(line, |_, token| {
            if let json::Token::Object(text) | json::Token::Array(text) = token {
                value = Some(text.to_owned());
            }
            Ok::<_, json::NotJson>(())
        })
        .map_err(|fault| wrong(&fault.sentence()))?;
        values.push(value);
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Decimal128Array, Int32Array, ListArray, UInt64Array};

    use super::*;

    const ORIGIN: Origin<'_> = Origin {
        source: "retail",
        topic: "orders",
        now_ms: 9_000,
    };

    fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)))
            .expect("a batch")
    }

    fn text(values: &[Option<&str>]) -> ArrayRef {
        Arc::new(StringArray::from(values.to_vec()))
    }

    #[test]
    fn rows_become_events() {
        let lists = ListArray::from_iter_primitive::<Int64Type, _, _>([Some(vec![Some(1), None]), None]);
        let prices = Decimal128Array::from(vec![Some(1_250), None])
            .with_precision_and_scale(10, 2)
            .expect("decimal");
        let batch = batch(vec![
            ("_partition", Arc::new(Int32Array::from(vec![0, 1]))),
            ("_offset", Arc::new(Int64Array::from(vec![7, 8]))),
            ("message_id", text(&[Some("m1"), None])),
            ("type", text(&[None, Some("identify")])),
            ("event", text(&[Some("Order Line"), None])),
            (
                "user_id",
                Arc::new(Float64Array::from(vec![Some(17_850.0), None])),
            ),
            ("email", text(&[None, Some("a@b.c")])),
            ("timestamp", text(&[Some("2011-12-01 08:26:00"), None])),
            ("price", Arc::new(prices)),
            ("big", Arc::new(UInt64Array::from(vec![Some(u64::MAX), Some(3)]))),
            ("lines", Arc::new(lists)),
            ("_hidden", text(&[Some("x"), None])),
        ]);
        let parsed = parse_batch(&batch, &ORIGIN).expect("events");
        assert!(parsed.malformed.is_empty(), "{:?}", parsed.malformed);
        let [first, second] = &parsed.events[..] else {
            panic!("two events")
        };
        assert_eq!(
            (first.message_id.as_ref(), first.kind, first.event.as_ref()),
            ("m1", EventKind::Track, "Order Line")
        );
        assert_eq!(first.timestamp_ms, 1_322_727_960_000);
        assert_eq!(first.received_ms, 9_000);
        assert_eq!(first.identifier("user_id"), Some("17850"));
        let json = |text: &str| Cell::Json(Cow::Owned(text.to_owned()));
        let expected = [
            ("price", Cell::Number(12.5)),
            ("big", json("18446744073709551615")),
            ("lines", json("[1,null]")),
        ];
        assert_eq!(
            first.properties,
            expected.map(|(name, cell)| (Cow::Borrowed(name), cell))
        );
        assert_eq!(
            (second.message_id.as_ref(), second.kind),
            ("retail:orders-1-8", EventKind::Identify)
        );
        assert_eq!(second.timestamp_ms, 9_000);
        assert_eq!(second.identifier("email"), Some("a@b.c"));
        let expected = [
            ("email", Cell::Text(Cow::Borrowed("a@b.c"))),
            ("big", Cell::Number(3.0)),
        ];
        assert_eq!(
            second.properties,
            expected.map(|(name, cell)| (Cow::Borrowed(name), cell))
        );
    }

    #[test]
    fn each_row_has_its_own_fault() {
        let batch = batch(vec![
            (
                "message_id",
                text(&[Some("a"), Some("b"), Some("c"), None, Some("e")]),
            ),
            ("type", text(&[Some("sale"), None, None, None, None])),
            ("event", text(&[Some("x"), None, Some("x"), Some("x"), Some("x")])),
            (
                "user_id",
                text(&[Some("u"), Some("u"), Some(""), Some("u"), Some("u")]),
            ),
            ("timestamp", text(&[None, None, None, None, Some("noon")])),
        ]);
        let parsed = parse_batch(&batch, &ORIGIN).expect("events");
        let reasons: Vec<_> = parsed
            .malformed
            .iter()
            .map(|one| (one.row, one.reason.as_str()))
            .collect();
        let expected = [
            (
                0,
                "unknown type \"sale\": it has to be track, identify, page, screen, group or alias",
            ),
            (
                1,
                "a track without the name of its event: the column event is empty",
            ),
            (2, "no identifier: user_id, anonymous_id and email are all empty"),
            (
                3,
                "no message_id, and the SQL does not keep _partition and _offset",
            ),
            (4, "timestamp \"noon\" is not an ISO 8601 time"),
        ];
        assert_eq!(reasons, expected);
    }

    #[test]
    fn a_projection_that_cannot_be_used_says_why() {
        let check = |columns: Vec<(&str, ArrayRef)>, code: &str| {
            let batch = batch(columns);
            let error = parse_batch(&batch, &ORIGIN).expect_err(code);
            assert_eq!(error.code, code, "{}", error.message);
        };
        check(
            vec![("user_id", text(&[Some("u")]))],
            "projection_without_message_id",
        );
        check(
            vec![("message_id", text(&[Some("m")]))],
            "projection_without_identifier",
        );
        let number: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        check(
            vec![
                ("message_id", text(&[Some("m")])),
                ("user_id", text(&[Some("u")])),
                ("timestamp", number),
            ],
            "projection_timestamp_type",
        );
    }
}
