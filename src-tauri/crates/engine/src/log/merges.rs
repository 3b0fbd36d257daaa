//! Which profile a written id belongs to now.

use rustc_hash::FxHashMap;

use super::manifest::SegmentRow;
use crate::identity::MergeRow;

/// All merges up to a checkpoint.
#[derive(Debug, Default)]
pub struct Merges {
    /// From each merged profile to the one that lives.
    canonical: FxHashMap<i64, i64>,
    /// The merged profiles, in the order of the merges.
    merged: Vec<i64>,
}

impl Merges {
    pub fn new(rows: &[MergeRow]) -> Self {
        let mut canonical = FxHashMap::default();
        let mut merged = Vec::with_capacity(rows.len());
        canonical.reserve(rows.len());
        // A profile is merged once, and only into one that lives then: from the last merge backwards, where the
        // survivor went is known already.
        for row in rows.iter().rev() {
            let into = canonical
                .get(&row.surviving_profile_id)
                .copied()
                .unwrap_or(row.surviving_profile_id);
            canonical.insert(row.merged_profile_id, into);
        }
        merged.extend(rows.iter().map(|row| row.merged_profile_id));
        Self { canonical, merged }
    }

    pub fn len(&self) -> usize {
        self.merged.len()
    }

    pub fn canonical(&self, profile_id: i64) -> i64 {
        self.canonical.get(&profile_id).copied().unwrap_or(profile_id)
    }

    /// Whether a segment may hold a profile that was merged after it was written.
    pub fn touch(&self, segment: &SegmentRow) -> bool {
        let applied = usize::try_from(segment.merges_applied).unwrap_or(usize::MAX);
        let later = self.merged.get(applied..).unwrap_or_default();
        later
            .iter()
            .any(|id| (segment.min_profile_id..=segment.max_profile_id).contains(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_end_at_the_one_that_lives() {
        let merge = |sequence, merged_profile_id, surviving_profile_id| MergeRow {
            sequence,
            merged_profile_id,
            surviving_profile_id,
            message_id: String::new(),
            evidence: String::new(),
            merged_ms: 0,
        };
        let merges = Merges::new(&[merge(0, 9, 7), merge(1, 7, 3), merge(2, 8, 3), merge(3, 3, 1)]);
        let found: Vec<_> = (1..10).map(|id| merges.canonical(id)).collect();
        assert_eq!(found, [1, 2, 1, 4, 5, 6, 1, 1, 1]);
        let segment = |min_profile_id, max_profile_id, merges_applied| SegmentRow {
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
        };
        assert!(merges.touch(&segment(1, 9, 0)));
        assert!(!merges.touch(&segment(1, 9, 4)), "all applied");
        assert!(!merges.touch(&segment(4, 6, 0)), "none of them in it");
        assert!(!merges.touch(&segment(9, 12, 1)), "applied when it was written");
    }
}
