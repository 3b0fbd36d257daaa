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
    /// How long samples say something of now, and how long a member of which fewer than two commits were seen may stay
    /// silent while records wait; 10 minutes when absent. Longer than the slowest consumer takes between two commits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub window: Option<Span>,
    /// The last commits of a partition by which it is judged, whatever their age; 10 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub commits: Option<u32>,
    /// Commits that have to be seen before lag that does not fall is a warning; 3 when absent.
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
            commits: self.commits.or(others.commits),
            samples_min: self.samples_min.or(others.samples_min),
        }
    }
}

impl LagSettings {
    /// Says nothing.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
