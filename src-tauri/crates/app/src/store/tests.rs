use tailrace_model::{
    Error,
    api::{QuarantineKind, RunState},
};

use super::*;

/// Rows of a sync whose place was not told.
fn of(sync: &str) -> RowsOf {
    RowsOf::new(sync, None)
}

pub(super) async fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    (folder, store)
}

fn checkpoint(positions: &[(i32, i64)], events: u64) -> SourceCheckpoint {
    let malformed = QuarantineRow {
        id: 0,
        topic: "events".to_owned(),
        partition: 0,
        offset: 7,
        timestamp_ms: Some(1),
        kind: QuarantineKind::Malformed,
        event: None,
        message_id: None,
        fields: None,
        reason: "not JSON".to_owned(),
        key: None,
        value: Some(b"x".to_vec()),
        cut: false,
        seen_ms: 1,
    };
    let mut quality = Waiting::default();
    quality.quarantine(vec![malformed]);
    SourceCheckpoint {
        source: "shop".to_owned(),
        cluster_id: "c".to_owned(),
        topic: "events".to_owned(),
        positions: positions.to_vec(),
        counts: SourceCounts {
            events,
            duplicates: 1,
            malformed: 1,
            lost: 4,
            ..SourceCounts::default()
        },
        quality,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_moves_positions_and_adds_counts() {
    let (folder, store) = store().await;
    store
        .checkpoint(None, &[checkpoint(&[(0, 10), (1, 5)], 14)], 100)
        .await
        .unwrap();
    store
        .checkpoint(None, &[checkpoint(&[(1, 9)], 3)], 200)
        .await
        .unwrap();
    store.close().await;
    let store = Store::open(folder.path()).await.unwrap();
    assert_eq!(
        store.positions("shop", "c", "events").await.unwrap(),
        [(0, 10), (1, 9)]
    );
    assert_eq!(
        store
            .positions("shop", "another cluster", "events")
            .await
            .unwrap(),
        []
    );
    let (counts, at) = store.source_counts().await.unwrap()["shop"];
    assert_eq!(
        (counts, at),
        (
            SourceCounts {
                events: 17,
                duplicates: 2,
                malformed: 2,
                lost: 8,
                ..SourceCounts::default()
            },
            200
        )
    );
    assert_eq!(store.malformed("shop", 0, 10).await.unwrap().len(), 2);
    assert_eq!(store.malformed("other", 0, 10).await.unwrap().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_of_an_older_version_is_taken_over() {
    const UNDO_3: [&str; 5] = [
        "ALTER TABLE sync_runs DROP COLUMN note",
        "DROP TABLE sync_places",
        "DROP TABLE sync_rows",
        "CREATE TABLE sync_rows (sync TEXT NOT NULL, key TEXT NOT NULL, row TEXT, in_doubt INTEGER NOT NULL, \
         PRIMARY KEY (sync, key)) STRICT, WITHOUT ROWID",
        "INSERT INTO sync_rows VALUES ('s', 'a', '{}', 0)",
    ];
    const UNDO_4: [&str; 4] = [
        "DROP TABLE lag_chunks",
        "DROP TABLE lag_marks",
        "DROP TABLE alerts",
        "CREATE TABLE lag_samples (cluster TEXT PRIMARY KEY) STRICT",
    ];
    const UNDO_5: [&str; 9] = [
        "CREATE TABLE malformed (id INTEGER PRIMARY KEY, source TEXT NOT NULL, topic TEXT NOT NULL, \
         partition INTEGER NOT NULL, \"offset\" INTEGER NOT NULL, reason TEXT NOT NULL, value TEXT NOT NULL, \
         seen_ms INTEGER NOT NULL) STRICT",
        "INSERT INTO malformed SELECT id, source, topic, partition, \"offset\", reason, value, seen_ms FROM quarantine",
        "DROP TABLE quarantine",
        "DROP TABLE quarantine_sizes",
        "DROP TABLE violations",
        "DROP TABLE plan_versions",
        "ALTER TABLE source_counts DROP COLUMN blocked",
        "ALTER TABLE source_counts DROP COLUMN violations",
        "ALTER TABLE source_counts DROP COLUMN left_out",
    ];
    const UNDO_6: [&str; 9] = [
        "ALTER TABLE profiles DROP COLUMN deleted",
        "ALTER TABLE merges DROP COLUMN merged_origin_id",
        "ALTER TABLE merges DROP COLUMN surviving_origin_id",
        "ALTER TABLE merges DROP COLUMN source",
        "ALTER TABLE merges DROP COLUMN identifiers_before",
        "DROP TABLE merge_undos",
        "DROP TABLE suppressions",
        // What a survivor had counted those of the others, and of theirs.
        "INSERT INTO profiles VALUES (1, 0, 9, 10, NULL), (2, 0, 9, 6, 1), (3, 0, 9, 1, 2)",
        "INSERT INTO merges VALUES (0, 3, 2, 'm', 'e', 5), (1, 2, 1, 'm', 'e', 6)",
    ];
    const UNDO_2: &str = "ALTER TABLE source_counts DROP COLUMN lost";
    let check = async |version: i64, undo: &[&str], lost: u64| {
        let (folder, store) = store().await;
        let first = checkpoint(&[(0, 10)], 14);
        store.checkpoint(None, &[first], 100).await.unwrap();
        let planned = RunRow {
            added: 3,
            ..RunRow::default()
        };
        store.start_run("s", 10, &planned).await.unwrap();
        // One connection: another one would go by the schema that it has read.
        let mut connection = store.pool.acquire().await.unwrap();
        for sql in undo.iter().copied() {
            sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
                .execute(&mut *connection)
                .await
                .unwrap();
        }
        let set = format!("PRAGMA user_version = {version}");
        let set = sqlx::raw_sql(sqlx::AssertSqlSafe(set));
        set.execute(&mut *connection).await.unwrap();
        drop(connection);
        store.close().await;
        let store = Store::open(folder.path()).await.unwrap();
        let second = checkpoint(&[(0, 12)], 2);
        store.checkpoint(None, &[second], 200).await.unwrap();
        let (counts, _) = store.source_counts().await.unwrap()["shop"];
        assert_eq!((counts.events, counts.lost), (16, lost), "{version}");
        assert_eq!(store.malformed("shop", 0, 9).await.unwrap().len(), 2, "{version}");
        let run = store.runs("s", 0, 1).await.unwrap().remove(0);
        assert_eq!((run.added, run.note), (3, None), "{version}");
        assert_eq!(store.sync_place("s").await.unwrap(), None, "{version}");
        // Before that, rows were kept in a form that is taken over.
        assert_eq!(
            store.acknowledged_now("s").await.unwrap(),
            u64::from(version < 3),
            "{version}"
        );
        let identity = store.manifest().await.unwrap().identity;
        let events: Vec<u64> = identity.profiles.iter().map(|it| it.events).collect();
        assert_eq!(events, [4, 5, 1], "{version}: its own");
        let ties: Vec<_> = identity
            .merges
            .iter()
            .map(|it| (it.merged_origin_id, it.surviving_origin_id))
            .collect();
        assert_eq!(ties, [(3, 2), (2, 1)], "{version}");
    };
    let all: [&[&str]; 5] = [&UNDO_6, &UNDO_5, &UNDO_4, &UNDO_3, &[UNDO_2]];
    for (version, undone, lost) in [(1, 5, 4), (2, 4, 8), (3, 3, 8), (4, 2, 8), (5, 1, 8)] {
        check(version, &all[..undone].concat(), lost).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_belong_to_the_place_that_they_were_written_to() {
    let (_folder, store) = store().await;
    let place = |place: &str| PlaceRow {
        place: place.to_owned(),
        shown: format!("{place} at crm"),
        key: "user_id".to_owned(),
        delivered: true,
    };
    let settled = Settled {
        upserted: vec![("a".to_owned(), "{}".to_owned())],
        ..Settled::default()
    };
    store.settle(&of("s"), &settled).await.unwrap();
    store.settle(&of("other"), &settled).await.unwrap();
    assert_eq!(store.sync_place("s").await.unwrap(), None);
    store.set_sync_place("s", &place("x"), false).await.unwrap();
    assert_eq!(store.acknowledged_now("s").await.unwrap(), 1);
    store.set_sync_place("s", &place("y"), false).await.unwrap();
    assert_eq!(store.sync_place("s").await.unwrap(), Some(place("y")));
    assert_eq!(store.acknowledged_now("s").await.unwrap(), 0);
    store.set_sync_place("s", &place("x"), false).await.unwrap();
    assert_eq!(store.acknowledged_now("s").await.unwrap(), 1, "it is back");
    store.set_sync_place("s", &place("x"), true).await.unwrap();
    assert_eq!(store.acknowledged_now("s").await.unwrap(), 0);
    assert_eq!(store.acknowledged_now("other").await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn merged_members_are_one_since_the_earlier_time() {
    let (_folder, store) = store().await;
    store.change_members("pro", &[1, 5], &[], 10, 2).await.unwrap();
    store.change_members("pro", &[2], &[], 20, 3).await.unwrap();
    let into = |profile_id, since_ms| tailrace_engine::audiences::MemberSince { profile_id, since_ms };
    let merged = [(5, into(2, 10)), (1, into(0, 10))];
    store.merge_members("pro", &merged).await.unwrap();
    assert_eq!(store.members("pro").await.unwrap(), [into(0, 10), into(2, 10)]);
    let (_, changes) = store.membership_changes("pro", 0, 10).await.unwrap();
    assert_eq!(changes, 3, "a merge is no change");
}

#[tokio::test(flavor = "multi_thread")]
async fn members_enter_and_exit_with_their_history() {
    let (_folder, store) = store().await;
    store.change_members("pro", &[1, 2, 3], &[], 10, 3).await.unwrap();
    store.change_members("pro", &[4], &[2], 20, 3).await.unwrap();
    let members = store.members("pro").await.unwrap();
    let members: Vec<_> = members.iter().map(|it| (it.profile_id, it.since_ms)).collect();
    assert_eq!(members, [(1, 10), (3, 10), (4, 20)]);
    let (changes, total) = store.membership_changes("pro", 0, 2).await.unwrap();
    let changes: Vec<_> = changes
        .iter()
        .map(|it| (it.profile_id, it.entered, it.at_ms))
        .collect();
    assert_eq!((changes, total), (vec![(2, false, 20), (4, true, 20)], 5));
    assert_eq!(store.audience_sizes("pro", 0).await.unwrap(), [(10, 3), (20, 3)]);
    store.forget_audience("pro").await.unwrap();
    assert_eq!(store.members("pro").await.unwrap().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_is_in_doubt_until_it_is_settled() {
    let (_folder, store) = store().await;
    let keys = ["a".to_owned(), "b".to_owned(), "c".to_owned()];
    store.attempt(&of("s"), &keys).await.unwrap();
    assert!(
        store
            .acknowledged(&of("s"))
            .await
            .unwrap()
            .values()
            .all(|row| row.in_doubt && row.row.is_none())
    );
    let settled = Settled {
        upserted: vec![("a".to_owned(), "{}".to_owned())],
        removed: vec!["b".to_owned()],
        refused: vec!["c".to_owned()],
    };
    store.settle(&of("s"), &settled).await.unwrap();
    let rows = store.acknowledged(&of("s")).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(
        rows["a"],
        AcknowledgedRow {
            row: Some("{}".to_owned()),
            in_doubt: false
        }
    );
    assert_eq!(store.acknowledged_now("s").await.unwrap(), 1);
    // A refused change of a row that is there leaves the row there.
    store.attempt(&of("s"), &keys[..1]).await.unwrap();
    store
        .settle(
            &of("s"),
            &Settled {
                refused: vec!["a".to_owned()],
                ..Settled::default()
            },
        )
        .await
        .unwrap();
    assert_eq!(store.acknowledged_now("s").await.unwrap(), 1);
    // One that was sent twice, the first time without an answer, may be there although it is refused now.
    for _ in 0..2 {
        store.attempt(&of("s"), &keys[2..]).await.unwrap();
    }
    let refused = Settled {
        refused: vec!["c".to_owned()],
        ..Settled::default()
    };
    store.settle(&of("s"), &refused).await.unwrap();
    assert!(store.acknowledged(&of("s")).await.unwrap()["c"].in_doubt);
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_listed_newest_first_and_a_cut_off_one_is_cancelled() {
    let (_folder, store) = store().await;
    let planned = RunRow {
        added: 2,
        ..RunRow::default()
    };
    let first = store.start_run("s", 10, &planned).await.unwrap();
    let error = Error::external("refused", "no");
    let counts = RunRow {
        delivered: 1,
        failed: 1,
        ..planned.clone()
    };
    store
        .end_run(first, 20, RunState::Partial, &counts, Some(&error))
        .await
        .unwrap();
    store.start_run("s", 30, &planned).await.unwrap();
    store.close_open_runs(40).await.unwrap();
    let runs = store.runs("s", 0, 10).await.unwrap();
    assert_eq!((runs[0].state, runs[0].ended_ms), (RunState::Cancelled, Some(40)));
    assert_eq!(
        (runs[1].state, runs[1].delivered, runs[1].failed),
        (RunState::Partial, 1, 1)
    );
    assert_eq!(runs[1].error, Some(error));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_of_another_version_is_refused() {
    let (folder, store) = store().await;
    sqlx::raw_sql("PRAGMA user_version = 99")
        .execute(&store.pool)
        .await
        .unwrap();
    store.close().await;
    let error = Store::open(folder.path()).await.unwrap_err();
    assert_eq!(error.code, "state_version");
}
