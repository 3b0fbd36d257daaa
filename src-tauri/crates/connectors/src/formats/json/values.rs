//! Random JSON for property tests.

use proptest::prelude::*;
use serde_json::{Map, Value};

fn name() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[a-e]", 1 => r#"[a-z\\"é \n]{0,3}"#]
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-5i64..5).prop_map(Value::from),
        any::<f64>()
            .prop_filter("JSON has no infinity", |value| value.is_finite())
            .prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ]
}

/// An object with few distinct names, so that types collide.
pub(crate) fn object() -> impl Strategy<Value = Value> {
    let value = scalar().prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name(), inner), 0..5)
                .prop_map(|pairs| Value::Object(Map::from_iter(pairs))),
        ]
    });
    prop::collection::vec((name(), value), 0..6).prop_map(|pairs| Value::Object(Map::from_iter(pairs)))
}

/// Whether `found`, which was read from text, is `value`: reading a number may lose its last bit.
pub(crate) fn same(found: &Value, value: &Value) -> bool {
    match (found, value) {
        (Value::Number(found), Value::Number(value)) if value.is_f64() => {
            let (Some(found), Some(value)) = (found.as_f64(), value.as_f64()) else {
                return false;
            };
            (found - value).abs() <= value.abs() * 1e-14
        }
        (Value::Array(found), Value::Array(value)) => {
            found.len() == value.len() && found.iter().zip(value).all(|(found, value)| same(found, value))
        }
        (Value::Object(found), Value::Object(value)) => {
            found.len() == value.len()
                && found
                    .iter()
                    .zip(value)
                    .all(|((name, found), (of, value))| name == of && same(found, value))
        }
        _ => found == value,
    }
}
