//! Raw records as the columns of a table, only those that are asked for: `_partition INT`, `_offset BIGINT`,
//! `_timestamp TIMESTAMP(ms, UTC)` null, `_key VARCHAR` null, `_headers MAP<VARCHAR, VARCHAR>` (a name may come twice) and
//! `value`, a struct of the fields of JSON objects or text, null where there is no value.

use std::sync::{Arc, LazyLock};

use arrow::{
    array::{ArrayRef, AsArray, MapArray, RecordBatch, RecordBatchOptions, StringArray, StructArray},
    buffer::BooleanBuffer,
    datatypes::{
        DataType, Field, Fields as ArrowFields, Schema, SchemaRef, TimeUnit, TimestampMillisecondType,
    },
    error::ArrowError,
};
use tailrace_model::{Error, Result};

use super::{
    json::{Decoder, Fields},
    records::{DecodedBatch, bytes, texts},
};

static HEADER: LazyLock<ArrowFields> = LazyLock::new(|| {
    ArrowFields::from(vec![
        Field::new("key", DataType::Utf8, false),
        Field::new("value", DataType::Utf8, true),
    ])
});

static HEADERS: LazyLock<Arc<Field>> =
    LazyLock::new(|| Arc::new(Field::new("entries", DataType::Struct(HEADER.clone()), false)));

/// A column of a topic's table.
#[derive(Debug, Clone, PartialEq)]
pub enum TableColumn {
    Partition,
    Offset,
    Timestamp,
    Key,
    Headers,
    /// `value` as a struct of these fields.
    Fields(Fields),
    /// `value` as text.
    Text,
}

impl TableColumn {
    pub fn field(&self) -> Field {
        match self {
            Self::Partition => Field::new("_partition", DataType::Int32, false),
            Self::Offset => Field::new("_offset", DataType::Int64, false),
            Self::Timestamp => {
                let utc = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
                Field::new("_timestamp", utc, true)
            }
            Self::Key => Field::new("_key", DataType::Utf8, true),
            Self::Headers => Field::new("_headers", DataType::Map(HEADERS.clone(), false), false),
            Self::Fields(fields) => Field::new("value", fields.data_type(), true),
            Self::Text => Field::new("value", DataType::Utf8, true),
        }
    }
}

/// Decodes raw batches into the same columns.
#[derive(Debug, Clone)]
pub struct TableDecoder {
    columns: Vec<(TableColumn, Option<Decoder>)>,
    schema: SchemaRef,
}

impl TableDecoder {
    pub fn new(columns: &[TableColumn]) -> Self {
        let decoder = |column: &TableColumn| match column {
            TableColumn::Fields(fields) => Some(Decoder::new(fields)),
            _ => None,
        };
        Self {
            schema: Arc::new(Schema::new(
                columns.iter().map(TableColumn::field).collect::<Vec<_>>(),
            )),
            columns: columns
                .iter()
                .map(|column| (column.clone(), decoder(column)))
                .collect(),
        }
    }

    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// `raw` has the columns of [`raw_schema`](crate::clusters::kafka::raw_schema).
    pub fn decode(&self, raw: &RecordBatch) -> Result<DecodedBatch> {
        let rows = raw.num_rows();
        let place = |name: &str| {
            raw.column_by_name(name)
                .ok_or_else(|| Error::internal("arrow", format!("a batch of records has no column {name}")))
        };
        let mut undecoded = BooleanBuffer::new_unset(rows);
        let (mut undecoded_count, mut mistyped) = (0, 0);
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.columns.len());
        for (column, decoder) in &self.columns {
            columns.push(match (column, decoder) {
                (TableColumn::Partition, _) => Arc::clone(place("_partition")?),
                (TableColumn::Offset, _) => Arc::clone(place("_offset")?),
                (TableColumn::Timestamp, _) => {
                    let times = place("_timestamp")?.as_primitive::<TimestampMillisecondType>();
                    Arc::new(times.clone().with_timezone("UTC"))
                }
                (TableColumn::Key, _) => Arc::new(texts(bytes(place("_key")?)?)),
                (TableColumn::Headers, _) => Arc::new(headers(place("_headers")?)?),
                (TableColumn::Fields(_), Some(decoder)) => {
                    let decoded = decoder.decode(bytes(place("value")?)?)?;
                    (undecoded, undecoded_count, mistyped) =
                        (decoded.undecoded, decoded.undecoded_count, decoded.mistyped);
                    Arc::new(decoded.value)
                }
                (TableColumn::Fields(_) | TableColumn::Text, _) => Arc::new(texts(bytes(place("value")?)?)),
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let records = RecordBatch::try_new_with_options(self.schema(), columns, &options)
            .map_err(|error: ArrowError| Error::internal("arrow", format!("a batch of records: {error}")))?;
        Ok(DecodedBatch {
            records,
            undecoded,
            undecoded_count,
            mistyped,
        })
    }
}

/// `LIST<STRUCT<name, value>>` of bytes as a map of texts.
fn headers(raw: &ArrayRef) -> Result<MapArray> {
    let wrong = || Error::internal("arrow", "the headers of records are no list of names and values");
    let list = raw.as_list_opt::<i32>().ok_or_else(wrong)?;
    let entries = list.values().as_struct_opt().ok_or_else(wrong)?;
    let names: &StringArray = entries.column(0).as_string_opt::<i32>().ok_or_else(wrong)?;
    let values = texts(bytes(entries.column(1))?);
    let entries = StructArray::try_new(
        HEADER.clone(),
        vec![Arc::new(names.clone()), Arc::new(values)],
        None,
    )
    .map_err(|_| wrong())?;
    MapArray::try_new(HEADERS.clone(), list.offsets().clone(), entries, None, false).map_err(|_| wrong())
}
