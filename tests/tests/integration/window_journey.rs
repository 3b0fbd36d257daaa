//! The real window through the whole job on the sample workspace: connect, tail, lag, collect, define, deliver, ask.
//! Its destinations are the harness's own PostgreSQL and web server, which are looked into as well.
//!
//! Every screen leaves a picture in both sizes and both themes: somebody looks at them.

mod deliver;
pub mod drive;
mod ending;
mod observe;
mod people;
mod pictures;
mod work;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use integration::{
    http::Http,
    need,
    postgres::Postgres,
    program,
    window::{Options, Window},
};
use tempfile::TempDir;

use self::drive::Drive;

/// The larger of the two sizes that are pictured.
const DISPLAY: (u32, u32) = (1920, 1080);

#[tokio::test]
async fn the_window_does_the_whole_job() -> Result<()> {
    let postgres = need!(Postgres::shared().await);
    let studio = need!(program("tailrace-studio"));
    let http = Http::start().await?;
    let database = postgres.database("crm").await?;
    let folder = TempDir::with_prefix("tailrace-journey-")?;
    let workspace = sample(folder.path(), &database, &http).await?;
    let options = options(studio, folder.path(), &workspace);

    let window = need!(Window::open(&options).await);
    // One line, so that whatever shows a part of the output shows why.
    let done = job(window, &options, &workspace, &database, &http).await;
    done.map_err(|error| anyhow::anyhow!("{error:#}"))
}

async fn job(window: Window, options: &Options, workspace: &Path, database: &str, http: &Http) -> Result<()> {
    let drive = Drive::new(&window);
    observe::clusters(&drive).await.context("clusters")?;
    observe::records(&drive).await.context("records")?;
    observe::groups(&drive).await.context("groups")?;
    people::events(&drive).await.context("events")?;
    people::profiles(&drive).await.context("profiles")?;
    people::traits(&drive).await.context("traits")?;
    people::builder(&drive, workspace).await.context("builder")?;
    people::sql_audience(&drive, workspace)
        .await
        .context("SQL audience")?;
    people::members(&drive).await.context("members")?;
    deliver::destinations(&drive, workspace, database, http)
        .await
        .context("destinations")?;
    work::sql(&drive).await.context("SQL")?;
    work::activity(&drive).await.context("activity")?;
    work::keys(&drive).await.context("keys")?;
    work::policy(&drive).await.context("policy")?;
    pictures::all(&drive).await.context("pictures")?;
    ending::twice(options, window).await.context("ending")
}

/// The sample workspace, with destinations that are there.
async fn sample(folder: &Path, database: &str, http: &Http) -> Result<PathBuf> {
    let workspace = folder.join("shop-workspace");
    tailrace_app::workspace::sample(&workspace).await?;
    edit(&workspace.join("destinations/crm_postgres.toml"), |line| {
        Some(match line.split(' ').next() {
            Some("url") => format!("url = \"{database}\""),
            Some("password") => return None,
            _ => line.to_owned(),
        })
    })?;
    edit(&workspace.join("destinations/webhook.toml"), |line| {
        Some(match line.split(' ').next() {
            Some("url") => format!("url = \"{}\"", http.url("/audiences")),
            _ => line.to_owned(),
        })
    })?;
    for sync in ["crm", "webhook"] {
        let path = workspace.join(format!("syncs/pro_repeat_buyers_to_{sync}.toml"));
        edit(&path, |line| {
            // That to the database runs when it is told to.
            let enabled = if sync == "crm" { "false" } else { "true" };
            Some(line.replace("enabled = false", &format!("enabled = {enabled}")))
        })?;
    }
    Ok(workspace)
}

fn edit(path: &Path, change: impl Fn(&str) -> Option<String>) -> Result<()> {
    let text = std::fs::read_to_string(path)?;
    let lines: Vec<String> = text.lines().filter_map(change).collect();
    std::fs::write(path, lines.join("\n") + "\n")?;
    Ok(())
}

fn options(studio: PathBuf, folder: &Path, workspace: &Path) -> Options {
    Options::new(studio)
        .arg(workspace.display().to_string())
        .env("TAILRACE_DATA", folder.join("data").display().to_string())
        .env("TAILRACE_CONFIG_DIR", folder.join("config").display().to_string())
        .size(DISPLAY.0, DISPLAY.1)
}
