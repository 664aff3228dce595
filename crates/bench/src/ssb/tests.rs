//! Tests of the data as a whole: sizes, determinism, keys, hierarchies, derived columns.

mod data;
mod filter_factors;

use super::{Generator, ScaleFactor, Table, lineorder, tables};
use arrow::compute::concat_batches;
use arrow::record_batch::RecordBatch;
use data::{TableData, table};
use std::collections::{HashMap, HashSet};

fn generator(scale: &str) -> Generator {
    Generator::new(scale.parse::<ScaleFactor>().expect("a valid scale factor"))
}

fn collect(table: Table, batches: impl Iterator<Item = RecordBatch>) -> RecordBatch {
    concat_batches(&table.schema(), &batches.collect::<Vec<_>>()).expect("batches of one schema")
}

#[test]
fn every_table_has_the_rows_it_should() {
    let generator = generator("0.1");
    let rows = |of| table(&generator, of).rows();
    assert_eq!(rows(Table::Customer), 3_000);
    assert_eq!(rows(Table::Supplier), 200);
    assert_eq!(rows(Table::Part), 20_000);
    assert_eq!(rows(Table::Date), 2_557);
    for &of in tables() {
        assert_eq!(rows(of) as u64, generator.row_count(of), "row count of {of}");
    }
    // 150,000 orders of 4 lines on average, whose deviation is 2.
    let lines = rows(Table::Lineorder) as f64;
    assert!((lines - 600_000.0).abs() < 4.0 * 2.0 * 150_000_f64.sqrt(), "{lines} lines");
}

#[test]
fn batches_and_threads_do_not_change_the_rows() {
    let generator = generator("0.002");
    for &of in tables() {
        let whole = collect(of, generator.batches(of, usize::MAX));
        for batch_rows in [1, 5, 64, 1_000] {
            let batches: Vec<_> = generator.batches(of, batch_rows).collect();
            let largest = batches.iter().map(RecordBatch::num_rows).max().expect("a batch");
            let orders_fit = of != Table::Lineorder || batch_rows >= lineorder::LINES_MAX as usize;
            assert!(!orders_fit || largest <= batch_rows, "{of}: {largest} rows in a batch");
            assert_eq!(collect(of, batches.into_iter()), whole, "{of} in {batch_rows}s");
            for threads in [1, 2, 3] {
                let made = generator.parallel_batches(of, batch_rows, threads);
                assert_eq!(collect(of, made), whole, "{of}, {threads} threads");
            }
        }
    }
}

#[test]
fn parallel_production_stops_at_the_first_error() {
    let generator = generator("0.01");
    let mut seen = 0;
    let outcome = generator.for_each_parallel(Table::Lineorder, 1_000, 2, |batch| {
        seen += batch.num_rows();
        if seen > 5_000 { Err("enough") } else { Ok(()) }
    });
    assert_eq!(outcome, Err("enough"));
    assert!(seen < 7_000, "{seen} rows after the error");
}

#[test]
fn another_seed_makes_other_rows() {
    let scale: ScaleFactor = "0.001".parse().expect("a valid scale factor");
    let rows = |seed| {
        collect(Table::Lineorder, Generator::with_seed(scale, seed).batches(Table::Lineorder, 100))
    };
    assert_ne!(rows(1), rows(2));
}

#[test]
fn the_first_rows_stay_what_they_are() {
    let generator = generator("1");
    let first = |of| {
        let batch = generator.batches(of, 7).next().expect("a first batch");
        TableData::new(batch).row(0).join("|")
    };
    assert_eq!(
        first(Table::Customer),
        "1|Customer#000000001|ffixH3|PERU     2|PERU|AMERICA|27-147-832-6889|AUTOMOBILE"
    );
    assert_eq!(
        first(Table::Supplier),
        "1|Supplier#000000001|AJmTuIOuxlZAKk06Ng|UNITED ST8|UNITED STATES|AMERICA|34-748-611-5965"
    );
    assert_eq!(
        first(Table::Part),
        "1|tomato sandy|MFGR#1|MFGR#14|MFGR#1406|honeydew|SMALL ANODIZED COPPER|14|SM BAG"
    );
    assert_eq!(
        first(Table::Date),
        "19920101|January 1, 1992|Wednesday|January|1992|199201|Jan1992|4|1|1|1|1|Winter|0|0|1|1"
    );
    assert_eq!(
        first(Table::Lineorder),
        "1|1|25964|159081|682|19971110|4-NOT SPECIFIED|0|11|1254088|6929161|10|1128679|68404|7|\
         19980101|REG AIR"
    );
}

#[test]
fn primary_keys_are_unique_and_ascending() {
    let generator = generator("0.01");
    for (of, key) in
        [(Table::Customer, "c_custkey"), (Table::Supplier, "s_suppkey"), (Table::Part, "p_partkey")]
    {
        let keys = table(&generator, of).integers(key);
        assert!(keys.iter().copied().eq(1..=keys.len() as i32), "keys of {of}");
    }
    let lines = table(&generator, Table::Lineorder);
    let orders = lines.integers("lo_orderkey");
    let numbers = lines.integers("lo_linenumber");
    let keys: Vec<(i32, i32)> = orders.into_iter().zip(numbers).collect();
    assert!(keys.is_sorted_by(|a, b| a < b), "line keys ascend");
    for pair in keys.windows(2) {
        let expected = if pair[1].0 == pair[0].0 { pair[0].1 + 1 } else { 1 };
        assert_eq!(pair[1].1, expected, "line numbers count from 1 within an order");
    }
    assert!(keys.iter().all(|(order, line)| order % 32 < 8 && (1..=7).contains(line)));
}

#[test]
fn foreign_keys_refer_to_rows_and_a_third_of_the_customers_buy_nothing() {
    let generator = generator("0.05");
    let lines = table(&generator, Table::Lineorder);
    for (of, key, references) in [
        (Table::Customer, "c_custkey", "lo_custkey"),
        (Table::Supplier, "s_suppkey", "lo_suppkey"),
        (Table::Part, "p_partkey", "lo_partkey"),
        (Table::Date, "d_datekey", "lo_orderdate"),
        (Table::Date, "d_datekey", "lo_commitdate"),
    ] {
        let keys: HashSet<i32> = table(&generator, of).integers(key).into_iter().collect();
        let dangling = lines.integers(references).into_iter().find(|key| !keys.contains(key));
        assert_eq!(dangling, None, "{references}");
    }
    let buyers: HashSet<i32> = lines.integers("lo_custkey").into_iter().collect();
    assert!(buyers.iter().all(|key| key % 3 != 0));
    assert_eq!(buyers.len(), 1_000, "every other customer has an order among 75,000");
}

#[test]
fn hierarchies_are_functions() {
    let generator = generator("1");
    for (of, lower, upper, lowers, uppers) in [
        (Table::Customer, "c_city", "c_nation", 250, 25),
        (Table::Customer, "c_nation", "c_region", 25, 5),
        (Table::Supplier, "s_city", "s_nation", 250, 25),
        (Table::Supplier, "s_nation", "s_region", 25, 5),
        (Table::Part, "p_brand1", "p_category", 1_000, 25),
        (Table::Part, "p_category", "p_mfgr", 25, 5),
        (Table::Date, "d_date", "d_yearmonth", 2_557, 84),
        (Table::Date, "d_yearmonth", "d_month", 84, 12),
    ] {
        let data = table(&generator, of);
        let mut parents: HashMap<String, String> = HashMap::new();
        for (child, parent) in data.texts(lower).into_iter().zip(data.texts(upper)) {
            let known = parents.entry(child.clone()).or_insert_with(|| parent.clone());
            assert_eq!(*known, parent, "{lower} {child} has two values of {upper}");
        }
        assert_eq!(parents.len(), lowers, "values of {lower}");
        assert_eq!(parents.into_values().collect::<HashSet<_>>().len(), uppers, "of {upper}");
    }
}

#[test]
fn value_domains_have_their_sizes_and_widths() {
    let generator = generator("1");
    for (of, column, distinct, shortest, longest) in [
        (Table::Customer, "c_name", 30_000, 18, 18),
        (Table::Customer, "c_city", 250, 10, 10),
        (Table::Customer, "c_phone", 30_000, 15, 15),
        (Table::Customer, "c_mktsegment", 5, 8, 10),
        (Table::Supplier, "s_name", 2_000, 18, 18),
        (Table::Part, "p_mfgr", 5, 6, 6),
        (Table::Part, "p_category", 25, 7, 7),
        (Table::Part, "p_brand1", 1_000, 9, 9),
        (Table::Part, "p_color", 92, 3, 10),
        (Table::Part, "p_type", 150, 16, 25),
        (Table::Part, "p_container", 40, 6, 10),
        (Table::Date, "d_dayofweek", 7, 6, 9),
        (Table::Date, "d_sellingseason", 5, 4, 9),
    ] {
        let values: HashSet<String> = table(&generator, of).texts(column).into_iter().collect();
        let lengths = || values.iter().map(String::len);
        assert_eq!(values.len(), distinct, "values of {column}");
        assert_eq!(lengths().min(), Some(shortest), "shortest {column}");
        assert_eq!(lengths().max(), Some(longest), "longest {column}");
    }
}

#[test]
fn derived_columns_follow_from_the_others() {
    let generator = generator("0.01");
    let lines = table(&generator, Table::Lineorder);
    let column =
        |name: &str| -> Vec<i64> { lines.integers(name).into_iter().map(i64::from).collect() };
    let [orders, parts, quantities] = ["lo_orderkey", "lo_partkey", "lo_quantity"].map(column);
    let [prices, discounts, taxes] = ["lo_extendedprice", "lo_discount", "lo_tax"].map(column);
    let [revenues, costs, totals] = ["lo_revenue", "lo_supplycost", "lo_ordtotalprice"].map(column);
    let mut sums: HashMap<i64, i64> = HashMap::new();
    for row in 0..lines.rows() {
        let price = 90_000 + parts[row] / 10 % 20_001 + parts[row] % 1_000 * 100;
        assert_eq!(prices[row], quantities[row] * price);
        assert_eq!(revenues[row], prices[row] * (100 - discounts[row]) / 100);
        assert_eq!(costs[row], 6 * price / 10);
        *sums.entry(orders[row]).or_default() += revenues[row] * (100 + taxes[row]) / 100;
    }
    for row in 0..lines.rows() {
        assert_eq!(totals[row], sums[&orders[row]], "total of order {}", orders[row]);
    }
}

#[test]
fn measures_are_uniform_over_their_ranges() {
    let lines = table(&generator("0.05"), Table::Lineorder);
    for (column, low, high) in [("lo_quantity", 1, 50), ("lo_discount", 0, 10), ("lo_tax", 0, 8)] {
        let values = lines.integers(column);
        let expected = values.len() as f64 / f64::from(high - low + 1);
        for value in low..=high {
            let count = values.iter().filter(|&&found| found == value).count() as f64;
            assert!((count - expected).abs() < 5.0 * expected.sqrt(), "{column} {value}: {count}");
        }
        assert!(values.iter().all(|value| (low..=high).contains(value)), "{column}");
    }
}

#[test]
fn lines_are_committed_30_to_90_days_after_the_order() {
    let generator = generator("0.01");
    let days: HashMap<i32, i32> =
        table(&generator, Table::Date).integers("d_datekey").into_iter().zip(0..).collect();
    let lines = table(&generator, Table::Lineorder);
    let ordered = lines.integers("lo_orderdate");
    let committed = lines.integers("lo_commitdate");
    let delays: HashSet<i32> =
        ordered.iter().zip(&committed).map(|(from, to)| days[to] - days[from]).collect();
    assert_eq!(delays, (30..=90).collect());
    assert_eq!(ordered.iter().min(), Some(&19_920_101));
    assert_eq!(ordered.iter().max(), Some(&19_980_802));
}
