//! Tracking plans, transformations, the quarantine and replay, on Apache Kafka through the command line.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Result;
use integration::{
    kafka::{Kafka, Record},
    need, unique,
};
use serde_json::{Value, json};

use crate::workspace::Workspace;

const PLAN: &str = r#"{
  "version": 1,
  "unplanned": "block",
  "events": {
    "Order": {
      "on_violation": "block",
      "schema": {"type": "object", "required": ["amount"], "properties": {"amount": {"type": "number", "minimum": 0}}}
    },
    "Click": {
      "on_violation": "omit",
      "schema": {"properties": {"x": {"type": "integer"}, "at": {"properties": {"zip": {"type": "string"}}}}}
    },
    "View": {"schema": {"required": ["page"]}},
    "Identify": {}
  }
}
"#;

fn event(number: usize, name: &str, properties: &Value) -> Record {
    let text = json!({
        "type": "track", "messageId": format!("m{number}"), "event": name, "userId": format!("u{}", number % 7),
        "timestamp": format!("2026-05-01T00:{:02}:{:02}.000Z", number / 60 % 60, number % 60), "properties": properties,
    });
    Record::new(number.to_string(), text.to_string()).at(1_777_593_600_000 + number as i64 * 1_000)
}

struct Case {
    topic: String,
    workspace: Workspace,
}

/// A workspace with one source over a topic of its own.
async fn case(kafka: &Kafka, source: &str, files: &[(&str, &str)]) -> Result<Case> {
    let topic = unique("quality");
    kafka.create_topic(&topic, 2).await?;
    let workspace = Workspace::new()?;
    workspace.cluster(&kafka.bootstrap())?;
    workspace.write(
        "sources/shop.toml",
        format!("cluster = \"test\"\ntopic = \"{topic}\"\n{source}"),
    )?;
    for (file, text) in files {
        workspace.write(file, text)?;
    }
    Ok(Case { topic, workspace })
}

impl Case {
    fn source(&self, source: &str) -> Result<()> {
        let text = format!("cluster = \"test\"\ntopic = \"{}\"\n{source}", self.topic);
        self.workspace.write("sources/shop.toml", text)
    }

    /// Every event's properties by its message id; each is there once.
    async fn log(&self) -> Result<BTreeMap<String, Vec<Value>>> {
        let rows = self
            .workspace
            .sql("SELECT message_id, * EXCLUDE (message_id, profile_id, received_at) FROM events")
            .await?;
        let count = rows.len();
        let log: BTreeMap<String, Vec<Value>> = rows
            .into_iter()
            .map(|mut row| (row.remove(0).as_str().unwrap_or_default().to_owned(), row))
            .collect();
        anyhow::ensure!(log.len() == count, "{count} rows, {} message ids", log.len());
        Ok(log)
    }
}

#[tokio::test]
async fn events_that_do_not_fit_are_counted_omitted_or_kept_apart_and_can_be_mended() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let case = case(kafka, "plan = \"shop\"\n", &[("tracking-plans/shop.json", PLAN)]).await?;
    let workspace = &case.workspace;
    assert_eq!(workspace.lines(&["check"]).await?.len(), 0);
    let records = [
        event(0, "Order", &json!({"amount": 5})),
        event(1, "Order", &json!({"amount": "7"})),
        event(2, "Order", &json!({})),
        event(
            3,
            "Click",
            &json!({"x": 1.5, "y": 2, "at": {"zip": 9, "city": "B"}}),
        ),
        event(4, "View", &json!({})),
        event(5, "Nobody knows", &json!({})),
        Record::new("6", "no event"),
    ];
    kafka.produce(&case.topic, records).await?;
    let counts = workspace.ingest().await?;
    let of = |name: &str| counts[name].as_u64().unwrap_or(u64::MAX);
    assert_eq!(
        (of("events"), of("blocked"), of("malformed"), of("violations")),
        (3, 3, 1, 6),
        "{counts}"
    );
    let click = workspace
        .sql("SELECT y, properties_rest FROM events WHERE event = 'Click'")
        .await?;
    assert_eq!(click[0][0], 2.0);
    assert_eq!(click[0][1], r#"{"at":{"city":"B"}}"#);

    let violations = workspace.lines(&["plan", "violations"]).await?;
    let mut found: Vec<(String, String, u64)> = violations
        .iter()
        .map(|it| {
            (
                it["event"].as_str().unwrap_or("").to_owned(),
                it["field"].as_str().unwrap_or("?").to_owned(),
                it["count"].as_u64().unwrap_or(0),
            )
        })
        .collect();
    found.sort();
    let expected = [
        ("Click", "at.zip", 1),
        ("Click", "x", 1),
        ("Nobody knows", "", 1),
        ("Order", "amount", 2),
        ("View", "page", 1),
    ];
    assert_eq!(
        found,
        expected.map(|(event, field, count)| (event.to_owned(), field.to_owned(), count))
    );

    let kept = workspace.lines(&["quarantine", "list"]).await?;
    assert_eq!(kept.len(), 4, "{kept:?}");
    let text = kept
        .iter()
        .find(|it| it["message_id"] == "m1")
        .expect("the order of text")
        .clone();
    assert_eq!(text["kind"], "blocked");
    let reason = text["reason"].as_str().unwrap_or_default();
    assert!(
        reason.starts_with("blocked by the tracking plan \"shop\" (version 1): amount: number is expected"),
        "{reason}"
    );
    let shown = workspace
        .json(&["quarantine", "show", &text["id"].to_string()])
        .await?;
    assert!(
        shown["value"]
            .as_str()
            .unwrap_or_default()
            .contains("\"amount\":\"7\""),
        "{shown}"
    );

    // As it is, nothing passes; with the amount as a number one order does, once.
    let same = workspace.json(&["quarantine", "replay", "--dry-run"]).await?;
    assert_eq!(
        (same["collected"].as_u64(), same["stayed"].as_u64()),
        (Some(0), Some(4)),
        "{same}"
    );
    let cast = "SELECT * REPLACE (CAST(amount AS DOUBLE) AS amount) FROM events";
    let args = [
        "quarantine",
        "replay",
        "--where",
        "event = 'Order'",
        "--transform",
        cast,
    ];
    let planned = workspace.json(&[&args[..], &["--dry-run"]].concat()).await?;
    assert_eq!(
        (planned["collected"].as_u64(), planned["stayed"].as_u64()),
        (Some(1), Some(1)),
        "{planned}"
    );
    assert_eq!(
        workspace.lines(&["quarantine", "list"]).await?.len(),
        4,
        "a preview changes nothing"
    );
    let done = workspace.json_with(&[&args[..], &["--yes"]].concat(), 3).await?;
    assert_eq!(
        (done["collected"].as_u64(), done["stayed"].as_u64()),
        (Some(1), Some(1)),
        "{done}"
    );
    let again = workspace.json_with(&[&args[..], &["--yes"]].concat(), 3).await?;
    assert_eq!(
        (again["collected"].as_u64(), again["records"].as_u64()),
        (Some(0), Some(1)),
        "{again}"
    );
    let amounts = workspace
        .sql("SELECT message_id, amount FROM events WHERE event = 'Order' ORDER BY 1")
        .await?;
    assert_eq!(amounts, [[json!("m0"), json!(5)], [json!("m1"), json!(7)]]);

    // A record that is no event becomes one by other means.
    let other = "SELECT 'Mended' AS event, 'u9' AS user_id, 'm6' AS message_id FROM records";
    workspace.write(
        "tracking-plans/shop.json",
        PLAN.replace("\"Identify\"", "\"Mended\""),
    )?;
    let done = workspace
        .json(&[
            "quarantine",
            "replay",
            "--where",
            "kind = 'malformed'",
            "--transform",
            other,
            "--yes",
        ])
        .await?;
    assert_eq!(done["collected"], 1, "{done}");
    let ids = workspace.lines(&["quarantine", "list"]).await?;
    let mut ids: Vec<&str> = ids.iter().filter_map(|it| it["message_id"].as_str()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["m2", "m5"], "what still does not pass");
    Ok(())
}

#[tokio::test]
async fn a_transformation_is_previewed_saved_and_followed() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let case = case(kafka, "# keep this\n", &[]).await?;
    let workspace = &case.workspace;
    let records = (0..20).map(|number| {
        event(
            number,
            "Order",
            &json!({"phone": format!("+49 {number}"), "amount": number}),
        )
    });
    kafka.produce(&case.topic, records).await?;
    let sql = "SELECT * EXCLUDE (phone), sha256(phone) AS phone_hash FROM events WHERE amount >= 5";
    let rows = workspace
        .lines(&["source", "preview", "shop", "--sql", sql, "-c", "8"])
        .await?;
    assert_eq!(rows.len(), 8);
    for row in &rows {
        assert!(
            row["before"].as_str().unwrap_or_default().contains("+49"),
            "{row}"
        );
        let after = row["after"].as_str().unwrap_or_default();
        assert!(after.contains("phone_hash") && !after.contains("+49"), "{row}");
    }
    let wrong = workspace
        .sentence(
            &[
                "source",
                "preview",
                "shop",
                "--sql",
                "SELECT * FROM events\nWHER x",
            ],
            2,
        )
        .await;
    let wrong = match wrong {
        Ok(sentence) => sentence,
        Err(_) => {
            workspace
                .sentence(
                    &[
                        "source",
                        "preview",
                        "shop",
                        "--sql",
                        "SELECT * FROM events\nWHER x",
                    ],
                    1,
                )
                .await?
        }
    };
    assert!(wrong.contains("line 2"), "{wrong}");

    workspace
        .run(&["source", "preview", "shop", "--sql", sql, "--save"])
        .await?
        .exits(0)?;
    let file = std::fs::read_to_string(workspace.path("sources/shop.toml"))?;
    assert!(
        file.contains("# keep this") && file.contains("transform = "),
        "{file}"
    );
    let counts = workspace.ingest().await?;
    assert_eq!(
        (counts["events"].as_u64(), counts["left_out"].as_u64()),
        (Some(15), Some(5)),
        "{counts}"
    );
    let columns = workspace.lines(&["sql", "SELECT * FROM events LIMIT 1"]).await?;
    assert!(
        columns[0].get("phone").is_none()
            && columns[0]["phone_hash"].as_str().is_some_and(|it| it.len() == 64)
    );

    // Where it stands is where it is wrong.
    case.source("transform = \"\"\"\nSELECT *,\n  uper(phone) AS p\nFROM events\"\"\"\n")?;
    let problems = workspace.run(&["check"]).await?.exits(1)?;
    assert!(
        problems.stdout.starts_with("sources/shop.toml:"),
        "{}",
        problems.stdout
    );
    assert!(problems.stdout.contains("uper"), "{}", problems.stdout);
    workspace.write("sources/shop.sql", "SELECT *\nFROM events\nORDER BY 1\n")?;
    case.source("")?;
    let problems = workspace.run(&["check"]).await?.exits(1)?;
    assert!(
        problems.stdout.contains("sources/shop") && problems.stdout.contains("ORDER BY"),
        "{}",
        problems.stdout
    );
    Ok(())
}

#[tokio::test]
async fn a_plan_is_made_of_what_was_observed_and_compared_with_later_versions() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let case = case(kafka, "", &[]).await?;
    let workspace = &case.workspace;
    let records = (0..200).map(|number| {
        let size = if number % 2 == 0 { "S" } else { "L" };
        event(
            number,
            "Order",
            &json!({"size": size, "amount": 0.5 * number as f64, "note": format!("n {number}")}),
        )
    });
    kafka.produce(&case.topic, records).await?;
    workspace.ingest().await?;
    workspace
        .run(&["plan", "infer", "shop", "--save", "shop"])
        .await?
        .exits(0)?;
    let plan: Value = serde_json::from_str(&std::fs::read_to_string(
        workspace.path("tracking-plans/shop.json"),
    )?)?;
    let schema = &plan["events"]["Order"]["schema"];
    assert_eq!(
        schema["properties"]["size"],
        json!({"type": "string", "enum": ["L", "S"]})
    );
    assert_eq!(schema["required"], json!(["amount", "note", "size"]));

    case.source("plan = \"shop\"\n")?;
    workspace.ingest().await?;
    let changed = std::fs::read_to_string(workspace.path("tracking-plans/shop.json"))?
        .replace("\"version\": 1", "\"version\": 2")
        .replace("\"S\"", "\"M\"");
    workspace.write("tracking-plans/shop.json", &changed)?;
    let changes = workspace.lines(&["plan", "diff", "shop@1", "shop"]).await?;
    let what: Vec<&str> = changes.iter().filter_map(|it| it["what"].as_str()).collect();
    assert_eq!(
        what,
        ["version 1 is now 2", "enum: [\"L\",\"S\"] is now [\"L\",\"M\"]"]
    );
    assert_eq!(changes[1]["field"], "size");
    assert_eq!(changes[1]["stricter"], true);
    workspace.write(
        "tracking-plans/broken.json",
        "{\n  \"events\": {\"A\": {\"schema\": {\"type\": 3}}}\n}",
    )?;
    let problems = workspace.run(&["check"]).await?.exits(1)?;
    assert!(
        problems.stdout.starts_with("tracking-plans/broken.json:2:"),
        "{}",
        problems.stdout
    );
    Ok(())
}

#[tokio::test]
async fn a_replay_puts_the_new_form_in_the_place_of_the_old_also_when_it_is_killed() -> Result<()> {
    const EVENTS: usize = 60_000;
    let kafka = need!(Kafka::shared().await);
    let case = case(kafka, "", &[]).await?;
    let workspace = &case.workspace;
    let records = (0..EVENTS).map(|number| {
        event(
            number,
            "Order",
            &json!({"amount": number, "secret": format!("s{number}")}),
        )
    });
    kafka.produce(&case.topic, records).await?;
    assert_eq!(workspace.ingest().await?["events"], EVENTS);
    let nothing = workspace
        .json(&["replay", "shop", "--from", "0", "--dry-run"])
        .await?;
    assert_eq!(
        (nothing["same"].as_u64(), nothing["replaced"].as_u64()),
        (Some(EVENTS as u64), Some(0)),
        "{nothing}"
    );

    case.source(
        "transform = \"SELECT * EXCLUDE (secret), amount * 2 AS double FROM events WHERE amount >= 1000\"\n",
    )?;
    let half = 1_777_593_600_000 + EVENTS as i64 / 2 * 1_000;
    let planned = workspace
        .json(&["replay", "shop", "--from", &half.to_string(), "--dry-run"])
        .await?;
    assert_eq!(planned["replaced"], EVENTS / 2, "{planned}");
    let refused = workspace.sentence(&["replay", "shop", "--from", "0"], 2).await;
    assert!(refused.is_ok(), "nobody is asked where nobody is: {refused:?}");

    // Killed in the midst, several times, and then let through.
    for moment in [300, 900, 1_800, 2_700] {
        let mut replay = workspace.start(&["replay", "shop", "--from", "0", "--yes"])?;
        // The moment itself is what is tried, so this waits for no condition.
        tokio::time::sleep(Duration::from_millis(moment)).await;
        if let Err(error) = replay.process().stop("KILL", Duration::from_secs(10)).await {
            println!("it was done before {moment} ms: {error}");
        }
        let log = case.log().await?;
        assert!(
            log.len() <= EVENTS && log.len() >= EVENTS - 1_000,
            "{} events",
            log.len()
        );
    }
    let done = workspace
        .json(&["replay", "shop", "--from", "0", "--yes"])
        .await?;
    assert_eq!(done["records"], EVENTS, "{done}");
    let again = workspace
        .json(&["replay", "shop", "--from", "0", "--yes"])
        .await?;
    assert_eq!(
        (
            again["same"].as_u64(),
            again["added"].as_u64(),
            again["replaced"].as_u64(),
            again["removed"].as_u64()
        ),
        (Some(EVENTS as u64 - 1_000), Some(0), Some(0), Some(0)),
        "{again}"
    );
    let log = case.log().await?;
    assert_eq!(log.len(), EVENTS - 1_000);
    let sums = workspace
        .sql("SELECT count(*), count(DISTINCT message_id), count(secret), sum(double) FROM events")
        .await?;
    let sum: u64 = (1_000..EVENTS as u64).map(|amount| amount * 2).sum();
    assert_eq!(
        sums[0],
        [json!(EVENTS - 1_000), json!(EVENTS - 1_000), json!(0), json!(sum)]
    );
    let counted = workspace.sql("SELECT sum(events) FROM profiles").await?;
    assert_eq!(counted[0][0], EVENTS - 1_000, "profiles count each event once");
    Ok(())
}

#[tokio::test]
async fn a_duplicate_is_known_for_as_long_as_the_workspace_says() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let case = case(
        kafka,
        "",
        &[(
            "tailrace.toml",
            "name = \"test\"\n\n[events]\ndedupe_window = \"1 second\"\n",
        )],
    )
    .await?;
    let workspace = &case.workspace;
    kafka
        .produce(
            &case.topic,
            [event(1, "Order", &json!({})), event(1, "Order", &json!({}))],
        )
        .await?;
    let first = workspace.ingest().await?;
    assert_eq!(
        (first["events"].as_u64(), first["duplicates"].as_u64()),
        (Some(1), Some(1)),
        "{first}"
    );
    // The window is over time itself.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    kafka
        .produce(&case.topic, [event(1, "Order", &json!({}))])
        .await?;
    assert_eq!(workspace.ingest().await?["events"], 2);
    workspace.write(
        "tailrace.toml",
        "name = \"test\"\n\n[events]\ndedupe_window = \"7 days\"\n",
    )?;
    kafka
        .produce(&case.topic, [event(1, "Order", &json!({}))])
        .await?;
    assert_eq!(workspace.ingest().await?["duplicates"], 2, "across a restart");
    Ok(())
}
