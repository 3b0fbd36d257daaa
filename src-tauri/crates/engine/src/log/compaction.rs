//! Small segments become larger ones, so that a profile's events come to lie together.
//!
//! Segments of about the same size (within a factor of eight) are merged when there are enough of them, so that an event
//! is rewritten only a few times in its life. Merged profiles are mapped on the way.

use std::{collections::BTreeMap, sync::Arc};

use arrow::{
    array::{AsArray, RecordBatch},
    datatypes::{Field, Int64Type, Schema, SchemaRef},
};
use datafusion::{
    error::DataFusionError,
    execution::{SendableRecordBatchStream, TaskContext, runtime_env::RuntimeEnvBuilder},
    physical_expr::{LexOrdering, PhysicalSortExpr, expressions::Column},
    physical_plan::{
        ExecutionPlan,
        coalesce_partitions::CoalescePartitionsExec,
        sorts::{sort::SortExec, sort_preserving_merge::SortPreservingMergeExec},
        union::UnionExec,
    },
    prelude::SessionConfig,
};
use futures::StreamExt;
use tailrace_model::Error;
use tokio_util::sync::CancellationToken;

use super::{
    EventLog, LogSnapshot,
    manifest::{CheckpointChange, SegmentRow},
    pending::{Pending, Running},
    schema,
    segment::{Segment, SegmentWriter},
    settings::LogSettings,
    table::Scan,
};
use crate::identity::IdentityChanges;

/// A segment smaller than this counts as this large.
const SMALLEST_BYTES: u64 = 64 << 10;
/// Segments that one compaction merges.
const SEGMENTS_MAX: usize = 64;

impl EventLog {
    /// Merges segments, when there are enough small ones. Absent: nothing to do, cancelled, or one is on its way.
    /// Commit the change and install it, or discard it with [`EventLog::discard_compaction`].
    pub async fn compact(
        &self,
        now_ms: i64,
        token: &CancellationToken,
    ) -> Result<Option<CheckpointChange>, Error> {
        let snapshot = self.snapshot();
        let chosen = choose(snapshot.segments(), self.settings());
        if chosen.is_empty() {
            return Ok(None);
        }
        let Some(running) = Running::start(&self.inner.compacting) else {
            return Ok(None);
        };
        let (log, token) = (self.clone(), token.clone());
        let runtime = tokio::runtime::Handle::current();
        let (names, checkpoint_ms) = (names(&chosen), snapshot.checkpoint_ms().unwrap_or(now_ms));
        // Sorting and compressing would hold up whatever else runs on the executor.
        let merged = tokio::task::spawn_blocking(move || {
            runtime.block_on(async move { log.merge(&snapshot, &chosen, &token).await })
        });
        let merged = merged.await.map_err(|fault| {
            Error::internal(
                "compaction",
                format!("the compaction of the event log ended early: {fault}"),
            )
        })??;
        let Some(segment) = merged.map(Arc::new) else {
            return Ok(None);
        };
        Ok(Some(CheckpointChange {
            checkpoint_ms,
            segments_added: vec![segment.row().clone()],
            segments_removed: names,
            columns_added: Vec::new(),
            identity: IdentityChanges::default(),
            counts: Vec::new(),
            pending: Pending::Compaction { segment, running },
        }))
    }

    /// The transaction of a compaction failed: the log stays as it was.
    pub fn discard_compaction(&self, change: CheckpointChange) {
        if let Pending::Compaction { segment, .. } = change.pending {
            segment.retire();
        }
    }

    async fn merge(
        &self,
        snapshot: &LogSnapshot,
        chosen: &[Arc<Segment>],
        token: &CancellationToken,
    ) -> Result<Option<Segment>, Error> {
        let table = schema_of(snapshot, chosen);
        let mut merged = stream(self.settings(), snapshot, chosen, &table).map_err(|fault| failed(&fault))?;
        let rows_max = self.settings().row_group_rows;
        let mut writer = SegmentWriter::create(self.folder(), self.next_number(), table, rows_max)?;
        let mut ends: Option<(i64, i64)> = None;
        let mut rows = 0;
        while let Some(batch) = merged.next().await {
            if token.is_cancelled() {
                return Ok(None);
            }
            let batch = batch.map_err(|fault| failed(&fault))?;
            rows += batch.num_rows() as u64;
            if let Some((first, last)) = first_and_last(&batch) {
                ends = Some((ends.map_or(first, |(first, _)| first), last));
            }
            writer.write(&batch)?;
        }
        let row = described(chosen, snapshot.merges().len() as u64, ends.unwrap_or_default());
        if rows != row.rows {
            return Err(Error::internal(
                "compaction_rows",
                format!(
                    "the compaction of the event log read {rows} events of {}: nothing was changed",
                    row.rows
                ),
            ));
        }
        writer.finish(row).map(Some)
    }
}

/// The segments to merge now; empty: none.
fn choose(segments: &[Arc<Segment>], settings: &LogSettings) -> Vec<Arc<Segment>> {
    let mut tiers: BTreeMap<u32, Vec<Arc<Segment>>> = BTreeMap::new();
    for segment in segments
        .iter()
        .filter(|segment| segment.row().bytes < settings.segment_bytes_max)
    {
        let tier = (segment.row().bytes / SMALLEST_BYTES).max(1).ilog2() / 3;
        tiers.entry(tier).or_default().push(segment.clone());
    }
    for (_, tier) in tiers {
        let mut bytes = 0;
        let fits = |segment: &Arc<Segment>| {
            bytes += segment.row().bytes;
            bytes <= settings.segment_bytes_max
        };
        let chosen: Vec<_> = tier.into_iter().take(SEGMENTS_MAX).take_while(fits).collect();
        if chosen.len() >= settings.compaction_segments.max(2) {
            return chosen;
        }
    }
    Vec::new()
}

/// The fixed columns, those of properties that any of the segments has, and the origins where any row has one.
fn schema_of(snapshot: &LogSnapshot, chosen: &[Arc<Segment>]) -> SchemaRef {
    let table = snapshot.schema();
    let fixed = schema::NAMING.fixed.len();
    let there = |field: &Field| {
        chosen
            .iter()
            .any(|segment| segment.schema().index_of(field.name()).is_ok())
    };
    let fields = table.fields().iter().enumerate();
    let origins = chosen.iter().any(|segment| {
        snapshot.merges().touch(segment.row()) || segment.schema().index_of(schema::ORIGIN).is_ok()
    });
    let origin = origins.then(|| Arc::new(schema::origin_field()));
    let kept: Vec<_> = fields
        .filter(|(place, field)| *place < fixed || there(field))
        .map(|(_, field)| field.clone())
        .chain(origin)
        .collect();
    Arc::new(Schema::new(kept))
}

/// All rows of the segments in the log's order.
fn stream(
    settings: &LogSettings,
    snapshot: &LogSnapshot,
    chosen: &[Arc<Segment>],
    table: &SchemaRef,
) -> Result<SendableRecordBatchStream, DataFusionError> {
    let order = order(table)?;
    let scan = Scan {
        schema: table.clone(),
        merges: snapshot.merges().clone(),
        projection: None,
        limit: None,
        partitions: 1,
    };
    let (touched, plain): (Vec<_>, Vec<_>) = chosen
        .iter()
        .partition(|segment| snapshot.merges().touch(segment.row()));
    let rows_of = |segment: &&Arc<Segment>| scan.files(std::slice::from_ref(*segment));
    let mut inputs = plain.iter().map(rows_of).collect::<Result<Vec<_>, _>>()?;
    // What merges moved, a small part, is sorted anew, all of it at once; the rest of those segments is in its order.
    let mut moved = Vec::with_capacity(touched.len());
    for segment in &touched {
        inputs.push(scan.stayed(rows_of(segment)?)?);
        moved.push(scan.moved(rows_of(segment)?)?);
    }
    if !moved.is_empty() {
        let moved = CoalescePartitionsExec::new(UnionExec::try_new(moved)?);
        inputs.push(Arc::new(SortExec::new(order.clone(), Arc::new(moved))));
    }
    let merged = SortPreservingMergeExec::new(order, UnionExec::try_new(inputs)?);
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_limit(settings.compaction_memory_bytes_max, 1.0)
        .build_arc()?;
    // A part of it is held back, to merge temporary files in.
    let held_back = settings.compaction_memory_bytes_max / 8;
    let config = SessionConfig::new().with_sort_spill_reservation_bytes(held_back);
    let context = TaskContext::default()
        .with_session_config(config)
        .with_runtime(runtime);
    merged.execute(0, Arc::new(context))
}

fn order(table: &SchemaRef) -> Result<LexOrdering, DataFusionError> {
    let mut by = Vec::with_capacity(3);
    for name in [schema::PROFILE_ID, schema::TIMESTAMP, schema::MESSAGE_ID] {
        by.push(PhysicalSortExpr::new_default(Arc::new(Column::new_with_schema(name, table)?)).asc());
    }
    LexOrdering::new(by).ok_or_else(|| DataFusionError::Internal("an empty order".to_owned()))
}

fn first_and_last(batch: &RecordBatch) -> Option<(i64, i64)> {
    let ids = batch
        .column_by_name(schema::PROFILE_ID)?
        .as_primitive::<Int64Type>()
        .values();
    Some((*ids.first()?, *ids.last()?))
}

fn names(segments: &[Arc<Segment>]) -> Vec<String> {
    segments
        .iter()
        .map(|segment| segment.row().name.clone())
        .collect()
}

fn described(segments: &[Arc<Segment>], merges_applied: u64, ids: (i64, i64)) -> SegmentRow {
    let rows = || segments.iter().map(|segment| segment.row());
    SegmentRow {
        name: String::new(),
        rows: rows().map(|row| row.rows).sum(),
        bytes: 0,
        min_timestamp_ms: rows().map(|row| row.min_timestamp_ms).min().unwrap_or_default(),
        max_timestamp_ms: rows().map(|row| row.max_timestamp_ms).max().unwrap_or_default(),
        min_profile_id: ids.0,
        max_profile_id: ids.1,
        collected_from_ms: rows().map(|row| row.collected_from_ms).min().unwrap_or_default(),
        collected_to_ms: rows().map(|row| row.collected_to_ms).max().unwrap_or_default(),
        merges_applied,
        checksum: 0,
    }
}

fn failed(fault: &DataFusionError) -> Error {
    Error::internal(
        "compaction",
        format!("the segments of the event log cannot be merged ({fault}): they stay as they are"),
    )
}
