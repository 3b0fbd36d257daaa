//! Profiles, what ties them, what is suppressed: written with a checkpoint, read at the opening.

use serde_json::json;
use sqlx::{Row, sqlite::SqliteRow};
use tailrace_engine::identity::{
    Forgotten, IdentifierRow, IdentityChanges, IdentityRows, MergeRow, ProfileRow, SuppressionRow, TraitRow,
    UndoRow,
};
use tailrace_model::Result;

use super::{
    Store,
    checkpoint::{Writing, write_rows},
    store_error, to_u64,
};

pub(super) async fn write(transaction: &mut Writing<'_>, identity: &IdentityChanges) -> Result<()> {
    write_profiles(transaction, identity).await?;
    let merges = identity.merges.iter().map(|it| {
        json!([
            it.sequence,
            it.merged_profile_id,
            it.surviving_profile_id,
            it.message_id,
            it.evidence,
            it.merged_ms,
            it.merged_origin_id,
            it.surviving_origin_id,
            it.source,
            it.identifiers_before
        ])
    });
    let sql = "INSERT INTO merges (sequence, merged_profile_id, surviving_profile_id, message_id, evidence, merged_ms, \
               merged_origin_id, surviving_origin_id, source, identifiers_before) SELECT value->>0, value->>1, value->>2, \
               value->>3, value->>4, value->>5, value->>6, value->>7, value->>8, value->>9 FROM json_each(?)";
    write_rows(transaction, sql, merges.collect()).await?;
    let undos = identity.undos.iter().map(|it| {
        json!([
            it.sequence,
            it.merge,
            it.merges_before,
            it.profile_id,
            it.undone_ms,
            it.allowed_ms
        ])
    });
    let sql = "INSERT OR REPLACE INTO merge_undos SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5 \
               FROM json_each(?)";
    write_rows(transaction, sql, undos.collect()).await?;
    let suppressions = identity.suppressions.iter();
    let suppressions = suppressions.map(|it| json!([it.kind, it.hash, it.since_ms, it.dropped, it.until_ms]));
    let sql = "INSERT OR REPLACE INTO suppressions SELECT value->>0, value->>1, value->>2, value->>3, value->>4 \
               FROM json_each(?)";
    write_rows(transaction, sql, suppressions.collect()).await?;
    forget(transaction, &identity.forgotten).await
}

async fn write_profiles(transaction: &mut Writing<'_>, identity: &IdentityChanges) -> Result<()> {
    let identifiers = identity.identifiers.iter();
    let identifiers =
        identifiers.map(|it| json!([it.sequence, it.kind, it.value, it.profile_id, it.first_seen_ms]));
    let sql = "INSERT INTO identifiers SELECT value->>0, value->>1, value->>2, value->>3, value->>4 FROM json_each(?)";
    write_rows(transaction, sql, identifiers.collect()).await?;
    let profiles = identity.profiles.iter().map(|it| {
        json!([
            it.profile_id,
            it.first_seen_ms,
            it.last_seen_ms,
            it.events,
            it.merged_into,
            i64::from(it.deleted)
        ])
    });
    let sql = "INSERT OR REPLACE INTO profiles (profile_id, first_seen_ms, last_seen_ms, events, merged_into, deleted) \
               SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5 FROM json_each(?)";
    write_rows(transaction, sql, profiles.collect()).await?;
    let traits = identity.traits.iter();
    let traits = traits.map(|it| json!([it.profile_id, it.name, it.value, it.updated_ms]));
    let sql = "INSERT OR REPLACE INTO profile_traits SELECT value->>0, value->>1, value->>2, value->>3 FROM json_each(?)";
    write_rows(transaction, sql, traits.collect()).await
}

async fn forget(transaction: &mut Writing<'_>, forgotten: &Forgotten) -> Result<()> {
    let profiles = json!(forgotten.profile_ids).to_string();
    for (sql, ids) in [
        (
            "DELETE FROM profile_traits WHERE profile_id IN (SELECT value FROM json_each(?))",
            &profiles,
        ),
        (
            "DELETE FROM members WHERE profile_id IN (SELECT value FROM json_each(?))",
            &profiles,
        ),
        (
            "DELETE FROM membership_changes WHERE profile_id IN (SELECT value FROM json_each(?))",
            &profiles,
        ),
        (
            "DELETE FROM identifiers WHERE sequence IN (SELECT value FROM json_each(?))",
            &json!(forgotten.identifiers).to_string(),
        ),
        (
            "UPDATE merges SET message_id = '', evidence = '' WHERE sequence IN (SELECT value FROM json_each(?))",
            &json!(forgotten.merges).to_string(),
        ),
    ] {
        if forgotten.profile_ids.is_empty() {
            return Ok(());
        }
        sqlx::query(sql)
            .bind(ids)
            .execute(&mut **transaction)
            .await
            .map_err(store_error)?;
    }
    Ok(())
}

impl Store {
    pub(super) async fn identity_rows(&self) -> Result<IdentityRows> {
        Ok(IdentityRows {
            identifiers: self
                .all("SELECT * FROM identifiers ORDER BY sequence", read_identifier)
                .await?,
            profiles: self
                .all("SELECT * FROM profiles ORDER BY profile_id", read_profile)
                .await?,
            traits: self.all("SELECT * FROM profile_traits", read_trait).await?,
            merges: self
                .all("SELECT * FROM merges ORDER BY sequence", read_merge)
                .await?,
            undos: self
                .all("SELECT * FROM merge_undos ORDER BY sequence", read_undo)
                .await?,
            suppressions: self.all("SELECT * FROM suppressions", read_suppression).await?,
            trait_columns: self.columns("profiles").await?,
        })
    }
}

fn read_identifier(row: &SqliteRow) -> IdentifierRow {
    IdentifierRow {
        sequence: row.get("sequence"),
        kind: row.get("kind"),
        value: row.get("value"),
        profile_id: row.get("profile_id"),
        first_seen_ms: row.get("first_seen_ms"),
    }
}

fn read_profile(row: &SqliteRow) -> ProfileRow {
    ProfileRow {
        profile_id: row.get("profile_id"),
        first_seen_ms: row.get("first_seen_ms"),
        last_seen_ms: row.get("last_seen_ms"),
        events: row.get("events"),
        merged_into: row.get("merged_into"),
        deleted: row.get("deleted"),
    }
}

fn read_trait(row: &SqliteRow) -> TraitRow {
    TraitRow {
        profile_id: row.get("profile_id"),
        name: row.get("name"),
        value: row.get("value"),
        updated_ms: row.get("updated_ms"),
    }
}

fn read_merge(row: &SqliteRow) -> MergeRow {
    MergeRow {
        sequence: row.get("sequence"),
        merged_profile_id: row.get("merged_profile_id"),
        surviving_profile_id: row.get("surviving_profile_id"),
        merged_origin_id: row.get("merged_origin_id"),
        surviving_origin_id: row.get("surviving_origin_id"),
        message_id: row.get("message_id"),
        source: row.get("source"),
        evidence: row.get("evidence"),
        merged_ms: row.get("merged_ms"),
        identifiers_before: row.get("identifiers_before"),
    }
}

fn read_undo(row: &SqliteRow) -> UndoRow {
    UndoRow {
        sequence: row.get("sequence"),
        merge: row.get("merge"),
        merges_before: row.get("merges_before"),
        profile_id: row.get("profile_id"),
        undone_ms: row.get("undone_ms"),
        allowed_ms: row.get("allowed_ms"),
    }
}

fn read_suppression(row: &SqliteRow) -> SuppressionRow {
    SuppressionRow {
        kind: row.get("kind"),
        hash: row.get("hash"),
        since_ms: row.get("since_ms"),
        dropped: to_u64(row.get("dropped")),
        until_ms: row.get("until_ms"),
    }
}
