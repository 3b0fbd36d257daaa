//! What lies between where a group reads next and the end: its first record, and how many records there are.
//!
//! Offsets are not records: marks of transactions, and what was compacted away, have one too. Invariants: what was looked
//! at is counted exactly, and no offset of it twice; what was not is told as such; no more than [`COUNT_OFFSETS_MAX`]
//! offsets and about [`COUNT_BYTES_MAX`] bytes are looked at for one place. Records of transactions that were aborted
//! count: a reader of uncommitted ones reads them.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use super::{
    client::TopicPartition,
    ffi::consume::{Flow, Message},
    record::{Heard, SharedReader},
};

/// Offsets of one place that are looked at.
pub(super) const COUNT_OFFSETS_MAX: i64 = 2_000;
/// Bytes of keys and values that are read for one place.
const COUNT_BYTES_MAX: usize = 1024 * 1024;
/// Offsets that are looked at in one sample; the rest waits for the next one.
const COUNT_TOTAL_MAX: i64 = 50_000;
/// A partition without a gap in so many offsets is taken for one that has none...
const PLAIN_OFFSETS_MIN: i64 = 100;
/// ... for so long.
const PLAIN_MS: i64 = 30_000;
/// The time that reading may take in one sample.
const READ_TIME_MAX: Duration = Duration::from_secs(3);

/// Where a group reads next.
pub(super) type Place = (TopicPartition, i64);

/// What is known of the offsets from a place on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    /// Offset and timestamp of the first record.
    pub first: Option<(i64, Option<i64>)>,
    /// Everything before this was looked at.
    pub read_to: i64,
    /// The records in that.
    pub records: i64,
    /// Their bytes.
    pub bytes: usize,
}

impl Stretch {
    pub fn at(offset: i64) -> Self {
        Self {
            first: None,
            read_to: offset,
            records: 0,
            bytes: 0,
        }
    }

    /// Records before an end: those that were counted, and an offset each of what was not looked at.
    pub fn lag(&self, end: i64) -> i64 {
        self.records + (end - self.read_to).max(0)
    }

    /// Whether every offset before the end was looked at.
    pub fn is_whole(&self, end: i64) -> bool {
        self.read_to >= end
    }

    fn has_gap(&self, from: i64) -> bool {
        self.records < self.read_to - from
    }

    fn hear(&mut self, record: (i64, Option<i64>, usize), wanted: &Wanted) -> Flow {
        let (offset, timestamp_ms, bytes) = record;
        if offset >= wanted.end {
            self.read_to = self.read_to.max(wanted.end);
            return Flow::Enough;
        }
        self.first.get_or_insert((offset, timestamp_ms));
        self.records += 1;
        self.bytes += bytes;
        self.read_to = offset + 1;
        if self.read_to >= wanted.to || self.bytes >= COUNT_BYTES_MAX {
            Flow::Enough
        } else {
            Flow::More
        }
    }

    fn hear_end(&mut self, offset: i64, wanted: &Wanted) {
        self.read_to = self.read_to.max(offset.min(wanted.end));
    }
}

/// What is to be read of one place.
#[derive(Debug)]
struct Wanted {
    place: Place,
    known: Stretch,
    /// Records before this are counted; the first is wanted in any case.
    to: i64,
    end: i64,
}

/// What is known of places and partitions between samples.
#[derive(Debug, Default)]
pub(super) struct Stretches {
    places: HashMap<Place, Stretch>,
    /// When a partition was found to have no gaps.
    plain: HashMap<TopicPartition, i64>,
    /// Partitions in which gaps were seen.
    gaps: HashSet<TopicPartition>,
}

impl Stretches {
    pub fn get(&self, place: &Place) -> Option<&Stretch> {
        self.places.get(place)
    }

    /// Whether there are offsets in it that are no records, as far as was seen.
    pub fn has_gaps(&self, of: &TopicPartition) -> bool {
        self.gaps.contains(of)
    }

    /// What has to be read to know of these places, each with its end.
    fn wanted(&self, places: HashMap<Place, i64>, reads_max: usize, now_ms: i64) -> Vec<Wanted> {
        let mut budget = COUNT_TOTAL_MAX;
        let mut wanted = Vec::new();
        for (place, end) in places {
            let known = self.places.get(&place).copied();
            let plain = self.plain.get(&place.0);
            let counted = plain.is_none_or(|at_ms| now_ms - at_ms >= PLAIN_MS);
            let begun = known.unwrap_or(Stretch::at(place.1));
            let to = end.min(place.1 + COUNT_OFFSETS_MAX);
            let more = (to - begun.read_to).max(0);
            let counts = counted && more > 0 && begun.bytes < COUNT_BYTES_MAX && more <= budget;
            let seeks = begun.first.is_none() && !begun.is_whole(end);
            if !(counts || seeks) || wanted.len() >= reads_max {
                continue;
            }
            if counts {
                budget -= more;
            }
            wanted.push(Wanted {
                to: if counts { to } else { begun.read_to },
                place,
                known: begun,
                end,
            });
        }
        wanted
    }

    fn learn(&mut self, wanted: &Wanted, found: Stretch, now_ms: i64) {
        let (of, from) = &wanted.place;
        if found.has_gap(*from) {
            self.plain.remove(of);
            self.gaps.insert(of.clone());
        } else if found.read_to - from >= PLAIN_OFFSETS_MIN && !self.gaps.contains(of) {
            self.plain.insert(of.clone(), now_ms);
        }
        self.places.insert(wanted.place.clone(), found);
    }

    /// Forgets places at which nobody stands any more, and partitions of which nothing is asked.
    fn keep(&mut self, places: &HashMap<Place, i64>, remembered_max: usize) {
        self.places.retain(|place, _| places.contains_key(place));
        if self.plain.len() + self.gaps.len() > remembered_max {
            let of: HashSet<&TopicPartition> = places.keys().map(|(of, _)| of).collect();
            self.plain.retain(|one, _| of.contains(one));
            self.gaps.retain(|one| of.contains(one));
        }
    }

    /// Reads what is not known of these places, each with its end. Blocks.
    pub fn read(
        &mut self,
        reader: &SharedReader,
        places: HashMap<Place, i64>,
        (reads_max, remembered_max): (usize, usize),
        now_ms: i64,
    ) {
        self.keep(&places, remembered_max);
        let until = Instant::now() + READ_TIME_MAX;
        let mut left = self.wanted(places, reads_max, now_ms);
        // Groups stand at different offsets of the same partition: one round reads each partition once.
        while !left.is_empty() {
            let at_most = until.saturating_duration_since(Instant::now());
            if at_most.is_zero() {
                break;
            }
            let mut seen = HashSet::new();
            let (round, later): (Vec<_>, Vec<_>) =
                left.into_iter().partition(|one| seen.insert(one.place.0.clone()));
            for (wanted, found) in read_round(reader, &round, at_most) {
                self.learn(wanted, found, now_ms);
            }
            left = later;
        }
    }
}

/// What was found out; a partition that did not answer, or that does not hold the place any more, keeps what was known.
fn read_round<'w>(
    reader: &SharedReader,
    round: &'w [Wanted],
    at_most: Duration,
) -> Vec<(&'w Wanted, Stretch)> {
    let starts: Vec<Place> = round
        .iter()
        .map(|one| (one.place.0.clone(), one.known.read_to))
        .collect();
    let mut found: HashMap<&TopicPartition, (&Wanted, Stretch, bool)> = round
        .iter()
        .map(|one| (&one.place.0, (one, one.known, false)))
        .collect();
    let size =
        |message: &Message<'_>| message.key().map_or(0, <[u8]>::len) + message.value().map_or(0, <[u8]>::len);
    let outcome = reader.read(&starts, at_most, |of, heard| {
        let Some((wanted, stretch, told)) = found.get_mut(of) else {
            return Flow::Enough;
        };
        *told = true;
        match heard {
            Heard::Record(message) => {
                let record = (message.offset(), message.timestamp_ms(), size(message));
                stretch.hear(record, wanted)
            }
            Heard::End(offset) => {
                stretch.hear_end(offset, wanted);
                Flow::Enough
            }
        }
    });
    if let Err(failure) = &outcome {
        tracing::debug!(target: "librdkafka", "records to read next: {}", failure.text);
    }
    let told = found.into_values().filter(|(_, _, told)| *told);
    told.map(|(wanted, stretch, _)| (wanted, stretch)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(from: i64, to: i64, end: i64) -> Wanted {
        let of = TopicPartition {
            topic: "t".into(),
            partition: 0,
        };
        Wanted {
            place: (of, from),
            known: Stretch::at(from),
            to,
            end,
        }
    }

    #[test]
    fn records_are_counted_and_marks_are_not() {
        let check = |records: &[i64], eof: Option<i64>, lag: i64, whole: bool, gap: bool| {
            let wanted = wanted(2, 10, 10);
            let mut found = wanted.known;
            let mut flow = Flow::More;
            for offset in records {
                assert_eq!(flow, Flow::More, "{records:?}");
                flow = found.hear((*offset, Some(1), 5), &wanted);
            }
            if let Some(eof) = eof {
                found.hear_end(eof, &wanted);
            }
            assert_eq!(
                (found.lag(10), found.is_whole(10), found.has_gap(2)),
                (lag, whole, gap),
                "{records:?}"
            );
        };
        check(&[2, 3, 4, 5, 6, 7, 8, 9], None, 8, true, false);
        // A mark at 5, and one at the end.
        check(&[2, 3, 4, 6, 7, 8], Some(10), 6, true, true);
        check(&[2, 3, 4, 6, 7, 8, 11], None, 6, true, true);
        check(&[], Some(10), 0, true, true);
        // Not read to the end: an offset each.
        check(&[2, 4], None, 7, false, true);
        check(&[2, 4], Some(6), 6, false, true);
    }

    #[test]
    fn a_place_is_looked_at_as_far_as_it_may_be() {
        let of = |partition| TopicPartition {
            topic: "t".into(),
            partition,
        };
        let mut known = Stretches::default();
        let want = |known: &Stretches, end: i64, now_ms: i64| {
            let mut all = known.wanted(HashMap::from([((of(0), 10), end)]), 9, now_ms);
            all.pop().map(|one| (one.known.read_to, one.to))
        };
        assert_eq!(want(&known, 50, 0), Some((10, 50)));
        assert_eq!(want(&known, 1_000_000, 0), Some((10, 10 + COUNT_OFFSETS_MAX)));
        let learn = |known: &mut Stretches, read_to: i64, records: i64, bytes: usize| {
            let found = Stretch {
                first: Some((10, None)),
                read_to,
                records,
                bytes,
            };
            known.learn(&wanted(10, 50, 50), found, 0);
        };
        learn(&mut known, 50, 40, 0);
        assert_eq!(want(&known, 50, 0), None);
        // What came since is all that is read.
        assert_eq!(want(&known, 60, 0), Some((50, 60)));
        learn(&mut known, 50, 40, COUNT_BYTES_MAX);
        assert_eq!(want(&known, 60, 0), None);
        // Without a gap in a hundred it is not counted for a while.
        learn(&mut known, 110, 100, 0);
        assert_eq!(want(&known, 120, 0), None);
        assert_eq!(want(&known, 120, PLAIN_MS), Some((110, 120)));
        // One with gaps always is.
        learn(&mut known, 110, 90, 0);
        learn(&mut known, 111, 101, 0);
        assert!(known.has_gaps(&of(0)));
        assert_eq!(want(&known, 120, 0), Some((111, 120)));
        known.keep(&HashMap::new(), 0);
        assert!(known.get(&(of(0), 10)).is_none() && !known.has_gaps(&of(0)));
    }
}
