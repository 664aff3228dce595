//! `date_part` and EXTRACT with the parts that the query engine does not know: `century`, `decade`,
//! `millennium`, `era` and `yearweek`. The others are the engine's.

use super::calendar::day_of;
use super::elementwise::{constant_text, elementwise};
use arrow::array::{ArrayRef, AsArray, Int32Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Date32Type, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::functions::datetime::date_part::DatePartFunc;
use datafusion::logical_expr::preimage::PreimageResult;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature,
};
use std::sync::Arc;

/// See the [module](self).
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct DatePart {
    engine: DatePartFunc,
}

impl DatePart {
    pub(super) fn new() -> Self {
        Self { engine: DatePartFunc::new() }
    }
}

/// A part that the engine does not know, from the day.
type Part = fn(i32) -> i64;

fn part(name: &ScalarValue) -> Option<Part> {
    Some(match constant_text(name)?.as_str() {
        "century" | "centuries" => |days| counted_from_one(day_of(days.into()).year, 100),
        "millennium" | "millennia" => |days| counted_from_one(day_of(days.into()).year, 1000),
        "decade" | "decades" => |days| day_of(days.into()).year / 10,
        "era" => |days| i64::from(day_of(days.into()).year > 0),
        "yearweek" => |days| {
            let (year, week) = day_of(days.into()).iso_week();
            year * 100 + week
        },
        _ => return None,
    })
}

/// The first century, and the first before it, have a hundred years: there is no year 0.
fn counted_from_one(year: i64, years: i64) -> i64 {
    if year > 0 { (year - 1) / years + 1 } else { year / years - 1 }
}

impl ScalarUDFImpl for DatePart {
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
        match (args.scalar_arguments.first(), args.arg_fields) {
            (Some(Some(name)), [_, moment]) if part(name).is_some() => {
                Ok(Arc::new(Field::new(self.name(), DataType::Int32, moment.is_nullable())))
            }
            _ => self.engine.return_field_from_args(args),
        }
    }

    fn preimage(
        &self,
        args: &[Expr],
        literal: &Expr,
        info: &SimplifyContext,
    ) -> Result<PreimageResult> {
        self.engine.preimage(args, literal, info)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let part = match args.args.first() {
            Some(ColumnarValue::Scalar(name)) => part(name),
            _ => None,
        };
        let Some(part) = part else { return self.engine.invoke_with_args(args) };
        elementwise(&args, |arrays, _| {
            let [_, moments] = arrays else {
                return internal_err!("date_part takes two arguments");
            };
            let days = cast(moments, &DataType::Date32)?;
            let parts: Int32Array =
                days.as_primitive::<Date32Type>().unary(|days| part(days) as i32);
            Ok(Arc::new(parts) as ArrayRef)
        })
    }
}
