//! `+ - * / %` of decimals: exact, within the digits of the result's type.
//!
//! Values are integers scaled by a power of ten. Each operation is tried in 128 bits first; only
//! if an intermediate value outgrows them is it done again in 256, so that nothing but the result
//! itself has to fit. A quotient is rounded, a half away from zero.

use super::operation::out_of_range;
use super::short::{self, Side};
use arrow::array::{Array, ArrayRef, AsArray, Datum, Decimal128Array, new_null_array};
use arrow::compute::try_binary;
use arrow::datatypes::{ArrowNativeTypeOp, DataType, Decimal128Type, DecimalType, i256};
use arrow::error::ArrowError;
use datafusion::logical_expr::Operator;
use datafusion::logical_expr::type_coercion::binary::BinaryTypeCoercer;
use std::sync::Arc;

/// Applies an operator to two decimals whose scales are not negative.
pub(super) fn evaluate(
    op: Operator,
    left: &dyn Datum,
    right: &dyn Datum,
) -> Result<ArrayRef, ArrowError> {
    let ((left, left_is_scalar), (right, right_is_scalar)) = (left.get(), right.get());
    let operation = operation(op, left.data_type(), right.data_type())?;
    let data_type = operation.data_type.clone();
    let (left, right) =
        (left.as_primitive::<Decimal128Type>(), right.as_primitive::<Decimal128Type>());
    let sides = [Side::new(left, left_is_scalar), Side::new(right, right_is_scalar)];
    if let Some(result) = short::evaluate(&operation, sides) {
        return Ok(Arc::new(result.with_data_type(data_type)));
    }
    let apply = |left, right| operation.apply(left, right).map_err(|why| operation.error(why));
    let result: Decimal128Array = match (left_is_scalar, right_is_scalar) {
        (false, false) | (true, true) => try_binary(left, right, &apply)?,
        (true, false) if left.is_null(0) => return Ok(new_null_array(&data_type, right.len())),
        (true, false) => {
            let left = left.value(0);
            right.try_unary(|right| apply(left, right))?
        }
        (false, true) if right.is_null(0) => return Ok(new_null_array(&data_type, left.len())),
        (false, true) => {
            let right = right.value(0);
            left.try_unary(|left| apply(left, right))?
        }
    };
    Ok(Arc::new(result.with_data_type(data_type)))
}

/// An operator of two types.
pub(super) fn operation(
    op: Operator,
    left: &DataType,
    right: &DataType,
) -> Result<Operation, ArrowError> {
    let data_type = BinaryTypeCoercer::new(left, &op, right)
        .get_result_type()
        .map_err(|error| ArrowError::ExternalError(Box::new(error)))?;
    Operation::new(op, left, right, &data_type)
}

/// Divides, rounding a half away from zero. The divisor is not zero.
pub(crate) fn divide_rounded(value: i128, divisor: i128) -> i128 {
    let (quotient, rest) = (value.wrapping_div(divisor), value.wrapping_rem(divisor));
    // rest / divisor >= 1/2, without doubling the rest.
    let is_half = rest.unsigned_abs() >= divisor.unsigned_abs().div_ceil(2);
    match (rest != 0 && is_half, (value < 0) == (divisor < 0)) {
        (false, _) => quotient,
        (true, true) => quotient + 1,
        (true, false) => quotient - 1,
    }
}

/// An operator with everything that depends on the operands' types only.
pub(super) struct Operation {
    pub(super) op: Operator,
    pub(super) left: Operand,
    pub(super) right: Operand,
    /// The first integer that the result may not reach.
    pub(super) limit: i128,
    data_type: DataType,
}

/// One side of an operation.
pub(super) struct Operand {
    scale: i8,
    /// Zeros to append, which bring both operands to one scale, or a dividend to the quotient's.
    zeros: u32,
    /// The power of ten that appends them; `None` if 128 bits do not hold it.
    pub(super) factor: Option<i128>,
}

impl Operand {
    fn new(scale: i8, zeros: i8) -> Self {
        let zeros = u32::try_from(zeros).unwrap_or(0);
        Self { scale, zeros, factor: 10i128.checked_pow(zeros) }
    }

    #[inline]
    fn scaled(&self, value: i128) -> Option<i128> {
        match self.zeros {
            0 => Some(value),
            _ => value.checked_mul(self.factor?),
        }
    }

    /// 38 digits and 38 zeros are 76 digits, which 256 bits hold.
    fn scaled_wide(&self, value: i128) -> Option<i256> {
        i256::from_i128(value).mul_checked(power_of_ten(self.zeros)).ok()
    }

    fn show(&self, value: i128) -> String {
        Decimal128Type::format_decimal(value, 38, self.scale)
    }
}

/// Why there is no result.
pub(super) enum Failure {
    DivisionByZero,
    OutOfRange(i128, i128),
}

impl Operation {
    fn new(
        op: Operator,
        left: &DataType,
        right: &DataType,
        result: &DataType,
    ) -> Result<Self, ArrowError> {
        let (
            DataType::Decimal128(_, left),
            DataType::Decimal128(_, right),
            DataType::Decimal128(precision, scale),
        ) = (left, right, result)
        else {
            let message = format!("no decimal operation {left} {op} {right}");
            return Err(ArrowError::InvalidArgumentError(message));
        };
        let (left, right) = (*left, *right);
        let common = left.max(right);
        let (left_zeros, right_zeros) = match op {
            Operator::Multiply => (0, 0),
            Operator::Divide => (scale - (left - right), 0),
            _ => (common - left, common - right),
        };
        let (left, right) = (Operand::new(left, left_zeros), Operand::new(right, right_zeros));
        let limit = 10i128.pow(u32::from(*precision).min(38));
        Ok(Self { op, left, right, limit, data_type: result.clone() })
    }

    #[inline]
    pub(super) fn apply(&self, left: i128, right: i128) -> Result<i128, Failure> {
        if right == 0 && matches!(self.op, Operator::Divide | Operator::Modulo) {
            return Err(Failure::DivisionByZero);
        }
        let result = match self.in_128_bits(left, right) {
            Some(result) => Some(result),
            None => self.in_256_bits(left, right),
        };
        match result {
            Some(result) if -self.limit < result && result < self.limit => Ok(result),
            _ => Err(Failure::OutOfRange(left, right)),
        }
    }

    #[inline]
    fn in_128_bits(&self, left: i128, right: i128) -> Option<i128> {
        let (left, right) = (self.left.scaled(left)?, self.right.scaled(right)?);
        match self.op {
            Operator::Plus => left.checked_add(right),
            Operator::Minus => left.checked_sub(right),
            Operator::Multiply => left.checked_mul(right),
            Operator::Divide => Some(divide_rounded(left, right)),
            _ => Some(left.wrapping_rem(right)),
        }
    }

    #[cold]
    fn in_256_bits(&self, left: i128, right: i128) -> Option<i128> {
        if self.op == Operator::Divide {
            let (left, right) = (i256::from_i128(left), i256::from_i128(right));
            return divide_wide(left, self.left.zeros, right);
        }
        let (left, right) = (self.left.scaled_wide(left)?, self.right.scaled_wide(right)?);
        let result = match self.op {
            Operator::Plus => left.add_checked(right),
            Operator::Minus => left.sub_checked(right),
            Operator::Multiply => left.mul_checked(right),
            _ => left.mod_checked(right),
        };
        result.ok()?.to_i128()
    }

    #[cold]
    fn error(&self, why: Failure) -> ArrowError {
        match why {
            Failure::DivisionByZero => ArrowError::DivideByZero,
            Failure::OutOfRange(left, right) => {
                let (left, right) = (self.left.show(left), self.right.show(right));
                out_of_range(&self.data_type, &format!("{left} {} {right}", self.op))
            }
        }
    }
}

fn power_of_ten(zeros: u32) -> i256 {
    i256::from_i128(10).pow_wrapping(zeros)
}

/// Long division of `value` followed by `zeros` zeros, rounded; `None` beyond 128 bits.
fn divide_wide(value: i256, zeros: u32, divisor: i256) -> Option<i128> {
    let (mut quotient, mut rest) =
        (value.div_checked(divisor).ok()?, value.mod_checked(divisor).ok()?);
    let mut left = zeros;
    while left > 0 {
        let step = left.min(18);
        // |rest| < |divisor| < 10^39, so 18 more digits fit; a quotient that leaves 128 bits on
        // the way cannot come back.
        let scaled = rest.mul_checked(power_of_ten(step)).ok()?;
        let digits = scaled.div_checked(divisor).ok()?;
        quotient = i256::from_i128(quotient.to_i128()?);
        quotient = quotient.mul_checked(power_of_ten(step)).ok()?.add_checked(digits).ok()?;
        rest = scaled.mod_checked(divisor).ok()?;
        left -= step;
    }
    let twice = rest.wrapping_abs().mul_checked(i256::from_i128(2)).ok()?;
    if rest != i256::ZERO && twice >= divisor.wrapping_abs() {
        let is_negative = (value < i256::ZERO) != (divisor < i256::ZERO);
        let one = i256::from_i128(if is_negative { -1 } else { 1 });
        quotient = quotient.add_checked(one).ok()?;
    }
    quotient.to_i128()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_rounded_away_from_zero() {
        for (value, divisor, expected) in [
            (5, 10, 1),
            (-5, 10, -1),
            (5, -10, -1),
            (4, 10, 0),
            (1, 3, 0),
            (2, 3, 1),
            (-2, 3, -1),
            (9, 3, 3),
            (i128::MIN, 2, i128::MIN / 2),
        ] {
            assert_eq!(divide_rounded(value, divisor), expected, "{value} / {divisor}");
        }
    }

    #[test]
    fn long_division_agrees_with_the_short_one() {
        let wide = i256::from_i128;
        for (value, zeros, divisor) in
            [(1, 4, 3), (-1, 20, 7), (2, 0, 3), (12345, 30, -678), (0, 38, 5), (5, 1, 100)]
        {
            let short = divide_rounded(value * 10i128.pow(zeros), divisor);
            assert_eq!(divide_wide(wide(value), zeros, wide(divisor)), Some(short));
        }
        let nines = 10i128.pow(38) - 1;
        assert_eq!(divide_wide(wide(nines), 38, wide(nines)), Some(10i128.pow(38)));
        assert_eq!(divide_wide(wide(nines), 1, wide(1)), None);
        assert_eq!(divide_wide(wide(1), 42, wide(nines)), Some(10_000));
    }
}
