//! The schema registry of a cluster.

use tailrace_model::{Result, api::*};

use crate::{App, schemas};

pub async fn subject_list(app: &App, request: SubjectListRequest) -> Result<SubjectList> {
    schemas::list(&*app.opened().await?, &request).await
}

pub async fn subject_show(app: &App, request: SubjectRequest) -> Result<SubjectDetail> {
    schemas::detail(&*app.opened().await?, &request).await
}

pub async fn schema_show(app: &App, request: SchemaRequest) -> Result<SchemaVersion> {
    schemas::show(&*app.opened().await?, &request).await
}

pub async fn schema_compare(app: &App, request: SchemaCompareRequest) -> Result<SchemaComparison> {
    schemas::compare(&*app.opened().await?, &request).await
}

pub async fn schema_check(app: &App, request: SchemaCheckRequest) -> Result<SchemaCheck> {
    schemas::check(&*app.opened().await?, &request).await
}

pub async fn schema_file(_: &App, request: SchemaFileRequest) -> Result<SchemaFile> {
    schemas::file(&request)
}

pub async fn schema_change_preview(app: &App, request: SchemaChangeRequest) -> Result<SchemaChangePreview> {
    schemas::preview(&*app.opened().await?, request).await
}

pub async fn schema_change_apply(app: &App, request: SchemaChangeRequest) -> Result<SchemaChanged> {
    schemas::apply(&*app.opened().await?, request).await
}
