//! What is kept of a person beside profiles: records in the quarantine, rows that destinations have, errors of runs.

use sqlx::Row;
use tailrace_engine::log::CheckpointChange;
use tailrace_model::Result;

use super::{Store, checkpoint, store_error};

/// Where identifiers of a person stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mentions {
    /// What was looked for.
    pub texts: Vec<String>,
    /// Ids of records in the quarantine.
    pub quarantined: Vec<i64>,
    /// Ids of runs whose error or note has one.
    pub runs: Vec<i64>,
    /// By sync, rows that its destination has, or may have.
    pub delivered: Vec<(String, u64)>,
}

impl Store {
    /// Where any of these texts stands, as a word of its own.
    pub async fn mentions(&self, texts: &[String]) -> Result<Mentions> {
        let mut found = Mentions {
            texts: texts.to_vec(),
            ..Mentions::default()
        };
        for (sql, ids) in [
            (
                "WITH q AS (SELECT id, concat_ws(' ', value, reason, CAST(key AS TEXT), CAST(record AS TEXT)) AS text \
                 FROM quarantine) SELECT q.id, q.text FROM q \
                 WHERE EXISTS (SELECT 1 FROM json_each(?) t WHERE instr(q.text, t.value) > 0)",
                &mut found.quarantined,
            ),
            (
                "SELECT r.id, coalesce(r.error, '') || ' ' || coalesce(r.note, '') FROM sync_runs r WHERE EXISTS \
                 (SELECT 1 FROM json_each(?) t WHERE instr(r.error, t.value) > 0 OR instr(r.note, t.value) > 0)",
                &mut found.runs,
            ),
        ] {
            let rows = sqlx::query(sql)
                .bind(serde_json::json!(texts).to_string())
                .fetch_all(&self.pool)
                .await
                .map_err(store_error)?;
            let own = rows.iter().filter(|row| mentions(row.get(1), texts));
            ids.extend(own.map(|row| row.get::<i64, _>(0)));
        }
        let rows = sqlx::query(
            "SELECT s.sync, s.key || ' ' || coalesce(s.row, '') FROM sync_rows s WHERE EXISTS \
             (SELECT 1 FROM json_each(?) t WHERE instr(s.key, t.value) > 0 OR instr(s.row, t.value) > 0) ORDER BY s.sync",
        )
        .bind(serde_json::json!(texts).to_string())
        .fetch_all(&self.pool)
        .await
        .map_err(store_error)?;
        for row in rows.iter().filter(|row| mentions(row.get(1), texts)) {
            let sync: String = row.get(0);
            match found.delivered.last_mut() {
                Some((last, count)) if *last == sync => *count += 1,
                _ => found.delivered.push((sync, 1)),
            }
        }
        Ok(found)
    }

    /// Deletes a person: the event log's files, profiles, memberships and what mentions them, all of it or nothing.
    pub async fn forget(&self, change: &CheckpointChange, mentions: &Mentions) -> Result<()> {
        let mut transaction = self.pool.begin().await.map_err(store_error)?;
        checkpoint::write_change(&mut transaction, change).await?;
        for (sql, ids) in [
            (
                "DELETE FROM quarantine WHERE id IN (SELECT value FROM json_each(?))",
                &mentions.quarantined,
            ),
            (
                "UPDATE sync_runs SET error = iif(error IS NULL, NULL, 'deleted with a person'), note = NULL \
                 WHERE id IN (SELECT value FROM json_each(?))",
                &mentions.runs,
            ),
        ] {
            sqlx::query(sql)
                .bind(serde_json::json!(ids).to_string())
                .execute(&mut *transaction)
                .await
                .map_err(store_error)?;
        }
        // Why an event did not meet its plan may quote it.
        sqlx::query(
            "UPDATE violations SET reason = '' WHERE EXISTS \
             (SELECT 1 FROM json_each(?) t WHERE instr(reason, t.value) > 0)",
        )
        .bind(serde_json::json!(mentions.texts).to_string())
        .execute(&mut *transaction)
        .await
        .map_err(store_error)?;
        transaction.commit().await.map_err(store_error)
    }

    /// Writes the file anew, so that nothing that was deleted is left in it or in its journal.
    pub async fn erase_deleted(&self) -> Result<()> {
        for sql in ["VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"] {
            sqlx::query(sql).execute(&self.pool).await.map_err(store_error)?;
        }
        Ok(())
    }
}

/// Whether any of the texts stands in another as a word of its own: `42` is not in `1420`.
fn mentions(within: &str, texts: &[String]) -> bool {
    let part = |c: char| c.is_alphanumeric();
    texts.iter().filter(|text| !text.is_empty()).any(|text| {
        within.match_indices(text.as_str()).any(|(at, _)| {
            let before = within[..at].chars().next_back();
            let after = within[at + text.len()..].chars().next();
            let starts = text.chars().next().is_some_and(part);
            let ends = text.chars().next_back().is_some_and(part);
            let within_word = starts && before.is_some_and(part) || ends && after.is_some_and(part);
            !within_word
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mention_is_a_word_of_its_own() {
        let check = |within: &str, text: &str, expected: bool| {
            assert_eq!(
                mentions(within, &[text.to_owned()]),
                expected,
                "{text} in {within}"
            );
        };
        check(r#"{"userId":"u_1"}"#, "u_1", true);
        check(r#"{"userId":"u_12"}"#, "u_1", false);
        check(r#"{"userId":42}"#, "42", true);
        check(r#"{"userId":1420}"#, "42", false);
        check("anna@shop.test", "anna@shop.test", true);
        check("hanna@shop.test", "anna@shop.test", false);
        check("x1 1", "1", true);
        check("anything", "", false);
    }
}
