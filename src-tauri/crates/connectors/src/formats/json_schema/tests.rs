//! Words of JSON Schema, each with what fits and what does not.

use serde_json::json;

use super::*;

const NEWEST: &str = "https://json-schema.org/draft/2020-12/schema";

/// The values fit; the others do not, at the place and for the reason.
fn check(schema: &Value, fit: &[Value], misfit: &[(Value, &str, &str)]) {
    let read = JsonSchema::parse(&schema.to_string(), &[]).expect("a schema");
    for value in fit {
        assert_eq!(read.check(value), Ok(()), "{value} of {schema}");
    }
    for (value, path, says) in misfit {
        let misfit = read.check(value).expect_err("no fit");
        assert_eq!(misfit.path(), *path, "{value}: {misfit}");
        assert!(misfit.reason.contains(says), "{value}: {misfit}");
    }
}

#[test]
fn types_and_values() {
    check(
        &json!({"type": "integer"}),
        &[json!(1), json!(1.0)],
        &[
            (json!(1.5), "", "integer is expected"),
            (json!("1"), "", "the text"),
        ],
    );
    check(
        &json!({"type": ["null", "string"]}),
        &[json!(null), json!("x")],
        &[(json!(1), "", "null or string")],
    );
    check(
        &json!({"enum": [1, "a"]}),
        &[json!(1.0), json!("a")],
        &[(json!(2), "", "none of the schema's 1, \"a\"")],
    );
    check(
        &json!({"const": {"a": 1}}),
        &[json!({"a": 1})],
        &[(json!({"a": 2}), "", "is expected")],
    );
    check(&json!(true), &[json!(1)], &[]);
    check(&json!(false), &[], &[(json!(1), "", "allows nothing")]);
    check(
        &json!({"minimum": 1, "exclusiveMaximum": 3, "multipleOf": 0.1}),
        &[json!(1), json!(2.3)],
        &[
            (json!(0), "", "minimum of 1"),
            (json!(3), "", "less than 3"),
            (json!(1.05), "", "multiple"),
        ],
    );
    check(
        &json!({"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 1, "exclusiveMinimum": true}),
        &[json!(2)],
        &[(json!(1), "", "more than 1")],
    );
    check(
        &json!({"minLength": 2, "maxLength": 3, "pattern": "^ü"}),
        &[json!("üb"), json!(1)],
        &[(json!("ü"), "", "1 characters"), (json!("abc"), "", "pattern")],
    );
}

#[test]
fn lists_and_objects() {
    check(
        &json!({"items": {"type": "string"}, "minItems": 1, "uniqueItems": true, "contains": {"const": "a"}}),
        &[json!(["a", "b"])],
        &[
            (json!([]), "", "at least 1"),
            (json!(["a", 1]), "[1]", "string"),
            (json!(["a", "a"]), "[1]", "twice"),
            (json!(["b"]), "", "contain"),
        ],
    );
    check(
        &json!({"$schema": NEWEST, "prefixItems": [{"type": "string"}], "items": false}),
        &[json!(["a"])],
        &[(json!(["a", 1]), "[1]", "allows nothing")],
    );
    check(
        &json!({"items": [{"type": "string"}], "additionalItems": {"type": "integer"}}),
        &[json!(["a", 1])],
        &[(json!(["a", "b"]), "[1]", "integer")],
    );
    check(
        &json!({"required": ["id"], "properties": {"id": {"type": "integer"}}, "patternProperties": {"^x": {"type": "string"}}, "additionalProperties": false}),
        &[json!({"id": 1, "x1": "a"})],
        &[
            (json!({}), "id", "missing"),
            (json!({"id": "1"}), "id", "integer"),
            (json!({"id": 1, "x": 2}), "x", "string"),
            (json!({"id": 1, "y": 2}), "y", "no such field"),
        ],
    );
    check(
        &json!({"propertyNames": {"maxLength": 1}, "maxProperties": 1}),
        &[json!({"a": 1})],
        &[
            (
                json!({"ab": 1}),
                "ab",
                "its name does not fit: it has 2 characters",
            ),
            (json!({"a": 1, "b": 2}), "", "2 fields"),
        ],
    );
    check(
        &json!({"dependencies": {"a": ["b"], "c": {"required": ["d"]}}}),
        &[json!({"a": 1, "b": 2})],
        &[
            (json!({"a": 1}), "b", "missing"),
            (json!({"c": 1}), "d", "missing"),
        ],
    );
    check(
        &json!({"$schema": NEWEST, "dependentRequired": {"card": ["name"]}, "unevaluatedProperties": false, "properties": {"card": true, "name": true}}),
        &[json!({"card": 1, "name": 2})],
        &[
            (json!({"card": 1}), "name", "missing"),
            (json!({"more": 1}), "more", "no such field"),
        ],
    );
    // Names that look like numbers, and one with a pointer's own signs.
    check(
        &json!({"properties": {"0": {"type": "string"}, "a/b": {"items": {"type": "string"}}}}),
        &[],
        &[
            (json!({"0": 1}), "0", "string"),
            (json!({"a/b": ["x", 1]}), "a/b[1]", "string"),
        ],
    );
}

#[test]
fn choices() {
    let choice = json!({"anyOf": [{"type": "null"}, {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}}]});
    check(
        &choice,
        &[json!(null), json!({"a": 1})],
        &[(json!({"a": "x"}), "a", "integer"), (json!({}), "a", "missing")],
    );
    check(
        &json!({"oneOf": [{"minimum": 2}, {"maximum": 3}]}),
        &[json!(1), json!(4)],
        &[(json!(2), "", "fits more than one")],
    );
    check(
        &json!({"not": {"type": "string"}, "allOf": [{"minimum": 1}]}),
        &[json!(1)],
        &[(json!("x"), "", "must not be"), (json!(0), "", "minimum")],
    );
    let when = json!({"if": {"properties": {"kind": {"const": "card"}}, "required": ["kind"]}, "then": {"required": ["number"]}, "else": {"required": ["iban"]}});
    check(
        &when,
        &[json!({"kind": "card", "number": 1}), json!({"iban": 1})],
        &[
            (json!({"kind": "card"}), "number", "missing"),
            (json!({}), "iban", "missing"),
        ],
    );
}

#[test]
fn references() {
    let tree = json!({"$schema": NEWEST, "$defs": {"node": {"$anchor": "n", "type": "object", "properties": {"next": {"$ref": "#/$defs/node"}, "v": {"type": "integer"}}, "additionalProperties": false}}, "$ref": "#n"});
    check(
        &tree,
        &[json!({"v": 1, "next": {"v": 2}})],
        &[(json!({"next": {"next": {"v": "x"}}}), "next.next.v", "integer")],
    );
    let line = |id: &str| {
        json!({"$id": id, "type": "object", "properties": {"sku": {"$ref": "#/definitions/sku"}}, "definitions": {"sku": {"type": "string"}}}).to_string()
    };
    let order = |reference: &str| json!({"properties": {"line": {"$ref": reference}}}).to_string();
    for (reference, name, id) in [
        ("line.json", "line.json", ""),
        ("https://shop/line.json", "line", "https://shop/line.json"),
        ("line.json", "x", "https://shop/line.json"),
    ] {
        let schema = JsonSchema::parse(&order(reference), &[(name.to_owned(), line(id))]).expect("a schema");
        let misfit = schema.check(&json!({"line": {"sku": 1}})).expect_err("no fit");
        assert_eq!(misfit.path(), "line.sku");
    }
    let unknown = JsonSchema::parse(&order("nowhere.json"), &[]).expect_err("unknown");
    assert!(unknown.message.contains("nowhere.json"), "{unknown}");
    let unknown = JsonSchema::parse(r##"{"$ref": "#/definitions/x"}"##, &[]).expect_err("unknown");
    assert!(unknown.message.contains("#/definitions/x"), "{unknown}");
}

/// Schemas that lead to themselves, choices within choices, long chains: each ends.
#[test]
fn every_check_ends() {
    let parse = |schema: &Value| JsonSchema::parse(&schema.to_string(), &[]);
    let itself = json!({"$ref": "#/definitions/a", "definitions": {"a": {"allOf": [{"$ref": "#/definitions/a"}, {"type": "string"}]}}});
    let misfit = parse(&itself).expect("a schema").check(&json!(1));
    assert!(
        misfit.expect_err("no fit").reason.contains("string is expected"),
        "the rest of it counts"
    );
    let choice = json!({"properties": {"a": {"$ref": "#"}}, "required": ["b"]});
    let choices = parse(&json!({"anyOf": [choice, choice]})).expect("a schema");
    let deep = (0..60).fold(json!({}), |within, _| json!({"a": within, "b": 1}));
    let misfit = choices.check(&deep).expect_err("no fit");
    assert!(misfit.reason.contains("too deep to say where"), "{misfit}");
    let chain = |length: usize| {
        let link = |at: usize| {
            (
                format!("d{at}"),
                json!({"allOf": [{"$ref": format!("#/definitions/d{}", at + 1)}]}),
            )
        };
        let mut links: serde_json::Map<String, Value> = (0..length).map(link).collect();
        links.insert(format!("d{length}"), json!({"type": "string"}));
        json!({"$ref": "#/definitions/d0", "definitions": links})
    };
    let longest = parse(&chain(REFERENCES_MAX - 1)).expect("a schema");
    assert!(longest.check(&json!(1)).is_err());
    let longer = parse(&chain(REFERENCES_MAX)).expect_err("too long");
    assert!(longer.message.contains("1001 times"), "{longer}");
}

#[test]
fn what_cannot_be_checked_is_refused() {
    let refused = |schema: Value, says: &str| {
        let error = JsonSchema::parse(&schema.to_string(), &[]).expect_err("refused");
        assert!(error.message.contains(says), "{error}");
    };
    refused(json!({"unevaluatedProperties": false}), "`unevaluatedProperties`");
    refused(
        json!({"properties": {"a": {"prefixItems": []}}}),
        "`prefixItems` in it is not of its draft",
    );
    refused(
        json!({"$schema": "http://json-schema.org/draft-04/schema#", "const": 1}),
        "`const`",
    );
    refused(json!({"pattern": "(?=a"}), "the pattern \"(?=a\" cannot be read");
    refused(
        json!({"properties": {"a": {"type": "strng"}}}),
        "properties.a.type in it: the text \"strng\" is none of the schema's",
    );
    refused(json!(7), "boolean or object is expected");
    for schema in [
        json!({"x-owner": 1, "title": "t", "format": "date", "connect.type": "int8"}),
        json!({"properties": {"const": {"if": {}}, "prefixItems": {}}, "default": {"minContains": 1}}),
        json!({"$schema": "http://example.com/of-our-own#", "pattern": "^(?!x)"}),
    ] {
        assert!(JsonSchema::parse(&schema.to_string(), &[]).is_ok(), "{schema}");
    }
    // A pattern that goes back and forth without an end.
    let slow = JsonSchema::parse(r#"{"pattern": "^(?=(a+)+$)(a|b)*\\1$"}"#, &[]).expect("a schema");
    let misfit = slow.check(&json!(format!("{}!", "a".repeat(60))));
    assert!(misfit.is_err());
}
