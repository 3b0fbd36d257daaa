//! Changes of a topic: shown first, then done.
//!
//! Invariants: a preview changes nothing and resolves everything that could be different later (offsets of a time, the
//! settings of another topic); applying does what was shown and nothing else; neither is done on a read-only cluster.

mod records;
mod settings;

use std::collections::BTreeMap;

use tailrace_connectors::clusters::kafka::NewTopic;
use tailrace_model::{
    Error, Result,
    api::{
        ChangeLine, DeleteBefore, Topic, TopicChange, TopicChangePreview, TopicChangeRequest, TopicChanged,
        TopicDetail, TopicRef,
    },
};

use super::{detail, records as records_of, total};
use crate::{
    clusters::{Cluster, refuse_read_only},
    open::OpenWorkspace,
};

/// On a read-only cluster.
const UNCHANGED: &str = "nothing on it is changed";

/// What exactly the change will do.
pub async fn preview(open: &OpenWorkspace, request: TopicChangeRequest) -> Result<TopicChangePreview> {
    refuse_read_only(open, &request.cluster, UNCHANGED)?;
    let cluster = open.cluster(&request.cluster).await?;
    match request.change {
        TopicChange::Create {
            topic,
            partitions,
            replication,
            configs,
            copy_from,
        } => {
            let new = NewTopic {
                name: topic,
                partitions,
                replication,
                configs,
            };
            create(open, &cluster, new, copy_from).await
        }
        TopicChange::AlterConfig { topic, set, reset } => settings::alter(&cluster, topic, set, reset).await,
        TopicChange::CopySettings { topic, from } => settings::copy(open, &cluster, topic, from).await,
        TopicChange::AddPartitions { topic, total } => add_partitions(&cluster, topic, total).await,
        TopicChange::DeleteRecords {
            topic,
            before,
            partitions,
        } => records::delete(&cluster, topic, before, partitions).await,
        TopicChange::Delete { topic } => delete(open, &cluster, topic).await,
    }
}

/// Does it. What a preview has not resolved yet is resolved now.
pub async fn apply(open: &OpenWorkspace, request: TopicChangeRequest) -> Result<TopicChanged> {
    refuse_read_only(open, &request.cluster, UNCHANGED)?;
    let cluster = open.cluster(&request.cluster).await?;
    let resolved = match &request.change {
        TopicChange::Create { copy_from: None, .. }
        | TopicChange::AlterConfig { .. }
        | TopicChange::AddPartitions { .. }
        | TopicChange::Delete { .. }
        | TopicChange::DeleteRecords {
            before: DeleteBefore::Offsets(_),
            ..
        } => request.change,
        _ => preview(open, request).await?.change,
    };
    let done = run(&cluster, resolved).await;
    cluster.topics.forget();
    open.hub.add(&Topic::Topics, 1);
    Ok(TopicChanged { done: done? })
}

async fn run(cluster: &Cluster, change: TopicChange) -> Result<String> {
    let (client, name) = (&cluster.client, &cluster.name);
    match change {
        TopicChange::Create {
            topic,
            partitions,
            replication,
            configs,
            ..
        } => {
            let new = NewTopic {
                name: topic.clone(),
                partitions,
                replication,
                configs,
            };
            client.make_topic(new, false).await?;
            Ok(format!("Topic \"{topic}\" of {name} was made."))
        }
        TopicChange::AlterConfig { topic, set, reset } => {
            let changes = settings::changes(&set, &reset);
            let count = plural(changes.len(), "setting");
            client.alter_topic(&topic, changes, false).await?;
            Ok(format!("{count} of topic \"{topic}\" of {name} changed."))
        }
        TopicChange::AddPartitions { topic, total } => {
            let partitions = usize::try_from(total).unwrap_or(0);
            client.add_partitions(&topic, partitions, false).await?;
            Ok(format!(
                "Topic \"{topic}\" of {name} has {} now.",
                plural(partitions, "partition")
            ))
        }
        TopicChange::DeleteRecords {
            topic,
            before: DeleteBefore::Offsets(offsets),
            ..
        } => {
            let starts = client.delete_records(&topic, &offsets).await?;
            Ok(format!(
                "Records of {} of topic \"{topic}\" of {name} were deleted.",
                plural(starts.len(), "partition")
            ))
        }
        TopicChange::Delete { topic } => {
            client.delete_topic(&topic).await?;
            Ok(format!("Topic \"{topic}\" of {name} was deleted."))
        }
        TopicChange::DeleteRecords { .. } | TopicChange::CopySettings { .. } => Err(Error::internal(
            "unresolved_change",
            "a change was to be done before it was resolved",
        )),
    }
}

/// `1 partition`, `3 partitions`.
fn plural(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn line(what: impl Into<String>, before: Option<String>, after: Option<String>) -> ChangeLine {
    ChangeLine {
        what: what.into(),
        before,
        after,
        note: None,
    }
}

fn noted(line: ChangeLine, note: impl Into<String>) -> ChangeLine {
    ChangeLine {
        note: Some(note.into()),
        ..line
    }
}

async fn create(
    open: &OpenWorkspace,
    cluster: &Cluster,
    mut new: NewTopic,
    copy_from: Option<TopicRef>,
) -> Result<TopicChangePreview> {
    let mut warnings = Vec::new();
    if let Some(from) = copy_from {
        let other = open.cluster(&from.cluster).await?;
        let (shape, config) = tokio::try_join!(
            other.client.topic(&from.topic),
            other.client.topic_config(&from.topic)
        )?;
        let copies = shape.partitions.iter().map(|of| of.replicas.len()).max();
        new.partitions = new.partitions.or(i32::try_from(shape.partitions.len()).ok());
        new.replication = new
            .replication
            .or(copies.and_then(|copies| i32::try_from(copies).ok()));
        for (name, value) in settings::own(&config) {
            new.configs.entry(name).or_insert(value);
        }
        warnings.push(format!(
            "Partitions, replication and settings are those of topic \"{}\" of {}; records are not copied.",
            from.topic, from.cluster
        ));
    }
    cluster.client.make_topic(new.clone(), true).await?;
    let number = |given: Option<i32>| given.map_or("the cluster's default".to_owned(), |n| n.to_string());
    let mut lines = vec![
        line("topic", None, Some(new.name.clone())),
        line("partitions", None, Some(number(new.partitions))),
        line("replication", None, Some(number(new.replication))),
    ];
    lines.extend(
        new.configs
            .iter()
            .map(|(name, value)| line(name, None, Some(value.clone()))),
    );
    Ok(TopicChangePreview {
        title: format!("Make topic \"{}\" on {}?", new.name, cluster.name),
        lines,
        warnings,
        destructive: false,
        nothing: false,
        change: TopicChange::Create {
            topic: new.name,
            partitions: new.partitions,
            replication: new.replication,
            configs: new.configs,
            copy_from: None,
        },
    })
}

async fn add_partitions(cluster: &Cluster, topic: String, total: i32) -> Result<TopicChangePreview> {
    let has = cluster.client.topic(&topic).await?.partitions.len();
    let wanted = usize::try_from(total).unwrap_or(0);
    if wanted < has {
        return Err(Error::user(
            "fewer_partitions",
            format!(
                "topic \"{topic}\" of {} has {has} partitions, and Kafka takes none away: give a number above {has}",
                cluster.name
            ),
        ));
    }
    if wanted > has {
        cluster.client.add_partitions(&topic, wanted, true).await?;
    }
    Ok(TopicChangePreview {
        title: format!(
            "Give topic \"{topic}\" of {} {}?",
            cluster.name,
            plural(wanted, "partition")
        ),
        lines: vec![noted(
            line("partitions", Some(has.to_string()), Some(wanted.to_string())),
            format!("{} new and empty", wanted - has),
        )],
        warnings: vec![
            "From then on most keys go to another partition than before: records of one key are no longer all in \
             one partition, nor in order. Partitions can't be taken away again."
                .to_owned(),
        ],
        destructive: false,
        nothing: wanted == has,
        change: TopicChange::AddPartitions { topic, total },
    })
}

async fn delete(open: &OpenWorkspace, cluster: &Cluster, topic: String) -> Result<TopicChangePreview> {
    let found = detail(open, &cluster.name, &topic).await?;
    if found.internal {
        return Err(Error::user(
            "internal_topic",
            format!(
                "topic \"{topic}\" of {} is Kafka's own: without it its groups or transactions are lost, so it is not \
                 deleted from here",
                cluster.name
            ),
        ));
    }
    Ok(TopicChangePreview {
        title: format!("Delete topic \"{topic}\" of {}?", cluster.name),
        lines: what_goes(&found),
        warnings: deletion_warnings(cluster, &topic).await,
        destructive: true,
        nothing: false,
        change: TopicChange::Delete { topic },
    })
}

fn what_goes(topic: &TopicDetail) -> Vec<ChangeLine> {
    let number = |value: Option<i64>| Some(value.map_or("unknown".to_owned(), |value| value.to_string()));
    vec![
        line("topic", Some(topic.name.clone()), None),
        line("partitions", Some(topic.partitions.len().to_string()), None),
        line("records", number(total(&topic.partitions, records_of)), None),
        line(
            "bytes on disk",
            number(total(&topic.partitions, |of| of.bytes_on_disk)),
            None,
        ),
    ]
}

/// Who reads it.
async fn deletion_warnings(cluster: &Cluster, topic: &str) -> Vec<String> {
    let mut warnings = vec!["Its records are gone for good.".to_owned()];
    match readers(cluster, topic).await {
        Ok(groups) if groups.is_empty() => {}
        Ok(groups) => warnings.push(format!(
            "{} committed offsets on it, which are lost: {}.",
            if groups.len() == 1 {
                "A consumer group has".to_owned()
            } else {
                format!("{} consumer groups have", groups.len())
            },
            groups.join(", ")
        )),
        Err(error) => warnings.push(format!("Which groups read it is unknown: {}.", error.message)),
    }
    warnings
}

async fn readers(cluster: &Cluster, topic: &str) -> Result<Vec<String>> {
    let names: Vec<String> = cluster
        .client
        .groups()
        .await?
        .into_iter()
        .map(|group| group.group)
        .collect();
    let (committed, _) = cluster.client.committed(&names).await?;
    let readers: BTreeMap<String, ()> = committed
        .into_iter()
        .filter(|(_, offsets)| offsets.keys().any(|of| of.topic == topic))
        .map(|(group, _)| (group, ()))
        .collect();
    Ok(readers.into_keys().collect())
}
