use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{Aggregate, PropertyCondition, Span};

/// `traits/NAME.toml` (computed) or `traits/NAME.sql` (a `SELECT` of `profile_id` and one column a trait).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct TraitDefinition {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub title: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub description: Option<String>,
    /// Exactly one of `computed` and `sql`. In files, `sql` is the text of `NAME.sql`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub computed: Option<ComputedTrait>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub sql: Option<String>,
}

/// An aggregate over a profile's events. A profile without such events has no value, but a count of 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct ComputedTrait {
    pub event: String,
    #[serde(default)]
    pub aggregate: Aggregate,
    /// The property aggregated; not for `count`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub property: Option<String>,
    #[serde(default, rename = "where", skip_serializing_if = "Vec::is_empty")]
    pub filter: Vec<PropertyCondition>,
    /// Ends at the time of evaluation; absent: all of history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub window: Option<Span>,
}
