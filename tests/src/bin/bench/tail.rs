//! A tail that decodes JSON and filters by SQL, as the window and the terminal run it, over a bare librdkafka consumer
//! that counts bytes and does nothing else, on the same topic of Apache Kafka.
//!
//! Both read the whole topic from its beginning to the ends that it has. The clock runs from the first records until the
//! last one is through, so that making a connection, which both do in the same way, does not count. They take turns, and
//! the median of each counts.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use integration::kafka::{Kafka, Record};
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
};
use serde_json::json;
use tailrace_app::{App, OpenOptions, commands};
use tailrace_model::{
    TopicFormats,
    api::{TailRequest, TailStart, TailState, TailStatus, ViewRequest},
};
use tempfile::TempDir;

use crate::{
    numbers::{Dice, count, median, rate, spread},
    report::{Figure, note},
};

pub const TOPIC: &str = "bench.events";
const PARTITIONS: i32 = 4;
/// Records that are made and produced at a time.
const CHUNK: u64 = 100_000;
const SEED: u64 = 11;
/// One order in fifty brings in more than this, and one event in twenty is an order: the filter keeps one in a thousand.
const REVENUE: u64 = 490;
const REVENUE_MAX: u64 = 500;
const ORDER_PER_MILLE: u64 = 50;
pub const FILTER: &str = "value.revenue > 490 and value.event = 'Order Completed'";
const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:134.0) Gecko/20100101 Firefox/134.0";
pub const DEADLINE: Duration = Duration::from_secs(600);
/// How often the tail is asked how far it is.
const ASK_EVERY: Duration = Duration::from_millis(2);
/// What a tail fetches with, so that the ratio is about what is done with a record and not about how it is fetched.
const FETCH: [(&str, &str); 7] = [
    ("fetch.min.bytes", "1"),
    ("fetch.wait.max.ms", "250"),
    ("fetch.message.max.bytes", "4194304"),
    ("fetch.max.bytes", "33554432"),
    ("queued.min.messages", "200000"),
    ("queued.max.messages.kbytes", "65536"),
    ("fetch.queue.backoff.ms", "5"),
];

/// What the producer put there.
#[derive(Debug, Clone, Copy, Default)]
pub struct Topic {
    pub records: u64,
    /// Of the values.
    pub bytes: u64,
    /// Records that the filter keeps.
    pub matching: u64,
}

pub async fn measure(records: u64, rounds: usize) -> Result<Vec<Figure>> {
    let kafka = Kafka::start().await?;
    let topic = fill(&kafka, records).await?;
    let folder = TempDir::with_prefix("tailrace-bench-tail-")?;
    let app = open(folder.path(), &kafka.bootstrap(), OpenOptions::look()).await?;
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        bare.push(bare_loop(&kafka, topic).await?);
        ours.push(tail(&app, topic).await?);
        let (ours, bare) = (ours[round - 1], bare[round - 1]);
        note(&format!(
            "  round {round}: {} tailed, {} bare",
            rate(ours),
            rate(bare)
        ));
    }
    app.close().await;
    let size = topic.bytes / topic.records.max(1);
    Ok(vec![Figure {
        what: "Tail with decoding and a SQL filter: records per second over a bare librdkafka loop's"
            .to_owned(),
        over: format!(
            "{} JSON records of {size} bytes in {PARTITIONS} partitions of Apache Kafka, {} of them match `{FILTER}`; more is better",
            count(topic.records),
            count(topic.matching)
        ),
        figure: format!("{:.2} ×", median(&ours) / median(&bare)),
        tailrace: spread(&ours, rate),
        peer: format!("librdkafka: {}", spread(&bare, rate)),
    }])
}

pub async fn fill(kafka: &Kafka, records: u64) -> Result<Topic> {
    kafka.create_topic(TOPIC, PARTITIONS).await?;
    let mut dice = Dice::new(SEED);
    let mut topic = Topic::default();
    while topic.records < records {
        let chunk: Vec<Record> = (0..CHUNK.min(records - topic.records))
            .map(|_| record(&mut dice, &mut topic))
            .collect();
        kafka.produce(TOPIC, chunk).await?;
    }
    note(&format!(
        "  produced {} records, {} of which match",
        count(topic.records),
        count(topic.matching)
    ));
    Ok(topic)
}

/// An event as a shop sends it, flat enough to be read at a glance.
pub fn record(dice: &mut Dice, topic: &mut Topic) -> Record {
    let number = topic.records;
    let order = dice.per_mille(ORDER_PER_MILLE);
    let event = match order {
        true => "Order Completed",
        false => *dice.pick(&[
            "Product Viewed",
            "Product Added",
            "Page Viewed",
            "Cart Viewed",
            "Signed In",
        ]),
    };
    let user = dice.below(100_000);
    let product = dice.below(9_000);
    let mut value = json!({
        "messageId": format!("ajs-next-{:016x}{:016x}", dice.next(), dice.next()),
        "type": "track",
        "event": event,
        "userId": format!("u_{user:06}"),
        "timestamp": format!("2026-03-09T14:{:02}:{:02}.{:03}Z", number / 60_000 % 60, number / 1_000 % 60, number % 1_000),
        "currency": "EUR",
        "cart": { "items": dice.below(6), "coupon": dice.per_mille(200).then_some("SPRING-10") },
        "context": {
            "ip": format!("198.51.100.{}", dice.below(256)),
            "userAgent": AGENT,
            "locale": dice.pick(&["de-DE", "en-GB", "fr-FR", "ja-JP"]),
            "page": { "path": format!("/p/p_{product}"), "referrer": "https://www.search.example/" },
        },
    });
    if order {
        let revenue = dice.below(REVENUE_MAX * 100) as f64 / 100.0;
        value["revenue"] = json!(revenue);
        value["orderId"] = json!(format!("o_{number:08}"));
        topic.matching += u64::from(revenue > REVENUE as f64);
    }
    let value = value.to_string();
    topic.records += 1;
    topic.bytes += value.len() as u64;
    Record::new(format!("u_{user:06}"), value).on_partition((number % PARTITIONS as u64) as i32)
}

/// A workspace that has this cluster and nothing else.
pub async fn open(folder: &Path, bootstrap: &str, options: OpenOptions) -> Result<App> {
    workspace(folder, bootstrap)?;
    Ok(App::open(folder.to_owned(), options).await?)
}

/// The files of a workspace that has this cluster and nothing else.
pub fn workspace(folder: &Path, bootstrap: &str) -> Result<()> {
    std::fs::create_dir_all(folder.join("clusters"))?;
    std::fs::write(folder.join("tailrace.toml"), "name = \"bench\"\n")?;
    let cluster = format!("kind = \"kafka\"\n\n[properties]\n\"bootstrap.servers\" = \"{bootstrap}\"\n");
    std::fs::write(folder.join("clusters/kafka.toml"), cluster)?;
    Ok(())
}

/// The whole topic through the app's own tail: records per second.
pub async fn tail(app: &App, topic: Topic) -> Result<f64> {
    let request = TailRequest {
        cluster: "kafka".to_owned(),
        topic: TOPIC.to_owned(),
        start: TailStart::Beginning,
        until_ms: None,
        partitions: Vec::new(),
        filter: Some(FILTER.to_owned()),
        select: None,
        stop_at_end: true,
        limit: None,
        formats: TopicFormats::default(),
    };
    let view = commands::tail_start(app, request).await?.view;
    let begun = reaches(app, view, "begun", |status| status.scanned > 0).await?;
    let started = Instant::now();
    let ended = reaches(app, view, "ended", |status| status.state == TailState::Stopped).await?;
    let took = started.elapsed();
    commands::tail_close(app, ViewRequest { view }).await?;
    ensure!(
        (ended.scanned, ended.matched) == (topic.records, topic.matching),
        "the tail scanned {} records and kept {}, instead of {} and {}",
        ended.scanned,
        ended.matched,
        topic.records,
        topic.matching
    );
    ensure!(
        begun.scanned < ended.scanned,
        "the tail was over before it could be measured: give more --records"
    );
    Ok((ended.scanned - begun.scanned) as f64 / took.as_secs_f64())
}

async fn reaches(
    app: &App,
    view: u64,
    what: &str,
    wanted: impl Fn(&TailStatus) -> bool,
) -> Result<TailStatus> {
    let asked = Instant::now();
    loop {
        let status = commands::tail_status(app, ViewRequest { view }).await?;
        if wanted(&status) {
            return Ok(status);
        }
        if let Some(error) = status.error {
            return Err(error.into());
        }
        ensure!(
            asked.elapsed() < DEADLINE,
            "the tail has not {what} after {} s: {}",
            DEADLINE.as_secs(),
            status.note.unwrap_or_default()
        );
        tokio::time::sleep(ASK_EVERY).await;
    }
}

/// The whole topic through a consumer that only counts: records per second.
pub async fn bare_loop(kafka: &Kafka, topic: Topic) -> Result<f64> {
    let mut config = kafka.client_config();
    config.set("group.id", "bench").set("enable.auto.commit", "false");
    for (name, value) in FETCH {
        config.set(name, value);
    }
    let (took, records, bytes) =
        tokio::task::spawn_blocking(move || consume(&config, topic.records)).await??;
    ensure!(
        (records, bytes) == (topic.records, topic.bytes),
        "the bare loop read {records} records of {bytes} bytes, instead of {} of {}",
        topic.records,
        topic.bytes
    );
    ensure!(records > 1, "one record has no rate: give more --records");
    Ok((records - 1) as f64 / took.as_secs_f64())
}

/// From the first record to the last: the end of a partition, which the broker has to tell, comes later.
fn consume(config: &ClientConfig, expected: u64) -> Result<(Duration, u64, u64)> {
    let consumer: BaseConsumer = config.create()?;
    let mut assignment = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        assignment.add_partition_offset(TOPIC, partition, Offset::Beginning)?;
    }
    consumer.assign(&assignment)?;
    let (mut records, mut bytes, mut started) = (0, 0, Instant::now());
    while records < expected {
        let message = consumer
            .poll(DEADLINE)
            .with_context(|| format!("no more than {records} records came"))??;
        if records == 0 {
            started = Instant::now();
        }
        records += 1;
        bytes += message.payload_len() as u64;
    }
    Ok((started.elapsed(), records, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_as_long_and_as_rare_as_they_should_be() {
        let (mut dice, mut topic) = (Dice::new(SEED), Topic::default());
        for _ in 0..50_000 {
            record(&mut dice, &mut topic);
        }
        assert!((300..=500).contains(&(topic.bytes / topic.records)), "{topic:?}");
        assert!((25..=100).contains(&topic.matching), "{topic:?}");
        assert!(FILTER.contains(&format!("> {REVENUE} ")));
    }
}
