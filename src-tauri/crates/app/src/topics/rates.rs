//! Rates: how fast ends and commits move between samples.
//!
//! Invariants: a rate needs two samples at least [`SPAN_MS_MIN`] apart; an offset that went back (a topic made anew, a
//! group reset) begins anew.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// How far back samples count.
const SPAN_MS_MAX: i64 = 60_000;
/// Less is noise.
const SPAN_MS_MIN: i64 = 900;
/// Samples kept of one topic.
const SAMPLES_MAX: usize = 64;

/// Offsets at times, oldest first.
#[derive(Debug)]
pub struct History<K> {
    samples: VecDeque<(i64, HashMap<K, i64>)>,
}

impl<K> Default for History<K> {
    fn default() -> Self {
        Self {
            samples: VecDeque::new(),
        }
    }
}

impl<K: Hash + Eq> History<K> {
    pub fn add(&mut self, at_ms: i64, offsets: HashMap<K, i64>) {
        if let Some((last_ms, last)) = self.samples.back() {
            let went_back = offsets
                .iter()
                .any(|(key, offset)| last.get(key).is_some_and(|last| last > offset));
            if went_back || at_ms < *last_ms {
                self.samples.clear();
            } else if at_ms - last_ms < SPAN_MS_MIN {
                return;
            }
        }
        self.samples.push_back((at_ms, offsets));
        while self.samples.len() > SAMPLES_MAX
            || self
                .samples
                .front()
                .is_some_and(|(first_ms, _)| at_ms - first_ms > SPAN_MS_MAX && self.samples.len() > 2)
        {
            self.samples.pop_front();
        }
    }

    /// A second, of each that is in the first sample and in the last.
    pub fn rates(&self) -> HashMap<&K, f64> {
        let (Some((from_ms, from)), Some((to_ms, to))) = (self.samples.front(), self.samples.back()) else {
            return HashMap::new();
        };
        let span_ms = to_ms - from_ms;
        if span_ms < SPAN_MS_MIN {
            return HashMap::new();
        }
        to.iter()
            .filter_map(|(key, offset)| {
                let moved = offset - from.get(key)?;
                Some((key, moved as f64 * 1_000.0 / span_ms as f64))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampled(samples: &[(i64, i64)]) -> Option<f64> {
        let mut history = History::default();
        for (at_ms, offset) in samples {
            history.add(*at_ms, HashMap::from([("a", *offset)]));
        }
        history.rates().get(&"a").copied()
    }

    #[test]
    fn rates_between_samples() {
        let check = |samples: &[(i64, i64)], expected: Option<f64>| {
            assert_eq!(sampled(samples), expected, "{samples:?}");
        };
        check(&[], None);
        check(&[(0, 5)], None);
        check(&[(0, 0), (2_000, 10)], Some(5.0));
        check(&[(0, 0), (2_000, 0)], Some(0.0));
        // Asked twice at once: the second adds nothing.
        check(&[(0, 0), (10, 10)], None);
        // What is older than a minute does not count.
        check(&[(0, 0), (40_000, 0), (80_000, 40_000)], Some(1_000.0));
        // Whoever comes back after an hour sees what happened since.
        check(&[(0, 0), (3_600_000, 3_600)], Some(1.0));
        // Made anew.
        check(&[(0, 100), (2_000, 3)], None);
        check(&[(0, 100), (2_000, 3), (4_000, 5)], Some(1.0));
    }
}
