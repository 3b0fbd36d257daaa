//! What was really observed: event names, their properties and the values these took, with counts; warehouse columns and
//! theirs. The builder and the editor complete from it.

use std::{collections::BTreeMap, sync::Mutex};

use tailrace_engine::session::{Session, quote_name, quote_path};
use tailrace_model::{
    Result,
    api::{Column, Observed, ObservedEvent, ObservedProperty, ObservedTable, ObservedValue},
};

use super::{People, warehouses::SnapshotState};
use crate::{core::now_ms, open::OpenWorkspace};

/// Names of events.
const EVENTS_MAX: usize = 200;
/// Values of one property.
const VALUES_MAX: usize = 20;
/// Pairs of event and value that are looked at for one property.
const PAIRS_MAX: usize = 2_000;
/// What was observed is looked at again after this, or after so many times as long as the last look took: a look at a
/// long history is a scan of it for every property.
const FRESH_MS: i64 = 30_000;
const FRESH_TIMES: i64 = 30;
const FRESH_MS_MAX: i64 = 120_000;

/// The last look.
#[derive(Debug, Default)]
pub struct ObservedCache {
    last: Mutex<Option<Look>>,
    /// Held by who looks: others wait for what is found.
    looking: tokio::sync::Mutex<()>,
}

#[derive(Debug, Clone)]
struct Look {
    found: Observed,
    fresh_until_ms: i64,
}

impl People {
    /// Values that were observed may be those of a person who is deleted, and what looks at the log keeps its files.
    pub(super) fn forget_observed(&self) {
        *Self::lock(&self.lookup) = None;
        *Self::lock(&self.observed.last) = None;
    }
}

/// What was observed a short time ago; names of traits and audiences are those of now.
pub async fn observed(open: &OpenWorkspace) -> Result<Observed> {
    let people = &open.held()?.people;
    let _looking = people.observed.looking.lock().await;
    let cached = People::lock(&people.observed.last).clone();
    let now = now_ms();
    let mut observed = match cached {
        Some(look) if now < look.fresh_until_ms && !look.found.events.is_empty() => look.found,
        _ => {
            let session = people.session(open).await?;
            let observed = Observed {
                events: events(&session, now).await?,
                tables: tables(&session, &people.warehouses.states(), now).await?,
                ..Observed::default()
            };
            let done = now_ms();
            *People::lock(&people.observed.last) = Some(Look {
                found: observed.clone(),
                fresh_until_ms: done + ((done - now) * FRESH_TIMES).clamp(FRESH_MS, FRESH_MS_MAX),
            });
            observed
        }
    };
    let workspace = open.workspace();
    observed.traits = workspace
        .definitions
        .valid_traits()
        .map(|(name, _)| name.to_owned())
        .collect();
    observed.audiences = workspace
        .definitions
        .valid_audiences()
        .map(|(name, _)| name.to_owned())
        .collect();
    Ok(observed)
}

async fn rows(session: &Session, sql: &str, now: i64) -> Result<Vec<Vec<Option<String>>>> {
    let mut query = session.query(sql, now).await?;
    let mut rows = Vec::new();
    while let Some(batch) = query.next().await? {
        rows.extend(tailrace_engine::session::rows_of(&batch));
    }
    Ok(rows)
}

fn number(cell: Option<&Option<String>>) -> u64 {
    cell.and_then(|cell| cell.as_ref())
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}

/// Columns of `events` that are no property.
const NOT_PROPERTIES: [&str; 12] = [
    "profile_id",
    "message_id",
    "type",
    "event",
    "timestamp",
    "received_at",
    "user_id",
    "anonymous_id",
    "source",
    "identifiers",
    "context",
    "properties_rest",
];

async fn property_columns(session: &Session) -> Vec<Column> {
    let catalog = session.catalog().await;
    let events = catalog.tables.into_iter().find(|table| table.name == "events");
    let columns = events.map(|table| table.columns).unwrap_or_default().into_iter();
    columns
        .filter(|column| !NOT_PROPERTIES.contains(&column.name.as_str()))
        .collect()
}

async fn events(session: &Session, now: i64) -> Result<Vec<ObservedEvent>> {
    let columns = property_columns(session).await;
    let counts: Vec<String> = columns
        .iter()
        .map(|column| format!(", count({})", quote_name(&column.name)))
        .collect();
    let sql = format!(
        "SELECT event, count(*) AS n{} FROM events WHERE event IS NOT NULL GROUP BY event ORDER BY n DESC, event LIMIT {EVENTS_MAX}",
        counts.concat()
    );
    let found = rows(session, &sql, now).await?;
    let mut values: BTreeMap<&str, BTreeMap<String, Vec<ObservedValue>>> = BTreeMap::new();
    for column in columns.iter().filter(|column| !column.numeric) {
        values.insert(&column.name, property_values(session, &column.name, now).await?);
    }
    let event = |row: Vec<Option<String>>| {
        let name = row.first()?.clone()?;
        let properties = columns
            .iter()
            .enumerate()
            .filter(|(index, _)| number(row.get(index + 2)) > 0);
        let properties = properties.map(|(_, column)| ObservedProperty {
            name: column.name.clone(),
            data_type: column.data_type.clone(),
            values: values
                .get(column.name.as_str())
                .and_then(|by| by.get(&name))
                .cloned()
                .unwrap_or_default(),
        });
        Some(ObservedEvent {
            count: number(row.get(1)),
            properties: properties.collect(),
            event: name,
        })
    };
    Ok(found.into_iter().filter_map(event).collect())
}

async fn property_values(
    session: &Session,
    column: &str,
    now: i64,
) -> Result<BTreeMap<String, Vec<ObservedValue>>> {
    let name = quote_name(column);
    let sql = format!(
        "SELECT event, {name} AS v, count(*) AS n FROM events WHERE {name} IS NOT NULL \
         GROUP BY event, {name} ORDER BY n DESC, v LIMIT {PAIRS_MAX}"
    );
    let mut values: BTreeMap<String, Vec<ObservedValue>> = BTreeMap::new();
    for row in rows(session, &sql, now).await? {
        let (Some(Some(event)), Some(Some(value))) = (row.first(), row.get(1)) else {
            continue;
        };
        let of = values.entry(event.clone()).or_default();
        if of.len() < VALUES_MAX {
            of.push(ObservedValue {
                value: value.clone(),
                count: number(row.get(2)),
            });
        }
    }
    Ok(values)
}

async fn tables(session: &Session, states: &[SnapshotState], now: i64) -> Result<Vec<ObservedTable>> {
    let catalog = session.catalog().await;
    let mut tables = Vec::new();
    for state in states {
        let name = format!("{}.{}", state.warehouse, state.table);
        let Some(table) = catalog.tables.iter().find(|table| table.name == name) else {
            continue;
        };
        let path = quote_path(&[&state.warehouse, &state.table]);
        let count = rows(session, &format!("SELECT count(*) FROM {path}"), now).await?;
        let mut columns = Vec::new();
        for column in &table.columns {
            columns.push(table_column(session, &path, column, now).await?);
        }
        let rows = count.first().map_or(0, |row| number(row.first()));
        tables.push(ObservedTable {
            table: name,
            rows,
            read_ms: state.read_ms,
            columns,
        });
    }
    Ok(tables)
}

async fn table_column(session: &Session, path: &str, column: &Column, now: i64) -> Result<ObservedProperty> {
    let name = quote_name(&column.name);
    let sql = format!(
        "SELECT {name} AS v, count(*) AS n FROM {path} WHERE {name} IS NOT NULL GROUP BY {name} \
         ORDER BY n DESC, v LIMIT {VALUES_MAX}"
    );
    let values = rows(session, &sql, now).await?.into_iter().filter_map(|row| {
        let value = row.first()?.clone()?;
        Some(ObservedValue {
            value,
            count: number(row.get(1)),
        })
    });
    Ok(ObservedProperty {
        name: column.name.clone(),
        data_type: column.data_type.clone(),
        values: values.collect(),
    })
}
