//! Two topics side by side.

use std::collections::{BTreeMap, BTreeSet};

use tailrace_model::{
    Result,
    api::{ComparisonRow, ComparisonSection, ConfigEntry, TopicComparison, TopicDetail, TopicRef},
};

use super::{detail, records, total};
use crate::open::OpenWorkspace;

struct Side {
    detail: TopicDetail,
    config: BTreeMap<String, ConfigEntry>,
}

async fn side(open: &OpenWorkspace, of: &TopicRef) -> Result<Side> {
    let cluster = open.cluster(&of.cluster).await?;
    let (detail, config) = tokio::try_join!(
        detail(open, &of.cluster, &of.topic),
        cluster.client.topic_config(&of.topic)
    )?;
    Ok(Side {
        detail,
        config: config
            .into_iter()
            .map(|entry| (entry.name.clone(), entry))
            .collect(),
    })
}

/// Shape, settings and partitions; rows that differ say so.
pub async fn compare(open: &OpenWorkspace, left: TopicRef, right: TopicRef) -> Result<TopicComparison> {
    let (one, other) = tokio::try_join!(side(open, &left), side(open, &right))?;
    let mut rows = shape(&one.detail, &other.detail);
    rows.extend(configs(&one.config, &other.config));
    rows.extend(partitions(&one.detail, &other.detail));
    let differences = rows.iter().filter(|row| row.differs).count();
    Ok(TopicComparison {
        left,
        right,
        rows,
        differences: u32::try_from(differences).unwrap_or(u32::MAX),
    })
}

fn row(
    section: ComparisonSection,
    name: impl Into<String>,
    left: Option<String>,
    right: Option<String>,
) -> ComparisonRow {
    ComparisonRow {
        section,
        name: name.into(),
        differs: left != right,
        left,
        right,
        left_source: None,
        right_source: None,
    }
}

fn shape(left: &TopicDetail, right: &TopicDetail) -> Vec<ComparisonRow> {
    let both = |name: &str, of: &dyn Fn(&TopicDetail) -> Option<String>| {
        row(ComparisonSection::Shape, name, of(left), of(right))
    };
    let copies = |topic: &TopicDetail| topic.partitions.iter().map(|of| of.replicas.len()).max();
    vec![
        both("partitions", &|topic| Some(topic.partitions.len().to_string())),
        both("replication", &|topic| {
            copies(topic).map(|copies| copies.to_string())
        }),
        both("records", &|topic| {
            total(&topic.partitions, records).map(|records| records.to_string())
        }),
        both("bytes", &|topic| {
            total(&topic.partitions, |of| of.bytes).map(|bytes| bytes.to_string())
        }),
    ]
}

fn configs(
    left: &BTreeMap<String, ConfigEntry>,
    right: &BTreeMap<String, ConfigEntry>,
) -> Vec<ComparisonRow> {
    let names: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    let rows = names.into_iter().map(|name| {
        let (one, other) = (left.get(name), right.get(name));
        let value = |of: Option<&ConfigEntry>| of.and_then(|entry| entry.value.clone());
        ComparisonRow {
            left_source: one.map(|entry| entry.source),
            right_source: other.map(|entry| entry.source),
            ..row(ComparisonSection::Config, name.clone(), value(one), value(other))
        }
    });
    rows.collect()
}

fn partitions(left: &TopicDetail, right: &TopicDetail) -> Vec<ComparisonRow> {
    let shown = |topic: &TopicDetail, partition: i32| {
        let of = topic.partitions.iter().find(|of| of.partition == partition)?;
        Some(format!("{} records, {} to {}", records(of)?, of.start?, of.end?))
    };
    let ids: BTreeSet<i32> = left
        .partitions
        .iter()
        .chain(&right.partitions)
        .map(|of| of.partition)
        .collect();
    let rows = ids.into_iter().map(|id| {
        row(
            ComparisonSection::Partitions,
            format!("partition {id}"),
            shown(left, id),
            shown(right, id),
        )
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use tailrace_model::api::{ConfigSource, PartitionDetail};

    use super::*;

    #[test]
    fn differences_are_marked() {
        let entry = |value: &str| ConfigEntry {
            name: "retention.ms".into(),
            value: Some(value.into()),
            source: ConfigSource::Topic,
            ..ConfigEntry::default()
        };
        let config = |value: &str| BTreeMap::from([("retention.ms".to_owned(), entry(value))]);
        assert!(!configs(&config("1"), &config("1"))[0].differs);
        assert!(configs(&config("1"), &config("2"))[0].differs);
        // A setting that one of two versions of Kafka does not have.
        let one_sided = &configs(&config("1"), &BTreeMap::new())[0];
        assert!(one_sided.differs && one_sided.right.is_none() && one_sided.right_source.is_none());
        let topic = |ends: &[i64]| TopicDetail {
            partitions: ends
                .iter()
                .enumerate()
                .map(|(index, end)| PartitionDetail {
                    partition: index as i32,
                    start: Some(0),
                    end: Some(*end),
                    ..PartitionDetail::default()
                })
                .collect(),
            ..TopicDetail::default()
        };
        let rows = partitions(&topic(&[5, 6]), &topic(&[5]));
        let differs: Vec<bool> = rows.iter().map(|row| row.differs).collect();
        assert_eq!(differs, [false, true]);
        assert_eq!(rows[1].left.as_deref(), Some("6 records, 0 to 6"));
    }
}
