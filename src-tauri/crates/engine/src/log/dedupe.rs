//! Which message ids were seen within the window.
//!
//! An id is kept as 128 bits of XXH3: among a thousand million ids the chance that two share one is about 10^-21, far
//! below that of a disk returning a wrong bit. Ids are grouped in slices by the time of their collection; a slice leaves
//! as a whole when all of it is older than the window, or the oldest when there are too many ids, which
//! [`Dedupe::covered_from_ms`] then says.

use std::collections::VecDeque;

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_128;

/// Slices that the window, and the room, are divided into.
const SLICES: usize = 32;

#[derive(Debug, Clone, Copy)]
struct Entry {
    /// In parts, so that an entry has 20 bytes and not 32.
    hash: [u32; 4],
    slice: u32,
}

#[derive(Debug)]
struct Slice {
    number: u32,
    from_ms: i64,
    to_ms: i64,
    ids: usize,
}

#[derive(Debug)]
pub struct Dedupe {
    window_ms: i64,
    ids_max: usize,
    table: HashTable<Entry>,
    slices: VecDeque<Slice>,
    next: u32,
    shortened_to_ms: Option<i64>,
}

impl Dedupe {
    pub fn new(window_ms: i64, ids_max: usize) -> Self {
        Self {
            window_ms,
            ids_max: ids_max.max(SLICES),
            table: HashTable::new(),
            slices: VecDeque::new(),
            next: 0,
            shortened_to_ms: None,
        }
    }

    /// Whether this id was seen before, within the window.
    pub fn has(&self, message_id: &str) -> bool {
        let hash = parts(message_id);
        self.table.find(short(hash), |entry| entry.hash == hash).is_some()
    }

    /// Remembers an id that [`Self::has`] does not know.
    pub fn insert(&mut self, message_id: &str, now_ms: i64) {
        let hash = parts(message_id);
        let slice = self.slice(now_ms);
        self.table
            .insert_unique(short(hash), Entry { hash, slice }, |entry| short(entry.hash));
    }

    /// Forgets an id: its event is not in the log any more.
    pub fn remove(&mut self, message_id: &str) {
        let hash = parts(message_id);
        let Ok(found) = self.table.find_entry(short(hash), |entry| entry.hash == hash) else {
            return;
        };
        let (entry, _) = found.remove();
        if let Some(slice) = self.slices.iter_mut().find(|slice| slice.number == entry.slice) {
            slice.ids -= 1;
        }
    }

    /// Since when ids are remembered, when that is later than the window's beginning.
    pub fn covered_from_ms(&self) -> Option<i64> {
        self.shortened_to_ms
    }

    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// The slice that takes one more id now.
    fn slice(&mut self, now_ms: i64) -> u32 {
        let room = self.ids_max / SLICES;
        let span_ms = self.window_ms / SLICES as i64;
        if let Some(last) = self.slices.back_mut()
            && last.ids < room
            && now_ms.saturating_sub(last.from_ms) <= span_ms
        {
            last.ids += 1;
            (last.from_ms, last.to_ms) = (last.from_ms.min(now_ms), last.to_ms.max(now_ms));
            return last.number;
        }
        self.evict(now_ms);
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        self.slices.push_back(Slice {
            number,
            from_ms: now_ms,
            to_ms: now_ms,
            ids: 1,
        });
        number
    }

    fn evict(&mut self, now_ms: i64) {
        let from_ms = now_ms.saturating_sub(self.window_ms);
        let mut gone = Vec::new();
        self.slices.retain(|slice| {
            let keep = slice.to_ms >= from_ms;
            if !keep {
                gone.push(slice.number);
            }
            keep
        });
        while self.slices.iter().map(|slice| slice.ids).sum::<usize>() + self.ids_max / SLICES > self.ids_max
        {
            let Some(oldest) = self.slices.pop_front() else {
                break;
            };
            gone.push(oldest.number);
            self.shortened_to_ms = Some(oldest.to_ms);
        }
        if self.shortened_to_ms.is_some_and(|to_ms| to_ms < from_ms) {
            self.shortened_to_ms = None;
        }
        if !gone.is_empty() {
            self.table.retain(|entry| !gone.contains(&entry.slice));
        }
    }
}

fn parts(message_id: &str) -> [u32; 4] {
    let bytes = xxh3_128(message_id.as_bytes()).to_le_bytes();
    let part =
        |from: usize| u32::from_le_bytes([bytes[from], bytes[from + 1], bytes[from + 2], bytes[from + 3]]);
    [part(0), part(4), part(8), part(12)]
}

fn short(hash: [u32; 4]) -> u64 {
    u64::from(hash[0]) | u64::from(hash[1]) << 32
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ids_leave_with_the_window() {
        let mut dedupe = Dedupe::new(3_200, 1_000);
        for at in 0..100i64 {
            let id = format!("m{at}");
            assert!(!dedupe.has(&id));
            dedupe.insert(&id, at * 100);
            let kept = (at - 32).max(0);
            assert!(dedupe.has(&format!("m{kept}")), "within the window at {at}");
        }
        assert!(!dedupe.has("m0"));
        assert!(dedupe.len() < 40, "{} ids for a window of 33", dedupe.len());
        assert_eq!(dedupe.covered_from_ms(), None);
    }

    proptest! {
        /// Whatever comes when, an id of the window is known, and what is known was inserted; one that leaves is at most
        /// a slice older than the window.
        #[test]
        fn exact_within_the_window(
            window_ms in 320i64..5_000,
            steps in prop::collection::vec((0u16..60, 0i64..400, any::<bool>()), 1..400),
        ) {
            let mut dedupe = Dedupe::new(window_ms, 1 << 20);
            let mut reference: BTreeMap<u16, i64> = BTreeMap::new();
            let mut now_ms = 0;
            for (id, later_ms, forgets) in steps {
                now_ms += later_ms;
                let name = format!("m{id}");
                let known = dedupe.has(&name);
                match reference.get(&id) {
                    Some(at) if now_ms - at <= window_ms => prop_assert!(known, "{} of {} at {}", id, at, now_ms),
                    Some(_) => {}
                    None => prop_assert!(!known, "{} was never there", id),
                }
                if forgets && known {
                    dedupe.remove(&name);
                    reference.remove(&id);
                    prop_assert!(!dedupe.has(&name));
                } else if !known {
                    dedupe.insert(&name, now_ms);
                    reference.insert(id, now_ms);
                }
            }
            prop_assert_eq!(dedupe.covered_from_ms(), None);
        }
    }

    #[test]
    fn too_many_ids_shorten_the_window_and_say_so() {
        let mut dedupe = Dedupe::new(1_000_000, 320);
        for at in 0..1_000i64 {
            dedupe.insert(&format!("m{at}"), at);
        }
        assert!(dedupe.len() <= 320);
        assert!(dedupe.has("m999") && dedupe.has("m700") && !dedupe.has("m600"));
        let from = dedupe.covered_from_ms().expect("shortened");
        assert!((600..700).contains(&from), "{from}");
    }
}
