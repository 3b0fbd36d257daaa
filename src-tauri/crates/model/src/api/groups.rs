//! Consumer groups: lag, its history, offsets that are moved, and alerts.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::ChartStyle;
use crate::{AlertDefinition, Error};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct GroupRequest {
    pub cluster: String,
    pub group: String,
}

/// Lag of one group over all its partitions. What is unknown is absent, never 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct GroupSummary {
    pub group: String,
    /// As Kafka names it: `Stable`, `Empty`, ...
    pub state: String,
    pub members: u32,
    pub topics: Vec<String>,
    pub partitions: u32,
    /// Partitions whose lag is unknown (no commit, no end, or a commit past it); they count in no sum.
    pub partitions_unknown: u32,
    pub lag: Option<i64>,
    /// The lag of some partition counts offsets that are no records.
    pub lag_in_offsets: bool,
    /// The largest of its partitions.
    pub lag_ms: Option<i64>,
    /// Where `lag_ms` is from.
    pub lag_ms_source: Option<LagTimeSource>,
    /// Records deleted before it read them, over all its partitions.
    pub lost: Option<i64>,
    /// That of its worst partition.
    pub status: LagStatus,
    /// The group as Burrow sums it up.
    pub level: LagLevel,
    /// Why the status is what it is, as a sentence.
    pub reason: String,
    /// The share of the commits by which it is to be judged that were seen so far, 0 to 1.
    pub complete: f64,
    /// Records a second that arrive in its partitions, over the window.
    pub in_per_second: Option<f64>,
    /// Records a second that it commits, over the same.
    pub out_per_second: Option<f64>,
    /// Time until the lag is 0 at these rates; absent: never, or unknown.
    pub drained_in_ms: Option<i64>,
    /// The largest lag of a partition over the mean of all; absent with fewer than two, or without lag.
    pub skew: Option<f64>,
    /// The partition that is furthest behind, in time or else in records.
    pub slowest: Option<SlowPartition>,
    /// When its members or their partitions were last seen to change.
    pub rebalanced_ms: Option<i64>,
    pub sampled_ms: i64,
}

/// A partition and who is to blame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SlowPartition {
    pub topic: String,
    pub partition: i32,
    pub lag: i64,
    pub lag_ms: Option<i64>,
    pub lag_ms_source: Option<LagTimeSource>,
    /// Its owner; absent: nobody.
    pub member: Option<String>,
    pub client: Option<String>,
    pub host: Option<String>,
}

/// Where a lag in time is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum LagTimeSource {
    /// The timestamp of the record at the committed offset, or there is none to read.
    Record,
    /// When the partition's end was where the commit is now, between two samples.
    Interpolated,
}

/// By Burrow's rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum LagStatus {
    /// Not enough samples yet, or no commits at all.
    Unknown,
    Ok,
    /// Lag does not fall while it commits.
    Warn,
    /// Commits do not move while there is lag, and a member holds the partition.
    Stall,
    /// No commits while there is lag, and nobody holds the partition.
    Stop,
    /// Commits went back, and have not caught up with where they were.
    Rewind,
}

/// A whole group, as Burrow sums it up: any partition that stalls, stopped or went back makes an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum LagLevel {
    Ok,
    Warn,
    Err,
    Unknown,
}

impl LagStatus {
    pub fn level(self) -> LagLevel {
        match self {
            Self::Unknown => LagLevel::Unknown,
            Self::Ok => LagLevel::Ok,
            Self::Warn => LagLevel::Warn,
            Self::Stall | Self::Stop | Self::Rewind => LagLevel::Err,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct GroupDetail {
    pub summary: GroupSummary,
    pub partitions: Vec<GroupPartition>,
    pub members: Vec<GroupMember>,
    /// What was seen to change, newest first.
    pub rebalances: Vec<Rebalance>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct GroupPartition {
    pub topic: String,
    pub partition: i32,
    pub committed: Option<i64>,
    pub start: Option<i64>,
    pub end: Option<i64>,
    /// The end for readers of committed records, where it was asked for: an open transaction holds it back.
    pub stable_end: Option<i64>,
    pub lag: Option<i64>,
    /// The lag counts offsets that are no records (marks of transactions, records compacted away): there were too many to
    /// look at each.
    pub lag_in_offsets: bool,
    /// Now less the timestamp of the record at the committed offset; 0 when there is none to read.
    pub lag_ms: Option<i64>,
    pub lag_ms_source: Option<LagTimeSource>,
    /// Records that were deleted before they were read: the low watermark is past the committed offset.
    pub lost: Option<i64>,
    /// How far the commit is past the end, where it is: the topic was made anew, or lost records. Lag is then unknown.
    pub past_end: Option<i64>,
    pub member: Option<String>,
    pub client: Option<String>,
    pub host: Option<String>,
    pub status: LagStatus,
    /// Why the status is what it is, as a sentence.
    pub reason: String,
    pub in_per_second: Option<f64>,
    pub out_per_second: Option<f64>,
    pub drained_in_ms: Option<i64>,
}

/// A member of a group, and how it does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct GroupMember {
    pub id: String,
    pub client: String,
    pub host: String,
    /// `topic/partition`, in order.
    pub assignment: Vec<String>,
    /// Over its partitions; absent: of none it is known.
    pub lag: Option<i64>,
    pub lag_ms: Option<i64>,
    pub lag_ms_source: Option<LagTimeSource>,
    pub out_per_second: Option<f64>,
}

/// Members came or went, or partitions changed hands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Rebalance {
    pub at_ms: i64,
    /// What changed, as a sentence.
    pub what: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct LagChartRequest {
    pub cluster: String,
    /// Absent: every group, a line each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub group: Option<String>,
    pub metric: LagMetric,
    /// How far back it goes; absent: an hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub range_ms: Option<i64>,
    /// A line a partition instead of one for the group.
    #[serde(default)]
    pub by_partition: bool,
    pub style: ChartStyle,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum LagMetric {
    Records,
    Time,
    /// Records a second that arrive and that are committed.
    Rates,
}

/// Which offsets of a group shall be moved, and where to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ResetRequest {
    pub cluster: String,
    pub group: String,
    /// What is moved; empty: every partition that the group has committed.
    #[serde(default)]
    pub only: Vec<ResetScope>,
    pub to: ResetTo,
}

/// A topic, or some of its partitions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ResetScope {
    pub topic: String,
    /// Empty: all.
    #[serde(default)]
    pub partitions: Vec<i32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ResetTo {
    Earliest,
    Latest,
    Offset(i64),
    /// The first record at or after this time.
    Timestamp(i64),
    /// So many records on, or back when negative.
    Shift(i64),
    /// The first record of the last so many milliseconds.
    Duration(i64),
    /// Lines of `topic,partition,offset`, as `kafka-consumer-groups --export` writes them.
    Csv(String),
}

/// What a reset changes, or changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ResetPlan {
    pub cluster: String,
    pub group: String,
    pub rows: Vec<ResetRow>,
    /// Records that the group will not read.
    pub skipped: i64,
    /// Records that it will read again.
    pub again: i64,
    /// Why it can't be done now, as a sentence; absent: it can.
    pub refused: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ResetRow {
    pub topic: String,
    pub partition: i32,
    pub current: Option<i64>,
    pub new: i64,
    pub start: i64,
    pub end: i64,
    /// `new` less `current`; absent: nothing was committed.
    pub change: Option<i64>,
    /// What was asked for, when it lay outside of the partition and was moved to its edge.
    pub clamped_from: Option<i64>,
    /// What else there is to know, as a sentence.
    pub note: Option<String>,
}

/// Moves offsets exactly as a preview showed them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ResetApply {
    pub cluster: String,
    pub group: String,
    pub offsets: Vec<ResetOffset>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, TS)]
pub struct ResetOffset {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
}

/// Deletes a group, or what it has committed of one topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct GroupDelete {
    pub cluster: String,
    pub group: String,
    /// Absent: the whole group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub topic: Option<String>,
}

/// An alert and what it says now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct AlertSummary {
    pub name: String,
    pub definition: AlertDefinition,
    /// What it watches for, as a sentence.
    pub sentence: String,
    /// Groups for which it fires, waits, or was resolved of late; those that fire first, then newest first.
    pub instances: Vec<AlertInstance>,
}

/// An alert as it is written now, saved or not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct AlertRequest {
    pub name: String,
    pub definition: AlertDefinition,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct AlertSaveRequest {
    pub name: String,
    pub definition: AlertDefinition,
    /// A new one: refused where there is one of this name.
    #[serde(default)]
    pub create: bool,
}

/// Whether an alert would fire as things are now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct AlertPreview {
    /// What it watches for, as a sentence.
    pub sentence: String,
    /// The groups that it watches; those for which it holds first.
    pub groups: Vec<AlertPreviewGroup>,
    /// Clusters that could not be asked, a sentence each.
    pub missing: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct AlertPreviewGroup {
    pub cluster: String,
    pub group: String,
    /// Whether its conditions hold now; it fires when they hold for as long as it says. Absent: something it asks for
    /// is unknown.
    pub holds: Option<bool>,
    pub lag: Option<i64>,
    pub lag_ms: Option<i64>,
    pub lag_ms_source: Option<LagTimeSource>,
    pub status: LagStatus,
    pub reason: String,
}

/// What the webhook made of a notice that is marked as a test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct AlertTested {
    /// Why it was not told; absent: it was.
    pub error: Option<Error>,
    pub took_ms: i64,
}

/// An alert for one group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct AlertInstance {
    pub cluster: String,
    pub group: String,
    pub state: AlertState,
    /// Since when the condition holds, or held.
    pub since_ms: i64,
    pub fired_ms: Option<i64>,
    pub resolved_ms: Option<i64>,
    /// Why, as a sentence.
    pub reason: String,
    /// Why nobody could be told, when that failed; it is tried again.
    pub error: Option<Error>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    Firing,
    /// It holds, but not for long enough yet.
    Pending,
    Resolved,
}
