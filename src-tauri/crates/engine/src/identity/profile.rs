//! One profile in memory: its own identifiers, facts and the latest traits of its own identify events. A merge moves none
//! of them: a profile that lives is read together with those that were merged into it.

use crate::events::{Cell, columns::write_cell};

use super::graph::{IdentifierIndex, ProfileIndex};

/// A name's place in the list of trait names.
pub type TraitName = u32;

#[derive(Debug, Clone, PartialEq)]
pub enum TraitCell {
    Bool(bool),
    Number(f64),
    Text(Box<str>),
    /// Null, nested, or a number that a 64-bit float does not hold.
    Json(Box<str>),
}

impl TraitCell {
    pub fn of(cell: &Cell<'_>) -> Self {
        match cell {
            Cell::Bool(value) => Self::Bool(*value),
            Cell::Number(value) => Self::Number(*value),
            Cell::Text(text) => Self::Text(text.as_ref().into()),
            Cell::Json(text) => Self::Json(text.as_ref().into()),
        }
    }

    pub fn cell(&self) -> Cell<'_> {
        match self {
            Self::Bool(value) => Cell::Bool(*value),
            Self::Number(value) => Cell::Number(*value),
            Self::Text(text) => Cell::Text(text.as_ref().into()),
            Self::Json(text) => Cell::Json(text.as_ref().into()),
        }
    }

    pub fn json(&self) -> String {
        let mut out = String::new();
        write_cell(&self.cell(), &mut out);
        out
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Trait {
    pub name: TraitName,
    pub value: TraitCell,
    /// The time of the event that said so.
    pub updated_ms: i64,
}

#[derive(Debug, Clone, Default)]
pub struct Profile {
    /// The profile that it was merged into, or one on the way there.
    pub merged_into: Option<ProfileIndex>,
    pub first_seen_ms: i64,
    pub last_seen_ms: i64,
    pub events: u64,
    /// Those that were first added to it.
    pub identifiers: Vec<IdentifierIndex>,
    pub traits: Vec<Trait>,
    /// Others were merged into it.
    pub grouped: bool,
    pub deleted: bool,
    /// Whether it is among the changes since the last checkpoint.
    pub touched: bool,
}

impl Profile {
    pub fn new(timestamp_ms: i64) -> Self {
        Self {
            first_seen_ms: timestamp_ms,
            last_seen_ms: timestamp_ms,
            ..Self::default()
        }
    }

    /// One more event, at its own time.
    pub fn seen(&mut self, timestamp_ms: i64) {
        self.first_seen_ms = self.first_seen_ms.min(timestamp_ms);
        self.last_seen_ms = self.last_seen_ms.max(timestamp_ms);
        self.events += 1;
    }

    /// Takes a trait unless a later event said otherwise; of two at the same time the one that arrives last counts.
    /// Returns whether it was taken and is news.
    pub fn set_trait(
        &mut self,
        name: TraitName,
        value: TraitCell,
        updated_ms: i64,
        traits_max: usize,
    ) -> bool {
        let room = self.traits.len() < traits_max;
        match self.traits.iter_mut().find(|there| there.name == name) {
            Some(there) if there.updated_ms > updated_ms => false,
            Some(there) => {
                let news = there.value != value || there.updated_ms != updated_ms;
                (there.value, there.updated_ms) = (value, updated_ms);
                news
            }
            None if room => {
                self.traits.push(Trait {
                    name,
                    value,
                    updated_ms,
                });
                true
            }
            None => false,
        }
    }

    pub fn lives(&self) -> bool {
        self.merged_into.is_none() && !self.deleted
    }
}
