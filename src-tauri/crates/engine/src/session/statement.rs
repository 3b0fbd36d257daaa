//! Reading SQL: one statement, and only one that reads.

use datafusion::{
    error::DataFusionError,
    execution::{SessionState, context::SQLOptions},
    logical_expr::LogicalPlan,
    sql::{
        parser::{DFParserBuilder, Statement},
        sqlparser::ast::{SetExpr, Statement as SqlStatement},
    },
};
use tailrace_model::{Error, Result};

use super::{base::SQL_DEPTH_MAX, errors::of_text, json};

/// Parses `sql` and refuses whatever is not one reading statement.
pub(crate) fn parse(sql: &str) -> Result<Statement> {
    let parsed = DFParserBuilder::new(sql)
        .with_recursion_limit(SQL_DEPTH_MAX)
        .build()
        .and_then(|mut parser| parser.parse_statements())
        .map_err(|error| of_text(&error, sql))?;
    let count = parsed.len();
    let mut statements = parsed.into_iter();
    match (statements.next(), count) {
        (Some(mut statement), 1) => {
            reads(&statement)?;
            if let Statement::Statement(inner) = &mut statement {
                json::bind(inner.as_mut());
            }
            Ok(statement)
        }
        (None, _) => Err(Error::user("sql_empty", "there is no SQL: write a SELECT")),
        _ => Err(Error::user(
            "sql_refused",
            format!("there are {count} statements: write one, without a \";\" between"),
        )),
    }
}

/// The query of a `SELECT` or `WITH`, for definitions, which must be one.
pub(crate) fn is_query(statement: &Statement) -> bool {
    matches!(statement, Statement::Statement(inner) if matches!(inner.as_ref(), SqlStatement::Query(_)))
}

fn reads(statement: &Statement) -> Result<()> {
    match statement {
        Statement::Statement(inner) => sql_reads(inner),
        Statement::Explain(explain) => reads(&explain.statement),
        Statement::CopyTo(_) => Err(refused("COPY", ". To write a file, export the result")),
        Statement::CreateExternalTable(_) => Err(refused("CREATE EXTERNAL TABLE", "")),
        Statement::Reset(_) => Err(refused("RESET", "")),
    }
}

fn sql_reads(statement: &SqlStatement) -> Result<()> {
    match statement {
        SqlStatement::Query(query) => match query.body.as_ref() {
            SetExpr::Insert(_) => Err(refused("INSERT", "")),
            SetExpr::Update(_) => Err(refused("UPDATE", "")),
            SetExpr::Delete(_) => Err(refused("DELETE", "")),
            SetExpr::Merge(_) => Err(refused("MERGE", "")),
            _ => Ok(()),
        },
        SqlStatement::Explain { statement, .. } => sql_reads(statement),
        SqlStatement::ExplainTable { .. }
        | SqlStatement::ShowTables { .. }
        | SqlStatement::ShowColumns { .. }
        | SqlStatement::ShowFunctions { .. } => Ok(()),
        other => {
            let text = other.to_string();
            let words: Vec<&str> = text.split_whitespace().take(2).collect();
            let words = match words.as_slice() {
                [verb @ ("CREATE" | "DROP" | "ALTER"), what] => format!("{verb} {what}"),
                [verb, ..] => (*verb).to_owned(),
                [] => "this statement".to_owned(),
            };
            Err(refused(&words, ""))
        }
    }
}

fn refused(what: &str, hint: &str) -> Error {
    Error::user(
        "sql_refused",
        format!(
            "{what} is refused, because SQL only reads here: write a SELECT, WITH, EXPLAIN, DESCRIBE or SHOW{hint}"
        ),
    )
}

/// Plans a parsed statement; whatever would change something is refused once more, on the plan.
pub(crate) async fn plan(state: &SessionState, statement: Statement) -> Result<LogicalPlan, DataFusionError> {
    let plan = state.statement_to_plan(statement).await?;
    let options = SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .with_allow_statements(false);
    options.verify_plan(&plan).map_err(|_| {
        DataFusionError::External(Box::new(refused("a statement that changes something", "")))
    })?;
    Ok(plan)
}
