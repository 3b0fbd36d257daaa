//! Which traits and audiences read which others, and the circles among them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use datafusion::sql::{
    parser::{DFParserBuilder, Statement},
    resolve::resolve_table_references,
    sqlparser::ast::{Expr, visit_expressions},
};
use tailrace_model::{AudienceDefinition, Condition, Error, Result, TraitDefinition};

use super::catalog::{AUDIENCES, TRAITS};

/// A definition that is a table in SQL.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum View {
    Trait(String),
    Audience(String),
}

impl std::fmt::Display for View {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Trait(name) => write!(f, "trait \"{name}\""),
            Self::Audience(name) => write!(f, "audience \"{name}\""),
        }
    }
}

/// What a definition reads. Names that do not exist are kept: whoever plans the definition says so.
pub(crate) type Edges = BTreeMap<View, BTreeSet<View>>;

pub(crate) fn edges(
    traits: &BTreeMap<String, TraitDefinition>,
    audiences: &BTreeMap<String, AudienceDefinition>,
) -> Edges {
    let of_traits = traits.iter().map(|(name, definition)| {
        let reads = definition.sql.as_deref().map(sql_reads).unwrap_or_default();
        (View::Trait(name.clone()), reads)
    });
    let of_audiences = audiences
        .iter()
        .map(|(name, definition)| (View::Audience(name.clone()), audience_reads(definition, traits)));
    of_traits.chain(of_audiences).collect()
}

pub(crate) fn audience_reads(
    definition: &AudienceDefinition,
    traits: &BTreeMap<String, TraitDefinition>,
) -> BTreeSet<View> {
    let mut reads = definition.sql.as_deref().map(sql_reads).unwrap_or_default();
    if let Some(condition) = &definition.condition {
        condition_reads(condition, traits, &mut reads);
    }
    reads
}

fn condition_reads(
    condition: &Condition,
    traits: &BTreeMap<String, TraitDefinition>,
    reads: &mut BTreeSet<View>,
) {
    match condition {
        Condition::All(children) | Condition::Any(children) => {
            children
                .iter()
                .for_each(|child| condition_reads(child, traits, reads));
        }
        Condition::Not(child) => condition_reads(child, traits, reads),
        Condition::Performed(_) | Condition::Attribute(_) => {}
        Condition::Trait(compared) => {
            let name = compared.name.split('.').next().unwrap_or_default();
            if traits.contains_key(name) {
                reads.insert(View::Trait(name.to_owned()));
            }
        }
        Condition::InAudience(name) => {
            reads.insert(View::Audience(name.clone()));
        }
        Condition::Sql(predicate) => {
            reads.extend(sql_reads(&format!("SELECT 1 WHERE {predicate}\n")));
            let names = predicate_names(predicate);
            reads.extend(
                names
                    .into_iter()
                    .filter(|name| traits.contains_key(name))
                    .map(View::Trait),
            );
        }
    }
}

/// A predicate, checked and written anew in one line.
pub(crate) fn parse_predicate(predicate: &str) -> Result<String> {
    let parsed = DFParserBuilder::new(predicate)
        .with_recursion_limit(super::SQL_DEPTH_MAX)
        .build()
        .and_then(|mut parser| parser.parse_into_expr())
        .map_err(|error| super::errors::of_text(&error, predicate))?;
    match parsed.alias {
        None => Ok(parsed.expr.to_string()),
        Some(alias) => Err(Error::user(
            "sql_syntax",
            format!("a condition has no name: remove \"{alias}\" at its end"),
        )),
    }
}

/// The first parts of all names in a predicate.
pub(crate) fn predicate_names(predicate: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let parsed = DFParserBuilder::new(predicate)
        .build()
        .and_then(|mut parser| parser.parse_into_expr());
    if let Ok(parsed) = parsed {
        let _: ControlFlow<()> = visit_expressions(&parsed.expr, |expr| {
            match expr {
                Expr::Identifier(name) => names.insert(name.value.clone()),
                Expr::CompoundIdentifier(parts) => {
                    names.insert(parts.first().map(|p| p.value.clone()).unwrap_or_default())
                }
                _ => false,
            };
            ControlFlow::Continue(())
        });
    }
    names
}

fn sql_reads(sql: &str) -> BTreeSet<View> {
    let parsed = DFParserBuilder::new(sql)
        .build()
        .and_then(|mut parser| parser.parse_statements());
    let mut reads = BTreeSet::new();
    for statement in parsed.unwrap_or_default() {
        let Statement::Statement(_) = &statement else {
            continue;
        };
        let Ok((tables, _)) = resolve_table_references(&statement, false) else {
            continue;
        };
        for table in tables {
            match table.schema() {
                Some(TRAITS) => reads.insert(View::Trait(table.table().to_owned())),
                Some(AUDIENCES) => reads.insert(View::Audience(table.table().to_owned())),
                _ => false,
            };
        }
    }
    reads
}

/// Every view that lies on a circle, or reads one that does, with the error that names the circle.
pub(crate) fn cycles(edges: &Edges) -> BTreeMap<View, Error> {
    let mut found = BTreeMap::new();
    for start in edges.keys() {
        let mut path = Vec::new();
        let mut done = BTreeSet::new();
        if let Some(circle) = walk(start, edges, &mut path, &mut done) {
            found.insert(start.clone(), error(&circle));
        }
    }
    found
}

fn walk(at: &View, edges: &Edges, path: &mut Vec<View>, done: &mut BTreeSet<View>) -> Option<Vec<View>> {
    if let Some(first) = path.iter().position(|seen| seen == at) {
        let mut circle = path[first..].to_vec();
        circle.push(at.clone());
        return Some(circle);
    }
    if done.contains(at) {
        return None;
    }
    path.push(at.clone());
    let circle = edges
        .get(at)
        .and_then(|reads| reads.iter().find_map(|next| walk(next, edges, path, done)));
    path.pop();
    done.insert(at.clone());
    circle
}

fn error(circle: &[View]) -> Error {
    let names: Vec<String> = circle.iter().map(View::to_string).collect();
    let message = format!(
        "a definition can't depend on itself: {}; remove one of these",
        names.join(" reads ")
    );
    Error::user("definition_cycle", message)
}
