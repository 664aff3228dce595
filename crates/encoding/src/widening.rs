//! Widening: a column has a wider type now than when some of its files were written.
//!
//! ```text
//!  file of SMALLINT ── 7 ──────► × 100 ──► 700, DECIMAL(7,2)       values, bounds and sums
//!                  x <  8 ◄── ⌈750 / 100⌉ ◄── x < 7.50              predicates
//! ```
//!
//! Every widening keeps distinct values distinct and in order, and is a multiplication in the
//! physical space of [`Scalar`]. So a predicate of the new type has an exact counterpart of the old
//! one, by which encoded blocks, zone maps and bitmaps answer as they are. What narrows a type, or
//! reads text as something else, is no widening.

use crate::native::{float32_key, widened};
use crate::predicate::{CompareOp, Predicate, ValuePredicate};
use crate::types::arrow_type;
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, PrimitiveArray};
use arrow::compute::cast;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType as ArrowType, Date32Type, Decimal128Type, Float32Type,
    Float64Type, Int64Type, TimestampMicrosecondType,
};
use starfact_base::{DataType, Scalar};
use std::sync::Arc;

/// Microseconds of a day.
const DAY: i128 = 86_400_000_000;

/// From one column type to a wider one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Widening {
    from: DataType,
    to: DataType,
    /// By what physical values are multiplied.
    factor: i128,
}

impl Widening {
    /// The widening of `from` to `to`; `None` if the types are equal, or if `to` does not hold all
    /// values of `from`. DATE to TIMESTAMP is one although only dates of some 290,000 years have
    /// a timestamp.
    pub fn new(from: DataType, to: DataType) -> Option<Self> {
        use DataType::{BigInt, Date, Decimal, Double, Integer, Real, SmallInt, Timestamp};
        let factor = match (from, to) {
            (SmallInt, Integer | BigInt) | (Integer, BigInt) | (Real, Double) => 1,
            (SmallInt | Integer | BigInt, Decimal { precision, scale }) => {
                let room = precision.checked_sub(scale)?;
                if room < integer_digits(from)? {
                    return None;
                }
                power_of_ten(scale)?
            }
            (
                Decimal { precision: old_precision, scale: old_scale },
                Decimal { precision, scale },
            ) => {
                let room = precision.checked_sub(scale)?;
                if from == to || room < old_precision.checked_sub(old_scale)? {
                    return None;
                }
                power_of_ten(scale.checked_sub(old_scale)?)?
            }
            (Date, Timestamp) => DAY,
            _ => return None,
        };
        to.is_valid().then_some(Self { from, to, factor })
    }

    /// A value of the old type as one of the new; `None` if there is none.
    pub fn scalar(&self, value: &Scalar) -> Option<Scalar> {
        match value {
            Scalar::Integer(value) => self.sum(*value).map(Scalar::Integer),
            other => Some(other.clone()),
        }
    }

    /// A sum of values of the old type as that of the new ones, if it fits.
    pub fn sum(&self, sum: i128) -> Option<i128> {
        sum.checked_mul(self.factor)
    }

    /// Values of the old type as the new one.
    ///
    /// # Errors
    /// An array of another type; a date without timestamp.
    pub fn array(&self, values: &ArrayRef) -> Result<ArrayRef, String> {
        if *values.data_type() != arrow_type(self.from) {
            let (found, from, to) = (values.data_type(), self.from, self.to);
            return Err(format!("{found} in place of {from}, to be widened to {to}"));
        }
        let array = match (self.from, self.to) {
            (_, DataType::Decimal { precision, scale }) => {
                let unscaled = match values.as_primitive_opt::<Decimal128Type>() {
                    Some(decimals) => self.scaled(decimals),
                    None => self.scaled(primitive::<Int64Type>(
                        &cast(values, &ArrowType::Int64).map_err(|error| error.to_string())?,
                    )?),
                };
                let typed = unscaled.with_precision_and_scale(precision, scale as i8);
                Arc::new(typed.map_err(|error| error.to_string())?)
            }
            (DataType::Real, _) => {
                let floats = primitive::<Float32Type>(values)?;
                let widen = |float: f32| widened(float32_key(float.to_bits() as i32));
                Arc::new(floats.unary::<_, Float64Type>(widen)) as ArrayRef
            }
            (DataType::Date, _) => {
                let days = primitive::<Date32Type>(values)?;
                let moment = |day: i32| {
                    let moment = self.sum(day.into()).and_then(|moment| moment.try_into().ok());
                    moment.ok_or_else(|| format!("day {day} has no timestamp"))
                };
                Arc::new(days.try_unary::<_, TimestampMicrosecondType, _>(moment)?)
            }
            _ => cast(values, &arrow_type(self.to)).map_err(|error| error.to_string())?,
        };
        Ok(array)
    }

    fn scaled<T>(&self, values: &PrimitiveArray<T>) -> PrimitiveArray<Decimal128Type>
    where
        T: ArrowPrimitiveType<Native: Into<i128>>,
    {
        // It wraps for what lies below a NULL only.
        values.unary(|value| value.into().wrapping_mul(self.factor))
    }

    /// The predicate that values of the old type satisfy exactly if, as the new one, they satisfy
    /// `predicate`.
    pub fn predicate(&self, predicate: &Predicate) -> Predicate {
        match predicate {
            Predicate::Values(inner) => {
                Predicate::Values(Arc::new(Widened { inner: Arc::clone(inner), widening: *self }))
            }
            Predicate::Compare { op, value: Scalar::Integer(value) } => self.compare(*op, *value),
            Predicate::Between { low: Scalar::Integer(low), high: Scalar::Integer(high) } => {
                Predicate::Between {
                    low: Scalar::Integer(self.at_least(*low)),
                    high: Scalar::Integer(self.at_most(*high)),
                }
            }
            Predicate::In(values) => Predicate::In(
                values.iter().filter_map(|value| self.narrowed(value)).collect::<Vec<_>>(),
            ),
            Predicate::Members(members) if self.factor != 1 => {
                let values = members.iter().map(|member| Scalar::Integer(member as i128));
                Predicate::In(values.filter_map(|value| self.narrowed(&value)).collect())
            }
            // Floats keep their value, and these do not depend on it.
            other => other.clone(),
        }
    }

    fn compare(&self, op: CompareOp, value: i128) -> Predicate {
        let is_value = value % self.factor == 0;
        let value = match op {
            // No value of the old type is it.
            CompareOp::Equal if !is_value => return Predicate::In(Vec::new()),
            CompareOp::NotEqual if !is_value => return Predicate::IsNotNull,
            CompareOp::Equal | CompareOp::NotEqual => value / self.factor,
            CompareOp::Less | CompareOp::GreaterOrEqual => self.at_least(value),
            CompareOp::LessOrEqual | CompareOp::Greater => self.at_most(value),
        };
        Predicate::Compare { op, value: Scalar::Integer(value) }
    }

    /// The least number that becomes at least `value`.
    fn at_least(&self, value: i128) -> i128 {
        let below = value.div_euclid(self.factor);
        if value.rem_euclid(self.factor) == 0 { below } else { below + 1 }
    }

    /// The greatest number that becomes at most `value`.
    fn at_most(&self, value: i128) -> i128 {
        value.div_euclid(self.factor)
    }

    /// The value that becomes this one, if there is one.
    fn narrowed(&self, value: &Scalar) -> Option<Scalar> {
        match value {
            Scalar::Integer(value) if value % self.factor != 0 => None,
            Scalar::Integer(value) => Some(Scalar::Integer(value / self.factor)),
            other => Some(other.clone()),
        }
    }
}

/// Digits that the integers of a type may have.
fn integer_digits(ty: DataType) -> Option<u8> {
    match ty {
        DataType::SmallInt => Some(5),
        DataType::Integer => Some(10),
        DataType::BigInt => Some(19),
        _ => None,
    }
}

fn power_of_ten(exponent: u8) -> Option<i128> {
    10_i128.checked_pow(exponent.into())
}

fn primitive<T: ArrowPrimitiveType>(values: &ArrayRef) -> Result<&PrimitiveArray<T>, String> {
    values.as_primitive_opt().ok_or_else(|| format!("{} is no number", values.data_type()))
}

/// A predicate of the layers above, asked of values of the old type.
#[derive(Debug)]
struct Widened {
    inner: Arc<dyn ValuePredicate>,
    widening: Widening,
}

impl ValuePredicate for Widened {
    fn evaluate(&self, values: &ArrayRef) -> Result<BooleanArray, String> {
        self.inner.evaluate(&self.widening.array(values)?)
    }
}

#[cfg(test)]
mod tests;
