//! A cluster that does not answer, beside one that does and is sampled all the time: the window says so and goes on saying
//! it, and shows the cluster once it is there.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use integration::{
    kafka::{Kafka, Record},
    need, program,
    window::{Window, testid},
};
use serde_json::json;
use tempfile::TempDir;

use super::options;
use crate::window_journey::drive::Drive;

/// Within this it is told.
const TOLD_WITHIN: Duration = Duration::from_secs(15);
/// So long the window is watched.
const WATCHED_MS: u64 = 12_000;

/// Counts how often “Loading” is shown from now on.
const WATCH: &str = "window.loadings = 0;
  const seen = () => { if (document.querySelector('[data-testid=loading]')) window.loadings += 1; };
  new MutationObserver(seen).observe(document.body, { childList: true, subtree: true })";

#[tokio::test]
async fn a_cluster_that_does_not_answer_is_told_and_stays_told() -> Result<()> {
    let kafka = need!(Kafka::start().await);
    let studio = need!(program("tailrace-studio"));
    kafka.create_topic("here", 1).await?;
    kafka.produce("here", [Record::new("k", "{}")]).await?;
    let folder = TempDir::with_prefix("tailrace-window-silent-")?;
    let workspace = folder.path().join("workspace");
    std::fs::create_dir_all(workspace.join("clusters"))?;
    std::fs::write(workspace.join("tailrace.toml"), "name = \"silent\"\n")?;
    let cluster = |more: &str, bootstrap: &str| {
        format!("kind = \"kafka\"\n[properties]\n\"bootstrap.servers\" = \"{bootstrap}\"\n{more}")
    };
    let put =
        |name: &str, text: String| std::fs::write(workspace.join(format!("clusters/{name}.toml")), text);
    put("home", cluster("", &kafka.bootstrap()))?;
    put("away", cluster("", "127.0.0.1:1"))?;
    // The broker speaks plainly, and is spoken to in TLS.
    put(
        "wrong",
        cluster("\"security.protocol\" = \"ssl\"\n", &kafka.bootstrap()),
    )?;
    let window = need!(Window::open(&options(studio, folder.path(), &workspace)).await);
    let drive = Drive::new(&window);
    drive.see("shell").await?;
    // From now on it is sampled, and tells of its groups again and again.
    drive.go("#/groups/home").await?;
    drive.see("screen-groups").await?;
    for name in ["away", "wrong"] {
        for screen in ["groups", "topics"] {
            told(&drive, screen, name)
                .await
                .with_context(|| format!("{screen} of {name}"))?;
        }
    }
    drive.go("#/groups/away").await?;
    window
        .wait_for(&testid("error"), TOLD_WITHIN)
        .await
        .context("groups again")?;
    // It is there after all.
    put("away", cluster("", &kafka.bootstrap()))?;
    drive.see("group-health").await?;
    window.screenshot("kafka-silent-back").await?;
    Ok(())
}

async fn told(drive: &Drive<'_>, screen: &str, name: &str) -> Result<()> {
    drive.click("cluster-menu").await?;
    drive.click(&format!("cluster-{name}")).await?;
    drive.go(&format!("#/{screen}")).await?;
    drive.see(&format!("screen-{screen}")).await?;
    drive.window.wait_for(&testid("error"), TOLD_WITHIN).await?;
    drive
        .window
        .screenshot(&format!("kafka-silent-{screen}-{name}"))
        .await?;
    drive.window.script(WATCH, &[]).await?;
    let script = "return new Promise(done => setTimeout(() => done(window.loadings), arguments[0]))";
    let loadings = drive.window.script(script, &[json!(WATCHED_MS)]).await?;
    ensure!(loadings == json!(0), "“Loading” was shown {loadings} times");
    drive.see("error").await
}
