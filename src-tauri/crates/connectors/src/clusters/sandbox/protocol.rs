//! Connections: frames in, frames out, and which function answers which request.
//!
//! A connection is answered strictly in order, one request at a time, as Kafka does. A frame that is too large or
//! that cannot be decoded ends its connection: there is no way to answer what cannot be read. The one exception is
//! `ApiVersions`, which answers a version it does not know with error 35 in version 0, so that any client can find a
//! common version (KIP-511).

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, ApiVersionsResponse, DescribeAclsRequest, DescribeAclsResponse,
    RequestHeader, ResponseHeader,
};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Broker, group_api, group_offsets, produce_fetch, topic_configs, topics};

/// What the sandbox answers, with the oldest and newest version of each. Versions that name topics by id (fetch 13,
/// produce 13, metadata 13) are left out: a client falls back to names.
const VERSIONS: [(ApiKey, i16, i16); 28] = [
    (ApiKey::Produce, 3, 9),
    (ApiKey::Fetch, 4, 12),
    (ApiKey::ListOffsets, 4, 7),
    (ApiKey::Metadata, 0, 12),
    (ApiKey::OffsetCommit, 2, 8),
    (ApiKey::OffsetFetch, 1, 8),
    (ApiKey::FindCoordinator, 0, 4),
    (ApiKey::JoinGroup, 0, 9),
    (ApiKey::Heartbeat, 0, 4),
    (ApiKey::LeaveGroup, 0, 5),
    (ApiKey::SyncGroup, 0, 5),
    (ApiKey::DescribeGroups, 0, 5),
    (ApiKey::ListGroups, 0, 5),
    (ApiKey::ApiVersions, 0, 4),
    (ApiKey::CreateTopics, 2, 7),
    (ApiKey::DeleteTopics, 1, 6),
    (ApiKey::DeleteRecords, 0, 2),
    (ApiKey::InitProducerId, 0, 4),
    (ApiKey::DescribeConfigs, 1, 4),
    (ApiKey::CreatePartitions, 0, 3),
    (ApiKey::DeleteGroups, 0, 2),
    (ApiKey::OffsetDelete, 0, 0),
    (ApiKey::DescribeCluster, 0, 1),
    (ApiKey::OffsetForLeaderEpoch, 2, 4),
    (ApiKey::AlterConfigs, 0, 2),
    (ApiKey::IncrementalAlterConfigs, 0, 1),
    (ApiKey::DescribeLogDirs, 1, 4),
    (ApiKey::DescribeAcls, 1, 3),
];

/// Who is at the other end of a connection.
#[derive(Debug, Clone)]
pub struct Peer {
    pub host: String,
    pub client_id: String,
}

/// Why a connection was ended.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("a request of {bytes} bytes; request_bytes_max is {max}")]
    TooLarge { bytes: i64, max: usize },
    #[error("request {key} version {version} is not supported")]
    Unsupported { key: i16, version: i16 },
    #[error("bytes that cannot be decoded: {0}")]
    Undecodable(String),
    #[error("an answer that cannot be encoded: {0}")]
    Unencodable(String),
}

/// Takes connections until `token` ends; each is a task of `tracker`.
pub async fn accept(
    listener: TcpListener,
    broker: Arc<Broker>,
    tracker: TaskTracker,
    token: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(broker.limits.connections_max));
    loop {
        let accepted = tokio::select! {
            _ = token.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!("the sandbox could not take a connection: {error}");
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                continue;
            }
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            tracing::warn!(
                "the sandbox refused a connection: connections_max is {}",
                broker.limits.connections_max
            );
            continue;
        };
        let (broker, token) = (broker.clone(), token.clone());
        tracker.spawn(async move {
            let _place = place;
            let end = tokio::select! {
                _ = token.cancelled() => Ok(()),
                end = serve(&broker, stream, address.ip().to_string()) => end,
            };
            if let Err(fault) = end {
                tracing::debug!("the sandbox closed the connection from {address}: {fault}");
            }
        });
    }
}

/// Answers one connection until its client closes it.
async fn serve(broker: &Broker, stream: TcpStream, host: String) -> Result<(), Fault> {
    stream.set_nodelay(true)?;
    let (input, mut output) = stream.into_split();
    let mut input = BufReader::new(input);
    loop {
        let length = match input.read_i32().await {
            Ok(length) => length,
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let max = broker.limits.request_bytes_max;
        let size = usize::try_from(length).ok().filter(|size| *size <= max);
        let size = size.ok_or(Fault::TooLarge {
            bytes: length.into(),
            max,
        })?;
        let mut frame = BytesMut::zeroed(size);
        input.read_exact(&mut frame).await?;
        if let Some(answer) = answer(broker, &host, frame.freeze()).await? {
            output.write_all(&answer).await?;
        }
    }
}

/// One request: what it is, and how its answer has to be written.
struct Call {
    api: ApiKey,
    version: i16,
    correlation_id: i32,
    body: Bytes,
}

impl Call {
    fn read<T: Decodable>(&self) -> Result<T, Fault> {
        let mut body = self.body.clone();
        T::decode(&mut body, self.version)
            .map_err(|error| Fault::Undecodable(format!("{:?}: {error}", self.api)))
    }

    /// The whole frame: length, header, body.
    fn write<T: Encodable + HeaderVersion>(&self, body: &T) -> Result<Option<BytesMut>, Fault> {
        let version = self.version;
        let fault = |error| Fault::Unencodable(format!("{:?} version {version}: {error}", self.api));
        let mut frame = BytesMut::new();
        frame.put_i32(0);
        let header = ResponseHeader::default().with_correlation_id(self.correlation_id);
        header
            .encode(&mut frame, T::header_version(version))
            .map_err(fault)?;
        body.encode(&mut frame, version).map_err(fault)?;
        let length = i32::try_from(frame.len() - 4).map_err(|error| fault(error.into()))?;
        frame[..4].copy_from_slice(&length.to_be_bytes());
        Ok(Some(frame))
    }
}

/// Reads the header, checks the version and answers; `None` where the protocol has no answer (produce, acks 0).
async fn answer(broker: &Broker, host: &str, mut frame: Bytes) -> Result<Option<BytesMut>, Fault> {
    if frame.len() < 8 {
        return Err(Fault::Undecodable("a request without a header".to_owned()));
    }
    let key = i16::from_be_bytes([frame[0], frame[1]]);
    let version = i16::from_be_bytes([frame[2], frame[3]]);
    let unsupported = Fault::Unsupported { key, version };
    let Some((api, min, max)) = VERSIONS.iter().find(|(api, ..)| *api as i16 == key) else {
        return Err(unsupported);
    };
    if !(*min..=*max).contains(&version) {
        if *api != ApiKey::ApiVersions {
            return Err(unsupported);
        }
        let correlation_id = i32::from_be_bytes([frame[4], frame[5], frame[6], frame[7]]);
        let call = Call {
            api: *api,
            version: 0,
            correlation_id,
            body: Bytes::new(),
        };
        return call.write(&api_versions(Some(ResponseError::UnsupportedVersion)));
    }
    let header = RequestHeader::decode(&mut frame, api.request_header_version(version))
        .map_err(|error| Fault::Undecodable(format!("the header of {api:?}: {error}")))?;
    let client_id = header.client_id.as_deref().unwrap_or_default().to_owned();
    let peer = Peer {
        host: host.to_owned(),
        client_id,
    };
    let call = Call {
        api: *api,
        version,
        correlation_id: header.correlation_id,
        body: frame,
    };
    dispatch(broker, &peer, &call).await
}

/// Which function answers which request.
async fn dispatch(broker: &Broker, peer: &Peer, call: &Call) -> Result<Option<BytesMut>, Fault> {
    let version = call.version;
    match call.api {
        ApiKey::ApiVersions => {
            call.read::<ApiVersionsRequest>()?;
            call.write(&api_versions(None))
        }
        ApiKey::Produce => match produce_fetch::produce(broker, call.read()?) {
            Some(answer) => call.write(&answer),
            None => Ok(None),
        },
        ApiKey::Fetch => call.write(&produce_fetch::fetch(broker, call.read()?).await),
        ApiKey::InitProducerId => call.write(&produce_fetch::init_producer_id(broker, &call.read()?)),
        ApiKey::ListOffsets => call.write(&topics::list_offsets(broker, call.read()?)),
        ApiKey::OffsetForLeaderEpoch => call.write(&topics::offset_for_leader_epoch(broker, call.read()?)),
        ApiKey::Metadata => call.write(&topics::metadata(broker, version, call.read()?)),
        ApiKey::DescribeCluster => call.write(&topics::describe_cluster(broker, &call.read()?)),
        ApiKey::CreateTopics => call.write(&topics::create(broker, version, call.read()?)),
        ApiKey::DeleteTopics => call.write(&topics::delete(broker, version, call.read()?)),
        ApiKey::CreatePartitions => call.write(&topics::create_partitions(broker, call.read()?)),
        ApiKey::DeleteRecords => call.write(&topics::delete_records(broker, call.read()?)),
        ApiKey::DescribeConfigs => call.write(&topic_configs::describe(broker, call.read()?)),
        ApiKey::AlterConfigs => call.write(&topic_configs::alter(broker, call.read()?)),
        ApiKey::IncrementalAlterConfigs => {
            call.write(&topic_configs::alter_incrementally(broker, call.read()?))
        }
        ApiKey::DescribeLogDirs => call.write(&topics::describe_logs(broker, version, call.read()?)),
        ApiKey::DescribeAcls => {
            call.read::<DescribeAclsRequest>()?;
            call.write(&no_acls())
        }
        ApiKey::FindCoordinator => call.write(&group_api::find_coordinator(broker, version, call.read()?)),
        ApiKey::JoinGroup => call.write(&group_api::join(broker, peer, version, call.read()?).await),
        ApiKey::SyncGroup => call.write(&group_api::sync(broker, version, call.read()?).await),
        ApiKey::Heartbeat => call.write(&group_api::heartbeat(broker, &call.read()?)),
        ApiKey::LeaveGroup => call.write(&group_api::leave(broker, version, call.read()?)),
        ApiKey::ListGroups => call.write(&group_api::list(broker, version, &call.read()?)),
        ApiKey::DescribeGroups => call.write(&group_api::describe(broker, call.read()?)),
        ApiKey::DeleteGroups => call.write(&group_api::delete(broker, call.read()?)),
        ApiKey::OffsetCommit => call.write(&group_offsets::commit(broker, call.read()?)),
        ApiKey::OffsetFetch => call.write(&group_offsets::fetch(broker, version, call.read()?)),
        ApiKey::OffsetDelete => call.write(&group_offsets::delete(broker, call.read()?)),
        _ => Err(Fault::Unsupported {
            key: call.api as i16,
            version,
        }),
    }
}

/// What a broker without an authorizer answers.
fn no_acls() -> DescribeAclsResponse {
    let message = "The sandbox has no access rules: everybody may do everything.";
    DescribeAclsResponse::default()
        .with_error_code(ResponseError::SecurityDisabled.code())
        .with_error_message(Some(topics::text(message)))
}

fn api_versions(error: Option<ResponseError>) -> ApiVersionsResponse {
    let keys = VERSIONS.iter().map(|(api, min, max)| {
        ApiVersion::default()
            .with_api_key(*api as i16)
            .with_min_version(*min)
            .with_max_version(*max)
    });
    ApiVersionsResponse::default()
        .with_error_code(error.map_or(0, |error| error.code()))
        .with_api_keys(keys.collect())
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::*;

    use super::super::log::TopicConfig;
    use super::super::{SandboxLimits, topics::text};
    use super::*;

    /// The codec refuses to write a field that a version does not have, so an answer is written in every version.
    #[tokio::test]
    async fn every_answer_can_be_written_in_every_version_that_is_offered() {
        let broker = Broker::new(SandboxLimits::default(), 9092);
        broker.log().create("t", 1, TopicConfig::default());
        let ready = broker.groups().get_or_create("g").map(|_| ());
        assert_eq!(ready, Ok(()));
        for (api, min, max) in VERSIONS {
            for version in min..=max {
                let call = Call {
                    api,
                    version,
                    correlation_id: 1,
                    body: Bytes::new(),
                };
                let written = write_some(&broker, &call).await;
                assert!(written.is_ok(), "{api:?} version {version}: {written:?}");
            }
        }
    }

    async fn write_some(broker: &Broker, call: &Call) -> Result<Option<BytesMut>, Fault> {
        let version = call.version;
        let topic = TopicName(text("t"));
        match call.api {
            ApiKey::ApiVersions => call.write(&api_versions(None)),
            ApiKey::Metadata => {
                let topics = [Some(topic), Some(TopicName(text("missing")))]
                    .map(|name| metadata_request::MetadataRequestTopic::default().with_name(name));
                let request = MetadataRequest::default().with_topics(Some(topics.to_vec()));
                call.write(&topics::metadata(broker, version, request))
            }
            ApiKey::CreateTopics => {
                let new = ["new", "t"].map(|name| {
                    let name = TopicName(text(name));
                    create_topics_request::CreatableTopic::default()
                        .with_name(name)
                        .with_num_partitions(1)
                });
                let request = CreateTopicsRequest::default()
                    .with_validate_only(true)
                    .with_topics(new.to_vec());
                call.write(&topics::create(broker, version, request))
            }
            ApiKey::DescribeConfigs => {
                let topic = describe_configs_request::DescribeConfigsResource::default()
                    .with_resource_type(2)
                    .with_resource_name(text("t"));
                let request = DescribeConfigsRequest::default().with_resources(vec![topic]);
                call.write(&topic_configs::describe(broker, request))
            }
            ApiKey::ListOffsets => {
                let partition = list_offsets_request::ListOffsetsPartition::default().with_timestamp(-1);
                let asked = list_offsets_request::ListOffsetsTopic::default()
                    .with_name(topic)
                    .with_partitions(vec![partition]);
                let request = ListOffsetsRequest::default().with_topics(vec![asked]);
                call.write(&topics::list_offsets(broker, request))
            }
            ApiKey::Fetch => {
                let partitions = vec![fetch_request::FetchPartition::default()];
                let asked = fetch_request::FetchTopic::default()
                    .with_topic(topic)
                    .with_partitions(partitions);
                let request = FetchRequest::default()
                    .with_max_wait_ms(0)
                    .with_topics(vec![asked]);
                call.write(&produce_fetch::fetch(broker, request).await)
            }
            ApiKey::DescribeCluster => call.write(&topics::describe_cluster(broker, &Default::default())),
            ApiKey::InitProducerId => {
                let request = InitProducerIdRequest::default().with_transactional_id(Some(text("x").into()));
                call.write(&produce_fetch::init_producer_id(broker, &request))
            }
            ApiKey::OffsetForLeaderEpoch => {
                call.write(&topics::offset_for_leader_epoch(broker, Default::default()))
            }
            ApiKey::DeleteTopics => call.write(&topics::delete(broker, version, Default::default())),
            _ => write_of_groups(broker, call).await,
        }
    }

    async fn write_of_groups(broker: &Broker, call: &Call) -> Result<Option<BytesMut>, Fault> {
        let peer = Peer {
            host: "127.0.0.1".to_owned(),
            client_id: "c".to_owned(),
        };
        let version = call.version;
        let topic = TopicName(text("t"));
        match call.api {
            ApiKey::OffsetFetch => {
                let old = offset_fetch_request::OffsetFetchRequestTopic::default()
                    .with_name(topic.clone())
                    .with_partition_indexes(vec![0]);
                let new = offset_fetch_request::OffsetFetchRequestTopics::default()
                    .with_name(topic)
                    .with_partition_indexes(vec![0]);
                let group = offset_fetch_request::OffsetFetchRequestGroup::default()
                    .with_group_id(GroupId(text("g")))
                    .with_topics(Some(vec![new]));
                let request = OffsetFetchRequest::default()
                    .with_topics(Some(vec![old]))
                    .with_groups(vec![group]);
                call.write(&group_offsets::fetch(broker, version, request))
            }
            ApiKey::FindCoordinator => {
                let request = FindCoordinatorRequest::default().with_coordinator_keys(vec![text("g")]);
                call.write(&group_api::find_coordinator(broker, version, request))
            }
            ApiKey::JoinGroup => {
                let request = JoinGroupRequest::default().with_group_id(GroupId(text("j")));
                call.write(&group_api::join(broker, &peer, version, request.with_session_timeout_ms(1)).await)
            }
            ApiKey::SyncGroup => call.write(&group_api::sync(broker, version, Default::default()).await),
            ApiKey::LeaveGroup => {
                let member = leave_group_request::MemberIdentity::default().with_member_id(text("m"));
                let request = LeaveGroupRequest::default().with_group_id(GroupId(text("g")));
                call.write(&group_api::leave(
                    broker,
                    version,
                    request.with_members(vec![member]),
                ))
            }
            ApiKey::ListGroups => call.write(&group_api::list(broker, version, &Default::default())),
            ApiKey::DescribeGroups => {
                let request = DescribeGroupsRequest::default().with_groups(vec![GroupId(text("g"))]);
                call.write(&group_api::describe(broker, request))
            }
            _ => write_plain(broker, call),
        }
    }

    /// The answers that have the same fields in every version.
    fn write_plain(broker: &Broker, call: &Call) -> Result<Option<BytesMut>, Fault> {
        match call.api {
            ApiKey::Produce => {
                let request = ProduceRequest::default().with_acks(1);
                produce_fetch::produce(broker, request).map_or(Ok(None), |answer| call.write(&answer))
            }
            ApiKey::CreatePartitions => call.write(&topics::create_partitions(broker, Default::default())),
            ApiKey::DeleteRecords => call.write(&topics::delete_records(broker, Default::default())),
            ApiKey::AlterConfigs => call.write(&topic_configs::alter(broker, Default::default())),
            ApiKey::IncrementalAlterConfigs => {
                call.write(&topic_configs::alter_incrementally(broker, Default::default()))
            }
            ApiKey::DescribeLogDirs => {
                call.write(&topics::describe_logs(broker, call.version, Default::default()))
            }
            ApiKey::DescribeAcls => call.write(&no_acls()),
            ApiKey::Heartbeat => call.write(&group_api::heartbeat(broker, &Default::default())),
            ApiKey::DeleteGroups => call.write(&group_api::delete(broker, Default::default())),
            ApiKey::OffsetCommit => call.write(&group_offsets::commit(broker, Default::default())),
            ApiKey::OffsetDelete => call.write(&group_offsets::delete(broker, Default::default())),
            other => Err(Fault::Unsupported {
                key: other as i16,
                version: call.version,
            }),
        }
    }
}
