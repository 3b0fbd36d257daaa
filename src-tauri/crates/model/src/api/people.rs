//! Sources, profiles, traits and audiences.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{ChartStyle, Merge, Rows};
use crate::{AudienceDefinition, Error, SourceDefinition, TraitDefinition};

/// A source and what it did since the workspace was opened, and in all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct SourceSummary {
    pub name: String,
    pub definition: SourceDefinition,
    pub state: SourceState,
    /// In the event log, from this source.
    pub events: u64,
    /// Not collected again: their message id was there already.
    pub duplicates: u64,
    /// Kept apart with their reason.
    pub malformed: u64,
    /// Kept apart, because the tracking plan says so, or the transformation fails on them.
    pub blocked: u64,
    /// In the quarantine now: those of the two above that were not replayed since.
    pub quarantined: u64,
    /// Times that a field, or an event, did not fit the tracking plan.
    pub violations: u64,
    /// Not collected: the transformation's `WHERE` leaves them out.
    pub left_out: u64,
    /// Records that were deleted from the topic before they were read, so far as is known.
    pub lost: u64,
    /// Records between the checkpoint and the end of the topic; absent: unknown.
    pub behind: Option<i64>,
    pub per_second: f64,
    pub checkpoint_ms: Option<i64>,
    pub error: Option<Error>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum SourceState {
    Starting,
    CatchingUp,
    Live,
    /// A broker is away: it goes on by itself when the broker is back. The error says which one.
    Waiting,
    Stopped,
    Failed,
}

/// A record that is not an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct MalformedRecord {
    pub source: String,
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    pub reason: String,
    /// The beginning of the value.
    pub value: String,
    pub seen_ms: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SearchRequest {
    /// Any identifier, or the beginning of one; empty: the last seen.
    pub text: String,
    #[serde(default)]
    pub offset: u64,
    pub limit: u32,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct MembersRequest {
    /// Of the audience.
    pub name: String,
    /// A part of a profile's name; empty: all.
    #[serde(default)]
    pub text: String,
    #[serde(default)]
    pub offset: u64,
    pub limit: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ProfileList {
    pub profiles: Vec<ProfileSummary>,
    /// All that match, of which this is a page.
    pub total: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ProfileSummary {
    pub profile_id: i64,
    /// What to call it: the user id, else the email, else another identifier.
    pub name: String,
    pub user_id: Option<String>,
    pub email: Option<String>,
    pub first_seen_ms: i64,
    pub last_seen_ms: i64,
    pub events: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ProfileRequest {
    pub profile_id: i64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ProfileDetail {
    pub summary: ProfileSummary,
    pub identifiers: Vec<Identifier>,
    pub traits: Vec<TraitValue>,
    /// Names of the audiences that it is a member of, and since when.
    pub audiences: Vec<ProfileAudience>,
    /// Newest first, at most 100.
    pub events: Vec<ProfileEvent>,
    /// The merges that it, or any profile merged into it, had part in, newest first.
    pub merges: Vec<Merge>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Identifier {
    /// `user_id`, `email`, `anonymous_id`, ...
    pub kind: String,
    pub value: String,
    pub first_seen_ms: i64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct TraitValue {
    pub name: String,
    pub value: Option<String>,
    /// `identify`, `computed`, `sql` or `warehouse`.
    pub origin: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ProfileAudience {
    pub audience: String,
    pub since_ms: i64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ProfileEvent {
    pub message_id: String,
    pub kind: String,
    pub event: String,
    pub timestamp_ms: i64,
    pub source: String,
    /// A JSON object.
    pub properties: String,
}

/// Event names, properties and values as they were really observed: what the builder completes from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct Observed {
    pub events: Vec<ObservedEvent>,
    pub tables: Vec<ObservedTable>,
    pub traits: Vec<String>,
    pub audiences: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ObservedEvent {
    pub event: String,
    pub count: u64,
    pub properties: Vec<ObservedProperty>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ObservedProperty {
    pub name: String,
    pub data_type: String,
    /// The most frequent values, at most 20, with their counts.
    pub values: Vec<ObservedValue>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ObservedValue {
    pub value: String,
    pub count: u64,
}

/// A warehouse table (`warehouse.table`) and its columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ObservedTable {
    pub table: String,
    pub rows: u64,
    pub read_ms: i64,
    pub columns: Vec<ObservedProperty>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct TraitSummary {
    pub name: String,
    pub title: Option<String>,
    /// `computed` or `sql`.
    pub kind: String,
    pub description: Option<String>,
    pub error: Option<Error>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct TraitDetail {
    pub name: String,
    pub definition: TraitDefinition,
    /// Relative to the workspace.
    pub file: String,
    pub sql: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct TraitPreviewRequest {
    pub name: String,
    pub definition: TraitDefinition,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct TraitPreview {
    pub sql: String,
    /// Profiles with a value.
    pub profiles: u64,
    /// The first rows, with the profile's name.
    pub sample: Rows,
    pub took_ms: i64,
}

/// The kind of an audience whose files cannot be read.
pub const BROKEN_AUDIENCE: &str = "broken";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct AudienceSummary {
    pub name: String,
    pub title: Option<String>,
    pub description: Option<String>,
    /// `conditions` or `sql`; `broken`: its files cannot be read, and `error` says why.
    pub kind: String,
    /// Absent: not evaluated yet.
    pub members: Option<u64>,
    /// Since the workspace was opened.
    pub entered: u64,
    pub exited: u64,
    pub evaluated_ms: Option<i64>,
    /// How long the last evaluation took.
    pub took_ms: Option<i64>,
    pub error: Option<Error>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct AudienceDetail {
    pub summary: AudienceSummary,
    pub definition: AudienceDefinition,
    /// Relative to the workspace.
    pub file: String,
    pub sql: String,
    /// The whole audience as a sentence; of SQL: absent.
    pub sentence: Option<String>,
    /// Syncs that deliver it.
    pub syncs: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct AudiencePreviewRequest {
    /// Of an audience that exists, to compare with; empty: a new one.
    pub name: String,
    pub definition: AudienceDefinition,
}

/// An audience evaluated as it is being edited.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct AudiencePreview {
    pub sql: String,
    pub sentence: Option<String>,
    pub size: u64,
    /// Of every profile.
    pub universe: u64,
    /// Against the published one: who would enter and exit.
    pub entering: u64,
    pub exiting: u64,
    /// The size of each condition alone, by its path in the tree (`0`, `1.0`, ...).
    pub conditions: Vec<ConditionSize>,
    pub sample: Vec<SampleMember>,
    pub took_ms: i64,
    pub evaluated_ms: i64,
    /// Events that the answer is over: all in the event log; absent: unknown.
    pub events: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ConditionSize {
    pub path: String,
    pub size: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SampleMember {
    pub profile_id: i64,
    pub name: String,
    /// Why, in short: `plan is pro · 4 × Order Completed in 14 days`.
    pub why: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct AudienceSaveRequest {
    pub name: String,
    pub definition: AudienceDefinition,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct TraitSaveRequest {
    pub name: String,
    pub definition: TraitDefinition,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct MemberList {
    pub members: Vec<Member>,
    pub total: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Member {
    pub profile_id: i64,
    pub name: String,
    pub since_ms: i64,
}

/// Newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct MembershipChanges {
    pub changes: Vec<MembershipChange>,
    pub total: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct MembershipChange {
    pub audience: String,
    pub profile_id: i64,
    pub name: String,
    pub entered: bool,
    pub at_ms: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ExplainRequest {
    pub name: String,
    pub profile_id: i64,
}

/// Why a profile is in an audience, or is not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Explanation {
    pub profile_id: i64,
    pub name: String,
    pub member: bool,
    pub since_ms: Option<i64>,
    pub evaluated_ms: i64,
    /// One a condition, in the tree's order; of SQL: empty.
    pub conditions: Vec<ExplainedCondition>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ExplainedCondition {
    pub path: String,
    pub depth: u32,
    pub sentence: String,
    pub holds: bool,
    /// What it evaluated to for this profile: `4`, `pro`; absent: null, or a group.
    pub value: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct AudienceChartRequest {
    pub name: String,
    pub style: ChartStyle,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct AudienceExportRequest {
    pub name: String,
    /// Ends in `.csv`, `.parquet` or `.json`.
    pub path: String,
}
