//! Values to the text that reads back as the same values.
//!
//! Integers and decimals have all their digits, floats the fewest that read back equal, dates and
//! timestamps are ISO 8601 with a blank between date and time, a fraction of a second is written
//! only if there is one, TIMESTAMPTZ is written in UTC.

use crate::error::{Error, Result};
use crate::types::sql_name;
use arrow::array::types::{
    ArrowPrimitiveType, ArrowTimestampType, DecimalType, Float32Type, Float64Type,
};
use arrow::array::{Array, ArrayRef, AsArray, StringViewArray};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType as ArrowType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type,
    Decimal256Type, Float16Type, Int8Type, Int16Type, Int32Type, Int64Type, Time32MillisecondType,
    Time32SecondType, Time64MicrosecondType, Time64NanosecondType, TimeUnit,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use std::fmt::{Display, Write};
use std::sync::Arc;

/// Appends the value of a row, which is not NULL, to a text.
pub(super) type WriteValue = Box<dyn Fn(usize, &mut String)>;

/// The values of an array as text.
///
/// # Errors
/// Types without a text form that reads back.
pub(crate) fn texts(array: &ArrayRef) -> Result<ArrayRef> {
    let write = writer("value", array)?;
    let mut text = String::new();
    let texts = (0..array.len()).map(|row| {
        text.clear();
        (!array.is_null(row)).then(|| {
            write(row, &mut text);
            text.clone()
        })
    });
    Ok(Arc::new(texts.collect::<StringViewArray>()))
}

/// How the values of an array are written.
///
/// # Errors
/// Types without a text form that reads back.
pub(super) fn writer(name: &str, array: &ArrayRef) -> Result<WriteValue> {
    use ArrowType as T;
    Ok(match array.data_type() {
        T::Null => Box::new(|_, _| {}),
        T::Boolean => {
            let array = array.as_boolean().clone();
            Box::new(move |row, text| {
                text.push_str(if array.value(row) { "true" } else { "false" })
            })
        }
        T::Int8 => number::<Int8Type>(array),
        T::Int16 => number::<Int16Type>(array),
        T::Int32 => number::<Int32Type>(array),
        T::Int64 => number::<Int64Type>(array),
        T::UInt8 => number::<UInt8Type>(array),
        T::UInt16 => number::<UInt16Type>(array),
        T::UInt32 => number::<UInt32Type>(array),
        T::UInt64 => number::<UInt64Type>(array),
        T::Float16 => values::<Float16Type>(array, |value, text| float(value.to_f32(), text)),
        T::Float32 => values::<Float32Type>(array, float),
        T::Float64 => values::<Float64Type>(array, float),
        T::Decimal32(_, scale) => decimal::<Decimal32Type>(array, *scale),
        T::Decimal64(_, scale) => decimal::<Decimal64Type>(array, *scale),
        T::Decimal128(_, scale) => decimal::<Decimal128Type>(array, *scale),
        T::Decimal256(_, scale) => decimal::<Decimal256Type>(array, *scale),
        T::Utf8 => {
            let array = array.as_string::<i32>().clone();
            Box::new(move |row, text| text.push_str(array.value(row)))
        }
        T::LargeUtf8 => {
            let array = array.as_string::<i64>().clone();
            Box::new(move |row, text| text.push_str(array.value(row)))
        }
        T::Utf8View => {
            let array = array.as_string_view().clone();
            Box::new(move |row, text| text.push_str(array.value(row)))
        }
        T::Date32 => values::<Date32Type>(array, |days, text| date(days.into(), text)),
        T::Date64 => values::<Date64Type>(array, |millis, text| {
            date(millis.div_euclid(86_400_000), text);
        }),
        T::Time32(unit) | T::Time64(unit) => time(*unit, array),
        T::Timestamp(unit, zone) => {
            timestamps(*unit, array, if zone.is_some() { "+00" } else { "" })
        }
        T::Dictionary(_, plain) => writer(name, &cast(array, plain)?)?,
        T::RunEndEncoded(_, plain) => writer(name, &cast(array, plain.data_type())?)?,
        other => {
            let shown = sql_name(other);
            return Err(Error::sql(format!(
                "column \"{name}\" has the type {shown}, which CSV files cannot hold"
            ))
            .with_hint("cast it in the query, for example to VARCHAR"));
        }
    })
}

/// Times of day, in 32 bits for the coarse units and in 64 for the fine ones.
fn time(unit: TimeUnit, array: &ArrayRef) -> WriteValue {
    match unit {
        TimeUnit::Second => {
            values::<Time32SecondType>(array, |value, text| clock(value.into(), 1, text))
        }
        TimeUnit::Millisecond => {
            values::<Time32MillisecondType>(array, |value, text| clock(value.into(), 1_000, text))
        }
        TimeUnit::Microsecond => {
            values::<Time64MicrosecondType>(array, |value, text| clock(value, 1_000_000, text))
        }
        TimeUnit::Nanosecond => values::<Time64NanosecondType>(array, |value, text| {
            clock(value, 1_000_000_000, text);
        }),
    }
}

fn timestamps(unit: TimeUnit, array: &ArrayRef, zone: &'static str) -> WriteValue {
    match unit {
        TimeUnit::Second => timestamp::<TimestampSecondType>(array, 1, zone),
        TimeUnit::Millisecond => timestamp::<TimestampMillisecondType>(array, 1_000, zone),
        TimeUnit::Microsecond => timestamp::<TimestampMicrosecondType>(array, 1_000_000, zone),
        TimeUnit::Nanosecond => timestamp::<TimestampNanosecondType>(array, 1_000_000_000, zone),
    }
}

fn values<T: ArrowPrimitiveType>(
    array: &ArrayRef,
    write: impl Fn(T::Native, &mut String) + 'static,
) -> WriteValue {
    let array = array.as_primitive::<T>().clone();
    Box::new(move |row, text| write(array.value(row), text))
}

fn number<T: ArrowPrimitiveType>(array: &ArrayRef) -> WriteValue
where
    T::Native: Display,
{
    values::<T>(array, |value, text| {
        let _ = write!(text, "{value}");
    })
}

/// `1`, `0.1`, `1e21`, `NaN`, `-inf`.
fn float(value: impl std::fmt::Debug, text: &mut String) {
    let start = text.len();
    let _ = write!(text, "{value:?}");
    if text[start..].ends_with(".0") {
        text.truncate(text.len() - 2);
    }
}

fn decimal<T: DecimalType>(array: &ArrayRef, scale: i8) -> WriteValue
where
    T::Native: Display,
{
    values::<T>(array, move |value, text| {
        let start = text.len();
        let _ = write!(text, "{value}");
        place_point(start, scale, text);
    })
}

/// Puts the point into the digits that begin at `start`.
fn place_point(start: usize, scale: i8, text: &mut String) {
    let first = start + usize::from(text[start..].starts_with('-'));
    let moved = usize::from(scale.unsigned_abs());
    if scale <= 0 {
        if &text[first..] != "0" {
            text.extend(std::iter::repeat_n('0', moved));
        }
        return;
    }
    while text.len() - first <= moved {
        text.insert(first, '0');
    }
    text.insert(text.len() - moved, '.');
}

fn timestamp<T: ArrowTimestampType>(
    array: &ArrayRef,
    per_second: i64,
    zone: &'static str,
) -> WriteValue {
    values::<T>(array, move |value, text| {
        let per_day = 86_400 * i128::from(per_second);
        let value = i128::from(value);
        // Both parts are smaller than what they were divided from.
        date(value.div_euclid(per_day) as i64, text);
        text.push(' ');
        clock(value.rem_euclid(per_day) as i64, per_second, text);
        text.push_str(zone);
    })
}

fn clock(value: i64, per_second: i64, text: &mut String) {
    let (seconds, fraction) = (value.div_euclid(per_second), value.rem_euclid(per_second));
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    let _ = write!(text, "{hours:02}:{minutes:02}:{:02}", seconds % 60);
    if fraction != 0 {
        let width = per_second.ilog10() as usize;
        let _ = write!(text, ".{fraction:0width$}");
        text.truncate(text.trim_end_matches('0').len());
    }
}

/// Appends a date, by Howard Hinnant's `civil_from_days`: years begin in March, so that the leap
/// day is the last of a year, and 400 years are one cycle.
fn date(days: i64, text: &mut String) {
    const CYCLE_DAYS: i64 = 146_097;
    let shifted = days + 719_468;
    let (cycle, day) = (shifted.div_euclid(CYCLE_DAYS), shifted.rem_euclid(CYCLE_DAYS));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + cycle * 400 + i64::from(month <= 2);
    let _ = if year > 0 {
        write!(text, "{year:04}-{month:02}-{day:02}")
    } else {
        write!(text, "{:04}-{month:02}-{day:02} BC", 1 - year)
    };
}
