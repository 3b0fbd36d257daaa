//! What a search returns equals a full consume filtered in memory.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use integration::{eventually, kafka::Kafka, need, unique};
use tailrace_app::commands;
use tailrace_model::api::{TailRequest, TailRowsRequest, TailStart, TailState, ViewRequest};

use super::{
    Opened, PARTITIONS, PATIENCE,
    predicate::{Dice, Predicate, records},
};

const RECORDS: usize = 600;
const PREDICATES: usize = 60;
/// What the test is made of is the same every time.
const SEED: u64 = 42;

pub type Places = BTreeSet<(i32, i64)>;

#[tokio::test(flavor = "multi_thread")]
async fn a_search_finds_what_a_full_consume_filtered_in_memory_has() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let topic = unique("tables.random");
    kafka.create_topic(&topic, PARTITIONS).await?;
    let mut dice = Dice(SEED);
    let (produced, known) = records(&mut dice, RECORDS);
    kafka.produce(&topic, produced).await?;
    let opened = Opened::new(kafka).await?;
    let (mut found, mut told_apart) = (0, 0);
    for _ in 0..PREDICATES {
        let predicate = Predicate::random(&mut dice, 3);
        let sql = predicate.sql();
        let places = |fault: bool| -> Places {
            let holding = known
                .iter()
                .filter(|record| predicate.holds(record, fault) == Some(true));
            holding.map(|record| (record.partition, record.offset)).collect()
        };
        let expected = places(false);
        let searched = table(&opened, &topic, &sql).await?;
        ensure!(
            searched == expected,
            "as a table: {sql}: {:?}",
            differ(&searched, &expected)
        );
        let tailed = tail(&opened, &topic, &sql).await?;
        ensure!(
            tailed == expected,
            "as a tail: {sql}: {:?}",
            differ(&tailed, &expected)
        );
        found += expected.len();
        told_apart += usize::from(places(true) != expected);
    }
    opened.app.close().await;
    // It could fail: records are found, and a search that compares numbers a little wrong would be noticed.
    ensure!(found > RECORDS, "only {found} records were found in all");
    ensure!(told_apart >= 5, "only {told_apart} predicates tell a fault apart");
    Ok(())
}

/// Some that are too much, and some that are missing.
pub fn differ(found: &Places, expected: &Places) -> [Places; 2] {
    let more = found.difference(expected).take(5).copied().collect();
    let missing = expected.difference(found).take(5).copied().collect();
    [more, missing]
}

async fn table(opened: &Opened, topic: &str, predicate: &str) -> Result<Places> {
    let sql = format!("SELECT _partition, _offset FROM test.\"{topic}\" WHERE {predicate}");
    let answer = opened.ask(&sql).await?;
    let number = |cell: &Option<String>| cell.as_deref().unwrap_or_default().parse::<i64>();
    let places: Places = answer
        .rows
        .iter()
        .map(|row| Ok((number(&row[0])? as i32, number(&row[1])?)))
        .collect::<Result<_>>()?;
    ensure!(places.len() == answer.rows.len(), "a record came twice: {sql}");
    Ok(places)
}

async fn tail(opened: &Opened, topic: &str, predicate: &str) -> Result<Places> {
    let request = TailRequest {
        cluster: "test".to_owned(),
        topic: topic.to_owned(),
        start: TailStart::Beginning,
        until_ms: None,
        partitions: Vec::new(),
        filter: Some(predicate.to_owned()),
        select: None,
        stop_at_end: true,
        limit: None,
        formats: Default::default(),
    };
    let app = &opened.app;
    let view = commands::tail_start(app, request)
        .await
        .with_context(|| predicate.to_owned())?
        .view;
    let status = eventually(predicate, PATIENCE, || async {
        let status = commands::tail_status(app, ViewRequest { view }).await.ok()?;
        matches!(status.state, TailState::Stopped | TailState::Failed).then_some(status)
    })
    .await?;
    if let Some(error) = status.error {
        return Err(anyhow::Error::from(error).context(predicate.to_owned()));
    }
    // What it says of place and time is sought; everything else is read for.
    let sought = ["_partition", "_offset", "_timestamp"]
        .iter()
        .any(|place| predicate.contains(place));
    ensure!(
        status.scanned == RECORDS as u64 || (sought && status.scanned < RECORDS as u64),
        "{predicate}: scanned {}",
        status.scanned
    );
    let rows = TailRowsRequest {
        view,
        offset: 0,
        limit: RECORDS as u32,
        columns: None,
    };
    let rows = commands::tail_rows(app, rows).await?.rows;
    commands::tail_close(app, ViewRequest { view }).await?;
    Ok(rows.iter().map(|row| (row.partition, row.offset)).collect())
}
