//! Order lines of a real shop, with all that is odd about them, from a file to Kafka to PostgreSQL. What has to come of
//! them is what DuckDB finds in the file.
//!
//! The file lies beside the checkout, in `shared/data`; where it does not, the test is recorded as not run,
//! which is no failure.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use anyhow::{Context, Result};
use integration::{
    Unavailable,
    kafka::{Kafka, Record},
    need,
    postgres::Postgres,
    process::Program,
    root, unique,
};
use sqlx::{Connection, PgConnection, Row};

use crate::workspace::Workspace;

const LINES: usize = 30_000;
/// The first time, the environment with DuckDB is made.
const PYTHON_DEADLINE: Duration = Duration::from_secs(300);

/// What a line is to the audience; a line without a customer is nobody's event.
const PROJECTION: &str = "
SELECT
  'Invoice Line' AS event,
  split_part(value.CustomerID, '.', 1) AS user_id,
  value.InvoiceDate AS timestamp,
  value.InvoiceNo AS invoice,
  value.InvoiceNo LIKE 'C%' AS cancelled,
  value.StockCode AS stock_code,
  value.Description AS description,
  value.Quantity AS quantity,
  value.UnitPrice AS unit_price,
  value.Country AS country
FROM records
WHERE value.CustomerID <> ''
";

/// At least 3 invoices in the 90 days before 1 December 2011, and nothing cancelled in them.
const AUDIENCE: &str = "
SELECT profile_id
FROM events
WHERE event = 'Invoice Line'
  AND timestamp >= TIMESTAMP '2011-12-01' - INTERVAL '90 days'
  AND timestamp < TIMESTAMP '2011-12-01'
GROUP BY profile_id
HAVING count(DISTINCT CASE WHEN NOT cancelled THEN invoice END) >= 3
  AND NOT bool_or(cancelled)
";

fn data() -> Result<PathBuf, Unavailable> {
    let path = root().join("../shared/data/online-retail-30k.csv");
    path.canonicalize().map_err(|error| {
        Unavailable::optional("online-retail-30k.csv", format!("{}: {error}", path.display()))
    })
}

/// The Python that has DuckDB.
async fn python() -> Result<String, Unavailable> {
    let made = run("venv", "bash", &[root().join("scripts/venv.sh")]).await;
    made.and_then(|said| Ok(said.lines().last().context("no path")?.to_owned()))
        .map_err(|error| Unavailable::new("DuckDB", format!("{error:#}")))
}

/// Standard output of a program that succeeds.
async fn run(name: &'static str, program: &str, args: &[PathBuf]) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let mut process = Program::new(name, folder.path(), program).args(args).start()?;
    let status = process.wait(PYTHON_DEADLINE).await?;
    anyhow::ensure!(status.success(), "{name}: {}", process.said());
    Ok(process.stdout())
}

#[tokio::test]
async fn real_order_lines_become_the_customers_that_duckdb_finds() -> Result<()> {
    let data = need!(data());
    let python = need!(python().await);
    let kafka = need!(Kafka::shared().await);
    let postgres = need!(Postgres::shared().await);
    let script = root().join("tests/retail/retail.py").canonicalize()?;
    let asked = async |what: &str| run("retail", &python, &[script.clone(), what.into(), data.clone()]).await;

    let lines = asked("rows").await?;
    let topic = unique("retail");
    kafka.create_topic(&topic, 4).await?;
    let records = lines
        .lines()
        .enumerate()
        .map(|(number, line)| Record::new(number.to_string(), line));
    assert_eq!(kafka.produce(&topic, records).await?, LINES);
    let wanted: BTreeSet<String> = asked("customers").await?.lines().map(str::to_owned).collect();
    assert!(wanted.len() > 50, "{wanted:?}");

    let workspace = Workspace::new()?;
    workspace.cluster(&kafka.bootstrap())?;
    let group = unique("retail");
    workspace.write(
        "sources/retail.toml",
        format!(
            "cluster = \"test\"\ntopic = \"{topic}\"\ngroup = \"{group}\"\nsql = \"\"\"{PROJECTION}\"\"\"\n"
        ),
    )?;
    workspace.write("audiences/regulars.sql", AUDIENCE)?;
    let url = postgres.database("retail").await?;
    workspace.write(
        "destinations/crm.toml",
        format!("kind = \"postgres\"\n\n[settings]\nurl = \"{url}\"\n"),
    )?;
    workspace.write(
        "syncs/regulars.toml",
        "audience = \"regulars\"\ndestination = \"crm\"\nkey = \"customer\"\n\n[mapping]\ncustomer = \"user_id\"\n",
    )?;
    assert_eq!(workspace.lines(&["check"]).await?.len(), 0);

    let counts = workspace.ingest().await?;
    let with_customer = lines
        .lines()
        .filter(|line| !line.contains("\"CustomerID\": null"))
        .count();
    assert_eq!(
        (&counts["events"], &counts["duplicates"], &counts["malformed"]),
        (&with_customer.into(), &0.into(), &0.into())
    );
    // The numbers went through without a loss.
    let sums = workspace
        .sql("SELECT CAST(sum(quantity) AS BIGINT) AS q, round(sum(quantity * unit_price), 2) AS v FROM events")
        .await?;
    let found: Vec<String> = sums[0]
        .iter()
        .map(|value| format!("{:.2}", value.as_f64().unwrap_or(f64::NAN)))
        .collect();
    let told = asked("sums").await?;
    assert_eq!(found, told.lines().collect::<Vec<_>>());

    let members: BTreeSet<String> = workspace.members("regulars").await?.into_iter().collect();
    assert_eq!(members, wanted);
    workspace.json(&["sync", "run", "regulars"]).await?;
    let mut connection = PgConnection::connect(&url).await?;
    let rows = sqlx::query("SELECT customer FROM regulars").fetch_all(&mut connection);
    let delivered: Vec<String> = rows.await?.iter().map(|row| row.get(0)).collect();
    assert_eq!(delivered.len(), wanted.len());
    assert_eq!(delivered.into_iter().collect::<BTreeSet<_>>(), wanted);
    Ok(())
}
