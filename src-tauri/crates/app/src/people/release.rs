//! Records of the quarantine tried again: those that pass are collected, and leave it in the same checkpoint.

use std::{collections::BTreeSet, sync::Arc};

use arrow::array::RecordBatch;
use tailrace_model::{Result, api::QuarantineKind};

use super::{
    checkpoint,
    collect::{Reader, explained},
};
use crate::{
    core::now_ms,
    open::OpenWorkspace,
    quality::{Judged, Refused},
    store::QuarantineRow,
};

/// What came, or would come, of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Released {
    pub collected: u64,
    pub duplicates: u64,
    pub left_out: u64,
    pub stayed: u64,
}

/// `raw` are the records of `rows`, in their order.
pub(crate) async fn release(
    open: &Arc<OpenWorkspace>,
    reader: &mut Reader,
    raw: RecordBatch,
    rows: &[QuarantineRow],
    dry_run: bool,
) -> Result<Released> {
    let people = &open.held()?.people;
    let now = now_ms();
    let (viewed, problems) = reader.view(&raw).await?;
    let mut collecting = people.collecting.lock().await;
    let records = reader.prepare(raw, viewed)?;
    let mut judged = reader.judge(&records, now)?;
    judged.refused = explained(judged.refused, &problems);
    let left_out = judged.left_out.len() as u64;
    if dry_run {
        let mut seen = BTreeSet::new();
        let new = judged.events.iter().filter(|event| {
            seen.insert(event.message_id.to_string()) && !collecting.collector.knows(&event.message_id)
        });
        let collected = new.count() as u64;
        return Ok(Released {
            collected,
            duplicates: judged.events.len() as u64 - collected,
            left_out,
            stayed: judged.refused.len() as u64,
        });
    }
    let collected = collecting
        .collector
        .collect(&reader.source, &judged.events, now)?;
    for rejected in &collected.rejected {
        let event = &judged.events[rejected.index];
        judged.refused.push(Refused {
            row: judged.rows[rejected.index],
            kind: QuarantineKind::Malformed,
            reason: rejected.reason.clone(),
            event: Some(event.event.to_string()),
            message_id: Some(event.message_id.to_string()),
            fields: None,
        });
    }
    let released = Released {
        collected: collected.accepted as u64,
        duplicates: collected.duplicates as u64,
        left_out,
        stayed: judged.refused.len() as u64,
    };
    let pending = collecting.pending.entry(reader.source.clone()).or_default();
    pending.source.clone_from(&reader.source);
    pending.counts.events += released.collected;
    pending.counts.duplicates += released.duplicates;
    pending.counts.left_out += released.left_out;
    settle(&judged, rows, &mut pending.quality);
    pending.dirty = true;
    drop(collecting);
    checkpoint::write(open).await?;
    Ok(released)
}

/// Those that stay get their new reason, all others go.
fn settle(judged: &Judged<'_>, rows: &[QuarantineRow], waiting: &mut crate::store::Waiting) {
    for (at, row) in rows.iter().enumerate() {
        match judged.refused.iter().find(|refused| refused.row == at) {
            None => waiting.released.push(row.id),
            Some(refused) => waiting.judged_again.push(QuarantineRow {
                kind: refused.kind,
                reason: refused.reason.clone(),
                event: refused.event.clone(),
                message_id: refused.message_id.clone(),
                fields: refused.fields.clone(),
                // What it is stays as it is: only the verdict is written.
                key: None,
                value: None,
                ..row.clone()
            }),
        }
    }
}
