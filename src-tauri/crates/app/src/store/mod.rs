//! The state of a workspace: one SQLite file in `.tailrace/`. Definitions are never in it.
//!
//! Invariant: what a checkpoint stands for (positions, segments, identity, counts) changes in one transaction.

mod alerts;
mod checkpoint;
mod identity;
mod lag;
#[cfg(test)]
mod lag_tests;
mod members;
mod pack;
mod persons;
mod quality;
mod syncs;
#[cfg(test)]
mod tests;

use std::{path::Path, time::Duration};

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use tailrace_model::{Error, Result};

pub use alerts::AlertRow;
pub use checkpoint::{SourceCheckpoint, SourceCounts};
pub use lag::{LagMark, LagRow, LagValues, WEEK_MS, WEEK_STEP_MS, YEAR_MS, YEAR_STEP_MS};
pub use persons::Mentions;
pub use quality::{
    QUARANTINE_BYTES_MAX, QUARANTINE_RECORDS_MAX, QuarantineRow, QuarantineSize, QuarantineWanted,
    ViolationKey, ViolationRow, Waiting, hour_of, kind_name,
};
pub use syncs::{AcknowledgedRow, PlaceRow, RowsOf, RunRow, Settled};

const SCHEMA_VERSION: i64 = 6;
const SET_VERSION: &str = "PRAGMA user_version = 6";
const FROM_1: &str = "ALTER TABLE source_counts ADD COLUMN lost INTEGER NOT NULL DEFAULT 0";
const FROM_2: &str = "ALTER TABLE sync_runs ADD COLUMN note TEXT; \
    CREATE TABLE sync_places (sync TEXT PRIMARY KEY, place TEXT NOT NULL, shown TEXT NOT NULL, key TEXT NOT NULL, \
    delivered INTEGER NOT NULL) STRICT, WITHOUT ROWID; \
    ALTER TABLE sync_rows RENAME TO sync_rows_2; \
    CREATE TABLE sync_rows (sync TEXT NOT NULL, place TEXT NOT NULL, key TEXT NOT NULL, row TEXT, \
    in_doubt INTEGER NOT NULL, PRIMARY KEY (sync, place, key)) STRICT, WITHOUT ROWID; \
    INSERT INTO sync_rows SELECT sync, '', key, row, in_doubt FROM sync_rows_2; DROP TABLE sync_rows_2";

/// The history of lag in chunks; what was kept of it before has another shape, and is let go.
const FROM_3: &str = "DROP TABLE lag_samples; \
    CREATE TABLE lag_chunks (cluster TEXT NOT NULL, group_name TEXT NOT NULL, step_ms INTEGER NOT NULL, \
    from_ms INTEGER NOT NULL, points BLOB NOT NULL, PRIMARY KEY (cluster, group_name, step_ms, from_ms)) STRICT, WITHOUT ROWID; \
    CREATE TABLE lag_marks (cluster TEXT NOT NULL, group_name TEXT NOT NULL, at_ms INTEGER NOT NULL, what TEXT NOT NULL, \
    PRIMARY KEY (cluster, group_name, at_ms)) STRICT, WITHOUT ROWID; \
    CREATE TABLE alerts (alert TEXT NOT NULL, cluster TEXT NOT NULL, group_name TEXT NOT NULL, state TEXT NOT NULL, \
    since_ms INTEGER NOT NULL, fired_ms INTEGER, resolved_ms INTEGER, reason TEXT NOT NULL, owed TEXT, error TEXT, \
    PRIMARY KEY (alert, cluster, group_name)) STRICT, WITHOUT ROWID";

/// Tracking plans and the quarantine. Malformed records that were kept before have no more than their beginning.
const QUALITY: &str = include_str!("quality.sql");
const FROM_4: &str = "ALTER TABLE source_counts ADD COLUMN blocked INTEGER NOT NULL DEFAULT 0; \
    ALTER TABLE source_counts ADD COLUMN violations INTEGER NOT NULL DEFAULT 0; \
    ALTER TABLE source_counts ADD COLUMN left_out INTEGER NOT NULL DEFAULT 0";
const MALFORMED_FROM_4: &str = "INSERT INTO quarantine (source, topic, partition, \"offset\", reason, value, seen_ms, kind) \
    SELECT source, topic, partition, \"offset\", reason, value, seen_ms, 'malformed' FROM malformed ORDER BY id; \
    DROP TABLE malformed";

/// Merges that can be undone: profiles hold their own events alone, and a merge says which two it tied.
const FROM_5: &str = "CREATE TEMP TABLE absorbed AS SELECT merged_into AS id, sum(events) AS events FROM profiles \
    WHERE merged_into IS NOT NULL GROUP BY merged_into; \
    UPDATE profiles SET events = events - (SELECT events FROM absorbed WHERE id = profile_id) \
    WHERE profile_id IN (SELECT id FROM absorbed); \
    DROP TABLE absorbed; \
    ALTER TABLE profiles ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0; \
    ALTER TABLE merges ADD COLUMN merged_origin_id INTEGER NOT NULL DEFAULT 0; \
    ALTER TABLE merges ADD COLUMN surviving_origin_id INTEGER NOT NULL DEFAULT 0; \
    ALTER TABLE merges ADD COLUMN source TEXT NOT NULL DEFAULT ''; \
    ALTER TABLE merges ADD COLUMN identifiers_before INTEGER NOT NULL DEFAULT 0; \
    UPDATE merges SET merged_origin_id = merged_profile_id, surviving_origin_id = surviving_profile_id; \
    CREATE TABLE merge_undos (sequence INTEGER PRIMARY KEY, merge INTEGER NOT NULL, merges_before INTEGER NOT NULL, \
    profile_id INTEGER NOT NULL, undone_ms INTEGER NOT NULL, allowed_ms INTEGER) STRICT; \
    CREATE TABLE suppressions (kind TEXT NOT NULL, hash TEXT NOT NULL, since_ms INTEGER NOT NULL, \
    dropped INTEGER NOT NULL, until_ms INTEGER, PRIMARY KEY (kind, hash)) STRICT, WITHOUT ROWID";

/// A handle; cloning is cheap.
#[derive(Debug, Clone)]
pub struct Store {
    pool: SqlitePool,
}

impl Store {
    /// Opens `state.db` in a folder that exists, and makes its tables when it is new.
    pub async fn open(folder: &Path) -> Result<Self> {
        let path = folder.join("state.db");
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            // What is deleted is written over with zeros.
            .pragma("secure_delete", "ON")
            .busy_timeout(Duration::from_secs(5));
        let pool = SqlitePoolOptions::new()
            .max_connections(4)
            .connect_with(options)
            .await
            .map_err(|error| open_error(&path, &error))?;
        let store = Self { pool };
        store
            .migrate()
            .await
            .map_err(|error| error.context(path.display()))?;
        Ok(store)
    }

    async fn migrate(&self) -> Result<()> {
        let version: i64 = sqlx::query_scalar("PRAGMA user_version")
            .fetch_one(&self.pool)
            .await
            .map_err(store_error)?;
        match version {
            SCHEMA_VERSION => Ok(()),
            0 => self.change_schema(&[include_str!("schema.sql"), QUALITY]).await,
            1..SCHEMA_VERSION => {
                let steps: [&[&'static str]; 5] = [
                    &[FROM_1],
                    &[FROM_2],
                    &[FROM_3],
                    &[FROM_4, QUALITY, MALFORMED_FROM_4],
                    &[FROM_5],
                ];
                let from = usize::try_from(version - 1).unwrap_or_default();
                self.change_schema(&steps[from..].concat()).await
            }
            other => Err(Error::user(
                "state_version",
                format!(
                    "the state was written by another version of Tailrace (its version is {other}, this one reads \
                     {SCHEMA_VERSION}): open it with that version, or move the folder .tailrace aside to begin anew"
                ),
            )),
        }
    }

    /// All steps to this version's schema, or none.
    async fn change_schema(&self, steps: &[&'static str]) -> Result<()> {
        let mut transaction = self.pool.begin().await.map_err(store_error)?;
        for sql in steps.iter().copied().chain([SET_VERSION]) {
            sqlx::raw_sql(sql)
                .execute(&mut *transaction)
                .await
                .map_err(store_error)?;
        }
        transaction.commit().await.map_err(store_error)
    }

    /// Writes what is in memory and closes the file.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

fn open_error(path: &Path, error: &sqlx::Error) -> Error {
    Error::user(
        "state_unreadable",
        format!(
            "{}: can't open the workspace's state ({error}): is the folder writable?",
            path.display()
        ),
    )
}

pub(crate) fn store_error(error: sqlx::Error) -> Error {
    let retry = matches!(error, sqlx::Error::PoolTimedOut);
    let mut made = Error::internal(
        "state",
        format!("the workspace's state (.tailrace/state.db) can't be used: {error}"),
    );
    made.retry = retry;
    made
}

/// Numbers in SQLite are signed; ours that count are not.
pub(crate) fn to_i64(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// See [`to_i64`].
pub(crate) fn to_u64(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
