//! A picture of every screen, in two sizes and both themes.

use anyhow::{Result, ensure};
use integration::window::testid;
use serde_json::json;

use super::drive::{DEADLINE, Drive};

const SIZES: [(u32, u32); 2] = [(1280, 800), super::DISPLAY];
const THEMES: [&str; 2] = ["dark", "light"];
/// Name, address, and what is there once it is whole.
const SCREENS: [(&str, &str, &str); 16] = [
    (
        "clusters",
        "#/clusters",
        "[data-testid=brokers] [data-testid=row]",
    ),
    (
        "topics",
        "#/topics",
        "[data-testid=topics] [data-key='shop.events']",
    ),
    (
        "topic-records",
        "#/topics/sandbox/shop.events?from=beginning&where=where+value.properties.revenue+%3E+100",
        "[data-testid=records] [data-testid=row][data-key]",
    ),
    (
        "topic-partitions",
        "#/topics/sandbox/shop.events?tab=partitions",
        "[data-testid=partitions] [data-testid=row]",
    ),
    (
        "groups",
        "#/groups/sandbox/fraud-scoring",
        "[data-testid=chart-time] [data-drawn] svg",
    ),
    ("events", "#/events/shop", "[data-testid=source]"),
    (
        "events-observed",
        "#/events?tab=observed&event=Order+Completed",
        "[data-testid=property-revenue]",
    ),
    (
        "profiles",
        "#/profiles?search=u_0000",
        "[data-testid=profiles] [data-testid=row][data-key]",
    ),
    ("traits", "#/traits/orders_14d", "[data-testid=trait-form]"),
    (
        "audiences",
        "#/audiences",
        "[data-testid=audiences] [data-testid=row]",
    ),
    (
        "audience-builder",
        "#/audiences/pro_repeat_buyers",
        "[data-testid=chart-size] [data-drawn] svg",
    ),
    (
        "audience-sql",
        "#/audiences/big_spenders",
        "[data-testid=chart-size] [data-drawn] svg",
    ),
    (
        "audience-members",
        "#/audiences/pro_repeat_buyers?tab=members",
        "[data-testid='members-table'] [data-testid=row][data-key]",
    ),
    (
        "audience-changes",
        "#/audiences/seen_just_now?tab=changes",
        "[data-testid=changes] [data-testid=row][data-key]",
    ),
    (
        "destinations",
        "#/destinations?sync=pro_repeat_buyers_to_webhook",
        "[data-testid=sync-runs] [data-testid=row]",
    ),
    (
        "activity",
        "#/activity",
        "[data-testid=activities] [data-testid=row]",
    ),
];
/// On these the first row is opened beside the table.
const OPENED: [(&str, &str, &str); 3] = [
    ("topic-records", "records", "[data-testid=record] [role=treeitem]"),
    ("profiles", "profiles", "[data-testid=profile]"),
    ("audience-members", "members-table", "[data-testid=explained]"),
];
const SQL: &str = "#/sql?sql=select+event%2C+count(*)+as+events%2C+round(sum(revenue)%2C+2)+as+revenue%0Afrom+events%0Agroup+by+event%0Aorder+by+events+desc";

pub async fn all(drive: &Drive<'_>) -> Result<()> {
    for (width, height) in SIZES {
        drive.window.resize(width, height).await?;
        let sized = format!("return innerWidth === {width} && innerHeight === {height}");
        drive
            .until(&format!("a window of {width}x{height}"), &sized)
            .await?;
        for theme in THEMES {
            drive.click("theme-menu").await?;
            drive.click(&format!("theme-{theme}")).await?;
            each(drive, &format!("{width}-{theme}")).await?;
        }
    }
    Ok(())
}

async fn each(drive: &Drive<'_>, suffix: &str) -> Result<()> {
    for (name, hash, whole) in SCREENS {
        drive.go(hash).await?;
        drive.window.wait_for(whole, DEADLINE).await?;
        if let Some((_, table, beside)) = OPENED.iter().find(|(of, ..)| *of == name) {
            drive.click_first(table).await?;
            drive.window.wait_for(beside, DEADLINE).await?;
        }
        take(drive, name, suffix).await?;
    }
    drive.go(SQL).await?;
    drive.see_text("sql-state", "done").await?;
    take(drive, "sql", suffix).await?;
    drive.window.press("Control+k").await?;
    drive.see("palette-entry").await?;
    take(drive, "palette", suffix).await?;
    drive.window.press("Escape").await?;
    drive.window.wait_gone(&testid("palette"), DEADLINE).await
}

/// Once nothing is on its way any more.
async fn take(drive: &Drive<'_>, name: &str, suffix: &str) -> Result<()> {
    drive.window.wait_gone(&testid("loading"), DEADLINE).await?;
    let failed = drive.window.count(&testid("screen-error")).await?;
    ensure!(failed == 0, "{name} failed");
    // Nothing runs over the window's edge.
    let over = "const root = document.documentElement; return root.scrollWidth > innerWidth || root.scrollHeight > innerHeight";
    let over = drive.window.script(over, &[]).await?;
    ensure!(over == json!(false), "{name} is larger than the window");
    let picture = drive.window.screenshot(&format!("{name}-{suffix}")).await?;
    ensure!(
        std::fs::metadata(&picture)?.len() > 10_000,
        "{} is empty",
        picture.display()
    );
    Ok(())
}
