//! The tracking API: events over HTTP and a WebSocket, as Segment's libraries send them.
//!
//! `POST /v1/{track,identify,page,screen,group,alias}` takes an event, `/v1/batch` and `/v1/import` take many, and the
//! browser's library calls them by their first letter; `GET /v1/ws` takes the same bodies as messages. What is read here
//! is a body's outline: each event becomes one JSON text of Segment's specification, with its type, the time of its
//! receipt, a message id where it has none, and what its batch says of all. Whether that text is an event is not decided
//! here. <https://segment.com/docs/connections/sources/catalog/libraries/server/http-api/>
//!
//! Invariants: 200 is answered only after [`Intake::take`] said that everything is durable; the bytes of all requests
//! under way are within [`BODIES_BYTES_MAX`], whatever clients do; a request that is not taken is told why, in JSON,
//! and when to come back if that helps; a write key is compared by its hash and never printed.

mod body;
mod budget;
mod cors;
mod http;
mod keys;
mod refusal;
mod socket;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
pub use body::{Body, Call, Stamp};
pub use cors::{Origins, origin};
pub use http::routes;
pub use keys::{KEY_HASH_PREFIX, Keys, Listening, WriteKeyHash};
pub use refusal::{Refusal, RefusalCode};

/// Bytes of a body, after it is unpacked: 500 KB, as Segment limits it.
pub const BATCH_BYTES_MAX: usize = 500 * 1024;
/// Events of a body.
pub const BATCH_EVENTS_MAX: usize = 2_500;
/// Bytes of an event as it was sent, with what its batch says of all.
pub const EVENT_BYTES_MAX: usize = 32 * 1024;
/// Bytes of all events of a body, each with what its batch says of all: a batch of small events with a large context.
pub const STAMPED_BYTES_MAX: usize = 4 * BATCH_BYTES_MAX;
/// Bytes that all requests under way hold together.
pub const BODIES_BYTES_MAX: usize = 64 << 20;
/// A body that takes longer to arrive is given up.
pub const BODY_WAIT_MAX: Duration = Duration::from_secs(20);
/// Events of an answer whose reason is told; the others are counted.
pub const REASONS_MAX: usize = 20;

/// What a request brings: one JSON text an event, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    pub received_ms: i64,
    pub events: Vec<Vec<u8>>,
}

/// An event that is kept as malformed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MalformedEvent {
    /// Among the events that were posted.
    pub index: usize,
    pub reason: String,
}

/// What one request came to, for whoever counts.
#[derive(Debug, Clone, Copy)]
pub struct Answered<'a> {
    /// Absent: no source has its key.
    pub source: Option<&'a str>,
    /// Absent: it was taken.
    pub refused: Option<RefusalCode>,
    pub events: usize,
    pub malformed: usize,
    pub took: Duration,
}

/// Where the events go.
#[async_trait]
pub trait Intake: Send + Sync + 'static {
    /// Who may send, as of now.
    fn keys(&self) -> Arc<Keys>;

    /// Keeps what was posted. Returns when all of it is durable, with those that are no events and are kept as such.
    async fn take(&self, source: &Listening, posted: Posted) -> Result<Vec<MalformedEvent>, Refusal>;

    /// A request was answered.
    fn answered(&self, answered: Answered<'_>);

    fn now_ms(&self) -> i64;

    /// Of an event that has none.
    fn message_id(&self) -> String;
}
