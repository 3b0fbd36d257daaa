//! Tracking plans and their violations, transformations, the quarantine, and replay.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::ChartStyle;
use crate::TrackingPlanDefinition;

/// Why a record is in the quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum QuarantineKind {
    /// It is no event.
    Malformed,
    /// The tracking plan blocks it.
    Blocked,
    /// The transformation fails on it.
    Failed,
}

/// A record that became no event, kept as it was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct QuarantinedRecord {
    pub id: i64,
    pub source: String,
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    pub kind: QuarantineKind,
    /// As far as it could be read.
    pub event: Option<String>,
    pub message_id: Option<String>,
    /// The fields that do not fit, with commas.
    pub fields: Option<String>,
    pub reason: String,
    /// The beginning of the value.
    pub value: String,
    /// Of the record.
    pub timestamp_ms: Option<i64>,
    pub seen_ms: i64,
    /// Times that it was replayed and stayed.
    pub tries: u32,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct QuarantineRequest {
    /// Empty: all.
    #[serde(default)]
    pub source: String,
    /// Text in the reason, event, message id or value, whatever its case; empty: all.
    #[serde(default)]
    pub text: String,
    /// Empty: all.
    #[serde(default)]
    pub event: String,
    /// One of the fields that do not fit; empty: all.
    #[serde(default)]
    pub field: String,
    #[serde(default)]
    pub offset: u64,
    pub limit: u32,
}

/// Newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct QuarantineList {
    pub records: Vec<QuarantinedRecord>,
    /// All that match, of which this is a page.
    pub total: u64,
    /// The oldest that had to leave, because there were too many or too large ones.
    pub evicted: u64,
    /// Records that are kept for each source.
    pub records_max: u64,
    /// Bytes that are kept for each source.
    pub bytes_max: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct QuarantineShowRequest {
    pub id: i64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct QuarantineDetail {
    pub record: QuarantinedRecord,
    /// The whole value as text.
    pub value: String,
    /// The value was too large to be kept whole.
    pub cut: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct QuarantineReplayRequest {
    /// Empty: all.
    #[serde(default)]
    pub source: String,
    /// Only these; empty: all that `filter` holds for.
    #[serde(default)]
    pub ids: Vec<i64>,
    /// A SQL predicate over `source`, `kind`, `event`, `message_id`, `fields`, `reason`, `topic`, `partition`, `offset`,
    /// `tries` and `value` (a text).
    #[serde(default)]
    pub filter: Option<String>,
    /// Instead of the source's own: a transformation (`SELECT ... FROM events`), or how a record becomes an event
    /// (`SELECT ... FROM records`).
    #[serde(default)]
    pub transform: Option<String>,
    /// Changes nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// What came, or would come, of a replay of the quarantine.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct QuarantineReplay {
    pub records: u64,
    /// Became events.
    pub collected: u64,
    /// Had been collected before: they leave the quarantine.
    pub duplicates: u64,
    /// The transformation leaves them out: they leave the quarantine.
    pub left_out: u64,
    /// Stay, each with its new reason.
    pub stayed: u64,
    /// The first of them.
    pub sample: Vec<PreviewRow>,
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum PreviewOutcome {
    Event,
    LeftOut,
    Blocked,
    Failed,
    Malformed,
}

/// A record before and after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct PreviewRow {
    pub partition: i32,
    pub offset: i64,
    pub outcome: PreviewOutcome,
    /// Why it is no event.
    pub reason: Option<String>,
    /// The event as the record says it, as JSON; of one that is malformed: the beginning of the value.
    pub before: String,
    /// What is collected, as JSON.
    pub after: Option<String>,
    /// What does not fit the tracking plan: `field: why`.
    pub violations: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SourcePreviewRequest {
    pub name: String,
    /// The transformation to try; absent: the source's own. Empty: none.
    #[serde(default)]
    pub transform: Option<String>,
    /// So many of the newest records.
    pub count: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct SourcePreview {
    /// The transformation that was tried.
    pub transform: Option<String>,
    pub rows: Vec<PreviewRow>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SourceTransformRequest {
    pub name: String,
    /// Absent or empty: none any more.
    #[serde(default)]
    pub transform: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SourceReplayRequest {
    pub name: String,
    pub from_ms: i64,
    /// Absent: to the end that the topic has now.
    #[serde(default)]
    pub to_ms: Option<i64>,
    /// Changes nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// What a replay did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SourceReplay {
    pub records: u64,
    /// Events that were not in the log.
    pub added: u64,
    /// Were there in another form.
    pub replaced: u64,
    /// Are there as they would be.
    pub same: u64,
    /// Were there, and are left out or blocked now.
    pub removed: u64,
    /// Of the replaced and the removed: those whose old form said otherwise who somebody is or what their traits are.
    /// Merges and traits that it brought about stay.
    pub identities: u64,
    /// Become no event by the transformation's `WHERE`.
    pub left_out: u64,
    /// Kept in the quarantine.
    pub blocked: u64,
    pub malformed: u64,
    /// Records that the topic no longer has.
    pub lost: u64,
    pub took_ms: i64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ViolationRequest {
    /// Empty: all.
    #[serde(default)]
    pub source: String,
    /// Absent: a week ago.
    #[serde(default)]
    pub from_ms: Option<i64>,
}

/// How often a field of an event did not fit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ViolationCount {
    pub source: String,
    pub event: String,
    /// `address.zip`; empty: the event itself, which the plan does not name.
    pub field: String,
    pub count: u64,
    pub first_ms: i64,
    pub last_ms: i64,
    /// The last one.
    pub reason: String,
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    /// Count by hour, oldest first; hours without any are not in it.
    pub hours: Vec<ViolationHour>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ViolationHour {
    /// When the hour begins.
    pub hour_ms: i64,
    pub count: u64,
}

/// Most frequent first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ViolationList {
    pub violations: Vec<ViolationCount>,
    pub total: u64,
    pub from_ms: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ViolationChartRequest {
    #[serde(default)]
    pub source: String,
    #[serde(default)]
    pub from_ms: Option<i64>,
    pub style: ChartStyle,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct PlanSummary {
    pub name: String,
    pub title: Option<String>,
    pub version: u32,
    pub events: u64,
    /// That name it.
    pub sources: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct PlanDetail {
    pub name: String,
    /// Relative to the workspace.
    pub file: String,
    pub definition: TrackingPlanDefinition,
    pub text: String,
    pub sources: Vec<String>,
    /// As it was used before, newest first.
    pub versions: Vec<PlanVersion>,
}

/// A plan as a source used it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PlanVersion {
    pub version: u32,
    /// When it was used first.
    pub saved_ms: i64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PlanInferRequest {
    /// Absent: from the events of every source.
    #[serde(default)]
    pub source: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct PlanInferred {
    pub definition: TrackingPlanDefinition,
    pub text: String,
    /// Events that it was made from.
    pub events: u64,
    /// What it could not say.
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct PlanSaveRequest {
    pub name: String,
    /// The whole file.
    pub text: String,
    /// Refused where there is one of the name.
    #[serde(default)]
    pub create: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PlanDiffRequest {
    /// A plan's name (as it is now), `NAME@VERSION` (as it was used), or a file.
    pub from: String,
    pub to: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct PlanDifference {
    pub from: String,
    pub to: String,
    pub changes: Vec<PlanChange>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PlanChange {
    pub kind: PlanChangeKind,
    /// Absent: of the plan as a whole.
    pub event: Option<String>,
    pub field: Option<String>,
    /// What was changed, in words.
    pub what: String,
    /// Events that fitted may not fit any more.
    pub stricter: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum PlanChangeKind {
    Added,
    Removed,
    Changed,
}
