//! A SQL predicate over records, for a tail: `where value.revenue > 100`.

use std::{collections::BTreeSet, sync::Arc};

use arrow::{
    array::{Array, AsArray, BooleanArray, RecordBatch},
    compute::prep_null_mask_filter,
    datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit},
};
use chrono::DateTime;
use datafusion::{
    common::DFSchema,
    error::DataFusionError,
    execution::SessionState,
    logical_expr::{Expr, simplify::SimplifyContext},
    optimizer::simplify_expressions::ExprSimplifier,
    physical_expr::PhysicalExpr,
    sql::{parser::DFParserBuilder, sqlparser::ast::ExprWithAlias},
};
use tailrace_model::{Error, Result, need::Need};

use super::{
    base::SQL_DEPTH_MAX,
    errors::{of_text, translate},
    json,
    names::type_name,
    paths::{Places, RECORD_COLUMNS, RecordPath, Stand, dotted, state},
    topics::{Named, TopicRange, Used, need, ranges},
};

/// A predicate as it was typed. It is compiled for the schema of a batch, and again when that changes.
pub struct RecordFilter {
    ast: ExprWithAlias,
    paths: BTreeSet<RecordPath>,
    now_ms: i64,
    compiled: Option<Compiled>,
}

struct Compiled {
    schema: SchemaRef,
    expr: Arc<dyn PhysicalExpr>,
    missing: Vec<String>,
}

impl RecordFilter {
    /// Reads `value.revenue > 100`, with or without `where` before it. `now()` is `now_ms`. Lines and columns of errors
    /// are those of `text`.
    pub fn parse(text: &str, now_ms: i64) -> Result<Self> {
        Self::parse_over(text, now_ms, &Arc::new(Schema::empty()))
    }

    /// The same over columns that are known.
    pub fn parse_over(text: &str, now_ms: i64, columns: &SchemaRef) -> Result<Self> {
        let predicate = without_word(text, "where");
        if predicate.trim().is_empty() {
            return Err(Error::user(
                "sql_empty",
                "the filter is empty: write a condition such as value.revenue > 100",
            ));
        }
        let parsed = DFParserBuilder::new(predicate.as_str())
            .with_recursion_limit(SQL_DEPTH_MAX)
            .build()
            .and_then(|mut parser| parser.parse_into_expr());
        let mut ast = parsed.map_err(|error| of_text(&error, &predicate))?;
        json::bind(&mut ast.expr);
        let paths = Places::find(&mut ast.expr);
        let mut filter = Self {
            ast,
            paths,
            now_ms,
            compiled: None,
        };
        // Finds names and functions that do not exist before the first record arrives.
        filter
            .prepare(columns)
            .map_err(|error| known_columns(error, columns))?;
        filter.compiled = None;
        Ok(filter)
    }

    /// The places that the predicate reads: all that has to be decoded for it.
    pub fn paths(&self) -> &BTreeSet<RecordPath> {
        &self.paths
    }

    /// What the predicate does with the fields of the value.
    pub fn named(&self) -> Named {
        Named::of_expr(&self.ast.expr)
    }

    /// What a record must have so that the predicate can hold, whatever the types of its fields turn out to be.
    pub fn need(&self) -> Need {
        // A condition that can't be read with types that are only guessed says nothing.
        self.guessed().map_or(Need::Any, |condition| need(&condition))
    }

    /// The parts of a topic in which the predicate can hold, by what it says of partition, offset and time. None: it
    /// can't hold at all.
    pub fn ranges(&self) -> Vec<TopicRange> {
        self.guessed()
            .map_or_else(|| vec![TopicRange::all()], |condition| ranges(&[condition]))
    }

    /// The predicate over the fields that it names, of the types that it takes them for.
    fn guessed(&self) -> Option<Expr> {
        let named = self.named();
        let value = if named.whole || named.paths.is_empty() {
            DataType::Utf8
        } else {
            let paths: Vec<(&[String], Used)> = named
                .paths
                .iter()
                .map(|(path, used)| (path.as_slice(), *used))
                .collect();
            DataType::Struct(guessed(&paths)?)
        };
        let schema = Schema::new(vec![
            Field::new("_partition", DataType::Int32, false),
            Field::new("_offset", DataType::Int64, false),
            // As the records that are filtered have it, in the zone of the planner.
            Field::new(
                "_timestamp",
                DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
                true,
            ),
            Field::new("_key", DataType::Utf8, true),
            Field::new("value", value, true),
        ]);
        let mut state = state().ok()?;
        state.execution_props_mut().query_execution_start_time = DateTime::from_timestamp_millis(self.now_ms);
        let table = DFSchema::try_from(Arc::new(schema)).ok()?;
        logical(&state, self.ast.clone(), &table).ok()
    }

    /// Compiles for a schema, unless it is the one compiled for last.
    pub fn prepare(&mut self, schema: &SchemaRef) -> Result<()> {
        let same = self.compiled.as_ref().is_some_and(|compiled| {
            Arc::ptr_eq(&compiled.schema, schema) || compiled.schema.fields() == schema.fields()
        });
        if !same {
            self.compiled = Some(compile(&self.ast, schema, self.now_ms)?);
        }
        Ok(())
    }

    /// Places that the last schema did not have; they were null.
    pub fn missing(&self) -> &[String] {
        self.compiled.as_ref().map_or(&[], |compiled| &compiled.missing)
    }

    /// Which records hold; null counts as no.
    pub fn evaluate(&mut self, batch: &RecordBatch) -> Result<BooleanArray> {
        self.prepare(&batch.schema())?;
        let Some(compiled) = &self.compiled else {
            return Err(Error::internal("filter", "the filter was not compiled"));
        };
        let result = compiled
            .expr
            .evaluate(batch)
            .and_then(|value| value.into_array(batch.num_rows()));
        let result = result.map_err(|error| translate(&error, &[]))?;
        match result.as_boolean_opt() {
            Some(holds) => Ok(known(holds)),
            None => Ok(BooleanArray::from(vec![false; batch.num_rows()])),
        }
    }
}

/// A field may not be looked into and compared at once.
fn guessed(paths: &[(&[String], Used)]) -> Option<Fields> {
    let mut names: Vec<&String> = paths.iter().filter_map(|(path, _)| path.first()).collect();
    names.dedup();
    let field = |name: &String| {
        let within: Vec<(&[String], Used)> = paths
            .iter()
            .filter(|(path, _)| path.first() == Some(name))
            .map(|(path, used)| (&path[1..], *used))
            .collect();
        let data_type = match within.as_slice() {
            [([], used)] => match used {
                Used::Number => DataType::Float64,
                Used::Bool => DataType::Boolean,
                Used::Anyhow | Used::Text => DataType::Utf8,
            },
            within if within.iter().all(|(path, _)| !path.is_empty()) => DataType::Struct(guessed(within)?),
            _ => return None,
        };
        Some(Field::new(name, data_type, true))
    };
    names.into_iter().map(field).collect()
}

/// Null counts as no.
pub(super) fn known(holds: &BooleanArray) -> BooleanArray {
    if holds.null_count() > 0 {
        prep_null_mask_filter(holds)
    } else {
        holds.clone()
    }
}

/// Blanks a leading word such as `where`, so that columns stay where they were.
pub(super) fn without_word(text: &str, word: &str) -> String {
    let start = text.len() - text.trim_start().len();
    let rest = &text[start..];
    let length = word.len();
    let leads = rest
        .get(..length)
        .is_some_and(|first| first.eq_ignore_ascii_case(word))
        && rest[length..].chars().next().is_none_or(char::is_whitespace);
    if leads {
        format!("{}{}{}", &text[..start], " ".repeat(length), &rest[length..])
    } else {
        text.to_owned()
    }
}

fn compile(ast: &ExprWithAlias, schema: &SchemaRef, now_ms: i64) -> Result<Compiled> {
    let mut state = state()?;
    state.execution_props_mut().query_execution_start_time = DateTime::from_timestamp_millis(now_ms);
    let table = DFSchema::try_from(Arc::clone(schema)).map_err(|error| translate(&error, &[]))?;
    let mut first = None;
    for stand in Stand::ALL {
        let mut fitted = ast.clone();
        let missing = Places::fit(&mut fitted.expr, schema, stand);
        match expression(&state, fitted, &table) {
            Ok(expr) => {
                let missing = missing.iter().map(|path| dotted(path)).collect();
                return Ok(Compiled {
                    schema: Arc::clone(schema),
                    expr,
                    missing,
                });
            }
            Err(error) => {
                let error = first.get_or_insert(error);
                if missing.is_empty() {
                    return Err(error.clone());
                }
            }
        }
    }
    Err(first.unwrap_or_else(|| Error::internal("filter", "the filter was not compiled")))
}

pub(super) fn logical(state: &SessionState, ast: ExprWithAlias, table: &DFSchema) -> Result<Expr> {
    let expr = state
        .create_logical_expr_from_sql_expr(ast, table)
        .map_err(|error| explain(&error))?;
    let context = SimplifyContext::builder()
        .with_schema(Arc::new(table.clone()))
        .with_config_options(Arc::clone(state.config_options()))
        .with_query_execution_start_time(state.execution_props().query_execution_start_time)
        .build();
    let simplifier = ExprSimplifier::new(context);
    let expr = simplifier
        .coerce(expr, table)
        .and_then(|expr| simplifier.simplify(expr));
    expr.map_err(|error| explain(&error))
}

fn expression(state: &SessionState, ast: ExprWithAlias, table: &DFSchema) -> Result<Arc<dyn PhysicalExpr>> {
    let expr = logical(state, ast, table)?;
    let compiled = state
        .create_physical_expr(expr, table)
        .map_err(|error| explain(&error))?;
    match compiled
        .data_type(table.as_arrow())
        .map_err(|error| explain(&error))?
    {
        DataType::Boolean | DataType::Null => Ok(compiled),
        other => Err(Error::user(
            "sql_type",
            format!(
                "the filter is a {}, not true or false: compare it with something",
                type_name(&other)
            ),
        )),
    }
}

/// Where the columns are known, an unknown name is told with those that there are.
fn known_columns(mut error: Error, columns: &SchemaRef) -> Error {
    let names: Vec<&str> = columns
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    if error.code == "unknown_column"
        && !names.is_empty()
        && let Some((before, _)) = error.message.split_once(". A record has ")
    {
        error.message = format!("{before}: there are {}", names.join(", "));
    }
    error
}

/// An unknown name is most likely a field of the value.
pub(super) fn explain(error: &DataFusionError) -> Error {
    let mut found = translate(error, &[]);
    if found.code == "unknown_column" {
        if let Some((before, _)) = found.message.split_once(". Did you mean") {
            found.message = before.to_owned();
        }
        let columns = RECORD_COLUMNS.join(", ");
        let name = found.message.split('"').nth(1).unwrap_or("FIELD");
        found.message = format!(
            "{}. A record has {columns}: a field of its value is written value.{name}",
            found.message.trim_end()
        );
    }
    found
}
