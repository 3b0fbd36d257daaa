//! Telling webhooks what they are owed of alerts, in order, until each has it or it is a day late.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use chrono::{DateTime, SecondsFormat};
use serde_json::{Map, Value};
use tailrace_connectors::destinations::Notices;
use tailrace_model::{AlertWebhook, Error, Result, api::Topic};

use super::alerts::{Key, key};
use crate::{
    core::{Stage, now_ms},
    open::OpenWorkspace,
};

/// A notice that could not be told for this long is let go.
const OWED_MS_MAX: i64 = 86_400_000;
const RETRY_MIN: Duration = Duration::from_secs(2);
const RETRY_MAX: Duration = Duration::from_secs(300);
/// How long a webhook may take to answer.
const ANSWER_MS_MAX: i64 = 10_000;

pub(super) fn time(ms: Option<i64>) -> Value {
    let time = ms.and_then(DateTime::from_timestamp_millis);
    time.map_or(Value::Null, |time| {
        time.to_rfc3339_opts(SecondsFormat::Millis, true).into()
    })
}

/// Tells webhooks what they are owed, until the workspace is closed.
pub fn start_telling(open: &Arc<OpenWorkspace>) {
    let weak = Arc::downgrade(open);
    open.supervisor.spawn(Stage::Work, |token| async move {
        let mut pause = RETRY_MIN;
        loop {
            let Some(open) = weak.upgrade() else { return };
            let Ok(held) = open.held() else { return };
            let owing = token.run_until_cancelled(tell_all(&open)).await;
            pause = match owing {
                None => return,
                Some(true) => (pause * 2).min(RETRY_MAX),
                Some(false) => RETRY_MIN,
            };
            let waiting = async {
                tokio::select! {
                    () = held.alerts.owing.notified() => {}
                    () = tokio::time::sleep(pause), if owing == Some(true) => {}
                }
            };
            if token.run_until_cancelled(waiting).await.is_none() {
                return;
            }
        }
    });
}

/// Tells everything that is owed; true when something still is.
async fn tell_all(open: &OpenWorkspace) -> bool {
    let Ok(held) = open.held() else { return false };
    let owing: BTreeSet<Key> = {
        let rows = held.alerts.rows();
        rows.values()
            .filter(|row| !row.owed.is_empty())
            .map(key)
            .collect()
    };
    let mut left = false;
    for key in owing {
        loop {
            let next = held
                .alerts
                .rows()
                .get(&key)
                .and_then(|row| row.owed.first().cloned());
            let Some(news) = next else { break };
            let told = tell_one(open, &key.0, &news).await;
            left |= told.is_err();
            let failed = told.is_err();
            let saved = {
                let mut rows = held.alerts.rows();
                let Some(row) = rows.get_mut(&key) else { break };
                if !failed && row.owed.first() == Some(&news) {
                    row.owed.remove(0);
                }
                row.error = told.err();
                row.clone()
            };
            if let Err(error) = held.store.save_alerts(std::slice::from_ref(&saved)).await {
                tracing::warn!(%error, "what an alert has told was not written");
                left = true;
                break;
            }
            open.hub.add(&Topic::Alerts, 1);
            if failed {
                break;
            }
        }
    }
    left
}

/// Posts one piece of news; what nobody wants any more counts as told.
async fn tell_one(open: &OpenWorkspace, alert: &str, news: &str) -> Result<()> {
    let webhook = {
        let workspace = open.workspace();
        let found = workspace
            .definitions
            .valid_alerts()
            .find(|(name, _)| *name == alert);
        found.and_then(|(_, definition)| definition.webhook.clone())
    };
    let (Some(webhook), Ok(news)) = (webhook, serde_json::from_str::<Value>(news)) else {
        return Ok(());
    };
    let at = news["at"]
        .as_str()
        .and_then(|at| DateTime::parse_from_rfc3339(at).ok());
    if at.is_some_and(|at| now_ms() - at.timestamp_millis() > OWED_MS_MAX) {
        tracing::warn!(target: "alerts", alert, "its webhook did not answer for a day: the news is let go");
        return Ok(());
    }
    post(open, &webhook, &news)
        .await
        .map_err(|error| worded(error).context(format!("alerts/{alert}.toml")))
}

pub(super) async fn post(open: &OpenWorkspace, webhook: &AlertWebhook, news: &Value) -> Result<()> {
    let mut settings = Map::new();
    settings.insert("url".to_owned(), webhook.url.clone().into());
    let headers = webhook.headers.iter();
    let headers: Map<String, Value> = headers
        .map(|(name, value)| (name.clone(), value.clone().into()))
        .collect();
    settings.insert("headers".to_owned(), headers.into());
    settings.insert("timeout_ms".to_owned(), ANSWER_MS_MAX.into());
    let resolved = open.secrets.resolve_settings(&settings)?;
    let told = match Notices::open(resolved.expose()) {
        Ok(notices) => notices.post(news, news["key"].as_str().unwrap_or_default()).await,
        Err(error) => Err(error),
    };
    told.map_err(|error| resolved.redact_error(error))
}

/// The connector speaks of a destination's `[settings]`; here they are under `[webhook]`.
pub(super) fn worded(mut error: Error) -> Error {
    error.message = error.message.replace("settings.", "webhook.");
    error
}
