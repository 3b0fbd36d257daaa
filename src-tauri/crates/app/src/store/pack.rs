//! Points of lag in few bytes: times, sums and partitions one after the other, each column as differences in as few
//! bytes as they need. A group that stands still costs a byte a number.

use std::collections::BTreeMap;

use tailrace_model::{Error, Result};

use super::lag::{LagRow, LagValues};

/// The first byte: how the rest is written.
const VERSION: u8 = 2;
/// Before it was written which lags in time are guessed.
const VERSION_WITHOUT_GUESSED: u8 = 1;
/// Points and partitions that one chunk may have; more means that it is damaged.
const POINTS_MAX: u64 = 100_000;

const COLUMNS: [fn(&mut LagValues) -> &mut Option<i64>; 4] = [
    |it| &mut it.lag,
    |it| &mut it.lag_ms,
    |it| &mut it.committed,
    |it| &mut it.end,
];

pub(super) fn pack(points: &[LagRow]) -> Vec<u8> {
    let mut out = vec![VERSION];
    put(&mut out, points.len() as u64);
    let mut before = 0;
    for point in points {
        put_signed(&mut out, point.at_ms.wrapping_sub(before));
        before = point.at_ms;
    }
    put_series(&mut out, points.iter().map(|point| point.total));
    let mut keys: Vec<&(String, i32)> = points.iter().flat_map(|point| point.partitions.keys()).collect();
    keys.sort();
    keys.dedup();
    put(&mut out, keys.len() as u64);
    for key in keys {
        put(&mut out, key.0.len() as u64);
        out.extend_from_slice(key.0.as_bytes());
        put_signed(&mut out, i64::from(key.1));
        put_series(
            &mut out,
            points
                .iter()
                .map(|point| point.partitions.get(key).copied().unwrap_or_default()),
        );
    }
    out
}

/// 0 stands for unknown; everything else is one more than the difference to the last that is known.
fn put_series(out: &mut Vec<u8>, values: impl Iterator<Item = LagValues> + Clone) {
    for column in COLUMNS {
        let mut before = 0_i64;
        for mut value in values.clone() {
            match *column(&mut value) {
                None => put(out, 0),
                Some(known) => {
                    let zigzag = zigzag(known.wrapping_sub(before));
                    // The largest difference has no place of its own; no offset is that large.
                    put(out, zigzag.saturating_add(1));
                    before = known;
                }
            }
        }
    }
    // How many alike follow each other, the first of them not guessed.
    let mut alike = 0;
    let mut guessed = false;
    for value in values {
        if value.guessed != guessed {
            put(out, alike);
            (alike, guessed) = (0, value.guessed);
        }
        alike += 1;
    }
    put(out, alike);
}

pub(super) fn unpack(bytes: &[u8]) -> Result<Vec<LagRow>> {
    read(bytes).ok_or_else(|| {
        Error::internal(
            "state",
            "the history of lag in the workspace's state is damaged: delete the table lag_chunks of .tailrace/state.db",
        )
    })
}

fn read(bytes: &[u8]) -> Option<Vec<LagRow>> {
    let (version, mut rest) = bytes.split_first()?;
    let with_guessed = match *version {
        VERSION => true,
        VERSION_WITHOUT_GUESSED => false,
        _ => return None,
    };
    let count = get(&mut rest).filter(|count| *count <= POINTS_MAX)? as usize;
    let mut points = Vec::new();
    let mut at_ms = 0_i64;
    for _ in 0..count {
        at_ms = at_ms.wrapping_add(get_signed(&mut rest)?);
        points.push(LagRow {
            at_ms,
            total: LagValues::default(),
            partitions: BTreeMap::new(),
        });
    }
    for (point, total) in points.iter_mut().zip(get_series(&mut rest, count, with_guessed)?) {
        point.total = total;
    }
    let partitions = get(&mut rest).filter(|count| *count <= POINTS_MAX)?;
    for _ in 0..partitions {
        let length = usize::try_from(get(&mut rest)?).ok()?;
        let (topic, after) = rest.split_at_checked(length)?;
        rest = after;
        let topic = std::str::from_utf8(topic).ok()?;
        let partition = i32::try_from(get_signed(&mut rest)?).ok()?;
        for (point, values) in points.iter_mut().zip(get_series(&mut rest, count, with_guessed)?) {
            // Nothing known of a partition is as good as no partition.
            if values != LagValues::default() {
                point.partitions.insert((topic.to_owned(), partition), values);
            }
        }
    }
    rest.is_empty().then_some(points)
}

fn get_series(rest: &mut &[u8], count: usize, with_guessed: bool) -> Option<Vec<LagValues>> {
    let mut values = vec![LagValues::default(); count];
    for column in COLUMNS {
        let mut before = 0_i64;
        for value in &mut values {
            let coded = get(rest)?;
            if coded > 0 {
                before = before.wrapping_add(unzigzag(coded - 1));
                *column(value) = Some(before);
            }
        }
    }
    if with_guessed {
        let (mut at, mut guessed) = (0_usize, false);
        loop {
            let alike = usize::try_from(get(rest)?).ok()?;
            let some = values.get_mut(at..at.checked_add(alike)?)?;
            some.iter_mut().for_each(|value| value.guessed = guessed);
            (at, guessed) = (at + alike, !guessed);
            // Only the first run may be empty: whoever writes ends with the last value.
            if at == count {
                break;
            }
            if alike == 0 && at > 0 {
                return None;
            }
        }
    }
    Some(values)
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

/// Seven bits a byte, the lowest first.
fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn put_signed(out: &mut Vec<u8>, value: i64) {
    put(out, zigzag(value));
}

fn get(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn get_signed(rest: &mut &[u8]) -> Option<i64> {
    get(rest).map(unzigzag)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values() -> impl Strategy<Value = LagValues> {
        let number = || proptest::option::of(0_i64..i64::MAX / 4);
        (number(), number(), any::<bool>(), number(), number()).prop_map(
            |(lag, lag_ms, guessed, committed, end)| LagValues {
                lag,
                lag_ms,
                guessed: guessed && lag_ms.is_some(),
                committed,
                end,
            },
        )
    }

    fn known(values: &LagValues) -> bool {
        *values != LagValues::default()
    }

    proptest! {
        #[test]
        fn what_is_packed_is_unpacked(
            rows in proptest::collection::vec(
                (0_i64..i64::MAX / 4, values(), proptest::collection::btree_map(("[a-z.ä]{1,9}", 0..40_i32), values().prop_filter("known", known), 0..4)),
                0..20,
            )
        ) {
            let rows: Vec<LagRow> = rows
                .into_iter()
                .map(|(at_ms, total, partitions)| LagRow { at_ms, total, partitions })
                .collect();
            prop_assert_eq!(unpack(&pack(&rows)).unwrap(), rows);
        }

        #[test]
        fn damaged_bytes_are_an_error_and_no_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = unpack(&bytes);
        }
    }

    #[test]
    fn what_was_written_before_guesses_were_marked_is_read() {
        // One point at 5 ms with a lag of 3, and no partition.
        let found = unpack(&[1, 1, 10, 7, 0, 0, 0, 0]).unwrap();
        let total = LagValues {
            lag: Some(3),
            ..LagValues::default()
        };
        assert_eq!((found.len(), found[0].at_ms, found[0].total), (1, 5, total));
    }

    #[test]
    fn a_group_that_stands_still_is_small() {
        let values = LagValues {
            lag: Some(2_904_551),
            lag_ms: Some(9_000_000),
            guessed: false,
            committed: Some(14_200_118),
            end: Some(14_688_410),
        };
        let row = |at: i64| LagRow {
            at_ms: 1_800_000_000_000 + at * 10_000,
            total: values,
            partitions: (0..12)
                .map(|number| (("orders".to_owned(), number), values))
                .collect(),
        };
        let rows: Vec<LagRow> = (0..60).map(row).collect();
        let bytes = pack(&rows).len();
        assert!(bytes < 60 * 13 * 4 + 60 * 3 + 13 * 40, "{bytes}");
    }
}
