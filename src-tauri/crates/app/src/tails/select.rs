//! The columns of a tail that are written instead of whole records: `value.order_id, value.revenue * 100 AS cents`.
//!
//! Names and types are fixed before the first record: fields are what a sample of the topic has, as where a topic is read
//! as a table, so that a file of columns is one table. A field that a record has in another type is null there and counted.

use std::io::Write;

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use tailrace_connectors::formats::{TableColumn, TableDecoder};
use tailrace_engine::session::{self, Exporter, RecordSelect, SelectedColumns, rows_of};
use tailrace_model::{
    Error, Result, TopicFormats,
    api::{Rows, SqlFormat},
};

use crate::{
    clusters::Cluster,
    open::OpenWorkspace,
    records::{near, unseen},
    tables::Sample,
};

/// See the module's text.
pub struct Select {
    columns: SelectedColumns,
    decoder: TableDecoder,
    mistyped: u64,
    /// A field that the sample lacks.
    unseen: Option<String>,
}

impl Select {
    pub async fn plan(
        open: &OpenWorkspace,
        cluster: &Cluster,
        topic: &str,
        (text, formats): (&str, &TopicFormats),
        now_ms: i64,
    ) -> Result<Self> {
        let select = RecordSelect::parse(text, now_ms)?;
        let sample = Sample::take(open, cluster, topic, formats, now_ms).await?;
        let named = select.named();
        let (fields, lacks) = match named.whole {
            // It is text.
            true => (None, Vec::new()),
            false => sample.fields(&named),
        };
        let decoder = TableDecoder::new(&wanted(&select, fields.as_ref()));
        let columns = select.columns(&decoder.schema()).map_err(|error| {
            if error.code != "unknown_column" {
                return error;
            }
            // The name alone, where a field of the value was meant.
            let name = error.message.split('"').nth(1).unwrap_or_default().to_owned();
            match near(&sample.all_fields(), &["value".to_owned(), name]) {
                Some(near) => Error {
                    message: format!("{}. Did you mean {near}?", error.message),
                    ..error
                },
                None => error,
            }
        })?;
        let unseen = lacks
            .first()
            .filter(|_| sample.records > 0)
            .map(|path| unseen("no record of the sample has", path, sample.near(path).as_deref()));
        Ok(Self {
            columns,
            decoder,
            mistyped: 0,
            unseen,
        })
    }

    pub fn schema(&self) -> SchemaRef {
        self.columns.schema()
    }

    /// The columns of these records.
    pub fn rows(&mut self, records: &RecordBatch) -> Result<RecordBatch> {
        let decoded = self.decoder.decode(records)?;
        self.mistyped += decoded.mistyped;
        self.columns.evaluate(&decoded.records)
    }

    /// What a person should know of the columns.
    pub fn note(&self) -> Option<String> {
        let mistyped = (self.mistyped > 0).then(|| {
            format!(
                "{} values were not of their column's type and are null there",
                self.mistyped
            )
        });
        let all = self.unseen.iter().cloned().chain(mistyped);
        all.reduce(|one, other| format!("{one}; {other}"))
    }
}

/// The columns to decode.
fn wanted(
    select: &RecordSelect,
    fields: Option<&tailrace_connectors::formats::json::Fields>,
) -> Vec<TableColumn> {
    let named = |name: &str| {
        select
            .paths()
            .iter()
            .any(|path| path.first().is_some_and(|it| it == name))
    };
    let mut columns = vec![
        TableColumn::Partition,
        TableColumn::Offset,
        TableColumn::Timestamp,
        TableColumn::Key,
    ];
    if named("_headers") {
        columns.push(TableColumn::Headers);
    }
    if named("value") {
        columns.push(fields.map_or(TableColumn::Text, |fields| TableColumn::Fields(fields.clone())));
    }
    columns
}

/// Where selected columns are written as they come.
pub struct SelectedOut(Exporter);

impl SelectedOut {
    pub fn open(sink: Box<dyn Write + Send>, format: SqlFormat, schema: &SchemaRef) -> Result<Self> {
        Exporter::pipe(sink, format, schema).map(Self)
    }

    /// Whoever reads along sees them at once.
    pub fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        self.0.write(rows)?;
        self.0.flush()
    }

    pub fn finish(self) -> Result<()> {
        self.0.finish().map(drop)
    }
}

/// Selected rows as text.
pub fn as_text(total: u64, schema: &SchemaRef, batches: &[RecordBatch]) -> Rows {
    Rows {
        columns: session::columns(schema),
        rows: batches.iter().flat_map(rows_of).collect(),
        total,
    }
}
