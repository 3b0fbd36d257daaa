//! What the app persists of the event log, as plain rows, and what it hands back at opening.

use std::fmt;

use tailrace_model::Error;

use super::pending::Pending;
use crate::{
    events::columns::ColumnRow,
    identity::{IdentityChanges, IdentityRows},
};

/// A file of the event log. Key: `name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentRow {
    /// Of the file, in the log's folder.
    pub name: String,
    pub rows: u64,
    pub bytes: u64,
    pub min_timestamp_ms: i64,
    pub max_timestamp_ms: i64,
    /// As they are written; a later merge maps them.
    pub min_profile_id: i64,
    pub max_profile_id: i64,
    /// When its events were collected.
    pub collected_from_ms: i64,
    pub collected_to_ms: i64,
    /// The merges that its profile ids follow already: the first so many.
    pub merges_applied: u64,
    /// XXH3 (64 bit) of the whole file.
    pub checksum: u64,
}

/// All that was persisted, for opening.
#[derive(Debug, Clone, Default)]
pub struct LogManifest {
    pub segments: Vec<SegmentRow>,
    /// The columns of properties.
    pub columns: Vec<ColumnRow>,
    pub identity: IdentityRows,
    pub checkpoint_ms: Option<i64>,
}

/// Counts of a source since the last checkpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceCounts {
    pub source: String,
    pub events: u64,
    pub duplicates: u64,
    /// Events with no identifier that may be used.
    pub rejected: u64,
}

/// What one transaction has to make true. Whoever gets one commits its rows and then installs it, or discards it.
#[derive(Debug)]
#[must_use = "commit it and install it, or discard it"]
pub struct CheckpointChange {
    pub checkpoint_ms: i64,
    /// Insert; the files are on disk and synced.
    pub segments_added: Vec<SegmentRow>,
    /// Delete; the files go when nothing reads them any more.
    pub segments_removed: Vec<String>,
    /// Append.
    pub columns_added: Vec<ColumnRow>,
    pub identity: IdentityChanges,
    pub counts: Vec<SourceCounts>,
    pub(super) pending: Pending,
}

/// A segment that cannot be read: its events are missing from every answer until it is restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file's name.
    pub segment: String,
    pub error: Error,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.error.message)
    }
}
