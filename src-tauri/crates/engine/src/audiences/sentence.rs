//! Conditions in plain English: a whole audience as one sentence, one condition as a clause, and in short why a profile
//! is a member.

use tailrace_model::{
    Aggregate, Condition, NumberOperator, Operator, Performed, PropertyCondition, Span, TraitCondition, Value,
};

use crate::session::parse_predicate;

/// `People whose plan is pro, who did Order Completed at least 3 times in the last 14 days and who never did Refund.`
pub fn sentence(condition: &Condition) -> String {
    match condition {
        Condition::All(children) if children.is_empty() => "Everyone.".to_owned(),
        Condition::Any(children) if children.is_empty() => "Nobody.".to_owned(),
        other => format!("People {}.", clause(other, false)),
    }
}

/// One condition by itself: of a group, what it asks of its children.
pub fn heading(condition: &Condition) -> String {
    match condition {
        Condition::All(_) => "all of".to_owned(),
        Condition::Any(_) => "any of".to_owned(),
        Condition::Not(_) => "not".to_owned(),
        other => short(&clause(other, false)).to_owned(),
    }
}

/// `4 × Order Completed in 14 days`, `plan is pro`: a condition that holds, with what it came to.
pub fn why(condition: &Condition, value: Option<&str>) -> String {
    match (condition, value) {
        (Condition::Performed(performed), Some(value)) => {
            let window = performed
                .window
                .map(|window| format!(" in {window}"))
                .unwrap_or_default();
            match (performed.aggregate, &performed.property) {
                (Aggregate::Count, _) => format!("{value} × {}{window}", performed.event),
                (aggregate, property) => {
                    let property = property.as_deref().unwrap_or_default();
                    format!("{} {property} {value}{window}", aggregate_word(aggregate))
                }
            }
        }
        (Condition::Attribute(attribute), Some(value)) => format!("{} is {value}", attribute.column),
        (Condition::Trait(compared), Some(value)) => format!("{} is {value}", compared.name),
        (other, _) => short(&clause(other, false)).to_owned(),
    }
}

/// Without the words that join it to `People`.
fn short(clause: &str) -> &str {
    let joins = ["who are ", "who ", "whose ", "for whom "];
    joins
        .iter()
        .find_map(|join| clause.strip_prefix(join))
        .unwrap_or(clause)
}

fn clause(condition: &Condition, negated: bool) -> String {
    match condition {
        Condition::All(children) => group(children, if negated { "or" } else { "and" }, negated),
        Condition::Any(children) => group(children, if negated { "and" } else { "or" }, negated),
        Condition::Not(child) => clause(child, !negated),
        Condition::Performed(performed) => performed_clause(performed, negated),
        Condition::Attribute(attribute) => {
            format!(
                "whose {} {}",
                attribute.column,
                compared(attribute.op, attribute.value.as_ref(), negated)
            )
        }
        Condition::Trait(TraitCondition { name, op, value }) => {
            format!("whose {name} {}", compared(*op, value.as_ref(), negated))
        }
        Condition::InAudience(name) => {
            format!("who are {}in audience {name}", if negated { "not " } else { "" })
        }
        Condition::Sql(predicate) => {
            // In one line and without comments, as it stands in the SQL.
            let predicate = parse_predicate(predicate).unwrap_or_else(|_| predicate.clone());
            if negated {
                format!("for whom not ({predicate})")
            } else {
                format!("for whom {predicate}")
            }
        }
    }
}

/// De Morgan's rule has turned the group's word already when it is negated.
fn group(children: &[Condition], word: &str, negated: bool) -> String {
    let clauses: Vec<String> = children
        .iter()
        .map(|child| {
            let text = clause(child, negated);
            let inner = matches!(child, Condition::All(all) | Condition::Any(all) if all.len() > 1);
            if inner { format!("({text})") } else { text }
        })
        .collect();
    match clauses.as_slice() {
        [] => if word == "and" {
            "who are anyone"
        } else {
            "who are nobody"
        }
        .to_owned(),
        [only] => only.trim_start_matches('(').trim_end_matches(')').to_owned(),
        [first, second] => format!("{first} {word} {second}"),
        [most @ .., last] => format!("{} {word} {last}", most.join(", ")),
    }
}

fn performed_clause(performed: &Performed, negated: bool) -> String {
    let Performed {
        event,
        aggregate,
        property,
        op,
        value,
        filter,
        window,
    } = performed;
    let which = if filter.is_empty() {
        String::new()
    } else {
        format!(" with {}", filters(filter))
    };
    let span = window.map(within).unwrap_or_default();
    if *aggregate != Aggregate::Count {
        let property = property.as_deref().unwrap_or_default();
        let amount = number(*op, *value, negated);
        return format!(
            "whose {} {property} of {event}{which}{span} is {amount}",
            aggregate_word(*aggregate)
        );
    }
    let op = if negated { opposite(*op) } else { *op };
    let ever = if window.is_some() {
        "did not do"
    } else {
        "never did"
    };
    match times(op, *value) {
        Times::Never => format!("who {ever} {event}{which}{span}"),
        Times::Once => format!("who did {event}{which}{span}"),
        Times::Said(times) => format!("who did {event}{which} {times}{span}"),
    }
}

enum Times {
    Never,
    Once,
    Said(String),
}

fn times(op: NumberOperator, value: f64) -> Times {
    use NumberOperator::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    let count = |value: f64| {
        if value == 1.0 {
            "once".to_owned()
        } else {
            format!("{value} times")
        }
    };
    match op {
        Less if value > 0.0 && value <= 1.0 => Times::Never,
        Equal | LessOrEqual if value == 0.0 => Times::Never,
        GreaterOrEqual if value == 1.0 => Times::Once,
        Greater | NotEqual if value == 0.0 => Times::Once,
        Equal if value == 1.0 => Times::Said("exactly once".to_owned()),
        Equal => Times::Said(format!("exactly {}", count(value))),
        NotEqual => Times::Said(format!("any number of times but {value}")),
        Less => Times::Said(format!("fewer than {value} times")),
        LessOrEqual => Times::Said(format!("at most {}", count(value))),
        Greater => Times::Said(format!("more than {}", count(value))),
        GreaterOrEqual => Times::Said(format!("at least {}", count(value))),
    }
}

fn opposite(op: NumberOperator) -> NumberOperator {
    match op {
        NumberOperator::Equal => NumberOperator::NotEqual,
        NumberOperator::NotEqual => NumberOperator::Equal,
        NumberOperator::Less => NumberOperator::GreaterOrEqual,
        NumberOperator::LessOrEqual => NumberOperator::Greater,
        NumberOperator::Greater => NumberOperator::LessOrEqual,
        NumberOperator::GreaterOrEqual => NumberOperator::Less,
    }
}

/// Of a value that may be missing: then the opposite operator would not be the opposite.
fn number(op: NumberOperator, value: f64, negated: bool) -> String {
    let words = match op {
        NumberOperator::Equal => "",
        NumberOperator::NotEqual => "not ",
        NumberOperator::Less => "less than ",
        NumberOperator::LessOrEqual => "at most ",
        NumberOperator::Greater => "more than ",
        NumberOperator::GreaterOrEqual => "at least ",
    };
    format!("{}{words}{value}", if negated { "not " } else { "" })
}

fn within(window: Span) -> String {
    if window.count == 1 {
        format!(" in the last {}", window.unit_name())
    } else {
        format!(" in the last {window}")
    }
}

fn aggregate_word(aggregate: Aggregate) -> &'static str {
    match aggregate {
        Aggregate::Count => "count of",
        Aggregate::Sum => "total",
        Aggregate::Min => "lowest",
        Aggregate::Max => "highest",
        Aggregate::Avg => "average",
        Aggregate::Distinct => "number of different",
    }
}

fn filters(filter: &[PropertyCondition]) -> String {
    let one = |condition: &PropertyCondition| {
        let compared = compared(condition.op, condition.value.as_ref(), false);
        format!(
            "{} {}",
            condition.property,
            compared
                .strip_prefix("is ")
                .map_or(compared.as_str(), |rest| rest)
        )
    };
    filter.iter().map(one).collect::<Vec<_>>().join(" and ")
}

fn compared(op: Operator, value: Option<&Value>, negated: bool) -> String {
    let not = if negated { "not " } else { "" };
    let value = match value {
        Some(Value::List(values)) if op == Operator::Between => values
            .iter()
            .map(Value::display)
            .collect::<Vec<_>>()
            .join(" and "),
        Some(Value::List(values)) => {
            let texts: Vec<String> = values.iter().map(Value::display).collect();
            match texts.as_slice() {
                [most @ .., last] if !most.is_empty() => format!("{} or {last}", most.join(", ")),
                _ => texts.join(", "),
            }
        }
        Some(value) => value.display(),
        None => String::new(),
    };
    match op {
        Operator::Equal => format!("is {not}{value}"),
        Operator::NotEqual if negated => format!("is {value} or unknown"),
        Operator::NotEqual => format!("is known and not {value}"),
        Operator::Less => format!("is {not}less than {value}"),
        Operator::LessOrEqual => format!("is {not}at most {value}"),
        Operator::Greater => format!("is {not}more than {value}"),
        Operator::GreaterOrEqual => format!("is {not}at least {value}"),
        Operator::In => format!("is {not}{value}"),
        Operator::Between => format!("is {not}between {value}"),
        Operator::Contains => verb(negated, "contains", "contain", &value),
        Operator::Starts => verb(negated, "starts with", "start with", &value),
        Operator::Ends => verb(negated, "ends with", "end with", &value),
        Operator::Matches => verb(negated, "matches", "match", &value),
        Operator::Exists => format!("is {}known", if negated { "un" } else { "" }),
        Operator::Null => format!("is {}known", if negated { "" } else { "un" }),
    }
}

fn verb(negated: bool, says: &str, say: &str, value: &str) -> String {
    if negated {
        format!("does not {say} {value}")
    } else {
        format!("{says} {value}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_read_as_sentences() {
        let check = |json: &str, expected: &str| {
            let condition: Condition = serde_json::from_str(json).unwrap();
            assert_eq!(sentence(&condition), expected);
        };
        check(
            r#"{"all": [
                {"attribute": {"table": "crm.accounts", "column": "plan", "op": "=", "value": "pro"}},
                {"performed": {"event": "Order Completed", "op": ">=", "value": 3, "window": "14 days"}},
                {"not": {"performed": {"event": "Order Refunded", "op": ">=", "value": 1}}}
            ]}"#,
            "People whose plan is pro, who did Order Completed at least 3 times in the last 14 days and who never did Order Refunded.",
        );
        check(
            r#"{"any": [
                {"performed": {"event": "Product Viewed", "op": ">=", "value": 1, "window": "1 week",
                    "where": [{"property": "category", "op": "in", "value": ["shoes", "bags"]}]}},
                {"trait": {"name": "lifetime_value", "op": ">", "value": 1000}}
            ]}"#,
            "People who did Product Viewed with category shoes or bags in the last week or whose lifetime_value is more than 1000.",
        );
        check(
            r#"{"performed": {"event": "Order", "aggregate": "sum", "property": "revenue", "op": ">", "value": 99.5}}"#,
            "People whose total revenue of Order is more than 99.5.",
        );
        check(
            r#"{"not": {"any": [{"in_audience": "vip"}, {"sql": "email LIKE\n '%@x.com'"}]}}"#,
            "People who are not in audience vip and for whom not (email LIKE '%@x.com').",
        );
        check(
            r#"{"all": [{"in_audience": "a"}, {"any": [{"in_audience": "b"}, {"in_audience": "c"}]}]}"#,
            "People who are in audience a and (who are in audience b or who are in audience c).",
        );
        check(
            r#"{"performed": {"event": "Order", "op": "<", "value": 1, "window": "30 days"}}"#,
            "People who did not do Order in the last 30 days.",
        );
        check(
            r#"{"not": {"performed": {"event": "Order", "op": ">=", "value": 3}}}"#,
            "People who did Order fewer than 3 times.",
        );
        check(
            r#"{"trait": {"name": "email", "op": "null"}}"#,
            "People whose email is unknown.",
        );
        check(
            r#"{"not": {"trait": {"name": "email", "op": "ends", "value": ".org"}}}"#,
            "People whose email does not end with .org.",
        );
        check(r#"{"all": []}"#, "Everyone.");
    }

    #[test]
    fn members_are_explained_in_short() {
        let check = |json: &str, value: Option<&str>, expected: &str| {
            let condition: Condition = serde_json::from_str(json).unwrap();
            assert_eq!(why(&condition, value), expected);
        };
        check(
            r#"{"performed": {"event": "Order Completed", "op": ">=", "value": 3, "window": "14 days"}}"#,
            Some("4"),
            "4 × Order Completed in 14 days",
        );
        check(
            r#"{"attribute": {"table": "crm.accounts", "column": "plan", "op": "=", "value": "pro"}}"#,
            Some("pro"),
            "plan is pro",
        );
        check(r#"{"in_audience": "vip"}"#, None, "in audience vip");
    }
}
