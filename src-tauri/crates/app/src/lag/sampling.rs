//! Samples clusters in the background, a task each: those that were looked at, those that an alert watches, and in
//! `tailrace serve` all of them.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::{alerts, rules, sample};
use crate::{
    core::{Stage, now_ms},
    open::OpenWorkspace,
};

/// How often it is seen whether there is a cluster more to sample.
const LOOK: Duration = Duration::from_millis(500);
/// A sample that took long is followed by a rest of so many times as long.
const REST: i64 = 4;
/// A cluster that does not answer is asked again after this.
pub(super) const AFTER_FAILURE_MS: i64 = 5_000;

/// Which clusters are sampled in the background.
#[derive(Debug, Default)]
pub struct Samplers {
    running: Mutex<HashSet<String>>,
    /// Whether there is a background at all.
    started: AtomicBool,
    all: AtomicBool,
}

impl Samplers {
    /// From now on every cluster of the workspace is sampled.
    pub fn reach_for_all(&self) {
        self.all.store(true, Ordering::Relaxed);
    }

    pub fn started(&self) -> bool {
        self.started.load(Ordering::Relaxed)
    }

    fn running(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Samples until the workspace is closed.
pub fn start_sampling(open: &Arc<OpenWorkspace>) {
    open.samplers.started.store(true, Ordering::Relaxed);
    super::alert_tell::start_telling(open);
    let weak = Arc::downgrade(open);
    open.supervisor.spawn(Stage::Work, |token| async move {
        let mut tick = tokio::time::interval(LOOK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while token.run_until_cancelled(tick.tick()).await.is_some() {
            let Some(open) = weak.upgrade() else { return };
            open.clusters.forget_removed(&open).await;
            if let Err(error) = alerts::sweep(&open, now_ms()).await {
                tracing::warn!(%error, "alerts that nobody evaluates any more were not ended");
            }
            for name in wanted(&open).await {
                if open.samplers.running().insert(name.clone()) {
                    start_one(&open, name);
                }
            }
        }
    });
}

async fn wanted(open: &OpenWorkspace) -> HashSet<String> {
    let made = open.clusters.made().await;
    let mut wanted: HashSet<String> = made.iter().map(|cluster| cluster.name.clone()).collect();
    let workspace = open.workspace();
    let definitions = &workspace.definitions;
    let all = open.samplers.all.load(Ordering::Relaxed);
    let watches = |name: &str| {
        definitions.valid_alerts().any(|(_, alert)| {
            alert.enabled && (alert.clusters.is_empty() || alert.clusters.iter().any(|it| it == name))
        })
    };
    wanted.extend(
        definitions
            .valid_clusters()
            .filter(|(name, _)| all || watches(name))
            .map(|(name, _)| name.to_owned()),
    );
    wanted.retain(|name| definitions.cluster(name).is_ok());
    wanted
}

fn start_one(open: &Arc<OpenWorkspace>, name: String) {
    let weak = Arc::downgrade(open);
    open.supervisor.spawn(Stage::Work, |token| async move {
        loop {
            let Some(open) = weak.upgrade() else { return };
            let rest = token.run_until_cancelled(once(&open, &name)).await;
            let wanted = match rest {
                Some(_) => wanted(&open).await.contains(&name),
                None => false,
            };
            if !wanted {
                open.samplers.running().remove(&name);
                return;
            }
            drop(open);
            let rest_ms = u64::try_from(rest.unwrap_or_default()).unwrap_or(0);
            if token
                .run_until_cancelled(tokio::time::sleep(Duration::from_millis(rest_ms)))
                .await
                .is_none()
            {
                return;
            }
        }
    });
}

/// One sample with what follows from it; how long to rest after it.
async fn once(open: &Arc<OpenWorkspace>, name: &str) -> i64 {
    let cluster = match open.cluster(name).await {
        Ok(cluster) => cluster,
        Err(error) => {
            tracing::debug!(cluster = name, %error, "the cluster can't be reached for");
            return AFTER_FAILURE_MS;
        }
    };
    let every_ms = rules(open, &cluster).every_ms;
    let started_ms = now_ms();
    // A cluster that does not answer says so where it is looked at; here it is only noted.
    if let Err(error) = sample(open, &cluster).await {
        tracing::debug!(cluster = name, %error, "lag was not sampled");
        return every_ms.max(AFTER_FAILURE_MS);
    }
    if let Err(error) = alerts::evaluate(open, &cluster, now_ms()).await {
        tracing::warn!(cluster = name, %error, "alerts were not evaluated");
    }
    let took_ms = now_ms() - started_ms;
    (every_ms - took_ms).max(took_ms * REST).max(100)
}
