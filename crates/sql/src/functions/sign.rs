//! `sign`: -1, 0 or 1, found without turning the number into a float.

use arrow::array::{Array, ArrayRef, AsArray, Int16Array};
use arrow::datatypes::{DataType, Decimal128Type, Float32Type, Float64Type, Int64Type};
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};
use std::sync::Arc;

/// See the [module](self).
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Sign {
    signature: Signature,
}

impl Sign {
    pub(super) fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Sign {
    fn name(&self) -> &'static str {
        "sign"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, args: &[DataType]) -> Result<Vec<DataType>> {
        match args {
            [DataType::Float16] => Ok(vec![DataType::Float32]),
            [number] if number.is_floating() => Ok(vec![number.clone()]),
            [number @ DataType::Decimal128(..)] => Ok(vec![number.clone()]),
            [DataType::UInt64] => Ok(vec![DataType::Decimal128(20, 0)]),
            [number] if number.is_integer() || number.is_null() => Ok(vec![DataType::Int64]),
            _ => plan_err!("sign takes a number"),
        }
    }

    fn return_type(&self, _args: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int16)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        super::elementwise::elementwise(&args, |arrays, _| match arrays {
            [numbers] => signs(numbers),
            _ => exec_err!("sign takes a number"),
        })
    }
}

fn signs(numbers: &ArrayRef) -> Result<ArrayRef> {
    let of_float = |value: f64| i16::from(value > 0.0) - i16::from(value < 0.0);
    let signs: Int16Array = match numbers.data_type() {
        DataType::Decimal128(..) => {
            numbers.as_primitive::<Decimal128Type>().unary(|value| value.signum() as i16)
        }
        DataType::Int64 => numbers.as_primitive::<Int64Type>().unary(|value| value.signum() as i16),
        DataType::Float32 => {
            numbers.as_primitive::<Float32Type>().unary(|value| of_float(value.into()))
        }
        DataType::Float64 => numbers.as_primitive::<Float64Type>().unary(of_float),
        other => return exec_err!("no sign of {other}"),
    };
    Ok(Arc::new(signs))
}
