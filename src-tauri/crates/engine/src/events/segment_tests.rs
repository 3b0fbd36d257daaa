//! Events of Segment's specification: what is read, and one reason for each fault.

use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, RecordBatch, TimestampMillisecondArray};
use proptest::prelude::*;

use super::{
    segment::{RecordTimes, parse, parse_batch},
    *,
};

const TIMES: RecordTimes = RecordTimes {
    timestamp_ms: Some(5_000),
    now_ms: 9_000,
};

fn event(text: &str) -> Event<'_> {
    parse(text.as_bytes(), TIMES).unwrap_or_else(|fault| panic!("{text}: {}", fault.reason))
}

fn identifiers(text: &str) -> Vec<(String, String)> {
    event(text)
        .identifiers
        .into_iter()
        .map(|one| (one.kind.into_owned(), one.value.into_owned()))
        .collect()
}

#[test]
fn a_track_is_read() {
    let text = r#"{"messageId":"m1","type":"track","event":"Order Completed","userId":"u_1","anonymousId":"a_1",
        "timestamp":"1970-01-01T00:00:01Z","context":{"ip":"1.2.3.4"},
        "properties":{"revenue":12.5,"coupon":null,"paid":true,"name":"Caf\u00e9","products":[{"sku": "x"}],"big":12345678901234567890}}"#;
    let event = event(text);
    assert_eq!(
        (event.kind, event.event.as_ref(), event.message_id.as_ref()),
        (EventKind::Track, "Order Completed", "m1")
    );
    assert_eq!((event.timestamp_ms, event.received_ms), (1_000, 5_000));
    let json = |text: &'static str| Cell::Json(Cow::Borrowed(text));
    let expected = [
        ("revenue", Cell::Number(12.5)),
        ("coupon", json("null")),
        ("paid", Cell::Bool(true)),
        ("name", Cell::Text(Cow::Borrowed("Café"))),
        ("products", json(r#"[{"sku": "x"}]"#)),
        ("big", json("12345678901234567890")),
    ];
    assert_eq!(
        event.properties,
        expected.map(|(name, cell)| (Cow::Borrowed(name), cell))
    );
    assert_eq!(event.context.as_deref(), Some(r#"{"ip":"1.2.3.4"}"#));
    assert_eq!(event.identifier("user_id"), Some("u_1"));
}

#[test]
fn time_is_corrected_for_the_device() {
    let check = |fields: &str, expected: i64| {
        let text = format!(r#"{{"messageId":"m","type":"page","userId":"u"{fields}}}"#);
        assert_eq!(event(&text).timestamp_ms, expected, "{fields}");
    };
    let at = |second: i64| format!("\"1970-01-01T00:00:{second:02}Z\"");
    let (sent, original, received) = (
        format!(r#","sentAt":{}"#, at(50)),
        format!(r#","originalTimestamp":{}"#, at(40)),
        format!(r#","receivedAt":{}"#, at(20)),
    );
    check(&format!("{sent}{original}{received}"), 10_000);
    check(
        &format!(r#"{sent}{original}{received},"timestamp":{}"#, at(3)),
        10_000,
    );
    check(&format!(r#"{sent}{original},"timestamp":{}"#, at(3)), 3_000);
    check(&format!("{sent}{original}"), 40_000);
    check("", 5_000);
    let neither = RecordTimes {
        timestamp_ms: None,
        now_ms: 9_000,
    };
    let text = r#"{"messageId":"m","type":"page","userId":"u"}"#;
    assert_eq!(
        parse(text.as_bytes(), neither).map(|event| event.timestamp_ms),
        Ok(9_000)
    );
}

#[test]
fn identifiers_follow_the_specification() {
    let check = |text: &str, expected: &[(&str, &str)]| {
        let expected: Vec<_> = expected
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect();
        assert_eq!(identifiers(text), expected, "{text}");
    };
    check(
        r#"{"messageId":"m","type":"identify","userId":7,"traits":{"email":"a@b.c","email":"d@e.f"}}"#,
        &[("user_id", "7"), ("email", "d@e.f")],
    );
    check(
        r#"{"messageId":"m","type":"group","userId":"u","groupId":"g","traits":{"email":"team@b.c"}}"#,
        &[("user_id", "u")],
    );
    check(
        r#"{"messageId":"m","type":"track","event":"Invited","userId":"u","properties":{"email":"friend@b.c"}}"#,
        &[("user_id", "u")],
    );
    check(
        r#"{"messageId":"m","type":"track","event":"x","userId":"","anonymousId":null,"context":{"traits":{"email":"a@b.c"},
            "externalIds":[{"id":"1","type":"phone","collection":"users"},{"id":"9","type":"firm","collection":"accounts"},3]}}"#,
        &[("email", "a@b.c"), ("phone", "1")],
    );
    check(
        r#"{"messageId":"m","type":"alias","userId":"u","previousId":"a"}"#,
        &[("user_id", "u"), ("anonymous_id", "a")],
    );
}

#[test]
fn names_come_from_where_the_specification_has_them() {
    let check = |fields: &str, expected: &str| {
        let text = format!(r#"{{"messageId":"m","userId":"u",{fields}}}"#);
        assert_eq!(event(&text).event, expected, "{fields}");
    };
    check(r#""type":"page","name":"Home""#, "Home");
    check(r#""type":"page""#, "Page");
    check(r#""type":"screen","name":"Cart""#, "Cart");
    check(r#""type":"identify","event":"ignored""#, "Identify");
    check(r#""type":"group","groupId":"g""#, "Group");
}

#[test]
fn each_fault_has_one_reason() {
    let check = |text: &[u8], expected: &str| {
        let reason = parse(text, TIMES).map_err(|fault| fault.reason);
        assert_eq!(
            reason.as_ref().map_err(String::as_str),
            Err(expected),
            "{}",
            String::from_utf8_lossy(text)
        );
    };
    let kinds = "it has to be track, identify, page, screen, group or alias";
    check(b"", "empty: a record of an event has a value");
    check(b"\xff\xfe", "not UTF-8 at byte 0");
    check(b"{\"type\":", "not JSON at byte 8: expected a value");
    check(b"order 7", "not JSON at byte 0: expected a value");
    check(b"[1]", "not a JSON object");
    check(br#"{"messageId":"m","userId":"u"}"#, &format!("no type: {kinds}"));
    check(
        br#"{"type":"order"}"#,
        &format!("unknown type \"order\": {kinds}"),
    );
    check(br#"{"type":1}"#, "type is 1: it has to be text");
    check(br#"{"type":"page","userId":"u"}"#, "no messageId");
    check(
        br#"{"type":"page","messageId":"m"}"#,
        "no identifier: neither userId nor anonymousId nor an email",
    );
    check(
        br#"{"type":"track","messageId":"m","userId":"u"}"#,
        "a track without the name of its event",
    );
    check(
        br#"{"type":"page","messageId":"m","userId":{}}"#,
        "userId is an object: it has to be text",
    );
    check(
        br#"{"type":"page","messageId":"m","timestamp":"soon"}"#,
        "timestamp \"soon\" is not an ISO 8601 time",
    );
    check(
        br#"{"type":"page","messageId":"m","sentAt":12}"#,
        "sentAt is 12: it has to be an ISO 8601 time",
    );
    check(
        br#"{"type":"page","properties":[]}"#,
        "properties is an array: it has to be an object",
    );
    let large = format!(r#"{{"a":"{}"}}"#, "x".repeat(EVENT_BYTES_MAX));
    check(
        large.as_bytes(),
        &format!(
            "too large: {} bytes, at most {EVENT_BYTES_MAX} are allowed",
            large.len()
        ),
    );
    let many: Vec<_> = (0..40)
        .map(|id| format!(r#"{{"id":"{id}","type":"phone"}}"#))
        .collect();
    let text = format!(
        r#"{{"type":"page","messageId":"m","context":{{"externalIds":[{}]}}}}"#,
        many.join(",")
    );
    check(text.as_bytes(), "the event carries more than 32 identifiers");
}

#[test]
fn a_batch_keeps_its_rows_apart() {
    let good = br#"{"messageId":"m1","type":"page","userId":"u"}"#.as_slice();
    let values = BinaryArray::from_opt_vec(vec![Some(good), Some(b"nonsense"), None, Some(good)]);
    let times = TimestampMillisecondArray::from(vec![Some(1), Some(2), Some(3), None]);
    let columns: Vec<(&str, ArrayRef)> = vec![("_timestamp", Arc::new(times)), ("value", Arc::new(values))];
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(a, b)| (a, b, true)))
        .expect("a batch");
    let parsed = parse_batch(&batch, 77).expect("parsed");
    assert_eq!(parsed.rows, [0, 3]);
    assert_eq!(
        parsed
            .events
            .iter()
            .map(|event| event.received_ms)
            .collect::<Vec<_>>(),
        [1, 77]
    );
    assert_eq!(
        parsed.malformed.iter().map(|one| one.row).collect::<Vec<_>>(),
        [1, 2]
    );
}

proptest! {
    #[test]
    fn never_panics_on_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes, TIMES);
    }

    #[test]
    fn never_panics_near_an_event(at in 0usize..200, byte in any::<u8>()) {
        let mut bytes = br#"{"messageId":"m1","type":"identify","userId":"u","timestamp":"2026-05-09T07:30:00.123Z","traits":{"a":[1,{"b":"\u00e9"}],"email":"a@b.c"},"context":{"externalIds":[{"id":"1","type":"p"}]}}"#.to_vec();
        let place = at % bytes.len();
        bytes[place] = byte;
        let _ = parse(&bytes, TIMES);
    }
}
