//! The integer types that values are decoded to and encoded from, and the order-preserving map
//! between floats and integers.
//!
//! Every column except text is a column of *keys*: integers in the order of the column. Integers,
//! dates, times and decimals are their own keys. The key of a float is its bits with those below
//! the sign inverted if it is negative: signed integers in the order of IEEE 754 `totalOrder`, one
//! for every bit pattern, so encodings, filters and statistics need not know of floats.

use std::fmt::Debug;
use std::hash::Hash;

/// An integer type that holds keys in memory.
pub(crate) trait Native:
    Copy + Debug + Default + Hash + Ord + Send + Sync + 'static
{
    /// The lowest bits of `key`; callers know that it fits.
    fn from_key(key: i128) -> Self;

    fn key(self) -> i128;

    /// Adds modulo the type's range, which is exact if the sum fits.
    fn plus(self, offset: u64) -> Self;

    /// The distance from `base`, which is at most this value; callers know that it fits 64 bits.
    fn offset_from(self, base: Self) -> u64;

    /// The sum of the values of at most a block, if it fits.
    fn sum(values: &[Self]) -> Option<i128> {
        if size_of::<Self>() > size_of::<i64>() {
            return values.iter().try_fold(0i128, |sum, value| sum.checked_add(value.key()));
        }
        // Both halves of 65,536 numbers of 64 bits fit 64 bits again; the sign is added back.
        const SIGN: u64 = 1 << 63;
        let (mut high, mut low) = (0u64, 0u64);
        for value in values {
            let unsigned = (value.key() as u64) ^ SIGN;
            high += unsigned >> 32;
            low += unsigned & 0xffff_ffff;
        }
        let signs = i128::from(SIGN) * values.len() as i128;
        Some((i128::from(high) << 32) + i128::from(low) - signs)
    }
}

macro_rules! native {
    ($($native:ty as $unsigned:ty),*) => {$(
        impl Native for $native {
            #[inline(always)]
            fn from_key(key: i128) -> Self {
                key as $native
            }

            #[inline(always)]
            fn key(self) -> i128 {
                i128::from(self)
            }

            #[inline(always)]
            fn plus(self, offset: u64) -> Self {
                self.wrapping_add(offset as $native)
            }

            #[inline(always)]
            fn offset_from(self, base: Self) -> u64 {
                self.wrapping_sub(base) as $unsigned as u64
            }
        }
    )*};
}

native!(u8 as u8, u16 as u16, u32 as u32, i16 as u16, i32 as u32, i64 as u64, i128 as u128);

/// The key of a 32-bit float, or the bits of the float with this key: the map is its own inverse.
#[inline(always)]
pub(crate) fn float32_key(bits: i32) -> i32 {
    bits ^ ((bits >> 31) as u32 >> 1) as i32
}

/// The key of a 64-bit float, or the bits of the float with this key: the map is its own inverse.
#[inline(always)]
pub(crate) fn float64_key(bits: i64) -> i64 {
    bits ^ ((bits >> 63) as u64 >> 1) as i64
}

/// The double with the value of the float with key `key`. NaNs keep their sign and payload, so the
/// order is kept too, which the processor's conversion does not promise.
pub(crate) fn widened(key: i32) -> f64 {
    let float = f32::from_bits(float32_key(key) as u32);
    if !float.is_nan() {
        return f64::from(float);
    }
    let bits = u64::from(float.to_bits());
    f64::from_bits((bits >> 31) << 63 | 0x7ff << 52 | (bits & 0x7f_ffff) << 29)
}

/// The smallest key, from `i32::MIN` to one over `i32::MAX`, whose float is not before `value`.
pub(crate) fn first_key_from(value: f64) -> i128 {
    let (mut low, mut high) = (i64::from(i32::MIN), i64::from(i32::MAX) + 1);
    while low < high {
        let middle = (low + high).div_euclid(2);
        match widened(middle as i32).total_cmp(&value).is_lt() {
            true => low = middle + 1,
            false => high = middle,
        }
    }
    i128::from(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOATS: [f32; 13] = [
        f32::NEG_INFINITY,
        f32::MIN,
        -1.5,
        -f32::MIN_POSITIVE,
        -1e-45,
        -0.0,
        0.0,
        1e-45,
        f32::MIN_POSITIVE,
        1.5,
        f32::MAX,
        f32::INFINITY,
        f32::NAN,
    ];

    #[test]
    fn keys_are_in_the_total_order_and_map_back() {
        for a in FLOATS.iter().flat_map(|f| [*f, -*f]) {
            for b in FLOATS {
                let (ka, kb) = (float32_key(a.to_bits() as i32), float32_key(b.to_bits() as i32));
                assert_eq!(ka.cmp(&kb), a.total_cmp(&b), "{a} {b}");
                assert_eq!(widened(ka).total_cmp(&widened(kb)), a.total_cmp(&b), "{a} {b}");
                assert_eq!(float32_key(ka) as u32, a.to_bits());
                let (wa, wb) = (f64::from(a), f64::from(b));
                let (ka, kb) = (float64_key(wa.to_bits() as i64), float64_key(wb.to_bits() as i64));
                assert_eq!(ka.cmp(&kb), wa.total_cmp(&wb), "{a} {b}");
                assert_eq!(float64_key(ka) as u64, wa.to_bits());
            }
        }
    }

    #[test]
    fn widening_keeps_the_order_of_signalling_nans() {
        let keys = [0x7f80_0000, 0x7f80_0001, 0x7fbf_ffff, 0x7fc0_0000, 0x7fff_ffff];
        for pair in keys.windows(2) {
            assert!(widened(pair[0]).total_cmp(&widened(pair[1])).is_lt(), "{pair:x?}");
        }
    }

    #[test]
    fn a_double_between_two_floats_starts_at_the_upper_one() {
        for float in FLOATS {
            let key = float32_key(float.to_bits() as i32);
            assert_eq!(first_key_from(widened(key)), i128::from(key), "{float}");
        }
        let between = 1.5 + 1e-12;
        assert_eq!(first_key_from(between), i128::from(1.5f32.to_bits()) + 1);
        assert_eq!(first_key_from(f64::from_bits(u64::MAX)), i128::from(i32::MIN));
        assert_eq!(first_key_from(f64::from_bits(u64::MAX >> 1)), i128::from(i32::MAX) + 1);
    }
}
