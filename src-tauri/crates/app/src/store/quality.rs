//! The quarantine, violations of tracking plans by hour, and the versions of plans that were used.
//!
//! Invariants: what a record was refused for is written in the transaction that moves its position, and it leaves the
//! quarantine in the one that holds its event; the oldest leave where there are too many, and are counted.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{Row, sqlite::SqliteRow};
use tailrace_connectors::formats::preview;
use tailrace_model::{
    Error, Result,
    api::{MalformedRecord, PlanVersion, QuarantineKind, QuarantinedRecord, ViolationCount, ViolationHour},
    limits::CELL_CHARS_MAX,
};

use super::{Store, checkpoint::Writing, store_error, to_i64, to_u64};

/// Records kept in the quarantine for each source; the oldest leave.
pub const QUARANTINE_RECORDS_MAX: u64 = 100_000;
/// Bytes of their values.
pub const QUARANTINE_BYTES_MAX: u64 = 256 << 20;
/// Bytes of one value; of a larger one only the beginning is kept, and it can't be replayed from here.
const RECORD_BYTES_MAX: usize = 1 << 20;
/// Records that leave at once, where their bytes are too many.
const EVICTED_AT_ONCE: i64 = 100;
/// Violations are kept by hour for this long.
const VIOLATIONS_KEPT_MS: i64 = 90 * 86_400_000;
const HOUR_MS: i64 = 3_600_000;

/// A record that became no event.
#[derive(Debug, Clone, PartialEq)]
pub struct QuarantineRow {
    /// Of one that is kept already.
    pub id: i64,
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    pub timestamp_ms: Option<i64>,
    pub kind: QuarantineKind,
    pub event: Option<String>,
    pub message_id: Option<String>,
    pub fields: Option<String>,
    pub reason: String,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    /// It was too large to be kept whole.
    pub cut: bool,
    pub seen_ms: i64,
}

impl QuarantineRow {
    /// Memory that it takes, about.
    pub fn bytes(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let bytes = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
        200 + self.reason.len()
            + text(&self.event)
            + text(&self.fields)
            + bytes(&self.key)
            + bytes(&self.value)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ViolationKey {
    pub hour_ms: i64,
    pub event: String,
    pub field: String,
}

/// How often, and the last one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViolationRow {
    pub count: u64,
    pub reason: String,
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    pub first_ms: i64,
    pub last_ms: i64,
}

/// What waits for a checkpoint.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Waiting {
    pub quarantined: Vec<QuarantineRow>,
    pub violations: BTreeMap<ViolationKey, ViolationRow>,
    /// Leave the quarantine: their events are in the same checkpoint, or are not wanted.
    pub released: Vec<i64>,
    /// Were read again: whatever is kept of this place gives way. Topic, partition, offset.
    pub read_again: Vec<(String, i32, i64)>,
    /// Stay, with what is wrong with them now.
    pub judged_again: Vec<QuarantineRow>,
    /// Events that a replay takes out of the log.
    pub removed: u64,
    bytes: usize,
}

impl Waiting {
    pub fn quarantine(&mut self, rows: Vec<QuarantineRow>) {
        self.bytes += rows.iter().map(QuarantineRow::bytes).sum::<usize>();
        self.quarantined.extend(rows);
    }

    /// Memory that quarantined records take, about.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Counts one; `kinds_max` bounds how many kinds of violations are told apart.
    pub fn violated(&mut self, key: ViolationKey, row: ViolationRow, kinds_max: usize) {
        let key = match self.violations.len() < kinds_max || self.violations.contains_key(&key) {
            true => key,
            false => ViolationKey {
                event: "(others)".to_owned(),
                field: "(others)".to_owned(),
                ..key
            },
        };
        match self.violations.get_mut(&key) {
            Some(there) => {
                *there = ViolationRow {
                    count: there.count + row.count,
                    first_ms: there.first_ms.min(row.first_ms),
                    ..row
                };
            }
            None => drop(self.violations.insert(key, row)),
        }
    }
}

/// When the hour of a time begins.
pub fn hour_of(ms: i64) -> i64 {
    ms.div_euclid(HOUR_MS) * HOUR_MS
}

const KINDS: [(QuarantineKind, &str); 3] = [
    (QuarantineKind::Malformed, "malformed"),
    (QuarantineKind::Blocked, "blocked"),
    (QuarantineKind::Failed, "failed"),
];

pub fn kind_name(kind: QuarantineKind) -> &'static str {
    KINDS
        .iter()
        .find(|(known, _)| *known == kind)
        .map_or("malformed", |(_, name)| name)
}

fn kind_of(name: &str) -> QuarantineKind {
    KINDS
        .iter()
        .find(|(_, known)| *known == name)
        .map_or(QuarantineKind::Malformed, |(kind, _)| *kind)
}

pub(super) async fn write(transaction: &mut Writing<'_>, source: &str, waiting: &Waiting) -> Result<()> {
    for id in &waiting.released {
        sqlx::query("DELETE FROM quarantine WHERE id = ?")
            .bind(id)
            .execute(&mut **transaction)
            .await
            .map_err(store_error)?;
    }
    for (topic, partition, offset) in &waiting.read_again {
        sqlx::query(
            "DELETE FROM quarantine WHERE source = ? AND topic = ? AND partition = ? AND \"offset\" = ?",
        )
        .bind(source)
        .bind(topic)
        .bind(partition)
        .bind(offset)
        .execute(&mut **transaction)
        .await
        .map_err(store_error)?;
    }
    for row in &waiting.judged_again {
        sqlx::query(
            "UPDATE quarantine SET reason = ?, kind = ?, event = ?, message_id = ?, fields = ?, tries = tries + 1 \
             WHERE id = ?",
        )
        .bind(&row.reason)
        .bind(kind_name(row.kind))
        .bind(&row.event)
        .bind(&row.message_id)
        .bind(&row.fields)
        .bind(row.id)
        .execute(&mut **transaction)
        .await
        .map_err(store_error)?;
    }
    write_quarantined(transaction, source, &waiting.quarantined).await?;
    write_violations(transaction, source, &waiting.violations).await
}

async fn write_quarantined(
    transaction: &mut Writing<'_>,
    source: &str,
    rows: &[QuarantineRow],
) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    for row in rows {
        let value = row.value.as_deref();
        sqlx::query(
            "INSERT INTO quarantine (source, topic, partition, \"offset\", reason, value, seen_ms, kind, event, message_id, \
             fields, timestamp_ms, key, record) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(source)
        .bind(&row.topic)
        .bind(row.partition)
        .bind(row.offset)
        .bind(&row.reason)
        .bind(value.map_or_else(String::new, |value| preview(value, CELL_CHARS_MAX)))
        .bind(row.seen_ms)
        .bind(kind_name(row.kind))
        .bind(&row.event)
        .bind(&row.message_id)
        .bind(&row.fields)
        .bind(row.timestamp_ms)
        .bind(row.key.as_deref().filter(|key| key.len() <= RECORD_BYTES_MAX))
        .bind(value.filter(|value| value.len() <= RECORD_BYTES_MAX))
        .execute(&mut **transaction)
        .await
        .map_err(store_error)?;
    }
    evict(transaction, source).await
}

/// The oldest leave where there are too many.
async fn evict(transaction: &mut Writing<'_>, source: &str) -> Result<()> {
    loop {
        let sizes = sqlx::query("SELECT records, bytes FROM quarantine_sizes WHERE source = ?")
            .bind(source)
            .fetch_optional(&mut **transaction)
            .await
            .map_err(store_error)?;
        let Some(sizes) = sizes else { return Ok(()) };
        let (records, bytes) = (to_u64(sizes.get(0)), to_u64(sizes.get(1)));
        let surplus = to_i64(records.saturating_sub(QUARANTINE_RECORDS_MAX));
        let leaving = match (surplus, bytes > QUARANTINE_BYTES_MAX) {
            (0, false) => return Ok(()),
            (surplus, true) => surplus.max(EVICTED_AT_ONCE),
            (surplus, false) => surplus,
        };
        let gone = sqlx::query(
            "DELETE FROM quarantine WHERE id IN (SELECT id FROM quarantine WHERE source = ? ORDER BY id LIMIT ?)",
        )
        .bind(source)
        .bind(leaving)
        .execute(&mut **transaction)
        .await
        .map_err(store_error)?;
        sqlx::query("UPDATE quarantine_sizes SET evicted = evicted + ? WHERE source = ?")
            .bind(to_i64(gone.rows_affected()))
            .bind(source)
            .execute(&mut **transaction)
            .await
            .map_err(store_error)?;
        if gone.rows_affected() == 0 {
            return Ok(());
        }
    }
}

async fn write_violations(
    transaction: &mut Writing<'_>,
    source: &str,
    violations: &BTreeMap<ViolationKey, ViolationRow>,
) -> Result<()> {
    let Some(newest) = violations.values().map(|row| row.last_ms).max() else {
        return Ok(());
    };
    for (key, row) in violations {
        sqlx::query(
            "INSERT INTO violations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET \
             count = count + excluded.count, reason = excluded.reason, topic = excluded.topic, \
             partition = excluded.partition, \"offset\" = excluded.\"offset\", last_ms = excluded.last_ms",
        )
        .bind(source)
        .bind(key.hour_ms)
        .bind(&key.event)
        .bind(&key.field)
        .bind(to_i64(row.count))
        .bind(&row.reason)
        .bind(&row.topic)
        .bind(row.partition)
        .bind(row.offset)
        .bind(row.first_ms)
        .bind(row.last_ms)
        .execute(&mut **transaction)
        .await
        .map_err(store_error)?;
    }
    sqlx::query("DELETE FROM violations WHERE source = ? AND hour_ms < ?")
        .bind(source)
        .bind(newest - VIOLATIONS_KEPT_MS)
        .execute(&mut **transaction)
        .await
        .map_err(store_error)?;
    Ok(())
}

/// How much the quarantine holds of a source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QuarantineSize {
    pub records: u64,
    pub evicted: u64,
}

/// Which records of the quarantine are wanted; empty texts: all.
#[derive(Debug, Clone, Default)]
pub struct QuarantineWanted {
    pub source: String,
    pub text: String,
    pub event: String,
    pub field: String,
}

const WANTED: &str = "(?1 = '' OR source = ?1) AND (?2 = '' OR event = ?2) \
    AND (?3 = '' OR ', ' || fields || ', ' LIKE '%, ' || ?3 || ', %') \
    AND (?4 = '' OR instr(lower(reason || ' ' || coalesce(event, '') || ' ' || coalesce(message_id, '') || ' ' || value), ?4) > 0)";

impl Store {
    /// Malformed records of a source (of all: an empty name), newest first.
    pub async fn malformed(&self, source: &str, offset: u64, limit: u32) -> Result<Vec<MalformedRecord>> {
        let rows = sqlx::query(
            "SELECT * FROM quarantine WHERE kind = 'malformed' AND (?1 = '' OR source = ?1) ORDER BY id DESC LIMIT ?2 OFFSET ?3",
        )
        .bind(source)
        .bind(limit)
        .bind(to_i64(offset))
        .fetch_all(&self.pool)
        .await
        .map_err(store_error)?;
        let read = |row: &SqliteRow| MalformedRecord {
            source: row.get("source"),
            topic: row.get("topic"),
            partition: row.get("partition"),
            offset: row.get("offset"),
            reason: row.get("reason"),
            value: row.get("value"),
            seen_ms: row.get("seen_ms"),
        };
        Ok(rows.iter().map(read).collect())
    }

    /// A page of the quarantine, newest first, and how many match in all.
    pub async fn quarantine(
        &self,
        wanted: &QuarantineWanted,
        offset: u64,
        limit: u32,
    ) -> Result<(Vec<QuarantinedRecord>, u64)> {
        let page = format!("SELECT * FROM quarantine WHERE {WANTED} ORDER BY id DESC LIMIT ?5 OFFSET ?6");
        let text = wanted.text.trim().to_lowercase();
        let rows = sqlx::query(sqlx::AssertSqlSafe(page))
            .bind(&wanted.source)
            .bind(&wanted.event)
            .bind(&wanted.field)
            .bind(&text)
            .bind(limit)
            .bind(to_i64(offset))
            .fetch_all(&self.pool)
            .await
            .map_err(store_error)?;
        let count = format!("SELECT count(*) FROM quarantine WHERE {WANTED}");
        let total: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(count))
            .bind(&wanted.source)
            .bind(&wanted.event)
            .bind(&wanted.field)
            .bind(&text)
            .fetch_one(&self.pool)
            .await
            .map_err(store_error)?;
        Ok((rows.iter().map(shown).collect(), to_u64(total)))
    }

    /// Records that had to leave the quarantine of a source (of all: an empty name).
    pub async fn quarantine_evicted(&self, source: &str) -> Result<u64> {
        let evicted: Option<i64> =
            sqlx::query_scalar("SELECT sum(evicted) FROM quarantine_sizes WHERE ?1 = '' OR source = ?1")
                .bind(source)
                .fetch_one(&self.pool)
                .await
                .map_err(store_error)?;
        Ok(to_u64(evicted.unwrap_or(0)))
    }

    /// One record, and its whole value; absent: it was null or too large.
    pub async fn quarantined(&self, id: i64) -> Result<(QuarantinedRecord, Option<Vec<u8>>)> {
        let row = sqlx::query("SELECT * FROM quarantine WHERE id = ?")
            .bind(id)
            .fetch_optional(&self.pool)
            .await
            .map_err(store_error)?;
        let row = row.ok_or_else(|| {
            let sentence = format!(
                "there is no record {id} in the quarantine: it was replayed, or had to leave; `tailrace quarantine list` shows what there is"
            );
            Error::user("unknown_quarantined", sentence)
        })?;
        Ok((shown(&row), row.get("record")))
    }

    /// Records of a source as they were read, those after an id, oldest first; and the id of the last.
    pub async fn quarantine_after(
        &self,
        source: &str,
        after: i64,
        limit: u32,
    ) -> Result<Vec<(QuarantineRow, u32)>> {
        let rows = sqlx::query("SELECT * FROM quarantine WHERE source = ? AND id > ? ORDER BY id LIMIT ?")
            .bind(source)
            .bind(after)
            .bind(limit)
            .fetch_all(&self.pool)
            .await
            .map_err(store_error)?;
        Ok(rows.iter().map(whole).collect())
    }

    /// Partitions and offsets of which something of a source is kept.
    pub async fn quarantine_places(&self, source: &str, topic: &str) -> Result<BTreeSet<(i32, i64)>> {
        let rows = sqlx::query("SELECT partition, \"offset\" FROM quarantine WHERE source = ? AND topic = ?")
            .bind(source)
            .bind(topic)
            .fetch_all(&self.pool)
            .await
            .map_err(store_error)?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// Records that the quarantine holds now, and those that had to leave it, by source.
    pub async fn quarantine_sizes(&self) -> Result<BTreeMap<String, QuarantineSize>> {
        let rows = sqlx::query("SELECT source, records, evicted FROM quarantine_sizes")
            .fetch_all(&self.pool)
            .await
            .map_err(store_error)?;
        let read = |row: &SqliteRow| {
            let size = QuarantineSize {
                records: to_u64(row.get(1)),
                evicted: to_u64(row.get(2)),
            };
            (row.get(0), size)
        };
        Ok(rows.iter().map(read).collect())
    }

    /// Sources that have something in the quarantine.
    pub async fn quarantine_sources(&self) -> Result<Vec<String>> {
        sqlx::query_scalar("SELECT source FROM quarantine_sizes WHERE records > 0 ORDER BY source")
            .fetch_all(&self.pool)
            .await
            .map_err(store_error)
    }

    /// Violations of a source (of all: an empty name) since a time, the most frequent first.
    pub async fn violations(&self, source: &str, from_ms: i64) -> Result<Vec<ViolationCount>> {
        let rows = sqlx::query(
            "SELECT * FROM violations WHERE (?1 = '' OR source = ?1) AND hour_ms >= ?2 ORDER BY hour_ms",
        )
        .bind(source)
        .bind(hour_of(from_ms))
        .fetch_all(&self.pool)
        .await
        .map_err(store_error)?;
        let mut found: BTreeMap<(String, String, String), ViolationCount> = BTreeMap::new();
        for row in &rows {
            let (source, event, field): (String, String, String) =
                (row.get("source"), row.get("event"), row.get("field"));
            let key = (source.clone(), event.clone(), field.clone());
            let there = found.entry(key).or_insert_with(|| ViolationCount {
                source,
                event,
                field,
                count: 0,
                first_ms: row.get("first_ms"),
                last_ms: 0,
                reason: String::new(),
                topic: String::new(),
                partition: 0,
                offset: 0,
                hours: Vec::new(),
            });
            let count = to_u64(row.get("count"));
            there.count += count;
            there.last_ms = row.get("last_ms");
            there.reason = row.get("reason");
            there.topic = row.get("topic");
            there.partition = row.get("partition");
            there.offset = row.get("offset");
            there.hours.push(ViolationHour {
                hour_ms: row.get("hour_ms"),
                count,
            });
        }
        let mut found: Vec<ViolationCount> = found.into_values().collect();
        found.sort_by_key(|row| std::cmp::Reverse(row.count));
        Ok(found)
    }

    /// Keeps the text of a plan as its version; what was kept of the same version gives way.
    pub async fn keep_plan(&self, plan: &str, version: u32, text: &str, now_ms: i64) -> Result<()> {
        sqlx::query(
            "INSERT INTO plan_versions VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET \
             saved_ms = CASE WHEN text = excluded.text THEN saved_ms ELSE excluded.saved_ms END, text = excluded.text",
        )
        .bind(plan)
        .bind(version)
        .bind(text)
        .bind(now_ms)
        .execute(&self.pool)
        .await
        .map_err(store_error)?;
        Ok(())
    }

    /// Versions of a plan that were used, newest first.
    pub async fn plan_versions(&self, plan: &str) -> Result<Vec<PlanVersion>> {
        let rows =
            sqlx::query("SELECT version, saved_ms FROM plan_versions WHERE plan = ? ORDER BY version DESC")
                .bind(plan)
                .fetch_all(&self.pool)
                .await
                .map_err(store_error)?;
        let read = |row: &SqliteRow| PlanVersion {
            version: row.get(0),
            saved_ms: row.get(1),
        };
        Ok(rows.iter().map(read).collect())
    }

    /// The text of a version that was used.
    pub async fn plan_version(&self, plan: &str, version: u32) -> Result<Option<String>> {
        sqlx::query_scalar("SELECT text FROM plan_versions WHERE plan = ? AND version = ?")
            .bind(plan)
            .bind(version)
            .fetch_optional(&self.pool)
            .await
            .map_err(store_error)
    }
}

fn shown(row: &SqliteRow) -> QuarantinedRecord {
    QuarantinedRecord {
        id: row.get("id"),
        source: row.get("source"),
        topic: row.get("topic"),
        partition: row.get("partition"),
        offset: row.get("offset"),
        kind: kind_of(row.get("kind")),
        event: row.get("event"),
        message_id: row.get("message_id"),
        fields: row.get("fields"),
        reason: row.get("reason"),
        value: row.get("value"),
        timestamp_ms: row.get("timestamp_ms"),
        seen_ms: row.get("seen_ms"),
        tries: row.get("tries"),
    }
}

fn whole(row: &SqliteRow) -> (QuarantineRow, u32) {
    let row_of = QuarantineRow {
        id: row.get("id"),
        topic: row.get("topic"),
        partition: row.get("partition"),
        offset: row.get("offset"),
        timestamp_ms: row.get("timestamp_ms"),
        kind: kind_of(row.get("kind")),
        event: row.get("event"),
        message_id: row.get("message_id"),
        fields: row.get("fields"),
        reason: row.get("reason"),
        key: row.get("key"),
        cut: row.get::<Option<&[u8]>, _>("record").is_none() && !row.get::<&str, _>("value").is_empty(),
        value: row.get("record"),
        seen_ms: row.get("seen_ms"),
    };
    (row_of, row.get("tries"))
}
