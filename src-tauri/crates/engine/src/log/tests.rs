//! The log against a plain model: whatever fails or is interrupted, what is collected is what one undisturbed run would
//! have collected, and its properties come back.

use std::{collections::BTreeMap, path::PathBuf};

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{Int64Type, TimestampMillisecondType};
use datafusion::prelude::SessionContext;
use proptest::prelude::*;
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
struct World {
    folder: TempDir,
    segments: BTreeMap<String, SegmentRow>,
    columns: Vec<ColumnRow>,
    identity: Store,
    checkpoint_ms: Option<i64>,
    open: Option<Opened>,
    now_ms: i64,
}

impl World {
    fn new() -> Self {
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

    fn settings() -> LogSettings {
        LogSettings {
            compaction_segments: 3,
            row_group_rows: 50,
            ..LogSettings::default()
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// Opens what was committed, whatever was not.
    fn reopen(&mut self) -> Vec<Problem> {
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

    fn log(&self) -> EventLog {
        self.open.as_ref().expect("open").log.clone()
    }

    fn collector(&mut self) -> &mut Collector {
        &mut self.open.as_mut().expect("open").collector
    }

    fn collect(&mut self, events: &[Event<'_>]) -> Collected {
        self.now_ms += 10;
        let now_ms = self.now_ms;
        self.collector()
            .collect("shop", events, now_ms)
            .expect("collected")
    }

    fn seal(&mut self) -> Option<CheckpointChange> {
        let now_ms = self.now_ms;
        self.collector().seal(now_ms).expect("sealed")
    }

    fn persist(&mut self, change: &CheckpointChange) {
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

    fn checkpoint(&mut self) {
        if let Some(change) = self.seal() {
            self.persist(&change);
            self.collector().install(change);
        }
    }

    fn compact(&mut self, commit: bool) -> bool {
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

    fn files(&self) -> Vec<String> {
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

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .expect("a runtime")
        .block_on(future)
}

fn query(snapshot: &LogSnapshot, sql: &str) -> RecordBatch {
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
fn content(snapshot: &LogSnapshot) -> BTreeMap<String, (i64, String, Value)> {
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
fn truthful(segment: &Segment) {
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
fn normal(value: Value) -> Value {
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

fn record(number: usize, user: Option<u8>, device: Option<u8>, properties: &Value) -> String {
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

fn event(text: &str) -> Event<'_> {
    parse(
        text.as_bytes(),
        RecordTimes {
            timestamp_ms: Some(5),
            now_ms: 5,
        },
    )
    .expect(text)
}

fn plain(number: usize) -> String {
    record(
        number,
        Some((number % 5) as u8),
        None,
        &json!({"amount": number, "note": format!("number {number} of many")}),
    )
}

#[test]
fn a_message_is_collected_once_across_openings() {
    let mut world = World::new();
    let texts: Vec<_> = (0..20).map(plain).collect();
    let events: Vec<_> = texts.iter().map(|text| event(text)).collect();
    assert_eq!(world.collect(&events[..12]).accepted, 12);
    assert_eq!(world.collect(&events[..12]).duplicates, 12, "while they wait");
    world.checkpoint();
    assert_eq!(
        world.collect(&events[6..12]).duplicates,
        6,
        "after the checkpoint"
    );
    assert!(world.reopen().is_empty());
    let again = world.collect(&events);
    assert_eq!((again.accepted, again.duplicates), (8, 12), "after the opening");
    world.checkpoint();
    assert_eq!(world.log().snapshot().rows(), 20);
    world.now_ms += World::settings().dedupe_window_ms * 2;
    assert!(world.reopen().is_empty());
    assert_eq!(world.collect(&events[..1]).accepted, 1, "the window is over");
}

#[test]
fn a_crash_before_the_commit_leaves_no_trace() {
    let mut world = World::new();
    let texts: Vec<_> = (0..10).map(plain).collect();
    let events: Vec<_> = texts.iter().map(|text| event(text)).collect();
    world.collect(&events[..5]);
    world.checkpoint();
    world.collect(&events[5..]);
    let change = world.seal().expect("something to write");
    assert_eq!(world.files().len(), 2, "the second one is written");
    fs::write(world.path().join("seg-000000000099.parquet.tmp"), "half").expect("written");
    fs::write(world.path().join("notes.txt"), "mine").expect("written");
    // The process ends here: nothing is installed, nothing is discarded.
    std::mem::forget(change);
    assert!(world.reopen().is_empty());
    assert_eq!(world.files(), ["notes.txt", "seg-000000000000.parquet"]);
    assert_eq!(world.log().snapshot().rows(), 5);
    let again = world.collect(&events);
    assert_eq!((again.accepted, again.duplicates), (5, 5));
    world.checkpoint();
    assert_eq!(content(&world.log().snapshot()).len(), 10);
}

#[test]
fn a_failed_commit_loses_nothing() {
    let mut world = World::new();
    let texts: Vec<_> = (0..10).map(plain).collect();
    let events: Vec<_> = texts.iter().map(|text| event(text)).collect();
    world.collect(&events[..5]);
    let change = world.seal().expect("something to write");
    let counts = change.counts.clone();
    world.collect(&events[5..]);
    assert_eq!(
        world.collector().seal(1).expect_err("one at a time").code,
        "checkpoint_open"
    );
    world.collector().discard(change);
    assert!(world.files().is_empty(), "its file is gone");
    assert_eq!(world.collector().buffered_rows(), 10);
    let change = world.seal().expect("something to write");
    assert_eq!(
        counts,
        [SourceCounts {
            source: "shop".to_owned(),
            events: 5,
            duplicates: 0,
            rejected: 0
        }]
    );
    assert_eq!(change.counts[0].events, 10);
    assert_eq!(change.columns_added.len(), 2);
    world.persist(&change);
    world.collector().install(change);
    assert_eq!(content(&world.log().snapshot()).len(), 10);
    assert!(world.seal().is_none(), "nothing new");
}

#[test]
fn blocked_events_are_rejected_and_counted() {
    let mut world = World::new();
    let text = r#"{"messageId":"m","type":"page","userId":"null"}"#;
    let collected = world.collect(&[event(text), event(text)]);
    assert_eq!(
        collected.rejected.iter().map(|one| one.index).collect::<Vec<_>>(),
        [0, 1]
    );
    assert_eq!(
        collected.rejected[0].reason,
        "no identifier that may be used: user_id=null is blocked or too long"
    );
    let change = world.seal().expect("counts");
    assert_eq!(change.counts[0].rejected, 2);
    assert!(change.segments_added.is_empty());
    world.collector().install(change);
}

#[test]
fn a_merge_moves_the_events_that_are_written_already() {
    let mut world = World::new();
    let page = |id: &str, who: &str| format!(r#"{{"messageId":"{id}","type":"page",{who}}}"#);
    let first = [
        page("m1", r#""anonymousId":"a""#),
        page("m2", r#""userId":"u""#),
        page("m3", r#""userId":"v""#),
    ];
    world.collect(&first.iter().map(|text| event(text)).collect::<Vec<_>>());
    world.checkpoint();
    let before = world.log().snapshot();
    let tie = page("m4", r#""anonymousId":"a","userId":"u""#);
    world.collect(&[event(&tie)]);
    world.checkpoint();
    let after = world.log().snapshot();
    let count = |snapshot: &LogSnapshot, what: &str| {
        let rows = query(
            snapshot,
            &format!("SELECT count(*) AS n FROM events WHERE {what}"),
        );
        rows.column(0).as_primitive::<Int64Type>().value(0)
    };
    assert_eq!(
        (count(&before, "profile_id = 1"), count(&before, "profile_id = 2")),
        (1, 1),
        "a snapshot stays"
    );
    assert_eq!(
        (count(&after, "profile_id = 1"), count(&after, "profile_id = 2")),
        (3, 0)
    );
    assert_eq!(
        (
            count(&after, "profile_id <> 1"),
            count(&after, "profile_id IN (1, 2)")
        ),
        (1, 3)
    );
    let grouped = query(
        &after,
        "SELECT profile_id, count(*) AS n FROM events GROUP BY profile_id ORDER BY profile_id",
    );
    assert_eq!(grouped.column(0).as_primitive::<Int64Type>().values(), &[1, 3]);
    let top = query(
        &after,
        "SELECT profile_id FROM events ORDER BY profile_id DESC LIMIT 2",
    );
    assert_eq!(top.column(0).as_primitive::<Int64Type>().values(), &[3, 1]);
    assert_eq!(after.canonical(2), 1);
    assert_eq!(after.profiles().rows, 2);
    assert!(world.reopen().is_empty());
    assert_eq!(content(&world.log().snapshot()), content(&after));
}

#[test]
fn compaction_keeps_what_is_there_and_readers_keep_their_files() {
    let mut world = World::new();
    let texts: Vec<_> = (0..60).map(plain).collect();
    for part in texts.chunks(20) {
        world.collect(&part.iter().map(|text| event(text)).collect::<Vec<_>>());
        world.checkpoint();
    }
    let before = world.log().snapshot();
    let expected = content(&before);
    assert!(world.compact(false), "discarded");
    assert_eq!(world.files().len(), 3);
    assert!(world.compact(true), "committed");
    let after = world.log().snapshot();
    assert_eq!(after.segments().len(), 1);
    assert_eq!(content(&after), expected);
    assert_eq!(world.files().len(), 4, "the old files are still read");
    assert_eq!(content(&before), expected);
    drop(before);
    assert_eq!(world.files().len(), 1, "the last reader let go");
    assert!(after.segments()[0].schema().index_of("amount").is_ok());
    let ids = query(&after, "SELECT profile_id, \"timestamp\", message_id FROM events");
    let sorted = query(
        &after,
        "SELECT profile_id, \"timestamp\", message_id FROM events ORDER BY 1, 2, 3",
    );
    assert_eq!(ids, sorted, "one file, in the log's order");
    assert!(world.log().verify(&CancellationToken::new()).is_empty());
    assert!(world.reopen().is_empty());
    assert_eq!(content(&world.log().snapshot()), expected);
}

#[test]
fn compaction_sorts_what_a_merge_moved() {
    let mut world = World::new();
    let page = |number: usize, who: &str| format!(r#"{{"messageId":"m{number}","type":"page",{who}}}"#);
    let people = [r#""anonymousId":"a""#, r#""userId":"u""#, r#""anonymousId":"b""#];
    for round in 0..3 {
        let texts: Vec<_> = (0..3)
            .map(|place| page(round * 3 + place, people[place]))
            .collect();
        world.collect(&texts.iter().map(|text| event(text)).collect::<Vec<_>>());
        world.checkpoint();
    }
    // The third becomes the first: it no longer stands where it was sorted to.
    let phone = |device: &str| {
        format!(r#"{device},"context":{{"externalIds":[{{"id":"7","type":"phone","collection":"users"}}]}}"#)
    };
    let ties = [page(20, &phone(people[0])), page(21, &phone(people[2]))];
    world.collect(&ties.iter().map(|text| event(text)).collect::<Vec<_>>());
    world.checkpoint();
    let expected = content(&world.log().snapshot());
    assert_eq!(world.log().snapshot().canonical(3), 1);
    assert!(world.compact(true));
    assert_eq!(content(&world.log().snapshot()), expected);
    assert_eq!(world.log().snapshot().segments()[0].row().merges_applied, 1);
}

#[test]
fn a_compaction_that_is_cancelled_changes_nothing() {
    let mut world = World::new();
    for number in 0..3 {
        world.collect(&[event(&plain(number))]);
        world.checkpoint();
    }
    let token = CancellationToken::new();
    token.cancel();
    let log = world.log();
    assert!(block_on(log.compact(1, &token)).expect("no fault").is_none());
    assert_eq!(world.files().len(), 3);
    assert!(world.compact(true), "the next one is not held up");
}

#[test]
fn a_damaged_segment_is_named_and_the_others_are_read() {
    let damage = |harm: &dyn Fn(&Path), expected: &str| {
        let mut world = World::new();
        for part in 0..2 {
            let texts: Vec<_> = (part * 10..part * 10 + 10).map(plain).collect();
            world.collect(&texts.iter().map(|text| event(text)).collect::<Vec<_>>());
            world.checkpoint();
        }
        harm(&world.path().join("seg-000000000000.parquet"));
        let problems = world.reopen();
        assert_eq!(problems.len(), 1, "{expected}");
        assert_eq!(problems[0].segment, "seg-000000000000.parquet");
        let sentence = problems[0].to_string();
        assert!(
            sentence.contains(expected) && sentence.contains("its 10 events are missing"),
            "{sentence}"
        );
        assert_eq!(problems[0].error.code, "segment_damaged");
        let snapshot = world.log().snapshot();
        assert_eq!(
            (snapshot.rows(), snapshot.missing()),
            (10, &["seg-000000000000.parquet".to_owned()][..])
        );
        assert_eq!(content(&snapshot).len(), 10);
    };
    let change = |path: &Path, change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = fs::read(path).expect("the segment");
        change(&mut bytes);
        fs::write(path, bytes).expect("written");
    };
    damage(&|path| fs::remove_file(path).expect("removed"), "is not there");
    damage(
        &|path| change(path, &|bytes| bytes.truncate(bytes.len() / 2)),
        "is damaged",
    );
    damage(
        &|path| change(path, &|bytes| bytes.clear()),
        "is damaged (0 bytes",
    );
    damage(
        &|path| {
            change(path, &|bytes| {
                let end = bytes.len() - 30;
                bytes[end..].fill(7)
            })
        },
        "is damaged",
    );
    damage(
        &|path| change(path, &|bytes| bytes[4..2_000].fill(0)),
        "is damaged",
    );
}

#[test]
fn a_changed_byte_is_found_when_files_are_verified() {
    let mut world = World::new();
    world.collect(&[event(&plain(1))]);
    world.checkpoint();
    let path = world.path().join("seg-000000000000.parquet");
    let mut bytes = fs::read(&path).expect("the segment");
    bytes[40] ^= 1;
    fs::write(&path, bytes).expect("written");
    let problems = world.log().verify(&CancellationToken::new());
    assert_eq!(problems.len(), 1);
    assert!(
        problems[0].to_string().contains("is not what was written"),
        "{}",
        problems[0]
    );
}

#[test]
fn an_empty_log_has_a_table() {
    let world = World::new();
    let snapshot = world.log().snapshot();
    assert_eq!(
        (snapshot.rows(), snapshot.bytes(), snapshot.checkpoint_ms()),
        (0, 0, None)
    );
    assert_eq!(
        query(
            &snapshot,
            "SELECT count(*) AS n FROM events WHERE \"event\" = 'x'"
        )
        .num_rows(),
        1
    );
    assert_eq!(query(&snapshot, "SELECT profile_id FROM events").num_rows(), 0);
}

#[test]
fn columns_that_a_segment_lacks_are_null() {
    let mut world = World::new();
    let record = |number, properties| record(number, Some(1), None, &properties);
    for (number, properties) in [
        (1, json!({"Order ID": "a"})),
        (2, json!({"orderId": "b", "total": 3})),
    ] {
        world.collect(&[event(&record(number, properties))]);
        world.checkpoint();
    }
    let rows = query(
        &world.log().snapshot(),
        "SELECT order_id, total FROM events ORDER BY order_id",
    );
    assert_eq!(
        rows.column(0).as_string_view().iter().collect::<Vec<_>>(),
        [Some("a"), Some("b")]
    );
    assert_eq!(
        (rows.column(1).is_null(0), rows.column(1).is_null(1)),
        (true, false)
    );
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1_000i32..1_000).prop_map(|number| json!(f64::from(number) / 4.0)),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::hash_map(".{0,6}", inner, 0..3)
                .prop_map(|map| map.into_iter().collect::<Map<_, _>>().into()),
        ]
    })
}

/// Names that collide with one another and with the fixed columns.
fn any_properties() -> impl Strategy<Value = Value> {
    let known = [
        "orderId",
        "order_id",
        "Order ID",
        "event",
        "type",
        "properties_event",
        "a",
        "A",
        "",
        "-",
        "context",
    ];
    let name = prop_oneof![6 => prop::sample::select(known.to_vec()).prop_map(str::to_owned), 1 => ".{0,70}"];
    prop::collection::hash_map(name, any_value(), 0..8)
        .prop_map(|map| map.into_iter().collect::<Map<_, _>>().into())
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Collect(usize),
    Checkpoint,
    FailedCheckpoint,
    Crash,
    Compact(bool),
}

fn any_steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => (1usize..12).prop_map(Step::Collect),
        4 => Just(Step::Checkpoint),
        1 => Just(Step::FailedCheckpoint),
        1 => Just(Step::Crash),
        2 => any::<bool>().prop_map(Step::Compact),
    ];
    prop::collection::vec(step, 0..30)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn properties_come_back(all in prop::collection::vec(any_properties(), 1..12)) {
        let mut world = World::new();
        let texts: Vec<_> = all.iter().enumerate().map(|(n, properties)| record(n, Some(1), None, properties)).collect();
        for part in texts.chunks(4) {
            world.collect(&part.iter().map(|text| event(text)).collect::<Vec<_>>());
            world.checkpoint();
        }
        let expected: Vec<_> = all.into_iter().map(normal).collect();
        let found = |world: &World| content(&world.log().snapshot()).into_values().map(|row| row.2).collect::<Vec<_>>();
        prop_assert_eq!(found(&world), expected.clone());
        world.compact(true);
        prop_assert_eq!(found(&world), expected.clone());
        prop_assert!(world.reopen().is_empty());
        prop_assert_eq!(found(&world), expected);
    }

    /// Interrupted in any way, resumed from the last committed position, with records that come twice.
    #[test]
    fn resumed_is_uninterrupted(
        who in prop::collection::vec((prop::option::of(0u8..4), 0u8..5), 1..80),
        repeats in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
        steps in any_steps(),
    ) {
        let one = |(number, (user, device)): (usize, &(Option<u8>, u8))| {
            record(number, *user, Some(*device), &json!({"n": number, "plan": format!("plan {}", number % 4)}))
        };
        let mut texts: Vec<_> = who.iter().enumerate().map(one).collect();
        for repeat in repeats {
            let text = texts[repeat.index(texts.len())].clone();
            texts.push(text);
        }
        let events: Vec<_> = texts.iter().map(|text| event(text)).collect();

        let mut straight = World::new();
        straight.collect(&events);
        straight.checkpoint();

        let mut world = World::new();
        let (mut at, mut committed) = (0, 0);
        for step in steps {
            match step {
                Step::Collect(count) => {
                    let to = (at + count).min(events.len());
                    world.collect(&events[at..to]);
                    at = to;
                }
                Step::Checkpoint => {
                    world.checkpoint();
                    committed = at;
                }
                Step::FailedCheckpoint => {
                    if let Some(change) = world.seal() {
                        world.collector().discard(change);
                    }
                }
                Step::Crash => {
                    prop_assert!(world.reopen().is_empty());
                    at = committed;
                }
                Step::Compact(commit) => {
                    world.compact(commit);
                }
            }
        }
        world.collect(&events[at..]);
        world.checkpoint();
        let (found, expected) = (world.log().snapshot(), straight.log().snapshot());
        prop_assert_eq!(content(&found), content(&expected));
        prop_assert_eq!(profiles(&found), profiles(&expected));
        prop_assert!(world.reopen().is_empty());
        let found = world.log().snapshot();
        prop_assert_eq!(content(&found), content(&expected));
        prop_assert_eq!(profiles(&found), profiles(&expected));
    }
}

fn profiles(snapshot: &LogSnapshot) -> RecordBatch {
    let profiles = snapshot.profiles();
    arrow::compute::concat_batches(&profiles.schema, &profiles.batches).expect("one schema")
}
