//! What is persisted: taken since the last checkpoint, given back when it was not committed, read at opening.

use super::{
    IdentifierRow, Identity, IdentityChanges, ProfileIndex, ProfileRow, TraitRow,
    graph::{GONE, Known},
    id_of, index_of,
    profile::{Profile, Trait, TraitCell},
};
use crate::events::{columns::cell_of, json};
use tailrace_model::Error;

impl Identity {
    /// Everything that changed since it was last taken. Whoever takes it either persists it or gives it back with
    /// [`Self::give_back`].
    pub fn take_changes(&mut self) -> IdentityChanges {
        let mut touched = std::mem::take(&mut self.pending.profiles);
        touched.sort_unstable();
        let traits = std::mem::take(&mut self.pending.traits);
        let changes = IdentityChanges {
            identifiers: self.identifier_rows(self.pending.identifiers_from),
            profiles: touched
                .iter()
                .filter_map(|index| self.profile_row(*index))
                .collect(),
            traits: traits
                .into_iter()
                .filter_map(|(index, name)| {
                    let profile = self.profiles.get(index as usize)?;
                    profile
                        .traits
                        .iter()
                        .find(|one| one.name == name)
                        .map(|one| self.trait_row(index, one))
                })
                .collect(),
            merges: self
                .merges
                .get(self.pending.merges_from..)
                .unwrap_or_default()
                .to_vec(),
            undos: std::mem::take(&mut self.pending.undos)
                .into_iter()
                .filter_map(|sequence| self.undos.get(usize::try_from(sequence).ok()?).cloned())
                .collect(),
            suppressions: std::mem::take(&mut self.pending.suppressions)
                .into_iter()
                .filter_map(|key| self.suppressions.get(&key).cloned())
                .collect(),
            forgotten: super::Forgotten::default(),
            trait_columns: self
                .trait_columns
                .rows()
                .get(self.pending.trait_columns_from..)
                .unwrap_or_default()
                .to_vec(),
        };
        for index in touched {
            if let Some(profile) = self.profiles.get_mut(index as usize) {
                profile.touched = false;
            }
        }
        self.pending.identifiers_from = self.identifiers.len();
        self.pending.merges_from = self.merges.len();
        self.pending.trait_columns_from = self.trait_columns.len();
        changes
    }

    /// These were not persisted: they belong to the next changes that are taken.
    pub fn give_back(&mut self, changes: &IdentityChanges) {
        let pending = &mut self.pending;
        if let Some(first) = changes.identifiers.first() {
            let first = usize::try_from(first.sequence).unwrap_or(usize::MAX);
            pending.identifiers_from = pending.identifiers_from.min(first);
        }
        pending.merges_from -= changes.merges.len().min(pending.merges_from);
        pending.undos.extend(changes.undos.iter().map(|row| row.sequence));
        let suppressions = changes.suppressions.iter();
        pending
            .suppressions
            .extend(suppressions.map(|row| (row.kind.clone(), row.hash.clone())));
        pending.trait_columns_from -= changes.trait_columns.len().min(pending.trait_columns_from);
        for row in &changes.profiles {
            if let Some(index) = index_of(row.profile_id) {
                self.touch(index);
            }
        }
        for row in &changes.traits {
            let name = self.names.by_name.get(row.name.as_str()).copied();
            if let Some((profile, name)) = index_of(row.profile_id).zip(name) {
                self.pending.traits.insert((profile, name));
            }
        }
    }

    fn identifier_rows(&self, from: usize) -> Vec<IdentifierRow> {
        let new = self.identifiers.all().get(from..).unwrap_or_default();
        new.iter()
            .enumerate()
            .filter(|(_, known)| known.origin != GONE)
            .map(|(place, known)| self.identifier_row((from + place) as u64, known))
            .collect()
    }

    pub(super) fn identifier_row(&self, sequence: u64, known: &Known) -> IdentifierRow {
        IdentifierRow {
            sequence,
            kind: self.kind_name(known.kind).to_owned(),
            value: known.value.to_string(),
            profile_id: id_of(known.origin),
            first_seen_ms: known.first_seen_ms,
        }
    }

    fn profile_row(&self, index: ProfileIndex) -> Option<ProfileRow> {
        let profile = self.profiles.get(index as usize)?;
        Some(ProfileRow {
            profile_id: id_of(index),
            first_seen_ms: profile.first_seen_ms,
            last_seen_ms: profile.last_seen_ms,
            events: profile.events,
            merged_into: profile.merged_into.map(id_of),
            deleted: profile.deleted,
        })
    }

    pub(super) fn trait_row(&self, index: ProfileIndex, one: &Trait) -> TraitRow {
        TraitRow {
            profile_id: id_of(index),
            name: self.names.get(one.name).to_owned(),
            value: one.value.json(),
            updated_ms: one.updated_ms,
        }
    }

    pub(super) fn load_profiles(&mut self, mut rows: Vec<ProfileRow>) -> Result<(), Error> {
        rows.sort_unstable_by_key(|row| row.profile_id);
        for (place, row) in rows.iter().enumerate() {
            let index = ProfileIndex::try_from(place).ok();
            if index.map(id_of) != Some(row.profile_id) {
                return Err(Self::corrupt(&format!(
                    "profile {} stands where {} should",
                    row.profile_id,
                    place + 1
                )));
            }
            if let Some(into) = row.merged_into.filter(|into| *into >= row.profile_id) {
                return Err(Self::corrupt(&format!(
                    "profile {} is merged into {into}",
                    row.profile_id
                )));
            }
            self.profiles.push(Profile {
                deleted: row.deleted,
                first_seen_ms: row.first_seen_ms,
                last_seen_ms: row.last_seen_ms,
                events: row.events,
                ..Profile::default()
            });
        }
        Ok(())
    }

    pub(super) fn load_identifiers(&mut self, mut rows: Vec<IdentifierRow>) -> Result<(), Error> {
        rows.sort_unstable_by_key(|row| row.sequence);
        let somebody_gone = self.profiles.iter().any(|profile| profile.deleted);
        for (place, row) in rows.into_iter().enumerate() {
            let origin = index_of(row.profile_id).filter(|index| (*index as usize) < self.profiles.len());
            let (Some(origin), Some(kind)) = (origin, self.kind(&row.kind)) else {
                return Err(Self::corrupt(&format!(
                    "identifier {place} has no profile {}",
                    row.profile_id
                )));
            };
            while somebody_gone && (self.identifiers.len() as u64) < row.sequence {
                // It was deleted with its person; the gap is never filled.
                self.identifiers.push_gone();
            }
            if self.identifiers.find(kind, &row.value).is_some()
                || row.sequence != self.identifiers.len() as u64
            {
                return Err(Self::corrupt(&format!(
                    "identifier {} is not number {place}",
                    row.sequence
                )));
            }
            let known = Known {
                kind,
                value: row.value.into(),
                origin,
                first_seen_ms: row.first_seen_ms,
            };
            let index = self
                .identifiers
                .insert(known)
                .ok_or_else(|| Self::corrupt("too many identifiers"))?;
            if let Some(profile) = self.profiles.get_mut(origin as usize) {
                profile.identifiers.push(index);
            }
        }
        Ok(())
    }

    pub(super) fn load_traits(&mut self, rows: &[TraitRow]) -> Result<(), Error> {
        for row in rows {
            let Some(index) =
                index_of(row.profile_id).filter(|index| (*index as usize) < self.profiles.len())
            else {
                return Err(Self::corrupt(&format!(
                    "a trait has no profile {}",
                    row.profile_id
                )));
            };
            let token = json::value(&row.value)
                .map_err(|fault| Self::corrupt(&format!("trait {}: {}", row.name, fault.sentence())))?;
            let name = self.names.intern(&row.name, usize::MAX);
            let (Some(profile), Some(name)) = (self.profiles.get_mut(index as usize), name) else {
                continue;
            };
            profile.set_trait(name, TraitCell::of(&cell_of(token)), row.updated_ms, usize::MAX);
        }
        Ok(())
    }

    /// Nothing of what was read waits to be persisted.
    pub(super) fn loaded(&mut self) {
        self.pending.identifiers_from = self.identifiers.len();
        self.alive = self.profiles.iter().filter(|profile| profile.lives()).count();
        for index in std::mem::take(&mut self.pending.profiles) {
            if let Some(profile) = self.profiles.get_mut(index as usize) {
                profile.touched = false;
            }
        }
    }
}
