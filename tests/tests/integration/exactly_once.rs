//! Killed at any moment and run again, collecting neither loses an event nor has one twice.

use std::{
    collections::{BTreeMap, HashSet},
    time::{Duration, Instant},
};

use anyhow::Result;
use integration::{kafka::Kafka, need, unique};
use serde_json::Value;
use sqlx::{Connection, Row, SqliteConnection, sqlite::SqliteConnectOptions};

use crate::{
    broker,
    journey::collect::collect,
    shop::{Numbers, PARTITIONS, Shop, define, now_ms},
    workspace::{Workspace, text},
};

const KILLS: usize = 7;
const PEOPLE: i64 = 500;

async fn workspace(kafka: &Kafka, topic: &str, group: &str, shop: &Shop) -> Result<Workspace> {
    let workspace = Workspace::new()?;
    workspace.cluster(&kafka.bootstrap())?;
    define(&workspace, topic, group, &shop.people).await?;
    Ok(workspace)
}

/// What must not depend on how it was collected.
async fn outcome(workspace: &Workspace) -> Result<(Vec<Vec<Value>>, Vec<String>, Vec<String>)> {
    let profiles = workspace
        .sql("SELECT user_id, email, events, first_seen, last_seen FROM profiles ORDER BY user_id, events, first_seen, last_seen")
        .await?;
    let buyers = workspace.members("pro_repeat_buyers").await?;
    Ok((profiles, buyers, workspace.members("big_spenders").await?))
}

#[tokio::test]
async fn a_killed_ingest_loses_nothing_and_doubles_nothing() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let seed = now_ms().unsigned_abs();
    println!("seed of the moments: {seed}");
    let mut numbers = Numbers(seed);
    let shop = Shop::new(77, now_ms(), PEOPLE);
    let (topic, group) = (unique("killed"), unique("killed"));
    kafka.create_topic(&topic, PARTITIONS).await?;
    let killed = workspace(kafka, &topic, &group, &shop).await?;

    // The first round tells how long one takes; then each has something new to collect when it is killed.
    let slices: Vec<_> = shop
        .records
        .chunks(shop.records.len().div_ceil(KILLS + 1))
        .collect();
    kafka.produce(&topic, slices[0].iter().cloned()).await?;
    let started = Instant::now();
    killed.ingest().await?;
    let round = started.elapsed();
    for (kill, slice) in slices[1..].iter().enumerate() {
        kafka.produce(&topic, slice.iter().cloned()).await?;
        let mut ingest = killed.start(&["ingest"])?;
        let moment = round.mul_f64(numbers.within(5, 120) as f64 / 100.0);
        println!("kill {kill} after {moment:?} of {round:?}");
        // The moment itself is what is tried, so this waits for no condition.
        tokio::time::sleep(moment).await;
        let ended = ingest.process().stop("KILL", Duration::from_secs(10)).await?;
        assert_eq!(ended.code(), Some(128 + 9), "{}", ingest.stderr());
        never_leads(&killed, kafka, &topic, &group).await?;
    }

    if let Err(error) = collect(&killed, &shop).await {
        let checkpoint = checkpoint(&killed).await?;
        let ends = broker::ends(kafka, &topic, PARTITIONS).await?;
        return Err(error.context(format!("checkpoint at {checkpoint:?}, ends at {ends:?}")));
    }
    let rows = killed
        .sql("SELECT message_id, count(*) AS n FROM events GROUP BY message_id")
        .await?;
    assert!(rows.iter().all(|row| row[1] == 1), "each message id exactly once");
    let ids: HashSet<String> = rows.iter().map(|row| text(&row[0])).collect();
    assert_eq!(ids, shop.message_ids);

    let (topic, group) = (unique("clean"), unique("clean"));
    kafka.create_topic(&topic, PARTITIONS).await?;
    kafka.produce(&topic, shop.records.iter().cloned()).await?;
    let clean = workspace(kafka, &topic, &group, &shop).await?;
    collect(&clean, &shop).await?;
    assert_eq!(outcome(&killed).await?, outcome(&clean).await?);
    Ok(())
}

/// What the broker deleted before it was read can't be collected: it is counted and said, and what comes after it is
/// collected all the same.
#[tokio::test]
async fn records_deleted_before_they_are_read_are_counted() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let shop = Shop::new(78, now_ms(), 40);
    let (topic, group) = (unique("cut"), unique("cut"));
    kafka.create_topic(&topic, PARTITIONS).await?;
    let workspace = workspace(kafka, &topic, &group, &shop).await?;
    let (first, second) = shop.records.split_at(shop.records.len() / 2);
    kafka.produce(&topic, first.iter().cloned()).await?;
    let before = workspace.ingest().await?;
    assert_eq!(before["lost"], 0, "{before}");
    let read = broker::ends(kafka, &topic, PARTITIONS).await?;

    kafka.produce(&topic, second.iter().cloned()).await?;
    let ends = broker::ends(kafka, &topic, PARTITIONS).await?;
    kafka.delete_records(&topic, 0, ends[&0]).await?;
    let lost = ends[&0] - read[&0];
    assert!(lost > 0, "{ends:?}");
    // Said once it is known, whether or not anything else arrives, and not counted twice by whoever comes later.
    for _ in 0..2 {
        let counts = workspace.ingest().await?;
        assert_eq!(counts["lost"], lost, "{counts}");
        let count = |name: &str| counts[name].as_i64().unwrap_or_default();
        let seen = count("events") + count("duplicates") + count("malformed");
        assert_eq!(seen, shop.records.len() as i64 - lost, "{counts}");
    }
    Ok(())
}

/// The group's offsets follow the checkpoint: they never stand where the state does not. The state is read as the kill
/// left it.
async fn never_leads(workspace: &Workspace, kafka: &Kafka, topic: &str, group: &str) -> Result<()> {
    let committed = broker::committed(kafka, group, topic, PARTITIONS).await?;
    let checkpoint = checkpoint(workspace).await?;
    for (partition, offset) in committed {
        let next = checkpoint.get(&partition).copied().unwrap_or(0);
        assert!(
            offset.unwrap_or(0) <= next,
            "partition {partition}: committed {offset:?}, checkpoint {checkpoint:?}"
        );
    }
    Ok(())
}

/// The next offset of each partition, as the state has it.
async fn checkpoint(workspace: &Workspace) -> Result<BTreeMap<i32, i64>> {
    let options = SqliteConnectOptions::new().filename(workspace.path(".tailrace/state.db"));
    let mut state = SqliteConnection::connect_with(&options).await?;
    let rows = sqlx::query("SELECT partition, next_offset FROM positions")
        .fetch_all(&mut state)
        .await?;
    state.close().await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}
