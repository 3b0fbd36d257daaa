//! One admin call: asked with a time limit, answered through a queue of its own.

use std::{
    ffi::{c_char, c_int},
    marker::PhantomData,
    time::Duration,
};

use rdkafka::{bindings as sys, consumer::Consumer as _, types::RDKafkaErrorCode};

use super::{Failure, Handle, check, check_error, text};
use crate::clusters::kafka::{
    client::TopicPartition,
    native::{Consumer, Patience},
};

/// How long one wait for an answer lasts before it is seen whether anybody still wants it.
const SLICE_MS: c_int = 100;
/// How much longer than librdkafka we wait.
const GRACE: Duration = Duration::from_millis(500);

/// One call: its options and the queue that its answers arrive in.
pub(super) struct Call<'c> {
    pub(super) client: *mut sys::rd_kafka_t,
    pub(super) options: Handle<sys::rd_kafka_AdminOptions_t>,
    pub(super) queue: Handle<sys::rd_kafka_queue_t>,
    patience: &'c Patience,
    /// The client outlives the call.
    _client: PhantomData<&'c Consumer>,
}

pub(super) type Event = Handle<sys::rd_kafka_event_t>;

impl<'c> Call<'c> {
    pub(super) fn new(
        client: &'c Consumer,
        op: sys::rd_kafka_admin_op_t,
        patience: &'c Patience,
    ) -> Result<Self, Failure> {
        let native = client.client().native_ptr();
        let timeout_ms = c_int::try_from(patience.left().as_millis())
            .unwrap_or(c_int::MAX)
            .max(1);
        let mut said = [0 as c_char; 256];
        // SAFETY: the client is alive for `'c`; options and queue are new and freed with their own functions; the
        // buffer is as long as is said.
        unsafe {
            let options = Handle::own(
                sys::rd_kafka_AdminOptions_new(native, op),
                sys::rd_kafka_AdminOptions_destroy,
            )?;
            let queue = Handle::own(sys::rd_kafka_queue_new(native), sys::rd_kafka_queue_destroy)?;
            check(sys::rd_kafka_AdminOptions_set_request_timeout(
                options.get(),
                timeout_ms,
                said.as_mut_ptr(),
                said.len(),
            ))?;
            Ok(Self {
                client: native,
                options,
                queue,
                patience,
                _client: PhantomData,
            })
        }
    }

    /// How long the cluster itself may work on it before it answers.
    pub(super) fn work_at_most(&self, at_most: Duration) -> Result<(), Failure> {
        let ms = c_int::try_from(at_most.as_millis()).unwrap_or(c_int::MAX);
        let mut said = [0 as c_char; 256];
        // SAFETY: the options are alive; the buffer is as long as is said.
        check(unsafe {
            sys::rd_kafka_AdminOptions_set_operation_timeout(
                self.options.get(),
                ms,
                said.as_mut_ptr(),
                said.len(),
            )
        })
    }

    /// The cluster judges and does nothing.
    pub(super) fn only_validate(&self) -> Result<(), Failure> {
        let mut said = [0 as c_char; 256];
        // SAFETY: the options are alive; the buffer is as long as is said.
        check(unsafe {
            sys::rd_kafka_AdminOptions_set_validate_only(self.options.get(), 1, said.as_mut_ptr(), said.len())
        })
    }

    /// The next answer. `Err` when the call as a whole failed, or nothing came in time.
    pub(super) fn answer(&self) -> Result<Event, Failure> {
        loop {
            // SAFETY: the queue is alive; the event (null when there is none yet) is owned by us.
            let event = unsafe { sys::rd_kafka_queue_poll(self.queue.get(), SLICE_MS) };
            if !event.is_null() {
                // SAFETY: as above: owned here, and freed once.
                return unsafe { whole(event) };
            }
            // librdkafka's own limit comes first, because its answer says more than ours.
            if self.patience.is_over(GRACE) {
                return Err(Failure::new(RDKafkaErrorCode::OperationTimedOut));
            }
        }
    }
}

/// The answer of a call, unless the call as a whole failed.
///
/// # Safety
/// `event` is owned by the caller, who gives it away.
unsafe fn whole(event: *mut sys::rd_kafka_event_t) -> Result<Event, Failure> {
    // SAFETY: owned as the caller promises; the text lives inside it.
    unsafe {
        let event = Handle::own(event, sys::rd_kafka_event_destroy)?;
        check(sys::rd_kafka_event_error(event.get())).map_err(|failure| {
            let said = text(sys::rd_kafka_event_error_string(event.get()));
            Failure {
                text: if said.is_empty() { failure.text } else { said },
                ..failure
            }
        })?;
        Ok(event)
    }
}

/// # Safety
/// `error` is null or owned by the caller, who gives it away.
pub(super) unsafe fn owned_error(error: *mut sys::rd_kafka_error_t) -> Result<(), Failure> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: owned as the caller promises, and alive until the handle goes.
    unsafe {
        let error = Handle::own(error, sys::rd_kafka_error_destroy)?;
        check_error(error.get())
    }
}

/// # Safety
/// The element's topic is a C string.
pub(super) unsafe fn topic_partition(of: &sys::rd_kafka_topic_partition_t) -> TopicPartition {
    // SAFETY: as the caller promises.
    TopicPartition {
        topic: unsafe { text(of.topic) },
        partition: of.partition,
    }
}

pub(super) fn wrong_answer() -> Failure {
    Failure {
        code: RDKafkaErrorCode::Fail,
        text: "librdkafka answered another question".into(),
    }
}
