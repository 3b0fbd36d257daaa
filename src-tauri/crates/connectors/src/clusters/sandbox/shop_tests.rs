//! The shop: the generator against a reader that knows nothing of it, and the whole of it on the broker.

use std::collections::{BTreeSet, HashMap, HashSet};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::Value;

use super::group_tests::group_state;
use super::run::{EVENTS, ORDERS, ShopSettings, TOPICS};
use super::shop::{Kind, Malformed, Shop, ShopEvent};
use super::shop_people::{DAY_MS, account, user_id};
use super::tests::{JUNE_MS, WAIT, blocking, config, sandbox, until};
use super::{Sandbox, SandboxLimits};

fn history(seed: u64, n: usize) -> (Shop, Vec<ShopEvent>) {
    let mut shop = Shop::new(seed, 600);
    let events = shop.history(JUNE_MS, JUNE_MS + 30 * DAY_MS, n).collect();
    (shop, events)
}

#[test]
fn the_same_seed_makes_the_same_shop() {
    let ((mut first, one), (mut second, other)) = (history(7, 3_000), history(7, 3_000));
    assert_eq!(one, other);
    let now_ms = JUNE_MS + 31 * DAY_MS;
    assert_eq!(first.next(now_ms), second.next(now_ms));
    assert_ne!(one, history(8, 3_000).1);
    assert_eq!(account(7, 12), account(7, 12));
    let plans: BTreeSet<_> = (1..100).map(|number| account(7, number).plan).collect();
    assert_eq!(plans, BTreeSet::from(["free", "pro", "team"]));
    assert_eq!(account(7, 12).user_id, "u_000012");
}

/// What a reader that knows nothing of the generator finds: duplicates, malformed and late records, events by name.
fn read_back(events: &[ShopEvent]) -> (u64, u64, u64, HashMap<String, u64>) {
    let (mut ids, mut duplicates, mut malformed, mut late) = (HashSet::new(), 0, 0, 0);
    let mut names: HashMap<String, u64> = HashMap::new();
    for event in events {
        let value: Value = serde_json::from_str(&event.payload).unwrap_or_default();
        let whole =
            value["type"].is_string() && (value["userId"].is_string() || value["anonymousId"].is_string());
        if !whole {
            malformed += 1;
            assert!(matches!(event.kind, Kind::Malformed(_)), "{}", event.payload);
            continue;
        }
        if !ids.insert(value["messageId"].as_str().expect("a messageId").to_owned()) {
            duplicates += 1;
            assert_eq!(event.kind, Kind::Duplicate);
            continue;
        }
        *names
            .entry(
                value["event"]
                    .as_str()
                    .unwrap_or(value["type"].as_str().unwrap_or(""))
                    .to_owned(),
            )
            .or_default() += 1;
        let happened = value["timestamp"].as_str().expect("a timestamp");
        let happened_ms = chrono::DateTime::parse_from_rfc3339(happened)
            .expect("RFC 3339")
            .timestamp_millis();
        assert!(happened_ms <= event.received_ms);
        late += u64::from(event.received_ms - happened_ms > 50_000);
        let key = value["userId"].as_str().or(value["anonymousId"].as_str());
        assert_eq!(key, Some(event.key.as_str()));
    }
    (duplicates, malformed, late, names)
}

#[test]
fn the_shop_counts_what_it_emits() {
    let (shop, events) = history(7, 20_000);
    let counts = shop.counts();
    assert_eq!(counts.records, 20_000);
    assert!(events.is_sorted_by_key(|event| event.received_ms));
    assert!(
        events
            .iter()
            .all(|event| (JUNE_MS..=JUNE_MS + 30 * DAY_MS).contains(&event.received_ms))
    );

    let (duplicates, malformed, late, names) = read_back(&events);
    let reader = (duplicates, malformed, late);
    assert_eq!(reader, (counts.duplicates, counts.malformed, counts.late));
    assert!(duplicates > 100 && malformed > 30 && late > 20, "{counts:?}");
    let of = |name: &str| names.get(name).copied().unwrap_or_default();
    assert_eq!(of("Order Completed"), counts.orders);
    assert_eq!(of("Order Refunded"), counts.refunds);
    assert_eq!(
        (of("Signed Up"), of("Signed In")),
        (counts.sign_ups, counts.sign_ins)
    );
    let orders = events.iter().filter(|event| event.order.is_some()).count() as u64;
    assert_eq!(orders, counts.orders + counts.refunds);
    for kind in [
        Malformed::CutJson,
        Malformed::NotJson,
        Malformed::MissingType,
        Malformed::MissingIds,
    ] {
        assert!(
            events.iter().any(|event| event.kind == Kind::Malformed(kind)),
            "no {kind:?}"
        );
    }
    for name in [
        "page",
        "identify",
        "Product Viewed",
        "Product Added",
        "Cart Viewed",
        "Checkout Started",
    ] {
        assert!(of(name) > 100, "{name}: {}", of(name));
    }
    assert!(
        counts.orders > 300 && counts.refunds > 10 && counts.sign_ups > 5,
        "{counts:?}"
    );
}

#[test]
fn people_are_anonymous_first_and_some_have_several_devices() {
    let (_, events) = history(7, 20_000);
    let mut devices: HashMap<String, BTreeSet<String>> = HashMap::new();
    let mut anonymous: HashSet<String> = HashSet::new();
    let (mut became_known, mut orders) = (HashSet::new(), HashMap::new());
    for event in events
        .iter()
        .filter(|event| matches!(event.kind, Kind::Event | Kind::Late))
    {
        let value: Value = serde_json::from_str(&event.payload).expect("JSON");
        let anonymous_id = value["anonymousId"].as_str().map(str::to_owned);
        match (value["userId"].as_str(), anonymous_id) {
            (Some(user), Some(id)) => {
                if anonymous.contains(&id) {
                    became_known.insert(id.clone());
                }
                devices.entry(user.to_owned()).or_default().insert(id);
                if value["event"] == "Order Completed" {
                    let number: u32 = user[2..].parse().expect("a number");
                    assert_eq!(user_id(number), user);
                    assert!((1..=600).contains(&number));
                    *orders.entry(user.to_owned()).or_insert(0) += 1;
                    let properties = &value["properties"];
                    assert!(properties["revenue"].as_f64().expect("a number") > 0.0);
                    assert!(!properties["products"].as_array().expect("products").is_empty());
                }
            }
            (None, Some(id)) => {
                anonymous.insert(id);
            }
            (user, None) => assert!(user.is_some() && value["event"] == "Order Refunded"),
        }
    }
    assert!(
        became_known.len() > 100,
        "{} devices became known",
        became_known.len()
    );
    assert!(devices.values().any(|ids| ids.len() >= 2));
    // Enough people buy often for an audience of frequent buyers.
    assert!(
        orders.values().filter(|count| **count >= 3).count() > 20,
        "{orders:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shop_seeds_a_history_then_goes_on_with_groups_of_different_lag() {
    let sandbox = sandbox(SandboxLimits::default()).await;
    let settings = ShopSettings {
        history_events: 1_500,
        people_max: 200,
        events_per_second: 100.0,
        ..ShopSettings::default()
    };
    let mut run = sandbox.start_shop(settings, || JUNE_MS).await.expect("started");
    run.seeded().await.expect("seeded");
    let seeded = run.progress();
    let counts = seeded.counts;
    let sent = counts.records + counts.orders + counts.refunds + counts.clicks;
    assert_eq!(
        (seeded.history_sent, seeded.delivered, seeded.undelivered),
        (1_500, sent, 0)
    );
    assert!(end(&sandbox, EVENTS).await >= 1_500);

    until("live events arrive", async || {
        run.progress().counts.records > 1_700
    })
    .await;
    let groups = ["checkout-writer", "email-trigger", "warehouse-sink"];
    for (group, members) in groups.into_iter().zip([2, 1, 1]) {
        until(group, async || {
            group_state(&sandbox, group).await == Some(("Stable".to_owned(), members))
        })
        .await;
    }
    until("checkout-writer keeps up", async || {
        lag(&sandbox, "checkout-writer", ORDERS).await < 30
    })
    .await;
    until("email-trigger falls behind", async || {
        lag(&sandbox, "email-trigger", EVENTS).await > 300
    })
    .await;
    until("fraud-scoring has left", async || {
        group_state(&sandbox, "fraud-scoring").await == Some(("Empty".to_owned(), 0))
    })
    .await;
    let stuck = lag(&sandbox, "fraud-scoring", EVENTS).await;
    until("fraud-scoring's lag grows", async || {
        lag(&sandbox, "fraud-scoring", EVENTS).await > stuck + 50
    })
    .await;
    assert_eq!((run.progress().failed, run.progress().undelivered), (None, 0));

    let (bootstrap, clients, server) = (
        sandbox.bootstrap(),
        sandbox.clients.clone(),
        sandbox.server.clone(),
    );
    sandbox.stop().await;
    until("every task has ended", async || {
        clients.is_empty() && server.is_empty()
    })
    .await;
    assert!(
        tokio::net::TcpStream::connect(bootstrap).await.is_err(),
        "the port is closed"
    );
}

fn all_partitions(topic: &'static str) -> TopicPartitionList {
    let count = TOPICS
        .iter()
        .find(|(name, _)| *name == topic)
        .expect("a topic of the shop")
        .1;
    let mut all = TopicPartitionList::new();
    all.add_partition_range(topic, 0, count - 1);
    all
}

/// The sum of a topic's high watermarks.
async fn end(sandbox: &Sandbox, topic: &'static str) -> i64 {
    let client: BaseConsumer = config(sandbox).create().expect("a client");
    let ends = blocking(move || {
        let all = all_partitions(topic);
        let partitions = all.elements().into_iter().map(|element| element.partition());
        partitions
            .map(|index| client.fetch_watermarks(topic, index, WAIT).expect("watermarks").1)
            .sum()
    });
    ends.await
}

async fn lag(sandbox: &Sandbox, group: &str, topic: &'static str) -> i64 {
    let client: BaseConsumer = config(sandbox).set("group.id", group).create().expect("a client");
    let committed = blocking(move || {
        client
            .committed_offsets(all_partitions(topic), WAIT)
            .expect("offsets")
    })
    .await;
    let offset = |offset| match offset {
        Offset::Offset(offset) => offset,
        other => panic!("{other:?}: every partition has a committed offset"),
    };
    let committed: i64 = committed
        .elements()
        .iter()
        .map(|element| offset(element.offset()))
        .sum();
    end(sandbox, topic).await - committed
}
