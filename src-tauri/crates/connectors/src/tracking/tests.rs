//! The protocol, with an intake that keeps what it is given.

use std::{
    io::Write as _,
    net::SocketAddr,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use flate2::{Compression, write::GzEncoder};
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::*;

const RECEIVED_MS: i64 = 1_767_225_600_000;
const RECEIVED: &str = "2026-01-01T00:00:00.000Z";

#[derive(Default)]
struct Desk {
    taken: Mutex<Vec<(String, Value)>>,
    answered: Mutex<Vec<Option<RefusalCode>>>,
    refuse: Mutex<Option<Refusal>>,
    ids: AtomicU64,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Intake for Desk {
    fn keys(&self) -> Arc<Keys> {
        let source = |name: &str, origins: &[&str]| Listening {
            source: name.into(),
            origins: Origins::new(origins.iter().copied()),
        };
        Arc::new(Keys::new([
            (
                WriteKeyHash::of("web-key"),
                source("web", &["https://shop.example"]),
            ),
            (WriteKeyHash::of("app-key"), source("app", &[])),
        ]))
    }

    async fn take(&self, source: &Listening, posted: Posted) -> Result<Vec<MalformedEvent>, Refusal> {
        if let Some(refusal) = lock(&self.refuse).clone() {
            return Err(refusal);
        }
        assert_eq!(posted.received_ms, RECEIVED_MS);
        let mut malformed = Vec::new();
        for (index, event) in posted.events.into_iter().enumerate() {
            let text = String::from_utf8_lossy(&event).into_owned();
            let json = serde_json::from_str(&text).unwrap_or(Value::String(text));
            if json["event"] == "bad" || !json.is_object() {
                malformed.push(MalformedEvent {
                    index,
                    reason: "no event".to_owned(),
                });
            }
            lock(&self.taken).push((source.source.to_string(), json));
        }
        Ok(malformed)
    }

    fn answered(&self, answered: Answered<'_>) {
        lock(&self.answered).push(answered.refused);
    }

    fn now_ms(&self) -> i64 {
        RECEIVED_MS
    }

    fn message_id(&self) -> String {
        format!("made-{}", self.ids.fetch_add(1, Ordering::SeqCst))
    }
}

struct Server {
    desk: Arc<Desk>,
    address: SocketAddr,
    client: Client,
}

impl Server {
    async fn start() -> Self {
        let desk: Arc<Desk> = Arc::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = routes(
            Arc::clone(&desk) as Arc<dyn Intake>,
            CancellationToken::new(),
            TaskTracker::new(),
        );
        drop(tokio::spawn(async move { axum::serve(listener, router).await }));
        Self {
            desk,
            address,
            client: Client::new(),
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/v1/{path}", self.address)
    }

    async fn post(
        &self,
        path: &str,
        key: Option<&str>,
        body: impl Into<reqwest::Body>,
    ) -> (StatusCode, Value) {
        let mut request = self.client.post(self.url(path)).body(body);
        if let Some(key) = key {
            request = request.basic_auth(key, Some(""));
        }
        let response = request.send().await.unwrap();
        (response.status(), response.json().await.unwrap())
    }

    fn taken(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut *lock(&self.desk.taken))
    }
}

fn body(json: &Value) -> String {
    json.to_string()
}

#[tokio::test]
async fn each_call_makes_an_event_of_its_type() {
    let server = Server::start().await;
    for (path, call) in Call::PATHS {
        let Call::One(kind) = call else { continue };
        let event =
            json!({ "type": "other", "messageId": "m", "userId": "u", "properties": { "a": [1, 2.50] } });
        let (status, answer) = server.post(path, Some("app-key"), body(&event)).await;
        assert_eq!(
            (status, answer),
            (StatusCode::OK, json!({ "success": true })),
            "{path}"
        );
        let wanted = json!({
            "messageId": "m", "userId": "u", "properties": { "a": [1, 2.50] }, "type": kind, "receivedAt": RECEIVED
        });
        assert_eq!(server.taken(), [("app".to_owned(), wanted)], "{path}");
    }
}

#[tokio::test]
async fn a_batch_says_of_all_what_an_event_does_not_say_itself() {
    let server = Server::start().await;
    let batch = json!({
        "writeKey": "web-key", "sentAt": "2026-01-01T00:00:01Z", "context": { "ip": "1.2.3.4", "library": { "name": "x" } },
        "integrations": { "All": true },
        "batch": [
            { "type": "track", "event": "A", "messageId": "", "timestamp": "2025-12-31T00:00:00Z" },
            { "type": "track", "event": "B", "messageId": "b", "context": { "ip": "5.6.7.8" }, "integrations": {},
              "originalTimestamp": "o", "timestamp": "t", "sentAt": "s", "receivedAt": "liar", "writeKey": "k" },
            7,
        ],
    });
    let (status, answer) = server.post("b", None, body(&batch)).await;
    assert_eq!(status, StatusCode::OK);
    let wanted =
        json!({ "success": true, "malformed": 1, "reasons": [{ "index": 2, "reason": "no event" }] });
    assert_eq!(answer, wanted);
    let events: Vec<Value> = server
        .taken()
        .into_iter()
        .map(|(source, event)| {
            assert_eq!(source, "web");
            event
        })
        .collect();
    assert_eq!(
        events,
        [
            json!({
                "type": "track", "event": "A", "originalTimestamp": "2025-12-31T00:00:00Z", "messageId": "made-0",
                "context": { "ip": "1.2.3.4", "library": { "name": "x" } }, "integrations": { "All": true },
                "sentAt": "2026-01-01T00:00:01Z", "receivedAt": RECEIVED
            }),
            json!({
                "type": "track", "event": "B", "messageId": "b", "integrations": {}, "originalTimestamp": "o", "timestamp": "t",
                "context": { "library": { "name": "x" }, "ip": "5.6.7.8" }, "sentAt": "s", "receivedAt": RECEIVED
            }),
            json!(7),
        ]
    );
}

#[tokio::test]
async fn what_is_refused_says_why() {
    let server = Server::start().await;
    let event = json!({ "event": "E", "userId": "u" });
    let large = body(&json!({ "event": "x".repeat(EVENT_BYTES_MAX) }));
    let many = body(&json!({ "batch": vec![1; BATCH_EVENTS_MAX + 1] }));
    let wide = body(&json!({ "context": { "a": "x".repeat(30_000) }, "batch": vec![json!({}); 100] }));
    let cases: [(&str, Option<&str>, String, u16, &str); 13] = [
        (
            "track",
            Some("nobody"),
            body(&event),
            401,
            "no source that listens",
        ),
        ("track", None, body(&event), 401, "no write key"),
        (
            "track",
            None,
            body(&json!({ "writeKey": "nobody" })),
            401,
            "no source that listens",
        ),
        (
            "track",
            Some("app-key"),
            "{".to_owned(),
            400,
            "not JSON (line 1, column 1)",
        ),
        (
            "track",
            Some("app-key"),
            "[]".to_owned(),
            400,
            "not a JSON object",
        ),
        ("track", Some("app-key"), " ".to_owned(), 400, "empty"),
        (
            "track",
            Some("app-key"),
            body(&json!({ "event": "bad" })),
            400,
            "no event",
        ),
        ("batch", Some("app-key"), body(&event), 400, "no \"batch\""),
        (
            "batch",
            Some("app-key"),
            body(&json!({ "batch": [] })),
            400,
            "\"batch\" is empty",
        ),
        (
            "batch",
            Some("app-key"),
            body(&json!({ "batch": {} })),
            400,
            "a list of events",
        ),
        ("track", Some("app-key"), large, 413, "the event has 327"),
        ("batch", Some("app-key"), many, 413, "2501 events"),
        ("batch", Some("app-key"), wide, 413, "batch's context"),
    ];
    for (path, key, text, status, said) in cases {
        let shown: String = text.chars().take(60).collect();
        let (found, answer) = server.post(path, key, text).await;
        assert_eq!(found.as_u16(), status, "{shown}: {answer}");
        assert_eq!(answer["success"], false);
        assert!(answer["code"].is_string());
        let message = answer["message"].as_str().unwrap();
        assert!(message.contains(said), "{shown}: {message}");
    }
    // What a known source sent and is no JSON is kept; what is too large or of nobody is not.
    let kept: Vec<Value> = server.taken().into_iter().map(|(_, event)| event).collect();
    assert_eq!(kept.len(), 7, "{kept:?}");

    let huge = vec![b' '; BATCH_BYTES_MAX + 1];
    let (status, answer) = server.post("batch", Some("app-key"), huge).await;
    assert_eq!((status.as_u16(), &answer["code"]), (413, &json!("too_large")));
    *lock(&server.desk.refuse) = Some(Refusal::new(RefusalCode::Full, "later").retry_after(3));
    let request = server
        .client
        .post(server.url("track"))
        .basic_auth("app-key", Some(""));
    let response = request.body(body(&event)).send().await.unwrap();
    assert_eq!(
        (
            response.status().as_u16(),
            response.headers()["retry-after"].to_str().unwrap()
        ),
        (503, "3")
    );
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_packed_body_is_unpacked_within_the_limit() {
    let server = Server::start().await;
    let send = async |encoding: &str, bytes: Vec<u8>| {
        let request = server
            .client
            .post(server.url("track"))
            .basic_auth("app-key", Some(""));
        let request = request.header("content-encoding", encoding).body(bytes);
        let response = request.send().await.unwrap();
        (
            response.status().as_u16(),
            response.json::<Value>().await.unwrap(),
        )
    };
    let event = body(&json!({ "event": "E" }));
    assert_eq!(send("gzip", gzip(event.as_bytes())).await.0, 200);
    assert_eq!(server.taken().len(), 1);
    // A bomb: 20 MB in 20 KB.
    assert_eq!(send("gzip", gzip(&vec![b' '; 20 << 20])).await.0, 413);
    assert_eq!(send("gzip", event.clone().into_bytes()).await.0, 400);
    assert_eq!(send("br", event.into_bytes()).await.0, 415);
}

#[tokio::test]
async fn browsers_are_told_which_pages_may_send() {
    let server = Server::start().await;
    let ask = async |method: Method, page: &str, key: &str| -> Response {
        let event = body(&json!({ "writeKey": key, "event": "E", "anonymousId": "a" }));
        let request = server
            .client
            .request(method, server.url("t"))
            .header("origin", page);
        request
            .header("content-type", "text/plain")
            .body(event)
            .send()
            .await
            .unwrap()
    };
    let allowed = |response: &Response| {
        let header = response.headers().get("access-control-allow-origin")?;
        Some(header.to_str().unwrap().to_owned())
    };
    let page = "https://shop.example";
    let asked = ask(Method::OPTIONS, page, "").await;
    assert_eq!(
        (asked.status().as_u16(), allowed(&asked).as_deref()),
        (204, Some(page))
    );
    assert!(
        asked.headers()["access-control-allow-headers"]
            .to_str()
            .unwrap()
            .contains("authorization")
    );
    let sent = ask(Method::POST, page, "web-key").await;
    assert_eq!(
        (sent.status().as_u16(), allowed(&sent).as_deref()),
        (200, Some(page))
    );

    let other = "https://other.example";
    assert_eq!(allowed(&ask(Method::OPTIONS, other, "").await), None);
    for page in [other, "null"] {
        let sent = ask(Method::POST, page, "web-key").await;
        assert_eq!((sent.status().as_u16(), allowed(&sent)), (403, None), "{page}");
    }
    // A page of another source may read why it is refused.
    let sent = ask(Method::POST, page, "app-key").await;
    assert_eq!(
        (sent.status().as_u16(), allowed(&sent).as_deref()),
        (403, Some(page))
    );
    assert_eq!(server.taken().len(), 1);
}

#[test]
fn an_origin_has_no_path() {
    assert_eq!(
        origin("HTTPS://Shop.Example:8443").as_deref(),
        Some("https://shop.example:8443")
    );
    for wrong in [
        "shop.example",
        "https://",
        "https://shop.example/",
        "https://*.example",
        "https://u@h",
        "null",
        "*",
    ] {
        assert_eq!(origin(wrong), None, "{wrong}");
    }
    assert!(Origins::new(["*"]).allow("null"));
}

#[test]
fn a_key_is_known_by_its_hash() {
    let hash = WriteKeyHash::of("key");
    let text = "sha256:2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683";
    assert_eq!(WriteKeyHash::parse(text), Some(hash));
    assert_eq!(
        WriteKeyHash::parse(&text.to_uppercase().replace("SHA", "sha")),
        Some(hash)
    );
    for wrong in ["2c70", "sha256:", "sha256:2c70e1", &text.replace('2', "g")] {
        assert_eq!(WriteKeyHash::parse(wrong), None, "{wrong}");
    }
    assert_eq!(format!("{hash:?}"), "WriteKeyHash");
}

#[test]
fn a_key_comes_with_basic_authentication_or_in_a_query() {
    assert_eq!(keys::basic("Basic a2V5Og==").as_deref(), Some("key"));
    assert_eq!(keys::basic("basic  a2V5Og").as_deref(), Some("key"));
    for wrong in ["Bearer a2V5Og==", "Basic !", "Basic", "Basic Og=="] {
        assert_eq!(keys::basic(wrong), None, "{wrong}");
    }
    assert_eq!(socket::key_of("a=1&writeKey=k%2Fe+y").as_deref(), Some("k/e y"));
    for wrong in ["writeKey=", "writekey=k", "writeKey=%2", "writeKey=%ff", ""] {
        assert_eq!(socket::key_of(wrong), None, "{wrong}");
    }
}
