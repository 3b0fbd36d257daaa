//! What librdkafka has no call for, or one that hides a refusal, asked in Kafka's protocol itself: sizes of logs, quotas
//! and access rules.
//!
//! Invariants: only reads; every question ends within [`ASK_MAX`]; an answer is never longer than [`ANSWER_BYTES_MAX`]; a
//! login that is not known here (Kerberos) is refused with a sentence before anything is sent; a question to many brokers
//! fetches one token for all of them.

mod connect;
mod sasl;

use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::{
    error::ResponseError,
    messages::{
        ApiVersionsRequest, DescribeAclsRequest, DescribeClientQuotasRequest, DescribeLogDirsRequest,
        RequestHeader, ResponseHeader, TopicName, api_versions_response::ApiVersionsResponse,
        describe_log_dirs_request::DescribableLogDirTopic,
    },
    protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes},
};
use tailrace_model::{
    Error, Result,
    api::{Acl, Quota, QuotaEntity, QuotaLimit},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use super::{
    client::KafkaClient,
    config::Properties,
    login::{self, Token},
};
use connect::Stream;

/// The time that one question may take, connection and login included.
const ASK_MAX: Duration = Duration::from_secs(8);
/// Bytes of one answer: the logs of a broker with a hundred thousand partitions are some 10 MB.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Brokers asked at once.
const BROKERS_MAX: usize = 16;

const NO_BROKER: &str = "it has no broker";

/// Why a broker was not asked, or did not answer: the end of a sentence.
type Said<T> = std::result::Result<T, String>;

/// The logs of one broker.
#[derive(Debug, Clone, Default)]
pub struct BrokerLogs {
    pub broker: i32,
    /// Topic, partition, bytes.
    pub partitions: Vec<(String, i32, i64)>,
    /// Of the disks that its logs are on, where it says so.
    pub disk_bytes: Option<i64>,
    pub disk_bytes_free: Option<i64>,
}

/// A broker to ask.
#[derive(Debug, Clone)]
pub(super) struct Address {
    pub id: i32,
    pub host: String,
    pub port: u16,
}

/// How brokers are reached and logged in to.
struct Way<'a> {
    properties: &'a Properties,
    /// Where the login is by token.
    token: Option<Token>,
}

impl<'a> Way<'a> {
    async fn of(properties: &'a Properties) -> Said<Self> {
        sasl::known(properties)?;
        let token = match connect::protocol(properties).starts_with("sasl") && login::is_used(properties) {
            true => Some(within(login::token(properties, chrono::Utc::now().timestamp_millis())).await?),
            false => None,
        };
        Ok(Self { properties, token })
    }
}

/// One connection after its login.
struct Connection {
    stream: Stream,
    correlation: i32,
    versions: ApiVersionsResponse,
}

impl Connection {
    async fn open(way: &Way<'_>, host: &str, port: u16) -> Said<Self> {
        let stream = connect::connect(way.properties, host, port).await?;
        let mut connection = Self {
            stream,
            correlation: 0,
            versions: ApiVersionsResponse::default(),
        };
        // Version 0 is answered by every Kafka, before any login.
        connection.versions = connection.send(&ApiVersionsRequest::default(), 0).await?;
        sasl::log_in(&mut connection, way).await?;
        Ok(connection)
    }

    /// Asks in the newest version that both sides know.
    async fn ask<R: Request>(&mut self, request: &R) -> Said<R::Response> {
        let ours = R::VERSIONS;
        let theirs = self
            .versions
            .api_keys
            .iter()
            .find(|api| api.api_key == R::KEY)
            .map(|api| (api.min_version, api.max_version));
        let version = theirs
            .map(|(min, max)| (min.max(ours.min), max.min(ours.max)))
            .filter(|(min, max)| min <= max)
            .map(|(_, max)| max)
            .ok_or("it does not support this question")?;
        self.send(request, version).await
    }

    async fn send<R: Request>(&mut self, request: &R, version: i16) -> Said<R::Response> {
        self.correlation += 1;
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_correlation_id(self.correlation)
            .with_client_id(Some(StrBytes::from_static_str("tailrace")));
        let unwritten = |error| format!("the question cannot be written: {error}");
        let mut frame = BytesMut::new();
        frame.extend_from_slice(&[0; 4]);
        header
            .encode(&mut frame, R::header_version(version))
            .map_err(unwritten)?;
        request.encode(&mut frame, version).map_err(unwritten)?;
        let length = u32::try_from(frame.len() - 4).unwrap_or(u32::MAX);
        frame[..4].copy_from_slice(&length.to_be_bytes());
        let broken = |_| "it closed the connection".to_owned();
        self.stream.write_all(&frame).await.map_err(broken)?;
        self.stream.flush().await.map_err(broken)?;
        let length = self.stream.read_i32().await.map_err(broken)?;
        let length = usize::try_from(length)
            .ok()
            .filter(|length| (4..=ANSWER_BYTES_MAX).contains(length))
            .ok_or_else(|| format!("its answer has {length} bytes"))?;
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer).await.map_err(broken)?;
        let mut answer = Bytes::from(answer);
        let unread = |_| "its answer cannot be read".to_owned();
        let header =
            ResponseHeader::decode(&mut answer, R::Response::header_version(version)).map_err(unread)?;
        if header.correlation_id != self.correlation {
            return Err("it answers another question".to_owned());
        }
        let response = R::Response::decode(&mut answer, version).map_err(unread)?;
        match answer.has_remaining() {
            true => Err("its answer is longer than it should be".to_owned()),
            false => Ok(response),
        }
    }
}

/// What a broker answered with, as words; `Ok` when it is no error.
fn check(code: i16, message: Option<&str>) -> Said<()> {
    if code == 0 {
        return Ok(());
    }
    let error = ResponseError::try_from_code(code);
    // What a broker says of it is Java's print of a request.
    if error == Some(ResponseError::ClusterAuthorizationFailed) {
        return Err("this user may not describe the cluster".to_owned());
    }
    if let Some(message) = message.filter(|message| !message.is_empty()) {
        return Err(message.trim_end_matches('.').to_owned());
    }
    Err(match error {
        Some(error) => error.to_string(),
        None => format!("error {code}"),
    })
}

impl KafkaClient {
    /// The logs of these brokers (of one topic, or all), side by side; of one that did not answer: why, as a sentence.
    pub(super) async fn broker_logs(
        &self,
        brokers: Vec<Address>,
        of: Option<(&str, &[i32])>,
    ) -> (Vec<BrokerLogs>, Vec<String>) {
        use futures::StreamExt as _;
        let way = &Way::of(self.properties()).await;
        let asked = brokers.into_iter().map(|broker| async move {
            let logs = match way {
                Ok(way) => within(logs_of(way, &broker, of)).await,
                Err(why) => Err(why.clone()),
            };
            logs.map_err(|why| {
                format!(
                    "broker {} ({}:{}) does not tell the sizes of its logs: {why}",
                    broker.id, broker.host, broker.port
                )
            })
        });
        let answers: Vec<_> = futures::stream::iter(asked)
            .buffer_unordered(BROKERS_MAX)
            .collect()
            .await;
        let (mut logs, mut missing) = (Vec::new(), Vec::new());
        for answer in answers {
            match answer {
                Ok(found) => logs.push(found),
                Err(why) => missing.push(why),
            }
        }
        logs.sort_by_key(|logs| logs.broker);
        missing.sort();
        (logs, missing)
    }

    /// Every quota of the cluster.
    pub async fn quotas(&self) -> Result<Vec<Quota>> {
        let (way, brokers) = self.ways().await?;
        let mut why = NO_BROKER.to_owned();
        for (host, port) in brokers {
            match within(quotas_of(&way, &host, port)).await {
                Ok(quotas) => return Ok(quotas),
                Err(said) => why = said,
            }
        }
        Err(Error::refused(
            "quotas_unknown",
            format!("cluster \"{}\" does not tell its quotas: {why}", self.cluster()),
        ))
    }

    /// Access rules; what is absent matches all. `None`: the brokers run without an authorizer. `kind` is the protocol's
    /// number of a resource type. librdkafka has a call for it, which takes a refusal for an empty list.
    pub(super) async fn acls_by_wire(&self, of: &AclFilter) -> Result<Option<Vec<Acl>>> {
        let (way, brokers) = self.ways().await?;
        let mut why = NO_BROKER.to_owned();
        for (host, port) in brokers {
            match within(acls_of(&way, &host, port, of)).await {
                Ok(acls) => return Ok(acls),
                Err(said) => why = said,
            }
        }
        Err(Error::refused(
            "acls_unknown",
            format!(
                "cluster \"{}\" does not tell its access rules: {why}",
                self.cluster()
            ),
        ))
    }

    /// The brokers, any of which can be asked, and how.
    async fn ways(&self) -> Result<(Way<'_>, Vec<(String, u16)>)> {
        let known = self.metadata(None).await?;
        let way = Way::of(self.properties()).await.map_err(|why| {
            Error::refused(
                "no_login",
                format!("cluster \"{}\" cannot be asked: {why}", self.cluster()),
            )
        })?;
        let brokers = known.brokers.into_iter();
        let places = brokers.map(|broker| (broker.host, u16::try_from(broker.port).unwrap_or(0)));
        Ok((way, places.collect()))
    }

    /// Whether the cluster's login is one that is known here.
    pub(super) fn wire_can_log_in(&self) -> bool {
        sasl::known(self.properties()).is_ok()
    }
}

/// Which access rules are asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct AclFilter {
    pub kind: Option<i8>,
    /// Every rule that holds for it, whatever its pattern.
    pub name: Option<String>,
    pub principal: Option<String>,
}

/// Numbers of the protocol, in their order (`AclOperation`, `ResourceType`, `PatternType`, `AclPermissionType`).
const OPERATIONS: [&str; 16] = [
    "unknown",
    "any",
    "all",
    "read",
    "write",
    "create",
    "delete",
    "alter",
    "describe",
    "cluster_action",
    "describe_configs",
    "alter_configs",
    "idempotent_write",
    "create_tokens",
    "describe_tokens",
    "two_phase_commit",
];
const RESOURCES: [&str; 8] = [
    "unknown",
    "any",
    "topic",
    "group",
    "cluster",
    "transactional_id",
    "delegation_token",
    "user",
];
const PATTERNS: [&str; 5] = ["unknown", "any", "match", "literal", "prefixed"];
const PERMISSIONS: [&str; 4] = ["unknown", "any", "deny", "allow"];
const ANY: i8 = 1;
const PATTERN_MATCH: i8 = 2;

fn named(names: &[&str], number: i8) -> String {
    let name = usize::try_from(number).ok().and_then(|at| names.get(at));
    name.map_or_else(|| number.to_string(), |name| (*name).to_owned())
}

async fn acls_of(way: &Way<'_>, host: &str, port: u16, of: &AclFilter) -> Said<Option<Vec<Acl>>> {
    let mut connection = Connection::open(way, host, port).await?;
    let text = |text: &Option<String>| text.clone().map(StrBytes::from_string);
    let request = DescribeAclsRequest::default()
        .with_resource_type_filter(of.kind.unwrap_or(ANY))
        .with_resource_name_filter(text(&of.name))
        .with_pattern_type_filter(if of.name.is_some() { PATTERN_MATCH } else { ANY })
        .with_principal_filter(text(&of.principal))
        // By default it would be empty, which no host is.
        .with_host_filter(None)
        .with_operation(ANY)
        .with_permission_type(ANY);
    let answer = connection.ask(&request).await?;
    if answer.error_code == ResponseError::SecurityDisabled.code() {
        return Ok(None);
    }
    check(answer.error_code, answer.error_message.as_deref())?;
    let mut acls = Vec::new();
    for resource in answer.resources {
        acls.extend(resource.acls.iter().map(|acl| Acl {
            resource_type: named(&RESOURCES, resource.resource_type),
            resource: resource.resource_name.to_string(),
            pattern: named(&PATTERNS, resource.pattern_type),
            principal: acl.principal.to_string(),
            host: acl.host.to_string(),
            operation: named(&OPERATIONS, acl.operation),
            permission: named(&PERMISSIONS, acl.permission_type),
        }));
    }
    acls.sort();
    Ok(Some(acls))
}

async fn within<T>(work: impl Future<Output = Said<T>>) -> Said<T> {
    timeout(ASK_MAX, work)
        .await
        .unwrap_or_else(|_| Err(format!("no answer within {} s", ASK_MAX.as_secs())))
}

async fn logs_of(way: &Way<'_>, broker: &Address, of: Option<(&str, &[i32])>) -> Said<BrokerLogs> {
    let mut connection = Connection::open(way, &broker.host, broker.port).await?;
    let wanted = of.map(|(topic, partitions)| {
        let topic = DescribableLogDirTopic::default()
            .with_topic(TopicName(StrBytes::from_string(topic.to_owned())))
            .with_partitions(partitions.to_vec());
        vec![topic]
    });
    let answer = connection
        .ask(&DescribeLogDirsRequest::default().with_topics(wanted))
        .await?;
    check(answer.error_code, None)?;
    let mut logs = BrokerLogs {
        broker: broker.id,
        ..BrokerLogs::default()
    };
    let known = |bytes: i64| Some(bytes).filter(|bytes| *bytes >= 0);
    let folders = answer.results.len();
    for folder in answer.results {
        check(folder.error_code, None)?;
        // Before version 4 a broker does not say.
        logs.disk_bytes = sum(logs.disk_bytes, known(folder.total_bytes));
        logs.disk_bytes_free = sum(logs.disk_bytes_free, known(folder.usable_bytes));
        for topic in folder.topics {
            for partition in topic.partitions {
                let place = (
                    topic.name.to_string(),
                    partition.partition_index,
                    partition.partition_size,
                );
                logs.partitions.push(place);
            }
        }
    }
    // Without the right to see them a broker answers with no folder at all.
    if folders == 0 {
        return Err("it names none; this user may lack the right to describe the cluster".to_owned());
    }
    Ok(logs)
}

fn sum(one: Option<i64>, other: Option<i64>) -> Option<i64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.saturating_add(other)),
        (one, other) => one.or(other),
    }
}

async fn quotas_of(way: &Way<'_>, host: &str, port: u16) -> Said<Vec<Quota>> {
    let mut connection = Connection::open(way, host, port).await?;
    let answer = connection.ask(&DescribeClientQuotasRequest::default()).await?;
    check(answer.error_code, answer.error_message.as_deref())?;
    let quotas = answer.entries.unwrap_or_default().into_iter().map(|entry| Quota {
        entity: entry
            .entity
            .into_iter()
            .map(|entity| QuotaEntity {
                kind: entity.entity_type.to_string(),
                name: entity.entity_name.map(|name| name.to_string()),
            })
            .collect(),
        limits: entry
            .values
            .into_iter()
            .map(|limit| QuotaLimit {
                name: limit.key.to_string(),
                value: limit.value,
            })
            .collect(),
    });
    let mut quotas: Vec<Quota> = quotas.collect();
    quotas.sort_by_cached_key(|quota| {
        let entity = quota.entity.iter().map(|it| (it.kind.clone(), it.name.clone()));
        entity.collect::<Vec<_>>()
    });
    Ok(quotas)
}
