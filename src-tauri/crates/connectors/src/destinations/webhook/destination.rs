//! Batches into requests.

use std::collections::HashMap;

use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use serde_json::{Map, Value, json};
use tailrace_model::Result;
use tokio_util::sync::CancellationToken;

use super::{client::Client, config::Config};
use crate::{
    delivery::{keys, rows::Cells},
    destinations::{
        DeliveryBatch, Destination, Failure, Pace, RowOutcome, SyncContext, Wants, cancelled, form,
    },
};

pub(super) struct Webhook {
    client: Client,
    pace: Pace,
}

/// Bytes of rows in a request.
const BATCH_BYTES_MAX: usize = 1024 * 1024;

impl Webhook {
    pub fn open(settings: &Map<String, Value>) -> Result<Self> {
        let config = Config::read(settings)?;
        let pace = Pace {
            batch_rows_max: config.batch_rows_max,
            batch_bytes_max: BATCH_BYTES_MAX,
            // The client's own timeout comes first and says more.
            attempt_timeout_ms: config.timeout_ms + 1_000,
            requests_per_second_max: config.requests_per_second_max.map(f64::from),
            ..Pace::default()
        };
        Ok(Self {
            client: Client::new(&config)?,
            pace,
        })
    }
}

/// Every request names its sync, so that each has a place of its own.
pub(super) fn place(sync: &SyncContext) -> Result<String> {
    form::read::<Value>(&[], &sync.options, "options")?;
    Ok(sync.sync.clone())
}

#[async_trait]
impl Destination for Webhook {
    fn target(&self) -> String {
        self.client.target().to_owned()
    }

    fn identity(&self) -> String {
        self.client.identity()
    }

    fn wants(&self) -> Wants {
        Wants::Difference
    }

    fn pace(&self) -> Pace {
        self.pace.clone()
    }

    fn place(&self, sync: &SyncContext) -> Result<String> {
        place(sync)
    }

    /// Posts a batch without rows, marked `"test": true`.
    async fn check(&self, cancel: &CancellationToken) -> Result<String> {
        let body = json!({ "test": true, "upserts": [], "removes": [] });
        let answer = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(cancelled()),
            answer = self.client.post(&body, "test") => answer,
        };
        let (status, _) = answer.map_err(|failure| {
            let mut error = failure.error;
            if error.code == "destination_refused" {
                error = error.context(format!("{} refused a batch without rows", self.client.target()));
            }
            error
        })?;
        Ok(format!(
            "{} took a batch without rows and answered {status}",
            self.client.target()
        ))
    }

    async fn deliver(&self, sync: &SyncContext, batch: &DeliveryBatch) -> Result<Vec<RowOutcome>, Failure> {
        let body = json!({
            "sync": sync.sync,
            "audience": sync.audience,
            "key": sync.key,
            "idempotency_key": batch.idempotency_key,
            "upserts": objects(&batch.upserts)?,
            "removes": objects(&batch.removes)?,
        });
        let (_, answer) = self.client.post(&body, &batch.idempotency_key).await?;
        let said = |reason: &str| self.client.said(reason);
        let refused = answer.map(|it| refusals(&it, said)).unwrap_or_default();
        let keys = [keys(&batch.upserts, &sync.key)?, keys(&batch.removes, &sync.key)?].concat();
        Ok(keys
            .iter()
            .map(|key| refused.get(key).cloned().unwrap_or(RowOutcome::Acknowledged))
            .collect())
    }
}

fn objects(batch: &RecordBatch) -> Result<Vec<Map<String, Value>>> {
    let cells = Cells::of(batch)?;
    Ok((0..cells.rows()).map(|row| cells.object(row)).collect())
}

/// The rows that an answer refuses, by key. An entry is a refusal only when it says `"ok": false`.
fn refusals(answer: &Value, said: impl Fn(&str) -> String) -> HashMap<String, RowOutcome> {
    let results = answer
        .get("results")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let refusal = |result: &Value| {
        if result.get("ok") != Some(&Value::Bool(false)) {
            return None;
        }
        let key = match result.get("key")? {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let reason = result
            .get("reason")
            .and_then(Value::as_str)
            .map_or_else(|| "refused without a reason".to_owned(), &said);
        let retry = result.get("retry").and_then(Value::as_bool).unwrap_or(false);
        Some((key, RowOutcome::Refused { reason, retry }))
    };
    results.iter().filter_map(refusal).collect()
}
