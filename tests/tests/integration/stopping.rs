//! Interrupted by a broker that goes away, or by `Ctrl C`: nothing is lost and nothing comes twice.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context, Result};
use integration::{
    cli::Running,
    eventually,
    kafka::{Kafka, Record},
    need, unique,
};
use serde_json::{Value, json};

use crate::{
    broker,
    journey::collect::collect,
    shop::{PARTITIONS, Shop, define, now_ms},
    workspace::{DEADLINE, STOP_DEADLINE, Workspace},
};

/// Records `from..to`, each with its number, over two partitions.
fn numbered(from: usize, to: usize) -> impl Iterator<Item = Record> {
    (from..to)
        .map(|number| Record::new("k", format!("{{\"n\": {number}}}")).on_partition((number % 2) as i32))
}

/// The numbers that a tail has printed so far, in order.
fn printed(tail: &Running) -> Vec<i64> {
    let stdout = tail.stdout();
    // The last line may not be whole yet.
    let whole = stdout.rfind('\n').map_or("", |end| &stdout[..end]);
    let values = whole
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    values
        .filter_map(|record| record["value"]["n"].as_i64())
        .collect()
}

async fn wait_until_printed(tail: &Running, count: usize) -> Result<()> {
    eventually(&format!("{count} records"), DEADLINE, || async {
        (printed(tail).len() >= count).then_some(())
    })
    .await
    .with_context(|| format!("{} were there; {}", printed(tail).len(), tail.stderr()))
}

#[tokio::test]
async fn a_tail_outlives_its_broker() -> Result<()> {
    let mut kafka = need!(Kafka::start().await);
    kafka.create_topic("numbers", 2).await?;
    let workspace = Workspace::new()?;
    workspace.cluster(&kafka.bootstrap())?;
    let mut tail = workspace.start(&["tail", "test", "numbers", "-o", "beginning", "--json"])?;
    kafka.produce("numbers", numbered(0, 100)).await?;
    wait_until_printed(&tail, 100).await?;

    kafka.kill().await?;
    // It says what it waits for, and where.
    let bootstrap = kafka.bootstrap();
    eventually("a word about the broker", Duration::from_secs(30), || async {
        tail.stderr().contains(&bootstrap).then_some(())
    })
    .await
    .with_context(|| format!("it said: {}", tail.stderr()))?;
    kafka.restart().await?;
    kafka.produce("numbers", numbered(100, 200)).await?;
    wait_until_printed(&tail, 200).await?;

    // Held still with connections open, then let go.
    kafka.freeze()?;
    kafka.thaw()?;
    kafka.produce("numbers", numbered(200, 250)).await?;
    wait_until_printed(&tail, 250).await?;
    let output = tail.interrupt(STOP_DEADLINE).await?.exits(0)?;
    let mut numbers: Vec<i64> = output
        .json_lines()?
        .iter()
        .filter_map(|it| it["value"]["n"].as_i64())
        .collect();
    for parity in [0, 1] {
        let of_partition: Vec<i64> = numbers
            .iter()
            .copied()
            .filter(|number| number % 2 == parity)
            .collect();
        assert!(of_partition.is_sorted(), "each partition in its order");
    }
    numbers.sort_unstable();
    assert_eq!(
        numbers,
        (0..250).collect::<Vec<_>>(),
        "each once, and none is missing"
    );
    Ok(())
}

#[tokio::test]
async fn an_ingest_outlives_its_broker() -> Result<()> {
    let mut kafka = need!(Kafka::start().await);
    let shop = Shop::new(5, now_ms(), 60);
    let half = shop.records.len() / 2;
    kafka.create_topic("shop", PARTITIONS).await?;
    kafka
        .produce("shop", shop.records[..half].iter().cloned())
        .await?;
    let workspace = Workspace::new()?;
    workspace.cluster(&kafka.bootstrap())?;
    define(&workspace, "shop", "tailrace-shop", &shop.people).await?;
    let mut ingest = workspace.start(&["ingest"])?;
    wait_for_checkpoint(&kafka, "tailrace-shop", "shop", half as i64).await?;
    kafka.kill().await?;
    kafka.restart().await?;
    kafka
        .produce("shop", shop.records[half..].iter().cloned())
        .await?;
    wait_for_checkpoint(&kafka, "tailrace-shop", "shop", shop.records.len() as i64).await?;
    ingest.interrupt(STOP_DEADLINE).await?.exits(0)?;
    collect(&workspace, &shop).await
}

/// Waits until the group's offsets, which follow the checkpoint, add up to so many records.
async fn wait_for_checkpoint(kafka: &Kafka, group: &str, topic: &str, records: i64) -> Result<()> {
    broker::wait_for_commits(kafka, group, topic, PARTITIONS, DEADLINE, |found| {
        found.values().flatten().sum::<i64>() >= records
    })
    .await
    .map(drop)
}

#[tokio::test]
async fn control_c_ends_ingest_and_serve_with_the_checkpoint_written() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let shop = Shop::new(6, now_ms(), 150);
    for args in [&["ingest"][..], &["serve", "--listen", "127.0.0.1:0"]] {
        let command = args[0];
        let (topic, group) = (unique(command), unique(command));
        kafka.create_topic(&topic, PARTITIONS).await?;
        let third = shop.records.len() / 3;
        kafka
            .produce(&topic, shop.records[..third].iter().cloned())
            .await?;
        let workspace = Workspace::new()?;
        workspace.cluster(&kafka.bootstrap())?;
        define(&workspace, &topic, &group, &shop.people).await?;
        let mut running = workspace.start(args)?;
        wait_for_checkpoint(kafka, &group, &topic, 1).await?;
        // In the middle of more.
        kafka
            .produce(&topic, shop.records[third..].iter().cloned())
            .await?;
        running
            .interrupt(STOP_DEADLINE)
            .await
            .and_then(|output| output.exits(0))
            .with_context(|| command)?;
        // What was collected is in the log, and the rest follows once.
        let before = workspace.sql("SELECT count(*) AS n FROM events").await?;
        assert!(
            before[0][0].as_u64().is_some_and(|events| events > 0),
            "{before:?}"
        );
        collect(&workspace, &shop).await.with_context(|| command)?;
        let ids = workspace
            .sql("SELECT count(*) AS n, count(DISTINCT message_id) AS ids FROM events")
            .await?;
        let count = shop.message_ids.len();
        assert_eq!(json!(ids), json!([[count, count]]));
    }
    Ok(())
}

#[tokio::test]
async fn control_c_ends_a_tail_that_waits_and_one_that_cannot_reach_its_broker() -> Result<()> {
    let mut kafka = need!(Kafka::start().await);
    kafka.create_topic("quiet", 2).await?;
    kafka.produce("quiet", numbered(0, 10)).await?;
    let workspace = Workspace::new()?;
    workspace.cluster(&kafka.bootstrap())?;
    let start = || workspace.start(&["tail", "test", "quiet", "-o", "beginning", "--json"]);
    let (mut waits, mut loses) = (start()?, start()?);
    wait_until_printed(&waits, 10).await?;
    wait_until_printed(&loses, 10).await?;
    let output = waits.interrupt(STOP_DEADLINE).await?.exits(0)?;
    assert!(output.stderr.contains("scanned 10 records"), "{}", output.stderr);
    kafka.freeze()?;
    let output = loses.interrupt(STOP_DEADLINE).await?.exits(0)?;
    let places: BTreeSet<String> = output
        .json_lines()?
        .iter()
        .map(|it| it["value"]["n"].to_string())
        .collect();
    assert_eq!(places.len(), 10);
    Ok(())
}

#[tokio::test]
async fn a_polite_kill_is_as_good() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let topic = unique("terminated");
    kafka.create_topic(&topic, 2).await?;
    kafka.produce(&topic, numbered(0, 4)).await?;
    let workspace = Workspace::new()?;
    workspace.cluster(&kafka.bootstrap())?;
    let mut tail = workspace.start(&["tail", "test", &topic, "-o", "beginning", "--json"])?;
    wait_until_printed(&tail, 4).await?;
    let status = tail.process().stop("TERM", STOP_DEADLINE).await?;
    assert_eq!(status.code(), Some(0), "{}", tail.stderr());
    Ok(())
}
