//! Consumer groups and what they have committed; topics made.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use rdkafka::types::RDKafkaErrorCode;
use tailrace_model::{Error, Result};

use super::{
    client::{KafkaClient, REQUEST_MAX, TopicPartition},
    ffi::{Failure, admin},
    native::Patience,
    problem::transient,
};

/// A consumer group as its coordinator describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupDescription {
    pub group: String,
    /// As Kafka names it: `Stable`, `Empty`, `PreparingRebalance`, `Dead`, ...
    pub state: String,
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

    async fn describe(&self, names: Vec<String>) -> Result<Vec<GroupDescription>> {
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

    /// Makes a topic and waits until it can be used. One that exists already: `topic_exists`.
    pub async fn create_topic(&self, topic: &str, partitions: i32, replication: i32) -> Result<()> {
        use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
        let made: AdminClient<_> = self
            .config()
            .create_with_context(super::context::Context::of(self.config()))
            .map_err(|error| Error::internal("kafka", format!("cluster \"{}\": {error}", self.cluster())))?;
        let made = tokio::task::spawn_blocking(move || {
            made.inner().context().renew_login(made.inner());
            made
        })
        .await
        .map_err(|_| Error::internal("task", "making a topic was interrupted"))?;
        let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(replication));
        let options = AdminOptions::new()
            .request_timeout(Some(REQUEST_MAX))
            .operation_timeout(Some(Duration::from_secs(5)));
        let what = format!("making topic \"{topic}\"");
        let results = made.create_topics(&[new], &options).await;
        // Its end waits for librdkafka's threads.
        let context = std::sync::Arc::clone(made.inner().context());
        drop(tokio::task::spawn_blocking(move || drop(made)));
        let results = results.map_err(|error| self.place().kafka(&what, &error, &context))?;
        for result in results {
            match result {
                Ok(_) => {}
                Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {
                    return Err(Error::user(
                        "topic_exists",
                        format!("cluster \"{}\" has a topic \"{topic}\" already", self.cluster()),
                    ));
                }
                Err((_, code)) => return Err(self.place().failed(&what, &Failure::new(code), &context)),
            }
        }
        self.wait_for_topic(topic).await
    }

    /// Brokers learn of a new topic a moment later.
    async fn wait_for_topic(&self, topic: &str) -> Result<()> {
        let started = Instant::now();
        loop {
            match self.partitions(topic).await {
                Ok(partitions) if partitions.iter().all(|partition| partition.leader >= 0) => return Ok(()),
                Err(error) if error.code != "unknown_topic" => return Err(error),
                _ if started.elapsed() > REQUEST_MAX => {
                    return Err(Error::external(
                        "topic_not_ready",
                        format!(
                            "cluster \"{}\": topic \"{topic}\" was made but has no leader yet",
                            self.cluster()
                        ),
                    ));
                }
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }
}
