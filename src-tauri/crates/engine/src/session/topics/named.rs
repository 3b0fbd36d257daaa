//! The fields that a query names, before its tables are known: a topic's columns are what its sample has, and these.

use std::{collections::BTreeMap, ops::ControlFlow};

use datafusion::sql::{
    parser::Statement,
    sqlparser::ast::{
        AccessExpr, BinaryOperator, Expr, Ident, Select, SelectItem, Subscript, UnaryOperator, Value, Visit,
        Visitor,
    },
};

/// What a query does with a field, as far as its text shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Used {
    #[default]
    Anyhow,
    /// Compared or reckoned with numbers.
    Number,
    /// Compared with texts.
    Text,
    /// Compared with true or false.
    Bool,
}

/// The fields below `value` that a query names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Named {
    /// `value` itself, or every column.
    pub whole: bool,
    pub paths: BTreeMap<Vec<String>, Used>,
}

impl Named {
    /// Looks through a statement. A name counts wherever it is, whichever table it is of.
    pub(in crate::session) fn of(statement: &Statement) -> Self {
        let mut named = Self::default();
        match statement {
            Statement::Statement(statement) => drop(statement.visit(&mut named)),
            Statement::Explain(explain) => return Self::of(&explain.statement),
            _ => {}
        }
        named
    }

    pub(in crate::session) fn of_expr(expr: &Expr) -> Self {
        let mut named = Self::default();
        let _ = expr.visit(&mut named);
        named
    }

    pub(in crate::session) fn add(&mut self, other: Self) {
        self.whole |= other.whole;
        for (path, used) in other.paths {
            let known = self.paths.entry(path).or_default();
            if *known == Used::Anyhow {
                *known = used;
            }
        }
    }

    fn note(&mut self, expr: &Expr, used: Used) {
        let Some(path) = path(expr) else { return };
        if path.is_empty() {
            self.whole = true;
            return;
        }
        let known = self.paths.entry(path).or_default();
        if *known == Used::Anyhow {
            *known = used;
        }
    }
}

impl Visitor for Named {
    type Break = ();

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        self.whole |= select
            .projection
            .iter()
            .any(|item| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..)));
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::BinaryOp { left, op, right } => {
                let reckons = matches!(
                    op,
                    BinaryOperator::Plus
                        | BinaryOperator::Minus
                        | BinaryOperator::Multiply
                        | BinaryOperator::Divide
                        | BinaryOperator::Modulo
                );
                let compares = matches!(
                    op,
                    BinaryOperator::Eq
                        | BinaryOperator::NotEq
                        | BinaryOperator::Lt
                        | BinaryOperator::LtEq
                        | BinaryOperator::Gt
                        | BinaryOperator::GtEq
                );
                for (of, with) in [(left, right), (right, left)] {
                    match literal(with) {
                        Some(Used::Number) if reckons || compares => self.note(of, Used::Number),
                        Some(used) if compares => self.note(of, used),
                        _ => {}
                    }
                }
            }
            Expr::Between { expr, low, .. } => self.note(expr, literal(low).unwrap_or_default()),
            Expr::InList { expr, list, .. } => {
                self.note(expr, list.first().and_then(literal).unwrap_or_default());
            }
            Expr::Like { expr, .. } | Expr::ILike { expr, .. } => self.note(expr, Used::Text),
            Expr::Function(call) => {
                let name = call.name.to_string().to_lowercase();
                if ["sum", "avg", "stddev", "median"].contains(&name.as_str())
                    && let datafusion::sql::sqlparser::ast::FunctionArguments::List(list) = &call.args
                {
                    for arg in &list.args {
                        if let datafusion::sql::sqlparser::ast::FunctionArg::Unnamed(
                            datafusion::sql::sqlparser::ast::FunctionArgExpr::Expr(expr),
                        ) = arg
                        {
                            self.note(expr, Used::Number);
                        }
                    }
                }
            }
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::CompoundFieldAccess { .. } => {
                self.note(expr, Used::Anyhow);
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

fn literal(expr: &Expr) -> Option<Used> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(..) => Some(Used::Number),
            Value::SingleQuotedString(_) => Some(Used::Text),
            Value::Boolean(_) => Some(Used::Bool),
            _ => None,
        },
        Expr::UnaryOp {
            op: UnaryOperator::Minus | UnaryOperator::Plus,
            expr,
        } => literal(expr),
        Expr::Nested(inner) => literal(inner),
        _ => None,
    }
}

/// The names after `value`, with whatever table is named before it.
fn path(expr: &Expr) -> Option<Vec<String>> {
    let names: Vec<Ident> = match expr {
        Expr::Identifier(name) => vec![name.clone()],
        Expr::CompoundIdentifier(names) => names.clone(),
        Expr::Nested(inner) => return path(inner),
        Expr::Cast { expr, .. } => return path(expr),
        Expr::CompoundFieldAccess { root, access_chain } => {
            let mut path = path(root)?;
            for access in access_chain {
                match access {
                    AccessExpr::Dot(Expr::Identifier(name)) => path.push(name.value.clone()),
                    AccessExpr::Subscript(Subscript::Index {
                        index: Expr::Value(value),
                    }) => match &value.value {
                        Value::SingleQuotedString(name) => path.push(name.clone()),
                        _ => break,
                    },
                    _ => break,
                }
            }
            return Some(path);
        }
        _ => return None,
    };
    let at = names.iter().position(|name| name.value == "value")?;
    Some(names[at + 1..].iter().map(|name| name.value.clone()).collect())
}
