//! A SQLite file, opened read-only.
//!
//! A value of SQLite may be of any type, whatever its column declares. A column gets the type it declares (`INTEGER`:
//! Int64, `REAL`: Float64, `BOOLEAN`: Boolean, `TEXT` and dates written as text: Utf8) when every value fits it, and
//! else the narrowest type that holds them all; a column of blobs is Binary. Types are found and rows read in one
//! transaction.

use std::path::Path;

use tailrace_model::{Result, WarehouseDefinition};

use super::ReadLimits;

mod client;
mod config;
mod table;
#[cfg(test)]
mod tests;
mod types;

pub(super) fn open(
    definition: &WarehouseDefinition,
    base: &Path,
    limits: ReadLimits,
) -> Result<table::Sqlite> {
    Ok(table::Sqlite::new(config::path(definition, base)?, limits))
}
