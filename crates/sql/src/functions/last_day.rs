//! `last_day`: the last day of the month.

use super::calendar::{Day, day_of, month_days};
use super::elementwise::elementwise;
use arrow::array::{ArrayRef, AsArray, Date32Array};
use arrow::datatypes::{DataType, Date32Type};
use datafusion::common::{Result, internal_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};
use std::sync::Arc;

/// See the [module](self).
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct LastDay {
    signature: Signature,
}

impl LastDay {
    pub(super) fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for LastDay {
    fn name(&self) -> &'static str {
        "last_day"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, args: &[DataType]) -> Result<Vec<DataType>> {
        match args {
            [DataType::Date32 | DataType::Timestamp(..) | DataType::Null] => {
                Ok(vec![DataType::Date32])
            }
            _ => plan_err!("last_day takes a date or a timestamp"),
        }
    }

    fn return_type(&self, _args: &[DataType]) -> Result<DataType> {
        Ok(DataType::Date32)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        elementwise(&args, |arrays, _| {
            let [days] = arrays else { return internal_err!("last_day takes one argument") };
            let last = |days: i32| {
                let day = day_of(days.into());
                Day { day: month_days(day.year, day.month), ..day }.days() as i32
            };
            let days: Date32Array = days.as_primitive::<Date32Type>().unary(last);
            Ok(Arc::new(days) as ArrayRef)
        })
    }
}
