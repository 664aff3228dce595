//! Normal keys are compared with the values that they are made from.

use super::*;
use arrow::array::{
    Decimal128Array, Int16Array, Int32Array, Int64Array, StringViewArray, TimestampMicrosecondArray,
};
use proptest::prelude::*;
use starfact_base::Scalar;
use std::cmp::Ordering;

/// Lists of types, one of every width.
fn type_lists() -> Vec<(Vec<DataType>, Width, Width)> {
    use DataType::*;
    let narrow = Decimal { precision: 10, scale: 2 };
    let wide = Decimal { precision: 38, scale: 0 };
    vec![
        (vec![Integer], Width::Word, Width::Word),
        (vec![Boolean], Width::Word, Width::Word),
        (vec![SmallInt, Boolean, Integer], Width::Word, Width::Word),
        (vec![Date, Integer], Width::Word, Width::Double),
        (vec![BigInt], Width::Word, Width::Double),
        (vec![narrow], Width::Word, Width::Double),
        (vec![Timestamp, SmallInt], Width::Double, Width::Double),
        (vec![Time, TimestampTz], Width::Double, Width::Bytes),
        (vec![wide], Width::Double, Width::Bytes),
        (vec![wide, Boolean], Width::Bytes, Width::Bytes),
        (vec![Varchar, Integer], Width::Bytes, Width::Bytes),
        (vec![Real, Double], Width::Bytes, Width::Bytes),
    ]
}

type Row = Vec<Option<Scalar>>;

/// A value of a type, made of any number.
fn value(ty: DataType, seed: i64) -> Scalar {
    // Every other value is close to zero, so that values repeat and neighbours occur.
    let near = if seed % 2 == 0 { seed % 8 } else { seed };
    match ty {
        DataType::Boolean => Scalar::Integer(i128::from(seed & 1)),
        DataType::SmallInt => Scalar::Integer(i128::from(near as i16)),
        DataType::Integer | DataType::Date => Scalar::Integer(i128::from(near as i32)),
        DataType::Decimal { precision: 38, .. } => {
            Scalar::Integer(i128::from(near) * 10_i128.pow(18) + i128::from(near))
        }
        DataType::Decimal { .. } => Scalar::Integer(i128::from(near % 9_999_999_999)),
        DataType::Real => Scalar::Float(f64::from(near as f32 / 3.0)),
        DataType::Double => Scalar::Float(near as f64 / 3.0),
        DataType::Varchar => Scalar::String("ab\u{0}".repeat(near.unsigned_abs() as usize % 9)),
        _ => Scalar::Integer(i128::from(near)),
    }
}

fn arrays(types: &[DataType], rows: &[Row]) -> Vec<ArrayRef> {
    types.iter().enumerate().map(|(idx, ty)| array(*ty, rows, idx)).collect()
}

fn array(ty: DataType, rows: &[Row], idx: usize) -> ArrayRef {
    let integers = || {
        rows.iter().map(move |row| match &row[idx] {
            Some(Scalar::Integer(value)) => Some(*value),
            _ => None,
        })
    };
    let floats = || {
        rows.iter().map(move |row| match &row[idx] {
            Some(Scalar::Float(value)) => Some(*value),
            _ => None,
        })
    };
    let texts = rows.iter().map(move |row| match &row[idx] {
        Some(Scalar::String(text)) => Some(text.as_str()),
        _ => None,
    });
    let array: ArrayRef = match ty {
        DataType::Boolean => {
            Arc::new(integers().map(|v| v.map(|v| v != 0)).collect::<BooleanArray>())
        }
        DataType::SmallInt => {
            Arc::new(integers().map(|v| v.map(|v| v as i16)).collect::<Int16Array>())
        }
        DataType::Integer | DataType::Date => {
            Arc::new(integers().map(|v| v.map(|v| v as i32)).collect::<Int32Array>())
        }
        DataType::Decimal { precision, scale } => Arc::new(
            integers()
                .collect::<Decimal128Array>()
                .with_precision_and_scale(precision, scale as i8)
                .unwrap(),
        ),
        DataType::Real => Arc::new(floats().map(|v| v.map(|v| v as f32)).collect::<Float32Array>()),
        DataType::Double => Arc::new(floats().collect::<Float64Array>()),
        DataType::Varchar => Arc::new(texts.collect::<StringViewArray>()),
        DataType::TimestampTz => {
            let values = integers().map(|v| v.map(|v| v as i64));
            return Arc::new(values.collect::<TimestampMicrosecondArray>().with_timezone("UTC"));
        }
        _ => Arc::new(integers().map(|v| v.map(|v| v as i64)).collect::<Int64Array>()),
    };
    arrow::compute::cast(&array, &arrow_type(ty)).unwrap()
}

/// Column by column, ascending, NULLs last.
fn compare(a: &Row, b: &Row) -> Ordering {
    let column = |(a, b): (&Option<Scalar>, &Option<Scalar>)| match (a, b) {
        (Some(a), Some(b)) => a.compare(b).unwrap(),
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
    };
    a.iter().zip(b).map(column).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

fn check_order<K: NormalKey>(layout: &Layout, types: &[DataType], rows: &[Row]) {
    let keys = K::encode(layout, &arrays(types, rows)).unwrap();
    assert_eq!(keys.len(), rows.len());
    for (a, key_a) in rows.iter().zip(&keys) {
        for (b, key_b) in rows.iter().zip(&keys) {
            assert_eq!(key_a.cmp(key_b), compare(a, b), "{a:?} {b:?}");
        }
    }
}

fn check_inverse<K: NormalKey>(layout: &Layout, types: &[DataType], rows: &[Row]) {
    let columns = arrays(types, rows);
    let keys = K::encode(layout, &columns).unwrap();
    for (column, decoded) in columns.iter().zip(K::decode(layout, &keys).unwrap()) {
        assert_eq!(column.as_ref(), decoded.as_ref());
    }
    let none = K::decode(layout, &[]).unwrap();
    assert!(none.iter().all(|column| column.is_empty()) && none.len() == types.len());
    for (row, key) in rows.iter().zip(&keys) {
        if let Some(first) = key.first(layout) {
            assert_eq!(Some(first), row[0]);
        }
    }
}

#[test]
fn as_few_bits_as_the_types_need_decide_the_width() {
    for (types, key_width, sort_width) in type_lists() {
        assert_eq!(Layout::for_key(&types).unwrap().width(), key_width, "{types:?}");
        let nullable = types.iter().map(|ty| (*ty, true));
        assert_eq!(Layout::for_sort(nullable).unwrap().width(), sort_width, "{types:?}");
    }
}

#[test]
fn extreme_values_keep_their_order() {
    let types = [DataType::SmallInt, DataType::Integer];
    let layout = Layout::for_key(&types).unwrap();
    let ends = [i128::from(i16::MIN), -1, 0, 1, i128::from(i16::MAX)];
    let wide = [i128::from(i32::MIN), -1, 0, 1, i128::from(i32::MAX)];
    let row = |a: i128, b: i128| vec![Some(Scalar::Integer(a)), Some(Scalar::Integer(b))];
    let rows: Vec<Row> = ends.iter().flat_map(|a| wide.iter().map(move |b| row(*a, *b))).collect();
    check_order::<u64>(&layout, &types, &rows);
    check_inverse::<u64>(&layout, &types, &rows);

    let types = [DataType::Decimal { precision: 38, scale: 0 }];
    let layout = Layout::for_key(&types).unwrap();
    let most = 10_i128.pow(38) - 1;
    let rows: Vec<Row> =
        [-most, -1, 0, 1, most].map(|value| vec![Some(Scalar::Integer(value))]).into();
    check_order::<u128>(&layout, &types, &rows);
    check_inverse::<u128>(&layout, &types, &rows);
}

#[test]
fn floats_that_are_equal_in_sql_are_one_key_but_not_one_place_in_a_sort_order() {
    let column: ArrayRef = Arc::new(Float64Array::from(vec![0.0, -0.0, f64::NAN, -f64::NAN, 1.0]));
    let keys = |layout: &Layout| <Box<[u8]>>::encode(layout, &[Arc::clone(&column)]).unwrap();
    let unified = keys(&Layout::for_key(&[DataType::Double]).unwrap());
    assert!(unified[0] == unified[1] && unified[2] == unified[3] && unified[0] != unified[4]);
    let sorted = keys(&Layout::for_sort([(DataType::Double, false)].into_iter()).unwrap());
    assert!(sorted[1] < sorted[0] && sorted[3] < sorted[1] && sorted[4] < sorted[2]);
}

#[test]
fn offsets_are_those_of_the_values() {
    let layout = Layout::for_key(&[DataType::Integer]).unwrap();
    let column: ArrayRef = Arc::new(Int32Array::from(vec![-3, 4, i32::MAX]));
    let keys = u64::encode(&layout, &[column]).unwrap();
    assert_eq!(keys[1].offset_from(&keys[0]), Some(7));
    assert_eq!(keys[2].offset_from(&keys[0]), Some(i32::MAX as u64 + 3));
    assert_eq!(keys[0].offset_from(&keys[1]), None);
}

#[test]
fn what_does_not_fit_becomes_null() {
    let layout = Layout::for_key(&[DataType::SmallInt]).unwrap();
    let column: ArrayRef = Arc::new(Int64Array::from(vec![Some(7), Some(70_000), None]));
    let fitted = layout.fit(vec![column]).unwrap();
    assert_eq!(fitted[0].as_ref(), &Int16Array::from(vec![Some(7), None, None]) as &dyn Array);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn keys_are_ordered_as_the_rows_are(seeds in proptest::collection::vec(any::<[i64; 3]>(), 1..24)) {
        for (types, ..) in type_lists() {
            let value = |(ty, seed): (&DataType, &i64)| Some(value(*ty, *seed));
            let rows: Vec<Row> =
                seeds.iter().map(|row| types.iter().zip(row).map(value).collect()).collect();
            let layout = Layout::for_key(&types).unwrap();
            by_width!(layout, K => check_order::<K>(&layout, &types, &rows));
            by_width!(layout, K => check_inverse::<K>(&layout, &types, &rows));
        }
    }

    #[test]
    fn nulls_come_last_in_a_sort_order(seeds in proptest::collection::vec(any::<[i64; 3]>(), 1..24)) {
        for (types, ..) in type_lists() {
            let value = |(ty, seed): (&DataType, &i64)| (seed % 3 != 0).then(|| value(*ty, *seed));
            let rows: Vec<Row> =
                seeds.iter().map(|row| types.iter().zip(row).map(value).collect()).collect();
            let layout = Layout::for_sort(types.iter().map(|ty| (*ty, true))).unwrap();
            by_width!(layout, K => check_order::<K>(&layout, &types, &rows));
        }
    }
}
