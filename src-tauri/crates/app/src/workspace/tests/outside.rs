//! New workspaces, and edits from outside.

use std::time::Duration;

use super::*;

/// Long enough for any machine; a test that waits so long has failed.
const DEADLINE: Duration = Duration::from_secs(20);

#[test]
fn a_new_workspace_is_sound_and_keeps_what_was_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("my shop");
    put(&path, ".gitignore", "/notes\n");
    init(&path).unwrap();
    let workspace = Workspace::open(&path).unwrap();
    assert_eq!(workspace.problems(), []);
    assert_eq!(workspace.definitions.name(), "my shop");
    assert_eq!(text(&path, ".gitignore"), "/notes\n");
    assert!(text(&path, WORKSPACE_FILE).starts_with("# A workspace is this folder"));
    let error = init(&path).unwrap_err();
    assert_eq!(
        error.message,
        format!(
            "{} is a workspace already: open it, or name another folder",
            path.display()
        )
    );
}

#[test]
fn every_example_is_sound_when_its_ending_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    init(dir.path()).unwrap();
    for kind in Kind::FOLDERS {
        for entry in fs::read_dir(dir.path().join(kind.folder())).unwrap() {
            let path = entry.unwrap().path();
            let name = path
                .to_str()
                .unwrap()
                .strip_suffix(".example")
                .unwrap()
                .to_owned();
            fs::rename(path, name).unwrap();
        }
    }
    let workspace = Workspace::open(dir.path()).unwrap();
    assert_eq!(workspace.problems(), []);
    let definitions = &workspace.definitions;
    assert_eq!(
        (
            definitions.clusters.len(),
            definitions.traits.len(),
            definitions.audiences.len()
        ),
        (1, 2, 2)
    );
}

#[tokio::test]
async fn the_sample_is_sound_and_its_warehouse_agrees_with_the_sandbox() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop-workspace");
    ensure_sample(&path).await.unwrap();
    ensure_sample(&path).await.unwrap();
    let workspace = Workspace::open(&path).unwrap();
    assert_eq!(workspace.problems(), []);
    let definitions = &workspace.definitions;
    assert_eq!(definitions.name(), "shop-workspace");
    let enabled: Vec<&str> = definitions
        .valid_syncs()
        .filter(|(_, sync)| sync.enabled)
        .map(|(name, _)| name)
        .collect();
    assert_eq!(
        enabled,
        ["big_spenders_to_exports", "pro_repeat_buyers_to_exports"]
    );
    assert_eq!(
        fs::read_dir(dir.path()).unwrap().count(),
        1,
        "nothing is left beside the workspace"
    );
    assert_eq!(sample(&path).await.unwrap_err().code, "workspace_exists");

    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path.join("crm.db"));
    let mut connection = <sqlx::SqliteConnection as sqlx::Connection>::connect_with(&options)
        .await
        .unwrap();
    let rows: Vec<(String, String, String, i64, i64, String)> =
        sqlx::query_as("SELECT user_id, plan, region, seats, mrr, since FROM accounts ORDER BY user_id")
            .fetch_all(&mut connection)
            .await
            .unwrap();
    assert_eq!(rows.len(), 2_000);
    let seed = definitions.cluster("sandbox").unwrap().sandbox.seed;
    for (number, row) in (1..).zip(rows) {
        let account = tailrace_connectors::clusters::sandbox::shop_people::account(seed, number);
        let since = chrono::DateTime::from_timestamp_millis(account.since_ms)
            .unwrap()
            .format("%Y-%m-%d")
            .to_string();
        let expected = (
            account.user_id,
            account.plan.to_owned(),
            account.region.to_owned(),
            i64::from(account.seats),
            i64::from(account.mrr),
            since,
        );
        assert_eq!(row, expected);
    }
}

#[tokio::test]
async fn a_folder_that_holds_something_else_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "notes.txt", "mine");
    let error = sample(dir.path()).await.unwrap_err();
    let shown = dir.path().display();
    assert_eq!(
        error.message,
        format!("{shown} is not empty: name a new folder for the sample workspace")
    );
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    let file = dir.path().join("notes.txt");
    assert_eq!(
        init(&file).unwrap_err().message,
        format!("{} is a file: name a folder", file.display())
    );
}

/// Waits for the watcher until a reload shows exactly these definitions changed.
async fn expect_changed(watch: &mut Watch, workspace: &mut Workspace, expected: &[&str]) {
    let mut seen: Vec<String> = Vec::new();
    let waited = tokio::time::timeout(DEADLINE, async {
        while seen.len() < expected.len() {
            watch.changed().await.unwrap();
            seen.extend(workspace.reload().unwrap().iter().map(ToString::to_string));
        }
    });
    assert!(waited.await.is_ok(), "waited for {expected:?}, saw {seen:?}");
    seen.sort();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn edits_from_outside_are_told_of() {
    let (dir, mut workspace) = workspace(&[("audiences/a.sql", "SELECT 1 AS profile_id\n")]);
    let mut watch = workspace.watch().unwrap();
    // State is nobody's definition.
    put(dir.path(), ".tailrace/state.db", "x");

    put(dir.path(), "audiences/a.sql", "SELECT 2 AS profile_id\n");
    expect_changed(&mut watch, &mut workspace, &["audience \"a\""]).await;

    // A folder that was not there, and a file in it.
    put(dir.path(), "traits/t.sql", "SELECT 1\n");
    expect_changed(&mut watch, &mut workspace, &["trait \"t\""]).await;
    write_atomically(&dir.path().join("traits/t.sql"), b"SELECT 2\n").unwrap();
    expect_changed(&mut watch, &mut workspace, &["trait \"t\""]).await;

    fs::remove_dir_all(dir.path().join("traits")).unwrap();
    expect_changed(&mut watch, &mut workspace, &["trait \"t\""]).await;
    put(dir.path(), "traits/t.sql", "SELECT 3\n");
    expect_changed(&mut watch, &mut workspace, &["trait \"t\""]).await;

    put(dir.path(), WORKSPACE_FILE, "name = \"renamed\"\n");
    expect_changed(&mut watch, &mut workspace, &["workspace \"renamed\""]).await;
}

#[tokio::test]
async fn a_save_of_our_own_is_no_change() {
    let (_dir, mut workspace) = workspace(&[("audiences/a.sql", "SELECT 1\n")]);
    let mut watch = workspace.watch().unwrap();
    let mut audience = workspace.definitions.audience("a").unwrap().clone();
    audience.title = Some("A".to_owned());
    workspace.save_audience("a", &audience).unwrap();
    assert!(
        tokio::time::timeout(DEADLINE, watch.changed()).await.is_ok(),
        "the watcher tells of every change"
    );
    assert_eq!(workspace.reload().unwrap(), []);
}

#[test]
fn a_save_hides_no_change_from_outside() {
    let (dir, mut workspace) = workspace(&[
        ("audiences/a.sql", "SELECT 1\n"),
        ("audiences/b.sql", "SELECT 1\n"),
    ]);
    put(dir.path(), "audiences/b.sql", "SELECT 2\n");
    let mut audience = workspace.definitions.audience("a").unwrap().clone();
    audience.title = Some("A".to_owned());
    workspace.save_audience("a", &audience).unwrap();
    let changed: Vec<String> = workspace
        .reload()
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(changed, ["audience \"b\""]);
    assert_eq!(workspace.reload().unwrap(), []);
}

#[test]
fn the_connectors_take_the_sample_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let path = dir.path().join("w");
    runtime.block_on(sample(&path)).unwrap();
    let workspace = Workspace::open(&path).unwrap();
    let definitions = &workspace.definitions;
    for (name, destination) in definitions.valid_destinations() {
        let opened =
            tailrace_connectors::destinations::open(destination.kind, &destination.settings, &workspace.dir);
        assert_eq!(opened.err(), None, "{name}");
    }
    for (name, warehouse) in definitions.valid_warehouses() {
        let opened = tailrace_connectors::warehouses::open(warehouse, &workspace.dir).unwrap();
        let tables = runtime
            .block_on(opened.tables(&tokio_util::sync::CancellationToken::new()))
            .unwrap();
        assert!(
            warehouse.tables.keys().all(|table| tables.contains(table)),
            "{name} has {tables:?}"
        );
    }
}
