//! librdkafka's C interface where the safe crate lacks a call. All unsafe code of this crate is in this folder.
//!
//! Every handle that librdkafka gives away is owned by a [`Handle`], which frees it once, with its own function; what
//! is only lent (results inside an event, a message inside a callback) never outlives what lends it.

pub(super) mod admin;
mod call;
pub(super) mod cluster;
pub(super) mod configs;
pub(super) mod consume;
pub(super) mod login;
pub(super) mod topics;

use std::{
    ffi::{CStr, CString, c_char},
    ptr::NonNull,
};

use rdkafka::{bindings as sys, types::RDKafkaErrorCode};

/// What librdkafka refused, by its code and in its words.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub code: RDKafkaErrorCode,
    pub text: String,
}

impl Failure {
    pub fn new(code: RDKafkaErrorCode) -> Self {
        Self {
            code,
            text: said(code),
        }
    }
}

/// `Name (Broker: What it means)` without its name, and without who said it.
fn said(code: RDKafkaErrorCode) -> String {
    let whole = code.to_string();
    let text = whole
        .split_once(" (")
        .map_or(whole.as_str(), |(_, text)| text.trim_end_matches(')'));
    let text = text
        .strip_prefix("Broker: ")
        .or_else(|| text.strip_prefix("Local: "))
        .unwrap_or(text);
    text.to_owned()
}

/// A pointer that is freed once, when it goes.
struct Handle<T> {
    pointer: NonNull<T>,
    free: unsafe extern "C" fn(*mut T),
}

impl<T> Handle<T> {
    /// # Safety
    /// `pointer` is null, or owned by the caller and to be freed with `free`.
    unsafe fn own(pointer: *mut T, free: unsafe extern "C" fn(*mut T)) -> Result<Self, Failure> {
        match NonNull::new(pointer) {
            Some(pointer) => Ok(Self { pointer, free }),
            None => Err(Failure {
                code: RDKafkaErrorCode::Fail,
                text: "librdkafka is out of memory".into(),
            }),
        }
    }

    fn get(&self) -> *mut T {
        self.pointer.as_ptr()
    }
}

impl<T> Drop for Handle<T> {
    fn drop(&mut self) {
        // SAFETY: owned by this handle alone since `own`, and freed nowhere else.
        unsafe { (self.free)(self.pointer.as_ptr()) }
    }
}

// SAFETY: librdkafka's objects may be used and freed on any thread; those that are not also thread safe (lists, events)
// are only reachable through the one owner.
unsafe impl<T> Send for Handle<T> {}

/// A text of librdkafka's; null is empty.
///
/// # Safety
/// `text` is null or a C string that lives during the call.
unsafe fn text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: as the caller promises.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// A text of librdkafka's that may be missing.
///
/// # Safety
/// As for [`text`].
unsafe fn text_or_none(said: *const c_char) -> Option<String> {
    // SAFETY: as the caller promises.
    (!said.is_null()).then(|| unsafe { text(said) })
}

/// A text for librdkafka.
fn c_text(text: &str) -> Result<CString, Failure> {
    CString::new(text).map_err(|_| Failure {
        code: RDKafkaErrorCode::InvalidArgument,
        text: "a name contains a character with the code 0".into(),
    })
}

/// What an error object says; `Ok` when there is none.
///
/// # Safety
/// `error` is null or an error that lives during the call.
unsafe fn check_error(error: *const sys::rd_kafka_error_t) -> Result<(), Failure> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: not null, alive as the caller promises; the string belongs to the error.
    let (code, said) = unsafe {
        (
            sys::rd_kafka_error_code(error),
            text(sys::rd_kafka_error_string(error)),
        )
    };
    check(code).map_err(|failure| Failure {
        text: if said.is_empty() { failure.text } else { said },
        ..failure
    })
}

fn check(code: sys::rd_kafka_resp_err_t) -> Result<(), Failure> {
    match RDKafkaErrorCode::from(code) {
        RDKafkaErrorCode::NoError => Ok(()),
        code => Err(Failure::new(code)),
    }
}

type PartitionList = Handle<sys::rd_kafka_topic_partition_list_t>;

/// A list of partitions with an offset each.
fn partition_list<'a>(
    partitions: impl ExactSizeIterator<Item = (&'a str, i32, i64)>,
) -> Result<PartitionList, Failure> {
    let size = i32::try_from(partitions.len()).unwrap_or(i32::MAX);
    // SAFETY: a new list, freed with its own function.
    let list = unsafe {
        Handle::own(
            sys::rd_kafka_topic_partition_list_new(size),
            sys::rd_kafka_topic_partition_list_destroy,
        )
    }?;
    for (topic, partition, offset) in partitions {
        let topic = c_text(topic)?;
        // SAFETY: the list is alive; librdkafka copies the topic; the element returned is inside the list and is
        // written before the list can grow.
        unsafe {
            let element = sys::rd_kafka_topic_partition_list_add(list.get(), topic.as_ptr(), partition);
            (*element).offset = offset;
        }
    }
    Ok(list)
}

/// The elements of a list.
///
/// # Safety
/// `list` is null or a list that lives as long as `'a`.
unsafe fn elements<'a>(
    list: *const sys::rd_kafka_topic_partition_list_t,
) -> &'a [sys::rd_kafka_topic_partition_t] {
    if list.is_null() {
        return &[];
    }
    // SAFETY: alive as the caller promises.
    let (first, count) = unsafe { ((*list).elems, (*list).cnt) };
    // SAFETY: `elems` points to `cnt` elements.
    unsafe { slice(first, usize::try_from(count).unwrap_or(0)) }
}

/// # Safety
/// `first` points to `count` values that live as long as `'a`, or is null.
unsafe fn slice<'a, T>(first: *const T, count: usize) -> &'a [T] {
    if first.is_null() || count == 0 {
        return &[];
    }
    // SAFETY: as the caller promises.
    unsafe { std::slice::from_raw_parts(first, count) }
}
