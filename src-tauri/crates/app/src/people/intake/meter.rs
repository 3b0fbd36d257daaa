//! What each source's requests came to, for Prometheus.

use std::collections::BTreeMap;

use tailrace_connectors::tracking::{Answered, RefusalCode};

/// Upper ends of the histogram of how long an answer took, in seconds.
pub const BUCKETS_S: [f64; 11] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// Since the server was started.
#[derive(Debug, Clone, Default)]
pub struct Meter {
    pub requests: u64,
    /// Durable and acknowledged; those that are no events are not among them.
    pub accepted: u64,
    /// Durable, and kept as malformed.
    pub malformed: u64,
    /// Requests that were refused, by their reason.
    pub refused: BTreeMap<RefusalCode, u64>,
    /// Answers that took at most so long, by [`BUCKETS_S`].
    pub within: [u64; BUCKETS_S.len()],
    pub took_s: f64,
}

impl Meter {
    pub(super) fn count(&mut self, answered: &Answered<'_>) {
        self.requests += 1;
        self.malformed += answered.malformed as u64;
        self.accepted += answered.events.saturating_sub(answered.malformed) as u64;
        if let Some(code) = answered.refused {
            *self.refused.entry(code).or_default() += 1;
        }
        let took = answered.took.as_secs_f64();
        self.took_s += took;
        for (end, within) in BUCKETS_S.iter().zip(&mut self.within) {
            *within += u64::from(took <= *end);
        }
    }
}
