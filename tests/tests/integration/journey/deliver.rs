//! Delivering: the difference and nothing else, once, to a PostgreSQL table, a webhook and files.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use integration::{
    http::{Http, Received, Reply},
    need,
    postgres::Postgres,
    unique,
};
use serde_json::Value;
use sqlx::{Connection, PgConnection, Row};

use super::{Stage, collect::collect};
use crate::{
    shop::{Person, Shop, now_ms},
    workspace::{Workspace, text},
};

const MAPPING: &str = "[mapping]\nuser_id = \"user_id\"\nemail = \"email\"\nplan = \"crm.accounts.plan\"\n\
    orders_14d = \"orders_14d\"\nlifetime_value = \"lifetime_value\"\n";

/// A delivered row: email, plan, orders, lifetime value; by user id.
type Rows = BTreeMap<String, (String, String, i64, f64)>;

fn wanted(shop: &Shop) -> Rows {
    let row = |person: &&Person| {
        let orders = person.orders_14d(shop.now_ms) as i64;
        let values = (
            person.email(),
            person.plan.to_owned(),
            orders,
            person.lifetime_value(),
        );
        (person.user_id(), values)
    };
    shop.pro_repeat_buyers().iter().map(row).collect()
}

fn sync(workspace: &Workspace, name: &str, destination: &str, options: &str) -> Result<()> {
    let head =
        format!("audience = \"pro_repeat_buyers\"\ndestination = \"{destination}\"\nkey = \"user_id\"\n");
    workspace.write(
        &format!("syncs/{name}.toml"),
        format!("{head}\n{MAPPING}\n{options}"),
    )
}

/// `added, changed, removed, unchanged`.
fn difference(outcome: &Value) -> [u64; 4] {
    ["added", "changed", "removed", "unchanged"]
        .map(|name| outcome["difference"][name].as_u64().unwrap_or(u64::MAX))
}

/// `state, added, changed, removed, delivered, failed`.
fn run(run: &Value) -> (String, [u64; 5]) {
    let counts = ["added", "changed", "removed", "delivered", "failed"];
    (
        text(&run["state"]),
        counts.map(|name| run[name].as_u64().unwrap_or(u64::MAX)),
    )
}

async fn table(connection: &mut PgConnection) -> Result<Rows> {
    let rows = sqlx::query(
        "SELECT user_id, email, plan, orders_14d::bigint, lifetime_value::float8 FROM crm_pros WHERE email IS NOT NULL",
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .iter()
        .map(|row| (row.get(0), (row.get(1), row.get(2), row.get(3), row.get(4))))
        .collect())
}

#[tokio::test]
async fn a_table_follows_the_audience() -> Result<()> {
    let postgres = need!(Postgres::shared().await);
    let mut stage = need!(Stage::set().await);
    let workspace = stage.defined(&unique("to-postgres")).await?;
    let url = postgres.database("crm").await?;
    let mut connection = PgConnection::connect(&url).await?;
    let bare = url.replace(&format!(":{}@", postgres.password()), "@");
    let settings = format!("url = \"{bare}\"\npassword = \"secret:crm_password\"\n");
    workspace.write(
        "destinations/crm.toml",
        format!("kind = \"postgres\"\n\n[settings]\n{settings}"),
    )?;
    sync(&workspace, "pros", "crm", "[options]\ntable = \"crm_pros\"\n")?;
    workspace
        .run_with_input(&["secret", "set", "crm_password"], postgres.password())
        .await?
        .exits(0)?;
    assert_eq!(workspace.json(&["destination", "test", "crm"]).await?["ok"], true);
    collect(&workspace, &stage.shop).await?;
    let members = wanted(&stage.shop);
    let count = members.len() as u64;

    // A dry run shows it all and touches nothing.
    let dry = workspace.json(&["sync", "run", "pros", "--dry-run"]).await?;
    assert_eq!((difference(&dry), &dry["run"]), ([count, 0, 0, 0], &Value::Null));
    let there = sqlx::query("SELECT to_regclass('crm_pros') IS NULL").fetch_one(&mut connection);
    assert!(there.await?.get::<bool, _>(0), "a dry run made the table");
    assert_eq!(workspace.lines(&["sync", "runs", "pros"]).await?.len(), 0);

    let outcome = workspace.json(&["sync", "run", "pros"]).await?;
    assert_eq!(
        run(&outcome["run"]),
        ("succeeded".to_owned(), [count, 0, 0, count, 0])
    );
    assert_eq!(table(&mut connection).await?, members);

    // Rows that others wrote are theirs, whoever they are about.
    sqlx::raw_sql("INSERT INTO crm_pros (user_id) VALUES ('stranger'), ('u_0001')")
        .execute(&mut connection)
        .await?;
    let (leaver, enterer) = move_two(&mut stage).await?;
    collect(&workspace, &stage.shop).await?;
    let dry = workspace.json(&["sync", "run", "pros", "--dry-run"]).await?;
    assert_eq!(difference(&dry), [1, 0, 1, count - 1], "{dry}");
    let shown = dry["difference"]["sample"]["rows"].to_string();
    assert!(shown.contains(&leaver) && shown.contains(&enterer), "{shown}");
    let outcome = workspace.json(&["sync", "run", "pros"]).await?;
    assert_eq!(run(&outcome["run"]), ("succeeded".to_owned(), [1, 0, 1, 2, 0]));
    let members = wanted(&stage.shop);
    assert!(members.contains_key(&enterer) && !members.contains_key(&leaver));
    assert_eq!(table(&mut connection).await?, members);
    let others = sqlx::query("SELECT user_id FROM crm_pros WHERE email IS NULL ORDER BY 1");
    let others = others.fetch_all(&mut connection).await?;
    let others: Vec<String> = others.iter().map(|row| row.get(0)).collect();
    assert_eq!(others, ["stranger", "u_0001"]);

    // Nothing is owed, and the runs are told.
    let again = workspace.json(&["sync", "run", "pros"]).await?;
    assert_eq!(
        (difference(&again), &again["run"]),
        ([0, 0, 0, count], &Value::Null)
    );
    let runs = workspace.lines(&["sync", "runs", "pros"]).await?;
    let told: Vec<_> = runs.iter().map(run).collect();
    assert_eq!(
        told,
        [
            ("succeeded".to_owned(), [1, 0, 1, 2, 0]),
            ("succeeded".to_owned(), [count, 0, 0, count, 0])
        ]
    );
    let syncs = workspace.lines(&["sync", "list"]).await?;
    assert_eq!((syncs.len(), &syncs[0]["acknowledged"]), (1, &count.into()));
    Ok(())
}

/// One member returns an order and one who lacked an order makes it. Their user ids.
async fn move_two(stage: &mut Stage) -> Result<(String, String)> {
    let now = stage.shop.now_ms;
    let leaver = stage.shop.pro_repeat_buyers().first().context("a member")?.number;
    let nearly = stage.shop.members(|person| {
        let mut more = person.clone();
        more.orders.push(crate::shop::Purchase {
            at_ms: now,
            revenue: 1.0,
        });
        !person.is_pro_repeat_buyer(now) && more.is_pro_repeat_buyer(now)
    });
    let enterer = nearly.first().context("somebody who lacks an order")?.number;
    // Not in the future of the evaluation.
    let at_ms = now_ms() - 1_000;
    let records = [stage.shop.refund(leaver, at_ms), stage.shop.order(enterer, at_ms)];
    stage.kafka.produce(&stage.topic, records).await?;
    Ok((
        stage.shop.person(leaver).user_id(),
        stage.shop.person(enterer).user_id(),
    ))
}

/// User ids of the rows in a request.
fn upserts(request: &Received) -> Result<Vec<String>> {
    let body = request.json()?;
    let rows = body["upserts"].as_array().context("upserts")?;
    Ok(rows.iter().map(|row| text(&row["user_id"])).collect())
}

#[tokio::test]
async fn a_webhook_gets_each_row_once_and_what_it_refused_later() -> Result<()> {
    let stage = need!(Stage::shared().await);
    let workspace = stage.defined(&unique("to-webhook")).await?;
    let http = Http::start().await?;
    let url = http.url("/audiences");
    let settings = format!("url = \"{url}\"\nbatch_rows_max = 10\n");
    workspace.write(
        "destinations/hook.toml",
        format!("kind = \"webhook\"\n\n[settings]\n{settings}"),
    )?;
    sync(&workspace, "calls", "hook", "")?;
    sync(&workspace, "fussy", "hook", "")?;
    collect(&workspace, &stage.shop).await?;
    let members = wanted(&stage.shop);
    let ids: BTreeSet<String> = members.keys().cloned().collect();
    let count = ids.len() as u64;

    let dry = workspace.json(&["sync", "run", "calls", "--dry-run"]).await?;
    assert_eq!(difference(&dry), [count, 0, 0, 0]);
    assert_eq!(http.received().len(), 0, "a dry run calls nobody");

    // Busy at first: the same batch comes again with the same key.
    http.next_replies([Reply::status(503)]);
    let outcome = workspace.json(&["sync", "run", "calls"]).await?;
    assert_eq!(
        run(&outcome["run"]),
        ("succeeded".to_owned(), [count, 0, 0, count, 0])
    );
    let received = http.received();
    let key = |request: &Received| request.header("idempotency-key").map(str::to_owned);
    assert!(key(&received[0]).is_some_and(|key| !key.is_empty()));
    assert_eq!(
        (key(&received[0]), &received[0].body),
        (key(&received[1]), &received[1].body)
    );
    let keys: BTreeSet<_> = received[1..].iter().map(key).collect();
    assert_eq!(keys.len(), received.len() - 1, "one key a batch");
    let mut delivered: Vec<String> = Vec::new();
    for request in &received[1..] {
        let rows = upserts(request)?;
        assert!(rows.len() <= 10);
        delivered.extend(rows);
    }
    delivered.sort();
    assert_eq!(delivered, ids.iter().cloned().collect::<Vec<_>>());
    let first: Value = received[1].json()?["upserts"][0].clone();
    let row = &members[&text(&first["user_id"])];
    assert_eq!(
        (&first["email"], &first["plan"]),
        (&row.0.as_str().into(), &"pro".into())
    );
    assert_eq!(
        (first["orders_14d"].as_i64(), first["lifetime_value"].as_f64()),
        (Some(row.2), Some(row.3))
    );

    refused_rows_stay_owed(&workspace, &http, &ids).await
}

async fn refused_rows_stay_owed(workspace: &Workspace, http: &Http, ids: &BTreeSet<String>) -> Result<()> {
    let count = ids.len() as u64;
    let disliked = ids.iter().nth(ids.len() / 2).context("a member")?.clone();
    let quoted = format!("\"{disliked}\"");
    http.clear();
    http.answer(
        move |request| match String::from_utf8_lossy(&request.body).contains(&quoted) {
            true => Reply::status(400).body("no such person"),
            false => Reply::status(200),
        },
    );
    // 3: partly done.
    let outcome = workspace.json_with(&["sync", "run", "fussy"], 3).await?;
    assert_eq!(
        run(&outcome["run"]),
        ("partial".to_owned(), [count, 0, 0, count - 1, 1])
    );
    let message = text(&outcome["run"]["error"]["message"]);
    assert!(
        message.contains(&disliked) && message.contains("no such person"),
        "{message}"
    );

    http.clear();
    http.answer(|_| Reply::status(200));
    let outcome = workspace.json(&["sync", "retry", "fussy"]).await?;
    let (state, counts) = run(&outcome["run"]);
    assert_eq!(
        (state.as_str(), counts[3], counts[4]),
        ("succeeded", 1, 0),
        "{outcome}"
    );
    let received = http.received();
    assert_eq!((received.len(), upserts(&received[0])?), (1, vec![disliked]));
    let runs = workspace.lines(&["sync", "runs", "fussy"]).await?;
    assert_eq!(runs.len(), 2);
    Ok(())
}

#[tokio::test]
async fn files_hold_the_whole_audience() -> Result<()> {
    let stage = need!(Stage::shared().await);
    let workspace = stage.defined(&unique("to-files")).await?;
    workspace.write(
        "destinations/exports.toml",
        "kind = \"file\"\n\n[settings]\npath = \"exports\"\n",
    )?;
    sync(&workspace, "csv", "exports", "[options]\nfile = \"pros.csv\"\n")?;
    sync(
        &workspace,
        "parquet",
        "exports",
        "[options]\nfile = \"pros.parquet\"\n",
    )?;
    collect(&workspace, &stage.shop).await?;
    let members = wanted(&stage.shop);

    workspace.json(&["sync", "run", "csv", "--dry-run"]).await?;
    assert!(
        !workspace.path("exports/pros.csv").exists(),
        "a dry run wrote the file"
    );
    let outcome = workspace.json(&["sync", "run", "csv"]).await?;
    assert_eq!(run(&outcome["run"]).0, "succeeded");
    assert_eq!(
        read_csv(&std::fs::read_to_string(workspace.path("exports/pros.csv"))?)?,
        members
    );
    workspace.json(&["sync", "run", "parquet"]).await?;
    assert_parquet(&std::fs::read(workspace.path("exports/pros.parquet"))?);

    // An export of the audience is a file wherever one likes.
    let path = workspace.path("members.csv");
    let name = path.to_str().context("a name")?;
    let written = workspace
        .json(&["audience", "export", "pro_repeat_buyers", "--out", name])
        .await?;
    assert_eq!(written["rows"], members.len());
    let csv = std::fs::read_to_string(&path)?;
    assert_eq!(csv.lines().count(), members.len() + 1);
    assert!(members.keys().all(|id| csv.contains(id.as_str())));
    let path = workspace.path("members.parquet");
    let name = path.to_str().context("a name")?;
    workspace
        .json(&["audience", "export", "pro_repeat_buyers", "--out", name])
        .await?;
    assert_parquet(&std::fs::read(&path)?);
    Ok(())
}

/// Nothing in it needs quotes.
fn read_csv(text: &str) -> Result<Rows> {
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().context("a header")?.split(',').collect();
    let mut rows = Rows::new();
    for line in lines {
        let cells: BTreeMap<&str, &str> = header.iter().copied().zip(line.split(',')).collect();
        let row = (
            cells["email"].to_owned(),
            cells["plan"].to_owned(),
            cells["orders_14d"].parse()?,
            cells["lifetime_value"].parse()?,
        );
        anyhow::ensure!(
            rows.insert(cells["user_id"].to_owned(), row).is_none(),
            "twice: {line}"
        );
    }
    Ok(rows)
}

fn assert_parquet(bytes: &[u8]) {
    assert!(
        bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"),
        "{} bytes",
        bytes.len()
    );
}
