//! Full blocks that look like the columns of a star schema's fact table.

use arrow::array::{
    ArrayRef, Decimal128Array, Float64Array, Int32Array, Int64Array, StringViewArray,
};
use starfact_base::DataType;
use starfact_base::limits::BLOCK_ROWS;
use std::sync::Arc;

/// A named column of 65,536 rows.
#[derive(Clone, Debug)]
pub struct Column {
    /// What it stands for.
    pub name: &'static str,
    /// Its type.
    pub data_type: DataType,
    /// Its rows.
    pub rows: ArrayRef,
}

/// Numbers that look random and are the same in every run (Knuth's MMIX generator).
#[derive(Clone, Copy, Debug)]
pub struct Random(u64);

impl Random {
    /// A sequence of its own for each seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `limit`, which is not 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

const REGIONS: [&str; 5] = ["AFRICA", "AMERICA", "ASIA", "EUROPE", "MIDDLE EAST"];
const WORDS: [&str; 8] =
    ["furiously", "packages", "the", "regular", "deposits", "sleep", "above", "blithely"];

/// Columns of integers and decimals.
pub fn numbers() -> Vec<Column> {
    let mut random = Random::new(1);
    let mut below = |limit: u64| {
        let rows = (0..BLOCK_ROWS).map(|_| random.below(limit) as i64);
        Arc::new(Int64Array::from_iter_values(rows)) as ArrayRef
    };
    let bigint = |name, rows| Column { name, data_type: DataType::BigInt, rows };
    let mut columns = vec![
        bigint("discount, 11 values", below(11)),
        bigint("quantity, 6 bits", below(50)),
        bigint("date, 12 bits", below(2_556)),
        bigint("customer, 19 bits", below(300_000)),
        bigint("price, 24 bits", below(10_000_000)),
    ];
    let sorted = (0..BLOCK_ROWS as i64).map(|row| row / 4 * 3);
    columns.push(bigint("order key, runs of 4", Arc::new(Int64Array::from_iter_values(sorted))));
    let runs = (0..BLOCK_ROWS as i64).map(|row| 19_920_101 + row / 20_000);
    columns.push(bigint("date, sorted", Arc::new(Int64Array::from_iter_values(runs))));
    let codes = (0..BLOCK_ROWS).map(|_| 1 << random.below(40));
    columns.push(bigint("40 values far apart", Arc::new(Int64Array::from_iter_values(codes))));
    let narrow = (0..BLOCK_ROWS).map(|_| random.below(50_000) as i32);
    let rows: ArrayRef = Arc::new(Int32Array::from_iter_values(narrow));
    columns.push(Column { name: "integer, 16 bits", data_type: DataType::Integer, rows });
    let cents = (0..BLOCK_ROWS).map(|_| i128::from(random.below(10_000_000)));
    let cents = Decimal128Array::from_iter_values(cents).with_precision_and_scale(15, 2);
    if let Ok(cents) = cents {
        let data_type = DataType::Decimal { precision: 15, scale: 2 };
        columns.push(Column { name: "decimal(15,2), 24 bits", data_type, rows: Arc::new(cents) });
    }
    columns.extend(shapes());
    let nullable = (0..BLOCK_ROWS).map(|_| match random.below(10) {
        0 => None,
        _ => Some(random.below(4_000) as i64),
    });
    columns.push(bigint("12 bits, a tenth NULL", Arc::new(Int64Array::from_iter(nullable))));
    let doubles = (0..BLOCK_ROWS).map(|_| random.below(10_000_000) as f64 / 100.0);
    let rows: ArrayRef = Arc::new(Float64Array::from_iter_values(doubles));
    columns.push(Column { name: "double, cents", data_type: DataType::Double, rows });
    columns
}

/// Columns of shapes that plain bit-packing does not fit.
fn shapes() -> Vec<Column> {
    let mut random = Random::new(3);
    let mut bigint = |name, row: &mut dyn FnMut(&mut Random, i64) -> i64| {
        let rows = (0..BLOCK_ROWS as i64).map(|idx| row(&mut random, idx));
        let rows: ArrayRef = Arc::new(Int64Array::from_iter_values(rows));
        Column { name, data_type: DataType::BigInt, rows }
    };
    let (mut key, mut order, mut lines) = (0, 0, 0);
    vec![
        bigint("10 bits, rare outliers", &mut |random, idx| match idx % 500 {
            77 => 1 << 50,
            _ => random.below(1_000) as i64,
        }),
        bigint("key, unique, with gaps", &mut |random, _| {
            key += 1 + random.below(40) as i64;
            key
        }),
        bigint("order key, again and again", &mut |random, idx| {
            if lines == 0 {
                order = if idx / 25_000 * 25_000 + 8 > idx { 0 } else { order };
                order += random.below(1 << 17) as i64;
                lines = 1 + random.below(7);
            }
            lines -= 1;
            order
        }),
        bigint("hundreds", &mut |random, _| random.below(30_000) as i64 * 100),
        bigint("flag, rarely set", &mut |random, _| i64::from(random.below(90) == 0)),
    ]
}

/// Columns of text.
pub fn texts() -> Vec<Column> {
    let mut random = Random::new(2);
    let varchar = |name, rows: Vec<String>| {
        let rows: ArrayRef = Arc::new(StringViewArray::from_iter_values(rows));
        Column { name, data_type: DataType::Varchar, rows }
    };
    let mut rows = |make: &dyn Fn(&mut Random) -> String| -> Vec<String> {
        (0..BLOCK_ROWS).map(|_| make(&mut random)).collect()
    };
    vec![
        varchar("region, 5 texts", rows(&|random| REGIONS[random.below(5) as usize].into())),
        varchar("city, 250 texts", rows(&|random| format!("UNITED KI{}", random.below(250)))),
        varchar(
            "brand, long, 1,000 texts",
            rows(&|random| format!("the brand with number MFGR#{}", random.below(1_000))),
        ),
        varchar("name, unique", rows(&|random| format!("Customer#{:09}", random.below(1 << 30)))),
        varchar(
            "comment",
            rows(&|random| {
                let words: Vec<&str> = (0..5).map(|_| WORDS[random.below(8) as usize]).collect();
                format!("{} {}", words.join(" "), random.below(100_000))
            }),
        ),
    ]
}
