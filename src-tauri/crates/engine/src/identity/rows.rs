//! What the app persists of identity, as plain rows. Identifiers, merges and trait columns are only ever appended;
//! profiles and traits are upserted. A merge is a row of its own and rewrites nothing, so that it can be undone: each
//! identifier keeps the profile that it was first added to, and a merged profile keeps its row.

use crate::events::columns::ColumnRow;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentifierRow {
    /// Counts from 0 over all identifiers, in the order in which they were first seen.
    pub sequence: u64,
    pub kind: String,
    pub value: String,
    /// The profile that it was first added to; follow the merges for the one it belongs to now.
    pub profile_id: i64,
    pub first_seen_ms: i64,
}

/// Key: `profile_id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileRow {
    /// Counts from 1 without gaps.
    pub profile_id: i64,
    /// Of the events' own times.
    pub first_seen_ms: i64,
    pub last_seen_ms: i64,
    pub events: u64,
    /// The profile that it was merged into; its own facts are as they were then.
    pub merged_into: Option<i64>,
}

/// Key: `profile_id` and `name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraitRow {
    pub profile_id: i64,
    pub name: String,
    /// JSON.
    pub value: String,
    /// The time of the event that said so.
    pub updated_ms: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeRow {
    /// Counts from 0, in the order in which the merges happened.
    pub sequence: u64,
    pub merged_profile_id: i64,
    pub surviving_profile_id: i64,
    /// The event that tied them.
    pub message_id: String,
    /// The identifiers on it: `user_id=u_1, anonymous_id=a_2`.
    pub evidence: String,
    pub merged_ms: i64,
}

/// All that was persisted, for opening; in any order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IdentityRows {
    pub identifiers: Vec<IdentifierRow>,
    pub profiles: Vec<ProfileRow>,
    pub traits: Vec<TraitRow>,
    pub merges: Vec<MergeRow>,
    pub trait_columns: Vec<ColumnRow>,
}

/// What changed since the last checkpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IdentityChanges {
    /// Append.
    pub identifiers: Vec<IdentifierRow>,
    /// Upsert: every profile that an event touched, and those that were merged.
    pub profiles: Vec<ProfileRow>,
    /// Upsert.
    pub traits: Vec<TraitRow>,
    /// Append.
    pub merges: Vec<MergeRow>,
    /// Append.
    pub trait_columns: Vec<ColumnRow>,
}

impl IdentityChanges {
    pub fn is_empty(&self) -> bool {
        self.identifiers.is_empty()
            && self.profiles.is_empty()
            && self.traits.is_empty()
            && self.merges.is_empty()
            && self.trait_columns.is_empty()
    }
}
