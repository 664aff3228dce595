//! The value of a scalar subquery, or an error where it has several rows.

use arrow::array::AsArray;
use arrow::datatypes::{DataType, FieldRef, Int64Type};
use datafusion::common::{Result, ScalarValue, exec_err, internal_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use std::sync::{Arc, LazyLock};

/// `single_row(value, rows)`: the value, if there are not several rows.
#[derive(Debug, PartialEq, Eq, Hash)]
struct SingleRow {
    signature: Signature,
}

/// The value of a subquery that has this many rows.
pub(super) fn single_row(value: Expr, rows: Expr) -> Expr {
    static FUNCTION: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
        Arc::new(SingleRow { signature: Signature::any(2, Volatility::Immutable) }.into())
    });
    FUNCTION.call(vec![value, rows])
}

impl ScalarUDFImpl for SingleRow {
    fn name(&self) -> &'static str {
        "single_row"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        match args {
            [value, _] => Ok(value.clone()),
            _ => internal_err!("single_row takes a value and a number of rows"),
        }
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        match args.arg_fields {
            [value, _] => Ok(Arc::new(value.as_ref().clone().with_nullable(true))),
            _ => internal_err!("single_row takes a value and a number of rows"),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Ok([value, rows]) = <[ColumnarValue; 2]>::try_from(args.args) else {
            return internal_err!("single_row takes a value and a number of rows");
        };
        let are_several = match rows {
            ColumnarValue::Scalar(ScalarValue::Int64(rows)) => rows.is_some_and(|rows| rows > 1),
            ColumnarValue::Scalar(_) => false,
            ColumnarValue::Array(rows) => {
                rows.as_primitive::<Int64Type>().iter().flatten().any(|rows| rows > 1)
            }
        };
        if are_several {
            return exec_err!("more than one row returned by a subquery used as an expression");
        }
        Ok(value)
    }
}
