//! A key of small whole numbers close together, as most dimensions have: an array from the number
//! to the ordinal.

use crate::keys::layout::{Layout, NormalKey};
use crate::keys::run::RunBlocks;
use crate::snapshot::Table;
use starfact_base::Result;
use std::sync::Arc;

/// Entries that the array may have for each key in it.
const SPREAD_MAX: u64 = 8;
/// Entries that it may have in any case.
const ENTRIES_MIN: u64 = 1 << 16;
/// What an entry without a key holds.
const NONE: u32 = u32::MAX;

/// The ordinals of all keys of a table.
#[derive(Debug)]
pub(crate) struct DenseKeys<K> {
    first: K,
    ordinals: Vec<u32>,
}

impl<K: NormalKey> DenseKeys<K> {
    /// Reads all keys of the live rows in `runs` of `table`; `None` if they are not dense, or take
    /// more than `memory_bytes`.
    pub(crate) fn read(
        layout: &Layout,
        runs: &[Arc<RunBlocks>],
        table: &Table,
        memory_bytes: usize,
    ) -> Result<Option<Self>> {
        if table.next_ordinal >= u64::from(NONE) {
            return Ok(None);
        }
        let mut ends: Option<(K, K)> = None;
        for run in runs {
            let Some(last_block) = run.count().checked_sub(1) else { continue };
            let (first, _) = run.load::<K>(layout, 0)?;
            let (last, _) = run.load::<K>(layout, last_block)?;
            let (Some(first), Some(last)) = (first.first(), last.last()) else { continue };
            ends = Some(match ends {
                None => (first.clone(), last.clone()),
                Some((low, high)) => (low.min(first.clone()), high.max(last.clone())),
            });
        }
        let Some((first, last)) = ends else { return Ok(None) };
        let most = table.row_count().saturating_mul(SPREAD_MAX).max(ENTRIES_MIN);
        let most = most.min((memory_bytes / size_of::<u32>()) as u64);
        let Some(span) = last.offset_from(&first).filter(|span| *span < most) else {
            return Ok(None);
        };
        let mut dense = Self { first, ordinals: vec![NONE; span as usize + 1] };
        for run in runs {
            dense.add(layout, run, table)?;
        }
        Ok(Some(dense))
    }

    fn add(&mut self, layout: &Layout, run: &RunBlocks, table: &Table) -> Result<()> {
        let all_live = table.deletions.is_empty();
        for block in 0..run.count() {
            let (keys, rows) = run.load::<K>(layout, block)?;
            let ordinals = table.ordinals_of(&rows)?;
            for ((key, ordinal), row) in keys.iter().zip(ordinals).zip(rows) {
                if !all_live && !table.is_live(row) {
                    continue;
                }
                let offset = key.offset_from(&self.first).map(|offset| offset as usize);
                if let Some(entry) = offset.and_then(|offset| self.ordinals.get_mut(offset)) {
                    *entry = ordinal as u32;
                }
            }
        }
        Ok(())
    }

    /// The ordinal of the row with this key.
    #[inline]
    pub(crate) fn find(&self, key: &K) -> Option<u64> {
        let offset = key.offset_from(&self.first)?;
        let ordinal = *self.ordinals.get(usize::try_from(offset).ok()?)?;
        (ordinal != NONE).then_some(u64::from(ordinal))
    }
}
