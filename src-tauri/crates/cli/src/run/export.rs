//! `tailrace tail ... --out FILE`: every matching record, as a file that appears whole.

use std::path::Path;

use tailrace_app::{App, commands as run};
use tailrace_model::{Error, api::*};

use super::{progress::follow, tail::misuse};
use crate::{
    Outcome,
    args::Format,
    output::{Output, count},
};

/// What a file is written as: what was asked for, else what its ending says. `None`: lines for the eye, or kcat's.
pub fn format_of(asked: Option<Format>, json: bool, path: &Path) -> Result<Option<ExportFormat>, Error> {
    let ending = path.extension().and_then(|ending| ending.to_str());
    Ok(match asked {
        Some(Format::Table | Format::Kcat) => None,
        Some(Format::Json) => Some(ExportFormat::JsonLines),
        Some(Format::Csv) => Some(ExportFormat::Csv),
        Some(Format::Parquet) => Some(ExportFormat::Parquet),
        Some(Format::Arrow) => Some(ExportFormat::Arrow),
        None => match ending.unwrap_or_default().to_ascii_lowercase().as_str() {
            "csv" => Some(ExportFormat::Csv),
            "json" | "jsonl" | "ndjson" => Some(ExportFormat::JsonLines),
            "parquet" => Some(ExportFormat::Parquet),
            "arrow" | "feather" => Some(ExportFormat::Arrow),
            _ if json => Some(ExportFormat::JsonLines),
            _ => {
                return Err(misuse(format!(
                    "{} does not say its format: let its name end in .csv, .jsonl, .parquet or .arrow, or add --format",
                    path.display()
                )));
            }
        },
    })
}

pub async fn export(
    app: &App,
    tail: TailRequest,
    path: &Path,
    format: ExportFormat,
    output: &Output,
) -> anyhow::Result<Outcome> {
    let request = TailExportRequest {
        tail,
        path: path.to_string_lossy().into_owned(),
        format,
    };
    let written = follow(app, "export", run::tail_export(app, request)).await?;
    if output.json {
        output.object(&written)?;
    }
    output.note(&format!(
        "{}: {} records, {} bytes",
        written.path,
        count(written.rows),
        count(written.bytes)
    ));
    output.note(&format!(
        "scanned {} records ({} bytes), matched {}; {}",
        count(written.scanned),
        count(written.scanned_bytes),
        count(written.rows),
        written.note
    ));
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_as_it_is_named() {
        let check = |asked: Option<Format>, path: &str, expected: Option<ExportFormat>| {
            assert_eq!(
                format_of(asked, false, Path::new(path)).unwrap(),
                expected,
                "{path}"
            );
        };
        check(None, "a.CSV", Some(ExportFormat::Csv));
        check(None, "a.jsonl", Some(ExportFormat::JsonLines));
        check(None, "a.parquet", Some(ExportFormat::Parquet));
        check(None, "a.arrow", Some(ExportFormat::Arrow));
        let unsaid = format_of(None, false, Path::new("a.txt")).unwrap_err();
        assert!(unsaid.message.contains("--format"), "{}", unsaid.message);
        check(Some(Format::Json), "a.txt", Some(ExportFormat::JsonLines));
        check(Some(Format::Kcat), "a.json", None);
    }
}
