//! Syncs and destinations.

use tailrace_app::{App, commands as run};
use tailrace_model::api::*;

use crate::{
    Outcome,
    args::{Destination, Sync},
    output::{Output, count, duration, maybe, time},
};

pub async fn sync(app: &App, args: Sync, output: &Output) -> anyhow::Result<Outcome> {
    match args {
        Sync::List => {
            let syncs = run::sync_list(app, Nothing {}).await?;
            output.list(
                &syncs,
                &[
                    "sync",
                    "audience",
                    "destination",
                    "enabled",
                    "acknowledged",
                    "last run",
                ],
                |it| {
                    let last = it
                        .last_run
                        .as_ref()
                        .map_or_else(|| "never".to_owned(), |run| time(run.started_ms));
                    let enabled = if it.definition.enabled { "yes" } else { "no" };
                    vec![
                        it.name.clone(),
                        it.definition.audience.clone(),
                        it.definition.destination.clone(),
                        enabled.to_owned(),
                        count(it.acknowledged),
                        last,
                    ]
                },
            )?;
            Ok(Outcome::Done)
        }
        Sync::Run { name, dry_run } => deliver(app, name, dry_run, output).await,
        Sync::Retry { name } => deliver(app, name, false, output).await,
        Sync::Runs { name } => {
            let runs = run::sync_runs(
                app,
                PageRequest {
                    name,
                    offset: 0,
                    limit: 100,
                },
            )
            .await?;
            output.list(
                &runs,
                &[
                    "run",
                    "started",
                    "state",
                    "added",
                    "changed",
                    "removed",
                    "delivered",
                    "failed",
                    "why",
                ],
                |it| {
                    vec![
                        it.id.to_string(),
                        time(it.started_ms),
                        state(it.state).to_owned(),
                        count(it.added),
                        count(it.changed),
                        count(it.removed),
                        count(it.delivered),
                        count(it.failed),
                        it.error
                            .as_ref()
                            .map(|error| error.message.clone())
                            .or_else(|| it.note.clone())
                            .unwrap_or_default(),
                    ]
                },
            )?;
            Ok(Outcome::Done)
        }
    }
}

fn state(state: RunState) -> &'static str {
    match state {
        RunState::Running => "running",
        RunState::Succeeded => "succeeded",
        RunState::Partial => "partial",
        RunState::Failed => "failed",
        RunState::Cancelled => "cancelled",
    }
}

/// How often a delivery that takes long says how far it is.
const SAY_EVERY: std::time::Duration = std::time::Duration::from_secs(5);

/// Says how far the running sync is, now and then, for as long as it is listened to.
async fn say_progress(app: &App, output: &Output) -> std::convert::Infallible {
    loop {
        tokio::time::sleep(SAY_EVERY).await;
        let running = run::activity_list(app, Nothing {}).await.unwrap_or_default();
        let mut running = running.into_iter();
        if let Some(sync) = running.find(|it| it.kind == "sync" && it.state == ActivityState::Running) {
            output.note(&format!(
                "tailrace: {}: {} of {} rows acknowledged after {}",
                sync.title,
                count(sync.done.unwrap_or(0)),
                sync.total.map_or_else(|| "?".to_owned(), count),
                duration(Some(tailrace_app::core::now_ms() - sync.started_ms)),
            ));
        }
    }
}

/// Evaluates the audience as it is now, then delivers its difference.
async fn deliver(app: &App, name: String, dry_run: bool, output: &Output) -> anyhow::Result<Outcome> {
    let syncs = run::sync_list(app, Nothing {}).await?;
    if let Some(sync) = syncs.into_iter().find(|sync| sync.name == name) {
        run::audience_run(
            app,
            Named {
                name: sync.definition.audience,
            },
        )
        .await?;
    }
    let delivering = run::sync_run(app, SyncRunRequest { name, dry_run });
    let outcome = tokio::select! {
        outcome = delivering => outcome?,
        never = say_progress(app, output) => match never {},
    };
    let outcome_is = match outcome.run.as_ref().map(|run| run.state) {
        None | Some(RunState::Succeeded | RunState::Running) => Outcome::Done,
        Some(RunState::Partial | RunState::Cancelled) => Outcome::Partly,
        Some(RunState::Failed) => Outcome::Failed,
    };
    if output.json {
        output.object(&outcome)?;
        return Ok(outcome_is);
    }
    let it = &outcome.difference;
    output.line(&format!(
        "add {}, change {}, remove {}, unchanged {}, without key {}",
        count(it.added),
        count(it.changed),
        count(it.removed),
        count(it.unchanged),
        count(it.without_key)
    ))?;
    if let Some(note) = &it.note {
        output.note(&format!("tailrace: {note}"));
    }
    match &outcome.run {
        Some(run) => {
            output.line(&format!(
                "{}: delivered {}, still owed {}",
                state(run.state),
                count(run.delivered),
                count(run.failed)
            ))?;
            if let Some(error) = &run.error {
                output.note(&format!("tailrace: {}", error.message));
            }
        }
        None if dry_run => {
            let header: Vec<&str> = it
                .sample
                .columns
                .iter()
                .map(|column| column.name.as_str())
                .collect();
            let cells = |row: &Vec<Option<String>>| {
                row.iter()
                    .map(|cell| cell.clone().unwrap_or_else(|| "-".to_owned()))
                    .collect()
            };
            let rows: Vec<Vec<String>> = it.sample.rows.iter().map(cells).collect();
            output.table(&header, &rows)?;
            if it.sample.total > rows.len() as u64 {
                output.note(&format!(
                    "the first {} of {} rows",
                    rows.len(),
                    count(it.sample.total)
                ));
            }
        }
        None => output.line("nothing to deliver: the destination has it all")?,
    }
    Ok(outcome_is)
}

pub async fn destination(app: &App, args: Destination, output: &Output) -> anyhow::Result<Outcome> {
    match args {
        Destination::List => {
            let destinations = run::destination_list(app, Nothing {}).await?;
            output.list(
                &destinations,
                &["destination", "target", "syncs", "problem"],
                |it| {
                    let problem = it
                        .error
                        .as_ref()
                        .map(|error| error.message.clone())
                        .unwrap_or_default();
                    vec![it.name.clone(), it.target.clone(), it.syncs.join(", "), problem]
                },
            )?;
            Ok(Outcome::Done)
        }
        Destination::Test { name } => {
            let test = run::destination_test(app, Named { name }).await?;
            if output.json {
                output.object(&test)?;
            } else {
                let mark = if test.ok { "ok" } else { "FAILED" };
                output.line(&format!(
                    "{mark}  {}  ({} ms)",
                    test.detail,
                    maybe(Some(test.took_ms))
                ))?;
            }
            Ok(if test.ok { Outcome::Done } else { Outcome::Failed })
        }
    }
}
