//! Delta: the difference of each row from the one before, for keys that ascend or change slowly.
//!
//! ```text
//!   ┌─────┬──────────────────────────┬────────────────────────────────┐
//!   │ tag │ firsts: integer node of  │ deltas: integer node of as     │
//!   │ u8  │ ⌈rows / 1024⌉ rows       │ many rows as this, of 64 bits  │
//!   └─────┴──────────────────────────┴────────────────────────────────┘
//!    = 8
//! ```
//!
//! The key of row `1024 v` is `firsts[v]`, that of any other row `i` is that of row `i - 1` plus
//! `deltas[i]`, modulo 2⁶⁴. So any row is at most 1,023 additions away from a stored key. The delta
//! of the first row means nothing; those of the first rows of later vectors are written like all
//! others, but not needed. From `firsts` and the least and the greatest delta that there can be, a
//! filter knows of most vectors of a sorted column that all or none of their rows are wanted, and
//! adds up only the others.

use super::offsets::retain;
use super::{Integers, Rows, by_vector};
use crate::bytes::{Reader, Writer};
use crate::cpu::{self, Kernel};
use crate::keys::KeySet;
use crate::lane::Vector;
use crate::native::Native;
use crate::selection::Selection;
use crate::totals::KeyTotals;
use crate::types::Domain;
use starfact_base::Corruption;
use starfact_base::limits::VECTOR_ROWS;
use std::ops::Range;

pub(crate) const TAG: u8 = 8;
pub(crate) const NAME: &str = "delta";
/// The tag.
pub(crate) const HEADER_BYTES: usize = 1;

/// Keys and their deltas are numbers of 64 bits.
const SIGNED_64: Domain = Domain { min: i64::MIN as i128, max: i64::MAX as i128 };

/// Writes the header; the two children follow.
pub(crate) fn encode_header(writer: &mut Writer) {
    writer.u8(TAG);
}

/// The first key of each vector, and the difference of each row from the one before; that of the
/// first row is that of the second, so that it widens nothing. `None` if the values need more than
/// 64 bits, or are more than 63 bits apart.
pub(crate) fn split<T: Native>(values: &[T], min: i128, max: i128) -> Option<(Vec<T>, Vec<i64>)> {
    let is_narrow = max.abs_diff(min) <= i64::MAX as u128;
    if !is_narrow || !SIGNED_64.contains(min) || !SIGNED_64.contains(max) {
        return None;
    }
    let later = values.get(1..).unwrap_or_default();
    let difference =
        |(before, after): (&T, &T)| (after.key() as i64).wrapping_sub(before.key() as i64);
    let mut deltas = Vec::with_capacity(values.len());
    deltas.push(values.iter().zip(later).next().map_or(0, difference));
    deltas.extend(values.iter().zip(later).map(difference));
    let firsts = values.iter().step_by(VECTOR_ROWS).copied().collect();
    Some((firsts, deltas))
}

/// First keys and differences.
#[derive(Clone, Debug)]
pub(crate) struct Delta {
    rows: usize,
    domain: Domain,
    firsts: Vec<i64>,
    /// For the report only.
    firsts_tree: String,
    deltas: Box<Integers>,
    /// The least and the greatest delta that there can be, if they are known.
    bounds: Option<(i128, i128)>,
    position: usize,
}

impl Delta {
    /// See [`Integers::held_bytes`].
    pub(super) fn held_bytes(&self) -> usize {
        size_of_val(self.firsts.as_slice()) + self.firsts_tree.len() + self.deltas.held_bytes()
    }

    pub(super) fn parse(
        reader: &mut Reader,
        rows: usize,
        domain: Domain,
        depth: usize,
    ) -> Result<Self, Corruption> {
        let position = reader.position();
        let count = rows.div_ceil(VECTOR_ROWS);
        let range =
            Domain { min: domain.min.max(SIGNED_64.min), max: domain.max.min(SIGNED_64.max) };
        let firsts_node = Integers::parse(reader, count, range, depth + 1)?;
        let firsts = firsts_node.fetch(&Rows::Range(0..count))?;
        let deltas = Integers::parse_child(reader, rows, SIGNED_64, depth)?;
        let firsts_tree = firsts_node.tree();
        let bounds = deltas.bounds();
        Ok(Self { rows, domain: range, firsts, firsts_tree, deltas, bounds, position })
    }

    /// The keys of a vector's first `len` rows, as offsets from the least number of 64 bits.
    fn add_up(
        &self,
        vector: usize,
        len: usize,
        deltas: &mut Vec<i64>,
        out: &mut Vector<u64>,
    ) -> Result<(), Corruption> {
        let start = vector * VECTOR_ROWS;
        let len = len.min(self.rows.saturating_sub(start));
        let first = (self.firsts.get(vector).copied().unwrap_or_default() as u64) ^ 1 << 63;
        match self.deltas.as_ref() {
            Integers::Constant(delta) => {
                let delta = delta.key as u64;
                cpu::run(Steps { first, delta, out: out.as_mut_slice() });
            }
            node => {
                deltas.clear();
                node.decode(start..start + len, deltas)?;
                // The delta of the first row means nothing: it is taken off before it is added.
                let before = first.wrapping_sub(deltas.first().copied().unwrap_or_default() as u64);
                cpu::run(AddUp { before, deltas, out: out.as_mut_slice() });
            }
        }
        if self.domain != SIGNED_64 {
            self.check(out.as_slice().get(..len).unwrap_or_default())?;
        }
        Ok(())
    }

    fn check(&self, offsets: &[u64]) -> Result<(), Corruption> {
        let bounds = [offsets.iter().min(), offsets.iter().max()];
        for &offset in bounds.into_iter().flatten() {
            self.domain.check(i128::from(unbiased(offset)), self.position, "value")?;
        }
        Ok(())
    }

    pub(super) fn decode<T: Native>(
        &self,
        range: Range<usize>,
        out: &mut Vec<T>,
    ) -> Result<(), Corruption> {
        let (mut keys, mut deltas) = (Vector::zeroed(), Vec::with_capacity(VECTOR_ROWS));
        let mut row = range.start;
        while row < range.end {
            let place = row % VECTOR_ROWS;
            let end = (place + range.end - row).min(VECTOR_ROWS);
            self.add_up(row / VECTOR_ROWS, end, &mut deltas, &mut keys)?;
            let keys = keys.as_slice().get(place..end).unwrap_or_default();
            out.extend(keys.iter().map(|&key| T::from_key(unbiased(key).into())));
            row += VECTOR_ROWS - place;
        }
        Ok(())
    }

    pub(super) fn take<T: Native>(&self, rows: &[u32], out: &mut Vec<T>) -> Result<(), Corruption> {
        let (mut keys, mut deltas) = (Vector::zeroed(), Vec::with_capacity(VECTOR_ROWS));
        for group in by_vector(rows) {
            let Some(last) = group.iter().max().map(|&row| row as usize) else { continue };
            self.add_up(last / VECTOR_ROWS, last % VECTOR_ROWS + 1, &mut deltas, &mut keys)?;
            let key = |&row: &u32| T::from_key(unbiased(keys.at(row as usize)).into());
            out.extend(group.iter().map(key));
        }
        Ok(())
    }

    pub(super) fn filter(&self, set: &KeySet, selection: &mut Selection) -> Result<(), Corruption> {
        let offsets = set.offsets(SIGNED_64.min, u64::MAX);
        let (mut keys, mut deltas) = (Vector::zeroed(), Vec::with_capacity(VECTOR_ROWS));
        for vector in 0..self.firsts.len() {
            let start = vector * VECTOR_ROWS;
            let rows = start..(start + VECTOR_ROWS).min(self.rows);
            if selection.is_clear(rows.clone()) {
                continue;
            }
            match self.verdict(vector, set) {
                Some(true) => {}
                Some(false) => selection.clear_range(rows),
                None => {
                    self.add_up(vector, VECTOR_ROWS, &mut deltas, &mut keys)?;
                    retain(&keys, &offsets, selection.vector_mut(vector));
                }
            }
        }
        Ok(())
    }

    pub(super) fn aggregate(
        &self,
        selection: &Selection,
        totals: &mut KeyTotals,
    ) -> Result<(), Corruption> {
        let (mut keys, mut deltas) = (Vector::zeroed(), Vec::with_capacity(VECTOR_ROWS));
        for (vector, words) in selection.words().chunks(VECTOR_ROWS / 64).enumerate() {
            if words.iter().any(|&word| word != 0) {
                self.add_up(vector, VECTOR_ROWS, &mut deltas, &mut keys)?;
                totals.add_offsets(SIGNED_64.min, &keys.totals(words));
            }
        }
        Ok(())
    }

    /// Whether all rows of a vector are in `set` or none is, as far as the bounds tell.
    fn verdict(&self, vector: usize, set: &KeySet) -> Option<bool> {
        let (least, greatest) = self.bounds?;
        let first = i128::from(*self.firsts.get(vector)?);
        let steps = (VECTOR_ROWS as i128 - 1).min(self.rows as i128);
        let low = first.checked_add(least.min(0).checked_mul(steps)?)?;
        let mut high = first.checked_add(greatest.max(0).checked_mul(steps)?)?;
        if low < SIGNED_64.min || high > SIGNED_64.max {
            return None;
        }
        if let (true, Some(&next)) = (least >= 0, self.firsts.get(vector + 1)) {
            high = high.min(next.into());
        }
        match set {
            KeySet::Nothing => Some(false),
            KeySet::Range { low: from, high: to } if *from <= low && high <= *to => Some(true),
            KeySet::Range { low: from, high: to } if high < *from || *to < low => Some(false),
            KeySet::Outside { low: from, high: to } if *from <= low && high <= *to => Some(false),
            KeySet::Outside { low: from, high: to } if high < *from || *to < low => Some(true),
            KeySet::Points(keys) => {
                let from = keys.partition_point(|&key| key < low);
                let any = keys.get(from).is_some_and(|&key| key <= high);
                if any { None } else { Some(false) }
            }
            KeySet::Members { members, shift } => {
                let none = members.count_in(low.checked_sub(*shift)?..=high.checked_sub(*shift)?);
                (none == 0).then_some(false)
            }
            _ => None,
        }
    }

    pub(super) fn tree(&self) -> String {
        format!("{NAME}({}, {})", self.firsts_tree, self.deltas.tree())
    }
}

/// The number that is this far from the least one of 64 bits.
#[inline(always)]
fn unbiased(offset: u64) -> i64 {
    (offset ^ 1 << 63) as i64
}

/// Keys that are all as far apart.
struct Steps<'a> {
    first: u64,
    delta: u64,
    out: &'a mut [u64],
}

impl Kernel for Steps<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (step, slot) in (0u64..).zip(self.out) {
            *slot = self.first.wrapping_add(step.wrapping_mul(self.delta));
        }
    }
}

/// The sums of `before` and the deltas up to each, modulo 2⁶⁴.
struct AddUp<'a> {
    before: u64,
    deltas: &'a [i64],
    out: &'a mut [u64],
}

impl Kernel for AddUp<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let mut sum = self.before;
        for (slot, &delta) in self.out.iter_mut().zip(self.deltas) {
            sum = sum.wrapping_add(delta as u64);
            *slot = sum;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::tests::run_at_all_levels;

    /// A kernel that owns what it writes.
    struct AddedUp<'a>(&'a [i64]);

    impl Kernel for AddedUp<'_> {
        type Output = Vec<u64>;

        #[inline(always)]
        fn run(self) -> Vec<u64> {
            let mut out = vec![0; self.0.len()];
            AddUp { before: 77, deltas: self.0, out: &mut out }.run();
            out
        }
    }

    /// The same of keys that are as far apart.
    struct Stepped(u64);

    impl Kernel for Stepped {
        type Output = Vec<u64>;

        #[inline(always)]
        fn run(self) -> Vec<u64> {
            let mut out = vec![0; 1_000];
            Steps { first: 77, delta: self.0, out: &mut out }.run();
            out
        }
    }

    #[test]
    fn every_instruction_set_adds_up_as_one_by_one() {
        let one_by_one = |deltas: &[i64]| -> Vec<u64> {
            let sums = deltas.iter().scan(77u64, |sum, &delta| {
                *sum = sum.wrapping_add(delta as u64);
                Some(*sum)
            });
            sums.collect()
        };
        let deltas: Vec<i64> = (0..1_024).map(|i: i64| i.wrapping_mul(i64::MAX / 3)).collect();
        assert_eq!(run_at_all_levels(|| AddedUp(&deltas)), one_by_one(&deltas));
        for delta in [0, 3, -7, i64::MIN] {
            let mut deltas = vec![delta; 1_000];
            deltas[0] = 0;
            assert_eq!(run_at_all_levels(|| Stepped(delta as u64)), one_by_one(&deltas));
        }
    }
}
