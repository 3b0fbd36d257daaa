//! Merges and their undo; what a person may ask for.

use tailrace_model::{Result, api::*};

use crate::{
    App,
    people::{identity, persons},
};

pub async fn profile_graph(app: &App, request: ProfileRequest) -> Result<ProfileGraph> {
    identity::graph(&app.opened().await?.held()?.people, request.profile_id)
}

pub async fn profile_merges(app: &App, request: ProfileRequest) -> Result<Vec<Merge>> {
    identity::merges(&app.opened().await?.held()?.people, request.profile_id)
}

pub async fn merge_undo_preview(app: &App, request: MergeRequest) -> Result<MergeUndoPreview> {
    identity::preview_undo(&app.opened().await?.held()?.people, request.merge)
}

pub async fn merge_undo(app: &App, request: MergeRequest) -> Result<MergeUndone> {
    identity::undo(&app.opened().await?, request.merge).await
}

pub async fn merge_allow(app: &App, request: MergeRequest) -> Result<Merge> {
    identity::allow(&app.opened().await?, request.merge).await
}

pub async fn profile_delete_preview(app: &App, request: ProfileDeleteRequest) -> Result<PersonPreview> {
    persons::preview_delete(&*app.opened().await?, &request).await
}

pub async fn profile_delete(app: &App, request: ProfileDeleteRequest) -> Result<PersonChanged> {
    persons::delete(&app.opened().await?, &request).await
}

pub async fn profile_suppress_preview(app: &App, request: SuppressRequest) -> Result<PersonPreview> {
    persons::preview_suppress(&app.opened().await?.held()?.people, &request)
}

pub async fn profile_suppress(app: &App, request: SuppressRequest) -> Result<PersonChanged> {
    persons::suppress(&app.opened().await?, &request).await
}

pub async fn suppression_list(app: &App, _: Nothing) -> Result<Vec<Suppression>> {
    Ok(persons::suppressions(&app.opened().await?.held()?.people))
}

pub async fn profile_export(app: &App, request: ProfileExportRequest) -> Result<FileWritten> {
    persons::export(&app.opened().await?, &request).await
}
