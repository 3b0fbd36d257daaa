//! Destinations and syncs.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::Rows;
use crate::{DestinationKind, Error, SyncDefinition};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct DestinationSummary {
    pub name: String,
    pub kind: DestinationKind,
    /// Where it leads, without secrets: host and database, address, path.
    pub target: String,
    pub syncs: Vec<String>,
    pub error: Option<Error>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct DestinationTest {
    pub ok: bool,
    pub detail: String,
    pub took_ms: i64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct SyncSummary {
    pub name: String,
    pub definition: SyncDefinition,
    /// Rows at the destination, as last acknowledged.
    pub acknowledged: u64,
    /// Rows owed: changed since, or refused.
    pub owed: Option<u64>,
    pub last_run: Option<SyncRun>,
    pub error: Option<Error>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct SyncRunRequest {
    pub name: String,
    /// Computes the difference and delivers nothing.
    #[serde(default)]
    pub dry_run: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct SyncRun {
    pub id: i64,
    pub sync: String,
    pub started_ms: i64,
    pub ended_ms: Option<i64>,
    pub state: RunState,
    pub added: u64,
    pub changed: u64,
    pub removed: u64,
    /// Acknowledged by the destination.
    pub delivered: u64,
    /// Still owed.
    pub failed: u64,
    pub error: Option<Error>,
    /// What else there is to know, in a sentence: what stays behind where it was delivered before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub note: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    Running,
    Succeeded,
    /// Some rows were delivered, some are owed.
    Partial,
    Failed,
    Cancelled,
}

/// The difference between the audience now and what was last acknowledged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct SyncDifference {
    pub added: u64,
    pub changed: u64,
    pub removed: u64,
    pub unchanged: u64,
    /// Members that have no value for the key and can't be delivered.
    pub without_key: u64,
    /// The first rows: a column `change` (`add`, `change`, `remove`), then the mapped columns.
    pub sample: Rows,
    /// As a run's: what stays behind where it was delivered before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub note: Option<String>,
}

/// A run, or with `dry_run` only the difference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct SyncOutcome {
    pub difference: SyncDifference,
    pub run: Option<SyncRun>,
}
