//! A person deleted from the log: every file that holds an event of theirs is written anew without it.
//!
//! Invariants: the files, the rows of identity and whatever the app deletes with them change in one transaction; what is
//! in memory follows when it has committed; nothing waits for a checkpoint meanwhile, so that nothing of theirs is
//! written afterwards.

use std::{
    fs::File,
    sync::{Arc, PoisonError},
};

use arrow::{
    array::{Array, AsArray, BooleanArray, RecordBatch},
    compute::filter_record_batch,
    datatypes::{Int64Type, TimestampMillisecondType},
};
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use tailrace_model::Error;

use super::{
    Collector, LogSnapshot,
    manifest::{CheckpointChange, SegmentRow},
    pending::{Pending, Running},
    schema,
    segment::{Segment, SegmentWriter},
};
use crate::identity::{Identity, IdentityChanges, ProfileRow};

impl Collector {
    /// What deletes a person: commit it and hand it to [`Self::install_forgotten`], or to [`Self::discard_forgotten`].
    /// A checkpoint comes before it, in the same turn. Blocks: it reads and writes files.
    pub fn forget(&mut self, profile_id: i64, now_ms: i64) -> Result<CheckpointChange, Error> {
        let log = self.log();
        let snapshot = log.snapshot();
        if let Some(missing) = snapshot.missing().first() {
            return Err(Error::user(
                "segment_damaged",
                format!(
                    "the event log's segment {missing} can't be read, so whether it holds events of this person is not \
                     known: restore it in .tailrace/log from a copy first"
                ),
            ));
        }
        if self.buffered_rows() > 0 {
            return Err(Error::internal(
                "forget_before_checkpoint",
                "events wait for a checkpoint, so nobody was deleted: try again",
            ));
        }
        let Some(running) = Running::start(log.compacting()) else {
            return Err(Error {
                retry: true,
                ..Error::external(
                    "compaction_runs",
                    "the event log is being compacted: try again in a moment",
                )
            });
        };
        let unknown = || Error::user("unknown_profile", format!("there is no profile {profile_id}"));
        let (forgotten, canonical) = {
            let identity = log.identity().read().unwrap_or_else(PoisonError::into_inner);
            let (forgotten, _) = identity.forgettable(profile_id).ok_or_else(unknown)?;
            (forgotten, identity.canonical(profile_id))
        };
        let mut segments: Vec<Arc<Segment>> = Vec::new();
        let mut removed = Vec::new();
        for segment in snapshot.segments() {
            match self.without(&snapshot, segment, canonical) {
                Ok(None) => {}
                Ok(Some(rest)) => {
                    removed.push(segment.row().name.clone());
                    segments.extend(rest.map(Arc::new));
                }
                Err(error) => {
                    segments.iter().for_each(|segment| segment.retire());
                    return Err(error);
                }
            }
        }
        let living = canonical;
        let gone = |id: &i64| ProfileRow {
            profile_id: *id,
            first_seen_ms: 0,
            last_seen_ms: 0,
            events: 0,
            merged_into: (*id != living).then_some(living),
            deleted: true,
        };
        Ok(CheckpointChange {
            checkpoint_ms: now_ms,
            segments_added: segments.iter().map(|segment| segment.row().clone()).collect(),
            segments_removed: removed,
            columns_added: Vec::new(),
            identity: IdentityChanges {
                profiles: forgotten.profile_ids.iter().map(gone).collect(),
                forgotten,
                ..IdentityChanges::default()
            },
            counts: Vec::new(),
            pending: Pending::Forget {
                profile_id,
                segments,
                running,
            },
        })
    }

    /// The transaction committed: nobody finds the person from now on.
    pub fn install_forgotten(&mut self, change: CheckpointChange) -> Result<(), Error> {
        let log = self.log();
        if let Pending::Forget { profile_id, .. } = &change.pending {
            let mut identity = log.identity().write().unwrap_or_else(PoisonError::into_inner);
            identity.forget(*profile_id)?;
            // The transaction has them already.
            let persisted = Identity::take_changes(&mut identity);
            drop(persisted);
        }
        let profiles = log
            .identity()
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .snapshot()?;
        log.install_profiles(change, Some(profiles));
        Ok(())
    }

    /// The transaction failed: everything is as it was.
    pub fn discard_forgotten(&mut self, change: CheckpointChange) {
        if let Pending::Forget { segments, .. } = change.pending {
            segments.iter().for_each(|segment| segment.retire());
        }
    }

    /// A segment without a profile's events. Absent: it holds none; then absent: it holds nothing else.
    fn without(
        &self,
        snapshot: &LogSnapshot,
        segment: &Arc<Segment>,
        living: i64,
    ) -> Result<Option<Option<Segment>>, Error> {
        let row = segment.row();
        if !snapshot.merges().touch(row) && !(row.min_profile_id..=row.max_profile_id).contains(&living) {
            return Ok(None);
        }
        let unreadable = |fault: &dyn std::fmt::Display| {
            Error::user(
                "segment_damaged",
                format!(
                    "the event log's segment {} can't be read ({fault}), so nobody was deleted: restore it from a copy first",
                    segment.path().display()
                ),
            )
        };
        let mut kept = Vec::new();
        let mut rows = 0;
        let file = File::open(segment.path()).map_err(|fault| unreadable(&fault))?;
        let metadata = ArrowReaderMetadata::try_new(segment.metadata().clone(), ArrowReaderOptions::new())
            .map_err(|fault| unreadable(&fault))?;
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata).build();
        for batch in reader.map_err(|fault| unreadable(&fault))? {
            let batch = batch.map_err(|fault| unreadable(&fault))?;
            let others = others(&batch, snapshot, living);
            rows += others.true_count();
            let rest = filter_record_batch(&batch, &others).map_err(|fault| unreadable(&fault))?;
            if rest.num_rows() > 0 {
                kept.push(rest);
            }
        }
        if rows as u64 == row.rows {
            return Ok(None);
        }
        if kept.is_empty() {
            return Ok(Some(None));
        }
        self.rewrite(segment, &kept).map(|rest| Some(Some(rest)))
    }

    fn rewrite(&self, segment: &Segment, batches: &[RecordBatch]) -> Result<Segment, Error> {
        let log = self.log();
        let mut row = SegmentRow {
            rows: 0,
            min_timestamp_ms: i64::MAX,
            max_timestamp_ms: i64::MIN,
            ..segment.row().clone()
        };
        let mut writer = SegmentWriter::create(
            log.folder(),
            log.next_number(),
            segment.schema().clone(),
            log.settings().row_group_rows,
        )?;
        for (number, batch) in batches.iter().enumerate() {
            writer.write(batch)?;
            row.rows += batch.num_rows() as u64;
            if let Some(ids) = batch.column_by_name(schema::PROFILE_ID) {
                let ids = ids.as_primitive::<Int64Type>().values();
                if number == 0 {
                    row.min_profile_id = ids.first().copied().unwrap_or(row.min_profile_id);
                }
                row.max_profile_id = ids.last().copied().unwrap_or(row.max_profile_id);
            }
            if let Some(times) = batch.column_by_name(schema::TIMESTAMP) {
                for time in times.as_primitive::<TimestampMillisecondType>().values() {
                    row.min_timestamp_ms = row.min_timestamp_ms.min(*time);
                    row.max_timestamp_ms = row.max_timestamp_ms.max(*time);
                }
            }
        }
        writer.finish(row)
    }
}

/// Which rows are of other profiles.
fn others(batch: &RecordBatch, snapshot: &LogSnapshot, living: i64) -> BooleanArray {
    let filed = batch
        .column_by_name(schema::PROFILE_ID)
        .map(|ids| ids.as_primitive::<Int64Type>());
    let origins = batch
        .column_by_name(schema::ORIGIN)
        .map(|ids| ids.as_primitive::<Int64Type>());
    (0..batch.num_rows())
        .map(|row| {
            let origin = origins
                .filter(|origins| origins.is_valid(row))
                .map(|origins| origins.value(row));
            let filed = filed.and_then(|filed| filed.values().get(row).copied());
            Some(origin.or(filed).map(|id| snapshot.canonical(id)) != Some(living))
        })
        .collect()
}
