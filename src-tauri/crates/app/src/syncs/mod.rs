//! Syncs: one audience to one destination. A run delivers the difference between the audience now and what the
//! destination last acknowledged; never to what was last computed.
//!
//! Invariants: an audience that was not evaluated delivers nothing and removes nothing; only rows that this sync wrote
//! are removed; a refused row stays owed; what became of a row is recorded before the next batch is sent.

mod difference;
mod record;
mod schedule;

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use difference::Difference;
use record::StoreRecorder;
pub use schedule::start_schedule;
use tailrace_connectors::{
    delivery::{self, Changes, Delivered, Run, SystemClock},
    destinations::{self, Destination, SyncContext, Wants},
};
use tailrace_model::{
    DestinationDefinition, Error, Result,
    api::{RunState, SyncOutcome, SyncRun, Topic},
};
use tokio_util::sync::CancellationToken;

use crate::{
    core::now_ms,
    open::{Held, OpenWorkspace},
    store::RunRow,
};

/// What is known of syncs beside their runs.
#[derive(Debug, Default)]
pub struct Syncs {
    /// One run at a time for each sync.
    running: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>,
    /// Keys that were refused last time; they go last, so that they never hold up others.
    refused: Mutex<BTreeMap<String, HashSet<String>>>,
    /// Rows owed after the last run.
    owed: Mutex<BTreeMap<String, u64>>,
}

impl Syncs {
    fn turn(&self, sync: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(running.entry(sync.to_owned()).or_default())
    }

    fn refused(&self, sync: &str) -> HashSet<String> {
        self.refused
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(sync)
            .cloned()
            .unwrap_or_default()
    }

    fn set_refused(&self, sync: &str, keys: HashSet<String>) {
        self.refused
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(sync.to_owned(), keys);
    }

    /// Rows owed after the last run since the workspace was opened; absent: none ran yet.
    pub fn owed(&self, sync: &str) -> Option<u64> {
        self.owed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(sync)
            .copied()
    }

    fn set_owed(&self, sync: &str, owed: u64) {
        self.owed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(sync.to_owned(), owed);
    }
}

/// The connector of a destination, with its secrets.
pub fn connect(open: &OpenWorkspace, name: &str) -> Result<Box<dyn Destination>> {
    let definition: DestinationDefinition = open.workspace().definitions.destination(name)?.clone();
    let settings = open.secrets.resolve_settings(&definition.settings)?;
    destinations::open(definition.kind, settings.expose(), open.folder()).map_err(|error| {
        settings
            .redact_error(error)
            .context(format!("destinations/{name}.toml"))
    })
}

/// Runs a sync now, or with `dry_run` only computes its difference.
pub async fn run(
    open: &OpenWorkspace,
    name: &str,
    dry_run: bool,
    cancel: &CancellationToken,
) -> Result<SyncOutcome> {
    let held = open.held()?;
    let definition = open.workspace().definitions.sync(name)?.clone();
    let destination = connect(open, &definition.destination)?;
    let turn = held.syncs.turn(name);
    let _turn = turn.lock().await;
    let difference = difference::compute(open, held, name, &definition).await?;
    let shown = difference.show()?;
    if dry_run {
        return Ok(SyncOutcome {
            difference: shown,
            run: None,
        });
    }
    held.syncs.set_owed(name, difference.owed());
    if difference.is_empty() && !(destination.wants() == Wants::WholeState && difference.never_delivered) {
        return Ok(SyncOutcome {
            difference: shown,
            run: None,
        });
    }
    let context = SyncContext {
        sync: name.to_owned(),
        audience: definition.audience.clone(),
        key: definition.key.clone(),
        options: definition.options.clone(),
        run: uuid::Uuid::new_v4(),
    };
    let run = deliver(open, held, &context, &*destination, difference, cancel).await?;
    held.syncs.set_owed(name, run.failed);
    open.hub.add(&Topic::Syncs, 1);
    Ok(SyncOutcome {
        difference: shown,
        run: Some(run),
    })
}

async fn deliver(
    open: &OpenWorkspace,
    held: &Held,
    context: &SyncContext,
    destination: &dyn Destination,
    difference: Difference,
    cancel: &CancellationToken,
) -> Result<SyncRun> {
    let mut counts = RunRow {
        added: difference.added,
        changed: difference.changed,
        removed: difference.removed,
        ..RunRow::default()
    };
    let whole = destination.wants() == Wants::WholeState;
    let planned = counts.added + counts.changed + counts.removed;
    let changes = match whole {
        true => Changes {
            upserts: difference.rows.clone(),
            removes: difference.removes()?,
        },
        false => Changes {
            upserts: difference.upserts(&held.syncs.refused(&context.sync))?,
            removes: difference.removes()?,
        },
    };
    let started_ms = now_ms();
    let id = held.store.start_run(&context.sync, started_ms, &counts).await?;
    let activity = open
        .activities
        .start("sync", format!("Sync {}", context.sync), Some(cancel.clone()));
    let mut recorder = StoreRecorder::new(&held.store, context, &activity, planned);
    let clock = SystemClock::new();
    let run = Run {
        destination,
        sync: context,
        seed: started_ms.unsigned_abs(),
        clock: &clock,
        cancel,
    };
    let delivered = delivery::run(run, changes, &mut recorder).await;
    let refused = recorder.refused;
    let state = state_of(&delivered);
    let (changed_refused, failed) = (refused.len() as u64, delivered.refused + delivered.not_attempted);
    counts.failed = if whole { failed.min(planned) } else { failed };
    counts.delivered = planned - counts.failed.min(planned);
    let error = error_of(&delivered, changed_refused);
    held.syncs.set_refused(&context.sync, refused);
    let ended_ms = now_ms();
    held.store
        .end_run(id, ended_ms, state, &counts, error.as_ref())
        .await?;
    match &error {
        Some(error) => activity.end(Err(error.clone())),
        None => activity.end(Ok(())),
    }
    Ok(SyncRun {
        id,
        sync: context.sync.clone(),
        started_ms,
        ended_ms: Some(ended_ms),
        state,
        added: counts.added,
        changed: counts.changed,
        removed: counts.removed,
        delivered: counts.delivered,
        failed: counts.failed,
        error,
    })
}

fn state_of(delivered: &Delivered) -> RunState {
    match (
        &delivered.error,
        delivered.cancelled,
        delivered.acknowledged,
        delivered.refused,
    ) {
        (Some(_), _, 0, _) => RunState::Failed,
        (Some(_), ..) => RunState::Partial,
        (None, true, ..) => RunState::Cancelled,
        (None, false, _, 0) => RunState::Succeeded,
        _ => RunState::Partial,
    }
}

fn error_of(delivered: &Delivered, refused: u64) -> Option<Error> {
    delivered.error.clone().or_else(|| {
        let first = delivered.refusals.first()?;
        Some(Error::refused(
            "rows_refused",
            format!("the destination refused {refused} rows, which stay owed; the first: {first}"),
        ))
    })
}
