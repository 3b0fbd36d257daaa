//! Kafka Connect.

use tailrace_model::{Result, api::*};

use crate::{App, connect_workers};

pub async fn connect_list(app: &App, request: ClusterRequest) -> Result<ConnectOverview> {
    connect_workers::list(&app.opened().await?, &request.cluster).await
}

pub async fn connector_show(app: &App, request: ConnectorRequest) -> Result<ConnectorDetail> {
    let open = app.opened().await?;
    let (client, _) = connect_workers::find(
        &open,
        &request.cluster,
        request.connect.as_deref(),
        &request.connector,
    )
    .await?;
    client.connector(&request.connector).await
}

pub async fn connector_act(app: &App, request: ConnectorActRequest) -> Result<ConnectorSummary> {
    let open = app.opened().await?;
    connect_workers::act(&open, &request).await
}
