//! Admin calls that the safe crate does not have. Each blocks for at most its time limit: call them from a thread that
//! may block.

use std::ffi::c_char;

use rdkafka::{bindings as sys, types::RDKafkaErrorCode};

use super::{
    Failure, Handle, PartitionList, c_text,
    call::{Call, Event, owned_error, topic_partition, wrong_answer},
    check, check_error, elements, partition_list, slice, text,
};
use crate::clusters::kafka::{
    admin::{GroupDescription, GroupMember, REBALANCING},
    client::TopicPartition,
    native::{Consumer, Patience},
};

/// Admin calls about groups that are under way at once.
const CALLS_MAX: usize = 64;
/// Groups that one call describes.
const GROUPS_PER_CALL_MAX: usize = 200;

/// Which offset of a partition is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::clusters::kafka) enum OffsetOf {
    Start,
    End,
    /// The end for readers of committed records: the first record of the oldest open transaction.
    StableEnd,
    /// The first record at or after this time; -1 when there is none.
    Time(i64),
}

/// What a partition answered.
pub(in crate::clusters::kafka) type PartitionOffset = (TopicPartition, Result<i64, Failure>);

/// One offset of each partition, in as many requests as there are leaders. No partition may be named twice.
pub(in crate::clusters::kafka) fn list_offsets(
    client: &Consumer,
    partitions: &[TopicPartition],
    of: OffsetOf,
    patience: &Patience,
) -> Result<Vec<PartitionOffset>, Failure> {
    if partitions.is_empty() {
        return Ok(Vec::new());
    }
    let wanted = match of {
        OffsetOf::Start => sys::rd_kafka_OffsetSpec_t::RD_KAFKA_OFFSET_SPEC_EARLIEST as i64,
        OffsetOf::End | OffsetOf::StableEnd => sys::rd_kafka_OffsetSpec_t::RD_KAFKA_OFFSET_SPEC_LATEST as i64,
        OffsetOf::Time(ms) => ms.max(0),
    };
    let list = partition_list(
        partitions
            .iter()
            .map(|of| (of.topic.as_str(), of.partition, wanted)),
    )?;
    let call = Call::new(
        client,
        sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTOFFSETS,
        patience,
    )?;
    if of == OffsetOf::StableEnd {
        let level = sys::rd_kafka_IsolationLevel_t::RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED;
        // SAFETY: the options are alive and belong to a call that knows this option; the error returned is owned here.
        unsafe {
            owned_error(sys::rd_kafka_AdminOptions_set_isolation_level(
                call.options.get(),
                level,
            ))
        }?;
    }
    // SAFETY: client, list, options and queue are alive; librdkafka copies the list.
    unsafe { sys::rd_kafka_ListOffsets(call.client, list.get(), call.options.get(), call.queue.get()) };
    let event = call.answer()?;
    let mut count = 0;
    // SAFETY: the event is alive and of this kind (null is returned otherwise, which `slice` takes for empty); the
    // infos live inside it.
    unsafe {
        let result = sys::rd_kafka_event_ListOffsets_result(event.get());
        if result.is_null() {
            return Err(wrong_answer());
        }
        let infos = sys::rd_kafka_ListOffsets_result_infos(result, &mut count);
        Ok(slice(infos, count)
            .iter()
            .map(|info| {
                let of = &*sys::rd_kafka_ListOffsetsResultInfo_topic_partition(*info);
                (topic_partition(of), check(of.err).map(|()| of.offset))
            })
            .collect())
    }
}

/// The names and states of all groups.
pub(in crate::clusters::kafka) fn list_groups(
    client: &Consumer,
    patience: &Patience,
) -> Result<Vec<String>, Failure> {
    let call = Call::new(
        client,
        sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS,
        patience,
    )?;
    // SAFETY: client, options and queue are alive.
    unsafe { sys::rd_kafka_ListConsumerGroups(call.client, call.options.get(), call.queue.get()) };
    let event = call.answer()?;
    let mut count = 0;
    // SAFETY: the event is alive and of this kind; listings and errors live inside it.
    unsafe {
        let result = sys::rd_kafka_event_ListConsumerGroups_result(event.get());
        if result.is_null() {
            return Err(wrong_answer());
        }
        let errors = sys::rd_kafka_ListConsumerGroups_result_errors(result, &mut count);
        // A broker that did not answer hides its groups: an incomplete list is not given for a whole one.
        if let Some(error) = slice(errors, count).first() {
            check_error(*error)?;
        }
        let groups = sys::rd_kafka_ListConsumerGroups_result_valid(result, &mut count);
        Ok(slice(groups, count)
            .iter()
            .map(|group| text(sys::rd_kafka_ConsumerGroupListing_group_id(*group)))
            .collect())
    }
}

/// What the login may do with the cluster itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::clusters::kafka) enum Allowed {
    /// By the names of the operations: `describe`, `alter configs`, ...
    Known(Vec<String>),
    Unknown,
}

/// Asks the cluster what the login may do with it.
pub(in crate::clusters::kafka) fn allowed(
    client: &Consumer,
    patience: &Patience,
) -> Result<Allowed, Failure> {
    let op = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECLUSTER;
    let call = Call::new(client, op, patience)?;
    // SAFETY: the options are alive and belong to a call that knows this option; the error returned is owned here; then
    // client, options and queue are alive.
    unsafe {
        owned_error(sys::rd_kafka_AdminOptions_set_include_authorized_operations(
            call.options.get(),
            1,
        ))?;
        sys::rd_kafka_DescribeCluster(call.client, call.options.get(), call.queue.get());
    }
    let event = call.answer()?;
    let mut count = 0;
    // SAFETY: the event is alive and of this kind; the operations (null when the cluster does not say) live inside it.
    unsafe {
        let result = sys::rd_kafka_event_DescribeCluster_result(event.get());
        if result.is_null() {
            return Err(wrong_answer());
        }
        let operations = sys::rd_kafka_DescribeCluster_result_authorized_operations(result, &mut count);
        if operations.is_null() {
            return Ok(Allowed::Unknown);
        }
        let names = slice(operations, count).iter().map(|operation| {
            text(sys::rd_kafka_AclOperation_name(*operation))
                .to_lowercase()
                .replace('_', " ")
        });
        Ok(Allowed::Known(names.collect()))
    }
}

/// What a coordinator says of a group, or why it says nothing.
pub(in crate::clusters::kafka) type Described = (String, Result<GroupDescription, Failure>);

/// State and members of groups.
pub(in crate::clusters::kafka) fn describe_groups(
    client: &Consumer,
    groups: &[String],
    patience: &Patience,
) -> Result<Vec<Described>, Failure> {
    let mut described = Vec::with_capacity(groups.len());
    for groups in groups.chunks(GROUPS_PER_CALL_MAX) {
        let names = groups
            .iter()
            .map(|group| c_text(group))
            .collect::<Result<Vec<_>, _>>()?;
        let mut pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
        let op = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS;
        let call = Call::new(client, op, patience)?;
        // SAFETY: client, options, queue and the names are alive; librdkafka copies the names.
        unsafe {
            sys::rd_kafka_DescribeConsumerGroups(
                call.client,
                pointers.as_mut_ptr(),
                pointers.len(),
                call.options.get(),
                call.queue.get(),
            );
        }
        let event = call.answer()?;
        let mut count = 0;
        // SAFETY: the event is alive and of this kind; the descriptions live inside it.
        unsafe {
            let result = sys::rd_kafka_event_DescribeConsumerGroups_result(event.get());
            if result.is_null() {
                return Err(wrong_answer());
            }
            let groups = sys::rd_kafka_DescribeConsumerGroups_result_groups(result, &mut count);
            described.extend(slice(groups, count).iter().map(|group| described_group(*group)));
        }
    }
    Ok(described)
}

/// # Safety
/// `group` is a description that lives during the call.
unsafe fn described_group(group: *const sys::rd_kafka_ConsumerGroupDescription_t) -> Described {
    // SAFETY: alive as the caller promises; members and texts live inside the description.
    unsafe {
        let name = text(sys::rd_kafka_ConsumerGroupDescription_group_id(group));
        if let Err(failure) = check_error(sys::rd_kafka_ConsumerGroupDescription_error(group)) {
            return (name, Err(failure));
        }
        let state = sys::rd_kafka_ConsumerGroupDescription_state(group);
        let kind = sys::rd_kafka_ConsumerGroupDescription_type(group);
        let members = sys::rd_kafka_ConsumerGroupDescription_member_count(group);
        let description = GroupDescription {
            group: name.clone(),
            state: match (state, kind) {
                // librdkafka has no name for the states that only groups of the new protocol have.
                (
                    sys::rd_kafka_consumer_group_state_t::RD_KAFKA_CONSUMER_GROUP_STATE_UNKNOWN,
                    sys::rd_kafka_consumer_group_type_t::RD_KAFKA_CONSUMER_GROUP_TYPE_CONSUMER,
                ) => REBALANCING.to_owned(),
                _ => text(sys::rd_kafka_consumer_group_state_name(state)),
            },
            simple: sys::rd_kafka_ConsumerGroupDescription_is_simple_consumer_group(group) != 0,
            members: (0..members)
                .map(|at| described_member(sys::rd_kafka_ConsumerGroupDescription_member(group, at)))
                .collect(),
            error: None,
        };
        (name, Ok(description))
    }
}

/// # Safety
/// `member` is a description that lives during the call.
unsafe fn described_member(member: *const sys::rd_kafka_MemberDescription_t) -> GroupMember {
    // SAFETY: alive as the caller promises; the assignment (null when there is none) lives inside the member.
    unsafe {
        let assignment = sys::rd_kafka_MemberDescription_assignment(member);
        let partitions = match assignment.is_null() {
            true => &[],
            false => elements(sys::rd_kafka_MemberAssignment_partitions(assignment)),
        };
        GroupMember {
            id: text(sys::rd_kafka_MemberDescription_consumer_id(member)),
            client: text(sys::rd_kafka_MemberDescription_client_id(member)),
            host: text(sys::rd_kafka_MemberDescription_host(member))
                .trim_start_matches('/')
                .to_owned(),
            assignment: partitions.iter().map(|of| topic_partition(of)).collect(),
        }
    }
}

/// What a group has committed.
pub(in crate::clusters::kafka) type GroupOffsets = (String, Result<Vec<(TopicPartition, i64)>, Failure>);

/// Every committed offset of each group; many groups are asked at once.
pub(in crate::clusters::kafka) fn committed(
    client: &Consumer,
    groups: &[String],
    patience: &Patience,
) -> Result<Vec<GroupOffsets>, Failure> {
    let op = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS;
    let mut answers = Vec::with_capacity(groups.len());
    for groups in groups.chunks(CALLS_MAX) {
        let call = Call::new(client, op, patience)?;
        for group in groups {
            let name = c_text(group)?;
            // SAFETY: a new request (without a list it means every partition), freed with its own function;
            // librdkafka copies it in the call, and all other handles are alive.
            unsafe {
                let request = Handle::own(
                    sys::rd_kafka_ListConsumerGroupOffsets_new(name.as_ptr(), std::ptr::null()),
                    sys::rd_kafka_ListConsumerGroupOffsets_destroy,
                )?;
                let mut requests = [request.get()];
                sys::rd_kafka_ListConsumerGroupOffsets(
                    call.client,
                    requests.as_mut_ptr(),
                    1,
                    call.options.get(),
                    call.queue.get(),
                );
            }
        }
        let mut waiting: Vec<&String> = groups.iter().collect();
        for _ in groups {
            match call.answer() {
                Ok(event) => {
                    for (group, offsets) in group_offsets(&event)? {
                        waiting.retain(|name| **name != group);
                        answers.push((group, offsets));
                    }
                }
                // The event of a failed call does not say which group it was about: the rest carries the failure.
                Err(failure) => {
                    if failure.code == RDKafkaErrorCode::OperationTimedOut {
                        answers.extend(
                            waiting
                                .drain(..)
                                .map(|group| (group.clone(), Err(failure.clone()))),
                        );
                        break;
                    }
                    tracing::debug!(target: "librdkafka", "committed offsets: {}", failure.text);
                }
            }
        }
        let failure = Failure::new(RDKafkaErrorCode::CoordinatorNotAvailable);
        answers.extend(
            waiting
                .into_iter()
                .map(|group| (group.clone(), Err(failure.clone()))),
        );
    }
    Ok(answers)
}

fn group_offsets(event: &Event) -> Result<Vec<GroupOffsets>, Failure> {
    let mut count = 0;
    // SAFETY: the event is alive and of this kind; the results live inside it.
    unsafe {
        let result = sys::rd_kafka_event_ListConsumerGroupOffsets_result(event.get());
        if result.is_null() {
            return Err(wrong_answer());
        }
        let results = sys::rd_kafka_ListConsumerGroupOffsets_result_groups(result, &mut count);
        Ok(slice(results, count)
            .iter()
            .map(|result| {
                let offsets = check_error(sys::rd_kafka_group_result_error(*result)).map(|()| {
                    // A partition without a commit has a negative offset.
                    elements(sys::rd_kafka_group_result_partitions(*result))
                        .iter()
                        .filter(|of| of.offset >= 0)
                        .map(|of| (topic_partition(of), of.offset))
                        .collect()
                });
                (text(sys::rd_kafka_group_result_name(*result)), offsets)
            })
            .collect())
    }
}

/// Commits offsets for a group without being its member; the group must have none.
pub(in crate::clusters::kafka) fn commit(
    client: &Consumer,
    group: &str,
    offsets: &[(TopicPartition, i64)],
    patience: &Patience,
) -> Result<(), Failure> {
    let list: PartitionList = partition_list(
        offsets
            .iter()
            .map(|(of, offset)| (of.topic.as_str(), of.partition, *offset)),
    )?;
    let name = c_text(group)?;
    let op = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS;
    let call = Call::new(client, op, patience)?;
    // SAFETY: a new request, freed with its own function; librdkafka copies name, list and request; all other handles
    // are alive.
    let event = unsafe {
        let request = Handle::own(
            sys::rd_kafka_AlterConsumerGroupOffsets_new(name.as_ptr(), list.get()),
            sys::rd_kafka_AlterConsumerGroupOffsets_destroy,
        )?;
        let mut requests = [request.get()];
        sys::rd_kafka_AlterConsumerGroupOffsets(
            call.client,
            requests.as_mut_ptr(),
            1,
            call.options.get(),
            call.queue.get(),
        );
        call.answer()?
    };
    // SAFETY: the event is alive; both functions are of this kind.
    unsafe {
        group_results(
            &event,
            sys::rd_kafka_event_AlterConsumerGroupOffsets_result,
            sys::rd_kafka_AlterConsumerGroupOffsets_result_groups,
        )
    }
}

/// Forgets what a group has committed of these partitions.
pub(in crate::clusters::kafka) fn delete_offsets(
    client: &Consumer,
    group: &str,
    of: &[TopicPartition],
    patience: &Patience,
) -> Result<(), Failure> {
    let list = partition_list(of.iter().map(|of| (of.topic.as_str(), of.partition, 0)))?;
    let name = c_text(group)?;
    let op = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DELETECONSUMERGROUPOFFSETS;
    let call = Call::new(client, op, patience)?;
    // SAFETY: a new request, freed with its own function; librdkafka copies name, list and request; all other handles
    // are alive.
    let event = unsafe {
        let request = Handle::own(
            sys::rd_kafka_DeleteConsumerGroupOffsets_new(name.as_ptr(), list.get()),
            sys::rd_kafka_DeleteConsumerGroupOffsets_destroy,
        )?;
        let mut requests = [request.get()];
        sys::rd_kafka_DeleteConsumerGroupOffsets(
            call.client,
            requests.as_mut_ptr(),
            1,
            call.options.get(),
            call.queue.get(),
        );
        call.answer()?
    };
    // SAFETY: the event is alive; both functions are of this kind.
    unsafe {
        group_results(
            &event,
            sys::rd_kafka_event_DeleteConsumerGroupOffsets_result,
            sys::rd_kafka_DeleteConsumerGroupOffsets_result_groups,
        )
    }
}

/// Deletes a group that has no members.
pub(in crate::clusters::kafka) fn delete_group(
    client: &Consumer,
    group: &str,
    patience: &Patience,
) -> Result<(), Failure> {
    let name = c_text(group)?;
    let op = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DELETEGROUPS;
    let call = Call::new(client, op, patience)?;
    // SAFETY: as above.
    let event = unsafe {
        let request = Handle::own(
            sys::rd_kafka_DeleteGroup_new(name.as_ptr()),
            sys::rd_kafka_DeleteGroup_destroy,
        )?;
        let mut requests = [request.get()];
        sys::rd_kafka_DeleteGroups(
            call.client,
            requests.as_mut_ptr(),
            1,
            call.options.get(),
            call.queue.get(),
        );
        call.answer()?
    };
    // SAFETY: the event is alive; both functions are of this kind.
    unsafe {
        group_results(
            &event,
            sys::rd_kafka_event_DeleteGroups_result,
            sys::rd_kafka_DeleteGroups_result_groups,
        )
    }
}

/// The first thing that went wrong with a group, or with one of its partitions.
///
/// # Safety
/// The functions are librdkafka's for one kind of event: its result, and the groups of that.
unsafe fn group_results<T>(
    event: &Event,
    result: unsafe extern "C" fn(*mut sys::rd_kafka_event_t) -> *const T,
    groups: unsafe extern "C" fn(*const T, *mut usize) -> *mut *const sys::rd_kafka_group_result_t,
) -> Result<(), Failure> {
    let mut count = 0;
    // SAFETY: the event is alive; a result is there when it is of this kind, and all that is read lives inside it.
    unsafe {
        let result = result(event.get());
        if result.is_null() {
            return Err(wrong_answer());
        }
        for result in slice(groups(result, &mut count), count) {
            check_error(sys::rd_kafka_group_result_error(*result))?;
            for of in elements(sys::rd_kafka_group_result_partitions(*result)) {
                check(of.err)?;
            }
        }
    }
    Ok(())
}
