//! The SQL session: an immutable snapshot of everything that SQL may read, and queries over it.
//!
//! Invariants: SQL only reads. Names keep the case in which they are written. `now()` is the time of evaluation that
//! the caller passes. A session is cheap to make and to clone, and never changes: what is collected later is seen by
//! the next session. Dropping a [`Query`] ends its work.

mod base;
mod catalog;
mod errors;
mod export;
mod filter;
mod graph;
mod json;
pub(crate) mod names;
mod paths;
mod projection;
mod query;
mod rows;
mod screen;
mod select;
mod shapes;
mod statement;
mod topics;
mod transform;
#[cfg(test)]
mod transform_tests;
mod transform_text;
mod written;

#[cfg(test)]
mod goldens;
#[cfg(test)]
mod record_tests;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use arrow::{
    array::RecordBatch,
    datatypes::{DataType, SchemaRef},
};
use chrono::DateTime;
use datafusion::{
    catalog::{MemTable, TableProvider},
    datasource::ViewTable,
    execution::{SessionState, SessionStateBuilder},
    logical_expr::{LogicalPlan, LogicalPlanBuilder, col},
    physical_plan::execute_stream,
    sql::parser::Statement,
};
use rustc_hash::FxHashMap;
use tailrace_model::{
    AudienceDefinition, Error, Result, TraitDefinition,
    api::{SqlCatalog, SqlTable},
};
use tokio::sync::OnceCell;

pub use base::{SQL_DEPTH_MAX, SQL_MEMORY_BYTES_MAX, SQL_PARTITIONS_MAX, SQL_SPILL_BYTES_MAX};
pub use catalog::{AUDIENCES, TRAITS};
pub use export::{BatchFile, BatchFormat, Exporter, export};
pub use filter::RecordFilter;
pub use graph::View;
pub(crate) use graph::{audience_reads, cycles, edges, parse_predicate, predicate_names};
pub use names::{columns, quote_name, quote_path};
pub use paths::RecordPath;
pub use projection::{RecordProjection, columns_read};
pub use query::{Counters, Query, QueryWatch};
pub use rows::{ResultSet, cell, rows_of};
pub use screen::{Screen, is_text};
pub use select::{RecordSelect, SelectedColumns};
pub(crate) use shapes::Shapes;
use topics::QueryTopics;
pub use topics::{
    DecodedRows, Named, RANGES_MAX, RawRows, Scan, Stage, TopicPart, TopicRange, TopicRead, TopicReading,
    TopicRows, TopicTable, Topics, Used, Wanted,
};
pub use transform::{EventTransform, Transformed};
pub use transform_text::reads_records;

/// Rows of one batch of an in-memory table.
const MEMORY_BATCH_ROWS: usize = 8_192;

/// Everything that a session reads.
pub struct SessionInputs {
    /// The event log; its times are `Timestamp(Millisecond, UTC)`.
    pub events: Arc<dyn TableProvider>,
    /// One row a profile; `profile_id` is `Int64`, unique and not null.
    pub profiles: Profiles,
    pub tables: Vec<WarehouseSnapshot>,
    pub traits: BTreeMap<String, TraitDefinition>,
    pub audiences: BTreeMap<String, AudienceDefinition>,
    /// IANA name.
    pub time_zone: String,
}

/// The profiles as the event log gives them.
#[derive(Debug, Clone)]
pub struct Profiles {
    pub schema: SchemaRef,
    pub batches: Vec<RecordBatch>,
}

/// A warehouse table as it was last read.
#[derive(Debug, Clone)]
pub struct WarehouseSnapshot {
    pub warehouse: String,
    pub table: String,
    pub schema: SchemaRef,
    pub batches: Vec<RecordBatch>,
    /// The column that holds an identifier of a profile.
    pub key: String,
    /// The kind of that identifier, a column of `profiles`: `user_id`, `email`, ...
    pub identifier: String,
}

pub(crate) struct Stored {
    provider: Arc<dyn TableProvider>,
    pub(crate) key: String,
    pub(crate) identifier: String,
}

/// The snapshot behind every clone of a session.
pub(crate) struct Core {
    state: SessionState,
    pub(crate) main: BTreeMap<String, Arc<dyn TableProvider>>,
    pub(crate) warehouses: BTreeMap<String, BTreeMap<String, Stored>>,
    pub(crate) traits: BTreeMap<String, TraitDefinition>,
    pub(crate) audiences: BTreeMap<String, AudienceDefinition>,
    views: BTreeMap<View, OnceCell<Result<Arc<dyn TableProvider>>>>,
    cycles: BTreeMap<View, Error>,
    profiles: Profiles,
    /// What it shows is this core's, as a screen shows it.
    behind: Option<(Arc<Core>, Arc<dyn Screen>)>,
    /// Where each profile's row is, when the profiles do not lie in the order of their ids: batch and row.
    unordered: OnceLock<Option<FxHashMap<i64, (usize, usize)>>>,
}

/// See the module's text.
#[derive(Clone)]
pub struct Session {
    core: Arc<Core>,
    topics: Option<Arc<dyn Topics>>,
    /// What is hidden of the names of profiles.
    names: Option<Arc<dyn Screen>>,
}

impl Session {
    /// Takes the snapshot. Fails on a time zone that does not exist and on a warehouse whose name SQL uses itself.
    pub fn new(inputs: SessionInputs) -> Result<Self> {
        if inputs.time_zone.parse::<arrow::array::timezone::Tz>().is_err() {
            let message = format!(
                "\"{}\" is not a time zone: write an IANA name such as \"Europe/Berlin\" in tailrace.toml",
                inputs.time_zone
            );
            return Err(Error::user("time_zone", message));
        }
        if inputs.time_zone != "UTC" && has_naive_times(&inputs.events.schema()) {
            // Compared with now(), they would be read as times of that zone.
            return Err(Error::internal(
                "events_time",
                "the events' times do not say that they are in UTC",
            ));
        }
        let edges = edges(&inputs.traits, &inputs.audiences);
        let cycles = cycles(&edges);
        let mut main: BTreeMap<String, Arc<dyn TableProvider>> = BTreeMap::new();
        main.insert("events".to_owned(), inputs.events);
        let Profiles { schema, batches } = &inputs.profiles;
        main.insert("profiles".to_owned(), memory(schema, batches, "profiles")?);
        let warehouses = warehouses(inputs.tables)?;
        let runtime = base::runtime()?;
        let core = Arc::new_cyclic(|core| Core {
            state: base::state(
                runtime,
                &inputs.time_zone,
                Arc::new(catalog::Catalogs(core.clone(), Arc::default())),
            ),
            main,
            warehouses,
            views: edges.into_keys().map(|view| (view, OnceCell::new())).collect(),
            traits: inputs.traits,
            audiences: inputs.audiences,
            cycles,
            profiles: inputs.profiles,
            behind: None,
            unordered: OnceLock::new(),
        });
        Ok(Self {
            core,
            topics: None,
            names: None,
        })
    }

    /// With the topics of clusters as tables, for queries. Definitions (traits, audiences) don't see them: they are over
    /// what was collected.
    pub fn with_topics(mut self, topics: Arc<dyn Topics>) -> Self {
        self.topics = Some(topics);
        self
    }

    pub(crate) fn core(&self) -> &Core {
        &self.core
    }

    /// Starts one reading statement with `now()` at `t_ms`. Errors carry the line and column.
    pub async fn query(&self, sql: &str, t_ms: i64) -> Result<Query> {
        let mut statement = statement::parse(sql)?;
        written::name(&mut statement);
        let (state, reads) = self.state_for(&statement, t_ms).await?;
        let plan = statement::plan(&state, statement)
            .await
            .map_err(|error| self.told_of_clusters(self.core.translate(&error)))?;
        let physical = state
            .create_physical_plan(&plan)
            .await
            .map_err(|error| self.core.translate(&error))?;
        let stream = execute_stream(Arc::clone(&physical), state.task_ctx())
            .map_err(|error| self.core.translate(&error))?;
        Ok(Query::new(Arc::clone(&self.core), physical, stream, reads))
    }

    /// Of a table whose first name leads nowhere, the names that could stand there are told, and no table that is only
    /// written alike.
    fn told_of_clusters(&self, mut error: Error) -> Error {
        let Some((before, name)) = error.message.split_once("there is no table \"") else {
            return error;
        };
        let name = name.split('"').next().unwrap_or_default();
        let (Some((first, _)), Some(topics)) = (name.split_once('.'), &self.topics) else {
            return error;
        };
        let own = [base::MAIN, TRAITS, AUDIENCES, "information_schema"];
        if own.contains(&first) || self.core.warehouses.contains_key(first) || topics.has(first) {
            return error;
        }
        let listed = |what: &str, names: Vec<String>| match names.is_empty() {
            true => format!("there is no {what}"),
            false => format!("{what}s are {}", names.join(", ")),
        };
        error.message = format!(
            "{before}there is no table \"{name}\": \"{first}\" is no cluster and no warehouse; {}, {}",
            listed("cluster", topics.clusters()),
            listed("warehouse", self.core.warehouses.keys().cloned().collect())
        );
        error
    }

    /// The state with the topics that the statement names as tables.
    async fn state_for(&self, statement: &Statement, t_ms: i64) -> Result<(SessionState, Arc<QueryTopics>)> {
        let state = self.core.state_at(t_ms)?;
        let mut reads = QueryTopics::default();
        if let Some(topics) = &self.topics {
            let named = Named::of(statement);
            let tables = state
                .resolve_table_references(statement)
                .map_err(|error| self.core.translate(&error))?;
            for table in tables {
                let (Some(cluster), topic) = (table.schema(), table.table()) else {
                    continue;
                };
                if self.core.is_own(cluster, topic) || !topics.has(cluster) || table.catalog().is_some() {
                    continue;
                }
                reads.open(topics.as_ref(), cluster, topic, &named).await?;
            }
        }
        let reads = Arc::new(reads);
        if reads.is_empty() {
            return Ok((state, reads));
        }
        let catalogs = catalog::Catalogs(Arc::downgrade(&self.core), Arc::clone(&reads));
        let state = SessionStateBuilder::new_from_existing(state)
            .with_catalog_list(Arc::new(catalogs))
            .build();
        // The builder takes the clock over only on some ways.
        let mut state = state;
        state.execution_props_mut().query_execution_start_time = DateTime::from_timestamp_millis(t_ms);
        Ok((state, reads))
    }

    /// Checks a statement without running it: its columns.
    pub async fn check(&self, sql: &str) -> Result<SchemaRef> {
        let statement = statement::parse(sql)?;
        let plan = self.core.plan(statement).await?;
        // The analyzer finds what planning alone does not: types that do not fit.
        self.core
            .state
            .optimize(&plan)
            .map_err(|error| self.core.translate(&error))?;
        Ok(Arc::clone(plan.schema().inner()))
    }

    /// Tables and columns for completion; a trait or audience that can't be planned has no columns.
    pub async fn catalog(&self) -> SqlCatalog {
        let mut tables = Vec::new();
        for name in self.core.table_names() {
            let columns = match self.core.schema_of(&name).await {
                Ok(schema) => names::columns(&schema),
                Err(_) => Vec::new(),
            };
            tables.push(SqlTable {
                name: name.join("."),
                columns,
                topic: None,
            });
        }
        SqlCatalog { tables }
    }

    /// The columns of a trait's or audience's table, or why it has none.
    pub async fn view_schema(&self, view: &View) -> Result<SchemaRef> {
        self.core.view(view).await.map(|table| table.schema())
    }

    /// The columns of `profiles`.
    pub fn profiles_schema(&self) -> SchemaRef {
        Arc::clone(&self.core.profiles.schema)
    }

    /// How many profiles there are: the universe of every audience.
    pub fn universe(&self) -> u64 {
        self.core
            .profiles
            .batches
            .iter()
            .map(|batch| batch.num_rows() as u64)
            .sum()
    }

    /// How many events every answer is over; `None`: not known.
    pub fn events(&self) -> Option<u64> {
        let statistics = self.core.main.get("events")?.statistics()?;
        statistics.num_rows.get_value().map(|rows| *rows as u64)
    }

    /// What to call a profile: its user id, else its email, else an anonymous id, else its number.
    pub fn profile_name(&self, profile_id: i64) -> String {
        self.core
            .profile_name(profile_id, self.names.as_deref())
            .unwrap_or_else(|| format!("profile {profile_id}"))
    }

    pub fn has_profile(&self, profile_id: i64) -> bool {
        self.core.locate(profile_id).is_some()
    }

    /// The row of one profile, for what `identify` taught of it.
    pub fn profile(&self, profile_id: i64) -> Option<RecordBatch> {
        let (batch, row) = self.core.locate(profile_id)?;
        self.core
            .profiles
            .batches
            .get(batch)
            .map(|batch| batch.slice(row, 1))
    }
}

impl Core {
    fn translate(&self, error: &datafusion::error::DataFusionError) -> Error {
        let names: Vec<String> = self
            .table_names()
            .into_iter()
            .map(|name| name.join("."))
            .collect();
        errors::translate(error, &names)
    }

    fn table_names(&self) -> Vec<Vec<String>> {
        let main = self.main.keys().map(|table| vec![table.clone()]);
        let views = self.views.keys().map(|view| match view {
            View::Trait(name) => vec![TRAITS.to_owned(), name.clone()],
            View::Audience(name) => vec![AUDIENCES.to_owned(), name.clone()],
        });
        let stored = self.warehouses.iter().flat_map(|(warehouse, tables)| {
            tables
                .keys()
                .map(move |table| vec![warehouse.clone(), table.clone()])
        });
        main.chain(views).chain(stored).collect()
    }

    async fn schema_of(&self, name: &[String]) -> Result<SchemaRef> {
        let view = match name {
            [table] => {
                return self
                    .main
                    .get(table)
                    .map(|table| table.schema())
                    .ok_or_else(|| unknown(table));
            }
            [schema, table] if schema == TRAITS => View::Trait(table.clone()),
            [schema, table] if schema == AUDIENCES => View::Audience(table.clone()),
            [schema, table] => {
                let stored = self.warehouses.get(schema).and_then(|tables| tables.get(table));
                return stored
                    .map(|stored| stored.provider.schema())
                    .ok_or_else(|| unknown(table));
            }
            _ => return Err(unknown(&name.join("."))),
        };
        self.view(&view).await.map(|table| table.schema())
    }

    /// Whether this is a table of ours: then no topic is meant.
    fn is_own(&self, schema: &str, table: &str) -> bool {
        [base::MAIN, TRAITS, AUDIENCES, "information_schema"].contains(&schema)
            || self
                .warehouses
                .get(schema)
                .is_some_and(|tables| tables.contains_key(table))
    }

    /// The state with its clock at `t_ms`.
    fn state_at(&self, t_ms: i64) -> Result<SessionState> {
        let Some(t) = DateTime::from_timestamp_millis(t_ms) else {
            return Err(Error::user(
                "time",
                format!("{t_ms} ms is not a time that can be written as a date"),
            ));
        };
        let mut state = self.state.clone();
        state.execution_props_mut().query_execution_start_time = Some(t);
        Ok(state)
    }

    async fn plan(&self, statement: datafusion::sql::parser::Statement) -> Result<LogicalPlan> {
        statement::plan(&self.state, statement)
            .await
            .map_err(|error| self.translate(&error))
    }

    /// The table of a trait or audience, planned once a session.
    pub(crate) async fn view(&self, view: &View) -> Result<Arc<dyn TableProvider>> {
        if let Some(cycle) = self.cycles.get(view) {
            return Err(cycle.clone());
        }
        let Some(cell) = self.views.get(view) else {
            return Err(unknown(&view.to_string()));
        };
        let planned =
            cell.get_or_init(|| async { self.plan_view(view).await.map_err(|error| error.context(view)) });
        planned.await.clone()
    }

    async fn plan_view(&self, view: &View) -> Result<Arc<dyn TableProvider>> {
        if let Some((open, screen)) = &self.behind {
            let table = Box::pin(open.view(view)).await?;
            return screen::view_behind(table, view, screen).map_err(|error| self.translate(&error));
        }
        let sql = match view {
            View::Trait(name) => {
                let definition = self.traits.get(name).ok_or_else(|| unknown(name))?;
                crate::traits::definition_sql(self, name, definition)?
            }
            View::Audience(name) => {
                let definition = self.audiences.get(name).ok_or_else(|| unknown(name))?;
                // Boxed: an audience may read another one.
                Box::pin(crate::audiences::definition_sql(self, definition)).await?
            }
        };
        let statement = statement::parse(&sql)?;
        if !statement::is_query(&statement) {
            return Err(Error::user("sql_refused", "a definition is one SELECT or WITH"));
        }
        let plan = self.plan(statement).await?;
        let plan = match view {
            View::Trait(_) => crate::traits::check_columns(plan.schema().as_arrow()).map(|()| plan)?,
            View::Audience(_) => {
                crate::audiences::check_columns(plan.schema().as_arrow())?;
                members_of(plan).map_err(|error| self.translate(&error))?
            }
        };
        Ok(Arc::new(ViewTable::new(plan, Some(sql))))
    }

    /// The batch and row of a profile.
    fn locate(&self, profile_id: i64) -> Option<(usize, usize)> {
        let batches = &self.profiles.batches;
        let unordered = self.unordered.get_or_init(|| rows::unordered_profiles(batches));
        if let Some(rows) = unordered {
            return rows.get(&profile_id).copied();
        }
        let batch = batches
            .partition_point(|batch| rows::profile_ids(batch).last().is_some_and(|id| *id < profile_id));
        let row = rows::profile_ids(batches.get(batch)?)
            .binary_search(&profile_id)
            .ok()?;
        Some((batch, row))
    }

    fn profile_name(&self, profile_id: i64, screen: Option<&dyn Screen>) -> Option<String> {
        let (batch, row) = self.locate(profile_id)?;
        let batch = self.profiles.batches.get(batch)?;
        // One that is hidden is no name: the next one may be.
        let column = |name: &str| {
            let text = batch.column_by_name(name).and_then(|column| cell(column, row))?;
            let shown = screen.map_or_else(|| Some(text.clone()), |it| it.cell("profiles", name, &text));
            shown.filter(|shown| *shown == text)
        };
        ["user_id", "email", "anonymous_id"]
            .iter()
            .find_map(|name| column(name))
    }
}

fn has_naive_times(schema: &SchemaRef) -> bool {
    schema
        .fields()
        .iter()
        .any(|field| matches!(field.data_type(), DataType::Timestamp(_, None)))
}

fn unknown(name: &str) -> Error {
    Error::user("unknown_table", format!("there is no table \"{name}\""))
}

/// The first column of an audience's query, each profile once.
fn members_of(plan: LogicalPlan) -> datafusion::common::Result<LogicalPlan> {
    let (qualifier, field) = plan.schema().qualified_field(0);
    let first = datafusion::common::Column::from((qualifier, field));
    let known = col(first.clone()).is_not_null();
    LogicalPlanBuilder::from(plan)
        .project([col(first)])?
        .filter(known)?
        .distinct()?
        .build()
}

fn warehouses(snapshots: Vec<WarehouseSnapshot>) -> Result<BTreeMap<String, BTreeMap<String, Stored>>> {
    let mut warehouses: BTreeMap<String, BTreeMap<String, Stored>> = BTreeMap::new();
    for snapshot in snapshots {
        if [base::MAIN, TRAITS, AUDIENCES, "information_schema"].contains(&snapshot.warehouse.as_str()) {
            let message = format!(
                "a warehouse can't be named \"{}\": SQL uses that name itself",
                snapshot.warehouse
            );
            return Err(Error::user("warehouse_name", message));
        }
        let name = format!("{}.{}", snapshot.warehouse, snapshot.table);
        let provider = memory(&snapshot.schema, &snapshot.batches, &name)?;
        let stored = Stored {
            provider,
            key: snapshot.key,
            identifier: snapshot.identifier,
        };
        warehouses
            .entry(snapshot.warehouse)
            .or_default()
            .insert(snapshot.table, stored);
    }
    Ok(warehouses)
}

/// An in-memory table, in batches small enough to be worked on at once, spread over the partitions.
fn memory(schema: &SchemaRef, batches: &[RecordBatch], name: &str) -> Result<Arc<dyn TableProvider>> {
    let mut partitions = vec![Vec::new(); SQL_PARTITIONS_MAX];
    let mut turn = 0;
    for batch in batches {
        for from in (0..batch.num_rows()).step_by(MEMORY_BATCH_ROWS) {
            let rows = MEMORY_BATCH_ROWS.min(batch.num_rows() - from);
            partitions[turn % SQL_PARTITIONS_MAX].push(batch.slice(from, rows));
            turn += 1;
        }
    }
    let table = MemTable::try_new(Arc::clone(schema), partitions);
    table
        .map(|table| Arc::new(table) as Arc<dyn TableProvider>)
        .map_err(|error| {
            Error::internal(
                "table_schema",
                format!("the rows of \"{name}\" do not have its columns: {error}"),
            )
        })
}
