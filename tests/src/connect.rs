//! Apache Kafka's own Connect: one standalone worker with the connectors that read and write files, in one JVM.

use std::{fmt::Write as _, path::Path, time::Duration};

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::TempDir;

use crate::{Unavailable, eventually, free_port, java::Java, kafka::Kafka, process::Process};

const WHAT: &str = "Kafka Connect";
/// It looks through every jar for plugins first.
const START_DEADLINE: Duration = Duration::from_secs(180);
const ANSWER_DEADLINE: Duration = Duration::from_secs(60);

/// A worker; dropping it kills it and removes its files.
pub struct Connect {
    /// Before the folder, so that the JVM is gone when its files go.
    _process: Process,
    folder: TempDir,
    port: u16,
    http: reqwest::Client,
}

impl Connect {
    pub async fn start(kafka: &Kafka) -> Result<Self, Unavailable> {
        let java = Java::find().await?;
        Self::start_with(kafka, &java)
            .await
            .map_err(|error| Unavailable::new(WHAT, format!("{error:#}")))
    }

    async fn start_with(kafka: &Kafka, java: &Java) -> Result<Self> {
        let folder = TempDir::with_prefix("tailrace-connect-")?;
        let port = free_port()?;
        let properties = folder.path().join("worker.properties");
        std::fs::write(
            &properties,
            worker_properties(folder.path(), &kafka.bootstrap(), port)?,
        )?;
        let class = "org.apache.kafka.connect.cli.ConnectStandalone";
        let mut process = java
            .program("connect", folder.path(), class)
            .args([&properties])
            .start()?;
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(10))
            .build()?;
        let url = format!("http://127.0.0.1:{port}/connectors");
        let ready = eventually("the worker to answer", START_DEADLINE, || {
            let ended = process
                .ended()
                .map(|status| Err(anyhow::anyhow!("it ended with {status}")));
            let asked = http.get(&url).send();
            async move {
                if ended.is_some() {
                    return ended;
                }
                asked
                    .await
                    .is_ok_and(|it| it.status().is_success())
                    .then_some(Ok(()))
            }
        });
        ready
            .await
            .and_then(|ended| ended)
            .with_context(|| process.said())?;
        Ok(Self {
            _process: process,
            folder,
            port,
            http,
        })
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A folder for files that connectors read and write.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Creates a connector.
    pub async fn create(&self, name: &str, config: &Value) -> Result<()> {
        let url = format!("{}/connectors/{name}/config", self.url());
        let request = self.http.put(url).header("Content-Type", "application/json");
        let answer = request.body(config.to_string()).send().await?;
        let status = answer.status();
        anyhow::ensure!(status.is_success(), "{status}: {}", answer.text().await?);
        Ok(())
    }

    /// The status of a connector, as the worker tells it.
    pub async fn status(&self, name: &str) -> Result<Value> {
        let url = format!("{}/connectors/{name}/status", self.url());
        let answer = self.http.get(url).send().await?.error_for_status()?;
        Ok(serde_json::from_str(&answer.text().await?)?)
    }

    /// Waits until the first task of a connector has this state.
    pub async fn task_is(&self, name: &str, state: &str) -> Result<()> {
        let what = format!("task 0 of {name} to be {state}");
        eventually(&what, ANSWER_DEADLINE, || async {
            let status = self.status(name).await.ok()?;
            (status["tasks"][0]["state"] == state).then_some(())
        })
        .await
    }
}

fn worker_properties(folder: &Path, bootstrap: &str, port: u16) -> Result<String> {
    let mut text = String::new();
    let converter = "org.apache.kafka.connect.storage.StringConverter";
    writeln!(text, "bootstrap.servers={bootstrap}")?;
    writeln!(text, "listeners=http://127.0.0.1:{port}")?;
    writeln!(text, "key.converter={converter}\nvalue.converter={converter}")?;
    writeln!(
        text,
        "offset.storage.file.filename={}\noffset.flush.interval.ms=1000",
        folder.join("offsets").display()
    )?;
    Ok(text)
}
