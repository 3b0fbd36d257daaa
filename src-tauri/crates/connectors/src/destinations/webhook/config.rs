//! Settings of a webhook.

use std::collections::BTreeMap;

use reqwest::{
    Url,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use serde::Deserialize;
use serde_json::{Map, Value};
use tailrace_model::Result;

use crate::destinations::form::{Field, FieldKind, Secret, invalid, read};

pub(super) const SETTINGS: &[Field] = &[
    Field {
        name: "url",
        label: "Address",
        kind: FieldKind::Secret,
        required: true,
        help: "Where batches are posted to, http:// or https://.",
    },
    Field {
        name: "headers",
        label: "Headers",
        kind: FieldKind::Secrets,
        required: false,
        help: "Sent with every request, such as { Authorization = \"secret:NAME\" }.",
    },
    Field {
        name: "batch_rows_max",
        label: "Rows in a request",
        kind: FieldKind::Whole { min: 1, max: 10_000 },
        required: false,
        help: "The most rows in one request; 500 when absent.",
    },
    Field {
        name: "requests_per_second_max",
        label: "Requests a second",
        kind: FieldKind::Whole { min: 1, max: 10_000 },
        required: false,
        help: "The most requests in a second; as fast as it answers when absent.",
    },
    Field {
        name: "timeout_ms",
        label: "Timeout (ms)",
        kind: FieldKind::Whole {
            min: 100,
            max: 600_000,
        },
        required: false,
        help: "How long to wait for an answer; 30000 when absent.",
    },
];

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    pub url: Secret,
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    #[serde(default = "rows")]
    pub batch_rows_max: usize,
    #[serde(default)]
    #[cfg_attr(test, serde(skip_serializing_if = "Option::is_none"))]
    pub requests_per_second_max: Option<u32>,
    #[serde(default = "timeout")]
    pub timeout_ms: u64,
}

fn rows() -> usize {
    500
}

fn timeout() -> u64 {
    30_000
}

impl Config {
    pub fn read(settings: &Map<String, Value>) -> Result<Self> {
        read(SETTINGS, settings, "settings")
    }

    pub fn address(&self) -> Result<Url> {
        let url = Url::parse(&self.url.0).map_err(|error| {
            invalid(format!(
                "settings.url is not an address ({error}): write https://host/path"
            ))
        })?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(invalid(format!(
                "settings.url has to begin with https:// or http://, not {}:",
                url.scheme()
            )));
        }
        Ok(url)
    }

    /// The headers, marked so that no log shows them.
    pub fn header_map(&self) -> Result<HeaderMap> {
        let header = |(name, value): (&String, &Secret)| {
            let Ok(header) = HeaderName::from_bytes(name.as_bytes()) else {
                return Err(invalid(format!(
                    "settings.headers.{name} is not the name of a header"
                )));
            };
            let Ok(mut value) = HeaderValue::from_str(&value.0) else {
                let why = "has characters that a header cannot carry";
                return Err(invalid(format!("settings.headers.{name} {why}")));
            };
            value.set_sensitive(true);
            Ok((header, value))
        };
        self.headers.iter().map(header).collect()
    }
}
