//! Random shops and trees of conditions, for the comparison with the oracle.

use proptest::prelude::*;
use tailrace_model::{
    Aggregate, AttributeCondition, Condition, NumberOperator, Operator, Performed, PropertyCondition, Span,
    TraitCondition, Value,
};

use crate::session::testing::{DAY_MS, Shop, T, TestAccount, TestEvent, TestProfile, of, of_sql};

const CATEGORIES: [&str; 4] = ["shoes", "bags", "it's \"odd\"", "Schuhe ü"];
const SIZES: [&str; 4] = ["42", "7.5", "L", ""];
const PLANS: [&str; 3] = ["pro", "free", "Pro"];
const CITIES: [&str; 3] = ["Berlin", "Bern", "Oslo"];

fn windows() -> impl Strategy<Value = Option<Span>> {
    let spans = [
        "14 days",
        "10 days",
        "36 hours",
        "1 month",
        "2 weeks",
        "90 minutes",
        "1 year",
        "1 day",
    ];
    prop_oneof![2 => Just(None), 5 => prop::sample::select(spans.to_vec()).prop_map(|text| text.parse().ok())]
}

/// Times within the windows' reach; often exactly on, or a millisecond beside, a window's beginning or `T`.
fn times() -> impl Strategy<Value = i64> {
    const HOUR_MS: i64 = 3_600_000;
    // Where a window of days crosses the change of the clocks, it begins an hour later.
    let days = [
        (0, 0),
        (1, 0),
        (10, 0),
        (10, HOUR_MS),
        (14, 0),
        (14, HOUR_MS),
        (31, 0),
        (31, HOUR_MS),
    ];
    let edges = days.map(|(days, hour)| T - days * DAY_MS + hour);
    let edges = edges.into_iter().chain([T - 36 * HOUR_MS, T - 90 * 60_000]);
    let edges: Vec<i64> = edges.flat_map(|edge| [edge, edge, edge + 1]).collect();
    prop_oneof![1 => (T - 40 * DAY_MS)..(T + DAY_MS), 2 => prop::sample::select(edges)]
}

fn maybe<T: Clone + std::fmt::Debug + 'static>(values: &[T]) -> impl Strategy<Value = Option<T>> + use<T> {
    prop_oneof![1 => Just(None), 3 => prop::sample::select(values.to_vec()).prop_map(Some)]
}

fn texts(values: &'static [&'static str]) -> impl Strategy<Value = Option<String>> {
    maybe(values).prop_map(|text| text.map(str::to_owned))
}

fn events() -> impl Strategy<Value = TestEvent> {
    // Quarters add up exactly, in whichever order.
    let revenue =
        prop_oneof![1 => Just(None), 3 => (-20i32..400).prop_map(|quarters| Some(f64::from(quarters) / 4.0))];
    let name = prop::sample::select(vec!["a", "b", "c"]);
    let gift = maybe(&[true, false]);
    (
        1i64..=12,
        name,
        times(),
        revenue,
        texts(&CATEGORIES),
        gift,
        texts(&SIZES),
    )
        .prop_map(
            |(profile_id, event, timestamp_ms, revenue, category, gift, size)| TestEvent {
                profile_id,
                event: event.to_owned(),
                timestamp_ms,
                revenue,
                category,
                gift,
                size,
            },
        )
}

pub(super) fn shops() -> impl Strategy<Value = Shop> {
    let profile = (any::<bool>(), texts(&CITIES));
    let profiles = prop::collection::vec(profile, 12).prop_map(|rows| {
        let row = |(at, (known, city)): (usize, (bool, Option<String>))| TestProfile {
            profile_id: at as i64 + 1,
            user_id: known.then(|| format!("u{}", at + 1)),
            email: None,
            city,
        };
        rows.into_iter().enumerate().map(row).collect::<Vec<_>>()
    });
    let account = (1i64..=12, texts(&PLANS), maybe(&[1i64, 5, 10]));
    let account = account.prop_map(|(user, plan, seats)| TestAccount {
        user_id: format!("u{user}"),
        plan,
        seats,
    });
    let zone = prop::sample::select(vec!["UTC", "Europe/Berlin", "America/New_York"]);
    let parts = (
        prop::collection::vec(events(), 0..60),
        profiles,
        prop::collection::vec(account, 0..10),
        zone,
    );
    parts.prop_map(|(events, profiles, accounts, zone)| {
        let shop = Shop {
            events,
            profiles,
            accounts,
            time_zone: Some(zone.to_owned()),
            ..Shop::default()
        };
        shop.with_trait("count_a", r#"{"computed": {"event": "a", "window": "10 days"}}"#)
            .with_trait(
                "spent",
                r#"{"computed": {"event": "b", "aggregate": "sum", "property": "revenue"}}"#,
            )
            .with_audience(
                "rich",
                of_sql("SELECT profile_id FROM traits.spent WHERE spent > 100"),
            )
            .with_audience("did_a", of(performed("a", NumberOperator::GreaterOrEqual, 1.0)))
    })
}

fn performed(event: &str, op: NumberOperator, value: f64) -> Condition {
    Condition::Performed(Performed {
        event: event.to_owned(),
        aggregate: Aggregate::Count,
        property: None,
        op,
        value,
        filter: Vec::new(),
        window: None,
    })
}

type Comparison = (Operator, Option<Value>);

fn unary() -> impl Strategy<Value = Comparison> {
    prop::sample::select(vec![(Operator::Exists, None), (Operator::Null, None)])
}

const ORDERED: [Operator; 6] = [
    Operator::Equal,
    Operator::NotEqual,
    Operator::Less,
    Operator::LessOrEqual,
    Operator::Greater,
    Operator::GreaterOrEqual,
];

fn of_number(values: Vec<f64>) -> impl Strategy<Value = Comparison> {
    let one = prop::sample::select(values).prop_map(Value::Number);
    let list = prop::collection::vec(one.clone(), 1..3).prop_map(Value::List);
    let pair = prop::collection::vec(one.clone(), 2).prop_map(Value::List);
    prop_oneof![
        6 => (prop::sample::select(ORDERED.to_vec()), one).prop_map(|(op, value)| (op, Some(value))),
        1 => list.prop_map(|list| (Operator::In, Some(list))),
        1 => pair.prop_map(|pair| (Operator::Between, Some(pair))),
        1 => unary(),
    ]
}

fn of_text(values: &'static [&'static str]) -> impl Strategy<Value = Comparison> {
    let one = prop::sample::select(values.to_vec()).prop_map(|text| Value::Text(text.to_owned()));
    let part = prop::sample::select(vec!["s", "o", "'", "ü", "4", "Be"])
        .prop_map(|text| Value::Text(text.to_owned()));
    let pattern = prop::sample::select(vec!["^s", "o+", "[4-7]$", "(?i)PRO"])
        .prop_map(|text| Value::Text(text.to_owned()));
    let list = prop::collection::vec(one.clone(), 1..3).prop_map(Value::List);
    let parts = prop::sample::select(vec![Operator::Contains, Operator::Starts, Operator::Ends]);
    prop_oneof![
        3 => (prop::sample::select(ORDERED.to_vec()), one).prop_map(|(op, value)| (op, Some(value))),
        1 => list.prop_map(|list| (Operator::In, Some(list))),
        2 => (parts, part).prop_map(|(op, part)| (op, Some(part))),
        1 => pattern.prop_map(|pattern| (Operator::Matches, Some(pattern))),
        1 => unary(),
    ]
}

fn filters() -> impl Strategy<Value = PropertyCondition> {
    let gift = prop::sample::select(vec![Operator::Equal, Operator::NotEqual]);
    let gift = (gift, any::<bool>()).prop_map(|(op, truth)| (op, Some(Value::Bool(truth))));
    let named = |property: &'static str| {
        move |(op, value): Comparison| PropertyCondition {
            property: property.to_owned(),
            op,
            value,
        }
    };
    prop_oneof![
        of_number(vec![-2.5, 0.0, 10.0, 50.25]).prop_map(named("revenue")),
        of_text(&CATEGORIES).prop_map(named("category")),
        prop_oneof![gift, unary()].prop_map(named("gift")),
        of_text(&SIZES).prop_map(named("size")),
        of_number(vec![7.5, 42.0]).prop_map(named("size")),
        of_number(vec![1.0]).prop_map(named("neverSeen")),
    ]
}

fn leaves() -> impl Strategy<Value = Condition> {
    let number = prop::sample::select(vec![
        NumberOperator::Equal,
        NumberOperator::NotEqual,
        NumberOperator::Less,
        NumberOperator::LessOrEqual,
        NumberOperator::Greater,
        NumberOperator::GreaterOrEqual,
    ]);
    let what = prop_oneof![
        3 => Just((Aggregate::Count, None)),
        3 => (prop::sample::select(vec![Aggregate::Sum, Aggregate::Min, Aggregate::Max, Aggregate::Avg]), prop::sample::select(vec!["revenue", "size", "neverSeen"]))
            .prop_map(|(aggregate, property)| (aggregate, Some(property))),
        1 => prop::sample::select(vec!["category", "gift", "revenue", "neverSeen"]).prop_map(|property| (Aggregate::Distinct, Some(property))),
    ];
    let value = prop::sample::select(vec![0.0, 1.0, 2.0, 3.0, 12.5, 60.0]);
    let event = prop::sample::select(vec!["a", "b", "c", "never"]);
    let performed = (
        event,
        what,
        number,
        value,
        prop::collection::vec(filters(), 0..3),
        windows(),
    )
        .prop_map(|(event, (aggregate, property), op, value, filter, window)| {
            let property = property.map(str::to_owned);
            Condition::Performed(Performed {
                event: event.to_owned(),
                aggregate,
                property,
                op,
                value,
                filter,
                window,
            })
        });
    let attribute = |column: &'static str| {
        move |(op, value): Comparison| {
            let (table, column) = ("crm.accounts".to_owned(), column.to_owned());
            Condition::Attribute(AttributeCondition {
                table,
                column,
                op,
                value,
            })
        }
    };
    let compared = |name: &'static str| {
        move |(op, value): Comparison| {
            Condition::Trait(TraitCondition {
                name: name.to_owned(),
                op,
                value,
            })
        }
    };
    prop_oneof![
        6 => performed,
        1 => of_text(&PLANS).prop_map(attribute("plan")),
        1 => of_number(vec![1.0, 5.0, 7.0]).prop_map(attribute("seats")),
        1 => of_number(vec![0.0, 1.0, 2.0]).prop_map(compared("count_a")),
        1 => of_number(vec![0.0, 40.25, 100.0]).prop_map(compared("spent")),
        1 => of_text(&CITIES).prop_map(compared("city")),
        1 => prop::sample::select(vec!["rich", "did_a"]).prop_map(|name| Condition::InAudience(name.to_owned())),
        1 => prop::sample::select(vec!["city LIKE 'B%' -- a comment", "city LIKE 'B%' OR spent > 10"])
            .prop_map(|predicate| Condition::Sql(predicate.to_owned())),
    ]
}

pub(super) fn trees() -> impl Strategy<Value = Condition> {
    leaves().prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Condition::All),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Condition::Any),
            inner.prop_map(|child| Condition::Not(Box::new(child))),
        ]
    })
}
