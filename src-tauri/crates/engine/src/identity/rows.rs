//! What the app persists of identity, as plain rows. Identifiers, merges and trait columns are only ever appended;
//! profiles, traits, undos and suppressions are upserted. A merge is a row of its own and rewrites nothing, and neither
//! does its undo: each identifier, fact and trait keeps the profile that it came to first, its origin. What is deleted
//! with a person leaves gaps in the numbers.

use crate::events::columns::ColumnRow;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentifierRow {
    /// Counts from 0 over all identifiers, in the order in which they were first seen.
    pub sequence: u64,
    pub kind: String,
    pub value: String,
    /// Its origin; follow the merges for the one it belongs to now.
    pub profile_id: i64,
    pub first_seen_ms: i64,
}

/// Key: `profile_id`. Its own facts: what came to it by its own identifiers, before a merge and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileRow {
    /// Counts from 1 without gaps.
    pub profile_id: i64,
    /// Of the events' own times.
    pub first_seen_ms: i64,
    pub last_seen_ms: i64,
    pub events: u64,
    /// The profile that it belongs to, merged; follow on from there.
    pub merged_into: Option<i64>,
    /// Nothing is known of it any more; its number is not used again.
    pub deleted: bool,
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
    /// Which two it tied, of all that had been merged into either before: the origins of the identifiers on the event.
    pub merged_origin_id: i64,
    pub surviving_origin_id: i64,
    /// The event that tied them; empty: it was deleted with its person.
    pub message_id: String,
    /// The source of that event; empty: not known.
    pub source: String,
    /// The identifiers on it: `user_id=u_1, anonymous_id=a_2`.
    pub evidence: String,
    pub merged_ms: i64,
    /// Identifiers known by then, of everybody.
    pub identifiers_before: u64,
}

/// A merge was taken back; while it stands, what it parted is not merged again. Key: `sequence`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndoRow {
    /// Counts from 0, in the order in which they happened.
    pub sequence: u64,
    /// The merge's sequence. A merge is undone once.
    pub merge: u64,
    /// Merges before it: its place among them.
    pub merges_before: u64,
    /// The profile that both belonged to.
    pub profile_id: i64,
    pub undone_ms: i64,
    /// Since when the two may be merged again.
    pub allowed_ms: Option<i64>,
}

/// Events with this identifier are dropped. The identifier itself is not kept, only what it can be told by. Key: `kind`
/// and `hash`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuppressionRow {
    pub kind: String,
    /// SHA-256 of the kind, a zero byte and the value, in hexadecimal.
    pub hash: String,
    pub since_ms: i64,
    /// Events dropped by it.
    pub dropped: u64,
    /// Until when; absent: it holds.
    pub until_ms: Option<i64>,
}

/// All that was persisted, for opening; in any order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IdentityRows {
    pub identifiers: Vec<IdentifierRow>,
    pub profiles: Vec<ProfileRow>,
    pub traits: Vec<TraitRow>,
    pub merges: Vec<MergeRow>,
    pub undos: Vec<UndoRow>,
    pub suppressions: Vec<SuppressionRow>,
    pub trait_columns: Vec<ColumnRow>,
}

/// What is deleted with a person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// The profile and all that were merged into it: their rows stay as numbers, their traits go.
    pub profile_ids: Vec<i64>,
    /// Sequences of identifiers, whose rows go.
    pub identifiers: Vec<u64>,
    /// Sequences of merges, whose evidence goes.
    pub merges: Vec<u64>,
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
    /// Upsert.
    pub undos: Vec<UndoRow>,
    /// Upsert.
    pub suppressions: Vec<SuppressionRow>,
    /// Append.
    pub trait_columns: Vec<ColumnRow>,
    /// Delete, after everything else.
    pub forgotten: Forgotten,
}

impl IdentityChanges {
    pub fn is_empty(&self) -> bool {
        self.identifiers.is_empty()
            && self.profiles.is_empty()
            && self.traits.is_empty()
            && self.merges.is_empty()
            && self.undos.is_empty()
            && self.suppressions.is_empty()
            && self.forgotten == Forgotten::default()
            && self.trait_columns.is_empty()
    }
}
