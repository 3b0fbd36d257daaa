//! The names of a result's columns that nobody named: as they were written, a field by its last part.
//!
//! Invariant: no two columns of one SELECT get the same name here: a field whose last part stands for another column too
//! is named by its whole path.

use std::ops::ControlFlow;

use datafusion::sql::{
    parser::Statement,
    sqlparser::ast::{
        Expr, Ident, OrderBy, OrderByKind, Query, Select, SelectItem, SetExpr, VisitMut, VisitorMut,
    },
};

use super::{
    paths::{RECORD_COLUMNS, field, last_name},
    topics::Named,
};

/// Names what reads fields of records: `value.total` is `total`, `sum(value.total)` is itself.
pub(super) fn name(statement: &mut Statement) {
    if let Statement::Statement(statement) = statement {
        let _ = statement.visit(&mut Written);
    }
}

struct Written;

impl VisitorMut for Written {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let SetExpr::Select(select) = query.body.as_mut() else {
            return ControlFlow::Continue(());
        };
        // Of distinct rows only what is selected can be sorted by: under the name that it has now.
        let sorted = query.order_by.as_mut().filter(|_| select.distinct.is_some());
        let Some(OrderBy {
            kind: OrderByKind::Expressions(sorted),
            ..
        }) = sorted
        else {
            return ControlFlow::Continue(());
        };
        let before = select.projection.clone();
        self.pre_visit_select(select)?;
        for sort in sorted {
            let same =
                |item: &SelectItem| matches!(item, SelectItem::UnnamedExpr(expr) if *expr == sort.expr);
            if let Some(at) = before.iter().position(same)
                && let Some(SelectItem::ExprWithAlias { alias, .. }) = select.projection.get(at)
            {
                sort.expr = Expr::Identifier(alias.clone());
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let taken: Vec<Option<String>> = select.projection.iter().map(short).collect();
        let is_one = |name: &str| taken.iter().flatten().filter(|other| *other == name).count() <= 1;
        let all = taken.iter().any(Option::is_none);
        let mut given: Vec<String> = Vec::new();
        for item in &mut select.projection {
            let SelectItem::UnnamedExpr(expr) = item else {
                continue;
            };
            if Named::of_expr(expr).paths.is_empty() {
                continue;
            }
            let names = match field(expr) {
                Some(path) => {
                    let last = path.last().cloned().unwrap_or_default();
                    // A record has such a column itself, and with * they are all there.
                    let free = !all && is_one(&last) && !RECORD_COLUMNS.contains(&last.as_str());
                    let path = path.join(".");
                    if free {
                        vec![last]
                    } else {
                        vec![path, expr.to_string()]
                    }
                }
                None => vec![expr.to_string()],
            };
            let Some(name) = names.into_iter().find(|name| !given.contains(name)) else {
                continue;
            };
            given.push(name.clone());
            *item = SelectItem::ExprWithAlias {
                expr: expr.clone(),
                alias: Ident::with_quote('"', name),
            };
        }
        ControlFlow::Continue(())
    }
}

/// The name that a column has, or would have by its last part. `None`: it is every column of a table.
fn short(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::UnnamedExpr(Expr::Identifier(name)) => Some(name.value.clone()),
        SelectItem::UnnamedExpr(expr @ Expr::CompoundIdentifier(names)) => {
            let last = field(expr).and_then(|path| path.last().cloned());
            last.or_else(|| names.last().map(|name| name.value.clone()))
        }
        SelectItem::UnnamedExpr(expr) => match last_name(expr) {
            Some(name) => Some(name.value),
            None => Some(expr.to_string()),
        },
        SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::statement::parse;

    #[test]
    fn columns_are_named_as_they_were_written() {
        let check = |columns: &str, expected: &[&str]| {
            let mut statement = parse(&format!("SELECT {columns} FROM prod.orders")).unwrap();
            name(&mut statement);
            let Statement::Statement(inner) = &statement else {
                unreachable!("it is a SELECT")
            };
            let text = inner.to_string();
            let expected = format!("SELECT {} FROM prod.orders", expected.join(", "));
            assert_eq!(text, expected);
        };
        check("value.total", &["value.total AS \"total\""]);
        check(
            "value.a.b, value['c']",
            &["value.a.b AS \"b\"", "value['c'] AS \"c\""],
        );
        check("prod.orders.value.a", &["prod.orders.value.a AS \"a\""]);
        // What would be told apart by its table alone keeps its path.
        check(
            "value.a.id, value.b.id",
            &["value.a.id AS \"value.a.id\"", "value.b.id AS \"value.b.id\""],
        );
        check(
            "x.value.id, y.value.id",
            &["x.value.id AS \"value.id\"", "y.value.id AS \"y.value.id\""],
        );
        check("c.id, value.id", &["c.id", "value.id AS \"value.id\""]);
        check("value.id, 1 AS id", &["value.id AS \"value.id\"", "1 AS id"]);
        check("*, value.id", &["*", "value.id AS \"value.id\""]);
        check("value._key", &["value._key AS \"value._key\""]);
        check(
            "sum(value.total), value.n * 2",
            &[
                "sum(value.total) AS \"sum(value.total)\"",
                "value.n * 2 AS \"value.n * 2\"",
            ],
        );
        check("_key, value, count(*)", &["_key", "value", "count(*)"]);
        let mut sorted = parse("SELECT DISTINCT value.a FROM t ORDER BY value.a DESC, value.b").unwrap();
        name(&mut sorted);
        let Statement::Statement(sorted) = &sorted else {
            unreachable!("it is a SELECT")
        };
        assert_eq!(
            sorted.to_string(),
            "SELECT DISTINCT value.a AS \"a\" FROM t ORDER BY \"a\" DESC, value.b"
        );
    }
}
