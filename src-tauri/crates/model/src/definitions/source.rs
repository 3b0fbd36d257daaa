use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// `sources/NAME.toml`: where events come from and how a record becomes an event.
///
/// A kind says which of the other keys belong to it: `cluster`, `topic` and `group` are those of a topic of Kafka, the
/// table `[tracking]` is that of the tracking API.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct SourceDefinition {
    #[serde(default, skip_serializing_if = "SourceKind::is_kafka")]
    pub kind: SourceKind,
    /// Empty: of another kind than Kafka.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cluster: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub tracking: Option<TrackingSettings>,
}

/// Where a source's events come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// A topic.
    #[default]
    Kafka,
    /// What is posted to the tracking API of `tailrace serve`.
    Tracking,
}

impl SourceKind {
    pub fn is_kafka(&self) -> bool {
        *self == Self::Kafka
    }
}

/// `[tracking]`: who may send to the tracking API, and how much.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct TrackingSettings {
    /// `secret:NAME`, or `sha256:` and the key's SHA-256 in hexadecimal digits: never the key itself.
    pub write_key: String,
    /// Pages whose scripts may send, such as `https://shop.example`; `*`: any. Empty: none, only programs may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cors_origins: Vec<String>,
    /// Where what is accepted is produced as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub produce: Option<ProduceTo>,
    /// More are answered with 429. Absent: as many as can be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub events_per_second_max: Option<u32>,
}

/// A topic that records are produced to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct ProduceTo {
    pub cluster: String,
    pub topic: String,
}

pub(super) fn yes() -> bool {
    true
}
