use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{ApiKeyDefinition, IdentityDefinition, LagSettings};
use crate::Span;

/// `tailrace.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct WorkspaceDefinition {
    /// Shown in the window's switcher.
    pub name: String,
    /// IANA name; days, weeks, months and years of windows follow it.
    #[serde(default = "utc")]
    pub time_zone: String,
    /// How lag is sampled and judged, where a cluster does not say otherwise.
    #[serde(default)]
    pub lag: LagSettings,
    /// How events are taken in.
    #[serde(default, skip_serializing_if = "EventSettings::is_default")]
    #[ts(optional, as = "Option<EventSettings>")]
    pub events: EventSettings,
    /// How an event finds its profile.
    #[serde(default, skip_serializing_if = "IdentityDefinition::is_default")]
    #[ts(optional, as = "Option<IdentityDefinition>")]
    pub identity: IdentityDefinition,
    /// Who may ask the profile API of `tailrace serve`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(optional, as = "Option<Vec<ApiKeyDefinition>>")]
    pub api_keys: Vec<ApiKeyDefinition>,
    /// What of records is not shown in the window; in the terminal with `--masked`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(optional, as = "Option<Vec<MaskDefinition>>")]
    pub masks: Vec<MaskDefinition>,
}

/// `[events]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct EventSettings {
    /// An event whose message id was collected within this span is a duplicate; 7 days when absent. It is taken up when
    /// the workspace is opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub dedupe_window: Option<Span>,
}

impl EventSettings {
    /// Says nothing.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// `[[masks]]`: a column, or whatever a pattern finds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct MaskDefinition {
    /// `*` is any characters, `?` one; of `topic`, or of `cluster.topic`. Absent: every topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub topic: Option<String>,
    /// `_key`, `value`, `value.FIELD` (at any depth, `*` is any field) or `header.NAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub column: Option<String>,
    /// A regular expression over keys, values and headers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub pattern: Option<String>,
    pub with: MaskWith,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum MaskWith {
    /// `•••`.
    Mask,
    /// The same for the same text, while the workspace is open.
    Hash,
    /// `•••` and the last four characters.
    Last4,
    /// Nothing at all.
    Remove,
}

fn utc() -> String {
    "UTC".to_owned()
}
