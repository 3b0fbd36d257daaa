//! Arrow values as the text of cells, and results kept for a window to page through.
//!
//! Shapes: a null is `None`; a time is RFC 3339 in UTC with milliseconds; a number is written plainly, never with an
//! exponent; lists, structs and maps are JSON; bytes are hexadecimal.

use std::{fmt::Write, sync::LazyLock};

use arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch},
    compute::cast,
    datatypes::{DataType, Field, FieldRef, Float32Type, Float64Type, Int64Type, SchemaRef, TimeUnit},
    error::ArrowError,
    json::writer::{Encoder, EncoderFactory, EncoderOptions, NullableEncoder, make_encoder},
    util::display::{ArrayFormatter, FormatOptions},
};
use rustc_hash::FxHashMap;
use std::sync::Arc;
use tailrace_model::{
    api::Rows,
    limits::{CELL_CHARS_MAX, ROWS_PAGE_MAX, SQL_RESULT_BYTES_MAX, SQL_RESULT_ROWS_MAX},
};

use super::names;

pub(super) const TIMESTAMP_FORMAT: &str = "%Y-%m-%dT%H:%M:%S%.3fZ";
const NESTED_TZ_FORMAT: &str = "%Y-%m-%dT%H:%M:%S%.3f%:z";

/// One column's values as text.
pub(super) enum Cells<'a> {
    Float64(&'a arrow::array::Float64Array),
    Float32(&'a arrow::array::Float32Array),
    Formatted(Box<ArrayFormatter<'a>>, &'a dyn Array),
    Nested(&'a ArrayRef),
    Bytes(&'a ArrayRef),
}

impl<'a> Cells<'a> {
    /// `column` as [`readable`] returned it.
    pub(super) fn new(column: &'a ArrayRef) -> Self {
        match column.data_type() {
            DataType::Float64 => Self::Float64(column.as_primitive::<Float64Type>()),
            DataType::Float32 => Self::Float32(column.as_primitive::<Float32Type>()),
            DataType::Binary => Self::Bytes(column),
            _ => match ArrayFormatter::try_new(column.as_ref(), &FORMAT) {
                Ok(formatter) if !is_nested(column.data_type()) => {
                    Self::Formatted(Box::new(formatter), column.as_ref())
                }
                _ => Self::Nested(column),
            },
        }
    }

    pub(super) fn text(&self, row: usize) -> Option<String> {
        match self {
            Self::Float64(values) => values.is_valid(row).then(|| values.value(row).to_string()),
            Self::Float32(values) => values.is_valid(row).then(|| values.value(row).to_string()),
            Self::Formatted(formatter, values) => {
                values.is_valid(row).then(|| formatter.value(row).to_string())
            }
            Self::Nested(values) => values.is_valid(row).then(|| json(values, row)),
            Self::Bytes(values) => values
                .is_valid(row)
                .then(|| hexadecimal(values.as_binary::<i32>().value(row))),
        }
    }
}

const FORMAT: FormatOptions<'static> = FormatOptions::new()
    .with_timestamp_format(Some(TIMESTAMP_FORMAT))
    .with_timestamp_tz_format(Some(TIMESTAMP_FORMAT));

/// The column with its times in UTC to the millisecond, its dictionaries unpacked and its bytes as `Binary`.
pub(super) fn readable(column: &ArrayRef) -> ArrayRef {
    let wanted = match column.data_type() {
        DataType::Timestamp(_, None) => DataType::Timestamp(TimeUnit::Millisecond, None),
        DataType::Timestamp(..) => DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
        DataType::Dictionary(_, values) => values.as_ref().clone(),
        DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => DataType::Binary,
        DataType::Null => return Arc::clone(column),
        _ => return Arc::clone(column),
    };
    let unpacked = cast(column, &wanted).unwrap_or_else(|_| Arc::clone(column));
    // A dictionary may hold times or bytes.
    if matches!(column.data_type(), DataType::Dictionary(..)) && unpacked.data_type() == &wanted {
        return readable(&unpacked);
    }
    unpacked
}

fn is_nested(data_type: &DataType) -> bool {
    data_type.is_nested()
}

fn json(values: &ArrayRef, row: usize) -> String {
    let field = Arc::new(Field::new("value", values.data_type().clone(), true));
    let options = json_options();
    let one = values.slice(row, 1);
    let mut text = Vec::new();
    if let Ok(mut encoder) = make_encoder(&field, one.as_ref(), &options) {
        encoder.encode(0, &mut text);
    }
    String::from_utf8_lossy(&text).into_owned()
}

fn json_options() -> EncoderOptions {
    EncoderOptions::default()
        .with_explicit_nulls(true)
        .with_timestamp_format(TIMESTAMP_FORMAT.to_owned())
        .with_timestamp_tz_format(NESTED_TZ_FORMAT.to_owned())
        .with_encoder_factory(Arc::new(PlainNumbers))
}

/// Numbers in JSON as a person writes them: what is whole has no `.0`, which it most likely had not in the record either.
#[derive(Debug)]
pub(super) struct PlainNumbers;

/// Up to here every whole number is one.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// With how others are written.
struct PlainFloats<'a>(&'a arrow::array::Float64Array, NullableEncoder<'a>);

impl Encoder for PlainFloats<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        let number = self.0.value(row);
        if number.fract() == 0.0 && number.abs() <= WHOLE_MAX {
            out.extend_from_slice((number as i64).to_string().as_bytes());
        } else {
            self.1.encode(row, out);
        }
    }
}

impl EncoderFactory for PlainNumbers {
    fn make_default_encoder<'a>(
        &self,
        field: &'a FieldRef,
        array: &'a dyn Array,
        _: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        static OTHERS: LazyLock<EncoderOptions> = LazyLock::new(EncoderOptions::default);
        let Some(floats) = array.as_primitive_opt::<Float64Type>() else {
            return Ok(None);
        };
        let encoder = PlainFloats(floats, make_encoder(field, array, &OTHERS)?);
        Ok(Some(NullableEncoder::new(
            Box::new(encoder),
            floats.nulls().cloned(),
        )))
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// One value as text; `None`: null.
pub fn cell(column: &ArrayRef, row: usize) -> Option<String> {
    let one = readable(&column.slice(row, 1));
    if one.data_type() == &DataType::Null {
        None
    } else {
        Cells::new(&one).text(0)
    }
}

/// The `profile_id`s of a batch of profiles; a batch without them has none.
pub(super) fn profile_ids(profiles: &RecordBatch) -> &[i64] {
    let ids = profiles
        .column_by_name("profile_id")
        .and_then(|ids| ids.as_primitive_opt::<Int64Type>());
    ids.map(|ids| ids.values().as_ref()).unwrap_or_default()
}

/// Where each profile's row is; `None` when their ids ascend, so that they can be searched for. Batches without rows
/// count as unordered: nothing is found between them.
pub(super) fn unordered_profiles(batches: &[RecordBatch]) -> Option<FxHashMap<i64, (usize, usize)>> {
    let ids = || batches.iter().flat_map(profile_ids);
    if batches.iter().all(|batch| batch.num_rows() > 0) && ids().is_sorted() {
        return None;
    }
    let mut rows = FxHashMap::default();
    for (at, batch) in batches.iter().enumerate() {
        rows.extend(
            profile_ids(batch)
                .iter()
                .enumerate()
                .map(|(row, id)| (*id, (at, row))),
        );
    }
    Some(rows)
}

/// All rows of a batch as cells; nothing is cut.
pub fn rows_of(batch: &RecordBatch) -> Vec<Vec<Option<String>>> {
    let columns: Vec<ArrayRef> = batch.columns().iter().map(readable).collect();
    let cells: Vec<Option<Cells>> = columns
        .iter()
        .map(|column| (column.data_type() != &DataType::Null).then(|| Cells::new(column)))
        .collect();
    let row = |row| {
        cells
            .iter()
            .map(|cells| cells.as_ref().and_then(|cells| cells.text(row)))
            .collect()
    };
    (0..batch.num_rows()).map(row).collect()
}

/// A result in memory, up to its limits in rows and bytes.
#[derive(Debug, Clone)]
pub struct ResultSet {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    /// The number of the first row of each batch.
    starts: Vec<u64>,
    rows: u64,
    bytes: u64,
    rows_max: u64,
    bytes_max: u64,
}

impl ResultSet {
    /// As large as a window may have.
    pub fn new(schema: SchemaRef) -> Self {
        Self::with_limits(schema, SQL_RESULT_ROWS_MAX as u64, SQL_RESULT_BYTES_MAX as u64)
    }

    pub fn with_limits(schema: SchemaRef, rows_max: u64, bytes_max: u64) -> Self {
        Self {
            schema,
            batches: Vec::new(),
            starts: Vec::new(),
            rows: 0,
            bytes: 0,
            rows_max,
            bytes_max,
        }
    }

    /// Keeps the rows that still fit; `false`: not all did, and no more will.
    pub fn push(&mut self, batch: RecordBatch) -> bool {
        let room = usize::try_from(self.rows_max - self.rows.min(self.rows_max)).unwrap_or(usize::MAX);
        let whole = batch.num_rows() <= room;
        let batch = if whole { batch } else { batch.slice(0, room) };
        // A slice keeps all the memory of what it was cut from.
        let bytes = batch.get_array_memory_size() as u64;
        if self.bytes + bytes > self.bytes_max {
            return false;
        }
        if batch.num_rows() > 0 {
            self.starts.push(self.rows);
            self.rows += batch.num_rows() as u64;
            self.bytes += bytes;
            self.batches.push(batch);
        }
        whole
    }

    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    pub fn batches(&self) -> &[RecordBatch] {
        &self.batches
    }

    pub fn rows(&self) -> u64 {
        self.rows
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Why the result is shorter than the query's, once `push` said so.
    pub fn full_note(&self) -> String {
        if self.rows >= self.rows_max {
            format!(
                "stopped after {} rows, the most that a result keeps: narrow the query, or export it",
                self.rows
            )
        } else {
            let limit = self.bytes_max / (1024 * 1024);
            format!(
                "stopped after {} rows, which fill the {limit} MB that a result keeps: narrow the query, or export it",
                self.rows
            )
        }
    }

    /// A page of at most [`ROWS_PAGE_MAX`] rows; long cells are cut to [`CELL_CHARS_MAX`].
    pub fn page(&self, offset: u64, limit: u32) -> Rows {
        let mut wanted = (limit as usize).min(ROWS_PAGE_MAX);
        let mut rows = Vec::with_capacity(wanted);
        let mut at = self
            .starts
            .partition_point(|start| *start <= offset)
            .saturating_sub(1);
        let mut skip = offset.saturating_sub(self.starts.get(at).copied().unwrap_or_default()) as usize;
        while wanted > 0 && at < self.batches.len() {
            let batch = &self.batches[at];
            let take = wanted.min(batch.num_rows().saturating_sub(skip));
            if take > 0 {
                rows.extend(rows_of(&batch.slice(skip, take)));
            }
            wanted -= take;
            skip = 0;
            at += 1;
        }
        rows.iter_mut().flatten().flatten().for_each(cut);
        Rows {
            columns: names::columns(&self.schema),
            rows,
            total: self.rows,
        }
    }
}

fn cut(cell: &mut String) {
    if let Some((end, _)) = cell.char_indices().nth(CELL_CHARS_MAX) {
        cell.truncate(end);
        cell.push('…');
    }
}
