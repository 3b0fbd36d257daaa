use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// `sources/NAME.toml`: where events come from and how a record becomes an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct SourceDefinition {
    pub cluster: String,
    pub topic: String,
    /// Absent: the record's value is an event of Segment's spec as it is.
    /// Present: a `SELECT` over the table `records` (columns `_partition`, `_offset`, `_timestamp`, `_key`, `value`)
    /// whose columns are the event: `message_id`, `type` (default `track`), `event`, `user_id`, `anonymous_id`,
    /// `email`, `timestamp`; every other column is a property (of `identify`: a trait).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub sql: Option<String>,
    /// What becomes of each event: a `SELECT` over the table `events`, whose columns are `message_id`, `type`, `event`,
    /// `timestamp`, `user_id`, `anonymous_id`, `context` and the event's own properties. May stand in `sources/NAME.sql`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub transform: Option<String>,
    /// The tracking plan that its events are checked against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub plan: Option<String>,
    /// The consumer group whose offsets follow the checkpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub group: Option<String>,
    #[serde(default = "yes")]
    pub enabled: bool,
}

pub(super) fn yes() -> bool {
    true
}
