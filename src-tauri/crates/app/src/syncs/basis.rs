//! Whether anything can have changed since a sync was found to owe nothing, told without reading a row.

use tailrace_engine::audiences::Membership;
use tailrace_model::{DestinationDefinition, Result, SyncDefinition, api::SyncDifference};

use crate::open::{Held, OpenWorkspace};

/// All that a difference stands on beside the rows acknowledged, which only a run of the sync changes. Equal: the
/// difference is the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Basis {
    sync: SyncDefinition,
    destination: DestinationDefinition,
    /// With the secrets as they are now.
    identity: String,
    /// Compared by address first, which stays while nobody enters or exits.
    membership: Membership,
    checkpoint_ms: Option<i64>,
    /// Of each snapshot of a warehouse's table: what, and when it was read.
    tables: Vec<(String, String, i64)>,
}

/// A sync that owes nothing.
#[derive(Debug, Clone)]
pub struct InStep {
    pub basis: Basis,
    pub difference: SyncDifference,
}

impl Basis {
    /// Absent: it can't be told, because the audience was not evaluated or a trait's value moves with the time.
    pub fn of(
        open: &OpenWorkspace,
        held: &Held,
        sync: &SyncDefinition,
        identity: String,
    ) -> Result<Option<Self>> {
        let Some(audience) = held
            .people
            .audience(&sync.audience)
            .filter(|it| it.error.is_none())
        else {
            return Ok(None);
        };
        let workspace = open.workspace();
        let definitions = &workspace.definitions;
        if sync
            .mapping
            .values()
            .any(|value| definitions.trait_(value).is_ok())
        {
            return Ok(None);
        }
        let states = held.people.warehouses.states().into_iter();
        Ok(Some(Self {
            sync: sync.clone(),
            destination: definitions.destination(&sync.destination)?.clone(),
            identity,
            membership: audience.membership,
            checkpoint_ms: held.people.log.snapshot().checkpoint_ms(),
            tables: states.map(|it| (it.warehouse, it.table, it.read_ms)).collect(),
        }))
    }
}
