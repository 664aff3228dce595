//! The scale factor.

use crate::error::{Error, Result};
use std::fmt;
use std::str::FromStr;

/// How large the data is: 1 means six million lines, in all benchmarks. Fractions down to a
/// millionth are exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScaleFactor {
    millionths: u64,
}

const MILLION: u64 = 1_000_000;

impl ScaleFactor {
    /// The largest one: with the next, order keys would not fit the 32 bits of `lo_orderkey`.
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
                 beyond {max} order keys of the Star Schema Benchmark do not fit an INTEGER"
            )));
        }
        Ok(Self { millionths: millionths as u64 })
    }

    /// The scale factor without its fraction.
    pub(crate) fn whole(self) -> u64 {
        self.millionths / MILLION
    }

    /// The scale factor as a number.
    pub fn as_f64(self) -> f64 {
        self.millionths as f64 / MILLION as f64
    }

    /// `base` rows at scale factor 1, rounded up and so at least one.
    pub(crate) fn scaled(self, base: u64) -> u64 {
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
    fn scale_factors_out_of_bounds_are_refused() {
        for text in ["0", "-1", "1e-9", "357.000001", "1e300", "nan", "inf", "", "ten"] {
            assert!(text.parse::<ScaleFactor>().is_err(), "{text} was accepted");
        }
        assert_eq!(scale("357").to_string(), "357");
        assert_eq!(scale(" 0.01 ").to_string(), "0.01");
    }
}
