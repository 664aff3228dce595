//! A code for each ordinal: what a query wants to know of the dimension row that it leads to.
//!
//! ```text
//!   ordinal   0  1  2  3  4  5  6  7
//!   code      4  4  4  1  1  1  1  7       1 common to 3..=6, none to 2..=3
//! ```
//!
//! Rows of a dimension that is sorted by its hierarchies have ordinals beside each other if they
//! are of one nation or category. So the high part of an ordinal often tells the code, and the
//! bounds of a block that of all of its rows.

use crate::members::Members;
use arrow::array::{Array, ArrayRef, AsArray, Int64Array};
use arrow::datatypes::{DataType, Int64Type};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// A code for each ordinal, and where neighbours have the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrdinalCodes {
    /// The ordinal of the first code.
    first: usize,
    codes: Vec<u32>,
    /// The places of codes that differ from the one before.
    changes: Members,
}

impl OrdinalCodes {
    /// The codes of the ordinals from `first` on. Those of ordinals that are no members mean
    /// nothing: nobody will ask for them.
    pub fn new(first: usize, mut codes: Vec<u32>, members: &Members) -> Self {
        let mut changes = Members::with_room(codes.len());
        let mut before = None;
        for (place, code) in codes.iter_mut().enumerate() {
            match before {
                Some(before) if !members.contains((first + place) as i128) => *code = before,
                Some(before) if before != *code => changes.insert(place),
                _ => {}
            }
            before = Some(*code);
        }
        Self { first, codes, changes }
    }

    /// The code of an ordinal; 0 if it has none.
    #[inline]
    pub fn code(&self, ordinal: i64) -> u32 {
        let place = (ordinal as usize).wrapping_sub(self.first);
        self.codes.get(place).copied().unwrap_or_default()
    }

    /// The code of all ordinals of a range that have any, if they have the same.
    pub fn common(&self, ordinals: RangeInclusive<i128>) -> Option<u32> {
        let (low, high) = self.places(ordinals)?;
        match self.changes.has_any(low as i128 + 1..=high as i128) {
            true => None,
            false => self.codes.get(low).copied(),
        }
    }

    /// The first and the last ordinal that have codes.
    pub(crate) fn ends(&self) -> Option<(usize, usize)> {
        Some((self.first, self.first + self.codes.len().checked_sub(1)?))
    }

    /// The first and the last place of the codes of a range of ordinals; `None` if it has none.
    pub(crate) fn places(&self, ordinals: RangeInclusive<i128>) -> Option<(usize, usize)> {
        let first = self.first as i128;
        let low = (ordinals.start() - first).max(0);
        let high = (ordinals.end() - first).min(self.codes.len() as i128 - 1);
        (low <= high).then_some((low as usize, high as usize))
    }

    /// The codes of the ordinals of an array, which are NULL where these are.
    ///
    /// # Errors
    /// What the array is, if it has no ordinals.
    pub fn of_array(&self, ordinals: &ArrayRef) -> Result<ArrayRef, String> {
        if *ordinals.data_type() != DataType::Int64 {
            return Err(format!("ordinals as {}", ordinals.data_type()));
        }
        let ordinals = ordinals.as_primitive::<Int64Type>();
        let codes: Int64Array = ordinals.unary(|ordinal| i64::from(self.code(ordinal)));
        Ok(Arc::new(codes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn common_codes_are_those_of_all_members(
            rows in proptest::collection::vec((0u32..3, any::<bool>(), 1usize..90), 1..9),
            first in 0usize..100,
            low in -10i128..500,
            len in 0i128..300,
        ) {
            let of = |&(code, is_in, count): &(u32, bool, usize)| {
                std::iter::repeat_n((code, is_in), count)
            };
            let each: Vec<(u32, bool)> = rows.iter().flat_map(of).collect();
            let members: Members =
                (first..).zip(&each).filter(|(_, row)| row.1).map(|(ordinal, _)| ordinal).collect();
            let codes = OrdinalCodes::new(first, each.iter().map(|row| row.0).collect(), &members);
            for (ordinal, row) in (first..).zip(&each).filter(|(_, row)| row.1) {
                prop_assert_eq!(codes.code(ordinal as i64), row.0);
            }
            let range = low..=low + len;
            let inside = (first as i128..).zip(&each);
            let mut inside: Vec<u32> = inside
                .filter(|(ordinal, row)| row.1 && range.contains(ordinal))
                .map(|(_, row)| row.0)
                .collect();
            inside.dedup();
            match (codes.common(range), inside.as_slice()) {
                (Some(code), [only]) => prop_assert_eq!(code, *only),
                (Some(_), several) => prop_assert!(several.is_empty()),
                // The codes of those that are no members may be in between.
                (None, _) => {}
            }
            if inside.len() > 1 {
                prop_assert_eq!(codes.common(low..=low + len), None);
            }
        }
    }

    #[test]
    fn codes_that_nobody_asks_for_do_not_matter() {
        let members: Members = [11, 12, 15].into_iter().collect();
        let codes = OrdinalCodes::new(10, vec![9, 5, 5, 0, 0, 5, 3], &members);
        assert_eq!(codes.common(11..=16), Some(5));
        assert_eq!((codes.common(0..=9), codes.common(17..=99)), (None, None));
        assert_eq!((codes.code(12), codes.code(9), codes.code(-1)), (5, 0, 0));
    }
}
