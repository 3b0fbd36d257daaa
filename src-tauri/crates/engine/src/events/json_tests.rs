//! The scanner against serde_json, on texts that are JSON and on texts that nearly are.

use super::json::*;
use proptest::prelude::*;

fn read(text: &str) -> Result<serde_json::Value, NotJson> {
    let mut map = serde_json::Map::new();
    object(text, |name, token| {
        let value = match token {
            Token::Null => serde_json::Value::Null,
            Token::Bool(value) => value.into(),
            Token::Number(text) | Token::Object(text) | Token::Array(text) => {
                serde_json::from_str(text).expect("a checked value")
            }
            Token::Text(text) => text.into_owned().into(),
        };
        map.insert(name.into_owned(), value);
        Ok::<_, NotJson>(())
    })?;
    Ok(map.into())
}

fn agree(text: &str) {
    let theirs = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text);
    // A number too large for a float is JSON all the same: it stays text here.
    if theirs
        .as_ref()
        .is_err_and(|fault| fault.to_string().starts_with("number out of range"))
    {
        return;
    }
    match (read(text), theirs.ok()) {
        (Ok(ours), Some(theirs)) => assert_eq!(ours, serde_json::Value::Object(theirs), "{text}"),
        (Err(_), None) => {}
        (ours, theirs) => panic!("{text:?}: {ours:?} against {theirs:?}"),
    }
}

#[test]
fn reads_what_serde_json_reads() {
    for text in [
        "",
        "{",
        "{}",
        " { } ",
        "{}x",
        "[]",
        "null",
        r#"{"a"}"#,
        r#"{"a":}"#,
        r#"{"a":1,}"#,
        r#"{"a":01}"#,
        r#"{"a":-}"#,
        r#"{"a":1.}"#,
        r#"{"a":.5}"#,
        r#"{"a":1e}"#,
        r#"{"a":1E+2}"#,
        r#"{"a":"\u00e9\ud83d\ude00"}"#,
        r#"{"a":"\ud83d"}"#,
        r#"{"a":"\udc00"}"#,
        r#"{"a":"\x"}"#,
        "{\"a\":\"\n\"}",
        r#"{"a":tru}"#,
        r#"{"a":[1,{"b":[]}]}"#,
        r#"{"a":[1,]}"#,
        r#"{"a":{"b"}}"#,
        r#"{"a":["\ud800"]}"#,
        r#"{"a":"x" "b":1}"#,
        r#"{"a":1,"a":2}"#,
        "{\"a\":\"é\"}",
    ] {
        agree(text);
    }
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(5_000), "]".repeat(5_000));
    assert!(read(&deep).is_err());
}

#[test]
fn says_where() {
    let check =
        |text: &str, byte: usize| assert_eq!(read(text).map_err(|fault| fault.byte), Err(byte), "{text}");
    check(r#"{"a":1 "b":2}"#, 7);
    check(r#"{"a":"x"#, 7);
    check("", 0);
}

#[test]
fn numbers_keep_what_a_float_cannot_hold() {
    let check = |text: &str, expected: Option<f64>| assert_eq!(number(text), expected, "{text}");
    check("0", Some(0.0));
    check("-17", Some(-17.0));
    check("9007199254740991", Some(9007199254740991.0));
    check("9007199254740992", None);
    check("-9007199254740993", None);
    check("12.50", Some(12.5));
    check("1e400", None);
    check("1e300", Some(1e300));
}

fn arbitrary_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::hash_map(any::<String>(), inner, 0..4)
                .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

proptest! {
    #[test]
    fn agrees_with_serde_json(value in arbitrary_json(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let text = serde_json::json!({"a": value, "b\n": 1}).to_string();
        agree(&text);
        // One byte changed: most are no longer JSON, and both must say so.
        let mut bytes = text.clone().into_bytes();
        let place = at.index(bytes.len());
        bytes[place] = byte;
        if let Ok(changed) = String::from_utf8(bytes) {
            agree(&changed);
        }
        let cut = (0..=place).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        agree(&text[..cut]);
    }

    #[test]
    fn strings_come_back(text in any::<String>(), number in any::<f64>()) {
        let mut out = String::new();
        write_string(&text, &mut out);
        prop_assert_eq!(serde_json::from_str::<String>(&out).expect("a string"), text);
        if number.is_finite() {
            let mut out = String::new();
            write_number(number, &mut out);
            prop_assert_eq!(out.parse::<f64>().expect("a number"), number);
            prop_assert!(serde_json::from_str::<serde_json::Value>(&out).is_ok());
        }
    }
}
