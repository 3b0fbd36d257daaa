//! Whether every definition holds: what the files say, what their SQL says, and whether the event log is whole.

use tailrace_engine::{
    audiences,
    session::{EventTransform, RecordProjection},
    traits,
};
use tailrace_model::{Error, Result};

use crate::open::OpenWorkspace;

/// What can't be said before the columns are known.
const ABOUT_COLUMNS: [&str; 4] = ["unknown_column", "sql_type", "sql_group", "sql_plan"];

/// Every problem, by file. Before the first event was collected the properties of events and the traits of people are not
/// known, and what the SQL says of columns is not judged.
pub async fn check(open: &OpenWorkspace) -> Result<Vec<Error>> {
    let mut problems = open.workspace().definitions.problems();
    problems.extend(crate::records::format_problems(open));
    problems.extend(crate::syncs::place_problems(open));
    problems.extend(transform_problems(open));
    problems.extend(open.log_problems());
    let Ok(held) = open.held() else {
        return Ok(problems);
    };
    let columns_known = held.people.log.snapshot().rows() > 0;
    let judged = |error: &Error| columns_known || !ABOUT_COLUMNS.contains(&error.code.as_str());
    let session = held.people.session(open).await?;
    let (traits_found, audiences_found) = {
        let workspace = open.workspace();
        let definitions = &workspace.definitions;
        let traits = definitions
            .traits
            .iter()
            .filter_map(|(name, it)| Some((name.clone(), it.value.clone()?, it.file.clone())));
        let audiences = definitions
            .audiences
            .iter()
            .filter_map(|(name, it)| Some((name.clone(), it.value.clone()?, it.file.clone())));
        (traits.collect::<Vec<_>>(), audiences.collect::<Vec<_>>())
    };
    for (name, definition, file) in traits_found {
        if let Err(error) = traits::validate(&session, &name, &definition).await
            && judged(&error)
        {
            problems.push(place(error, &file));
        }
    }
    for (name, definition, file) in audiences_found {
        let found = audiences::validate(&session, &name, &definition).await;
        problems.extend(
            found
                .problems
                .into_iter()
                .filter(|problem| judged(&problem.error))
                .map(|problem| place(problem.error, &file)),
        );
    }
    Ok(problems)
}

/// What is wrong with the SQL of sources, of which nothing has to be known but its text.
fn transform_problems(open: &OpenWorkspace) -> Vec<Error> {
    let workspace = open.workspace();
    let sources = workspace.definitions.valid_sources();
    let mut problems = Vec::new();
    for (name, source) in sources {
        let sql = source.sql.as_deref().filter(|sql| !sql.trim().is_empty());
        if let Some(Err(error)) = sql.map(RecordProjection::parse) {
            problems.push(workspace.place_sql(name, "sql", error));
        }
        let transform = source.transform.as_deref().filter(|sql| !sql.trim().is_empty());
        if let Some(Err(error)) = transform.map(EventTransform::parse) {
            problems.push(workspace.place_sql(name, "transform", error));
        }
    }
    problems
}

/// `audiences/x.sql:3:7: ...`
fn place(mut error: Error, file: &str) -> Error {
    match error.position.clone() {
        Some(at) if file.ends_with(".sql") => {
            let (line, column) = (at.line, at.column);
            // Said once.
            let said = format!("line {line}, column {column}: ");
            if let Some(rest) = error.message.strip_prefix(&said) {
                error.message = rest.to_owned();
            }
            error
                .context(format!("{file}:{line}:{column}"))
                .at(Some(file), line, column)
        }
        _ => error.context(file).at(Some(file), 1, 1),
    }
}
