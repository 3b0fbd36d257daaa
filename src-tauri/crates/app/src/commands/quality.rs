//! Tracking plans, transformations, the quarantine, replay.

use tailrace_model::{Result, api::*};

use crate::{App, quality};

pub async fn source_preview(app: &App, request: SourcePreviewRequest) -> Result<SourcePreview> {
    quality::preview(&*app.opened().await?, &request).await
}

pub async fn source_transform_save(app: &App, request: SourceTransformRequest) -> Result<Nothing> {
    quality::save_transform(&app.opened().await?, &request)?;
    Ok(Nothing {})
}

pub async fn source_replay(app: &App, request: SourceReplayRequest) -> Result<SourceReplay> {
    crate::people::replay(&app.opened().await?, &request).await
}

pub async fn quarantine_list(app: &App, request: QuarantineRequest) -> Result<QuarantineList> {
    quality::quarantine_list(&*app.opened().await?, &request).await
}

pub async fn quarantine_show(app: &App, request: QuarantineShowRequest) -> Result<QuarantineDetail> {
    quality::quarantine_show(&*app.opened().await?, request.id).await
}

pub async fn quarantine_replay(app: &App, request: QuarantineReplayRequest) -> Result<QuarantineReplay> {
    quality::quarantine_replay(&app.opened().await?, &request).await
}

pub async fn violation_list(app: &App, request: ViolationRequest) -> Result<ViolationList> {
    quality::violation_list(&*app.opened().await?, &request).await
}

pub async fn violation_chart(app: &App, request: ViolationChartRequest) -> Result<Chart> {
    quality::chart(&*app.opened().await?, &request).await
}

pub async fn plan_list(app: &App, _: Nothing) -> Result<Vec<PlanSummary>> {
    Ok(quality::list(&*app.opened().await?))
}

pub async fn plan_show(app: &App, request: Named) -> Result<PlanDetail> {
    quality::show(&*app.opened().await?, &request.name).await
}

pub async fn plan_infer(app: &App, request: PlanInferRequest) -> Result<PlanInferred> {
    quality::infer(&*app.opened().await?, &request).await
}

pub async fn plan_save(app: &App, request: PlanSaveRequest) -> Result<PlanDetail> {
    quality::save(&app.opened().await?, &request).await
}

pub async fn plan_diff(app: &App, request: PlanDiffRequest) -> Result<PlanDifference> {
    quality::diff(&*app.opened().await?, &request).await
}
