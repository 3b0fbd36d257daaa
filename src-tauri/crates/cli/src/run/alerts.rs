//! `tailrace alerts`: what they say now, whether one would fire, and whether its webhook answers.

use tailrace_app::{App, commands as run};
use tailrace_model::{Error, api::*};

use super::groups::lag_time;
use crate::{
    Outcome,
    args::{AlertVerb, Alerts},
    output::{Output, duration, time},
};

pub async fn alerts(app: &App, args: Alerts, output: &Output) -> anyhow::Result<Outcome> {
    match args.verb {
        None => list(app, output).await,
        Some(AlertVerb::Preview { name }) => preview(app, name, output).await,
        Some(AlertVerb::Test { name }) => test(app, name, output).await,
    }
}

async fn defined(app: &App, name: String) -> anyhow::Result<AlertRequest> {
    let alerts = run::alert_list(app, Nothing {}).await?;
    let names: Vec<String> = alerts.iter().map(|alert| alert.name.clone()).collect();
    let found = alerts.into_iter().find(|alert| alert.name == name);
    let definition = found.map(|alert| alert.definition).ok_or_else(|| {
        let known = match names.is_empty() {
            true => "there is none that holds, see `tailrace check`".to_owned(),
            false => format!("there is {}", names.join(", ")),
        };
        Error::user("unknown_alert", format!("there is no alert \"{name}\": {known}"))
    })?;
    Ok(AlertRequest { name, definition })
}

/// Partly when a cluster could not be asked.
async fn preview(app: &App, name: String, output: &Output) -> anyhow::Result<Outcome> {
    let found = run::alert_preview(app, defined(app, name).await?).await?;
    if output.json {
        output.object(&found)?;
    } else {
        output.note(&found.sentence);
        let rows: Vec<Vec<String>> = found.groups.iter().map(preview_row).collect();
        output.table(&["now", "cluster", "group", "lag", "lag in time", "why"], &rows)?;
    }
    for sentence in &found.missing {
        output.note(&format!("tailrace: {sentence}"));
    }
    Ok(match found.missing.is_empty() {
        true => Outcome::Done,
        false => Outcome::Partly,
    })
}

fn preview_row(it: &AlertPreviewGroup) -> Vec<String> {
    let dash = || "-".to_owned();
    let now = match it.holds {
        Some(true) => "HOLDS",
        Some(false) => "quiet",
        None => "unknown",
    };
    vec![
        now.to_owned(),
        it.cluster.clone(),
        it.group.clone(),
        it.lag.map_or_else(dash, |lag| lag.to_string()),
        lag_time(it.lag_ms, it.lag_ms_source),
        it.reason.clone(),
    ]
}

async fn test(app: &App, name: String, output: &Output) -> anyhow::Result<Outcome> {
    let tested = run::alert_test(app, defined(app, name).await?).await?;
    let outcome = match tested.error {
        None => Outcome::Done,
        Some(_) => Outcome::Failed,
    };
    if output.json {
        output.object(&tested)?;
        return Ok(outcome);
    }
    match &tested.error {
        None => output.line(&format!(
            "the webhook took the test in {}",
            duration(Some(tested.took_ms))
        ))?,
        Some(error) => output.note(&format!("tailrace: {}", error.message)),
    }
    Ok(outcome)
}

async fn list(app: &App, output: &Output) -> anyhow::Result<Outcome> {
    let alerts = run::alert_list(app, Nothing {}).await?;
    if output.json {
        alerts.iter().try_for_each(|alert| output.object(alert))?;
        return Ok(Outcome::Done);
    }
    if alerts.is_empty() {
        output.note("no alert is defined: write alerts/NAME.toml, see the example of `tailrace init`");
        return Ok(Outcome::Done);
    }
    let rows: Vec<Vec<String>> = alerts.iter().flat_map(alert_rows).collect();
    output.table(&["alert", "state", "cluster", "group", "since", "why"], &rows)?;
    Ok(Outcome::Done)
}

fn alert_rows(alert: &AlertSummary) -> Vec<Vec<String>> {
    if alert.instances.is_empty() {
        let state = if alert.definition.enabled { "quiet" } else { "off" };
        let none = "-".to_owned();
        return vec![vec![
            alert.name.clone(),
            state.to_owned(),
            none.clone(),
            none.clone(),
            none,
            alert.sentence.clone(),
        ]];
    }
    let row = |it: &AlertInstance| {
        let state = match it.state {
            AlertState::Firing => "FIRING",
            AlertState::Pending => "pending",
            AlertState::Resolved => "resolved",
        };
        let why = match &it.error {
            Some(error) => format!("{} (not told: {})", it.reason, error.message),
            None => it.reason.clone(),
        };
        vec![
            alert.name.clone(),
            state.to_owned(),
            it.cluster.clone(),
            it.group.clone(),
            time(it.resolved_ms.unwrap_or(it.since_ms)),
            why,
        ]
    };
    alert.instances.iter().map(row).collect()
}
