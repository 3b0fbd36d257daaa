//! Clusters defined by a form, and by files of other clients.

use tailrace_model::{Result, api::*};

use super::clusters::summary;
use crate::{App, connect};

pub async fn cluster_definition(app: &App, request: ClusterRequest) -> Result<ClusterDefined> {
    let open = app.opened().await?;
    let definition = open.workspace().definitions.cluster(&request.cluster)?.clone();
    Ok(ClusterDefined {
        name: request.cluster,
        definition,
    })
}

pub async fn cluster_try(app: &App, request: ClusterSaveRequest) -> Result<ConnectionTest> {
    let open = app.opened().await?;
    connect::try_out(&open, &request).await
}

pub async fn cluster_save(app: &App, request: ClusterSaveRequest) -> Result<ClusterSummary> {
    let open = app.opened().await?;
    let definition = connect::save(&open, &request)?;
    Ok(summary(&open, request.name, definition).await)
}

pub async fn import_preview(app: &App, request: ImportRequest) -> Result<Import> {
    let open = app.opened().await?;
    connect::preview(&open, &request)
}

pub async fn import_run(app: &App, request: ImportRequest) -> Result<Import> {
    let open = app.opened().await?;
    connect::run(&open, &request)
}
