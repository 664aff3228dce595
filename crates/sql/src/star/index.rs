//! From ordinals of a dimension to its rows that were read.

use super::plan::misplaced;
use arrow::array::{Int64Array, UInt32Array};
use datafusion::common::Result;
use starfact_encoding::Members;

/// Stands for no row.
pub(super) const ABSENT: u32 = u32::MAX;

/// The row of each ordinal that passes, from the first to the last of them: rows that are asked for
/// together often lie beside each other.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) first: usize,
    pub(super) rows: Vec<u32>,
}

impl Index {
    /// The row of each ordinal; NULL where there is none, which only may be if `is_outer`.
    pub(super) fn rows(&self, ordinals: &Int64Array, is_outer: bool) -> Result<UInt32Array> {
        if is_outer {
            return Ok(ordinals.iter().map(|ordinal| self.row(ordinal?)).collect());
        }
        let rows = ordinals.values().iter();
        let rows = rows.map(|ordinal| self.get(*ordinal).ok_or_else(misplaced));
        Ok(UInt32Array::from(rows.collect::<Result<Vec<u32>>>()?))
    }

    /// The row of an ordinal that passes, of a dimension in an aside.
    pub(super) fn row(&self, ordinal: i64) -> Option<u32> {
        self.get(ordinal).filter(|row| *row != ABSENT)
    }

    /// The index of rows of which these are the ordinals.
    pub(super) fn of_rows(members: &Members, ordinals: impl IntoIterator<Item = usize>) -> Self {
        let (Some(first), Some(last)) = (members.first(), members.last()) else {
            return Self::default();
        };
        let mut rows = vec![ABSENT; last + 1 - first];
        for (row, ordinal) in (0..).zip(ordinals) {
            if let Some(slot) = rows.get_mut(ordinal.wrapping_sub(first)) {
                *slot = row;
            }
        }
        Self { first, rows }
    }

    /// The row of an ordinal; that of one that does not pass is some number, or `None`.
    #[inline]
    pub(super) fn get(&self, ordinal: i64) -> Option<u32> {
        self.rows.get((ordinal as usize).wrapping_sub(self.first)).copied()
    }

    /// The same with other numbers in the places of rows.
    pub(super) fn mapped(&self, number: impl Fn(u32) -> u32) -> Self {
        Self { first: self.first, rows: self.rows.iter().map(|row| number(*row)).collect() }
    }
}
