//! The shop in motion: topics, a back history, live events, and consumer groups whose lag is worth looking at.
//!
//! Everything here is an ordinary client of the broker, through librdkafka, so that the broker is used as any other
//! cluster is. The groups:
//! - `checkout-writer` (two members on the orders) keeps up;
//! - `email-trigger` falls behind for most of a minute, then catches up;
//! - `warehouse-sink` commits only every 5 to 10 seconds;
//! - `fraud-scoring` was far behind, worked for a few seconds and left: it has no members and its lag only grows.
//!
//! Invariants: all tasks end within a second of the sandbox's token; a group's first commit lies near the end of the
//! history, so lag begins small; the time is read through the clock that is passed in.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use tailrace_model::{Error, Result};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Sandbox;
use super::shop::{Shop, ShopCounts, ShopEvent, arrivals};
use super::shop_people::{DAY_MS, Dice};

pub const EVENTS: &str = "shop.events";
pub const ORDERS: &str = "shop.orders";
pub const CLICKS: &str = "shop.clicks";
/// The shop's topics and their partitions.
pub const TOPICS: [(&str, i32); 3] = [(EVENTS, 6), (ORDERS, 4), (CLICKS, 3)];

/// Records that wait in the producer; a full queue slows the generator down.
const QUEUED_RECORDS_MAX: &str = "20000";
const QUEUED_KBYTES_MAX: &str = "32768";
const FLUSH_MS_MAX: u64 = 10_000;
const ADMIN_MS_MAX: u64 = 5_000;
/// How often the live producer and a waiting group look at the time and at their token.
const TICK_MS: u64 = 20;
const POLL_MS: u64 = 100;
/// How long before its end the history becomes as busy as the live events.
const BUSY_MS_MAX: f64 = 180_000.0;
/// Events of the history between two reports of progress.
const REPORT_EVERY: usize = 500;
/// Every so often, from then on, for so long, so many times as many events come.
const BURST_EVERY_MS: u128 = 30_000;
const BURST_FROM_MS: u128 = 10_000;
const BURST_MS: u128 = 5_000;
const BURST_TIMES: f64 = 4.0;
/// Most events of one tick, so that a machine that was asleep does not make up for it.
const TICK_EVENTS_MAX: f64 = 2_000.0;

/// Milliseconds since the epoch.
pub type Clock = fn() -> i64;

/// What the shop does.
#[derive(Debug, Clone)]
pub struct ShopSettings {
    pub seed: u64,
    pub people_max: u32,
    /// Records of the events topic that are there before the live ones.
    pub history_events: usize,
    pub history_days: u32,
    /// Where the history begins, when later than that: a log that was collected before goes on there.
    pub history_from_ms: i64,
    pub events_per_second: f64,
    pub bursts: bool,
    /// Whether the demonstration groups run.
    pub groups: bool,
}

impl Default for ShopSettings {
    fn default() -> Self {
        Self {
            seed: 1,
            people_max: 2_000,
            history_events: 40_000,
            history_days: 30,
            history_from_ms: i64::MIN,
            events_per_second: 20.0,
            bursts: true,
            groups: true,
        }
    }
}

/// How far the shop is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ShopProgress {
    pub history_total: usize,
    pub history_sent: usize,
    /// The history is in the log and the groups have their first offsets.
    pub seeded: bool,
    /// What the generator made, history and live together.
    pub counts: ShopCounts,
    /// Records of all topics that the broker acknowledged, and that it did not.
    pub delivered: u64,
    pub undelivered: u64,
    /// Why the shop stopped by itself.
    pub failed: Option<Error>,
}

/// A running shop. It belongs to its sandbox and ends with it.
#[derive(Debug, Clone)]
pub struct ShopRun {
    progress: watch::Receiver<ShopProgress>,
}

impl ShopRun {
    pub fn progress(&self) -> ShopProgress {
        self.progress.borrow().clone()
    }

    /// Waits until the whole history can be read.
    pub async fn seeded(&mut self) -> Result<()> {
        let ended = || {
            Error::external(
                "sandbox_stopped",
                "The sandbox stopped before its history was written.",
            )
        };
        let wait = self
            .progress
            .wait_for(|progress| progress.seeded || progress.failed.is_some());
        match &wait.await.map_err(|_| ended())?.failed {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }
}

impl Sandbox {
    /// Creates the shop's topics and starts everything else in the background.
    pub async fn start_shop(&self, settings: ShopSettings, clock: Clock) -> Result<ShopRun> {
        let bootstrap = self.bootstrap();
        create_topics(&bootstrap).await?;
        let history_total = settings.history_events;
        let (sender, progress) = watch::channel(ShopProgress {
            history_total,
            ..ShopProgress::default()
        });
        let shop = Shop::new(settings.seed, settings.people_max);
        let work = Work {
            settings,
            bootstrap,
            clock,
            token: self.clients_token.clone(),
            progress: sender,
        };
        let clients = self.clients.clone();
        self.clients.spawn(conduct(work, shop, clients));
        Ok(ShopRun { progress })
    }
}

async fn create_topics(bootstrap: &str) -> Result<()> {
    let failed = |what: String| {
        Error::external(
            "sandbox_topics",
            format!("The sandbox at {bootstrap} did not create its topics: {what}."),
        )
    };
    let admin: AdminClient<DefaultClientContext> = client_config(bootstrap, "shop")
        .create()
        .map_err(|error| failed(error.to_string()))?;
    let topics = TOPICS.map(|(name, partitions)| NewTopic::new(name, partitions, TopicReplication::Fixed(1)));
    let options = AdminOptions::new().operation_timeout(Some(Duration::from_millis(ADMIN_MS_MAX)));
    let created = admin
        .create_topics(&topics, &options)
        .await
        .map_err(|error| failed(error.to_string()))?;
    for result in created {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => return Err(failed(format!("{topic}: {code}"))),
        }
    }
    Ok(())
}

fn client_config(bootstrap: &str, client_id: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap)
        .set("client.id", client_id)
        .set("broker.address.family", "v4");
    config
}

/// What the tasks of a shop share.
struct Work {
    settings: ShopSettings,
    bootstrap: String,
    clock: Clock,
    token: CancellationToken,
    progress: watch::Sender<ShopProgress>,
}

/// History first, then the groups and the live events.
async fn conduct(work: Work, mut shop: Shop, clients: TaskTracker) {
    let (bootstrap, token, settings) = (work.bootstrap.clone(), work.token.clone(), work.settings.clone());
    let progress = work.progress.clone();
    let seeding = clients.spawn_blocking(move || {
        let producer = new_producer(&work.bootstrap)?;
        seed(&work, &mut shop, &producer)?;
        Ok::<_, KafkaError>((work, shop, producer))
    });
    let seeded = match seeding.await {
        Ok(Ok(seeded)) => seeded,
        Ok(Err(error)) => {
            let message = format!("The sandbox's shop could not write its history to {bootstrap}: {error}.");
            progress.send_modify(|state| state.failed = Some(Error::external("sandbox_history", message)));
            return;
        }
        // The task ended with the runtime.
        Err(_) => return,
    };
    if token.is_cancelled() {
        return;
    }
    progress.send_modify(|state| state.seeded = true);
    let groups = if settings.groups { &GROUPS[..] } else { &[] };
    for group in groups {
        for member in 1..=group.members {
            let (bootstrap, token, rate) = (bootstrap.clone(), token.clone(), settings.events_per_second);
            clients.spawn_blocking(move || {
                if let Err(error) = follow(group, member, &bootstrap, rate, &token) {
                    tracing::warn!(
                        "member {member} of the sandbox's group {} stopped: {error}",
                        group.id
                    );
                }
            });
        }
    }
    clients.spawn_blocking(move || {
        let (work, shop, producer) = seeded;
        go_live(&work, shop, &producer);
    });
}

/// Counts what became of the produced records.
#[derive(Default)]
struct Deliveries {
    delivered: AtomicU64,
    undelivered: AtomicU64,
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let counter = if result.is_ok() {
            &self.delivered
        } else {
            &self.undelivered
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

type ShopProducer = BaseProducer<Deliveries>;

fn new_producer(bootstrap: &str) -> KafkaResult<ShopProducer> {
    client_config(bootstrap, "shop")
        .set("enable.idempotence", "true")
        .set("linger.ms", "20")
        .set("queue.buffering.max.messages", QUEUED_RECORDS_MAX)
        .set("queue.buffering.max.kbytes", QUEUED_KBYTES_MAX)
        .create_with_context(Deliveries::default())
}

/// Sends one record; a full queue is waited for.
fn send(producer: &ShopProducer, topic: &str, key: &str, value: &str, time_ms: i64) -> KafkaResult<()> {
    let mut record = BaseRecord::to(topic).key(key).payload(value).timestamp(time_ms);
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), unsent)) => {
                record = unsent;
                producer.poll(Duration::from_millis(TICK_MS));
            }
            Err((error, _)) => return Err(error),
        }
    }
}

/// Sends an event and what belongs to it on the other topics.
fn send_event(producer: &ShopProducer, event: &ShopEvent) -> KafkaResult<()> {
    let time_ms = event.received_ms;
    send(producer, EVENTS, &event.key, &event.payload, time_ms)?;
    if let Some(order) = &event.order {
        send(producer, ORDERS, &event.key, order, time_ms)?;
    }
    if let Some((key, click)) = &event.click {
        send(producer, CLICKS, key, click, time_ms)?;
    }
    Ok(())
}

impl Work {
    fn report(&self, shop: &Shop, producer: &ShopProducer, history_sent: usize) {
        let deliveries = producer.client().context();
        self.progress.send_modify(|state| {
            state.history_sent = history_sent;
            state.counts = shop.counts();
            state.delivered = deliveries.delivered.load(Ordering::Relaxed);
            state.undelivered = deliveries.undelivered.load(Ordering::Relaxed);
        });
    }
}

/// Writes the history, and each group's first offsets near the end of it.
fn seed(work: &Work, shop: &mut Shop, producer: &ShopProducer) -> KafkaResult<()> {
    let settings = &work.settings;
    let now_ms = (work.clock)();
    let total = settings.history_events;
    // The end of the history is as busy as what follows, so that visits are under way when it goes live.
    let rate = settings.events_per_second.max(0.001);
    let busy = ((rate * BUSY_MS_MAX / 1000.0) as usize).min(total / 4);
    let busy_from_ms = (now_ms - (busy as f64 / rate * 1000.0) as i64).max(settings.history_from_ms);
    let from_ms = (now_ms - i64::from(settings.history_days) * DAY_MS).max(settings.history_from_ms);
    let times = arrivals(
        settings.seed,
        from_ms.min(busy_from_ms),
        busy_from_ms,
        total - busy,
    );
    for (index, time_ms) in times
        .chain(arrivals(settings.seed, busy_from_ms, now_ms, busy))
        .enumerate()
    {
        if index % REPORT_EVERY == 0 {
            if work.token.is_cancelled() {
                return Ok(());
            }
            producer.poll(Duration::ZERO);
            work.report(shop, producer, index);
        }
        send_event(producer, &shop.next(time_ms))?;
    }
    producer.flush(Duration::from_millis(FLUSH_MS_MAX))?;
    work.report(shop, producer, total);
    if settings.groups {
        for group in &GROUPS {
            commit_start(group, &work.bootstrap)?;
        }
    }
    Ok(())
}

/// Commits a group's first offsets, as a client that is no member of it.
fn commit_start(group: &DemoGroup, bootstrap: &str) -> KafkaResult<()> {
    let wait = Duration::from_millis(ADMIN_MS_MAX);
    let client: BaseConsumer = client_config(bootstrap, "shop")
        .set("group.id", group.id)
        .create()?;
    let partitions = TOPICS
        .iter()
        .find(|(topic, _)| *topic == group.topic)
        .map_or(0, |(_, count)| *count);
    let mut offsets = TopicPartitionList::new();
    for partition in 0..partitions {
        let (low, high) = client.fetch_watermarks(group.topic, partition, wait)?;
        let offset = (high - group.behind / i64::from(partitions)).max(low);
        offsets.add_partition_offset(group.topic, partition, Offset::Offset(offset))?;
    }
    client.commit(&offsets, CommitMode::Sync)
}

/// Makes live events at the wanted rate until the end.
fn go_live(work: &Work, mut shop: Shop, producer: &ShopProducer) {
    let started = Instant::now();
    let mut last = started;
    let mut owed = 0.0;
    // The wanted rate is the mean, bursts included.
    let extra = (BURST_TIMES - 1.0) * BURST_MS as f64 / BURST_EVERY_MS as f64;
    let quiet = work.settings.events_per_second / if work.settings.bursts { 1.0 + extra } else { 1.0 };
    while !work.token.is_cancelled() {
        std::thread::sleep(Duration::from_millis(TICK_MS));
        let phase_ms = started.elapsed().as_millis() % BURST_EVERY_MS;
        let in_burst = work.settings.bursts && (BURST_FROM_MS..BURST_FROM_MS + BURST_MS).contains(&phase_ms);
        let rate = quiet * if in_burst { BURST_TIMES } else { 1.0 };
        let passed = last.elapsed();
        last += passed;
        owed = (owed + rate * passed.as_secs_f64()).min(TICK_EVENTS_MAX);
        while owed >= 1.0 {
            owed -= 1.0;
            let event = shop.next((work.clock)());
            if let Err(error) = send_event(producer, &event) {
                let message = format!("The sandbox's shop could not go on writing: {error}.");
                work.progress
                    .send_modify(|state| state.failed = Some(Error::external("sandbox_live", message)));
                return;
            }
        }
        producer.poll(Duration::ZERO);
        work.report(&shop, producer, work.settings.history_events);
    }
}

/// How a demonstration group works.
enum Pace {
    KeepsUp,
    /// Handles this share of what comes for a while, then all there is for a while, and again.
    FallsBehind {
        share: f64,
        slow_s: f64,
        quick_s: f64,
    },
    /// Commits only at intervals between these.
    CommitsSeldom {
        from_ms: i64,
        to_ms: i64,
    },
    /// Handles this share of what comes for a while, then leaves.
    Leaves {
        share: f64,
        after_s: f64,
    },
}

struct DemoGroup {
    id: &'static str,
    topic: &'static str,
    members: u32,
    /// Records of the history that it has not handled when it starts.
    behind: i64,
    pace: Pace,
}

static GROUPS: [DemoGroup; 4] = [
    DemoGroup {
        id: "checkout-writer",
        topic: ORDERS,
        members: 2,
        behind: 8,
        pace: Pace::KeepsUp,
    },
    DemoGroup {
        id: "email-trigger",
        topic: EVENTS,
        members: 1,
        behind: 240,
        pace: Pace::FallsBehind {
            share: 0.3,
            slow_s: 40.0,
            quick_s: 12.0,
        },
    },
    DemoGroup {
        id: "warehouse-sink",
        topic: EVENTS,
        members: 1,
        behind: 120,
        pace: Pace::CommitsSeldom {
            from_ms: 5_000,
            to_ms: 10_000,
        },
    },
    DemoGroup {
        id: "fraud-scoring",
        topic: EVENTS,
        members: 1,
        behind: 1_200,
        pace: Pace::Leaves {
            share: 0.5,
            after_s: 6.0,
        },
    },
];

/// How often a group commits that does not do it seldom.
const COMMIT_MS: i64 = 400;

impl Pace {
    /// Records per second that may be handled now; `rate` is how many come.
    fn allowance(&self, running_s: f64, rate: f64) -> f64 {
        match self {
            Pace::FallsBehind {
                share,
                slow_s,
                quick_s,
            } if running_s % (slow_s + quick_s) < *slow_s => rate * share,
            Pace::Leaves { share, .. } => rate * share,
            _ => f64::INFINITY,
        }
    }

    fn over(&self, running_s: f64) -> bool {
        matches!(self, Pace::Leaves { after_s, .. } if running_s >= *after_s)
    }

    fn commit_after(&self, dice: &mut Dice) -> Duration {
        let ms = match self {
            Pace::CommitsSeldom { from_ms, to_ms } => dice.between(*from_ms, *to_ms),
            _ => COMMIT_MS,
        };
        Duration::from_millis(ms.unsigned_abs())
    }
}

/// One member of a demonstration group, until the end or until its pace is over.
fn follow(
    group: &DemoGroup,
    member: u32,
    bootstrap: &str,
    rate: f64,
    token: &CancellationToken,
) -> KafkaResult<()> {
    let consumer: BaseConsumer = client_config(bootstrap, &format!("{}-{member}", group.id))
        .set("group.id", group.id)
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .set("session.timeout.ms", "6000")
        .set("heartbeat.interval.ms", "1000")
        .set("queued.max.messages.kbytes", "4096")
        .create()?;
    consumer.subscribe(&[group.topic])?;
    let mut dice = Dice::of(u64::from(member), group.id, 0);
    let started = Instant::now();
    let (mut last, mut committed) = (started, started);
    let mut commit_after = group.pace.commit_after(&mut dice);
    let mut allowed = 0.0;
    while !token.is_cancelled() && !group.pace.over(started.elapsed().as_secs_f64()) {
        let allowance = group.pace.allowance(started.elapsed().as_secs_f64(), rate);
        let passed = last.elapsed();
        last += passed;
        // Never more than a second's worth in hand.
        allowed = (allowed + allowance * passed.as_secs_f64()).min(allowance);
        if allowed < 1.0 {
            std::thread::sleep(Duration::from_millis(TICK_MS));
        } else if let Some(polled) = consumer.poll(Duration::from_millis(POLL_MS)) {
            match polled {
                Ok(_) => allowed -= 1.0,
                Err(KafkaError::MessageConsumption(code)) => {
                    tracing::debug!("the sandbox's group {} could not read: {code}", group.id);
                    std::thread::sleep(Duration::from_millis(TICK_MS));
                }
                Err(error) => return Err(error),
            }
        }
        if committed.elapsed() >= commit_after {
            commit(&consumer)?;
            committed = Instant::now();
            commit_after = group.pace.commit_after(&mut dice);
        }
    }
    commit(&consumer)
}

/// Commits what was polled; nothing new and a rebalance under way are no errors.
fn commit(consumer: &BaseConsumer) -> KafkaResult<()> {
    match consumer.commit_consumer_state(CommitMode::Async) {
        Err(KafkaError::ConsumerCommit(
            RDKafkaErrorCode::NoOffset
            | RDKafkaErrorCode::RebalanceInProgress
            | RDKafkaErrorCode::IllegalGeneration
            | RDKafkaErrorCode::UnknownMemberId,
        )) => Ok(()),
        committed => committed,
    }
}
