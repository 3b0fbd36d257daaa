//! The checkpoint: one transaction that holds source positions, the segments they produced, identity and counts.
//! Rows travel as one JSON array a table, which SQLite reads as rows.

use std::collections::BTreeMap;

use serde_json::Value;
use sqlx::{Row, Sqlite, Transaction, sqlite::SqliteRow};
use tailrace_engine::{
    events::columns::{ColumnRow, ColumnType},
    log::{CheckpointChange, LogManifest, SegmentRow},
};
use tailrace_model::{Error, Result};

use super::{Store, Waiting, identity, quality, store_error, to_i64, to_u64};

/// How far a source has read, and what it found since the last checkpoint.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SourceCheckpoint {
    pub source: String,
    pub cluster_id: String,
    pub topic: String,
    /// Partition and next offset.
    pub positions: Vec<(i32, i64)>,
    pub counts: SourceCounts,
    /// What became no event, how often plans were not met, and what leaves the quarantine.
    pub quality: Waiting,
}

/// Counts of a source; in a checkpoint: since the last one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SourceCounts {
    pub events: u64,
    pub duplicates: u64,
    pub malformed: u64,
    /// Records that were deleted from the topic before they were read.
    pub lost: u64,
    pub blocked: u64,
    pub violations: u64,
    pub left_out: u64,
}

impl std::ops::AddAssign for SourceCounts {
    fn add_assign(&mut self, other: Self) {
        self.events += other.events;
        self.duplicates += other.duplicates;
        self.malformed += other.malformed;
        self.lost += other.lost;
        self.blocked += other.blocked;
        self.violations += other.violations;
        self.left_out += other.left_out;
    }
}

fn bad_row(what: &str) -> Error {
    Error::internal(
        "state",
        format!("the workspace's state holds {what} that can't be read"),
    )
}

impl Store {
    /// Writes a checkpoint: all of it or nothing.
    pub async fn checkpoint(
        &self,
        change: Option<&CheckpointChange>,
        sources: &[SourceCheckpoint],
        now_ms: i64,
    ) -> Result<()> {
        let mut transaction = self.pool.begin().await.map_err(store_error)?;
        if let Some(change) = change {
            write_change(&mut transaction, change).await?;
        }
        for source in sources {
            write_source(&mut transaction, source, now_ms).await?;
        }
        transaction.commit().await.map_err(store_error)
    }

    /// What the event log and identity are opened from.
    pub async fn manifest(&self) -> Result<LogManifest> {
        let checkpoint: Option<i64> = sqlx::query_scalar("SELECT max(checkpoint_ms) FROM source_counts")
            .fetch_one(&self.pool)
            .await
            .map_err(store_error)?;
        Ok(LogManifest {
            segments: self
                .all("SELECT * FROM segments ORDER BY name", read_segment)
                .await?,
            columns: self.columns("events").await?,
            identity: self.identity_rows().await?,
            checkpoint_ms: checkpoint,
        })
    }

    pub(super) async fn all<T>(&self, sql: &'static str, read: impl Fn(&SqliteRow) -> T) -> Result<Vec<T>> {
        let rows = sqlx::query(sql)
            .fetch_all(&self.pool)
            .await
            .map_err(store_error)?;
        Ok(rows.iter().map(read).collect())
    }

    pub(super) async fn columns(&self, table: &str) -> Result<Vec<ColumnRow>> {
        let rows = sqlx::query("SELECT * FROM columns WHERE table_name = ? ORDER BY position")
            .bind(table)
            .fetch_all(&self.pool)
            .await
            .map_err(store_error)?;
        rows.iter().map(read_column).collect()
    }

    /// Where a source goes on: positions by partition, of this topic of this cluster. Empty: from the beginning.
    pub async fn positions(&self, source: &str, cluster_id: &str, topic: &str) -> Result<Vec<(i32, i64)>> {
        let rows = sqlx::query(
            "SELECT partition, next_offset FROM positions WHERE source = ? AND cluster_id = ? AND topic = ? \
             ORDER BY partition",
        )
        .bind(source)
        .bind(cluster_id)
        .bind(topic)
        .fetch_all(&self.pool)
        .await
        .map_err(store_error)?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// The highest position that any source has in the topics of a place.
    pub async fn last_position(&self, cluster_id: &str) -> Result<i64> {
        let last: Option<i64> =
            sqlx::query_scalar("SELECT max(next_offset) FROM positions WHERE cluster_id = ?")
                .bind(cluster_id)
                .fetch_one(&self.pool)
                .await
                .map_err(store_error)?;
        Ok(last.unwrap_or(0))
    }

    /// Every source's position in the topics of a place: source, topic, next offset.
    pub async fn all_positions(&self, cluster_id: &str) -> Result<Vec<(String, String, i64)>> {
        let rows = sqlx::query("SELECT source, topic, next_offset FROM positions WHERE cluster_id = ?")
            .bind(cluster_id)
            .fetch_all(&self.pool)
            .await
            .map_err(store_error)?;
        Ok(rows
            .iter()
            .map(|row| (row.get(0), row.get(1), row.get(2)))
            .collect())
    }

    /// Keeps a position that no checkpoint holds: how far what is copied elsewhere was copied.
    pub async fn save_position(&self, source: &str, cluster_id: &str, topic: &str, next: i64) -> Result<()> {
        sqlx::query("INSERT OR REPLACE INTO positions VALUES (?, ?, ?, 0, ?)")
            .bind(source)
            .bind(cluster_id)
            .bind(topic)
            .bind(next)
            .execute(&self.pool)
            .await
            .map_err(store_error)?;
        Ok(())
    }

    /// Counts of every source, in all, and its last checkpoint.
    pub async fn source_counts(&self) -> Result<BTreeMap<String, (SourceCounts, i64)>> {
        let read = |row: &SqliteRow| {
            let counts = SourceCounts {
                events: to_u64(row.get("events")),
                duplicates: to_u64(row.get("duplicates")),
                malformed: to_u64(row.get("malformed")),
                lost: to_u64(row.get("lost")),
                blocked: to_u64(row.get("blocked")),
                violations: to_u64(row.get("violations")),
                left_out: to_u64(row.get("left_out")),
            };
            (row.get("source"), (counts, row.get("checkpoint_ms")))
        };
        Ok(self
            .all("SELECT * FROM source_counts", read)
            .await?
            .into_iter()
            .collect())
    }
}

pub(super) type Writing<'a> = Transaction<'a, Sqlite>;

pub(super) async fn write_rows(
    transaction: &mut Writing<'_>,
    sql: &'static str,
    rows: Vec<Value>,
) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let rows = Value::Array(rows).to_string();
    sqlx::query(sql)
        .bind(rows)
        .execute(&mut **transaction)
        .await
        .map_err(store_error)?;
    Ok(())
}

pub(super) async fn write_change(transaction: &mut Writing<'_>, change: &CheckpointChange) -> Result<()> {
    write_segments(transaction, change).await?;
    identity::write(transaction, &change.identity).await
}

async fn write_segments(transaction: &mut Writing<'_>, change: &CheckpointChange) -> Result<()> {
    for segment in &change.segments_added {
        sqlx::query("INSERT INTO segments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
            .bind(&segment.name)
            .bind(to_i64(segment.rows))
            .bind(to_i64(segment.bytes))
            .bind(segment.min_timestamp_ms)
            .bind(segment.max_timestamp_ms)
            .bind(segment.min_profile_id)
            .bind(segment.max_profile_id)
            .bind(segment.collected_from_ms)
            .bind(segment.collected_to_ms)
            .bind(to_i64(segment.merges_applied))
            .bind(segment.checksum.cast_signed())
            .execute(&mut **transaction)
            .await
            .map_err(store_error)?;
    }
    for name in &change.segments_removed {
        sqlx::query("DELETE FROM segments WHERE name = ?")
            .bind(name)
            .execute(&mut **transaction)
            .await
            .map_err(store_error)?;
    }
    write_columns(transaction, "events", &change.columns_added).await?;
    write_columns(transaction, "profiles", &change.identity.trait_columns).await
}

async fn write_columns(transaction: &mut Writing<'_>, table: &str, columns: &[ColumnRow]) -> Result<()> {
    for column in columns {
        sqlx::query("INSERT INTO columns VALUES (?, ?, ?, ?, ?)")
            .bind(table)
            .bind(i64::from(column.position))
            .bind(&column.column)
            .bind(&column.property)
            .bind(type_name(column.data_type))
            .execute(&mut **transaction)
            .await
            .map_err(store_error)?;
    }
    Ok(())
}

async fn write_source(transaction: &mut Writing<'_>, source: &SourceCheckpoint, now_ms: i64) -> Result<()> {
    for (partition, next) in &source.positions {
        sqlx::query("INSERT OR REPLACE INTO positions VALUES (?, ?, ?, ?, ?)")
            .bind(&source.source)
            .bind(&source.cluster_id)
            .bind(&source.topic)
            .bind(partition)
            .bind(next)
            .execute(&mut **transaction)
            .await
            .map_err(store_error)?;
    }
    sqlx::query(
        "INSERT INTO source_counts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (source) DO UPDATE SET \
         events = events + excluded.events, duplicates = duplicates + excluded.duplicates, \
         malformed = malformed + excluded.malformed, checkpoint_ms = excluded.checkpoint_ms, \
         lost = lost + excluded.lost, blocked = blocked + excluded.blocked, \
         violations = violations + excluded.violations, left_out = left_out + excluded.left_out",
    )
    .bind(&source.source)
    .bind(to_i64(source.counts.events) - to_i64(source.quality.removed))
    .bind(to_i64(source.counts.duplicates))
    .bind(to_i64(source.counts.malformed))
    .bind(now_ms)
    .bind(to_i64(source.counts.lost))
    .bind(to_i64(source.counts.blocked))
    .bind(to_i64(source.counts.violations))
    .bind(to_i64(source.counts.left_out))
    .execute(&mut **transaction)
    .await
    .map_err(store_error)?;
    quality::write(transaction, &source.source, &source.quality).await
}

fn read_segment(row: &SqliteRow) -> SegmentRow {
    SegmentRow {
        name: row.get("name"),
        rows: to_u64(row.get("rows")),
        bytes: to_u64(row.get("bytes")),
        min_timestamp_ms: row.get("min_timestamp_ms"),
        max_timestamp_ms: row.get("max_timestamp_ms"),
        min_profile_id: row.get("min_profile_id"),
        max_profile_id: row.get("max_profile_id"),
        collected_from_ms: row.get("collected_from_ms"),
        collected_to_ms: row.get("collected_to_ms"),
        merges_applied: to_u64(row.get("merges_applied")),
        checksum: row.get::<i64, _>("checksum").cast_unsigned(),
    }
}

const TYPES: [(ColumnType, &str); 3] = [
    (ColumnType::Boolean, "boolean"),
    (ColumnType::Number, "number"),
    (ColumnType::Text, "text"),
];

fn type_name(data_type: ColumnType) -> &'static str {
    TYPES
        .iter()
        .find(|(found, _)| *found == data_type)
        .map_or("text", |(_, name)| name)
}

fn read_column(row: &SqliteRow) -> Result<ColumnRow> {
    let name: String = row.get("data_type");
    let found = TYPES.iter().find(|(_, known)| *known == name);
    let (data_type, _) = found.ok_or_else(|| bad_row("a column's type"))?;
    Ok(ColumnRow {
        position: u32::try_from(row.get::<i64, _>("position")).map_err(|_| bad_row("a column's position"))?,
        column: row.get("name"),
        property: row.get("property"),
        data_type: *data_type,
    })
}
