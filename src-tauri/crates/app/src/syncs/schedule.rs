//! When syncs run by themselves: each enabled one again when its span has passed since its last run ended, and at once
//! when its audience has first been evaluated or its definition has changed.
//!
//! Invariants: syncs to one destination run in turn, and each destination is a lane of its own, so that a slow one holds
//! up no other; at most [`RUNS_MAX`] run at once; a run in flight goes on with the definition that it began with, and the
//! sync does not run again before it has ended. Every run is a task of the supervisor's with a token of its own.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use tailrace_model::{DestinationDefinition, Error, Result, SyncDefinition, api::SyncOutcome};
use tokio::sync::mpsc;

use super::{Asked, RUNS_MAX, run_as};
use crate::{
    core::{Stage, now_ms},
    open::OpenWorkspace,
};

/// How often it is looked for syncs that are due.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// The waits after failures double this many times.
const DOUBLINGS_MAX: u32 = 5;
/// A failure that may pass by itself is tried again after this long (doubled), when the sync's span is longer.
const RETRY_FIRST_MS: i64 = 60_000;
/// Failures that do not pass by themselves lengthen a span to this at most.
const SPAN_LENGTHENED_MAX_MS: i64 = 3_600_000;

/// What a run stands on; when it changes, the sync is due.
#[derive(Debug, Clone, PartialEq)]
struct Defined {
    sync: SyncDefinition,
    destination: Option<DestinationDefinition>,
}

/// How a run ended, as far as the next one is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Done,
    /// `retry`: it may pass by itself.
    Failed {
        retry: bool,
    },
    /// It did not run: its audience has to be evaluated first.
    NotYet,
}

impl End {
    fn of(outcome: &Result<SyncOutcome>) -> Self {
        let error: Option<&Error> = match outcome {
            Ok(outcome) => outcome.run.as_ref().and_then(|run| run.error.as_ref()),
            Err(error) => Some(error),
        };
        match error {
            None => Self::Done,
            Some(error) if error.code == "audience_not_evaluated" => Self::NotYet,
            Some(error) if error.code == "cancelled" => Self::Done,
            Some(error) => Self::Failed { retry: error.retry },
        }
    }
}

#[derive(Debug)]
struct Ended {
    sync: String,
    ran: Defined,
    end: End,
    ended_ms: i64,
}

/// The last run of a sync.
#[derive(Debug)]
struct Turn {
    ran: Defined,
    ended_ms: i64,
    failures: u32,
    retry: bool,
}

impl Turn {
    fn due_ms(&self, now: &Defined) -> i64 {
        if self.ran != *now {
            return i64::MIN;
        }
        let every = now.sync.every.approximate_ms();
        self.ended_ms
            .saturating_add(wait_ms(every, self.failures, self.retry))
    }
}

/// From the end of a run to the next one.
fn wait_ms(every_ms: i64, failures: u32, retry: bool) -> i64 {
    let doubled = |first: i64| first.saturating_mul(1 << failures.min(DOUBLINGS_MAX));
    match (failures, retry) {
        (0, _) => every_ms,
        (_, true) => doubled(every_ms.min(RETRY_FIRST_MS)),
        (_, false) => doubled(every_ms).min(SPAN_LENGTHENED_MAX_MS).max(every_ms),
    }
}

/// Which syncs run, and which are to.
#[derive(Debug, Default)]
struct Schedule {
    turns: BTreeMap<String, Turn>,
    /// Syncs in flight and the destination of each.
    running: BTreeMap<String, String>,
    seen: BTreeMap<String, Defined>,
}

impl Schedule {
    /// Takes over the definitions as they are now. When any of them changed, what failed may hold now.
    fn define(&mut self, defined: BTreeMap<String, Defined>) {
        if self.seen == defined {
            return;
        }
        self.turns
            .retain(|name, turn| turn.failures == 0 && defined.contains_key(name));
        self.seen = defined;
    }

    /// The syncs to start now, which count as running from here; the one that waited longest comes first.
    fn start(&mut self, now_ms: i64, evaluated: impl Fn(&str) -> bool) -> Vec<(String, Defined)> {
        let due_ms = |name: &String, defined: &Defined| {
            self.turns
                .get(name)
                .filter(|turn| turn.ended_ms <= now_ms) // A clock set back must not stop it.
                .map_or(i64::MIN, |turn| turn.due_ms(defined))
        };
        let mut due: Vec<(i64, &String, &Defined)> = self
            .seen
            .iter()
            .filter(|(name, _)| !self.running.contains_key(*name))
            .map(|(name, defined)| (due_ms(name, defined), name, defined))
            .filter(|(due_ms, ..)| *due_ms <= now_ms)
            .collect();
        due.sort_by_key(|(due_ms, name, _)| (*due_ms, *name));
        let mut busy: BTreeSet<&String> = self.running.values().collect();
        let mut started = Vec::new();
        for (_, name, defined) in due {
            let free = self.running.len() + started.len() < RUNS_MAX;
            let lane = &defined.sync.destination;
            if free && !busy.contains(lane) && evaluated(&defined.sync.audience) {
                busy.insert(lane);
                started.push((name.clone(), defined.clone()));
            }
        }
        for (name, defined) in &started {
            self.running
                .insert(name.clone(), defined.sync.destination.clone());
        }
        started
    }

    fn ended(&mut self, ended: Ended) {
        self.running.remove(&ended.sync);
        let before = self.turns.get(&ended.sync).map_or(0, |turn| turn.failures);
        let (failures, retry) = match ended.end {
            End::NotYet => return,
            End::Done => (0, false),
            End::Failed { retry } => (before.saturating_add(1), retry),
        };
        let turn = Turn {
            ran: ended.ran,
            ended_ms: ended.ended_ms,
            failures,
            retry,
        };
        self.turns.insert(ended.sync, turn);
    }
}

/// Tells the schedule of a run's end, however it ends: one that broke off frees its lane too.
struct Report {
    sync: String,
    ran: Defined,
    end: End,
    to: mpsc::Sender<Ended>,
}

impl Drop for Report {
    fn drop(&mut self) {
        let ended = Ended {
            sync: std::mem::take(&mut self.sync),
            ran: self.ran.clone(),
            end: self.end,
            ended_ms: now_ms(),
        };
        // There is room for every run in flight; without a schedule nobody asks.
        let _ = self.to.try_send(ended);
    }
}

/// Starts it; it ends with the workspace.
pub fn start_schedule(open: &Arc<OpenWorkspace>) {
    let weak = Arc::downgrade(open);
    open.supervisor.spawn(Stage::Work, |token| async move {
        let mut schedule = Schedule::default();
        let (to, mut ends) = mpsc::channel::<Ended>(RUNS_MAX);
        let mut tick = tokio::time::interval(LOOK_INTERVAL);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = token.cancelled() => return,
                _ = tick.tick() => {}
                Some(ended) = ends.recv() => {
                    let ran = ended.end != End::NotYet;
                    schedule.ended(ended);
                    // One whose audience is not ready is looked at with the next tick.
                    if !ran { continue }
                }
            }
            let Some(open) = weak.upgrade() else { return };
            start_due(&open, &mut schedule, &to);
        }
    });
}

fn start_due(open: &Arc<OpenWorkspace>, schedule: &mut Schedule, to: &mpsc::Sender<Ended>) {
    let Ok(held) = open.held() else { return };
    schedule.define(defined(open));
    for (sync, ran) in schedule.start(now_ms(), |audience| held.people.audience(audience).is_some()) {
        let report = Report {
            sync: sync.clone(),
            ran,
            end: End::Failed { retry: true },
            to: to.clone(),
        };
        let open = Arc::clone(open);
        open.clone().supervisor.spawn(Stage::Work, |token| async move {
            let mut report = report; // Whole: its end is told when the task ends.
            let outcome = run_as(&open, &sync, false, Asked::Schedule, &token).await;
            report.end = End::of(&outcome);
            if let Err(error) = outcome {
                tracing::info!(sync, %error, "a sync did not run");
            }
        });
    }
}

/// The enabled syncs, each with where it leads.
fn defined(open: &OpenWorkspace) -> BTreeMap<String, Defined> {
    let workspace = open.workspace();
    let definitions = &workspace.definitions;
    let enabled = definitions.valid_syncs().filter(|(_, sync)| sync.enabled);
    enabled
        .map(|(name, sync)| {
            let defined = Defined {
                sync: sync.clone(),
                destination: definitions.destination(&sync.destination).ok().cloned(),
            };
            (name.to_owned(), defined)
        })
        .collect()
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
