//! Scaled: keys that are a base plus multiples of one number, such as quantities in hundreds or
//! amounts without cents.
//!
//! ```text
//!   ┌─────┬────────────┬──────┬──────────────────────────────────────────────┐
//!   │ tag │ multiplier │ base │ multiples: integer node of as many rows,     │
//!   │ u8  │ u64        │ i128 │ 0 to (greatest key - base) / multiplier      │
//!   └─────┴────────────┴──────┴──────────────────────────────────────────────┘
//!    = 9    2..
//! ```
//!
//! The key of a row is `base + multiplier * multiple`. A filter is divided once and then works on
//! the multiples.

use super::{Integers, by_vector};
use crate::bytes::{Reader, Writer};
use crate::cpu::{self, Kernel};
use crate::keys::KeySet;
use crate::native::Native;
use crate::selection::Selection;
use crate::totals::KeyTotals;
use crate::types::Domain;
use starfact_base::Corruption;
use std::ops::Range;

pub(crate) const TAG: u8 = 9;
pub(crate) const NAME: &str = "scaled";
/// Tag, multiplier and base.
pub(crate) const HEADER_BYTES: usize = 1 + size_of::<u64>() + size_of::<i128>();

/// Writes the header; the multiples follow.
pub(crate) fn encode_header<T: Native>(multiplier: u64, base: T, writer: &mut Writer) {
    writer.u8(TAG);
    writer.extend(&multiplier.to_le_bytes());
    writer.i128(base.key());
}

/// A base and multiples.
#[derive(Clone, Debug)]
pub(crate) struct Scaled {
    multiplier: u64,
    base: i128,
    multiples: Box<Integers>,
}

impl Scaled {
    /// See [`Integers::held_bytes`].
    pub(super) fn held_bytes(&self) -> usize {
        self.multiples.held_bytes()
    }

    pub(super) fn parse(
        reader: &mut Reader,
        rows: usize,
        domain: Domain,
        depth: usize,
    ) -> Result<Self, Corruption> {
        let position = reader.position() as u64;
        let multiplier = reader.u64("multiplier")?;
        if multiplier < 2 {
            return Err(Corruption::new(position, "multiplier", "2 or more", multiplier));
        }
        let position = reader.position();
        let base = reader.i128("base")?;
        domain.check(base, position, "base")?;
        let max = domain.room_above(base) / multiplier;
        // Multiples are worked on as signed numbers.
        let multiples = Domain { min: 0, max: i128::from(max.min(i64::MAX as u64)) };
        let multiples = Integers::parse_child(reader, rows, multiples, depth)?;
        Ok(Self { multiplier, base, multiples })
    }

    pub(super) fn decode<T: Native>(
        &self,
        range: Range<usize>,
        out: &mut Vec<T>,
    ) -> Result<(), Corruption> {
        self.multiples.for_each_piece(range, |multiples: &[i64]| self.append(multiples, out))
    }

    pub(super) fn take<T: Native>(&self, rows: &[u32], out: &mut Vec<T>) -> Result<(), Corruption> {
        let mut multiples: Vec<i64> = Vec::with_capacity(rows.len());
        self.multiples.take(rows, &mut multiples)?;
        self.append(&multiples, out);
        Ok(())
    }

    fn append<T: Native>(&self, multiples: &[i64], out: &mut Vec<T>) {
        cpu::run(Multiply { base: T::from_key(self.base), by: self.multiplier, multiples, out });
    }

    pub(super) fn filter(&self, set: &KeySet, selection: &mut Selection) -> Result<(), Corruption> {
        if let KeySet::Members { .. } = set {
            return self.filter_each(set, selection);
        }
        self.multiples.filter(&self.multiples_of(set), selection)
    }

    /// Filters key by key: a set of many members has no multiples yet.
    fn filter_each(&self, set: &KeySet, selection: &mut Selection) -> Result<(), Corruption> {
        let rows = selection.indices();
        let mut keys: Vec<i128> = Vec::new();
        for rows in by_vector(&rows) {
            keys.clear();
            self.take(rows, &mut keys)?;
            for (&row, &key) in rows.iter().zip(&keys) {
                if !set.contains(key) {
                    selection.clear(row as usize);
                }
            }
        }
        Ok(())
    }

    /// The multiples of the keys in `set`.
    fn multiples_of(&self, set: &KeySet) -> KeySet {
        // From the first multiple whose key is not below `low` to the last not above `high`.
        let span = |low: i128, high: i128| {
            let by = u128::from(self.multiplier);
            let first = low.max(self.base).abs_diff(self.base).div_ceil(by);
            let last = high.max(self.base).abs_diff(self.base) / by;
            let is_below = high < self.base;
            (first as i128, if is_below { -1 } else { last as i128 })
        };
        set.mapped(span)
    }

    pub(super) fn aggregate(
        &self,
        selection: &Selection,
        totals: &mut KeyTotals,
    ) -> Result<(), Corruption> {
        let mut multiples = KeyTotals::default();
        self.multiples.aggregate(selection, &mut multiples)?;
        totals.merge(&multiples.scaled(self.base, self.multiplier));
        Ok(())
    }

    pub(super) fn tree(&self) -> String {
        format!("{NAME} {}({})", self.multiplier, self.multiples.tree())
    }
}

/// Appends keys, of which the multiples are given.
struct Multiply<'a, T> {
    base: T,
    by: u64,
    multiples: &'a [i64],
    out: &'a mut Vec<T>,
}

impl<T: Native> Kernel for Multiply<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let key = |&multiple: &i64| self.base.plus((multiple as u64).wrapping_mul(self.by));
        cpu::append(self.out, self.multiples.iter().map(key));
    }
}

/// Exact division by one number, as a multiplication (Granlund and Montgomery, PLDI 1994).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Divider {
    inverse: u64,
    shift: u32,
    /// The greatest quotient.
    max: u64,
}

impl Divider {
    /// Divides by `divisor`, which is not 0.
    pub(crate) fn new(divisor: u64) -> Self {
        let shift = divisor.trailing_zeros();
        let odd = divisor >> shift;
        // Each step doubles the bits of the inverse modulo 2⁶⁴ that are right, of which an odd
        // number has three to begin with.
        let inverse = (0..5).fold(odd, |inverse: u64, _| {
            inverse.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(inverse)))
        });
        Self { inverse, shift, max: u64::MAX / divisor.max(1) }
    }

    /// The quotient if `number` is a multiple; if not, something greater than any quotient.
    #[inline(always)]
    fn quotient(self, number: u64) -> u64 {
        number.wrapping_mul(self.inverse).rotate_right(self.shift)
    }
}

/// The greatest number that divides all distances from `base`, the least of `values`; 1 if that is
/// all there is. Most columns are done with after a few values.
pub(crate) fn multiplier<T: Native>(values: &[T], base: T) -> u64 {
    let mut divisor = 0;
    for &value in values {
        let offset = value.offset_from(base);
        if divisor == 0 || !offset.is_multiple_of(divisor) {
            divisor = gcd(divisor, offset);
        }
        if divisor == 1 {
            return 1;
        }
    }
    divisor.max(1)
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// The multiples of `multiplier` that lead from `base` to the values, if all of them are such.
pub(crate) fn multiples<T: Native>(values: &[T], base: T, multiplier: u64) -> Option<Vec<i64>> {
    let divider = Divider::new(multiplier);
    let (multiples, largest) = cpu::run(Divide { values, base, divider });
    (largest <= divider.max.min(i64::MAX as u64)).then_some(multiples)
}

/// Quotients of the distances from a base, and the largest.
struct Divide<'a, T> {
    values: &'a [T],
    base: T,
    divider: Divider,
}

impl<T: Native> Kernel for Divide<'_, T> {
    type Output = (Vec<i64>, u64);

    #[inline(always)]
    fn run(self) -> (Vec<i64>, u64) {
        let mut largest = 0;
        let quotients = self.values.iter().map(|value| {
            let quotient = self.divider.quotient(value.offset_from(self.base));
            largest = largest.max(quotient);
            quotient as i64
        });
        let quotients = quotients.collect();
        (quotients, largest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn division_is_exact_or_refused(divisor in 1u64.., number: u64) {
            let divider = Divider::new(divisor);
            let multiple = number / divisor * divisor;
            prop_assert_eq!(divider.quotient(multiple), number / divisor);
            let is_multiple = number.is_multiple_of(divisor);
            prop_assert_eq!(divider.quotient(number) <= divider.max, is_multiple);
        }

        #[test]
        fn small_divisors_too(divisor in 1u64..2_000, number: u64) {
            let divider = Divider::new(divisor);
            let is_multiple = number.is_multiple_of(divisor);
            prop_assert_eq!(divider.quotient(number) <= divider.max, is_multiple);
        }
    }

    #[test]
    fn the_multiplier_is_the_greatest() {
        assert_eq!(multiplier(&[100i64, 400, 1_000, 100], 100), 300);
        assert_eq!(multiplier(&[7i64, 8, 100], 7), 1);
        assert_eq!(multiplier(&[i64::MIN, i64::MAX], i64::MIN), u64::MAX);
        assert_eq!(multiplier(&[5i64; 3], 5), 1);
        assert_eq!(multiples(&[100i64, 400, 1_000], 100, 300), Some(vec![0, 1, 3]));
        assert_eq!(multiples(&[100i64, 401], 100, 300), None);
    }
}
