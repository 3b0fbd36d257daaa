//! A web server on loopback that keeps every request and answers what it is told to: the other end of webhooks and
//! of every destination that speaks HTTP.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result};
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    response::Response,
};
use serde_json::Value;
use tokio::{net::TcpListener, sync::Notify, task::JoinHandle};

const REQUEST_BODY_BYTES_MAX: usize = 64 << 20;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Received {
    pub method: String,
    pub path: String,
    pub query: String,
    /// Names in lower case, in the order of arrival.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Received {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body)
            .with_context(|| format!("not JSON: {}", String::from_utf8_lossy(&self.body)))
    }
}

/// What to answer.
#[derive(Debug, Clone)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
    /// Answer nothing and keep the connection open.
    hang: bool,
}

impl Reply {
    pub fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: "{}".to_owned(),
            hang: false,
        }
    }

    /// No answer at all: what a client's timeout is for.
    pub fn hang() -> Self {
        Self {
            hang: true,
            ..Self::status(200)
        }
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = body.into();
        self
    }
}

type Answer = Box<dyn Fn(&Received) -> Reply + Send>;

struct Shared {
    received: Vec<Received>,
    next: VecDeque<Reply>,
    answer: Answer,
}

struct Desk {
    shared: Mutex<Shared>,
    arrived: Notify,
}

impl Desk {
    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The server; dropping it closes it.
pub struct Http {
    address: SocketAddr,
    desk: Arc<Desk>,
    task: JoinHandle<()>,
}

impl Http {
    /// Answers 200 to everything until told otherwise.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let shared = Shared {
            received: Vec::new(),
            next: VecDeque::new(),
            answer: Box::new(|_| Reply::status(200)),
        };
        let desk = Arc::new(Desk {
            shared: Mutex::new(shared),
            arrived: Notify::new(),
        });
        let address = listener.local_addr()?;
        let app = Router::new().fallback(receive).with_state(Arc::clone(&desk));
        let task = tokio::spawn(async move {
            // Serving ends with the task.
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self { address, desk, task })
    }

    /// `http://127.0.0.1:PORT` and the given path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What the next requests get, one each, before the standing answer applies again.
    pub fn next_replies(&self, replies: impl IntoIterator<Item = Reply>) {
        self.desk.shared().next.extend(replies);
    }

    /// The standing answer.
    pub fn answer(&self, answer: impl Fn(&Received) -> Reply + Send + 'static) {
        self.desk.shared().answer = Box::new(answer);
    }

    /// Everything that arrived so far, in order.
    pub fn received(&self) -> Vec<Received> {
        self.desk.shared().received.clone()
    }

    /// Forgets what arrived.
    pub fn clear(&self) {
        self.desk.shared().received.clear();
    }

    /// Waits until at least `count` requests have arrived.
    pub async fn wait_for(&self, count: usize, deadline: Duration) -> Result<Vec<Received>> {
        let enough = async {
            loop {
                // Registered before looking, so that an arrival in between wakes it.
                let arrived = self.desk.arrived.notified();
                let received = self.received();
                if received.len() >= count {
                    return received;
                }
                arrived.await;
            }
        };
        tokio::time::timeout(deadline, enough).await.map_err(|_| {
            let found = self.desk.shared().received.len();
            anyhow::anyhow!(
                "{found} of {count} requests arrived within {:.0} s",
                deadline.as_secs_f32()
            )
        })
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn receive(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = match to_bytes(body, REQUEST_BODY_BYTES_MAX).await {
        Ok(body) => body.to_vec(),
        Err(error) => return respond(&Reply::status(413).body(error.to_string())),
    };
    let received = Received {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts
            .headers
            .iter()
            .map(|(name, value)| {
                (
                    name.to_string(),
                    String::from_utf8_lossy(value.as_bytes()).into_owned(),
                )
            })
            .collect(),
        body,
    };
    let reply = {
        let mut shared = desk.shared();
        let reply = shared
            .next
            .pop_front()
            .unwrap_or_else(|| (shared.answer)(&received));
        shared.received.push(received);
        reply
    };
    desk.arrived.notify_waiters();
    if reply.hang {
        std::future::pending::<()>().await;
    }
    respond(&reply)
}

fn respond(reply: &Reply) -> Response {
    let mut response = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        response = response.header(name, value);
    }
    response
        .body(Body::from(reply.body.clone()))
        .unwrap_or_else(|error| Response::new(Body::from(error.to_string())))
}
