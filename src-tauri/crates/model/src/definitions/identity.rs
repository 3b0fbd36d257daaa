use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Span;

/// `[identity]` in `tailrace.toml`: how an event finds its profile. What is absent is as Segment publishes it: `user_id`
/// before `email` before all others, one `user_id` and five of every other kind a profile, blocked `-1`, `null`,
/// `anonymous` and whatever is nothing but zeros and dashes. A change holds for the events that come from then on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct IdentityDefinition {
    /// Kinds of identifiers, the most trusted first; all others follow alphabetically.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub priorities: Option<Vec<String>>,
    /// How many values a profile may have of a kind.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[ts(optional, as = "Option<BTreeMap<String, IdentityLimit>>")]
    pub limits: BTreeMap<String, IdentityLimit>,
    /// The same of every other kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub other_limit: Option<IdentityLimit>,
    /// Values that identify nobody, as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub blocked_values: Option<Vec<String>>,
    /// The same as regular expressions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub blocked_patterns: Option<Vec<String>>,
}

/// `{ count = 5, window = "30 days" }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct IdentityLimit {
    pub count: u32,
    /// Counted among those first seen in this span before an event; absent: ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub window: Option<Span>,
}

impl IdentityDefinition {
    /// Says nothing.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// `[[api_keys]]` in `tailrace.toml`: who may ask the profile API of `tailrace serve`, and for what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct ApiKeyDefinition {
    /// What to call it.
    pub name: String,
    /// `secret:NAME`: the key itself is never in a file.
    pub key: String,
    pub scopes: Vec<ApiScope>,
}

/// A part of what is known of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ApiScope {
    Traits,
    Events,
    Audiences,
    Identifiers,
}

impl ApiScope {
    pub const ALL: [Self; 4] = [Self::Traits, Self::Events, Self::Audiences, Self::Identifiers];

    /// As a definition writes it, and as it stands in the path.
    pub fn name(self) -> &'static str {
        match self {
            Self::Traits => "traits",
            Self::Events => "events",
            Self::Audiences => "audiences",
            Self::Identifiers => "identifiers",
        }
    }
}
