//! Topics of a cluster: as a whole, one by one, side by side, and changed.
//!
//! Invariants: what is unknown is absent and its reason is told; nothing on a read-only cluster is changed; what is done
//! is what was shown before.

mod brokers;
mod cache;
mod change;
mod compare;
mod rates;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tailrace_connectors::clusters::kafka::BrokerLogs;
use tailrace_model::{
    Result,
    api::{PartitionDetail, TopicDetail, TopicList},
};

pub use brokers::brokers;
pub use cache::TopicCache;
pub use change::{apply, preview};
pub use compare::compare;

use crate::{
    clusters::Cluster,
    core::{Stage, now_ms},
    lag,
    open::OpenWorkspace,
};

/// How long whoever looks at a cluster for the first time waits for sizes and settings: names and numbers of records
/// are shown without them.
const FIRST_MAX: Duration = Duration::from_millis(1_200);
/// How long whoever looks at one topic waits for its sizes.
const SIZES_MAX: Duration = Duration::from_millis(1_500);

/// Every topic as last asked for; what is older than a moment is asked for anew in the background.
pub async fn list(open: &Arc<OpenWorkspace>, name: &str) -> Result<TopicList> {
    let cluster = open.cluster(name).await?;
    let started = Instant::now();
    refresh(open, &cluster);
    let had_one = cluster.topics.is_known();
    loop {
        let changed = cluster.topics.changed();
        match cluster.topics.list() {
            Err(error) => return Err(error),
            Ok(Some(list)) if had_one || !list.refreshing || started.elapsed() > FIRST_MAX => {
                return Ok(list);
            }
            Ok(Some(_)) => {
                let left = FIRST_MAX.saturating_sub(started.elapsed());
                let _ = tokio::time::timeout(left, changed).await;
            }
            Ok(None) => changed.await,
        }
    }
}

/// Asks the cluster anew in the background, unless that is under way or was just done.
fn refresh(open: &Arc<OpenWorkspace>, cluster: &Arc<Cluster>) {
    if !cluster.topics.begin(now_ms()) {
        return;
    }
    let (weak, cluster) = (Arc::downgrade(open), Arc::clone(cluster));
    open.supervisor.spawn(Stage::Work, |token| async move {
        let work = cache::refresh(&weak, &cluster);
        // A refresh that was stopped is over as well.
        if token.run_until_cancelled(work).await.is_none() {
            cluster.topics.end(Ok(()));
        }
    });
}

/// One topic with everything that is known of its partitions.
pub async fn detail(open: &OpenWorkspace, name: &str, topic: &str) -> Result<TopicDetail> {
    let cluster = open.cluster(name).await?;
    let mut detail = cluster.client.topic(topic).await?;
    let at_ms = now_ms();
    detail.sampled_ms = at_ms;
    let asked = cluster.client.topic_logs(&detail);
    let sized = tokio::time::timeout(SIZES_MAX, asked).await;
    match sized {
        Ok(Ok((logs, missing))) => {
            put_sizes(&mut detail, &logs);
            detail.missing = missing;
        }
        Ok(Err(error)) => detail.missing.push(error.message),
        Err(_) => detail.missing.push(format!(
            "sizes are unknown: the brokers of cluster \"{name}\" take longer than {} ms to tell them",
            SIZES_MAX.as_millis()
        )),
    }
    let commits = lag::committed_of(&cluster, topic);
    cluster.topics.add_rates(&mut detail, commits, at_ms);
    Ok(detail)
}

/// Size of each partition: its leader's log, and all its copies together where all of them are known.
fn put_sizes(detail: &mut TopicDetail, logs: &[BrokerLogs]) {
    for partition in &mut detail.partitions {
        let on = |broker: i32| {
            let logs = logs.iter().find(|logs| logs.broker == broker)?;
            let found = logs
                .partitions
                .iter()
                .find(|(topic, index, _)| *topic == detail.name && *index == partition.partition)?;
            Some(found.2)
        };
        partition.bytes = on(partition.leader);
        partition.bytes_on_disk = partition.replicas.iter().map(|broker| on(*broker)).sum();
    }
}

/// The sum, if every partition is known.
fn total(partitions: &[PartitionDetail], of: impl Fn(&PartitionDetail) -> Option<i64>) -> Option<i64> {
    partitions.iter().map(of).sum()
}

fn records(of: &PartitionDetail) -> Option<i64> {
    Some(of.end? - of.start?)
}
