//! Lag of groups, in records and in time; offsets moved where they may be.

use anyhow::{Context, Result, ensure};
use integration::{kafka::Record, window::testid};

use super::{CLUSTER, Stage, unique};
use crate::{
    broker,
    window_journey::drive::{DEADLINE, first_number, row},
};

const PER_PARTITION: i64 = 500;
const AGE_MS: i64 = 600_000;

pub async fn looked_at_and_moved(stage: &Stage<'_>) -> Result<()> {
    let drive = &stage.drive;
    let kafka = &stage.secure.kafka;
    let topic = unique("ledger");
    kafka.create_topic(&topic, 2).await?;
    let first_ms = chrono::Utc::now().timestamp_millis() - AGE_MS;
    let records = (0..PER_PARTITION).flat_map(|number| {
        (0..2).map(move |partition| {
            Record::new("k", format!("{{\"n\": {number}}}"))
                .at(first_ms + number * 1_000)
                .on_partition(partition)
        })
    });
    kafka.produce(&topic, records).await?;
    let (idle, busy) = (unique("idle"), unique("busy"));
    broker::commit(kafka, &idle, &topic, &[(0, 100), (1, 500)]).await?;
    broker::commit(kafka, &busy, &topic, &[(0, 400), (1, 400)]).await?;
    let member = broker::join(kafka, &busy, &topic, 2).await?;

    drive.screen("groups").await?;
    drive.write("search", &idle).await?;
    let known = format!("{} [data-col=\"lag\"]", row("groups", &idle));
    drive.see_text_in(&known, "400").await?;
    drive.click_row("groups", &idle).await?;
    // 400 records, of which the first one that is not read is some 500 s old.
    let behind = format!(
        "const text = document.querySelector('{} [data-col=\"lag-time\"]')?.textContent; return /[0-9] m /.test(text ?? '') && text",
        row("groups", &idle).replace('\'', "")
    );
    drive.until("a lag in time", &behind).await?;
    for chart in ["chart-records", "chart-time", "chart-rates"] {
        drive
            .window
            .wait_for(&format!("{} [data-drawn] svg", testid(chart)), DEADLINE)
            .await?;
    }
    drive.more_rows("group-partitions", 1).await?;
    let lags = drive.cells("group-partitions", "lag").await?;
    ensure!(
        lags.iter().filter_map(|lag| first_number(lag)).sum::<f64>() == 400.0,
        "{lags:?}"
    );
    stage.picture("lag").await?;

    refused(stage, &busy).await?;
    drop(member);
    moved(stage, &idle, &topic).await
}

/// Of a group that is read by somebody: what would change is shown, and why it can't be.
async fn refused(stage: &Stage<'_>, group: &str) -> Result<()> {
    let drive = &stage.drive;
    drive.go(&format!("#/groups/{CLUSTER}/{group}")).await?;
    drive.see_text("group-detail", group).await?;
    drive.click("reset-open").await?;
    drive.choose("reset-kind", "earliest").await?;
    drive.see("reset-refused").await?;
    let why = drive.text("reset-refused").await?;
    ensure!(why.contains(group) && why.ends_with('.'), "{why}");
    let disabled = drive.window.attribute(&testid("reset-apply"), "disabled").await?;
    ensure!(disabled.is_some(), "it can be moved all the same");
    stage.picture("reset-refused").await?;
    drive.click("reset-close").await
}

async fn moved(stage: &Stage<'_>, group: &str, topic: &str) -> Result<()> {
    let drive = &stage.drive;
    drive.go(&format!("#/groups/{CLUSTER}/{group}")).await?;
    drive.see_text("group-detail", group).await?;
    drive.click("reset-open").await?;
    drive.choose("reset-kind", "earliest").await?;
    drive
        .number("reset-sum", "nothing skipped", |skipped| skipped == 0.0)
        .await?;
    drive.see_text("reset-sum", "600 read again").await?;
    drive.more_rows("reset-plan", 1).await?;
    let new = drive.cells("reset-plan", "new").await?;
    ensure!(new == ["0", "0"], "{new:?}");
    stage.picture("reset-plan").await?;
    let kafka = &stage.secure.kafka;
    let before = broker::committed(kafka, group, topic, 2).await?;
    ensure!(
        before.values().copied().collect::<Vec<_>>() == [Some(100), Some(500)],
        "moved before it was asked for: {before:?}"
    );
    drive.click("reset-apply").await?;
    drive.notice("2 offsets").await?;
    let after = broker::committed(kafka, group, topic, 2)
        .await
        .context("what is committed")?;
    ensure!(after.values().all(|offset| *offset == Some(0)), "{after:?}");
    Ok(())
}
