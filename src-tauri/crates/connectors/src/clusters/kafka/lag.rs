//! Lag of every consumer group, in records and in time.
//!
//! Invariants: what is unknown is absent, never 0; lag is never negative; a partition's lag in time is now less the
//! timestamp of the record that would be read next, read once and remembered by its place.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tailrace_model::{Error, Result, api::GroupPartition};

use super::{
    admin::GroupDescription,
    client::{KafkaClient, TopicPartition, Watermarks},
    config,
    record::SharedReader,
};

/// Timestamps read for one sample; the rest waits for the next one.
const READS_MAX: usize = 2_000;
/// The time that reading timestamps may take in one sample.
const READ_TIME_MAX: Duration = Duration::from_secs(3);
/// Timestamps remembered between samples.
const REMEMBERED_MAX: usize = 200_000;

/// A group at the time of a sample.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupSample {
    pub group: String,
    /// As Kafka names it: `Stable`, `Empty`, ...
    pub state: String,
    pub members: u32,
    /// Partitions that it has committed or that a member reads, in order.
    pub partitions: Vec<GroupPartition>,
    /// Why parts of it are unknown.
    pub error: Option<Error>,
}

/// Takes samples of one cluster; keep it, because it remembers.
pub struct LagSampler {
    client: KafkaClient,
    reader: SharedReader,
    /// The timestamp (absent: no record there) of the record at a place.
    remembered: Mutex<HashMap<(TopicPartition, i64), Option<i64>>>,
}

impl LagSampler {
    pub fn new(client: KafkaClient) -> Result<Self> {
        let reader = SharedReader::new(&config::reader(client.config()), client.cluster())?;
        Ok(Self {
            client,
            reader,
            remembered: Mutex::default(),
        })
    }

    /// Every group now, by name. `now_ms` is the time that lag in time is measured to.
    pub async fn sample(&self, now_ms: i64) -> Result<Vec<GroupSample>> {
        let groups = self.client.groups().await?;
        let names: Vec<String> = groups.iter().map(|group| group.group.clone()).collect();
        let (mut committed, mut errors) = self.client.committed(&names).await?;
        let mut of: Vec<TopicPartition> = committed
            .values()
            .flat_map(|offsets| offsets.keys().cloned())
            .collect();
        of.extend(
            groups
                .iter()
                .flat_map(|group| &group.members)
                .flat_map(|member| member.assignment.clone()),
        );
        let watermarks = self.client.watermarks(&of).await?;

        let mut samples: Vec<GroupSample> = groups
            .into_iter()
            .map(|group| {
                let offsets = committed.remove(&group.group).unwrap_or_default();
                let error = errors.remove(&group.group);
                sample_group(group, &offsets, &watermarks, error)
            })
            .collect();
        let timestamps = self.timestamps(&samples).await;
        for partition in samples.iter_mut().flat_map(|sample| &mut sample.partitions) {
            partition.lag_ms = match (partition.lag, next_record(partition)) {
                (Some(0), _) => Some(0),
                (Some(_), Some(place)) => match timestamps.get(&place) {
                    Some(Some(timestamp_ms)) => Some((now_ms - timestamp_ms).max(0)),
                    // Only marks of transactions are left: there is nothing to read.
                    Some(None) => Some(0),
                    None => None,
                },
                _ => None,
            };
        }
        Ok(samples)
    }

    /// The timestamps of the records that would be read next, those not remembered read anew.
    async fn timestamps(&self, samples: &[GroupSample]) -> HashMap<(TopicPartition, i64), Option<i64>> {
        let places: HashSet<(TopicPartition, i64)> = samples
            .iter()
            .flat_map(|sample| &sample.partitions)
            .filter(|partition| partition.lag.is_some_and(|lag| lag > 0))
            .filter_map(next_record)
            .collect();
        let mut known: HashMap<(TopicPartition, i64), Option<i64>> = {
            let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
            places
                .iter()
                .filter_map(|place| Some((place.clone(), *remembered.get(place)?)))
                .collect()
        };
        let missing: Vec<(TopicPartition, i64)> = places
            .into_iter()
            .filter(|place| !known.contains_key(place))
            .take(READS_MAX)
            .collect();
        if !missing.is_empty() {
            let reader = self.reader.clone();
            let read = tokio::task::spawn_blocking(move || read_timestamps(&reader, missing)).await;
            known.extend(read.unwrap_or_default());
        }
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        // Places that nobody stands at any more are forgotten. "No record there" can change, and is asked again.
        *remembered = known
            .iter()
            .filter(|(_, timestamp)| timestamp.is_some())
            .take(REMEMBERED_MAX)
            .map(|(place, timestamp)| (place.clone(), *timestamp))
            .collect();
        known
    }
}

/// Groups stand at different offsets of the same partition: one round reads each partition once.
fn read_timestamps(
    reader: &SharedReader,
    places: Vec<(TopicPartition, i64)>,
) -> HashMap<(TopicPartition, i64), Option<i64>> {
    let until = std::time::Instant::now() + READ_TIME_MAX;
    let mut found = HashMap::new();
    let mut left = places;
    while !left.is_empty() {
        let at_most = until.saturating_duration_since(std::time::Instant::now());
        if at_most.is_zero() {
            break;
        }
        let mut seen = HashSet::new();
        let (round, later): (Vec<_>, Vec<_>) = left.into_iter().partition(|(of, _)| seen.insert(of.clone()));
        let mut timestamps: HashMap<TopicPartition, Option<i64>> = HashMap::new();
        let outcome = reader.read_first(&round, at_most, |of, message| {
            timestamps.insert(of.clone(), message.timestamp_ms());
        });
        match outcome {
            // All answered: those without a record have none.
            Ok(0) => found.extend(round.into_iter().map(|place| {
                let timestamp = timestamps.get(&place.0).copied().flatten();
                (place, timestamp)
            })),
            // Some did not answer: they stay unknown.
            _ => found.extend(
                round
                    .into_iter()
                    .filter_map(|place| Some((place.clone(), *timestamps.get(&place.0)?))),
            ),
        }
        left = later;
    }
    found
}

/// Where the group reads next: its commit, or the start if that is later.
fn next_record(partition: &GroupPartition) -> Option<(TopicPartition, i64)> {
    let next = partition.committed?.max(partition.start?);
    Some((
        TopicPartition {
            topic: partition.topic.clone(),
            partition: partition.partition,
        },
        next,
    ))
}

fn sample_group(
    group: GroupDescription,
    offsets: &HashMap<TopicPartition, i64>,
    watermarks: &HashMap<TopicPartition, Watermarks>,
    error: Option<Error>,
) -> GroupSample {
    let readers: HashMap<&TopicPartition, (&str, &str)> = group
        .members
        .iter()
        .flat_map(|member| {
            member
                .assignment
                .iter()
                .map(|of| (of, (member.id.as_str(), member.host.as_str())))
        })
        .collect();
    let mut all: Vec<&TopicPartition> = offsets.keys().chain(readers.keys().copied()).collect();
    all.sort();
    all.dedup();
    let partitions = all
        .into_iter()
        .map(|of| {
            let reader = readers.get(of);
            lag(
                of,
                offsets.get(of).copied(),
                watermarks.get(of).copied(),
                reader.copied(),
            )
        })
        .collect();
    GroupSample {
        members: u32::try_from(group.members.len()).unwrap_or(u32::MAX),
        group: group.group,
        state: group.state,
        partitions,
        error: group.error.or(error),
    }
}

fn lag(
    of: &TopicPartition,
    committed: Option<i64>,
    marks: Option<Watermarks>,
    reader: Option<(&str, &str)>,
) -> GroupPartition {
    GroupPartition {
        topic: of.topic.clone(),
        partition: of.partition,
        committed,
        start: marks.map(|marks| marks.start),
        end: marks.map(|marks| marks.end),
        // What can still be read.
        lag: committed
            .zip(marks)
            .map(|(committed, marks)| (marks.end - committed.max(marks.start)).max(0)),
        lag_ms: None,
        lost: committed
            .zip(marks)
            .map_or(0, |(committed, marks)| (marks.start - committed).max(0)),
        member: reader.map(|(id, _)| id.to_owned()),
        host: reader.map(|(_, host)| host.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lag_in_records() {
        let of = TopicPartition {
            topic: "t".into(),
            partition: 0,
        };
        let check =
            |committed: Option<i64>, marks: Option<(i64, i64)>, lag_expected: Option<i64>, lost: i64| {
                let marks = marks.map(|(start, end)| Watermarks { start, end });
                let found = lag(&of, committed, marks, None);
                assert_eq!(
                    (found.lag, found.lost),
                    (lag_expected, lost),
                    "{committed:?} {marks:?}"
                );
            };
        check(Some(10), Some((0, 25)), Some(15), 0);
        check(Some(25), Some((0, 25)), Some(0), 0);
        // Retention took 5 records away before they were read: 15 are left.
        check(Some(5), Some((10, 25)), Some(15), 5);
        // The topic was made anew: nothing is left to read.
        check(Some(30), Some((0, 25)), Some(0), 0);
        check(Some(3), Some((25, 25)), Some(0), 22);
        check(None, Some((0, 25)), None, 0);
        check(Some(10), None, None, 0);
    }
}
