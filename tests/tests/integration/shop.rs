//! A shop whose history is known: events of Segment's specification, and what has to come of them. Everything follows
//! from the seed and the time, which is the end of the history.
//!
//! Some visitors never log in. The others order before they do, on two devices, so that the person is only found by
//! merging; the events of one person are spread over all partitions. Some records are there twice, some are no events.

use std::collections::{BTreeMap, HashSet};

use anyhow::Result;
use chrono::{DateTime, SecondsFormat};
use integration::kafka::Record;
use serde_json::{Value, json};

use crate::workspace::Workspace;

pub const PARTITIONS: i32 = 4;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Every so many-th event is sent twice.
const DUPLICATED: usize = 23;
/// After every so many-th event there is a record that is none.
const MALFORMED: usize = 97;

/// Numbers that look random and follow from the seed (SplitMix64).
pub struct Numbers(pub u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// One of `from..to`.
    pub fn within(&mut self, from: i64, to: i64) -> i64 {
        from + (self.next() % (to - from).unsigned_abs()).cast_signed()
    }
}

#[derive(Debug, Clone)]
pub struct Purchase {
    pub at_ms: i64,
    /// A multiple of a quarter, so that sums are exact.
    pub revenue: f64,
}

#[derive(Debug, Clone)]
pub struct Person {
    pub number: i64,
    pub plan: &'static str,
    pub logs_in: bool,
    pub orders: Vec<Purchase>,
    pub refunds: Vec<Purchase>,
}

impl Person {
    fn new(number: i64, now_ms: i64, numbers: &mut Numbers) -> Self {
        let logs_in = number % 7 != 0;
        // Far from the windows' ends, so that a slow run evaluates the same.
        let mut purchase = |from_days: i64, to_days: i64| Purchase {
            at_ms: now_ms - numbers.within(from_days * DAY_MS, to_days * DAY_MS),
            revenue: numbers.within(4, 1_200) as f64 / 4.0,
        };
        let mut orders: Vec<Purchase> = (0..number % 6).map(|_| purchase(1, 13)).collect();
        orders.extend((0..number % 4).map(|_| purchase(15, 40)));
        let refunds = match number % 11 {
            0 | 5 => vec![purchase(1, 13)],
            7 => vec![purchase(15, 40)],
            _ => Vec::new(),
        };
        orders.sort_by_key(|order| order.at_ms);
        let plan = ["free", "pro", "team", "pro"][(number / 2 % 4).unsigned_abs() as usize];
        Self {
            number,
            plan,
            logs_in,
            orders,
            refunds,
        }
    }

    pub fn user_id(&self) -> String {
        format!("u_{:04}", self.number)
    }

    pub fn email(&self) -> String {
        format!("{}@example.com", self.user_id())
    }

    pub fn device(&self, device: i64) -> String {
        format!("a_{:04}_{device}", self.number)
    }

    /// What its profile is called.
    pub fn name(&self) -> String {
        if self.logs_in {
            self.user_id()
        } else {
            self.device(1)
        }
    }

    pub fn orders_14d(&self, now_ms: i64) -> usize {
        recent(&self.orders, now_ms)
    }

    pub fn lifetime_value(&self) -> f64 {
        let sum = |purchases: &[Purchase]| purchases.iter().map(|it| it.revenue).sum::<f64>();
        sum(&self.orders) - sum(&self.refunds)
    }

    /// "Pro plan, at least 3 orders in 14 days, no refund."
    pub fn is_pro_repeat_buyer(&self, now_ms: i64) -> bool {
        self.logs_in
            && self.plan == "pro"
            && self.orders_14d(now_ms) >= 3
            && recent(&self.refunds, now_ms) == 0
    }

    /// "Paid 500 or more in all, and ordered in the last 30 days."
    pub fn is_big_spender(&self, now_ms: i64) -> bool {
        self.lifetime_value() >= 500.0 && self.orders.iter().any(|order| order.at_ms > now_ms - 30 * DAY_MS)
    }

    fn events(&self, now_ms: i64) -> Vec<(i64, Value)> {
        let devices = if self.logs_in { 2 } else { 1 };
        let mut events = Vec::new();
        for device in 1..=devices {
            let at_ms = now_ms - 41 * DAY_MS + self.number * 1_000 + device;
            events.push((
                at_ms,
                json!({"type": "page", "name": "Home", "anonymousId": self.device(device),
                "properties": {"path": "/", "referrer": "https://example.com"}}),
            ));
            if self.logs_in {
                let at_ms = now_ms - (8 + device) * DAY_MS + self.number * 1_000;
                events.push((at_ms, json!({"type": "identify", "userId": self.user_id(),
                    "anonymousId": self.device(device), "traits": {"email": self.email(), "plan": self.plan}})));
            }
        }
        for (number, order) in self.orders.iter().enumerate() {
            events.push((order.at_ms, self.order(number, order)));
        }
        for refund in &self.refunds {
            events.push((refund.at_ms, self.refund(refund)));
        }
        events
    }

    /// Every second order is made without logging in, on the second device where there is one.
    fn order(&self, number: usize, order: &Purchase) -> Value {
        let id = format!("o_{:04}_{number}", self.number);
        let properties = json!({"orderId": id, "revenue": order.revenue, "currency": "EUR"});
        let mut event = json!({"type": "track", "event": "Order Completed", "properties": properties});
        if self.logs_in && number.is_multiple_of(2) {
            event["userId"] = self.user_id().into();
        }
        event["anonymousId"] = self
            .device(if self.logs_in && number % 2 == 1 { 2 } else { 1 })
            .into();
        event
    }

    fn refund(&self, refund: &Purchase) -> Value {
        json!({"type": "track", "event": "Order Refunded", "anonymousId": self.device(1),
            "properties": {"revenue": refund.revenue, "currency": "EUR"}})
    }
}

fn recent(purchases: &[Purchase], now_ms: i64) -> usize {
    purchases
        .iter()
        .filter(|it| it.at_ms > now_ms - 14 * DAY_MS)
        .count()
}

pub struct Shop {
    pub now_ms: i64,
    pub people: Vec<Person>,
    /// In the order in which they are produced; their times rise.
    pub records: Vec<Record>,
    /// Every message id, once.
    pub message_ids: HashSet<String>,
    pub duplicates: usize,
    pub malformed: usize,
}

impl Shop {
    pub fn new(seed: u64, now_ms: i64, people: i64) -> Self {
        let mut numbers = Numbers(seed);
        let people: Vec<Person> = (1..=people)
            .map(|number| Person::new(number, now_ms, &mut numbers))
            .collect();
        let mut events: Vec<(i64, Value)> = people.iter().flat_map(|person| person.events(now_ms)).collect();
        events.sort_by_key(|(at_ms, _)| *at_ms);
        add_rare_fields(&mut events);
        let mut shop = Self {
            now_ms,
            people,
            records: Vec::new(),
            message_ids: HashSet::new(),
            duplicates: 0,
            malformed: 0,
        };
        for (number, (at_ms, event)) in events.into_iter().enumerate() {
            shop.add(number, at_ms, event);
        }
        shop
    }

    fn add(&mut self, number: usize, at_ms: i64, mut event: Value) {
        let message_id = format!("m_{number:06}");
        event["messageId"] = message_id.as_str().into();
        event["timestamp"] = time(at_ms).into();
        let text = event.to_string();
        self.message_ids.insert(message_id.clone());
        self.push(at_ms, Some(text.clone()));
        if number.is_multiple_of(DUPLICATED) {
            self.duplicates += 1;
            self.push(at_ms, Some(text));
        }
        if number.is_multiple_of(MALFORMED) {
            self.push_malformed(number / MALFORMED, at_ms);
        }
    }

    fn push_malformed(&mut self, kind: usize, at_ms: i64) {
        let value = match kind % 7 {
            0 => Some("{\"type\": \"track\", \"event\": \"Cut of".to_owned()),
            1 => None,
            2 => Some(json!({"type": "track", "event": "Nobody", "messageId": "x_1"}).to_string()),
            3 => Some(json!({"type": "track", "event": "No id", "userId": "u_0001"}).to_string()),
            4 => Some(json!({"type": "trakc", "event": "Misspelt", "userId": "u_0001", "messageId": "x_2"}).to_string()),
            5 => Some(
                json!({"type": "track", "event": "When", "userId": "u_0001", "messageId": "x_3", "timestamp": "noon"})
                    .to_string(),
            ),
            _ => Some("[1, 2, 3]".to_owned()),
        };
        self.malformed += 1;
        self.push(at_ms, value);
    }

    /// Round the partitions, whoever it is of.
    fn push(&mut self, at_ms: i64, value: Option<String>) {
        let partition = (self.records.len() % 4) as i32;
        let record = Record {
            key: Some(format!("k_{}", self.records.len()).into_bytes()),
            value: value.map(String::into_bytes),
            ..Record::default()
        };
        self.records.push(record.at(at_ms).on_partition(partition));
    }

    /// One more event, now. Returns its record.
    fn happen(&mut self, event: Value, at_ms: i64) -> Record {
        self.add(self.message_ids.len() * MALFORMED * DUPLICATED + 1, at_ms, event);
        self.records[self.records.len() - 1].clone()
    }

    pub fn person(&mut self, number: i64) -> &mut Person {
        &mut self.people[(number - 1).unsigned_abs() as usize]
    }

    /// The person orders; the record to produce.
    pub fn order(&mut self, number: i64, at_ms: i64) -> Record {
        let order = Purchase { at_ms, revenue: 10.0 };
        let person = self.person(number);
        let event = person.order(100 + person.orders.len() * 2, &order);
        person.orders.push(order);
        self.happen(event, at_ms)
    }

    /// The person returns an order; the record to produce.
    pub fn refund(&mut self, number: i64, at_ms: i64) -> Record {
        let refund = Purchase { at_ms, revenue: 10.0 };
        let person = self.person(number);
        let event = person.refund(&refund);
        person.refunds.push(refund);
        self.happen(event, at_ms)
    }

    pub fn members(&self, is_member: impl Fn(&Person) -> bool) -> Vec<&Person> {
        self.people.iter().filter(|person| is_member(person)).collect()
    }

    pub fn pro_repeat_buyers(&self) -> Vec<&Person> {
        self.members(|person| person.is_pro_repeat_buyer(self.now_ms))
    }

    /// Their names, sorted.
    pub fn names(people: &[&Person]) -> Vec<String> {
        let mut names: Vec<String> = people.iter().map(|person| person.name()).collect();
        names.sort();
        names
    }

    /// The records whose value is JSON that satisfies the predicate.
    pub fn records_where(&self, holds: impl Fn(&Value) -> bool) -> usize {
        let values = self.records.iter().filter_map(|record| record.value.as_deref());
        values
            .filter(|value| serde_json::from_slice::<Value>(value).is_ok_and(|value| holds(&value)))
            .count()
    }

    /// How many records each partition has.
    pub fn partition_sizes(&self) -> BTreeMap<i32, i64> {
        let mut sizes = BTreeMap::new();
        for record in &self.records {
            *sizes.entry(record.partition.unwrap_or_default()).or_default() += 1;
        }
        sizes
    }
}

/// Fields that come late: `discount` only in the second half, a whole number at first and a fraction later; `coupon` in
/// one event alone. One event is larger than a table's cell.
fn add_rare_fields(events: &mut [(i64, Value)]) {
    let count = events.len();
    let mut discounts = 0;
    for (number, (_, event)) in events.iter_mut().enumerate() {
        let is_order = event["event"] == "Order Completed";
        if is_order && number > count / 2 {
            discounts += 1;
            event["properties"]["discount"] = match discounts {
                ..40 => json!(5 + discounts % 3 * 5),
                _ => json!([2.5, 5.0, 12.5, 20.25][discounts % 4]),
            };
        }
    }
    if let Some((_, event)) = events.get_mut(count / 3) {
        event["properties"]["coupon"] = "GOLD-1".into();
    }
    if let Some((_, event)) = events.get_mut(count / 4) {
        event["properties"]["note"] = "long ".repeat(600).into();
    }
}

pub fn time(at_ms: i64) -> String {
    DateTime::from_timestamp_millis(at_ms)
        .map(|time| time.to_rfc3339_opts(SecondsFormat::Millis, true))
        .unwrap_or_default()
}

pub fn now_ms() -> i64 {
    chrono::Utc::now().timestamp_millis()
}

/// The definitions of a workspace over the shop: a source, a warehouse, two traits, two audiences.
pub async fn define(workspace: &Workspace, topic: &str, group: &str, people: &[Person]) -> Result<()> {
    let source = format!("cluster = \"test\"\ntopic = \"{topic}\"\ngroup = \"{group}\"\n");
    workspace.write("sources/shop.toml", source)?;
    workspace.write(
        "warehouses/crm.toml",
        "kind = \"sqlite\"\npath = \"crm.db\"\n\n[tables.accounts]\nkey = \"user_id\"\n",
    )?;
    warehouse(workspace, people).await?;
    workspace.write(
        "traits/lifetime_value.sql",
        "SELECT profile_id, sum(CASE WHEN event = 'Order Completed' THEN revenue ELSE -revenue END) AS lifetime_value\n\
         FROM events WHERE event IN ('Order Completed', 'Order Refunded') GROUP BY profile_id\n",
    )?;
    workspace.write(
        "traits/orders_14d.toml",
        "title = \"Orders in 14 days\"\n\n[computed]\nevent = \"Order Completed\"\nwindow = \"14 days\"\n",
    )?;
    workspace.write(
        "audiences/pro_repeat_buyers.toml",
        "[condition]\nall = [\n\
         { attribute = { table = \"crm.accounts\", column = \"plan\", op = \"=\", value = \"pro\" } },\n\
         { performed = { event = \"Order Completed\", op = \">=\", value = 3, window = \"14 days\" } },\n\
         { not = { performed = { event = \"Order Refunded\", op = \">=\", value = 1, window = \"14 days\" } } },\n]\n",
    )?;
    workspace.write(
        "audiences/big_spenders.sql",
        "SELECT v.profile_id FROM traits.lifetime_value AS v WHERE v.lifetime_value >= 500\n\
         AND v.profile_id IN (SELECT profile_id FROM events\n\
         WHERE event = 'Order Completed' AND timestamp > now() - INTERVAL '30 days')\n",
    )
}

async fn warehouse(workspace: &Workspace, people: &[Person]) -> Result<()> {
    use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
    let options = SqliteConnectOptions::new()
        .filename(workspace.path("crm.db"))
        .create_if_missing(true);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    sqlx::raw_sql("CREATE TABLE accounts (user_id TEXT PRIMARY KEY, plan TEXT NOT NULL, seats INTEGER)")
        .execute(&mut connection)
        .await?;
    let rows: Vec<Value> = people
        .iter()
        .filter(|person| person.logs_in)
        .map(|person| json!([person.user_id(), person.plan, person.number]))
        .collect();
    sqlx::query("INSERT INTO accounts SELECT value->>0, value->>1, value->>2 FROM json_each(?)")
        .bind(Value::Array(rows).to_string())
        .execute(&mut connection)
        .await?;
    connection.close().await?;
    Ok(())
}
