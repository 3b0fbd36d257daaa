//! Checks of computed traits and of condition trees.

use std::collections::BTreeSet;

use tailrace_model::{
    Aggregate, AttributeCondition, ComputedTrait, Condition, Operator, Performed, PropertyCondition, Value,
    WarehouseDefinition,
};

use super::{
    check::{Report, warehouse_table},
    definitions::{Kind, Named, instead},
};

/// How deep conditions may be nested.
pub const CONDITION_DEPTH_MAX: usize = 32;

pub(super) fn check_computed(report: &mut Report<'_>, computed: &ComputedTrait) {
    let path = ["computed"];
    check_event(report, &path, &computed.event);
    check_aggregate(report, &path, computed.aggregate, computed.property.as_deref());
    check_filter(report, &path, &computed.filter);
}

/// What a condition tree is checked against.
pub(super) struct ConditionCheck<'a> {
    pub warehouses: &'a Named<WarehouseDefinition>,
    pub audiences: &'a Named<()>,
    pub references: &'a [(String, BTreeSet<String>)],
}

impl ConditionCheck<'_> {
    pub fn check(&self, report: &mut Report<'_>, audience: &str, condition: &Condition) {
        self.tree(report, audience, &["condition"], condition, 1);
    }

    fn tree(
        &self,
        report: &mut Report<'_>,
        audience: &str,
        path: &[&str],
        condition: &Condition,
        depth: usize,
    ) {
        if depth > CONDITION_DEPTH_MAX {
            let sentence = format!(
                "conditions are nested more than {CONDITION_DEPTH_MAX} deep: make a part an audience"
            );
            return report.at(path, sentence);
        }
        let under = |key: &'static str| [path, &[key]].concat();
        match condition {
            Condition::All(parts) => self.parts(report, audience, &under("all"), parts, depth),
            Condition::Any(parts) => self.parts(report, audience, &under("any"), parts, depth),
            Condition::Not(part) => self.tree(report, audience, &under("not"), part, depth + 1),
            Condition::Performed(performed) => check_performed(report, &under("performed"), performed),
            Condition::Attribute(attribute) => self.attribute(report, &under("attribute"), attribute),
            Condition::Trait(one) => {
                check_named(report, &under("trait"), "name", &one.name, "the name of a trait");
                check_operand(report, &under("trait"), one.op, one.value.as_ref());
            }
            Condition::InAudience(name) => self.in_audience(report, audience, &under("in_audience"), name),
            Condition::Sql(sql) if sql.trim().is_empty() => {
                report.at(
                    &under("sql"),
                    "the SQL is empty: write a predicate over the columns of profiles",
                );
            }
            Condition::Sql(_) => {}
        }
    }

    fn parts(
        &self,
        report: &mut Report<'_>,
        audience: &str,
        path: &[&str],
        parts: &[Condition],
        depth: usize,
    ) {
        for (index, part) in parts.iter().enumerate() {
            let index = index.to_string();
            self.tree(report, audience, &[path, &[&index]].concat(), part, depth + 1);
        }
    }

    fn attribute(&self, report: &mut Report<'_>, path: &[&str], attribute: &AttributeCondition) {
        self.table(report, &[path, &["table"]].concat(), &attribute.table);
        check_named(report, path, "column", &attribute.column, "the name of a column");
        check_operand(report, path, attribute.op, attribute.value.as_ref());
    }

    fn table(&self, report: &mut Report<'_>, path: &[&str], table: &str) {
        let checked = match table.split_once('.') {
            Some((warehouse, table)) if !table.contains('.') => {
                warehouse_table(self.warehouses, warehouse, table)
            }
            _ => Err(format!(
                "\"{table}\" is no table of a warehouse: write \"warehouse.table\""
            )),
        };
        if let Err(sentence) = checked {
            report.at(path, sentence);
        }
    }

    fn in_audience(&self, report: &mut Report<'_>, audience: &str, path: &[&str], name: &str) {
        if !self.audiences.contains_key(name) {
            let instead = instead(Kind::Audience, self.audiences, name);
            report.at(path, format!("there is no audience \"{name}\"{instead}"));
        } else if let Some(round) = self.way_back(audience, name) {
            report.at(
                path,
                format!("audiences can't depend on themselves: {}", round.join(" -> ")),
            );
        }
    }

    /// The way from an audience through `name` back to itself.
    fn way_back(&self, audience: &str, name: &str) -> Option<Vec<String>> {
        let mut seen = BTreeSet::new();
        let mut ways = vec![vec![audience.to_owned(), name.to_owned()]];
        while let Some(way) = ways.pop() {
            let last = way.last()?;
            if last == audience {
                return Some(way);
            }
            if !seen.insert(last.clone()) {
                continue;
            }
            let next = self
                .references
                .iter()
                .find(|(from, _)| from == last)
                .map(|(_, to)| to);
            for to in next.into_iter().flatten() {
                ways.push(way.iter().cloned().chain([to.clone()]).collect());
            }
        }
        None
    }
}

fn check_performed(report: &mut Report<'_>, path: &[&str], performed: &Performed) {
    check_event(report, path, &performed.event);
    check_aggregate(report, path, performed.aggregate, performed.property.as_deref());
    check_filter(report, path, &performed.filter);
}

fn check_event(report: &mut Report<'_>, path: &[&str], event: &str) {
    check_named(
        report,
        path,
        "event",
        event,
        "the name of an event, such as \"Order Completed\"",
    );
}

fn check_named(report: &mut Report<'_>, path: &[&str], key: &str, value: &str, what: &str) {
    if value.trim().is_empty() {
        report.at(&[path, &[key]].concat(), format!("{key} is empty: write {what}"));
    }
}

fn check_aggregate(report: &mut Report<'_>, path: &[&str], aggregate: Aggregate, property: Option<&str>) {
    let name = match aggregate {
        Aggregate::Count if property.is_some() => {
            let sentence = "a count has no property: remove it, or write another aggregate (sum, min, max, avg, distinct)";
            return report.at(&[path, &["property"]].concat(), sentence);
        }
        Aggregate::Count => return,
        Aggregate::Sum => "sum",
        Aggregate::Min => "min",
        Aggregate::Max => "max",
        Aggregate::Avg => "avg",
        Aggregate::Distinct => "distinct",
    };
    if property.is_none_or(|property| property.trim().is_empty()) {
        let sentence = format!("\"{name}\" needs a property: add property = \"...\"");
        report.at(&[path, &["aggregate"]].concat(), sentence);
    }
}

fn check_filter(report: &mut Report<'_>, path: &[&str], filter: &[PropertyCondition]) {
    for (index, condition) in filter.iter().enumerate() {
        let index = index.to_string();
        let path = [path, &["where", &index]].concat();
        check_named(
            report,
            &path,
            "property",
            &condition.property,
            "the name of a property",
        );
        check_operand(report, &path, condition.op, condition.value.as_ref());
    }
}

/// Whether an operator can take its value.
fn check_operand(report: &mut Report<'_>, path: &[&str], op: Operator, value: Option<&Value>) {
    let name = serde_json::to_value(op)
        .ok()
        .and_then(|name| name.as_str().map(str::to_owned))
        .unwrap_or_default();
    let wrong = match (op, value) {
        (Operator::Exists | Operator::Null, None) => None,
        (Operator::Exists | Operator::Null, Some(_)) => Some(format!("\"{name}\" takes no value: remove it")),
        (_, None) => {
            let sentence = format!("the operator \"{name}\" needs a value: add value = ...");
            return report.at(&[path, &["op"]].concat(), sentence);
        }
        (Operator::In, Some(Value::List(values))) if !values.is_empty() && flat(values) => None,
        (Operator::In, Some(_)) => {
            Some("\"in\" takes a list of one or more: value = [\"a\", \"b\"]".to_owned())
        }
        (Operator::Between, Some(Value::List(values))) if values.len() == 2 && flat(values) => None,
        (Operator::Between, Some(_)) => Some("\"between\" takes a list of two: value = [1, 10]".to_owned()),
        (
            Operator::Contains | Operator::Starts | Operator::Ends | Operator::Matches,
            Some(Value::Text(_)),
        ) => None,
        (Operator::Contains | Operator::Starts | Operator::Ends | Operator::Matches, Some(_)) => {
            Some(format!("\"{name}\" takes a text: value = \"...\""))
        }
        (_, Some(Value::List(_))) => Some(format!(
            "\"{name}\" takes one value, not a list: write it without [ ], or use \"in\""
        )),
        _ => None,
    };
    if let Some(sentence) = wrong {
        report.at(&[path, &["value"]].concat(), sentence);
    }
}

fn flat(values: &[Value]) -> bool {
    !values.iter().any(|value| matches!(value, Value::List(_)))
}
