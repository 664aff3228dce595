//! Rows that were written again, by merges, while a transaction that has changed them was open.
//!
//! A merge gives rows other ids and other segments and lets them keep their ordinals. An update
//! keeps the ordinal too, so a row that is found by its ordinal may be a newer version. Commits
//! therefore note the ordinals of the rows that they removed, for as long as any transaction is
//! open that began before.

use super::Registry;
use crate::snapshot::Table;
use roaring::RoaringTreemap;
use starfact_base::limits::BLOCK_ROWS;
use starfact_base::{Epoch, Result, SegmentId, TableId};
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// The ordinals of rows that commits have removed, updated ones among them.
#[derive(Debug, Default)]
pub(crate) struct Removals(Mutex<Vec<Removal>>);

#[derive(Debug)]
struct Removal {
    epoch: Epoch,
    table: TableId,
    ordinals: RoaringTreemap,
}

impl Removals {
    /// Notes that `epoch` removes rows of `table`, and forgets what no transaction may ask for:
    /// those that are open, and those that begin with the `visible` epoch.
    pub(super) fn note(
        &self,
        (epoch, visible): (Epoch, Epoch),
        (table, rows): (&Table, &[u64]),
        open: &Registry,
    ) -> Result<()> {
        let oldest = {
            let open = open.lock().unwrap_or_else(PoisonError::into_inner);
            open.values().map(|info| info.epoch).chain([visible]).min()
        };
        let ordinals: RoaringTreemap = table.ordinals_of(rows)?.into_iter().collect();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|removal| oldest.is_none_or(|oldest| removal.epoch > oldest));
        if !ordinals.is_empty() {
            all.push(Removal { epoch, table: table.id(), ordinals });
        }
        Ok(())
    }

    /// The ordinals of rows of a table that were removed after an epoch.
    pub(super) fn since(&self, epoch: Epoch, table: TableId) -> RoaringTreemap {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let later = all.iter().filter(|it| it.table == table && it.epoch > epoch);
        later.fold(RoaringTreemap::new(), |sum, removal| sum | &removal.ordinals)
    }
}

/// The ids in `newest` of rows that have these ordinals and are in segments that `before` does not
/// have; `None` if one of them is not there.
pub(super) fn find(
    ordinals: &RoaringTreemap,
    before: &Table,
    newest: &Table,
) -> Result<Option<RoaringTreemap>> {
    let known: BTreeSet<SegmentId> = before.segments.iter().map(|segment| segment.id()).collect();
    let mut found = RoaringTreemap::new();
    for segment in newest.segments.iter().filter(|segment| !known.contains(&segment.id())) {
        for block in 0..segment.block_count() {
            let start = segment.first_row() + (block * BLOCK_ROWS) as u64;
            for (row, ordinal) in (start..).zip(segment.ordinals(block)?) {
                if ordinals.contains(ordinal) && newest.is_live(row) {
                    found.insert(row);
                }
            }
        }
    }
    Ok((found.len() == ordinals.len()).then_some(found))
}
