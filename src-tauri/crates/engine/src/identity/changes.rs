//! What is persisted: taken since the last checkpoint, given back when it was not committed, read at opening.

use super::{
    IdentifierRow, Identity, IdentityChanges, ProfileIndex, ProfileRow, TraitRow,
    graph::Known,
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
        pending.identifiers_from -= changes.identifiers.len().min(pending.identifiers_from);
        pending.merges_from -= changes.merges.len().min(pending.merges_from);
        pending.trait_columns_from -= changes.trait_columns.len().min(pending.trait_columns_from);
        for row in &changes.profiles {
            if let Some(index) = index_of(row.profile_id) {
                self.touch(index);
            }
        }
        for row in &changes.traits {
            let name = self.names.by_name.get(row.name.as_str()).copied();
            if let Some((profile, name)) = index_of(row.profile_id).zip(name) {
                // It may have been merged since: the survivor has the trait then.
                let profile = self.surviving(profile);
                self.pending.traits.insert((profile, name));
            }
        }
    }

    fn identifier_rows(&self, from: usize) -> Vec<IdentifierRow> {
        let new = self.identifiers.all().get(from..).unwrap_or_default();
        new.iter()
            .enumerate()
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
            let merged_into = match row.merged_into {
                None => None,
                Some(into) if into < row.profile_id => index_of(into),
                Some(into) => {
                    return Err(Self::corrupt(&format!(
                        "profile {} is merged into {into}",
                        row.profile_id
                    )));
                }
            };
            self.alive += usize::from(merged_into.is_none());
            self.profiles.push(Profile {
                merged_into,
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
        for (place, row) in rows.into_iter().enumerate() {
            let origin = index_of(row.profile_id).filter(|index| (*index as usize) < self.profiles.len());
            let (Some(origin), Some(kind)) = (origin, self.kind(&row.kind)) else {
                return Err(Self::corrupt(&format!(
                    "identifier {place} has no profile {}",
                    row.profile_id
                )));
            };
            if self.identifiers.find(kind, &row.value).is_some() || row.sequence != place as u64 {
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
            let surviving = self.surviving(origin);
            if let Some(profile) = self.profiles.get_mut(surviving as usize) {
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
            if profile.merged_into.is_none() {
                profile.set_trait(name, TraitCell::of(&cell_of(token)), row.updated_ms, usize::MAX);
            }
        }
        Ok(())
    }
}
