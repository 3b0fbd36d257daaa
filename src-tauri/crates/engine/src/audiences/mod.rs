//! Audiences: conditions as SQL and as a sentence, who is a member, and why.
//!
//! Invariant: an audience has one meaning, its SQL at the time of evaluation T over all profiles. What the preview
//! counts and what `explain` says comes from the same compiled conditions.

mod evaluate;
mod layout;
mod membership;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod random;
mod sentence;
mod sql;
pub(crate) mod terms;
mod validate;

use arrow::datatypes::Schema;
use tailrace_model::{AudienceDefinition, Error, Result};

pub use evaluate::{Evaluation, SAMPLE_MEMBERS_MAX, explain, members, preview};
pub(crate) use layout::one_fact;
pub use membership::{Changes, MemberSince, Membership};
pub use sentence::{heading, sentence, why};
pub use sql::Problem;
pub use validate::{Validation, validate};

use crate::session::{Core, Session, Shapes};

/// The audience's SQL as a person reads it and as it runs.
pub async fn sql(session: &Session, definition: &AudienceDefinition) -> Result<String> {
    definition_sql(session.core(), definition).await
}

pub(crate) async fn definition_sql(core: &Core, definition: &AudienceDefinition) -> Result<String> {
    match (&definition.condition, &definition.sql) {
        (Some(condition), None) => {
            let shapes = Shapes::of(core, &[condition]).await;
            sql::compile(condition, &shapes)
                .map(|compiled| compiled.members())
                .map_err(first)
        }
        (None, Some(sql)) => Ok(sql.trim().trim_end_matches(';').to_owned()),
        _ => Err(Error::user(
            "audience_kind",
            "an audience is either a condition or SQL: give exactly one of them",
        )),
    }
}

fn first(problems: Vec<Problem>) -> Error {
    let first = problems.into_iter().next().map(validate::located);
    first.unwrap_or_else(|| Error::internal("audience", "the conditions could not be written as SQL"))
}

/// The first column is the profile's id.
pub(crate) fn check_columns(schema: &Schema) -> Result<()> {
    match schema.fields().first() {
        Some(field) if field.name() == "profile_id" && field.data_type().is_integer() => Ok(()),
        Some(field) if field.name() == "profile_id" => {
            let found = crate::session::names::type_name(field.data_type());
            let message = format!(
                "profile_id is a {found}: an audience selects the number that profiles have as profile_id"
            );
            Err(Error::user("audience_columns", message))
        }
        Some(field) => {
            let message = format!(
                "the first column is \"{}\": an audience is a SELECT whose first column is profile_id",
                field.name()
            );
            Err(Error::user("audience_columns", message))
        }
        None => Err(Error::user(
            "audience_columns",
            "an audience is a SELECT whose first column is profile_id",
        )),
    }
}

#[cfg(test)]
mod tests;
