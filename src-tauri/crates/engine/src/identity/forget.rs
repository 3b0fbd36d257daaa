//! A person deleted: everything that identity knows of one, and of all that were merged into it. What stays are numbers
//! that are not used again.

use tailrace_model::Error;

use super::{
    IdentifierRow, Identity, ProfileIndex, graph::IdentifierIndex, id_of, index_of, profile::Profile,
    rows::Forgotten,
};

impl Identity {
    /// What deleting a profile would remove; absent: nobody is there.
    pub fn forgettable(&self, profile_id: i64) -> Option<(Forgotten, Vec<IdentifierRow>)> {
        let living = self.surviving(index_of(profile_id)?);
        if !self.profiles.get(living as usize)?.lives() {
            return None;
        }
        let members: Vec<ProfileIndex> = self.group(living).collect();
        let identifiers: Vec<IdentifierRow> = self
            .identifiers_of(living)
            .map(|(index, known)| self.identifier_row(u64::from(index), known))
            .collect();
        let own = |id: i64| index_of(id).is_some_and(|index| members.contains(&index));
        let merges = self
            .merges
            .iter()
            .filter(|merge| own(merge.merged_origin_id) || own(merge.surviving_origin_id))
            .map(|merge| merge.sequence);
        let mut profile_ids: Vec<i64> = members.iter().copied().map(id_of).collect();
        profile_ids.sort_unstable();
        let forgotten = Forgotten {
            profile_ids,
            identifiers: identifiers.iter().map(|row| row.sequence).collect(),
            merges: merges.collect(),
        };
        Some((forgotten, identifiers))
    }

    /// Deletes a person. Nothing may wait for a checkpoint: what is not persisted yet could not be removed there.
    pub fn forget(&mut self, profile_id: i64) -> Result<Forgotten, Error> {
        let Some((forgotten, _)) = self.forgettable(profile_id) else {
            return Err(Error::user(
                "unknown_profile",
                format!("there is no profile {profile_id}"),
            ));
        };
        for sequence in &forgotten.identifiers {
            if let Ok(index) = IdentifierIndex::try_from(*sequence) {
                self.identifiers.remove(index);
            }
        }
        for sequence in &forgotten.merges {
            let place = usize::try_from(*sequence).ok();
            if let Some(merge) = place.and_then(|place| self.merges.get_mut(place)) {
                merge.message_id.clear();
                merge.evidence.clear();
            }
        }
        for index in forgotten.profile_ids.iter().filter_map(|id| index_of(*id)) {
            self.touch(index);
            self.groups.remove(&index);
            if let Some(profile) = self.profiles.get_mut(index as usize) {
                *profile = Profile {
                    merged_into: profile.merged_into,
                    deleted: true,
                    touched: profile.touched,
                    ..Profile::default()
                };
            }
        }
        self.alive -= 1;
        Ok(forgotten)
    }
}
