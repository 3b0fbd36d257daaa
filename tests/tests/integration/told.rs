//! What the terminal says where nothing, or not what was asked for, can be done.

use anyhow::{Context, Result, ensure};
use integration::{
    kafka::{Kafka, Record},
    need, unique,
};
use serde_json::json;

use crate::{broker, workspace::Workspace};

const RECORDS: i64 = 12;

/// Twelve orders of one partition, whose last is a tombstone.
async fn stage(kafka: &Kafka, topic: &str) -> Result<Workspace> {
    kafka.create_topic(topic, 1).await?;
    let order = |number: i64| match number == RECORDS - 1 {
        true => Record {
            value: None,
            ..Record::new("k0", "")
        },
        false => Record::new(
            format!("k{}", number % 3),
            format!(
                "{{\"id\": {number}, \"total\": {}, \"lines\": {{\"count\": 2}}}}",
                number * 10
            ),
        ),
    };
    kafka.produce(topic, (0..RECORDS).map(order)).await?;
    let workspace = Workspace::new()?;
    workspace.cluster(&kafka.bootstrap())?;
    Ok(workspace)
}

#[tokio::test]
async fn an_offset_past_the_end_and_a_tombstone_are_told() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let topic = unique("told");
    let workspace = stage(kafka, &topic).await?;
    let tail = |from: &'static str| ["tail", "test", &topic, "-o", from, "--exit"].map(str::to_owned);
    let run = async |from: &'static str| {
        let args = tail(from);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        workspace.run(&args).await?.exits(0)
    };
    let past = run("99").await?;
    ensure!(past.stdout.is_empty(), "{}", past.stdout);
    ensure!(
        past.stderr
            .contains("offset 99 is past the end (12) of partition 0: nothing is read there"),
        "{}",
        past.stderr
    );
    let within = run("10").await?;
    ensure!(!within.stderr.contains("past the end"), "{}", within.stderr);
    let last = within.stdout.lines().last().context("a line")?;
    ensure!(last.ends_with("null (tombstone)"), "{last}");
    Ok(())
}

/// What a filter says of where and when is sought, as SQL over the topic seeks it.
#[tokio::test]
async fn a_tail_reads_only_where_its_filter_can_hold() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let topic = unique("sought");
    let workspace = stage(kafka, &topic).await?;
    for (filter, matched, scanned) in [
        ("_offset >= 8 and value.total >= 90", 2, 4),
        ("_partition = 0 and value.id = 3", 1, RECORDS),
        ("_offset = 2 or _offset = 5", 2, 2),
        ("_offset > 1000", 0, 0),
        ("_partition = 7", 0, 0),
        ("_offset < 3 and _offset > 7", 0, 0),
        ("_timestamp > now() + interval '1 hour'", 0, 0),
    ] {
        let tail = [
            "tail",
            "test",
            &topic,
            "-o",
            "beginning",
            "--exit",
            "--json",
            "--where",
            filter,
        ];
        let found = workspace.run(&tail).await?.exits(0)?;
        ensure!(found.json_lines()?.len() == matched, "{filter}: {}", found.stdout);
        let said = format!("scanned {scanned} records");
        ensure!(found.stderr.contains(&said), "{filter}: {}", found.stderr);
    }
    Ok(())
}

#[tokio::test]
async fn a_cluster_that_is_not_there_is_told_with_those_that_are() -> Result<()> {
    let workspace = Workspace::new()?;
    workspace.cluster("127.0.0.1:1")?;
    let said = workspace
        .sentence(&["sql", "SELECT * FROM nope.orders"], 1)
        .await?;
    ensure!(
        said.contains("\"nope\" is no cluster and no warehouse; clusters are test"),
        "{said}"
    );
    let events = workspace.sentence(&["sql", "SELECT * FROM evnts"], 1).await?;
    ensure!(events.contains("Did you mean \"events\"?"), "{events}");
    Ok(())
}

#[tokio::test]
async fn what_a_check_can_not_find_on_this_machine_is_a_warning() -> Result<()> {
    let workspace = Workspace::new()?;
    workspace.write(
        "clusters/prod.toml",
        "kind = \"kafka\"\n[properties]\n\"bootstrap.servers\" = \"b:9092\"\n\"ssl.ca.location\" = \"certs/ca.pem\"\n\
         \"sasl.password\" = \"secret:nowhere\"\n",
    )?;
    let checked = workspace.run(&["check"]).await?.exits(0)?;
    ensure!(
        checked
            .stdout
            .contains("warning: clusters/prod.toml:4:21: ssl.ca.location names")
            && checked
                .stdout
                .contains("warning: clusters/prod.toml:5:19: the secret \"nowhere\" is not set"),
        "{checked:?}"
    );
    ensure!(
        checked.stderr.contains("every definition holds; 2 warnings"),
        "{checked:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_file_is_not_written_over_unless_that_is_asked_for() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let topic = unique("over");
    let workspace = stage(kafka, &topic).await?;
    let path = workspace.path("out.jsonl");
    let out = path.to_str().context("a path")?;
    let select = format!("SELECT _offset FROM test.\"{topic}\"");
    let tail = ["tail", "test", &topic, "-o", "beginning", "--exit", "--out", out];
    for args in [&tail[..], &["sql", &select, "--out", out]] {
        std::fs::write(&path, "mine\n")?;
        let refused = workspace.sentence(args, 1).await?;
        ensure!(
            refused.contains("is there already") && refused.contains("--force"),
            "{refused}"
        );
        ensure!(std::fs::read_to_string(&path)? == "mine\n", "it was written over");
        workspace.run(&[args, &["--force"]].concat()).await?.exits(0)?;
        let lines = std::fs::read_to_string(&path)?.lines().count();
        ensure!(lines == RECORDS as usize, "{lines} lines");
    }
    Ok(())
}

#[tokio::test]
async fn an_input_without_records_is_no_success() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let topic = unique("empty");
    let workspace = stage(kafka, &topic).await?;
    let produced = workspace
        .run_with_input(&["produce", "test", &topic], "")
        .await?
        .exits(1)?;
    ensure!(
        produced
            .stderr
            .contains("standard input holds no record: nothing was produced"),
        "{}",
        produced.stderr
    );
    Ok(())
}

#[tokio::test]
async fn a_reset_that_moves_nothing_says_why() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let (topic, group) = (unique("still"), unique("reader"));
    let workspace = stage(kafka, &topic).await?;
    broker::commit(kafka, &group, &topic, &[(0, RECORDS)]).await?;
    let reset = ["groups", "reset", "test", &group, "--yes"];
    let there = workspace
        .run(&[&reset[..], &["--to-latest"]].concat())
        .await?
        .exits(0)?;
    ensure!(
        there.stderr.contains("nothing to move: every offset of"),
        "{}",
        there.stderr
    );
    let beyond = [&reset[..], &["--by-shift", "5"]].concat();
    let why = workspace.sentence(&beyond, 1).await?;
    ensure!(
        why.contains(&format!("{topic}/0 is at its end (12), and 17 is past it")),
        "{why}"
    );
    let moved = workspace
        .run(&[&reset[..], &["--to-earliest"]].concat())
        .await?
        .exits(0)?;
    ensure!(moved.stderr.contains("1 offset of"), "{}", moved.stderr);
    let committed = broker::committed(kafka, &group, &topic, 1).await?;
    ensure!(
        committed.values().all(|offset| *offset == Some(0)),
        "{committed:?}"
    );
    Ok(())
}

#[tokio::test]
async fn columns_that_nobody_named_are_named_as_they_were_written() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let topic = unique("named").replace('-', "_");
    let workspace = stage(kafka, &topic).await?;
    let first = async |sql: &str| -> Result<serde_json::Value> {
        let rows = workspace.lines(&["sql", &sql.replace("TOPIC", &topic)]).await?;
        rows.into_iter().next().context("a row")
    };
    let all = [
        (
            "SELECT value.total, value.lines.count FROM test.TOPIC WHERE value.id = 10",
            json!({"total": 100, "count": 2}),
        ),
        (
            "SELECT DISTINCT value.total FROM test.TOPIC WHERE value.total > 80 ORDER BY value.total",
            json!({"total": 90}),
        ),
        (
            "SELECT value.lines.count, max(value.total) FROM test.TOPIC WHERE value.id > 0 GROUP BY value.lines.count",
            json!({"count": 2, "max(value.total)": 100}),
        ),
        (
            "SELECT a.value.id, b.value.id FROM test.TOPIC AS a JOIN test.TOPIC AS b ON a.value.id = b.value.total \
             WHERE b.value.total = 10",
            json!({"value.id": 10, "b.value.id": 1}),
        ),
        (
            "SELECT total FROM (SELECT value.total FROM test.TOPIC) AS t WHERE total = 50",
            json!({"total": 50}),
        ),
    ];
    for (sql, expected) in all {
        let found = first(sql).await.with_context(|| sql.to_owned())?;
        ensure!(found == expected, "{sql}: {found}");
    }
    Ok(())
}
