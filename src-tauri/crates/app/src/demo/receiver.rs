//! An address that takes JSON over HTTP, for the webhook of the demo: a real server on a loopback port.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{Json, Router, extract::State, http::StatusCode, routing::post};
use serde_json::Value;
use tailrace_model::{Error, Result};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// See the module's text.
pub struct Receiver {
    address: std::net::SocketAddr,
    rows: Arc<AtomicU64>,
    token: CancellationToken,
    server: JoinHandle<()>,
}

impl Receiver {
    pub async fn start() -> Result<Self> {
        let failed = |error: std::io::Error| {
            Error::external(
                "demo_receiver",
                format!("no loopback port for the demo's webhook could be opened: {error}"),
            )
        };
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
            .await
            .map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let rows = Arc::new(AtomicU64::new(0));
        let token = CancellationToken::new();
        let router = Router::new()
            .route("/audiences", post(take))
            .with_state(Arc::clone(&rows));
        let stop = token.clone();
        let server = tokio::spawn(async move {
            let served = axum::serve(listener, router)
                .with_graceful_shutdown(stop.cancelled_owned())
                .await;
            if let Err(error) = served {
                tracing::warn!(%error, "the demo's webhook receiver ended");
            }
        });
        Ok(Self {
            address,
            rows,
            token,
            server,
        })
    }

    /// Points the sample workspace's webhook at this address and switches its sync on.
    pub fn write_into(&self, folder: &Path) -> Result<()> {
        let failed = |error: std::io::Error| {
            Error::user(
                "demo_workspace",
                format!("{} is not a sample workspace: {error}", folder.display()),
            )
        };
        let destination = folder.join("destinations/webhook.toml");
        let text = std::fs::read_to_string(&destination).map_err(failed)?;
        // Nobody else's receiver is taken for the demo's.
        let loopback = ["url = \"http://localhost:", "url = \"http://127.0.0.1:"];
        if !loopback.iter().any(|url| text.contains(url)) {
            return Err(Error::user(
                "demo_workspace",
                format!(
                    "{} is not a sample workspace: its webhook is somewhere else, and the demo would point it at itself",
                    folder.display()
                ),
            ));
        }
        let url = format!("url = \"http://{}/audiences\"", self.address);
        let lines = text.lines().map(|line| {
            if line.starts_with("url = ") {
                url.as_str()
            } else {
                line
            }
        });
        let text = lines.collect::<Vec<_>>().join("\n") + "\n";
        std::fs::write(&destination, text).map_err(failed)?;
        let sync = folder.join("syncs/pro_repeat_buyers_to_webhook.toml");
        let text = std::fs::read_to_string(&sync).map_err(failed)?;
        std::fs::write(&sync, text.replace("enabled = false", "enabled = true")).map_err(failed)
    }

    /// Rows received.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    pub async fn stop(self) {
        self.token.cancel();
        // It ends with its connections; a panic in it would have been printed.
        let _ = self.server.await;
    }
}

async fn take(State(rows): State<Arc<AtomicU64>>, Json(body): Json<Value>) -> StatusCode {
    let count = |name: &str| body.get(name).and_then(Value::as_array).map_or(0, Vec::len);
    rows.fetch_add((count("upserts") + count("removes")) as u64, Ordering::Relaxed);
    StatusCode::OK
}
