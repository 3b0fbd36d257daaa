//! `GET /health`: whether the workspace is kept live, and which of its clusters answer.
//!
//! 200 while everything answers, 503 with the same body otherwise: what watches a service goes by the status.

use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use serde_json::{Value, json};

use super::Shared;
use crate::core::now_ms;

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/health", get(health))
}

async fn health(State(shared): State<Shared>) -> (StatusCode, Json<Value>) {
    let mut ok = true;
    let mut clusters = Vec::new();
    for cluster in shared.open.clusters.made().await {
        let state = cluster.lag();
        ok &= state.error().is_none();
        clusters.push(json!({
            "cluster": cluster.name,
            "ok": state.error().is_none(),
            "sampled_ms_ago": state.sampled_ms().map(|at_ms| now_ms() - at_ms),
            "error": state.error().map(|error| error.message.clone()),
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
