use proptest::prelude::*;

use super::transform::{EventTransform, Transformed};
use crate::events::{
    Event,
    columns::write_member,
    segment::{RecordTimes, parse},
};

fn event(text: &str) -> Event<'_> {
    let times = RecordTimes {
        timestamp_ms: Some(5),
        now_ms: 5,
    };
    parse(text.as_bytes(), times).expect(text)
}

fn track(properties: &str) -> String {
    format!(
        r#"{{"messageId":"m","type":"track","event":"Order","userId":"u1","timestamp":"2026-01-01T00:00:00Z","properties":{properties}}}"#
    )
}

fn properties(event: &Event<'_>) -> String {
    let mut out = String::new();
    event
        .properties
        .iter()
        .for_each(|(name, cell)| write_member(name, cell, &mut out));
    format!("{{{out}}}")
}

fn shown(outcome: &Transformed) -> String {
    match outcome {
        Transformed::Kept(event) => properties(event),
        Transformed::LeftOut => "left out".to_owned(),
        Transformed::Failed(reason) => reason.clone(),
    }
}

fn apply(sql: &str, text: &str) -> Transformed {
    let mut transform = EventTransform::parse(sql).expect(sql);
    transform.apply(&[event(text)]).remove(0)
}

#[test]
fn properties_are_renamed_cast_derived_dropped_masked_and_hashed() {
    let check = |sql: &str, before: &str, after: &str| {
        assert_eq!(shown(&apply(sql, &track(before))), after, "{sql} of {before}");
    };
    let all = r#"{"orderId":"7","amount":12.5,"gift":true,"address":{"zip":"1"},"big":12345678901234567890}"#;
    check("SELECT * FROM events", all, all);
    check(
        "SELECT * EXCLUDE (address, nothing) FROM events",
        r#"{"a":1,"address":{}}"#,
        r#"{"a":1}"#,
    );
    check(
        "SELECT * EXCEPT (nothing) FROM events",
        r#"{"a":1}"#,
        r#"{"a":1}"#,
    );
    check(
        r#"SELECT "orderId" AS order_id FROM events"#,
        r#"{"orderId":"7","x":1}"#,
        r#"{"order_id":"7"}"#,
    );
    check(
        "SELECT CAST(amount AS INT) * 100 AS cents FROM events",
        r#"{"amount":"12"}"#,
        r#"{"cents":1200}"#,
    );
    check(
        "SELECT * REPLACE (concat('***', right(card, 4)) AS card) FROM events",
        r#"{"card":"4111111111111111"}"#,
        r#"{"card":"***1111"}"#,
    );
    check(
        "SELECT sha256(phone) AS phone FROM events",
        r#"{"phone":"a"}"#,
        r#"{"phone":"ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"}"#,
    );
    check(
        "SELECT * FROM events WHERE amount > 10",
        r#"{"amount":9}"#,
        "left out",
    );
    check(
        "SELECT * FROM events AS e WHERE e.amount > 10",
        r#"{"other":9}"#,
        "left out",
    );
    check(
        "SELECT amount, e.unit FROM events e",
        r#"{"amount":9}"#,
        r#"{"amount":9}"#,
    );
    check(
        "SELECT coalesce(amount, 0) AS amount FROM events",
        "{}",
        r#"{"amount":0}"#,
    );
    check(
        "SELECT properties_event AS kind FROM events",
        r#"{"event":"x"}"#,
        r#"{"kind":"x"}"#,
    );
    check(
        "SELECT * FROM events",
        r#"{"event":"x","timestamp":1}"#,
        r#"{"event":"x","timestamp":1}"#,
    );
}

#[test]
fn what_is_nested_has_its_own_type_and_a_place() {
    let check = |sql: &str, before: &str, after: &str| {
        assert_eq!(shown(&apply(sql, &track(before))), after, "{sql} of {before}");
    };
    let address = r#"{"address":{"zip":"1","geo":{"lat":1.5},"at home":true}}"#;
    check(
        "SELECT address.zip, events.address.geo.lat AS lat, address.geo AS geo FROM events",
        address,
        r#"{"zip":"1","lat":1.5,"geo":{"lat":1.5}}"#,
    );
    check(
        "SELECT * EXCLUDE (address), e.address.\"at home\" AS home FROM events e",
        address,
        r#"{"home":true}"#,
    );
    check(
        "SELECT *, address.zip || '!' AS zip FROM events WHERE address.geo.lat > 1",
        r#"{"address":{"zip":"1","geo":{"lat":2}}}"#,
        r#"{"address":{"zip":"1","geo":{"lat":2}},"zip":"1!"}"#,
    );
    check(
        "SELECT * FROM events WHERE address.zip = '1'",
        r#"{"address":{"zip":"2"}}"#,
        "left out",
    );
    for other in [r#"{"address":"text"}"#, r#"{"address":{"zip":null}}"#, "{}"] {
        check("SELECT address.zip FROM events", other, "{}");
    }
    check(
        "SELECT lines ->> '$[1].sku' AS second, json_extract(lines, '$[0]') ->> 'sku' AS first FROM events",
        r#"{"lines":[{"sku":"a"},{"sku":"b"}]}"#,
        r#"{"second":"b","first":"a"}"#,
    );
    for (condition, holds) in [
        ("address ->> 'zip' = '1'", true),
        ("'1' = address ->> 'zip'", true),
        ("address ->> 'zip' = address -> 'zip'", false),
        (
            "address -> 'geo' ->> 'lat' = '1.5' AND address ->> 'zip' IS NOT NULL",
            true,
        ),
        ("address ->> 'nothing' IS NOT NULL", false),
        (
            "address ->> 'zip' IN ('1', '2') AND address ->> 'zip' LIKE '_'",
            true,
        ),
        ("NOT address ->> 'zip' BETWEEN '0' AND '2'", false),
        ("(address ->> 'zip') || '!' = '1!'", true),
        ("address ->> 'zip' || '!' = '1!'", true),
    ] {
        let outcome = shown(&apply(
            &format!("SELECT zip FROM events WHERE {condition}"),
            &track(address),
        ));
        assert_eq!(outcome, if holds { "{}" } else { "left out" }, "{condition}");
    }
    let text = r#"{"messageId":"m","type":"track","event":"Order","userId":"u1","timestamp":"2026-01-01T00:00:00Z",
        "context":{"page":{"url":"https://shop.example"}}}"#;
    let outcome = apply("SELECT context.page.url AS url FROM events", text);
    assert_eq!(shown(&outcome), r#"{"url":"https://shop.example"}"#);
}

#[test]
fn the_envelope_stays_unless_it_is_selected_otherwise() {
    let kept = |sql: &str, text: &str| match apply(sql, text) {
        Transformed::Kept(event) => event,
        other => panic!("{sql}: {other:?}"),
    };
    let before = track(r#"{"a":1}"#);
    let after = kept("SELECT a FROM events", &before);
    assert_eq!(
        (after.event.as_ref(), after.identifier("user_id")),
        ("Order", Some("u1"))
    );
    assert_eq!(after.timestamp_ms, event(&before).timestamp_ms);
    let after = kept(
        "SELECT 'Sale' AS event, 'u2' AS user_id, 'd' AS anonymous_id FROM events",
        &before,
    );
    assert_eq!(
        (after.event.as_ref(), after.identifier("user_id")),
        ("Sale", Some("u2"))
    );
    assert_eq!(after.identifier("anonymous_id"), Some("d"));
    assert_eq!(
        apply("SELECT NULL AS user_id FROM events", &before),
        Transformed::Failed(
            "the transformation leaves it no identifier: neither user_id nor anonymous_id nor an email"
                .to_owned()
        )
    );
    let identify = r#"{"messageId":"m","type":"identify","userId":"u","traits":{"email":"a@b.c","name":"n"},"context":{"ip":"1"}}"#;
    let after = kept(
        "SELECT * EXCLUDE (email, context), NULL AS context FROM events",
        &identify.replace("context\":", "contexts\":"),
    );
    assert_eq!(after.identifier("email"), None, "it goes with its property");
    let after = kept("SELECT sha256(email) AS email FROM events", identify);
    let hashed = after.identifier("email").map(str::to_owned);
    assert_eq!(hashed.map(|it| it.len()), Some(64));
    assert_eq!(after.context.as_deref(), Some(r#"{"ip":"1"}"#));
}

#[test]
fn an_event_that_it_fails_on_is_told_and_stops_no_other() {
    let mut transform =
        EventTransform::parse("SELECT CAST(amount AS INT) AS amount FROM events").expect("sql");
    let texts = [
        track(r#"{"amount":"1"}"#),
        track(r#"{"amount":"one"}"#),
        track(r#"{"amount":"3"}"#),
    ];
    let events: Vec<_> = texts.iter().map(|text| event(text)).collect();
    let outcomes: Vec<String> = transform.apply(&events).iter().map(shown).collect();
    assert_eq!(
        (outcomes[0].as_str(), outcomes[2].as_str()),
        (r#"{"amount":1}"#, r#"{"amount":3}"#)
    );
    assert!(
        outcomes[1].starts_with("the transformation fails on it: ") && outcomes[1].contains("one"),
        "{}",
        outcomes[1]
    );
}

#[test]
fn what_is_no_transformation_is_refused_with_its_place() {
    let check = |sql: &str, code: &str, part: &str| {
        let error = EventTransform::parse(sql).err().expect(sql);
        assert_eq!(error.code, code, "{sql}: {}", error.message);
        assert!(error.message.contains(part), "{sql}: {}", error.message);
    };
    check("SELEC 1", "sql_syntax", "line 1, column 1");
    check("SELECT *\nFROM events WHER a", "sql_syntax", "line 2");
    check("SELECT uper(name) AS n FROM events", "unknown_function", "uper");
    check(
        "SELECT count(*) AS n FROM events",
        "source_sql",
        "GROUP BY or an aggregate",
    );
    check(
        "SELECT * FROM events ORDER BY timestamp",
        "source_sql",
        "ORDER BY",
    );
    check("SELECT * FROM records", "unknown_table", "FROM events");
    check(
        "SELECT * FROM (SELECT * FROM events) e",
        "source_sql",
        "a query within FROM",
    );
    check(
        "SELECT * FROM events JOIN profiles ON true",
        "source_sql",
        "a join",
    );
    check("SELECT now() AS n FROM events", "source_sql", "now()");
    check("SELECT random() AS n FROM events", "source_sql", "chance");
    check("SELECT upper(name) FROM events", "source_sql", "has no name");
}

fn any_properties() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|it| it.to_string()),
        (-9i32..9).prop_map(|it| it.to_string()),
        "[a-z]{0,3}".prop_map(|it| format!("\"{it}\"")),
        Just("[1]".to_owned()),
        Just(r#"{"x":1}"#.to_owned()),
        Just(r#"{"x":"t","y":2}"#.to_owned()),
    ];
    prop::collection::btree_map("[a-c]", value, 0..3).prop_map(|map| {
        let members: Vec<String> = map
            .iter()
            .map(|(name, value)| format!("\"{name}\":{value}"))
            .collect();
        format!("{{{}}}", members.join(","))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Events of one batch have nothing to do with each other.
    #[test]
    fn together_and_alone_events_become_the_same(all in prop::collection::vec(any_properties(), 1..8), which in 0usize..5) {
        let sql = [
            "SELECT *, concat(a, '!') AS d FROM events",
            "SELECT CAST(a AS DOUBLE) AS a, b FROM events WHERE b IS NOT NULL",
            "SELECT * EXCLUDE (c), c IS NULL AS e FROM events",
            "SELECT * FROM events WHERE a > 0",
            "SELECT *, a.x AS d, coalesce(b.x, a.x) AS e FROM events",
        ][which];
        let texts: Vec<String> = all.iter().map(|properties| track(properties)).collect();
        let events: Vec<_> = texts.iter().map(|text| event(text)).collect();
        let together = EventTransform::parse(sql).unwrap().apply(&events);
        let mut alone = EventTransform::parse(sql).unwrap();
        for (one, together) in events.iter().zip(together) {
            prop_assert_eq!(&alone.apply(std::slice::from_ref(one))[0], &together);
        }
    }
}
