//! Snapshots of warehouse tables: read when first needed, and anew after their span. A table that can't be read keeps
//! its last snapshot, and says how old it is and why.

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
        let snapshot = snapshots.entry(key).or_insert_with(|| Snapshot {
            definition: definition.clone(),
            batches: None,
            tried_ms: now,
            read_ms: 0,
            error: None,
        });
        snapshot.definition = definition.clone();
        snapshot.tried_ms = now;
        match read {
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
