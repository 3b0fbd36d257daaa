//! By keys alone, on a broker that is away when the tail is to start, comes, dies and comes again.

use anyhow::{Context, Result, ensure};
use integration::{
    eventually,
    kafka::{Kafka, Record},
    need, program,
    window::{Window, testid},
};
use serde_json::Value;
use tempfile::TempDir;

use super::options;
use crate::window_journey::drive::{DEADLINE, Drive};

const TOPIC: &str = "walk";

fn numbered(from: usize, to: usize) -> impl Iterator<Item = Record> {
    (from..to)
        .map(|number| Record::new("k", format!("{{\"n\": {number}}}")).on_partition((number % 2) as i32))
}

#[tokio::test]
async fn a_tail_by_keys_alone_outlives_its_broker() -> Result<()> {
    let mut kafka = need!(Kafka::start().await);
    let studio = need!(program("tailrace-studio"));
    kafka.create_topic(TOPIC, 2).await?;
    kafka.produce(TOPIC, numbered(0, 40)).await?;
    let folder = TempDir::with_prefix("tailrace-window-away-")?;
    let workspace = folder.path().join("workspace");
    std::fs::create_dir_all(workspace.join("clusters"))?;
    std::fs::write(workspace.join("tailrace.toml"), "name = \"away\"\n")?;
    let cluster = format!(
        "kind = \"kafka\"\n[properties]\n\"bootstrap.servers\" = \"{}\"\n\"socket.connection.setup.timeout.ms\" = \"2000\"\n",
        kafka.bootstrap()
    );
    std::fs::write(workspace.join("clusters/home.toml"), cluster)?;
    let window = need!(Window::open(&options(studio, folder.path(), &workspace)).await);
    let walked = walk(&Drive::new(&window), &mut kafka).await;
    walked.map_err(|error| anyhow::anyhow!("{error:#}"))
}

async fn walk(drive: &Drive<'_>, kafka: &mut Kafka) -> Result<()> {
    let window = drive.window;
    drive.see("shell").await?;
    by_keys(drive).await.context("by keys")?;

    // It dies while it is tailed: the window says so, keeps what it has, and goes on when it is back.
    kafka.kill().await?;
    drive.see_text("tail-note", "127.0.0.1").await?;
    window.screenshot("kafka-away-lost").await?;
    kafka.restart().await?;
    kafka.produce(TOPIC, numbered(40, 80)).await?;
    drive
        .number("tail-scanned", "80", |scanned| scanned == 80.0)
        .await?;
    ensure!(drive.more_rows("records", 79).await? == 80, "a record came twice");

    // It is away when a tail is to start: what is wrong is said, and the tail starts by itself once it is back.
    kafka.kill().await?;
    drive.go("#/topics").await?;
    drive.see("screen-topics").await?;
    drive
        .go(&format!(
            "#/topics/home/{TOPIC}?from=beginning&where=value.n+%3E%3D+0"
        ))
        .await?;
    drive.see("tail-error").await?;
    window.screenshot("kafka-away-start").await?;
    kafka.restart().await?;
    drive
        .number("tail-matched", "80", |matched| matched == 80.0)
        .await?;
    window.wait_gone(&testid("tail-error"), DEADLINE).await
}

/// To the topics, to the topic, to a record and back, and a filter.
async fn by_keys(drive: &Drive<'_>) -> Result<()> {
    let window = drive.window;
    press_all(window, &["g", "c"]).await?;
    drive.see("screen-clusters").await?;
    press_all(window, &["g", "t"]).await?;
    drive.see("screen-topics").await?;
    drive.more_rows("topics", 0).await?;
    window.press("/").await?;
    window.type_text(TOPIC).await?;
    window.press("Enter").await?;
    if window.count(&testid("tail-state")).await? == 0 {
        press_all(window, &["ArrowDown", "Enter"]).await?;
    }
    drive.see("tail-state").await?;
    // From its beginning.
    drive.go(&format!("#/topics/home/{TOPIC}?from=beginning")).await?;
    drive.more_rows("records", 39).await?;
    let records = "const found = document.activeElement?.closest('[data-testid=records]'); return found !== null && found !== undefined";
    let focus = || async {
        if window.script(records, &[]).await.ok()? == Value::Bool(true) {
            return Some(());
        }
        window.press("Tab").await.ok()?;
        None
    };
    eventually("the records to be reached by Tab", DEADLINE, focus).await?;
    press_all(window, &["Home", "ArrowDown", "Enter"]).await?;
    drive.see("record").await?;
    window.screenshot("kafka-away-keys").await?;
    window.press("Escape").await?;
    window.wait_gone(&testid("record"), DEADLINE).await?;
    // What has the focus is seen.
    let seen = "const at = document.activeElement; const style = getComputedStyle(at); return at !== document.body && (style.outlineStyle !== 'none' || style.boxShadow !== 'none' || at.querySelector('[aria-selected=true]') !== null)";
    drive.until("the focus to be seen", seen).await.map(drop)
}

async fn press_all(window: &Window, keys: &[&str]) -> Result<()> {
    for key in keys {
        window.press(key).await?;
    }
    Ok(())
}
