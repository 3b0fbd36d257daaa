//! A second, slow evaluator of conditions, in plain Rust over plain structs, to hold the SQL against: on random trees and
//! histories both must give the same members.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::timezone::Tz;
use chrono::{DateTime, Days, Months, TimeDelta};
use proptest::{
    prelude::*,
    test_runner::{Config, RngSeed, TestRunner},
};
use tailrace_model::{
    Aggregate, AttributeCondition, Condition, NumberOperator, Operator, Performed, Span, SpanUnit, Value,
};

use super::random::{shops, trees};
use crate::session::testing::{Shop, T, TestEvent, TestProfile, of};

/// Cases of one run, and the seed that makes them: the same failure comes again.
const CASES: u32 = 48;
const SEED: u64 = 20_250_331;

/// Faults that can be planted in the oracle, to show that a difference is seen.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// The window's beginning is in it.
    ClosedWindow,
    /// A count of zero is no count.
    ZeroIsUnknown,
    /// A missing value makes `not` false.
    NullSpreads,
    /// Days are 24 hours.
    NoCalendar,
}

struct Oracle<'a> {
    shop: &'a Shop,
    t_ms: i64,
    fault: Fault,
}

#[derive(Clone, Debug, PartialEq)]
enum Cell {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
}

impl Oracle<'_> {
    fn members(&self, condition: &Condition) -> BTreeSet<i64> {
        let holds = |profile: &&TestProfile| self.holds(condition, profile) == Some(true);
        self.shop
            .profiles
            .iter()
            .filter(holds)
            .map(|profile| profile.profile_id)
            .collect()
    }

    /// `None` only where the planted fault lets null through.
    fn holds(&self, condition: &Condition, profile: &TestProfile) -> Option<bool> {
        match condition {
            Condition::All(children) => Some(
                children
                    .iter()
                    .all(|child| self.holds(child, profile) == Some(true)),
            ),
            Condition::Any(children) => Some(
                children
                    .iter()
                    .any(|child| self.holds(child, profile) == Some(true)),
            ),
            Condition::Not(child) => self.holds(child, profile).map(|holds| !holds),
            Condition::Performed(performed) => self.two_valued(self.performed(performed, profile)),
            Condition::Attribute(attribute) => Some(self.attribute(attribute, profile)),
            Condition::Trait(compared) => {
                let value = self.trait_value(&compared.name, profile);
                self.two_valued(compare(&value, compared.op, compared.value.as_ref()))
            }
            Condition::InAudience(name) => Some(match name.as_str() {
                "rich" => matches!(self.trait_value("spent", profile), Cell::Number(spent) if spent > 100.0),
                _ => self.count(profile, "a", None) > 0,
            }),
            Condition::Sql(predicate) => {
                let city = profile.city.as_deref().map(|city| city.starts_with('B'));
                let spent = || number(&self.trait_value("spent", profile)).map(|spent| spent > 10.0);
                self.two_valued(if predicate.contains("spent") {
                    or(city, spent())
                } else {
                    city
                })
            }
        }
    }

    fn two_valued(&self, holds: Option<bool>) -> Option<bool> {
        if self.fault == Fault::NullSpreads {
            holds
        } else {
            Some(holds.unwrap_or(false))
        }
    }

    fn events(&self, profile: &TestProfile, event: &str, window: Option<Span>) -> Vec<&TestEvent> {
        let from = window.map(|window| self.window_start(window));
        let within = |event: &&TestEvent| {
            event.timestamp_ms <= self.t_ms
                && from.is_none_or(|from| {
                    event.timestamp_ms > from
                        || (self.fault == Fault::ClosedWindow && event.timestamp_ms == from)
                })
        };
        let of = |one: &&TestEvent| one.profile_id == profile.profile_id && one.event == event;
        self.shop.events.iter().filter(of).filter(within).collect()
    }

    fn count(&self, profile: &TestProfile, event: &str, window: Option<Span>) -> usize {
        self.events(profile, event, window).len()
    }

    fn window_start(&self, window: Span) -> i64 {
        if self.fault == Fault::NoCalendar && matches!(window.unit, SpanUnit::Day | SpanUnit::Week) {
            return self.t_ms - window.approximate_ms();
        }
        let zone: Tz = self.shop.time_zone.as_deref().unwrap_or("UTC").parse().unwrap();
        let t = DateTime::from_timestamp_millis(self.t_ms)
            .unwrap()
            .with_timezone(&zone);
        let count = window.count;
        let start = match window.unit {
            SpanUnit::Second => t - TimeDelta::seconds(count.into()),
            SpanUnit::Minute => t - TimeDelta::minutes(count.into()),
            SpanUnit::Hour => t - TimeDelta::hours(count.into()),
            SpanUnit::Day => t.checked_sub_days(Days::new(count.into())).unwrap(),
            SpanUnit::Week => t.checked_sub_days(Days::new(u64::from(count) * 7)).unwrap(),
            SpanUnit::Month => t.checked_sub_months(Months::new(count)).unwrap(),
            SpanUnit::Year => t.checked_sub_months(Months::new(count * 12)).unwrap(),
        };
        start.timestamp_millis()
    }

    fn performed(&self, performed: &Performed, profile: &TestProfile) -> Option<bool> {
        let Performed {
            event,
            aggregate,
            property,
            op,
            value,
            filter,
            window,
        } = performed;
        let passes = |one: &&TestEvent| {
            filter.iter().all(|filter| {
                compare(
                    &property_of(one, &filter.property),
                    filter.op,
                    filter.value.as_ref(),
                ) == Some(true)
            })
        };
        let events: Vec<&TestEvent> = self
            .events(profile, event, *window)
            .into_iter()
            .filter(passes)
            .collect();
        let cells = || {
            events
                .iter()
                .map(|event| property_of(event, property.as_deref().unwrap_or_default()))
        };
        let numbers: Vec<f64> = cells().filter_map(|cell| number(&cell)).collect();
        let total = || numbers.iter().sum::<f64>();
        let found = match aggregate {
            Aggregate::Count => Some(events.len() as f64),
            Aggregate::Distinct => {
                let mut different: Vec<Cell> = Vec::new();
                cells().filter(|cell| *cell != Cell::Null).for_each(|cell| {
                    if !different.contains(&cell) {
                        different.push(cell);
                    }
                });
                Some(different.len() as f64)
            }
            _ if numbers.is_empty() => None,
            Aggregate::Sum => Some(total()),
            Aggregate::Avg => Some(total() / numbers.len() as f64),
            Aggregate::Min => numbers.iter().copied().reduce(f64::min),
            Aggregate::Max => numbers.iter().copied().reduce(f64::max),
        };
        let found = found.filter(|found| !(self.fault == Fault::ZeroIsUnknown && *found == 0.0));
        found.map(|found| holds(found, *op, *value))
    }

    fn attribute(&self, attribute: &AttributeCondition, profile: &TestProfile) -> bool {
        let rows = self
            .shop
            .accounts
            .iter()
            .filter(|row| Some(&row.user_id) == profile.user_id.as_ref());
        let cells: Vec<Cell> = rows
            .map(|row| match attribute.column.as_str() {
                "plan" => text(row.plan.as_ref()),
                _ => row.seats.map_or(Cell::Null, |seats| Cell::Number(seats as f64)),
            })
            .collect();
        if attribute.op == Operator::Null {
            return cells.iter().all(|cell| *cell == Cell::Null);
        }
        cells
            .iter()
            .any(|cell| compare(cell, attribute.op, attribute.value.as_ref()) == Some(true))
    }

    fn trait_value(&self, name: &str, profile: &TestProfile) -> Cell {
        match name {
            "city" => text(profile.city.as_ref()),
            "count_a" => Cell::Number(self.count(profile, "a", "10 days".parse().ok()) as f64),
            _ => {
                let spent = self
                    .events(profile, "b", None)
                    .into_iter()
                    .filter_map(|event| event.revenue);
                spent
                    .reduce(|left, right| left + right)
                    .map_or(Cell::Null, Cell::Number)
            }
        }
    }
}

/// SQL's OR: true beside an unknown is true, false beside one unknown.
fn or(left: Option<bool>, right: Option<bool>) -> Option<bool> {
    match (left, right) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        _ => None,
    }
}

fn text(value: Option<&String>) -> Cell {
    value.map_or(Cell::Null, |text| Cell::Text(text.clone()))
}

fn property_of(event: &TestEvent, property: &str) -> Cell {
    match property {
        "revenue" => event.revenue.map_or(Cell::Null, Cell::Number),
        "category" => text(event.category.as_ref()),
        "gift" => event.gift.map_or(Cell::Null, Cell::Bool),
        "size" => text(event.size.as_ref()),
        _ => Cell::Null,
    }
}

fn number(cell: &Cell) -> Option<f64> {
    match cell {
        Cell::Number(number) => Some(*number),
        Cell::Text(text) => text.parse().ok(),
        Cell::Null | Cell::Bool(_) => None,
    }
}

fn holds(left: f64, op: NumberOperator, right: f64) -> bool {
    match op {
        NumberOperator::Equal => left == right,
        NumberOperator::NotEqual => left != right,
        NumberOperator::Less => left < right,
        NumberOperator::LessOrEqual => left <= right,
        NumberOperator::Greater => left > right,
        NumberOperator::GreaterOrEqual => left >= right,
    }
}

/// `None`: the comparison is null.
fn compare(cell: &Cell, op: Operator, value: Option<&Value>) -> Option<bool> {
    use std::cmp::Ordering::{Equal, Greater, Less};
    let ordered = |value: &Value| match (cell, value) {
        (Cell::Null, _) => None,
        (cell, Value::Number(right)) => number(cell)?.partial_cmp(right),
        (Cell::Number(left), Value::Text(right)) => left.partial_cmp(&right.parse().ok()?),
        (Cell::Text(left), right) => Some(left.as_bytes().cmp(right.display().as_bytes())),
        (Cell::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        _ => None,
    };
    let one = || ordered(value?);
    let within = |test: fn(&str, &str) -> bool| match (cell, value) {
        (Cell::Text(text), Some(value)) => Some(test(text, &value.display())),
        _ => None,
    };
    let listed = match value {
        Some(Value::List(values)) => values.as_slice(),
        _ => &[],
    };
    match op {
        Operator::Exists => Some(*cell != Cell::Null),
        Operator::Null => Some(*cell == Cell::Null),
        Operator::Equal => one().map(|order| order == Equal),
        Operator::NotEqual => one().map(|order| order != Equal),
        Operator::Less => one().map(|order| order == Less),
        Operator::LessOrEqual => one().map(|order| order != Greater),
        Operator::Greater => one().map(|order| order == Greater),
        Operator::GreaterOrEqual => one().map(|order| order != Less),
        Operator::In => listed
            .iter()
            .map(ordered)
            .collect::<Option<Vec<_>>>()
            .map(|all| all.contains(&Equal)),
        Operator::Between => Some(ordered(listed.first()?)? != Less && ordered(listed.get(1)?)? != Greater),
        Operator::Contains => within(|text, part| text.contains(part)),
        Operator::Starts => within(|text, part| text.starts_with(part)),
        Operator::Ends => within(|text, part| text.ends_with(part)),
        Operator::Matches => within(|text, pattern| regex::Regex::new(pattern).unwrap().is_match(text)),
    }
}

/// Runs both on random cases; the error is the first difference.
fn compare_on_random_cases(fault: Fault) -> Result<(), String> {
    // A planted fault only has to be found, not to be made small.
    let max_shrink_iters = if fault == Fault::None { 2_000 } else { 0 };
    let config = Config {
        cases: CASES,
        rng_seed: RngSeed::Fixed(SEED),
        failure_persistence: None,
        max_shrink_iters,
        ..Config::default()
    };
    let mut runner = TestRunner::new(config);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    // Several trees a shop: making the tables costs more than a query.
    let cases = (shops(), prop::collection::vec(trees(), 4));
    let outcome = runner.run(&cases, |(shop, conditions)| {
        let session = shop.session();
        let oracle = Oracle {
            shop: &shop,
            t_ms: T,
            fault,
        };
        for condition in conditions {
            let definition = of(condition.clone());
            let expected: Vec<i64> = oracle.members(&condition).into_iter().collect();
            let found = runtime.block_on(super::members(&session, &definition, T));
            let found = found.map_err(|error| TestCaseError::fail(format!("{error}\n{condition:?}")))?;
            let sql = runtime
                .block_on(super::sql(&session, &definition))
                .unwrap_or_default();
            prop_assert_eq!(
                &found.members,
                &expected,
                "seed {}: {:?}\n{}",
                SEED,
                condition,
                sql
            );
            let preview = runtime.block_on(super::preview(&session, &definition, &[], T));
            let preview = preview.map_err(|error| TestCaseError::fail(format!("{error}\n{condition:?}")))?;
            prop_assert_eq!(
                preview.size,
                expected.len() as u64,
                "the preview differs: {:?}",
                condition
            );
            let sizes: BTreeMap<String, u64> = preview
                .conditions
                .into_iter()
                .map(|one| (one.path, one.size))
                .collect();
            check_sizes(&oracle, &condition, String::new(), &sizes)?;
        }
        Ok(())
    });
    outcome.map_err(|failure| failure.to_string())
}

fn check_sizes(
    oracle: &Oracle,
    condition: &Condition,
    path: String,
    sizes: &BTreeMap<String, u64>,
) -> Result<(), TestCaseError> {
    prop_assert_eq!(
        sizes.get(&path),
        Some(&(oracle.members(condition).len() as u64)),
        "at {}",
        path
    );
    let children = match condition {
        Condition::All(children) | Condition::Any(children) => children.as_slice(),
        Condition::Not(child) => std::slice::from_ref(child.as_ref()),
        _ => &[],
    };
    for (index, child) in children.iter().enumerate() {
        check_sizes(oracle, child, super::sql::child_path(&path, index), sizes)?;
    }
    Ok(())
}

#[test]
fn the_sql_means_what_the_conditions_mean() {
    if let Err(difference) = compare_on_random_cases(Fault::None) {
        panic!("{difference}");
    }
}

#[test]
fn planted_faults_are_found() {
    for (fault, name) in [
        (Fault::ClosedWindow, "a window's beginning counted as in it"),
        (Fault::ZeroIsUnknown, "no events counted as unknown"),
        (Fault::NullSpreads, "not of an unknown counted as unknown"),
        (Fault::NoCalendar, "days counted as 24 hours"),
    ] {
        assert!(
            compare_on_random_cases(fault).is_err(),
            "nothing differed with {name}"
        );
    }
}
