use super::{explain, members, sql, validate};
use crate::session::testing::{DAY_MS, T, of_conditions, of_sql, sample};

const PRO_BUYERS: &str = r#"{"all": [
    {"attribute": {"table": "crm.accounts", "column": "plan", "op": "=", "value": "pro"}},
    {"not": {"performed": {"event": "Order Refunded", "op": ">=", "value": 1}}},
    {"any": [
        {"trait": {"name": "orders_14_days", "op": ">=", "value": 3}},
        {"in_audience": "rich"}
    ]}
]}"#;

#[tokio::test]
async fn a_profile_is_explained_condition_by_condition() {
    let session = sample().session();
    let definition = of_conditions(PRO_BUYERS);
    let check = async |profile: i64, member: bool, expected: &[&str]| {
        let explanation = explain(&session, &definition, profile, Some(5), T).await.unwrap();
        assert_eq!(
            (explanation.member, explanation.since_ms),
            (member, member.then_some(5))
        );
        let lines: Vec<String> = explanation
            .conditions
            .into_iter()
            .map(|one| {
                let value = one.value.map(|value| format!(" ({value})")).unwrap_or_default();
                format!(
                    "[{}] {} {}: {}{value}",
                    one.path, one.depth, one.sentence, one.holds
                )
            })
            .collect();
        assert_eq!(lines, expected);
    };
    check(
        1,
        true,
        &[
            "[] 0 all of: true",
            "[0] 1 plan is pro: true (pro)",
            "[1] 1 not: true",
            "[1.0] 2 did Order Refunded: false (0)",
            "[2] 1 any of: true",
            "[2.0] 2 orders_14_days is at least 3: true (3)",
            "[2.1] 2 in audience rich: true",
        ],
    )
    .await;
    check(
        2,
        false,
        &[
            "[] 0 all of: false",
            "[0] 1 plan is pro: true (pro)",
            "[1] 1 not: false",
            "[1.0] 2 did Order Refunded: true (1)",
            "[2] 1 any of: true",
            "[2.0] 2 orders_14_days is at least 3: false (1)",
            "[2.1] 2 in audience rich: true",
        ],
    )
    .await;
    let nobody = explain(&session, &definition, 99, None, T).await.err();
    assert_eq!(nobody.map(|error| error.code).as_deref(), Some("unknown_profile"));
}

#[tokio::test]
async fn membership_moves_with_the_time_of_evaluation() {
    let session = sample().session();
    let definition = of_conditions(
        r#"{"performed": {"event": "Order Completed", "op": ">=", "value": 1, "window": "2 days"}}"#,
    );
    let at = async |t_ms: i64| members(&session, &definition, t_ms).await.unwrap().members;
    assert_eq!(
        at(T).await,
        [1],
        "the order of exactly two days ago has left the window"
    );
    assert_eq!(at(T - 1).await, [1, 2], "a millisecond before it was in it");
    assert_eq!(at(T + DAY_MS - 1).await, [1], "the next one is not there yet");
    assert_eq!(at(T + DAY_MS).await, [3], "an event of this very moment is in");
}

#[tokio::test]
async fn sql_audiences_select_profiles() {
    let session = sample().session();
    let check = async |sql: &str, expected: Result<(&[i64], u64), &str>| {
        let found = members(&session, &of_sql(sql), T).await;
        let found = found
            .as_ref()
            .map(|found| (found.members.as_slice(), found.unknown_ids));
        assert_eq!(found.map_err(|error| error.code.as_str()), expected, "{sql}");
    };
    check(
        "SELECT profile_id FROM events ORDER BY timestamp;",
        Ok((&[1, 2, 3, 4], 0)),
    )
    .await;
    check(
        "SELECT 3 AS profile_id UNION ALL SELECT 77 UNION ALL SELECT 77",
        Ok((&[3], 1)),
    )
    .await;
    check(
        "SELECT NULLIF(profile_id, 2) AS profile_id FROM profiles",
        Err("audience_null"),
    )
    .await;
    check(
        "SELECT user_id, profile_id FROM profiles",
        Err("audience_columns"),
    )
    .await;
    check(
        "SELECT user_id AS profile_id FROM profiles",
        Err("audience_columns"),
    )
    .await;
    check("DROP TABLE events", Err("sql_refused")).await;
}

#[tokio::test]
async fn a_trait_with_several_rows_of_a_profile_is_not_counted_twice() {
    let session = sample()
        .with_trait(
            "revenue_of",
            r#"{"sql": "SELECT profile_id, revenue AS revenue_of FROM events"}"#,
        )
        .session();
    let definition = of_conditions(r#"{"trait": {"name": "revenue_of", "op": ">", "value": 1}}"#);
    let error = members(&session, &definition, T).await.err();
    assert_eq!(error.map(|error| error.code).as_deref(), Some("trait_duplicates"));
    let error = super::preview(&session, &definition, &[], T).await.err();
    assert_eq!(error.map(|error| error.code).as_deref(), Some("trait_duplicates"));
}

#[tokio::test]
async fn a_broken_trait_breaks_only_what_reads_it() {
    let session = sample()
        .with_trait("broken", r#"{"sql": "SELECT profile_id, revenu FROM events"}"#)
        .session();
    let reads = of_conditions(r#"{"trait": {"name": "broken", "op": ">", "value": 1}}"#);
    let error = sql(&session, &reads)
        .await
        .err()
        .map(|error| error.message)
        .unwrap_or_default();
    assert!(
        error.contains("trait \"broken\": line 1, column 20: there is no column \"revenu\""),
        "{error}"
    );
    assert_eq!(validate(&session, "x", &reads).await.problems.len(), 1);
    assert!(
        validate(&session, "x", &of_conditions(PRO_BUYERS))
            .await
            .problems
            .is_empty()
    );
}
