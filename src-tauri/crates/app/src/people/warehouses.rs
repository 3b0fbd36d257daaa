//! Snapshots of warehouse tables: read when first needed, and anew after their span. A table that can't be read keeps
//! its last snapshot, and says how old it is and why. So does one that had rows and comes back without any, as it does
//! in the middle of a reload: an empty source takes nobody away.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use arrow::array::RecordBatch;
use tailrace_connectors::warehouses;
use tailrace_engine::session::WarehouseSnapshot;
use tailrace_model::{Error, WarehouseDefinition, WarehouseTable};

use crate::{
    core::{Stage, now_ms},
    open::OpenWorkspace,
};

#[derive(Debug, Clone)]
struct Snapshot {
    definition: WarehouseDefinition,
    batches: Option<Vec<RecordBatch>>,
    tried_ms: i64,
    read_ms: i64,
    error: Option<Error>,
}

/// A snapshot as it is told.
#[derive(Debug, Clone)]
pub struct SnapshotState {
    pub warehouse: String,
    pub table: String,
    pub read_ms: i64,
    pub error: Option<Error>,
}

/// See the module's text.
#[derive(Debug, Default)]
pub struct Warehouses {
    snapshots: Mutex<BTreeMap<(String, String), Snapshot>>,
    refreshing: tokio::sync::Mutex<()>,
}

impl Warehouses {
    /// Reads what was not read yet, or too long ago.
    pub async fn refresh(&self, open: &OpenWorkspace) {
        let _turn = self.refreshing.lock().await;
        let definitions: Vec<(String, WarehouseDefinition)> = {
            let workspace = open.workspace();
            workspace
                .definitions
                .valid_warehouses()
                .map(|(name, it)| (name.to_owned(), it.clone()))
                .collect()
        };
        self.keep_only(&definitions);
        let token = open.supervisor.token(Stage::Work);
        for (name, definition) in definitions {
            for (table, settings) in &definition.tables {
                let key = (name.clone(), table.clone());
                if !self.is_due(&key, &definition) {
                    continue;
                }
                let read = read(open, &definition, table, settings, &token).await;
                self.put(key, &definition, read);
            }
        }
    }

    fn keep_only(&self, definitions: &[(String, WarehouseDefinition)]) {
        let mut snapshots = self.snapshots.lock().unwrap_or_else(PoisonError::into_inner);
        snapshots.retain(|(warehouse, table), _| {
            definitions
                .iter()
                .any(|(name, it)| name == warehouse && it.tables.contains_key(table))
        });
    }

    fn is_due(&self, key: &(String, String), definition: &WarehouseDefinition) -> bool {
        let snapshots = self.snapshots.lock().unwrap_or_else(PoisonError::into_inner);
        snapshots.get(key).is_none_or(|it| {
            it.definition != *definition || now_ms() - it.tried_ms >= definition.refresh.approximate_ms()
        })
    }

    fn put(
        &self,
        key: (String, String),
        definition: &WarehouseDefinition,
        read: Result<Vec<RecordBatch>, Error>,
    ) {
        let mut snapshots = self.snapshots.lock().unwrap_or_else(PoisonError::into_inner);
        let now = now_ms();
        let table = key.1.clone();
        let snapshot = snapshots.entry(key).or_insert_with(|| Snapshot {
            definition: definition.clone(),
            batches: None,
            tried_ms: now,
            read_ms: 0,
            error: None,
        });
        let before = &snapshot.definition;
        let same = (before.kind, &before.path) == (definition.kind, &definition.path)
            && before.tables.get(&table) == definition.tables.get(&table);
        snapshot.definition = definition.clone();
        snapshot.tried_ms = now;
        let kept = snapshot.batches.as_deref().map_or(0, rows);
        match read {
            Ok(batches) if same && kept > 0 && rows(&batches) == 0 => {
                snapshot.error = Some(came_back_empty(&table, kept, snapshot.read_ms));
            }
            Ok(batches) => {
                snapshot.batches = Some(batches);
                snapshot.read_ms = now;
                snapshot.error = None;
            }
            Err(error) => snapshot.error = Some(error),
        }
    }

    /// What SQL can see.
    pub fn tables(&self) -> Vec<WarehouseSnapshot> {
        let snapshots = self.snapshots.lock().unwrap_or_else(PoisonError::into_inner);
        let read = snapshots.iter().filter_map(|((warehouse, table), it)| {
            let settings = it.definition.tables.get(table)?;
            let batches = it.batches.clone()?;
            Some(WarehouseSnapshot {
                schema: batches.first()?.schema(),
                warehouse: warehouse.clone(),
                table: table.clone(),
                key: settings.key.clone(),
                identifier: settings.identifier.clone(),
                batches,
            })
        });
        read.collect()
    }

    /// Each snapshot, how old it is, and what went wrong last.
    pub fn states(&self) -> Vec<SnapshotState> {
        let snapshots = self.snapshots.lock().unwrap_or_else(PoisonError::into_inner);
        let state = |((warehouse, table), it): (&(String, String), &Snapshot)| SnapshotState {
            warehouse: warehouse.clone(),
            table: table.clone(),
            read_ms: it.read_ms,
            error: it.error.clone(),
        };
        snapshots.iter().map(state).collect()
    }
}

fn rows(batches: &[RecordBatch]) -> usize {
    batches.iter().map(RecordBatch::num_rows).sum()
}

fn came_back_empty(table: &str, kept: usize, read_ms: i64) -> Error {
    let read = chrono::DateTime::from_timestamp_millis(read_ms).unwrap_or_default();
    Error::external(
        "warehouse_table_empty",
        format!(
            "the table \"{table}\" had {kept} rows and came back without any, so those that were read at {} are kept: fill \
             it again, or, if it is meant to be empty, close the workspace and open it anew",
            read.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
        ),
    )
}

async fn read(
    open: &OpenWorkspace,
    definition: &WarehouseDefinition,
    table: &str,
    settings: &WarehouseTable,
    token: &tokio_util::sync::CancellationToken,
) -> Result<Vec<RecordBatch>, Error> {
    let warehouse = warehouses::open(definition, open.folder())?;
    warehouse
        .read(settings.table.as_deref().unwrap_or(table), token)
        .await
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::{
        array::Int64Array,
        datatypes::{DataType, Field, Schema},
    };

    use super::*;

    fn definition(path: &str) -> WarehouseDefinition {
        let text = format!("kind = \"sqlite\"\npath = \"{path}\"\n[tables.plans]\nkey = \"user_id\"\n");
        toml::from_str(&text).unwrap()
    }

    fn batches(rows: i64) -> Vec<RecordBatch> {
        let schema = Arc::new(Schema::new(vec![Field::new("user_id", DataType::Int64, true)]));
        let column = Int64Array::from_iter_values(0..rows);
        vec![RecordBatch::try_new(schema, vec![Arc::new(column)]).unwrap()]
    }

    #[test]
    fn a_table_that_comes_back_empty_keeps_its_rows_and_says_so() {
        let warehouses = Warehouses::default();
        let check = |path: &str, read: i64, held: usize, told: Option<&str>| {
            let key = ("crm".to_owned(), "plans".to_owned());
            warehouses.put(key, &definition(path), Ok(batches(read)));
            assert_eq!(rows(&warehouses.tables()[0].batches), held);
            let error = warehouses.states()[0].error.clone();
            assert_eq!(error.as_ref().map(|it| it.code.as_str()), told);
            error
        };
        check("crm.db", 0, 0, None);
        check("crm.db", 3, 3, None);
        let error = check("crm.db", 0, 3, Some("warehouse_table_empty")).unwrap();
        let begins = "the table \"plans\" had 3 rows and came back without any";
        assert!(error.message.starts_with(begins), "{error}");
        check("crm.db", 0, 3, Some("warehouse_table_empty"));
        check("crm.db", 2, 2, None);
        // Another table is not an empty one.
        check("other.db", 0, 0, None);
    }
}
