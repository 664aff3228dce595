//! One value as text, in the form that PostgreSQL gives it; every mode but json begins here.
//!
//! Numbers keep all their digits: decimals at full scale, floats in the shortest form that reads
//! back equal. Lists, structs and maps are JSON. NULL is not a value: ask [`is_null`] first.

use super::{interval, json, temporal};
use arrow::array::types::{
    ArrowDictionaryKeyType, ArrowPrimitiveType, Date32Type, Date64Type, DurationMicrosecondType,
    DurationMillisecondType, DurationNanosecondType, DurationSecondType, Float16Type, Float32Type,
    Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, IntervalDayTimeType,
    IntervalMonthDayNanoType, IntervalYearMonthType, Time32MillisecondType, Time32SecondType,
    Time64MicrosecondType, Time64NanosecondType, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    ArrowNativeType, DataType, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type,
    IntervalUnit, TimeUnit,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use std::fmt::Write;

/// Whether there is no value in this row.
pub fn is_null(array: &ArrayRef, row: usize) -> bool {
    match array.data_type() {
        DataType::Null => true,
        DataType::Dictionary(..) => dictionary_entry(array, row).is_none(),
        DataType::RunEndEncoded(..) | DataType::Union(..) => {
            array.logical_nulls().is_some_and(|nulls| nulls.is_null(row))
        }
        _ => array.is_null(row),
    }
}

/// Appends the value of this row to `text`.
pub fn write(array: &ArrayRef, row: usize, text: &mut String) {
    match array.data_type() {
        DataType::Boolean => {
            text.push_str(if array.as_boolean().value(row) { "true" } else { "false" });
        }
        DataType::Utf8 => text.push_str(array.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => text.push_str(array.as_string::<i64>().value(row)),
        DataType::Utf8View => text.push_str(array.as_string_view().value(row)),
        DataType::Binary => write_bytes(array.as_binary::<i32>().value(row), text),
        DataType::LargeBinary => write_bytes(array.as_binary::<i64>().value(row), text),
        DataType::BinaryView => write_bytes(array.as_binary_view().value(row), text),
        DataType::FixedSizeBinary(_) => {
            write_bytes(array.as_fixed_size_binary().value(row), text);
        }
        DataType::Dictionary(..) => {
            if let Some((values, entry)) = dictionary_entry(array, row) {
                write(&values, entry, text);
            }
        }
        kind if kind.is_nested() && !matches!(kind, DataType::Union(..)) => {
            json::write_value(array, row, text);
        }
        kind if kind.is_numeric() => write_number(array, row, text),
        kind if kind.is_temporal() => write_temporal(array, row, text),
        _ => write_other(array, row, text),
    }
}

fn number<T: ArrowPrimitiveType>(array: &ArrayRef, row: usize) -> T::Native {
    array.as_primitive::<T>().value(row)
}

fn write_number(array: &ArrayRef, row: usize, text: &mut String) {
    // Writing to a string does not fail.
    let _ = match array.data_type() {
        DataType::Int8 => write!(text, "{}", number::<Int8Type>(array, row)),
        DataType::Int16 => write!(text, "{}", number::<Int16Type>(array, row)),
        DataType::Int32 => write!(text, "{}", number::<Int32Type>(array, row)),
        DataType::Int64 => write!(text, "{}", number::<Int64Type>(array, row)),
        DataType::UInt8 => write!(text, "{}", number::<UInt8Type>(array, row)),
        DataType::UInt16 => write!(text, "{}", number::<UInt16Type>(array, row)),
        DataType::UInt32 => write!(text, "{}", number::<UInt32Type>(array, row)),
        DataType::UInt64 => write!(text, "{}", number::<UInt64Type>(array, row)),
        DataType::Float16 => return write_f32(number::<Float16Type>(array, row).to_f32(), text),
        DataType::Float32 => return write_f32(number::<Float32Type>(array, row), text),
        DataType::Float64 => return write_f64(number::<Float64Type>(array, row), text),
        DataType::Decimal32(_, scale) => {
            return write_decimal(number::<Decimal32Type>(array, row), *scale, text);
        }
        DataType::Decimal64(_, scale) => {
            return write_decimal(number::<Decimal64Type>(array, row), *scale, text);
        }
        DataType::Decimal128(_, scale) => {
            return write_decimal(number::<Decimal128Type>(array, row), *scale, text);
        }
        DataType::Decimal256(_, scale) => {
            return write_decimal(number::<Decimal256Type>(array, row), *scale, text);
        }
        _ => return write_other(array, row, text),
    };
}

/// `value` × 10^-`scale` with exactly `scale` digits behind the point.
fn write_decimal(value: impl std::fmt::Display, scale: i8, text: &mut String) {
    let whole = value.to_string();
    let (sign, digits) = match whole.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", whole.as_str()),
    };
    text.push_str(sign);
    let scale_digits = usize::from(scale.unsigned_abs());
    if scale <= 0 {
        text.push_str(digits);
        if digits != "0" {
            text.extend(std::iter::repeat_n('0', scale_digits));
        }
        return;
    }
    let padded = format!("{digits:0>width$}", width = scale_digits + 1);
    let (integer, fraction) = padded.split_at(padded.len() - scale_digits);
    text.push_str(integer);
    text.push('.');
    text.push_str(fraction);
}

/// `1`, `0.1`, `1e21`, `NaN`, `inf`.
fn write_f64(value: f64, text: &mut String) {
    let start = text.len();
    let _ = write!(text, "{value:?}");
    cut_point_zero(start, text);
}

fn write_f32(value: f32, text: &mut String) {
    let start = text.len();
    let _ = write!(text, "{value:?}");
    cut_point_zero(start, text);
}

fn cut_point_zero(start: usize, text: &mut String) {
    if text.get(start..).is_some_and(|number| number.ends_with(".0")) {
        text.truncate(text.len() - 2);
    }
}

fn write_bytes(bytes: &[u8], text: &mut String) {
    text.push_str("\\x");
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
}

fn write_temporal(array: &ArrayRef, row: usize, text: &mut String) {
    match array.data_type() {
        DataType::Date32 => {
            temporal::write_date(i64::from(number::<Date32Type>(array, row)), text);
        }
        DataType::Date64 => {
            temporal::write_date(number::<Date64Type>(array, row).div_euclid(86_400_000), text);
        }
        DataType::Time32(_) | DataType::Time64(_) => {
            let (value, per_second) = match array.data_type() {
                DataType::Time32(TimeUnit::Second) => {
                    (i64::from(number::<Time32SecondType>(array, row)), 1)
                }
                DataType::Time32(_) => {
                    (i64::from(number::<Time32MillisecondType>(array, row)), 1_000)
                }
                DataType::Time64(TimeUnit::Microsecond) => {
                    (number::<Time64MicrosecondType>(array, row), 1_000_000)
                }
                _ => (number::<Time64NanosecondType>(array, row), 1_000_000_000),
            };
            temporal::write_time(value, per_second, text);
        }
        DataType::Timestamp(unit, zone) => {
            let value = match unit {
                TimeUnit::Second => number::<TimestampSecondType>(array, row),
                TimeUnit::Millisecond => number::<TimestampMillisecondType>(array, row),
                TimeUnit::Microsecond => number::<TimestampMicrosecondType>(array, row),
                TimeUnit::Nanosecond => number::<TimestampNanosecondType>(array, row),
            };
            temporal::write_timestamp(value, per_second(*unit), zone.as_deref(), text);
        }
        DataType::Duration(unit) => {
            let value = match unit {
                TimeUnit::Second => number::<DurationSecondType>(array, row),
                TimeUnit::Millisecond => number::<DurationMillisecondType>(array, row),
                TimeUnit::Microsecond => number::<DurationMicrosecondType>(array, row),
                TimeUnit::Nanosecond => number::<DurationNanosecondType>(array, row),
            };
            let nanoseconds = i128::from(value) * i128::from(1_000_000_000 / per_second(*unit));
            interval::write(0, 0, nanoseconds, text);
        }
        DataType::Interval(unit) => write_interval(array, *unit, row, text),
        _ => write_other(array, row, text),
    }
}

fn write_interval(array: &ArrayRef, unit: IntervalUnit, row: usize, text: &mut String) {
    match unit {
        IntervalUnit::YearMonth => {
            interval::write(number::<IntervalYearMonthType>(array, row), 0, 0, text);
        }
        IntervalUnit::DayTime => {
            let value = number::<IntervalDayTimeType>(array, row);
            interval::write(0, value.days, i128::from(value.milliseconds) * 1_000_000, text);
        }
        IntervalUnit::MonthDayNano => {
            let value = number::<IntervalMonthDayNanoType>(array, row);
            interval::write(value.months, value.days, i128::from(value.nanoseconds), text);
        }
    }
}

fn per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

/// Types that SQL does not produce but a file may hold.
fn write_other(array: &ArrayRef, row: usize, text: &mut String) {
    let options = FormatOptions::default();
    if let Ok(formatter) = ArrayFormatter::try_new(array, &options) {
        let _ = write!(text, "{}", formatter.value(row));
    }
}

/// The values of a dictionary and the place of this row's value among them, if it has one.
pub fn dictionary_entry(array: &ArrayRef, row: usize) -> Option<(ArrayRef, usize)> {
    fn entry<K: ArrowDictionaryKeyType>(array: &ArrayRef, row: usize) -> Option<(ArrayRef, usize)> {
        let dictionary = array.as_dictionary::<K>();
        let place = dictionary.keys().value(row).as_usize();
        let has_value = dictionary.is_valid(row) && !is_null(dictionary.values(), place);
        has_value.then(|| (dictionary.values().clone(), place))
    }
    let DataType::Dictionary(key, _) = array.data_type() else { return None };
    match key.as_ref() {
        DataType::Int8 => entry::<Int8Type>(array, row),
        DataType::Int16 => entry::<Int16Type>(array, row),
        DataType::Int32 => entry::<Int32Type>(array, row),
        DataType::Int64 => entry::<Int64Type>(array, row),
        DataType::UInt8 => entry::<UInt8Type>(array, row),
        DataType::UInt16 => entry::<UInt16Type>(array, row),
        DataType::UInt32 => entry::<UInt32Type>(array, row),
        _ => entry::<UInt64Type>(array, row),
    }
}

/// The items of a list, if `array` holds lists.
pub fn list_items(array: &ArrayRef, row: usize) -> Option<ArrayRef> {
    match array.data_type() {
        DataType::List(_) => Some(array.as_list::<i32>().value(row)),
        DataType::LargeList(_) => Some(array.as_list::<i64>().value(row)),
        DataType::ListView(_) => Some(array.as_list_view::<i32>().value(row)),
        DataType::LargeListView(_) => Some(array.as_list_view::<i64>().value(row)),
        DataType::FixedSizeList(..) => Some(array.as_fixed_size_list().value(row)),
        _ => None,
    }
}

/// Appends `inner` in double quotes, as JSON wants it.
pub fn json_string(inner: &str, text: &mut String) {
    text.push('"');
    for c in inner.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            c if u32::from(c) < 0x20 => {
                let _ = write!(text, "\\u{:04x}", u32::from(c));
            }
            c => text.push(c),
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests;
