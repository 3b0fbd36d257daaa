//! The first steps: which addresses the names have, and whether one of them can be connected to.

use std::{io::ErrorKind, net::SocketAddr};

use futures::future::join_all;
use tailrace_model::{Error, Result, api::Broker};
use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};

use super::STEP_MAX;
use crate::clusters::kafka::config::Properties;

/// Brokers whose addresses are tried.
const BROKERS_TRIED_MAX: usize = 64;

/// Hosts and ports of `bootstrap.servers`.
pub(super) fn bootstrap(properties: &Properties) -> Result<Vec<(String, u16)>> {
    let servers = properties
        .get("bootstrap.servers")
        .or_else(|| properties.get("metadata.broker.list"))
        .map(String::as_str)
        .unwrap_or_default();
    servers
        .split(',')
        .map(str::trim)
        .filter(|server| !server.is_empty())
        .map(|server| {
            host_and_port(server).ok_or_else(|| {
                Error::user(
                    "bad_bootstrap_servers",
                    format!("\"{server}\" is no address: write \"host:port\""),
                )
            })
        })
        .collect()
}

/// `host`, `host:port`, `protocol://host:port`, `[::1]:port`; without a port Kafka's own, 9092.
fn host_and_port(server: &str) -> Option<(String, u16)> {
    let server = server.rsplit_once("://").map_or(server, |(_, rest)| rest);
    if let Some(rest) = server.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        let port = match rest.strip_prefix(':') {
            Some(port) => port.parse().ok()?,
            None if rest.is_empty() => 9092,
            None => return None,
        };
        return Some((host.to_owned(), port));
    }
    match server.rsplit_once(':') {
        // An IPv6 address without brackets.
        Some((host, _)) if host.contains(':') => Some((server.to_owned(), 9092)),
        Some((host, port)) if !host.is_empty() => Some((host.to_owned(), port.parse().ok()?)),
        Some(_) => None,
        None if server.contains(char::is_whitespace) => None,
        None => Some((server.to_owned(), 9092)),
    }
}

/// The host as it was written, and one of its addresses.
pub(super) type Addresses = Vec<(String, SocketAddr)>;

/// A connection to the first address that takes one.
pub(super) struct Reached {
    pub stream: TcpStream,
    pub host: String,
    pub address: SocketAddr,
}

pub(super) async fn look_up(servers: &[(String, u16)]) -> std::result::Result<(Addresses, String), String> {
    let mut found = Vec::new();
    let mut failures = Vec::new();
    for (host, port) in servers {
        match timeout(STEP_MAX, lookup_host((host.as_str(), *port))).await {
            Ok(Ok(addresses)) => {
                let before = found.len();
                found.extend(addresses.map(|address| (host.clone(), address)));
                if found.len() == before {
                    failures.push(format!("{host} has no address"));
                }
            }
            Ok(Err(_)) => failures.push(format!("there is no host \"{host}\"")),
            Err(_) => failures.push(format!("the name server does not answer for \"{host}\"")),
        }
    }
    if found.is_empty() {
        return Err(format!(
            "{}. Check the spelling in bootstrap.servers, and the network or VPN",
            failures.join("; ")
        ));
    }
    let mut said: Vec<String> = found
        .iter()
        .map(|(name, address)| format!("{name} is {}", address.ip()))
        .collect();
    said.dedup();
    said.extend(failures);
    Ok((found, said.join("; ")))
}

pub(super) async fn connect(addresses: &Addresses) -> std::result::Result<(Reached, String), String> {
    let mut failures = Vec::new();
    for (name, address) in addresses {
        match timeout(STEP_MAX, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                let reached = Reached {
                    stream,
                    host: name.clone(),
                    address: *address,
                };
                return Ok((reached, format!("connected to {address}")));
            }
            Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => {
                failures.push(format!("{address} refuses the connection: nothing listens on port {}", address.port()));
            }
            Ok(Err(error)) => failures.push(format!("{address}: {error}")),
            Err(_) => failures.push(format!(
                "{address} does not answer within {} s: a firewall, or a network that is not reachable from here",
                STEP_MAX.as_secs()
            )),
        }
    }
    failures.dedup();
    Err(format!(
        "{}. Check that the broker runs and the port in bootstrap.servers",
        failures.join("; ")
    ))
}

/// Whether the addresses that the brokers give of themselves can be reached: those are what records are read from.
pub(super) async fn reach(brokers: &[Broker]) -> std::result::Result<((), String), String> {
    let tried = brokers.iter().take(BROKERS_TRIED_MAX).map(async |broker| {
        let place = format!("{}:{}", broker.host, broker.port);
        match timeout(STEP_MAX, TcpStream::connect(&place)).await {
            Ok(Ok(_)) => None,
            Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => {
                Some(format!("{place} refuses the connection"))
            }
            Ok(Err(error)) => Some(format!("{place}: {error}")),
            Err(_) => Some(format!("{place} does not answer")),
        }
    });
    let away: Vec<String> = join_all(tried).await.into_iter().flatten().collect();
    if away.is_empty() {
        let all = if brokers.len() == 1 {
            "the broker"
        } else {
            "every broker"
        };
        return Ok((
            (),
            format!("{all} can be reached at the address it gives of itself"),
        ));
    }
    Err(format!(
        "{} of {} brokers can't be reached at the address they give of themselves: {}. Check the network, or the \
         brokers' advertised.listeners",
        away.len(),
        brokers.len(),
        away.join("; ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let check = |server: &str, expected: Option<(&str, u16)>| {
            let found = host_and_port(server);
            assert_eq!(
                found.as_ref().map(|(host, port)| (host.as_str(), *port)),
                expected,
                "{server}"
            );
        };
        check("localhost:9093", Some(("localhost", 9093)));
        check("localhost", Some(("localhost", 9092)));
        check("SASL_SSL://b-1.example.com:9096", Some(("b-1.example.com", 9096)));
        check("[::1]:9094", Some(("::1", 9094)));
        check("[::1]", Some(("::1", 9092)));
        check("::1", Some(("::1", 9092)));
        check("localhost:port", None);
        check(":9092", None);
        check("two words", None);
        check("[::1]x", None);
    }
}
