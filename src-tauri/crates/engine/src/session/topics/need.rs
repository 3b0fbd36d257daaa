//! What a record must have so that a condition can hold: see [`Need`].

use datafusion::{
    common::tree_node::TreeNode,
    logical_expr::{BinaryExpr, Expr, Operator},
};
use tailrace_model::need::Need;

use super::expr::{bounds, compared, number, path, text};

/// Functions that are null where any of their arguments is.
const STRICT: [&str; 20] = [
    "abs",
    "btrim",
    "ceil",
    "character_length",
    "contains",
    "ends_with",
    "floor",
    "left",
    "lower",
    "ltrim",
    "regexp_like",
    "replace",
    "right",
    "round",
    "rtrim",
    "starts_with",
    "strpos",
    "substr",
    "trim",
    "upper",
];

/// What `condition` needs; null counts as no.
pub(in crate::session) fn need(condition: &Expr) -> Need {
    if let Some((column, at_least, at_most)) = bounds(condition) {
        return Need::Place {
            column,
            at_least,
            at_most,
        };
    }
    match condition {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match op {
            Operator::And => Need::all([need(left), need(right)]),
            Operator::Or => Need::one_of([need(left), need(right)]),
            _ => comparison(condition).unwrap_or_else(|| present(condition)),
        },
        Expr::InList(list) if !list.negated => list
            .list
            .iter()
            .map(|literal| equal(&list.expr, literal))
            .collect::<Option<Vec<_>>>()
            .map_or_else(|| present(&list.expr), Need::one_of),
        Expr::Between(between) if !between.negated => {
            let ends = number(&between.low).zip(number(&between.high));
            ends.and_then(|(low, high)| numbers(&between.expr, Some(low), Some(high)))
                .unwrap_or_else(|| present(&between.expr))
        }
        Expr::IsNotNull(inner) => present(inner),
        Expr::IsTrue(inner) => need(inner),
        _ => present(condition),
    }
}

fn comparison(condition: &Expr) -> Option<Need> {
    let (left, op, right) = compared(condition)?;
    if op == Operator::Eq {
        return equal(left, right);
    }
    let bound = Some(number(right)?);
    match op {
        // Both ends included: a float that is rounded may be equal where the number is not.
        Operator::Lt | Operator::LtEq => numbers(left, None, bound),
        Operator::Gt | Operator::GtEq => numbers(left, bound, None),
        _ => None,
    }
}

fn equal(left: &Expr, literal: &Expr) -> Option<Need> {
    if let Some(number) = number(literal) {
        return numbers(left, Some(number), Some(number));
    }
    let text = text(literal)?;
    let path = path(left)?;
    match path.as_slice() {
        [key] if key == "_key" => Some(Need::Key { texts: vec![text] }),
        [value, .., name] if value == "value" && is_only_text(&text) => Some(Need::Text {
            name: name.clone(),
            texts: vec![text],
        }),
        _ => None,
    }
}

/// Whether no number and no truth is equal to it, however SQL compares them.
fn is_only_text(text: &str) -> bool {
    let trimmed = text.trim();
    let is_number =
        trimmed.parse::<f64>().is_ok() || trimmed.starts_with(|first: char| first.is_ascii_digit());
    let is_truth = [
        "true", "false", "t", "f", "yes", "no", "y", "n", "on", "off", "tr", "tru", "fa", "fal", "fals",
        "ye", "of",
    ]
    .iter()
    .any(|word| trimmed.eq_ignore_ascii_case(word));
    // A list's JSON text may hold a text with its quotes.
    !is_number && !is_truth && !trimmed.is_empty() && !trimmed.starts_with('"')
}

fn numbers(left: &Expr, at_least: Option<f64>, at_most: Option<f64>) -> Option<Need> {
    let name = field(left)?;
    Some(Need::Number {
        name,
        at_least,
        at_most,
    })
}

/// The name of a field of the value, through casts that keep numbers as they are.
fn field(expr: &Expr) -> Option<String> {
    use arrow::datatypes::DataType;
    match expr {
        Expr::Cast(cast) if cast.field.data_type() == &DataType::Float64 => field(&cast.expr),
        Expr::TryCast(cast) if cast.field.data_type() == &DataType::Float64 => field(&cast.expr),
        _ => match path(expr)?.as_slice() {
            [value, .., name] if value == "value" => Some(name.clone()),
            _ => None,
        },
    }
}

/// That everything is there without which an expression is null.
fn present(expr: &Expr) -> Need {
    let mut names = Vec::new();
    collect(expr, &mut names);
    names.sort_unstable();
    names.dedup();
    Need::all(names.into_iter().map(|name| Need::Present { name }))
}

fn collect(expr: &Expr, names: &mut Vec<String>) {
    if let Some(path) = path(expr) {
        if let [value, .., name] = path.as_slice()
            && value == "value"
        {
            names.push(name.clone());
        }
        return;
    }
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_strict(*op) => {
            collect(left, names);
            collect(right, names);
        }
        Expr::Cast(cast) => collect(&cast.expr, names),
        Expr::TryCast(cast) => collect(&cast.expr, names),
        // Of `not (a and b)` one may be null.
        Expr::Not(inner) | Expr::Negative(inner)
            if !inner.exists(|expr| Ok(is_lenient(expr))).unwrap_or(true) =>
        {
            collect(inner, names);
        }
        Expr::Like(like) | Expr::SimilarTo(like) => collect(&like.expr, names),
        Expr::Between(between) => collect(&between.expr, names),
        Expr::InList(list) => collect(&list.expr, names),
        Expr::ScalarFunction(call) if STRICT.contains(&call.name()) => {
            call.args.iter().for_each(|arg| collect(arg, names));
        }
        _ => {}
    }
}

fn is_strict(op: Operator) -> bool {
    matches!(
        op,
        Operator::Eq
            | Operator::NotEq
            | Operator::Lt
            | Operator::LtEq
            | Operator::Gt
            | Operator::GtEq
            | Operator::Plus
            | Operator::Minus
            | Operator::Multiply
            | Operator::Divide
            | Operator::Modulo
            | Operator::RegexMatch
            | Operator::RegexIMatch
            | Operator::RegexNotMatch
            | Operator::RegexNotIMatch
            | Operator::LikeMatch
            | Operator::ILikeMatch
            | Operator::NotLikeMatch
            | Operator::NotILikeMatch
            | Operator::StringConcat
    )
}

fn is_lenient(expr: &Expr) -> bool {
    match expr {
        Expr::BinaryExpr(BinaryExpr { op, .. }) => !is_strict(*op),
        Expr::ScalarFunction(call) => call.name() != "get_field" && !STRICT.contains(&call.name()),
        Expr::Column(_)
        | Expr::Literal(..)
        | Expr::Cast(_)
        | Expr::TryCast(_)
        | Expr::Not(_)
        | Expr::Negative(_)
        | Expr::Like(_)
        | Expr::SimilarTo(_)
        | Expr::Between(_)
        | Expr::InList(_)
        | Expr::Alias(_) => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::RecordFilter;

    #[test]
    fn predicates_need_what_they_cannot_hold_without() {
        let number = |name: &str, at_least, at_most| Need::Number {
            name: name.into(),
            at_least,
            at_most,
        };
        let text = |name: &str, text: &str| Need::Text {
            name: name.into(),
            texts: vec![text.into()],
        };
        let present = |name: &str| Need::Present { name: name.into() };
        let check = |predicate: &str, expected: Need| {
            let filter = RecordFilter::parse(predicate, 0).unwrap();
            assert_eq!(filter.need(), expected, "{predicate}");
        };
        check("value.total > 100", number("total", Some(100.0), None));
        check("100 >= value.o.total", number("total", None, Some(100.0)));
        check("value.event = 'Order'", text("event", "Order"));
        check(
            "value.total > 490 and value.event = 'Order Completed'",
            Need::All(vec![
                number("total", Some(490.0), None),
                text("event", "Order Completed"),
            ]),
        );
        check(
            "value.event in ('Order', 'Page')",
            Need::OneOf(vec![text("event", "Order"), text("event", "Page")]),
        );
        check(
            "_key = 'u_1'",
            Need::Key {
                texts: vec!["u_1".into()],
            },
        );
        check("value.a = value.b", Need::All(vec![present("a"), present("b")]));
        check("value.a is not null", present("a"));
        check("lower(value.a) like 'x%'", present("a"));
        check("not value.a = 'x'", present("a"));
        // A number may be equal to such a text, and what is null may hold.
        check("value.a = '5'", present("a"));
        check("value.a is null", Need::Any);
        check("coalesce(value.a, 0) < 5", Need::Any);
        check("value.total > 5 or value.a is null", Need::Any);
        check(
            "not (value.a = 'x' and value.b = 'y')",
            Need::OneOf(vec![present("a"), present("b")]),
        );
        check("value = 'x'", Need::Any);
    }
}
