//! What a merge gives is what a plain sort-merge of the partitions gives, however the records are cut into batches.

use std::collections::BTreeMap;

use arrow::{
    array::{BinaryArray, Int32Array, StringArray},
    datatypes::{DataType, Field, Schema},
};
use proptest::prelude::*;

use super::*;

/// A record of a partition: its time, and whether the filter keeps it.
type Record = (i64, bool);

/// Which record: partition and offset.
type Which = (i32, i64);

/// How the partitions are read: each step reads so many records of one of them.
#[derive(Debug, Clone)]
struct Read {
    partitions: Vec<Vec<Record>>,
    /// Partition, records, and whether the batch ends here.
    steps: Vec<(usize, usize, bool)>,
}

fn reads() -> impl Strategy<Value = Read> {
    // Times that go on, mostly, and sometimes back or far ahead.
    let step = prop_oneof![6 => 0..4_i64, 2 => -6..0_i64, 1 => 20..60_i64];
    let records = prop::collection::vec((step, any::<bool>()), 0..40).prop_map(|steps| {
        let mut at = 0;
        let one = |(step, matched): (i64, bool)| {
            at += step;
            (at, matched)
        };
        steps.into_iter().map(one).collect::<Vec<Record>>()
    });
    let partitions = prop::collection::vec(records, 1..6);
    let steps = prop::collection::vec((0..6_usize, 1..12_usize, any::<bool>()), 0..120);
    (partitions, steps).prop_map(|(partitions, steps)| Read { partitions, steps })
}

fn batch(rows: &[Which]) -> RecordBatch {
    let schema = Schema::new(vec![
        Field::new("_partition", DataType::Int32, false),
        Field::new("_offset", DataType::Int64, false),
        Field::new("value", DataType::Binary, true),
        Field::new("note", DataType::Utf8, true),
    ]);
    let text = |(partition, offset): &Which| format!("{partition}/{offset}");
    RecordBatch::try_new(
        Arc::new(schema),
        vec![
            Arc::new(rows.iter().map(|it| Some(it.0)).collect::<Int32Array>()),
            Arc::new(rows.iter().map(|it| Some(it.1)).collect::<Int64Array>()),
            Arc::new(BinaryArray::from_iter_values(rows.iter().map(text))),
            Arc::new(
                rows.iter()
                    .map(|it| (it.1 % 2 == 0).then(|| text(it)))
                    .collect::<StringArray>(),
            ),
        ],
    )
    .unwrap()
}

/// The records of a batch; their columns still belong together.
fn rows(batches: &[RecordBatch]) -> Vec<Which> {
    let mut all = Vec::new();
    for batch in batches {
        let partitions = batch["_partition"].as_primitive::<Int32Type>();
        let offsets = batch["_offset"].as_primitive::<arrow::datatypes::Int64Type>();
        let values = batch["value"].as_binary::<i32>();
        let notes = batch["note"].as_string::<i32>();
        for row in 0..batch.num_rows() {
            let which = (partitions.value(row), offsets.value(row));
            let text = format!("{}/{}", which.0, which.1);
            assert_eq!(values.value(row), text.as_bytes());
            assert_eq!(
                (!notes.is_null(row)).then(|| notes.value(row)),
                (which.1 % 2 == 0).then_some(text.as_str())
            );
            all.push(which);
        }
    }
    all
}

/// Always the earliest of the partitions' next records; of those, what matches.
fn oracle(partitions: &[Vec<Record>]) -> Vec<Which> {
    let mut next = vec![0; partitions.len()];
    let mut all = Vec::new();
    loop {
        let heads = partitions.iter().enumerate();
        let heads = heads.filter_map(|(at, records)| Some((records.get(next[at])?.0, at)));
        let Some((_, at)) = heads.min() else { return all };
        if partitions[at][next[at]].1 {
            all.push((i32::try_from(at).unwrap(), next[at] as i64));
        }
        next[at] += 1;
    }
}

/// A reader that does as the merge says, or not.
struct Reader<'r> {
    read: &'r Read,
    at: Vec<usize>,
    obeys: bool,
    /// A planted fault: says that a partition is done while it has two records left.
    lies: bool,
    pending: Vec<(Which, i64)>,
    now_ms: u64,
    most_rows: usize,
}

impl Reader<'_> {
    fn marks(&self) -> Vec<TailMark> {
        let mark = |(at, records): (usize, &Vec<Record>)| {
            let next = self.at[at];
            let left = records.len() - next;
            TailMark {
                partition: i32::try_from(at).unwrap(),
                next: next as i64,
                seen_ms: seen(&records[..next]),
                state: match left == 0 || (self.lies && left <= 2) {
                    true => MarkState::Idle,
                    false => MarkState::History,
                },
            }
        };
        self.read.partitions.iter().enumerate().map(mark).collect()
    }

    fn take(&mut self, part: usize, count: usize, merge: &mut Merge) {
        let records = &self.read.partitions[part];
        let partition = i32::try_from(part).unwrap();
        if self.obeys && merge.held().contains(&partition) {
            return;
        }
        for _ in 0..count {
            let next = self.at[part];
            let Some((_, matched)) = records.get(next) else {
                return;
            };
            self.at[part] += 1;
            if *matched {
                self.pending
                    .push(((partition, next as i64), seen(&records[..=next])));
            }
        }
    }

    fn hand_over(&mut self, merge: &mut Merge) -> Vec<Which> {
        let taken = std::mem::take(&mut self.pending);
        let (which, order): (Vec<Which>, Vec<i64>) = taken.into_iter().unzip();
        self.now_ms += 1;
        merge.add(batch(&which), Int64Array::from(order), &self.marks(), self.now_ms);
        let released = merge.release(self.now_ms).unwrap();
        self.most_rows = self.most_rows.max(merge.rows);
        rows(&released)
    }
}

fn seen(records: &[Record]) -> i64 {
    records.iter().map(|record| record.0).max().unwrap_or(i64::MIN)
}

/// What a merge gives, with its note and the most that waited.
fn merged(read: &Read, limits: MergeLimits, obeys: bool, lies: bool) -> (Vec<Which>, Merge, usize) {
    let mut merge = Merge::new(true, limits);
    let mut reader = Reader {
        read,
        at: vec![0; read.partitions.len()],
        obeys,
        lies,
        pending: Vec::new(),
        now_ms: 0,
        most_rows: 0,
    };
    let mut all = Vec::new();
    for (part, count, ends) in &read.steps {
        reader.take(part % read.partitions.len(), *count, &mut merge);
        if *ends {
            all.extend(reader.hand_over(&mut merge));
        }
    }
    all.extend(reader.hand_over(&mut merge));
    // Whatever is left, round and round.
    while (0..read.partitions.len()).any(|part| reader.at[part] < read.partitions[part].len()) {
        let before = reader.at.clone();
        for part in 0..read.partitions.len() {
            reader.take(part, 3, &mut merge);
        }
        all.extend(reader.hand_over(&mut merge));
        assert_ne!(before, reader.at, "every partition is held, so nothing goes on");
    }
    all.extend(reader.hand_over(&mut merge));
    all.extend(rows(&merge.rest().unwrap()));
    assert_eq!((merge.rows, merge.bytes), (0, 0));
    (all, merge, reader.most_rows)
}

/// Rows that are held from, and released early from.
fn limits(hold_rows: usize, rows_max: usize) -> MergeLimits {
    MergeLimits {
        hold_rows,
        rows_max,
        ..MergeLimits::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn what_is_merged_is_what_a_sort_merge_gives(read in reads()) {
        let (found, merge, _) = merged(&read, MergeLimits::default(), false, false);
        prop_assert_eq!(found, oracle(&read.partitions));
        prop_assert_eq!(merge.note(), None);
    }

    #[test]
    fn holding_partitions_bounds_what_waits_and_changes_nothing(read in reads()) {
        let (found, merge, most) = merged(&read, limits(8, usize::MAX), true, false);
        prop_assert_eq!(found, oracle(&read.partitions));
        prop_assert_eq!(merge.note(), None);
        // What was on its way when partitions were held still comes.
        let steps = read.steps.iter().map(|step| step.1).sum::<usize>() + 3 * read.partitions.len();
        prop_assert!(most <= 8 + steps, "{} waited", most);
    }

    #[test]
    fn what_is_released_early_is_whole_and_told(read in reads()) {
        let (found, merge, _) = merged(&read, limits(usize::MAX, 5), false, false);
        let mut sorted = found.clone();
        sorted.sort_unstable();
        let mut wanted = oracle(&read.partitions);
        wanted.sort_unstable();
        prop_assert_eq!(sorted, wanted);
        let (mut last, mut places) = (None, 0);
        let mut offsets = BTreeMap::new();
        for (partition, offset) in found {
            prop_assert!(offsets.insert(partition, offset).is_none_or(|before| before < offset));
            let records = &read.partitions[usize::try_from(partition).unwrap()];
            let place = (seen(&records[..=usize::try_from(offset).unwrap()]), partition);
            places += u64::from(last.is_some_and(|last| place < last));
            last = Some(place);
        }
        prop_assert_eq!(merge.places, places);
        prop_assert_eq!(merge.note().is_some(), places > 0);
    }
}

#[test]
fn a_planted_fault_is_found() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let found = runner.run(&reads(), |read| {
        let (found, ..) = merged(&read, MergeLimits::default(), false, true);
        prop_assert_eq!(found, oracle(&read.partitions));
        Ok(())
    });
    assert!(found.is_err(), "the oracle does not notice a reader that lies");
}

fn mark(partition: i32, seen_ms: i64, state: MarkState) -> TailMark {
    TailMark {
        partition,
        next: seen_ms,
        seen_ms,
        state,
    }
}

/// Adds records of (partition, time as offset) and says what is released.
fn step(merge: &mut Merge, which: &[Which], marks: &[TailMark], at_ms: u64) -> Vec<Which> {
    let order = which.iter().map(|it| it.1).collect::<Vec<_>>();
    merge.add(batch(which), Int64Array::from(order), marks, at_ms);
    rows(&merge.release(at_ms).unwrap())
}

#[test]
fn a_live_tail_waits_for_a_moment() {
    use MarkState::{History, Idle, Live};
    let mut merge = Merge::new(false, MergeLimits::default());
    // The other partition is at its end: what is produced there at the same time is a moment late.
    let marks = [mark(0, 10, Idle), mark(1, 5, Idle)];
    assert_eq!(step(&mut merge, &[(0, 10)], &marks, 0), []);
    assert_eq!(merge.due_in_ms(0), Some(50));
    let marks = [mark(0, 10, Idle), mark(1, 9, Idle)];
    assert_eq!(step(&mut merge, &[(1, 9)], &marks, 30), [(1, 9)]);
    assert_eq!(rows(&merge.release(49).unwrap()), []);
    assert_eq!(rows(&merge.release(50).unwrap()), [(0, 10)]);
    // A partition on its own waits for nobody.
    let mut alone = Merge::new(false, MergeLimits::default());
    assert_eq!(step(&mut alone, &[(0, 10)], &[mark(0, 10, Idle)], 0), [(0, 10)]);
    assert_eq!(alone.due_in_ms(0), None);
    // It has more: so long, and no longer.
    let marks = [mark(0, 20, Idle), mark(1, 9, Live)];
    assert_eq!(step(&mut merge, &[(0, 20)], &marks, 100), []);
    assert_eq!((merge.waiting(), merge.due_in_ms(150)), (1, Some(150)));
    let marks = [mark(0, 30, Idle), mark(1, 9, Live)];
    assert_eq!(step(&mut merge, &[(0, 30)], &marks, 299), []);
    assert_eq!(rows(&merge.release(300).unwrap()), [(0, 20)]);
    // What it brings late is counted; what is in time is in order.
    let marks = [mark(0, 30, Idle), mark(1, 31, Live)];
    assert_eq!(
        step(&mut merge, &[(1, 15), (1, 25), (1, 31)], &marks, 310),
        [(1, 15), (1, 25), (0, 30)]
    );
    assert_eq!(rows(&merge.release(360).unwrap()), [(1, 31)]);
    let note = "not in the order of time in 1 place, because a live tail waits 200 ms for a slower partition, and a live \
                tail waits 50 ms for a partition at its end";
    assert_eq!(merge.note().as_deref(), Some(note));
    // What was there when it started is waited for longer, but not for ever.
    let mut merge = Merge::new(false, MergeLimits::default());
    let marks = [mark(0, 20, Idle), mark(1, 5, History)];
    assert_eq!(step(&mut merge, &[(0, 20)], &marks, 0), []);
    assert_eq!(rows(&merge.release(60_000).unwrap()), []);
    merge.listened(5_000);
    assert_eq!(rows(&merge.release(60_000).unwrap()), [(0, 20)]);
    // A tail that has an end waits.
    let mut merge = Merge::new(true, MergeLimits::default());
    assert_eq!(step(&mut merge, &[(0, 20)], &marks, 0), []);
    merge.listened(5_000);
    assert_eq!(rows(&merge.release(60_000).unwrap()), []);
    assert_eq!(step(&mut merge, &[], &[mark(1, 19, History)], 60_000), []);
    // Of the same time, the record of the lower partition is the first.
    assert_eq!(step(&mut merge, &[], &[mark(1, 20, History)], 60_000), [(0, 20)]);
}

#[test]
fn what_needs_no_merging_is_not_copied() {
    let mut merge = Merge::new(true, MergeLimits::default());
    let which: Vec<Which> = (0..100).map(|at| (0, at)).collect();
    let records = batch(&which);
    let values = records["value"].as_binary::<i32>().value_data().as_ptr();
    let order = Int64Array::from_iter_values(0..100);
    merge.add(records, order, &[mark(0, 99, MarkState::History)], 0);
    let released = merge.release(0).unwrap();
    assert_eq!(released.len(), 1);
    assert_eq!(
        released[0]["value"].as_binary::<i32>().value_data().as_ptr(),
        values
    );
}
