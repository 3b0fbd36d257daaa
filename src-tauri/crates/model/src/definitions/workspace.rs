use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::LagSettings;

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
}

fn utc() -> String {
    "UTC".to_owned()
}
