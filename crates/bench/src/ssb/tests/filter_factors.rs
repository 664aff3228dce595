//! The share of lines that each of the 13 queries selects, against the published filter factors.
//!
//! Two steps, so that each has a known error. The share of a *dimension* that a predicate selects
//! is binomial around the published fraction. The share of *lines* that a query selects is binomial
//! around the product of the shares of its dimensions, because lines choose them independently.
//!
//! The publication says 1/7 for a year, yet no order is placed after 1998-08-02: the dates here
//! are counted among the days on which orders are placed. It also says 0.1 for the quantities of
//! Q1.3, whose text selects 10 of 50 values, so that its factor is twice the published one.

use super::data::{TableData, table};
use super::generator;
use crate::ssb::calendar::ORDER_DAYS;
use crate::ssb::{Generator, Table};
use std::collections::HashMap;
use std::ops::RangeInclusive;

/// How far a count may be from its expectation, in standard deviations. The seed is fixed, so the
/// test repeats; what it says is that the data is not exceptional.
const DEVIATIONS: f64 = 4.0;

/// Lines of an order share customer and date, which widens the deviation of their count: by the
/// mean of the squared lines of an order, 20, over the mean of the lines, 4.
const CLUSTERING: f64 = 5.0;

/// Which rows of a dimension are selected.
type Predicate = Box<dyn Fn(&TableData) -> Vec<bool>>;

/// A predicate on the columns of one dimension.
struct Filter {
    table: Table,
    predicate: Predicate,
    /// The fraction that the publication gives.
    published: f64,
    /// The fraction of the rows that the fact refers to: differs for dates.
    expected: f64,
}

/// What a query asks of the lines.
struct Query {
    name: &'static str,
    /// The published filter factor.
    published: f64,
    filters: Vec<Filter>,
    discount: RangeInclusive<i32>,
    quantity: RangeInclusive<i32>,
}

impl Query {
    /// The fraction of lines with such a discount and quantity.
    fn line_fraction(&self) -> f64 {
        self.discount.clone().count() as f64 / 11.0 * self.quantity.clone().count() as f64 / 50.0
    }
}

fn text(
    table: Table,
    column: &'static str,
    values: &'static [&'static str],
    fraction: f64,
) -> Filter {
    let predicate = move |data: &TableData| {
        data.texts(column).iter().map(|value| values.contains(&value.as_str())).collect()
    };
    Filter { table, predicate: Box::new(predicate), published: fraction, expected: fraction }
}

/// Days whose `column` is within `range`, `days` of those on which orders are placed.
fn days(column: &'static str, range: RangeInclusive<i32>, days: u32, published: f64) -> Filter {
    let predicate = move |data: &TableData| {
        data.integers(column).iter().map(|value| range.contains(value)).collect()
    };
    let expected = f64::from(days) / ORDER_DAYS as f64;
    Filter { table: Table::Date, predicate: Box::new(predicate), published, expected }
}

fn brands() -> Filter {
    let predicate = |data: &TableData| {
        data.texts("p_brand1")
            .iter()
            .map(|brand| ("MFGR#2221"..="MFGR#2228").contains(&brand.as_str()))
            .collect()
    };
    let fraction = 8.0 / 1_000.0;
    let predicate = Box::new(predicate);
    Filter { table: Table::Part, predicate, published: fraction, expected: fraction }
}

/// Days of 1992 to 1997 and of 1997 to 1998-08-02.
const DAYS_1992_TO_1997: u32 = 2_192;
const DAYS_1997_TO_1998: u32 = 365 + 214;

fn first_flight() -> Vec<Query> {
    let query = |name, published, filter, discount, quantity| Query {
        name,
        published,
        filters: vec![filter],
        discount,
        quantity,
    };
    let week_6_of_1994 = |data: &TableData| {
        let years = data.integers("d_year").into_iter();
        years.zip(data.integers("d_weeknuminyear")).map(|day| day == (1994, 6)).collect()
    };
    let week = Filter {
        table: Table::Date,
        predicate: Box::new(week_6_of_1994),
        published: 1.0 / 364.0,
        expected: 7.0 / ORDER_DAYS as f64,
    };
    let month = days("d_yearmonthnum", 199_401..=199_401, 31, 1.0 / 84.0);
    vec![
        query("Q1.1", 0.019_480_5, days("d_year", 1993..=1993, 365, 1.0 / 7.0), 1..=3, 1..=24),
        query("Q1.2", 0.000_649_35, month, 4..=6, 26..=35),
        query("Q1.3", 2.0 * 0.000_075, week, 5..=7, 26..=35),
    ]
}

fn other_flights() -> Vec<Query> {
    use Table::{Customer, Part, Supplier};
    const KI: &[&str] = &["UNITED KI1", "UNITED KI5"];
    let query = |name, published, filters| Query {
        name,
        published,
        filters,
        discount: 0..=10,
        quantity: 1..=50,
    };
    let region = |of, name| match of {
        Customer => text(of, "c_region", name, 0.2),
        _ => text(of, "s_region", name, 0.2),
    };
    let early = || days("d_year", 1992..=1997, DAYS_1992_TO_1997, 6.0 / 7.0);
    let late = || days("d_year", 1997..=1998, DAYS_1997_TO_1998, 2.0 / 7.0);
    let december = days("d_yearmonthnum", 199_712..=199_712, 31, 1.0 / 84.0);
    let c_cities = || text(Customer, "c_city", KI, 2.0 / 250.0);
    let s_cities = || text(Supplier, "s_city", KI, 2.0 / 250.0);
    let c_nation = text(Customer, "c_nation", &["UNITED STATES"], 0.04);
    let s_nation = || text(Supplier, "s_nation", &["UNITED STATES"], 0.04);
    let category = |name| text(Part, "p_category", name, 0.04);
    let mfgrs = || text(Part, "p_mfgr", &["MFGR#1", "MFGR#2"], 0.4);
    let brand = text(Part, "p_brand1", &["MFGR#2221"], 0.001);
    let (c, s) = (Customer, Supplier);
    vec![
        query("Q2.1", 0.008, vec![category(&["MFGR#12"]), region(s, &["AMERICA"])]),
        query("Q2.2", 0.0016, vec![brands(), region(s, &["ASIA"])]),
        query("Q2.3", 0.0002, vec![brand, region(s, &["EUROPE"])]),
        query("Q3.1", 0.034, vec![early(), region(c, &["ASIA"]), region(s, &["ASIA"])]),
        query("Q3.2", 0.001_37, vec![early(), c_nation, s_nation()]),
        query("Q3.3", 0.000_054_9, vec![early(), c_cities(), s_cities()]),
        query("Q3.4", 0.000_000_762, vec![december, c_cities(), s_cities()]),
        query("Q4.1", 0.016, vec![mfgrs(), region(c, &["AMERICA"]), region(s, &["AMERICA"])]),
        query(
            "Q4.2",
            0.0046,
            vec![late(), mfgrs(), region(c, &["AMERICA"]), region(s, &["AMERICA"])],
        ),
        query(
            "Q4.3",
            0.000_09,
            vec![late(), category(&["MFGR#14"]), region(c, &["AMERICA"]), s_nation()],
        ),
    ]
}

/// The keys of a dimension that a filter selects, as the fact refers to them.
struct Selection {
    reference: &'static str,
    /// By key; the keys of dates are offset to begin at zero.
    selected: Vec<bool>,
    /// The share of the rows that the fact refers to.
    share: f64,
}

const FIRST_DAY: i32 = 19_920_101;

impl Selection {
    fn new(filter: &Filter, data: &TableData) -> Self {
        let (key, reference, offset) = match filter.table {
            Table::Customer => ("c_custkey", "lo_custkey", 0),
            Table::Supplier => ("s_suppkey", "lo_suppkey", 0),
            Table::Part => ("p_partkey", "lo_partkey", 0),
            _ => ("d_datekey", "lo_orderdate", FIRST_DAY),
        };
        let keys = data.integers(key);
        let passes = (filter.predicate)(data);
        let referred = |row: usize| match filter.table {
            Table::Customer => keys[row] % 3 != 0,
            Table::Date => row < ORDER_DAYS,
            _ => true,
        };
        let rows: Vec<usize> = (0..keys.len()).filter(|&row| referred(row)).collect();
        let count = rows.iter().filter(|&&row| passes[row]).count() as f64;
        let expected = rows.len() as f64 * filter.expected;
        let deviation = match filter.table {
            Table::Date => 0.0,
            _ => (expected * (1.0 - filter.expected)).sqrt(),
        };
        let off = (count - expected).abs();
        assert!(off <= DEVIATIONS * deviation + 1e-6, "{reference}: {count}, not {expected}");
        let last = keys.last().expect("a dimension has rows") - offset;
        let mut selected = vec![false; last as usize + 1];
        for (key, passes) in keys.iter().zip(passes) {
            selected[(key - offset) as usize] = passes;
        }
        Self { reference, selected, share: count / rows.len() as f64 }
    }

    fn offset(&self) -> i32 {
        if self.reference == "lo_orderdate" { FIRST_DAY } else { 0 }
    }
}

/// Lines in all, and how many of them each query selects.
fn count_lines(generator: &Generator, plans: &[(Query, Vec<Selection>)]) -> (usize, Vec<usize>) {
    let (mut rows, mut counts) = (0, vec![0; plans.len()]);
    for batch in generator.parallel_batches(Table::Lineorder, 65_536, 2) {
        let lines = TableData::new(batch);
        let discounts = lines.integers("lo_discount");
        let quantities = lines.integers("lo_quantity");
        for ((query, selections), count) in plans.iter().zip(&mut counts) {
            let mut selected: Vec<bool> = discounts
                .iter()
                .zip(&quantities)
                .map(|(d, q)| query.discount.contains(d) && query.quantity.contains(q))
                .collect();
            for selection in selections {
                let keys = lines.integers(selection.reference);
                let offset = selection.offset();
                for (line, key) in selected.iter_mut().zip(keys) {
                    *line &= selection.selected[(key - offset) as usize];
                }
            }
            *count += selected.into_iter().filter(|&line| line).count();
        }
        rows += lines.rows();
    }
    (rows, counts)
}

#[test]
fn every_query_selects_the_published_share_of_the_lines() {
    let generator = generator("1");
    let dimensions: HashMap<Table, TableData> =
        [Table::Customer, Table::Supplier, Table::Part, Table::Date]
            .map(|of| (of, table(&generator, of)))
            .into();
    let mut plans = Vec::new();
    for query in first_flight().into_iter().chain(other_flights()) {
        let fractions = query.filters.iter().map(|filter| filter.published);
        let published = fractions.product::<f64>() * query.line_fraction();
        let ratio = published / query.published;
        assert!((ratio - 1.0).abs() < 0.05, "{}: {published}, a factor {ratio}", query.name);
        let selections = query.filters.iter();
        let selections: Vec<Selection> =
            selections.map(|filter| Selection::new(filter, &dimensions[&filter.table])).collect();
        plans.push((query, selections));
    }
    let (rows, counts) = count_lines(&generator, &plans);
    for ((query, selections), count) in plans.iter().zip(counts) {
        let share = selections.iter().map(|selection| selection.share).product::<f64>();
        let expected = rows as f64 * share * query.line_fraction();
        let deviation = (CLUSTERING * expected).sqrt();
        let off = (count as f64 - expected).abs();
        assert!(off <= DEVIATIONS * deviation, "{}: {count} lines, not {expected}", query.name);
    }
    assert_eq!(plans.len(), 13);
}
