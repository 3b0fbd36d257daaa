//! The real window on a real cluster: Apache Kafka with logins, and a workspace that begins with nothing. What an
//! engineer does in a day: connect, tail, search, open records, make and alter topics, look at lag, move offsets, ask
//! in SQL. What the window says is compared with the files it wrote and with what the cluster itself says.
//!
//! Every screen leaves a picture in both themes: somebody looks at them.

mod away;
mod connect;
mod groups;
mod records;
mod schemas;
mod search;
mod silent;
mod sql;
mod topics;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use integration::{
    need, program,
    secure::Secure,
    window::{Options, Window},
};
use serde_json::json;
use tempfile::TempDir;

use crate::window_journey::drive::{DEADLINE, Drive};

/// The cluster that is imported from a dropped file, and used from then on.
const CLUSTER: &str = "shop";
const THEMES: [&str; 2] = ["light", "dark"];

/// Everything that a step needs.
struct Stage<'a> {
    drive: Drive<'a>,
    secure: &'a Secure,
    /// Its folder.
    workspace: PathBuf,
}

#[tokio::test]
async fn the_window_on_a_real_cluster() -> Result<()> {
    let secure = need!(Secure::shared().await);
    let studio = need!(program("tailrace-studio"));
    let folder = TempDir::with_prefix("tailrace-window-kafka-")?;
    let workspace = folder.path().join("workspace");
    std::fs::create_dir_all(&workspace)?;
    std::fs::write(workspace.join("tailrace.toml"), "name = \"kafka\"\n")?;
    let window = need!(Window::open(&options(studio, folder.path(), &workspace)).await);
    let stage = Stage {
        drive: Drive::new(&window),
        secure,
        workspace,
    };
    // One line, so that whatever shows a part of the output shows why.
    stage.all().await.map_err(|error| anyhow::anyhow!("{error:#}"))
}

fn options(studio: PathBuf, folder: &Path, workspace: &Path) -> Options {
    Options::new(studio)
        .arg(workspace.display().to_string())
        .env("TAILRACE_DATA", folder.join("data").display().to_string())
        .env("TAILRACE_CONFIG_DIR", folder.join("config").display().to_string())
}

impl Stage<'_> {
    async fn all(&self) -> Result<()> {
        self.drive.click("theme-menu").await?;
        self.drive.click("theme-dark").await?;
        connect::by_the_form(self).await.context("connecting")?;
        connect::by_a_dropped_file(self).await.context("importing")?;
        topics::made_and_altered(self).await.context("changing topics")?;
        let orders = records::tailed(self).await.context("tailing")?;
        records::opened(self, &orders).await.context("opening a record")?;
        search::to_its_end(self).await.context("searching")?;
        search::a_large_record(self).await.context("a large record")?;
        groups::looked_at_and_moved(self).await.context("groups")?;
        schemas::compared_and_checked(self).await.context("schemas")?;
        sql::asked_and_stopped(self, &orders).await.context("SQL")?;
        topics::deleted(self, &orders).await.context("deleting a topic")
    }

    /// A picture in both themes. What is drawn in Rust stays as it is: only the page's own colours change.
    async fn picture(&self, name: &str) -> Result<()> {
        self.drive
            .window
            .wait_gone(&integration::window::testid("loading"), DEADLINE)
            .await?;
        self.picture_now(name).await
    }

    /// Of what goes on still.
    async fn picture_now(&self, name: &str) -> Result<()> {
        for theme in THEMES {
            // Two frames later it is painted.
            let set = "document.documentElement.dataset.theme = arguments[0]; return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))";
            self.drive.window.script(set, &[json!(theme)]).await?;
            self.drive
                .window
                .screenshot(&format!("kafka-{name}-{theme}"))
                .await?;
        }
        Ok(())
    }

    /// Opens a topic by the list, found by its name.
    async fn open_topic(&self, topic: &str) -> Result<()> {
        self.drive.screen("topics").await?;
        self.drive.write("search", topic).await?;
        self.drive.click_row("topics", topic).await?;
        self.drive.see("tail-state").await
    }

    /// Takes the filter, as typed, and runs it.
    async fn filter(&self, filter: &str) -> Result<()> {
        self.drive.write("tail-filter-input", filter).await?;
        self.drive.window.press("Shift+Enter").await
    }
}

/// A name for a topic or a group that needs no quotes in SQL.
fn unique(name: &str) -> String {
    integration::unique(name).replace('-', "_")
}
