//! Collecting and defining: the log holds exactly what happened, and the audiences are exactly those who should be in
//! them.

use anyhow::{Context, Result};
use integration::{need, unique};
use serde_json::{Value, json};

use super::Stage;
use crate::{
    broker,
    shop::{PARTITIONS, Shop},
    workspace::{DEADLINE, Workspace, text},
};

/// Collects all of the shop and checks the counts.
pub async fn collect(workspace: &Workspace, shop: &Shop) -> Result<()> {
    let counts = workspace.ingest().await?;
    let count = |name: &str| counts[name].as_u64().unwrap_or(u64::MAX) as usize;
    anyhow::ensure!(
        (count("events"), count("duplicates"), count("malformed"))
            == (shop.message_ids.len(), shop.duplicates, shop.malformed),
        "{counts}, but there were {} events, {} duplicates and {} malformed",
        shop.message_ids.len(),
        shop.duplicates,
        shop.malformed
    );
    Ok(())
}

#[tokio::test]
async fn events_are_collected_once_and_counted() -> Result<()> {
    let stage = need!(Stage::shared().await);
    let shop = &stage.shop;
    let group = unique("collectors");
    let workspace = stage.defined(&group).await?;
    collect(&workspace, shop).await?;

    let rows = workspace
        .sql("SELECT count(*) AS n, count(DISTINCT message_id) AS ids, min(source) AS source FROM events")
        .await?;
    let count = shop.message_ids.len();
    assert_eq!(json!(rows), json!([[count, count, "shop"]]));
    let revenue = workspace
        .sql("SELECT event, count(*) AS n, sum(revenue) AS revenue FROM events WHERE revenue IS NOT NULL GROUP BY event ORDER BY event")
        .await?;
    let orders = shop.people.iter().flat_map(|person| &person.orders);
    let refunds = shop.people.iter().flat_map(|person| &person.refunds);
    let wanted: Vec<Vec<Value>> = vec![
        vec![
            "Order Completed".into(),
            orders.clone().count().into(),
            orders.map(|it| it.revenue).sum::<f64>().into(),
        ],
        vec![
            "Order Refunded".into(),
            refunds.clone().count().into(),
            refunds.map(|it| it.revenue).sum::<f64>().into(),
        ],
    ];
    assert_eq!(numbers(&revenue), numbers(&wanted));

    // The group's offsets follow the checkpoint, which is at the ends.
    let ends = shop.partition_sizes();
    broker::wait_for_commits(stage.kafka, &group, &stage.topic, PARTITIONS, DEADLINE, |found| {
        ends.iter()
            .all(|(partition, end)| found.get(partition) == Some(&Some(*end)))
    })
    .await?;
    let detail = workspace.json(&["groups", "show", "test", &group]).await?;
    assert_eq!(detail["summary"]["lag"], 0, "{detail}");

    // Again: there is nothing new, and the counts stay.
    collect(&workspace, shop).await
}

/// Whole numbers and fractions of the same value are the same.
fn numbers(rows: &[Vec<Value>]) -> Vec<Vec<String>> {
    let plain = |value: &Value| {
        value
            .as_f64()
            .map_or_else(|| text(value), |number| format!("{number:.2}"))
    };
    rows.iter().map(|row| row.iter().map(plain).collect()).collect()
}

#[tokio::test]
async fn profiles_traits_and_audiences_are_what_they_should_be() -> Result<()> {
    let stage = need!(Stage::shared().await);
    let shop = &stage.shop;
    let workspace = stage.defined(&unique("definers")).await?;
    assert_eq!(workspace.lines(&["check"]).await?, Vec::<Value>::new());
    collect(&workspace, shop).await?;

    // Everybody is one profile, whatever they did before they logged in and on which device.
    let profiles = workspace
        .sql("SELECT count(*) AS n, count(user_id) AS users, count(email) AS emails FROM profiles")
        .await?;
    let users = shop.members(|person| person.logs_in).len();
    assert_eq!(json!(profiles), json!([[shop.people.len(), users, users]]));

    let buyers = shop.pro_repeat_buyers();
    assert!(
        buyers.len() > 20 && buyers.len() < shop.people.len() / 4,
        "{}",
        buyers.len()
    );
    assert_eq!(
        workspace.members("pro_repeat_buyers").await?,
        Shop::names(&buyers)
    );
    let spenders = shop.members(|person| person.is_big_spender(shop.now_ms));
    assert!(
        spenders.iter().any(|person| !person.logs_in),
        "some never logged in"
    );
    assert_eq!(workspace.members("big_spenders").await?, Shop::names(&spenders));

    let traits = workspace
        .sql(
            "SELECT p.user_id, t.orders_14d, v.lifetime_value FROM profiles AS p \
             JOIN traits.orders_14d AS t ON t.profile_id = p.profile_id \
             LEFT JOIN traits.lifetime_value AS v ON v.profile_id = p.profile_id \
             WHERE p.user_id IS NOT NULL AND t.orders_14d > 0 ORDER BY p.user_id",
        )
        .await?;
    let wanted: Vec<Vec<Value>> = shop
        .members(|person| person.logs_in && person.orders_14d(shop.now_ms) > 0)
        .iter()
        .map(|person| {
            let orders = person.orders_14d(shop.now_ms);
            vec![
                person.user_id().into(),
                orders.into(),
                person.lifetime_value().into(),
            ]
        })
        .collect();
    assert_eq!(numbers(&traits), numbers(&wanted));
    explained(&workspace, shop).await
}

/// A member, and one who has the plan and the orders but also a refund.
async fn explained(workspace: &Workspace, shop: &Shop) -> Result<()> {
    let explain = async |person: &crate::shop::Person| {
        let id = format!("user_id:{}", person.user_id());
        workspace
            .json(&["audience", "explain", "pro_repeat_buyers", &id])
            .await
    };
    let buyers = shop.pro_repeat_buyers();
    let member = explain(buyers.first().context("a member")?).await?;
    assert_eq!(member["member"], true, "{member}");
    let values = member["conditions"].to_string();
    let orders = buyers[0].orders_14d(shop.now_ms).to_string();
    assert!(values.contains("pro") && values.contains(&orders), "{values}");
    let refunded = shop.members(|person| {
        person.logs_in
            && person.plan == "pro"
            && person.orders_14d(shop.now_ms) >= 3
            && !person.is_pro_repeat_buyer(shop.now_ms)
    });
    let other = explain(refunded.first().context("somebody with a refund")?).await?;
    assert_eq!(other["member"], false);
    // Each condition alone held; it is the refund that keeps them out.
    let conditions = other["conditions"].as_array().context("conditions")?;
    for part in ["plan", "Order Completed", "Order Refunded"] {
        let condition = conditions.iter().find(|it| text(&it["sentence"]).contains(part));
        assert_eq!(condition.context(part)?["holds"], true, "{conditions:?}");
    }
    Ok(())
}
