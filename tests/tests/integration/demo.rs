//! `tailrace demo`: the whole job on the sandbox, which is the subject here.

use std::path::Path;

use anyhow::{Context, Result};
use integration::need;
use serde_json::Value;

use crate::workspace::{STOP_DEADLINE, Workspace, text};

const STEPS: [&str; 8] = [
    "connect",
    "tail",
    "lag",
    "collect",
    "define",
    "stay live",
    "deliver",
    "files",
];

fn positive(value: &Value) -> bool {
    value.as_u64().is_some_and(|number| number > 0)
}

#[tokio::test]
async fn the_demo_does_the_whole_job() -> Result<()> {
    let cli = need!(integration::cli::Cli::new());
    let folder = cli.home().join("demo");
    let name = folder.to_str().context("a name")?;
    let args = ["demo", "--seconds", "10", "--json", "--workspace", name];
    let output = cli.run(&args, crate::workspace::DEADLINE).await?.exits(0)?;
    assert_eq!(output.stderr, "", "nothing but the summary in a pipe");
    let summary = output.json()?;
    let steps = summary["steps"].as_array().context("steps")?;
    let happened: Vec<String> = steps
        .iter()
        .filter(|step| step["happened"] == true)
        .map(|step| text(&step["step"]))
        .collect();
    assert_eq!(happened, STEPS, "{summary}");
    for number in [
        "tailed",
        "filter_matched",
        "events",
        "duplicates",
        "malformed",
        "profiles",
        "webhook_received",
    ] {
        assert!(positive(&summary[number]), "{number} in {summary}");
    }
    consistent(&summary, &folder)
}

/// The sandbox forgets its topics when it ends; the workspace does not forget what it collected of them, and goes on with
/// the topics of the next one.
#[tokio::test]
async fn a_sandbox_that_starts_anew_is_collected_anew() -> Result<()> {
    let workspace = need!(Workspace::new());
    workspace.write(
        "clusters/sandbox.toml",
        "kind = \"sandbox\"\n\n[sandbox]\nseed = 3\nhistory_events = 2000\nhistory_days = 3\npeople = 50\n",
    )?;
    workspace.write(
        "sources/shop.toml",
        "cluster = \"sandbox\"\ntopic = \"shop.events\"\n",
    )?;
    let mut before = 0;
    for round in 1..=3 {
        let counts = workspace.ingest().await?;
        let events = counts["events"].as_i64().context("events")?;
        assert!(
            events > before,
            "round {round}: {before} events before, now {counts}"
        );
        before = events;
    }
    Ok(())
}

/// Stopped in its midst it leaves a workspace that holds together, and says that there is no summary.
#[tokio::test]
async fn a_demo_that_is_interrupted_writes_its_checkpoint() -> Result<()> {
    let cli = need!(integration::cli::Cli::new());
    let folder = cli.home().join("demo");
    let name = folder.to_str().context("a name")?;
    let mut demo = cli.start(&["demo", "--seconds", "600", "--workspace", name])?;
    let state = folder.join(".tailrace/log");
    let collected = || async { std::fs::read_dir(&state).ok()?.next().map(drop) };
    integration::eventually(
        "a segment of the event log",
        crate::workspace::DEADLINE,
        collected,
    )
    .await?;
    let ended = demo.process().stop("INT", STOP_DEADLINE).await?;
    assert_eq!(ended.code(), Some(3), "{}", demo.stderr());
    assert!(demo.stderr().contains("there is no summary"), "{}", demo.stderr());
    let count = [
        "--workspace",
        name,
        "--json",
        "sql",
        "SELECT count(*) AS n FROM events",
    ];
    let rows = cli
        .run(&count, crate::workspace::DEADLINE)
        .await?
        .exits(0)?
        .json()?;
    assert!(positive(&rows["n"]), "{rows}");
    Ok(())
}

/// Its parts agree with one another, and the files are there.
fn consistent(summary: &Value, folder: &Path) -> Result<()> {
    let groups = summary["groups"].as_array().context("groups")?;
    assert!(
        groups.iter().any(|group| positive(&group["lag"])) && groups.len() >= 3,
        "{groups:?}"
    );
    let audiences = summary["audiences"].as_array().context("audiences")?;
    for audience in audiences {
        let number = |name: &str| audience[name].as_i64().unwrap_or(i64::MIN);
        assert_eq!(
            number("members"),
            number("entered") - number("exited"),
            "{audience}"
        );
    }
    assert!(
        audiences.iter().all(|it| positive(&it["members"])),
        "{audiences:?}"
    );
    let deliveries = summary["deliveries"].as_array().context("deliveries")?;
    assert!(deliveries.len() >= 3, "{deliveries:?}");
    for delivery in deliveries {
        assert!(
            positive(&delivery["delivered"]) && delivery["failed"] == 0,
            "{delivery}"
        );
    }
    let files = summary["files"].as_array().context("files")?;
    for file in files {
        let path = text(&file["path"]);
        let bytes = std::fs::read(&path).with_context(|| path.clone())?;
        assert!(
            !bytes.is_empty() && file["bytes"] == bytes.len(),
            "{path}: {} bytes",
            bytes.len()
        );
        assert!(Path::new(&path).starts_with(folder), "{path}");
    }
    let ends = |end: &str| files.iter().filter(|it| text(&it["path"]).ends_with(end)).count();
    assert!(ends(".svg") + ends(".png") >= 2 && ends(".csv") >= 1, "{files:?}");
    Ok(())
}

#[tokio::test]
async fn the_demo_tells_a_person() -> Result<()> {
    let cli = need!(integration::cli::Cli::new());
    // Without a workspace named it makes one in the folder of temporary files.
    let temporary = cli.home().to_owned();
    let output = cli
        .env("TMPDIR", temporary)
        .run(&["demo", "--seconds", "8"], crate::workspace::DEADLINE)
        .await?
        .exits(0)?;
    let mut after = 0;
    for section in ["TAIL", "COLLECT", "LAG", "AUDIENCES", "DELIVER", "FILES"] {
        let at = output.stdout[after..].find(section);
        after += at.with_context(|| format!("{section}, in this order, in: {}", output.stdout))?;
    }
    for name in ["pro_repeat_buyers", "big_spenders", "tailrace-shop", "lag.svg"] {
        assert!(output.stdout.contains(name), "{name} in: {}", output.stdout);
    }
    assert_eq!(output.stderr, "", "no progress in a pipe");
    let escape = '\u{1b}';
    assert!(!output.stdout.contains(escape), "no colours in a pipe");
    Ok(())
}

/// The sandbox is a cluster like any other: what holds for Kafka's tail and groups holds for it.
#[tokio::test]
async fn the_sandbox_can_be_looked_at() -> Result<()> {
    let workspace = need!(Workspace::new());
    workspace.write(
        "clusters/sandbox.toml",
        "kind = \"sandbox\"\n\n[sandbox]\nseed = 3\nhistory_events = 3000\nhistory_days = 5\npeople = 100\n",
    )?;
    let topics = workspace.lines(&["topics", "sandbox"]).await?;
    let events = topics.iter().find(|it| it["name"] == "shop.events");
    assert!(
        events.is_some_and(|it| it["partitions"].as_u64() > Some(1)),
        "{topics:?}"
    );
    let records = workspace
        .lines(&["tail", "sandbox", "shop.events", "-o", "beginning", "-c", "500"])
        .await?;
    assert_eq!(records.len(), 500);
    // The same seed makes the same people and what they do; only the times differ.
    let again = workspace
        .lines(&["tail", "sandbox", "shop.events", "-o", "0", "-c", "1", "-p", "0"])
        .await?;
    let first = records
        .iter()
        .find(|it| it["partition"] == 0 && it["offset"] == 0);
    let told = |record: &Value| {
        let value = &record["value"];
        (
            record["key"].clone(),
            value["type"].clone(),
            value["event"].clone(),
            value["anonymousId"].clone(),
        )
    };
    assert_eq!(Some(told(&again[0])), first.map(told));
    Ok(())
}
