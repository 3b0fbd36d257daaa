//! Lag of every consumer group, in records and in time.
//!
//! Invariants: what is unknown is absent, never 0; lag is never negative; a partition's lag in time is now less the
//! timestamp of the record that would be read next, read once and remembered by its place. Where only marks of
//! transactions are left there is nothing to read, and no lag. A sample asks for everything in a handful of rounds,
//! whatever the number of groups and partitions.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tailrace_model::{
    Error, Result,
    api::{GroupPartition, LagStatus, LagTimeSource},
};

use super::{
    admin::{GroupDescription, GroupMember},
    client::{KafkaClient, TopicPartition, Watermarks},
    config,
    ffi::admin::OffsetOf,
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
    pub members: Vec<GroupMember>,
    /// Partitions that it has committed or that a member reads, in order. Status and rates are not judged here.
    pub partitions: Vec<GroupPartition>,
    /// Why parts of it are unknown.
    pub error: Option<Error>,
}

/// Takes samples of one cluster; keep it, because it remembers.
pub struct LagSampler {
    client: KafkaClient,
    reader: SharedReader,
    remembered: Mutex<HashMap<Place, Found>>,
}

/// Where a group reads next.
type Place = (TopicPartition, i64);

/// What is at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// The first record there or after it.
    Record { offset: i64, timestamp_ms: Option<i64> },
    /// No record before this end: only marks of transactions, or what was compacted away.
    Nothing { end: i64 },
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
        let names = self.client.group_names().await?;
        let (groups, (mut committed, mut errors)) =
            tokio::try_join!(self.client.describe(names.clone()), self.client.committed(&names))?;
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
        samples.sort_by(|left, right| left.group.cmp(&right.group));
        let (found, stable) = tokio::join!(self.places(&samples), self.stable_ends(&samples));
        for partition in samples.iter_mut().flat_map(|sample| &mut sample.partitions) {
            let of = place_of(partition);
            partition.stable_end = stable.get(&of).copied();
            settle(
                partition,
                next_record(partition).and_then(|place| found.get(&place)),
                now_ms,
            );
        }
        Ok(samples)
    }

    /// Where readers of committed records have to stop, of the partitions that have something to read. A broker that
    /// does not tell leaves it unknown.
    async fn stable_ends(&self, samples: &[GroupSample]) -> HashMap<TopicPartition, i64> {
        let behind: Vec<TopicPartition> = behind(samples).map(place_of).collect();
        let asked = self.client.offsets(&behind, OffsetOf::StableEnd).await;
        asked.unwrap_or_else(|error| {
            tracing::debug!(%error, "last stable offsets were not told");
            HashMap::new()
        })
    }

    /// What would be read next, where that is not remembered read anew.
    async fn places(&self, samples: &[GroupSample]) -> HashMap<Place, Found> {
        let places: HashMap<Place, i64> = behind(samples)
            .filter_map(|partition| Some((next_record(partition)?, partition.end?)))
            .collect();
        let mut known: HashMap<Place, Found> = {
            let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
            places
                .iter()
                .filter_map(|(place, end)| Some((place.clone(), still(*remembered.get(place)?, *end)?)))
                .collect()
        };
        let missing: Vec<(Place, i64)> = places
            .into_iter()
            .filter(|(place, _)| !known.contains_key(place))
            .take(READS_MAX)
            .collect();
        if !missing.is_empty() {
            let reader = self.reader.clone();
            let read = tokio::task::spawn_blocking(move || read_places(&reader, missing)).await;
            known.extend(read.unwrap_or_default());
        }
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        // Places that nobody stands at any more are forgotten.
        *remembered = known
            .iter()
            .take(REMEMBERED_MAX)
            .map(|(place, found)| (place.clone(), *found))
            .collect();
        known
    }
}

/// What was found is still there, unless nothing was and the partition has grown since.
fn still(found: Found, end: i64) -> Option<Found> {
    match found {
        Found::Nothing { end: before } if before != end => None,
        found => Some(found),
    }
}

fn behind(samples: &[GroupSample]) -> impl Iterator<Item = &GroupPartition> {
    samples
        .iter()
        .flat_map(|sample| &sample.partitions)
        .filter(|partition| partition.lag.is_some_and(|lag| lag > 0))
}

fn place_of(partition: &GroupPartition) -> TopicPartition {
    TopicPartition {
        topic: partition.topic.clone(),
        partition: partition.partition,
    }
}

/// Lag by what is there to read: marks of transactions before the next record are none.
fn settle(partition: &mut GroupPartition, found: Option<&Found>, now_ms: i64) {
    let by_record = Some(LagTimeSource::Record);
    match (partition.lag, found) {
        (Some(0), _) => (partition.lag_ms, partition.lag_ms_source) = (Some(0), by_record),
        (Some(_), Some(Found::Nothing { .. })) => {
            partition.lag = Some(0);
            (partition.lag_ms, partition.lag_ms_source) = (Some(0), by_record);
        }
        (Some(lag), Some(Found::Record { offset, timestamp_ms })) => {
            partition.lag = partition.end.map(|end| (end - offset).clamp(1, lag.max(1)));
            if let Some(timestamp_ms) = timestamp_ms {
                partition.lag_ms = Some((now_ms - timestamp_ms).max(0));
                partition.lag_ms_source = by_record;
            }
        }
        _ => {}
    }
}

/// Groups stand at different offsets of the same partition: one round reads each partition once.
fn read_places(reader: &SharedReader, places: Vec<(Place, i64)>) -> HashMap<Place, Found> {
    let until = std::time::Instant::now() + READ_TIME_MAX;
    let mut found = HashMap::new();
    let mut left = places;
    while !left.is_empty() {
        let at_most = until.saturating_duration_since(std::time::Instant::now());
        if at_most.is_zero() {
            break;
        }
        let mut seen = HashSet::new();
        let (round, later): (Vec<_>, Vec<_>) =
            left.into_iter().partition(|((of, _), _)| seen.insert(of.clone()));
        let wanted: Vec<Place> = round.iter().map(|(place, _)| place.clone()).collect();
        let mut records: HashMap<TopicPartition, Found> = HashMap::new();
        let outcome = reader.read_first(&wanted, at_most, |of, message| {
            let record = Found::Record {
                offset: message.offset(),
                timestamp_ms: message.timestamp_ms(),
            };
            records.insert(of.clone(), record);
        });
        // One that has answered without a record has none; of those that have not, it stays unknown.
        let unread: Option<HashSet<TopicPartition>> = outcome
            .ok()
            .map(|unread| unread.into_iter().map(|(of, _)| of).collect());
        for (place, end) in round {
            let record = records.get(&place.0).copied();
            let answered = unread.as_ref().is_some_and(|unread| !unread.contains(&place.0));
            let at_end = answered.then_some(Found::Nothing { end });
            found.extend(record.or(at_end).map(|what| (place, what)));
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
    let readers: HashMap<&TopicPartition, &GroupMember> = group
        .members
        .iter()
        .flat_map(|member| member.assignment.iter().map(move |of| (of, member)))
        .collect();
    let mut all: Vec<&TopicPartition> = offsets.keys().chain(readers.keys().copied()).collect();
    all.sort();
    all.dedup();
    let partitions = all
        .into_iter()
        .map(|of| {
            let reader = readers.get(of).copied();
            lag(of, offsets.get(of).copied(), watermarks.get(of).copied(), reader)
        })
        .collect();
    GroupSample {
        group: group.group,
        state: group.state,
        partitions,
        error: group.error.or(error),
        members: group.members,
    }
}

fn lag(
    of: &TopicPartition,
    committed: Option<i64>,
    marks: Option<Watermarks>,
    reader: Option<&GroupMember>,
) -> GroupPartition {
    GroupPartition {
        topic: of.topic.clone(),
        partition: of.partition,
        committed,
        start: marks.map(|marks| marks.start),
        end: marks.map(|marks| marks.end),
        stable_end: None,
        // What can still be read.
        lag: committed
            .zip(marks)
            .map(|(committed, marks)| (marks.end - committed.max(marks.start)).max(0)),
        lag_ms: None,
        lag_ms_source: None,
        lost: committed
            .zip(marks)
            .map(|(committed, marks)| (marks.start - committed).max(0)),
        member: reader.map(|member| member.id.clone()),
        client: reader.map(|member| member.client.clone()),
        host: reader.map(|member| member.host.clone()),
        status: LagStatus::Unknown,
        reason: String::new(),
        in_per_second: None,
        out_per_second: None,
        drained_in_ms: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of() -> TopicPartition {
        TopicPartition {
            topic: "t".into(),
            partition: 0,
        }
    }

    #[test]
    fn lag_in_records() {
        let check = |committed: Option<i64>,
                     marks: Option<(i64, i64)>,
                     lag_expected: Option<i64>,
                     lost: Option<i64>| {
            let marks = marks.map(|(start, end)| Watermarks { start, end });
            let found = lag(&of(), committed, marks, None);
            assert_eq!(
                (found.lag, found.lost),
                (lag_expected, lost),
                "{committed:?} {marks:?}"
            );
        };
        check(Some(10), Some((0, 25)), Some(15), Some(0));
        check(Some(25), Some((0, 25)), Some(0), Some(0));
        // Retention took 5 records away before they were read: 15 are left.
        check(Some(5), Some((10, 25)), Some(15), Some(5));
        // The topic was made anew: nothing is left to read.
        check(Some(30), Some((0, 25)), Some(0), Some(0));
        check(Some(3), Some((25, 25)), Some(0), Some(22));
        check(None, Some((0, 25)), None, None);
        check(Some(10), None, None, None);
    }

    #[test]
    fn only_what_can_be_read_is_lag() {
        let check = |committed: i64, found: Option<Found>, lag_ms: Option<i64>, expected: Option<i64>| {
            let mut partition = lag(
                &of(),
                Some(committed),
                Some(Watermarks { start: 0, end: 25 }),
                None,
            );
            settle(&mut partition, found.as_ref(), 9_000);
            assert_eq!(
                (partition.lag, partition.lag_ms),
                (expected, lag_ms),
                "{committed} {found:?}"
            );
            assert_eq!(partition.lag_ms_source.is_some(), lag_ms.is_some());
        };
        let record = |offset, timestamp_ms| Some(Found::Record { offset, timestamp_ms });
        check(25, None, Some(0), Some(0));
        check(10, record(10, Some(5_000)), Some(4_000), Some(15));
        // Marks of transactions, or records compacted away, stand between the commit and the next record.
        check(10, record(20, Some(5_000)), Some(4_000), Some(5));
        check(24, Some(Found::Nothing { end: 25 }), Some(0), Some(0));
        // A clock that is ahead of ours.
        check(10, record(10, Some(9_500)), Some(0), Some(15));
        // Not read, or without a timestamp: unknown.
        check(10, None, None, Some(15));
        check(10, record(10, None), None, Some(15));
        assert_eq!(still(Found::Nothing { end: 25 }, 26), None);
    }
}
