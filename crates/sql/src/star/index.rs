//! From ordinals of a dimension to its rows that were read.

use super::plan::misplaced;
use arrow::array::{Array, Int64Array, UInt32Array};
use datafusion::common::Result;
use starfact_encoding::Members;
use std::ops::Range;

/// Stands for no row.
pub(super) const ABSENT: u32 = u32::MAX;

/// The row of each ordinal that passes, from the first to the last of them: rows that are asked for
/// together often lie beside each other.
#[derive(Debug, Default)]
pub(super) struct Index {
    first: usize,
    rows: Rows,
}

#[derive(Debug)]
enum Rows {
    /// So many rows that are in the order of their ordinals, none of which is left out.
    Consecutive(usize),
    Each(Vec<u32>),
}

impl Default for Rows {
    fn default() -> Self {
        Self::Consecutive(0)
    }
}

impl Index {
    /// The index in which the ordinals from `first` on have these rows.
    pub(super) fn new(first: usize, rows: Vec<u32>) -> Self {
        Self { first, rows: Rows::Each(rows) }
    }

    /// The row of each ordinal; NULL where there is none, which only may be if `is_outer`.
    pub(super) fn rows(&self, ordinals: &Int64Array, is_outer: bool) -> Result<UInt32Array> {
        if is_outer {
            return Ok(ordinals.iter().map(|ordinal| self.row(ordinal?)).collect());
        }
        let first = self.first;
        let rows: Vec<u32> = match &self.rows {
            Rows::Consecutive(count) => {
                let place = |ordinal: &i64| (*ordinal as usize).wrapping_sub(first);
                if !ordinals.values().iter().all(|ordinal| place(ordinal) < *count) {
                    return Err(misplaced());
                }
                ordinals.values().iter().map(|ordinal| place(ordinal) as u32).collect()
            }
            Rows::Each(_) => {
                let rows = ordinals.values().iter();
                let rows = rows.map(|ordinal| self.get(*ordinal).ok_or_else(misplaced));
                rows.collect::<Result<_>>()?
            }
        };
        Ok(UInt32Array::from(rows))
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
        Self::new(first, rows)
    }

    /// The row of an ordinal; that of one that does not pass is some number, or `None`.
    #[inline]
    pub(super) fn get(&self, ordinal: i64) -> Option<u32> {
        let place = (ordinal as usize).wrapping_sub(self.first);
        match &self.rows {
            Rows::Consecutive(count) => (place < *count).then_some(place as u32),
            Rows::Each(rows) => rows.get(place).copied(),
        }
    }

    /// What a number is for each row, from the first ordinal on; those beyond the last have none.
    pub(super) fn mapped(&self, number: impl Fn(u32) -> u32) -> (usize, Vec<u32>) {
        let rows = match &self.rows {
            Rows::Consecutive(count) => (0..*count as u32).map(number).collect(),
            Rows::Each(rows) => rows.iter().map(|row| number(*row)).collect(),
        };
        (self.first, rows)
    }

    /// Bytes in memory.
    pub(super) fn size(&self) -> usize {
        match &self.rows {
            Rows::Consecutive(_) => 0,
            Rows::Each(rows) => rows.len() * size_of::<u32>(),
        }
    }
}

/// The ordinals of rows that are read, in the order of the rows.
#[derive(Debug, Default)]
pub(super) struct Ordinals {
    pieces: Vec<Piece>,
}

#[derive(Debug)]
enum Piece {
    Consecutive(Range<usize>),
    Each(Int64Array),
}

impl Ordinals {
    /// Takes in those of more rows, all of them below `end`; the bytes that this takes.
    pub(super) fn add(&mut self, ordinals: &Int64Array, end: usize) -> Result<usize> {
        let values = ordinals.values();
        let is_there = |ordinal: &i64| (*ordinal as usize) < end;
        if ordinals.null_count() > 0 || !values.iter().all(is_there) {
            return Err(misplaced());
        }
        let Some(first) = values.first() else { return Ok(0) };
        if values.iter().zip(*first..).all(|(ordinal, expected)| *ordinal == expected) {
            let first = *first as usize;
            self.push(Piece::Consecutive(first..first + values.len()));
            return Ok(0);
        }
        self.push(Piece::Each(ordinals.clone()));
        Ok(size_of_val::<[i64]>(values))
    }

    fn push(&mut self, piece: Piece) {
        if let (Some(Piece::Consecutive(last)), Piece::Consecutive(next)) =
            (self.pieces.last_mut(), &piece)
            && last.end == next.start
        {
            last.end = next.end;
            return;
        }
        self.pieces.push(piece);
    }

    /// Takes in those of the rows after these.
    pub(super) fn append(&mut self, others: Self) {
        others.pieces.into_iter().for_each(|piece| self.push(piece));
    }

    /// The set of them.
    pub(super) fn insert_into(&self, members: &mut Members) {
        for piece in &self.pieces {
            match piece {
                Piece::Consecutive(range) => members.insert_range(range.clone()),
                Piece::Each(ordinals) => {
                    members.insert_all(ordinals.values().iter().map(|ordinal| *ordinal as usize));
                }
            }
        }
    }

    /// The index of the rows, whose set of ordinals is `members`.
    pub(super) fn index(&self, members: &Members) -> Index {
        if let [Piece::Consecutive(range)] = self.pieces.as_slice() {
            return Index { first: range.start, rows: Rows::Consecutive(range.len()) };
        }
        Index::of_rows(members, self.iter())
    }

    fn iter(&self) -> impl Iterator<Item = usize> {
        self.pieces.iter().flat_map(|piece| {
            let (range, each) = match piece {
                Piece::Consecutive(range) => (range.clone(), None),
                Piece::Each(ordinals) => (0..0, Some(ordinals)),
            };
            let each = each.into_iter().flat_map(|ordinals| ordinals.values().iter());
            range.chain(each.map(|ordinal| *ordinal as usize))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_by_their_ordinals_whether_these_have_gaps_or_not() {
        let lists: [&[&[i64]]; 6] = [
            &[&[5, 6, 7], &[8, 9], &[10]],
            &[&[0, 1], &[3, 4], &[5]],
            &[&[0, 2, 5], &[6, 7, 8]],
            &[&[7, 8], &[3, 4], &[6, 2]],
            &[&[], &[4], &[]],
            &[],
        ];
        for parts in lists {
            let mut all = Ordinals::default();
            for part in parts {
                let mut of_part = Ordinals::default();
                of_part.add(&Int64Array::from(part.to_vec()), 11).unwrap();
                all.append(of_part);
            }
            let mut members = Members::with_room(11);
            all.insert_into(&mut members);
            let index = all.index(&members);
            let flat: Vec<i64> = parts.concat();
            assert_eq!(all.iter().map(|it| it as i64).collect::<Vec<_>>(), flat);
            assert_eq!(members.count(), flat.len());
            for ordinal in -1..12 {
                let expected = flat.iter().position(|it| *it == ordinal).map(|row| row as u32);
                assert_eq!(index.row(ordinal), expected, "{parts:?} {ordinal}");
            }
            let rows = index.rows(&Int64Array::from(flat.clone()), false).unwrap();
            assert!(rows.values().iter().enumerate().all(|(row, of)| row as u32 == *of));
            let (first, doubled) = index.mapped(|row| row.wrapping_mul(2));
            for (row, ordinal) in flat.iter().enumerate() {
                assert_eq!(doubled[*ordinal as usize - first], 2 * row as u32);
            }
            let outer = index.rows(&Int64Array::from(vec![None, Some(11)]), true).unwrap();
            assert_eq!(outer.null_count(), 2);
        }
        let run = Ordinals { pieces: vec![Piece::Consecutive(3..9)] };
        let mut members = Members::with_room(9);
        run.insert_into(&mut members);
        assert_eq!(run.index(&members).size(), 0);
        assert!(run.index(&members).rows(&Int64Array::from(vec![9]), false).is_err());
        assert!(Ordinals::default().add(&Int64Array::from(vec![4, 11]), 11).is_err());
    }
}
