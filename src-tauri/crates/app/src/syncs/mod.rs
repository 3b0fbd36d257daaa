//! Syncs: one audience to one destination. A run delivers the difference between the audience now and what the
//! destination last acknowledged; never to what was last computed.
//!
//! Invariants: an audience that was not evaluated delivers nothing and removes nothing; only rows that this sync wrote
//! are removed; a refused row stays owed; what became of a row is recorded before the next batch is sent; one run at a
//! time of a sync and of a destination, whoever asks for it; two syncs never write to one place; what was acknowledged at
//! one place or under one key counts for nothing at another; the schedule never empties a destination by itself.

mod basis;
mod difference;
mod discreet;
mod places;
mod record;
mod schedule;

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use basis::{Basis, InStep};
use difference::Difference;
use discreet::Discreet;
pub use places::problems as place_problems;
use record::StoreRecorder;
pub use schedule::start_schedule;
use tailrace_connectors::{
    delivery::{self, Changes, Delivered, Run, SystemClock},
    destinations::{self, Destination, SyncContext, Wants},
};
use tailrace_model::{
    DestinationDefinition, Error, Result, SyncDefinition,
    api::{RunState, SyncOutcome, SyncRun, Topic},
};
use tokio::sync::{OwnedMutexGuard, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::{
    core::now_ms,
    open::{Held, OpenWorkspace},
    store::RunRow,
};

/// Runs at once, whoever asked for them.
pub const RUNS_MAX: usize = 4;

/// Locks by name, each one's waiters in the order in which they came.
#[derive(Debug, Default)]
struct Turns(Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>);

impl Turns {
    async fn take(&self, name: &str) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(turns.entry(name.to_owned()).or_default())
        };
        turn.lock_owned().await
    }
}

/// What is known of syncs beside their runs.
#[derive(Debug)]
pub struct Syncs {
    /// One run at a time for each sync. A turn is taken before a lane, and a lane before a permit.
    turns: Turns,
    /// One run at a time for each destination.
    lanes: Turns,
    permits: Semaphore,
    /// Keys that were refused last time; they go last, so that they never hold up others.
    refused: Mutex<BTreeMap<String, HashSet<String>>>,
    /// Rows owed after the last run.
    owed: Mutex<BTreeMap<String, u64>>,
    /// Syncs that owed nothing when they were last looked at.
    in_step: Mutex<BTreeMap<String, InStep>>,
}

/// Who asks for a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Person,
    Schedule,
}

impl Default for Syncs {
    fn default() -> Self {
        Self {
            turns: Turns::default(),
            lanes: Turns::default(),
            permits: Semaphore::new(RUNS_MAX),
            refused: Mutex::default(),
            owed: Mutex::default(),
            in_step: Mutex::default(),
        }
    }
}

impl Syncs {
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

    fn in_step(&self, sync: &str) -> Option<InStep> {
        self.in_step
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(sync)
            .cloned()
    }

    fn set_in_step(&self, sync: &str, found: Option<InStep>) {
        let mut in_step = self.in_step.lock().unwrap_or_else(PoisonError::into_inner);
        match found {
            Some(found) => in_step.insert(sync.to_owned(), found),
            None => in_step.remove(sync),
        };
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
    match destinations::open(definition.kind, settings.expose(), &open.workspace().dir) {
        Ok(destination) => Ok(Box::new(Discreet {
            destination,
            settings,
        })),
        Err(error) => Err(settings
            .redact_error(error)
            .context(format!("destinations/{name}.toml"))),
    }
}

/// Waits for something unless the run is cancelled first.
async fn unless_cancelled<T>(cancel: &CancellationToken, wait: impl Future<Output = T>) -> Result<T> {
    let cancelled = || Error::external("cancelled", "the sync was stopped before it sent anything");
    cancel.run_until_cancelled(wait).await.ok_or_else(cancelled)
}

/// Takes the lane of the sync's destination, and the definition as it is by then.
async fn take_lane(
    open: &OpenWorkspace,
    held: &Held,
    name: &str,
) -> Result<(SyncDefinition, OwnedMutexGuard<()>)> {
    let defined = || open.workspace().definitions.sync(name).cloned();
    loop {
        let destination = defined()?.destination;
        let lane = held.syncs.lanes.take(&destination).await;
        let definition = defined()?;
        if definition.destination == destination {
            return Ok((definition, lane));
        }
    }
}

/// Runs a sync now because a person wants it, or with `dry_run` only computes its difference. Waits for runs of the same
/// sync and of others to the same destination.
pub async fn run(
    open: &OpenWorkspace,
    name: &str,
    dry_run: bool,
    cancel: &CancellationToken,
) -> Result<SyncOutcome> {
    run_as(open, name, dry_run, Asked::Person, cancel).await
}

async fn run_as(
    open: &OpenWorkspace,
    name: &str,
    dry_run: bool,
    asked: Asked,
    cancel: &CancellationToken,
) -> Result<SyncOutcome> {
    let held = open.held()?;
    open.workspace().definitions.sync(name)?;
    let _turn = unless_cancelled(cancel, held.syncs.turns.take(name)).await?;
    if dry_run {
        let definition = open.workspace().definitions.sync(name)?.clone();
        let destination = connect(open, &definition.destination)?;
        places::refuse_taken(open, name)?;
        let computed = difference::compute(open, held, name, &definition, &*destination);
        let computed = unless_cancelled(cancel, computed).await??;
        return Ok(SyncOutcome {
            difference: computed.show()?,
            run: None,
        });
    }
    let (definition, _lane) = unless_cancelled(cancel, take_lane(open, held, name)).await??;
    // The semaphore is never closed.
    let _permit = unless_cancelled(cancel, held.syncs.permits.acquire()).await?.ok();
    let outcome = run_in_turn(open, held, name, &definition, asked, cancel).await;
    match &outcome {
        Err(error) if asked == Asked::Schedule && !may_wait(error) => {
            held.syncs.set_in_step(name, None);
            record::not_begun(open, held, name, error).await?;
        }
        _ => {}
    }
    outcome
}

/// Whether a run that did not begin is no news.
fn may_wait(error: &Error) -> bool {
    matches!(error.code.as_str(), "audience_not_evaluated" | "cancelled")
}

async fn run_in_turn(
    open: &OpenWorkspace,
    held: &Held,
    name: &str,
    definition: &SyncDefinition,
    asked: Asked,
    cancel: &CancellationToken,
) -> Result<SyncOutcome> {
    let destination = connect(open, &definition.destination)?;
    places::refuse_taken(open, name)?;
    let context = places::context(name, definition);
    let basis = Basis::of(open, held, definition, destination.identity())?;
    if let Some(found) = held.syncs.in_step(name)
        && asked == Asked::Schedule
        && basis.as_ref() == Some(&found.basis)
        && destination.is_there(&context).await?
    {
        return Ok(SyncOutcome {
            difference: found.difference,
            run: None,
        });
    }
    held.syncs.set_in_step(name, None);
    let computed = difference::compute(open, held, name, definition, &*destination);
    let difference = unless_cancelled(cancel, computed).await??;
    held.syncs.set_owed(name, difference.owed());
    if asked == Asked::Schedule {
        difference.refuse_emptying(name, &definition.audience)?;
    }
    let shown = difference.show()?;
    let never = destination.wants() == Wants::WholeState && difference.never_delivered;
    if difference.is_empty() && difference.start.note.is_none() && !never {
        if difference.start.unsaid {
            let start = &difference.start;
            held.store.set_sync_place(name, &start.place, start.gone).await?;
        }
        record::in_step(open, held, name).await?;
        let found = basis.map(|basis| InStep {
            basis,
            difference: shown.clone(),
        });
        held.syncs.set_in_step(name, found);
        return Ok(SyncOutcome {
            difference: shown,
            run: None,
        });
    }
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
        note: difference.start.note.clone(),
        ..RunRow::default()
    };
    let whole = destination.wants() == Wants::WholeState;
    let planned = counts.added + counts.changed + counts.removed;
    let upserts = match whole {
        true => difference.rows.clone(),
        false => difference.upserts(&held.syncs.refused(&context.sync))?,
    };
    let removes = difference.removes()?;
    let changes = Changes { upserts, removes };
    let started_ms = now_ms();
    let id = held.store.start_run(&context.sync, started_ms, &counts).await?;
    // After the run is recorded with its note: what stays behind is said even if this is cut off.
    let start = difference.start;
    if start.unsaid {
        held.store
            .set_sync_place(&context.sync, &start.place, start.gone)
            .await?;
    }
    let activity = open
        .activities
        .start("sync", format!("Sync {}", context.sync), Some(cancel.clone()));
    if let Some(note) = &start.note {
        activity.detail(note);
    }
    let mut recorder = StoreRecorder::new(
        &held.store,
        context,
        start.rows_of(&context.sync),
        &activity,
        planned,
    );
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
    if whole && state == RunState::Succeeded {
        places::set_delivered(held, &context.sync, start.place).await?;
    }
    let ended_ms = now_ms();
    held.store
        .end_run(id, ended_ms, state, &counts, error.as_ref())
        .await?;
    activity.end(error.clone().map_or(Ok(()), Err));
    Ok(ended_run(
        id,
        context,
        (started_ms, ended_ms),
        state,
        counts,
        error,
    ))
}

fn ended_run(
    id: i64,
    context: &SyncContext,
    (started_ms, ended_ms): (i64, i64),
    state: RunState,
    counts: RunRow,
    error: Option<Error>,
) -> SyncRun {
    SyncRun {
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
        note: counts.note,
    }
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

#[cfg(test)]
mod safety_tests;
#[cfg(test)]
mod tests;
