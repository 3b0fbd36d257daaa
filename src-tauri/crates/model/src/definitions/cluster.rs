use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{LagSettings, RegistryDefinition, TopicFormats};

/// `clusters/NAME.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct ClusterDefinition {
    pub kind: ClusterKind,
    /// `#rrggbb`; shown wherever the cluster is, so that production is never mistaken.
    #[serde(default = "default_color")]
    pub color: String,
    /// Refuses every command that would change the cluster.
    #[serde(default)]
    pub read_only: bool,
    /// librdkafka properties by their own names (`bootstrap.servers`, `security.protocol`, ...). A value
    /// `secret:NAME` is looked up when the client is made.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[ts(as = "Option<BTreeMap<String, String>>", optional = nullable)]
    pub properties: BTreeMap<String, String>,
    /// Kafka Connect clusters that work with this cluster, by a name of their own: `[connect.NAME]`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[ts(as = "Option<BTreeMap<String, ConnectDefinition>>", optional = nullable)]
    pub connect: BTreeMap<String, ConnectDefinition>,
    /// A login that librdkafka has no properties for; it sets those of OAUTHBEARER.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub auth: Option<ClusterAuth>,
    /// The schema registry that records name their schemas of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub registry: Option<RegistryDefinition>,
    /// How records are read, by topic; of topics that are not here it is found out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[ts(optional, as = "Option<BTreeMap<String, TopicFormats>>")]
    pub topics: BTreeMap<String, TopicFormats>,
    /// Only for `kind = "sandbox"`.
    #[serde(default, skip_serializing_if = "SandboxSettings::is_default")]
    #[ts(as = "Option<SandboxSettings>", optional = nullable)]
    pub sandbox: SandboxSettings,
    /// How lag is sampled and judged here; what is absent is as in `tailrace.toml`.
    #[serde(default, skip_serializing_if = "LagSettings::is_default")]
    #[ts(as = "Option<LagSettings>", optional = nullable)]
    pub lag: LagSettings,
}

/// `[connect.NAME]`: a Kafka Connect cluster, reached through one of its workers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct ConnectDefinition {
    /// `http://` or `https://`; any worker of the cluster.
    pub url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub user: Option<String>,
    /// `secret:NAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub password: Option<String>,
    /// Certificates in PEM that are trusted beside the machine's own; absent: the cluster's `ssl.ca.location`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub ca: Option<String>,
    /// For mutual TLS, with `key`: files in PEM, the key in PKCS #8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub certificate: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub key: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ClusterKind {
    /// Any cluster that speaks the Kafka protocol.
    Kafka,
    /// The broker inside this process, with the shop generator.
    Sandbox,
}

/// `[auth]`: how to log in where properties alone cannot say it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum ClusterAuth {
    /// Amazon MSK's IAM access control. The credentials are AWS's own: the environment, a profile, the container's or
    /// the machine's role.
    MskIam {
        /// Absent: read from the host name of `bootstrap.servers`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional = nullable)]
        region: Option<String>,
        /// A profile of `~/.aws/config`. Absent: `AWS_PROFILE`, else the usual search for credentials.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional = nullable)]
        profile: Option<String>,
    },
}

/// The shop of the sandbox.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields, default)]
pub struct SandboxSettings {
    pub seed: u64,
    /// Live events a second.
    pub events_per_second: u32,
    /// Events before now that the topics hold at the start, spread over `history_days`.
    pub history_events: u32,
    pub history_days: u32,
    /// People in the shop.
    pub people: u32,
}

impl SandboxSettings {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for SandboxSettings {
    fn default() -> Self {
        Self {
            seed: 7,
            events_per_second: 40,
            history_events: 40_000,
            history_days: 30,
            people: 2_000,
        }
    }
}

fn default_color() -> String {
    "#6aa6f8".to_owned()
}
