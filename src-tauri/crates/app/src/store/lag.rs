//! Samples of lag, per group.

use sqlx::Row;
use tailrace_model::Result;

use super::{Store, store_error};

/// Samples older than this are removed; a week at ten seconds.
const KEPT_MS: i64 = 7 * 86_400_000;

/// One sample of one group: sums over its partitions (`lag_ms`: the largest). What is unknown is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LagRow {
    pub group: String,
    pub at_ms: i64,
    pub lag: Option<i64>,
    pub lag_ms: Option<i64>,
    pub committed: Option<i64>,
    pub ends: Option<i64>,
}

impl Store {
    pub async fn add_lag(&self, cluster: &str, rows: &[LagRow]) -> Result<()> {
        let mut transaction = self.pool.begin().await.map_err(store_error)?;
        for row in rows {
            sqlx::query("INSERT OR REPLACE INTO lag_samples VALUES (?, ?, ?, ?, ?, ?, ?)")
                .bind(cluster)
                .bind(&row.group)
                .bind(row.at_ms)
                .bind(row.lag)
                .bind(row.lag_ms)
                .bind(row.committed)
                .bind(row.ends)
                .execute(&mut *transaction)
                .await
                .map_err(store_error)?;
        }
        if let Some(newest) = rows.iter().map(|row| row.at_ms).max() {
            sqlx::query("DELETE FROM lag_samples WHERE cluster = ? AND at_ms < ?")
                .bind(cluster)
                .bind(newest - KEPT_MS)
                .execute(&mut *transaction)
                .await
                .map_err(store_error)?;
        }
        transaction.commit().await.map_err(store_error)
    }

    /// Samples of one group, or of all, since a time; by group, then time.
    pub async fn lag_since(&self, cluster: &str, group: Option<&str>, since_ms: i64) -> Result<Vec<LagRow>> {
        let rows = sqlx::query(
            "SELECT group_name, at_ms, lag, lag_ms, committed, ends FROM lag_samples \
             WHERE cluster = ? AND (? IS NULL OR group_name = ?) AND at_ms >= ? ORDER BY group_name, at_ms",
        )
        .bind(cluster)
        .bind(group)
        .bind(group)
        .bind(since_ms)
        .fetch_all(&self.pool)
        .await
        .map_err(store_error)?;
        Ok(rows
            .iter()
            .map(|row| LagRow {
                group: row.get(0),
                at_ms: row.get(1),
                lag: row.get(2),
                lag_ms: row.get(3),
                committed: row.get(4),
                ends: row.get(5),
            })
            .collect())
    }
}
