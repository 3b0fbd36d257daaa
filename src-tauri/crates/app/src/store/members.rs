//! Memberships: who is in, since when, and what changed.

use sqlx::Row;
use tailrace_engine::audiences::MemberSince;
use tailrace_model::Result;

use super::{Store, store_error, to_i64, to_u64};

/// Changes kept for each audience.
const CHANGES_MAX: i64 = 100_000;
/// Sizes are kept for a year.
const SIZES_KEPT_MS: i64 = 365 * 86_400_000;

/// One change of membership.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeRow {
    pub audience: String,
    pub profile_id: i64,
    pub entered: bool,
    pub at_ms: i64,
}

impl Store {
    /// Members and since when, by profile.
    pub async fn members(&self, audience: &str) -> Result<Vec<MemberSince>> {
        let rows =
            sqlx::query("SELECT profile_id, since_ms FROM members WHERE audience = ? ORDER BY profile_id")
                .bind(audience)
                .fetch_all(&self.pool)
                .await
                .map_err(store_error)?;
        Ok(rows
            .iter()
            .map(|row| MemberSince {
                profile_id: row.get(0),
                since_ms: row.get(1),
            })
            .collect())
    }

    /// Records who entered and who exited at a time, and the size after it, together.
    pub async fn change_members(
        &self,
        audience: &str,
        entered: &[i64],
        exited: &[i64],
        at_ms: i64,
        size: u64,
    ) -> Result<()> {
        let mut transaction = self.pool.begin().await.map_err(store_error)?;
        let (entered, exited) = (id_list(entered), id_list(exited));
        sqlx::query("INSERT OR REPLACE INTO members SELECT ?, value, ? FROM json_each(?)")
            .bind(audience)
            .bind(at_ms)
            .bind(&entered)
            .execute(&mut *transaction)
            .await
            .map_err(store_error)?;
        sqlx::query(
            "DELETE FROM members WHERE audience = ? AND profile_id IN (SELECT value FROM json_each(?))",
        )
        .bind(audience)
        .bind(&exited)
        .execute(&mut *transaction)
        .await
        .map_err(store_error)?;
        for (ids, entered) in [(&entered, true), (&exited, false)] {
            sqlx::query(
                "INSERT INTO membership_changes (audience, profile_id, entered, at_ms) \
                 SELECT ?, value, ?, ? FROM json_each(?)",
            )
            .bind(audience)
            .bind(entered)
            .bind(at_ms)
            .bind(ids)
            .execute(&mut *transaction)
            .await
            .map_err(store_error)?;
        }
        sqlx::query("INSERT OR REPLACE INTO audience_sizes VALUES (?, ?, ?)")
            .bind(audience)
            .bind(at_ms)
            .bind(to_i64(size))
            .execute(&mut *transaction)
            .await
            .map_err(store_error)?;
        trim(&mut transaction, audience, at_ms).await?;
        transaction.commit().await.map_err(store_error)
    }

    /// Members whose profile was merged are those that it was merged into, which is no change of membership.
    pub async fn merge_members(&self, audience: &str, merged: &[(i64, MemberSince)]) -> Result<()> {
        let mut transaction = self.pool.begin().await.map_err(store_error)?;
        for (gone, into) in merged {
            sqlx::query("DELETE FROM members WHERE audience = ? AND profile_id = ?")
                .bind(audience)
                .bind(gone)
                .execute(&mut *transaction)
                .await
                .map_err(store_error)?;
            sqlx::query("INSERT OR REPLACE INTO members VALUES (?, ?, ?)")
                .bind(audience)
                .bind(into.profile_id)
                .bind(into.since_ms)
                .execute(&mut *transaction)
                .await
                .map_err(store_error)?;
        }
        transaction.commit().await.map_err(store_error)
    }

    /// Forgets an audience that is no longer defined.
    pub async fn forget_audience(&self, audience: &str) -> Result<()> {
        let mut transaction = self.pool.begin().await.map_err(store_error)?;
        for sql in [
            "DELETE FROM members WHERE audience = ?",
            "DELETE FROM membership_changes WHERE audience = ?",
            "DELETE FROM audience_sizes WHERE audience = ?",
        ] {
            sqlx::query(sql)
                .bind(audience)
                .execute(&mut *transaction)
                .await
                .map_err(store_error)?;
        }
        transaction.commit().await.map_err(store_error)
    }

    /// Changes of one audience (of all: an empty name), newest first, and how many there are.
    pub async fn membership_changes(
        &self,
        audience: &str,
        offset: u64,
        limit: u32,
    ) -> Result<(Vec<ChangeRow>, u64)> {
        let rows = sqlx::query(
            "SELECT audience, profile_id, entered, at_ms FROM membership_changes WHERE ? = '' OR audience = ? \
             ORDER BY id DESC LIMIT ? OFFSET ?",
        )
        .bind(audience)
        .bind(audience)
        .bind(limit)
        .bind(to_i64(offset))
        .fetch_all(&self.pool)
        .await
        .map_err(store_error)?;
        let total: i64 =
            sqlx::query_scalar("SELECT count(*) FROM membership_changes WHERE ? = '' OR audience = ?")
                .bind(audience)
                .bind(audience)
                .fetch_one(&self.pool)
                .await
                .map_err(store_error)?;
        let changes = rows
            .iter()
            .map(|row| ChangeRow {
                audience: row.get(0),
                profile_id: row.get(1),
                entered: row.get(2),
                at_ms: row.get(3),
            })
            .collect();
        Ok((changes, to_u64(total)))
    }

    /// Sizes of an audience since a time, oldest first.
    pub async fn audience_sizes(&self, audience: &str, since_ms: i64) -> Result<Vec<(i64, u64)>> {
        let rows = sqlx::query(
            "SELECT at_ms, size FROM audience_sizes WHERE audience = ? AND at_ms >= ? ORDER BY at_ms",
        )
        .bind(audience)
        .bind(since_ms)
        .fetch_all(&self.pool)
        .await
        .map_err(store_error)?;
        Ok(rows.iter().map(|row| (row.get(0), to_u64(row.get(1)))).collect())
    }
}

/// A JSON array, which SQLite reads as rows.
fn id_list(ids: &[i64]) -> String {
    serde_json::Value::from(ids).to_string()
}

async fn trim(
    transaction: &mut sqlx::Transaction<'_, sqlx::Sqlite>,
    audience: &str,
    at_ms: i64,
) -> Result<()> {
    sqlx::query(
        "DELETE FROM membership_changes WHERE audience = ? AND id <= \
         (SELECT id FROM membership_changes WHERE audience = ? ORDER BY id DESC LIMIT 1 OFFSET ?)",
    )
    .bind(audience)
    .bind(audience)
    .bind(CHANGES_MAX)
    .execute(&mut **transaction)
    .await
    .map_err(store_error)?;
    sqlx::query("DELETE FROM audience_sizes WHERE audience = ? AND at_ms < ?")
        .bind(audience)
        .bind(at_ms - SIZES_KEPT_MS)
        .execute(&mut **transaction)
        .await
        .map_err(store_error)?;
    Ok(())
}
