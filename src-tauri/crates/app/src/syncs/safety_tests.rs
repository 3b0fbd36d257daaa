//! What a sync must not do: take away who is still there, take one place for another, empty a destination by itself.

use super::{
    tests::{PATIENCE, put, states, sync, workspace},
    *,
};
use crate::people::{self, People};

const ALL: &str = "SELECT profile_id FROM profiles WHERE user_id IS NOT NULL\n";

/// People who gave their name: `u00`, `u01`, ...
async fn with_people(open: &Arc<OpenWorkspace>, count: usize) {
    let event = |at: usize| {
        let id = format!("u{at:02}");
        format!(
            r#"{{"messageId":"{id}","type":"identify","userId":"{id}","traits":{{"email":"{id}@shop.test"}}}}"#
        )
    };
    let events: Vec<String> = (0..count).map(event).collect();
    let events: Vec<&str> = events.iter().map(String::as_str).collect();
    People::collect_in_test(open, &events).await;
    people::evaluate(open, "all").await.unwrap();
}

async fn by_hand(open: &OpenWorkspace, name: &str) -> SyncOutcome {
    run(open, name, false, &CancellationToken::new()).await.unwrap()
}

async fn by_schedule(open: &OpenWorkspace, name: &str) -> Result<SyncOutcome> {
    run_as(open, name, false, Asked::Schedule, &CancellationToken::new()).await
}

fn counts(outcome: &SyncOutcome) -> (u64, u64, u64) {
    let it = &outcome.difference;
    (it.added, it.changed, it.removed)
}

fn define(open: &OpenWorkspace, file: &str, text: &str) {
    put(open.folder(), file, text);
    open.workspace_mut().reload().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_takes_nobody_away() {
    let (_folder, open) = workspace(&[("audiences/all.sql", ALL), ("syncs/vips.toml", &sync("quick"))]).await;
    let visit = r#"{"messageId":"m1","type":"page","anonymousId":"a"}"#;
    People::collect_in_test(&open, &[visit]).await;
    with_people(&open, 2).await;
    let before = open.held().unwrap().people.audience("all").unwrap().membership;
    assert_eq!(before.ids(), [2, 3]);
    assert_eq!(counts(&by_hand(&open, "vips").await), (2, 0, 0));

    // The visitor turns out to be u00, and the older profile survives.
    let tie = r#"{"messageId":"m2","type":"page","anonymousId":"a","userId":"u00"}"#;
    People::collect_in_test(&open, &[tie]).await;
    let outcome = by_hand(&open, "vips").await;
    assert_eq!((counts(&outcome), outcome.run), ((0, 0, 0), None));

    let changed = people::evaluate(&open, "all").await.unwrap();
    let held = open.held().unwrap();
    let after = held.people.audience("all").unwrap().membership;
    assert_eq!((changed, after.ids()), (0, vec![1, 3]));
    assert_eq!(after.since_ms(1), before.since_ms(2));
    assert_eq!(held.store.members("all").await.unwrap(), after.members());
    let (changes, _) = held.store.membership_changes("all", 0, 10).await.unwrap();
    assert!(changes.iter().all(|it| it.entered), "{changes:?}");
    assert_eq!(counts(&by_hand(&open, "vips").await), (0, 0, 0));
    open.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_file_gets_everything_and_the_old_one_is_told_of() {
    let with_file = |file: &str| format!("{}[options]\nfile = \"{file}\"\n", sync("quick"));
    let (folder, open) = workspace(&[
        ("audiences/all.sql", ALL),
        ("syncs/vips.toml", &with_file("a.csv")),
    ])
    .await;
    with_people(&open, 2).await;
    by_hand(&open, "vips").await;
    let read = |file: &str| std::fs::read_to_string(folder.path().join("exports").join(file)).unwrap();
    let written = read("a.csv");

    define(&open, "syncs/vips.toml", &with_file("b.csv"));
    let dry = run(&open, "vips", true, &CancellationToken::new()).await.unwrap();
    let note = dry.difference.note.clone().unwrap();
    assert!(note.starts_with("what this sync wrote to a.csv at "), "{note}");
    assert!(
        note.contains("stays behind there (2 rows), and nothing of it is deleted"),
        "{note}"
    );
    assert_eq!(counts(&dry), (2, 0, 0));
    let moved = by_schedule(&open, "vips").await.unwrap().run.unwrap();
    assert_eq!((moved.delivered, moved.note), (2, Some(note.clone())));
    assert_eq!((read("a.csv"), read("b.csv")), (written.clone(), written.clone()));
    assert_eq!(by_schedule(&open, "vips").await.unwrap().run, None);

    // A file that is gone is written again.
    std::fs::remove_file(folder.path().join("exports/b.csv")).unwrap();
    let restored = by_schedule(&open, "vips").await.unwrap().run.unwrap();
    assert!(restored.note.unwrap().contains("b.csv at "));
    assert_eq!((restored.delivered, read("b.csv")), (2, written));
    let outcome = by_schedule(&open, "vips").await.unwrap();
    assert_eq!((outcome.difference.unchanged, outcome.run), (2, None));
    let runs = open.held().unwrap().store.runs("vips", 0, 10).await.unwrap();
    assert_eq!(runs[1].note.as_ref(), Some(&note), "it is kept with the run");
    open.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_key_begins_anew() {
    let by = |key: &str| {
        format!(
            "{}key = \"{key}\"\n[mapping]\nuser_id = \"user_id\"\nemail = \"email\"\n",
            sync("quick")
        )
    };
    let (_folder, open) = workspace(&[("audiences/all.sql", ALL), ("syncs/vips.toml", &by("user_id"))]).await;
    with_people(&open, 3).await;
    by_hand(&open, "vips").await;
    define(&open, "syncs/vips.toml", &by("email"));
    let outcome = by_hand(&open, "vips").await;
    assert_eq!(
        counts(&outcome),
        (3, 0, 0),
        "none is removed by a key that it never had"
    );
    let held = open.held().unwrap();
    let place = held.store.sync_place("vips").await.unwrap();
    let now = crate::store::RowsOf::new("vips", place.as_ref());
    let mut keys: Vec<String> = held.store.acknowledged(&now).await.unwrap().into_keys().collect();
    keys.sort();
    assert_eq!(keys, ["u00@shop.test", "u01@shop.test", "u02@shop.test"]);
    assert_eq!(by_hand(&open, "vips").await.run, None);
    open.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_audience_is_written_once() {
    let (folder, open) = workspace(&[("audiences/all.sql", ALL), ("syncs/vips.toml", &sync("quick"))]).await;
    people::evaluate(&open, "all").await.unwrap();
    assert!(by_schedule(&open, "vips").await.unwrap().run.is_some());
    let file = folder.path().join("exports/vips.csv");
    assert!(file.is_file());
    for _ in 0..3 {
        assert_eq!(by_schedule(&open, "vips").await.unwrap().run, None);
        assert_eq!(by_hand(&open, "vips").await.run, None);
    }
    assert_eq!(states(&open, "vips").await, [RunState::Succeeded]);
    std::fs::remove_file(&file).unwrap();
    assert!(by_schedule(&open, "vips").await.unwrap().run.is_some());
    assert!(file.is_file());
    open.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schedule_leaves_emptying_to_a_person() {
    let (_folder, open) = workspace(&[("audiences/all.sql", ALL), ("syncs/vips.toml", &sync("quick"))]).await;
    with_people(&open, 12).await;
    by_schedule(&open, "vips").await.unwrap();
    define(
        &open,
        "audiences/all.sql",
        "SELECT profile_id FROM profiles WHERE user_id = 'nobody'\n",
    );
    people::evaluate(&open, "all").await.unwrap();
    for _ in 0..3 {
        let refused = by_schedule(&open, "vips").await.unwrap_err();
        assert_eq!(refused.code, "sync_would_empty");
        assert!(
            refused
                .message
                .starts_with("all 12 rows that this sync wrote to vips.csv at "),
            "{refused}"
        );
    }
    let held = open.held().unwrap();
    assert_eq!(held.store.acknowledged_now("vips").await.unwrap(), 12);
    assert_eq!(
        states(&open, "vips").await,
        [RunState::Failed, RunState::Succeeded],
        "told once"
    );
    let told = held
        .store
        .runs("vips", 0, 1)
        .await
        .unwrap()
        .remove(0)
        .error
        .unwrap();
    assert_eq!(told.code, "sync_would_empty");

    let run = by_hand(&open, "vips").await.run.unwrap();
    assert_eq!((run.state, run.removed), (RunState::Succeeded, 12));
    assert_eq!(held.store.acknowledged_now("vips").await.unwrap(), 0);
    open.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audience_that_could_not_be_evaluated_delivers_nothing() {
    let (_folder, open) = workspace(&[("audiences/all.sql", ALL), ("syncs/vips.toml", &sync("quick"))]).await;
    with_people(&open, 2).await;
    by_schedule(&open, "vips").await.unwrap();
    let more = r#"{"messageId":"m","type":"identify","userId":"u00","traits":{"email":"new@shop.test"}}"#;
    People::collect_in_test(&open, &[more]).await;
    define(
        &open,
        "audiences/all.sql",
        "SELECT profile_id FROM profiles WHERE nothing_like_it = 1\n",
    );
    people::start_evaluations(&open);
    let until = |failed: bool| {
        let open = Arc::clone(&open);
        async move {
            let people = &open.held().unwrap().people;
            let reached = async {
                while people.audience("all").unwrap().error.is_some() != failed {
                    tokio::task::yield_now().await;
                }
            };
            let reached = tokio::time::timeout(PATIENCE, reached).await;
            reached.expect("the audience was evaluated again");
        }
    };
    until(true).await;
    let refused = by_schedule(&open, "vips").await.unwrap_err();
    assert_eq!((refused.code.as_str(), refused.retry), ("audience_failed", true));
    assert!(
        refused
            .message
            .contains("nothing is delivered and nothing removed"),
        "{refused}"
    );
    assert!(refused.message.contains("nothing_like_it"), "{refused}");
    assert_eq!(
        states(&open, "vips").await,
        [RunState::Failed, RunState::Succeeded]
    );

    // Once it can be, the last run says that all is well again.
    define(&open, "audiences/all.sql", ALL);
    people::definitions_changed(&open);
    until(false).await;
    assert_eq!(by_schedule(&open, "vips").await.unwrap().run, None);
    assert_eq!(states(&open, "vips").await[0], RunState::Succeeded);
    open.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_did_not_change_is_not_read_again() {
    let (_folder, open) = workspace(&[("audiences/all.sql", ALL), ("syncs/vips.toml", &sync("quick"))]).await;
    with_people(&open, 2).await;
    by_schedule(&open, "vips").await.unwrap();
    let first = by_schedule(&open, "vips").await.unwrap();
    let held = open.held().unwrap();
    let known = held.syncs.in_step("vips").unwrap();
    let basis = |identity: &str| {
        let definition = open.workspace().definitions.sync("vips").unwrap().clone();
        Basis::of(&open, held, &definition, identity.to_owned())
            .unwrap()
            .unwrap()
    };
    let identity = connect(&open, "quick").unwrap().identity();
    // An evaluation that changes nothing leaves it as it is.
    people::evaluate(&open, "all").await.unwrap();
    assert_eq!(basis(&identity), known.basis);
    assert_ne!(basis("elsewhere"), known.basis);
    assert_eq!(by_schedule(&open, "vips").await.unwrap(), first);
    let more = r#"{"messageId":"m","type":"identify","userId":"u02"}"#;
    People::collect_in_test(&open, &[more]).await;
    assert_ne!(basis(&identity), known.basis);
    people::evaluate(&open, "all").await.unwrap();
    assert_eq!(counts(&by_schedule(&open, "vips").await.unwrap()), (1, 0, 0));
    open.close().await;
}
