//! Clusters, topics, tails.

use tailrace_connectors::clusters::kafka;
use tailrace_model::{ClusterDefinition, ClusterKind, Result, api::*};

use crate::{App, OpenWorkspace, clusters, records, tails};

pub async fn cluster_list(app: &App, _: Nothing) -> Result<Vec<ClusterSummary>> {
    let open = app.opened().await?;
    let definitions: Vec<_> = {
        let workspace = open.workspace();
        workspace
            .definitions
            .valid_clusters()
            .map(|(name, it)| (name.to_owned(), it.clone()))
            .collect()
    };
    let mut clusters = Vec::with_capacity(definitions.len());
    for (name, definition) in definitions {
        clusters.push(summary(&open, name, definition).await);
    }
    Ok(clusters)
}

pub(super) async fn summary(
    open: &OpenWorkspace,
    name: String,
    definition: ClusterDefinition,
) -> ClusterSummary {
    let bootstrap = match definition.kind {
        ClusterKind::Kafka => definition.properties.get("bootstrap.servers").cloned(),
        ClusterKind::Sandbox => open.clusters.bootstrap(&name).await,
    };
    ClusterSummary {
        name,
        kind: definition.kind,
        color: definition.color,
        read_only: definition.read_only,
        bootstrap,
        registry: definition.registry.map(|registry| registry.url),
    }
}

pub async fn cluster_show(app: &App, request: ClusterRequest) -> Result<ClusterOverview> {
    app.opened()
        .await?
        .cluster(&request.cluster)
        .await?
        .client
        .overview()
        .await
}

pub async fn cluster_test(app: &App, request: ClusterRequest) -> Result<ConnectionTest> {
    let open = app.opened().await?;
    let definition = open.workspace().definitions.cluster(&request.cluster)?.clone();
    let mut properties = clusters::properties(&open, &definition)?;
    if definition.kind == ClusterKind::Sandbox {
        let bootstrap = open
            .cluster(&request.cluster)
            .await?
            .client
            .bootstrap()
            .to_owned();
        properties.insert("bootstrap.servers".to_owned(), bootstrap);
    }
    Ok(kafka::test_connection(&request.cluster, &properties).await)
}

pub async fn tail_start(app: &App, request: TailRequest) -> Result<TailStarted> {
    let view = tails::start(&app.opened().await?, request, tails::Keeps::Newest).await?;
    Ok(TailStarted { view })
}

pub async fn tail_pause(app: &App, request: ViewRequest) -> Result<Nothing> {
    app.opened().await?.tails.get(request.view)?.pause(true);
    Ok(Nothing {})
}

pub async fn tail_resume(app: &App, request: ViewRequest) -> Result<Nothing> {
    app.opened().await?.tails.get(request.view)?.pause(false);
    Ok(Nothing {})
}

pub async fn tail_stop(app: &App, request: ViewRequest) -> Result<TailStatus> {
    let view = app.opened().await?.tails.get(request.view)?;
    view.stop();
    Ok(view.ended().await)
}

pub async fn tail_close(app: &App, request: ViewRequest) -> Result<Nothing> {
    let open = app.opened().await?;
    if let Some(view) = open.tails.close(request.view) {
        view.stop();
        open.hub.close(&Topic::View(request.view));
    }
    Ok(Nothing {})
}

pub async fn tail_status(app: &App, request: ViewRequest) -> Result<TailStatus> {
    Ok(app.opened().await?.tails.get(request.view)?.status())
}

pub async fn tail_rows(app: &App, request: TailRowsRequest) -> Result<TailRows> {
    app.opened().await?.tails.get(request.view)?.rows(
        request.offset,
        request.limit,
        request.columns.as_deref(),
    )
}

pub async fn record_show(app: &App, request: RecordRequest) -> Result<RecordDetail> {
    records::show(&*app.opened().await?, &request).await
}

pub async fn record_text(app: &App, request: RecordTextRequest) -> Result<RecordText> {
    records::text(&*app.opened().await?, &request).await
}

pub async fn record_bytes(app: &App, request: RecordBytesRequest) -> Result<RecordBytes> {
    records::bytes(&*app.opened().await?, &request).await
}

pub async fn record_compare(app: &App, request: RecordCompareRequest) -> Result<RecordDifferences> {
    records::compare(&*app.opened().await?, &request).await
}

pub async fn format_list(_: &App, _: Nothing) -> Result<Vec<FormatSummary>> {
    Ok(records::list())
}

pub async fn topic_formats_save(app: &App, request: TopicFormatsRequest) -> Result<Nothing> {
    let open = app.opened().await?;
    records::save_formats(&open, request)?;
    open.hub.add(&Topic::Definitions, 1);
    Ok(Nothing {})
}
