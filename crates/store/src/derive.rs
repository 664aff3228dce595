//! Makes new segments smaller by columns that follow from others.
//!
//! ```text
//!  sample of all columns ─► rules that it follows ─► those that pay in one block ─► new files
//!                           (starfact_encoding)       and can be used together
//! ```
//!
//! Rules are found in the rows and nowhere else: neither names nor declared references count. A
//! column is derived from columns that are stored. The columns of keys stay stored, since looking
//! for a key reads them, as do columns that ask for an encoding.
//!
//! Only segments that no manifest names yet are touched: the smaller file is written beside the old
//! one and takes its name. After a crash or an error the whole segment is removed.

use crate::load::Job;
use crate::paths;
use crate::records::FileRecord;
use crate::segment::Segment;
use crate::snapshot::Table;
use crate::verify::ORDINALS;
use starfact_base::limits::BLOCK_ROWS;
use starfact_base::{ColumnId, DataType, Error, Result, SegmentId};
use starfact_encoding::{Derivation, EncodeOptions, Found, Sample, choose_rules, find_rules};
use starfact_format::{ColumnFile, ColumnWriter, DerivedBlock};
use starfact_vfs::Dir;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Rows of a segment below which it is left as it is.
const SEGMENT_ROWS_MIN: u64 = 256;
/// Blocks of which rows are looked at.
const SAMPLE_BLOCKS: usize = 3;
/// Rows of each of them.
const SAMPLE_ROWS: usize = 512;
/// Bytes that a rule takes in the footer.
const RULE_BYTES: u64 = 26;
/// Bytes that a block has to save.
const SAVED_BYTES_MIN: u64 = 64;

/// Replaces the segments that `table` has and `before` has not by smaller ones.
pub(crate) fn derive(job: &Job<'_>, table: &mut Table, before: &Table) -> Result<()> {
    let old: BTreeSet<SegmentId> = before.segments.iter().map(|segment| segment.id()).collect();
    let may_be_derived = candidates(table);
    for segment in &mut table.segments {
        let is_new = !old.contains(&segment.id());
        if is_new && segment.row_count() >= SEGMENT_ROWS_MIN {
            let smaller = derive_segment(job, segment, &may_be_derived)?;
            *segment = smaller.map_or_else(|| Arc::clone(segment), Arc::new);
        }
    }
    Ok(())
}

/// The columns that may be derived.
fn candidates(table: &Table) -> BTreeSet<ColumnId> {
    let visible = table.columns().iter().filter(|column| column.encoding.is_none());
    let visible = visible.map(|column| column.id);
    let hidden = table.foreign_keys().iter().map(|key| key.ordinal_column);
    let mut ids: BTreeSet<ColumnId> = visible.chain(hidden).collect();
    for column in table.keys().iter().flat_map(|key| &key.columns) {
        ids.remove(column);
    }
    ids
}

/// A column and what is known of it.
struct Column {
    record: FileRecord,
    file: Arc<ColumnFile>,
    sample: Option<Sample>,
    may_be_derived: bool,
}

/// Whether the derived form of a block is worth what it takes to read it.
pub(crate) fn pays(derived_bytes: usize, stored_bytes: u64) -> bool {
    let with_rule = derived_bytes as u64 + RULE_BYTES;
    with_rule + SAVED_BYTES_MIN.max(stored_bytes / 10) <= stored_bytes
}

/// The segment with smaller files; `None` if it has none.
fn derive_segment(
    job: &Job<'_>,
    segment: &Segment,
    may_be_derived: &BTreeSet<ColumnId>,
) -> Result<Option<Segment>> {
    let mut columns = Vec::new();
    for record in &segment.record().files {
        let file = segment.column(record.column)?;
        let file = file.ok_or_else(|| Error::internal("a column without file"))?;
        let may_be_derived = may_be_derived.contains(&record.column);
        let is_integer = !matches!(record.data_type, DataType::Varchar | DataType::Boolean);
        // Rows' own ordinals are no source: 0 stands for none.
        let may_be_source = is_integer && record.column != ORDINALS;
        if may_be_source && file.source_ids().is_empty() {
            columns.push(Column { record: *record, file, sample: None, may_be_derived });
        }
    }
    let (blocks, group_rows) = sampled(segment.row_count());
    job.workers.each(&mut columns, |column| column.read_sample(&blocks, group_rows))?;
    columns.retain(|column| column.sample.is_some());
    let samples: Vec<Sample> =
        columns.iter_mut().filter_map(|column| column.sample.take()).collect();
    let first = blocks.first().copied().unwrap_or_default();
    let pays = |found: &Found| -> Result<bool> {
        let Some(task) = Task::of(found, &columns) else { return Ok(false) };
        Ok(task.derived(first)?.is_some())
    };
    let chosen = choose_rules(find_rules(&samples, group_rows), pays)?;
    let mut tasks: Vec<Task<'_>> =
        chosen.iter().filter_map(|found| Task::of(found, &columns)).collect();
    let (dir, folder) = (job.files.dir(), segment.folder());
    job.workers.each(&mut tasks, |task| task.rewrite(dir.as_ref(), folder))?;
    let smaller: Vec<FileRecord> = tasks.iter().filter_map(|task| task.smaller).collect();
    Ok((!smaller.is_empty()).then(|| segment.with_new_files(&smaller)))
}

/// The blocks of a segment that are looked at, and how many rows of each.
fn sampled(rows: u64) -> (Vec<usize>, usize) {
    match (rows / BLOCK_ROWS as u64) as usize {
        0 => (vec![0], SAMPLE_ROWS.min(rows as usize)),
        full => {
            let count = SAMPLE_BLOCKS.min(full);
            ((0..count).map(|place| place * full / count).collect(), SAMPLE_ROWS)
        }
    }
}

/// `count` rows from all over `rows`, not at equal distances.
fn sample_rows(rows: usize, count: usize) -> Vec<u32> {
    let distance = (rows / count.max(1)).max(1);
    (0..count).map(|place| (place * distance + place * 7_919 % distance) as u32).collect()
}

impl Column {
    /// Reads some rows; there is no sample of a column that has other keys than integers.
    fn read_sample(&mut self, blocks: &[usize], group_rows: usize) -> Result<()> {
        let (mut keys, mut is_valid) = (Vec::new(), Vec::new());
        let (mut bytes, mut rows) = (0, 0);
        for &idx in blocks {
            let block = self.file.block(idx)?;
            let found = block.keys(&sample_rows(block.rows(), group_rows))?;
            let Some((more_keys, more_valid)) = found else { return Ok(()) };
            keys.extend(more_keys);
            is_valid.extend(more_valid);
            bytes += self.file.block_byte_len(idx);
            rows += block.rows();
        }
        // Bits in tenths, so that equal columns are equal.
        let bits = (bytes as f64 * 80.0 / rows.max(1) as f64).round() / 10.0;
        let may_be_derived = self.may_be_derived;
        self.sample = Some(Sample { keys, is_valid, bits, may_be_derived });
        Ok(())
    }
}

/// A column that is to be derived.
struct Task<'a> {
    column: &'a Column,
    sources: Vec<&'a Column>,
    derivation: Derivation,
    /// The file that took the place of the old one.
    smaller: Option<FileRecord>,
}

impl<'a> Task<'a> {
    fn of(found: &Found, columns: &'a [Column]) -> Option<Self> {
        let sources = found.sources.iter().map(|place| columns.get(*place));
        let sources = sources.collect::<Option<Vec<&Column>>>()?;
        let ids = sources.iter().map(|source| source.record.column).collect();
        let derivation = Derivation { rule: found.rule, sources: ids };
        Some(Self { column: columns.get(found.column)?, sources, derivation, smaller: None })
    }

    /// A block in its derived form, if that is smaller.
    fn derived(&self, idx: usize) -> Result<Option<DerivedBlock>> {
        let sources = self.sources.iter().map(|source| source.file.block(idx));
        let sources = sources.collect::<Result<Vec<_>>>()?;
        let derived = self.column.file.block(idx)?.derive(&self.derivation.rule, &sources, None)?;
        let stored_bytes = self.column.file.block_byte_len(idx);
        let derivation = self.derivation.clone();
        Ok(derived
            .filter(|bytes| pays(bytes.len(), stored_bytes))
            .map(|bytes| DerivedBlock { derivation, bytes }))
    }

    /// Writes the column anew, with each block in the smaller form.
    fn rewrite(&mut self, dir: &dyn Dir, folder: &str) -> Result<()> {
        let record = self.column.record;
        let path = paths::column(folder, record.column);
        let temporary = paths::unfinished(&path);
        let (ty, options) = (record.data_type, EncodeOptions::default());
        let mut writer = ColumnWriter::create(dir, &temporary, ty, options)?;
        for idx in 0..self.column.file.block_count() {
            writer.append_block(&self.column.file, idx, self.derived(idx)?)?;
        }
        let info = writer.finish()?;
        if info.bytes >= record.bytes {
            return dir.remove_file(&temporary);
        }
        dir.rename(&temporary, &path)?;
        self.smaller = Some(record.rewritten(&info));
        Ok(())
    }
}
