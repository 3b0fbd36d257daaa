//! `GET /health`: whether the workspace is kept live, and which of its clusters answer.
//!
//! 200 while everything answers, 503 with the same body otherwise: what watches a service goes by the status. A cluster that
//! has not told of its groups for as long as the metrics leave them out does not answer, whatever it said last.

use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use serde_json::{Value, json};

use super::{Shared, metrics::stale_ms};
use crate::{
    core::now_ms,
    lag::{LagState, rules},
};

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/health", get(health))
}

/// Why a cluster can't be said to answer. `None`: it does, or was not asked yet.
fn trouble(state: &LagState, (now_ms, stale_ms): (i64, i64)) -> Option<String> {
    if let Some(error) = state.error() {
        return Some(error.message.clone());
    }
    let age_ms = now_ms - state.sampled_ms()?;
    (age_ms > stale_ms).then(|| {
        format!(
            "it has not told of its consumer groups for {} s: what is known of them is old",
            age_ms / 1_000
        )
    })
}

async fn health(State(shared): State<Shared>) -> (StatusCode, Json<Value>) {
    let mut ok = true;
    let mut clusters = Vec::new();
    for cluster in shared.open.clusters.made().await {
        let stale_ms = stale_ms(&rules(&shared.open, &cluster));
        let (state, now_ms) = (cluster.lag(), now_ms());
        let trouble = trouble(&state, (now_ms, stale_ms));
        ok &= trouble.is_none();
        clusters.push(json!({
            "cluster": cluster.name,
            "ok": trouble.is_none(),
            "sampled_ms_ago": state.sampled_ms().map(|at_ms| now_ms - at_ms),
            "error": trouble,
        }));
    }
    clusters.sort_by_key(|cluster| cluster["cluster"].to_string());
    let problems = shared.open.log_problems();
    ok &= problems.is_empty();
    let status = if ok {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let problems: Vec<String> = problems.into_iter().map(|problem| problem.message).collect();
    let body = json!({
        "ok": ok,
        "version": env!("CARGO_PKG_VERSION"),
        "workspace": shared.open.workspace().definitions.name(),
        "clusters": clusters,
        "problems": problems,
    });
    (status, Json(body))
}

#[cfg(test)]
mod tests {
    use tailrace_engine::lag::LagRules;
    use tailrace_model::Error;

    use super::*;

    #[test]
    fn what_was_sampled_long_ago_is_no_answer() {
        let mut state = LagState::default();
        let at = |state: &LagState, now_ms| trouble(state, (now_ms, 60_000));
        assert_eq!(at(&state, 0), None, "not asked yet");
        state.add(&LagRules::default(), Vec::new(), 1_000);
        assert_eq!(at(&state, 61_000), None);
        assert_eq!(
            at(&state, 61_001).as_deref(),
            Some("it has not told of its consumer groups for 60 s: what is known of them is old")
        );
        state.failed(Error::external("cluster_silent", "no answer"), 2_000);
        assert_eq!(at(&state, 2_000).as_deref(), Some("no answer"));
    }
}
