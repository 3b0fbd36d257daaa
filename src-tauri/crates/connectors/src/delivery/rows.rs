//! Rows on their way out: brought to five types, checked, measured, and read cell by cell.
//!
//! Invariant: what a destination sees is Utf8, Int64, Float64, Boolean or Timestamp(ms, UTC), and its key column is text
//! or a whole number, without nulls or repetitions.

use std::{collections::HashSet, sync::Arc};

use arrow::{
    array::{
        Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, StringArray,
        TimestampMillisecondArray,
    },
    compute::{CastOptions, cast_with_options},
    datatypes::{DataType, Field, Float64Type, Int64Type, Schema, TimeUnit, TimestampMillisecondType},
    error::ArrowError,
    record_batch::{RecordBatch, RecordBatchOptions},
};
use chrono::{DateTime, SecondsFormat};
use serde_json::{Map, Value};
use tailrace_model::{Error, Result};

use super::Changes;

/// A cell that is not null.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    Text(&'a str),
    Whole(i64),
    Number(f64),
    Flag(bool),
    /// Milliseconds since the epoch.
    Time(i64),
}

enum Column<'a> {
    Text(&'a StringArray),
    Whole(&'a Int64Array),
    Number(&'a Float64Array),
    Flag(&'a BooleanArray),
    Time(&'a TimestampMillisecondArray),
}

/// A prepared batch, readable by cell.
pub struct Cells<'a> {
    names: Vec<&'a str>,
    columns: Vec<Column<'a>>,
    rows: usize,
}

impl<'a> Cells<'a> {
    pub fn of(batch: &'a RecordBatch) -> Result<Self> {
        let names = batch
            .schema_ref()
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .collect();
        let columns = batch.columns().iter().map(|array| match array.data_type() {
            DataType::Utf8 => Ok(Column::Text(array.as_string())),
            DataType::Int64 => Ok(Column::Whole(array.as_primitive::<Int64Type>())),
            DataType::Float64 => Ok(Column::Number(array.as_primitive::<Float64Type>())),
            DataType::Boolean => Ok(Column::Flag(array.as_boolean())),
            DataType::Timestamp(TimeUnit::Millisecond, _) => {
                Ok(Column::Time(array.as_primitive::<TimestampMillisecondType>()))
            }
            other => Err(Error::internal(
                "delivery_type",
                format!("rows were not prepared: a column is {other}"),
            )),
        });
        Ok(Self {
            names,
            columns: columns.collect::<Result<_>>()?,
            rows: batch.num_rows(),
        })
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn names(&self) -> &[&'a str] {
        &self.names
    }

    pub fn cell(&self, row: usize, column: usize) -> Option<Cell<'a>> {
        match self.columns[column] {
            Column::Text(array) => array.is_valid(row).then(|| Cell::Text(array.value(row))),
            Column::Whole(array) => array.is_valid(row).then(|| Cell::Whole(array.value(row))),
            Column::Number(array) => array.is_valid(row).then(|| Cell::Number(array.value(row))),
            Column::Flag(array) => array.is_valid(row).then(|| Cell::Flag(array.value(row))),
            Column::Time(array) => array.is_valid(row).then(|| Cell::Time(array.value(row))),
        }
    }

    /// A row as a JSON object: times in RFC 3339 with milliseconds, numbers that JSON has no word for as null.
    pub fn object(&self, row: usize) -> Map<String, Value> {
        let value = |column| match self.cell(row, column) {
            None => Value::Null,
            Some(Cell::Text(text)) => text.into(),
            Some(Cell::Whole(number)) => number.into(),
            Some(Cell::Number(number)) => number.into(),
            Some(Cell::Flag(flag)) => flag.into(),
            Some(Cell::Time(ms)) => time_text(ms).into(),
        };
        self.names
            .iter()
            .enumerate()
            .map(|(column, name)| ((*name).to_owned(), value(column)))
            .collect()
    }
}

impl Cell<'_> {
    /// The value as text: what a CSV cell or a key holds.
    pub fn text(self) -> String {
        match self {
            Self::Text(text) => text.to_owned(),
            Self::Whole(number) => number.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Flag(flag) => flag.to_string(),
            Self::Time(ms) => time_text(ms),
        }
    }
}

/// RFC 3339 with milliseconds, in UTC; a time beyond the calendar stays a number.
pub fn time_text(ms: i64) -> String {
    DateTime::from_timestamp_millis(ms).map_or_else(
        || ms.to_string(),
        |time| time.to_rfc3339_opts(SecondsFormat::Millis, true),
    )
}

/// The key column as text, a null as an empty one.
pub fn keys(batch: &RecordBatch, key: &str) -> Result<Vec<String>> {
    if batch.num_rows() == 0 {
        return Ok(Vec::new());
    }
    let (_, field) = batch
        .schema_ref()
        .column_with_name(key)
        .ok_or_else(|| no_key(key))?;
    let array = batch.column_by_name(key).ok_or_else(|| no_key(key))?;
    let array = canonical(field, array)?;
    let schema = Arc::new(Schema::new(vec![Field::new(
        key,
        array.data_type().clone(),
        true,
    )]));
    let batch = RecordBatch::try_new(schema, vec![array]).map_err(arrow_error)?;
    let cells = Cells::of(&batch)?;
    Ok((0..cells.rows())
        .map(|row| cells.cell(row, 0).map_or_else(String::new, Cell::text))
        .collect())
}

/// Bytes of each row: values, and the names that JSON repeats.
pub(crate) fn sizes(batch: &RecordBatch) -> impl Iterator<Item = usize> {
    let fixed: usize = batch
        .schema_ref()
        .fields()
        .iter()
        .map(|field| field.name().len() + 8)
        .sum();
    let texts: Vec<StringArray> = batch
        .columns()
        .iter()
        .filter_map(|array| array.as_string_opt().cloned())
        .collect();
    (0..batch.num_rows()).map(move |row| {
        fixed
            + texts
                .iter()
                .map(|array| array.value_length(row).unsigned_abs() as usize)
                .sum::<usize>()
    })
}

/// Brings both batches to the five types and checks their keys.
pub(super) fn prepare(changes: Changes, key: &str) -> Result<Changes> {
    let changes = Changes {
        upserts: normalise(&changes.upserts)?,
        removes: normalise(&changes.removes)?,
    };
    let mut seen = HashSet::new();
    for batch in [&changes.upserts, &changes.removes] {
        if batch.num_rows() == 0 {
            continue;
        }
        let array = batch.column_by_name(key).ok_or_else(|| no_key(key))?;
        if !matches!(array.data_type(), DataType::Utf8 | DataType::Int64) {
            return Err(Error::user(
                "sync_key",
                format!(
                    "the key \"{key}\" holds {}: a key has to be text or a whole number",
                    array.data_type()
                ),
            ));
        }
        if array.null_count() > 0 {
            return Err(Error::internal(
                "sync_key",
                format!("{} rows have no key \"{key}\"", array.null_count()),
            ));
        }
        for value in keys(batch, key)? {
            if let Some(repeated) = seen.replace(value) {
                return Err(Error::user(
                    "sync_key",
                    format!(
                        "two rows have the key \"{repeated}\" in \"{key}\": choose as the sync's key a column that tells \
                         members apart"
                    ),
                ));
            }
        }
    }
    Ok(changes)
}

fn no_key(key: &str) -> Error {
    Error::user(
        "sync_key",
        format!("the key \"{key}\" is not a column of the sync's mapping"),
    )
}

fn normalise(batch: &RecordBatch) -> Result<RecordBatch> {
    let columns = batch.schema_ref().fields().iter().zip(batch.columns());
    let columns: Vec<ArrayRef> = columns
        .map(|(field, array)| canonical(field, array))
        .collect::<Result<_>>()?;
    let fields = batch.schema_ref().fields().iter().zip(&columns);
    let fields: Vec<Field> = fields
        .map(|(field, array)| Field::new(field.name(), array.data_type().clone(), true))
        .collect();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options).map_err(arrow_error)
}

/// Casts a column to the one of the five types that holds its values.
fn canonical(field: &Field, array: &ArrayRef) -> Result<ArrayRef> {
    use DataType::*;
    let to = match array.data_type() {
        Utf8 | LargeUtf8 | Utf8View | Null | Date32 => Utf8,
        Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64 => Int64,
        Float16 | Float32 | Float64 | Decimal32(..) | Decimal64(..) | Decimal128(..) | Decimal256(..) => {
            Float64
        }
        Boolean => Boolean,
        // The zone is only how a time is shown: the milliseconds since the epoch stay the same.
        Timestamp(_, zone) => Timestamp(TimeUnit::Millisecond, zone.clone()),
        Dictionary(_, values) if matches!(**values, Utf8 | LargeUtf8 | Utf8View) => Utf8,
        other => {
            return Err(Error::user(
                "sync_type",
                format!(
                    "the column \"{}\" holds {other}, which cannot be delivered: map text, numbers, booleans or times",
                    field.name()
                ),
            ));
        }
    };
    let options = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    let cast = cast_with_options(array, &to, &options)
        .map_err(|error| Error::user("sync_type", format!("the column \"{}\": {error}", field.name())))?;
    Ok(match cast.data_type() {
        Timestamp(..) => Arc::new(
            cast.as_primitive::<TimestampMillisecondType>()
                .clone()
                .with_timezone_opt(None::<&str>),
        ),
        _ => cast,
    })
}

pub(crate) fn arrow_error(error: ArrowError) -> Error {
    Error::internal("arrow", format!("rows could not be put together: {error}"))
}

#[cfg(test)]
mod tests {
    use arrow::array::{
        Date32Array, Decimal128Array, Float32Array, Int32Array, NullArray, StringViewArray,
        TimestampMicrosecondArray, UInt64Array,
    };

    use super::*;

    #[test]
    fn columns_are_brought_to_five_types() {
        let check = |array: ArrayRef, expected: DataType, json: &str| {
            let batch = RecordBatch::try_from_iter_with_nullable([("v", array, true)]).unwrap();
            let prepared = normalise(&batch).unwrap();
            assert_eq!(prepared.column(0).data_type(), &expected);
            assert_eq!(Cells::of(&prepared).unwrap().object(0)["v"].to_string(), json);
        };
        check(
            Arc::new(StringViewArray::from(vec!["x"])),
            DataType::Utf8,
            "\"x\"",
        );
        check(Arc::new(Int32Array::from(vec![-3])), DataType::Int64, "-3");
        check(Arc::new(Int64Array::from(vec![None])), DataType::Int64, "null");
        check(Arc::new(UInt64Array::from(vec![9])), DataType::Int64, "9");
        check(Arc::new(Float32Array::from(vec![0.5])), DataType::Float64, "0.5");
        check(
            Arc::new(Float64Array::from(vec![f64::NAN])),
            DataType::Float64,
            "null",
        );
        let money = Decimal128Array::from(vec![1999])
            .with_precision_and_scale(10, 2)
            .unwrap();
        check(Arc::new(money), DataType::Float64, "19.99");
        let time = DataType::Timestamp(TimeUnit::Millisecond, None);
        let micros = TimestampMicrosecondArray::from(vec![1_700_000_000_123_456]).with_timezone("+02:00");
        check(Arc::new(micros), time, "\"2023-11-14T22:13:20.123Z\"");
        check(
            Arc::new(Date32Array::from(vec![19_675])),
            DataType::Utf8,
            "\"2023-11-14\"",
        );
        check(Arc::new(NullArray::new(1)), DataType::Utf8, "null");
    }

    #[test]
    fn what_a_type_cannot_hold_is_an_error() {
        let batch =
            RecordBatch::try_from_iter([("v", Arc::new(UInt64Array::from(vec![u64::MAX])) as ArrayRef)])
                .unwrap();
        let message = normalise(&batch).unwrap_err().message;
        assert!(message.starts_with("the column \"v\": "), "{message}");
    }
}
