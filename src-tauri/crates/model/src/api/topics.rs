//! Topics, their settings and their changes; brokers, access rules and quotas.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TopicRequest {
    pub cluster: String,
    pub topic: String,
}

/// Every topic of a cluster as last asked for. What is unknown is absent, never 0.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct TopicList {
    pub topics: Vec<TopicSummary>,
    /// When the cluster was asked.
    pub sampled_ms: i64,
    /// A newer answer is on its way.
    pub refreshing: bool,
    /// Why numbers are missing, a sentence each.
    pub missing: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct TopicSummary {
    pub name: String,
    /// Kafka keeps it for itself.
    pub internal: bool,
    pub partitions: u32,
    pub replication: u32,
    /// End offsets less start offsets. Absent: not all partitions answered.
    pub records: Option<i64>,
    /// One copy: the logs of the leaders.
    pub bytes: Option<i64>,
    /// All copies.
    pub bytes_on_disk: Option<i64>,
    /// Records a second, by end offsets over the last minute that was sampled.
    pub in_per_second: Option<f64>,
    /// Partitions with fewer replicas in sync than there are.
    pub under_replicated: u32,
    /// Partitions that nobody leads.
    pub leaderless: u32,
    /// `delete`, `compact` or both.
    pub cleanup_policy: Option<String>,
    /// -1: without end.
    pub retention_ms: Option<i64>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct TopicDetail {
    pub name: String,
    pub internal: bool,
    pub partitions: Vec<PartitionDetail>,
    /// Why numbers are missing, a sentence each.
    pub missing: Vec<String>,
    pub sampled_ms: i64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct PartitionDetail {
    pub partition: i32,
    pub leader: i32,
    pub replicas: Vec<i32>,
    pub in_sync: Vec<i32>,
    /// Low watermark; absent: unknown.
    pub start: Option<i64>,
    /// High watermark; absent: unknown.
    pub end: Option<i64>,
    /// One copy: the leader's log.
    pub bytes: Option<i64>,
    /// All copies.
    pub bytes_on_disk: Option<i64>,
    /// Records a second that arrive, over the last minute that was sampled.
    pub in_per_second: Option<f64>,
    /// Records a second that groups commit, all of them together, over the same; absent: no group is known to read it.
    pub out_per_second: Option<f64>,
}

/// Where the value of a setting comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ConfigSource {
    /// Set on the topic.
    Topic,
    /// Set on this broker while it runs.
    DynamicBroker,
    /// Set for all brokers while they run.
    DynamicDefault,
    /// In the broker's file.
    Static,
    /// Kafka's own.
    Default,
    #[default]
    Unknown,
}

/// One setting of a topic or a broker.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ConfigEntry {
    pub name: String,
    /// Absent: not set, or not shown because it is a secret.
    pub value: Option<String>,
    pub source: ConfigSource,
    /// It is not Kafka's own default.
    pub differs: bool,
    pub read_only: bool,
    pub sensitive: bool,
    /// What holds when it is reset here.
    pub inherited: Option<InheritedConfig>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct InheritedConfig {
    /// Brokers have other names for the settings of topics, and other units: `log.retention.hours`.
    pub name: String,
    pub value: Option<String>,
    pub source: ConfigSource,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TopicChangeRequest {
    pub cluster: String,
    pub change: TopicChange,
}

/// A topic of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, TS)]
pub struct TopicRef {
    pub cluster: String,
    pub topic: String,
}

/// One change of one topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TopicChange {
    Create {
        topic: String,
        /// Absent: what the cluster makes of it, or what the topic copied from has.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional = nullable)]
        partitions: Option<i32>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional = nullable)]
        replication: Option<i32>,
        #[serde(default)]
        configs: BTreeMap<String, String>,
        /// Takes what is not given here from another topic, also of another cluster.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional = nullable)]
        copy_from: Option<TopicRef>,
    },
    /// Only what is named changes.
    AlterConfig {
        topic: String,
        #[serde(default)]
        set: BTreeMap<String, String>,
        #[serde(default)]
        reset: Vec<String>,
    },
    AddPartitions {
        topic: String,
        /// How many there are afterwards.
        total: i32,
    },
    DeleteRecords {
        topic: String,
        before: DeleteBefore,
        /// Empty: all.
        #[serde(default)]
        partitions: Vec<i32>,
    },
    Delete {
        topic: String,
    },
    /// Sets what is set on the other topic and resets what is not.
    CopySettings {
        topic: String,
        from: TopicRef,
    },
}

/// Where the records that stay begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum DeleteBefore {
    Offset(i64),
    /// The first record at or after this time stays.
    Timestamp(i64),
    /// Everything that is there now.
    End,
    /// Each partition's own: what a preview makes of the others.
    Offsets(Vec<PartitionStart>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PartitionStart {
    pub partition: i32,
    pub offset: i64,
}

/// What exactly a change will do. Nothing has been done yet; the cluster itself has judged what it can judge beforehand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct TopicChangePreview {
    /// As a question: `Delete topic "orders" of prod?`.
    pub title: String,
    pub lines: Vec<ChangeLine>,
    /// What should be known before, a sentence each.
    pub warnings: Vec<String>,
    /// Something is lost for good.
    pub destructive: bool,
    /// Nothing would change.
    pub nothing: bool,
    /// The change with everything resolved: apply this, so that what is done is what was shown.
    pub change: TopicChange,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ChangeLine {
    /// `retention.ms`, `partition 3`, `partitions`.
    pub what: String,
    /// Absent: there is none.
    pub before: Option<String>,
    pub after: Option<String>,
    /// What that means, where it is not plain.
    pub note: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TopicChanged {
    /// What was done, as a sentence.
    pub done: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TopicCompareRequest {
    pub left: TopicRef,
    pub right: TopicRef,
}

/// Two topics side by side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TopicComparison {
    pub left: TopicRef,
    pub right: TopicRef,
    pub rows: Vec<ComparisonRow>,
    /// Rows that differ.
    pub differences: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ComparisonRow {
    pub section: ComparisonSection,
    pub name: String,
    pub left: Option<String>,
    pub right: Option<String>,
    pub left_source: Option<ConfigSource>,
    pub right_source: Option<ConfigSource>,
    pub differs: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ComparisonSection {
    /// Partitions, replication, records, size.
    Shape,
    Config,
    /// Records by partition.
    Partitions,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct BrokerList {
    pub brokers: Vec<BrokerDetail>,
    /// Why numbers are missing, a sentence each.
    pub missing: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct BrokerDetail {
    pub id: i32,
    pub host: String,
    pub port: i32,
    pub rack: Option<String>,
    /// Absent: the cluster does not say who its controller is.
    pub controller: Option<bool>,
    /// Partitions that it leads.
    pub leads: u64,
    /// Partitions that it keeps a copy of.
    pub holds: u64,
    /// Partitions that it keeps a copy of that is not in sync.
    pub behind: u64,
    /// Of all its copies.
    pub bytes: Option<i64>,
    pub disk_bytes: Option<i64>,
    pub disk_bytes_free: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct BrokerRequest {
    pub cluster: String,
    pub broker: i32,
}

/// Access rules that match everything given here; absent matches all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct AclRequest {
    pub cluster: String,
    /// `topic`, `group`, `cluster`, `transactional_id`, ...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub resource_type: Option<String>,
    /// Rules that hold for this name, by whatever pattern.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub resource: Option<String>,
    /// `User:alice`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub principal: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, TS)]
pub struct Acl {
    pub resource_type: String,
    pub resource: String,
    /// `literal` or `prefixed`.
    pub pattern: String,
    pub principal: String,
    pub host: String,
    pub operation: String,
    /// `allow` or `deny`.
    pub permission: String,
}

/// Limits of whom they name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Quota {
    pub entity: Vec<QuotaEntity>,
    pub limits: Vec<QuotaLimit>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct QuotaEntity {
    /// `user`, `client-id` or `ip`.
    pub kind: String,
    /// Absent: all that have none of their own.
    pub name: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct QuotaLimit {
    /// As Kafka names it: `producer_byte_rate` (bytes a second), `consumer_byte_rate`, `request_percentage`, ...
    pub name: String,
    pub value: f64,
}
