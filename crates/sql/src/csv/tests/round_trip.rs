//! What the writer writes, the reader reads back: every type, every dialect.

use super::{opened, read_all, show, table};
use crate::csv::{Dialect, Writer};
use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int16Array,
    Int32Array, Int64Array, RecordBatch, StringViewArray, Time64MicrosecondArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{Field, Schema};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use starfact_base::DataType;
use std::sync::Arc;

const MICROS_MIN: i64 = -719_162 * 86_400_000_000;
const MICROS_MAX: i64 = 2_932_897 * 86_400_000_000 - 1;

fn array<T, A>(values: impl Strategy<Value = T> + 'static, rows: usize) -> BoxedStrategy<ArrayRef>
where
    T: std::fmt::Debug + Clone + 'static,
    A: From<Vec<Option<T>>> + arrow::array::Array + 'static,
{
    vec(of(values), rows).prop_map(|values| Arc::new(A::from(values)) as ArrayRef).boxed()
}

/// Floats by their bits, with one NaN only: its payload is not written.
fn f64s() -> impl Strategy<Value = f64> {
    let bits = any::<u64>().prop_map(f64::from_bits);
    let bits = bits.prop_map(|value| if value.is_nan() { f64::NAN } else { value });
    prop_oneof![bits, any::<i32>().prop_map(f64::from), Just(-0.0), Just(f64::INFINITY)]
}

fn decimals(precision: u8, scale: u8, rows: usize) -> BoxedStrategy<ArrayRef> {
    let limit = 10_i128.pow(precision.into());
    let value = prop_oneof![1 - limit..limit, -1000_i128..1000];
    let value = value.prop_map(move |value| value.clamp(1 - limit, limit - 1));
    vec(of(value), rows)
        .prop_map(move |values| {
            let array = Decimal128Array::from(values);
            Arc::new(array.with_precision_and_scale(precision, scale as i8).unwrap()) as ArrayRef
        })
        .boxed()
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof!["[a-zé,;|\"\\\\\r\n \t'NA0-9\u{feff}]{0,6}", "\\PC{0,40}"]
}

fn column(data_type: DataType, rows: usize) -> BoxedStrategy<ArrayRef> {
    let micros = MICROS_MIN..=MICROS_MAX;
    match data_type {
        DataType::Boolean => array::<bool, BooleanArray>(any::<bool>(), rows),
        DataType::SmallInt => array::<i16, Int16Array>(any::<i16>(), rows),
        DataType::Integer => array::<i32, Int32Array>(any::<i32>(), rows),
        DataType::BigInt => array::<i64, Int64Array>(any::<i64>(), rows),
        DataType::Real => {
            let value = f64s().prop_map(|value| value as f32);
            array::<f32, Float32Array>(value, rows)
        }
        DataType::Double => array::<f64, Float64Array>(f64s(), rows),
        DataType::Decimal { precision, scale } => decimals(precision, scale, rows),
        DataType::Varchar => array::<String, StringViewArray>(texts(), rows),
        DataType::Date => array::<i32, Date32Array>(-719_162..=2_932_896, rows),
        DataType::Time => array::<i64, Time64MicrosecondArray>(0_i64..86_400_000_000, rows),
        DataType::Timestamp => array::<i64, TimestampMicrosecondArray>(micros, rows),
        DataType::TimestampTz => vec(of(micros), rows)
            .prop_map(|values| {
                Arc::new(TimestampMicrosecondArray::from(values).with_timezone("UTC")) as ArrayRef
            })
            .boxed(),
    }
}

const TYPES: [DataType; 14] = [
    DataType::Boolean,
    DataType::SmallInt,
    DataType::Integer,
    DataType::BigInt,
    DataType::Real,
    DataType::Double,
    DataType::Decimal { precision: 5, scale: 5 },
    DataType::Decimal { precision: 18, scale: 0 },
    DataType::Decimal { precision: 38, scale: 20 },
    DataType::Varchar,
    DataType::Date,
    DataType::Time,
    DataType::Timestamp,
    DataType::TimestampTz,
];

fn batch(types: Vec<DataType>, rows: usize) -> impl Strategy<Value = (Vec<DataType>, RecordBatch)> {
    let columns: Vec<_> = types.iter().map(|data_type| column(*data_type, rows)).collect();
    columns.prop_map(move |columns| {
        let fields = columns.iter().enumerate().map(|(place, column)| {
            Field::new(format!("c {place}"), column.data_type().clone(), true)
        });
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        (types.clone(), RecordBatch::try_new(schema, columns).unwrap())
    })
}

fn batches() -> impl Strategy<Value = (Vec<DataType>, RecordBatch)> {
    let types = vec(prop::sample::select(TYPES.to_vec()), 1..5);
    let types = prop_oneof![types, Just(vec![DataType::Varchar]), Just(TYPES.to_vec())];
    (types, 0_usize..12).prop_flat_map(|(types, rows)| batch(types, rows))
}

fn dialects() -> impl Strategy<Value = Dialect> {
    let delimiter = prop::sample::select(b",|;\t.-a0".to_vec());
    let quote = prop::sample::select(b"\"'".to_vec());
    let null = prop::sample::select(vec!["", "NULL", "NA", "0", "x x"]);
    (delimiter, quote, any::<bool>(), null)
        .prop_map(|(delimiter, quote, doubles, null)| Dialect {
            delimiter,
            quote: Some(quote),
            escape: if doubles { quote } else { b'\\' },
            null: null.into(),
        })
        .prop_filter("bytes with two meanings", |dialect| dialect.check().is_ok())
}

proptest! {
    #[test]
    fn every_value_survives(
        (types, batch) in batches(),
        dialect in dialects(),
        header in any::<bool>(),
        chunk_bytes in 1_usize..400,
    ) {
        let writer = Writer::new(dialect.clone());
        let mut text = String::new();
        if header {
            writer.header(batch.schema_ref(), &mut text).unwrap();
        }
        writer.rows(&batch, &mut text).unwrap();
        let names: Vec<String> = (0..types.len()).map(|place| format!("c {place}")).collect();
        let columns: Vec<(&str, DataType)> =
            names.iter().map(String::as_str).zip(types.iter().copied()).collect();
        let opened = opened(text.as_bytes(), &dialect, Some(header), &table(&columns)).unwrap();
        let read = read_all(opened, chunk_bytes).unwrap();
        prop_assert_eq!(show(&read), show(&batch), "{:?}", text);
        prop_assert_eq!(read.columns(), batch.columns(), "{:?}", text);
    }
}

#[test]
fn the_text_is_what_people_expect() {
    let schema = Arc::new(Schema::new(vec![
        Field::new("a", arrow::datatypes::DataType::Float64, true),
        Field::new("b \"x\"", arrow::datatypes::DataType::Utf8View, true),
    ]));
    let doubles: ArrayRef =
        Arc::new(Float64Array::from(vec![Some(1.0), Some(0.1), Some(1e300), None]));
    let texts: ArrayRef =
        Arc::new(StringViewArray::from(vec![Some(""), None, Some("a\"b"), Some("x, y")]));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![doubles, texts]).unwrap();
    let writer = Writer::new(Dialect::new(b','));
    let mut text = String::new();
    writer.header(&schema, &mut text).unwrap();
    writer.rows(&batch, &mut text).unwrap();
    assert_eq!(text, "a,\"b \"\"x\"\"\"\n1,\"\"\n0.1,\n1e300,\"a\"\"b\"\n,\"x, y\"\n");
}

#[test]
fn a_row_of_one_null_is_an_empty_line() {
    let array: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None]));
    let batch = RecordBatch::try_from_iter([("a", array)]).unwrap();
    let mut text = String::new();
    Writer::new(Dialect::new(b',')).rows(&batch, &mut text).unwrap();
    assert_eq!(text, "1\n\n");
}

#[test]
fn a_value_that_needs_quotes_is_refused_where_there_are_none() {
    let array: ArrayRef = Arc::new(StringViewArray::from(vec!["a|b"]));
    let batch = RecordBatch::try_from_iter([("a", array)]).unwrap();
    let writer = Writer::new(Dialect { quote: None, ..Dialect::new(b'|') });
    let error = writer.rows(&batch, &mut String::new()).unwrap_err();
    assert!(error.message.contains("column \"a\""), "{}", error.message);
}
