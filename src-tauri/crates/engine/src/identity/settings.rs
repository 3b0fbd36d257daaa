//! The rules of identity resolution, with Segment's published defaults.

use std::{cmp::Ordering, collections::BTreeMap};

use regex::RegexSet;
use tailrace_model::Error;

/// How many values of one kind a profile may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    pub count_max: usize,
    /// Counted among those first seen in this span before the event; absent: ever.
    pub window_ms: Option<i64>,
}

/// See the module's text; everything can be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentitySettings {
    /// Kinds of identifiers, the most trusted first; all others follow alphabetically.
    pub priorities: Vec<String>,
    pub limits: BTreeMap<String, Limit>,
    pub limit_default: Limit,
    /// Values that identify nobody, as they are.
    pub blocked_values: Vec<String>,
    /// The same as regular expressions.
    pub blocked_patterns: Vec<String>,
    /// A longer value identifies nobody.
    pub identifier_bytes_max: usize,
    /// Different kinds of identifiers; a kind beyond identifies nobody.
    pub identifier_kinds_max: usize,
    /// Traits that one profile keeps; further names stay in the event log alone.
    pub profile_traits_max: usize,
    /// Bytes of one trait's value that a profile keeps.
    pub trait_bytes_max: usize,
    /// Different names of traits over all profiles.
    pub trait_names_max: usize,
    /// Traits that have a column in `profiles`.
    pub trait_columns_max: usize,
}

impl Default for IdentitySettings {
    fn default() -> Self {
        Self {
            priorities: vec!["user_id".to_owned(), "email".to_owned()],
            limits: BTreeMap::from([(
                "user_id".to_owned(),
                Limit {
                    count_max: 1,
                    window_ms: None,
                },
            )]),
            limit_default: Limit {
                count_max: 5,
                window_ms: None,
            },
            blocked_values: ["-1", "null", "anonymous"].map(str::to_owned).to_vec(),
            blocked_patterns: vec!["^[0-]*$".to_owned()],
            identifier_bytes_max: 512,
            identifier_kinds_max: 64,
            profile_traits_max: 300,
            trait_bytes_max: 8 * 1024,
            trait_names_max: 10_000,
            trait_columns_max: 200,
        }
    }
}

impl IdentitySettings {
    pub fn limit(&self, kind: &str) -> Limit {
        self.limits.get(kind).copied().unwrap_or(self.limit_default)
    }

    /// The more trusted kind comes first.
    pub fn compare(&self, one: &str, other: &str) -> Ordering {
        let rank = |kind: &str| {
            self.priorities
                .iter()
                .position(|there| there == kind)
                .unwrap_or(self.priorities.len())
        };
        rank(one).cmp(&rank(other)).then_with(|| one.cmp(other))
    }

    pub(super) fn patterns(&self) -> Result<RegexSet, Error> {
        RegexSet::new(&self.blocked_patterns).map_err(|fault| {
            Error::user(
                "blocked_pattern",
                format!("a blocked pattern of identity is not a regular expression: {fault}"),
            )
        })
    }
}
