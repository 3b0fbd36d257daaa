//! Alerts: what fires, what is resolved, and who has been told.
//!
//! Invariants: how alerts stand is written before anybody is told, so that a restart repeats nothing and forgets
//! nothing; what was told is told once; a webhook that does not answer is owed, in order, until it does or is a day late.
//! A notice on the desktop is sent once, when it happens.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{DateTime, SecondsFormat};
use serde_json::{Map, Value, json};
use tailrace_connectors::destinations::Notices;
use tailrace_engine::lag::alerts::{
    Observed, Standing, Step, holds, sentence, step, watches, watches_source,
};
use tailrace_model::{
    AlertDefinition, AlertWebhook, Error, Result,
    api::{AlertInstance, AlertState, AlertSummary, GroupSummary, Topic},
};
use tokio::sync::Notify;

use super::last_groups;
use crate::{
    clusters::Cluster,
    core::{Stage, now_ms},
    open::OpenWorkspace,
    store::{AlertRow, Store},
};

/// Notices owed to one webhook for one group; the oldest give way.
const OWED_MAX: usize = 100;
/// A notice that could not be told for this long is let go.
const OWED_MS_MAX: i64 = 86_400_000;
const RETRY_MIN: Duration = Duration::from_secs(2);
const RETRY_MAX: Duration = Duration::from_secs(300);
/// How long a webhook may take to answer.
const ANSWER_MS_MAX: i64 = 10_000;
/// Resolved alerts are looked through this often.
const PRUNE_MS: i64 = 3_600_000;

/// Something that a person shall see now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub title: String,
    pub text: String,
    /// Whether it asks for a notice on the desktop.
    pub desktop: bool,
}

type Key = (String, String, String);

/// How alerts stand, as in the store.
#[derive(Debug, Default)]
pub struct Alerts {
    rows: std::sync::Mutex<BTreeMap<Key, AlertRow>>,
    /// There is something to tell.
    owing: Notify,
    pruned_ms: std::sync::atomic::AtomicI64,
}

fn key(row: &AlertRow) -> Key {
    (row.alert.clone(), row.cluster.clone(), row.group.clone())
}

impl Alerts {
    pub async fn open(store: &Store) -> Result<Self> {
        let rows = store.alerts().await?;
        Ok(Self {
            rows: std::sync::Mutex::new(rows.into_iter().map(|row| (key(&row), row)).collect()),
            ..Self::default()
        })
    }

    fn rows(&self) -> MutexGuard<'_, BTreeMap<Key, AlertRow>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one round changed.
#[derive(Default)]
struct Changes {
    saved: Vec<AlertRow>,
    forgotten: Vec<Key>,
    notices: Vec<Notice>,
}

/// Looks at every group of a cluster that was just sampled.
pub async fn evaluate(open: &OpenWorkspace, cluster: &Cluster, now_ms: i64) -> Result<()> {
    let held = open.held()?;
    let definitions: BTreeMap<String, AlertDefinition> = {
        let workspace = open.workspace();
        let all = workspace.definitions.valid_alerts();
        all.map(|(name, it)| (name.to_owned(), it.clone())).collect()
    };
    let groups: BTreeMap<String, GroupSummary> = last_groups(cluster)
        .into_iter()
        .map(|group| (group.group.clone(), group))
        .collect();
    let changes = {
        let mut rows = held.alerts.rows();
        let mut changes = Changes::default();
        for (name, alert) in &definitions {
            for group in groups.values() {
                if watches(alert, &cluster.name, &group.group) {
                    let observed = Observed {
                        lag: group.lag,
                        lag_ms: group.lag_ms,
                        status: group.status,
                    };
                    let subject = Subject {
                        cluster: &cluster.name,
                        name: &group.group,
                        holding: holds(alert, &observed),
                        hold_ms: alert.hold.approximate_ms(),
                        reason: &group.reason,
                        group: Some(group),
                    };
                    look(&mut rows, &mut changes, (name, alert), &subject, now_ms);
                }
            }
        }
        let own: Vec<Key> = rows.keys().filter(|key| key.1 == cluster.name).cloned().collect();
        for key in own {
            let alert = definitions.get(&key.0);
            let gone = match alert {
                None => Some("the alert was removed"),
                Some(alert) if !watches(alert, &key.1, &key.2) => {
                    Some("the alert does not watch the group any more")
                }
                Some(_) if !groups.contains_key(&key.2) => Some("the group is gone"),
                Some(_) => None,
            };
            if let Some(why) = gone {
                end(&mut rows, &mut changes, &key, alert, why, now_ms);
            }
        }
        changes
    };
    apply(open, &held.store, &held.alerts, changes, now_ms).await
}

/// Looks at the violations of every source: how many there are in the hour of the clock with the most of this one and the
/// one before.
pub async fn evaluate_violations(
    open: &OpenWorkspace,
    counts: &BTreeMap<String, u64>,
    now_ms: i64,
) -> Result<()> {
    let held = open.held()?;
    let definitions: BTreeMap<String, AlertDefinition> = {
        let workspace = open.workspace();
        let all = workspace.definitions.valid_alerts();
        all.map(|(name, it)| (name.to_owned(), it.clone())).collect()
    };
    let changes = {
        let mut rows = held.alerts.rows();
        let mut changes = Changes::default();
        for (name, alert) in &definitions {
            let Some(least) = alert.violations else { continue };
            for (source, count) in counts.iter().filter(|(source, _)| watches_source(alert, source)) {
                let reason = format!("{count} violations of its tracking plan within an hour");
                let subject = Subject {
                    cluster: OF_SOURCES,
                    name: source,
                    holding: Some(*count >= least),
                    hold_ms: 0,
                    reason: &reason,
                    group: None,
                };
                look(&mut rows, &mut changes, (name, alert), &subject, now_ms);
            }
        }
        let own: Vec<Key> = rows.keys().filter(|key| key.1 == OF_SOURCES).cloned().collect();
        for key in own {
            let alert = definitions.get(&key.0);
            let gone = match alert {
                None => Some("the alert was removed"),
                Some(alert) if !watches_source(alert, &key.2) => {
                    Some("the alert does not watch the source any more")
                }
                Some(_) if !counts.contains_key(&key.2) => Some("the source is gone"),
                Some(_) => None,
            };
            if let Some(why) = gone {
                end(&mut rows, &mut changes, &key, alert, why, now_ms);
            }
        }
        changes
    };
    apply(open, &held.store, &held.alerts, changes, now_ms).await
}

/// What stands for the cluster of an alert on a source.
const OF_SOURCES: &str = "";

/// What an alert is looked at for.
struct Subject<'a> {
    cluster: &'a str,
    name: &'a str,
    holding: Option<bool>,
    hold_ms: i64,
    reason: &'a str,
    group: Option<&'a GroupSummary>,
}

async fn apply(
    open: &OpenWorkspace,
    store: &Store,
    alerts: &Alerts,
    changes: Changes,
    now_ms: i64,
) -> Result<()> {
    use std::sync::atomic::Ordering;
    if now_ms - alerts.pruned_ms.load(Ordering::Relaxed) > PRUNE_MS {
        alerts.pruned_ms.store(now_ms, Ordering::Relaxed);
        store.prune_alerts(now_ms).await?;
    }
    if changes.saved.is_empty() && changes.forgotten.is_empty() {
        return Ok(());
    }
    store.save_alerts(&changes.saved).await?;
    for (alert, cluster, group) in &changes.forgotten {
        store.forget_alert(alert, cluster, group).await?;
    }
    for notice in changes.notices {
        tracing::warn!(target: "alerts", "{}: {}", notice.title, notice.text);
        // Nobody listens: the log has it.
        let _ = open.notices.send(notice);
    }
    open.hub.add(&Topic::Alerts, changes.saved.len() as u64);
    alerts.owing.notify_one();
    Ok(())
}

fn look(
    rows: &mut BTreeMap<Key, AlertRow>,
    changes: &mut Changes,
    (name, alert): (&str, &AlertDefinition),
    subject: &Subject<'_>,
    now_ms: i64,
) {
    let key = (
        name.to_owned(),
        subject.cluster.to_owned(),
        subject.name.to_owned(),
    );
    let before = rows.get(&key).map(|row| Standing {
        state: row.state,
        since_ms: row.since_ms,
    });
    let fresh = |state, since_ms| AlertRow {
        alert: key.0.clone(),
        cluster: key.1.clone(),
        group: key.2.clone(),
        state,
        since_ms,
        fired_ms: None,
        resolved_ms: None,
        reason: subject.reason.to_owned(),
        owed: rows.get(&key).map(|row| row.owed.clone()).unwrap_or_default(),
        error: None,
    };
    match step(before, subject.holding, subject.hold_ms, now_ms) {
        Step::Stay => {}
        Step::Wait { since_ms } => {
            let row = fresh(AlertState::Pending, since_ms);
            changes.saved.push(row.clone());
            rows.insert(key, row);
        }
        Step::Forget => {
            rows.remove(&key);
            changes.forgotten.push(key);
        }
        Step::Fire { since_ms } => {
            let mut row = fresh(AlertState::Firing, since_ms);
            row.fired_ms = Some(now_ms);
            tell(&mut row, changes, alert, subject.group);
            changes.saved.push(row.clone());
            rows.insert(key, row);
        }
        Step::Resolve => {
            if let Some(row) = rows.get_mut(&key) {
                row.state = AlertState::Resolved;
                row.resolved_ms = Some(now_ms);
                subject.reason.clone_into(&mut row.reason);
                tell(row, changes, alert, subject.group);
                changes.saved.push(row.clone());
            }
        }
    }
}

/// One whose group or definition is not there any more.
fn end(
    rows: &mut BTreeMap<Key, AlertRow>,
    changes: &mut Changes,
    key: &Key,
    alert: Option<&AlertDefinition>,
    why: &str,
    now_ms: i64,
) {
    let Some(row) = rows.get_mut(key) else { return };
    match row.state {
        AlertState::Resolved => {}
        AlertState::Pending => {
            rows.remove(key);
            changes.forgotten.push(key.clone());
        }
        AlertState::Firing => {
            row.state = AlertState::Resolved;
            row.resolved_ms = Some(now_ms);
            why.clone_into(&mut row.reason);
            if let Some(alert) = alert {
                tell(row, changes, alert, None);
            }
            changes.saved.push(row.clone());
        }
    }
}

/// Owes the webhook the news, and makes the notice.
fn tell(row: &mut AlertRow, changes: &mut Changes, alert: &AlertDefinition, group: Option<&GroupSummary>) {
    let title = alert.title.clone().unwrap_or_else(|| row.alert.clone());
    let resolved = row.state == AlertState::Resolved;
    let word = if resolved { "resolved" } else { "firing" };
    let of_source = row.cluster == OF_SOURCES;
    let said = match (of_source, resolved) {
        (true, false) => format!("source {} does not keep to its tracking plan", row.group),
        (true, true) => format!("source {} keeps to its tracking plan again", row.group),
        (false, false) => format!("{} on {} is behind", row.group, row.cluster),
        (false, true) => format!("{} on {} is well again", row.group, row.cluster),
    };
    changes.notices.push(Notice {
        title: format!("{title}: {said}"),
        text: row.reason.clone(),
        desktop: alert.desktop,
    });
    if alert.webhook.is_none() {
        return;
    }
    let at_ms = if resolved { row.resolved_ms } else { row.fired_ms };
    let news = json!({
        "alert": row.alert,
        "title": title,
        "state": word,
        "cluster": (!of_source).then_some(&row.cluster),
        "group": (!of_source).then_some(&row.group),
        "source": of_source.then_some(&row.group),
        "status": group.map(|group| group.status),
        "lag": group.and_then(|group| group.lag),
        "lag_ms": group.and_then(|group| group.lag_ms),
        "reason": row.reason,
        "since": time(Some(row.since_ms)),
        "fired_at": time(row.fired_ms),
        "resolved_at": time(row.resolved_ms),
        "at": time(at_ms),
        "key": format!("{}/{}/{}/{}/{word}", row.alert, row.cluster, row.group, row.since_ms),
    });
    row.owed.push(news.to_string());
    let late = row.owed.len().saturating_sub(OWED_MAX);
    row.owed.drain(..late);
}

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

/// What the state says, read beside whoever holds it.
async fn rows_beside(open: &OpenWorkspace) -> Result<Vec<AlertRow>> {
    let folder = open.workspace().state_dir();
    if !folder.join("state.db").is_file() {
        return Ok(Vec::new());
    }
    let store = Store::open(&folder).await?;
    let rows = store.alerts().await;
    store.close().await;
    rows
}

/// Every alert with how it stands.
pub async fn list(open: &OpenWorkspace) -> Result<Vec<AlertSummary>> {
    let rows: Vec<AlertRow> = match open.held() {
        Ok(held) => held.alerts.rows().values().cloned().collect(),
        Err(_) => rows_beside(open).await?,
    };
    let workspace = open.workspace();
    let summary = |(name, definition): (&str, &AlertDefinition)| {
        let mut instances: Vec<AlertInstance> = rows
            .iter()
            .filter(|row| row.alert == name)
            .map(|row| AlertInstance {
                cluster: row.cluster.clone(),
                group: row.group.clone(),
                state: row.state,
                since_ms: row.since_ms,
                fired_ms: row.fired_ms,
                resolved_ms: row.resolved_ms,
                reason: row.reason.clone(),
                error: row.error.clone(),
            })
            .collect();
        instances.sort_by_key(|it| {
            (
                it.state,
                std::cmp::Reverse(it.resolved_ms.max(it.fired_ms)),
                it.since_ms,
            )
        });
        AlertSummary {
            name: name.to_owned(),
            definition: definition.clone(),
            sentence: sentence(definition),
            instances,
        }
    };
    Ok(workspace.definitions.valid_alerts().map(summary).collect())
}
