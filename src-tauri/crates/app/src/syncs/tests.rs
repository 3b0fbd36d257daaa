//! Syncs of a workspace on disk, to real destinations: a folder, and an address that answers when it is told to.

use std::{path::Path, time::Duration};

use axum::{Json, Router, extract::State, http::StatusCode, routing::post};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::{Semaphore, mpsc};

use super::*;
use crate::{
    open::OpenOptions,
    people,
    store::{RowsOf, Settled},
    workspace::{Kind, WORKSPACE_FILE},
};

pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// An address that takes rows; each request waits for a permit before it is answered.
struct Slow {
    address: std::net::SocketAddr,
    asked: mpsc::Receiver<String>,
    answers: Arc<Semaphore>,
}

impl Slow {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, asked) = mpsc::channel(100);
        let answers = Arc::new(Semaphore::new(0));
        let take = async |State((tell, answers)): State<(mpsc::Sender<String>, Arc<Semaphore>)>,
                          Json(body): Json<Value>| {
            tell.send(body["sync"].as_str().unwrap().to_owned())
                .await
                .unwrap();
            answers.acquire().await.unwrap().forget();
            StatusCode::OK
        };
        let router = Router::new()
            .route("/", post(take))
            .with_state((tell, Arc::clone(&answers)));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            address,
            asked,
            answers,
        }
    }

    /// The sync whose request comes next.
    async fn next(&mut self) -> String {
        let next = tokio::time::timeout(PATIENCE, self.asked.recv()).await;
        next.expect("a request came to the slow destination").unwrap()
    }
}

pub(super) fn put(folder: &Path, file: &str, text: &str) {
    let path = folder.join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

pub(super) fn sync(destination: &str) -> String {
    format!("audience = \"all\"\ndestination = \"{destination}\"\nevery = \"1 day\"\n")
}

pub(super) async fn workspace(files: &[(&str, &str)]) -> (TempDir, Arc<OpenWorkspace>) {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), WORKSPACE_FILE, "name = \"test\"\n");
    put(
        folder.path(),
        "audiences/all.sql",
        "SELECT profile_id FROM profiles\n",
    );
    put(
        folder.path(),
        "destinations/quick.toml",
        "kind = \"file\"\n[settings]\npath = \"exports\"\n",
    );
    for (file, text) in files {
        put(folder.path(), file, text);
    }
    let open = OpenWorkspace::open(folder.path().to_owned(), OpenOptions::command())
        .await
        .unwrap();
    (folder, open)
}

/// A row that the destination of a sync holds, and that is to be removed, because nobody is in the audience.
async fn holds_a_row(open: &OpenWorkspace, sync: &str) {
    let row = ("u1".to_owned(), "{\"user_id\":\"u1\"}".to_owned());
    let settled = Settled {
        upserted: vec![row],
        ..Settled::default()
    };
    open.held()
        .unwrap()
        .store
        .settle(&RowsOf::new(sync, None), &settled)
        .await
        .unwrap();
}

pub(super) async fn states(open: &OpenWorkspace, sync: &str) -> Vec<RunState> {
    let runs = open.held().unwrap().store.runs(sync, 0, 10).await.unwrap();
    runs.into_iter().map(|run| run.state).collect()
}

/// Waits until the runs of a sync have these states, the newest first.
async fn wait_for(open: &OpenWorkspace, sync: &str, expected: &[RunState]) {
    let mut told = open.hub.follow(&Topic::Activity);
    let reached = async {
        while states(open, sync).await != expected {
            // Every run tells of its steps; what is told last may come before the state is written.
            let _ = tokio::time::timeout(Duration::from_millis(50), told.changed()).await;
        }
    };
    if tokio::time::timeout(PATIENCE, reached).await.is_err() {
        panic!(
            "the runs of {sync} are {:?}, not {expected:?}",
            states(open, sync).await
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_destination_holds_up_only_itself_and_new_definitions_wait_for_its_run() {
    let mut slow = Slow::start().await;
    let address = format!(
        "kind = \"webhook\"\n[settings]\nurl = \"http://{}/\"\n",
        slow.address
    );
    let (folder, open) = workspace(&[
        ("destinations/slow.toml", &address),
        ("syncs/a_slow.toml", &sync("slow")),
        ("syncs/b_slow.toml", &sync("slow")),
        ("syncs/c_quick.toml", &sync("quick")),
    ])
    .await;
    holds_a_row(&open, "a_slow").await;
    holds_a_row(&open, "b_slow").await;
    start_schedule(&open);
    // Whether the schedule has looked at them by now or not: daily syncs run with their audience's first evaluation.
    let refused = run(&open, "a_slow", false, &CancellationToken::new()).await;
    assert_eq!(refused.unwrap_err().code, "audience_not_evaluated");
    people::evaluate(&open, "all").await.unwrap();

    assert_eq!(slow.next().await, "a_slow");
    wait_for(&open, "c_quick", &[RunState::Succeeded]).await;
    assert_eq!(states(&open, "a_slow").await, [RunState::Running]);
    assert_eq!(
        states(&open, "b_slow").await,
        [],
        "b_slow waits for its destination"
    );

    // A run in flight is brought to its end where it began, and only then the new definition is taken over.
    put(folder.path(), "syncs/a_slow.toml", &sync("quick"));
    let changed = open.workspace_mut().reload().unwrap();
    assert_eq!(
        changed.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["sync \"a_slow\""]
    );
    slow.answers.add_permits(1);
    assert_eq!(slow.next().await, "b_slow");
    assert!(states(&open, "a_slow").await.contains(&RunState::Succeeded));
    assert_eq!(
        open.held()
            .unwrap()
            .store
            .acknowledged_now("a_slow")
            .await
            .unwrap(),
        0
    );
    wait_for(&open, "a_slow", &[RunState::Succeeded, RunState::Succeeded]).await;
    assert!(folder.path().join("exports/a_slow.csv").is_file());

    // What is in flight when the workspace is closed ends soon, and says how.
    let held = Arc::clone(&open);
    let closing = tokio::spawn(async move { held.supervisor.shut_down().await });
    let clean = tokio::time::timeout(PATIENCE, closing)
        .await
        .expect("the end in time");
    assert!(clean.unwrap(), "every run ended with the supervisor");
    assert_eq!(states(&open, "b_slow").await, [RunState::Cancelled]);
    open.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_a_person_stops_stops_no_other() {
    let mut slow = Slow::start().await;
    let address = format!(
        "kind = \"webhook\"\n[settings]\nurl = \"http://{}/\"\n",
        slow.address
    );
    let (_folder, open) = workspace(&[
        ("destinations/slow.toml", &address),
        ("syncs/a_slow.toml", &sync("slow")),
        ("syncs/b_slow.toml", &sync("slow")),
    ])
    .await;
    holds_a_row(&open, "a_slow").await;
    holds_a_row(&open, "b_slow").await;
    people::evaluate(&open, "all").await.unwrap();
    start_schedule(&open);
    assert_eq!(slow.next().await, "a_slow");
    let activity = open.activities.list().into_iter().find(|it| it.kind == "sync");
    open.activities.cancel(activity.unwrap().id).unwrap();
    assert_eq!(slow.next().await, "b_slow");
    wait_for(&open, "a_slow", &[RunState::Cancelled]).await;

    // By hand, a run waits for its destination too, and can be stopped while it waits.
    let cancel = CancellationToken::new();
    let mut waiting = std::pin::pin!(run(&open, "a_slow", false, &cancel));
    assert!(
        futures::poll!(waiting.as_mut()).is_pending(),
        "b_slow has the destination"
    );
    cancel.cancel();
    assert_eq!(waiting.await.unwrap_err().code, "cancelled");
    slow.answers.add_permits(1);
    wait_for(&open, "b_slow", &[RunState::Succeeded]).await;
    open.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_syncs_that_write_to_one_place_are_refused() {
    let with_file =
        |destination: &str, file: &str| format!("{}\n[options]\nfile = \"{file}\"\n", sync(destination));
    let secret = "kind = \"postgres\"\n[settings]\nurl = \"secret:NOT_KNOWN_HERE\"\n";
    let (folder, open) = workspace(&[
        (
            "destinations/below.toml",
            "kind = \"file\"\n[settings]\npath = \"./exports/a\"\n",
        ),
        ("destinations/crm.toml", secret),
        ("syncs/one.toml", &with_file("quick", "a/x.csv")),
        ("syncs/two.toml", &with_file("below", "x.csv")),
        ("syncs/three.toml", &with_file("quick", "b.csv")),
        ("syncs/vips.toml", &sync("crm")),
        (
            "syncs/zed.toml",
            &format!(
                "enabled = false\n{}[options]\ntable = \"public.vips\"\n",
                sync("crm")
            ),
        ),
    ])
    .await;
    people::evaluate(&open, "all").await.unwrap();
    let problems = place_problems(&open);
    let messages: Vec<&str> = problems.iter().map(|it| it.message.as_str()).collect();
    let end = "and each would take away what the other wrote: give one of them another place in [options], or remove its file";
    assert_eq!(
        messages,
        [
            format!(
                "syncs/two.toml:6:8: syncs/two.toml and syncs/one.toml both write to x.csv in the destination \"below\", {end}"
            ),
            format!(
                "syncs/zed.toml:6:9: syncs/zed.toml and syncs/vips.toml both write to \"public\".\"vips\" in the destination \"crm\", {end}"
            ),
        ]
    );
    let position = problems[0].position.clone().unwrap();
    assert_eq!(
        (position.file.as_deref(), position.line),
        (Some("syncs/two.toml"), 6)
    );
    let checked = people::check(&open).await.unwrap();
    assert_eq!(checked, problems);

    let cancel = CancellationToken::new();
    for (name, other) in [("one", "two"), ("two", "one")] {
        let refused = run(&open, name, false, &cancel).await.unwrap_err();
        assert_eq!(refused.code, "sync_place_taken");
        assert!(
            refused
                .message
                .contains(&format!("syncs/{name}.toml and syncs/{other}.toml")),
            "{refused}"
        );
    }
    assert!(
        !folder.path().join("exports").exists(),
        "neither of them wrote anything"
    );
    run(&open, "three", false, &cancel).await.unwrap();
    assert!(folder.path().join("exports/b.csv").is_file());
    std::fs::remove_file(folder.path().join("syncs/two.toml")).unwrap();
    open.workspace_mut().reload().unwrap();
    run(&open, "one", false, &cancel).await.unwrap();
    assert!(folder.path().join("exports/a/x.csv").is_file());
    open.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_a_warehouse_has_its_place() {
    let (_folder, open) = workspace(&[(
        "warehouses/crm.toml",
        "kind = \"sqlite\"\npath = \"crm.db\"\n\n[tables.accounts]\nkey = \"user_id\"\n",
    )])
    .await;
    let error = Error::external("warehouse", "crm.db is not there");
    let placed =
        open.workspace()
            .definitions
            .place_in(Kind::Warehouse, "crm", &["tables", "accounts"], error.clone());
    assert_eq!(placed.message, "warehouses/crm.toml:4:1: crm.db is not there");
    assert_eq!((placed.domain, placed.retry), (error.domain, error.retry));
    open.close().await;
}
