//! Schemas that were read, bounded in number and in bytes; the oldest leave first.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::RegisteredSchema;

/// Schemas that a registry keeps.
const SCHEMAS_MAX: usize = 1_000;
/// Bytes of their texts.
const BYTES_MAX: usize = 64 * 1024 * 1024;

#[derive(Default)]
pub(super) struct Cache(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    by_id: HashMap<u32, Arc<RegisteredSchema>>,
    order: VecDeque<u32>,
    bytes: usize,
}

impl Cache {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn get(&self, id: u32) -> Option<Arc<RegisteredSchema>> {
        self.kept().by_id.get(&id).map(Arc::clone)
    }

    pub fn put(&self, schema: &Arc<RegisteredSchema>) {
        let mut kept = self.kept();
        if kept.by_id.insert(schema.id, Arc::clone(schema)).is_some() {
            // Two asked at once; the text is the same.
            return;
        }
        kept.order.push_back(schema.id);
        kept.bytes += schema.bytes();
        while kept.order.len() > SCHEMAS_MAX || (kept.bytes > BYTES_MAX && kept.order.len() > 1) {
            let Some(oldest) = kept.order.pop_front() else {
                return;
            };
            if let Some(gone) = kept.by_id.remove(&oldest) {
                kept.bytes -= gone.bytes();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::registry::SchemaKind;

    fn schema(id: u32, bytes: usize) -> Arc<RegisteredSchema> {
        Arc::new(RegisteredSchema {
            id,
            kind: SchemaKind::Avro,
            text: "x".repeat(bytes),
            references: Vec::new(),
        })
    }

    #[test]
    fn the_oldest_leave() {
        let cache = Cache::default();
        for id in 0..SCHEMAS_MAX as u32 + 3 {
            cache.put(&schema(id, 1));
            cache.put(&schema(id, 1));
        }
        assert!(cache.get(2).is_none() && cache.get(3).is_some());
        assert_eq!(cache.kept().bytes, SCHEMAS_MAX);
        cache.put(&schema(u32::MAX, BYTES_MAX));
        assert_eq!(cache.kept().order, [u32::MAX]);
        assert!(cache.get(u32::MAX).is_some());
    }
}
