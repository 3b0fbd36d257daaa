//! `tailrace tail --select`: columns instead of records, as they come.

use std::io::Write;

use tailrace_app::{App, SelectedOut};
use tailrace_model::{Error, api::*, limits::ROWS_PAGE_MAX};

use super::tail::{closed, misuse};
use crate::args::Format;

/// A column of a table for the eye is no wider, unless its name is.
const WIDTH_MAX: usize = 40;

/// Where columns go.
pub struct Columns {
    form: Form,
}

enum Form {
    Table {
        sink: Box<dyn Write + Send>,
        widths: Vec<usize>,
    },
    /// Opened when the tail's columns are known.
    Waiting {
        sink: Option<Box<dyn Write + Send>>,
        format: SqlFormat,
    },
    Written(SelectedOut),
}

impl Columns {
    pub fn new(sink: Box<dyn Write + Send>, format: Format) -> Result<Self, Error> {
        let waiting = |sink, format| Form::Waiting {
            sink: Some(sink),
            format,
        };
        let form = match format {
            Format::Table => Form::Table {
                sink,
                widths: Vec::new(),
            },
            Format::Json => waiting(sink, SqlFormat::Jsonl),
            Format::Csv => waiting(sink, SqlFormat::Csv),
            Format::Parquet => waiting(sink, SqlFormat::Parquet),
            Format::Arrow => waiting(sink, SqlFormat::Arrow),
            Format::Kcat => {
                return Err(misuse(
                    "kcat's lines are of whole records and have no place for --select: write --format json"
                        .to_owned(),
                ));
            }
        };
        Ok(Self { form })
    }

    /// Writes what has come from a row on; returns the number of the row after it.
    pub async fn drain(&mut self, app: &App, view: u64, from: u64) -> anyhow::Result<u64> {
        if let Form::Waiting { sink, format } = &mut self.form
            && let Some(sink) = sink.take()
        {
            self.form = Form::Written(tailrace_app::selected_out(app, view, sink, *format).await?);
        }
        let mut at = from;
        loop {
            let request = RowsRequest {
                view,
                offset: at,
                limit: ROWS_PAGE_MAX as u32,
            };
            let next = match &mut self.form {
                Form::Written(out) => tailrace_app::write_selected(app, request, out).await?,
                Form::Table { sink, widths } => {
                    let (next, rows) = tailrace_app::take_selected(app, request).await?;
                    if !rows.rows.is_empty() {
                        table(sink, widths, &rows)?;
                    }
                    next
                }
                Form::Waiting { .. } => at,
            };
            if next <= at {
                return Ok(at);
            }
            at = next;
        }
    }

    pub fn finish(self) -> anyhow::Result<()> {
        match self.form {
            Form::Table { mut sink, .. } => Ok(sink.flush().or_else(closed)?),
            Form::Written(out) => Ok(out.finish()?),
            Form::Waiting { .. } => Ok(()),
        }
    }
}

/// As wide as the first rows want; later ones that are wider stand out.
fn table(sink: &mut Box<dyn Write + Send>, widths: &mut Vec<usize>, rows: &Rows) -> anyhow::Result<()> {
    let text = |cell: &Option<String>| cell.as_deref().unwrap_or("null").replace(['\n', '\r', '\t'], " ");
    let names: Vec<String> = rows.columns.iter().map(|column| column.name.clone()).collect();
    if widths.is_empty() {
        *widths = names.iter().map(|name| name.chars().count()).collect();
        for row in &rows.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(text(cell).chars().count().min(WIDTH_MAX));
            }
        }
        line(sink, widths, &names)?;
    }
    for row in &rows.rows {
        let cells: Vec<String> = row.iter().map(text).collect();
        line(sink, widths, &cells)?;
    }
    sink.flush().or_else(closed)?;
    Ok(())
}

fn line(sink: &mut Box<dyn Write + Send>, widths: &[usize], cells: &[String]) -> anyhow::Result<()> {
    let cells = widths.iter().zip(cells);
    let line: Vec<String> = cells.map(|(width, cell)| format!("{cell:<width$}")).collect();
    writeln!(sink, "{}", line.join("  ").trim_end()).or_else(closed)?;
    Ok(())
}
