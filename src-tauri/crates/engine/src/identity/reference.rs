//! Identity resolution written as plainly as the rules read, and as slowly: lists, no index, no incremental state.

use std::collections::BTreeMap;

use super::IdentitySettings;
use crate::events::{Event, EventKind, columns::write_cell};

/// Mistakes that the comparison has to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    /// Limits count every identifier, whatever the window.
    IgnoresTheWindow,
    /// The newest profile survives a merge.
    KeepsTheNewest,
    /// The most trusted identifier is demoted.
    DemotesTheFirst,
    /// Of traits the one that arrives last counts, whatever its time.
    TakesTheLastTrait,
}

#[derive(Debug, Clone, Default)]
pub struct Person {
    pub id: i64,
    pub merged: bool,
    /// Kind, value, first seen.
    pub identifiers: Vec<(String, String, i64)>,
    pub seen: Vec<i64>,
    pub traits: BTreeMap<String, (String, i64)>,
}

#[derive(Debug)]
pub struct Reference {
    pub settings: IdentitySettings,
    pub people: Vec<Person>,
    pub fault: Fault,
}

impl Reference {
    /// The profile of the event and how many identifiers were demoted.
    pub fn resolve(&mut self, event: &Event<'_>, now_ms: i64) -> Option<(i64, usize)> {
        let mut usable: Vec<(String, String)> = event
            .identifiers
            .iter()
            .map(|one| (one.kind.to_string(), one.value.to_string()))
            .filter(|(_, value)| !self.blocked(value))
            .collect();
        usable.sort_by(|one, other| self.settings.compare(&one.0, &other.0));
        if usable.is_empty() {
            return None;
        }
        let mut demoted = 0;
        while usable.len() > 1 && self.too_many(&usable, now_ms) {
            usable.remove(if self.fault == Fault::DemotesTheFirst {
                0
            } else {
                usable.len() - 1
            });
            demoted += 1;
        }
        let mut ids = self.owners(&usable);
        if ids.is_empty() {
            let id = self.people.len() as i64 + 1;
            self.people.push(Person {
                id,
                ..Person::default()
            });
            ids.push(id);
        }
        if self.fault == Fault::KeepsTheNewest {
            ids.reverse();
        }
        let mut survivor = self.people[ids[0] as usize - 1].clone();
        for id in &ids[1..] {
            let other = &mut self.people[*id as usize - 1];
            other.merged = true;
            survivor.identifiers.append(&mut other.identifiers);
            survivor.seen.append(&mut other.seen);
            for (name, (value, updated)) in std::mem::take(&mut other.traits) {
                if survivor.traits.get(&name).is_none_or(|there| there.1 < updated) {
                    survivor.traits.insert(name, (value, updated));
                }
            }
        }
        for (kind, value) in &usable {
            if !survivor
                .identifiers
                .iter()
                .any(|there| there.0 == *kind && there.1 == *value)
            {
                survivor.identifiers.push((kind.clone(), value.clone(), now_ms));
            }
        }
        survivor.seen.push(event.timestamp_ms);
        if event.kind == EventKind::Identify {
            for (name, cell) in &event.properties {
                let mut value = String::new();
                write_cell(cell, &mut value);
                let newer = survivor
                    .traits
                    .get(name.as_ref())
                    .is_none_or(|there| there.1 <= event.timestamp_ms);
                if newer || self.fault == Fault::TakesTheLastTrait {
                    survivor
                        .traits
                        .insert(name.to_string(), (value, event.timestamp_ms));
                }
            }
        }
        let place = ids[0] as usize - 1;
        self.people[place] = survivor;
        Some((ids[0], demoted))
    }

    fn blocked(&self, value: &str) -> bool {
        value.chars().all(|one| one == '0' || one == '-') || ["-1", "null", "anonymous"].contains(&value)
    }

    fn owners(&self, usable: &[(String, String)]) -> Vec<i64> {
        let has = |person: &&Person| {
            person
                .identifiers
                .iter()
                .any(|there| usable.iter().any(|one| one.0 == there.0 && one.1 == there.1))
        };
        self.people.iter().filter(has).map(|person| person.id).collect()
    }

    fn too_many(&self, usable: &[(String, String)], now_ms: i64) -> bool {
        let owners = self.owners(usable);
        let of = |id: &i64| self.people[*id as usize - 1].identifiers.clone();
        let mut together: Vec<(String, String, i64)> = owners.iter().flat_map(of).collect();
        for (kind, value) in usable {
            if !together.iter().any(|there| there.0 == *kind && there.1 == *value) {
                together.push((kind.clone(), value.clone(), now_ms));
            }
        }
        let count = |list: &[(String, String, i64)], kind: &str| {
            let window = self
                .settings
                .limit(kind)
                .window_ms
                .filter(|_| self.fault != Fault::IgnoresTheWindow);
            let from = window.map_or(i64::MIN, |window| now_ms - window);
            list.iter().filter(|one| one.0 == kind && one.2 >= from).count()
        };
        together.iter().any(|(kind, ..)| {
            let largest = owners.iter().map(|id| count(&of(id), kind)).max().unwrap_or(0);
            let after = count(&together, kind);
            after > self.settings.limit(kind).count_max && after > largest
        })
    }
}
