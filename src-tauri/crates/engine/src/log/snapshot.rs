//! The log at one checkpoint: what every query reads.

use std::sync::Arc;

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use tailrace_model::Error;

use super::{manifest::SegmentRow, merges::Merges, properties, schema::events_schema, segment::Segment};
use crate::{events::columns::Columns, identity::ProfilesSnapshot};

/// What is installed; never changed, only replaced.
#[derive(Debug)]
pub(super) struct State {
    pub segments: Vec<Arc<Segment>>,
    pub columns: Arc<Columns>,
    pub schema: SchemaRef,
    pub merges: Arc<Merges>,
    pub profiles: Arc<ProfilesSnapshot>,
    pub checkpoint_ms: Option<i64>,
    pub missing: Vec<String>,
}

impl State {
    pub fn new(columns: Arc<Columns>, merges: Arc<Merges>, profiles: Arc<ProfilesSnapshot>) -> Self {
        Self {
            segments: Vec::new(),
            schema: events_schema(&columns),
            columns,
            merges,
            profiles,
            checkpoint_ms: None,
            missing: Vec::new(),
        }
    }
}

/// The events and profiles of one checkpoint. Cheap to clone; files live as long as a snapshot needs them.
#[derive(Debug, Clone)]
pub struct LogSnapshot(pub(super) Arc<State>);

impl LogSnapshot {
    /// The files, in the order in which they were written.
    pub fn segments(&self) -> &[Arc<Segment>] {
        &self.0.segments
    }

    /// The columns of `events`.
    pub fn schema(&self) -> SchemaRef {
        self.0.schema.clone()
    }

    /// Events in it.
    pub fn rows(&self) -> u64 {
        self.sum(|row| row.rows)
    }

    /// Bytes on disk.
    pub fn bytes(&self) -> u64 {
        self.sum(|row| row.bytes)
    }

    /// Absent: nothing was collected yet.
    pub fn checkpoint_ms(&self) -> Option<i64> {
        self.0.checkpoint_ms
    }

    /// The profile that a profile belonged to at this checkpoint: itself, or the one that it was merged into.
    pub fn canonical(&self, profile_id: i64) -> i64 {
        self.0.merges.canonical(profile_id)
    }

    /// The table `profiles` at the same checkpoint.
    pub fn profiles(&self) -> &ProfilesSnapshot {
        &self.0.profiles
    }

    /// Segments that could not be read at the opening: their events are in no answer.
    pub fn missing(&self) -> &[String] {
        &self.0.missing
    }

    /// The properties of each row as a JSON object, from a batch of `events` that has all its columns.
    pub fn properties_json(&self, batch: &RecordBatch) -> Result<Vec<String>, Error> {
        properties::json_objects(&self.0.columns, batch)
    }

    pub(super) fn merges(&self) -> &Arc<Merges> {
        &self.0.merges
    }

    fn sum(&self, of: fn(&SegmentRow) -> u64) -> u64 {
        self.0.segments.iter().map(|segment| of(segment.row())).sum()
    }
}
