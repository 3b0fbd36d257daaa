//! Destinations: tested, compared, delivered to, and looked into.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use integration::{eventually, http::Http};
use sqlx::{Connection, PgConnection};

use super::drive::{DEADLINE, Drive, first_number, row};

const SYNC: &str = "pro_repeat_buyers_to_crm";

pub async fn destinations(drive: &Drive<'_>, workspace: &Path, database: &str, http: &Http) -> Result<()> {
    drive.screen("destinations").await?;
    drive.click_row("destinations", "crm_postgres").await?;
    drive.click("destination-test").await?;
    drive.notice("crm_postgres answers").await?;

    drive.click_row("syncs", SYNC).await?;
    drive.click("sync-preview").await?;
    let added = drive
        .number("difference-added", "everybody", |added| added > 0.0)
        .await?;
    drive.more_rows("difference-sample", 0).await?;
    drive.window.screenshot("destinations-difference").await?;
    drive.click("sync-deliver").await?;
    let said = drive.notice("delivered").await?;
    let delivered = first_number(&said).context("no number of rows")?;
    ensure!(
        (delivered - added).abs() <= added / 10.0 + 5.0,
        "{added} to add, but {said}"
    );
    drive.more_rows("sync-runs", 0).await?;
    let counts = drive.cells("sync-runs", "delivered").await?;
    ensure!(
        first_number(&counts[0]) == Some(delivered),
        "{said}, but the run says {counts:?}"
    );
    let there = drive.cell("syncs", SYNC, "acknowledged").await?;
    ensure!(
        first_number(&there) == Some(delivered),
        "{said}, but {there} are there"
    );

    let mut connection = PgConnection::connect(database).await?;
    let query =
        "SELECT count(*), count(email) FROM pro_repeat_buyers WHERE user_id LIKE 'u_%' AND orders_14d >= 1";
    let (rows, emails): (i64, i64) = sqlx::query_as(query).fetch_one(&mut connection).await?;
    ensure!(
        rows as f64 == delivered && emails > 0,
        "{said}, but {rows} rows with {emails} emails are in the database"
    );
    others(workspace, http).await?;

    // That to the webhook runs by itself.
    drive.go("#/destinations").await?;
    let by_itself = row("syncs", "pro_repeat_buyers_to_webhook");
    drive.see_text_in(&by_itself, "SUCCEEDED").await
}

/// The web server received people, and the file has them.
async fn others(workspace: &Path, http: &Http) -> Result<()> {
    let requests = http.wait_for(1, DEADLINE).await?;
    ensure!(
        requests
            .iter()
            .all(|request| request.path == "/audiences" && request.method == "POST"),
        "{:?}",
        requests[0]
    );
    let body = requests[0].json()?.to_string();
    ensure!(
        body.contains("u_0") && body.contains("email"),
        "the web server received {body}"
    );
    let file = workspace.join("exports/pro_repeat_buyers.csv");
    let rows = || async {
        let text = std::fs::read_to_string(&file).ok()?;
        (text.lines().count() > 10).then_some(text)
    };
    let text = eventually("the file with its rows", DEADLINE, rows).await?;
    let header = text.lines().next().unwrap_or_default();
    ensure!(header.contains("user_id") && header.contains("plan"), "{header}");
    ensure!(
        text.lines().skip(1).all(|line| line.contains("pro")),
        "not everybody in the file is on the pro plan"
    );
    Ok(())
}
