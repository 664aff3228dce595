//! Makes one segment of many small ones.
//!
//! Each load appends at least one segment, so many small loads make many small segments. When
//! [`SMALL_SEGMENTS_MAX`] of them are at the end of a table, the load that adds the last one puts
//! their rows into one segment, in the same order and with the same ordinals. A row is rewritten
//! once for every so many loads, and never again after its segment has a block's worth of rows.

use crate::keys::index;
use crate::keys::run::KeyRun;
use crate::load::{Job, RowNumbers, column_bitmaps, column_options};
use crate::paths;
use crate::records::{FileRecord, KeyRunRecord, KeyRunSource, OrdinalsRecord, SegmentRecord};
use crate::segment::Segment;
use crate::snapshot::Table;
use starfact_base::limits::{BLOCK_ROWS, SEGMENT_BLOCKS_MAX};
use starfact_base::{ColumnId, DataType, Result};
use starfact_encoding::EncodeOptions;
use starfact_format::{BitmapPolicy, ColumnFileInfo, ColumnWriter};
use starfact_vfs::Dir;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Small segments at the end of a table, at which they become one.
const SMALL_SEGMENTS_MAX: usize = 64;
/// Rows of a segment that is small.
const SMALL_ROWS: u64 = BLOCK_ROWS as u64;
/// Rows that a segment may have.
const ROWS_MAX: u64 = (SEGMENT_BLOCKS_MAX * BLOCK_ROWS) as u64;

/// Compacts the end of `table`, if it is time.
pub(crate) fn compact(job: &Job<'_>, table: &mut Table) -> Result<()> {
    let Some(from) = choose(&table.segments) else { return Ok(()) };
    let old = table.segments.split_off(from);
    let merged = Arc::new(merge(job, table, &old)?);
    table.next_run += u64::from(table.is_sorted);
    let mut key_runs = Vec::with_capacity(table.key_runs.len());
    for run in &table.key_runs {
        key_runs.extend(without(job, table, run, &merged));
    }
    table.key_runs = key_runs;
    table.segments.push(Arc::clone(&merged));
    index::index(job, table, &[merged], &RowNumbers::InOrder)
}

/// Where the segments begin that should become one; a policy, which looks at nothing but them.
fn choose(segments: &[Arc<Segment>]) -> Option<usize> {
    let mut from = segments.len();
    let mut rows = 0;
    let mut end = segments.last()?.ordinal_end();
    for (idx, segment) in segments.iter().enumerate().rev() {
        rows += segment.row_count();
        let is_next = segment.ordinal_end() == end;
        if segment.row_count() >= SMALL_ROWS || rows > ROWS_MAX || !is_next {
            break;
        }
        end = segment.first_ordinal();
        from = idx;
    }
    // The segments of one load stay together: its key runs cover all of them.
    while let (Some(before), Some(first)) = (segments.get(from.wrapping_sub(1)), segments.get(from))
        && before.run() == first.run()
        && first.run() != 0
    {
        from += 1;
    }
    (segments.len() - from >= SMALL_SEGMENTS_MAX).then_some(from)
}

/// One column of the new segment.
struct Column {
    id: ColumnId,
    data_type: DataType,
    options: EncodeOptions,
    bitmaps: BitmapPolicy,
    /// There when its file is written.
    info: Option<ColumnFileInfo>,
}

fn merge(job: &Job<'_>, table: &Table, old: &[Arc<Segment>]) -> Result<Segment> {
    // What was dropped goes, and what has another type now is written in that.
    let mut types: BTreeMap<ColumnId, DataType> = BTreeMap::new();
    for file in old.iter().flat_map(|segment| &segment.record().files) {
        types.extend(table.schema.type_of(file.column).map(|ty| (file.column, ty)));
    }
    let column = |(id, data_type)| Column {
        id,
        data_type,
        options: table.column(id).map(column_options).unwrap_or_default(),
        bitmaps: table.column(id).map(column_bitmaps).unwrap_or_default(),
        info: None,
    };
    let mut columns: Vec<Column> = types.into_iter().map(column).collect();
    let (id, folder) = job.files.segment(table.id());
    let dir = job.files.dir();
    job.workers.each(&mut columns, |column| column.merge(dir.as_ref(), &folder, table, old))?;
    let file =
        |column: &Column| Some(FileRecord::new(column.id, column.data_type, column.info.as_ref()?));
    let record = SegmentRecord {
        id,
        rows: old.iter().map(|segment| segment.row_count()).sum(),
        run: if table.is_sorted { table.next_run } else { 0 },
        ordinals: OrdinalsRecord::Consecutive(old.first().map_or(0, |old| old.first_ordinal())),
        files: columns.iter().filter_map(file).collect(),
    };
    Ok(Segment::new(Arc::clone(dir), table.id(), record))
}

impl Column {
    fn merge(
        &mut self,
        dir: &dyn Dir,
        folder: &str,
        table: &Table,
        old: &[Arc<Segment>],
    ) -> Result<()> {
        let path = paths::column(folder, self.id);
        let writer = ColumnWriter::create(dir, &path, self.data_type, self.options)?;
        let mut writer = writer.with_bitmaps(self.bitmaps);
        for segment in old {
            for block in 0..segment.block_count() {
                writer.append(&table.block_values(segment, self.id, block)?)?;
            }
        }
        self.info = Some(writer.finish()?);
        Ok(())
    }
}

/// A key run without the rows of `merged`; `None` if it has no others.
fn without(
    job: &Job<'_>,
    table: &Table,
    run: &Arc<KeyRun>,
    merged: &Segment,
) -> Option<Arc<KeyRun>> {
    let record = run.record();
    if record.ordinal_end <= merged.first_ordinal() {
        return Some(Arc::clone(run));
    }
    let is_kept = |segment: &&Arc<Segment>| segment.first_ordinal() < merged.first_ordinal();
    let segments: Vec<Arc<Segment>> = run.segments().iter().filter(is_kept).cloned().collect();
    let last = segments.last()?;
    let record = KeyRunRecord {
        id: job.files.number(),
        key: record.key,
        rows: segments.iter().map(|segment| segment.row_count()).sum(),
        first_ordinal: record.first_ordinal,
        ordinal_end: last.ordinal_end(),
        source: KeyRunSource::Segments(segments.iter().map(|segment| segment.id()).collect()),
    };
    let columns = table.schema.key(record.key)?.columns.clone();
    Some(Arc::new(KeyRun::new(Arc::clone(job.files.dir()), table.id(), columns, record, segments)))
}
