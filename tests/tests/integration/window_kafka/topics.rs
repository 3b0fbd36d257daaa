//! Topics made, altered and deleted by their dialogs; what will be done is shown first.

use anyhow::{Context, Result, ensure};
use integration::window::testid;

use super::{CLUSTER, Stage, unique};
use crate::window_journey::drive::{DEADLINE, row};

pub async fn made_and_altered(stage: &Stage<'_>) -> Result<()> {
    let drive = &stage.drive;
    let topic = unique("made");
    drive.screen("topics").await?;
    drive.click("topic-new").await?;
    drive.write("new-topic-topic", &topic).await?;
    drive.write("new-topic-partitions", "3").await?;
    drive
        .write("new-topic-settings", "retention.ms = 86400000")
        .await?;
    drive.click("change-preview").await?;
    drive.see_text("change-lines", "retention.ms").await?;
    ensure!(
        !listed(stage, &topic).await?,
        "it is there before it was asked for"
    );
    stage.picture("topic-new").await?;
    drive.click("change-apply").await?;
    drive.notice(&topic).await?;
    drive.see_text("screen-topic", "3 partitions").await?;
    ensure!(listed(stage, &topic).await?, "the cluster has no topic {topic}");

    drive.click("tabs-config").await?;
    drive.write("search", "retention.ms").await?;
    drive.click_row("topic-config", "retention.ms").await?;
    drive.write("setting-value", "3600000").await?;
    drive.click("change-preview").await?;
    drive.see_text("change-lines", "3,600,000").await?;
    stage.picture("topic-setting").await?;
    drive.click("change-apply").await?;
    drive.notice("1 setting of topic").await?;
    let css = format!("{} [data-col=value]", row("topic-config", "retention.ms"));
    drive.see_text_in(&css, "3,600,000").await?;

    drive.click("topic-change").await?;
    drive.click("topic-add-partitions").await?;
    drive.write("add-partitions-total", "5").await?;
    drive.click("change-preview").await?;
    drive.see("change-line").await?;
    drive.click("change-apply").await?;
    drive.notice("partition").await?;
    drive.see_text("screen-topic", "5 partitions").await?;
    drive.click("tabs-partitions").await?;
    drive.more_rows("partitions", 4).await?;
    stage.picture("topic-partitions").await?;
    deleted(stage, &topic).await
}

pub async fn deleted(stage: &Stage<'_>, topic: &str) -> Result<()> {
    let drive = &stage.drive;
    stage.open_topic(topic).await?;
    drive.click("topic-change").await?;
    drive.click("topic-delete-topic").await?;
    drive.see("change-line").await?;
    ensure!(listed(stage, topic).await?, "it is gone before it was asked for");
    stage.picture("topic-delete").await?;
    drive.click("change-apply").await?;
    drive.notice(topic).await?;
    drive.see("screen-topics").await?;
    ensure!(!listed(stage, topic).await?, "the cluster still has {topic}");
    let url = drive.window.url().await?;
    ensure!(url.contains(&format!("topics/{CLUSTER}")), "{url}");
    drive.window.wait_gone(&row("topics", topic), DEADLINE).await?;
    drive.window.wait_gone(&testid("change"), DEADLINE).await
}

/// As the cluster itself says.
async fn listed(stage: &Stage<'_>, topic: &str) -> Result<bool> {
    let names = stage
        .secure
        .kafka
        .topics()
        .await
        .context("the cluster's topics")?;
    Ok(names.iter().any(|name| name == topic))
}
