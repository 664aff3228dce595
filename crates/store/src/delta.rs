//! Rows in memory: segments like any others, whose column files no disk has.
//!
//! Each commit makes one. Neighbours become one when there are many of a size, with all their rows,
//! deleted or not, in their order and with their ids: so what the log says of row ids stays true.

use crate::keys::layout::NormalKey;
use crate::keys::layout::{by_width, ours};
use crate::keys::memory::MemoryKeys;
use crate::load::{RowColumn, RowNumbers, sort_layout};
use crate::paths;
use crate::records::{FileRecord, OrdinalsRecord, RowRange, SegmentRecord};
use crate::rewrite::values;
use crate::segment::Segment;
use crate::snapshot::Table;
use crate::verify::ORDINALS;
use arrow::array::{ArrayRef, Int64Array, UInt32Array};
use arrow::compute::{concat, take};
use roaring::RoaringBitmap;
use starfact_base::limits::BLOCK_ROWS;
use starfact_base::{ColumnId, Error, Result, SegmentId};
use starfact_encoding::{Effort, EncodeOptions};
use starfact_format::ColumnWriter;
use starfact_vfs::{Dir, MemDir};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Segments in memory of about one size, at which they become one.
const FAN_IN: usize = 32;
/// Rows from which on a segment in memory stays as it is.
const MERGED_ROWS_MAX: u64 = BLOCK_ROWS as u64;
/// The numbers of segments that were made of others in memory: no file has them.
const MERGED_SEGMENTS: u64 = u64::MAX / 4;
/// And of those that are parts of others.
const PARTS_OF_SEGMENTS: u64 = MERGED_SEGMENTS + MERGED_SEGMENTS / 2;

/// Rows of a segment in memory up to which its values are kept as they were given.
const KEPT_ROWS_MAX: usize = 4096;
/// Bytes that a kept value may take on average, and that come on top of them all.
const KEPT_ROW_BYTES: usize = 64;
const KEPT_BYTES_MIN: usize = 1024;

/// What is known of a segment in memory.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) keys: MemoryKeys,
    /// Values of columns as they were given, where these are few: what the commit and the next
    /// merge look at would else be decoded again.
    arrays: Mutex<BTreeMap<ColumnId, ArrayRef>>,
    /// The first record of the log that has rows of it; 0 as long as none has.
    record: AtomicU64,
}

impl Memory {
    pub(crate) fn record(&self) -> u64 {
        self.record.load(Ordering::Relaxed)
    }

    /// The values of a column, if they are kept.
    pub(crate) fn array(&self, column: ColumnId) -> Option<ArrayRef> {
        self.arrays.lock().unwrap_or_else(PoisonError::into_inner).get(&column).cloned()
    }

    /// Keeps the values of a column if they are few, and keep nothing else in memory.
    fn keep(&self, column: ColumnId, values: &ArrayRef) {
        let bytes_max = KEPT_BYTES_MIN + values.len() * KEPT_ROW_BYTES;
        if values.len() <= KEPT_ROWS_MAX && values.get_buffer_memory_size() <= bytes_max {
            let mut arrays = self.arrays.lock().unwrap_or_else(PoisonError::into_inner);
            arrays.insert(column, Arc::clone(values));
        }
    }

    pub(crate) fn set_record(&self, record: u64) {
        self.record.store(record, Ordering::Relaxed);
    }
}

/// Rows of a table on their way into memory: the columns that users see.
pub(crate) struct NewRows {
    pub(crate) columns: Vec<ArrayRef>,
    pub(crate) row_count: usize,
    /// For rows that take the place of others, their ordinals; the others get new ones.
    pub(crate) kept: Option<Vec<Option<u64>>>,
}

/// A segment in memory, and which of the rows became which of its.
pub(crate) struct Built {
    pub(crate) segment: Arc<Segment>,
    pub(crate) numbers: RowNumbers,
}

/// Where the rows of a new segment go.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) id: SegmentId,
    pub(crate) first_row: u64,
    /// The ordinal that the next row without one gets.
    pub(crate) next_ordinal: u64,
    pub(crate) run: u64,
}

/// Sorts rows by the declared order and makes a segment of them; counts up the ordinals of `place`.
pub(crate) fn build(table: &Table, rows: NewRows, place: &mut Place) -> Result<Built> {
    let NewRows { columns, row_count, kept } = rows;
    let order = order(table, &columns, row_count)?;
    let mut sorted = Vec::with_capacity(columns.len());
    for column in columns {
        sorted.push(match &order {
            None => column,
            Some(order) => take(column.as_ref(), order, None).map_err(ours)?,
        });
    }
    let first = place.next_ordinal;
    let (ordinals, stored) = match kept {
        None => {
            place.next_ordinal += row_count as u64;
            (OrdinalsRecord::Consecutive(first), None)
        }
        Some(kept) => {
            let place_of = |row: usize| match &order {
                None => row,
                Some(order) => order.value(row) as usize,
            };
            let mut ordinals = Vec::with_capacity(row_count);
            for row in 0..row_count {
                let known = kept.get(place_of(row)).copied().flatten();
                ordinals.push(known.unwrap_or_else(|| {
                    place.next_ordinal += 1;
                    place.next_ordinal - 1
                }) as i64);
            }
            (OrdinalsRecord::Stored, Some(Int64Array::from(ordinals)))
        }
    };
    if place.next_ordinal > i64::MAX as u64 {
        return Err(Error::Limit {
            what: format!("the number of rows that table \"{}\" ever had", table.name()),
            limit: i64::MAX.to_string(),
        });
    }
    let mut columns = RowColumn::visible_of(table);
    if let Some(ordinals) = stored {
        columns.push(RowColumn::hidden(ORDINALS));
        sorted.push(Arc::new(ordinals));
    }
    let record = SegmentRecord {
        id: place.id,
        rows: row_count as u64,
        run: place.run,
        first_row: Some(place.first_row),
        ordinals,
        files: Vec::new(),
    };
    let segment = Arc::new(write(table, record, &columns, &sorted)?);
    let numbers = order.map_or(RowNumbers::InOrder, RowNumbers::Order);
    Ok(Built { segment, numbers })
}

/// Writes a segment into memory.
fn write(
    table: &Table,
    mut record: SegmentRecord,
    columns: &[RowColumn],
    values: &[ArrayRef],
) -> Result<Segment> {
    let dir: Arc<dyn Dir> = Arc::new(MemDir::new());
    let folder = paths::segment(table.id(), record.id);
    for (column, values) in columns.iter().zip(values) {
        record.files.push(write_column(dir.as_ref(), &folder, column, values)?);
    }
    record.files.sort_by_key(|file| file.column);
    let segment = Segment::in_memory(dir, table.id(), record);
    if let Some(memory) = segment.memory() {
        columns.iter().zip(values).for_each(|(column, values)| memory.keep(column.id, values));
    }
    Ok(segment)
}

/// Makes one segment of neighbours in memory wherever there are many of a size. Rows below
/// `frozen` are left as they are.
pub(crate) fn merge_neighbours(table: &mut Table, frozen: u64) -> Result<()> {
    while let Some(range) = choose(&table.segments, frozen) {
        merge(table, range)?;
    }
    Ok(())
}

/// The last segments that should become one, if any: as many as the fan-in of one tier or below.
fn choose(segments: &[Arc<Segment>], frozen: u64) -> Option<Range<usize>> {
    let tier = |segment: &Segment| segment.row_count().max(1).ilog(FAN_IN as u64);
    let mut from = segments.len();
    let mut highest = 0;
    for (idx, segment) in segments.iter().enumerate().rev() {
        let next = segments.get(idx + 1);
        let follows = next.is_none_or(|next| next.first_row() == segment.row_end());
        let is_free = segment.is_in_memory() && segment.first_row() >= frozen && follows;
        if !is_free || segment.row_count() >= MERGED_ROWS_MAX {
            break;
        }
        if tier(segment) > highest && segments.len() - from >= FAN_IN {
            break;
        }
        highest = highest.max(tier(segment));
        from = idx;
    }
    (segments.len() - from >= FAN_IN).then_some(from..segments.len())
}

fn merge(table: &mut Table, range: Range<usize>) -> Result<()> {
    static NEXT: AtomicU64 = AtomicU64::new(MERGED_SEGMENTS);
    let old: Vec<Arc<Segment>> = table.segments.get(range.clone()).unwrap_or_default().to_vec();
    let Some(first) = old.first() else { return Ok(()) };
    let mut next = first.consecutive();
    for segment in &old {
        next = next.filter(|next| segment.consecutive() == Some(*next));
        next = next.map(|next| next + segment.row_count());
    }
    let ordinals = match (next, first.consecutive()) {
        (Some(_), Some(first)) => OrdinalsRecord::Consecutive(first),
        _ => OrdinalsRecord::Stored,
    };
    let mut columns = RowColumn::all_of(table);
    columns.retain(|column| column.id != ORDINALS || ordinals == OrdinalsRecord::Stored);
    let merged = columns.iter().map(|column| values_of(table, &old, column));
    let merged = merged.collect::<Result<Vec<_>>>()?;
    let record = SegmentRecord {
        id: SegmentId(NEXT.fetch_add(1, Ordering::Relaxed)),
        rows: old.iter().map(|segment| segment.row_count()).sum(),
        run: 0,
        first_row: Some(first.first_row()),
        ordinals,
        files: Vec::new(),
    };
    let segment = write(table, record, &columns, &merged)?;
    let records = old.iter().filter_map(|segment| segment.memory().map(Memory::record));
    if let Some(memory) = segment.memory() {
        memory.set_record(records.min().unwrap_or_default());
        memory.keys.adopt(old.iter().filter_map(|segment| segment.memory_keys()));
    }
    let mut deletions = table.deletions.as_ref().clone();
    let mut places = RoaringBitmap::new();
    for part in &old {
        if let Some(deleted) = deletions.of(part.id()) {
            let shift = (part.first_row() - segment.first_row()) as u32;
            places.extend(deleted.iter().map(|place| place + shift));
            deletions.remove(part.id());
        }
    }
    if !places.is_empty() {
        // The same rows by their ids, so the file of deletions stays what it is.
        deletions.add(segment.id(), &places);
        table.deletions = Arc::new(deletions);
    }
    table.segments.splice(range, [Arc::new(segment)]);
    Ok(())
}

/// All values of a column of some segments.
fn values_of(table: &Table, segments: &[Arc<Segment>], column: &RowColumn) -> Result<ArrayRef> {
    let mut parts = Vec::with_capacity(segments.len());
    for segment in segments {
        for block in 0..segment.block_count() {
            parts.push(values(table, segment, block, column, None)?);
        }
    }
    let parts: Vec<_> = parts.iter().map(AsRef::as_ref).collect();
    concat(&parts).map_err(ours)
}

/// Some neighbouring rows of a segment in memory, by their ids, as a segment of their own.
pub(crate) fn part(table: &Table, segment: &Arc<Segment>, rows: &RowRange) -> Result<Segment> {
    static NEXT: AtomicU64 = AtomicU64::new(PARTS_OF_SEGMENTS);
    let first = rows.first_row.saturating_sub(segment.first_row());
    let row_count = rows.row_end.saturating_sub(rows.first_row);
    let ordinals = match segment.consecutive() {
        Some(ordinal) => OrdinalsRecord::Consecutive(ordinal + first),
        None => OrdinalsRecord::Stored,
    };
    let mut columns = RowColumn::all_of(table);
    columns.retain(|column| column.id != ORDINALS || ordinals == OrdinalsRecord::Stored);
    let values = columns.iter().map(|column| {
        let values = values_of(table, std::slice::from_ref(segment), column)?;
        Ok(values.slice(first as usize, row_count as usize))
    });
    let values = values.collect::<Result<Vec<_>>>()?;
    let record = SegmentRecord {
        id: SegmentId(NEXT.fetch_add(1, Ordering::Relaxed)),
        rows: row_count,
        run: segment.run(),
        first_row: Some(rows.first_row),
        ordinals,
        files: Vec::new(),
    };
    let part = write(table, record, &columns, &values)?;
    if let (Some(memory), Some(known)) = (part.memory(), segment.memory()) {
        memory.set_record(known.record());
    }
    Ok(part)
}

/// Adds columns of ordinals of other tables to a segment in memory.
pub(crate) fn with_references(
    segment: &Segment,
    references: &[(ColumnId, ArrayRef)],
) -> Result<Segment> {
    let mut files = Vec::with_capacity(references.len());
    for (column, ordinals) in references {
        let column = RowColumn::hidden(*column);
        files.push(write_column(segment.dir().as_ref(), segment.folder(), &column, ordinals)?);
        if let Some(memory) = segment.memory() {
            memory.keep(column.id, ordinals);
        }
    }
    Ok(segment.with_files(&files))
}

fn write_column(
    dir: &dyn Dir,
    folder: &str,
    column: &RowColumn,
    values: &ArrayRef,
) -> Result<FileRecord> {
    let path = paths::column(folder, column.id);
    // The rows are soon written again, when there are more of them.
    let options = EncodeOptions { effort: Effort::Quick, ..column.options };
    let mut writer = ColumnWriter::create(dir, &path, column.data_type, options)?;
    writer.append(values)?;
    Ok(FileRecord::new(column.id, column.data_type, &writer.finish()?))
}

/// The order of rows that the table declares; `None` if they are in it, or what they are sorted by
/// is not known before they are there.
fn order(table: &Table, columns: &[ArrayRef], rows: usize) -> Result<Option<UInt32Array>> {
    if table.schema.is_clustered() {
        return Ok(None);
    }
    let Some(layout) = sort_layout(table)? else { return Ok(None) };
    let mut sorted_by = Vec::with_capacity(table.sorted_by().len());
    for id in table.sorted_by() {
        let place = table.columns().iter().position(|column| column.id == *id);
        sorted_by.extend(place.and_then(|place| columns.get(place)).cloned());
    }
    by_width!(layout, K => {
        let keys = K::encode(&layout, &sorted_by)?;
        if keys.is_sorted() {
            return Ok(None);
        }
        let mut order: Vec<u32> = (0..rows as u32).collect();
        order.sort_by(|a, b| keys.get(*a as usize).cmp(&keys.get(*b as usize)));
        Ok(Some(UInt32Array::from(order)))
    })
}
