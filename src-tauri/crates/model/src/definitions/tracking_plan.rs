use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// `tracking-plans/NAME.json`: what events are to look like. A source names it with `plan = "NAME"`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct TrackingPlanDefinition {
    /// Raised by a person with every change that others shall know of.
    #[serde(default = "first_version")]
    pub version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub title: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub description: Option<String>,
    /// Of events that do not say it themselves.
    #[serde(default)]
    pub on_violation: OnViolation,
    /// Of events that the plan does not name: `allow` or `block`.
    #[serde(default)]
    pub unplanned: OnViolation,
    /// By the event's name, as the event log has it (`Order Completed`, `Identify`, the name of a page).
    #[serde(default)]
    pub events: BTreeMap<String, PlannedEvent>,
}

fn first_version() -> u32 {
    1
}

/// One event of a tracking plan.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct PlannedEvent {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub on_violation: Option<OnViolation>,
    /// A JSON Schema (draft 7, or as its `$schema` says) of the properties, of identify and group of the traits. Absent:
    /// everything fits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "unknown")]
    pub schema: Option<serde_json::Value>,
}

/// What becomes of an event that does not fit its plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum OnViolation {
    /// It is kept as it is.
    #[default]
    Allow,
    /// It is kept without the fields that do not fit.
    Omit,
    /// It goes to the quarantine.
    Block,
}
