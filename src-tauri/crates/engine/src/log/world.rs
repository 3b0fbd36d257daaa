//! What the tests of the log share: the app's side of it, and all that a query can see.

use std::{collections::BTreeMap, path::PathBuf};

use arrow::{
    array::RecordBatch,
    datatypes::{Int64Type, TimestampMillisecondType},
};
use datafusion::prelude::SessionContext;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::{table::EventsTable, *};
use crate::{
    events::{
        Event,
        segment::{RecordTimes, parse},
    },
    identity::tests::Store,
};

/// The app's side: a database and the log that is open on it.
pub struct World {
    pub folder: TempDir,
    pub segments: BTreeMap<String, SegmentRow>,
    pub columns: Vec<ColumnRow>,
    pub identity: Store,
    pub checkpoint_ms: Option<i64>,
    pub open: Option<Opened>,
    pub now_ms: i64,
}

impl World {
    pub fn new() -> Self {
        let mut world = Self {
            folder: TempDir::new().expect("a folder"),
            segments: BTreeMap::new(),
            columns: Vec::new(),
            identity: Store::default(),
            checkpoint_ms: None,
            open: None,
            now_ms: 1_000_000,
        };
        assert!(world.reopen().is_empty());
        world
    }

    pub fn settings() -> LogSettings {
        LogSettings {
            compaction_segments: 3,
            row_group_rows: 50,
            ..LogSettings::default()
        }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// Opens what was committed, whatever was not.
    pub fn reopen(&mut self) -> Vec<Problem> {
        self.open = None;
        let manifest = LogManifest {
            segments: self.segments.values().cloned().collect(),
            columns: self.columns.clone(),
            identity: self.identity.rows.clone(),
            checkpoint_ms: self.checkpoint_ms,
        };
        let opened =
            EventLog::open(&self.path(), manifest, Self::settings(), self.now_ms).expect("the log opens");
        let problems = opened.problems.clone();
        self.open = Some(opened);
        problems
    }

    pub fn log(&self) -> EventLog {
        self.open.as_ref().expect("open").log.clone()
    }

    pub fn collector(&mut self) -> &mut Collector {
        &mut self.open.as_mut().expect("open").collector
    }

    pub fn collect(&mut self, events: &[Event<'_>]) -> Collected {
        self.now_ms += 10;
        let now_ms = self.now_ms;
        self.collector()
            .collect("shop", events, now_ms)
            .expect("collected")
    }

    pub fn seal(&mut self) -> Option<CheckpointChange> {
        let now_ms = self.now_ms;
        self.collector().seal(now_ms).expect("sealed")
    }

    pub fn persist(&mut self, change: &CheckpointChange) {
        for name in &change.segments_removed {
            assert!(self.segments.remove(name).is_some(), "{name} was there");
        }
        for row in &change.segments_added {
            assert!(
                self.segments.insert(row.name.clone(), row.clone()).is_none(),
                "{} is new",
                row.name
            );
        }
        self.columns.extend(change.columns_added.clone());
        self.identity.commit(change.identity.clone());
        self.checkpoint_ms = Some(change.checkpoint_ms);
    }

    pub fn checkpoint(&mut self) {
        if let Some(change) = self.seal() {
            self.persist(&change);
            self.collector().install(change);
        }
    }

    pub fn compact(&mut self, commit: bool) -> bool {
        let (log, now_ms) = (self.log(), self.now_ms);
        let change = block_on(log.compact(now_ms, &CancellationToken::new())).expect("compacted");
        let Some(change) = change else { return false };
        if commit {
            self.persist(&change);
            log.install(change);
        } else {
            log.discard_compaction(change);
        }
        true
    }

    pub fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path()).expect("the folder");
        let mut names: Vec<_> = entries
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .into_string()
                    .expect("a name")
            })
            .collect();
        names.sort();
        names
    }
}

pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .expect("a runtime")
        .block_on(future)
}

pub fn query(snapshot: &LogSnapshot, sql: &str) -> RecordBatch {
    let context = SessionContext::new();
    context
        .register_table("events", Arc::new(EventsTable::new(snapshot.clone())))
        .expect("registered");
    let batches = block_on(async { context.sql(sql).await.expect(sql).collect().await.expect(sql) });
    match batches.first() {
        Some(first) => arrow::compute::concat_batches(first.schema_ref(), &batches).expect("one schema"),
        None => RecordBatch::new_empty(snapshot.schema()),
    }
}

/// Everything in the log by message id: its profile, its other columns as text, its properties.
pub fn content(snapshot: &LogSnapshot) -> BTreeMap<String, (i64, String, Value)> {
    let rows = query(snapshot, "SELECT * FROM events");
    let properties = snapshot.properties_json(&rows).expect("properties");
    let mut all = BTreeMap::new();
    for (row, properties) in properties.iter().enumerate() {
        let shown = |name: &str| {
            let column = rows.column_by_name(name).expect(name);
            arrow::util::display::array_value_to_string(column, row).expect("text")
        };
        let fixed = schema::NAMING
            .fixed
            .iter()
            .filter(|name| !matches!(**name, "profile_id" | "properties_rest"));
        let fixed: Vec<_> = fixed.map(|name| shown(name)).collect();
        let properties = normal(serde_json::from_str(properties).expect("an object"));
        let profile_id = shown("profile_id").parse().expect("a number");
        let before = all.insert(shown("message_id"), (profile_id, fixed.join("|"), properties));
        assert!(before.is_none(), "{} is there twice", shown("message_id"));
    }
    assert_eq!(all.len() as u64, snapshot.rows());
    snapshot.segments().iter().for_each(|segment| truthful(segment));
    all
}

/// A file is sorted as it says, and its row describes it.
pub fn truthful(segment: &Segment) {
    let file = File::open(segment.path()).expect("the file");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)
        .expect("parquet")
        .build()
        .expect("a reader");
    let mut keys = Vec::new();
    for batch in reader {
        let batch = batch.expect("a batch");
        let ids = batch
            .column_by_name("profile_id")
            .expect("ids")
            .as_primitive::<Int64Type>();
        let times = batch
            .column_by_name("timestamp")
            .expect("times")
            .as_primitive::<TimestampMillisecondType>();
        let messages = batch.column_by_name("message_id").expect("ids").as_string_view();
        keys.extend(
            (0..batch.num_rows())
                .map(|row| (ids.value(row), times.value(row), messages.value(row).to_owned())),
        );
    }
    assert!(keys.is_sorted(), "{} is in the log's order", segment.row().name);
    let row = segment.row();
    let times = || keys.iter().map(|key| key.1);
    assert_eq!(
        (row.rows, row.min_profile_id, row.max_profile_id),
        (keys.len() as u64, keys[0].0, keys[keys.len() - 1].0)
    );
    assert_eq!(
        (Some(row.min_timestamp_ms), Some(row.max_timestamp_ms)),
        (times().min(), times().max())
    );
}

/// Numbers of JSON have one type: 1 and 1.0 are the same.
pub fn normal(value: Value) -> Value {
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(float) if float.abs() < 9e15 => json!(float),
            _ => Value::Number(number),
        },
        Value::Array(values) => values.into_iter().map(normal).collect(),
        Value::Object(map) => map
            .into_iter()
            .map(|(name, value)| (name, normal(value)))
            .collect::<Map<_, _>>()
            .into(),
        other => other,
    }
}

pub fn record(number: usize, user: Option<u8>, device: Option<u8>, properties: &Value) -> String {
    json!({
        "messageId": format!("m{number:04}"),
        "type": if number.is_multiple_of(4) { "identify" } else { "track" },
        "event": format!("Event {}", number % 3),
        "userId": user.map(|user| format!("user-{user}")),
        "anonymousId": device.map(|device| format!("a rather long anonymous id {device}")),
        "timestamp": crate::events::time::format_ms((number as i64 * 7_919) % 1_000),
        "context": {"number": number},
        "properties": properties,
        "traits": properties,
    })
    .to_string()
}

pub fn event(text: &str) -> Event<'_> {
    parse(
        text.as_bytes(),
        RecordTimes {
            timestamp_ms: Some(5),
            now_ms: 5,
        },
    )
    .expect(text)
}

pub fn plain(number: usize) -> String {
    record(
        number,
        Some((number % 5) as u8),
        None,
        &json!({"amount": number, "note": format!("number {number} of many")}),
    )
}
