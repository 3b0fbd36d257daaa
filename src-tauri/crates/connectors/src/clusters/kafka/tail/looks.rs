//! Partitions that a tail without an end begins to read later: new ones, and those that had no leader.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{
    TailSpec,
    plan::{self, Span},
};
use crate::clusters::kafka::client::{KafkaClient, TopicPartition};

/// How often the topic is asked.
const NEW_PARTITIONS: Duration = Duration::from_secs(5);

/// Partitions that are looked for while others are read.
pub(super) struct Looks {
    /// Those that the topic gets.
    pub new: bool,
    pub known: Vec<i32>,
    /// Those that had no leader.
    pub leaderless: Vec<i32>,
}

/// Asks now and then for partitions that the topic has got, and for those that have a leader again.
pub(super) async fn look_for_partitions(
    client: KafkaClient,
    spec: TailSpec,
    looks: Looks,
    found: mpsc::Sender<Span>,
    token: CancellationToken,
) {
    let Looks {
        new,
        mut known,
        mut leaderless,
    } = looks;
    let topic = spec.topic.clone();
    known.extend(&leaderless);
    while new || !leaderless.is_empty() {
        tokio::select! {
            () = token.cancelled() => return,
            () = found.closed() => return,
            () = tokio::time::sleep(NEW_PARTITIONS) => {}
        }
        if !leaderless.is_empty() {
            // Begun as it would have been.
            let spec = TailSpec {
                partitions: leaderless.clone(),
                ..spec.clone()
            };
            if let Ok(plan) = plan::plan(&client, &spec).await {
                leaderless = plan.leaderless;
                for span in plan.spans {
                    if found.send(span).await.is_err() {
                        return;
                    }
                }
            }
        }
        // A cluster that does not answer now is asked again; the reader itself says that it waits.
        let Ok(partitions) = client.partitions(&topic).await else {
            continue;
        };
        if !new {
            continue;
        }
        let new = partitions
            .iter()
            .map(|of| of.partition)
            .filter(|partition| !known.contains(partition));
        let new: Vec<TopicPartition> = new
            .map(|partition| TopicPartition {
                topic: topic.clone(),
                partition,
            })
            .collect();
        if new.is_empty() {
            continue;
        }
        let Ok(marks) = client.watermarks(&new).await else {
            continue;
        };
        for (of, marks) in marks {
            known.push(of.partition);
            let span = Span {
                partition: of.partition,
                from: marks.start,
                end: marks.end,
                stop: None,
                lost: 0,
                later: Vec::new(),
                until_stamped_ms: None,
            };
            if found.send(span).await.is_err() {
                return;
            }
        }
    }
}
