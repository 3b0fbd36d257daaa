//! The whole way through, step by step, on Apache Kafka, PostgreSQL and a local web server.

pub mod collect;
mod deliver;
mod lag;
mod tail;

use anyhow::Result;
use integration::{Unavailable, kafka::Kafka, unique};
use tokio::sync::OnceCell;

use crate::{
    shop::{PARTITIONS, Shop, define, now_ms},
    workspace::Workspace,
};

const SEED: u64 = 20_111_201;
const PEOPLE: i64 = 450;

/// A topic that holds the shop's history, for tests that only read it.
pub struct Stage {
    pub kafka: &'static Kafka,
    pub topic: String,
    pub shop: Shop,
}

impl Stage {
    pub async fn shared() -> Result<&'static Self, Unavailable> {
        static SHARED: OnceCell<Result<Stage, Unavailable>> = OnceCell::const_new();
        SHARED.get_or_init(Self::set).await.as_ref().map_err(Clone::clone)
    }

    /// A topic of the test's own, for tests that add to it.
    pub async fn set() -> Result<Self, Unavailable> {
        let kafka = Kafka::shared().await?;
        let filled = Self::fill(kafka).await;
        filled.map_err(|error| Unavailable::new("a filled topic", format!("{error:#}")))
    }

    async fn fill(kafka: &'static Kafka) -> Result<Self> {
        let shop = Shop::new(SEED, now_ms(), PEOPLE);
        let topic = unique("shop.events");
        kafka.create_topic(&topic, PARTITIONS).await?;
        kafka.produce(&topic, shop.records.iter().cloned()).await?;
        Ok(Self { kafka, topic, shop })
    }

    /// A workspace that knows the cluster and nothing else.
    pub fn workspace(&self) -> Result<Workspace, Unavailable> {
        let workspace = Workspace::new()?;
        let written = workspace.cluster(&self.kafka.bootstrap());
        written.map_err(|error| Unavailable::new("a workspace", error))?;
        Ok(workspace)
    }

    /// A workspace with a source, a warehouse, traits and audiences over the topic.
    pub async fn defined(&self, group: &str) -> Result<Workspace> {
        let workspace = self.workspace()?;
        define(&workspace, &self.topic, group, &self.shop.people).await?;
        Ok(workspace)
    }
}
