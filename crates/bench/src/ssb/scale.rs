//! The scale factor and the sizes of the tables that follow from it.

use crate::error::{Error, Result};
use std::fmt;
use std::str::FromStr;

/// How large the data is: 1 means six million lines. Fractions down to a millionth are exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScaleFactor {
    millionths: u64,
}

const MILLION: u64 = 1_000_000;

impl ScaleFactor {
    /// The largest scale factor whose order keys fit the 32 bits of `lo_orderkey`.
    pub const MAX: u32 = 357;

    /// Accepts a scale factor from 0.000001 to [`Self::MAX`], rounded to six decimals.
    ///
    /// # Errors
    /// `InvalidInput` outside these bounds.
    pub fn new(scale: f64) -> Result<Self> {
        let millionths = (scale * MILLION as f64).round();
        let bounds = 1.0..=f64::from(Self::MAX) * MILLION as f64;
        if !bounds.contains(&millionths) {
            let max = Self::MAX;
            return Err(Error::InvalidInput(format!(
                "the scale factor must be between 0.000001 and {max}, not {scale}: \
                 beyond {max} the order keys no longer fit an INTEGER"
            )));
        }
        Ok(Self { millionths: millionths as u64 })
    }

    /// The scale factor as a number.
    pub fn as_f64(self) -> f64 {
        self.millionths as f64 / MILLION as f64
    }

    /// Rows of `customer`.
    pub fn customers(self) -> u64 {
        self.scaled(30_000)
    }

    /// Rows of `supplier`.
    pub fn suppliers(self) -> u64 {
        self.scaled(2_000)
    }

    /// Rows of `part`: logarithmic from scale factor 1, linear below.
    pub fn parts(self) -> u64 {
        match self.millionths / MILLION {
            0 => self.scaled(200_000),
            whole => 200_000 * (1 + u64::from(whole.ilog2())),
        }
    }

    /// Orders, each of one to seven lines of `lineorder`.
    pub fn orders(self) -> u64 {
        self.scaled(1_500_000)
    }

    /// `base` rows at scale factor 1, rounded up and so at least one.
    fn scaled(self, base: u64) -> u64 {
        (base * self.millionths).div_ceil(MILLION)
    }
}

impl fmt::Display for ScaleFactor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_f64().fmt(out)
    }
}

impl FromStr for ScaleFactor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let scale = text.trim().parse().map_err(|_| {
            Error::InvalidInput(format!("the scale factor {text:?} is not a number such as 0.1"))
        })?;
        Self::new(scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale(text: &str) -> ScaleFactor {
        text.parse().expect("a scale factor within the bounds")
    }

    #[test]
    fn sizes_follow_the_specification() {
        for (text, customers, suppliers, parts, orders) in [
            ("1", 30_000, 2_000, 200_000, 1_500_000),
            ("2", 60_000, 4_000, 400_000, 3_000_000),
            ("3.5", 105_000, 7_000, 400_000, 5_250_000),
            ("10", 300_000, 20_000, 800_000, 15_000_000),
            ("100", 3_000_000, 200_000, 1_400_000, 150_000_000),
        ] {
            let scale = scale(text);
            assert_eq!(scale.customers(), customers, "customers at {text}");
            assert_eq!(scale.suppliers(), suppliers, "suppliers at {text}");
            assert_eq!(scale.parts(), parts, "parts at {text}");
            assert_eq!(scale.orders(), orders, "orders at {text}");
        }
    }

    #[test]
    fn fractions_are_exact_and_round_up_to_at_least_one_row() {
        let hundredth = scale("0.01");
        assert_eq!((hundredth.customers(), hundredth.suppliers()), (300, 20));
        assert_eq!((hundredth.parts(), hundredth.orders()), (2_000, 15_000));
        let least = scale("0.000001");
        assert_eq!((least.customers(), least.suppliers()), (1, 1));
        assert_eq!((least.parts(), least.orders()), (1, 2));
    }

    #[test]
    fn scale_factors_out_of_bounds_are_refused() {
        for text in ["0", "-1", "1e-9", "357.000001", "1e300", "nan", "inf", "", "ten"] {
            assert!(text.parse::<ScaleFactor>().is_err(), "{text} was accepted");
        }
        assert_eq!(scale("357").to_string(), "357");
        assert_eq!(scale(" 0.01 ").to_string(), "0.01");
    }
}
