//! The column types that users see, and how each is held.

use crate::limits::{DECIMAL_PRECISION_64, DECIMAL_PRECISION_MAX};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataType {
    /// True or false.
    Boolean,
    /// Signed, 16 bits.
    SmallInt,
    /// Signed, 32 bits.
    Integer,
    /// Signed, 64 bits.
    BigInt,
    /// IEEE 754, 32 bits.
    Real,
    /// IEEE 754, 64 bits.
    Double,
    /// An exact number of `precision` digits, `scale` of them after the point.
    Decimal {
        /// Digits in all, 1 to 38.
        precision: u8,
        /// Digits after the point, 0 to `precision`.
        scale: u8,
    },
    /// UTF-8 text.
    Varchar,
    /// Days since 1970-01-01, 32 bits.
    Date,
    /// Microseconds since midnight.
    Time,
    /// Microseconds since 1970-01-01 00:00:00, without a time zone.
    Timestamp,
    /// Microseconds since 1970-01-01 00:00:00 UTC.
    TimestampTz,
}

/// How the values of a type are held in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Physical {
    /// Integers of at most 64 bits: booleans (0 and 1), integers, dates, times and narrow decimals.
    Integer,
    /// Integers of 128 bits: decimals of 19 digits and more.
    Wide,
    /// IEEE 754, 32 bits.
    Float32,
    /// IEEE 754, 64 bits.
    Float64,
    /// UTF-8 bytes.
    String,
}

impl DataType {
    /// How the values of this type are held in a block.
    pub fn physical(self) -> Physical {
        match self {
            Self::Real => Physical::Float32,
            Self::Double => Physical::Float64,
            Self::Varchar => Physical::String,
            Self::Decimal { precision, .. } if precision > DECIMAL_PRECISION_64 => Physical::Wide,
            _ => Physical::Integer,
        }
    }

    /// Whether precision and scale are within bounds; the other types always are.
    pub fn is_valid(self) -> bool {
        match self {
            Self::Decimal { precision, scale } => {
                (1..=DECIMAL_PRECISION_MAX).contains(&precision) && scale <= precision
            }
            _ => true,
        }
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Boolean => "BOOLEAN",
            Self::SmallInt => "SMALLINT",
            Self::Integer => "INTEGER",
            Self::BigInt => "BIGINT",
            Self::Real => "REAL",
            Self::Double => "DOUBLE",
            Self::Decimal { precision, scale } => {
                return write!(out, "DECIMAL({precision},{scale})");
            }
            Self::Varchar => "VARCHAR",
            Self::Date => "DATE",
            Self::Time => "TIME",
            Self::Timestamp => "TIMESTAMP",
            Self::TimestampTz => "TIMESTAMPTZ",
        };
        out.write_str(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_of_up_to_18_digits_are_held_in_64_bits() {
        let decimal = |precision| DataType::Decimal { precision, scale: 0 };
        assert_eq!(decimal(18).physical(), Physical::Integer);
        assert_eq!(decimal(19).physical(), Physical::Wide);
    }

    #[test]
    fn a_scale_beyond_the_precision_is_invalid() {
        assert!(!DataType::Decimal { precision: 4, scale: 5 }.is_valid());
        assert!(!DataType::Decimal { precision: 39, scale: 0 }.is_valid());
        assert!(DataType::Decimal { precision: 38, scale: 38 }.is_valid());
    }
}
