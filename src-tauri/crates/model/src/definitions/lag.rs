use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Span;

/// `[lag]` in `tailrace.toml` and in `clusters/NAME.toml`. See `tailrace_engine::lag` for the rules that it sets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct LagSettings {
    /// Between two samples; 2 seconds when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub every: Option<Span>,
    /// What a group is judged by: its samples of so long; 2 minutes when absent. Longer than the time between two
    /// commits of the slowest consumer, several times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub window: Option<Span>,
    /// Samples without which nothing is judged; 3 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub samples_min: Option<u32>,
}

impl LagSettings {
    /// These, and where they say nothing the others.
    pub fn or(&self, others: &Self) -> Self {
        Self {
            every: self.every.or(others.every),
            window: self.window.or(others.window),
            samples_min: self.samples_min.or(others.samples_min),
        }
    }
}
