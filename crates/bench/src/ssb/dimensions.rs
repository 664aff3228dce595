//! The rows of the four dimensions.
//!
//! The hierarchies are functions: a city determines its nation and region, a brand its category
//! and manufacturer, a day its month and year.

use super::calendar::{self, Day, MONTHS, WEEKDAYS};
use super::generator::Generator;
use super::random::Random;
use super::table::Table;
use super::words::{self, BRANDS_A_CATEGORY, CATEGORIES_A_MFGR, CITIES_A_NATION, COLORS, MFGRS};
use super::words::{NATIONS, REGIONS};
use arrow::array::{Array, ArrayRef, Int32Array, StringViewArray, StringViewBuilder};
use arrow::record_batch::RecordBatch;
use std::fmt::Write;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

/// The customers with indices `rows`, the first of all being 0 with key 1.
pub fn customers(generator: &Generator, rows: Range<u64>) -> RecordBatch {
    static SEGMENTS: LazyLock<StringViewArray> = LazyLock::new(|| words::list(words::SEGMENTS));
    let mut people = People::with_capacity(&rows);
    let mut segments = Vec::new();
    for row in rows {
        let mut random = generator.random(Table::Customer, row);
        people.push("Customer", row, &mut random);
        segments.push(random.index(SEGMENTS.len()) as i32);
    }
    let mut columns = people.finish();
    columns.push(words::column(&SEGMENTS, segments));
    batch(Table::Customer, columns)
}

/// The suppliers with indices `rows`, the first of all being 0 with key 1.
pub fn suppliers(generator: &Generator, rows: Range<u64>) -> RecordBatch {
    let mut people = People::with_capacity(&rows);
    for row in rows {
        people.push("Supplier", row, &mut generator.random(Table::Supplier, row));
    }
    batch(Table::Supplier, people.finish())
}

/// The columns that customers and suppliers have in common: key, name, address, city, nation,
/// region, phone.
struct People {
    keys: Vec<i32>,
    names: StringViewBuilder,
    addresses: StringViewBuilder,
    cities: Vec<i32>,
    phones: StringViewBuilder,
    text: String,
}

impl People {
    fn with_capacity(rows: &Range<u64>) -> Self {
        let capacity = (rows.end - rows.start) as usize;
        Self {
            keys: Vec::with_capacity(capacity),
            names: StringViewBuilder::with_capacity(capacity),
            addresses: StringViewBuilder::with_capacity(capacity),
            cities: Vec::with_capacity(capacity),
            phones: StringViewBuilder::with_capacity(capacity),
            text: String::new(),
        }
    }

    fn push(&mut self, role: &str, row: u64, random: &mut Random) {
        let key = row + 1;
        self.keys.push(key as i32);
        self.names.append_value(format!("{role}#{key:09}"));
        words::address(random, &mut self.text);
        self.addresses.append_value(&self.text);
        let nation = random.index(NATIONS.len());
        let city = random.index(CITIES_A_NATION);
        self.cities.push((nation * CITIES_A_NATION + city) as i32);
        self.phones.append_value(words::phone(random, nation));
    }

    fn finish(mut self) -> Vec<ArrayRef> {
        static CITY_NAMES: LazyLock<StringViewArray> = LazyLock::new(|| {
            let cities = 0..NATIONS.len() * CITIES_A_NATION;
            words::list(
                cities.map(|city| words::city(city / CITIES_A_NATION, city % CITIES_A_NATION)),
            )
        });
        static NATION_NAMES: LazyLock<StringViewArray> =
            LazyLock::new(|| words::list(NATIONS.map(|(name, _)| name)));
        static REGION_NAMES: LazyLock<StringViewArray> = LazyLock::new(|| words::list(REGIONS));
        let nations = each(&self.cities, |city| city / CITIES_A_NATION as i32);
        let regions = each(&nations, |nation| NATIONS[nation as usize].1 as i32);
        vec![
            Arc::new(Int32Array::from(self.keys)),
            Arc::new(self.names.finish()),
            Arc::new(self.addresses.finish()),
            words::column(&CITY_NAMES, self.cities),
            words::column(&NATION_NAMES, nations),
            words::column(&REGION_NAMES, regions),
            Arc::new(self.phones.finish()),
        ]
    }
}

/// The parts with indices `rows`, the first of all being 0 with key 1.
pub fn parts(generator: &Generator, rows: Range<u64>) -> RecordBatch {
    const BRANDS: usize = MFGRS * CATEGORIES_A_MFGR * BRANDS_A_CATEGORY;
    let lists = &*PART_WORDS;
    let capacity = (rows.end - rows.start) as usize;
    let mut keys = Vec::with_capacity(capacity);
    let mut names = StringViewBuilder::with_capacity(capacity);
    let mut brands = Vec::with_capacity(capacity);
    let mut colors = Vec::with_capacity(capacity);
    let mut types = Vec::with_capacity(capacity);
    let mut sizes = Vec::with_capacity(capacity);
    let mut containers = Vec::with_capacity(capacity);
    let mut text = String::new();
    for row in rows {
        let mut random = generator.random(Table::Part, row);
        keys.push(row as i32 + 1);
        let [color, first, second] = distinct_colors(&mut random);
        text.clear();
        write!(text, "{} {}", COLORS[first], COLORS[second]).expect("a string takes any text");
        names.append_value(&text);
        colors.push(color as i32);
        brands.push(random.index(BRANDS) as i32);
        types.push(random.index(lists.types.len()) as i32);
        sizes.push(random.between(1, 50));
        containers.push(random.index(lists.containers.len()) as i32);
    }
    let categories = each(&brands, |brand| brand / BRANDS_A_CATEGORY as i32);
    let mfgrs = each(&categories, |category| category / CATEGORIES_A_MFGR as i32);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from(keys)),
        Arc::new(names.finish()),
        words::column(&lists.mfgrs, mfgrs),
        words::column(&lists.categories, categories),
        words::column(&lists.brands, brands),
        words::column(&lists.colors, colors),
        words::column(&lists.types, types),
        Arc::new(Int32Array::from(sizes)),
        words::column(&lists.containers, containers),
    ];
    batch(Table::Part, columns)
}

/// Three different colours: the part's own and the two words of its name.
fn distinct_colors(random: &mut Random) -> [usize; 3] {
    let first = random.index(COLORS.len());
    let second = (first + 1 + random.index(COLORS.len() - 1)) % COLORS.len();
    let (low, high) = (first.min(second), first.max(second));
    let mut third = random.index(COLORS.len() - 2);
    third += usize::from(third >= low);
    third += usize::from(third >= high);
    [first, second, third]
}

/// The word lists of the `part` table.
struct PartWords {
    mfgrs: StringViewArray,
    categories: StringViewArray,
    brands: StringViewArray,
    colors: StringViewArray,
    types: StringViewArray,
    containers: StringViewArray,
}

static PART_WORDS: LazyLock<PartWords> = LazyLock::new(|| {
    let mfgrs: Vec<String> = (1..=MFGRS).map(|mfgr| format!("MFGR#{mfgr}")).collect();
    let categories: Vec<String> = mfgrs
        .iter()
        .flat_map(|mfgr| (1..=CATEGORIES_A_MFGR).map(move |category| format!("{mfgr}{category}")))
        .collect();
    let brands = categories.iter().flat_map(|category| {
        (1..=BRANDS_A_CATEGORY).map(move |brand| format!("{category}{brand:02}"))
    });
    let types = words::TYPE_SIZES.iter().flat_map(|size| {
        words::TYPE_FINISHES.iter().flat_map(move |finish| {
            words::TYPE_METALS.iter().map(move |metal| format!("{size} {finish} {metal}"))
        })
    });
    let containers = words::CONTAINER_SIZES
        .iter()
        .flat_map(|size| words::CONTAINER_KINDS.iter().map(move |kind| format!("{size} {kind}")));
    PartWords {
        brands: words::list(brands),
        types: words::list(types),
        containers: words::list(containers),
        mfgrs: words::list(&mfgrs),
        categories: words::list(&categories),
        colors: words::list(COLORS),
    }
});

/// The days with indices `rows`, the first of all being 0, which is 1992-01-01.
pub fn dates(rows: Range<u64>) -> RecordBatch {
    let days = &calendar::days()[rows.start as usize..rows.end as usize];
    let integer = |value: fn(&Day) -> i32| -> ArrayRef {
        Arc::new(days.iter().map(value).collect::<Int32Array>())
    };
    let text = |value: fn(&Day) -> String| -> ArrayRef {
        Arc::new(StringViewArray::from_iter_values(days.iter().map(value)))
    };
    let columns = vec![
        integer(Day::key),
        text(|day| format!("{} {}, {}", month(day), day.day, day.year)),
        text(|day| WEEKDAYS[day.weekday as usize].into()),
        text(|day| month(day).into()),
        integer(|day| day.year),
        integer(|day| day.year * 100 + day.month),
        text(|day| format!("{:.3}{}", month(day), day.year)),
        integer(|day| day.weekday + 1),
        integer(|day| day.day),
        integer(|day| day.day_of_year),
        integer(|day| day.month),
        integer(Day::week_of_year),
        text(|day| day.season().into()),
        integer(|day| i32::from(day.weekday == 6)),
        integer(|day| i32::from(day.ends_month())),
        integer(|day| i32::from(day.is_holiday())),
        integer(|day| i32::from((1..=5).contains(&day.weekday))),
    ];
    batch(Table::Date, columns)
}

fn month(day: &Day) -> &'static str {
    MONTHS[day.month as usize - 1]
}

/// Every value put through `map`.
fn each(values: &[i32], map: impl Fn(i32) -> i32) -> Vec<i32> {
    values.iter().map(|&value| map(value)).collect()
}

/// A batch of `table`.
///
/// # Panics
/// If the columns do not fit the table's schema, which would be a mistake of the generator.
pub fn batch(table: Table, columns: Vec<ArrayRef>) -> RecordBatch {
    RecordBatch::try_new(table.schema(), columns).expect("the columns fit the table's schema")
}
