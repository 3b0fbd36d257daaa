//! Where events come in: duplicates are left out, profiles found, and the rest waits for the next checkpoint.
//!
//! Exactly once: a segment and the source positions that it stands for become true in one transaction of the app.
//! Before that the segment is an orphan, which the next opening removes; should the transaction fail, the events are
//! put back and the next checkpoint has them.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLockWriteGuard, atomic::AtomicBool},
};

use arrow::{
    array::{AsArray, RecordBatch},
    datatypes::{Int64Type, TimestampMillisecondType},
};
use tailrace_model::Error;

use super::{
    EventLog,
    dedupe::Dedupe,
    manifest::{CheckpointChange, SegmentRow, SourceCounts},
    merges::Merges,
    pending::{Pending, Running, Seal},
    rows::Rows,
    schema,
    segment::{Segment, SegmentWriter},
};
use crate::{
    events::{
        Event,
        columns::{ColumnRow, Columns},
    },
    identity::{Identity, Split, SuppressionRow, UndoRow},
};

/// An event that no profile can be found for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Among the events that were handed over.
    pub index: usize,
    pub reason: String,
}

/// What became of the events that were handed over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collected {
    pub accepted: usize,
    pub duplicates: usize,
    pub rejected: Vec<Rejected>,
    /// Dropped, because an identifier is suppressed.
    pub suppressed: usize,
}

/// See the module's text. There is one for a log.
#[derive(Debug)]
pub struct Collector {
    pub(super) log: EventLog,
    pub(super) dedupe: Dedupe,
    pub(super) columns: Columns,
    /// Columns that the log's manifest has already.
    pub(super) columns_persisted: usize,
    /// Events that a failed checkpoint gave back, the oldest first.
    returned: Vec<Rows>,
    rows: Rows,
    counts: BTreeMap<String, SourceCounts>,
    pub(super) sealing: Arc<AtomicBool>,
}

impl Collector {
    pub(super) fn new(log: EventLog, dedupe: Dedupe, columns: Columns) -> Self {
        Self {
            log,
            dedupe,
            columns_persisted: columns.len(),
            columns,
            returned: Vec::new(),
            rows: Rows::default(),
            counts: BTreeMap::new(),
            sealing: Arc::default(),
        }
    }

    pub(super) fn log(&self) -> EventLog {
        self.log.clone()
    }

    /// Takes events in, in their order.
    pub fn collect(&mut self, source: &str, events: &[Event<'_>], now_ms: i64) -> Result<Collected, Error> {
        let room = self.log.settings().buffer_rows_max.saturating_mul(2);
        if self.buffered_rows() + events.len() > room.max(events.len()) {
            return Err(Error::internal(
                "collector_full",
                format!(
                    "{} events wait for a checkpoint already: write one first",
                    self.buffered_rows()
                ),
            ));
        }
        let mut collected = Collected::default();
        {
            let mut identity = self
                .log
                .identity()
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            for (index, event) in events.iter().enumerate() {
                if self.dedupe.has(&event.message_id) {
                    collected.duplicates += 1;
                    continue;
                }
                if identity.drops(event) {
                    collected.suppressed += 1;
                    continue;
                }
                // The windows of limits end at the event's own time of receipt, so that a replay resolves the same.
                match identity.resolve(source, event, event.received_ms) {
                    Ok(found) => {
                        self.dedupe.insert(&event.message_id, now_ms);
                        self.rows
                            .push(source, found.origin_id, event, &mut self.columns, now_ms);
                        collected.accepted += 1;
                    }
                    Err(fault) => collected.rejected.push(Rejected {
                        index,
                        reason: fault.reason,
                    }),
                }
            }
        }
        let counts = self.counts.entry(source.to_owned()).or_default();
        counts.events += collected.accepted as u64;
        counts.duplicates += collected.duplicates as u64;
        counts.rejected += collected.rejected.len() as u64;
        Ok(collected)
    }

    /// Takes a merge back, in the next checkpoint; see [`Identity::undo`].
    pub fn undo(&mut self, merge: u64, now_ms: i64) -> Result<Split, Error> {
        self.write_identity(|identity| identity.undo(merge, now_ms))
    }

    /// Lets what an undo keeps apart be merged again, from the next checkpoint on; see [`Identity::allow`].
    pub fn allow(&mut self, merge: u64, now_ms: i64) -> Result<UndoRow, Error> {
        self.write_identity(|identity| identity.allow(merge, now_ms))
    }

    /// Drops the events of identifiers; see [`Identity::suppress`].
    pub fn suppress(
        &mut self,
        identifiers: &[(String, String)],
        now_ms: i64,
    ) -> Result<Vec<SuppressionRow>, Error> {
        self.write_identity(|identity| identity.suppress(identifiers, now_ms))
    }

    /// Takes their events in again; see [`Identity::unsuppress`].
    pub fn unsuppress(&mut self, identifiers: &[(String, String)], now_ms: i64) -> Vec<SuppressionRow> {
        self.write_identity(|identity| identity.unsuppress(identifiers, now_ms))
    }

    fn write_identity<T>(&mut self, write: impl FnOnce(&mut Identity) -> T) -> T {
        write(
            &mut self
                .log
                .identity()
                .write()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    /// Whether a checkpoint is due because of what waits, whatever the time.
    pub fn is_full(&self) -> bool {
        let settings = self.log.settings();
        let bytes = self.rows.bytes() + self.returned.iter().map(Rows::bytes).sum::<usize>();
        self.buffered_rows() >= settings.buffer_rows_max || bytes >= settings.buffer_bytes_max
    }

    /// Events that wait for a checkpoint.
    pub fn buffered_rows(&self) -> usize {
        self.rows.len() + self.returned.iter().map(Rows::len).sum::<usize>()
    }

    /// Whether an event of this message id would be a duplicate.
    pub fn knows(&self, message_id: &str) -> bool {
        self.dedupe.has(message_id)
    }

    /// Message ids that are remembered.
    pub fn dedupe_ids(&self) -> usize {
        self.dedupe.len()
    }

    /// Since when message ids are remembered, when there were too many for the whole window.
    pub fn dedupe_covered_from_ms(&self) -> Option<i64> {
        self.dedupe.covered_from_ms()
    }

    /// Writes what waits as segments and says what has to be persisted with the positions of the sources; absent:
    /// nothing but those. Blocks: it sorts, compresses and syncs.
    pub fn seal(&mut self, now_ms: i64) -> Result<Option<CheckpointChange>, Error> {
        let Some(running) = Running::start(&self.sealing) else {
            return Err(Error::internal(
                "checkpoint_open",
                "the last checkpoint was neither installed nor discarded: do that first",
            ));
        };
        let log = self.log.clone();
        let mut identity = log.identity().write().unwrap_or_else(PoisonError::into_inner);
        let mut buffers = std::mem::take(&mut self.returned);
        if !self.rows.is_empty() {
            buffers.push(std::mem::take(&mut self.rows));
        }
        let sealed = self.write(&mut buffers, &mut identity);
        let (segments, profiles) = match sealed {
            Ok(sealed) => sealed,
            Err(error) => {
                self.returned = buffers;
                return Err(error);
            }
        };
        let changes = identity.take_changes();
        let state = log.state();
        let merges = match changes.merges.is_empty() && changes.undos.is_empty() {
            true => state.merges.clone(),
            false => Arc::new(Merges::new(identity.merges(), identity.undos())),
        };
        drop(identity);
        let columns_added = self.columns_added();
        let columns = match columns_added.is_empty() {
            true => state.columns.clone(),
            false => Arc::new(self.columns.clone()),
        };
        if buffers.is_empty() && self.counts.is_empty() && changes.is_empty() && columns_added.is_empty() {
            return Ok(None);
        }
        self.columns_persisted = self.columns.len();
        let counts = std::mem::take(&mut self.counts);
        Ok(Some(CheckpointChange {
            checkpoint_ms: now_ms,
            segments_added: segments.iter().map(|segment| segment.row().clone()).collect(),
            segments_removed: Vec::new(),
            columns_added,
            identity: changes,
            counts: counts
                .into_iter()
                .map(|(source, counts)| SourceCounts { source, ..counts })
                .collect(),
            pending: Pending::Seal(Seal {
                segments,
                buffers,
                columns,
                merges,
                profiles,
                running,
                replayed: None,
            }),
        }))
    }

    /// The transaction committed: queries see it from now on.
    pub fn install(&mut self, change: CheckpointChange) {
        if let Pending::Seal(Seal {
            replayed: Some(taken),
            ..
        }) = &change.pending
        {
            self.know(taken);
        }
        self.log.install(change);
    }

    /// Columns that no transaction holds yet.
    pub(super) fn columns_added(&self) -> Vec<ColumnRow> {
        let added = self.columns.rows().get(self.columns_persisted..);
        added.unwrap_or_default().to_vec()
    }

    /// The transaction failed: everything waits again, with what was collected since behind it.
    pub fn discard(&mut self, change: CheckpointChange) {
        let CheckpointChange {
            columns_added,
            identity: changes,
            counts,
            pending,
            ..
        } = change;
        let Pending::Seal(seal) = pending else { return };
        for segment in &seal.segments {
            segment.retire();
        }
        self.columns_persisted -= columns_added.len().min(self.columns_persisted);
        self.log
            .identity()
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .give_back(&changes);
        for lost in counts {
            let counts = self.counts.entry(lost.source).or_default();
            counts.events += lost.events;
            counts.duplicates += lost.duplicates;
            counts.rejected += lost.rejected;
        }
        if let Some(taken) = &seal.replayed {
            self.take_back(taken);
        }
        let mut returned = seal.buffers;
        returned.append(&mut self.returned);
        self.returned = returned;
    }

    pub(super) fn write(
        &self,
        buffers: &mut [Rows],
        identity: &mut RwLockWriteGuard<'_, Identity>,
    ) -> Result<(Vec<Arc<Segment>>, Arc<crate::identity::ProfilesSnapshot>), Error> {
        let mut segments: Vec<Arc<Segment>> = Vec::with_capacity(buffers.len());
        for rows in buffers {
            match self.write_segment(rows, identity) {
                Ok(segment) => segments.push(Arc::new(segment)),
                Err(error) => {
                    // What was written before it belongs to no checkpoint.
                    segments.iter().for_each(|segment| segment.retire());
                    return Err(error);
                }
            }
        }
        let profiles = identity
            .snapshot()
            .inspect_err(|_| segments.iter().for_each(|segment| segment.retire()))?;
        Ok((segments, profiles))
    }

    fn write_segment(&self, rows: &mut Rows, identity: &Identity) -> Result<Segment, Error> {
        let batch = rows.batch(&self.columns, |profile_id| identity.canonical(profile_id))?;
        let (from, to) = rows.collected_ms.unwrap_or_default();
        let settings = self.log.settings();
        let mut writer = SegmentWriter::create(
            self.log.folder(),
            self.log.next_number(),
            batch.schema(),
            settings.row_group_rows,
        )?;
        writer.write(&batch)?;
        writer.finish(SegmentRow {
            collected_from_ms: from,
            collected_to_ms: to,
            merges_applied: (identity.merges().len() + identity.undos().len()) as u64,
            ..described(&batch)
        })
    }
}

/// What a sorted batch says about itself.
fn described(batch: &RecordBatch) -> SegmentRow {
    let ids = batch
        .column_by_name(schema::PROFILE_ID)
        .map(|ids| ids.as_primitive::<Int64Type>().values());
    let times = batch.column_by_name(schema::TIMESTAMP);
    let times = times.map(|times| times.as_primitive::<TimestampMillisecondType>().values());
    let times = || times.into_iter().flat_map(|times| times.iter().copied());
    SegmentRow {
        name: String::new(),
        rows: batch.num_rows() as u64,
        bytes: 0,
        min_timestamp_ms: times().min().unwrap_or_default(),
        max_timestamp_ms: times().max().unwrap_or_default(),
        min_profile_id: ids.and_then(|ids| ids.first()).copied().unwrap_or_default(),
        max_profile_id: ids.and_then(|ids| ids.last()).copied().unwrap_or_default(),
        collected_from_ms: 0,
        collected_to_ms: 0,
        merges_applied: 0,
        checksum: 0,
    }
}
