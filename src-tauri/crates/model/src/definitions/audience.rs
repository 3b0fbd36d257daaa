use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Condition;

/// `audiences/NAME.toml` (conditions) or `audiences/NAME.sql` (any `SELECT` whose first column is `profile_id`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct AudienceDefinition {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub title: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub description: Option<String>,
    /// Exactly one of `condition` and `sql`. In files, `sql` is the text of `NAME.sql`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub condition: Option<Condition>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub sql: Option<String>,
}
