//! Settings and options of a PostgreSQL destination.

use reqwest::Url;
use serde::Deserialize;
use serde_json::{Map, Value};
use sqlx::{ConnectOptions, postgres::PgConnectOptions};
use tailrace_model::Result;

use super::sql::TableName;
use crate::destinations::form::{Field, FieldKind, Secret, invalid, read};

pub(super) const SETTINGS: &[Field] = &[
    Field {
        name: "url",
        label: "Address",
        kind: FieldKind::Secret,
        required: true,
        help: "The database's address, such as \"postgres://user@host:5432/database?sslmode=require\".",
    },
    Field {
        name: "password",
        label: "Password",
        kind: FieldKind::Secret,
        required: false,
        help: "Of the address's user; best as \"secret:NAME\".",
    },
    Field {
        name: "batch_rows_max",
        label: "Rows in a batch",
        kind: FieldKind::Whole { min: 1, max: 50_000 },
        required: false,
        help: "The most rows in one transaction; 1000 when absent.",
    },
    Field {
        name: "timeout_ms",
        label: "Timeout (ms)",
        kind: FieldKind::Whole {
            min: 100,
            max: 600_000,
        },
        required: false,
        help: "How long to wait for a connection, a lock or a statement; 30000 when absent.",
    },
];

pub(super) const OPTIONS: &[Field] = &[Field {
    name: "table",
    label: "Table",
    kind: FieldKind::Text,
    required: false,
    help: "The table, with its schema if need be (\"crm.vips\"); the sync's name when absent.",
}];

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    pub url: Secret,
    #[serde(default)]
    #[cfg_attr(test, serde(skip_serializing_if = "Option::is_none"))]
    pub password: Option<Secret>,
    #[serde(default = "rows")]
    pub batch_rows_max: usize,
    #[serde(default = "timeout")]
    pub timeout_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    table: Option<String>,
}

fn rows() -> usize {
    1_000
}

fn timeout() -> u64 {
    30_000
}

/// Keys of the address's query that are understood; others might be misspelt, so they are refused.
const QUERY: &[&str] = &["sslmode", "sslrootcert", "sslcert", "sslkey"];

impl Config {
    pub fn read(settings: &Map<String, Value>) -> Result<Self> {
        read(SETTINGS, settings, "settings")
    }

    pub fn connect_options(&self) -> Result<PgConnectOptions> {
        let url = Url::parse(&self.url.0).map_err(|error| {
            invalid(format!(
                "settings.url is not an address ({error}): write postgres://user@host:5432/database"
            ))
        })?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err(invalid(format!(
                "settings.url has to begin with postgres://, not {}://",
                url.scheme()
            )));
        }
        if url.path().trim_start_matches('/').is_empty() {
            return Err(invalid(
                "settings.url names no database: end it with /DATABASE".to_owned(),
            ));
        }
        if let Some((name, _)) = url
            .query_pairs()
            .find(|(name, _)| !QUERY.contains(&name.as_ref()))
        {
            return Err(invalid(format!(
                "settings.url has an unknown parameter {name}: known are {}",
                QUERY.join(", ")
            )));
        }
        let options: PgConnectOptions = url
            .as_str()
            .parse()
            .map_err(|error| invalid(format!("settings.url cannot be used: {error}")))?;
        let options = match &self.password {
            Some(password) => options.password(&password.0),
            None => options,
        };
        Ok(options
            .application_name("tailrace")
            .statement_cache_capacity(0)
            .disable_statement_logging())
    }
}

/// The table that a sync owns.
pub(super) fn table(sync: &str, options: &Map<String, Value>) -> Result<TableName> {
    let options: Options = read(OPTIONS, options, "options")?;
    match options.table {
        Some(text) => {
            TableName::parse(&text).map_err(|why| invalid(format!("options.table \"{text}\" {why}")))
        }
        None => TableName::plain(sync).map_err(|why| {
            invalid(format!(
                "the sync's name \"{sync}\" {why}: name a table in options.table"
            ))
        }),
    }
}
