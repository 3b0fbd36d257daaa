//! A tracking plan, a transformation and the quarantine of what is posted.

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use integration::eventually;
use serde_json::{Value, json};

use super::{KEY, Server};
use crate::workspace::{DEADLINE, Workspace};

const PLAN: &str = r#"{"events": {"Seen": {"on_violation": "block", "schema": {"required": ["page"]}}}}"#;

fn workspace() -> Result<Workspace> {
    let workspace = Workspace::new()?.env("TAILRACE_SECRET_WEB_KEY", KEY);
    let source = "kind = \"tracking\"\nplan = \"web\"\n\n[tracking]\nwrite_key = \"secret:web_key\"\n";
    workspace.write("sources/web.toml", source)?;
    workspace.write("sources/web.sql", "SELECT * EXCLUDE (phone) FROM events\n")?;
    workspace.write("tracking-plans/web.json", PLAN)?;
    Ok(workspace)
}

fn seen(id: &str, properties: &Value) -> Value {
    json!({ "type": "track", "event": "Seen", "messageId": id, "userId": "u1", "properties": properties })
}

async fn until_metrics_say(server: &Server, line: &str) -> Result<()> {
    eventually(line, DEADLINE, || async move {
        let page = server.metrics().await.ok()?;
        page.lines().any(|there| there == line).then_some(())
    })
    .await
}

/// Message ids and pages; a column that nothing has is no column.
async fn pages(workspace: &Workspace) -> Result<Vec<Vec<Value>>> {
    workspace
        .sql("SELECT message_id, page FROM events ORDER BY message_id")
        .await
}

#[tokio::test]
async fn what_is_posted_is_transformed_checked_kept_apart_and_mended() -> Result<()> {
    let workspace = workspace()?;
    let mut server = Server::started(&workspace).await?;
    let fits = seen(
        "a",
        &json!({"page": "home", "phone": "+49 1", "visit": {"number": 7}}),
    );
    for event in [fits, seen("b", &json!({"phone": "+49 2"}))] {
        let (status, answer) = server.post("/v1/track", &event).await?;
        assert_eq!(status, 200, "{answer}");
    }
    until_metrics_say(&server, "tailrace_source_events{source=\"web\"} 1").await?;
    until_metrics_say(&server, "tailrace_source_blocked_total{source=\"web\"} 1").await?;
    until_metrics_say(&server, "tailrace_source_quarantined{source=\"web\"} 1").await?;

    // Beside the process that holds the state.
    let sql = "SELECT page, visit.number AS visit FROM events WHERE page IS NOT NULL";
    let rows = workspace
        .lines(&["source", "preview", "web", "--sql", sql])
        .await?;
    let outcomes: Vec<&Value> = rows.iter().map(|row| &row["outcome"]).collect();
    assert_eq!(outcomes, ["left_out", "event"], "newest first: {rows:?}");
    let after = rows[1]["after"].as_str().unwrap_or_default();
    assert!(
        after.contains("\"properties\":{\"page\":\"home\",\"visit\":7}"),
        "{after}"
    );
    server.stop().await?;

    assert_eq!(pages(&workspace).await?, [[json!("a"), json!("home")]]);
    let columns = workspace.lines(&["sql", "SELECT * FROM events"]).await?;
    assert!(columns[0].get("phone").is_none(), "{columns:?}");
    let visit = workspace
        .sql("SELECT CAST(properties_rest ->> '$.visit.number' AS INT) FROM events")
        .await?;
    assert_eq!(visit[0][0], 7);
    let refused = workspace
        .sentence(&["replay", "web", "--from", "0", "--dry-run"], 1)
        .await?;
    assert!(
        refused.contains("only a source of a topic can be replayed"),
        "{refused}"
    );
    let mend = "SELECT *, 'lost' AS page FROM events";
    let done = workspace
        .json(&["quarantine", "replay", "web", "--transform", mend, "--yes"])
        .await?;
    assert_eq!(
        (&done["collected"], &done["stayed"]),
        (&json!(1), &json!(0)),
        "{done}"
    );
    assert_eq!(
        pages(&workspace).await?,
        [[json!("a"), json!("home")], [json!("b"), json!("lost")]]
    );
    let sources = workspace.lines(&["source", "list"]).await?;
    assert_eq!(
        (&sources[0]["quarantined"], &sources[0]["blocked"]),
        (&json!(0), &json!(1)),
        "{sources:?}"
    );
    Ok(())
}

#[tokio::test]
async fn what_was_posted_waits_for_its_plan_and_never_passes_it() -> Result<()> {
    let workspace = workspace()?;
    let mut server = Server::started(&workspace).await?;
    // It is there and says nothing that could be kept to. Until that is seen, what does not fit is blocked at once.
    workspace.write("tracking-plans/web.json", "{\"events\": ")?;
    let tries = AtomicU64::new(0);
    eventually("the broken plan to be seen", DEADLINE, || async {
        let id = format!("x{}", tries.fetch_add(1, Ordering::Relaxed));
        server.post("/v1/track", &seen(&id, &json!({}))).await.ok()?;
        let health = reqwest::get(server.url("/health")).await.ok()?;
        health.text().await.ok()?.contains("waits").then_some(())
    })
    .await?;
    let (status, answer) = server
        .post(
            "/v1/track",
            &seen("y", &json!({"page": "home", "phone": "+49 1"})),
        )
        .await?;
    assert_eq!(status, 200, "it is durable, if not collected yet: {answer}");
    server.stop().await?;

    let problems = workspace.run(&["check"]).await?.exits(1)?.stdout;
    assert!(problems.contains("tracking-plans/web.json:1:"), "{problems}");
    assert!(
        problems.contains("what was posted to source \"web\" waits: "),
        "{problems}"
    );
    let rows = workspace.sql("SELECT count(*) AS n FROM events").await?;
    assert_eq!(rows[0][0], 0, "nothing passed the plan, and the workspace opens");

    workspace.write("tracking-plans/web.json", PLAN)?;
    assert_eq!(pages(&workspace).await?, [[json!("y"), json!("home")]]);
    let columns = workspace.lines(&["sql", "SELECT * FROM events"]).await?;
    assert!(columns[0].get("phone").is_none(), "{columns:?}");
    Ok(())
}
