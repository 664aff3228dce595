//! Gives columns of new segments bitmap indexes, where these pay for their bytes.
//!
//! ```text
//!  one block of each column ─► what an equality would read ─► the best within a share ─► new files
//! ```
//!
//! An index of a column takes about 16 bits a row, more than most columns of numbers. So a segment
//! spends no more than a fixed share of its bytes on indexes that nobody asked for, on the columns
//! in which looking for a value saves the most for each byte. Which these are is decided by
//! [`choose`] from one block of each, hidden columns of ordinals included.
//!
//! As for derived columns, those of keys are left out, since key runs hold on to their files, and
//! only segments that no manifest names yet are touched.

use crate::load::Job;
use crate::paths;
use crate::records::FileRecord;
use crate::segment::Segment;
use crate::snapshot::Table;
use starfact_base::{ColumnId, Error, Result, SegmentId};
use starfact_encoding::EncodeOptions;
use starfact_format::{ColumnFile, ColumnWriter};
use starfact_vfs::Dir;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The part of a segment's bytes that its indexes may take: 3 %.
const SHARE: u64 = 32;
/// An equality has to read this many times fewer bytes than the block has.
const SAVING_MIN: u64 = 16;
/// Rows of a segment below which it is left as it is.
const SEGMENT_ROWS_MIN: u64 = 16_384;

/// Indexes the segments that `table` has and `before` has not.
pub(crate) fn index(job: &Job<'_>, table: &mut Table, before: &Table) -> Result<()> {
    let old: BTreeSet<SegmentId> = before.segments.iter().map(|segment| segment.id()).collect();
    let visible = table.columns().iter().filter(|column| column.bitmap.is_none());
    let hidden = table.foreign_keys().iter().map(|key| key.ordinal_column);
    let mut ids: BTreeSet<ColumnId> = visible.map(|column| column.id).chain(hidden).collect();
    for column in table.keys().iter().flat_map(|key| &key.columns) {
        ids.remove(column);
    }
    for segment in &mut table.segments {
        let is_new = !old.contains(&segment.id());
        if is_new && segment.row_count() >= SEGMENT_ROWS_MIN {
            let indexed = index_segment(job, segment, &ids)?;
            *segment = indexed.map_or_else(|| Arc::clone(segment), Arc::new);
        }
    }
    Ok(())
}

/// What one block says of the index that its column would have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Estimate {
    /// Bytes that a filter of the block reads.
    block_bytes: u64,
    /// Bytes of the containers of a value, on the average.
    value_bytes: u64,
    /// Bytes of the index of the whole column.
    index_bytes: u64,
}

impl Estimate {
    fn is_worth_it(&self) -> bool {
        self.value_bytes.saturating_mul(SAVING_MIN) <= self.block_bytes
    }

    /// Bytes that an equality saves for each byte of the index.
    fn gain(&self) -> f64 {
        self.block_bytes.saturating_sub(self.value_bytes) as f64 / self.index_bytes.max(1) as f64
    }
}

/// The places of the columns that get an index, the best first, for at most `budget` bytes.
fn choose(estimates: &[Option<Estimate>], budget: u64) -> Vec<usize> {
    let known = estimates.iter().enumerate();
    let known = known.filter_map(|(place, estimate)| Some((place, estimate.as_ref()?)));
    let mut worth: Vec<_> = known.filter(|(_, estimate)| estimate.is_worth_it()).collect();
    worth.sort_by(|(_, a), (_, b)| b.gain().total_cmp(&a.gain()));
    let mut left = budget;
    let mut chosen = Vec::new();
    for (place, estimate) in worth {
        if let Some(rest) = left.checked_sub(estimate.index_bytes) {
            left = rest;
            chosen.push(place);
        }
    }
    chosen
}

/// A column of a segment.
struct Column {
    record: FileRecord,
    file: Arc<ColumnFile>,
    estimate: Option<Estimate>,
    /// The file with the index, beside the one without.
    indexed: Option<FileRecord>,
}

/// The segment with indexed files; `None` if it has none.
fn index_segment(
    job: &Job<'_>,
    segment: &Segment,
    ids: &BTreeSet<ColumnId>,
) -> Result<Option<Segment>> {
    let mut columns = Vec::new();
    for record in segment.record().files.iter().filter(|file| ids.contains(&file.column)) {
        let file = segment.column(record.column)?;
        let file = file.ok_or_else(|| Error::internal("a column without file"))?;
        columns.push(Column { record: *record, file, estimate: None, indexed: None });
    }
    job.workers.each(&mut columns, Column::estimate)?;
    let estimates: Vec<Option<Estimate>> = columns.iter().map(|column| column.estimate).collect();
    let mut budget = segment.byte_len() / SHARE;
    let chosen = choose(&estimates, budget);
    let mut chosen: Vec<&mut Column> = {
        let mut columns: Vec<Option<&mut Column>> = columns.iter_mut().map(Some).collect();
        chosen.iter().filter_map(|place| columns.get_mut(*place)?.take()).collect()
    };
    let (dir, folder) = (job.files.dir(), segment.folder());
    job.workers.each(&mut chosen, |column| column.rewrite(dir.as_ref(), folder))?;
    let mut files = Vec::new();
    for column in chosen {
        let Some(file) = column.indexed else { continue };
        let path = paths::column(folder, file.column);
        // One block may have told less than the whole story.
        match budget.checked_sub(file.bytes.saturating_sub(column.record.bytes)) {
            Some(rest) if file.bytes > column.record.bytes => {
                budget = rest;
                dir.rename(&paths::unfinished(&path), &path)?;
                files.push(file);
            }
            _ => dir.remove_file(&paths::unfinished(&path))?,
        }
    }
    Ok((!files.is_empty()).then(|| segment.with_new_files(&files)))
}

impl Column {
    /// Looks at a block in the middle.
    fn estimate(&mut self) -> Result<()> {
        let blocks = self.file.block_count();
        let idx = blocks.saturating_sub(1) / 2;
        if self.file.bitmap_byte_len(idx) > 0 {
            return Ok(());
        }
        let Some(page) = self.file.new_bitmaps(idx)? else { return Ok(()) };
        self.estimate = Some(Estimate {
            block_bytes: self.file.filter_byte_len(idx),
            value_bytes: page.containers.len() as u64 / u64::from(page.indexed.max(1)),
            index_bytes: page.byte_len() as u64 * blocks as u64,
        });
        Ok(())
    }

    /// Writes the column anew with its index, beside the old file.
    fn rewrite(&mut self, dir: &dyn Dir, folder: &str) -> Result<()> {
        let path = paths::unfinished(&paths::column(folder, self.record.column));
        let (ty, options) = (self.record.data_type, EncodeOptions::default());
        let mut writer = ColumnWriter::create(dir, &path, ty, options)?;
        for idx in 0..self.file.block_count() {
            writer.append_indexed(&self.file, idx)?;
        }
        self.indexed = Some(self.record.rewritten(&writer.finish()?));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(block_bytes: u64, value_bytes: u64, index_bytes: u64) -> Option<Estimate> {
        Some(Estimate { block_bytes, value_bytes, index_bytes })
    }

    #[test]
    fn the_columns_that_save_most_for_their_bytes_come_first() {
        let columns = [
            estimate(100_000, 200, 130_000),
            None,
            estimate(1_000_000, 200, 130_000),
            estimate(1_000_000, 200, 40_000),
        ];
        assert_eq!(choose(&columns, 1_000_000), [3, 2, 0]);
        assert_eq!(choose(&columns, 200_000), [3, 2]);
        assert_eq!(choose(&columns, 160_000), [3]);
        assert_eq!(choose(&columns, 39_999), [] as [usize; 0]);
    }

    #[test]
    fn a_value_that_is_not_much_shorter_than_the_block_is_not_worth_it() {
        assert_eq!(choose(&[estimate(16_000, 1_000, 5)], 10), [0]);
        assert_eq!(choose(&[estimate(15_999, 1_000, 5)], 10), [] as [usize; 0]);
    }
}
