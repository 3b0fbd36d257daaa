//! Records into Arrow, a copy each and no allocation a record.

use std::sync::{Arc, LazyLock};

use arrow::{
    array::{
        ArrayRef, BinaryArray, Int32Array, Int64Array, ListArray, StringArray, StructArray,
        TimestampMillisecondArray,
    },
    buffer::{NullBuffer, OffsetBuffer, ScalarBuffer},
    datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit},
    record_batch::RecordBatch,
};
use tailrace_model::{Error, Result};

use crate::clusters::kafka::ffi::consume::Message;

static HEADER_FIELDS: LazyLock<Fields> = LazyLock::new(|| {
    Fields::from(vec![
        Field::new("name", DataType::Utf8, false),
        Field::new("value", DataType::Binary, true),
    ])
});

static HEADER_ITEM: LazyLock<Arc<Field>> =
    LazyLock::new(|| Arc::new(Field::new("item", DataType::Struct(HEADER_FIELDS.clone()), false)));

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    Arc::new(Schema::new(vec![
        Field::new("_partition", DataType::Int32, false),
        Field::new("_offset", DataType::Int64, false),
        Field::new(
            "_timestamp",
            DataType::Timestamp(TimeUnit::Millisecond, None),
            true,
        ),
        Field::new("_key", DataType::Binary, true),
        Field::new("value", DataType::Binary, true),
        Field::new("_headers", DataType::List(HEADER_ITEM.clone()), false),
    ]))
});

/// The columns of a raw batch: `_partition INT`, `_offset BIGINT`, `_timestamp TIMESTAMP(ms)` null, `_key BINARY` null,
/// `value BINARY` null (a tombstone), `_headers LIST<STRUCT<name TEXT, value BINARY null>>`.
pub fn raw_schema() -> SchemaRef {
    SCHEMA.clone()
}

/// Which columns of a raw batch are filled; place and time always are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawColumns {
    pub key: bool,
    pub value: bool,
    pub headers: bool,
}

impl Default for RawColumns {
    fn default() -> Self {
        Self {
            key: true,
            value: true,
            headers: true,
        }
    }
}

/// Texts or bytes one after the other, with 32-bit offsets, as Arrow holds them.
struct Bytes {
    data: Vec<u8>,
    offsets: Vec<i32>,
    /// Made when the first null comes.
    valid: Option<Vec<bool>>,
}

impl Bytes {
    fn new() -> Self {
        Self {
            data: Vec::new(),
            offsets: vec![0],
            valid: None,
        }
    }

    #[inline]
    fn push(&mut self, value: Option<&[u8]>) {
        match value {
            Some(value) => {
                self.data.extend_from_slice(value);
                if let Some(valid) = &mut self.valid {
                    valid.push(true);
                }
            }
            None => {
                let before = self.offsets.len() - 1;
                self.valid.get_or_insert_with(|| vec![true; before]).push(false);
            }
        }
        // Batches end long before 2 GiB: see `Batch::fits`.
        self.offsets
            .push(i32::try_from(self.data.len()).unwrap_or(i32::MAX));
    }

    fn take(&mut self) -> (OffsetBuffer<i32>, arrow::buffer::Buffer, Option<NullBuffer>) {
        let room = self.data.len();
        let count = self.offsets.len();
        let data = std::mem::replace(&mut self.data, Vec::with_capacity(room));
        let mut offsets = Vec::with_capacity(count);
        offsets.push(0);
        let offsets = std::mem::replace(&mut self.offsets, offsets);
        let valid = self.valid.take().map(NullBuffer::from);
        (OffsetBuffer::new(ScalarBuffer::from(offsets)), data.into(), valid)
    }
}

/// Records that become one Arrow batch.
pub(super) struct Batch {
    partitions: Vec<i32>,
    offsets: Vec<i64>,
    timestamps: Vec<i64>,
    timestamps_valid: Option<Vec<bool>>,
    order_ms: Vec<i64>,
    keys: Bytes,
    values: Bytes,
    /// One more than records: where the headers of each begin.
    headers: Vec<i32>,
    header_names: Bytes,
    header_values: Bytes,
    bytes: usize,
    columns: RawColumns,
}

impl Batch {
    pub fn new(columns: RawColumns) -> Self {
        Self {
            columns,
            partitions: Vec::new(),
            offsets: Vec::new(),
            timestamps: Vec::new(),
            timestamps_valid: None,
            order_ms: Vec::new(),
            keys: Bytes::new(),
            values: Bytes::new(),
            headers: vec![0],
            header_names: Bytes::new(),
            header_values: Bytes::new(),
            bytes: 0,
        }
    }

    pub fn records(&self) -> usize {
        self.offsets.len()
    }

    /// Bytes of keys, values and headers.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// Whether so many more bytes can be held: a column's offsets have 32 bits.
    pub fn fits(&self, more: usize) -> bool {
        self.bytes.saturating_add(more) < i32::MAX as usize
    }

    /// `order_ms`: the largest time of the record's partition so far.
    #[inline]
    pub fn push(&mut self, message: &Message<'_>, timestamp_ms: Option<i64>, order_ms: i64) {
        let key = message.key().filter(|_| self.columns.key);
        let value = message.value().filter(|_| self.columns.value);
        self.partitions.push(message.partition());
        self.offsets.push(message.offset());
        self.order_ms.push(order_ms);
        match timestamp_ms {
            Some(ms) => {
                self.timestamps.push(ms);
                if let Some(valid) = &mut self.timestamps_valid {
                    valid.push(true);
                }
            }
            None => {
                let before = self.timestamps.len();
                self.timestamps.push(0);
                self.timestamps_valid
                    .get_or_insert_with(|| vec![true; before])
                    .push(false);
            }
        }
        self.keys.push(key);
        self.values.push(value);
        self.bytes += key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len);
        let (names, values, bytes) = (&mut self.header_names, &mut self.header_values, &mut self.bytes);
        if self.columns.headers {
            message.headers(|name, value| {
                names.push(Some(name.as_bytes()));
                values.push(value);
                *bytes += name.len() + value.map_or(0, <[u8]>::len);
            });
        }
        self.headers
            .push(i32::try_from(self.header_names.offsets.len() - 1).unwrap_or(i32::MAX));
    }

    /// The records so far as an Arrow batch, and the place of each in the order of times; this one is empty afterwards.
    pub fn finish(&mut self) -> Result<(RecordBatch, Int64Array)> {
        let wrong = |error: arrow::error::ArrowError| {
            Error::internal("arrow", format!("a batch of records: {error}"))
        };
        let count = self.offsets.len();
        let take = |values: &mut Vec<i64>| std::mem::replace(values, Vec::with_capacity(count));
        let partitions = std::mem::replace(&mut self.partitions, Vec::with_capacity(count));
        let offsets = take(&mut self.offsets);
        let order_ms = Int64Array::from(take(&mut self.order_ms));
        let timestamps = take(&mut self.timestamps);
        let mut headers = Vec::with_capacity(count + 1);
        headers.push(0);
        let headers = std::mem::replace(&mut self.headers, headers);
        self.bytes = 0;
        let valid = self.timestamps_valid.take().map(NullBuffer::from);
        let (names, data, _) = self.header_names.take();
        let names = StringArray::try_new(names, data, None).map_err(wrong)?;
        let values = binary(&mut self.header_values).map_err(wrong)?;
        let items = StructArray::try_new(
            HEADER_FIELDS.clone(),
            vec![Arc::new(names), Arc::new(values)],
            None,
        )
        .map_err(wrong)?;
        let headers = OffsetBuffer::new(ScalarBuffer::from(headers));
        let headers =
            ListArray::try_new(HEADER_ITEM.clone(), headers, Arc::new(items), None).map_err(wrong)?;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int32Array::from(partitions)),
            Arc::new(Int64Array::from(offsets)),
            Arc::new(
                TimestampMillisecondArray::try_new(ScalarBuffer::from(timestamps), valid).map_err(wrong)?,
            ),
            Arc::new(binary(&mut self.keys).map_err(wrong)?),
            Arc::new(binary(&mut self.values).map_err(wrong)?),
            Arc::new(headers),
        ];
        let records = RecordBatch::try_new(raw_schema(), columns).map_err(wrong)?;
        Ok((records, order_ms))
    }
}

fn binary(bytes: &mut Bytes) -> std::result::Result<BinaryArray, arrow::error::ArrowError> {
    let (offsets, data, valid) = bytes.take();
    BinaryArray::try_new(offsets, data, valid)
}
