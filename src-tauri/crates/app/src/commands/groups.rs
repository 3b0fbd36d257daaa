//! Consumer groups: lag, offsets that are moved, alerts.

use tailrace_model::{Result, api::*};

use crate::{App, lag, reports};

pub async fn group_list(app: &App, request: ClusterRequest) -> Result<Vec<GroupSummary>> {
    lag::groups(&*app.opened().await?, &request.cluster).await
}

pub async fn group_show(app: &App, request: GroupRequest) -> Result<GroupDetail> {
    lag::group(&*app.opened().await?, &request.cluster, &request.group).await
}

pub async fn lag_chart(app: &App, request: LagChartRequest) -> Result<Chart> {
    let of = lag::ChartOf {
        cluster: &request.cluster,
        group: request.group.as_deref(),
        metric: request.metric,
        range_ms: request.range_ms,
        by_partition: request.by_partition,
    };
    let spec = lag::chart_spec(&*app.opened().await?, of).await?;
    Ok(Chart {
        svg: reports::line_chart(&spec, &reports::Look::window(&request.style))?,
    })
}

pub async fn group_reset_preview(app: &App, request: ResetRequest) -> Result<ResetPlan> {
    lag::reset::preview(&*app.opened().await?, &request).await
}

pub async fn group_reset(app: &App, request: ResetApply) -> Result<ResetPlan> {
    lag::reset::apply(&*app.opened().await?, &request).await
}

pub async fn group_delete(app: &App, request: GroupDelete) -> Result<Nothing> {
    lag::reset::delete(&*app.opened().await?, &request).await?;
    Ok(Nothing {})
}

pub async fn alert_list(app: &App, _: Nothing) -> Result<Vec<AlertSummary>> {
    lag::alerts::list(&*app.opened().await?).await
}

pub async fn alert_preview(app: &App, request: AlertRequest) -> Result<AlertPreview> {
    lag::alert_edit::preview(&*app.opened().await?, &request).await
}

pub async fn alert_test(app: &App, request: AlertRequest) -> Result<AlertTested> {
    lag::alert_edit::test(&*app.opened().await?, &request).await
}

pub async fn alert_save(app: &App, request: AlertSaveRequest) -> Result<Nothing> {
    lag::alert_edit::save(&app.opened().await?, &request)?;
    Ok(Nothing {})
}

pub async fn alert_delete(app: &App, request: Named) -> Result<Nothing> {
    lag::alert_edit::delete(&app.opened().await?, &request.name)?;
    Ok(Nothing {})
}
