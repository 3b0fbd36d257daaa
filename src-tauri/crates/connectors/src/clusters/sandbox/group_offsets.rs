//! Committed offsets of groups: commit, fetch, delete.
//!
//! Invariants: a member commits only in its own generation; a client without a group membership (`generation` -1)
//! commits only while the group has no members. Offsets are kept for topics that exist.

use std::collections::BTreeSet;
use std::time::Instant;

use bytes::{Buf, Bytes};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::offset_commit_request::OffsetCommitRequestPartition;
use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_protocol::messages::offset_delete_response::{
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{
    OffsetCommitRequest, OffsetCommitResponse, OffsetDeleteRequest, OffsetDeleteResponse, OffsetFetchRequest,
    OffsetFetchResponse, TopicName,
};

use super::Broker;
use super::group::{Committed, Group, State};
use super::groups::Groups;
use super::topics::{code, text};

/// Longest text that a client may keep with an offset (Kafka's `offset.metadata.max.bytes`).
const METADATA_BYTES_MAX: usize = 4096;

pub fn commit(broker: &Broker, request: OffsetCommitRequest) -> OffsetCommitResponse {
    let mut groups = broker.groups();
    let allowed = may_commit(&mut groups, &request);
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|asked| {
            let stored = allowed.and_then(|()| {
                broker
                    .log()
                    .partition(&topic.name, asked.partition_index)
                    .map(|_| ())?;
                store(
                    &mut groups,
                    broker.limits.group_offsets_max,
                    &request.group_id,
                    &topic.name,
                    asked,
                )
            });
            OffsetCommitResponsePartition::default()
                .with_partition_index(asked.partition_index)
                .with_error_code(code(&stored))
        });
        let partitions = partitions.collect();
        OffsetCommitResponseTopic::default()
            .with_name(topic.name)
            .with_partitions(partitions)
    });
    OffsetCommitResponse::default().with_topics(topics.collect())
}

fn may_commit(groups: &mut Groups, request: &OffsetCommitRequest) -> Result<(), ResponseError> {
    let generation = request.generation_id_or_member_epoch;
    let group = match groups.get_mut(&request.group_id) {
        Some(group) => group,
        None if generation < 0 => groups.get_or_create(&request.group_id)?,
        None => return Err(ResponseError::IllegalGeneration),
    };
    if generation < 0 && request.member_id.is_empty() {
        let empty = group.state == State::Empty;
        return if empty {
            Ok(())
        } else {
            Err(ResponseError::UnknownMemberId)
        };
    }
    group.check(&request.member_id, generation, Instant::now())?;
    match group.state {
        State::CompletingRebalance => Err(ResponseError::RebalanceInProgress),
        _ => Ok(()),
    }
}

fn store(
    groups: &mut Groups,
    offsets_max: usize,
    group_id: &str,
    topic: &str,
    asked: &OffsetCommitRequestPartition,
) -> Result<(), ResponseError> {
    let metadata = asked.committed_metadata.as_deref().unwrap_or_default();
    if metadata.len() > METADATA_BYTES_MAX {
        return Err(ResponseError::OffsetMetadataTooLarge);
    }
    let group = groups.get_or_create(group_id)?;
    let key = (topic.to_owned(), asked.partition_index);
    if !group.offsets.contains_key(&key) && group.offsets.len() >= offsets_max {
        return Err(ResponseError::PolicyViolation);
    }
    let leader_epoch = asked.committed_leader_epoch;
    let committed = Committed {
        offset: asked.committed_offset,
        leader_epoch,
        metadata: metadata.to_owned(),
    };
    group.offsets.insert(key, committed);
    Ok(())
}

/// One topic's committed offsets, with `None` where there is none.
type Found = (String, Vec<(i32, Option<Committed>)>);

/// The offsets asked for, or all of the group when none are named.
fn find(group: Option<&Group>, asked: Option<Vec<(TopicName, Vec<i32>)>>) -> Vec<Found> {
    let offsets = group.map(|group| &group.offsets);
    let Some(asked) = asked else {
        let mut found: Vec<Found> = Vec::new();
        for ((topic, index), committed) in offsets.into_iter().flatten() {
            let partition = (*index, Some(committed.clone()));
            match found.last_mut() {
                Some((last, partitions)) if last == topic => partitions.push(partition),
                _ => found.push((topic.clone(), vec![partition])),
            }
        }
        return found;
    };
    let find_one = |topic: &str, index: i32| offsets?.get(&(topic.to_owned(), index)).cloned();
    asked
        .into_iter()
        .map(|(topic, indexes)| {
            let partitions = indexes.into_iter().map(|index| (index, find_one(&topic, index)));
            (topic.to_string(), partitions.collect())
        })
        .collect()
}

pub fn fetch(broker: &Broker, version: i16, request: OffsetFetchRequest) -> OffsetFetchResponse {
    let groups = broker.groups();
    if version >= 8 {
        let answers = request.groups.into_iter().map(|asked| {
            let topics = asked.topics.map(|topics| {
                topics
                    .into_iter()
                    .map(|topic| (topic.name, topic.partition_indexes))
                    .collect()
            });
            let found = find(groups.get(&asked.group_id), topics);
            OffsetFetchResponseGroup::default()
                .with_group_id(asked.group_id)
                .with_topics(found.into_iter().map(new_topic).collect())
        });
        return OffsetFetchResponse::default().with_groups(answers.collect());
    }
    let topics = request.topics.map(|topics| {
        topics
            .into_iter()
            .map(|topic| (topic.name, topic.partition_indexes))
            .collect()
    });
    let found = find(groups.get(&request.group_id), topics);
    OffsetFetchResponse::default()
        .with_topics(found.into_iter().map(|found| old_topic(version, found)).collect())
}

fn none() -> Committed {
    Committed {
        offset: -1,
        leader_epoch: -1,
        metadata: String::new(),
    }
}

/// A topic in the form of version 8 and later.
fn new_topic((topic, partitions): Found) -> OffsetFetchResponseTopics {
    let partitions = partitions.into_iter().map(|(index, committed)| {
        let committed = committed.unwrap_or_else(none);
        OffsetFetchResponsePartitions::default()
            .with_partition_index(index)
            .with_committed_offset(committed.offset)
            .with_committed_leader_epoch(committed.leader_epoch)
            .with_metadata(Some(text(&committed.metadata)))
    });
    OffsetFetchResponseTopics::default()
        .with_name(TopicName(text(&topic)))
        .with_partitions(partitions.collect())
}

/// A topic in the form of versions 1 to 7.
fn old_topic(version: i16, (topic, partitions): Found) -> OffsetFetchResponseTopic {
    let partitions = partitions.into_iter().map(|(index, committed)| {
        let committed = committed.unwrap_or_else(none);
        OffsetFetchResponsePartition::default()
            .with_partition_index(index)
            .with_committed_offset(committed.offset)
            .with_committed_leader_epoch(if version >= 5 { committed.leader_epoch } else { -1 })
            .with_metadata(Some(text(&committed.metadata)))
    });
    OffsetFetchResponseTopic::default()
        .with_name(TopicName(text(&topic)))
        .with_partitions(partitions.collect())
}

pub fn delete(broker: &Broker, request: OffsetDeleteRequest) -> OffsetDeleteResponse {
    let mut groups = broker.groups();
    let Some(group) = groups.get_mut(&request.group_id) else {
        return OffsetDeleteResponse::default().with_error_code(ResponseError::GroupIdNotFound.code());
    };
    let subscribed = subscriptions(group);
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|asked| {
            let deleted = if subscribed.contains(topic.name.as_str()) {
                Err(ResponseError::GroupSubscribedToTopic)
            } else {
                group
                    .offsets
                    .remove(&(topic.name.to_string(), asked.partition_index));
                Ok(())
            };
            OffsetDeleteResponsePartition::default()
                .with_partition_index(asked.partition_index)
                .with_error_code(code(&deleted))
        });
        let partitions = partitions.collect();
        OffsetDeleteResponseTopic::default()
            .with_name(topic.name)
            .with_partitions(partitions)
    });
    let topics = topics.collect();
    OffsetDeleteResponse::default().with_topics(topics)
}

/// The topics that members of the group are subscribed to.
fn subscriptions(group: &Group) -> BTreeSet<String> {
    let all = group
        .members
        .values()
        .flat_map(|member| member.protocols.iter().map(|(_, metadata)| metadata.clone()));
    all.flat_map(|metadata| read_subscription(metadata).unwrap_or_default())
        .collect()
}

/// Topics of a consumer's join metadata: version, then an array of names (the `ConsumerProtocolSubscription` schema).
fn read_subscription(mut metadata: Bytes) -> Option<Vec<String>> {
    metadata.try_get_i16().ok()?;
    let count = metadata.try_get_i32().ok()?;
    let mut topics = Vec::new();
    for _ in 0..count {
        let length = usize::try_from(metadata.try_get_i16().ok()?).ok()?;
        if metadata.remaining() < length {
            return None;
        }
        topics.push(String::from_utf8(metadata.split_to(length).to_vec()).ok()?);
    }
    Some(topics)
}
