//! The client against a small server that answers as Kafka's documentation says.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    body::Body,
    extract::{Request, State},
    http::{StatusCode, header::AUTHORIZATION},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use tailrace_model::api::ConnectorAct;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::*;
use crate::http::Tls;

struct Server {
    address: SocketAddr,
    /// `METHOD /path?query` of every request.
    seen: Arc<Mutex<Vec<String>>>,
    _stop: DropGuard,
}

#[derive(Clone)]
struct Held {
    version: &'static str,
    seen: Arc<Mutex<Vec<String>>>,
}

const TRACE: &str = "org.apache.kafka.connect.errors.ConnectException: Exiting WorkerSinkTask (hunter22)\n\tat a.B(C.java:1)\nCaused by: java.nio.file.FileSystemException: /out: Is a directory\n\t... 10 more";

fn info() -> Value {
    json!({
        "name": "files/out", "type": "sink",
        "config": {"connector.class": "FileStreamSink", "database.password": "hunter22", "file": "/out", "name": "files/out"},
        "tasks": [{"connector": "files/out", "task": 0}, {"connector": "files/out", "task": 1}],
    })
}

fn status() -> Value {
    json!({
        "name": "files/out", "type": "sink", "connector": {"state": "RUNNING", "worker_id": "w:1"},
        "tasks": [{"id": 0, "state": "FAILED", "worker_id": "w:1", "trace": TRACE}],
    })
}

async fn answer(State(held): State<Held>, request: Request<Body>) -> Response {
    let path = request.uri().path().to_owned();
    let line = format!("{} {}", request.method(), request.uri());
    held.seen.lock().expect("a lock").push(line);
    let error = |status: StatusCode, message: &str| {
        (
            status,
            Json(json!({"error_code": status.as_u16(), "message": message})),
        )
            .into_response()
    };
    let login = request
        .headers()
        .get(AUTHORIZATION)
        .map(|it| it.as_bytes().to_vec());
    if login.as_deref() != Some(b"Basic bWU6cHc=") {
        return error(StatusCode::UNAUTHORIZED, "User cannot access the resource.");
    }
    match path.as_str() {
        "/kafka/" => {
            Json(json!({"version": held.version, "commit": "x", "kafka_cluster_id": "y"})).into_response()
        }
        "/kafka/connectors" => {
            Json(json!({"files/out": {"info": info(), "status": status()}})).into_response()
        }
        "/kafka/connectors/files%2Fout" => Json(info()).into_response(),
        "/kafka/connectors/files%2Fout/status" => Json(status()).into_response(),
        "/kafka/connectors/files%2Fout/topics" => {
            Json(json!({"files/out": {"topics": ["orders"]}})).into_response()
        }
        "/kafka/connectors/files%2Fout/pause" => {
            error(StatusCode::CONFLICT, "Cannot complete request: rebalance")
        }
        path if path.ends_with("/restart") || path.ends_with("/stop") => {
            StatusCode::NO_CONTENT.into_response()
        }
        _ => error(StatusCode::NOT_FOUND, "Connector nothing not found"),
    }
}

async fn serve(version: &'static str) -> Server {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("an address");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let held = Held {
        version,
        seen: Arc::clone(&seen),
    };
    let token = CancellationToken::new();
    let stop = token.clone();
    let app = Router::new().fallback(answer).with_state(held);
    tokio::spawn(async move {
        let served = axum::serve(listener, app);
        let _ = served.with_graceful_shutdown(stop.cancelled_owned()).await;
    });
    Server {
        address,
        seen,
        _stop: token.drop_guard(),
    }
}

fn client(server: &Server, password: &str) -> ConnectClient {
    ConnectClient::new(ConnectSettings {
        tls: Tls::default(),
        name: "main".to_owned(),
        url: format!("http://{}/kafka/", server.address),
        user: Some("me".to_owned()),
        password: Some(password.to_owned()),
    })
    .expect("good settings")
}

#[tokio::test]
async fn connectors_tasks_and_why_one_failed() {
    let server = serve("4.3.1").await;
    let client = client(&server, "pw");
    let connectors = client.connectors().await.expect("connectors");
    assert_eq!(connectors.len(), 1);
    let found = &connectors[0];
    assert_eq!((found.name.as_str(), found.kind.as_str()), ("files/out", "sink"));
    assert_eq!(found.state.as_deref(), Some("RUNNING"));
    let states: Vec<_> = found
        .tasks
        .iter()
        .map(|task| (task.task, task.state.as_deref()))
        .collect();
    assert_eq!(states, [(0, Some("FAILED")), (1, None)]);
    let reason = found.reason.as_deref().expect("a reason");
    assert!(
        reason.contains("Exiting WorkerSinkTask") && reason.contains("/out: Is a directory"),
        "{reason}"
    );
    let trace = found.tasks[0].trace.as_deref().expect("a trace");
    assert!(trace.contains("... 10 more"), "{trace}");
    assert!(!format!("{connectors:?}").contains("hunter22"), "{connectors:?}");
    let detail = client.connector("files/out").await.expect("a connector");
    assert_eq!(detail.summary, *found);
    assert_eq!(detail.topics.as_deref(), Some(&["orders".to_owned()][..]));
    let secret = detail
        .settings
        .iter()
        .find(|it| it.name == "database.password")
        .expect("a setting");
    assert_eq!((secret.value.as_str(), secret.masked), (MASKED, true));
    assert!(!format!("{detail:?}").contains("hunter22"), "{detail:?}");
    let sent = server.seen.lock().expect("a lock").clone();
    assert!(sent.iter().all(|line| line.starts_with("GET ")), "{sent:?}");
}

#[tokio::test]
async fn what_is_done_is_asked_for_as_documented() {
    let server = serve("3.4.0-ccs").await;
    let client = client(&server, "pw");
    let name = "files/out";
    for act in [
        ConnectorAct::Restart,
        ConnectorAct::RestartFailed,
        ConnectorAct::RestartTask(1),
    ] {
        client.act(name, act).await.expect("done");
    }
    let error = client.act(name, ConnectorAct::Stop).await.expect_err("too old");
    assert_eq!(error.code, "connect_version");
    let error = client
        .act(name, ConnectorAct::Pause)
        .await
        .expect_err("a rebalance");
    assert_eq!((error.code.as_str(), error.retry), ("connect_busy", true));
    let sent = server.seen.lock().expect("a lock").clone();
    let at = "/kafka/connectors/files%2Fout";
    let expected = [
        format!("POST {at}/restart?includeTasks=true&onlyFailed=false"),
        format!("POST {at}/restart?includeTasks=true&onlyFailed=true"),
        format!("POST {at}/tasks/1/restart"),
        "GET /kafka/".to_owned(),
        format!("PUT {at}/pause"),
    ];
    assert_eq!(sent, expected);
    let newer = serve("3.5.0").await;
    self::client(&newer, "pw")
        .act(name, ConnectorAct::Stop)
        .await
        .expect("it can");
}

#[tokio::test]
async fn errors_say_what_to_do() {
    let server = serve("4.3.1").await;
    let error = client(&server, "wrong-pw")
        .connectors()
        .await
        .expect_err("a login");
    assert_eq!((error.code.as_str(), error.retry), ("connect_login", false));
    assert!(
        error.message.contains("connect.main.password") && !error.message.contains("wrong-pw"),
        "{error}"
    );
    let error = client(&server, "pw")
        .connector("nothing")
        .await
        .expect_err("unknown");
    assert_eq!(error.code, "unknown_connector");
    let nobody = ConnectClient::new(ConnectSettings {
        tls: Tls::default(),
        name: "main".to_owned(),
        url: "http://127.0.0.1:1".to_owned(),
        user: None,
        password: None,
    });
    let error = nobody
        .expect("good settings")
        .version()
        .await
        .expect_err("nobody");
    assert_eq!((error.code.as_str(), error.retry), ("connect_unreachable", true));
    assert!(error.message.contains("the connection was refused"), "{error}");
}
