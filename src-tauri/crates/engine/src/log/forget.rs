//! A person deleted from the log: every file that holds an event of theirs is written anew without it.
//!
//! Invariants: the files, the rows of identity and whatever the app deletes with them change in one transaction; what is
//! in memory follows when it has committed; nothing waits for a checkpoint meanwhile, so that nothing of theirs is
//! written afterwards.

use std::sync::{Arc, PoisonError};

use tailrace_model::Error;

use super::{
    Collector, LogSnapshot,
    manifest::CheckpointChange,
    pending::{Pending, Running},
    rewrite::{RowNumbers, origins, read, without},
    schema,
    segment::Segment,
};
use crate::identity::{Identity, IdentityChanges, ProfileRow};

impl Collector {
    /// What deletes a person: commit it and hand it to [`Self::install_forgotten`], or to [`Self::discard_forgotten`].
    /// A checkpoint comes before it, in the same turn. Blocks: it reads and writes files.
    pub fn forget(&mut self, profile_id: i64, now_ms: i64) -> Result<CheckpointChange, Error> {
        let log = self.log();
        let snapshot = log.snapshot();
        if let Some(missing) = snapshot.missing().first() {
            return Err(Error::user(
                "segment_damaged",
                format!(
                    "the event log's segment {missing} can't be read, so whether it holds events of this person is not \
                     known: restore it in .tailrace/log from a copy first"
                ),
            ));
        }
        if self.buffered_rows() > 0 {
            return Err(Error::internal(
                "forget_before_checkpoint",
                "events wait for a checkpoint, so nobody was deleted: try again",
            ));
        }
        let Some(running) = Running::start(log.compacting()) else {
            return Err(Error {
                retry: true,
                ..Error::external(
                    "compaction_runs",
                    "the event log is being compacted: try again in a moment",
                )
            });
        };
        let unknown = || Error::user("unknown_profile", format!("there is no profile {profile_id}"));
        let (forgotten, canonical) = {
            let identity = log.identity().read().unwrap_or_else(PoisonError::into_inner);
            let (forgotten, _) = identity.forgettable(profile_id).ok_or_else(unknown)?;
            (forgotten, identity.canonical(profile_id))
        };
        let mut segments: Vec<Arc<Segment>> = Vec::new();
        let mut removed = Vec::new();
        for segment in snapshot.segments() {
            let rest = match rows_of(&snapshot, segment, canonical) {
                Ok(rows) if rows.is_empty() => continue,
                Ok(rows) => without(&log, segment, &rows),
                Err(error) => Err(error),
            };
            match rest {
                Ok(rest) => {
                    removed.push(segment.row().name.clone());
                    segments.extend(rest.map(Arc::new));
                }
                Err(error) => {
                    segments.iter().for_each(|segment| segment.retire());
                    return Err(error);
                }
            }
        }
        let living = canonical;
        let gone = |id: &i64| ProfileRow {
            profile_id: *id,
            first_seen_ms: 0,
            last_seen_ms: 0,
            events: 0,
            merged_into: (*id != living).then_some(living),
            deleted: true,
        };
        Ok(CheckpointChange {
            checkpoint_ms: now_ms,
            segments_added: segments.iter().map(|segment| segment.row().clone()).collect(),
            segments_removed: removed,
            columns_added: Vec::new(),
            identity: IdentityChanges {
                profiles: forgotten.profile_ids.iter().map(gone).collect(),
                forgotten,
                ..IdentityChanges::default()
            },
            counts: Vec::new(),
            pending: Pending::Forget {
                profile_id,
                segments,
                running,
            },
        })
    }

    /// The transaction committed: nobody finds the person from now on.
    pub fn install_forgotten(&mut self, change: CheckpointChange) -> Result<(), Error> {
        let log = self.log();
        if let Pending::Forget { profile_id, .. } = &change.pending {
            let mut identity = log.identity().write().unwrap_or_else(PoisonError::into_inner);
            identity.forget(*profile_id)?;
            // The transaction has them already.
            let persisted = Identity::take_changes(&mut identity);
            drop(persisted);
        }
        let profiles = log
            .identity()
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .snapshot()?;
        log.install_profiles(change, Some(profiles));
        Ok(())
    }

    /// The transaction failed: everything is as it was.
    pub fn discard_forgotten(&mut self, change: CheckpointChange) {
        if let Pending::Forget { segments, .. } = change.pending {
            segments.iter().for_each(|segment| segment.retire());
        }
    }
}

/// The rows of a segment that are a profile's.
fn rows_of(snapshot: &LogSnapshot, segment: &Arc<Segment>, living: i64) -> Result<RowNumbers, Error> {
    let row = segment.row();
    let mut rows = RowNumbers::default();
    if !snapshot.merges().touch(row) && !(row.min_profile_id..=row.max_profile_id).contains(&living) {
        return Ok(rows);
    }
    let mut at = 0;
    for batch in read(segment, &[schema::PROFILE_ID, schema::ORIGIN])? {
        let batch = batch?;
        let own = origins(&batch).into_iter().enumerate();
        let own = own.filter(|(_, origin)| snapshot.canonical(*origin) == living);
        rows.extend(own.map(|(row, _)| at + row));
        at += batch.num_rows();
    }
    Ok(rows)
}
