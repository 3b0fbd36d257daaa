//! Topics changed: shown, asked, done, refused.

use anyhow::{Context, Result};
use integration::{cli::Output, kafka::Kafka, need, unique};
use serde_json::{Value, json};

use super::{filled, workspace};
use crate::workspace::Workspace;

async fn setting(workspace: &Workspace, topic: &str, name: &str) -> Result<Value> {
    let output = workspace
        .run(&["topics", "test", topic, "--config", "--json"])
        .await?
        .exits(0)?;
    let entries = output.json_lines()?;
    entries
        .into_iter()
        .find(|it| it["name"] == name)
        .context("a setting")
}

async fn starts(workspace: &Workspace, topic: &str) -> Result<Vec<i64>> {
    let output = workspace
        .run(&["topics", "test", topic, "--json"])
        .await?
        .exits(0)?;
    Ok(output
        .json_lines()?
        .iter()
        .filter_map(|it| it["start"].as_i64())
        .collect())
}

fn says(output: &Output, what: &str) {
    assert!(output.stderr.contains(what), "{what}: {}", output.stderr);
}

#[tokio::test]
async fn a_topic_is_made_changed_and_deleted() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let workspace = workspace(kafka)?;
    let topic = unique("made");
    let create = [
        "topics",
        "create",
        "test",
        &topic,
        "-p",
        "3",
        "-r",
        "1",
        "--config",
        "retention.ms=3600000",
    ];
    // Nobody is there to be asked.
    let asked = workspace.run(&create).await?.exits(2)?;
    says(&asked, "retention.ms: - -> 3600000");
    says(&asked, "add --yes");
    says(
        &workspace.run(&["topics", "test", &topic]).await?.exits(1)?,
        "has no topic",
    );
    let made = workspace.json(&[&create[..], &["--yes"]].concat()).await?;
    assert_eq!(
        made["done"],
        json!(format!("Topic \"{topic}\" of test was made."))
    );
    assert_eq!(made["preview"]["lines"][1]["after"], "3");
    assert_eq!(
        setting(&workspace, &topic, "retention.ms").await?["value"],
        "3600000"
    );
    says(
        &workspace
            .run(&[&create[..], &["--yes"]].concat())
            .await?
            .exits(1)?,
        "already",
    );

    let alter = [
        "topics",
        "alter",
        "test",
        &topic,
        "--set",
        "max.message.bytes=2048",
        "--reset",
        "retention.ms",
        "--yes",
    ];
    let altered = workspace.run(&alter).await?.exits(0)?;
    says(&altered, "max.message.bytes: 1048588 -> 2048");
    says(
        &altered,
        "retention.ms: 3600000 -> -1  (log.retention.ms, from the broker's file)",
    );
    assert_eq!(
        setting(&workspace, &topic, "max.message.bytes").await?["source"],
        "topic"
    );
    assert_eq!(
        setting(&workspace, &topic, "retention.ms").await?["source"],
        "static"
    );
    says(&workspace.run(&alter).await?.exits(0)?, "nothing to change");

    let grow = ["topics", "add-partitions", "test", &topic, "5", "--yes"];
    says(&workspace.run(&grow).await?.exits(0)?, "partitions: 3 -> 5");
    assert_eq!(starts(&workspace, &topic).await?.len(), 5);
    let shrink = ["topics", "add-partitions", "test", &topic, "2", "--yes"];
    says(&workspace.run(&shrink).await?.exits(1)?, "Kafka takes none away");

    let gone = workspace
        .run(&["topics", "delete", "test", &topic, "--yes"])
        .await?
        .exits(0)?;
    says(&gone, "Its records are gone for good.");
    says(
        &workspace.run(&["topics", "test", &topic]).await?.exits(1)?,
        "has no topic",
    );
    Ok(())
}

#[tokio::test]
async fn what_the_cluster_refuses_is_told_before_anything_is_done() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let workspace = workspace(kafka)?;
    let topic = filled(kafka, &[]).await?;
    let check = async |args: &[&str], code: i32, expected: &str| -> Result<()> {
        says(&workspace.run(args).await?.exits(code)?, expected);
        Ok(())
    };
    let new = unique("refused");
    check(
        &["topics", "create", "test", &new, "-r", "3", "--yes"],
        1,
        "refuses making topic",
    )
    .await?;
    check(
        &["topics", "create", "test", "no/slash", "--yes"],
        1,
        "is no name of a topic",
    )
    .await?;
    let wrong = "--config=retention.ms=soon";
    check(
        &["topics", "create", "test", &new, wrong, "--yes"],
        1,
        "retention.ms",
    )
    .await?;
    check(
        &["topics", "alter", "test", &topic, "--set", "retention=1", "--yes"],
        1,
        "retention",
    )
    .await?;
    check(
        &["topics", "alter", "test", &topic, "--set", "retention", "--yes"],
        2,
        "write NAME=VALUE",
    )
    .await?;
    check(
        &["topics", "alter", "test", &topic, "--yes"],
        2,
        "nothing to change",
    )
    .await?;
    check(
        &["topics", "delete", "test", "nowhere", "--yes"],
        1,
        "has no topic \"nowhere\"",
    )
    .await?;
    check(
        &[
            "topics",
            "delete-records",
            "test",
            &topic,
            "--before",
            "end",
            "-p",
            "9",
            "--yes",
        ],
        1,
        "has no partition 9",
    )
    .await?;
    assert_eq!(starts(&workspace, &topic).await?, [0, 0]);
    Ok(())
}

#[tokio::test]
async fn records_are_deleted_up_to_where_it_was_shown() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let workspace = workspace(kafka)?;
    let topic = filled(kafka, &[]).await?;
    let delete = async |args: &[&str]| {
        let args = [&["topics", "delete-records", "test", &topic], args, &["--yes"]].concat();
        workspace.run(&args).await
    };
    let shown = delete(&["--before", "4", "-p", "0"]).await?.exits(0)?;
    says(&shown, "partition 0: starts at 0 -> starts at 4  (4 records)");
    assert_eq!(starts(&workspace, &topic).await?, [4, 0]);
    // Records 0 to 9 of partition 1 are a second apart from each other's neighbours: 1, 3, 5 ... seconds.
    delete(&["--before", "s@1700000006000"]).await?.exits(0)?;
    assert_eq!(starts(&workspace, &topic).await?, [4, 3]);
    delete(&["--at", "0:6", "--at", "1:2"]).await?.exits(0)?;
    assert_eq!(starts(&workspace, &topic).await?, [6, 3], "none goes back");
    delete(&["--before", "end"]).await?.exits(0)?;
    assert_eq!(starts(&workspace, &topic).await?, [10, 10]);
    says(
        &delete(&["--before", "end"]).await?.exits(0)?,
        "nothing to change",
    );
    let compacted = filled(kafka, &[("cleanup.policy", "compact")]).await?;
    let refused = workspace
        .run(&[
            "topics",
            "delete-records",
            "test",
            &compacted,
            "--before",
            "end",
            "--yes",
        ])
        .await?
        .exits(1)?;
    says(&refused, "is compacted");
    Ok(())
}

#[tokio::test]
async fn settings_are_copied_and_topics_compared_across_clusters() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let workspace = workspace(kafka)?;
    let from = filled(
        kafka,
        &[("retention.ms", "3600000"), ("cleanup.policy", "compact,delete")],
    )
    .await?;
    let to = filled(kafka, &[("max.message.bytes", "2048")]).await?;
    let other = format!("other/{from}");
    let compare = ["topics", "compare", "test", &to, &other];
    let compared = workspace.json(&compare).await?;
    let differing = |compared: &Value| -> Vec<String> {
        let rows = compared["rows"].as_array().cloned().unwrap_or_default();
        rows.iter()
            .filter(|row| row["differs"] == true && row["section"] == "config")
            .filter_map(|row| row["name"].as_str().map(str::to_owned))
            .collect()
    };
    assert_eq!(
        differing(&compared),
        ["cleanup.policy", "max.message.bytes", "retention.ms"]
    );
    let copied = workspace
        .run(&["topics", "copy-settings", "test", &to, "--from", &other, "--yes"])
        .await?
        .exits(0)?;
    says(&copied, "max.message.bytes: 2048 -> 1048588");
    assert!(differing(&workspace.json(&compare).await?).is_empty());
    // A new one like it, on another cluster.
    let like = unique("like");
    workspace
        .run(&[
            "topics",
            "create",
            "other",
            &like,
            "--like",
            &format!("test/{from}"),
            "--yes",
        ])
        .await?
        .exits(0)?;
    assert_eq!(
        setting(&workspace, &like, "retention.ms").await?["value"],
        "3600000"
    );
    assert_eq!(starts(&workspace, &like).await?, [0, 0]);
    Ok(())
}

#[tokio::test]
async fn nothing_on_a_read_only_cluster_is_changed() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let workspace = workspace(kafka)?;
    let topic = filled(kafka, &[]).await?;
    let changes: [&[&str]; 6] = [
        &["create", "locked", "new"],
        &["alter", "locked", &topic, "--set", "retention.ms=1"],
        &["add-partitions", "locked", &topic, "5"],
        &["delete-records", "locked", &topic, "--before", "end"],
        &["delete", "locked", &topic],
        &["copy-settings", "locked", &topic, "--from", &topic],
    ];
    for change in changes {
        let args = [&["topics"], change, &["--yes"]].concat();
        let refused = workspace.run(&args).await?.exits(1)?;
        says(&refused, "cluster \"locked\" is read-only");
    }
    assert_eq!(starts(&workspace, &topic).await?, [0, 0]);
    Ok(())
}

#[tokio::test]
async fn the_sandbox_answers_too() -> Result<()> {
    let workspace = Workspace::new()?;
    let shop = "kind = \"sandbox\"\n\n[sandbox]\nhistory_events = 500\nevents_per_second = 5\n";
    workspace.write("clusters/sandbox.toml", shop)?;
    let listed = workspace
        .run(&["topics", "sandbox", "--json"])
        .await?
        .exits(0)?
        .json_lines()?;
    let events = listed
        .iter()
        .find(|it| it["name"] == "shop.events")
        .context("the shop")?;
    assert!(
        events["bytes"].as_i64().is_some_and(|bytes| bytes > 0),
        "{events}"
    );
    assert_eq!(events["cleanup_policy"], "delete");
    let check = async |args: &[&str], code: i32, expected: &str| -> Result<()> {
        says(&workspace.run(args).await?.exits(code)?, expected);
        Ok(())
    };
    let topic = "shop.orders";
    check(
        &[
            "topics",
            "alter",
            "sandbox",
            topic,
            "--set",
            "retention.ms=60000",
            "--yes",
        ],
        0,
        "60000",
    )
    .await?;
    check(
        &[
            "topics",
            "alter",
            "sandbox",
            topic,
            "--set",
            "cleanup.policy=compact",
            "--yes",
        ],
        1,
        "in the sandbox it can be delete",
    )
    .await?;
    check(
        &[
            "topics",
            "delete-records",
            "sandbox",
            topic,
            "--before",
            "end",
            "--yes",
        ],
        0,
        "partition 0",
    )
    .await?;
    check(
        &["topics", "delete", "sandbox", topic, "--yes"],
        0,
        "consumer group",
    )
    .await?;
    check(&["acls", "sandbox"], 1, "without an authorizer").await?;
    check(&["quotas", "sandbox"], 1, "it does not support this question").await?;
    Ok(())
}
