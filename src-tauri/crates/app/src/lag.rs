//! Lag of consumer groups: sampled, kept, and told with its status.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, PoisonError},
    time::Duration,
};

use tailrace_connectors::clusters::kafka::GroupSample;
use tailrace_engine::lag::{LagEvaluation, LagSample, PartitionSample, evaluate};
use tailrace_model::{
    Error, Result,
    api::{GroupDetail, GroupSummary, LagMetric, Topic},
};

use crate::{
    clusters::Cluster,
    core::{Stage, now_ms},
    open::OpenWorkspace,
    reports::{ChartSpec, ColorRole, Series, Unit},
    store::LagRow,
};

/// Between two samples of a cluster.
pub const SAMPLE_INTERVAL: Duration = Duration::from_secs(2);
/// Samples are written to the state at this interval at most.
const STORE_INTERVAL_MS: i64 = 2_000;
/// Samples of a group that its status is judged by.
const SAMPLES_MAX: usize = 60;
/// How long somebody waits for a cluster to tell of its groups.
const ANSWER_MAX: Duration = Duration::from_secs(15);
/// A sample younger than this is shown as it is; an older one is taken anew. Less than the interval, so that whoever
/// looks at every interval sees a new one.
const FRESH_MS: i64 = 1_900;

/// What was sampled of one cluster.
#[derive(Debug, Default)]
pub struct LagState {
    last: BTreeMap<String, GroupSample>,
    samples: BTreeMap<String, VecDeque<LagSample>>,
    sampled_ms: Option<i64>,
    stored_ms: i64,
    count: u64,
}

fn lag_sample(sample: &GroupSample, at_ms: i64) -> LagSample {
    let partitions = sample.partitions.iter().map(|it| PartitionSample {
        topic: it.topic.clone(),
        partition: it.partition,
        committed: it.committed,
        end: it.end,
        lag_ms: it.lag_ms,
    });
    LagSample {
        at_ms,
        members: sample.members,
        partitions: partitions.collect(),
    }
}

/// The sum of what is known, as the list of groups has it; `None`: nothing is.
fn sum(values: impl Iterator<Item = Option<i64>>) -> Option<i64> {
    values.flatten().reduce(|sum, value| sum + value)
}

impl LagState {
    fn add(&mut self, samples: Vec<GroupSample>, at_ms: i64) -> Vec<LagRow> {
        self.samples
            .retain(|group, _| samples.iter().any(|sample| sample.group == *group));
        self.last.clear();
        let mut rows = Vec::with_capacity(samples.len());
        for sample in samples {
            let history = self.samples.entry(sample.group.clone()).or_default();
            history.push_back(lag_sample(&sample, at_ms));
            while history.len() > SAMPLES_MAX {
                history.pop_front();
            }
            rows.push(LagRow {
                group: sample.group.clone(),
                at_ms,
                lag: sum(sample.partitions.iter().map(|it| it.lag)),
                lag_ms: sample.partitions.iter().filter_map(|it| it.lag_ms).max(),
                committed: sum(sample.partitions.iter().map(|it| it.committed)),
                ends: sum(sample.partitions.iter().map(|it| it.end)),
            });
            self.last.insert(sample.group.clone(), sample);
        }
        self.sampled_ms = Some(at_ms);
        self.count += 1;
        rows
    }

    fn summary(&self, sample: &GroupSample) -> GroupSummary {
        let history: Vec<LagSample> = self
            .samples
            .get(&sample.group)
            .map(|history| history.iter().cloned().collect())
            .unwrap_or_default();
        let judged: LagEvaluation = evaluate(&history);
        let mut topics: Vec<String> = sample
            .partitions
            .iter()
            .map(|partition| partition.topic.clone())
            .collect();
        topics.sort();
        topics.dedup();
        GroupSummary {
            group: sample.group.clone(),
            state: sample.state.clone(),
            members: sample.members,
            topics,
            partitions: sample.partitions.len() as u32,
            partitions_unknown: judged.partitions_unknown,
            lag: judged.lag,
            lag_ms: judged.lag_ms,
            status: judged.status,
            reason: sample
                .error
                .as_ref()
                .map_or(judged.reason, |error| error.message.clone()),
            in_per_second: judged.in_per_second,
            out_per_second: judged.out_per_second,
            drained_in_ms: judged.drained_in_ms,
            sampled_ms: self.sampled_ms.unwrap_or_default(),
        }
    }
}

/// Takes a sample of every group now, and keeps it.
pub async fn sample(open: &OpenWorkspace, cluster: &Cluster) -> Result<()> {
    let sampler = cluster.sampler.lock().await;
    let at_ms = now_ms();
    let samples = sampler.sample(at_ms).await?;
    drop(sampler);
    let (rows, count, store) = {
        let mut state = cluster.lag.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = state.add(samples, at_ms);
        let store = at_ms - state.stored_ms >= STORE_INTERVAL_MS;
        if store {
            state.stored_ms = at_ms;
        }
        (rows, state.count, store)
    };
    if store && let Ok(held) = open.held() {
        held.store.add_lag(&cluster.name, &rows).await?;
    }
    open.hub.publish(&Topic::Lag, count);
    Ok(())
}

async fn fresh(open: &OpenWorkspace, cluster: &Cluster) -> Result<()> {
    let sampled_ms = cluster
        .lag
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .sampled_ms;
    match sampled_ms {
        Some(at_ms) if now_ms() - at_ms < FRESH_MS => Ok(()),
        _ => sample(open, cluster).await,
    }
}

/// All groups of a cluster, by name.
pub async fn groups(open: &OpenWorkspace, cluster: &str) -> Result<Vec<GroupSummary>> {
    let cluster = open.cluster(cluster).await?;
    fresh_in_time(open, &cluster).await?;
    let state = cluster.lag.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(state.last.values().map(|sample| state.summary(sample)).collect())
}

/// The groups as last sampled; asks nothing of the cluster.
pub fn last_groups(cluster: &Cluster) -> Vec<GroupSummary> {
    let state = cluster.lag.lock().unwrap_or_else(PoisonError::into_inner);
    state.last.values().map(|sample| state.summary(sample)).collect()
}

/// Whether the cluster ever told of its groups.
pub fn was_sampled(cluster: &Cluster) -> bool {
    let state = cluster.lag.lock().unwrap_or_else(PoisonError::into_inner);
    state.sampled_ms.is_some()
}

/// What groups had committed of a topic when they were last sampled, and when that was: offsets by group and partition.
pub fn committed_of(cluster: &Cluster, topic: &str) -> Option<(i64, HashMap<(String, i32), i64>)> {
    let state = cluster.lag.lock().unwrap_or_else(PoisonError::into_inner);
    let of_group = |sample: &GroupSample| {
        let group = sample.group.clone();
        let of_topic = sample.partitions.iter().filter(|it| it.topic == topic);
        of_topic
            .filter_map(move |it| Some(((group.clone(), it.partition), it.committed?)))
            .collect::<Vec<_>>()
    };
    Some((
        state.sampled_ms?,
        state.last.values().flat_map(of_group).collect(),
    ))
}

/// [`fresh`], for somebody who waits for it.
async fn fresh_in_time(open: &OpenWorkspace, cluster: &Cluster) -> Result<()> {
    let fresh = tokio::time::timeout(ANSWER_MAX, fresh(open, cluster)).await;
    fresh.unwrap_or_else(|_| {
        Err(Error::external(
            "cluster_silent",
            format!(
                "cluster \"{}\" did not tell of its consumer groups within {} s: test the connection",
                cluster.name,
                ANSWER_MAX.as_secs()
            ),
        ))
    })
}

/// One group by partition.
pub async fn group(open: &OpenWorkspace, cluster: &str, group: &str) -> Result<GroupDetail> {
    let made = open.cluster(cluster).await?;
    fresh_in_time(open, &made).await?;
    let state = made.lag.lock().unwrap_or_else(PoisonError::into_inner);
    let sample = state.last.get(group).ok_or_else(|| {
        Error::user(
            "unknown_group",
            format!("cluster \"{cluster}\" has no consumer group \"{group}\""),
        )
    })?;
    Ok(GroupDetail {
        summary: state.summary(sample),
        partitions: sample.partitions.clone(),
    })
}

/// Samples every cluster that has been reached for, until the workspace is closed.
pub fn start_sampling(open: &Arc<OpenWorkspace>) {
    let weak = Arc::downgrade(open);
    open.supervisor.spawn(Stage::Work, |token| async move {
        let mut tick = tokio::time::interval(SAMPLE_INTERVAL);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while token.run_until_cancelled(tick.tick()).await.is_some() {
            let Some(open) = weak.upgrade() else { return };
            // Side by side: one that does not answer leaves no holes in the history of the others.
            let clusters = open.clusters.made().await;
            let sampled = clusters.iter().map(|cluster| async {
                let sampled = token.run_until_cancelled(sample(&open, cluster)).await;
                // A cluster that does not answer says so where it is looked at; here it is only noted.
                if let Some(Err(error)) = sampled {
                    tracing::debug!(cluster = cluster.name, %error, "lag was not sampled");
                }
            });
            futures::future::join_all(sampled).await;
        }
    });
}

/// How far back a chart of lag goes.
const CHART_MS: i64 = 3_600_000;
/// Points of a line; more are thinned out evenly, the last one kept.
const CHART_POINTS_MAX: usize = 400;

/// The history of lag as a chart: of one group, or of every group, a line each.
pub async fn chart_spec(
    open: &OpenWorkspace,
    cluster: &str,
    group: Option<&str>,
    metric: LagMetric,
) -> Result<ChartSpec> {
    let now = now_ms();
    let rows = open
        .held()?
        .store
        .lag_since(cluster, group, now - CHART_MS)
        .await?;
    let from_ms = rows
        .iter()
        .map(|row| row.at_ms)
        .min()
        .unwrap_or(now - 60_000)
        .min(now - 60_000);
    let mut lines: BTreeMap<String, Vec<(i64, Option<f64>)>> = BTreeMap::new();
    for row in rows {
        let value = if metric == LagMetric::Records {
            row.lag
        } else {
            row.lag_ms
        };
        lines
            .entry(row.group)
            .or_default()
            .push((row.at_ms, value.map(|value| value as f64)));
    }
    let single = lines.len() == 1;
    let series = lines
        .into_iter()
        .enumerate()
        .map(|(index, (name, points))| Series {
            name,
            role: match (single, metric) {
                (true, LagMetric::Records) => ColorRole::Accent,
                (true, LagMetric::Time) => ColorRole::Warn,
                _ => ColorRole::nth(index),
            },
            points: thin(points),
            filled: single,
        });
    let title = if metric == LagMetric::Records {
        "Lag, records"
    } else {
        "Lag in time"
    };
    Ok(ChartSpec {
        title: Some(title.to_owned()),
        series: series.collect(),
        unit: if metric == LagMetric::Records {
            Unit::Count
        } else {
            Unit::DurationMs
        },
        from_ms,
        to_ms: now,
        utc_offset_ms: open.utc_offset_ms(now),
        marks: Vec::new(),
        empty: "no samples yet".to_owned(),
    })
}

fn thin(points: Vec<(i64, Option<f64>)>) -> Vec<(i64, Option<f64>)> {
    let step = points.len().div_ceil(CHART_POINTS_MAX).max(1);
    let last = points.len().saturating_sub(1);
    points
        .into_iter()
        .enumerate()
        .filter(|(index, _)| (last - index).is_multiple_of(step))
        .map(|(_, point)| point)
        .collect()
}
