//! The client against a small server that answers as Confluent's documentation says.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use tailrace_model::Domain;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::*;
use crate::http::Tls;

/// A server on a free port of the loopback; it ends when dropped.
pub(in crate::formats) struct Server {
    pub address: SocketAddr,
    /// Requests answered.
    pub requests: Arc<AtomicUsize>,
    _stop: DropGuard,
}

#[derive(Clone)]
struct Held {
    subjects: Arc<Vec<SubjectVersionOf>>,
    requests: Arc<AtomicUsize>,
    /// What `Authorization` has to be.
    login: Option<&'static str>,
}

/// A version that the server holds.
pub(in crate::formats) struct SubjectVersionOf {
    pub subject: &'static str,
    pub version: i32,
    pub id: u32,
    pub kind: &'static str,
    pub schema: String,
    pub references: Value,
}

fn error(status: u16, code: u32, message: &str) -> Response {
    let status = StatusCode::from_u16(status).expect("a status");
    (status, Json(json!({"error_code": code, "message": message}))).into_response()
}

impl Held {
    fn refused(&self, headers: &HeaderMap) -> Option<Response> {
        self.requests.fetch_add(1, Ordering::SeqCst);
        let login = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        (self.login.is_some() && login != self.login).then(|| error(401, 401, "Unauthorized"))
    }

    fn of(&self, subject: &str) -> Vec<&SubjectVersionOf> {
        self.subjects
            .iter()
            .filter(|held| held.subject == subject)
            .collect()
    }
}

/// Avro's kind is left out, as the registry does.
fn body(held: &SubjectVersionOf, whole: bool) -> Value {
    let mut body = json!({"schema": held.schema});
    if held.kind != "AVRO" {
        body["schemaType"] = held.kind.into();
    }
    if held.references != Value::Null {
        body["references"] = held.references.clone();
    }
    if whole {
        body["subject"] = held.subject.into();
        body["version"] = held.version.into();
        body["id"] = held.id.into();
    }
    body
}

async fn by_id(State(held): State<Held>, Path(id): Path<u32>, headers: HeaderMap) -> Response {
    if let Some(refused) = held.refused(&headers) {
        return refused;
    }
    match id {
        500 => error(500, 50001, "Error in the backend data store"),
        501 => std::future::pending().await,
        502 => "<html>a proxy</html>".into_response(),
        503 => " ".repeat(33 * 1024 * 1024).into_response(),
        _ => match held.subjects.iter().find(|held| held.id == id) {
            Some(found) => Json(body(found, false)).into_response(),
            None => error(404, 40403, "Schema not found"),
        },
    }
}

async fn subjects(State(held): State<Held>, headers: HeaderMap) -> Response {
    if let Some(refused) = held.refused(&headers) {
        return refused;
    }
    let names: Vec<_> = held.subjects.iter().map(|held| held.subject).rev().collect();
    Json(names).into_response()
}

async fn versions(State(held): State<Held>, Path(subject): Path<String>) -> Response {
    match held.of(&subject).as_slice() {
        [] => error(404, 40401, &format!("Subject '{subject}' not found.")),
        found => Json(found.iter().map(|held| held.version).collect::<Vec<_>>()).into_response(),
    }
}

async fn version(State(held): State<Held>, Path((subject, version)): Path<(String, String)>) -> Response {
    let of = held.of(&subject);
    let found = match version.as_str() {
        "latest" => of.last(),
        version => of.iter().find(|held| held.version.to_string() == version),
    };
    match found {
        Some(found) => Json(body(found, true)).into_response(),
        None if of.is_empty() => error(404, 40401, &format!("Subject '{subject}' not found.")),
        None => error(404, 40402, &format!("Version {version} not found.")),
    }
}

async fn register(Path(subject): Path<String>, Json(schema): Json<Value>) -> Response {
    match (subject.as_str(), schema["schema"].as_str()) {
        ("strict", _) => error(
            409,
            409,
            "Schema being registered is incompatible with an earlier schema for subject \"strict\"",
        ),
        (_, Some("\"string\"")) => Json(json!({"id": 9})).into_response(),
        _ => error(422, 42201, "Invalid schema"),
    }
}

async fn compatible(RawQuery(query): RawQuery, Json(schema): Json<Value>) -> Response {
    let verbose = query.as_deref() == Some("verbose=true");
    let fits = schema["schema"] == "\"string\"";
    let messages = match fits || !verbose {
        true => json!([]),
        false => json!(["READER_FIELD_MISSING_DEFAULT_VALUE: /fields/1"]),
    };
    Json(json!({"is_compatible": fits, "messages": messages})).into_response()
}

async fn config(Path(subject): Path<String>) -> Response {
    match subject.as_str() {
        "strict" => Json(json!({"compatibilityLevel": "FULL"})).into_response(),
        _ => error(
            404,
            40408,
            "Subject does not have subject-level compatibility configured",
        ),
    }
}

async fn uses(State(held): State<Held>, Path(id): Path<u32>) -> Response {
    let found = held.subjects.iter().filter(|held| held.id == id);
    let found: Vec<Value> = found
        .map(|held| json!({"subject": held.subject, "version": held.version}))
        .collect();
    Json(found).into_response()
}

impl Server {
    pub async fn start(subjects_held: Vec<SubjectVersionOf>, login: Option<&'static str>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(AtomicUsize::new(0));
        let held = Held {
            subjects: Arc::new(subjects_held),
            requests: Arc::clone(&requests),
            login,
        };
        let api = Router::new()
            .route("/subjects", get(subjects))
            .route("/subjects/{subject}/versions", get(versions).post(register))
            .route("/subjects/{subject}/versions/{version}", get(version))
            .route("/schemas/ids/{id}", get(by_id))
            .route("/schemas/ids/{id}/versions", get(uses))
            .route(
                "/compatibility/subjects/{subject}/versions/{version}",
                post(compatible),
            )
            .route("/config/{subject}", get(config))
            .with_state(held);
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        tokio::spawn(stopped.run_until_cancelled_owned(async move {
            axum::serve(listener, Router::new().nest("/api", api))
                .await
                .unwrap();
        }));
        Self {
            address,
            requests,
            _stop: stop.drop_guard(),
        }
    }

    pub fn registry(&self, auth: RegistryAuth) -> Registry {
        Registry::new(&RegistrySettings {
            tls: Tls::default(),
            url: format!("http://{}/api/", self.address),
            auth,
            timeout_ms: 300,
        })
        .unwrap()
    }
}

fn held(subject: &'static str, version: i32, id: u32, schema: &str) -> SubjectVersionOf {
    SubjectVersionOf {
        subject,
        version,
        id,
        kind: "AVRO",
        schema: schema.to_owned(),
        references: Value::Null,
    }
}

async fn shop() -> Server {
    let references = |list: &[(&str, &str, i32)]| {
        list.iter()
            .map(|(name, subject, version)| json!({"name": name, "subject": subject, "version": version}))
            .collect::<Value>()
    };
    Server::start(
        vec![
            held("b/line", 1, 1, "\"int\""),
            held("b/line", 2, 2, "\"long\""),
            SubjectVersionOf {
                references: references(&[("Money", "money", 1)]),
                ..held("price", 1, 3, "price")
            },
            held("money", 1, 4, "money"),
            SubjectVersionOf {
                kind: "PROTOBUF",
                references: references(&[("Price", "price", 1), ("Money", "money", 1)]),
                ..held("order", 1, 5, "order")
            },
            SubjectVersionOf {
                references: references(&[("Egg", "egg", 1)]),
                ..held("hen", 1, 6, "hen")
            },
            SubjectVersionOf {
                references: references(&[("Hen", "hen", 1)]),
                ..held("egg", 1, 7, "egg")
            },
            SubjectVersionOf {
                references: references(&[("Gone", "gone", 1)]),
                ..held("broken", 1, 8, "broken")
            },
            SubjectVersionOf {
                kind: "XML",
                ..held("odd", 1, 10, "odd")
            },
        ],
        None,
    )
    .await
}

#[tokio::test]
async fn subjects_and_versions() {
    let server = shop().await;
    let registry = server.registry(RegistryAuth::None);
    let subjects = registry.subjects().await.unwrap();
    assert!(subjects.is_sorted() && subjects.contains(&"b/line".to_owned()));
    assert_eq!(registry.versions("b/line").await.unwrap(), [1, 2]);
    let latest = registry.version("b/line", None).await.unwrap();
    assert_eq!(
        (latest.version, latest.id, latest.kind, latest.text.as_str()),
        (2, 2, SchemaKind::Avro, "\"long\"")
    );
    assert_eq!(registry.version("b/line", Some(1)).await.unwrap().id, 1);
    let uses = registry.uses(2).await.unwrap();
    assert_eq!(
        uses,
        [SchemaUse {
            subject: "b/line".to_owned(),
            version: 2
        }]
    );
    assert_eq!(
        registry.own_level("strict").await.unwrap().as_deref(),
        Some("FULL")
    );
    assert_eq!(registry.own_level("plain").await.unwrap(), None);
}

#[tokio::test]
async fn references_come_before_what_refers_to_them() {
    let server = shop().await;
    let registry = server.registry(RegistryAuth::None);
    let schema = registry.schema(5).await.unwrap();
    assert_eq!(schema.kind, SchemaKind::Protobuf);
    let names: Vec<&str> = schema.references.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["Money", "Price"]);
    // A circle ends.
    let hen = registry.schema(6).await.unwrap();
    let names: Vec<&str> = hen.references.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["Hen", "Egg"]);
    let error = registry.schema(8).await.unwrap_err();
    assert_eq!(error.code, "unknown_subject");
    assert!(error.message.starts_with("schema 8: "), "{error}");
}

#[tokio::test]
async fn a_schema_is_asked_for_once() {
    let server = shop().await;
    let registry = server.registry(RegistryAuth::None);
    let first = registry.schema(2).await.unwrap();
    let again = registry.clone().schema(2).await.unwrap();
    assert!(Arc::ptr_eq(&first, &again));
    assert_eq!(server.requests.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn new_versions() {
    let server = shop().await;
    let registry = server.registry(RegistryAuth::None);
    let schema = |text: &str| NewSchema {
        kind: SchemaKind::Avro,
        text: text.to_owned(),
        references: Vec::new(),
    };
    let check = |text: &'static str| {
        let registry = registry.clone();
        async move {
            registry
                .check_compatibility("b/line", None, &schema(text))
                .await
                .unwrap()
        }
    };
    assert!(check("\"string\"").await.is_compatible);
    let refused = check("\"int\"").await;
    assert_eq!(
        (refused.is_compatible, refused.messages.as_slice()),
        (
            false,
            &["READER_FIELD_MISSING_DEFAULT_VALUE: /fields/1".to_owned()][..]
        )
    );
    assert_eq!(
        registry.register("b/line", &schema("\"string\"")).await.unwrap(),
        9
    );
    let error = registry
        .register("strict", &schema("\"string\""))
        .await
        .unwrap_err();
    assert_eq!((error.code.as_str(), error.retry), ("incompatible_schema", false));
    let error = registry.register("b/line", &schema("{")).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.retry), ("invalid_schema", false));
}

#[tokio::test]
async fn errors_are_one_clear_sentence() {
    let server = shop().await;
    let registry = server.registry(RegistryAuth::None);
    let at = format!("the schema registry http://{}", server.address);
    let check = |error: Error, code: &str, retry: bool, sentence: &str| {
        assert_eq!(
            (
                error.code.as_str(),
                error.retry,
                error.domain,
                error.message.as_str()
            ),
            (
                code,
                retry,
                Domain::External,
                sentence.replace("AT", &at).as_str()
            )
        );
    };
    check(
        registry.schema(99).await.unwrap_err(),
        "unknown_schema",
        false,
        "AT has no such schema (\"Schema not found\")",
    );
    check(
        registry.versions("nobody").await.unwrap_err(),
        "unknown_subject",
        false,
        "AT has no such subject (\"Subject 'nobody' not found\")",
    );
    check(
        registry.version("b/line", Some(7)).await.unwrap_err(),
        "unknown_version",
        false,
        "AT has no such version (\"Version 7 not found\")",
    );
    check(
        registry.schema(500).await.unwrap_err(),
        "registry_busy",
        true,
        "AT answered 500 Internal Server Error (\"Error in the backend data store\")",
    );
    check(
        registry.schema(501).await.unwrap_err(),
        "registry_unreachable",
        true,
        "AT cannot be reached, it did not answer within 300 ms: check its url and that it runs",
    );
    for id in [502, 503, 10] {
        let error = registry.schema(id).await.unwrap_err();
        assert_eq!(
            (error.code.as_str(), error.retry),
            ("registry_answer", false),
            "{id}"
        );
    }
    let elsewhere = Registry::new(&RegistrySettings {
        tls: Tls::default(),
        url: format!("http://{}", server.address),
        auth: RegistryAuth::None,
        timeout_ms: 300,
    })
    .unwrap();
    check(
        elsewhere.subjects().await.unwrap_err(),
        "registry_answer",
        false,
        "AT does not know this call: check the url, its path included",
    );
}

#[tokio::test]
async fn nobody_there() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let registry = Registry::new(&RegistrySettings {
        tls: Tls::default(),
        url: format!("http://{address}"),
        auth: RegistryAuth::None,
        timeout_ms: Duration::from_secs(5).as_millis() as u64,
    })
    .unwrap();
    let error = registry.subjects().await.unwrap_err();
    assert_eq!((error.code.as_str(), error.retry), ("registry_unreachable", true));
    assert!(error.message.contains("the connection was refused"), "{error}");
}

#[tokio::test]
async fn logins() {
    let check = |wanted: &'static str, auth: RegistryAuth, welcome: bool| async move {
        let server = Server::start(vec![held("a", 1, 1, "\"int\"")], Some(wanted)).await;
        let registry = server.registry(auth);
        match registry.subjects().await {
            Ok(subjects) => assert!(welcome && subjects == ["a"], "{wanted}"),
            Err(error) => {
                assert_eq!((error.code.as_str(), error.retry), ("registry_login", false));
                assert!(!welcome, "{wanted}: {error}");
            }
        }
    };
    let basic = || RegistryAuth::Basic {
        user: "ann".to_owned(),
        password: "hush".to_owned(),
    };
    let bearer = || RegistryAuth::Bearer {
        token: "hush\n".to_owned(),
    };
    check("Basic YW5uOmh1c2g=", basic(), true).await;
    check("Bearer hush", bearer(), true).await;
    check("Bearer other", bearer(), false).await;
    check("Bearer hush", RegistryAuth::None, false).await;
    assert!(!format!("{:?}{:?}", basic(), bearer()).contains("hush"));
}

#[tokio::test]
async fn a_token_that_no_header_can_have() {
    let server = shop().await;
    let registry = server.registry(RegistryAuth::Bearer {
        token: "hu\nsh".to_owned(),
    });
    let error = registry.subjects().await.unwrap_err();
    assert_eq!(
        (error.code.as_str(), error.domain),
        ("registry_settings", Domain::User)
    );
    assert!(!error.message.contains("sh\""), "{error}");
}

#[test]
fn settings_that_cannot_be() {
    for (url, expected) in [
        ("", "url"),
        ("ftp://registry", "http:// or https://"),
        ("http://ann:hush@registry", "their own settings"),
    ] {
        let error = Registry::new(&RegistrySettings {
            tls: Tls::default(),
            url: url.to_owned(),
            auth: RegistryAuth::None,
            timeout_ms: 1,
        })
        .unwrap_err();
        assert_eq!(error.code, "registry_settings");
        assert!(
            error.message.contains(expected) && !error.message.contains("hush"),
            "{error}"
        );
    }
}
