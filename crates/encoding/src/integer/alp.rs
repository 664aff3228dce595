//! ALP: floats that are short decimals, as the integers in front of a power of ten.
//!
//! ```text
//!   ┌─────┬───────────┬──────────┬──────────────────────────────────────────────┐
//!   │ tag │ operation │ exponent │ integers: integer node of as many rows,      │
//!   │ u8  │ u8, 0 1   │ u8 0..=22│ ±2⁵⁰ for DOUBLE, ±2²² for REAL               │
//!   └─────┴───────────┴──────────┴──────────────────────────────────────────────┘
//!    = 11
//! ```
//!
//! The double of a row is `integer / 10^exponent` (operation 0) or `integer * 10^-exponent` (1),
//! rounded to nearest as IEEE 754 says; that of a REAL is then rounded to single precision. This
//! is after ALP (Afroozeh, Kuffó and Boncz, "ALP: Adaptive Lossless floating-Point Compression",
//! SIGMOD 2023), which always multiplies and so needs high exponents and a second factor where a
//! decimal was divided. Floats for which no integer gives the same bits, -0.0 and NaN among them,
//! are exceptions of [`super::patched`].
//!
//! Within their bounds, greater integers give greater floats. So a filter finds the first and the
//! last integer whose float is in an interval, by bisection, and then compares integers only.

use super::Integers;
use crate::bytes::{Reader, Writer};
use crate::cpu::{self, Kernel};
use crate::keys::KeySet;
use crate::native::{Native, float32_key, float64_key};
use crate::selection::Selection;
use crate::totals::KeyTotals;
use crate::types::Domain;
use starfact_base::{Corruption, DataType};
use std::ops::Range;

pub(crate) const TAG: u8 = 11;
pub(crate) const NAME: &str = "alp";
/// Tag, operation and exponent.
pub(crate) const HEADER_BYTES: usize = 3;

/// Powers of ten that a double holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];
/// Their inverses, to the nearest double.
const INVERSES: [f64; 23] = [
    1e0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11, 1e-12, 1e-13, 1e-14,
    1e-15, 1e-16, 1e-17, 1e-18, 1e-19, 1e-20, 1e-21, 1e-22,
];
/// The exponents that are tried.
const EXPONENT_MAX: u8 = 16;
/// Adding this to a double of up to ±2⁵¹ leaves its nearest integer in the lowest bits.
const MAGIC: f64 = 6_755_399_441_055_744.0;

/// What the keys of a node are the bits of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Float {
    Real,
    Double,
}

impl Float {
    /// By the keys that there are; columns of 32 and 64 bits that are no floats pass, too.
    fn of(domain: Domain) -> Option<Self> {
        [(Self::Real, DataType::Real), (Self::Double, DataType::Double)]
            .into_iter()
            .find(|(_, ty)| Domain::of(*ty) == domain)
            .map(|(float, _)| float)
    }

    /// By the type that holds the keys.
    fn of_native<T>() -> Self {
        if size_of::<T>() == size_of::<i32>() { Self::Real } else { Self::Double }
    }

    /// The largest integer: up to there, the float of the next one is another one. Two roundings of
    /// a relative 2⁻⁵³, or 2⁻²⁴, are less than half the distance of 2⁻⁵⁰, or 2⁻²².
    fn integer_max(self) -> i64 {
        match self {
            Self::Real => 1 << 22,
            Self::Double => 1 << 50,
        }
    }

    #[inline(always)]
    fn key(self, double: f64) -> i64 {
        match self {
            Self::Real => float32_key((double as f32).to_bits() as i32).into(),
            Self::Double => float64_key(double.to_bits() as i64),
        }
    }

    #[inline(always)]
    fn double(self, key: i64) -> f64 {
        match self {
            Self::Real => f64::from(f32::from_bits(float32_key(key as i32) as u32)),
            Self::Double => f64::from_bits(float64_key(key) as u64),
        }
    }
}

/// How integers become doubles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scale {
    multiplies: bool,
    exponent: u8,
}

impl Scale {
    fn power(self) -> f64 {
        POWERS.get(usize::from(self.exponent)).copied().unwrap_or(1.0)
    }

    /// What an integer is divided or multiplied by.
    fn operand(self) -> f64 {
        let operands = if self.multiplies { INVERSES } else { POWERS };
        operands.get(usize::from(self.exponent)).copied().unwrap_or(1.0)
    }

    fn double(self, integer: i64) -> f64 {
        match self.multiplies {
            true => integer as f64 * self.operand(),
            false => integer as f64 / self.operand(),
        }
    }

    /// The scale with which the fewest bytes are to be expected, from a sample of keys; `None` if
    /// most of them are exceptions with any.
    pub(crate) fn of<T: Native>(sample: &[T]) -> Option<Self> {
        let scales = [false, true].into_iter().flat_map(|multiplies| {
            (0..=EXPONENT_MAX).map(move |exponent| Self { multiplies, exponent })
        });
        let mut best = None;
        let mut least = sample.len() / 2;
        for scale in scales {
            let exceptions = Integral::of(sample, scale).exceptions.len();
            if exceptions < least || (best.is_none() && exceptions == 0) {
                (best, least) = (Some(scale), exceptions);
            }
            if least == 0 && best.is_some() {
                break;
            }
        }
        best
    }
}

/// Floats as integers.
#[derive(Debug)]
pub(crate) struct Integral {
    /// One for each row; for exceptions that of the row before, or 0.
    pub(crate) integers: Vec<i64>,
    /// The rows whose floats are others, ascending.
    pub(crate) exceptions: Vec<u32>,
}

impl Integral {
    pub(crate) fn of<T: Native>(keys: &[T], scale: Scale) -> Self {
        let float = Float::of_native::<T>();
        let (mut integers, wrong) = cpu::run(Nearest { keys, scale, float });
        let mut exceptions = Vec::new();
        let mut last = 0;
        for (row, (integer, wrong)) in (0..).zip(integers.iter_mut().zip(wrong)) {
            if wrong {
                *integer = last;
                exceptions.push(row);
            }
            last = *integer;
        }
        Self { integers, exceptions }
    }
}

/// The nearest integers, and whether their floats are others.
struct Nearest<'a, T> {
    keys: &'a [T],
    scale: Scale,
    float: Float,
}

impl<T: Native> Kernel for Nearest<'_, T> {
    type Output = (Vec<i64>, Vec<bool>);

    #[inline(always)]
    fn run(self) -> (Vec<i64>, Vec<bool>) {
        let (power, max) = (self.scale.power(), self.float.integer_max());
        let nearest = |key: &T| {
            let scaled = self.float.double(key.key() as i64) * power;
            (scaled + MAGIC).to_bits().wrapping_sub(MAGIC.to_bits()) as i64
        };
        let integers: Vec<i64> = self.keys.iter().map(nearest).collect();
        let decoded = Decoded::new(self.scale, self.float);
        let wrong = self.keys.iter().zip(&integers).map(|(key, &integer)| {
            let is_far = (integer.wrapping_add(max) as u64) > 2 * max as u64;
            is_far | (decoded.key(integer) != key.key() as i64)
        });
        let wrong = wrong.collect();
        (integers, wrong)
    }
}

/// From integers to keys. What does not depend on the integer is looked up once.
#[derive(Clone, Copy)]
struct Decoded {
    multiplies: bool,
    operand: f64,
    float: Float,
}

impl Decoded {
    fn new(scale: Scale, float: Float) -> Self {
        Self { multiplies: scale.multiplies, operand: scale.operand(), float }
    }

    #[inline(always)]
    fn key(self, integer: i64) -> i64 {
        // Exact up to ±2⁵¹, and vector instructions that every level has.
        let double = f64::from_bits((integer as u64).wrapping_add(MAGIC.to_bits())) - MAGIC;
        let scaled = if self.multiplies { double * self.operand } else { double / self.operand };
        self.float.key(scaled)
    }
}

/// Writes the header; the integers follow.
pub(crate) fn encode_header(scale: Scale, writer: &mut Writer) {
    writer.u8(TAG);
    writer.u8(scale.multiplies.into());
    writer.u8(scale.exponent);
}

/// Integers in front of a power of ten.
#[derive(Clone, Debug)]
pub(crate) struct Alp {
    scale: Scale,
    float: Float,
    integers: Box<Integers>,
}

impl Alp {
    /// See [`Integers::held_bytes`].
    pub(super) fn held_bytes(&self) -> usize {
        self.integers.held_bytes()
    }

    pub(super) fn parse(
        reader: &mut Reader,
        rows: usize,
        domain: Domain,
        depth: usize,
    ) -> Result<Self, Corruption> {
        let position = reader.position() as u64;
        let Some(float) = Float::of(domain) else {
            let expected = "an encoding of other keys than floats";
            return Err(Corruption::new(position, "encoding", expected, NAME));
        };
        let (operation, exponent) = (reader.u8("operation")?, reader.u8("exponent")?);
        if operation > 1 || usize::from(exponent) >= POWERS.len() {
            let (expected, found) = ("0 or 1, and up to 22", format!("{operation}, {exponent}"));
            return Err(Corruption::new(position, "operation and exponent", expected, found));
        }
        let scale = Scale { multiplies: operation == 1, exponent };
        let max = i128::from(float.integer_max());
        let integers = Domain { min: -max, max };
        let integers = Integers::parse_child(reader, rows, integers, depth)?;
        Ok(Self { scale, float, integers })
    }

    pub(super) fn decode<T: Native>(
        &self,
        range: Range<usize>,
        out: &mut Vec<T>,
    ) -> Result<(), Corruption> {
        self.integers.for_each_piece(range, |integers: &[i64]| self.append(integers, out))
    }

    pub(super) fn take<T: Native>(&self, rows: &[u32], out: &mut Vec<T>) -> Result<(), Corruption> {
        let mut integers: Vec<i64> = Vec::with_capacity(rows.len());
        self.integers.take(rows, &mut integers)?;
        self.append(&integers, out);
        Ok(())
    }

    fn append<T: Native>(&self, integers: &[i64], out: &mut Vec<T>) {
        let decoded = Decoded::new(self.scale, self.float);
        cpu::run(Append { decoded, integers, out });
    }

    pub(super) fn filter(&self, set: &KeySet, selection: &mut Selection) -> Result<(), Corruption> {
        self.integers.filter(&self.integers_of(set), selection)
    }

    /// The integers whose floats have keys in `set`.
    fn integers_of(&self, set: &KeySet) -> KeySet {
        let span = |low: i128, high: i128| {
            let last = high.checked_add(1).map_or(self.float.integer_max() + 1, |k| self.first(k));
            (i128::from(self.first(low)), i128::from(last) - 1)
        };
        set.mapped(span)
    }

    /// The first integer whose float's key is not below `key`, or one more than the largest.
    fn first(&self, key: i128) -> i64 {
        let max = self.float.integer_max();
        let (mut low, mut high) = (-max, max + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            match i128::from(self.float.key(self.scale.double(middle))) < key {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        low
    }

    /// Keys of floats have no sum, but the bounds of the integers lead to theirs.
    pub(super) fn aggregate(
        &self,
        selection: &Selection,
        totals: &mut KeyTotals,
    ) -> Result<(), Corruption> {
        let mut integers = KeyTotals::default();
        self.integers.aggregate(selection, &mut integers)?;
        let decoded = Decoded::new(self.scale, self.float);
        let key = |integer: i128| i128::from(decoded.key(integer as i64));
        let bounds = integers.bounds.map(|(min, max)| (key(min), key(max)));
        totals.merge(&KeyTotals { bounds, ..integers });
        Ok(())
    }

    pub(super) fn tree(&self) -> String {
        let sign = if self.scale.multiplies { "*" } else { "/" };
        format!("{NAME} {sign}{}({})", self.scale.exponent, self.integers.tree())
    }
}

/// Appends the keys of integers.
struct Append<'a, T> {
    decoded: Decoded,
    integers: &'a [i64],
    out: &'a mut Vec<T>,
}

impl<T: Native> Kernel for Append<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        // A loop for each case, so that none of them has a branch.
        let operand = self.decoded.operand;
        let decoded = |multiplies, float| Decoded { multiplies, operand, float };
        match (self.decoded.multiplies, self.decoded.float) {
            (false, Float::Double) => self.append(decoded(false, Float::Double)),
            (true, Float::Double) => self.append(decoded(true, Float::Double)),
            (false, Float::Real) => self.append(decoded(false, Float::Real)),
            (true, Float::Real) => self.append(decoded(true, Float::Real)),
        }
    }
}

impl<T: Native> Append<'_, T> {
    #[inline(always)]
    fn append(self, decoded: Decoded) {
        let key = |&integer: &i64| T::from_key(decoded.key(integer).into());
        cpu::append(self.out, self.integers.iter().map(key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::tests::run_at_all_levels;

    fn keys(doubles: &[f64]) -> Vec<i64> {
        doubles.iter().map(|double| float64_key(double.to_bits() as i64)).collect()
    }

    #[test]
    fn decimals_are_integral_however_they_were_made() {
        let divided: Vec<f64> = (0..2_000).map(|i| f64::from(i * 617) / 100.0).collect();
        let scale = Scale::of(&keys(&divided)).unwrap();
        assert_eq!(scale, Scale { multiplies: false, exponent: 2 });
        let multiplied: Vec<f64> = (0..2_000).map(|i| f64::from(i * 617) * 0.01).collect();
        let scale = Scale::of(&keys(&multiplied)).unwrap();
        assert_eq!(scale, Scale { multiplies: true, exponent: 2 });
        assert!(Integral::of(&keys(&multiplied), scale).exceptions.is_empty());
        let noise: Vec<f64> = (1..2_000).map(|i| f64::from(i).sqrt()).collect();
        assert!(Scale::of(&keys(&noise)).is_none());
    }

    #[test]
    fn what_has_other_bits_is_an_exception() {
        let doubles = [1.5, -0.0, f64::NAN, 2.25, f64::INFINITY, 1e300, 0.0, 1e-300, -7.75];
        let scale = Scale { multiplies: false, exponent: 2 };
        let nearest = Integral::of(&keys(&doubles), scale);
        assert_eq!(nearest.exceptions, [1, 2, 4, 5, 7]);
        assert_eq!(nearest.integers, [150, 150, 150, 225, 225, 225, 0, 0, -775]);
    }

    #[test]
    fn every_instruction_set_finds_the_same() {
        let doubles: Vec<f64> = (0..500).map(|i| f64::from(i * i - 900) / 7.0).collect();
        let keys = keys(&doubles);
        let scale = Scale { multiplies: true, exponent: 3 };
        run_at_all_levels(|| Nearest { keys: &keys, scale, float: Float::Double });
        let singles: Vec<i32> =
            (0..500).map(|i| float32_key((i as f32 / 8.0).to_bits() as i32)).collect();
        run_at_all_levels(|| Nearest { keys: &singles, scale, float: Float::Real });
    }

    #[test]
    fn floats_of_neighbouring_integers_differ() {
        for float in [Float::Real, Float::Double] {
            for (multiplies, exponent) in (0..23).flat_map(|e| [(true, e), (false, e)]) {
                let scale = Scale { multiplies, exponent };
                let max = float.integer_max();
                for integer in (max - 2_000..max).chain(-2_000..2_000) {
                    let [a, b] = [integer, integer + 1].map(|i| float.key(scale.double(i)));
                    assert!(a < b, "{integer} {scale:?}");
                    assert_eq!(Decoded::new(scale, float).key(integer), a);
                }
            }
        }
    }
}
