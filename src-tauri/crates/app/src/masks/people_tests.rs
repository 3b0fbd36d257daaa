//! Nothing that masks hide is in anything that a command answers of people. (With `masked(false)` it is all there: the
//! test's own searching is seen to find it.)

use std::{path::Path, time::Duration};

use serde_json::{Value, json};

use crate::{App, OpenOptions, people::People, workspace::WORKSPACE_FILE};

const DEADLINE: Duration = Duration::from_secs(60);
const HIDDEN: [&str; 3] = ["ada@example.com", "4111111111111111", "+49 30 1234"];

const MASKS: &str = r#"name = "test"
[[masks]]
topic = "shop.*"
column = "value.traits.email"
with = "mask"
[[masks]]
topic = "other"
column = "value.city"
with = "mask"
[[masks]]
topic = "sms"
column = "value.sender.number"
with = "hash"
[[masks]]
pattern = '\d{16}'
with = "last4"
"#;

const FILES: [(&str, &str); 7] = [
    (WORKSPACE_FILE, MASKS),
    ("clusters/prod.toml", "kind = \"sandbox\"\n"),
    (
        "sources/shop.toml",
        "cluster = \"prod\"\ntopic = \"shop.events\"\nenabled = false\n",
    ),
    // What a source's SQL makes of a masked path is masked by the name that it gets.
    (
        "sources/sms.toml",
        "cluster = \"prod\"\ntopic = \"sms\"\nenabled = false\nsql = \"SELECT value.id AS message_id, 'Sms' AS event, \
         value.sender.number AS phone, value.user AS user_id FROM records\"\n",
    ),
    (
        "traits/contact.sql",
        "SELECT profile_id, max(email) AS reached_at FROM events WHERE email IS NOT NULL GROUP BY profile_id\n",
    ),
    (
        "traits/spent.sql",
        "SELECT profile_id, sum(revenue) AS spent FROM events GROUP BY profile_id\n",
    ),
    (
        "audiences/example.sql",
        "SELECT profile_id FROM events WHERE email LIKE '%@example.com' AND revenue > 100\n",
    ),
];

const EVENTS: [&str; 3] = [
    r#"{"type":"identify","messageId":"m1","userId":"u1","timestamp":"2026-01-01T00:00:00Z","traits":{"email":"ada@example.com","card":"4111111111111111","city":"Berlin"}}"#,
    r#"{"type":"track","event":"Order Completed","messageId":"m2","userId":"u1","timestamp":"2026-01-02T00:00:00Z","properties":{"email":"ada@example.com","revenue":120.5,"note":"paid with 4111111111111111","phone":"+49 30 1234","address":{"Email":"ada@example.com","city":"Berlin"}}}"#,
    // Known by nothing else.
    r#"{"type":"track","event":"Order Completed","messageId":"m3","timestamp":"2026-01-02T00:00:00Z","anonymousId":"a2","context":{"traits":{"email":"ada@example.com"}},"properties":{"revenue":7}}"#,
];

async fn stage(folder: &Path, masked: bool) -> App {
    for (file, text) in FILES {
        let path = folder.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let options = OpenOptions::command().masked(masked);
    let app = App::open(folder.to_owned(), options).await.unwrap();
    let open = app.opened().await.unwrap();
    assert_eq!(open.workspace().definitions.problems(), []);
    People::collect_in_test(&open, &EVENTS).await;
    app
}

/// Everything that the window asks of people, as text.
async fn seen(folder: &Path, masked: bool) -> String {
    let app = stage(folder, masked).await;
    let (mut seen, mut files) = (String::new(), String::new());
    let mut call = async |name: &str, request: Value| -> Value {
        let answer = app.call(name, request).await;
        let answer = answer.unwrap_or_else(|error| panic!("{name}: {}", error.message));
        seen.push_str(&format!("{name}: {answer}\n"));
        answer
    };
    let found = call("profile_search", json!({"text": "", "limit": 10})).await;
    for profile in found["profiles"].as_array().unwrap() {
        let who = json!({"profile_id": profile["profile_id"]});
        call("profile_show", who.clone()).await;
        call("profile_graph", who.clone()).await;
        call("trait_history", who.clone()).await;
        call("profile_delete_preview", who.clone()).await;
        call("profile_suppress_preview", who.clone()).await;
        call(
            "profile_events",
            json!({"profile_id": who["profile_id"], "limit": 10}),
        )
        .await;
        for merge in call("profile_merges", who).await.as_array().unwrap() {
            call("merge_undo_preview", json!({"merge": merge["merge"]})).await;
        }
    }
    call("observed_show", json!({})).await;
    call("audience_run", json!({"name": "example"})).await;
    let members = call("audience_members", json!({"name": "example", "limit": 10})).await;
    assert_eq!(members["total"], 1, "what an audience means is not masked");
    call("audience_changes", json!({"name": "example", "limit": 10})).await;
    let id = members["members"][0]["profile_id"].clone();
    call("audience_explain", json!({"name": "example", "profile_id": id})).await;
    let email = json!({"trait": {"name": "email", "op": "exists"}});
    let condition = json!({"condition": email});
    call("audience_preview", json!({"name": "", "definition": condition})).await;
    for name in ["contact", "spent"] {
        let definition = call("trait_show", json!({"name": name})).await["definition"].clone();
        call("trait_preview", json!({"name": name, "definition": definition})).await;
    }
    for sql in [
        "SELECT * FROM events",
        "SELECT * FROM profiles",
        "SELECT * FROM traits.contact JOIN traits.spent USING (profile_id)",
        "SELECT upper(e.email) AS x, concat(p.email, '!') AS y FROM events AS e JOIN profiles AS p USING (profile_id)",
        "SELECT lower(reached_at) AS z, count(*) AS n FROM traits.contact GROUP BY 1",
        "SELECT count(*) AS asked FROM events WHERE email = 'ada@example.com'",
    ] {
        let view = call("sql_start", json!({"sql": sql})).await["view"].clone();
        let ended = tokio::time::timeout(DEADLINE, async {
            loop {
                let status = call("sql_status", json!({"view": view})).await;
                if status["running"] == false {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        let status = ended.await.expect("the query ends");
        assert_eq!(status["error"], Value::Null, "{sql}");
        call("sql_rows", json!({"view": view, "offset": 0, "limit": 50})).await;
        let path = folder.join("out.jsonl");
        call("sql_export", json!({"sql": sql, "path": path})).await;
        files.push_str(&std::fs::read_to_string(&path).unwrap());
    }
    let path = folder.join("members.csv");
    call("audience_export", json!({"name": "example", "path": path})).await;
    files.push_str(&std::fs::read_to_string(&path).unwrap());
    app.close().await;
    seen + &files
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_hidden_is_in_what_the_window_gets_of_people() {
    let folder = tempfile::tempdir().unwrap();
    let open = seen(folder.path(), false).await;
    for hidden in HIDDEN {
        assert!(open.contains(hidden), "{hidden} would be found");
    }
    assert!(open.contains("ADA@EXAMPLE.COM") && open.contains(r#""asked":"#));
    let folder = tempfile::tempdir().unwrap();
    let masked = seen(folder.path(), true).await;
    for line in masked.lines() {
        for hidden in HIDDEN {
            assert!(!line.to_lowercase().contains(hidden), "{hidden} is in {line}");
        }
    }
    for shown in [
        "Berlin",
        "127.5",
        "120.5",
        "u1",
        "•••1111",
        "•••",
        r#"{"asked":0}"#,
    ] {
        assert!(masked.contains(shown), "{shown} is not in {masked}");
    }
}
