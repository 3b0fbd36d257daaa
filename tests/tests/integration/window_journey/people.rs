//! Events, profiles, traits and audiences.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use integration::{eventually, window::testid};

use super::drive::{DEADLINE, Drive, first_number};

const BUYERS: &str = "pro_repeat_buyers";
/// Its members come and go as time passes.
const JUST_NOW: &str = "seen_just_now";

pub async fn events(drive: &Drive<'_>) -> Result<()> {
    drive.screen("events").await?;
    drive
        .until("the source to have read all", "const row = document.querySelector('[data-testid=sources] [data-key=shop]'); return row?.querySelector('[data-col=state]').textContent === 'LIVE' && Number(row.querySelector('[data-col=events]').textContent.replaceAll(',', '')) > 40000")
        .await?;
    drive.click("tabs-observed").await?;
    drive.click_row("observed", "Order Completed").await?;
    drive.see("property-revenue").await
}

pub async fn profiles(drive: &Drive<'_>) -> Result<()> {
    drive.screen("profiles").await?;
    drive.write("search", "u_0000").await?;
    drive
        .until("only those found", "const names = [...document.querySelectorAll('[data-testid=profiles] [data-col=name]')].map(cell => cell.textContent); return names.length > 10 && names.every(name => name.startsWith('u_0000'))")
        .await?;
    drive.click_first("profiles").await?;
    drive.see_text("profile", "orders_14d").await?;
    drive.see_text("profile", "lifetime_value").await?;
    drive.click("profile-tabs-events").await?;
    drive.more_rows("profile-events", 0).await?;
    drive.click_first("profile-events").await?;
    drive.see("json").await
}

pub async fn traits(drive: &Drive<'_>) -> Result<()> {
    drive.screen("traits").await?;
    drive.click_row("traits", "lifetime_value").await?;
    drive.click("trait-preview").await?;
    drive.see_text("trait-sample", "profiles with a value").await?;
    drive.more_rows("trait-sample-rows", 0).await?;
    let values = drive.cells("trait-sample-rows", "lifetime_value").await;
    let text = drive.text("trait-sample").await?;
    ensure!(
        first_number(&text).is_some_and(|profiles| profiles > 100.0),
        "{values:?}: {text}"
    );
    Ok(())
}

/// Another number in the builder gives other SQL, another size and another sample; it is published with its comments.
pub async fn builder(drive: &Drive<'_>, workspace: &Path) -> Result<()> {
    drive.screen("audiences").await?;
    drive.click_row("audiences", BUYERS).await?;
    drive.see("builder").await?;
    let size = drive.number("preview-size", "a number", |_| true).await?;
    let sql = drive.text("audience-sql-text").await?;
    drive.write("condition-1-value", "1").await?;
    let larger = drive
        .number("preview-size", "larger", |larger| larger > size)
        .await?;
    let changed = drive.text("audience-sql-text").await?;
    ensure!(changed != sql, "the SQL is the same: {sql}");
    drive.see_text("sentence", "1").await?;
    drive
        .until(
            "a sample",
            "return document.querySelectorAll('[data-testid=sample] > div').length > 3",
        )
        .await?;

    drive.choose("add-root", "performed").await?;
    drive
        .number("size-3", "the size of the new condition", |alone| alone > 0.0)
        .await?;
    let narrower = drive
        .number("preview-size", "about as large at most", |size| {
            // People go on ordering meanwhile.
            size > 0.0 && size <= larger * 1.1 + 5.0
        })
        .await?;
    drive.see_text("draft-state", "differs").await?;
    drive.click("audience-save").await?;
    drive.notice("published").await?;
    let text = std::fs::read_to_string(workspace.join("audiences/pro_repeat_buyers.toml"))?;
    ensure!(
        text.contains("# From the warehouse.") && text.contains("# From the events."),
        "the comments are gone: {text}"
    );
    ensure!(text.contains("value = 1"), "not what was published: {text}");
    drive
        .number("members", "those of the new definition", |members| {
            (members - narrower).abs() <= narrower / 10.0 + 5.0 && members > size
        })
        .await?;
    Ok(())
}

pub async fn sql_audience(drive: &Drive<'_>, workspace: &Path) -> Result<()> {
    drive.screen("audiences").await?;
    drive.click("audience-new").await?;
    drive.write("audience-new-name", JUST_NOW).await?;
    drive.click("audience-new-sql").await?;
    drive.see("audience-sql-input").await?;
    drive
        .write("audience-sql-input", "select profile_id from evnts")
        .await?;
    drive.see_text("preview-error", "evnts").await?;
    let sql = "select profile_id from events where timestamp > now() - interval '3 seconds'";
    drive.write("audience-sql-input", sql).await?;
    drive.window.wait_gone(&testid("preview-error"), DEADLINE).await?;
    drive.number("preview-size", "a number", |_| true).await?;
    drive.click("audience-save").await?;
    drive.notice("published").await?;
    let file = workspace.join(format!("audiences/{JUST_NOW}.sql"));
    let written = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    ensure!(written.trim() == sql, "{written}");

    // They come and go before one's eyes.
    drive.click("tabs-changes").await?;
    for change in ["ENTERED", "EXITED"] {
        drive.see_text("changes", change).await?;
    }
    let first = drive.total("changes").await?;
    drive.more_rows("changes", first).await.map(drop)
}

/// Who is in, and why.
pub async fn members(drive: &Drive<'_>) -> Result<()> {
    drive.go(&format!("#/audiences/{BUYERS}?tab=members")).await?;
    drive.more_rows("members-table", 0).await?;
    drive.click_first("members-table").await?;
    drive.see_text("explain", "evaluated at").await?;
    let explained = || async {
        let held = drive
            .window
            .count(&format!("{}[data-holds=true]", testid("explained")))
            .await
            .ok()?;
        (held >= 4).then_some(held)
    };
    eventually("every condition of a member to hold", DEADLINE, explained).await?;
    let text = drive.text("explain").await?;
    ensure!(
        text.contains("plan") && text.contains("Order Completed") && text.contains("Order Refunded"),
        "{text}"
    );
    Ok(())
}
