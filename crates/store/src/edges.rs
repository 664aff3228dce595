//! Keys of the first and the last rows of segments, without reading the others.

use crate::keys::layout::{Layout, NormalKey, by_width};
use crate::load::sort_layout;
use crate::segment::Segment;
use crate::snapshot::Table;
use starfact_base::limits::BLOCK_ROWS;
use starfact_base::{ColumnId, Error, Result};

/// The key of one row of a segment, from 0.
pub(crate) fn key_at<K: NormalKey>(
    layout: &Layout,
    columns: &[ColumnId],
    segment: &Segment,
    row: u64,
) -> Result<K> {
    let (block, row) = (row / BLOCK_ROWS as u64, row % BLOCK_ROWS as u64);
    let mut values = Vec::with_capacity(columns.len());
    for file in segment.columns(columns)? {
        values.push(file.block(block as usize)?.take(&[row as u32])?);
    }
    let keys = K::encode(layout, &layout.fit(values)?)?;
    keys.into_iter().next().ok_or_else(|| Error::internal("a row without key"))
}

/// Whether all rows of a table follow the declared sort order: each segment does, and each the one
/// before it.
pub(crate) fn is_sorted(layout: &Layout, table: &Table) -> Result<bool> {
    if table.segments.iter().any(|segment| segment.run() == 0) {
        return Ok(false);
    }
    for pair in table.segments.windows(2) {
        let [before, after] = pair else { continue };
        if before.run() == after.run() {
            continue;
        }
        if !is_before(layout, table, before, after)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// For each segment whether its rows follow those of the one before, in the declared order.
pub(crate) fn follow_each(table: &Table) -> Result<Vec<bool>> {
    let mut each = vec![false; table.segments.len()];
    let Some(layout) = sort_layout(table)? else { return Ok(each) };
    for (pair, follows) in table.segments.windows(2).zip(each.iter_mut().skip(1)) {
        let [before, after] = pair else { continue };
        *follows =
            before.run() != 0 && after.run() != 0 && is_before(&layout, table, before, after)?;
    }
    Ok(each)
}

/// Whether the last row of a segment is not after the first one of another.
fn is_before(layout: &Layout, table: &Table, before: &Segment, after: &Segment) -> Result<bool> {
    let columns = table.sorted_by();
    by_width!(layout, K => {
        let last = before.row_count().saturating_sub(1);
        Ok(key_at::<K>(layout, columns, before, last)? <= key_at::<K>(layout, columns, after, 0)?)
    })
}

/// Whether the rows that `after` has and `before` has not follow those of `before` in the declared
/// sort order.
pub(crate) fn follow(layout: &Layout, before: &Table, after: &Table) -> Result<bool> {
    let (Some(last), Some(first)) =
        (before.segments.last(), after.segments.get(before.segments.len()))
    else {
        return Ok(true);
    };
    is_before(layout, before, last, first)
}
