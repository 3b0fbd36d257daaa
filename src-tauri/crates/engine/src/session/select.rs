//! Columns over records, for a tail: `value.order_id, value.revenue * 100 AS cents`.
//!
//! Invariant: it works on each record alone; every column keeps its name and type however the records are cut into batches.

use std::{collections::BTreeSet, sync::Arc};

use arrow::{
    array::{RecordBatch, RecordBatchOptions},
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use chrono::DateTime;
use datafusion::{
    common::{DFSchema, tree_node::TreeNode},
    execution::SessionState,
    logical_expr::Expr,
    physical_expr::PhysicalExpr,
    sql::{
        parser::DFParserBuilder,
        sqlparser::{
            ast::{Expr as SqlExpr, ExprWithAlias, Ident, SelectItem},
            tokenizer::Token,
        },
    },
};
use tailrace_model::{Error, Result};

use super::{
    base::SQL_DEPTH_MAX,
    errors::{of_text, translate},
    filter::{explain, logical, without_word},
    paths::{Places, RecordPath, Stand, last_name, state},
    topics::Named,
};

/// Columns as they were typed. They are compiled for one schema.
pub struct RecordSelect {
    columns: Vec<(String, SqlExpr)>,
    paths: BTreeSet<RecordPath>,
    now_ms: i64,
}

/// Columns for records of one schema.
pub struct SelectedColumns {
    exprs: Vec<Arc<dyn PhysicalExpr>>,
    schema: SchemaRef,
}

impl RecordSelect {
    /// Reads columns with commas between, with or without `select` before them. `now()` is `now_ms`. Lines and columns of
    /// errors are those of `text`.
    pub fn parse(text: &str, now_ms: i64) -> Result<Self> {
        let text = without_word(text, "select");
        if text.trim().is_empty() {
            return Err(Error::user(
                "sql_empty",
                "there is no column: write those to show, such as _key, value.revenue * 100 AS cents",
            ));
        }
        let mut columns = items(&text)?;
        let mut paths = BTreeSet::new();
        for (_, expr) in &mut columns {
            paths.extend(Places::find(expr));
        }
        let select = Self {
            columns,
            paths,
            now_ms,
        };
        let whole = select.paths.iter().any(|path| path.as_slice() == ["value"]);
        let fields = select
            .paths
            .iter()
            .find(|path| path.len() > 1 && path[0] == "value");
        if let (true, Some(field)) = (whole, fields) {
            return Err(Error::user(
                "select_value",
                format!(
                    "value is text where it is selected whole, so {} can't be selected beside it: leave one of them out",
                    field.join(".")
                ),
            ));
        }
        Ok(select)
    }

    /// Every place that the columns read.
    pub fn paths(&self) -> &BTreeSet<RecordPath> {
        &self.paths
    }

    /// What the columns do with the fields of the value.
    pub fn named(&self) -> Named {
        let mut named = Named::default();
        for (_, expr) in &self.columns {
            named.add(Named::of_expr(expr));
        }
        named
    }

    /// For records of a schema. A place that it lacks is null.
    pub fn columns(&self, schema: &SchemaRef) -> Result<SelectedColumns> {
        let mut state = state()?;
        state.execution_props_mut().query_execution_start_time = DateTime::from_timestamp_millis(self.now_ms);
        let table = DFSchema::try_from(Arc::clone(schema)).map_err(|error| translate(&error, &[]))?;
        let (mut exprs, mut fields) = (Vec::new(), Vec::new());
        for (name, expr) in &self.columns {
            let compiled = compile(&state, name, expr, &table)?;
            let data_type = compiled
                .data_type(table.as_arrow())
                .map_err(|error| explain(&error))?;
            // A column that is null everywhere is text, which every format can hold.
            let data_type = match data_type {
                DataType::Null => DataType::Utf8,
                other => other,
            };
            fields.push(Field::new(name, data_type, true));
            exprs.push(compiled);
        }
        Ok(SelectedColumns {
            exprs,
            schema: Arc::new(Schema::new(fields)),
        })
    }
}

impl SelectedColumns {
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// The columns of these records, row by row.
    pub fn evaluate(&self, records: &RecordBatch) -> Result<RecordBatch> {
        let rows = records.num_rows();
        let column = |(expr, field): (&Arc<dyn PhysicalExpr>, &Arc<Field>)| {
            let column = expr.evaluate(records)?.into_array(rows)?;
            Ok(match column.data_type() == field.data_type() {
                true => column,
                false => arrow::compute::cast(&column, field.data_type())?,
            })
        };
        let columns = std::iter::zip(&self.exprs, self.schema.fields()).map(column);
        let columns = columns.collect::<std::result::Result<Vec<_>, datafusion::error::DataFusionError>>();
        let columns = columns.map_err(|error| translate(&error, &[]))?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(self.schema(), columns, &options)
            .map_err(|error| Error::internal("arrow", format!("selected columns: {error}")))
    }
}

/// Each column's name and what it is.
fn items(text: &str) -> Result<Vec<(String, SqlExpr)>> {
    let parser = DFParserBuilder::new(text)
        .with_recursion_limit(SQL_DEPTH_MAX)
        .build();
    let mut parser = parser.map_err(|error| of_text(&error, text))?;
    let items = parser
        .parser
        .parse_projection()
        .map_err(|error| of_text(&error.into(), text))?;
    let next = parser.parser.peek_token();
    if next.token != Token::EOF {
        let (line, column) = (next.span.start.line, next.span.start.column);
        let message = format!(
            "line {line}, column {column}: \"{}\" can't stand here: write columns alone, with commas between; --where and --count say which records",
            next.token
        );
        return Err(Error::user("sql_syntax", message));
    }
    let mut columns: Vec<(String, SqlExpr)> = Vec::new();
    for item in items {
        let (name, expr) = match item {
            SelectItem::UnnamedExpr(expr) => {
                let name = last_name(&expr).map_or_else(|| expr.to_string(), |Ident { value, .. }| value);
                (name, expr)
            }
            SelectItem::ExprWithAlias { expr, alias } => (alias.value, expr),
            _ => {
                return Err(Error::user(
                    "select_all",
                    "* can't be selected, because records differ in their fields: name the columns, such as _key, value.total",
                ));
            }
        };
        if columns.iter().any(|(other, _)| *other == name) {
            let message = format!("two columns are named \"{name}\": give one another name with AS");
            return Err(Error::user("duplicate_column", message));
        }
        columns.push((name, expr));
    }
    Ok(columns)
}

/// As what stands in for a missing place, the first type that the SQL around it takes.
fn compile(
    state: &SessionState,
    name: &str,
    expr: &SqlExpr,
    table: &DFSchema,
) -> Result<Arc<dyn PhysicalExpr>> {
    let mut first = None;
    for stand in Stand::ALL {
        let mut fitted = expr.clone();
        let missing = Places::fit(&mut fitted, table.as_arrow(), stand);
        let ast = ExprWithAlias {
            expr: fitted,
            alias: None,
        };
        let compiled = logical(state, ast, table).and_then(|expr| {
            of_one_record(name, &expr)?;
            state
                .create_physical_expr(expr, table)
                .map_err(|error| explain(&error))
        });
        match compiled {
            Ok(compiled) => return Ok(compiled),
            Err(error) => {
                let error = first.get_or_insert(error);
                if missing.is_empty() || error.code == "select_one" {
                    return Err(error.clone());
                }
            }
        }
    }
    Err(first.unwrap_or_else(|| Error::internal("select", "a column was not compiled")))
}

/// Says what can't be known of one record.
fn of_one_record(name: &str, expr: &Expr) -> Result<()> {
    let of_many = expr.exists(|expr| {
        Ok(matches!(
            expr,
            Expr::AggregateFunction(_)
                | Expr::WindowFunction(_)
                | Expr::ScalarSubquery(_)
                | Expr::InSubquery(_)
                | Expr::Exists(_)
                | Expr::Unnest(_)
        ))
    });
    match of_many.unwrap_or(false) {
        false => Ok(()),
        true => Err(Error::user(
            "select_one",
            format!(
                "the column {name} needs more than one record: a tail shows each record by itself. Ask SQL over the topic as a table instead"
            ),
        )),
    }
}
