//! Topics as tables: the clusters of the workspace as SQL sees them.
//!
//! Columns come from a sample: the first and the last records of each partition, read when a query is planned. A field
//! that the query names and the sample lacks is a column all the same: a number, a truth or a text where the query
//! compares it with one, otherwise the text of whatever it is. One that no record had is null, and the end says so.
//!
//! Invariants: a query reads up to the ends that the partitions had when it was planned; a record whose field is of
//! another type than its column is null there and counted.

mod sample;
mod table;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use futures::future::join_all;
pub use sample::Sample;
use table::KafkaTable;
use tailrace_engine::session::{self, Named, TopicTable, Topics};
use tailrace_model::{
    ClusterKind, Error, Result, TopicFormats,
    api::{Column, SqlTable, TopicRef},
};

use crate::{clusters::Cluster, open::OpenWorkspace};

/// How long the names of a cluster's topics, and their columns, are taken for true in completion.
const KNOWN_FOR: Duration = Duration::from_secs(30);
/// How long completion waits for a cluster.
const CATALOG_MAX: Duration = Duration::from_secs(1);
/// Topics whose columns are remembered.
const COLUMNS_MAX: usize = 500;

/// What completion knows of topics.
#[derive(Debug, Default)]
pub struct KnownTopics {
    topics: Mutex<BTreeMap<String, (Instant, Vec<String>)>>,
    columns: Mutex<BTreeMap<TopicRef, Vec<Column>>>,
}

impl KnownTopics {
    fn topics(&self, cluster: &str) -> Option<Vec<String>> {
        let known = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, topics) = known.get(cluster)?;
        (at.elapsed() < KNOWN_FOR).then(|| topics.clone())
    }

    fn set_topics(&self, cluster: &str, topics: Vec<String>) {
        let mut known = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(cluster.to_owned(), (Instant::now(), topics));
    }

    fn columns(&self, of: &TopicRef) -> Vec<Column> {
        let known = self.columns.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(of).cloned().unwrap_or_default()
    }

    fn set_columns(&self, of: TopicRef, columns: Vec<Column>) {
        let mut known = self.columns.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= COLUMNS_MAX && !known.contains_key(&of) {
            known.pop_first();
        }
        known.insert(of, columns);
    }
}

/// The clusters of a workspace, for one query.
pub struct WorkspaceTopics {
    open: Weak<OpenWorkspace>,
    now_ms: i64,
}

impl WorkspaceTopics {
    pub fn new(open: &Arc<OpenWorkspace>, now_ms: i64) -> Self {
        Self {
            open: Arc::downgrade(open),
            now_ms,
        }
    }

    fn open(&self) -> Result<Arc<OpenWorkspace>> {
        self.open.upgrade().ok_or_else(closed)
    }
}

fn closed() -> Error {
    Error::user("closed", "the workspace was closed meanwhile")
}

#[async_trait]
impl Topics for WorkspaceTopics {
    fn has(&self, cluster: &str) -> bool {
        self.open
            .upgrade()
            .is_some_and(|open| open.workspace().definitions.cluster(cluster).is_ok())
    }

    async fn open(&self, cluster: &str, topic: &str, named: &Named) -> Result<Arc<dyn TopicTable>> {
        let open = self.open()?;
        let reached = open.cluster(cluster).await?;
        let sample = Sample::take(&open, &reached, topic, &TopicFormats::default(), self.now_ms).await?;
        let of = TopicRef {
            cluster: cluster.to_owned(),
            topic: topic.to_owned(),
        };
        open.known_topics.set_columns(of, sample.columns());
        Ok(Arc::new(KafkaTable::new(
            &open,
            reached,
            topic,
            sample,
            named,
            self.now_ms,
        )))
    }
}

/// The topics of every cluster that answers, as tables; columns only of those that were looked at.
pub async fn catalog(open: &Arc<OpenWorkspace>) -> Vec<SqlTable> {
    let clusters: Vec<(String, ClusterKind)> = {
        let workspace = open.workspace();
        let clusters = workspace.definitions.valid_clusters();
        clusters.map(|(name, it)| (name.to_owned(), it.kind)).collect()
    };
    let topics = clusters.iter().map(|(name, kind)| topics(open, name, *kind));
    let mut tables = Vec::new();
    for ((cluster, _), topics) in clusters.iter().zip(join_all(topics).await) {
        for topic in topics {
            let of = TopicRef {
                cluster: cluster.clone(),
                topic,
            };
            tables.push(SqlTable {
                name: session::quote_path(&[&of.cluster, &of.topic]),
                columns: open.known_topics.columns(&of),
                topic: Some(of),
            });
        }
    }
    tables
}

async fn topics(open: &Arc<OpenWorkspace>, cluster: &str, kind: ClusterKind) -> Vec<String> {
    if let Some(topics) = open.known_topics.topics(cluster) {
        return topics;
    }
    // A broker is not started for the sake of completion.
    if kind == ClusterKind::Sandbox && open.clusters.bootstrap(cluster).await.is_none() {
        return Vec::new();
    }
    let ask = async {
        let reached = open.cluster(cluster).await?;
        reached.client.topics().await
    };
    // One that does not answer has no tables for a while; a query that names one says why.
    let found = tokio::time::timeout(CATALOG_MAX, ask)
        .await
        .ok()
        .and_then(Result::ok);
    let topics: Vec<String> = found
        .unwrap_or_default()
        .into_iter()
        .filter(|topic| !topic.internal)
        .map(|topic| topic.name)
        .collect();
    open.known_topics.set_topics(cluster, topics.clone());
    topics
}

/// One topic with its columns, from a sample taken now.
pub async fn table(open: &Arc<OpenWorkspace>, of: TopicRef, now_ms: i64) -> Result<SqlTable> {
    let reached: Arc<Cluster> = open.cluster(&of.cluster).await?;
    let columns = Sample::take(open, &reached, &of.topic, &TopicFormats::default(), now_ms)
        .await?
        .columns();
    open.known_topics.set_columns(of.clone(), columns.clone());
    Ok(SqlTable {
        name: session::quote_path(&[&of.cluster, &of.topic]),
        columns,
        topic: Some(of),
    })
}
