//! Masks: nothing that they hide is in anything that the window gets, nor in what is exported from it.

use anyhow::{Context, Result};
use integration::{
    eventually,
    kafka::{Kafka, Record},
    need, unique,
};
use serde_json::{Value, json};
use tailrace_app::{App, OpenOptions};

use crate::workspace::{DEADLINE, Workspace};

/// What must not be seen, whole or in part that tells.
const HIDDEN: [&str; 5] = [
    "ada@example.com",
    "4111111111111111",
    "hunter22",
    "u-4711",
    "grace@example.com",
];

const MASKS: &str = r#"name = "test"
[[masks]]
column = "value.customer.email"
with = "hash"
[[masks]]
column = "_key"
with = "last4"
[[masks]]
column = "header.x-token"
with = "remove"
[[masks]]
pattern = '\d{16}'
with = "last4"
"#;

fn records() -> Vec<Record> {
    let value = |email: &str| {
        format!(r#"{{"id":1,"card":"4111111111111111","customer":{{"email":"{email}"}},"plain":"seen"}}"#)
    };
    let record = |value: Vec<u8>| {
        Record::new("user-u-4711", value)
            .header("x-token", "hunter22")
            .header("trace", "seen-too")
    };
    vec![
        record(value("ada@example.com").into_bytes()),
        record(value("grace@example.com").into_bytes()),
        // Not JSON: its fields can't be told apart. And not text.
        record(b"{\"customer\": ada@example.com".to_vec()),
        record(b"\xff\xfe ada@example.com".to_vec()),
    ]
}

async fn stage(kafka: &Kafka, topic: &str) -> Result<Workspace> {
    kafka.create_topic(topic, 1).await?;
    kafka.produce(topic, records()).await?;
    let workspace = Workspace::new()?;
    workspace.cluster(&kafka.bootstrap())?;
    workspace.write("tailrace.toml", MASKS)?;
    Ok(workspace)
}

fn hidden_in(what: &str, text: &str) -> Result<()> {
    for secret in HIDDEN {
        anyhow::ensure!(!text.contains(secret), "{secret} is in {what}: {text}");
        // As two digits a byte, and as base64.
        let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        anyhow::ensure!(
            !text.to_lowercase().contains(&hex),
            "{secret} is in {what} in hexadecimal: {text}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn nothing_hidden_reaches_the_window() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let topic = unique("masks");
    let workspace = stage(kafka, &topic).await?;
    let app = App::open(workspace.path(""), OpenOptions::look().masked(true)).await?;
    let seen = std::sync::Mutex::new(String::new());
    let call = async |name: &str, request: Value| -> Result<Value> {
        let answer = app
            .call(name, request)
            .await
            .map_err(|error| anyhow::anyhow!("{name}: {error}"))?;
        let mut seen = seen.lock().map_err(|_| anyhow::anyhow!("a lock"))?;
        seen.push_str(&answer.to_string());
        seen.push('\n');
        Ok(answer)
    };
    let tail = json!({"cluster": "test", "topic": topic, "start": "beginning", "stop_at_end": true});
    let view = call("tail_start", tail.clone()).await?["view"].clone();
    eventually("four rows", DEADLINE, || async {
        let status = call("tail_status", json!({"view": view})).await.ok()?;
        (status["matched"] == 4).then_some(())
    })
    .await?;
    let rows = call("tail_rows", json!({"view": view, "offset": 0, "limit": 10})).await?;
    assert_eq!(rows["rows"].as_array().context("rows")?.len(), 4);
    for offset in 0..4 {
        let place = json!({"cluster": "test", "topic": topic, "partition": 0, "offset": offset});
        call("record_show", place).await?;
    }
    for (format, ending) in [("json_lines", "jsonl"), ("csv", "csv")] {
        let path = workspace.path(&format!("out.{ending}"));
        call(
            "tail_export",
            json!({"tail": tail, "path": path, "format": format}),
        )
        .await?;
        let text = std::fs::read_to_string(&path)?;
        hidden_in(ending, &text)?;
        assert!(text.contains("seen-too") && text.contains("•••1111"), "{text}");
    }
    call("activity_list", json!({})).await?;
    app.close().await;
    let seen = seen.lock().map_err(|_| anyhow::anyhow!("a lock"))?.clone();
    hidden_in("what the window got", &seen)?;
    // What is not hidden is there, so that the search above can fail.
    for shown in ["seen-too", "•••1111", "•••4711"] {
        assert!(seen.contains(shown), "{shown} is not in {seen}");
    }
    Ok(())
}

#[tokio::test]
async fn the_terminal_masks_when_it_is_asked_to() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let topic = unique("masks-cli");
    let workspace = stage(kafka, &topic).await?;
    let tail = ["tail", "test", &topic, "-o", "beginning", "--exit", "--json"];
    let open = workspace.run(&tail).await?.exits(0)?;
    assert!(open.stdout.contains("ada@example.com"), "{}", open.stdout);
    let masked = workspace
        .run(&[&tail[..], &["--masked"]].concat())
        .await?
        .exits(0)?;
    hidden_in("the terminal", &masked.stdout)?;
    assert_eq!(masked.json_lines()?.len(), 4);
    workspace.write(
        "tailrace.toml",
        "name = \"test\"\n[[masks]]\npattern = \"(\"\nwith = \"mask\"\n",
    )?;
    let checked = workspace.run(&["check"]).await?.exits(1)?;
    assert!(
        format!("{}{}", checked.stdout, checked.stderr).contains("no regular expression"),
        "{checked:?}"
    );
    Ok(())
}

/// A condition sees what is shown: what is hidden can't be found out by asking for it.
#[tokio::test]
async fn a_condition_sees_masked_values() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let topic = unique("masks-where");
    let workspace = stage(kafka, &topic).await?;
    let count = async |condition: &str, more: &[&str]| -> Result<usize> {
        let tail = [
            "tail",
            "test",
            &topic,
            "-o",
            "beginning",
            "--exit",
            "--json",
            "--where",
            condition,
        ];
        let output = workspace.run(&[&tail[..], more].concat()).await?.exits(0)?;
        Ok(output.json_lines()?.len())
    };
    for hidden in [
        "value.card = '4111111111111111'",
        "value.card like '4111%'",
        "value.customer.email = 'ada@example.com'",
        "length(value.customer.email) = 15",
        "_key = 'user-u-4711'",
        "value like '%ada@example.com%'",
    ] {
        assert!(
            count(hidden, &[]).await? > 0,
            "{hidden} finds nothing where nothing is hidden"
        );
        assert_eq!(count(hidden, &["--masked"]).await?, 0, "{hidden}");
    }
    assert_eq!(count("value.plain = 'seen'", &["--masked"]).await?, 2);
    assert_eq!(count("value.card = '•••1111'", &["--masked"]).await?, 2);
    let selected = workspace
        .run(&[
            "tail",
            "test",
            &topic,
            "-o",
            "beginning",
            "--exit",
            "--masked",
            "--json",
            "--select",
            "value.card, value.customer.email, _key, _headers",
        ])
        .await?
        .exits(0)?;
    hidden_in("selected columns", &selected.stdout)?;
    assert_eq!(selected.json_lines()?[0]["card"], "•••1111");
    Ok(())
}
