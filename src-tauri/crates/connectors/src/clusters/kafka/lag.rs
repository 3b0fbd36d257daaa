//! Lag of every consumer group, in records and in time.
//!
//! Invariants: what is unknown is absent, never 0; lag is never negative; a partition's lag in time is now less the
//! timestamp of the record that would be read next, read once and remembered by its place. Marks of transactions are no
//! lag: what is left is counted by [`super::stretch`], and where it is too much to count, and has marks in it, that is
//! said. A commit past the end has no lag that anybody knows. A sample asks for everything in a handful of rounds,
//! whatever the number of groups and partitions.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
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
    stretch::{Place, Stretch, Stretches},
};

/// Places read for one sample; the rest waits for the next one.
const READS_MAX: usize = 2_000;
/// Partitions remembered between samples beside those that are sampled.
const REMEMBERED_MAX: usize = 200_000;

/// A group at the time of a sample.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupSample {
    pub group: String,
    /// As Kafka names it: `Stable`, `Empty`, ...
    pub state: String,
    /// It has no protocol: its offsets are committed by whom no group assigns partitions to.
    pub simple: bool,
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
    remembered: Arc<Mutex<Stretches>>,
}

impl LagSampler {
    pub fn new(client: KafkaClient) -> Result<Self> {
        let reader = SharedReader::new(&config::reader(client.config()), client.cluster())?;
        Ok(Self {
            client,
            reader,
            remembered: Arc::default(),
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
        let (_, stable) = tokio::join!(self.read_places(&samples, now_ms), self.stable_ends(&samples));
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        for partition in samples.iter_mut().flat_map(|sample| &mut sample.partitions) {
            let of = place_of(partition);
            partition.stable_end = stable.get(&of).copied();
            let found = next_record(partition).and_then(|place| remembered.get(&place));
            settle(partition, found, remembered.has_gaps(&of), now_ms);
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

    /// Reads what lies where the groups read next, as far as that is not remembered.
    async fn read_places(&self, samples: &[GroupSample], now_ms: i64) {
        let places: HashMap<Place, i64> = behind(samples)
            .filter_map(|partition| Some((next_record(partition)?, partition.end?)))
            .collect();
        let (reader, remembered) = (self.reader.clone(), Arc::clone(&self.remembered));
        let reading = tokio::task::spawn_blocking(move || {
            let mut remembered = remembered.lock().unwrap_or_else(PoisonError::into_inner);
            remembered.read(&reader, places, (READS_MAX, REMEMBERED_MAX), now_ms);
        });
        if let Err(error) = reading.await {
            tracing::debug!(%error, "reading the next records was interrupted");
        }
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

/// Lag by what is there to read: marks of transactions are none of it.
fn settle(partition: &mut GroupPartition, found: Option<&Stretch>, has_gaps: bool, now_ms: i64) {
    let by_record = Some(LagTimeSource::Record);
    let (Some(lag), Some(end)) = (partition.lag, partition.end) else {
        return;
    };
    if lag == 0 {
        (partition.lag_ms, partition.lag_ms_source) = (Some(0), by_record);
        return;
    }
    let whole = found.is_some_and(|found| found.is_whole(end));
    partition.lag_in_offsets = has_gaps && !whole;
    let Some(found) = found else { return };
    partition.lag = Some(found.lag(end).clamp(0, lag));
    match found.first {
        None if whole => (partition.lag_ms, partition.lag_ms_source) = (Some(0), by_record),
        Some((_, Some(timestamp_ms))) => {
            partition.lag_ms = Some((now_ms - timestamp_ms).max(0));
            partition.lag_ms_source = by_record;
        }
        _ => {}
    }
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
        simple: group.simple,
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
        // What can still be read; of a commit past the end nobody knows what its reader has read.
        lag: committed
            .zip(marks)
            .map(|(committed, marks)| marks.end - committed.max(marks.start))
            .filter(|lag| *lag >= 0),
        lag_in_offsets: false,
        lag_ms: None,
        lag_ms_source: None,
        lost: committed
            .zip(marks)
            .map(|(committed, marks)| (marks.start - committed).max(0)),
        past_end: committed
            .zip(marks)
            .map(|(committed, marks)| committed - marks.end)
            .filter(|by| *by > 0),
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
            let past_end = committed
                .zip(marks)
                .map(|(committed, marks)| committed - marks.end);
            assert_eq!(
                found.past_end,
                past_end.filter(|by| *by > 0),
                "{committed:?} {marks:?}"
            );
        };
        check(Some(10), Some((0, 25)), Some(15), Some(0));
        check(Some(25), Some((0, 25)), Some(0), Some(0));
        // Retention took 5 records away before they were read: 15 are left.
        check(Some(5), Some((10, 25)), Some(15), Some(5));
        // The topic was made anew: what is left to read is not known.
        check(Some(30), Some((0, 25)), None, Some(0));
        check(Some(3), Some((25, 25)), Some(0), Some(22));
        check(None, Some((0, 25)), None, None);
        check(Some(10), None, None, None);
    }

    #[test]
    fn only_what_can_be_read_is_lag() {
        let check = |committed: i64,
                     found: Option<Stretch>,
                     has_gaps: bool,
                     lag_ms: Option<i64>,
                     expected: Option<i64>,
                     in_offsets: bool| {
            let mut partition = lag(
                &of(),
                Some(committed),
                Some(Watermarks { start: 0, end: 25 }),
                None,
            );
            settle(&mut partition, found.as_ref(), has_gaps, 9_000);
            assert_eq!(
                (partition.lag, partition.lag_ms, partition.lag_in_offsets),
                (expected, lag_ms, in_offsets),
                "{committed} {found:?}"
            );
            assert_eq!(partition.lag_ms_source.is_some(), lag_ms.is_some());
        };
        let stretch = |from, first, read_to, records| {
            Some(Stretch {
                first,
                read_to,
                records,
                ..Stretch::at(from)
            })
        };
        check(25, None, true, Some(0), Some(0), false);
        let first = |offset, timestamp_ms| Some((offset, timestamp_ms));
        // Looked at up to the end, marks at 12 and 24 found: 13 records.
        let all = stretch(10, first(10, Some(5_000)), 25, 13);
        check(10, all, true, Some(4_000), Some(13), false);
        // Only the first record was looked at.
        let one = stretch(10, first(10, Some(5_000)), 11, 1);
        check(10, one, false, Some(4_000), Some(15), false);
        check(10, one, true, Some(4_000), Some(15), true);
        // Marks of transactions, or records compacted away, stand between the commit and the next record.
        let later = stretch(10, first(20, Some(5_000)), 21, 1);
        check(10, later, true, Some(4_000), Some(5), true);
        check(24, stretch(24, None, 25, 0), true, Some(0), Some(0), false);
        // A clock that is ahead of ours.
        check(
            10,
            stretch(10, first(10, Some(9_500)), 25, 15),
            false,
            Some(0),
            Some(15),
            false,
        );
        // Not read, or without a timestamp: unknown.
        check(10, None, false, None, Some(15), false);
        check(
            10,
            stretch(10, first(10, None), 25, 15),
            false,
            None,
            Some(15),
            false,
        );
        // What was not read is not taken for the end.
        check(24, stretch(24, None, 24, 0), true, None, Some(1), true);
    }
}
