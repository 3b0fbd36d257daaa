//! Reading conditions: the fields and the literals in DataFusion's expressions.

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::{
    common::{ScalarValue, tree_node::TreeNode},
    logical_expr::{BinaryExpr, Expr, Operator, Volatility},
};
use tailrace_model::need::Place;

/// Whether a condition may be evaluated where records are read.
pub(in crate::session) fn is_safe(expr: &Expr) -> bool {
    let unsafe_here = expr.exists(|expr| {
        Ok(match expr {
            Expr::ScalarSubquery(_)
            | Expr::InSubquery(_)
            | Expr::Exists(_)
            | Expr::SetComparison(_)
            | Expr::OuterReferenceColumn(..)
            | Expr::AggregateFunction(_)
            | Expr::WindowFunction(_)
            | Expr::Unnest(_) => true,
            Expr::ScalarFunction(call) => call.func.signature().volatility == Volatility::Volatile,
            _ => false,
        })
    });
    matches!(unsafe_here, Ok(false))
}

/// The place that an expression names: `value.order.total` as `["value", "order", "total"]`.
pub(super) fn path(expr: &Expr) -> Option<Vec<String>> {
    match expr {
        Expr::Column(column) => Some(vec![column.name.clone()]),
        Expr::Alias(alias) => path(&alias.expr),
        Expr::ScalarFunction(call) if call.name() == "get_field" => {
            let (first, names) = call.args.split_first()?;
            let mut whole = path(first)?;
            for name in names {
                whole.push(text(name)?);
            }
            Some(whole)
        }
        _ => None,
    }
}

/// A text literal.
pub(super) fn text(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Literal(
            ScalarValue::Utf8(text) | ScalarValue::LargeUtf8(text) | ScalarValue::Utf8View(text),
            _,
        ) => text.clone(),
        _ => None,
    }
}

/// A number literal.
pub(super) fn number(expr: &Expr) -> Option<f64> {
    let Expr::Literal(literal, _) = expr else {
        return None;
    };
    if !literal.data_type().is_numeric() {
        return None;
    }
    match literal.cast_to(&DataType::Float64) {
        Ok(ScalarValue::Float64(Some(number))) if number.is_finite() => Some(number),
        _ => None,
    }
}

/// A comparison with its literal on the right.
pub(super) fn compared(expr: &Expr) -> Option<(&Expr, Operator, &Expr)> {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = expr else {
        return None;
    };
    if matches!(right.as_ref(), Expr::Literal(..)) {
        return Some((left, *op, right));
    }
    matches!(left.as_ref(), Expr::Literal(..))
        .then(|| op.swap())
        .flatten()
        .map(|op| (right.as_ref(), op, left.as_ref()))
}

/// The column that says where or when, through casts that keep its order and its value.
pub(super) fn place(expr: &Expr) -> Option<Place> {
    match expr {
        Expr::Column(column) => match column.name.as_str() {
            "_partition" => Some(Place::Partition),
            "_offset" => Some(Place::Offset),
            "_timestamp" => Some(Place::Timestamp),
            _ => None,
        },
        Expr::Cast(cast) => kept(place(&cast.expr)?, cast.field.data_type()),
        Expr::TryCast(cast) => kept(place(&cast.expr)?, cast.field.data_type()),
        _ => None,
    }
}

fn kept(place: Place, to: &DataType) -> Option<Place> {
    let kept = match (place, to) {
        (Place::Timestamp, DataType::Timestamp(unit, Some(_))) => *unit != TimeUnit::Second,
        (Place::Partition | Place::Offset, DataType::Int64) => true,
        _ => false,
    };
    kept.then_some(place)
}

/// A literal as the column counts, rounded down and up.
pub(super) fn at(place: Place, literal: &Expr) -> Option<(i64, i64)> {
    let Expr::Literal(literal, _) = literal else {
        return None;
    };
    let divided = |value: i64, by: i64| {
        let down = value.div_euclid(by);
        (down, down + i64::from(value.rem_euclid(by) != 0))
    };
    match (place, literal) {
        (Place::Timestamp, ScalarValue::TimestampSecond(Some(at), Some(_))) => {
            at.checked_mul(1_000).map(|ms| (ms, ms))
        }
        (Place::Timestamp, ScalarValue::TimestampMillisecond(Some(at), Some(_))) => Some((*at, *at)),
        (Place::Timestamp, ScalarValue::TimestampMicrosecond(Some(at), Some(_))) => Some(divided(*at, 1_000)),
        (Place::Timestamp, ScalarValue::TimestampNanosecond(Some(at), Some(_))) => {
            Some(divided(*at, 1_000_000))
        }
        (Place::Partition | Place::Offset, literal) if literal.data_type().is_integer() => {
            match literal.cast_to(&DataType::Int64) {
                Ok(ScalarValue::Int64(Some(at))) => Some((at, at)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// What a condition says of where or when: both ends included, maybe a little more than it says.
pub(super) fn bounds(expr: &Expr) -> Option<(Place, i64, i64)> {
    if let Expr::Between(between) = expr
        && !between.negated
    {
        let place = place(&between.expr)?;
        return Some((place, at(place, &between.low)?.0, at(place, &between.high)?.1));
    }
    let (left, op, right) = compared(expr)?;
    let place = place(left)?;
    let (down, up) = at(place, right)?;
    let (at_least, at_most) = match op {
        Operator::Eq => (down, up),
        Operator::Lt => (i64::MIN, if down == up { down.saturating_sub(1) } else { down }),
        Operator::LtEq => (i64::MIN, down),
        Operator::Gt => (if down == up { up.saturating_add(1) } else { up }, i64::MAX),
        Operator::GtEq => (up, i64::MAX),
        _ => return None,
    };
    Some((place, at_least, at_most))
}
