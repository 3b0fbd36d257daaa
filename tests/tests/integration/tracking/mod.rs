//! The tracking API of `tailrace serve`: the published libraries of Segment, crashes, limits, a WebSocket, a copy to Kafka.

mod copy;
mod crash;
mod libraries;
mod limits;
mod quality;
mod socket;

use std::time::Duration;

use anyhow::{Context, Result};
use integration::{cli::Running, eventually, free_port};
use reqwest::Client;
use serde_json::{Value, json};
use sqlx::{Connection, Row, SqliteConnection, sqlite::SqliteConnectOptions};

use crate::workspace::{DEADLINE, STOP_DEADLINE, Workspace};

pub const KEY: &str = "the-write-key";
/// Of [`KEY`].
const HASH: &str = "sha256:34bd310753c0f726972637d0e8fea8a89b623909a2ad5ddfd8a25aafbe686b4e";

/// A workspace with the source `web`; `more` is added to its `[tracking]`.
fn workspace(more: &str) -> Result<Workspace> {
    let workspace = Workspace::new()?.env("TAILRACE_SECRET_WEB_KEY", KEY);
    let text = format!("kind = \"tracking\"\n\n[tracking]\nwrite_key = \"secret:web_key\"\n{more}\n");
    workspace.write("sources/web.toml", text)?;
    Ok(workspace)
}

/// `tailrace serve` on a port of its own, which it keeps over restarts.
struct Server {
    port: u16,
    running: Option<Running>,
    client: Client,
}

impl Server {
    fn new() -> Result<Self> {
        Ok(Self {
            port: free_port()?,
            running: None,
            client: Client::new(),
        })
    }

    async fn started(workspace: &Workspace) -> Result<Self> {
        let mut server = Self::new()?;
        server.start(workspace).await?;
        Ok(server)
    }

    /// Starts it, and waits until it listens.
    async fn start(&mut self, workspace: &Workspace) -> Result<()> {
        let running = workspace.start(&["serve", "--listen", &format!("127.0.0.1:{}", self.port)])?;
        let said = eventually("the tracking API to listen", DEADLINE, || {
            let said = running.stderr();
            async move { said.contains("listens for web").then_some(said) }
        });
        said.await.with_context(|| running.stderr())?;
        self.running = Some(running);
        Ok(())
    }

    fn running(&mut self) -> Result<&mut Running> {
        self.running.as_mut().context("it runs")
    }

    async fn kill(&mut self) -> Result<()> {
        let mut running = self.running.take().context("it runs")?;
        running.process().stop("KILL", Duration::from_secs(10)).await?;
        Ok(())
    }

    async fn stop(&mut self) -> Result<()> {
        let mut running = self.running.take().context("it runs")?;
        running.interrupt(STOP_DEADLINE).await?.exits(0)?;
        Ok(())
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Posts, and returns the status and the answer.
    async fn post(&self, path: &str, body: &Value) -> Result<(u16, Value)> {
        self.post_bytes(path, Some(KEY), body.to_string().into_bytes())
            .await
    }

    async fn post_bytes(&self, path: &str, key: Option<&str>, body: Vec<u8>) -> Result<(u16, Value)> {
        let mut request = self.client.post(self.url(path)).body(body);
        if let Some(key) = key {
            request = request.basic_auth(key, Some(""));
        }
        let response = request.send().await?;
        Ok((response.status().as_u16(), response.json().await?))
    }

    async fn metrics(&self) -> Result<String> {
        Ok(self.client.get(self.url("/metrics")).send().await?.text().await?)
    }
}

fn track(id: &str) -> Value {
    json!({ "type": "track", "event": "Seen", "messageId": id, "userId": "u1" })
}

/// How often each message id is in the log, in order.
async fn ids(workspace: &Workspace) -> Result<Vec<(String, i64)>> {
    let rows = workspace
        .sql("SELECT message_id, count(*) AS n FROM events GROUP BY message_id ORDER BY message_id")
        .await?;
    Ok(rows
        .iter()
        .map(|row| {
            (
                row[0].as_str().unwrap_or_default().to_owned(),
                row[1].as_i64().unwrap_or(0),
            )
        })
        .collect())
}

/// Rows of the workspace's state, as texts.
async fn state(workspace: &Workspace, sql: &'static str) -> Result<Vec<Vec<String>>> {
    let options = SqliteConnectOptions::new().filename(workspace.path(".tailrace/state.db"));
    let mut state = SqliteConnection::connect_with(&options).await?;
    let rows = sqlx::query(sql).fetch_all(&mut state).await?;
    state.close().await?;
    let texts = |row: &sqlx::sqlite::SqliteRow| (0..row.len()).map(|at| row.get(at)).collect();
    Ok(rows.iter().map(texts).collect())
}

#[tokio::test]
async fn a_source_that_contradicts_itself_is_refused_with_its_place() -> Result<()> {
    let workspace = Workspace::new()?;
    let tracking = "kind = \"tracking\"\n[tracking]\n";
    let cases: [(&str, &str); 10] = [
        (
            "kind = \"kafka\"\n",
            "1:1: the key \"cluster\" is missing: add it",
        ),
        ("kind = \"carrier pigeon\"\n", "1:8: kind can't be"),
        ("kind = \"tracking\"\n", "1:1: the table [tracking] is missing"),
        (
            "kind = \"tracking\"\ntopic = \"t\"\n[tracking]\nwrite_key = \"secret:k\"\n",
            "2:1: topic is only for",
        ),
        (
            "cluster = \"c\"\ntopic = \"t\"\n[tracking]\nwrite_key = \"secret:k\"\n",
            "3:2: [tracking] is only for",
        ),
        (
            &format!("{tracking}write_key = \"plain\"\n"),
            "3:13: the write key stands here in the open",
        ),
        (
            &format!("{tracking}write_key = \"sha256:12\"\n"),
            "3:13: a hashed write key is",
        ),
        (
            &format!("{tracking}write_key = \"secret:k\"\ncors_origins = [\"shop.example\"]\n"),
            "is no origin",
        ),
        (
            &format!("{tracking}write_key = \"secret:k\"\nproduce = {{ cluster = \"c\", topic = \"t\" }}\n"),
            "there is no cluster \"c\"",
        ),
        (
            &format!("{tracking}write_key = \"secret:k\"\norigins = []\n"),
            "the key \"origins\" is not known here",
        ),
    ];
    for (text, said) in cases {
        workspace.write("sources/web.toml", text)?;
        let problems = workspace.run(&["check"]).await?.exits(1)?.stdout;
        assert!(
            problems.contains("sources/web.toml:") && problems.contains(said),
            "{text}\n{problems}"
        );
        assert!(!problems.contains("plain"), "the key is not repeated: {problems}");
    }
    workspace.write("sources/web.toml", format!("{tracking}write_key = \"{HASH}\"\n"))?;
    workspace.write("sources/app.toml", format!("{tracking}write_key = \"{HASH}\"\n"))?;
    let problems = workspace.run(&["check"]).await?.exits(1)?.stdout;
    assert!(
        problems.contains("sources/app.toml has this write key too"),
        "{problems}"
    );
    Ok(())
}
