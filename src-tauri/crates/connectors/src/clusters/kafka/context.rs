//! What librdkafka says while it works, kept instead of printed: the last fault, so that an error can say why, and
//! which brokers are away.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, ClientContext, client::Client, config::RDKafkaLogLevel, consumer::ConsumerContext,
    error::KafkaError, types::RDKafkaErrorCode,
};
use serde::Deserialize;

use super::login::Login;

/// A fault older than this explains nothing any more.
const FAULT_KEPT: Duration = Duration::from_secs(30);

/// The last thing that went wrong with a connection.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub code: RDKafkaErrorCode,
    /// librdkafka's sentence without its trimmings.
    pub reason: String,
    at: Instant,
}

/// What is known of a partition that is being read, from librdkafka's statistics.
#[derive(Debug, Clone, Default)]
pub(super) struct Connections {
    /// Brokers that lead partitions being read and are not connected, as `id (host:port)`.
    pub away: Vec<String>,
    /// Partitions that have no leader now.
    pub leaderless: Vec<i32>,
}

/// What one client says, and how it logs in.
pub(super) struct Context {
    state: Mutex<State>,
    login: Login,
}

#[derive(Default)]
struct State {
    fault: Option<Fault>,
    /// Since when no broker at all is reachable.
    all_down: Option<Instant>,
    connections: Connections,
}

impl Context {
    /// For a client that is made from this configuration.
    pub fn of(config: &ClientConfig) -> Self {
        Self {
            state: Mutex::default(),
            login: Login::of(config),
        }
    }

    /// Gives the client a new token when one is due; to be called now and then for every client. Blocks while one is
    /// fetched. Why there is none is kept as the last fault.
    pub fn renew_login<C: ClientContext>(&self, client: &Client<C>) {
        if let Err(reason) = self.login.renew(client) {
            self.state().fault = Some(Fault {
                code: RDKafkaErrorCode::Authentication,
                reason,
                at: Instant::now(),
            });
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last fault, while it lasts (librdkafka says it once) or if it is recent.
    pub fn fault(&self) -> Option<Fault> {
        let state = self.state();
        let lasts = state.all_down.is_some();
        state
            .fault
            .clone()
            .filter(|fault| lasts || fault.at.elapsed() < FAULT_KEPT)
    }

    /// Since when no broker is reachable.
    pub fn all_down(&self) -> Option<Instant> {
        self.state().all_down
    }

    pub fn connections(&self) -> Connections {
        self.state().connections.clone()
    }

    /// A call was answered: earlier faults explain nothing now.
    pub fn answered(&self) {
        let mut state = self.state();
        state.fault = None;
        state.all_down = None;
    }

    fn keep(&self, code: RDKafkaErrorCode, reason: &str) {
        // "1/1 brokers are down" says less than the fault that came before it.
        if code != RDKafkaErrorCode::AllBrokersDown {
            self.state().fault = Some(Fault {
                code,
                reason: gist(reason),
                at: Instant::now(),
            });
        }
    }
}

impl ClientContext for Context {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(target: "librdkafka", facility, message);
        // A connection that is closed is only logged. What is known better already stays.
        let closed = RDKafkaErrorCode::BrokerTransportFailure;
        if facility == "FAIL" && self.fault().is_none_or(|fault| fault.code == closed) {
            self.keep(closed, message);
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if let Some(code) = error.rdkafka_error_code() {
            tracing::debug!(target: "librdkafka", %code, reason);
            self.keep(code, reason);
        }
    }

    fn stats_raw(&self, statistics: &[u8]) {
        let Ok(statistics) = serde_json::from_slice::<Statistics>(statistics) else {
            return;
        };
        let mut state = self.state();
        state.connections = statistics.connections();
        // Brokers that nothing was asked of are not connected either, and that is no fault.
        // Without a login none is even tried.
        let refused =
            (state.fault.as_ref()).is_some_and(|fault| fault.code == RDKafkaErrorCode::Authentication);
        let hope = statistics.any_up() || (!refused && statistics.any_hope());
        if hope || state.fault.is_none() {
            state.all_down = None;
        } else {
            state.all_down.get_or_insert_with(Instant::now);
        }
    }
}

impl ConsumerContext for Context {}

/// `127.0.0.1:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused (after 0ms in state CONNECT)`
/// becomes `127.0.0.1:1: Connection refused`.
fn gist(reason: &str) -> String {
    let mut text = reason.trim();
    // `[thrd:...]: ` in front, counters and timings behind.
    if let Some(rest) = text
        .strip_prefix("[thrd:")
        .and_then(|rest| rest.split_once("]: "))
    {
        text = rest.1;
    }
    for mark in [" (after ", ", 1 identical error(s)", " (_TRANSPORT)"] {
        text = text.split(mark).next().unwrap_or(text);
    }
    let Some((broker, what)) = text.split_once(": ") else {
        return text.to_owned();
    };
    // `sasl_ssl://host:port/bootstrap`, `host:port/2`.
    let broker = broker.split_once("://").map_or(broker, |(_, broker)| broker);
    let broker = broker.split('/').next().unwrap_or(broker);
    let what = match what
        .strip_prefix("Connect to ")
        .and_then(|what| what.split_once(" failed: "))
    {
        Some((_, why)) => why,
        None if what.starts_with("Disconnected") => "the broker closed the connection",
        None => what,
    };
    format!("{broker}: {}", what.trim_end_matches(['.', ' ']))
}

/// The part of librdkafka's statistics that is read.
#[derive(Deserialize)]
struct Statistics {
    brokers: HashMap<String, BrokerStatistics>,
    #[serde(default)]
    topics: HashMap<String, TopicStatistics>,
}

#[derive(Deserialize)]
struct BrokerStatistics {
    nodeid: i32,
    nodename: String,
    state: String,
    source: String,
    /// Connections that were tried, in vain or not.
    #[serde(default)]
    connects: u64,
}

#[derive(Deserialize)]
struct TopicStatistics {
    partitions: HashMap<String, PartitionStatistics>,
}

#[derive(Deserialize)]
struct PartitionStatistics {
    partition: i32,
    leader: i32,
    desired: bool,
}

impl Statistics {
    fn any_up(&self) -> bool {
        self.brokers
            .values()
            .any(|broker| broker.state == "UP" && broker.source != "internal")
    }

    /// Whether a broker is connected, is being connected to, or was never tried: of several brokers one that is away is
    /// tried first as often as any other.
    fn any_hope(&self) -> bool {
        let real = || self.brokers.values().filter(|broker| broker.source != "internal");
        // librdkafka knows a broker twice, by what it was told and by what the cluster says.
        let tried: HashSet<&str> = real()
            .filter(|broker| broker.connects > 0)
            .map(|broker| broker.nodename.as_str())
            .collect();
        real().any(|broker| {
            !matches!(broker.state.as_str(), "INIT" | "DOWN" | "TRY_CONNECT")
                || !tried.contains(broker.nodename.as_str())
        })
    }

    fn connections(&self) -> Connections {
        let brokers: HashMap<i32, &BrokerStatistics> = self
            .brokers
            .values()
            .filter(|broker| broker.nodeid >= 0)
            .map(|broker| (broker.nodeid, broker))
            .collect();
        let mut connections = Connections::default();
        let desired = self.topics.values().flat_map(|topic| topic.partitions.values());
        for partition in desired.filter(|partition| partition.desired && partition.partition >= 0) {
            match brokers.get(&partition.leader) {
                Some(broker) if broker.state == "UP" => {}
                Some(broker) => connections
                    .away
                    .push(format!("{} ({})", broker.nodeid, broker.nodename)),
                None => connections.leaderless.push(partition.partition),
            }
        }
        connections.away.sort();
        connections.away.dedup();
        connections.leaderless.sort_unstable();
        connections
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_hope_is_left_when_every_broker_was_tried_in_vain() {
        let check = |brokers: &[(&str, &str, u64)], expected: bool| {
            let brokers = brokers.iter().enumerate().map(|(at, (address, state, connects))| {
                let broker = serde_json::json!({
                    "nodeid": -1, "nodename": address, "state": state, "source": "configured", "connects": connects,
                });
                (at.to_string(), broker)
            });
            let mut all = serde_json::Map::from_iter(brokers);
            let group = serde_json::json!({
                "nodeid": -1, "nodename": "", "state": "UP", "source": "internal", "connects": 0,
            });
            all.insert("group".to_owned(), group);
            let statistics = serde_json::json!({ "brokers": all });
            let statistics: Statistics = serde_json::from_value(statistics).expect("statistics");
            assert_eq!(statistics.any_hope(), expected, "{all:?}");
        };
        check(&[("a:1", "TRY_CONNECT", 3)], false);
        check(&[("a:1", "DOWN", 1), ("b:1", "INIT", 1)], false);
        check(&[("a:1", "TRY_CONNECT", 3), ("b:1", "INIT", 0)], true);
        check(&[("a:1", "INIT", 3), ("b:1", "UP", 1)], true);
        check(&[("a:1", "INIT", 3), ("b:1", "APIVERSION_QUERY", 1)], true);
        // The same broker by its id, which nothing was asked of.
        check(&[("a:1", "TRY_CONNECT", 3), ("a:1", "INIT", 0)], false);
    }

    #[test]
    fn the_gist_of_a_reason() {
        let check = |reason: &str, expected: &str| assert_eq!(gist(reason), expected);
        check(
            "127.0.0.1:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused (after 0ms in state CONNECT)",
            "127.0.0.1:1: Connection refused",
        );
        check(
            "nowhere.invalid:9092/bootstrap: Failed to resolve 'nowhere.invalid:9092': Name or service not known (after 9ms in state CONNECT)",
            "nowhere.invalid:9092: Failed to resolve 'nowhere.invalid:9092': Name or service not known",
        );
        check(
            "sasl_plaintext://127.0.0.1:2/bootstrap: SASL authentication error: Authentication failed (after 300ms in state AUTH_REQ, 4 identical error(s) suppressed)",
            "127.0.0.1:2: SASL authentication error: Authentication failed",
        );
        check(
            "[thrd:127.0.0.1:3/bootstrap]: 127.0.0.1:3/bootstrap: Disconnected: connection closed by peer: receive 0 after POLLIN (after 0ms in state UP, 1 identical error(s) suppressed)",
            "127.0.0.1:3: the broker closed the connection",
        );
        check("1/1 brokers are down", "1/1 brokers are down");
    }
}
