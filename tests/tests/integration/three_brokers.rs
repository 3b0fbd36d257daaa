//! Three brokers, of which one dies while it is tailed: nothing is lost, nothing comes twice, and everything else
//! still answers.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use integration::{
    brokers::{BROKERS, Brokers},
    eventually, need,
};
use rdkafka::{
    ClientContext, Message as _, Offset, TopicPartitionList,
    error::KafkaError,
    message::DeliveryResult,
    producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer},
    types::RDKafkaErrorCode,
};
use serde_json::Value;
use tailrace_app::{App, OpenOptions, commands};
use tailrace_model::{
    api::{RowsRequest, TailRequest, TailStart, TailState, TailStatus, ViewRequest},
    limits::ROWS_PAGE_MAX,
};

use crate::{
    broker,
    workspace::{DEADLINE, STOP_DEADLINE, Workspace},
};

const TOPIC: &str = "numbers";
const PARTITIONS: i32 = 6;
/// Records between one stage of the test and the next.
const STAGE: i64 = 2_000;
/// Records that wait for their acknowledgement.
const UNACKNOWLEDGED_MAX: i64 = 1_000;
/// The pace of the producer: a record at a time, with this between them.
const PACE: Duration = Duration::from_millis(1);
/// What one answer about groups may take, with the start of a program that is not optimised.
const ANSWER_MAX: Duration = Duration::from_secs(20);

/// Partition and offset, and the number that is there.
type Numbers = BTreeMap<(i32, i64), i64>;

/// Keeps what was acknowledged.
#[derive(Clone, Default)]
struct Acknowledged {
    numbers: Arc<Mutex<Numbers>>,
    failed: Arc<Mutex<Option<String>>>,
    count: Arc<AtomicI64>,
}

impl ClientContext for Acknowledged {}

impl ProducerContext for Acknowledged {
    type DeliveryOpaque = Box<i64>;

    fn delivery(&self, result: &DeliveryResult<'_>, number: Box<i64>) {
        let lock = |error: String| {
            let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
            failed.get_or_insert(error);
        };
        match result {
            Ok(message) => {
                let place = (message.partition(), message.offset());
                let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(other) = numbers.insert(place, *number) {
                    lock(format!("{other} and {number} were acknowledged at {place:?}"));
                }
            }
            Err((error, _)) => lock(format!("{number}: {error}")),
        }
        self.count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Writes numbers, each to the partition that it says, until it is stopped.
struct Writer {
    acknowledged: Acknowledged,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<Result<i64>>>,
}

impl Writer {
    fn start(brokers: &Brokers) -> Result<Self> {
        let (acknowledged, stop) = (Acknowledged::default(), Arc::new(AtomicBool::new(false)));
        let mut config = brokers.client_config();
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("linger.ms", "5")
            .set("message.timeout.ms", "120000");
        let producer: ThreadedProducer<Acknowledged> = config.create_with_context(acknowledged.clone())?;
        let (known, stopped) = (acknowledged.clone(), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            let mut number = 0;
            while !stopped.load(Ordering::Relaxed) {
                if number - known.count.load(Ordering::Relaxed) < UNACKNOWLEDGED_MAX {
                    send(&producer, number)?;
                    number += 1;
                }
                std::thread::sleep(PACE);
            }
            producer.flush(DEADLINE)?;
            Ok(number)
        });
        Ok(Self {
            acknowledged,
            stop,
            thread: Some(thread),
        })
    }

    fn numbers(&self) -> Numbers {
        let numbers = &self.acknowledged.numbers;
        numbers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until every partition has so many acknowledged records more than `before`.
    async fn wait_for_more(&self, before: &Numbers) -> Result<()> {
        let per_partition = STAGE / i64::from(PARTITIONS);
        eventually(
            "records to be acknowledged in every partition",
            DEADLINE,
            || async {
                let now = self.numbers();
                let of = |numbers: &Numbers, partition| {
                    numbers.range((partition, 0)..(partition + 1, 0)).count() as i64
                };
                let grown = |partition| of(&now, partition) - of(before, partition) >= per_partition;
                (0..PARTITIONS).all(grown).then_some(())
            },
        )
        .await
        .with_context(|| format!("{:?}", self.acknowledged.failed))
    }

    /// Ends it; everything it wrote was acknowledged once.
    async fn end(mut self) -> Result<Numbers> {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take().context("it runs")?;
        let written = tokio::task::spawn_blocking(move || thread.join())
            .await?
            .map_err(|_| anyhow::anyhow!("the producer panicked"))??;
        let failed = self
            .acknowledged
            .failed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        ensure!(failed.is_none(), "a record was not acknowledged: {failed:?}");
        let numbers = self.numbers();
        ensure!(
            numbers.len() as i64 == written,
            "{} of {written} were acknowledged",
            numbers.len()
        );
        Ok(numbers)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn send(producer: &ThreadedProducer<Acknowledged>, number: i64) -> Result<()> {
    let value = format!("{{\"n\": {number}}}");
    let mut record = BaseRecord::<str, str, Box<i64>>::with_opaque_to(TOPIC, Box::new(number))
        .payload(&value)
        .partition((number % i64::from(PARTITIONS)) as i32);
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                std::thread::sleep(PACE);
                record = back;
            }
            Err((error, _)) => return Err(error.into()),
        }
    }
}

/// A tail by the app's own commands, as the window has it.
struct Watched {
    app: App,
    view: u64,
}

impl Watched {
    async fn start(folder: &Path) -> Result<Self> {
        let app = App::open(folder.to_owned(), OpenOptions::look()).await?;
        let request = TailRequest {
            cluster: "test".to_owned(),
            topic: TOPIC.to_owned(),
            start: TailStart::Beginning,
            until_ms: None,
            partitions: Vec::new(),
            filter: None,
            stop_at_end: false,
            limit: None,
            formats: Default::default(),
        };
        let view = commands::tail_start(&app, request).await?.view;
        Ok(Self { app, view })
    }

    async fn status(&self) -> Result<TailStatus> {
        Ok(commands::tail_status(&self.app, ViewRequest { view: self.view }).await?)
    }

    /// Waits for a status.
    async fn wait_for(&self, what: &str, holds: impl Fn(&TailStatus) -> bool) -> Result<TailStatus> {
        let last = Mutex::new(None);
        let waited = eventually(what, DEADLINE, || async {
            let status = self.status().await.ok()?;
            let good = holds(&status);
            *last.lock().unwrap_or_else(PoisonError::into_inner) = Some(status.clone());
            good.then_some(status)
        });
        waited.await.with_context(|| {
            let last = last.lock().unwrap_or_else(PoisonError::into_inner);
            format!("its status was {:?}", *last)
        })
    }

    /// Every row it has, in the order in which they came.
    async fn rows(&self) -> Result<Vec<((i32, i64), i64)>> {
        let mut found = Vec::new();
        loop {
            let request = RowsRequest {
                view: self.view,
                offset: found.len() as u64,
                limit: ROWS_PAGE_MAX as u32,
            };
            let page = commands::tail_rows(&self.app, request).await?;
            ensure!(page.first == found.len() as u64, "rows have left the table");
            if page.rows.is_empty() {
                return Ok(found);
            }
            for row in page.rows {
                let value: Value = serde_json::from_str(row.value.as_deref().unwrap_or_default())?;
                let number = value["n"].as_i64().context("a number")?;
                found.push(((row.partition, row.offset), number));
            }
        }
    }
}

/// Exactly what was acknowledged, each once, and each partition in its order.
fn check(who: &str, found: &[((i32, i64), i64)], acknowledged: &Numbers) -> Result<()> {
    let mut last = BTreeMap::new();
    for ((partition, offset), number) in found {
        let before = last.insert(*partition, *offset);
        ensure!(
            before.is_none_or(|before| before < *offset),
            "{who}: partition {partition}: offset {offset} came after {before:?}"
        );
        let wanted = acknowledged.get(&(*partition, *offset));
        ensure!(
            wanted == Some(number),
            "{who}: {partition}/{offset} is {number}, not {wanted:?}"
        );
    }
    ensure!(
        found.len() == acknowledged.len(),
        "{who}: {} records of {} acknowledged ones",
        found.len(),
        acknowledged.len()
    );
    Ok(())
}

/// What the command line has printed so far.
fn printed(stdout: &str) -> Result<Vec<((i32, i64), i64)>> {
    let whole = stdout.rfind('\n').map_or("", |end| &stdout[..end]);
    whole
        .lines()
        .map(|line| {
            let record: Value = serde_json::from_str(line)?;
            let number = |value: &Value| value.as_i64().with_context(|| line.to_owned());
            let place = (
                i32::try_from(number(&record["partition"])?)?,
                number(&record["offset"])?,
            );
            Ok((place, number(&record["value"]["n"])?))
        })
        .collect()
}

async fn commit(brokers: &Brokers, group: &'static str, offset: i64) -> Result<()> {
    let mut config = brokers.client_config();
    config.set("group.id", group);
    let mut offsets = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        offsets.add_partition_offset(TOPIC, partition, Offset::Offset(offset))?;
    }
    broker::commit_with(config.create()?, offsets).await
}

/// `groups list` comes back in its time, with an answer or a sentence.
async fn groups(workspace: &Workspace) -> Result<Option<Value>> {
    let started = Instant::now();
    let output = workspace.run(&["groups", "list", "test", "--json"]).await?;
    ensure!(
        started.elapsed() < ANSWER_MAX,
        "it took {:.1} s",
        started.elapsed().as_secs_f32()
    );
    if output.code == 0 {
        let groups = output.json_lines()?;
        return Ok(groups.into_iter().find(|group| group["group"] == "readers"));
    }
    let problem: Value = serde_json::from_str(&output.stderr).with_context(|| output.stderr.clone())?;
    let sentence = problem["error"]["message"].as_str().unwrap_or_default();
    ensure!(sentence.contains("\"test\""), "{sentence}");
    Ok(None)
}

/// The numbers below `below`, by SQL.
async fn query(workspace: &Workspace, below: i64) -> Result<Numbers> {
    let sql = format!("SELECT _partition, _offset, value.n FROM test.{TOPIC} WHERE value.n < {below}");
    let mut found = Numbers::new();
    for row in workspace.sql(&sql).await? {
        let number = |at: usize| row[at].as_i64().with_context(|| format!("{row:?}"));
        let place = (i32::try_from(number(0)?)?, number(1)?);
        ensure!(found.insert(place, number(2)?).is_none(), "{place:?} came twice");
    }
    Ok(found)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_dies_while_it_is_tailed() -> Result<()> {
    let mut brokers = need!(Brokers::start().await);
    brokers.create_topic(TOPIC, PARTITIONS).await?;
    let workspace = need!(Workspace::new());
    workspace.cluster(&brokers.bootstrap())?;
    commit(&brokers, "readers", 0).await?;
    let writer = Writer::start(&brokers)?;
    let watched = Watched::start(&workspace.path("")).await?;
    let mut tail = workspace.start(&["tail", "test", TOPIC, "-o", "beginning", "--json"])?;
    writer.wait_for_more(&Numbers::new()).await?;
    ensure!(
        groups(&workspace).await?.is_some(),
        "the group is listed while all are well"
    );

    let (dead, led) = leader(&brokers).await?;
    let address = brokers.address(dead)?;
    let before = writer.numbers();
    brokers.kill(dead).await?;
    // Groups are asked for at once, while nobody has noticed yet: what is not known may be said, and nothing may hang.
    let (status, said, listed) = tokio::join!(
        watched.wait_for("a word about the dead broker", |status| {
            status.note.as_deref().is_some_and(|note| note.contains(&address))
        }),
        eventually("the same at the command line", DEADLINE, || async {
            tail.stderr().contains(&address).then_some(())
        }),
        groups(&workspace),
    );
    listed?;
    let status = status?;
    ensure!(status.state == TailState::Starting, "it waits: {status:?}");
    said.with_context(|| tail.stderr())?;

    // Two brokers carry on, with what the third one led.
    brokers.wait_for_replicas(TOPIC, 2).await?;
    writer.wait_for_more(&before).await?;
    watched
        .wait_for("the tail to go on", |status| {
            status.state == TailState::Running && status.note.is_none()
        })
        .await?;
    let below = before.values().copied().max().unwrap_or_default();
    let mut wanted = writer.numbers();
    wanted.retain(|_, number| *number < below);
    ensure!(
        query(&workspace, below).await? == wanted,
        "a query with a broker dead"
    );
    let readers = groups(&workspace)
        .await?
        .context("the group is listed with a broker dead")?;
    ensure!(
        readers["lag"]
            .as_i64()
            .is_some_and(|lag| lag >= before.len() as i64),
        "{readers}"
    );

    brokers.restart(dead).await?;
    brokers.wait_for_replicas(TOPIC, BROKERS as usize).await?;
    let before = writer.numbers();
    writer.wait_for_more(&before).await?;
    let acknowledged = writer.end().await?;
    let all = acknowledged.len();
    let status = watched
        .wait_for("every record", |status| status.scanned >= all as u64)
        .await?;
    ensure!(
        status.state == TailState::Running && status.evicted == 0,
        "{status:?}"
    );
    check("the app's tail", &watched.rows().await?, &acknowledged)?;
    eventually("every record at the command line", DEADLINE, || async {
        (tail.stdout().lines().count() >= all).then_some(())
    })
    .await?;
    let ended = tail.interrupt(STOP_DEADLINE).await?.exits(0)?;
    check("the command line", &printed(&ended.stdout)?, &acknowledged)?;
    ensure!(
        led.iter()
            .all(|of| before.range((*of, 0)..(of + 1, 0)).count() > 0)
    );
    watched.app.close().await;
    brokers.end().await;
    Ok(())
}

/// A broker that leads partitions of the topic, and which they are.
async fn leader(brokers: &Brokers) -> Result<(i32, Vec<i32>)> {
    for id in 1..=BROKERS {
        let led = brokers.led_by(TOPIC, id).await?;
        if !led.is_empty() {
            return Ok((id, led));
        }
    }
    anyhow::bail!("nobody leads anything")
}
