//! Saving keeps what a person wrote.

use proptest::prelude::*;
use tailrace_model::{
    Aggregate, AttributeCondition, AudienceDefinition, Condition, NumberOperator, Operator, Performed,
    PropertyCondition, Span, SpanUnit, SyncDefinition, TraitCondition, TraitDefinition, Value,
};

use super::*;

fn performed(event: &str, op: NumberOperator, value: f64, days: u32) -> Condition {
    let window = Some(Span::new(days, SpanUnit::Day));
    Condition::Performed(Performed {
        event: event.to_owned(),
        aggregate: Aggregate::Count,
        property: None,
        op,
        value,
        filter: Vec::new(),
        window,
    })
}

fn plan(op: Operator, value: Value) -> Condition {
    let (table, column) = ("crm.accounts".to_owned(), "plan".to_owned());
    Condition::Attribute(AttributeCondition {
        table,
        column,
        op,
        value: Some(value),
    })
}

fn audience(title: Option<&str>, condition: Condition) -> AudienceDefinition {
    AudienceDefinition {
        title: title.map(str::to_owned),
        description: None,
        condition: Some(condition),
        sql: None,
    }
}

fn pro() -> Condition {
    plan(Operator::Equal, Value::Text("pro".to_owned()))
}

#[test]
fn a_new_audience_is_laid_out_for_reading() {
    let (dir, mut workspace) = workspace(&[]);
    let mut bags = performed("Product Viewed", NumberOperator::GreaterOrEqual, 2.0, 7);
    if let Condition::Performed(performed) = &mut bags {
        let (property, op) = ("category".to_owned(), Operator::In);
        let value = Some(Value::List(vec![
            Value::Text("shoes".to_owned()),
            Value::Text("bags".to_owned()),
        ]));
        performed.filter = vec![PropertyCondition { property, op, value }];
    }
    let trait_ = Condition::Trait(TraitCondition {
        name: "lifetime_value".to_owned(),
        op: Operator::Greater,
        value: Some(Value::Number(99.5)),
    });
    let condition = Condition::All(vec![
        pro(),
        performed("Order Completed", NumberOperator::GreaterOrEqual, 3.0, 14),
        Condition::Any(vec![bags, trait_]),
        Condition::Not(Box::new(performed(
            "Order Refunded",
            NumberOperator::GreaterOrEqual,
            1.0,
            14,
        ))),
        Condition::Sql("email LIKE '%\"x\"%'".to_owned()),
    ]);
    let definition = audience(Some("Loyal"), condition);
    workspace.save_audience("loyal", &definition).unwrap();
    assert_eq!(
        text(dir.path(), "audiences/loyal.toml"),
        r#"title = "Loyal"

[condition]
all = [
  { attribute = { table = "crm.accounts", column = "plan", op = "=", value = "pro" } },
  { performed = { event = "Order Completed", op = ">=", value = 3, window = "14 days" } },
  { any = [
    { performed = { event = "Product Viewed", op = ">=", value = 2, window = "7 days", where = [
      { property = "category", op = "in", value = ["shoes", "bags"] },
    ] } },
    { trait = { name = "lifetime_value", op = ">", value = 99.5 } },
  ] },
  { not = { performed = { event = "Order Refunded", op = ">=", value = 1, window = "14 days" } } },
  { sql = """email LIKE '%"x"%'""" },
]
"#
    );
    assert_eq!(workspace.definitions.audience("loyal").unwrap(), &definition);
}

const WAREHOUSE: (&str, &str) = (
    "warehouses/crm.toml",
    "kind = \"sqlite\"\npath = \"crm.db\"\n[tables.accounts]\nkey = \"user_id\"\n",
);

const WRITTEN: &str = r#"# Who we write to on Fridays.
description = "d" # keep
title = "Pro"

# The tree.
[condition]
all = [ # all of it
  # The plan, from sales.
  { attribute = { table = "crm.accounts", column = "plan", op = "=", value = "pro" } }, # not team
  # Often enough.
  { performed = { event = "Order Completed", op = ">=", value = 3, window = "14d" } },
  { in_audience = "all" }, # everybody
  # The end.
]
# Behind it.
"#;

/// Saves `change`d conditions over [`WRITTEN`] and compares the file.
fn check_edit(change: impl FnOnce(&mut AudienceDefinition, &mut Vec<Condition>), expected: &str) {
    let (dir, mut workspace) = workspace(&[
        WAREHOUSE,
        ("audiences/all.sql", "SELECT 1\n"),
        ("audiences/x.toml", WRITTEN),
    ]);
    assert_eq!(workspace.problems(), []);
    let mut definition = workspace.definitions.audience("x").unwrap().clone();
    let Some(Condition::All(mut parts)) = definition.condition.take() else {
        panic!("no conditions")
    };
    change(&mut definition, &mut parts);
    definition.condition = Some(Condition::All(parts));
    workspace.save_audience("x", &definition).unwrap();
    assert_eq!(text(dir.path(), "audiences/x.toml"), expected);
    assert_eq!(workspace.definitions.audience("x").unwrap(), &definition);
}

#[test]
fn what_did_not_change_keeps_its_text() {
    check_edit(|_, _| {}, WRITTEN);
}

#[test]
fn a_changed_value_changes_nothing_else() {
    check_edit(
        |definition, parts| {
            definition.title = Some("Pros".to_owned());
            let Condition::Performed(performed) = &mut parts[1] else {
                panic!("no performed")
            };
            performed.value = 4.0;
        },
        &WRITTEN
            .replace("title = \"Pro\"", "title = \"Pros\"")
            .replace("value = 3", "value = 4"),
    );
}

#[test]
fn a_condition_that_goes_takes_its_own_comments() {
    check_edit(
        |_, parts| drop(parts.remove(1)),
        &WRITTEN.replace(
            "  # Often enough.\n  { performed = { event = \"Order Completed\", op = \">=\", value = 3, window = \"14d\" } },\n",
            "",
        ),
    );
    check_edit(
        |_, parts| drop(parts.remove(2)),
        &WRITTEN.replace("  { in_audience = \"all\" }, # everybody\n", ""),
    );
    check_edit(
        |_, parts| drop(parts.remove(0)),
        &WRITTEN.replace(
            "  # The plan, from sales.\n  { attribute = { table = \"crm.accounts\", column = \"plan\", op = \"=\", value = \"pro\" } }, # not team\n",
            "",
        ),
    );
}

#[test]
fn a_condition_that_comes_stands_on_its_line() {
    let new =
        "  { performed = { event = \"Order Refunded\", op = \"=\", value = 0, window = \"14 days\" } },\n";
    let line = "  # Often enough.\n";
    check_edit(
        |_, parts| parts.insert(1, performed("Order Refunded", NumberOperator::Equal, 0.0, 14)),
        &WRITTEN.replace(line, &format!("{new}{line}")),
    );
    let last = "  { in_audience = \"all\" }, # everybody\n";
    check_edit(
        |_, parts| parts.push(performed("Order Refunded", NumberOperator::Equal, 0.0, 14)),
        &WRITTEN.replace(last, &format!("{last}{new}")),
    );
}

#[test]
fn a_condition_of_another_kind_takes_the_place() {
    check_edit(
        |_, parts| parts[2] = Condition::Sql("true".to_owned()),
        &WRITTEN.replace("{ in_audience = \"all\" }", "{ sql = \"true\" }"),
    );
}

#[test]
fn a_key_that_goes_and_one_that_comes() {
    check_edit(
        |definition, parts| {
            definition.description = None;
            let Condition::Performed(performed) = &mut parts[1] else {
                panic!("no performed")
            };
            performed.window = None;
            performed.aggregate = Aggregate::Sum;
            performed.property = Some("revenue".to_owned());
        },
        &WRITTEN
            .replace("# Who we write to on Fridays.\ndescription = \"d\" # keep\n", "")
            .replace(
                "value = 3, window = \"14d\" }",
                "value = 3, aggregate = \"sum\", property = \"revenue\" }",
            ),
    );
}

#[test]
fn tables_and_dotted_keys_are_edited_as_they_are() {
    let check = |before: &str, parts: Vec<Condition>, after: &str| {
        let (dir, mut workspace) = workspace(&[("audiences/x.toml", before)]);
        let definition = audience(None, Condition::All(parts));
        workspace.save_audience("x", &definition).unwrap();
        assert_eq!(text(dir.path(), "audiences/x.toml"), after);
        assert_eq!(workspace.definitions.audience("x").unwrap(), &definition);
    };
    check(
        "# a\n[[condition.all]]\n# b\nsql = \"x\" # c\n\n# d\n[[condition.all]]\nsql = \"y\"\n",
        vec![Condition::Sql("x".to_owned()), Condition::Sql("z".to_owned())],
        "# a\n[[condition.all]]\n# b\nsql = \"x\" # c\n\n# d\n[[condition.all]]\nsql = \"z\"\n",
    );
    check(
        "# a\ncondition.all = [\n    { sql = \"x\" }, # c\n]\n",
        vec![Condition::Sql("x".to_owned()), Condition::Sql("z".to_owned())],
        "# a\ncondition.all = [\n    { sql = \"x\" }, # c\n    { sql = \"z\" },\n]\n",
    );
    check(
        "condition = { any = [] } # c\n",
        vec![],
        "condition = { all = [] } # c\n",
    );
    check(
        "condition = { all = [{ sql = \"x\" }] } # c\n",
        vec![pro(), Condition::Sql("y".to_owned())],
        "condition = { all = [\n  { attribute = { table = \"crm.accounts\", column = \"plan\", op = \"=\", value = \"pro\" } },\n  \
         { sql = \"y\" },\n] } # c\n",
    );
}

#[test]
fn sql_has_its_own_file_and_changing_over_leaves_one_thing() {
    let (dir, mut workspace) = workspace(&[]);
    let there = |file: &str| dir.path().join(file).exists();
    let sql = |title: Option<&str>, sql: &str| TraitDefinition {
        title: title.map(str::to_owned),
        description: None,
        computed: None,
        sql: Some(sql.to_owned()),
    };
    workspace.save_trait("t", &sql(None, "SELECT 1")).unwrap();
    assert_eq!(text(dir.path(), "traits/t.sql"), "SELECT 1\n");
    assert!(!there("traits/t.toml"));

    workspace.save_trait("t", &sql(Some("T"), "SELECT 1\n")).unwrap();
    assert_eq!(text(dir.path(), "traits/t.toml"), "title = \"T\"\n");
    assert_eq!(
        workspace.definitions.trait_("t").unwrap(),
        &sql(Some("T"), "SELECT 1\n")
    );

    let computed = tailrace_model::ComputedTrait {
        event: "Order Completed".to_owned(),
        aggregate: Aggregate::Sum,
        property: Some("revenue".to_owned()),
        filter: Vec::new(),
        window: None,
    };
    let definition = TraitDefinition {
        title: Some("T".to_owned()),
        description: None,
        computed: Some(computed),
        sql: None,
    };
    workspace.save_trait("t", &definition).unwrap();
    assert!(!there("traits/t.sql"));
    assert_eq!(
        text(dir.path(), "traits/t.toml"),
        "title = \"T\"\n\n[computed]\nevent = \"Order Completed\"\naggregate = \"sum\"\nproperty = \"revenue\"\n"
    );
    workspace.save_trait("t", &sql(None, "SELECT 2")).unwrap();
    assert!(!there("traits/t.toml"));
    assert_eq!(workspace.problems(), []);
}

#[test]
fn other_definitions_keep_their_comments_and_defaults_too() {
    let before =
        "# Fridays.\naudience = \"a\" # who\ndestination = \"exports\"\n\n[mapping]\nuser_id = \"user_id\"\n";
    let (dir, mut workspace) = workspace(&[("syncs/s.toml", before)]);
    let mut sync: SyncDefinition = workspace.definitions.sync("s").unwrap().clone();
    sync.mapping
        .insert("plan".to_owned(), "crm.accounts.plan".to_owned());
    sync.enabled = false;
    workspace.save_sync("s", &sync).unwrap();
    let after = text(dir.path(), "syncs/s.toml");
    assert!(
        after.starts_with("# Fridays.\naudience = \"a\" # who\ndestination = \"exports\"\n"),
        "{after}"
    );
    assert!(after.contains("enabled = false\n"), "{after}");
    assert!(
        after.contains("\n[mapping]\nuser_id = \"user_id\"\nplan = \"crm.accounts.plan\"\n"),
        "{after}"
    );
    assert_eq!(workspace.definitions.sync("s").unwrap(), &sync);

    let cluster = "kind = \"kafka\"\n[properties]\n# Two of them.\n\"bootstrap.servers\" = \"a,b\"\n";
    put(dir.path(), "clusters/c.toml", cluster);
    workspace.reload().unwrap();
    let mut definition = workspace.definitions.cluster("c").unwrap().clone();
    definition
        .properties
        .insert("security.protocol".to_owned(), "SSL".to_owned());
    workspace.save_cluster("c", &definition).unwrap();
    let after = text(dir.path(), "clusters/c.toml");
    assert!(
        after.contains("# Two of them.\n\"bootstrap.servers\" = \"a,b\"\n\"security.protocol\" = \"SSL\"\n"),
        "{after}"
    );
}

#[test]
fn what_can_not_be_saved_is_refused_and_nothing_is_lost() {
    let broken = "title = \"half writ\n";
    let (dir, mut workspace) = workspace(&[("audiences/x.toml", broken)]);
    let definition = audience(None, pro());
    let error = workspace.save_audience("x", &definition).unwrap_err();
    assert_eq!(
        error.message,
        "the file was changed and does not parse, mend it first: audiences/x.toml:1:19: not valid TOML: invalid basic string, expected \""
    );
    assert_eq!(text(dir.path(), "audiences/x.toml"), broken);
    let check = |error: Error, expected: &str| assert_eq!(error.message, expected);
    check(
        workspace.save_audience("../x", &definition).unwrap_err(),
        "\"../x\" can't name an audience: a name is at most 64 letters (a-z), digits and _, and begins with a letter",
    );
    let nothing = AudienceDefinition {
        condition: None,
        ..definition.clone()
    };
    check(
        workspace.save_audience("y", &nothing).unwrap_err(),
        "the audience \"y\" says nothing: give it conditions or SQL",
    );
    let both = AudienceDefinition {
        sql: Some("SELECT 1".to_owned()),
        ..definition
    };
    check(
        workspace.save_audience("y", &both).unwrap_err(),
        "the audience \"y\" can't be conditions and SQL at once: choose one",
    );
    assert!(!dir.path().join("audiences/y.toml").exists());
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z]{1,6}",
        1 => "[a-z\"'\\\\# =\\[\\]{},.é\\n\\t]{1,8}",
    ]
}

fn any_value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        (-1000i32..1000).prop_map(|number| Value::Number(f64::from(number))),
        (-1000i32..1000).prop_map(|number| Value::Number(f64::from(number) / 8.0)),
        any_text().prop_map(Value::Text),
    ];
    prop_oneof![3 => scalar.clone(), 1 => prop::collection::vec(scalar, 1..4).prop_map(Value::List)]
}

fn any_condition() -> impl Strategy<Value = Condition> {
    let leaf = prop_oneof![
        (any_text(), 0u32..5, 1u32..30).prop_map(|(event, value, days)| {
            performed(&event, NumberOperator::GreaterOrEqual, f64::from(value), days)
        }),
        any_value().prop_map(|value| plan(Operator::Equal, value)),
        any_text().prop_map(Condition::InAudience),
        any_text().prop_map(Condition::Sql),
        (any_text(), any_value()).prop_map(|(event, value)| {
            let filter = vec![
                PropertyCondition {
                    property: "p".to_owned(),
                    op: Operator::Equal,
                    value: Some(value)
                };
                2
            ];
            Condition::Performed(Performed {
                event,
                aggregate: Aggregate::Sum,
                property: Some("revenue".to_owned()),
                op: NumberOperator::Less,
                value: 0.5,
                filter,
                window: None,
            })
        }),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Condition::All),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Condition::Any),
            inner.prop_map(|part| Condition::Not(Box::new(part))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever was there, what is saved is what is read; saving it again changes nothing; and a comment at the head
    /// of the file stays.
    #[test]
    fn saved_is_read(before in any_condition(), after in any_condition()) {
        use crate::workspace::edit::edit;
        let file = "audiences/x.toml";
        let (before, after) = (audience(Some("a"), before), audience(Some("a"), after));
        let first = format!("# head\n{}", edit(file, "", &before).unwrap());
        let second = edit(file, &first, &after).unwrap();
        prop_assert_eq!(&toml::from_str::<AudienceDefinition>(&second).unwrap(), &after);
        prop_assert!(second.starts_with("# head\n"), "{}", second);
        prop_assert_eq!(&edit(file, &second, &after).unwrap(), &second);
    }
}
