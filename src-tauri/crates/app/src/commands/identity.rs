//! Merges and their undo; what a person may ask for.

use tailrace_model::{Result, api::*};

use crate::{
    App, OpenWorkspace,
    masks::PeopleMasks,
    people::{identity, persons},
};

/// What a command found, with what masks hide of it hidden.
fn shown<T>(open: &OpenWorkspace, mut found: T, hide: impl FnOnce(&PeopleMasks, &mut T)) -> T {
    if let Some(masks) = open.people_masks() {
        hide(&masks, &mut found);
    }
    found
}

pub async fn profile_graph(app: &App, request: ProfileRequest) -> Result<ProfileGraph> {
    let open = app.opened().await?;
    let graph = identity::graph(&open.held()?.people, request.profile_id)?;
    Ok(shown(&open, graph, PeopleMasks::graph))
}

pub async fn profile_merges(app: &App, request: ProfileRequest) -> Result<Vec<Merge>> {
    let open = app.opened().await?;
    let merges = identity::merges(&open.held()?.people, request.profile_id)?;
    Ok(shown(&open, merges, |masks, merges| {
        merges.iter_mut().for_each(|merge| masks.merge(merge));
    }))
}

pub async fn merge_undo_preview(app: &App, request: MergeRequest) -> Result<MergeUndoPreview> {
    let open = app.opened().await?;
    let preview = identity::preview_undo(&open.held()?.people, request.merge)?;
    Ok(shown(&open, preview, PeopleMasks::undo_preview))
}

pub async fn merge_undo(app: &App, request: MergeRequest) -> Result<MergeUndone> {
    let open = app.opened().await?;
    let undone = identity::undo(&open, request.merge).await?;
    Ok(shown(&open, undone, PeopleMasks::undone))
}

pub async fn merge_allow(app: &App, request: MergeRequest) -> Result<Merge> {
    let open = app.opened().await?;
    let merge = identity::allow(&open, request.merge).await?;
    Ok(shown(&open, merge, PeopleMasks::merge))
}

pub async fn profile_delete_preview(app: &App, request: ProfileDeleteRequest) -> Result<PersonPreview> {
    let open = app.opened().await?;
    let preview = persons::preview_delete(&open, &request).await?;
    Ok(shown(&open, preview, PeopleMasks::person_preview))
}

pub async fn profile_delete(app: &App, request: ProfileDeleteRequest) -> Result<PersonChanged> {
    let open = app.opened().await?;
    let changed = persons::delete(&open, &request).await?;
    Ok(shown(&open, changed, PeopleMasks::person_changed))
}

pub async fn profile_suppress_preview(app: &App, request: SuppressRequest) -> Result<PersonPreview> {
    let open = app.opened().await?;
    let preview = persons::preview_suppress(&open.held()?.people, &request)?;
    Ok(shown(&open, preview, PeopleMasks::person_preview))
}

pub async fn profile_suppress(app: &App, request: SuppressRequest) -> Result<PersonChanged> {
    let open = app.opened().await?;
    let changed = persons::suppress(&open, &request).await?;
    Ok(shown(&open, changed, PeopleMasks::person_changed))
}

pub async fn suppression_list(app: &App, _: Nothing) -> Result<Vec<Suppression>> {
    Ok(persons::suppressions(&app.opened().await?.held()?.people))
}

pub async fn profile_export(app: &App, request: ProfileExportRequest) -> Result<FileWritten> {
    persons::export(&app.opened().await?, &request).await
}
