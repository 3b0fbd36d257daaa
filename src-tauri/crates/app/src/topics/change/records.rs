//! Records deleted from the beginning of partitions.

use tailrace_model::{
    Error, Result,
    api::{ChangeLine, DeleteBefore, PartitionDetail, PartitionStart, TopicChange, TopicChangePreview},
};

use super::{line, noted, plural};
use crate::clusters::Cluster;

pub async fn delete(
    cluster: &Cluster,
    topic: String,
    before: DeleteBefore,
    partitions: Vec<i32>,
) -> Result<TopicChangePreview> {
    let found = cluster.client.topic(&topic).await?;
    check_policy(cluster, &topic).await?;
    let has = found.partitions.len();
    // Offsets of their own say which partitions they are of.
    let partitions = match &before {
        DeleteBefore::Offsets(offsets) => offsets.iter().map(|of| of.partition).collect(),
        _ => partitions,
    };
    if let Some(unknown) = partitions
        .iter()
        .find(|wanted| !found.partitions.iter().any(|of| of.partition == **wanted))
    {
        return Err(Error::user(
            "unknown_partition",
            format!(
                "topic \"{topic}\" has no partition {unknown}: it has {}",
                plural(has, "partition")
            ),
        ));
    }
    let chosen: Vec<&PartitionDetail> = found
        .partitions
        .iter()
        .filter(|of| partitions.is_empty() || partitions.contains(&of.partition))
        .collect();
    let ids: Vec<i32> = chosen.iter().map(|of| of.partition).collect();
    let wanted: Vec<PartitionStart> = match before {
        DeleteBefore::Offset(offset) => ids
            .iter()
            .map(|partition| PartitionStart {
                partition: *partition,
                offset,
            })
            .collect(),
        DeleteBefore::Timestamp(time_ms) => cluster.client.offsets_at(&topic, &ids, time_ms).await?,
        DeleteBefore::End => chosen
            .iter()
            .filter_map(|of| {
                Some(PartitionStart {
                    partition: of.partition,
                    offset: of.end?,
                })
            })
            .collect(),
        DeleteBefore::Offsets(offsets) => offsets,
    };
    let plan = plan(&chosen, &wanted);
    Ok(TopicChangePreview {
        title: format!(
            "Delete {} of topic \"{topic}\" of {}?",
            plural(usize::try_from(plan.records).unwrap_or(usize::MAX), "record"),
            cluster.name
        ),
        nothing: plan.offsets.is_empty(),
        lines: plan.lines,
        warnings: plan.warnings,
        destructive: true,
        change: TopicChange::DeleteRecords {
            topic,
            before: DeleteBefore::Offsets(plan.offsets),
            partitions: Vec::new(),
        },
    })
}

/// Kafka deletes records only where it may delete by age or size anyway; it says so after the fact.
async fn check_policy(cluster: &Cluster, topic: &str) -> Result<()> {
    let config = cluster.client.topic_config(topic).await?;
    let policy = config
        .iter()
        .find(|entry| entry.name == "cleanup.policy")
        .and_then(|entry| entry.value.as_deref());
    match policy {
        Some(policy) if !policy.contains("delete") => Err(Error::user(
            "compacted_topic",
            format!(
                "topic \"{topic}\" of {} is compacted (cleanup.policy = {policy}): Kafka deletes records only where \
                 cleanup.policy contains delete",
                cluster.name
            ),
        )),
        _ => Ok(()),
    }
}

#[derive(Debug, Default)]
struct Plan {
    lines: Vec<ChangeLine>,
    warnings: Vec<String>,
    offsets: Vec<PartitionStart>,
    records: i64,
}

fn plan(partitions: &[&PartitionDetail], wanted: &[PartitionStart]) -> Plan {
    let mut plan = Plan::default();
    let mut silent = Vec::new();
    for of in partitions {
        let to = wanted.iter().find(|to| to.partition == of.partition);
        let (Some(start), Some(end), Some(to)) = (of.start, of.end, to) else {
            silent.push(of.partition.to_string());
            continue;
        };
        let offset = to.offset.min(end);
        if offset <= start {
            continue;
        }
        let records = offset - start;
        plan.records += records;
        let note = match (offset == end, to.offset > end) {
            (_, true) => format!("{records} records: all of them, it ends at {end}"),
            (true, _) => format!("{records} records: all of them"),
            _ => format!("{records} records"),
        };
        let changed = line(
            format!("partition {}", of.partition),
            Some(format!("starts at {start}")),
            Some(format!("starts at {offset}")),
        );
        plan.lines.push(noted(changed, note));
        plan.offsets.push(PartitionStart {
            partition: of.partition,
            offset,
        });
    }
    if !silent.is_empty() {
        plan.warnings.push(format!(
            "Partitions {} did not say where they start and end: they stay as they are.",
            silent.join(", ")
        ));
    }
    if !plan.offsets.is_empty() {
        plan.warnings
            .push("The records are gone for good, for every consumer group.".to_owned());
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_move_forward_only_and_not_past_their_end() {
        let of = |partition: i32, start: i64, end: i64| PartitionDetail {
            partition,
            start: Some(start),
            end: Some(end),
            ..PartitionDetail::default()
        };
        let (zero, one, two) = (of(0, 0, 100), of(1, 60, 100), of(2, 0, 20));
        let silent = PartitionDetail {
            partition: 3,
            ..PartitionDetail::default()
        };
        let to = |partition: i32| PartitionStart {
            partition,
            offset: 50,
        };
        let plan = plan(&[&zero, &one, &two, &silent], &[to(0), to(1), to(2), to(3)]);
        let moved: Vec<(i32, i64)> = plan.offsets.iter().map(|of| (of.partition, of.offset)).collect();
        assert_eq!(moved, [(0, 50), (2, 20)]);
        assert_eq!(plan.records, 70);
        assert_eq!(
            plan.lines[1].note.as_deref(),
            Some("20 records: all of them, it ends at 20")
        );
        assert!(
            plan.warnings[0].starts_with("Partitions 3 did not say"),
            "{:?}",
            plan.warnings
        );
    }
}
