use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// `tailrace.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct WorkspaceDefinition {
    /// Shown in the window's switcher.
    pub name: String,
    /// IANA name; days, weeks, months and years of windows follow it.
    #[serde(default = "utc")]
    pub time_zone: String,
}

fn utc() -> String {
    "UTC".to_owned()
}
