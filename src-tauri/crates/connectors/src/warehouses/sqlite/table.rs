//! Tables of a SQLite file as Arrow batches.

use std::{path::PathBuf, sync::Arc};

use arrow::{
    array::{ArrayRef, BinaryBuilder, BooleanBuilder, Float64Builder, Int64Builder, StringBuilder},
    datatypes::{DataType, Field, Schema, SchemaRef},
    record_batch::RecordBatch,
};
use async_trait::async_trait;
use futures::TryStreamExt;
use sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection, sqlite::SqliteRow};
use tailrace_model::{Error, Result};
use tokio_util::sync::CancellationToken;

use super::{
    client::{connect, failure},
    types::{Declared, Found, decide, declared},
};
use crate::{
    destinations::cancelled,
    warehouses::{ReadLimits, Warehouse},
};

/// Columns looked at in one statement, five results each, of which SQLite allows 2000.
const COLUMNS_AT_ONCE: usize = 300;
/// Rows in a batch.
const BATCH_ROWS: usize = 8_192;

pub(in crate::warehouses) struct Sqlite {
    path: PathBuf,
    limits: ReadLimits,
}

impl Sqlite {
    pub fn new(path: PathBuf, limits: ReadLimits) -> Self {
        Self { path, limits }
    }

    fn failure(&self, error: &sqlx::Error) -> Error {
        failure(&self.path, error)
    }

    async fn names(&self) -> Result<Vec<String>> {
        let mut connection = connect(&self.path).await?;
        let names = sqlx::query_scalar(
            "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
             ORDER BY name",
        );
        names
            .fetch_all(&mut connection)
            .await
            .map_err(|error| self.failure(&error))
    }

    async fn read_all(&self, table: &str) -> Result<Vec<RecordBatch>> {
        let mut connection = connect(&self.path).await?;
        // One transaction, so that the types found are those of the rows read.
        let mut transaction = connection.begin().await.map_err(|error| self.failure(&error))?;
        let columns = self.columns(&mut transaction, table).await?;
        let schema = self.schema(&mut transaction, table, &columns).await?;
        let reading = Reading {
            warehouse: self,
            table,
            schema,
        };
        reading.rows(&mut transaction).await
    }

    /// Names and declared types.
    async fn columns(
        &self,
        connection: &mut SqliteConnection,
        table: &str,
    ) -> Result<Vec<(String, Declared)>> {
        let columns =
            sqlx::query_as::<_, (String, String)>("SELECT name, type FROM pragma_table_info($1)").bind(table);
        let columns = columns
            .fetch_all(connection)
            .await
            .map_err(|error| self.failure(&error))?;
        if columns.is_empty() {
            return Err(Error::user(
                "unknown_table",
                format!(
                    "there is no table \"{table}\" in {}: correct the table's name",
                    self.path.display()
                ),
            ));
        }
        Ok(columns
            .into_iter()
            .map(|(name, type_name)| (name, declared(&type_name)))
            .collect())
    }

    /// Counts the rows and looks at every value once.
    async fn schema(
        &self,
        connection: &mut SqliteConnection,
        table: &str,
        columns: &[(String, Declared)],
    ) -> Result<SchemaRef> {
        let count = AssertSqlSafe(format!("SELECT count(*) FROM {}", quote(table)));
        let rows = sqlx::query_scalar::<_, i64>(count)
            .fetch_one(&mut *connection)
            .await;
        let rows = rows.map_err(|error| self.failure(&error))?;
        if rows.unsigned_abs() > self.limits.rows_max {
            return Err(self.too_large(
                table,
                &format!("{rows} rows, and at most {} are read", self.limits.rows_max),
            ));
        }
        let mut fields = Vec::new();
        for columns in columns.chunks(COLUMNS_AT_ONCE) {
            let found = self
                .found(connection, table, columns)
                .await
                .map_err(|error| self.failure(&error))?;
            let decided = columns.iter().zip(found);
            fields.extend(
                decided.map(|((name, declared), found)| Field::new(name, decide(*declared, found), true)),
            );
        }
        Ok(Arc::new(Schema::new(fields)))
    }

    async fn found(
        &self,
        connection: &mut SqliteConnection,
        table: &str,
        columns: &[(String, Declared)],
    ) -> sqlx::Result<Vec<Found>> {
        let kinds = columns.iter().map(|(name, _)| {
            let name = quote(name);
            format!(
                "total(typeof({name}) = 'integer'), total(typeof({name}) = 'integer' AND {name} NOT IN (0, 1)), \
                 total(typeof({name}) = 'real'), total(typeof({name}) = 'text'), total(typeof({name}) = 'blob')"
            )
        });
        let kinds: Vec<_> = kinds.collect();
        let statement = format!("SELECT {} FROM {}", kinds.join(", "), quote(table));
        let row = sqlx::query(AssertSqlSafe(statement))
            .fetch_one(connection)
            .await?;
        let any = |column: usize, kind: usize| {
            row.try_get::<f64, _>(column * 5 + kind)
                .map(|counted| counted > 0.0)
        };
        let found = |column| {
            Ok(Found {
                whole: any(column, 0)?,
                beyond_flag: any(column, 1)?,
                number: any(column, 2)?,
                text: any(column, 3)?,
                blob: any(column, 4)?,
            })
        };
        (0..columns.len()).map(found).collect()
    }

    fn too_large(&self, table: &str, why: &str) -> Error {
        Error::user(
            "warehouse_too_large",
            format!(
                "the table \"{table}\" of {} has {why}: read a view of it with fewer rows or columns",
                self.path.display()
            ),
        )
    }
}

#[async_trait]
impl Warehouse for Sqlite {
    fn target(&self) -> String {
        self.path.display().to_string()
    }

    async fn check(&self, cancel: &CancellationToken) -> Result<String> {
        let names = self.tables(cancel).await?;
        let tables = if names.len() == 1 { "table" } else { "tables" };
        Ok(format!(
            "SQLite file {} with {} {tables}",
            self.path.display(),
            names.len()
        ))
    }

    async fn tables(&self, cancel: &CancellationToken) -> Result<Vec<String>> {
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(cancelled()),
            names = self.names() => names,
        }
    }

    async fn read(&self, table: &str, cancel: &CancellationToken) -> Result<Vec<RecordBatch>> {
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(cancelled()),
            batches = self.read_all(table) => batches,
        }
    }
}

/// One table being read, its types known.
struct Reading<'a> {
    warehouse: &'a Sqlite,
    table: &'a str,
    schema: SchemaRef,
}

impl Reading<'_> {
    async fn rows(&self, connection: &mut SqliteConnection) -> Result<Vec<RecordBatch>> {
        let columns: Vec<_> = self.schema.fields().iter().map(|field| selected(field)).collect();
        let statement = format!("SELECT {} FROM {}", columns.join(", "), quote(self.table));
        let mut rows = sqlx::query(AssertSqlSafe(statement)).fetch(connection);
        let mut batches = Vec::new();
        let mut bytes = 0;
        let mut builders = self.builders();
        let mut count = 0;
        while let Some(row) = rows
            .try_next()
            .await
            .map_err(|error| self.warehouse.failure(&error))?
        {
            for (index, builder) in builders.iter_mut().enumerate() {
                bytes += builder
                    .append(&row, index)
                    .map_err(|error| self.unreadable(index, &error))?;
            }
            count += 1;
            let bytes_max = self.warehouse.limits.bytes_max;
            if bytes as u64 > bytes_max {
                return Err(self.warehouse.too_large(
                    self.table,
                    &format!("more than the {bytes_max} bytes that are read"),
                ));
            }
            if count == BATCH_ROWS {
                batches.push(self.batch(std::mem::replace(&mut builders, self.builders()))?);
                count = 0;
            }
        }
        if count > 0 || batches.is_empty() {
            batches.push(self.batch(builders)?);
        }
        Ok(batches)
    }

    fn builders(&self) -> Vec<Builder> {
        self.schema
            .fields()
            .iter()
            .map(|field| Builder::new(field.data_type()))
            .collect()
    }

    fn batch(&self, builders: Vec<Builder>) -> Result<RecordBatch> {
        let arrays = builders.into_iter().map(Builder::finish).collect();
        RecordBatch::try_new(self.schema.clone(), arrays).map_err(crate::delivery::rows::arrow_error)
    }

    fn unreadable(&self, index: usize, error: &sqlx::Error) -> Error {
        let column = self.schema.field(index).name();
        Error::refused(
            "warehouse_value",
            format!(
                "the column \"{column}\" of the table \"{}\" in {} has a value that cannot be read: {}",
                self.table,
                self.warehouse.path.display(),
                match error {
                    sqlx::Error::ColumnDecode { source, .. } => source.to_string(),
                    other => other.to_string(),
                }
            ),
        )
    }
}

/// The column as an expression that yields its type, whatever each value's own is.
fn selected(field: &Field) -> String {
    let name = quote(field.name());
    match field.data_type() {
        DataType::Float64 => format!("CAST({name} AS REAL)"),
        DataType::Utf8 => {
            format!("CASE typeof({name}) WHEN 'blob' THEN hex({name}) ELSE CAST({name} AS TEXT) END")
        }
        _ => name,
    }
}

enum Builder {
    Whole(Int64Builder),
    Number(Float64Builder),
    Flag(BooleanBuilder),
    Binary(BinaryBuilder),
    Text(StringBuilder),
}

impl Builder {
    fn new(data_type: &DataType) -> Self {
        match data_type {
            DataType::Int64 => Self::Whole(Int64Builder::new()),
            DataType::Float64 => Self::Number(Float64Builder::new()),
            DataType::Boolean => Self::Flag(BooleanBuilder::new()),
            DataType::Binary => Self::Binary(BinaryBuilder::new()),
            _ => Self::Text(StringBuilder::new()),
        }
    }

    /// Appends a row's value; the answer is its bytes.
    fn append(&mut self, row: &SqliteRow, index: usize) -> sqlx::Result<usize> {
        match self {
            Self::Whole(builder) => builder.append_option(row.try_get::<Option<i64>, _>(index)?),
            Self::Number(builder) => builder.append_option(row.try_get::<Option<f64>, _>(index)?),
            Self::Flag(builder) => {
                builder.append_option(row.try_get::<Option<i64>, _>(index)?.map(|flag| flag != 0))
            }
            Self::Binary(builder) => {
                let value = row.try_get::<Option<&[u8]>, _>(index)?;
                builder.append_option(value);
                return Ok(value.map_or(0, <[u8]>::len) + 8);
            }
            Self::Text(builder) => {
                let value = row.try_get::<Option<&str>, _>(index)?;
                builder.append_option(value);
                return Ok(value.map_or(0, str::len) + 8);
            }
        }
        Ok(8)
    }

    fn finish(self) -> ArrayRef {
        match self {
            Self::Whole(mut builder) => Arc::new(builder.finish()),
            Self::Number(mut builder) => Arc::new(builder.finish()),
            Self::Flag(mut builder) => Arc::new(builder.finish()),
            Self::Binary(mut builder) => Arc::new(builder.finish()),
            Self::Text(mut builder) => Arc::new(builder.finish()),
        }
    }
}

fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
