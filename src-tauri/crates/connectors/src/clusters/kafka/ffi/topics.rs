//! Topics made, grown, emptied and deleted. Each call blocks for at most its time limit.

use std::time::Duration;

use rdkafka::{bindings as sys, types::RDKafkaErrorCode};

use super::{
    Failure, Handle, c_text,
    call::{Call, topic_partition, wrong_answer},
    check, elements, partition_list, slice, text,
};
use crate::clusters::kafka::{
    NewTopic,
    native::{Consumer, Patience},
};

/// How long the cluster may work on a change before it answers.
const WORK_MAX: Duration = Duration::from_secs(6);
/// Leaves a number to the cluster.
const UP_TO_IT: i32 = -1;

/// `only_validate`: the cluster judges and does nothing.
pub(in crate::clusters::kafka) fn create(
    client: &Consumer,
    new: &NewTopic,
    only_validate: bool,
    patience: &Patience,
) -> Result<(), Failure> {
    let call = Call::new(
        client,
        sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_CREATETOPICS,
        patience,
    )?;
    call.work_at_most(WORK_MAX)?;
    if only_validate {
        call.only_validate()?;
    }
    let name = c_text(&new.name)?;
    let mut said = [0; 256];
    // SAFETY: name and buffer are alive in the call; the new topic (null when it is refused) is freed with its own
    // function; librdkafka copies names and values, and the topic itself.
    let event = unsafe {
        let topic = sys::rd_kafka_NewTopic_new(
            name.as_ptr(),
            new.partitions.unwrap_or(UP_TO_IT),
            new.replication.unwrap_or(UP_TO_IT),
            said.as_mut_ptr(),
            said.len(),
        );
        if topic.is_null() {
            return Err(Failure {
                code: RDKafkaErrorCode::InvalidArgument,
                text: text(said.as_ptr()),
            });
        }
        let topic = Handle::own(topic, sys::rd_kafka_NewTopic_destroy)?;
        for (name, value) in &new.configs {
            let (name, value) = (c_text(name)?, c_text(value)?);
            check(sys::rd_kafka_NewTopic_set_config(
                topic.get(),
                name.as_ptr(),
                value.as_ptr(),
            ))?;
        }
        let mut topics = [topic.get()];
        sys::rd_kafka_CreateTopics(
            call.client,
            topics.as_mut_ptr(),
            1,
            call.options.get(),
            call.queue.get(),
        );
        call.answer()?
    };
    let mut count = 0;
    // SAFETY: the event is alive and of this kind; the results live inside it.
    unsafe {
        let result = sys::rd_kafka_event_CreateTopics_result(event.get());
        if result.is_null() {
            return Err(wrong_answer());
        }
        topic_results(
            sys::rd_kafka_CreateTopics_result_topics(result, &mut count),
            count,
        )
    }
}

/// Makes a topic have this many partitions.
pub(in crate::clusters::kafka) fn grow(
    client: &Consumer,
    topic: &str,
    total: usize,
    only_validate: bool,
    patience: &Patience,
) -> Result<(), Failure> {
    let call = Call::new(
        client,
        sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_CREATEPARTITIONS,
        patience,
    )?;
    call.work_at_most(WORK_MAX)?;
    if only_validate {
        call.only_validate()?;
    }
    let name = c_text(topic)?;
    let mut said = [0; 256];
    let mut count = 0;
    // SAFETY: as in `create`.
    unsafe {
        let new = sys::rd_kafka_NewPartitions_new(name.as_ptr(), total, said.as_mut_ptr(), said.len());
        if new.is_null() {
            return Err(Failure {
                code: RDKafkaErrorCode::InvalidArgument,
                text: text(said.as_ptr()),
            });
        }
        let new = Handle::own(new, sys::rd_kafka_NewPartitions_destroy)?;
        let mut all = [new.get()];
        sys::rd_kafka_CreatePartitions(
            call.client,
            all.as_mut_ptr(),
            1,
            call.options.get(),
            call.queue.get(),
        );
        let event = call.answer()?;
        let result = sys::rd_kafka_event_CreatePartitions_result(event.get());
        if result.is_null() {
            return Err(wrong_answer());
        }
        topic_results(
            sys::rd_kafka_CreatePartitions_result_topics(result, &mut count),
            count,
        )
    }
}

pub(in crate::clusters::kafka) fn delete(
    client: &Consumer,
    topic: &str,
    patience: &Patience,
) -> Result<(), Failure> {
    let call = Call::new(
        client,
        sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DELETETOPICS,
        patience,
    )?;
    call.work_at_most(WORK_MAX)?;
    let name = c_text(topic)?;
    let mut count = 0;
    // SAFETY: as in `create`.
    unsafe {
        let wanted = Handle::own(
            sys::rd_kafka_DeleteTopic_new(name.as_ptr()),
            sys::rd_kafka_DeleteTopic_destroy,
        )?;
        let mut all = [wanted.get()];
        sys::rd_kafka_DeleteTopics(
            call.client,
            all.as_mut_ptr(),
            1,
            call.options.get(),
            call.queue.get(),
        );
        let event = call.answer()?;
        let result = sys::rd_kafka_event_DeleteTopics_result(event.get());
        if result.is_null() {
            return Err(wrong_answer());
        }
        topic_results(
            sys::rd_kafka_DeleteTopics_result_topics(result, &mut count),
            count,
        )
    }
}

/// What a partition answered: its low watermark afterwards.
pub(in crate::clusters::kafka) type Emptied = (i32, Result<i64, Failure>);

/// Deletes what lies before an offset, by partition.
pub(in crate::clusters::kafka) fn delete_records(
    client: &Consumer,
    topic: &str,
    before: &[(i32, i64)],
    patience: &Patience,
) -> Result<Vec<Emptied>, Failure> {
    let call = Call::new(
        client,
        sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DELETERECORDS,
        patience,
    )?;
    call.work_at_most(WORK_MAX)?;
    let list = partition_list(
        before
            .iter()
            .map(|(partition, offset)| (topic, *partition, *offset)),
    )?;
    // SAFETY: as in `create`; the list inside the result lives as long as the event.
    unsafe {
        let wanted = Handle::own(
            sys::rd_kafka_DeleteRecords_new(list.get()),
            sys::rd_kafka_DeleteRecords_destroy,
        )?;
        let mut all = [wanted.get()];
        sys::rd_kafka_DeleteRecords(
            call.client,
            all.as_mut_ptr(),
            1,
            call.options.get(),
            call.queue.get(),
        );
        let event = call.answer()?;
        let result = sys::rd_kafka_event_DeleteRecords_result(event.get());
        if result.is_null() {
            return Err(wrong_answer());
        }
        Ok(elements(sys::rd_kafka_DeleteRecords_result_offsets(result))
            .iter()
            .map(|of| (topic_partition(of).partition, check(of.err).map(|()| of.offset)))
            .collect())
    }
}

/// The first refusal, in the broker's words.
///
/// # Safety
/// `results` points to `count` results that live during the call.
unsafe fn topic_results(
    results: *mut *const sys::rd_kafka_topic_result_t,
    count: usize,
) -> Result<(), Failure> {
    // SAFETY: as the caller promises; the texts live inside the results.
    unsafe {
        for result in slice(results.cast_const(), count) {
            check(sys::rd_kafka_topic_result_error(*result)).map_err(|failure| {
                let said = text(sys::rd_kafka_topic_result_error_string(*result));
                Failure {
                    text: if said.is_empty() { failure.text } else { said },
                    ..failure
                }
            })?;
        }
        Ok(())
    }
}
