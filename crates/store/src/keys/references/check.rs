//! Checks the stored ordinals of references: they are resolved once more, and compared.

use super::{Parent, SORTED_BLOCKS, Task};
use crate::constraints::live_rows;
use crate::keys::layout::ours;
use crate::paths;
use crate::snapshot::Table;
use crate::workers::Workers;
use arrow::array::{ArrayRef, UInt32Array};
use arrow::compute::take;
use starfact_base::{Corruption, Error, Result, TableId};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What is wrong with the references of a table; at most one fault for each foreign key of each
/// segment. `proceed` is called now and then, and ends the check by its error.
pub(crate) fn check(
    table: &Table,
    tables: &BTreeMap<TableId, Arc<Table>>,
    memory_bytes: usize,
    workers: &Workers,
    proceed: &(dyn Fn() -> Result<()> + Sync),
) -> Result<Vec<Error>> {
    let rows = table.row_count();
    let mut parents = Vec::with_capacity(table.foreign_keys().len());
    for foreign_key in table.foreign_keys() {
        parents.push(Parent::open(tables, table, foreign_key, rows, memory_bytes)?);
    }
    let mut tasks = Vec::new();
    for (segment_idx, segment) in table.segments.iter().enumerate() {
        for (foreign_key, parent) in table.foreign_keys().iter().zip(&parents) {
            tasks.push(Task { segment_idx, segment, foreign_key, parent, file: None, fault: None });
        }
    }
    let faults = Mutex::new(Vec::new());
    workers.each(&mut tasks, |task| {
        if let Some(fault) = task.check(table, proceed)? {
            faults.lock().unwrap_or_else(PoisonError::into_inner).push(fault);
        }
        Ok(())
    })?;
    Ok(faults.into_inner().unwrap_or_else(PoisonError::into_inner))
}

impl Task<'_> {
    fn check(&mut self, table: &Table, proceed: &dyn Fn() -> Result<()>) -> Result<Option<Error>> {
        let column = self.foreign_key.ordinal_column;
        let Some(file) = self.segment.column(column)? else {
            let path = paths::column(self.segment.folder(), column);
            let damage = Corruption::new(0, "ordinals of references", "a file", "none");
            return Ok(Some(damage.in_file(path)));
        };
        let blocks = self.segment.block_count();
        for start in (0..blocks).step_by(SORTED_BLOCKS) {
            let range = start..blocks.min(start + SORTED_BLOCKS);
            let expected = self.resolve(range.clone())?;
            let wrong = |idx: usize, expected: &str, found: &str| {
                let what = format!(
                    "ordinals in block {idx}, of the rows of \"{}\" that are referenced",
                    self.parent.table.name()
                );
                Some(Corruption::new(0, what, expected, found).in_file(file.path()))
            };
            let first = self.segment.first_row();
            let is_live = |place: &u64| table.is_live(first + place);
            if self.fault.as_ref().is_some_and(|rows| rows.iter().any(is_live)) {
                return Ok(wrong(start, "rows that exist", "a key that no row has"));
            }
            for (idx, expected) in range.zip(expected) {
                let expected: ArrayRef = Arc::new(expected);
                let block = file.block(idx)?;
                let found = block.decode(0..block.rows())?;
                let live = live_rows(table, self.segment, idx, block.rows());
                let live = (!live.is_all()).then(|| UInt32Array::from(live.indices()));
                let of_live = |all: &ArrayRef| match &live {
                    None => Ok(Arc::clone(all)),
                    Some(live) => take(all.as_ref(), live, None).map_err(ours),
                };
                if *of_live(&found)? != *of_live(&expected)? {
                    return Ok(wrong(idx, "those of the rows with the keys", "others"));
                }
                proceed()?;
            }
        }
        Ok(None)
    }
}
