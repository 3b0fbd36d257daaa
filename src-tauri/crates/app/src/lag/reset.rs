//! Moving a group's offsets: a preview first, then exactly what it showed. Nothing is moved while somebody reads, or on
//! a cluster that is read-only.

use std::collections::{BTreeSet, HashMap};

use tailrace_connectors::clusters::kafka::{GroupDescription, TopicPartition, Watermarks};
use tailrace_engine::lag::reset::{Target, Wanted, parse_csv, plan, row};
use tailrace_model::{
    Error, Result,
    api::{GroupDelete, ResetApply, ResetOffset, ResetPlan, ResetRequest, ResetRow, ResetScope, ResetTo},
};

use crate::{
    clusters::{Cluster, refuse_read_only},
    core::now_ms,
    open::OpenWorkspace,
};

/// Members that a refusal names.
const NAMED_MAX: usize = 5;
/// On a read-only cluster.
const UNMOVED: &str = "offsets of its groups stay where they are";

/// What is known of a group before it is moved.
struct Stand {
    described: GroupDescription,
    committed: HashMap<TopicPartition, i64>,
}

async fn stand(cluster: &Cluster, group: &str) -> Result<Stand> {
    let names = [group.to_owned()];
    let (described, (mut committed, mut errors)) =
        tokio::try_join!(cluster.client.group(group), cluster.client.committed(&names))?;
    if let Some(error) = described.error.clone().or_else(|| errors.remove(group)) {
        return Err(error);
    }
    Ok(Stand {
        described,
        committed: committed.remove(group).unwrap_or_default(),
    })
}

/// Why offsets can't be moved now; `None`: they can.
fn refusal(open: &OpenWorkspace, cluster: &str, described: &GroupDescription) -> Option<Error> {
    if let Err(error) = refuse_read_only(open, cluster, UNMOVED) {
        return Some(error);
    }
    if described.members.is_empty() {
        return None;
    }
    let mut names: Vec<String> = described
        .members
        .iter()
        .take(NAMED_MAX)
        .map(|member| format!("{} on {}", member.client, member.host))
        .collect();
    let more = described.members.len().saturating_sub(NAMED_MAX);
    if more > 0 {
        names.push(format!("{more} more"));
    }
    Some(Error::user(
        "group_in_use",
        format!(
            "group \"{}\" is being read by {}: stop {} first, or they would commit over it",
            described.group,
            names.join(", "),
            if described.members.len() == 1 {
                "it"
            } else {
                "them"
            }
        ),
    ))
}

/// What a reset would change.
pub async fn preview(open: &OpenWorkspace, request: &ResetRequest) -> Result<ResetPlan> {
    let cluster = open.cluster(&request.cluster).await?;
    let stand = stand(&cluster, &request.group).await?;
    let targets = targets(&cluster, request, &stand).await?;
    let of: Vec<TopicPartition> = targets.iter().map(|(of, _)| of.clone()).collect();
    let marks = cluster.client.watermarks(&of).await?;
    let rows = targets
        .into_iter()
        .map(|(of, to)| {
            let current = stand.committed.get(&of).copied();
            one(&of, current, to, &marks)
        })
        .collect::<Result<Vec<ResetRow>>>()?;
    let refused = refusal(open, &request.cluster, &stand.described).map(|error| error.message);
    Ok(plan(&request.cluster, &request.group, rows, refused))
}

fn one(
    of: &TopicPartition,
    current: Option<i64>,
    to: Target,
    marks: &HashMap<TopicPartition, Watermarks>,
) -> Result<ResetRow> {
    let marks = marks.get(of).ok_or_else(|| {
        Error::external(
            "partition_silent",
            format!(
                "{}/{} did not tell where it begins and ends: nothing is moved",
                of.topic, of.partition
            ),
        )
    })?;
    Ok(row(&Wanted {
        topic: of.topic.clone(),
        partition: of.partition,
        current,
        start: marks.start,
        end: marks.end,
        to,
    }))
}

/// The partitions that are meant, and where each shall go.
async fn targets(
    cluster: &Cluster,
    request: &ResetRequest,
    stand: &Stand,
) -> Result<Vec<(TopicPartition, Target)>> {
    if let ResetTo::Csv(text) = &request.to {
        let offsets = parse_csv(text, &request.group)?;
        return from_file(cluster, offsets, &request.only).await;
    }
    let of = scope(cluster, request, stand).await?;
    let at_ms = match request.to {
        ResetTo::Timestamp(at_ms) => Some(at_ms),
        ResetTo::Duration(ms) => Some(now_ms() - ms),
        _ => None,
    };
    let times = match at_ms {
        Some(at_ms) => cluster.client.offsets_at(&of, at_ms).await?,
        None => HashMap::new(),
    };
    of.into_iter()
        .map(|of| {
            let to = match request.to {
                ResetTo::Earliest => Target::Start,
                ResetTo::Latest => Target::End,
                ResetTo::Offset(offset) => Target::Offset(offset),
                ResetTo::Shift(by) => Target::Shift(by),
                ResetTo::Timestamp(_) | ResetTo::Duration(_) | ResetTo::Csv(_) => {
                    Target::Time(*times.get(&of).ok_or_else(|| {
                        Error::external(
                            "partition_silent",
                            format!(
                                "{}/{} did not tell which record is the first of that time",
                                of.topic, of.partition
                            ),
                        )
                    })?)
                }
            };
            Ok((of, to))
        })
        .collect()
}

async fn from_file(
    cluster: &Cluster,
    offsets: Vec<ResetOffset>,
    only: &[ResetScope],
) -> Result<Vec<(TopicPartition, Target)>> {
    let topics: BTreeSet<&str> = offsets.iter().map(|it| it.topic.as_str()).collect();
    let mut there = BTreeSet::new();
    for topic in topics {
        there.extend(cluster.client.partitions_of(topic).await?);
    }
    let mut targets = Vec::new();
    for it in &offsets {
        let of = TopicPartition {
            topic: it.topic.clone(),
            partition: it.partition,
        };
        if !there.contains(&of) {
            return Err(no_partition(&of));
        }
        let meant = only.iter().any(|scope| {
            scope.topic == of.topic
                && (scope.partitions.is_empty() || scope.partitions.contains(&of.partition))
        });
        if only.is_empty() || meant {
            targets.push((of, Target::Offset(it.offset)));
        }
    }
    Ok(targets)
}

fn no_partition(of: &TopicPartition) -> Error {
    Error::user(
        "unknown_partition",
        format!("topic \"{}\" has no partition {}", of.topic, of.partition),
    )
}

/// What is named, or else everything that the group has committed.
async fn scope(cluster: &Cluster, request: &ResetRequest, stand: &Stand) -> Result<Vec<TopicPartition>> {
    let mut of: BTreeSet<TopicPartition> = BTreeSet::new();
    if request.only.is_empty() {
        of.extend(stand.committed.keys().cloned());
        if of.is_empty() {
            return Err(Error::user(
                "nothing_committed",
                format!(
                    "group \"{}\" has committed nothing on cluster \"{}\": name the topics whose offsets it shall have",
                    request.group, request.cluster
                ),
            ));
        }
    }
    for scope in &request.only {
        let all = cluster.client.partitions_of(&scope.topic).await?;
        if scope.partitions.is_empty() {
            of.extend(all);
            continue;
        }
        for partition in &scope.partitions {
            let wanted = TopicPartition {
                topic: scope.topic.clone(),
                partition: *partition,
            };
            if !all.contains(&wanted) {
                return Err(no_partition(&wanted));
            }
            of.insert(wanted);
        }
    }
    Ok(of.into_iter().collect())
}

/// Moves offsets exactly as a preview showed them.
pub async fn apply(open: &OpenWorkspace, request: &ResetApply) -> Result<ResetPlan> {
    refuse_read_only(open, &request.cluster, UNMOVED)?;
    let cluster = open.cluster(&request.cluster).await?;
    let stand = stand(&cluster, &request.group).await?;
    if let Some(error) = refusal(open, &request.cluster, &stand.described) {
        return Err(error);
    }
    let wanted: Vec<(TopicPartition, i64)> = request
        .offsets
        .iter()
        .map(|it| {
            let of = TopicPartition {
                topic: it.topic.clone(),
                partition: it.partition,
            };
            (of, it.offset)
        })
        .collect();
    let of: Vec<TopicPartition> = wanted.iter().map(|(of, _)| of.clone()).collect();
    let marks = cluster.client.watermarks(&of).await?;
    let rows = wanted
        .iter()
        .map(|(of, offset)| {
            let current = stand.committed.get(of).copied();
            one(of, current, Target::Offset(*offset), &marks)
        })
        .collect::<Result<Vec<ResetRow>>>()?;
    // A partition may have lost records since the preview: it goes to the edge, as the preview would now say.
    let offsets = wanted.into_iter().zip(&rows).map(|((of, _), row)| (of, row.new));
    cluster
        .client
        .commit_all(&request.group, offsets.collect())
        .await?;
    again(open, &cluster).await;
    Ok(plan(&request.cluster, &request.group, rows, None))
}

/// Deletes a group, or what it has committed of a topic.
pub async fn delete(open: &OpenWorkspace, request: &GroupDelete) -> Result<()> {
    refuse_read_only(open, &request.cluster, "nothing of its groups is deleted")?;
    let cluster = open.cluster(&request.cluster).await?;
    let stand = stand(&cluster, &request.group).await?;
    if stand.described.state == "Dead" && stand.committed.is_empty() {
        return Err(super::unknown(&request.cluster, &request.group));
    }
    if let Some(error) = refusal(open, &request.cluster, &stand.described) {
        return Err(error);
    }
    match &request.topic {
        None => cluster.client.delete_group(&request.group).await?,
        Some(topic) => {
            let of: Vec<TopicPartition> = stand
                .committed
                .into_keys()
                .filter(|of| of.topic == *topic)
                .collect();
            if of.is_empty() {
                return Err(Error::user(
                    "nothing_committed",
                    format!(
                        "group \"{}\" has committed nothing of topic \"{topic}\"",
                        request.group
                    ),
                ));
            }
            cluster.client.delete_offsets(&request.group, of).await?;
        }
    }
    again(open, &cluster).await;
    Ok(())
}

/// Whoever looks sees the change at once; that it can't be seen now undoes nothing.
async fn again(open: &OpenWorkspace, cluster: &Cluster) {
    if let Err(error) = super::sample(open, cluster).await {
        tracing::debug!(%error, "lag was not sampled after a change");
    }
}
