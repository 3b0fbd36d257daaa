//! The same events over a WebSocket: each message is a body, an event or a batch, and is answered in its turn by a
//! message of its own once it is durable: `{"success":true,"number":1}`, counted from 1.
//!
//! Invariants: a few messages of a connection are under way at a time, then it is not read on; a client that neither
//! sends nor answers a ping is let go.

use std::{future::Future, pin::Pin, sync::Arc, time::Instant};

use axum::{
    extract::{
        WebSocketUpgrade,
        ws::{CloseFrame, Message, WebSocket, close_code},
    },
    response::Response,
};
use futures::{StreamExt, future::OptionFuture, stream::FuturesOrdered};
use serde_json::Value;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Duration,
};
use tokio_util::{
    sync::CancellationToken,
    task::{TaskTracker, task_tracker::TaskTrackerToken},
};

use super::{
    BATCH_BYTES_MAX, Call, Listening, Refusal, RefusalCode,
    http::{Api, Done, all_malformed, success},
};

/// Messages of one connection that wait for their answer.
const MESSAGES_MAX: usize = 16;
/// Of the reading of a connection, before a message is larger.
const BUFFER_BYTES: usize = 4 * 1024;
/// A connection on which nothing came for so long is asked whether it is there, and let go after as long again.
const QUIET_MAX: Duration = Duration::from_secs(30);
/// A client that does not read its answers is let go after this.
const SEND_MAX: Duration = Duration::from_secs(20);

/// Open at a time.
const SOCKETS_MAX: usize = 10_000;

/// All that are open.
#[derive(Clone)]
pub(super) struct Sockets {
    stop: CancellationToken,
    tracker: TaskTracker,
    room: Arc<Semaphore>,
}

/// One of them, until it is dropped.
pub(super) struct Place {
    stop: CancellationToken,
    _counted: TaskTrackerToken,
    _permit: OwnedSemaphorePermit,
}

impl Sockets {
    pub fn new(stop: CancellationToken, tracker: TaskTracker) -> Self {
        Self {
            stop,
            tracker,
            room: Arc::new(Semaphore::new(SOCKETS_MAX)),
        }
    }

    pub fn enter(&self) -> Result<Place, Refusal> {
        let permit = Arc::clone(&self.room).try_acquire_owned().map_err(|_| {
            Refusal::new(RefusalCode::Full, "too many WebSockets are open: come back later").retry_after(1)
        })?;
        Ok(Place {
            stop: self.stop.clone(),
            _counted: self.tracker.token(),
            _permit: permit,
        })
    }
}

type Answering = Pin<Box<dyn Future<Output = Done> + Send>>;

/// The key in the query, percent-decoded.
pub(super) fn key_of(query: &str) -> Option<String> {
    let value = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(name, _)| *name == "writeKey")?
        .1;
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            b'+' => b' ',
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok().filter(|key| !key.is_empty())
}

pub(super) fn serve(
    api: Api,
    upgrade: WebSocketUpgrade,
    source: Option<Arc<Listening>>,
    page: Option<String>,
    place: Place,
) -> Response {
    upgrade
        .max_message_size(BATCH_BYTES_MAX)
        .max_frame_size(BATCH_BYTES_MAX)
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(64 * 1024)
        .on_upgrade(move |socket| async move {
            Connection {
                api,
                source,
                page: page.map(Arc::from),
                answered: 0,
            }
            .run(socket, place)
            .await;
        })
}

struct Connection {
    api: Api,
    source: Option<Arc<Listening>>,
    page: Option<Arc<str>>,
    answered: u64,
}

impl Connection {
    async fn run(mut self, mut socket: WebSocket, place: Place) {
        let mut under_way: FuturesOrdered<Answering> = FuturesOrdered::new();
        let mut pinged = false;
        let mut open = true;
        let mut ending = None;
        while open || !under_way.is_empty() {
            let room = open && under_way.len() < MESSAGES_MAX;
            let answer = OptionFuture::from((!under_way.is_empty()).then(|| under_way.next()));
            tokio::select! {
                Some(Some(done)) = answer => {
                    if !self.answer(&mut socket, &done).await {
                        return;
                    }
                }
                message = socket.recv(), if room => {
                    pinged = false;
                    match message {
                        Some(Ok(Message::Text(text))) => under_way.push_back(self.take(text.into())),
                        Some(Ok(Message::Binary(bytes))) => under_way.push_back(self.take(bytes)),
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                        Some(Err(error)) => {
                            // What is under way is still answered, should the client read it.
                            ending = Some(explained(&error));
                            open = false;
                        }
                        Some(Ok(Message::Close(_))) | None => open = false,
                    }
                }
                () = place.stop.cancelled(), if open => {
                    // What it sent is answered first.
                    ending = Some(CloseFrame {
                        code: close_code::AWAY,
                        reason: "the server is being stopped: come back later".into(),
                    });
                    open = false;
                }
                () = tokio::time::sleep(QUIET_MAX), if room => {
                    if pinged || !send(&mut socket, Message::Ping(Vec::new().into())).await {
                        return;
                    }
                    pinged = true;
                }
            }
        }
        send(&mut socket, Message::Close(ending)).await;
    }

    fn take(&self, bytes: axum::body::Bytes) -> Answering {
        let (api, mut source, page) = (self.api.clone(), self.source.clone(), self.page.clone());
        Box::pin(async move {
            let began = Instant::now();
            let mut held = api.budget.none();
            let taken = async {
                held.take(bytes.len())?;
                api.take(Call::Message, &bytes, page.as_deref(), &mut source, &mut held)
                    .await
            };
            let taken = taken.await;
            let events = taken.as_ref().map_or(0, |(events, _)| *events);
            let done = Done {
                source,
                events,
                outcome: taken.map(|(_, malformed)| malformed),
            };
            api.told(&done, began);
            done
        })
    }

    async fn answer(&mut self, socket: &mut WebSocket, done: &Done) -> bool {
        self.answered += 1;
        let mut json = match &done.outcome {
            Ok(malformed) if malformed.len() == done.events => all_malformed(malformed).json(),
            Ok(malformed) => success(malformed),
            Err(refusal) => refused(refusal),
        };
        json["number"] = self.answered.into();
        send(socket, Message::Text(json.to_string().into())).await
    }
}

fn explained(error: &axum::Error) -> CloseFrame {
    let (code, reason) = if error.to_string().contains("too long") {
        (
            close_code::SIZE,
            "the message is larger than 512000 bytes: send smaller batches",
        )
    } else {
        (close_code::PROTOCOL, "the message can't be read")
    };
    CloseFrame {
        code,
        reason: reason.into(),
    }
}

fn refused(refusal: &Refusal) -> Value {
    let mut json = refusal.json();
    if let Some(seconds) = refusal.retry_after_s {
        json["retry_after"] = seconds.into();
    }
    json
}

async fn send(socket: &mut WebSocket, message: Message) -> bool {
    matches!(
        tokio::time::timeout(SEND_MAX, socket.send(message)).await,
        Ok(Ok(()))
    )
}
