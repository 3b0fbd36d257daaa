//! The libraries as they are published, over servers that are not there yet, refuse and come back.

use std::{path::PathBuf, sync::LazyLock, time::Duration};

use anyhow::{Context, Result};
use integration::{
    Unavailable, eventually, need,
    process::{Process, Program},
    root,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::OnceCell};

use super::{KEY, Server, state, workspace};
use crate::workspace::Workspace;

/// Installing, or sending with all the pauses that a library makes.
const LIBRARY_DEADLINE: Duration = Duration::from_secs(300);
const EVENTS: usize = 150;

/// A program that ends well; its standard output.
async fn run(name: &'static str, command: Vec<String>) -> Result<String> {
    let folder = TempDir::with_prefix("tailrace-segment-")?;
    let mut process = start(name, &folder, command)?;
    ended(&mut process).await
}

fn start(name: &'static str, folder: &TempDir, mut command: Vec<String>) -> Result<Process> {
    let program = command.remove(0);
    Program::new(name, folder.path(), program).args(command).start()
}

async fn ended(process: &mut Process) -> Result<String> {
    let status = process.wait(LIBRARY_DEADLINE).await?;
    anyhow::ensure!(status.success(), "{}", process.said());
    Ok(process.stdout())
}

fn file(path: &str) -> String {
    root().join(path).display().to_string()
}

/// The Python that has the library.
async fn python() -> Result<String, Unavailable> {
    let made = run("venv", vec!["bash".to_owned(), file("scripts/venv.sh")]).await;
    made.and_then(|said| Ok(said.lines().last().context("no path")?.to_owned()))
        .map_err(|error| Unavailable::new("segment-analytics-python", format!("{error:#}")))
}

/// The script beside which the library for Node.js is installed.
async fn node() -> Result<String, Unavailable> {
    static INSTALLED: LazyLock<OnceCell<Result<(), String>>> = LazyLock::new(OnceCell::new);
    let install = async {
        let folder: PathBuf = root().join("tests/segment");
        if folder
            .join("node_modules/@segment/analytics-node/package.json")
            .is_file()
        {
            return Ok(());
        }
        let command = [
            "npm",
            "--prefix",
            &file("tests/segment"),
            "ci",
            "--no-audit",
            "--no-fund",
        ];
        let installed = run("npm", command.map(str::to_owned).to_vec()).await;
        installed.map(drop).map_err(|error| format!("{error:#}"))
    };
    let installed = INSTALLED.get_or_init(|| install).await.clone();
    installed.map_err(|why| Unavailable::new("@segment/analytics-node", why))?;
    Ok(file("tests/segment/send.mjs"))
}

fn nothing_failed(said: &str) -> Result<()> {
    let said: Value = serde_json::from_str(said.trim()).with_context(|| said.to_owned())?;
    anyhow::ensure!(said == json!({ "failed": [] }), "{said}");
    Ok(())
}

/// Every number once, and what a person said of themselves.
async fn check(workspace: &Workspace, event: &str, person: &str) -> Result<()> {
    let rows = workspace
        .sql(&format!(
            "SELECT number, count(*) AS n, max(timestamp) <= max(received_at) AS before FROM events \
             WHERE event = '{event}' AND user_id = '{person}' GROUP BY number ORDER BY number"
        ))
        .await?;
    let wanted: Vec<Vec<Value>> = (0..EVENTS)
        .map(|number| vec![json!(number), json!(1), json!(true)])
        .collect();
    assert_eq!(rows, wanted, "{event}");
    let profile = workspace.json(&["profile", "show", person]).await?;
    assert!(
        profile.to_string().contains(&format!("{person}@example.com")),
        "{profile}"
    );
    Ok(())
}

#[tokio::test]
async fn the_library_for_python_sends_everything_once_packed_or_not() -> Result<()> {
    let python = need!(python().await);
    let workspace = workspace("")?;
    let mut server = Server::new()?;
    let send = |packing: &str| {
        let url = server.url("");
        let events = EVENTS.to_string();
        [
            &python,
            &file("tests/segment/send.py"),
            &url,
            KEY,
            &events,
            packing,
        ]
        .map(str::to_owned)
        .to_vec()
    };
    let (packed, plain) = (send("gzip"), send("plain"));
    // What it meets first hangs up, then there is nobody, then there is a server: it tries again until it is answered.
    let nobody = TcpListener::bind(("127.0.0.1", server.port)).await?;
    let folder = TempDir::with_prefix("tailrace-segment-")?;
    let mut early = start("python", &folder, packed)?;
    drop(tokio::time::timeout(LIBRARY_DEADLINE, nobody.accept()).await?);
    drop(nobody);
    server.start(&workspace).await?;
    nothing_failed(&ended(&mut early).await?)?;
    nothing_failed(&run("python", plain).await?)?;
    server.stop().await?;
    for packing in ["gzip", "plain"] {
        check(&workspace, "Python Tracked", &format!("python-{packing}")).await?;
    }
    let text = workspace
        .sql("SELECT DISTINCT text FROM events WHERE text IS NOT NULL")
        .await?;
    assert_eq!(text, [[json!("Grüße, 世界")]]);
    let screens = workspace
        .sql("SELECT event, type, category, first FROM events WHERE type = 'screen'")
        .await?;
    assert_eq!(screens.len(), 2, "{screens:?}");
    assert_eq!(
        screens[0],
        [json!("Start"), json!("screen"), json!("Home"), json!(true)]
    );
    assert_eq!(
        state(&workspace, "SELECT reason FROM quarantine").await?,
        Vec::<Vec<String>>::new()
    );
    Ok(())
}

/// The server takes fewer than are sent, says when to come back, and is killed once and started again meanwhile.
#[tokio::test]
async fn the_library_for_node_comes_back_after_a_refusal_and_a_crash() -> Result<()> {
    let script = need!(node().await);
    let workspace = workspace("events_per_second_max = 40")?;
    let mut server = Server::started(&workspace).await?;
    let events = EVENTS.to_string();
    let command = ["node", &script, &server.url(""), KEY, &events]
        .map(str::to_owned)
        .to_vec();
    let folder = TempDir::with_prefix("tailrace-segment-")?;
    let mut sending = start("node", &folder, command)?;
    let (client, metrics) = (server.client.clone(), server.url("/metrics"));
    let refused = eventually("a refusal because of the rate", LIBRARY_DEADLINE, || {
        let (client, metrics) = (client.clone(), metrics.clone());
        async move {
            let page = client.get(metrics).send().await.ok()?.text().await.ok()?;
            page.contains("refused_total{source=\"web\",reason=\"rate\"}")
                .then_some(page)
        }
    });
    refused.await?;
    server.kill().await?;
    server.start(&workspace).await?;
    nothing_failed(&ended(&mut sending).await?)?;
    server.stop().await?;
    check(&workspace, "Node Tracked", "node").await?;
    let others = workspace
        .sql("SELECT type, count(*) AS n FROM events WHERE type <> 'track' GROUP BY type ORDER BY type")
        .await?;
    let wanted = ["alias", "group", "identify", "page"].map(|kind| vec![json!(kind), json!(1)]);
    assert_eq!(others, wanted);
    // The alias ties the device to the person.
    let people = workspace
        .sql("SELECT count(DISTINCT profile_id) AS n FROM events")
        .await?;
    assert_eq!(people, [[json!(1)]]);
    Ok(())
}
