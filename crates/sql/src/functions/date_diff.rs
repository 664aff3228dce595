//! `date_diff` and `date_sub` with a unit: how many boundaries of the unit lie between two moments,
//! and how many whole units. A week is seven days, wherever it begins.

use super::calendar::{DAY_MICROS, Day, day_of, month_days};
use super::elementwise::elementwise;
use arrow::array::{Array, ArrayRef, AsArray, Int64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, TimeUnit, TimestampMicrosecondType};
use datafusion::common::{Result, exec_err, internal_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};
use std::sync::Arc;

/// See the [module](self).
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct DateDiff {
    /// Whether only whole units count.
    whole: bool,
    signature: Signature,
    aliases: Vec<String>,
}

impl DateDiff {
    /// Counts boundaries.
    pub(super) fn boundaries() -> Self {
        Self::new(false, "datediff")
    }

    /// Counts whole units.
    pub(super) fn whole() -> Self {
        Self::new(true, "datesub")
    }

    fn new(whole: bool, alias: &str) -> Self {
        let signature = Signature::user_defined(Volatility::Immutable);
        Self { whole, signature, aliases: vec![alias.to_owned()] }
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug)]
enum Unit {
    Months(i64),
    Micros(i64),
    IsoYears,
}

fn unit(name: &str) -> Option<Unit> {
    let name = name.to_lowercase();
    Some(match name.as_str() {
        "year" | "years" | "yr" | "yrs" | "y" => Unit::Months(12),
        "quarter" | "quarters" => Unit::Months(3),
        "month" | "months" | "mon" | "mons" => Unit::Months(1),
        "decade" | "decades" => Unit::Months(120),
        "century" | "centuries" => Unit::Months(1_200),
        "millennium" | "millennia" => Unit::Months(12_000),
        "isoyear" => Unit::IsoYears,
        "week" | "weeks" | "w" => Unit::Micros(7 * DAY_MICROS),
        "day" | "days" | "d" => Unit::Micros(DAY_MICROS),
        "hour" | "hours" | "hr" | "h" => Unit::Micros(3_600_000_000),
        "minute" | "minutes" | "min" | "m" => Unit::Micros(60_000_000),
        "second" | "seconds" | "sec" | "s" => Unit::Micros(1_000_000),
        "millisecond" | "milliseconds" | "ms" => Unit::Micros(1_000),
        "microsecond" | "microseconds" | "us" => Unit::Micros(1),
        _ => return None,
    })
}

/// Boundaries between two moments.
fn boundaries(unit: Unit, start: i64, end: i64) -> i64 {
    let day = |micros: i64| day_of(micros.div_euclid(DAY_MICROS));
    match unit {
        Unit::Months(length) => {
            day(end).months().div_euclid(length) - day(start).months().div_euclid(length)
        }
        Unit::IsoYears => day(end).iso_week().0 - day(start).iso_week().0,
        Unit::Micros(length) if length > DAY_MICROS => {
            (end.div_euclid(DAY_MICROS) - start.div_euclid(DAY_MICROS)) / (length / DAY_MICROS)
        }
        Unit::Micros(length) => end.div_euclid(length).saturating_sub(start.div_euclid(length)),
    }
}

/// Whole units between two moments.
fn whole(unit: Unit, start: i64, end: i64) -> i64 {
    match unit {
        Unit::Micros(length) => end.saturating_sub(start) / length,
        Unit::IsoYears => whole(Unit::Months(12), start, end),
        Unit::Months(length) if end < start => -(whole_months(end, start) / length),
        Unit::Months(length) => whole_months(start, end) / length,
    }
}

/// Months from one moment to a later one. The last day of a month is as late as any other.
fn whole_months(start: i64, end: i64) -> i64 {
    let split =
        |micros: i64| (day_of(micros.div_euclid(DAY_MICROS)), micros.rem_euclid(DAY_MICROS));
    let ((from, from_time), (to, to_time)) = (split(start), split(end));
    let Day { year, month, .. } = to;
    let reached = (from.day.min(month_days(year, month)), from_time) <= (to.day, to_time);
    to.months() - from.months() - i64::from(!reached)
}

impl ScalarUDFImpl for DateDiff {
    fn name(&self) -> &str {
        if self.whole { "date_sub" } else { "date_diff" }
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, args: &[DataType]) -> Result<Vec<DataType>> {
        let [_, start, end] = args else {
            return plan_err!("{} takes a unit in quotes and two moments", self.name());
        };
        let is_time = |ty: &DataType| matches!(ty, DataType::Time64(_));
        let is_moment = |ty: &DataType| {
            let is_timestamp = matches!(ty, DataType::Date32 | DataType::Timestamp(..));
            is_timestamp || ty.is_null() || ty.is_string()
        };
        let moment = if is_time(start) && is_time(end) {
            DataType::Time64(TimeUnit::Microsecond)
        } else if is_moment(start) && is_moment(end) {
            DataType::Timestamp(TimeUnit::Microsecond, None)
        } else {
            return plan_err!("{} takes dates, timestamps or two times", self.name());
        };
        Ok(vec![DataType::Utf8, moment.clone(), moment])
    }

    fn return_type(&self, _args: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        elementwise(&args, |arrays, rows| {
            let [units, starts, ends] = arrays else {
                return internal_err!("{} takes three arguments", self.name());
            };
            let (units, starts, ends) = (units.as_string::<i32>(), micros(starts)?, micros(ends)?);
            let mut known: Option<(&str, Unit)> = None;
            let mut counts = Vec::with_capacity(rows);
            for row in 0..rows {
                if units.is_null(row) || starts.is_null(row) || ends.is_null(row) {
                    counts.push(None);
                    continue;
                }
                let name = units.value(row);
                let found = match known {
                    Some((same, found)) if same == name => found,
                    _ => match unit(name) {
                        Some(found) => found,
                        None => {
                            return exec_err!("{} does not know the unit {name:?}", self.name());
                        }
                    },
                };
                known = Some((name, found));
                let count = if self.whole { whole } else { boundaries };
                counts.push(Some(count(found, starts.value(row), ends.value(row))));
            }
            Ok(Arc::new(Int64Array::from(counts)) as ArrayRef)
        })
    }
}

/// Timestamps as microseconds since 1970, times as those since midnight.
fn micros(moments: &ArrayRef) -> Result<Int64Array> {
    if let Some(moments) = moments.as_primitive_opt::<TimestampMicrosecondType>() {
        return Ok(moments.reinterpret_cast::<Int64Type>());
    }
    Ok(cast(moments, &DataType::Int64)?.as_primitive::<Int64Type>().clone())
}
