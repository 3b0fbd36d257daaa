//! Destinations and syncs.

use std::time::Instant;

use tailrace_model::{Result, api::*};

use crate::{App, core::Stage, open::OpenWorkspace, syncs};

pub async fn destination_list(app: &App, _: Nothing) -> Result<Vec<DestinationSummary>> {
    let open = app.opened().await?;
    let definitions: Vec<_> = {
        let workspace = open.workspace();
        let syncs_of = |destination: &str| {
            let syncs = workspace
                .definitions
                .valid_syncs()
                .filter(|(_, sync)| sync.destination == destination);
            syncs.map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
        };
        let destinations = workspace.definitions.valid_destinations();
        destinations
            .map(|(name, it)| (name.to_owned(), it.kind, syncs_of(name)))
            .collect()
    };
    Ok(definitions
        .into_iter()
        .map(|(name, kind, syncs)| {
            let connected = syncs::connect(&open, &name);
            DestinationSummary {
                target: connected.as_ref().map(|it| it.target()).unwrap_or_default(),
                error: connected.err(),
                name,
                kind,
                syncs,
            }
        })
        .collect())
}

pub async fn destination_test(app: &App, request: Named) -> Result<DestinationTest> {
    let open = app.opened().await?;
    let destination = syncs::connect(&open, &request.name)?;
    let started = Instant::now();
    let checked = destination.check(&open.supervisor.token(Stage::Work)).await;
    Ok(DestinationTest {
        ok: checked.is_ok(),
        detail: checked.unwrap_or_else(|error| error.message),
        took_ms: started.elapsed().as_millis() as i64,
    })
}

pub async fn sync_list(app: &App, _: Nothing) -> Result<Vec<SyncSummary>> {
    let open = app.opened().await?;
    let definitions: Vec<_> = {
        let workspace = open.workspace();
        workspace
            .definitions
            .valid_syncs()
            .map(|(name, it)| (name.to_owned(), it.clone()))
            .collect()
    };
    let mut summaries = Vec::with_capacity(definitions.len());
    for (name, definition) in definitions {
        summaries.push(sync_summary(&open, name, definition).await?);
    }
    Ok(summaries)
}

async fn sync_summary(
    open: &OpenWorkspace,
    name: String,
    definition: tailrace_model::SyncDefinition,
) -> Result<SyncSummary> {
    let held = open.held()?;
    let last_run = held.store.runs(&name, 0, 1).await?.into_iter().next();
    let connected = syncs::connect(open, &definition.destination);
    Ok(SyncSummary {
        acknowledged: held.store.acknowledged_now(&name).await?,
        // Before it ran since the workspace was opened: what its last run left owed.
        owed: held
            .syncs
            .owed(&name)
            .or_else(|| last_run.as_ref().map(|run| run.failed)),
        error: connected
            .err()
            .or_else(|| last_run.as_ref().and_then(|run| run.error.clone())),
        last_run,
        name,
        definition,
    })
}

pub async fn sync_run(app: &App, request: SyncRunRequest) -> Result<SyncOutcome> {
    let open = app.opened().await?;
    syncs::run(
        &open,
        &request.name,
        request.dry_run,
        &open.supervisor.token(Stage::Work),
    )
    .await
}

pub async fn sync_runs(app: &App, request: PageRequest) -> Result<Vec<SyncRun>> {
    let open = app.opened().await?;
    open.held()?
        .store
        .runs(&request.name, request.offset, request.limit)
        .await
}
