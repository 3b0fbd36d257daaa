//! Requests about topics and the cluster: metadata, creation and deletion, partitions, watermarks and offsets by time.
//!
//! Invariant: an answer names every topic or partition that was asked for, each with its own error code.

use std::collections::BTreeMap;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::create_topics_response::{CreatableTopicConfigs, CreatableTopicResult};
use kafka_protocol::messages::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsTopicResult,
};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderTopicResult,
};
use kafka_protocol::messages::{
    BrokerId, CreatePartitionsRequest, CreatePartitionsResponse, CreateTopicsRequest, CreateTopicsResponse,
    DeleteRecordsRequest, DeleteRecordsResponse, DeleteTopicsRequest, DeleteTopicsResponse,
    DescribeClusterRequest, DescribeClusterResponse, DescribeLogDirsRequest, DescribeLogDirsResponse,
    ListOffsetsRequest, ListOffsetsResponse, MetadataRequest, MetadataResponse, OffsetForLeaderEpochRequest,
    OffsetForLeaderEpochResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::log::{Log, Topic};
use super::{Broker, topic_configs};

/// The sandbox's only broker.
pub const NODE: BrokerId = BrokerId(0);
/// Every partition has had one leader since it exists.
pub const LEADER_EPOCH: i32 = 0;
pub const HOST: &str = "127.0.0.1";
/// Partitions of a topic that is created without a number of its own.
const PARTITIONS_DEFAULT: usize = 1;
/// Kafka's own limit on a topic's name.
const TOPIC_NAME_BYTES_MAX: usize = 249;
/// Timestamps with a meaning of their own in `ListOffsets`.
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const NEWEST_BY_TIME: i64 = -3;

/// An error code with the sentence that goes with it.
pub type Refusal = (ResponseError, String);

pub fn text(value: &str) -> StrBytes {
    StrBytes::from_string(value.to_owned())
}

pub fn code<T>(result: &Result<T, ResponseError>) -> i16 {
    result.as_ref().err().map_or(0, ResponseError::code)
}

pub fn metadata(broker: &Broker, version: i16, request: MetadataRequest) -> MetadataResponse {
    let log = broker.log();
    // Version 0 asks for all topics with an empty list, later ones with none at all.
    let asked = request.topics.filter(|topics| version > 0 || !topics.is_empty());
    let topics = match asked {
        None => log
            .topics()
            .iter()
            .map(|(name, topic)| topic_metadata(name, topic))
            .collect(),
        Some(asked) => asked
            .into_iter()
            .map(|asked| {
                let found = match &asked.name {
                    Some(name) => log.topics().get_key_value(name.as_str()),
                    None => log.topics().iter().find(|(_, topic)| topic.id == asked.topic_id),
                };
                let error = match asked.name {
                    Some(_) => ResponseError::UnknownTopicOrPartition,
                    None => ResponseError::UnknownTopicId,
                };
                match found {
                    Some((name, topic)) => topic_metadata(name, topic),
                    None => MetadataResponseTopic::default()
                        .with_error_code(error.code())
                        // Before version 12 a name cannot be missing.
                        .with_name(asked.name.or_else(|| (version < 12).then(TopicName::default)))
                        .with_topic_id(asked.topic_id),
                }
            })
            .collect(),
    };
    let node = MetadataResponseBroker::default()
        .with_node_id(NODE)
        .with_host(StrBytes::from_static_str(HOST))
        .with_port(i32::from(broker.port));
    MetadataResponse::default()
        .with_brokers(vec![node])
        .with_cluster_id(Some(text(&broker.cluster_id)))
        .with_controller_id(NODE)
        .with_topics(topics)
}

fn topic_metadata(name: &str, topic: &Topic) -> MetadataResponseTopic {
    let partitions = (0..topic.partitions.len() as i32).map(|index| {
        MetadataResponsePartition::default()
            .with_partition_index(index)
            .with_leader_id(NODE)
            .with_leader_epoch(LEADER_EPOCH)
            .with_replica_nodes(vec![NODE])
            .with_isr_nodes(vec![NODE])
    });
    MetadataResponseTopic::default()
        .with_name(Some(TopicName(text(name))))
        .with_topic_id(topic.id)
        .with_partitions(partitions.collect())
}

pub fn describe_cluster(broker: &Broker, request: &DescribeClusterRequest) -> DescribeClusterResponse {
    let node = DescribeClusterBroker::default()
        .with_broker_id(NODE)
        .with_host(StrBytes::from_static_str(HOST))
        .with_port(i32::from(broker.port));
    DescribeClusterResponse::default()
        .with_endpoint_type(request.endpoint_type)
        .with_cluster_id(text(&broker.cluster_id))
        .with_controller_id(NODE)
        .with_brokers(vec![node])
}

pub fn create(broker: &Broker, version: i16, request: CreateTopicsRequest) -> CreateTopicsResponse {
    let mut log = broker.log();
    let topics = request.topics.into_iter().map(|asked| {
        let name = asked.name.clone();
        match create_one(broker, &mut log, asked, request.validate_only) {
            Ok(created) => created.with_name(name),
            Err((error, message)) => CreatableTopicResult::default()
                .with_name(name)
                .with_error_code(error.code())
                .with_error_message(Some(text(&message)))
                .with_num_partitions(-1)
                .with_replication_factor(-1)
                .with_configs((version >= 5).then(Vec::new)),
        }
    });
    CreateTopicsResponse::default().with_topics(topics.collect())
}

fn create_one(
    broker: &Broker,
    log: &mut Log,
    asked: CreatableTopic,
    validate_only: bool,
) -> Result<CreatableTopicResult, Refusal> {
    let name = asked.name.as_str();
    check_name(name)?;
    if log.topics().contains_key(name) {
        return Err((
            ResponseError::TopicAlreadyExists,
            format!("Topic {name} exists already."),
        ));
    }
    let (max, partitions_max) = (broker.limits.topics_max, broker.limits.partitions_max);
    if log.topics().len() >= max {
        return Err((
            ResponseError::PolicyViolation,
            format!("The sandbox holds at most {max} topics."),
        ));
    }
    let partitions = match (asked.assignments.len(), asked.num_partitions) {
        (0, -1) => PARTITIONS_DEFAULT,
        (0, given) => usize::try_from(given).unwrap_or(0),
        (assigned, _) => assigned,
    };
    if !(1..=partitions_max).contains(&partitions) {
        let message = format!("A topic of the sandbox has 1 to {partitions_max} partitions.");
        return Err((ResponseError::InvalidPartitions, message));
    }
    if asked.replication_factor > 1 || asked.assignments.iter().any(|given| given.broker_ids != [NODE]) {
        let message = "The sandbox is one broker: the replication factor is 1.".to_owned();
        return Err((ResponseError::InvalidReplicationFactor, message));
    }
    let given: BTreeMap<_, _> = asked
        .configs
        .iter()
        .filter_map(|config| Some((config.name.to_string(), config.value.as_ref()?.to_string())))
        .collect();
    let config = topic_configs::parse(given)?;
    let shown = topic_configs::all(&config, &broker.limits)
        .into_iter()
        .map(|shown| {
            CreatableTopicConfigs::default()
                .with_name(StrBytes::from_static_str(shown.name))
                .with_value(Some(text(&shown.value)))
                .with_read_only(shown.read_only)
                .with_config_source(shown.source)
        });
    let shown = shown.collect();
    let id = if validate_only {
        Uuid::nil()
    } else {
        log.create(name, partitions, config)
    };
    Ok(CreatableTopicResult::default()
        .with_topic_id(id)
        .with_num_partitions(partitions as i32)
        .with_replication_factor(1)
        .with_configs(Some(shown)))
}

fn check_name(name: &str) -> Result<(), Refusal> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if !name.is_empty()
        && name.len() <= TOPIC_NAME_BYTES_MAX
        && name.bytes().all(allowed)
        && !matches!(name, "." | "..")
    {
        return Ok(());
    }
    let message = format!(
        "A topic's name has 1 to {TOPIC_NAME_BYTES_MAX} letters, digits, dots, underscores or hyphens: {name:?} has not."
    );
    Err((ResponseError::InvalidTopicException, message))
}

pub fn delete(broker: &Broker, version: i16, request: DeleteTopicsRequest) -> DeleteTopicsResponse {
    let by_name = request
        .topic_names
        .into_iter()
        .map(|name| DeleteTopicState::default().with_name(Some(name)));
    let asked: Vec<_> = if version >= 6 {
        request.topics
    } else {
        by_name.collect()
    };
    let mut results = Vec::with_capacity(asked.len());
    for state in asked {
        let mut log = broker.log();
        let name = match &state.name {
            Some(name) => Some(name.to_string()),
            None => log
                .topics()
                .iter()
                .find(|(_, topic)| topic.id == state.topic_id)
                .map(|(name, _)| name.clone()),
        };
        let deleted = name.as_deref().and_then(|name| log.delete(name));
        drop(log);
        if let (Some(name), Some(_)) = (&name, &deleted) {
            broker.groups().forget_topic(name);
            broker.wake_fetches();
        }
        let error = match (&deleted, &state.name) {
            (Some(_), _) => 0,
            (None, Some(_)) => ResponseError::UnknownTopicOrPartition.code(),
            (None, None) => ResponseError::UnknownTopicId.code(),
        };
        let id = deleted.map_or(state.topic_id, |topic| topic.id);
        results.push(
            DeletableTopicResult::default()
                .with_name(name.map(|name| TopicName(text(&name))))
                .with_topic_id(id)
                .with_error_code(error),
        );
    }
    DeleteTopicsResponse::default().with_responses(results)
}

pub fn create_partitions(broker: &Broker, request: CreatePartitionsRequest) -> CreatePartitionsResponse {
    let mut log = broker.log();
    let max = broker.limits.partitions_max;
    let results = request.topics.into_iter().map(|asked| {
        let name = asked.name.as_str();
        let has = log.topics().get(name).map(|topic| topic.partitions.len());
        let count = usize::try_from(asked.count).unwrap_or(0);
        let refused = match has {
            None => Some((
                ResponseError::UnknownTopicOrPartition,
                format!("There is no topic {name}."),
            )),
            Some(has) if count <= has => Some((
                ResponseError::InvalidPartitions,
                format!("Topic {name} has {has} partitions already."),
            )),
            Some(_) if count > max => {
                let message = format!("A topic of the sandbox has at most {max} partitions.");
                Some((ResponseError::InvalidPartitions, message))
            }
            Some(_) => None,
        };
        if refused.is_none() && !request.validate_only {
            log.grow(name, count);
        }
        let (error, message) =
            refused.map_or((0, None), |(error, message)| (error.code(), Some(text(&message))));
        CreatePartitionsTopicResult::default()
            .with_name(asked.name.clone())
            .with_error_code(error)
            .with_error_message(message)
    });
    CreatePartitionsResponse::default().with_results(results.collect())
}

pub fn delete_records(broker: &Broker, request: DeleteRecordsRequest) -> DeleteRecordsResponse {
    let mut log = broker.log();
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|asked| {
            let low = log.delete_records(&topic.name, asked.partition_index, asked.offset);
            DeleteRecordsPartitionResult::default()
                .with_partition_index(asked.partition_index)
                .with_error_code(code(&low))
                .with_low_watermark(low.unwrap_or(-1))
        });
        let partitions = partitions.collect();
        DeleteRecordsTopicResult::default()
            .with_name(topic.name)
            .with_partitions(partitions)
    });
    DeleteRecordsResponse::default().with_topics(topics.collect())
}

/// One folder, in memory, with every partition and its bytes.
pub fn describe_logs(
    broker: &Broker,
    version: i16,
    request: DescribeLogDirsRequest,
) -> DescribeLogDirsResponse {
    let log = broker.log();
    let wanted = |topic: &str, index: i32| {
        request.topics.as_ref().is_none_or(|topics| {
            topics
                .iter()
                .any(|asked| asked.topic.as_str() == topic && asked.partitions.contains(&index))
        })
    };
    let topics = log.topics().iter().map(|(name, topic)| {
        let partitions = topic
            .partitions
            .iter()
            .enumerate()
            .filter_map(|(index, partition)| {
                let index = i32::try_from(index).ok()?;
                wanted(name, index).then(|| {
                    DescribeLogDirsPartition::default()
                        .with_partition_index(index)
                        .with_partition_size(i64::try_from(partition.bytes()).unwrap_or(i64::MAX))
                })
            });
        DescribeLogDirsTopic::default()
            .with_name(TopicName(text(name)))
            .with_partitions(partitions.collect())
    });
    let folder = DescribeLogDirsResult::default()
        .with_log_dir(StrBytes::from_static_str("memory"))
        .with_topics(topics.filter(|topic| !topic.partitions.is_empty()).collect());
    // Memory has no size of a disk.
    let folder = match version {
        4.. => folder.with_total_bytes(-1).with_usable_bytes(-1),
        _ => folder,
    };
    DescribeLogDirsResponse::default().with_results(vec![folder])
}

pub fn list_offsets(broker: &Broker, request: ListOffsetsRequest) -> ListOffsetsResponse {
    let log = broker.log();
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|asked| {
            let found = find_offset(&log, &topic.name, asked.partition_index, asked.timestamp);
            let error = code(&found);
            let (offset, time_ms) = found.ok().flatten().unwrap_or((-1, -1));
            ListOffsetsPartitionResponse::default()
                .with_partition_index(asked.partition_index)
                .with_error_code(error)
                .with_offset(offset)
                .with_timestamp(time_ms)
                .with_leader_epoch(if offset < 0 { -1 } else { LEADER_EPOCH })
        });
        let partitions = partitions.collect();
        ListOffsetsTopicResponse::default()
            .with_name(topic.name)
            .with_partitions(partitions)
    });
    let topics = topics.collect();
    ListOffsetsResponse::default().with_topics(topics)
}

/// Offset and timestamp; the watermarks have no timestamp (-1), and `None` means that no record is that new.
fn find_offset(
    log: &Log,
    topic: &str,
    index: i32,
    time_ms: i64,
) -> Result<Option<(i64, i64)>, ResponseError> {
    let partition = log.partition(topic, index)?;
    match time_ms {
        LATEST => Ok(Some((partition.high_watermark(), -1))),
        EARLIEST => Ok(Some((partition.low_watermark(), -1))),
        NEWEST_BY_TIME => Ok(partition.newest()),
        0.. => Ok(partition.offset_at(time_ms)),
        _ => Err(ResponseError::UnsupportedVersion),
    }
}

pub fn offset_for_leader_epoch(
    broker: &Broker,
    request: OffsetForLeaderEpochRequest,
) -> OffsetForLeaderEpochResponse {
    let log = broker.log();
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|asked| {
            let end = log
                .partition(&topic.topic, asked.partition)
                .map(|partition| partition.high_watermark());
            EpochEndOffset::default()
                .with_partition(asked.partition)
                .with_error_code(code(&end))
                .with_leader_epoch(end.map_or(-1, |_| LEADER_EPOCH))
                .with_end_offset(end.unwrap_or(-1))
        });
        let partitions = partitions.collect();
        OffsetForLeaderTopicResult::default()
            .with_topic(topic.topic)
            .with_partitions(partitions)
    });
    let topics = topics.collect();
    OffsetForLeaderEpochResponse::default().with_topics(topics)
}
