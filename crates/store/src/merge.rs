//! Merges sorted runs of column files.
//!
//! ```text
//!  run 0   [ block ][ block ]…      of each run, the keys of one block are in memory;
//!  run 1   [ block ][ block ]…      rows up to the least of the blocks' last keys are complete,
//!  run 2   [ block ]                so these are sorted, a slice of each run, and given out
//! ```
//!
//! What is given out is only which rows come in which order: the caller decodes the columns that it
//! wants, each on a thread of its own if it likes.

use crate::keys::layout::{Layout, NormalKey, ours};
use arrow::array::{Array, ArrayRef};
use arrow::compute::concat;
use starfact_base::limits::BLOCK_ROWS;
use starfact_base::{Error, Result};
use starfact_format::ColumnFile;
use std::ops::Range;
use std::sync::Arc;

/// Rows that a step gives out at the least, unless they are the last.
const STEP_ROWS: usize = 4 * BLOCK_ROWS;

/// Runs that are merged at a time: more are merged in several passes.
pub(crate) const FAN_IN: usize = 32;

/// A sorted run: parts, one after the other, each with the same columns.
#[derive(Debug)]
pub(crate) struct SortedRun {
    pub(crate) parts: Vec<Vec<Arc<ColumnFile>>>,
}

/// Rows of one block.
#[derive(Clone, Debug)]
pub(crate) struct BlockRange {
    run: usize,
    part: usize,
    block: usize,
    rows: Range<usize>,
}

/// Which rows come next.
#[derive(Debug)]
pub(crate) struct Step<K> {
    /// The rows, in no order.
    pub(crate) ranges: Vec<BlockRange>,
    /// The rows in order: their keys, and their places in `ranges`.
    pub(crate) pairs: Vec<(K, u32)>,
}

/// Merges runs by the columns at some places.
#[derive(Debug)]
pub(crate) struct Merger<'a, K> {
    runs: &'a [SortedRun],
    layout: &'a Layout,
    places: &'a [usize],
    cursors: Vec<Cursor<K>>,
}

/// Where a run has come to.
#[derive(Debug)]
struct Cursor<K> {
    part: usize,
    /// The block that `keys` are of.
    block: usize,
    /// The row in the block of the first of `keys`.
    row: usize,
    keys: std::vec::IntoIter<K>,
    last: Option<K>,
    /// The next block, if there is one.
    next: Option<(usize, usize)>,
}

impl<'a, K: NormalKey> Merger<'a, K> {
    pub(crate) fn new(runs: &'a [SortedRun], layout: &'a Layout, places: &'a [usize]) -> Self {
        let start = |run| Cursor {
            part: 0,
            block: 0,
            row: 0,
            keys: Vec::new().into_iter(),
            last: None,
            next: first_block(run, 0),
        };
        let cursors = runs.iter().map(start).collect();
        Self { runs, layout, places, cursors }
    }

    /// The next rows; `None` at the end.
    pub(crate) fn next_step(&mut self) -> Result<Option<Step<K>>> {
        let mut step = Step { ranges: Vec::new(), pairs: Vec::new() };
        while step.pairs.len() < STEP_ROWS {
            for (run, cursor) in self.runs.iter().zip(&mut self.cursors) {
                if cursor.keys.len() == 0 {
                    cursor.advance(run, self.layout, self.places)?;
                }
            }
            let unfinished = self.cursors.iter().filter(|cursor| cursor.next.is_some());
            let cut = unfinished.filter_map(|cursor| cursor.last.as_ref()).min().cloned();
            let from = step.pairs.len();
            for (run, cursor) in self.cursors.iter_mut().enumerate() {
                cursor.give(run, cut.as_ref(), &mut step);
            }
            if step.pairs.len() == from {
                break;
            }
            // A stable sort finds the slices and merges them.
            step.pairs.get_mut(from..).unwrap_or_default().sort();
        }
        Ok((!step.pairs.is_empty()).then_some(step))
    }
}

impl<K: NormalKey> Cursor<K> {
    /// Reads the keys of the next block.
    fn advance(&mut self, run: &SortedRun, layout: &Layout, places: &[usize]) -> Result<()> {
        let Some((part, block)) = self.next else { return Ok(()) };
        let files = run.parts.get(part).ok_or_else(|| Error::internal("a run without part"))?;
        let mut columns = Vec::with_capacity(places.len());
        for file in places.iter().filter_map(|place| files.get(*place)) {
            let block = file.block(block)?;
            columns.push(block.decode(0..block.rows())?);
        }
        let keys = K::encode(layout, &columns)?;
        self.last = keys.last().cloned();
        self.keys = keys.into_iter();
        (self.part, self.block, self.row) = (part, block, 0);
        let is_last = files.first().is_none_or(|file| block + 1 >= file.block_count());
        self.next = if is_last { first_block(run, part + 1) } else { Some((part, block + 1)) };
        Ok(())
    }

    /// Gives out the rows up to `cut`, or all.
    fn give(&mut self, run: usize, cut: Option<&K>, step: &mut Step<K>) {
        let keys = self.keys.as_slice();
        let count = cut.map_or(keys.len(), |cut| keys.partition_point(|key| key <= cut));
        if count == 0 {
            return;
        }
        let first = step.pairs.len() as u32;
        step.pairs.extend(self.keys.by_ref().take(count).zip(first..));
        let (part, block, rows) = (self.part, self.block, self.row..self.row + count);
        step.ranges.push(BlockRange { run, part, block, rows });
        self.row += count;
    }
}

/// The first block of the parts from `part` on.
fn first_block(run: &SortedRun, part: usize) -> Option<(usize, usize)> {
    let rest = run.parts.get(part..).unwrap_or_default();
    let has_rows = |files: &Vec<Arc<ColumnFile>>| files.first().is_some_and(|file| file.rows() > 0);
    rest.iter().position(has_rows).map(|skipped| (part + skipped, 0))
}

/// The values of one column of some rows.
pub(crate) fn decode(runs: &[SortedRun], ranges: &[BlockRange], column: usize) -> Result<ArrayRef> {
    let mut parts = Vec::with_capacity(ranges.len());
    for range in ranges {
        let run = runs.get(range.run);
        let file = run.and_then(|run| run.parts.get(range.part)?.get(column));
        let file = file.ok_or_else(|| Error::internal("a run without column"))?;
        parts.push(file.block(range.block)?.decode(range.rows.clone())?);
    }
    match parts.as_slice() {
        [one] => Ok(Arc::clone(one)),
        parts => {
            let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
            concat(&parts).map_err(ours)
        }
    }
}
