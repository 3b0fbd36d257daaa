//! New workspaces: an empty one with commented examples, and the sample with its warehouse.
//!
//! A workspace appears whole or not at all: it is made beside its place and then moved there.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use sqlx::{
    Connection, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode},
};
use tailrace_model::{Error, Result};
use toml_edit::{DocumentMut, value};

use super::{
    WORKSPACE_FILE, cannot_write,
    files::{reason, write_atomically},
};

/// Files of a workspace: path in it, and text.
type Files = &'static [(&'static str, &'static str)];

macro_rules! embedded {
    ($folder:literal: $($path:literal),* $(,)?) => {
        &[
            (".gitignore", include_str!(concat!("../../../../../assets/", $folder, "/gitignore"))),
            $(($path, include_str!(concat!("../../../../../assets/", $folder, "/", $path)))),*
        ]
    };
}

const NEW: Files = embedded!("new-workspace":
    "tailrace.toml",
    "clusters/prod.toml.example",
    "sources/shop.toml.example",
    "sources/web.toml.example",
    "tracking-plans/shop.json.example",
    "warehouses/crm.toml.example",
    "traits/orders_14d.toml.example",
    "traits/lifetime_value.sql.example",
    "audiences/repeat_buyers.toml.example",
    "audiences/big_spenders.sql.example",
    "destinations/exports.toml.example",
    "syncs/repeat_buyers_to_exports.toml.example",
    "alerts/behind.toml.example",
);

const SAMPLE: Files = embedded!("sample-workspace":
    "tailrace.toml",
    "clusters/sandbox.toml",
    "clusters/local.toml.example",
    "sources/shop.toml",
    "warehouses/crm.toml",
    "traits/lifetime_value.sql",
    "traits/lifetime_value.toml",
    "traits/orders_14d.toml",
    "audiences/pro_repeat_buyers.toml",
    "audiences/big_spenders.sql",
    "audiences/big_spenders.toml",
    "destinations/exports.toml",
    "destinations/crm_postgres.toml",
    "destinations/webhook.toml",
    "syncs/pro_repeat_buyers_to_exports.toml",
    "syncs/pro_repeat_buyers_to_crm.toml",
    "syncs/pro_repeat_buyers_to_webhook.toml",
    "syncs/big_spenders_to_exports.toml",
    "alerts/behind.toml",
);

/// Rows of the sample warehouse, with their header.
pub(super) const ACCOUNTS: &str = include_str!("../../../../../assets/sample-workspace/accounts.csv");
/// The sample warehouse, as `warehouses/crm.toml` names it.
const WAREHOUSE_FILE: &str = "crm.db";

/// Makes a new workspace, named as its folder. The folder may hold other files; what is there is not written over.
pub fn init(dir: &Path) -> Result<()> {
    refuse_workspace(dir)?;
    let absolute = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    let name = absolute
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or("workspace");
    // The file that makes it a workspace comes last.
    for (path, text) in NEW.iter().filter(|(path, _)| *path != WORKSPACE_FILE) {
        let path = dir.join(path);
        if !path.exists() {
            write(&path, text.as_bytes())?;
        }
    }
    let workspace = NEW
        .iter()
        .find(|(path, _)| *path == WORKSPACE_FILE)
        .map_or("", |(_, text)| *text);
    let mut workspace: DocumentMut = workspace
        .parse()
        .map_err(|_| Error::internal("workspace_not_made", "the new workspace's file could not be made"))?;
    workspace["name"] = value(name);
    write(&dir.join(WORKSPACE_FILE), workspace.to_string().as_bytes())
}

/// Makes the sample workspace, its warehouse included.
pub async fn sample(dir: &Path) -> Result<()> {
    refuse_workspace(dir)?;
    if fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some()) {
        let message = format!(
            "{} is not empty: name a new folder for the sample workspace",
            dir.display()
        );
        return Err(Error::user("workspace_not_made", message));
    }
    let beside = beside(dir);
    let made = fill(&beside).await.and_then(|()| {
        // An empty folder is replaced; one that somebody filled meanwhile is not.
        fs::rename(&beside, dir).map_err(|error| cannot_write(dir, &error))
    });
    if made.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_dir_all(&beside);
    }
    made
}

/// Makes the sample workspace unless it is there.
pub async fn ensure_sample(dir: &Path) -> Result<()> {
    if dir.join(WORKSPACE_FILE).is_file() {
        Ok(())
    } else {
        sample(dir).await
    }
}

async fn fill(dir: &Path) -> Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(cannot_write(dir, &error)),
        _ => {}
    }
    for (path, text) in SAMPLE {
        write(&dir.join(path), text.as_bytes())?;
    }
    let warehouse = dir.join(WAREHOUSE_FILE);
    make_warehouse(&warehouse).await.map_err(|error| {
        let message = format!(
            "the sample warehouse {} could not be made: {error}",
            warehouse.display()
        );
        Error::user("workspace_not_made", message)
    })
}

/// `.NAME.PROCESS.new` beside the folder, on the same file system.
fn beside(dir: &Path) -> PathBuf {
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    dir.with_file_name(format!(".{name}.{}.new", std::process::id()))
}

fn refuse_workspace(dir: &Path) -> Result<()> {
    let shown = dir.display();
    if dir.join(WORKSPACE_FILE).exists() {
        let message = format!("{shown} is a workspace already: open it, or name another folder");
        return Err(Error::user("workspace_exists", message));
    }
    match fs::metadata(dir) {
        Ok(found) if !found.is_dir() => Err(Error::user(
            "workspace_not_made",
            format!("{shown} is a file: name a folder"),
        )),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::user(
            "workspace_not_made",
            format!("{shown} can't be read ({}): name another folder", reason(&error)),
        )),
        _ => Ok(()),
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    write_atomically(path, bytes).map_err(|error| cannot_write(path, &error))
}

async fn make_warehouse(path: &Path) -> sqlx::Result<()> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Delete);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let mut transaction = connection.begin().await?;
    sqlx::query(
        "CREATE TABLE accounts (
           user_id TEXT PRIMARY KEY, plan TEXT NOT NULL, region TEXT NOT NULL,
           seats INTEGER NOT NULL, mrr INTEGER NOT NULL, since TEXT NOT NULL
         )",
    )
    .execute(&mut *transaction)
    .await?;
    for line in ACCOUNTS.lines().skip(1) {
        let mut fields = line.split(',');
        let mut text = || fields.next().unwrap_or_default();
        // SQLite's column types turn the two numbers into integers.
        sqlx::query(
            "INSERT INTO accounts (user_id, plan, region, seats, mrr, since) VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(text())
        .bind(text())
        .bind(text())
        .bind(text())
        .bind(text())
        .bind(text())
        .execute(&mut *transaction)
        .await?;
    }
    transaction.commit().await?;
    connection.close().await
}
