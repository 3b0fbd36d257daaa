//! Topics as tables: the clusters of the workspace as SQL sees them.
//!
//! Columns come from a sample: the first and the last records of each partition, read when a query is planned and kept
//! for a short while ([`sample::KEPT_MS`]); one that lacks a field which a query names is taken anew. A field
//! that the query names and the sample lacks is a column all the same: a number, a truth or a text where the query
//! compares it with one, otherwise the text of whatever it is. One that no record had is null, and the end says so.
//!
//! Invariants: a query reads up to the ends that the partitions had when it was planned; a record whose field is of
//! another type than its column is null there and counted.

mod sample;
mod table;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use futures::future::join_all;
pub use sample::Sample;
use sample::{Basis, Kept};
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
/// Topics whose samples are kept.
const SAMPLES_MAX: usize = 64;

/// What completion knows of topics.
#[derive(Debug, Default)]
pub struct KnownTopics {
    topics: Mutex<BTreeMap<String, (Instant, Vec<String>)>>,
    columns: Mutex<BTreeMap<TopicRef, Vec<Column>>>,
    samples: Mutex<BTreeMap<TopicRef, Kept>>,
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

impl KnownTopics {
    fn samples(&self) -> MutexGuard<'_, BTreeMap<TopicRef, Kept>> {
        self.samples.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sample that is kept, if it is young enough and records are still read as they were for it.
    fn sample(&self, open: &OpenWorkspace, of: &TopicRef, now_ms: i64) -> Option<Arc<Sample>> {
        let basis = Basis::of(open, of);
        self.samples().get(of)?.at(now_ms, &basis)
    }

    /// Of an empty topic nothing was learnt: it is looked at again.
    fn keep_sample(&self, of: &TopicRef, basis: Basis, sample: Arc<Sample>, now_ms: i64) {
        let mut samples = self.samples();
        samples.retain(|_, kept| kept.is_young(now_ms));
        samples.remove(of);
        if sample.records == 0 {
            return;
        }
        if samples.len() >= SAMPLES_MAX {
            samples.pop_first();
        }
        samples.insert(of.clone(), Kept::new(basis, sample, now_ms));
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

    fn clusters(&self) -> Vec<String> {
        let Some(open) = self.open.upgrade() else {
            return Vec::new();
        };
        let workspace = open.workspace();
        let names = workspace.definitions.valid_clusters();
        names.map(|(name, _)| name.to_owned()).collect()
    }

    async fn open(&self, cluster: &str, topic: &str, named: &Named) -> Result<Arc<dyn TopicTable>> {
        let open = self.open()?;
        let reached = open.cluster(cluster).await?;
        let of = TopicRef {
            cluster: cluster.to_owned(),
            topic: topic.to_owned(),
        };
        let sample = sample_for(&open, &reached, &of, named, self.now_ms).await?;
        Ok(Arc::new(KafkaTable::new(
            &open,
            reached,
            topic,
            &sample,
            named,
            self.now_ms,
        )))
    }
}

/// The sample that a query is planned with: one that is kept, unless the query names what no record of it had.
async fn sample_for(
    open: &OpenWorkspace,
    cluster: &Cluster,
    of: &TopicRef,
    named: &Named,
    now_ms: i64,
) -> Result<Arc<Sample>> {
    match open.known_topics.sample(open, of, now_ms) {
        Some(kept) if kept.fields(named).1.is_empty() => Ok(kept),
        _ => sample_now(open, cluster, of, now_ms).await,
    }
}

/// A new sample, which is kept.
async fn sample_now(
    open: &OpenWorkspace,
    cluster: &Cluster,
    of: &TopicRef,
    now_ms: i64,
) -> Result<Arc<Sample>> {
    let basis = Basis::of(open, of);
    let sample = Arc::new(Sample::take(open, cluster, &of.topic, &TopicFormats::default(), now_ms).await?);
    open.known_topics.set_columns(of.clone(), sample.columns());
    open.known_topics
        .keep_sample(of, basis, Arc::clone(&sample), now_ms);
    Ok(sample)
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
    let sample = sample_now(open, &reached, &of, now_ms).await?;
    Ok(SqlTable {
        name: session::quote_path(&[&of.cluster, &of.topic]),
        columns: sample.columns(),
        topic: Some(of),
    })
}

#[cfg(test)]
mod tests {
    use tailrace_engine::session::Used;

    use super::*;
    use crate::{OpenOptions, core::now_ms, workspace::WORKSPACE_FILE};

    #[tokio::test]
    async fn a_sample_is_kept_for_a_while_and_taken_anew_for_what_it_lacks() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(WORKSPACE_FILE), "name = \"test\"\n").unwrap();
        std::fs::create_dir(folder.path().join("clusters")).unwrap();
        let shop = "kind = \"sandbox\"\n[sandbox]\nhistory_events = 300\nevents_per_second = 1\n";
        std::fs::write(folder.path().join("clusters/shop.toml"), shop).unwrap();
        let open = OpenWorkspace::open(folder.path().to_owned(), OpenOptions::look())
            .await
            .unwrap();
        let cluster = open.cluster("shop").await.unwrap();
        let of = TopicRef {
            cluster: "shop".to_owned(),
            topic: "shop.orders".to_owned(),
        };
        let now = now_ms();
        let named = |path: &str| Named {
            paths: BTreeMap::from([(vec![path.to_owned()], Used::Anyhow)]),
            ..Named::default()
        };
        let sample =
            async |named: &Named, now_ms: i64| sample_for(&open, &cluster, &of, named, now_ms).await.unwrap();
        let all = Named::default();
        let first = sample(&all, now).await;
        assert!(first.records > 0, "the shop has orders");
        let known = first.all_fields().paths()[0].path[0].clone();
        assert!(
            Arc::ptr_eq(&first, &sample(&named(&known), now + 1).await),
            "kept"
        );
        let second = sample(&named("no_such_field"), now + 1).await;
        assert!(!Arc::ptr_eq(&first, &second), "it might have come since");
        assert!(
            Arc::ptr_eq(&second, &sample(&all, now + sample::KEPT_MS).await),
            "kept"
        );
        let third = sample(&all, now + 1 + sample::KEPT_MS).await;
        assert!(!Arc::ptr_eq(&second, &third), "too old");
        {
            let mut workspace = open.workspace_mut();
            let mut definition = workspace.definitions.cluster("shop").unwrap().clone();
            let text = tailrace_model::FormatDefinition::named("text");
            definition.topics.entry(of.topic.clone()).or_default().value = Some(text);
            workspace.save_cluster("shop", &definition).unwrap();
        }
        let fourth = sample(&all, now + 1 + sample::KEPT_MS).await;
        assert!(!Arc::ptr_eq(&third, &fourth), "records are read in another way");
        open.close().await;
    }
}
