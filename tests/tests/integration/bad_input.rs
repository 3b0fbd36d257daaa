//! What is wrong is told in one sentence that says what, where and what to do; and nothing is lost by it.

use std::time::Duration;

use anyhow::{Context, Result};
use integration::{
    eventually, free_port,
    http::{Http, Reply},
    kafka::{Kafka, Record},
    need,
    postgres::Postgres,
    unique,
};
use serde_json::{Value, json};

use crate::workspace::{STOP_DEADLINE, Workspace, text};

/// A workspace over a topic with three people in it, who are the audience `everybody`.
async fn everybody(kafka: &Kafka) -> Result<Workspace> {
    let topic = unique("people");
    kafka.create_topic(&topic, 1).await?;
    let identify = |number: usize| {
        json!({"type": "identify", "userId": format!("u_{number}"), "messageId": format!("m_{number}"),
            "traits": {"email": format!("u_{number}@example.com")}})
        .to_string()
    };
    kafka
        .produce(&topic, (1..=3).map(|number| Record::new("k", identify(number))))
        .await?;
    let workspace = Workspace::new()?;
    workspace.cluster(&kafka.bootstrap())?;
    workspace.write(
        "sources/people.toml",
        format!("cluster = \"test\"\ntopic = \"{topic}\"\n"),
    )?;
    workspace.write("audiences/everybody.sql", "SELECT profile_id FROM profiles\n")?;
    workspace.write(
        "syncs/all.toml",
        "audience = \"everybody\"\ndestination = \"there\"\nkey = \"user_id\"\n",
    )?;
    Ok(workspace)
}

fn assert_says(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "\"{part}\" is not in: {said}");
    }
}

#[tokio::test]
async fn a_wrong_bootstrap_address() -> Result<()> {
    let workspace = need!(Workspace::new());
    let address = format!("127.0.0.1:{}", free_port()?);
    workspace.cluster(&address)?;
    for args in [
        &["topics", "test"][..],
        &["tail", "test", "orders", "-e"],
        &["groups", "list", "test"],
    ] {
        let said = workspace.sentence(args, 1).await?;
        assert_says(&said, &["\"test\"", &address, "bootstrap.servers"]);
    }
    let test = workspace.json_with(&["cluster", "test", "test"], 1).await?;
    assert_eq!(test["ok"], false);
    let last = test["steps"].as_array().and_then(|steps| steps.last());
    let last = last.context("steps")?;
    assert_eq!(
        (&last["step"], &last["ok"]),
        (&"tcp".into(), &false.into()),
        "{test}"
    );

    workspace.cluster("no-such-host.invalid:9092")?;
    let said = workspace.sentence(&["topics", "test"], 1).await?;
    assert_says(&said, &["\"test\"", "no-such-host.invalid"]);
    let said = workspace.sentence(&["topics", "tets"], 1).await?;
    assert_says(&said, &["\"tets\"", "\"test\""]);
    Ok(())
}

#[tokio::test]
async fn a_topic_that_does_not_exist() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let topic = unique("payments.settled");
    kafka.create_topic(&topic, 1).await?;
    let workspace = Workspace::new()?;
    workspace.cluster(&kafka.bootstrap())?;
    let wrong = topic.replace("settled", "setled");
    let near = format!("\"{topic}\"");
    for args in [&["tail", "test", &wrong, "-e"][..], &["topics", "test", &wrong]] {
        let said = workspace.sentence(args, 1).await?;
        assert_says(&said, &["\"test\"", &wrong, &near]);
    }
    let said = workspace
        .sentence(&["tail", "test", &topic, "-e", "-p", "7"], 1)
        .await?;
    assert_says(&said, &["partition 7", &topic]);

    // A source that waits for its topic says so, and does not wait for ever when it was told to catch up.
    workspace.write(
        "sources/wrong.toml",
        format!("cluster = \"test\"\ntopic = \"{wrong}\"\n"),
    )?;
    let said = workspace.sentence(&["ingest", "--until-caught-up"], 1).await?;
    assert_says(&said, &["\"wrong\"", &wrong, &near]);
    Ok(())
}

#[tokio::test]
async fn an_error_in_sql_has_its_line_and_column() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let workspace = everybody(kafka).await?;
    workspace.ingest().await?;
    // SQL, place, what is said.
    let cases = [
        (
            "SELECT user_id,\n  emial FROM profiles",
            (2, 3),
            &["emial", "\"email\""][..],
        ),
        ("SELECT *\nFROM profile", (2, 6), &["profile", "\"profiles\""]),
        ("SELECT user_id\nFORM profiles", (2, 6), &["profiles"]),
        ("SELECT count(* FROM profiles", (1, 16), &["FROM"]),
    ];
    for (sql, (line, column), parts) in cases {
        let said = workspace.sentence(&["sql", sql], 1).await?;
        assert_says(&said, parts);
        let place = format!("line {line}, column {column}");
        assert_eq!(said.matches(&place).count(), 1, "{place} once in: {said}");
        let output = workspace.run(&["sql", sql, "--json"]).await?.exits(1)?;
        let error: Value = serde_json::from_str(&output.stderr)?;
        let position = &error["error"]["position"];
        assert_eq!(
            (&position["line"], &position["column"]),
            (&line.into(), &column.into()),
            "{error}"
        );
    }
    let said = workspace
        .sentence(&["tail", "test", "t", "-e", "--where", "value.revenue >"], 1)
        .await?;
    assert_says(&said, &["line 1"]);
    let said = workspace.sentence(&["sql", "DROP TABLE events"], 1).await?;
    assert_says(&said, &["SELECT"]);
    assert_eq!(workspace.sql("SELECT count(*) AS n FROM events").await?[0][0], 3);
    Ok(())
}

#[tokio::test]
async fn a_definition_that_does_not_parse() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let workspace = everybody(kafka).await?;
    workspace.write(
        "destinations/there.toml",
        "kind = \"file\"\n[settings]\npath = \"out\"\n",
    )?;
    assert_eq!(workspace.lines(&["check"]).await?.len(), 0);
    // SQL is planned against the columns of events, so there have to be some.
    workspace.ingest().await?;
    workspace.write("clusters/broken.toml", "kind = \"kafka\"\ncolor = #ff0000\n")?;
    workspace.write("audiences/typo.sql", "SELECT profile_id\nFROM profils\n")?;
    workspace.write(
        "traits/odd.toml",
        "[computed]\nevent = \"Order\"\nwindow = \"14 dayz\"\n",
    )?;
    let output = workspace.run(&["check"]).await?.exits(1)?;
    let said: Vec<&str> = output.stdout.lines().collect();
    assert_eq!(said.len(), 3, "a line each: {}", output.stdout);
    for place in [
        "clusters/broken.toml:2:",
        "audiences/typo.sql:2:6",
        "traits/odd.toml:3:",
    ] {
        assert!(
            said.iter().any(|line| line.starts_with(place)),
            "{place} in {said:?}"
        );
    }
    let output = workspace.run(&["check", "--json"]).await?.exits(1)?;
    for problem in output.json_lines()? {
        assert!(
            problem["position"]["file"].is_string() && problem["position"]["line"].is_u64(),
            "{problem}"
        );
    }

    // What is right goes on; what is wrong says where.
    workspace.ingest().await?;
    assert_eq!(workspace.members("everybody").await?.len(), 3);
    let said = workspace.sentence(&["topics", "broken"], 1).await?;
    assert_says(&said, &["clusters/broken.toml:2:"]);
    let said = workspace.sentence(&["audience", "run", "typo"], 1).await?;
    assert_says(&said, &["typo", "line 2, column 6", "\"profiles\""]);
    Ok(())
}

/// Nothing to collect is no success: the command line says which file does not hold, or what to add.
#[tokio::test]
async fn an_ingest_without_a_source() -> Result<()> {
    let workspace = need!(Workspace::new());
    let said = workspace.sentence(&["ingest", "--until-caught-up"], 1).await?;
    assert!(said.contains("sources/NAME.toml"), "{said}");
    workspace.write("sources/shop.toml", "cluster = \"test\"\ntopic = 7\n")?;
    let said = workspace.sentence(&["ingest", "--until-caught-up"], 1).await?;
    assert!(said.contains("sources/shop.toml:2"), "{said}");
    Ok(())
}

#[tokio::test]
async fn a_destination_that_refuses() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let postgres = need!(Postgres::shared().await);
    let workspace = everybody(kafka).await?;
    workspace.ingest().await?;
    let url = postgres.database("refusing").await?;
    let destination =
        |url: &str| format!("kind = \"postgres\"\n[settings]\nurl = \"{url}\"\ntimeout_ms = 2000\n");
    let refused = async |definition: &str, parts: &[&str]| {
        workspace.write("destinations/there.toml", definition)?;
        let test = workspace.json_with(&["destination", "test", "there"], 1).await?;
        assert_says(&text(&test["detail"]), parts);
        let outcome = workspace.json_with(&["sync", "run", "all"], 1).await?;
        assert_eq!(
            (&outcome["run"]["state"], &outcome["run"]["failed"]),
            (&"failed".into(), &3.into())
        );
        let message = text(&outcome["run"]["error"]["message"]);
        assert_says(&message, parts);
        anyhow::Ok(message)
    };
    let wrong = url.replace(postgres.password(), "not-the-password");
    let said = refused(&destination(&wrong), &["password", "127.0.0.1"]).await?;
    assert!(!said.contains("not-the-password"), "{said}");
    let closed = format!("127.0.0.1:{}", free_port()?);
    let nobody = format!("postgres://tailrace@{closed}/crm");
    refused(&destination(&nobody), &[&closed]).await?;
    let http = Http::start().await?;
    let hook = format!(
        "kind = \"webhook\"\n[settings]\nurl = \"{}\"\n",
        http.url("/secret-path")
    );
    http.answer(|_| Reply::status(401).body("who are you"));
    let said = refused(&hook, &["401", "settings.headers"]).await?;
    assert!(!said.contains("secret-path"), "{said}");

    // Everything was still owed: the right address gets it all.
    workspace.write("destinations/there.toml", destination(&url))?;
    let outcome = workspace.json(&["sync", "run", "all"]).await?;
    assert_eq!(
        (&outcome["run"]["state"], &outcome["run"]["delivered"]),
        (&"succeeded".into(), &3.into())
    );
    let runs = workspace.lines(&["sync", "runs", "all"]).await?;
    let states: Vec<String> = runs.iter().map(|run| text(&run["state"])).collect();
    assert_eq!(states, ["succeeded", "failed", "failed", "failed"]);
    Ok(())
}

#[tokio::test]
async fn a_workspace_opened_twice() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let workspace = everybody(kafka).await?;
    let mut holder = workspace.start(&["ingest"])?;
    let lock = workspace.path(".tailrace/lock");
    eventually("the workspace to be held", Duration::from_secs(30), || async {
        let text = std::fs::read_to_string(&lock).ok()?;
        text.contains("ingest").then_some(())
    })
    .await?;
    for args in [
        &["sql", "SELECT 1"][..],
        &["serve"],
        &["ingest", "--until-caught-up"],
    ] {
        let said = workspace.sentence(args, 1).await?;
        assert_says(&said, &["already open", "tailrace ingest (process "]);
    }
    // Looking at the cluster needs no state.
    assert!(!workspace.lines(&["topics", "test"]).await?.is_empty());
    holder.interrupt(STOP_DEADLINE).await?.exits(0)?;
    assert_eq!(workspace.sql("SELECT 1 AS one").await?[0][0], 1);
    Ok(())
}

#[tokio::test]
async fn an_unknown_workspace_and_unknown_names() -> Result<()> {
    let cli = need!(integration::cli::Cli::new());
    let run = async |args: &[&str]| {
        let output = cli.run(args, crate::workspace::DEADLINE).await?.exits(1)?;
        crate::workspace::one_sentence(&output.stderr)
    };
    let said = run(&["check", "--workspace", "/no/such/folder"]).await?;
    assert_says(&said, &["/no/such/folder", "tailrace init"]);
    assert_says(
        &run(&["check"]).await?,
        &["tailrace.toml", "--workspace", "tailrace init"],
    );

    let kafka = need!(Kafka::shared().await);
    let workspace = everybody(kafka).await?;
    for (args, name) in [
        (&["audience", "run", "evrybody"][..], "everybody"),
        (&["sync", "run", "al1"], "al1"),
        (&["trait", "run", "ltv"], "ltv"),
        (&["destination", "test", "ther"], "ther"),
        (&["cluster", "test", "prod"], "prod"),
        (&["profile", "show", "u_404"], "u_404"),
    ] {
        assert_says(&workspace.sentence(args, 1).await?, &[name]);
    }
    Ok(())
}

#[tokio::test]
async fn misuse_has_its_own_exit_code() -> Result<()> {
    let workspace = need!(Workspace::new());
    workspace.cluster("127.0.0.1:1")?;
    for args in [
        &["--no-such-flag"][..],
        &["frobnicate"],
        &["tail", "test"],
        &["tail", "test", "t", "-o", "yesterday"],
        &["tail", "test", "t", "-o", "s@noon"],
        &["tail", "test", "t", "--format", "parquet"],
        &["demo", "--seconds", "2"],
        &["sync"],
    ] {
        let output = workspace.run(args).await?.exits(2)?;
        assert!(
            output.stdout.is_empty() && !output.stderr.is_empty(),
            "{args:?}: {output:?}"
        );
    }
    Ok(())
}
