//! The connection to PostgreSQL: made when needed, kept while it is sound, and its errors put in words.

use std::time::Duration;

use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};
use tailrace_model::Error;
use tokio::sync::Mutex;

use crate::destinations::{Failure, reason};

pub(super) struct Client {
    options: PgConnectOptions,
    timeout: Duration,
    target: String,
    idle: Mutex<Option<PgConnection>>,
}

impl Client {
    pub fn new(options: PgConnectOptions, timeout: Duration) -> Self {
        let place = match options.get_socket() {
            Some(socket) => socket.display().to_string(),
            None => format!("{}:{}", options.get_host(), options.get_port()),
        };
        let target = format!("{place}/{}", options.get_database().unwrap_or_default());
        Self {
            options,
            timeout,
            target,
            idle: Mutex::new(None),
        }
    }

    /// `host:port/database`.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The idle connection if it still answers, or a new one. Whoever drops it instead of giving it back closes it, so
    /// that a transaction left open is rolled back.
    pub async fn take(&self) -> Result<PgConnection, Failure> {
        let idle = self.idle.lock().await.take();
        if let Some(mut connection) = idle
            && matches!(
                tokio::time::timeout(self.timeout, connection.ping()).await,
                Ok(Ok(()))
            )
        {
            return Ok(connection);
        }
        match tokio::time::timeout(self.timeout, PgConnection::connect_with(&self.options)).await {
            Ok(connected) => connected.map_err(|error| self.failure(&error)),
            Err(_) => Err(self.unreachable(&format!(
                "it did not answer within {} ms",
                self.timeout.as_millis()
            ))),
        }
    }

    pub async fn give_back(&self, connection: PgConnection) {
        *self.idle.lock().await = Some(connection);
    }

    /// The settings of one transaction: it waits for no lock or statement beyond the timeout, and says what breaks a
    /// constraint at once rather than at its end.
    pub fn transaction_settings(&self) -> String {
        let ms = self.timeout.as_millis();
        format!(
            "SET LOCAL statement_timeout = {ms}; SET LOCAL lock_timeout = {ms}; SET CONSTRAINTS ALL IMMEDIATE"
        )
    }

    /// What an error means for a batch.
    pub fn failure(&self, error: &sqlx::Error) -> Failure {
        match error {
            sqlx::Error::Database(database) => {
                self.database_failure(database.code().as_deref().unwrap_or_default(), database.message())
            }
            sqlx::Error::Io(error) => self.unreachable(&reason::of_io(error)),
            sqlx::Error::Tls(error) => Failure::stop(Error::refused(
                "destination_tls",
                format!(
                    "PostgreSQL at {} cannot be spoken to over TLS ({}): check sslmode in settings.url",
                    self.target,
                    reason::of_chain(error.as_ref())
                ),
            )),
            other => Failure::retry(Error::external(
                "destination_postgres",
                format!(
                    "PostgreSQL at {} did not answer as expected: {other}",
                    self.target
                ),
            )),
        }
    }

    fn unreachable(&self, why: &str) -> Failure {
        Failure::retry(Error::external(
            "destination_unreachable",
            format!(
                "PostgreSQL at {} cannot be reached, {why}: check settings.url and that the server runs",
                self.target
            ),
        ))
    }

    /// By SQLSTATE, <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
    fn database_failure(&self, code: &str, message: &str) -> Failure {
        let target = &self.target;
        match (code.get(..2).unwrap_or_default(), code) {
            // Data, constraints, a view's check option, limits of a row, and what a trigger raises: a row is at fault.
            ("22" | "23" | "44" | "54" | "P0", _) => {
                Failure::split(Error::refused("destination_refused", message.to_owned()))
            }
            ("28", _) => Failure::stop(Error::refused(
                "destination_login",
                format!(
                    "PostgreSQL at {target} refused the login ({message}): check the user in settings.url and settings.password"
                ),
            )),
            (_, "3D000") => Failure::stop(Error::refused(
                "destination_database",
                format!("PostgreSQL at {target}: {message}; create it or change settings.url"),
            )),
            (_, "3F000") => Failure::stop(Error::refused(
                "destination_schema",
                format!(
                    "PostgreSQL at {target}: {message}; create it with CREATE SCHEMA or change options.table"
                ),
            )),
            (_, "42501") => Failure::stop(Error::refused(
                "destination_permission",
                format!("PostgreSQL at {target}: {message}; GRANT it to the user of settings.url"),
            )),
            // Lost connections, conflicts, want of resources, shutdown, locks, a standby: they pass. So does another
            // process that makes the same table at the same time.
            ("08" | "40" | "53" | "55" | "57" | "58", _) | (_, "25006" | "42P07" | "42701") => {
                Failure::retry(Error::external(
                    "destination_busy",
                    format!("PostgreSQL at {target} could not do it now: {message}"),
                ))
            }
            _ => Failure::stop(Error::refused(
                "destination_postgres",
                format!("PostgreSQL at {target}: {message}"),
            )),
        }
    }
}
