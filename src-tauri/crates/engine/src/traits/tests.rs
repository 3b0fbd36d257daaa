use tailrace_model::{Error, TraitDefinition};

use super::*;
use crate::session::testing::{T, sample};

fn definition(json: &str) -> TraitDefinition {
    serde_json::from_str(json).unwrap()
}

async fn rows(json: &str) -> Result<(u64, String), Error> {
    let session = sample().session();
    let preview = preview(&session, "t", &definition(json), T).await?;
    let row = |row: Vec<Option<String>>| {
        row.into_iter()
            .map(|cell| cell.unwrap_or_else(|| "NULL".to_owned()))
            .collect::<Vec<_>>()
            .join("|")
    };
    let mut rows: Vec<String> = preview.sample.rows.into_iter().map(row).collect();
    rows.sort();
    Ok((preview.profiles, rows.join(" ")))
}

#[tokio::test]
async fn computed_traits_have_values() {
    let check = async |json: &str, profiles: u64, expected: &str| {
        assert_eq!(
            rows(json).await.unwrap(),
            (profiles, expected.to_owned()),
            "{json}"
        );
    };
    check(
        r#"{"computed": {"event": "Order Completed", "window": "14 days"}}"#,
        5,
        "dan@example.com|4|1 profile 5|5|0 u1|1|3 u2|2|1 u3|3|0",
    )
    .await;
    check(
        r#"{"computed": {"event": "Order Completed", "aggregate": "sum", "property": "revenue"}}"#,
        3,
        "dan@example.com|4|10 u1|1|170.5 u2|2|580",
    )
    .await;
    check(r#"{"computed": {"event": "Order Completed", "aggregate": "avg", "property": "revenue", "where": [{"property": "category", "op": "=", "value": "shoes"}]}}"#, 2, "u1|1|70 u2|2|80").await;
    check(
        r#"{"computed": {"event": "Order Completed", "aggregate": "distinct", "property": "category"}}"#,
        5,
        "dan@example.com|4|1 profile 5|5|0 u1|1|2 u2|2|1 u3|3|0",
    )
    .await;
    check(
        r#"{"computed": {"event": "Order Completed", "aggregate": "max", "property": "size"}}"#,
        2,
        "u1|1|42 u2|2|42",
    )
    .await;
    check(
        r#"{"computed": {"event": "Order Completed", "aggregate": "sum", "property": "neverSeen"}}"#,
        0,
        "",
    )
    .await;
    check(
        r#"{"sql": "SELECT profile_id, city, email FROM profiles WHERE city = 'Berlin';"}"#,
        2,
        "dan@example.com|4|Berlin|dan@example.com u1|1|Berlin|ada@example.com",
    )
    .await;
}

#[tokio::test]
async fn wrong_traits_are_refused() {
    let check = async |json: &str, message: &str| {
        assert_eq!(
            rows(json).await.err().map(|error| error.message).as_deref(),
            Some(message),
            "{json}"
        );
    };
    check(
        r#"{"sql": "SELECT profile_id, revenue FROM events"}"#,
        "the SQL gives more than one row of profile 1: group it by profile_id",
    )
    .await;
    check(
        r#"{"sql": "SELECT NULLIF(profile_id, 2) AS profile_id, city FROM profiles"}"#,
        "the SQL gives a row without a profile_id: leave such rows out with WHERE profile_id IS NOT NULL",
    )
    .await;
    check(
        r#"{"sql": "SELECT profile_id FROM profiles"}"#,
        "profile_id is the only column: a trait selects at least one more",
    )
    .await;
    check(
        r#"{"sql": "SELECT city FROM profiles"}"#,
        "there is no column profile_id: a trait selects it and one column a trait",
    )
    .await;
    check(
        r#"{"sql": "SELECT email AS profile_id, city FROM profiles"}"#,
        "profile_id is a VARCHAR: a trait selects the number that profiles have",
    )
    .await;
    check(
        r#"{}"#,
        "a trait is either computed or SQL: give exactly one of them",
    )
    .await;
    check(
        r#"{"computed": {"event": "X", "aggregate": "sum"}}"#,
        "sum needs a property: write which one",
    )
    .await;
    check(
        r#"{"computed": {"event": "X", "property": "revenue"}}"#,
        "count takes no property: remove it, or use distinct",
    )
    .await;
    check(
        r#"{"computed": {"event": "X", "aggregate": "sum", "property": "gift"}}"#,
        "property \"gift\" is true or false: sum needs a number",
    )
    .await;
    let session = sample().session();
    let own = definition(r#"{"sql": "SELECT profile_id, 1 AS x FROM traits.lifetime_value"}"#);
    let error = validate(&session, "lifetime_value", &own).await.err();
    assert_eq!(error.map(|error| error.code).as_deref(), Some("definition_cycle"));
    assert_eq!(validate(&session, "another", &own).await, Ok(()));
}

#[tokio::test]
async fn a_profile_has_values_of_every_origin() {
    let session = sample().session();
    let values = values(&session, 1, T).await.unwrap();
    let texts: Vec<String> = values
        .into_iter()
        .map(|value| {
            format!(
                "{} {} {}",
                value.origin,
                value.name,
                value.value.unwrap_or_else(|| "NULL".to_owned())
            )
        })
        .collect();
    assert_eq!(
        texts,
        [
            "identify user_id u1",
            "identify email ada@example.com",
            "identify city Berlin",
            "computed best_order 120",
            "sql lifetime_value 170.5",
            "computed orders_14_days 3",
            "warehouse crm.accounts.plan pro",
            "warehouse crm.accounts.seats 5",
        ]
    );
    assert_eq!(
        super::values(&session, 77, T)
            .await
            .err()
            .map(|error| error.code)
            .as_deref(),
        Some("unknown_profile")
    );
}
