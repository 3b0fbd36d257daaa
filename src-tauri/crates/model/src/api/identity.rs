//! Merges and what undoes them, and what a person may ask for: to be deleted, left alone, told everything.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{ChangeLine, Identifier, ProfileEvent, ProfileSummary};

/// An identifier without its history.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, TS)]
pub struct KindValue {
    pub kind: String,
    pub value: String,
}

/// Two profiles that became one, with what tied them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Merge {
    /// What to call it: counts all merges from 0.
    pub merge: u64,
    pub merged_profile_id: i64,
    pub surviving_profile_id: i64,
    /// The profile that both belong to, or belonged to when it was undone.
    pub profile_id: i64,
    /// The event that tied them; empty: it was deleted with its person.
    pub message_id: String,
    /// The source of that event; absent: not known.
    pub source: Option<String>,
    /// The identifiers on that event: `user_id=u_1, anonymous_id=a_2`.
    pub evidence: String,
    pub merged_ms: i64,
    /// Identifiers that the survivor had before.
    pub survivor_before: Vec<KindValue>,
    /// Identifiers that the other had before.
    pub merged_before: Vec<KindValue>,
    /// Absent: it stands.
    pub undone_ms: Option<i64>,
    /// An event that would merge the two again does not.
    pub refused: bool,
    /// Since when the two may be merged again.
    pub allowed_ms: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct MergeRequest {
    pub merge: u64,
}

/// One of the two profiles after an undo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct MergeSide {
    pub profile: ProfileSummary,
    /// It and the profiles that stay merged into it.
    pub profile_ids: Vec<i64>,
    pub identifiers: Vec<KindValue>,
}

/// What undoing a merge would do, exactly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct MergeUndoPreview {
    pub merge: Merge,
    pub together: ProfileSummary,
    /// Keeps the number of the profile.
    pub stays: MergeSide,
    /// Has a number of its own again.
    pub leaves: MergeSide,
    pub lines: Vec<ChangeLine>,
    pub warnings: Vec<String>,
}

/// A merge that was undone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct MergeUndone {
    pub merge: u64,
    pub stays: MergeSide,
    pub leaves: MergeSide,
}

/// The graph of a profile: everything that came to it, and what ties it together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ProfileGraph {
    /// The profiles that were merged, as each was created; the one that lives first.
    pub origins: Vec<GraphOrigin>,
    /// The merges that tie them.
    pub ties: Vec<GraphTie>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct GraphOrigin {
    pub profile_id: i64,
    pub events: u64,
    pub identifiers: Vec<Identifier>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct GraphTie {
    pub merge: u64,
    pub one: i64,
    pub other: i64,
    pub evidence: String,
    pub merged_ms: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ProfileEventsRequest {
    pub profile_id: i64,
    /// Where the page before ended; absent: from the newest.
    #[serde(default)]
    pub cursor: Option<EventCursor>,
    pub limit: u32,
}

/// After this event, in the order of the timeline: newest first, of one time by message id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct EventCursor {
    pub timestamp_ms: i64,
    pub message_id: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ProfileEvents {
    pub events: Vec<ProfileEvent>,
    /// Absent: there are no more.
    pub next: Option<EventCursor>,
}

/// A trait as an event said it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TraitChange {
    pub name: String,
    /// JSON.
    pub value: String,
    pub timestamp_ms: i64,
    pub message_id: String,
}

/// What identify events said of a person's traits over time: each change, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TraitHistory {
    pub changes: Vec<TraitChange>,
    /// Older ones are not here.
    pub cut: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ProfileDeleteRequest {
    pub profile_id: i64,
    /// Drops the events of its identifiers from then on.
    #[serde(default)]
    pub suppress: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SuppressRequest {
    /// All identifiers of this profile; absent: those that are listed.
    #[serde(default)]
    pub profile_id: Option<i64>,
    #[serde(default)]
    pub identifiers: Vec<KindValue>,
    /// Takes their events in again.
    #[serde(default)]
    pub end: bool,
}

/// What would be done to what is kept of a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct PersonPreview {
    pub title: String,
    pub lines: Vec<ChangeLine>,
    pub warnings: Vec<String>,
    pub nothing: bool,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct PersonChanged {
    /// A sentence.
    pub done: String,
    pub lines: Vec<ChangeLine>,
}

/// An identifier whose events are dropped; itself it is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Suppression {
    pub kind: String,
    /// SHA-256 of the kind, a zero byte and the value.
    pub hash: String,
    pub since_ms: i64,
    /// Events dropped by it.
    pub dropped: u64,
    /// Until when; absent: it holds.
    pub until_ms: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ProfileExportRequest {
    pub profile_id: i64,
    /// The file to write.
    pub path: String,
}
