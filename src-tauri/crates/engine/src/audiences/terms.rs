//! The smallest pieces of a condition's SQL: comparisons, windows and aggregates.
//!
//! Semantics: a comparison with a missing value is null, which counts as false; only `null` is true of it. Text is
//! compared with its case. A number compared with a text column compares as a number where the text is one. Every text
//! made here means the same in DataFusion and in DuckDB.

use arrow::datatypes::DataType;
use chrono::{DateTime, NaiveDate, NaiveDateTime};
use tailrace_model::{
    Aggregate, Error, NumberOperator, Operator, Performed, PropertyCondition, Result, Span, SpanUnit, Value,
};

use crate::session::{
    Shapes,
    names::{property_column, quote_name, quote_number, quote_text},
};

/// What is compared: a column or an expression, its type, and what a person calls it.
pub(crate) struct Target<'a> {
    pub(crate) sql: &'a str,
    pub(crate) data_type: &'a DataType,
    pub(crate) label: &'a str,
}

/// How a type is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Text,
    Number,
    Bool,
    /// With the zone of its literals: `true` for an instant.
    Time(bool),
    Date,
    /// No value was seen yet: every comparison is false.
    Unseen,
    Other,
}

fn class(data_type: &DataType) -> Class {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Class::Text,
        DataType::Dictionary(_, values) => class(values),
        DataType::Boolean => Class::Bool,
        DataType::Timestamp(_, zone) => Class::Time(zone.is_some()),
        DataType::Date32 | DataType::Date64 => Class::Date,
        DataType::Null => Class::Unseen,
        other if other.is_numeric() => Class::Number,
        _ => Class::Other,
    }
}

pub(crate) fn is_text(data_type: &DataType) -> bool {
    class(data_type) == Class::Text
}

fn class_name(class: Class) -> &'static str {
    match class {
        Class::Text => "text",
        Class::Number => "a number",
        Class::Bool => "true or false",
        Class::Time(_) => "a time",
        Class::Date => "a date",
        Class::Unseen => "unknown",
        Class::Other => "a list or an object",
    }
}

/// The comparison as SQL that is true, false or null.
pub(crate) fn comparison(target: &Target, op: Operator, value: Option<&Value>) -> Result<String> {
    let sql = target.sql;
    if op.is_unary() {
        if value.is_some() {
            return Err(Error::user(
                "condition_value",
                format!("\"{}\" takes no value: remove it", symbol(op)),
            ));
        }
        return Ok(format!(
            "{sql} IS {}NULL",
            if op == Operator::Exists { "NOT " } else { "" }
        ));
    }
    let Some(value) = value else {
        return Err(Error::user(
            "condition_value",
            format!("{} {} needs a value", target.label, symbol(op)),
        ));
    };
    match op {
        Operator::Contains | Operator::Starts | Operator::Ends | Operator::Matches => {
            text_test(target, op, value)
        }
        Operator::In => {
            let values = list(target, op, value)?;
            let (sql, literals) = literals(target, values)?;
            Ok(match literals {
                None => "false".to_owned(),
                Some(literals) => format!("{sql} IN ({})", literals.join(", ")),
            })
        }
        Operator::Between => {
            let values = list(target, op, value)?;
            if values.len() != 2 {
                let message = format!(
                    "{} between needs two values, and there are {}",
                    target.label,
                    values.len()
                );
                return Err(Error::user("condition_value", message));
            }
            let (sql, literals) = literals(target, values)?;
            Ok(match literals.as_deref() {
                Some([from, to]) => format!("{sql} BETWEEN {from} AND {to}"),
                _ => "false".to_owned(),
            })
        }
        _ => {
            if matches!(value, Value::List(_)) {
                let message = format!("{} {} needs one value, not a list", target.label, symbol(op));
                return Err(Error::user("condition_value", message));
            }
            if class(target.data_type) == Class::Bool && !matches!(op, Operator::Equal | Operator::NotEqual) {
                let message = format!("{} is true or false: compare it with = or !=", target.label);
                return Err(Error::user("condition_type", message));
            }
            let (sql, literals) = literals(target, std::slice::from_ref(value))?;
            let one = literals.and_then(|literals| literals.into_iter().next());
            Ok(one.map_or_else(
                || "false".to_owned(),
                |literal| format!("{sql} {} {literal}", symbol(op)),
            ))
        }
    }
}

/// As a definition writes it.
pub(crate) fn symbol(op: Operator) -> &'static str {
    match op {
        Operator::Equal => "=",
        Operator::NotEqual => "!=",
        Operator::Less => "<",
        Operator::LessOrEqual => "<=",
        Operator::Greater => ">",
        Operator::GreaterOrEqual => ">=",
        Operator::In => "in",
        Operator::Between => "between",
        Operator::Contains => "contains",
        Operator::Starts => "starts",
        Operator::Ends => "ends",
        Operator::Matches => "matches",
        Operator::Exists => "exists",
        Operator::Null => "null",
    }
}

pub(crate) fn number_symbol(op: NumberOperator) -> &'static str {
    match op {
        NumberOperator::Equal => "=",
        NumberOperator::NotEqual => "!=",
        NumberOperator::Less => "<",
        NumberOperator::LessOrEqual => "<=",
        NumberOperator::Greater => ">",
        NumberOperator::GreaterOrEqual => ">=",
    }
}

/// Whether `left op right`, as SQL has it.
pub(crate) fn number_holds(left: f64, op: NumberOperator, right: f64) -> bool {
    match op {
        NumberOperator::Equal => left == right,
        NumberOperator::NotEqual => left != right,
        NumberOperator::Less => left < right,
        NumberOperator::LessOrEqual => left <= right,
        NumberOperator::Greater => left > right,
        NumberOperator::GreaterOrEqual => left >= right,
    }
}

fn text_test(target: &Target, op: Operator, value: &Value) -> Result<String> {
    let kind = class(target.data_type);
    if kind == Class::Unseen {
        return Ok("false".to_owned());
    }
    if kind != Class::Text {
        let message = format!(
            "{} is {}: \"{}\" needs text",
            target.label,
            class_name(kind),
            symbol(op)
        );
        return Err(Error::user("condition_type", message));
    }
    if matches!(value, Value::List(_)) {
        let message = format!("{} {} needs one text, not a list", target.label, symbol(op));
        return Err(Error::user("condition_value", message));
    }
    if op == Operator::Matches
        && let Err(error) = regex::Regex::new(&value.display())
    {
        let why = error.to_string();
        let why = why
            .lines()
            .last()
            .unwrap_or_default()
            .trim_start_matches("error: ")
            .to_owned();
        let message = format!("\"{}\" is not a regular expression: {why}", value.display());
        return Err(Error::user("condition_value", message));
    }
    let function = match op {
        Operator::Contains => "contains",
        Operator::Starts => "starts_with",
        Operator::Ends => "ends_with",
        _ => "regexp_matches",
    };
    Ok(format!(
        "{function}({}, {})",
        target.sql,
        quote_text(&value.display())
    ))
}

fn list<'a>(target: &Target, op: Operator, value: &'a Value) -> Result<&'a [Value]> {
    match value {
        Value::List(values) if !values.is_empty() => Ok(values),
        _ => {
            let message = format!("{} {} needs a list of values", target.label, symbol(op));
            Err(Error::user("condition_value", message))
        }
    }
}

/// The target and the values as SQL of one type; no literals: nothing compares with what was never seen.
fn literals(target: &Target, values: &[Value]) -> Result<(String, Option<Vec<String>>)> {
    let kind = class(target.data_type);
    let sql = target.sql.to_owned();
    if kind == Class::Unseen {
        return Ok((sql, None));
    }
    if kind == Class::Text && values.iter().all(|value| matches!(value, Value::Number(_))) {
        let numbers = values
            .iter()
            .map(|value| literal(target, Class::Number, value))
            .collect::<Result<_>>()?;
        return Ok((format!("TRY_CAST({sql} AS DOUBLE)"), Some(numbers)));
    }
    let literals = values
        .iter()
        .map(|value| literal(target, kind, value))
        .collect::<Result<_>>()?;
    Ok((sql, Some(literals)))
}

fn literal(target: &Target, kind: Class, value: &Value) -> Result<String> {
    let made = match (kind, value) {
        (Class::Text, Value::Bool(_) | Value::Number(_) | Value::Text(_)) => {
            Some(quote_text(&value.display()))
        }
        (Class::Number, Value::Number(number)) => quote_number(*number),
        (Class::Number, Value::Text(text)) => text.trim().parse().ok().and_then(quote_number),
        (Class::Bool, Value::Bool(truth)) => Some(truth.to_string()),
        (Class::Bool, Value::Text(text)) => text.trim().parse::<bool>().ok().map(|truth| truth.to_string()),
        (Class::Time(zoned), Value::Text(text)) => instant(text).map(|time| {
            let text = time.format("%Y-%m-%d %H:%M:%S%.3f");
            if zoned {
                format!("TIMESTAMP WITH TIME ZONE '{text}+00:00'")
            } else {
                format!("TIMESTAMP '{text}'")
            }
        }),
        (Class::Date, Value::Text(text)) => {
            instant(text).map(|time| format!("DATE '{}'", time.format("%Y-%m-%d")))
        }
        _ => None,
    };
    made.ok_or_else(|| {
        let hint = if matches!(kind, Class::Time(_) | Class::Date) {
            ": write a date such as 2025-01-31 or a time such as 2025-01-31T08:00:00Z"
        } else {
            ""
        };
        let message = format!(
            "{} is {}, and \"{}\" is not{hint}",
            target.label,
            class_name(kind),
            value.display()
        );
        Error::user("condition_type", message)
    })
}

/// A date or a time; without a zone it is in UTC.
fn instant(text: &str) -> Option<NaiveDateTime> {
    let text = text.trim();
    let zoned = DateTime::parse_from_rfc3339(text)
        .ok()
        .map(|time| time.naive_utc());
    let naive = || {
        ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"]
            .iter()
            .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
    };
    let date = || {
        NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .ok()
            .and_then(|date| date.and_hms_opt(0, 0, 0))
    };
    zoned.or_else(naive).or_else(date)
}

/// `event = 'Order Completed'`.
pub(crate) fn event_term(event: &str) -> String {
    format!("event = {}", quote_text(event))
}

/// The beginning of a window: `timestamp > now() - INTERVAL '14 days'`. Its end, `timestamp <= now()`, is common to all.
pub(crate) fn window_term(window: Span) -> String {
    format!("timestamp > now() - INTERVAL '{window}'")
}

pub(crate) const WINDOW_END: &str = "timestamp <= now()";

/// The comparisons of an event's properties; one that no event had yet is null.
pub(crate) fn property_terms(filter: &[PropertyCondition], shapes: &Shapes) -> Result<Vec<String>> {
    let term = |condition: &PropertyCondition| {
        if condition.property.trim().is_empty() {
            return Err(Error::user(
                "condition_value",
                "a property has no name: write which one is compared",
            ));
        }
        let column = property_column(&shapes.events, &condition.property);
        let field = column.and_then(|column| shapes.events.field_with_name(column).ok());
        let sql = column.map_or_else(|| "NULL".to_owned(), quote_name);
        let data_type = field.map_or(&DataType::Null, |field| field.data_type());
        let label = format!("property \"{}\"", condition.property);
        comparison(
            &Target {
                sql: &sql,
                data_type,
                label: &label,
            },
            condition.op,
            condition.value.as_ref(),
        )
    };
    filter.iter().map(term).collect()
}

/// An aggregate over events, without its filter.
pub(crate) struct AggregateSql {
    pub(crate) sql: String,
    /// Whether none of the events gives 0 and not null.
    pub(crate) counts: bool,
}

pub(crate) fn aggregate(
    aggregate: Aggregate,
    property: Option<&str>,
    shapes: &Shapes,
) -> Result<AggregateSql> {
    if aggregate == Aggregate::Count {
        return match property {
            None => Ok(AggregateSql {
                sql: "count(*)".to_owned(),
                counts: true,
            }),
            Some(_) => Err(Error::user(
                "condition_value",
                "count takes no property: remove it, or use distinct",
            )),
        };
    }
    let name = aggregate_name(aggregate);
    let Some(property) = property.filter(|property| !property.trim().is_empty()) else {
        return Err(Error::user(
            "condition_value",
            format!("{name} needs a property: write which one"),
        ));
    };
    let column = property_column(&shapes.events, property);
    let field = column.and_then(|column| shapes.events.field_with_name(column).ok());
    let kind = field.map_or(Class::Unseen, |field| class(field.data_type()));
    let sql = column.map(quote_name).unwrap_or_default();
    if aggregate == Aggregate::Distinct {
        let sql = if kind == Class::Unseen {
            "count(CAST(NULL AS VARCHAR))".to_owned()
        } else {
            format!("count(DISTINCT {sql})")
        };
        return Ok(AggregateSql { sql, counts: true });
    }
    let argument = match kind {
        Class::Number => sql,
        Class::Text => format!("TRY_CAST({sql} AS DOUBLE)"),
        Class::Unseen => "CAST(NULL AS DOUBLE)".to_owned(),
        other => {
            let message = format!(
                "property \"{property}\" is {}: {name} needs a number",
                class_name(other)
            );
            return Err(Error::user("condition_type", message));
        }
    };
    Ok(AggregateSql {
        sql: format!("{name}({argument})"),
        counts: false,
    })
}

pub(crate) fn aggregate_name(aggregate: Aggregate) -> &'static str {
    match aggregate {
        Aggregate::Count => "count",
        Aggregate::Sum => "sum",
        Aggregate::Min => "min",
        Aggregate::Max => "max",
        Aggregate::Avg => "avg",
        Aggregate::Distinct => "distinct",
    }
}

/// Everything that an event must be to count for a condition, but the end of its window.
pub(crate) fn event_terms(
    event: &str,
    filter: &[PropertyCondition],
    window: Option<Span>,
    shapes: &Shapes,
) -> Result<Vec<String>> {
    if event.trim().is_empty() {
        return Err(Error::user(
            "condition_value",
            "no event is named: write which one",
        ));
    }
    let mut terms = vec![event_term(event)];
    terms.extend(property_terms(filter, shapes)?);
    terms.extend(window.map(window_term));
    Ok(terms)
}

pub(crate) fn performed_value(performed: &Performed) -> Result<String> {
    quote_number(performed.value).ok_or_else(|| {
        Error::user(
            "condition_value",
            format!("{} can't be compared with: write a number", performed.value),
        )
    })
}

/// A window that reaches at least as far back as each of these; `None` when that is not certain of any.
pub(crate) fn widest(windows: &[Span]) -> Option<Span> {
    let reaches = |wide: &Span, narrow: &Span| wide == narrow || days(*wide).0 >= days(*narrow).1;
    windows
        .iter()
        .find(|wide| windows.iter().all(|narrow| reaches(wide, narrow)))
        .copied()
}

/// The fewest and the most seconds that a span may last: days lose or gain an hour, months and years differ.
fn days(span: Span) -> (u64, u64) {
    const DAY: u64 = 86_400;
    let count = u64::from(span.count);
    let (least, most) = match span.unit {
        SpanUnit::Second => (1, 1),
        SpanUnit::Minute => (60, 60),
        SpanUnit::Hour => (3_600, 3_600),
        SpanUnit::Day => (DAY, DAY),
        SpanUnit::Week => (7 * DAY, 7 * DAY),
        SpanUnit::Month => (28 * DAY, 31 * DAY),
        SpanUnit::Year => (365 * DAY, 366 * DAY),
    };
    let calendar = matches!(
        span.unit,
        SpanUnit::Day | SpanUnit::Week | SpanUnit::Month | SpanUnit::Year
    );
    // Clocks are put forward or back by at most a few hours in all, whatever the span.
    let shift = if calendar { 3 * 3_600 } else { 0 };
    ((count * least).saturating_sub(shift), count * most + shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_widest_window_is_certain() {
        let check = |texts: &[&str], expected: Option<&str>| {
            let windows: Vec<Span> = texts.iter().map(|text| text.parse().unwrap()).collect();
            assert_eq!(
                widest(&windows).map(|span| span.to_string()).as_deref(),
                expected,
                "{texts:?}"
            );
        };
        check(&["14 days", "7 days"], Some("14 days"));
        check(&["30 days", "1 month"], None);
        check(&["40 days", "1 month"], Some("40 days"));
        check(&["1 day", "24 hours"], None);
        check(&["2 days", "24 hours"], Some("2 days"));
        check(&["14 days", "14 days"], Some("14 days"));
        check(&["1 year", "12 months"], None);
    }

    #[test]
    fn comparisons_are_written() {
        let check = |data_type: DataType, op: &str, value: &str, expected: Result<&str, &str>| {
            let op: Operator = serde_json::from_value(op.into()).unwrap();
            let value: Option<Value> = serde_json::from_str(value).unwrap();
            let target = Target {
                sql: "x",
                data_type: &data_type,
                label: "property \"x\"",
            };
            let found = comparison(&target, op, value.as_ref());
            assert_eq!(found.as_deref().map_err(|error| error.message.as_str()), expected);
        };
        check(DataType::Utf8, "=", "\"it's\"", Ok("x = 'it''s'"));
        check(DataType::Utf8, ">", "3", Ok("TRY_CAST(x AS DOUBLE) > 3"));
        check(DataType::Utf8, "in", "[\"a\", 2]", Ok("x IN ('a', '2')"));
        check(DataType::Int64, "in", "[1, \"2\"]", Ok("x IN (1, 2)"));
        check(
            DataType::Float64,
            "between",
            "[1, 2.5]",
            Ok("x BETWEEN 1 AND 2.5"),
        );
        check(DataType::Boolean, "!=", "true", Ok("x != true"));
        check(DataType::Null, "=", "1", Ok("false"));
        check(DataType::Null, "null", "null", Ok("x IS NULL"));
        check(
            DataType::Date32,
            ">",
            "\"2025-01-31\"",
            Ok("x > DATE '2025-01-31'"),
        );
        check(DataType::Utf8, "starts", "\"a\"", Ok("starts_with(x, 'a')"));
        check(
            DataType::Int64,
            "contains",
            "\"a\"",
            Err("property \"x\" is a number: \"contains\" needs text"),
        );
        check(
            DataType::Int64,
            "=",
            "\"abc\"",
            Err("property \"x\" is a number, and \"abc\" is not"),
        );
        check(
            DataType::Int64,
            "=",
            "null",
            Err("property \"x\" = needs a value"),
        );
        check(
            DataType::Int64,
            "between",
            "[1]",
            Err("property \"x\" between needs two values, and there are 1"),
        );
        check(
            DataType::Int64,
            "exists",
            "1",
            Err("\"exists\" takes no value: remove it"),
        );
        check(
            DataType::Boolean,
            "<",
            "true",
            Err("property \"x\" is true or false: compare it with = or !="),
        );
    }
}
