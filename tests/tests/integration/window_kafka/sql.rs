//! Topics as tables: asked, wrong, stopped.

use anyhow::{Result, ensure};
use integration::window::testid;

use super::{CLUSTER, Stage};
use crate::window_journey::drive::{DEADLINE, first_number};

pub async fn asked_and_stopped(stage: &Stage<'_>, topic: &str) -> Result<()> {
    let drive = &stage.drive;
    drive.screen("sql").await?;
    let query = format!(
        "select value.customer, count(*) as orders, sum(value.amount) as amount\nfrom {CLUSTER}.{topic}\nwhere value.amount > 100\ngroup by 1\norder by orders desc, 1"
    );
    drive.write("sql-editor-input", &query).await?;
    drive.window.press("Shift+Enter").await?;
    drive.see_text("sql-state", "done").await?;
    drive.see_text("sql-count", "50 rows").await?;
    let orders = drive
        .until("counts", "const cells = [...document.querySelectorAll('[data-testid=\"sql-rows\"] [aria-colindex=\"2\"][role=gridcell]')].map(cell => cell.textContent); return cells.length === 50 && !cells.includes('·') && cells")
        .await?;
    let orders: Vec<String> = serde_json::from_value(orders)?;
    // Of 630 orders every third.
    ensure!(
        orders.iter().filter_map(|count| first_number(count)).sum::<f64>() == 210.0,
        "{orders:?}"
    );
    drive.see_text("sql-scan", "630").await?;
    stage.picture("sql-topic").await?;

    drive
        .write(
            "sql-editor-input",
            &format!("select value.nobody from {CLUSTER}.{topic}"),
        )
        .await?;
    drive.window.press("Shift+Enter").await?;
    drive.see("sql-error").await?;
    stage.picture("sql-wrong").await?;

    // Three topics crossed: it would go on for hours.
    let endless = format!(
        "select count(*) from {CLUSTER}.{topic} a, {CLUSTER}.{topic} b, {CLUSTER}.{topic} c, {CLUSTER}.{topic} d where a._offset + b._offset + c._offset + d._offset < 0"
    );
    drive.write("sql-editor-input", &endless).await?;
    drive.window.press("Shift+Enter").await?;
    drive.see_text("sql-state", "running").await?;
    stage.picture("sql-running").await?;
    drive.click("sql-stop").await?;
    drive.see_text("sql-state", "done").await?;
    drive.window.wait_gone(&testid("sql-stop"), DEADLINE).await?;
    stage.picture("sql-stopped").await
}
