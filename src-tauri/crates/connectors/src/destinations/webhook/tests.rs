//! The contract against a small HTTP server, and what every kind of answer means.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
};

use arrow::{
    array::{ArrayRef, StringArray},
    record_batch::RecordBatch,
};
use async_trait::async_trait;
use reqwest::header::{DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use serde_json::{Map, Value, json};
use tailrace_model::{DestinationKind, Result};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use super::{
    client::retry_after,
    config::{self, Config},
};
use crate::destinations::{
    DeliveryBatch, Destination, Failure, FailureKind, RowOutcome, SyncContext,
    contract::{self, Held, KEY, Setup, View},
    form::Secret,
    open,
};

/// One request as it arrived; header names in lower case.
#[derive(Debug, Clone)]
struct Request {
    line: String,
    headers: Vec<(String, String)>,
    body: Value,
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Status line, header lines and body.
type Answer = (&'static str, &'static str, String);
type Answering = dyn Fn(&Request) -> Answer + Send + Sync;

/// A server on a free port of the loopback; it ends when dropped.
struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    _stop: DropGuard,
}

impl Server {
    async fn start(answering: Arc<Answering>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, requests) = (CancellationToken::new(), Arc::new(Mutex::new(Vec::new())));
        let (stopped, seen) = (stop.clone(), requests.clone());
        tokio::spawn(stopped.run_until_cancelled_owned(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, answering.clone(), seen.clone()));
            }
        }));
        Self {
            address,
            requests,
            _stop: stop.drop_guard(),
        }
    }

    fn webhook(&self, more: Value) -> Box<dyn Destination> {
        let mut settings =
            map(json!({ "url": format!("http://{}/hook?token=hush", self.address), "timeout_ms": 2_000 }));
        settings.extend(map(more));
        open(DestinationKind::Webhook, &settings, Path::new("")).unwrap()
    }
}

/// Answers requests until the other side hangs up.
async fn serve(stream: TcpStream, answering: Arc<Answering>, seen: Arc<Mutex<Vec<Request>>>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let headers = lines[1..].iter().filter_map(|line| line.split_once(": "));
        let headers: Vec<_> = headers
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let mut request = Request {
            line: lines[0].clone(),
            headers,
            body: Value::Null,
        };
        let mut body = vec![0; request.header("content-length")?.parse().ok()?];
        stream.read_exact(&mut body).await.ok()?;
        request.body = serde_json::from_slice(&body).ok()?;
        seen.lock().unwrap().push(request.clone());
        let (status, more, text) = answering(&request);
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\n{more}\r\n{text}",
            text.len()
        );
        stream.get_mut().write_all(answer.as_bytes()).await.ok()?;
    }
}

fn map(value: Value) -> Map<String, Value> {
    value.as_object().expect("an object").clone()
}

fn context() -> SyncContext {
    SyncContext {
        sync: "vips".to_owned(),
        audience: "high value".to_owned(),
        key: KEY.to_owned(),
        options: Map::new(),
        run: Uuid::nil(),
    }
}

fn rows(keys: &[&str]) -> RecordBatch {
    let keys: ArrayRef = Arc::new(StringArray::from_iter_values(keys));
    RecordBatch::try_from_iter([(KEY, keys)]).unwrap()
}

fn batch(upserts: &[&str], removes: &[&str]) -> DeliveryBatch {
    DeliveryBatch {
        upserts: rows(upserts),
        removes: rows(removes),
        idempotency_key: "run-0".to_owned(),
    }
}

/// A server that keeps the rows it is sent, and refuses whole batches with one key in them.
#[derive(Default)]
struct Keeper(Mutex<Held>);

impl Keeper {
    fn answer(&self, request: &Request) -> Answer {
        let list = |name: &str| request.body[name].as_array().cloned().unwrap_or_default();
        let key = |row: &Value| row[KEY].as_str().unwrap_or_default().to_owned();
        if list("upserts").iter().any(|row| key(row) == "refuse me") {
            return ("422 Unprocessable Content", "", "user unknown".to_owned());
        }
        let mut held = self.0.lock().unwrap();
        list("removes")
            .iter()
            .for_each(|row| drop(held.remove(&key(row))));
        held.extend(
            list("upserts")
                .iter()
                .map(|row| (key(row), row["plan"].as_str().map(str::to_owned))),
        );
        ("204 No Content", "", String::new())
    }
}

#[async_trait]
impl View for Arc<Keeper> {
    async fn held(&self) -> Result<Held> {
        Ok(self.0.lock().unwrap().clone())
    }
}

#[tokio::test]
async fn keeps_the_contract() {
    let keeper = Arc::new(Keeper::default());
    let answering = keeper.clone();
    let server = Server::start(Arc::new(move |request: &Request| answering.answer(request))).await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = json!({ "url": format!("http://{}/", closed.local_addr().unwrap()) });
    drop(closed);
    let unreachable = open(DestinationKind::Webhook, &map(nobody), Path::new("")).unwrap();
    let destination = server.webhook(json!({}));
    let setup = Setup {
        destination: destination.as_ref(),
        view: &keeper,
        options: Map::new(),
        refused: Some("refuse me"),
        unreachable: unreachable.as_ref(),
        unreachable_retry: true,
    };
    contract::check(&setup).await.unwrap();
}

#[tokio::test]
async fn a_request_says_what_it_is() {
    let server = Server::start(Arc::new(|_: &Request| ("200 OK", "", "thanks".to_owned()))).await;
    let webhook = server.webhook(json!({ "headers": { "Authorization": "Bearer hush" } }));
    let outcomes = webhook
        .deliver(&context(), &batch(&["a", "b"], &["c"]))
        .await
        .unwrap();
    assert_eq!(outcomes, vec![RowOutcome::Acknowledged; 3]);
    let said = webhook.check(&CancellationToken::new()).await.unwrap();
    assert_eq!(
        said,
        format!(
            "http://{}/... took a batch without rows and answered 200 OK",
            server.address
        )
    );

    let requests = server.requests.lock().unwrap().clone();
    assert_eq!(requests[0].line, "POST /hook?token=hush HTTP/1.1");
    assert_eq!(requests[0].header("idempotency-key"), Some("run-0"));
    assert_eq!(requests[0].header("authorization"), Some("Bearer hush"));
    assert_eq!(requests[0].header("content-type"), Some("application/json"));
    let expected = json!({
        "sync": "vips", "audience": "high value", "key": "user_id", "idempotency_key": "run-0",
        "upserts": [{ "user_id": "a" }, { "user_id": "b" }], "removes": [{ "user_id": "c" }],
    });
    assert_eq!(requests[0].body, expected);
    assert_eq!(
        requests[1].body,
        json!({ "test": true, "upserts": [], "removes": [] })
    );
}

#[tokio::test]
async fn answers_may_refuse_rows() {
    let check = async |kind: &'static str, body: Value, expected: &str| {
        let text = body.to_string();
        let server = Server::start(Arc::new(move |_: &Request| ("200 OK", kind, text.clone()))).await;
        let outcomes = server
            .webhook(json!({}))
            .deliver(&context(), &batch(&["a", "7"], &["c"]))
            .await
            .unwrap();
        let shown = outcomes.iter().map(|outcome| match outcome {
            RowOutcome::Acknowledged => "ok".to_owned(),
            RowOutcome::Refused { reason, retry } => format!("{reason} {retry}"),
        });
        assert_eq!(shown.collect::<Vec<_>>().join(", "), expected, "{kind} {body}");
    };
    let json_type = "content-type: application/json; charset=utf-8\r\n";
    let results = json!({ "results": [
        { "key": "a", "ok": true },
        { "key": 7, "ok": false, "reason": "no such user" },
        { "key": "c", "ok": false, "reason": "later", "retry": true },
        { "key": "unknown", "ok": false },
    ] });
    check(json_type, results.clone(), "ok, no such user false, later true").await;
    check("content-type: text/plain\r\n", results, "ok, ok, ok").await;
    check(json_type, json!({ "results": "none" }), "ok, ok, ok").await;
    check(json_type, json!([1, 2]), "ok, ok, ok").await;
    check(
        json_type,
        json!({ "results": [{ "key": "a", "ok": false }] }),
        "refused without a reason false, ok, ok",
    )
    .await;
}

async fn answered(status: &'static str, headers: &'static str, body: &str) -> (Failure, SocketAddr) {
    let body = body.to_owned();
    let server = Server::start(Arc::new(move |_: &Request| (status, headers, body.clone()))).await;
    let webhook = server.webhook(json!({ "headers": { "X-Token": "hush-hush" } }));
    (
        webhook
            .deliver(&context(), &batch(&["a"], &[]))
            .await
            .unwrap_err(),
        server.address,
    )
}

#[tokio::test]
async fn no_error_tells_the_address_beyond_its_host() {
    let check = async |path: &str, echo: &str, status: &'static str| {
        let body = match status {
            "200 OK" => json!({ "results": [{ "key": "a", "ok": false, "reason": echo }] }).to_string(),
            _ => echo.to_owned(),
        };
        let kind = "content-type: application/json\r\n";
        let server = Server::start(Arc::new(move |_: &Request| (status, kind, body.clone()))).await;
        let url = format!("http://{}{path}", server.address);
        let settings = map(
            json!({ "url": url, "headers": { "Authorization": "Bearer s3cr3t-t0ken" }, "timeout_ms": 2_000 }),
        );
        let webhook = open(DestinationKind::Webhook, &settings, Path::new("")).unwrap();
        let told = match webhook.deliver(&context(), &batch(&["a"], &[])).await {
            Ok(outcomes) => format!("{outcomes:?}"),
            Err(failure) => failure.error.message,
        };
        for part in ["s3cr3t", "hush", "T0PSECRET", "%C3%BC", "ü", "/x/"] {
            assert!(!told.contains(part), "{path}, {echo}: {told}");
        }
        assert!(told.contains("not found"), "{told}");
        let checked = webhook.check(&CancellationToken::new()).await;
        let checked = checked.unwrap_or_else(|error| error.message);
        assert!(
            !checked.contains("T0PSECRET") && !checked.contains("hush"),
            "{checked}"
        );
        assert!(
            !webhook.identity().contains("T0PSECRET"),
            "{}",
            webhook.identity()
        );
    };
    let path = "/x/T0PSECRET/hook?token=hush&user=h%C3%BCsh";
    for status in [
        "404 Not Found",
        "400 Bad Request",
        "500 Internal Server Error",
        "200 OK",
    ] {
        check(
            path,
            "not found: POST /x/T0PSECRET/hook?token=hush&user=h%C3%BCsh",
            status,
        )
        .await;
        check(path, r"not found: \/services\/T0PSECRET\/hook", status).await;
        check(path, "not found: token hush of hüsh, s3cr3t-t0ken", status).await;
        check(
            "/x/ü/T0PSECRET",
            "not found: /x/ü/T0PSECRET or /x/%C3%BC/T0PSECRET",
            status,
        )
        .await;
    }
}

#[tokio::test]
async fn two_addresses_of_one_host_are_not_one_system() {
    let identity = |url: &str| {
        let webhook = open(
            DestinationKind::Webhook,
            &map(json!({ "url": url })),
            Path::new(""),
        )
        .unwrap();
        (webhook.target(), webhook.identity())
    };
    let (a, b) = (identity("https://host/a/0123"), identity("https://host/b/0123"));
    assert_eq!(a.0, b.0);
    assert_ne!(a.1, b.1);
    assert_eq!(a, identity("https://host/a/0123"));
    // It is persisted, and must stay as it is.
    assert_eq!(a.1, "https://host/... ec53178210979f45");
}

#[tokio::test]
async fn every_status_means_something() {
    let check = async |status: &'static str, kind: FailureKind| {
        let (failure, address) = answered(status, "", "token hush-hush\n  is\twrong").await;
        assert_eq!(failure.kind, kind, "{status}");
        let message = &failure.error.message;
        assert!(
            message.contains(&format!("{status} (\"token ... is wrong\")")),
            "{message}"
        );
        assert!(!message.contains("hush"), "{message}");
        assert!(
            kind == FailureKind::Split || message.starts_with(&format!("http://{address}/... answered")),
            "{message}"
        );
    };
    check("500 Internal Server Error", FailureKind::Retry).await;
    check("503 Service Unavailable", FailureKind::Retry).await;
    check("429 Too Many Requests", FailureKind::Retry).await;
    check("408 Request Timeout", FailureKind::Retry).await;
    check("400 Bad Request", FailureKind::Split).await;
    check("413 Payload Too Large", FailureKind::Split).await;
    check("401 Unauthorized", FailureKind::Stop).await;
    check("403 Forbidden", FailureKind::Stop).await;
    check("404 Not Found", FailureKind::Stop).await;
    check("307 Temporary Redirect", FailureKind::Stop).await;
}

#[tokio::test]
async fn long_answers_are_cut_or_refused() {
    let long = "é".repeat(700_000);
    let (failure, _) = answered("500 Internal Server Error", "", &long).await;
    assert!(
        failure.error.message.ends_with("é...\")") && failure.error.message.len() < 600,
        "{}",
        failure.error.message
    );
    let (failure, _) = answered("200 OK", "content-type: application/json\r\n", &long).await;
    assert!(
        failure.kind == FailureKind::Stop && failure.error.message.contains("1048576 bytes"),
        "{}",
        failure.error.message
    );
}

#[tokio::test]
async fn a_server_that_hangs_up_or_stays_silent_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let settings = map(json!({ "url": url, "timeout_ms": 100 }));
    let webhook = open(DestinationKind::Webhook, &settings, Path::new("")).unwrap();
    // Connections are made by the operating system, and nobody ever accepts this one.
    let failure = webhook
        .deliver(&context(), &batch(&["a"], &[]))
        .await
        .unwrap_err();
    assert_eq!(failure.kind, FailureKind::Retry);
    assert!(
        failure.error.message.contains("it did not answer within 100 ms"),
        "{}",
        failure.error.message
    );

    let (sync, rows) = (context(), batch(&["a"], &[]));
    let hang_up = async {
        // The first is the one that nobody accepted above.
        for _ in 0..2 {
            drop(listener.accept().await.unwrap());
        }
    };
    let (failure, ()) = tokio::join!(webhook.deliver(&sync, &rows), hang_up);
    let failure = failure.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Retry, "{}", failure.error.message);
    assert!(
        failure.error.message.contains("cannot be reached"),
        "{}",
        failure.error.message
    );
}

#[test]
fn patience_is_read() {
    let check = |after: &'static str, date: Option<&'static str>, expected: Option<u64>| {
        let mut headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(after))]);
        headers.extend(date.map(|date| (DATE, HeaderValue::from_static(date))));
        assert_eq!(
            retry_after(&headers).map(|after| after.as_secs()),
            expected,
            "{after}"
        );
    };
    check("7", None, Some(7));
    check(" 0 ", None, Some(0));
    check(
        "Wed, 21 Oct 2015 07:28:10 GMT",
        Some("Wed, 21 Oct 2015 07:28:00 GMT"),
        Some(10),
    );
    check(
        "Wed, 21 Oct 2015 07:28:00 GMT",
        Some("Wed, 21 Oct 2015 07:28:10 GMT"),
        Some(0),
    );
    check("Wed, 21 Oct 2015 07:28:00 GMT", None, None);
    check("soon", None, None);
    check("-1", None, None);
}

#[tokio::test]
async fn retries_follow_the_servers_patience() {
    let answers = VecDeque::from(["429 Too Many Requests", "200 OK"]);
    let answers = Mutex::new(answers);
    let answering = move |_: &Request| {
        let status = answers.lock().unwrap().pop_front().unwrap_or("200 OK");
        (status, "retry-after: 3\r\n", String::new())
    };
    let server = Server::start(Arc::new(answering)).await;
    let webhook = server.webhook(json!({}));
    let failure = webhook
        .deliver(&context(), &batch(&["a"], &[]))
        .await
        .unwrap_err();
    assert_eq!(failure.retry_after.map(|after| after.as_secs()), Some(3));
    webhook.deliver(&context(), &batch(&["a"], &[])).await.unwrap();
}

#[test]
fn settings_survive_a_round_trip() {
    let config = Config {
        url: Secret("https://example.com/hook".to_owned()),
        headers: [("Authorization".to_owned(), Secret("Bearer hush".to_owned()))].into(),
        batch_rows_max: 10,
        requests_per_second_max: Some(3),
        timeout_ms: 2_000,
    };
    let written = map(serde_json::to_value(&config).unwrap());
    let keys: Vec<_> = written.keys().map(String::as_str).collect();
    let form: Vec<_> = config::SETTINGS.iter().map(|field| field.name).collect();
    assert_eq!(keys, form, "the form and the configuration have the same keys");
    assert_eq!(Config::read(&written).unwrap(), config);
}

#[test]
fn settings_are_checked() {
    let check = |settings: Value, expected: &str| {
        let opened = open(DestinationKind::Webhook, &map(settings.clone()), Path::new(""));
        assert_eq!(
            opened.err().map(|error| error.message).unwrap_or_default(),
            expected,
            "{settings}"
        );
    };
    check(json!({ "url": "https://example.com/hook" }), "");
    check(
        json!({}),
        "settings.url is missing: where batches are posted to, http:// or https://",
    );
    check(
        json!({ "url": "example.com" }),
        "settings.url is not an address (relative URL without a base): write https://host/path",
    );
    check(
        json!({ "url": "ftp://example.com" }),
        "settings.url has to begin with https:// or http://, not ftp:",
    );
    check(
        json!({ "url": "https://example.com", "headers": { "a b": "c" } }),
        "settings.headers.a b is not the name of a header",
    );
    check(
        json!({ "url": "https://example.com", "headers": { "X-Token": "hush\n" } }),
        "settings.headers.X-Token has characters that a header cannot carry",
    );
}
