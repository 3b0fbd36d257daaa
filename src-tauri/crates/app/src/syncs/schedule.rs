//! Runs each enabled sync again when its span has passed since its last run ended.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tailrace_model::SyncDefinition;

use super::run;
use crate::{
    core::{Stage, now_ms},
    open::OpenWorkspace,
};

/// How often it is looked for syncs that are due.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// After a failure a sync waits this many times its span, at most.
const BACKOFF_MAX: i64 = 32;

#[derive(Default)]
struct Turn {
    due_ms: i64,
    failures: u32,
}

/// Starts it; it ends with the workspace.
pub fn start_schedule(open: &Arc<OpenWorkspace>) {
    let weak = Arc::downgrade(open);
    open.supervisor.spawn(Stage::Work, |token| async move {
        let mut turns: BTreeMap<String, Turn> = BTreeMap::new();
        let mut tick = tokio::time::interval(LOOK_INTERVAL);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while token.run_until_cancelled(tick.tick()).await.is_some() {
            let Some(open) = weak.upgrade() else { return };
            for (name, definition) in due(&open, &turns) {
                let outcome = run(&open, &name, false, &token).await;
                let turn = turns.entry(name.clone()).or_default();
                let failed = match &outcome {
                    Ok(outcome) => outcome.run.as_ref().is_some_and(|run| run.error.is_some()),
                    Err(error) => error.code != "audience_not_evaluated",
                };
                turn.failures = if failed {
                    turn.failures.saturating_add(1)
                } else {
                    0
                };
                let wait = (1_i64 << turn.failures.min(5)).min(BACKOFF_MAX);
                turn.due_ms = now_ms() + definition.every.approximate_ms().saturating_mul(wait);
                if let Err(error) = outcome {
                    tracing::info!(sync = name, %error, "a sync did not run");
                }
            }
        }
    });
}

fn due(open: &OpenWorkspace, turns: &BTreeMap<String, Turn>) -> Vec<(String, SyncDefinition)> {
    let now = now_ms();
    let workspace = open.workspace();
    let enabled = workspace
        .definitions
        .valid_syncs()
        .filter(|(_, definition)| definition.enabled);
    enabled
        .filter(|(name, _)| turns.get(*name).is_none_or(|turn| turn.due_ms <= now))
        .map(|(name, definition)| (name.to_owned(), definition.clone()))
        .collect()
}
