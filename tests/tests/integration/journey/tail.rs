//! Tailing: every start, every stop, filters that have to match exactly what the test knows.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use integration::{
    kafka::{Kafka, Record},
    need, unique,
};
use serde_json::Value;

use super::Stage;
use crate::{
    shop::{PARTITIONS, time},
    workspace::{Workspace, text},
};

/// Tails to the end and returns the records, which must not repeat.
async fn tail(workspace: &Workspace, stage: &Stage, args: &[&str]) -> Result<Vec<Value>> {
    let records = workspace
        .lines(&[&["tail", "test", &stage.topic, "--exit"], args].concat())
        .await?;
    let places: BTreeSet<(i64, i64)> = records.iter().map(place).collect::<Result<_>>()?;
    anyhow::ensure!(places.len() == records.len(), "a record came twice");
    Ok(records)
}

fn place(record: &Value) -> Result<(i64, i64)> {
    let number = |name: &str| record[name].as_i64().with_context(|| record.to_string());
    Ok((number("partition")?, number("offset")?))
}

#[tokio::test]
async fn every_record_comes_once_and_whole() -> Result<()> {
    let stage = need!(Stage::shared().await);
    let workspace = need!(stage.workspace());
    let found = tail(&workspace, stage, &["-o", "beginning"]).await?;
    assert_eq!(found.len(), stage.shop.records.len());
    let mut wanted: BTreeMap<i64, Vec<&Record>> = BTreeMap::new();
    for record in &stage.shop.records {
        wanted
            .entry(record.partition.unwrap_or_default().into())
            .or_default()
            .push(record);
    }
    let mut last: BTreeMap<i64, i64> = BTreeMap::new();
    for record in &found {
        let (partition, offset) = place(record)?;
        assert_eq!(
            last.insert(partition, offset),
            offset.checked_sub(1).filter(|it| *it >= 0),
            "in order"
        );
        let produced = wanted[&partition][offset.unsigned_abs() as usize];
        let value = produced
            .value
            .as_deref()
            .map(|value| String::from_utf8_lossy(value).into_owned());
        let value = value.map_or(Value::Null, |value| {
            serde_json::from_str(&value).unwrap_or(Value::String(value))
        });
        assert_eq!(
            record["value"], value,
            "the value of {partition}/{offset} is whole"
        );
        assert_eq!(
            record["timestamp"],
            time(produced.timestamp_ms.unwrap_or_default())
        );
        assert_eq!(
            record["key"],
            String::from_utf8_lossy(produced.key.as_deref().unwrap_or_default()).as_ref()
        );
    }
    Ok(())
}

#[tokio::test]
async fn it_starts_and_stops_anywhere() -> Result<()> {
    let stage = need!(Stage::shared().await);
    let workspace = need!(stage.workspace());
    let sizes = stage.shop.partition_sizes();
    let sum = |of: &dyn Fn(i64) -> i64| sizes.values().map(|size| of(*size)).sum::<i64>() as usize;

    let found = tail(&workspace, stage, &["-o", "1000"]).await?;
    assert_eq!(found.len(), sum(&|size| (size - 1_000).max(0)));
    let found = tail(&workspace, stage, &["-o", "-5"]).await?;
    assert_eq!(found.len(), 5 * PARTITIONS as usize);
    let newest: BTreeSet<(i64, i64)> = found.iter().map(place).collect::<Result<_>>()?;
    let wanted = sizes
        .iter()
        .flat_map(|(partition, size)| (size - 5..*size).map(|offset| (i64::from(*partition), offset)));
    assert_eq!(newest, wanted.collect());

    let found = tail(&workspace, stage, &["-o", "beginning", "-p", "1,3"]).await?;
    assert_eq!(found.len() as i64, sizes[&1] + sizes[&3]);
    let found = tail(&workspace, stage, &["-o", "end"]).await?;
    assert_eq!(found.len(), 0);
    let found = tail(&workspace, stage, &["-o", "beginning", "-c", "7"]).await?;
    assert_eq!(found.len(), 7);
    Ok(())
}

#[tokio::test]
async fn it_starts_and_stops_at_a_time() -> Result<()> {
    let stage = need!(Stage::shared().await);
    let workspace = need!(stage.workspace());
    let at = |part: usize| stage.shop.records[stage.shop.records.len() * part / 10].timestamp_ms;
    let (from, until) = (at(3).context("a time")?, at(6).context("a time")?);
    let count = |holds: &dyn Fn(i64) -> bool| {
        let times = stage.shop.records.iter().filter_map(|record| record.timestamp_ms);
        times.filter(|time| holds(*time)).count()
    };
    let start = format!("s@{from}");
    let found = tail(&workspace, stage, &["-o", &start]).await?;
    assert_eq!(found.len(), count(&|time| time >= from));
    let end = format!("e@{}", time(until));
    let found = tail(&workspace, stage, &["-o", &start, "-o", &end]).await?;
    assert_eq!(found.len(), count(&|time| time >= from && time < until));
    Ok(())
}

#[tokio::test]
async fn a_filter_keeps_exactly_what_matches() -> Result<()> {
    let stage = need!(Stage::shared().await);
    let workspace = need!(stage.workspace());
    let above = |value: &Value, limit: f64| value.as_f64().is_some_and(|value| value > limit);
    let cases: [(&str, usize); 6] = [
        (
            "value.properties.revenue > 100",
            stage
                .shop
                .records_where(|value| above(&value["properties"]["revenue"], 100.0)),
        ),
        (
            "where value.type = 'identify' and value.traits.plan = 'pro'",
            stage
                .shop
                .records_where(|value| value["type"] == "identify" && value["traits"]["plan"] == "pro"),
        ),
        // Comes late, and is a whole number at first and a fraction later.
        (
            "value.properties.discount > 12",
            stage
                .shop
                .records_where(|value| above(&value["properties"]["discount"], 12.0)),
        ),
        // In one event alone.
        (
            "value.properties.coupon = 'GOLD-1'",
            stage
                .shop
                .records_where(|value| value["properties"]["coupon"] == "GOLD-1"),
        ),
        // In none.
        ("value.properties.nowhere = 1", 0),
        ("_partition = 2 and _offset < 10 and _key is not null", 10),
    ];
    for (filter, wanted) in cases {
        let found = tail(&workspace, stage, &["-o", "beginning", "--where", filter]).await?;
        assert_eq!(found.len(), wanted, "{filter}");
    }
    assert!(cases[..4].iter().all(|(_, wanted)| *wanted > 0), "{cases:?}");
    assert!(
        stage
            .shop
            .records_where(|value| value["properties"]["discount"].is_f64())
            > 20
    );
    Ok(())
}

#[tokio::test]
async fn it_says_what_it_scanned_and_writes_files() -> Result<()> {
    let stage = need!(Stage::shared().await);
    let workspace = need!(stage.workspace());
    let file = workspace.path("out.csv");
    let file_name = file.to_str().context("a name")?;
    let args = [
        "tail",
        "test",
        &stage.topic,
        "-e",
        "-o",
        "beginning",
        "--where",
        "value.type = 'page'",
    ];
    let output = workspace
        .run(&[&args[..], &["--format", "csv", "--out", file_name]].concat())
        .await?
        .exits(0)?;
    let pages = stage.shop.records_where(|value| value["type"] == "page");
    assert_eq!(output.stdout, "");
    let csv = std::fs::read_to_string(&file)?;
    assert_eq!(csv.lines().count(), pages + 1, "a header and a line each");
    let said = output.stderr.replace(',', "");
    assert!(
        said.contains(&format!("scanned {} records", stage.shop.records.len()))
            && said.contains(&format!("matched {pages}"))
            && said.contains("end"),
        "{}",
        output.stderr
    );

    let last = ["tail", "test", &stage.topic, "-e", "-o", "-1", "-p", "0"];
    let kcat = workspace
        .run(&[&last[..], &["--format", "kcat"]].concat())
        .await?;
    let kcat: Value = kcat.exits(0)?.json()?;
    assert_eq!(text(&kcat["topic"]), stage.topic);
    assert_eq!(kcat["offset"], stage.shop.partition_sizes()[&0] - 1);
    Ok(())
}

/// More records than the table of a tail keeps, one of which has a field that no other has.
#[tokio::test]
async fn a_long_topic_is_tailed_whole() -> Result<()> {
    const RECORDS: usize = 500_000;
    let kafka = need!(Kafka::shared().await);
    let topic = unique("long");
    kafka.create_topic(&topic, 2).await?;
    let record = |number: usize| match number {
        123_457 => Record::new("k", format!("{{\"n\": {number}, \"needle\": true}}")),
        _ => Record::new("k", format!("{{\"n\": {number}}}")),
    };
    kafka.produce(&topic, (0..RECORDS).map(record)).await?;
    let workspace = Workspace::new()?;
    workspace.cluster(&kafka.bootstrap())?;
    let start = ["tail", "test", &topic, "-e", "-o", "beginning"];

    let found = workspace
        .lines(&[&start[..], &["--where", "value.needle"]].concat())
        .await?;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["value"]["n"], 123_457);

    let file = workspace.path("all.csv");
    let name = file.to_str().context("a name")?;
    let output = workspace
        .run(&[&start[..], &["--format", "csv", "--out", name]].concat())
        .await?
        .exits(0)?;
    let lines = std::fs::read_to_string(&file)?.lines().count();
    assert_eq!(lines, RECORDS + 1, "{}", output.stderr);
    Ok(())
}
