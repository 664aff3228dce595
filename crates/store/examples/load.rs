//! Loads made-up order lines with five references, a key and a sort order, and says how fast, and
//! how many bits of each column a row takes.
//!
//! ```text
//! cargo run --release -p starfact-store --example load -- \
//!     DIRECTORY [ROWS] [MEMORY_MB] [THREADS] [stored]
//! ```
//!
//! The directory must be empty or new. Lines come in the order of their keys and are sorted by
//! date, as in the Star Schema Benchmark, so nothing stays where it comes; their prices follow from
//! each other as they do there. With `stored`, no column is derived from others.

use arrow::array::{ArrayRef, Int32Array, StringViewArray, StringViewBuilder};
use arrow::datatypes::{Field, Schema};
use arrow::record_batch::RecordBatch;
use starfact_base::{DataType, Error, Result};
use starfact_store::{
    ColumnDefinition, ForeignKeyDefinition, KeyDefinition, LoadOptions, OpenMode, Store, Table,
    TableDefinition,
};
use starfact_vfs::OsDir;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Rows of a batch.
const BATCH_ROWS: u64 = 8_192;
/// Lines of every order.
const LINES: u64 = 4;
/// Days from 1992 to 1998.
const DAYS: u64 = 2_406;
/// Days from an order to the date that it is promised for.
const COMMIT_DAYS: Range<u64> = 30..91;
const PRIORITIES: [&str; 5] = ["1-URGENT", "2-HIGH", "3-MEDIUM", "4-NOT SPECIFIED", "5-LOW"];
const MODES: [&str; 7] = ["REG AIR", "AIR", "RAIL", "TRUCK", "MAIL", "FOB", "SHIP"];

const COLUMNS: [&str; 17] = [
    "orderkey",
    "linenumber",
    "custkey",
    "partkey",
    "suppkey",
    "orderdate",
    "orderpriority",
    "shippriority",
    "quantity",
    "extendedprice",
    "ordtotalprice",
    "discount",
    "revenue",
    "supplycost",
    "tax",
    "commitdate",
    "shipmode",
];

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().ok_or_else(|| Error::invalid("name a directory"))?;
    let mut number = |default: u64| match arguments.next() {
        Some(text) => text.parse().map_err(|_| Error::invalid(format!("{text} is no number"))),
        None => Ok(default),
    };
    let (rows, memory_mb, threads) = (number(6_000_000)?, number(1_024)?, number(2)?);
    let options = LoadOptions {
        memory_bytes: memory_mb as usize * 1_000_000,
        threads: threads as usize,
        derive_columns: arguments.next().is_none_or(|word| word != "stored"),
        ..LoadOptions::default()
    };
    let dir = Arc::new(OsDir::create(directory)?);
    let store = Store::open(dir, OpenMode::ReadWrite { wait: Duration::ZERO })?;
    let sizes = Sizes::of(rows);
    for (name, count) in
        [("customer", sizes.customers), ("part", sizes.parts), ("supplier", sizes.suppliers)]
    {
        load_dimension(&store, name, (1..=count as i32).collect(), &options)?;
    }
    load_dimension(&store, "day", (0..DAYS + COMMIT_DAYS.end).map(day_key).collect(), &options)?;
    load_fact(&store, &sizes, rows, &options)
}

/// Rows of the dimensions.
struct Sizes {
    customers: u64,
    parts: u64,
    suppliers: u64,
}

impl Sizes {
    fn of(rows: u64) -> Self {
        let scale = rows.div_ceil(6_000_000);
        let parts = 200_000 * u64::from(1 + scale.ilog2());
        Self { customers: 30_000 * scale, parts, suppliers: 2_000 * scale }
    }
}

/// A date as a number, `yyyymmdd`.
fn day_key(day: u64) -> i32 {
    let (year, rest) = (day / 365, day % 365);
    ((1992 + year) * 10_000 + (1 + rest / 31) * 100 + 1 + rest % 31) as i32
}

fn column(name: &str, data_type: DataType) -> ColumnDefinition {
    ColumnDefinition::new(name, data_type).not_null()
}

fn load_dimension(store: &Store, name: &str, keys: Vec<i32>, options: &LoadOptions) -> Result<()> {
    let definition = TableDefinition {
        name: name.into(),
        columns: vec![column("key", DataType::Integer)],
        primary_key: Some(KeyDefinition { name: None, columns: vec!["key".into()] }),
        ..TableDefinition::default()
    };
    let mut transaction = store.begin()?;
    let table = transaction.create_table(&definition)?;
    let mut batches = std::iter::once(batch(vec![Arc::new(Int32Array::from(keys))]));
    transaction.load(table, &mut batches, options)?;
    transaction.commit()?;
    Ok(())
}

fn fact() -> TableDefinition {
    let is_text = |name: &str| ["orderpriority", "shippriority", "shipmode"].contains(&name);
    let data_type = |name| if is_text(name) { DataType::Varchar } else { DataType::Integer };
    let references = [
        ("custkey", "customer"),
        ("partkey", "part"),
        ("suppkey", "supplier"),
        ("orderdate", "day"),
        ("commitdate", "day"),
    ];
    let reference = |(column, parent): (&str, &str)| ForeignKeyDefinition {
        columns: vec![column.into()],
        parent: parent.into(),
        ..ForeignKeyDefinition::default()
    };
    TableDefinition {
        name: "lineorder".into(),
        columns: COLUMNS.iter().map(|name| column(name, data_type(name))).collect(),
        primary_key: Some(KeyDefinition {
            name: None,
            columns: vec!["orderkey".into(), "linenumber".into()],
        }),
        foreign_keys: references.into_iter().map(reference).collect(),
        sorted_by: vec!["orderdate".into(), "orderkey".into()],
        ..TableDefinition::default()
    }
}

fn load_fact(store: &Store, sizes: &Sizes, rows: u64, options: &LoadOptions) -> Result<()> {
    let mut transaction = store.begin()?;
    let table = transaction.create_table(&fact())?;
    let start = Instant::now();
    let mut making = Duration::ZERO;
    let mut batches = (0..rows.div_ceil(BATCH_ROWS)).map(|idx| {
        let start = Instant::now();
        let first = idx * BATCH_ROWS;
        let made = lines(sizes, first, BATCH_ROWS.min(rows - first));
        making += start.elapsed();
        made
    });
    transaction.load(table, &mut batches, options)?;
    let loaded = start.elapsed();
    transaction.commit()?;
    let all = start.elapsed();
    let snapshot = store.snapshot()?;
    let table = snapshot.table_by_id(table).ok_or_else(|| Error::internal("no such table"))?;
    let bytes = table.bytes();
    report(table)?;
    let rate = rows as f64 / (all - making).as_secs_f64() / 1e6;
    println!(
        "{rows} rows in {all:.2?}, of which {making:.2?} to make them and {:.2?} to commit: \
         {rate:.2} M rows/s, {:.1} bytes a row",
        all - loaded,
        bytes as f64 / rows as f64
    );
    Ok(())
}

/// Prints for each column the bits of a row, and the encoding of the first block.
fn report(table: &Table) -> Result<()> {
    let rows = table.row_count() as f64;
    let named = table.columns().iter().map(|column| (column.id, column.name.clone()));
    let hidden = table.foreign_keys().iter().map(|key| {
        let columns: Vec<String> = key.columns.iter().map(|id| format!("c{id}")).collect();
        (key.ordinal_column, format!("ordinals of {}", columns.join(", ")))
    });
    for (id, name) in named.chain(hidden) {
        let bytes: u64 = table.segments().iter().map(|segment| segment.column_byte_len(id)).sum();
        let tree = match table.segments().first().map(|segment| segment.column(id)).transpose()? {
            Some(Some(file)) => file.block(0)?.tree(),
            _ => String::new(),
        };
        println!("c{id:<3} {name:<32} {:>6.1} bits  {tree}", bytes as f64 * 8.0 / rows);
    }
    Ok(())
}

fn batch(columns: Vec<ArrayRef>) -> Result<RecordBatch> {
    let field = |array: &ArrayRef| Field::new("", array.data_type().clone(), false);
    let fields: Vec<Field> = columns.iter().map(field).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
        .map_err(|error| Error::internal(error.to_string()))
}

/// Lines `first` and following.
fn lines(sizes: &Sizes, first: u64, count: u64) -> Result<RecordBatch> {
    let rows = first..first + count;
    let ints = |value: &dyn Fn(u64) -> u64| -> ArrayRef {
        Arc::new(Int32Array::from_iter_values(rows.clone().map(|row| value(row) as i32)))
    };
    let order = |row: u64| row / LINES;
    let seed = |name: &str| COLUMNS.iter().position(|other| *other == name).unwrap_or(0) as u64;
    let line = |name: &str, row: u64| mix(row ^ seed(name) << 48);
    let part = |row: u64| line("partkey", row) % sizes.parts + 1;
    let day = |row: u64| mix(order(row) ^ seed("orderdate") << 48) % DAYS;
    let quantity = |row: u64| line("quantity", row) % 50 + 1;
    let discount = |row: u64| line("discount", row) % 11;
    let price = |row: u64| {
        let part = part(row);
        quantity(row) * (90_000 + part / 10 % 20_001 + part % 1_000 * 100)
    };
    let column = |name: &&str| -> ArrayRef {
        let of_line = |row: u64| line(name, row);
        let of_order = |row: u64| mix(order(row) ^ seed(name) << 48);
        match *name {
            "orderkey" => ints(&|row| order(row) / 8 * 32 + order(row) % 8 + 1),
            "linenumber" => ints(&|row| row % LINES + 1),
            "custkey" => ints(&|row| of_order(row) % sizes.customers + 1),
            "partkey" => ints(&part),
            "suppkey" => ints(&|row| of_line(row) % sizes.suppliers + 1),
            "orderdate" => ints(&|row| day_key(day(row)) as u64),
            "commitdate" => ints(&|row| {
                let later =
                    COMMIT_DAYS.start + of_line(row) % (COMMIT_DAYS.end - COMMIT_DAYS.start);
                day_key(day(row) + later) as u64
            }),
            "quantity" => ints(&quantity),
            "discount" => ints(&discount),
            "extendedprice" => ints(&price),
            "ordtotalprice" => ints(&|row| of_order(row) % 40_000_000),
            "revenue" => ints(&|row| price(row) * (100 - discount(row)) / 100),
            "supplycost" => ints(&|row| price(row) * 6 / (quantity(row) * 10)),
            "tax" => ints(&|row| of_line(row) % 9),
            "orderpriority" => {
                texts(rows.clone().map(|row| PRIORITIES[of_order(row) as usize % 5]))
            }
            "shippriority" => texts(rows.clone().map(|_| "0")),
            "shipmode" => texts(rows.clone().map(|row| MODES[of_line(row) as usize % 7])),
            _ => texts(rows.clone().map(|_| "")),
        }
    };
    batch(COLUMNS.iter().map(column).collect())
}

fn texts(values: impl Iterator<Item = &'static str>) -> ArrayRef {
    let mut builder = StringViewBuilder::new().with_deduplicate_strings();
    values.for_each(|value| builder.append_value(value));
    let array: StringViewArray = builder.finish();
    Arc::new(array)
}

/// SplitMix64 (Steele, Lea and Flood, 2014).
fn mix(value: u64) -> u64 {
    let value = value.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}
