//! Syncs: what the destination acknowledged, row by row, and the runs.

use std::collections::HashMap;

use sqlx::Row;
use tailrace_model::{
    Error, Result,
    api::{RunState, SyncRun},
};

use super::{Store, store_error, to_i64, to_u64};

/// Runs kept for each sync.
const RUNS_MAX: i64 = 1_000;

/// A run as it ends.
#[derive(Debug, Clone, Default)]
pub struct RunRow {
    pub added: u64,
    pub changed: u64,
    pub removed: u64,
    pub delivered: u64,
    pub failed: u64,
    /// For a person.
    pub note: Option<String>,
}

/// Where the acknowledged rows of a sync are, and what tells them apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceRow {
    pub place: String,
    /// For a person.
    pub shown: String,
    pub key: String,
    /// The whole state was delivered there at least once, were it without rows.
    pub delivered: bool,
}

/// Which acknowledged rows are meant: those that a sync wrote to one place under one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowsOf {
    pub sync: String,
    place: String,
}

impl RowsOf {
    /// `place` absent: rows that were acknowledged before places were told.
    pub fn new(sync: &str, place: Option<&PlaceRow>) -> Self {
        Self {
            sync: sync.to_owned(),
            place: place.map_or_else(String::new, |it| format!("{}\n{}", it.place, it.key)),
        }
    }
}

/// One row of a destination, as this sync knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcknowledgedRow {
    /// As JSON; absent: never acknowledged, only sent.
    pub row: Option<String>,
    pub in_doubt: bool,
}

/// What became of rows that were sent.
#[derive(Debug, Clone, Default)]
pub struct Settled {
    /// Key and row (JSON) that the destination holds now.
    pub upserted: Vec<(String, String)>,
    /// Keys that it holds no more.
    pub removed: Vec<String>,
    /// Keys of rows that it refused to take; they stay as they were, and owed. (A refused removal changes nothing: the
    /// row may be there.)
    pub refused: Vec<String>,
}

impl Store {
    /// What the destination has, by key.
    pub async fn acknowledged(&self, of: &RowsOf) -> Result<HashMap<String, AcknowledgedRow>> {
        let rows = sqlx::query("SELECT key, row, in_doubt FROM sync_rows WHERE sync = ? AND place = ?")
            .bind(&of.sync)
            .bind(&of.place)
            .fetch_all(&self.pool)
            .await
            .map_err(store_error)?;
        let read = |row: &sqlx::sqlite::SqliteRow| {
            (
                row.get(0),
                AcknowledgedRow {
                    row: row.get(1),
                    in_doubt: row.get(2),
                },
            )
        };
        Ok(rows.iter().map(read).collect())
    }

    /// Where a sync writes now; absent: not told yet.
    pub async fn sync_place(&self, sync: &str) -> Result<Option<PlaceRow>> {
        let row = sqlx::query("SELECT place, shown, key, delivered FROM sync_places WHERE sync = ?")
            .bind(sync)
            .fetch_optional(&self.pool)
            .await
            .map_err(store_error)?;
        Ok(row.map(|row| PlaceRow {
            place: row.get(0),
            shown: row.get(1),
            key: row.get(2),
            delivered: row.get(3),
        }))
    }

    /// Says where a sync writes from now on. Rows that were acknowledged before places were told are there; those of other
    /// places are kept, for the day on which it writes there again. `forget`: those acknowledged there are gone.
    pub async fn set_sync_place(&self, sync: &str, place: &PlaceRow, forget: bool) -> Result<()> {
        let mut transaction = self.pool.begin().await.map_err(store_error)?;
        let of = RowsOf::new(sync, Some(place));
        let told = "UPDATE OR REPLACE sync_rows SET place = ?2 WHERE sync = ?1 AND place = ''";
        let gone = "DELETE FROM sync_rows WHERE sync = ?1 AND place = ?2";
        for sql in [Some(told), forget.then_some(gone)].into_iter().flatten() {
            sqlx::query(sql)
                .bind(sync)
                .bind(&of.place)
                .execute(&mut *transaction)
                .await
                .map_err(store_error)?;
        }
        sqlx::query("INSERT OR REPLACE INTO sync_places VALUES (?, ?, ?, ?, ?)")
            .bind(sync)
            .bind(&place.place)
            .bind(&place.shown)
            .bind(&place.key)
            .bind(place.delivered)
            .execute(&mut *transaction)
            .await
            .map_err(store_error)?;
        transaction.commit().await.map_err(store_error)
    }

    pub async fn acknowledged_count(&self, of: &RowsOf) -> Result<u64> {
        let sql = "SELECT count(*) FROM sync_rows WHERE sync = ? AND place = ? AND row IS NOT NULL";
        let count: i64 = sqlx::query_scalar(sql)
            .bind(&of.sync)
            .bind(&of.place)
            .fetch_one(&self.pool)
            .await
            .map_err(store_error)?;
        Ok(to_u64(count))
    }

    /// Rows that a sync has where it writes now.
    pub async fn acknowledged_now(&self, sync: &str) -> Result<u64> {
        let place = self.sync_place(sync).await?;
        self.acknowledged_count(&RowsOf::new(sync, place.as_ref())).await
    }

    /// Records that rows are about to be sent: until their outcome is known they are in doubt.
    pub async fn attempt(&self, of: &RowsOf, keys: &[String]) -> Result<()> {
        let mut transaction = self.pool.begin().await.map_err(store_error)?;
        for key in keys {
            sqlx::query(
                "INSERT INTO sync_rows VALUES (?, ?, ?, NULL, 1) \
                 ON CONFLICT (sync, place, key) DO UPDATE SET in_doubt = min(in_doubt + 1, 2)",
            )
            .bind(&of.sync)
            .bind(&of.place)
            .bind(key)
            .execute(&mut *transaction)
            .await
            .map_err(store_error)?;
        }
        transaction.commit().await.map_err(store_error)
    }

    /// Records what became of rows that were sent.
    pub async fn settle(&self, of: &RowsOf, settled: &Settled) -> Result<()> {
        let mut transaction = self.pool.begin().await.map_err(store_error)?;
        for (key, row) in &settled.upserted {
            sqlx::query("INSERT OR REPLACE INTO sync_rows VALUES (?, ?, ?, ?, 0)")
                .bind(&of.sync)
                .bind(&of.place)
                .bind(key)
                .bind(row)
                .execute(&mut *transaction)
                .await
                .map_err(store_error)?;
        }
        let forget = "DELETE FROM sync_rows WHERE sync = ? AND place = ? AND key = ?";
        // One that was sent before, and may have been taken then, stays in doubt.
        let never =
            "DELETE FROM sync_rows WHERE sync = ? AND place = ? AND key = ? AND row IS NULL AND in_doubt = 1";
        let refuse =
            "UPDATE sync_rows SET in_doubt = 0 WHERE sync = ? AND place = ? AND key = ? AND in_doubt = 1";
        let removed = settled.removed.iter().map(|key| (forget, key));
        let refused = settled
            .refused
            .iter()
            .flat_map(|key| [(never, key), (refuse, key)]);
        for (sql, key) in removed.chain(refused) {
            sqlx::query(sql)
                .bind(&of.sync)
                .bind(&of.place)
                .bind(key)
                .execute(&mut *transaction)
                .await
                .map_err(store_error)?;
        }
        transaction.commit().await.map_err(store_error)
    }

    pub async fn start_run(&self, sync: &str, started_ms: i64, planned: &RunRow) -> Result<i64> {
        let done = sqlx::query(
            "INSERT INTO sync_runs (sync, started_ms, state, added, changed, removed, delivered, failed, note) \
             VALUES (?, ?, 'running', ?, ?, ?, 0, 0, ?)",
        )
        .bind(sync)
        .bind(started_ms)
        .bind(to_i64(planned.added))
        .bind(to_i64(planned.changed))
        .bind(to_i64(planned.removed))
        .bind(&planned.note)
        .execute(&self.pool)
        .await
        .map_err(store_error)?;
        sqlx::query(
            "DELETE FROM sync_runs WHERE sync = ? AND id <= \
             (SELECT id FROM sync_runs WHERE sync = ? ORDER BY id DESC LIMIT 1 OFFSET ?)",
        )
        .bind(sync)
        .bind(sync)
        .bind(RUNS_MAX)
        .execute(&self.pool)
        .await
        .map_err(store_error)?;
        Ok(done.last_insert_rowid())
    }

    pub async fn end_run(
        &self,
        id: i64,
        ended_ms: i64,
        state: RunState,
        counts: &RunRow,
        error: Option<&Error>,
    ) -> Result<()> {
        let error = error.map(serde_json::to_string).transpose().map_err(json_error)?;
        sqlx::query(
            "UPDATE sync_runs SET ended_ms = ?, state = ?, delivered = ?, failed = ?, error = ? WHERE id = ?",
        )
        .bind(ended_ms)
        .bind(state_name(state))
        .bind(to_i64(counts.delivered))
        .bind(to_i64(counts.failed))
        .bind(error)
        .bind(id)
        .execute(&self.pool)
        .await
        .map_err(store_error)?;
        Ok(())
    }

    /// Runs that were cut off by a crash count as cancelled.
    pub async fn close_open_runs(&self, now_ms: i64) -> Result<()> {
        sqlx::query("UPDATE sync_runs SET state = 'cancelled', ended_ms = ? WHERE state = 'running'")
            .bind(now_ms)
            .execute(&self.pool)
            .await
            .map_err(store_error)?;
        Ok(())
    }

    /// Newest first.
    pub async fn runs(&self, sync: &str, offset: u64, limit: u32) -> Result<Vec<SyncRun>> {
        let rows = sqlx::query(
            "SELECT id, sync, started_ms, ended_ms, state, added, changed, removed, delivered, failed, error, note \
             FROM sync_runs WHERE ? = '' OR sync = ? ORDER BY id DESC LIMIT ? OFFSET ?",
        )
        .bind(sync)
        .bind(sync)
        .bind(limit)
        .bind(to_i64(offset))
        .fetch_all(&self.pool)
        .await
        .map_err(store_error)?;
        rows.iter().map(read_run).collect()
    }
}

fn read_run(row: &sqlx::sqlite::SqliteRow) -> Result<SyncRun> {
    let state: String = row.get("state");
    let error: Option<String> = row.get("error");
    Ok(SyncRun {
        id: row.get("id"),
        sync: row.get("sync"),
        started_ms: row.get("started_ms"),
        ended_ms: row.get("ended_ms"),
        state: STATES
            .iter()
            .find(|(_, name)| *name == state)
            .map_or(RunState::Failed, |(state, _)| *state),
        added: to_u64(row.get("added")),
        changed: to_u64(row.get("changed")),
        removed: to_u64(row.get("removed")),
        delivered: to_u64(row.get("delivered")),
        failed: to_u64(row.get("failed")),
        error: error
            .map(|text| serde_json::from_str(&text))
            .transpose()
            .map_err(json_error)?,
        note: row.get("note"),
    })
}

const STATES: [(RunState, &str); 5] = [
    (RunState::Running, "running"),
    (RunState::Succeeded, "succeeded"),
    (RunState::Partial, "partial"),
    (RunState::Failed, "failed"),
    (RunState::Cancelled, "cancelled"),
];

fn state_name(state: RunState) -> &'static str {
    STATES
        .iter()
        .find(|(found, _)| *found == state)
        .map_or("failed", |(_, name)| name)
}

fn json_error(error: serde_json::Error) -> Error {
    Error::internal(
        "state",
        format!("the workspace's state holds text that can't be read: {error}"),
    )
}
