//! A small shop for tests: events, profiles and a warehouse in memory, with the columns that the event log has.

use std::{collections::BTreeMap, sync::Arc};

use arrow::{
    array::{
        ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, StringViewArray,
        TimestampMillisecondArray,
    },
    datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit},
};
use datafusion::catalog::MemTable;
use tailrace_model::{AudienceDefinition, Condition, TraitDefinition};

use super::{Profiles, Session, SessionInputs, WarehouseSnapshot};

pub(crate) const DAY_MS: i64 = 86_400_000;
/// 2025-03-31T10:00:00Z: in Berlin the day after the clocks went forward.
pub(crate) const T: i64 = 1_743_415_200_000;

/// One event; what is `None` is null.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct TestEvent {
    pub(crate) profile_id: i64,
    pub(crate) event: String,
    pub(crate) timestamp_ms: i64,
    pub(crate) revenue: Option<f64>,
    pub(crate) category: Option<String>,
    pub(crate) gift: Option<bool>,
    /// Text that may be a number.
    pub(crate) size: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TestProfile {
    pub(crate) profile_id: i64,
    pub(crate) user_id: Option<String>,
    pub(crate) email: Option<String>,
    /// Learnt from `identify`.
    pub(crate) city: Option<String>,
}

/// A row of `crm.accounts`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TestAccount {
    pub(crate) user_id: String,
    pub(crate) plan: Option<String>,
    pub(crate) seats: Option<i64>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Shop {
    pub(crate) events: Vec<TestEvent>,
    pub(crate) profiles: Vec<TestProfile>,
    pub(crate) accounts: Vec<TestAccount>,
    pub(crate) traits: BTreeMap<String, TraitDefinition>,
    pub(crate) audiences: BTreeMap<String, AudienceDefinition>,
    pub(crate) time_zone: Option<String>,
}

fn utc() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))
}

pub(crate) fn events_schema() -> SchemaRef {
    let text = |name: &str| Field::new(name, DataType::Utf8View, true);
    Arc::new(Schema::new(vec![
        Field::new("profile_id", DataType::Int64, false),
        text("message_id"),
        text("type"),
        text("event"),
        Field::new("timestamp", utc(), false),
        Field::new("received_at", utc(), false),
        text("user_id"),
        text("anonymous_id"),
        text("source"),
        text("properties_rest"),
        Field::new("revenue", DataType::Float64, true),
        text("category"),
        Field::new("gift", DataType::Boolean, true),
        text("size"),
    ]))
}

fn times(values: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(TimestampMillisecondArray::from_iter_values(values).with_timezone("UTC"))
}

fn texts(values: impl Iterator<Item = Option<String>>) -> ArrayRef {
    Arc::new(values.collect::<StringViewArray>())
}

impl Shop {
    pub(crate) fn events_batch(&self) -> RecordBatch {
        let events = &self.events;
        let column = |of: fn(&TestEvent) -> Option<String>| texts(events.iter().map(of));
        let columns: Vec<ArrayRef> = vec![
            Arc::new(
                events
                    .iter()
                    .map(|event| Some(event.profile_id))
                    .collect::<Int64Array>(),
            ),
            texts((0..events.len()).map(|at| Some(format!("m{at}")))),
            column(|_| Some("track".to_owned())),
            column(|event| Some(event.event.clone())),
            times(events.iter().map(|event| event.timestamp_ms)),
            times(events.iter().map(|event| event.timestamp_ms + 5)),
            column(|event| Some(format!("u{}", event.profile_id))),
            column(|_| None),
            column(|_| Some("shop".to_owned())),
            column(|_| None),
            Arc::new(events.iter().map(|event| event.revenue).collect::<Float64Array>()),
            column(|event| event.category.clone()),
            Arc::new(events.iter().map(|event| event.gift).collect::<BooleanArray>()),
            column(|event| event.size.clone()),
        ];
        RecordBatch::try_new(events_schema(), columns).unwrap()
    }

    fn profiles_batch(&self) -> RecordBatch {
        let profiles = &self.profiles;
        let text = |name: &str| Field::new(name, DataType::Utf8View, true);
        let schema = Arc::new(Schema::new(vec![
            Field::new("profile_id", DataType::Int64, false),
            text("user_id"),
            text("email"),
            text("anonymous_id"),
            Field::new("first_seen", utc(), false),
            Field::new("last_seen", utc(), false),
            Field::new("events", DataType::Int64, false),
            text("city"),
        ]));
        let count = |profile: &TestProfile| {
            self.events
                .iter()
                .filter(|event| event.profile_id == profile.profile_id)
                .count() as i64
        };
        let columns: Vec<ArrayRef> = vec![
            Arc::new(
                profiles
                    .iter()
                    .map(|profile| Some(profile.profile_id))
                    .collect::<Int64Array>(),
            ),
            texts(profiles.iter().map(|profile| profile.user_id.clone())),
            texts(profiles.iter().map(|profile| profile.email.clone())),
            texts(profiles.iter().map(|_| None)),
            times(profiles.iter().map(|_| T - 90 * DAY_MS)),
            times(profiles.iter().map(|_| T)),
            Arc::new(
                profiles
                    .iter()
                    .map(|profile| Some(count(profile)))
                    .collect::<Int64Array>(),
            ),
            texts(profiles.iter().map(|profile| profile.city.clone())),
        ];
        RecordBatch::try_new(schema, columns).unwrap()
    }

    fn accounts(&self) -> WarehouseSnapshot {
        let schema = Arc::new(Schema::new(vec![
            Field::new("user_id", DataType::Utf8, true),
            Field::new("plan", DataType::Utf8, true),
            Field::new("seats", DataType::Int64, true),
        ]));
        let accounts = &self.accounts;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(
                accounts
                    .iter()
                    .map(|account| Some(account.user_id.clone()))
                    .collect::<StringArray>(),
            ),
            Arc::new(
                accounts
                    .iter()
                    .map(|account| account.plan.clone())
                    .collect::<StringArray>(),
            ),
            Arc::new(
                accounts
                    .iter()
                    .map(|account| account.seats)
                    .collect::<Int64Array>(),
            ),
        ];
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
        WarehouseSnapshot {
            warehouse: "crm".to_owned(),
            table: "accounts".to_owned(),
            schema,
            batches: vec![batch],
            key: "user_id".to_owned(),
            identifier: "user_id".to_owned(),
        }
    }

    pub(crate) fn session(&self) -> Session {
        // Two partitions, as the event log gives them.
        let batch = self.events_batch();
        let half = batch.num_rows() / 2;
        let partitions = vec![
            vec![batch.slice(0, half)],
            vec![batch.slice(half, batch.num_rows() - half)],
        ];
        let profiles = self.profiles_batch();
        Session::new(SessionInputs {
            events: Arc::new(MemTable::try_new(events_schema(), partitions).unwrap()),
            profiles: Profiles {
                schema: profiles.schema(),
                batches: vec![profiles],
            },
            tables: vec![self.accounts()],
            traits: self.traits.clone(),
            audiences: self.audiences.clone(),
            time_zone: self.time_zone.clone().unwrap_or_else(|| "UTC".to_owned()),
        })
        .unwrap()
    }

    pub(crate) fn with_trait(mut self, name: &str, json: &str) -> Self {
        self.traits
            .insert(name.to_owned(), serde_json::from_str(json).unwrap());
        self
    }

    pub(crate) fn with_audience(mut self, name: &str, definition: AudienceDefinition) -> Self {
        self.audiences.insert(name.to_owned(), definition);
        self
    }
}

pub(crate) fn of_conditions(json: &str) -> AudienceDefinition {
    of(serde_json::from_str(json).unwrap())
}

pub(crate) fn of(condition: Condition) -> AudienceDefinition {
    AudienceDefinition {
        title: None,
        description: None,
        condition: Some(condition),
        sql: None,
    }
}

pub(crate) fn of_sql(sql: &str) -> AudienceDefinition {
    AudienceDefinition {
        title: None,
        description: None,
        condition: None,
        sql: Some(sql.to_owned()),
    }
}

fn event(
    profile_id: i64,
    name: &str,
    days_ago: f64,
    revenue: Option<f64>,
    category: Option<&str>,
) -> TestEvent {
    TestEvent {
        profile_id,
        event: name.to_owned(),
        timestamp_ms: T - (days_ago * DAY_MS as f64) as i64,
        revenue,
        category: category.map(str::to_owned),
        gift: revenue.map(|revenue| revenue > 50.0),
        size: category.map(|category| {
            if category == "shoes" {
                "42".to_owned()
            } else {
                "L".to_owned()
            }
        }),
    }
}

/// The shop that the goldens are made from.
pub(crate) fn sample() -> Shop {
    let profile = |profile_id, user_id: Option<&str>, email: Option<&str>, city: Option<&str>| TestProfile {
        profile_id,
        user_id: user_id.map(str::to_owned),
        email: email.map(str::to_owned),
        city: city.map(str::to_owned),
    };
    let account = |user_id: &str, plan: Option<&str>, seats| TestAccount {
        user_id: user_id.to_owned(),
        plan: plan.map(str::to_owned),
        seats,
    };
    let order = "Order Completed";
    Shop {
        events: vec![
            event(1, order, 1.0, Some(120.0), Some("shoes")),
            event(1, order, 3.0, Some(30.5), Some("bags")),
            event(1, order, 10.0, Some(20.0), Some("shoes")),
            event(2, order, 2.0, Some(80.0), Some("shoes")),
            event(2, order, 40.0, Some(500.0), None),
            event(2, "Order Refunded", 1.0, Some(80.0), None),
            event(3, "Product Viewed", 0.5, None, Some("bags")),
            event(3, order, -1.0, Some(999.0), Some("shoes")),
            event(4, order, 5.0, Some(10.0), Some("it's \"odd\"")),
        ],
        profiles: vec![
            profile(1, Some("u1"), Some("ada@example.com"), Some("Berlin")),
            profile(2, Some("u2"), Some("bob@example.org"), None),
            profile(3, Some("u3"), None, Some("Oslo")),
            profile(4, None, Some("dan@example.com"), Some("Berlin")),
            profile(5, None, None, None),
        ],
        accounts: vec![
            account("u1", Some("pro"), Some(5)),
            account("u2", Some("free"), Some(1)),
            account("u2", Some("pro"), None),
            account("u3", None, Some(2)),
        ],
        ..Shop::default()
    }
    .with_trait("lifetime_value", r#"{"sql": "SELECT profile_id, sum(revenue) AS lifetime_value\nFROM events\nWHERE event = 'Order Completed' AND timestamp <= now()\nGROUP BY profile_id"}"#)
    .with_trait("orders_14_days", r#"{"computed": {"event": "Order Completed", "window": "14 days"}}"#)
    .with_trait("best_order", r#"{"computed": {"event": "Order Completed", "aggregate": "max", "property": "revenue"}}"#)
    .with_audience("buyers", of_conditions(r#"{"performed": {"event": "Order Completed", "op": ">=", "value": 1}}"#))
    .with_audience("rich", of_sql("SELECT profile_id, lifetime_value FROM traits.lifetime_value WHERE lifetime_value > 100"))
}
