//! What the text of a condition needs to know of the tables that it names: their columns and types.

use std::collections::{BTreeMap, BTreeSet};

use arrow::datatypes::{DataType, Schema, SchemaRef};
use tailrace_model::{Condition, Result};

use super::{Core, graph::View, names};

/// A snapshot of names and types; see [`Shapes::of`].
#[derive(Debug, Clone)]
pub(crate) struct Shapes {
    pub(crate) events: SchemaRef,
    pub(crate) profiles: SchemaRef,
    /// By warehouse and table.
    pub(crate) tables: BTreeMap<(String, String), TableShape>,
    /// Defined traits, by the name that a condition used: `name` or `name.column`.
    pub(crate) traits: BTreeMap<String, Result<TraitShape>>,
    /// Every defined trait.
    pub(crate) trait_names: BTreeSet<String>,
    pub(crate) audiences: BTreeSet<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct TableShape {
    pub(crate) schema: SchemaRef,
    pub(crate) key: String,
    pub(crate) identifier: String,
}

/// A trait's column in its view.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TraitShape {
    pub(crate) view: String,
    pub(crate) column: String,
    pub(crate) data_type: DataType,
}

impl Shapes {
    /// Looks up everything that the conditions name. A trait that can't be planned keeps its error.
    pub(crate) async fn of(core: &Core, conditions: &[&Condition]) -> Self {
        let mut shapes = Self::without_traits(core);
        let mut names = BTreeSet::new();
        conditions
            .iter()
            .for_each(|condition| trait_names(condition, &mut names));
        for name in names {
            let view = name.split('.').next().unwrap_or_default();
            if core.traits.contains_key(view) {
                let shape = trait_shape(core, &name, view).await;
                shapes.traits.insert(name, shape);
            }
        }
        shapes
    }

    pub(crate) fn without_traits(core: &Core) -> Self {
        let schema = |table: &str| {
            core.main
                .get(table)
                .map_or_else(|| Schema::empty().into(), |table| table.schema())
        };
        let tables = core.warehouses.iter().flat_map(|(warehouse, tables)| {
            tables.iter().map(move |(table, stored)| {
                let shape = TableShape {
                    schema: stored.provider.schema(),
                    key: stored.key.clone(),
                    identifier: stored.identifier.clone(),
                };
                ((warehouse.clone(), table.clone()), shape)
            })
        });
        Self {
            events: schema("events"),
            profiles: schema("profiles"),
            tables: tables.collect(),
            traits: BTreeMap::new(),
            trait_names: core.traits.keys().cloned().collect(),
            audiences: core.audiences.keys().cloned().collect(),
        }
    }

    /// Every table's name, `warehouse.table`.
    pub(crate) fn table_names(&self) -> Vec<String> {
        self.tables
            .keys()
            .map(|(warehouse, table)| format!("{warehouse}.{table}"))
            .collect()
    }
}

fn trait_names(condition: &Condition, names: &mut BTreeSet<String>) {
    match condition {
        Condition::All(children) | Condition::Any(children) => {
            children.iter().for_each(|child| trait_names(child, names));
        }
        Condition::Not(child) => trait_names(child, names),
        Condition::Trait(compared) => drop(names.insert(compared.name.clone())),
        Condition::Performed(_) | Condition::Attribute(_) | Condition::InAudience(_) | Condition::Sql(_) => {}
    }
}

async fn trait_shape(core: &Core, name: &str, view: &str) -> Result<TraitShape> {
    let schema = Box::pin(core.view(&View::Trait(view.to_owned()))).await?.schema();
    let columns: Vec<&str> = schema
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .filter(|column| *column != "profile_id")
        .collect();
    let wanted = name.split_once('.').map_or(view, |(_, column)| column);
    let column = match columns.as_slice() {
        [only] if !name.contains('.') => *only,
        _ if columns.contains(&wanted) => wanted,
        _ => {
            let hint = names::suggestion(wanted, columns.iter().copied());
            let list = columns
                .iter()
                .map(|column| format!("{view}.{column}"))
                .collect::<Vec<_>>()
                .join(", ");
            let message = format!("trait \"{view}\" has no column \"{wanted}\": write one of {list}{hint}");
            return Err(tailrace_model::Error::user("unknown_trait", message));
        }
    };
    let data_type = schema
        .field_with_name(column)
        .map(|field| field.data_type().clone())
        .unwrap_or(DataType::Null);
    Ok(TraitShape {
        view: view.to_owned(),
        column: column.to_owned(),
        data_type,
    })
}
