//! The history of lag, in two series a group: a week at ten seconds and a year at ten minutes.
//!
//! A row is a chunk: the points of one group for ten minutes (or a day), sums and partitions, packed by
//! [`super::pack`]. A chunk of ten minutes that is over becomes one point of the year. Invariants: what is unknown stays
//! unknown; a point of the year has the largest lag of its ten minutes and the last offsets.

use std::{cmp::Ordering, collections::BTreeMap};

use sqlx::{Row, SqliteConnection};
use tailrace_model::Result;

use super::{
    Store,
    pack::{pack, unpack},
    store_error,
};

/// Between two points of the week.
pub const WEEK_STEP_MS: i64 = 10_000;
/// How long they are kept.
pub const WEEK_MS: i64 = 7 * 86_400_000;
/// Between two points of the year; as long as a chunk of the week.
pub const YEAR_STEP_MS: i64 = 600_000;
pub const YEAR_MS: i64 = 365 * 86_400_000;
/// A chunk of the year.
const YEAR_CHUNK_MS: i64 = 86_400_000;
/// Rebalances kept of a group; the oldest give way.
const MARKS_MAX: i64 = 5_000;

/// Everything of one group at one time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LagRow {
    pub at_ms: i64,
    /// Sums over its partitions; `lag_ms`: the largest.
    pub total: LagValues,
    pub partitions: BTreeMap<(String, i32), LagValues>,
}

/// What is unknown is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LagValues {
    pub lag: Option<i64>,
    pub lag_ms: Option<i64>,
    /// `lag_ms` is guessed from samples, and was not read from a record.
    pub guessed: bool,
    pub committed: Option<i64>,
    pub end: Option<i64>,
}

impl LagValues {
    /// The largest lag of both, and the offsets of the later.
    pub(super) fn and_later(self, later: Self) -> Self {
        let guessed = match self.lag_ms.cmp(&later.lag_ms) {
            Ordering::Less => later.guessed,
            Ordering::Equal => self.guessed && later.guessed,
            Ordering::Greater => self.guessed,
        };
        Self {
            lag: self.lag.max(later.lag),
            lag_ms: self.lag_ms.max(later.lag_ms),
            guessed,
            committed: later.committed.or(self.committed),
            end: later.end.or(self.end),
        }
    }
}

/// Something that happened to a group at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LagMark {
    pub at_ms: i64,
    pub what: String,
}

/// One point for the time of many.
fn summed(rows: &[LagRow], at_ms: i64) -> Option<LagRow> {
    let mut rows = rows.iter();
    let mut all = rows.next()?.clone();
    for row in rows {
        all.total = all.total.and_later(row.total);
        for (key, values) in &row.partitions {
            let before = all.partitions.entry(key.clone()).or_default();
            *before = before.and_later(*values);
        }
    }
    Some(LagRow { at_ms, ..all })
}

impl Store {
    /// Adds a point of each group, by name; what is too old leaves.
    pub async fn add_lag(&self, cluster: &str, rows: &[(String, LagRow)]) -> Result<()> {
        let mut transaction = self.pool.begin().await.map_err(store_error)?;
        for (group, row) in rows {
            add_week(&mut transaction, cluster, group, row).await?;
        }
        if let Some(newest) = rows.iter().map(|(_, row)| row.at_ms).max() {
            for (step_ms, kept_ms, chunk_ms) in [
                (WEEK_STEP_MS, WEEK_MS, YEAR_STEP_MS),
                (YEAR_STEP_MS, YEAR_MS, YEAR_CHUNK_MS),
            ] {
                sqlx::query("DELETE FROM lag_chunks WHERE cluster = ? AND step_ms = ? AND from_ms < ?")
                    .bind(cluster)
                    .bind(step_ms)
                    .bind(newest - kept_ms - chunk_ms)
                    .execute(&mut *transaction)
                    .await
                    .map_err(store_error)?;
            }
        }
        transaction.commit().await.map_err(store_error)
    }

    /// Points of one group, or of all, since a time; by group, then time. Ten minutes apart where that is further back
    /// than `fine_ms`, ten seconds apart after it.
    pub async fn lag_since(
        &self,
        cluster: &str,
        group: Option<&str>,
        since_ms: i64,
        fine_ms: i64,
    ) -> Result<BTreeMap<String, Vec<LagRow>>> {
        let rows = sqlx::query(
            "SELECT group_name, step_ms, points FROM lag_chunks WHERE cluster = ? AND (? IS NULL OR group_name = ?) AND \
             ((step_ms = ? AND from_ms >= ?) OR (step_ms = ? AND from_ms >= ?)) ORDER BY group_name, from_ms",
        )
        .bind(cluster)
        .bind(group)
        .bind(group)
        .bind(WEEK_STEP_MS)
        .bind(since_ms.max(fine_ms) - YEAR_STEP_MS)
        .bind(YEAR_STEP_MS)
        .bind(since_ms - YEAR_CHUNK_MS)
        .fetch_all(&self.pool)
        .await
        .map_err(store_error)?;
        let mut coarse: BTreeMap<String, Vec<LagRow>> = BTreeMap::new();
        let mut fine: BTreeMap<String, Vec<LagRow>> = BTreeMap::new();
        for row in rows {
            let points = unpack(row.get(2))?.into_iter();
            let (series, from_ms) = match row.get::<i64, _>(1) == WEEK_STEP_MS {
                true => (&mut fine, since_ms.max(fine_ms)),
                false => (&mut coarse, since_ms),
            };
            series
                .entry(row.get(0))
                .or_default()
                .extend(points.filter(|point| point.at_ms >= from_ms));
        }
        // Where there are points of ten seconds, those of ten minutes say nothing more.
        for (group, points) in &mut fine {
            let first = points.first().map_or(i64::MAX, |point| point.at_ms);
            let mut all: Vec<LagRow> = coarse.remove(group).unwrap_or_default();
            all.retain(|point| point.at_ms < first);
            all.append(points);
            *points = all;
        }
        fine.retain(|_, points| !points.is_empty());
        coarse.retain(|_, points| !points.is_empty());
        fine.extend(coarse);
        Ok(fine)
    }

    /// The points of every group since a time, ten seconds apart and never ten minutes; by group, then time.
    pub async fn lag_fine(&self, cluster: &str, since_ms: i64) -> Result<BTreeMap<String, Vec<LagRow>>> {
        let rows = sqlx::query(
            "SELECT group_name, points FROM lag_chunks WHERE cluster = ? AND step_ms = ? AND from_ms >= ? \
             ORDER BY group_name, from_ms",
        )
        .bind(cluster)
        .bind(WEEK_STEP_MS)
        .bind(since_ms - YEAR_STEP_MS)
        .fetch_all(&self.pool)
        .await
        .map_err(store_error)?;
        let mut fine: BTreeMap<String, Vec<LagRow>> = BTreeMap::new();
        for row in rows {
            let points = unpack(row.get(1))?.into_iter();
            let since = points.filter(|point| point.at_ms >= since_ms);
            fine.entry(row.get(0)).or_default().extend(since);
        }
        Ok(fine)
    }

    /// Notes that something happened to a group.
    pub async fn add_lag_mark(&self, cluster: &str, group: &str, mark: &LagMark) -> Result<()> {
        let mut transaction = self.pool.begin().await.map_err(store_error)?;
        sqlx::query("INSERT OR REPLACE INTO lag_marks VALUES (?, ?, ?, ?)")
            .bind(cluster)
            .bind(group)
            .bind(mark.at_ms)
            .bind(&mark.what)
            .execute(&mut *transaction)
            .await
            .map_err(store_error)?;
        sqlx::query(
            "DELETE FROM lag_marks WHERE cluster = ?1 AND group_name = ?2 AND (at_ms < ?3 OR at_ms < \
             (SELECT at_ms FROM lag_marks WHERE cluster = ?1 AND group_name = ?2 ORDER BY at_ms DESC LIMIT 1 OFFSET ?4))",
        )
        .bind(cluster)
        .bind(group)
        .bind(mark.at_ms - YEAR_MS)
        .bind(MARKS_MAX - 1)
        .execute(&mut *transaction)
        .await
        .map_err(store_error)?;
        transaction.commit().await.map_err(store_error)
    }

    /// What happened to a group since a time, newest first.
    pub async fn lag_marks(
        &self,
        cluster: &str,
        group: &str,
        since_ms: i64,
        limit: u32,
    ) -> Result<Vec<LagMark>> {
        let rows = sqlx::query(
            "SELECT at_ms, what FROM lag_marks WHERE cluster = ? AND group_name = ? AND at_ms >= ? \
             ORDER BY at_ms DESC LIMIT ?",
        )
        .bind(cluster)
        .bind(group)
        .bind(since_ms)
        .bind(limit)
        .fetch_all(&self.pool)
        .await
        .map_err(store_error)?;
        Ok(rows
            .iter()
            .map(|row| LagMark {
                at_ms: row.get(0),
                what: row.get(1),
            })
            .collect())
    }
}

/// Adds to the week; a chunk that is begun makes a point of the year of the one before.
async fn add_week(connection: &mut SqliteConnection, cluster: &str, group: &str, row: &LagRow) -> Result<()> {
    let from_ms = row.at_ms - row.at_ms.rem_euclid(YEAR_STEP_MS);
    let begun = append(connection, cluster, group, WEEK_STEP_MS, from_ms, row).await?;
    if !begun {
        return Ok(());
    }
    let before = sqlx::query(
        "SELECT from_ms, points FROM lag_chunks WHERE cluster = ? AND group_name = ? AND step_ms = ? AND from_ms < ? \
         ORDER BY from_ms DESC LIMIT 1",
    )
    .bind(cluster)
    .bind(group)
    .bind(WEEK_STEP_MS)
    .bind(from_ms)
    .fetch_optional(&mut *connection)
    .await
    .map_err(store_error)?;
    let Some(before) = before else { return Ok(()) };
    let at_ms: i64 = before.get(0);
    if let Some(point) = summed(&unpack(before.get(1))?, at_ms) {
        let from_ms = at_ms - at_ms.rem_euclid(YEAR_CHUNK_MS);
        append(connection, cluster, group, YEAR_STEP_MS, from_ms, &point).await?;
    }
    Ok(())
}

/// Adds a point to a chunk, unless it has one of that step already, whose place it then takes. True when that begins it.
async fn append(
    connection: &mut SqliteConnection,
    cluster: &str,
    group: &str,
    step_ms: i64,
    from_ms: i64,
    row: &LagRow,
) -> Result<bool> {
    let found: Option<Vec<u8>> = sqlx::query_scalar(
        "SELECT points FROM lag_chunks WHERE cluster = ? AND group_name = ? AND step_ms = ? AND from_ms = ?",
    )
    .bind(cluster)
    .bind(group)
    .bind(step_ms)
    .bind(from_ms)
    .fetch_optional(&mut *connection)
    .await
    .map_err(store_error)?;
    let begun = found.is_none();
    let mut points = found.map(|bytes| unpack(&bytes)).transpose()?.unwrap_or_default();
    let step = |at_ms: i64| at_ms.div_euclid(step_ms);
    if points
        .last()
        .is_some_and(|last| step(last.at_ms) == step(row.at_ms))
    {
        points.pop();
    }
    if points.last().is_none_or(|last| last.at_ms < row.at_ms) {
        points.push(row.clone());
    }
    sqlx::query("INSERT OR REPLACE INTO lag_chunks VALUES (?, ?, ?, ?, ?)")
        .bind(cluster)
        .bind(group)
        .bind(step_ms)
        .bind(from_ms)
        .bind(pack(&points))
        .execute(&mut *connection)
        .await
        .map_err(store_error)?;
    Ok(begun)
}
