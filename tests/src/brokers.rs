//! Apache Kafka as it is in earnest: three brokers, each a JVM of its own, any two of which carry on without the third.

use std::time::Duration;

use anyhow::{Context, Result};
use futures::future::{join_all, try_join_all};
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
    metadata::Metadata,
};
use tempfile::TempDir;

use crate::{
    Unavailable, eventually, free_port,
    kafka::{CLUSTER_ID, Java, START_DEADLINE, node_properties},
    process::Process,
};

const WHAT: &str = "Apache Kafka, three brokers";
const STOP_DEADLINE: Duration = Duration::from_secs(30);
const ASK_TIMEOUT: Duration = Duration::from_secs(5);
/// Brokers, and replicas of everything.
pub const BROKERS: i32 = 3;
/// Another program may take a free port before a broker binds it.
const START_ATTEMPTS_MAX: usize = 3;

const SETTINGS: [&str; 10] = [
    "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "offsets.topic.replication.factor=3",
    "transaction.state.log.replication.factor=3",
    "transaction.state.log.min.isr=2",
    "share.coordinator.state.topic.replication.factor=3",
    "share.coordinator.state.topic.min.isr=2",
    "default.replication.factor=3",
    "min.insync.replicas=2",
    // What has come back leads again only when somebody asks for it.
    "auto.leader.rebalance.enable=false",
    "controller.quorum.fetch.timeout.ms=2000",
];

/// Three brokers; dropping them kills them and removes their files.
pub struct Brokers {
    nodes: Vec<Node>,
}

struct Node {
    /// Before the folder, so that the JVM is gone when its files go. `None` while it is dead.
    process: Option<Process>,
    folder: TempDir,
    java: Java,
    id: i32,
    port: u16,
}

impl Brokers {
    pub async fn start() -> Result<Self, Unavailable> {
        let java = Java::find().await?;
        let mut attempt = 1;
        loop {
            match Self::start_once(&java).await {
                Ok(brokers) => return Ok(brokers),
                Err(error) if attempt < START_ATTEMPTS_MAX && format!("{error:#}").contains("in use") => {
                    attempt += 1
                }
                Err(error) => return Err(Unavailable::new(WHAT, format!("{error:#}"))),
            }
        }
    }

    async fn start_once(java: &Java) -> Result<Self> {
        let ports = (0..BROKERS)
            .map(|_| Ok((free_port()?, free_port()?)))
            .collect::<Result<Vec<_>>>()?;
        let voters: Vec<String> = (1..)
            .zip(&ports)
            .map(|(id, (_, controller))| format!("{id}@127.0.0.1:{controller}"))
            .collect();
        let mut nodes = Vec::new();
        for (id, (port, controller)) in (1..).zip(ports) {
            let folder = TempDir::with_prefix("tailrace-brokers-")?;
            let properties = folder.path().join("server.properties");
            let text = node_properties(folder.path(), id, port, controller, &voters.join(","), &SETTINGS)?;
            std::fs::write(&properties, text)?;
            nodes.push(Node {
                process: None,
                folder,
                java: java.clone(),
                id,
                port,
            });
        }
        try_join_all(nodes.iter_mut().map(Node::format_and_start)).await?;
        let mut brokers = Self { nodes };
        brokers.wait_for(BROKERS as usize).await?;
        Ok(brokers)
    }

    /// Every broker's `host:port`, dead ones too.
    pub fn bootstrap(&self) -> String {
        let all: Vec<String> = self.nodes.iter().map(Node::address).collect();
        all.join(",")
    }

    /// Of one broker, by its id.
    pub fn address(&self, id: i32) -> Result<String> {
        let node = self.nodes.iter().find(|node| node.id == id);
        node.map(Node::address).with_context(|| format!("no broker {id}"))
    }

    /// A librdkafka configuration that points at them, for a test's own clients.
    pub fn client_config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.bootstrap());
        config
    }

    /// A topic that any two brokers have the records of.
    pub async fn create_topic(&self, name: &str, partitions: i32) -> Result<()> {
        let admin: AdminClient<DefaultClientContext> = self.client_config().create()?;
        let topic =
            NewTopic::new(name, partitions, TopicReplication::Fixed(BROKERS)).set("min.insync.replicas", "2");
        let options = AdminOptions::new().operation_timeout(Some(START_DEADLINE));
        for result in admin.create_topics([&topic], &options).await? {
            result.map_err(|(topic, code)| anyhow::anyhow!("topic {topic} was not created: {code}"))?;
        }
        self.wait_for_replicas(name, BROKERS as usize).await
    }

    /// Waits until every partition of the topic has so many replicas in sync, and a leader.
    pub async fn wait_for_replicas(&self, topic: &str, in_sync: usize) -> Result<()> {
        let what = format!("{in_sync} replicas in sync of every partition of {topic}");
        eventually(&what, START_DEADLINE, || async {
            let metadata = self.metadata(Some(topic)).await.ok()?;
            let partitions = metadata.topics().first()?.partitions();
            let good = partitions
                .iter()
                .all(|it| it.leader() >= 0 && it.isr().len() == in_sync);
            (good && !partitions.is_empty()).then_some(())
        })
        .await
    }

    /// The partitions that each broker leads now, by its id.
    pub async fn led_by(&self, topic: &str, id: i32) -> Result<Vec<i32>> {
        let metadata = self.metadata(Some(topic)).await?;
        let topic = metadata.topics().first().context("no such topic")?;
        let led = topic.partitions().iter().filter(|it| it.leader() == id);
        Ok(led.map(|it| it.id()).collect())
    }

    async fn metadata(&self, topic: Option<&str>) -> Result<Metadata> {
        let (config, topic) = (self.client_config(), topic.map(str::to_owned));
        tokio::task::spawn_blocking(move || {
            let consumer: BaseConsumer = config.create()?;
            Ok(consumer.fetch_metadata(topic.as_deref(), ASK_TIMEOUT)?)
        })
        .await?
    }

    /// Waits until so many brokers know of each other.
    pub async fn wait_for(&mut self, alive: usize) -> Result<()> {
        let what = format!("{alive} brokers to know of each other");
        let waited = eventually(&what, START_DEADLINE, || async {
            let metadata = self.metadata(None).await.ok()?;
            (metadata.brokers().len() == alive).then_some(())
        });
        waited.await.with_context(|| self.said())
    }

    /// `kill -9`: no word of farewell, and what it had not written is lost.
    pub async fn kill(&mut self, id: i32) -> Result<()> {
        self.node(id)?.end("KILL").await
    }

    /// Starts a dead broker where it was: same port, same files.
    pub async fn restart(&mut self, id: i32) -> Result<()> {
        self.node(id)?.start()?;
        self.wait_for(BROKERS as usize).await
    }

    fn node(&mut self, id: i32) -> Result<&mut Node> {
        let node = self.nodes.iter_mut().find(|node| node.id == id);
        node.with_context(|| format!("no broker {id}"))
    }

    fn said(&self) -> String {
        let said = self.nodes.iter().filter_map(|node| {
            let process = node.process.as_ref()?;
            Some(format!("broker {}: {}", node.id, process.said()))
        });
        said.collect::<Vec<_>>().join("\n")
    }

    /// Ends them all at once, which is quicker than one after the other.
    pub async fn end(mut self) {
        join_all(self.nodes.iter_mut().map(|node| node.end("KILL"))).await;
    }
}

impl Node {
    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    async fn format_and_start(&mut self) -> Result<()> {
        self.java
            .program("format", self.folder.path(), "kafka.tools.StorageTool")
            .args(["format", "--cluster-id", CLUSTER_ID, "--config"])
            .args([self.folder.path().join("server.properties")])
            .run(START_DEADLINE)
            .await?;
        self.start()
    }

    fn start(&mut self) -> Result<()> {
        let heap = ["-Xmx256m".to_owned()];
        let process = self
            .java
            .program_with("kafka", self.folder.path(), &heap, "kafka.Kafka")
            .args([self.folder.path().join("server.properties")])
            .start()?;
        self.process = Some(process);
        Ok(())
    }

    async fn end(&mut self, signal: &str) -> Result<()> {
        if let Some(process) = &mut self.process {
            process.stop(signal, STOP_DEADLINE).await?;
        }
        self.process = None;
        Ok(())
    }
}
