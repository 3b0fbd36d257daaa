//! The identifiers known, and the profile that each belongs to.

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A profile's id less one: its place in the list of profiles.
pub type ProfileIndex = u32;
/// An identifier's place in the order of first sight.
pub type IdentifierIndex = u32;
/// A kind's place in the list of kinds.
pub type KindIndex = u16;

/// The origin of an identifier that was deleted; its place is not used again.
pub const GONE: ProfileIndex = ProfileIndex::MAX;

#[derive(Debug, Clone)]
pub struct Known {
    pub kind: KindIndex,
    pub value: Box<str>,
    /// The profile that it was first added to; [`GONE`]: it was deleted.
    pub origin: ProfileIndex,
    pub first_seen_ms: i64,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    hash: u64,
    index: IdentifierIndex,
}

/// A table from (kind, value) to the identifier, which holds each value once.
#[derive(Debug, Clone, Default)]
pub struct Identifiers {
    known: Vec<Known>,
    table: HashTable<Slot>,
}

impl Identifiers {
    pub fn find(&self, kind: KindIndex, value: &str) -> Option<IdentifierIndex> {
        let hash = hash(kind, value);
        let same = |slot: &Slot| slot.hash == hash && self.holds(slot.index, kind, value);
        self.table.find(hash, same).map(|slot| slot.index)
    }

    fn holds(&self, index: IdentifierIndex, kind: KindIndex, value: &str) -> bool {
        self.get(index)
            .is_some_and(|known| known.kind == kind && *known.value == *value)
    }

    /// Adds one that [`Self::find`] did not find. Absent: the table is full (2^32 identifiers).
    pub fn insert(&mut self, known: Known) -> Option<IdentifierIndex> {
        let index = u32::try_from(self.known.len()).ok()?;
        let hash = hash(known.kind, &known.value);
        self.table
            .insert_unique(hash, Slot { hash, index }, |slot| slot.hash);
        self.known.push(known);
        Some(index)
    }

    /// Leaves a gap in the numbers where nothing is known any more.
    pub fn push_gone(&mut self) {
        self.known.push(Known {
            kind: 0,
            value: Box::default(),
            origin: GONE,
            first_seen_ms: 0,
        });
    }

    /// Forgets one; its number is not used again.
    pub fn remove(&mut self, index: IdentifierIndex) {
        let Some(known) = self.known.get_mut(index as usize) else {
            return;
        };
        let hash = hash(known.kind, &known.value);
        (known.value, known.origin) = (Box::default(), GONE);
        if let Ok(slot) = self.table.find_entry(hash, |slot| slot.index == index) {
            slot.remove();
        }
    }

    pub fn get(&self, index: IdentifierIndex) -> Option<&Known> {
        self.known.get(index as usize)
    }

    pub fn all(&self) -> &[Known] {
        &self.known
    }

    pub fn len(&self) -> usize {
        self.known.len()
    }
}

fn hash(kind: KindIndex, value: &str) -> u64 {
    xxh3_64_with_seed(value.as_bytes(), u64::from(kind))
}
