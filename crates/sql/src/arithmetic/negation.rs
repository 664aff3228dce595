//! Unary minus of integers and decimals as a function that checks.

use super::operation::describe;
use arrow::array::{Array, Datum};
use arrow::compute::kernels::numeric::neg;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use std::sync::{Arc, LazyLock};

/// The function for unary minus.
pub(super) fn function() -> Arc<ScalarUDF> {
    static NEGATION: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
        let signature = Signature::any(1, Volatility::Immutable);
        Arc::new(ScalarUDF::new_from_impl(Negation { signature }))
    });
    Arc::clone(&NEGATION)
}

/// Checked unary minus. The least integer of a type has no opposite.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Negation {
    signature: Signature,
}

impl ScalarUDFImpl for Negation {
    fn name(&self) -> &str {
        "negate"
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        let [arg] = args else { return exec_err!("unary minus takes one operand") };
        Ok(Expr::Negative(Box::new(arg.clone())).schema_name().to_string())
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        let [arg] = args else { return exec_err!("unary minus takes one operand") };
        Ok(arg.clone())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let [arg] = args.arg_fields else { return exec_err!("unary minus takes one operand") };
        Ok(Arc::new(Field::new(self.name(), arg.data_type().clone(), arg.is_nullable())))
    }

    fn is_strict(&self) -> bool {
        true
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let negate =
            |value: &dyn Array| neg(value).map_err(|error| describe(error, value.data_type()));
        match args.args.as_slice() {
            [ColumnarValue::Array(array)] => Ok(ColumnarValue::Array(negate(array)?)),
            [ColumnarValue::Scalar(scalar)] => {
                let value = scalar.to_scalar()?;
                let result = negate(value.get().0)?;
                Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?))
            }
            _ => exec_err!("unary minus takes one operand"),
        }
    }
}
