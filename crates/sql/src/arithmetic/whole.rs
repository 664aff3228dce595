//! `+ - *` of BIGINTs without NULLs, checked once for all values of a batch.
//!
//! How many bits the largest values of both sides have tells whether any result can be out of
//! range. If none can, there is nothing to check value by value, and loops without a check are
//! several times as fast.

use arrow::array::{ArrayRef, AsArray, Datum, Int64Array};
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::{DataType, Int64Type};
use datafusion::logical_expr::Operator;
use std::sync::Arc;

/// The results, if they are known to be within the range of the type.
pub(super) fn evaluate(op: Operator, left: &dyn Datum, right: &dyn Datum) -> Option<ArrayRef> {
    let (left, right) = (Side::of(left)?, Side::of(right)?);
    let results = match op {
        Operator::Plus if left.bits.max(right.bits) < 63 => both(left, right, i64::wrapping_add),
        Operator::Minus if left.bits.max(right.bits) < 63 => both(left, right, i64::wrapping_sub),
        Operator::Multiply if left.bits + right.bits < 63 => both(left, right, i64::wrapping_mul),
        _ => return None,
    };
    Some(Arc::new(Int64Array::new(ScalarBuffer::from(results?), None)))
}

/// One side of an operator.
#[derive(Clone, Copy)]
struct Side<'a> {
    values: &'a [i64],
    /// It has one value for all rows of the other side.
    is_scalar: bool,
    /// All values are at least `-2^bits` and less than `2^bits`.
    bits: u32,
}

impl<'a> Side<'a> {
    fn of(datum: &'a dyn Datum) -> Option<Self> {
        let (array, is_scalar) = datum.get();
        if *array.data_type() != DataType::Int64 || array.null_count() > 0 {
            return None;
        }
        let values: &[i64] = array.as_primitive::<Int64Type>().values();
        // A negative number has as many bits as the one before its opposite.
        let any = values.iter().fold(0, |any, value| any | (value ^ (value >> 63)));
        Some(Self { values, is_scalar, bits: 64 - any.leading_zeros() })
    }
}

/// What `apply` gives for each row; `None` if the sides have not as many.
fn both(left: Side<'_>, right: Side<'_>, apply: impl Fn(i64, i64) -> i64) -> Option<Vec<i64>> {
    match (left.is_scalar, right.is_scalar) {
        (false, false) if left.values.len() == right.values.len() => {
            let pairs = left.values.iter().zip(right.values);
            Some(pairs.map(|(left, right)| apply(*left, *right)).collect())
        }
        (true, false) => {
            let left = *left.values.first()?;
            Some(right.values.iter().map(|right| apply(left, *right)).collect())
        }
        (false, true) => {
            let right = *right.values.first()?;
            Some(left.values.iter().map(|left| apply(*left, right)).collect())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::Scalar;
    use arrow::compute::kernels::numeric;
    use proptest::prelude::*;

    /// Numbers of all lengths, and those at the ends of the range.
    fn number() -> impl Strategy<Value = i64> {
        prop_oneof![
            (any::<i64>(), 0..64).prop_map(|(number, shift)| number >> shift),
            prop::sample::select(vec![i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX]),
            (0..63_u32).prop_map(|bits| 1_i64 << bits),
            (0..63_u32).prop_map(|bits| -1_i64 << bits),
        ]
    }

    fn agree(left: &dyn Datum, right: &dyn Datum) -> Result<(), TestCaseError> {
        let known = [
            (Operator::Plus, numeric::add(left, right)),
            (Operator::Minus, numeric::sub(left, right)),
            (Operator::Multiply, numeric::mul(left, right)),
        ];
        for (op, expected) in known {
            if let Some(found) = evaluate(op, left, right) {
                prop_assert_eq!(&expected.expect("it is within the range"), &found, "{}", op);
            }
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn results_are_those_that_are_checked_one_by_one(
            pairs in prop::collection::vec((number(), number()), 0..9),
            one in number(),
        ) {
            let (left, right): (Vec<i64>, Vec<i64>) = pairs.into_iter().unzip();
            let (left, right) = (Int64Array::from(left), Int64Array::from(right));
            let one = Scalar::new(Int64Array::from(vec![one]));
            agree(&left, &right)?;
            agree(&left, &one)?;
            agree(&one, &right)?;
        }
    }

    #[test]
    fn small_numbers_are_answered_and_others_are_not() {
        let of = |number: i64| Int64Array::from(vec![number, -number]);
        let small = of(1 << 30);
        assert!(evaluate(Operator::Multiply, &small, &small).is_some());
        assert!(evaluate(Operator::Plus, &of(1 << 61), &small).is_some());
        assert!(evaluate(Operator::Multiply, &of(1 << 33), &small).is_none());
        assert!(evaluate(Operator::Minus, &of(i64::MAX), &small).is_none());
        let nulls = Int64Array::from(vec![Some(1), None]);
        assert!(evaluate(Operator::Plus, &nulls, &small).is_none());
        assert!(evaluate(Operator::Divide, &small, &small).is_none());
    }
}
