//! Alerts: what fires, what is resolved, and who has been told.
//!
//! Invariants: how alerts stand is written before anybody is told, so that a restart repeats nothing and forgets
//! nothing; what was told is told once; a webhook that does not answer is owed, in order, until it does or is a day late.
//! A notice on the desktop is sent once, when it happens. That a group is well is said only where its lag says so: one
//! that is gone, or that nobody watches any more, is called that. A definition that is broken while somebody edits it ends
//! nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{MutexGuard, PoisonError},
};

use serde_json::json;
use tailrace_engine::lag::alerts::{
    Observed, Standing, Step, holds, sentence, step, watches, watches_source,
};
use tailrace_model::{
    AlertDefinition, Result,
    api::{AlertInstance, AlertState, AlertSummary, GroupSummary, Topic},
};
use tokio::sync::Notify;

use super::{alert_tell::time, last_groups};
use crate::{
    clusters::Cluster,
    open::OpenWorkspace,
    store::{AlertRow, Store},
};

/// Notices owed to one webhook for one group; the oldest give way.
const OWED_MAX: usize = 100;
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

pub(super) type Key = (String, String, String);

/// How alerts stand, as in the store.
#[derive(Debug, Default)]
pub struct Alerts {
    rows: std::sync::Mutex<BTreeMap<Key, AlertRow>>,
    /// By cluster and alert, as they were evaluated last: what an edit ends did not get well.
    evaluated: std::sync::Mutex<BTreeMap<(String, String), AlertDefinition>>,
    /// There is something to tell.
    pub(super) owing: Notify,
    pruned_ms: std::sync::atomic::AtomicI64,
}

pub(super) fn key(row: &AlertRow) -> Key {
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

    pub(super) fn rows(&self) -> MutexGuard<'_, BTreeMap<Key, AlertRow>> {
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
    SourceGone,
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
            Self::SourceGone => "source_gone",
        }
    }

    /// What the title says of the group.
    fn title(self) -> &'static str {
        match self {
            Self::Recovered => "is well again",
            Self::Edited => "is not as far behind as the alert now says",
            Self::Removed | Self::Unwatched => "is no longer watched",
            Self::GroupGone | Self::SourceGone => "is gone",
            Self::ClusterGone => "is gone with its cluster",
        }
    }

    fn reason(self, reason: &str) -> String {
        match self {
            Self::Recovered => reason.to_owned(),
            Self::Edited => format!("the alert was edited; {reason}"),
            Self::Removed => "the alert was removed".to_owned(),
            Self::Unwatched => "the alert was switched off, or does not watch it any more".to_owned(),
            Self::GroupGone => "the group is gone".to_owned(),
            Self::SourceGone => "the source is gone".to_owned(),
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
                    look(&mut rows, &mut changes, (name, alert), &subject, ended, now_ms);
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

/// Looks at the violations of every source: how many there are in the hour of the clock with the most of this one and the
/// one before.
pub async fn evaluate_violations(
    open: &OpenWorkspace,
    counts: &BTreeMap<String, u64>,
    now_ms: i64,
) -> Result<()> {
    let held = open.held()?;
    let defined = Defined::of(open);
    let changes = {
        let mut rows = held.alerts.rows();
        let mut changes = Changes::default();
        for (name, alert) in &defined.alerts {
            let Some(alert) = alert else { continue };
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
                look(
                    &mut rows,
                    &mut changes,
                    (name, alert),
                    &subject,
                    Ended::Recovered,
                    now_ms,
                );
            }
        }
        let gone =
            |key: &Key| (key.1 == OF_SOURCES && !counts.contains_key(&key.2)).then_some(Ended::SourceGone);
        defined.end(&mut rows, &mut changes, gone, now_ms);
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
                    Some(_) if key.1 != OF_SOURCES && !self.clusters.contains(&key.1) => {
                        Some(Ended::ClusterGone)
                    }
                    Some(Some(alert)) if !is_watched(alert, key) => Some(Ended::Unwatched),
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

/// What stands for the cluster of an alert on a source.
const OF_SOURCES: &str = "";

fn is_watched(alert: &AlertDefinition, (_, cluster, of): &Key) -> bool {
    match cluster.as_str() {
        OF_SOURCES => watches_source(alert, of),
        cluster => watches(alert, cluster, of),
    }
}

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
    ended: Ended,
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
            tell(&mut row, changes, alert, (subject.group, None));
            changes.saved.push(row.clone());
            rows.insert(key, row);
        }
        Step::Resolve => {
            if let Some(row) = rows.get_mut(&key) {
                row.state = AlertState::Resolved;
                row.resolved_ms = Some(now_ms);
                row.reason = ended.reason(subject.reason);
                tell(row, changes, alert, (subject.group, Some(ended)));
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
    let of_source = row.cluster == OF_SOURCES;
    let said = match (of_source, ended) {
        (true, None) => format!("source {} does not keep to its tracking plan", row.group),
        (true, Some(Ended::Recovered)) => format!("source {} keeps to its tracking plan again", row.group),
        (true, Some(ended)) => format!("source {} {}", row.group, ended.title()),
        (false, None) => format!("{} on {} is behind", row.group, row.cluster),
        (false, Some(ended)) => format!("{} on {} {}", row.group, row.cluster, ended.title()),
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
        "resolution": ended.map(Ended::code),
        "cluster": (!of_source).then_some(&row.cluster),
        "group": (!of_source).then_some(&row.group),
        "source": of_source.then_some(&row.group),
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
