//! Alerts as they stand, and whom they still have to tell. They survive a restart: what fires goes on, and is told once.

use sqlx::Row;
use tailrace_model::{Error, Result, api::AlertState};

use super::{Store, store_error};

/// Resolved alerts are kept this long.
const RESOLVED_KEPT_MS: i64 = 7 * 86_400_000;

/// An alert for one group.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertRow {
    pub alert: String,
    pub cluster: String,
    pub group: String,
    pub state: AlertState,
    pub since_ms: i64,
    pub fired_ms: Option<i64>,
    pub resolved_ms: Option<i64>,
    pub reason: String,
    /// What has still to be told, in order, each as JSON.
    pub owed: Vec<String>,
    /// Why telling it failed last.
    pub error: Option<Error>,
}

fn name(state: AlertState) -> &'static str {
    match state {
        AlertState::Firing => "firing",
        AlertState::Pending => "pending",
        AlertState::Resolved => "resolved",
    }
}

fn state(name: &str) -> AlertState {
    match name {
        "firing" => AlertState::Firing,
        "pending" => AlertState::Pending,
        _ => AlertState::Resolved,
    }
}

impl Store {
    /// All that stand, and those resolved of late.
    pub async fn alerts(&self) -> Result<Vec<AlertRow>> {
        let rows = sqlx::query(
            "SELECT alert, cluster, group_name, state, since_ms, fired_ms, resolved_ms, reason, owed, error FROM alerts \
             ORDER BY alert, cluster, group_name",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(store_error)?;
        Ok(rows
            .iter()
            .map(|row| AlertRow {
                alert: row.get(0),
                cluster: row.get(1),
                group: row.get(2),
                state: state(row.get(3)),
                since_ms: row.get(4),
                fired_ms: row.get(5),
                resolved_ms: row.get(6),
                reason: row.get(7),
                owed: row
                    .get::<Option<String>, _>(8)
                    .and_then(|text| serde_json::from_str(&text).ok())
                    .unwrap_or_default(),
                error: row
                    .get::<Option<String>, _>(9)
                    .and_then(|text| serde_json::from_str(&text).ok()),
            })
            .collect())
    }

    /// Writes how alerts stand now, each in the place of what it was.
    pub async fn save_alerts(&self, rows: &[AlertRow]) -> Result<()> {
        let mut transaction = self.pool.begin().await.map_err(store_error)?;
        for row in rows {
            let owed = (!row.owed.is_empty())
                .then(|| serde_json::to_string(&row.owed).ok())
                .flatten();
            let error = row
                .error
                .as_ref()
                .and_then(|error| serde_json::to_string(error).ok());
            sqlx::query("INSERT OR REPLACE INTO alerts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
                .bind(&row.alert)
                .bind(&row.cluster)
                .bind(&row.group)
                .bind(name(row.state))
                .bind(row.since_ms)
                .bind(row.fired_ms)
                .bind(row.resolved_ms)
                .bind(&row.reason)
                .bind(owed)
                .bind(error)
                .execute(&mut *transaction)
                .await
                .map_err(store_error)?;
        }
        transaction.commit().await.map_err(store_error)
    }

    /// Forgets one that never fired.
    pub async fn forget_alert(&self, alert: &str, cluster: &str, group: &str) -> Result<()> {
        sqlx::query("DELETE FROM alerts WHERE alert = ? AND cluster = ? AND group_name = ?")
            .bind(alert)
            .bind(cluster)
            .bind(group)
            .execute(&self.pool)
            .await
            .map_err(store_error)?;
        Ok(())
    }

    /// Those resolved long ago go.
    pub async fn prune_alerts(&self, now_ms: i64) -> Result<()> {
        sqlx::query("DELETE FROM alerts WHERE state = 'resolved' AND resolved_ms < ?")
            .bind(now_ms - RESOLVED_KEPT_MS)
            .execute(&self.pool)
            .await
            .map_err(store_error)?;
        Ok(())
    }
}
