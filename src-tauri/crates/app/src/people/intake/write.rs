//! Acknowledging: one task writes all requests that wait with one sync, then tells each.
//!
//! Nobody waits for others to come: while one sync goes on the next requests gather by themselves, so that a group is as
//! large as the disk is slow, and a single request waits for nothing but its own sync.

use std::sync::{Arc, Weak};

use tailrace_model::{Error, Result};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{super::People, journal::JournalWriter};
use crate::open::OpenWorkspace;

/// Bytes that are written with one sync.
const GROUP_BYTES_MAX: usize = 8 << 20;

/// A request's events on their way into the journal.
#[derive(Debug)]
pub(super) struct Submission {
    pub source: Arc<str>,
    pub received_ms: i64,
    pub events: Vec<Vec<u8>>,
    pub done: oneshot::Sender<Result<()>>,
}

impl Submission {
    fn bytes(&self) -> usize {
        self.events.iter().map(Vec::len).sum()
    }
}

/// Writes until the token is cancelled, and then what still waits.
pub(super) async fn run(
    weak: Weak<OpenWorkspace>,
    mut writer: JournalWriter,
    mut waiting: mpsc::Receiver<Submission>,
    token: CancellationToken,
) {
    loop {
        let first = tokio::select! {
            biased;
            first = waiting.recv() => first,
            () = token.cancelled() => {
                waiting.close();
                waiting.recv().await
            }
        };
        let Some(first) = first else { return };
        let mut bytes = first.bytes();
        let mut group = vec![first];
        while bytes < GROUP_BYTES_MAX
            && let Ok(next) = waiting.try_recv()
        {
            bytes += next.bytes();
            group.push(next);
        }
        let written = tokio::task::block_in_place(|| {
            writer.append(
                group
                    .iter()
                    .map(|it| (&*it.source, it.received_ms, it.events.as_slice())),
            )
        });
        let Some(open) = weak.upgrade() else { return };
        if let Ok(held) = open.held() {
            set_trouble(&held.people, written.as_ref().err());
        }
        for submission in group {
            // Who asked may have left: then it comes again, and its message ids are known.
            let _ = submission.done.send(written.clone());
        }
    }
}

fn set_trouble(people: &People, error: Option<&Error>) {
    let mut trouble = People::lock(&people.intake.trouble);
    if let Some(error) = error
        && trouble.is_none()
    {
        tracing::error!(%error, "what is posted can't be kept");
    }
    *trouble = error.cloned();
}
