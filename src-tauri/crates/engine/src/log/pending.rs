//! What a change holds until it is installed or discarded.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use super::{merges::Merges, replay::Taken, rows::Rows, segment::Segment};
use crate::{events::columns::Columns, identity::ProfilesSnapshot};

#[derive(Debug)]
pub(super) enum Pending {
    Seal(Seal),
    Compaction {
        segment: Arc<Segment>,
        running: Running,
    },
    /// A person who is deleted: the files written anew without them.
    Forget {
        profile_id: i64,
        segments: Vec<Arc<Segment>>,
        running: Running,
    },
}

/// Collected events on their way into the log.
#[derive(Debug)]
pub(super) struct Seal {
    pub segments: Vec<Arc<Segment>>,
    /// What the segments were written from, should the transaction fail.
    pub buffers: Vec<Rows>,
    pub columns: Arc<Columns>,
    pub merges: Arc<Merges>,
    pub profiles: Arc<ProfilesSnapshot>,
    pub running: Running,
    /// It is a replay, which the files that it wrote anew belong to.
    pub replayed: Option<Taken>,
}

/// Something that only one may do at a time, until this is dropped.
#[derive(Debug)]
pub(super) struct Running(Arc<AtomicBool>);

impl Running {
    /// Absent: somebody does it already.
    pub fn start(flag: &Arc<AtomicBool>) -> Option<Self> {
        (!flag.swap(true, Ordering::AcqRel)).then(|| Self(flag.clone()))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}
