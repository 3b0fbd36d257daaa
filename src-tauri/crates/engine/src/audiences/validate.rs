//! What is wrong with an audience, before it is saved or evaluated: all of it at once, each with its place.

use tailrace_model::{AudienceDefinition, Condition, Error, Result};

use super::{
    check_columns,
    sql::{Path, Problem, child_path, compile},
};
use crate::session::{
    Session, Shapes, View, audience_reads, cycles, edges, names::property_column, names::suggestion,
    parse_predicate,
};

/// Problems stop a save; notes do not.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Validation {
    pub problems: Vec<Problem>,
    /// What may be meant, and may be a slip: a property that no event had yet.
    pub notes: Vec<String>,
}

impl Validation {
    /// The first problem as an error that says where it lies.
    pub fn into_result(self) -> Result<()> {
        match self.problems.into_iter().next() {
            Some(problem) => Err(located(problem)),
            None => Ok(()),
        }
    }
}

pub(crate) fn located(problem: Problem) -> Error {
    if problem.path.is_empty() {
        problem.error
    } else {
        problem.error.context(format!("condition {}", problem.path))
    }
}

/// Checks a definition under the name that it has or shall have.
pub async fn validate(session: &Session, name: &str, definition: &AudienceDefinition) -> Validation {
    let mut validation = Validation::default();
    if let Some(error) = circle(session, name, definition) {
        validation.problems.push(Problem {
            path: Path::new(),
            error,
        });
        return validation;
    }
    match (&definition.condition, &definition.sql) {
        (Some(condition), None) => conditions(session, condition, &mut validation).await,
        (None, Some(sql)) => {
            let checked = session.check(sql).await.and_then(|schema| check_columns(&schema));
            validation.problems.extend(checked.err().map(|error| Problem {
                path: Path::new(),
                error,
            }));
        }
        _ => {
            let error = Error::user(
                "audience_kind",
                "an audience is either a condition or SQL: give exactly one of them",
            );
            validation.problems.push(Problem {
                path: Path::new(),
                error,
            });
        }
    }
    validation
}

/// The circle that the definition would close.
fn circle(session: &Session, name: &str, definition: &AudienceDefinition) -> Option<Error> {
    let core = session.core();
    let mut edges = edges(&core.traits, &core.audiences);
    let view = View::Audience(name.to_owned());
    edges.insert(view.clone(), audience_reads(definition, &core.traits));
    cycles(&edges).remove(&view)
}

async fn conditions(session: &Session, condition: &Condition, validation: &mut Validation) {
    let shapes = Shapes::of(session.core(), &[condition]).await;
    if let Err(problems) = compile(condition, &shapes) {
        validation.problems.extend(problems);
    }
    let mut leaves = Vec::new();
    walk(condition, Path::new(), &mut leaves, &mut validation.problems);
    for (path, leaf) in leaves {
        match leaf {
            Condition::Sql(predicate) => {
                // Planned by itself, so that lines and columns are those of the predicate.
                let error = check_predicate(session, predicate).await.err();
                validation
                    .problems
                    .extend(error.map(|error| Problem { path, error }));
            }
            Condition::Performed(performed) => {
                let of_filter = performed.filter.iter().map(|filter| filter.property.as_str());
                let unseen = of_filter
                    .chain(performed.property.as_deref())
                    .filter(|property| property_column(&shapes.events, property).is_none());
                for property in unseen {
                    let known = shapes.events.fields().iter().map(|field| field.name().as_str());
                    let hint = suggestion(property, known);
                    validation
                        .notes
                        .push(format!("no event had a property \"{property}\" yet{hint}"));
                }
            }
            _ => {}
        }
    }
    let mut seen = Vec::new();
    validation.problems.retain(|problem| {
        let new = !seen.contains(&problem.path);
        seen.push(problem.path.clone());
        new
    });
    validation
        .problems
        .sort_by_cached_key(|problem| indexes(&problem.path));
    validation.notes.dedup();
}

/// The path as numbers: `2` comes before `10`.
fn indexes(path: &str) -> Vec<usize> {
    path.split('.').filter_map(|index| index.parse().ok()).collect()
}

fn walk<'a>(
    condition: &'a Condition,
    path: Path,
    leaves: &mut Vec<(Path, &'a Condition)>,
    problems: &mut Vec<Problem>,
) {
    match condition {
        Condition::All(children) | Condition::Any(children) => {
            if children.is_empty() {
                let error = Error::user(
                    "empty_group",
                    "the group is empty: add a condition to it, or remove it",
                );
                problems.push(Problem {
                    path: path.clone(),
                    error,
                });
            }
            for (index, child) in children.iter().enumerate() {
                walk(child, child_path(&path, index), leaves, problems);
            }
        }
        Condition::Not(child) => walk(child, child_path(&path, 0), leaves, problems),
        leaf => leaves.push((path, leaf)),
    }
}

async fn check_predicate(session: &Session, predicate: &str) -> Result<()> {
    parse_predicate(predicate)?;
    let joins = super::sql::predicate_joins(predicate, &Shapes::without_traits(session.core())).join(" ");
    // The predicate begins in the first column of a line of its own; errors are moved back by the lines before it.
    let sql = format!("SELECT profile_id FROM profiles {joins} WHERE (\n{predicate}\n)");
    session
        .check(&sql)
        .await
        .map(drop)
        .map_err(|error| moved_up(error, 1))
}

/// The error with its line counted from `lines` further down.
fn moved_up(mut error: Error, lines: u32) -> Error {
    if let Some(position) = &mut error.position {
        let was = format!("line {}, ", position.line);
        position.line = position.line.saturating_sub(lines).max(1);
        if let Some(rest) = error.message.strip_prefix(&was) {
            error.message = format!("line {}, {rest}", position.line);
        }
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_move_with_their_lines() {
        let error = Error::user("x", "line 2, column 5: no").at(None, 2, 5);
        let moved = moved_up(error, 1);
        assert_eq!(moved.message, "line 1, column 5: no");
        assert_eq!(moved.position.map(|position| position.line), Some(1));
    }
}
