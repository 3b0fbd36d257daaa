//! Lag of consumer groups: sampled, judged, kept, and told with its status.
//!
//! Invariants: one sample of a cluster at a time; a cluster that is slow is sampled less often, and holds up no other
//! one; whoever looks while sampling goes on in the background gets the last sample at once.

pub mod alert_edit;
mod alert_tell;
pub mod alerts;
mod chart;
mod rebalances;
pub mod reset;
mod sampling;
mod seed;
#[cfg(test)]
pub(crate) mod tests;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{MutexGuard, PoisonError},
    time::Duration,
};

use tailrace_connectors::clusters::kafka::GroupSample;
use tailrace_engine::lag::{
    GroupJudgement, GroupWindow, LagPoint, LagRules, PartitionSample, interpolated_lag_ms,
};
use tailrace_model::{
    Error, Result,
    api::{
        GroupDetail, GroupMember, GroupPartition, GroupSummary, LagTimeSource, Rebalance, SlowPartition,
        Topic,
    },
};

use crate::{
    clusters::Cluster,
    core::now_ms,
    open::OpenWorkspace,
    store::{LagMark, LagRow, LagValues, WEEK_STEP_MS},
};

use rebalances::Settled;
use seed::Seeds;

pub use chart::{ChartOf, chart_spec};
pub use sampling::{Samplers, start_sampling};

/// How long somebody waits for a cluster to tell of its groups.
const ANSWER_MAX: Duration = Duration::from_secs(15);
/// A sample younger than this is shown as it is, where nobody samples in the background.
const FRESH_MS: i64 = 1_900;
/// A sample is shown for so many intervals while others follow in the background; and never when it is older than this.
const BEHIND_INTERVALS_MAX: i64 = 10;
const BEHIND_MS_MAX: i64 = 60_000;
/// Sums of a group kept between two points of its history.
const TOTALS_MAX: usize = 120;
/// Rebalances of a group that its screen lists.
const REBALANCES_MAX: u32 = 50;

/// What was sampled of one cluster.
#[derive(Debug, Default)]
pub struct LagState {
    groups: BTreeMap<String, Watched>,
    sampled_ms: Option<i64>,
    took_ms: i64,
    stored_ms: i64,
    count: u64,
    /// What the history says of groups, until the first sample.
    seeds: Seeds,
    /// Why the last sample failed, and when that was.
    error: Option<(Error, i64)>,
}

/// One group.
#[derive(Debug)]
pub struct Watched {
    pub sample: GroupSample,
    pub judged: GroupJudgement,
    window: GroupWindow,
    totals: VecDeque<(i64, LagValues)>,
    /// Its members when it was last seen with no rebalance under way.
    settled: Option<Settled>,
    rebalanced_ms: Option<i64>,
}

fn partition_sample(it: &GroupPartition) -> PartitionSample {
    PartitionSample {
        topic: it.topic.clone(),
        partition: it.partition,
        committed: it.committed,
        end: it.end,
        stable_end: it.stable_end,
        lag: it.lag,
        lag_ms: it.lag_ms,
        guessed: it.lag_ms_source == Some(LagTimeSource::Interpolated),
        lost: it.lost,
        past_end: it.past_end,
        owned: it.member.is_some(),
    }
}

fn values(it: &GroupPartition) -> LagValues {
    LagValues {
        lag: it.lag,
        lag_ms: it.lag_ms,
        guessed: it.lag_ms_source == Some(LagTimeSource::Interpolated),
        committed: it.committed,
        end: it.end,
    }
}

/// The sum of what is known; `None`: nothing is.
fn sum(values: impl Iterator<Item = Option<i64>>) -> Option<i64> {
    values.flatten().reduce(|sum, value| sum + value)
}

/// The largest lag in time, and where it is from: of two alike the one that was read.
fn furthest<'p>(partitions: impl Iterator<Item = &'p GroupPartition>) -> Option<(i64, LagTimeSource)> {
    let known = partitions.filter_map(|it| it.lag_ms.zip(it.lag_ms_source));
    known.max_by_key(|(lag_ms, source)| (*lag_ms, *source == LagTimeSource::Record))
}

fn total(sample: &GroupSample) -> LagValues {
    let all = || sample.partitions.iter();
    let furthest = furthest(all());
    LagValues {
        lag: sum(all().map(|it| it.lag)),
        lag_ms: furthest.map(|(lag_ms, _)| lag_ms),
        guessed: furthest.is_some_and(|(_, source)| source == LagTimeSource::Interpolated),
        committed: sum(all().map(|it| it.committed)),
        // As the sum of commits has it: a partition without a commit is in neither.
        end: sum(all().map(|it| it.committed.and(it.end))),
    }
}

/// A lag in time that was not read is guessed from when the end was where the commit is.
fn guess_times(sample: &mut GroupSample, before: Option<&Watched>, at_ms: i64) {
    for partition in &mut sample.partitions {
        let (Some(lag), None, Some(committed)) = (partition.lag, partition.lag_ms, partition.committed)
        else {
            continue;
        };
        if lag == 0 {
            continue;
        }
        let now = LagPoint {
            at_ms,
            committed: partition.committed,
            end: partition.end,
            lag: partition.lag,
            lag_ms: None,
            guessed: false,
        };
        let before = before
            .into_iter()
            .flat_map(|watched| watched.window.points(&partition.topic, partition.partition));
        let next = committed.max(partition.start.unwrap_or(committed));
        partition.lag_ms = interpolated_lag_ms(before.chain([&now]), next, at_ms);
        partition.lag_ms_source = partition.lag_ms.map(|_| LagTimeSource::Interpolated);
    }
}

/// What a sample adds beside itself.
pub(crate) struct Added {
    rows: Vec<(String, LagRow)>,
    marks: Vec<(String, LagMark)>,
    count: u64,
}

impl LagState {
    pub(crate) fn add(&mut self, rules: &LagRules, samples: Vec<GroupSample>, at_ms: i64) -> Added {
        let store = at_ms - self.stored_ms >= WEEK_STEP_MS;
        if store {
            self.stored_ms = at_ms;
        }
        let mut before = std::mem::take(&mut self.groups);
        let (mut rows, mut marks) = (Vec::new(), Vec::new());
        for mut sample in samples {
            let was = before.remove(&sample.group);
            guess_times(&mut sample, was.as_ref(), at_ms);
            let total = total(&sample);
            if store {
                rows.push((sample.group.clone(), row(&sample, total, at_ms)));
            }
            let (mut window, mut totals, before, mut rebalanced_ms) = was
                .map_or_else(Default::default, |was| {
                    (was.window, was.totals, was.settled, was.rebalanced_ms)
                });
            if let Some(seed) = self.seeds.remove(&sample.group) {
                window = seed;
            }
            let settled = rebalances::settled(&sample);
            let changed = before.as_ref().zip(settled.as_ref());
            if let Some(what) = changed.and_then(|(before, now)| rebalances::change(before, now)) {
                rebalanced_ms = Some(at_ms);
                marks.push((sample.group.clone(), LagMark { at_ms, what }));
            }
            let partitions: Vec<PartitionSample> = sample.partitions.iter().map(partition_sample).collect();
            window.add(rules, at_ms, sample.members.len() as u32, &partitions);
            totals.push_back((at_ms, total));
            while totals.len() > TOTALS_MAX {
                totals.pop_front();
            }
            let watched = Watched {
                judged: window.judge(rules),
                sample,
                window,
                totals,
                settled: settled.or(before),
                rebalanced_ms,
            };
            self.groups.insert(watched.sample.group.clone(), watched);
        }
        self.seeds.clear();
        self.sampled_ms = Some(at_ms);
        self.error = None;
        self.count += 1;
        Added {
            rows,
            marks,
            count: self.count,
        }
    }

    /// The cluster did not tell; what it told before stays, and is as old as it is.
    pub(crate) fn failed(&mut self, error: Error, at_ms: i64) {
        self.error = Some((error, at_ms));
    }

    /// Why the last sample failed, if that was not before then.
    fn failed_since(&self, at_ms: i64) -> Option<Error> {
        let (error, failed_ms) = self.error.as_ref()?;
        (*failed_ms >= at_ms).then(|| error.clone())
    }

    /// Every group, by name.
    pub fn groups(&self) -> impl Iterator<Item = &Watched> {
        self.groups.values()
    }

    pub fn sampled_ms(&self) -> Option<i64> {
        self.sampled_ms
    }

    /// How long the last sample took.
    pub fn took_ms(&self) -> i64 {
        self.took_ms
    }

    /// Why the last sample failed, if it did.
    pub fn error(&self) -> Option<&Error> {
        self.error.as_ref().map(|(error, _)| error)
    }

    fn summary(&self, group: &Watched) -> GroupSummary {
        let (sample, judged) = (&group.sample, &group.judged);
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
            members: sample.members.len() as u32,
            topics,
            partitions: sample.partitions.len() as u32,
            partitions_unknown: judged.partitions_unknown,
            lag: judged.lag,
            lag_in_offsets: sample.partitions.iter().any(|it| it.lag_in_offsets),
            lag_ms: judged.lag_ms,
            lag_ms_source: group.lag_ms().map(|(_, source)| source),
            lost: judged.lost,
            status: judged.status,
            level: judged.level,
            reason: sample
                .error
                .as_ref()
                .map_or_else(|| judged.reason.clone(), |error| error.message.clone()),
            complete: judged.complete,
            in_per_second: judged.in_per_second,
            out_per_second: judged.out_per_second,
            drained_in_ms: judged.drained_in_ms,
            skew: judged.skew,
            slowest: group.slowest(),
            rebalanced_ms: group.rebalanced_ms,
            sampled_ms: self.sampled_ms.unwrap_or_default(),
        }
    }
}

fn row(sample: &GroupSample, total: LagValues, at_ms: i64) -> LagRow {
    let one = |it: &GroupPartition| ((it.topic.clone(), it.partition), values(it));
    LagRow {
        at_ms,
        total,
        partitions: sample.partitions.iter().map(one).collect(),
    }
}

impl Watched {
    fn slowest(&self) -> Option<SlowPartition> {
        let slowest = self.sample.partitions.get(self.judged.slowest?)?;
        Some(SlowPartition {
            topic: slowest.topic.clone(),
            partition: slowest.partition,
            lag: slowest.lag?,
            lag_ms: slowest.lag_ms,
            lag_ms_source: slowest.lag_ms_source,
            member: slowest.member.clone(),
            client: slowest.client.clone(),
            host: slowest.host.clone(),
        })
    }

    /// The largest lag in time of its partitions, and where that is from.
    pub fn lag_ms(&self) -> Option<(i64, LagTimeSource)> {
        furthest(self.sample.partitions.iter())
    }

    /// Its partitions, each with what is judged of it.
    pub fn partitions(&self) -> Vec<GroupPartition> {
        let judged = self.judged.partitions.iter();
        let judged: HashMap<(&str, i32), _> =
            judged.map(|it| ((it.topic.as_str(), it.partition), it)).collect();
        let with = |sampled: &GroupPartition| {
            let mut it = sampled.clone();
            if let Some(found) = judged.get(&(sampled.topic.as_str(), sampled.partition)) {
                it.status = found.status;
                it.reason.clone_from(&found.reason);
                it.in_per_second = found.in_per_second;
                it.out_per_second = found.out_per_second;
                it.drained_in_ms = found.drained_in_ms;
            }
            it
        };
        self.sample.partitions.iter().map(with).collect()
    }

    fn members(&self, partitions: &[GroupPartition]) -> Vec<GroupMember> {
        let member = |it: &tailrace_connectors::clusters::kafka::GroupMember| {
            let own = || {
                partitions
                    .iter()
                    .filter(|of| of.member.as_deref() == Some(&it.id))
            };
            let rates = own().filter_map(|of| of.out_per_second);
            let mut assignment = it.assignment.clone();
            assignment.sort();
            GroupMember {
                id: it.id.clone(),
                client: it.client.clone(),
                host: it.host.clone(),
                assignment: assignment
                    .iter()
                    .map(|of| format!("{}/{}", of.topic, of.partition))
                    .collect(),
                lag: sum(own().map(|of| of.lag)),
                lag_ms: furthest(own()).map(|(lag_ms, _)| lag_ms),
                lag_ms_source: furthest(own()).map(|(_, source)| source),
                out_per_second: rates.reduce(|sum, rate| sum + rate),
            }
        };
        self.sample.members.iter().map(member).collect()
    }
}

impl Cluster {
    /// What was sampled of it. Not to be held across an await.
    pub(crate) fn lag(&self) -> MutexGuard<'_, LagState> {
        self.lag.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub fn rules(open: &OpenWorkspace, cluster: &Cluster) -> LagRules {
    LagRules::new(&open.workspace().definitions.lag_settings(&cluster.name))
}

/// Takes a sample of every group now, and keeps it.
pub async fn sample(open: &OpenWorkspace, cluster: &Cluster) -> Result<()> {
    sample_unless(open, cluster, |_| false).await
}

/// [`sample`], unless somebody took a good one while this one waited for its turn.
async fn sample_unless(
    open: &OpenWorkspace,
    cluster: &Cluster,
    good: impl Fn(&LagState) -> bool,
) -> Result<()> {
    let asked_ms = now_ms();
    let sampler = cluster.sampler.lock().await;
    if good(&cluster.lag()) {
        return Ok(());
    }
    // Whoever waited while it did not answer another one has the same answer.
    if let Some(error) = cluster.lag().failed_since(asked_ms) {
        return Err(error);
    }
    let rules = rules(open, cluster);
    if cluster.lag().sampled_ms.is_none() {
        let seeds = seed::read(open, cluster, &rules, now_ms()).await;
        cluster.lag().seeds = seeds;
    }
    let at_ms = now_ms();
    let sampled = sampler.sample(at_ms).await;
    drop(sampler);
    let samples = match sampled {
        Ok(samples) => samples,
        Err(error) => {
            cluster.lag().failed(error.clone(), now_ms());
            return Err(error);
        }
    };
    let added = {
        let mut state = cluster.lag();
        state.took_ms = now_ms() - at_ms;
        state.add(&rules, samples, at_ms)
    };
    if let Ok(held) = open.held() {
        if !added.rows.is_empty() {
            held.store.add_lag(&cluster.name, &added.rows).await?;
        }
        for (group, mark) in &added.marks {
            held.store.add_lag_mark(&cluster.name, group, mark).await?;
        }
    }
    open.hub.publish(&Topic::Lag, added.count);
    Ok(())
}

/// Whether what was sampled last can be shown.
fn is_fresh(open: &OpenWorkspace, state: &LagState, every_ms: i64) -> bool {
    let Some(sampled_ms) = state.sampled_ms else {
        return false;
    };
    let age_ms = now_ms() - sampled_ms;
    let enough_ms = match open.samples_in_background() && state.error.is_none() {
        true => (every_ms * BEHIND_INTERVALS_MAX).min(BEHIND_MS_MAX),
        false => FRESH_MS,
    };
    age_ms < enough_ms
}

async fn fresh(open: &OpenWorkspace, cluster: &Cluster) -> Result<()> {
    let every_ms = rules(open, cluster).every_ms;
    sample_if_old(open, cluster, |state| is_fresh(open, state, every_ms)).await
}

async fn sample_if_old(
    open: &OpenWorkspace,
    cluster: &Cluster,
    good: impl Fn(&LagState) -> bool,
) -> Result<()> {
    if good(&cluster.lag()) {
        return Ok(());
    }
    // It is asked again in the background, and no more often for whoever looks at it.
    if open.samples_in_background()
        && let Some(error) = cluster.lag().failed_since(now_ms() - sampling::AFTER_FAILURE_MS)
    {
        return Err(error);
    }
    sample_unless(open, cluster, good).await
}

/// All groups of a cluster, by name.
pub async fn groups(open: &OpenWorkspace, cluster: &str) -> Result<Vec<GroupSummary>> {
    let cluster = open.cluster(cluster).await?;
    fresh_in_time(open, &cluster).await?;
    Ok(last_groups(&cluster))
}

/// The groups as last sampled; asks nothing of the cluster.
pub fn last_groups(cluster: &Cluster) -> Vec<GroupSummary> {
    let state = cluster.lag();
    state.groups.values().map(|group| state.summary(group)).collect()
}

/// Whether the cluster ever told of its groups.
pub fn was_sampled(cluster: &Cluster) -> bool {
    cluster.lag().sampled_ms.is_some()
}

/// Offsets by group and partition of one topic.
pub type CommittedOf = HashMap<(String, i32), i64>;

/// What groups had committed of a topic when they were last sampled, and when that was: offsets by group and partition.
pub fn committed_of(cluster: &Cluster, topic: &str) -> Option<(i64, CommittedOf)> {
    let state = cluster.lag();
    let of_group = |watched: &Watched| {
        let sample = &watched.sample;
        let of_topic = sample.partitions.iter().filter(|it| it.topic == topic);
        of_topic
            .filter_map(|it| Some(((sample.group.clone(), it.partition), it.committed?)))
            .collect::<Vec<_>>()
    };
    Some((
        state.sampled_ms?,
        state.groups.values().flat_map(of_group).collect(),
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

/// One group by partition and member.
pub async fn group(open: &OpenWorkspace, cluster: &str, group: &str) -> Result<GroupDetail> {
    let made = open.cluster(cluster).await?;
    fresh_in_time(open, &made).await?;
    let (summary, partitions, members) = {
        let state = made.lag();
        let watched = state.groups.get(group).ok_or_else(|| unknown(cluster, group))?;
        let partitions = watched.partitions();
        let members = watched.members(&partitions);
        (state.summary(watched), partitions, members)
    };
    let marks = match open.held() {
        Ok(held) => held.store.lag_marks(cluster, group, 0, REBALANCES_MAX).await?,
        Err(_) => Vec::new(),
    };
    let rebalance = |mark: LagMark| Rebalance {
        at_ms: mark.at_ms,
        what: mark.what,
    };
    Ok(GroupDetail {
        summary,
        partitions,
        members,
        rebalances: marks.into_iter().map(rebalance).collect(),
    })
}

pub fn unknown(cluster: &str, group: &str) -> Error {
    Error::user(
        "unknown_group",
        format!("cluster \"{cluster}\" has no consumer group \"{group}\""),
    )
}
