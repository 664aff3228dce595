//! Quotients of products, exactly and in bulk.
//!
//! Where both terms stay below 2^52, which a look at the largest sources tells, doubles divide
//! them: the quotient `n / d` of two integers is then at least `1 / d` below the next integer
//! unless it is one, which is more than rounding to a double can bridge, so its floor is exact.
//! Everything else is divided one by one in 128 bits.

use crate::cpu::{self, Kernel};

/// Terms below this are divided as doubles.
pub(super) const EXACT_MAX: u128 = 1 << 52;

/// `x * (factor + sign * y) / divisor`, or with sign 0 `x * factor / (y * divisor)`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quotient {
    pub(super) factor: i64,
    pub(super) sign: i64,
    pub(super) divisor: i64,
    pub(super) is_half_up: bool,
}

impl Quotient {
    /// The quotient for each pair.
    pub(super) fn of_all(self, x: &[i64], y: &[i64]) -> Vec<i64> {
        let (x_max, y_max) = (largest(x), largest(y));
        let factor = u128::from(self.factor.unsigned_abs());
        let divisor = u128::from(self.divisor.unsigned_abs());
        let (above, below) = match self.sign {
            0 => (x_max * factor, y_max * divisor),
            _ => (x_max * (factor + y_max), divisor),
        };
        // Half of the divisor is added to round.
        if above + below < EXACT_MAX {
            return cpu::run(AsDoubles { quotient: self, x, y });
        }
        x.iter().zip(y).map(|(&x, &y)| self.of(x, y)).collect()
    }

    /// The quotient of one pair.
    pub(super) fn of(self, x: i64, y: i64) -> i64 {
        let (x, y, factor) = (i128::from(x), i128::from(y), i128::from(self.factor));
        let (above, below) = match self.sign {
            0 => (x * factor, y * i128::from(self.divisor)),
            sign => (x * (factor + i128::from(sign) * y), i128::from(self.divisor)),
        };
        let (above, below) = if below < 0 { (-above, -below) } else { (above, below) };
        if below == 0 {
            return 0;
        }
        let half = if self.is_half_up { below / 2 } else { 0 };
        // The largest product is that of 2^63 and less than 2^64: its half is far from the end.
        i64::try_from((above + half).div_euclid(below)).unwrap_or(0)
    }
}

pub(super) fn largest(values: &[i64]) -> u128 {
    let bounds = cpu::run(Bounds(values));
    u128::from(bounds.0.unsigned_abs().max(bounds.1.unsigned_abs()))
}

/// The least and the greatest value.
pub(super) struct Bounds<'a>(pub(super) &'a [i64]);

impl Kernel for Bounds<'_> {
    type Output = (i64, i64);

    #[inline(always)]
    fn run(self) -> (i64, i64) {
        let first = self.0.first().copied().unwrap_or_default();
        self.0.iter().fold((first, first), |(low, high), &v| (low.min(v), high.max(v)))
    }
}

/// Quotients of terms that doubles hold.
struct AsDoubles<'a> {
    quotient: Quotient,
    x: &'a [i64],
    y: &'a [i64],
}

impl Kernel for AsDoubles<'_> {
    type Output = Vec<i64>;

    #[inline(always)]
    fn run(self) -> Vec<i64> {
        let Quotient { factor, sign, divisor, is_half_up } = self.quotient;
        let pairs = self.x.iter().zip(self.y);
        let mut out = Vec::new();
        if sign != 0 && divisor != 0 {
            let half = if is_half_up { divisor / 2 } else { 0 };
            let reciprocal = 1.0 / divisor as f64;
            let of = |(x, y): (&i64, &i64)| {
                let above = x.wrapping_mul(factor.wrapping_add(sign.wrapping_mul(*y)));
                let above = above.wrapping_add(half);
                let near = (above as f64 * reciprocal).floor();
                // SAFETY: terms are less than 2^52, and so is what a product with 1 or less gives.
                let near: i64 = unsafe { near.to_int_unchecked() };
                // It is the floor, or one off.
                let rest = above.wrapping_sub(near.wrapping_mul(divisor));
                let (rest, of) = if divisor < 0 { (-rest, -divisor) } else { (rest, divisor) };
                near + i64::from(rest >= of) - i64::from(rest < 0)
            };
            cpu::append(&mut out, pairs.map(of));
            return out;
        }
        let of = |(x, y): (&i64, &i64)| {
            let (above, below) = (x.wrapping_mul(factor), y.wrapping_mul(divisor));
            let above = if below < 0 { above.wrapping_neg() } else { above };
            let below = below.wrapping_abs();
            let half = if is_half_up { below / 2 } else { 0 };
            // A division by 0 gives an infinity or no number; neither counts.
            let quotient = (above.wrapping_add(half) as f64 / below as f64).floor() as i64;
            if below == 0 { 0 } else { quotient }
        };
        cpu::append(&mut out, pairs.map(of));
        out
    }
}
