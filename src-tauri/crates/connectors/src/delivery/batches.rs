//! Cutting changes into batches, and a batch into halves.

use super::{Changes, DeliveryBatch, rows};

/// Batches of at most `rows_max` rows and `bytes_max` bytes, removes before upserts: a value that has to be unique at
/// the destination is given up by one row before another takes it. A row beyond `bytes_max` stands alone.
pub(super) fn plan(changes: &Changes, rows_max: usize, bytes_max: usize) -> Vec<Changes> {
    let removes = changes.removes.num_rows();
    let sizes = rows::sizes(&changes.removes).chain(rows::sizes(&changes.upserts));
    let mut cuts = vec![0];
    let (mut count, mut bytes, mut end) = (0, 0_usize, 0);
    for size in sizes {
        if count > 0 && (count == rows_max.max(1) || bytes.saturating_add(size) > bytes_max) {
            cuts.push(end);
            (count, bytes) = (0, 0);
        }
        (count, bytes, end) = (count + 1, bytes.saturating_add(size), end + 1);
    }
    cuts.push(end);
    let slice = |from: usize, to: usize| Changes {
        removes: changes
            .removes
            .slice(from.min(removes), to.min(removes) - from.min(removes)),
        upserts: changes
            .upserts
            .slice(from.max(removes) - removes, to.max(removes) - from.max(removes)),
    };
    cuts.windows(2)
        .filter(|cut| cut[0] < cut[1])
        .map(|cut| slice(cut[0], cut[1]))
        .collect()
}

/// Two batches of half the rows each, with names of their own.
pub(super) fn halves(
    batch: &DeliveryBatch,
    name: &mut impl FnMut() -> String,
) -> (DeliveryBatch, DeliveryBatch) {
    let (removes, upserts) = (batch.removes.num_rows(), batch.upserts.num_rows());
    let half = (removes + upserts) / 2;
    let (of_removes, of_upserts) = (half.min(removes), half.saturating_sub(removes));
    let first = DeliveryBatch {
        removes: batch.removes.slice(0, of_removes),
        upserts: batch.upserts.slice(0, of_upserts),
        idempotency_key: name(),
    };
    let second = DeliveryBatch {
        removes: batch.removes.slice(of_removes, removes - of_removes),
        upserts: batch.upserts.slice(of_upserts, upserts - of_upserts),
        idempotency_key: name(),
    };
    (first, second)
}
