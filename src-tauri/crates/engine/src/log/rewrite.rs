//! A segment as it is written: its rows read by their numbers, and the file written anew without some of them.

use std::{fs::File, sync::Arc};

use arrow::{
    array::{Array, AsArray, BooleanArray, RecordBatch},
    compute::filter_record_batch,
    datatypes::{Int64Type, TimestampMillisecondType},
};
use parquet::arrow::{
    ProjectionMask,
    arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder},
};
use rustc_hash::FxHashSet;
use tailrace_model::Error;

use super::{
    EventLog,
    manifest::SegmentRow,
    schema,
    segment::{Segment, SegmentWriter},
};

/// Numbers of a segment's rows, from 0.
pub(super) type RowNumbers = FxHashSet<usize>;

pub(super) fn unreadable(segment: &Segment, fault: &dyn std::fmt::Display) -> Error {
    Error::user(
        "segment_damaged",
        format!(
            "the event log's segment {} can't be read ({fault}), so nothing was changed: restore it from a copy first",
            segment.path().display()
        ),
    )
}

/// The rows of a segment in their order, of the columns that it has of these; none named: all.
pub(super) fn read<'a>(
    segment: &'a Arc<Segment>,
    columns: &[&str],
) -> Result<impl Iterator<Item = Result<RecordBatch, Error>> + 'a, Error> {
    let file = File::open(segment.path()).map_err(|fault| unreadable(segment, &fault))?;
    let metadata = ArrowReaderMetadata::try_new(segment.metadata().clone(), ArrowReaderOptions::new())
        .map_err(|fault| unreadable(segment, &fault))?;
    let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata);
    if !columns.is_empty() {
        let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
        builder = builder.with_projection(mask);
    }
    let reader = builder.build().map_err(|fault| unreadable(segment, &fault))?;
    Ok(reader.map(move |batch| batch.map_err(|fault| unreadable(segment, &fault))))
}

/// The origin of each row of a batch: the profile that it is filed under, where none is named.
pub(super) fn origins(batch: &RecordBatch) -> Vec<i64> {
    let ids = |name: &str| {
        let column = batch.column_by_name(name)?;
        column.as_primitive_opt::<Int64Type>()
    };
    let Some(filed) = ids(schema::PROFILE_ID) else {
        return Vec::new();
    };
    let origins = ids(schema::ORIGIN);
    let origin = |(row, filed): (usize, &i64)| match origins.filter(|origins| origins.is_valid(row)) {
        Some(origins) => origins.value(row),
        None => *filed,
    };
    filed.values().iter().enumerate().map(origin).collect()
}

/// A segment without some of its rows. Absent: it has no others.
pub(super) fn without(
    log: &EventLog,
    segment: &Arc<Segment>,
    rows: &RowNumbers,
) -> Result<Option<Segment>, Error> {
    if rows.len() as u64 == segment.row().rows {
        return Ok(None);
    }
    let mut writer = SegmentWriter::create(
        log.folder(),
        log.next_number(),
        segment.schema().clone(),
        log.settings().row_group_rows,
    )?;
    let mut row = SegmentRow {
        rows: 0,
        min_timestamp_ms: i64::MAX,
        max_timestamp_ms: i64::MIN,
        ..segment.row().clone()
    };
    let mut ends: Option<(i64, i64)> = None;
    let mut at = 0;
    for batch in read(segment, &[])? {
        let batch = batch?;
        let stays: BooleanArray = (at..at + batch.num_rows())
            .map(|number| Some(!rows.contains(&number)))
            .collect();
        at += batch.num_rows();
        let rest = filter_record_batch(&batch, &stays).map_err(|fault| unreadable(segment, &fault))?;
        if rest.num_rows() == 0 {
            continue;
        }
        row.rows += rest.num_rows() as u64;
        if let Some(ids) = rest.column_by_name(schema::PROFILE_ID) {
            let ids = ids.as_primitive::<Int64Type>().values();
            if let (Some(first), Some(last)) = (ids.first(), ids.last()) {
                ends = Some((ends.map_or(*first, |(first, _)| first), *last));
            }
        }
        if let Some(times) = rest.column_by_name(schema::TIMESTAMP) {
            for time in times.as_primitive::<TimestampMillisecondType>().values() {
                row.min_timestamp_ms = row.min_timestamp_ms.min(*time);
                row.max_timestamp_ms = row.max_timestamp_ms.max(*time);
            }
        }
        writer.write(&rest)?;
    }
    (row.min_profile_id, row.max_profile_id) = ends.unwrap_or_default();
    writer.finish(row).map(Some)
}
