//! A search over a whole topic, and a record of megabytes.

use anyhow::{Context, Result, ensure};
use integration::{kafka::Record, window::testid};
use serde_json::json;

use super::{Stage, unique};
use crate::window_journey::drive::{DEADLINE, first_number, row};

const RECORDS: i64 = 20_000;
const FIRST_MS: i64 = 1_790_000_000_000;
/// A window that stands still longer is frozen to whoever looks at it.
/// (Laid out as one text, a record of 3 MB took eleven seconds; this machine may be busy with other tests.)
const STILL_MS_MAX: f64 = 5_000.0;
/// Of one record, whatever its size, what is in the document at a time.
const DOCUMENT_CHARS_MAX: i64 = 200_000;

/// From the beginning to the end that the topic has now, keeping one in a thousand; it says how it ended.
pub async fn to_its_end(stage: &Stage<'_>) -> Result<()> {
    let drive = &stage.drive;
    let topic = unique("payments");
    stage.secure.kafka.create_topic(&topic, 4).await?;
    let payment = |number: i64| {
        let value = json!({ "id": number, "user": format!("u-{}", number % 997), "status": if number % 1_000 == 7 { "refused" } else { "paid" }, "amount": number % 500 });
        Record::new(format!("u-{}", number % 997), value.to_string())
            .at(FIRST_MS + number)
            .on_partition((number % 4) as i32)
    };
    stage
        .secure
        .kafka
        .produce(&topic, (0..RECORDS).map(payment))
        .await?;
    stage.open_topic(&topic).await?;
    stage.filter("where value.status = 'refused'").await?;
    drive.choose("tail-from", "beginning").await?;
    drive.click("tail-from").await?;
    drive.click("tail-until-end").await?;
    let ended = format!("{}[data-state=stopped]", testid("tail-state"));
    drive.window.wait_for(&ended, DEADLINE).await?;
    drive
        .number("tail-scanned", "all records", |scanned| scanned == RECORDS as f64)
        .await?;
    drive
        .number("tail-matched", "20", |matched| matched == 20.0)
        .await?;
    drive.see_text("tail-note", "end").await?;
    drive.more_rows("records", 19).await?;
    let ids = drive.cells("records", "field-id").await?;
    ensure!(
        ids.iter()
            .all(|id| first_number(id).is_some_and(|id| id % 1_000.0 == 7.0)),
        "{ids:?}"
    );
    stage.picture("search-ended").await?;

    // What nothing matches says that too.
    stage.filter("where value.status = 'lost'").await?;
    drive
        .number("tail-scanned", "all records", |scanned| scanned == RECORDS as f64)
        .await?;
    drive.window.wait_for(&ended, DEADLINE).await?;
    drive.see_text("records", "No record").await?;
    stage.picture("search-nothing").await
}

const WATCH: &str =
    "window.longestMs = 0; window.frames = 0; let last = performance.now(); const next = now => {
    window.longestMs = Math.max(window.longestMs, now - last); last = now; window.frames += 1;
    if (window.frames >= 0) requestAnimationFrame(next); }; requestAnimationFrame(next)";

/// Opened while frames are watched: as a tree, as text, as bytes.
pub async fn a_large_record(stage: &Stage<'_>) -> Result<()> {
    let drive = &stage.drive;
    let topic = unique("documents");
    stage
        .secure
        .kafka
        .create_topic_with(&topic, 1, &[("max.message.bytes", "16000000")])
        .await?;
    let items: Vec<_> = (0..30_000)
        .map(|item| json!({ "sku": format!("SKU-{item:08}"), "text": "x".repeat(60), "price": item }))
        .collect();
    let tree = json!({ "id": 1, "items": items }).to_string();
    ensure!(tree.len() > 3_000_000, "{} bytes", tree.len());
    let line = json!({ "id": 2, "blob": "0123456789abcdef".repeat(200_000) }).to_string();
    stage
        .secure
        .kafka
        .produce(&topic, [Record::new("tree", tree), Record::new("line", line)])
        .await?;
    stage.open_topic(&topic).await?;
    drive.choose("tail-from", "beginning").await?;
    drive.more_rows("records", 1).await?;
    for (key, name) in [("0-0", "tree"), ("0-1", "line")] {
        drive.window.script(WATCH, &[]).await?;
        drive.click_row("records", key).await?;
        drive
            .window
            .wait_for(
                &format!("{}[data-offset=\"{}\"]", testid("record"), &key[2..]),
                DEADLINE,
            )
            .await?;
        drive.see_text("record", " MB").await?;
        still(stage, name, "tree").await?;
        stage.picture(&format!("record-large-{name}")).await?;
        for (view, shown) in [("raw", "record-raw"), ("hex", "record-hex")] {
            drive.window.script("window.longestMs = 0", &[]).await?;
            drive.click(&format!("record-view-{view}")).await?;
            drive.see(shown).await?;
            still(stage, name, view).await?;
        }
        drive.click("record-view-tree").await?;
        ensure!(
            drive.window.count(&row("records", key)).await? == 1,
            "the row is gone"
        );
    }
    drive.window.script("window.frames = -1e9", &[]).await?;
    drive.click("record-close").await
}

async fn still(stage: &Stage<'_>, name: &str, view: &str) -> Result<()> {
    let window = stage.drive.window;
    let before = window
        .script("return window.frames", &[])
        .await?
        .as_f64()
        .context("frames")?;
    let more = format!("return window.frames > {before} + 2");
    stage.drive.until("frames after it was opened", &more).await?;
    let longest = window
        .script("return window.longestMs", &[])
        .await?
        .as_f64()
        .context("a time")?;
    let held = window.script("return document.body.textContent.length + [...document.querySelectorAll('[title]')].reduce((sum, each) => sum + each.title.length, 0)", &[]).await?;
    let held = held.as_i64().context("a length")?;
    let told =
        format!("{name} as {view}: longest frame {longest:.0} ms, {held} characters in the document\n");
    let file = window
        .screenshot("kafka-record-large")
        .await?
        .with_extension("txt");
    let before = std::fs::read_to_string(&file).unwrap_or_default();
    std::fs::write(&file, before + &told)?;
    ensure!(
        held < DOCUMENT_CHARS_MAX,
        "{name} as {view}: {held} characters are in the document"
    );
    ensure!(
        longest < STILL_MS_MAX,
        "{name} as {view}: the window stood still for {longest:.0} ms"
    );
    Ok(())
}
