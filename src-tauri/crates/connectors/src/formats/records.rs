//! Raw records decoded for SQL: `_partition`, `_offset`, `_timestamp`, `_key` as text, and `value`: the fields of JSON
//! objects, or text.

use std::{borrow::Cow, sync::Arc};

use arrow::{
    array::{Array, ArrayRef, AsArray, BinaryArray, StringArray, StringBuilder},
    buffer::BooleanBuffer,
    datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit},
    error::ArrowError,
    record_batch::RecordBatch,
};
use tailrace_model::{Error, Result};

use super::{
    json::{Decoder, Fields},
    text_of,
};

/// Decodes raw batches; made anew when the fields change.
#[derive(Debug, Clone)]
pub struct RecordDecoder {
    /// Absent: values are text.
    json: Option<Decoder>,
    schema: SchemaRef,
}

/// A raw batch decoded.
#[derive(Debug, Clone)]
pub struct DecodedBatch {
    /// Of [`RecordDecoder::schema`], a row a record.
    pub records: RecordBatch,
    /// Set where the value is no JSON object though the others are.
    pub undecoded: BooleanBuffer,
    pub undecoded_count: u64,
    pub mistyped: u64,
}

impl RecordDecoder {
    /// `value` is a struct of these fields.
    pub fn json(fields: &Fields) -> Self {
        Self {
            json: Some(Decoder::new(fields)),
            schema: schema(fields.data_type()),
        }
    }

    /// `value` is text.
    pub fn text() -> Self {
        Self {
            json: None,
            schema: schema(DataType::Utf8),
        }
    }

    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// `raw` has at least the columns `_partition`, `_offset`, `_timestamp`, `_key` (bytes) and `value` (bytes).
    pub fn decode(&self, raw: &RecordBatch) -> Result<DecodedBatch> {
        let column = |name: &str| {
            raw.column_by_name(name)
                .ok_or_else(|| Error::internal("arrow", format!("a batch of records has no column {name}")))
        };
        let values = bytes(column("value")?)?;
        let keys: ArrayRef = Arc::new(texts(bytes(column("_key")?)?));
        let (value, undecoded, undecoded_count, mistyped): (ArrayRef, _, _, _) = match &self.json {
            Some(decoder) => {
                let decoded = decoder.decode(values)?;
                (
                    Arc::new(decoded.value),
                    decoded.undecoded,
                    decoded.undecoded_count,
                    decoded.mistyped,
                )
            }
            None => (
                Arc::new(texts(values)),
                BooleanBuffer::new_unset(values.len()),
                0,
                0,
            ),
        };
        let place = |name: &str| column(name).map(Arc::clone);
        let columns = vec![
            place("_partition")?,
            place("_offset")?,
            place("_timestamp")?,
            keys,
            value,
        ];
        let records = RecordBatch::try_new(self.schema(), columns)
            .map_err(|error: ArrowError| Error::internal("arrow", format!("a batch of records: {error}")))?;
        Ok(DecodedBatch {
            records,
            undecoded,
            undecoded_count,
            mistyped,
        })
    }
}

fn schema(value: DataType) -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("_partition", DataType::Int32, false),
        Field::new("_offset", DataType::Int64, false),
        Field::new(
            "_timestamp",
            DataType::Timestamp(TimeUnit::Millisecond, None),
            true,
        ),
        Field::new("_key", DataType::Utf8, true),
        Field::new("value", value, true),
    ]))
}

pub(super) fn bytes(array: &ArrayRef) -> Result<&BinaryArray> {
    array
        .as_binary_opt::<i32>()
        .ok_or_else(|| Error::internal("arrow", format!("bytes were expected, not {}", array.data_type())))
}

/// Text without a copy where all of it is text.
pub(super) fn texts(bytes: &BinaryArray) -> StringArray {
    if let Ok(texts) = StringArray::try_from_binary(bytes.clone())
        && texts
            .iter()
            .flatten()
            .all(|text| matches!(text_of(text.as_bytes()), Cow::Borrowed(_)))
    {
        return texts;
    }
    let mut builder = StringBuilder::with_capacity(bytes.len(), bytes.value_data().len());
    for value in bytes {
        builder.append_option(value.map(text_of));
    }
    builder.finish()
}

#[cfg(test)]
mod tests {
    use arrow::{
        array::{Int32Array, Int64Array, TimestampMillisecondArray},
        datatypes::Int64Type,
    };

    use super::*;
    use crate::formats::json::{Shape, ShapeLimits};

    fn raw(keys: Vec<Option<&[u8]>>, values: Vec<Option<&[u8]>>) -> RecordBatch {
        let rows = i32::try_from(values.len()).expect("few");
        RecordBatch::try_from_iter_with_nullable([
            (
                "_partition",
                Arc::new(Int32Array::from_iter_values(0..rows)) as ArrayRef,
                false,
            ),
            (
                "_offset",
                Arc::new(Int64Array::from_iter_values(0..i64::from(rows))),
                false,
            ),
            (
                "_timestamp",
                Arc::new(TimestampMillisecondArray::from_iter(
                    (0..rows).map(|at| Some(i64::from(at))),
                )),
                true,
            ),
            ("_key", Arc::new(BinaryArray::from(keys)), true),
            ("value", Arc::new(BinaryArray::from(values)), true),
        ])
        .expect("a batch")
    }

    #[test]
    fn json_records() {
        let raw = raw(
            vec![Some(b"k"), None, Some(b"\xff")],
            vec![Some(b"{\"a\":5}"), Some(b"x"), None],
        );
        let fields = Shape::infer(bytes(raw.column(4)).expect("bytes"), ShapeLimits::default());
        let decoded = RecordDecoder::json(&fields).decode(&raw).expect("decoded");
        let keys: Vec<Option<&str>> = decoded.records.column(3).as_string::<i32>().iter().collect();
        assert_eq!(keys, [Some("k"), None, Some("ff")]);
        let a = decoded
            .records
            .column(4)
            .as_struct()
            .column(0)
            .as_primitive::<Int64Type>();
        assert_eq!(a.iter().collect::<Vec<_>>(), [Some(5), None, None]);
        assert_eq!(
            (
                decoded.undecoded_count,
                decoded.undecoded.value(1),
                decoded.undecoded.value(2)
            ),
            (1, true, false)
        );
    }

    #[test]
    fn text_records() {
        let raw = raw(
            vec![None, None, None],
            vec![Some(b"hello"), None, Some(b"\x00\x01")],
        );
        let decoded = RecordDecoder::text().decode(&raw).expect("decoded");
        let values: Vec<Option<&str>> = decoded.records.column(4).as_string::<i32>().iter().collect();
        assert_eq!(values, [Some("hello"), None, Some("0001")]);
        assert_eq!(decoded.undecoded_count, 0);
    }
}
