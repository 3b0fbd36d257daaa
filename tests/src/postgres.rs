//! PostgreSQL itself, from the machine's packages but never the machine's own server: a private data folder, port,
//! socket folder and password for each one started. Started as another user where the tests run as root, which
//! PostgreSQL refuses.

use std::{
    ffi::OsString,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result};
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::{
    Unavailable, eventually, free_port, on_path,
    process::{Process, Program},
    unique,
};

const WHAT: &str = "PostgreSQL";
const USER: &str = "tailrace";
const PASSWORD: &str = "correct-horse";
const START_DEADLINE: Duration = Duration::from_secs(60);
const STOP_DEADLINE: Duration = Duration::from_secs(20);
/// Another program may take a free port before the server binds it.
const START_ATTEMPTS_MAX: usize = 3;

/// A server; dropping it kills it and removes its files.
pub struct Postgres {
    /// Before the folder, so that the server is gone when its files go. `None` while it is stopped.
    process: Option<Process>,
    folder: TempDir,
    programs: PathBuf,
    account: Account,
    port: u16,
}

impl Postgres {
    /// The server that tests share: each takes a database of its own ([`Self::database`]).
    pub async fn shared() -> Result<&'static Self, Unavailable> {
        static SHARED: OnceCell<Result<Postgres, Unavailable>> = OnceCell::const_new();
        SHARED
            .get_or_init(Self::start)
            .await
            .as_ref()
            .map_err(Clone::clone)
    }

    /// A server of the test's own, for tests that stop it.
    pub async fn start() -> Result<Self, Unavailable> {
        let programs = programs().ok_or_else(|| {
            Unavailable::new(
                WHAT,
                "initdb was found neither under /usr/lib/postgresql nor on the PATH",
            )
        })?;
        let mut attempt = 1;
        loop {
            match Self::start_once(programs.clone()).await {
                Ok(postgres) => return Ok(postgres),
                Err(error) if attempt < START_ATTEMPTS_MAX && format!("{error:#}").contains("in use") => {
                    attempt += 1
                }
                Err(error) => return Err(Unavailable::new(WHAT, format!("{error:#}"))),
            }
        }
    }

    async fn start_once(programs: PathBuf) -> Result<Self> {
        let account = Account::find()?;
        let folder = TempDir::with_prefix("tailrace-postgres-")?;
        let password_file = folder.path().join("password");
        std::fs::write(&password_file, PASSWORD)?;
        account.give(folder.path())?;
        account.give(&password_file)?;
        let mut postgres = Self {
            process: None,
            folder,
            programs,
            account,
            port: free_port()?,
        };
        postgres
            .program("initdb")
            .args([
                "--username",
                USER,
                "--auth",
                "scram-sha-256",
                "--no-sync",
                "--no-instructions",
            ])
            .args([
                "--encoding",
                "UTF8",
                "--locale",
                "C.UTF-8",
                "--pgdata",
                "data",
                "--pwfile",
            ])
            .args([password_file])
            .run(START_DEADLINE)
            .await?;
        postgres.restart().await?;
        Ok(postgres)
    }

    /// The address of the server's first database.
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    fn url_of(&self, database: &str) -> String {
        format!("postgres://{USER}:{PASSWORD}@127.0.0.1:{}/{database}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn user(&self) -> &'static str {
        USER
    }

    pub fn password(&self) -> &'static str {
        PASSWORD
    }

    /// A new, empty database's address. The name gets a number: nothing else in this run has it.
    pub async fn database(&self, name: &str) -> Result<String> {
        let name = unique(name);
        let mut connection = self.connect().await?;
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE DATABASE \"{name}\"")))
            .execute(&mut connection)
            .await?;
        connection.close().await?;
        Ok(self.url_of(&name))
    }

    /// A connection to the first database.
    pub async fn connect(&self) -> Result<PgConnection> {
        Ok(PgConnection::connect(&self.url()).await?)
    }

    /// An orderly stop that does not wait for clients.
    pub async fn stop(&mut self) -> Result<()> {
        self.end("INT").await
    }

    /// Pulls the plug.
    pub async fn kill(&mut self) -> Result<()> {
        self.end("KILL").await
    }

    async fn end(&mut self, signal: &str) -> Result<()> {
        if let Some(process) = &mut self.process {
            process.stop(signal, STOP_DEADLINE).await?;
        }
        self.process = None;
        Ok(())
    }

    /// Starts it again where it was: same port, same data.
    pub async fn restart(&mut self) -> Result<()> {
        self.end("INT").await?;
        let mut process = self
            .program("postgres")
            .args(["-D", "data", "-k", "."])
            .args([
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                &format!("port={}", self.port),
            ])
            // A test's data may be lost with the machine.
            .args([
                "-c",
                "fsync=off",
                "-c",
                "shared_buffers=32MB",
                "-c",
                "max_connections=100",
            ])
            .start()?;
        let ready = eventually("the server to answer", START_DEADLINE, || {
            let ended = process
                .ended()
                .map(|status| Err(anyhow::anyhow!("it ended with {status}")));
            let url = self.url();
            async move {
                match ended {
                    Some(_) => ended,
                    None => PgConnection::connect(&url).await.ok().map(|_| Ok(())),
                }
            }
        });
        ready
            .await
            .and_then(|ended| ended)
            .with_context(|| process.said())?;
        self.process = Some(process);
        Ok(())
    }

    fn program(&self, name: &'static str) -> Program {
        let path = self.programs.join(name);
        let program = match self.account.prefix() {
            Some(prefix) => Program::new(name, self.folder.path(), &prefix[0])
                .args(&prefix[1..])
                .args([path]),
            None => Program::new(name, self.folder.path(), path),
        };
        program.env("LC_ALL", "C.UTF-8").env("TZ", "UTC")
    }
}

/// The folder of the newest server's programs.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .ok()
        .into_iter()
        .flatten()
        .flatten();
    let newest = versions
        .filter_map(|entry| {
            Some((
                entry.file_name().to_str()?.parse::<u32>().ok()?,
                entry.path().join("bin"),
            ))
        })
        .filter(|(_, folder)| folder.join("initdb").is_file() && folder.join("postgres").is_file())
        .max_by_key(|(version, _)| *version);
    newest
        .map(|(_, folder)| folder)
        .or_else(|| Some(on_path("initdb")?.parent()?.to_owned()))
}

/// Who the server runs as: the caller, or where that is root the user that the package made, or nobody.
struct Account {
    other: Option<(u32, u32)>,
}

impl Account {
    fn find() -> Result<Self> {
        if id(&["-u"])? != 0 {
            return Ok(Self { other: None });
        }
        for name in ["postgres", "nobody"] {
            if let (Ok(user), Ok(group)) = (id(&["-u", name]), id(&["-g", name])) {
                return Ok(Self {
                    other: Some((user, group)),
                });
            }
        }
        anyhow::bail!("it does not run as root, and there is neither a user postgres nor a user nobody")
    }

    fn give(&self, path: &Path) -> Result<()> {
        match self.other {
            Some((user, group)) => {
                chown(path, Some(user), Some(group)).with_context(|| path.display().to_string())
            }
            None => Ok(()),
        }
    }

    /// What to put before a command so that it runs as this account.
    fn prefix(&self) -> Option<Vec<OsString>> {
        let (user, group) = self.other?;
        let words = [
            format!("--reuid={user}"),
            format!("--regid={group}"),
            "--clear-groups".to_owned(),
        ];
        Some(
            std::iter::once("setpriv".to_owned())
                .chain(words)
                .map(Into::into)
                .collect(),
        )
    }
}

fn id(args: &[&str]) -> Result<u32> {
    let output = Command::new("id").args(args).output()?;
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}
