//! How functions of ours meet their arguments: as arrays of one length, a constant as one value.

use arrow::array::ArrayRef;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};

/// Calls `evaluate` with the arguments and the number of rows; the result is a constant if all
/// arguments are.
pub(super) fn elementwise(
    args: &ScalarFunctionArgs,
    evaluate: impl FnOnce(&[ArrayRef], usize) -> Result<ArrayRef>,
) -> Result<ColumnarValue> {
    let is_constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
    let rows = if is_constant { 1 } else { args.number_rows };
    let arrays: Vec<ArrayRef> =
        args.args.iter().map(|arg| arg.to_array(rows)).collect::<Result<_>>()?;
    let result = evaluate(&arrays, rows)?;
    Ok(match is_constant {
        true => ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?),
        false => ColumnarValue::Array(result),
    })
}

/// The text of a constant, in lower case and without quotes; `None` if it is none, or NULL.
pub(super) fn constant_text(value: &ScalarValue) -> Option<String> {
    let text = value.try_as_str().flatten()?;
    Some(text.trim_matches(['\'', '"']).to_lowercase())
}
