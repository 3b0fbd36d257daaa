//! The sandbox: an in-process broker that speaks the Kafka protocol on a loopback port, so that everything can be
//! tried with no cluster. It keeps its log in memory, within the limits of [`SandboxLimits`], and forgets it when it
//! stops.
//!
//! One broker, node 0, is the leader of every partition and the coordinator of every group. Supported: produce
//! (idempotent too), fetch, list offsets, classic consumer groups, topics, settings, delete records. Topics are never
//! created by being asked for. Not supported: transactions, access control, the next-generation group protocol. A
//! batch's checksum is passed on and not checked, for its clients are on the same machine.
//!
//! Invariants: it listens on 127.0.0.1 only; each connection is a task that ends with the sandbox; the shop's clients
//! ([`run`]) end before the broker does, so that they can leave their groups. A lock is never held across an await.

mod group;
mod group_api;
mod group_offsets;
mod groups;
mod log;
mod produce_fetch;
mod protocol;
pub mod run;
pub mod shop;
mod shop_catalogue;
mod shop_events;
pub mod shop_people;
mod topic_configs;
mod topics;

#[cfg(test)]
mod group_tests;
#[cfg(test)]
mod shop_tests;
#[cfg(test)]
mod tests;

use std::net::Ipv4Addr;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tailrace_model::{Error, Result};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use groups::Groups;
use log::Log;

/// How often expired group members and expired records are looked for.
const SWEEP_INTERVAL_MS: u64 = 50;
/// How long the shop's clients may take to leave their groups before the broker closes on them.
const CLIENTS_STOP_MS: u64 = 800;
/// How long [`Sandbox::stop`] waits for the broker's own tasks after that.
const BROKER_STOP_MS: u64 = 500;

/// Every limit of a sandbox.
#[derive(Debug, Clone)]
pub struct SandboxLimits {
    pub connections_max: usize,
    /// Largest request; a larger one closes its connection.
    pub request_bytes_max: usize,
    /// Most bytes of records in one answer to a fetch.
    pub fetch_bytes_max: usize,
    /// Largest record batch, where the topic's `max.message.bytes` says nothing else.
    pub message_bytes_max: usize,
    pub topics_max: usize,
    /// Partitions of one topic.
    pub partitions_max: usize,
    /// Bytes of one partition's batches; the oldest are dropped.
    pub partition_bytes_max: usize,
    /// Bytes of all batches together; the oldest of the largest partition are dropped.
    pub total_bytes_max: usize,
    /// Idempotent producers that one partition remembers.
    pub producers_max: usize,
    pub groups_max: usize,
    pub group_members_max: usize,
    /// Partitions that one group has committed offsets for.
    pub group_offsets_max: usize,
}

impl Default for SandboxLimits {
    fn default() -> Self {
        Self {
            connections_max: 512,
            request_bytes_max: 16 << 20,
            fetch_bytes_max: 8 << 20,
            message_bytes_max: 1 << 20,
            topics_max: 500,
            partitions_max: 64,
            partition_bytes_max: 32 << 20,
            total_bytes_max: 256 << 20,
            producers_max: 256,
            groups_max: 500,
            group_members_max: 100,
            group_offsets_max: 10_000,
        }
    }
}

/// What all connections share.
struct Broker {
    limits: SandboxLimits,
    /// New with every start, as the topics are: who remembers offsets remembers whose they are.
    cluster_id: String,
    port: u16,
    log: Mutex<Log>,
    groups: Mutex<Groups>,
    /// Counts appended batches; a fetch that waits for records wakes at each change.
    appended: watch::Sender<u64>,
    next_producer_id: AtomicI64,
}

impl Broker {
    fn new(limits: SandboxLimits, port: u16) -> Self {
        Self {
            log: Mutex::new(Log::new(limits.clone())),
            groups: Mutex::new(Groups::new(limits.clone())),
            appended: watch::Sender::new(0),
            next_producer_id: AtomicI64::new(1),
            limits,
            cluster_id: format!("sandbox-{}", uuid::Uuid::new_v4().simple()),
            port,
        }
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets every waiting fetch look again.
    fn wake_fetches(&self) {
        self.appended.send_modify(|count| *count += 1);
    }

    fn groups(&self) -> MutexGuard<'_, Groups> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running sandbox. Dropping it stops it too, without waiting.
pub struct Sandbox {
    broker: Arc<Broker>,
    /// Ends the shop's clients, and through the closing task the broker.
    clients_token: CancellationToken,
    clients: TaskTracker,
    server: TaskTracker,
}

impl Sandbox {
    /// Starts a broker on a free port of 127.0.0.1. It stops when `token` is cancelled, or by [`Sandbox::stop`].
    pub async fn start(limits: SandboxLimits, token: CancellationToken) -> Result<Sandbox> {
        let no_port = |error: std::io::Error| {
            Error::external(
                "sandbox_port",
                format!(
                    "The sandbox could not open a port on 127.0.0.1 ({error}): free some connections and try again."
                ),
            )
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .map_err(no_port)?;
        let port = listener.local_addr().map_err(no_port)?.port();
        let broker = Arc::new(Broker::new(limits, port));
        let clients_token = token.child_token();
        let server_token = CancellationToken::new();
        let (clients, server) = (TaskTracker::new(), TaskTracker::new());

        server.spawn(protocol::accept(
            listener,
            broker.clone(),
            server.clone(),
            server_token.clone(),
        ));
        server.spawn(sweep(broker.clone(), server_token.clone()));
        server.spawn(close_in_order(
            clients_token.clone(),
            clients.clone(),
            server_token,
        ));
        Ok(Sandbox {
            broker,
            clients_token,
            clients,
            server,
        })
    }

    /// `host:port` for a client's `bootstrap.servers`.
    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.broker.port)
    }

    /// Bytes of all records that the sandbox holds.
    pub fn bytes(&self) -> usize {
        self.broker.log().bytes()
    }

    /// Stops the shop's clients, then the broker, and waits for both (at most about a second).
    pub async fn stop(self) {
        self.clients_token.cancel();
        self.server.close();
        let bound = Duration::from_millis(CLIENTS_STOP_MS + BROKER_STOP_MS);
        if tokio::time::timeout(bound, self.server.wait()).await.is_err() {
            tracing::warn!("the sandbox did not stop within {} ms", bound.as_millis());
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.clients_token.cancel();
    }
}

/// Waits for the end, gives the shop's clients time to leave their groups, then ends the broker.
async fn close_in_order(
    clients_token: CancellationToken,
    clients: TaskTracker,
    server_token: CancellationToken,
) {
    clients_token.cancelled().await;
    clients.close();
    if tokio::time::timeout(Duration::from_millis(CLIENTS_STOP_MS), clients.wait())
        .await
        .is_err()
    {
        tracing::debug!("a client of the sandbox was still busy after {CLIENTS_STOP_MS} ms");
    }
    server_token.cancel();
}

/// Expires group members whose session ended and records whose time is over.
async fn sweep(broker: Arc<Broker>, token: CancellationToken) {
    let mut ticks = tokio::time::interval(Duration::from_millis(SWEEP_INTERVAL_MS));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = token.cancelled() => return,
            _ = ticks.tick() => {}
        }
        broker.groups().expire(Instant::now());
        broker.log().expire(chrono::Utc::now().timestamp_millis());
    }
}
