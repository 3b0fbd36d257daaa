//! The bytes of bodies: read within a limit of their own and one of all, and unpacked within the same.

use std::{io::Read, sync::Arc};

use axum::body::Body;
use flate2::read::MultiGzDecoder;
use futures::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{BATCH_BYTES_MAX, BODIES_BYTES_MAX, BODY_WAIT_MAX, Refusal, RefusalCode};

/// A packed body is unpacked in parts of this size.
const PART_BYTES: usize = 32 * 1024;

/// What all requests may hold together.
#[derive(Debug, Clone)]
pub(super) struct Budget(Arc<Semaphore>);

impl Budget {
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(BODIES_BYTES_MAX)))
    }

    pub fn none(&self) -> Held {
        Held {
            budget: self.0.clone(),
            permit: None,
        }
    }
}

/// What one request holds of it, until it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    budget: Arc<Semaphore>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Held {
    /// Takes so many bytes more, or refuses at once: who waits would keep what it has.
    pub fn take(&mut self, bytes: usize) -> Result<(), Refusal> {
        let full = || {
            let sentence = "too much is under way: send this again later";
            Refusal::new(RefusalCode::Full, sentence).retry_after(1)
        };
        let bytes = u32::try_from(bytes).map_err(|_| full())?;
        let more = Arc::clone(&self.budget)
            .try_acquire_many_owned(bytes)
            .map_err(|_| full())?;
        match &mut self.permit {
            Some(permit) => permit.merge(more),
            permit => *permit = Some(more),
        }
        Ok(())
    }
}

fn too_large() -> Refusal {
    Refusal::too_large(format!(
        "the body is larger than {BATCH_BYTES_MAX} bytes: send smaller batches"
    ))
}

/// Reads a body as it was sent.
pub(super) async fn read(body: Body, declared: Option<u64>, held: &mut Held) -> Result<Vec<u8>, Refusal> {
    if declared.is_some_and(|bytes| bytes > BATCH_BYTES_MAX as u64) {
        return Err(too_large());
    }
    let reading = async {
        let mut stream = body.into_data_stream();
        let mut bytes = Vec::new();
        while let Some(part) = stream.next().await {
            let part = part
                .map_err(|_| Refusal::malformed("the body ended before all of it was sent: send it again"))?;
            if bytes.len() + part.len() > BATCH_BYTES_MAX {
                return Err(too_large());
            }
            held.take(part.len())?;
            bytes.extend_from_slice(&part);
        }
        Ok(bytes)
    };
    let slow = |_| {
        let sentence = format!(
            "the body did not arrive within {} s: send it again",
            BODY_WAIT_MAX.as_secs()
        );
        Refusal::new(RefusalCode::Slow, sentence)
    };
    tokio::time::timeout(BODY_WAIT_MAX, reading).await.map_err(slow)?
}

/// The body that `Content-Encoding` packs.
pub(super) fn unpack(encoding: Option<&str>, packed: Vec<u8>, held: &mut Held) -> Result<Vec<u8>, Refusal> {
    match encoding.map(|name| name.trim().to_ascii_lowercase()).as_deref() {
        None | Some("" | "identity") => Ok(packed),
        Some("gzip" | "x-gzip") => gunzip(&packed, held),
        Some(other) => {
            let shown: String = other.chars().take(40).collect();
            let sentence = format!("the content encoding \"{shown}\" is not read: send gzip, or none");
            Err(Refusal::new(RefusalCode::Encoding, sentence))
        }
    }
}

fn gunzip(packed: &[u8], held: &mut Held) -> Result<Vec<u8>, Refusal> {
    let mut reader = MultiGzDecoder::new(packed);
    let mut bytes = Vec::new();
    let mut part = vec![0; PART_BYTES];
    loop {
        let read = reader
            .read(&mut part)
            .map_err(|_| Refusal::malformed("the body is not gzip, as its Content-Encoding says"))?;
        if read == 0 {
            return Ok(bytes);
        }
        if bytes.len() + read > BATCH_BYTES_MAX {
            return Err(too_large());
        }
        held.take(read)?;
        bytes.extend_from_slice(part.get(..read).unwrap_or_default());
    }
}
