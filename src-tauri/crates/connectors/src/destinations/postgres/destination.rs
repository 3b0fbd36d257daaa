//! Batches into a table.

use std::{collections::HashMap, time::Duration};

use arrow::{
    array::{Array, AsArray},
    datatypes::{DataType, Float64Type, Int64Type, Schema, TimestampMillisecondType},
    record_batch::RecordBatch,
};
use async_trait::async_trait;
use serde_json::{Map, Value};
use sqlx::{
    AssertSqlSafe, Connection, PgConnection, Postgres as Db, Row, postgres::PgArguments, query::Query,
};
use tailrace_model::{Error, Result};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::{
    client::Client,
    config::{self, Config},
    sql::{self, TableName},
};
use crate::{
    delivery::rows::time_text,
    destinations::{
        DeliveryBatch, Destination, Failure, FailureKind, Pace, RowOutcome, SyncContext, Wants, cancelled,
        form::invalid,
    },
};

pub(super) struct Postgres {
    client: Client,
    batch_rows_max: usize,
    timeout_ms: u64,
    /// Tables found or made fit, with the columns they were made fit for.
    known: Mutex<HashMap<String, Table>>,
}

/// A table's columns and their types, by name.
#[derive(Debug, Clone, Default)]
struct Table {
    types: HashMap<String, String>,
    /// Made by a sync, which may therefore add columns to it.
    ours: bool,
}

/// Begins the comment of a table that a sync has made.
const COMMENT: &str = "Written by Tailrace";

impl Postgres {
    pub fn open(settings: &Map<String, Value>) -> Result<Self> {
        let config = Config::read(settings)?;
        let client = Client::new(
            config.connect_options()?,
            Duration::from_millis(config.timeout_ms),
        );
        Ok(Self {
            client,
            batch_rows_max: config.batch_rows_max,
            timeout_ms: config.timeout_ms,
            known: Mutex::new(HashMap::new()),
        })
    }

    async fn describe(&self) -> Result<String, Failure> {
        let mut connection = self.client.take().await?;
        let statement = "SELECT current_setting('server_version'), current_user::text, \
                         has_database_privilege(current_database(), 'CONNECT')";
        let row = sqlx::query(statement)
            .persistent(false)
            .fetch_one(&mut connection)
            .await;
        let row = row.map_err(|error| self.client.failure(&error))?;
        self.client.give_back(connection).await;
        let text = |index: usize| {
            row.try_get::<String, _>(index)
                .map_err(|error| self.client.failure(&error))
        };
        Ok(format!(
            "PostgreSQL {} at {}, as {}",
            text(0)?,
            self.client.target(),
            text(1)?
        ))
    }

    async fn transaction(
        &self,
        connection: &mut PgConnection,
        sync: &SyncContext,
        batch: &DeliveryBatch,
    ) -> Result<(), Failure> {
        let name = config::table(&sync.sync, &sync.options)?;
        let failure = |error: sqlx::Error| self.client.failure(&error);
        let mut transaction = connection.begin().await.map_err(failure)?;
        sqlx::raw_sql(AssertSqlSafe(self.client.transaction_settings()))
            .execute(&mut *transaction)
            .await
            .map_err(failure)?;
        let table = self.table(&mut transaction, &name, sync, batch).await?;
        if batch.removes.num_rows() > 0 && !table.types.is_empty() {
            self.delete(&mut transaction, &name, &table, &sync.key, &batch.removes)
                .await?;
        }
        if batch.upserts.num_rows() > 0 {
            self.upsert(&mut transaction, &name, &table, &sync.key, &batch.upserts)
                .await?;
        }
        transaction.commit().await.map_err(failure)?;
        // Only what is committed is known: a table made in this transaction was not there before.
        if !table.types.is_empty() {
            self.known.lock().await.insert(name.quoted(), table);
        }
        Ok(())
    }

    /// The table, fit for the batch's upserts. With nothing to upsert a missing table stays missing, without columns.
    async fn table(
        &self,
        connection: &mut PgConnection,
        name: &TableName,
        sync: &SyncContext,
        batch: &DeliveryBatch,
    ) -> Result<Table, Failure> {
        let schema = batch.upserts.schema();
        let wanted = if batch.upserts.num_rows() > 0 {
            schema.as_ref().clone()
        } else {
            Schema::empty()
        };
        if let Some(known) = self.known.lock().await.get(&name.quoted())
            && wanted
                .fields()
                .iter()
                .all(|field| known.types.contains_key(field.name()))
        {
            return Ok(known.clone());
        }
        let found = self.find(connection, name, &sync.key).await?;
        if wanted.fields().is_empty() {
            return Ok(found.unwrap_or_default());
        }
        for field in wanted.fields() {
            sql::name_fits(field.name())
                .map_err(|why| invalid(format!("the mapping's column \"{}\" {why}", field.name())))?;
        }
        match found {
            None => {
                self.execute(connection, sql::create_table(name, &wanted, &sync.key))
                    .await?;
                let comment = format!(
                    "{COMMENT}: the sync {} of the audience {}.",
                    sync.sync, sync.audience
                );
                self.execute(connection, sql::comment(name, &comment)).await?;
            }
            Some(table) => self.add_columns(connection, name, &table, &wanted).await?,
        }
        Ok(self.find(connection, name, &sync.key).await?.unwrap_or_default())
    }

    async fn add_columns(
        &self,
        connection: &mut PgConnection,
        name: &TableName,
        table: &Table,
        wanted: &Schema,
    ) -> Result<(), Failure> {
        let missing = wanted
            .fields()
            .iter()
            .filter(|field| !table.types.contains_key(field.name()));
        let statements = missing.map(|field| {
            (
                field.name(),
                sql::add_column(name, field.name(), field.data_type()),
            )
        });
        for (column, statement) in statements {
            if !table.ours {
                return Err(Failure::stop(Error::refused(
                    "destination_column",
                    format!(
                        "the table {} at {} has no column \"{column}\": run {statement}, or take it out of the mapping",
                        name.quoted(),
                        self.client.target()
                    ),
                )));
            }
            self.execute(connection, statement).await?;
        }
        Ok(())
    }

    /// The table as it is, checked to be one that a key can be upserted into. `None` when there is no such table.
    async fn find(
        &self,
        connection: &mut PgConnection,
        name: &TableName,
        key: &str,
    ) -> Result<Option<Table>, Failure> {
        let statement = "SELECT a.attname::text, format_type(a.atttypid, -1), c.relkind::text, \
             coalesce(obj_description(c.oid, 'pg_class'), ''), \
             EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid \
               AND i.indimmediate AND i.indpred IS NULL AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum) \
             FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid \
             WHERE c.oid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped";
        let failure = |error: sqlx::Error| self.client.failure(&error);
        let rows = sqlx::query(statement)
            .persistent(false)
            .bind(name.quoted())
            .fetch_all(connection)
            .await;
        let rows = rows.map_err(failure)?;
        let mut table = Table::default();
        let mut unique = false;
        for row in &rows {
            let column: String = row.try_get(0).map_err(failure)?;
            let kind: String = row.try_get(2).map_err(failure)?;
            if !matches!(kind.as_str(), "r" | "p") {
                return Err(self.unfit(name, "is not a table: name one in options.table"));
            }
            table.ours = row.try_get::<String, _>(3).map_err(failure)?.starts_with(COMMENT);
            unique |= column == key && row.try_get::<bool, _>(4).map_err(failure)?;
            table.types.insert(column, row.try_get(1).map_err(failure)?);
        }
        if !rows.is_empty() && !table.types.contains_key(key) {
            return Err(self.unfit(
                name,
                &format!("has no column \"{key}\", the sync's key: add it, or change the key"),
            ));
        }
        if !rows.is_empty() && !unique {
            let key = sql::quote(key);
            let why = format!(
                "may hold a key twice: run CREATE UNIQUE INDEX ON {} ({key})",
                name.quoted()
            );
            return Err(self.unfit(name, &why));
        }
        Ok((!rows.is_empty()).then_some(table))
    }

    fn unfit(&self, name: &TableName, why: &str) -> Failure {
        Failure::stop(Error::refused(
            "destination_table",
            format!("{} at {} {why}", name.quoted(), self.client.target()),
        ))
    }

    async fn upsert(
        &self,
        connection: &mut PgConnection,
        name: &TableName,
        table: &Table,
        key: &str,
        rows: &RecordBatch,
    ) -> Result<(), Failure> {
        let schema = rows.schema();
        let columns: Vec<_> = schema
            .fields()
            .iter()
            .map(|field| {
                let target = table.types.get(field.name()).map_or("text", String::as_str);
                (field.name().as_str(), field.data_type(), target)
            })
            .collect();
        let query = sqlx::query(AssertSqlSafe(sql::upsert(name, &columns, key))).persistent(false);
        let query = rows
            .columns()
            .iter()
            .fold(query, |query, column| bind(query, column));
        query
            .execute(connection)
            .await
            .map_err(|error| self.client.failure(&error))?;
        Ok(())
    }

    async fn delete(
        &self,
        connection: &mut PgConnection,
        name: &TableName,
        table: &Table,
        key: &str,
        rows: &RecordBatch,
    ) -> Result<(), Failure> {
        let missing = || Error::internal("sync_key", format!("the rows to remove have no column \"{key}\""));
        let column = rows.column_by_name(key).ok_or_else(missing)?;
        let target = table.types.get(key).map_or("text", String::as_str);
        let statement = sql::delete(name, key, column.data_type(), target);
        let query = bind(sqlx::query(AssertSqlSafe(statement)).persistent(false), column);
        query
            .execute(connection)
            .await
            .map_err(|error| self.client.failure(&error))?;
        Ok(())
    }

    async fn execute(&self, connection: &mut PgConnection, statement: String) -> Result<(), Failure> {
        let done = sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await;
        done.map(drop).map_err(|error| match self.client.failure(&error) {
            // No row is at fault here: two processes that make a table at once collide in the catalogue.
            Failure {
                kind: FailureKind::Split,
                error,
                ..
            } => Failure::retry(Error::external(
                "destination_busy",
                format!(
                    "PostgreSQL at {} could not make the table ready: {}",
                    self.client.target(),
                    error.message
                ),
            )),
            failure => failure,
        })
    }
}

/// The sync's table. One without a schema is told as one of `public`, where it is unless the server's `search_path` says
/// otherwise: `vips` and `public.vips` are one place.
pub(super) fn place(sync: &SyncContext) -> Result<String> {
    let mut table = config::table(&sync.sync, &sync.options)?;
    table.schema.get_or_insert_with(|| "public".to_owned());
    Ok(table.quoted())
}

#[async_trait]
impl Destination for Postgres {
    fn target(&self) -> String {
        self.client.target().to_owned()
    }

    fn wants(&self) -> Wants {
        Wants::Difference
    }

    fn pace(&self) -> Pace {
        // The server cuts a statement short after the timeout; the attempt as a whole has several.
        let attempt_timeout_ms = self.timeout_ms.saturating_mul(4);
        Pace {
            batch_rows_max: self.batch_rows_max,
            attempt_timeout_ms,
            ..Pace::default()
        }
    }

    fn place(&self, sync: &SyncContext) -> Result<String> {
        place(sync)
    }

    async fn check(&self, cancel: &CancellationToken) -> Result<String> {
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(cancelled()),
            found = self.describe() => found.map_err(|failure| failure.error),
        }
    }

    async fn deliver(&self, sync: &SyncContext, batch: &DeliveryBatch) -> Result<Vec<RowOutcome>, Failure> {
        let mut connection = self.client.take().await?;
        let done = self.transaction(&mut connection, sync, batch).await;
        match &done {
            // A transaction that the server refused leaves the connection sound: it rolls back when next used.
            Ok(())
            | Err(Failure {
                kind: FailureKind::Split,
                ..
            }) => self.client.give_back(connection).await,
            Err(_) => {}
        }
        done.map(|()| vec![RowOutcome::Acknowledged; batch.rows()])
    }
}

type Statement<'q> = Query<'q, Db, PgArguments>;

/// Binds a column of a prepared batch as one array.
fn bind<'q>(query: Statement<'q>, column: &dyn Array) -> Statement<'q> {
    match column.data_type() {
        DataType::Int64 => query.bind(
            column
                .as_primitive::<Int64Type>()
                .iter()
                .collect::<Vec<Option<i64>>>(),
        ),
        DataType::Float64 => query.bind(
            column
                .as_primitive::<Float64Type>()
                .iter()
                .collect::<Vec<Option<f64>>>(),
        ),
        DataType::Boolean => query.bind(column.as_boolean().iter().collect::<Vec<Option<bool>>>()),
        DataType::Timestamp(..) => {
            let times = column.as_primitive::<TimestampMillisecondType>().iter();
            query.bind(
                times
                    .map(|time| time.map(time_text))
                    .collect::<Vec<Option<String>>>(),
            )
        }
        _ => {
            let texts = column.as_string::<i32>().iter();
            query.bind(
                texts
                    .map(|text| text.map(str::to_owned))
                    .collect::<Vec<Option<String>>>(),
            )
        }
    }
}
