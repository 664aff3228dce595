//! The keys of a segment in memory, sorted when they are first asked for, and again when a column
//! of the key got a wider type.

use crate::keys::layout::{Layout, NormalKey, by_width, nulls_of};
use crate::keys::run::{RunBlocks, decode_block};
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
}

/// Keys of one of the widths.
#[derive(Debug)]
pub(crate) enum AnyKeys {
    Word(Vec<u64>),
    Double(Vec<u128>),
    Bytes(Vec<Box<[u8]>>),
}

impl MemoryKeys {
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

fn sort<K: NormalKey>(segment: &Segment, key: &Key, layout: &Layout) -> Result<SortedKeys> {
    let columns = segment.columns(&key.columns)?;
    let mut pairs: Vec<(K, u64)> = Vec::with_capacity(segment.row_count() as usize);
    for block in 0..segment.block_count() {
        let values = layout.fit(decode_block(&columns, block)?)?;
        let nulls = nulls_of(&values);
        let first = segment.first_row() + (block * BLOCK_ROWS) as u64;
        let keys = K::encode(layout, &values)?.into_iter().zip(first..).enumerate();
        let has_key = |row: usize| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
        pairs.extend(keys.filter(|(row, _)| has_key(*row)).map(|(_, pair)| pair));
    }
    pairs.sort_unstable();
    let (keys, rows) = pairs.into_iter().unzip();
    Ok(SortedKeys { keys: K::wrap(keys), rows })
}
