//! Profiles for a person: found by an identifier, and shown whole.

use std::cmp::Reverse;

use rustc_hash::FxHashMap;

use super::{IdentifierRow, Identity, MergeDetails, ProfileIndex, TraitRow, graph::GONE, id_of, index_of};

/// What a listing shows of a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileFacts {
    pub profile_id: i64,
    /// The latest of each.
    pub user_id: Option<String>,
    pub email: Option<String>,
    pub anonymous_id: Option<String>,
    pub first_seen_ms: i64,
    pub last_seen_ms: i64,
    pub events: u64,
}

/// A part of the profiles found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProfilePage {
    pub profiles: Vec<ProfileFacts>,
    /// All that were found, of which this is a page.
    pub total: u64,
}

/// All that identity knows of one profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileDetails {
    pub facts: ProfileFacts,
    /// The most trusted kind first, then the order of first sight.
    pub identifiers: Vec<IdentifierRow>,
    /// The latest of its identify events, by name.
    pub traits: Vec<TraitRow>,
    /// Newest first.
    pub merges: Vec<MergeDetails>,
}

impl Identity {
    /// Profiles with an identifier that begins with `text` (letters of ASCII in any case) or with this profile id;
    /// those that match wholly first, then the last seen. Empty text: all.
    pub fn search(&self, text: &str, offset: u64, limit: u32) -> ProfilePage {
        let mut found = if text.is_empty() {
            self.everyone()
        } else {
            self.matching(text)
        };
        let total = found.len();
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(total);
        let to = from.saturating_add(limit as usize).min(total);
        // The page alone has to be in order: sorting a million profiles for fifty rows is a waste.
        if to < total && to > 0 {
            found.select_nth_unstable(to - 1);
        }
        let head = found.get_mut(..to).unwrap_or_default();
        head.sort_unstable();
        let page = head.get(from..).unwrap_or_default();
        let profiles = page
            .iter()
            .filter_map(|(.., Reverse(index))| self.facts_of(*index))
            .collect();
        ProfilePage {
            profiles,
            total: total as u64,
        }
    }

    /// The profile of an identifier.
    pub fn find(&self, kind: &str, value: &str) -> Option<i64> {
        let kind = self.kinds.iter().position(|one| *one.name == *kind)?;
        let index = self.identifiers.find(u16::try_from(kind).ok()?, value)?;
        Some(id_of(self.surviving(self.identifiers.get(index)?.origin)))
    }

    /// The facts of this profile, or of the one that it was merged into.
    pub fn facts(&self, profile_id: i64) -> Option<ProfileFacts> {
        self.facts_of(self.surviving(index_of(profile_id)?))
    }

    /// The profile of this id, or the one that it was merged into, whole.
    pub fn profile(&self, profile_id: i64) -> Option<ProfileDetails> {
        let index = self.surviving(index_of(profile_id)?);
        if !self.profiles.get(index as usize)?.lives() {
            return None;
        }
        let mut places: Vec<_> = self.identifiers_of(index).map(|(place, _)| place).collect();
        places.sort_unstable();
        let row = |place| Some(self.identifier_row(u64::from(place), self.identifiers.get(place)?));
        let mut identifiers: Vec<_> = places.into_iter().filter_map(row).collect();
        identifiers.sort_by(|one, other| self.settings.compare(&one.kind, &other.kind));
        let mut traits: Vec<_> = self
            .traits_of(index)
            .into_iter()
            .map(|one| self.trait_row(index, one))
            .collect();
        traits.sort_by(|one, other| one.name.cmp(&other.name));
        let merges = self.merges_of(profile_id);
        Some(ProfileDetails {
            facts: self.facts_of(index)?,
            identifiers,
            traits,
            merges,
        })
    }

    fn everyone(&self) -> Vec<(bool, Reverse<i64>, Reverse<ProfileIndex>)> {
        let indexes = 0..ProfileIndex::try_from(self.profiles.len()).unwrap_or(ProfileIndex::MAX);
        indexes
            .zip(&self.profiles)
            .filter(|(_, profile)| profile.lives())
            .map(|(index, _)| (true, Reverse(self.seen(index).1), Reverse(index)))
            .collect()
    }

    fn matching(&self, text: &str) -> Vec<(bool, Reverse<i64>, Reverse<ProfileIndex>)> {
        let mut found: FxHashMap<ProfileIndex, bool> = FxHashMap::default();
        for known in self.identifiers.all().iter().filter(|known| known.origin != GONE) {
            let begins = known.value.as_bytes().get(..text.len());
            if begins.is_some_and(|begin| begin.eq_ignore_ascii_case(text.as_bytes())) {
                let whole = known.value.len() == text.len();
                *found.entry(self.surviving(known.origin)).or_default() |= whole;
            }
        }
        let by_id = text
            .parse()
            .ok()
            .and_then(index_of)
            .map(|index| self.surviving(index))
            .filter(|index| {
                self.profiles
                    .get(*index as usize)
                    .is_some_and(super::Profile::lives)
            });
        if let Some(index) = by_id {
            found.insert(index, true);
        }
        let last_seen = |index: ProfileIndex| self.seen(index).1;
        found
            .into_iter()
            .map(|(index, whole)| (!whole, Reverse(last_seen(index)), Reverse(index)))
            .collect()
    }

    pub(super) fn facts_of(&self, index: ProfileIndex) -> Option<ProfileFacts> {
        if !self.profiles.get(index as usize)?.lives() {
            return None;
        }
        let latest = |kind| self.latest(index, kind).map(str::to_owned);
        let (first_seen_ms, last_seen_ms, events) = self.seen(index);
        Some(ProfileFacts {
            profile_id: id_of(index),
            user_id: latest("user_id"),
            email: latest("email"),
            anonymous_id: latest("anonymous_id"),
            first_seen_ms,
            last_seen_ms,
            events,
        })
    }
}
