//! The field that a name may have meant.

use tailrace_connectors::formats::json::Fields;

use crate::workspace::nearest;

/// A name that begins another is near it from so many characters on.
const NEAR_CHARS_MIN: usize = 3;

/// The field of values that a path may have meant, as SQL writes it: itself in another case, then one of the same name
/// elsewhere, then one whose name begins with it or the other way round, then one that is a slip of the hand away.
pub fn near(fields: &Fields, path: &[String]) -> Option<String> {
    let wanted = path.last()?.to_lowercase();
    let paths: Vec<Vec<String>> = fields.paths().into_iter().map(|it| it.path).collect();
    let names = || {
        let others = paths.iter().filter(|it| it.as_slice() != path);
        others.filter_map(|it| Some((it.last()?.to_lowercase(), it)))
    };
    let begins = |name: &str| {
        let (short, long) = match name.len() < wanted.len() {
            true => (name, wanted.as_str()),
            false => (wanted.as_str(), name),
        };
        short.len() >= NEAR_CHARS_MIN && long.starts_with(short)
    };
    let place = path.join(".").to_lowercase();
    let found = names()
        .find(|(_, it)| it.join(".").to_lowercase() == place)
        .or_else(|| names().find(|(name, _)| *name == wanted))
        .or_else(|| names().find(|(name, _)| begins(name)))
        .or_else(|| {
            let all: Vec<String> = names().map(|(name, _)| name).collect();
            let meant = nearest(&wanted, all.iter().map(String::as_str))?;
            names().find(|(name, _)| name == meant)
        });
    found.map(|(_, it)| format!("value.{}", it.join(".")))
}

/// That no record has a field, and which may be meant: `what` is as "no record so far has".
pub fn unseen(what: &str, path: &[String], near: Option<&str>) -> String {
    let near = near.map(|near| format!("; there is {near}"));
    format!("{what} value.{}{}", path.join("."), near.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use arrow::array::BinaryArray;
    use tailrace_connectors::formats::json::{Shape, ShapeLimits};

    use super::*;

    #[test]
    fn a_name_is_near_in_another_case_place_or_spelling() {
        let mut shape = Shape::new(ShapeLimits::default());
        let value = br#"{"Order":{"totalAmount":1,"id":"x"},"revenue":2,"id":3}"#;
        shape.observe(&BinaryArray::from_vec(vec![value]));
        let check = |path: &[&str], expected: Option<&str>| {
            let path: Vec<String> = path.iter().map(|part| (*part).to_owned()).collect();
            assert_eq!(near(&shape.fields(), &path).as_deref(), expected, "{path:?}");
        };
        check(&["Revenue"], Some("value.revenue"));
        check(&["properties", "revenue"], Some("value.revenue"));
        check(&["total"], Some("value.Order.totalAmount"));
        check(&["TOTALAMOUNT"], Some("value.Order.totalAmount"));
        check(&["revneue"], Some("value.revenue"));
        check(&["order", "ID"], Some("value.Order.id"));
        check(&["customer", "ID"], Some("value.Order.id"));
        check(&["colour"], None);
        check(&["xy"], None);
    }
}
