//! What of a warehouse's definition is SQLite's.

use std::path::{Path, PathBuf};

use tailrace_model::{Error, Result, WarehouseDefinition};

/// The database's file.
pub(super) fn path(definition: &WarehouseDefinition, base: &Path) -> Result<PathBuf> {
    match definition.path.as_deref().map(str::trim) {
        Some(path) if !path.is_empty() => Ok(base.join(path)),
        _ => Err(Error::user(
            "warehouse_settings",
            "path is missing: the SQLite file, such as path = \"crm.db\"",
        )),
    }
}
