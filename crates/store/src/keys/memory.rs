//! The keys of a segment in memory, sorted when they are first asked for, and again when a column
//! of the key got a wider type.

use crate::keys::layout::{Layout, NormalKey, by_width, nulls_of};
use crate::keys::run::RunBlocks;
use crate::schema::{Key, KeyId};
use crate::segment::Segment;
use starfact_base::limits::BLOCK_ROWS;
use starfact_base::{DataType, Result};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The keys that were asked for so far.
#[derive(Debug, Default)]
pub(crate) struct MemoryKeys {
    known: Mutex<BTreeMap<KeyId, Known>>,
}

/// A run, and the types that its keys were made of.
#[derive(Clone, Debug)]
struct Known {
    types: Vec<DataType>,
    run: Arc<RunBlocks>,
}

/// Sorted keys with the ids of their rows.
#[derive(Debug)]
pub(crate) struct SortedKeys {
    pub(crate) keys: AnyKeys,
    pub(crate) rows: Vec<u64>,
    /// Whether each key is one more than that before it, so that its place follows from it.
    pub(crate) are_dense: bool,
}

impl SortedKeys {
    pub(crate) fn new<K: NormalKey>(keys: Vec<K>, rows: Vec<u64>) -> Self {
        let ends = keys.first().zip(keys.last());
        let span = ends.and_then(|(first, last)| last.offset_from(first));
        let are_dense = span.is_some_and(|span| span.checked_add(1) == Some(keys.len() as u64))
            && keys.is_sorted_by(|one, next| one < next);
        Self { keys: K::wrap(keys), rows, are_dense }
    }

    /// Bytes that it takes in memory.
    pub(crate) fn byte_len(&self) -> usize {
        let keys = match &self.keys {
            AnyKeys::Word(keys) => size_of_val(keys.as_slice()),
            AnyKeys::Double(keys) => size_of_val(keys.as_slice()),
            AnyKeys::Bytes(keys) => {
                size_of_val(keys.as_slice()) + keys.iter().map(|key| key.len()).sum::<usize>()
            }
        };
        keys + size_of_val(self.rows.as_slice())
    }
}

/// Keys of one of the widths.
#[derive(Debug)]
pub(crate) enum AnyKeys {
    Word(Vec<u64>),
    Double(Vec<u128>),
    Bytes(Vec<Box<[u8]>>),
}

impl MemoryKeys {
    /// The keys of a segment that was made of others with all their rows and the ids of these, as
    /// far as all of them know theirs.
    pub(crate) fn adopt<'a>(&self, parts: impl Iterator<Item = &'a Self>) {
        let lock = |keys: &Self| keys.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let parts: Vec<BTreeMap<KeyId, Known>> = parts.map(lock).collect();
        let Some(first) = parts.first() else { return };
        let mut merged = BTreeMap::new();
        for (key, Known { types, .. }) in first {
            let same = |part: &'_ BTreeMap<KeyId, Known>| {
                part.get(key).filter(|known| known.types == *types).map(|it| Arc::clone(&it.run))
            };
            let Some(runs) = parts.iter().map(same).collect::<Option<Vec<_>>>() else { continue };
            let sorted = merge::<u64>(&runs)
                .or_else(|| merge::<u128>(&runs))
                .or_else(|| merge::<Box<[u8]>>(&runs));
            let Some(sorted) = sorted else { continue };
            let run = Arc::new(RunBlocks::in_memory(sorted));
            merged.insert(*key, Known { types: types.clone(), run });
        }
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = merged;
    }

    /// The run of a key of `segment`, which these are the keys of.
    pub(crate) fn run(
        &self,
        segment: &Segment,
        key: &Key,
        layout: &Layout,
    ) -> Result<Arc<RunBlocks>> {
        let types: Vec<DataType> = layout.types().collect();
        let is_it = |known: &&Known| known.types == types;
        let lock = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = lock().get(&key.id).filter(is_it).map(|known| Arc::clone(&known.run));
        if let Some(known) = known {
            return Ok(known);
        }
        let sorted = by_width!(layout, K => sort::<K>(segment, key, layout)?);
        let mut all = lock();
        if let Some(known) = all.get(&key.id).filter(is_it) {
            return Ok(Arc::clone(&known.run));
        }
        let run = Arc::new(RunBlocks::in_memory(sorted));
        all.insert(key.id, Known { types, run: Arc::clone(&run) });
        Ok(run)
    }
}

/// Runs in memory as one; `None` if their keys are of another width.
fn merge<K: NormalKey>(runs: &[Arc<RunBlocks>]) -> Option<SortedKeys> {
    let mut pairs: Vec<(K, u64)> = Vec::new();
    for run in runs {
        let (keys, rows) = run.memory::<K>()?;
        pairs.extend(keys.iter().cloned().zip(rows.iter().copied()));
    }
    // The stable sort of the standard library makes use of what is in order already.
    pairs.sort();
    let (keys, rows) = pairs.into_iter().unzip();
    Some(SortedKeys::new::<K>(keys, rows))
}

fn sort<K: NormalKey>(segment: &Segment, key: &Key, layout: &Layout) -> Result<SortedKeys> {
    let mut pairs: Vec<(K, u64)> = Vec::with_capacity(segment.row_count() as usize);
    for block in 0..segment.block_count() {
        let values = layout.fit(segment.decode(&key.columns, block)?)?;
        let nulls = nulls_of(&values);
        let first = segment.first_row() + (block * BLOCK_ROWS) as u64;
        let keys = K::encode(layout, &values)?.into_iter().zip(first..).enumerate();
        let has_key = |row: usize| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
        pairs.extend(keys.filter(|(row, _)| has_key(*row)).map(|(_, pair)| pair));
    }
    pairs.sort_unstable();
    let (keys, rows) = pairs.into_iter().unzip();
    Ok(SortedKeys::new::<K>(keys, rows))
}
