//! The text of a transformation: what may stand in it, and how it is compiled for events of one shape, with a null for
//! every property that they do not have.

use std::{collections::BTreeSet, ops::ControlFlow};

use arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::sql::{
    parser::Statement,
    sqlparser::ast::{
        ExceptSelectItem, ExcludeSelectItem, Expr, Ident, ReplaceSelectItem, Select, SelectItem, SetExpr,
        Statement as SqlStatement, TableFactor, Visit, VisitMut, Visitor, VisitorMut,
        WildcardAdditionalOptions,
    },
};
use tailrace_model::{Error, Result};

use super::{
    paths::Stand,
    projection::{Stage, refused, stages, state},
    statement,
    transform::nested_name,
};

/// The table that a transformation reads.
const EVENTS: &str = "events";

fn body(ast: &Statement) -> Option<&SetExpr> {
    match ast {
        Statement::Statement(inner) => match inner.as_ref() {
            SqlStatement::Query(query) if query.with.is_none() => Some(query.body.as_ref()),
            _ => None,
        },
        _ => None,
    }
}

/// Names are told from properties that an event lacks only where there is one table, with its columns as they are.
pub(super) fn one_table(ast: &Statement) -> Result<()> {
    let Some(SetExpr::Select(select)) = body(ast) else {
        return Err(refused("more than one SELECT"));
    };
    match select.from.as_slice() {
        [one] if one.joins.is_empty() => match &one.relation {
            TableFactor::Table { name, .. } if name.to_string().trim_matches('"') == EVENTS => {}
            TableFactor::Table { name, .. } => {
                let sentence = format!(
                    "a transformation reads one table, events, and there is no {name} here: write SELECT columns FROM events"
                );
                return Err(Error::user("unknown_table", sentence));
            }
            _ => return Err(refused("a query within FROM")),
        },
        [_] => return Err(refused("a join")),
        [] => return Err(refused("a SELECT without FROM events")),
        _ => return Err(refused("more than one table")),
    }
    for item in &select.projection {
        if let SelectItem::UnnamedExpr(expr) = item
            && !matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_))
        {
            let sentence =
                format!("{expr} has no name, and would be a property without one: write {expr} AS name");
            return Err(Error::user("source_sql", sentence));
        }
    }
    Ok(())
}

/// What the table is called: by its own name, and by the one that the SQL gives it.
fn table_names(select: &Select) -> BTreeSet<String> {
    let aliases = select.from.iter().filter_map(|table| match &table.relation {
        TableFactor::Table {
            alias: Some(alias), ..
        } => Some(alias.name.value.clone()),
        _ => None,
    });
    aliases.chain([EVENTS.to_owned()]).collect()
}

/// The place within a property that names stand for: `address.zip`, also after the table's name.
fn nested(names: &[Ident], tables: &BTreeSet<String>) -> Option<Vec<String>> {
    let names = match names {
        [table, rest @ ..] if tables.contains(&table.value) => rest,
        names => names,
    };
    (names.len() > 1).then(|| names.iter().map(|name| name.value.clone()).collect())
}

/// The places within properties that the SQL names.
pub(super) fn nested_of(ast: &Statement) -> Vec<Vec<String>> {
    struct Find {
        tables: BTreeSet<String>,
        found: BTreeSet<Vec<String>>,
    }
    impl Visitor for Find {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            if let Expr::CompoundIdentifier(names) = expr {
                self.found.extend(nested(names, &self.tables));
            }
            ControlFlow::Continue(())
        }
    }
    let (Statement::Statement(inner), Some(SetExpr::Select(select))) = (ast, body(ast)) else {
        return Vec::new();
    };
    let mut find = Find {
        tables: table_names(select),
        found: BTreeSet::new(),
    };
    let _ = inner.as_ref().visit(&mut find);
    find.found.into_iter().collect()
}

pub(super) fn compile(ast: &Statement, schema: &SchemaRef) -> Result<Vec<Stage>> {
    let state = state(EVENTS, schema)?;
    let mut first = None;
    for stand in Stand::ALL {
        let mut fitted = ast.clone();
        let Statement::Statement(inner) = &mut fitted else {
            return Err(refused("this statement"));
        };
        let mut fit = Fit {
            schema,
            stand,
            tables: BTreeSet::from([EVENTS.to_owned()]),
            missing: false,
        };
        let _ = inner.as_mut().visit(&mut fit);
        let missing = fit.missing;
        match stages(&state, fitted) {
            Ok(stages) => return Ok(stages),
            Err(error) => {
                let error = first.get_or_insert(error);
                if !missing || error.code == "source_sql" {
                    return Err(error.clone());
                }
            }
        }
    }
    Err(first.unwrap_or_else(|| Error::internal("transformation", "the SQL was not compiled")))
}

/// Puts a null for every property that events of this shape do not have, and its column for every nested place.
struct Fit<'a> {
    schema: &'a Schema,
    stand: Stand,
    /// What the table is called.
    tables: BTreeSet<String>,
    missing: bool,
}

impl Fit<'_> {
    fn has(&self, name: &str) -> bool {
        self.schema
            .field_with_name(name)
            .is_ok_and(|field| field.data_type() != &DataType::Null)
    }

    fn wildcard(&self, options: &mut WildcardAdditionalOptions) {
        let is_there = |name: &Ident| self.schema.field_with_name(&name.value).is_ok();
        options.opt_exclude = match options.opt_exclude.take() {
            Some(ExcludeSelectItem::Multiple(mut names)) => {
                names.retain(|name| match name.0.last().and_then(|part| part.as_ident()) {
                    Some(name) => is_there(name),
                    None => true,
                });
                (!names.is_empty()).then_some(ExcludeSelectItem::Multiple(names))
            }
            Some(ExcludeSelectItem::Single(name)) => {
                let there = name
                    .0
                    .last()
                    .and_then(|part| part.as_ident())
                    .is_none_or(is_there);
                there.then_some(ExcludeSelectItem::Single(name))
            }
            None => None,
        };
        options.opt_except = options.opt_except.take().and_then(|except| {
            let mut names: Vec<Ident> = std::iter::once(except.first_element)
                .chain(except.additional_elements)
                .filter(is_there)
                .collect();
            (!names.is_empty()).then(|| ExceptSelectItem {
                first_element: names.remove(0),
                additional_elements: names,
            })
        });
        options.opt_replace = options.opt_replace.take().and_then(|replace| {
            let items: Vec<_> = replace
                .items
                .into_iter()
                .filter(|item| is_there(&item.column_name))
                .collect();
            (!items.is_empty()).then_some(ReplaceSelectItem { items })
        });
    }
}

impl VisitorMut for Fit<'_> {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        self.tables.extend(table_names(select));
        for item in &mut select.projection {
            match item {
                // A property keeps its name where a null stands for it.
                SelectItem::UnnamedExpr(expr) => {
                    let alias = match expr {
                        Expr::Identifier(name) => Some(name.clone()),
                        Expr::CompoundIdentifier(names) => names.last().cloned(),
                        _ => None,
                    };
                    if let Some(alias) = alias {
                        *item = SelectItem::ExprWithAlias {
                            expr: expr.clone(),
                            alias,
                        };
                    }
                }
                SelectItem::Wildcard(options) | SelectItem::QualifiedWildcard(_, options) => {
                    self.wildcard(options);
                }
                _ => {}
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::CompoundIdentifier(names) = &*expr
            && let Some(path) = nested(names, &self.tables)
        {
            *expr = Expr::Identifier(Ident::with_quote('"', nested_name(&path)));
        }
        let name = match &*expr {
            Expr::Identifier(name) => Some(name),
            Expr::CompoundIdentifier(names) => match names.as_slice() {
                [table, name] if self.tables.contains(&table.value) => Some(name),
                _ => None,
            },
            _ => None,
        };
        if let Some(name) = name
            && !self.has(&name.value)
        {
            self.missing = true;
            *expr = self.stand.expr();
        }
        ControlFlow::Continue(())
    }
}

/// Reads whether SQL is about events (a transformation) or about records (how a record becomes an event).
pub fn reads_records(sql: &str) -> Result<bool> {
    let ast = statement::parse(sql)?;
    let Some(SetExpr::Select(select)) = body(&ast) else {
        return Ok(false);
    };
    let names = |factor: &TableFactor| matches!(factor, TableFactor::Table { name, .. } if name.to_string().trim_matches('"') == "records");
    Ok(select.from.iter().any(|table| names(&table.relation)))
}
