//! Where a sync writes. Two syncs that write to one place would take each other's rows away: which they are, told by
//! `check` and before a run. What was acknowledged holds for the place that it was written to and the key that it was
//! written under, and a sync that has another one begins anew there.
//!
//! A place is a destination's target and what of it the sync owns. A destination that can't be opened, because a secret of
//! its settings is not known here, is told by its name alone, so that a check without secrets finds what it can.

use std::collections::BTreeMap;

use tailrace_connectors::destinations::{self, Destination, SyncContext, Wants};
use tailrace_model::{DestinationKind, Error, Result, SyncDefinition};

use super::connect;
use crate::{
    open::{Held, OpenWorkspace},
    store::{PlaceRow, RowsOf, Store},
    workspace::Kind,
};

/// Where a sync writes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    /// Equal for two syncs that write over each other.
    id: String,
    /// For a person.
    shown: String,
}

/// Where a run begins: whether what was acknowledged is of any use to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Start {
    pub place: PlaceRow,
    /// What was acknowledged there is gone, so that all of it is owed.
    pub gone: bool,
    /// Rows of a whole state at the same place that are replaced though they are not compared: their key is another one.
    pub replaced: u64,
    /// The state does not say so yet.
    pub unsaid: bool,
    /// What a person should know of it.
    pub note: Option<String>,
}

impl Start {
    pub async fn of(
        store: &Store,
        destination: &dyn Destination,
        kind: DestinationKind,
        sync: &SyncContext,
    ) -> Result<Self> {
        let stored = store.sync_place(&sync.sync).await?;
        let own = destination.place(sync)?;
        let place = PlaceRow {
            place: format!("{kind:?} {}/{own}", destination.identity()),
            shown: format!("{own} at {}", destination.target()),
            key: sync.key.clone(),
            delivered: stored.as_ref().is_some_and(|it| it.delivered),
        };
        let whole = destination.wants() == Wants::WholeState;
        let there = !whole || destination.is_there(sync).await?;
        let counted = |of: RowsOf| async move { store.acknowledged_count(&of).await };
        let before = counted(RowsOf::new(&sync.sync, stored.as_ref())).await?;
        let here = match &stored {
            Some(_) => counted(RowsOf::new(&sync.sync, Some(&place))).await?,
            None => before,
        };
        Ok(Self::compare(place, stored, (before, here), whole, there))
    }

    /// `before` and `here`: rows acknowledged where the sync wrote last, and where it writes now.
    fn compare(
        mut place: PlaceRow,
        stored: Option<PlaceRow>,
        (before, here): (u64, u64),
        whole: bool,
        there: bool,
    ) -> Self {
        let last = stored.as_ref().unwrap_or(&place);
        let (moved, rekeyed) = (last.place != place.place, last.key != place.key);
        let gone = !there && (here > 0 || (!moved && last.delivered));
        let counted = match before {
            1 => "1 row".to_owned(),
            _ => format!("{before} rows"),
        };
        let note = if moved && before > 0 {
            Some(format!(
                "what this sync wrote to {} stays behind there ({counted}), and nothing of it is deleted: from now on it \
                 delivers to {}",
                last.shown, place.shown
            ))
        } else if rekeyed && before > 0 && !whole {
            Some(format!(
                "what this sync wrote to {} under the key \"{}\" stays behind there ({counted}), and nothing of it is \
                 deleted: from now on it delivers under \"{}\"",
                place.shown, last.key, place.key
            ))
        } else if gone {
            Some(format!("{} was gone: all of it is delivered again", place.shown))
        } else {
            None
        };
        let replaced = match whole && rekeyed && !moved && there {
            true => before,
            false => 0,
        };
        let unsaid = moved || rekeyed || gone || stored.is_none();
        place.delivered &= !(moved || rekeyed || gone);
        Self {
            place,
            gone,
            replaced,
            unsaid,
            note,
        }
    }

    /// The rows that were acknowledged where the sync writes now.
    pub fn rows_of(&self, sync: &str) -> RowsOf {
        RowsOf::new(sync, Some(&self.place))
    }
}

/// Says that the whole state is there, were it without rows.
pub(super) async fn set_delivered(held: &Held, sync: &str, place: PlaceRow) -> Result<()> {
    if place.delivered {
        return Ok(());
    }
    let place = PlaceRow {
        delivered: true,
        ..place
    };
    held.store.set_sync_place(sync, &place, false).await
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

#[cfg(test)]
mod tests {
    use super::*;

    fn place(place: &str, key: &str, delivered: bool) -> PlaceRow {
        PlaceRow {
            place: place.to_owned(),
            shown: format!("{place} at crm"),
            key: key.to_owned(),
            delivered,
        }
    }

    #[test]
    fn what_was_acknowledged_holds_for_one_place_and_key() {
        let check = |stored: Option<PlaceRow>, rows, whole, there, unsaid, note: &str| {
            let start = Start::compare(place("a", "id", false), stored, rows, whole, there);
            assert_eq!(
                (start.unsaid, start.note.unwrap_or_default()),
                (unsaid, note.to_owned())
            );
            (start.gone, start.replaced)
        };
        let (same, moved) = (Some(place("a", "id", true)), Some(place("b", "id", true)));
        let rekeyed = Some(place("a", "email", true));
        assert_eq!(check(same.clone(), (3, 3), false, true, false, ""), (false, 0));
        // Written before places were kept.
        check(None, (3, 3), true, true, true, "");
        check(None, (0, 0), true, false, true, "");
        check(
            moved.clone(),
            (3, 0),
            false,
            true,
            true,
            "what this sync wrote to b at crm stays behind there (3 rows), and nothing of it is deleted: from now on it \
             delivers to a at crm",
        );
        // A place that it never wrote to is not one that is gone.
        assert_eq!(check(moved, (0, 0), true, false, true, ""), (false, 0));
        check(
            rekeyed.clone(),
            (1, 0),
            false,
            true,
            true,
            "what this sync wrote to a at crm under the key \"email\" stays behind there (1 row), and nothing of it is \
             deleted: from now on it delivers under \"id\"",
        );
        assert_eq!(check(rekeyed, (20, 0), true, true, true, ""), (false, 20));
        let gone = check(
            same,
            (0, 0),
            true,
            false,
            true,
            "a at crm was gone: all of it is delivered again",
        );
        assert_eq!(gone, (true, 0));
    }
}
