//! Workspace, SQL and activity.

use std::path::PathBuf;

use tailrace_model::{Result, api::*};

use crate::{
    App,
    core::now_ms,
    lag,
    open::OpenWorkspace,
    queries, syncs, tables,
    workspace::{Kind, recent},
};

/// How long the number of topics is waited for.
const TOPICS_MAX: std::time::Duration = std::time::Duration::from_secs(1);

pub async fn workspace_show(app: &App, _: Nothing) -> Result<WorkspaceSummary> {
    let open = app.opened().await?;
    let mut problems = open.workspace().definitions.problems();
    problems.extend(syncs::place_problems(&open));
    problems.extend(open.log_problems());
    let workspace = open.workspace();
    if let Ok(held) = open.held() {
        let states = held.people.warehouses.states().into_iter();
        problems.extend(states.filter_map(|state| {
            let error = state.error?;
            let (name, path) = (&state.warehouse, ["tables", &state.table]);
            Some(
                workspace
                    .definitions
                    .place_in(Kind::Warehouse, name, &path, error),
            )
        }));
    }
    Ok(WorkspaceSummary {
        name: workspace.definitions.name().to_owned(),
        path: open.folder().display().to_string(),
        time_zone: workspace.definitions.time_zone().to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        problems,
        recent: recent::list(&open.config),
    })
}

pub async fn workspace_open(app: &App, request: WorkspaceOpenRequest) -> Result<WorkspaceSummary> {
    app.switch(PathBuf::from(request.path)).await?;
    workspace_show(app, Nothing {}).await
}

pub async fn counts_show(app: &App, request: CountsRequest) -> Result<Counts> {
    let open = app.opened().await?;
    let mut counts = definition_counts(&open);
    counts.activities_running = open.activities.running();
    if let Ok(held) = open.held() {
        let people = &held.people;
        let snapshot = people.log.snapshot();
        let total = people.total_counts();
        counts.profiles = snapshot.profiles().rows as u64;
        counts.events = snapshot.rows();
        counts.events_per_second = people.per_second();
        counts.duplicates = total.duplicates;
        counts.malformed = total.malformed;
        counts.log_bytes = snapshot.bytes();
        counts.as_of_ms = snapshot.checkpoint_ms();
    }
    if let Some(name) = &request.cluster
        && let Ok(cluster) = open.cluster(name).await
    {
        let groups = lag::last_groups(&cluster);
        let with = |status| groups.iter().filter(|group| group.status == status).count() as u64;
        counts.groups_stopped = with(LagStatus::Stop);
        counts.groups_warning = with(LagStatus::Warn) + with(LagStatus::Stall) + with(LagStatus::Rewind);
        counts.groups = lag::was_sampled(&cluster).then_some(groups.len() as u64);
        let topics = cluster.client.topics();
        // A cluster that does not answer must not hold up every other number.
        counts.topics = tokio::time::timeout(TOPICS_MAX, topics)
            .await
            .ok()
            .and_then(Result::ok)
            .map(|topics| topics.len() as u64);
    }
    Ok(counts)
}

fn definition_counts(open: &OpenWorkspace) -> Counts {
    let workspace = open.workspace();
    let definitions = &workspace.definitions;
    Counts {
        clusters: definitions.clusters.len() as u64,
        traits: definitions.traits.len() as u64,
        audiences: definitions.audiences.len() as u64,
        destinations: definitions.destinations.len() as u64,
        syncs: definitions.syncs.len() as u64,
        ..Counts::default()
    }
}

pub async fn sql_start(app: &App, request: SqlRequest) -> Result<SqlStarted> {
    Ok(SqlStarted {
        view: queries::start(&app.opened().await?, &request.sql).await?,
    })
}

pub async fn sql_status(app: &App, request: ViewRequest) -> Result<SqlStatus> {
    Ok(app.opened().await?.queries.get(request.view)?.status())
}

pub async fn sql_rows(app: &App, request: RowsRequest) -> Result<Rows> {
    Ok(app
        .opened()
        .await?
        .queries
        .get(request.view)?
        .rows(request.offset, request.limit))
}

pub async fn sql_stop(app: &App, request: ViewRequest) -> Result<SqlStatus> {
    let view = app.opened().await?.queries.get(request.view)?;
    Ok(view.end().await)
}

pub async fn sql_close(app: &App, request: ViewRequest) -> Result<Nothing> {
    let open = app.opened().await?;
    if let Some(view) = open.queries.close(request.view) {
        view.stop();
        open.hub.close(&Topic::View(request.view));
    }
    Ok(Nothing {})
}

pub async fn sql_export(app: &App, request: SqlExportRequest) -> Result<FileWritten> {
    queries::export(&app.opened().await?, request).await
}

pub async fn sql_catalog(app: &App, _: Nothing) -> Result<SqlCatalog> {
    let open = app.opened().await?;
    let session = open.held()?.people.session(&open).await?;
    let mut catalog = session.catalog().await;
    catalog.tables.extend(tables::catalog(&open).await);
    Ok(catalog)
}

pub async fn sql_topic(app: &App, request: TopicRef) -> Result<SqlTable> {
    tables::table(&app.opened().await?, request, now_ms()).await
}

pub async fn activity_list(app: &App, _: Nothing) -> Result<Vec<Activity>> {
    Ok(app.opened().await?.activities.list())
}

pub async fn activity_cancel(app: &App, request: ActivityRequest) -> Result<Nothing> {
    app.opened().await?.activities.cancel(request.id)?;
    Ok(Nothing {})
}
