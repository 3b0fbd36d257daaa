//! How fast offsets move, and when they were where.

use super::LagPoint;

/// How fast a number grew.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Rate {
    /// Fewer than two points know it.
    Unknown,
    /// It went back: a topic made anew, offsets reset.
    Back,
    PerSecond(f64),
}

impl Rate {
    pub fn known(self) -> Option<f64> {
        match self {
            Self::PerSecond(rate) => Some(rate),
            Self::Unknown | Self::Back => None,
        }
    }

    /// Over several: those that are known, summed. One that went back leaves no rate at all.
    pub fn sum(rates: impl Iterator<Item = Self>) -> Option<f64> {
        let mut total = None;
        for rate in rates {
            match rate {
                Self::Unknown => {}
                Self::Back => return None,
                Self::PerSecond(rate) => *total.get_or_insert(0.0) += rate,
            }
        }
        total
    }
}

/// From the first point that knows the number to the last.
pub(super) fn rate<'p>(
    points: impl DoubleEndedIterator<Item = &'p LagPoint> + Clone,
    of: impl Fn(&LagPoint) -> Option<i64>,
) -> Rate {
    let known = points.filter_map(|point| Some((point.at_ms, of(point)?)));
    let went_back = {
        let values: Vec<i64> = known.clone().map(|(_, value)| value).collect();
        values.windows(2).any(|pair| pair[1] < pair[0])
    };
    if went_back {
        return Rate::Back;
    }
    let (mut first, mut last) = (None, None);
    for point in known {
        first.get_or_insert(point);
        last = Some(point);
    }
    match (first, last) {
        (Some(first), Some(last)) if last.0 > first.0 => {
            Rate::PerSecond((last.1 - first.1) as f64 * 1_000.0 / (last.0 - first.0) as f64)
        }
        _ => Rate::Unknown,
    }
}

/// Time until a lag is gone at these rates; `None`: never, or unknown.
pub(super) fn drained_in_ms(
    lag: Option<i64>,
    in_per_second: Option<f64>,
    out_per_second: Option<f64>,
) -> Option<i64> {
    let lag = lag?;
    if lag == 0 {
        return Some(0);
    }
    let gain = out_per_second? - in_per_second?;
    if gain <= 0.0 {
        return None;
    }
    let ms = lag as f64 / gain * 1_000.0;
    // Longer than a century is never.
    (ms < 3.2e12).then_some(ms.ceil() as i64)
}

/// How long ago the record at an offset was written, guessed from when the partition's end passed it. `None`: it was
/// there before the oldest point.
pub fn interpolated_lag_ms<'p>(
    points: impl Iterator<Item = &'p LagPoint>,
    next: i64,
    now_ms: i64,
) -> Option<i64> {
    let ends: Vec<(i64, i64)> = points
        .filter_map(|point| Some((point.at_ms, point.end?)))
        .collect();
    let after = ends.iter().position(|(_, end)| *end > next)?;
    let (at_after, end_after) = ends[after];
    let (at_before, end_before) = *ends.get(after.checked_sub(1)?)?;
    if end_before > next || end_after <= end_before {
        return None;
    }
    let share = (next - end_before) as f64 / (end_after - end_before) as f64;
    let written_ms = at_before + ((at_after - at_before) as f64 * share) as i64;
    Some((now_ms - written_ms).max(0))
}
