//! The HTTP server of `tailrace serve`: what other systems ask of a workspace that is kept live.
//!
//! A part has a file of its own that gives a [`Router`]; here they are joined. Invariants: it listens on loopback unless
//! told otherwise; it tells no secret, and changes nothing but what the tracking API takes; it ends with the workspace.

mod health;
mod listener;
mod metrics;
mod openapi;
mod profiles;
mod sources;
mod tracking;

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Json, Router,
    http::{Method, StatusCode, Uri},
};
use serde_json::{Value, json};
use tailrace_connectors::tracking as api;
use tailrace_model::{Error, Result};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use crate::{core::Stage, open::OpenWorkspace, people::Tracking};

/// Where it listens when nobody says.
pub const LISTEN: &str = "127.0.0.1:8642";

/// What the parts of the server share.
#[derive(Clone)]
struct Shared {
    open: Arc<OpenWorkspace>,
    metrics: Arc<metrics::Cache>,
    keys: profiles::SharedKeys,
}

/// A server that listens.
#[derive(Debug, Clone)]
pub struct Serving {
    /// Where, with the port that it was given.
    pub address: SocketAddr,
    /// The sources that take what is posted.
    pub tracking: Vec<String>,
    /// Why others do not.
    pub problems: Vec<Error>,
}

impl Serving {
    /// Anybody in the network may ask, and nothing is encrypted.
    pub fn is_open(&self) -> bool {
        !self.address.ip().is_loopback()
    }
}

/// Listens until the workspace is closed. Every cluster is sampled from now on.
pub async fn start(open: &Arc<OpenWorkspace>, listen: &str) -> Result<Serving> {
    let cannot = |why: String| {
        Error::user(
            "cannot_listen",
            format!("can't listen on {listen} ({why}): name another address with --listen HOST:PORT"),
        )
    };
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|error| cannot(error.to_string()))?;
    let address = listener.local_addr().map_err(|error| cannot(error.to_string()))?;
    open.samplers.reach_for_all();
    let shared = Shared {
        open: Arc::clone(open),
        metrics: Arc::default(),
        keys: profiles::SharedKeys::default(),
    };
    let intake = Tracking::start(open).await?;
    let connections = TaskTracker::new();
    let router = Router::new()
        .merge(metrics::routes())
        .merge(health::routes())
        .merge(profiles::routes())
        .with_state(shared)
        .merge(api::routes(
            intake,
            open.supervisor.token(Stage::Work),
            connections.clone(),
        ))
        .fallback(nowhere)
        .method_not_allowed_fallback(not_so);
    open.supervisor.spawn(Stage::Work, |token| {
        listener::serve(listener, router, connections, token)
    });
    let (tracking, problems) = tracking::sources(open)?;
    Ok(Serving {
        address,
        tracking,
        problems,
    })
}

/// What is there, for whoever asks for something else.
const THERE: &str = "there are GET /metrics, GET /health, POST /v1/track, identify, page, screen, group, alias, batch and \
                     import, and GET /v1/ws";

async fn nowhere(uri: Uri) -> (StatusCode, Json<Value>) {
    refused(
        StatusCode::NOT_FOUND,
        "not_found",
        &format!("nothing is at {}", uri.path()),
    )
}

async fn not_so(method: Method, uri: Uri) -> (StatusCode, Json<Value>) {
    let message = format!("{} does not take {method}", uri.path());
    refused(StatusCode::METHOD_NOT_ALLOWED, "method", &message)
}

fn refused(status: StatusCode, code: &str, message: &str) -> (StatusCode, Json<Value>) {
    let body = json!({ "success": false, "code": code, "message": format!("{message}: {THERE}") });
    (status, Json(body))
}
