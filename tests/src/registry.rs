//! A schema registry that speaks Confluent's protocol: Apicurio Registry, keeping its schemas in memory, in one JVM on a
//! free loopback port, resolved by Maven.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::{
    Unavailable, eventually, free_port, on_path,
    process::{Process, Program},
    root,
};

const WHAT: &str = "a schema registry";
const VERSION: &str = "2.6.13.Final";
/// Unpacks what it is told, without a project.
const PLUGIN: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:unpack";
/// Resolving downloads 142 MB the first time.
const RESOLVE_DEADLINE: Duration = Duration::from_secs(900);
const START_DEADLINE: Duration = Duration::from_secs(180);
const JVM: [&str; 4] = [
    "-Xmx300m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Dquarkus.http.host=127.0.0.1",
];

/// One that tests share; subjects are kept apart by their names.
pub struct Registry {
    _process: Process,
    _folder: TempDir,
    port: u16,
}

impl Registry {
    pub async fn shared() -> Result<&'static Self, Unavailable> {
        static SHARED: OnceCell<Result<Registry, Unavailable>> = OnceCell::const_new();
        let started = SHARED.get_or_init(async || {
            let started = Self::start().await;
            started.map_err(|error| Unavailable::new(WHAT, format!("{error:#}")))
        });
        started.await.as_ref().map_err(Clone::clone)
    }

    async fn start() -> Result<Self> {
        let jar = resolve().await?;
        let java = on_path("java").context("java is not installed")?;
        let folder = TempDir::with_prefix("tailrace-registry-")?;
        let port = free_port()?;
        let mut process = Program::new("registry", folder.path(), java)
            .args(JVM)
            .args([format!("-Dquarkus.http.port={port}")])
            .args(["-jar".into(), jar.into_os_string()])
            .start()?;
        let registry = eventually("the schema registry to answer", START_DEADLINE, || {
            let ended = process.ended();
            async move {
                if let Some(status) = ended {
                    return Some(Err(anyhow::anyhow!("it ended with {status}")));
                }
                let answer = reqwest::get(format!("{}/subjects", url(port))).await.ok()?;
                answer.status().is_success().then_some(Ok(()))
            }
        });
        registry
            .await
            .and_then(|ended| ended)
            .with_context(|| process.said())?;
        Ok(Self {
            _process: process,
            _folder: folder,
            port,
        })
    }

    /// What a cluster's file names.
    pub fn url(&self) -> String {
        url(self.port)
    }

    /// What a new version of a subject has to be: `BACKWARD`, `FULL`, ...
    pub async fn set_level(&self, subject: &str, level: &str) -> Result<()> {
        let sent = reqwest::Client::new()
            .put(format!("{}/config/{subject}", self.url()))
            .header("content-type", "application/vnd.schemaregistry.v1+json")
            .body(json!({ "compatibility": level }).to_string())
            .send()
            .await?;
        sent.error_for_status().map(drop).context("the level was not set")
    }

    /// Registers a schema as the next version of a subject; its id. `kind`: `AVRO`, `PROTOBUF` or `JSON`.
    pub async fn register(&self, subject: &str, kind: &str, schema: &str) -> Result<u32> {
        let answer: Value = reqwest::Client::new()
            .post(format!("{}/subjects/{subject}/versions", self.url()))
            .header("content-type", "application/vnd.schemaregistry.v1+json")
            .body(json!({ "schema": schema, "schemaType": kind }).to_string())
            .send()
            .await?
            .error_for_status()?
            .json()
            .await?;
        let id = answer["id"].as_u64().with_context(|| answer.to_string())?;
        Ok(u32::try_from(id)?)
    }
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}/apis/ccompat/v7")
}

/// Its program, kept under `target/`.
async fn resolve() -> Result<PathBuf> {
    let kept = root().join("target/registry").join(VERSION);
    let jar = kept.join(format!("apicurio-registry-app-{VERSION}-runner.jar"));
    if jar.is_file() {
        return Ok(jar.canonicalize()?);
    }
    let maven = on_path("mvn").context("Maven, which resolves its jars, is not installed")?;
    std::fs::create_dir_all(&kept)?;
    let folder = TempDir::with_prefix("tailrace-maven-")?;
    Program::new("maven", folder.path(), maven)
        .args(["-q", "-B", PLUGIN])
        .args([format!(
            "-Dartifact=io.apicurio:apicurio-registry-app:{VERSION}:zip:all"
        )])
        .args([format!("-DoutputDirectory={}", kept.canonicalize()?.display())])
        .run(RESOLVE_DEADLINE)
        .await?;
    Ok(jar.canonicalize()?)
}
