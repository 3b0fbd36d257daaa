//! One librdkafka client, with the thread that listens to what it says.
//!
//! Invariants: its events are always taken, so they never pile up; it is destroyed on the listener's thread, because
//! that waits for librdkafka's own threads and must not happen on the async runtime.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig,
    consumer::{BaseConsumer, Consumer as _},
    error::KafkaError,
};
use tailrace_model::{Error, Result};

use super::context::Context;

/// How long the listener waits for an event before it looks whether anybody still uses the client.
const LISTEN: Duration = Duration::from_millis(100);

pub(super) type Consumer = BaseConsumer<Context>;

/// How long a blocking call may take, and whether anybody still waits for it.
#[derive(Debug, Clone)]
pub(super) struct Patience {
    until: Instant,
    abandoned: Arc<AtomicBool>,
}

impl Patience {
    pub fn new(at_most: Duration) -> Self {
        Self {
            until: Instant::now() + at_most,
            abandoned: Arc::default(),
        }
    }

    /// Nobody waits any more.
    pub fn abandon(&self) {
        self.abandoned.store(true, Ordering::Relaxed);
    }

    pub fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    pub fn is_over(&self, grace: Duration) -> bool {
        self.abandoned.load(Ordering::Relaxed) || Instant::now() > self.until + grace
    }
}

/// Starts librdkafka's threads and the listener; nothing is asked of the cluster yet. The listener ends the client when
/// it is the last one that holds it.
pub(super) fn start(config: &ClientConfig, name: &str) -> Result<Arc<Consumer>> {
    let consumer = Arc::new(create(config)?);
    let listened = Arc::clone(&consumer);
    let mut name = format!("kafka {name}");
    name.truncate(name.floor_char_boundary(15));
    thread::Builder::new()
        .name(name)
        .spawn(move || {
            while Arc::strong_count(&listened) > 1 {
                listen(&listened, LISTEN);
            }
        })
        .map_err(|error| Error::internal("thread", format!("a thread cannot be started: {error}")))?;
    Ok(consumer)
}

/// A client without a listener: whoever makes it calls [`listen`].
pub(super) fn create(config: &ClientConfig) -> Result<Consumer> {
    config.create_with_context(Context::of(config)).map_err(|error| {
        let why = match error {
            KafkaError::ClientCreation(why) => why,
            other => other.to_string(),
        };
        Error::user(
            "bad_properties",
            format!("the properties of the cluster cannot be used: {why}"),
        )
    })
}

/// Hands what librdkafka says to the context, for at most this long; a login by token is renewed when it is due.
pub(super) fn listen(consumer: &Consumer, at_most: Duration) {
    consumer.context().renew_login(consumer.client());
    // Records never arrive here (they go to queues of their own), and errors are kept by the context.
    drop(consumer.poll(at_most));
}
