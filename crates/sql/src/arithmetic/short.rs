//! `+ - *` of decimals that are short, checked once for all values of a batch.
//!
//! How many bits the largest values of both sides have tells whether each result fits in 64 bits.
//! If it does, loops over integers of that size, without a check, are several times as fast.

use super::decimal::Operation;
use arrow::array::{Array, Decimal128Array};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::datatypes::DataType;
use datafusion::logical_expr::{Operator, ScalarUDF};
use starfact_exec::short::{ShortOp, ShortSide, short};

/// One side of an operator.
#[derive(Clone, Copy)]
pub(super) struct Side<'a> {
    array: &'a Decimal128Array,
    /// It has one value for all rows of the other side.
    is_scalar: bool,
}

impl<'a> Side<'a> {
    pub(super) fn new(array: &'a Decimal128Array, is_scalar: bool) -> Self {
        Self { array, is_scalar }
    }

    /// All values are at least `-2^bits` and less than `2^bits`; those that are NULL are looked at
    /// like others.
    fn bits(self) -> u32 {
        starfact_exec::short::bits(self.array.values())
    }

    fn scaled(self, factor: i64) -> Option<ShortSide<'a>> {
        let values: &[i128] = self.array.values();
        Some(match self.is_scalar {
            true => ShortSide::One(*values.first()?, factor),
            false => ShortSide::Each(values, factor),
        })
    }
}

/// The results, if all of them are known to be short and within the digits of their type.
pub(super) fn evaluate(operation: &Operation, sides: [Side<'_>; 2]) -> Option<Decimal128Array> {
    let factors = [operation.left.factor?, operation.right.factor?];
    let factors = [i64::try_from(factors[0]).ok()?, i64::try_from(factors[1]).ok()?];
    // A product of `a` and `b` bits has no more than their sum.
    let bits = |at: usize| match factors[at] {
        1 => sides[at].bits(),
        factor => sides[at].bits() + 64 - factor.leading_zeros(),
    };
    let (left, right) = (bits(0), bits(1));
    let (op, bits) = match operation.op {
        Operator::Plus => (ShortOp::Add, left.max(right) + 1),
        Operator::Minus => (ShortOp::Subtract, left.max(right) + 1),
        Operator::Multiply => (ShortOp::Multiply, left + right + 1),
        _ => return None,
    };
    let [left, right] = sides;
    let is_even = left.is_scalar || right.is_scalar || left.array.len() == right.array.len();
    if bits > 63 || 1 << bits > operation.limit || !is_even {
        return None;
    }
    let values = short(op, left.scaled(factors[0])?, right.scaled(factors[1])?);
    Some(Decimal128Array::new(ScalarBuffer::from(values), nulls(sides)?))
}

/// An operator of two columns of numbers, or of numbers and a constant.
pub(crate) struct ShortOperation {
    pub(crate) op: ShortOp,
    /// What either side is multiplied by first.
    pub(crate) factors: [i64; 2],
    /// What results are more than the opposite of, and less than.
    pub(crate) limit: i128,
}

/// What a function does of which the arguments have these types, if it is an operator that
/// [`evaluate`] or [`super::whole`] may know.
pub(crate) fn short_operation(
    function: &ScalarUDF,
    left: &DataType,
    right: &DataType,
) -> Option<ShortOperation> {
    let op = super::operation::operator(function)?;
    let short_op = match op {
        Operator::Plus => ShortOp::Add,
        Operator::Minus => ShortOp::Subtract,
        Operator::Multiply => ShortOp::Multiply,
        _ => return None,
    };
    let limit = match (left, right) {
        (DataType::Decimal128(_, 0..), DataType::Decimal128(_, 0..)) => {
            let operation = super::decimal::operation(op, left, right).ok()?;
            let factors = [operation.left.factor?, operation.right.factor?];
            let factors = [i64::try_from(factors[0]).ok()?, i64::try_from(factors[1]).ok()?];
            return Some(ShortOperation { op: short_op, factors, limit: operation.limit });
        }
        (DataType::Int16, DataType::Int16) => i128::from(i16::MAX),
        (DataType::Int32, DataType::Int32) => i128::from(i32::MAX),
        (DataType::Int64, DataType::Int64) => i128::from(i64::MAX),
        _ => return None,
    };
    Some(ShortOperation { op: short_op, factors: [1, 1], limit })
}

/// Which results are NULL; `None` if all of them are, because the one value of a side is.
fn nulls([left, right]: [Side<'_>; 2]) -> Option<Option<NullBuffer>> {
    if [left, right].iter().any(|side| side.is_scalar && side.array.null_count() > 0) {
        return None;
    }
    let of = |side: Side<'_>, other: Side<'_>| match side.is_scalar && !other.is_scalar {
        true => None,
        false => side.array.nulls().cloned(),
    };
    Some(NullBuffer::union(of(left, right).as_ref(), of(right, left).as_ref()))
}

#[cfg(test)]
mod tests {
    use super::super::decimal;
    use super::*;
    use arrow::array::AsArray;
    use arrow::array::{Datum, Scalar};
    use arrow::datatypes::Decimal128Type;
    use proptest::prelude::*;

    const OPERATORS: [Operator; 3] = [Operator::Plus, Operator::Minus, Operator::Multiply];

    /// Numbers of all lengths up to 38 digits, now and then NULL.
    fn number() -> impl Strategy<Value = Option<i128>> {
        let number = (any::<i128>(), 0..128).prop_map(|(number, shift)| number >> shift);
        let number = number.prop_map(|number: i128| number % 10_i128.pow(30));
        number.prop_map(|number| (number % 17 != 3).then_some(number))
    }

    fn array(numbers: Vec<Option<i128>>, scale: i8) -> Decimal128Array {
        Decimal128Array::from(numbers).with_precision_and_scale(30, scale).unwrap()
    }

    /// The results one by one, in 256 bits where need be; `None` if one is out of range.
    fn agree(op: Operator, left: &dyn Datum, right: &dyn Datum) -> Result<bool, TestCaseError> {
        let sides = [left, right].map(|datum| {
            let (array, is_scalar) = datum.get();
            Side::new(array.as_primitive::<Decimal128Type>(), is_scalar)
        });
        let types = [left, right].map(|datum| datum.get().0.data_type().clone());
        let operation = decimal::operation(op, &types[0], &types[1]).unwrap();
        let Some(found) = evaluate(&operation, sides) else { return Ok(false) };
        let rows = found.len();
        let at = |side: Side<'_>, row: usize| {
            let row = if side.is_scalar { 0 } else { row };
            side.array.is_valid(row).then(|| side.array.value(row))
        };
        for row in 0..rows {
            let expected = at(sides[0], row).zip(at(sides[1], row)).map(|(left, right)| {
                operation.apply(left, right).ok().expect("it is within the range")
            });
            prop_assert_eq!(found.is_valid(row).then(|| found.value(row)), expected, "{}", op);
        }
        Ok(true)
    }

    proptest! {
        #[test]
        fn results_are_those_that_are_checked_one_by_one(
            pairs in prop::collection::vec((number(), number()), 1..9),
            one in number(),
            scales in (0_i8..5, 0_i8..5),
        ) {
            let (left, right): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
            let (left, right) = (array(left, scales.0), array(right, scales.1));
            let one = Scalar::new(array(vec![one], scales.1));
            for op in OPERATORS {
                agree(op, &left, &right)?;
                agree(op, &left, &one)?;
                agree(op, &one, &left)?;
            }
        }
    }

    #[test]
    fn short_numbers_are_answered_and_others_are_not() {
        let of = |number: i128| array(vec![Some(number), Some(-number)], 2);
        for op in OPERATORS {
            assert!(agree(op, &of(1 << 29), &of(1 << 29)).unwrap(), "{op}");
            assert!(!agree(op, &of(1 << 62), &of(3)).unwrap(), "{op}");
        }
    }
}
