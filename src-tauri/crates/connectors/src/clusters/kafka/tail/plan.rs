//! Where each partition of a tail starts and ends, decided before anything is read.

use std::collections::{HashMap, hash_map::Entry};

use tailrace_model::{
    Error, Result,
    api::{TailPartition, TailStart},
};

use super::{TailFrom, TailSpec};
use crate::clusters::kafka::{
    client::{KafkaClient, TopicPartition},
    ffi::admin::OffsetOf,
};

/// Ranges of one tail at most: the cluster is asked once for each time in them.
const RANGES_MAX: usize = 64;

/// A part of a topic that is to be read: what lies within all of its bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TailRange {
    /// Absent: all.
    pub partitions: Option<Vec<i32>>,
    pub from: i64,
    /// The first offset that is not wanted.
    pub to: i64,
    /// Begins with the first record at or after this time: every one before it is earlier.
    pub from_ms: Option<i64>,
    /// Nothing at or past this time is wanted. Where producers set the times, a later record may be earlier, so it ends
    /// the reading only where they are the broker's.
    pub until_ms: Option<i64>,
    /// Nothing from the first record at or after this time on is wanted, whatever the times of those behind it are.
    pub before_ms: Option<i64>,
}

impl TailRange {
    /// The whole topic.
    pub fn all() -> Self {
        Self {
            partitions: None,
            from: 0,
            to: i64::MAX,
            from_ms: None,
            until_ms: None,
            before_ms: None,
        }
    }

    fn names(&self, partition: i32) -> bool {
        let these = self.partitions.as_ref();
        these.is_none_or(|these| these.contains(&partition))
    }
}

/// One partition to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    pub partition: i32,
    pub from: i64,
    /// The end when it was planned.
    pub end: i64,
    /// Reads up to here and no further.
    pub stop: Option<i64>,
    /// Records between where it should have started and where it could.
    pub lost: i64,
    /// What is read after `stop`, in order: from, stop.
    pub later: Vec<(i64, i64)>,
    /// Where the times are the broker's own: nothing at or past this time is wanted.
    pub until_stamped_ms: Option<i64>,
}

impl Span {
    fn records(&self) -> u64 {
        let first = (self.from, self.stop.unwrap_or(self.end));
        let all = std::iter::once(&first).chain(&self.later);
        all.map(|(from, stop)| u64::try_from(stop - from).unwrap_or(0))
            .sum()
    }
}

/// Where a tail starts and ends in each partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TailPlan {
    pub(super) spans: Vec<Span>,
    /// Partitions that should be read and have no leader now.
    pub(super) leaderless: Vec<i32>,
    /// Offsets before the ends that an open transaction holds back.
    pub(super) held_back: u64,
}

impl TailPlan {
    /// Offsets from the beginnings to the ends: there are no more records.
    pub fn records(&self) -> u64 {
        self.spans.iter().map(Span::records).sum()
    }

    /// At most so many plans, of about the same number of records, which are this one together. Empty when there is
    /// nothing to read.
    pub fn divided(mut self, parts_max: usize) -> Vec<Self> {
        self.spans.retain(|span| span.records() > 0);
        self.spans.sort_by_key(|span| std::cmp::Reverse(span.records()));
        let parts = parts_max.max(1).min(self.spans.len());
        let empty = || Self {
            spans: Vec::new(),
            leaderless: Vec::new(),
            held_back: 0,
        };
        let mut plans: Vec<Self> = (0..parts).map(|_| empty()).collect();
        if let Some(first) = plans.first_mut() {
            (first.leaderless, first.held_back) = (self.leaderless, self.held_back);
        }
        for span in self.spans {
            if let Some(least) = plans.iter_mut().min_by_key(|plan| plan.records()) {
                least.spans.push(span);
            }
        }
        plans
    }

    pub(super) fn progress(&self) -> Vec<TailPartition> {
        let one = |span: &Span| TailPartition {
            partition: span.partition,
            from: span.from,
            next: span.from,
            end: span.end.max(span.from),
        };
        self.spans.iter().map(one).collect()
    }
}

pub(super) async fn plan(client: &KafkaClient, spec: &TailSpec) -> Result<TailPlan> {
    let known: Vec<i32> = client
        .partitions(&spec.topic)
        .await?
        .iter()
        .map(|of| of.partition)
        .collect();
    if let Some(wrong) = spec.partitions.iter().find(|wanted| !known.contains(wanted)) {
        return Err(client.place().unknown_partition(&spec.topic, *wrong, known.len()));
    }
    let mut partitions = if spec.partitions.is_empty() {
        known
    } else {
        spec.partitions.clone()
    };
    if let TailFrom::Ranges(ranges) = &spec.from {
        // Of partitions that no range names nothing is asked.
        partitions.retain(|partition| ranges.iter().any(|range| range.names(*partition)));
    }
    partitions.sort_unstable();
    partitions.dedup();
    let of: Vec<TopicPartition> = partitions
        .iter()
        .map(|partition| TopicPartition {
            topic: spec.topic.clone(),
            partition: *partition,
        })
        .collect();
    let (starts, stable, last) = tokio::try_join!(
        client.offsets(&of, OffsetOf::Start),
        client.offsets(&of, OffsetOf::StableEnd),
        client.offsets(&of, OffsetOf::End)
    )?;
    // What is open in a transaction is not read yet: the end is the stable one, unless all is to be read.
    let ends = match client.reads_uncommitted() {
        true => &last,
        false => &stable,
    };
    let (mut leaderless, mut held_back) = (Vec::new(), 0);
    let at_time = match spec.from {
        TailFrom::Start(TailStart::Timestamp(ms)) => client.offsets(&of, OffsetOf::Time(ms)).await?,
        _ => HashMap::new(),
    };
    let times = times(client, &of, &spec.from).await?;
    let mut spans = Vec::with_capacity(of.len());
    for of in &of {
        let (Some(start), Some(end)) = (starts.get(of).copied(), ends.get(of).copied()) else {
            if spec.leaderless_too {
                leaderless.push(of.partition);
                continue;
            }
            return Err(Error::external(
                "partition_unavailable",
                format!(
                    "cluster \"{}\": partition {} of topic \"{}\" does not answer: it has no leader now",
                    client.cluster(),
                    of.partition,
                    of.topic
                ),
            ));
        };
        if let Some(last) = last.get(of) {
            held_back += u64::try_from(last - end).unwrap_or(0);
        }
        match &spec.from {
            TailFrom::Ranges(ranges) => {
                let at = |ms: i64| times.get(&ms).and_then(|at| at.get(of)).copied();
                spans.extend(ranged(ranges, of.partition, start, end, at));
            }
            TailFrom::BothEnds(count) => {
                let first = start.saturating_add(*count).min(end);
                let last = end.saturating_sub(*count).max(first);
                spans.extend(joined(of.partition, end, vec![(start, first), (last, end)], None));
            }
            _ => spans.push(span(spec, of, start, end, at_time.get(of).copied())?),
        }
    }
    Ok(TailPlan {
        spans,
        leaderless,
        held_back,
    })
}

/// The offsets of the times that ranges begin and end with.
async fn times(
    client: &KafkaClient,
    of: &[TopicPartition],
    from: &TailFrom,
) -> Result<HashMap<i64, HashMap<TopicPartition, i64>>> {
    let TailFrom::Ranges(ranges) = from else {
        return Ok(HashMap::new());
    };
    if ranges.len() > RANGES_MAX {
        return Err(Error::internal(
            "ranges",
            format!(
                "{} ranges of a topic were to be read at once, the most is {RANGES_MAX}",
                ranges.len()
            ),
        ));
    }
    let mut times = HashMap::new();
    let bounds = ranges.iter().flat_map(|range| [range.from_ms, range.before_ms]);
    let bounds: Vec<i64> = bounds.flatten().collect();
    for ms in bounds {
        if let Entry::Vacant(place) = times.entry(ms) {
            place.insert(client.offsets(of, OffsetOf::Time(ms)).await?);
        }
    }
    Ok(times)
}

/// What the ranges want of one partition; `at` is the first offset at or after a time, -1 when there is none.
fn ranged(
    ranges: &[TailRange],
    partition: i32,
    start: i64,
    end: i64,
    at: impl Fn(i64) -> Option<i64>,
) -> Option<Span> {
    let of = ranges.iter().filter(|range| range.names(partition));
    let mut spans = Vec::new();
    let mut until_ms = Some(i64::MIN);
    for range in of {
        // A partition that does not say where a time is, is read from its beginning.
        let seek = range.from_ms.and_then(&at);
        let from = match seek {
            Some(-1) => end,
            Some(offset) => offset,
            None => start,
        };
        let before = range.before_ms.and_then(&at).filter(|offset| *offset >= 0);
        let to = range.to.min(before.unwrap_or(end)).min(end);
        let span = (from.max(range.from).max(start), to);
        if span.0 < span.1 {
            spans.push(span);
            until_ms = until_ms.zip(range.until_ms).map(|(one, other)| one.max(other));
        }
    }
    joined(partition, end, spans, until_ms)
}

/// Spans that touch become one; none at all: the partition is not read.
fn joined(
    partition: i32,
    end: i64,
    mut spans: Vec<(i64, i64)>,
    until_stamped_ms: Option<i64>,
) -> Option<Span> {
    spans.retain(|(from, stop)| from < stop);
    spans.sort_unstable();
    let mut all: Vec<(i64, i64)> = Vec::with_capacity(spans.len());
    for (from, stop) in spans {
        match all.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(stop),
            _ => all.push((from, stop)),
        }
    }
    let mut all = all.into_iter();
    let (from, stop) = all.next()?;
    Some(Span {
        partition,
        from,
        end,
        stop: Some(stop),
        lost: 0,
        later: all.collect(),
        until_stamped_ms,
    })
}

fn span(spec: &TailSpec, of: &TopicPartition, start: i64, end: i64, at_time: Option<i64>) -> Result<Span> {
    let mut lost = 0;
    let from = match &spec.from {
        TailFrom::Start(TailStart::Beginning) => start,
        TailFrom::Start(TailStart::End) => end,
        TailFrom::Start(TailStart::Offset(offset)) => (*offset).clamp(start, end.max(start)),
        TailFrom::Start(TailStart::Last(count)) => end.saturating_sub((*count).max(0)).max(start),
        // No record is so late: only what comes now.
        TailFrom::Start(TailStart::Timestamp(_)) => at_time.filter(|offset| *offset >= 0).unwrap_or(end),
        TailFrom::Offsets(offsets) => {
            match offsets
                .iter()
                .find(|(partition, _)| *partition == of.partition)
                .map(|(_, offset)| *offset)
            {
                Some(offset) if offset > end => {
                    return Err(Error::user(
                        "offset_past_end",
                        format!(
                            "topic \"{}\", partition {}: the checkpoint is at offset {offset}, but the partition ends \
                             at {end}: the topic was made anew or cut. Replay it from the beginning",
                            of.topic, of.partition
                        ),
                    ));
                }
                Some(offset) => {
                    lost = (start - offset).max(0);
                    offset.max(start)
                }
                None => start,
            }
        }
        // Planned by `ranged` and `joined`.
        TailFrom::Ranges(_) | TailFrom::BothEnds(_) => start,
    };
    let stop = spec.stop_at_end.then_some(end);
    Ok(Span {
        partition: of.partition,
        from,
        end,
        stop,
        lost,
        later: Vec::new(),
        until_stamped_ms: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spans, and the time at which they end.
    type Found = (Vec<(i64, i64)>, Option<i64>);

    #[test]
    fn ranges_become_spans() {
        let check = |ranges: &[TailRange], expected: Option<Found>| {
            // The time 5 is at offset 30, 6 at 45, 9 nowhere.
            let at = |ms: i64| match ms {
                5 => Some(30),
                6 => Some(45),
                9 => Some(-1),
                _ => None,
            };
            let found = ranged(ranges, 3, 10, 50, at);
            let found = found.map(|span| {
                let first = (span.from, span.stop.unwrap_or(-1));
                let all = std::iter::once(first).chain(span.later).collect();
                (all, span.until_stamped_ms)
            });
            assert_eq!(found, expected, "{ranges:?}");
        };
        let all = TailRange::all;
        check(&[all()], Some((vec![(10, 50)], None)));
        check(&[], None);
        let at = |from, to| TailRange { from, to, ..all() };
        check(&[at(40, 41), at(12, 13)], Some((vec![(12, 13), (40, 41)], None)));
        check(
            &[at(12, 20), at(15, 30), at(30, 31)],
            Some((vec![(12, 31)], None)),
        );
        check(&[at(60, 70)], None);
        check(&[at(20, 20)], None);
        let of = |partitions: &[i32]| TailRange {
            partitions: Some(partitions.to_vec()),
            ..all()
        };
        check(&[of(&[3])], Some((vec![(10, 50)], None)));
        check(&[of(&[2])], None);
        let times = |from_ms, until_ms| TailRange {
            from_ms,
            until_ms,
            ..all()
        };
        check(&[times(Some(5), None)], Some((vec![(30, 50)], None)));
        check(&[times(Some(9), None)], None);
        let before = |from_ms, before_ms| TailRange {
            from_ms,
            before_ms,
            ..all()
        };
        check(&[before(Some(5), Some(6))], Some((vec![(30, 45)], None)));
        check(&[before(None, Some(9))], Some((vec![(10, 50)], None)));
        check(&[before(None, Some(7))], Some((vec![(10, 50)], None)));
        // A partition that does not answer for a time is read whole.
        check(&[times(Some(7), None)], Some((vec![(10, 50)], None)));
        check(&[times(Some(5), Some(8))], Some((vec![(30, 50)], Some(8))));
        check(
            &[times(Some(5), Some(8)), times(Some(6), Some(11))],
            Some((vec![(30, 50)], Some(11))),
        );
        check(
            &[times(Some(5), Some(8)), times(Some(6), None)],
            Some((vec![(30, 50)], None)),
        );
    }

    #[test]
    fn where_a_partition_starts() {
        let of = TopicPartition {
            topic: "t".into(),
            partition: 3,
        };
        let check = |from: TailFrom, at_time: Option<i64>, expected: Result<(i64, i64), &str>| {
            let spec = TailSpec {
                stop_at_end: true,
                ..TailSpec::new("t", from.clone())
            };
            let found = span(&spec, &of, 10, 50, at_time);
            let found = found.map(|span| {
                assert_eq!(span.stop, Some(50));
                (span.from, span.lost)
            });
            assert_eq!(
                found.as_ref().map_err(|error| error.code.as_str()).copied(),
                expected,
                "{from:?}"
            );
        };
        check(TailFrom::Start(TailStart::Beginning), None, Ok((10, 0)));
        check(TailFrom::Start(TailStart::End), None, Ok((50, 0)));
        check(TailFrom::Start(TailStart::Offset(20)), None, Ok((20, 0)));
        check(TailFrom::Start(TailStart::Offset(2)), None, Ok((10, 0)));
        check(TailFrom::Start(TailStart::Offset(90)), None, Ok((50, 0)));
        check(TailFrom::Start(TailStart::Last(5)), None, Ok((45, 0)));
        check(TailFrom::Start(TailStart::Last(500)), None, Ok((10, 0)));
        check(TailFrom::Start(TailStart::Last(i64::MIN)), None, Ok((50, 0)));
        check(TailFrom::Start(TailStart::Timestamp(7)), Some(33), Ok((33, 0)));
        check(TailFrom::Start(TailStart::Timestamp(7)), Some(-1), Ok((50, 0)));
        check(TailFrom::Offsets(vec![(1, 5), (3, 44)]), None, Ok((44, 0)));
        check(TailFrom::Offsets(vec![(1, 5)]), None, Ok((10, 0)));
        check(TailFrom::Offsets(vec![(3, 4)]), None, Ok((10, 6)));
        check(TailFrom::Offsets(vec![(3, 50)]), None, Ok((50, 0)));
        check(TailFrom::Offsets(vec![(3, 51)]), None, Err("offset_past_end"));
    }
}
