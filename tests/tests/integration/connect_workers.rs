//! Kafka Connect, Apache Kafka's own: one connector that runs, and one that fails, is mended and restarted.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result};
use integration::{connect::Connect, eventually, kafka::Kafka, need, unique};
use serde_json::{Value, json};

use crate::workspace::{Workspace, text};

const DEADLINE: Duration = Duration::from_secs(60);

fn workspace(kafka: &Kafka, connect: &Connect, read_only: bool) -> Result<Workspace> {
    let workspace = Workspace::new()?;
    let cluster = format!(
        "kind = \"kafka\"\nread_only = {read_only}\n[properties]\n\"bootstrap.servers\" = \"{}\"\n\
         [connect.main]\nurl = \"{}\"\n[connect.away]\nurl = \"http://127.0.0.1:1\"\n",
        kafka.bootstrap(),
        connect.url()
    );
    workspace.write("clusters/test.toml", &cluster)?;
    Ok(workspace)
}

fn sink(topic: &str, file: &Path) -> Value {
    json!({
        "connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector", "tasks.max": "1",
        "topics": topic, "file": file, "producer.override.sasl.password": "hunter22",
        "consumer.override.auto.offset.reset": "earliest",
    })
}

#[tokio::test]
async fn a_failed_connector_is_explained_mended_and_restarted() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let connect = need!(Connect::start(kafka).await);
    let topic = unique("connect-lines");
    kafka.create_topic(&topic, 1).await?;
    let (input, output) = (connect.folder().join("in.txt"), connect.folder().join("out.txt"));
    std::fs::write(&input, "one\ntwo\n")?;
    // What is to be a file is a folder: the sink can't open it.
    std::fs::create_dir(&output)?;
    let source = json!({
        "connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector", "tasks.max": "1",
        "topic": topic, "file": input,
    });
    connect.create("lines-in", &source).await?;
    connect.create("lines-out", &sink(&topic, &output)).await?;
    connect.task_is("lines-in", "RUNNING").await?;
    connect.task_is("lines-out", "FAILED").await?;

    let workspace = workspace(kafka, &connect, false)?;
    // One Connect cluster is away: what the other has is told all the same, and so is that it is away.
    let listed = workspace
        .run(&["--json", "connect", "list", "test"])
        .await?
        .exits(3)?;
    assert!(listed.stderr.contains("connect.away.url"), "{}", listed.stderr);
    let listed = listed.json_lines()?;
    let names: Vec<&str> = listed.iter().filter_map(|it| it["name"].as_str()).collect();
    assert_eq!(names, ["lines-in", "lines-out"]);
    assert_eq!(
        (&listed[0]["state"], &listed[0]["kind"]),
        (&json!("RUNNING"), &json!("source"))
    );

    let of = ["lines-out", "--connect", "main"];
    let act = |what: &'static str| [&["connect", what, "test"][..], &of].concat();
    let shown = workspace.json(&act("show")).await?;
    assert!(!shown.to_string().contains("hunter22"), "{shown}");
    let task = &shown["summary"]["tasks"][0];
    assert_eq!(task["state"], "FAILED");
    assert!(text(&task["reason"]).contains("Is a directory"), "{task}");
    assert!(text(&task["trace"]).contains("\tat org.apache.kafka"), "{task}");
    let settings = shown["settings"].as_array().context("settings")?;
    let password = settings
        .iter()
        .find(|it| it["name"] == "producer.override.sasl.password");
    assert_eq!(password.context("the password")?["masked"], true);
    let person = workspace.run(&act("show")).await?.exits(0)?;
    assert!(
        person.stdout.contains("task 0 failed:") && !person.stdout.contains("hunter22"),
        "{}",
        person.stdout
    );

    std::fs::remove_dir(&output)?;
    workspace
        .json(&[&act("restart")[..], &["--failed"]].concat())
        .await?;
    connect.task_is("lines-out", "RUNNING").await?;
    let lines = eventually("the sink's file", DEADLINE, || async {
        std::fs::read_to_string(&output)
            .ok()
            .filter(|it| it == "one\ntwo\n")
    });
    lines.await?;

    let now = workspace.json(&act("pause")).await?;
    assert_eq!(now["state"], "PAUSED", "{now}");
    let now = workspace.json(&act("stop")).await?;
    assert_eq!(now["state"], "STOPPED", "{now}");
    let now = workspace.json(&act("resume")).await?;
    assert_eq!(now["state"], "RUNNING", "{now}");
    let now = workspace
        .json(&[&act("restart")[..], &["--task", "0"]].concat())
        .await?;
    assert_eq!(now["state"], "RUNNING", "{now}");

    refusals(kafka, &connect).await
}

async fn refusals(kafka: &Kafka, connect: &Connect) -> Result<()> {
    let read_only = workspace(kafka, connect, true)?;
    let pause = ["connect", "pause", "test", "lines-in", "--connect", "main"];
    let refused = read_only.sentence(&pause, 1).await?;
    assert!(refused.contains("is read-only"), "{refused}");
    assert_eq!(connect.status("lines-in").await?["connector"]["state"], "RUNNING");
    let unknown = ["connect", "show", "test", "lines", "--connect", "main"];
    let unknown = read_only.sentence(&unknown, 1).await?;
    assert!(unknown.contains("there is lines-in, lines-out"), "{unknown}");
    Ok(())
}
