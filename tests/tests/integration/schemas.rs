//! A real schema registry: subjects, versions beside each other, what may follow them, and changes that are refused.

use anyhow::{Context, Result};
use integration::{need, registry::Registry, unique};
use serde_json::{Value, json};

use crate::workspace::{Workspace, text};

const V1: &str = r#"{"type":"record","name":"Order","namespace":"shop","fields":[
    {"name":"id","type":"long"},{"name":"status","type":"string"}]}"#;
const V2: &str = r#"{"type":"record","name":"Order","namespace":"shop","fields":[
    {"name":"id","type":"long"},{"name":"note","type":["null","string"],"default":null},{"name":"status","type":"string"}]}"#;
/// A reader of it finds no `must` in what was written before.
const BROKEN: &str = r#"{"type":"record","name":"Order","namespace":"shop","fields":[
    {"name":"id","type":"string"},{"name":"must","type":"string"}]}"#;

/// The brokers are away: a registry is looked at without them.
fn workspace(registry: &str, more: &str) -> Result<Workspace> {
    let workspace = Workspace::new()?;
    let cluster = format!(
        "kind = \"kafka\"\n{more}\n[properties]\n\"bootstrap.servers\" = \"127.0.0.1:1\"\n[registry]\nurl = \"{registry}\"\n"
    );
    workspace.write("clusters/test.toml", cluster)?;
    Ok(workspace)
}

#[tokio::test]
async fn subjects_versions_and_their_differences() -> Result<()> {
    let registry = need!(Registry::shared().await);
    let workspace = workspace(&registry.url(), "")?;
    let subject = unique("orders-value");
    let first = registry.register(&subject, "AVRO", V1).await?;
    let second = registry.register(&subject, "AVRO", V2).await?;
    let proto = unique("views");
    let message = |fields: &str| format!("syntax = \"proto3\"; package web; message View {{ {fields} }}");
    registry
        .register(&proto, "PROTOBUF", &message("string page = 1;"))
        .await?;
    registry
        .register(&proto, "PROTOBUF", &message("string page = 1; int64 user = 2;"))
        .await?;

    let listed = workspace.lines(&["schemas", "test"]).await?;
    let of = |name: &str| listed.iter().find(|it| it["subject"] == name);
    let found = of(&subject).context("the subject")?;
    assert_eq!(
        (
            &found["schema_type"],
            &found["versions"],
            &found["latest"],
            &found["id"]
        ),
        (&json!("avro"), &json!(2), &json!(2), &json!(second))
    );
    assert_eq!(of(&proto).context("the other")?["schema_type"], "protobuf");

    let shown = workspace.json(&["schemas", "test", &subject]).await?;
    assert_eq!(shown["versions"], json!([1, 2]));
    assert!(
        text(&shown["schema"]["text"]).contains("\n      \"name\": \"note\","),
        "{shown}"
    );
    let old = workspace
        .json(&["schemas", "test", &subject, "--version", "1"])
        .await?;
    assert_eq!(old["id"], first);

    let compared = workspace
        .json(&["schemas", "test", &subject, "--diff", "1..2"])
        .await?;
    let difference = &compared["difference"];
    assert_eq!(
        difference["fields"],
        json!([{"path": "note", "change": "added", "left": null, "right": "null | string, default null"}])
    );
    let side = |side: &str| -> Vec<String> {
        let rows = difference["rows"].as_array().into_iter().flatten();
        let line = |row: &Value| match (side, text(&row["change"]).as_str()) {
            ("right", "same") => row["left"].as_str().map(str::to_owned),
            _ => row[side].as_str().map(str::to_owned),
        };
        rows.filter_map(line).collect()
    };
    assert_eq!(side("left").join("\n"), text(&compared["left"]["text"]));
    assert_eq!(side("right").join("\n"), text(&compared["right"]["text"]));
    let person = workspace
        .run(&["schemas", "test", &proto, "--diff", "1..2"])
        .await?
        .exits(0)?;
    assert!(
        person.stdout.starts_with("+ web.View.user: int64 = 2\n"),
        "{}",
        person.stdout
    );

    let unknown = workspace.sentence(&["schemas", "test", "nobody"], 1).await?;
    assert!(unknown.contains("has no subject \"nobody\""), "{unknown}");
    let unknown = workspace
        .sentence(&["schemas", "test", &subject, "--version", "9"], 1)
        .await?;
    assert!(
        unknown.contains("has no version 9") && unknown.contains("from 1 to 2"),
        "{unknown}"
    );
    Ok(())
}

#[tokio::test]
async fn what_may_follow_is_checked_and_registered_once_it_was_agreed_to() -> Result<()> {
    let registry = need!(Registry::shared().await);
    let workspace = workspace(&registry.url(), "")?;
    let subject = unique("checked");
    registry.register(&subject, "AVRO", V1).await?;
    for (name, schema) in [("good.avsc", V2), ("bad.avsc", BROKEN), ("none.avsc", "{")] {
        workspace.write(name, schema)?;
    }
    let file = |name: &str| workspace.path(name).display().to_string();
    let (good, bad, none) = (file("good.avsc"), file("bad.avsc"), file("none.avsc"));

    let level = ["schemas", "set-level", "test", "BACKWARD", "--subject", &subject];
    let nobody = workspace.run(&level).await?.exits(2)?;
    assert!(nobody.stderr.contains("add --yes"), "{}", nobody.stderr);
    let set = workspace.json(&[&level[..], &["--yes"]].concat()).await?;
    assert_eq!(set["preview"]["lines"][0]["after"], "BACKWARD");
    let unknown = workspace
        .sentence(
            &["schemas", "set-level", "test", "SIDEWAYS", "--subject", &subject],
            1,
        )
        .await?;
    assert!(unknown.contains("BACKWARD, BACKWARD_TRANSITIVE"), "{unknown}");

    let fits = workspace
        .json(&["schemas", "check", "test", &subject, &good, "--all"])
        .await?;
    assert_eq!(
        (&fits["compatible"], &fits["level"]),
        (&json!(true), &json!("BACKWARD"))
    );
    let wrong = workspace
        .json_with(&["schemas", "check", "test", &subject, &bad], 1)
        .await?;
    assert_eq!(wrong["compatible"], false);
    let reasons = wrong["versions"][0]["reasons"].to_string();
    assert!(reasons.contains("/fields/1"), "{wrong}");
    let invalid = workspace
        .sentence(&["schemas", "check", "test", &subject, &none], 1)
        .await?;
    assert!(invalid.contains("the text is no Avro schema"), "{invalid}");

    let done = workspace
        .json(&["schemas", "register", "test", &subject, &good, "--yes"])
        .await?;
    assert!(text(&done["done"]).contains("has version 2"), "{done}");
    // What is there already is not registered again.
    let again = workspace
        .json(&["schemas", "register", "test", &subject, &good, "--yes"])
        .await?;
    assert_eq!(again["done"], Value::Null);
    let refused = workspace
        .run(&["schemas", "register", "test", &subject, &bad, "--yes"])
        .await?
        .exits(1)?;
    assert!(
        refused.stderr.contains("the registry will refuse it"),
        "{}",
        refused.stderr
    );
    assert!(refused.stderr.contains("not compatible"), "{}", refused.stderr);

    let deleted = workspace
        .json(&["schemas", "delete", "test", &subject, "--version", "1", "--yes"])
        .await?;
    assert_eq!(deleted["preview"]["destructive"], true);
    let left = workspace.json(&["schemas", "test", &subject]).await?;
    assert_eq!(left["versions"], json!([2]));
    Ok(())
}

#[tokio::test]
async fn refusals_are_one_sentence() -> Result<()> {
    let registry = need!(Registry::shared().await);
    let subject = unique("kept");
    registry.register(&subject, "AVRO", V1).await?;
    let read_only = workspace(&registry.url(), "read_only = true\n")?;
    let refused = read_only
        .sentence(&["schemas", "delete", "test", &subject, "--yes"], 1)
        .await?;
    assert!(refused.contains("is read-only"), "{refused}");
    assert_eq!(
        read_only.json(&["schemas", "test", &subject]).await?["versions"],
        json!([1])
    );

    let away = workspace("http://127.0.0.1:1", "")?;
    let sentence = away.sentence(&["schemas", "test"], 1).await?;
    assert!(
        sentence.contains("the schema registry http://127.0.0.1:1 cannot be reached"),
        "{sentence}"
    );
    // Another service answers there: its path is what is wrong.
    let elsewhere = workspace(registry.url().trim_end_matches("/apis/ccompat/v7"), "")?;
    let sentence = elsewhere.sentence(&["schemas", "test"], 1).await?;
    assert!(
        sentence.contains("check the url, its path included"),
        "{sentence}"
    );
    let none = Workspace::new()?;
    none.cluster("127.0.0.1:1")?;
    let sentence = none.sentence(&["schemas", "test"], 1).await?;
    assert!(
        sentence.contains("has no schema registry: add [registry]"),
        "{sentence}"
    );
    Ok(())
}
