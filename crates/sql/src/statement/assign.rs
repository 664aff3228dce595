//! Values on their way into a column: cast to its type, or refused with an error.
//!
//! This is what PostgreSQL calls an assignment. Text is read as the column's type, numbers go into
//! any numeric type that they fit, rounded where digits behind the point are too many, and
//! everything can become text. What is not a matter of values, such as a date for an INTEGER, is
//! refused whatever the values are. Nothing ever becomes NULL on the way.

use crate::arithmetic::to_nearest;
use crate::csv::texts;
use crate::error::{Error, Result};
use crate::types::sql_name;
use arrow::array::{Array, ArrayRef, AsArray, Date32Array};
use arrow::compute::{CastOptions, cast_with_options, max, min};
use arrow::datatypes::{
    DataType as ArrowType, Date32Type, Float32Type, Float64Type, TimeUnit, TimestampMicrosecondType,
};
use arrow::util::display::array_value_to_string;
use starfact_base::DataType;
use starfact_encoding::arrow_type;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// 0001-01-01 to 9999-12-31 in days since 1970-01-01.
const DAYS: RangeInclusive<i64> = -719_162..=2_932_896;

/// An error instead of NULL for what cannot be cast.
const STRICT: CastOptions<'static> =
    CastOptions { safe: false, format_options: arrow::util::display::FormatOptions::new() };

/// The values as the column's type.
///
/// # Errors
/// Values that do not fit, and types that are not assigned to each other; both name the column.
pub(crate) fn assign(values: &ArrayRef, column: &str, data_type: DataType) -> Result<ArrayRef> {
    let values = assign_any_year(values, column, data_type)?;
    check_years(&values).map_err(|shown| {
        Error::sql(format!("column \"{column}\": {data_type} out of range: {shown}"))
            .with_hint("years are from 1 to 9999")
    })?;
    Ok(values)
}

fn assign_any_year(values: &ArrayRef, column: &str, data_type: DataType) -> Result<ArrayRef> {
    let target = arrow_type(data_type);
    if *values.data_type() == target {
        return Ok(Arc::clone(values));
    }
    let source = plain_type(values.data_type());
    if !is_assignable(&source, data_type) {
        let shown = sql_name(&source);
        let message = format!("column \"{column}\" is {data_type}, and the value is {shown}");
        return Err(Error::sql(message).with_hint("cast the value explicitly if you mean it"));
    }
    convert(values, &source, &target).map_err(|error| Error {
        message: format!("column \"{column}\": {}", error.message),
        ..error
    })
}

fn convert(values: &ArrayRef, source: &ArrowType, target: &ArrowType) -> Result<ArrayRef> {
    let mut values = cast(values, source)?;
    if target.is_integer() {
        values = to_nearest(&values)?;
    }
    if let ArrowType::Timestamp(unit, Some(_)) = source {
        values = cast(&values, &ArrowType::Timestamp(*unit, Some("UTC".into())))?;
    }
    if let (ArrowType::Date32, ArrowType::Timestamp(..)) = (source, target) {
        check_days(&values)?;
    }
    if let (ArrowType::Timestamp(..), ArrowType::Utf8View) = (source, target) {
        values = texts(&values)?;
    }
    let result = cast(&values, target)?;
    if *target == ArrowType::Float32 {
        check_real(&values, &result)?;
    }
    if let ArrowType::Decimal128(precision, _) = target {
        let decimals = result.as_primitive::<arrow::datatypes::Decimal128Type>();
        decimals.validate_decimal_precision(*precision)?;
    }
    Ok(result)
}

fn cast(values: &ArrayRef, target: &ArrowType) -> Result<ArrayRef> {
    if values.data_type() == target {
        return Ok(Arc::clone(values));
    }
    Ok(cast_with_options(values, target, &STRICT)?)
}

/// The type without dictionaries and runs.
fn plain_type(data_type: &ArrowType) -> ArrowType {
    match data_type {
        ArrowType::Dictionary(_, values) => plain_type(values),
        ArrowType::RunEndEncoded(_, values) => plain_type(values.data_type()),
        other => other.clone(),
    }
}

fn is_assignable(source: &ArrowType, target: DataType) -> bool {
    let is_text = matches!(source, ArrowType::Utf8 | ArrowType::LargeUtf8 | ArrowType::Utf8View);
    let is_number = source.is_numeric() && !matches!(source, ArrowType::Duration(_));
    let is_moment =
        matches!(source, ArrowType::Date32 | ArrowType::Date64 | ArrowType::Timestamp(..));
    let is_time = matches!(source, ArrowType::Time32(_) | ArrowType::Time64(_));
    let is_boolean = *source == ArrowType::Boolean;
    if is_text || *source == ArrowType::Null {
        return true;
    }
    match target {
        DataType::Varchar => is_number || is_moment || is_time || is_boolean,
        DataType::Boolean => is_boolean,
        DataType::SmallInt | DataType::Integer | DataType::BigInt => is_number || is_boolean,
        DataType::Real | DataType::Double | DataType::Decimal { .. } => is_number,
        DataType::Date | DataType::Timestamp | DataType::TimestampTz => is_moment,
        DataType::Time => is_time,
    }
}

/// Finds a day or a moment outside of the years 1 to 9999.
fn check_years(values: &ArrayRef) -> std::result::Result<(), String> {
    const MICROS: i64 = 86_400_000_000;
    let bounds = match values.data_type() {
        ArrowType::Date32 => {
            let days = values.as_primitive::<Date32Type>();
            min(days).map(i64::from).zip(max(days).map(i64::from))
        }
        ArrowType::Timestamp(TimeUnit::Microsecond, _) => {
            let micros = values.as_primitive::<TimestampMicrosecondType>();
            let day = |micros: i64| micros.div_euclid(MICROS);
            min(micros).map(day).zip(max(micros).map(day))
        }
        _ => None,
    };
    let Some((first, last)) = bounds else { return Ok(()) };
    if DAYS.contains(&first) && DAYS.contains(&last) {
        return Ok(());
    }
    let day = if DAYS.contains(&first) { last } else { first };
    let date = i32::try_from(day).map(|day| Date32Array::from(vec![day]));
    let shown = date.ok().and_then(|date| array_value_to_string(&date, 0).ok());
    Err(shown.unwrap_or_else(|| format!("{day} days after 1970-01-01")))
}

/// Microseconds reach as far as the year 294,000; dates reach further.
fn check_days(values: &ArrayRef) -> Result<()> {
    let days_max = i64::MAX / 86_400_000_000;
    let days = values.as_primitive::<Date32Type>();
    let too_far = days.iter().flatten().any(|days| i64::from(days).abs() > days_max);
    if too_far {
        Err(Error::sql("TIMESTAMP out of range: the date is too far away"))
    } else {
        Ok(())
    }
}

/// A finite number must not become infinite.
fn check_real(values: &ArrayRef, result: &ArrayRef) -> Result<()> {
    let result = result.as_primitive::<Float32Type>();
    let Some(row) = result.iter().position(|value| value.is_some_and(f32::is_infinite)) else {
        return Ok(());
    };
    let doubles = cast(values, &ArrowType::Float64)?;
    let doubles = doubles.as_primitive::<Float64Type>();
    for row in row..result.len() {
        let (from, to) = (doubles.value(row), result.value(row));
        if !doubles.is_null(row) && from.is_finite() && to.is_infinite() {
            return Err(Error::sql(format!("REAL out of range: {from:e}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{
        BooleanArray, Decimal128Array, Float64Array, Int64Array, StringArray,
        TimestampNanosecondArray,
    };
    use arrow::datatypes::Int32Type;

    const DECIMAL: DataType = DataType::Decimal { precision: 4, scale: 1 };

    fn to(values: impl Array + 'static, data_type: DataType) -> Result<ArrayRef> {
        assign(&(Arc::new(values) as ArrayRef), "c", data_type)
    }

    fn fails(values: impl Array + 'static, data_type: DataType) -> String {
        to(values, data_type).unwrap_err().message
    }

    #[test]
    fn integers_that_do_not_fit_are_refused() {
        let message = fails(Int64Array::from(vec![1, 40_000]), DataType::SmallInt);
        assert_eq!(message, "column \"c\": SMALLINT out of range: 40000");
        assert!(fails(Float64Array::from(vec![f64::NAN]), DataType::Integer).contains("NaN"));
        assert!(fails(Float64Array::from(vec![1e19]), DataType::BigInt).contains("out of range"));
    }

    #[test]
    fn digits_behind_the_point_are_rounded() {
        let decimals = |values: Vec<i128>| {
            Decimal128Array::from(values).with_precision_and_scale(10, 2).unwrap()
        };
        let rounded = to(decimals(vec![125, -125, 124]), DECIMAL).unwrap();
        let rounded = rounded.as_primitive::<arrow::datatypes::Decimal128Type>();
        assert_eq!(rounded.values().to_vec(), [13, -13, 12]);
        let whole = to(decimals(vec![250, 249]), DataType::Integer).unwrap();
        assert_eq!(whole.as_primitive::<Int32Type>().values().to_vec(), [3, 2]);
        assert!(fails(decimals(vec![99_995]), DECIMAL).contains("out of range"));
        assert!(fails(Int64Array::from(vec![1000]), DECIMAL).contains("out of range"));
    }

    #[test]
    fn text_is_read_as_the_type_of_the_column() {
        for (text, data_type) in [
            ("2020-02-29", DataType::Date),
            ("0001-01-01 00:00:00", DataType::Timestamp),
            ("9999-12-31T23:59:59.999999Z", DataType::TimestampTz),
            ("12.3", DECIMAL),
            ("-5", DataType::SmallInt),
            ("true", DataType::Boolean),
            ("23:59:59.999999", DataType::Time),
        ] {
            let value = to(StringArray::from(vec![Some(text), None]), data_type).unwrap();
            assert_eq!((value.data_type(), value.null_count()), (&arrow_type(data_type), 1));
        }
        for (text, data_type) in [
            ("2021-02-29", DataType::Date),
            ("soon", DataType::Timestamp),
            ("12,3", DECIMAL),
            ("12345", DECIMAL),
            ("5 apples", DataType::BigInt),
            ("", DataType::Integer),
        ] {
            let message = fails(StringArray::from(vec![text]), data_type);
            assert!(message.starts_with("column \"c\": "), "{message}");
        }
    }

    #[test]
    fn types_that_have_nothing_in_common_are_refused() {
        let message = fails(Date32Array::from(vec![1]), DataType::Integer);
        assert_eq!(message, "column \"c\" is INTEGER, and the value is DATE");
        assert!(to(BooleanArray::from(vec![true]), DataType::Date).is_err());
        assert!(to(Int64Array::from(vec![1]), DataType::Timestamp).is_err());
        assert!(to(Int64Array::from(vec![1]), DataType::Boolean).is_err());
    }

    #[test]
    fn moments_far_away_are_refused_or_kept_but_never_wrapped() {
        assert!(to(Date32Array::from(vec![i32::MAX]), DataType::Timestamp).is_err());
        let nanos = TimestampNanosecondArray::from(vec![1_500]).with_timezone("Europe/Berlin");
        let micros = to(nanos, DataType::TimestampTz).unwrap();
        assert_eq!(
            micros.data_type(),
            &ArrowType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
        );
    }

    #[test]
    fn years_are_from_1_to_9999() {
        let days = |days: Vec<i32>| Date32Array::from(days);
        assert!(to(days(vec![-719_162, 2_932_896]), DataType::Date).is_ok());
        let message = fails(days(vec![0, 2_932_897]), DataType::Date);
        assert!(message.contains("DATE out of range: +10000-01-01"), "{message}");
        assert!(to(days(vec![-719_163]), DataType::Date).is_err());
        assert!(to(days(vec![2_932_897]), DataType::Timestamp).is_err());
        let late = arrow::array::TimestampMicrosecondArray::from(vec![253_402_300_800_000_000]);
        assert!(fails(late, DataType::Timestamp).contains("out of range"));
        assert!(fails(days(vec![i32::MAX]), DataType::Date).contains("out of range"));
    }

    #[test]
    fn a_finite_double_does_not_become_infinite() {
        assert!(fails(Float64Array::from(vec![1e300]), DataType::Real).contains("REAL"));
        assert!(to(Float64Array::from(vec![f64::INFINITY, 1.5]), DataType::Real).is_ok());
    }
}
