//! `date_trunc` for all years from 1 to 9999.
//!
//! The query engine's own goes through nanoseconds, in which the years from 1678 to 2262 fit. The
//! Gregorian calendar repeats itself every 400 years, to the day of the week; so a timestamp is
//! moved by such cycles to where the engine can truncate it, and back.

use arrow::array::{ArrayRef, AsArray, TimestampMicrosecondArray};
use arrow::compute::binary;
use arrow::datatypes::{DataType, FieldRef, TimeUnit, TimestampMicrosecondType};
use datafusion::common::{Result, ScalarValue};
use datafusion::functions::datetime::date_trunc::DateTruncFunc;
use datafusion::logical_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature,
};
use std::sync::Arc;

/// 400 years: 146,097 days.
const CYCLE: i64 = 146_097 * 86_400_000_000;

/// See the [module](self).
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct DateTrunc {
    engine: DateTruncFunc,
}

impl DateTrunc {
    pub(super) fn new() -> Self {
        Self { engine: DateTruncFunc::new() }
    }
}

impl ScalarUDFImpl for DateTrunc {
    fn name(&self) -> &str {
        self.engine.name()
    }

    fn aliases(&self) -> &[String] {
        self.engine.aliases()
    }

    fn signature(&self) -> &Signature {
        self.engine.signature()
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        self.engine.return_type(args)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.engine.return_field_from_args(args)
    }

    fn output_ordering(&self, inputs: &[ExprProperties]) -> Result<SortProperties> {
        self.engine.output_ordering(inputs)
    }

    fn invoke_with_args(&self, mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [_, moment] = args.args.as_mut_slice() else {
            return self.engine.invoke_with_args(args);
        };
        let is_ours = match moment.data_type() {
            DataType::Timestamp(TimeUnit::Microsecond, None) => true,
            DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) => zone.as_ref() == "UTC",
            _ => false,
        };
        if !is_ours {
            return self.engine.invoke_with_args(args);
        }
        let is_scalar = matches!(moment, ColumnarValue::Scalar(_));
        let original = moment.to_array(if is_scalar { 1 } else { args.number_rows })?;
        let original = original.as_primitive::<TimestampMicrosecondType>().clone();
        let zone = original.timezone().map(Arc::from);
        let near: TimestampMicrosecondArray = original.unary(near);
        *moment = ColumnarValue::Array(Arc::new(near.clone().with_timezone_opt(zone.clone())));
        args.number_rows = near.len();
        let truncated = self.engine.invoke_with_args(args)?.into_array(near.len())?;
        let truncated = truncated.as_primitive::<TimestampMicrosecondType>();
        let back: TimestampMicrosecondArray = binary(&original, &near, i64::wrapping_sub)?;
        let moved: TimestampMicrosecondArray = binary(truncated, &back, i64::wrapping_add)?;
        let moved: ArrayRef = Arc::new(moved.with_timezone_opt(zone));
        Ok(match is_scalar {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&moved, 0)?),
            false => ColumnarValue::Array(moved),
        })
    }
}

/// The same moment of a cycle within 200 years of 1970.
fn near(micros: i64) -> i64 {
    let start = -CYCLE / 2;
    micros.wrapping_sub(start).rem_euclid(CYCLE) + start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_move_by_whole_cycles() {
        for micros in [0, 1, -1, CYCLE / 2 - 1, -CYCLE / 2] {
            assert_eq!(near(micros), micros);
        }
        for micros in [CYCLE / 2, 253_402_300_799_999_999, -62_135_596_800_000_000] {
            assert_ne!(near(micros), micros);
            assert_eq!((micros - near(micros)) % CYCLE, 0);
            assert!((-CYCLE / 2..CYCLE / 2).contains(&near(micros)));
        }
    }
}
