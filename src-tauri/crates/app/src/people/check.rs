//! Whether every definition holds: what the files say, and, where events were collected, what their SQL says; and
//! whether the event log is whole.

use tailrace_engine::{audiences, traits};
use tailrace_model::{Error, Result};

use crate::open::OpenWorkspace;

/// Every problem, by file. SQL is planned only against columns that exist: before the first event was collected, an
/// event's properties are not known and only the files are checked.
pub async fn check(open: &OpenWorkspace) -> Result<Vec<Error>> {
    let mut problems = open.workspace().definitions.problems();
    problems.extend(crate::syncs::place_problems(open));
    problems.extend(open.log_problems());
    let Ok(held) = open.held() else {
        return Ok(problems);
    };
    if held.people.log.snapshot().rows() == 0 {
        return Ok(problems);
    }
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
        if let Err(error) = traits::validate(&session, &name, &definition).await {
            problems.push(place(error, &file));
        }
    }
    for (name, definition, file) in audiences_found {
        let found = audiences::validate(&session, &name, &definition).await;
        problems.extend(
            found
                .problems
                .into_iter()
                .map(|problem| place(problem.error, &file)),
        );
    }
    Ok(problems)
}

/// `audiences/x.sql:3:7: ...`
fn place(error: Error, file: &str) -> Error {
    match error.position.clone() {
        Some(at) if file.ends_with(".sql") => {
            let (line, column) = (at.line, at.column);
            error
                .context(format!("{file}:{line}:{column}"))
                .at(Some(file), line, column)
        }
        _ => error.context(file).at(Some(file), 1, 1),
    }
}
