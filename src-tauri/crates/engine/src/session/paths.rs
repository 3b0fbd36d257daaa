//! The places in a record that SQL names: `value.order.total`, `value.items[1].sku`, `_key`.
//!
//! Records have no fixed shape, so a place is looked for in the batch at hand, and one that is not there is null.

use std::{collections::BTreeSet, ops::ControlFlow, sync::LazyLock};

use arrow::datatypes::{DataType, Schema};
use datafusion::{
    catalog::EmptyCatalogProviderList,
    execution::SessionState,
    sql::sqlparser::{
        ast::{AccessExpr, Expr, Ident, Select, SelectItem, Subscript, Value, VisitMut, VisitorMut},
        tokenizer::Span,
    },
};
use std::sync::Arc;
use tailrace_model::Result;

use super::base;

/// A place in a record, outermost name first: `["value", "order", "total"]`.
pub type RecordPath = Vec<String>;

/// The columns of a record.
pub(super) const RECORD_COLUMNS: [&str; 6] =
    ["value", "_key", "_offset", "_partition", "_timestamp", "_headers"];

/// The planner for expressions over records: it has no tables.
pub(super) fn state() -> Result<SessionState> {
    static STATE: LazyLock<Result<SessionState>> = LazyLock::new(|| {
        base::runtime().map(|runtime| base::state(runtime, "UTC", Arc::new(EmptyCatalogProviderList)))
    });
    STATE.clone()
}

/// What a null stands in for when a place is missing: of no type first, then of whichever type the SQL around it takes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stand {
    Null,
    Typed(&'static str),
}

impl Stand {
    pub(super) const ALL: [Self; 5] = [
        Self::Null,
        Self::Typed("DOUBLE"),
        Self::Typed("VARCHAR"),
        Self::Typed("BOOLEAN"),
        Self::Typed("TIMESTAMP"),
    ];

    pub(super) fn expr(self) -> Expr {
        let null = Expr::Value(Value::Null.into());
        let data_type = match self {
            Self::Null => return null,
            Self::Typed("DOUBLE") => datafusion::sql::sqlparser::ast::DataType::Double(
                datafusion::sql::sqlparser::ast::ExactNumberInfo::None,
            ),
            Self::Typed("BOOLEAN") => datafusion::sql::sqlparser::ast::DataType::Boolean,
            Self::Typed("TIMESTAMP") => datafusion::sql::sqlparser::ast::DataType::Timestamp(
                None,
                datafusion::sql::sqlparser::ast::TimezoneInfo::None,
            ),
            Self::Typed(_) => datafusion::sql::sqlparser::ast::DataType::Varchar(None),
        };
        Expr::Cast {
            kind: datafusion::sql::sqlparser::ast::CastKind::Cast,
            expr: Box::new(null),
            data_type,
            array: false,
            format: None,
        }
    }
}

/// Walks SQL over records: finds its places and, given a batch's schema, puts a null for those that are not in it.
pub(super) struct Places<'a> {
    schema: Option<(&'a Schema, Stand)>,
    pub(super) found: BTreeSet<RecordPath>,
    pub(super) missing: BTreeSet<RecordPath>,
    /// Names that are a part of a place, not a column: `sku` of `value.items[1].sku`.
    parts: BTreeSet<Span>,
}

impl<'a> Places<'a> {
    pub(super) fn find(ast: &mut impl VisitMut) -> BTreeSet<RecordPath> {
        let mut places = Self {
            schema: None,
            found: BTreeSet::new(),
            missing: BTreeSet::new(),
            parts: BTreeSet::new(),
        };
        let _ = ast.visit(&mut places);
        places.found
    }

    /// Returns the places that the schema does not have.
    pub(super) fn fit(ast: &mut impl VisitMut, schema: &'a Schema, stand: Stand) -> BTreeSet<RecordPath> {
        let mut places = Self {
            schema: Some((schema, stand)),
            found: BTreeSet::new(),
            missing: BTreeSet::new(),
            parts: BTreeSet::new(),
        };
        let _ = ast.visit(&mut places);
        places.missing
    }

    /// Notes a place; the null that stands for it, when it is missing.
    fn note(&mut self, path: RecordPath) -> Option<Expr> {
        let missing = self.schema.filter(|(schema, _)| !has(schema, &path));
        if missing.is_some() {
            self.missing.insert(path.clone());
        }
        self.found.insert(path);
        missing.map(|(_, stand)| stand.expr())
    }
}

impl VisitorMut for Places<'_> {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        // A place without a name of its own is named by its last part, also where a null stands for it.
        for item in &mut select.projection {
            if let SelectItem::UnnamedExpr(expr) = item
                && let Some(alias) = last_name(expr)
            {
                *item = SelectItem::ExprWithAlias {
                    expr: expr.clone(),
                    alias,
                };
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let replaced = match expr {
            Expr::Identifier(name) if !self.parts.contains(&name.span) => {
                place(std::slice::from_ref(name)).and_then(|path| self.note(path))
            }
            Expr::CompoundIdentifier(names) => place(names).and_then(|path| self.note(path)),
            Expr::CompoundFieldAccess { root, access_chain } => {
                for access in access_chain.iter() {
                    if let AccessExpr::Dot(Expr::Identifier(name)) = access {
                        self.parts.insert(name.span);
                    }
                }
                let names = leading(root, access_chain);
                let path = names.as_deref().and_then(place);
                let null = path.and_then(|path| self.note(path));
                // The root is a part of what was noted.
                match root.as_ref() {
                    Expr::Identifier(name) => drop(self.parts.insert(name.span)),
                    Expr::CompoundIdentifier(_) if null.is_none() => {}
                    _ => {}
                }
                null
            }
            _ => None,
        };
        if let Some(null) = replaced {
            *expr = null;
        }
        ControlFlow::Continue(())
    }
}

pub(super) fn last_name(expr: &Expr) -> Option<Ident> {
    match expr {
        Expr::CompoundIdentifier(names) if place(names).is_some() => names.last().cloned(),
        Expr::Identifier(name) if RECORD_COLUMNS.contains(&name.value.as_str()) => Some(name.clone()),
        Expr::CompoundFieldAccess { root, access_chain } => {
            let names = leading(root, access_chain)?;
            place(&names)?;
            match access_chain.last() {
                Some(AccessExpr::Dot(Expr::Identifier(name))) => Some(name.clone()),
                _ => names.last().cloned(),
            }
        }
        _ => None,
    }
}

/// The path of a field of the value, from `value` on, whatever names its table: `["value", "order", "total"]`.
pub(super) fn field(expr: &Expr) -> Option<RecordPath> {
    let names = match expr {
        Expr::CompoundIdentifier(names) => names.clone(),
        Expr::CompoundFieldAccess { root, access_chain } => {
            let names = leading(root, access_chain)?;
            let whole = match root.as_ref() {
                Expr::CompoundIdentifier(first) => first.len(),
                _ => 1,
            } + access_chain.len();
            // `value.items[1]` is no field.
            (names.len() == whole).then_some(names)?
        }
        _ => return None,
    };
    let from = names.iter().position(|name| name.value == "value")?;
    let path = names[from..].iter().map(|name| name.value.clone());
    (from <= 2 && names.len() > from + 1).then(|| path.collect())
}

/// The names at the beginning of `value.items[1].sku`: `value`, `items`.
fn leading(root: &Expr, chain: &[AccessExpr]) -> Option<Vec<Ident>> {
    let mut names = match root {
        Expr::Identifier(name) => vec![name.clone()],
        Expr::CompoundIdentifier(names) => names.clone(),
        _ => return None,
    };
    for access in chain {
        match access {
            AccessExpr::Dot(Expr::Identifier(name)) => names.push(name.clone()),
            AccessExpr::Subscript(Subscript::Index {
                index: Expr::Value(value),
            }) => match &value.value {
                Value::SingleQuotedString(name) => names.push(Ident::with_quote('"', name)),
                _ => break,
            },
            _ => break,
        }
    }
    Some(names)
}

/// The place that names stand for: from a column of a record on, with at most the table's name before it.
fn place(names: &[Ident]) -> Option<RecordPath> {
    let is_column = |at: usize| {
        names
            .get(at)
            .is_some_and(|name| RECORD_COLUMNS.contains(&name.value.as_str()))
    };
    let from = if is_column(0) {
        0
    } else if is_column(1) {
        1
    } else {
        return None;
    };
    Some(names[from..].iter().map(|name| name.value.clone()).collect())
}

fn has(schema: &Schema, path: &[String]) -> bool {
    let Some((column, fields)) = path.split_first() else {
        return false;
    };
    let Ok(field) = schema.field_with_name(column) else {
        return false;
    };
    let mut data_type = field.data_type();
    for name in fields {
        let DataType::Struct(fields) = data_type else {
            return false;
        };
        match fields.find(name) {
            Some((_, field)) => data_type = field.data_type(),
            None => return false,
        }
    }
    data_type != &DataType::Null
}

/// `value.order.total`.
pub(super) fn dotted(path: &[String]) -> String {
    path.join(".")
}
