//! Values of every type as text.

use super::*;
use arrow::array::{
    BinaryArray, BooleanArray, Date32Array, Date64Array, Decimal128Array, Decimal256Array,
    DictionaryArray, DurationMillisecondArray, FixedSizeListArray, Float32Array, Float64Array,
    Int8Array, Int64Array, IntervalMonthDayNanoArray, LargeStringArray, ListArray, NullArray,
    RunArray, StringArray, StringViewArray, StructArray, Time64MicrosecondArray,
    TimestampMicrosecondArray, UInt64Array,
};
use arrow::datatypes::{Field, Int8Type, IntervalMonthDayNano, i256};
use std::sync::Arc;

fn text_of(array: impl Array + 'static, row: usize) -> String {
    let array: ArrayRef = Arc::new(array);
    assert!(!is_null(&array, row));
    let mut text = String::new();
    write(&array, row, &mut text);
    text
}

#[test]
fn integers_and_booleans() {
    assert_eq!(text_of(Int8Array::from(vec![i8::MIN]), 0), "-128");
    assert_eq!(text_of(Int64Array::from(vec![i64::MIN]), 0), "-9223372036854775808");
    assert_eq!(text_of(UInt64Array::from(vec![u64::MAX]), 0), "18446744073709551615");
    assert_eq!(text_of(BooleanArray::from(vec![true, false]), 0), "true");
    assert_eq!(text_of(BooleanArray::from(vec![true, false]), 1), "false");
}

#[test]
fn doubles_are_as_short_as_they_can_be_and_read_back_equal() {
    for (value, expected) in [
        (0.0, "0"),
        (-0.0, "-0"),
        (1.0, "1"),
        (0.1, "0.1"),
        (0.1 + 0.2, "0.30000000000000004"),
        (100_000.0, "100000"),
        (1e15, "1000000000000000"),
        (1e16, "1e16"),
        (1e21, "1e21"),
        (1.5e300, "1.5e300"),
        (1e-5, "1e-5"),
        (0.0001, "0.0001"),
        (5e-324, "5e-324"),
        (f64::MAX, "1.7976931348623157e308"),
        (f64::NAN, "NaN"),
        (f64::INFINITY, "inf"),
        (f64::NEG_INFINITY, "-inf"),
    ] {
        let text = text_of(Float64Array::from(vec![value]), 0);
        assert_eq!(text, expected);
        let back: f64 = text.parse().unwrap();
        assert!(back.to_bits() == value.to_bits() || value.is_nan(), "{text}");
    }
    assert_eq!(text_of(Float32Array::from(vec![0.1_f32]), 0), "0.1");
}

#[test]
fn decimals_have_every_digit_of_their_scale() {
    let decimal = |value: i128, precision, scale| {
        let array = Decimal128Array::from(vec![value]);
        text_of(array.with_precision_and_scale(precision, scale).unwrap(), 0)
    };
    assert_eq!(decimal(150, 5, 2), "1.50");
    assert_eq!(decimal(-5, 5, 2), "-0.05");
    assert_eq!(decimal(0, 5, 2), "0.00");
    assert_eq!(decimal(7, 5, 0), "7");
    assert_eq!(decimal(7, 5, -2), "700");
    assert_eq!(decimal(0, 5, -2), "0");
    assert_eq!(decimal(-(10_i128.pow(38) - 1), 38, 38), format!("-0.{}", "9".repeat(38)));
    let wide = Decimal256Array::from(vec![i256::from_i128(12_345)]);
    assert_eq!(text_of(wide.with_precision_and_scale(60, 3).unwrap(), 0), "12.345");
}

#[test]
fn text_and_bytes() {
    assert_eq!(text_of(StringArray::from(vec!["a\nb"]), 0), "a\nb");
    assert_eq!(text_of(LargeStringArray::from(vec!["é"]), 0), "é");
    assert_eq!(text_of(StringViewArray::from(vec![""]), 0), "");
    assert_eq!(text_of(BinaryArray::from(vec![&[0_u8, 0xFF][..]]), 0), "\\x00ff");
}

#[test]
fn dates_and_times() {
    assert_eq!(text_of(Date32Array::from(vec![19_723]), 0), "2024-01-01");
    assert_eq!(text_of(Date64Array::from(vec![-1]), 0), "1969-12-31");
    assert_eq!(text_of(Time64MicrosecondArray::from(vec![1_500_000]), 0), "00:00:01.5");
    let stamp = TimestampMicrosecondArray::from(vec![1_704_103_200_000_000]);
    assert_eq!(text_of(stamp.clone(), 0), "2024-01-01 10:00:00");
    assert_eq!(text_of(stamp.with_timezone("UTC"), 0), "2024-01-01 10:00:00+00");
    let interval = IntervalMonthDayNano::new(1, 2, 3_000_000_000);
    let interval = IntervalMonthDayNanoArray::from(vec![interval]);
    assert_eq!(text_of(interval, 0), "1 mon 2 days 00:00:03");
    assert_eq!(text_of(DurationMillisecondArray::from(vec![-1]), 0), "-00:00:00.001");
}

#[test]
fn encoded_arrays_show_their_values() {
    let dictionary: DictionaryArray<Int8Type> =
        vec![Some("x"), None, Some("y")].into_iter().collect();
    assert_eq!(text_of(dictionary.clone(), 2), "y");
    assert!(is_null(&(Arc::new(dictionary) as ArrayRef), 1));
    let runs: RunArray<Int32Type> = vec!["a", "a", "b"].into_iter().collect();
    assert_eq!(text_of(runs, 2), "b");
    assert!(is_null(&(Arc::new(NullArray::new(1)) as ArrayRef), 0));
}

#[test]
fn nested_values_are_json() {
    let list = ListArray::from_iter_primitive::<Int64Type, _, _>([Some(vec![Some(1), None])]);
    assert_eq!(text_of(list, 0), "[1,null]");
    let item = Arc::new(Field::new("item", DataType::Int64, true));
    let fixed = FixedSizeListArray::new(item, 2, Arc::new(Int64Array::from(vec![1, 2])), None);
    assert_eq!(text_of(fixed, 0), "[1,2]");
    let name: ArrayRef = Arc::new(StringArray::from(vec!["a\"b"]));
    let field = Arc::new(Field::new("n", DataType::Utf8, true));
    assert_eq!(text_of(StructArray::from(vec![(field, name)]), 0), r#"{"n":"a\"b"}"#);
}

#[test]
fn json_strings_are_escaped() {
    let mut text = String::new();
    json_string("\"\\\n\r\t\u{1}é\u{7f}", &mut text);
    assert_eq!(text, "\"\\\"\\\\\\n\\r\\t\\u0001é\u{7f}\"");
}
