use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Span;

/// `warehouses/NAME.toml`. Its tables are `NAME.TABLE` in SQL.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct WarehouseDefinition {
    pub kind: WarehouseKind,
    /// Of a file: relative to the workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub path: Option<String>,
    /// A table's snapshot is read anew after this span.
    #[serde(default = "default_refresh")]
    pub refresh: Span,
    pub tables: BTreeMap<String, WarehouseTable>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum WarehouseKind {
    Sqlite,
}

/// A table that audiences, traits and SQL may read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct WarehouseTable {
    /// The table's name in the warehouse; absent: its name here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub table: Option<String>,
    /// The column that holds an identifier of a profile.
    pub key: String,
    /// The kind of that identifier: `user_id`, `email`, ...
    #[serde(default = "user_id")]
    pub identifier: String,
}

fn default_refresh() -> Span {
    Span::new(60, crate::SpanUnit::Second)
}

fn user_id() -> String {
    "user_id".to_owned()
}
