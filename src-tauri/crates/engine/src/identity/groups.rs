//! Profiles that belong together: one that lives, and those that were merged into it.
//!
//! Invariants: the one that lives has the lowest id of its group; the merges that stand tie a group together without a
//! circle, so that taking one of them back parts it in exactly two.

use std::collections::{BTreeMap, BTreeSet};

use tailrace_model::Error;

use super::{
    Identity, MergeRow, ProfileIndex,
    graph::{IdentifierIndex, KindIndex, Known},
    id_of, index_of,
    profile::Trait,
};

impl Identity {
    /// The profile that lives and those that were merged into it, itself first.
    pub(super) fn group(&self, living: ProfileIndex) -> impl Iterator<Item = ProfileIndex> + '_ {
        let grouped = self
            .profiles
            .get(living as usize)
            .is_some_and(|profile| profile.grouped);
        let others = grouped
            .then(|| self.groups.get(&living))
            .flatten()
            .map_or(&[][..], Vec::as_slice);
        std::iter::once(living).chain(others.iter().copied())
    }

    /// All identifiers of a group.
    pub(super) fn identifiers_of(
        &self,
        living: ProfileIndex,
    ) -> impl Iterator<Item = (IdentifierIndex, &Known)> + '_ {
        self.group(living)
            .filter_map(|index| self.profiles.get(index as usize))
            .flat_map(|profile| profile.identifiers.iter().copied())
            .filter_map(|index| Some((index, self.identifiers.get(index)?)))
    }

    /// First seen, last seen and the number of events of a group.
    pub(super) fn seen(&self, living: ProfileIndex) -> (i64, i64, u64) {
        let group = self
            .group(living)
            .filter_map(|index| self.profiles.get(index as usize));
        let seen = |profile: &super::Profile| (profile.first_seen_ms, profile.last_seen_ms, profile.events);
        group
            .map(seen)
            .reduce(|one, other| (one.0.min(other.0), one.1.max(other.1), one.2 + other.2))
            .unwrap_or_default()
    }

    /// The traits of a group: of each name the latest; of two at the same time, said of two profiles before they were
    /// merged or by the identifiers of either after, the older profile's.
    pub(super) fn traits_of(&self, living: ProfileIndex) -> Vec<&Trait> {
        let mut group: Vec<_> = self.group(living).collect();
        if let [one] = group.as_slice() {
            return self
                .profiles
                .get(*one as usize)
                .map_or_else(Vec::new, |profile| profile.traits.iter().collect());
        }
        group.sort_unstable();
        let mut latest: BTreeMap<u32, &Trait> = BTreeMap::new();
        for index in group {
            let Some(profile) = self.profiles.get(index as usize) else {
                continue;
            };
            for one in &profile.traits {
                let there = latest.entry(one.name).or_insert(one);
                if there.updated_ms < one.updated_ms {
                    *there = one;
                }
            }
        }
        latest.into_values().collect()
    }

    pub(super) fn count(&self, living: ProfileIndex, kind: KindIndex, from_ms: i64) -> usize {
        self.identifiers_of(living)
            .filter(|(_, known)| known.kind == kind && known.first_seen_ms >= from_ms)
            .count()
    }

    /// Puts a group into another, whose living profile is older.
    pub(super) fn join(&mut self, into: ProfileIndex, other: ProfileIndex) {
        self.touch(other);
        self.touch(into);
        let mut moved = vec![other];
        moved.extend(self.groups.remove(&other).unwrap_or_default());
        self.groups.entry(into).or_default().append(&mut moved);
        if let Some(profile) = self.profiles.get_mut(other as usize) {
            profile.merged_into = Some(into);
            profile.grouped = false;
        }
        if let Some(profile) = self.profiles.get_mut(into as usize) {
            profile.grouped = true;
        }
        self.alive -= 1;
    }

    /// Makes a group of these, the oldest of which lives.
    pub(super) fn regroup(&mut self, members: &[ProfileIndex]) -> Option<ProfileIndex> {
        let living = *members.iter().min()?;
        for member in members {
            let old = self.groups.remove(member);
            drop(old);
            if let Some(profile) = self.profiles.get_mut(*member as usize) {
                profile.merged_into = (*member != living).then_some(living);
                profile.grouped = *member == living && members.len() > 1;
            }
        }
        if members.len() > 1 {
            let others = members.iter().copied().filter(|member| *member != living);
            self.groups.insert(living, others.collect());
        }
        for member in members {
            self.touch(*member);
        }
        Some(living)
    }

    /// Whether a merge stands: it was not taken back.
    pub(super) fn stands(&self, merge: &MergeRow) -> bool {
        !self.undone.contains(&merge.sequence)
    }

    /// What a group falls into without one of its merges: the side that holds the merge's survivor, and the other.
    pub(super) fn sides(&self, merge: &MergeRow) -> Option<(Vec<ProfileIndex>, Vec<ProfileIndex>)> {
        let living = self.surviving(index_of(merge.merged_origin_id)?);
        let members: BTreeSet<_> = self.group(living).collect();
        let mut ties: BTreeMap<ProfileIndex, Vec<ProfileIndex>> = BTreeMap::new();
        for other in &self.merges {
            let (Some(one), Some(two)) = (
                index_of(other.merged_origin_id),
                index_of(other.surviving_origin_id),
            ) else {
                continue;
            };
            if members.contains(&one) && other.sequence != merge.sequence && self.stands(other) {
                ties.entry(one).or_default().push(two);
                ties.entry(two).or_default().push(one);
            }
        }
        let start = index_of(merge.surviving_origin_id)?;
        let (mut reached, mut next) = (BTreeSet::from([start]), vec![start]);
        while let Some(at) = next.pop() {
            for tied in ties.get(&at).map_or(&[][..], Vec::as_slice) {
                if reached.insert(*tied) {
                    next.push(*tied);
                }
            }
        }
        let rest = members.difference(&reached).copied().collect();
        Some((reached.into_iter().collect(), rest))
    }

    /// Puts the profiles that were read together as the merges that stand say.
    pub(super) fn load_groups(&mut self) -> Result<(), Error> {
        for profile in &mut self.profiles {
            profile.merged_into = None;
        }
        self.alive = self.profiles.len();
        let ties: Vec<_> = self
            .merges
            .iter()
            .filter(|merge| self.stands(merge))
            .map(|merge| {
                (
                    merge.sequence,
                    index_of(merge.surviving_origin_id),
                    index_of(merge.merged_origin_id),
                )
            })
            .collect();
        for (sequence, one, other) in ties {
            let there = |index: &ProfileIndex| (*index as usize) < self.profiles.len();
            let (Some(one), Some(other)) = (one.filter(there), other.filter(there)) else {
                return Err(Self::corrupt(&format!(
                    "merge {sequence} is of a profile that is not there"
                )));
            };
            let (one, other) = (self.surviving(one), self.surviving(other));
            if one == other {
                return Err(Self::corrupt(&format!(
                    "merge {sequence} ties profile {} to itself",
                    id_of(one)
                )));
            }
            self.join(one.min(other), one.max(other));
        }
        Ok(())
    }
}
