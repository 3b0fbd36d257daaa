//! Clusters, topics and tails.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{Column, FormatUsed, RecordSchema};
use crate::{ClusterKind, Error, TopicFormats};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ClusterSummary {
    pub name: String,
    pub kind: ClusterKind,
    pub color: String,
    pub read_only: bool,
    /// `bootstrap.servers`; of the sandbox: its address once it runs.
    pub bootstrap: Option<String>,
    /// The address of its schema registry; absent: its file names none.
    pub registry: Option<String>,
}

/// A cluster looked at: every call speaks to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ClusterOverview {
    pub name: String,
    pub cluster_id: Option<String>,
    pub brokers: Vec<Broker>,
    pub topics: u64,
    pub partitions: u64,
    /// Absent: the cluster does not say, because listing groups is not allowed or one of its brokers is away.
    pub groups: Option<u64>,
    /// How long the cluster took to answer.
    pub took_ms: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Broker {
    pub id: i32,
    pub host: String,
    pub port: i32,
    /// Partitions that it leads.
    pub leads: u64,
}

/// The steps of a connection, in order; the first that failed ends them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ConnectionTest {
    pub ok: bool,
    pub steps: Vec<ConnectionStep>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ConnectionStep {
    /// `configuration`, `name lookup`, `tcp`, `tls`, `kafka`, `token`, `sasl`, `metadata`, `brokers`, `authorisation`;
    /// those of encryption and login only where there is one.
    pub step: String,
    pub ok: bool,
    pub detail: String,
    pub took_ms: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ClusterRequest {
    pub cluster: String,
}

/// Where a tail starts. kcat's notation: `beginning`, `end`, `OFFSET`, `-N` (the last N), `s@MILLISECONDS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum TailStart {
    Beginning,
    End,
    /// This offset in every partition.
    Offset(i64),
    /// The last N of every partition.
    Last(i64),
    /// The first record at or after this time, in every partition.
    Timestamp(i64),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct TailRequest {
    pub cluster: String,
    pub topic: String,
    pub start: TailStart,
    /// Stops at the first record at or after this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub until_ms: Option<i64>,
    /// Empty: all.
    #[serde(default)]
    pub partitions: Vec<i32>,
    /// A SQL predicate over `_partition`, `_offset`, `_timestamp`, `_key`, `value`. A leading `where` is allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub filter: Option<String>,
    /// Columns in SQL over the same: `_key, value.total * 100 AS cents`. They are what is written; the rows of the view stay
    /// whole records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub select: Option<String>,
    /// Stops at the ends that the partitions had when it started.
    #[serde(default)]
    pub stop_at_end: bool,
    /// Stops after this many matched records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub limit: Option<u64>,
    /// How keys and values are read, for this tail alone; what is absent is as the cluster's file says.
    #[serde(default)]
    #[ts(optional, as = "Option<TopicFormats>")]
    pub formats: TopicFormats,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct TailStarted {
    pub view: u64,
}

/// What a tail did so far: nothing is silently cut.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct TailStatus {
    pub state: TailState,
    pub scanned: u64,
    pub scanned_bytes: u64,
    pub matched: u64,
    /// Rows that left the table because it was full.
    pub evicted: u64,
    /// Values of a field that were not of the type first seen; the filter saw them as null.
    pub mistyped: u64,
    /// Records that matched and wait for slower partitions, so that they come in the order of time.
    #[serde(default)]
    pub waiting: u64,
    pub per_second: f64,
    pub started_ms: i64,
    /// Decoded fields worth a column, most frequent first.
    pub columns: Vec<Column>,
    pub partitions: Vec<TailPartition>,
    /// What keys and values are read as; absent: not known before the first of them.
    pub key_format: Option<FormatUsed>,
    pub value_format: Option<FormatUsed>,
    /// Values and keys that are not of their format.
    pub undecoded: u64,
    /// The first of them, with its place and why.
    pub undecoded_first: Option<String>,
    /// Why it stopped, or what it waits for, as a sentence.
    pub note: Option<String>,
    pub error: Option<Error>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum TailState {
    #[default]
    Starting,
    Running,
    Paused,
    Stopped,
    Failed,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TailPartition {
    pub partition: i32,
    /// The first offset it read from.
    pub from: i64,
    /// The next offset it will read.
    pub next: i64,
    /// The partition's end when last heard of.
    pub end: i64,
}

/// A page of a tail. Matched rows are numbered from 0 in the order they arrived.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct TailRows {
    /// The number of the first row here: the offset asked for, or the oldest row kept when that one has left the table.
    pub first: u64,
    pub rows: Vec<RecordRow>,
    /// Names of the decoded fields in `RecordRow::fields`.
    pub columns: Vec<Column>,
    pub total: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct RecordRow {
    pub partition: i32,
    pub offset: i64,
    pub timestamp_ms: Option<i64>,
    /// Its beginning as text, as are the value's and each field's; see [`crate::limits::CELL_CHARS_MAX`].
    pub key: Option<String>,
    pub value: Option<String>,
    pub value_bytes: u64,
    /// One a column of `TailRows::columns`.
    pub fields: Vec<Option<String>>,
    /// Why the value could not be decoded.
    pub problem: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct RecordRequest {
    pub cluster: String,
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    /// How it is read; what is absent is as the cluster's file says, or found out.
    #[serde(default)]
    #[ts(optional, as = "Option<TopicFormats>")]
    pub formats: TopicFormats,
}

/// One record, whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct RecordDetail {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    pub timestamp_ms: Option<i64>,
    /// The key as it is read: text, or JSON.
    pub key: Option<String>,
    /// The key as the column `_key` has it, for a filter by it. Absent where that is no text.
    pub key_column: Option<String>,
    pub key_format: FormatUsed,
    pub key_bytes: u64,
    pub key_problem: Option<String>,
    pub headers: Vec<RecordHeader>,
    pub value_format: FormatUsed,
    /// The value as JSON, when it can be read as JSON: indented, unless that makes it too long.
    pub json: Option<String>,
    /// The value as text, or its beginning: see `text_bytes`. Of bytes: the beginning as hexadecimal.
    pub text: Option<String>,
    /// Bytes of the whole text; the command `record_text` hands over what `text` has not.
    pub text_bytes: u64,
    pub value_bytes: u64,
    pub problem: Option<String>,
    /// What the value names in its header, and what the registry says of it.
    pub schema: Option<RecordSchema>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct RecordHeader {
    pub name: String,
    pub value: Option<String>,
}
