//! Numbers divided by a constant, exactly and in bulk.
//!
//! Doubles divide what stays below 2^52, for the reason that the module of quotients gives; the
//! rest is divided one by one in 128 bits.

use super::quotient::{EXACT_MAX, largest};
use crate::cpu::{self, Kernel};
use crate::keys::KeySet;
use std::sync::Arc;

/// Numbers that a list of some quotients leads to at most.
const NUMBERS_MAX: usize = 1 << 12;

/// `(x + addend) / divisor`, down; the divisor is positive.
#[derive(Clone, Copy, Debug)]
pub(super) struct Divided {
    pub(super) addend: i64,
    pub(super) divisor: i64,
}

impl Divided {
    /// The quotient for each number.
    pub(super) fn of_all(self, x: Vec<i64>) -> Vec<i64> {
        let above = largest(&x) + u128::from(self.addend.unsigned_abs());
        if above + u128::from(self.divisor.unsigned_abs()) < EXACT_MAX {
            return cpu::run(AsDoubles { divided: self, x });
        }
        x.into_iter().map(|x| self.of(x)).collect()
    }

    /// The numbers whose quotients are in a set, if these are told at once.
    pub(super) fn numbers(self, set: &KeySet) -> Option<KeySet> {
        let (addend, divisor) = (i128::from(self.addend), i128::from(self.divisor));
        // Quotients by less might not fit in 64 bits.
        if divisor < 2 {
            return None;
        }
        // Beyond all 64 bits it does not matter where a set ends.
        let first = |key: i128| key.saturating_mul(divisor).saturating_sub(addend);
        let last = |key: i128| first(key.saturating_add(1)).saturating_sub(1);
        Some(match set {
            KeySet::Nothing => KeySet::Nothing,
            KeySet::Range { low, high } => KeySet::range(first(*low), last(*high)),
            KeySet::Outside { low, high } => {
                KeySet::Outside { low: first(*low), high: last(*high) }
            }
            KeySet::Points(keys) => {
                let count = keys.len().checked_mul(usize::try_from(divisor).ok()?)?;
                if count > NUMBERS_MAX {
                    return None;
                }
                KeySet::points(keys.iter().flat_map(|key| first(*key)..=last(*key)).collect())
            }
            KeySet::Members { members, shift } => {
                let multiples = members.multiples(usize::try_from(divisor).ok()?)?;
                let shift = shift.checked_mul(divisor)?.checked_sub(addend)?;
                KeySet::Members { members: Arc::clone(multiples), shift }
            }
        })
    }

    /// The quotient of one number.
    pub(super) fn of(self, x: i64) -> i64 {
        let above = i128::from(x) + i128::from(self.addend);
        i64::try_from(above.div_euclid(i128::from(self.divisor.max(1)))).unwrap_or(0)
    }
}

/// Quotients of terms that doubles hold.
struct AsDoubles {
    divided: Divided,
    x: Vec<i64>,
}

impl Kernel for AsDoubles {
    type Output = Vec<i64>;

    #[inline(always)]
    fn run(self) -> Vec<i64> {
        let Divided { addend, divisor } = self.divided;
        let below = divisor as f64;
        let mut keys = self.x;
        for key in &mut keys {
            *key = (key.wrapping_add(addend) as f64 / below).floor() as i64;
        }
        keys
    }
}
