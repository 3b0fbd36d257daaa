//! Tables as a screen shows them: what others must not see is taken out before any SQL sees it.
//!
//! Invariants: what is hidden can't be found out by asking for it, because conditions see it hidden too; traits and
//! audiences mean what they mean without a screen, and only what they give is hidden; a hidden number is null.

use std::{
    collections::BTreeMap,
    hash::{Hash, Hasher},
    sync::{Arc, OnceLock, Weak},
};

use arrow::{
    array::{Array, ArrayRef, AsArray, BooleanArray, StringArray},
    compute::{cast, nullif},
    datatypes::{DataType, SchemaRef},
};
use datafusion::{
    catalog::TableProvider,
    common::{Column, Result as DataFusionResult, TableReference},
    datasource::{ViewTable, provider_as_source},
    execution::SessionStateBuilder,
    logical_expr::{
        ColumnarValue, Expr, LogicalPlanBuilder, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
        Volatility,
    },
};

use tailrace_model::Result;
use tokio::sync::OnceCell;

use super::{
    AUDIENCES, Core, Session, Stored, TRAITS, View, catalog,
    rows::{Cells, readable},
};

/// What is hidden of the cells of tables; tables are named as SQL names them (`events`, `crm.accounts`, `traits.plan`).
pub trait Screen: std::fmt::Debug + Send + Sync {
    /// Whether anything in a column may be hidden.
    fn covers(&self, table: &str, column: &str, data_type: &DataType) -> bool;

    /// A cell as it is shown; `None`: as nothing.
    fn cell(&self, table: &str, column: &str, text: &str) -> Option<String>;
}

/// The name that a table has within its view.
const OPEN: &str = "open";

/// The table as the screen shows it.
pub(super) fn behind(
    provider: Arc<dyn TableProvider>,
    table: &str,
    screen: &Arc<dyn Screen>,
) -> DataFusionResult<Arc<dyn TableProvider>> {
    let schema: SchemaRef = provider.schema();
    let covered = |name: &str, data_type: &DataType| screen.covers(table, name, data_type);
    if !schema
        .fields()
        .iter()
        .any(|field| covered(field.name(), field.data_type()))
    {
        return Ok(provider);
    }
    let columns = schema.fields().iter().map(|field| {
        let column = Expr::Column(Column::new(Some(TableReference::bare(OPEN)), field.name()));
        match covered(field.name(), field.data_type()) {
            false => column.alias(field.name()),
            true => ScalarUDF::new_from_impl(Shown {
                table: table.to_owned(),
                column: field.name().clone(),
                screen: Arc::clone(screen),
                signature: Signature::any(1, Volatility::Immutable),
            })
            .call(vec![column])
            .alias(field.name()),
        }
    });
    let columns: Vec<Expr> = columns.collect();
    let plan = LogicalPlanBuilder::scan(OPEN, provider_as_source(provider), None)?
        .project(columns)?
        .build()?;
    Ok(Arc::new(ViewTable::new(plan, None)))
}

/// The table of a trait or audience as the screen shows it.
pub(super) fn view_behind(
    table: Arc<dyn TableProvider>,
    view: &View,
    screen: &Arc<dyn Screen>,
) -> DataFusionResult<Arc<dyn TableProvider>> {
    let name = match view {
        View::Trait(name) => format!("{TRAITS}.{name}"),
        View::Audience(name) => format!("{AUDIENCES}.{name}"),
    };
    behind(table, &name, screen)
}

impl Session {
    /// With profiles named as a screen shows them; everything else is as it is.
    pub fn named_behind(mut self, screen: Arc<dyn Screen>) -> Self {
        self.names = Some(screen);
        self
    }

    /// The same tables as a screen shows them. Traits and audiences are evaluated over what is not hidden.
    pub fn behind(&self, screen: Arc<dyn Screen>) -> Result<Self> {
        let open = &self.core;
        let shown = |table: &Arc<dyn TableProvider>, name: &str| {
            behind(Arc::clone(table), name, &screen).map_err(|error| open.translate(&error))
        };
        let mut main = BTreeMap::new();
        for (name, table) in &open.main {
            main.insert(name.clone(), shown(table, name)?);
        }
        let mut warehouses: BTreeMap<String, BTreeMap<String, Stored>> = BTreeMap::new();
        for (warehouse, tables) in &open.warehouses {
            for (table, stored) in tables {
                let stored = Stored {
                    provider: shown(&stored.provider, &format!("{warehouse}.{table}"))?,
                    key: stored.key.clone(),
                    identifier: stored.identifier.clone(),
                };
                let of = warehouses.entry(warehouse.clone()).or_default();
                of.insert(table.clone(), stored);
            }
        }
        let core = Arc::new_cyclic(|core| Core {
            state: SessionStateBuilder::new_from_existing(open.state.clone())
                .with_catalog_list(Arc::new(catalog::Catalogs(Weak::clone(core), Arc::default())))
                .build(),
            main,
            warehouses,
            views: open
                .views
                .keys()
                .map(|view| (view.clone(), OnceCell::new()))
                .collect(),
            traits: open.traits.clone(),
            audiences: open.audiences.clone(),
            cycles: open.cycles.clone(),
            profiles: open.profiles.clone(),
            behind: Some((Arc::clone(open), Arc::clone(&screen))),
            unordered: OnceLock::new(),
        });
        Ok(Self {
            core,
            topics: self.topics.clone(),
            names: Some(screen),
        })
    }
}

/// A column's cells as they are shown.
#[derive(Debug)]
struct Shown {
    table: String,
    column: String,
    screen: Arc<dyn Screen>,
    signature: Signature,
}

impl PartialEq for Shown {
    fn eq(&self, other: &Self) -> bool {
        (&self.table, &self.column) == (&other.table, &other.column)
            && Arc::ptr_eq(&self.screen, &other.screen)
    }
}

impl Eq for Shown {}

impl Hash for Shown {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.table, &self.column).hash(state);
    }
}

impl ScalarUDFImpl for Shown {
    fn name(&self) -> &str {
        "shown"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, of: &[DataType]) -> DataFusionResult<DataType> {
        Ok(of.first().cloned().unwrap_or(DataType::Null))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let Some(column) = args.args.first() else {
            return Ok(ColumnarValue::Scalar(datafusion::common::ScalarValue::Null));
        };
        let column = column.to_array(args.number_rows)?;
        Ok(ColumnarValue::Array(self.shown(&column)?))
    }
}

impl Shown {
    fn shown(&self, column: &ArrayRef) -> DataFusionResult<ArrayRef> {
        let cell = |text: &str| self.screen.cell(&self.table, &self.column, text);
        if is_text(column.data_type()) {
            let texts = cast(column, &DataType::Utf8)?;
            let texts = texts.as_string::<i32>().iter();
            let shown: StringArray = texts.map(|text| text.and_then(cell)).collect();
            return Ok(cast(&shown, column.data_type())?);
        }
        let written = readable(column);
        let cells = Cells::new(&written);
        // A number has no place for what stands for it.
        let hidden: BooleanArray = (0..column.len())
            .map(|row| match column.is_null(row) {
                true => Some(false),
                false => cells
                    .text(row)
                    .map(|text| cell(&text).as_deref() != Some(text.as_str())),
            })
            .collect();
        Ok(nullif(column, &hidden)?)
    }
}

/// Whether cells of this type are texts.
pub fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{
        rows_of,
        testing::{T, sample},
    };

    /// Hides categories, and every number of three digits.
    #[derive(Debug)]
    struct Categories;

    impl Screen for Categories {
        fn covers(&self, _: &str, column: &str, data_type: &DataType) -> bool {
            is_text(data_type) && column != "event" || column == "revenue"
        }

        fn cell(&self, _: &str, column: &str, text: &str) -> Option<String> {
            match (column, text.len()) {
                ("category", _) => Some("•••".to_owned()),
                ("revenue", 3) => None,
                _ => Some(text.to_owned()),
            }
        }
    }

    async fn answer(session: &Session, sql: &str) -> Vec<Vec<Option<String>>> {
        let mut query = session.query(sql, T).await.unwrap();
        let mut rows = Vec::new();
        while let Some(batch) = query.next().await.unwrap() {
            rows.extend(rows_of(&batch));
        }
        rows
    }

    #[tokio::test]
    async fn no_sql_gets_behind_the_screen() {
        let open = sample().session();
        let shown = open.behind(Arc::new(Categories)).unwrap();
        let one = |text: &str| vec![vec![Some(text.to_owned())]];
        let all = "SELECT count(*) FROM events WHERE category IS NOT NULL";
        let count = answer(&open, all).await;
        assert_eq!(answer(&shown, all).await, count);
        for sql in [
            "SELECT DISTINCT category FROM events WHERE category IS NOT NULL",
            "SELECT DISTINCT e.category AS other FROM (SELECT * FROM events) AS e WHERE e.category IS NOT NULL",
            "SELECT max(lower(category)) FROM events",
        ] {
            assert_eq!(answer(&shown, sql).await, one("•••"), "{sql}");
            assert_ne!(answer(&open, sql).await, one("•••"), "{sql}");
        }
        let asked = "SELECT count(*) FROM events WHERE category = 'bags'";
        assert_ne!(answer(&open, asked).await, one("0"));
        assert_eq!(
            answer(&shown, asked).await,
            one("0"),
            "it is not found out by asking"
        );
        // A number that is hidden is null, and others are as they are.
        let numbers = "SELECT min(revenue), count(revenue) FROM events WHERE revenue >= 100";
        assert_eq!(answer(&shown, numbers).await[0][1], Some("0".to_owned()));
        let small = "SELECT sum(revenue) FROM events WHERE revenue < 100";
        assert_eq!(answer(&shown, small).await, answer(&open, small).await);
        // What an audience means does not change with what is shown.
        for table in ["audiences", "traits"] {
            let catalog = open.catalog().await;
            for table in catalog.tables.iter().filter(|it| it.name.starts_with(table)) {
                let sql = format!("SELECT count(*) FROM {}", table.name);
                assert_eq!(answer(&shown, &sql).await, answer(&open, &sql).await, "{sql}");
            }
        }
    }
}
