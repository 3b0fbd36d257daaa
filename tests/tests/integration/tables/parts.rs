//! The same with everything that a topic may have besides: transactions that were aborted, another format, masks, and
//! a search of a part of it. What is scanned is what is in the part, and no record more.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use integration::{
    eventually,
    kafka::{Consumed, Kafka, Record},
    need, unique,
};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde_json::{Value, json};
use tailrace_app::{App, OpenOptions, commands};
use tailrace_connectors::formats::{
    Encoder,
    registry::{RegisteredSchema, SchemaKind},
};
use tailrace_model::api::{RowsRequest, TailRequest, TailStart, TailState, TailStatus, ViewRequest};
use tempfile::TempDir;

use super::{
    MARCH_MS, PARTITIONS, PATIENCE,
    predicate::{Dice, Known, Predicate, known},
    property::{Places, differ},
};

const RECORDS: usize = 480;
/// Records of one transaction at most.
const TRANSACTION_MAX: u64 = 12;
const SEARCHES: usize = 25;
const SEED: u64 = 7;

/// Fields may be missing, and numbers may be whole.
const AVRO: &str = r#"{"type":"record","name":"R","fields":[
    {"name":"n","type":["null","double"],"default":null},{"name":"s","type":["null","string"],"default":null},
    {"name":"o","type":["null",{"type":"record","name":"O","fields":[{"name":"n","type":["null","double"]}]}],
     "default":null}]}"#;

/// How values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    Json,
    Avro,
    Cbor,
}

impl Written {
    /// What the cluster's file says of the topic.
    fn definition(self, topic: &str) -> String {
        let format = match self {
            Self::Json => return String::new(),
            Self::Avro => "format = \"avro\"\nframing = \"confluent\"\nschema = \"r.avsc\"",
            Self::Cbor => "format = \"cbor\"",
        };
        format!("\n[topics.\"{topic}\".value]\n{format}\n")
    }

    fn encode(self, json: &Value) -> Result<Vec<u8>> {
        Ok(match self {
            Self::Json => json.to_string().into_bytes(),
            Self::Avro => {
                let schema = RegisteredSchema {
                    id: 7,
                    kind: SchemaKind::Avro,
                    text: AVRO.to_owned(),
                    references: Vec::new(),
                };
                let encoded = Encoder::new(&schema, None)?.encode(&json.to_string());
                encoded.map_err(|misfit| anyhow::anyhow!("{misfit}"))?
            }
            Self::Cbor => cbor(json),
        })
    }
}

/// RFC 8949: the few kinds that are needed here.
fn cbor(json: &Value) -> Vec<u8> {
    let head = |major: u8, length: usize| vec![(major << 5) | 24, length as u8];
    match json {
        Value::Null => vec![0xf6],
        Value::Number(number) => [&[0xfb][..], &number.as_f64().unwrap_or_default().to_be_bytes()].concat(),
        Value::String(text) => [head(3, text.len()), text.clone().into_bytes()].concat(),
        Value::Object(fields) => fields
            .iter()
            .fold(head(5, fields.len()), |mut bytes, (name, value)| {
                bytes.extend(cbor(&Value::String(name.clone())));
                bytes.extend(cbor(value));
                bytes
            }),
        _ => Vec::new(),
    }
}

fn value(dice: &mut Dice) -> Value {
    let half = |dice: &mut Dice| match dice.below(8) {
        0 => Value::Null,
        _ => json!(dice.below(100) as f64 / 2.0 + 0.25),
    };
    let texts = [
        "Order",
        "Order Completed",
        "Größe",
        "say \"hi\"",
        "a\\b",
        "tab\there",
    ];
    let s = match dice.below(8) {
        0 => Value::Null,
        _ => Value::from(texts[dice.below(texts.len() as u64) as usize]),
    };
    let o = match dice.below(4) {
        0 => Value::Null,
        _ => json!({ "n": half(dice) }),
    };
    json!({ "n": half(dice), "s": s, "o": o })
}

/// Transactions over all partitions, of which about every third is aborted. The values by key.
async fn fill(
    kafka: &Kafka,
    topic: &str,
    written: Written,
    dice: &mut Dice,
) -> Result<BTreeMap<String, Value>> {
    let (mut batches, mut values) = (Vec::new(), BTreeMap::new());
    let mut count = 0;
    while count < RECORDS {
        let size = 1 + dice.below(TRANSACTION_MAX) as usize;
        let mut records = Vec::new();
        for number in count..count + size {
            let (key, value) = (format!("k_{number}"), value(dice));
            let step = (number as i64 / i64::from(PARTITIONS)) * 60_000;
            records.push(Record {
                key: Some(key.clone().into_bytes()),
                value: Some(written.encode(&value)?),
                timestamp_ms: Some(MARCH_MS + step + dice.below(10) as i64 * 30_000),
                partition: Some(dice.below(PARTITIONS as u64) as i32),
                headers: Vec::new(),
            });
            values.insert(key, value);
        }
        count += size;
        batches.push((records, dice.below(3) > 0));
    }
    let mut config = kafka.client_config();
    config.set("transactional.id", unique("parts"));
    let topic = topic.to_owned();
    tokio::task::spawn_blocking(move || {
        let producer: BaseProducer = config.create()?;
        producer.init_transactions(PATIENCE)?;
        for (records, commit) in batches {
            producer.begin_transaction()?;
            for record in &records {
                let send = BaseRecord::<[u8], [u8]> {
                    key: record.key.as_deref(),
                    payload: record.value.as_deref(),
                    timestamp: record.timestamp_ms,
                    partition: record.partition,
                    ..BaseRecord::to(&topic)
                };
                producer.send(send).map_err(|(error, _)| error)?;
            }
            // What is not sent yet would not be in the log at all.
            producer.flush(PATIENCE)?;
            match commit {
                true => producer.commit_transaction(PATIENCE)?,
                false => producer.abort_transaction(PATIENCE)?,
            }
        }
        anyhow::Ok(())
    })
    .await??;
    Ok(values)
}

/// What is in the topic: records that count, those that were aborted, and the places of marks.
struct Topic {
    records: Vec<(Known, i64)>,
    /// By partition: each offset with the time that it is found by; marks have the time now, which is later than all.
    offsets: BTreeMap<i32, Vec<(i64, i64)>>,
}

impl Topic {
    async fn read(kafka: &Kafka, topic: &str, values: &BTreeMap<String, Value>) -> Result<Self> {
        let (committed, all) = (kafka.consume(topic).await?, kafka.consume_all(topic).await?);
        let ends = crate::broker::ends(kafka, topic, PARTITIONS).await?;
        let mut offsets = BTreeMap::new();
        for (partition, end) in ends {
            let times: BTreeMap<i64, i64> = all
                .iter()
                .filter(|record| record.partition == partition)
                .map(|record| (record.offset, record.timestamp_ms.unwrap_or_default()))
                .collect();
            let timed = (0..end).map(|at| (at, times.get(&at).copied().unwrap_or(i64::MAX)));
            offsets.insert(partition, timed.collect());
        }
        ensure!(all.len() > committed.len(), "some were aborted");
        let record = |record: &Consumed| {
            let key = String::from_utf8(record.key.clone().context("a key")?)?;
            let value = values.get(&key).context("a value")?;
            let time_ms = record.timestamp_ms.context("a time")?;
            Ok((
                known(record.partition, record.offset, time_ms, &key, value),
                time_ms,
            ))
        };
        Ok(Self {
            records: committed.iter().map(record).collect::<Result<_>>()?,
            offsets,
        })
    }

    /// The records of a part, by what `TailRequest` says of its fields.
    fn within(&self, part: &Part) -> Vec<&Known> {
        let mut found = Vec::new();
        for (partition, offsets) in &self.offsets {
            if !part.partitions.is_empty() && !part.partitions.contains(partition) {
                continue;
            }
            let end = offsets.len() as i64;
            let from = match part.start {
                TailStart::Beginning => 0,
                TailStart::End => end,
                TailStart::Offset(offset) => offset.min(end),
                TailStart::Last(count) => (end - count).max(0),
                TailStart::Timestamp(ms) => offsets
                    .iter()
                    .find(|(_, at)| *at >= ms)
                    .map_or(end, |(at, _)| *at),
            };
            let of = self
                .records
                .iter()
                .filter(|(known, _)| known.partition == *partition && known.offset >= from);
            let until = of.take_while(|(_, time_ms)| part.until_ms.is_none_or(|until| *time_ms < until));
            found.extend(until.map(|(known, _)| known));
        }
        found
    }
}

/// A part of the topic.
#[derive(Debug, Clone)]
struct Part {
    partitions: Vec<i32>,
    start: TailStart,
    until_ms: Option<i64>,
}

impl Part {
    fn random(dice: &mut Dice) -> Self {
        let time = |dice: &mut Dice| MARCH_MS + dice.below(170) as i64 * 60_000;
        Self {
            partitions: (0..PARTITIONS).filter(|_| dice.below(3) == 0).collect(),
            start: match dice.below(5) {
                0 => TailStart::Beginning,
                1 => TailStart::Offset(dice.below(200) as i64),
                2 => TailStart::Last(dice.below(150) as i64),
                3 => TailStart::Timestamp(time(dice)),
                _ => TailStart::Offset(0),
            },
            until_ms: (dice.below(3) == 0).then(|| time(dice)),
        }
    }

    fn request(&self, topic: &str, filter: &str) -> TailRequest {
        TailRequest {
            cluster: "test".to_owned(),
            topic: topic.to_owned(),
            start: self.start.clone(),
            until_ms: self.until_ms,
            partitions: self.partitions.clone(),
            filter: Some(filter.to_owned()),
            stop_at_end: true,
            limit: None,
            formats: Default::default(),
        }
    }
}

async fn open(kafka: &Kafka, folder: &TempDir, topic: &str, written: Written) -> Result<App> {
    let put = |name: &str, text: String| std::fs::write(folder.path().join(name), text);
    std::fs::create_dir_all(folder.path().join("clusters"))?;
    put("r.avsc", AVRO.to_owned())?;
    let masks = "[[masks]]\ncolumn = \"value.s\"\nwith = \"remove\"\n";
    put("tailrace.toml", format!("name = \"test\"\n{masks}"))?;
    let cluster = format!(
        "kind = \"kafka\"\n\n[properties]\n\"bootstrap.servers\" = \"{}\"\n{}",
        kafka.bootstrap(),
        written.definition(topic)
    );
    put("clusters/test.toml", cluster)?;
    Ok(App::open(folder.path().to_owned(), OpenOptions::look().masked(true)).await?)
}

/// Searches, and gives back where it found what, how it ended, and everything that it showed.
async fn search(app: &App, request: TailRequest) -> Result<(Places, TailStatus, String)> {
    let what = format!("{request:?}");
    let view = commands::tail_start(app, request)
        .await
        .with_context(|| what.clone())?
        .view;
    let status = eventually(&what, PATIENCE, || async {
        let status = commands::tail_status(app, ViewRequest { view }).await.ok()?;
        matches!(status.state, TailState::Stopped | TailState::Failed).then_some(status)
    })
    .await?;
    ensure!(status.error.is_none(), "{what}: {:?}", status.error);
    let rows = RowsRequest {
        view,
        offset: 0,
        limit: RECORDS as u32,
    };
    let rows = commands::tail_rows(app, rows).await?.rows;
    commands::tail_close(app, ViewRequest { view }).await?;
    let places: Places = rows.iter().map(|row| (row.partition, row.offset)).collect();
    ensure!(places.len() == rows.len(), "{what}: a record came twice");
    let shown = rows
        .iter()
        .filter_map(|row| row.value.clone())
        .collect::<Vec<_>>()
        .join("\n");
    Ok((places, status, shown))
}

async fn agrees(kafka: &Kafka, written: Written) -> Result<()> {
    let mut dice = Dice(SEED + written as u64);
    let topic = unique("tables.parts");
    kafka.create_topic(&topic, PARTITIONS).await?;
    let values = fill(kafka, &topic, written, &mut dice).await?;
    let whole = Topic::read(kafka, &topic, &values).await?;
    let folder = TempDir::with_prefix("tailrace-parts-")?;
    let app = open(kafka, &folder, &topic, written).await?;
    let (mut found, mut parts, mut told) = (0, 0, 0);
    for _ in 0..SEARCHES {
        let (part, predicate) = (Part::random(&mut dice), Predicate::random(&mut dice, 2));
        let within = whole.within(&part);
        let places = |fault: bool| -> Places {
            let holds = within
                .iter()
                .filter(|known| predicate.holds(known, fault) == Some(true));
            holds.map(|known| (known.partition, known.offset)).collect()
        };
        let (expected, sql) = (places(false), predicate.sql());
        let (searched, status, shown) = search(&app, part.request(&topic, &sql)).await?;
        let what = format!("{written:?}, {part:?}, {sql}");
        ensure!(searched == expected, "{what}: {:?}", differ(&searched, &expected));
        ensure!(
            status.scanned == within.len() as u64 && status.undecoded == 0,
            "{what}: scanned {} of {}, {} not decoded",
            status.scanned,
            within.len(),
            status.undecoded
        );
        // The filter sees what the masks hide, and nobody else does.
        ensure!(
            !shown.contains("Order") && !shown.contains("Größe"),
            "{what}: {shown}"
        );
        found += expected.len();
        parts += usize::from(!within.is_empty() && within.len() < whole.records.len());
        told += usize::from(places(true) != expected);
    }
    app.close().await;
    // It could fail.
    ensure!(
        found > 200 && parts > SEARCHES / 2 && told > 0,
        "{found} found in {parts} parts, {told} told apart"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_of_a_part_finds_what_is_there_whatever_it_is_written_in() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    for written in [Written::Json, Written::Avro, Written::Cbor] {
        agrees(kafka, written).await?;
    }
    Ok(())
}
