//! Rows of a tail as text, for the window and the terminal.

use arrow::{
    array::{Array, AsArray, RecordBatch},
    datatypes::{Int32Type, Int64Type, TimestampMillisecondType},
};
use tailrace_connectors::formats::{PROBLEM, RecordDecoder, VALUE_BYTES, detect, preview, problem, text_of};
use tailrace_engine::session::cell;
use tailrace_model::{
    Error, Result,
    api::{Column, RecordRow, TailRows},
    limits::CELL_CHARS_MAX,
};

use super::buffer::Page;

/// As much as a table's cell shows: a key or a field may be as long as its record.
fn beginning(mut cell: String) -> String {
    if let Some((end, _)) = cell.char_indices().nth(CELL_CHARS_MAX) {
        cell.truncate(end);
        cell.push('…');
    }
    cell
}

/// Renders a page: only its rows are decoded.
pub fn render(page: Page) -> Result<TailRows> {
    let paths: Vec<Vec<String>> = page
        .columns
        .iter()
        .map(|column| column.name.split('.').map(str::to_owned).collect())
        .collect();
    let fields = page.fields.select(&paths);
    let decoder = RecordDecoder::json(&fields);
    let mut rows = Vec::new();
    for slice in &page.slices {
        render_slice(slice, &decoder, &page.columns, &mut rows)?;
    }
    Ok(TailRows {
        first: page.first,
        rows,
        columns: page.columns,
        total: page.total,
    })
}

fn missing(column: &str) -> Error {
    Error::internal("raw_batch", format!("a batch of records has no column {column}"))
}

fn render_slice(
    raw: &RecordBatch,
    decoder: &RecordDecoder,
    columns: &[Column],
    rows: &mut Vec<RecordRow>,
) -> Result<()> {
    let decoded = decoder.decode(raw)?;
    let column = |name: &str| raw.column_by_name(name).ok_or_else(|| missing(name));
    let partitions = column("_partition")?.as_primitive::<Int32Type>();
    let offsets = column("_offset")?.as_primitive::<Int64Type>();
    let timestamps = column("_timestamp")?.as_primitive::<TimestampMillisecondType>();
    let keys = column("_key")?.as_binary::<i32>();
    let values = column("value")?.as_binary::<i32>();
    // Of records that a format was read of.
    let lengths = raw
        .column_by_name(VALUE_BYTES)
        .map(|lengths| lengths.as_primitive::<Int64Type>());
    let leaves: Vec<Option<arrow::array::ArrayRef>> = columns
        .iter()
        .map(|column| leaf(&decoded.records, &column.name))
        .collect();
    for row in 0..raw.num_rows() {
        let value = (!values.is_null(row)).then(|| values.value(row));
        let fields = leaves
            .iter()
            .map(|leaf| leaf.as_ref().and_then(|leaf| cell(leaf, row)).map(beginning));
        let problem = problem_of(raw, row, value);
        let length = match lengths {
            Some(lengths) if !lengths.is_null(row) => lengths.value(row).cast_unsigned(),
            Some(_) => 0,
            None => value.map_or(0, <[u8]>::len) as u64,
        };
        rows.push(RecordRow {
            partition: partitions.value(row),
            offset: offsets.value(row),
            timestamp_ms: (!timestamps.is_null(row)).then(|| timestamps.value(row)),
            key: (!keys.is_null(row)).then(|| beginning(text_of(keys.value(row)).into_owned())),
            value: value.map(|value| preview(value, CELL_CHARS_MAX)),
            value_bytes: length,
            fields: fields.collect(),
            problem,
        });
    }
    Ok(())
}

/// Why the value of a row is not what it seems to be.
pub fn problem_of(records: &RecordBatch, row: usize, value: Option<&[u8]>) -> Option<String> {
    match records.column_by_name(PROBLEM) {
        // Of records that a format was read of.
        Some(reasons) => {
            let reasons = reasons.as_string::<i32>();
            reasons.is_valid(row).then(|| reasons.value(row).to_owned())
        }
        None => value.and_then(|value| problem(value, detect(value))),
    }
}

/// The array of a field such as `properties.revenue`.
fn leaf(records: &RecordBatch, name: &str) -> Option<arrow::array::ArrayRef> {
    let mut array = records.column_by_name("value")?.clone();
    for part in name.split('.') {
        array = array.as_struct_opt()?.column_by_name(part)?.clone();
    }
    Some(array)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_the_beginning_of_what_is_long() {
        let long = "é".repeat(CELL_CHARS_MAX + 1);
        let cut = beginning(long);
        assert_eq!(cut, format!("{}…", "é".repeat(CELL_CHARS_MAX)));
        assert_eq!(beginning("short".to_owned()), "short");
    }
}
