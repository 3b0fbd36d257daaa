//! Traits: a computed trait as SQL, the columns of a SQL trait, previews and the values of one profile.
//!
//! Invariants: a trait has at most one row a profile. A computed count is 0 for a profile without such events; every
//! other aggregate of none has no value.

use std::collections::{BTreeMap, BTreeSet};

use arrow::{array::RecordBatch, datatypes::Schema};
use tailrace_model::{
    ComputedTrait, Error, Result, TraitDefinition,
    api::{Column, Rows, TraitPreview, TraitValue},
};

use crate::{
    audiences::{
        one_fact,
        terms::{aggregate, event_terms},
    },
    session::{
        Core, Session, Shapes, TRAITS, View, cell, cycles, edges,
        names::{columns, quote_name, quote_path, type_name},
        rows_of,
    },
};

/// Rows that a preview shows.
pub const SAMPLE_ROWS_MAX: usize = 20;

/// Columns of `profiles` that are not traits.
const NOT_TRAITS: [&str; 5] = ["profile_id", "anonymous_id", "first_seen", "last_seen", "events"];

/// The trait's SQL as a person reads it and as it runs.
pub fn sql(session: &Session, name: &str, definition: &TraitDefinition) -> Result<String> {
    definition_sql(session.core(), name, definition)
}

pub(crate) fn definition_sql(core: &Core, name: &str, definition: &TraitDefinition) -> Result<String> {
    match (&definition.computed, &definition.sql) {
        (Some(computed), None) => computed_sql(name, computed, &Shapes::without_traits(core)),
        (None, Some(sql)) => Ok(sql.trim().trim_end_matches(';').to_owned()),
        _ => Err(Error::user(
            "trait_kind",
            "a trait is either computed or SQL: give exactly one of them",
        )),
    }
}

fn computed_sql(name: &str, computed: &ComputedTrait, shapes: &Shapes) -> Result<String> {
    let over = aggregate(computed.aggregate, computed.property.as_deref(), shapes)?;
    let terms = event_terms(&computed.event, &computed.filter, computed.window, shapes)?;
    if !over.counts {
        return Ok(one_fact(&over.sql, name, &terms));
    }
    let counted = one_fact(&over.sql, "counted", &terms).replace('\n', "\n  ");
    let column = quote_name(name);
    Ok(format!(
        "SELECT p.profile_id, coalesce(f.counted, 0) AS {column}\nFROM profiles AS p\nLEFT JOIN (\n  {counted}\n) AS f ON f.profile_id = p.profile_id"
    ))
}

/// A trait is a `profile_id` and at least one column more, of other names.
pub(crate) fn check_columns(schema: &Schema) -> Result<()> {
    let Ok(id) = schema.field_with_name("profile_id") else {
        return Err(Error::user(
            "trait_columns",
            "there is no column profile_id: a trait selects it and one column a trait",
        ));
    };
    if !id.data_type().is_integer() {
        let found = type_name(id.data_type());
        return Err(Error::user(
            "trait_columns",
            format!("profile_id is a {found}: a trait selects the number that profiles have"),
        ));
    }
    if schema.fields().len() < 2 {
        return Err(Error::user(
            "trait_columns",
            "profile_id is the only column: a trait selects at least one more",
        ));
    }
    let mut names = BTreeSet::new();
    match schema.fields().iter().find(|field| !names.insert(field.name())) {
        Some(twice) => {
            let message = format!(
                "two columns are named \"{}\": give one another name with AS",
                twice.name()
            );
            Err(Error::user("trait_columns", message))
        }
        None => Ok(()),
    }
}

/// Checks a definition under the name that it has or shall have, without running it.
pub async fn validate(session: &Session, name: &str, definition: &TraitDefinition) -> Result<()> {
    let core = session.core();
    let mut traits = BTreeMap::clone(&core.traits);
    traits.insert(name.to_owned(), definition.clone());
    let circle = cycles(&edges(&traits, &core.audiences)).remove(&View::Trait(name.to_owned()));
    if let Some(error) = circle {
        return Err(error);
    }
    let text = definition_sql(core, name, definition)?;
    session
        .check(&text)
        .await
        .and_then(|schema| check_columns(&schema))
}

/// Evaluates a definition at `t_ms`: how many profiles have a value, and the first rows with the profiles' names. Fails on
/// a row without a profile and on a second row of one.
pub async fn preview(
    session: &Session,
    name: &str,
    definition: &TraitDefinition,
    t_ms: i64,
) -> Result<TraitPreview> {
    let text = definition_sql(session.core(), name, definition)?;
    let mut query = session.query(&text, t_ms).await?;
    check_columns(query.schema())?;
    let id = query.schema().index_of("profile_id").unwrap_or_default();
    let mut found = Rows {
        columns: vec![text_column("profile")],
        ..Rows::default()
    };
    found.columns.extend(columns(query.schema()));
    // The lowest ids: the same ones whichever partition answers first.
    let mut sample = BTreeMap::new();
    let mut ids = Vec::new();
    let mut profiles = 0;
    while let Some(batch) = query.next().await? {
        let from = ids.len();
        read_ids(&batch, id, &mut ids)?;
        let others = || {
            batch
                .columns()
                .iter()
                .enumerate()
                .filter(|(at, _)| *at != id)
                .map(|(_, column)| column)
        };
        for (row, profile_id) in ids[from..].iter().enumerate() {
            let known = others().any(|column| !column.is_null(row) && !column.data_type().is_null());
            profiles += u64::from(known);
            let is_wanted = sample.len() < SAMPLE_ROWS_MAX
                || sample.last_key_value().is_some_and(|(last, _)| profile_id < last);
            if known && is_wanted {
                let mut cells = vec![Some(session.profile_name(*profile_id))];
                cells.extend(rows_of(&batch.slice(row, 1)).into_iter().flatten());
                sample.insert(*profile_id, cells);
                if sample.len() > SAMPLE_ROWS_MAX {
                    sample.pop_last();
                }
            }
        }
    }
    no_duplicates(&mut ids)?;
    found.rows = sample.into_values().collect();
    found.total = profiles;
    Ok(TraitPreview {
        sql: text,
        profiles,
        sample: found,
        took_ms: query.counters().took_ms,
    })
}

fn text_column(name: &str) -> Column {
    Column {
        name: name.to_owned(),
        data_type: "VARCHAR".to_owned(),
        numeric: false,
    }
}

fn read_ids(batch: &RecordBatch, column: usize, ids: &mut Vec<i64>) -> Result<()> {
    use arrow::{
        array::AsArray,
        compute::cast,
        datatypes::{DataType, Int64Type},
    };
    let column = cast(batch.column(column), &DataType::Int64).map_err(|_| {
        Error::user(
            "trait_columns",
            "a profile_id is larger than a profile's number can be",
        )
    })?;
    if column.null_count() > 0 {
        let message =
            "the SQL gives a row without a profile_id: leave such rows out with WHERE profile_id IS NOT NULL";
        return Err(Error::user("trait_null", message));
    }
    ids.extend(column.as_primitive::<Int64Type>().values());
    Ok(())
}

fn no_duplicates(ids: &mut [i64]) -> Result<()> {
    ids.sort_unstable();
    match ids.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => {
            let message = format!(
                "the SQL gives more than one row of profile {}: group it by profile_id",
                pair[0]
            );
            Err(Error::user("trait_duplicates", message))
        }
        None => Ok(()),
    }
}

/// The values of every trait for one profile at `t_ms`: what `identify` taught, the defined traits, null where their SQL
/// has no row of it, and the columns of the warehouse tables that have one. A trait that fails is left out; [`preview`]
/// says why.
pub async fn values(session: &Session, profile_id: i64, t_ms: i64) -> Result<Vec<TraitValue>> {
    let Some(profile) = session.profile(profile_id) else {
        return Err(Error::user(
            "unknown_profile",
            format!("there is no profile {profile_id}"),
        ));
    };
    let mut values = Vec::new();
    for (field, column) in std::iter::zip(profile.schema_ref().fields(), profile.columns()) {
        if !NOT_TRAITS.contains(&field.name().as_str()) {
            let value = cell(column, 0);
            values.extend(value.map(|value| trait_value(field.name(), Some(value), "identify")));
        }
    }
    let core = session.core();
    for (name, definition) in &core.traits {
        let from = quote_path(&[TRAITS, name]);
        let text = format!("SELECT * FROM {from} WHERE profile_id = {profile_id}");
        let origin = if definition.sql.is_some() {
            "sql"
        } else {
            "computed"
        };
        match first_row(session, &text, t_ms).await {
            Ok(Some(row)) => values.extend(named(row, name, &["profile_id"], origin)),
            Ok(None) => values.push(trait_value(name, None, origin)),
            Err(_) => {}
        }
    }
    for (warehouse, tables) in &core.warehouses {
        for (table, stored) in tables {
            let key = format!("CAST(r.{} AS VARCHAR)", quote_name(&stored.key));
            let from = quote_path(&[warehouse, table]);
            let identifier = quote_name(&stored.identifier);
            let text = format!(
                "SELECT r.* FROM {from} AS r JOIN profiles AS p ON {key} = p.{identifier} WHERE p.profile_id = {profile_id} LIMIT 1"
            );
            if let Ok(Some(row)) = first_row(session, &text, t_ms).await {
                let prefix = format!("{warehouse}.{table}");
                values.extend(named(row, &prefix, &[&stored.key], "warehouse"));
            }
        }
    }
    Ok(values)
}

type Row = Vec<(String, Option<String>)>;

async fn first_row(session: &Session, text: &str, t_ms: i64) -> Result<Option<Row>> {
    let mut query = session.query(text, t_ms).await?;
    let names: Vec<String> = query.columns().into_iter().map(|column| column.name).collect();
    while let Some(batch) = query.next().await? {
        if batch.num_rows() > 0 {
            let cells = rows_of(&batch.slice(0, 1)).into_iter().flatten();
            return Ok(Some(names.into_iter().zip(cells).collect()));
        }
    }
    Ok(None)
}

/// A trait of one column has the trait's name; of several, `trait.column`, as conditions write it.
fn named(mut row: Row, name: &str, keys: &[&str], origin: &str) -> Vec<TraitValue> {
    row.retain(|(column, _)| !keys.contains(&column.as_str()));
    let single = row.len() == 1 && origin != "warehouse";
    row.into_iter()
        .map(|(column, value)| {
            let name = if single {
                name.to_owned()
            } else {
                format!("{name}.{column}")
            };
            trait_value(&name, value, origin)
        })
        .collect()
}

fn trait_value(name: &str, value: Option<String>, origin: &str) -> TraitValue {
    TraitValue {
        name: name.to_owned(),
        value,
        origin: origin.to_owned(),
    }
}

#[cfg(test)]
mod tests;
