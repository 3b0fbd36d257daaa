//! Alerts: what fires, what is resolved, and who has been told.
//!
//! Invariants: how alerts stand is written before anybody is told, so that a restart repeats nothing and forgets
//! nothing; what was told is told once; a webhook that does not answer is owed, in order, until it does or is a day late.
//! A notice on the desktop is sent once, when it happens. That a group is well is said only where its lag says so: one
//! that is gone, or that nobody watches any more, is called that. A definition that is broken while somebody edits it ends
//! nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{DateTime, SecondsFormat};
use serde_json::{Map, Value, json};
use tailrace_connectors::destinations::Notices;
use tailrace_engine::lag::alerts::{Observed, Standing, Step, holds, sentence, step, watches};
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
    /// By cluster and alert, as they were evaluated last: what an edit ends did not get well.
    evaluated: std::sync::Mutex<BTreeMap<(String, String), AlertDefinition>>,
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

/// Why an alert does not fire any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// What it says does not hold any more.
    Recovered,
    /// It never was as bad as the alert now asks for.
    Edited,
    Removed,
    Unwatched,
    GroupGone,
    ClusterGone,
}

impl Ended {
    /// For programs.
    fn code(self) -> &'static str {
        match self {
            Self::Recovered => "recovered",
            Self::Edited => "alert_edited",
            Self::Removed => "alert_removed",
            Self::Unwatched => "unwatched",
            Self::GroupGone => "group_gone",
            Self::ClusterGone => "cluster_gone",
        }
    }

    /// What the title says of the group.
    fn title(self) -> &'static str {
        match self {
            Self::Recovered => "is well again",
            Self::Edited => "is not as far behind as the alert now says",
            Self::Removed | Self::Unwatched => "is no longer watched",
            Self::GroupGone => "is gone",
            Self::ClusterGone => "is gone with its cluster",
        }
    }

    fn reason(self, reason: &str) -> String {
        match self {
            Self::Recovered => reason.to_owned(),
            Self::Edited => format!("the alert was edited; {reason}"),
            Self::Removed => "the alert was removed".to_owned(),
            Self::Unwatched => "the alert was switched off, or does not watch the group any more".to_owned(),
            Self::GroupGone => "the group is gone".to_owned(),
            Self::ClusterGone => "the cluster was removed from the workspace".to_owned(),
        }
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
    let defined = Defined::of(open);
    let groups: BTreeMap<String, GroupSummary> = last_groups(cluster)
        .into_iter()
        .map(|group| (group.group.clone(), group))
        .collect();
    let changes = {
        let mut rows = held.alerts.rows();
        let mut changes = Changes::default();
        let mut evaluated = held
            .alerts
            .evaluated
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for (name, alert) in &defined.alerts {
            let Some(alert) = alert else { continue };
            let before = evaluated.insert((cluster.name.clone(), name.clone()), alert.clone());
            let ended = match before.is_some_and(|before| before != *alert) {
                true => Ended::Edited,
                false => Ended::Recovered,
            };
            for group in groups.values() {
                if watches(alert, &cluster.name, &group.group) {
                    let alert = (name.as_str(), alert);
                    look(
                        &mut rows,
                        &mut changes,
                        alert,
                        (&cluster.name, group),
                        ended,
                        now_ms,
                    );
                }
            }
        }
        drop(evaluated);
        let gone =
            |key: &Key| (key.1 == cluster.name && !groups.contains_key(&key.2)).then_some(Ended::GroupGone);
        defined.end(&mut rows, &mut changes, gone, now_ms);
        changes
    };
    apply(open, &held.store, &held.alerts, changes, now_ms).await
}

/// Ends what nobody evaluates any more: alerts that are gone or switched off, of clusters that are gone.
pub async fn sweep(open: &OpenWorkspace, now_ms: i64) -> Result<()> {
    let held = open.held()?;
    if held.alerts.rows().is_empty() {
        return Ok(());
    }
    let defined = Defined::of(open);
    let changes = {
        let mut changes = Changes::default();
        defined.end(&mut held.alerts.rows(), &mut changes, |_| None, now_ms);
        changes
    };
    apply(open, &held.store, &held.alerts, changes, now_ms).await
}

/// What the workspace defines now.
struct Defined {
    /// By name; `None`: it is there and broken.
    alerts: BTreeMap<String, Option<AlertDefinition>>,
    clusters: BTreeSet<String>,
}

impl Defined {
    fn of(open: &OpenWorkspace) -> Self {
        let workspace = open.workspace();
        let definitions = &workspace.definitions;
        let mut alerts: BTreeMap<String, Option<AlertDefinition>> = definitions
            .alerts
            .keys()
            .map(|name| (name.clone(), None))
            .collect();
        let valid = definitions.valid_alerts();
        alerts.extend(valid.map(|(name, it)| (name.to_owned(), Some(it.clone()))));
        Self {
            alerts,
            clusters: definitions.clusters.keys().cloned().collect(),
        }
    }

    /// Ends what is not to be any more, by its definition or by what else there is to know of it.
    fn end(
        &self,
        rows: &mut BTreeMap<Key, AlertRow>,
        changes: &mut Changes,
        gone: impl Fn(&Key) -> Option<Ended>,
        now_ms: i64,
    ) {
        let active = rows.iter().filter(|(_, row)| row.state != AlertState::Resolved);
        let ended: Vec<(Key, Ended)> = active
            .filter_map(|(key, _)| {
                let ended = match self.alerts.get(&key.0) {
                    None => Some(Ended::Removed),
                    Some(_) if !self.clusters.contains(&key.1) => Some(Ended::ClusterGone),
                    Some(Some(alert)) if !watches(alert, &key.1, &key.2) => Some(Ended::Unwatched),
                    Some(_) => gone(key),
                };
                Some((key.clone(), ended?))
            })
            .collect();
        for (key, ended) in ended {
            let alert = self.alerts.get(&key.0).and_then(Option::as_ref);
            end(rows, changes, &key, alert, ended, now_ms);
        }
    }
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
    (cluster, group): (&str, &GroupSummary),
    ended: Ended,
    now_ms: i64,
) {
    let key = (name.to_owned(), cluster.to_owned(), group.group.clone());
    let observed = Observed {
        lag: group.lag,
        lag_ms: group.lag_ms,
        status: group.status,
    };
    let before = rows.get(&key).map(|row| Standing {
        state: row.state,
        since_ms: row.since_ms,
    });
    let holding = holds(alert, &observed);
    let fresh = |state, since_ms| AlertRow {
        alert: key.0.clone(),
        cluster: key.1.clone(),
        group: key.2.clone(),
        state,
        since_ms,
        fired_ms: None,
        resolved_ms: None,
        reason: group.reason.clone(),
        owed: rows.get(&key).map(|row| row.owed.clone()).unwrap_or_default(),
        error: None,
    };
    match step(before, holding, alert.hold.approximate_ms(), now_ms) {
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
            tell(&mut row, changes, alert, (Some(group), None));
            changes.saved.push(row.clone());
            rows.insert(key, row);
        }
        Step::Resolve => {
            if let Some(row) = rows.get_mut(&key) {
                row.state = AlertState::Resolved;
                row.resolved_ms = Some(now_ms);
                row.reason = ended.reason(&group.reason);
                tell(row, changes, alert, (Some(group), Some(ended)));
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
    ended: Ended,
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
            row.reason = ended.reason("");
            if let Some(alert) = alert {
                tell(row, changes, alert, (None, Some(ended)));
            }
            changes.saved.push(row.clone());
        }
    }
}

/// Owes the webhook the news, and makes the notice.
fn tell(
    row: &mut AlertRow,
    changes: &mut Changes,
    alert: &AlertDefinition,
    (group, ended): (Option<&GroupSummary>, Option<Ended>),
) {
    let title = alert.title.clone().unwrap_or_else(|| row.alert.clone());
    let resolved = row.state == AlertState::Resolved;
    let word = if resolved { "resolved" } else { "firing" };
    changes.notices.push(Notice {
        title: format!(
            "{title}: {} on {} {}",
            row.group,
            row.cluster,
            ended.map_or("is behind", Ended::title)
        ),
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
        "resolution": ended.map(Ended::code),
        "cluster": row.cluster,
        "group": row.group,
        "status": group.map(|group| group.status),
        "lag": group.and_then(|group| group.lag),
        "lag_ms": group.and_then(|group| group.lag_ms),
        "lag_ms_source": group.and_then(|group| group.lag_ms_source),
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
