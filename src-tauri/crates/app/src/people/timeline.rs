//! What a person did, newest first, a page at a time; and what was said of their traits over time.
//!
//! A page ends with a cursor, not with a number: events that arrive meanwhile move nothing.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray, RecordBatch};
use serde_json::{Map, Value};
use tailrace_engine::{
    events::time::format_ms,
    session::{Session, cell},
};
use tailrace_model::{
    Error, Result,
    api::{EventCursor, ProfileEvent, ProfileEvents, TraitChange, TraitHistory},
};

use super::People;
use crate::core::now_ms;

/// Events of one page.
pub const PAGE_EVENTS_MAX: u32 = 1_000;
/// Identify events that a history is made of, the newest.
const HISTORY_EVENTS_MAX: u32 = 10_000;
/// Changes that a history shows.
const HISTORY_CHANGES_MAX: usize = 1_000;

/// A page of a profile's events, after a cursor.
pub async fn page(
    people: &People,
    session: &Session,
    profile_id: i64,
    cursor: Option<&EventCursor>,
    limit: u32,
) -> Result<ProfileEvents> {
    let limit = limit.clamp(1, PAGE_EVENTS_MAX);
    let after = cursor.map_or_else(String::new, |cursor| {
        let at = literal_time(cursor.timestamp_ms);
        let id = cursor.message_id.replace('\'', "''");
        format!(" AND (\"timestamp\" < {at} OR (\"timestamp\" = {at} AND message_id > '{id}'))")
    });
    let sql = format!(
        "SELECT * FROM events WHERE profile_id = {profile_id}{after} \
         ORDER BY \"timestamp\" DESC, message_id LIMIT {}",
        limit + 1
    );
    let mut events = read(people, session, &sql).await?;
    let more = events.len() > limit as usize;
    events.truncate(limit as usize);
    let next = events.last().filter(|_| more).map(|last| EventCursor {
        timestamp_ms: last.timestamp_ms,
        message_id: last.message_id.clone(),
    });
    Ok(ProfileEvents { events, next })
}

async fn read(people: &People, session: &Session, sql: &str) -> Result<Vec<ProfileEvent>> {
    let mut query = session.query(sql, now_ms()).await?;
    let mut events = Vec::new();
    while let Some(batch) = query.next().await? {
        let properties = people.log.snapshot().properties_json(&batch)?;
        for (row, properties) in properties.into_iter().enumerate() {
            events.push(event(&batch, row, properties));
        }
    }
    Ok(events)
}

fn literal_time(at_ms: i64) -> String {
    let text = format_ms(at_ms);
    format!("TIMESTAMP WITH TIME ZONE '{}+00:00'", text.trim_end_matches('Z'))
}

fn event(batch: &RecordBatch, row: usize, properties: String) -> ProfileEvent {
    let text = |name: &str| {
        batch
            .column_by_name(name)
            .and_then(|column| cell(column, row))
            .unwrap_or_default()
    };
    ProfileEvent {
        message_id: text("message_id"),
        kind: text("type"),
        event: text("event"),
        timestamp_ms: time_ms(batch, "timestamp", row).unwrap_or_default(),
        source: text("source"),
        properties,
    }
}

fn time_ms(batch: &RecordBatch, name: &str, row: usize) -> Option<i64> {
    let column = batch
        .column_by_name(name)?
        .as_primitive_opt::<arrow::datatypes::TimestampMillisecondType>()?;
    column.is_valid(row).then(|| column.value(row))
}

/// Everything that is known of an event, for an export.
pub(super) fn whole_event(batch: &RecordBatch, row: usize, properties: &str) -> Result<Value> {
    let mut event = Map::new();
    for name in ["message_id", "type", "event", "source", "user_id", "anonymous_id"] {
        let value = batch.column_by_name(name).and_then(|column| cell(column, row));
        event.insert(name.to_owned(), value.map_or(Value::Null, Value::String));
    }
    for name in ["timestamp", "received_at"] {
        let at = time_ms(batch, name, row).map(|at| Value::String(format_ms(at)));
        event.insert(name.to_owned(), at.unwrap_or_default());
    }
    for name in ["identifiers", "context"] {
        let text = batch.column_by_name(name).and_then(|column| cell(column, row));
        let value = text.map(|text| serde_json::from_str(&text).unwrap_or(Value::String(text)));
        event.insert(name.to_owned(), value.unwrap_or_default());
    }
    let properties = serde_json::from_str(properties).map_err(|error| {
        Error::internal(
            "event_properties",
            format!("the properties of an event can't be read: {error}"),
        )
    })?;
    event.insert("properties".to_owned(), properties);
    Ok(Value::Object(event))
}

/// What identify events said of a person's traits: each time that a value changed, newest first.
pub async fn trait_history(people: &People, session: &Session, profile_id: i64) -> Result<TraitHistory> {
    let sql = format!(
        "SELECT * FROM events WHERE profile_id = {profile_id} AND \"type\" = 'identify' \
         ORDER BY \"timestamp\" DESC, message_id LIMIT {}",
        HISTORY_EVENTS_MAX + 1
    );
    let mut events = read(people, session, &sql).await?;
    let mut cut = events.len() > HISTORY_EVENTS_MAX as usize;
    events.truncate(HISTORY_EVENTS_MAX as usize);
    let mut changes = changes(&events)?;
    cut |= changes.len() > HISTORY_CHANGES_MAX;
    changes.truncate(HISTORY_CHANGES_MAX);
    Ok(TraitHistory { changes, cut })
}

/// From events, newest first.
fn changes(events: &[ProfileEvent]) -> Result<Vec<TraitChange>> {
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    let mut changes = Vec::new();
    for event in events.iter().rev() {
        let properties: Map<String, Value> = serde_json::from_str(&event.properties).map_err(|error| {
            Error::internal(
                "event_properties",
                format!(
                    "the properties of event {} can't be read: {error}",
                    event.message_id
                ),
            )
        })?;
        // The names of one event in their order, since all is turned round in the end.
        let by_name: BTreeMap<String, Value> = properties.into_iter().collect();
        for (name, value) in by_name.into_iter().rev() {
            let value = value.to_string();
            if known.get(&name) != Some(&value) {
                known.insert(name.clone(), value.clone());
                changes.push(TraitChange {
                    name,
                    value,
                    timestamp_ms: event.timestamp_ms,
                    message_id: event.message_id.clone(),
                });
            }
        }
    }
    changes.reverse();
    Ok(changes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_has_a_row_for_each_change() {
        let said = |at: i64, properties: &str| ProfileEvent {
            message_id: format!("m{at}"),
            kind: "identify".to_owned(),
            event: String::new(),
            timestamp_ms: at,
            source: "shop".to_owned(),
            properties: properties.to_owned(),
        };
        let events = [
            said(4, r#"{"plan":"free"}"#),
            said(3, r#"{"plan":"pro","city":"Rome"}"#),
            said(2, r#"{"plan":"pro","age":3}"#),
            said(1, r#"{"plan":"free"}"#),
        ];
        let found: Vec<_> = changes(&events)
            .unwrap()
            .into_iter()
            .map(|it| format!("{} {}={}", it.timestamp_ms, it.name, it.value))
            .collect();
        assert_eq!(
            found,
            [
                "4 plan=\"free\"",
                "3 city=\"Rome\"",
                "2 age=3",
                "2 plan=\"pro\"",
                "1 plan=\"free\""
            ]
        );
    }
}
