//! The keys of a segment in memory, sorted when they are first asked for.

use crate::keys::layout::{Layout, NormalKey, by_width, nulls_of};
use crate::keys::run::{RunBlocks, decode_block};
use crate::schema::{Key, KeyId};
use crate::segment::Segment;
use starfact_base::Result;
use starfact_base::limits::BLOCK_ROWS;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The keys that were asked for so far.
#[derive(Debug, Default)]
pub(crate) struct MemoryKeys {
    known: Mutex<BTreeMap<KeyId, Arc<RunBlocks>>>,
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
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&key.id).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let sorted = by_width!(layout, K => sort::<K>(segment, key, layout)?);
        let run = Arc::new(RunBlocks::in_memory(sorted));
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(all.entry(key.id).or_insert(run)))
    }
}

fn sort<K: NormalKey>(segment: &Segment, key: &Key, layout: &Layout) -> Result<SortedKeys> {
    let columns = segment.columns(&key.columns)?;
    let mut pairs: Vec<(K, u64)> = Vec::with_capacity(segment.row_count() as usize);
    for block in 0..segment.block_count() {
        let values = decode_block(&columns, block)?;
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
