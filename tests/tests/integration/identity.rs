//! Identity from end to end: rules set in `tailrace.toml`, a merge taken back and allowed again, a person deleted
//! everywhere, suppressed, exported.

use std::{
    fs::{self, File},
    path::Path,
};

use anyhow::{Context, Result};
use arrow::util::display::array_value_to_string;
use integration::{
    kafka::{Kafka, Record},
    need, unique,
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};

use crate::workspace::{Workspace, text};

struct World {
    workspace: Workspace,
    kafka: &'static Kafka,
    topic: String,
    next: usize,
}

impl World {
    async fn new(kafka: &'static Kafka) -> Result<Self> {
        let workspace = Workspace::new()?;
        workspace.cluster(&kafka.bootstrap())?;
        let topic = unique("identity");
        kafka.create_topic(&topic, 1).await?;
        workspace.write(
            "sources/shop.toml",
            format!("cluster = \"test\"\ntopic = \"{topic}\"\n"),
        )?;
        Ok(Self {
            workspace,
            kafka,
            topic,
            next: 0,
        })
    }

    /// Produces these and collects them.
    async fn happen(&mut self, events: &[Value]) -> Result<Value> {
        let first = self.next;
        self.next += events.len();
        let records = events.iter().enumerate().map(|(place, event)| {
            let mut event = event.clone();
            event["messageId"] = format!("m{}", first + place).into();
            event["timestamp"] = format!("2026-03-01T10:{:02}:00Z", first + place).into();
            Record::new("k", event.to_string())
        });
        self.kafka
            .produce(&self.topic, records.collect::<Vec<_>>())
            .await?;
        self.workspace.ingest().await
    }

    /// Profile and number of events, by profile.
    async fn events(&self) -> Result<Vec<(i64, i64)>> {
        let rows = self
            .workspace
            .sql("SELECT profile_id, count(*) AS n FROM events GROUP BY profile_id ORDER BY profile_id")
            .await?;
        let number = |value: &Value| value.as_i64().context("a number");
        rows.iter()
            .map(|row| Ok((number(&row[0])?, number(&row[1])?)))
            .collect()
    }
}

fn page(who: &Value) -> Value {
    let mut event = json!({ "type": "page", "name": "Home" });
    for (key, value) in who.as_object().into_iter().flatten() {
        event[key] = value.clone();
    }
    event
}

#[tokio::test]
async fn a_merge_is_undone_stays_undone_and_may_be_allowed_again() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let mut world = World::new(kafka).await?;
    world.workspace.write(
        "audiences/known.sql",
        "SELECT profile_id FROM profiles WHERE user_id IS NOT NULL",
    )?;
    let device = json!({ "anonymousId": "ipad-of-the-shop" });
    let anna = json!({ "userId": "anna" });
    let both = json!({ "anonymousId": "ipad-of-the-shop", "userId": "anna" });
    world
        .happen(&[
            page(&device),
            page(&anna),
            page(&both),
            page(&device),
            page(&anna),
        ])
        .await?;
    assert_eq!(world.events().await?, [(1, 5)]);
    assert_eq!(world.workspace.members("known").await?, ["anna"]);

    let merges = world
        .workspace
        .lines(&["profile", "merges", "user_id:anna"])
        .await?;
    let [merge] = merges.as_slice() else {
        anyhow::bail!("one merge: {merges:?}")
    };
    assert_eq!(
        (
            &merge["merge"],
            &merge["message_id"],
            &merge["source"],
            &merge["evidence"]
        ),
        (
            &json!(0),
            &json!("m2"),
            &json!("shop"),
            &json!("user_id=anna, anonymous_id=ipad-of-the-shop")
        )
    );
    assert_eq!(
        merge["merged_before"],
        json!([{ "kind": "user_id", "value": "anna" }])
    );

    // Nobody can be asked here.
    let refused = world.workspace.run(&["profile", "undo", "0"]).await?.exits(2)?;
    assert!(refused.stderr.contains("--yes"), "{}", refused.stderr);
    let shown = world
        .workspace
        .json(&["profile", "undo", "0", "--dry-run"])
        .await?;
    assert_eq!(world.events().await?, [(1, 5)], "a dry run");
    let done = world.workspace.json(&["profile", "undo", "0", "--yes"]).await?;
    assert_eq!(
        shown["preview"], done["preview"],
        "what is done is what was shown"
    );
    // The event that tied the two stays with its most trusted identifier.
    assert_eq!(world.events().await?, [(1, 2), (2, 3)]);
    assert_eq!(world.workspace.members("known").await?, ["anna"]);
    let again = world
        .workspace
        .sentence(&["profile", "undo", "0", "--yes"], 1)
        .await?;
    assert!(again.contains("undone already"), "{again}");

    world.happen(&[page(&both)]).await?;
    assert_eq!(world.events().await?, [(1, 2), (2, 4)], "refused");
    world.workspace.json(&["profile", "allow", "0"]).await?;
    world.happen(&[page(&both)]).await?;
    assert_eq!(world.events().await?, [(1, 7)], "allowed");
    let merges = world.workspace.lines(&["profile", "merges", "1"]).await?;
    assert_eq!(merges.len(), 2);
    Ok(())
}

#[tokio::test]
async fn rules_of_identity_hold_for_what_comes_after_them() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let mut world = World::new(kafka).await?;
    let rules = |text: &str| format!("name = \"test\"\n\n[identity]\n{text}");
    world
        .workspace
        .write("tailrace.toml", rules("blocked_patterns = [\"(\"]\n"))?;
    let problem = world.workspace.run(&["check"]).await?;
    assert!(
        problem.stdout.contains("tailrace.toml:4:") && problem.stdout.contains("no regular expression"),
        "{}{}",
        problem.stdout,
        problem.stderr
    );
    world.workspace.write(
        "tailrace.toml",
        rules("blocked_values = [\"test\"]\nlimits.user_id = { count = 2 }\n"),
    )?;
    assert_eq!(world.workspace.lines(&["check"]).await?.len(), 0);
    let on = |user: &str| page(&json!({ "anonymousId": "family", "userId": user }));
    let counts = world
        .happen(&[on("ann"), on("ben"), page(&json!({ "userId": "test" }))])
        .await?;
    assert_eq!(counts["malformed"], 1, "{counts}");
    assert_eq!(world.events().await?, [(1, 2)]);
    // From here on as published: one user a profile.
    world.workspace.write("tailrace.toml", "name = \"test\"\n")?;
    world.happen(&[on("cid")]).await?;
    assert_eq!(
        world.events().await?,
        [(1, 2), (2, 1)],
        "who is one already stays so"
    );
    Ok(())
}

const SECRETS: [&str; 4] = [
    "zoe-the-user",
    "zoe@private.test",
    "device-of-zoe",
    "Zoes Street 5",
];

#[tokio::test]
async fn a_deleted_person_is_in_no_file_and_leaves_destinations() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let mut world = World::new(kafka).await?;
    world.workspace.write(
        "audiences/known.sql",
        "SELECT profile_id FROM profiles WHERE user_id IS NOT NULL",
    )?;
    world.workspace.write(
        "destinations/out.toml",
        "kind = \"file\"\n\n[settings]\npath = \"out\"\n",
    )?;
    world.workspace.write(
        "syncs/known.toml",
        "audience = \"known\"\ndestination = \"out\"\nkey = \"user\"\n\n[mapping]\nuser = \"user_id\"\nmail = \"email\"\n",
    )?;
    let zoe = json!({ "userId": "zoe-the-user", "anonymousId": "device-of-zoe" });
    let mut events: Vec<Value> = (0..20)
        .map(|n| page(&json!({ "userId": format!("user-{n}") })))
        .collect();
    events.push(page(&json!({ "anonymousId": "device-of-zoe" })));
    events.push(page(&zoe));
    events.push(json!({
        "type": "identify", "userId": "zoe-the-user",
        "traits": { "email": "zoe@private.test", "address": "Zoes Street 5" },
    }));
    // No event, and it names her.
    events.push(json!({ "type": "nonsense", "userId": "zoe-the-user" }));
    world.happen(&events).await?;
    world.happen(&[page(&zoe)]).await?;
    assert_eq!(world.workspace.members("known").await?.len(), 21);
    world.workspace.json(&["sync", "run", "known"]).await?;
    for secret in SECRETS {
        assert!(
            !found(&world.workspace, secret)?.is_empty(),
            "{secret} is there before"
        );
    }

    let export = world.workspace.path("zoe.json");
    let path = export.to_str().context("a path")?;
    world
        .workspace
        .json(&["profile", "export", "user_id:zoe-the-user", "--out", path])
        .await?;
    let exported: Value = serde_json::from_str(&fs::read_to_string(&export)?)?;
    assert_eq!(exported["events"].as_array().map(Vec::len), Some(4), "{exported}");
    for secret in SECRETS {
        assert!(exported.to_string().contains(secret), "{secret} is exported");
    }
    assert_eq!(
        exported["audiences"].as_array().map(Vec::len),
        Some(0),
        "not evaluated by this command"
    );

    let namesake = world
        .workspace
        .sentence(&["profile", "delete", "user_id:zoe", "--yes"], 1)
        .await?;
    assert!(namesake.contains("write it whole"), "{namesake}");
    let shown = world
        .workspace
        .json(&[
            "profile",
            "delete",
            "user_id:zoe-the-user",
            "--suppress",
            "--dry-run",
        ])
        .await?;
    assert!(text(&shown["preview"]).contains("sync known"), "{shown}");
    world
        .workspace
        .json(&["profile", "delete", "user_id:zoe-the-user", "--suppress", "--yes"])
        .await?;
    assert_eq!(world.workspace.members("known").await?.len(), 20);
    world.workspace.json(&["sync", "run", "known"]).await?;
    for secret in SECRETS {
        assert_eq!(
            found(&world.workspace, secret)?,
            Vec::<String>::new(),
            "{secret} is nowhere"
        );
    }
    let rows = world.workspace.sql("SELECT count(*) AS n FROM events").await?;
    assert_eq!(rows, [[json!(20)]]);

    // What comes of her is dropped and counted, until it is taken back.
    world.happen(&[page(&zoe)]).await?;
    let suppressed = world.workspace.lines(&["profile", "suppressed"]).await?;
    let dropped: i64 = suppressed.iter().filter_map(|row| row["dropped"].as_i64()).sum();
    assert_eq!((suppressed.len(), dropped), (3, 1), "{suppressed:?}");
    assert_eq!(
        world.workspace.sql("SELECT count(*) AS n FROM events").await?,
        [[json!(20)]]
    );
    let who = [
        "profile",
        "unsuppress",
        "user_id:zoe-the-user",
        "anonymous_id:device-of-zoe",
        "--yes",
    ];
    world.workspace.json(&who).await?;
    world.happen(&[page(&zoe)]).await?;
    assert_eq!(
        world.workspace.sql("SELECT count(*) AS n FROM events").await?,
        [[json!(21)]]
    );
    Ok(())
}

#[tokio::test]
async fn a_profile_is_told_to_whoever_has_a_key_for_it() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let mut world = World::new(kafka).await?;
    world.workspace = world
        .workspace
        .env("TAILRACE_SECRET_WEBSITE", "k3y-of-the-website")
        .env("TAILRACE_SECRET_OTHER", "another");
    world.workspace.write(
        "tailrace.toml",
        "name = \"test\"\n\n[[api_keys]]\nname = \"website\"\nkey = \"secret:WEBSITE\"\n\
         scopes = [\"traits\", \"events\", \"audiences\", \"identifiers\"]\n\n\
         [[api_keys]]\nname = \"other\"\nkey = \"secret:OTHER\"\nscopes = [\"traits\"]\n",
    )?;
    world.workspace.write(
        "audiences/known.sql",
        "SELECT profile_id FROM profiles WHERE user_id IS NOT NULL",
    )?;
    let mut events: Vec<Value> = (0..12).map(|_| page(&json!({ "userId": "ann" }))).collect();
    events.push(json!({ "type": "identify", "userId": "ann", "traits": { "plan": "pro" } }));
    world.happen(&events).await?;
    let mut serving = world.workspace.start(&["serve", "--listen", "127.0.0.1:0"])?;
    let base = crate::lag::address(&serving).await?;
    let client = reqwest::Client::new();
    let ask = async |path: &str, key: &str| -> Result<(u16, Value)> {
        let mut request = client.get(format!("{base}{path}"));
        if !key.is_empty() {
            request = request.bearer_auth(key);
        }
        let response = request.send().await?;
        Ok((response.status().as_u16(), response.json().await?))
    };
    let key = "k3y-of-the-website";
    for (path, key, status, says) in [
        ("/v1/profiles/user_id:ann/traits", "", 401, "a key is needed"),
        ("/v1/profiles/user_id:ann/traits", "wrong", 401, "not known"),
        (
            "/v1/profiles/user_id:ann/events",
            "another",
            403,
            "does not open events",
        ),
        ("/v1/profiles/user_id:bob/traits", key, 404, "nobody"),
        ("/v1/profiles/ann/traits", key, 400, "kind and value"),
        ("/v1/profiles/user_id:ann/secrets", key, 404, "traits, events"),
        ("/v1/profiles/user_id:ann/events?limit=0", key, 400, "limit"),
        ("/v1/profiles/user_id:ann/events?cursor=x", key, 400, "cursor"),
    ] {
        let (found, body) = ask(path, key).await?;
        assert_eq!(found, status, "{path}: {body}");
        assert!(text(&body["error"]["message"]).contains(says), "{path}: {body}");
    }
    let (_, traits) = ask("/v1/profiles/user_id:ann/traits", "another").await?;
    assert_eq!(
        (&traits["data"][0]["name"], &traits["data"][0]["value"]),
        (&json!("plan"), &json!("pro")),
        "{traits}"
    );
    let (_, identifiers) = ask("/v1/profiles/user_id:ann/identifiers", key).await?;
    assert_eq!(identifiers["data"][0]["value"], "ann", "{identifiers}");
    let mut seen = Vec::new();
    let mut path = "/v1/profiles/user_id:ann/events?limit=5".to_owned();
    loop {
        let (_, found) = ask(&path, key).await?;
        seen.extend(
            found["data"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|it| text(&it["message_id"])),
        );
        match found["next"].as_str() {
            Some(next) => path = format!("/v1/profiles/user_id:ann/events?limit=5&cursor={next}"),
            None => break,
        }
    }
    let newest_first: Vec<String> = (0..13).rev().map(|number| format!("m{number}")).collect();
    assert_eq!(seen, newest_first);
    let until = std::time::Instant::now() + crate::workspace::DEADLINE;
    loop {
        let (_, found) = ask("/v1/profiles/user_id:ann/audiences", key).await?;
        if found["data"][0]["audience"] == "known" {
            assert_eq!(found["not_evaluated"], json!([]), "{found}");
            break;
        }
        anyhow::ensure!(std::time::Instant::now() < until, "never a member: {found}");
        tokio::task::yield_now().await;
    }
    let (status, document) = ask("/openapi.json", "").await?;
    assert_eq!((status, &document["openapi"]), (200, &json!("3.1.0")));
    assert!(
        document["paths"]["/v1/profiles/{profile}/events"].is_object(),
        "{document}"
    );
    for part in ["traits", "events", "identifiers"] {
        let mut took = Vec::new();
        for _ in 0..100 {
            let started = std::time::Instant::now();
            let (status, _) = ask(&format!("/v1/profiles/user_id:ann/{part}"), key).await?;
            assert_eq!(status, 200);
            took.push(started.elapsed());
        }
        took.sort();
        eprintln!(
            "{part}: p50 {:?}, p95 {:?} (a build without optimisation)",
            took[50], took[95]
        );
    }
    serving
        .interrupt(crate::workspace::STOP_DEADLINE)
        .await?
        .exits(0)?;
    Ok(())
}

/// The files of the workspace's state that hold a text: as they are, and of Parquet what it says.
fn found(workspace: &Workspace, secret: &str) -> Result<Vec<String>> {
    let mut files = Vec::new();
    look(&workspace.path(".tailrace"), secret, &mut files)?;
    look(&workspace.path("out"), secret, &mut files)?;
    Ok(files)
}

fn look(folder: &Path, secret: &str, files: &mut Vec<String>) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            look(&path, secret, files)?;
            continue;
        }
        let bytes = fs::read(&path)?;
        let plain = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
        let packed = path.extension().is_some_and(|ending| ending == "parquet") && in_parquet(&path, secret)?;
        if plain || packed {
            files.push(path.display().to_string());
        }
    }
    Ok(())
}

fn in_parquet(path: &Path, secret: &str) -> Result<bool> {
    for batch in ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?.build()? {
        let batch = batch?;
        for column in batch.columns() {
            for row in 0..batch.num_rows() {
                if array_value_to_string(column, row)?.contains(secret) {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}
