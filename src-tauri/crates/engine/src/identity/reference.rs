//! Identity resolution written as plainly as the rules read, and as slowly: lists, no index, no incremental state. Whom an
//! event, an identifier or a trait belongs to is found anew each time, by walking the ties that stand.

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
    /// What an undo parted is merged by the next event that ties it.
    ForgetsRefusals,
    /// What came after a merge stays with the survivor when it is undone.
    LeavesTheLaterBehind,
    /// An undo parts the two profiles that were merged, whatever tied others to them.
    PartsBySurvivor,
}

/// One profile as it was created, before all merges.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// Kind, value, first seen.
    pub identifiers: Vec<(String, String, i64)>,
    pub seen: Vec<i64>,
    pub messages: Vec<String>,
    /// In the order of arrival.
    pub said: Vec<(String, String, i64)>,
}

#[derive(Debug, Clone, Copy)]
struct Tie {
    one: usize,
    other: usize,
    stands: bool,
    refused: bool,
}

/// Origins that belong together.
#[derive(Debug, Clone, Default)]
pub struct Person {
    pub id: i64,
    pub identifiers: Vec<(String, String, i64)>,
    pub seen: Vec<i64>,
    pub messages: Vec<String>,
    pub traits: BTreeMap<String, (String, i64)>,
}

#[derive(Debug)]
pub struct Reference {
    pub settings: IdentitySettings,
    pub fault: Fault,
    origins: Vec<Origin>,
    ties: Vec<Tie>,
}

impl Reference {
    pub fn new(settings: IdentitySettings, fault: Fault) -> Self {
        Self {
            settings,
            fault,
            origins: Vec::new(),
            ties: Vec::new(),
        }
    }

    /// All merges that there were.
    pub fn merges(&self) -> usize {
        self.ties.len()
    }

    /// Takes a merge back; false: it is undone already.
    pub fn undo(&mut self, merge: usize) -> bool {
        let tie = &mut self.ties[merge];
        if !tie.stands {
            return false;
        }
        (tie.stands, tie.refused) = (false, true);
        true
    }

    /// Lets what an undo parted be merged again; false: nothing was refused.
    pub fn allow(&mut self, merge: usize) -> bool {
        std::mem::take(&mut self.ties[merge].refused)
    }

    /// Everybody, by the number of the profile.
    pub fn people(&self) -> Vec<Person> {
        let living: Vec<usize> = (0..self.origins.len())
            .filter(|at| self.group(*at)[0] == *at)
            .collect();
        living.into_iter().map(|at| self.person(at)).collect()
    }

    fn person(&self, at: usize) -> Person {
        let group = self.group(at);
        let id = if self.fault == Fault::KeepsTheNewest {
            group[group.len() - 1]
        } else {
            group[0]
        };
        let mut person = Person {
            id: id as i64 + 1,
            ..Person::default()
        };
        for origin in group.iter().map(|at| &self.origins[*at]) {
            person.identifiers.extend(origin.identifiers.clone());
            person.seen.extend(&origin.seen);
            person.messages.extend(origin.messages.clone());
            let mut own: BTreeMap<&String, (&String, i64)> = BTreeMap::new();
            for (name, value, at) in &origin.said {
                let late = self.fault == Fault::TakesTheLastTrait;
                if own.get(name).is_none_or(|there| there.1 <= *at) || late {
                    own.insert(name, (value, *at));
                }
            }
            for (name, (value, at)) in own {
                if person.traits.get(name).is_none_or(|there| there.1 < at) {
                    person.traits.insert(name.clone(), (value.clone(), at));
                }
            }
        }
        person
    }

    /// All that are tied to an origin, and itself, in order.
    fn group(&self, at: usize) -> Vec<usize> {
        let mut group = vec![at];
        let mut next = 0;
        while next < group.len() {
            for tie in self.ties.iter().filter(|tie| tie.stands) {
                for (one, other) in [(tie.one, tie.other), (tie.other, tie.one)] {
                    if one == group[next] && !group.contains(&other) {
                        group.push(other);
                    }
                }
            }
            next += 1;
        }
        group.sort_unstable();
        group
    }

    fn origin_of(&self, kind: &str, value: &str) -> Option<usize> {
        let has = |origin: &Origin| origin.identifiers.iter().any(|it| it.0 == kind && it.1 == value);
        self.origins.iter().position(has)
    }

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
        while usable.len() > 1 && (self.refused(&usable) || self.too_many(&usable, now_ms)) {
            usable.remove(if self.fault == Fault::DemotesTheFirst {
                0
            } else {
                usable.len() - 1
            });
            demoted += 1;
        }
        let known: Vec<usize> = usable
            .iter()
            .filter_map(|one| self.origin_of(&one.0, &one.1))
            .collect();
        let origin = known.first().copied().unwrap_or(self.origins.len());
        if known.is_empty() {
            self.origins.push(Origin::default());
        }
        self.tie(&known);
        let home = if self.fault == Fault::LeavesTheLaterBehind {
            self.group(origin)[0]
        } else {
            origin
        };
        for (kind, value) in &usable {
            if self.origin_of(kind, value).is_none() {
                self.origins[home]
                    .identifiers
                    .push((kind.clone(), value.clone(), now_ms));
            }
        }
        self.origins[home].seen.push(event.timestamp_ms);
        self.origins[home].messages.push(event.message_id.to_string());
        if event.kind == EventKind::Identify {
            for (name, cell) in &event.properties {
                let mut value = String::new();
                write_cell(cell, &mut value);
                self.origins[home]
                    .said
                    .push((name.to_string(), value, event.timestamp_ms));
            }
        }
        Some((self.person(origin).id, demoted))
    }

    /// Ties what the identifiers of an event came to first: the most trusted of each profile found.
    fn tie(&mut self, known: &[usize]) {
        let mut groups: Vec<(usize, usize)> = Vec::new();
        for at in known {
            let living = self.group(*at)[0];
            if !groups.iter().any(|group| group.0 == living) {
                groups.push((living, *at));
            }
        }
        groups.sort_unstable();
        let Some(((living, first), others)) = groups.split_first() else {
            return;
        };
        for (merged, other) in others {
            let by_survivor = self.fault == Fault::PartsBySurvivor;
            self.ties.push(Tie {
                one: if by_survivor { *living } else { *first },
                other: if by_survivor { *merged } else { *other },
                stands: true,
                refused: false,
            });
        }
    }

    fn refused(&self, usable: &[(String, String)]) -> bool {
        let owners = self.owners(usable);
        let both = |tie: &&Tie| {
            let (one, other) = (self.group(tie.one)[0], self.group(tie.other)[0]);
            tie.refused && one != other && owners.contains(&one) && owners.contains(&other)
        };
        self.fault != Fault::ForgetsRefusals && self.ties.iter().any(|tie| both(&tie))
    }

    fn blocked(&self, value: &str) -> bool {
        value.chars().all(|one| one == '0' || one == '-') || ["-1", "null", "anonymous"].contains(&value)
    }

    /// The first of each group that the identifiers belong to.
    fn owners(&self, usable: &[(String, String)]) -> Vec<usize> {
        let origins = usable.iter().filter_map(|one| self.origin_of(&one.0, &one.1));
        let mut owners: Vec<usize> = origins.map(|at| self.group(at)[0]).collect();
        owners.sort_unstable();
        owners.dedup();
        owners
    }

    fn too_many(&self, usable: &[(String, String)], now_ms: i64) -> bool {
        let owners = self.owners(usable);
        let of = |at: &usize| self.person(*at).identifiers;
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
            let largest = owners.iter().map(|at| count(&of(at), kind)).max().unwrap_or(0);
            let after = count(&together, kind);
            after > self.settings.limit(kind).count_max && after > largest
        })
    }
}
