//! The connection to a SQLite file, and its errors put in words.

use std::{fs, io, path::Path, time::Duration};

use sqlx::{ConnectOptions, SqliteConnection, sqlite::SqliteConnectOptions};
use tailrace_model::{Error, Result};

/// How long another process may keep the file locked.
const LOCK_WAIT_MS: u64 = 2_000;
/// Rows that the file's thread may be ahead of their reader.
const ROWS_AHEAD_MAX: usize = 512;

pub(super) async fn connect(path: &Path) -> Result<SqliteConnection> {
    let name = path.display();
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            return Err(Error::user(
                "warehouse_path",
                format!("{name} is a folder: path has to name a SQLite file"),
            ));
        }
        Ok(_) => {}
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Err(Error::user(
                "warehouse_path",
                format!(
                    "there is no file {name}: correct path in the warehouse's definition, or make the file"
                ),
            ));
        }
        Err(_) => {
            return Err(Error::user(
                "warehouse_path",
                format!("{name} cannot be looked at: check its permissions"),
            ));
        }
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .create_if_missing(false)
        .busy_timeout(Duration::from_millis(LOCK_WAIT_MS))
        .row_buffer_size(ROWS_AHEAD_MAX)
        .disable_statement_logging();
    options.connect().await.map_err(|error| failure(path, &error))
}

/// By SQLite's primary result codes, <https://www.sqlite.org/rescode.html>.
pub(super) fn failure(path: &Path, error: &sqlx::Error) -> Error {
    let name = path.display();
    let sqlx::Error::Database(database) = error else {
        return Error::external("warehouse_sqlite", format!("{name} could not be read: {error}"));
    };
    let code = database
        .code()
        .and_then(|code| code.parse::<i32>().ok())
        .unwrap_or_default()
        & 0xff;
    match code {
        5 | 6 => Error::external(
            "warehouse_locked",
            format!(
                "{name} is locked by another program for more than {LOCK_WAIT_MS} ms: try again when it is done"
            ),
        ),
        26 => Error::user(
            "warehouse_format",
            format!("{name} is not a SQLite database: correct path"),
        ),
        11 => Error::refused(
            "warehouse_corrupt",
            format!(
                "{name} is damaged ({}): restore it from a copy",
                database.message()
            ),
        ),
        14 | 23 => Error::user(
            "warehouse_path",
            format!("{name} cannot be opened: check its permissions"),
        ),
        _ => Error::refused("warehouse_sqlite", format!("{name}: {}", database.message())),
    }
}
