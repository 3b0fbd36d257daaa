//! Alerts on violations: evaluated after every checkpoint, and when an hour of the clock ends.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::{
    core::{Stage, now_ms},
    lag,
    open::OpenWorkspace,
    store::hour_of,
};

/// Between two looks, while nothing is collected: an hour ends then, too.
const LOOK_INTERVAL: Duration = Duration::from_secs(30);
/// No more often than this, however many checkpoints there are.
const REST: Duration = Duration::from_secs(2);
const HOUR_MS: i64 = 3_600_000;

/// Evaluates alerts on violations until the workspace is closed.
pub fn start(open: &Arc<OpenWorkspace>) {
    let weak = Arc::downgrade(open);
    open.supervisor.spawn(Stage::Work, |token| async move {
        loop {
            let Some(open) = weak.upgrade() else { return };
            let Ok(held) = open.held() else { return };
            if let Err(error) = look(&open).await {
                tracing::warn!(%error, "alerts on violations were not evaluated");
            }
            let waiting = async {
                tokio::time::sleep(REST).await;
                let news = held.people.checkpointed.notified();
                // Nothing new within it is as good as news.
                let _ = tokio::time::timeout(LOOK_INTERVAL, news).await;
            };
            if token.run_until_cancelled(waiting).await.is_none() {
                return;
            }
        }
    });
}

async fn look(open: &OpenWorkspace) -> tailrace_model::Result<()> {
    let now = now_ms();
    let sources: Vec<String> = {
        let workspace = open.workspace();
        if !workspace
            .definitions
            .valid_alerts()
            .any(|(_, it)| it.violations.is_some())
        {
            return Ok(());
        }
        let sources = workspace.definitions.valid_sources();
        sources.map(|(name, _)| name.to_owned()).collect()
    };
    let mut counts: BTreeMap<String, u64> = sources.into_iter().map(|name| (name, 0)).collect();
    let mut hours: BTreeMap<(String, i64), u64> = BTreeMap::new();
    for row in open.held()?.store.violations("", hour_of(now) - HOUR_MS).await? {
        for hour in &row.hours {
            *hours.entry((row.source.clone(), hour.hour_ms)).or_default() += hour.count;
        }
    }
    for ((source, _), count) in hours {
        if let Some(most) = counts.get_mut(&source) {
            *most = (*most).max(count);
        }
    }
    lag::alerts::evaluate_violations(open, &counts, now).await
}
