//! `date_bin` that fails where the query engine's gives NULL: it computes in nanoseconds, in which
//! the years from 1678 to 2262 fit.

use crate::error::Error;
use arrow::array::Array;
use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::functions::datetime::date_bin::DateBinFunc;
use datafusion::logical_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature};

/// See the [module](self).
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct DateBin {
    engine: DateBinFunc,
}

impl DateBin {
    pub(super) fn new() -> Self {
        Self { engine: DateBinFunc::new() }
    }
}

impl ScalarUDFImpl for DateBin {
    fn name(&self) -> &str {
        self.engine.name()
    }

    fn signature(&self) -> &Signature {
        self.engine.signature()
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        self.engine.return_type(args)
    }

    fn output_ordering(&self, inputs: &[ExprProperties]) -> Result<SortProperties> {
        self.engine.output_ordering(inputs)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let nulls = |value: &ColumnarValue| -> Result<usize> {
            Ok(match value {
                ColumnarValue::Scalar(value) if value.is_null() => rows,
                ColumnarValue::Scalar(_) => 0,
                ColumnarValue::Array(values) => values.null_count(),
            })
        };
        let expected = args.args.get(1).map_or(Ok(0), nulls)?;
        let any_null = args.args.iter().enumerate().any(|(place, arg)| {
            place != 1 && matches!(arg, ColumnarValue::Scalar(value) if value.is_null())
        });
        let result = self.engine.invoke_with_args(args)?;
        if !any_null && nulls(&result)? > expected {
            return Err(Error::sql("date_bin takes moments of the years from 1678 to 2261")
                .with_hint("date_trunc takes all years")
                .into());
        }
        Ok(result)
    }
}
