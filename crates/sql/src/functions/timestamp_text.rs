//! Timestamps as text: a blank between date and time, and no more digits of a fraction than it has,
//! as everywhere else.

use crate::csv::texts;
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_datafusion_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use std::sync::{Arc, LazyLock};

/// See the [module](self).
#[derive(Debug, PartialEq, Eq, Hash)]
struct TimestampText {
    signature: Signature,
}

/// The function.
pub(crate) fn timestamp_text() -> Arc<ScalarUDF> {
    static FUNCTION: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
        Arc::new(TimestampText { signature: Signature::any(1, Volatility::Immutable) }.into())
    });
    Arc::clone(&FUNCTION)
}

impl ScalarUDFImpl for TimestampText {
    fn name(&self) -> &'static str {
        "timestamp_text"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _args: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [moments] = arrays.as_slice() else {
            return Err(exec_datafusion_err!("timestamp_text takes one value"));
        };
        Ok(ColumnarValue::Array(texts(moments)?))
    }
}
