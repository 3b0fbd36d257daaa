//! People of a workspace on disk, whose files and state fail as they may.

use std::{path::Path, time::Duration};

use arrow::{
    array::{BinaryArray, Int32Array, Int64Array, RecordBatch},
    datatypes::{DataType, Field, Schema},
};
use sqlx::{Connection, SqliteConnection};
use tailrace_connectors::clusters::kafka::RawBatch;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::{collect::Reader, *};
use crate::{
    open::OpenOptions,
    quality::Judge,
    workspace::{STATE_FOLDER, WORKSPACE_FILE},
};

const PATIENCE: Duration = Duration::from_secs(60);
/// Of no cluster: who runs it fails at once.
const SOURCE: &str = "cluster = \"nowhere\"\ntopic = \"shop\"\n";

fn put(folder: &Path, file: &str, text: &str) {
    let path = folder.join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

async fn open(folder: &TempDir) -> Arc<OpenWorkspace> {
    let opened = OpenWorkspace::open(folder.path().to_owned(), OpenOptions::command()).await;
    opened.unwrap()
}

async fn workspace(files: &[(&str, &str)]) -> (TempDir, Arc<OpenWorkspace>) {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), WORKSPACE_FILE, "name = \"test\"\n");
    for (file, text) in files {
        put(folder.path(), file, text);
    }
    let open = open(&folder).await;
    (folder, open)
}

fn people(open: &OpenWorkspace) -> &People {
    &open.held().unwrap().people
}

/// Changes the state from outside, as nothing but a test does.
async fn sql(folder: &TempDir, sql: &'static str) {
    let path = folder.path().join(STATE_FOLDER).join("state.db");
    let mut state = SqliteConnection::connect(&format!("sqlite:{}", path.display()))
        .await
        .unwrap();
    sqlx::raw_sql(sql).execute(&mut state).await.unwrap();
    state.close().await.unwrap();
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let reached = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, reached).await.is_ok(), "{what}");
}

fn definition() -> SourceDefinition {
    toml::from_str(SOURCE).unwrap()
}

/// Collects one event as the source `shop`, at an offset.
async fn collect_one(open: &Arc<OpenWorkspace>, offset: i64) {
    let event = format!(
        r#"{{"type":"track","event":"Seen","messageId":"m{offset}","userId":"u{offset}","timestamp":"2026-01-01T00:00:00Z"}}"#
    );
    let schema = Schema::new(vec![
        Field::new("_partition", DataType::Int32, false),
        Field::new("_offset", DataType::Int64, false),
        Field::new("value", DataType::Binary, true),
    ]);
    let records = RecordBatch::try_new(
        Arc::new(schema),
        vec![
            Arc::new(Int32Array::from(vec![0])),
            Arc::new(Int64Array::from(vec![offset])),
            Arc::new(BinaryArray::from(vec![event.as_bytes()])),
        ],
    );
    let batch = RawBatch {
        scanned: 0,
        scanned_bytes: 0,
        records: records.unwrap(),
        order_ms: Int64Array::from(vec![0]),
        marks: Vec::new(),
        bytes: event.len(),
        positions: vec![(0, offset + 1)],
        lost: 0,
    };
    let mut reader = Reader::new("shop", &definition(), Judge::default()).unwrap();
    collect::collect(open, "shop", &mut reader, batch, 0)
        .await
        .unwrap();
}

/// As a source that has started to read.
async fn begin(open: &OpenWorkspace) {
    people(open).begin_source("shop", "c", &definition()).await;
    people(open).set_source("shop", SourceStatus::read);
}

const ALL: (&str, &str) = ("audiences/all.sql", "SELECT profile_id FROM profiles\n");

#[tokio::test(flavor = "multi_thread")]
async fn an_audience_whose_file_does_not_parse_keeps_its_members_and_its_history() {
    let (folder, open) = workspace(&[ALL]).await;
    begin(&open).await;
    collect_one(&open, 0).await;
    checkpoint::write(&open).await.unwrap();
    audiences::evaluate_all(&open).await;
    let held = open.held().unwrap();
    let stored = async || {
        let (changes, _) = held.store.membership_changes("all", 0, 10).await.unwrap();
        (
            held.store.members("all").await.unwrap().len(),
            changes.len(),
            held.store.audience_sizes("all", 0).await.unwrap().len(),
        )
    };
    assert_eq!(stored().await, (1, 1, 1));

    put(folder.path(), "audiences/all.toml", "title = [");
    open.workspace_mut().reload().unwrap();
    audiences::evaluate_all(&open).await;
    assert_eq!(stored().await, (1, 1, 1));
    let state = held.people.audience("all").unwrap();
    assert_eq!(state.membership.len(), 1);
    assert!(
        state.error.unwrap().message.contains("audiences/all.toml"),
        "the error names the file"
    );

    put(folder.path(), "audiences/all.toml", "title = \"All\"\n");
    open.workspace_mut().reload().unwrap();
    audiences::evaluate_all(&open).await;
    assert_eq!(held.people.audience("all").unwrap().error, None);
    assert_eq!(stored().await, (1, 1, 1));

    for file in ["audiences/all.toml", "audiences/all.sql"] {
        std::fs::remove_file(folder.path().join(file)).unwrap();
    }
    open.workspace_mut().reload().unwrap();
    audiences::evaluate_all(&open).await;
    assert_eq!(stored().await, (0, 0, 0));
    assert!(held.people.audience("all").is_none());
    open.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_segment_is_missing_memberships_stay_as_they_were() {
    let (folder, first) = workspace(&[ALL]).await;
    begin(&first).await;
    for offset in 0..2 {
        collect_one(&first, offset).await;
        checkpoint::write(&first).await.unwrap();
    }
    evaluate(&first, "all").await.unwrap();
    first.close().await;
    drop(first);
    let segments = folder.path().join(STATE_FOLDER).join("log");
    let mut names: Vec<_> = std::fs::read_dir(&segments)
        .unwrap()
        .map(|it| it.unwrap().path())
        .collect();
    names.sort();
    let (gone, kept) = (&names[0], folder.path().join("kept"));
    let name = gone.file_name().unwrap().to_str().unwrap();
    std::fs::rename(gone, &kept).unwrap();

    let second = open(&folder).await;
    let error = evaluate(&second, "all").await.unwrap_err();
    assert_eq!(error.code, "segment_damaged");
    for part in [name, "memberships stay as they were"] {
        assert!(error.message.contains(part), "{}", error.message);
    }
    audiences::evaluate_all(&second).await;
    assert_eq!(
        people(&second).audience_error("all").unwrap().code,
        "segment_damaged"
    );
    assert_eq!(people(&second).members("all"), None, "what syncs would deliver");
    let stored = &second.held().unwrap().store;
    assert_eq!(stored.members("all").await.unwrap().len(), 2);
    let query = crate::queries::start(&second, "SELECT count(*) FROM events")
        .await
        .unwrap();
    let status = second.queries.get(query).unwrap().ended().await;
    let note = status.note.unwrap();
    assert!(
        note.starts_with("only a part of the events") && note.contains(name),
        "{note}"
    );
    let problems = check(&second).await.unwrap();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].code == "segment_damaged" && problems[0].message.contains(name));
    second.close().await;
    drop(second);

    std::fs::rename(&kept, gone).unwrap();
    let third = open(&folder).await;
    assert_eq!(evaluate(&third, "all").await.unwrap(), 0);
    assert_eq!(check(&third).await.unwrap(), []);
    third.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_that_fails_is_shown_until_one_succeeds_and_nothing_is_lost() {
    let (folder, open) = workspace(&[]).await;
    begin(&open).await;
    collect_one(&open, 0).await;
    sql(
        &folder,
        "CREATE TRIGGER full BEFORE INSERT ON positions BEGIN SELECT RAISE(FAIL, 'the disk is full'); END",
    )
    .await;
    for _ in 0..2 {
        checkpoint::write(&open).await.unwrap_err();
        let status = people(&open).source("shop").unwrap();
        assert_eq!((status.state, status.behind), (SourceState::Failed, None));
        let error = status.error.unwrap();
        assert!(error.message.contains("the disk is full"), "{}", error.message);
        assert_eq!(open.log_problems(), [error]);
        assert!(!people(&open).is_caught_up().await.unwrap());
    }
    collect_one(&open, 1).await;
    sql(&folder, "DROP TRIGGER full").await;
    checkpoint::write(&open).await.unwrap();
    let status = people(&open).source("shop").unwrap();
    assert_eq!((status.state, status.error), (SourceState::CatchingUp, None));
    assert_eq!(open.log_problems(), []);
    assert_eq!(people(&open).total_events(), 2);
    let store = &open.held().unwrap().store;
    assert_eq!(store.positions("shop", "c", "shop").await.unwrap(), [(0, 2)]);
    open.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_compacted_beside_the_checkpoints() {
    let (_folder, open) = workspace(&[]).await;
    begin(&open).await;
    let segments = || people(&open).log.snapshot().segments().len();
    let write = async |offset| {
        collect_one(&open, offset).await;
        checkpoint::write(&open).await.unwrap();
    };
    for offset in 0..8 {
        write(offset).await;
    }
    assert_eq!(segments(), 8);
    compaction::start(&open);
    until("what was there is compacted", || segments() == 1).await;
    for offset in 8..16 {
        write(offset).await;
    }
    until("what came since is compacted", || segments() < 8).await;
    assert_eq!(people(&open).total_events(), 16);
    open.close().await;
}

#[tokio::test]
async fn a_source_that_changed_begins_when_the_task_before_has_ended() {
    let (folder, open) = workspace(&[("sources/shop.toml", SOURCE)]).await;
    let people = people(&open);
    let state = || people.source("shop").map(|it| it.state);
    let before = SourceTask::new(
        toml::from_str(&SOURCE.replace("\"shop\"", "\"other\"")).unwrap(),
        None,
        CancellationToken::new(),
    );
    let (ended, collecting) = (before.ended(), before.token());
    People::lock(&people.tasks).insert("shop".to_owned(), before);
    start_sources(&open);
    assert!(collecting.is_cancelled(), "the task before is told to end");
    // Gone, and there again, while the first one still collects.
    let file = folder.path().join("sources/shop.toml");
    for _ in 0..2 {
        std::fs::remove_file(&file).unwrap();
        open.workspace_mut().reload().unwrap();
        start_sources(&open);
        std::fs::write(&file, SOURCE).unwrap();
        open.workspace_mut().reload().unwrap();
        start_sources(&open);
    }
    // Whatever could run by now has run.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(state(), None, "it has begun while the task before collects");
    ended.cancel();
    until("the source runs", || state() == Some(SourceState::Failed)).await;
    assert!(!people.is_caught_up().await.unwrap());
    open.close().await;
}
