//! Identifiers whose events are dropped. What is kept of one is its kind and a SHA-256 of it, so that a person who was
//! deleted stays suppressed without being remembered.

use sha2::{Digest, Sha256};
use tailrace_model::Error;

use super::{Identity, SuppressionRow};
use crate::events::Event;

/// Identifiers that can be suppressed at a time; each costs about 200 bytes of memory.
pub const SUPPRESSIONS_MAX: usize = 1_000_000;

/// What a suppressed identifier is told by.
pub fn hash(kind: &str, value: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(kind.as_bytes());
    hash.update([0]);
    hash.update(value.as_bytes());
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Identity {
    /// Drops the events of these identifiers from now on; returns those that were not suppressed before.
    pub fn suppress(
        &mut self,
        identifiers: &[(String, String)],
        now_ms: i64,
    ) -> Result<Vec<SuppressionRow>, Error> {
        if self.suppressions.len() + identifiers.len() > SUPPRESSIONS_MAX {
            return Err(Error::user(
                "suppressions_max",
                format!("{SUPPRESSIONS_MAX} identifiers can be suppressed at most: take some back first"),
            ));
        }
        let mut new = Vec::new();
        for (kind, value) in identifiers {
            let key = (kind.clone(), hash(kind, value));
            let row = self
                .suppressions
                .entry(key.clone())
                .or_insert_with(|| SuppressionRow {
                    kind: key.0.clone(),
                    hash: key.1.clone(),
                    since_ms: now_ms,
                    dropped: 0,
                    until_ms: Some(now_ms),
                });
            if row.until_ms.take().is_some() {
                row.since_ms = now_ms;
                new.push(row.clone());
                self.pending.suppressions.insert(key);
            }
        }
        self.count_suppressed();
        Ok(new)
    }

    /// Takes the events of these identifiers in again; returns those that were suppressed.
    pub fn unsuppress(&mut self, identifiers: &[(String, String)], now_ms: i64) -> Vec<SuppressionRow> {
        let mut ended = Vec::new();
        for (kind, value) in identifiers {
            let key = (kind.clone(), hash(kind, value));
            if let Some(row) = self.suppressions.get_mut(&key)
                && row.until_ms.is_none()
            {
                row.until_ms = Some(now_ms);
                ended.push(row.clone());
                self.pending.suppressions.insert(key);
            }
        }
        self.count_suppressed();
        ended
    }

    /// Whether an identifier of the event is suppressed.
    pub fn suppresses(&self, event: &Event<'_>) -> bool {
        self.suppression_of(event).is_some()
    }

    /// The same, which is counted.
    pub fn drops(&mut self, event: &Event<'_>) -> bool {
        let Some(key) = self.suppression_of(event) else {
            return false;
        };
        if let Some(row) = self.suppressions.get_mut(&key) {
            row.dropped += 1;
        }
        self.pending.suppressions.insert(key);
        true
    }

    fn suppression_of(&self, event: &Event<'_>) -> Option<(String, String)> {
        if self.suppressed == 0 {
            return None;
        }
        let keys = event.identifiers.iter().map(|identifier| {
            (
                identifier.kind.to_string(),
                hash(&identifier.kind, &identifier.value),
            )
        });
        let holds = |key: &(String, String)| {
            let row = self.suppressions.get(key);
            row.is_some_and(|row| row.until_ms.is_none())
        };
        keys.into_iter().find(holds)
    }

    /// What is, and was, suppressed.
    pub fn suppressions(&self) -> Vec<SuppressionRow> {
        self.suppressions.values().cloned().collect()
    }

    pub(super) fn load_suppressions(&mut self, rows: Vec<SuppressionRow>) {
        let keyed = rows
            .into_iter()
            .map(|row| ((row.kind.clone(), row.hash.clone()), row));
        self.suppressions = keyed.collect();
        self.count_suppressed();
    }

    fn count_suppressed(&mut self) {
        let holds = |row: &&SuppressionRow| row.until_ms.is_none();
        self.suppressed = self.suppressions.values().filter(holds).count();
    }
}
