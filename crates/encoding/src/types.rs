//! Which Arrow type a column type is decoded to, and which values it may hold.

use arrow::datatypes::{DataType as ArrowType, TimeUnit};
use starfact_base::DataType;
use starfact_base::limits::{BLOCK_ROWS, DECIMAL_PRECISION_MAX, STRING_BYTES_MAX};

/// The time zone of [`DataType::TimestampTz`] in Arrow.
const UTC: &str = "UTC";

/// The Arrow type of the arrays that blocks of this type are made from and decoded to.
pub fn arrow_type(ty: DataType) -> ArrowType {
    match ty {
        DataType::Boolean => ArrowType::Boolean,
        DataType::SmallInt => ArrowType::Int16,
        DataType::Integer => ArrowType::Int32,
        DataType::BigInt => ArrowType::Int64,
        DataType::Real => ArrowType::Float32,
        DataType::Double => ArrowType::Float64,
        DataType::Decimal { precision, scale } => ArrowType::Decimal128(precision, scale as i8),
        DataType::Varchar => ArrowType::Utf8View,
        DataType::Date => ArrowType::Date32,
        DataType::Time => ArrowType::Time64(TimeUnit::Microsecond),
        DataType::Timestamp => ArrowType::Timestamp(TimeUnit::Microsecond, None),
        DataType::TimestampTz => ArrowType::Timestamp(TimeUnit::Microsecond, Some(UTC.into())),
    }
}

/// The column type whose values are exactly those of an Arrow type, if there is one. The three
/// Arrow types of text all give [`DataType::Varchar`].
pub fn data_type_of(arrow: &ArrowType) -> Option<DataType> {
    Some(match arrow {
        ArrowType::Boolean => DataType::Boolean,
        ArrowType::Int16 => DataType::SmallInt,
        ArrowType::Int32 => DataType::Integer,
        ArrowType::Int64 => DataType::BigInt,
        ArrowType::Float32 => DataType::Real,
        ArrowType::Float64 => DataType::Double,
        ArrowType::Decimal128(precision, scale) => {
            let scale = u8::try_from(*scale).ok()?;
            let decimal = DataType::Decimal { precision: *precision, scale };
            return decimal.is_valid().then_some(decimal);
        }
        ArrowType::Utf8 | ArrowType::LargeUtf8 | ArrowType::Utf8View => DataType::Varchar,
        ArrowType::Date32 => DataType::Date,
        ArrowType::Time64(TimeUnit::Microsecond) => DataType::Time,
        ArrowType::Timestamp(TimeUnit::Microsecond, None) => DataType::Timestamp,
        ArrowType::Timestamp(TimeUnit::Microsecond, Some(zone)) if zone.as_ref() == UTC => {
            DataType::TimestampTz
        }
        _ => return None,
    })
}

/// The keys that a node may hold; any other key in it is damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Domain {
    pub(crate) min: i128,
    pub(crate) max: i128,
}

impl Domain {
    /// Of validity and of BOOLEAN values.
    pub(crate) const BIT: Self = Self { min: 0, max: 1 };
    /// Of the lengths of strings.
    pub(crate) const LENGTH: Self = Self { min: 0, max: STRING_BYTES_MAX as i128 };

    /// The keys of a column; for text, which has none, those of its lengths.
    pub(crate) fn of(ty: DataType) -> Self {
        match ty {
            DataType::Boolean => Self::BIT,
            DataType::SmallInt => Self { min: i16::MIN.into(), max: i16::MAX.into() },
            DataType::Integer | DataType::Date | DataType::Real => {
                Self { min: i32::MIN.into(), max: i32::MAX.into() }
            }
            DataType::BigInt
            | DataType::Double
            | DataType::Time
            | DataType::Timestamp
            | DataType::TimestampTz => Self { min: i64::MIN.into(), max: i64::MAX.into() },
            DataType::Decimal { precision, .. } => {
                let digits = precision.min(DECIMAL_PRECISION_MAX);
                let max = 10i128.pow(digits.into()) - 1;
                Self { min: -max, max }
            }
            DataType::Varchar => Self::LENGTH,
        }
    }

    /// Of the codes of a dictionary with this many values.
    pub(crate) fn codes(count: usize) -> Self {
        Self { min: 0, max: count as i128 - 1 }
    }

    /// Of the ends of runs that cover this many rows.
    pub(crate) fn ends(rows: usize) -> Self {
        debug_assert!(rows <= BLOCK_ROWS, "a block has at most {BLOCK_ROWS} rows");
        Self { min: 1, max: rows as i128 }
    }

    pub(crate) fn contains(self, key: i128) -> bool {
        (self.min..=self.max).contains(&key)
    }

    /// The distance from `base`, a key of the domain, to the largest key, as far as 64 bits tell.
    pub(crate) fn room_above(self, base: i128) -> u64 {
        u64::try_from(self.max.abs_diff(base)).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// One of every column type, decimals of both widths.
    pub(crate) const EVERY_TYPE: [DataType; 14] = [
        DataType::Boolean,
        DataType::SmallInt,
        DataType::Integer,
        DataType::BigInt,
        DataType::Real,
        DataType::Double,
        DataType::Decimal { precision: 2, scale: 0 },
        DataType::Decimal { precision: 18, scale: 2 },
        DataType::Decimal { precision: 38, scale: 38 },
        DataType::Varchar,
        DataType::Date,
        DataType::Time,
        DataType::Timestamp,
        DataType::TimestampTz,
    ];

    #[test]
    fn every_type_survives_the_way_to_arrow_and_back() {
        for ty in EVERY_TYPE {
            assert_eq!(data_type_of(&arrow_type(ty)), Some(ty), "{ty}");
        }
    }

    #[test]
    fn types_that_hold_other_values_have_no_column_type() {
        let others = [
            ArrowType::UInt64,
            ArrowType::Decimal128(10, -2),
            ArrowType::Decimal128(4, 5),
            ArrowType::Timestamp(TimeUnit::Nanosecond, None),
            ArrowType::Timestamp(TimeUnit::Microsecond, Some("Europe/Berlin".into())),
            ArrowType::Null,
        ];
        for other in others {
            assert_eq!(data_type_of(&other), None, "{other}");
        }
        for text in [ArrowType::Utf8, ArrowType::LargeUtf8] {
            assert_eq!(data_type_of(&text), Some(DataType::Varchar));
        }
    }

    #[test]
    fn the_room_of_the_widest_decimal_does_not_overflow() {
        let domain = Domain::of(DataType::Decimal { precision: 38, scale: 0 });
        assert_eq!(domain.room_above(domain.min), u64::MAX);
        assert_eq!(domain.room_above(domain.max - 5), 5);
        assert!(domain.contains(domain.max) && !domain.contains(domain.max + 1));
    }
}
