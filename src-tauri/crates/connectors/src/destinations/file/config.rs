//! Settings and options of files.

use std::path::{Component, Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};
use tailrace_model::Result;

use crate::destinations::form::{Field, FieldKind, invalid, read};

pub(super) const SETTINGS: &[Field] = &[Field {
    name: "path",
    label: "Folder",
    kind: FieldKind::Path,
    required: true,
    help: "The folder that files are written to; a relative one starts at the workspace.",
}];

pub(super) const OPTIONS: &[Field] = &[Field {
    name: "file",
    label: "File",
    kind: FieldKind::Path,
    required: false,
    help: "The file in that folder, ending in .csv, .parquet, .json or .jsonl; SYNC.csv when absent.",
}];

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    pub path: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Csv,
    Parquet,
    Json,
    JsonLines,
}

impl Config {
    pub fn read(settings: &Map<String, Value>) -> Result<Self> {
        read(SETTINGS, settings, "settings")
    }
}

/// The sync's file, relative to the folder, and its format.
pub(super) fn file(sync: &str, options: &Map<String, Value>) -> Result<(PathBuf, Format)> {
    let options: Options = read(OPTIONS, options, "options")?;
    let file = options
        .file
        .unwrap_or_else(|| PathBuf::from(format!("{sync}.csv")));
    if !file.components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(invalid(format!(
            "options.file \"{}\" leaves the destination's folder: write a name, or a path below it",
            file.display()
        )));
    }
    let format = format(&file).ok_or_else(|| {
        invalid(format!(
            "options.file \"{}\" has to end in .csv, .parquet, .json or .jsonl",
            file.display()
        ))
    })?;
    // `a//b.csv` and `a/./b.csv` are one file.
    Ok((file.components().collect(), format))
}

fn format(file: &Path) -> Option<Format> {
    match file.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "csv" => Some(Format::Csv),
        "parquet" => Some(Format::Parquet),
        "json" => Some(Format::Json),
        "jsonl" | "ndjson" => Some(Format::JsonLines),
        _ => None,
    }
}
