//! Raw batches as records to write.

use arrow::{
    array::{Array, AsArray, RecordBatch},
    datatypes::{Int32Type, Int64Type, TimestampMillisecondType},
};
use tailrace_connectors::clusters::kafka::OutRecord;
use tailrace_model::{Error, Result};

/// Each record with its partition and offset in the source.
pub fn read(
    raw: &RecordBatch,
    keep_partition: bool,
    keep_timestamps: bool,
) -> Result<Vec<((i32, i64), OutRecord)>> {
    let missing =
        |name: &str| Error::internal("raw_batch", format!("a batch of records has no column {name}"));
    let column = |name: &str| raw.column_by_name(name).ok_or_else(|| missing(name));
    let partitions = column("_partition")?.as_primitive::<Int32Type>();
    let offsets = column("_offset")?.as_primitive::<Int64Type>();
    let timestamps = column("_timestamp")?.as_primitive::<TimestampMillisecondType>();
    let keys = column("_key")?.as_binary::<i32>();
    let values = column("value")?.as_binary::<i32>();
    let headers = column("_headers")?.as_list::<i32>();
    let mut rows = Vec::with_capacity(raw.num_rows());
    for row in 0..raw.num_rows() {
        let of = headers.value(row);
        let of = of.as_struct();
        let (names, contents) = (of.column(0).as_string::<i32>(), of.column(1).as_binary::<i32>());
        let headers = (0..of.len()).map(|at| {
            let content = (!contents.is_null(at)).then(|| contents.value(at).to_vec());
            (names.value(at).to_owned(), content)
        });
        let record = OutRecord {
            partition: keep_partition.then(|| partitions.value(row)),
            key: (!keys.is_null(row)).then(|| keys.value(row).to_vec()),
            value: (!values.is_null(row)).then(|| values.value(row).to_vec()),
            headers: headers.collect(),
            timestamp_ms: (keep_timestamps && !timestamps.is_null(row)).then(|| timestamps.value(row)),
        };
        rows.push(((partitions.value(row), offsets.value(row)), record));
    }
    Ok(rows)
}
