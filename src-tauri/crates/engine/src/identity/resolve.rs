//! The algorithm itself.

use tailrace_model::Error;

use super::{
    Identity, MergeRow, ProfileIndex, TraitName,
    graph::{IdentifierIndex, KindIndex, Known},
    id_of,
    profile::{Profile, TraitCell},
};
use crate::events::{Event, EventIdentifier, EventKind, Malformed};

/// What an event meant for the graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    pub profile_id: i64,
    /// The profile that its most trusted identifier came to first: what it belongs to whatever is merged or undone.
    pub origin_id: i64,
    /// The profile is new.
    pub created: bool,
    /// Profiles that were merged into it.
    pub merged: Vec<MergeRow>,
    /// Identifiers that are new on it.
    pub added: Vec<EventIdentifier<'static>>,
    /// Identifiers of the event that tie nothing, because a limit would be exceeded.
    pub demoted: Vec<EventIdentifier<'static>>,
}

/// An identifier of the event at hand.
struct Candidate<'e> {
    kind: KindIndex,
    value: &'e str,
    known: Option<IdentifierIndex>,
    /// The profile that it was first added to.
    origin: Option<ProfileIndex>,
    /// The profile that it belongs to.
    profile: Option<ProfileIndex>,
}

impl Candidate<'_> {
    fn owned(&self, identity: &Identity) -> EventIdentifier<'static> {
        EventIdentifier {
            kind: identity.kind_name(self.kind).to_owned().into(),
            value: self.value.to_owned().into(),
        }
    }
}

impl Identity {
    /// Finds or makes the profile of an event and takes in what the event says about it. `now_ms` is the time that the
    /// windows of limits end at; `source` is kept with a merge. A [`Malformed`] event has no identifier that may be used.
    pub fn resolve(&mut self, source: &str, event: &Event<'_>, now_ms: i64) -> Result<Resolution, Malformed> {
        let mut candidates = self.candidates(event)?;
        let mut profiles = found(&candidates);
        let mut demoted = Vec::new();
        while candidates.len() > 1
            && (self.refuses(&profiles) || self.exceeds(&candidates, &profiles, now_ms))
        {
            if let Some(last) = candidates.pop() {
                demoted.push(last.owned(self));
            }
            profiles = found(&candidates);
        }
        let (index, created) = match profiles.first() {
            Some(oldest) => (*oldest, false),
            None => (self.create(event.timestamp_ms)?, true),
        };
        let merged = match profiles.get(1..) {
            Some(others) if !others.is_empty() => {
                self.merge(index, others, source, event, &candidates, now_ms)
            }
            _ => Vec::new(),
        };
        let origin = candidates.iter().find_map(|one| one.origin).unwrap_or(index);
        let added = self.add(origin, &candidates, now_ms)?;
        self.touch(origin);
        if let Some(profile) = self.profiles.get_mut(origin as usize) {
            profile.seen(event.timestamp_ms);
        }
        if event.kind == EventKind::Identify {
            self.take_traits(origin, event);
        }
        Ok(Resolution {
            profile_id: id_of(index),
            origin_id: id_of(origin),
            created,
            merged,
            added,
            demoted,
        })
    }

    /// The event's identifiers that may be used, the most trusted first.
    fn candidates<'e>(&mut self, event: &'e Event<'_>) -> Result<Vec<Candidate<'e>>, Malformed> {
        let mut candidates = Vec::with_capacity(event.identifiers.len());
        for identifier in &event.identifiers {
            let value = identifier.value.as_ref();
            let Some(kind) = self.kind(&identifier.kind) else {
                continue;
            };
            let known = self.identifiers.find(kind, value);
            // A value that is known was not blocked.
            if known.is_none() && self.blocks(value) {
                continue;
            }
            let origin = known
                .and_then(|index| self.identifiers.get(index))
                .map(|known| known.origin);
            let profile = origin.map(|origin| self.surviving(origin));
            candidates.push(Candidate {
                kind,
                value,
                known,
                origin,
                profile,
            });
        }
        if candidates.is_empty() {
            let shown: Vec<_> = event
                .identifiers
                .iter()
                .map(|one| format!("{}={}", one.kind, one.value))
                .collect();
            return Err(Malformed::new(format!(
                "no identifier that may be used: {} is blocked or too long",
                shown.join(", ")
            )));
        }
        if candidates.len() > 1 {
            candidates.sort_by(|one, other| {
                self.settings
                    .compare(self.kind_name(one.kind), self.kind_name(other.kind))
            });
        }
        Ok(candidates)
    }

    fn blocks(&self, value: &str) -> bool {
        value.len() > self.settings.identifier_bytes_max
            || self
                .settings
                .blocked_values
                .iter()
                .any(|blocked| blocked == value)
            || self.blocked.is_match(value)
    }

    /// Whether the profile that would come of it holds more values of some kind than the limit allows, and more than
    /// any of the profiles held before: what was beyond a limit already (the settings may have changed) is no reason.
    fn exceeds(&self, candidates: &[Candidate<'_>], profiles: &[ProfileIndex], now_ms: i64) -> bool {
        if profiles.len() == 1 && candidates.iter().all(|one| one.known.is_some()) {
            return false;
        }
        (0..self.kinds.len()).any(|place| {
            let (Some(kind), Ok(index)) = (self.kinds.get(place), KindIndex::try_from(place)) else {
                return false;
            };
            let from_ms = kind
                .limit
                .window_ms
                .map_or(i64::MIN, |window_ms| now_ms.saturating_sub(window_ms));
            let new = candidates
                .iter()
                .filter(|one| one.known.is_none() && one.kind == index)
                .count();
            let mut largest = 0;
            let mut together = new;
            for profile in profiles {
                let count = self.count(*profile, index, from_ms);
                largest = largest.max(count);
                together += count;
            }
            together > kind.limit.count_max && together > largest
        })
    }

    fn create(&mut self, timestamp_ms: i64) -> Result<ProfileIndex, Malformed> {
        let index = ProfileIndex::try_from(self.profiles.len())
            .map_err(|_| Malformed::new("there is no room for another profile (2^32 at most)"))?;
        self.profiles.push(Profile::new(timestamp_ms));
        self.alive += 1;
        Ok(index)
    }

    fn merge(
        &mut self,
        into: ProfileIndex,
        others: &[ProfileIndex],
        source: &str,
        event: &Event<'_>,
        candidates: &[Candidate<'_>],
        now_ms: i64,
    ) -> Vec<MergeRow> {
        let shown: Vec<_> = candidates
            .iter()
            .map(|one| format!("{}={}", self.kind_name(one.kind), one.value))
            .collect();
        let evidence = shown.join(", ");
        // The most trusted identifier of each is what ties it.
        let origin = |profile: ProfileIndex| {
            let own = candidates.iter().find(|one| one.profile == Some(profile));
            id_of(own.and_then(|one| one.origin).unwrap_or(profile))
        };
        let mut merged = Vec::with_capacity(others.len());
        for other in others {
            let row = MergeRow {
                sequence: self.merges.len() as u64,
                merged_profile_id: id_of(*other),
                surviving_profile_id: id_of(into),
                merged_origin_id: origin(*other),
                surviving_origin_id: origin(into),
                message_id: event.message_id.to_string(),
                source: source.to_owned(),
                evidence: evidence.clone(),
                merged_ms: now_ms,
                identifiers_before: self.identifiers.len() as u64,
            };
            self.merges.push(row.clone());
            merged.push(row);
            self.join(into, *other);
        }
        merged
    }

    fn add(
        &mut self,
        profile: ProfileIndex,
        candidates: &[Candidate<'_>],
        now_ms: i64,
    ) -> Result<Vec<EventIdentifier<'static>>, Malformed> {
        let mut added = Vec::new();
        for candidate in candidates.iter().filter(|one| one.known.is_none()) {
            let known = Known {
                kind: candidate.kind,
                value: candidate.value.into(),
                origin: profile,
                first_seen_ms: now_ms,
            };
            let index = self
                .identifiers
                .insert(known)
                .ok_or_else(|| Malformed::new("there is no room for another identifier (2^32 at most)"))?;
            if let Some(profile) = self.profiles.get_mut(profile as usize) {
                profile.identifiers.push(index);
            }
            added.push(candidate.owned(self));
        }
        Ok(added)
    }

    fn take_traits(&mut self, index: ProfileIndex, event: &Event<'_>) {
        for (name, cell) in &event.properties {
            let value = TraitCell::of(cell);
            let bytes = match &value {
                TraitCell::Text(text) | TraitCell::Json(text) => text.len(),
                _ => 0,
            };
            let taken = (bytes <= self.settings.trait_bytes_max)
                .then(|| self.names.intern(name, self.settings.trait_names_max))
                .flatten()
                .filter(|name| self.has_room(index, *name));
            let Some(name_index) = taken else {
                self.traits_dropped += 1;
                continue;
            };
            self.trait_columns.place(name, cell);
            let traits_max = self.settings.profile_traits_max;
            let Some(profile) = self.profiles.get_mut(index as usize) else {
                return;
            };
            if profile.set_trait(name_index, value, event.timestamp_ms, traits_max) {
                self.pending.traits.insert((index, name_index));
            }
        }
    }

    fn has_room(&self, index: ProfileIndex, name: TraitName) -> bool {
        let own = self
            .profiles
            .get(index as usize)
            .map_or(&[][..], |profile| &profile.traits);
        if own.iter().any(|there| there.name == name) {
            return true;
        }
        let traits = self.traits_of(self.surviving(index));
        traits.len() < self.settings.profile_traits_max || traits.iter().any(|there| there.name == name)
    }

    /// Rows that were persisted contradict one another.
    pub(super) fn corrupt(what: &str) -> Error {
        Error::internal(
            "identity_state",
            format!(
                "the stored profiles do not fit together ({what}): restore .tailrace from a copy, or remove it and collect again"
            ),
        )
    }
}

/// The profiles that the candidates belong to, the oldest first, each once.
fn found(candidates: &[Candidate<'_>]) -> Vec<ProfileIndex> {
    let mut profiles: Vec<_> = candidates.iter().filter_map(|one| one.profile).collect();
    profiles.sort_unstable();
    profiles.dedup();
    profiles
}
