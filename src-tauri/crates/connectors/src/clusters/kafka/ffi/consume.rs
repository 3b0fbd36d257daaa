//! Reading partitions without a consumer group: librdkafka's simple consumer, all partitions into one queue, whose
//! records are handed over in place, a callback each, many at a time under one lock. That is the quickest way that
//! librdkafka has (measured against one poll a record and against arrays of messages).

use std::{
    collections::HashMap,
    ffi::{CStr, c_char, c_int, c_void},
    marker::PhantomData,
    sync::Arc,
};

use rdkafka::{bindings as sys, consumer::Consumer as _, types::RDKafkaErrorCode};

use super::{Failure, Handle, c_text, check, partition_list, slice};
use crate::clusters::kafka::native::Consumer;

/// Whether a sink takes more now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::clusters::kafka) enum Flow {
    More,
    /// What is queued stays queued.
    Enough,
}

/// Takes what partitions yield.
pub(in crate::clusters::kafka) trait Sink {
    fn take(&mut self, message: &Message<'_>) -> Flow;
}

/// Partitions of a client that are being read. Stops them when it goes.
pub(in crate::clusters::kafka) struct Reader {
    // Order matters: topics and queue go before the client that they belong to.
    topics: HashMap<String, Handle<sys::rd_kafka_topic_t>>,
    queue: Handle<sys::rd_kafka_queue_t>,
    reading: Vec<(String, i32)>,
    client: Arc<Consumer>,
}

impl Reader {
    pub fn new(client: Arc<Consumer>) -> Result<Self, Failure> {
        // SAFETY: the client is alive; the queue is new and freed with its own function.
        let queue = unsafe {
            Handle::own(
                sys::rd_kafka_queue_new(client.client().native_ptr()),
                sys::rd_kafka_queue_destroy,
            )
        }?;
        Ok(Self {
            topics: HashMap::new(),
            queue,
            reading: Vec::new(),
            client,
        })
    }

    pub fn client(&self) -> &Arc<Consumer> {
        &self.client
    }

    /// Begins to read a partition at this offset.
    pub fn start(&mut self, topic: &str, partition: i32, offset: i64) -> Result<(), Failure> {
        let handle = self.topic(topic)?;
        // SAFETY: topic and queue are alive and belong to the same client.
        let failed =
            unsafe { sys::rd_kafka_consume_start_queue(handle, partition, offset, self.queue.get()) };
        if failed != 0 {
            return Err(last_error());
        }
        self.reading.push((topic.to_owned(), partition));
        Ok(())
    }

    /// Reads a partition from somewhere else; what was fetched before is dropped. (Seeking would not wake a partition
    /// whose position was lost.)
    pub fn restart(&mut self, topic: &str, partition: i32, offset: i64) -> Result<(), Failure> {
        self.stop(topic, partition);
        self.start(topic, partition, offset)
    }

    /// Fetches no more of these partitions; nothing more of them arrives.
    pub fn pause(&mut self, topic: &str, partitions: &[i32]) -> Result<(), Failure> {
        let list = partition_list(partitions.iter().map(|partition| (topic, *partition, 0)))?;
        // SAFETY: client and list are alive.
        check(unsafe { sys::rd_kafka_pause_partitions(self.client.client().native_ptr(), list.get()) })
    }

    /// Ends the reading of a partition.
    pub fn stop(&mut self, topic: &str, partition: i32) {
        self.reading
            .retain(|(name, of)| !(*of == partition && name == topic));
        self.stop_native(topic, partition);
    }

    /// Ends the reading of every partition.
    pub fn stop_all(&mut self) {
        for (topic, partition) in std::mem::take(&mut self.reading) {
            self.stop_native(&topic, partition);
        }
    }

    fn stop_native(&self, topic: &str, partition: i32) {
        if let Some(handle) = self.topics.get(topic) {
            // SAFETY: the topic is alive. A partition that has gone meanwhile is no news.
            unsafe { sys::rd_kafka_consume_stop(handle.get(), partition) };
        }
    }

    /// The partition's end as the last answer of its broker told it; no request is made.
    pub fn end_heard(&self, topic: &str, partition: i32) -> Option<i64> {
        let topic = c_text(topic).ok()?;
        let (mut low, mut high) = (-1, -1);
        let client = self.client.client().native_ptr();
        // SAFETY: client and text are alive; the offsets are written before the call returns.
        let known = unsafe {
            sys::rd_kafka_get_watermark_offsets(client, topic.as_ptr(), partition, &mut low, &mut high)
        };
        (check(known).is_ok() && high >= 0).then_some(high)
    }

    /// Hands what has arrived to the sink, waiting for the first for at most `timeout_ms`. Returns how many were
    /// handled, notes about partitions included.
    pub fn serve<S: Sink>(&self, timeout_ms: i32, sink: &mut S) -> usize {
        let mut state = Serving {
            sink,
            client: self.client.client().native_ptr(),
        };
        // SAFETY: the queue is alive. The callback is only called during this call and gets the state that lives until
        // its end; nothing else touches the sink meanwhile.
        let handled = unsafe {
            sys::rd_kafka_consume_callback_queue(
                self.queue.get(),
                timeout_ms as c_int,
                Some(hand_over::<S>),
                (&raw mut state).cast::<c_void>(),
            )
        };
        usize::try_from(handled).unwrap_or(0)
    }

    fn topic(&mut self, name: &str) -> Result<*mut sys::rd_kafka_topic_t, Failure> {
        if let Some(handle) = self.topics.get(name) {
            return Ok(handle.get());
        }
        let c_name = c_text(name)?;
        // SAFETY: the client is alive, librdkafka copies the name, and null stands for the default settings; the topic
        // is freed with its own function.
        let handle = unsafe {
            let client = self.client.client().native_ptr();
            Handle::own(
                sys::rd_kafka_topic_new(client, c_name.as_ptr(), std::ptr::null_mut()),
                sys::rd_kafka_topic_destroy,
            )
        }?;
        let pointer = handle.get();
        self.topics.insert(name.to_owned(), handle);
        Ok(pointer)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.stop_all();
    }
}

fn last_error() -> Failure {
    // SAFETY: reads a number of this thread.
    Failure::new(RDKafkaErrorCode::from(unsafe { sys::rd_kafka_last_error() }))
}

struct Serving<'s, S> {
    sink: &'s mut S,
    client: *mut sys::rd_kafka_t,
}

/// # Safety
/// `message` is a message that lives during the call, `state` the [`Serving`] of [`Reader::serve`].
unsafe extern "C" fn hand_over<S: Sink>(message: *mut sys::rd_kafka_message_t, state: *mut c_void) {
    // SAFETY: as promised; the state is used by one call at a time.
    unsafe {
        let state = &mut *state.cast::<Serving<'_, S>>();
        let message = Message {
            native: message,
            _lent: PhantomData,
        };
        if state.sink.take(&message) == Flow::Enough {
            // Ends this serving after this message; the rest goes back to the head of the queue.
            sys::rd_kafka_yield(state.client);
        }
    }
}

/// A record, or a note about a partition (its end, an error), lent during a callback.
pub(in crate::clusters::kafka) struct Message<'m> {
    native: *mut sys::rd_kafka_message_t,
    _lent: PhantomData<&'m [u8]>,
}

impl<'m> Message<'m> {
    fn native(&self) -> &sys::rd_kafka_message_t {
        // SAFETY: alive for `'m`, which outlives `self`.
        unsafe { &*self.native }
    }

    /// `None`: a record. Otherwise a note about the partition.
    #[inline]
    pub fn note(&self) -> Option<RDKafkaErrorCode> {
        match self.native().err {
            sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => None,
            code => Some(code.into()),
        }
    }

    /// What a note says.
    pub fn said(&self) -> String {
        let message = self.native();
        // SAFETY: the payload of a note is its text, `len` bytes of it.
        let said = unsafe { slice(message.payload.cast::<u8>(), message.len) };
        String::from_utf8_lossy(said).trim_end_matches('\0').to_owned()
    }

    pub fn topic(&self) -> &str {
        let topic = self.native().rkt;
        if topic.is_null() {
            return "";
        }
        // SAFETY: the topic lives at least as long as its message, and its name as long as it.
        unsafe { CStr::from_ptr(sys::rd_kafka_topic_name(topic)) }
            .to_str()
            .unwrap_or("")
    }

    #[inline]
    pub fn partition(&self) -> i32 {
        self.native().partition
    }

    #[inline]
    pub fn offset(&self) -> i64 {
        self.native().offset
    }

    #[inline]
    pub fn key(&self) -> Option<&'m [u8]> {
        let message = self.native();
        // SAFETY: `key` is null or points to `key_len` bytes that live as long as the message.
        unsafe { bytes(message.key, message.key_len) }
    }

    #[inline]
    pub fn value(&self) -> Option<&'m [u8]> {
        let message = self.native();
        // SAFETY: `payload` is null or points to `len` bytes that live as long as the message.
        unsafe { bytes(message.payload, message.len) }
    }

    /// Milliseconds since the epoch.
    #[inline]
    pub fn timestamp_ms(&self) -> Option<i64> {
        let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message is alive, and the kind is written before the call returns.
        let timestamp = unsafe { sys::rd_kafka_message_timestamp(self.native, &mut kind) };
        (kind != sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE && timestamp >= 0)
            .then_some(timestamp)
    }

    /// Whether its timestamp is the time at which the broker appended it.
    #[inline]
    pub fn stamped(&self) -> bool {
        let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message is alive, and the kind is written before the call returns.
        unsafe { sys::rd_kafka_message_timestamp(self.native, &mut kind) };
        kind == sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME
    }

    /// Calls `each` with every header, in order.
    pub fn headers(&self, mut each: impl FnMut(&str, Option<&[u8]>)) {
        let mut headers = std::ptr::null_mut();
        // SAFETY: the message is alive, and owns the headers.
        if check(unsafe { sys::rd_kafka_message_headers(self.native, &mut headers) }).is_err() {
            return;
        }
        for at in 0.. {
            let mut name: *const c_char = std::ptr::null();
            let (mut value, mut size) = (std::ptr::null::<c_void>(), 0);
            // SAFETY: the headers live as long as the message; past the last the call says so.
            let found =
                unsafe { sys::rd_kafka_header_get_all(headers, at, &mut name, &mut value, &mut size) };
            if check(found).is_err() || name.is_null() {
                break;
            }
            // SAFETY: name and value live as long as the headers; a null value is a header without one.
            unsafe { each(&CStr::from_ptr(name).to_string_lossy(), bytes(value, size)) };
        }
    }
}

/// # Safety
/// `first` is null or points to `count` bytes that live as long as `'a`.
#[inline]
unsafe fn bytes<'a>(first: *const c_void, count: usize) -> Option<&'a [u8]> {
    // SAFETY: as the caller promises.
    (!first.is_null()).then(|| unsafe { std::slice::from_raw_parts(first.cast::<u8>(), count) })
}
