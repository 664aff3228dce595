//! Derived blocks: a column that follows from other columns of the same rows.
//!
//! ```text
//!   key of a row  =  rule(keys of one or two source columns in that row)  +  residual
//!
//!   block  =  validity │ [map: count u32 │ node of keys │ node of values] │ residual
//! ```
//!
//! A block keeps only the residual, which is the constant 0 where the rule holds throughout. The
//! rule and the numbers of the sources stand in the footer of the column file, so a block is parsed
//! with both at hand. All arithmetic is exact: what does not fit 64 bits is defined below, and the
//! residual is added modulo 2^64, so any rule gives back any keys, at whatever size.
//!
//! Validity is the block's own. Of a source row that is NULL, the key that is stored for it counts.

mod divided;
mod encode;
mod find;
mod map;
mod node;
mod quotient;

pub use encode::encode_derived;
pub use find::{Found, Sample, choose_rules, find_rules};
pub(crate) use map::Map;
pub(crate) use node::{Derived, Lookup};

use divided::Divided;
use quotient::Quotient;
use starfact_base::ColumnId;
use std::fmt;

/// The largest factor, addend and divisor of a rule.
pub const PARAMETER_MAX: i64 = i32::MAX as i64;

/// How a quotient becomes an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// Down.
    Floor,
    /// To the nearest integer, up if there are two.
    HalfUp,
}

/// What is computed from the keys of the sources, `x` or `x` and `y`.
///
/// A result that does not fit 64 bits is 0, as is a quotient with the divisor 0. A quotient
/// `n / d` with `d < 0` is that of `-n / -d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// `x`
    Same,
    /// What the block's map says of `x`; 0 if it says nothing.
    Mapped,
    /// What the list of keys of the column file has for the ordinal `x`.
    Referenced,
    /// `(x + addend) / divisor`, down
    Divided {
        /// From -[`PARAMETER_MAX`] to [`PARAMETER_MAX`].
        addend: i64,
        /// From 1 to [`PARAMETER_MAX`].
        divisor: i64,
    },
    /// `x * (addend + y) / divisor`
    ScaledUp {
        /// From -[`PARAMETER_MAX`] to [`PARAMETER_MAX`].
        addend: i64,
        /// From 1 to [`PARAMETER_MAX`].
        divisor: i64,
        /// Of the quotient.
        rounding: Rounding,
    },
    /// `x * (addend - y) / divisor`
    ScaledDown {
        /// From -[`PARAMETER_MAX`] to [`PARAMETER_MAX`].
        addend: i64,
        /// From 1 to [`PARAMETER_MAX`].
        divisor: i64,
        /// Of the quotient.
        rounding: Rounding,
    },
    /// `x * factor / (y * divisor)`
    Ratio {
        /// From -[`PARAMETER_MAX`] to [`PARAMETER_MAX`].
        factor: i64,
        /// From 1 to [`PARAMETER_MAX`].
        divisor: i64,
        /// Of the quotient.
        rounding: Rounding,
    },
}

impl Rule {
    /// How many sources it has.
    pub fn source_count(&self) -> usize {
        match self {
            Self::Same | Self::Mapped | Self::Referenced | Self::Divided { .. } => 1,
            Self::ScaledUp { .. } | Self::ScaledDown { .. } | Self::Ratio { .. } => 2,
        }
    }

    /// Whether its parameters are within their bounds.
    pub fn is_valid(&self) -> bool {
        let (factor, divisor) = match *self {
            Self::Same | Self::Mapped | Self::Referenced => return true,
            Self::Divided { addend, divisor }
            | Self::ScaledUp { addend, divisor, .. }
            | Self::ScaledDown { addend, divisor, .. } => (addend, divisor),
            Self::Ratio { factor, divisor, .. } => (factor, divisor),
        };
        (-PARAMETER_MAX..=PARAMETER_MAX).contains(&factor) && (1..=PARAMETER_MAX).contains(&divisor)
    }

    /// Its quotient, for a rule that is one.
    fn quotient(&self) -> Option<Quotient> {
        let quotient = |factor, sign, divisor, rounding| {
            Some(Quotient { factor, sign, divisor, is_half_up: rounding == Rounding::HalfUp })
        };
        match *self {
            Self::Same | Self::Mapped | Self::Referenced | Self::Divided { .. } => None,
            Self::ScaledUp { addend, divisor, rounding } => quotient(addend, 1, divisor, rounding),
            Self::ScaledDown { addend, divisor, rounding } => {
                quotient(addend, -1, divisor, rounding)
            }
            Self::Ratio { factor, divisor, rounding } => quotient(factor, 0, divisor, rounding),
        }
    }
}

/// A rule and the columns that it is applied to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Derivation {
    /// What is computed.
    pub rule: Rule,
    /// The columns, as many as the rule has sources.
    pub sources: Vec<ColumnId>,
}

impl fmt::Display for Derivation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = |place: usize| self.sources.get(place).map_or(0, |id| id.0);
        let (x, y) = (source(0), source(1));
        let (divisor, rounding) = match self.rule {
            Rule::Same => return write!(out, "c{x}"),
            Rule::Mapped => return write!(out, "map of c{x}"),
            Rule::Referenced => return write!(out, "key of c{x}"),
            Rule::Divided { addend: 0, divisor } => return write!(out, "c{x} / {divisor}"),
            Rule::Divided { addend, divisor } => {
                return write!(out, "(c{x} + {addend}) / {divisor}");
            }
            Rule::ScaledUp { addend: 0, divisor, rounding } => {
                write!(out, "c{x} * c{y}")?;
                (divisor, rounding)
            }
            Rule::ScaledUp { addend, divisor, rounding } => {
                write!(out, "c{x} * ({addend} + c{y})")?;
                (divisor, rounding)
            }
            Rule::ScaledDown { addend, divisor, rounding } => {
                write!(out, "c{x} * ({addend} - c{y})")?;
                (divisor, rounding)
            }
            Rule::Ratio { factor, divisor, rounding } => {
                return write!(out, "c{x} * {factor} / (c{y} * {divisor}){}", suffix(rounding));
            }
        };
        match divisor {
            1 => Ok(()),
            _ => write!(out, " / {divisor}{}", suffix(rounding)),
        }
    }
}

fn suffix(rounding: Rounding) -> &'static str {
    match rounding {
        Rounding::Floor => "",
        Rounding::HalfUp => " rounded",
    }
}

#[cfg(test)]
mod tests;
