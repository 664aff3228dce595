//! Checks that rows are in the order that their segments, and the table, claim to have.

use super::Check;
use crate::keys::layout::{Layout, NormalKey, by_width};
use crate::load::sort_layout;
use starfact_base::Result;

impl Check<'_> {
    /// Segments of one run are one sorted sequence, and all of a sorted table are.
    pub(super) fn check_order(&self) -> Result<()> {
        match sort_layout(self.table)? {
            None => Ok(()),
            Some(layout) => by_width!(layout, K => self.check_order_of::<K>(&layout)),
        }
    }

    fn check_order_of<K: NormalKey>(&self, layout: &Layout) -> Result<()> {
        let columns = self.table.sorted_by();
        let mut before: Option<(u64, K)> = None;
        for segment in &self.table.segments {
            let run = segment.run();
            let follows = |before: &(u64, K)| self.table.is_sorted() || before.0 == run && run != 0;
            let mut last = before.take().filter(follows).map(|(_, key)| key);
            let is_sorted = self.table.is_sorted() || run != 0;
            for block in 0..segment.block_count() {
                let values = self.table.blocks_values(segment, columns, block)?;
                let keys = K::encode(layout, &values)?;
                let is_after = last.is_none_or(|last| keys.first().is_none_or(|key| last <= *key));
                if is_sorted && !(is_after && keys.is_sorted()) {
                    let found = format!("block {block} out of it");
                    let wrong = ("order of rows", "the declared one", found);
                    self.wrong_rows(segment, columns.first().copied(), wrong);
                    return Ok(());
                }
                last = keys.last().cloned();
                (self.options.proceed)(0)?;
            }
            before = last.map(|key| (run, key));
        }
        Ok(())
    }
}
