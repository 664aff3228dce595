//! A value as it is, of which the planner is not told that it is never NULL, or, with `unknown()`
//! beside it, anything at all: neither that it is constant nor in which order it comes.

use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use std::sync::{Arc, LazyLock};

/// See the [module](self). Volatile, or the planner would put the value itself in its place.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Nullable {
    signature: Signature,
}

/// The function.
pub(crate) fn nullable() -> Arc<ScalarUDF> {
    static FUNCTION: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
        Arc::new(Nullable { signature: Signature::variadic_any(Volatility::Volatile) }.into())
    });
    Arc::clone(&FUNCTION)
}

impl ScalarUDFImpl for Nullable {
    fn name(&self) -> &'static str {
        "nullable"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        match args {
            [value, ..] => Ok(value.clone()),
            [] => internal_err!("nullable takes a value"),
        }
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        match args.arg_fields {
            [value, ..] => Ok(Arc::new(value.as_ref().clone().with_nullable(true))),
            [] => internal_err!("nullable takes a value"),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match args.args.into_iter().next() {
            Some(value) => Ok(value),
            None => internal_err!("nullable takes a value"),
        }
    }

    fn output_ordering(&self, _inputs: &[ExprProperties]) -> Result<SortProperties> {
        Ok(SortProperties::Unordered)
    }
}

/// A value of which the planner knows nothing.
pub(crate) fn hidden(value: Expr) -> Expr {
    static UNKNOWN: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
        Arc::new(Unknown { signature: Signature::nullary(Volatility::Volatile) }.into())
    });
    nullable().call(vec![value, UNKNOWN.call(Vec::new())])
}

/// NULL, and the planner does not know it.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Unknown {
    signature: Signature,
}

impl ScalarUDFImpl for Unknown {
    fn name(&self) -> &'static str {
        "unknown"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _args: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, _args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(ColumnarValue::Scalar(ScalarValue::Boolean(None)))
    }

    fn output_ordering(&self, _inputs: &[ExprProperties]) -> Result<SortProperties> {
        Ok(SortProperties::Unordered)
    }
}
