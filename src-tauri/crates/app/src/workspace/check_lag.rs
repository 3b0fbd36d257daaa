//! What alerts and the settings of lag can't say.

use tailrace_model::{AlertDefinition, Error, EventSettings, LagSettings};

use super::{
    check::{Report, each},
    definitions::{Kind, Loaded, Named, instead},
};
use crate::secrets;

/// Lag is sampled no more often than this, and no less.
const EVERY_MS: (i64, i64) = (1_000, 600_000);
/// A window is no longer than this: it is held in memory.
const WINDOW_MS_MAX: i64 = 86_400_000;
/// Commits that may be asked for before lag that does not fall is a warning.
const SAMPLES: (u32, u32) = (2, 30);
/// Commits that a partition may be judged by: each is held in memory.
const COMMITS: (u32, u32) = (3, 60);
/// An alert waits no longer than this.
const HOLD_MS_MAX: i64 = 7 * 86_400_000;

pub(super) fn check_lag_settings(report: &mut Report<'_>, lag: &LagSettings) {
    let every_ms = lag.every.map(|every| every.approximate_ms());
    if let Some(every) = lag.every
        && !(EVERY_MS.0..=EVERY_MS.1).contains(&every.approximate_ms())
    {
        report.at(
            &["lag", "every"],
            format!("every can't be {every}: lag is sampled every 1 second to every 10 minutes"),
        );
    }
    if let Some(window) = lag.window {
        let window_ms = window.approximate_ms();
        if window_ms > WINDOW_MS_MAX {
            report.at(
                &["lag", "window"],
                format!("the window of {window} is too long: it is a day at most"),
            );
        } else if window_ms < 4 * every_ms.unwrap_or(2_000) {
            report.at(
                &["lag", "window"],
                format!(
                    "the window of {window} is too short: it has to hold at least four samples, see every"
                ),
            );
        }
    }
    if let Some(commits) = lag.commits
        && !(COMMITS.0..=COMMITS.1).contains(&commits)
    {
        report.at(
            &["lag", "commits"],
            format!(
                "commits can't be {commits}: a partition is judged by its last {} to {}",
                COMMITS.0, COMMITS.1
            ),
        );
    }
    if let Some(samples) = lag.samples_min
        && !(SAMPLES.0..=SAMPLES.1).contains(&samples)
    {
        report.at(
            &["lag", "samples_min"],
            format!(
                "samples_min can't be {samples}: it is {} to {}",
                SAMPLES.0, SAMPLES.1
            ),
        );
    }
}

/// Message ids are remembered no longer than this.
const DEDUPE_MS_MAX: i64 = 366 * 86_400_000;

pub(super) fn check_events(report: &mut Report<'_>, events: &EventSettings) {
    if let Some(window) = events.dedupe_window
        && window.approximate_ms() > DEDUPE_MS_MAX
    {
        let sentence = format!("dedupe_window can't be {window}: it is a year at most");
        report.at(&["events", "dedupe_window"], sentence);
    }
}

pub(super) fn check_alerts(alerts: &mut Named<AlertDefinition>, clusters: &Named<()>) {
    each(Kind::Alert, alerts, |report, _, alert| {
        check_alert(report, alert, clusters)
    });
}

/// What is wrong with an alert that is not saved yet.
pub(super) fn problems_of(name: &str, alert: &AlertDefinition, clusters: &Named<()>) -> Vec<Error> {
    let unsaved = Loaded {
        name: name.to_owned(),
        file: format!("{}/{name}.toml", Kind::Alert.folder()),
        value: Some(alert.clone()),
        problems: Vec::new(),
        toml: String::new(),
    };
    let mut named = Named::from([(name.to_owned(), unsaved)]);
    check_alerts(&mut named, clusters);
    named.into_values().flat_map(|loaded| loaded.problems).collect()
}

fn check_alert(report: &mut Report<'_>, alert: &AlertDefinition, clusters: &Named<()>) {
    let of_lag = alert.lag.is_some() || alert.lag_time.is_some() || !alert.status.is_empty();
    match alert.violations {
        None if !of_lag => report.at(
            &[],
            "the alert watches for nothing: add lag = 10000, lag_time = \"5 minutes\", status = [\"err\"] or violations = 100",
        ),
        Some(_) if of_lag || !alert.clusters.is_empty() || !alert.groups.is_empty() => report.at(
            &["violations"],
            "an alert on violations watches sources, not groups: give lag, lag_time, status, clusters and groups to an alert of their own",
        ),
        Some(0) => report.at(&["violations"], "at least 0 violations are always there: write 1 or more"),
        None if !alert.sources.is_empty() => {
            report.at(&["sources"], "sources are watched for violations: add violations = 100")
        }
        _ => {}
    }
    if alert.lag == Some(0) {
        report.at(&["lag"], "a lag of at least 0 always holds: write 1 or more");
    }
    for (index, cluster) in alert.clusters.iter().enumerate() {
        if !clusters.contains_key(cluster) {
            let instead = instead(Kind::Cluster, clusters, cluster);
            report.at(
                &["clusters", &index.to_string()],
                format!("there is no cluster \"{cluster}\"{instead}"),
            );
        }
    }
    for (index, group) in alert.groups.iter().enumerate() {
        if group.trim().is_empty() {
            report.at(
                &["groups", &index.to_string()],
                "the group is empty: write its name, with * for any signs, or remove it",
            );
        }
    }
    if alert.hold.approximate_ms() > HOLD_MS_MAX {
        report.at(
            &["for"],
            format!("for can't be {}: it is a week at most", alert.hold),
        );
    }
    let Some(webhook) = &alert.webhook else { return };
    let written = secrets::reference(&webhook.url).is_none();
    if written && !webhook.url.starts_with("https://") && !webhook.url.starts_with("http://") {
        report.at(
            &["webhook", "url"],
            "the url has to begin with https:// or http://, or be a secret:NAME",
        );
    }
    let texts = webhook
        .headers
        .iter()
        .map(|(name, value)| (vec!["webhook", "headers", name.as_str()], value));
    for (path, value) in texts.chain([(vec!["webhook", "url"], &webhook.url)]) {
        if let Some(Err(error)) = secrets::reference(value) {
            report.at(&path, error.message);
        }
    }
}
