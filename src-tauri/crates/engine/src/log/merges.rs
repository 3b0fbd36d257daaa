//! Which profile a written event belongs to now.
//!
//! An event has an origin, which nothing moves, and a profile that it is filed under, which is the origin's as it was when
//! the file was written. Merges and undos since map it anew.

use rustc_hash::FxHashMap;

use super::manifest::SegmentRow;
use crate::identity::{MergeRow, UndoRow};

/// All merges and undos up to a checkpoint.
#[derive(Debug, Default)]
pub struct Merges {
    /// From each merged profile to the one that lives.
    canonical: FxHashMap<i64, i64>,
    /// The profile whose events each change moves, all of them or a part, in the order of the changes.
    moved: Vec<i64>,
}

impl Merges {
    /// Both in the order in which they happened.
    pub fn new(merges: &[MergeRow], undos: &[UndoRow]) -> Self {
        let mut undone: Vec<u64> = undos.iter().map(|undo| undo.merge).collect();
        undone.sort_unstable();
        let mut parents: FxHashMap<i64, i64> = FxHashMap::default();
        parents.reserve(merges.len());
        for merge in merges {
            if undone.binary_search(&merge.sequence).is_err() {
                let (one, other) = (
                    root(&mut parents, merge.surviving_origin_id),
                    root(&mut parents, merge.merged_origin_id),
                );
                parents.insert(one.max(other), one.min(other));
            }
        }
        let ids: Vec<i64> = parents.keys().copied().collect();
        let mut canonical = FxHashMap::default();
        canonical.reserve(ids.len());
        for id in ids {
            let living = root(&mut parents, id);
            if living != id {
                canonical.insert(id, living);
            }
        }
        let mut moved = Vec::with_capacity(merges.len() + undos.len());
        let mut undos = undos.iter().peekable();
        for merge in merges {
            while let Some(undo) = undos.next_if(|undo| undo.merges_before <= merge.sequence) {
                moved.push(undo.profile_id);
            }
            moved.push(merge.merged_profile_id);
        }
        moved.extend(undos.map(|undo| undo.profile_id));
        Self { canonical, moved }
    }

    /// Merges and undos.
    pub fn len(&self) -> usize {
        self.moved.len()
    }

    /// The profile that an origin belongs to.
    pub fn canonical(&self, origin_id: i64) -> i64 {
        self.canonical.get(&origin_id).copied().unwrap_or(origin_id)
    }

    /// Whether a segment may hold events that a later change moves.
    pub fn touch(&self, segment: &SegmentRow) -> bool {
        let applied = usize::try_from(segment.merges_applied).unwrap_or(usize::MAX);
        let later = self.moved.get(applied..).unwrap_or_default();
        later
            .iter()
            .any(|id| (segment.min_profile_id..=segment.max_profile_id).contains(id))
    }
}

/// The lowest id that an id is tied to, with the way there made short.
fn root(parents: &mut FxHashMap<i64, i64>, id: i64) -> i64 {
    let mut living = id;
    while let Some(parent) = parents.get(&living).filter(|parent| **parent != living) {
        living = *parent;
    }
    let mut at = id;
    while at != living {
        at = parents.insert(at, living).unwrap_or(living);
    }
    living
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merge(sequence: u64, merged: i64, surviving: i64) -> MergeRow {
        MergeRow {
            sequence,
            merged_profile_id: merged,
            surviving_profile_id: surviving,
            merged_origin_id: merged,
            surviving_origin_id: surviving,
            message_id: String::new(),
            source: String::new(),
            evidence: String::new(),
            merged_ms: 0,
            identifiers_before: 0,
        }
    }

    fn segment(min_profile_id: i64, max_profile_id: i64, merges_applied: u64) -> SegmentRow {
        SegmentRow {
            name: String::new(),
            rows: 1,
            bytes: 1,
            min_timestamp_ms: 0,
            max_timestamp_ms: 0,
            min_profile_id,
            max_profile_id,
            collected_from_ms: 0,
            collected_to_ms: 0,
            merges_applied,
            checksum: 0,
        }
    }

    #[test]
    fn chains_end_at_the_one_that_lives() {
        let merges = Merges::new(
            &[merge(0, 9, 7), merge(1, 7, 3), merge(2, 8, 3), merge(3, 3, 1)],
            &[],
        );
        let found: Vec<_> = (1..10).map(|id| merges.canonical(id)).collect();
        assert_eq!(found, [1, 2, 1, 4, 5, 6, 1, 1, 1]);
        assert!(merges.touch(&segment(3, 3, 0)) && merges.touch(&segment(3, 3, 3)));
        assert!(!merges.touch(&segment(3, 3, 4)) && !merges.touch(&segment(4, 6, 0)));
    }

    #[test]
    fn what_is_undone_is_apart_and_its_events_move_again() {
        let merges = [merge(0, 9, 7), merge(1, 7, 3)];
        let undo = UndoRow {
            sequence: 0,
            merge: 1,
            merges_before: 2,
            profile_id: 3,
            undone_ms: 0,
            allowed_ms: None,
        };
        let undone = Merges::new(&merges, &[undo]);
        let found: Vec<_> = (1..10).map(|id| undone.canonical(id)).collect();
        assert_eq!(found, [1, 2, 3, 4, 5, 6, 7, 8, 7]);
        assert!(
            undone.touch(&segment(3, 3, 2)),
            "what was written under 3 may be of 7"
        );
        assert!(!undone.touch(&segment(9, 9, 2)) && !undone.touch(&segment(3, 3, 3)));
    }
}
