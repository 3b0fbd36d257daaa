use super::*;

fn masks(toml: &str) -> Option<Masks> {
    #[derive(serde::Deserialize)]
    struct File {
        masks: Vec<MaskDefinition>,
    }
    let file: File = toml::from_str(toml).unwrap();
    file.masks.iter().for_each(|mask| check(mask).unwrap());
    Masks::of(&file.masks, "prod", "shop.orders", &Arc::default())
}

fn value(masks: &Masks, given: &str) -> String {
    masks
        .value(given.as_bytes())
        .map_or("removed".to_owned(), |bytes| String::from_utf8(bytes).unwrap())
}

const ORDER: &str = r#"{"id":7,"email":"ada@example.com","card":4111111111111111,"lines":[{"sku":"a","note":"ada@example.com"},{"sku":"b"}]}"#;

#[test]
fn columns_are_masked_in_each_way() {
    let check = |with: &str, expected: &str| {
        let masks = masks(&format!("[[masks]]\ncolumn = \"value.email\"\nwith = \"{with}\"")).unwrap();
        assert_eq!(value(&masks, r#"{"id":7,"email":"ada@example.com"}"#), expected);
    };
    check("mask", r#"{"id":7,"email":"•••"}"#);
    check("last4", r#"{"id":7,"email":"•••.com"}"#);
    check("remove", r#"{"id":7}"#);
    let hashed = masks("[[masks]]\ncolumn = \"value.lines.note\"\nwith = \"hash\"").unwrap();
    let (first, second) = (value(&hashed, ORDER), value(&hashed, ORDER));
    assert_eq!(first, second);
    assert!(
        first.contains("\"note\":\"#") && first.contains("\"email\":\"ada@example.com\""),
        "{first}"
    );
    let other = masks("[[masks]]\ncolumn = \"value.lines.note\"\nwith = \"hash\"").unwrap();
    assert_ne!(value(&other, ORDER), first, "a hash is of one opening");
    let any = masks("[[masks]]\ncolumn = \"value.*.note\"\nwith = \"mask\"").unwrap();
    assert!(value(&any, ORDER).contains(r#"{"sku":"a","note":"•••"}"#));
}

#[test]
fn patterns_find_texts_numbers_and_names() {
    let masks = masks("[[masks]]\npattern = '\\d{16}'\nwith = \"last4\"\n[[masks]]\npattern = '[a-z]+@[a-z.]+'\nwith = \"mask\"").unwrap();
    let found = value(&masks, ORDER);
    assert!(
        !found.contains("ada@") && !found.contains("411111111111"),
        "{found}"
    );
    assert!(found.contains(r#""card":"•••1111""#), "{found}");
    assert_eq!(value(&masks, r#"{"4111111111111111":1}"#), r#"{"•••1111":1}"#);
    assert_eq!(value(&masks, "mail ada@example.com now"), "mail ••• now");
    assert_eq!(masks.key(b"ada@example.com"), Some("•••".as_bytes().to_vec()));
    assert_eq!(
        masks.header("any", b"ada@example.com"),
        Some("•••".as_bytes().to_vec())
    );
    // Where a pattern can't be looked for, nothing is shown.
    assert_eq!(
        masks.value(b"\xffada@example.com"),
        Some(MASKED_WHOLE.as_bytes().to_vec())
    );
    assert!(masks.hides_value() && masks.hides_key());
}

#[test]
fn what_has_no_fields_is_masked_whole() {
    let masks = masks("[[masks]]\ncolumn = \"value.email\"\nwith = \"mask\"").unwrap();
    for given in [
        "ada@example.com",
        "\"ada@example.com\"",
        "{\"email\": ada@example.com",
    ] {
        assert_eq!(value(&masks, given), MASKED_WHOLE, "{given}");
    }
    assert_eq!(
        value(&masks, r#"[{"email":"ada@example.com"}]"#),
        r#"[{"email":"•••"}]"#
    );
    assert_eq!(
        value(&masks, r#"{"email":null,"a":{"email":"x"}}"#),
        r#"{"email":null,"a":{"email":"x"}}"#
    );
    assert!(masks.hides_value() && !masks.hides_key());
}

#[test]
fn topics_are_chosen_by_a_glob() {
    let check = |topic: &str, applies: bool| {
        let found = masks(&format!(
            "[[masks]]\ntopic = \"{topic}\"\ncolumn = \"_key\"\nwith = \"mask\""
        ));
        assert_eq!(found.is_some(), applies, "{topic}");
    };
    check("shop.orders", true);
    check("shop.*", true);
    check("prod.*", true);
    check("prod.shop.orders", true);
    check("test.*", false);
    check("shop.order", false);
    check("shop.order?", true);
}

#[test]
fn mistakes_are_told_and_hide_everything() {
    let check_one = |column: Option<&str>, pattern: Option<&str>, says: &str| {
        let mask = MaskDefinition {
            topic: None,
            column: column.map(str::to_owned),
            pattern: pattern.map(str::to_owned),
            with: MaskWith::Mask,
        };
        let why = check(&mask).unwrap_err();
        assert!(why.contains(says), "{why}");
        let masks = Masks::of(&[mask], "c", "t", &Arc::default()).unwrap();
        assert_eq!(masks.value(b"secret"), Some(MASKED.as_bytes().to_vec()));
        assert_eq!(masks.key(b"secret"), Some(MASKED.as_bytes().to_vec()));
        assert_eq!(masks.header("h", b"secret"), Some(MASKED.as_bytes().to_vec()));
    };
    check_one(None, None, "needs a column");
    check_one(Some("value.a"), Some("a"), "not both");
    check_one(Some("email"), None, "no column of a record");
    check_one(Some("value..a"), None, "no column of a record");
    check_one(None, Some("("), "no regular expression");
    check_one(None, Some("a*"), "matches nothing");
}
