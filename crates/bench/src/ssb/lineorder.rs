//! The rows of the fact: orders and their lines.
//!
//! An order is the unit of generation: its lines share customer, date, priority and total, so one
//! sequence of random numbers makes the whole order. Its first draw is the number of lines, which
//! is therefore known without making the rest.

use super::calendar::{self, Day, ORDER_DAYS};
use super::dimensions::batch;
use super::generator::Generator;
use super::random::Random;
use super::table::Table;
use super::{sizes, words};
use arrow::array::{ArrayRef, Int32Array, StringViewArray};
use arrow::record_batch::RecordBatch;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

/// Lines of the longest order.
pub const LINES_MAX: u64 = 7;

/// The lines of order number `order`, 1 to 7; the first order is number 0.
pub fn line_count(generator: &Generator, order: u64) -> u64 {
    draw_line_count(&mut generator.random(Table::Lineorder, order))
}

fn draw_line_count(random: &mut Random) -> u64 {
    1 + random.below(LINES_MAX)
}

/// The key of order number `order`: only the first 8 of every 32 keys are used, as in TPC-H, and
/// key 0 is not.
pub fn order_key(order: u64) -> u64 {
    let number = order + 1;
    ((number >> 3) << 5) | (number & 7)
}

/// The price of a part in cents, TPC-H's retail price.
pub fn part_price(part_key: u64) -> i64 {
    let key = part_key as i64;
    90_000 + (key / 10) % 20_001 + 100 * (key % 1_000)
}

/// Customers that have orders, of `customers`: all whose key is not divisible by 3, as in TPC-H.
fn buying_customers(customers: u64) -> u64 {
    customers - customers / 3
}

/// The key of the buying customer with index `index`: 1, 2, 4, 5, 7, ….
fn buying_customer_key(index: u64) -> u64 {
    index / 2 * 3 + index % 2 + 1
}

/// The lines of the orders with numbers `orders`, in order of (order key, line number).
pub fn lines(generator: &Generator, orders: Range<u64>) -> RecordBatch {
    let mut lines = Lines::with_capacity(orders.end - orders.start);
    let scale = generator.scale();
    let sizes = Sizes {
        customers: buying_customers(sizes::customers(scale)),
        parts: sizes::parts(scale),
        suppliers: sizes::suppliers(scale),
        days: calendar::days(),
    };
    for order in orders {
        lines.push_order(order, generator.random(Table::Lineorder, order), &sizes);
    }
    lines.finish()
}

/// What the foreign keys range over.
struct Sizes {
    customers: u64,
    parts: u64,
    suppliers: u64,
    days: &'static [Day],
}

/// The columns of `lineorder` under construction.
#[derive(Default)]
struct Lines {
    order_keys: Vec<i32>,
    line_numbers: Vec<i32>,
    customer_keys: Vec<i32>,
    part_keys: Vec<i32>,
    supplier_keys: Vec<i32>,
    order_dates: Vec<i32>,
    priorities: Vec<i32>,
    quantities: Vec<i32>,
    extended_prices: Vec<i32>,
    order_totals: Vec<i32>,
    discounts: Vec<i32>,
    revenues: Vec<i32>,
    supply_costs: Vec<i32>,
    taxes: Vec<i32>,
    commit_dates: Vec<i32>,
    ship_modes: Vec<i32>,
}

impl Lines {
    fn with_capacity(orders: u64) -> Self {
        let mut lines = Self::default();
        let capacity = (orders * LINES_MAX.div_ceil(2)) as usize;
        for column in lines.columns_mut() {
            column.reserve(capacity);
        }
        lines
    }

    fn columns_mut(&mut self) -> [&mut Vec<i32>; 16] {
        [
            &mut self.order_keys,
            &mut self.line_numbers,
            &mut self.customer_keys,
            &mut self.part_keys,
            &mut self.supplier_keys,
            &mut self.order_dates,
            &mut self.priorities,
            &mut self.quantities,
            &mut self.extended_prices,
            &mut self.order_totals,
            &mut self.discounts,
            &mut self.revenues,
            &mut self.supply_costs,
            &mut self.taxes,
            &mut self.commit_dates,
            &mut self.ship_modes,
        ]
    }

    fn push_order(&mut self, order: u64, mut random: Random, sizes: &Sizes) {
        let count = draw_line_count(&mut random) as usize;
        let customer = buying_customer_key(random.below(sizes.customers));
        let day = random.index(ORDER_DAYS);
        let priority = random.index(words::PRIORITIES.len());
        let total: i64 =
            (1..=count).map(|number| self.push_line(number as i32, day, &mut random, sizes)).sum();
        for (column, value) in [
            (&mut self.order_keys, order_key(order) as i32),
            (&mut self.customer_keys, customer as i32),
            (&mut self.order_dates, sizes.days[day].key()),
            (&mut self.priorities, priority as i32),
            (&mut self.order_totals, total as i32),
        ] {
            column.extend(std::iter::repeat_n(value, count));
        }
    }

    /// Adds what lines of one order do not share, and returns the line's part of the order total:
    /// its discounted price with tax, in cents.
    fn push_line(&mut self, number: i32, day: usize, random: &mut Random, sizes: &Sizes) -> i64 {
        let part = 1 + random.below(sizes.parts);
        let supplier = 1 + random.below(sizes.suppliers);
        let quantity = random.between(1, 50);
        let discount = random.between(0, 10);
        let tax = random.between(0, 8);
        let commit_day = day + random.between(30, 90) as usize;
        let price = part_price(part);
        let extended_price = i64::from(quantity) * price;
        let revenue = extended_price * i64::from(100 - discount) / 100;
        self.line_numbers.push(number);
        self.part_keys.push(part as i32);
        self.supplier_keys.push(supplier as i32);
        self.quantities.push(quantity);
        self.extended_prices.push(extended_price as i32);
        self.discounts.push(discount);
        self.revenues.push(revenue as i32);
        self.supply_costs.push((6 * price / 10) as i32);
        self.taxes.push(tax);
        self.commit_dates.push(sizes.days[commit_day].key());
        self.ship_modes.push(random.index(words::SHIP_MODES.len()) as i32);
        revenue * i64::from(100 + tax) / 100
    }

    fn finish(self) -> RecordBatch {
        static PRIORITIES: LazyLock<StringViewArray> =
            LazyLock::new(|| words::list(words::PRIORITIES));
        static SHIP_MODES: LazyLock<StringViewArray> =
            LazyLock::new(|| words::list(words::SHIP_MODES));
        let rows = self.order_keys.len();
        let integers = |values: Vec<i32>| -> ArrayRef { Arc::new(Int32Array::from(values)) };
        let ship_priorities = StringViewArray::from_iter_values(std::iter::repeat_n("0", rows));
        let columns = vec![
            integers(self.order_keys),
            integers(self.line_numbers),
            integers(self.customer_keys),
            integers(self.part_keys),
            integers(self.supplier_keys),
            integers(self.order_dates),
            words::column(&PRIORITIES, self.priorities),
            Arc::new(ship_priorities),
            integers(self.quantities),
            integers(self.extended_prices),
            integers(self.order_totals),
            integers(self.discounts),
            integers(self.revenues),
            integers(self.supply_costs),
            integers(self.taxes),
            integers(self.commit_dates),
            words::column(&SHIP_MODES, self.ship_modes),
        ];
        batch(Table::Lineorder, columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scale::ScaleFactor;

    #[test]
    fn order_keys_use_8_of_every_32() {
        let keys: Vec<u64> = (0..16).map(order_key).collect();
        assert_eq!(keys, [1, 2, 3, 4, 5, 6, 7, 32, 33, 34, 35, 36, 37, 38, 39, 64]);
    }

    #[test]
    fn the_last_order_key_of_the_largest_scale_fits_its_column() {
        let largest = ScaleFactor::new(f64::from(ScaleFactor::MAX)).expect("the largest scale");
        assert!(order_key(sizes::orders(largest) - 1) <= i32::MAX as u64);
        let larger = u64::from(ScaleFactor::MAX + 1) * 1_500_000;
        assert!(order_key(larger - 1) > i32::MAX as u64, "the bound could be higher");
    }

    #[test]
    fn a_third_of_the_customers_buy_nothing() {
        for customers in 1..=20 {
            let keys: Vec<u64> =
                (0..buying_customers(customers)).map(buying_customer_key).collect();
            let expected: Vec<u64> = (1..=customers).filter(|key| key % 3 != 0).collect();
            assert_eq!(keys, expected);
        }
    }

    #[test]
    fn part_prices_are_those_of_tpch() {
        assert_eq!(part_price(1), 90_100);
        assert_eq!(part_price(999), 190_000 - 100 + 99);
        assert_eq!(part_price(200_000), 90_000 + 20_000);
    }
}
