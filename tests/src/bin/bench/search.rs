//! Search: a SQL filter over a whole topic, as a tail and as a table, over a bare librdkafka consumer that decodes
//! nothing, and over `kcat -C -e -J` piped into `jq` with the same filter. All on the same topic of Apache Kafka.
//!
//! kcat and jq are slow, so they are timed on the first records of each partition; their rate is what counts.

use std::{process::Stdio, time::Instant};

use anyhow::{Context, Result, ensure};
use integration::kafka::Kafka;
use tailrace_app::{App, OpenOptions, commands};
use tailrace_model::api::{SqlRequest, ViewRequest};
use tempfile::TempDir;
use tokio::process::Command;

use crate::{
    numbers::{count, median, rate, spread},
    report::{Figure, note},
    tail::{DEADLINE, FILTER, TOPIC, Topic, bare_loop, fill, open, tail},
};

/// Records of each partition that kcat and jq are given.
const PEER_RECORDS_MAX: u64 = 125_000;
/// As [`FILTER`].
const JQ: &str = "select(.payload | fromjson | .revenue > 490 and .event == \"Order Completed\") | .offset";

pub async fn measure(records: u64, rounds: usize) -> Result<Vec<Figure>> {
    let kafka = Kafka::start().await?;
    let topic = fill(&kafka, records).await?;
    let folder = TempDir::with_prefix("tailrace-bench-search-")?;
    let app = open(folder.path(), &kafka.bootstrap(), OpenOptions::command()).await?;
    let (mut tailed, mut queried, mut bare, mut piped) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 1..=rounds {
        bare.push(bare_loop(&kafka, topic).await?);
        tailed.push(tail(&app, topic).await?);
        queried.push(table(&app, topic).await?);
        piped.push(kcat(&kafka, topic).await?);
        let last = round - 1;
        note(&format!(
            "  round {round}: {} as a tail, {} as a table, {} bare, {} by kcat and jq",
            rate(tailed[last]),
            rate(queried[last]),
            rate(bare[last]),
            rate(piped[last])
        ));
    }
    app.close().await;
    let over = format!(
        "{} JSON records of {} bytes, {} of them match `{FILTER}`; more is better",
        count(topic.records),
        topic.bytes / topic.records.max(1),
        count(topic.matching)
    );
    let figure = |what: &str, ours: &[f64], peer: &[f64], named: &str| Figure {
        what: what.to_owned(),
        over: over.clone(),
        figure: format!("{:.2} ×", median(ours) / median(peer)),
        tailrace: spread(ours, rate),
        peer: format!("{named}: {}", spread(peer, rate)),
    };
    Ok(vec![
        figure(
            "Search as a tail: records per second over a bare librdkafka loop's",
            &tailed,
            &bare,
            "librdkafka",
        ),
        figure(
            "Search as a table, start and sample included: records per second over a bare librdkafka loop's",
            &queried,
            &bare,
            "librdkafka",
        ),
        figure(
            "Search as a tail: records per second over kcat piped into jq",
            &tailed,
            &piped,
            "kcat and jq",
        ),
    ])
}

/// The whole topic as a table, from the text of the query to its last row.
async fn table(app: &App, topic: Topic) -> Result<f64> {
    let sql = format!("SELECT _partition, _offset FROM kafka.\"{TOPIC}\" WHERE {FILTER}");
    let started = Instant::now();
    let view = commands::sql_start(app, SqlRequest { sql }).await?.view;
    let status = loop {
        let status = commands::sql_status(app, ViewRequest { view }).await?;
        if !status.running {
            break status;
        }
        ensure!(started.elapsed() < DEADLINE, "the query has not ended in time");
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    };
    let took = started.elapsed();
    commands::sql_close(app, ViewRequest { view }).await?;
    if let Some(error) = status.error {
        return Err(error.into());
    }
    let scanned = status.scan.map_or(0, |scan| scan.records);
    ensure!(
        (scanned, status.rows) == (topic.records, topic.matching),
        "the query scanned {scanned} records and found {}",
        status.rows
    );
    Ok(scanned as f64 / took.as_secs_f64())
}

/// The first records of each partition through kcat and jq: records per second.
async fn kcat(kafka: &Kafka, topic: Topic) -> Result<f64> {
    let mut read = 0;
    let started = Instant::now();
    for partition in 0..4_u64 {
        let records = PEER_RECORDS_MAX.min(topic.records / 4);
        let command = format!(
            "kcat -C -q -J -b {} -t {TOPIC} -p {partition} -o beginning -c {records} | jq -c '{JQ}' | wc -l",
            kafka.bootstrap()
        );
        let output = Command::new("bash")
            .args(["-o", "pipefail", "-c", &command])
            .stderr(Stdio::inherit())
            .output()
            .await
            .context("bash could not be started")?;
        ensure!(
            output.status.success(),
            "kcat or jq is missing: apt-get install kcat jq"
        );
        read += records;
    }
    Ok(read as f64 / started.elapsed().as_secs_f64())
}
