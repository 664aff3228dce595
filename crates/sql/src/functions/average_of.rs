//! The average of values of which only the sum and the number are known.

use super::exact::{Finish, average_type};
use arrow::array::{ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, Int64Type, i256};
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// The average of values of a type, from their sum and their number; NULL if that is not above 0.
pub(crate) fn average_of(values: &DataType, sum: Expr, count: Expr) -> Expr {
    let function =
        AverageOf { values: values.clone(), signature: Signature::any(2, Volatility::Immutable) };
    ScalarUDF::from(function).call(vec![sum, count])
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct AverageOf {
    values: DataType,
    signature: Signature,
}

impl ScalarUDFImpl for AverageOf {
    fn name(&self) -> &'static str {
        "average_of"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _args: &[DataType]) -> Result<DataType> {
        Ok(average_type(&self.values))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [sums, counts] = arrays.as_slice() else {
            return internal_err!("an average is of a sum and a number");
        };
        let scale = match &self.values {
            DataType::Decimal128(_, scale) => *scale,
            _ => 0,
        };
        let sums: ArrayRef = cast(sums, &DataType::Decimal128(38, scale))?;
        let counts = cast(counts, &DataType::Int64)?;
        let (sums, counts) =
            (sums.as_primitive::<Decimal128Type>(), counts.as_primitive::<Int64Type>());
        let pairs = sums.iter().zip(counts).map(|pair| match pair {
            (Some(sum), Some(count)) => (i256::from_i128(sum), count.max(0) as u64),
            _ => (i256::ZERO, 0),
        });
        Ok(ColumnarValue::Array(Finish::average(&self.values).array(pairs)?))
    }
}
