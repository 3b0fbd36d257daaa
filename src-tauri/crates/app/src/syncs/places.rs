//! Two syncs that write to one place would take each other's rows away: which they are, told by `check` and before a run.
//!
//! A place is a destination's target and what of it the sync owns. A destination that can't be opened, because a secret of
//! its settings is not known here, is told by its name alone, so that a check without secrets finds what it can.

use std::collections::BTreeMap;

use tailrace_connectors::destinations::{self, SyncContext};
use tailrace_model::{DestinationKind, Error, Result, SyncDefinition};

use super::connect;
use crate::{open::OpenWorkspace, workspace::Kind};

/// Where a sync writes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    /// Equal for two syncs that write over each other.
    id: String,
    /// For a person.
    shown: String,
}

/// What a connector is told of a sync.
pub(super) fn context(name: &str, definition: &SyncDefinition) -> SyncContext {
    SyncContext {
        sync: name.to_owned(),
        audience: definition.audience.clone(),
        key: definition.key.clone(),
        options: definition.options.clone(),
        run: uuid::Uuid::new_v4(),
    }
}

/// Every pair of syncs that write to one place, told at the later of their files.
pub fn problems(open: &OpenWorkspace) -> Vec<Error> {
    let places = places(open);
    let mut first: BTreeMap<&str, &str> = BTreeMap::new();
    let mut taken = Vec::new();
    for (name, place) in &places {
        match first.get(place.id.as_str()) {
            Some(other) => taken.push((name, *other, place)),
            None => {
                first.insert(&place.id, name);
            }
        }
    }
    let workspace = open.workspace();
    let problem = |(name, other, place): (&String, &str, &Place)| {
        let key = place_key(workspace.definitions.sync(name).ok());
        let sentence = sentence(name, other, &place.shown);
        workspace
            .definitions
            .problem_in(Kind::Sync, name, &key, "sync_place_taken", &sentence)
    };
    taken.into_iter().map(problem).collect()
}

/// Refuses a sync whose place is another's too, whichever of them was first.
pub(super) fn refuse_taken(open: &OpenWorkspace, name: &str) -> Result<()> {
    let places = places(open);
    let Some(own) = places.get(name) else {
        return Ok(());
    };
    let other = places
        .iter()
        .find(|(other, place)| other.as_str() != name && place.id == own.id);
    match other {
        Some((other, _)) => Err(Error::user(
            "sync_place_taken",
            format!("nothing was delivered: {}", sentence(name, other, &own.shown)),
        )),
        None => Ok(()),
    }
}

fn sentence(name: &str, other: &str, place: &str) -> String {
    format!(
        "syncs/{name}.toml and syncs/{other}.toml both write to {place}, and each would take away what the other wrote: \
         give one of them another place in [options], or remove its file"
    )
}

/// Where the place is written in the file: the option, or else what leads there.
fn place_key(sync: Option<&SyncDefinition>) -> Vec<&'static str> {
    let option = ["file", "table"]
        .into_iter()
        .find(|option| sync.is_some_and(|sync| sync.options.contains_key(*option)));
    match option {
        Some(option) => vec!["options", option],
        None => vec!["destination"],
    }
}

/// Where every sync writes, by name. One whose options or destination do not hold is told of elsewhere.
fn places(open: &OpenWorkspace) -> BTreeMap<String, Place> {
    let (syncs, kinds): (Vec<_>, BTreeMap<_, DestinationKind>) = {
        let workspace = open.workspace();
        let definitions = &workspace.definitions;
        let syncs = definitions
            .valid_syncs()
            .map(|(name, sync)| (name.to_owned(), sync.clone()));
        let kinds = definitions
            .valid_destinations()
            .map(|(name, it)| (name.to_owned(), it.kind));
        (syncs.collect(), kinds.collect())
    };
    // Opening one reads its secrets, so each is opened once, and only those that somebody writes to.
    let mut targets: BTreeMap<String, Option<String>> = BTreeMap::new();
    let mut places = BTreeMap::new();
    for (name, sync) in syncs {
        let Some(kind) = kinds.get(&sync.destination) else {
            continue;
        };
        let Ok(place) = destinations::place(*kind, &context(&name, &sync)) else {
            continue;
        };
        let target = targets
            .entry(sync.destination.clone())
            .or_insert_with(|| connect(open, &sync.destination).ok().map(|it| it.target()));
        places.insert(name, told(*kind, &sync.destination, target.as_deref(), &place));
    }
    places
}

fn told(kind: DestinationKind, destination: &str, target: Option<&str>, place: &str) -> Place {
    let shown = format!("{place} in the destination \"{destination}\"");
    let id = match target {
        Some(target) => format!("{kind:?} {target}/{place}"),
        None => format!("destinations/{destination}.toml {place}"),
    };
    Place { id, shown }
}
