use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{Span, SpanUnit};

/// `destinations/NAME.toml`: `kind` and, under `[settings]`, that kind's own keys, read by its connector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct DestinationDefinition {
    pub kind: DestinationKind,
    /// The connector's own settings: `url`, `path`, `headers`, ... Text values may be `secret:NAME`.
    #[serde(default)]
    #[ts(type = "Record<string, unknown>")]
    pub settings: serde_json::Map<String, serde_json::Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum DestinationKind {
    Postgres,
    Webhook,
    File,
}

/// `syncs/NAME.toml`: one audience to one destination.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct SyncDefinition {
    pub audience: String,
    pub destination: String,
    /// What the destination needs to know of this sync: `table = "..."`, `file = "..."`.
    #[serde(default)]
    #[ts(type = "Record<string, unknown>")]
    pub options: serde_json::Map<String, serde_json::Value>,
    /// The destination's column that tells rows apart; one of `mapping`'s.
    #[serde(default = "default_key")]
    pub key: String,
    /// Destination column -> what it holds: a column of `profiles`: an identifier (`user_id`), a trait, or
    /// `warehouse.table.column`.
    #[serde(default = "default_mapping")]
    pub mapping: BTreeMap<String, String>,
    /// Runs again this long after the last run ended.
    #[serde(default = "default_every")]
    pub every: Span,
    #[serde(default = "super::source::yes")]
    pub enabled: bool,
}

fn default_key() -> String {
    "user_id".to_owned()
}

fn default_mapping() -> BTreeMap<String, String> {
    BTreeMap::from([("user_id".to_owned(), "user_id".to_owned())])
}

fn default_every() -> Span {
    Span::new(5, SpanUnit::Second)
}
