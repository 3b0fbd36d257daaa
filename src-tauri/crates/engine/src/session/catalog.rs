//! The tables of a session as DataFusion looks them up: `events`, `profiles`, `traits.NAME`, `audiences.NAME` and
//! `WAREHOUSE.TABLE`; for one query also the topics that it names, as `CLUSTER.TOPIC`.
//!
//! Invariant: a trait or audience is planned when something names it, once a session; a broken one fails only the
//! queries that name it.

use std::{
    fmt,
    sync::{Arc, Weak},
};

use async_trait::async_trait;
use datafusion::{
    catalog::{CatalogProvider, CatalogProviderList, SchemaProvider, TableProvider},
    common::Result as DataFusionResult,
    error::DataFusionError,
    logical_expr::TableType,
};

use super::{
    Core,
    base::{CATALOG, MAIN},
    graph::View,
    topics::QueryTopics,
};

/// The schema of traits, and that of audiences.
pub const TRAITS: &str = "traits";
pub const AUDIENCES: &str = "audiences";

/// All three levels are looked up in the session, which outlives every query that plans over it.
#[derive(Clone)]
pub(super) struct Catalogs(pub(super) Weak<Core>, pub(super) Arc<QueryTopics>);

struct Schema {
    core: Weak<Core>,
    topics: Arc<QueryTopics>,
    name: String,
}

impl fmt::Debug for Catalogs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Catalogs")
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Schema({})", self.name)
    }
}

impl CatalogProviderList for Catalogs {
    fn register_catalog(&self, _: String, _: Arc<dyn CatalogProvider>) -> Option<Arc<dyn CatalogProvider>> {
        None
    }

    fn catalog_names(&self) -> Vec<String> {
        vec![CATALOG.to_owned()]
    }

    fn catalog(&self, name: &str) -> Option<Arc<dyn CatalogProvider>> {
        (name == CATALOG).then(|| Arc::new(self.clone()) as Arc<dyn CatalogProvider>)
    }
}

impl CatalogProvider for Catalogs {
    fn schema_names(&self) -> Vec<String> {
        let mut names = vec![MAIN.to_owned(), TRAITS.to_owned(), AUDIENCES.to_owned()];
        if let Some(core) = self.0.upgrade() {
            names.extend(core.warehouses.keys().cloned());
        }
        names
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        let core = self.0.upgrade()?;
        let known = [MAIN, TRAITS, AUDIENCES].contains(&name)
            || core.warehouses.contains_key(name)
            || self.1.has_cluster(name);
        known.then(|| {
            Arc::new(Schema {
                core: Weak::clone(&self.0),
                topics: Arc::clone(&self.1),
                name: name.to_owned(),
            }) as Arc<dyn SchemaProvider>
        })
    }
}

impl Schema {
    /// The view that a name stands for, in the two schemas that hold views.
    fn view(&self, table: &str) -> Option<View> {
        match self.name.as_str() {
            TRAITS => Some(View::Trait(table.to_owned())),
            AUDIENCES => Some(View::Audience(table.to_owned())),
            _ => None,
        }
    }

    fn stored(&self, core: &Core, table: &str) -> Option<Arc<dyn TableProvider>> {
        if self.name == MAIN {
            core.main.get(table).cloned()
        } else {
            let stored = core
                .warehouses
                .get(&self.name)
                .and_then(|tables| tables.get(table));
            match stored {
                Some(stored) => Some(Arc::clone(&stored.provider)),
                None => Some(self.topics.table(&self.name, table)? as Arc<dyn TableProvider>),
            }
        }
    }
}

#[async_trait]
impl SchemaProvider for Schema {
    fn table_names(&self) -> Vec<String> {
        let Some(core) = self.core.upgrade() else {
            return Vec::new();
        };
        match self.name.as_str() {
            MAIN => core.main.keys().cloned().collect(),
            TRAITS => core.traits.keys().cloned().collect(),
            AUDIENCES => core.audiences.keys().cloned().collect(),
            name => {
                let stored = core.warehouses.get(name).into_iter();
                let stored = stored.flat_map(|tables| tables.keys().cloned());
                stored.chain(self.topics.topics(name)).collect()
            }
        }
    }

    async fn table(&self, name: &str) -> DataFusionResult<Option<Arc<dyn TableProvider>>> {
        let Some(core) = self.core.upgrade() else {
            return Ok(None);
        };
        match self.view(name) {
            Some(view) if core.views.contains_key(&view) => core
                .view(&view)
                .await
                .map(Some)
                .map_err(|error| DataFusionError::External(Box::new(error))),
            Some(_) => Ok(None),
            None => Ok(self.stored(&core, name)),
        }
    }

    async fn table_type(&self, name: &str) -> DataFusionResult<Option<TableType>> {
        let Some(core) = self.core.upgrade() else {
            return Ok(None);
        };
        let found = match self.view(name) {
            Some(view) => core.views.contains_key(&view).then_some(TableType::View),
            None => self.stored(&core, name).map(|table| table.table_type()),
        };
        Ok(found)
    }

    fn table_exist(&self, name: &str) -> bool {
        let Some(core) = self.core.upgrade() else {
            return false;
        };
        self.view(name).map_or_else(
            || self.stored(&core, name).is_some(),
            |view| core.views.contains_key(&view),
        )
    }
}
