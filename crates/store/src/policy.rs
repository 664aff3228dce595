//! Which rows of a table to write again: a policy that looks at numbers only.

use starfact_base::limits::{BLOCK_ROWS, SEGMENT_BLOCKS_MAX};
use std::ops::Range;

/// Small segments at the end of a table, at which they become one.
const SMALL_SEGMENTS_MAX: usize = 64;
/// Rows of a segment that is small.
const SMALL_ROWS: u64 = BLOCK_ROWS as u64;
/// Rows that a segment may have.
const ROWS_MAX: u64 = (SEGMENT_BLOCKS_MAX * BLOCK_ROWS) as u64;
/// A segment is written again when one row in this many is deleted …
const DELETED_SHARE: u64 = 4;
/// … and at least so many are.
const DELETED_ROWS_MIN: u64 = 1024;

/// What the policy knows of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    /// Rows in its files.
    pub(crate) rows: u64,
    /// Rows of these that are deleted.
    pub(crate) deleted: u64,
}

/// The segments that should be written again, if any.
pub(crate) fn choose(segments: &[Size]) -> Option<Range<usize>> {
    let mut from = segments.len();
    let mut rows = 0;
    for (idx, segment) in segments.iter().enumerate().rev() {
        rows += segment.rows;
        if segment.rows >= SMALL_ROWS || rows > ROWS_MAX {
            break;
        }
        from = idx;
    }
    if segments.len() - from >= SMALL_SEGMENTS_MAX {
        return Some(from..segments.len());
    }
    let wastes = |size: &Size| {
        size.deleted == size.rows
            || size.deleted >= DELETED_ROWS_MIN && size.deleted >= size.rows / DELETED_SHARE
    };
    segments.iter().position(wastes).map(|idx| idx..idx + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(of: &[(u64, u64)]) -> Vec<Size> {
        of.iter().map(|(rows, deleted)| Size { rows: *rows, deleted: *deleted }).collect()
    }

    #[test]
    fn many_small_segments_at_the_end_become_one() {
        let mut segments = sizes(&[(1 << 20, 0)]);
        segments.extend(vec![Size { rows: 10, deleted: 1 }; SMALL_SEGMENTS_MAX - 1]);
        assert_eq!(choose(&segments), None);
        segments.push(Size { rows: SMALL_ROWS - 1, deleted: 0 });
        assert_eq!(choose(&segments), Some(1..1 + SMALL_SEGMENTS_MAX));
        segments.push(Size { rows: SMALL_ROWS, deleted: 0 });
        assert_eq!(choose(&segments), None);
    }

    #[test]
    fn a_segment_with_many_deleted_rows_is_written_again() {
        assert_eq!(choose(&sizes(&[(1 << 20, 1 << 17), (1 << 20, 0)])), None);
        assert_eq!(choose(&sizes(&[(1 << 20, 0), (1 << 20, 1 << 18)])), Some(1..2));
        assert_eq!(choose(&sizes(&[(1000, 999)])), None);
        assert_eq!(choose(&sizes(&[(10, 10)])), Some(0..1));
        assert_eq!(choose(&[]), None);
    }
}
