//! The sample audience over events in the log, as it stands after they were collected and compacted, over DuckDB with the
//! same rows in its own tables, which runs the very text that `tailrace audience show` prints.
//!
//! Both count the members and add up their ids, so that every run is checked; both are warm, use two threads and take
//! turns. The time is that of the whole statement: parsing, planning and running.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Instant};

use anyhow::{Context, Result, ensure};
use arrow::{
    array::{ArrayRef, RecordBatch, StringArray},
    datatypes::{DataType, Field, Schema},
};
use integration::root;
use tailrace_engine::{
    audiences,
    events::Event,
    log::{CheckpointChange, Collector, EventLog, LogManifest, LogSettings, LogSnapshot, table::EventsTable},
    session::{self, Profiles, Session, SessionInputs, WarehouseSnapshot},
};
use tailrace_model::AudienceDefinition;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::{
    crowd::{self, Crowd, Span},
    numbers::{bytes, count, median, seconds, spread},
    peer::Duck,
    report::{Figure, note},
};

const AUDIENCE: &str = "assets/sample-workspace/audiences/pro_repeat_buyers.toml";
const SEED: u64 = 5;
/// The time of evaluation, and the end of the events: 9 March 2026, 00:00 UTC.
const NOW_MS: i64 = 1_773_014_400_000;
const NOW_TEXT: &str = "2026-03-09 00:00:00+00";
const DAYS: i64 = 30;
const DAY_MS: i64 = 86_400_000;
/// Events that are made and collected at a time.
const CHUNK: usize = 10_000;
/// Events between two lines about how far it is.
const NOTE_EVERY: u64 = 1_000_000;
/// What our session uses too.
const THREADS: usize = session::SQL_PARTITIONS_MAX;

/// How much there is to evaluate.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    pub events: u64,
    pub people: u32,
}

/// How many members, and the sum of their ids.
type Answer = (u64, i64);

pub async fn measure(size: Size, rounds: usize) -> Result<Vec<Figure>> {
    let folder = TempDir::with_prefix("tailrace-bench-audience-")?;
    let definition = definition()?;
    let snapshot = collect(folder.path(), size).await?;
    let session = session(&snapshot, size.people)?;
    let sql = audiences::sql(&session, &definition).await?;
    let query = format!("SELECT count(*) AS members, sum(profile_id) AS ids\nFROM (\n{sql}\n) AS audience");
    export(&session, folder.path(), &query).await?;
    let (mut duck, loaded) = Duck::start(folder.path(), THREADS).await?;
    ensure!(
        loaded.rows == snapshot.rows(),
        "DuckDB has {} events, the log {}",
        loaded.rows,
        snapshot.rows()
    );
    note(&format!(
        "  DuckDB {} loaded them in {}",
        loaded.version,
        seconds(loaded.seconds)
    ));

    let expected = members(&session, &definition).await?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    // The first round warms both and is not counted.
    for round in 0..=rounds {
        let started = Instant::now();
        let answer = run(&session, &query).await?;
        let took = started.elapsed().as_secs_f64();
        let ran = duck.run().await?;
        ensure!(
            answer == expected && (ran.members, ran.ids) == expected,
            "they do not agree: {expected:?} are members, the query gives {answer:?} here and {:?} in DuckDB",
            (ran.members, ran.ids)
        );
        note(&format!(
            "  round {round}: {} here, {} in DuckDB",
            seconds(took),
            seconds(ran.seconds)
        ));
        if round > 0 {
            ours.push(took);
            theirs.push(ran.seconds);
        }
    }
    Ok(vec![Figure {
        what: "The sample audience: time over DuckDB's".to_owned(),
        over: format!(
            "{} events of {} profiles, {} of them members; warm, {THREADS} threads each; less is better",
            count(snapshot.rows()),
            count(session.universe()),
            count(expected.0)
        ),
        figure: format!("{:.2} ×", median(&ours) / median(&theirs)),
        tailrace: spread(&ours, seconds),
        peer: format!("DuckDB {}: {}", loaded.version, spread(&theirs, seconds)),
    }])
}

fn definition() -> Result<AudienceDefinition> {
    let path = root().join(AUDIENCE);
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    toml::from_str(&text).with_context(|| path.display().to_string())
}

/// Makes the events and collects them as a source does.
async fn collect(folder: &Path, size: Size) -> Result<LogSnapshot> {
    let started = Instant::now();
    let folder = folder.join("log");
    let log = tokio::task::spawn_blocking(move || ingest(&folder, size)).await??;
    let collected = started.elapsed().as_secs_f64();
    let token = CancellationToken::new();
    while let Some(change) = log.compact(NOW_MS, &token).await? {
        log.install(change);
    }
    let snapshot = log.snapshot();
    ensure!(
        snapshot.rows() == size.events,
        "{} of {} events are in the log",
        snapshot.rows(),
        size.events
    );
    note(&format!(
        "  collected {} events in {}; the log is {} after compaction, segments: {}",
        count(snapshot.rows()),
        seconds(collected),
        bytes(snapshot.bytes()),
        snapshot.segments().len()
    ));
    Ok(snapshot)
}

fn ingest(folder: &Path, size: Size) -> Result<EventLog> {
    let opened = EventLog::open(folder, LogManifest::default(), LogSettings::default(), NOW_MS)?;
    let mut collector = opened.collector;
    let span = Span {
        events: size.events,
        people: size.people,
        from_ms: NOW_MS - DAYS * DAY_MS,
        to_ms: NOW_MS,
    };
    let mut crowd = Crowd::new(SEED, span);
    let mut collected = 0;
    loop {
        let chunk: Vec<Event<'_>> = crowd.by_ref().take(CHUNK).collect();
        let Some(last) = chunk.last() else { break };
        let now_ms = last.received_ms;
        let result = collector.collect("shop", &chunk, now_ms)?;
        ensure!(
            result.duplicates == 0 && result.rejected.is_empty(),
            "{} events were refused",
            result.duplicates + result.rejected.len()
        );
        if collector.is_full() {
            seal(&mut collector, now_ms)?;
        }
        collected += chunk.len() as u64;
        if collected % NOTE_EVERY == 0 {
            note(&format!(
                "  collected {} of {}",
                count(collected),
                count(size.events)
            ));
        }
    }
    seal(&mut collector, NOW_MS)?;
    Ok(opened.log)
}

/// A checkpoint without its transaction: nothing here outlives the process.
fn seal(collector: &mut Collector, now_ms: i64) -> Result<()> {
    let change: Option<CheckpointChange> = collector.seal(now_ms)?;
    if let Some(change) = change {
        collector.install(change);
    }
    Ok(())
}

fn session(snapshot: &LogSnapshot, people: u32) -> Result<Session> {
    let profiles = snapshot.profiles();
    let inputs = SessionInputs {
        events: Arc::new(EventsTable::new(snapshot.clone())),
        profiles: Profiles {
            schema: profiles.schema.clone(),
            batches: profiles.batches.clone(),
        },
        tables: vec![accounts(people)?],
        traits: BTreeMap::new(),
        audiences: BTreeMap::new(),
        time_zone: "UTC".to_owned(),
    };
    Ok(Session::new(inputs)?)
}

/// The warehouse's table: an account a person.
fn accounts(people: u32) -> Result<WarehouseSnapshot> {
    let user_ids: StringArray = (0..people).map(|person| Some(crowd::user_id(person))).collect();
    let plans: StringArray = (0..people).map(|person| Some(crowd::plan(person))).collect();
    let field = |name: &str| Field::new(name, DataType::Utf8, true);
    let schema = Arc::new(Schema::new(vec![field("user_id"), field("plan")]));
    let columns: Vec<ArrayRef> = vec![Arc::new(user_ids), Arc::new(plans)];
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns)?;
    Ok(WarehouseSnapshot {
        warehouse: "crm".to_owned(),
        table: "accounts".to_owned(),
        schema,
        batches: vec![batch],
        key: "user_id".to_owned(),
        identifier: "user_id".to_owned(),
    })
}

/// Writes the rows and the query for DuckDB; `now()` is the time of evaluation.
async fn export(session: &Session, folder: &Path, query: &str) -> Result<()> {
    for (table, file) in [
        ("events", "events.parquet"),
        ("profiles", "profiles.parquet"),
        ("crm.accounts", "accounts.parquet"),
    ] {
        let rows = session.query(&format!("SELECT * FROM {table}"), NOW_MS).await?;
        session::export(rows, &folder.join(file)).await?;
    }
    ensure!(query.contains("now()"), "the audience has no window: {query}");
    let fixed = query.replace("now()", &format!("TIMESTAMPTZ '{NOW_TEXT}'"));
    std::fs::write(folder.join("query.sql"), fixed)?;
    Ok(())
}

/// Whom the product takes for members: what the query has to add up to.
async fn members(session: &Session, definition: &AudienceDefinition) -> Result<Answer> {
    let members = audiences::members(session, definition, NOW_MS).await?.members;
    ensure!(
        !members.is_empty(),
        "nobody is a member: there is nothing to compare"
    );
    Ok((members.len() as u64, members.iter().sum()))
}

async fn run(session: &Session, query: &str) -> Result<Answer> {
    let mut query = session.query(query, NOW_MS).await?;
    let mut rows = Vec::new();
    while let Some(batch) = query.next().await? {
        rows.extend(session::rows_of(&batch));
    }
    let [row] = rows.as_slice() else {
        anyhow::bail!("{} rows instead of one", rows.len())
    };
    let number = |at: usize| -> Result<i64> {
        let cell = row.get(at).cloned().flatten();
        Ok(cell.context("a null instead of a number")?.parse()?)
    };
    Ok((u64::try_from(number(0)?)?, number(1)?))
}
