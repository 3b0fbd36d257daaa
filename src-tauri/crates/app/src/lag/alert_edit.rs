//! Alerts as they are written: tried before they are saved, saved with the comments of their files, deleted.
//!
//! Invariant: nothing is saved that would be a problem of the workspace, and nothing is tried that could not be saved.

use std::sync::Arc;

use futures::future::join_all;
use serde_json::json;
use tailrace_engine::lag::alerts::{Observed, holds, sentence, watches};
use tailrace_model::{
    AlertDefinition, Error, Result,
    api::{
        AlertPreview, AlertPreviewGroup, AlertRequest, AlertSaveRequest, AlertTested, GroupSummary, Topic,
    },
};

use super::{
    alert_tell::{post, time, worded},
    groups,
};
use crate::{core::now_ms, open::OpenWorkspace, people};

/// Whether its conditions hold now, group by group. An alert that is switched off is looked at as if it were on.
pub async fn preview(open: &OpenWorkspace, request: &AlertRequest) -> Result<AlertPreview> {
    open.workspace().check_alert(&request.name, &request.definition)?;
    let alert = AlertDefinition {
        enabled: true,
        ..request.definition.clone()
    };
    let clusters: Vec<String> = {
        let workspace = open.workspace();
        let valid = workspace.definitions.valid_clusters();
        let names = valid.map(|(name, _)| name.to_owned());
        names
            .filter(|name| alert.clusters.is_empty() || alert.clusters.contains(name))
            .collect()
    };
    let asked = clusters.into_iter().map(async |cluster| {
        let answer = groups(open, &cluster).await;
        (cluster, answer)
    });
    let mut found = AlertPreview {
        sentence: sentence(&alert),
        groups: Vec::new(),
        missing: Vec::new(),
    };
    for (cluster, answer) in join_all(asked).await {
        match answer {
            Ok(all) => {
                let watched = all.into_iter().filter(|it| watches(&alert, &cluster, &it.group));
                found
                    .groups
                    .extend(watched.map(|it| looked_at(&alert, &cluster, it)));
            }
            Err(error) => found.missing.push(format!("{cluster}: {}", error.message)),
        }
    }
    let rank = |holds: Option<bool>| match holds {
        Some(true) => 0,
        None => 1,
        Some(false) => 2,
    };
    found
        .groups
        .sort_by(|a, b| (rank(a.holds), &a.cluster, &a.group).cmp(&(rank(b.holds), &b.cluster, &b.group)));
    Ok(found)
}

fn looked_at(alert: &AlertDefinition, cluster: &str, group: GroupSummary) -> AlertPreviewGroup {
    let observed = Observed {
        lag: group.lag,
        lag_ms: group.lag_ms,
        status: group.status,
    };
    AlertPreviewGroup {
        cluster: cluster.to_owned(),
        holds: holds(alert, &observed),
        group: group.group,
        lag: group.lag,
        lag_ms: group.lag_ms,
        lag_ms_source: group.lag_ms_source,
        status: group.status,
        reason: group.reason,
    }
}

/// Posts a notice that is marked as a test to the webhook. What the webhook says is the answer, not a failure.
pub async fn test(open: &OpenWorkspace, request: &AlertRequest) -> Result<AlertTested> {
    open.workspace().check_alert(&request.name, &request.definition)?;
    let Some(webhook) = &request.definition.webhook else {
        let sentence = format!(
            "the alert \"{}\" has no webhook: give it an address first",
            request.name
        );
        return Err(Error::user("no_webhook", sentence));
    };
    let started_ms = now_ms();
    let news = json!({
        "alert": request.name,
        "title": request.definition.title.as_ref().unwrap_or(&request.name),
        "state": "test",
        "resolution": null,
        "cluster": null,
        "group": null,
        "status": null,
        "lag": null,
        "lag_ms": null,
        "lag_ms_source": null,
        "reason": format!("A test from Tailrace. The alert watches for {}.", sentence(&request.definition)),
        "since": null,
        "fired_at": null,
        "resolved_at": null,
        "at": time(Some(started_ms)),
        "key": format!("{}/test/{started_ms}", request.name),
    });
    let told = post(open, webhook, &news).await;
    Ok(AlertTested {
        error: told.err().map(worded),
        took_ms: now_ms() - started_ms,
    })
}

pub fn save(open: &Arc<OpenWorkspace>, request: &AlertSaveRequest) -> Result<()> {
    let file = format!("alerts/{}.toml", request.name);
    if request.create && open.workspace().path(&file).exists() {
        let sentence = format!(
            "there is an alert \"{}\" already ({file}): choose another name, or edit that one",
            request.name
        );
        return Err(Error::user("alert_exists", sentence));
    }
    open.workspace_mut()
        .save_alert(&request.name, &request.definition)?;
    changed(open);
    Ok(())
}

pub fn delete(open: &Arc<OpenWorkspace>, name: &str) -> Result<()> {
    open.workspace_mut().delete_alert(name)?;
    changed(open);
    Ok(())
}

fn changed(open: &Arc<OpenWorkspace>) {
    people::definitions_changed(open);
    open.hub.add(&Topic::Definitions, 1);
}
