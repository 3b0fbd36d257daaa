//! Violations of tracking plans: counts by source, event, field and hour, and their chart.

use tailrace_model::{
    Result,
    api::{Chart, ViolationChartRequest, ViolationList, ViolationRequest},
};

use crate::{
    core::now_ms,
    open::OpenWorkspace,
    reports::{self, ChartSpec, ColorRole, Look, Series, Unit},
    store::hour_of,
};

/// How far back is looked, where nobody says.
const LOOK_BACK_MS: i64 = 7 * 86_400_000;
const HOUR_MS: i64 = 3_600_000;

pub async fn list(open: &OpenWorkspace, request: &ViolationRequest) -> Result<ViolationList> {
    let from_ms = request.from_ms.unwrap_or_else(|| now_ms() - LOOK_BACK_MS);
    let violations = open.held()?.store.violations(&request.source, from_ms).await?;
    Ok(ViolationList {
        total: violations.iter().map(|row| row.count).sum(),
        violations,
        from_ms,
    })
}

/// Violations an hour.
pub async fn chart(open: &OpenWorkspace, request: &ViolationChartRequest) -> Result<Chart> {
    let now = now_ms();
    let from_ms = hour_of(request.from_ms.unwrap_or(now - LOOK_BACK_MS));
    let found = open.held()?.store.violations(&request.source, from_ms).await?;
    // Nothing was counted, not unknown: an hour without any has 0.
    let hours = usize::try_from((hour_of(now) - from_ms) / HOUR_MS + 1).unwrap_or(1);
    let mut counts = vec![0_u64; hours];
    for hour in found.iter().flat_map(|row| &row.hours) {
        let at = usize::try_from((hour.hour_ms - from_ms) / HOUR_MS).unwrap_or(usize::MAX);
        if let Some(count) = counts.get_mut(at) {
            *count += hour.count;
        }
    }
    let points = counts.iter().enumerate();
    let points = points.map(|(at, count)| (from_ms + at as i64 * HOUR_MS, Some(*count as f64)));
    let spec = ChartSpec {
        title: None,
        series: vec![Series {
            name: "violations an hour".to_owned(),
            role: ColorRole::Accent,
            points: points.collect(),
            filled: true,
            guessed: Vec::new(),
        }],
        unit: Unit::Count,
        from_ms,
        to_ms: now.max(from_ms + HOUR_MS),
        utc_offset_ms: open.utc_offset_ms(now),
        marks: Vec::new(),
        empty: "no violations".to_owned(),
    };
    Ok(Chart {
        svg: reports::line_chart(&spec, &Look::window(&request.style))?,
    })
}
