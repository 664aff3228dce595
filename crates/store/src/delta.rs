//! Rows in memory: segments like any others, whose column files no disk has.

use crate::keys::layout::NormalKey;
use crate::keys::layout::{by_width, ours};
use crate::load::{RowColumn, RowNumbers, sort_layout};
use crate::paths;
use crate::records::{FileRecord, OrdinalsRecord, SegmentRecord};
use crate::segment::Segment;
use crate::snapshot::Table;
use crate::verify::ORDINALS;
use arrow::array::{ArrayRef, Int64Array, UInt32Array};
use arrow::compute::take;
use starfact_base::{ColumnId, Error, Result, SegmentId};
use starfact_format::ColumnWriter;
use starfact_vfs::{Dir, MemDir};
use std::sync::Arc;

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
    let dir: Arc<dyn Dir> = Arc::new(MemDir::new());
    let folder = paths::segment(table.id(), place.id);
    let mut files = Vec::with_capacity(sorted.len() + 1);
    if let Some(ordinals) = stored {
        let ordinals: ArrayRef = Arc::new(ordinals);
        files.push(write_column(dir.as_ref(), &folder, &RowColumn::hidden(ORDINALS), &ordinals)?);
    }
    for (column, values) in RowColumn::visible_of(table).iter().zip(&sorted) {
        files.push(write_column(dir.as_ref(), &folder, column, values)?);
    }
    files.sort_by_key(|file| file.column);
    let record = SegmentRecord {
        id: place.id,
        rows: row_count as u64,
        run: place.run,
        first_row: Some(place.first_row),
        ordinals,
        files,
    };
    let segment = Arc::new(Segment::in_memory(dir, table.id(), record));
    let numbers = order.map_or(RowNumbers::InOrder, RowNumbers::Order);
    Ok(Built { segment, numbers })
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
    let mut writer = ColumnWriter::create(dir, &path, column.data_type, column.options)?;
    writer.append(values)?;
    Ok(FileRecord::new(column.id, column.data_type, &writer.finish()?))
}

/// The order of rows that the table declares; `None` if they are in it.
fn order(table: &Table, columns: &[ArrayRef], rows: usize) -> Result<Option<UInt32Array>> {
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
