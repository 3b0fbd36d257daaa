//! What went wrong with a cluster, as one sentence that says what, where and what to do.

use rdkafka::types::RDKafkaErrorCode as Code;
use tailrace_model::Error;

use super::{
    context::{Context, Fault},
    ffi::Failure,
    near::{did_you_mean, near},
};

/// Who was asked: names the cluster in every sentence.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub cluster: String,
    pub bootstrap: String,
}

impl Place {
    /// The error of a call that failed with `failure` while doing `what` (`"listing the groups"`).
    pub fn failed(&self, what: &str, failure: &Failure, context: &Context) -> Error {
        let fault = context.fault();
        if let Some(fault) = &fault
            && let Some(error) = self.refused_connection(fault)
        {
            return error;
        }
        match failure.code {
            code if unreachable(code) => self.unreachable(fault.as_ref()),
            Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed => Error::refused(
                "not_authorized",
                format!(
                    "cluster \"{}\" does not allow {what}: {}. Ask its administrator for the right, or use \
                         another user",
                    self.cluster,
                    lower(&failure.text)
                ),
            ),
            Code::Authentication | Code::SaslAuthenticationFailed => self.authentication(&failure.text),
            Code::UnsupportedFeature | Code::UnsupportedVersion => Error::refused(
                "unsupported",
                format!(
                    "cluster \"{}\" ({}) does not support {what}: its version is too old, or the address is that of a \
                     controller and not of a broker",
                    self.cluster, self.bootstrap
                ),
            ),
            Code::UnknownMemberId | Code::NonEmptyGroup | Code::RebalanceInProgress => Error::external(
                "group_in_use",
                format!(
                    "cluster \"{}\": {what} failed: the group has members now",
                    self.cluster
                ),
            ),
            code => {
                let said = format!("cluster \"{}\": {what} failed: {}", self.cluster, failure.text);
                if transient(code) {
                    Error::external("kafka", said)
                } else {
                    Error::refused("kafka", said)
                }
            }
        }
    }

    /// Nothing answers; the last fault says why.
    pub fn unreachable(&self, fault: Option<&Fault>) -> Error {
        if let Some(error) = fault.and_then(|fault| self.refused_connection(fault)) {
            return error;
        }
        let why = fault.map_or("no answer in time", |fault| {
            let reason = fault
                .reason
                .strip_prefix(self.bootstrap.as_str())
                .and_then(|rest| rest.strip_prefix(": "));
            reason.unwrap_or(&fault.reason)
        });
        // The library guesses, with a question mark.
        let why = why.trim_end_matches(['?', '.']);
        let guesses = [
            "PLAINTEXT broker listener",
            "connecting to a SSL listener",
            "SSL handshake",
        ];
        let check = match guesses.iter().any(|guess| why.contains(guess)) {
            true => "Check security.protocol: one side encrypts and the other does not",
            false => "Check bootstrap.servers and that its brokers run",
        };
        Error::external(
            "cluster_unreachable",
            format!(
                "cluster \"{}\" ({}) does not answer: {why}. {check}",
                self.cluster, self.bootstrap
            ),
        )
    }

    /// A fault that trying again does not mend.
    fn refused_connection(&self, fault: &Fault) -> Option<Error> {
        match fault.code {
            Code::Authentication | Code::SaslAuthenticationFailed | Code::UnsupportedSASLMechanism => {
                Some(self.authentication(&fault.reason))
            }
            Code::SSL => Some(Error::refused(
                "tls",
                format!(
                    "cluster \"{}\": the encrypted connection fails: {}. Check security.protocol and ssl.ca.location",
                    self.cluster, fault.reason
                ),
            )),
            _ => None,
        }
    }

    fn authentication(&self, why: &str) -> Error {
        // What the Kerberos library says is its own; no other mechanism says this word.
        let check = match why.contains("GSSAPI") {
            true => {
                "Check sasl.kerberos.principal and sasl.kerberos.keytab, and that its KDC runs (kinit tells more)"
            }
            false => "Check sasl.mechanism, sasl.username and sasl.password",
        };
        Error::refused(
            "authentication",
            format!("cluster \"{}\" refuses the login: {why}. {check}", self.cluster),
        )
    }

    /// No such topic, with the names that it may have meant.
    pub fn unknown_topic<'a>(&self, topic: &str, known: impl IntoIterator<Item = &'a str>) -> Error {
        let guess = did_you_mean(&near(topic, known));
        Error::user(
            "unknown_topic",
            format!("cluster \"{}\" has no topic \"{topic}\".{guess}", self.cluster),
        )
    }

    pub fn unknown_partition(&self, topic: &str, partition: i32, count: usize) -> Error {
        let has = match count {
            1 => "it has partition 0 only".to_owned(),
            count => format!("it has partitions 0 to {}", count.saturating_sub(1)),
        };
        Error::user(
            "unknown_partition",
            format!("topic \"{topic}\" has no partition {partition}: {has}"),
        )
    }
}

/// Whether the code means that nobody answered.
pub(super) fn unreachable(code: Code) -> bool {
    matches!(
        code,
        Code::BrokerTransportFailure
            | Code::AllBrokersDown
            | Code::Resolve
            | Code::OperationTimedOut
            | Code::RequestTimedOut
            | Code::TimedOutQueue
            | Code::MessageTimedOut
            | Code::NetworkException
    )
}

/// Whether the cluster is only just sorting itself out.
pub(super) fn transient(code: Code) -> bool {
    matches!(
        code,
        Code::LeaderNotAvailable
            | Code::NotLeaderForPartition
            | Code::BrokerNotAvailable
            | Code::ReplicaNotAvailable
            | Code::CoordinatorLoadInProgress
            | Code::CoordinatorNotAvailable
            | Code::NotCoordinator
            | Code::NotController
            | Code::WaitingForCoordinator
            | Code::WaitCache
            | Code::Retry
            | Code::NotEnoughReplicas
            | Code::NotEnoughReplicasAfterAppend
            | Code::QueueFull
    )
}

fn lower(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_lowercase().chain(characters).collect(),
        None => String::new(),
    }
}
