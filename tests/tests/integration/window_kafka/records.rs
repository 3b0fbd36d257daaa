//! Records as they arrive, and one of them opened.

use anyhow::{Context, Result, ensure};
use integration::{kafka::Record, window::testid};
use serde_json::json;

use super::{Stage, unique};
use crate::window_journey::drive::{DEADLINE, first_number, row};

const PARTITIONS: i64 = 3;
const FIRST_MS: i64 = 1_790_000_000_000;

/// Of every third the amount is over 100.
fn order(number: i64) -> Record {
    let value = json!({ "id": number, "customer": format!("c-{}", number % 50), "amount": number % 3 * 60, "items": [{ "sku": "A-1", "price": 12.5 }] });
    Record::new(format!("c-{}", number % 50), value.to_string())
        .at(FIRST_MS + number)
        .on_partition((number % PARTITIONS) as i32)
        .header("trace-id", format!("t-{number}"))
        .header("source", "checkout")
}

/// A topic whose records are filtered while they arrive; its name.
pub async fn tailed(stage: &Stage<'_>) -> Result<String> {
    let drive = &stage.drive;
    let kafka = &stage.secure.kafka;
    let topic = unique("orders");
    kafka.create_topic(&topic, PARTITIONS as i32).await?;
    kafka.produce(&topic, (0..30).map(order)).await?;
    stage.open_topic(&topic).await?;
    drive.see_text("records", "Waiting for records").await?;
    stage.picture("records-waiting").await?;

    // Wrong first: where, and what is known.
    stage.filter("where amount > 100").await?;
    drive.see("tail-error").await?;
    stage.picture("filter-wrong").await?;
    stage.filter("where value.amount > 100").await?;
    drive.window.wait_gone(&testid("tail-error"), DEADLINE).await?;
    let running = format!("{}[data-state=running]", testid("tail-state"));
    drive.window.wait_for(&running, DEADLINE).await?;
    kafka.produce(&topic, (30..630).map(order)).await?;
    drive
        .number("tail-matched", "200", |matched| matched == 200.0)
        .await?;
    drive
        .number("tail-scanned", "600", |scanned| scanned == 600.0)
        .await?;
    drive.more_rows("records", 199).await?;
    let cells = drive
        .until("amounts in the table", "const cells = [...document.querySelectorAll('[data-testid=records] [data-col=\"field-amount\"]')].map(cell => cell.textContent).filter(text => text !== '·'); return cells.length >= 20 && cells")
        .await?;
    for cell in cells.as_array().context("no cells")? {
        ensure!(
            cell.as_str()
                .and_then(first_number)
                .is_some_and(|amount| amount > 100.0),
            "the filter kept {cell}"
        );
    }
    stage.picture("records-filtered").await?;
    Ok(topic)
}

/// One record in every way it can be looked at.
pub async fn opened(stage: &Stage<'_>, topic: &str) -> Result<()> {
    let drive = &stage.drive;
    drive.click("tail-stop").await?;
    drive
        .window
        .wait_for(&format!("{}[data-state=stopped]", testid("tail-state")), DEADLINE)
        .await?;
    drive.click_first("records").await?;
    drive.see_text("record", "trace-id").await?;
    drive
        .until("the tree", "return [...document.querySelectorAll('[data-testid=record] [role=treeitem]')].some(line => line.textContent.includes('customer'))")
        .await?;
    let key = drive
        .until(
            "its key",
            "return document.querySelector('[data-testid=record] .info')?.textContent",
        )
        .await?;
    let key = key.as_str().context("a key")?.to_owned();
    stage.picture("record-tree").await?;
    drive.click("record-view-raw").await?;
    drive.see_text("record-raw", "\"customer\"").await?;
    drive.click("record-view-hex").await?;
    drive.see_text("record-hex", "7b 22").await?;
    stage.picture("record-hex").await?;

    // Another one, beside it.
    drive.click_cut("record-compare").await?;
    let second = drive
        .until("another row", "const keys = [...document.querySelectorAll('[data-testid=records] [data-testid=row][aria-selected=false][data-key]')].map(row => row.dataset.key); return keys[1]")
        .await?;
    drive
        .click_row("records", second.as_str().context("a key of a row")?)
        .await?;
    drive.see_text("record-differences", "value.id").await?;
    stage.picture("record-compare").await?;
    drive.click_cut("record-compare-end").await?;

    drive.click_cut("record-same-key").await?;
    let kept = drive
        .until(
            "the filter by key",
            "return document.querySelector('[data-testid=\"tail-filter-input\"]')?.textContent",
        )
        .await?;
    ensure!(
        kept.as_str()
            .is_some_and(|filter| filter.starts_with("_key = 'c-") || filter.starts_with("where _key = 'c-")),
        "{kept}"
    );
    // Every fiftieth order, in 630.
    drive
        .number("tail-matched", "12 or 13", |matched| {
            matched == 12.0 || matched == 13.0
        })
        .await?;
    drive.more_rows("records", 11).await?;
    let keys = drive.cells("records", "key").await?;
    ensure!(keys.iter().all(|found| found == &keys[0]), "{key}: {keys:?}");
    stage.picture("records-same-key").await?;
    let _ = (topic, row("records", ""));
    Ok(())
}
