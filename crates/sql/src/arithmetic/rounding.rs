//! Decimals and floats to the nearest integer, before they are cast to an integer type.
//!
//! As in PostgreSQL and DuckDB: a half of a decimal goes away from zero, a half of a float goes to
//! the even neighbour. The query engine itself would cut the fraction off.

use super::decimal::divide_rounded;
use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array};
use arrow::datatypes::{DataType, Decimal128Type, Field, FieldRef, Float32Type, Float64Type};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use std::sync::{Arc, LazyLock};

/// The function that rounds to an integer of the same kind of type.
pub(super) fn function() -> Arc<ScalarUDF> {
    static ROUNDING: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
        let signature = Signature::any(1, Volatility::Immutable);
        Arc::new(ScalarUDF::new_from_impl(Rounding { signature }))
    });
    Arc::clone(&ROUNDING)
}

/// Whether a function is this one.
pub(super) fn is(function: &ScalarUDF) -> bool {
    function.inner().downcast_ref::<Rounding>().is_some()
}

/// See the [module](self).
#[derive(Debug, PartialEq, Eq, Hash)]
struct Rounding {
    signature: Signature,
}

impl ScalarUDFImpl for Rounding {
    fn name(&self) -> &str {
        "to_nearest"
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        let [arg] = args else { return exec_err!("rounding takes one operand") };
        Ok(arg.schema_name().to_string())
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        let [arg] = args else { return exec_err!("rounding takes one operand") };
        Ok(rounded_type(arg))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let [arg] = args.arg_fields else { return exec_err!("rounding takes one operand") };
        let data_type = self.return_type(&[arg.data_type().clone()])?;
        Ok(Arc::new(Field::new(self.name(), data_type, arg.is_nullable())))
    }

    fn is_strict(&self) -> bool {
        true
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [arg] = args.args.as_slice() else { return exec_err!("rounding takes one operand") };
        match arg {
            ColumnarValue::Array(array) => Ok(ColumnarValue::Array(to_nearest(array)?)),
            ColumnarValue::Scalar(scalar) => {
                let rounded = to_nearest(&scalar.to_array()?)?;
                let scalar = ScalarValue::try_from_array(&rounded, 0)?;
                Ok(ColumnarValue::Scalar(scalar))
            }
        }
    }
}

/// Decimals and floats rounded to integers, still of their kind of type; others as they are.
pub(crate) fn to_nearest(array: &ArrayRef) -> Result<ArrayRef> {
    Ok(match array.data_type() {
        DataType::Float32 => {
            let array = array.as_primitive::<Float32Type>();
            Arc::new(array.unary::<_, Float32Type>(f32::round_ties_even))
        }
        DataType::Float64 => {
            let array = array.as_primitive::<Float64Type>();
            Arc::new(array.unary::<_, Float64Type>(f64::round_ties_even))
        }
        DataType::Decimal128(_, scale @ 1..) => {
            let unit = 10i128.pow(u32::from(scale.unsigned_abs()));
            let result_type = rounded_type(array.data_type());
            let array = array.as_primitive::<Decimal128Type>();
            let rounded: Decimal128Array = array.unary(|value| divide_rounded(value, unit));
            Arc::new(rounded.with_data_type(result_type))
        }
        _ => Arc::clone(array),
    })
}

fn rounded_type(data_type: &DataType) -> DataType {
    match data_type {
        // One digit more than the integer part: 9.9 becomes 10.
        DataType::Decimal128(precision, scale @ 1..) => {
            let digits = (*precision as i8).saturating_sub(*scale).saturating_add(1);
            DataType::Decimal128(digits.clamp(1, 38) as u8, 0)
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Float32Array, Float64Array};

    fn round(array: ArrayRef) -> ArrayRef {
        to_nearest(&array).unwrap()
    }

    #[test]
    fn halves_of_decimals_go_away_from_zero() {
        let values = [125, -125, 124, 999, i128::from(i64::MAX)].map(Some).to_vec();
        let array = Decimal128Array::from(values).with_precision_and_scale(38, 1).unwrap();
        let rounded = round(Arc::new(array));
        assert_eq!(rounded.data_type(), &DataType::Decimal128(38, 0));
        let rounded = rounded.as_primitive::<Decimal128Type>().values().to_vec();
        assert_eq!(rounded, [13, -13, 12, 100, 922_337_203_685_477_581]);
    }

    #[test]
    fn halves_of_floats_go_to_the_even_neighbour() {
        let rounded = round(Arc::new(Float64Array::from(vec![0.5, 1.5, 2.5, -2.5, 2.6])));
        assert_eq!(
            rounded.as_primitive::<Float64Type>().values().to_vec(),
            [0.0, 2.0, 2.0, -2.0, 3.0]
        );
        let rounded = round(Arc::new(Float32Array::from(vec![3.5])));
        assert_eq!(rounded.as_primitive::<Float32Type>().value(0), 4.0);
    }
}
