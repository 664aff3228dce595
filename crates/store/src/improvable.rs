//! Which segments of a table are not as they should be.
//!
//! ```text
//!  segments   │ as they should be │ somewhere something is not │ as they should be │
//!  keys       │  … ascending … max ≤ min   …     max ≤ min … ascending …           │
//!             └── stay            └── written again            └── stay
//! ```

use crate::edges::key_at;
use crate::keys::layout::{Layout, NormalKey, by_width};
use crate::load::sort_layout;
use crate::segment::Segment;
use crate::snapshot::Table;
use starfact_base::limits::{BLOCK_ROWS, SEGMENT_BLOCKS_MAX};
use starfact_base::{Error, Result};
use std::ops::Range;
use std::sync::Arc;

/// Rows of a segment that is no longer small.
const ROWS_MIN: u64 = (SEGMENT_BLOCKS_MAX * BLOCK_ROWS / 8) as u64;

/// The neighbouring segments outside of which none is in memory, has deleted rows, is small or out
/// of the declared order; `None` if that holds for all, or there is but one that is small.
pub(crate) fn range(table: &Table) -> Result<Option<Range<usize>>> {
    find(&Rated { table, rows_min: ROWS_MIN })
}

/// A table, and from how many rows on a segment is not small.
struct Rated<'a> {
    table: &'a Table,
    rows_min: u64,
}

fn find(rated: &Rated<'_>) -> Result<Option<Range<usize>>> {
    let table = rated.table;
    let layout = sort_layout(table)?;
    let range = match &layout {
        None => rated.unsorted(),
        Some(layout) => by_width!(layout, K => rated.sorted::<K>(layout)?),
    };
    let segments = table.segments.get(range.clone()).unwrap_or_default();
    let is_fine = |segment: &Segment| {
        !segment.is_in_memory()
            && table.deletions.of(segment.id()).is_none()
            && (layout.is_none() || segment.run() != 0)
    };
    let is_settled = match segments {
        [] => true,
        [one] => is_fine(one),
        _ => false,
    };
    Ok((!is_settled).then_some(range))
}

impl Rated<'_> {
    /// Whether a segment is in files, without deleted rows, and not small.
    fn is_good(&self, segment: &Segment) -> bool {
        !segment.is_in_memory()
            && segment.row_count() >= self.rows_min
            && self.table.deletions.of(segment.id()).is_none()
    }

    fn unsorted(&self) -> Range<usize> {
        let segments = &self.table.segments;
        let is_bad = |segment: &Arc<Segment>| !self.is_good(segment);
        let first = segments.iter().position(is_bad).unwrap_or(segments.len());
        let last = segments.iter().rposition(is_bad).map_or(first, |last| last + 1);
        first..last
    }

    fn sorted<K: NormalKey>(&self, layout: &Layout) -> Result<Range<usize>> {
        let segments = &self.table.segments;
        let ends = segments.iter().map(|segment| ends::<K>(self.table, layout, segment));
        let ends = ends.collect::<Result<Vec<(K, K)>>>()?;
        let is_good = |segment: &Segment| segment.run() != 0 && self.is_good(segment);
        // The least key of the segments from each on, and the greatest of those before each.
        let mut least: Vec<&K> = ends.iter().map(|(min, _)| min).collect();
        let mut greatest: Vec<&K> = ends.iter().map(|(_, max)| max).collect();
        for idx in (1..ends.len()).rev() {
            let behind = least.get(idx).copied();
            if let (Some(slot), Some(behind)) = (least.get_mut(idx - 1), behind) {
                *slot = (*slot).min(behind);
            }
        }
        for idx in 1..ends.len() {
            let before = greatest.get(idx - 1).copied();
            if let (Some(slot), Some(before)) = (greatest.get_mut(idx), before) {
                *slot = (*slot).max(before);
            }
        }
        let mut first = 0;
        for (idx, (segment, (_, max))) in segments.iter().zip(&ends).enumerate() {
            let is_before = least.get(idx + 1).is_none_or(|least| max <= *least);
            if !is_good(segment) || !is_before {
                break;
            }
            first = idx + 1;
        }
        let mut last = segments.len();
        for (idx, (segment, (min, _))) in segments.iter().zip(&ends).enumerate().skip(first).rev() {
            let before = idx.checked_sub(1).and_then(|idx| greatest.get(idx));
            if !is_good(segment) || before.is_some_and(|greatest| *greatest > min) {
                break;
            }
            last = idx;
        }
        Ok(first..last)
    }
}

/// The least and the greatest key of the declared order.
fn ends<K: NormalKey>(table: &Table, layout: &Layout, segment: &Segment) -> Result<(K, K)> {
    let columns = table.sorted_by();
    if segment.run() != 0 {
        let last = segment.row_count().saturating_sub(1);
        let key = |row| key_at::<K>(layout, columns, segment, row);
        return Ok((key(0)?, key(last)?));
    }
    let mut ends: Option<(K, K)> = None;
    for block in 0..segment.block_count() {
        let values = table.blocks_values(segment, columns, block)?;
        for key in K::encode(layout, &values)? {
            ends = Some(match ends {
                None => (key.clone(), key),
                Some((min, max)) if key < min => (key, max),
                Some((min, max)) if key > max => (min, key),
                Some(same) => same,
            });
        }
    }
    ends.ok_or_else(|| Error::internal("a segment without rows"))
}

#[cfg(test)]
mod tests;
