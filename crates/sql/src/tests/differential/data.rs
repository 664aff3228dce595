//! A fact with a column of every type, and two dimensions.
//!
//! Every column of the fact gets a shape of its own per seed, so that all encodings and zone maps
//! of every selectivity occur: constant, few values, runs, ascending, extremes, all NULL.

use super::random::Random;
use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int16Array,
    Int32Array, Int64Array, RecordBatch, StringViewArray, Time64MicrosecondArray,
    TimestampMicrosecondArray,
};
use std::sync::Arc;

/// The statements that create the tables; the fact is the last.
pub(super) const TABLES: &[&str] = &[
    "CREATE TABLE d1 (k INTEGER PRIMARY KEY, label VARCHAR, kind VARCHAR, weight DECIMAL(6,2))",
    "CREATE TABLE d2 (k SMALLINT PRIMARY KEY, city VARCHAR, opened DATE)",
    "CREATE TABLE f (id BIGINT PRIMARY KEY, fk1 INTEGER REFERENCES d1, fk2 SMALLINT REFERENCES d2,
        i INTEGER BITMAP, s SMALLINT, b BIGINT, dec DECIMAL(12,2) BITMAP, wide DECIMAL(38,10),
        x DOUBLE, y REAL, flag BOOLEAN, name VARCHAR BITMAP, d DATE, t TIME, ts TIMESTAMP,
        tz TIMESTAMPTZ)",
];

const DIMENSION_ROWS: usize = 23;
const NAMES: [&str; 12] = [
    "",
    "a",
    "A",
    "ab",
    "abc",
    "b%c",
    "Ünïcödé",
    "日本",
    "𝄞 music",
    "under_score",
    "zz",
    "a name that does not fit into the twelve bytes of a string view",
];

/// All rows of a star, one batch a commit.
pub(super) struct Star {
    d1: Vec<RecordBatch>,
    d2: Vec<RecordBatch>,
    f: Vec<RecordBatch>,
    pub(super) is_sorted: bool,
}

impl Star {
    pub(super) fn generate(random: &mut Random, commits: &[usize]) -> Self {
        let shapes: Vec<Shape> = (0..16).map(|_| Shape::pick(random)).collect();
        let mut next_id = 0;
        let mut fact = Vec::with_capacity(commits.len());
        for rows in commits {
            fact.push(fact_rows(random, &shapes, *rows, &mut next_id));
        }
        let is_sorted = random.once_in(2);
        Self {
            d1: vec![first_dimension(random)],
            d2: vec![second_dimension(random)],
            f: fact,
            is_sorted,
        }
    }

    pub(super) fn tables(&self) -> [(&'static str, &[RecordBatch]); 3] {
        [("d1", &self.d1), ("d2", &self.d2), ("f", &self.f)]
    }
}

fn first_dimension(random: &mut Random) -> RecordBatch {
    let keys = 0..DIMENSION_ROWS as i32;
    let labels: StringViewArray =
        keys.clone().map(|key| Some(format!("label {}", key % 7))).collect();
    let kinds: StringViewArray =
        keys.clone().map(|_| (!random.once_in(5)).then(|| random.pick(&NAMES))).collect();
    let weights: Decimal128Array = keys
        .clone()
        .map(|_| (!random.once_in(4)).then(|| random.below(100_000) as i128 - 50_000))
        .collect();
    let weights = weights.with_precision_and_scale(6, 2).expect("it fits");
    batch(vec![
        ("k", Arc::new(Int32Array::from_iter_values(keys))),
        ("label", Arc::new(labels)),
        ("kind", Arc::new(kinds)),
        ("weight", Arc::new(weights)),
    ])
}

fn second_dimension(random: &mut Random) -> RecordBatch {
    let keys = 0..DIMENSION_ROWS as i16;
    let cities: StringViewArray = keys.clone().map(|_| Some(random.pick(&NAMES))).collect();
    let opened: Date32Array =
        keys.clone().map(|_| (!random.once_in(3)).then(|| random.below(20_000) as i32)).collect();
    batch(vec![
        ("k", Arc::new(Int16Array::from_iter_values(keys))),
        ("city", Arc::new(cities)),
        ("opened", Arc::new(opened)),
    ])
}

/// How the values of a column follow each other.
#[derive(Clone, Copy)]
struct Shape {
    pattern: Pattern,
    /// One value in so many is NULL; 0 for none.
    nulls: usize,
}

#[derive(Clone, Copy)]
enum Pattern {
    Null,
    Constant,
    FewValues,
    Runs,
    Ascending,
    Extremes,
}

impl Shape {
    fn pick(random: &mut Random) -> Self {
        use Pattern::{Ascending, Constant, Extremes, FewValues, Null, Runs};
        let all = [Null, Constant, FewValues, FewValues, Runs, Ascending, Extremes, Extremes];
        Self { pattern: random.pick(&all), nulls: random.pick(&[0, 0, 2, 10, 1_000]) }
    }

    /// Numbers of which those from -100 to 100 are ordinary; beyond these they are extremes.
    fn numbers(self, random: &mut Random, rows: usize) -> Vec<Option<i64>> {
        let mut run = 0;
        let number = |row: usize| {
            let value = match self.pattern {
                Pattern::Null => return None,
                Pattern::Constant => 7,
                Pattern::FewValues => random.below(5) as i64 - 2,
                Pattern::Runs => {
                    if random.once_in(50) {
                        run = random.below(40) as i64 - 20;
                    }
                    run
                }
                Pattern::Ascending => (row * 200 / rows) as i64 - 100,
                Pattern::Extremes => match random.below(10) {
                    0 => 1_000,
                    1 => -1_000,
                    _ => random.below(201) as i64 - 100,
                },
            };
            let is_null = self.nulls > 0 && random.once_in(self.nulls);
            (!is_null).then_some(value)
        };
        (0..rows).map(number).collect()
    }
}

fn fact_rows(random: &mut Random, shapes: &[Shape], rows: usize, next_id: &mut i64) -> RecordBatch {
    let mut columns = shapes.iter().map(|shape| shape.numbers(random, rows));
    let mut numbers = || columns.next().unwrap_or_default();
    let key = |values: Vec<Option<i64>>| {
        values.into_iter().map(|value| value.map(|value| value.rem_euclid(DIMENSION_ROWS as i64)))
    };
    let ids = (0..rows as i64).map(|row| *next_id + row * 3);
    let ids = Int64Array::from_iter_values(ids);
    *next_id += rows as i64 * 3;
    let fk1: Int32Array = key(numbers()).map(|key| key.map(|key| key as i32)).collect();
    let fk2: Int16Array = key(numbers()).map(|key| key.map(|key| key as i16)).collect();
    let i: Int32Array = numbers().iter().map(|value| value.map(|value| value as i32)).collect();
    let s: Int16Array = numbers()
        .iter()
        .map(|value| value.map(|value| or_extreme(value, i16::MIN, i16::MAX, |value| value as i16)))
        .collect();
    let b: Int64Array = numbers()
        .iter()
        .map(|value| value.map(|value| or_extreme(value, i64::MIN, i64::MAX, |value| value)))
        .collect();
    let dec: Decimal128Array =
        numbers().iter().map(|value| value.map(|value| i128::from(value) * 25)).collect();
    let nines = 10i128.pow(38) - 1;
    let wide: Decimal128Array = numbers()
        .iter()
        .map(|value| {
            value.map(|value| {
                or_extreme(value, -nines, nines, |value| i128::from(value) * 12_345_678_901)
            })
        })
        .collect();
    let x: Float64Array = numbers().iter().map(|value| value.map(double)).collect();
    let y: Float32Array =
        numbers().iter().map(|value| value.map(|value| double(value) as f32)).collect();
    let flag: BooleanArray = numbers().iter().map(|value| value.map(|value| value > 0)).collect();
    let name: StringViewArray = numbers()
        .iter()
        .map(|value| value.map(|value| NAMES[value.rem_euclid(12) as usize]))
        .collect();
    let d: Date32Array = numbers()
        .iter()
        .map(|value| {
            value.map(|value| or_extreme(value, -719_162, 2_932_896, |value| 18_000 + value as i32))
        })
        .collect();
    let t: Time64MicrosecondArray = numbers()
        .iter()
        .map(|value| {
            value.map(|value| {
                or_extreme(value, 0, 86_399_999_999, |value| (value + 100) * 400_000_001)
            })
        })
        .collect();
    let ts: TimestampMicrosecondArray = numbers().iter().map(|value| value.map(micros)).collect();
    let tz: TimestampMicrosecondArray = numbers().iter().map(|value| value.map(micros)).collect();
    batch(vec![
        ("id", Arc::new(ids)),
        ("fk1", Arc::new(fk1)),
        ("fk2", Arc::new(fk2)),
        ("i", Arc::new(i)),
        ("s", Arc::new(s)),
        ("b", Arc::new(b)),
        ("dec", Arc::new(dec.with_precision_and_scale(12, 2).expect("it fits"))),
        ("wide", Arc::new(wide.with_precision_and_scale(38, 10).expect("it fits"))),
        ("x", Arc::new(x)),
        ("y", Arc::new(y)),
        ("flag", Arc::new(flag)),
        ("name", Arc::new(name)),
        ("d", Arc::new(d)),
        ("t", Arc::new(t)),
        ("ts", Arc::new(ts)),
        ("tz", Arc::new(tz.with_timezone("UTC"))),
    ])
}

/// The least or greatest value of a type for numbers beyond the ordinary.
fn or_extreme<T>(number: i64, min: T, max: T, ordinary: impl Fn(i64) -> T) -> T {
    match number {
        1_000 => max,
        -1_000 => min,
        _ => ordinary(number),
    }
}

fn double(number: i64) -> f64 {
    match number {
        1_000 => f64::NAN,
        -1_000 => f64::NEG_INFINITY,
        -1 => -0.0,
        _ => number as f64 / 8.0,
    }
}

/// From the year 1 to the year 9999.
fn micros(number: i64) -> i64 {
    or_extreme(number, -62_135_596_800_000_000, 253_402_300_799_999_999, |number| {
        1_577_836_800_000_000 + number * 3_600_000_001
    })
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let columns = columns.into_iter().map(|(name, values)| (name, values, true));
    RecordBatch::try_from_iter_with_nullable(columns).expect("columns of one length")
}
