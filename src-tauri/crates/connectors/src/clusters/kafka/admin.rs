//! Consumer groups and what they have committed.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use rdkafka::types::RDKafkaErrorCode;
use tailrace_model::{Error, Result};

use super::{
    client::{KafkaClient, TopicPartition},
    ffi::{Failure, admin},
    native::Patience,
    problem::transient,
};

/// A group of the new protocol that is assigning or reconciling: which of the two, librdkafka does not tell.
pub(super) const REBALANCING: &str = "Rebalancing";

/// A consumer group as its coordinator describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupDescription {
    pub group: String,
    /// As Kafka names it: `Stable`, `Empty`, `PreparingRebalance`, `Dead`, ...; and [`REBALANCING`].
    pub state: String,
    /// It has no protocol: its offsets are committed by whom no group assigns partitions to.
    pub simple: bool,
    pub members: Vec<GroupMember>,
    /// Why it could not be described; state and members are then unknown.
    pub error: Option<Error>,
}

/// A member and the partitions that it reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMember {
    pub id: String,
    pub client: String,
    pub host: String,
    pub assignment: Vec<TopicPartition>,
}

/// How long a coordinator that is only just being found, or is loading, is asked again.
const SETTLE_MAX: Duration = Duration::from_secs(5);
const SETTLE_PAUSE: Duration = Duration::from_millis(100);

/// Calls again while the cluster is sorting itself out.
fn again<T>(patience: &Patience, call: impl Fn() -> Result<T, Failure>) -> Result<T, Failure> {
    let started = Instant::now();
    loop {
        match call() {
            Err(failure) if transient(failure.code) && wait(started, patience) => {}
            outcome => return outcome,
        }
    }
}

/// What each of many groups was answered.
type Answers<T> = Vec<(String, Result<T, Failure>)>;

/// Asks about many groups, and again about those whose coordinator is sorting itself out.
fn again_each<T>(
    names: Vec<String>,
    patience: &Patience,
    ask: impl Fn(&[String]) -> Result<Answers<T>, Failure>,
) -> Result<Answers<T>, Failure> {
    let started = Instant::now();
    let mut settled = Vec::with_capacity(names.len());
    let mut open = names;
    loop {
        let answers = again(patience, || ask(&open))?;
        open.clear();
        let last = !wait_needed(&answers) || !wait(started, patience);
        for (group, answer) in answers {
            match answer {
                Err(failure) if !last && transient(failure.code) => open.push(group),
                answer => settled.push((group, answer)),
            }
        }
        if open.is_empty() {
            return Ok(settled);
        }
    }
}

fn wait_needed<T>(answers: &Answers<T>) -> bool {
    answers
        .iter()
        .any(|(_, answer)| answer.as_ref().is_err_and(|failure| transient(failure.code)))
}

/// A pause before the next try; `false` when there is to be none.
fn wait(started: Instant, patience: &Patience) -> bool {
    if started.elapsed() > SETTLE_MAX || patience.is_over(Duration::ZERO) {
        return false;
    }
    std::thread::sleep(SETTLE_PAUSE);
    true
}

/// What each group has committed: partitions without a commit are absent.
pub type Committed = HashMap<String, HashMap<TopicPartition, i64>>;

impl KafkaClient {
    pub(super) async fn group_names(&self) -> Result<Vec<String>> {
        let mut names = self
            .ask("listing the groups", |consumer, patience| {
                again(patience, || admin::list_groups(consumer, patience))
            })
            .await?;
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// Every consumer group, described, by name.
    pub async fn groups(&self) -> Result<Vec<GroupDescription>> {
        let names = self.group_names().await?;
        let mut groups = self.describe(names).await?;
        groups.sort_by(|left, right| left.group.cmp(&right.group));
        Ok(groups)
    }

    pub(super) async fn describe(&self, names: Vec<String>) -> Result<Vec<GroupDescription>> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let described = self
            .ask("describing groups", move |consumer, patience| {
                again_each(names, patience, |names| {
                    admin::describe_groups(consumer, names, patience)
                })
            })
            .await?;
        let or_unknown = |(group, described): (String, Result<GroupDescription, Failure>)| match described {
            Ok(described) => described,
            Err(failure) => {
                let error = Some(self.group_error(&group, &failure));
                GroupDescription {
                    group,
                    state: "Unknown".to_owned(),
                    simple: false,
                    members: Vec::new(),
                    error,
                }
            }
        };
        Ok(described.into_iter().map(or_unknown).collect())
    }

    /// Every committed offset of these groups. A group that cannot be asked is absent, and its error is listed.
    pub async fn committed(&self, groups: &[String]) -> Result<(Committed, HashMap<String, Error>)> {
        let names = groups.to_vec();
        let answers = self
            .ask("asking for committed offsets", move |consumer, patience| {
                again_each(names, patience, |names| {
                    admin::committed(consumer, names, patience)
                })
            })
            .await?;
        let (mut committed, mut errors) = (Committed::new(), HashMap::new());
        for (group, offsets) in answers {
            match offsets {
                Ok(offsets) => {
                    committed.insert(group, offsets.into_iter().collect());
                }
                Err(failure) => {
                    let error = self.group_error(&group, &failure);
                    errors.insert(group, error);
                }
            }
        }
        Ok((committed, errors))
    }

    fn group_error(&self, group: &str, failure: &Failure) -> Error {
        let said = format!(
            "group \"{group}\" of cluster \"{}\": {}",
            self.cluster(),
            failure.text
        );
        match failure.code {
            RDKafkaErrorCode::GroupAuthorizationFailed => Error::refused("not_authorized", said),
            _ => Error::external("group", said),
        }
    }

    /// Commits the next offsets to read for a group that has no members: what follows a checkpoint.
    pub async fn commit(&self, group: &str, topic: &str, next: &[(i32, i64)]) -> Result<()> {
        if next.is_empty() {
            return Ok(());
        }
        let offsets: Vec<(TopicPartition, i64)> = next
            .iter()
            .map(|(partition, offset)| {
                (
                    TopicPartition {
                        topic: topic.to_owned(),
                        partition: *partition,
                    },
                    *offset,
                )
            })
            .collect();
        let name = group.to_owned();
        self.ask(
            &format!("committing offsets of group \"{group}\""),
            move |consumer, patience| again(patience, || admin::commit(consumer, &name, &offsets, patience)),
        )
        .await
    }

    /// Commits these offsets for a group that has no members, one topic or many.
    pub async fn commit_all(&self, group: &str, offsets: Vec<(TopicPartition, i64)>) -> Result<()> {
        if offsets.is_empty() {
            return Ok(());
        }
        let name = group.to_owned();
        self.ask(
            &format!("moving offsets of group \"{group}\""),
            move |consumer, patience| again(patience, || admin::commit(consumer, &name, &offsets, patience)),
        )
        .await
    }

    /// Forgets what a group has committed of these partitions; nobody may be reading their topic for it.
    pub async fn delete_offsets(&self, group: &str, of: Vec<TopicPartition>) -> Result<()> {
        if of.is_empty() {
            return Ok(());
        }
        let name = group.to_owned();
        self.ask(
            &format!("deleting offsets of group \"{group}\""),
            move |consumer, patience| {
                again(patience, || admin::delete_offsets(consumer, &name, &of, patience))
            },
        )
        .await
    }

    /// Deletes a group that has no members, with all that it has committed.
    pub async fn delete_group(&self, group: &str) -> Result<()> {
        let name = group.to_owned();
        self.ask(
            &format!("deleting group \"{group}\""),
            move |consumer, patience| again(patience, || admin::delete_group(consumer, &name, patience)),
        )
        .await
    }

    /// One group, described.
    pub async fn group(&self, group: &str) -> Result<GroupDescription> {
        let described = self.describe(vec![group.to_owned()]).await?;
        let found = described.into_iter().find(|found| found.group == group);
        found.ok_or_else(|| {
            Error::external(
                "group",
                format!("cluster \"{}\" says nothing of group \"{group}\"", self.cluster()),
            )
        })
    }

    /// The first offset at or after a time in each partition; `None`: there is no such record. A partition that did not
    /// answer is absent.
    pub async fn offsets_at(
        &self,
        of: &[TopicPartition],
        at_ms: i64,
    ) -> Result<HashMap<TopicPartition, Option<i64>>> {
        let found = self.offsets(of, admin::OffsetOf::Time(at_ms)).await?;
        Ok(found
            .into_iter()
            .map(|(of, offset)| (of, (offset >= 0).then_some(offset)))
            .collect())
    }

    /// The partitions of a topic. Unknown: `unknown_topic`, with near names.
    pub async fn partitions_of(&self, topic: &str) -> Result<Vec<TopicPartition>> {
        let partitions = self.partitions(topic).await?;
        Ok(partitions
            .iter()
            .map(|of| TopicPartition {
                topic: topic.to_owned(),
                partition: of.partition,
            })
            .collect())
    }
}
