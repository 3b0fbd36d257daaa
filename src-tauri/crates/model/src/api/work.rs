//! Workspace, SQL and activity.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{Column, TopicRef};
use crate::Error;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct WorkspaceSummary {
    pub name: String,
    pub path: String,
    pub time_zone: String,
    pub version: String,
    /// Definition files that do not parse or do not hold, with file and line.
    pub problems: Vec<Error>,
    /// Opened before, newest first, this one included.
    pub recent: Vec<RecentWorkspace>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct RecentWorkspace {
    pub name: String,
    pub path: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct WorkspaceOpenRequest {
    pub path: String,
}

/// The numbers beside the entries of the rail and in the status bar.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct Counts {
    pub clusters: u64,
    /// Of the cluster chosen; absent: it does not answer.
    pub topics: Option<u64>,
    pub groups: Option<u64>,
    pub groups_stopped: u64,
    pub groups_warning: u64,
    pub profiles: u64,
    pub events: u64,
    pub events_per_second: f64,
    pub duplicates: u64,
    pub malformed: u64,
    pub traits: u64,
    pub audiences: u64,
    pub destinations: u64,
    pub syncs: u64,
    pub activities_running: u64,
    pub log_bytes: u64,
    /// The checkpoint that these numbers stand for.
    pub as_of_ms: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct CountsRequest {
    /// The cluster chosen in the window.
    pub cluster: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SqlRequest {
    pub sql: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SqlStarted {
    pub view: u64,
}

/// A query while it runs and after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct SqlStatus {
    pub running: bool,
    pub rows: u64,
    pub bytes: u64,
    pub columns: Vec<Column>,
    pub took_ms: i64,
    /// What was read of topics; absent: the query reads none.
    pub scan: Option<SqlScan>,
    /// Why it stopped early, as a sentence.
    pub note: Option<String>,
    pub error: Option<Error>,
}

/// What a query read of topics, while it runs and after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct SqlScan {
    pub records: u64,
    /// Of keys and values.
    pub bytes: u64,
    /// Offsets between where the reading began and where it ends: there may be fewer records.
    pub total: u64,
    pub records_per_second: f64,
    pub bytes_per_second: f64,
    /// Until all is read, at this rate; absent: not known, or ended.
    pub left_ms: Option<i64>,
    /// Fields of another type than their column's: they are null.
    pub mistyped: u64,
    /// Values that could not be decoded: they are null.
    pub undecoded: u64,
    /// Records that were deleted before they could be read.
    pub lost: u64,
    /// What was read, what of it is null, and why it stopped, as sentences.
    pub said: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum SqlFormat {
    Csv,
    /// One object a line.
    Jsonl,
    /// One array of objects.
    Json,
    Parquet,
    /// Arrow's file format.
    Arrow,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SqlExportRequest {
    pub sql: String,
    pub path: String,
    /// Absent: as the path ends (`.csv`, `.jsonl`, `.json`, `.parquet`, `.arrow`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub format: Option<SqlFormat>,
}

/// Tables and columns for completion.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SqlCatalog {
    pub tables: Vec<SqlTable>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SqlTable {
    /// As SQL writes it.
    pub name: String,
    /// Of a topic that was not looked at yet: none.
    pub columns: Vec<Column>,
    /// Set when it is a topic.
    pub topic: Option<TopicRef>,
}

/// Long work, running or ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Activity {
    pub id: u64,
    /// `source`, `evaluation`, `sync`, `tail`, `query`, `lag`, `compaction`, `produce`, `copy`, `export`.
    pub kind: String,
    pub title: String,
    pub state: ActivityState,
    pub done: Option<u64>,
    pub total: Option<u64>,
    pub per_second: Option<f64>,
    pub started_ms: i64,
    pub ended_ms: Option<i64>,
    pub detail: Option<String>,
    pub error: Option<Error>,
    pub can_cancel: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ActivityState {
    Running,
    Done,
    Failed,
    Cancelled,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ActivityRequest {
    pub id: u64,
}
