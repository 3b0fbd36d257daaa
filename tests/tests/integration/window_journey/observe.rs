//! Clusters, records of a topic as they arrive, consumer groups.

use anyhow::{Context, Result, ensure};
use integration::window::testid;

use super::drive::{Drive, first_number};

pub async fn clusters(drive: &Drive<'_>) -> Result<()> {
    drive.see("shell").await?;
    drive.screen("clusters").await?;
    drive.click_row("clusters", "sandbox").await?;
    drive.click("cluster-test").await?;
    let ok = format!("{}[data-ok=\"true\"]", testid("connection-test"));
    drive.window.wait_for(&ok, super::drive::DEADLINE).await?;
    let broker = drive.cell("brokers", "0", "host").await?;
    ensure!(broker.contains(':'), "the broker's address: {broker:?}");
    Ok(())
}

pub async fn records(drive: &Drive<'_>) -> Result<()> {
    drive.screen("topics").await?;
    drive.click_row("topics", "shop.events").await?;
    arrive_and_pause(drive).await?;
    filter(drive).await?;
    wrong_filter(drive).await?;
    open_record(drive).await
}

/// Rows arrive; while it is paused the topic grows and the table does not.
async fn arrive_and_pause(drive: &Drive<'_>) -> Result<()> {
    let first = drive.more_rows("records", 0).await?;
    drive.more_rows("records", first).await?;
    drive.click("tail-pause").await?;
    state(drive, "paused").await?;
    let matched = drive.number("tail-matched", "a number", |_| true).await? as i64;
    // The table learns of its last rows a moment later than the line below it.
    let held = drive.more_rows("records", matched - 1).await?;
    let shown = drive.text("screen-topic").await?;
    let before = shown
        .lines()
        .find(|line| line.contains("partition"))
        .with_context(|| format!("no number of records in {shown}"))?;
    let grown = format!(
        "return !document.querySelector('[data-testid=screen-topic]').innerText.includes({})",
        serde_json::to_string(before)?
    );
    drive.until("the topic to grow meanwhile", &grown).await?;
    ensure!(
        drive.total("records").await? == held,
        "the table grew while it was paused"
    );
    drive.click("tail-pause").await?;
    state(drive, "running").await?;
    drive.more_rows("records", held).await.map(drop)
}

async fn state(drive: &Drive<'_>, state: &str) -> Result<()> {
    let css = format!("{}[data-state=\"{state}\"]", testid("tail-state"));
    drive
        .window
        .wait_for(&css, super::drive::DEADLINE)
        .await
        .map(drop)
}

/// From the beginning, only records that the filter takes are left.
async fn filter(drive: &Drive<'_>) -> Result<()> {
    let start = drive.total("records").await?;
    drive
        .write("tail-filter-input", "where value.properties.revenue > 100")
        .await?;
    drive.window.press("Shift+Enter").await?;
    drive.choose("tail-from", "beginning").await?;
    drive
        .number("tail-scanned", "more than were live", |scanned| {
            scanned > start as f64
        })
        .await?;
    drive.more_rows("records", 20).await?;
    let values = drive
        .until("values in the table", "const cells = [...document.querySelectorAll('[data-testid=records] [data-col=value]')].map(cell => cell.textContent).filter(text => text !== '·'); return cells.length >= 20 && cells")
        .await?;
    let mut judged = 0;
    for value in values.as_array().context("no cells")? {
        let text = value.as_str().unwrap_or_default();
        // A cell shows the beginning of the value; the cut can be before the revenue, or in the midst of it.
        let revenue = text.split_once("\"revenue\":").map(|(_, rest)| rest);
        if revenue.is_none_or(|rest| !rest.contains([',', '}'])) {
            ensure!(text.ends_with('…'), "the filter kept {text}");
            continue;
        }
        ensure!(
            revenue
                .and_then(first_number)
                .is_some_and(|revenue| revenue > 100.0),
            "the filter kept {text}"
        );
        judged += 1;
    }
    ensure!(judged > 0, "no cell shows its revenue: {values}");
    let (scanned, matched) = (
        drive.number("tail-scanned", "a number", |_| true).await?,
        drive.number("tail-matched", "a number", |_| true).await?,
    );
    ensure!(
        matched * 2.0 < scanned,
        "{matched} of {scanned} records have a revenue over 100"
    );
    Ok(())
}

/// The line above the table says what and where; the editor marks it.
async fn wrong_filter(drive: &Drive<'_>) -> Result<()> {
    drive
        .write("tail-filter-input", "where value.properties.revenue >> 100 and")
        .await?;
    drive.click("tail-run").await?;
    drive.see("tail-error").await?;
    let error = drive.text("tail-error").await?;
    ensure!(error.contains("1:42"), "no line and column: {error}");
    let mark = format!("{} .cm-lintRange-error", testid("tail-filter"));
    drive.window.wait_for(&mark, super::drive::DEADLINE).await?;
    drive.window.screenshot("topic-filter-wrong").await?;
    drive
        .write("tail-filter-input", "where value.event = 'Order Completed'")
        .await?;
    drive.click("tail-run").await?;
    drive
        .window
        .wait_gone(&testid("tail-error"), super::drive::DEADLINE)
        .await
}

async fn open_record(drive: &Drive<'_>) -> Result<()> {
    drive.more_rows("records", 20).await?;
    drive.click("tail-follow").await?;
    drive.click_first("records").await?;
    drive.see("record").await?;
    drive
        .until("the record's tree", "return [...document.querySelectorAll('[data-testid=record] [role=treeitem]')].some(line => line.textContent.includes('Order Completed'))")
        .await?;
    drive.click("record-close").await
}

/// Lag by group, and the picture of one that falls behind.
pub async fn groups(drive: &Drive<'_>) -> Result<()> {
    drive.screen("groups").await?;
    drive.more_rows("groups", 2).await?;
    drive
        .until("a lag in records and in time", "const row = document.querySelector('[data-testid=groups] [data-key=fraud-scoring]'); return row && /\\d/.test(row.querySelector('[data-col=lag]').textContent) && /\\d/.test(row.querySelector('[data-col=\"lag-time\"]').textContent)")
        .await?;
    drive.click_row("groups", "fraud-scoring").await?;
    for chart in ["chart-records", "chart-time", "chart-rates"] {
        let drawn = format!(
            "{} [data-drawn] svg polyline, {0} [data-drawn] svg path",
            testid(chart)
        );
        drive.window.wait_for(&drawn, super::drive::DEADLINE).await?;
    }
    drive.more_rows("group-partitions", 0).await?;
    // Of every line one of its own, and why the group is as it is in words.
    drive.click("chart-by-partition").await?;
    drive.see_text("group-facts", "furthest behind").await?;
    reset(drive).await?;
    drive.click("alerts-open").await?;
    drive.more_rows("alert-lines", 0).await?;
    drive.window.screenshot("groups-alerts").await?;
    drive.click("alerts-close").await
}

/// What a reset would change is shown before anything is changed; here it is looked at alone.
async fn reset(drive: &Drive<'_>) -> Result<()> {
    drive.click("reset-open").await?;
    drive.more_rows("reset-plan", 0).await?;
    drive.see_text("reset-sum", "skipped").await?;
    let new = drive.cells("reset-plan", "new").await?;
    ensure!(
        new.iter().all(|cell| first_number(cell).is_some()),
        "new offsets: {new:?}"
    );
    drive.window.screenshot("groups-reset").await?;
    drive.click("reset-close").await
}
