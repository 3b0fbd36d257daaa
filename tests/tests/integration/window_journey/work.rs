//! SQL, activity, the palette, the theme, the keys and the content security policy.

use anyhow::{Result, ensure};

use super::drive::{DEADLINE, Drive, first_number};

pub async fn sql(drive: &Drive<'_>) -> Result<()> {
    drive.screen("sql").await?;
    let query = "select plan, count(*) as people from crm.accounts group by plan order by people desc";
    drive.write("sql-editor-input", query).await?;
    drive.window.press("Shift+Enter").await?;
    drive.see_text("sql-state", "done").await?;
    let whole = "const cells = [...document.querySelectorAll('[data-testid=\"sql-rows\"] [role=gridcell]')].map(cell => cell.textContent); return cells.length === 6 && !cells.includes('·') && cells";
    let cells: Vec<String> = serde_json::from_value(drive.until("three rows of two", whole).await?)?;
    let people: f64 = [1, 3, 5].iter().filter_map(|at| first_number(&cells[*at])).sum();
    ensure!(people == 2000.0 && cells[0] == "free", "{cells:?}");
    drive.see_text("sql-count", "3 rows").await?;

    drive
        .write(
            "sql-editor-input",
            "select plan,\nno_such_column\nfrom crm.accounts",
        )
        .await?;
    drive.window.press("Shift+Enter").await?;
    drive.see("sql-error").await?;
    let error = drive.text("sql-error").await?;
    ensure!(
        error.contains("no_such_column") && error.contains("2:1"),
        "no line and column: {error}"
    );
    drive.window.screenshot("sql-wrong").await.map(drop)
}

pub async fn activity(drive: &Drive<'_>) -> Result<()> {
    drive.screen("activity").await?;
    drive.more_rows("activities", 0).await?;
    drive.see_text("activities", "DONE").await
}

pub async fn keys(drive: &Drive<'_>) -> Result<()> {
    let window = drive.window;
    window.press("Control+k").await?;
    drive.see("palette-input").await?;
    drive.write("palette-input", "fraud-sc").await?;
    drive.see_text("palette-entry", "fraud-scoring").await?;
    window.press("Enter").await?;
    drive.see_text("group-detail", "fraud-scoring").await?;

    for theme in ["light", "dark"] {
        drive.click("theme-menu").await?;
        drive.click(&format!("theme-{theme}")).await?;
        let shown = format!("return document.documentElement.dataset.theme === '{theme}'");
        drive.until(&format!("the {theme} theme"), &shown).await?;
    }

    window.press("g").await?;
    window.press("t").await?;
    window
        .wait_for("[data-testid=screen-topics]", DEADLINE)
        .await
        .map(drop)
}

/// What a page could be made to run or to show from elsewhere is refused by the content security policy.
pub async fn policy(drive: &Drive<'_>) -> Result<()> {
    let inline = "const style = document.head.appendChild(document.createElement('style')); style.textContent = 'html { outline-color: rgb(1, 2, 3) }'; const colour = getComputedStyle(document.documentElement).outlineColor; style.remove(); return colour";
    let colour = drive.window.script(inline, &[]).await?;
    ensure!(colour != "rgb(1, 2, 3)", "a style sheet without the nonce counts");
    drive.screen("sql").await?;
    drive.see("sql-editor-input").await?;
    // What the editor's own style sheet says, which is made while the window runs.
    let editor = "return getComputedStyle(document.querySelector('.cm-editor')).display + ' ' + getComputedStyle(document.querySelector('.cm-content')).whiteSpace";
    let editor = drive.window.script(editor, &[]).await?;
    ensure!(
        editor == "flex pre" || editor == "flex break-spaces",
        "the editor is without its style: {editor}"
    );
    let evaluated = "try { return new Function('return 1')() } catch { return 'refused' }";
    let evaluated = drive.window.script(evaluated, &[]).await?;
    ensure!(evaluated == "refused", "a text is run as a script: {evaluated}");
    Ok(())
}
