//! Apache Kafka itself: one broker in KRaft mode, in one JVM, on free loopback ports, its jars resolved by Maven.
//! A broker that a test breaks is that test's own ([`Kafka::start`]); the others share one ([`Kafka::shared`]) and
//! keep apart by the names of their topics and groups ([`crate::unique`]).

use std::{
    fmt::Write as _,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use rdkafka::{
    ClientConfig, ClientContext, Message as _, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
    message::{DeliveryResult, Header, Headers as _, OwnedHeaders},
    producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer},
};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::{
    Unavailable, eventually, free_port,
    java::Java,
    listeners::{Setup, add_listeners},
    process::Process,
};

const WHAT: &str = "Apache Kafka";
pub(crate) const START_DEADLINE: Duration = Duration::from_secs(120);
const STOP_DEADLINE: Duration = Duration::from_secs(30);
/// Sixteen bytes of a name, in base 64.
pub(crate) const CLUSTER_ID: &str = "dGFpbHJhY2UtdGVzdHM";
/// Another program may take a free port before the broker binds it.
const START_ATTEMPTS_MAX: usize = 3;

/// One record to produce.
#[derive(Debug, Clone, Default)]
pub struct Record {
    pub key: Option<Vec<u8>>,
    /// `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    pub timestamp_ms: Option<i64>,
    pub partition: Option<i32>,
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Record {
    pub fn new(key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Self {
        Self {
            key: Some(key.into()),
            value: Some(value.into()),
            ..Self::default()
        }
    }

    pub fn at(mut self, timestamp_ms: i64) -> Self {
        self.timestamp_ms = Some(timestamp_ms);
        self
    }

    pub fn on_partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

impl<K: Into<Vec<u8>>, V: Into<Vec<u8>>> From<(K, V, i64)> for Record {
    fn from((key, value, timestamp_ms): (K, V, i64)) -> Self {
        Self::new(key, value).at(timestamp_ms)
    }
}

/// A broker; dropping it kills it and removes its files.
pub struct Kafka {
    /// Before the folder, so that the JVM is gone when its files go. `None` while it is stopped.
    process: Option<Process>,
    folder: TempDir,
    java: Java,
    port: u16,
    setup: Setup,
    /// Of the listeners of its setup, in their order.
    ports: Vec<u16>,
}

impl Kafka {
    /// The broker that tests share: for tests that do not stop it and use topics of their own.
    pub async fn shared() -> Result<&'static Self, Unavailable> {
        static SHARED: OnceCell<Result<Kafka, Unavailable>> = OnceCell::const_new();
        SHARED
            .get_or_init(Self::start)
            .await
            .as_ref()
            .map_err(Clone::clone)
    }

    /// A broker of the test's own.
    pub async fn start() -> Result<Self, Unavailable> {
        Self::start_with(Setup::default()).await
    }

    /// The same with more listeners.
    pub async fn start_with(setup: Setup) -> Result<Self, Unavailable> {
        let java = Java::find().await?;
        let mut attempt = 1;
        loop {
            match Self::start_once(java.clone(), setup.clone()).await {
                Ok(kafka) => return Ok(kafka),
                Err(error) if attempt < START_ATTEMPTS_MAX && format!("{error:#}").contains("in use") => {
                    attempt += 1
                }
                Err(error) => return Err(Unavailable::new(WHAT, format!("{error:#}"))),
            }
        }
    }

    async fn start_once(java: Java, setup: Setup) -> Result<Self> {
        let folder = TempDir::with_prefix("tailrace-kafka-")?;
        let port = free_port()?;
        let properties = folder.path().join("server.properties");
        let mut text = server_properties(folder.path(), port, free_port()?)?;
        let ports: Vec<u16> = setup
            .listeners
            .iter()
            .map(|_| free_port())
            .collect::<std::io::Result<_>>()?;
        add_listeners(&mut text, &setup, &ports)?;
        std::fs::write(&properties, text)?;
        let scram = setup.scram.iter().flat_map(|user| ["--add-scram", user]);
        java.program("format", folder.path(), "kafka.tools.StorageTool")
            .args(["format", "--cluster-id", CLUSTER_ID, "--config"])
            .args([&properties])
            .args(scram)
            .run(START_DEADLINE)
            .await?;
        let mut kafka = Self {
            process: None,
            folder,
            java,
            port,
            setup,
            ports,
        };
        kafka.restart().await?;
        Ok(kafka)
    }

    /// `host:port`, the same over restarts.
    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The port of a listener of its setup.
    pub fn port_of(&self, listener: &str) -> Result<u16> {
        let mut all = self.setup.listeners.iter().zip(&self.ports);
        let found = all.find(|(one, _)| one.name == listener);
        found
            .map(|(_, port)| *port)
            .with_context(|| format!("no listener {listener}"))
    }

    /// Pulls the plug: `kill -9`, with what it had not yet written lost.
    pub async fn kill(&mut self) -> Result<()> {
        self.end("KILL").await
    }

    /// An orderly stop.
    pub async fn stop(&mut self) -> Result<()> {
        self.end("TERM").await
    }

    async fn end(&mut self, signal: &str) -> Result<()> {
        if let Some(process) = &mut self.process {
            process.stop(signal, STOP_DEADLINE).await?;
        }
        self.process = None;
        Ok(())
    }

    /// Holds the broker still, connections open, until [`Self::thaw`].
    pub fn freeze(&mut self) -> Result<()> {
        self.process
            .as_mut()
            .context("the broker is stopped")?
            .signal("STOP")
    }

    pub fn thaw(&mut self) -> Result<()> {
        self.process
            .as_mut()
            .context("the broker is stopped")?
            .signal("CONT")
    }

    /// Starts it again where it was: same port, same files.
    pub async fn restart(&mut self) -> Result<()> {
        self.end("TERM").await?;
        let mut process = self
            .java
            .program_with("kafka", self.folder.path(), &self.setup.jvm, "kafka.Kafka")
            .args([self.folder.path().join("server.properties")])
            .start()?;
        let ready = eventually("the broker to answer", START_DEADLINE, || {
            let ended = process
                .ended()
                .map(|status| Err(anyhow::anyhow!("it ended with {status}")));
            let bootstrap = self.bootstrap();
            async move {
                if ended.is_some() {
                    return ended;
                }
                answers(bootstrap).await.then_some(Ok(()))
            }
        });
        ready
            .await
            .and_then(|ended| ended)
            .with_context(|| process.said())?;
        self.process = Some(process);
        Ok(())
    }

    /// A librdkafka configuration that points at it, for a test's own clients.
    pub fn client_config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.bootstrap());
        config
    }

    pub async fn create_topic(&self, name: &str, partitions: i32) -> Result<()> {
        self.create_topic_with(name, partitions, &[]).await
    }

    /// With topic settings such as `("cleanup.policy", "compact")`.
    pub async fn create_topic_with(
        &self,
        name: &str,
        partitions: i32,
        settings: &[(&str, &str)],
    ) -> Result<()> {
        let admin: AdminClient<DefaultClientContext> = self.client_config().create()?;
        let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        for (key, value) in settings {
            topic = topic.set(key, value);
        }
        let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(30)));
        for result in admin.create_topics([&topic], &options).await? {
            result.map_err(|(topic, code)| anyhow::anyhow!("topic {topic} was not created: {code}"))?;
        }
        let name = name.to_owned();
        tokio::task::spawn_blocking(move || known(&admin, &name)).await?
    }

    /// The names of all topics, those of Kafka's own included.
    pub async fn topics(&self) -> Result<Vec<String>> {
        let config = self.client_config();
        let asked = tokio::task::spawn_blocking(move || {
            let consumer: BaseConsumer = config.create()?;
            let metadata = consumer.fetch_metadata(None, Duration::from_secs(30))?;
            anyhow::Ok(metadata.topics().iter().map(|it| it.name().to_owned()).collect())
        });
        asked.await?
    }

    /// Deletes a partition's records before an offset.
    pub async fn delete_records(&self, topic: &str, partition: i32, before: i64) -> Result<()> {
        let admin: AdminClient<DefaultClientContext> = self.client_config().create()?;
        let mut offsets = TopicPartitionList::new();
        offsets.add_partition_offset(topic, partition, Offset::Offset(before))?;
        let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(30)));
        let deleted = admin.delete_records(&offsets, &options).await?;
        for partition in deleted.elements_for_topic(topic) {
            partition
                .error()
                .with_context(|| format!("records of topic {topic} were not deleted"))?;
        }
        Ok(())
    }

    /// Produces the records in their order and returns how many, once the broker has acknowledged all of them.
    pub async fn produce<R>(&self, topic: &str, records: impl IntoIterator<Item = R>) -> Result<usize>
    where
        R: Into<Record>,
    {
        let records: Vec<Record> = records.into_iter().map(Into::into).collect();
        let mut config = self.client_config();
        config
            .set("enable.idempotence", "true")
            .set("linger.ms", "20")
            // What is too large is the broker's to say.
            .set("message.max.bytes", "67108864")
            .set("compression.type", "lz4");
        let topic = topic.to_owned();
        tokio::task::spawn_blocking(move || produce(&config, &topic, &records)).await?
    }

    /// Everything in the topic up to its present end, partition by partition.
    pub async fn consume(&self, topic: &str) -> Result<Vec<Consumed>> {
        self.consume_with(topic, "read_committed").await
    }

    /// The same with what was aborted.
    pub async fn consume_all(&self, topic: &str) -> Result<Vec<Consumed>> {
        self.consume_with(topic, "read_uncommitted").await
    }

    async fn consume_with(&self, topic: &str, level: &str) -> Result<Vec<Consumed>> {
        let mut config = self.client_config();
        config
            .set("isolation.level", level)
            .set("group.id", "harness")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true");
        let topic = topic.to_owned();
        tokio::task::spawn_blocking(move || consume(&config, &topic)).await?
    }
}

/// A record read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumed {
    pub partition: i32,
    pub offset: i64,
    pub timestamp_ms: Option<i64>,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

/// One broker, so one replica of everything.
const ALONE: [&str; 5] = [
    "offsets.topic.replication.factor=1",
    "transaction.state.log.replication.factor=1",
    "transaction.state.log.min.isr=1",
    "share.coordinator.state.topic.replication.factor=1",
    "share.coordinator.state.topic.min.isr=1",
];

/// Settings that every broker here has: no more threads and buffers than a test needs.
pub(crate) const SETTINGS: [&str; 13] = [
    "offsets.topic.num.partitions=4",
    "transaction.state.log.num.partitions=4",
    "share.coordinator.state.topic.num.partitions=1",
    "group.initial.rebalance.delay.ms=0",
    // After a kill the broker waits for its former self to time out.
    "broker.session.timeout.ms=5000",
    "broker.heartbeat.interval.ms=1000",
    "auto.create.topics.enable=false",
    "num.network.threads=2",
    "num.io.threads=4",
    "background.threads=2",
    "log.cleaner.dedupe.buffer.size=4194304",
    "log.cleaner.backoff.ms=1000",
    // Records keep the times of the histories that tests make up: none is too old.
    "log.retention.ms=-1",
];

fn server_properties(folder: &Path, port: u16, controller_port: u16) -> Result<String> {
    let voters = format!("1@127.0.0.1:{controller_port}");
    node_properties(folder, 1, port, controller_port, &voters, &ALONE)
}

/// A node that is broker and controller.
pub(crate) fn node_properties(
    folder: &Path,
    id: i32,
    port: u16,
    controller_port: u16,
    voters: &str,
    settings: &[&str],
) -> Result<String> {
    let mut text = String::new();
    let data = folder.join("data");
    writeln!(text, "process.roles=broker,controller\nnode.id={id}")?;
    writeln!(text, "controller.quorum.voters={voters}")?;
    writeln!(
        text,
        "listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}"
    )?;
    writeln!(
        text,
        "advertised.listeners=PLAINTEXT://127.0.0.1:{port}\ncontroller.listener.names=CONTROLLER"
    )?;
    writeln!(text, "log.dirs={}", data.display())?;
    for setting in settings.iter().chain(&SETTINGS) {
        writeln!(text, "{setting}")?;
    }
    Ok(text)
}

/// Whether the broker describes itself.
async fn answers(bootstrap: String) -> bool {
    if tokio::net::TcpStream::connect(&bootstrap).await.is_err() {
        return false;
    }
    let asked = tokio::task::spawn_blocking(move || {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &bootstrap)
            .create()?;
        consumer
            .fetch_metadata(None, Duration::from_secs(5))
            .map(|metadata| !metadata.brokers().is_empty())
    });
    matches!(asked.await, Ok(Ok(true)))
}

/// Keeps the first failed delivery.
#[derive(Clone, Default)]
struct Deliveries {
    failed: Arc<Mutex<Option<KafkaError>>>,
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            self.failed
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get_or_insert(error.clone());
        }
    }
}

fn produce(config: &ClientConfig, topic: &str, records: &[Record]) -> Result<usize> {
    let deliveries = Deliveries::default();
    let producer: ThreadedProducer<Deliveries> = config.create_with_context(deliveries.clone())?;
    for record in records {
        let mut send = base_record(topic, record);
        loop {
            match producer.send(send) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    // The queue has room again when some of it was delivered.
                    producer.flush(Duration::from_millis(100)).ok();
                    send = back;
                }
                Err((error, _)) => return Err(error).with_context(|| format!("topic {topic}")),
            }
        }
    }
    producer
        .flush(Duration::from_secs(60))
        .with_context(|| format!("topic {topic}"))?;
    match deliveries
        .failed
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take()
    {
        Some(error) => Err(error).with_context(|| format!("topic {topic}")),
        None => Ok(records.len()),
    }
}

fn base_record<'a>(topic: &'a str, record: &'a Record) -> BaseRecord<'a, [u8], [u8]> {
    let mut send = BaseRecord::to(topic);
    send.key = record.key.as_deref();
    send.payload = record.value.as_deref();
    send.timestamp = record.timestamp_ms;
    send.partition = record.partition;
    if !record.headers.is_empty() {
        let headers = record
            .headers
            .iter()
            .fold(OwnedHeaders::new(), |headers, (key, value)| {
                headers.insert(Header {
                    key,
                    value: Some(value),
                })
            });
        send = send.headers(headers);
    }
    send
}

fn consume(config: &ClientConfig, topic: &str) -> Result<Vec<Consumed>> {
    let consumer: BaseConsumer = config.create()?;
    let timeout = Duration::from_secs(30);
    let metadata = consumer.fetch_metadata(Some(topic), timeout)?;
    let partitions = metadata.topics().first().context("no such topic")?.partitions();
    let mut assignment = rdkafka::TopicPartitionList::new();
    for partition in partitions {
        assignment.add_partition_offset(topic, partition.id(), rdkafka::Offset::Beginning)?;
    }
    consumer.assign(&assignment)?;
    let (mut records, mut at_end) = (Vec::new(), 0);
    while at_end < partitions.len() {
        match consumer
            .poll(timeout)
            .context("no record and no end within 30 s")?
        {
            Ok(message) => records.push(Consumed {
                partition: message.partition(),
                offset: message.offset(),
                timestamp_ms: message.timestamp().to_millis(),
                key: message.key().map(<[u8]>::to_vec),
                value: message.payload().map(<[u8]>::to_vec),
                headers: message.headers().map_or_else(Vec::new, |headers| {
                    let each = headers.iter();
                    each.map(|it| (it.key.to_owned(), it.value.map(<[u8]>::to_vec)))
                        .collect()
                }),
            }),
            Err(KafkaError::PartitionEOF(_)) => at_end += 1,
            Err(error) => return Err(error.into()),
        }
    }
    records.sort_by_key(|record| (record.partition, record.offset));
    Ok(records)
}

/// Waits until the broker tells a topic that its controller has made, with a leader for each partition.
fn known(admin: &AdminClient<DefaultClientContext>, topic: &str) -> Result<()> {
    const DEADLINE: Duration = Duration::from_secs(30);
    let until = Instant::now() + DEADLINE;
    loop {
        let metadata = admin.inner().fetch_metadata(Some(topic), DEADLINE)?;
        let led = |it: &rdkafka::metadata::MetadataTopic| {
            it.error().is_none() && it.partitions().iter().all(|it| it.leader() >= 0)
        };
        if metadata.topics().iter().any(led) {
            return Ok(());
        }
        ensure!(
            Instant::now() < until,
            "topic {topic} was created, and the broker does not tell it"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}
