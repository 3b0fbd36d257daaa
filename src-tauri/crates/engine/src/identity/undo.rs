//! A merge taken back. The two are apart again, each with what came by its own identifiers before the merge and since;
//! while the undo stands, nothing merges them again: an event that would is treated as one that exceeds a limit, and its
//! least trusted identifier ties nothing.

use tailrace_model::Error;

use super::{Identity, MergeRow, ProfileFacts, ProfileIndex, UndoRow, id_of, index_of};

/// One of the two that a merge tied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    /// As it is without the merge.
    pub facts: ProfileFacts,
    /// The profile that lives then, and those that were merged into it.
    pub profile_ids: Vec<i64>,
    /// Kind and value, the most trusted kind first.
    pub identifiers: Vec<(String, String)>,
}

/// Identifiers: kind and value.
type Pairs = Vec<(String, String)>;

/// A merge with all that is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeDetails {
    pub merge: MergeRow,
    pub undo: Option<UndoRow>,
    /// The profile that both belong to now, or belonged to when it was undone.
    pub profile_id: i64,
    /// The identifiers that the two had when they were merged: of the survivor, and of the other.
    pub before: (Pairs, Pairs),
}

/// What an undo makes of one profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    pub merge: MergeRow,
    /// The profile as it is now.
    pub together: ProfileFacts,
    /// Keeps the number of the profile.
    pub stays: Side,
    /// Has a number of its own again.
    pub leaves: Side,
}

impl Identity {
    /// What undoing a merge would do.
    pub fn split(&self, merge: u64) -> Result<Split, Error> {
        let row = self.merge_row(merge)?;
        if !self.stands(row) {
            return Err(Error::user(
                "merge_undone",
                format!(
                    "merge {merge} is undone already: `tailrace profile allow {merge}` lets the two be merged again"
                ),
            ));
        }
        let gone = || {
            Error::user(
                "merge_gone",
                format!("merge {merge} is of a person who was deleted"),
            )
        };
        let (one, other) = self.sides(row).ok_or_else(gone)?;
        let together = one.iter().chain(&other).min().copied().ok_or_else(gone)?;
        if self
            .profiles
            .get(together as usize)
            .is_none_or(|profile| profile.deleted)
        {
            return Err(gone());
        }
        let (stays, leaves) = if one.contains(&together) {
            (one, other)
        } else {
            (other, one)
        };
        let together = self.facts_of(together).ok_or_else(gone)?;
        Ok(Split {
            merge: row.clone(),
            together,
            stays: self.side(&stays).ok_or_else(gone)?,
            leaves: self.side(&leaves).ok_or_else(gone)?,
        })
    }

    /// Takes a merge back, and refuses it from now on.
    pub fn undo(&mut self, merge: u64, now_ms: i64) -> Result<Split, Error> {
        let split = self.split(merge)?;
        let indexes = |side: &Side| {
            side.profile_ids
                .iter()
                .filter_map(|id| index_of(*id))
                .collect::<Vec<_>>()
        };
        for side in [&split.stays, &split.leaves] {
            self.regroup(&indexes(side));
        }
        self.alive += 1;
        let row = UndoRow {
            sequence: self.undos.len() as u64,
            merge,
            merges_before: self.merges.len() as u64,
            profile_id: split.together.profile_id,
            undone_ms: now_ms,
            allowed_ms: None,
        };
        self.undone.insert(merge);
        self.pending.undos.insert(row.sequence);
        self.undos.push(row);
        self.find_refusals();
        Ok(split)
    }

    /// Takes the refusal of an undone merge back: the next event that ties the two merges them.
    pub fn allow(&mut self, merge: u64, now_ms: i64) -> Result<UndoRow, Error> {
        self.merge_row(merge)?;
        let Some(row) = self.undos.iter_mut().find(|row| row.merge == merge) else {
            return Err(Error::user(
                "merge_not_undone",
                format!("merge {merge} is not undone, so nothing is refused"),
            ));
        };
        if row.allowed_ms.is_some() {
            return Err(Error::user(
                "merge_allowed",
                format!("the two profiles of merge {merge} may be merged again already"),
            ));
        }
        row.allowed_ms = Some(now_ms);
        self.pending.undos.insert(row.sequence);
        let row = row.clone();
        self.find_refusals();
        Ok(row)
    }

    /// What a profile was made of, each as it was created, the one that lives first.
    pub fn origins(&self, profile_id: i64) -> Vec<Side> {
        let Some(living) = index_of(profile_id).map(|index| self.surviving(index)) else {
            return Vec::new();
        };
        let mut members: Vec<_> = self.group(living).collect();
        members.sort_unstable();
        members
            .into_iter()
            .filter_map(|member| self.side(&[member]))
            .collect()
    }

    /// The merges that a profile, or any profile merged into it, had part in, newest first.
    pub fn merges_of(&self, profile_id: i64) -> Vec<MergeDetails> {
        let Some(living) = index_of(profile_id).map(|index| self.surviving(index)) else {
            return Vec::new();
        };
        let of = |id: i64| index_of(id).is_some_and(|index| self.surviving(index) == living);
        let own = |merge: &&MergeRow| of(merge.merged_origin_id) || of(merge.surviving_origin_id);
        let merges = self.merges.iter().rev().filter(own);
        merges.map(|merge| self.merge_details(merge)).collect()
    }

    /// One merge, whole.
    pub fn merge_details_of(&self, merge: u64) -> Result<MergeDetails, Error> {
        self.merge_row(merge).map(|row| self.merge_details(row))
    }

    fn merge_details(&self, merge: &MergeRow) -> MergeDetails {
        let undo = self
            .undos
            .iter()
            .find(|undo| undo.merge == merge.sequence)
            .cloned();
        let profile_id = undo.as_ref().map_or_else(
            || self.canonical(merge.surviving_origin_id),
            |undo| undo.profile_id,
        );
        MergeDetails {
            before: self.before(merge),
            merge: merge.clone(),
            undo,
            profile_id,
        }
    }

    /// The identifiers of the two when they were merged, as far as they are not deleted.
    fn before(&self, merge: &MergeRow) -> (Pairs, Pairs) {
        let undone_before = |sequence: u64| {
            self.undos
                .iter()
                .any(|undo| undo.merge == sequence && undo.merges_before <= merge.sequence)
        };
        let stood = |other: &&MergeRow| other.sequence < merge.sequence && !undone_before(other.sequence);
        let earlier: Vec<_> = self.merges.iter().filter(stood).collect();
        let reach = |from: i64| {
            let mut group = vec![from];
            let mut at = 0;
            while let Some(id) = group.get(at).copied() {
                at += 1;
                for other in &earlier {
                    let tied = match id {
                        id if id == other.merged_origin_id => other.surviving_origin_id,
                        id if id == other.surviving_origin_id => other.merged_origin_id,
                        _ => continue,
                    };
                    if !group.contains(&tied) {
                        group.push(tied);
                    }
                }
            }
            let indexes = group.into_iter().filter_map(index_of);
            let known = indexes
                .filter_map(|index| self.profiles.get(index as usize))
                .flat_map(|profile| profile.identifiers.iter().copied())
                .filter(|index| u64::from(*index) < merge.identifiers_before);
            self.named(known.collect())
        };
        (reach(merge.surviving_origin_id), reach(merge.merged_origin_id))
    }

    /// Kinds and values, the most trusted kind first, then the order of first sight.
    fn named(&self, mut indexes: Vec<u32>) -> Vec<(String, String)> {
        indexes.sort_unstable();
        let named = |index| {
            let known = self.identifiers.get(index)?;
            Some((self.kind_name(known.kind).to_owned(), known.value.to_string()))
        };
        let mut found: Vec<_> = indexes.into_iter().filter_map(named).collect();
        found.sort_by(|one, other| self.settings.compare(&one.0, &other.0));
        found
    }

    fn merge_row(&self, merge: u64) -> Result<&MergeRow, Error> {
        let place = usize::try_from(merge).ok();
        place.and_then(|place| self.merges.get(place)).ok_or_else(|| {
            Error::user(
                "unknown_merge",
                format!("there is no merge {merge}: `tailrace profile merges ID` lists those of a profile"),
            )
        })
    }

    fn side(&self, members: &[ProfileIndex]) -> Option<Side> {
        let living = *members.iter().min()?;
        let own = || {
            members
                .iter()
                .filter_map(|index| self.profiles.get(*index as usize))
        };
        let indexes: Vec<u32> = own()
            .flat_map(|profile| profile.identifiers.iter().copied())
            .collect();
        let latest = |kind: &str| {
            let of_kind = indexes
                .iter()
                .copied()
                .filter_map(|index| Some((index, self.identifiers.get(index)?)));
            let of_kind = of_kind.filter(|(_, known)| self.kind_name(known.kind) == kind);
            of_kind
                .max_by_key(|(index, _)| *index)
                .map(|(_, known)| known.value.to_string())
        };
        Some(Side {
            facts: ProfileFacts {
                profile_id: id_of(living),
                user_id: latest("user_id"),
                email: latest("email"),
                anonymous_id: latest("anonymous_id"),
                first_seen_ms: own().map(|profile| profile.first_seen_ms).min()?,
                last_seen_ms: own().map(|profile| profile.last_seen_ms).max()?,
                events: own().map(|profile| profile.events).sum(),
            },
            profile_ids: members.iter().copied().map(id_of).collect(),
            identifiers: self.named(indexes),
        })
    }

    /// All undos, in their order.
    pub fn undos(&self) -> &[UndoRow] {
        &self.undos
    }

    /// Which pairs are refused by the undos that stand.
    pub(super) fn find_refusals(&mut self) {
        let pair = |undo: &UndoRow| {
            let merge = self.merges.get(usize::try_from(undo.merge).ok()?)?;
            Some((
                index_of(merge.surviving_origin_id)?,
                index_of(merge.merged_origin_id)?,
            ))
        };
        self.refusals = self
            .undos
            .iter()
            .filter(|undo| undo.allowed_ms.is_none())
            .filter_map(pair)
            .collect();
    }

    /// Whether an undo that stands refuses that these become one.
    pub(super) fn refuses(&self, profiles: &[ProfileIndex]) -> bool {
        profiles.len() > 1
            && self.refusals.iter().any(|(one, other)| {
                let (one, other) = (self.surviving(*one), self.surviving(*other));
                one != other && profiles.contains(&one) && profiles.contains(&other)
            })
    }
}
