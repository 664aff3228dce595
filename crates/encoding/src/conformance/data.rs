//! Rows to encode: of every type, of many shapes, by name.

use super::reference::Random;
use crate::types::{Domain, arrow_type};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, PrimitiveArray, StringViewArray};
use arrow::datatypes::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type,
    Int64Type, Time64MicrosecondType, TimestampMicrosecondType,
};
use starfact_base::limits::BLOCK_ROWS;
use starfact_base::{DataType, Scalar};
use std::sync::Arc;

/// A value or NULL.
pub(super) type Row = Option<Scalar>;

/// One of very many values of a type: 0 to some 30 are the odd ones, such as the extremes.
pub(super) fn value(ty: DataType, number: u64) -> Row {
    Some(match ty {
        DataType::Real => Scalar::Float(float(number, true)),
        DataType::Double => Scalar::Float(float(number, false)),
        DataType::Varchar => Scalar::String(text(number)),
        _ => Scalar::Integer(integer(Domain::of(ty), number)),
    })
}

fn integer(domain: Domain, number: u64) -> i128 {
    let Domain { min, max } = domain;
    let odd = [0, 1, min, max, -1, min + 1, max - 1, max / 2, i128::from(u32::MAX), 255, 256];
    let key = match odd.get(number as usize) {
        Some(odd) => *odd,
        // Some near to each other, some far apart.
        None if number.is_multiple_of(2) => i128::from(number) - 40,
        None => i128::from(number).pow(3) * if number.is_multiple_of(3) { 1 } else { -1 },
    };
    let span = max.abs_diff(min).saturating_add(1);
    if domain.contains(key) { key } else { min + (key.unsigned_abs() % span) as i128 }
}

fn float(number: u64, single: bool) -> f64 {
    let least = if single { f64::from(f32::from_bits(1)) } else { f64::from_bits(1) };
    let most = if single { f64::from(f32::MAX) } else { f64::MAX };
    let odd = [
        0.0,
        -0.0,
        f64::NAN,
        -f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        least,
        -least,
        most,
        -most,
        1.0,
        -1.0,
    ];
    match odd.get(number as usize) {
        Some(odd) => *odd,
        None if number.is_multiple_of(3) => number as f64 / 4.0,
        None if single => f64::from(f32::from_bits((number as u32).wrapping_mul(0x9e37_79b9) >> 1)),
        None => f64::from_bits(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 1),
    }
}

fn text(number: u64) -> String {
    let odd = [
        "",
        "a",
        "twelve bytes",
        "thirteen byte",
        "Zürich",
        "日本橋",
        "\0",
        "\u{10ffff}",
        "ab",
        "b",
        "a\u{300}",
        "🦀🦀🦀🦀",
        " ",
        "twelve bytes and more",
        "twelve bytes, then others",
    ];
    match odd.get(number as usize) {
        Some(odd) => (*odd).into(),
        None if number == 15 => "long ".repeat(2_000),
        None if number.is_multiple_of(5) => {
            format!("a longer text, number {number}, of some bytes")
        }
        None => format!("{}{number}", ["", "x", "é", "city "][number as usize % 4]),
    }
}

/// An array of the Arrow type of `ty`.
pub(super) fn array(ty: DataType, rows: &[Row]) -> ArrayRef {
    match ty {
        DataType::Boolean => {
            Arc::new(rows.iter().map(|row| Some(key(row)? != 0)).collect::<BooleanArray>())
        }
        DataType::SmallInt => integers::<Int16Type>(ty, rows),
        DataType::Integer => integers::<Int32Type>(ty, rows),
        DataType::BigInt => integers::<Int64Type>(ty, rows),
        DataType::Date => integers::<Date32Type>(ty, rows),
        DataType::Time => integers::<Time64MicrosecondType>(ty, rows),
        DataType::Timestamp | DataType::TimestampTz => {
            integers::<TimestampMicrosecondType>(ty, rows)
        }
        DataType::Decimal { .. } => integers::<Decimal128Type>(ty, rows),
        DataType::Real => {
            let floats = rows.iter().map(|row| real(row).map(|float| float as f32));
            Arc::new(floats.collect::<PrimitiveArray<Float32Type>>())
        }
        DataType::Double => {
            Arc::new(rows.iter().map(real).collect::<PrimitiveArray<Float64Type>>())
        }
        DataType::Varchar => {
            let texts = rows.iter().map(|row| match row {
                Some(Scalar::String(text)) => Some(text.as_str()),
                _ => None,
            });
            Arc::new(texts.collect::<StringViewArray>())
        }
    }
}

fn integers<P: ArrowPrimitiveType<Native: TryFrom<i128>>>(ty: DataType, rows: &[Row]) -> ArrayRef {
    let values = rows.iter().map(|row| key(row).and_then(|key| key.try_into().ok()));
    Arc::new(values.collect::<PrimitiveArray<P>>().with_data_type(arrow_type(ty)))
}

fn key(row: &Row) -> Option<i128> {
    match row {
        Some(Scalar::Integer(key)) => Some(*key),
        _ => None,
    }
}

fn real(row: &Row) -> Option<f64> {
    match row {
        Some(Scalar::Float(float)) => Some(*float),
        _ => None,
    }
}

/// The rows of an array of the Arrow type of `ty`.
pub(super) fn rows_of(ty: DataType, array: &ArrayRef) -> Vec<Row> {
    let get = |row| match ty {
        DataType::Boolean => Scalar::Integer(array.as_boolean().value(row).into()),
        DataType::SmallInt => integer_at::<Int16Type>(array, row),
        DataType::Integer => integer_at::<Int32Type>(array, row),
        DataType::BigInt => integer_at::<Int64Type>(array, row),
        DataType::Date => integer_at::<Date32Type>(array, row),
        DataType::Time => integer_at::<Time64MicrosecondType>(array, row),
        DataType::Timestamp | DataType::TimestampTz => {
            integer_at::<TimestampMicrosecondType>(array, row)
        }
        DataType::Decimal { .. } => integer_at::<Decimal128Type>(array, row),
        DataType::Real => Scalar::Float(array.as_primitive::<Float32Type>().value(row).into()),
        DataType::Double => Scalar::Float(array.as_primitive::<Float64Type>().value(row)),
        DataType::Varchar => Scalar::String(array.as_string_view().value(row).into()),
    };
    (0..array.len()).map(|row| array.is_valid(row).then(|| get(row))).collect()
}

fn integer_at<P: ArrowPrimitiveType<Native: Into<i128>>>(array: &ArrayRef, row: usize) -> Scalar {
    Scalar::Integer(array.as_primitive::<P>().value(row).into())
}

/// Data sets of up to a few thousand rows.
pub(super) fn small_sets(ty: DataType) -> Vec<(&'static str, Vec<Row>)> {
    let mut random = Random::new(7);
    let v = |number| value(ty, number);
    let null_in = |one_in: usize, random: &mut Random, row: Row| {
        if random.below(one_in) == 0 { None } else { row }
    };
    let mut sets = vec![
        ("no rows", vec![]),
        ("one row", vec![v(3)]),
        ("one NULL", vec![None]),
        ("NULLs only", vec![None; 1_030]),
        ("constant", vec![v(12); 1_025]),
        ("odd values", (0..16).map(v).collect()),
        ("two values, a vector", (0..1_024).map(|row| v(row % 2)).collect()),
        ("ascending numbers", (0..1_500).map(|row| v(40 + 2 * row)).collect()),
        ("runs", (0..2_100).map(|row| v(row / 90 % 11 * 5)).collect()),
    ];
    let constant = (0..300).map(|_| null_in(4, &mut random, v(2))).collect();
    sets.push(("constant and NULL", constant));
    let odd = (0..500).map(|_| v(random.below(16) as u64)).collect();
    sets.push(("odd values at random", odd));
    let odd = (0..1_100).map(|_| v(random.below(16) as u64));
    let odd: Vec<Row> = odd.collect();
    let odd = odd.into_iter().map(|row| null_in(3, &mut random, row)).collect();
    sets.push(("odd values and NULL at random", odd));
    let spread: Vec<Row> = (0..1_025).map(|_| v(random.below(1 << 20) as u64)).collect();
    sets.push(("values at random", spread.clone()));
    let leading = [vec![None; 100], spread[..900].to_vec(), vec![None; 65]].concat();
    sets.push(("NULLs before and after", leading));
    let runs = (0..1_200).map(|row: u64| if row / 100 % 3 == 1 { None } else { v(row / 50) });
    sets.push(("runs of NULL", runs.collect()));
    let mut short = Vec::new();
    while short.len() < 5_000 {
        let ordinal = v(40 + 2 * random.below(10_000) as u64);
        let row = null_in(40, &mut random, ordinal);
        short.extend(vec![row; 1 + random.below(7)]);
    }
    sets.push(("runs of a few", short));
    let ordinals = (0..4_500).map(|_| v(40 + 2 * random.below(10_000) as u64)).collect();
    sets.push(("ordinals", ordinals));
    sets
}

/// Data sets of full blocks, and one just short of one.
pub(super) fn full_sets(ty: DataType) -> Vec<(&'static str, Vec<Row>)> {
    let mut random = Random::new(11);
    let few = (0..BLOCK_ROWS).map(|_| value(ty, 100 + random.below(200) as u64)).collect();
    let many: Vec<Row> = (0..BLOCK_ROWS).map(|_| value(ty, random.below(1 << 24) as u64)).collect();
    let sorted = (0..BLOCK_ROWS as u64).map(|row| value(ty, 40 + row / 27 * 2)).collect();
    let some_null = many[..BLOCK_ROWS - 37].iter().map(|row| match random.below(50) {
        0 => None,
        _ => row.clone(),
    });
    let some_null = some_null.collect();
    vec![
        ("a full block of few values", few),
        ("a full block of runs", sorted),
        ("a full block of values at random", many),
        ("nearly a full block with NULLs", some_null),
    ]
}
