//! Writing records: one, a file of them, or those of another topic.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{RecordHeader, TailRequest, TailStart};
use crate::Error;

/// A registered schema to write by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ProduceSchema {
    pub subject: String,
    /// Absent: the latest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub version: Option<i32>,
    /// The full name of a Protobuf message. Absent: the first of its file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub message: Option<String>,
}

/// One record. With a schema, key and value are JSON that has to fit it; without, they are written as they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ProduceRequest {
    pub cluster: String,
    pub topic: String,
    /// Absent: no key.
    pub key: Option<String>,
    /// Absent: no value, a tombstone.
    pub value: Option<String>,
    #[serde(default)]
    pub headers: Vec<RecordHeader>,
    /// Absent: chosen by the key, as Kafka's own clients do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub partition: Option<i32>,
    /// Absent: now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub timestamp_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub key_schema: Option<ProduceSchema>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub value_schema: Option<ProduceSchema>,
}

/// Where a record was written, once it was acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Produced {
    pub partition: i32,
    pub offset: i64,
    pub value_bytes: u64,
}

/// How the records of a file are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ProduceFormat {
    /// A record a line: `{"key", "value", "headers", "partition", "timestamp"}`, all of them optional.
    JsonLines,
    /// A value a line, as it is.
    Values,
    /// With a header: `key`, `value`, `partition`, `timestamp`, `header.NAME`; where there is no `value`, the other columns
    /// together are an object.
    Csv,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ProduceFileRequest {
    pub cluster: String,
    pub topic: String,
    pub path: String,
    /// Absent: by the file's ending, `.csv`, or `.jsonl`, `.ndjson` and `.json`; of another file a value a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub format: Option<ProduceFormat>,
    /// Of records that name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub partition: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub key_schema: Option<ProduceSchema>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub value_schema: Option<ProduceSchema>,
}

/// What became of a file. Before the first record is sent, every one was read and fits: a file with a wrong one is refused
/// as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ProduceOutcome {
    pub records: u64,
    pub acknowledged: u64,
    /// Not in the topic.
    pub failed: u64,
    /// Sent, and never answered: they may be in the topic.
    pub uncertain: u64,
    /// The first of those that failed or are uncertain, by line.
    pub failures: Vec<LineFailure>,
    pub took_ms: i64,
    /// Why it ended early, as a sentence.
    pub note: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct LineFailure {
    pub line: u64,
    pub reason: String,
}

/// Records of a topic to another, byte for byte: keys, values and headers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct CopyRequest {
    pub from_cluster: String,
    pub topic: String,
    pub to_cluster: String,
    /// Absent: of the same name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub to_topic: Option<String>,
    /// As of a tail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub filter: Option<String>,
    pub start: TailStart,
    /// Where partitions start, before `start`: what an interrupted copy said.
    #[serde(default)]
    pub offsets: Vec<CopyPosition>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub until_ms: Option<i64>,
    /// Stops at the ends that the partitions had when it started.
    #[serde(default)]
    pub stop_at_end: bool,
    #[serde(default)]
    pub keep_partition: bool,
    /// Otherwise the records are of now.
    #[serde(default)]
    pub keep_timestamps: bool,
    /// What to do when the same copy was interrupted before.
    #[serde(default)]
    pub interrupted: Interrupted,
}

/// What to do when the same copy was interrupted before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Interrupted {
    /// Refuse, and say from where it would go on.
    #[default]
    Ask,
    /// Go on from where it was.
    GoOn,
    /// Begin anew.
    Anew,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct CopyPosition {
    pub partition: i32,
    /// The next offset to copy.
    pub offset: i64,
}

/// What a copy did, exactly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct CopyOutcome {
    pub scanned: u64,
    pub matched: u64,
    /// Acknowledged by the target.
    pub copied: u64,
    /// Not in the target.
    pub failed: u64,
    /// Sent, and never answered: they may be in the target.
    pub uncertain: u64,
    /// From where to go on: everything before is copied.
    pub positions: Vec<CopyPosition>,
    /// Records that are in the target and lie after `positions`: going on from there copies them a second time.
    pub again: u64,
    /// Records that were deleted from the source before they could be read.
    pub lost: u64,
    pub took_ms: i64,
    /// Whether it did all that was asked for.
    pub complete: bool,
    /// Why it ended, as a sentence.
    pub note: String,
    pub error: Option<Error>,
}

/// How records are exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    /// As a file that is produced is read.
    JsonLines,
    Csv,
    Parquet,
    Arrow,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct TailExportRequest {
    /// Without an end it goes on until it is cancelled.
    pub tail: TailRequest,
    pub path: String,
    pub format: ExportFormat,
}

/// A file of all matching records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TailExport {
    pub path: String,
    pub bytes: u64,
    pub rows: u64,
    pub scanned: u64,
    pub scanned_bytes: u64,
    /// Why it ended, as a sentence.
    pub note: String,
}
