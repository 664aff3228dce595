//! Writes rows again that a table has: some segments become others with the same live rows.
//!
//! ```text
//!  segments in memory   ─┐  live rows, with their   sorted by SORTED BY   segments in their place,
//!  segments in files    ─┴► ordinals, references ─► as a load is       ─► key runs of these
//! ```
//!
//! Rows keep their ordinals and get new row ids, within the ids of those that they replace. Of
//! cells with the same keys one is left, and it may get another ordinal. What was deleted is gone
//! afterwards, and so are columns that were dropped; what a column got a wider type for, or an
//! initial value, is written as it reads. Flushing the delta, merging segments and freeing the
//! space of deleted rows are all this.

use crate::edges;
use crate::keys::index;
use crate::keys::run::KeyRun;
use crate::load::{
    CheckedRows, Job, LoadOptions, Loaded, RowColumn, Written, finish, sort_layout, write,
};
use crate::maintain::Pace;
use crate::new_files::NewFiles;
use crate::paths;
use crate::records::{KeyRunRecord, KeyRunSource, OrdinalsRecord, SegmentRecord};
use crate::segment::Segment;
use crate::snapshot::Table;
use crate::verify::ORDINALS;
use crate::workers::Workers;
use arrow::array::{Array, ArrayRef, Int64Array, UInt32Array};
use arrow::compute::take;
use starfact_base::limits::BLOCK_ROWS;
use starfact_base::{Error, Result, TableId};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// What a rewrite works with.
#[derive(Clone, Copy)]
pub(crate) struct Rewriting<'a> {
    pub(crate) files: &'a NewFiles,
    pub(crate) tables: &'a BTreeMap<TableId, Arc<Table>>,
    pub(crate) options: &'a LoadOptions,
    pub(crate) workers: &'a Workers,
    /// Called before each block.
    pub(crate) pace: &'a Pace<'a>,
}

impl Rewriting<'_> {
    /// Writes the rows of some segments again.
    pub(crate) fn rewrite(&self, table: &Table, replaced: Range<usize>) -> Result<Table> {
        let old = table.segments.get(replaced.clone()).unwrap_or_default();
        let (Some(first), Some(last)) = (old.first(), old.last()) else {
            return Err(Error::internal("a rewrite of no segments"));
        };
        let range = first.first_row()..last.row_end();
        let columns = RowColumn::all_of(table);
        let job = Job {
            files: self.files,
            tables: self.tables,
            before: table,
            columns: &columns,
            clustered: None,
            cell_roles: table.cell_roles(),
            memory_bytes: self.options.memory_bytes,
            workers: self.workers,
        };
        let layout = sort_layout(table)?;
        let blocks = old
            .iter()
            .flat_map(|segment| (0..segment.block_count()).map(move |block| (segment, block)));
        let mut rows = blocks.filter_map(|(segment, block)| {
            (self.pace)().and_then(|()| live_rows(table, segment, block, &columns)).transpose()
        });
        let loaded = write(&job, layout.as_ref(), &mut rows)?;
        drop(rows);
        let mut after = table.clone();
        let new = match loaded {
            None => Vec::new(),
            Some(Loaded { segments, .. }) => {
                let run = if layout.is_some() { after.next_run } else { 0 };
                after.next_run += u64::from(layout.is_some());
                self.segments(table, segments, range.start, run)?
            }
        };
        forget(&mut after, old);
        after.segments.splice(replaced.clone(), new.iter().cloned());
        after.key_runs = self.runs_outside(table, &range)?;
        if !new.is_empty() {
            let is_last = replaced.start + new.len() == after.segments.len();
            index::index_again(&job, &mut after, &new, is_last)?;
        }
        after.is_sorted = match &layout {
            None => false,
            Some(layout) => edges::is_sorted(layout, &after)?,
        };
        finish(&job, &mut after, self.options)?;
        Ok(after)
    }

    /// The segments that were written, with ordinals and row ids.
    fn segments(
        &self,
        table: &Table,
        written: Vec<Written>,
        mut first_row: u64,
        run: u64,
    ) -> Result<Vec<Arc<Segment>>> {
        let mut segments = Vec::with_capacity(written.len());
        for Written { id, folder, rows, mut files, .. } in written {
            let record = |ordinals: OrdinalsRecord, files, first: u64| SegmentRecord {
                id,
                rows,
                run,
                first_row: Some(first)
                    .filter(|first| ordinals != OrdinalsRecord::Consecutive(*first)),
                ordinals,
                files,
            };
            let dir = self.files.dir();
            let stored = record(OrdinalsRecord::Stored, files.clone(), first_row);
            let stored = Segment::new(Arc::clone(dir), table.id(), stored);
            let ordinals = match consecutive(&stored)? {
                None => OrdinalsRecord::Stored,
                Some(first) => {
                    files.retain(|file| file.column != ORDINALS);
                    dir.remove_file(&paths::column(&folder, ORDINALS))?;
                    OrdinalsRecord::Consecutive(first)
                }
            };
            let record = record(ordinals, files, first_row);
            segments.push(Arc::new(Segment::new(Arc::clone(dir), table.id(), record)));
            first_row += rows;
        }
        Ok(segments)
    }

    /// The key runs of a table without rows of `range`; runs in files are either within or outside.
    fn runs_outside(&self, table: &Table, range: &Range<u64>) -> Result<Vec<Arc<KeyRun>>> {
        let mut kept = Vec::with_capacity(table.key_runs.len());
        for run in &table.key_runs {
            let record = run.record();
            if record.row_end <= range.start || range.end <= record.first_row {
                kept.push(Arc::clone(run));
                continue;
            }
            if run.folder().is_some() {
                if record.first_row < range.start || range.end < record.row_end {
                    return Err(Error::internal("a rewrite of a part of a key run"));
                }
                continue;
            }
            let is_before = |segment: &Arc<Segment>| segment.row_end() <= range.start;
            let is_after = |segment: &Arc<Segment>| range.end <= segment.first_row();
            kept.extend(self.part(table, run, &is_before));
            kept.extend(self.part(table, run, &is_after));
        }
        Ok(kept)
    }

    /// The part of a run of segments that `is_kept`; `None` if there is none.
    fn part(
        &self,
        table: &Table,
        run: &KeyRun,
        is_kept: &dyn Fn(&Arc<Segment>) -> bool,
    ) -> Option<Arc<KeyRun>> {
        let kept = |segment: &&Arc<Segment>| is_kept(segment);
        let segments: Vec<Arc<Segment>> = run.segments().iter().filter(kept).cloned().collect();
        let (first, last) = (segments.first()?, segments.last()?);
        let record = KeyRunRecord {
            id: self.files.number(),
            key: run.key(),
            rows: segments.iter().map(|segment| segment.row_count()).sum(),
            first_row: first.first_row(),
            row_end: last.row_end(),
            source: KeyRunSource::Segments(segments.iter().map(|it| it.id()).collect()),
        };
        let columns = table.schema.key(run.key())?.columns.clone();
        let dir = Arc::clone(self.files.dir());
        Some(Arc::new(KeyRun::new(dir, table.id(), columns, record, segments)))
    }
}

/// Gives cells in some segments that were just written new ordinals, one after the other, so that
/// they need no files of them: nothing refers to cells. Other rows, and cells when there are no
/// more ordinals, keep those that they have.
pub(crate) fn number_cells(table: &mut Table, new: Range<usize>) -> Result<()> {
    if table.cell_roles().is_none() {
        return Ok(());
    }
    let mut next = table.next_ordinal;
    for segment in table.segments.get_mut(new).unwrap_or_default() {
        let mut record = segment.record().clone();
        let end = next.checked_add(record.rows).filter(|end| *end <= i64::MAX as u64);
        let Some(end) = end else { return Ok(()) };
        if record.ordinals == OrdinalsRecord::Stored {
            record.files.retain(|file| file.column != ORDINALS);
            segment.dir().remove_file(&paths::column(segment.folder(), ORDINALS))?;
        }
        record.first_row = Some(record.first_row()).filter(|first| *first != next);
        record.ordinals = OrdinalsRecord::Consecutive(next);
        let renumbered = Segment::new(Arc::clone(segment.dir()), table.schema.id, record);
        *segment = Arc::new(renumbered.with_dictionaries(&table.dictionaries));
        next = end;
        table.next_ordinal = end;
    }
    Ok(())
}

/// The smallest range of segments around `wanted` that no key run in files is partly in.
pub(crate) fn widen(table: &Table, wanted: Range<usize>) -> Range<usize> {
    let mut range = wanted;
    loop {
        let segments = table.segments.get(range.clone()).unwrap_or_default();
        let (Some(first), Some(last)) = (segments.first(), segments.last()) else { return range };
        let (start, end) = (first.first_row(), last.row_end());
        let mut wider = range.clone();
        for run in table.key_runs.iter().filter(|run| run.folder().is_some()) {
            let record = run.record();
            if record.row_end <= start || end <= record.first_row {
                continue;
            }
            let from = table.segments.partition_point(|it| it.row_end() <= record.first_row);
            let to = table.segments.partition_point(|it| it.first_row() < record.row_end);
            wider = wider.start.min(from)..wider.end.max(to);
        }
        if wider == range {
            return range;
        }
        range = wider;
    }
}

/// Takes out of `after` what is known of segments that are replaced.
fn forget(after: &mut Table, old: &[Arc<Segment>]) {
    let mut deletions = after.deletions.as_ref().clone();
    let before = deletions.rows();
    old.iter().for_each(|segment| deletions.remove(segment.id()));
    if deletions.rows() != before {
        after.deletions = Arc::new(deletions);
        after.deletions_file = None;
    }
}

/// The first ordinal of a segment, if those of its rows are consecutive.
fn consecutive(segment: &Segment) -> Result<Option<u64>> {
    let mut first = None;
    for block in 0..segment.block_count() {
        let start = (block * BLOCK_ROWS) as u64;
        for (ordinal, place) in segment.ordinals(block)?.into_iter().zip(start..) {
            let first = *first.get_or_insert(ordinal);
            if ordinal.checked_sub(first) != Some(place) {
                return Ok(None);
            }
        }
    }
    Ok(first)
}

/// The live rows of a block; `None` if there are none.
pub(crate) fn live_rows(
    table: &Table,
    segment: &Segment,
    block: usize,
    columns: &[RowColumn],
) -> Result<Option<CheckedRows>> {
    let start = block * BLOCK_ROWS;
    let rows = (segment.row_count() as usize).saturating_sub(start).min(BLOCK_ROWS);
    let live = table.deletions.of(segment.id()).map(|deleted| {
        let is_live = |row: &u32| !deleted.contains(start as u32 + row);
        (0..rows as u32).filter(is_live).collect::<Vec<u32>>()
    });
    let row_count = live.as_ref().map_or(rows, Vec::len);
    if row_count == 0 {
        return Ok(None);
    }
    let mut byte_len = 0;
    let mut arrays = Vec::with_capacity(columns.len());
    for column in columns {
        let array = values(table, segment, block, column, live.as_deref())?;
        byte_len += array.get_array_memory_size();
        arrays.push(array);
    }
    Ok(Some(CheckedRows { columns: arrays, row_count, byte_len }))
}

/// The values of some rows of a block, or of all, as the type that the column has now.
pub(crate) fn values(
    table: &Table,
    segment: &Segment,
    block: usize,
    column: &RowColumn,
    live: Option<&[u32]>,
) -> Result<ArrayRef> {
    if column.id != ORDINALS {
        return table.values_of(segment, column.id, block, live);
    }
    let ordinals = segment.ordinals(block)?.into_iter().map(|ordinal| ordinal as i64);
    let ordinals: ArrayRef = Arc::new(Int64Array::from_iter_values(ordinals));
    let Some(live) = live else { return Ok(ordinals) };
    let live = UInt32Array::from(live.to_vec());
    take(ordinals.as_ref(), &live, None).map_err(crate::keys::layout::ours)
}
