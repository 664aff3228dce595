//! What exact sums and averages have in common: which types they take and give, the wide integers
//! that they add up in, and how a result is made from them.
//!
//! ```text
//!   argument                  sum               average            adds in
//!   integer of ≤ 32 bits      BIGINT            DOUBLE             128 bits
//!   BIGINT, unsigned 64 bits  DECIMAL(38,0)     DOUBLE             128 bits
//!   DECIMAL(p ≤ 19, s)        DECIMAL(38,s)     DECIMAL(p+4,s+4)   128 bits
//!   DECIMAL(p > 19, s)        DECIMAL(38,s)     DECIMAL(p+4,s+4)   256 bits
//! ```
//!
//! 2^63 values of these fit their sum's bits, so partial sums cannot overflow: whether a result is
//! out of range depends on the result alone, not on the order in which rows came. (Only a file
//! that holds decimals with more digits than it declares could do that; it is noticed.)

use crate::arithmetic::divide_rounded;
use crate::error::Error;
use crate::types::sql_name;
use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, Decimal128Array, Decimal128Builder,
    Float64Builder, Int64Builder,
};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::datatypes::{
    ArrowNativeTypeOp, DataType, Decimal128Type, Decimal256Type, Int8Type, Int16Type, Int32Type,
    Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type, i256,
};
use datafusion::common::{DataFusionError, Result, internal_err};
use std::fmt::Debug;
use std::sync::Arc;

/// An integer type that sums are added up in; as an Arrow type it is the state of an aggregation.
pub(super) trait Width: ArrowPrimitiveType + Debug + Send + Sync {
    /// The Arrow type of a state.
    const STATE: DataType;

    /// The same number in this width.
    fn widen(value: i128) -> Self::Native;

    /// The same number in 256 bits.
    fn to_256(value: Self::Native) -> i256;

    /// The results for sums of which each has so many values.
    fn finished(finish: &Finish, sums: Vec<Self::Native>, counts: &[u64]) -> Result<ArrayRef> {
        finish.array(sums.into_iter().map(Self::to_256).zip(counts.iter().copied()))
    }
}

impl Width for Decimal128Type {
    const STATE: DataType = DataType::Decimal128(38, 0);

    fn widen(value: i128) -> i128 {
        value
    }

    fn to_256(value: i128) -> i256 {
        i256::from_i128(value)
    }

    fn finished(finish: &Finish, sums: Vec<i128>, counts: &[u64]) -> Result<ArrayRef> {
        match finish.short(&sums, counts) {
            Some(results) => Ok(results),
            None => finish.array(sums.into_iter().map(Self::to_256).zip(counts.iter().copied())),
        }
    }
}

impl Width for Decimal256Type {
    const STATE: DataType = DataType::Decimal256(76, 0);

    fn widen(value: i128) -> i256 {
        i256::from_i128(value)
    }

    fn to_256(value: i256) -> i256 {
        value
    }
}

/// Digits of a decimal up to which 128 bits hold the sum of 2^63 values.
pub(crate) const DIGITS_IN_128_BITS: u8 = 19;

/// Whether values of a type must be added up in 256 bits.
pub(crate) fn is_wide(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Decimal128(precision, _) if *precision > DIGITS_IN_128_BITS)
}

/// Whether values of a type are added up here: integers and decimals.
pub(super) fn is_exact(data_type: &DataType) -> bool {
    data_type.is_integer() || matches!(data_type, DataType::Decimal128(..))
}

/// The type of the sum of values of an exact type.
pub(super) fn sum_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Int64 | DataType::UInt64 => DataType::Decimal128(38, 0),
        DataType::Decimal128(_, scale) => DataType::Decimal128(38, *scale),
        _ => DataType::Int64,
    }
}

/// The type of the average of values of an exact type.
pub(super) fn average_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Decimal128(precision, scale) => DataType::Decimal128(
            precision.saturating_add(4).min(38),
            scale.saturating_add(4).min(38),
        ),
        _ => DataType::Float64,
    }
}

/// Runs `$body` with `$array` as the primitive array that `$values` is.
macro_rules! with_integers {
    ($values:expr, $array:ident => $body:expr) => {
        match $values.data_type() {
            DataType::Int8 => with_integers!(@ Int8Type, $values, $array => $body),
            DataType::Int16 => with_integers!(@ Int16Type, $values, $array => $body),
            DataType::Int32 => with_integers!(@ Int32Type, $values, $array => $body),
            DataType::Int64 => with_integers!(@ Int64Type, $values, $array => $body),
            DataType::UInt8 => with_integers!(@ UInt8Type, $values, $array => $body),
            DataType::UInt16 => with_integers!(@ UInt16Type, $values, $array => $body),
            DataType::UInt32 => with_integers!(@ UInt32Type, $values, $array => $body),
            DataType::UInt64 => with_integers!(@ UInt64Type, $values, $array => $body),
            DataType::Decimal128(..) => with_integers!(@ Decimal128Type, $values, $array => $body),
            other => internal_err!("no exact sum of {other}"),
        }
    };
    (@ $type:ty, $values:expr, $array:ident => $body:expr) => {{
        let $array = $values.as_primitive::<$type>();
        $body
    }};
}

pub(super) use with_integers;

/// Calls `add` for every value that is not NULL.
#[expect(clippy::useless_conversion, reason = "decimals are of the widest type already")]
pub(super) fn for_each_value(values: &ArrayRef, mut add: impl FnMut(i128)) -> Result<()> {
    with_integers!(values, array => {
        match array.nulls() {
            None => array.values().iter().for_each(|value| add(i128::from(*value))),
            Some(nulls) => nulls.valid_indices().for_each(|row| add(array.value(row).into())),
        }
        Ok(())
    })
}

/// Adds, or takes away, and tells whether that went beyond the width.
#[inline]
pub(super) fn accumulate<W: Width>(sum: &mut W::Native, value: W::Native) -> bool {
    match sum.add_checked(value) {
        Ok(next) => {
            *sum = next;
            false
        }
        Err(_) => true,
    }
}

/// How a result is made from a sum and the number of values in it.
#[derive(Clone, Debug)]
pub(super) enum Finish {
    /// The sum itself.
    Sum(DataType),
    /// The quotient, as a float.
    Average,
    /// The quotient with more digits behind the point than the values have, rounded.
    DecimalAverage {
        /// Digits that are added.
        zeros: u32,
        data_type: DataType,
    },
}

impl Finish {
    /// How the average of values of a type is made.
    pub(super) fn average(values: &DataType) -> Self {
        match (values, average_type(values)) {
            (DataType::Decimal128(_, from), data_type @ DataType::Decimal128(_, to)) => {
                Self::DecimalAverage { zeros: (to - from).unsigned_abs().into(), data_type }
            }
            _ => Self::Average,
        }
    }

    /// The results for sums of which each has `count` values; none is NULL.
    pub(super) fn array(&self, sums: impl Iterator<Item = (i256, u64)>) -> Result<ArrayRef> {
        Ok(match self {
            Self::Average => {
                let mut results = Float64Builder::new();
                sums.for_each(|(sum, count)| {
                    let value = to_float(sum) / count as f64;
                    results.append_option((count > 0).then_some(value));
                });
                Arc::new(results.finish())
            }
            Self::Sum(DataType::Int64) => {
                let mut results = Int64Builder::new();
                for (sum, count) in sums {
                    results.append_option(self.integer(sum, count)?.map(|sum| sum as i64));
                }
                Arc::new(results.finish())
            }
            Self::Sum(data_type) | Self::DecimalAverage { data_type, .. } => {
                let mut results = Decimal128Builder::new().with_data_type(data_type.clone());
                for (sum, count) in sums {
                    results.append_option(self.integer(sum, count)?);
                }
                Arc::new(results.finish())
            }
        })
    }

    /// The same where 128 bits hold all that there is to compute, and no result is out of range.
    fn short(&self, sums: &[i128], counts: &[u64]) -> Option<ArrayRef> {
        let (data_type, values) = match self {
            Self::Sum(data_type) => (data_type, sums.to_vec()),
            Self::DecimalAverage { zeros, data_type } => {
                let factor = 10_i128.checked_pow(*zeros)?;
                let average = |(sum, count): (&i128, &u64)| {
                    let scaled = sum.checked_mul(factor)?;
                    Some(if *count == 0 { 0 } else { divide_rounded(scaled, (*count).into()) })
                };
                (data_type, sums.iter().zip(counts).map(average).collect::<Option<_>>()?)
            }
            Self::Average => return None,
        };
        let DataType::Decimal128(precision, _) = data_type else { return None };
        let limit = 10_u128.pow(u32::from(*precision).min(38));
        if values.iter().any(|value| value.unsigned_abs() >= limit) {
            return None;
        }
        let nulls = counts.iter().map(|count| *count > 0).collect::<BooleanBuffer>();
        let nulls = NullBuffer::new(nulls);
        let nulls = (nulls.null_count() > 0).then_some(nulls);
        let results = Decimal128Array::new(values.into(), nulls);
        Some(Arc::new(results.with_data_type(data_type.clone())))
    }

    /// The unscaled result if it is within the range of its type.
    fn integer(&self, sum: i256, count: u64) -> Result<Option<i128>> {
        if count == 0 {
            return Ok(None);
        }
        let (name, data_type, value) = match self {
            Self::Sum(data_type) => ("sum", data_type, Some(sum)),
            Self::DecimalAverage { zeros, data_type } => {
                ("avg", data_type, average(sum, *zeros, count))
            }
            Self::Average => ("avg", &DataType::Float64, Some(sum)),
        };
        let value = value.and_then(|value| value.to_i128());
        let fits = |value: &i128| match data_type {
            DataType::Decimal128(precision, _) => {
                value.unsigned_abs() < 10u128.pow(u32::from(*precision).min(38))
            }
            _ => i64::try_from(*value).is_ok(),
        };
        value.filter(fits).map(Some).ok_or_else(|| out_of_range(name, data_type))
    }
}

/// The error for an aggregate whose result its type cannot hold.
pub(super) fn out_of_range(name: &str, data_type: &DataType) -> DataFusionError {
    let data_type = sql_name(data_type);
    Error::sql(format!("{data_type} out of range: the result of {name} does not fit"))
        .with_hint("aggregate a smaller number of rows, or cast the values to DOUBLE")
        .into()
}

/// `sum / count` with `zeros` more digits, rounded half away from zero.
fn average(sum: i256, zeros: u32, count: u64) -> Option<i256> {
    let count = i256::from_i128(count.into());
    let scaled = sum.mul_checked(i256::from_i128(10).pow_wrapping(zeros)).ok()?;
    let (quotient, rest) = (scaled.div_checked(count).ok()?, scaled.mod_checked(count).ok()?);
    if rest.wrapping_abs().add_wrapping(rest.wrapping_abs()) < count {
        return Some(quotient);
    }
    let away = i256::from_i128(if sum < i256::ZERO { -1 } else { 1 });
    quotient.add_checked(away).ok()
}

/// The nearest float. A sum of integers is within 128 bits.
fn to_float(sum: i256) -> f64 {
    sum.to_i128().map_or(f64::NAN, |sum| sum as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_are_rounded_half_away_from_zero() {
        for (sum, count, expected) in [(1, 3, 3333), (2, 3, 6667), (-2, 3, -6667), (0, 5, 0)] {
            let average = average(i256::from_i128(sum), 4, count);
            assert_eq!(average, Some(i256::from_i128(expected)));
        }
        assert_eq!(average(i256::from_i128(-1), 0, 2), Some(i256::from_i128(-1)));
    }

    #[test]
    fn short_results_are_those_of_long_sums() {
        let sums = [0, 7, -7, 1_000_003, -25, i128::MAX / 3, 10_i128.pow(38) - 1];
        let counts = [0, 2, 2, 3, 10, 1, 4];
        let average = Finish::DecimalAverage { zeros: 4, data_type: DataType::Decimal128(38, 6) };
        for finish in [average, Finish::Sum(DataType::Decimal128(38, 2))] {
            for end in 0..=sums.len() {
                let (sums, counts) = (sums[..end].to_vec(), &counts[..end]);
                let pairs =
                    sums.iter().map(|sum| i256::from_i128(*sum)).zip(counts.iter().copied());
                let long = finish.array(pairs);
                match (Decimal128Type::finished(&finish, sums.clone(), counts), long) {
                    (Ok(short), Ok(long)) => assert_eq!(&short, &long),
                    (Err(_), Err(_)) => {}
                    other => panic!("{other:?}"),
                }
            }
        }
    }

    #[test]
    fn a_result_is_checked_against_its_type() {
        let finish = Finish::Sum(DataType::Int64);
        let sum = |value: i128| finish.array([(i256::from_i128(value), 1)].into_iter());
        assert!(sum(i64::MAX.into()).is_ok());
        assert!(sum(i128::from(i64::MAX) + 1).is_err());
        let finish = Finish::Sum(DataType::Decimal128(38, 2));
        let sum = |value: i128| finish.array([(i256::from_i128(value), 1)].into_iter());
        assert!(sum(10i128.pow(38) - 1).is_ok() && sum(10i128.pow(38)).is_err());
        assert!(sum(-10i128.pow(38)).is_err());
    }
}
