//! Decoded blocks of key runs, kept for the next few keys that are looked for: the dimensions of a
//! star are asked by every small commit.

use crate::keys::memory::SortedKeys;
use starfact_base::DataType;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

/// Bytes that all kept blocks may take.
const BYTES_MAX: usize = 128 << 20;

static KEPT: LazyLock<Mutex<Kept>> = LazyLock::new(|| Mutex::new(Kept::new(BYTES_MAX)));

/// The blocks of one run that are kept. They go when this does.
#[derive(Debug)]
pub(crate) struct KeptBlocks {
    run: u64,
}

impl Default for KeptBlocks {
    fn default() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self { run: NEXT.fetch_add(1, Ordering::Relaxed) }
    }
}

impl KeptBlocks {
    /// A block whose keys were made of these types.
    pub(crate) fn get(&self, block: usize, types: &[DataType]) -> Option<Arc<SortedKeys>> {
        lock().get((self.run, block), types)
    }

    pub(crate) fn keep(&self, block: usize, types: &[DataType], keys: &Arc<SortedKeys>) {
        lock().keep((self.run, block), types, Arc::clone(keys));
    }
}

impl Drop for KeptBlocks {
    fn drop(&mut self) {
        lock().forget(self.run);
    }
}

fn lock() -> MutexGuard<'static, Kept> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A run and the number of a block.
type Place = (u64, usize);

/// Blocks of all runs; those that nobody asked for longest go first.
#[derive(Debug)]
struct Kept {
    blocks: HashMap<Place, Entry>,
    bytes: usize,
    bytes_max: usize,
    clock: u64,
}

#[derive(Debug)]
struct Entry {
    types: Vec<DataType>,
    keys: Arc<SortedKeys>,
    bytes: usize,
    used: u64,
}

impl Kept {
    fn new(bytes_max: usize) -> Self {
        Self { blocks: HashMap::new(), bytes: 0, bytes_max, clock: 0 }
    }

    fn get(&mut self, place: Place, types: &[DataType]) -> Option<Arc<SortedKeys>> {
        self.clock += 1;
        let entry = self.blocks.get_mut(&place).filter(|entry| entry.types == types)?;
        entry.used = self.clock;
        Some(Arc::clone(&entry.keys))
    }

    fn keep(&mut self, place: Place, types: &[DataType], keys: Arc<SortedKeys>) {
        self.clock += 1;
        let (bytes, used, types) = (keys.byte_len(), self.clock, types.to_vec());
        if let Some(old) = self.blocks.insert(place, Entry { types, keys, bytes, used }) {
            self.bytes -= old.bytes;
        }
        self.bytes += bytes;
        while self.bytes > self.bytes_max {
            let oldest = self.blocks.iter().min_by_key(|(_, entry)| entry.used);
            let Some(oldest) = oldest.map(|(place, _)| *place) else { break };
            self.remove(oldest);
        }
    }

    fn forget(&mut self, run: u64) {
        let places: Vec<Place> =
            self.blocks.keys().filter(|place| place.0 == run).copied().collect();
        places.into_iter().for_each(|place| self.remove(place));
    }

    fn remove(&mut self, place: Place) {
        if let Some(entry) = self.blocks.remove(&place) {
            self.bytes -= entry.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPES: [DataType; 1] = [DataType::Integer];

    fn keys(count: u64) -> Arc<SortedKeys> {
        Arc::new(SortedKeys::new((0..count).collect::<Vec<u64>>(), (0..count).collect()))
    }

    #[test]
    fn the_block_that_was_not_asked_for_longest_goes_first() {
        let bytes = keys(10).byte_len();
        let mut kept = Kept::new(3 * bytes);
        for block in 0..3 {
            kept.keep((7, block), &TYPES, keys(10));
        }
        assert!(kept.get((7, 0), &TYPES).is_some());
        assert!(kept.get((7, 0), &[DataType::BigInt]).is_none(), "other keys");
        kept.keep((8, 0), &TYPES, keys(10));
        assert!(kept.get((7, 1), &TYPES).is_none());
        let rest = [(7, 0), (7, 2), (8, 0)];
        assert!(rest.iter().all(|place| kept.get(*place, &TYPES).is_some()));
        assert_eq!(kept.bytes, 3 * bytes);
        kept.keep((8, 0), &TYPES, keys(5));
        assert!(kept.bytes < 3 * bytes, "in place of the other");
        kept.forget(7);
        assert_eq!((kept.blocks.len(), kept.bytes), (1, keys(5).byte_len()));
        kept.keep((9, 0), &TYPES, keys(1000));
        assert_eq!((kept.blocks.len(), kept.bytes), (0, 0), "more than all may take");
    }
}
