//! Who an event is about: Segment's published algorithm over an identity graph in memory.
//!
//! An event's identifiers are looked up. None known creates a profile, one profile found takes the new ones, several
//! are merged into the oldest. Would the result hold more values of a kind than its limit allows, or would it tie what an
//! undo keeps apart, the event's least trusted identifier is demoted (it ties nothing, and stays on the event) and the
//! search repeats.
//!
//! Invariants: profile ids count from 1 without gaps and are never used twice; the surviving profile of a merge is the
//! one with the lowest id; an identifier belongs to exactly one profile; a merge moves nothing: identifiers, facts,
//! traits and events keep their origin (the profile of the most trusted identifier known on the event, as it was before
//! all merges), so that it can be undone exactly; everything since the last checkpoint can be taken as plain rows, and
//! rows that were not committed can be given back. The source of the rules: Segment's "Identity Resolution Onboarding".

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use regex::RegexSet;
use rustc_hash::{FxHashMap, FxHashSet};
use tailrace_model::Error;

use crate::events::columns::{Columns, Naming};

mod changes;
mod forget;
mod graph;
mod groups;
mod profile;
mod resolve;
pub mod rows;
mod search;
pub mod settings;
pub mod snapshot;
pub mod suppress;
mod undo;

#[cfg(test)]
mod histories;
#[cfg(test)]
mod reference;
#[cfg(test)]
pub(crate) mod tests;

pub use resolve::Resolution;
pub use rows::{
    Forgotten, IdentifierRow, IdentityChanges, IdentityRows, MergeRow, ProfileRow, SuppressionRow, TraitRow,
    UndoRow,
};
pub use search::{ProfileDetails, ProfileFacts, ProfilePage};
pub use settings::{IdentitySettings, Limit};
pub use snapshot::ProfilesSnapshot;
pub use undo::{MergeDetails, Side, Split};

use graph::{Identifiers, KindIndex, ProfileIndex};
use profile::{Profile, TraitName};

/// The columns of `profiles` that no trait can take, and the prefix of a trait that has such a name.
const NAMING: Naming = Naming {
    fixed: &[
        "profile_id",
        "user_id",
        "email",
        "anonymous_id",
        "first_seen",
        "last_seen",
        "events",
    ],
    prefix: "traits_",
};

/// A kind of identifier with its rules looked up.
#[derive(Debug, Clone)]
struct Kind {
    name: Arc<str>,
    limit: Limit,
}

/// Names of traits, each once.
#[derive(Debug, Clone, Default)]
struct Names {
    names: Vec<Arc<str>>,
    by_name: FxHashMap<Arc<str>, TraitName>,
}

impl Names {
    fn get(&self, name: TraitName) -> &str {
        self.names.get(name as usize).map_or("", |name| name)
    }

    fn intern(&mut self, name: &str, names_max: usize) -> Option<TraitName> {
        if let Some(known) = self.by_name.get(name) {
            return Some(*known);
        }
        if self.names.len() >= names_max {
            return None;
        }
        let index = u32::try_from(self.names.len()).ok()?;
        let name: Arc<str> = name.into();
        self.names.push(name.clone());
        self.by_name.insert(name, index);
        Some(index)
    }
}

/// What is not persisted yet. Append-only lists are persisted up to a count.
#[derive(Debug, Clone, Default)]
struct Pending {
    identifiers_from: usize,
    merges_from: usize,
    trait_columns_from: usize,
    profiles: Vec<ProfileIndex>,
    traits: BTreeSet<(ProfileIndex, TraitName)>,
    undos: BTreeSet<u64>,
    suppressions: BTreeSet<(String, String)>,
}

/// See the module's text.
#[derive(Debug)]
pub struct Identity {
    settings: IdentitySettings,
    blocked: RegexSet,
    kinds: Vec<Kind>,
    identifiers: Identifiers,
    profiles: Vec<Profile>,
    /// By the profile that lives, those that were merged into it.
    groups: FxHashMap<ProfileIndex, Vec<ProfileIndex>>,
    /// By their sequence, without gaps.
    merges: Vec<MergeRow>,
    undos: Vec<UndoRow>,
    /// Sequences of merges that do not stand.
    undone: FxHashSet<u64>,
    /// Origins that an undo keeps apart.
    refusals: Vec<(ProfileIndex, ProfileIndex)>,
    suppressions: BTreeMap<(String, String), SuppressionRow>,
    /// Suppressions that hold.
    suppressed: usize,
    names: Names,
    trait_columns: Columns,
    pending: Pending,
    snapshots: snapshot::Cache,
    /// Values of traits that were not kept, because a limit was reached.
    traits_dropped: u64,
    /// Profiles that were not merged into another one.
    alive: usize,
}

impl Identity {
    /// Nobody known.
    pub fn new(settings: IdentitySettings) -> Result<Self, Error> {
        Self::open(settings, IdentityRows::default())
    }

    /// Built again from what was persisted. An error means that the rows contradict one another.
    pub fn open(settings: IdentitySettings, rows: IdentityRows) -> Result<Self, Error> {
        let trait_columns = Columns::new(NAMING, settings.trait_columns_max, rows.trait_columns);
        let pending = Pending {
            merges_from: rows.merges.len(),
            trait_columns_from: trait_columns.len(),
            ..Pending::default()
        };
        let mut identity = Self {
            blocked: settings.patterns()?,
            settings,
            kinds: Vec::new(),
            identifiers: Identifiers::default(),
            profiles: Vec::with_capacity(rows.profiles.len()),
            groups: FxHashMap::default(),
            merges: rows.merges,
            undone: rows.undos.iter().map(|undo| undo.merge).collect(),
            undos: rows.undos,
            refusals: Vec::new(),
            suppressions: BTreeMap::new(),
            suppressed: 0,
            names: Names::default(),
            trait_columns,
            pending,
            snapshots: snapshot::Cache::default(),
            traits_dropped: 0,
            alive: 0,
        };
        identity.merges.sort_by_key(|merge| merge.sequence);
        identity.undos.sort_by_key(|undo| undo.sequence);
        identity.load_suppressions(rows.suppressions);
        identity.load_profiles(rows.profiles)?;
        identity.load_groups()?;
        identity.load_identifiers(rows.identifiers)?;
        identity.load_traits(&rows.traits)?;
        identity.find_refusals();
        identity.loaded();
        Ok(identity)
    }

    /// Other settings, for the events that come from now on.
    pub fn set_settings(&mut self, settings: IdentitySettings) -> Result<(), Error> {
        self.blocked = settings.patterns()?;
        for kind in &mut self.kinds {
            kind.limit = settings.limit(&kind.name);
        }
        self.settings = settings;
        Ok(())
    }

    pub fn settings(&self) -> &IdentitySettings {
        &self.settings
    }

    /// The profile that a profile belongs to now: itself, or the one that it was merged into.
    pub fn canonical(&self, profile_id: i64) -> i64 {
        index_of(profile_id).map_or(profile_id, |index| id_of(self.surviving(index)))
    }

    /// Counts events of an origin that were replaced, or taken back.
    pub fn count_events(&mut self, origin_id: i64, more: i64) {
        let Some(index) = index_of(origin_id) else {
            return;
        };
        if let Some(profile) = self.profiles.get_mut(index as usize) {
            profile.events = profile.events.saturating_add_signed(more);
            self.touch(index);
        }
    }

    /// All merges, oldest first.
    pub fn merges(&self) -> &[MergeRow] {
        &self.merges
    }

    /// Profiles that exist, merged ones not counted.
    pub fn len(&self) -> usize {
        self.alive
    }

    pub fn is_empty(&self) -> bool {
        self.alive == 0
    }

    /// Values of traits that no profile keeps, because a limit was reached, since the opening.
    pub fn traits_dropped(&self) -> u64 {
        self.traits_dropped
    }

    fn surviving(&self, mut index: ProfileIndex) -> ProfileIndex {
        // Merges go to ever lower ids, so this ends.
        while let Some(into) = self
            .profiles
            .get(index as usize)
            .and_then(|profile| profile.merged_into)
        {
            index = into;
        }
        index
    }

    fn kind(&mut self, name: &str) -> Option<KindIndex> {
        if let Some(found) = self.kinds.iter().position(|kind| *kind.name == *name) {
            return KindIndex::try_from(found).ok();
        }
        if self.kinds.len() >= self.settings.identifier_kinds_max {
            return None;
        }
        let index = KindIndex::try_from(self.kinds.len()).ok()?;
        self.kinds.push(Kind {
            name: name.into(),
            limit: self.settings.limit(name),
        });
        Some(index)
    }

    fn kind_name(&self, kind: KindIndex) -> &str {
        self.kinds.get(usize::from(kind)).map_or("", |kind| &kind.name)
    }

    /// Marks a profile as changed since the last checkpoint.
    fn touch(&mut self, index: ProfileIndex) {
        if let Some(profile) = self.profiles.get_mut(index as usize)
            && !profile.touched
        {
            profile.touched = true;
            self.pending.profiles.push(index);
        }
        let living = self.surviving(index);
        self.snapshots.touch(index);
        self.snapshots.touch(living);
    }
}

fn id_of(index: ProfileIndex) -> i64 {
    i64::from(index) + 1
}

fn index_of(profile_id: i64) -> Option<ProfileIndex> {
    profile_id
        .checked_sub(1)
        .and_then(|index| ProfileIndex::try_from(index).ok())
}
