//! The registry of a cluster: a subject's versions beside each other, and what may follow them.

use anyhow::{Context, Result};
use integration::{Unavailable, registry::Registry, window::testid};

use super::{CLUSTER, Stage, unique};
use crate::window_journey::drive::DEADLINE;

const V1: &str =
    r#"{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"long"}]}"#;
const V2: &str = r#"{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"long"},{"name":"note","type":["null","string"],"default":null}]}"#;
/// A reader of it finds no `must` in what was written before.
const BROKEN: &str = r#"{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"long"},{"name":"must","type":"string"}]}"#;

/// A registry that can't be had is said by the tests that are of nothing else.
pub async fn compared_and_checked(stage: &Stage<'_>) -> Result<()> {
    let registry: &Registry = match Registry::shared().await {
        Ok(registry) => registry,
        Err(Unavailable { .. }) => return Ok(()),
    };
    let subject = unique("orders");
    registry.register(&subject, "AVRO", V1).await?;
    registry.register(&subject, "AVRO", V2).await?;
    let drive = &stage.drive;
    drive.screen("schemas").await?;
    drive.see_text("subjects", "names no schema registry").await?;
    stage.picture("schemas-none").await?;

    let file = stage.workspace.join(format!("clusters/{CLUSTER}.toml"));
    let mut definition = std::fs::read_to_string(&file)?;
    definition.push_str(&format!("\n[registry]\nurl = \"{}\"\n", registry.url()));
    std::fs::write(&file, definition)?;
    drive.screen("topics").await?;
    // Noticed by itself; the screen asks anew when it is opened.
    drive
        .until("the registry to be known", "window.location.hash = '#/topics'; window.location.hash = '#/schemas'; return document.querySelector('[data-testid=schemas-state]') !== null")
        .await?;
    drive.write("search", &subject).await?;
    drive.click_row("subjects", &subject).await?;
    drive.see_text("schema-text", "\"note\"").await?;
    stage.picture("schemas-version").await?;
    drive.click("subject-tabs-compare").await?;
    drive.see_text("fields", "note").await?;
    drive.see_text("compare-sum", "+").await?;
    stage.picture("schemas-compare").await?;

    drive.click("schema-check-open").await?;
    drive.write("schema-new-text", BROKEN).await?;
    drive.click("schema-check").await?;
    let refused = format!("{}[data-compatible=false]", testid("verdict"));
    drive
        .window
        .wait_for(&refused, DEADLINE)
        .await
        .context("the verdict")?;
    stage.picture("schemas-refused").await?;
    drive.window.press("Escape").await?;
    drive
        .window
        .wait_gone(&testid("schema-check-dialog"), DEADLINE)
        .await
}
