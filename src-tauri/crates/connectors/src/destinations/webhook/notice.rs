//! One JSON object to a URL, for whoever has something to tell rather than rows to deliver.

use serde_json::{Map, Value};
use tailrace_model::Result;

use super::{client::Client, config::Config};

/// A URL that is told things. Errors name no part of its address but the host, and no header.
pub struct Notices {
    client: Client,
}

impl Notices {
    /// Of a webhook's settings, with secrets already looked up.
    pub fn open(settings: &Map<String, Value>) -> Result<Self> {
        Ok(Self {
            client: Client::new(&Config::read(settings)?)?,
        })
    }

    /// Posts an object; `key` is the same for every attempt at it. Done when the answer is 2xx.
    pub async fn post(&self, body: &Value, key: &str) -> Result<()> {
        self.client
            .post(body, key)
            .await
            .map(drop)
            .map_err(|failure| failure.error)
    }
}
