//! The distinct values of a block where they are few: what its bounds do not say, that of the
//! values in between only these are there.
//!
//! Found on the way of encoding, in one pass that ends at the first value too many.

use crate::cpu::{self, Kernel};
use crate::integer::stats::Stats;
use crate::native::Native;
use starfact_base::Scalar;

/// Distinct values that are kept.
pub const PRESENT_MAX: usize = 8;

/// The distinct keys, ascending; none if there are more than [`PRESENT_MAX`], or if the bounds say
/// the same because no value in between is missing.
pub(crate) fn of_keys<T: Native>(keys: &[T], stats: &Stats<T>) -> Vec<Scalar> {
    let range = stats.shape.range;
    let present: Vec<i128> = match range {
        0 | 1 => Vec::new(),
        2..64 => {
            let mask = cpu::run(Mask { keys, min: stats.min });
            match mask.count_ones() as usize {
                0..=PRESENT_MAX => (0..64)
                    .filter(|bit| mask >> bit & 1 == 1)
                    .map(|bit| stats.min.key() + i128::from(bit))
                    .collect(),
                _ => Vec::new(),
            }
        }
        64.. => few(keys),
    };
    match range == (present.len() as u128).wrapping_sub(1) {
        true => Vec::new(),
        false => present.into_iter().map(Scalar::Integer).collect(),
    }
}

/// Keys less than 64 apart, as bits.
struct Mask<'a, T> {
    keys: &'a [T],
    min: T,
}

impl<T: Native> Kernel for Mask<'_, T> {
    type Output = u64;

    #[inline(always)]
    fn run(self) -> u64 {
        self.keys.iter().fold(0, |mask, key| mask | 1 << (key.offset_from(self.min) & 63))
    }
}

/// The distinct keys; none if they are too many.
fn few<T: Native>(keys: &[T]) -> Vec<i128> {
    let mut found: Vec<T> = Vec::with_capacity(PRESENT_MAX + 1);
    let mut last = None;
    for &key in keys {
        if last == Some(key) {
            continue;
        }
        last = Some(key);
        if let Err(place) = found.binary_search(&key) {
            if found.len() == PRESENT_MAX {
                return Vec::new();
            }
            found.insert(place, key);
        }
    }
    found.into_iter().map(Native::key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<T: Native>(keys: &[T]) -> Vec<i128> {
        let integer = |value| match value {
            Scalar::Integer(key) => key,
            other => panic!("{other:?}"),
        };
        of_keys(keys, &Stats::of(keys)).into_iter().map(integer).collect()
    }

    #[test]
    fn few_values_with_gaps_are_kept_and_others_are_not() {
        assert_eq!(of(&[5i64, 1, 5, 9]), [1, 5, 9]);
        assert_eq!(of(&[5i64, 1_000, 5, -9]), [-9, 5, 1_000]);
        assert_eq!(of(&[i64::MIN, i64::MAX]), [i64::MIN.into(), i64::MAX.into()]);
        assert_eq!(of(&[i128::MIN, i128::MAX]), [i128::MIN, i128::MAX]);
        let no_gaps = [vec![3i64; 5], vec![3, 4], vec![7, 5, 6], (0..8).collect(), vec![]];
        assert!(no_gaps.iter().all(|keys| of(keys).is_empty()));
        for step in [2, 7, 100] {
            let keys = |count: i64| (0..count).map(|key| key * step).collect::<Vec<_>>();
            assert_eq!(of(&keys(8)).len(), 8, "{step}");
            assert!(of(&keys(9)).is_empty(), "{step}");
        }
        assert_eq!(of(&[0i64, 63, 2]), [0, 2, 63]);
        assert_eq!(of(&[0i64, 64, 2]), [0, 2, 64]);
    }
}
