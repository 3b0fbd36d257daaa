use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{Span, SpanUnit};

/// `alerts/NAME.toml`: tells somebody when consumer groups are behind. Every condition that is written has to hold, for
/// as long as `for` says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct AlertDefinition {
    /// What the notice says first; the file's name when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub title: Option<String>,
    /// The clusters it watches; empty: all.
    #[serde(default)]
    pub clusters: Vec<String>,
    /// The groups it watches: names, with `*` for any signs; empty: all.
    #[serde(default)]
    pub groups: Vec<String>,
    /// The lag in records is at least this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub lag: Option<u64>,
    /// The lag in time is at least this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub lag_time: Option<Span>,
    /// The status is one of these.
    #[serde(default)]
    pub status: Vec<AlertStatus>,
    /// The sources whose violations it watches: names, with `*` for any signs; empty: all. Only with `violations`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(optional, as = "Option<Vec<String>>")]
    pub sources: Vec<String>,
    /// Instead of lag: a source has at least so many violations of its tracking plan within an hour of the clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub violations: Option<u64>,
    /// How long it has to hold before the alert fires.
    #[serde(rename = "for", default = "default_for")]
    pub hold: Span,
    /// A notice on the desktop, while the window is open.
    #[serde(default = "super::source::yes")]
    pub desktop: bool,
    /// Where the alert is posted to as JSON, when it fires and when it is resolved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub webhook: Option<AlertWebhook>,
    #[serde(default = "super::source::yes")]
    pub enabled: bool,
}

/// `[webhook]`. Texts may be `secret:NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct AlertWebhook {
    pub url: String,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

/// What an alert's `status` may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum AlertStatus {
    Warn,
    Stall,
    Stop,
    Rewind,
    /// Any of stall, stop and rewind.
    Err,
}

fn default_for() -> Span {
    Span::new(1, SpanUnit::Minute)
}
