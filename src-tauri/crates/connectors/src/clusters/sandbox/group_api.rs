//! Requests about groups and their members, in front of [`Groups`](super::groups::Groups).

use std::time::{Duration, Instant};

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
use kafka_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::{
    DeleteGroupsRequest, DeleteGroupsResponse, DescribeGroupsRequest, DescribeGroupsResponse,
    FindCoordinatorRequest, FindCoordinatorResponse, GroupId, HeartbeatRequest, HeartbeatResponse,
    JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, LeaveGroupResponse, ListGroupsRequest,
    ListGroupsResponse, SyncGroupRequest, SyncGroupResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::Broker;
use super::group::{Group, Join, Joined, State, Synced};
use super::produce_fetch::{NO_TRANSACTIONS, NO_TRANSACTIONS_ERROR};
use super::protocol::Peer;
use super::topics::{HOST, NODE, code, text};

/// Bounds of a session timeout.
const SESSION_TIMEOUT_MS_MIN: i32 = 10;
const SESSION_TIMEOUT_MS_MAX: i32 = 1_800_000;
/// Longest wait for members to join again.
const REBALANCE_TIMEOUT_MS_MAX: i32 = 3_600_000;
/// Key type of a group in `FindCoordinator`; the other ones belong to transactions and share groups.
const KEY_OF_GROUP: i8 = 0;
/// The type that these groups are listed with, as against the next-generation protocol's.
const GROUP_TYPE: &str = "classic";

pub fn find_coordinator(
    broker: &Broker,
    version: i16,
    request: FindCoordinatorRequest,
) -> FindCoordinatorResponse {
    let port = i32::from(broker.port);
    let host = StrBytes::from_static_str(HOST);
    let refused = request.key_type != KEY_OF_GROUP;
    let message = refused.then(|| text(NO_TRANSACTIONS));
    let error = if refused { NO_TRANSACTIONS_ERROR.code() } else { 0 };
    if version < 4 {
        return FindCoordinatorResponse::default()
            .with_error_code(error)
            .with_error_message(message)
            .with_node_id(NODE)
            .with_host(host)
            .with_port(port);
    }
    let coordinators = request.coordinator_keys.into_iter().map(|key| {
        Coordinator::default()
            .with_key(key)
            .with_error_code(error)
            .with_error_message(message.clone())
            .with_node_id(NODE)
            .with_host(host.clone())
            .with_port(port)
    });
    FindCoordinatorResponse::default().with_coordinators(coordinators.collect())
}

pub async fn join(
    broker: &Broker,
    peer: &Peer,
    version: i16,
    request: JoinGroupRequest,
) -> JoinGroupResponse {
    let session_ms = request.session_timeout_ms;
    let joined = if (SESSION_TIMEOUT_MS_MIN..=SESSION_TIMEOUT_MS_MAX).contains(&session_ms) {
        let answer = broker
            .groups()
            .join(join_of(peer, version, &request), Instant::now());
        answer.await.ok()
    } else {
        let error = ResponseError::InvalidSessionTimeout.code();
        Some(Joined {
            error,
            generation: -1,
            ..Joined::default()
        })
    };
    // No answer: the same member asked again on another connection.
    let joined = joined.unwrap_or_else(|| Joined {
        error: ResponseError::RebalanceInProgress.code(),
        generation: -1,
        ..Joined::default()
    });
    let members = joined.members.into_iter().map(|(id, instance_id, metadata)| {
        JoinGroupResponseMember::default()
            .with_member_id(text(&id))
            .with_group_instance_id(instance_id.filter(|_| version >= 5).map(|id| text(&id)))
            .with_metadata(metadata)
    });
    let protocol_type = (version >= 7).then(|| text(&joined.protocol_type));
    JoinGroupResponse::default()
        .with_error_code(joined.error)
        .with_generation_id(joined.generation)
        .with_protocol_type(protocol_type)
        .with_protocol_name(Some(text(&joined.protocol)))
        .with_leader(text(&joined.leader))
        .with_member_id(text(&joined.member_id))
        .with_members(members.collect())
}

fn join_of(peer: &Peer, version: i16, request: &JoinGroupRequest) -> Join {
    let ms = |ms: i32| Duration::from_millis(u64::try_from(ms).unwrap_or(0));
    // Version 0 has no rebalance timeout of its own.
    let rebalance_ms = match request.rebalance_timeout_ms {
        ..=0 => request.session_timeout_ms,
        given => given.min(REBALANCE_TIMEOUT_MS_MAX),
    };
    let protocols = request.protocols.iter();
    Join {
        group_id: request.group_id.to_string(),
        member_id: request.member_id.to_string(),
        instance_id: request.group_instance_id.as_ref().map(|id| id.to_string()),
        client_id: peer.client_id.clone(),
        client_host: format!("/{}", peer.host),
        session_timeout: ms(request.session_timeout_ms),
        rebalance_timeout: ms(rebalance_ms),
        protocol_type: request.protocol_type.to_string(),
        protocols: protocols
            .map(|protocol| (protocol.name.to_string(), protocol.metadata.clone()))
            .collect(),
        id_required: version >= 4,
    }
}

pub async fn sync(broker: &Broker, version: i16, request: SyncGroupRequest) -> SyncGroupResponse {
    let assignments = request
        .assignments
        .into_iter()
        .map(|given| (given.member_id.to_string(), given.assignment))
        .collect();
    let answer = broker.groups().sync(
        &request.group_id,
        &request.member_id,
        request.generation_id,
        assignments,
        Instant::now(),
    );
    let error = ResponseError::RebalanceInProgress.code();
    let synced = answer.await.unwrap_or_else(|_| Synced {
        error,
        ..Synced::default()
    });
    SyncGroupResponse::default()
        .with_error_code(synced.error)
        .with_protocol_type((version >= 5).then(|| text(&synced.protocol_type)))
        .with_protocol_name((version >= 5).then(|| text(&synced.protocol)))
        .with_assignment(synced.assignment)
}

pub fn heartbeat(broker: &Broker, request: &HeartbeatRequest) -> HeartbeatResponse {
    let beat = broker.groups().heartbeat(
        &request.group_id,
        &request.member_id,
        request.generation_id,
        Instant::now(),
    );
    HeartbeatResponse::default().with_error_code(code(&beat))
}

pub fn leave(broker: &Broker, version: i16, request: LeaveGroupRequest) -> LeaveGroupResponse {
    let mut groups = broker.groups();
    let mut leave_one = |member: &MemberIdentity| {
        let instance_id = member.group_instance_id.as_ref().map(|id| id.as_str());
        code(&groups.leave(&request.group_id, &member.member_id, instance_id, Instant::now()))
    };
    if version < 3 {
        let member = MemberIdentity::default().with_member_id(request.member_id.clone());
        return LeaveGroupResponse::default().with_error_code(leave_one(&member));
    }
    let members = request.members.iter().map(|member| {
        MemberResponse::default()
            .with_error_code(leave_one(member))
            .with_member_id(member.member_id.clone())
            .with_group_instance_id(member.group_instance_id.clone())
    });
    LeaveGroupResponse::default().with_members(members.collect())
}

pub fn list(broker: &Broker, version: i16, request: &ListGroupsRequest) -> ListGroupsResponse {
    let wanted = |filter: &[StrBytes], value: &str| {
        filter.is_empty() || filter.iter().any(|wanted| wanted.eq_ignore_ascii_case(value))
    };
    let groups = broker.groups();
    let listed = groups
        .iter()
        .filter(|(_, group)| wanted(&request.states_filter, group.state.name()))
        .filter(|_| wanted(&request.types_filter, GROUP_TYPE))
        .map(|(id, group)| {
            let state = if version >= 4 { group.state.name() } else { "" };
            let group_type = if version >= 5 { GROUP_TYPE } else { "" };
            ListedGroup::default()
                .with_group_id(GroupId(text(id)))
                .with_protocol_type(text(&group.protocol_type))
                .with_group_state(StrBytes::from_static_str(state))
                .with_group_type(StrBytes::from_static_str(group_type))
        });
    ListGroupsResponse::default().with_groups(listed.collect())
}

pub fn describe(broker: &Broker, request: DescribeGroupsRequest) -> DescribeGroupsResponse {
    let groups = broker.groups();
    let described = request.groups.into_iter().map(|id| match groups.get(&id) {
        Some(group) => describe_one(id, group),
        // What Kafka says of a group that it does not know, up to version 5 of this request.
        None => DescribedGroup::default()
            .with_group_id(id)
            .with_group_state(StrBytes::from_static_str("Dead")),
    });
    DescribeGroupsResponse::default().with_groups(described.collect())
}

fn describe_one(id: GroupId, group: &Group) -> DescribedGroup {
    let stable = group.state == State::Stable;
    let members = group.members.iter().map(|(member_id, member)| {
        let metadata = if stable {
            member.metadata(&group.protocol)
        } else {
            Default::default()
        };
        DescribedGroupMember::default()
            .with_member_id(text(member_id))
            .with_group_instance_id(member.instance_id.as_deref().map(text))
            .with_client_id(text(&member.client_id))
            .with_client_host(text(&member.client_host))
            .with_member_metadata(metadata)
            .with_member_assignment(member.assignment.clone())
    });
    DescribedGroup::default()
        .with_group_id(id)
        .with_group_state(StrBytes::from_static_str(group.state.name()))
        .with_protocol_type(text(&group.protocol_type))
        .with_protocol_data(text(if stable { &group.protocol } else { "" }))
        .with_members(members.collect())
}

pub fn delete(broker: &Broker, request: DeleteGroupsRequest) -> DeleteGroupsResponse {
    let mut groups = broker.groups();
    let results = request.groups_names.into_iter().map(|id| {
        let deleted = groups.delete(&id);
        DeletableGroupResult::default()
            .with_error_code(code(&deleted))
            .with_group_id(id)
    });
    DeleteGroupsResponse::default().with_results(results.collect())
}
