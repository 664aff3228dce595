//! Text that becomes a TIME: `'11'` is none, though the query engine takes it for microseconds.

use crate::error::Error;
use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use std::sync::{Arc, LazyLock};

/// The text itself, if it has hours and minutes.
#[derive(Debug, PartialEq, Eq, Hash)]
struct TimeText {
    signature: Signature,
}

/// The function.
pub(crate) fn time_text() -> Arc<ScalarUDF> {
    static FUNCTION: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
        Arc::new(TimeText { signature: Signature::any(1, Volatility::Immutable) }.into())
    });
    Arc::clone(&FUNCTION)
}

impl ScalarUDFImpl for TimeText {
    fn name(&self) -> &'static str {
        "time_text"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _args: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        super::elementwise::elementwise(&args, |arrays, _| {
            let [texts] = arrays else { return exec_err!("time_text takes one value") };
            let texts = cast(texts, &DataType::Utf8View)?;
            match texts.as_string_view().iter().flatten().find(|text| !text.contains(':')) {
                Some(text) => Err(Error::sql(format!("{text:?} is no TIME"))
                    .with_hint("write hours, minutes and seconds, as in 11:30:00")
                    .into()),
                None => Ok(texts),
            }
        })
    }
}
