//! What the history says of groups that were not sampled yet in this process: one command on a terminal judges by what
//! was sampled before it.
//!
//! Invariant: history only ever adds to what is judged; where it can't be read there is none.

use std::collections::BTreeMap;

use tailrace_engine::lag::{GroupWindow, LagRules, PartitionSample};
use tailrace_model::Result;

use crate::{
    clusters::Cluster,
    open::OpenWorkspace,
    store::{LagRow, LagValues, Store},
};

/// How far back it goes: ten commits of one who makes them every five minutes.
const SEED_MS: i64 = 3_600_000;

/// Windows by group.
pub(super) type Seeds = BTreeMap<String, GroupWindow>;

/// Every group's last hour, as far as somebody sampled it.
pub(super) async fn read(open: &OpenWorkspace, cluster: &Cluster, rules: &LagRules, now_ms: i64) -> Seeds {
    let rows = rows(open, &cluster.name, now_ms - SEED_MS).await;
    let rows = rows.unwrap_or_else(|error| {
        tracing::debug!(cluster = cluster.name, %error, "the history of lag was not read");
        BTreeMap::new()
    });
    let window = |(group, rows): (String, Vec<LagRow>)| (group, seeded(rules, rows, now_ms));
    rows.into_iter().map(window).collect()
}

async fn rows(open: &OpenWorkspace, cluster: &str, since_ms: i64) -> Result<BTreeMap<String, Vec<LagRow>>> {
    if let Ok(held) = open.held() {
        return held.store.lag_fine(cluster, since_ms).await;
    }
    // Somebody else has the workspace, and samples it.
    let folder = open.workspace().state_dir();
    if !folder.join("state.db").is_file() {
        return Ok(BTreeMap::new());
    }
    let store = Store::open(&folder).await?;
    let rows = store.lag_fine(cluster, since_ms).await;
    store.close().await;
    rows
}

fn seeded(rules: &LagRules, rows: Vec<LagRow>, now_ms: i64) -> GroupWindow {
    let mut window = GroupWindow::default();
    // A clock that was set back would have it sampled in the future.
    for row in rows.iter().filter(|row| row.at_ms < now_ms) {
        let partition = |(key, values): (&(String, i32), &LagValues)| PartitionSample {
            topic: key.0.clone(),
            partition: key.1,
            committed: values.committed,
            end: values.end,
            lag: values.lag,
            lag_ms: values.lag_ms,
            guessed: values.guessed,
            ..PartitionSample::default()
        };
        let samples: Vec<PartitionSample> = row.partitions.iter().map(partition).collect();
        window.add(rules, row.at_ms, 0, &samples);
    }
    window
}

#[cfg(test)]
mod tests {
    use tailrace_model::api::LagStatus;

    use super::*;
    use crate::lag::{LagState, tests::sample};

    #[test]
    fn the_first_sample_is_judged_by_the_history() {
        let rules = LagRules::default();
        let now_ms = 1_700_000_000_000;
        let row = |ago: i64| LagRow {
            at_ms: now_ms - ago * 10_000,
            total: LagValues::default(),
            // It read one record in every half a minute, of as many that came.
            partitions: (0..2)
                .map(|partition| {
                    let values = LagValues {
                        committed: Some(5 - ago / 3),
                        end: Some(9 - ago / 3),
                        lag: Some(4),
                        lag_ms: Some(1_000),
                        ..LagValues::default()
                    };
                    (("t".to_owned(), partition), values)
                })
                .collect(),
        };
        let judged = |rows: Vec<LagRow>| {
            let mut state = LagState {
                seeds: [("g".to_owned(), seeded(&rules, rows, now_ms))].into(),
                ..LagState::default()
            };
            let members: &[(&str, &[i32])] = &[("a", &[0, 1])];
            state.add(&rules, vec![sample("Stable", members)], now_ms);
            let found = state.groups().next().unwrap();
            (found.judged.status, found.judged.out_per_second.is_some())
        };
        assert_eq!(judged(Vec::new()), (LagStatus::Unknown, false));
        assert_eq!(
            judged((1..20).rev().map(row).collect()),
            (LagStatus::Warn, true),
            "it commits, and its lag did not fall"
        );
        // The same that ended an hour ago says nothing of how it commits now.
        let old = |ago: i64| LagRow {
            at_ms: row(ago).at_ms - 3_000_000,
            ..row(ago + 30)
        };
        assert_eq!(
            judged((1..20).rev().map(old).collect()),
            (LagStatus::Unknown, false)
        );
        // Nothing was committed for an hour.
        let silent = |ago: i64| LagRow {
            at_ms: now_ms - ago * 60_000,
            ..row(0)
        };
        assert_eq!(judged((1..50).rev().map(silent).collect()).0, LagStatus::Stop);
    }
}
