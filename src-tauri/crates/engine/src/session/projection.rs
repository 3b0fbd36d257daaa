//! A source's SQL: `SELECT ... FROM records WHERE ...`, one batch of records in, one batch of events out.
//!
//! Invariant: it works on each record alone, so it gives the same events however the records are cut into batches.

use std::{collections::BTreeSet, sync::Arc};

use arrow::{
    array::{AsArray, RecordBatch, RecordBatchOptions},
    compute::filter_record_batch,
    datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit},
};
use chrono::DateTime;
use datafusion::{
    catalog::{
        CatalogProvider, CatalogProviderList, MemTable, MemoryCatalogProvider, MemoryCatalogProviderList,
        MemorySchemaProvider, SchemaProvider,
    },
    common::DFSchemaRef,
    error::DataFusionError,
    execution::SessionState,
    logical_expr::{Expr, LogicalPlan, Volatility},
    physical_expr::PhysicalExpr,
    sql::{
        parser::Statement,
        sqlparser::ast::{SelectItem, SetExpr, Statement as SqlStatement, TableFactor, TableWithJoins},
    },
};
use futures::FutureExt;
use tailrace_model::{Error, Result};

use super::{
    base::{self, CATALOG, MAIN},
    errors::translate,
    filter::known,
    paths::{Places, RecordPath, Stand, dotted, last_name},
    statement,
};

/// The table that a source's SQL reads.
const RECORDS: &str = "records";

/// A source's SQL. It is compiled for the schema of a batch, and again when that changes.
pub struct RecordProjection {
    ast: Statement,
    paths: BTreeSet<RecordPath>,
    compiled: Option<Compiled>,
}

struct Compiled {
    input: SchemaRef,
    stages: Vec<Stage>,
    missing: Vec<String>,
}

pub(super) enum Stage {
    Columns(Vec<usize>),
    Filter(Arc<dyn PhysicalExpr>),
    Project(Vec<Arc<dyn PhysicalExpr>>, SchemaRef),
    Nothing(SchemaRef),
}

impl RecordProjection {
    /// Reads the SQL and refuses what is not a projection or a filter.
    pub fn parse(sql: &str) -> Result<Self> {
        let mut ast = statement::parse(sql)?;
        if !statement::is_query(&ast) {
            return Err(refused("this statement"));
        }
        let Statement::Statement(inner) = &mut ast else {
            return Err(refused("this statement"));
        };
        let paths = Places::find(inner.as_mut());
        let projection = Self {
            ast,
            paths,
            compiled: None,
        };
        // Finds what is wrong with the text before the first record arrives.
        compile(&projection.ast, &empty())?;
        Ok(projection)
    }

    /// The places that it reads: all that has to be decoded for it.
    pub fn paths(&self) -> &BTreeSet<RecordPath> {
        &self.paths
    }

    /// Places that the last batch did not have; they were null.
    pub fn missing(&self) -> &[String] {
        self.compiled.as_ref().map_or(&[], |compiled| &compiled.missing)
    }

    /// The events of a batch of records; records that `WHERE` leaves out are gone. `_partition`, `_offset` and
    /// `_timestamp` are in the result whether or not they were selected: they say which record an event came from.
    pub fn evaluate(&mut self, records: &RecordBatch) -> Result<RecordBatch> {
        let schema = records.schema();
        let same = self
            .compiled
            .as_ref()
            .is_some_and(|compiled| compiled.input.fields() == schema.fields());
        if !same {
            self.compiled = Some(compile(&self.ast, &schema)?);
        }
        let Some(compiled) = &self.compiled else {
            return Err(Error::internal("projection", "the SQL was not compiled"));
        };
        let mut batch = records.clone();
        let mut origin = columns_of(records, &ORIGIN).map_err(|error| translate(&error, &[]))?;
        for stage in &compiled.stages {
            (batch, origin) = run(stage, batch, origin).map_err(|error| translate(&error, &[]))?;
        }
        with_origin(&batch, &origin).map_err(|error| translate(&error, &[]))
    }
}

/// What each column of a source's SQL reads of a record. `None`: it is no plain SELECT of named columns.
pub fn columns_read(sql: &str) -> Option<Vec<(String, BTreeSet<RecordPath>)>> {
    let Ok(Statement::Statement(statement)) = statement::parse(sql) else {
        return None;
    };
    let SqlStatement::Query(query) = *statement else {
        return None;
    };
    let (None, SetExpr::Select(select)) = (query.with, *query.body) else {
        return None;
    };
    let plain =
        |from: &TableWithJoins| from.joins.is_empty() && matches!(from.relation, TableFactor::Table { .. });
    if !select.from.iter().all(plain) {
        return None;
    }
    let column = |item: SelectItem| {
        let (name, mut expr) = match item {
            SelectItem::UnnamedExpr(expr) => {
                let name = last_name(&expr).map_or_else(|| expr.to_string(), |name| name.value);
                (name, expr)
            }
            SelectItem::ExprWithAlias { expr, alias } => (alias.value, expr),
            _ => return None,
        };
        Some((name, Places::find(&mut expr)))
    };
    select.projection.into_iter().map(column).collect()
}

/// Where a record came from.
const ORIGIN: [&str; 3] = ["_partition", "_offset", "_timestamp"];

fn columns_of(batch: &RecordBatch, names: &[&str]) -> Result<RecordBatch, DataFusionError> {
    let columns: Vec<usize> = names
        .iter()
        .filter_map(|name| batch.schema_ref().index_of(name).ok())
        .collect();
    Ok(batch.project(&columns)?)
}

/// The columns of `origin` that the batch does not have yet, added.
fn with_origin(batch: &RecordBatch, origin: &RecordBatch) -> Result<RecordBatch, DataFusionError> {
    let schema = batch.schema();
    let mut fields = schema.fields().to_vec();
    let mut columns = batch.columns().to_vec();
    for (field, column) in std::iter::zip(origin.schema_ref().fields(), origin.columns()) {
        if schema.field_with_name(field.name()).is_err() {
            fields.push(Arc::clone(field));
            columns.push(Arc::clone(column));
        }
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(
        Arc::new(Schema::new(fields)),
        columns,
        &options,
    )?)
}

/// A batch's columns before any record was seen.
fn empty() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("_partition", DataType::Int32, false),
        Field::new("_offset", DataType::Int64, false),
        Field::new(
            "_timestamp",
            DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
            true,
        ),
        Field::new("_key", DataType::Utf8, true),
        Field::new("value", DataType::Null, true),
    ]))
}

/// Runs one stage; `origin` keeps the rows that the batch keeps.
pub(super) fn run(
    stage: &Stage,
    batch: RecordBatch,
    origin: RecordBatch,
) -> Result<(RecordBatch, RecordBatch), DataFusionError> {
    match stage {
        Stage::Columns(columns) => Ok((batch.project(columns)?, origin)),
        Stage::Filter(predicate) => {
            let holds = predicate.evaluate(&batch)?.into_array(batch.num_rows())?;
            match holds.as_boolean_opt() {
                Some(holds) => {
                    let holds = known(holds);
                    Ok((
                        filter_record_batch(&batch, &holds)?,
                        filter_record_batch(&origin, &holds)?,
                    ))
                }
                None => Ok((batch.slice(0, 0), origin.slice(0, 0))),
            }
        }
        Stage::Project(exprs, schema) => {
            let rows = batch.num_rows();
            let columns = exprs.iter().map(|expr| expr.evaluate(&batch)?.into_array(rows));
            let columns = columns.collect::<Result<Vec<_>, _>>()?;
            let options = RecordBatchOptions::new().with_row_count(Some(rows));
            Ok((
                RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?,
                origin,
            ))
        }
        Stage::Nothing(schema) => Ok((RecordBatch::new_empty(Arc::clone(schema)), origin.slice(0, 0))),
    }
}

fn compile(ast: &Statement, schema: &SchemaRef) -> Result<Compiled> {
    let state = state(RECORDS, schema)?;
    let mut first = None;
    for stand in Stand::ALL {
        let mut fitted = ast.clone();
        let Statement::Statement(inner) = &mut fitted else {
            return Err(refused("this statement"));
        };
        let missing = Places::fit(inner.as_mut(), schema, stand);
        match stages(&state, fitted) {
            Ok(stages) => {
                let missing = missing.iter().map(|path| dotted(path)).collect();
                return Ok(Compiled {
                    input: Arc::clone(schema),
                    stages,
                    missing,
                });
            }
            Err(error) => {
                let error = first.get_or_insert(error);
                if missing.is_empty() || error.code == "source_sql" {
                    return Err(error.clone());
                }
            }
        }
    }
    Err(first.unwrap_or_else(|| Error::internal("projection", "the SQL was not compiled")))
}

/// A planner whose only table is `records`, or `events`. Its `now()` is not set: a record's event may not depend on when it is read.
pub(super) fn state(name: &'static str, schema: &SchemaRef) -> Result<SessionState> {
    let internal = |error: DataFusionError| translate(&error, &[]);
    let table = MemTable::try_new(Arc::clone(schema), vec![vec![]]).map_err(internal)?;
    let tables = MemorySchemaProvider::new();
    tables
        .register_table(name.to_owned(), Arc::new(table))
        .map_err(internal)?;
    let catalog = MemoryCatalogProvider::new();
    catalog
        .register_schema(MAIN, Arc::new(tables))
        .map_err(internal)?;
    let catalogs = MemoryCatalogProviderList::new();
    catalogs.register_catalog(CATALOG.to_owned(), Arc::new(catalog));
    let mut state = base::state(base::runtime()?, "UTC", Arc::new(catalogs));
    state.execution_props_mut().query_execution_start_time = DateTime::from_timestamp_millis(0);
    Ok(state)
}

pub(super) fn stages(state: &SessionState, ast: Statement) -> Result<Vec<Stage>> {
    let tables = state.catalog_list().catalog(CATALOG);
    let tables = tables.and_then(|catalog| catalog.schema(MAIN));
    let tables = tables.map_or_else(Vec::new, |schema| schema.table_names());
    let explain = |error: DataFusionError| translate(&error, &tables);
    // The only table is in memory: planning never waits.
    let planned = statement::plan(state, ast).now_or_never();
    let plan = planned
        .ok_or_else(|| Error::internal("projection", "planning waited for something"))?
        .map_err(explain)?;
    allowed(&plan)?;
    let plan = state.optimize(&plan).map_err(explain)?;
    let mut stages = Vec::new();
    build(state, &plan, &mut stages)?;
    Ok(stages)
}

pub(super) fn refused(what: &str) -> Error {
    Error::user(
        "source_sql",
        format!(
            "a source's SQL works on one record at a time, so {what} can't be in it: write SELECT columns FROM records (its transformation: FROM events), with WHERE if some are to be left out"
        ),
    )
}

/// Says in the person's words what a record alone can't give.
fn allowed(plan: &LogicalPlan) -> Result<()> {
    let what = match plan {
        LogicalPlan::Aggregate(_) => "GROUP BY or an aggregate",
        LogicalPlan::Distinct(_) => "DISTINCT",
        LogicalPlan::Sort(_) => "ORDER BY",
        LogicalPlan::Limit(_) => "LIMIT",
        LogicalPlan::Join(_) => "a join",
        LogicalPlan::Union(_) => "UNION",
        LogicalPlan::Window(_) => "a window function",
        LogicalPlan::Unnest(_) => "UNNEST",
        LogicalPlan::Values(_) => "VALUES",
        LogicalPlan::EmptyRelation(_) => "a SELECT without FROM records",
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::TableScan(_) => {
            for expr in plan.expressions() {
                expression_allowed(&expr)?;
            }
            return plan.inputs().into_iter().try_for_each(allowed);
        }
        _ => "this",
    };
    Err(refused(what))
}

fn expression_allowed(expr: &Expr) -> Result<()> {
    use datafusion::common::tree_node::TreeNode;
    let has = |test: fn(&Expr) -> bool| expr.exists(|expr| Ok(test(expr))).unwrap_or(false);
    let is_subquery = |expr: &Expr| {
        matches!(
            expr,
            Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_)
        )
    };
    if has(is_subquery) {
        return Err(refused("a subquery"));
    }
    if has(|expr| matches!(expr, Expr::ScalarFunction(call) if call.name() == "now")) {
        return Err(refused(
            "now(), which would give another event each time the record is read,",
        ));
    }
    let is_random = |expr: &Expr| matches!(expr, Expr::ScalarFunction(call) if call.func.signature().volatility == Volatility::Volatile);
    if has(is_random) {
        return Err(refused(
            "a function of chance, which would give another event each time the record is read,",
        ));
    }
    Ok(())
}

fn build(state: &SessionState, plan: &LogicalPlan, stages: &mut Vec<Stage>) -> Result<()> {
    match plan {
        LogicalPlan::TableScan(scan) => {
            if let Some(columns) = &scan.projection {
                stages.push(Stage::Columns(columns.clone()));
            }
            for filter in &scan.filters {
                stages.push(Stage::Filter(physical(state, filter, &scan.projected_schema)?));
            }
        }
        LogicalPlan::SubqueryAlias(alias) => build(state, &alias.input, stages)?,
        LogicalPlan::Filter(filter) => {
            build(state, &filter.input, stages)?;
            stages.push(Stage::Filter(physical(
                state,
                &filter.predicate,
                filter.input.schema(),
            )?));
        }
        LogicalPlan::Projection(projection) => {
            build(state, &projection.input, stages)?;
            let input = projection.input.schema();
            let exprs = projection.expr.iter().map(|expr| physical(state, expr, input));
            let exprs = exprs.collect::<Result<Vec<_>>>()?;
            let output = Schema::new(
                std::iter::zip(plan.schema().fields(), &exprs)
                    .map(nullable)
                    .collect::<Vec<_>>(),
            );
            stages.push(Stage::Project(exprs, Arc::new(output)));
        }
        LogicalPlan::EmptyRelation(empty) => {
            stages.push(Stage::Nothing(Arc::clone(empty.schema.inner())));
        }
        _ => return Err(refused("this")),
    }
    Ok(())
}

/// Batches differ in what they lack, so every column may be null.
fn nullable((field, _): (&Arc<Field>, &Arc<dyn PhysicalExpr>)) -> Field {
    field.as_ref().clone().with_nullable(true)
}

fn physical(state: &SessionState, expr: &Expr, input: &DFSchemaRef) -> Result<Arc<dyn PhysicalExpr>> {
    state
        .create_physical_expr(expr.clone().unalias(), input)
        .map_err(|error| translate(&error, &[]))
}
